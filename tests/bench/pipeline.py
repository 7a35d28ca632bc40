#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""file -> agent -> mTLS -> collector -> durable queue -> detect with all of rules/.

Prints events a second, CPU-seconds a million events of each daemon, and each daemon's memory. Then
reads the queue with the judge of the fault tests: every line must be there exactly once, and detect
must have seen each event of the queue, else there are no figures.
"""
import argparse
import datetime
import socket
import sys
import time

from bench import cpu_seconds, machine, need_build
from counted import append, judged, metric, prepare
from lib import free_port, memory_mib, region, wait_for

PROGRAMS = (
    "sshd[{pid}]: Accepted publickey for deploy from 10.20.{a}.{b} port {port} ssh2: ED25519 SHA256:x{n}",
    "CRON[{pid}]: (root) CMD (/usr/lib/app/job --run {n})",
    "sudo: ylläpito : TTY=pts/0 ; PWD=/home/yllapito ; USER=root ; COMMAND=/usr/bin/apt update {n}",
    "kernel: [UFW BLOCK] IN=eth0 OUT= MAC=00 SRC=198.51.100.{b} DST=192.0.2.1 LEN=40 TTL=240 ID={n} "
    "PROTO=TCP SPT={port} DPT=23 WINDOW=1024 SYN",
    "app[{pid}]: request {n} served in {a} ms",
)


def lines(count):
    """Auth, cron, sudo, firewall and application lines as Debian writes them."""
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=count // 1000)
    for n in range(count):
        at = start + datetime.timedelta(milliseconds=n)
        text = PROGRAMS[n % len(PROGRAMS)].format(pid=1000 + n % 9000, a=n % 250, b=n // 250 % 250,
                                                  port=1024 + n % 60000, n=n)
        yield f"{at.isoformat(timespec='microseconds')} palvelin1 {text}\n"


def seen(reg):
    return metric(reg.metrics(), "vartio_detect_events_total")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="under 50 s")
    parser.add_argument("--events", type=int)
    parser.add_argument("--level", type=int, help="the agent's spool.level, 1 to 9")
    args = parser.parse_args()
    count = args.events or (200_000 if args.quick else 2_000_000)
    with region(need_build()) as reg:
        log, staged = reg.folder / "bench.log", reg.folder / "staged"
        offsets, size = prepare(staged, lines(count))
        reg.start_collector()
        reg.tenant()
        log.touch()
        port = free_port(socket.SOCK_DGRAM)
        agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]},
                                  {"type": "syslog-udp", "listen": f"127.0.0.1:{port}"}],
                          **({"spool": {"level": args.level}} if args.level else {}))
        agent.start()
        wait_for("the connection", lambda: agent.status()["collector"]["connected"])
        wait_for("the agent's first status event", agent.shipped)
        time.sleep(3)
        idle, rest = memory_mib(agent.process.pid), memory_mib(reg.collector.pid)
        before = seen(reg)
        cpu = cpu_seconds(agent.process.pid), cpu_seconds(reg.collector.pid)
        start = time.monotonic()
        append(staged, log)
        wait_for("detect to have seen all", seconds=900, pause=0.1,
                 ready=lambda: seen(reg) - before >= count)
        wall = time.monotonic() - start
        cpu = (cpu_seconds(agent.process.pid) - cpu[0], cpu_seconds(reg.collector.pid) - cpu[1])
        wait_for("the last acknowledgement", agent.shipped)
        busy = memory_mib(agent.process.pid), memory_mib(reg.collector.pid)
        wire = agent.status()["collector"]["bytes"]
        agent.stop()
        metrics = reg.metrics()
        wait_for("detect to have seen what came last",
                 lambda: seen(reg) == metric(metrics, "vartio_queue_events_total"))
        reg.collector.stop()
        total = judged(reg, log, offsets)
        if total != metric(metrics, "vartio_queue_events_total"):
            sys.exit("the queue holds other events than it counted: no figures")
        print(f"{machine()}; {count} events, each once in the queue and seen by detect; "
              f"{size} bytes of lines, {wire} on the wire")
        print(f"agent     {cpu[0] / count * 1e6:6.2f} CPU-s/M  idle {idle[0]:.1f} MiB resident, "
              f"{idle[1]:.1f} private; peak {busy[0][2]:.1f}")
        print(f"collector {cpu[1] / count * 1e6:6.2f} CPU-s/M  idle {rest[0]:.1f} MiB resident, "
              f"{rest[1]:.1f} private; peak {busy[1][2]:.1f}")
        print(f"pipeline: events_per_s={count / wall:.0f} agent_cpu_us_per_event={cpu[0] / count * 1e6:.3f} "
              f"collector_cpu_us_per_event={cpu[1] / count * 1e6:.3f} agent_idle_rss_mib={idle[0]:.2f} "
              f"agent_idle_private_mib={idle[1]:.2f} agent_rss_mib={busy[0][2]:.2f} "
              f"collector_idle_rss_mib={rest[0]:.2f} collector_rss_mib={busy[1][2]:.2f} "
              f"wire_bytes_per_event={wire / count:.1f}")


main()

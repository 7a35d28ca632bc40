#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# sanitize: false (a sanitizer's shadow memory is no measure of ours)
"""How much memory an agent takes: idle, and after work. Bounds, no times."""
import datetime
import socket
import time

from lib import check, free_port, main, memory_mib, region, wait_for

IDLE_MIB, IDLE_PRIVATE_MIB, PEAK_MIB = 9, 3, 16
LINES = 100_000


def started(reg):
    """An agent with one file and one syslog input, connected, with nothing left to send."""
    log = reg.folder / "auth.log"
    log.touch()
    port = free_port(socket.SOCK_DGRAM)
    agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]},
                              {"type": "syslog-udp", "listen": f"127.0.0.1:{port}"}], status_every="1s")
    agent.start()
    wait_for("the first status event to be acknowledged",
             lambda: agent.shipped() and agent.status()["collector"]["blocks"] > 0)
    return agent, log, port


def say(what, memory):
    print(f"# {what}: {memory[0]:.2f} MiB resident, {memory[1]:.2f} private, peak {memory[2]:.2f}")


def check_idle(what, agent):
    time.sleep(2)
    resident, private, _peak = memory = memory_mib(agent.process.pid)
    say(what, memory)
    check(agent.shipped(), "the agent is not connected")
    check(resident < IDLE_MIB, f"{what}: {resident:.2f} MiB resident, the bound is {IDLE_MIB}")
    check(private < IDLE_PRIVATE_MIB,
          f"{what}: {private:.2f} MiB private, the bound is {IDLE_PRIVATE_MIB}")


def idle(build):
    """an idle agent with its TLS connection open stays small"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        check_idle("idle", started(reg)[0])


def after_work(build):
    """under load an agent stays bounded, and afterwards it gives the memory back"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        agent, log, port = started(reg)
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        with open(log, "a", encoding="utf-8") as out, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            for n in range(LINES):
                line = f"sshd[{n % 30000}]: Failed password for root from 192.0.2.7 port {n % 60000} ssh2"
                out.write(f"{now} palvelin1 {line}\n")
                if n % 10 == 0:
                    udp.sendto(f"<38>{now} kytkin1 {line}".encode(), ("127.0.0.1", port))
        wait_for("the lines to be taken",
                 lambda: agent.status()["inputs"][0]["events"] == LINES)
        wait_for("everything to be acknowledged", agent.shipped)
        say("at work", memory_mib(agent.process.pid))
        peak = memory_mib(agent.process.pid)[2]
        check(peak < PEAK_MIB, f"peak {peak:.2f} MiB resident, the bound is {PEAK_MIB}")
        check_idle("idle again", agent)


main(idle, after_work)

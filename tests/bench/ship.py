#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""What shipping costs, hop by hop, in CPU-seconds a million events; wall time stands beside.

  auth     a file of auth lines -> agent -> mTLS -> collector, until all is acknowledged
  windows  the same with 1 KB Windows events as JSON
  receive  an agent's blocks, made before, over several mTLS connections into the collector: the
           threads that receive and store them ("listen", "queue")

Each part reads the collector's queue afterwards: what went in must be there, once, else there are no
figures.
"""
import argparse
import datetime
import pathlib
import statistics
import subprocess
import tempfile
import time

from bench import BUILD, Meter, machine, need_build
from counted import append, blocks_of_file, blocks_of_queue, judged, metric, prepare
from lib import memory_mib, region, wait_for
import logs

SENDERS = 4  # connections of `receive`
NOTHING = [{"type": "file", "paths": ["/nonexistent"]}]  # what an agent that only enrols is told to read


def median(values):
    return statistics.median(values)


def acknowledged_at(agent):
    text = agent.status()["collector"]["last_ack"]
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Tailing:
    """An agent that follows a file: what it costs to have `count` lines of it acknowledged."""

    def __init__(self, name, work, lines, count, runs):
        self.name, self.count, self.cpu, self.rates = name, count, [], []
        with region(need_build()) as reg:
            log, staged = reg.folder / "followed.log", reg.folder / "staged"
            offsets, size = prepare(staged, lines)
            reg.start_collector()
            reg.tenant()
            log.touch()
            agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]}])
            agent.start()
            wait_for("the agent's first status event", agent.shipped)
            time.sleep(2)
            self.idle = memory_mib(agent.process.pid)
            for _ in range(runs):
                self.once(agent, staged, log)
            self.peak = memory_mib(agent.process.pid)[2]
            self.wire = agent.status()["collector"]["bytes"] / count / runs
            self.line = size / count
            agent.stop()
            reg.collector.stop()
            whole = {at + run * size for run in range(runs) for at in offsets}
            judged(reg, log, whole)
            self.blocks = work / f"{name}.blocks"
            with open(self.blocks, "wb") as keep:
                queue = blocks_of_queue(reg, keep)
            self.json = queue.bytes / queue.events

    def once(self, agent, staged, log):
        wanted = agent.status()["collector"]["events"] + self.count
        meter, start = Meter(agent.process.pid), time.time()
        append(staged, log)
        wait_for("all to be acknowledged", seconds=300, pause=0.2,
                 ready=lambda: agent.status()["collector"]["events"] >= wanted)
        self.cpu.append(meter.total() / self.count * 1e6)
        self.rates.append(self.count / (acknowledged_at(agent) - start))

    def row(self):
        print(f"{self.name:9} agent {median(self.cpu):6.2f} CPU-s/M ({min(self.cpu):.2f} to {max(self.cpu):.2f}), "
              f"{median(self.rates):8.0f} lines/s; {self.line:.0f} bytes a line, {self.json:.0f} of JSON, "
              f"{self.wire:.1f} on the wire", flush=True)


class Receiving:
    """A collector that is sent a file of blocks over several connections."""

    def __init__(self, name, blocks, rounds, runs):
        self.name, self.receive, self.whole, self.rates, self.threads = name, [], [], [], {}
        sent = blocks_of_file(blocks)
        for _ in range(runs):
            with region(need_build()) as reg:
                self.once(reg, blocks, rounds, sent)

    def once(self, reg, blocks, rounds, sent):
        reg.start_collector()
        reg.tenant()
        names = [reg.agent(f"palvelin{n}", NOTHING).state for n in range(SENDERS)]
        before = metric(reg.metrics(), "vartio_detect_events_total")
        volley = Volley("own", blocks, rounds, reg.port, names)
        meter, start = Meter(reg.collector.pid), time.monotonic()
        volley.go()
        wall = time.monotonic() - start
        threads = meter.threads()
        wait_for("detect to have seen all", seconds=300, ready=lambda: metric(
            reg.metrics(), "vartio_detect_events_total") - before >= volley.events)
        whole = meter.total()
        reg.collector.stop()
        queue = blocks_of_queue(reg)
        if (queue.events, queue.sum) != (sent.events * rounds, sent.sum * rounds):
            raise SystemExit("the queue holds other events than were sent: no figures")
        scale = 1e6 / volley.events
        self.receive.append(sum(threads.get(n, 0.0) for n in ("listen", "queue")) * scale)
        self.whole.append(whole * scale)
        self.rates.append(volley.events / wall)
        self.threads = {n: s * scale for n, s in threads.items()}
        self.events, self.bytes = volley.events, volley.bytes

    def row(self):
        shares = ", ".join(f"{n} {s:.2f}" for n, s in sorted(self.threads.items(), key=lambda x: -x[1])
                           if s >= 0.005)
        print(f"{self.name:9} receive and store {median(self.receive):6.2f} CPU-s/M, {median(self.rates):8.0f} "
              f"events/s acknowledged; whole collector with detect {median(self.whole):.2f}; "
              f"until the last acknowledgement: {shares}", flush=True)


class Volley:
    """tests/peers/volley, ready to send."""

    def __init__(self, kind, file, rounds, port, identities):
        pairs = [str(state / name) for state in identities for name in ("agent.crt", "agent.key")]
        self.child = subprocess.Popen(  # pylint: disable=consider-using-with
            [BUILD / "tests/peers/volley", kind, file, str(rounds), f"127.0.0.1:{port}",
             identities[0] / "ca.crt", *pairs], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        words = self.child.stdout.readline().split()
        if len(words) != 4:
            raise SystemExit("the sender did not get ready: no figures")
        self.events, self.windows, self.bytes = (int(w) for w in words[1:])

    def go(self):
        out, _ = self.child.communicate("go\n", timeout=300)
        if self.child.returncode != 0 or out.split() != ["acknowledged", str(self.events)]:
            raise SystemExit("not all was acknowledged: no figures")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="under 50 s")
    args = parser.parse_args()
    lines, events, runs, rounds = (60_000, 20_000, 2, 2) if args.quick else (400_000, 150_000, 3, 3)
    print(f"{machine()}; medians of {runs} runs", flush=True)
    with tempfile.TemporaryDirectory(prefix="vartio-bench-") as folder:
        work = pathlib.Path(folder)
        auth = Tailing("auth", work, logs.auth_lines(lines), lines, runs)
        auth.row()
        windows = Tailing("windows", work, logs.windows_lines(events), events, runs)
        windows.row()
        receive = Receiving("receive", auth.blocks, rounds, runs)
        receive.row()
    print(f"agent: idle {auth.idle[0]:.2f} MiB resident, {auth.idle[1]:.2f} private; "
          f"peak {max(auth.peak, windows.peak):.2f}")
    print(f"ship: agent_cpu_us_per_event={median(auth.cpu):.3f} "
          f"winjson_cpu_us_per_event={median(windows.cpu):.3f} "
          f"collector_cpu_us_per_event={median(receive.receive):.3f} "
          f"lines_per_s={median(auth.rates):.0f} wire_bytes_per_event={auth.wire:.1f} "
          f"collector_events_per_s={median(receive.rates):.0f} "
          f"collector_whole_cpu_us_per_event={median(receive.whole):.3f} "
          f"agent_idle_rss_mib={auth.idle[0]:.2f} agent_idle_private_mib={auth.idle[1]:.2f} "
          f"agent_peak_rss_mib={max(auth.peak, windows.peak):.2f}")


main()

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""What shipping costs, hop by hop, in CPU-seconds a million events; wall time stands beside.

  auth      a file of auth lines -> agent -> mTLS -> collector, until all is acknowledged; then the
            same with the collector away, for the size of a backlog
  windows   the same with 1 KB Windows events as JSON
  receive   an agent's blocks, made before, over several mTLS connections into the collector: the
            threads that receive and store them ("listen", "queue")
  foreign   Filebeat's and Winlogbeat's windows of 2,048 events instead
  sigma     receiving, storing, reading and detecting ("detect") of an agent's blocks of recorded
            Windows events, with all of SigmaHQ's rules
  peers     rsyslog and syslog-ng on the file of `auth` (ship_peers.py says what they do)

Each part compares what came out with what went in, else there are no figures.
"""
import argparse
import datetime
import pathlib
import statistics
import subprocess
import tempfile
import time
import zlib

from bench import BUILD, Meter, machine, need_build
from counted import append, blocks_of_file, blocks_of_queue, judged, metric, prepare
from lib import Skip, memory_mib, region, wait_for
import logs
from ship_peers import Peer

PARTS = ("auth", "windows", "receive", "foreign", "sigma", "peers")
SENDERS = 4  # connections into the collector
# What an agent that only enrols is told to read.
NOTHING = [{"type": "file", "paths": ["/nonexistent"]}]
RECEIVE, DETECT = ("listen", "queue"), ("listen", "queue", "detect")


def median(values):
    return statistics.median(values)


def span(values):
    return f"{median(values):6.2f} CPU-s/M ({min(values):.2f} to {max(values):.2f})"


class Tailing:
    """An agent that follows a file: what it costs to have `count` lines of it acknowledged."""

    def __init__(self, name, work, lines, runs, backlog=False):
        self.name, self.count, self.cpu, self.rates, self.disk = name, len(lines), [], [], 0.0
        with region(need_build()) as reg:
            log, staged = reg.folder / "followed.log", reg.folder / "staged"
            offsets, size = prepare(staged, lines)
            reg.start_collector()
            reg.tenant()
            log.touch()
            agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]}])
            agent.start()
            wait_for("the agent's first status event", agent.shipped)
            time.sleep(1)
            self.idle = memory_mib(agent.process.pid)
            for _ in range(runs):
                self.once(agent, staged, log)
            self.wire = agent.status()["collector"]["bytes"] / len(lines) / runs
            if backlog:
                self.away(reg, agent, staged, log)
            self.peak = memory_mib(agent.process.pid)[2]
            agent.stop()
            reg.collector.stop()
            judged(reg, log, {at + run * size for run in range(runs + backlog) for at in offsets})
            self.blocks = work / f"{name}.blocks"
            with open(self.blocks, "wb") as keep:
                queue = blocks_of_queue(reg, keep)
            self.line, self.json = size / len(lines), queue.bytes / queue.events

    def once(self, agent, staged, log):
        wanted = agent.status()["collector"]["events"] + self.count
        meter, start = Meter(agent.process.pid), time.time()
        append(staged, log)
        state = wait_for("all to be acknowledged", seconds=300, pause=0.2,
                         ready=lambda: reached(agent.status(), wanted))
        self.cpu.append(meter.total() / self.count * 1e6)
        last = datetime.datetime.fromisoformat(state["last_ack"].replace("Z", "+00:00"))
        self.rates.append(self.count / (last.timestamp() - start))

    def away(self, reg, agent, staged, log):
        """The collector is gone, all goes to disk; then it is back, and all is acknowledged."""
        reg.collector.stop()
        wait_for("the agent to miss its collector", lambda: not agent.status()["collector"]["connected"])
        append(staged, log)
        wait_for("all to be in the spool", seconds=300, pause=0.2,
                 ready=lambda: agent.status()["spool"]["events"] >= self.count)
        time.sleep(0.5)  # the last blocks are counted as events before they are on disk
        spool = agent.status()["spool"]
        self.disk = spool["bytes"] / spool["events"]
        reg.start_collector()
        wait_for("the backlog to be acknowledged", agent.shipped, seconds=300)

    def row(self):
        print(f"{self.name:12} agent {span(self.cpu)}, {median(self.rates):8.0f} lines/s; {self.line:.0f} bytes "
              f"a line, {self.json:.0f} of JSON, {self.wire:.1f} on the wire"
              + (f", {self.disk:.1f} on disk" if self.disk else ""), flush=True)


def reached(status, events):
    return status["collector"] if status["collector"]["events"] >= events else None


class Receiving:
    """A collector that is sent what was made before, over several connections."""

    def __init__(self, name, load, runs, names=RECEIVE, **settings):
        self.name, self.names, self.cpu, self.whole, self.rates, self.shares = name, names, [], [], [], {}
        with region(need_build()) as reg:
            reg.start_collector(**settings)
            reg.tenant()
            states = [reg.agent(f"palvelin{n}", NOTHING).state for n in range(SENDERS)]
            rounds = 0
            if names is DETECT:  # tables for each kind of event are made when the first one comes
                Volley(load, 1, reg.port, states).go()
                self.wait_detected(reg, load.events)
                wait_for("alerts to have all signals", seconds=300, ready=lambda: alerted(reg.metrics()))
                rounds = 1
            for _ in range(runs):
                rounds += load.rounds
                self.once(reg, load, states, rounds)
            reg.collector.stop()
            queue = blocks_of_queue(reg)
            if (queue.events, queue.sum) != (load.events * rounds, load.sum * rounds):
                raise SystemExit(f"{name}: the queue holds other events than were sent: no figures")

    def once(self, reg, load, states, rounds):
        volley = Volley(load, load.rounds, reg.port, states)
        meter, start = Meter(reg.collector.pid), time.monotonic()
        volley.go()
        self.rates.append(volley.events / (time.monotonic() - start))
        if self.names is RECEIVE:
            spent = meter.threads()
        self.wait_detected(reg, load.events * rounds)
        if self.names is DETECT:
            spent = meter.threads()
        wait_for("alerts to have all signals", seconds=300, ready=lambda: alerted(reg.metrics()))
        scale = 1e6 / volley.events
        self.shares = {n: s * scale for n, s in spent.items()}
        self.cpu.append(sum(self.shares.get(n, 0.0) for n in self.names))
        self.whole.append(meter.total() * scale)

    @staticmethod
    def wait_detected(reg, events):
        wait_for("detect to have seen all", seconds=300, ready=lambda: metric(
            reg.metrics(), "vartio_detect_events_total") >= events)

    def row(self):
        shares = ", ".join(f"{n} {s:.2f}" for n, s in sorted(self.shares.items(), key=lambda x: -x[1])
                           if s >= 0.005)
        print(f"{self.name:12} {'+'.join(self.names)} {span(self.cpu)}, {median(self.rates):8.0f} events/s acknowledged; "
              f"whole collector until all is in alerts {median(self.whole):.2f}; threads: {shares}", flush=True)


def alerted(text):
    """Is each match a durable signal, and has the alert thread dealt with each?"""
    matches = metric(text, "vartio_detect_matches_total")
    return metric(text, "vartio_detect_signals_total") >= matches <= metric(text, "vartio_correlate_signals_total") \
        and metric(text, "vartio_correlate_lag_bytes") == 0


class Load:
    """What tests/peers/volley sends: a file, how often, and what must be in the queue for each time."""

    def __init__(self, kind, path, rounds, events, checksum):
        self.kind, self.path, self.rounds, self.events, self.sum = kind, path, rounds, events, checksum


def blocks(path, rounds):
    found = blocks_of_file(path)
    return Load("own", path, rounds, found.events, found.sum)


def beats(work, name, lines, rounds):
    """The collector keeps what a Beat writes byte for byte, but for @metadata."""
    path, metadata = work / f"{name}.ndjson", f'"@metadata":{{"beat":"{name}","type":"_doc","version":"8.11.0"}},'
    total, n = 0, 0
    with open(path, "w", encoding="utf-8") as out:
        for n, line in enumerate(lines, 1):
            total += zlib.crc32(line.strip().encode())
            at = line.index('"', line.index('"@timestamp":') + len('"@timestamp":') + 1) + 2
            out.write(line[:at] + metadata + line[at:])
    return Load("foreign", path, rounds, n, total)


class Volley:
    """tests/peers/volley, ready to send."""

    def __init__(self, load, rounds, port, states):
        pairs = [str(state / name) for state in states for name in ("agent.crt", "agent.key")]
        self.child = subprocess.Popen(  # pylint: disable=consider-using-with
            [BUILD / "tests/peers/volley", load.kind, load.path, str(rounds), f"127.0.0.1:{port}",
             states[0] / "ca.crt", *pairs], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        words = self.child.stdout.readline().split()
        if len(words) != 4:
            raise SystemExit("the sender did not get ready: no figures")
        self.events = int(words[1])

    def go(self):
        out, _ = self.child.communicate("go\n", timeout=300)
        if self.child.returncode != 0 or out.split() != ["acknowledged", str(self.events)]:
            raise SystemExit("not all was acknowledged: no figures")


class Ship:
    """The parts that were asked for, and the last line."""

    def __init__(self, work, quick, parts):
        self.work, self.parts, self.figures = work, parts, {}
        self.runs = 1 if quick else 3
        # What a run begins and ends with is in its figures (the first blocks find cold memory, the last
        # one waits 200 ms for company): a quick one has as many events as 50 s allow.
        self.lines = list(logs.auth_lines(40_000 if quick else 400_000))
        self.windows = list(logs.windows_lines(7_000 if quick else 100_000))
        self.rounds, self.quick = (5 if quick else 1), quick

    def measure(self):
        auth = Tailing("auth", self.work, self.lines, self.runs, backlog=True)
        self.take(auth, agent_cpu_us_per_event=median(auth.cpu), lines_per_s=median(auth.rates),
                  wire_bytes_per_event=auth.wire, disk_bytes_per_event=auth.disk,
                  agent_idle_rss_mib=auth.idle[0], agent_idle_private_mib=auth.idle[1],
                  agent_peak_rss_mib=auth.peak)
        if "windows" in self.parts or "sigma" in self.parts:
            windows = Tailing("windows", self.work, self.windows, self.runs)
            self.take(windows, winjson_cpu_us_per_event=median(windows.cpu), winjson_per_s=median(windows.rates),
                      winjson_wire_bytes=windows.wire, agent_peak_rss_mib=max(auth.peak, windows.peak))
        if "receive" in self.parts:
            got = Receiving("receive", blocks(auth.blocks, self.rounds), self.runs)
            self.take(got, collector_cpu_us_per_event=median(got.cpu), collector_events_per_s=median(got.rates),
                      collector_whole_cpu_us_per_event=median(got.whole))
        if "foreign" in self.parts:
            self.foreign()
        if "sigma" in self.parts:
            self.sigma(windows)
        if "peers" in self.parts:
            self.peers(auth)

    def foreign(self):
        for name, key, lines in (("filebeat", "", logs.filebeat_lines(self.lines)),
                                 ("winlogbeat", "_winlogbeat", self.windows)):
            got = Receiving(name, beats(self.work, name, lines, self.rounds), self.runs)
            self.take(got, **{f"foreign{key}_cpu_us_per_event": median(got.cpu)})

    def sigma(self, windows):
        if logs.corpus() is None:
            print("sigma        left out: VARTIO_CORPUS is not set")
            return
        got = Receiving("sigma", blocks(windows.blocks, self.rounds), self.runs, DETECT,
                        rules={"paths": [str(logs.corpus() / "rules")]})
        self.take(got, sigma_cpu_us_per_event=median(got.cpu),
                  sigma_whole_cpu_us_per_event=median(got.whole))

    def peers(self, auth):
        for name in ("rsyslog", "syslogng") if self.quick else ("rsyslog", "rsyslog_disk", "syslogng"):
            try:
                peer = Peer(name, self.work, self.lines[:15_000 if self.quick else 200_000], self.runs)
            except Skip as why:
                print(f"{name:12} left out: {why}")
                continue
            self.take(peer, **{f"peer_{name}_cpu_us_per_event": median(peer.cpu),
                               f"ratio_{name}": median(auth.cpu) / median(peer.cpu)})

    def take(self, part, **figures):
        part.row()
        self.figures.update(figures)

    def last_line(self):
        return "ship: " + " ".join(f"{k}={v:.0f}" if k.endswith("_per_s") else f"{k}={v:.3f}"
                                   for k, v in self.figures.items())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="under 50 s on a quiet machine")
    parser.add_argument("--parts", default=",".join(PARTS), help="of these, beside auth: " + ",".join(PARTS))
    args = parser.parse_args()
    need_build("tests/peers/volley", "tests/peers/make_pki")
    with tempfile.TemporaryDirectory(prefix="vartio-bench-") as folder:
        ship = Ship(pathlib.Path(folder), args.quick, args.parts.split(","))
        print(f"{machine()};", "one run of each" if args.quick else f"medians of {ship.runs} runs", flush=True)
        ship.measure()
        print(f"agent idle, connected: {ship.figures['agent_idle_rss_mib']:.2f} MiB resident, "
              f"{ship.figures['agent_idle_private_mib']:.2f} private; peak {ship.figures['agent_peak_rss_mib']:.2f}")
        print(ship.last_line())


main()

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""`vartio-collector detect` with SigmaHQ's rules on recorded Windows events, given again and again.

Prints events a CPU-second, with reading and checking the JSON and writing the matches, loading and the
first pass taken off; what loading costs; the memory of the largest run; and how the cost of an event grows with the
rules. With rsigma at hand (on PATH, or in $RSIGMA) it runs beside, on the same events. Every run must
print the expected matches, as often as the events were given, else there are no figures.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from bench import BUILD, machine, need_build
import sigmahq

PROGRAM = BUILD / "collector/vartio-collector"
STATS = re.compile(r"^(\d+) events, \d+ bytes, (\d+) matches, \S+ seconds, (\S+) CPU seconds", re.M)
MATCH = re.compile(rb'^\{"line":(\d+)(?:,"file":"[^"]*")?,"rule":"([^"]+)"', re.M)
SMALL, SEED = 500, 20261127  # the rules of the smaller set, and how they are drawn
SECONDS = 900  # no run may take longer


class Run:
    """One run of a program to its end: CPU-seconds, peak resident memory, output."""

    def __init__(self, command):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL,
                                     stdout=out, stderr=err)
            self.peak_mib, end = 0.0, time.monotonic() + SECONDS
            while True:
                # ru_maxrss would count this program's own memory: a child begins as its copy.
                self.peak_mib = max(self.peak_mib, peak_mib(child.pid))
                pid, status, usage = os.wait4(child.pid, os.WNOHANG)
                if pid != 0:
                    break
                if time.monotonic() > end:
                    child.kill()
                time.sleep(0.02)
            child.returncode = os.waitstatus_to_exitcode(status)
            self.code, self.cpu = child.returncode, usage.ru_utime + usage.ru_stime
            out.seek(0)
            err.seek(0)
            self.out, self.err = out.read(), err.read().decode("utf-8", "replace")


def peak_mib(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    found = re.search(r"^VmHWM:\s*(\d+) kB", text, re.M)
    return int(found[1]) / 1024 if found else 0.0


# -- what is measured on --------------------------------------------------------------------------

class Events:
    """A file of events as Winlogbeat sends them, the pairs expected of them, and the peer's form."""

    def __init__(self, name, folder, events, corpus):
        self.name, self.ids = name, [str(e["id"]) for e in events]
        file = name.replace(" ", "-")
        self.path, self.peer = folder / f"{file}.ndjson", folder / f"{file}-peer.ndjson"
        write(self.path, (sigmahq.winlog(e) for e in events))
        write(self.peer, (flat(e, corpus.sources) for e in events))
        known = set(self.ids)
        self.expected = {pair for pair in corpus.expected if pair[0] in known}


class Corpus:
    def __init__(self, base):
        self.base, self.rules = base, base / "rules"
        self.compared, self.expected = sigmahq.compared(base), sigmahq.expected(base)
        self.sources = json.loads((base / "logsource_map.json").read_text(encoding="utf-8"))


def write(path, events):
    with open(path, "w", encoding="utf-8") as out:
        for event in events:
            out.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n")


def is_process_creation(event):
    system = event["System"]
    return (system.get("Channel"), str(system["EventID"])) in \
        {("Microsoft-Windows-Sysmon/Operational", "1"), ("Security", "4688")}


def copy_rules(paths, folder):
    """Rules in a folder of their own, as the peer takes no more than one."""
    folder.mkdir()
    for n, path in enumerate(paths):
        shutil.copyfile(path, folder / f"{n}.yml")
    return folder


# -- our side -------------------------------------------------------------------------------------

def loaded(rules):
    """How many rules of the folder load."""
    text = Run([PROGRAM, "rules", "check", rules]).out.decode()
    return int(re.search(r"^(\d+) rules loaded", text, re.M)[1])


def judge(run, judged, events, times):
    """CPU-seconds without loading. Ends the program unless the matches of the judged rules are the
    expected ones, and every match is there as often as the events were given."""
    stats = STATS.search(run.err)
    if run.code != 0 or stats is None:
        sys.exit(f"detect ended with {run.code}: {run.err[-500:]}: no figures")
    found = collections.Counter(((int(line) - 1) % len(events.ids), rule.decode())
                                for line, rule in MATCH.findall(run.out))
    pairs = {(events.ids[at], rule) for at, rule in found if rule in judged}
    if int(stats[1]) != len(events.ids) * times or set(found.values()) != {times}:
        sys.exit(f"{events.name}: not every match {times} times: no figures")
    wanted = {pair for pair in events.expected if pair[1] in judged}
    if pairs != wanted:
        sys.exit(f"{events.name}: {len(wanted - pairs)} expected matches are missing and "
                 f"{len(pairs - wanted)} too many: no figures")
    return float(stats[3])


class Ours:
    def __init__(self, rules, judged):
        self.rules, self.judged, self.peak_mib, self.n = rules, judged, 0.0, loaded(rules)

    def run(self, events, times):
        """CPU-seconds without loading, and those of loading."""
        run = Run([PROGRAM, "detect", "--rules", self.rules, "--stats"] + [events.path] * times)
        cpu = judge(run, self.judged, events, times)
        self.peak_mib = max(self.peak_mib, run.peak_mib)
        return cpu, run.cpu - cpu


# -- rsigma ---------------------------------------------------------------------------------------

def flat(event, sources):
    """The event as rsigma takes it: names as rules have them, and its log source in fields. It is of
    one category only: of those of the registry, the narrowest."""
    data, system = event["EventData"], event["System"]
    out = {k.replace(" ", ""): v for k, v in data.items()} if isinstance(data, dict) else {"Data": data}
    out.update(system)
    out["product"] = sources["product"]
    channel = system.get("Channel", "").lower()
    for service, channels in sources["services"].items():
        if channel in (c.lower() for c in channels):
            out["service"] = service
    for entry in sources["categories"]:
        if out.get("service") == entry["service"] and \
                all(str(out.get(k)) == str(v) for k, v in entry["when"].items()):
            out["category"] = entry["category"]
            for rule_name, name in (entry["field_map"] or {}).items():
                if name in out:
                    out[rule_name] = out[name]
    return out


class Rsigma:
    """The same rules and events. Its matches name no event: they are counted by rule."""

    def __init__(self, program, rules, folder):
        self.program, self.rules, self.many = program, rules, folder / "many.ndjson"
        self.peak_mib, self.found = 0.0, {}
        self.version = subprocess.run([program, "--version"], capture_output=True, text=True,
                                      check=True).stdout.split()[1]

    def run(self, events, times):
        """CPU-seconds; it does not tell those of loading apart."""
        text = events.peer.read_bytes()
        with open(self.many, "wb") as out:
            for _ in range(times):
                out.write(text)
        run = Run([self.program, "engine", "eval", "-r", self.rules, "--quiet", "--output-format",
                   "ndjson", "--logsource-routing", "-e", f"@{self.many}"])
        if run.code != 0:
            sys.exit(f"rsigma ended with {run.code}: {run.err[-500:]}: no figures")
        found = collections.Counter(json.loads(line).get("rule_id") for line in run.out.splitlines())
        if any(n % times != 0 for n in found.values()):
            sys.exit("rsigma: other matches on the same events: no figures")
        self.found[events] = collections.Counter({rule: n // times for rule, n in found.items()})
        self.peak_mib = max(self.peak_mib, run.peak_mib)
        return run.cpu, 0.0

    def covered(self, events):
        wanted = collections.Counter(rule for _, rule in events.expected)
        return (f"{self.found[events].total()} matches a pass, which cover "
                f"{(self.found[events] & wanted).total()} of {len(events.expected)} expected")


# -- the whole ------------------------------------------------------------------------------------

class Task:
    """An engine on some events. What the first pass costs is taken off what several cost: it is
    loading too, since either engine makes some of its tables when it first needs them."""

    def __init__(self, title, engine, events):
        self.title, self.engine, self.events, self.times = title, engine, events, 0
        self.costs, self.loads = [], []

    def settle(self, seconds):
        """As many passes as take about so long."""
        cpu, _ = self.engine.run(self.events, 4)
        self.times = 1 + max(2, min(2000, round(seconds / max(cpu / 4, 0.001))))

    def once(self):
        one, load = self.engine.run(self.events, 1)
        several, _ = self.engine.run(self.events, self.times)
        a_pass = (several - one) / (self.times - 1)
        self.costs.append(a_pass / len(self.events.ids) * 1e6)
        self.loads.append(load + one - a_pass)

    def us(self):
        return statistics.median(self.costs)

    def rate(self):
        return 1e6 / self.us()

    def load(self):
        return statistics.median(self.loads)

    def row(self):
        print(f"{self.title:44} {self.rate():9.0f} events/s  {self.us():8.3f} us of CPU an event",
              flush=True)


def peer_figures(mixed, processes, ours_mixed, ours_processes):
    """Prints rsigma's rows; its part of the last line."""
    figures = ""
    for task, ours, name in ((mixed, ours_mixed, ""), (processes, ours_processes, "_process_creation")):
        task.row()
        print(f"    {task.engine.covered(task.events)}")
        figures += f" ratio_rsigma{name}={task.us() / ours.us():.2f}"
        figures += f" peer_rsigma{name}_events_per_s={task.rate():.0f}"
    print(f"    loading {mixed.load():.2f} CPU-s, {mixed.engine.peak_mib:.1f} MiB resident")
    return (f"{figures} peer_rsigma_load_cpu_s={mixed.load():.2f} "
            f"peer_rsigma_rss_mib={mixed.engine.peak_mib:.1f}")


def engines(corpus, folder):
    """(every rule, those for Windows, some drawn of all)"""
    windows = dict(sigmahq.windows_rules(corpus.rules))
    few = random.Random(SEED).sample(sorted(corpus.rules.rglob("*.yml")), SMALL)
    few_ids = {windows[path] for path in few if path in windows} & corpus.compared
    return (Ours(corpus.rules, corpus.compared),
            Ours(copy_rules(windows, folder / "windows"), corpus.compared),
            Ours(copy_rules(few, folder / "few"), few_ids))


def measure(corpus, folder, quick):
    recorded = list(sigmahq.events(corpus.base))
    mixed = Events("mixed", folder, recorded, corpus)
    processes = Events("process creation", folder, list(filter(is_process_creation, recorded)), corpus)
    every, only, small = engines(corpus, folder)
    print(f"{machine()}; {len(mixed.ids)} recorded events, {len(processes.ids)} of them process "
          f"creation; {every.n} rules load, {only.n} of Windows'", flush=True)
    ours = [Task(f"{name} {engine.n} rules, {events.name}", engine, events) for name, engine, events in
            (("all", every, mixed), ("of these", small, mixed), ("all", every, processes),
             ("Windows'", only, mixed), ("Windows'", only, processes))]
    peers, program = [], os.environ.get("RSIGMA") or shutil.which("rsigma")
    if program:
        rsigma = Rsigma(program, corpus.rules, folder)
        peers = [Task(f"rsigma {rsigma.version}, all rules, {events.name}", rsigma, events)
                 for events in (mixed, processes)]
    for task in ours:
        task.settle(1 if quick else 6)
    for task in peers:
        task.times = {mixed: 3 if quick else 7, processes: 8 if quick else 30}[task.events]
    for _ in range(1 if quick else 3):  # in turn, as neighbours come and go
        for task in ours + peers:
            task.once()
    for task in ours:
        task.row()
    all_mixed, few_mixed, all_processes, windows_mixed, windows_processes = ours
    print(f"    loading all of them {all_mixed.load():.2f} CPU-s, Windows' {windows_mixed.load():.2f}; "
          f"{every.peak_mib:.1f} MiB resident")
    line = (f"detect: events_per_s={all_mixed.rate():.0f} cpu_us_per_event={all_mixed.us():.3f} "
            f"load_cpu_s={all_mixed.load():.2f} rss_mib={every.peak_mib:.1f} rules={every.n} "
            f"process_creation_events_per_s={all_processes.rate():.0f} "
            f"growth_500_to_all={all_mixed.us() / few_mixed.us():.2f} "
            f"windows_events_per_s={windows_mixed.rate():.0f} "
            f"windows_process_creation_events_per_s={windows_processes.rate():.0f}")
    if peers:
        line += peer_figures(*peers, all_mixed, all_processes)
    print(line)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="under 50 s")
    args = parser.parse_args()
    home = os.environ.get("VARTIO_CORPUS")
    if not home:
        sys.exit("VARTIO_CORPUS is not set: detect is measured on recorded events; no figures")
    need_build()
    with tempfile.TemporaryDirectory(prefix="vartio-bench-") as folder:
        measure(Corpus(pathlib.Path(home) / "sigma"), pathlib.Path(folder), args.quick)


main()

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""`vartio-collector detect` with SigmaHQ's rules on recorded Windows events, given again and again.

Prints events a CPU-second, with reading and checking the JSON and writing the matches, loading taken
off; what loading costs; the memory of the largest run; and how the cost of an event grows with the
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
MATCH = re.compile(rb'^\{"line":(\d+),"rule":"([^"]+)"', re.M)
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
        self.path, self.peer = folder / f"{name}.ndjson", folder / f"{name}-peer.ndjson"
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
        self.rules, self.judged = rules, judged
        self.load_cpu, self.peak, self.n = [], 0.0, loaded(rules)

    def run(self, events, times):
        """CPU microseconds an event."""
        run = Run([PROGRAM, "detect", "--rules", self.rules, "--stats"] + [events.path] * times)
        cpu = judge(run, self.judged, events, times)
        self.load_cpu.append(run.cpu - cpu)
        self.peak = max(self.peak, run.peak_mib)
        return cpu / (len(events.ids) * times) * 1e6

    def measure(self, events, seconds, runs):
        """The median of some runs of about that many CPU-seconds each; the first one is for learning
        how long that is."""
        once = self.run(events, 1) * len(events.ids) / 1e6
        times = max(1, min(2000, round(seconds / max(once, 0.001))))
        return statistics.median(self.run(events, times) for _ in range(runs))


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
    """The same rules and events. It does not tell loading from running, so what one pass costs is
    taken off what several cost. Its matches name no event: they are counted by rule."""

    def __init__(self, program, rules, folder):
        self.program, self.rules, self.folder = program, rules, folder
        self.load_cpu, self.peak = [], 0.0
        self.version = subprocess.run([program, "--version"], capture_output=True, text=True,
                                      check=True).stdout.split()[1]

    def once(self, path):
        run = Run([self.program, "engine", "eval", "-r", self.rules, "--quiet", "--output-format",
                   "ndjson", "--logsource-routing", "-e", f"@{path}"])
        if run.code != 0:
            sys.exit(f"rsigma ended with {run.code}: {run.err[-500:]}: no figures")
        self.peak = max(self.peak, run.peak_mib)
        return run

    def measure(self, events, times, runs):
        """(CPU microseconds an event, matches a pass, expected pairs covered by them, by rule)"""
        many = self.folder / "many.ndjson"
        text = events.peer.read_bytes()
        with open(many, "wb") as out:
            for _ in range(times):
                out.write(text)
        costs = []
        for _ in range(runs):
            one, all_of = self.once(events.peer), self.once(many)
            per_pass = (all_of.cpu - one.cpu) / (times - 1)
            costs.append(per_pass / len(events.ids) * 1e6)
            self.load_cpu.append(one.cpu - per_pass)
            if len(all_of.out.splitlines()) != times * len(one.out.splitlines()):
                sys.exit("rsigma: other matches on the same events: no figures")
        many.unlink()
        found = collections.Counter(json.loads(line).get("rule_id") for line in one.out.splitlines())
        wanted = collections.Counter(rule for _, rule in events.expected)
        return statistics.median(costs), found.total(), (found & wanted).total()


# -- the whole ------------------------------------------------------------------------------------

def rate(us):
    return 1e6 / us


def row(name, us):
    print(f"{name:44} {rate(us):9.0f} events/s  {us:8.3f} us of CPU an event", flush=True)


def peer_figures(rsigma, mixed, processes, ours, quick):
    """Prints rsigma's rows; its part of the last line."""
    us, figures = {}, ""
    for events in (mixed, processes):
        times = (3 if quick else 9) if events is mixed else (8 if quick else 40)
        us[events], n, covered = rsigma.measure(events, times, 1 if quick else 3)
        row(f"rsigma {rsigma.version}, all rules, {events.name}", us[events])
        print(f"    {n} matches a pass, which cover {covered} of {len(events.expected)} expected")
    for events, name in ((mixed, ""), (processes, "_process_creation")):
        figures += f" ratio_rsigma{name}={us[events] / ours[events]:.2f}"
        figures += f" peer_rsigma{name}_events_per_s={rate(us[events]):.0f}"
    load = statistics.median(rsigma.load_cpu)
    print(f"    loading {load:.2f} CPU-s, {rsigma.peak:.1f} MiB resident")
    return figures + f" peer_rsigma_load_cpu_s={load:.2f} peer_rsigma_rss_mib={rsigma.peak:.1f}"


def measure(corpus, folder, quick):
    seconds, runs = (1, 1) if quick else (6, 3)
    recorded = list(sigmahq.events(corpus.base))
    mixed = Events("mixed", folder, recorded, corpus)
    processes = Events("process-creation", folder, list(filter(is_process_creation, recorded)), corpus)
    files = sorted(corpus.rules.rglob("*.yml"))
    few = random.Random(SEED).sample(files, SMALL)
    windows = dict(sigmahq.windows_rules(corpus.rules))
    few_ids = {windows[path] for path in few if path in windows}
    every = Ours(corpus.rules, corpus.compared)
    only = Ours(copy_rules(windows, folder / "windows"), corpus.compared)
    small = Ours(copy_rules(few, folder / "few"), few_ids & corpus.compared)
    print(f"{machine()}; {len(mixed.ids)} recorded events, {len(processes.ids)} of them process "
          f"creation; {every.n} rules load, {only.n} of Windows'", flush=True)
    ours = {mixed: every.measure(mixed, seconds, runs)}
    row(f"all {every.n} rules, mixed", ours[mixed])
    few_us = small.measure(mixed, seconds, runs)
    row(f"{small.n} rules of them, mixed", few_us)
    ours[processes] = every.measure(processes, seconds, runs)
    row(f"all {every.n} rules, process creation", ours[processes])
    of_windows = {events: only.measure(events, seconds, runs) for events in (mixed, processes)}
    row(f"{only.n} Windows rules, mixed", of_windows[mixed])
    row(f"{only.n} Windows rules, process creation", of_windows[processes])
    load = statistics.median(every.load_cpu)
    print(f"loading all of them {load:.2f} CPU-s, Windows' {statistics.median(only.load_cpu):.2f}; "
          f"{every.peak:.1f} MiB resident")
    line = (f"detect: events_per_s={rate(ours[mixed]):.0f} cpu_us_per_event={ours[mixed]:.3f} "
            f"load_cpu_s={load:.2f} rss_mib={every.peak:.1f} rules={every.n} "
            f"process_creation_events_per_s={rate(ours[processes]):.0f} "
            f"growth_500_to_all={ours[mixed] / few_us:.2f} "
            f"windows_events_per_s={rate(of_windows[mixed]):.0f} "
            f"windows_process_creation_events_per_s={rate(of_windows[processes]):.0f}")
    program = os.environ.get("RSIGMA") or shutil.which("rsigma")
    if program:
        line += peer_figures(Rsigma(program, corpus.rules, folder), mixed, processes, ours, quick)
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

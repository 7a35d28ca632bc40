#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Correlation at scale: signals a second, memory of a group, hot groups, the rebuild after a crash.

Runs build/tests/bench/correlate_bench, which makes signals of about 1 KB, takes them as the alert
thread does (signal_read, correlate_signal) and counts what is found: when that is not what must be
found, it fails and there are no figures. Rates are per CPU-second of taking them; the rebuild is the
wall time and the CPU time from opening the signals log to the last signal replayed.
"""
import argparse
import shutil
import subprocess
import sys
import tempfile

from bench import BUILD, machine, need_build

PROGRAM = BUILD / "tests/bench/correlate_bench"
HOT = ("event_count", "event_count_100k", "value_count", "value_sum", "value_avg", "value_percentile",
       "value_share", "temporal", "temporal_ordered")
ATTACK = 52 * 50  # signals until an attack of `mixed` is whole


def part(*words):
    """The figures that one run prints."""
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, check=False,
                          timeout=600)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: {done.stderr.strip()}: no figures")
    return {key: float(value) for key, value in (w.split("=") for w in done.stdout.split())}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="under 50 s")
    parser.add_argument("--folder", help="where the signals log is written (1.2 GB)")
    args = parser.parse_args()
    need_build("tests/bench/correlate_bench")
    scale = 10 if args.quick else 1
    groups, hot, day = 1_000_000 // scale, 1_000_000 // scale, 1_000_000 // scale
    attacks = 800 // scale
    print(f"{machine()}; {'a tenth of the full run' if args.quick else 'the full run'}")
    figures = part("mixed", attacks * ATTACK)
    print(f"mixed   {figures['signals_per_s']:.0f} signals/s a core, {figures['us_per_signal']:.2f} us each, "
          f"{figures['bytes_per_signal']:.0f} bytes, 7 correlations, {figures['groups']:.0f} groups")
    figures.update(part("groups", groups))
    print(f"groups  {groups} in {figures['rss_mib']:.0f} MiB resident, {figures['bytes_per_group']:.0f} "
          f"bytes each (counted {figures['counted_per_group']:.0f})")
    rates = {kind: part("hot", kind, hot)[f"hot_{kind}"] for kind in HOT}
    for kind, rate in rates.items():
        print(f"hot     {kind:18} {rate:.0f} signals/s of one group")
    folder = tempfile.mkdtemp(prefix="vartio-bench-", dir=args.folder)
    try:
        part("write", folder, day)
        figures.update(part("rebuild", folder, day))
    finally:
        shutil.rmtree(folder)
    print(f"rebuild {day} signals of 24 h: {figures['rebuild_s']:.2f} s, {figures['rebuild_cpu_s']:.2f} CPU-s "
          f"(opening the log {figures['rebuild_open_cpu_s']:.2f} of it)")
    print(f"correlate: signals_per_s={figures['signals_per_s']:.0f} "
          f"bytes_per_group={figures['bytes_per_group']:.0f} rebuild_s={figures['rebuild_s']:.2f} "
          f"rebuild_cpu_s={figures['rebuild_cpu_s']:.2f} rebuild_signals={day} groups={groups} "
          f"rss_mib={figures['rss_mib']:.1f} hot_signals_per_s={min(rates.values()):.0f}")


main()

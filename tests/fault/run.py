#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Schedules of faults: each is drawn from its seed, and must lose nothing and repeat nothing.

  run.py BUILD             the plans of tests/fault/plans, and seeds from 1 on: 20 in all
  run.py BUILD --long      200 seeds more, drawn from the date (VARTIO_LONG does the same)
  run.py BUILD --seed N    one again
  run.py BUILD --from N --count K
"""
import argparse
import collections
import concurrent.futures
import datetime
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CASES, LONG_CASES, AT_ONCE, SECONDS = 20, 200, 2, 600
SLOWER = 4 if os.environ.get("VARTIO_SANITIZE") else 1


def chosen(args):
    """Seeds and files of plans, as schedule.py takes them."""
    if args.seed is not None:
        return [str(args.seed)]
    if args.first is not None:
        return [str(args.first + k) for k in range(args.count)]
    plans = sorted(str(p) for p in (HERE / "plans").glob("*.json"))
    cases = plans + [str(seed) for seed in range(1, max(CASES - len(plans), 0) + 1)]
    if args.long or os.environ.get("VARTIO_LONG"):
        today = datetime.datetime.now(datetime.timezone.utc)
        first = int(today.strftime("%Y%m%d")) * 1000
        cases += [str(first + k) for k in range(LONG_CASES)]
    return cases


def apart():
    """A mount namespace of its own, so that a schedule can make a disk small."""
    for words in (["unshare", "-m", "--propagation", "private"],
                  ["unshare", "-U", "-r", "-m", "--propagation", "private"]):
        if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
            return words
    return []


def one(prefix, build, case):
    try:
        done = subprocess.run([*prefix, sys.executable, str(HERE / "schedule.py"), build, case],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=SECONDS * SLOWER, check=False)
        return case, done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return case, "no end", (late.stdout or b"").decode("utf-8", "replace")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--from", type=int, dest="first")
    parser.add_argument("--count", type=int, default=CASES)
    args = parser.parse_args()
    cases, prefix, bad = chosen(args), apart(), 0
    met = collections.Counter()
    print(f"1..{len(cases)}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [pool.submit(one, prefix, args.build, case) for case in cases]
        for number, (case, code, text) in enumerate((r.result() for r in runs), 1):
            name = f"seed {case}" if case.isdigit() else f"plan {pathlib.Path(case).stem}"
            lines = text.splitlines()
            if code == 77:
                print(f"ok {number} - {name} # SKIP {lines[-1].removeprefix('# SKIP ')}", flush=True)
                continue
            # A good one says what it was and how it ended; a bad one everything.
            for line in (lines[1:2] + lines[-1:] if code == 0 else lines):
                print(line if line.startswith("#") else f"# {line}")
            met.update(re.findall(r"^# +[\d.]+ ([a-z-]+) begins$", text, re.M))
            bad += code != 0
            print(f"{'ok' if code == 0 else 'not ok'} {number} - {name}", flush=True)
    print(f"# faults: {', '.join(f'{name} {n}' for name, n in sorted(met.items()))}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()

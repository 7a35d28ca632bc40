#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""`vartio-collector detect` with files of events, and where it can't do its work."""
import json
import pathlib
import subprocess
import tempfile

from lib import check, equal, main

RULE = "title: t\nid: r\nlogsource: {product: linux}\ndetection: {s: {a: x}, condition: s}\n"
HIT, MISS = '{"a":"x"}\n', '{"a":"y"}\n'


def detect(build, *args, rules=RULE, stdin=None, stdout=subprocess.PIPE):
    """-> the matches, the lines of standard error, the exit code"""
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
        file.write(rules)
        file.flush()
        done = subprocess.run([build / "collector/vartio-collector", "detect", "--rules", file.name, *args],
                              input=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60,
                              check=False)
    return [json.loads(m) for m in (done.stdout or "").splitlines()], done.stderr.splitlines(), done.returncode


def several(build):
    """lines are counted in each file from 1, and a match says which of several it is in"""
    with tempfile.TemporaryDirectory() as folder:
        one, two = pathlib.Path(folder, "one"), pathlib.Path(folder, "two")
        one.write_text(MISS + HIT + "no event\n", encoding="utf-8")
        two.write_text(HIT + MISS + "none\n", encoding="utf-8")
        found, said, code = detect(build, one, two, "-", stdin=MISS + HIT)
        equal([(m["file"], m["line"]) for m in found], [(str(one), 2), (str(two), 1), ("-", 2)], "matches")
        equal([line.split(": ")[1] for line in said], [f"{one}, line 3", f"{two}, line 3"], "faults")
        equal(code, 1, "the exit code")
        found, _, code = detect(build, two)
        equal([(m.get("file"), m["line"]) for m in found], [(None, 1)], "matches in one file")


def full(build):
    """matches that can't be written are one clear line and exit code 1, few or many"""
    for times in (1, 10000):
        with open("/dev/full", "w", encoding="utf-8") as out:
            _, said, code = detect(build, stdin=HIT * times, stdout=out)
        equal((said, code), (["vartio-collector: cannot write the matches: No space left on device"], 1),
              f"{times} matches")


def no_rules(build):
    """no rule that loads is exit code 1 and said"""
    _, said, code = detect(build, rules="title: [\n", stdin=HIT)
    equal(code, 1, "the exit code")
    check("not one rule loads" in said[-1], said)


main(several, full, no_rules)

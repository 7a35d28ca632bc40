#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""rules.py BUILD-FOLDER: every live SigmaHQ rule loads, or is refused for a reason that its author
meant: a placeholder without this site's values. Prints TAP. Needs VARTIO_CORPUS."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TOTAL = re.compile(r"^(\d+) rules loaded, (\d+) rejected$", re.M)
LACKING = re.compile(r"^(.+\.yml):\d+:\d+: the placeholder %([^%]+)% needs this site's values", re.M)


def check(program, *words):
    """(loaded, rejected, the output) of `rules check`"""
    done = subprocess.run([program, "rules", "check", *map(str, words)], capture_output=True, text=True,
                          check=False, timeout=120)
    loaded, rejected = map(int, TOTAL.search(done.stdout).groups())
    return loaded, rejected, done.stdout


def documents(folder):
    """How many YAML documents the folder's rule files hold; counted by their titles, one each."""
    files = [p for p in folder.rglob("*") if p.suffix in (".yml", ".yaml")]
    return sum(len(re.findall(r"^title:", p.read_text(encoding="utf-8"), re.M)) for p in files)


def main(build):
    program = pathlib.Path(build) / "collector" / "vartio-collector"
    corpus = os.environ.get("VARTIO_CORPUS")
    if not corpus:
        print("1..1\nok 1 - rules # SKIP VARTIO_CORPUS is not set: no public rules")
        return 0
    folder = pathlib.Path(corpus) / "sigma" / "rules"
    want = documents(folder)
    loaded, rejected, out = check(program, folder)
    cases = [("without values all but those with placeholders load",
              rejected == len(LACKING.findall(out)) and rejected > 0,
              f"{loaded} loaded, {rejected} rejected"),
             ("the counts add up to the number of documents", loaded + rejected == want,
              f"{loaded} + {rejected} of {want}")]
    names = set()
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as values:
        for _ in range(10):  # a rule is refused for its first placeholder: others come to light then
            found = {name for _, name in LACKING.findall(out)} - names
            if not found:
                break
            names |= found
            values.seek(0)
            values.truncate()
            values.write("".join(f"{name}: [192.0.2.7, '*.{name}.example']\n" for name in sorted(names)))
            values.flush()
            loaded, rejected, out = check(program, "--values", values.name, folder)
    cases.append((f"with values for {len(names)} placeholders every rule loads",
                  (loaded, rejected) == (want, 0), f"{loaded} loaded, {rejected} rejected"))
    print(f"1..{len(cases)}")
    for number, (name, good, figures) in enumerate(cases, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {name}: {figures}")
    return 0 if all(good for _, good, _ in cases) else 1


sys.exit(main(*sys.argv[1:]))

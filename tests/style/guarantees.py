#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""docs/guarantees.md names a test for each promise: each of them must be there."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = "docs/guarantees.md"
NAMED = re.compile(r"`(tests/[\w./]+): ([^`]+)`")


def rows():
    """(line number, cells) of the page's tables, without heads and rules."""
    for number, line in enumerate((ROOT / PAGE).read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("|") and not line.startswith("|---") and not line.startswith(("| promise ", "| what ")):
            yield number, [c.strip() for c in line.strip("|").split("|")]


def has(text, name):
    """A function, a class, or the name of a row of a table."""
    word = re.escape(name)
    return re.search(rf"(?:^def |^class |^static void ){word}\b|\"{word}\"", text, re.M) is not None


def missing():
    """every test that a promise names is there"""
    for number, cells in rows():
        for path, names in NAMED.findall(cells[-1]):
            file = ROOT / path
            if not file.is_file():
                yield f"{PAGE}:{number}: {path} is not there"
                continue
            text = file.read_text(encoding="utf-8")
            for name in names.split("; "):
                if not has(text, name):
                    yield f"{PAGE}:{number}: {path} has no {name}"


def unproven():
    """every promise names a test, and so does every thing that is not promised but one"""
    bare = [number for number, cells in rows() if not NAMED.search(cells[-1])]
    for number in bare[:-1]:
        yield f"{PAGE}:{number}: no test is named"


def counted():
    """the page has its rows"""
    found = list(rows())
    if len(found) < 25 or any(len(cells) != 3 for _, cells in found):
        yield f"{PAGE}: {len(found)} rows, {[n for n, c in found if len(c) != 3]} are not of three cells"


def main():
    cases = (missing, unproven, counted)
    bad = 0
    print(f"1..{len(cases)}")
    for number, case in enumerate(cases, 1):
        found = list(case())
        for line in found:
            print(f"# {line}")
        bad += bool(found)
        print(f"{'not ' if found else ''}ok {number} - {case.__doc__}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()

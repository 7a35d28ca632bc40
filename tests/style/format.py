#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# sanitize: false (reads the sources)
"""How the source looks: what a reader may count on in every file."""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPDX = "SPDX-License-Identifier: EUPL-1.2"
LINES_MAX = 700
# Test data is other people's text.
DATA = ("tests/fuzz/corpus", "tests/e2e/data", "tests/conformance/data", "packaging/demo")
TEXT = {".c", ".h", ".py", ".md", ".yml", ".build", ".po", ".service", ".conf", ".sh", ""}
# In two parts, so that this file does not hold what it looks for.
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
MACHINE = re.compile(r"(?<![\w.])/(?:wo" r"rk|ho" r"me/\w+|ro" r"ot)/")


def files():
    """The sources, without what building makes."""
    for path in sorted(ROOT.rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        if path.is_file() and path.suffix in TEXT and not name.startswith(("build", ".git", *DATA)):
            yield name, path


def text(path):
    return path.read_text(encoding="utf-8", errors="replace")


def layout(sources):
    """clang-format would change nothing in the C files"""
    if shutil.which("clang-format") is None:
        return None
    names = [str(p) for _, p in sources if p.suffix in (".c", ".h")]
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], capture_output=True,
                          text=True, check=False, cwd=ROOT)
    return [line for line in done.stderr.splitlines() if ": error:" in line]


def licence(sources):
    """every program file names its licence in the first lines"""
    return [f"{name}: no {SPDX}" for name, path in sources if path.suffix in (".c", ".h", ".py")
            and SPDX not in "".join(text(path).splitlines(True)[:2 if path.suffix == ".py" else 1])]


def finished(sources):
    """nothing is left for later"""
    return [f"{name}:{n}: {line.strip()}" for name, path in sources
            for n, line in enumerate(text(path).splitlines(), 1) if UNFINISHED.search(line)]


def anywhere(sources):
    """no file names a path of the machine that it was written on"""
    return [f"{name}:{n}: {line.strip()}" for name, path in sources
            for n, line in enumerate(text(path).splitlines(), 1) if MACHINE.search(line)]


def short(sources):
    """no C file is longer than a person reads in one sitting"""
    counted = ((name, text(path).count("\n")) for name, path in sources if path.suffix in (".c", ".h"))
    return [f"{name}: {lines} lines, at most {LINES_MAX}" for name, lines in counted
            if lines > LINES_MAX]


def main():
    sources = list(files())
    cases = (layout, licence, finished, anywhere, short)
    bad = 0
    print(f"1..{len(cases)}")
    for number, case in enumerate(cases, 1):
        found = case(sources)
        if found is None:
            print(f"ok {number} - {case.__doc__} # SKIP clang-format is not installed")
            continue
        for line in found:
            print(f"# {line[:300]}")
        bad += bool(found)
        print(f"{'not ' if found else ''}ok {number} - {case.__doc__}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# sanitize: false (reads the sources)
"""docs/guarantees.md names a test for each promise: each of them must be there."""
import ast
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


def has_python(text, name):
    """A function or a class that something else in the file uses: a list of cases, or a caller."""
    tree = ast.parse(text)
    own = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name == name]
    inside = {id(n) for o in own for n in ast.walk(o)}
    return bool(own) and any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)
                             and id(n) not in inside for n in ast.walk(tree))


def has_c(text, name):
    """A test that stands in cmocka's list, or the name of a row of a table."""
    word = re.escape(name)
    run = re.search(rf"^static void {word}\(", text, re.M) and re.search(rf"[(,]\s*{word}\s*[,)]", text)
    return bool(run) or f'{{ "{name}"' in re.sub(r"\{\s*", "{ ", text)


def has(path, text, name):
    return (has_python if path.endswith(".py") else has_c)(text, name)


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
                if not has(path, text, name):
                    yield f"{PAGE}:{number}: {path} does not run {name}"


def unproven():
    """every promise names a test, and so does every thing that is not promised"""
    for number, cells in rows():
        if not NAMED.search(cells[-1]):
            yield f"{PAGE}:{number}: no test is named"


def counted():
    """the page has its rows"""
    found = list(rows())
    if len(found) < 25 or any(len(cells) != 3 for _, cells in found):
        yield f"{PAGE}: {len(found)} rows, {[n for n, c in found if len(c) != 3]} are not of three cells"


def only_run():
    """what is only defined, or only a word, does not count as a test"""
    for path, text, name, want in (
            ("a.py", "def case(): pass\nmain(case)\n", "case", True),
            ("a.py", "class Case: pass\nFAULTS = [Case]\n", "Case", True),
            ("a.py", "def case(): case()\nmain(other)\n", "case", False),
            ("a.py", "main(other)\nprint('case')\n", "case", False),
            ("a.c", "static void test_a(void **s)\n{\n}\ncmocka_unit_test(test_a),\n", "test_a", True),
            ("a.c", "static void test_a(void **s)\n{\n}\n/* test_a */\n", "test_a", False),
            ("a.h", "{\n  \"a row\", 1 },\n", "a row", True),
            ("a.c", "puts(\"a row\");\n", "a row", False)):
        if has(path, text, name) is not want:
            yield f"{name} in {text!r}: expected {want}"


def main():
    cases = (missing, unproven, counted, only_run)
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

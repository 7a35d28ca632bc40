# SPDX-License-Identifier: EUPL-1.2
"""TAP for programs that count their cases as they come: what fails shows its first lines."""
import types

NUMBER = [0]


def tap(good, title, detail=""):
    """detail: lines, or what is one text. -> good"""
    NUMBER[0] += 1
    print(f"{'ok' if good else 'not ok'} {NUMBER[0]} - {title}", flush=True)
    lines = list(detail) if isinstance(detail, (list, types.GeneratorType)) else str(detail).splitlines()
    for line in lines[:40] if not good else []:
        print(f"# {str(line)[:400]}")
    return good


def skip(title, why):
    NUMBER[0] += 1
    print(f"ok {NUMBER[0]} - {title} # SKIP {why}", flush=True)


def plan():
    print(f"1..{NUMBER[0]}")

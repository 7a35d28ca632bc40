#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# sanitize: false (it makes a build of its own)
"""The quickstart, as the README says it."""
import subprocess

from lib import SOURCE, check, main


def once(_build):
    """./packaging/quickstart --once exits 0 and shows the message in three languages"""
    done = subprocess.run([SOURCE / "packaging/quickstart", "--once"], capture_output=True, text=True,
                          check=False, timeout=500)
    check(done.returncode == 0, f"exit {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    for address in ("maija@mallila.example", "sven@mallila.example", "mary@mallila.example"):
        check(address in done.stdout, f"no message to {address}:\n{done.stdout}")


def starves(_build):
    """--once does not exit 0 when no message can arrive"""
    blocked = subprocess.run(
        ["/usr/bin/python3", "-c",
         "import sys, runpy, pathlib; sys.argv = ['quickstart', '--once'];"
         f"sys.path.insert(0, {str(SOURCE / 'packaging')!r}); import quickstart;"
         "quickstart.WAIT_S = 8; quickstart.Region.attack = lambda self: None; sys.exit(quickstart.main())"],
        capture_output=True, text=True, check=False, timeout=200)
    check(blocked.returncode != 0, f"exit 0 without a message:\n{blocked.stdout[-3000:]}")


main(once, starves)

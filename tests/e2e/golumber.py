# SPDX-License-Identifier: EUPL-1.2
"""Builds the independent peer: Elastic's go-lumber, as a sender and as a receiver."""
import os
import pathlib
import shutil
import subprocess

from lib import SOURCE, Skip, check


def golumber():
    """The peer, built with the module proxy's go-lumber; Skip where that cannot be had."""
    go = shutil.which("go")
    if go is None:
        raise Skip("go is not installed (Debian package golang-go)")
    folder = pathlib.Path(os.environ.get("VARTIO_PEERS", SOURCE / "build-peers"))
    folder.mkdir(parents=True, exist_ok=True)
    binary = folder / "golumber"
    done = subprocess.run([go, "build", "-mod=readonly", "-o", binary, "."],
                          cwd=SOURCE / "tests/peers/golumber", capture_output=True, text=True,
                          check=False, timeout=600)
    if done.returncode != 0 and "dial tcp" in done.stderr:
        raise Skip("the Go module proxy cannot be reached")
    check(done.returncode == 0, f"go build: {done.stderr[-2000:]}")
    return binary

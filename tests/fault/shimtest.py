#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""The shim keeps its own promises: what was not synced is forgotten, what was synced is not, errors
come when they were ordered. The disk tests stand on it."""
import contextlib
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
# pylint: disable=wrong-import-position
import shim
from lib import check, equal, main

# What runs under the shim: python's os module calls the C library as a daemon does.
PRELUDE = """
import errno, os, sys, time
os.chdir(sys.argv[1])
def put(name, at, data, flags=os.O_RDWR | os.O_CREAT):
    fd = os.open(name, flags, 0o600)
    os.pwrite(fd, data, at)
    return fd
def sync_dir(name="."):
    fd = os.open(name, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
def fails(call, *args):
    try:
        call(*args)
    except OSError as e:
        return errno.errorcode[e.errno]
    return "none"
"""


@contextlib.contextmanager
def disk(build):
    with tempfile.TemporaryDirectory(prefix="vartio-shim-") as folder:
        root = pathlib.Path(folder) / "state"
        root.mkdir()
        made = shim.Disk(build, root, pathlib.Path(folder) / "scratch")
        yield made
        made.close()


def run(made, code):
    """Runs code under the shim; it ends as a killed process does, with nothing flushed."""
    done = subprocess.run(["/usr/bin/python3", "-c", PRELUDE + code + "\nsys.stdout.flush()\nos._exit(0)",
                           str(made.root)], env=made.env(daemon=False), capture_output=True, text=True,
                          timeout=60, check=False)
    check(done.returncode == 0, done.stderr)
    return done.stdout


def forgets(build):
    """a write without a sync is forgotten, one with a sync is kept, byte for byte"""
    with disk(build) as made:
        (made.root / "old").write_bytes(b"o" * 3000)
        run(made, """
fd = put("old", 100, b"kept")
os.fdatasync(fd)
os.pwrite(fd, b"gone", 200)
os.pwrite(fd, b"longer", 5000)
""")
        check(b"gone" in (made.root / "old").read_bytes(), "the write itself was lost")
        made.power_cut()
        want = bytearray(b"o" * 3000)
        want[100:104] = b"kept"
        equal((made.root / "old").read_bytes(), bytes(want), "the file after the power cut")



def gathers(build):
    """a write of very many parts is one write: forgotten without a sync, kept with one"""
    with disk(build) as made:
        run(made, """
fd = put("log", 0, b"-" * 1000)
os.fdatasync(fd)
sync_dir()
os.lseek(fd, 0, os.SEEK_SET)
os.writev(fd, [b"k"] * 400)
os.fdatasync(fd)
os.writev(fd, [b"g"] * 400)
""")
        made.power_cut()
        equal((made.root / "log").read_bytes(), b"k" * 400 + b"-" * 600, "what is left")

def forgets_names(build):
    """a file made, renamed or removed is so only when its folder was synced"""
    with disk(build) as made:
        for name in ("stays", "goes", "from"):
            (made.root / name).write_bytes(name.encode())
        run(made, """
os.fsync(put("unsynced", 0, b"x"))
os.fsync(put("synced", 0, b"y"))
os.unlink("goes")
sync_dir()
os.unlink("unsynced")
os.fsync(put("later", 0, b"z"))
os.unlink("stays")
os.rename("from", "to")
os.mkdir("folder")
os.fsync(put("folder/in", 0, b"w"))
sync_dir("folder")
""")
        made.power_cut()
        equal({p.name: p.read_bytes() for p in made.root.iterdir()},
              {"stays": b"stays", "from": b"from", "synced": b"y", "unsynced": b"x"}, "the folder")


def number_used_again(build):
    """a new file that gets a removed one's inode number does not bring its bytes back"""
    with disk(build) as made:
        run(made, """
for n in range(20):
    os.fsync(put("a", 0, b"first" * 100))
    os.unlink("a")
put("a", 0, b"second")
sync_dir()
""")
        made.power_cut()
        equal((made.root / "a").read_bytes(), b"", "the name was synced, the bytes were not")


def survives_kill(build):
    """a killed process's writes are in the page cache: the next process may sync them"""
    with disk(build) as made:
        (made.root / "f").write_bytes(b"....")
        run(made, 'put("f", 0, b"one")')
        run(made, 'fd = put("f", 3, b"2")\nos.fsync(fd)')
        made.power_cut()
        equal((made.root / "f").read_bytes(), b"one2", "both writes")
        run(made, 'put("f", 0, b"....")')
        made.power_cut()
        equal((made.root / "f").read_bytes(), b"one2", "after a second power cut")


def torn(build):
    """with dice some sectors of an unsynced write are there and others are not"""
    with disk(build) as made:
        kept = []
        for seed in range(20):
            (made.root / "f").write_bytes(b"o" * 65536)
            run(made, 'put("f", 0, b"n" * 65536)')
            made.power_cut(random.Random(seed))
            data = (made.root / "f").read_bytes()
            for at in range(0, 65536, 512):
                check(data[at:at + 512] in (b"o" * 512, b"n" * 512), f"a torn sector at {at}")
            kept.append(data.count(b"n"))
        check(min(kept) == 0 and max(kept) == 65536 and len(set(kept)) > 3, f"kept: {kept}")


def errors(build):
    """EIO on the Nth read, write and sync of a chosen file; ENOSPC; short writes"""
    with disk(build) as made:
        (made.root / "bad").write_bytes(b"12345678")
        made.set(path="bad", read_fails=2, write_fails=3, sync_fails=1)
        equal(run(made, """
fd, other = os.open("bad", os.O_RDWR), put("good", 0, b"x")
print(fails(os.pread, fd, 1, 0), fails(os.pread, fd, 1, 0), fails(os.pread, fd, 1, 0))
print(fails(os.pwrite, fd, b"a", 0), fails(os.pwrite, fd, b"b", 0), fails(os.pwrite, fd, b"c", 0))
print(fails(os.fsync, other), fails(os.fsync, fd), os.pread(fd, 1, 0).decode(), fails(os.fsync, fd))
"""), "none EIO none\nnone none EIO\nnone EIO 1 none\n", "errors")
        made.good()
        made.set(full=1, full_after=100)
        equal(run(made, """
fd = put("new", 0, b"x" * 60)
print(os.pwrite(fd, b"y" * 60, 60), fails(os.pwrite, fd, b"z", 100), fails(os.pwrite, fd, b"z", 5))
"""), "40 ENOSPC none\n", "a full disk")
        made.good()
        made.set(short=7)
        equal(run(made, 'print(os.write(put("w", 0, b""), b"q" * 50))'), "7\n", "a short write")


def clock(build):
    """the wall clock jumps, the monotonic one does not"""
    with disk(build) as made:
        made.set(clock_ns=-3600 * 10**9)
        out = run(made, 'print(int(time.time()), time.monotonic_ns())').split()
        check(abs(int(out[0]) - (shim.time.time() - 3600)) < 60, f"time.time() gave {out[0]}")
        check(abs(int(out[1]) - shim.time.monotonic_ns()) < 60 * 10**9, f"monotonic gave {out[1]}")


main(forgets, gathers, forgets_names, number_used_again, survives_kill, torn, errors, clock)

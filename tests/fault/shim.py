# SPDX-License-Identifier: EUPL-1.2
"""The other end of shim.c: a daemon's disk and clock, as a test commands them.

    disk = shim.Disk(build, state_folder, scratch_folder)
    Process(..., env=disk.env())     # starts with the shim; what the folder holds then is durable
    disk.set(sync_fails=3, path="spool/")   # the third sync from now on says EIO
    process.kill(); disk.power_cut(dice)    # the folder becomes what a disk may hold then
"""
import functools
import mmap
import os
import pathlib
import re
import shutil
import struct
import subprocess
import time

WORDS = ("read_fails", "write_fails", "sync_fails", "sticky", "full", "full_after", "short", "sync_ms",
         "clock_ns", "did_eio", "did_full", "did_short", "did_sync", "did_dir_sync")
PATH_AT, SIZE = 2048, 4096
SECTOR = 512
CHUNK = 1 << 20


class Disk:
    """One watched folder (None: only the clock is watched)."""

    def __init__(self, build, root, scratch):
        self.build = pathlib.Path(build)
        self.library = self.build / "tests/fault/vartio_shim.so"
        self.root = None if root is None else pathlib.Path(root).resolve()
        scratch = pathlib.Path(scratch).resolve()
        scratch.mkdir(parents=True, exist_ok=True)
        self.shadow = scratch / "shadow"
        self.control = scratch / "control"
        self.control.write_bytes(bytes(SIZE))
        with open(self.control, "r+b") as f:
            self.memory = mmap.mmap(f.fileno(), SIZE)

    def env(self, base=None, daemon=True):
        """What a daemon of the build is started with; daemon=False: a program that is not of the build."""
        env = dict(os.environ if base is None else base)
        first = sanitizers(self.build / "agent/vartio-agent") if daemon else []
        env.update(LD_PRELOAD=":".join([*first, str(self.library)]),
                   VARTIO_SHIM_CONTROL=str(self.control))
        if self.root is not None:
            env.update(VARTIO_SHIM_ROOT=str(self.root), VARTIO_SHIM_SHADOW=str(self.shadow))
        return env

    def set(self, path=None, **words):
        """Each word as shim.h tells. path: only files whose path (below the root) holds that text."""
        if path is not None:
            raw = path.encode()
            self.memory[PATH_AT:PATH_AT + len(raw) + 1] = raw + b"\0"
        for name, value in words.items():
            struct.pack_into("<q", self.memory, 8 * WORDS.index(name), value)

    def get(self, name):
        return struct.unpack_from("<q", self.memory, 8 * WORDS.index(name))[0]

    def good(self):
        """Nothing fails any more; the clock stays where it is."""
        self.set(path="", read_fails=0, write_fails=0, sync_fails=0, sticky=0, full=0, full_after=0,
                 short=0, sync_ms=0)

    def durable(self, path):
        """What of a file would be there after a power cut. Of a daemon that runs: now, or in a moment."""
        kept = self.shadow / "data" / str(path.stat().st_ino)
        if not (self.shadow / "root").is_file():
            return path.read_bytes()
        return kept.read_bytes() if kept.is_file() else b""

    def power_cut(self, dice=None):
        """After the process was killed: the folder becomes what the disk holds when the power comes
        back. Without dice that is exactly what was synced. With dice each folder's names are those
        that were synced or those it had, and of each file some of the sectors that were written and
        not synced are there and others are not. Returns how many bytes were forgotten."""
        if not (self.shadow / "root").is_file():
            return 0  # the process never came so far
        names = {}  # inode number in the shadow -> of the real file
        for data in (self.shadow / "data").iterdir():
            names[data.stat().st_ino] = int(data.name)
        real = {}
        for path in self.root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                real[path.stat().st_ino] = path
        old, new = self.root.with_name(self.root.name + ".before"), \
            self.root.with_name(self.root.name + ".after")
        number = (self.shadow / "root").read_text(encoding="ascii")
        forgotten = self.folder(number, new, self.root, names, real, dice)
        self.root.rename(old)
        new.rename(self.root)
        shutil.rmtree(old)
        shutil.rmtree(self.shadow)
        return forgotten

    def folder(self, number, to, was, names, real, dice):
        """Makes the folder `to` of the durable folder `number`; `was`: where it is now, or None."""
        to.mkdir(mode=0o700)
        shadow = self.shadow / "dirs" / number
        durable = {p.name: p for p in shadow.iterdir()} if shadow.is_dir() else {}
        if was is not None and was.is_dir():
            shutil.copystat(was, to)
        chosen = dict(durable)
        if dice is not None and was is not None and was.is_dir() and dice.random() < 0.5:
            chosen = {p.name: p for p in was.iterdir() if p.is_dir() or p.is_file()}
        forgotten = 0
        for name, path in sorted(chosen.items()):
            if path.is_symlink():  # a durable folder
                now = was / name if was is not None and (was / name).is_dir() else None
                forgotten += self.folder(os.readlink(path), to / name, now, names, real, dice)
            elif path.is_dir():  # a folder that is there now
                forgotten += self.folder(str(path.stat().st_ino), to / name, path, names, real, dice)
            elif path.parent == shadow:
                now = real.get(names.get(path.stat().st_ino))
                forgotten += lost(path, now, to / name, dice)
            else:
                kept = self.shadow / "data" / str(path.stat().st_ino)
                forgotten += lost(kept if kept.is_file() else None, path, to / name, dice)
        return forgotten

    def close(self):
        self.memory.close()


@functools.cache
def sanitizers(program):
    """The sanitizers' libraries that program is linked with: they insist on being the first ones, and
    call the shim as they would the C library."""
    linked = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return re.findall(r"=> (\S+/lib(?:asan|tsan|ubsan)\.so\S*)", linked)


def lost(durable, now, to, dice):
    """Writes `to`: the durable bytes, with some sectors of `now` where dice says so."""
    was_n = durable.stat().st_size if durable is not None else 0
    now_n = now.stat().st_size if now is not None else was_n
    size, keep = was_n, 0.0
    if dice is not None and now is not None:
        size = dice.choice((was_n, now_n))
        keep = dice.choice((0.0, 0.3, 0.7, 1.0))
    forgotten = 0
    with open(to, "wb") as out:
        for at in range(0, max(was_n, now_n), CHUNK):
            old, new = read_at(durable, at, was_n), read_at(now, at, now_n)
            out.seek(at)
            if now is None or old == new:
                put(out, at, old[:max(0, size - at)])
                continue
            mixed = bytearray()
            for i in range(0, CHUNK, SECTOR):
                a, b = old[i:i + SECTOR], new[i:i + SECTOR]
                if a == b or keep == 0.0 or dice.random() >= keep:
                    forgotten += sum(x != y for x, y in zip(a, b)) if a != b else 0
                    b = a
                mixed += b
            put(out, at, bytes(mixed[:max(0, size - at)]))
        out.truncate(size)
    os.chmod(to, (now.stat().st_mode if now is not None else 0o600) & 0o7777)
    return forgotten


def read_at(path, at, size):
    """CHUNK bytes, zeros where the file has none."""
    if path is None or at >= size:
        return bytes(CHUNK)
    with open(path, "rb") as f:
        f.seek(at)
        data = f.read(CHUNK)
    return data + bytes(CHUNK - len(data))


def put(out, at, data):
    if data.strip(b"\0"):
        out.seek(at)
        out.write(data)


def clock_jump(disk, seconds):
    """The daemon's wall clock goes on `seconds` from where it is."""
    disk.set(clock_ns=disk.get("clock_ns") + int(seconds * 1e9))
    return time.time() + disk.get("clock_ns") / 1e9

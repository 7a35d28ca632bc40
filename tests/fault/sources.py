# SPDX-License-Identifier: EUPL-1.2
"""What is logged: sources that write numbered lines, each in a thread of its own, and remember what they
wrote, to whom and when. A number is written once; who loses it cannot get it again from here.

A line's text ends in `numbered NAME NUMBER.`: only a whole line has the dot, so a line cut by the end of
a connection never counts as the one that it was to be.
"""
import datetime
import gzip
import os
import pathlib
import random
import re
import shutil
import socket
import threading
import time

NUMBERED = re.compile(r"numbered ([a-z0-9]+) (\d{9})\.$")
TICK_S = 0.02


class Source(threading.Thread):
    """rate lines a second, with `pad` bytes that do not compress. Settings of the agent's input: conf."""
    reread = True  # the agent can read it again: nothing at all may be lost

    def __init__(self, name, rate, pad, seed):
        super().__init__(daemon=True)
        self.name_, self.rate, self.pad = name, rate, pad
        self.dice = random.Random(f"{seed} {name}")
        self.written = 0          # numbers given out so far
        self.lock = threading.RLock()  # held while a line is written, and by faults that touch the place
        self.ended = threading.Event()
        self.problem = None
        self.extra = 0            # to be written at once, by burst

    def run(self):
        owed, last = 0.0, time.monotonic()
        try:
            while not self.ended.is_set():
                now = time.monotonic()
                owed, last = min(owed + (now - last) * self.rate, self.rate), now
                with self.lock:
                    n, self.extra = int(owed) + self.extra, 0
                    owed -= int(owed)
                    self.put(n)
                time.sleep(TICK_S)
        except Exception as why:  # pylint: disable=broad-except
            self.problem = f"source {self.name_}: {why!r}"
            raise

    def lines(self, n):
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        made = [f"{now} palvelin1 faults[7]: {self.dice.randbytes(self.pad).hex()} "
                f"numbered {self.name_} {k:09}.\n" for k in range(self.written, self.written + n)]
        self.written += n
        return made

    def burst(self, n):
        with self.lock:
            self.extra += n

    def end(self):
        self.ended.set()
        self.join()


class Files(Source):
    """Lines go to `count` files in turn; any of them can be rotated at any moment between two lines."""

    def __init__(self, name, rate, pad, seed, folder, count=1):
        super().__init__(name, rate, pad, seed)
        self.dir = pathlib.Path(folder)
        self.dir.mkdir()
        self.paths = [self.dir / f"{name}{k or ''}.log" for k in range(count)]
        self.next, self.generation = 0, 0
        self.gone = 0  # numbers below it are in files that were taken away, read to their end
        self.out = {}
        self.conf = {"type": "file", "id": name, "paths": [str(self.dir / "*.log")], "poll_ms": "1s"}
        for path in self.paths:
            self.open(path)

    def open(self, path, flags=os.O_APPEND):
        old = self.out.get(path)
        if old is not None:
            os.close(old)
        self.out[path] = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)

    def put(self, n):
        if n == 0:
            return
        share = -(-n // len(self.paths)) if n >= len(self.paths) * 4 else n
        while n > 0:
            path = self.paths[self.next % len(self.paths)]
            self.next += 1
            take = min(n, share)
            data = "".join(self.lines(take)).encode()
            if self.dice.random() < 0.2 and len(data) > 2:  # a line may come in two pieces
                at = self.dice.randrange(1, len(data))
                os.write(self.out[path], data[:at])
                time.sleep(0.001)
                data = data[at:]
            os.write(self.out[path], data)
            n -= take

    def last_line(self):
        """Writes one more line and gives its number: when it has come, all before it have been read."""
        with self.lock:
            first = self.written
            for _ in self.paths:
                self.put(1)
            return range(first, self.written)

    # --- what happens to log files ---

    def shift(self, path, keep=6):
        """logrotate's way: .1 becomes .2 and so on. Returns the free name .1."""
        for k in range(keep - 1, 0, -1):
            for end in ("", ".gz"):
                old = path.with_name(f"{path.name}.{k}{end}")
                if old.exists():
                    os.rename(old, path.with_name(f"{path.name}.{k + 1}{end}"))
        return path.with_name(f"{path.name}.1")

    def rotate(self, path, squeeze):
        """The log becomes .1; squeeze: compressed at once."""
        with self.lock:
            first = self.shift(path)
            os.rename(path, first)
            self.open(path)
        if squeeze:
            compress(first)

    def copy_truncate(self, path):
        with self.lock:
            shutil.copyfile(path, self.shift(path))
            time.sleep(self.dice.choice((0, 0.03)))  # the agent may look at the copy meanwhile
            os.truncate(path, 0)

    def replace(self, path):
        """An editor's save: the same content under another inode, which from now on is the log."""
        with self.lock:
            fresh = path.with_name(f".{path.name}.new")
            shutil.copyfile(path, fresh)
            os.rename(fresh, path)
            self.open(path)

    def same_inode(self, path, tries=200):
        """Deletes the log and makes it anew until it has the old inode. False: the file system never did."""
        with self.lock:
            os.close(self.out.pop(path))
            old = path.stat().st_ino
            path.unlink()
            self.gone = self.written
            for k in range(tries):
                self.open(path)
                if path.stat().st_ino == old:
                    return True
                os.rename(path, path.with_name(f".filler{k}"))
            self.open(path)
            return False

    def new_folder(self):
        """The folder is moved away and made anew; the writer goes on in the new one."""
        with self.lock:
            self.generation += 1
            self.gone = self.written
            os.rename(self.dir, self.dir.with_name(f"{self.dir.name}.old{self.generation}"))
            self.dir.mkdir()
            for path in self.paths:
                self.open(path)


    # --- what happens to the whole machine ---

    def mark(self):
        """What go_back goes back to. Logs must not be rotated until then."""
        with self.lock:
            return self.written, {path: path.stat().st_size for path in self.paths}

    def go_back(self, mark):
        """The files hold what they held. Gives the numbers that were written since."""
        with self.lock:
            for path, size in mark[1].items():
                os.truncate(path, size)
            return range(mark[0], self.written)

    def readable(self):
        """(name, number) of what stands in the files that the input's paths name."""
        found = (re.findall(r"numbered ([a-z0-9]+) (\d{9})\.\n", path.read_text(encoding="utf-8"))
                 for path in self.paths)
        return {(name, int(n)) for lines in found for name, n in lines}


def compress(path):
    """gzip's way: the new file is whole before the old one goes."""
    target = path.with_name(path.name + ".gz")
    with open(path, "rb") as plain, gzip.open(target, "wb", 1) as out:
        shutil.copyfileobj(plain, out)
    stat = path.stat()
    os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    path.unlink()


class Stream(Source):
    """Syslog over TCP. A sender that is cut off connects again and goes on with the next line, as rsyslog
    does: what sat in the socket is gone. `sent` says which numbers went over which connection."""
    reread = False

    def __init__(self, name, rate, pad, seed, port):
        super().__init__(name, rate, pad, seed)
        self.port, self.sock, self.sent = port, None, []
        self.todo = b""
        self.conf = {"type": "syslog-tcp", "id": name, "listen": f"127.0.0.1:{port}"}

    def connect(self):
        sock = socket.socket()
        sock.settimeout(1)
        try:
            sock.connect(("127.0.0.1", self.port))
        except OSError:
            sock.close()
            return False
        sock.setblocking(False)
        self.sock, self.todo = sock, b""
        # from: the first number; whole: behind the last one that the kernel took to its end
        self.sent.append({"from": self.written, "whole": self.written, "broken": False})
        return True

    def put(self, n):
        if self.sock is None and not self.connect():
            return
        try:
            if self.sock.recv(1) == b"":
                self.broken()
                return
        except BlockingIOError:
            pass
        except OSError:
            self.broken()
            return
        if n > 0 and not self.todo:
            self.todo = "".join(self.lines(n)).encode()
        try:
            while self.todo:
                self.todo = self.todo[self.sock.send(self.todo):]
                self.sent[-1]["whole"] = self.written - self.todo.count(b"\n")
        except BlockingIOError:
            pass
        except OSError:
            self.broken()

    def broken(self):
        self.sock.close()
        self.sock = None
        # Lines that were given to no kernel have never been sent: their numbers come again.
        self.sent[-1]["broken"] = True
        self.written = self.sent[-1]["whole"] + (1 if self.todo else 0)
        self.todo = b""

    def end(self):
        super().end()
        end = time.monotonic() + 30
        while self.todo and self.sock is not None and time.monotonic() < end:
            with self.lock:
                self.put(0)
            time.sleep(TICK_S)
        if self.sock is not None:
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.close()


class Datagrams(Source):
    """Syslog over UDP, or to a unix datagram socket. Nobody answers: `sent` are the numbers that the
    kernel took; one that it refused (nobody listens, or the unix socket is full) reached no socket."""
    reread = False

    def __init__(self, name, rate, pad, seed, address, receive_buffer):
        super().__init__(name, rate, pad, seed)
        self.unix = isinstance(address, str)
        self.address, self.sent = address, []
        self.quiet = threading.Event()  # set by who must know exactly what has been sent
        self.sock = socket.socket(socket.AF_UNIX if self.unix else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        where = {"path": address} if self.unix else {"listen": f"127.0.0.1:{address[1]}"}
        self.conf = {"type": "syslog-unix" if self.unix else "syslog-udp", "id": name,
                     "receive_buffer_bytes": receive_buffer, **where}

    def put(self, n):
        if self.quiet.is_set():
            return
        for line in self.lines(n):
            try:
                self.sock.sendto(line.encode(), self.address)
            except OSError:
                continue
            self.sent.append(self.written - 1)

    def lines(self, n):
        for _ in range(n):
            yield from super().lines(1)

    def nudge(self):
        """One datagram more, so that the agent is told what the kernel dropped before it."""
        with self.lock:
            was, self.quiet = self.quiet, threading.Event()
            self.put(1)
            self.quiet = was


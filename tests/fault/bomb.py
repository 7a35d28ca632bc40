#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""What a sender that was let in may try."""
import os
import struct
import zlib

from faultlib import Lines, check, chosen, judge, main, settle, world
from lib import check_memory
from rawsender import Sender


def bomb(build):
    """a decompression bomb of a sender that was let in: it is cut off, memory stays, others go on"""
    with world(build) as w:
        before = rss(w.process("collector").pid)
        for size in (2 << 20, 1 << 30):
            packer = zlib.compressobj(9)
            head = b"2J" + struct.pack(">II", 1, size)
            frame = packer.compress(head)
            chunk = b" " * (1 << 20)
            for _ in range(size >> 20):
                frame += packer.compress(chunk)
            frame += packer.flush()
            for _ in range(20):
                sender = Sender(w.agent, w.reg.port)
                sender.tls.sendall(b"2W\0\0\0\1" + b"2C" + struct.pack(">I", len(frame)) + frame)
                check(cut_off(sender), "the bomb was taken")
                sender.close()
        after = rss(w.process("collector").pid)
        print(f"# {before} KiB resident before, {after} KiB after 40 bombs of up to 1 GiB")
        check_memory(after < before + (24 << 10), "the bombs left memory behind")
        feed = Lines(w.log, 3000)
        settle(w, feed)
        judge(w, feed)


def cut_off(sender):
    """True when the other end closes, and acknowledges nothing."""
    try:
        return sender.tls.recv(16) == b""
    except OSError:
        return True


def rss(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 10


CASES = (bomb,)

if __name__ == "__main__":
    main(*chosen(CASES))

# SPDX-License-Identifier: EUPL-1.2
"""A benchmark's figures count only where what came out equals what went in: the lines that were
written, each exactly once in the collector's queue, as the judge of the fault tests reads it."""
import re
import shutil
import struct
import sys
import zlib

from bench import ROOT
from judge import BLOCK, RECORD, Damage, Judge

assert ROOT  # bench makes judge importable


def prepare(path, lines):
    """Writes the lines to path, so that making them is not measured; the offset of each, and bytes."""
    offsets, at = set(), 0
    with open(path, "wb") as out:
        for line in lines:
            raw = line.encode()
            offsets.add(at)
            at += len(raw)
            out.write(raw)
    return offsets, at


def append(source, target):
    with open(source, "rb") as inp, open(target, "ab") as out:
        shutil.copyfileobj(inp, out, 1 << 20)


def metric(text, name):
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)
    return int(sum(float(v) for v in found))


class Count(Judge):
    """Takes each event of the queue off the list of the lines that were written."""

    def __init__(self, path, offsets):
        super().__init__(None)
        self.path, self.left, self.total = str(path), set(offsets), 0

    def event(self, tenant, sender, epoch, number, seq, received_ns, event):
        self.total += 1
        log = event.get("log", {})
        if log.get("file", {}).get("path") != self.path:
            return
        if log["offset"] not in self.left:
            sys.exit(f"the line at byte {log['offset']} is in the queue twice: no figures")
        self.left.remove(log["offset"])


def judged(reg, path, offsets):
    """Events in the queue. Ends the program unless each line of path is there once."""
    count = Count(path, offsets)
    count.folder(reg.state / "queue")
    if count.faults:
        sys.exit("the queue is damaged: no figures")
    if count.left:
        sys.exit(f"{len(count.left)} of {len(offsets)} lines are not in the queue: no figures")
    return count.total


class Blocks(Judge):
    """Tells what blocks hold without reading the events' JSON: how many events, and the sum of their
    checksums, by which they are compared with what was sent, in whatever order. marked: events that
    hold `mark`."""

    META = re.compile(rb'^\{"@metadata":\{"vartio":\{[^}]*\}\},?')

    BEAT = re.compile(rb'^(\{"@timestamp":"[^"]*",)"@metadata":\{[^}]*\},')

    def __init__(self, keep=None, mark=b""):
        super().__init__(None)
        self.events = self.sum = self.bytes = self.marked = 0
        self.mark = mark
        self.runs, self.keep = {}, keep

    @staticmethod
    def record(data, at, salt):
        """As the judge's, but for the checksum, which takes Python a second for 6 MB: each block's
        own, zlib's, is looked at instead."""
        length, _crc, number, kind = RECORD.unpack_from(data, at)[:4]
        end = at + RECORD.size + (length + 7) // 8 * 8
        if number == 0 or end > len(data):
            return None, None, None
        return end, kind, data[at + RECORD.size:at + RECORD.size + length]

    def block(self, payload):
        head = BLOCK.unpack_from(payload)
        at = BLOCK.size + head[1] + head[2]
        sender = payload[BLOCK.size + head[1]:at]
        if self.frame(payload[at:], head[0]) != head[4]:
            raise Damage("other events than it says")
        self.runs.setdefault((sender, head[5]), []).append((head[8], head[4]))
        if self.keep is not None and head[4] > 1:
            self.keep.write(struct.pack("<I", len(payload) - at) + payload[at:])

    def frame(self, frame, kind=1):
        plain = zlib.decompress(frame)
        at = n = 0
        while at < len(plain):
            length, = struct.unpack_from(">I", plain, at + 6)
            text = plain[at + 10:at + 10 + length]
            if n == 0:
                text = self.META.sub(b"{", text)
            if kind == 3:  # a Beat's, as it came
                text = self.BEAT.sub(rb"\1", text)
            self.sum += zlib.crc32(text)
            self.bytes += length
            self.marked += self.mark in text
            at += 10 + length
            n += 1
        self.events += n
        return n


def blocks_of_queue(reg, keep=None, mark=b""):
    """The Blocks of a collector's queue. Ends the program unless each sender's events are there once,
    numbered without a gap."""
    blocks = Blocks(keep, mark)
    blocks.folder(reg.state / "queue")
    if blocks.faults:
        sys.exit("the queue is damaged: no figures")
    for (sender, _epoch), runs in blocks.runs.items():
        expected = 1
        for first, n in sorted(runs):
            if first != expected:
                sys.exit(f"{sender}: event {first} where {expected} was expected: no figures")
            expected += n
    return blocks


def blocks_of_file(path):
    """The Blocks of a file that blocks_of_queue kept."""
    blocks, data, at = Blocks(), path.read_bytes(), 0
    while at < len(data):
        size, = struct.unpack_from("<I", data, at)
        blocks.frame(data[at + 4:at + 4 + size])
        at += 4 + size
    return blocks

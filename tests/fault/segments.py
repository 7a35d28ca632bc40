# SPDX-License-Identifier: EUPL-1.2
"""Damage on purpose: where the records of a log of ours stand (docs/formats.md, "Segments")."""
import collections
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
# pylint: disable=wrong-import-position
import judge


def records(path):
    """(first byte, byte behind, kind, payload) of each sound record of one file."""
    data = path.read_bytes()
    salt, at = judge.FILE_HEADER.unpack_from(data)[5], judge.FILE_HEADER.size
    while at + judge.RECORD.size <= len(data):
        end, kind, payload = judge.Judge.record(data, at, salt)
        if end is None:
            return
        yield at, end, kind, payload
        at = end


def files(folder):
    return sorted(p for p in pathlib.Path(folder).glob("*.seg"))


def blocks(folder):
    """(file, first byte, byte behind, payload) of each block record of a log, oldest first."""
    return [(path, at, end, payload) for path in files(folder)
            for at, end, kind, payload in records(path) if kind == 1]


def flip(path, at, bit=0):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 1 << bit]))


def spool_events(payload):
    """How many events a block of the spool holds."""
    return int.from_bytes(payload[40:44], "little")


def queue_events(payload):
    """The same of the queue's."""
    return int.from_bytes(payload[4:8], "little")


# --- whole records, in the order of their log ---

BLOCK, HEAD = 1, judge.RECORD.size
Entry = collections.namedtuple("Entry", "path at end number kind unsynced payload")


def entries(folder):
    """Each sound record of a log, oldest first."""
    found, reader = [], judge.Judge(None)
    for path in files(folder):
        data = path.read_bytes()
        if len(data) < judge.FILE_HEADER.size:
            continue
        salt, at = judge.FILE_HEADER.unpack_from(data)[5], judge.FILE_HEADER.size
        while at is not None and at + HEAD <= len(data):
            end, kind, payload = reader.record(data, at, salt)
            if end is None:
                at = reader.sound_behind(data, at + 8, salt)
                continue
            _, _, number, _, _, unsynced = judge.RECORD.unpack_from(data, at)
            found.append(Entry(path, at, end, number, kind, unsynced, payload))
            at = end
    return found


def shown(entry, found):
    """True when a record behind it shows that it had been synced (docs/formats.md)."""
    return any(r.number - r.unsynced > entry.number or r.path != entry.path
               for r in found if r.number > entry.number)


def torn(last, like, dice):
    """Writes the beginning of a record behind the last one, no further than some byte of it."""
    data = like.path.read_bytes()[like.at:like.end]
    record = bytearray(data[:dice.randrange(1, max(2, HEAD + len(like.payload)))])
    record[8:16] = (last.number + 1).to_bytes(8, "little")[:len(record[8:16])]
    with open(last.path, "r+b") as f:
        f.seek(last.end)
        f.write(record)

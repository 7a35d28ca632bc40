#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""The judge of the fault tests: reads a collector's queue by docs/formats.md alone, with no code of
Vartio's, and prints one JSON object a line for each event that is stored in it:
  {"tenant": ..., "sender": ..., "epoch": "16 hex", "seq": N, "block": N, "id": ..., "event": {...}}
Usage: judge.py FOLDER   (STATE/queue, or the folder of its segments)
Exit code: 0 everything read; 1 something was damaged (reasons on stderr; what is sound is printed).
A torn tail at the end of the last file is no damage: it was never acknowledged."""
import json
import pathlib
import struct
import sys
import zlib

FILE_HEADER = struct.Struct("<8sIIQQ8s8s")
RECORD = struct.Struct("<IIQB3sI")
BLOCK = struct.Struct("<BBBBIQQQQqII")

CRC_TABLE = []
for _n in range(256):
    _c = _n
    for _ in range(8):
        _c = (_c >> 1) ^ 0x82F63B78 if _c & 1 else _c >> 1
    CRC_TABLE.append(_c)


def crc32c(*parts):
    crc = 0xFFFFFFFF
    table = CRC_TABLE
    for part in parts:
        for byte in part:
            crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


class Damage(Exception):
    pass


class Judge:
    MAGIC = b"VTQUEUE\0"  # of the log that it reads

    def __init__(self, out):
        self.out = out
        self.faults = 0

    def fault(self, text):
        self.faults += 1
        print(f"judge: {text}", file=sys.stderr)

    def folder(self, path):
        path = pathlib.Path(path)
        if (path / "log").is_dir():
            path = path / "log"
        files = sorted(p for p in path.iterdir()
                       if p.suffix == ".seg" and len(p.stem) == 16)
        for p in files:
            self.file(p, last=p == files[-1])

    def bytes_of(self, path):
        return path.read_bytes()

    def file(self, path, last):
        data = self.bytes_of(path)
        if len(data) < FILE_HEADER.size or not any(data[:FILE_HEADER.size]):
            if not last:
                self.fault(f"{path}: no header")
            return
        magic, version, crc, number, _first, salt, _zero = FILE_HEADER.unpack_from(data)
        if magic != self.MAGIC or version not in (1, 2) or number != int(path.stem, 16) or \
                crc != crc32c(data[:12], data[16:FILE_HEADER.size]):
            self.fault(f"{path}: bad header")
            return
        at = FILE_HEADER.size
        while at + RECORD.size <= len(data):
            end, kind, payload = self.record(data, at, salt)
            if end is None:
                rest = data[at:].rstrip(b"\0")
                if rest and not (last and not self.sound_behind(data, at + 8, salt)):
                    self.fault(f"{path}: damaged at byte {at}")
                    end = self.sound_behind(data, at + 8, salt)
                if end is None:
                    return
                at = end
                continue
            if kind == 1:
                try:
                    self.block(payload)
                except (Damage, zlib.error, struct.error, ValueError) as e:
                    self.fault(f"{path}: block at byte {at}: {e}")
            at = end

    @staticmethod
    def record(data, at, salt):
        """(end, kind, payload) of the record at `at`, or three Nones."""
        length, crc, number, kind, zeros, _unsynced = RECORD.unpack_from(data, at)
        end = at + RECORD.size + (length + 7) // 8 * 8
        if number == 0 or any(zeros) or end > len(data):
            return None, None, None
        payload = data[at + RECORD.size:at + RECORD.size + length]
        if crc32c(salt, data[at:at + 4], data[at + 8:at + RECORD.size], payload) != crc:
            return None, None, None
        return end, kind, payload

    def sound_behind(self, data, at, salt):
        end = len(data.rstrip(b"\0"))  # a file is made long before it is full
        while at + RECORD.size <= len(data) and at < end:
            if self.record(data, at, salt)[0] is not None:
                return at
            at += 8
        return None

    def block(self, payload):
        (kind, tenant_n, sender_n, _zero, events, epoch, number, floor, first_seq, received_ns, crc,
         _zero4) = BLOCK.unpack_from(payload)
        at = BLOCK.size
        tenant = payload[at:at + tenant_n].decode()
        at += tenant_n
        sender = payload[at:at + sender_n].decode()
        at += sender_n
        frame = payload[at:]
        if crc32c(frame) != crc:
            raise Damage("the frame's checksum is wrong")

        def each(n, event):
            if n == 1 and kind == 1:
                self.meta(event, epoch, number, first_seq, floor)
            if kind == 3:  # a Beat's, as it came: "@metadata" speaks of the transport
                event.pop("@metadata", None)
            self.event(tenant, sender, epoch, number, first_seq + n - 1, received_ns, event)
        self.events_of(frame, events, each)

    @staticmethod
    def events_of(frame, events, each):
        """each(n, event) for the events of a `C` frame's payload, n from 1."""
        inflater = zlib.decompressobj()
        plain = inflater.decompress(frame) + inflater.flush()
        if not inflater.eof or inflater.unused_data:
            raise Damage("the frame is not one whole zlib stream")
        at = n = 0
        while at < len(plain):
            if plain[at:at + 2] != b"2J":
                raise Damage("a frame that is not an event")
            seq, length = struct.unpack_from(">II", plain, at + 2)
            n += 1
            if seq != n or at + 10 + length > len(plain):
                raise Damage(f"frame {n} is numbered {seq}, {length} bytes")
            each(n, json.loads(plain[at + 10:at + 10 + length]))
            at += 10 + length
        if n != events:
            raise Damage(f"{n} events where {events} were announced")

    @staticmethod
    def meta(event, epoch, number, first_seq, floor):
        """What the agent wrote into the block must be what the collector filed it under."""
        meta = event.pop("@metadata", {}).get("vartio", {})
        if meta and (int(meta["epoch"], 16), meta["block"], meta["first_seq"], meta["floor"]) != \
                (epoch, number, first_seq, floor):
            raise Damage(f"block {number} of epoch {epoch:016x} says it is {meta}")

    def event(self, tenant, sender, epoch, number, seq, received_ns, event):
        self.out.write(json.dumps({
            "tenant": tenant, "sender": sender, "epoch": f"{epoch:016x}", "seq": seq,
            "block": number, "id": f"{sender}-{epoch:016x}-{seq}", "received_ns": received_ns,
            "event": event}, ensure_ascii=False) + "\n")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogatepass")
    judge = Judge(sys.stdout)
    judge.folder(sys.argv[1])
    sys.exit(1 if judge.faults else 0)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: EUPL-1.2
"""Writes EVTX files, the format of Windows's event logs, from events as XML: file header, chunks of 64
KiB, records of binary XML. Each record is the instance of a template, as Windows writes them: what is
the same in all events of a kind stands in the template, what is not are its values, by type. Made from
the published description of the format; `tests/conformance/evtx.py` reads what it makes with libevtx,
and libraries of others (python-evtx, the Rust crate evtx) were found to read the same from it."""
import datetime
import struct
import uuid
import xml.etree.ElementTree as ET
import zlib

CHUNK = 65536
HEAD = 512  # of a chunk: the header, 64 places of names, 32 of templates
STRING, U8, U16, U32, U64, FILETIME, SID, HEX32, HEX64, NULL = 1, 4, 6, 8, 10, 17, 19, 20, 21, 0
TYPES = {  # of what is no text, by path; of EventData, by name
    "Event/System/EventID": U16, "Event/System/Version": U8, "Event/System/Level": U8,
    "Event/System/Task": U16, "Event/System/Opcode": U8, "Event/System/Keywords": HEX64,
    "Event/System/TimeCreated@SystemTime": FILETIME, "Event/System/EventRecordID": U64,
    "Event/System/Execution@ProcessID": U32, "Event/System/Execution@ThreadID": U32,
    "Event/System/Security@UserID": SID, "Event/System/EventID@Qualifiers": U16,
    "SubjectUserSid": SID, "TargetUserSid": SID, "SubjectLogonId": HEX64, "TargetLogonId": HEX64, "Status": HEX32,
    "SubStatus": HEX32, "AccessMask": HEX32, "NewProcessId": HEX64, "LogonType": U32, "KeyLength": U32,
}
SIZES = {U8: "<B", U16: "<H", U32: "<I", U64: "<Q", HEX32: "<I", HEX64: "<Q", FILETIME: "<Q"}


def filetime(text):
    base, _, fraction = text.rstrip("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(base.replace(" ", "T")) - datetime.datetime(1601, 1, 1)
    return int(seconds.total_seconds()) * 10**7 + int(fraction.ljust(7, "0")[:7] or 0)


def sid(text):
    parts = [int(p) for p in text.split("-")[1:]]
    return struct.pack("<BB", parts[0], len(parts) - 2) + parts[1].to_bytes(6, "big") + b"".join(
        struct.pack("<I", p) for p in parts[2:])


def packed(kind, text):
    """-> (type, bytes) of a value; text that its type cannot hold stays text"""
    try:
        if kind == SID:
            return SID, sid(text)
        if kind == FILETIME:
            return FILETIME, struct.pack("<Q", filetime(text))
        if kind != STRING and (kind not in (HEX32, HEX64) or text == hex(int(text, 0))):
            return kind, struct.pack(SIZES[kind], int(text, 0))
    except (ValueError, struct.error, OverflowError):
        pass
    return STRING, text.encode("utf-16-le")


def name_hash(name):
    value = 0
    for unit in struct.unpack(f"<{len(name)}H", name.encode("utf-16-le")):
        value = (value * 65599 + unit) & 0xffffffff
    return value & 0xffff


class Chunk:
    def __init__(self, first):
        self.data = bytearray(HEAD)
        self.first = self.last = first
        self.count = 0
        self.last_at = 0
        self.names, self.templates = {}, {}

    def name(self, out, at, name):
        """Appends a reference to a name, and the name itself where it is the first of the chunk. at:
        where out begins in the chunk."""
        if name in self.names:
            out += struct.pack("<I", self.names[name])
            return
        place = at + len(out) + 4
        self.names[name] = place
        out += struct.pack("<IIHH", place, 0, name_hash(name), len(name)) + name.encode("utf-16-le") + b"\0\0"

    def element(self, out, at, element, path, values):
        tag = element.tag.rpartition("}")[2]
        path = f"{path}/{tag}" if path else tag
        atts = list(element.attrib.items())
        if "}" in element.tag and "/" not in path:
            atts.insert(0, ("xmlns", element.tag[1:].partition("}")[0]))
        out += struct.pack("<BH", 0x41 if atts else 0x01, 0xffff)
        size_at = len(out)
        out += b"\0\0\0\0"
        self.name(out, at, tag)
        if atts:
            list_at = len(out)
            out += b"\0\0\0\0"
            for i, (key, text) in enumerate(atts):
                out.append(0x46 if i + 1 < len(atts) else 0x06)
                self.name(out, at, key.rpartition("}")[2])
                self.value(out, text, TYPES.get(f"{path}@{key}", STRING), values, key in ("xmlns", "Name", "Guid"))
            struct.pack_into("<I", out, list_at, len(out) - list_at - 4)
        if len(element) or element.text:
            out.append(0x02)
            if element.text and (element.text.strip() or not len(element)):
                self.value(out, element.text, TYPES.get(element.get("Name", path), STRING), values, False)
            for child in element:
                self.element(out, at, child, path, values)
            out.append(0x04)
        else:
            out.append(0x03)
        struct.pack_into("<I", out, size_at, len(out) - size_at - 4)

    @staticmethod
    def value(out, text, kind, values, fixed):
        """The text itself where it belongs to the template, else the place of a value."""
        if fixed:
            out += struct.pack("<BBH", 0x05, STRING, len(text.encode("utf-16-le")) // 2) + text.encode("utf-16-le")
            return
        kind, data = packed(kind, text)
        out += struct.pack("<BHB", 0x0e if kind == NULL else 0x0d, len(values), kind)
        values.append((kind, data))

    def record(self, number, time, root):
        """-> the record's bytes, to stand at the end of the data; None: it does not fit"""
        names, templates = dict(self.names), dict(self.templates)
        at = len(self.data)
        out = bytearray(24) + b"\x0f\x01\x01\x00\x0c\x01"
        values = []
        probe = Chunk(0)
        probe.element(bytearray(), 0, root, "", values)
        shape = (ET.tostring(blank(root)), tuple(kind for kind, _ in values))
        known = self.templates.get(shape)
        ident = uuid.uuid5(uuid.NAMESPACE_URL, repr(shape)).bytes_le
        if known:
            out += ident[:4] + struct.pack("<I", known)
        else:
            place = at + len(out) + 8
            self.templates[shape] = place
            out += ident[:4] + struct.pack("<II", place, 0) + ident + b"\0\0\0\0"
            size_at = len(out) - 4
            out += b"\x0f\x01\x01\x00"
            self.element(out, at, root, "", [])
            out.append(0)
            struct.pack_into("<I", out, size_at, len(out) - size_at - 4)
        out += struct.pack("<I", len(values))
        for kind, data in values:
            out += struct.pack("<HBB", len(data), kind, 0)
        for _, data in values:
            out += data
        out.append(0)
        out += b"\0" * (-len(out) % 8 + 4)
        size = len(out)
        out[:24] = struct.pack("<4sIQQ", b"**\0\0", size, number, time)
        out[-4:] = struct.pack("<I", size)
        if at + size > CHUNK or any(len(data) > 65535 for _, data in values):
            self.names, self.templates = names, templates
            return None
        return bytes(out)

    def add(self, number, time, root):
        record = self.record(number, time, root)
        if record is None:
            return False
        self.last_at = len(self.data)
        self.data += record
        self.last = number
        self.count += 1
        return True

    def finish(self, first_number):
        """first_number: of its first record in the file"""
        end = len(self.data)
        struct.pack_into("<8sQQQQIIII", self.data, 0, b"ElfChnk\0", first_number,
                         (first_number + self.count - 1) % 2**64 if self.count else 2**64 - 1, self.first,
                         self.last if self.count else 2**64 - 1, 128, self.last_at, end,
                         zlib.crc32(self.data[HEAD:end]))
        for place in self.names.values():  # 64 lists, by hash; the newest first
            bucket = 128 + 4 * (struct.unpack_from("<H", self.data, place + 4)[0] % 64)
            self.data[place:place + 4] = self.data[bucket:bucket + 4]
            struct.pack_into("<I", self.data, bucket, place)
        for place in self.templates.values():
            bucket = 384 + 4 * (struct.unpack_from("<I", self.data, place + 4)[0] % 32)
            self.data[place:place + 4] = self.data[bucket:bucket + 4]
            struct.pack_into("<I", self.data, bucket, place)
        struct.pack_into("<I", self.data, 52, zlib.crc32(self.data[HEAD:end]))
        struct.pack_into("<I", self.data, 124, zlib.crc32(self.data[:120] + self.data[128:HEAD]))
        return bytes(self.data).ljust(CHUNK, b"\0")


def blank(element):
    """The same element without what becomes a value: what events of a template have in common."""
    copy = ET.Element(element.tag, {k: v if k in ("Name", "Guid") else "" for k, v in element.attrib.items()})
    copy.text = "x" if element.text and (element.text.strip() or not len(element)) else None
    copy.extend([blank(child) for child in element])
    return copy


def find(root, path):
    return next((e for e in root.iter() if e.tag.rpartition("}")[2] == path), None)


def file(events):
    """The bytes of a log that holds the events, each the XML of one."""
    chunks, chunk, first, number = [], None, 1, 0
    for number, text in enumerate(events, 1):
        root = ET.fromstring(text)
        ident, stamp = find(root, "EventRecordID"), find(root, "TimeCreated")
        record = int(ident.text) if ident is not None and (ident.text or "").isdigit() else number
        time = filetime(stamp.get("SystemTime")) if stamp is not None and stamp.get("SystemTime") else 0
        if chunk is None or not chunk.add(record, time, root):
            if chunk is not None:
                chunks.append(chunk.finish(first))
                first = number
            chunk = Chunk(record)
            if not chunk.add(record, time, root):
                raise ValueError("an event is larger than a chunk")
    chunks.append((chunk or Chunk(1)).finish(first))  # an empty log has one, too
    head = bytearray(4096)
    struct.pack_into("<8sQQQIHHHH", head, 0, b"ElfFile\0", 0, max(len(chunks) - 1, 0), number + 1, 128, 1, 3,
                     4096, len(chunks))
    struct.pack_into("<I", head, 124, zlib.crc32(head[:120]))
    return bytes(head) + b"".join(chunks)

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""evtx.py BUILD-FOLDER: `vartio-agent normalise` reads Windows event logs (EVTX) and makes of each record
what it makes of the record's XML; of a damaged log it gives what can be read and says what is wrong,
whatever the damage. Prints TAP. The logs are written here (tests/helpers/evtx.py), from events made up
here, and with VARTIO_CORPUS from recorded ones."""
import gzip
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "helpers")]
sys.dont_write_bytecode = True
import evtx  # noqa: E402
from tap import plan, skip, tap  # noqa: E402

AGENT = pathlib.Path(sys.argv[1]).resolve() / "agent" / "vartio-agent"
SANITIZED = bool(os.environ.get("VARTIO_SANITIZE"))
SEED = int(os.environ.get("VARTIO_SEED", "20261123"))
NS = "http://schemas.microsoft.com/win/2004/08/events/event"
NUMBER = re.compile(r"<EventRecordID>\d*</EventRecordID>")
folder = pathlib.Path(tempfile.mkdtemp(prefix="evtx-"))


def normalise(path, *options):
    """-> exit code, events, what it said"""
    done = subprocess.run([AGENT, "normalise", *options, path], capture_output=True, timeout=300, check=False)
    if b"Sanitizer" in done.stderr or b"runtime error" in done.stderr:
        raise SystemExit(done.stderr.decode(errors="replace"))
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def log_of(data, name="log.evtx"):
    path = folder / name
    path.write_bytes(data)
    return path


def same(event):
    """What does not hang on where the event stood."""
    event = json.loads(json.dumps(event))
    event["event"].pop("created", None)
    event.pop("log", None)
    return event


def event(n, body, provider="Microsoft-Windows-Security-Auditing", code=4624):
    return (f'<Event xmlns="{NS}"><System><Provider Name="{provider}" '
            f'Guid="{{54849625-5478-4994-A5BA-3E3B0328C30D}}"/><EventID>{code}</EventID><Version>2</Version>'
            f"<Level>0</Level><Task>12544</Task><Opcode>0</Opcode><Keywords>0x8020000000000000</Keywords>"
            f'<TimeCreated SystemTime="2026-11-23T07:{n // 60 % 60:02}:{n % 60:02}.1234567Z"/>'
            f"<EventRecordID>{n}</EventRecordID><Correlation/>"
            f'<Execution ProcessID="660" ThreadID="{n % 9999 + 1}"/><Channel>Security</Channel>'
            f'<Computer>dc1.mallila.example</Computer><Security UserID="S-1-5-21-1-2-3-{n}"/></System>'
            f"{body}</Event>")


def data(**values):
    return "<EventData>" + "".join(f'<Data Name="{k}">{v}</Data>' for k, v in values.items()) + "</EventData>"


def made_up(count):
    texts = ["maija", "a &lt;b&gt; &amp; &quot;c&quot; 'd'", "päivää ✓ 😀", "C:\\Users\\x\\a.exe", "", " lead",
             "&lt;/Data&gt;&lt;/EventData&gt;&lt;/Event&gt;&lt;Event&gt;", "]]&gt;", "line\none", "x" * 3000, "%%1833"]
    for n in range(1, count + 1):
        text = texts[n % len(texts)]
        bodies = [
            data(TargetUserName=text, LogonType="10", IpAddress="192.0.2.7", SubjectUserSid="S-1-5-18",
                 SubjectLogonId="0x3e7", TargetLogonId="0x0", Status="0xc000006d", AccessMask="0x2", Text="0x0001"),
            f"<EventData><Data>{text}</Data><Data>two</Data></EventData>",
            f'<UserData><X xmlns="y"><SubjectUserName>{text}</SubjectUserName><Deep><A>1</A></Deep></X></UserData>',
            "<EventData/>", ""]
        yield event(n, bodies[n % len(bodies)], code=(4624, 4625, 1102, 4688)[n % 4])


def recorded(count):
    path = pathlib.Path(os.environ["VARTIO_CORPUS"]) / "sigma/events_open.xml.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        events = [line.rstrip("\n").split("\t", 1)[1] for line in lines]
    step = max(len(events) // count, 1)
    return [NUMBER.sub(f"<EventRecordID>{n}</EventRecordID>", e, 1) for n, e in enumerate(events[::step], 1)]


def as_xml(events, title):
    """The log's records against the same events as XML."""
    path = folder / "events.xml"
    path.write_text("\n".join(e.replace("\n", "&#10;") for e in events) + "\n", encoding="utf-8")
    _, want, _ = normalise(path, "--format", "winxml")
    code, got, said = normalise(log_of(evtx.file(events)))
    wrong = [(g, w) for g, w in zip(map(same, got), map(same, want)) if g != w]
    tap(code == 0 and not said and len(got) == len(want) == len(events) and not wrong, title,
        f"exit {code}, {len(got)} of {len(events)}, {len(wrong)} differ\n{said}\n"
        + "\n".join(json.dumps(pair, ensure_ascii=False) for w in wrong[:2] for pair in w))
    return got


def sum_chunk(log, at):
    """Makes the checksums of the chunk at `at` right again."""
    end = struct.unpack_from("<I", log, at + 48)[0]
    struct.pack_into("<I", log, at + 52, zlib.crc32(log[at + 512:at + end]))
    struct.pack_into("<I", log, at + 124, zlib.crc32(log[at:at + 120] + log[at + 128:at + 512]))


def sum_file(log):
    struct.pack_into("<I", log, 124, zlib.crc32(log[:120]))


FIRST = 4096
SECOND = FIRST + evtx.CHUNK


def record_at(log, chunk, which):
    at = chunk + 512
    for _ in range(which):
        at += struct.unpack_from("<I", log, at + 4)[0]
    return at


def cut(at):
    def act(log):
        del log[at:]
    return act


def zero(at, size):
    def act(log):
        log[at:at + size] = bytes(size)
    return act


def poke(at, fmt, value, chunk=None):
    """at: an offset, or (chunk, record, offset in it); chunk: whose sums are to be right again"""
    def act(log):
        place = record_at(log, at[0], at[1]) + at[2] if isinstance(at, tuple) else at
        struct.pack_into(fmt, log, place, value)
        if chunk is not None:
            sum_chunk(log, chunk)
        if chunk is None and place < 120:
            sum_file(log)
    return act


# What is done to a log of 120 events in several chunks; the least number of events that must come still.
DAMAGE = [
    ("nothing behind the file's header", cut(FIRST), 0),
    ("cut in the file's header", cut(100), 0),
    ("cut in the first chunk's header", cut(FIRST + 100), 0),
    ("cut in the second chunk", cut(SECOND + 20000), 10),
    ("the first chunk is zeros", zero(FIRST, evtx.CHUNK), 10),
    ("the second chunk's header is zeros", zero(SECOND, 512), 120),
    ("the second chunk is another thing", poke(SECOND, "<8s", b"ElfChnX\0"), 120),
    ("a record's mark is gone", poke((FIRST, 3, 0), "<I", 0), 10),
    ("a record says it is huge", poke((FIRST, 3, 4), "<I", 0xfffffff0, FIRST), 10),
    ("a record says it is nothing", poke((FIRST, 3, 4), "<I", 0, FIRST), 10),
    ("a record says it is a byte long", poke((FIRST, 3, 4), "<I", 1, FIRST), 10),
    ("binary XML of another version", poke((FIRST, 3, 24), "<I", 0xffffffff, FIRST), 10),
    ("a template out of the chunk", poke((FIRST, 9, 34), "<I", 0xfffffff0, FIRST), 10),
    ("a template that is the record itself", poke((FIRST, 9, 34), "<I", 512, FIRST), 10),
    ("a million values", poke((FIRST, 9, 38), "<I", 1000000, FIRST), 10),
]


def damage():
    events = list(made_up(120))
    whole = evtx.file(events)
    names = {json.dumps(same(e), sort_keys=True) for e in normalise(log_of(whole))[1]}
    for title, act, least in DAMAGE:
        log = bytearray(whole)
        act(log)
        code, got, said = normalise(log_of(bytes(log)))
        foreign = [e for e in got if "recovered" not in e.get("log", {}).get("flags", [])
                   and json.dumps(same(e), sort_keys=True) not in names]
        told = code == 1 and "log.evtx: the log" in said
        tap(told and least <= len(got) <= 120 and len(foreign) <= 1, f"damaged: {title}",
            f"exit {code}, {len(got)} events, {len(foreign)} other than they were: {said}")


def mutated():
    """Whatever is in the file: an end, in good order, and events that are JSON."""
    rng = random.Random(SEED)
    whole = evtx.file(list(made_up(40)))
    odd, slow, silent = [], 0.0, []
    for turn in range(60 if SANITIZED else 400):
        log = bytearray(whole)
        for _ in range(rng.choice((1, 1, 3, 20))):
            at = rng.choice((rng.randrange(FIRST), FIRST + rng.randrange(2048), rng.randrange(len(log))))
            kind = rng.randrange(4)
            if kind == 0:
                log[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                log[at:at + 4] = struct.pack("<I", rng.choice((0, 1, 0x7fffffff, 0xffffffff, rng.randrange(70000))))
            elif kind == 2:
                size = rng.randrange(1, 4096)
                log[at:at + size] = log[FIRST:FIRST + size]
            else:
                del log[at:at + rng.choice((1, 4, 512))]
        sum_file(log) if len(log) > 128 else None
        if turn % 2 == 0:
            for chunk in (FIRST, SECOND):
                if len(log) > chunk + evtx.CHUNK and struct.unpack_from("<I", log, chunk + 48)[0] <= evtx.CHUNK:
                    sum_chunk(log, chunk)
        start = time.monotonic()
        code, _, said = normalise(log_of(bytes(log), "mutated.evtx"))
        slow = max(slow, time.monotonic() - start)
        if code not in (0, 1):
            odd.append((turn, code, said))
        if (code == 1) != bool(said):
            silent.append((turn, code, said))
    tap(not odd, f"seed {SEED}: damage at random never breaks the program", odd)
    tap(not silent, "and it ends with 1 exactly where it says why", silent)
    print(f"# the slowest took {slow:.1f} s")


def in_its_cell():
    """The reader of the file is a process that may do next to nothing. It waits, since nobody reads."""
    path = log_of(evtx.file(list(made_up(3000))), "large.evtx")
    status = {}
    with subprocess.Popen([AGENT, "normalise", path], stdout=subprocess.PIPE) as agent:
        deadline = time.monotonic() + 60
        while status.get("Seccomp") != "2" and time.monotonic() < deadline:
            children = pathlib.Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text(encoding="ascii").split()
            try:
                text = pathlib.Path(f"/proc/{children[0]}/status").read_text(encoding="ascii") if children else ""
            except FileNotFoundError:
                text = ""
            status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
            time.sleep(0.01)
        events = agent.stdout.read().count(b"\n")
    tap(status.get("Seccomp") == "2" and status.get("NoNewPrivs") == "1" and events == 3000,
        "the log is read by a process that can only compute and write", f"{events} events, {status}")


def main():
    got = as_xml(list(made_up(300)), "a log's records become what their XML becomes")
    tap([e["winlog"].get("record_id") for e in got] == list(range(1, 301)), "in the log's order")
    tap(all("offset" not in e["log"] and e["log"]["file"]["path"].endswith("log.evtx") for e in got),
        "with the log's path")
    code, got, said = normalise(log_of(evtx.file([])))
    tap((code, got, said) == (0, [], ""), "an empty log", said)
    both = subprocess.run([AGENT, "normalise", log_of(evtx.file(list(made_up(2)))), "-"], input=b"a line\n",
                          capture_output=True, check=False)
    tap(both.returncode == 0 and both.stdout.count(b"\n") == 3, "beside other input", both.stderr)
    piped = subprocess.run([AGENT, "normalise"], input=evtx.file(list(made_up(2))), capture_output=True, check=False)
    tap(piped.returncode == 1 and not piped.stdout and b"name it" in piped.stderr, "not from a pipe", piped.stderr)
    with open(folder / "log.evtx", "rb") as log:
        done = subprocess.run([AGENT, "normalise"], stdin=log, capture_output=True, check=False)
    tap(done.returncode == 0 and done.stdout.count(b"\n") == 2, "a file as standard input", done.stderr)
    damage()
    mutated()
    if SANITIZED or os.uname().machine != "x86_64":
        skip("the reader's cell", "sanitizers and other machines have none")
    else:
        in_its_cell()
    if os.environ.get("VARTIO_CORPUS"):
        as_xml(recorded(500 if SANITIZED else 3000), "recorded events become what their XML becomes")
    plan()


try:
    main()
finally:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()

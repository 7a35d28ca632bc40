#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""winxml.py BUILD-FOLDER: `vartio-agent normalise` takes Windows events in every form in which they
come, gives one object for each in order, and reads the same from all forms; hostile input costs it
bounded time and memory. Prints TAP. The events are made up here; with VARTIO_CORPUS the recorded ones
go through the same forms too."""
import gzip
import json
import os
import pathlib
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True
import sigmahq  # noqa: E402
from tap import plan, skip, tap  # noqa: E402

FINE = b"<Event xmlns='x'><System><EventID>7</EventID></System></Event>\n"
NS = "http://schemas.microsoft.com/win/2004/08/events/event"
SANITIZED = bool(os.environ.get("VARTIO_SANITIZE"))  # slower, and its own memory is large
AGENT = pathlib.Path(sys.argv[1]).resolve() / "agent" / "vartio-agent"


def limit():
    """All that the program may map, its libraries included: what makes memory bounded a test."""
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (96 << 20, 96 << 20))


def run(data, *options):
    """-> the events, the seconds of CPU, those of the wall"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    with subprocess.Popen([AGENT, "normalise", *options], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, preexec_fn=limit) as child:
        out, _ = child.communicate(data, timeout=120)
        code = child.returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    events = [json.loads(line) for line in out.splitlines()]
    if code != 0:
        raise SystemExit(f"normalise ended with {code}")
    return events, after.ru_utime - before.ru_utime, time.monotonic() - start


def strip(event):
    event = json.loads(json.dumps(event))
    event["event"].pop("created", None)
    return event


def made_up():
    texts = ["plain", "a &lt;b&gt; &amp; &quot;c&quot;", "päivää ✓ 😀", "C:\\Users\\x\\a.exe", "",
             " lead", "x]y", "&#228;&#x1F600;", "tab\there", "'single'"]
    for i in range(60):
        data = "".join(f'<Data Name="F{k}">{texts[(i + k) % len(texts)]}</Data>'
                       for k in range(i % 9))
        if i % 3 == 1:
            data += "<Data>one</Data><Data></Data><Binary>00FF</Binary>"
        body = f"<EventData>{data}</EventData>" if i % 4 else \
            f'<UserData><Cleared xmlns="x"><Who>w{i}</Who><Apps><App>a</App><App>b</App></Apps>' \
            "</Cleared></UserData>"
        yield (f'<Event xmlns="{NS}"><System><Provider Name="Made-Up" Guid="{{1}}"/><EventID>{i}'
               f"</EventID><Version>1</Version><Level>4</Level><Task>0</Task><Opcode>0</Opcode>"
               f"<Keywords>0x8020000000000000</Keywords><TimeCreated SystemTime="
               f'"2026-03-11T05:16:41.{i:03}3274Z"/><EventRecordID>{i + 1}</EventRecordID>'
               f'<Correlation/><Execution ProcessID="852" ThreadID="968"/><Channel>Security'
               f'</Channel><Computer>dc{i}.example</Computer><Security UserID="S-1-5-18"/></System>'
               f"{body}</Event>")


def pretty(event):
    ET.register_namespace("", NS)
    tree = ET.fromstring(event)
    ET.indent(tree)
    return ET.tostring(tree, encoding="unicode")


def forms(events):
    """name -> bytes. A value's own line breaks are references in the one-line form."""
    lines = "\n".join(events) + "\n"
    root = "<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\n<Events>" + \
        "".join(events) + "</Events>\n"
    tall = "\n".join(pretty(e) for e in events) + "\n"
    tall_root = "<?xml version='1.0'?>\r\n<!-- exported -->\r\n<Export a='1>2'>\r\n" + \
        tall.replace("\n", "\r\n") + "</Export>\r\n"
    yield "one a line, CR LF", lines.replace("\n", "\r\n").encode()
    yield "no line between them", "".join(events).encode()
    yield "a root element on one line", root.encode()
    yield "a byte order mark", b"\xef\xbb\xbf" + root.encode()
    yield "pretty-printed", tall.encode()
    yield "pretty-printed in a root, CR LF", tall_root.encode()
    yield "UTF-16 LE", b"\xff\xfe" + root.replace("utf-8", "utf-16").encode("utf-16-le")
    yield "UTF-16 BE", b"\xfe\xff" + lines.encode("utf-16-be")
    yield "UTF-16 LE, pretty-printed", b"\xff\xfe" + tall_root.encode("utf-16-le")
    yield "another prefix", ("\n".join(
        e.replace("<", "<e:").replace("<e:/", "</e:").replace(" xmlns=", " xmlns:e=", 1)
        for e in events) + "\n").encode()


def same_from_all_forms(name, events):
    wanted = [strip(e) for e in run(("\n".join(events) + "\n").encode())[0]]
    tap(len(wanted) == len(events) and all(e["event"]["kind"] == "event" for e in wanted),
        f"{name}: one object for each of {len(events)} events", len(wanted))
    for form, data in forms(events):
        for options in ((), ("--format", "winxml")):
            got = [strip(e) for e in run(data, *options)[0]]
            bad = [f"{a}\n{b}" for a, b in zip(got, wanted) if a != b]
            tap(len(got) == len(wanted) and not bad,
                f"{name}: {form}{', by name' if options else ''}",
                f"{len(got)} of {len(wanted)} objects; {len(bad)} differ\n" + "\n".join(bad[:2]))


def broken_lines(events):
    """Lines cut anywhere, whole ones between: one object for each, and the whole ones are whole."""
    chance = random.Random(4)
    for form, seam in (("one a line", "\n"), ("CR LF", "\r\n")):
        lines, cut = [], []
        for i, event in enumerate(events * 5):
            cut.append(i % 3 == 1)
            lines.append(event[:chance.randrange(8, len(event) - 1)] if cut[-1] else event)
        got = run((seam.join(lines) + seam).encode())[0]
        kinds = [e["event"]["kind"] == "pipeline_error" for e in got]
        tap(kinds == cut, f"cut events, {form}: one object each, none takes another with it",
            f"{len(got)} of {len(lines)}")
        lost = [f"{line}|\n{e.get('message')}|" for e, line, c in zip(got, lines, cut)
                if c and e.get("message") != line]
        tap(not lost, f"cut events, {form}: the text is kept", "\n".join(lost))


def offsets(events):
    """log.offset is the place in the file, whatever its encoding."""
    text = "<Events>\r\n" + "".join(f"  {e}\r\n" for e in events) + "</Events>\r\n"
    for name, mark, code in (("UTF-8", b"\xef\xbb\xbf", "utf-8"),
                             ("UTF-16", b"\xff\xfe", "utf-16-le")):
        with tempfile.NamedTemporaryFile() as file:
            data = mark + text.encode(code)
            file.write(data)
            file.flush()
            got = run(b"", file.name)[0]
            bad = [e["log"]["offset"] for e in got if not data[e["log"]["offset"]:].startswith(
                "<Event ".encode(code))]
            tap(len(got) == len(events) and not bad, f"offsets in {name}", bad)


def mixed(events):
    other = ["Nov 23 10:00:00 www sshd[12]: Failed password for x from 192.0.2.9 port 1 ssh2",
             '{"a": {"b": 1}}', "<34>Oct 11 22:14:15 pc su: x", "just text", "<html>"]
    lines = [line for event, o in zip(events, other * 12) for line in (event, o)]
    got = run(("\n".join(lines) + "\n").encode())[0]
    tap([("winlog" in e) for e in got] == [True, False] * len(events),
        "other formats between events, a line each", len(got))


def hostile():
    laughs = "<!DOCTYPE l [\n<!ENTITY a0 'ha'>\n" + "".join(
        f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>\n" for i in range(1, 10)) + "]>\n"
    good = next(made_up())
    big = 100 << 20
    attributes = " ".join(f"a{i}='{i}'" for i in range(100000))
    rows = [
        ("a bomb of entities", (laughs + "<l>&a9;</l>\n").encode()),
        ("a bomb in an event", (laughs + good.replace("Made-Up", "&a9;") + "\n").encode()),
        ("an external entity", ("<!DOCTYPE e [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" +
                                good.replace("Made-Up", "&x;") + "\n").encode()),
        ("an unknown entity", (good.replace("Made-Up", "&x;") + "\n").encode()),
        ("deep", b"<Event>" + b"<a>" * 300000 + b"\n"),
        ("deep and whole", b"<Event>" + b"<a>" * 100000 + b"</a>" * 100000 + b"</Event>\n"),
        ("wide", b"<Event><EventData>" + b"<Data/>" * 140000 + b"</EventData></Event>\n"),
        ("attributes by the thousand", f"<Event><UserData><x {attributes}/></UserData></Event>\n"
         .encode()),
        ("one attribute many times", b"<Event><x " + b"a='' " * 100000 + b"/></Event>\n"),
        ("100 MB in a value", b"<Event><EventData><Data>" + b"x" * big +
         b"</Data></EventData></Event>\n"),
        ("100 MB of elements", b"<Event><EventData>" + b"<Data>x</Data>\n" * (big // 15) +
         b"</EventData></Event>\n"),
        ("100 MB in a tag", b"<Event a='" + b"x" * big + b"'/>\n"),
        ("100 MB without an end", b"<Event><![CDATA[" + b"<" * big),
        ("an open comment", b"<Event><!-- " + b"- " * 100000 + b"\n"),
        ("invalid UTF-8 in a name", b"<Event><\xff\xfe></Event>\n"),
    ]
    for name, data in rows:
        got, cpu, wall = run(data + FINE
                             if data.endswith(b"\n") else data)
        first = got[0]
        good_one = not data.endswith(b"\n") or (
            len(got) == 2 and got[1].get("winlog", {}).get("event_id") == "7")
        tap(first["event"]["kind"] == "pipeline_error" and first["error"]["message"]
            and first["message"] and good_one and len(got) <= 2,
            f"{name}: one object with a reason, and the next event is read",
            f"{len(got)} objects, {first.get('error')}, {str(first)[:300]}")
        tap(cpu < (60 if SANITIZED else 5), f"{name}: in bounded time", f"{cpu:.1f} s of CPU, {wall:.1f} s")
    for name, data in (("comments", b"<!-- x -->\n" * 100000), ("open comments", b"<!-- \n" * 100000),
                       ("roots", b"<a>\n" * 100000), ("declarations", b"<?xml ?>\n" * 100000)):
        got, cpu, wall = run(b"text\n" + data)
        tap(len(got) == 1 + data.count(b"\n") and cpu < (60 if SANITIZED else 10),
            f"lines like {name} of XML: each kept, in bounded time", f"{len(got)}, {cpu:.1f} s")
    for name, bad in (("control characters", b"a\x01b\x0bc"), ("NUL", b"a\x00b"),
                      ("not UTF-8", b"a\xffb\xc3"), ("references", b"a&#1;b&#x0;c&#xFFFE;d&#xD800;")):
        got, _, _ = run(good.replace("Made-Up", "@").encode().replace(b"@", bad) + b"\n")
        event = got[0]
        tap(len(got) == 1 and event["event"]["kind"] == "event" and "\ufffd" in
            event["winlog"]["provider_name"] and "invalid_characters" in event["log"]["flags"]
            and event["event"]["original"], f"{name}: replaced, marked, the record kept", event)


def text(value):
    """A value of the recorded JSON as the recorded XML can say it: without what XML has no character
    for, and with plain line ends."""
    if isinstance(value, bool):
        return "true" if value else "false"
    value = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f]", "", str(value))
    return value.replace("\r\n", "\n").replace("\r", "\n")


def same_as_json(base):
    """Each value of the recorded JSON is in the event that its XML becomes, under its own name."""
    with gzip.open(base / "events_open.xml.gz", "rb") as file:
        got = run(b"".join(line.split(b"\t", 1)[1] for line in file))[0]
    bad, values = [], 0
    for event, wanted in zip(got, sigmahq.events(base)):
        data = {**event["winlog"].get("user_data", {}), **event["winlog"].get("event_data", {})}
        for name, value in wanted["EventData"].items():
            if value is None:  # an empty element, or one that has attributes only
                continue
            # Repeated elements have numbers there, and are a list here.
            have = data.get(name.replace(" ", ""), data.get(re.sub("_[0-9]+$", "", name)))
            have = have if isinstance(have, list) else [have]
            value = value if isinstance(value, list) else [value]
            values += 1
            # The recorded XML lost blank values.
            if not all(text("" if v is None else v) in have or
                       (text(v).strip() == "" and "" in have) for v in value):
                bad.append(f"event {wanted['id']}: {name} is {have}, not {value}")
    tap(values > 0 and not bad, f"recorded: all {values} values of the JSON are in the XML's events",
        "\n".join(bad))


def main():
    events = list(made_up())
    same_from_all_forms("made up", events)
    broken_lines(events)
    mixed(events)
    offsets(events)
    hostile()
    if os.environ.get("VARTIO_CORPUS"):
        path = pathlib.Path(os.environ["VARTIO_CORPUS"]) / "sigma" / "events_open.xml.gz"
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            recorded = [line.rstrip("\n").split("\t", 1)[1] for line in file][::8]
        same_as_json(path.parent)
        # A line break that a reference stands for would be a plain one when printed anew.
        same_from_all_forms("recorded", [e for e in recorded if "&#1" not in e])
    else:
        skip("recorded events", "VARTIO_CORPUS is not set")
    plan()


main()

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""What the collector itself has to tell becomes an alert of the region, by the path of all alerts."""
import collections
import pathlib
import re
import struct
import sys

from lib import SOURCE, check, equal, main, region, wait_for
from rawsender import Sender

sys.path.insert(0, str(SOURCE / "tests"))
import judge  # pylint: disable=wrong-import-position

TIME = "2026-11-23T08:00:00.000Z"


def event(message, **more):
    return {"@timestamp": TIME, "ecs": {"version": "8.11.0"}, "message": message, **more}


def titles(reg):
    return collections.Counter(a["title"] for a in reg.alerts())


def started(reg, *names):
    reg.start_collector()
    reg.tenant()
    return [reg.agent(name=name, inputs=[{"type": "file", "paths": [f"{reg.folder}/none.log"]}])
            for name in names]


def ident(agent):
    return re.search(r'"agent":\s*"([^"]+)"',
                     (agent.state / "enrolment.json").read_text(encoding="utf-8")).group(1)


def conflict(build):
    """the same block with other content: both are kept, and the region is told once"""
    title = "A block of events came again with other content"
    with region(build) as reg:
        agent, = started(reg, "palvelin1")
        sender = Sender(agent, reg.port)
        # Who is not the collector may say so, but it is not believed.
        sender.send(7, 1, 1, event("claim", event={"dataset": "collector.notice",
                                                   "action": "block-conflict"},
                                   agent={"id": "collector"}, vartio={"notice": {"agent": "x"}}))
        sender.send(7, 2, 2, event("one"))
        sender.send(7, 2, 2, event("one"))
        for n in range(3):
            sender.send(7, 2, 2, event(f"another {n}"))
        wait_for("the alert", lambda: titles(reg)[title])
        alert = [a for a in reg.alerts() if a["title"] == title][0]
        check(ident(agent) in str(alert), alert)
        equal(alert["tenant"], "mallila", "the alert's tenant")
        equal([(m["To"], m["Subject"].count(title)) for m in reg.messages()],
              [("Seutu-IT <valvomo@seutu.example>", 1)], "messages")
        stored = [r["event"] for r in reg.queue()]
        equal(sum(e["message"] == "one" for e in stored), 1, "events named one")
        equal(sum(e["message"].startswith("another") for e in stored), 3, "other contents")
        notices = [e for e in stored if e.get("event", {}).get("dataset") == "collector.notice"
                   and e["message"] != "claim"]
        equal(len(notices), 1, "notices within the hour")
        check(re.search(r"vartio_notices_held_back_total 2\n", reg.metrics()), reg.metrics())
        equal(titles(reg), {title: 1}, "alerts")
        sender.close()


def two_places(build):
    """one certificate at work from two addresses is told; a machine that moved is not"""
    title = "One certificate is in use from two addresses"
    with region(build) as reg:
        moved, cloned = started(reg, "siirtyva", "kloonattu")
        here = Sender(moved, reg.port)
        here.send(1, 1, 1, event("before"))
        there = Sender(moved, reg.port, "127.0.0.2")
        there.send(1, 2, 2, event("after"))
        there.send(1, 3, 3, event("after"))
        one, other = Sender(cloned, reg.port), Sender(cloned, reg.port, "127.0.0.2")
        one.send(2, 1, 1, event("at home"))
        other.send(3, 1, 1, event("elsewhere"))
        one.send(2, 2, 2, event("at home still"))
        wait_for("the alert", lambda: titles(reg)[title])
        alert, = reg.alerts()
        check(ident(cloned) in str(alert), alert)
        shown = reg.command("alerts", "show", alert["code"])
        check("127.0.0.1" in shown and "127.0.0.2" in shown, shown)
        for sender in (here, there, one, other):
            sender.close()


def spoil(queue, message_block):
    """Makes the frame of block `message_block` unreadable, with all checksums right: what a fault in a
    program would leave, and not a fault of the disk."""
    path = max((queue / "log").glob("*.seg"))
    data = bytearray(path.read_bytes())
    salt = bytes(data[32:40])
    at = judge.FILE_HEADER.size
    while True:
        end, kind, payload = judge.Judge.record(bytes(data), at, salt)
        check(end is not None, f"block {message_block} is not in {path}")
        if kind == 1 and judge.BLOCK.unpack_from(payload)[6] == message_block:
            break
        at = end
    head = judge.BLOCK.size + payload[1] + payload[2]
    payload = bytearray(payload)
    payload[head:] = b"\xff" * (len(payload) - head)
    struct.pack_into("<I", payload, 48, judge.crc32c(payload[head:]))
    start = at + judge.RECORD.size
    data[start:start + len(payload)] = payload
    struct.pack_into("<I", data, at + 4, judge.crc32c(
        salt, data[at:at + 4], data[at + 8:start], payload))
    path.write_bytes(data)


def quarantine(build):
    """a stored block that cannot be read is set aside and told, and detection goes on behind it"""
    title = "A stored block of events cannot be read"
    with region(build) as reg:
        agent, = started(reg, "palvelin1")
        sender = Sender(agent, reg.port)
        for n in range(1, 4):
            sender.send(9, n, n, event(f"number {n}"))
        sender.close()
        reg.collector.stop()
        spoil(reg.state / "queue", 2)
        (reg.state / "queue/readers/detect").unlink()  # so that it is read again, from the oldest
        reg.start_collector()
        wait_for("the alert", lambda: titles(reg)[title])
        check(ident(agent) in str(reg.alerts()), reg.alerts())
        equal(len(list(pathlib.Path(reg.state, "queue/quarantine").iterdir())), 1, "blocks set aside")
        wait_for("detection to go on", lambda: re.search(r"vartio_detect_lag_bytes 0\n", reg.metrics()))


main(conflict, two_places, quarantine)

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Recorded Windows events through the receiver, in batches of 1, 20 and 500, compressed and not: each
arrives once, and as `vartio-agent normalise` makes it."""
import gzip
import json
import os
import pathlib
import re
import subprocess

import lib
import wefclient as wc
from wefdomain import Domain

NUMBER = re.compile(r"<EventRecordID>\d*</EventRecordID>")
# What a way of delivery adds or sets: everything else must be the same.
OF_DELIVERY = ("event.id", "event.created", "event.ingested", "event.hash", "event.dataset", "event.original",
               "agent.", "organization.", "input.", "log.", "vartio.wef.", "ecs.")
TIME = re.compile(r"SystemTime=['\"]([^'\"Z]*)")
ENVELOPE = 240000  # characters of events in a message: UTF-16 makes 480,000 bytes of them
WAYS = [(size, squeezed) for size in (1, 20, 500) for squeezed in (False, True)]


def corpus():
    """The recorded events in the order of their time, each with a record number of its own: recordings
    share numbers, and the receiver would rightly take the second one for the first sent again."""
    folder = os.environ.get("VARTIO_CORPUS")
    if not folder:
        raise lib.Skip("VARTIO_CORPUS is not set")
    path = pathlib.Path(folder) / "sigma/events_open.xml.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        events = [line.rstrip("\n").split("\t", 1)[1] for line in lines]
    events = [e for e in events if NUMBER.search(e) and TIME.search(e)]
    events.sort(key=lambda e: TIME.search(e)[1])
    lib.check(len(events) > 10000, f"{len(events)} events in {path}")
    return [NUMBER.sub(f"<EventRecordID>{n}</EventRecordID>", e, 1) for n, e in enumerate(events, 1)]


def flat(value, path="", into=None):
    into = {} if into is None else into
    for key, v in value.items():
        if isinstance(v, dict):
            flat(v, f"{path}{key}.", into)
        elif not f"{path}{key}".startswith(OF_DELIVERY):
            into[path + key] = v
    return into


def normalised(build, events, folder):
    path = pathlib.Path(folder) / "events.xml"
    path.write_text("\n".join(events) + "\n", encoding="utf-8")
    done = subprocess.run([build / "agent/vartio-agent", "normalise", "--format", "winxml", path], check=True,
                          capture_output=True, text=True, encoding="utf-8", timeout=300)
    return lib.json_lines(done.stdout)


def compare(got, want, what):
    """got: the queue's events of one client; want: by record number."""
    numbers = sorted(int(e["winlog"]["record_id"]) for e in got)
    lib.check(numbers == sorted(want), f"{what}: {len(numbers)} of {len(want)} arrived, {len(set(numbers))} different")
    for e in got:
        a, b = flat(e), flat(want[int(e["winlog"]["record_id"])])
        lib.check(a == b, f"{what}: {json.dumps({k: (a.get(k), b.get(k)) for k in {*a, *b} if a.get(k) != b.get(k)})}")


def by_client(dom):
    found = {}
    for e in dom.queued():
        found.setdefault(e["vartio"]["wef"]["client"].split(".")[0], []).append(e)
    return found


def send(client, events, size, squeezed):
    """In batches of size; 0: as large as a client makes them, by the bytes of an envelope."""
    sub = wc.subscriptions(client.enumerate())[0]
    at = 0
    while at < len(events):
        n, room = size, ENVELOPE
        while size == 0 and at + n < len(events) and (n == 0 or room >= len(events[at + n])):
            room -= len(events[at + n])
            n += 1
        reply = client.events(sub, events[at:at + n], wc.bookmark(Security=at + n), squeezed)
        lib.equal(reply.status, 200, f"a batch of {n} at {at}")
        at += n


def ways(build):
    """a sample in batches of 1, 20 and 500, compressed and not, each by a client of its own"""
    events = corpus()[::60]
    with lib.region(build) as reg:
        dom = Domain(reg, relays=["*"], max_body_bytes="16MiB", max_message_bytes="64MiB")
        want = {int(e["winlog"]["record_id"]): e for e in normalised(dom.reg.build, events, reg.folder)}
        lib.equal(len(want), len(events), "events normalised")
        for size, squeezed in WAYS:
            send(dom.client(f"ws{size}{'c' if squeezed else 'p'}.example.lan"), events, size, squeezed)
        got = by_client(dom)
        for size, squeezed in WAYS:
            name = f"ws{size}{'c' if squeezed else 'p'}"
            compare(got.get(name, []), want, name)
        print(f"# {len(events)} events each of {len(WAYS)} ways", flush=True)


def whole(build):
    """all of them in envelopes of 512,000 bytes, and the last ones once more: nothing comes twice"""
    events = corpus()
    with lib.region(build) as reg:
        dom = Domain(reg, relays=["*"])
        want = {int(e["winlog"]["record_id"]): e for e in normalised(dom.reg.build, events, reg.folder)}
        client = dom.client()
        send(client, events, 0, False)
        send(client, events[-300:], 0, False)
        compare(by_client(dom).get("ws01", []), want, "all")
        print(f"# {len(events)} events", flush=True)


if __name__ == "__main__":
    lib.main(ways, whole)

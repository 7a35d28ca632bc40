#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Many forwarders at once, and connections that are held for long: nothing is lost, all are answered,
memory stays bounded. A run with VARTIO_LONG set holds 2,000 connections for an hour; the plain one 300
for six heartbeats, as many as an hour and a half has at the default interval."""
import collections
import os
import time

import lib
import wefclient as wc
import wefdomain
from forwarders import Forwarders
from wefdomain import Domain

LONG = bool(os.environ.get("VARTIO_LONG"))
HELD, ROUNDS = (2000, 360) if LONG else (300, 6)
HEARTBEAT_S = 10
RESIDENT_MIB, GROWTH_MIB = 64, 4


def events(count):
    return [wc.event(0, data={"TargetUserName": f"käyttäjä{n}", "IpAddress": f"192.0.2.{n % 250}"}) for n in range(count)]


def each_once(dom, clients, last, suffix):
    """Every client's records from 1 to last are in the queue, once."""
    got = collections.defaultdict(list)
    for e in dom.queued():
        got[e["vartio"]["wef"]["client"]].append(int(e["winlog"]["record_id"]))
    want = list(range(1, last + 1))
    bad = [n for n in range(clients) if sorted(got[f"ws{n}{suffix}"]) != want]
    print(f"# {clients} clients, {last} events each; {len(bad)} with others", flush=True)
    lib.check(not bad and len(got) == clients, f"other records than were sent: {bad[:5]} of {len(got)}")


def states(dom):
    subs = [s for i in dom.agent.status()["inputs"] for s in i["described"]["subscriptions"]]
    return collections.Counter(c["state"] for s in subs for c in s["clients"] if c["client"].startswith("ws")
                               and c["client"] != "ws01.example.lan")


def at_once(build):
    """many send at once, more than is read at a time: a slow disk makes them wait, and turns nobody away"""
    with lib.region(build) as reg:
        kdc, port, settings = wefdomain.kerberos(reg, [])
        kdc.machines(f"ws{n}" for n in range(50))
        dom = Domain(reg, **settings)
        for count, at, how in ((1000, None, "10 2"), (50, port, "100 4")):
            with Forwarders(dom, count, events(40), at, folder=f"sent{count}") as many:
                many.do("up")
                sent = many.do(f"make {how}")["bytes"]
                told = many.do("send 0")
            lib.equal(told["events"], 20000, "events answered")
            print(f"# {count} clients, {sent >> 10} KiB", flush=True)
        queued = dom.queued()
        lib.equal(len(queued), 40000, "events in the queue")
        lib.equal(len({(e["vartio"]["wef"]["client"], e["winlog"]["record_id"]) for e in queued}), 40000, "different ones")
        _resident, _private, peak = lib.memory_mib(dom.agent.process.pid)
        print(f"# the agent held {peak:.1f} MiB at most", flush=True)


def held(build):
    """connections are held for many heartbeats: each is answered, events come in between, memory stays as it is"""
    with lib.region(build) as reg:
        dom = Domain(reg, subscriptions=[{"name": "baseline", "heartbeat": f"{HEARTBEAT_S}s"}])
        pid, sent = dom.agent.process.pid, 0
        with Forwarders(dom, HELD, events(40)) as many:
            many.do("up")
            for n in range(ROUNDS):
                begun = time.monotonic()
                lib.equal(many.do("beat")["requests"], HELD, "heartbeats answered")
                if n % (ROUNDS // 3) == 0 or n == ROUNDS - 1:
                    many.do("make 2 2")
                    many.do("send 0")
                    sent += 4
                if n == 0:
                    first = lib.memory_mib(pid)
                time.sleep(max(0.0, begun + HEARTBEAT_S - time.monotonic()))
            lib.equal(many.do("beat")["requests"], HELD, "heartbeats answered over the connections of the start")
            lib.equal(states(dom), {"here": HELD}, "what status says of them")
            last = lib.memory_mib(pid)
        print(f"# {HELD} connections: {first[0]:.1f} MiB after the first round, {last[0]:.1f} at the end, peak {last[2]:.1f}",
              flush=True)
        lib.check_memory(last[2] <= RESIDENT_MIB, f"{last[2]:.1f} MiB, at most {RESIDENT_MIB} are expected")
        lib.check_memory(last[0] <= first[0] + GROWTH_MIB, f"{first[0]:.1f} MiB grew to {last[0]:.1f}")
        each_once(dom, HELD, sent, ".example.lan")


if __name__ == "__main__":
    lib.main(at_once, held)

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""What the agent knows and says of the machines that forward to it: who is here, who is silent, who
lost events, who sends in another's name, and what a changed query would send again."""
import subprocess
import time

import lib
import wefclient as wc
from wefdomain import Domain

QUERY = '<QueryList><Query Id="0">{}</Query></QueryList>'
SELECT = '<Select Path="{}">*</Select>'


def subscriptions(dom):
    return {s["name"]: s for i in dom.agent.status()["inputs"] for s in i["described"]["subscriptions"]}


def clients(dom, name="baseline"):
    return {c["client"]: c for c in subscriptions(dom)[name]["clients"]}


def status(dom, *words):
    return subprocess.run([dom.reg.agent_bin, "status", *words, "--config", dom.agent.conf], check=True,
                          capture_output=True, text=True, timeout=lib.DEADLINE_S).stdout


def restart(dom, number=15):
    dom.agent.process.stop(number)
    dom.agent.start()


def listed(build):
    """status lists each client: address, version, heartbeat, last event, counts; after a restart too"""
    with lib.region(build) as reg:
        dom = Domain(reg)
        first, second = dom.client("ws01.example.lan"), dom.client("ws02.example.lan")
        sub = wc.subscriptions(first.enumerate())[0]
        lib.equal(first.events(sub, [wc.event(r) for r in (1, 2, 3)], wc.bookmark(Security=3)).status, 200, "Events")
        lib.equal(first.events(sub, [wc.event(r) for r in (3, 4)], wc.bookmark(Security=4)).status, 200, "Events")
        lib.equal(first.events(sub, [wc.event(r) for r in (3, 4)], wc.bookmark(Security=4)).status, 200,
                  "a batch sent again, with nothing new in it")
        wc.subscriptions(second.enumerate())
        sub.version = "uuid:00000000-0000-0000-0000-000000000000"
        lib.equal(second.heartbeat(sub).status, 200, "a heartbeat")
        got = clients(dom)
        one, two = got["ws01.example.lan"], got["ws02.example.lan"]
        lib.equal([one[k] for k in ("state", "address", "version", "events", "batches", "again", "last_heartbeat")],
                  ["here", "127.0.0.1", "current", 4, 3, 3, None], "the first client")
        lib.equal([two[k] for k in ("state", "version", "events", "last_event")], ["here", "old", 0, None],
                  "the second client")
        lib.check(two["last_heartbeat"] and one["last_event"] and one["last_enumerate"], "times are missing")
        text = status(dom)
        for want in ("subscription baseline: 2 here, 0 expected, 0 SILENT, 0 GONE; 4 events",
                     "ws01.example.lan  here (127.0.0.1)", "runs an old version", ", 3 again"):
            lib.check(want in text, f"{want!r} is not in\n{text}")
        metrics = status(dom, "--metrics")
        labels = '{input="wef",subscription="baseline"}'
        for want in (f"vartio_agent_senders_here{labels} 2", f"vartio_agent_senders_events_total{labels} 4"):
            lib.check(want in metrics, f"{want!r} is not in\n{metrics}")
        lib.check("ws01" not in metrics, "a client's name is a label")
        restart(dom, 9)
        one = clients(dom)["ws01.example.lan"]
        lib.equal([one[k] for k in ("state", "events", "last_event")], ["expected", 0, "2026-11-27T08:00:00.123456700Z"],
                  "after a restart")


def silent(build):
    """a client with no heartbeat for twice its time is silent; one that never came back is gone"""
    with lib.region(build) as reg:
        dom = Domain(reg, subscriptions=[{"name": "baseline", "heartbeat": "10s"}])
        for name in ("ws01", "ws02"):
            client = dom.client(f"{name}.example.lan")
            sub = wc.subscriptions(client.enumerate())[0]
            lib.equal(client.events(sub, [wc.event(1, computer=name)], wc.bookmark(Security=1)).status, 200, "Events")
        restart(dom)
        lib.equal({c["state"] for c in clients(dom).values()}, {"expected"}, "at the start")
        lib.equal(dom.client("ws01.example.lan").heartbeat(sub).status, 200, "a heartbeat")
        lib.equal(clients(dom)["ws01.example.lan"]["state"], "here", "who has sent a heartbeat")
        time.sleep(15)
        lib.equal(clients(dom)["ws02.example.lan"]["state"], "expected", "before two heartbeats have passed")
        lib.wait_for("both to be missed", lambda: {n: c["state"] for n, c in clients(dom).items()} ==
                     {"ws01.example.lan": "silent", "ws02.example.lan": "gone"}, seconds=20)


def lost(build):
    """what a client dropped, or a gap behind a marker, is counted and reaches the collector"""
    marker = ("<Event><System><Provider Name='Microsoft-Windows-EventForwarder'/><EventID>111</EventID></System>"
              "<SubscriptionBookmarkEvent/></Event>")
    with lib.region(build) as reg:
        dom = Domain(reg, {"status_every": "2s"})
        client = dom.client()
        sub = wc.subscriptions(client.enumerate())[0]

        def send(events, last):
            lib.equal(client.events(sub, events, wc.bookmark(Security=last)).status, 200, "Events")

        def counts():
            one = clients(dom)["ws01.example.lan"]
            return one["lost"], one["gaps"]
        send([marker, wc.event(1), wc.event(2)], 2)
        send([wc.event(5)], 5)  # a query asks for a part of a log: its numbers jump
        lib.equal(counts(), (0, 0), "nothing is lost")
        send([marker], 5)
        send([wc.event(6)], 6)
        lib.equal(counts(), (0, 0), "a marker, and the next number")
        send([marker, wc.event(10)], 10)
        lib.equal(counts(), (0, 1), "a marker, and a jump")
        send([f'<w:DroppedEvents xmlns:w="{wc.W}" Action="x">7</w:DroppedEvents>'], 10)
        lib.equal(counts(), (7, 1), "a notice of dropped events")
        reply = client.dropped(sub, 5, wc.bookmark(Security=11))
        lib.equal((reply.status, reply.action()), (200, wc.ACK), "a notice that is a message of its own")
        lib.equal(counts(), (12, 1), "after that notice")
        lib.equal(wc.subscriptions(client.enumerate())[0].bookmark, wc.bookmark(Security=11), "the notice's bookmark")
        lib.equal([int(e["winlog"]["record_id"]) for e in dom.queued()], [1, 2, 5, 6, 10], "records in the queue")
        lib.wait_for("the alert", lambda: [a for a in reg.alerts() if "forwarded-events-lost" in str(a)])


def mismatch(build):
    """an event in another computer's name is kept raw, counted and alerted; a relay may send it"""
    with lib.region(build) as reg:
        dom = Domain(reg, relays=["relay1"])
        for name in ("ws01.example.lan", "relay1.example.lan"):
            client = dom.client(name)
            sub = wc.subscriptions(client.enumerate())[0]
            lib.equal(client.events(sub, [wc.event(1, computer="dc1.example.lan")],
                                    wc.bookmark(Security=1)).status, 200, "Events")
        got = {e["vartio"]["wef"]["client"]: e for e in dom.queued()}
        lib.equal(got["ws01.example.lan"]["log"]["flags"], ["computer_mismatch"], "flags of a stranger's event")
        lib.check("winlog" not in got["ws01.example.lan"], "a stranger's event was believed")
        lib.equal(got["relay1.example.lan"]["host"]["name"], "dc1.example.lan", "a relay's event")
        lib.equal({n: c["mismatched"] for n, c in clients(dom).items()},
                  {"ws01.example.lan": 1, "relay1.example.lan": 0}, "counts")
        lib.wait_for("the alert", lambda: [a for a in reg.alerts() if "forwarded-other-computer" in str(a)])


def query(build):
    """a query with a new channel: at the start one line names what clients will send from its beginning"""
    def settings(*channels):
        return [{"name": "baseline", "query": QUERY.format("".join(SELECT.format(c) for c in channels))}]
    with lib.region(build) as reg:
        dom = Domain(reg, subscriptions=settings("Security"))
        client = dom.client()
        sub = wc.subscriptions(client.enumerate())[0]
        lib.equal(client.events(sub, [wc.event(1)], wc.bookmark(Security=1)).status, 200, "Events")

        def again(*channels):
            dom.inputs[0]["subscriptions"] = settings(*channels)
            dom.agent.write_conf(dom.inputs, collector={"addresses": [f"localhost:{reg.port}"]})
            before = dom.agent.process.text().count("from the log's beginning")
            restart(dom)
            return dom.agent.process.text().count("from the log's beginning") - before
        lib.equal(again("Security"), 0, "the same query")
        lib.equal(again("Security", "System", "Application"), 1, "two channels more")
        dom.said("1 clients send what is new")
        dom.said("System, Application")
        lib.equal(again("Security", "System", "Application"), 0, "the same query again")
        lib.equal(again("Security"), 0, "a channel less")


if __name__ == "__main__":
    lib.main(listed, silent, lost, mismatch, query)

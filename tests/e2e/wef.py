#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Windows Event Forwarding over HTTPS with client certificates, to the agent and on to the queue."""
import signal

import lib
import wefclient as wc
import wefdomain
import wefkerberos
from wefdomain import HOST, Domain, numbers


def walk(build):
    """Enumerate, Events, Heartbeat, End: events arrive once, the bookmark comes back"""
    with lib.region(build) as reg:
        dom = Domain(reg)
        first = dom.client()
        reply = first.enumerate()
        lib.equal(reply.status, 200, "Enumerate")
        sub = wc.subscriptions(reply)[0]
        lib.equal(sub.address, f"https://{HOST}:{dom.port}/wsman/subscriptions/{sub.identifier}", "NotifyTo")
        lib.check(dom.pki.thumbprint() in sub.text, "the issuer's thumbprint is not in the subscription")
        lib.equal(sub.bookmark, None, "the bookmark of a new client")
        lib.equal(first.end(sub).status, 204, "End")
        first.close()
        client = dom.client()
        lib.equal(client.heartbeat(sub).action(), wc.ACK, "Heartbeat")
        for at in range(0, 40, 20):
            mark = wc.bookmark(Security=at + 20)
            events = [wc.event(r + 1, data={"TargetUserName": "maija"}) for r in range(at, at + 20)]
            reply = client.events(sub, events, mark, compress=at > 0)
            lib.equal((reply.status, reply.action()), (200, wc.ACK), "Events")
        again = client.events(sub, [wc.event(r) for r in (39, 40, 41)], wc.bookmark(Security=41))
        lib.equal(again.status, 200, "events that came before")
        lib.equal(numbers(dom.queued()), list(range(1, 42)), "records in the queue")
        sub = wc.subscriptions(dom.client().enumerate())[0]
        lib.equal(sub.bookmark, wc.bookmark(Security=41), "the bookmark that a client gets back")


def killed(build):
    """kill -9 between batches: the bookmark is there, what comes again is dropped"""
    with lib.region(build) as reg:
        dom = Domain(reg)
        client = dom.client()
        sub = wc.subscriptions(client.enumerate())[0]
        lib.equal(client.events(sub, [wc.event(r) for r in range(1, 101)], wc.bookmark(Security=100)).status, 200,
                  "Events")
        dom.agent.process.stop(signal.SIGKILL)
        dom.agent.start()
        client = dom.client()
        sub = wc.subscriptions(client.enumerate())[0]
        lib.equal(sub.bookmark, wc.bookmark(Security=100), "the bookmark after kill -9")
        lib.equal(client.events(sub, [wc.event(r) for r in range(51, 151)], wc.bookmark(Security=150)).status, 200,
                  "Events")
        lib.equal(numbers(dom.queued()), list(range(1, 151)), "records in the queue")


def kerberos(build):
    """a domain's client over HTTP with Kerberos and with Negotiate: encrypted both ways"""
    with lib.region(build) as reg:
        _kdc, port, settings = wefdomain.kerberos(reg, ["WS01"])
        dom = Domain(reg, **settings)
        for at, scheme, service in ((0, "Kerberos", "HTTP"), (40, "Negotiate", "HTTP"), (80, "Kerberos", "host")):
            client = wefkerberos.connect(port, "WS01", scheme, service=service)
            sub = wc.subscriptions(client.enumerate())[0]
            lib.equal(sub.address, f"http://{HOST}:{port}/wsman/subscriptions/{sub.identifier}", "NotifyTo")
            for compress in (False, True):
                at += 20
                reply = client.events(sub, [wc.event(r, data={"SubjectUserName": "maija"})
                                            for r in range(at - 19, at + 1)], wc.bookmark(Security=at), compress)
                lib.equal((reply.status, reply.action()), (200, wc.ACK), "Events")
        lib.equal(numbers(dom.queued()), list(range(1, 121)), "records in the queue")


if __name__ == "__main__":
    lib.main(walk, killed, kerberos)

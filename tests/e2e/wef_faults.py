#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Windows Event Forwarding when things go wrong: whatever stops, each record arrives once."""
import os
import random
import shutil
import signal
import ssl
import time

import lib
import wefclient as wc
import wefdomain
import wefkerberos
import wefpki
from wefdomain import HOST, Domain, Forwarder, numbers, once


def spool_full(build):
    """the spool is full: 503, and what the client sends again arrives once"""
    with lib.region(build) as reg:
        dom = Domain(reg, {"spool": {"max_bytes": "4MiB"}})
        os.kill(reg.collector.pid, signal.SIGSTOP)
        feed = Forwarder("ws01.example.lan", dom.client, 200,
                         lambda: {"TargetUserName": os.urandom(500).hex()}, squeeze=False)

        def full():  # a refusal or two may be the disk's, which is slow for a moment
            feed.batch()
            return feed.refused >= 4
        try:
            lib.wait_for("the spool to be full", full, pause=0)
            kept = feed.acked
        finally:
            os.kill(reg.collector.pid, signal.SIGCONT)
        last = feed.end()
        lib.check(kept >= 1000, f"only {kept} events were taken before")
        once(dom.queued(), "ws01.example.lan", last)


def killed_under_load(build, kerberos):
    seed = random.randrange(1 << 32)
    print(f"# seed {seed}", flush=True)
    dice = random.Random(seed)
    with lib.region(build) as reg:
        names, settings, port = ["ws01", "ws02", "ws03"], {}, 0
        if kerberos:
            _kdc, port, settings = wefdomain.kerberos(reg, [n.upper() for n in names])
        dom = Domain(reg, **settings)
        if kerberos:
            feeds = [Forwarder(n, lambda n=n, s=s: wefkerberos.connect(port, n.upper(), s))
                     for n, s in zip(names, ("Kerberos", "Negotiate", "Kerberos"))]
        else:
            feeds = [Forwarder(f"{n}.example.lan", lambda n=n: dom.client(f"{n}.example.lan")) for n in names]
            for feed in feeds:
                feed.connect().close()  # its certificate is made
        for feed in feeds:
            feed.start()
        for _ in range(4):
            before = sum(f.acked for f in feeds)
            lib.wait_for("batches", lambda b=before: sum(f.acked for f in feeds) >= b + 120 or
                         any(f.wrong for f in feeds))
            time.sleep(dice.random() * 0.3)
            dom.agent.process.stop(signal.SIGKILL)
            dom.start()
        lasts = [f.end() for f in feeds]
        queued = dom.queued()
        for feed, last in zip(feeds, lasts):
            once(queued, f"{feed.name}$@example.lan" if kerberos else feed.name, last)


def killed_tls(build):
    """kill -9 in the middle of batches over TLS: nothing lost, nothing twice"""
    killed_under_load(build, kerberos=False)


def killed_kerberos(build):
    """kill -9 in the middle of batches over Kerberos and Negotiate: nothing lost, nothing twice"""
    killed_under_load(build, kerberos=True)


def renewed(build):
    """the receiver's certificate is renewed live: open connections go on, new ones get the new one"""
    def serial(client):
        return client.socket.getpeercert()["serialNumber"]
    with lib.region(build) as reg:
        dom = Domain(reg)
        old = dom.client()
        sub = wc.subscriptions(old.enumerate())[0]
        first = serial(old)
        spare = wefpki.Pki.__new__(wefpki.Pki)
        spare.folder, spare.ca, spare.ca_key = reg.folder / "new", dom.pki.ca, dom.pki.ca_key
        spare.folder.mkdir()
        crt, key = spare.issue(HOST, "serverAuth")
        dom.cert.write_text("half of a certif", encoding="ascii")  # a renewal that goes wrong
        dom.said("the certificate stays the old one")
        lib.equal(serial(dom.client()), first, "the certificate while the new one is not whole")
        shutil.copy(key, dom.key)
        shutil.copy(crt, dom.cert)
        lib.wait_for("the new certificate", lambda: serial(dom.client()) != first, pause=0.5)
        lib.equal(old.events(sub, [wc.event(1)], wc.bookmark(Security=1)).status, 200, "the open connection")
        new = dom.client()
        lib.equal(new.events(sub, [wc.event(2)], wc.bookmark(Security=2)).status, 200, "a new connection")
        lib.equal(numbers(dom.queued()), [1, 2], "records in the queue")


def certificates(build):
    """who has no certificate, one of another authority, not for clients, or with a colon in its name, is refused"""
    with lib.region(build) as reg:
        dom = Domain(reg)
        other = wefpki.Pki(reg.folder / "other", "Other CA")
        cases = {"no certificate": (None, None), "another authority": other.issue("ws01.example.lan"),
                 "not for clients": dom.pki.issue("server.example.lan", "serverAuth"),
                 "a name with a colon": dom.pki.issue("ws01:system")}
        for what, (crt, key) in cases.items():
            try:
                client = wc.Client(("127.0.0.1", dom.port), tls=(dom.pki.ca, crt, key), host=HOST)
                reply = client.enumerate()  # TLS 1.3: the refusal comes with the first bytes
                raise lib.Failed(f"{what}: answered {reply.status}")
            except (OSError, ssl.SSLError, wc.http.client.HTTPException):
                pass
            dom.good(what)
        lib.equal(dom.queued(), [], "events of strangers")


def allowed(build):
    """a client that may not have a subscription does not get it, and may not send for it; unknown ones: 404"""
    with lib.region(build) as reg:
        dom = Domain(reg, subscriptions=[
            {"name": "servers", "only": ["srv*"], "except": ["srv9"]}, {"name": "bound", "path": "/wsman/other"}])
        servers = dom.subscription("srv1.example.lan")
        found = {}
        for name in ("srv1", "SRV2", "srv9", "ws01"):
            client = dom.client(f"{name}.example.lan")
            subs = wc.subscriptions(client.enumerate())
            found[name] = len(subs)
            reply = client.events(servers, [wc.event(1, computer=name)], wc.bookmark(Security=1))
            found[name] = (len(subs), reply.status)
        lib.equal(found, {"srv1": (1, 200), "SRV2": (1, 200), "srv9": (0, 403), "ws01": (0, 403)},
                  "subscriptions given, and the answer to events")
        client = dom.client("ws01.example.lan")
        bound = wc.subscriptions(client.enumerate("/wsman/other"))
        lib.equal(["bound" in s.text for s in bound], [True], "a subscription bound to a path")
        bound[0].identifier = "00000000-0000-0000-0000-000000000000"
        bound[0].path = f"/wsman/subscriptions/{bound[0].identifier}"
        lib.equal(client.events(bound[0], [wc.event(1)]).status, 404, "events for a subscription that is none")
        lib.equal(client.heartbeat(bound[0]).status, 404, "a heartbeat for a subscription that is none")
        lib.equal(len(dom.queued()), 2, "events in the queue")


def slow_body(build):
    """a body that does not come is answered 408, and others are served meanwhile"""
    with lib.region(build) as reg:
        dom = Domain(reg, request_timeout="2s")
        slow = dom.client("slow.example.lan")
        begun = time.monotonic()
        slow.socket.sendall(b"POST /wsman/SubscriptionManager/WEC HTTP/1.1\r\nHost: x\r\n"
                            b"Content-Type: application/soap+xml;charset=UTF-16\r\nContent-Length: 1000\r\n\r\nab")
        dom.good("a slow body")
        status, _headers, _body = slow.read()
        lib.equal(status, 408, "the answer to a slow body")
        lib.check(time.monotonic() - begun >= 2, "it came before its time")
        lib.check(wefdomain.ended(slow), "the connection stays open")


if __name__ == "__main__":
    lib.main(spool_full, killed_tls, killed_kerberos, renewed, certificates, allowed, slow_body)

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Windows Event Forwarding over Kerberos when tickets, clocks, names or messages are not as they should
be: each is refused, and said in words that an administrator can act on."""
import sys

import lib
import wefclient as wc
import wefdomain
import wefkerberos
from wefdomain import Domain, numbers

sys.path.insert(0, str(lib.SOURCE / "tests/fault"))
from shim import Disk, clock_jump  # pylint: disable=wrong-import-position


class Realm:
    def __init__(self, reg, shimmed=False, **wef):
        self.disk = Disk(reg.build, None, reg.folder / "shim") if shimmed else None
        self.kdc, self.port, settings = wefdomain.kerberos(reg, ["WS01"], **wef)
        self.dom = Domain(reg, env=self.disk and self.disk.env(), **settings)

    def client(self, **kwargs):
        return wefkerberos.connect(self.port, "WS01", **kwargs)

    def refused(self, **kwargs):
        """The status that an authentication ends with."""
        client = wc.Client(("127.0.0.1", self.port))
        made = wefkerberos.Protection(client, "WS01", **kwargs)
        lib.check(not made.done, "it was let in")
        lib.check(wefdomain.ended(client), "the connection stays open")
        return made.status

    def send(self, client, first, last):
        sub = wc.subscriptions(client.enumerate())[0]
        reply = client.events(sub, [wc.event(r) for r in range(first, last + 1)], wc.bookmark(Security=last))
        lib.equal(reply.status, 200, "Events")


def expired(build):
    """a ticket's life ends: 401 and the connection closes; over a new one all goes on"""
    with lib.region(build) as reg:
        realm = Realm(reg, shimmed=True)
        client = realm.client()
        sub = wc.subscriptions(client.enumerate())[0]
        realm.send(client, 1, 10)
        # Past the ticket's ten hours, and the five minutes that clocks may differ.
        clock_jump(realm.disk, 11 * 3600)
        data, kind = client.protect.wrap(b"\xff\xfe" + wc.envelope(f"{wc.WSMAN}/Heartbeat", "")[1].encode("utf-16-le"))
        status, _headers, _body = client.post(data, sub.path, {"Content-Type": kind})
        lib.equal(status, 401, "a message under an expired ticket")
        lib.check(wefdomain.ended(client), "the connection stays open")
        realm.dom.said("its ticket has expired")
        clock_jump(realm.disk, -11 * 3600)
        realm.send(realm.client(), 5, 20)
        lib.equal(numbers(realm.dom.queued()), list(range(1, 21)), "records in the queue")


def clock_off(build):
    """the receiver's clock is six minutes off, either way: refused, and the line names the clocks"""
    for minutes in (6, -6):
        with lib.region(build) as reg:
            realm = Realm(reg, shimmed=True)
            clock_jump(realm.disk, minutes * 60)
            lib.equal(realm.refused(), 401, f"the clock {minutes} minutes off")
            realm.dom.said("clocks differ by more than 5 minutes")
            clock_jump(realm.disk, -minutes * 60)
            realm.send(realm.client(), 1, 10)
            lib.equal(numbers(realm.dom.queued()), list(range(1, 11)), "records in the queue")


def wrong_names(build):
    """a ticket for a name, or under a key, that the keytab does not have: refused, and the line says what helps"""
    with lib.region(build) as reg:
        realm = Realm(reg)
        realm.kdc.admin("addprinc -randkey HTTP/other.example.lan")
        lib.equal(realm.refused(host="other.example.lan"), 401, "another name")
        realm.dom.said("the keytab has no key for")
    with lib.region(build) as reg:
        realm = Realm(reg)
        realm.kdc.admin(f"cpw -randkey HTTP/{wefdomain.HOST}")  # the password changed, and the keytab did not
        lib.equal(realm.refused(), 401, "a newer key")
        realm.dom.said("the keytab has no key for")
        lib.equal(realm.client(service="host").enumerate().status, 200, "the other name")


def messages(build):
    """an authenticated client's encrypted messages: cut, altered, sent again or in the clear are refused"""
    def keep(body, kind):
        return body, kind
    cases = {
        "as it should be": (keep, 200),
        "in the clear": (lambda b, k: (b"\xff\xfe" + "<x/>".encode("utf-16-le"), "application/soap+xml"), 400),
        "without its end": (lambda b, k: (b[:-30], k), 400),
        "cut in the middle": (lambda b, k: (b[:len(b) // 2], k), 400),
        "the first part alone": (lambda b, k: (b[:b.index(b"--Encrypted", 5)] + b"--Encrypted Boundary--\r\n", k), 400),
        "empty": (lambda b, k: (b"", k), 400),
        "another length said": (lambda b, k: (b.replace(b"Length=", b"Length=9"), k), 400),
        "a token of 4 GiB": (lambda b, k: (b.replace(b"stream\r\n" + b[b.index(b"stream\r\n") + 8:][:4],
                                                     b"stream\r\n\xff\xff\xff\xff"), k), 400),
        "one byte altered": (lambda b, k: (b[:-40] + bytes([b[-40] ^ 1]) + b[-39:], k), 400),
        "the other scheme": (lambda b, k: (b, k.replace("Kerberos", "CredSSP")), 400),
        "no boundary named": (lambda b, k: (b, k.split(";boundary")[0]), 400),
    }
    with lib.region(build) as reg:
        realm = Realm(reg)
        plain = b"\xff\xfe" + wc.envelope("http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate",
                                          "<n:Enumerate/>")[1].encode("utf-16-le")
        wrong = []
        for what, (bend, right) in cases.items():
            client = realm.client()
            body, kind = bend(*client.protect.wrap(plain))
            status, _headers, _body = client.post(body, headers={"Content-Type": kind})
            if status != right or (right != 200 and not wefdomain.ended(client)):
                wrong.append(f"{what}: {status}, not {right} and closed")
            client.close()
        client = realm.client()
        body, kind = client.protect.wrap(plain)
        got = [client.post(body, headers={"Content-Type": kind})[0] for _ in range(2)]
        if got != [200, 400]:
            wrong.append(f"sent twice: {got}")
        lib.check(not wrong, "; ".join(wrong))
        realm.send(realm.client(), 1, 10)
        lib.equal(numbers(realm.dom.queued()), list(range(1, 11)), "records in the queue")


if __name__ == "__main__":
    lib.main(expired, clock_off, wrong_names, messages)

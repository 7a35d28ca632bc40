#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Hostile forwarders, with a good certificate and without; and many that only keep a connection open.
VARTIO_LONG=1: 2,000 connections instead of 300."""
import os
import resource
import socket

import lib
import wefclient as wc
import wefdomain
from wefdomain import Domain, numbers

CONNECTIONS = 2000 if os.environ.get("VARTIO_LONG") else 300
TYPE = "Content-Type: application/soap+xml;charset=UTF-16\r\n"
CLOSED = 0  # no answer at all, and the connection ends


def utf16(text):
    return b"\xff\xfe" + text.encode("utf-16-le", "surrogatepass")


def bits(text):
    return bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8))


def bomb(size):
    """SLDC: three literals, then copies of 271 bytes in 23 bits each."""
    start = f"{0x1ff5:013b}" + 3 * f"0{ord('a'):08b}"
    copy = "1" + "1111" + f"{239:08b}" + f"{0:010b}"
    return bits(start) + bits(8 * copy) * (size // 23)


def bodies():
    """What an authenticated client may send: (name, body, header fields, the answers that are right)"""
    deep = wc.envelope("x", "<a>" * 20000)[1]
    billion = ('<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
               + wc.envelope("x", "&b;")[1])
    many = wc.envelope(f"{wc.WSMAN}/Events", "<w:Events>" + "<w:Event/>" * 70000 + "</w:Events>")[1]
    sldc = {"Content-Encoding": "SLDC"}
    good = utf16(wc.envelope("x", "")[1])
    return [
        ("20,000 levels", deep.encode(), {}, {400}),
        ("20,000 levels, ended", (deep + "</a>" * 20000).encode(), {}, {400}),
        ("entities", utf16(billion), {}, {400}),
        ("a document type", utf16("<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>"), {}, {400}),
        ("an entity that nobody declares", utf16(wc.envelope("x", "&lol;")[1]), {}, {400}),
        ("many elements", many.encode(), {}, {400}),
        ("an SLDC bomb", bomb(900000), sldc, {400}),
        ("SLDC without an end", wc.sldc(good)[:-12], sldc, {400}),
        ("SLDC of another length", wc.sldc(good)[:-4] + b"\xff\xff\xff\xff", sldc, {400}),
        ("no SLDC", os.urandom(4000), sldc, {400}),
        ("gzip", good, {"Content-Encoding": "gzip"}, {400, 415}),
        ("noise", os.urandom(20000), {}, {400}),
        ("nothing", b"", {}, {400}),
        ("half a message", good[:len(good) // 2], {}, {400}),
        ("an action that is none", good, {}, {400}),
    ]


def heads():
    """Whole requests as bytes: (name, bytes, the answers that are right)"""
    post = "POST /wsman HTTP/1.1\r\nHost: x\r\n" + TYPE
    return [
        ("a header of 10 MB", (post + "X: " + "a" * 10000000).encode(), {431, CLOSED}),
        ("10 MB of header fields", (post + "X: a\r\n" * 1700000).encode(), {431, CLOSED}),
        ("chunked", (post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").encode(), {411}),
        ("chunked and a length", (post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello").encode(),
         {411, 400}),
        ("two lengths", (post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!").encode(), {400}),
        ("a length below nothing", (post + "Content-Length: -1\r\n\r\n").encode(), {400}),
        ("a length of 20 digits", (post + "Content-Length: 99999999999999999999\r\n\r\n").encode(), {400, 413}),
        ("a body of 1 GiB", (post + "Content-Length: 1073741824\r\n\r\n").encode() + bytes(100000), {413}),
        ("no length", (post + "\r\n").encode(), {411}),
        ("GET", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", {405}),
        ("HTTP/2.0", b"POST / HTTP/2.0\r\nContent-Length: 0\r\n\r\n", {505}),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400, CLOSED}),
    ]


def answer_to(client, data):
    """The status, CLOSED, or the text that says that nothing came."""
    client.socket.settimeout(lib.DEADLINE_S)
    try:
        client.socket.sendall(data)
    except wefdomain.BROKEN:
        pass  # it was answered, and closed, before all was sent
    try:
        return client.read()[0]
    except socket.timeout:
        return "silence"
    except wefdomain.BROKEN:
        return CLOSED


def request(body, fields):
    head = "POST /wsman/SubscriptionManager/WEC HTTP/1.1\r\nHost: x\r\n" + TYPE
    head += "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + f"Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def authenticated(build):
    """an authenticated client's hostile messages are refused, and others are served after each"""
    with lib.region(build) as reg:
        dom = Domain(reg)
        wrong = []
        cases = [(n, request(b, f), right) for n, b, f, right in bodies()] + heads()
        for name, data, right in cases:
            client = dom.client("evil.example.lan")
            status = answer_to(client, data)
            client.close()
            if status not in right:
                wrong.append(f"{name}: {status}, not {right}")
            dom.good(name)
        lib.check(not wrong, "; ".join(wrong))
        lib.equal(dom.queued(), [], "events in the queue")
        rss = lib.memory_mib(dom.agent.process.pid)
        print(f"# {len(cases)} messages; the agent held {rss[2]:.1f} MiB at most", flush=True)
        lib.check_memory(rss[2] < 64, f"the agent held {rss[2]:.1f} MiB")


def strangers(build):
    """whoever has not authenticated over Kerberos gets no further than 401"""
    with lib.region(build) as reg:
        _kdc, port, settings = wefdomain.kerberos(reg, ["WS01"])
        dom = Domain(reg, **settings)
        wrong = []
        cases = [(n, request(b, f), {401, 415, 400} if "Content-Encoding" in f else {401})
                 for n, b, f, _right in bodies()] + heads()
        for token in ("Kerberos AAAA", "Negotiate AAAA", "Negotiate " + "A" * 40000, "Basic dTpw", "Kerberos",
                      "Negotiate TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw==", "Kerberos ====", "x"):
            cases.append((token[:30], request(b"", {"Authorization": token}), {401}))
        for name, data, right in cases:
            client = wc.Client(("127.0.0.1", port))
            status = answer_to(client, data)
            client.close()
            if status not in right:
                wrong.append(f"{name}: {status}, not {right}")
        lib.check(not wrong, "; ".join(wrong))
        client = wc.Client(("127.0.0.1", port))
        _status, headers, _body = client.post(utf16("<x/>"))
        lib.equal(headers.get_all("WWW-Authenticate"), ["Kerberos", "Negotiate"], "what is offered")
        dom.good("strangers")
        lib.equal(dom.queued(), [], "events of strangers")


def one_of_a_batch(build):
    """a batch in which some events are broken: each is kept as it is, and the others are whole"""
    broken = {
        3: "<Event><System><EventRecordID>3</EventRecordID>",
        5: "<Event>" + "<a>" * 20000 + "</Event>",
        7: wc.event(7).replace("<EventData>", "<EventData><Data>&lol;</Data>"),
        9: "hello",
    }
    odd = {2: "tab\there \x01\x02\x1f", 4: "\ufffe\uffff", 6: "\U0001f600 \ud800 half", 8: "]]&gt; <b>"}
    with lib.region(build) as reg:
        dom = Domain(reg)
        client = dom.client()
        sub = wc.subscriptions(client.enumerate())[0]
        events = [broken.get(r) or wc.event(r, data={"TargetUserName": odd.get(r, "maija")}) for r in range(1, 11)]
        reply = client.events(sub, events, wc.bookmark(Security=10))
        lib.equal((reply.status, reply.action()), (200, wc.ACK), "Events")
        got = dom.queued()
        whole = [e for e in got if e["event"]["kind"] == "event"]
        lib.equal(numbers(whole), [1, 2, 4, 6, 8, 10], "events that are whole")
        names = {int(e["winlog"]["record_id"]): e["winlog"]["event_data"]["TargetUserName"] for e in whole}
        lib.equal(names, {1: "maija", 2: "tab\there \\u{1}\\u{2}\\u{1f}", 4: "\\u{fffe}\\u{ffff}",
                          6: "\U0001f600 \ufffd half", 8: "]]&gt; <b>", 10: "maija"}, "texts")
        kept = [e for e in got if e["event"]["kind"] == "pipeline_error"]
        lib.equal(sorted(e["message"][:9] for e in kept), sorted(t[:9] for t in broken.values()), "events kept raw")
        for e in kept:
            lib.equal(e["vartio"]["wef"]["client"], "ws01.example.lan", "the client of an event kept raw")


def many(build):
    """many clients keep their connection open: all are served, and memory stays bounded"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 2 * CONNECTIONS + 200), hard), hard))
    with lib.region(build) as reg:
        dom = Domain(reg, max_connections=CONNECTIONS)
        before = lib.memory_mib(dom.agent.process.pid)[0]
        sub = dom.subscription()
        clients = [dom.client() for _ in range(CONNECTIONS)]
        lib.equal(clients[-1].heartbeat(sub).status, 200, "the last client's heartbeat")
        during = lib.memory_mib(dom.agent.process.pid)[0]
        try:
            dom.client().heartbeat(sub)
            raise lib.Failed("one client more than max_connections was served")
        except wefdomain.BROKEN as why:
            if "was served" in str(why):
                raise
        for n, client in enumerate(clients, 1):
            reply = client.events(sub, [wc.event(n)], wc.bookmark(Security=n))
            lib.equal(reply.status, 200, f"client {n}")
        lib.equal(numbers(dom.queued()), list(range(1, CONNECTIONS + 1)), "records in the queue")
        print(f"# {before:.1f} MiB with none, {during:.1f} MiB with {CONNECTIONS} connections", flush=True)
        lib.check_memory(during < 64, f"{during:.1f} MiB at {CONNECTIONS} connections")


if __name__ == "__main__":
    lib.main(authenticated, strangers, one_of_a_batch, many)

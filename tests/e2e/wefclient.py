# SPDX-License-Identifier: EUPL-1.2
"""A Windows event forwarder for the tests: what WS-Management over TLS or Kerberos sends, made from the
documents of the protocol and independent of the agent's own code."""
import http.client
import re
import socket
import ssl
import uuid

S = "http://www.w3.org/2003/05/soap-envelope"
A = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
W = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
E = "http://schemas.xmlsoap.org/ws/2004/08/eventing"
N = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
M = "http://schemas.microsoft.com/wbem/wsman/1/machineid"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman"
ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
MANAGER = "/wsman/SubscriptionManager/WEC"
ACK = f"{WSMAN}/Ack"


def sldc(data):
    """ECMA-321 with Windows' own length behind it. Greedy matches, absolute places of the ring."""
    bits, n = 0, 0
    out = bytearray()

    def put(value, width):
        nonlocal bits, n
        bits, n = bits << width | value, n + width
        while n >= 8:
            n -= 8
            out.append(bits >> n & 0xff)
            bits &= (1 << n) - 1

    def count(length):
        for prefix, width, base, size in ((0, 1, 2, 1), (2, 2, 4, 2), (6, 3, 8, 3), (14, 4, 16, 4)):
            if length < base + (1 << width):
                put(prefix, size)
                put(length - base, width)
                return
        put(15, 4)
        put(length - 32, 8)

    put(0x1ff5, 13)
    at, last = 0, {}
    while at < len(data):
        key, best = data[at:at + 3], 0
        where = last.get(key, -1) if len(key) == 3 else -1
        if where >= 0 and at - where <= 1024 - 271:  # what is copied is not written over meanwhile
            while best < 271 and at + best < len(data) and data[where + best] == data[at + best]:
                best += 1
        if best >= 3:
            put(1, 1)
            count(best)
            put(where % 1024, 10)
        else:
            best = 1
            put(data[at], 9)
        for i in range(at, at + best):
            last[data[i:i + 3]] = i
        at += best
    put(0x1ff4, 13)
    if n:
        put(0, 8 - n)
    return bytes(out) + len(data).to_bytes(4, "little")


def envelope(action, body, header="", to="http://wec/"):
    message = f"uuid:{str(uuid.uuid4()).upper()}"
    text = (f'<s:Envelope xml:lang="en-US" xmlns:s="{S}" xmlns:a="{A}" xmlns:e="{E}" xmlns:n="{N}" '
            f'xmlns:w="{W}" xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"><s:Header>'
            f'<a:To>{to}</a:To><m:MachineID xmlns:m="{M}" s:mustUnderstand="false">ws01.example.lan\n'
            f'</m:MachineID><a:ReplyTo><a:Address s:mustUnderstand="true">{ANONYMOUS}</a:Address>'
            f'</a:ReplyTo><a:Action s:mustUnderstand="true">{action}</a:Action>'
            f'<w:MaxEnvelopeSize s:mustUnderstand="true">512000</w:MaxEnvelopeSize>'
            f'<a:MessageID>{message}</a:MessageID><w:OperationTimeout>PT60.000S</w:OperationTimeout>'
            f'{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>')
    return message, text


class Reply:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text

    def action(self):
        found = re.search(r"<a:Action[^>]*>([^<]*)<", self.text or "")
        return found and found.group(1)


class Client:
    """One connection. tls: (ca, certificate, key) or None. protect: a Kerberos context, see wefkerberos."""

    def __init__(self, address, tls=None, protect=None, host="wec.example.lan", source=None, timeout=90):
        self.host, self.protect = host, protect
        raw = socket.create_connection(address, timeout=timeout, source_address=source)
        if tls:
            ca, certificate, key = tls
            context = ssl.create_default_context(cafile=ca)
            if certificate:
                context.load_cert_chain(certificate, key)
            raw = context.wrap_socket(raw, server_hostname=host)
        self.socket = raw

    def close(self):
        self.socket.close()

    def post(self, body, path=MANAGER, headers=None):
        head = {"Host": self.host, "User-Agent": "Microsoft WinRM Client",
                "Content-Type": "application/soap+xml;charset=UTF-16", "Content-Length": str(len(body)),
                "Connection": "Keep-Alive"}
        head.update(headers or {})
        text = f"POST {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.items()) + "\r\n"
        self.socket.sendall(text.encode("ascii") + body)
        return self.read()

    def read(self):
        answer = http.client.HTTPResponse(self.socket, method="POST")
        answer.begin()
        return answer.status, answer.headers, answer.read()

    def soap(self, action, body, header="", path=MANAGER, compress=False):
        message, text = envelope(action, body, header, f"http://{self.host}:5985{path}")
        data = b"\xff\xfe" + text.encode("utf-16-le", "surrogatepass")
        headers = {}
        if compress:
            data = sldc(data)
            headers["Content-Encoding"] = "SLDC"
        if self.protect:
            data, kind = self.protect.wrap(data)
            headers["Content-Type"] = kind
        status, got, data = self.post(data, path, headers)
        text = None
        if data:
            if self.protect:
                data = self.protect.unwrap(data, got["Content-Type"])
            assert data.startswith(b"\xff\xfe"), data[:20]
            text = data[2:].decode("utf-16-le")
            related = re.search(r"<a:RelatesTo>([^<]*)<", text).group(1)
            assert related == message, (related, message)
        return Reply(status, got, text)

    def enumerate(self, path=MANAGER):
        return self.soap("http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate",
                         "<n:Enumerate><w:OptimizeEnumeration/><w:MaxElements>32000</w:MaxElements>"
                         "</n:Enumerate>", path=path)

    def events(self, sub, events, bookmark=None, compress=False, cdata=True):
        inner = "".join(f'<w:Event Action="{WSMAN}/Event">' +
                        (f"<![CDATA[{e}]]>" if cdata else escape(e)) + "</w:Event>" for e in events)
        return self.soap(f"{WSMAN}/Events", f"<w:Events>{inner}</w:Events>",
                         sub.header(bookmark) + "<w:AckRequested/>", sub.path, compress)

    def heartbeat(self, sub, bookmark=None):
        return self.soap(f"{WSMAN}/Heartbeat", "<w:Events></w:Events>",
                         sub.header(bookmark) + "<w:AckRequested/>", sub.path)

    def dropped(self, sub, count, bookmark=None):
        return self.soap(f"{WSMAN}/DroppedEvents",
                         f'<w:DroppedEvents Action="{WSMAN}/DroppedEvents">{count}\n</w:DroppedEvents>',
                         sub.header(bookmark) + "<w:AckRequested/>", sub.path)

    def end(self, sub):
        return self.soap("http://schemas.microsoft.com/wbem/wsman/1/wsman/End", "", sub.header(None),
                         sub.path)


class Subscription:
    """One of an EnumerateResponse, as a client keeps it."""

    def __init__(self, text):
        self.identifier = re.search(r"<e:Identifier>([^<]*)<", text).group(1)
        self.version = re.search(r"<Version>([^<]*)<", text).group(1)
        self.address = re.search(r"<e:NotifyTo><a:Address>([^<]*)<", text).group(1)
        self.query = re.search(r"<QueryList>.*</QueryList>", text, re.S).group(0)
        found = re.search(r"<w:Bookmark>(.*?)</w:Bookmark>", text, re.S)
        self.bookmark = found and found.group(1)
        self.text = text
        self.path = "/" + self.address.split("/", 3)[3]

    def header(self, bookmark):
        mark = f"<w:Bookmark>{bookmark}</w:Bookmark>" if bookmark else ""
        return (f"<e:Identifier>{self.identifier}\n</e:Identifier><Version>{self.version}</Version>{mark}")


def subscriptions(reply):
    return [Subscription(part) for part in re.findall(
        r"<sub:Subscription .*?</sub:Subscription>", reply.text, re.S)]


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def bookmark(**channels):
    rows = "".join(f'<Bookmark Channel="{c.replace("_", "-")}" RecordId="{r}" IsCurrent="true"/>'
                   for c, r in channels.items())
    return f"<BookmarkList>{rows}</BookmarkList>"


def event(record, event_id=4625, channel="Security", computer="ws01.example.lan", data=None,
          when="2026-11-27T08:00:00.1234567Z", provider="Microsoft-Windows-Security-Auditing"):
    rows = "".join(f"<Data Name='{k}'>{escape(str(v))}</Data>" for k, v in (data or {}).items())
    return ("<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
            f"<Provider Name='{provider}' Guid='{{54849625-5478-4994-A5BA-3E3B0328C30D}}'/>"
            f"<EventID>{event_id}</EventID><Version>0</Version><Level>0</Level><Task>12544</Task>"
            "<Opcode>0</Opcode><Keywords>0x8010000000000000</Keywords>"
            f"<TimeCreated SystemTime='{when}'/><EventRecordID>{record}</EventRecordID><Correlation/>"
            f"<Execution ProcessID='624' ThreadID='688'/><Channel>{channel}</Channel>"
            f"<Computer>{computer}</Computer><Security/></System><EventData>{rows}</EventData></Event>")

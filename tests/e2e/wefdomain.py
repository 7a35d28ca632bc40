# SPDX-License-Identifier: EUPL-1.2
"""A region with one agent that is a Windows Event Collector, and clients of it."""
import socket
import ssl
import threading

import lib
import wefclient as wc
import wefkerberos
import wefpki

HOST = "wec.example.lan"
BROKEN = (OSError, ssl.SSLError, EOFError, lib.Failed, wc.http.client.HTTPException)


class Domain:
    """agent_conf: further settings of the agent. env(state): what its process is started with."""

    def __init__(self, reg, agent_conf=None, env=None, **wef):
        self.reg, self.env = reg, env
        self.pki = wefpki.Pki(reg.folder / "pki")
        self.port = lib.free_port()
        self.cert, self.key = self.pki.issue(HOST, "serverAuth")
        reg.start_collector()
        reg.tenant()
        reg.contact()
        self.inputs = [{"type": "wef", "host": HOST, "https": f"127.0.0.1:{self.port}", "ca": str(self.pki.ca),
                        "certificate": str(self.cert), "key": str(self.key), **wef}]
        self.agent = reg.agent("palvelin1", self.inputs, **(agent_conf or {}))
        self.start()

    def start(self):
        if self.env is None:
            self.agent.start()
            return
        self.agent.process = self.reg.spawn("agent-palvelin1", [self.reg.agent_bin, "run", "--config",
                                                                self.agent.conf], env=self.env)
        lib.wait_for("the agent to answer", self.agent.status)

    def client(self, name="ws01.example.lan", **kwargs):
        crt, key = self.pki.folder / f"{name}.crt", self.pki.folder / f"{name}.key"
        if not crt.exists():
            self.pki.issue(name)
        return wc.Client(("127.0.0.1", self.port), tls=(self.pki.ca, crt, key), host=HOST, **kwargs)

    def subscription(self, name="ws01.example.lan"):
        client = self.client(name)
        sub = wc.subscriptions(client.enumerate())[0]
        client.close()
        return sub

    def good(self, what, name="good.example.lan"):
        """A client that keeps to the rules is served."""
        client = self.client(name)
        sub = wc.subscriptions(client.enumerate())[0]
        lib.equal(client.heartbeat(sub).status, 200, f"a good client's heartbeat after {what}")
        client.close()

    def said(self, text):
        lib.wait_for(f'the agent to say "{text}"', lambda: text in self.agent.process.text())

    def queued(self):
        lib.wait_for("the agent to ship all", self.agent.shipped)
        return [e["event"] for e in self.reg.queue() if "wef" in e["event"].get("vartio", {})]


def numbers(events):
    return sorted(int(e["winlog"]["record_id"]) for e in events)


def once(events, client, last):
    """Each record of the client from 1 to last is among the events, and once."""
    got = numbers([e for e in events if e["vartio"]["wef"]["client"] == client])
    lost, twice = sorted(set(range(1, last + 1)) - set(got)), [a for a, b in zip(got, got[1:]) if a == b]
    print(f"# {client}: {last} sent, {len(lost)} lost, {len(twice)} twice", flush=True)
    lib.check(not lost and not twice and got and got[-1] == last, f"{client}: lost {lost[:5]}, twice {twice[:5]}")


def ended(client, seconds=30):
    """Whether the other side closes the connection."""
    client.socket.settimeout(seconds)
    try:
        while client.socket.recv(65536):
            pass
    except socket.timeout:
        return False
    except BROKEN:
        pass
    return True


class Forwarder(threading.Thread):
    """What Windows does: a batch at a time, the same one again until it is acknowledged, over a new
    connection when the old one broke. connect() gives a client, data() an event's values. `acked` is the last record of a batch
    that was."""

    def __init__(self, name, connect, size=20, data=dict, squeeze=True):
        super().__init__(daemon=True)
        self.name, self.connect, self.size, self.data, self.squeeze = name, connect, size, data, squeeze
        self.acked, self.refused, self.wrong = 0, 0, None
        self.client = self.sub = None
        self.enough = threading.Event()

    def drop(self):
        if self.client is not None:
            self.client.close()
        self.client = None

    def batch(self):
        if self.client is None:
            self.client = self.connect()
            self.sub = wc.subscriptions(self.client.enumerate())[0]
        upto = self.acked + self.size
        events = [wc.event(r, computer=self.name, data=self.data()) for r in range(self.acked + 1, upto + 1)]
        reply = self.client.events(self.sub, events, wc.bookmark(Security=upto), compress=self.squeeze and upto % 3 == 0)
        if reply.status == 503:
            self.refused += 1
            self.enough.wait(0.2)
        elif reply.status != 200 or reply.action() != wc.ACK:
            self.wrong = f"{self.name} was answered {reply.status}"
            self.enough.set()
        else:
            self.acked = upto

    def run(self):
        while not self.enough.is_set():
            try:
                self.batch()
            except BROKEN:
                self.drop()
                self.enough.wait(0.1)
        self.drop()

    def end(self):
        """The last acknowledged record; a batch that was not is sent until it is."""
        self.enough.set()
        if self.is_alive():
            self.join(lib.DEADLINE_S)
        lib.check(self.wrong is None, self.wrong)
        upto = self.acked + self.size

        def whole():
            try:
                self.batch()
            except BROKEN:
                self.drop()
            return self.acked >= upto
        lib.wait_for(f"the last batch of {self.name}", whole)
        self.drop()
        return self.acked


def kerberos(reg, names, **wef):
    """(KDC, port, settings): a realm with these machines, and what a Domain needs for it."""
    wefkerberos.stack()
    kdc = wefkerberos.Kdc(reg)
    for name in names:
        kdc.machine(name)
    port = lib.free_port()
    return kdc, port, {"kerberos": f"127.0.0.1:{port}", "keytab": str(kdc.keytab), **wef}

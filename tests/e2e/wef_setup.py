#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""vartio-agent wef setup and wef doctor: what the domain's administrator is told, and that each thing that
can be wrong is found, by a real KDC, OpenSSL's certificates and a name server of our own."""
import json
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import threading

import lib
import wefdomain
import wefkerberos
import wefpki

HOST, DOMAIN = wefdomain.HOST, "example.lan"
LANGS = ("fi", "sv", "en")
# In every language: what is typed or clicked.
KERBEROS = ["Server=http://{host}:5985/wsman/SubscriptionManager/WEC,Refresh=900",
            "setspn -S HTTP/{host} vartio-http", "setspn -S host/{host} vartio-host",
            "ktpass /princ HTTP/{host}@EXAMPLE.LAN", "ktpass /princ host/{host}@EXAMPLE.LAN", "AES256-SHA1",
            "adcli update --domain=example.lan --add-service-principal=HTTP/{host}", "kerberos: 0.0.0.0:5985",
            "keytab: /etc/vartio/wef.keytab", "Test-NetConnection {host} -Port 5985"]
HTTPS = ["Server=https://{host}:5986/wsman/SubscriptionManager/WEC,Refresh=900,IssuerCA=THUMBPRINT",
         "Certificate Services Client - Auto-Enrollment", "certlm.msc", "https: 0.0.0.0:5986",
         "Test-NetConnection {host} -Port 5986"]
BOTH = ["Configure target Subscription Manager", "EventForwarding\\SubscriptionManager",
        "Add-DnsServerResourceRecordA -ZoneName example.lan -Name wec -IPv4Address", "-CreatePtr",
        "Windows Remote Management (WS-Management): Automatic", "Event Log Readers", "NT AUTHORITY\\NETWORK SERVICE",
        "ufw allow", "Process Creation", "Include command line", "Script Block Logging", "1048576",
        "Microsoft-Windows-Forwarding/Operational", "\n100: ", "\n101: ", "\n102: ", "\n105: ", "type: wef",
        "host: {host}", "vartio-agent wef doctor"]


def own_address():
    """An address of this machine that is not loopback's; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            raise lib.Skip("this machine has no address but loopback's") from None
        return s.getsockname()[0]


def run(build, *words, code=0, env=None):
    done = subprocess.run([build / "agent/vartio-agent", "wef", *[str(w) for w in words]], capture_output=True,
                          text=True, check=False, timeout=lib.DEADLINE_S, env=dict(os.environ, **(env or {})))
    lib.check(done.returncode == code, f"wef {words} ended with {done.returncode}, expected {code}:\n"
              f"{done.stdout}{done.stderr}")
    lib.check(lib.REPORT.search(done.stderr) is None, done.stderr)
    return done.stdout if code == 0 else done.stdout + done.stderr


def holds(text, wanted, host=HOST):
    for one in wanted:
        lib.check(one.format(host=host) in text, f"{one.format(host=host)!r} is not in:\n{text}")


def sentences(text):
    return {line for line in text.splitlines() if line and not line.startswith("    ")}


def languages(build):
    """setup before anything is set up: all parts in all three languages, nothing left untranslated"""
    texts = {lang: run(build, "setup", "--host", HOST, "--lang", lang) for lang in LANGS}
    for lang, text in texts.items():
        holds(text, KERBEROS + HTTPS + BOTH)
        lib.equal([int(n) for n in re.findall(r"^(\d+)\. ", text, re.M)], list(range(1, 12)), f"headings in {lang}")
        lib.check("{" not in text, f"a placeholder is not filled in {lang}:\n{text}")
        lib.check(max(map(len, sentences(text))) <= 88, f"a line is too wide in {lang}")
    code = [[line for line in text.splitlines() if line.startswith("    ")] for text in texts.values()]
    lib.check(code[0] == code[1] == code[2], "what is typed differs between the languages")
    for one, other in (("fi", "sv"), ("fi", "en"), ("sv", "en")):
        lib.equal(sentences(texts[one]) & sentences(texts[other]), set(), f"lines that {one} and {other} share")
    for variable, lang in (("fi_FI.UTF-8", "fi"), ("sv_FI.UTF-8", "sv"), ("en_US.UTF-8", "en"), ("C.UTF-8", "fi"),
                           ("", "fi")):
        said = run(build, "setup", "--host", HOST, env={"LC_ALL": "", "LC_MESSAGES": "", "LANG": variable})
        lib.equal(said, texts[lang], f"the language with LANG={variable}")


def words(build):
    """setup: names from options, and what cannot be understood is refused"""
    text = run(build, "setup", "--host", "Keruu", "--domain", "Kunta.Example", "--lang", "en")
    holds(text, ["HTTP/keruu.kunta.example@KUNTA.EXAMPLE", "-ZoneName kunta.example -Name keruu "])
    text = run(build, "setup", "--host", "a.b.kunta.example", "--domain", "kunta.example", "--lang", "en")
    holds(text, ["-ZoneName kunta.example -Name a.b ", "HTTP/a.b.kunta.example@KUNTA.EXAMPLE"])
    text = run(build, "setup", "--host", "keruu.dmz.example", "--domain", "kunta.example", "--lang", "en")
    holds(text, ["-ZoneName dmz.example -Name keruu ", "HTTP/keruu.dmz.example@KUNTA.EXAMPLE"])
    holds(run(build, "setup", "--host", "keruu", "--lang", "en", code=1), ["keruu has no domain", "--host"])
    holds(run(build, "setup", "--host", "x;y.example.lan", code=1), ["no name of a computer"])
    holds(run(build, "setup", "--host", "192.0.2.7", code=1), ["no name of a computer"])
    holds(run(build, "setup", "--lang", "de", code=2), ["fi, sv or en"])
    holds(run(build, "setup", "--config", "/nonexistent/agent.yml", code=1), ["/nonexistent/agent.yml"])
    for bad in ([], ["repair"], ["setup", "more"], ["doctor", "--dns", "ns.example.lan"]):
        holds(run(build, *bad, code=2), ["usage: vartio-agent wef setup"])


class Names(threading.Thread):
    """A name server: {(name, type): data}; anything else does not exist. spoil: what is done to an answer."""

    def __init__(self, records):
        super().__init__(daemon=True)
        self.records, self.spoil = records, None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.start()

    @staticmethod
    def name(text):
        return b"".join(bytes([len(p)]) + p.encode() for p in text.split(".")) + b"\0"

    def run(self):
        while True:
            question, client = self.socket.recvfrom(4096)
            if question == b"end":
                self.socket.close()
                return
            labels, at = [], 12
            while question[at]:
                labels.append(question[at + 1:at + 1 + question[at]].decode())
                at += 1 + question[at]
            kind = struct.unpack(">H", question[at + 1:at + 3])[0]
            data = self.records.get((".".join(labels).lower(), kind), [])
            answer = question[:2] + struct.pack(">HHHHH", 0x8580 | (0 if data else 3), 1, len(data), 0, 0)
            answer += question[12:at + 5]
            for one in data:
                raw = socket.inet_aton(one) if kind == 1 else self.name(one)
                answer += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(raw)) + raw
            self.socket.sendto(self.spoil(answer) if self.spoil else answer, client)

    def end(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"end", self.socket.getsockname())
        self.join()


class FalseClock(threading.Thread):
    """A KDC whose every answer is what `change` makes of the real one's."""

    def __init__(self, port, change):
        super().__init__(daemon=True)
        self.port, self.change = port, change
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            with client, socket.create_connection(("127.0.0.1", self.port), lib.DEADLINE_S) as kdc:
                asked = client.recv(4096)
                if not asked:
                    self.listener.close()
                    return
                kdc.sendall(asked)
                client.sendall(self.change(kdc.recv(4096)))

    def end(self):
        socket.create_connection(self.listener.getsockname(), lib.DEADLINE_S).close()
        self.join()


def records(address, back=HOST):
    reverse = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
    return {(HOST, 1): [address], (reverse, 12): [back] if back else []}


class Patient:
    """Settings of a receiver that is right in all, to be made worse; its agent runs."""

    def __init__(self, build, reg):
        wefkerberos.stack()
        self.build, self.reg, self.address = build, reg, own_address()
        self.kdc = wefkerberos.Kdc(reg)
        self.port = lib.free_port()
        self.domain = wefdomain.Domain(reg, kerberos=f"127.0.0.1:{self.port}", keytab=str(self.kdc.keytab))
        self.names = Names(records(self.address))
        self.wef = self.domain.inputs[0]
        self.times = 0

    def conf(self, **changes):
        self.times += 1
        path = self.reg.folder / f"doctor-{self.times}.yml"
        one = {k: v for k, v in {**self.wef, **changes}.items() if v is not None}
        path.write_text(json.dumps({"state_dir": str(self.domain.agent.state), "inputs": [one]}), encoding="utf-8")
        return path

    def doctor(self, code=0, lang="en", kdc=None, dns=None, **changes):
        return run(self.build, "doctor", "--lang", lang, "--dns", dns or self.names.address, "--kdc",
                   kdc or f"127.0.0.1:{self.kdc.port}", "--config", self.conf(**changes), code=code)

    def wrong(self, text, **changes):
        """That is the one thing wrong."""
        said = self.doctor(1, **changes)
        bad = [line for line in said.splitlines() if line.startswith("wrong: ")]
        lib.check(len(bad) == 1 and text in bad[0], f"expected only {text!r} to be wrong:\n{said}")
        return bad[0]


def healthy(build):
    """doctor, and check, find nothing wrong where all is right; setup knows the settings"""
    with lib.region(build) as reg:
        dom = Patient(build, reg)
        said = dom.doctor()
        lib.check(all(line.startswith("good: ") for line in said.splitlines()), said)
        holds(said, ["keytab: HTTP/{host}@EXAMPLE.LAN, AES256, key version 2", "keytab: host/{host}@EXAMPLE.LAN",
                     f"IssuerCA={dom.domain.pki.thumbprint()}", "certificate: {host}, ends ", "subscriptions: 1; ",
                     f"DNS: {{host}} is {dom.address}, and {dom.address} is {{host}}", "clock: ",
                     f"port: the agent listens on 127.0.0.1:{dom.port}", f"127.0.0.1:{dom.domain.port}"])
        for lang, good in (("fi", "kunnossa: "), ("sv", "bra: ")):
            other = dom.doctor(lang=lang)
            lib.equal(len(other.splitlines()), len(said.splitlines()), f"lines in {lang}")
            lib.check(all(line.startswith(good) for line in other.splitlines()), other)
        reg.run([reg.agent_bin, "check", "--config", dom.domain.agent.conf])
        said = run(build, "setup", "--lang", "en", "--config", dom.conf(https_port=443))
        holds(said, ["https://{host}:443/wsman/SubscriptionManager/WEC,Refresh=900,"
                     f"IssuerCA={dom.domain.pki.thumbprint()}\n", f"keytab: {dom.kdc.keytab}",
                     f"http://{{host}}:{dom.port}/"])
        said = run(build, "setup", "--lang", "en", "--config", dom.conf(https=None))
        lib.check("IssuerCA" not in said and "Server=http:" in said, "a door that is not configured is told of")
        dom.names.end()


def entry(name, enctype, kvno, realm="EXAMPLE.LAN"):
    """An entry of a keytab, in MIT's format."""
    parts = name.split("/")
    body = struct.pack(">H", len(parts))
    for text in (realm, *parts):
        body += struct.pack(">H", len(text)) + text.encode()
    body += struct.pack(">IIBHH", 1, 0, kvno & 255, enctype, 32) + bytes(32) + struct.pack(">I", kvno)
    return struct.pack(">i", len(body)) + body


def keytabs(build):
    """doctor finds what is wrong with a keytab, and check says the same"""
    with lib.region(build) as reg:
        dom = Patient(build, reg)
        http, host = entry(f"HTTP/{HOST}", 18, 300), entry(f"host/{HOST}", 17, 3)
        hole = struct.pack(">i", -20) + bytes(20)
        rows = ((http + hole + host, None), (http, f"there is no key for host/{HOST}"),
                (http + entry(f"host/{HOST}", 23, 3), f"host/{HOST} has only keys that are too weak"),
                (host + entry(f"HTTP/other.{DOMAIN}", 18, 3), f"there is no key for HTTP/{HOST}"),
                (host + entry(f"HTTP/{HOST}", 18, 3, DOMAIN), f"the realm {DOMAIN} has to be in capital"),
                (http[:-9], "the keytab is cut"))
        for number, (content, text) in enumerate(rows):
            path = reg.folder / f"{number}.keytab"
            path.write_bytes(b"\x05\x02" + content)
            path.chmod(0o600)
            if text is None:
                holds(dom.doctor(keytab=str(path)), ["key version 300", "AES128, key version 3"])
                continue
            line = dom.wrong(text, keytab=str(path)).split(": ", 1)[1]
            checked = reg.run([reg.agent_bin, "check", "--config", dom.conf(keytab=str(path))], code=1)[0]
            lib.check(line in checked, f"check does not say {line}:\n{checked}")
        open_to_all = reg.folder / "open.keytab"
        shutil.copy(dom.kdc.keytab, open_to_all)
        open_to_all.chmod(0o644)
        dom.wrong("run: chmod o= ", keytab=str(open_to_all))
        dom.wrong("does not exist", keytab=str(reg.folder / "none.keytab"))
        dom.wrong("it is not a keytab", keytab=str(dom.domain.pki.ca))
        dom.names.end()


def certificates(build):
    """doctor finds what is wrong with a certificate, its chain, and the authority"""
    with lib.region(build) as reg:
        dom = Patient(build, reg)
        pki, other = dom.domain.pki, wefpki.Pki(reg.folder / "other", "Other CA")
        rest = reg.folder / "rest"
        rest.mkdir()

        def pair(crt, key):
            return {"certificate": str(crt), "key": str(key)}

        dom.wrong(f"is for old.{DOMAIN}, not for {HOST}", **pair(*pki.issue(f"old.{DOMAIN}", "serverAuth")))
        crt, key = wefpki.Pki(rest / "a", "A").issue(HOST, "clientAuth")
        dom.wrong("is not for servers", **pair(crt, key))
        crt, key = wefpki.Pki(rest / "b", "B").issue(HOST, "serverAuth", days=3)
        dom.wrong("ends soon, on ", **pair(crt, key))
        for begins, ends, text in (("2001", "2002", "ended on 2002-01-01"), ("2039", "2040", "holds from 2039-01-01")):
            dom.wrong(text, **pair(*dated(pki, rest / begins, begins, ends)))
        dom.wrong("does not belong to the certificate", certificate=dom.wef["certificate"], key=str(key))
        good = pem(dom.wef["certificate"])
        chain = rest / "chain.pem"
        chain.write_text(good + pem(pki.ca), encoding="ascii")
        dom.doctor(certificate=str(chain))
        chain.write_text(good + pem(other.ca), encoding="ascii")
        dom.wrong("CN=Other CA did not issue the one before it", certificate=str(chain))
        dom.wrong(f"CN={HOST} in", ca=dom.wef["certificate"])
        two = rest / "two.pem"
        two.write_text(pem(pki.ca) + pem(other.ca), encoding="ascii")
        said = run(build, "setup", "--lang", "en", "--config", dom.conf(ca=str(two)))
        holds(said, [f"IssuerCA={pki.thumbprint()}\n", f"IssuerCA={other.thumbprint()}\n"])
        dom.names.end()


def dated(pki, folder, begins, ends):
    """A server's certificate and key that hold between two New Year's days."""
    folder.mkdir()
    key, csr, crt, conf = (folder / name for name in ("key.pem", "csr.pem", "crt.pem", "ca.cnf"))
    pki.openssl_new(key)
    wefpki.openssl("req", "-new", "-key", key, "-subj", f"/CN={HOST}", "-out", csr)
    (folder / "index").touch()
    conf.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nnew_certs_dir={folder}\nrand_serial=yes\n"
                    "default_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\n"
                    f"extendedKeyUsage=serverAuth\nsubjectAltName=DNS:{HOST}\n", encoding="ascii")
    wefpki.openssl("ca", "-batch", "-config", conf, "-cert", pki.ca, "-keyfile", pki.ca_key, "-in", csr, "-notext",
                   "-startdate", f"{begins}0101000000Z", "-enddate", f"{ends}0101000000Z", "-out", crt)
    return crt, key


def pem(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def surroundings(build):
    """doctor finds what is wrong around the agent: names, clock, ports, settings"""
    with lib.region(build) as reg:
        dom = Patient(build, reg)
        for change, text in (({}, f"{HOST} has no address"), (records("192.0.2.77"), "not an address of this machine"),
                             (records("127.0.1.1"), "which no other computer can reach"),
                             (records(dom.address, None), f"{dom.address} leads back to no name"),
                             (records(dom.address, f"old.{DOMAIN}"), f"leads back to old.{DOMAIN}, not to {HOST}")):
            dom.names.records = change
            dom.wrong(text)
        dom.names.records = records(dom.address)
        dom.wrong("the name server does not answer", dns=f"127.0.0.1:{lib.free_port(socket.SOCK_DGRAM)}")

        def late(answer):
            at = answer.index(b"\xa4\x11\x18\x0f") + 4
            return answer[:at] + b"20200101" + answer[at + 8:]
        clock = FalseClock(dom.kdc.port, late)
        dom.wrong("apart from the domain controller 127.0.0.1, and Kerberos allows 300", kdc=clock.address)
        clock.end()
        dom.wrong("nobody listens on", kerberos=f"127.0.0.1:{lib.free_port()}")
        with socket.create_server(("127.0.0.1", 0)) as stranger:
            where = f"127.0.0.1:{stranger.getsockname()[1]}"
            dom.wrong(f"another program answers on {where}", kerberos=where)
        dom.wrong("kerberos needs a keytab", keytab=None)
        dom.wrong("https needs ca, certificate and key", ca=None)
        query = "<QueryList><Query><Select Path='%s'>*</Select></Query></QueryList>" % ("x" * 30000)
        dom.wrong("a computer is told ", subscriptions=[{"name": f"s{n}", "query": query} for n in range(9)])
        dom.wrong("subscriptions: subscription s: query", subscriptions=[{"name": "s", "query": "<x/>"}])
        path = reg.folder / "none.yml"
        path.write_text(json.dumps({"state_dir": str(dom.domain.agent.state), "inputs": [{"type": "journal"}]}),
                        encoding="utf-8")
        holds(run(build, "doctor", "--lang", "en", "--config", path, code=1), ["has no input of type wef"])
        dom.names.end()


def hostile(build):
    """doctor outlives answers that are no answers"""
    seed = random.randrange(1 << 32)
    print(f"# seed {seed}")
    chance = random.Random(seed)

    def spoil(answer):
        answer = bytearray(answer[:chance.randrange(1, len(answer) + 1)])
        for _ in range(chance.randrange(6)):
            answer[chance.randrange(len(answer))] = chance.randrange(256)
        return bytes(answer)
    with lib.region(build) as reg:
        dom = Patient(build, reg)
        # The question stays, else the resolver waits for another answer.
        at = 12 + len(Names.name(HOST)) + 4
        dom.names.spoil = lambda answer: answer[:at] + spoil(answer[at:])
        clock = FalseClock(dom.kdc.port, spoil)
        for _ in range(10):
            done = subprocess.run([build / "agent/vartio-agent", "wef", "doctor", "--lang", "en", "--dns",
                                   dom.names.address, "--kdc", clock.address, "--config", dom.conf()],
                                  capture_output=True, text=True, check=False, timeout=lib.DEADLINE_S)
            lib.check(done.returncode in (0, 1) and "keytab: HTTP/" in done.stdout and not lib.REPORT.search(done.stderr),
                      f"it ended with {done.returncode}: {done.stdout}{done.stderr}")
        clock.end()
        dom.names.end()


if __name__ == "__main__":
    lib.main(languages, words, healthy, keytabs, certificates, surroundings, hostile)

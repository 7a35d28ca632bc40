#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Certificates that are renewed, and that have expired, while events flow: nothing is lost, nothing
comes twice, no connection is cut for a renewal, and no daemon needs a restart."""
import re
import shutil
import signal
import subprocess
import threading
import time

from lib import check, equal, main, region, wait_for

LOOK_S = 60  # files are looked at every 10 s


class Writer(threading.Thread):
    """Appends numbered lines until it is told to end."""

    def __init__(self, path):
        super().__init__()
        self.path, self.count, self.over = path, 0, threading.Event()

    def run(self):
        with open(self.path, "a", encoding="utf-8") as out:
            while not self.over.wait(0.01):
                out.write(f"number {self.count}\n")
                out.flush()
                self.count += 1

    def end(self):
        self.over.set()
        self.join()


def openssl(*words):
    subprocess.run(["openssl", *[str(w) for w in words]], check=True, capture_output=True)


def expired(folder, state, old, key):
    """A certificate like `old`, of the same authority and for the same key, whose time is over."""
    made, conf, csr = folder / "old", folder / "old/ca.cnf", folder / "old/csr"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    (made / "index").touch()
    (made / "serial").write_text("7001\n", encoding="utf-8")
    text = subprocess.run(["openssl", "x509", "-in", old, "-noout", "-ext",
                           "subjectAltName,extendedKeyUsage,keyUsage"],
                          check=True, capture_output=True, text=True).stdout
    names = re.search(r"Alternative Name:.*\n\s+(.*)", text)[1].replace("IP Address:", "IP:")
    use = "serverAuth" if "Server" in text else "clientAuth"
    conf.write_text(f"""[ca]
default_ca = a
[a]
database = {made}/index
serial = {made}/serial
new_certs_dir = {made}
default_md = sha256
policy = p
x509_extensions = e
unique_subject = no
[p]
commonName = supplied
[e]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = {use}
subjectAltName = {names}
""", encoding="utf-8")
    openssl("req", "-new", "-key", key, "-subj", "/CN=old", "-out", csr)
    openssl("ca", "-batch", "-notext", "-config", conf, "-cert", state / "ca/ca.crt", "-keyfile", state / "ca/ca.key",
            "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-in", csr, "-out", made / "crt")
    return (made / "crt").read_bytes() + (state / "ca/ca.crt").read_bytes()


def replace(path, content):
    """As a careful program does it: whole, by renaming."""
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(content)
    fresh.chmod(path.stat().st_mode & 0o777)
    fresh.rename(path)


def shown(reg):
    """The certificate that new connections are shown."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{reg.port}"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=20)
    return re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", done.stdout, re.S)[0]


def metric(reg, name):
    return float(re.search(rf"^{name} (\S+)$", reg.metrics(), re.M)[1])


def whole(reg, agent, writer, log):
    """Every line once."""
    wait_for("the last acknowledgement", agent.shipped, seconds=LOOK_S)
    found = [r["event"]["message"] for r in reg.queue()
             if r["event"].get("log", {}).get("file", {}).get("path") == str(log)]
    check(len(found) == len(set(found)), "lines came twice")
    equal(set(found), {f"number {n}" for n in range(writer.count)}, "the lines in the queue")


def begin(reg):
    log = reg.folder / "app.log"
    log.touch()
    reg.start_collector()
    reg.tenant()
    agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]}], collector={"retry": "500ms"})
    agent.start()
    wait_for("the connection", lambda: agent.status()["collector"]["connected"])
    writer = Writer(log)
    writer.start()
    return agent, writer, log


def renewed(build):
    """the collector's certificate is renewed under way: open connections go on, new ones see it"""
    with region(build) as reg:
        agent, writer, log = begin(reg)
        try:
            before, accepted = shown(reg), metric(reg, "vartio_listen_accepted_total")
            for way in ("seen", "SIGHUP", "key too"):
                was = shown(reg)
                (reg.state / "ca/server.crt").unlink()
                if way == "key too":
                    (reg.state / "ca/server.key").unlink()
                if way == "SIGHUP":
                    reg.collector.child.send_signal(signal.SIGHUP)
                wait_for(f"the new certificate ({way})", lambda: shown(reg) != was, seconds=LOOK_S, pause=0.5)
            check(shown(reg) != before, "the certificate is the old one")
            check(metric(reg, "vartio_collector_certificate_expires_seconds") > time.time() + 300 * 86400,
                  "the metric tells another end")
            another = reg.agent("toinen", inputs=[{"type": "file", "paths": [str(reg.folder / "other.log")]}])  # the door for enrolment shows the new one too
            another.start()
            wait_for("a new agent", lambda: another.status()["collector"]["connected"])
            equal(metric(reg, "vartio_listen_accepted_total"), accepted + 1, "connections made")
            check(agent.status()["collector"]["connected"], "the agent's connection was cut")
        finally:
            writer.end()
        whole(reg, agent, writer, log)


def collector_expired(build):
    """the collector's certificate has expired and cannot be renewed: agents keep events and say why"""
    with region(build) as reg:
        agent, writer, log = begin(reg)
        try:
            crt, key = reg.state / "ca/server.crt", reg.state / "ca/server.key"
            old = expired(reg.folder, reg.state, crt, key)
            hidden = reg.folder / "ca.key"
            (reg.state / "ca/ca.key").rename(hidden)
            was = shown(reg)
            replace(crt, old)
            wait_for("the expired certificate", lambda: shown(reg) != was, seconds=LOOK_S, pause=0.5)
            wait_for("the collector to say so", lambda: "certificate has expired" in reg.collector.text())
            check(agent.status()["collector"]["connected"], "the open connection was cut")
            agent.stop()  # a new connection: what is open is never cut for this
            agent.start()
            wait_for("the agent to say why", seconds=LOOK_S, ready=lambda:
                     "expired on 2020-02-01" in str(agent.status()["collector"].get("problem")))
            time.sleep(1)
            check(agent.status()["spool"]["events"] > 0, "the agent keeps nothing")
            hidden.rename(reg.state / "ca/ca.key")
            reg.collector.child.send_signal(signal.SIGHUP)
            wait_for("the connection", lambda: agent.status()["collector"]["connected"], seconds=LOOK_S)
        finally:
            writer.end()
        whole(reg, agent, writer, log)


def agent_expired(build):
    """the agent's certificate has expired: it says so, keeps events, and takes the renewed one by itself"""
    with region(build) as reg:
        agent, writer, log = begin(reg)
        try:
            crt, key = agent.state / "agent.crt", agent.state / "agent.key"
            good = crt.read_bytes()
            replace(crt, expired(reg.folder, reg.state, crt, key))
            wait_for("the agent to say so", seconds=LOOK_S,
                     ready=lambda: "certificate has expired" in agent.process.text())
            check(agent.status()["collector"]["connected"], "the open connection was cut")
            cut(reg)
            wait_for("the agent to say why", seconds=LOOK_S,
                     ready=lambda: "our certificate has expired" in str(agent.status()["collector"].get("problem")))
            wait_for("blocks to be kept", lambda: agent.status()["spool"]["events"] > 0)
            crt.write_bytes(good[:100])  # torn: the old one stays
            wait_for("the torn file to be refused", seconds=LOOK_S,
                     ready=lambda: "certificate not reloaded" in agent.process.text())
            crt.write_bytes(good)
            wait_for("the connection", lambda: agent.status()["collector"]["connected"], seconds=LOOK_S)
        finally:
            writer.end()
        whole(reg, agent, writer, log)


def cut(reg):
    """All connections end: the collector starts again."""
    reg.collector.stop()
    time.sleep(0.5)
    reg.start_collector()


if __name__ == "__main__":
    main(renewed, collector_expired, agent_expired)

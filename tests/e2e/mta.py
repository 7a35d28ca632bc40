#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""An alert goes through a real mail transfer agent (Debian's Exim) into a person's Maildir."""
import contextlib
import email
import email.policy
import json
import os
import re
import signal
import socket
import sqlite3

from lib import SOURCE, check, equal, free_port, main, region, unpacked, wait_for
from smtpd import PASSWORD, USER, make_certificate
from sshlab import NOBODY, library_path, unprivileged

ATTACK = SOURCE / "packaging/demo/ssh-attack.log"
MAIJA = "maija@mallila.example"

# Exim's own words: STARTTLS for all, AUTH only inside it, mail only from who has logged in, and only
# for the municipality's domain, which is delivered here.
CONF = """
primary_hostname = posti.mallila.example
spool_directory = {folder}/spool
log_file_path = {folder}/log-%s
pid_file_path = {folder}/pid
exim_path = {exim}
keep_environment = LD_LIBRARY_PATH : LD_PRELOAD : NSS_WRAPPER_*
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
deliver_drop_privilege = true
host_lookup =
rfc1413_hosts =
tls_certificate = {cert}
tls_privatekey = {key}
tls_advertise_hosts = *
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
acl_smtp_rcpt = rcpt
acl_smtp_data = data
domainlist ours = mallila.example

begin acl
rcpt:
  deny message = log in first
       !authenticated = *
  deny message = not without encryption
       !encrypted = *
  accept domains = +ours
  deny message = relay not permitted
data:
  deny message = malformed headers: $acl_verify_message
       !verify = header_syntax
  accept

begin routers
people:
  driver = accept
  domains = +ours
  transport = maildir

begin transports
maildir:
  driver = appendfile
  directory = {folder}/Maildir
  maildir_format
  create_directory
  envelope_to_add
  return_path_add

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""


class Exim:
    """Exim on a port of loopback, unpacked and unprivileged; every address of the town is one Maildir."""

    def __init__(self, reg):
        packages = unpacked("exim4-daemon-light", "libgnutls-dane0", "libunbound8", "libevent-2.1-7",
                            "libidn12", "libnsl2", "libtirpc3", "libnss-wrapper")
        self.reg, self.port, self.process = reg, free_port(), None
        self.folder = reg.folder / "exim"
        self.folder.mkdir()
        self.cert, key = make_certificate(self.folder)
        self.secret = self.folder / "password"
        self.secret.write_text(PASSWORD + "\n", encoding="utf-8")
        self.secret.chmod(0o600)
        # What is not set-user-id keeps its libraries from LD_LIBRARY_PATH.
        self.exim = self.folder / "exim4"
        self.exim.write_bytes((packages / "usr/sbin/exim4").read_bytes())
        self.exim.chmod(0o755)
        self.conf = self.folder / "exim.conf"
        self.conf.write_text(CONF.format(folder=self.folder, exim=self.exim, port=self.port,
                                         cert=self.cert, key=key, user=USER, password=PASSWORD),
                             encoding="utf-8")
        self.conf.chmod(0o644)
        self.env = dict(os.environ, LD_LIBRARY_PATH=library_path(packages), **self.accounts(packages))
        if os.geteuid() == 0:
            for path in (self.folder, self.conf, self.cert, key):
                os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)

    def accounts(self, packages):
        """Debian's Exim wants an account by name, which only its installed package makes."""
        uid = NOBODY.pw_uid if os.geteuid() == 0 else os.geteuid()
        gid = NOBODY.pw_gid if os.geteuid() == 0 else os.getegid()
        passwd, group = self.folder / "passwd", self.folder / "group"
        passwd.write_text(f"root:x:0:0:::\nDebian-exim:x:{uid}:{gid}::/:/bin/false\n", encoding="utf-8")
        group.write_text(f"root:x:0:\nmail:x:8:\nDebian-exim:x:{gid}:\n", encoding="utf-8")
        wrapper = next(packages.glob("usr/lib/*/libnss_wrapper.so"))
        return {"LD_PRELOAD": str(wrapper), "NSS_WRAPPER_PASSWD": str(passwd),
                "NSS_WRAPPER_GROUP": str(group)}

    def start(self):
        self.process = self.reg.spawn("exim", [
            *unprivileged(), self.exim, "-C", self.conf, "-bdf", "-q1m"], env=self.env)
        wait_for("exim", self.listening)

    def listening(self):
        check(self.process.alive(), f"exim ended: {self.process.text()} {self.log()}")
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        return "".join(p.read_text(encoding="utf-8", errors="replace")
                       for p in sorted(self.folder.glob("log-*")))

    def waiting(self):
        """What Exim has taken and not delivered: a header file each in its spool."""
        return [p.name for p in (self.folder / "spool/input").rglob("*-H")]

    def messages(self):
        new = self.folder / "Maildir/new"
        return [email.message_from_bytes(p.read_bytes(), policy=email.policy.default)
                for p in sorted(new.glob("*"))] if new.is_dir() else []

    def settings(self):
        return {"url": f"smtp://localhost:{self.port}", "user": USER,
                "password_file": str(self.secret), "ca_file": str(self.cert)}


@contextlib.contextmanager
def attacked(build):
    """A region whose alerts go to Exim, and the attack; Exim is not started."""
    with region(build) as reg:
        exim = Exim(reg)
        try:
            reg.start_collector(notify={
                "mail": {"from": "vartio@seutu.example", "smtp": exim.settings()}, "additions": "600s"})
            reg.tenant()
            reg.contact(address=MAIJA)
            log = reg.folder / "auth.log"
            log.touch()
            agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]}])
            agent.start()
            yield reg, exim, lambda: log.write_bytes(ATTACK.read_bytes())
        except Exception:
            for line in exim.log().splitlines()[-40:]:
                print(f"# exim: {line}")
            raise


def rows(reg, kind):
    with contextlib.closing(sqlite3.connect(reg.state / "collector.db", timeout=30)) as db:
        return [json.loads(row[0]) for row in db.execute(
            "SELECT detail FROM alert_log WHERE kind = ? ORDER BY seq", (kind,))]


def good_message(message):
    """What a person's mail program needs, and what Exim adds on the way."""
    equal(message.get_content_type(), "multipart/alternative", "form")
    equal([p.get_content_type() for p in message.iter_parts()], ["text/plain", "text/html"], "parts")
    equal([d for p in message.walk() for d in p.defects], [], "defects")
    equal(message["To"].addresses[0].addr_spec, MAIJA, "To")
    equal(str(message["Envelope-to"]), MAIJA, "envelope")
    equal(str(message["Return-path"]), "<vartio@seutu.example>", "Return-path")
    equal(str(message["Content-Language"]), "fi", "language")
    for part in message.iter_parts():
        text = part.get_content()
        check("salasan" in text.lower() and "127.0.0.3" in text.replace("[.]", "."),
              f"not the alert in Finnish:\n{text}")


def delivered(build):
    """STARTTLS, log-in, delivery: a valid Finnish message; the server's queue id is in the alert log"""
    with attacked(build) as (reg, exim, attack):
        exim.start()
        attack()
        row = wait_for("a row sent", lambda: rows(reg, "sent"))[0]
        queued = re.match(r"250 OK id=(\S+)$", row["reply"])
        check(queued, f"the reply: {row}")
        message = wait_for("the delivery", exim.messages)[0]
        good_message(message)
        received = str(message["Received"])
        check(f"id {queued.group(1)}" in received, f"another message: {received}")
        check("esmtpsa" in received, f"not encrypted and authenticated: {received}")
        alert = next(a for a in reg.alerts() if a["code"] in message.get_body(("plain",)).get_content())
        shown = reg.command("alerts", "show", alert["code"])
        check(queued.group(1) in shown, f"alerts show lacks the server's reply:\n{shown}")
        wait_for("Exim's queue to be empty", lambda: not exim.waiting())


def down(build):
    """Exim is down when the alert rises, and restarts later: the message arrives then, once"""
    with attacked(build) as (reg, exim, attack):
        attack()
        row = wait_for("a failed attempt", lambda: rows(reg, "failed"))[0]
        check("reachable" in row["reason"] and str(exim.port) in row["reason"], str(row))
        equal(rows(reg, "sent"), [], "rows sent without a server")
        exim.start()
        sent = wait_for("a row sent", lambda: rows(reg, "sent"), 180)
        total = len(reg.alerts())
        wait_for("all deliveries", lambda: len(exim.messages()) >= total, 180)
        for message in exim.messages():
            good_message(message)
        ids = [str(m["Message-ID"]) for m in exim.messages()]
        equal(len(set(ids)), len(ids), "Message-IDs")
        check("250 OK id=" in sent[0]["reply"], str(sent))
        exim.process.stop(signal.SIGTERM)


def refused(build):
    """Exim refuses a wrong password: the alert log says what it said, and no message was begun"""
    with attacked(build) as (reg, exim, attack):
        exim.secret.write_text("wrong\n", encoding="utf-8")
        exim.start()
        attack()
        row = wait_for("a failed attempt", lambda: rows(reg, "failed"))[0]
        check("535" in row["reason"] and "password_file" in row["reason"], str(row))
        equal((exim.messages(), exim.waiting()), ([], []), "messages")
        exim.secret.write_text(PASSWORD + "\n", encoding="utf-8")
        wait_for("a row sent", lambda: rows(reg, "sent"), 180)
        good_message(wait_for("the delivery", exim.messages)[0])


main(delivered, down, refused)

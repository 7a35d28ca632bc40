#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""The notify thread against a real SMTP server (aiosmtpd with STARTTLS and AUTH), and Maildir."""
import contextlib
import email
import email.policy
import json
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import tempfile

from lib import SANITIZED, Process, check, equal, free_port, main, wait_for
from smtpd import PASSWORD, USER, MailServer, make_certificate

MAIJA = {"name": "Maija Meikäläinen", "email": "maija@mallila.example", "lang": "fi"}
SVEN = {"name": "Sven Svensson", "email": "sven@mallila.example", "lang": "sv"}
REGION = "valvomo@seutu.example"
HOSTILE = ("x\r\nBcc: evil@evil.example\r\n\r\n<script>alert(1)</script> %s%n "
           "{region_phone} \u202egnp.exe\n.\n" + "A" * 60000)


class Post:
    """A database, a configuration, and the program that sends."""

    def __init__(self, build, folder):
        self.binary = build / "tests/helpers/postman"
        self.folder, self.db = folder, folder / "collector.db"
        self.cert, self.key = make_certificate(folder)
        self.secret = folder / "password"
        self.secret.write_text(PASSWORD + "\n", encoding="utf-8")
        self.running, self.servers, self.runs = None, [], 0

    def server(self, **options):
        self.servers.append(MailServer(self.folder, certificate=(self.cert, self.key), **options))
        return self.servers[-1]

    def start(self, **conf):
        conf = {"alerts": 1, "value": "maija", "contacts": [MAIJA], **conf}
        self.runs += 1
        path = self.folder / f"conf{self.runs}.json"
        path.write_text(json.dumps(conf), encoding="utf-8")
        self.running = Process("postman", [self.binary, self.db, path],
                               self.folder / f"postman{self.runs}.log")
        wait_for("the sender to start", self.ready)

    def ready(self):
        check(self.running.alive(), f"the sender ended: {self.running.text()}")
        return "ready" in self.running.text()

    def smtp(self, port, **conf):
        self.start(url=f"smtp://localhost:{port}", user=USER, password_file=str(self.secret),
                   ca_file=str(self.cert), **conf)

    def query(self, sql, *values):
        with contextlib.closing(sqlite3.connect(self.db, timeout=30)) as db:
            return db.execute(sql, values).fetchall()

    def log(self, kind):
        return [json.loads(row[0]) for row in self.query(
            "SELECT detail FROM alert_log WHERE kind = ? ORDER BY seq", kind)]

    def wait_log(self, kind, number=1):
        return wait_for(f"{number} rows {kind}",
                        lambda: len(self.log(kind)) >= number and self.log(kind))

    def close(self):
        if self.running is not None:
            self.running.kill()
        for server in self.servers:
            server.close()


@contextlib.contextmanager
def post(build):
    with tempfile.TemporaryDirectory(prefix="vartio-mail-") as folder:
        made = Post(build, pathlib.Path(folder))
        try:
            yield made
            if SANITIZED and made.running is not None:
                made.running.end_clean()
        except Exception:
            if made.running is not None:
                for line in made.running.text()[-4000:].splitlines():
                    print(f"# {line}")
            raise
        finally:
            made.close()


def good_form(message, to, lang):
    """What every message must be, whatever it tells."""
    equal(message.get_content_type(), "multipart/alternative", "content type")
    equal([part.get_content_type() for part in message.iter_parts()],
          ["text/plain", "text/html"], "parts")
    equal(message.defects, [], "defects")
    for part in message.iter_parts():
        equal(part.defects, [], "defects of a part")
        equal(part.get_content_charset(), "utf-8", "charset")
    equal(message["To"].addresses[0].addr_spec, to, "To")
    equal(message["From"].addresses[0].addr_spec, "vartio@seutu.example", "From")
    equal(message["Content-Language"], lang, "Content-Language")
    equal(message["Auto-Submitted"], "auto-generated", "Auto-Submitted")
    equal(message["X-Auto-Response-Suppress"], "All", "X-Auto-Response-Suppress")
    equal(message["List-Id"], "<mallila.alerts.seutu.example>", "List-Id")
    check(len(message["Subject"]) <= 70, f"the subject is long: {message['Subject']}")
    check(message["Date"].datetime is not None, "Date")
    check(message["Bcc"] is None and message["Cc"] is None, "no other recipients")


def sent(build):
    """arrives over STARTTLS with a log-in, in each contact's language; the reply is in the log"""
    with post(build) as p:
        server = p.server()
        p.smtp(server.port, contacts=[MAIJA, SVEN])
        rows = p.wait_log("sent", 2)
        equal([(f, t) for f, t, _ in server.taken],
              [("vartio@seutu.example", MAIJA["email"]), ("vartio@seutu.example", SVEN["email"])],
              "envelopes, in the contacts' order")
        for (_, _, message), who in zip(server.taken, (MAIJA, SVEN)):
            good_form(message, who["email"], who["lang"])
        finnish, swedish = (m for _, _, m in server.taken)
        equal(finnish["Subject"], "Mallilan kunta: Vakava: Salasanoja arvataan", "subject")
        equal(finnish["To"].addresses[0].display_name, MAIJA["name"], "name in To")
        text = finnish.get_body(("plain",)).get_content()
        check("Koneella srv0 arvataan käyttäjää maija osoitteesta 192.0.2.7." in text, text)
        check("Seutu-IT Oy, +358 9 123 4567" in text, text)
        code = p.query("SELECT code FROM alert")[0][0]
        check(f"Sano puhelimessa tämä tunniste: {code}" in text, text)
        check("Någon gissar." in swedish.get_body(("plain",)).get_content(), "Swedish")
        check(finnish["Message-ID"] != swedish["Message-ID"], "Message-IDs")
        equal([r["reply"] for r in rows], ["250 2.0.0 Taken as 4711"] * 2, "replies")
        equal(rows[0]["server"], f"smtp://localhost:{server.port}", "server")
        equal(p.query("SELECT state FROM alert"), [("notified",)], "state")
        check(PASSWORD not in p.running.text(), "the password is in the log")
        equal(p.running.stop(), 0, "the sender's end")


def hostile(build):
    """hostile values in a log change neither headers nor parts nor HTML"""
    with post(build) as p:
        server = p.server()
        p.smtp(server.port, value=HOSTILE)
        p.wait_log("sent")
        (_, _, message), = server.taken
        good_form(message, MAIJA["email"], "fi")
        text = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
        html = message.get_body(("html",)).get_content().replace("\r\n", "\n")
        check("x\\u{d}\\u{a}Bcc: evil@evil[.]example\\u{d}\\u{a}\\u{d}\\u{a}<script>" in text, text)
        check("{region_phone} \\u{202e}gnp[.]exe\\u{a}.\\u{a}AAAA" in text, text)
        check("&lt;script&gt;alert(1)" in html and "<script" not in html, html)
        check("A" * 201 not in text, "a value longer than 200 characters")
        equal([c for c in text if ord(c) < 32 and c != "\n"], [], "control characters")
        check("\u202e" not in text + html, "a right-to-left override")
        check("href" not in html and "src=" not in html, "links")


def down_then_up(build):
    """a server that is down: each attempt is logged; the message goes when it is up"""
    with post(build) as p:
        port = free_port()
        p.smtp(port)
        rows = p.wait_log("failed", 2)
        check("reachable" in rows[0]["reason"], rows[0]["reason"])
        equal(p.query("SELECT state FROM alert"), [("new",)], "state before")
        server = p.server(port=port)
        p.wait_log("sent")
        equal(len(server.taken), 1, "messages")
        equal(p.query("SELECT state FROM alert"), [("notified",)], "state after")


def put_off(build):
    """4xx: tried again with the same Message-ID, until it is taken"""
    with post(build) as p:
        server = p.server()
        server.what = {"RCPT": ["451 4.7.1 Greylisted, try again"],
                       "DATA": ["452 4.3.1 Disk full"]}
        p.smtp(server.port)
        p.wait_log("sent")
        equal(len(server.taken), 1, "messages")
        reasons = [r["reason"] for r in p.log("failed")]
        equal(len(reasons), 2, "failed attempts")
        check("451 4.7.1 Greylisted" in reasons[0] and "452 4.3.1" in reasons[1], str(reasons))


def refused(build):
    """5xx for a contact: for good, and the region is told instead, once"""
    for verb in ("RCPT", "DATA"):
        with post(build) as p:
            server = p.server()
            server.what = {verb: ["550 5.1.1 No such user"]}
            p.smtp(server.port)
            p.wait_log("sent")
            (_, to, message), = server.taken
            equal(to, REGION, "told instead")
            good_form(message, REGION, "fi")
            row, = p.log("failed")
            check("550 5.1.1 No such user" in row["reason"], row["reason"])
            equal(p.query("SELECT email, state FROM outbox ORDER BY id"),
                  [(MAIJA["email"], "refused"), (REGION, "sent")], "outbox")


def region_refused(build):
    """5xx for the region: never given up"""
    with post(build) as p:
        server = p.server()
        server.what = {"RCPT": ["550 5.1.1 No"] * 3}
        p.smtp(server.port, contacts=[])
        p.wait_log("sent")
        equal(len(p.log("failed")), 3, "failed attempts")
        equal(server.taken[0][1], REGION, "recipient")


def wrong_password(build):
    """a wrong password holds everything and says so; a corrected file works without a restart"""
    with post(build) as p:
        server = p.server()
        p.secret.write_text("wrong\n", encoding="utf-8")
        p.smtp(server.port, alerts=3)
        rows = p.wait_log("failed", 2)
        check("535" in rows[0]["reason"] and "password_file" in rows[0]["reason"], str(rows))
        equal(server.mails_begun, 0, "messages begun without a log-in")
        p.secret.write_text(PASSWORD, encoding="utf-8")
        p.wait_log("sent", 3)
        equal(len(server.taken), 3, "messages")
        check("wrong" not in json.dumps(p.log("failed")), "the password is in the alert log")


def no_starttls(build):
    """a server without STARTTLS gets neither password nor message"""
    with post(build) as p:
        server = p.server(tls=False, auth=False)
        p.smtp(server.port)
        row = p.wait_log("failed", 2)[0]
        check("STARTTLS" in row["reason"], row["reason"])
        equal((server.mails_begun, server.taken), (0, []), "what the server got")


def plain_relay(build):
    """starttls: false sends to a relay without encryption, but never a password"""
    with post(build) as p:
        server = p.server(tls=False, auth=False)
        p.start(url=f"smtp://127.0.0.1:{server.port}", starttls=False)
        p.wait_log("sent")
        equal(len(server.taken), 1, "messages")
        equal(p.running.stop(), 0, "the sender's end")
        p.smtp(server.port, starttls=False, alerts=2, value="pekka")
        row = p.wait_log("failed")[0]
        check("without encryption" in row["reason"], row["reason"])
        equal(len(server.taken), 1, "messages after")


def untrusted(build):
    """a certificate that our authority did not sign, or for another name, is refused"""
    with post(build) as p:
        server = p.server()
        other = p.folder / "other"
        other.mkdir()
        p.start(url=f"smtp://localhost:{server.port}", ca_file=str(make_certificate(other)[0]))
        row = p.wait_log("failed")[0]
        check("ca_file" in row["reason"], row["reason"])
        equal(p.running.stop(), 0, "the sender's end")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=mail.example",
                        "-addext", "subjectAltName=DNS:mail.example", "-keyout", p.key, "-out", p.cert],
                       check=True, capture_output=True)
        named = p.server()
        before = len(p.log("failed"))
        p.start(url=f"smtp://localhost:{named.port}", ca_file=str(p.cert), alerts=0)
        row = p.wait_log("failed", before + 1)[-1]
        check(str(named.port) in row["server"] and "certificate" in row["reason"], row["reason"])
        equal((server.taken, named.taken, named.mails_begun), ([], [], 0), "what the servers got")


def silent_server(build):
    """a server that never speaks does not keep the sender from ending"""
    with post(build) as p, socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(5)
        p.smtp(door.getsockname()[1])
        connection, _ = door.accept()
        with connection:
            equal(p.running.stop(seconds=15), 0, "the sender's end")  # the time-out is 120 s
        equal(p.query("SELECT state, attempts FROM outbox"), [("waiting", 0)], "outbox")


def killed(build):
    """killed between the server's reply and its row: sent once more, with the same Message-ID"""
    with post(build) as p:
        server = p.server()
        server.on_data = lambda: (p.running.kill(), setattr(server, "on_data", None))
        p.smtp(server.port)
        wait_for("the first copy", lambda: server.taken)
        wait_for("the sender's death", lambda: not p.running.alive())
        equal(p.query("SELECT state FROM outbox"), [("waiting",)], "outbox")
        p.smtp(server.port, alerts=0)
        p.wait_log("sent")
        equal(len(server.taken), 2, "copies")
        equal(len({m["Message-ID"] for _, _, m in server.taken}), 1, "Message-IDs")
        p.running.stop()
        p.smtp(server.port, alerts=0)
        p.running.stop()
        equal(len(server.taken), 2, "copies after another start")


def maildir(build):
    """Maildir: one file a message, made private, nothing left in tmp"""
    with post(build) as p:
        folder = p.folder / "mail" / "dir"
        p.start(maildir=str(folder), contacts=[MAIJA, SVEN], alerts=2)
        rows = p.wait_log("sent", 4)
        files = sorted((folder / "new").iterdir())
        equal(len(files), 4, "files")
        equal(sorted(os.listdir(folder)), ["cur", "new", "tmp"], "folders")
        equal(os.listdir(folder / "tmp"), [], "tmp")
        for path in files:
            equal(path.stat().st_mode & 0o777, 0o600, "mode")
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            who = next(w for w in (MAIJA, SVEN) if w["email"] == message["To"].addresses[0].addr_spec)
            good_form(message, who["email"], who["lang"])
        equal(sorted(r["reply"] for r in rows), sorted(f"new/{f.name}" for f in files), "replies")
        p.running.stop(signal.SIGTERM)


main(sent, hostile, down_then_up, put_off, refused, region_refused, wrong_password, no_starttls,
     plain_relay, untrusted, silent_server, killed, maildir)

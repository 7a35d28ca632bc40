# SPDX-License-Identifier: EUPL-1.2
"""Many Windows event forwarders in one process (tests/peers/forwarders), against a Domain."""
import json
import re
import resource
import select
import subprocess

import lib
import wefclient as wc
import wefkerberos
from wefdomain import HOST

# Bytes that stand for something in what is sent: see tests/peers/forwarders.c.
RECORD, COMPUTER, MESSAGE, EVENTS, LAST = "\x01", "\x02", "\x03", "\x04", "\x05"
PLACES = ((r"<EventRecordID>[^<]*<", f"<EventRecordID>{RECORD}<"), (r"<Computer>[^<]*<", f"<Computer>{COMPUTER}<"))


def template(action, sub, body, bookmark=None):
    message, text = wc.envelope(action, body, sub.header(bookmark) + "<w:AckRequested/>", f"http://{HOST}:5985{sub.path}")
    return text.replace(message, f"uuid:6D0A1E5C-0000-4000-8000-{MESSAGE}")


class Forwarders:
    """`count` of them, numbered from `first` on, each with a name and a connection of its own. port: by
    Kerberos, there; None: by TLS. events: texts of events, whose numbers and computers are replaced."""

    def __init__(self, dom, count, events, port=None, first=0, folder="forwarders"):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lib.check(hard >= count + 200, f"{count} connections need as many files, {hard} are allowed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))
        folder = dom.reg.folder / f"{folder}{first}"
        folder.mkdir()
        sub = dom.subscription()
        for pattern, text in PLACES:
            events = [re.sub(pattern, text, e, count=1) for e in events]
        lib.check(all(RECORD in e and COMPUTER in e and "\n" not in e for e in events), "an event without a number")
        (folder / "events").write_text("\n".join(events) + "\n", encoding="utf-8")
        for name, body, mark in (("Events", f"<w:Events>{EVENTS}</w:Events>", wc.bookmark(Security=LAST)),
                                 ("Heartbeat", "<w:Events></w:Events>", None)):
            text = template(f"{wc.WSMAN}/{name}", sub, body, mark)
            (folder / f"{name.lower()}.soap").write_text(text, encoding="utf-8")
        how = ["kerberos", wefkerberos.REALM] if port else ["tls", dom.pki.ca, dom.pki.ca_key]
        self.command = [str(word) for word in (dom.reg.build / "tests/peers/forwarders",
                                               f"127.0.0.1:{port or dom.port}", HOST, sub.path, folder, first, count, *how)]
        self.child = None

    def __enter__(self):
        self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.communicate()

    def do(self, word, seconds=600):
        """What it answers to a command, as a dict."""
        self.child.stdin.write(word + "\n")
        self.child.stdin.flush()
        told = select.select([self.child.stdout], [], [], seconds)[0]
        lib.check(told, f"the forwarders have not answered for {seconds} s")
        line = self.child.stdout.readline()
        lib.check(line, f"the forwarders ended: {self.child.stderr.read()[-2000:] if not line else ''}")
        return json.loads(line)

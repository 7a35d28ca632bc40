#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Hostile log content never changes a header, a page, a terminal or another field."""
import datetime
import html.parser
import json
import socket

from lib import check, equal, free_port, main, region, wait_for

# What an attacker can put into a user name that sshd logs; each comes with forty failed guesses.
NAMES = (
    "x\x1b]0;owned\x07\x1b[2J",
    "x\rSubject: owned\r\nBcc: evil@example.org",
    "<script>alert(1)</script><img src=http://evil.example/x>",
    "%s%s%n%x",
    "\u202eevil\u2066\u200f",
    "{user}{source_ip}{count}{region_phone}",
    "a" * 60000,
    "=cmd|' /C calc'!A0",
    "root from 203.0.113.99 port 22 ssh2",
    "\x00nul\x00",
)
SOURCE_IP = "198.51.100.7"


class Tags(html.parser.HTMLParser):
    """The tags and attributes of a page, and nothing else."""

    def __init__(self):
        super().__init__()
        self.tags, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("href", "src", "background", "style") and v
                       and "://" in v]


def attack(port, name, host):
    """Octet-counted syslog (RFC 6587 3.4.1) carries any byte, line breaks too."""
    now = datetime.datetime.now(datetime.timezone.utc)
    with socket.create_connection(("127.0.0.1", port)) as out:
        for n in range(40):
            at = (now + datetime.timedelta(milliseconds=n)).isoformat(timespec="microseconds")
            text = (f"<38>1 {at} {host} sshd {9000 + n} - - Failed password for invalid user {name} "
                    f"from {SOURCE_IP} port {40000 + n} ssh2").encode()
            out.sendall(b"%d " % len(text) + text)


def controls(text, allowed="\n"):
    return [hex(ord(c)) for c in text if c not in allowed and (
        ord(c) < 32 or 0x7f <= ord(c) < 0xa0 or c in "\u200e\u200f\u061c"
        or "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069")]


def everywhere(build):
    """mail headers, text and HTML, alerts list and show, JSON"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        reg.contact()
        port = free_port()
        agent = reg.agent(inputs=[{"type": "syslog-tcp", "listen": f"127.0.0.1:{port}",
                                   "max_message_bytes": "128KiB"}])
        agent.start()
        for n, name in enumerate(NAMES):
            attack(port, name, f"palvelin{n}")
        wait_for("an alert a host", lambda: len(reg.alerts()) >= len(NAMES), pause=1)
        wait_for("a message an alert", lambda: len(reg.messages()) >= len(NAMES))
        alerts = reg.alerts()
        equal({v["value"] for a in alerts for v in a["values"]["source.ip"]["values"]}, {SOURCE_IP}, "source.ip, whatever the user name says")
        for mail in reg.messages():
            good_mail(mail)
        plain = json.loads(reg.command("alerts", "list", "--json"))
        clean = {"palvelin" + str(n) for n in range(len(NAMES))}
        check({a["entity"] for a in plain} <= clean, f"entities: {[a['entity'] for a in plain]}")
        listed = reg.command("alerts", "list")
        equal(controls(listed, "\n\t"), [], "control characters in alerts list")
        equal({line.count("\t") for line in listed.splitlines()}, {7}, "columns of alerts list")
        for alert in plain:
            shown = reg.command("alerts", "show", alert["code"])
            equal(controls(shown), [], "control characters in alerts show")
            check(len(shown) < 40000, "a long value floods the terminal")
            json.loads(reg.command("alerts", "show", alert["code"], "--json"))


def good_mail(mail):
    for name, value in mail.items():
        equal(controls(str(value)), [], f"control characters in header {name}")
        for word in ("owned", "evil", "script", "{user", "aaaa"):
            check(word not in str(value), f"header {name} holds a value of the log: {value}")
    equal(len(mail.get_all("Subject")), 1, "subjects")
    equal(mail["Bcc"], None, "Bcc")
    text = mail.get_body(("plain",)).get_content().replace("\r\n", "\n")
    equal(controls(text), [], "control characters in the text")
    check(len(text) < 20000, "a long value floods the message")
    check("+358 40 123 4567{" not in text, "a placeholder inside a value was filled")
    page = Tags()
    page.feed(mail.get_body(("html",)).get_content())
    check(not {"script", "img", "iframe", "link", "object"} & set(page.tags), f"tags: {page.tags}")
    equal(page.links, [], "remote links")


main(everywhere)

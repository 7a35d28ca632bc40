#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""From the line being written to the message being handed to the SMTP server.

Each round is an attack on a host of its own name, so that each raises an alert of its own; the time is
taken when the line that completes it is written, and when the SMTP server has the contact's message
that names this host. Every round must bring its message, else there are no figures.
"""
import argparse
import asyncio
import datetime
import email
import email.policy
import re
import statistics
import threading
import time

from bench import machine, need_build
from lib import free_port, region, wait_for


class Mailbox:
    """A real SMTP server (aiosmtpd) that notes when a message about a host is first handed over."""

    def __init__(self):
        from aiosmtpd.smtp import SMTP  # pylint: disable=import-outside-toplevel
        self.port, self.arrived = free_port(), {}
        self.loop = asyncio.new_event_loop()

        async def serve():
            await self.loop.create_server(lambda: SMTP(self), "127.0.0.1", self.port)
        self.loop.run_until_complete(serve())
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def handle_DATA(self, _server, _session, envelope):  # pylint: disable=invalid-name
        now = time.monotonic()
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text = mail.get_body(("plain",)).get_content()
        for host in set(re.findall(r"\bpalvelin-\d+\b", text)):
            self.arrived.setdefault(host, now)
        return "250 taken"


def attack(out, host, tries):
    now = datetime.datetime.now(datetime.timezone.utc)
    for n in range(tries):
        at = (now + datetime.timedelta(microseconds=n)).isoformat(timespec="microseconds")
        out.write(f"{at} {host} sshd[{7000 + n}]: Failed password for root from 198.51.100.7 "
                  f"port {40000 + n} ssh2\n")
    out.flush()
    return time.monotonic()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="under 50 s")
    args = parser.parse_args()
    rounds = 20 if args.quick else 100
    box = Mailbox()
    with region(need_build()) as reg:
        reg.start_collector(notify={
            "region": {"name": "Seutu-IT", "phone": "+358 40 123 4567", "language": "fi"},
            "mail": {"from": "vartio@seutu.example",
                     "smtp": {"url": f"smtp://127.0.0.1:{box.port}", "starttls": False}}})
        reg.tenant()
        reg.contact()
        log = reg.folder / "auth.log"
        log.touch()
        agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]}])
        agent.start()
        wait_for("the connection", lambda: agent.status()["collector"]["connected"])
        took = []
        with open(log, "a", encoding="utf-8") as out:
            for n in range(rounds):
                host = f"palvelin-{n}"
                written = attack(out, host, 40)
                wait_for(f"the message about {host}", lambda h=host: h in box.arrived, pause=0.002)
                took.append((box.arrived[host] - written) * 1000)
                time.sleep(0.05 + n % 7 / 40)
        took.sort()
        print(f"{machine()}; {rounds} alerts, each from the last line written to the message handed over")
        print(f"latency: p50_ms={statistics.median(took):.0f} p99_ms={took[int(len(took) * 0.99)]:.0f} "
              f"max_ms={took[-1]:.0f} alerts={rounds}")


main()

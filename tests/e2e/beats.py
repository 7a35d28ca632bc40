#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""The daemons against independent Beats-protocol peers: go-lumber sends to the collector with a
certificate of `agent certify`, and receives from the agent."""
import datetime
import json
import pathlib
import subprocess
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from golumber import golumber
from judge import Judge
from lib import check, equal, main, region, wait_for

EVENTS = 3000


def request(folder):
    """A key of the sender's own and a certificate request, by openssl."""
    key, csr = folder / "beats.key", folder / "beats.csr"
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-subj", "/CN=filebeat1", "-keyout", key, "-out", csr],
                   check=True, capture_output=True)
    return key, csr


def sender(reg, tenant="mallila"):
    """The command line of a foreign sender that the region has certified."""
    key, csr = request(reg.folder)
    cert, ca = reg.folder / "beats.crt", reg.state / "ca/ca.crt"
    cert.write_text(reg.command("agent", "certify", "--tenant", tenant, "--csr", str(csr)),
                    encoding="utf-8")
    return [golumber(), "send", "--ca", ca, "--cert", cert, "--key", key, "--name", "localhost",
            "--address", f"127.0.0.1:{reg.port}"]


def beat(n, message, host="verkko1"):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(microseconds=n)
    return json.dumps({"@timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                       "@metadata": {"beat": "filebeat"}, "ecs": {"version": "8.0.0"},
                       "host": {"name": host}, "message": message, "n": n,
                       "organization": {"id": "toisela"}}, separators=(",", ":"))


class Plain(Judge):
    """What the queue's blocks hold, as it stands."""

    def __init__(self):
        super().__init__(None)
        self.found = []

    def events_of(self, frame, events, each):
        self.found.append(zlib.decompress(frame))
        super().events_of(frame, events, each)

    def event(self, *_):
        pass


def inflated(queue):
    plain = Plain()
    plain.folder(queue)
    return plain.found


def to_collector(build):
    """go-lumber to the collector: acknowledged, durable, in the certificate's municipality"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        command = sender(reg)
        lines = "\n".join(beat(n, f"number {n}") for n in range(EVENTS)) + "\n"
        out, _ = reg.run(command, stdin=lines)
        equal(out.strip(), f"acknowledged {EVENTS}", "what the sender heard")
        wait_for("detect to have seen all",
                 lambda: f"vartio_detect_events_total {EVENTS}" in reg.metrics().splitlines())
        check("vartio_detect_unreadable_events_total 0" in reg.metrics(), "events that cannot be read")
        reg.collector.kill()  # acknowledged means durable: even this loses nothing
        records = reg.queue()
        equal([r["event"]["n"] for r in records], list(range(EVENTS)), "the numbers, once and in order")
        equal({r["tenant"] for r in records}, {"mallila"}, "municipality")
        check(b'"@metadata"' in b"".join(inflated(reg.state / "queue")),
              "the windows were packed anew: a Beat's are kept as they came")
        check(not any("@metadata" in r["event"] for r in records), "@metadata is left")


def detected(build):
    """a foreign sender's log-in failures raise the same alert"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        reg.contact()
        lines = "\n".join(json.dumps({
            "@timestamp": datetime.datetime.now(datetime.timezone.utc).isoformat(),
            "ecs": {"version": "8.0.0"}, "host": {"name": "verkko1", "os": {"type": "linux"}},
            "process": {"name": "sshd"}, "event": {"action": "ssh_login", "outcome": "failure",
                                                   "category": ["authentication"], "kind": "event",
                                                   "module": "system", "dataset": "system.auth"},
            "system": {"auth": {"ssh": {"event": "Failed", "method": "password"}}},
            "source": {"ip": "198.51.100.9"}, "user": {"name": "root"},
            "message": f"Failed password for root from 198.51.100.9 port {n} ssh2"})
            for n in range(60)) + "\n"
        reg.run(sender(reg), stdin=lines)
        alert = wait_for("the alert", lambda: next(iter(reg.alerts()), None))
        equal((alert["entity"], alert["tenant"], alert["events"]), ("verkko1", "mallila", 60), "alert")
        wait_for("the message", reg.messages)


def from_agent(build):
    """the agent to go-lumber: each line once, compressed, acknowledged"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        log = reg.folder / "app.log"
        log.write_text("".join(f"number {n}\n" for n in range(EVENTS)), encoding="utf-8")
        inputs = [{"type": "file", "paths": [str(log)]}]
        agent = reg.agent(inputs=inputs)
        reg.collector.stop()
        # The receiver plays a collector: its certificate is one of our authority's servers.
        receiver = reg.spawn("golumber", [
            golumber(), "serve", "--ca", reg.state / "ca/ca.crt", "--cert", reg.state / "ca/server.crt",
            "--key", reg.state / "ca/server.key"])
        port = wait_for("the receiver", lambda: receiver.text().startswith("port ")
                        and int(receiver.text().split()[1]))
        agent.write_conf(inputs, collector={"addresses": [f"localhost:{port}"]})
        agent.start()
        wait_for("all lines", lambda: receiver.text().count('"number ') >= EVENTS)
        wait_for("all to be acknowledged", agent.shipped)
        events = [json.loads(line) for line in receiver.text().splitlines() if line[:1] == "{"]
        numbers = [e["message"] for e in events if e["message"].startswith("number")]
        equal(numbers, [f"number {n}" for n in range(EVENTS)], "the lines, once and in order")
        check(agent.status()["collector"]["bytes"] < EVENTS * 200, "the wire is not compressed")


main(to_collector, detected, from_agent)

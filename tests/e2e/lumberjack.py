#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Our Lumberjack against Elastic's go-lumber, both ways, over mutual TLS."""
import collections
import contextlib
import json
import pathlib
import shutil
import subprocess
import tempfile

from golumber import golumber
from lib import DEADLINE_S, Failed, Process, check, equal, free_port, main, wait_for

EVENTS = 5000


class Lab:
    """Certificates and processes of one case."""

    def __init__(self, build, folder):
        self.build, self.folder = build, pathlib.Path(folder)
        self.pki = pathlib.Path(subprocess.run([build / "tests/peers/make_pki"], check=True,
                                               capture_output=True, text=True).stdout.strip())
        self.processes = []

    def pair(self, name):
        return [self.pki / "ca.crt", self.pki / f"{name}.crt", self.pki / f"{name}.key"]

    def flags(self, name):
        ca, cert, key = self.pair(name)
        return ["--ca", ca, "--cert", cert, "--key", key]

    def spawn(self, name, *command):
        process = Process(name, command, self.folder / f"{name}.log")
        self.processes.append(process)
        return process

    def port_of(self, process):
        def said():
            check(process.alive(), f"{process.name} ended: {process.text()[-2000:]}")
            lines = process.text().splitlines()
            return int(lines[0].split()[1]) if lines and lines[0].startswith("port ") else 0
        return wait_for(f"{process.name} to listen", said)

    def ship(self, port, events, name="spool"):
        """The agent's spool and ship; returns what it says once all is acknowledged."""
        return self.feed([self.build / "tests/peers/ship_peer", self.folder / name,
                          *self.pair("agent"), f"localhost:{port}"], events)

    def feed(self, command, events):
        done = subprocess.run([str(c) for c in command], input="\n".join(events) + "\n",
                              capture_output=True, text=True, check=False, timeout=2 * DEADLINE_S)
        check(done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def listener(self):
        process = self.spawn("listen", self.build / "tests/peers/listen_peer", *self.pair("siem"))
        return process, self.port_of(process)

    def close(self):
        for process in self.processes:
            process.kill()
        shutil.rmtree(self.pki, ignore_errors=True)


@contextlib.contextmanager
def lab(build):
    with tempfile.TemporaryDirectory(prefix="vartio-e2e-") as folder:
        made = Lab(build, folder)
        try:
            yield made
        finally:
            made.close()


def numbered(count, pad=40):
    return [json.dumps({"@timestamp": "2026-11-23T08:00:00.000Z", "ecs": {"version": "8.11.0"},
                        "message": f"number {n:06} " + "åäö <b> %s " * (pad // 10), "n": n})
            for n in range(count)]


def received(process):
    """go-lumber's events: the lines that it printed."""
    return [json.loads(line) for line in process.text().splitlines()[1:] if line.endswith("}")]


def blocks(process):
    """listen_peer's blocks: [tenant, sender, kind, epoch, number, first_seq], and their events."""
    found = []
    for line in process.text().splitlines()[1:]:
        words = line.split()
        if words[0] == "block":
            found.append((words[1:5] + [int(words[5]), int(words[6])], []))
        elif line.startswith("{"):
            found[-1][1].append(json.loads(line))
    return found


def ship_to_golumber(build):
    """the agent's ship to a go-lumber receiver: each event once, in order"""
    binary = golumber()
    with lab(build) as made:
        peer = made.spawn("golumber", binary, "serve", *made.flags("siem"))
        said = made.ship(made.port_of(peer), numbered(EVENTS))
        events = received(peer)
        equal([e["n"] for e in events], list(range(EVENTS)), "the numbers, in order")
        equal(said.split()[:4], ["read", str(EVENTS), "acknowledged", str(EVENTS)], "ship's own count")
        equal(events[7]["message"], json.loads(numbered(8)[7])["message"], "the text")
        heads = [e["@metadata"]["vartio"] for e in events if "@metadata" in e]
        equal([h["block"] for h in heads], list(range(1, len(heads) + 1)), "the blocks' numbers")
        equal(len(heads), int(said.split()[5]), "one block, one window")


def golumber_dies(build):
    """a go-lumber receiver killed in the middle and started again: nothing is lost"""
    binary = golumber()
    with lab(build) as made:
        port, flags = free_port(), made.flags("siem")
        command = [binary, "serve", *flags, "--address", f"127.0.0.1:{port}", "--delay", "30ms"]
        first = made.spawn("golumber-1", *command)
        made.port_of(first)
        ship = subprocess.Popen([made.build / "tests/peers/ship_peer", made.folder / "spool",  # pylint: disable=consider-using-with
                                 *made.pair("agent"), f"127.0.0.1:{port}"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            ship.stdin.write("\n".join(numbered(3 * EVENTS)) + "\n")
            ship.stdin.close()
            wait_for("the first windows", lambda: len(received(first)) > 0)
            first.kill()
            second = made.spawn("golumber-2", *command)
            made.port_of(second)
            check(ship.wait(2 * DEADLINE_S) == 0, "ship did not end well")
        finally:
            ship.kill()
            ship.wait()
        seen = collections.Counter(e["n"] for e in received(first) + received(second))
        equal(sorted(seen), list(range(3 * EVENTS)), "the numbers that came at least once")
        check(len(received(second)) > 0, "the second receiver got nothing: the first was not cut")


def golumber_to_listen(build):
    """a go-lumber sender to the collector's door: compressed windows, numbered through"""
    foreign(build, window=100, level=3)


def golumber_bare(build):
    """a go-lumber sender without compression"""
    foreign(build, window=77, level=0)


def golumber_large(build):
    """a go-lumber sender with windows of 2,048 events, as Filebeat's default bulk"""
    foreign(build, window=2048, level=9, pad=1000)


def foreign(build, window, level, pad=40):
    binary = golumber()
    with lab(build) as made:
        process, port = made.listener()
        said = made.feed([binary, "send", *made.flags("beats"), "--name", "localhost", "--address",
                          f"127.0.0.1:{port}", "--window", window, "--level", level],
                         numbered(EVENTS, pad))
        equal(said.strip(), f"acknowledged {EVENTS}", "what the sender heard")
        found = blocks(process)
        equal([e["n"] for _, events in found for e in events], list(range(EVENTS)), "the numbers")
        sequence = 1
        for number, (head, events) in enumerate(found, 1):
            equal(head[:3] + head[4:], ["mallila", "beats-1", "foreign", number, sequence], "block")
            sequence += len(events)
        equal(len({head[3] for head, _ in found}), 1, "epochs")
        equal(process.stop(), 0, "the listener's end")


def beats_events(build):
    """what Filebeat writes is kept, but for @metadata; what is no JSON object is kept as text"""
    binary = golumber()
    beat = {"@timestamp": "2026-11-23T08:00:00.123Z",
            "@metadata": {"beat": "filebeat", "type": "_doc", "version": "8.11.0"},
            "ecs": {"version": "8.0.0"}, "host": {"name": "vpn1"},
            "log": {"offset": 12, "file": {"path": "/var/log/auth.log"}},
            "message": "Failed password for root from 192.0.2.7 port 1 ssh2"}
    with lab(build) as made:
        process, port = made.listener()
        made.feed([binary, "send", *made.flags("beats"), "--name", "localhost", "--address",
                   f"127.0.0.1:{port}"], [json.dumps(beat), "[1,2]", '{"message":"plain"}'])
        events = [e for _, some in blocks(process) for e in some]
        del beat["@metadata"]
        equal(events[0], beat, "Filebeat's event")
        equal((events[1]["event"]["kind"], events[1]["message"]), ("pipeline_error", "[1,2]"), "an array")
        equal(events[2]["message"], "plain", "a plain object")
        check(events[2]["@timestamp"] > "2026", "a plain object gets a time")


def ours_to_ours(build):
    """the agent's ship to the collector's door: own blocks, stored as they came"""
    with lab(build) as made:
        process, port = made.listener()
        for run in range(2):
            made.ship(port, numbered(EVENTS), f"spool{run}")
        found = blocks(process)
        equal([e["n"] for _, events in found for e in events], list(range(EVENTS)) * 2, "the numbers")
        equal({tuple(head[:3]) for head, _ in found}, {("mallila", "agent-1", "own")}, "sender")
        equal(len({head[3] for head, _ in found}), 2, "epochs: one each start")
        check(not any("@metadata" in e for _, events in found for e in events), "@metadata is left")


def stranger(build):
    """a certificate made for a server is not let in as a sender"""
    binary = golumber()
    with lab(build) as made:
        process, port = made.listener()
        try:
            made.feed([binary, "send", *made.flags("siem"), "--name", "localhost", "--address",
                       f"127.0.0.1:{port}"], numbered(1))
        except Failed as why:
            check("certificate" in str(why) or "access denied" in str(why) or "reset" in str(why),
                  f"what the sender heard: {why}")
        else:
            raise Failed("a server's certificate was let in as a sender")
        wait_for("the reason in the log", lambda: "clientAuth only" in process.text())
        equal(blocks_of(process), [], "blocks")


def blocks_of(process):
    return [line for line in process.text().splitlines() if line.startswith("block ")]


main(ship_to_golumber, golumber_dies, golumber_to_listen, golumber_bare, golumber_large,
     beats_events, ours_to_ours, stranger)

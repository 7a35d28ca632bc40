# SPDX-License-Identifier: EUPL-1.2
"""What the disk tests share: a region whose daemons run on disks and clocks that fail on demand, a
feed of numbered lines, and the judge's word on it."""
import collections
import contextlib
import datetime
import os
import pathlib
import re
import sqlite3
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
# pylint: disable=wrong-import-position,unused-import
import shim
from lib import DEADLINE_S, SOURCE, Failed, Skip, check, equal, main, region, wait_for

PLAIN = "numbers[7]: line {n:09}"
ATTACK = "sshd[7]: Failed password for invalid user line {n:09} from 198.51.100.7 port 40000 ssh2"
NUMBER = re.compile(r"line (\d{9})\b")


class Feed(threading.Thread):
    """Numbered syslog lines at `rate` a second into a file that is renamed now and then."""

    def __init__(self, path, rate=1500, rotations=0, first=0, text=PLAIN):
        super().__init__(daemon=True)
        self.path, self.rate, self.rotations = pathlib.Path(path), rate, rotations
        self.text = text
        self.ended, self.written = threading.Event(), first
        self.first = first

    def run(self):
        out = open(self.path, "a", encoding="utf-8")  # pylint: disable=consider-using-with
        begun, files = time.monotonic(), 0
        while not self.ended.is_set():
            due = self.first + int((time.monotonic() - begun) * self.rate)
            write_lines(out, self.written, due, self.text)
            self.written = max(due, self.written)
            if files < self.rotations and time.monotonic() - begun > 2.5 * (files + 1):
                out.close()
                files += 1
                self.path.rename(f"{self.path}.{self.first}.{files}")
                out = open(self.path, "a", encoding="utf-8")  # pylint: disable=consider-using-with
            time.sleep(0.02)
        out.close()

    def rest(self, seconds):
        check(self.is_alive(), "the feed ended")
        time.sleep(seconds)

    def end(self):
        self.ended.set()
        self.join()


def write_lines(out, first, end, text=PLAIN):
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    out.write("".join(f"{now} palvelin1 {text.format(n=n)}\n" for n in range(first, end)))
    out.flush()


def append(path, first, end, pad=0):
    """pad: bytes that do not compress, in each line."""
    with open(path, "a", encoding="utf-8") as out:
        for n in range(first, end) if pad else ():
            write_lines(out, n, n + 1, PLAIN + " " + os.urandom(pad).hex())
        if not pad:
            write_lines(out, first, end)


class Lines:
    """A feed that writes when it is told to."""

    def __init__(self, path, count, pad=0):
        self.path, self.written = path, 0
        self.more(count, pad)

    def more(self, count, pad=0):
        append(self.path, self.written, self.written + count, pad)
        self.written += count


def chosen(cases):
    """All, or those that the command line names behind the build folder."""
    names = sys.argv[2:]
    del sys.argv[2:]
    picked = [c for c in cases if not names or c.__name__ in names]
    check(picked, f"cases are {[c.__name__ for c in cases]}")
    return picked


class World:
    """A region with one agent that follows one file; both on disks of the shim's."""

    def __init__(self, reg, agent_settings, collector_settings):
        self.reg = reg
        self.log = reg.folder / "app.log"
        self.log.touch()
        self.disks = {}
        reg.start_collector(**collector_settings)
        reg.tenant()
        self.agent = reg.agent(inputs=[{"type": "file", "paths": [f"{self.log}*"]}], **agent_settings)
        reg.collector.stop()
        self.disks["agent"] = shim.Disk(reg.build, self.agent.state, reg.folder / "disk-agent")
        self.disks["collector"] = shim.Disk(reg.build, reg.state, reg.folder / "disk-collector")

    def process(self, victim):
        return self.agent.process if victim == "agent" else self.reg.collector

    def start(self, victim, wait=True):
        reg, env = self.reg, self.disks[victim].env()
        if victim == "agent":
            self.agent.process = reg.spawn("agent", [reg.agent_bin, "run", "--config",
                                                     self.agent.conf], env=env)
            if wait:
                wait_for("the agent to answer", self.agent.status)
        else:
            reg.collector = reg.spawn("collector", [reg.collector_bin, "run", "--config", reg.conf],
                                      env=env)
            if wait:
                wait_for("the collector to listen",
                         lambda: reg.ready("collector", reg.metrics_port))

    def shipped(self, lines):
        """All lines were taken by the input, and nothing waits for an acknowledgement."""
        state = self.agent.status()
        return state is not None and state["inputs"][0]["events"] >= lines and self.agent.shipped()

    def power_cut(self, victim, dice=None):
        self.process(victim).kill()
        return self.disks[victim].power_cut(dice)


@contextlib.contextmanager
def world(build, agent=None, collector=None, start=True):
    with region(build) as reg:
        w = World(reg, agent or {}, collector or {})
        if start:
            w.start("collector")
            w.start("agent")
        yield w
        for disk in w.disks.values():
            disk.close()


def settle(w, feed):
    """Waits until the agent has read the feed's last line and all is acknowledged."""
    wait_for("everything to be read and acknowledged", lambda: done(w, feed.written), pause=0.5,
             seconds=2 * DEADLINE_S)


def done(w, written):
    """The last line stands in a file that the agent has read to its end, and nothing waits."""
    first = w.agent.shipped() and w.agent.status()
    time.sleep(1)
    second = w.agent.shipped() and w.agent.status()
    return first and second and written > 0 and \
        [i["events"] for i in first["inputs"]] == [i["events"] for i in second["inputs"]]


def attack_events(w):
    """How many events the alerts of password guessing count together."""
    return sum(a["events"] for a in w.reg.alerts() if a["name"] == "ssh-password-guessing")


def counted(records):
    seen = collections.Counter()
    for record in records:
        match = NUMBER.search(record["event"].get("message", ""))
        if match:
            seen[int(match.group(1))] += 1
    return seen


def judge(w, feed, least=2999, lost_ok=0, twice_ok=0):
    """Stops both, and fails unless every line of the feed stands in the queue exactly once."""
    w.agent.process.stop()
    w.reg.collector.stop()
    seen = counted(w.reg.queue())
    lost = [n for n in range(feed.written) if n not in seen]
    twice = [n for n, count in seen.items() if count > 1]
    print(f"# {feed.written} lines written, {len(lost)} lost, {len(twice)} twice")
    with sqlite3.connect(w.reg.state / "collector.db") as db:
        equal(db.execute("PRAGMA integrity_check").fetchone()[0], "ok", "the database")
    check(feed.written > least, f"only {feed.written} lines were written")
    check(len(lost) == lost_ok, f"{len(lost)} lost, first {lost[:10]}, expected {lost_ok}")
    check(len(twice) == twice_ok, f"{len(twice)} twice, first {twice[:10]}, expected {twice_ok}")
    return seen

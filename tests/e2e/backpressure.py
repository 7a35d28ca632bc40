#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Each hop stops in turn under load: memory stays within its bound at every hop, what can wait waits
where it is, and after the release every line stands in the queue exactly once. VARTIO_LONG=1: minutes
a hop instead of seconds."""
import collections
import datetime
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import sys
import threading
import time

from lib import DEADLINE_S, SOURCE, check, check_memory, free_port, main, memory_mib, region, wait_for

sys.path.insert(0, str(SOURCE / "tests/fault"))
from proxy import Proxy  # pylint: disable=wrong-import-position
from shim import Disk  # pylint: disable=wrong-import-position

HOP_S = 180 if os.environ.get("VARTIO_LONG") else 10
RATE = 2000  # lines a second, of each of two inputs
# An agent with file and syslog inputs, whatever waits; the collector, which has one sender here, above
# what it takes when idle: inflated blocks that readers have not passed (16 MiB), what the sender may have
# on its way, a reader's block, and what malloc keeps. Measured: 13 at most. A collector that keeps what
# readers have passed takes 40 more.
AGENT_MIB, COLLECTOR_MORE_MIB = 16, 32
NUMBER = re.compile(r"(file|tcp) line (\d{9})\b")


class Feed(threading.Thread):
    """Numbered lines into a file at RATE a second; `written` is what a crash would not undo."""

    def __init__(self, name, hop):
        super().__init__(daemon=True)
        self.name, self.noise, self.says = name, hop.noise, hop.says
        self.written, self.ended = 0, threading.Event()

    def text(self, n):
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        said = self.says.format(what=f"{self.name} line {n:09}", noise=os.urandom(self.noise).hex())
        return f"{now} palvelin1 {said}\n"

    def run(self):
        begun = time.monotonic()
        while not self.ended.is_set():
            due = int((time.monotonic() - begun) * RATE)
            self.put("".join(self.text(n) for n in range(self.written, min(due, self.written + RATE))))
            self.written = max(self.written, min(due, self.written + RATE))
            time.sleep(0.02)

    def end(self):
        self.ended.set()
        self.join()


class FileFeed(Feed):
    def __init__(self, path, hop):
        super().__init__("file", hop)
        self.out = open(path, "a", encoding="utf-8")  # pylint: disable=consider-using-with

    def put(self, text):
        self.out.write(text)
        self.out.flush()


class TcpFeed(Feed):
    """Syslog over TCP: who is not read stops here, in send()."""

    def __init__(self, port, hop):
        super().__init__("tcp", hop)
        self.out = socket.create_connection(("127.0.0.1", port))

    def put(self, text):
        self.out.sendall(text.encode())

    def end(self):
        super().end()
        self.out.close()


class Watch(threading.Thread):
    """Resident memory of both daemons, sampled until told to end."""

    def __init__(self, reg, agent):
        super().__init__(daemon=True)
        self.reg, self.agent, self.ended = reg, agent, threading.Event()
        self.peak = {"agent": 0.0, "collector": 0.0}

    def sample(self):
        now = {}
        for name, process in (("agent", self.agent.process), ("collector", self.reg.collector)):
            try:
                now[name] = memory_mib(process.pid)[0]
            except (OSError, ValueError):
                continue  # it is being started again
            self.peak[name] = max(self.peak[name], now[name])
        return now

    def run(self):
        while not self.ended.wait(0.25):
            self.sample()

    def end(self):
        self.ended.set()
        self.join()


class Hop:
    """What a case may change of the two daemons, and how its hop stops and goes again."""
    title, waits = "", False  # waits: the file input must have been told to wait
    agent_conf, collector_conf = {}, {}
    noise = 128  # random bytes in a line, which do not compress
    says = "numbers[7]: {what} {noise}"

    def __init__(self, build, reg):
        self.build, self.reg, self.agent = build, reg, None

    def prepare(self):
        pass

    def agent_env(self):
        return None

    def stop(self):
        raise NotImplementedError

    def go(self):
        raise NotImplementedError


def start_agent(hop, agent):
    agent.process = hop.reg.spawn(f"agent-{agent.name}", [hop.reg.agent_bin, "run", "--config", agent.conf],
                                  env=hop.agent_env())
    wait_for("the agent to answer", agent.status)


def run(build, kind):
    with region(build) as reg:
        hop = kind(build, reg)
        hop.prepare()
        reg.start_collector(**hop.collector_conf)
        reg.tenant()
        reg.contact()
        log, port = reg.folder / "app.log", free_port()
        log.touch()
        changes = {"status_every": "1h", **hop.agent_conf}
        changes["collector"] = {"retry": "100ms", **changes.get("collector", {})}
        agent = hop.agent = reg.agent(
            inputs=[{"type": "file", "paths": [str(log)]},
                    {"type": "syslog-tcp", "listen": f"127.0.0.1:{port}"}], **changes)
        start_agent(hop, agent)
        wait_for("the connection", lambda: agent.status()["collector"]["connected"])
        watch = Watch(reg, agent)
        time.sleep(1)
        idle = watch.sample()
        feeds = [FileFeed(log, hop), TcpFeed(port, hop)]
        watch.start()
        for feed in feeds:
            feed.start()
        time.sleep(2)
        hop.stop()
        time.sleep(HOP_S)
        held = watch.sample()
        waiting = agent.status()["inputs"][0]
        hop.go()
        time.sleep(2)
        for feed in feeds:
            feed.end()
        finish(agent, feeds)
        watch.end()
        agent.stop()
        reg.collector.stop()
        print(f"# {hop.title}: resident MiB idle {idle['agent']:.1f} and {idle['collector']:.1f}, stopped "
              f"{held.get('agent', 0):.1f} and {held.get('collector', 0):.1f}, most "
              f"{watch.peak['agent']:.1f} and {watch.peak['collector']:.1f} (agent and collector)")
        judge(reg, feeds)
        if hop.waits:
            check(waiting["state"] == "waiting", f"the file input does not wait: {waiting}")
        check_memory(watch.peak["agent"] < AGENT_MIB,
                     f"agent: {watch.peak['agent']:.1f} MiB, the bound is {AGENT_MIB}")
        check_memory(watch.peak["collector"] < idle["collector"] + COLLECTOR_MORE_MIB,
                     f"collector: {watch.peak['collector']:.1f} MiB, idle {idle['collector']:.1f}, the bound "
                     f"is {COLLECTOR_MORE_MIB} above that")


def finish(agent, feeds):
    long = 240 + HOP_S
    wait_for("all lines to be taken", lambda: [i["events"] for i in agent.status()["inputs"]]
             == [f.written for f in feeds], seconds=long, pause=0.5)
    wait_for("everything to be acknowledged", agent.shipped, seconds=long, pause=0.5)


def judge(reg, feeds):
    seen = collections.Counter()
    for record in reg.queue():
        match = NUMBER.search(record["event"].get("message", ""))
        if match:
            seen[match.group(1), int(match.group(2))] += 1
    for feed in feeds:
        lost = [n for n in range(feed.written) if (feed.name, n) not in seen]
        twice = [n for n in range(feed.written) if seen[feed.name, n] > 1]
        print(f"# {feed.name}: {feed.written} lines written, {len(lost)} lost, {len(twice)} twice")
        check(feed.written > RATE and not lost and not twice, f"{feed.name}: lost {lost[:5]}, twice {twice[:5]}")


class CollectorStopped(Hop):
    title = "collector stopped"

    def stop(self):
        os.kill(self.reg.collector.pid, signal.SIGSTOP)

    def go(self):
        os.kill(self.reg.collector.pid, signal.SIGCONT)


class SpoolFull(CollectorStopped):
    title, waits = "spool full", True
    agent_conf = {"spool": {"max_bytes": "4MiB"}}


class SlowLink(Hop):
    title = "link of 8 KiB/s"

    def prepare(self):
        self.proxy = Proxy(self.reg.port)
        self.agent_conf = {"collector": {"addresses": [f"localhost:{self.proxy.port}"]}}

    def stop(self):
        self.proxy.set_rate(8192)

    def go(self):
        self.proxy.set_rate(None)


class QueueFull(Hop):
    """A reader that does not read holds its place in the queue, which is small here until it is given
    room: so the judge sees all of it."""
    title = "a reader stopped, queue full"
    collector_conf = {"queue": {"max_bytes": "16MiB", "retain_bytes": "1MiB"}}
    noise = 500

    def prepare(self):
        marks = self.reg.state / "queue/readers"
        self.reg.start_collector(**self.collector_conf)
        wait_for("detection's place", (marks / "detect").exists)
        self.reg.collector.stop()
        shutil.copy(marks / "detect", marks / "archive")

    def stop(self):
        pass  # it never reads: the queue fills up

    def go(self):
        wait_for("the queue to be full", lambda: "the queue takes nothing" in self.reg.collector.text(),
                 seconds=120)
        self.reg.collector.stop()
        self.reg.start_collector(queue={"max_bytes": "1GiB", "retain_bytes": "1MiB"})


class DatabaseLocked(Hop):
    """Alerts cannot be written; the registry cannot note who is there."""
    title = "database locked"

    def stop(self):
        self.db = sqlite3.connect(self.reg.state / "collector.db", isolation_level=None,
                                  check_same_thread=False)
        self.db.execute("BEGIN EXCLUSIVE")

    def go(self):
        self.db.execute("ROLLBACK")
        self.db.close()


class MailHangs(Hop):
    """A mail server that takes the connection and never speaks; every line is an attack, so alerts and
    messages to send pile up meanwhile."""
    title = "mail server hangs"
    says = "sshd[7]: Failed password for invalid user {what} from 198.51.100.7 port 40000 ssh2"

    def prepare(self):
        self.door = socket.create_server(("127.0.0.1", free_port()))
        self.door.settimeout(DEADLINE_S)
        self.collector_conf = {"notify": {"mail": {
            "from": "vartio@seutu.example",
            "smtp": {"url": f"smtp://127.0.0.1:{self.door.getsockname()[1]}", "starttls": False}}}}

    def stop(self):
        self.held = self.door.accept()[0]

    def go(self):
        check(self.reg.alerts(), "no alert")
        self.held.close()
        self.door.close()


class AgentDiskSlow(Hop):
    title = "agent's disk slow"

    def prepare(self):
        pathlib.Path(self.reg.folder, "agent-palvelin1").mkdir(mode=0o700)
        self.disk = Disk(self.build, self.reg.folder / "agent-palvelin1", self.reg.folder / "shim")

    def agent_env(self):
        return self.disk.env()

    def stop(self):
        self.disk.set(sync_ms=3000)

    def go(self):
        self.disk.good()


def case(kind):
    def go(build):
        run(build, kind)
    go.__doc__ = f"{kind.title}: memory is bounded, and all lines arrive once"
    return go


main(*[case(k) for k in (CollectorStopped, SpoolFull, SlowLink, QueueFull, DatabaseLocked, MailHangs,
                            AgentDiskSlow)])

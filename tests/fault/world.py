# SPDX-License-Identifier: EUPL-1.2
"""A world: one collector, one agent, the line between them, what is logged, and the judge."""
import collections
import fcntl
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import termios
import threading
import time

import judge as judging
import shim
from lib import Failed, check, free_port, memory_mib, wait_for
from permits import Permits
from proxy import Proxy
from sources import NUMBERED, Datagrams, Files, Stream

ARRIVE_S = 90  # bounds a failure only


class Events(judging.Judge):
    """Only the numbers: (source, number) -> how often; event.id -> how often; the agent's own events."""

    def __init__(self):
        super().__init__(None)
        self.seen, self.ids = collections.Counter(), collections.Counter()
        self.own, self.faults_told = 0, []
        self.epochs = collections.defaultdict(set)  # of each sender
        self.places = collections.defaultdict(list)  # (source, number) -> where it says it was read

    def fault(self, text):
        self.faults_told.append(text)

    def event(self, tenant, sender, epoch, number, seq, received_ns, event):
        self.epochs[sender].add(epoch)
        self.ids[(sender, epoch, seq)] += 1
        match = NUMBERED.search(event.get("message", ""))
        if match:
            key = match.group(1), int(match.group(2))
            self.seen[key] += 1
            log = event.get("log", {})
            self.places[key].append(
                (pathlib.Path(log.get("file", {}).get("path", "")).name, log.get("offset"), epoch & 0xffff, seq))
        elif event.get("event", {}).get("dataset") == "agent.status" or \
                event.get("event.dataset") == "agent.status":
            self.own += 1


class SpoolEvents(Events):
    """The same of a lane of the agent's spool (docs/formats.md, "Spool")."""
    MAGIC = b"VTSPOOL\0"
    HEAD = struct.Struct("<QQQQqII")

    def __init__(self, disk=None):
        super().__init__()
        self.disk = disk  # of shim.py: only what is durable on it counts

    def bytes_of(self, path):
        return self.disk.durable(path) if self.disk else super().bytes_of(path)

    def block(self, payload):
        epoch, number, first_seq, _floor, _closed_ns, events, places = self.HEAD.unpack_from(payload)
        frame = payload[self.HEAD.size + places:]
        if events:
            self.events_of(frame[6:], events, lambda n, event: self.event(
                "", "", epoch, number, first_seq + n - 1, 0, event))


class World:
    """tests/fault/schedule.py makes one of a plan: {"seed", "spool_bytes", "sources": [...], ...}."""
    SPOOL_SMALL = 4 << 20

    def __init__(self, reg, plan, faults):
        self.reg, self.plan, self.faults = reg, plan, faults
        self.spool_bytes = plan["spool_bytes"]
        self.locks = collections.defaultdict(threading.RLock)
        self.disk_full = 0          # daemons may refuse to start while it is above 0
        self.lives = []             # of the agent; see mark()
        self.counted = 0            # drops told by lives that have ended
        self.starts = 0
        self.agent_env, self.collector_env = None, None
        self.disks = {}             # "agent", "collector": shim.Disk, where a fault asks for them
        self.passed_s = 0           # how much time went by on both clocks that did not go by here
        self.folders = threading.RLock()  # held while a state folder is read or changed from outside
        self.permits = Permits()
        self.begun = time.monotonic()
        self.sources = [self.source(s) for s in plan["sources"]]
        self.files = self.of(Files)
        self.streams = self.of(Stream)
        self.datagrams = self.of(Datagrams)
        self.proxy = self.agent = None
        self.alerts, self.idle_mib, self.stamps = set(), 0, 0

    def start_all(self):
        """The daemons run when it returns. Separate, so that close() undoes what a failure left."""
        reg = self.reg
        reg.start_collector()
        reg.tenant()
        self.proxy = Proxy(reg.port)
        self.agent = reg.agent(
            inputs=[s.conf for s in self.sources], spool={"max_bytes": self.spool_bytes},
            collector={"addresses": [f"localhost:{self.proxy.port}"],
                       "retry": self.plan.get("retry", "1s")},
            # Where its own events are counted, one a start; else what it knows of its disk is told soon.
            status_every="24h" if self.plan["aim"] == "datagrams" else "1s")
        reg.collector.stop()
        if any(f.disk == "shim" for f in self.faults):
            self.disks = {"agent": shim.Disk(reg.build, self.agent.state, reg.folder / "disk-agent"),
                          "collector": shim.Disk(reg.build, reg.state, reg.folder / "disk-collector")}
            self.agent_env, self.collector_env = (self.disks[d].env() for d in ("agent", "collector"))
        for fault in self.faults:
            fault.prepare(self)
        self.start_collector()
        self.idle_mib = memory_mib(reg.collector.pid)[0]
        self.start_agent()

    def of(self, kind):
        return [s for s in self.sources if isinstance(s, kind)]

    def source(self, s):
        common = (s["name"], s["rate"], s["pad"], self.plan["seed"])
        if s["kind"] == "files":
            return Files(*common, self.reg.folder / f"log-{s['name']}", s["count"])
        if s["kind"] == "tcp":
            return Stream(*common, free_port())
        address = str(self.reg.folder / f"{s['name']}.sock") if s["kind"] == "unix" \
            else ("127.0.0.1", free_port(2))
        return Datagrams(*common, address, s["receive_buffer"])

    def stamp(self):
        """A number that it gives once."""
        self.stamps += 1
        return self.stamps

    def say(self, text):
        print(f"# {time.monotonic() - self.begun:6.2f} {text}", flush=True)

    def until(self, what, ready, seconds=60):
        return wait_for(what, ready, seconds, 0.1)

    # --- the daemons ---

    def process_of(self, name):
        return self.agent.process if name == "agent" else self.reg.collector

    def start(self, name, begin, ready):
        """Starts a daemon. One that gives up at once (a disk that is full) is started again, as a
        service manager would."""
        end = time.monotonic() + 60
        while True:
            begin()
            while self.process_of(name).alive():
                if ready():
                    return
                check(time.monotonic() < end, f"the {name} does not answer")
                time.sleep(0.05)
            time.sleep(0.1)
            check(self.disk_full > 0 and time.monotonic() < end,
                  f"the {name} ended: {self.process_of(name).text()[-3000:]}")
            self.say(f"the {name} gave up; again")
            time.sleep(0.3)

    def start_agent(self):
        def begin():
            self.agent.process = self.reg.spawn(
                "agent", [self.reg.agent_bin, "run", "--config", self.agent.conf], env=self.agent_env)
            self.starts += 1
        self.start("agent", begin, self.status)
        self.mark()
        for s in self.datagrams:
            s.quiet.clear()

    def mark(self):
        """An end or a start of the agent, in turns from the first start: what had been sent by then."""
        self.lives.append({s.name_: len(s.sent) for s in self.datagrams})

    def start_collector(self):
        def begin():
            self.reg.collector = self.reg.spawn(
                "collector", [self.reg.collector_bin, "run", "--config", self.reg.conf],
                env=self.collector_env)

        def ready():
            try:
                return self.reg.ready("collector", self.reg.metrics_port)
            except Failed:
                return False
        self.start("collector", begin, ready)

    def kill_agent(self):
        self.mark()
        kill(self.agent.process)

    def kill_collector(self):
        kill(self.reg.collector)

    def stop_agent(self):
        """SIGTERM, with the senders of datagrams quiet from before until the next start has been seen."""
        self.hush()
        self.count()
        self.ends(self.agent.process, "agent")
        self.mark()

    def stop_collector(self):
        self.ends(self.reg.collector, "collector")

    @staticmethod
    def ends(process, name):
        check(process.stop(seconds=60) == 0, f"the {name} ended with {process.child.returncode} when it "
              f"was told to stop: {process.text()[-2000:]}")

    def reload_agent(self):
        self.hush()
        text = self.agent.process.text().count("inputs reopened")
        self.agent.process.child.send_signal(signal.SIGHUP)
        self.until("the reload", lambda: self.agent.process.text().count("inputs reopened") > text)
        for s in self.datagrams:
            s.quiet.clear()

    def status(self):
        """What the agent says of itself; None when it does not answer (now)."""
        done = subprocess.run([self.reg.agent_bin, "status", "--json", "--config", self.agent.conf],
                              capture_output=True, text=True, timeout=60, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def waiting(self):
        state = self.status()
        return state is not None and any(i["state"] == "waiting" for i in state["inputs"])

    def logs_met(self):
        """Each log has a place on the agent's disk."""
        held = b"".join(path.read_bytes() for path in (self.agent.state / "spool" / "keep").glob("*.seg"))
        return all(os.fsencode(path) in held for source in self.files for path in source.paths)

    # --- disks and clocks ---

    def power_cut(self, name, dice):
        """Of a daemon that was killed just now; dice as Disk.power_cut has it."""
        with self.folders:
            forgotten = self.disks[name].power_cut(dice)
        self.say(f"the {name}'s disk forgot {forgotten} bytes")

    def changed(self, name):
        """The state folder of a daemon that does not run was changed from outside, for good."""
        if name in self.disks:
            shutil.rmtree(self.disks[name].shadow, ignore_errors=True)

    def spool_within_bound(self):
        files = [p.stat() for p in (self.agent.state / "spool").rglob("*.seg")]
        held = sum(f.st_blocks for f in files) * 512
        self.say(f"the spool takes {held} of {self.spool_bytes} bytes")
        check(held <= self.spool_bytes, f"the spool takes {held} bytes, its bound is {self.spool_bytes}")

    def set_clock(self, name, seconds):
        """How far off the clock of a daemon is from now on."""
        self.disks[name].set(clock_ns=int((self.passed_s + seconds) * 1e9))

    # --- datagrams: nothing is in a socket when counters are read ---

    def hush(self):
        for s in self.datagrams:
            with s.lock:
                s.quiet.set()
        self.until("sockets to be empty", lambda: all(map(self.drained, self.datagrams)))
        for s in self.datagrams:
            s.nudge()
        self.until("sockets to be empty", lambda: all(map(self.drained, self.datagrams)))
        self.status()  # answered after what was read before it

    @staticmethod
    def drained(source):
        if source.unix:
            left = fcntl.ioctl(source.sock, termios.TIOCOUTQ, struct.pack("i", 0))
            return struct.unpack("i", left)[0] == 0
        return udp_row(source.address[1])[0] == 0

    def count(self):
        """Takes over what the agent has counted, before its counters begin anew."""
        state = self.status()
        if state is None:
            return
        ids = {s.name_ for s in self.datagrams}
        for i in state["inputs"]:
            if i["id"] in ids:
                self.counted += i["dropped"]
                if i["dropped"]:
                    self.say(f"{i['id']} dropped {i['dropped']}")
        self.counted += state["spool"]["events_dropped"]
        if state["spool"]["events_dropped"]:
            self.say(f"the spool dropped {state['spool']['events_dropped']}")

    # --- the judge ---

    def queue(self):
        """What the queue holds. While the collector writes, its end may be half there: again, then."""
        for _ in range(20):
            found = Events()
            with self.folders:
                found.folder(self.reg.state / "queue")
            wrong = self.permits.unexpected(found.faults_told)
            if not wrong:
                break
            time.sleep(0.2)
        check(not wrong, f"the queue is damaged: {wrong[:3]}")
        return found

    def durable(self, synced=True):
        """What has been read from inputs for good: in the spool or in the queue. The spool first: what
        leaves it in between is in the queue then. synced: what a loss of power would take does not
        count."""
        seen = set()
        for lane in ("keep", "lossy"):
            held = SpoolEvents(self.disks.get("agent") if synced else None)
            try:
                with self.folders:
                    held.folder(self.agent.state / "spool" / lane)
            except FileNotFoundError:  # a file that was just given up
                pass
            seen.update(held.seen)
        seen.update(self.queue().seen)
        return seen

    def read_up(self, source, seconds=30):
        """True when all that source wrote is durable. The caller holds its lock, so nothing is added."""
        last = {(source.name_, n) for n in range(source.written)}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if last <= self.durable():
                return True
            time.sleep(0.2)
        self.say(f"{source.name_} was not read to its end within {seconds} s")
        return False

    def heal(self):
        self.proxy.heal()
        for name in ("agent", "collector"):
            with self.locks[name]:
                if not self.process_of(name).alive():
                    getattr(self, f"start_{name}")()

    def quiet(self):
        """Nothing is on its way: two looks, a second apart, see the same."""
        def look():
            state = self.status()
            if state is None or state["spool"]["events"] or not state["collector"]["connected"] or \
                    any(i["state"] != "running" for i in state["inputs"]):
                return None
            return [i["events"] for i in state["inputs"]]
        first = look()
        time.sleep(1)
        return first is not None and look() == first

    def finish(self):
        """Ends the sources, waits until all has arrived, stops the daemons; returns (queue, complaints)."""
        for s in self.sources:
            s.end()
        self.hush()
        self.until("everything to be acknowledged", self.quiet, ARRIVE_S)
        end = time.monotonic() + ARRIVE_S / 2
        while self.permits.missing(self.queue(), self.files) - self.permits.lost and time.monotonic() < end:
            time.sleep(1)
        self.until("everything to be acknowledged", self.quiet, ARRIVE_S)
        for s in self.datagrams:
            check(self.drained(s), f"{s.name_}: its socket is not empty")
        needed = self.permits.needed(self.queue(), self.files) if self.permits.may_tell else set()
        self.until(f"alerts {needed}", lambda: needed <= self.told())
        self.say(f"alerts: {sorted(self.alerts)}, of which must be: {sorted(needed)}")
        self.count()
        self.ends(self.agent.process, "agent")
        self.ends(self.reg.collector, "collector")
        self.proxy.close()
        return self.queue()

    def told(self):
        """The names of the alerts so far."""
        self.alerts = {a["name"] for a in self.reg.alerts()}
        return self.alerts

    def close(self):
        """Whatever happened: everything ends, and the folder can be removed."""
        for s in self.sources:
            s.ended.set()
        self.reg.close()
        for fault in self.faults:
            fault.clean(self)
        for disk in self.disks.values():
            disk.close()


def kill(process):
    process.child.send_signal(signal.SIGCONT)
    process.kill()


def udp_row(port):
    """(bytes that wait in the socket, datagrams that the kernel dropped there)."""
    for line in pathlib.Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]:
        cells = line.split()
        if int(cells[1].rsplit(":", 1)[1], 16) == port:
            return int(cells[4].split(":")[1], 16), int(cells[-1])
    return 0, 0



#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""All that an operator may do at once, under load: reloads, commands, metrics, revocations, restarts.

With the thread sanitizer (tests/run --thread) this is where threads meet each other most.
"""
import collections
import re
import shutil
import signal
import threading
import time
import urllib.error

from lib import Failed, Guessing, SOURCE, check, equal, main, region, wait_for

ROUNDS = 12
NUMBER = re.compile(r"Failed password for user(\d{6})\b")


class Repeated(threading.Thread):
    """Does one thing again and again, until told to end; the first fault is kept."""

    def __init__(self, act):
        super().__init__(daemon=True)
        self.act, self.ended, self.fault, self.times = act, threading.Event(), None, 0

    def run(self):
        while not self.ended.is_set() and self.fault is None:
            try:
                self.act(self.times)
                self.times += 1
            except (Failed, OSError, ValueError) as why:
                self.fault = why
            time.sleep(0.01)

    def end(self, what):
        self.ended.set()
        self.join()
        check(self.fault is None, f"{what}: {self.fault}")
        check(self.times > 0, f"{what} was never done")


def watched(reg, name, first):
    log = reg.folder / f"{name}.log"
    log.touch()
    agent = reg.agent(name=name, inputs=[{"type": "file", "paths": [str(log)]}])
    agent.start()
    return agent, Guessing(log, first)


def metrics(reg):
    """Reads the metrics; while the collector restarts there are none."""
    try:
        check("vartio_detect_events_total" in reg.metrics(), "metrics without detection")
    except (urllib.error.URLError, ConnectionError):
        pass


def commands(reg, number):
    words = (("alerts", "list", "--json"), ("agent", "list", "--json"), ("contact", "list", "--json"),
             ("alerts", "verify"), ("tenant", "list", "--json"))[number % 5]
    reg.command(*words)
    if number % 9 == 0:
        reg.tenant(f"kunta{number}", f"Kunta {number}")


def numbers(reg):
    """How often each of the first agent's lines stands in the queue."""
    return collections.Counter(n for n in (
        int(m.group(1)) for m in (NUMBER.search(r["event"].get("message", "")) for r in reg.queue())
        if m) if n < 500000)


def everything_at_once(build):
    """reloads, commands, metrics and revocations under load: each line once, alerts rise, all end well"""
    with region(build) as reg:
        rules = reg.folder / "rules"
        shutil.copytree(SOURCE / "rules", rules)
        reg.start_collector(rules={"paths": [str(rules)]})
        reg.tenant()
        reg.contact()
        agent, guessing = watched(reg, "palvelin1", 0)
        guessing.start()
        asked = Repeated(lambda n: commands(reg, n))
        read = Repeated(lambda _: metrics(reg))
        asked.start()
        read.start()
        extra = rules / "extra.yml"
        for number in range(ROUNDS):
            if number % 2 == 0:
                shutil.copy(rules / "ssh/ssh-password-guessing.yml", extra)
                text = extra.read_text(encoding="utf-8")
                extra.write_text(re.sub(r"(?m)^id: .*", "id: 11111111-2222-4333-8444-%012d" % number,
                                        re.sub(r"(?m)^name: .*\n", "", text)), encoding="utf-8")
            else:
                extra.unlink()
            before = reg.collector.text().count("rules loaded") + reg.collector.text().count("reload")
            reg.collector.child.send_signal(signal.SIGHUP)
            agent.process.child.send_signal(signal.SIGHUP)
            wait_for("the reload", lambda n=before: reg.collector.text().count("rules loaded")
                     + reg.collector.text().count("reload") > n)
        other, more = watched(reg, "palvelin2", 500000)
        more.start()
        wait_for("its events", lambda: other.status()["inputs"][0]["events"] > 100)
        reg.command("agent", "revoke", re.search(r'"agent":\s*"([^"]+)"', (
            other.state / "enrolment.json").read_text(encoding="utf-8")).group(1))
        wait_for("its connection to be cut", lambda: not other.status()["collector"]["connected"])
        more.end()
        asked.end("a command")
        equal(other.stop(), 0, "the end of an agent that was revoked")
        equal(reg.collector.stop(), 0, "the collector's end under load")
        reg.start_collector()
        equal(agent.stop(), 0, "the agent's end under load")
        agent.start()
        guessing.end()
        wait_for("every line", lambda: len(numbers(reg)) >= guessing.written, pause=1)
        wait_for("everything to be acknowledged", agent.shipped)
        read.end("reading the metrics")
        check(reg.alerts(), "no alert")
        equal(agent.stop(), 0, "the agent's end")
        equal(reg.collector.stop(), 0, "the collector's end")
        seen = numbers(reg)
        equal((len(seen), sum(seen.values())), (guessing.written, guessing.written),
              "lines in the queue, and how often they stand there")


main(everything_at_once)

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""kill -9 at any moment: every line of a steady feed stands in the queue exactly once."""
import collections
import datetime
import os
import random
import re
import signal
import threading
import time

from lib import check, main, region, wait_for

RATE = 2000
KILLS = 20
NUMBER = re.compile(r"line (\d{9})\b")


class Feed(threading.Thread):
    """Writes numbered syslog lines at RATE a second, and renames the file now and then."""

    def __init__(self, path, rotations):
        super().__init__(daemon=True)
        self.path, self.rotations = path, rotations
        self.ended = threading.Event()
        self.written = 0

    def run(self):
        out = open(self.path, "a", encoding="utf-8")
        begun = time.monotonic()
        while not self.ended.is_set():
            due = int((time.monotonic() - begun) * RATE)
            now = datetime.datetime.now(datetime.timezone.utc).isoformat()
            out.write("".join(f"{now} palvelin1 numbers[7]: line {n:09}\n"
                              for n in range(self.written, due)))
            out.flush()
            self.written = max(due, self.written)
            if self.rotations and self.written // (RATE * 5) > 5 - self.rotations:
                out.close()
                os.rename(self.path, f"{self.path}.{self.rotations}")
                self.rotations -= 1
                out = open(self.path, "a", encoding="utf-8")
            time.sleep(0.02)
        out.close()


def feed_and_kill(build, victims, seed):
    """The heart of all cases: kills processes named in victims at random while the feed runs."""
    dice = random.Random(seed)
    print(f"# seed {seed}")
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        log = reg.folder / "app.log"
        log.touch()
        agent = reg.agent(inputs=[{"type": "file", "paths": [f"{log}*"]}],
                          collector={"retry": "100ms"})  # so that each kill finds blocks on their way
        agent.start()
        feed = Feed(str(log), 3)
        feed.start()
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.2, 1.2))
            victim = dice.choice(victims)
            process = agent.process if victim == "agent" else reg.collector
            os.kill(process.pid, signal.SIGKILL)
            process.kill()
            time.sleep(dice.uniform(0, 0.3))
            if victim == "agent":
                agent.start()
            else:
                reg.start_collector()
        feed.ended.set()
        feed.join()
        wait_for("the agent to read everything", lambda: read_all(agent, feed.written))
        wait_for("everything to be acknowledged", agent.shipped)
        agent.stop()
        reg.collector.stop()
        judge(reg, feed.written)


def read_all(agent, written):
    """The file input's place can only be asked for by what waits and what was sent: quiet means done."""
    first = agent.status()
    time.sleep(1.5)
    second = agent.status()
    return written > 0 and [i["events"] for i in first["inputs"]] == [i["events"] for i in second["inputs"]]


def judge(reg, written):
    seen = collections.Counter()
    ids = collections.Counter()
    for record in reg.queue():
        match = NUMBER.search(record["event"].get("message", ""))
        if match:
            seen[int(match.group(1))] += 1
            ids[record["id"]] += 1
    lost = [n for n in range(written) if n not in seen]
    twice = [n for n, count in seen.items() if count > 1]
    print(f"# {written} lines written, {len(lost)} lost, {len(twice)} twice, "
          f"{sum(c > 1 for c in ids.values())} ids twice")
    check(written > RATE * 5, f"only {written} lines were written")
    check(not lost, f"lost: {lost[:10]} of {written}")
    check(not twice, f"twice: {twice[:10]} of {written}")


def agent_killed(build):
    """the agent is killed 20 times"""
    feed_and_kill(build, ["agent"], 20261)


def collector_killed(build):
    """the collector is killed 20 times"""
    feed_and_kill(build, ["collector"], 20262)


def either_killed(build):
    """agent or collector is killed, 20 times in all"""
    feed_and_kill(build, ["agent", "collector"], random.randrange(1 << 30))


main(agent_killed, collector_killed, either_killed)

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""After an outage, over a poor line: what is new goes first, the backlog drains at its share, all once.
What is asserted is order, not time: how many other blocks arrive between writing a line and its
arrival."""
import collections
import datetime
import random
import re
import time

from lib import check, equal, main, region, wait_for

NUMBER = re.compile(r"(old|new) (\d{6})\b")
OLD = 20_000
RATE_BPS = 1_500_000
AHEAD = 14  # blocks that may be before a new line: in flight (8), in the spool's group, and the share's


def line(kind, n, dice):
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    return f"{now} palvelin1 numbers[7]: {kind} {n:06} {dice.getrandbits(256):064x}\n"


def blocks_stored(reg):
    return int(re.search(r"^vartio_queue_blocks_total (\d+)$", reg.metrics(), re.M).group(1))


def outage(reg, agent, log, dice):
    """The collector is away while OLD lines are written and read into the spool."""
    reg.collector.stop()
    with open(log, "a", encoding="utf-8") as out:
        out.writelines(line("old", n, dice) for n in range(OLD))
    wait_for("the lines to be taken", lambda: agent.status()["inputs"][0]["events"] >= OLD)
    wait_for("the spool to have them", lambda: agent.status()["spool"]["events"] >= OLD)
    reg.start_collector()
    wait_for("the connection", lambda: agent.status()["collector"]["connected"])


def write_new(agent, reg, log, dice):
    """New lines while old ones wait: -> for each, the blocks that the collector had when it was written."""
    stood = []
    with open(log, "a", encoding="utf-8") as out:
        while agent.status()["spool"]["events"] > OLD // 20 and len(stood) < 1000:
            stood.append(blocks_stored(reg))
            out.write(line("new", len(stood) - 1, dice))
            out.flush()
            time.sleep(0.25)
    return stood


def overtaking(build):
    """new lines overtake the backlog of an outage, and each comes once and in order"""
    dice = random.Random(5)
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        log = reg.folder / "app.log"
        log.touch()
        agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]}], status_every="1h",
                          collector={"retry": "100ms", "max_rate_bps": RATE_BPS})
        agent.start()
        wait_for("the first connection", agent.shipped)
        outage(reg, agent, log, dice)
        before = blocks_stored(reg)  # counted since this collector started
        stood = write_new(agent, reg, log, dice)
        wait_for("everything to be acknowledged", agent.shipped)
        agent.stop()
        reg.collector.stop()
        judge(reg, stood, before)


def judge(reg, stood, before):
    seen, place, waited = collections.Counter(), {}, {}
    blocks = {}
    records = [(NUMBER.search(r["event"].get("message", "")), r) for r in reg.queue()]
    first_new = None
    for match, r in records:
        if not match:
            continue
        kind, n = match.group(1), int(match.group(2))
        blocks.setdefault((r["epoch"], r["block"]), len(blocks))
        place[kind, n] = blocks[r["epoch"], r["block"]]
        seen[kind, n] += 1
        if kind == "new" and first_new is None:
            first_new = place[kind, n]
    old_blocks = len({place["old", n] for n in range(OLD) if ("old", n) in place})
    waited = [place["new", n] - (had - before) for n, had in enumerate(stood) if ("new", n) in place]
    last_old = max(place["old", n] for n in range(OLD))
    print(f"# {OLD} old lines in {old_blocks} blocks, {len(stood)} new ones; blocks before a new one: "
          f"most {max(waited)}; {sum(c > 1 for c in seen.values())} lines twice")
    equal(sorted(seen), sorted([("new", n) for n in range(len(stood))] + [("old", n) for n in range(OLD)]),
          "lines in the queue")
    equal(max(seen.values()), 1, "times that a line came")
    check(len(stood) >= 5, f"only {len(stood)} new lines were written while old ones waited")
    check(max(waited) <= AHEAD, f"{max(waited)} blocks came before a new line, at most {AHEAD}")
    check(last_old > place["new", 4], "the backlog was through before new lines came")
    # Old lines are in order among themselves, and so are new ones.
    for kind in ("old", "new"):
        order = [int(m.group(2)) for m, _ in records if m and m.group(1) == kind]
        equal(order, sorted(order), f"the order of {kind} lines")


main(overtaking)

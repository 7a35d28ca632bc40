#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""What a disk can do to a promise: power loss, errors, no room, torn and flipped bits. A feed of
numbered lines goes on meanwhile; at the end each stands in the queue exactly once."""
import random

from faultlib import Feed, Lines, chosen, judge, main, settle, wait_for, world


def power_loss(build, victims, seed, cuts=8):
    """Cuts the power of victims at random moments. Every second cut keeps exactly what was synced,
    the others keep some of the unsynced sectors as well."""
    dice = random.Random(seed)
    print(f"# seed {seed}")
    with world(build) as w:
        feed = Feed(w.log, rotations=3)
        feed.start()
        forgotten = 0
        for cut in range(cuts):
            victim = dice.choice(victims)
            # A slow disk, so that there is something that was written and not synced.
            w.disks[victim].set(sync_ms=dice.choice((0, 20, 150)))
            feed.rest(dice.uniform(0.2, 1.2))
            forgotten += w.power_cut(victim, dice if cut % 2 else None)
            feed.rest(dice.uniform(0, 0.3))
            w.start(victim)
        feed.end()
        settle(w, feed)
        print(f"# {cuts} power cuts, {forgotten} unsynced bytes forgotten")
        judge(w, feed)


def power_agent(build):
    """the agent's machine loses power: no line lost, none twice"""
    power_loss(build, ["agent"], 7001)


def power_collector(build):
    """the collector's machine loses power: no line lost, none twice"""
    power_loss(build, ["collector"], 7002)


def power_either(build):
    """either loses power at any moment"""
    power_loss(build, ["agent", "collector"], random.randrange(1 << 30))


def idle_agent(build):
    """power lost when all is acknowledged: nothing comes twice"""
    with world(build) as w:
        feed = Lines(w.log, 2000)
        wait_for("everything to be acknowledged", lambda: w.shipped(feed.written))
        w.power_cut("agent")
        w.start("agent")
        feed.more(1000)
        settle(w, feed)
        judge(w, feed, least=2999)


def cut_after_ack(build):
    """the collector's power is cut at the moment of an acknowledgement: what it answered for stays"""
    with world(build) as w:
        feed = Lines(w.log, 500)
        wait_for("everything to be acknowledged", lambda: w.shipped(feed.written))
        # The sync takes long: an answer that does not wait for it is caught.
        w.disks["collector"].set(sync_ms=2000, path="queue/log")
        feed.more(2000)
        wait_for("everything to be acknowledged", lambda: w.shipped(feed.written))
        w.power_cut("collector")
        w.disks["collector"].good()
        w.start("collector")
        settle(w, feed)
        judge(w, feed, least=2499)


CASES = (power_agent, power_collector, power_either, idle_agent, cut_after_ack)

if __name__ == "__main__":
    main(*chosen(CASES))

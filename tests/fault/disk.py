#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""What a disk can do to a promise: power loss, errors, no room. A feed of numbered lines goes on
meanwhile; at the end each stands in the queue exactly once. See damage.py for what was on the disk
and is not any more."""
import random

from faultlib import (ATTACK, PLAIN, Feed, Lines, attack_events, check, chosen, judge, main, settle,
                      wait_for, world)


def power_loss(build, victims, seed, text=PLAIN, cuts=8):
    """Cuts the power of victims at random moments. Every second cut keeps exactly what was synced,
    the others keep some of the unsynced sectors as well."""
    dice = random.Random(seed)
    print(f"# seed {seed}")
    with world(build) as w:
        feed = Feed(w.log, rotations=3, text=text)
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
        if text == ATTACK:
            wait_for("the alert to count every line", lambda: attack_events(w) == feed.written)
        judge(w, feed)


def power_agent(build):
    """the agent's machine loses power: no line lost, none twice"""
    power_loss(build, ["agent"], 7001)


def power_collector(build):
    """the collector's machine loses power: no line lost, none twice, each counted once in its alert"""
    power_loss(build, ["collector"], 7002, ATTACK)


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


def ill_disk(build, victim, path, orders, **agent):
    """Each of orders fails for a while, and then the disk is good again."""
    with world(build, agent=agent) as w:
        disk = w.disks[victim]
        feed = Feed(w.log, rotations=2)
        feed.start()
        for order in orders:
            feed.rest(0.7)
            disk.set(path=path, sticky=1, **order)
            feed.rest(1.5)
            disk.good()
            if not w.process(victim).alive():
                print(f"# the {victim} ended under {order}")
                w.start(victim)
        feed.end()
        settle(w, feed)
        print(f"# EIO {disk.get('did_eio')} times, no space {disk.get('did_full')} times, "
              f"short {disk.get('did_short')} times")
        check(disk.get("did_eio") + disk.get("did_full") + disk.get("did_short") > 0, "nothing failed")
        # Some a second; who asks again at once asks thousands of times.
        check(disk.get("did_eio") + disk.get("did_full") < 500, "a disk that refuses is not let be")
        judge(w, feed)


EIO = ({"sync_fails": 1}, {"write_fails": 1}, {"sync_fails": 2}, {"write_fails": 3})


def eio_spool(build):
    """the disk under the spool says EIO: inputs wait, nothing is lost"""
    ill_disk(build, "agent", "spool/", EIO)


def eio_queue(build):
    """the disk under the queue says EIO, to its readers too: nothing is acknowledged meanwhile"""
    ill_disk(build, "collector", "queue/", EIO + ({"read_fails": 1},))


def eio_database(build):
    """the disk under the collector's database says EIO: events come in, each alert counts them all"""
    with world(build) as w:
        disk = w.disks["collector"]
        feed = Feed(w.log, text=ATTACK)
        feed.start()
        for order in EIO + ({"read_fails": 1},):
            feed.rest(0.7)
            disk.set(path="collector.db", sticky=1, **order)
            feed.rest(1.5)
            disk.good()
            check(w.process("collector").alive(), f"the collector ended under {order}")
        feed.end()
        settle(w, feed)
        print(f"# EIO {disk.get('did_eio')} times")
        check(disk.get("did_eio") > 0, "nothing failed")
        wait_for("the alert to count every line", lambda: attack_events(w) == feed.written)
        judge(w, feed)


def no_space_spool(build):
    """no space under the spool"""
    ill_disk(build, "agent", "", ({"full": 1}, {"full": 2}, {"full": 2, "full_after": 5000}))


def no_space_queue(build):
    """no space under the collector's state"""
    ill_disk(build, "collector", "", ({"full": 1}, {"full": 2}, {"full": 2, "full_after": 5000}))


def short_writes(build):
    """writes that take less than they were given"""
    for victim in ("agent", "collector"):
        ill_disk(build, victim, "", ({"short": 100}, {"short": 1000}))


CASES = (power_agent, power_collector, power_either, idle_agent, cut_after_ack, eio_spool, eio_queue,
         eio_database, no_space_spool, no_space_queue, short_writes)

if __name__ == "__main__":
    main(*chosen(CASES))

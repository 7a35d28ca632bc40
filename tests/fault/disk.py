#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""What a disk can do to a promise: power loss, errors, no room, torn and flipped bits. A feed of
numbered lines goes on meanwhile; at the end each stands in the queue exactly once."""
import random
import shutil

import segments
from faultlib import (ATTACK, PLAIN, Feed, Lines, append, check, chosen, counted, equal, judge, main,
                      settle, wait_for, world)


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


def attack_events(w):
    """How many events the alerts of password guessing count together."""
    return sum(a["events"] for a in w.reg.alerts() if a["name"] == "ssh-password-guessing")


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


# --- what was on the disk is not any more, or is damaged ---

OFTEN = {"status_every": "1s"}  # what the agent knows of its disk, it tells in its status events
WENT_BACK, DAMAGED = "An agent goes on from an older state", "An agent's spool is damaged"
SET_ASIDE = "A stored block of events cannot be read"


def titles(w):
    return {a["title"]: a["events"] for a in w.reg.alerts()}


def told(w, title):
    wait_for(f"the alert: {title}", lambda: titles(w).get(title) == 1)


def quiet(w):
    equal(titles(w), {}, "alerts")


def offline(w, lines, pad=0):
    """That many lines are read, and wait in the spool."""
    w.agent.process.stop()
    w.reg.collector.stop()
    w.start("agent")
    feed = Lines(w.log, lines, pad)
    wait_for("the spool to hold them", lambda: w.agent.status()["inputs"][0]["events"] >= lines and
             w.agent.status()["spool"]["events"] >= lines)
    w.agent.process.stop()
    return feed, segments.blocks(w.agent.state / "spool/keep")


def spool_tail(build):
    """a spool whose last block is torn or has a flipped bit: it is read from the files again"""
    for byte in (0, 30, 1000):
        with world(build, agent=OFTEN) as w:
            feed, held = offline(w, 6000)
            path, at, end, _ = held[-1]
            segments.flip(path, at + byte)
            w.start("agent")
            equal(w.agent.status()["spool"]["torn_bytes"] > 0, True, "the cut is counted")
            w.start("collector")
            settle(w, feed)
            quiet(w)
            judge(w, feed)


def spool_damaged(build):
    """a flipped bit inside the spool: just that block's events are lost, and the region is told"""
    with world(build, agent=OFTEN) as w:
        feed, held = offline(w, 6000)
        path, at, _, payload = held[len(held) // 2]
        segments.flip(path, at + 1000)
        w.start("agent")
        w.start("collector")
        settle(w, feed)
        equal([w.agent.status()["spool"][k] for k in ("damaged_places", "events_damaged")],
              [1, segments.spool_events(payload)], "places that cannot be read, events lost")
        check("lost to damage" in w.agent.process.text(), "the agent does not say it")
        told(w, DAMAGED)
        judge(w, feed, lost_ok=segments.spool_events(payload))


def spool_files_lost(build):
    """files of the spool that are emptied, deleted or cut: their lines are lost, counted, and told"""
    small = {**OFTEN, "spool": {"max_bytes": "4MiB"}}
    for harm in ("empty", "delete the first", "cut", "magic"):
        with world(build, agent=small) as w:
            feed, held = offline(w, 8000, pad=100)
            files = segments.files(w.agent.state / "spool/keep")
            check(len(files) >= 3, f"{len(files)} files")
            path = files[0 if "first" in harm else 1]
            lost = sum(segments.spool_events(payload) for at, _, _, payload in held if at == path)
            if harm == "magic":
                segments.flip(path, 2)
            elif harm == "empty":
                path.write_bytes(b"")
            elif harm == "cut":
                with open(path, "r+b") as f:
                    f.truncate(1000)  # in its snapshot or its first block
            else:
                path.unlink()
            w.start("agent")
            w.start("collector")
            settle(w, feed)
            equal([w.agent.status()["spool"][k] for k in ("damaged_places", "events_damaged")],
                  [1, lost], f"{harm}: places that cannot be read, events lost")
            check(path.name in w.agent.process.text(), f"{harm}: the agent does not name the file")
            told(w, DAMAGED)
            judge(w, feed, lost_ok=lost)
            print(f"# {harm}: {lost} lines lost, and told")


def queue_damaged(build):
    """a flipped bit in an acknowledged record: its events are lost, it is set aside, and told"""
    with world(build) as w:
        feed = Lines(w.log, 6000)
        wait_for("everything to be acknowledged", lambda: w.shipped(feed.written))
        w.process("collector").kill()
        stored = segments.blocks(w.reg.state / "queue/log")
        # Not in the last commit: there a flipped bit and a torn write look the same.
        path, at, _, payload = stored[1]
        segments.flip(path, at + 1000)
        # The reader begins anew, as one does that is slow: it passes the place.
        (w.reg.state / "queue/readers/detect").unlink()
        w.start("collector")
        feed.more(500)
        settle(w, feed)
        told(w, SET_ASIDE)
        reason = str(w.reg.alerts()[0]["values"]["event.reason"])
        check(f"{segments.queue_events(payload)} events" in reason, reason)
        equal(len(list((w.reg.state / "queue/quarantine").iterdir())), 1, "blocks set aside")
        check("vartio_queue_damaged 1" in w.reg.metrics(), "not counted")
        w.agent.process.stop()
        w.reg.collector.stop()
        seen = counted(w.reg.queue(damaged=True))
        equal(feed.written - len(seen), segments.queue_events(payload), "lines lost")


def save(w, name):
    shutil.copytree(w.agent.state, w.reg.folder / name,
                    ignore=lambda _, names: [n for n in names if n.endswith(".sock")])


def restore(w, name):
    w.agent.process.kill()
    shutil.rmtree(w.agent.state)
    shutil.copytree(w.reg.folder / name, w.agent.state)


def machine_restored(build):
    """a whole machine set back to a copy of its disk, logs too: nothing lost, nothing twice; told"""
    with world(build, agent=OFTEN) as w:
        feed = Lines(w.log, 3000)
        wait_for("everything to be acknowledged", lambda: w.shipped(feed.written))
        w.agent.process.stop()
        save(w, "copy")
        log = w.log.read_bytes()
        w.start("agent")
        append(w.log, 900000000, 900001000)  # lines that the copy never had
        wait_for("everything to be acknowledged", lambda: w.shipped(1000))
        restore(w, "copy")
        w.log.write_bytes(log)
        w.start("agent")
        feed.more(2000)
        settle(w, feed)
        told(w, WENT_BACK)
        judge(w, feed)


def state_restored(build):
    """an old copy of the agent's state alone: what was read since is there twice, and that is told"""
    with world(build, agent=OFTEN) as w:
        feed = Lines(w.log, 2000)
        wait_for("everything to be acknowledged", lambda: w.shipped(feed.written))
        w.agent.process.stop()
        save(w, "copy")
        w.start("agent")
        feed.more(1500)
        wait_for("everything to be acknowledged", lambda: w.shipped(1500))
        restore(w, "copy")
        w.start("agent")
        feed.more(500)
        settle(w, feed)
        told(w, WENT_BACK)
        judge(w, feed, twice_ok=1500)


def spool_gone(build):
    """an agent that lost its spool: it reads its files again, all of it twice, and that is told"""
    with world(build, agent=OFTEN) as w:
        feed = Lines(w.log, 3000)
        wait_for("everything to be acknowledged", lambda: w.shipped(feed.written))
        w.agent.process.stop()
        shutil.rmtree(w.agent.state / "spool")
        w.start("agent")
        feed.more(500)
        settle(w, feed)
        told(w, WENT_BACK)
        judge(w, feed, twice_ok=3000)


CASES = (power_agent, power_collector, power_either, idle_agent, cut_after_ack, eio_spool, eio_queue,
         eio_database, no_space_spool, no_space_queue, short_writes, spool_tail, spool_damaged,
         spool_files_lost, queue_damaged, machine_restored, state_restored, spool_gone)

if __name__ == "__main__":
    main(*chosen(CASES))

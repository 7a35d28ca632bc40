#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""What was on a disk is not any more, or is damaged: torn and flipped bits, files that are gone, a
machine or a state set back to an old copy. What is lost or comes twice is exactly that, and is told."""
import shutil

import segments
from faultlib import (Lines, append, check, chosen, counted, equal, judge, main, settle, wait_for, world)

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


def queue_damaged_behind(build):
    """the same where rules had read already: one line says which file, whose block, how many events"""
    with world(build) as w:
        feed = Lines(w.log, 6000)
        wait_for("everything to be acknowledged", lambda: w.shipped(feed.written))
        wait_for("rules to have read it", lambda: f"vartio_detect_events_total {feed.written}" in w.reg.metrics()
                 or "vartio_detect_lag_bytes 0" in w.reg.metrics())
        w.process("collector").stop()
        stored = segments.blocks(w.reg.state / "queue/log")
        path, at, _, payload = stored[1]
        segments.flip(path, at + 1000)
        w.start("collector")
        told_of = [line for line in w.reg.collector.text().splitlines() if "queue is damaged" in line]
        equal(len(told_of), 1, "lines")
        for part in (path.name, f"offset={at} ", "tenant=mallila", "agent=palvelin1-",
                     f"events={segments.queue_events(payload)}", "block="):
            check(part in told_of[0], f"{told_of[0]} lacks {part}")
        metrics = w.reg.metrics()
        for part in ("vartio_queue_damaged 1", f"vartio_queue_damaged_events {segments.queue_events(payload)}"):
            check(part in metrics, f"not counted: {part}")
        equal(w.reg.alerts(), [], "alerts")


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


CASES = (spool_tail, spool_damaged, spool_files_lost, queue_damaged, queue_damaged_behind,
         machine_restored, state_restored, spool_gone)

if __name__ == "__main__":
    main(*chosen(CASES))

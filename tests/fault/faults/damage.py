# SPDX-License-Identifier: EUPL-1.2
"""What is on a disk that was not written there: torn and flipped records, a state from yesterday, none.
Each says to world.permits what docs/guarantees.md lets it cost; what it costs beyond is a failure."""
import shutil

import segments
from faults import Fault
from permits import DAMAGED, SET_ASIDE
from world import Events, SpoolEvents


def numbers(kind, payload):
    """The lines that a block holds."""
    found = kind()
    found.block(payload)
    return set(found.seen)


class Log(Fault):
    """One of our logs is damaged while its owner, killed before, is down."""
    victim, folder, reader, locks, span_s = "", "", Events, (), (0.0, 0.3)
    rereads = True

    def begin(self, world, dice):
        getattr(world, f"kill_{self.victim}")()
        with world.folders:
            self.harm(world, dice, segments.entries(self.state(world) / self.folder))
        world.changed(self.victim)

    def state(self, world):
        return world.agent.state if self.victim == "agent" else world.reg.state

    def harm(self, world, dice, records):
        raise NotImplementedError

    def end(self, world, dice):
        getattr(world, f"start_{self.victim}")()
        if self.victim == "agent":
            world.permits.counted += world.status()["spool"]["events_damaged"]


class Torn(Log):
    """A write that did not come to its end stands behind the last record: it costs nothing."""

    def harm(self, world, dice, records):
        if records:
            segments.torn(records[-1], dice.choice(records), dice)


class Flip(Log):
    """A bit of a block is flipped: of the last one as often as of any other. Where a record behind it
    shows that it had been synced, just its events are lost. Where none does, it looks like a torn write,
    and it and what is behind it are cut off."""

    def harm(self, world, dice, records):
        blocks = [r for r in records if r.kind == segments.BLOCK and self.fits(world, r, records)]
        if not blocks:
            return
        block = blocks[-1] if dice.random() < 0.5 else dice.choice(blocks)
        inside = segments.shown(block, records)
        segments.flip(block.path, block.at + dice.randrange(segments.HEAD + len(block.payload)))
        held = numbers(self.reader, block.payload)
        behind = [r for r in records[records.index(block):] if r.kind == segments.BLOCK]
        world.say(f"{self.name}: {block.path.name}, byte {block.at}, {len(held)} lines, "
                  f"{'inside' if inside else f'the end: {len(behind)} blocks'}")
        if inside:
            self.lost_inside(world, block, held)
        else:
            self.cut_off(world, set().union(*(numbers(self.reader, r.payload) for r in behind)))

    def fits(self, world, block, records):
        return True

    def lost_inside(self, world, block, held):
        raise NotImplementedError

    def cut_off(self, world, held):
        raise NotImplementedError


class OfSpool:
    victim, folder, reader, locks, kills = "agent", "spool/keep", SpoolEvents, ("agent",), True


class TornSpool(OfSpool, Torn):
    name = "spool-torn"


class FlippedSpool(OfSpool, Flip):
    """A flipped end is read from the files again, under new keys; what of it had been sent already is
    there twice then. Not of lines whose file was taken away when they were durable."""
    name = "spool-flipped"

    def fits(self, world, block, records):
        gone = {s.name_: s.gone for s in world.files}
        return all(n >= gone[name] for name, n in numbers(self.reader, block.payload))

    def lost_inside(self, world, block, held):
        world.permits.may_lose(held, DAMAGED)
        # Of a file whose place no later record tells it is read again, also where it had been sent.
        world.permits.twice.update(held)

    def cut_off(self, world, held):
        world.permits.twice.update(held)


class OfQueue:
    victim, folder, reader, locks = "collector", "queue/log", Events, ("collector",)


class TornQueue(OfQueue, Torn):
    name = "queue-torn"


class FlippedQueue(OfQueue, Flip):
    """A bad block in the queue is set aside when it is read; the reader begins anew, as one does that is
    slow. A flipped end is lost where it had been acknowledged."""
    name = "queue-flipped"

    def lost_inside(self, world, block, held):
        world.permits.may_lose(held, SET_ASIDE)
        world.permits.damage.add(f"{block.path.name}: damaged at byte {block.at}")
        (self.state(world) / "queue/readers/detect").unlink(missing_ok=True)

    def cut_off(self, world, held):
        world.permits.may_lose(held)


def copy_state(world, name):
    shutil.copytree(world.agent.state, world.reg.folder / name,
                    ignore=lambda _, names: [n for n in names if n.endswith(".sock")])


def empty(folder):
    for path in folder.rglob("*"):
        if not path.is_dir():
            path.unlink()


class Snapshot(Fault):
    """The agent's state is that of some moment before. Logs are rotated in between."""
    name, locks, kills, rereads = "agent-restored", ("agent", "files"), True, True
    span_s = (0.3, 2.0)

    def begin(self, world, dice):
        self.copy = f"copy {world.stamp()}"
        world.kill_agent()
        copy_state(world, self.copy)
        self.then = world.durable(synced=False)
        world.start_agent()
        for _ in range(dice.randrange(3)):
            files = dice.choice(world.files)
            files.rotate(dice.choice(files.paths), dice.random() < 0.5)

    def end(self, world, dice):
        world.kill_agent()
        self.restore(world)
        written = {(s.name_, n) for s in world.files for n in range(s.written)}
        world.permits.may_repeat(written - self.then)
        world.start_agent()

    def restore(self, world):
        with world.folders:
            empty(world.agent.state)
            shutil.copytree(world.reg.folder / self.copy, world.agent.state, dirs_exist_ok=True)
        world.changed("agent")


class Machine(Snapshot):
    """The whole machine is: its logs too have what they had. Twice is only what the copy's agent had not
    read yet. What was written since and had not arrived is nowhere any more."""
    name = "machine-restored"

    def begin(self, world, dice):
        self.copy = f"copy {world.stamp()}"
        world.kill_agent()
        copy_state(world, self.copy)
        self.then = world.durable(synced=False)
        self.logs = [s.mark() for s in world.files]
        world.start_agent()

    def end(self, world, dice):
        world.kill_agent()
        self.restore(world)
        for source, mark in zip(world.files, self.logs):
            world.permits.may_lose((source.name_, n) for n in source.go_back(mark))
            world.permits.may_repeat({(source.name_, n) for n in range(mark[0])} - self.then)
        world.start_agent()


class LostSpool(Fault):
    """The agent's spool is gone: files are read again from their beginning. Lost is what waited in it
    and stands in no file any more that the input's paths name."""
    name, locks, kills, rereads = "spool-lost", ("agent", "files"), True, True
    span_s, weight = (0.0, 0.3), 2

    def begin(self, world, dice):
        world.kill_agent()
        with world.folders:
            empty(world.agent.state / "spool")
        world.changed("agent")
        there = set(world.queue().seen)
        for source in world.files:
            with source.lock:
                written = {(source.name_, n) for n in range(source.written)}
                readable = source.readable()
            world.permits.may_repeat(readable)
            world.permits.may_lose(written - readable - there)

    def end(self, world, dice):
        """A log that is rotated before the new start has met it, or put its place on disk, is lost."""
        world.start_agent()
        world.until("the logs to have their places", world.logs_met)


FAULTS = [TornSpool, FlippedSpool, TornQueue, FlippedQueue, Snapshot, Machine, LostSpool]

# SPDX-License-Identifier: EUPL-1.2
"""What happens to the line between agent and collector."""
import time

from faults import Fault
from proxy import DOWN, UP


class Link(Fault):
    locks = ("link",)


class Cut(Link):
    """Connections are reset several times while they are at work."""
    name, weight = "link-cut", 5

    def begin(self, world, dice):
        for _ in range(dice.randrange(1, 6)):
            world.proxy.cut()
            time.sleep(dice.uniform(0, 0.4))


class Down(Link):
    """The line is away for the span; the agent is refused."""
    name, weight, drops = "link-down", 5, True
    span_s = (0.5, 4.0)

    def begin(self, world, dice):
        world.proxy.set("refuse", True)
        world.proxy.cut()

    def end(self, world, dice):
        world.proxy.set("refuse", False)


class Away(Link):
    """The line is away until the spool has reached its bound and inputs wait: what takes hours elsewhere.
    A long file is written meanwhile, faster than any line."""
    name, needs, drops, weight = "link-away-until-full", "files", True, 3
    locks = ("link", "agent")
    span_s = (1.0, 2.0)

    def begin(self, world, dice):
        world.proxy.set("refuse", True)
        world.proxy.cut()
        if world.spool_bytes <= world.SPOOL_SMALL:
            world.files[0].burst(world.spool_bytes * 5 // 4 // (world.files[0].pad + 40))
            world.until("the spool to be full", world.waiting)

    def end(self, world, dice):
        world.proxy.set("refuse", False)


class Stall(Link):
    """Nothing moves, in one direction or both, and no end is told."""
    name = "link-stall"

    def begin(self, world, dice):
        world.proxy.stall(*dice.choice([(UP,), (DOWN,), (UP, DOWN)]))

    def end(self, world, dice):
        world.proxy.go()
        if dice.random() < 0.5:
            world.proxy.cut()


class Slow(Link):
    """A poor line: 64 to 2,000 kbit/s, with or without a delay."""
    name = "link-slow"
    span_s = (1.0, 4.0)

    def begin(self, world, dice):
        world.proxy.set_rate(dice.randrange(8000, 250000))
        world.proxy.set("delay_s", dice.choice([0, 0.05, 0.2]))

    def end(self, world, dice):
        world.proxy.set_rate(None)
        world.proxy.set("delay_s", 0.0)


class HalfOpen(Link):
    """The far end vanished: connections stay and swallow what they are given, new ones too."""
    name = "link-half-open"

    def begin(self, world, dice):
        world.proxy.open_half()

    def end(self, world, dice):
        world.proxy.close_half()


class Overtaken(Link):
    """The agent's connection breaks with bytes under way; it sends them again on a new one, and the old
    ones arrive at the same time."""
    name, weight = "link-overtaken", 5
    span_s = (0.2, 1.5)

    def begin(self, world, dice):
        world.proxy.set("delay_s", dice.uniform(0.05, 0.3))
        time.sleep(dice.uniform(0.1, 0.5))
        world.proxy.overtake()
        world.proxy.set("delay_s", 0.0)

    def end(self, world, dice):
        world.proxy.arrive()


FAULTS = [Cut, Down, Away, Stall, Slow, HalfOpen, Overtaken]

# SPDX-License-Identifier: EUPL-1.2
"""Wall clocks that jump. tests/fault/clock.py shows what is said and alerted then; here it must cost no
line."""
import time

from faults import Fault
from faults.links import Link

HOUR, DAY, YEAR = 3600, 86400, 365 * 86400


class Near(Fault):
    """One clock jumps, two or three times, within what certificates bear (they begin a day before they
    are made), and goes right at the end."""
    disk, victim, span_s = "shim", "", (0.3, 2.5)

    def begin(self, world, dice):
        for _ in range(dice.randrange(1, 4)):
            off = dice.choice((HOUR, -HOUR, DAY, 300 - DAY))
            world.set_clock(self.victim, off)
            world.say(f"the {self.victim}'s clock is {off} s off")
            time.sleep(dice.uniform(0, 0.5))

    def end(self, world, dice):
        world.set_clock(self.victim, 0)


class NearAgent(Near):
    name, victim, locks = "clock-agent", "agent", ("clock-agent",)


class NearCollector(Near):
    name, victim, locks = "clock-collector", "collector", ("clock-collector",)


class Far(Fault):
    """One clock is three years ahead, or a year behind, by which no certificate is valid; the line is cut
    or the daemon starts anew, so that they are looked at."""
    disk, victim, span_s, weight = "shim", "", (0.5, 2.0), 2

    def begin(self, world, dice):
        off = dice.choice((3 * YEAR, -YEAR))
        world.set_clock(self.victim, off)
        world.say(f"the {self.victim}'s clock is {off} s off")
        if dice.random() < 0.5:
            getattr(world, f"kill_{self.victim}")()
            getattr(world, f"start_{self.victim}")()
        else:
            world.proxy.cut()

    def end(self, world, dice):
        world.set_clock(self.victim, 0)


class FarAgent(Far):
    name, victim, locks, kills = "clock-agent-far", "agent", ("agent", "clock-agent"), True


class FarCollector(Far):
    name, victim, locks = "clock-collector-far", "collector", ("collector", "clock-collector")


class AwayForHours(Link):
    """The line is away for 2 to 12 hours by the clocks of both machines, while the spool fills to its
    bound and inputs wait. (What waits by a monotonic clock waits no longer than the span.)"""
    name, locks = "link-away-for-hours", ("agent", "clock-agent", "clock-collector", "link")
    needs, disk, drops, full_spool = "files", "shim", True, True
    span_s, weight = (0.2, 1.0), 4

    def begin(self, world, dice):
        world.proxy.set("refuse", True)
        world.proxy.cut()
        steps = dice.randrange(4, 9)
        each = dice.uniform(2 * HOUR, 12 * HOUR) / steps
        for _ in range(steps):
            world.files[0].burst(3000)
            world.passed_s += each
            for name in ("agent", "collector"):
                world.set_clock(name, 0)
            time.sleep(0.2)
        world.say(f"{steps * each / HOUR:.1f} hours went by")
        world.until("the spool to be full", lambda: self.full(world))
        world.spool_within_bound()

    @staticmethod
    def full(world):
        if world.waiting():
            return True
        world.files[0].burst(2000)
        return False

    def end(self, world, dice):
        world.proxy.set("refuse", False)


FAULTS = [NearAgent, NearCollector, FarAgent, FarCollector, AwayForHours]

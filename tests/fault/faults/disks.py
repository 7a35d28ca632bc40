# SPDX-License-Identifier: EUPL-1.2
"""What a disk does that is there and not full: loses power, says EIO, takes less than it was given.
The daemons run on the disks of shim.py then."""
import threading
import time

from faults import Fault
from permits import WENT_BACK


class Power(Fault):
    """A machine loses its power: of what was not synced, nothing is left or some of the sectors."""
    disk, victims, span_s, weight = "shim", (), (0.0, 1.0), 5

    def begin(self, world, dice):
        # A slow disk, so that there is something that was written and not synced.
        for victim in self.victims:
            world.disks[victim].set(sync_ms=dice.choice((0, 20, 150)), path="")
        time.sleep(dice.uniform(0, 0.5))
        for victim in self.victims:
            getattr(world, f"kill_{victim}")()
        for victim in self.victims:
            world.power_cut(victim, dice if dice.random() < 0.6 else None)
            world.disks[victim].set(sync_ms=0)
        if "agent" in self.victims:  # it may send again what was acknowledged long ago: told, and dropped
            world.permits.may_tell.add(WENT_BACK)

    def end(self, world, dice):
        for victim in dice.sample(self.victims, len(self.victims)):
            getattr(world, f"start_{victim}")()


class PowerAgent(Power):
    name, victims, locks, kills = "power-agent", ("agent",), ("agent",), True


class PowerCollector(Power):
    name, victims, locks = "power-collector", ("collector",), ("collector",)


class PowerBoth(Power):
    name, victims, locks, kills, weight = "power-both", ("agent", "collector"), ("agent", "collector"), True, 3


class Ill(Fault):
    """For its span each call of one kind fails, in the files whose path holds `path`. The daemon may be
    killed meanwhile, and has to start on such a disk."""
    disk, span_s, victim, path, orders = "shim", (0.5, 2.5), "", "", ()

    def begin(self, world, dice):
        order = dice.choice(self.orders)
        world.disk_full += 1
        world.disks[self.victim].set(path=self.path, sticky=1, **order)
        world.say(f"{self.name}: {order}")
        if world.files:
            world.files[0].burst(dice.choice([0, 3000, 8000]))
        if self.may_kill(world) and dice.random() < 0.4:
            time.sleep(dice.uniform(0, 1))
            getattr(world, f"kill_{self.victim}")()
            self.again = threading.Thread(target=getattr(world, f"start_{self.victim}"), daemon=True)
            self.again.start()

    def end(self, world, dice):
        disk = world.disks[self.victim]
        disk.good()
        if self.again:
            self.again.join()
        if not world.process_of(self.victim).alive():
            world.say(f"the {self.victim} ended")
            getattr(world, f"start_{self.victim}")()
        world.disk_full -= 1
        world.say(f"{self.name}: EIO {disk.get('did_eio')} times, no space {disk.get('did_full')} times, "
                  f"short {disk.get('did_short')} times so far")

    again = None

    def may_kill(self, world):
        return self.victim == "collector" or not world.datagrams


EIO = ({"sync_fails": 1}, {"write_fails": 1}, {"sync_fails": 2}, {"write_fails": 3})
NO_SPACE = ({"full": 1}, {"full": 2}, {"full": 2, "full_after": 5000})
SHORT = ({"short": 100}, {"short": 1000})


class IllAgent(Ill):
    """Inputs that can wait do so; datagrams are dropped, and counted."""
    victim, locks, drops = "agent", ("agent",), True


class IllCollector(Ill):
    """Nothing is acknowledged meanwhile, the agents wait."""
    victim, locks = "collector", ("collector",)


class EioSpool(IllAgent):
    name, path, orders = "eio-spool", "spool/", EIO


class EioQueue(IllCollector):
    name, path, orders = "eio-queue", "queue/", EIO + ({"read_fails": 1},)


class EioDatabase(IllCollector):
    name, path, orders, weight = "eio-database", "collector.db", EIO + ({"read_fails": 1},), 2


class NoSpaceAgent(IllAgent):
    name, orders = "no-space-agent", NO_SPACE


class NoSpaceCollector(IllCollector):
    name, orders = "no-space-collector", NO_SPACE


class ShortAgent(IllAgent):
    name, orders, weight = "short-writes-agent", SHORT, 2


class ShortCollector(IllCollector):
    name, orders, weight = "short-writes-collector", SHORT, 2


FAULTS = [PowerAgent, PowerCollector, PowerBoth, EioSpool, EioQueue, EioDatabase, NoSpaceAgent,
          NoSpaceCollector, ShortAgent, ShortCollector]

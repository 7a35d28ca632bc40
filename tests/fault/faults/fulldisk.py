# SPDX-License-Identifier: EUPL-1.2
"""A disk that is full: a small file system of its own under the agent's spool or the collector's queue."""
import signal
import subprocess
import time

from faults import Fault
from lib import Skip

SIZE = "96m"


class FullDisk(Fault):
    span_s, disk = (0.5, 3.0), "small"

    def where(self, world):
        raise NotImplementedError

    def prepare(self, world):
        path = self.where(world)
        path.mkdir(mode=0o700, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(path)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f"no small disk: {done.stderr.strip()}")

    def clean(self, world):
        subprocess.run(["umount", "-l", str(self.where(world))], capture_output=True, check=False)

    def begin(self, world, dice):
        with open(self.where(world) / "filler", "wb", buffering=0) as out:
            try:
                while True:
                    out.write(b"\0" * 65536)
            except OSError:
                pass
        world.disk_full += 1
        # What was preallocated is still there to be filled.
        if world.files:
            world.files[0].burst(dice.choice([0, 5000, 20000]))

    def end(self, world, dice):
        (self.where(world) / "filler").unlink()
        world.disk_full -= 1


class FullSpool(FullDisk):
    """No space under the spool: inputs wait, datagrams are dropped and counted."""
    name, locks, drops = "full-spool-disk", ("agent",), True

    def begin(self, world, dice):
        # What the agent frees while the disk is filled would be taken from under it.
        world.agent.process.child.send_signal(signal.SIGSTOP)
        super().begin(world, dice)
        world.agent.process.child.send_signal(signal.SIGCONT)
        if not world.datagrams and dice.random() < 0.5:
            time.sleep(dice.uniform(0, 1))
            world.kill_agent()
            world.start_agent()

    def where(self, world):
        return world.agent.state / "spool"


class FullQueue(FullDisk):
    """No space under the queue: nothing is acknowledged, the agents wait."""
    name, locks = "full-queue-disk", ("queue-disk",)

    def where(self, world):
        return world.reg.state / "queue"


FAULTS = [FullSpool, FullQueue]

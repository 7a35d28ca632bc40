# SPDX-License-Identifier: EUPL-1.2
"""What somebody sends who was let in."""
import functools
import os
import shutil
import struct
import time
import types
import zlib

from faults import Fault
from lib import SANITIZED, check, memory_mib
from rawsender import Sender

SIZES = (2, 64, 256)  # MiB, inflated
MEMORY_MIB = 64       # docs/guarantees.md: above what the collector takes when idle


@functools.lru_cache
def bomb(mib):
    """A window of one event of so many MiB."""
    packer = zlib.compressobj(1)
    packed = packer.compress(b"2J" + struct.pack(">II", 1, mib << 20))
    for _ in range(mib):
        packed += packer.compress(b" " * (1 << 20))
    packed += packer.flush()
    return b"2W\0\0\0\1" + b"2C" + struct.pack(">I", len(packed)) + packed


class Bomb(Fault):
    """Decompression bombs under an agent's certificate, one after the other: none is taken, and the
    collector's memory stays within its bound."""
    name, locks, span_s, weight = "bomb", ("bomb",), (0.0, 0.1), 4
    FILES = ("ca.crt", "agent.crt", "agent.key")

    def prepare(self, world):
        self.folder(world).mkdir(exist_ok=True)
        for name in self.FILES:
            shutil.copy2(world.agent.state / name, self.folder(world))

    @staticmethod
    def folder(world):
        return world.reg.folder / "bomber"

    def begin(self, world, dice):
        sent = cut = 0
        for _ in range(dice.randrange(3, 12)):
            sent += 1
            cut += self.cut_off(world, bomb(dice.choice(SIZES)))
            time.sleep(dice.uniform(0, 0.1))
        world.say(f"{cut} of {sent} bombs were refused; the others found no collector")
        self.within_memory(world)

    def cut_off(self, world, data):
        """True when the collector ended the connection; it may also not be there, or end itself."""
        try:
            sender = Sender(types.SimpleNamespace(state=self.folder(world)), world.reg.port)
        except OSError:
            return False
        try:
            sender.tls.settimeout(10)
            sender.tls.sendall(data)
            answer = sender.tls.recv(16)
        except TimeoutError:  # stopped meanwhile
            return False
        except OSError:
            return True
        finally:
            sender.close()
        check(answer == b"", f"a bomb was answered: {answer!r}")
        return True

    @staticmethod
    def within_memory(world):
        process = world.reg.collector
        try:
            peak = memory_mib(process.pid)[2]
        except (OSError, IndexError, ValueError):  # it ended
            return
        check(SANITIZED or peak < world.idle_mib + MEMORY_MIB,
              f"the collector took {peak:.0f} MiB, and {world.idle_mib:.0f} when idle")


FAULTS = [Bomb]

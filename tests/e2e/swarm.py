# SPDX-License-Identifier: EUPL-1.2
"""Many agents in one process (tests/peers/swarm), against a region's collector."""
import json
import os
import pathlib
import resource
import select
import subprocess
import tempfile

from lib import DEADLINE_S, check

FILES_EACH = 8  # descriptors of an agent: its connection, two lanes of its spool


class Swarm:
    """`count` agents, certified before the region's collector is started. Their spools are in memory
    where there is a place for that: on a disk, opening them would take most of the time."""

    def __init__(self, reg, count, tenant="mallila"):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        check(hard >= count * FILES_EACH + 100, f"{count} agents need {count * FILES_EACH} files, {hard} are allowed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))  # the collector's too
        self.reg, self.count, self.child = reg, count, None
        place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.spools = tempfile.TemporaryDirectory(prefix="vartio-swarm-", dir=place)  # pylint: disable=consider-using-with
        self.certs = pathlib.Path(reg.folder) / "swarm"
        self.certs.mkdir()
        reg.run([reg.build / "tests/peers/swarm_certs", reg.state, tenant, str(count), self.certs])

    def __enter__(self):
        self.child = subprocess.Popen(
            [self.reg.build / "tests/peers/swarm", str(self.count), self.certs, self.reg.state / "ca/ca.crt",
             self.spools.name, f"127.0.0.1:{self.reg.port}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.communicate()
        self.spools.cleanup()

    def ask(self, word):
        """Begins a command; answer() waits for its end."""
        self.child.stdin.write(word + "\n")
        self.child.stdin.flush()

    def answer(self, seconds=3 * DEADLINE_S):
        told = select.select([self.child.stdout], [], [], seconds)[0]
        check(told, f"the swarm has not answered for {seconds} s")
        line = self.child.stdout.readline()
        check(line, f"the swarm ended: {line}{self.child.stderr.read()[-2000:] if not line else ''}")
        return json.loads(line)

    def do(self, word):
        self.ask(word)
        return self.answer()

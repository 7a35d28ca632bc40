# SPDX-License-Identifier: EUPL-1.2
"""What happens to the log files that the agent follows. Nothing is deleted here that the agent has not
read (that is nobody's to save), but for that its moment is chosen by nobody."""
import signal
import time

from faults import Fault


class OfFiles(Fault):
    needs, locks = "files", ("files",)


class Storm(OfFiles):
    """Rotation by renaming, and compression at once, again and again."""
    name, weight = "rotation-storm", 5
    span_s = (0.0, 0.1)
    squeeze = True

    def begin(self, world, dice):
        files = dice.choice(world.files)
        for _ in range(dice.randrange(2, 6)):
            files.rotate(dice.choice(files.paths), self.squeeze)
            time.sleep(dice.uniform(0.1, 1.0))


class Rename(Storm):
    name, squeeze, weight = "rotation", False, 4


class UnseenStorm(OfFiles):
    """Rotations while the agent does not run: whole generations come and go that it never saw open."""
    name, locks, drops = "rotations-unseen", ("files", "agent"), True
    span_s = (0.0, 0.5)

    def begin(self, world, dice):
        files = dice.choice(world.files)
        path = dice.choice(files.paths)
        kind, turn = dice.choice([("renamed and compressed", lambda: files.rotate(path, True)),
                                  ("renamed", lambda: files.rotate(path, False)),
                                  ("copied and truncated", lambda: files.copy_truncate(path))])
        world.say(f"{path.name} is {kind} unseen")
        world.agent.process.child.send_signal(signal.SIGSTOP)
        for _ in range(dice.randrange(2, 5)):
            turn()
            time.sleep(dice.uniform(0.1, 0.5))

    def end(self, world, dice):
        world.agent.process.child.send_signal(signal.SIGCONT)


class CopyTruncate(OfFiles):
    """Copied and truncated between two lines, with lines in it that the agent may not have read: they
    are in the copy. (What a writer adds between copy and truncation no reader can save.)"""
    name = "copytruncate"
    span_s = (0.0, 0.1)

    def begin(self, world, dice):
        files = dice.choice(world.files)
        for _ in range(dice.randrange(1, 4)):
            files.copy_truncate(dice.choice(files.paths))
            time.sleep(dice.uniform(0.1, 1.0))


class Replace(OfFiles):
    """Saved by an editor: the same bytes under another inode."""
    name, weight = "replace-in-place", 2
    span_s = (0.0, 0.1)

    def begin(self, world, dice):
        files = dice.choice(world.files)
        files.replace(dice.choice(files.paths))


class InodeReuse(OfFiles):
    """A log that has been read is deleted while the agent is down, and a new one gets its inode."""
    name, locks, kills = "inode-reuse", ("files", "agent"), True
    span_s = (0.0, 0.1)

    def begin(self, world, dice):
        files = dice.choice(world.files)
        with files.lock:
            if not world.read_up(files):
                return
            world.kill_agent()
            for path in files.paths:
                world.say(f"inode-reuse: {'the same' if files.same_inode(path) else 'another'} inode")
        time.sleep(dice.uniform(0, 0.5))
        world.start_agent()


class FolderReplaced(OfFiles):
    """The log folder is moved away and made anew under the agent's eyes."""
    name, locks = "folder-replaced", ("files", "agent")
    span_s = (0.0, 0.1)

    def begin(self, world, dice):
        files = dice.choice(world.files)
        files.new_folder()
        with files.lock:  # the old ones must be read before anybody may kill the agent
            world.read_up(files)


class Burst(OfFiles):
    """A file grows faster than any line to the collector."""
    name, weight = "burst", 4
    span_s = (0.0, 0.1)

    def begin(self, world, dice):
        dice.choice(world.files).burst(dice.randrange(2000, 15000))


FAULTS = [Storm, Rename, UnseenStorm, CopyTruncate, Replace, InodeReuse, FolderReplaced, Burst]

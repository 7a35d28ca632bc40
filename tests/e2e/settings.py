#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Settings of inputs that change: what was read stays read, whatever the input is called now."""
import re
import signal

from lib import equal, main, region, wait_for

NUMBER = re.compile(r"\b(?:one|two) \d{4}\b")


class Logs:
    """Two logs with a number in each line, and what of them the queue has."""

    def __init__(self, reg):
        self.reg = reg
        self.paths = {name: reg.folder / f"{name}.log" for name in ("one", "two")}
        self.written = []
        for path in self.paths.values():
            path.touch()

    def write(self, name, count=5):
        with self.paths[name].open("a", encoding="utf-8") as f:
            for _ in range(count):
                self.written.append(f"{name} {len(self.written):04}")
                f.write(f"{self.written[-1]} was done\n")

    def found(self):
        texts = (r["event"].get("message", "") for r in self.reg.queue())
        return sorted(m.group(0) for m in map(NUMBER.search, texts) if m)

    def each_once(self, agent, what):
        wait_for(f"all lines, {what}", lambda: len(self.found()) >= len(self.written), pause=0.3)
        wait_for(f"an empty spool, {what}", agent.shipped)
        equal(self.found(), sorted(self.written), f"lines in the queue, {what}")


def told(agent, *patterns):
    """Each is one line of the log since the last stop or reload, and there are no others of this kind."""
    text = re.split(r"msg=(?:stopping|\"inputs reopened\").*\n(?=.)", agent.process.text())[-1]
    lines = [line for line in text.splitlines() if "goes on where the input" in line]
    equal(len(lines), len(patterns), f"lines on places: {lines}")
    for line, pattern in zip(sorted(lines), sorted(patterns)):
        equal(bool(re.search(pattern, line)), True, f"{line!r} says {pattern!r}")


def other_ids(build):
    """an input with another id goes on where it was, over a restart and a reload, and says so"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        logs = Logs(reg)
        one, two = (str(p) for p in logs.paths.values())
        agent = reg.agent(inputs=[{"type": "file", "paths": [one]}, {"type": "file", "paths": [two]}])
        for name in ("one", "two"):
            logs.write(name)
        agent.start()
        logs.each_once(agent, "at first")
        told(agent)
        agent.stop()
        # Without ids of their own, the second is the first now; and its log was rotated meanwhile.
        logs.write("two")
        logs.paths["two"].rename(f"{two}.1")
        logs.write("two")
        agent.write_conf([{"type": "file", "paths": [two]}])
        agent.start()
        logs.each_once(agent, "the first input is gone")
        told(agent, r"input=file .*the input file-2 had read, at [12] place")
        agent.stop()
        for name in ("one", "two"):
            logs.write(name)
        agent.write_conf([{"type": "file", "id": "all", "paths": [str(reg.folder / "*.log")],
                           "exclude": ["agent*", "collector*"]}])
        agent.start()
        logs.each_once(agent, "one for both, named")
        told(agent, r"input=all .*the input file had read, at [23] places")
        agent.write_conf([{"type": "file", "id": "whole", "paths": [one, two], "from": "end"}])
        agent.process.child.send_signal(signal.SIGHUP)
        wait_for("the reload", lambda: "input=whole" in agent.process.text())
        for name in ("one", "two"):
            logs.write(name)
        logs.each_once(agent, "reloaded")
        agent.stop()
        # Two that read one log each go on in it: nothing of what stood there comes again.
        both = [{"type": "file", "id": "a", "paths": [one]}, {"type": "file", "id": "b", "paths": [one, two]}]
        agent.write_conf(both)
        agent.start()
        told(agent, r"input=a .*the input whole had read, at 1 place;",
             r"input=b .*the input whole had read, at [23] places")
        logs.each_once(agent, "two of one log")
        # And so does one that is removed, while the other reads, and added again.
        for inputs in both[1:], both:
            reloads = agent.process.text().count("inputs reopened")
            agent.write_conf(inputs)
            agent.process.child.send_signal(signal.SIGHUP)
            wait_for("the reload", lambda n=reloads: agent.process.text().count("inputs reopened") > n)
        told(agent)
        logs.write("one")
        logs.written += logs.written[-5:] # each of the two reads it
        logs.each_once(agent, "removed and added again")


main(other_ids)

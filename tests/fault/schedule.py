# SPDX-License-Identifier: EUPL-1.2
"""One schedule: what is logged, and which faults happen when, all drawn from a seed.

  schedule.py BUILD SEED        draws it, prints it as one line of JSON, runs it
  schedule.py BUILD FILE.json   runs one that was printed: the same also when faults have been added

Runs for some seconds, heals everything, waits until all has arrived, and judges by tests/judge.py and by
what the sources wrote:
  files      each line is in the queue, once; permits.py knows what some faults may cost instead, and
             what must be told then
  datagrams  none twice. Where the agent was never killed: as many are missing as its counters tell, to
             the last one. Where it was killed: what is missing was sent around a kill, in one piece
  TCP        none twice. What is missing is the end of what went over a connection that the agent's end
             broke: it was in the socket, where nobody can be told that it was not taken
No event.id is there twice. Exit code 0 good, 1 lost or repeated something, 77 skipped.
"""
import json
import pathlib
import random
import sys
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "e2e")]

from faults import table  # noqa: E402  pylint: disable=wrong-import-position
from lib import Failed, Skip, region  # noqa: E402  pylint: disable=wrong-import-position
from world import World  # noqa: E402  pylint: disable=wrong-import-position

SECONDS = 8.0
MIB = 1 << 20
# What a plan is made for: files alone meet every fault; datagrams those under which it can be said how
# many must be missing.
AIMS = {"files": 6, "datagrams": 2, "datagrams-killed": 2}


def allowed(fault, aim, sources, disk):
    return not (aim == "datagrams" and fault.kills) and not (aim == "datagrams-killed" and fault.drops) and \
        not (fault.rereads and any(s["kind"] != "files" for s in sources)) and fault.disk in ("", disk)


def draw_sources(dice, aim):
    def files(name, count):
        return {"kind": "files", "name": name, "count": count, "pad": dice.choice([0, 20, 60]),
                "rate": dice.choice([200, 800, 2000])}
    made = [files("a", dice.choice([1, 1, 1, 3]))]
    if dice.random() < 0.25:
        made.append(files("many", 60))
    if aim != "files" or dice.random() < 0.3:
        made.append({"kind": "tcp", "name": "t", "pad": 20, "rate": 300})
    if aim != "files":
        kinds = dice.choice([["udp"], ["unix"], ["udp", "unix"]])
        made += [{"kind": k, "name": k, "pad": 20, "rate": dice.choice([100, 500]),
                  # 0: what the system gives; small ones overflow when the agent is stalled
                  "receive_buffer": dice.choice([0, 16384]) if aim == "datagrams" else 4 * MIB}
                 for k in kinds]
    return made


def draw(seed):
    """The plan of a seed."""
    dice = random.Random(seed)
    aim = dice.choices(list(AIMS), list(AIMS.values()))[0]
    plan = {"seed": seed, "aim": aim, "spool_bytes": dice.choice([4 * MIB, 64 * MIB, 64 * MIB]),
            "retry": dice.choice(["100ms", "1s"]), "sources": draw_sources(dice, aim), "faults": []}
    disk = dice.choices(["small", "shim"], [1, 3])[0]
    kinds = [f for _, f in sorted(table().items()) if allowed(f, aim, plan["sources"], disk)]
    taken = []
    for _ in range(dice.randrange(4, 11)):
        fault = dice.choices(kinds, [f.weight for f in kinds])[0]
        at, span = round(dice.uniform(0.3, SECONDS), 2), round(dice.uniform(*fault.span_s), 2)
        if any(set(fault.locks) & set(locks) and at < end + 0.2 and start < at + span + 0.2
               for locks, start, end in taken):
            continue
        taken.append((fault.locks, at, at + span))
        if fault.full_spool:
            plan["spool_bytes"], plan["sources"][0]["pad"] = 4 * MIB, 150
        plan["faults"].append({"at": at, "span": span, "name": fault.name})
    plan["faults"].sort(key=lambda f: f["at"])
    return plan


class Run(threading.Thread):
    """One fault of a plan, in its own time. A fault that takes longer than planned makes the next one
    with the same lock wait, no more."""

    def __init__(self, world, row, number):
        super().__init__(daemon=True)
        self.world, self.row = world, row
        self.fault = table()[row["name"]]()
        self.dice = random.Random(f"{world.plan['seed']} {number}")
        self.problem = None

    def run(self):
        world, row = self.world, self.row
        time.sleep(max(0.0, world.begun + row["at"] - time.monotonic()))
        held = [world.locks[name] for name in sorted(self.fault.locks)]
        for lock in held:
            lock.acquire()
        try:
            world.say(f"{row['name']} begins")
            self.fault.begin(world, self.dice)
            time.sleep(row["span"])
            self.fault.end(world, self.dice)
            world.say(f"{row['name']} is over")
        except Exception as why:  # pylint: disable=broad-except
            self.problem = f"{row['name']}: {why if isinstance(why, Failed) else traceback.format_exc()}"
            world.say(self.problem)
        finally:
            for lock in reversed(held):
                lock.release()


def some(numbers):
    numbers = sorted(numbers)
    return f"{numbers[:8]}{f' and {len(numbers) - 8} more' if len(numbers) > 8 else ''}"


def judge_stream(source, seen):
    """Missing lines stand at the end of a connection that broke."""
    for link in source.sent:
        numbers = range(link["from"], link["whole"])
        there = [n for n in numbers if seen[source.name_, n]]
        behind = max(there, default=link["from"] - 1) + 1
        gaps = [n for n in range(link["from"], behind) if not seen[source.name_, n]]
        if gaps:
            yield f"{source.name_}: {some(gaps)} are missing inside a connection {link}"
        if behind < link["whole"] and not link["broken"]:
            yield f"{source.name_}: {link['whole'] - behind} missing at the end of a sound connection"


def judge_killed(world, source, seen):
    """What is missing was sent around an end of the agent."""
    marks = [life[source.name_] for life in world.lives]
    around = [(marks[k], marks[k + 1]) for k in range(1, len(marks) - 1, 2)]  # (at an end, at the start)
    missing = [k for k, n in enumerate(source.sent) if not seen[source.name_, n]]
    runs = []
    for k in missing:
        if runs and runs[-1][1] == k:
            runs[-1][1] = k + 1
        else:
            runs.append([k, k + 1])
    for start, end in runs:
        if not any(start <= up and end >= down for down, up in around):
            yield f"{source.name_}: {end - start} sent from {source.sent[start]} on are missing, but " \
                  f"the agent ran then ({around})"


def judge(world, found):
    """All that is wrong, as lines."""
    seen = found.seen
    permits = world.permits
    for s in world.sources:
        twice = [n for (name, n), count in seen.items()
                 if name == s.name_ and count > 1 + permits.twice[name, n]]
        if twice:
            yield f"{s.name_}: {len(twice)} of {s.written} twice: {some(twice)}: " \
                  f"{[found.places[s.name_, n] for n in (min(twice), max(twice))]}"
        if s.problem:
            yield s.problem
    again = [i for i, count in found.ids.items() if count > 1]
    if again:
        yield f"{len(again)} event ids twice: {again[:3]}"
    for s in world.files:
        lost = [n for n in range(s.written) if not seen[s.name_, n] and (s.name_, n) not in permits.lost]
        if lost:
            yield f"{s.name_}: {len(lost)} of {s.written} lost: {some(lost)}: " \
                  f"{[found.places.get((s.name_, n)) for n in (min(lost) - 1, max(lost) + 1)]}"
    yield from permits.judge(found, world.files, world.alerts)
    for s in world.streams:
        yield from judge_stream(s, seen)
    missing = {s.name_: [n for n in s.sent if not seen[s.name_, n]] for s in world.datagrams}
    if world.plan["aim"] == "datagrams-killed":
        for s in world.datagrams:
            yield from judge_killed(world, s, seen)
    elif world.datagrams:
        lost = sum(map(len, missing.values())) + world.starts - found.own
        if lost != world.counted:
            yield f"{lost} datagrams and events of the agent's own are missing, but its counters tell " \
                  f"{world.counted}: {[(n, some(m)) for n, m in missing.items()]}"
    world.say("; ".join([f"{s.name_}: {s.written} written" for s in world.sources] +
                        [f"{n}: {len(m)} not there" for n, m in missing.items()] +
                        [f"counted as dropped: {world.counted}"] +
                        [f"{what}: {n} as permitted" for what, n in permits.taken(found, world.files).items()]))


def run(build, plan):
    """Complaints; none: good."""
    with region(build) as reg:
        kinds = [table()[row["name"]]() for row in plan["faults"]]
        by_name = {f.name: f for f in kinds}
        world = World(reg, plan, list(by_name.values()))
        try:
            world.start_all()
            world.begun = time.monotonic()
            for s in world.sources:
                s.start()
            runs = [Run(world, row, k) for k, row in enumerate(plan["faults"])]
            for one in runs:
                one.start()
            time.sleep(SECONDS)
            for one in runs:
                one.join(180)
            world.heal()
            world.say("healed")
            found = world.finish()
            wrong = [one.problem for one in runs if one.problem] + list(judge(world, found))
            if wrong:
                raise Failed("\n".join(wrong))  # region() then shows the daemons' logs
        finally:
            world.close()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    build, what = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    plan = draw(int(what)) if what.isdigit() else json.loads(pathlib.Path(what).read_text(encoding="utf-8"))
    print(f"# seed {plan['seed']}")
    print(f"# plan {json.dumps(plan)}", flush=True)
    try:
        run(build, plan)
    except Skip as why:
        print(f"# SKIP {why}")
        sys.exit(77)
    except Exception as why:  # pylint: disable=broad-except
        for line in (str(why) if isinstance(why, Failed) else traceback.format_exc()).splitlines():
            print(f"# WRONG {line}")
        sys.exit(1)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: EUPL-1.2
"""What the faults of a schedule may cost, by docs/guarantees.md, and what must be told of it. Where no
fault said more, it is nothing: none lost, none twice, no alert."""
import collections

WENT_BACK, DAMAGED, SET_ASIDE = "agent-went-back", "spool-damaged", "block-quarantined"


class Permits:
    def __init__(self):
        self.twice = collections.Counter()  # (source, number) -> how often more than once it may be there
        self.repeated = set()               # those of them for which it must be told
        self.lost = set()                   # (source, number) that may be missing
        self.told_for = {}                  # alert -> those of them of which it must tell
        self.may_tell = set()               # alerts that may be there
        self.damage = set()                 # "FILE: damaged at byte N" of the queue, as the judge tells it
        self.counted = 0                    # events that the agent counted as lost to damage

    def may_lose(self, numbers, alert=None):
        self.lost |= set(numbers)
        if alert:
            self.told_for.setdefault(alert, set()).update(numbers)
            self.may_tell.add(alert)

    def may_repeat(self, numbers):
        """For an older state that was put back: where it did, it must be told."""
        self.twice.update(numbers)
        self.repeated |= set(numbers)
        self.may_tell.add(WENT_BACK)

    def unexpected(self, faults):
        return [f for f in faults if not any(f.endswith(d) for d in self.damage)]

    @staticmethod
    def missing(found, files):
        return {(s.name_, n) for s in files for n in range(s.written)} - set(found.seen)

    @staticmethod
    def went_back(found):
        """Two epochs have the number of one start: the later one went on from an older state."""
        return any(count > 1 for epochs in found.epochs.values()
                   for count in collections.Counter(e >> 40 for e in epochs).values())

    def needed(self, found, files):
        """The alerts that there must be."""
        missing = self.missing(found, files)
        alerts = {alert for alert, numbers in self.told_for.items() if numbers & missing}
        back = self.went_back(found) or any(found.seen[n] > 1 for n in self.repeated)
        return alerts | ({WENT_BACK} if back else set())

    def taken(self, found, files):
        """How much of what is permitted came to pass, for who reads the run."""
        twice = sum(count > 1 for count in found.seen.values())
        return {what: n for what, n in (("lost", len(self.missing(found, files))), ("twice", twice)) if n}

    def judge(self, found, files, alerts):
        """What was told and counted, as lines of complaint."""
        if alerts - self.may_tell:
            yield f"alerts that nothing gave cause for: {sorted(alerts - self.may_tell)}"
        if self.needed(found, files) - alerts:
            yield f"nobody was told: {sorted(self.needed(found, files) - alerts)}"
        gone = self.missing(found, files) & self.told_for.get(DAMAGED, set())
        if len(gone) > self.counted:
            yield f"{len(gone)} events are lost to damage of the spool, and {self.counted} were counted"

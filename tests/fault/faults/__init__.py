# SPDX-License-Identifier: EUPL-1.2
"""What can go wrong. Each module of this folder has a list FAULTS; a new fault is a class and its row
there, and a schedule may draw it from then on.

A fault holds its `locks` while it lasts, so that two of them never work on one thing at once; what has
no lock in common overlaps freely. Times and sizes it draws from `dice`, so that a schedule's seed says
all there is to say.
"""
import importlib
import pkgutil


class Fault:
    name = ""
    locks = ()        # of "agent", "collector", "link", "files", "spool-disk", "queue-disk", ...
    needs = None      # the kind of source without which it means nothing: "files"
    kills = False     # the agent may die with datagrams in its memory
    drops = False     # datagrams may be dropped, and must be counted then
    rereads = False   # costs or repeats events that only who can read again can tell: files alone
    disk = ""         # "small": mounts one; "shim": the daemons run on shim.py's. Never both in a plan
    full_spool = False  # the spool is to reach its bound: it is a small one
    span_s = (0.3, 2.5)
    weight = 3        # how often it is drawn, against the others

    def prepare(self, world):
        """Before the daemons start."""

    def begin(self, world, dice):
        """What happens."""

    def end(self, world, dice):
        """After its span: it is over. What one does at a moment has nothing here."""

    def clean(self, world):
        """When the daemons have ended, also after a failure: what prepare made is taken away."""


def table():
    """name -> class, of all modules, in order of their names."""
    found = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        for fault in importlib.import_module(f"{__name__}.{module}").FAULTS:
            assert fault.name and fault.name not in found, fault
            found[fault.name] = fault
    return found

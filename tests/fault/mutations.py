#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# sanitize: false (the same is broken in the plain programs)
"""Each promise is broken on purpose, and its test must turn red. A row names the text that is replaced,
which must stand exactly once in its file: who changes that code changes the row. The programs are built
in a copy of the tree, so that only what a row changes is compiled. The faults of schedules are proven in
the same way, each by a plan that is made of it alone: with --long (VARTIO_LONG does the same), or by name. Of a clock
that is years off (clock-agent-far, clock-collector-far) a plan can only see whether all arrives: what
would be forgotten is an epoch of which nothing came since, and that it is not show clock.py and
tests/collector/test_keys.c.
  mutations.py BUILD [--long] [NAME...]"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import disk
import schedule
from faultlib import SOURCE, Failed, check

ROWS = (
    {"name": "spool-sync", "case": disk.idle_agent, "red": r"[1-9]\d* (lost|twice)",
     "what": "one fdatasync of the spool is left out",
     "changes": [("common/store/segment.c",
                  "\tif (fdatasync(lg->cur.fd) < 0) {\n\t\tlg->broken = true;",
                  "\tif (memcmp(lg->magic, \"VTSPOOL\", 7) != 0 && fdatasync(lg->cur.fd) < 0) {\n"
                  "\t\tlg->broken = true;")]},
    {"name": "queue-sync", "case": disk.cut_after_ack, "red": r"[1-9]\d* lost",
     "what": "one fdatasync of the queue is left out",
     "changes": [("common/store/segment.c",
                  "\tif (fdatasync(lg->cur.fd) < 0) {\n\t\tlg->broken = true;",
                  "\tif (memcmp(lg->magic, \"VTQUEUE\", 7) != 0 && fdatasync(lg->cur.fd) < 0) {\n"
                  "\t\tlg->broken = true;")]},
    {"name": "de-duplication", "case": disk.idle_agent, "red": r"[1-9]\d* twice",
     "what": "the queue does not ask whether it has a block",
     "changes": [("collector/queue/queue.c", "\tif (known == KEYS_HELD || known == KEYS_OLD) {",
                  "\tif (it->blk.number == 0) {")]},
    {"name": "checkpoint", "case": disk.idle_agent, "red": r"[1-9]\d* twice",
     "what": "blocks are stored without the inputs' checkpoints",
     "changes": [("agent/spool/block.c", "\tcheckpoints_encode(&b->checkpoints, &marks);\n",
                  "\tif (b->events == 0)\n\t\tcheckpoints_encode(&b->checkpoints, &marks);\n")]},
    {"name": "early-answer", "case": disk.cut_after_ack, "red": r"[1-9]\d* lost",
     "what": "the collector acknowledges before the sync",
     "changes": [("collector/queue/queue.c", "\tappend(q, batch, it);\n",
                  "\tappend(q, batch, it);\n\tif (it->appended)\n"
                  "\t\tit->done(it->arg, QUEUE_STORED, NULL);\n"),
                 ("collector/queue/queue.c", "\t\tit->done(it->arg, it->res, err);",
                  "\t\tif (it->res != QUEUE_STORED)\n\t\t\tit->done(it->arg, it->res, err);")]},
)


def only(fault, *others, times=3, span=1.0, spool_mib=64, rate=800):
    """A case: the fault again and again, with the others in between."""
    names = [fault, *others]
    plan = {"seed": 7, "aim": "files", "spool_bytes": spool_mib << 20, "retry": "100ms",
            "sources": [{"kind": "files", "name": "a", "count": 1, "pad": 20, "rate": rate}],
            "faults": [{"at": 0.8 + 2.4 * k, "span": span, "name": names[k % len(names)]}
                       for k in range(times * len(names))]}

    def case(build):
        schedule.run(build, plan)
    case.__name__ = f"a plan of {', '.join(names)}"
    return case


PLANS = (
    {"name": "spool-lost", "case": only("spool-lost"), "red": "alerts|nobody was told",
     # Both tell, and once an hour is told: what came first.
     "what": "the collector asks neither what an agent's spool held before nor which start it is",
     "changes": [("collector/report/told.c", 'field(ix, "vartio.agent.before"), "none")',
                  'field(ix, "vartio.agent.before"), "all")'),
                 ("collector/queue/queue.c", "it->forked = known == KEYS_NEW && ",
                  "it->forked = known == KEYS_HELD && ")]},
    {"name": "agent-restored", "case": only("agent-restored"), "red": "alerts|nobody was told",
     "what": "the epoch does not count the starts",
     "changes": [("agent/spool/spool.c", "\tif (a->found_blocks || b->found_blocks || spool_was_empty(sp))\n",
                  "\tif (start == UINT64_MAX)\n")]},
    {"name": "machine-restored", "case": only("machine-restored"), "red": r"\d+ (lost|twice)|alerts",
     "what": "the epoch is nothing but the count of the starts",
     "changes": [("agent/spool/spool.c", "(64 - SPOOL_START_BITS) | sp->epoch >> SPOOL_START_BITS;",
                  "(64 - SPOOL_START_BITS);")]},
    {"name": "link-away-until-full", "case": only("link-away-until-full", times=1, spool_mib=4),
     "red": r"\d+ of \d+ lost",
     "what": "a record that the spool has no room for is passed over",
     "changes": [("agent/pipe.c", "\treturn err->code == ERR_FULL || err->code == ERR_NOMEM;",
                  "\treturn err->code == ERR_NOMEM;")]},
    {"name": "spool-torn", "case": only("spool-torn"), "red": "acknowledged|lost|twice|damaged",
     "what": "a record is believed without its checksum",
     "changes": [("common/store/segfile.c",
                  "\tif ((size_t)n < len || crc32c(record_crc(f, h), p, len) != le32_get(h + 4))",
                  "\tif ((size_t)n < len)")]},
    {"name": "eio-queue", "case": only("eio-queue", times=4), "red": r"\d+ lost|is damaged",
     "what": "the queue believes a sync that failed",
     "changes": [("common/store/segment.c", "\tif (fdatasync(lg->cur.fd) < 0) {\n\t\tlg->broken = true;",
                  "\tif (fdatasync(lg->cur.fd) < 0 && memcmp(lg->magic, \"VTQUEUE\", 7) != 0) {\n"
                  "\t\tlg->broken = true;")]},
)
PROGRAMS = ("agent/vartio-agent", "collector/vartio-collector")


def copy_tree(build, folder):
    """The sources and the two programs' objects with their times, so that ninja finds nothing to do."""
    relative = build.relative_to(SOURCE)

    def ignore(path, names):
        at = pathlib.Path(path)
        if at == SOURCE:
            return [n for n in names if n == ".git" or n.startswith("build") and n != relative.parts[0]]
        return ["tests", "meson-logs"] if at == build else []
    shutil.copytree(SOURCE, folder, ignore=ignore, symlinks=True, dirs_exist_ok=True)
    made = folder / relative
    (made / "tests/fault").mkdir(parents=True)
    shutil.copy2(build / "tests/fault/vartio_shim.so", made / "tests/fault")
    compile_programs(made)
    return made


def compile_programs(build):
    done = subprocess.run(["ninja", "-C", str(build), *PROGRAMS], capture_output=True, text=True,
                          check=False, timeout=600)
    check(done.returncode == 0, f"it does not compile:\n{done.stdout[-3000:]}")


def mutate(tree, build, row):
    """Applies the row and builds; returns what undoes it."""
    before = {}
    for name, old, new in row["changes"]:
        path = tree / name
        text = path.read_text(encoding="utf-8")
        before.setdefault(path, text)
        check(text.count(old) == 1, f"{name} holds {text.count(old)} times, not once:\n{old}")
        path.write_text(text.replace(old, new), encoding="utf-8")
    compile_programs(build)
    return before


def run(tree, build, row):
    before = mutate(tree, build, row)
    try:
        row["case"](build)
    except Failed as why:
        check(re.search(row["red"], str(why)), f"red for another reason: {why}")
        print(f"# red, as it should be: {str(why).splitlines()[0][:200]}")
        return
    finally:
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")
    raise Failed(f"{row['case'].__name__} stays green")


def main():
    build, names = pathlib.Path(sys.argv[1]).resolve(), [n for n in sys.argv[2:] if n != "--long"]
    long = "--long" in sys.argv or os.environ.get("VARTIO_LONG")
    rows = [r for r in ROWS + PLANS if r["name"] in names] if names else ROWS + (PLANS if long else ())
    bad = 0
    print(f"1..{len(rows)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="vartio-mutations-") as folder:
        tree = pathlib.Path(folder) / "tree"
        made = copy_tree(build, tree)
        for number, row in enumerate(rows, 1):
            title = f"{row['name']}: {row['what']}: {row['case'].__name__} turns red"
            try:
                run(tree, made, row)
                print(f"ok {number} - {title}", flush=True)
            except Failed as why:
                bad += 1
                for line in str(why).splitlines():
                    print(f"# {line}")
                print(f"not ok {number} - {title}", flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()

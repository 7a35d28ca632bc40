#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""sigma.py BUILD-FOLDER: SigmaHQ's rules on recorded Windows events, against the matches that
independent engines agree on. The same events take two paths: as XML through `vartio-agent normalise`,
and as JSON in Winlogbeat's names. Prints TAP, and precision and recall. The corpus is not ours to
ship: it is found through VARTIO_CORPUS."""
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True
import sigmahq  # noqa: E402
from tap import plan, skip, tap  # noqa: E402

PRECISION, RECALL = 1.0, 1.0  # what must hold
# Pairs that are expected, and rightly not found, or the other way round: (event, rule) -> why.
EXPLAINED = {}


def as_json(base, _build, out):
    """-> the ids of the events, in order; the events as JSON into out"""
    ids = []
    for event in sigmahq.events(base):
        ids.append(str(event["id"]))
        out.write(json.dumps(sigmahq.winlog(event)).encode() + b"\n")
    return ids


def as_xml(base, build, out):
    """The same through the agent's normaliser, one event a line."""
    with tempfile.TemporaryFile() as xml:
        ids = []
        for line in gzip.open(base / "events_open.xml.gz", "rb"):
            name, event = line.split(b"\t", 1)
            ids.append(name.decode())
            xml.write(event)
        xml.seek(0)
        subprocess.run([build / "agent" / "vartio-agent", "normalise"], stdin=xml, stdout=out,
                       check=True, timeout=300)
    out.seek(0)
    events = [json.loads(line) for line in out]
    tap(len(events) == len(ids), f"normalise gives one object for each of {len(ids)} events",
        [f"{len(events)} objects"])
    bad = [f"event {i}: {e['event']['kind']} {e.get('error')}" for i, e in zip(ids, events)
           if e["event"]["kind"] != "event"]
    tap(not bad, "and each of them is read", bad)
    return ids


def detect(base, build, write):
    """-> the pairs of event and rule that are found, or None where detect failed"""
    with tempfile.NamedTemporaryFile(suffix=".ndjson") as events:
        ids = write(base, build, events)
        events.flush()
        done = subprocess.run([build / "collector" / "vartio-collector", "detect", "--rules",
                               str(base / "rules"), "--stats", events.name],
                              stdout=subprocess.PIPE, check=False, timeout=300)
    found = set()
    for line in done.stdout.splitlines():
        match = json.loads(line)
        found.add((ids[match["line"] - 1], match["rule"]))
    return found if done.returncode == 0 else None


def judge(path, found, expected, disputed):
    missing, extra = expected - found - EXPLAINED.keys(), found - expected - EXPLAINED.keys()
    hits = len(found & expected)
    precision, recall = hits / max(1, len(found)), hits / len(expected)
    tap(precision >= PRECISION, f"{path}: precision {precision:.4f}, {len(extra)} too many of "
        f"{len(found)}", (f"extra: event {e}, rule {r}" for e, r in sorted(extra)))
    tap(recall >= RECALL, f"{path}: recall {recall:.4f}, {len(missing)} missing of {len(expected)}",
        (f"missing: event {e}, rule {r}" for e, r in sorted(missing)))
    wrong = [pair for pair, ref in disputed.items()
             if (pair in found) != ref and pair not in EXPLAINED]
    tap(bool(disputed) and not wrong, f"{path}: all {len(disputed)} disputed pairs as the reference "
        "has them", (f"event {e}, rule {r}" for e, r in sorted(wrong)))


def main(build):
    build = pathlib.Path(build).resolve()
    corpus = os.environ.get("VARTIO_CORPUS")
    if not corpus:
        skip("sigma", "VARTIO_CORPUS is not set: no recorded Windows events")
        plan()
        return
    base = pathlib.Path(corpus) / "sigma"
    compared, expected = sigmahq.compared(base), sigmahq.expected(base)
    disputed = {(row[0], row[1]): row[2] == "1" for row in sigmahq.table(base / "disputed_open.tsv")}
    for path, write in (("JSON", as_json), ("XML", as_xml)):
        found = detect(base, build, write)
        tap(found is not None, f"{path}: detect reads all events")
        found = {pair for pair in found or () if pair[1] in compared}
        judge(path, found, expected, disputed)
    plan()


main(*sys.argv[1:])

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""sigma.py BUILD-FOLDER: SigmaHQ's rules on recorded Windows events, against the matches that
independent engines agree on. Prints TAP, and precision and recall. The corpus is not ours to ship: it
is found through VARTIO_CORPUS. Events are given as Winlogbeat names them (winlog.*)."""
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

PRECISION, RECALL = 1.0, 1.0  # what must hold
NAMES = {"Channel": "channel", "EventID": "event_id", "Provider_Name": "provider_name",
         "Computer": "computer_name", "EventRecordID": "record_id", "Level": "level", "Task": "task",
         "Opcode": "opcode", "Keywords": "keywords", "Version": "version",
         "Provider_Guid": "provider_guid", "Correlation_ActivityID": "activity_id"}
# Pairs that are expected, and rightly not found, or the other way round: (event, rule) -> why.
EXPLAINED = {}


def winlog(event):
    out = {NAMES[k]: v for k, v in event["System"].items() if k in NAMES}
    data = event["EventData"]
    out["event_data"] = {k.replace(" ", ""): v for k, v in data.items()} \
        if isinstance(data, dict) else {"Data": data}
    return {"@timestamp": event["System"]["TimeCreated_SystemTime"], "winlog": out}


def windows_rules(folder):
    for path in folder.rglob("*.yml"):
        lines = path.read_text(encoding="utf-8").splitlines()
        at = lines.index("logsource:") + 1
        while at < len(lines) and lines[at].startswith(" "):
            if lines[at].split("#")[0].split() == ["product:", "windows"]:
                yield next(line for line in lines if line.startswith("id:")).split()[1]
            at += 1


def table(path):
    return [line.split("\t") for line in path.read_text().splitlines()[1:]]


def main(build):
    program = pathlib.Path(build) / "collector" / "vartio-collector"
    corpus = os.environ.get("VARTIO_CORPUS")
    if not corpus:
        print("1..1\nok 1 - sigma # SKIP VARTIO_CORPUS is not set: no recorded Windows events")
        return 0
    base = pathlib.Path(corpus) / "sigma"
    ids = []
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as events:
        for line in gzip.open(base / "events_open.jsonl.gz", "rt"):
            event = json.loads(line)
            ids.append(str(event["id"]))
            events.write(json.dumps(winlog(event)) + "\n")
        events.flush()
        done = subprocess.run([program, "detect", "--rules", str(base / "rules"), "--stats",
                               events.name], stdout=subprocess.PIPE, check=False)
    compared = set(windows_rules(base / "rules"))
    left_out = {row[0] for row in table(base / "not_evaluated.tsv")}
    found = set()
    for line in done.stdout.splitlines():
        match = json.loads(line)
        found.add((ids[match["line"] - 1], match["rule"]))
    found = {pair for pair in found if pair[1] in compared and pair[1] not in left_out}
    expected = {(row[0], row[1]) for row in table(base / "expected_open.tsv")}
    missing, extra = expected - found - EXPLAINED.keys(), found - expected - EXPLAINED.keys()
    hits = len(found & expected)
    precision, recall = hits / max(1, len(found)), hits / len(expected)
    for name, pairs in (("missing", missing), ("extra", extra)):
        for event, rule in sorted(pairs)[:40]:
            print(f"# {name}: event {event}, rule {rule}")
    print("1..3")
    print(f"{'ok' if done.returncode == 0 else 'not ok'} 1 - detect reads all events")
    print(f"{'ok' if precision >= PRECISION else 'not ok'} 2 - precision {precision:.4f}, "
          f"{len(extra)} too many of {len(found)}")
    print(f"{'ok' if recall >= RECALL else 'not ok'} 3 - recall {recall:.4f}, "
          f"{len(missing)} missing of {len(expected)}")
    return 0 if done.returncode == 0 and precision >= PRECISION and recall >= RECALL else 1


sys.exit(main(*sys.argv[1:]))

# SPDX-License-Identifier: EUPL-1.2
"""Recorded Windows events and SigmaHQ's rules, from the folder `sigma` of VARTIO_CORPUS (its README
says what they are). They are not ours to ship, so they are found, never kept here."""
import gzip
import json

# What Windows calls the parts of System, and what Winlogbeat calls them.
NAMES = {"Channel": "channel", "EventID": "event_id", "Provider_Name": "provider_name",
         "Computer": "computer_name", "EventRecordID": "record_id", "Level": "level", "Task": "task",
         "Opcode": "opcode", "Keywords": "keywords", "Version": "version",
         "Provider_Guid": "provider_guid", "Correlation_ActivityID": "activity_id"}


def events(base):
    """Each recorded event: id, System, EventData."""
    with gzip.open(base / "events_open.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def winlog(event):
    """The event as Winlogbeat sends it."""
    out = {NAMES[k]: v for k, v in event["System"].items() if k in NAMES}
    data = event["EventData"]
    out["event_data"] = {k.replace(" ", ""): v for k, v in data.items()} \
        if isinstance(data, dict) else {"Data": data}
    return {"@timestamp": event["System"]["TimeCreated_SystemTime"], "winlog": out}


def windows_rules(folder):
    """The files of the rules for Windows, each with the rule's id."""
    for path in sorted(folder.rglob("*.yml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        at = lines.index("logsource:") + 1
        while at < len(lines) and lines[at].startswith(" "):
            if lines[at].split("#")[0].split() == ["product:", "windows"]:
                yield path, next(line for line in lines if line.startswith("id:")).split()[1]
            at += 1


def table(path):
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def expected(base):
    """The pairs of event and rule that must be found."""
    return {(row[0], row[1]) for row in table(base / "expected_open.tsv")}


def compared(base):
    """The ids of the rules that the expected pairs speak of."""
    return {rule for _, rule in windows_rules(base / "rules")} - \
        {row[0] for row in table(base / "not_evaluated.tsv")}

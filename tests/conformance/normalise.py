#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Normalisation against other people's data: recorded lines with the fields, or the verdicts, that
their own projects expect. Runs `vartio-agent normalise`; prints a table as comments, and TAP.

docs/fields.md is always checked against the field list and the parsers' tables; the rest needs the
corpus folder that VARTIO_CORPUS names. A row that we read differently on purpose is named in
DIFFERENT, with the reason.
"""
import datetime
import ipaddress
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True
from tap import plan, skip, tap  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1]).resolve()
CORPUS = os.environ.get("VARTIO_CORPUS")
DIFFERENT = {
    # sshd writes nothing behind "ssh2" for passwords, so this user is called
    # "test from 127.0.0.1 port 58946 ssh2:", and reading it otherwise would let anybody frame anyone.
    "Failed password for invalid user test from 127.0.0.1 port 58946 ssh2: from 10.10.1.2 port "
    "55555 ssh2",
}


def normalise(lines, *options):
    """One event for each line. Line breaks inside a record cannot pass through a file of lines."""
    data = "".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape")
    done = subprocess.run([BUILD / "agent" / "vartio-agent", "normalise", *options], input=data,
                          stdout=subprocess.PIPE, check=True, timeout=120)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    if len(events) != len(lines):
        raise SystemExit(f"{len(lines)} lines gave {len(events)} events")
    return events


def get(event, path):
    for part in path.split("."):
        if not isinstance(event, dict) or part not in event:
            return None
        event = event[part]
    return event


def score(title, rows, at_least=1.0):
    """rows: (name, None or what differs)."""
    wrong = [f"{name}: {what}" for name, what in rows if what]
    share = 1 - len(wrong) / len(rows) if rows else 0
    print(f"# {title:44} {len(rows) - len(wrong):5} of {len(rows):5}  {100 * share:5.1f} %")
    tap(bool(rows) and share >= at_least, f"{title}: {100 * at_least:g} % or more of the rows",
        "\n".join(wrong))


def differs(event, wanted):
    bad = [f"{path} is {get(event, path)!r}, not {value!r}" for path, value in wanted.items()
           if get(event, path) != value]
    return "; ".join(bad)


def unix(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def docs():
    text = (ROOT / "docs" / "fields.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`([^`]+)`", text))
    listed |= {word for item in listed for word in item.split()}
    groups = {item[:-1] for item in listed if item.endswith(".*")}
    fields = re.findall(r'X\(ECS_\w+, "([^"]+)"\)',
                        (ROOT / "common/event/ecs.h").read_text(encoding="utf-8"))
    missing = [f for f in fields if f not in listed and not any(f.startswith(g) for g in groups)]
    tap(fields and not missing, "docs/fields.md names every field of ecs.h", "\n".join(missing))
    tap(fields == sorted(fields, key=lambda f: f.encode()), "ecs.h is sorted bytewise")
    source = "".join(p.read_text(encoding="utf-8")
                     for p in (ROOT / "common/normalise").glob("*.c"))
    actions = set(re.findall(r'\.action = "([^"]+)"', source))
    actions |= set(re.findall(r'"((?:ssh|sudo|su|vpn|unit|netfilter)[-_][a-z_-]+|'
                              r'(?:added|deleted|changed|removed|locked|unlocked)-[a-z-]+)"', source))
    missing = sorted(actions - listed)
    tap(len(actions) > 30 and not missing, "docs/fields.md names every event.action",
        "\n".join(missing))
    told = {(number, action) for action, numbers in re.findall(
        r"^\| `([^`]+)`[^|]*\| ([0-9 ]+) \|", text, re.M) for number in numbers.split()}
    mapped = set(re.findall(r'^\t\{ (\d+), "([^"]+)", ', source, re.M))
    tap(len(mapped) > 250 and told == mapped, "docs/fields.md names every Windows event id",
        "\n".join(map(str, sorted(told ^ mapped))))


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def rfc5424(folder):
    cases, out = [r for r in rows(folder / "rfc5424-go-syslog.jsonl") if r["valid"]], []
    cases = [r for r in cases if "\n" not in r["input"]]
    for row, event in zip(cases, normalise([r["input"] for r in cases], "--format", "syslog")):
        want = row["expected"]
        wanted = {
            "log.syslog.priority": want["pri"], "log.syslog.version": str(want["version"]),
            "log.syslog.hostname": want.get("hostname"), "log.syslog.appname": want.get("appname"),
            "log.syslog.procid": want.get("procid"), "log.syslog.msgid": want.get("msgid"),
            "message": want.get("message"), "event.kind": "event",
        }
        bad = differs(event, wanted)
        if "timestamp" in want and unix(want["timestamp"]) != unix(event["@timestamp"]):
            bad += f" @timestamp is {event['@timestamp']}"
        sd = get(event, "log.syslog.structured_data") or {}
        for element, params in (want.get("structured_data") or {}).items():
            for name, value in (params or {}).items():
                if get(sd, f"{element}.{name}") != value:
                    bad += f" {element}.{name} is {get(sd, f'{element}.{name}')!r}, not {value!r}"
        out.append((row["input"][:70], bad))
    score("RFC 5424, go-syslog", out)


def rfc5424_bad(folder):
    cases = [r for r in rows(folder / "rfc5424-go-syslog.jsonl")
             if not r["valid"] and r["input"].strip() and "\n" not in r["input"]]
    events = normalise([r["input"] for r in cases], "--format", "syslog")
    score("RFC 5424, not valid: kept, never lost", [
        (r["input"][:70], None if e.get("message") or e.get("host") else "nothing was kept")
        for r, e in zip(cases, events)])


def rfc3164(folder):
    cases, out = [r for r in rows(folder / "rfc3164-go-syslog.jsonl") if r["valid"]], []
    for row, event in zip(cases, normalise([r["input"] for r in cases], "--zone", "UTC")):
        want = row["expected"]
        bad = differs(event, {
            "log.syslog.priority": want["pri"], "host.name": want.get("hostname"),
            "process.name": want.get("appname"), "log.syslog.procid": want.get("procid"),
            "message": want["message"]})
        month, day, clock = want["timestamp"].split()
        got = datetime.datetime.fromisoformat(event["@timestamp"].replace("Z", "+00:00"))
        if got.strftime("%b %d %H:%M:%S") != f"{month} {int(day):02} {clock}":
            bad += f" @timestamp is {event['@timestamp']}"
        out.append((row["input"][:70], bad))
    score("RFC 3164, go-syslog", out)


def syslog_ng(folder):
    """Its rows with a host; where its options name a host that is one of its programs, it is not
    to be told from the line, and a line that it refuses is ours to keep."""
    out = []
    cases = [r for r in rows(folder / "syslog-ng-msgparse.jsonl")
             if r["expected"].get("host") and r["expected"].get("program") != "syslog-ng"]
    for row, event in zip(cases, normalise([r["input"] for r in cases], "--zone", "UTC")):
        want = row["expected"]
        bad = differs(event, {
            "log.syslog.priority": want["pri"], "host.name": want["host"],
            "process.name": want["program"], "message": want["msg"],
            "log.syslog.procid": want.get("pid") or get(event, "log.syslog.procid")})
        stamp = int(want["stamp_sec"])
        if stamp > 1 and row["input"][4:].lstrip(">").startswith(("1 ", "2")) \
                and int(unix(event["@timestamp"])) != stamp:
            bad += f" @timestamp is {event['@timestamp']}"
        for name, value in want.get("sdata_pairs") or []:
            got = get(event, "log.syslog.structured_data." + name.removeprefix(".SDATA."))
            # syslog-ng cuts a value at 256 bytes; we do not.
            if name.count(".") == 3 and got[:len(value)] != value:
                bad += f" {name} is {got!r}"
        out.append((row["input"][:70], bad))
    score("both, syslog-ng", out)


SSH_FAILURES = {"ssh_login", "ssh_max_attempts", "ssh_preauth_disconnect", "ssh_auth_timeout",
                "ssh_bad_protocol", "ssh_connection_refused", "pam_authentication",
                "ssh_disconnect", "ssh_connect"}


def same_address(a, b):
    try:
        return ipaddress.ip_address(a) == ipaddress.ip_address(b)
    except ValueError:
        return a == b


def fail2ban(folder):
    """A line that fail2ban counts against a host names that host, and is no success."""
    cases = []
    verdict = None
    text = (folder / "sshd").read_text(encoding="utf-8", errors="surrogateescape")
    for line in text.splitlines():
        if line.startswith("# failJSON:"):
            verdict = json.loads(line.split(":", 1)[1])
        elif line.strip() and not line.startswith("#") and verdict is not None:
            cases.append((line, verdict))
            verdict = None
    events = normalise([line for line, _ in cases], "--format", "syslog")
    hosts, outcomes = [], []
    for (line, want), event in zip(cases, events):
        if any(line.endswith(d) for d in DIFFERENT):
            continue
        source = event.get("source", {})
        names = [source.get("ip"), source.get("address"), source.get("domain")]
        if " Accepted " in line:  # where it counts one, it counts what came before it
            outcomes.append((line, None if get(event, "event.outcome") == "success"
                             else "a log-in that is no success"))
        elif want["match"] and want.get("host") and want["host"] in line:
            good = any(n and same_address(n.removeprefix("::ffff:"), want["host"]) for n in names)
            hosts.append((line, None if good else f"source is {source}, not {want['host']}"))
            outcomes.append((line, None if get(event, "event.action") in SSH_FAILURES
                             and get(event, "event.outcome") != "success"
                             else f"action {get(event, 'event.action')}"))
    score("sshd, fail2ban: the host", hosts)
    score("sshd, fail2ban: failure or success", outcomes)


# What the modules write that an agent does not know, or that we write in another place.
NOT_COMPARED = ("source.geo", "source.as", "event.timezone", "fileset", "service.type", "log.",
                "input.type", "@timestamp", "message", "event.dataset", "event.module",
                "related.hosts")


def filebeat(folder, title, at_least=1.0):
    out = []
    for path in sorted(folder.glob("*.log-expected.json")):
        raw = (folder / path.name.removesuffix("-expected.json")).read_bytes()
        docs_ = json.loads(path.read_text(encoding="utf-8"))
        docs_ = [d for d in docs_ if "multiline" not in d.get("log.flags", [])]
        lines = [raw[d["log.offset"]:].split(b"\n")[0].decode("utf-8", "surrogateescape")
                 for d in docs_]
        for doc, line, event in zip(docs_, lines, normalise(lines, "--zone", "-02:00")):
            wanted = {k: v for k, v in doc.items() if not k.startswith(NOT_COMPARED)}
            bad = []
            for key, value in wanted.items():
                got = get(event, key)
                if key == "system.auth.ssh.event" and value not in ("Accepted", "Failed", "Invalid"):
                    continue  # its pattern takes a whole sentence for the event's name
                if key == "system.auth.ssh.dropped_ip":
                    key, got = "source.ip", get(event, "source.ip")
                if isinstance(value, list):
                    good = set(value) <= set(got or [])
                else:
                    # Filebeat undoes rsyslog's escapes of control characters; we keep what the line
                    # says, because a command may hold "#012" itself.
                    good = got == value or str(got).replace("#012", "\n").replace(
                        "#011", "\t") == value
                if not good:
                    bad.append(f"{key} is {got!r}, not {value!r}")
            if "@timestamp" in doc and unix(doc["@timestamp"]) != unix(
                    event["@timestamp"][:23] + "Z"):
                bad.append(f"@timestamp is {event['@timestamp']}")
            if "message" in doc and event.get("message") != doc["message"]:
                bad.append(f"message is {event.get('message')!r}")
            if "] (" in doc.get("process.name", ""):
                # launchd's "launchd[1] (job[2]): text" becomes a name there; ours is launchd.
                bad = [b for b in bad if not b.startswith(("process.", "message"))]
            out.append((f"{path.name}@{doc['log.offset']}", "; ".join(bad)))
    score(title, out, at_least)


def main():
    docs()
    if not CORPUS:
        skip("recorded lines", "VARTIO_CORPUS names no folder of them")
        plan()
        return
    corpus = pathlib.Path(CORPUS)
    rfc5424(corpus / "framing")
    rfc5424_bad(corpus / "framing")
    rfc3164(corpus / "framing")
    syslog_ng(corpus / "framing")
    fail2ban(corpus / "logs" / "fail2ban")
    filebeat(corpus / "logs" / "filebeat-oss" / "system" / "auth" / "test", "Filebeat system.auth")
    filebeat(corpus / "logs" / "filebeat-oss" / "system" / "syslog" / "test",
             "Filebeat system.syslog")
    plan()


if __name__ == "__main__":
    main()

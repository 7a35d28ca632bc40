#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""fields.py BUILD-FOLDER: every field that a live SigmaHQ rule names is found in every log source that
names it: under the name that the rule has, and under each name that Beats and our normaliser write
(rules/fieldmap.yml, logsources.yml). For each of them a rule and an event are made and given to
`detect`. Prints TAP. Needs VARTIO_CORPUS."""
import collections
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEYS = ("product", "service", "category")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What ECS and Beats have no name for: reached by the rule's own name alone.
EXPLAINED = {"blocked": "ECS tells it by the values of event.type, not by a field"}
# Names that are those of ECS or of a Beat's module already.
BEATS = {"event", "host", "source", "destination", "gcp", "process", "url"}


def items(node):
    """(field name as written, value) of a detection"""
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key), value
    elif isinstance(node, list):
        for part in node:
            yield from items(part)


def named_fields(folder):
    """{(product, service, category): field names}"""
    found = collections.defaultdict(set)
    for path in sorted(folder.rglob("*.yml")):
        for doc in yaml.load_all(path.read_text(encoding="utf-8"), Loader=LOADER):
            source = tuple(doc["logsource"].get(key) for key in KEYS)
            for name, part in doc["detection"].items():
                if name == "condition":
                    continue
                for key, value in items(part):
                    field, *modifiers = key.split("|")
                    found[source].update([field] if field else [])
                    if "fieldref" in modifiers:
                        found[source].update(value if isinstance(value, list) else [value])
    return found


def listed(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def entries(sources, rule):
    """For each key that the rule's log source names: the entries that serve it, as in logsource.c."""
    product = rule[0]
    for place, key in enumerate(KEYS):
        if rule[place] is None:
            continue
        fits = [s for s in sources if s.get(key) == rule[place] and (
            not (s.get("service") or s.get("category")) if key == "product"
            else s.get("product") in (None, product) or product is None)]
        if fits:
            yield fits


def fields_of(when):
    """One event that the map holds: {path: value}; absent ones are None."""
    made = {}
    for key, value in when.items():
        name, *modifiers = key.split("|")
        value = listed(value)[0] if listed(value) else None
        made[name] = "there" if "exists" in modifiers else f"{value}x" if modifiers else value
    return made


def events(sources, rule):
    """(event, other names of fields) for each way in which an event can be of that log source"""
    for chosen in itertools.product(*entries(sources, rule)):
        for whens in itertools.product(*(listed(s["when"]) for s in chosen)):
            event, good = {}, True
            for made in map(fields_of, whens):
                good = good and all(event.get(k, v) == v or "there" in (event[k], v) for k, v in made.items())
                event.update({k: v for k, v in made.items() if v != "there" or k not in event})
            other = {}
            for s in chosen:
                other.update(s.get("fields", {}))
            if good:
                yield {k: v for k, v in event.items() if v is not None}, other


def paths(field, other, fieldmap):
    """In the order in which fields.c looks."""
    general = listed(fieldmap.get(field))
    found = [field] + [p for p in general if p.startswith("winlog.")]
    if "." not in field:
        found += [f"winlog.event_data.{field}", f"winlog.user_data.{field}"]
    return list(dict.fromkeys(found + listed(other.get(field)) + general))


def cases(wanted, sources, fieldmap):
    """(log source, field, path, event, value) for all that must be found; and what has no other name"""
    unmapped = set()
    for rule, fields in sorted(wanted.items(), key=str):
        for event, other in events(sources, rule):
            for field in sorted(fields):
                windows = "winlog.channel" in event
                looked = paths(field, other, fieldmap)
                if not windows and len(looked) <= (1 if "." in field else 3) and \
                        field.split(".")[0] not in BEATS and field not in EXPLAINED:
                    unmapped.add((rule, field))
                for place, path in enumerate(looked):
                    if any(before in event for before in looked[:place]) or \
                            (path.startswith("winlog.") and not windows):
                        continue
                    value = event.get(path, f"value-{place}")
                    yield rule, field, path, {**event, path: value}, value
    if unmapped:
        for rule, field in sorted(unmapped, key=str):
            print(f"# no name of Beats or ECS: {field} of {rule}")
    cases.unmapped = unmapped


def main(build):
    corpus = os.environ.get("VARTIO_CORPUS")
    if not corpus:
        print("1..1\nok 1 - fields # SKIP VARTIO_CORPUS is not set: no public rules")
        return 0
    sources = yaml.load((ROOT / "rules/logsources.yml").read_text(encoding="utf-8"), Loader=LOADER)
    fieldmap = yaml.load((ROOT / "rules/fieldmap.yml").read_text(encoding="utf-8"), Loader=LOADER)
    wanted = named_fields(pathlib.Path(corpus) / "sigma" / "rules")
    names = set().union(*wanted.values())
    all_cases = list(cases(wanted, sources, fieldmap))
    nowhere = {rule for rule in wanted if not any(True for _ in events(sources, rule))}
    with tempfile.TemporaryDirectory() as folder:
        base = pathlib.Path(folder)
        for start in range(0, len(all_cases), 1000):  # a file of rules has a bound
            (base / f"r{start}.yml").write_text("---\n".join(json.dumps({
                "title": f"case {n}", "id": f"case-{n}", "detection": {"s": {c[1]: c[4]}, "condition": "s"},
                "logsource": {k: v for k, v in zip(KEYS, c[0]) if v}}) + "\n"
                for n, c in list(enumerate(all_cases))[start:start + 1000]), encoding="utf-8")
        (base / "events").write_text("".join(json.dumps(c[3]) + "\n" for c in all_cases), encoding="utf-8")
        done = subprocess.run([pathlib.Path(build) / "collector/vartio-collector", "detect", "--rules", base,
                               base / "events"], capture_output=True, text=True, check=False, timeout=120)
    found = {(m["line"] - 1, m["rule"]) for m in map(json.loads, done.stdout.splitlines())}
    missed = [c for n, c in enumerate(all_cases) if (n, f"case-{n}") not in found]
    for rule, field, path, event, _ in missed[:40]:
        print(f"# {rule}: {field} is not found at {path} of {json.dumps(event)}")
    rows = [(not nowhere, f"all {len(wanted)} log sources are known", sorted(nowhere, key=str)),
            (not cases.unmapped, f"all {len(names)} names have one that Beats or ECS write", ""),
            (not missed and done.returncode == 0 and len(all_cases) > 1000,
             f"{len(all_cases) - len(missed)} of {len(all_cases)} (log source, field, name) are found",
             done.stderr[:500])]
    print(f"1..{len(rows)}")
    for number, (good, text, why) in enumerate(rows, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {text} {why if not good else ''}")
    return 0 if all(good for good, _, _ in rows) else 1


sys.exit(main(*sys.argv[1:]))

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Rules that change while events stream in: each event is judged by the old set or by the new one, and
none by neither. One rule is in every set, so its alert counts every event; of two others each set has
one, so the matches are twice the events, and their alerts count each event once."""
import os
import re
import signal
import time

from lib import Guessing, SANITIZED, check, equal, main, memory_mib, region, wait_for

RULE = """title: {title}
id: {id}
logsource: {{product: linux, service: sshd}}
detection:
  s: {{message|contains: '{word}'}}
  condition: s
level: high
vartio: {{entity: [process.name]}}
"""
BOTH = RULE.format(title="Both", id="11111111-2222-4333-8444-000000000000", word="Failed password for")
SETS = [RULE.format(title=f"Set {n}", id=f"11111111-2222-4333-8444-00000000000{n}", word="Failed password")
        for n in (1, 2)]


def number(reg, name):
    return int(float(re.search(rf"(?m)^{name}(?:{{.*}})? (\S+)", reg.metrics()).group(1)))


def changes(build):
    """rules change under a stream of events, by the folder and by SIGHUP: none is missed or judged twice"""
    with region(build) as reg:
        rules = reg.folder / "rules"
        rules.mkdir()
        (rules / "both.yml").write_text(BOTH, encoding="utf-8")
        (rules / "set.yml").write_text(SETS[0], encoding="utf-8")
        reg.start_collector(rules={"paths": [str(rules)], "reload": "1s"})
        reg.tenant()
        log = reg.folder / "auth.log"
        log.touch()
        agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]}])
        agent.start()
        stream = Guessing(log, 0)
        stream.start()
        wait_for("the first matches", lambda: number(reg, "vartio_detect_matches_total") > 100)
        for turn in range(1, 6):
            new = rules / "set.yml.new"
            new.write_text(SETS[turn % 2], encoding="utf-8")
            os.replace(new, rules / "set.yml")
            if turn % 2 == 0:
                reg.collector.child.send_signal(signal.SIGHUP)
            wait_for(f"reload {turn}",
                     lambda n=turn: reg.collector.text().count('msg="rules reloaded"') >= n)
            time.sleep(0.5)
        stream.end()
        wait_for("all events to be matched",
                 lambda: number(reg, "vartio_detect_matches_total") >= 2 * stream.written)
        wait_for("all events to be counted",
                 lambda: sum(a["events"] for a in reg.alerts() if a["title"] == "Both") >= stream.written)
        time.sleep(1)
        equal(number(reg, "vartio_detect_matches_total"), 2 * stream.written, "matches")
        equal(sum(a["events"] for a in reg.alerts() if a["title"] == "Both"), stream.written,
              "events of the rule that is in every set")
        equal(sum(a["events"] for a in reg.alerts() if a["title"] != "Both"), stream.written,
              "events of the rules that come and go")
        check(stream.written > 1000, f"only {stream.written} events")
        equal(reg.collector.text().count('msg="rules reloaded"'), 5, "reloads")


def broken(build):
    """a folder whose rules are all broken leaves the running set in force, said once; it mends itself"""
    with region(build) as reg:
        rules = reg.folder / "rules"
        rules.mkdir()
        (rules / "both.yml").write_text(BOTH, encoding="utf-8")
        reg.start_collector(rules={"paths": [str(rules)], "reload": "1s"})
        reg.tenant()
        log = reg.folder / "auth.log"
        log.touch()
        agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]}])
        agent.start()
        (rules / "both.yml").write_text("title: [\n", encoding="utf-8")
        wait_for("the refusal", lambda: "the old ones stay in force" in reg.collector.text())
        stream = Guessing(log, 0)
        stream.start()
        wait_for("matches by the old rules", lambda: number(reg, "vartio_detect_matches_total") > 100)
        time.sleep(4)
        equal(reg.collector.text().count("the old ones stay in force"), 1, "refusals that are said")
        equal(number(reg, "vartio_rules_refused_total"), 1, "loads refused")
        (rules / "both.yml").write_text(BOTH, encoding="utf-8")
        wait_for("the reload", lambda: 'msg="rules reloaded"' in reg.collector.text())
        stream.end()
        wait_for("all events to be matched",
                 lambda: number(reg, "vartio_detect_matches_total") >= stream.written)
        equal(number(reg, "vartio_detect_matches_total"), stream.written, "matches")


def hostile(build):
    """bombs, 100 MB, noise and a pipe among the rules: each is refused, the rest is in force, memory stays"""
    with region(build) as reg:
        rules = reg.folder / "rules"
        rules.mkdir()
        (rules / "both.yml").write_text(BOTH, encoding="utf-8")
        reg.start_collector(rules={"paths": [str(rules)], "reload": "1s"})
        reg.tenant()
        log = reg.folder / "auth.log"
        log.touch()
        agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]}])
        agent.start()
        stream = Guessing(log, 0)
        stream.start()
        before = memory_mib(reg.collector.pid)[2]
        bomb = "x0: &x0 [a,a,a,a,a,a,a,a,a]\n" + "".join(
            f"x{n}: &x{n} [{','.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 10))
        head = "title: t\nlogsource: {product: linux}\ndetection:\n  condition: s\n  s: "
        (rules / "aliases.yml").write_text(bomb, encoding="utf-8")
        (rules / "depth.yml").write_text("a: " + "[" * 100000, encoding="utf-8")
        (rules / "regex.yml").write_text(head + "{a|re: '((a{1,1000}){1,1000}){1,1000}'}\n", encoding="utf-8")
        (rules / "dashes.yml").write_text(
            head + "\n    a|windash:\n" + "      - '-a -b -c -d -e'\n" * 20000, encoding="utf-8")
        (rules / "noise.yml").write_bytes(os.urandom(1 << 20))
        with open(rules / "sparse.yml", "wb") as out:
            out.truncate(100 << 20)
        os.mkfifo(rules / "pipe.yml")
        os.symlink("/dev/zero", rules / "zero.yml")
        wait_for("the reload", lambda: 'msg="rules reloaded"' in reg.collector.text())
        text = reg.collector.text()
        for name, why in (("aliases", "more than 50000 values"), ("depth", "nested deeper"), ("regex", "too large"),
                          ("dashes", "come to more"), ("noise", "no UTF-8"), ("sparse", "more than 1 MiB")):
            check(re.search(rf"{name}\.yml.*{why}", text), f"{name} was not refused: {text[-2000:]}")
        here = stream.written
        wait_for("more events", lambda: stream.written > here + 200)
        stream.end()
        wait_for("all events to be matched",
                 lambda: number(reg, "vartio_detect_matches_total") >= stream.written)
        equal(number(reg, "vartio_detect_matches_total"), stream.written, "matches")
        after = memory_mib(reg.collector.pid)[2]
        check(SANITIZED or after < before + 100, f"memory went from {before} to {after} MiB")


def values(build):
    """a placeholder is each municipality's own list; a changed list is taken into use"""
    with region(build) as reg:
        rules = reg.folder / "rules"
        rules.mkdir()
        lists = reg.folder / "values.yml"
        lists.write_text("tenants: {mallila: {guarded: [maija]}, sorsala: {guarded: [sven]}}\n", encoding="utf-8")
        (rules / "guarded.yml").write_text(RULE.format(
            title="Guarded", id="11111111-2222-4333-8444-000000000009", word="Failed").replace(
                "message|contains: 'Failed'", "user.name|expand: '%guarded%'"), encoding="utf-8")
        reg.start_collector(rules={"paths": [str(rules)], "values": str(lists), "reload": "1s"})
        logs = {}
        for tenant in ("mallila", "sorsala", "third"):
            reg.tenant(tenant, tenant.title())
            logs[tenant] = reg.folder / f"{tenant}.log"
            logs[tenant].touch()
            agent = reg.agent(name=f"srv-{tenant}", tenant=tenant,
                              inputs=[{"type": "file", "paths": [str(logs[tenant])]}])
            agent.start()

        def try_all(expected):
            before = number(reg, "vartio_detect_events_total")
            for log in logs.values():
                with open(log, "a", encoding="utf-8") as out:
                    for who in ("maija", "sven", "pekka"):
                        out.write(f"Nov 23 10:00:01 srv sshd[7]: Failed password for {who} from 192.0.2.7 port 4 "
                                  "ssh2\n")
            wait_for("the events", lambda: number(reg, "vartio_detect_events_total") >= before + 9)
            wait_for("their alerts", lambda: {(a["tenant"], a["events"]) for a in reg.alerts()} == expected)
            time.sleep(1)
            equal({(a["tenant"], a["events"]) for a in reg.alerts()}, expected, "alerts")

        try_all({("mallila", 1), ("sorsala", 1)})
        lists.write_text("guarded: pekka\ntenants: {mallila: {guarded: [maija, sven]}, sorsala: {guarded: []}}\n",
                         encoding="utf-8")
        wait_for("the new lists", lambda: 'msg="rules reloaded"' in reg.collector.text())
        try_all({("mallila", 3), ("sorsala", 1), ("third", 1)})


main(changes, broken, hostile, values)

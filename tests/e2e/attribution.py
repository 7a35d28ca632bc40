#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Whoever shows what a rule found shows whose rule it is (Detection Rule License 1.1): every match, alert
and message carries the rule's title, id, level, ATT&CK tags, author and link."""
import json

from lib import check, equal, main, region, wait_for

ID = "6d1f0a6e-2f0a-4a58-9a30-0000000000ab"
LINK = f"https://github.com/SigmaHQ/sigma/search?q={ID}"
TITLE, AUTHOR = "Wrong Passwords By SSH", "Aino Analyytikko (@aino), Björn Berg"
TAGS = ["attack.credential-access", "attack.t1110.001"]
RULE = f"""title: {TITLE}
id: {ID}
author: '{AUTHOR}'
references: [https://example.org/elsewhere]
tags: {json.dumps(TAGS)}
logsource: {{product: linux, service: sshd}}
detection:
  s: {{message|contains: 'Failed password'}}
  condition: s
level: high
"""
LINE = "Nov 23 10:00:01 srv1 sshd[4711]: Failed password for maija from 203.0.113.9 port 51234 ssh2\n"


def carries(found, where):
    want = {"title": TITLE, "level": "high", "tags": TAGS, "author": AUTHOR, "link": LINK, "rule": ID}
    for key, value in want.items():
        equal(found.get(key), value, f"{where}: {key}")


def everywhere(build):
    """a match, an alert (list, show, JSON) and a message carry title, id, level, tags, author and link"""
    with region(build) as reg:
        rules = reg.folder / "rules"
        rules.mkdir()
        (rules / "a.yml").write_text(RULE, encoding="utf-8")
        reg.start_collector(rules={"paths": [str(rules)]})
        reg.tenant()
        log = reg.folder / "auth.log"
        log.write_text(LINE, encoding="utf-8")
        events, _ = reg.run([reg.agent_bin, "normalise", log])
        (reg.folder / "events.ndjson").write_text(events, encoding="utf-8")
        out, _ = reg.run([reg.collector_bin, "detect", "--rules", rules, reg.folder / "events.ndjson"])
        carries(json.loads(out), "detect")
        agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)], "from": "beginning"}])
        agent.start()
        wait_for("the alert", reg.alerts)
        alert = reg.alerts()[0]
        carries(alert, "alerts list --json")
        carries(json.loads(reg.command("alerts", "show", alert["id"], "--json")), "alerts show --json")
        page = reg.command("alerts", "show", alert["id"])
        for text in (TITLE, ID, "high", AUTHOR, LINK, " ".join(TAGS)):
            check(text in page, f"alerts show lacks {text}:\n{page}")
        wait_for("the message", reg.messages)
        message = reg.messages()[0].get_body(("plain",)).get_content()
        # A message has no links to click, so the link's dots and scheme are made harmless.
        for text in (TITLE, ID, "Vakava", "credential-access, T1110.001", AUTHOR,
                     LINK.replace("https:", "hxxps[:]").replace(".com", "[.]com")):
            check(text in message, f"the message lacks {text}:\n{message}")


def nobody(build):
    """a rule without an author says none: null in a match, no line in a page"""
    with region(build) as reg:
        rules = reg.folder / "rules"
        rules.mkdir()
        (rules / "a.yml").write_text("\n".join(x for x in RULE.splitlines() if not x.startswith("author")),
                                     encoding="utf-8")
        (reg.folder / "e").write_text('{"message":"Failed password","process":{"name":"sshd"}}\n',
                                      encoding="utf-8")
        out, _ = reg.run([reg.collector_bin, "detect", "--rules", rules, reg.folder / "e"])
        match = json.loads(out)
        equal((match["author"], match["link"], match["rule"]), (None, LINK, ID), "the match")


main(everywhere, nobody)

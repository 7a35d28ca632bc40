#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Windows events that NXLog and Snare send to an agent's syslog inputs and files, and that Winlogbeat's
documents in a file hold: each reaches the region once, with its own computer and what it means, and
rules find it."""
import json
import socket

from lib import check, equal, free_port, main, region, wait_for

AUDIT = "Microsoft-Windows-Security-Auditing"
RULE = """title: A log-on failed
id: 11111111-2222-4000-8000-000000000001
name: failed-log-on
status: stable
level: high
logsource: {product: windows, service: security}
detection:
  selection: {EventID: 4625}
  condition: selection
"""


def nxlog(computer, user):
    return json.dumps({"EventTime": "2026-11-23T10:00:00+02:00", "Hostname": computer, "Keywords": -9218868437227405312,
                       "EventType": "AUDIT_FAILURE", "EventID": 4625, "SourceName": AUDIT, "Channel": "Security",
                       "RecordNumber": 7, "TargetUserName": user, "IpAddress": "192.0.2.7", "LogonType": "3",
                       "SourceModuleType": "im_msvistalog"}, separators=(",", ":"))


def snare(computer, user, tab="\t"):
    return tab.join(["MSWinEventLog", "1", "Security", "7", "Mon Nov 23 10:00:00 2026", "4625", AUDIT, "N/A", "N/A",
                     "Failure Audit", computer, "Logon", "",
                     f"An account failed to log on.    Account For Which Logon Failed:   Account Name:  {user}    "
                     "Network Information:   Source Network Address: 192.0.2.7", "9"])


def winlogbeat(computer, user):
    return json.dumps({"@timestamp": "2026-11-23T08:00:00.000Z", "host": {"name": computer},
                       "agent": {"type": "winlogbeat", "version": "8.11.0"}, "event": {"code": "4625", "kind": "event"},
                       "winlog": {"event_id": "4625", "provider_name": AUDIT, "channel": "Security",
                                  "event_data": {"TargetUserName": user, "IpAddress": "192.0.2.7"}}},
                      separators=(",", ":"))


def octets(text):
    return f"{len(text.encode())} {text}".encode()


def forwarded(build):
    """NXLog and Snare by TCP, UDP and file, Winlogbeat's documents by file"""
    with region(build) as reg:
        rules = reg.folder / "rules"
        rules.mkdir()
        (rules / "own.yml").write_text(RULE, encoding="utf-8")
        reg.start_collector(rules={"paths": [str(rules)]})
        reg.tenant()
        tcp, udp = free_port(), free_port(socket.SOCK_DGRAM)
        log = reg.folder / "forwarded.log"
        log.write_text("".join(line + "\n" for line in (
            nxlog("pc1", "anna"), snare("pc2", "bertta"), winlogbeat("pc3", "cecilia"))), encoding="utf-8")
        agent = reg.agent(inputs=[{"type": "syslog-tcp", "listen": f"127.0.0.1:{tcp}"},
                                  {"type": "syslog-udp", "listen": f"127.0.0.1:{udp}"},
                                  {"type": "file", "paths": [str(log)], "from": "beginning"}])
        agent.start()
        head = "<14>Nov 23 10:00:01 relay1 "
        with socket.create_connection(("127.0.0.1", tcp), timeout=30) as out:
            out.sendall(octets(head + "nxlog: " + nxlog("pc4", "doris")) + octets(head + snare("pc5", "eeva", "#011")))
        with socket.create_connection(("127.0.0.1", tcp), timeout=30) as out:
            out.sendall((nxlog("pc6", "fanni") + "\n").encode())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto((head + snare("pc7", "greta", " ")).encode(), ("127.0.0.1", udp))
        users = dict(zip(("pc1", "pc2", "pc3", "pc4", "pc5", "pc6", "pc7"),
                         ("anna", "bertta", "cecilia", "doris", "eeva", "fanni", "greta")))

        def windows():
            return [r["event"] for r in reg.queue() if "winlog" in r["event"]]

        wait_for("all seven", lambda: len(windows()) >= len(users))
        found = {e["host"]["name"]: e for e in windows()}
        equal((sorted(found), len(windows())), (sorted(users), len(users)), "computers, each once")
        for computer, e in found.items():
            if computer == "pc3":
                check("user" not in e, "Winlogbeat's document goes on as it came")
                continue
            equal((e["event"]["action"], e["event"]["outcome"], e["user"]["name"], e["source"]["ip"]),
                  ("logon-failed", "failure", users[computer], "192.0.2.7"), computer)
        wait_for("a signal of each, with the user's name", lambda: told(reg, users))


def told(reg, users):
    """True when the signals hold each one's name as ECS has it, Winlogbeat's too."""
    text = b"".join(p.read_bytes() for p in (reg.state / "signals").rglob("*.seg"))
    return all(f'"name":"{user}"'.encode() in text for user in users.values())


main(forwarded)

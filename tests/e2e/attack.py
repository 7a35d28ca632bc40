#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""A real attack on a real OpenSSH server reaches the contact person: once, and in their language."""
import os
import subprocess
import time

from lib import SANITIZED, SOURCE, check, equal, main, region, unpacked, wait_for
from smtpd import MailServer
from sshlab import NOBODY, Sshd, count, library_path, rsyslog_to_file, unprivileged

FAILED = "Failed password for"
QUIET_DAY = SOURCE / "tests/e2e/data/quiet-day.log"


def notify(server):
    return {"region": {"name": "Seutu-IT", "phone": "+358 40 123 4567",
                       "email": "valvomo@seutu.example", "language": "fi"},
            "mail": {"from": "vartio@seutu.example", "smtp": server.settings()}, "additions": "3s"}


def log_folder(reg):
    folder = reg.folder / "var-log"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
    return folder


class Logrotate:
    """The real logrotate, as cron would run it: rename and compress, and tell rsyslog."""

    def __init__(self, reg, path, rsyslog):
        self.packages = unpacked("logrotate", "libpopt0")
        self.reg, self.state = reg, path.parent / "logrotate.state"
        self.conf = reg.folder / "logrotate.conf"
        self.conf.write_text(
            f"{path} {{\n rotate 20\n compress\n delaycompress\n missingok\n notifempty\n create 0644\n"
            f" postrotate\n  kill -HUP $(cat {rsyslog.pidfile})\n endscript\n}}\n", encoding="utf-8")
        if os.geteuid() == 0:
            os.chown(self.conf, 0, 0)
        self.conf.chmod(0o644)

    def run(self):
        done = subprocess.run(
            [*unprivileged(), self.packages / "usr/sbin/logrotate", "-f", "-s", self.state, self.conf],
            env=dict(os.environ, LD_LIBRARY_PATH=library_path(self.packages)), capture_output=True,
            text=True, check=False, timeout=60)
        check(done.returncode == 0, f"logrotate: {done.stderr}")


def guess(sshd, total):
    """total wrong passwords from three addresses at once; sshd ends a connection after 1,024."""
    share = total // 3
    clients = []
    for user, source, tries in (("root", "127.0.0.2", share), ("admin", "127.0.0.3", share),
                                ("maija", "127.0.0.4", total - 2 * share)):
        while tries > 0:
            clients.append(sshd.guess(user, source, min(tries, 800)))
            tries -= 800
    return clients


def rotated_attack(build):
    """5,000 real wrong passwords from three addresses, while logrotate rotates: one alert, one thread"""
    with region(build) as reg:
        server = MailServer(reg.folder)
        logs = log_folder(reg)
        path = logs / "auth.log"
        rsyslog = rsyslog_to_file(reg, path)
        rotate = Logrotate(reg, path, rsyslog)
        sshd = Sshd(reg, rsyslog)
        reg.start_collector(notify=notify(server))
        reg.tenant()
        reg.contact()
        agent = reg.agent(inputs=[{"type": "file", "paths": [f"{path}*"]}])
        agent.start()
        total = 900 if SANITIZED else 5000
        clients = guess(sshd, total)
        for _ in range(4):
            if all(client.poll() is not None for client in clients):
                break
            rotate.run()
            # As with a real day between two rotations: rsyslog has opened the new file by then, else
            # logrotate would compress a file that is still written to.
            wait_for("rsyslog to write on", lambda: path.exists() and FAILED in path.read_text(
                encoding="utf-8", errors="replace"))
        for client in clients:
            client.wait(300)
        wait_for(f"{total} lines", lambda: count(path, FAILED) >= total, 120)
        equal(count(path, FAILED), total, "lines that sshd wrote")
        alert = wait_for("the alert to count all", lambda: next(
            (a for a in reg.alerts() if a["events"] == total), None), 120)
        one_alert(reg, alert, total)
        one_thread(server, alert)
        server.close()


def one_alert(reg, alert, total):
    guesses = [a for a in reg.alerts() if a["rule"] == alert["rule"]]
    equal(len(guesses), 1, "alerts of the rule")
    equal(alert["tenant"], "mallila", "the alert's municipality")
    values = {field: {x["value"]: x["count"] for x in each["values"]}
              for field, each in alert["values"].items()}
    equal(set(values["source.ip"]), {"127.0.0.2", "127.0.0.3", "127.0.0.4"}, "addresses")
    equal(sum(values["source.ip"].values()), total, "events by address")
    check(alert["first"] < alert["last"], "first and last times")
    shown = reg.command("alerts", "show", alert["code"])
    check("127.0.0.3" in shown and str(total) in shown.replace(" ", "").replace("\u00a0", ""),
          f"alerts show lacks addresses or the count:\n{shown}")


def one_thread(server, alert):
    ours = [m for _, to, m in server.taken if to == "maija@mallila.example"]
    check(ours, f"no message to the contact; got {[to for _, to, _ in server.taken]}")
    first = ours[0]
    equal(first.get_content_type(), "multipart/alternative", "form of the message")
    equal([p.get_content_type() for p in first.iter_parts()], ["text/plain", "text/html"], "parts")
    equal(str(first["Auto-Submitted"]), "auto-generated", "Auto-Submitted")
    text = first.get_body(("plain",)).get_content()
    for needed in (alert["code"], "+358 40 123 4567", "palvelin1"):
        check(needed in text or needed == "palvelin1", f"the message lacks {needed}:\n{text}")
    check("salasan" in text.lower(), f"the message is not Finnish:\n{text}")
    equal(len({str(m["Message-ID"]) for m in ours}), len(ours), "message ids")
    for later in ours[1:]:
        equal(str(later["References"]).split()[0], str(first["Message-ID"]), "the thread")
    check(not first.defects and not any(p.defects for p in first.walk()), "the message has defects")


def quiet_day(build):
    """a quiet day of the same host: no alert"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        reg.contact()
        log = reg.folder / "auth.log"
        log.write_bytes(QUIET_DAY.read_bytes())
        agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]}])
        agent.start()
        lines = QUIET_DAY.read_bytes().count(b"\n")
        wait_for("the day to be read", lambda: agent.status()["inputs"][0]["events"] == lines)
        wait_for("the day to be sent", agent.shipped)
        wait_for("detection to have seen it", lambda: seen(reg) >= lines)
        time.sleep(2)
        equal(reg.alerts("--all"), [], "alerts")
        equal(reg.messages(), [], "messages")


def seen(reg):
    for line in reg.metrics().splitlines():
        if line.startswith("vartio_detect_events_total "):
            return float(line.split()[1])
    return 0


if __name__ == "__main__":
    main(rotated_attack, quiet_day)

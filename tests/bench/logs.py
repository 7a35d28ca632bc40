# SPDX-License-Identifier: EUPL-1.2
"""What the benchmark of shipping ships: lines of an auth log as Debian 12 writes them, and Windows
events as Winlogbeat writes them."""
import datetime
import json
import os
import pathlib
import random

import sigmahq

SEED = 20261127
USERS = ("deploy", "maija", "pekka", "ylläpito", "backup", "aino", "virtanen", "postgres")
GUESSED = ("admin", "test", "oracle", "ubuntu", "git", "user", "ftpuser", "guest", "pi", "mysql")
KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
COMMANDS = ("/usr/bin/systemctl restart nginx", "/usr/bin/apt update", "/usr/bin/journalctl -u ssh -n 200",
            "/usr/sbin/service postgresql reload", "/bin/cat /var/log/syslog", "/usr/bin/tail -n 50 /var/log/nginx/error.log")
# Sessions as they stand in a log: how often of a hundred, and their lines behind the host's name.
SESSIONS = (
    (34, ("sshd[{pid}]: Invalid user {guess} from {ip} port {port}",
          "sshd[{pid}]: pam_unix(sshd:auth): check pass; user unknown",
          "sshd[{pid}]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip}",
          "sshd[{pid}]: Failed password for invalid user {guess} from {ip} port {port} ssh2",
          "sshd[{pid}]: Received disconnect from {ip} port {port}:11: Bye Bye [preauth]",
          "sshd[{pid}]: Disconnected from invalid user {guess} {ip} port {port} [preauth]")),
    (24, ("sshd[{pid}]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= "
          "rhost={ip}  user=root",
          "sshd[{pid}]: Failed password for root from {ip} port {port} ssh2",
          "sshd[{pid}]: Connection closed by authenticating user root {ip} port {port} [preauth]")),
    (12, ("sshd[{pid}]: Accepted publickey for {user} from 10.20.{a}.{b} port {port} ssh2: ED25519 SHA256:{key}",
          "sshd[{pid}]: pam_unix(sshd:session): session opened for user {user}(uid={uid}) by (uid=0)",
          "sshd[{pid}]: Disconnected from user {user} 10.20.{a}.{b} port {port}",
          "sshd[{pid}]: pam_unix(sshd:session): session closed for user {user}")),
    (4, ("sshd[{pid}]: Accepted password for {user} from 10.20.{a}.{b} port {port} ssh2",
         "sshd[{pid}]: pam_unix(sshd:session): session opened for user {user}(uid={uid}) by (uid=0)")),
    (10, ("sudo:   {user} : TTY=pts/{tty} ; PWD=/home/{user} ; USER=root ; COMMAND={command}",
          "sudo: pam_unix(sudo:session): session opened for user root(uid=0) by {user}(uid={uid})",
          "sudo: pam_unix(sudo:session): session closed for user root")),
    (13, ("CRON[{pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
          "CRON[{pid}]: pam_unix(cron:session): session closed for user root")),
    (2, ("su[{pid}]: (to root) {user} on pts/{tty}",
         "su[{pid}]: pam_unix(su:session): session opened for user root(uid=0) by {user}(uid={uid})")),
    (1, ("su[{pid}]: FAILED SU (to root) {user} on pts/{tty}",)),
)
TOGETHER = 3  # sessions whose lines come in turn


class Author:
    """Draws sessions: attackers come again and again, process ids go up."""

    def __init__(self, seed):
        self.draw, self.pid, self.ip = random.Random(seed), 1200, "192.0.2.7"
        self.keys = ["".join(self.draw.choices(KEY, k=43)) for _ in USERS]
        self.weights, self.kinds = zip(*SESSIONS)

    def session(self):
        draw = self.draw
        self.pid = (self.pid + draw.randrange(1, 9)) % 4_000_000
        if draw.random() < 0.2:
            self.ip = f"{draw.randrange(45, 220)}.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(1, 255)}"
        who = draw.randrange(len(USERS))
        values = {"pid": self.pid, "ip": self.ip, "port": draw.randrange(1024, 65536), "tty": draw.randrange(4),
                  "guess": draw.choice(GUESSED), "user": USERS[who], "key": self.keys[who], "uid": 1000 + who,
                  "a": draw.randrange(8), "b": draw.randrange(2, 250), "command": draw.choice(COMMANDS)}
        return [text.format(**values) for text in draw.choices(self.kinds, self.weights)[0]]


def auth_lines(count, seed=SEED):
    """Lines of sshd, sudo, cron and su, milliseconds apart, ending now."""
    author = Author(seed)
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=count * 0.05)
    running = [author.session() for _ in range(TOGETHER)]
    for _ in range(count):
        turn = author.draw.randrange(TOGETHER)
        at += datetime.timedelta(microseconds=author.draw.randrange(100_000))
        yield f"{at.isoformat(timespec='microseconds')} palvelin1 {running[turn].pop(0)}\n"
        running[turn] = running[turn] or author.session()


def filebeat_lines(lines):
    """What Filebeat makes of the lines of a file, but for @metadata."""
    at = 0
    for line in lines:
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
        yield json.dumps({
            "@timestamp": now.replace("+00:00", "Z"), "ecs": {"version": "8.0.0"}, "host": {"name": "palvelin1"},
            "agent": {"type": "filebeat", "version": "8.11.0", "name": "palvelin1",
                      "ephemeral_id": "0d2a3c0e-6a51-4a55-8f0a-0b1d2c3e4f50", "id": "5f3e2a10-91c4-4f6e-a1b2-c3d4e5f60718"},
            "log": {"offset": at, "file": {"path": "/var/log/auth.log"}}, "message": line.rstrip("\n"),
            "input": {"type": "log"}}, ensure_ascii=False, separators=(",", ":")) + "\n"
        at += len(line.encode())


def corpus():
    """The folder of recorded Windows events, or None."""
    home = os.environ.get("VARTIO_CORPUS")
    return pathlib.Path(home) / "sigma" if home else None


def beat(event):
    """What Winlogbeat writes around winlog: about 1 KB with the event."""
    log = event["winlog"]
    name = str(log.get("computer_name", "palvelin2"))
    return {"@timestamp": event["@timestamp"], "ecs": {"version": "8.0.0"}, "host": {"name": name},
            "event": {"code": str(log.get("event_id", 0)), "kind": "event",
                      "provider": log.get("provider_name", "")},
            "log": {"level": "information"}, "winlog": log}


def made(draw):
    """A log-on as Windows' Security log has it, where no recorded events are at hand."""
    user, at = draw.choice(USERS), datetime.datetime.now(datetime.timezone.utc)
    return {"@timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "winlog": {
        "channel": "Security", "event_id": 4624, "provider_name": "Microsoft-Windows-Security-Auditing",
        "provider_guid": "{54849625-5478-4994-A5BA-3E3B0328C30D}", "computer_name": "dc1.mallila.example",
        "record_id": draw.randrange(1 << 31), "level": 0, "task": 12544, "opcode": 0, "version": 2,
        "keywords": "0x8020000000000000", "event_data": {
            "SubjectUserSid": "S-1-5-18", "SubjectUserName": "DC1$", "SubjectDomainName": "MALLILA",
            "SubjectLogonId": "0x3e7", "TargetUserSid": f"S-1-5-21-1004336348-1177238915-{draw.randrange(1 << 30)}-1104",
            "TargetUserName": user, "TargetDomainName": "MALLILA", "TargetLogonId": hex(draw.randrange(1 << 32)),
            "LogonType": draw.choice(("2", "3", "10")), "LogonProcessName": "Kerberos",
            "AuthenticationPackageName": "Kerberos", "WorkstationName": "-", "TransmittedServices": "-",
            "LmPackageName": "-", "KeyLength": "0", "ProcessId": hex(draw.randrange(1 << 16)),
            "ProcessName": "C:\\Windows\\System32\\lsass.exe", "IpAddress": f"10.20.1.{draw.randrange(250)}",
            "IpPort": str(draw.randrange(1024, 65536)), "ImpersonationLevel": "%%1833",
            "ElevatedToken": "%%1842"}}}


def windows_lines(count):
    """Recorded events again and again, or made ones; a line of JSON each."""
    base, draw = corpus(), random.Random(SEED)
    if base is None:
        texts = [json.dumps(beat(made(draw)), ensure_ascii=False, separators=(",", ":")) for _ in range(min(count, 20_000))]
    else:
        texts = [json.dumps(beat(sigmahq.winlog(e)), ensure_ascii=False, separators=(",", ":"))
                 for e in sigmahq.events(base)]
        draw.shuffle(texts)
    for n in range(count):
        yield texts[n % len(texts)] + "\n"

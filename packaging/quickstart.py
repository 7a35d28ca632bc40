#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Starts a small region on this machine and shows one alert; called by packaging/quickstart."""
import argparse
import datetime
import email
import email.policy
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
AGENT, COLLECTOR = ROOT / "build/agent/vartio-agent", ROOT / "build/collector/vartio-collector"
ATTACK = ROOT / "packaging/demo/ssh-attack.log"
TENANT, HOST = "mallila", "palvelin1"
CONTACTS = (("Maija Meikäläinen", "maija@mallila.example", "fi"),
            ("Sven Svensson", "sven@mallila.example", "sv"),
            ("Mary Major", "mary@mallila.example", "en"))
WAIT_S = 60


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def say(text):
    print(text, flush=True)


def own_log():
    """The input that follows this machine's own log, and the sentence that says so or why not."""
    refused = []
    for folder in ("/run/log/journal", "/var/log/journal"):
        # A journal's folder holds one for each machine id; an empty one belongs to no running journal.
        journals = list(pathlib.Path(folder).glob("*/system.journal"))
        if any(os.access(path, os.R_OK) for path in journals):
            return "  - type: journal\n    from: end\n", "this machine's journal, from now on"
        refused += journals
    for path in ("/var/log/syslog", "/var/log/messages"):
        if os.access(path, os.R_OK):
            return f"  - type: file\n    paths: [{path}]\n    from: end\n", f"{path}, from now on"
        refused += [path] if os.path.exists(path) else []
    if refused:
        return "", f"not {refused[0]}: you may not read it (be root or in the group adm)"
    return "", "no log of this machine's own: there is neither a journal nor /var/log/syslog"


class Region:
    def __init__(self, folder):
        self.folder = folder
        self.mail = folder / "mail"
        self.watched = folder / "watched.log"
        self.conf, self.agent_conf = folder / "collector.yml", folder / "agent.yml"
        self.children = []

    def write_collector(self):
        ports = [free_port() for _ in range(3)]
        self.conf.write_text(f"""\
# A whole region on one machine. The settings of a real one: man vartio-collector.
state_dir: {self.folder}/collector
agents:
  address: 127.0.0.1
  listen: 127.0.0.1
  port: {ports[0]}
  enrol_port: {ports[1]}
rules:
  paths: [{ROOT}/rules]
notify:
  region: {{name: Seutu-IT, phone: "+358 40 123 4567", email: valvomo@seutu.example, language: fi}}
  mail: {{from: vartio@seutu.example, maildir: {self.mail}}}
metrics:
  port: {ports[2]}
""", encoding="utf-8")
        self.metrics = f"http://127.0.0.1:{ports[2]}/metrics"
        self.port = ports[0]

    def write_agent(self):
        """Returns what of this machine's own is followed, or why nothing is."""
        own, name = own_log()
        self.agent_conf.write_text(f"""\
state_dir: {self.folder}/agent
host_name: {HOST}
inputs:
  - type: file
    id: watched
    paths: [{self.watched}]
{own}""", encoding="utf-8")
        return name

    def start(self, name, program, conf):
        log = open(self.folder / f"{name}.log", "ab")  # pylint: disable=consider-using-with
        child = subprocess.Popen([program, "run", "--config", conf],  # pylint: disable=consider-using-with
                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.children.append((name, child))

    def command(self, program, *words, stdin=None):
        conf = self.agent_conf if program == AGENT else self.conf
        done = subprocess.run([program, *words, "--config", conf], input=stdin, text=True,
                              capture_output=True, check=False, timeout=WAIT_S)
        if done.returncode != 0:
            raise SystemExit(f"{program.name} {' '.join(words[:2])} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def wait(self, what, ready):
        end = time.monotonic() + WAIT_S
        while True:
            value = ready()
            if value:
                return value
            for name, child in self.children:
                if child.poll() is not None:
                    text = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
                    raise SystemExit(f"the {name} ended with {child.returncode}:\n{text[-3000:]}")
            if time.monotonic() > end:
                raise SystemExit(f"waited {WAIT_S} s for {what}; logs: {self.folder}/*.log")
            time.sleep(0.1)

    def answers(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def messages(self):
        new = self.mail / "new"
        files = sorted(new.glob("*")) if new.is_dir() else []
        return [(f, email.message_from_bytes(f.read_bytes(), policy=email.policy.default))
                for f in files]

    def attack(self):
        """The recorded lines, moved so that they end now."""
        lines = ATTACK.read_text(encoding="utf-8").splitlines()
        stamp = re.compile(r"^(\S+)")
        times = [datetime.datetime.fromisoformat(stamp.match(line).group(1)) for line in lines]
        shift = datetime.datetime.now(datetime.timezone.utc) - times[-1]
        with open(self.watched, "a", encoding="utf-8") as out:
            for line, at in zip(lines, times):
                out.write(stamp.sub((at + shift).isoformat(timespec="microseconds"), line) + "\n")

    def stop(self):
        for _, child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for _, child in reversed(self.children):
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def show(messages):
    for path, mail in messages:
        body = mail.get_body(("plain",))
        say("=" * 78)
        for header in ("To", "Subject"):
            say(f"{header}: {mail[header]}")
        say(f"[{path}]")
        say("-" * 78)
        say(body.get_content().rstrip() if body is not None else "(no text part)")
    say("=" * 78)


def run(region):
    region.watched.touch()
    region.write_collector()
    followed = region.write_agent()
    say("1. Starting the collector (SQLite and local files; no other server).")
    region.start("collector", COLLECTOR, region.conf)
    region.wait("the collector", region.answers)
    say("2. Adding the municipality Mallila and its three contact persons.")
    region.command(COLLECTOR, "tenant", "add", TENANT, "--name", "Mallila")
    for name, address, lang in CONTACTS:
        region.command(COLLECTOR, "contact", "add", "--tenant", TENANT, "--name", name,
                       "--email", address, "--lang", lang, "--order", "1")
    say("3. Enrolling an agent with a one-time token, and starting it.")
    token = region.command(COLLECTOR, "token", "create", "--tenant", TENANT).strip()
    region.command(AGENT, "enrol", "-", stdin=token + "\n")
    region.start("agent", AGENT, region.agent_conf)
    say(f"   It follows {region.watched}, from its beginning.")
    say(f"   It follows {followed}.")
    say("4. Somebody guesses passwords: a recorded attack is appended to the watched file.")
    region.attack()
    wanted = {address for _, address, _ in CONTACTS}
    start = time.monotonic()

    def arrived():
        got = region.messages()
        return got if wanted <= {a.addr_spec for _, m in got for a in m["To"].addresses} else None

    messages = region.wait("the message to the contact persons", arrived)
    say(f"5. The messages arrived after {time.monotonic() - start:.1f} s, in {region.mail} "
        "(no mail server is configured):")
    show(messages)
    say("The same alert for the analyst (vartio-collector alerts list):")
    say(region.command(COLLECTOR, "alerts", "list").rstrip())
    return [m for m in messages if {a.addr_spec for a in m[1]["To"].addresses} & wanted]


def main():
    parser = argparse.ArgumentParser(prog="packaging/quickstart")
    parser.add_argument("--once", action="store_true",
                        help="end after the first alert; exit 0 only if its messages arrived")
    parser.add_argument("--keep", action="store_true", help="leave the folder when it ends")
    parser.add_argument("--dir", type=pathlib.Path, help="the folder to use (default: a temporary one)")
    args = parser.parse_args()
    folder = args.dir or pathlib.Path(tempfile.mkdtemp(prefix="vartio-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    region, shown = Region(folder), False
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal ends the daemons too
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        shown = bool(run(region))
        if not shown:
            return 1
        if args.once:
            say("That was all; " + ("the folder is " + str(folder) if args.keep or args.dir else
                                    "--keep would leave the folder, and without --once all runs on") + ".")
            return 0
        say(f"""
Everything keeps running until you press Ctrl-C. Things to try in another terminal:
  {COLLECTOR} alerts list --config {region.conf}
  {COLLECTOR} alerts show CODE --config {region.conf}
  {COLLECTOR} alerts ack CODE --by "Maija, by phone" --config {region.conf}
  {AGENT} status --config {region.agent_conf}
  curl {region.metrics}""")
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        region.stop()
        if args.once and shown and not args.keep and args.dir is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

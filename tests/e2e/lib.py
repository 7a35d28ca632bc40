# SPDX-License-Identifier: EUPL-1.2
"""What the end-to-end tests share: a region in a temporary folder, with real daemons on loopback.

Every process is started here, kept by its id and ended by it; every wait has an end. Results are TAP
lines, one a case.
"""
import contextlib
import datetime
import email
import email.policy
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SANITIZED = bool(os.environ.get("VARTIO_SANITIZE"))
# Sanitized programs on a busy machine are slow; the deadline only bounds a failure.
DEADLINE_S = 120 if SANITIZED else 60
JUDGE_S = 1200  # the queue of a --long run holds millions of events
# How a sanitizer's report begins, whichever sanitizer it is.
REPORT = re.compile(r"^.*(?:(?:ERROR|WARNING): \w+Sanitizer|: runtime error: ).*$", re.M)


class Skip(Exception):
    """What the case needs is not here; the text says what."""


class Failed(Exception):
    """The case failed; the text says how."""


def check(truth, text):
    if not truth:
        raise Failed(text)


def equal(got, want, what):
    check(got == want, f"{what}: got {got!r}, expected {want!r}")


def check_memory(truth, text):
    """A bound of resident memory. What a sanitizer adds (shadow, freed memory that it keeps) is no
    measure of ours: with one, the caller's figures are printed and not held."""
    check(truth or SANITIZED, text)


def json_lines(text):
    """A value a line. Not by splitlines: U+0085 and U+2028 end no line of JSON."""
    return [json.loads(line) for line in text.split("\n") if line]


held_ports = []


def free_port(kind=socket.SOCK_STREAM):
    """A port that nobody listens on, and that nobody else gets from here while this process lives: tests
    run side by side, and some time passes until a daemon takes it. Below the ports that the kernel
    gives to outgoing connections."""
    for _ in range(1000):
        port = random.randrange(10000, 32000)
        held = socket.socket(socket.AF_UNIX)
        try:
            held.bind(f"\0vartio-test-port-{port}")
            with socket.socket(socket.AF_INET, kind) as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            held.close()
            continue
        held_ports.append(held)
        return port
    raise Failed("no port is free")


def memory_mib(pid):
    """(resident now, private now, peak resident), as the kernel counts them."""
    roll = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")

    def kib(text, name):
        return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(name))
    return (kib(roll, "Rss:") / 1024, (kib(roll, "Private_Clean:") + kib(roll, "Private_Dirty:")) / 1024,
            kib(status, "VmHWM:") / 1024)


def wait_for(what, ready, seconds=DEADLINE_S, pause=0.05):
    """The first true value that ready() gives; fails with `what` at the deadline."""
    end = time.monotonic() + seconds
    while True:
        value = ready()
        if value:
            return value
        check(time.monotonic() < end, f"waited {seconds} s for {what}")
        time.sleep(pause)


class Process:
    """A child that is ours: its output goes to a file, its end is by its own id."""

    def __init__(self, name, command, log, env=None, cwd=None):
        self.name, self.log = name, pathlib.Path(log)
        self.out = open(self.log, "ab")  # pylint: disable=consider-using-with
        self.child = subprocess.Popen(  # pylint: disable=consider-using-with
            [str(c) for c in command], stdin=subprocess.DEVNULL, stdout=self.out,
            stderr=subprocess.STDOUT, env=env, cwd=cwd)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stop(self, number=signal.SIGTERM, seconds=DEADLINE_S):
        if self.alive():
            self.child.send_signal(number)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise Failed(f"{self.name} did not end within {seconds} s of signal {number}") from None
        self.out.close()
        return self.child.returncode

    def kill(self):
        if self.alive():
            self.child.kill()
        self.child.wait()
        self.out.close()

    def end_clean(self):
        """Fails on a sanitizer's report. What still runs ends in good order, since leaks are told then."""
        if self.alive():
            self.stop()
        found = REPORT.search(self.text())
        check(found is None, f"{self.name}: {found and self.text()[found.start():][:6000]}")


class Region:
    """One collector and its agents, all below one folder."""

    def __init__(self, build, folder):
        self.build, self.folder = pathlib.Path(build), pathlib.Path(folder)
        self.agent_bin = self.build / "agent/vartio-agent"
        self.collector_bin = self.build / "collector/vartio-collector"
        self.port, self.enrol_port, self.metrics_port = free_port(), free_port(), free_port()
        self.collector = None
        self.processes = []
        self.settings = {}
        self.state = self.folder / "collector"
        self.conf = self.folder / "collector.yml"
        self.mail = self.state / "maildir"

    def write_conf(self, **changes):
        """collector.yml as JSON, which is YAML."""
        conf = {
            "state_dir": str(self.state),
            "agents": {"address": "localhost", "names": ["127.0.0.1"], "listen": "127.0.0.1",
                       "port": self.port, "enrol_port": self.enrol_port},
            "rules": {"paths": [str(SOURCE / "rules")]},
            "notify": {"region": {"name": "Seutu-IT", "phone": "+358 40 123 4567",
                                  "email": "valvomo@seutu.example", "language": "fi"},
                       "mail": {"from": "vartio@seutu.example", "maildir": str(self.mail)},
                       "additions": "2s"},
            "metrics": {"port": self.metrics_port},
        }
        self.settings.update(changes)
        for key, value in self.settings.items():
            if isinstance(value, dict) and isinstance(conf.get(key), dict):
                conf[key].update(value)
            else:
                conf[key] = value
        self.conf.write_text(json.dumps(conf, indent=1), encoding="utf-8")

    def start_collector(self, **changes):
        self.write_conf(**changes)
        self.collector = self.spawn("collector", [self.collector_bin, "run", "--config", self.conf])
        # The door for metrics is the last that opens.
        wait_for("the collector to listen", lambda: self.ready("collector", self.metrics_port))

    def ready(self, name, port):
        process = getattr(self, name)
        check(process.alive(), f"{name} ended: {process.text()[-3000:]}")
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def spawn(self, name, command, **kwargs):
        process = Process(name, command, self.folder / f"{name}.log", **kwargs)
        self.processes.append(process)
        return process

    def command(self, *words, code=0, stdin=None):
        """vartio-collector WORDS: its standard output; fails unless it ends with code."""
        return self.run([self.collector_bin, *words, "--config", self.conf], code, stdin)[0]

    def run(self, command, code=0, stdin=None, seconds=DEADLINE_S):
        done = subprocess.run([str(c) for c in command], input=stdin, capture_output=True, text=True,
                              timeout=seconds, check=False)
        check(code is None or done.returncode == code,
              f"{' '.join(str(c) for c in command)} ended with {done.returncode}, expected {code}:\n"
              f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return done.stdout, done.stderr

    def tenant(self, ident="mallila", name="Mallila"):
        self.command("tenant", "add", ident, "--name", name)

    def contact(self, *more, tenant="mallila", name="Maija Meikäläinen",
                address="maija@mallila.example", lang="fi"):
        self.command("contact", "add", "--tenant", tenant, "--name", name, "--email", address,
                     "--lang", lang, *more)

    def token(self, tenant="mallila"):
        return self.command("token", "create", "--tenant", tenant).strip()

    def agent(self, name="palvelin1", inputs=(), tenant="mallila", **changes):
        return Agent(self, name, inputs, tenant, changes)

    def messages(self):
        """The mails in the Maildir, oldest first, parsed."""
        found = sorted((self.mail / "new").glob("*")) if (self.mail / "new").is_dir() else []
        return [email.message_from_bytes(p.read_bytes(), policy=email.policy.default) for p in found]

    def alerts(self, *words):
        return json.loads(self.command("alerts", "list", "--json", *words) or "[]")

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as r:
            return r.read().decode()

    def queue(self, damaged=False):
        """All events of the queue as the judge reads them. While the collector writes, the last record
        may be half there: then it is read again, and must be whole soon. damaged: it must not be."""
        judge = ["/usr/bin/python3", SOURCE / "tests/judge.py", self.state / "queue"]
        for _ in range(20 if self.collector.alive() else 0):
            done = subprocess.run([str(c) for c in judge], capture_output=True, text=True,
                                  timeout=JUDGE_S, check=False)
            if done.returncode == 0:
                return json_lines(done.stdout)
            time.sleep(0.2)
        return json_lines(self.run(judge, code=int(damaged), seconds=JUDGE_S)[0])

    def close(self):
        for process in reversed(self.processes):
            process.kill()


class Agent:
    """An enrolled agent with a folder of its own."""

    def __init__(self, region, name, inputs, tenant, changes):
        self.region, self.name = region, name
        self.state = region.folder / f"agent-{name}"
        self.conf = region.folder / f"agent-{name}.yml"
        self.process = None
        self.write_conf(inputs, **changes)
        self.enrolled = region.run(
            [region.agent_bin, "enrol", "-", "--config", self.conf, "--host", name],
            stdin=region.token(tenant) + "\n")

    def write_conf(self, inputs, **changes):
        conf = {"state_dir": str(self.state), "host_name": self.name, "inputs": list(inputs), **changes}
        self.conf.write_text(json.dumps(conf, indent=1), encoding="utf-8")

    def start(self):
        self.process = self.region.spawn(f"agent-{self.name}",
                                         [self.region.agent_bin, "run", "--config", self.conf])
        wait_for(f"agent {self.name} to answer", self.status)

    def status(self):
        check(self.process.alive(), f"agent {self.name} ended: {self.process.text()[-3000:]}")
        done = subprocess.run([self.region.agent_bin, "status", "--json", "--config", self.conf],
                              capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def shipped(self):
        """True when nothing waits: every record taken has been acknowledged."""
        state = self.status()
        return state is not None and state["spool"]["events"] == 0 and state["collector"]["connected"]

    def stop(self):
        return self.process.stop()


class Guessing(threading.Thread):
    """Log lines of password guessing, each with a number of its own, until told to end."""

    def __init__(self, path, first):
        super().__init__(daemon=True)
        self.path, self.first, self.written, self.ended = path, first, 0, threading.Event()

    def run(self):
        with open(self.path, "a", encoding="utf-8") as out:
            while not self.ended.is_set():
                now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds")
                out.writelines(
                    f"{now} host{n % 7} sshd[7{n % 10}]: Failed password for user{self.first + n:06} from "
                    f"198.51.100.{n % 200} port 40000 ssh2\n"
                    for n in range(self.written, self.written + 20))
                out.flush()
                self.written += 20
                time.sleep(0.02)

    def end(self):
        self.ended.set()
        self.join()


@contextlib.contextmanager
def region(build):
    with tempfile.TemporaryDirectory(prefix="vartio-e2e-") as folder:
        os.chmod(folder, 0o755)
        made = Region(build, folder)
        try:
            yield made
            if SANITIZED:
                for process in reversed(made.processes):
                    process.end_clean()
        except Exception:
            for process in {p.log: p for p in made.processes}.values():
                print(f"# ---- {process.name} ----")
                for line in [t for t in process.text().splitlines() if "msg=command" not in t][-40:]:
                    print(f"# {line}")
            raise
        finally:
            made.close()


def main(*cases):
    """Runs the cases (functions of the build folder), prints TAP, and ends the program."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} BUILD_FOLDER")
    build = pathlib.Path(sys.argv[1]).resolve()
    bad = 0
    print(f"1..{len(cases)}", flush=True)
    for number, case in enumerate(cases, 1):
        title = (case.__doc__ or case.__name__).strip().splitlines()[0]
        try:
            case(build)
            print(f"ok {number} - {title}", flush=True)
        except Skip as why:
            print(f"ok {number} - {title} # SKIP {why}", flush=True)
        except Exception as why:  # pylint: disable=broad-except
            bad += 1
            for line in (str(why) if isinstance(why, Failed) else traceback.format_exc()).splitlines():
                print(f"# {line}")
            print(f"not ok {number} - {title}", flush=True)
    sys.exit(1 if bad else 0)


def unpacked(*packages):
    """A folder with Debian packages unpacked (tests/peers/unpack); Skip where they cannot be had."""
    folder = pathlib.Path(os.environ.get("VARTIO_PEERS", SOURCE / "build-peers")) / packages[0]
    done = subprocess.run([SOURCE / "tests/peers/unpack", folder, *packages], capture_output=True,
                          text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise Skip(f"{packages[0]}: {done.stderr.strip()}")
    return folder

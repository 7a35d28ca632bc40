#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# sanitize: false (what is shipped is built without one)
"""The Debian packages on a clean Debian 12 that systemd runs: build, install, enrol, run, upgrade,
remove, purge. Each case goes on from where the one before it left the machine."""
import datetime
import os
import pathlib
import re
import shutil
import socket
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
from machine import Machine, run  # noqa: E402  pylint: disable=wrong-import-position
from lib import SOURCE, Region, Skip, check, equal, free_port, main, wait_for  # noqa: E402  pylint: disable=wrong-import-position

FIRST, SECOND = "0.0.1", "0.0.2"
ATTACK = SOURCE / "packaging/demo/ssh-attack.log"


class Lab:
    """The packages, the machine, and a region outside of it; None where it is not there yet."""
    folder = machine = region = why = None
    installed = False


def machine():
    if Lab.why is not None:
        raise Skip(Lab.why)
    check(Lab.installed, "the packages are not installed")
    return Lab.machine


def build_debs(folder):
    run(SOURCE / "packaging/deb/build", folder, env=dict(os.environ, VARTIO_DEB_VERSION=FIRST))
    made = sorted(p for p in folder.glob("*.deb") if "dbgsym" not in p.name)
    equal([p.name.split("_")[0] for p in made], ["vartio-agent", "vartio-collector"], "the packages")
    return made


def newer(deb, folder):
    """The next version: the same programs, with settings that the distributor has changed."""
    tree = folder / deb.stem
    run("dpkg-deb", "-R", deb, tree)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text(encoding="utf-8").replace(f"Version: {FIRST}", f"Version: {SECOND}"),
                       encoding="utf-8")
    for conf in (tree / "etc/vartio").iterdir():
        conf.write_text(conf.read_text(encoding="utf-8") + "# a newer line\n", encoding="utf-8")
    out = folder / deb.name.replace(FIRST, SECOND)
    run("dpkg-deb", "--root-owner-group", "-b", tree, out)
    return out


def put(debs):
    folder = Lab.machine.root / "debs"
    folder.mkdir(exist_ok=True)
    for deb in debs:
        shutil.copy(deb, folder)
    return [f"/debs/{deb.name}" for deb in debs]


def installs(build):
    """the packages build, and install with what they depend on"""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        Lab.why = "a clean root needs root and debootstrap"
        raise Skip(Lab.why)
    Lab.folder = pathlib.Path(tempfile.mkdtemp(prefix="vartio-root-"))
    Lab.folder.chmod(0o755)
    try:
        Lab.machine = Machine(Lab.folder)
        Lab.machine.boot()
    except Skip as why:
        Lab.why = str(why)
        raise
    Lab.debs = build_debs(Lab.folder / "debs")
    Lab.region = Region(build, Lab.folder / "outside")
    Lab.region.folder.mkdir()
    Lab.machine.run("apt-get", "update", "-qq")
    Lab.machine.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *put(Lab.debs))
    Lab.installed = True
    for daemon in ("agent", "collector"):
        name = f"vartio-{daemon}"
        user = Lab.machine.run("getent", "passwd", name)
        check("/usr/sbin/nologin" in user, f"the user: {user}")
        equal(Lab.machine.run("stat", "-c", "%a %U %G", f"/var/lib/{name}").strip(),
              f"700 {name} {name}", f"/var/lib/{name}")
        check(not Lab.machine.active(name), f"{name} runs before it was enrolled or set up")
    equal(Lab.machine.run("id", "-Gn", "vartio-agent").split(),
          ["vartio-agent", "adm", "systemd-journal"], "the agent's groups")
    said = Lab.machine.run("vartio-collector", "rules", "check", "/usr/share/vartio/rules")
    check(re.search(r"^[1-9]\d* rules loaded, 0 rejected$", said, re.M), f"the packaged rules: {said}")


def enrols(_build):
    """enrolling is all that an administrator does: the agent starts, and the journal arrives"""
    there, reg = machine(), Lab.region
    reg.start_collector()
    reg.tenant()
    faults = there.run("vartio-agent", "check", code=1)
    check("enrol this agent" in faults, f"check does not say what helps: {faults}")
    said = there.run("vartio-agent", "enrol", "-", stdin=reg.token() + "\n")
    check("starts by itself" in said, f"enrol said: {said}")
    for name, mode in (("agent.key", "600"), ("agent.crt", "600"), ("ca.crt", "600")):
        equal(there.run("stat", "-c", "%a %U", f"/var/lib/vartio-agent/{name}").strip(),
              f"{mode} vartio-agent", name)
    wait_for("the agent to start", lambda: there.active("vartio-agent"))
    wait_for("the agent to reach the collector", lambda: "connected to" in
             there.run("vartio-agent", "status", code=None))
    said = there.run("vartio-agent", "check")
    check("good" in said, f"check said: {said}")
    there.run("systemd-cat", "-t", "sshd", "echo", "a line from the clean machine")
    wait_for("the line of the journal", lambda: any(
        "a line from the clean machine" in e["event"].get("message", "") for e in reg.queue()))
    equal(there.shows("vartio-agent", "NRestarts"), "0", "restarts of the agent")


def stops(_build):
    """an agent that its administrator stops stays stopped"""
    there = machine()
    there.run("systemctl", "stop", "vartio-agent")
    there.run("systemctl", "reset-failed", code=None)
    check(not there.active("vartio-agent"), "the agent started again by itself")
    check(there.active("vartio-agent.path"), "nothing waits for an enrolment")
    there.run("systemctl", "start", "vartio-agent")


def region_conf(ports):
    return f"""\
agents:
  address: 127.0.0.1
  port: {ports[0]}
  enrol_port: {ports[1]}
rules:
  paths: [/usr/share/vartio/rules]
notify:
  region: {{name: Seutu-IT, phone: "+358 40 123 4567", email: valvomo@seutu.example, language: fi}}
  mail: {{from: vartio@seutu.example}}
metrics:
  port: {ports[2]}
"""


def attack(path):
    """The recorded attack, moved so that it ends now, as rsyslog would write it."""
    lines = ATTACK.read_text(encoding="utf-8").splitlines()
    times = [datetime.datetime.fromisoformat(line.split(" ", 1)[0]) for line in lines]
    shift = datetime.datetime.now(datetime.timezone.utc) - times[-1]
    with open(path, "a", encoding="utf-8") as out:
        for line, at in zip(lines, times):
            out.write(f"{(at + shift).isoformat(timespec='microseconds')} {line.split(' ', 1)[1]}\n")


def whole_chain(_build):
    """both daemons do all their work inside their units: file and low port to the message"""
    there = machine()
    (there.root / "etc/vartio/collector.yml").write_text(region_conf([free_port() for _ in range(3)]),
                                                         encoding="utf-8")
    there.run("systemctl", "enable", "--now", "vartio-collector")
    # As root, once through the running daemon and once without: no file may become root's.
    there.run("vartio-collector", "tenant", "add", "mallila", "--name", "Mallila")
    there.run("systemctl", "stop", "vartio-collector")
    there.run("vartio-collector", "contact", "add", "--tenant", "mallila", "--name", "Maija Meikäläinen",
              "--email", "maija@mallila.example", "--lang", "fi")
    equal(there.run("find", "/var/lib/vartio-collector", "-not", "-user", "vartio-collector"), "",
          "files that are not the collector's")
    there.run("systemctl", "start", "vartio-collector")
    token = there.run("vartio-collector", "token", "create", "--tenant", "mallila").splitlines()[-1]
    log, conf = there.root / "var/log/auth.log", there.root / "etc/vartio/agent.yml"
    log.touch()
    there.run("chown", "root:adm", "/var/log/auth.log")
    there.run("chmod", "640", "/var/log/auth.log")
    conf.unlink()
    said = there.run("vartio-agent", "enrol", "-", stdin=token + "\n")
    check("sudo systemctl restart vartio-agent" in said, f"enrolling again said: {said}")
    there.run("systemctl", "restart", "vartio-agent")
    with open(conf, "a", encoding="utf-8") as out:
        out.write("  - type: file\n    paths: [/var/log/auth.log]\n"
                  "  - type: syslog-udp\n    listen: 127.0.0.9:514\n")
    there.run("systemctl", "reload", "vartio-agent")
    check("good" in there.run("vartio-agent", "check"), "check of the enlarged settings")
    attack(log)
    new = there.root / "var/lib/vartio-collector/maildir/new"
    wait_for("the message", lambda: new.is_dir() and any(
        b"maija@mallila.example" in p.read_bytes() for p in new.iterdir()))
    wait_for("the line from the low port", lambda: said_to_514(there), pause=1)
    said = there.run("vartio-collector", "alerts", "list")
    check(re.search(r"^VA-\w{8}\tmallila\thigh\t", said, re.M), f"alerts list: {said}")
    for name in ("vartio-agent", "vartio-collector"):
        equal((there.shows(name, "NRestarts"), there.shows(name, "Result")), ("0", "success"),
              f"{name}: {there.journal(name)}")


def said_to_514(there):
    """Says a line to the agent's syslog port, as a switch does; true when one is in the queue."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"<38>Nov 23 10:00:00 switch1 link: port 7 is up", ("127.0.0.9", 514))
    lines = run("/usr/bin/python3", SOURCE / "tests/judge.py", there.root / "var/lib/vartio-collector/queue")
    return "port 7 is up" in lines


def upgrades(_build):
    """an upgrade keeps keys and changed settings, renews unchanged ones, restarts what runs"""
    there = machine()
    key = (there.root / "var/lib/vartio-agent/agent.key").read_bytes()
    conf = (there.root / "etc/vartio/collector.yml").read_text(encoding="utf-8")
    there.run("systemctl", "stop", "vartio-collector")
    before = there.shows("vartio-agent", "MainPID")
    folder = Lab.folder / "newer"
    folder.mkdir()
    there.run("apt-get", "install", "-y", "-qq", "--no-install-recommends",
              "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
              *put([newer(deb, folder) for deb in Lab.debs]))
    for name in ("vartio-agent", "vartio-collector"):
        equal(there.run("dpkg-query", "-W", "-f", "${Version} ${db:Status-Status}", name),
              f"{SECOND} installed", name)
    check((there.root / "var/lib/vartio-agent/agent.key").read_bytes() == key, "the key changed")
    equal((there.root / "etc/vartio/collector.yml").read_text(encoding="utf-8"), conf, "changed settings")
    check((there.root / "etc/vartio/collector.yml.dpkg-dist").exists(), "the newer settings are not there")
    check("a newer line" in (there.root / "etc/vartio/agent.yml.example").read_text(encoding="utf-8"),
          "the unchanged example was not renewed")
    wait_for("the new agent", lambda: there.active("vartio-agent"))
    check(there.shows("vartio-agent", "MainPID") != before, "the old agent still runs")
    check(not there.active("vartio-collector"), "a stopped collector was started")
    check(there.active("vartio-agent.path"), "nothing waits for an enrolment")


def removes(_build):
    """removing keeps data and settings, purging deletes them"""
    there = machine()
    names = ("vartio-agent", "vartio-collector")
    said = there.run("apt-get", "remove", "-y", *names)
    for name in names:
        check(f"data and keys are kept in /var/lib/{name}" in said, f"remove said: {said}")
        check(not there.active(name), f"{name} still runs")
        check(not (there.root / "usr/bin" / name).exists(), f"{name} is still there")
    for kept in ("var/lib/vartio-agent/agent.key", "var/lib/vartio-collector/collector.db",
                 "etc/vartio/agent.yml", "etc/vartio/collector.yml"):
        check((there.root / kept).exists(), f"{kept} is gone")
    said = there.run("apt-get", "purge", "-y", *names)
    for name in names:
        check(f"deleting /var/lib/{name}" in said, f"purge said: {said}")
        check(not (there.root / "var/lib" / name).exists(), f"/var/lib/{name} is still there")
    check(not (there.root / "etc/vartio").exists(), "/etc/vartio is still there")
    equal(there.run("systemctl", "list-unit-files", "vartio*", "--no-legend", code=None).strip(), "",
          "units that are left")


def clean(_build):
    """the machine stops, and nothing of it is left"""
    if Lab.region is not None:
        Lab.region.close()
    if Lab.machine is not None:
        Lab.machine.stop()
    if Lab.folder is not None:
        shutil.rmtree(Lab.folder)
    if Lab.why is not None:
        raise Skip(Lab.why)


main(installs, enrols, stops, whole_chain, upgrades, removes, clean)

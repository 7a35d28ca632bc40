#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""What goes wrong in real life: each gives a clear message, and nothing already accepted is lost."""
import collections
import contextlib
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import time

from lib import SOURCE, Skip, check, equal, main, region, wait_for
from sshlab import unprivileged

NUMBER = re.compile(r"line (\d{6})\b")


@contextlib.contextmanager
def watched(build, **settings):
    """A region, an empty log, and an agent that follows it when it is started."""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        log = reg.folder / "app.log"
        log.touch()
        yield reg, log, reg.agent(inputs=[{"type": "file", "paths": [str(log)]}], **settings)


def enrol(reg, token, name, code=1):
    """vartio-agent enrol into a folder of its own: what it says."""
    conf = reg.folder / f"agent-{name}.yml"
    conf.write_text(f'{{"state_dir": "{reg.folder}/agent-{name}", '
                    f'"inputs": [{{"type": "file", "paths": ["{reg.folder}/x.log"]}}]}}', encoding="utf-8")
    return reg.run([reg.agent_bin, "enrol", "-", "--config", conf, "--host", name], code,
                   token + "\n")[1]


def says(text, *words):
    for word in words:
        check(re.search(word, text, re.I), f"the message lacks /{word}/:\n{text}")


def tokens(build):
    """wrong, expired and used tokens are refused, each with its own reason"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        good = reg.token()
        says(enrol(reg, "hello", "a"), "token", "vt1_")
        cut = enrol(reg, good[:-6], "b")
        says(cut, "token")
        other = reg.token()
        wrong = good[:-8] + ("A" * 8 if not good.endswith("A" * 8) else "B" * 8)
        says(enrol(reg, wrong, "c"), "token")
        with sqlite3.connect(reg.state / "collector.db", timeout=10) as db:
            db.execute("UPDATE token SET expires_ns = 1000000000")
        says(enrol(reg, other, "d"), "token", "expired", "new|another")
        fresh = reg.token()
        enrol(reg, fresh, "e", code=0)
        says(enrol(reg, fresh, "f"), "token", "used", "new|another")


def strangers(build):
    """another region's certificate, and a revoked agent, are cut off; both ends say why"""
    with region(build) as reg, region(build) as other:
        for each in (reg, other):
            each.start_collector()
            each.tenant()
        log = reg.folder / "app.log"
        log.write_text("one\n", encoding="utf-8")
        agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]}])
        inputs = [{"type": "file", "paths": [str(log)]}]
        stranger = other.agent(name="vieras", inputs=inputs)
        # The stranger keeps its key and certificate and calls at our door, trusting our authority.
        shutil.copy(agent.state / "ca.crt", stranger.state / "ca.crt")
        stranger.write_conf(inputs, collector={"addresses": [f"localhost:{reg.port}"]})
        stranger.start()
        wait_for("the stranger to be refused", lambda: refused(stranger))
        agent.start()
        wait_for("the agent's event", agent.shipped)
        ident = reg.command("agent", "list", "--json")
        check("mallila" in ident, ident)
        reg.command("agent", "revoke", agent_id(agent))
        wait_for("the open connection to be cut", lambda: not agent.status()["collector"]["connected"])
        wait_for("the collector to say so", lambda: "revoked" in reg.collector.text())
        log.write_text("one\ntwo\n", encoding="utf-8")
        time.sleep(1)
        equal([r["event"]["message"] for r in reg.queue() if r["event"].get("message") == "two"], [],
              "events after revocation")


def refused(agent):
    state = agent.status()
    return not state["collector"]["connected"] and state["collector"]["failures"] > 0 \
        and state["collector"]["problem"]


def agent_id(agent):
    text = (agent.state / "enrolment.json").read_text(encoding="utf-8")
    return re.search(r'"agent":\s*"([^"]+)"', text).group(1)


def tenants_apart(build):
    """an event that names another municipality still belongs to its certificate's"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant("mallila")
        reg.tenant("toisela", "Toisela")
        log = reg.folder / "app.json"
        log.write_text('{"message": "claim", "organization": {"id": "toisela"}, '
                       '"organization.id": "toisela", "agent": {"id": "x"}, "event": {"id": "y"}}\n',
                       encoding="utf-8")
        agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)], "format": "json"}])
        agent.start()
        wait_for("the event", lambda: agent.status()["inputs"][0]["events"] == 1 and agent.shipped())
        records = [r for r in reg.queue() if r["event"].get("message") == "claim"]
        equal([r["tenant"] for r in records], ["mallila"], "tenant")


def collector_down(build):
    """the collector is down: the agent says so, keeps its events, and delivers each once"""
    with watched(build) as (reg, log, agent):
        agent.start()
        wait_for("the connection", lambda: agent.status()["collector"]["connected"])
        reg.collector.stop()
        with open(log, "a", encoding="utf-8") as out:
            out.writelines(f"line {n:06}\n" for n in range(5000))
        wait_for("the agent to notice", lambda: not agent.status()["collector"]["connected"])
        wait_for("the spool to hold them", lambda: agent.status()["spool"]["events"] >= 5000)
        says(agent.status()["collector"]["problem"], "localhost", "refused|answer|closed")
        says(enrol(reg, "vt1_" + "A" * 90, "late"), "token|refused|answer")
        reg.start_collector()
        wait_for("everything to be acknowledged", agent.shipped)
        exactly_once(reg, 5000)


def exactly_once(reg, total):
    seen = collections.Counter(int(m.group(1)) for m in (
        NUMBER.search(r["event"].get("message", "")) for r in reg.queue()) if m)
    equal((len(seen), max(seen.values())), (total, 1), "lines in the queue, and most often")


def full_disk(build):
    """the disk under the spool is full: one line says so, inputs wait, nothing is lost"""
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-U", "-m", "-r"]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode != 0:
        raise Skip("no mount namespace for a small disk")
    with watched(build) as (reg, log, agent):
        keep = reg.folder / "enrolled"
        shutil.copytree(agent.state, keep)
        small = (f"mount -t tmpfs -o size=160m,mode=700 tmpfs {agent.state} && cp -a {keep}/. {agent.state}/"
                 f" && exec {reg.agent_bin} run --config {agent.conf}")
        agent.process = reg.spawn("agent-small-disk", [*unshare, "sh", "-c", small])
        disk = pathlib.Path(f"/proc/{agent.process.pid}/root{agent.state}")
        wait_for("the spool", lambda: (disk / "spool").is_dir() and agent_up(agent))
        reg.collector.stop()
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as out:
            try:
                while True:
                    out.write(b"\0" * 65536)
            except OSError:
                pass
        # More than a segment (4 MiB), since one may have its place on the disk already.
        with open(log, "a", encoding="utf-8") as out:
            out.writelines(f"line {n:06} {os.urandom(100).hex()}\n" for n in range(60000))
        wait_for("the agent to say it", lambda: re.search(r"spool.*(space|full)",
                                                          agent.process.text(), re.I | re.S))
        check(agent.process.text().count("No space left") < 20, "more than a line a fault")
        filler.unlink()
        reg.start_collector()
        wait_for("the rest to be read", lambda: all_lines(reg, 60000), pause=1)
        exactly_once(reg, 60000)


def agent_up(agent):
    check(agent.process.alive(), f"the agent ended: {agent.process.text()}")
    return "started" in agent.process.text()


def all_lines(reg, total):
    return sum(1 for r in reg.queue() if NUMBER.search(r["event"].get("message", ""))) >= total


def unreadable_file(build):
    """a file that cannot be read is named, with the line that repairs it, and taken up when it can be"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        secret = reg.folder / "secret.log"
        secret.write_text("line 000000\n", encoding="utf-8")
        agent = reg.agent(inputs=[{"type": "file", "paths": [str(secret)]}])
        secret.chmod(0)
        for path in (agent.state, *agent.state.iterdir()):
            if os.geteuid() == 0:
                os.chown(path, 65534, 65534)
        done = subprocess.run([*unprivileged(), reg.agent_bin, "check", "--config", agent.conf],
                              capture_output=True, text=True, check=False)
        equal(done.returncode, 1, "exit code of check")
        says(done.stdout + done.stderr, re.escape(str(secret)), "usermod|setfacl|chmod")
        agent.process = reg.spawn("agent-nobody", [*unprivileged(), reg.agent_bin, "run", "--config",
                                                   agent.conf])
        wait_for("a warning", lambda: str(secret) in agent.process.text())
        secret.chmod(0o644)
        wait_for("the file to be read", lambda: all_lines(reg, 1), pause=0.5)


def does_not_start(process, *patterns):
    wait_for("it to end", lambda: not process.alive())
    equal(process.child.returncode, 1, f"exit code of {process.name}")
    says(process.text(), *patterns)
    equal(len(process.text().splitlines()), 1, f"lines of {process.name}")


def folders_of_events(build):
    """a folder of events that others can read, that is no folder, or a link to none, is named with what helps"""
    with watched(build) as (reg, log, agent):
        agent.start()
        agent.stop()
        spool = agent.state / "spool"
        for folder in (spool, spool / "keep", spool / "lossy"):
            equal(oct(folder.stat().st_mode & 0o777), "0o700", f"mode of {folder}")
            folder.chmod(0o755)
            out, _ = reg.run([reg.agent_bin, "check", "--config", agent.conf], 1)
            says(out, rf"^spool: {re.escape(str(folder))} is open to others: chmod 0700 ")
            equal(len(out.splitlines()), 1, "lines of check")
            does_not_start(reg.spawn(f"agent-{folder.name}", [reg.agent_bin, "run", "--config", agent.conf]),
                    rf"{re.escape(str(folder))} is open to others: chmod 0700 ")
            folder.chmod(0o700)
        spool.rename(agent.state / "away")
        spool.touch()
        out, _ = reg.run([reg.agent_bin, "check", "--config", agent.conf], 1)
        says(out, rf"^spool: {re.escape(str(spool))} is not a folder: move it away")
        does_not_start(reg.spawn("agent-file", [reg.agent_bin, "run", "--config", agent.conf]), "is not a folder")
        spool.unlink()
        spool.symlink_to(agent.state / "unmounted")
        nowhere = rf"{re.escape(str(spool))} is a link that leads nowhere: make or mount the folder "
        out, _ = reg.run([reg.agent_bin, "check", "--config", agent.conf], 1)
        says(out, rf"^spool: {nowhere}{re.escape(str(agent.state / 'unmounted'))}, or remove the link")
        does_not_start(reg.spawn("agent-link", [reg.agent_bin, "run", "--config", agent.conf]), nowhere)
        spool.unlink()
        reg.run([reg.agent_bin, "check", "--config", agent.conf])
        reg.collector.stop()
        queue = reg.state / "queue"
        for folder in (queue, queue / "readers", queue / "quarantine", queue / "log", reg.state / "signals"):
            equal(oct(folder.stat().st_mode & 0o777), "0o700", f"mode of {folder}")
            folder.chmod(0o750)
            does_not_start(reg.spawn(f"collector-{folder.name}", [reg.collector_bin, "run", "--config", reg.conf]),
                    rf"{re.escape(str(folder))} is open to others: chmod 0700 ")
            folder.chmod(0o700)
        reg.start_collector()


def cleaned_folders(build):
    """the folders of events are cleaned under both daemons: one line each says so, and nothing is lost"""
    with watched(build, status_every="1s") as (reg, log, agent):
        agent.start()

        def write(first, last):
            with log.open("a", encoding="utf-8") as f:
                f.writelines(f"line {n:06}\n" for n in range(first, last))
        write(0, 50)
        wait_for("the lines", lambda: all_lines(reg, 50), pause=0.2)
        shutil.rmtree(reg.state / "queue/log")
        write(50, 100)
        wait_for("all lines", lambda: (reg.state / "queue/log").is_dir() and all_lines(reg, 100), pause=0.2)
        wait_for("the collector to say so",
                 lambda: re.search("was removed, and is made anew.*folder=queue/log", reg.collector.text()))
        check("vartio_queue_remade_files_total 1" in reg.metrics(), "the metric")
        reg.collector.stop()
        write(100, 150)
        wait_for("lines in the spool", lambda: agent.status()["spool"]["events"] >= 50)
        shutil.rmtree(agent.state / "spool")
        wait_for("the agent to say so", lambda: "spool/keep that was being written was removed" in
                 agent.process.text())
        wait_for("files of both lanes", lambda: agent.status()["spool"]["remade_files"] == 2)
        agent.process.kill()
        agent.start()
        reg.start_collector()
        wait_for("all lines", lambda: all_lines(reg, 150), pause=0.2)
        wait_for("an empty spool", agent.shipped)
        numbers = [m.group(0) for m in (NUMBER.search(r["event"].get("message", "")) for r in reg.queue()) if m]
        equal((len(numbers), len(set(numbers))), (150, 150), "lines, and different ones")


def bad_configuration(build):
    """a bad configuration is refused by file, line and column; a reload leaves the old one in force"""
    with watched(build) as (reg, log, agent):
        good = agent.conf.read_text(encoding="utf-8")
        bad = reg.folder / "bad.yml"
        bad.write_text("state_dir: /tmp/x\nspool:\n  max_bytes: 2 bananas\n", encoding="utf-8")
        for words in (["run"], ["check"], ["status"]):
            _, err = reg.run([reg.agent_bin, *words, "--config", bad], 1)
            says(err, rf"{re.escape(str(bad))}:3:14", "max_bytes", "2GiB")
        bad.write_text("state_dir: /tmp/x\ninputs: [{type: file, paths: []}]\n", encoding="utf-8")
        for words in (["run"], ["check"]):
            _, err = reg.run([reg.agent_bin, *words, "--config", bad], 1)
            says(err, rf"{re.escape(str(bad))}:2:30: paths: expected at least one")
        bad.write_text("agents:\n  adress: x\n", encoding="utf-8")
        _, err = reg.run([reg.collector_bin, "run", "--config", bad], 1)
        says(err, rf"{re.escape(str(bad))}:2:", "adress", "address")
        agent.start()
        agent.conf.write_text("inputs: [{type: telepathy}]\n", encoding="utf-8")
        agent.process.child.send_signal(signal.SIGHUP)
        wait_for("the refusal", lambda: "telepathy" in agent.process.text())
        log.write_text("line 000000\n", encoding="utf-8")
        wait_for("the old input to go on", lambda: all_lines(reg, 1), pause=0.5)
        agent.conf.write_text(good, encoding="utf-8")


def stopped_while_reloading(build):
    """a stop that arrives during a reload is not lost, for either daemon; --config may stand first"""
    with watched(build) as (reg, log, agent):
        for _ in range(5):
            agent.process = reg.spawn("agent-again", [reg.agent_bin, "--config", agent.conf, "run"])
            wait_for("the agent to answer", agent.status)
            for number in (signal.SIGSTOP, signal.SIGHUP, signal.SIGTERM, signal.SIGCONT):
                agent.process.child.send_signal(number)
            equal(agent.process.child.wait(60), 0, "the agent's exit")
        for number in (signal.SIGSTOP, signal.SIGHUP, signal.SIGTERM, signal.SIGCONT):
            reg.collector.child.send_signal(number)
        equal(reg.collector.child.wait(60), 0, "the collector's exit")
        reg.run([reg.collector_bin, "--config", reg.conf, "tenant", "list"])


def stopped_at_once(build):
    """a stop that comes as soon as the collector's last door is open ends it in good order"""
    with region(build) as reg:
        reg.write_conf()
        for _ in range(12):
            reg.collector = reg.spawn("collector", [reg.collector_bin, "run", "--config", reg.conf])
            wait_for("the door", lambda: reg.ready("collector", reg.metrics_port), pause=0.0005)
            reg.collector.child.send_signal(signal.SIGTERM)
            equal(reg.collector.child.wait(60), 0, "the collector's exit")


def broken_rule(build):
    """a broken rule is named by path, line and column; the others run; a reload swaps good ones in"""
    with region(build) as reg:
        rules = reg.folder / "rules"
        shutil.copytree(SOURCE / "rules", rules)
        broken = rules / "broken.yml"
        broken.write_text("title: Broken\nid: 11111111-2222-4333-8444-555555555555\nlogsource:\n"
                          "  product: linux\ndetection:\n  a:\n    message: x\n  condition: a and\n",
                          encoding="utf-8")
        out, _ = reg.run([reg.collector_bin, "rules", "check", rules], 1)
        says(out, rf"broken\.yml:8:\d+: ", r"rules loaded, 1 rejected\s*$")
        reg.start_collector(rules={"paths": [str(rules)]})
        wait_for("the log line", lambda: "broken.yml:8" in reg.collector.text())
        broken.unlink()
        reg.collector.child.send_signal(signal.SIGHUP)
        wait_for("the reload", lambda: re.search("rules.*(reload|loaded)", reg.collector.text()))
        out, _ = reg.run([reg.collector_bin, "rules", "check", rules], 0)
        says(out, r"\d+ rules loaded, 0 rejected\s*$")


main(tokens, strangers, tenants_apart, collector_down, full_disk, unreadable_file, folders_of_events,
     cleaned_folders, bad_configuration,
     stopped_while_reloading, stopped_at_once, broken_rule)

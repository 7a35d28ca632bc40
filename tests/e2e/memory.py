#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# sanitize: false (a sanitizer's shadow memory is no measure of ours)
"""How much memory an agent takes: idle, under each kind of load, with a full spool and while a backlog
drains, and after work. Bounds, no times."""
import contextlib
import datetime
import socket
import time

from lib import check, free_port, main, memory_mib, region, wait_for

IDLE_MIB, IDLE_PRIVATE_MIB, PEAK_MIB = 9, 3, 16
LINES = 100_000


def started(reg):
    """An agent with one file and one syslog input, connected, with nothing left to send."""
    log = reg.folder / "auth.log"
    log.touch()
    port = free_port(socket.SOCK_DGRAM)
    agent = reg.agent(inputs=[{"type": "file", "paths": [str(log)]},
                              {"type": "syslog-udp", "listen": f"127.0.0.1:{port}"}], status_every="1s")
    agent.start()
    wait_for("the first status event to be acknowledged",
             lambda: agent.shipped() and agent.status()["collector"]["blocks"] > 0)
    return agent, log, port


def say(what, memory):
    print(f"# {what}: {memory[0]:.2f} MiB resident, {memory[1]:.2f} private, peak {memory[2]:.2f}")


def check_idle(what, agent):
    time.sleep(2)
    resident, private, _peak = memory = memory_mib(agent.process.pid)
    say(what, memory)
    wait_for("the agent to be connected, and its last status event to be gone", agent.shipped)
    check(resident < IDLE_MIB, f"{what}: {resident:.2f} MiB resident, the bound is {IDLE_MIB}")
    check(private < IDLE_PRIVATE_MIB,
          f"{what}: {private:.2f} MiB private, the bound is {IDLE_PRIVATE_MIB}")


def idle(build):
    """an idle agent with its TLS connection open stays small"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        check_idle("idle", started(reg)[0])


def after_work(build):
    """under load an agent stays bounded, and afterwards it gives the memory back"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        agent, log, port = started(reg)
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        with open(log, "a", encoding="utf-8") as out, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            for n in range(LINES):
                line = f"sshd[{n % 30000}]: Failed password for root from 192.0.2.7 port {n % 60000} ssh2"
                out.write(f"{now} palvelin1 {line}\n")
                if n % 10 == 0:
                    udp.sendto(f"<38>{now} kytkin1 {line}".encode(), ("127.0.0.1", port))
        wait_for("the lines to be taken",
                 lambda: agent.status()["inputs"][0]["events"] == LINES)
        wait_for("everything to be acknowledged", agent.shipped)
        say("at work", memory_mib(agent.process.pid))
        peak = memory_mib(agent.process.pid)[2]
        check(peak < PEAK_MIB, f"peak {peak:.2f} MiB resident, the bound is {PEAK_MIB}")
        check_idle("idle again", agent)


def now_text():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


def lines(count, of="palvelin1"):
    """Lines of sshd, each with a number of its own."""
    now = now_text()
    return (f"{now} {of} sshd[{n % 30000}]: Failed password for root from 192.0.2.{n % 250} port {n % 60000} ssh2\n"
            for n in range(count))


def taken(agent):
    return sum(i["events"] for i in agent.status()["inputs"])


@contextlib.contextmanager
def loaded(build, what, inputs, **changes):
    """An agent with those inputs (made from the region); afterwards its peak is held."""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        agent = reg.agent(inputs=inputs(reg), **changes)
        agent.start()
        wait_for("the connection", agent.shipped)
        yield reg, agent
        wait_for("everything to be acknowledged", agent.shipped)
        memory = memory_mib(agent.process.pid)
        say(what, memory)
        check(memory[2] < PEAK_MIB, f"{what}: peak {memory[2]:.2f} MiB resident, the bound is {PEAK_MIB}")


def syslog_burst(build):
    """a burst of syslog over UDP and over many TCP connections stays bounded, and each drop is counted"""
    ports = free_port(socket.SOCK_DGRAM), free_port()
    with loaded(build, "syslog", lambda reg: [
            {"type": "syslog-udp", "listen": f"127.0.0.1:{ports[0]}"},
            {"type": "syslog-tcp", "listen": f"127.0.0.1:{ports[1]}"}]) as (_reg, agent):
        with contextlib.ExitStack() as stack:
            udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            tcp = [stack.enter_context(socket.create_connection(("127.0.0.1", ports[1]))) for _ in range(50)]
            for n, line in enumerate(lines(100_000, "kytkin1")):
                if n % 2 == 0:
                    udp.sendto(f"<38>{line}".encode(), ("127.0.0.1", ports[0]))
                else:
                    tcp[n % 50].sendall(f"<38>{line}".encode())
        wait_for("all of TCP to be taken, and all of UDP to be taken or counted as dropped", lambda: [
            i["events"] + i["dropped"] for i in agent.status()["inputs"]] == [50_000, 50_000])


def long_lines(build):
    """lines far over the limit stay bounded"""
    with loaded(build, "long lines", lambda reg: [
            {"type": "file", "paths": [str(reg.folder / "long.log")], "from": "beginning"}]) as (reg, agent):
        with open(reg.folder / "long.log", "w", encoding="utf-8") as out:
            for n in range(60):
                out.write(f"{now_text()} palvelin1 app[{n}]: " + ("x\\\"\x01" * 400_000)[:1_500_000] + "\n")
        wait_for("the lines to be taken", lambda: taken(agent) == 60)


def many_files(build):
    """500 files that grow at once stay bounded"""
    with loaded(build, "500 files", lambda reg: [
            {"type": "file", "paths": [str(reg.folder / "many/*.log")]}]) as (reg, agent):
        (reg.folder / "many").mkdir()
        for n in range(500):
            (reg.folder / f"many/{n}.log").write_text("".join(lines(200)), encoding="utf-8")
        wait_for("the lines to be taken", lambda: taken(agent) == 100_000)


def backlog(build):
    """a spool filled to its bound while the collector is away, and 300 MB of events behind it, stay bounded"""
    count = 400_000
    udp_port = free_port(socket.SOCK_DGRAM)
    with loaded(build, "a backlog drained", lambda reg: [
            {"type": "file", "paths": [str(reg.folder / "auth.log")], "from": "beginning"},
            {"type": "syslog-udp", "listen": f"127.0.0.1:{udp_port}"}],
                spool={"max_bytes": "8MiB"}) as (reg, agent):
        reg.collector.stop()
        with open(reg.folder / "auth.log", "w", encoding="utf-8") as out:
            out.writelines(lines(count))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            for line in lines(50_000, "kytkin1"):
                udp.sendto(f"<38>{line}".encode(), ("127.0.0.1", udp_port))
        seen = [-1, -2]

        def full():
            seen.append(agent.status()["inputs"][0]["events"])
            return 0 < seen[-1] == seen[-2] == seen[-3]
        wait_for("the spool to be full", full, pause=1)
        check(seen[-1] < count, "the spool took everything: it was never full")
        say("spool full, collector away", memory_mib(agent.process.pid))
        check(memory_mib(agent.process.pid)[2] < PEAK_MIB, "a full spool takes more than the bound")
        reg.start_collector()
        wait_for("the lines to be taken", lambda: agent.status()["inputs"][0]["events"] == count, seconds=240)


main(idle, after_work, syslog_burst, long_lines, many_files, backlog)

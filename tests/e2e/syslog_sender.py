#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""A real rsyslog sends to the agent's syslog inputs, by each framing and format."""
import collections
import re
import socket
import time

from lib import Skip, check, equal, free_port, main, region, wait_for
from sshlab import Rsyslog

LINES = 2000
NUMBER = re.compile(r"number (\d{6})$")
FORWARD = ('*.* action(type="omfwd" target="127.0.0.1" port="{port}" protocol="{protocol}" '
           'TCP_Framing="{framing}" template="{template}" queue.type="LinkedList" '
           'action.resumeRetryCount="-1")\n')


def dropped(agent):
    """What the agent says it could not keep: at the socket, and in the spool."""
    state = agent.status()
    return state["inputs"][0]["dropped"] + state["spool"]["events_dropped"]


def send(build, protocol, framing, template):
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        port = free_port(socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM)
        agent = reg.agent(inputs=[{"type": f"syslog-{protocol}", "listen": f"127.0.0.1:{port}"}])
        agent.start()
        sender = Rsyslog(reg, "sender", FORWARD.format(port=port, protocol=protocol, framing=framing,
                                                       template=template))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.connect(str(sender.socket))
            for n in range(LINES):
                log.send(f"<38>Nov 23 08:00:00 sshd[{n}]: number {n:06}".encode())
                if protocol == "udp" and n % 50 == 49:
                    time.sleep(0.02)  # a datagram that the kernel has no room for is gone: no storm
        wait_for("all lines", lambda: agent.status()["inputs"][0]["events"] + dropped(agent) >= LINES)
        wait_for("all to be acknowledged", agent.shipped)
        gone = dropped(agent)
        check(gone == 0 or protocol == "udp", f"{gone} dropped by an input that can wait")
        seen = collections.Counter()
        for record in reg.queue():
            event = record["event"]
            match = NUMBER.search(event.get("message", ""))
            if match:
                seen[int(match.group(1))] += 1
                equal(event["process"]["name"], "sshd", "process.name")
                equal(event["log"]["source"]["address"].split(":")[0], "127.0.0.1", "log.source.address")
        equal((len(seen) + gone, set(seen.values())), (LINES, {1}),
              f"lines with the {gone} that were counted as dropped, and how often each came")


def tcp_lines(build):
    """TCP, LF-terminated (RFC 6587 3.4.2), RFC 3164"""
    send(build, "tcp", "traditional", "RSYSLOG_TraditionalForwardFormat")


def tcp_counted(build):
    """TCP, octet-counted (RFC 6587 3.4.1), RFC 5424"""
    send(build, "tcp", "octet-counted", "RSYSLOG_SyslogProtocol23Format")


def udp(build):
    """UDP (RFC 5426), RFC 3164 with high-precision times"""
    send(build, "udp", "traditional", "RSYSLOG_ForwardFormat")


def unix(build):
    """unix datagram: logger(1) of this machine"""
    import shutil  # pylint: disable=import-outside-toplevel
    if shutil.which("logger") is None:
        raise Skip("logger(1) is not installed")
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        path = reg.folder / "dev-log"
        agent = reg.agent(inputs=[{"type": "syslog-unix", "path": str(path)}])
        agent.start()
        wait_for("the socket", path.exists)
        for text in ("plain words", "päivää", "50 % done %s %n"):
            reg.run(["logger", "-u", path, "-t", "backup", "-p", "daemon.err", text])
        wait_for("all lines", lambda: agent.status()["inputs"][0]["events"] >= 3)
        wait_for("all to be acknowledged", agent.shipped)
        events = [r["event"] for r in reg.queue() if r["event"].get("process", {}).get("name") == "backup"]
        equal(sorted(e["message"] for e in events), sorted(["plain words", "päivää", "50 % done %s %n"]),
              "messages")
        check(all(e["log"]["syslog"]["severity"]["name"].lower().startswith("err") for e in events),
              "severity")


main(tcp_lines, tcp_counted, udp, unix)

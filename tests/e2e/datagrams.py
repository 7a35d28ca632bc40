#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Datagrams that the kernel drops are counted, told to the region, and stay counted over a reload."""
import re
import signal
import socket

from lib import check, equal, free_port, main, region, wait_for

SENT = 3000
NUMBER = re.compile(r"number (\d{6})\b")


def numbers(reg):
    return [n[1] for n in (NUMBER.search(r["event"].get("message", "")) for r in reg.queue()) if n]


def told(reg):
    """What the last status event in the queue says was dropped: in all, and by inputs."""
    said = [r["event"]["vartio"]["agent"] for r in reg.queue()
            if r["event"].get("vartio", {}).get("agent", {}).get("dropped") is not None]
    return (int(said[-1]["dropped"]), int(said[-1]["dropped_by_inputs"])) if said else None


def flood(agent, port, first):
    """A stopped agent's socket gets far more than it holds; nothing follows."""
    agent.process.child.send_signal(signal.SIGSTOP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for n in range(first, first + SENT):
            out.sendto(f"<13>Nov 23 08:00:00 sw1 app: number {n:06} {'x' * 400}".encode(), ("127.0.0.1", port))
    agent.process.child.send_signal(signal.SIGCONT)


def row(agent):
    return agent.status()["inputs"][0]


def whole(agent, sent):
    """True when all that was sent is taken or counted."""
    state = row(agent)
    return state["events"] + state["dropped"] == sent


def dropped(build):
    """what the kernel drops is in the status and in the status event at once, and a reload forgets none"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        port = free_port(socket.SOCK_DGRAM)
        agent = reg.agent(inputs=[{"type": "syslog-udp", "listen": f"127.0.0.1:{port}",
                                   "receive_buffer_bytes": 65536}], status_every="1s")
        agent.start()
        wait_for("the first status event", lambda: told(reg) == (0, 0))
        flood(agent, port, 0)
        wait_for("all to be taken or counted", lambda: whole(agent, SENT))
        was = row(agent)
        check(was["dropped"] > SENT // 2, f"the socket held all but {was['dropped']}")
        wait_for("the region to hear it", lambda: told(reg) == (was["dropped"], was["dropped"]))
        agent.process.child.send_signal(signal.SIGHUP)
        wait_for("the reload", lambda: "inputs reopened" in agent.process.text())
        equal({k: row(agent)[k] for k in ("events", "bytes", "dropped", "last_event")},
              {k: was[k] for k in ("events", "bytes", "dropped", "last_event")}, "counters after a reload")
        flood(agent, port, SENT)
        wait_for("all to be taken or counted", lambda: whole(agent, 2 * SENT))
        now = row(agent)["dropped"]
        wait_for("the region to hear the sum", lambda: told(reg) == (now, now))
        wait_for("all to arrive", agent.shipped)
        seen = numbers(reg)
        equal((len(seen), len(set(seen))), (2 * SENT - now, 2 * SENT - now), "events in the queue, and different ones")
        # An input that the settings name no more: what it dropped is not forgotten.
        (reg.folder / "x.log").touch()
        agent.write_conf([{"type": "file", "paths": [str(reg.folder / "x.log")]}], status_every="1s")
        agent.process.child.send_signal(signal.SIGHUP)
        wait_for("the reload", lambda: row(agent)["type"] == "file")
        equal(row(agent)["dropped"], 0, "dropped by the new input")
        count = len(reg.queue())
        wait_for("another status event", lambda: len(reg.queue()) > count + 1)
        equal(told(reg), (now, now), "told of an input that is gone")


main(dropped)

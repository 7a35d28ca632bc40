#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Two hundred agents on one collector, each with its own certificate, spool and connection."""
import re

from lib import DEADLINE_S, equal, main, region, wait_for
from swarm import Swarm

AGENTS = 200


def counted(reg, name):
    return sum(float(v) for v in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", reg.metrics(), re.M))


def all_return(build):
    """a killed collector's agents all come back by themselves, and every event is there once"""
    with region(build) as reg:
        reg.write_conf()
        reg.tenant()
        swarm = Swarm(reg, AGENTS)
        reg.start_collector()
        with swarm:
            swarm.do("up")
            swarm.ask("lost")
            reg.collector.kill()
            swarm.answer()
            reg.start_collector()
            back = swarm.do("back")
            swarm.do("say")
            wait_for("all to be connected", lambda: counted(reg, "vartio_listen_connections") == AGENTS,
                     seconds=DEADLINE_S)
            equal(counted(reg, "vartio_listen_refused_total"), 0, "connections refused")
            equal(counted(reg, "vartio_listen_rejected_total"), 0, "connections rejected")
        reg.collector.stop()
        events = [e for e in reg.queue() if e["event"]["message"] == "agent status"]
        equal(len(events), 2 * AGENTS + len(back["latency_ms"]), "events in the queue")
        equal(len({e["id"] for e in events}), len(events), "different events")
        equal(len({e["sender"] for e in events}), AGENTS, "senders")


main(all_return)

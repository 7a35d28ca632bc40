#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Wall clocks that jump, at the agent and at the collector: by an hour and a day both ways, and by
three years and back again; under load, on an open line, over reconnects and restarts."""
import shim
from faultlib import (ATTACK, DEADLINE_S, Feed, attack_events, check, chosen, equal, judge, main, settle,
                      wait_for, world)

HOUR, DAY, YEAR = 3600, 86400, 365 * 86400
# How far off the clock is, one after the other: certificates begin a day before they are made.
NEAR = (HOUR, -HOUR, DAY, 60 - DAY, 0)
OFTEN = {"status_every": "1s"}
NOT_YET, ENDED = "is not valid yet by this machine's clock", "the certificate expired on"


def set_clock(w, victim, seconds):
    """The clock of victim is off by that much from now on."""
    disk = w.disks[victim]
    shim.clock_jump(disk, seconds - disk.get("clock_ns") / 1e9)


def flows(w, feed, what, seconds=DEADLINE_S):
    """What was written until now, and a little more, comes to stand in alerts."""
    upto = feed.written + 100
    wait_for(f"the alerts to count {upto} lines {what}", lambda: attack_events(w) >= upto, pause=0.2,
             seconds=seconds)


def restart(w, who):
    w.process(who).kill()
    w.start(who)


def other(victim):
    return "collector" if victim == "agent" else "agent"


def end(w, feed):
    """All is there once, one mail at least went out, and nobody was told that an agent went back."""
    feed.end()
    settle(w, feed)
    wait_for("the alerts to count every line", lambda: attack_events(w) == feed.written)
    wait_for("a mail", w.reg.messages)
    equal({a["name"] for a in w.reg.alerts()}, {"ssh-password-guessing"}, "alerts")
    judge(w, feed, least=399)


def near(build, victim):
    with world(build, agent=OFTEN) as w:
        feed = Feed(w.log, rotations=3, text=ATTACK, rate=400)
        feed.start()
        flows(w, feed, "before any jump")
        for off in NEAR:
            set_clock(w, victim, off)
            flows(w, feed, f"on the open line, the {victim}'s clock {off} s off")
            restart(w, other(victim))
            flows(w, feed, f"over a new line, the {victim}'s clock {off} s off")
            restart(w, victim)
            flows(w, feed, f"after a restart, the {victim}'s clock {off} s off")
        end(w, feed)


def agent_near(build):
    """the agent's clock jumps by an hour and by a day, both ways: lines flow on, alerts count them"""
    near(build, "agent")


def collector_near(build):
    """the collector's clock jumps by an hour and by a day, both ways: lines flow on, alerts count them"""
    near(build, "collector")


def far(build, victim, reason, again):
    """Three years ahead no certificate is valid: lines wait, it is said why, and all come afterwards.
    again: victim starts anew meanwhile."""
    with world(build, agent=OFTEN) as w:
        feed = Feed(w.log, rotations=3, text=ATTACK, rate=400)
        feed.start()
        flows(w, feed, "before any jump")
        set_clock(w, victim, 3 * YEAR)
        feed.rest(1)
        restart(w, victim if again else other(victim))
        wait_for("the agent to say why it sends nothing", lambda: reason in w.agent.process.text())
        feed.rest(1)
        held = w.agent.status()["spool"]["events"]
        check(held > 0, "nothing waits")
        set_clock(w, victim, 0)
        flows(w, feed, "that waited", 2 * DEADLINE_S)
        end(w, feed)


def agent_far(build):
    """the agent's clock jumps three years ahead and back again"""
    far(build, "agent", ENDED, False)


def agent_far_restart(build):
    """the agent's clock jumps three years ahead and back again, with a restart in between"""
    far(build, "agent", ENDED, True)


def collector_far(build):
    """the collector's clock jumps three years ahead and back again"""
    far(build, "collector", "our certificate has expired", False)


def collector_far_restart(build):
    """the collector's clock jumps three years ahead and back again, with a restart in between"""
    far(build, "collector", NOT_YET, True)


def agent_behind(build):
    """the agent's clock is a year behind: it says that its time must be checked, and loses nothing"""
    with world(build, agent=OFTEN) as w:
        feed = Feed(w.log, rotations=3, text=ATTACK, rate=400)
        feed.start()
        set_clock(w, "agent", -YEAR)
        restart(w, "agent")
        wait_for("the agent to say what to do",
                 lambda: NOT_YET in w.agent.process.text() and "check its time" in w.agent.process.text())
        feed.rest(1)
        set_clock(w, "agent", 0)
        flows(w, feed, "that waited", 2 * DEADLINE_S)
        end(w, feed)


CASES = (agent_near, collector_near, agent_far, agent_far_restart, collector_far, collector_far_restart,
         agent_behind)

if __name__ == "__main__":
    main(*chosen(CASES))

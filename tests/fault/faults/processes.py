# SPDX-License-Identifier: EUPL-1.2
"""What happens to the two daemons."""
import signal
import time

from faults import Fault


class KillAgent(Fault):
    """kill -9 of the agent, which comes back after the span."""
    name, locks, kills, weight = "kill-agent", ("agent",), True, 6
    span_s = (0.0, 1.0)

    def begin(self, world, dice):
        world.kill_agent()

    def end(self, world, dice):
        world.start_agent()


class KillCollector(Fault):
    """kill -9 of the collector, which comes back after the span."""
    name, locks, weight = "kill-collector", ("collector",), 6
    span_s = (0.0, 1.5)

    def begin(self, world, dice):
        world.kill_collector()

    def end(self, world, dice):
        world.start_collector()


class KillBoth(Fault):
    """Both at once, and back in either order."""
    name, locks, kills = "kill-both", ("agent", "collector"), True
    span_s = (0.0, 1.0)

    def begin(self, world, dice):
        world.kill_collector()
        world.kill_agent()

    def end(self, world, dice):
        back = [world.start_agent, world.start_collector]
        dice.shuffle(back)
        for start in back:
            start()


class KillOften(Fault):
    """The agent is killed again as soon as it answers, several times: no start makes progress for long."""
    name, locks, kills = "kill-agent-often", ("agent",), True
    span_s = (0.0, 0.1)

    def begin(self, world, dice):
        for _ in range(dice.randrange(2, 5)):
            world.kill_agent()
            world.start_agent()
            time.sleep(dice.uniform(0, 0.3))


class StallAgent(Fault):
    """The agent does not run for a while (SIGSTOP): a starved or suspended machine."""
    name, locks, drops = "stall-agent", ("agent",), True

    def begin(self, world, dice):
        world.agent.process.child.send_signal(signal.SIGSTOP)

    def end(self, world, dice):
        world.agent.process.child.send_signal(signal.SIGCONT)


class StallCollector(Fault):
    name, locks = "stall-collector", ("collector",)

    def begin(self, world, dice):
        world.reg.collector.child.send_signal(signal.SIGSTOP)

    def end(self, world, dice):
        world.reg.collector.child.send_signal(signal.SIGCONT)


class StallThenKill(Fault):
    """The receiver stalls first, so that sockets fill, and is then killed: where shippers without
    acknowledgements of their own lose what the socket held."""
    name, locks, weight = "stall-then-kill-collector", ("collector",), 5
    span_s = (0.5, 3.0)

    def begin(self, world, dice):
        world.reg.collector.child.send_signal(signal.SIGSTOP)

    def end(self, world, dice):
        world.kill_collector()
        time.sleep(dice.uniform(0, 0.5))
        world.start_collector()


class RestartAgent(Fault):
    """SIGTERM, and a start after the span: an upgrade."""
    name, locks = "restart-agent", ("agent",)
    span_s = (0.0, 1.0)

    def begin(self, world, dice):
        world.stop_agent()

    def end(self, world, dice):
        world.start_agent()


class RestartCollector(Fault):
    name, locks = "restart-collector", ("collector",)
    span_s = (0.0, 1.0)

    def begin(self, world, dice):
        world.stop_collector()

    def end(self, world, dice):
        world.start_collector()


class ReloadAgent(Fault):
    """SIGHUP, several in a row: inputs are opened anew, certificates read again."""
    name, locks = "reload-agent", ("agent",)
    span_s = (0.0, 0.1)

    def begin(self, world, dice):
        for _ in range(dice.randrange(1, 4)):
            world.reload_agent()
            time.sleep(dice.uniform(0, 0.2))


class ReloadCollector(Fault):
    name, locks = "reload-collector", ("collector",)
    span_s = (0.0, 0.1)

    def begin(self, world, dice):
        for _ in range(dice.randrange(1, 4)):
            world.reg.collector.child.send_signal(signal.SIGHUP)
            time.sleep(dice.uniform(0, 0.2))


FAULTS = [KillAgent, KillCollector, KillBoth, KillOften, StallAgent, StallCollector, StallThenKill,
          RestartAgent, RestartCollector, ReloadAgent, ReloadCollector]

# SPDX-License-Identifier: EUPL-1.2
"""What happens to certificates while events flow. tests/e2e/certificates.py shows that they are taken
into use; here it must cost no line."""
import signal
import time

from faults import Fault


class RenewedServer(Fault):
    """The collector's certificate is made anew, at a reload, and connections are cut so that it counts."""
    name, locks, weight = "certificate-renewed", ("collector", "link"), 2
    span_s = (0.2, 1.0)

    def begin(self, world, dice):
        path = world.reg.state / "ca/server.crt"
        old = path.read_bytes()
        path.unlink()
        world.reg.collector.child.send_signal(signal.SIGHUP)
        world.until("another certificate", lambda: path.exists() and path.read_bytes() != old)
        world.proxy.cut()


class TornAgent(Fault):
    """The agent's certificate is half written when it is told to reload, and whole a while later."""
    name, locks, weight = "certificate-torn", ("agent",), 2
    span_s = (0.2, 1.0)

    def begin(self, world, dice):
        path = world.agent.state / "agent.crt"
        self.whole = path.read_bytes()
        path.write_bytes(self.whole[:dice.randrange(len(self.whole))])
        world.reload_agent()
        world.proxy.cut()
        time.sleep(dice.uniform(0, 0.5))

    def end(self, world, dice):
        (world.agent.state / "agent.crt").write_bytes(self.whole)
        world.reload_agent()


FAULTS = [RenewedServer, TornAgent]

#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""What receiving forwarded Windows events costs the agent, all of it: from the socket through the
durable spool to the collector's acknowledgement. Clients (tests/peers/forwarders) have made,
compressed and encrypted before what they send.

  kerberos  50 clients (SLDC, Kerberos), each with a batch under way at a time: batches of 1, 20, 500
  alone     one client with batches of 1: no other's batch shares its sync
  paced     the 50 with batches of 20, due at 10,000 events a second: milliseconds from when a batch
            was due to its Ack
  tls       2,000 clients with certificates that hold their connections: resident memory

CPU-seconds are the agent's alone. The cost of a batch of n is fixed + n * each: the line through the
three sizes (least squares of relative errors). The collector's queue must hold what was sent, once,
else there are no figures. Events are the recorded ones of VARTIO_CORPUS, else made ones.
"""
import argparse
import random
import statistics

from bench import Meter, machine, need_build
from counted import blocks_of_queue
from forwarders import Forwarders
from lib import memory_mib, region, wait_for
import logs
import wef_corpus
import wefclient as wc
import wefdomain

CLIENTS, HELD = 50, 2000
RATE = 10_000


def texts():
    """Events as Windows sends them, 1.2 KB on average."""
    if logs.corpus() is not None:
        events = wef_corpus.corpus()
        random.Random(logs.SEED).shuffle(events)
        return events
    draw = random.Random(logs.SEED)
    return [wc.event(0, 4624, data=logs.made(draw)["winlog"]["event_data"]) for _ in range(5000)]


class Run:
    """A Domain's agent, and all that was sent to it."""

    def __init__(self, reg, **settings):
        self.reg, self.sent = reg, 0
        self.dom = wefdomain.Domain(reg, **settings)
        self.agent = self.dom.agent
        self.pid = self.agent.process.pid
        wait_for("the agent's first status event", self.agent.shipped)

    def send(self, forwarders, size, batches, rate=0):
        """What the forwarders measured, and the agent's CPU-seconds until all is acknowledged."""
        forwarders.do(f"make {size} {batches}")
        meter = Meter(self.pid)
        told = forwarders.do(f"send {rate}")
        wait_for("all to be acknowledged", self.agent.shipped, seconds=300, pause=0.2)
        self.sent += told["events"]
        return told, meter.total()

    def judged(self):
        """Events in the queue are those that were sent."""
        self.agent.stop()
        self.reg.collector.stop()
        found = blocks_of_queue(self.reg, mark=b'"winlog":{').marked
        if found != self.sent:
            raise SystemExit(f"{found} events in the queue, {self.sent} were sent: no figures")


def line(costs):
    """(fixed, each) of the line nearest to {n: cost}, by relative errors."""
    rows = [(1 / c, n / c) for n, c in costs.items()]
    aa, ab, bb = (sum(r[i] * r[j] for r in rows) for i, j in ((0, 0), (0, 1), (1, 1)))
    a, b = (sum(r[i] for r in rows) for i in (0, 1))
    det = aa * bb - ab * ab
    return (a * bb - b * ab) / det, (aa * b - ab * a) / det


def batch_cost(run, many, size, batches, quick):
    """Microseconds of CPU a batch, the median of a few runs."""
    found = []
    for _ in range(1 if quick else 3):
        told, spent = run.send(many, size, batches)
        found.append(spent / told["requests"] * 1e6)
    cost = statistics.median(found)
    print(f"batches of {size:3}: {cost:8.0f} us of CPU each ({min(found):.0f} to {max(found):.0f}), {cost / size:6.1f} "
          f"an event; {told['events'] / told['seconds']:.0f} events/s, Ack p50 {told['p50_ms']:.1f} ms, "
          f"p99 {told['p99_ms']:.1f}", flush=True)
    return cost


def by_kerberos(events, quick):
    share = 1 if quick else 3
    with region(need_build()) as reg:
        kdc, port, settings = wefdomain.kerberos(reg, [])
        kdc.machines(f"ws{n}" for n in range(CLIENTS + 1))
        run = Run(reg, **settings)
        with Forwarders(run.dom, CLIENTS, events, port) as many, Forwarders(run.dom, 1, events, port, CLIENTS) as one:
            many.do("up")
            one.do("up")
            run.send(many, 20, 10)
            costs = {}
            for size, batches in ((1, 60 * share), (20, 20 * share)):
                costs[size] = batch_cost(run, many, size, batches, quick)
            told, spent = run.send(one, 1, 200 * share)
            print(f"alone, batches of 1: {spent / told['requests'] * 1e6:.0f} us of CPU each; Ack p50 "
                  f"{told['p50_ms']:.1f} ms, p99 {told['p99_ms']:.1f}", flush=True)
            paced, spent = run.send(many, 20, (3 if quick else 30) * RATE // 20 // CLIENTS, RATE)
            print(f"paced: {paced['events'] / paced['seconds']:.0f} events/s, {spent / paced['events'] * 1e6:.1f} us of CPU "
                  f"an event; Ack p50 {paced['p50_ms']:.1f} ms, p99 {paced['p99_ms']:.1f}, max {paced['max_ms']:.1f}", flush=True)
            usual = memory_mib(run.pid)
            costs[500] = batch_cost(run, many, 500, share, quick)
            large = memory_mib(run.pid)
        print(f"agent with {CLIENTS} connections: {usual[0]:.1f} MiB resident after batches of 20, {usual[1]:.1f} private, "
              f"peak {usual[2]:.1f}; after those of 500 {large[0]:.1f}, peak {large[2]:.1f}", flush=True)
        run.judged()
    fixed, each = line(costs)
    return {"cpu_us_per_event": each, "cpu_us_per_event_20": costs[20] / 20, "ms_per_request": fixed / 1000,
            "rss_mib_50": usual[0], "rss_peak_mib_50": usual[2], "rss_peak_mib_50_large": large[2],
            "ack_p99_ms": paced["p99_ms"]}


def by_tls(events):
    with region(need_build()) as reg:
        run = Run(reg)
        alone = memory_mib(run.pid)
        with Forwarders(run.dom, HELD, events) as held:
            took = held.do("up")["seconds"]
            held.do("beat")
            idle = memory_mib(run.pid)
            run.send(held, 5, 2)
            beaten = held.do("beat")
            after = memory_mib(run.pid)
        print(f"{HELD} TLS connections, up in {took:.1f} s: {alone[0]:.1f} MiB resident alone, {idle[0]:.1f} after a heartbeat "
              f"of each, {after[0]:.1f} after two batches of each ({after[1]:.1f} private, peak {after[2]:.1f}); "
              f"{beaten['requests'] / beaten['seconds']:.0f} heartbeats/s", flush=True)
        run.judged()
    return {f"rss_mib_{HELD}": max(idle[0], after[0]), f"rss_peak_mib_{HELD}": after[2]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="under 50 s on a quiet machine")
    parser.add_argument("--parts", default="kerberos,tls", help="of these: kerberos,tls")
    args = parser.parse_args()
    need_build("tests/peers/forwarders")
    events, figures = texts(), {}
    print(f"{machine()}; {len(events)} events of {sum(map(len, events)) / len(events):.0f} characters", flush=True)
    if "kerberos" in args.parts:
        figures.update(by_kerberos(events, args.quick))
    if "tls" in args.parts:
        figures.update(by_tls(events))
    print("wef: " + " ".join(f"{k}={v:.3f}" for k, v in figures.items()))


if __name__ == "__main__":
    main()

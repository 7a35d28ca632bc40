#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""A fleet of agents (spool and ship, each with its own certificate) on one collector: what an idle
agent takes of the collector's memory, and how all come back after it was killed and started again.

Every agent must have its events acknowledged before and after, and the queue must hold them, else
there are no figures.
"""
import argparse
import re
import statistics
import threading
import time

from bench import Meter, machine, need_build
from counted import blocks_of_queue, metric
from lib import memory_mib, region
from swarm import Swarm


class Watch(threading.Thread):
    """Handshakes and CPU-seconds of the collector, each quarter of a second."""

    def __init__(self, reg):
        super().__init__(daemon=True)
        self.reg, self.rows, self.ended = reg, [], threading.Event()

    def run(self):
        meter = Meter(self.reg.collector.pid)
        while not self.ended.wait(0.25):
            text = self.reg.metrics()
            self.rows.append((time.monotonic(), metric(text, "vartio_listen_accepted_total"), meter.total()))

    def end(self):
        self.ended.set()
        self.join()

    def peaks(self):
        """Handshakes a second and processors, in the busiest second."""
        best = [0.0, 0.0]
        for first in self.rows:
            for last in self.rows:
                if last[0] - first[0] >= 0.9:
                    took = last[0] - first[0]
                    best = [max(best[i], (last[i + 1] - first[i + 1]) / took) for i in (0, 1)]
                    break
        return best


def at(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def ready(reg):
    reg.start_collector()
    return memory_mib(reg.collector.pid)


def restart(reg, swarm):
    """kill -9, start; the swarm's answer when all are back, and the watch."""
    swarm.ask("lost")
    time.sleep(0.2)
    reg.collector.kill()
    swarm.answer()
    reg.start_collector()
    watch = Watch(reg)
    watch.start()
    back = swarm.do("back")
    watch.end()
    return back, watch


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="under 50 s")
    parser.add_argument("--agents", type=int)
    args = parser.parse_args()
    count = args.agents or (500 if args.quick else 2000)
    with region(need_build("tests/peers/swarm", "tests/peers/swarm_certs")) as reg:
        reg.write_conf()
        reg.tenant()
        swarm = Swarm(reg, count)
        alone = ready(reg)
        time.sleep(1)
        alone = memory_mib(reg.collector.pid)
        with swarm:
            up = swarm.do("up")
            time.sleep(3)
            idle, cpu = memory_mib(reg.collector.pid), Meter(reg.collector.pid)
            time.sleep(5)
            idle_cpu = cpu.total() / 5
            back, watch = restart(reg, swarm)
            said = swarm.do("say")
            time.sleep(3)
            again = memory_mib(reg.collector.pid)
            text = reg.metrics()
        reg.collector.stop()
        events = blocks_of_queue(reg).events
        if events != 2 * count + len(back["latency_ms"]):
            raise SystemExit(f"{events} events in the queue: no figures")
        report(count, alone, idle, idle_cpu, again, up, back, said, watch, text)


def report(count, alone, idle, idle_cpu, again, up, back, said, watch, text):
    each = (idle[1] - alone[1]) * 1024 / count
    refused = metric(text, "vartio_listen_refused_total")
    reasons = re.findall(r'^vartio_listen_handshakes_failed_total{reason="(\w+)"} ([1-9]\d*)', text, re.M)
    broken = sum(int(n) for _, n in reasons)
    handshakes, processors = watch.peaks()
    slow = sorted(back["latency_ms"]) or [0]
    print(f"{machine()}; {count} agents, first up in {up['ms'] / 1000:.1f} s")
    print(f"collector: alone {alone[0]:.1f} MiB resident ({alone[1]:.1f} private), with all idle {idle[0]:.1f} "
          f"({idle[1]:.1f}), {each:.1f} KiB an agent, {idle_cpu * 100:.2f} % of a core; peak {idle[2]:.1f}; "
          f"after the restart {again[0]:.1f}, peak {again[2]:.1f}")
    print(f"restart: back after {back['back_ms'][-1] / 1000:.1f} s from the first loss; half in {at(back['back_ms'], 0.5) / 1000:.1f} s, "
          f"90 % in {at(back['back_ms'], 0.9) / 1000:.1f} s; away for {back['away_ms'][0]} to {back['away_ms'][-1]} ms "
          f"(median {statistics.median(back['away_ms']):.0f}); {back['failures']} attempts that failed; handshakes broken off: {dict(reasons) or 0}; "
          f"{handshakes:.0f} handshakes/s and {processors:.2f} cores of the collector in the busiest second")
    print(f"meanwhile {len(back['latency_ms'])} events of connected agents: acknowledged after "
          f"{statistics.median(slow):.0f} ms (median), {slow[-1]} at most; afterwards an event of each: all "
          f"acknowledged in {said['ms'] / 1000:.1f} s")
    print(f"fleet: agents={count} collector_rss_mib={idle[0]:.2f} collector_peak_rss_mib={max(idle[2], again[2]):.2f} "
          f"idle_agent_kib={each:.2f} back_s={back['back_ms'][-1] / 1000:.2f} back_half_s={at(back['back_ms'], 0.5) / 1000:.2f} "
          f"handshakes_per_s_peak={handshakes:.0f} collector_cores_peak={processors:.2f} refused={refused} "
          f"handshake_failures={broken} latency_p50_ms={statistics.median(slow):.0f} latency_max_ms={slow[-1]}")


main()

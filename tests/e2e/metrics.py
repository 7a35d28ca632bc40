#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""OpenMetrics of both daemons, read by an independent parser (python3-prometheus-client)."""
import urllib.error
import urllib.request

from lib import Skip, check, equal, main, region, wait_for

LINES = 500
COLLECTOR = ("vartio_queue_events", "vartio_queue_bytes", "vartio_queue_repeated_events",
             "vartio_detect_events", "vartio_detect_lag_bytes", "vartio_detect_lag_seconds",
             "vartio_correlate_lag_bytes", "vartio_alerts_raised", "vartio_messages",
             "vartio_messages_pending", "vartio_messages_oldest_seconds", "vartio_rules_loaded",
             "vartio_collector_start_time_seconds")
AGENT = ("vartio_agent_connected", "vartio_agent_sent_events", "vartio_agent_spooled_events",
         "vartio_agent_spool_dropped_events", "vartio_agent_spool_events", "vartio_agent_spool_bytes",
         "vartio_agent_spool_oldest_seconds", "vartio_agent_input_events",
         "vartio_agent_input_dropped_events")


def families(text):
    try:
        from prometheus_client.openmetrics.parser import (  # pylint: disable=import-outside-toplevel
            text_string_to_metric_families)
    except ImportError:
        raise Skip("python3-prometheus-client is not installed") from None
    return {f.name: f for f in text_string_to_metric_families(text)}


def total(found, name):
    return sum(s.value for s in found[name].samples)


def both(build):
    """both texts parse, name what they promise, and count what happened"""
    with region(build) as reg:
        reg.start_collector()
        reg.tenant()
        log = reg.folder / "app.log"
        log.write_text("".join(f"line {n}\n" for n in range(LINES)), encoding="utf-8")
        agent = reg.agent(inputs=[{"type": "file", "id": "app", "paths": [str(log)]}])
        agent.start()
        wait_for("the lines", lambda: agent.status()["inputs"][0]["events"] == LINES)
        wait_for("all to be acknowledged", agent.shipped)
        wait_for("detection", lambda: total(families(reg.metrics()), "vartio_detect_events") >= LINES)
        ours = families(reg.metrics())
        theirs = families(reg.run([agent.region.agent_bin, "status", "--metrics", "--config",
                                   agent.conf])[0])
        equal([n for n in COLLECTOR if n not in ours], [], "missing of the collector")
        equal([n for n in AGENT if n not in theirs], [], "missing of the agent")
        check(total(ours, "vartio_queue_events") >= LINES, "events in the queue")
        equal([s.value for s in theirs["vartio_agent_input_events"].samples
               if s.labels == {"input": "app"}], [LINES], "the input's events")
        equal(total(theirs, "vartio_agent_connected"), 1, "connected")
        check(1.7e9 < total(ours, "vartio_collector_start_time_seconds") % 1e10 and
              total(ours, "vartio_collector_start_time_seconds") % 1000 != 0, "a rounded start time")


def only_metrics(build):
    """the metrics door answers nothing else, and says where to look"""
    with region(build) as reg:
        reg.start_collector()
        base = f"http://127.0.0.1:{reg.metrics_port}"
        with urllib.request.urlopen(f"{base}/health", timeout=10) as answer:
            equal(answer.status, 200, "health")
        try:
            urllib.request.urlopen(f"{base}/../etc/passwd", timeout=10)  # pylint: disable=consider-using-with
            check(False, "another path was answered")
        except urllib.error.HTTPError as why:
            equal(why.code, 404, "another path")


main(both, only_metrics)

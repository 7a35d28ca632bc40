/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/report/overview.h"

#include <stdio.h>

#include "common/base/time.h"

/* One sample with no labels; the table's order is the text's. */
struct row {
	const char *name, *type, *help;
	const metric *value;
};

static void put_rows(struct buf *out, const struct row *rows, size_t n)
{
	char full[96];

	for (size_t i = 0; i < n; i++) {
		metrics_family(out, rows[i].name, rows[i].type, rows[i].help);
		snprintf(full, sizeof(full), "%s%s", rows[i].name,
			 rows[i].type[0] == 'c' ? "_total" : "");
		metrics_u64(out, full, metric_get(rows[i].value), NULL);
	}
}
#define PUT_ROWS(out, rows) put_rows(out, rows, sizeof(rows) / sizeof((rows)[0]))

/* A moment as how long ago it was; nothing waiting is 0. */
static void put_age(struct buf *out, const char *name, const char *help, const metric *since,
		    int64_t now_ns)
{
	int64_t t = (int64_t)metric_get(since);

	metrics_family(out, name, "gauge", help);
	metrics_f64(out, name, t > 0 && now_ns > t ? (double)(now_ns - t) / 1e9 : 0.0, NULL);
}

static void put_queue(const struct queue *q, struct buf *out)
{
	const struct queue_stats *st = queue_stats(q);
	const struct row rows[] = {
		{ "vartio_queue_events", "counter", "Events made durable.", &st->events_in },
		{ "vartio_queue_blocks", "counter", "Blocks made durable.", &st->blocks_in },
		{ "vartio_queue_in_bytes", "counter", "Compressed bytes made durable.",
		  &st->bytes_in },
		{ "vartio_queue_repeated_events", "counter",
		  "Events that came again and were dropped.", &st->events_repeated },
		{ "vartio_queue_repeated_blocks", "counter",
		  "Blocks that came again and were dropped.", &st->blocks_repeated },
		{ "vartio_queue_conflicting_blocks", "counter",
		  "Blocks that came again with other content.", &st->blocks_conflicting },
		{ "vartio_queue_commits", "counter", "Group commits.", &st->commits },
		{ "vartio_queue_failed_commits", "counter", "Commits that the disk refused.",
		  &st->failed },
		{ "vartio_queue_quarantined_blocks", "counter",
		  "Stored blocks that could not be read.", &st->quarantined },
		{ "vartio_queue_damaged", "gauge",
		  "Places of the queue that were found damaged when it was opened.", &st->damaged },
		{ "vartio_queue_damaged_events", "gauge",
		  "Events at those of these places that rules had judged before; as many as can "
		  "be told.",
		  &st->events_damaged },
		{ "vartio_queue_torn_bytes", "gauge",
		  "Bytes cut off the end of the queue when it was opened: a write that never "
		  "ended.",
		  &st->torn_bytes },
		{ "vartio_queue_remade_files", "counter",
		  "Files of the queue that were removed while they were written, and made anew.",
		  &st->remade },
		{ "vartio_queue_tail_blocks", "counter", "Blocks that a reader took from memory.",
		  &st->tail_blocks },
		{ "vartio_queue_bytes", "gauge", "Bytes of the queue on disk.", &st->bytes },
	};

	PUT_ROWS(out, rows);
}

static void put_detect(const struct worker *wk, int64_t now_ns, struct buf *out)
{
	const struct worker_stats *st = worker_stats(wk);
	const struct row rows[] = {
		{ "vartio_detect_events", "counter", "Events that rules were applied to.",
		  &st->events },
		{ "vartio_detect_matches", "counter", "Matches of detection rules.", &st->matches },
		{ "vartio_detect_signals", "counter", "Signals made durable.", &st->signals },
		{ "vartio_detect_unreadable_events", "counter", "Events that could not be read.",
		  &st->unreadable },
		{ "vartio_detect_regex_limits", "counter",
		  "Values on which a regular expression reached its limit.", &st->gave_up },
		{ "vartio_detect_unjudged_events", "counter",
		  "Events passed over, since there was no memory to judge them.", &st->unjudged },
		{ "vartio_detect_errors", "counter", "Faults of the detect thread.", &st->errors },
		{ "vartio_detect_lag_bytes", "gauge",
		  "Bytes of the queue that detect has not read.", &st->lag_bytes },
	};

	PUT_ROWS(out, rows);
	put_age(out, "vartio_detect_lag_seconds",
		"Age of the oldest event that detect has not read.", &st->oldest_ns, now_ns);
}

static void put_alerts(const struct desk *dk, struct buf *out)
{
	const struct desk_stats *st = desk_stats(dk);
	const struct row rows[] = {
		{ "vartio_correlate_signals", "counter", "Signals taken.", &st->signals },
		{ "vartio_correlate_replayed_signals", "counter",
		  "Signals read again to rebuild windows.", &st->replayed },
		{ "vartio_correlate_unreadable_signals", "counter",
		  "Signals that could not be read.", &st->unreadable },
		{ "vartio_correlate_lag_bytes", "gauge", "Bytes of signals not yet taken.",
		  &st->lag_bytes },
		{ "vartio_alerts_errors", "counter", "Faults of the alert thread.", &st->errors },
	};

	PUT_ROWS(out, rows);
	desk_metrics(dk, out);
}

static void put_messages(const struct notifier *nt, int64_t now_ns, struct buf *out)
{
	const struct notify_stats *st = notifier_stats(nt);

	metrics_family(out, "vartio_messages", "counter", "Attempts to send a message, by result.");
	metrics_u64(out, "vartio_messages_total", metric_get(&st->sent), "result", "sent", NULL);
	metrics_u64(out, "vartio_messages_total", metric_get(&st->failed_attempts), "result",
		    "failed", NULL);
	metrics_u64(out, "vartio_messages_total", metric_get(&st->refused), "result", "refused",
		    NULL);
	metrics_family(out, "vartio_messages_late", "gauge",
		       "Messages that wait longer than notify.max_age.");
	metrics_u64(out, "vartio_messages_late", metric_get(&st->late), NULL);
	metrics_family(out, "vartio_messages_pending", "gauge", "Messages waiting to be sent.");
	metrics_u64(out, "vartio_messages_pending", metric_get(&st->pending), NULL);
	put_age(out, "vartio_messages_oldest_seconds", "Age of the oldest unsent message.",
		&st->oldest_ns, now_ns);
}

void overview_metrics(const struct overview *ov, int64_t now_ns, struct buf *out)
{
	metrics_family(out, "vartio_collector_info", "gauge", "The version that runs.");
	metrics_u64(out, "vartio_collector_info", 1, "version", VARTIO_VERSION, NULL);
	metrics_family(out, "vartio_collector_start_time_seconds", "gauge", "When it was started.");
	metrics_f64(out, "vartio_collector_start_time_seconds", (double)ov->started_ns / 1e9, NULL);
	metrics_family(out, "vartio_collector_certificate_expires_seconds", "gauge",
		       "When the certificate that agents are shown ends, in seconds since 1970.");
	metrics_u64(out, "vartio_collector_certificate_expires_seconds", (uint64_t)ov->cert_ends_s,
		    NULL);
	metrics_family(out, "vartio_rules_loaded", "gauge", "Rules in force.");
	metrics_u64(out, "vartio_rules_loaded", ov->rules, NULL);
	metrics_family(out, "vartio_rules_rejected", "gauge",
		       "Rules of the last load that did not load.");
	metrics_u64(out, "vartio_rules_rejected", metric_get(&ov->reload->rejected), NULL);
	metrics_family(out, "vartio_rules_refused", "counter",
		       "Loads that left the old rules in force.");
	metrics_u64(out, "vartio_rules_refused_total", metric_get(&ov->reload->refused), NULL);
	listen_metrics(ov->listen, out);
	put_queue(ov->queue, out);
	notices_metrics(ov->notices, out);
	put_detect(ov->worker, now_ns, out);
	put_alerts(ov->desk, out);
	put_messages(ov->notifier, now_ns, out);
	metrics_end(out);
}

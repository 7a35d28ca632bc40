/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/describe.h"

#include "common/base/metrics.h"
#include "common/base/time.h"

static json_t *time_or_null(uint64_t t_ns)
{
	char text[TIME_TEXT_MAX];

	if (t_ns == 0)
		return json_null();
	time_format((int64_t)t_ns, text);
	return json_string(text);
}

static json_int_t get(const metric *m)
{
	return (json_int_t)metric_get(m);
}

struct describing {
	json_t *inputs;
	int64_t now_ns;
};

static void add_input(void *arg, const struct input *in, bool waiting, const char *problem)
{
	const struct input_stats *st = &in->stats;
	struct describing *d = arg;
	json_t *o =
		json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "id",
			  in->id, "type", in->cls->name, "state",
			  problem[0] != '\0' ? "down"
			  : waiting          ? "waiting"
					     : "running",
			  "problem", problem, "events", get(&st->events), "bytes", get(&st->bytes),
			  "dropped", get(&st->dropped), "cut", get(&st->cut), "errors",
			  get(&st->errors), "lost", get(&st->lost), "unread_files",
			  get(&st->unread), "last_event", time_or_null(metric_get(&st->last_ns)));

	if (in->cls->describe != NULL && in->data != NULL)
		json_object_set_new(o, "described", in->cls->describe(in, d->now_ns));
	json_array_append_new(d->inputs, o);
}

json_t *describe_agent(const struct config *cf, const struct spool *sp, const struct ship *sh,
		       const struct keeper *kp, int64_t started_ns, int64_t now_ns)
{
	const struct spool_stats *ss = spool_stats(sp);
	const struct ship_stats *hs = ship_stats(sh);
	json_t *inputs = json_array();
	struct describing d = { inputs, now_ns };
	uint64_t oldest = metric_get(&ss->oldest_ns);

	keeper_each(kp, add_input, &d);
	return json_pack(
		"{s:s, s:s, s:o, s:o, s:{s:b, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I},"
		" s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:s}, s:o}",
		"version", VARTIO_VERSION, "host", cf->host_name, "started",
		time_or_null((uint64_t)started_ns), "now", time_or_null((uint64_t)now_ns),
		"collector", "connected", (int)metric_get(&hs->connected), "address",
		ship_address(sh) != NULL ? ship_address(sh) : "", "problem", ship_problem(sh),
		"last_ack", time_or_null(metric_get(&hs->last_ack_ns)), "events", get(&hs->events),
		"blocks", get(&hs->blocks), "bytes", get(&hs->bytes), "connects",
		get(&hs->connects), "failures", get(&hs->failures), "spool", "events",
		get(&ss->events) + (json_int_t)spool_unsynced(sp), "blocks", get(&ss->blocks),
		"bytes", get(&ss->bytes), "max_bytes", (json_int_t)cf->spool.max_bytes, "events_in",
		get(&ss->events_in), "events_dropped", get(&ss->events_dropped), "syncs",
		get(&ss->syncs), "torn_bytes", get(&ss->torn_bytes), "damaged_places",
		get(&ss->places_damaged), "events_damaged", get(&ss->events_damaged),
		"remade_files", get(&ss->files_remade), "oldest_seconds",
		oldest > 0 ? (double)(now_ns - (int64_t)oldest) / 1e9 : 0.0, "problem",
		spool_problem(sp), "inputs", inputs);
}

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "never";
}

static long long num(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

/* The kind's own lines. */
static void put_described(const json_t *in, struct buf *out)
{
	const json_t *described = json_object_get(in, "described");

	for (size_t i = 0; described != NULL && input_classes[i] != NULL; i++)
		if (strcmp(input_classes[i]->name, str(in, "type")) == 0 &&
		    input_classes[i]->describe_text != NULL)
			input_classes[i]->describe_text(described, out);
}

void describe_text(const json_t *state, struct buf *out)
{
	const json_t *col = json_object_get(state, "collector"),
		     *sp = json_object_get(state, "spool");
	const json_t *in;
	size_t i;

	buf_printf(out, "vartio-agent %s on %s, running since %s\n", str(state, "version"),
		   str(state, "host"), str(state, "started"));
	if (json_is_true(json_object_get(col, "connected")))
		buf_printf(out,
			   "collector  connected to %s; %lld events sent; last acknowledged %s\n",
			   str(col, "address"), num(col, "events"), str(col, "last_ack"));
	else
		buf_printf(out, "collector  NOT CONNECTED: %s\n", str(col, "problem"));
	buf_printf(out, "spool      %lld events (%lld of %lld bytes) wait; %lld dropped\n",
		   num(sp, "events"), num(sp, "bytes"), num(sp, "max_bytes"),
		   num(sp, "events_dropped"));
	if (str(sp, "problem")[0] != '\0')
		buf_printf(out, "           CANNOT BE READ: %s; look at this machine's disk\n",
			   str(sp, "problem"));
	if (num(sp, "damaged_places") > 0)
		buf_printf(out,
			   "           DAMAGED in %lld places: at least %lld events are lost; the "
			   "log names the files; is the disk ill?\n",
			   num(sp, "damaged_places"), num(sp, "events_damaged"));
	if (num(sp, "remade_files") > 0)
		buf_printf(
			out,
			"           REMOVED while they were written: %lld files, made anew; who or "
			"what cleans that folder?\n",
			num(sp, "remade_files"));
	json_array_foreach(json_object_get(state, "inputs"), i, in)
	{
		buf_printf(out, "input      %s (%s) %s; %lld events; last %s; %lld dropped\n",
			   str(in, "id"), str(in, "type"), str(in, "state"), num(in, "events"),
			   str(in, "last_event"), num(in, "dropped"));
		if (str(in, "problem")[0] != '\0')
			buf_printf(out, "           %s\n", str(in, "problem"));
		if (num(in, "unread_files") > 0)
			buf_printf(out,
				   "           %lld rotated files could not be read; the log names "
				   "them, and what helps\n",
				   num(in, "unread_files"));
		put_described(in, out);
	}
}

static const struct {
	const char *group, *key, *name, *type, *help;
} families[] = {
	{ "collector", "events", "vartio_agent_sent_events", "counter",
	  "Events sent to a collector." },
	{ "collector", "bytes", "vartio_agent_sent_bytes", "counter",
	  "Bytes sent to a collector." },
	{ "collector", "failures", "vartio_agent_connection_failures", "counter",
	  "Connections that failed." },
	{ "spool", "events_in", "vartio_agent_spooled_events", "counter",
	  "Events taken by the spool." },
	{ "spool", "events_dropped", "vartio_agent_spool_dropped_events", "counter",
	  "Events of lossy inputs dropped because the spool was full." },
	{ "spool", "events_damaged", "vartio_agent_spool_damaged_events", "counter",
	  "Events lost to damage on disk, as far as they can be counted." },
	{ "spool", "damaged_places", "vartio_agent_spool_damaged_places", "counter",
	  "Damaged places of the spool's files that were passed." },
	{ "spool", "remade_files", "vartio_agent_spool_remade_files", "counter",
	  "Files of the spool that were removed while they were written, and made anew." },
	{ "spool", "events", "vartio_agent_spool_events", "gauge", "Events waiting in the spool." },
	{ "spool", "bytes", "vartio_agent_spool_bytes", "gauge", "Bytes of the spool on disk." },
};
static const struct {
	const char *key, *name, *help;
} input_families[] = {
	{ "events", "vartio_agent_input_events", "Events taken from an input." },
	{ "bytes", "vartio_agent_input_bytes", "Bytes taken from an input." },
	{ "dropped", "vartio_agent_input_dropped_events", "Events an input could not keep." },
	{ "cut", "vartio_agent_input_cut_events", "Events cut at the input's limit." },
	{ "errors", "vartio_agent_input_errors", "Faults of an input." },
	{ "unread_files", "vartio_agent_input_unread_files",
	  "Rotated files that could not be read: compressed by other than gzip." },
	{ "lost", "vartio_agent_input_lost_events", "Events that an input's senders lost." },
};
/* Of an input's groups of senders (subscriptions); senders themselves have no label, for there may
 * be thousands. */
static const struct {
	const char *key, *name, *type, *help;
} group_families[] = {
	{ "here", "vartio_agent_senders_here", "gauge", "Senders heard of lately." },
	{ "expected", "vartio_agent_senders_expected", "gauge",
	  "Senders known of old, not yet heard of since the start." },
	{ "silent", "vartio_agent_senders_silent", "gauge",
	  "Senders not heard of for two heartbeats." },
	{ "gone", "vartio_agent_senders_gone", "gauge",
	  "Senders known of old and not heard of since the start." },
	{ "events", "vartio_agent_senders_events", "counter", "Events of a group of senders." },
	{ "again", "vartio_agent_senders_repeated_events", "counter",
	  "Events that had come before." },
	{ "mismatched", "vartio_agent_senders_mismatched_events", "counter",
	  "Events in another computer's name than the sender's." },
	{ "lost", "vartio_agent_senders_lost_events", "counter",
	  "Events that senders say they could not send." },
	{ "gaps", "vartio_agent_senders_gaps", "counter",
	  "Times that a sender lost its place in a log." },
};

static void put(struct buf *out, const char *name, const char *type, uint64_t v, const char *input)
{
	char full[96];

	snprintf(full, sizeof(full), "%s%s", name, type[0] == 'c' ? "_total" : "");
	if (input != NULL)
		metrics_u64(out, full, v, "input", input, NULL);
	else
		metrics_u64(out, full, v, NULL);
}

static void put_group(struct buf *out, size_t family, const json_t *in)
{
	const json_t *groups = json_object_get(json_object_get(in, "described"), "subscriptions"),
		     *g;
	char full[96];
	size_t i;

	snprintf(full, sizeof(full), "%s%s", group_families[family].name,
		 group_families[family].type[0] == 'c' ? "_total" : "");
	json_array_foreach(groups, i, g)
		metrics_u64(out, full, (uint64_t)num(g, group_families[family].key), "input",
			    str(in, "id"), "subscription", str(g, "name"), NULL);
}

void describe_metrics(const json_t *state, struct buf *out)
{
	const json_t *col = json_object_get(state, "collector"), *in;
	size_t k;

	metrics_family(out, "vartio_agent_connected", "gauge", "1 while a collector is connected.");
	put(out, "vartio_agent_connected", "gauge", json_is_true(json_object_get(col, "connected")),
	    NULL);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		metrics_family(out, families[i].name, families[i].type, families[i].help);
		put(out, families[i].name, families[i].type,
		    (uint64_t)num(json_object_get(state, families[i].group), families[i].key),
		    NULL);
	}
	metrics_family(out, "vartio_agent_spool_oldest_seconds", "gauge",
		       "Age of the oldest block that waits in the spool.");
	metrics_f64(
		out, "vartio_agent_spool_oldest_seconds",
		json_real_value(json_object_get(json_object_get(state, "spool"), "oldest_seconds")),
		NULL);
	for (size_t i = 0; i < sizeof(input_families) / sizeof(input_families[0]); i++) {
		metrics_family(out, input_families[i].name, "counter", input_families[i].help);
		json_array_foreach(json_object_get(state, "inputs"), k, in)
			put(out, input_families[i].name, "counter",
			    (uint64_t)num(in, input_families[i].key), str(in, "id"));
	}
	for (size_t i = 0; i < sizeof(group_families) / sizeof(group_families[0]); i++) {
		metrics_family(out, group_families[i].name, group_families[i].type,
			       group_families[i].help);
		json_array_foreach(json_object_get(state, "inputs"), k, in) put_group(out, i, in);
	}
	metrics_end(out);
}

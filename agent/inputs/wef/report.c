/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/report.c: subscriptions and their clients, for `vartio-agent status`. */
#include <jansson.h>

#include "agent/inputs/wef/wef.h"
#include "common/base/text.h"
#include "common/base/time.h"

#define UUID_LEN 5u /* "uuid:" */

static const char *const states[] = { [WEF_HOST_HERE] = "here",
				      [WEF_HOST_EXPECTED] = "expected",
				      [WEF_HOST_SILENT] = "silent",
				      [WEF_HOST_GONE] = "gone" };
#define STATES (sizeof(states) / sizeof(states[0]))

struct describing {
	const struct wef *w;
	int64_t now_ns;
	json_t *clients[WEF_SUBSCRIPTIONS_MAX];
	uint64_t in_state[WEF_SUBSCRIPTIONS_MAX][STATES];
	struct wef_host sum[WEF_SUBSCRIPTIONS_MAX];
};

static json_t *time_or_null(int64_t t_ns)
{
	char text[TIME_TEXT_MAX];

	if (t_ns == 0)
		return json_null();
	time_format(t_ns, text);
	return json_string(text);
}

/* Which version of the subscription the client runs, as it says. */
static const char *version_of(const struct wef_host *h, const struct wef_subscription *sub)
{
	if (strlen(h->version) <= UUID_LEN)
		return "unknown";
	return strcasecmp(h->version + UUID_LEN, sub->version) == 0 ? "current" : "old";
}

static void add_client(void *arg, const struct wef_host *h)
{
	struct describing *d = arg;
	const struct wef_subscription *sub = &d->w->subs.v[h->subscription];
	struct wef_host *sum = &d->sum[h->subscription];
	enum wef_host_state state =
		wef_host_state(h, sub->heartbeat_ms, d->w->opened_ns, d->now_ns);

	d->in_state[h->subscription][state]++;
	sum->batches += h->batches;
	sum->events += h->events;
	sum->bytes += h->bytes;
	sum->again += h->again;
	sum->mismatched += h->mismatched;
	sum->lost += h->lost;
	sum->gaps += h->gaps;
	json_array_append_new(
		d->clients[h->subscription],
		json_pack("{s:s+, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, "
			  "s:I}",
			  "client", h->client, "", "state", states[state], "address", h->address,
			  "version", version_of(h, sub), "last_heartbeat",
			  time_or_null(h->heartbeat_ns), "last_enumerate",
			  time_or_null(h->enumerated_ns), "first_event",
			  time_or_null(h->first_event_ns), "last_event",
			  time_or_null(h->last_event_ns), "batches", (json_int_t)h->batches,
			  "events", (json_int_t)h->events, "bytes", (json_int_t)h->bytes, "again",
			  (json_int_t)h->again, "mismatched", (json_int_t)h->mismatched, "lost",
			  (json_int_t)h->lost, "gaps", (json_int_t)h->gaps));
}

json_t *wef_describe(const struct input *in, int64_t now_ns)
{
	const struct wef *w = in->data;
	struct describing d = { .w = w, .now_ns = now_ns };
	json_t *subs = json_array();

	for (size_t i = 0; i < w->subs.n; i++)
		d.clients[i] = json_array();
	wef_hosts_each(w->hosts, add_client, &d);
	for (size_t i = 0; i < w->subs.n; i++) {
		const struct wef_subscription *sub = &w->subs.v[i];
		json_t *o = json_pack(
			"{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", sub->name,
			"identifier", sub->identifier, "version", sub->version, "batches",
			(json_int_t)d.sum[i].batches, "events", (json_int_t)d.sum[i].events,
			"bytes", (json_int_t)d.sum[i].bytes, "again", (json_int_t)d.sum[i].again,
			"mismatched", (json_int_t)d.sum[i].mismatched, "lost",
			(json_int_t)d.sum[i].lost, "gaps", (json_int_t)d.sum[i].gaps);

		for (size_t k = 0; k < STATES; k++)
			json_object_set_new(o, states[k],
					    json_integer((json_int_t)d.in_state[i][k]));
		json_object_set_new(o, "clients", d.clients[i]);
		json_array_append_new(subs, o);
	}
	return json_pack("{s:i, s:o}", "connections", (int)w->n_sessions, "subscriptions", subs);
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

static void put_client(const json_t *c, struct buf *out)
{
	static const char *const odd[] = { "again", "mismatched", "lost", "gaps" };

	buf_str(out, "             ");
	text_put_safe(out, slice_str(str(c, "client")));
	buf_printf(out, "  %s", str(c, "state"));
	if (str(c, "address")[0] != '\0')
		buf_printf(out, " (%s)", str(c, "address"));
	buf_printf(out, "; heartbeat %s; last event %s; %lld events", str(c, "last_heartbeat"),
		   str(c, "last_event"), num(c, "events"));
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (num(c, odd[i]) > 0)
			buf_printf(out, ", %lld %s", num(c, odd[i]), odd[i]);
	if (strcmp(str(c, "version"), "old") == 0)
		buf_str(out, "; runs an old version");
	buf_chr(out, '\n');
}

void wef_describe_text(const json_t *described, struct buf *out)
{
	const json_t *sub, *c;
	size_t i, k;

	json_array_foreach(json_object_get(described, "subscriptions"), i, sub)
	{
		buf_printf(out,
			   "           subscription %s: %lld here, %lld expected, %lld SILENT, "
			   "%lld GONE; %lld events\n",
			   str(sub, "name"), num(sub, "here"), num(sub, "expected"),
			   num(sub, "silent"), num(sub, "gone"), num(sub, "events"));
		json_array_foreach(json_object_get(sub, "clients"), k, c) put_client(c, out);
	}
}

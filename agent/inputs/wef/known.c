/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/known.c: what is known from earlier runs, read from the checkpoints: the clients
 * of each subscription and the time of their last event, and which channels a query had. A client
 * sends a channel that its bookmark does not name from the log's beginning, so that is said before.
 */
#include "agent/inputs/wef/wef.h"

#define LOG_MIB 20u /* of a Windows log, where nobody has set another size */

/* CLIENT of "IDENTIFIER:CLIENT[:CHANNEL:COMPUTER]", and the subscription. */
static struct wef_host *host_of(struct wef *w, struct slice key, bool place)
{
	struct slice id = { key.p, key.n < WEF_GUID_LEN ? key.n : WEF_GUID_LEN };
	const struct wef_subscription *sub = wef_subscription_by_id(&w->subs, id);
	char client[WEF_CLIENT_MAX];
	ssize_t end;

	if (sub == NULL || key.n <= WEF_GUID_LEN + 1)
		return NULL;
	key = slice_from(key, WEF_GUID_LEN + 1);
	end = place ? slice_chr(key, ':') : (ssize_t)key.n;
	if (end <= 0 || end >= (ssize_t)sizeof(client))
		return NULL;
	memcpy(client, key.p, (size_t)end);
	client[end] = '\0';
	return wef_host(w->hosts, client, (unsigned)(sub - w->subs.v));
}

static void on_checkpoint(void *arg, struct slice key, struct slice value)
{
	struct wef *w = arg;
	bool place = slice_starts(key, SLICE(WEF_KEY_PLACE));
	struct wef_place p;
	struct wef_host *h;

	if (!place && !slice_starts(key, SLICE(WEF_KEY_BOOKMARK)))
		return;
	h = host_of(w, slice_from(key, sizeof(WEF_KEY_PLACE) - 1), place);
	if (h == NULL || value.n == 0)
		return;
	if (!place) {
		h->bookmarked = true;
		return;
	}
	h->places++;
	if (wef_place_read(value, &p) && p.time_ns > h->last_event_ns)
		h->last_event_ns = p.time_ns;
}

struct comparing {
	struct slice before;
	struct buf now, added; /* names, each with a line feed behind it; with a comma between */
	unsigned n_added;
};

static bool has_line(struct slice lines, struct slice line)
{
	ssize_t end;

	for (; (end = slice_chr(lines, '\n')) >= 0; lines = slice_from(lines, (size_t)end + 1))
		if (slice_eq((struct slice){ lines.p, (size_t)end }, line))
			return true;
	return false;
}

static void on_channel(void *arg, struct slice name)
{
	struct comparing *c = arg;

	buf_slice(&c->now, name);
	buf_chr(&c->now, '\n');
	if (has_line(c->before, name))
		return;
	buf_str(&c->added, c->n_added++ > 0 ? ", " : "");
	buf_slice(&c->added, name);
}

struct counting {
	unsigned subscription, n;
};

static void count_bookmarked(void *arg, const struct wef_host *h)
{
	struct counting *c = arg;

	c->n += h->subscription == c->subscription && h->bookmarked;
}

static void compare_query(struct wef *w, unsigned i)
{
	const struct wef_subscription *sub = &w->subs.v[i];
	struct sink *sk = w->in->sink;
	struct buf key = { 0 }, before = { 0 };
	struct comparing c = { 0 };
	struct counting clients = { i, 0 };
	struct err err;

	buf_str(&key, WEF_KEY_QUERY);
	buf_str(&key, sub->identifier);
	buf_slice(&before, sk->checkpoint_get(sk, buf_view(&key)));
	c.before = buf_view(&before);
	wef_query_check(sub->query_xml, on_channel, &c, &err);
	wef_hosts_each(w->hosts, count_bookmarked, &clients);
	if (before.n > 0 && c.n_added > 0 && clients.n > 0) {
		err_set(&err, ERR_PEER,
			"subscription %s: %u clients send what is new in its query from the log's "
			"beginning (up to some %llu MiB); under another name they would not: %s",
			sub->name, clients.n, 1ull * clients.n * c.n_added * LOG_MIB,
			buf_cstr(&c.added));
		sk->warn(sk, w->in, &err);
	}
	/* Not stored: it is said again at the next start. */
	if (!c.now.failed && !key.failed && !slice_eq(c.before, buf_view(&c.now)))
		sk->checkpoint(sk, w->in, buf_view(&key), buf_view(&c.now), &err);
	buf_release(&key);
	buf_release(&before);
	buf_release(&c.now);
	buf_release(&c.added);
}

void wef_known_read(struct wef *w)
{
	struct sink *sk = w->in->sink;

	sk->checkpoint_each(sk, on_checkpoint, w);
	for (unsigned i = 0; i < w->subs.n; i++)
		compare_query(w, i);
}

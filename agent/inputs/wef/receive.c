/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/receive.c: what a message asks for, and what is done.
 * A place (WEF_KEY_PLACE) goes with each event, so it is durable exactly when the event is: a batch
 * that the client sends again, whole or in part, is known by it. */
#include <expat.h>

#include "agent/inputs/wef/wef.h"
#include "common/base/text.h"
#include "common/base/time.h"

#define BOOKMARK_MAX   65536u
#define PLACE_NAME_MAX 256u /* bytes of a channel's or computer's name in a checkpoint */
#define DELIVERY       "/wsman/subscriptions/"

static struct slice key_bookmark(struct wef *w, const struct wef_subscription *sub,
				 const char *client)
{
	buf_reset(&w->key);
	buf_str(&w->key, WEF_KEY_BOOKMARK);
	buf_str(&w->key, sub->identifier);
	buf_chr(&w->key, ':');
	buf_str(&w->key, client);
	return buf_view(&w->key);
}

static struct slice key_place(struct wef *w, const struct wef_subscription *sub, const char *client,
			      struct slice channel, struct slice computer)
{
	buf_reset(&w->key);
	buf_str(&w->key, WEF_KEY_PLACE);
	buf_str(&w->key, sub->identifier);
	buf_chr(&w->key, ':');
	buf_str(&w->key, client);
	buf_chr(&w->key, ':');
	buf_slice(&w->key, channel);
	buf_chr(&w->key, ':');
	buf_slice(&w->key, computer);
	return buf_view(&w->key);
}

/* --- Enumerate --- */

static unsigned enumerate(struct wef *w, const struct wef_peer *peer, const struct soap_msg *msg,
			  struct err *err)
{
	struct wef_offer offers[WEF_SUBSCRIPTIONS_MAX];
	struct wef_address at = { .https = peer->https, .port = peer->port };
	struct arena mem = { 0 };
	char host[256];
	uint16_t ignored;
	size_t n = 0;
	unsigned status = 200;

	snprintf(at.issuer, sizeof(at.issuer), "%s", peer->issuer);
	at.host = slice_str(w->conf->host);
	if (at.host.n == 0) { /* as the client has reached us: http://HOST:PORT/... */
		ssize_t from = slice_find(msg->to, SLICE("://"));
		struct slice rest = slice_from(msg->to, from < 0 ? msg->to.n : (size_t)from + 3);
		ssize_t end = slice_chr(rest, '/');

		rest.n = end < 0 ? rest.n : (size_t)end;
		if (!text_host_port(rest, 1, host, &ignored)) {
			err_set(err, ERR_SYNTAX, "does not say by which name it reached us (a:To)");
			return 400;
		}
		at.host = slice_str(host);
	}
	for (size_t i = 0; i < w->subs.n; i++) {
		const struct wef_subscription *sub = &w->subs.v[i];
		struct wef_host *h;
		struct slice mark;

		if (!wef_subscription_for(sub, peer->client) ||
		    (sub->path != NULL && !slice_is(peer->path, sub->path)))
			continue;
		mark = w->in->sink->checkpoint_get(w->in->sink, key_bookmark(w, sub, peer->client));
		offers[n] = (struct wef_offer){ sub, arena_copy(&mem, mark) };
		status = offers[n].bookmark.p == NULL && mark.n > 0 ? 503 : status;
		n++;
		h = wef_host(w->hosts, peer->client, (unsigned)i);
		if (h != NULL) {
			h->enumerated_ns = h->seen_ns = time_now_ns();
			snprintf(h->address, sizeof(h->address), "%s", peer->address);
		}
	}
	wef_reply_enumerate(&w->reply, msg, &at, offers, n);
	arena_release(&mem);
	if (w->reply.n > WEF_ENVELOPE_BYTES / 2) {
		err_set(err, ERR_FULL, "its subscriptions are %zu characters, and it takes %u",
			w->reply.n, WEF_ENVELOPE_BYTES / 2);
		return 500;
	}
	return status;
}

/* --- whose message, for what --- */

/* The subscription that the message is for, and what is known of the client in it. 0, or the status
 * that refuses it. */
static unsigned find(struct wef *w, const struct wef_peer *peer, const struct soap_msg *msg,
		     const struct wef_subscription **ret_sub, struct wef_host **ret_host,
		     struct err *err)
{
	struct slice id = msg->identifier;
	const struct wef_subscription *sub;

	if (id.n == 0 && slice_starts(peer->path, SLICE(DELIVERY)))
		id = slice_from(peer->path, sizeof(DELIVERY) - 1);
	if (slice_starts(id, SLICE("uuid:")))
		id = slice_from(id, 5);
	sub = wef_subscription_by_id(&w->subs, id);
	if (sub == NULL) {
		err_set(err, ERR_ABSENT, "sends for a subscription that is none here");
		return 404;
	}
	if (!wef_subscription_for(sub, peer->client)) {
		err_set(err, ERR_DENIED, "may not send for the subscription %s", sub->name);
		return 403;
	}
	*ret_sub = sub;
	*ret_host = wef_host(w->hosts, peer->client, (unsigned)(sub - w->subs.v));
	if (*ret_host == NULL) {
		err_set(err, ERR_FULL, "more than %u clients are known", WEF_HOSTS_MAX);
		return 503;
	}
	(*ret_host)->seen_ns = time_now_ns();
	snprintf((*ret_host)->address, sizeof((*ret_host)->address), "%s", peer->address);
	if (msg->version.n > 0)
		snprintf((*ret_host)->version, sizeof((*ret_host)->version), "%.*s",
			 SLICE_FMT(msg->version));
	return 0;
}

/* --- bookmarks --- */

/* It is given back to the client inside another document, so it must stand by itself. */
static bool whole_element(struct slice xml)
{
	XML_Parser p = XML_ParserCreateNS("UTF-8", '|');
	bool good = p != NULL && XML_Parse(p, xml.p, (int)xml.n, XML_TRUE) == XML_STATUS_OK;

	if (p != NULL)
		XML_ParserFree(p);
	return good;
}

/* What the spool did not take: it waits, or this is an error of ours. */
static unsigned not_now(const struct wef *w)
{
	return w->paused ? WEF_LATER : 503;
}

static unsigned store_bookmark(struct wef *w, const struct wef_subscription *sub,
			       const struct wef_peer *peer, struct wef_host *h, struct slice mark,
			       struct err *err)
{
	struct sink *sk = w->in->sink;
	struct err why;

	if (mark.n == 0)
		return 0;
	if (mark.n > BOOKMARK_MAX || !whole_element(mark)) {
		err_set(err, ERR_SYNTAX, "sent a bookmark that is not whole, or too long");
		return 400;
	}
	if (slice_eq(sk->checkpoint_get(sk, key_bookmark(w, sub, peer->client)), mark))
		return 0;
	key_bookmark(w, sub, peer->client);
	if (w->key.failed)
		return 503;
	if (sk->checkpoint(sk, w->in, buf_view(&w->key), mark, &why) < 0)
		return not_now(w);
	h->bookmarked = true;
	return 0;
}

/* --- Events --- */

struct batch {
	struct wef *w;
	const struct wef_peer *peer;
	const struct wef_subscription *sub;
	struct wef_host *host;
	struct norm_source src;
	struct norm_forwarder from;
};

/* A log was cleared: its numbers begin again, whoever tells it. */
static int forget_place(struct batch *b, struct slice channel, struct slice computer)
{
	struct sink *sk = b->w->in->sink;
	struct slice key = key_place(b->w, b->sub, b->peer->client, channel, computer);
	struct err why;

	if (sk->checkpoint_get(sk, key).n == 0)
		return 0;
	return sk->checkpoint(sk, b->w->in, key, (struct slice){ NULL, 0 }, &why);
}

/* The client said that events are missing, or its numbers tell it. */
static void note_lost(struct wef *w, const char *client, uint64_t n, const char *how)
{
	struct err err;

	metric_add(&w->in->stats.lost, n);
	err_set(&err, ERR_PEER, "%s: %llu events are missing: %s", client, (unsigned long long)n,
		how);
	wef_warn(w, &err);
}

static void note_dropped(struct wef *w, struct wef_host *h, uint64_t n)
{
	h->lost += n;
	note_lost(w, h->client, n, "the client could not send them");
}

/* A client that has a bookmark and begins anew all the same (a marker) has lost its place. Numbers
 * that jump then tell how much is missing at most: not all of a log is asked for. */
static void look_for_gap(struct batch *b, const struct wef_place *last, const struct wef_place *now)
{
	if (!b->host->marker)
		return;
	b->host->marker = false;
	if (now->record_id <= last->record_id + 1)
		return;
	b->host->gaps++;
	note_lost(b->w, b->peer->client, now->record_id - last->record_id - 1,
		  "at most; it began anew though it has a bookmark");
}

/* Fills key and place for an event. false: it has come before. */
static bool is_new(struct batch *b, const struct wef_head *h, struct slice *ret_key,
		   struct slice *ret_place)
{
	struct sink *sk = b->w->in->sink;
	struct wef_place last, now = { h->record_id, 0 };
	struct slice stored;
	char text[48];

	*ret_key = *ret_place = (struct slice){ NULL, 0 };
	if (h->record_id == 0 || h->channel.n == 0 || h->channel.n > PLACE_NAME_MAX ||
	    h->computer.n > PLACE_NAME_MAX)
		return true;
	time_parse(h->time, &now.time_ns);
	*ret_key = key_place(b->w, b->sub, b->peer->client, h->channel, h->computer);
	stored = sk->checkpoint_get(sk, *ret_key);
	if (stored.n == 0 && b->host->places >= WEF_PLACES_MAX) {
		*ret_key = (struct slice){ NULL, 0 };
		return true;
	}
	if (wef_place_read(stored, &last)) {
		if (wef_place_seen(&last, &now) == WEF_AGAIN)
			return false;
		look_for_gap(b, &last, &now);
		*ret_key = key_place(b->w, b->sub, b->peer->client, h->channel, h->computer);
	}
	b->host->places += stored.n == 0;
	buf_reset(&b->w->place);
	buf_put(&b->w->place, text, wef_place_write(&now, text));
	*ret_place = buf_view(&b->w->place);
	return true;
}

static int take_event(struct batch *b, struct slice event)
{
	struct wef_head h = wef_head_read(event);
	struct slice key, place, cleared;
	uint64_t dropped = wef_head_dropped(event);
	struct err why;

	if (dropped > 0) {
		note_dropped(b->w, b->host, dropped);
		return 0;
	}
	if (wef_head_is_marker(&h)) { /* its bookmark is all it has to say */
		b->host->marker = b->host->bookmarked;
		return 0;
	}
	cleared = wef_head_cleared(&h, event);
	if (h.event_id == 104 && cleared.n > 0 && cleared.n <= PLACE_NAME_MAX &&
	    forget_place(b, cleared, h.computer) < 0)
		return -1;
	if (!is_new(b, &h, &key, &place)) {
		b->host->again++;
		return 0;
	}
	if (input_record(b->w->in, NORM_WINXML, event, &b->src, key, place, &why) < 0)
		return -1;
	b->w->full_ms = 0;
	b->host->events++;
	b->host->mismatched +=
		!b->from.relay && h.computer.n > 0 && !norm_is_own(h.computer, b->from.client);
	b->host->bytes += event.n;
	if (b->host->first_event_ns == 0)
		b->host->first_event_ns = b->src.received_ns;
	b->host->last_event_ns = b->src.received_ns;
	return 0;
}

static unsigned events(struct wef *w, const struct wef_peer *peer, const struct soap_msg *msg,
		       size_t *taken, struct err *err)
{
	struct batch b = { .w = w, .peer = peer, .src = input_source(w->in, "wef", time_now_ns()) };
	unsigned status = find(w, peer, msg, &b.sub, &b.host, err);

	if (status != 0)
		return status;
	b.from = (struct norm_forwarder){ .client = slice_str(peer->client),
					  .subscription = slice_str(b.sub->name),
					  .relay = wef_listed(&w->conf->relays, peer->client) };
	b.src.peer = slice_str(peer->address);
	b.src.host = slice_str(peer->client);
	b.src.forwarder = &b.from;
	for (; *taken < msg->n_events; ++*taken)
		if (w->paused || take_event(&b, msg->events[*taken]) < 0)
			return not_now(w); /* what was taken is known by its place */
	status = store_bookmark(w, b.sub, peer, b.host, msg->bookmark, err);
	if (status != 0)
		return status;
	b.host->batches++;
	wef_reply_ack(&w->reply, msg);
	return 200;
}

/* A heartbeat, or a notice that stands alone: nothing to be kept but the bookmark. */
static unsigned without_events(struct wef *w, const struct wef_peer *peer,
			       const struct soap_msg *msg, struct err *err)
{
	const struct wef_subscription *sub;
	struct wef_host *h;
	unsigned status = find(w, peer, msg, &sub, &h, err);

	if (status != 0)
		return status;
	status = store_bookmark(w, sub, peer, h, msg->bookmark, err);
	if (status != 0)
		return status;
	if (msg->action == SOAP_HEARTBEAT)
		h->heartbeat_ns = time_now_ns();
	else
		note_dropped(w, h, wef_dropped_count(msg->dropped));
	wef_reply_ack(&w->reply, msg);
	return 200;
}

unsigned wef_receive(struct wef *w, const struct wef_peer *peer, const struct soap_msg *msg,
		     size_t *taken, bool *ret_wait, struct err *err)
{
	unsigned status;

	switch (msg->action) {
	case SOAP_ENUMERATE:
		return enumerate(w, peer, msg, err);
	case SOAP_EVENTS:
		status = events(w, peer, msg, taken, err);
		*ret_wait = status == 200;
		return status;
	case SOAP_HEARTBEAT:
	case SOAP_DROPPED:
		status = without_events(w, peer, msg, err);
		*ret_wait = status == 200 && msg->bookmark.n > 0;
		return status;
	case SOAP_SUBSCRIPTION_END:
		/* Source cancelling is a machine that is shut down. */
		if (msg->status.n > 0 && !slice_ends(msg->status, SLICE("SourceCancelling")))
			err_set(err, ERR_PEER, "ended its subscription: %.*s %.*s",
				(int)(msg->status.n < 100 ? msg->status.n : 100), msg->status.p,
				(int)(msg->reason.n < 100 ? msg->reason.n : 100),
				msg->reason.n > 0 ? msg->reason.p : "");
		return 204;
	case SOAP_END:
		return 204;
	case SOAP_UNKNOWN:
		break;
	}
	err_set(err, ERR_SYNTAX, "asks for %.*s, which is not done here",
		(int)(msg->action_uri.n < 100 ? msg->action_uri.n : 100), msg->action_uri.p);
	return 400;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* A connection's life, and its bytes into requests: the clear text, the message, what comes of it.
 */
#include "agent/inputs/wef/session.h"

#include <stdlib.h>

#include "agent/inputs/wef/mime.h"
#include "agent/inputs/wef/sldc.h"
#include "agent/inputs/wef/text.h"
#include "common/base/time.h"

#define IDLE_MARGIN_MS 120000u
#define WARN_EVERY_NS  (60 * NS_PER_SEC)

void wef_warn(struct wef *w, const struct err *err)
{
	int64_t now = time_mono_ns();

	if (w->warned_ns != 0 && now - w->warned_ns < WARN_EVERY_NS) {
		metric_add(&w->in->stats.errors, 1); /* a hostile client must not fill the log */
		return;
	}
	w->warned_ns = now;
	w->in->sink->warn(w->in->sink, w->in, err);
}

void session_warn(struct session *s, const struct err *why)
{
	struct err err;

	err_set(&err, why->code, "%s%s%s: %s", wire_peer(s->wire), s->client[0] != '\0' ? " " : "",
		s->client, why->msg);
	wef_warn(s->wef, &err);
}

/* --- a request --- */

/* The clear text of a body. 0, or the status that refuses it. */
static unsigned open_body(struct session *s, struct slice body, struct slice *ret, struct err *err)
{
	struct mime m;

	if (s->door->https) {
		*ret = body;
		return 0;
	}
	if (krb_expired(s->cx)) {
		err_set(err, ERR_DENIED, "its ticket has expired");
		return 401;
	}
	if (!mime_is(s->head.content_type)) {
		err_set(err, ERR_DENIED, "sent a body that is not encrypted");
		return 400;
	}
	if (mime_read(s->head.content_type, body, &m, err) < 0 ||
	    krb_unwrap(s->cx, &m, ret, err) < 0)
		return 400;
	return 0;
}

static unsigned decompress(struct session *s, struct slice *body, struct err *err)
{
	struct wef *w = s->wef;

	if (s->head.encoding == HTTP_PLAIN)
		return 0;
	buf_reset(&w->clear);
	if (sldc_read(*body, (size_t)w->conf->max_message_bytes, &w->clear, err) == 0) {
		*body = buf_view(&w->clear);
		return 0;
	}
	if (slice_starts(*body, SLICE("\xff\xfe")))
		return 0; /* Windows says SLDC of some messages that are plain */
	return err->code == ERR_NOMEM ? 503 : 400;
}

/* What was taken of a message stays taken; the rest waits with it. */
static void keep_rest(struct session *s)
{
	s->text = s->wef->text;
	s->wef->text = (struct buf){ 0 };
	if (s->head.path.p != s->path.p) { /* the head's bytes go now */
		buf_reset(&s->path);
		buf_slice(&s->path, s->head.path);
		s->head.path = buf_view(&s->path);
	}
	wait_spool(s);
}

void session_message(struct session *s)
{
	struct wef *w = s->wef;
	struct wef_peer peer = { .client = s->client,
				 .address = s->address,
				 .issuer = s->issuer,
				 .path = s->head.path,
				 .https = s->door->https,
				 .port = s->door->port };
	struct soap_msg msg;
	struct err err = { 0 };
	bool wait = false;
	unsigned status;

	if (soap_read(w->soap, buf_view(&w->text), &msg, &err) < 0) {
		if (err.code == ERR_NOMEM)
			answer_status(s, 503);
		else
			answer_refuse(s, 400, &err);
		return;
	}
	buf_reset(&w->reply);
	status = wef_receive(w, &peer, &msg, &s->taken, &wait, &err);
	if (status == WEF_LATER) {
		keep_rest(s);
		return;
	}
	if (err.code != ERR_NONE)
		session_warn(s, &err);
	if (w->reply.failed)
		status = 503;
	if (status == 200 && wait)
		wait_disk(s);
	else
		answer_soap(s, status, buf_view(&w->reply));
}

static void on_request(struct session *s, struct slice body)
{
	struct wef *w = s->wef;
	struct err err = { 0 };
	unsigned status;

	if (!s->door->https && s->head.authorization.n > 0) {
		session_authenticate(s);
		return;
	}
	if (s->client[0] == '\0') {
		answer_status(s, 401);
		return;
	}
	status = open_body(s, body, &body, &err);
	if (status == 0)
		status = decompress(s, &body, &err);
	if (status == 0) {
		buf_reset(&w->text);
		wef_text_read(body, &w->text);
		status = w->text.failed ? 503 : 0;
	}
	if (status == 503) {
		answer_status(s, status);
	} else if (status != 0) {
		answer_refuse(s, status, &err);
	} else {
		s->taken = 0;
		session_message(s);
	}
}

/* A head. false: it is not whole, or refused. */
static bool begin(struct session *s, struct slice in)
{
	struct err err;

	s->head_n = http_head(in, (size_t)s->wef->conf->max_body_bytes, &s->head);
	if (s->head_n == 0)
		return false;
	if (s->head.refused != 0) {
		err_set(&err, ERR_PEER, "%s", s->head.why);
		answer_refuse(s, s->head.refused, &err);
		return false;
	}
	if (s->head.length > 0 && s->client[0] == '\0') { /* a stranger's bytes are not kept */
		answer_status(s, 401);
		return false;
	}
	s->need = s->head_n + s->head.length;
	return true;
}

static int more(struct session *s)
{
	const struct slice go_on = SLICE("HTTP/1.1 100 Continue\r\n\r\n");
	bool expects = s->head.expects;
	struct err err;

	s->head.expects = false;
	return expects && wire_write(s->wire, go_on, &err) < 0 ? -1 : 0;
}

/* The request is over, or what it holds waits by itself. */
static ssize_t pass_over(struct session *s)
{
	size_t n = s->need;

	s->need = 0;
	s->spent = false;
	wait_give_room(s);
	return (ssize_t)n;
}

static ssize_t on_data(struct wire *l, struct slice in)
{
	struct session *s = wire_arg(l);
	struct wef *w = s->wef;
	bool first = s->need == 0;

	if (s->state != READING)
		return 0;
	if (s->spent)
		return pass_over(s);
	if (s->since_ms == 0)
		s->since_ms = uv_now(w->in->loop);
	if ((first && !begin(s, in)) || !wait_room(s))
		return 0;
	if (in.n < s->need)
		return more(s);
	if (w->paused && s->client[0] != '\0') {
		if (!wait_is_long(w)) {
			wait_spool(s);
			return 0;
		}
		answer_status(s, 503);
		return pass_over(s);
	}
	if (!first) /* the bytes may have moved, and the head's slices with them */
		http_head(in, (size_t)w->conf->max_body_bytes, &s->head);
	on_request(s, (struct slice){ in.p + s->head_n, s->head.length });
	return pass_over(s);
}

/* --- life --- */

static void on_closed(struct wire *l, const struct err *err)
{
	struct session *s = wire_arg(l);
	struct wef *w = s->wef;

	if (err != NULL && !w->closing)
		wef_warn(w, err);
	wait_leave(s);
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		w->sessions = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	w->n_sessions--;
	krb_context_free(s->cx);
	buf_release(&s->answer);
	buf_release(&s->path);
	free(s);
	wef_handle_gone(w);
}

static const struct wire_handler handler = {
	.verify = session_verify,
	.data = on_data,
	.closed = on_closed,
};

static uint32_t idle_ms(const struct wef *w)
{
	int64_t most = 0;

	for (size_t i = 0; i < w->subs.n; i++)
		if (w->subs.v[i].heartbeat_ms > most)
			most = w->subs.v[i].heartbeat_ms;
	return (uint32_t)(2 * most) + IDLE_MARGIN_MS;
}

void wef_accept(struct wef_door *door)
{
	struct wef *w = door->wef;
	struct session *s = calloc(1, sizeof(*s));
	struct wire_opts opts = { .loop = w->in->loop,
				  .creds = door->https ? w->creds : NULL,
				  .handler = &handler,
				  .arg = s,
				  .max_in = HTTP_HEAD_MAX + (size_t)w->conf->max_body_bytes,
				  .idle_ms = idle_ms(w) };
	const char *peer;
	struct err err;

	if (s == NULL) {
		err_nomem(&err);
		wef_warn(w, &err);
		return;
	}
	s->wef = w;
	s->door = door;
	if (wire_accept(&opts, (uv_stream_t *)&door->listener, &s->wire, &err) < 0) {
		free(s);
		wef_warn(w, &err);
		return;
	}
	peer = wire_peer(s->wire);
	snprintf(s->address, sizeof(s->address), "%.*s", (int)(strrchr(peer, ':') - peer), peer);
	s->next = w->sessions;
	if (w->sessions != NULL)
		w->sessions->prev = s;
	w->sessions = s;
	w->handles++;
	if (w->n_sessions++ >= (unsigned)w->conf->max_connections) {
		err_set(&err, ERR_FULL, "%s was turned away: %u are connected, max_connections",
			peer, w->n_sessions - 1);
		s->state = CLOSING;
		wire_close(s->wire, &err);
	}
}

void wef_sweep(struct wef *w)
{
	uint64_t now = uv_now(w->in->loop);

	for (struct session *s = w->sessions, *next; s != NULL; s = next) {
		next = s->next;
		wait_sweep(s, now);
	}
}

void wef_sessions_close(struct wef *w)
{
	for (struct session *s = w->sessions, *next; s != NULL; s = next) {
		next = s->next;
		wait_leave(s);
		s->state = CLOSING;
		wire_close(s->wire, NULL);
	}
}

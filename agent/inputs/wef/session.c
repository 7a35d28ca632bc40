/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/session.c: one connection of a client.
 * States:  READING (a head, then its body) -> WAITING (for the disk) -> READING; any -> CLOSING.
 *          A client sends one request and waits, so nothing is read while it waits.
 * Tenant:  the agent's own. Who the client is, the certificate or the ticket says, never a header;
 *          it is asked for each message whether it may send to that subscription.
 * Kerberos: the context belongs to the connection. The first request has the ticket and no body. */
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "agent/inputs/wef/mime.h"
#include "agent/inputs/wef/sldc.h"
#include "agent/inputs/wef/text.h"
#include "agent/inputs/wef/wef.h"
#include "common/base/hash.h"
#include "common/net/identity.h"
#include "common/base/time.h"

#define ANSWER_SECONDS 50u /* OperationTimeout is 60; 503 must come before it */
#define IDLE_MARGIN_MS 120000u
#define WARN_EVERY_NS  (60 * NS_PER_SEC)
#define SOAP_TYPE      "application/soap+xml;charset=UTF-16"

struct session {
	struct wef *wef;
	struct session *prev, *next; /* of all */
	struct session *later;       /* the next one that waits for the disk */
	struct wire *wire;
	struct wef_door *door;
	struct krb_context *cx;
	enum mime_scheme scheme;
	struct http_head head;
	size_t head_n;     /* bytes of the head at the front of what is held; 0: not there yet */
	uint64_t since_ms; /* loop time when the request began, or the waiting; 0: neither */
	uint64_t mark;     /* WAITING: how far the disk must be */
	bool waiting, closing;
	struct buf answer; /* WAITING: the SOAP text */
	char issuer[WEF_THUMBPRINT_LEN + 1];
	char client[WEF_CLIENT_MAX]; /* "": not authenticated */
	char address[INET6_ADDRSTRLEN];
};

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

static void warn(struct session *s, const struct err *why)
{
	struct err err;

	err_set(&err, why->code, "%s%s%s: %s", wire_peer(s->wire), s->client[0] != '\0' ? " " : "",
		s->client, why->msg);
	wef_warn(s->wef, &err);
}

/* --- answers --- */

static void send_answer(struct session *s, const struct http_answer *a, struct slice body)
{
	struct buf *out = &s->wef->out;
	struct err err = { 0 };

	buf_reset(out);
	http_answer(out, a);
	buf_slice(out, body);
	s->head_n = 0;
	s->since_ms = 0;
	if (out->failed || wire_write(s->wire, buf_view(out), &err) < 0) {
		err_nomem(&err);
		s->closing = true;
		wire_close(s->wire, &err);
		return;
	}
	if (a->close) {
		s->closing = true;
		wire_close(s->wire, NULL);
	}
}

static void send_status(struct session *s, unsigned status)
{
	/* RFC 4559 and Windows: both schemes, each in a field of its own. */
	const struct slice both = SLICE("WWW-Authenticate: Kerberos\r\n"
					"WWW-Authenticate: Negotiate\r\n");
	bool asks = status == 401 && !s->door->https;
	struct http_answer a = { .status = status,
				 .challenge = asks ? both : (struct slice){ NULL, 0 },
				 .close = s->head.close || status == 401 };

	send_answer(s, &a, (struct slice){ NULL, 0 });
}

static void refuse(struct session *s, unsigned status, const struct err *why)
{
	warn(s, why);
	s->head.close = true;
	send_status(s, status);
}

/* The SOAP text as the client must get it: UTF-16, and encrypted when it is not inside TLS. */
static void send_soap(struct session *s, struct slice text)
{
	struct wef *w = s->wef;
	struct http_answer a = { .status = 200, .content_type = SOAP_TYPE, .close = s->head.close };
	struct buf *body = &w->clear;
	struct err err = { 0 };

	buf_reset(&w->clear);
	wef_text_write(text, &w->clear);
	if (s->cx != NULL) {
		body = &w->text;
		buf_reset(body);
		if (krb_wrap(s->cx, s->scheme, buf_view(&w->clear), body, &err) < 0) {
			refuse(s, 500, &err);
			return;
		}
		a.content_type = mime_content_type(s->scheme);
	}
	a.length = body->n;
	send_answer(s, &a, buf_view(body));
}

static void finish(struct session *s, unsigned status, struct slice text)
{
	if (status == 200 && text.n > 0)
		send_soap(s, text);
	else
		send_status(s, status);
}

/* --- waiting for the disk --- */

static void wait_for_disk(struct session *s)
{
	struct wef *w = s->wef;

	s->mark = w->in->sink->taken(w->in->sink, w->in);
	if (w->in->sink->durable(w->in->sink, w->in) >= s->mark) {
		finish(s, 200, buf_view(&w->reply)); /* a batch with nothing new in it */
		return;
	}
	buf_reset(&s->answer);
	buf_slice(&s->answer, buf_view(&w->reply));
	if (s->answer.failed) {
		send_status(s, 503);
		return;
	}
	s->waiting = true;
	s->since_ms = uv_now(w->in->loop);
	s->later = NULL;
	*w->last = s;
	w->last = &s->later;
	wire_pause(s->wire);
	w->in->sink->hurry(w->in->sink, w->in);
}

static void leave_waiting(struct session *s)
{
	struct wef *w = s->wef;
	struct session **at = &w->first;

	if (!s->waiting)
		return;
	while (*at != s)
		at = &(*at)->later;
	*at = s->later;
	if (w->last == &s->later)
		w->last = at;
	s->waiting = false;
}

static void answer_waiting(struct session *s, unsigned status)
{
	struct buf text = s->answer;

	leave_waiting(s);
	s->answer = (struct buf){ 0 };
	finish(s, status, buf_view(&text));
	buf_release(&text);
	if (!s->closing)
		wire_resume(s->wire);
}

void wef_durable(struct wef *w)
{
	uint64_t durable = w->in->sink->durable(w->in->sink, w->in);

	while (w->first != NULL && w->first->mark <= durable)
		answer_waiting(w->first, 200);
}

void wef_sweep(struct wef *w)
{
	uint64_t now = uv_now(w->in->loop);

	for (struct session *s = w->sessions, *next; s != NULL; s = next) {
		struct err err;

		next = s->next;
		if (s->since_ms == 0 || s->closing)
			continue;
		if (s->waiting && now - s->since_ms > ANSWER_SECONDS * 1000) {
			answer_waiting(s, 503);
		} else if (!s->waiting &&
			   now - s->since_ms > (uint64_t)w->conf->request_timeout_ms) {
			err_set(&err, ERR_PEER, "its request did not come whole within %lld s",
				(long long)w->conf->request_timeout_ms / 1000);
			refuse(s, 408, &err);
		}
	}
}

/* --- who it is --- */

static void set_client(struct session *s, const char *name)
{
	size_t n = 0;

	for (; name[n] != '\0' && n + 1 < sizeof(s->client); n++)
		s->client[n] = (char)tolower((unsigned char)name[n]);
	s->client[n] = '\0';
}

/* "Kerberos BASE64" or "Negotiate BASE64". */
static bool scheme_of(struct slice *v, enum mime_scheme *ret, const char **ret_name)
{
	static const struct {
		const char *name;
		enum mime_scheme scheme;
	} schemes[] = { { "Kerberos", MIME_KERBEROS }, { "Negotiate", MIME_SPNEGO } };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i].name);

		if (v->n > n && strncasecmp(v->p, schemes[i].name, n) == 0 && v->p[n] == ' ') {
			*v = slice_trim(slice_from(*v, n));
			*ret = schemes[i].scheme;
			*ret_name = schemes[i].name;
			return true;
		}
	}
	return false;
}

static void authenticate(struct session *s)
{
	struct wef *w = s->wef;
	struct slice token = s->head.authorization;
	struct buf *in = &w->clear, *answer = &w->text, *field = &w->reply;
	struct http_answer a = { .status = 200, .close = s->head.close };
	const char *name;
	struct err err = { 0 };
	int r;

	buf_reset(in);
	buf_reset(answer);
	buf_reset(field);
	if (!scheme_of(&token, &s->scheme, &name) || !base64_parse(token, in)) {
		err_set(&err, ERR_DENIED, "its Authorization is no Kerberos and no Negotiate");
		refuse(s, 401, &err);
		return;
	}
	if (s->cx == NULL)
		s->cx = krb_context_new(w->krb);
	if (s->cx == NULL) {
		send_status(s, 503);
		return;
	}
	r = krb_accept(s->cx, buf_view(in), answer, &err);
	if (r < 0) {
		refuse(s, 401, &err);
		return;
	}
	buf_printf(field, "WWW-Authenticate: %s ", name);
	base64_put(field, answer->p, answer->n);
	buf_str(field, "\r\n");
	if (r == 0)
		a.status = 401; /* SPNEGO goes on: RFC 4559 5 */
	else
		set_client(s, krb_name(s->cx));
	a.challenge = buf_view(field);
	send_answer(s, &a, (struct slice){ NULL, 0 });
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

static void on_message(struct session *s, const struct soap_msg *msg)
{
	struct wef_peer peer = { .client = s->client,
				 .address = s->address,
				 .issuer = s->issuer,
				 .path = s->head.path,
				 .https = s->door->https,
				 .port = s->door->port };
	struct err err = { 0 };
	bool wait = false;
	unsigned status;

	buf_reset(&s->wef->reply);
	status = wef_receive(s->wef, &peer, msg, &wait, &err);
	if (err.code != ERR_NONE)
		warn(s, &err);
	if (s->wef->reply.failed)
		status = 503;
	if (status == 200 && wait)
		wait_for_disk(s);
	else
		finish(s, status, buf_view(&s->wef->reply));
}

static void on_request(struct session *s, struct slice body)
{
	struct wef *w = s->wef;
	struct soap_msg msg;
	struct err err = { 0 };
	unsigned status;

	if (!s->door->https && s->head.authorization.n > 0) {
		authenticate(s);
		return;
	}
	if (s->client[0] == '\0') {
		send_status(s, 401);
		return;
	}
	status = open_body(s, body, &body, &err);
	if (status == 0)
		status = decompress(s, &body, &err);
	if (status == 0) {
		buf_reset(&w->text);
		wef_text_read(body, &w->text);
		if (w->text.failed)
			status = 503;
		else if (soap_read(w->soap, buf_view(&w->text), &msg, &err) < 0)
			status = err.code == ERR_NOMEM ? 503 : 400;
	}
	if (status == 503)
		send_status(s, status);
	else if (status != 0)
		refuse(s, status, &err);
	else
		on_message(s, &msg);
}

static ssize_t on_data(struct wire *l, struct slice in)
{
	const struct slice go_on = SLICE("HTTP/1.1 100 Continue\r\n\r\n");
	struct session *s = wire_arg(l);
	struct wef *w = s->wef;
	size_t need;
	struct err err = { 0 };

	if (s->waiting || s->closing)
		return 0;
	if (s->since_ms == 0)
		s->since_ms = uv_now(w->in->loop);
	if (s->head_n == 0) {
		s->head_n = http_head(in, (size_t)w->conf->max_body_bytes, &s->head);
		if (s->head_n == 0)
			return 0;
		if (s->head.refused != 0) {
			err_set(&err, ERR_PEER, "%s", s->head.why);
			refuse(s, s->head.refused, &err);
			return 0;
		}
		if (s->head.expects && wire_write(l, go_on, &err) < 0)
			return -1;
	} else { /* the bytes may have moved, and the head's slices with them */
		http_head(in, (size_t)w->conf->max_body_bytes, &s->head);
	}
	need = s->head_n + s->head.length;
	if (in.n < need)
		return 0;
	on_request(s, (struct slice){ in.p + s->head_n, s->head.length });
	return (ssize_t)need;
}

/* --- life --- */

static int on_verify(struct wire *l, gnutls_x509_crt_t peer, struct err *err)
{
	struct session *s = wire_arg(l);
	char name[WEF_CLIENT_MAX];
	size_t n = sizeof(name);
	uint8_t sha1[20];

	if (!identity_may_be_client(peer))
		return err_set(err, ERR_DENIED, "%s: its certificate is not for clients",
			       wire_peer(l));
	if (gnutls_x509_crt_get_dn_by_oid(peer, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &n) < 0 ||
	    n == 0 || strlen(name) != n)
		return err_set(err, ERR_DENIED, "%s: its certificate names no machine (CN)",
			       wire_peer(l));
	if (tls_peer_issuer(wire_tls(l), sha1) < 0)
		return err_set(err, ERR_DENIED, "%s: the authority that signed it is not known",
			       wire_peer(l));
	wef_thumbprint(sha1, s->issuer);
	set_client(s, name);
	return 0;
}

static void on_closed(struct wire *l, const struct err *err)
{
	struct session *s = wire_arg(l);
	struct wef *w = s->wef;

	if (err != NULL && !w->closing)
		wef_warn(w, err);
	leave_waiting(s);
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		w->sessions = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	w->n_sessions--;
	krb_context_free(s->cx);
	buf_release(&s->answer);
	free(s);
	wef_handle_gone(w);
}

static const struct wire_handler handler = {
	.verify = on_verify,
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
		s->closing = true;
		wire_close(s->wire, &err);
	}
}

void wef_sessions_close(struct wef *w)
{
	for (struct session *s = w->sessions, *next; s != NULL; s = next) {
		next = s->next;
		leave_waiting(s);
		s->closing = true;
		wire_close(s->wire, NULL);
	}
}

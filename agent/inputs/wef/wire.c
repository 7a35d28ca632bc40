/* SPDX-License-Identifier: EUPL-1.2 */
/* A plain connection: OPEN -> ENDING (writes what is pending) -> gone. */
#include "agent/inputs/wef/wire.h"

#include <stdlib.h>

#include "agent/inputs/syslog.h"

#define READ_CHUNK  16384u /* as much is held of a body that must wait for room */
#define LINGER_MS   2000u
#define KEEPALIVE_S 60u

struct wire {
	const struct wire_handler *handler;
	void *arg;
	struct tls_conn *tls; /* else all below */
	uv_tcp_t tcp;
	uv_timer_t timer; /* idle; lingering; a resume's turn */
	uv_write_t req;
	struct buf in, out, flight; /* out waits while flight is written */
	size_t max_in;
	uint32_t idle_ms;
	uint64_t last_ms;
	unsigned handles;
	bool paused, resumed, ending, gone, has_why;
	struct err why;
	char peer[INET6_ADDRSTRLEN + 10];
};

/* Read and used at once: one for all connections of the loop thread. */
static char chunk[READ_CHUNK];

/* --- TLS: handed through --- */

static int on_tls_verify(struct tls_conn *cn, gnutls_x509_crt_t peer, struct err *err)
{
	struct wire *l = tls_arg(cn);

	l->tls = cn;
	return l->handler->verify(l, peer, err);
}

static void on_tls_open(struct tls_conn *cn)
{
	(void)cn;
}

static ssize_t on_tls_data(struct tls_conn *cn, struct slice in)
{
	struct wire *l = tls_arg(cn);

	return l->handler->data(l, in);
}

static void on_tls_closed(struct tls_conn *cn, const struct err *err)
{
	struct wire *l = tls_arg(cn);

	l->handler->closed(l, err);
	free(l);
}

static const struct tls_handler tls_handler = {
	.verify = on_tls_verify,
	.open = on_tls_open,
	.data = on_tls_data,
	.closed = on_tls_closed,
};

/* --- plain --- */

static void on_handle_closed(uv_handle_t *h)
{
	struct wire *l = h->data;

	if (--l->handles > 0)
		return;
	if (l->handler != NULL)
		l->handler->closed(l, l->has_why ? &l->why : NULL);
	buf_release(&l->in);
	buf_release(&l->out);
	buf_release(&l->flight);
	free(l);
}

static void leave(struct wire *l)
{
	if (l->gone)
		return;
	l->gone = true;
	uv_close((uv_handle_t *)&l->tcp, on_handle_closed);
	uv_close((uv_handle_t *)&l->timer, on_handle_closed);
}

static void set_why(struct wire *l, const struct err *why)
{
	if (why == NULL || l->has_why)
		return;
	l->has_why = true;
	l->why = *why;
}

static void broken(struct wire *l, int status)
{
	struct err err;

	err_set(&err, ERR_PEER, "%s: %s", l->peer, uv_strerror(status));
	if (!l->ending)
		set_why(l, &err);
	leave(l);
}

static void arm(struct wire *l);

static void offer(struct wire *l)
{
	ssize_t used;
	struct err err;

	while (l->in.n > 0 && !l->paused && !l->ending && !l->gone) {
		used = l->handler->data(l, buf_view(&l->in));
		if (l->ending || l->gone)
			return;
		if (used < 0) {
			err_set(&err, ERR_PEER, "%s: sent what we cannot read", l->peer);
			wire_close(l, &err);
			return;
		}
		if (used == 0)
			break;
		if ((size_t)used == l->in.n)
			buf_release(&l->in); /* an idle connection holds no buffer */
		else
			buf_eat(&l->in, (size_t)used);
	}
	if (l->in.n >= l->max_in && !l->paused) {
		err_set(&err, ERR_PEER, "%s: sent %zu bytes that make nothing whole", l->peer,
			l->in.n);
		wire_close(l, &err);
	}
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
	(void)h;
	(void)suggested;
	*ret = uv_buf_init(chunk, sizeof(chunk));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct wire *l = s->data;
	struct err err;

	if (n == 0)
		return;
	l->last_ms = uv_now(s->loop);
	if (n == UV_EOF) {
		wire_close(l, NULL);
		return;
	}
	if (n < 0) {
		broken(l, (int)n);
		return;
	}
	buf_put(&l->in, buf->base, (size_t)n);
	if (l->in.failed) {
		err_nomem(&err);
		wire_close(l, &err);
		return;
	}
	offer(l);
}

static void on_timer(uv_timer_t *t)
{
	struct wire *l = t->data;
	struct err err;

	if (l->ending) {
		leave(l);
		return;
	}
	if (l->resumed) {
		l->resumed = false;
		arm(l);
		offer(l);
		if (!l->paused && !l->ending && !l->gone)
			uv_read_start((uv_stream_t *)&l->tcp, on_alloc, on_read);
		return;
	}
	if (l->paused) /* we keep it waiting, not it us */
		l->last_ms = uv_now(t->loop);
	if (uv_now(t->loop) - l->last_ms < l->idle_ms) {
		arm(l);
		return;
	}
	err_set(&err, ERR_PEER, "%s: silent for %u s", l->peer, l->idle_ms / 1000);
	wire_close(l, &err);
}

static void arm(struct wire *l)
{
	uint64_t now = uv_now(l->tcp.loop), at = l->last_ms + l->idle_ms;

	uv_timer_start(&l->timer, on_timer, at > now ? at - now : 1, 0);
}

static void flush(struct wire *l);

static void on_written(uv_write_t *req, int status)
{
	struct wire *l = req->data;

	buf_release(&l->flight);
	if (l->gone)
		return;
	if (status < 0) {
		broken(l, status);
		return;
	}
	l->last_ms = uv_now(l->tcp.loop);
	flush(l);
}

static void flush(struct wire *l)
{
	uv_buf_t b;
	int n;

	if (l->gone || l->flight.n > 0)
		return;
	if (l->out.n == 0) {
		if (l->ending)
			leave(l);
		return;
	}
	l->flight = l->out;
	l->out = (struct buf){ 0 };
	b = uv_buf_init(l->flight.p, (unsigned)l->flight.n);
	l->req.data = l;
	n = uv_write(&l->req, (uv_stream_t *)&l->tcp, &b, 1, on_written);
	if (n < 0)
		broken(l, n);
}

/* --- both --- */

static int accept_plain(struct wire *l, const struct wire_opts *opts, uv_stream_t *listener,
			struct err *err)
{
	struct sockaddr_storage from = { 0 };
	char host[INET6_ADDRSTRLEN];
	int n = sizeof(from), r;

	uv_tcp_init(opts->loop, &l->tcp);
	uv_timer_init(opts->loop, &l->timer);
	l->tcp.data = l->timer.data = l;
	l->handles = 2;
	r = uv_accept(listener, (uv_stream_t *)&l->tcp);
	if (r == 0)
		r = uv_tcp_getpeername(&l->tcp, (struct sockaddr *)&from, &n);
	if (r < 0) {
		err_set(err, ERR_IO, "cannot accept a client: %s", uv_strerror(r));
		l->handler = NULL; /* nobody is told; the handles free it */
		leave(l);
		return -1;
	}
	syslog_peer(&from, host);
	snprintf(l->peer, sizeof(l->peer), strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host,
		 ntohs(from.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&from)->sin6_port
						  : ((struct sockaddr_in *)&from)->sin_port));
	uv_tcp_nodelay(&l->tcp, 1);
	uv_tcp_keepalive(&l->tcp, 1, KEEPALIVE_S);
	l->last_ms = uv_now(opts->loop);
	arm(l);
	uv_read_start((uv_stream_t *)&l->tcp, on_alloc, on_read);
	return 0;
}

int wire_accept(const struct wire_opts *opts, uv_stream_t *listener, struct wire **ret,
		struct err *err)
{
	struct wire *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_nomem(err);
	l->handler = opts->handler;
	l->arg = opts->arg;
	l->max_in = opts->max_in;
	l->idle_ms = opts->idle_ms;
	if (opts->creds != NULL) {
		struct tls_opts to = { .loop = opts->loop,
				       .creds = opts->creds,
				       .handler = &tls_handler,
				       .arg = l,
				       .max_in = opts->max_in,
				       .idle_ms = opts->idle_ms };

		if (tls_accept(&to, listener, &l->tls, err) < 0) {
			free(l);
			return -1;
		}
	} else if (accept_plain(l, opts, listener, err) < 0) {
		return -1;
	}
	*ret = l;
	return 0;
}

int wire_write(struct wire *l, struct slice bytes, struct err *err)
{
	if (l->tls != NULL)
		return tls_write(l->tls, bytes, err);
	if (l->ending || l->gone)
		return 0;
	buf_slice(&l->out, bytes);
	if (l->out.failed)
		return err_nomem(err);
	flush(l);
	return 0;
}

void wire_pause(struct wire *l)
{
	if (l->tls != NULL) {
		tls_pause(l->tls);
		return;
	}
	l->paused = true;
	l->resumed = false;
	uv_read_stop((uv_stream_t *)&l->tcp);
}

void wire_resume(struct wire *l)
{
	if (l->tls != NULL) {
		tls_resume(l->tls);
		return;
	}
	if (!l->paused || l->ending || l->gone)
		return;
	l->paused = false;
	l->resumed = true;
	uv_timer_start(&l->timer, on_timer, 0, 0);
}

void wire_close(struct wire *l, const struct err *why)
{
	if (l->tls != NULL) {
		tls_close(l->tls, why);
		return;
	}
	if (l->ending || l->gone)
		return;
	set_why(l, why);
	l->ending = true;
	uv_read_stop((uv_stream_t *)&l->tcp);
	uv_timer_start(&l->timer, on_timer, LINGER_MS, 0);
	flush(l);
}

void *wire_arg(const struct wire *l)
{
	return l->arg;
}

const char *wire_peer(const struct wire *l)
{
	return l->tls != NULL ? tls_peer(l->tls) : l->peer;
}

struct tls_conn *wire_tls(struct wire *l)
{
	return l->tls;
}

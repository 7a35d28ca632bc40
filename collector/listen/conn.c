/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/conn.c: a sender's connection: who it is, and how it ends.
 * May touch:  its TLS connection; the registry through opts.admit.
 * Tenant:     settled in on_verify, from the certificate. */
#include "collector/listen/impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/time.h"

#define MAX_IN_BYTES    (WINDOW_FRAME_MAX + WINDOW_HEADER_MAX)
#define LOG_SPAN_S      10
#define HANDSHAKE_BYTES (64u << 10) /* about what one takes and gives back */
#define LOG_IN_SPAN     10u

/* Strangers may knock as often as they like, but not fill the log. */
static bool may_log(struct listen_thread *th)
{
	int64_t now_s = time_mono_ns() / NS_PER_SEC;

	if (now_s - th->log_from_s >= LOG_SPAN_S || th->log_from_s == 0) {
		th->log_from_s = now_s;
		th->logged = 0;
	}
	return th->logged++ < LOG_IN_SPAN;
}

static int on_verify(struct tls_conn *tls, gnutls_x509_crt_t peer, struct err *err)
{
	struct conn *cn = tls_arg(tls);
	const struct listen_opts *o = &cn->th->ls->opts;

	if (identity_agent(peer, &cn->id, err) < 0)
		return -1;
	return o->admit(o->arg, cn->id.serial, cn->id.tenant, cn->id.agent, err);
}

/* A handshake ended, well or not: one that waits in the backlog may come in. */
static void handshake_over(struct listen_thread *th)
{
	th->handshaking--;
	intake_tidy_later(th, HANDSHAKE_BYTES);
	metric_add(&th->ls->stats.handshakes, (uint64_t)-1);
	if (th->pending_accept && !th->stopping) {
		th->pending_accept = false;
		conn_accept(th);
	}
}

/* One more than a certificate may have: the one that was silent longest goes, as an agent whose
 * line broke without a word has left such ones behind. None on this thread: the new one itself. */
static void make_way(struct conn *cn)
{
	struct listen_thread *th = cn->th;
	struct conn *go = cn;
	unsigned left;

	for (struct conn *at = cn->share->conns; at != NULL; at = at->share_next)
		if (at->tls != NULL && !at->revoked && at->heard_ns < go->heard_ns &&
		    strcmp(at->id.serial, cn->id.serial) == 0)
			go = at;
	go->revoked = true; /* once */
	metric_add(&th->ls->stats.replaced, 1);
	if (share_may_log(cn->share, &left))
		log_line(LOG_LEVEL_WARN,
			 "connection closed: its certificate has more than "
			 "agents.max_connections_each",
			 "tenant", cn->id.tenant, "agent", cn->id.agent, "peer", tls_peer(go->tls),
			 NULL);
	tls_close(go->tls, NULL);
}

static void on_open(struct tls_conn *tls)
{
	struct conn *cn = tls_arg(tls);
	struct listen_thread *th = cn->th;

	cn->open = true;
	handshake_over(th);
	cn->heard_ns = time_mono_ns();
	if (share_join(cn) < 0) {
		tls_close(tls, &(struct err){ .code = ERR_NOMEM, .msg = "out of memory" });
		return;
	}
	metric_add(&th->ls->stats.accepted, 1);
	if (places_open(cn) > th->ls->opts.max_each)
		make_way(cn);
	if (cn->tls != NULL && !cn->revoked)
		intake_data(cn, (struct slice){ NULL, 0 });
}

static ssize_t on_data(struct tls_conn *tls, struct slice in)
{
	return intake_data(tls_arg(tls), in);
}

static void on_closed(struct tls_conn *tls, const struct err *err)
{
	struct conn *cn = tls_arg(tls);
	struct listen_thread *th = cn->th;
	struct listen_stats *st = &th->ls->stats;

	if (!cn->open) {
		metric_add(&st->handshake_failed[tls_failure(tls)], 1);
		if (err != NULL && may_log(th))
			log_line(LOG_LEVEL_WARN, "sender not let in", "peer", tls_peer(tls),
				 "tenant", cn->id.tenant[0] != '\0' ? cn->id.tenant : NULL, "agent",
				 cn->id.agent[0] != '\0' ? cn->id.agent : NULL, "reason", err->msg,
				 NULL);
	}
	places_closed(cn);
	cn->tls = NULL;
	window_reset(&cn->win);
	if (cn->share != NULL)
		pool_count(cn, 0);
	share_leave(cn);
	atomic_fetch_sub(&th->ls->n_conns, 1);
	metric_set(&st->connections, atomic_load(&th->ls->n_conns));
	if (!cn->open)
		handshake_over(th);
	cn->puts++; /* holds cn while what waits is given up */
	intake_drop(th, cn);
	cn->puts--;
	conn_try_free(cn);
}

static const struct tls_handler handler = { on_verify, on_open, on_data, NULL, on_closed };

void conn_try_free(struct conn *cn)
{
	struct listen_thread *th = cn->th;

	if (cn->tls != NULL || cn->puts > 0)
		return;
	if (cn->prev != NULL)
		cn->prev->next = cn->next;
	else
		th->conns = cn->next;
	if (cn->next != NULL)
		cn->next->prev = cn->prev;
	free(cn);
}

void conn_reject(struct conn *cn, const struct err *why)
{
	char text[16];
	unsigned left;

	if (cn->tls == NULL)
		return;
	metric_add(&cn->th->ls->stats.rejected, 1);
	if (share_may_log(cn->share, &left)) {
		snprintf(text, sizeof(text), "%u", left);
		log_line(LOG_LEVEL_WARN, "connection closed for what it sent", "tenant",
			 cn->id.tenant, "agent", cn->id.agent, "peer", tls_peer(cn->tls), "reason",
			 why->msg, "not_logged_before", left > 0 ? text : NULL, NULL);
	}
	tls_close(cn->tls, why);
}

/* --- accepting --- */

static void on_raw_closed(uv_handle_t *h)
{
	free(h);
}

/* Over the bound: the peer is closed at once, before it costs anything. */
static void turn_away(struct listen_thread *th)
{
	uv_tcp_t *tcp = malloc(sizeof(*tcp));

	metric_add(&th->ls->stats.refused, 1);
	if (tcp == NULL)
		return;
	if (uv_tcp_init(&th->loop, tcp) < 0) {
		free(tcp);
		return;
	}
	uv_accept((uv_stream_t *)&th->listener, (uv_stream_t *)tcp);
	uv_close((uv_handle_t *)tcp, on_raw_closed);
	if (may_log(th))
		log_line(LOG_LEVEL_WARN, "connection closed: too many are open", NULL);
}

int conn_accept(struct listen_thread *th)
{
	struct listen *ls = th->ls;
	struct tls_opts o = {
		.loop = &th->loop,
		.handler = &handler,
		.max_in = MAX_IN_BYTES,
		.handshake_ms = ls->opts.handshake_ms,
		.idle_ms = ls->opts.idle_ms,
	};
	struct conn *cn;
	struct err err;
	int r;

	if (atomic_load(&ls->n_conns) >= ls->opts.max_connections) {
		turn_away(th);
		return 0;
	}
	cn = calloc(1, sizeof(*cn));
	if (cn == NULL) {
		turn_away(th);
		return -1;
	}
	cn->th = th;
	o.arg = cn;
	pthread_mutex_lock(&ls->lock);
	o.creds = tls_creds_ref(ls->creds);
	pthread_mutex_unlock(&ls->lock);
	r = tls_accept(&o, (uv_stream_t *)&th->listener, &cn->tls, &err);
	tls_creds_unref(o.creds);
	if (r < 0) {
		if (may_log(th))
			log_err(LOG_LEVEL_WARN, "accepting a sender", &err);
		free(cn);
		turn_away(th); /* if it is still there: libuv waits until it is accepted */
		return -1;
	}
	cn->next = th->conns;
	if (th->conns != NULL)
		th->conns->prev = cn;
	th->conns = cn;
	th->handshaking++;
	metric_add(&ls->stats.handshakes, 1);
	th->accepts++;
	cn->group = waiting_group(tls_peer(cn->tls));
	cn->opened_ns = time_mono_ns();
	metric_set(&ls->stats.connections, atomic_fetch_add(&ls->n_conns, 1) + 1);
	return 0;
}

void conn_revoke(struct listen_thread *th)
{
	const struct listen_opts *o = &th->ls->opts;
	int64_t now_s = time_now_ns() / NS_PER_SEC;
	struct err err;
	int r;

	for (struct conn *cn = th->conns; cn != NULL; cn = cn->next) {
		if (!cn->open || cn->tls == NULL || cn->revoked)
			continue;
		if (cn->id.expires_s < now_s)
			r = err_set(&err, ERR_DENIED, "the certificate has expired");
		else
			r = o->admit(o->arg, cn->id.serial, cn->id.tenant, cn->id.agent, &err);
		if (r == 0)
			continue;
		cn->revoked = true;
		metric_add(&th->ls->stats.revoked, 1);
		log_line(LOG_LEVEL_WARN, "connection closed: not let in any more", "tenant",
			 cn->id.tenant, "agent", cn->id.agent, "peer", tls_peer(cn->tls), "reason",
			 err.msg, NULL);
		tls_close(cn->tls, &err);
	}
}

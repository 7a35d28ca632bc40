/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/tls.c: TLS on a libuv TCP handle, without blocking: how a connection begins, waits and
 * ends. What it says is in tls_write.c, what it hears in tls_read.c, whom it trusts in
 * tls_handshake.c.
 * May touch:  its socket and timer.
 * Never:      reads what the bytes mean; decides who is welcome (the handler's verify does).
 * States:     CONNECTING -> HANDSHAKE -> OPEN -> ENDING -> GONE; any of them -> GONE when the
 *             socket breaks. ENDING sends what is pending; after an alert it also waits until the
 *             peer has left, because closing with unread bytes would reset the connection and take
 *             the alert with it. */
#include "common/net/tls_impl.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define HANDSHAKE_MS 10000u
#define MAX_IN_BYTES (1024u * 1024u)
#define KEEPALIVE_S  60u

const struct err tls_no_memory = { .code = ERR_NOMEM, .msg = "out of memory" };

const char *tls_label(const struct tls_conn *cn)
{
	return cn->label != NULL ? cn->label : cn->peer;
}

void tls_set_why(struct tls_conn *cn, const struct err *why)
{
	if (why == NULL || cn->why != NULL)
		return;
	cn->why = malloc(sizeof(*cn->why));
	if (cn->why != NULL)
		*cn->why = *why;
	else
		cn->why = (struct err *)(uintptr_t)&tls_no_memory; /* never written nor freed */
}

static void conn_free(struct tls_conn *cn)
{
	if (cn->session != NULL)
		gnutls_deinit(cn->session);
	if (cn->crt != NULL)
		gnutls_x509_crt_deinit(cn->crt);
	tls_creds_unref(cn->creds);
	buf_release(&cn->cipher);
	buf_release(&cn->in);
	buf_release(&cn->out);
	buf_release(&cn->flight);
	if (cn->why != &tls_no_memory)
		free(cn->why);
	free(cn->label);
	free(cn);
	tls_shared_drop();
}

static void on_handle_closed(uv_handle_t *h)
{
	struct tls_conn *cn = h->data;

	if (--cn->handles > 0)
		return;
	if (!cn->silent)
		cn->handler->closed(cn, cn->why);
	conn_free(cn);
}

void tls_leave(struct tls_conn *cn)
{
	if (cn->state == TLS_GONE)
		return;
	cn->state = TLS_GONE;
	uv_close((uv_handle_t *)&cn->tcp, on_handle_closed);
	uv_close((uv_handle_t *)&cn->timer, on_handle_closed);
}

/* The socket broke: nothing more can be said on it. */
void tls_broken(struct tls_conn *cn, int status)
{
	struct err err;

	if (cn->state < TLS_ENDING) {
		err_set(&err, ERR_PEER, "%s: %s", tls_label(cn), tls_socket_text(status));
		if (cn->state < TLS_OPEN)
			cn->failure =
				cn->state == TLS_CONNECTING ? TLS_FAIL_CONNECT : TLS_FAIL_PROTOCOL;
		tls_set_why(cn, &err);
	}
	tls_leave(cn);
}

/* --- the timer: handshake, idle and lingering limits, and the delayed start after a resume --- */

static void on_timer(uv_timer_t *t);

void tls_arm(struct tls_conn *cn)
{
	uint64_t now = uv_now(cn->tcp.loop), at = cn->deadline_ms;

	if (cn->state == TLS_GONE)
		return;
	if (cn->state == TLS_OPEN) {
		if (cn->idle_ms == 0) {
			uv_timer_stop(&cn->timer);
			return;
		}
		at = cn->last_ms + cn->idle_ms;
	}
	uv_timer_start(&cn->timer, on_timer, at > now ? at - now : 0, 0);
}

void tls_limit(struct tls_conn *cn, uint32_t ms)
{
	uv_update_time(cn->tcp.loop);
	cn->deadline_ms = uv_now(cn->tcp.loop) + ms;
	tls_arm(cn);
}

void tls_touch(struct tls_conn *cn)
{
	cn->last_ms = uv_now(cn->tcp.loop);
}

void tls_end(struct tls_conn *cn, const struct err *why)
{
	enum tls_state was = cn->state;

	if (was >= TLS_ENDING)
		return;
	tls_set_why(cn, why);
	if (was == TLS_CONNECTING) {
		tls_leave(cn);
		return;
	}
	cn->state = TLS_ENDING;
	if (was == TLS_OPEN)
		gnutls_bye(cn->session, GNUTLS_SHUT_WR); /* cannot block: push always takes it */
	tls_limit(cn, TLS_LINGER_MS);
	tls_flush(cn);
	if (!cn->writing && cn->out.n == 0)
		tls_flushed(cn);
}

static void on_timer(uv_timer_t *t)
{
	struct tls_conn *cn = t->data;
	struct err err;

	if (cn->kicked) {
		cn->kicked = false;
		tls_arm(cn);
		tls_resumed(cn);
		return;
	}
	switch (cn->state) {
	case TLS_CONNECTING:
	case TLS_HANDSHAKE:
		err_set(&err, ERR_PEER,
			cn->state == TLS_CONNECTING
				? "%s: no answer within %u ms: a firewall may drop the connection"
				: "%s: the TLS handshake did not end within %u ms",
			tls_label(cn), cn->handshake_ms);
		tls_set_why(cn, &err);
		cn->failure = TLS_FAIL_TIMEOUT;
		tls_leave(cn);
		return;
	case TLS_OPEN:
		if (cn->paused) /* we keep it waiting, not it us */
			tls_touch(cn);
		if (uv_now(t->loop) - cn->last_ms < cn->idle_ms) {
			tls_arm(cn);
			return;
		}
		err_set(&err, ERR_PEER, "%s: silent for %u s", tls_label(cn), cn->idle_ms / 1000);
		tls_end(cn, &err);
		return;
	default:
		tls_leave(cn);
	}
}

/* --- opening --- */

static void began(struct tls_conn *cn)
{
	struct sockaddr_storage sa;
	int len = sizeof(sa);

	uv_tcp_nodelay(&cn->tcp, 1);
	uv_tcp_keepalive(&cn->tcp, 1, KEEPALIVE_S);
	if (uv_tcp_getpeername(&cn->tcp, (struct sockaddr *)&sa, &len) == 0)
		tls_addr_text((struct sockaddr *)&sa, cn->peer);
	cn->state = TLS_HANDSHAKE;
	tls_start_reading(cn);
}

static void on_connected(uv_connect_t *req, int status)
{
	struct tls_conn *cn = req->data;

	if (cn->state == TLS_GONE)
		return;
	if (status < 0) {
		tls_broken(cn, status);
		return;
	}
	began(cn);
	if (cn->state == TLS_HANDSHAKE)
		tls_feed(cn, (struct slice){ NULL, 0 }); /* says hello */
}

static void conn_silent(struct tls_conn *cn)
{
	cn->silent = true;
	if (cn->handles > 0)
		tls_leave(cn);
	else
		conn_free(cn);
}

static struct tls_conn *conn_new(const struct tls_opts *opts, bool server, struct err *err)
{
	struct tls_conn *cn = calloc(1, sizeof(*cn));

	if (cn == NULL || tls_shared_take() < 0) {
		free(cn);
		err_nomem(err);
		return NULL;
	}
	cn->server = server;
	cn->creds = tls_creds_ref(opts->creds);
	cn->handler = opts->handler;
	cn->arg = opts->arg;
	cn->max_in = opts->max_in > 0 ? opts->max_in : MAX_IN_BYTES;
	cn->idle_ms = opts->idle_ms;
	cn->handshake_ms = opts->handshake_ms > 0 ? opts->handshake_ms : HANDSHAKE_MS;
	strcpy(cn->peer, "unknown");
	if (tls_session_init(cn, opts->server_name, err) < 0) {
		conn_free(cn);
		return NULL;
	}
	cn->tcp.data = cn->timer.data = cn;
	if (uv_tcp_init(opts->loop, &cn->tcp) < 0) { /* touches no system call: cannot happen */
		err_nomem(err);
		conn_free(cn);
		return NULL;
	}
	uv_timer_init(opts->loop, &cn->timer);
	cn->handles = 2;
	return cn;
}

static bool name_label(struct tls_conn *cn, const char *name, const struct sockaddr *addr)
{
	const struct sockaddr_in *v4 = (const void *)addr;
	const struct sockaddr_in6 *v6 = (const void *)addr;
	unsigned port = ntohs(addr->sa_family == AF_INET6 ? v6->sin6_port : v4->sin_port);

	if (name == NULL)
		return true;
	return asprintf(&cn->label, strchr(name, ':') != NULL ? "[%s]:%u" : "%s:%u", name, port) >=
	       0;
}

int tls_connect(const struct tls_opts *opts, const struct sockaddr *addr, struct tls_conn **ret,
		struct err *err)
{
	struct tls_conn *cn = conn_new(opts, false, err);
	int n;

	if (cn == NULL)
		return -1;
	tls_addr_text(addr, cn->peer);
	if (!name_label(cn, opts->server_name, addr)) {
		cn->label = NULL;
		conn_silent(cn);
		return err_nomem(err);
	}
	cn->req.connect.data = cn;
	n = uv_tcp_connect(&cn->req.connect, &cn->tcp, addr, on_connected);
	if (n < 0) {
		err_set(err, ERR_PEER, "%s: %s", tls_label(cn), tls_socket_text(n));
		conn_silent(cn);
		return -1;
	}
	tls_limit(cn, cn->handshake_ms);
	*ret = cn;
	return 0;
}

int tls_accept(const struct tls_opts *opts, uv_stream_t *listener, struct tls_conn **ret,
	       struct err *err)
{
	struct tls_conn *cn = conn_new(opts, true, err);
	int n;

	if (cn == NULL)
		return -1;
	n = uv_accept(listener, (uv_stream_t *)&cn->tcp);
	if (n < 0) {
		err_set(err, ERR_IO, "cannot accept a connection: %s", tls_socket_text(n));
		conn_silent(cn);
		return -1;
	}
	began(cn);
	if (cn->state == TLS_GONE) {
		*err = cn->why != NULL ? *cn->why : tls_no_memory;
		cn->silent = true;
		return -1;
	}
	tls_limit(cn, cn->handshake_ms);
	*ret = cn;
	return 0;
}

/* --- what the handler calls --- */

void tls_pause(struct tls_conn *cn)
{
	if (cn->paused)
		return;
	cn->paused = true;
	if (cn->reading && cn->state == TLS_OPEN) {
		uv_read_stop((uv_stream_t *)&cn->tcp);
		cn->reading = false;
	}
}

/* Delayed to the loop's next turn, so that no handler is called from within its own call. */
void tls_resume(struct tls_conn *cn)
{
	if (!cn->paused)
		return;
	cn->paused = false;
	if (cn->state != TLS_OPEN)
		return;
	cn->kicked = true;
	uv_timer_start(&cn->timer, on_timer, 0, 0);
}

void tls_close(struct tls_conn *cn, const struct err *why)
{
	tls_end(cn, why);
}

size_t tls_unread(const struct tls_conn *cn)
{
	return cn->net.n + cn->cipher.n;
}

void *tls_arg(const struct tls_conn *cn)
{
	return cn->arg;
}

bool tls_answered(const struct tls_conn *cn)
{
	return cn->answered;
}

bool tls_peers_turn(const struct tls_conn *cn)
{
	uv_os_fd_t fd;
	int unread = 0;

	return uv_fileno((const uv_handle_t *)&cn->tcp, &fd) < 0 ||
	       ioctl(fd, FIONREAD, &unread) < 0 || unread == 0;
}

const char *tls_peer(const struct tls_conn *cn)
{
	return cn->peer;
}

enum tls_failure tls_failure(const struct tls_conn *cn)
{
	return cn->failure;
}

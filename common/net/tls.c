/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/tls.c: TLS on a libuv TCP handle, without blocking and without a buffer of its own.
 * May touch:  its socket and timer.
 * Never:      reads what the bytes mean; decides who is welcome (the handler's verify does).
 * Memory:     an idle connection keeps no buffer: all connections of a thread read into one shared
 *             pair of buffers, and bytes stay with a connection only while they wait for more.
 * States:     CONNECTING -> HANDSHAKE -> OPEN -> ENDING -> GONE; any of them -> GONE when the
 *             socket breaks. ENDING sends what is pending; after an alert it also waits until the
 *             peer has left, because closing with unread bytes would reset the connection and take
 *             the alert with it. */
#include "common/net/tls_impl.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define CIPHER_BYTES 65536u /* read from the socket at once */
#define PLAIN_BYTES  16384u /* one TLS record: RFC 8446 section 5.1 */
#define LINGER_MS    2000u
#define HANDSHAKE_MS 10000u
#define MAX_IN_BYTES (1024u * 1024u)
#define KEEPALIVE_S  60u

enum state { CONNECTING, HANDSHAKE, OPEN, ENDING, GONE };

struct tls_conn {
	uv_tcp_t tcp;
	uv_timer_t timer;
	union { /* connecting ends before the first write */
		uv_connect_t connect;
		uv_write_t write;
	} req;
	gnutls_session_t session;
	struct tls_creds *creds;
	const struct tls_handler *handler;
	void *arg;
	char *label; /* client: "siem.example:5044" */
	struct err *why;
	gnutls_x509_crt_t crt;  /* the peer's, parsed when asked for */
	struct slice net;       /* ciphertext lent while a read is being worked on */
	struct buf cipher;      /* ciphertext kept because the handler paused */
	struct buf in;          /* plaintext that the handler did not use yet */
	struct buf out, flight; /* ciphertext to be written; being written */
	uint64_t deadline_ms, last_ms;
	size_t max_in;
	uint32_t idle_ms, handshake_ms;
	enum state state;
	enum tls_failure failure;
	gnutls_alert_description_t alert;
	unsigned handles; /* not closed yet */
	bool server, paused, reading, writing, busy, eof, kicked, again, drain, silent;
	char peer[TLS_PEER_MAX];
};

/* One pair a thread, since a loop is a thread's and callbacks do not nest. */
static _Thread_local struct {
	char *cipher, *plain;
	unsigned users;
} shared;

static const struct err no_memory = { .code = ERR_NOMEM, .msg = "out of memory" };

static void start_reading(struct tls_conn *cn);
static void flush(struct tls_conn *cn);

static int shared_take(void)
{
	if (shared.users == 0) {
		shared.cipher = malloc(CIPHER_BYTES);
		shared.plain = malloc(PLAIN_BYTES);
		if (shared.cipher == NULL || shared.plain == NULL) {
			free(shared.cipher);
			free(shared.plain);
			return -1;
		}
	}
	shared.users++;
	return 0;
}

static void shared_drop(void)
{
	if (--shared.users > 0)
		return;
	free(shared.cipher);
	free(shared.plain);
	shared.cipher = shared.plain = NULL;
}

static const char *label(const struct tls_conn *cn)
{
	return cn->label != NULL ? cn->label : cn->peer;
}

static void set_why(struct tls_conn *cn, const struct err *why)
{
	if (why == NULL || cn->why != NULL)
		return;
	cn->why = malloc(sizeof(*cn->why));
	if (cn->why != NULL)
		*cn->why = *why;
	else
		cn->why = (struct err *)(uintptr_t)&no_memory; /* never written nor freed */
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
	if (cn->why != &no_memory)
		free(cn->why);
	free(cn->label);
	free(cn);
	shared_drop();
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

static void leave(struct tls_conn *cn)
{
	if (cn->state == GONE)
		return;
	cn->state = GONE;
	uv_close((uv_handle_t *)&cn->tcp, on_handle_closed);
	uv_close((uv_handle_t *)&cn->timer, on_handle_closed);
}

/* The socket broke: nothing more can be said on it. */
static void broken(struct tls_conn *cn, int status)
{
	struct err err;

	if (cn->state < ENDING) {
		err_set(&err, ERR_PEER, "%s: %s", label(cn), tls_socket_text(status));
		if (cn->state < OPEN)
			cn->failure =
				cn->state == CONNECTING ? TLS_FAIL_CONNECT : TLS_FAIL_PROTOCOL;
		set_why(cn, &err);
	}
	leave(cn);
}

/* --- the timer: handshake, idle and lingering limits, and the delayed start after a resume --- */

static void on_timer(uv_timer_t *t);

static void arm(struct tls_conn *cn)
{
	uint64_t now = uv_now(cn->tcp.loop), at = cn->deadline_ms;

	if (cn->state == GONE)
		return;
	if (cn->state == OPEN) {
		if (cn->idle_ms == 0) {
			uv_timer_stop(&cn->timer);
			return;
		}
		at = cn->last_ms + cn->idle_ms;
	}
	uv_timer_start(&cn->timer, on_timer, at > now ? at - now : 0, 0);
}

static void limit(struct tls_conn *cn, uint32_t ms)
{
	uv_update_time(cn->tcp.loop);
	cn->deadline_ms = uv_now(cn->tcp.loop) + ms;
	arm(cn);
}

static void touch(struct tls_conn *cn)
{
	cn->last_ms = uv_now(cn->tcp.loop);
}

/* --- writing --- */

static void flushed(struct tls_conn *cn)
{
	uv_os_fd_t fd;

	if (cn->state != ENDING)
		return;
	if (!cn->drain) {
		leave(cn);
		return;
	}
	/* The read side is watched until the peer leaves or the linger timer ends it. */
	if (uv_fileno((uv_handle_t *)&cn->tcp, &fd) < 0 || shutdown(fd, SHUT_WR) < 0)
		leave(cn);
	else
		start_reading(cn);
}

static void on_written(uv_write_t *req, int status)
{
	struct tls_conn *cn = req->data;

	cn->writing = false;
	buf_release(&cn->flight);
	if (cn->state == GONE)
		return;
	if (status < 0) {
		broken(cn, status);
		return;
	}
	touch(cn);
	flush(cn);
	if (cn->writing || cn->out.n > 0 || cn->state == GONE)
		return;
	if (cn->state == ENDING)
		flushed(cn);
	else if (cn->state == OPEN && cn->handler->drained != NULL)
		cn->handler->drained(cn);
}

/* Hands `out` to the kernel; what it does not take now is written as the peer reads. */
static void flush(struct tls_conn *cn)
{
	uv_buf_t b;
	int n;

	if (cn->writing || cn->out.n == 0 || cn->state == CONNECTING || cn->state == GONE)
		return;
	b = uv_buf_init(cn->out.p, (unsigned)cn->out.n);
	n = uv_try_write((uv_stream_t *)&cn->tcp, &b, 1);
	if (n < 0 && n != UV_EAGAIN) {
		broken(cn, n);
		return;
	}
	if (n > 0)
		touch(cn);
	n = n < 0 ? 0 : n;
	if ((size_t)n == cn->out.n) {
		buf_release(&cn->out);
		return;
	}
	cn->flight = cn->out;
	cn->out = (struct buf){ 0 };
	b = uv_buf_init(cn->flight.p + n, (unsigned)(cn->flight.n - (size_t)n));
	cn->req.write.data = cn;
	n = uv_write(&cn->req.write, (uv_stream_t *)&cn->tcp, &b, 1, on_written);
	if (n < 0) {
		buf_release(&cn->flight);
		broken(cn, n);
		return;
	}
	cn->writing = true;
}

/* --- GnuTLS's view of the socket --- */

static ssize_t pull(gnutls_transport_ptr_t p, void *out, size_t n)
{
	struct tls_conn *cn = p;

	if (cn->net.n == 0) {
		if (cn->eof)
			return 0;
		gnutls_transport_set_errno(cn->session, EAGAIN);
		return -1;
	}
	if (n > cn->net.n)
		n = cn->net.n;
	memcpy(out, cn->net.p, n);
	cn->net = slice_from(cn->net, n);
	return (ssize_t)n;
}

static int pull_timeout(gnutls_transport_ptr_t p, unsigned ms)
{
	struct tls_conn *cn = p;

	return cn->net.n > 0 || cn->eof ? 1 : 0;
}

static ssize_t push(gnutls_transport_ptr_t p, const void *data, size_t n)
{
	struct tls_conn *cn = p;

	buf_put(&cn->out, data, n);
	if (cn->out.failed) {
		gnutls_transport_set_errno(cn->session, ENOMEM);
		return -1;
	}
	return (ssize_t)n;
}

/* --- ending --- */

static void end(struct tls_conn *cn, const struct err *why)
{
	enum state was = cn->state;

	if (was >= ENDING)
		return;
	set_why(cn, why);
	if (was == CONNECTING) {
		leave(cn);
		return;
	}
	cn->state = ENDING;
	if (was == OPEN)
		gnutls_bye(cn->session, GNUTLS_SHUT_WR); /* cannot block: push always takes it */
	limit(cn, LINGER_MS);
	flush(cn);
	if (!cn->writing && cn->out.n == 0)
		flushed(cn);
}

/* TLS itself failed, in the handshake or after. The peer is told by an alert where it can be. */
static void tls_failed(struct tls_conn *cn, int code)
{
	char text[256];
	struct err err;

	if (code == GNUTLS_E_PREMATURE_TERMINATION || code == GNUTLS_E_PULL_ERROR ||
	    code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		cn->eof = true; /* nothing to be said any more */
	if (cn->why == NULL) {
		tls_gnutls_text(code, gnutls_alert_get(cn->session), text, sizeof(text));
		err_set(&err, ERR_PEER, "%s: %s%s", label(cn), text,
			cn->state == HANDSHAKE && cn->eof && code == GNUTLS_E_PREMATURE_TERMINATION
				? " in the middle of the TLS handshake"
				: "");
		set_why(cn, &err);
	}
	if (cn->state == HANDSHAKE && cn->failure == TLS_FAIL_NONE)
		cn->failure = tls_gnutls_failure(code);
	if (cn->eof) {
		leave(cn);
		return;
	}
	cn->state = ENDING;
	if (cn->alert != 0)
		gnutls_alert_send(cn->session, GNUTLS_AL_FATAL, cn->alert);
	else
		gnutls_alert_send_appropriate(cn->session, code);
	cn->drain = true;
	limit(cn, LINGER_MS);
	flush(cn);
	if (cn->state == ENDING && !cn->writing && cn->out.n == 0)
		flushed(cn);
}

/* --- handshake --- */

static int refuse(struct tls_conn *cn, enum tls_failure failure, gnutls_alert_description_t alert,
		  const char *text)
{
	struct err err;

	err_set(&err, ERR_DENIED, "%s: %s", label(cn), text);
	set_why(cn, &err);
	cn->failure = failure;
	cn->alert = alert;
	return GNUTLS_E_CERTIFICATE_ERROR;
}

/* Called by GnuTLS within the handshake, before the peer's Finished is answered. */
static int on_verify(gnutls_session_t session)
{
	struct tls_conn *cn = gnutls_session_get_ptr(session);
	gnutls_x509_crt_t crt = tls_peer_cert(cn);
	gnutls_alert_description_t alert;
	enum tls_failure failure;
	unsigned status = 0;
	struct err err;
	char text[256];
	int n;

	if (crt == NULL)
		return refuse(cn, TLS_FAIL_NO_CERT, GNUTLS_A_BAD_CERTIFICATE,
			      "showed no certificate that can be read");
	if (cn->creds->checks_chain) {
		n = gnutls_certificate_verify_peers2(session, &status);
		if (n < 0)
			return refuse(cn, TLS_FAIL_CHAIN, GNUTLS_A_BAD_CERTIFICATE,
				      gnutls_strerror(n));
		if (status != 0) {
			failure = tls_chain_text(status, crt, text, sizeof(text), &alert);
			return refuse(cn, failure, alert, text);
		}
	}
	if (cn->handler->verify != NULL && cn->handler->verify(cn, crt, &err) < 0)
		return refuse(cn, TLS_FAIL_REFUSED,
			      cn->server ? GNUTLS_A_ACCESS_DENIED : GNUTLS_A_BAD_CERTIFICATE,
			      err.msg);
	return 0;
}

static void handshake(struct tls_conn *cn)
{
	int n;

	do
		n = gnutls_handshake(cn->session);
	while (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_WARNING_ALERT_RECEIVED ||
	       n == GNUTLS_E_GOT_APPLICATION_DATA);
	if (n == GNUTLS_E_AGAIN)
		return;
	if (n < 0) {
		tls_failed(cn, n);
		return;
	}
	cn->state = OPEN;
	touch(cn);
	arm(cn);
	flush(cn); /* our Finished, so that tls_pending counts only what the handler writes */
	if (cn->state == OPEN && cn->handler->open != NULL)
		cn->handler->open(cn);
	if (cn->crt != NULL) { /* 3 KB that an idle connection need not keep */
		gnutls_x509_crt_deinit(cn->crt);
		cn->crt = NULL;
	}
}

/* --- reading --- */

/* Offers `bytes`, which are `in` itself when something waits there. */
static void offer(struct tls_conn *cn, struct slice bytes, bool held)
{
	ssize_t used = cn->handler->data(cn, bytes);
	struct err err;

	if (cn->state != OPEN)
		return;
	if (used < 0) {
		err_set(&err, ERR_PEER, "%s: sent what we cannot read", label(cn));
		end(cn, &err);
		return;
	}
	assert((size_t)used <= bytes.n);
	if (held) {
		if ((size_t)used == bytes.n)
			buf_release(&cn->in);
		else
			buf_eat(&cn->in, (size_t)used);
	} else {
		buf_slice(&cn->in, slice_from(bytes, (size_t)used));
	}
	if (cn->in.failed)
		end(cn, &no_memory);
	else if (used == 0 && cn->in.n >= cn->max_in && !cn->paused) {
		err_set(&err, ERR_PEER, "%s: sent %zu bytes that make nothing whole", label(cn),
			cn->in.n);
		end(cn, &err);
	}
}

static void receive(struct tls_conn *cn)
{
	ssize_t n;

	while (cn->state == OPEN && !cn->paused) {
		if (cn->again) { /* first after a resume: what was left is offered anew */
			cn->again = false;
			if (cn->in.n > 0)
				offer(cn, buf_view(&cn->in), true);
			continue;
		}
		n = gnutls_record_recv(cn->session, shared.plain, PLAIN_BYTES);
		if (n == GNUTLS_E_AGAIN)
			return;
		if (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_WARNING_ALERT_RECEIVED)
			continue;
		if (n ==
		    0) { /* close_notify: the peer has nothing more to say, so neither have we */
			end(cn, NULL);
			return;
		}
		if (n < 0) {
			tls_failed(cn, (int)n);
			return;
		}
		if (cn->in.n == 0) {
			offer(cn, (struct slice){ shared.plain, (size_t)n }, false);
			continue;
		}
		buf_put(&cn->in, shared.plain, (size_t)n);
		if (cn->in.failed)
			end(cn, &no_memory);
		else
			offer(cn, buf_view(&cn->in), true);
	}
}

/* Works on ciphertext; what a pause leaves of it stays with the connection. */
static void feed(struct tls_conn *cn, struct slice net)
{
	cn->net = net;
	cn->busy = true;
	if (cn->state == HANDSHAKE)
		handshake(cn);
	if (cn->state == OPEN)
		receive(cn);
	cn->busy = false;
	if (cn->state == OPEN && cn->net.n > 0) {
		buf_slice(&cn->cipher, cn->net);
		if (cn->cipher.failed)
			end(cn, &no_memory);
	}
	cn->net = (struct slice){ NULL, 0 };
	if (cn->out.n == 0)
		return;
	flush(cn); /* TLS's own messages: the handler may have seen them in tls_pending */
	if (cn->state == OPEN && tls_pending(cn) == 0 && cn->handler->drained != NULL)
		cn->handler->drained(cn);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
	*ret = uv_buf_init(shared.cipher, CIPHER_BYTES);
}

static void on_read(uv_stream_t *st, ssize_t n, const uv_buf_t *b)
{
	struct tls_conn *cn = st->data;

	if (n == 0)
		return;
	if (cn->state == ENDING) { /* only waiting for the peer to leave */
		if (n < 0)
			leave(cn);
		return;
	}
	if (n < 0 && n != UV_EOF) {
		broken(cn, (int)n);
		return;
	}
	touch(cn);
	if (n < 0)
		cn->eof = true;
	feed(cn, (struct slice){ n > 0 ? b->base : NULL, n > 0 ? (size_t)n : 0 });
}

static void start_reading(struct tls_conn *cn)
{
	int n;

	if (cn->reading || cn->state == GONE)
		return;
	n = uv_read_start((uv_stream_t *)&cn->tcp, on_alloc, on_read);
	if (n < 0)
		broken(cn, n);
	else
		cn->reading = true;
}

static void resumed(struct tls_conn *cn)
{
	struct buf kept = cn->cipher;

	if (cn->state != OPEN || cn->paused)
		return;
	cn->cipher = (struct buf){ 0 };
	cn->again = true;
	feed(cn, buf_view(&kept));
	buf_release(&kept);
	if (cn->state == OPEN && !cn->paused)
		start_reading(cn);
}

static void on_timer(uv_timer_t *t)
{
	struct tls_conn *cn = t->data;
	struct err err;

	if (cn->kicked) {
		cn->kicked = false;
		arm(cn);
		resumed(cn);
		return;
	}
	switch (cn->state) {
	case CONNECTING:
	case HANDSHAKE:
		err_set(&err, ERR_PEER,
			cn->state == CONNECTING
				? "%s: no answer within %u ms: a firewall may drop the connection"
				: "%s: the TLS handshake did not end within %u ms",
			label(cn), cn->handshake_ms);
		set_why(cn, &err);
		cn->failure = TLS_FAIL_TIMEOUT;
		leave(cn);
		return;
	case OPEN:
		if (cn->paused) /* we keep it waiting, not it us */
			touch(cn);
		if (uv_now(t->loop) - cn->last_ms < cn->idle_ms) {
			arm(cn);
			return;
		}
		err_set(&err, ERR_PEER, "%s: silent for %u s", label(cn), cn->idle_ms / 1000);
		end(cn, &err);
		return;
	default:
		leave(cn);
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
	cn->state = HANDSHAKE;
	start_reading(cn);
}

static void on_connected(uv_connect_t *req, int status)
{
	struct tls_conn *cn = req->data;

	if (cn->state == GONE)
		return;
	if (status < 0) {
		broken(cn, status);
		return;
	}
	began(cn);
	if (cn->state == HANDSHAKE)
		feed(cn, (struct slice){ NULL, 0 }); /* says hello */
}

static int session_init(struct tls_conn *cn, const char *name, struct err *err)
{
	unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS;
	unsigned char ip[16];
	int n;

	/* The client sends its only certificate whatever authorities the server names, so that the
	 * server can say what is wrong with it. */
	flags |= cn->server ? GNUTLS_SERVER : GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT;
	n = gnutls_init(&cn->session, flags);
	if (n < 0)
		goto fail;
	gnutls_session_set_ptr(cn->session, cn);
	gnutls_transport_set_ptr(cn->session, cn);
	gnutls_transport_set_pull_function(cn->session, pull);
	gnutls_transport_set_pull_timeout_function(cn->session, pull_timeout);
	gnutls_transport_set_push_function(cn->session, push);
	gnutls_session_set_verify_function(cn->session, on_verify);
	if (cn->server && cn->creds->checks_chain)
		gnutls_certificate_server_set_request(cn->session, GNUTLS_CERT_REQUIRE);
	n = gnutls_priority_set(cn->session, cn->creds->priority);
	if (n < 0)
		goto fail;
	n = gnutls_credentials_set(cn->session, GNUTLS_CRD_CERTIFICATE, cn->creds->cred);
	if (n < 0)
		goto fail;
	if (!cn->server && name != NULL && uv_inet_pton(AF_INET, name, ip) < 0 &&
	    uv_inet_pton(AF_INET6, name, ip) < 0)
		n = gnutls_server_name_set(cn->session, GNUTLS_NAME_DNS, name, strlen(name));
	if (n >= 0)
		return 0;
fail:
	return err_set(err, ERR_NOMEM, "cannot begin TLS: %s", gnutls_strerror(n));
}

static void conn_silent(struct tls_conn *cn)
{
	cn->silent = true;
	if (cn->handles > 0)
		leave(cn);
	else
		conn_free(cn);
}

static struct tls_conn *conn_new(const struct tls_opts *opts, bool server, struct err *err)
{
	struct tls_conn *cn = calloc(1, sizeof(*cn));

	if (cn == NULL || shared_take() < 0) {
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
	if (session_init(cn, opts->server_name, err) < 0) {
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
		err_set(err, ERR_PEER, "%s: %s", label(cn), tls_socket_text(n));
		conn_silent(cn);
		return -1;
	}
	limit(cn, cn->handshake_ms);
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
	if (cn->state == GONE) {
		*err = cn->why != NULL ? *cn->why : no_memory;
		cn->silent = true;
		return -1;
	}
	limit(cn, cn->handshake_ms);
	*ret = cn;
	return 0;
}

/* --- what the handler calls --- */

int tls_write(struct tls_conn *cn, struct slice bytes, struct err *err)
{
	ssize_t n;

	if (cn->state != OPEN)
		return err_set(err, ERR_PEER, "%s: the connection is not open", label(cn));
	while (bytes.n > 0) {
		n = gnutls_record_send(cn->session, bytes.p, bytes.n);
		if (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN)
			continue; /* push takes all or fails for good, so this ends */
		if (n < 0) {
			err_set(err, cn->out.failed ? ERR_NOMEM : ERR_PEER, "%s: cannot send: %s",
				label(cn), gnutls_strerror((int)n));
			set_why(cn, err);
			leave(cn);
			return -1;
		}
		bytes = slice_from(bytes, (size_t)n);
	}
	flush(cn);
	return 0;
}

size_t tls_pending(const struct tls_conn *cn)
{
	return cn->out.n + (cn->writing ? cn->tcp.write_queue_size : 0);
}

void tls_pause(struct tls_conn *cn)
{
	if (cn->paused)
		return;
	cn->paused = true;
	if (cn->reading && cn->state == OPEN) {
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
	if (cn->state != OPEN)
		return;
	cn->kicked = true;
	uv_timer_start(&cn->timer, on_timer, 0, 0);
}

void tls_close(struct tls_conn *cn, const struct err *why)
{
	end(cn, why);
}

void *tls_arg(const struct tls_conn *cn)
{
	return cn->arg;
}

const char *tls_peer(const struct tls_conn *cn)
{
	return cn->peer;
}

gnutls_x509_crt_t tls_peer_cert(struct tls_conn *cn)
{
	const gnutls_datum_t *list;
	unsigned n = 0;

	if (cn->crt != NULL)
		return cn->crt;
	list = gnutls_certificate_get_peers(cn->session, &n);
	if (list == NULL || n == 0 || gnutls_x509_crt_init(&cn->crt) < 0)
		return NULL;
	if (gnutls_x509_crt_import(cn->crt, &list[0], GNUTLS_X509_FMT_DER) < 0) {
		gnutls_x509_crt_deinit(cn->crt);
		cn->crt = NULL;
	}
	return cn->crt;
}

enum tls_failure tls_failure(const struct tls_conn *cn)
{
	return cn->failure;
}

const char *tls_failure_name(enum tls_failure f)
{
	static const char *const names[TLS_FAILURES] = {
		[TLS_FAIL_NONE] = "none",       [TLS_FAIL_CONNECT] = "connect",
		[TLS_FAIL_TIMEOUT] = "timeout", [TLS_FAIL_PROTOCOL] = "protocol",
		[TLS_FAIL_NO_CERT] = "no_cert", [TLS_FAIL_CHAIN] = "chain",
		[TLS_FAIL_EXPIRED] = "expired", [TLS_FAIL_REFUSED] = "refused",
	};

	return f < TLS_FAILURES ? names[f] : "none";
}

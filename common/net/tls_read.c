/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/tls_read.c: from the socket to the handler.
 * Memory: an idle connection keeps no buffer: all connections of a thread read into one shared pair
 *         of buffers, and bytes stay with a connection only while they wait for more. */
#include "common/net/tls_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define CIPHER_BYTES 65536u /* read from the socket at once */
#define PLAIN_BYTES  16384u /* one TLS record: RFC 8446 section 5.1 */

/* One pair a thread, since a loop is a thread's and callbacks do not nest. */
static _Thread_local struct {
	char *cipher, *plain;
	unsigned users;
} shared;

int tls_shared_take(void)
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

void tls_shared_drop(void)
{
	if (--shared.users > 0)
		return;
	free(shared.cipher);
	free(shared.plain);
	shared.cipher = shared.plain = NULL;
}

ssize_t tls_pull(gnutls_transport_ptr_t p, void *out, size_t n)
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

int tls_pull_timeout(gnutls_transport_ptr_t p, unsigned ms)
{
	struct tls_conn *cn = p;

	return cn->net.n > 0 || cn->eof ? 1 : 0;
}

/* Offers `bytes`, which are `in` itself when something waits there. */
static void offer(struct tls_conn *cn, struct slice bytes, bool held)
{
	ssize_t used = cn->handler->data(cn, bytes);
	struct err err;

	if (cn->state != TLS_OPEN)
		return;
	if (used < 0) {
		err_set(&err, ERR_PEER, "%s: sent what we cannot read", tls_label(cn));
		tls_end(cn, &err);
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
		tls_end(cn, &tls_no_memory);
	else if (used == 0 && cn->in.n >= cn->max_in && !cn->paused) {
		err_set(&err, ERR_PEER, "%s: sent %zu bytes that make nothing whole", tls_label(cn),
			cn->in.n);
		tls_end(cn, &err);
	}
}

static void receive(struct tls_conn *cn)
{
	ssize_t n;

	while (cn->state == TLS_OPEN && !cn->paused) {
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
		if (n == 0) {
			/* close_notify: the peer has nothing more to say, so neither have we. */
			tls_end(cn, NULL);
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
			tls_end(cn, &tls_no_memory);
		else
			offer(cn, buf_view(&cn->in), true);
	}
}

/* Works on ciphertext; what a pause leaves of it stays with the connection. */
void tls_feed(struct tls_conn *cn, struct slice net)
{
	cn->net = net;
	cn->busy = true;
	if (cn->state == TLS_HANDSHAKE)
		tls_handshake(cn);
	if (cn->state == TLS_OPEN)
		receive(cn);
	cn->busy = false;
	if (cn->state == TLS_OPEN && cn->net.n > 0) {
		buf_slice(&cn->cipher, cn->net);
		if (cn->cipher.failed)
			tls_end(cn, &tls_no_memory);
	}
	cn->net = (struct slice){ NULL, 0 };
	if (cn->out.n == 0)
		return;
	tls_flush(cn); /* TLS's own messages: the handler may have seen them in tls_pending */
	if (cn->state == TLS_OPEN && tls_pending(cn) == 0 && cn->handler->drained != NULL)
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
	if (cn->state == TLS_ENDING) { /* only waiting for the peer to leave */
		if (n < 0)
			tls_leave(cn);
		return;
	}
	if (n < 0 && n != UV_EOF) {
		tls_broken(cn, (int)n);
		return;
	}
	tls_touch(cn);
	if (n < 0)
		cn->eof = true;
	tls_feed(cn, (struct slice){ n > 0 ? b->base : NULL, n > 0 ? (size_t)n : 0 });
}

void tls_start_reading(struct tls_conn *cn)
{
	int n;

	if (cn->reading || cn->state == TLS_GONE)
		return;
	n = uv_read_start((uv_stream_t *)&cn->tcp, on_alloc, on_read);
	if (n < 0)
		tls_broken(cn, n);
	else
		cn->reading = true;
}

void tls_resumed(struct tls_conn *cn)
{
	struct buf kept = cn->cipher;

	if (cn->state != TLS_OPEN || cn->paused)
		return;
	cn->cipher = (struct buf){ 0 };
	cn->again = true;
	tls_feed(cn, buf_view(&kept));
	buf_release(&kept);
	if (cn->state == TLS_OPEN && !cn->paused)
		tls_start_reading(cn);
}

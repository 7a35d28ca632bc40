/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/tls_write.c: from the handler to the kernel. GnuTLS's records gather in `out`; what
 * the kernel does not take at once is `flight` until the peer has read it. */
#include "common/net/tls_impl.h"

#include <errno.h>

void tls_flushed(struct tls_conn *cn)
{
	uv_os_fd_t fd;

	if (cn->state != TLS_ENDING)
		return;
	if (!cn->drain) {
		tls_leave(cn);
		return;
	}
	/* The read side is watched until the peer leaves or the linger timer ends it. */
	if (uv_fileno((uv_handle_t *)&cn->tcp, &fd) < 0 || shutdown(fd, SHUT_WR) < 0)
		tls_leave(cn);
	else
		tls_start_reading(cn);
}

static void on_written(uv_write_t *req, int status)
{
	struct tls_conn *cn = req->data;

	cn->writing = false;
	buf_release(&cn->flight);
	if (cn->state == TLS_GONE)
		return;
	if (status < 0) {
		tls_broken(cn, status);
		return;
	}
	tls_touch(cn);
	tls_flush(cn);
	if (cn->writing || cn->out.n > 0 || cn->state == TLS_GONE)
		return;
	if (cn->state == TLS_ENDING)
		tls_flushed(cn);
	else if (cn->state == TLS_OPEN && cn->handler->drained != NULL)
		cn->handler->drained(cn);
}

/* Hands `out` to the kernel; what it does not take now is written as the peer reads. */
void tls_flush(struct tls_conn *cn)
{
	uv_buf_t b;
	int n;

	if (cn->writing || cn->out.n == 0 || cn->state == TLS_CONNECTING || cn->state == TLS_GONE)
		return;
	b = uv_buf_init(cn->out.p, (unsigned)cn->out.n);
	n = uv_try_write((uv_stream_t *)&cn->tcp, &b, 1);
	if (n < 0 && n != UV_EAGAIN) {
		tls_broken(cn, n);
		return;
	}
	if (n > 0)
		tls_touch(cn);
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
		tls_broken(cn, n);
		return;
	}
	cn->writing = true;
}

ssize_t tls_push(gnutls_transport_ptr_t p, const void *data, size_t n)
{
	struct tls_conn *cn = p;

	cn->answered = true;
	buf_put(&cn->out, data, n);
	if (cn->out.failed) {
		gnutls_transport_set_errno(cn->session, ENOMEM);
		return -1;
	}
	return (ssize_t)n;
}

int tls_write(struct tls_conn *cn, struct slice bytes, struct err *err)
{
	ssize_t n;

	if (cn->state != TLS_OPEN)
		return err_set(err, ERR_PEER, "%s: the connection is not open", tls_label(cn));
	while (bytes.n > 0) {
		n = gnutls_record_send(cn->session, bytes.p, bytes.n);
		if (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN)
			continue; /* push takes all or fails for good, so this ends */
		if (n < 0) {
			err_set(err, cn->out.failed ? ERR_NOMEM : ERR_PEER, "%s: cannot send: %s",
				tls_label(cn), gnutls_strerror((int)n));
			tls_set_why(cn, err);
			tls_leave(cn);
			return -1;
		}
		bytes = slice_from(bytes, (size_t)n);
	}
	tls_flush(cn);
	return 0;
}

size_t tls_pending(const struct tls_conn *cn)
{
	return cn->out.n + (cn->writing ? cn->tcp.write_queue_size : 0);
}

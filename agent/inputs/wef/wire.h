/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/wire.h: one connection of a client, plain or TLS, to whoever reads its bytes.
 * Both behave as common/net/tls.h says: bytes are offered again until they are used; paused,
 * nothing is read; closed comes once, then the wire is gone. Thread: the loop thread. */
#ifndef VARTIO_WEF_WIRE_H
#define VARTIO_WEF_WIRE_H

#include "common/net/tls.h"

struct wire;
struct wire_handler {
	/* TLS: the chain is good; whose certificate is it? As in struct tls_handler. */
	int (*verify)(struct wire *l, gnutls_x509_crt_t peer, struct err *err);
	ssize_t (*data)(struct wire *l, struct slice in); /* bytes used; -1: close */
	void (*closed)(struct wire *l, const struct err *err);
};
struct wire_opts {
	uv_loop_t *loop;
	struct tls_creds *creds; /* NULL: plain */
	const struct wire_handler *handler;
	void *arg;
	size_t max_in;    /* bytes held unread, at most */
	uint32_t idle_ms; /* no byte in either direction: closed */
};

/* Accepts from listener. -1: it is not there, and closed is not called. */
int wire_accept(const struct wire_opts *opts, uv_stream_t *listener, struct wire **ret,
		struct err *err);
int wire_write(struct wire *l, struct slice bytes, struct err *err); /* copies */
void wire_pause(struct wire *l);
void wire_resume(struct wire *l); /* what is held is offered again on the loop's next turn */
void wire_close(struct wire *l, const struct err *why); /* once all is written */
void *wire_arg(const struct wire *l);
const char *wire_peer(const struct wire *l); /* "192.0.2.7:40022" */
struct tls_conn *wire_tls(struct wire *l);   /* NULL: plain */

#endif

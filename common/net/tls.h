/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/tls.h: one TLS 1.2/1.3 connection on a libuv TCP handle, by GnuTLS, either side.
 * Both sides always show a certificate of our own CA; names and uses are checked by the caller's
 * `verify` once the chain is good. The system's trust store is never loaded.
 * Thread:  the loop thread.
 * Life:    tls_creds_* give counted references; a connection holds one until it ends, so that
 *          certificates can be replaced while connections live.
 * Standards: RFC 8446, RFC 5246, RFC 5280, RFC 7525. */
#ifndef VARTIO_NET_TLS_H
#define VARTIO_NET_TLS_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <uv.h>

#include "common/base/buf.h"

struct tls_creds;
/* Reads PEM files. key_path and cert_path may both be NULL (a client before enrolment). ca_path
 * NULL: no chain check here, the caller's verify pins the key. Errors name the file. ERR_DENIED
 * also for a key that others than its owner may read. */
int tls_creds_load(const char *ca_path, const char *cert_path, const char *key_path,
		   struct tls_creds **ret, struct err *err);
/* When its own certificate ends, in seconds since 1970; 0: it has none. */
int64_t tls_creds_ends_s(const struct tls_creds *cr);
struct tls_creds *tls_creds_ref(struct tls_creds *cr);
void tls_creds_unref(struct tls_creds *cr); /* NULL is fine */

/* Why a handshake failed, for counters. */
enum tls_failure {
	TLS_FAIL_NONE,     /* it did not fail, or has not ended */
	TLS_FAIL_CONNECT,  /* no TCP connection */
	TLS_FAIL_TIMEOUT,  /* handshake_ms passed */
	TLS_FAIL_PROTOCOL, /* not TLS, no common version or cipher, cut */
	TLS_FAIL_NO_CERT,  /* the peer showed none */
	TLS_FAIL_CHAIN,    /* not signed by our authority */
	TLS_FAIL_EXPIRED,  /* not valid now */
	TLS_FAIL_REFUSED,  /* the caller's verify said no */
	TLS_FAILURES
};

struct tls_conn;
struct tls_handler {
	/* The chain is good (or unchecked, see ca_path): check names, uses, the registry. -1 with
	 * *err refuses; the peer gets an alert. Called once, before `open`. May be NULL. */
	int (*verify)(struct tls_conn *cn, gnutls_x509_crt_t peer, struct err *err);
	void (*open)(struct tls_conn *cn); /* handshake done */
	/* Bytes arrived. Return how many were used; the rest is offered again with what follows.
	 * -1: close the connection. */
	ssize_t (*data)(struct tls_conn *cn, struct slice in);
	/* Everything written is with the kernel. Called when tls_pending was above 0 after a
	 * tls_write; a write that the kernel took at once is not followed by it. */
	void (*drained)(struct tls_conn *cn);
	/* The connection ended, err NULL when the peer closed in good order. Called exactly once,
	 * also when opening failed; cn is freed after it returns. */
	void (*closed)(struct tls_conn *cn, const struct err *err);
};
struct tls_opts {
	uv_loop_t *loop;
	struct tls_creds *creds; /* a reference is taken */
	const struct tls_handler *handler;
	void *arg;
	const char *server_name; /* client: SNI, and what messages call the peer; copied */
	size_t max_in;           /* bytes held unread (0: 1 MiB); at that many, data must use some
				  * or pause, else the connection is closed */
	uint32_t handshake_ms;   /* 0: 10,000 */
	uint32_t idle_ms;        /* no byte in either direction: closed. 0: never */
};

int tls_connect(const struct tls_opts *opts, const struct sockaddr *addr, struct tls_conn **ret,
		struct err *err);
/* Takes over an accepted handle's connection: accepts from `listener` itself. */
int tls_accept(const struct tls_opts *opts, uv_stream_t *listener, struct tls_conn **ret,
	       struct err *err);
int tls_write(struct tls_conn *cn, struct slice bytes, struct err *err); /* copies */
size_t tls_pending(const struct tls_conn *cn); /* bytes written but not yet with the kernel */
void tls_pause(struct tls_conn *cn);           /* stop reading: backpressure reaches the peer */
void tls_resume(struct tls_conn *cn);
size_t tls_unread(const struct tls_conn *cn); /* ciphertext that a paused connection keeps */
/* Sends what is pending and the farewell (for two seconds at most); closed(why) follows, and
 * nothing else. why may be NULL. Calling again is harmless. */
void tls_close(struct tls_conn *cn, const struct err *why);
void *tls_arg(const struct tls_conn *cn);
/* In a handshake: has the peer said its hello, and is it the peer who is waited for? */
bool tls_answered(const struct tls_conn *cn);
bool tls_peers_turn(const struct tls_conn *cn);
const char *tls_peer(const struct tls_conn *cn);      /* "192.0.2.7:40022", for messages */
gnutls_x509_crt_t tls_peer_cert(struct tls_conn *cn); /* lent; NULL when there is none */
/* SHA-1 of the certificate of the authority that signed the peer's: its thumbprint, as Windows
 * calls it. Good within verify. -1: it is not known. */
int tls_peer_issuer(struct tls_conn *cn, uint8_t ret_sha1[20]);
enum tls_failure tls_failure(const struct tls_conn *cn);
const char *tls_failure_name(enum tls_failure f); /* "timeout", for a metric's label */

#endif

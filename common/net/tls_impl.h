/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/tls_impl.h: what the files tls*.c share. Nobody else includes it. */
#ifndef VARTIO_NET_TLS_IMPL_H
#define VARTIO_NET_TLS_IMPL_H

#include <stdatomic.h>

#include "common/net/tls.h"

struct tls_creds {
	_Atomic unsigned refs;
	gnutls_certificate_credentials_t cred;
	gnutls_priority_t priority;
	bool checks_chain; /* an authority was given */
	int64_t ends_s;    /* of the own certificate; 0: none */
};

#define TLS_PEER_MAX  64
#define TLS_LINGER_MS 2000u /* how long the farewell may take */

enum tls_state { TLS_CONNECTING, TLS_HANDSHAKE, TLS_OPEN, TLS_ENDING, TLS_GONE };

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
	enum tls_state state;
	enum tls_failure failure;
	gnutls_alert_description_t alert;
	unsigned handles; /* not closed yet */
	bool server, paused, reading, writing, busy, eof, kicked, again, drain, silent;
	bool answered;
	char peer[TLS_PEER_MAX];
};

/* tls.c: life and time. */
extern const struct err tls_no_memory;
const char *tls_label(const struct tls_conn *cn); /* what messages call the peer */
/* The first reason stays. why may be NULL. */
void tls_set_why(struct tls_conn *cn, const struct err *why);
/* Closes the handles; `closed` follows when libuv has. */
void tls_leave(struct tls_conn *cn);
/* The socket broke with this status of libuv: nothing more can be said on it. */
void tls_broken(struct tls_conn *cn, int status);
/* The farewell, what is pending, and then tls_leave. why may be NULL. */
void tls_end(struct tls_conn *cn, const struct err *why);
void tls_touch(struct tls_conn *cn);              /* bytes went or came: not idle */
void tls_arm(struct tls_conn *cn);                /* the timer, as the state asks */
void tls_limit(struct tls_conn *cn, uint32_t ms); /* how long this state may last */

/* tls_write.c */
void tls_flush(struct tls_conn *cn); /* hands `out` to the kernel */
/* All that was to be said while ENDING is with the kernel. */
void tls_flushed(struct tls_conn *cn);
ssize_t tls_push(gnutls_transport_ptr_t p, const void *data, size_t n);

/* tls_read.c */
int tls_shared_take(void); /* one more user of the thread's buffers; -1: out of memory */
void tls_shared_drop(void);
void tls_start_reading(struct tls_conn *cn);
/* Works on ciphertext; what a pause leaves of it stays with the connection. */
void tls_feed(struct tls_conn *cn, struct slice net);
void tls_resumed(struct tls_conn *cn); /* goes on with what a pause left */
ssize_t tls_pull(gnutls_transport_ptr_t p, void *out, size_t n);
int tls_pull_timeout(gnutls_transport_ptr_t p, unsigned ms);

/* tls_handshake.c */
int tls_session_init(struct tls_conn *cn, const char *name, struct err *err);
void tls_handshake(struct tls_conn *cn);
/* TLS itself failed, in the handshake or after. The peer is told by an alert where it can be. */
void tls_failed(struct tls_conn *cn, int code);

/* tls_text.c */
/* "192.0.2.7:40022", "[2001:db8::7]:40022" */
void tls_addr_text(const struct sockaddr *sa, char out[TLS_PEER_MAX]);
/* What a person can do something with, for errors of libuv (negative errno). */
const char *tls_socket_text(int uv_status);
/* The same for what GnuTLS says; `alert` is the peer's last alert. */
void tls_gnutls_text(int code, gnutls_alert_description_t alert, char *out, size_t n);
enum tls_failure tls_gnutls_failure(int code);
/* Why a chain is not good, from the bits of gnutls_certificate_verify_peers2; *ret_alert is what
 * the peer is told. */
enum tls_failure tls_chain_text(unsigned status, gnutls_x509_crt_t crt, char *out, size_t n,
				gnutls_alert_description_t *ret_alert);

#endif

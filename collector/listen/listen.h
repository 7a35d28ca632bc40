/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/listen.h: the senders' door: Lumberjack v2 over mutual TLS.
 * May touch:  its sockets; the queue through `put`; the registry through `admit` and `seen`.
 * Never:      answers for a window that is not durable; takes a tenant from an event.
 * Tenant:     settled at the handshake, from the certificate; no later stage may change it.
 * Threads:    one loop a thread. `admit` and `seen` are called on them (with more than one thread:
 *             from each). listen_revoke_check and listen_creds from any thread.
 * Promise:    windows are acknowledged in order, each only after `put` said of all its blocks that
 *             they are stored or were stored before. When the queue is full or fails, the sender
 *             is not read any more, and the blocks are put again until they are taken. */
#ifndef VARTIO_LISTEN_LISTEN_H
#define VARTIO_LISTEN_LISTEN_H

#include "collector/queue/queue.h"
#include "common/net/tls.h"

struct listen;
struct listen_opts {
	const char *addr;         /* "0.0.0.0", "::"; borrowed during the call */
	uint16_t port;            /* 0: any free one, see listen_port */
	unsigned threads;         /* 0: 1 */
	struct tls_creds *creds;  /* a reference is taken */
	unsigned max_connections; /* over all threads (10,000); more are closed at once */
	unsigned max_each; /* of one certificate (16); for one more its longest silent one goes */
	unsigned max_handshakes; /* at the same time, a thread (256); more wait in the backlog */
	unsigned max_windows;    /* a connection's windows in the queue's writer (24, at most 32) */
	uint64_t max_held_bytes; /* of frames and windows that are not whole yet (64 MiB) */
	uint32_t frame_ms; /* a frame or window may lag so far behind 250 bytes a second (60,000) */
	uint32_t stall_ms; /* the same while that memory is short (0: 5,000) */
	uint32_t handshake_ms; /* 0: 10,000 */
	uint32_t grace_ms;     /* of it a handshake has even when others wait (0: 1,000) */
	uint32_t idle_ms;      /* a silent sender is closed (0: 900,000) */
	uint32_t retry_ms;     /* until a full queue is asked again (0: 500) */
	struct queue *queue;   /* given to put */
	int (*put)(struct queue *q, const struct queue_block *blk,
		   void (*done)(void *arg, enum queue_result res, const struct err *err), void *arg,
		   struct err *err); /* queue_put */
	/* Is this certificate live, and whose is it? At each handshake and revoke check. */
	int (*admit)(void *arg, const char *serial, const char *tenant, const char *agent,
		     struct err *err);
	/* A sender is there: at its connection, then once a minute at most. May be NULL. */
	void (*seen)(void *arg, const char *tenant, const char *agent, const char *addr,
		     int64_t now_ns);
	void *arg;
	struct notice_hook notice; /* NOTICE_TWO_PLACES; tell may be NULL */
};
struct listen_stats {
	metric connections;       /* open now */
	metric accepted, refused; /* handshakes done; closed because we are full */
	metric handshake_failed[TLS_FAILURES];
	metric windows, events, bytes; /* taken; bytes as they came, compressed */
	metric blocks_own, blocks_foreign;
	metric acks, repeated;        /* windows answered; blocks that were held already */
	metric retries;               /* puts that the queue would not take */
	metric rejected;              /* connections closed for what they sent */
	metric held_bytes, pool_full; /* held now; times that reading was held back for it */
	metric share_full;            /* times that a sender held its share of it */
	metric too_slow;              /* of `rejected`: with a frame or window under way */
	metric replaced;              /* connections closed for a newer one of their certificate */
	metric handshakes, made_room; /* under way now; ended because others waited */
	metric revoked;               /* connections closed by a revoke check */
	metric two_places;            /* times that a certificate sent from two addresses at once */
};

int listen_start(const struct listen_opts *opts, struct listen **ret, struct err *err);
uint16_t listen_port(const struct listen *ls);
/* Asks `admit` again for every open connection, and closes those refused or expired. Returns at
 * once; the work is done on the threads. */
void listen_revoke_check(struct listen *ls);
void listen_creds(struct listen *ls, struct tls_creds *creds); /* for connections from now on */
const struct listen_stats *listen_stats(const struct listen *ls);
void listen_metrics(const struct listen *ls, struct buf *out);
/* Closes all connections, waits until every put has been answered (the queue must still run), and
 * frees. */
void listen_stop(struct listen *ls);

#endif

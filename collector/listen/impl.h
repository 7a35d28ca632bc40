/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/impl.h: what the files of this room share. Nobody else includes it. */
#ifndef VARTIO_LISTEN_IMPL_H
#define VARTIO_LISTEN_IMPL_H

#include <pthread.h>

#include "collector/listen/listen.h"
#include "collector/listen/window.h"
#include "common/net/identity.h"

#define WINDOWS_MAX 32u

struct put;
struct sender;
struct foreign;
struct cert;

struct listen_thread {
	struct listen *ls;
	pthread_t id;
	uv_loop_t loop;
	uv_tcp_t listener;
	uv_async_t wake;
	uv_timer_t retry, tidy, look, room;
	uv_idle_t pace;
	uv_check_t turn;
	struct buf scratch;
	struct conn *conns;      /* all, until they are freed */
	struct foreign *foreign; /* makes ECS of foreign events; made when first needed */
	unsigned handshaking;
	unsigned accepts;    /* in this turn of the loop */
	bool pending_accept; /* a connection waits until a handshake ends */
	bool stuck;          /* the queue does not take blocks; said once */
	bool stopping;
	unsigned puts;       /* with the queue's writer */
	uint64_t held_bytes; /* see pool.c */
	unsigned pool_level;
	struct put *again;  /* to be put again */
	int64_t log_from_s; /* failed handshakes are logged ten times in ten seconds */
	unsigned logged;

	pthread_mutex_t lock; /* guards the three below */
	struct put *done, **done_end;
	bool revoke, stop;
};

struct listen {
	struct listen_opts opts;
	struct listen_stats stats;
	struct listen_thread *threads;
	unsigned n_threads, n_started;
	uint16_t port;
	_Atomic unsigned n_conns;
	pthread_mutex_t lock; /* guards creds, senders and certs */
	struct tls_creds *creds;
	struct sender *senders;
	struct cert *certs;
};

struct conn { /* moves: handshake -> open -> gone; freed once gone and without puts */
	struct listen_thread *th;
	struct tls_conn *tls; /* NULL: gone */
	struct conn *prev, *next;
	struct identity id;
	struct window win;
	size_t held;     /* bytes that make nothing whole yet; in the thread's held_bytes */
	int64_t held_ns; /* since when it has held some (monotonic) */
	int64_t heard_ns;
	bool first_of_pool, chosen;
	size_t partial, blocked_bytes; /* held: unread and half windows; blocks to be put again */
	struct {
		uint32_t events, left; /* to acknowledge; blocks not durable yet */
	} windows[WINDOWS_MAX];
	uint64_t first, end;    /* windows not acknowledged: first..end-1, at index % WINDOWS_MAX */
	unsigned puts, blocked; /* of this connection: anywhere; waiting to be put again */
	int64_t seen_ns;
	struct cert *cert; /* NULL: not open, or there was no memory to watch it */
	int64_t opened_ns; /* monotonic */
	bool open, revoked;
};

struct put { /* one block on its way into the queue */
	struct put *next;
	struct conn *cn;
	uint64_t window;
	struct sender *sender; /* foreign only */
	struct queue_block blk;
	enum queue_result res;
	struct err err;
	char frame[];
};

/* A foreign sender's numbers, since this collector started. */
struct sender_block {
	uint64_t epoch, number, floor, first_seq;
};
int sender_number(struct listen *ls, const struct identity *id, uint32_t events,
		  struct sender **ret, struct sender_block *ret_block, struct err *err);
void sender_settled(struct listen *ls, struct sender *sd); /* stored, or given up */
void senders_free(struct listen *ls);

/* pool.c: memory for what is not whole yet. */
void pool_count(struct conn *cn, size_t bytes); /* of the connection, now */
bool pool_lets_read(const struct conn *cn);
/* intake.c */
void intake_update(struct conn *cn);      /* reads on, or not */
bool intake_reads(const struct conn *cn); /* it is the sender's turn */

/* places.c: one certificate must not send from two addresses at the same time. */
void places_open(struct conn *cn);
void places_sent(struct conn *cn); /* a window came */
void places_closed(struct conn *cn);
void certs_free(struct listen *ls);

/* foreign.c: events of other makers into ECS. */
struct foreign *foreign_new(void);
void foreign_free(struct foreign *fn);
/* Are all of the `J` frames ECS as Beats write it? Then their "@metadata" is blanked out, as
 * readers of a QUEUE_BEAT do. false: some may have been blanked out already. */
bool foreign_beats(char *frames, size_t n);
/* Appends one ECS JSON object. What is not JSON comes out as a pipeline_error: -1 is ERR_NOMEM. */
int foreign_ecs(struct foreign *fn, struct slice json, const char *peer, int64_t now_ns,
		struct buf *out, struct err *err);

/* intake.c: from a connection's bytes to the queue and back to its acknowledgements. */
ssize_t intake_data(struct conn *cn, struct slice in);
void intake_done(struct listen_thread *th);  /* works off what the queue's writer answered */
void intake_again(struct listen_thread *th); /* puts again what was not taken */
void intake_drop(struct listen_thread *th, struct conn *cn); /* gives up what waits; NULL: all */

/* conn.c */
void conn_try_free(struct conn *cn);
void conn_reject(struct conn *cn, const struct err *why);
int conn_accept(struct listen_thread *th);     /* accepts what waits */
void conn_make_room(struct listen_thread *th); /* ends the oldest handshake that is silent */
void conn_revoke(struct listen_thread *th);

#endif

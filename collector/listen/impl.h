/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/impl.h: what the files of this room share. Nobody else includes it. */
#ifndef VARTIO_LISTEN_IMPL_H
#define VARTIO_LISTEN_IMPL_H

#include <pthread.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "collector/listen/listen.h"
#include "collector/listen/window.h"
#include "common/net/identity.h"

#define WINDOWS_MAX 32u

struct put;
struct sender;
struct foreign;
struct cert;
struct share;

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
	size_t churned;          /* bytes taken and given back since the heap was tidied */
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
	struct share *shares; /* by sender; kept, as a registry's agents are few */
	int64_t looked_ns, told_ns;
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
	uint64_t group;      /* of its address: see waiting.c */
	struct share *share; /* NULL: not open */
	struct conn *share_prev, *share_next;
	size_t held;     /* bytes that make nothing whole yet; in the thread's held_bytes */
	size_t rest;     /* bytes that the last call left, and that come again with the next */
	int64_t held_ns; /* since when it has held some (monotonic) */
	int64_t heard_ns;
	int64_t slack_ms; /* how much longer it may take with what it has begun */
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
void pool_count(struct conn *cn, size_t bytes);   /* of the connection, now */
void pool_arrived(struct conn *cn, size_t bytes); /* new ones: it gets on */
bool pool_lets_read(const struct conn *cn);
/* share.c: what one sender has of a thread, over all its connections. */
struct share {
	char key[IDENTITY_TENANT_MAX + IDENTITY_AGENT_MAX + 2]; /* "tenant:agent" */
	struct conn *conns;
	uint64_t held;
	bool over; /* it holds its share; `first` alone goes on */
	struct conn *first;
	int64_t log_from_ns;
	unsigned logged;
	UT_hash_handle hh;
};
int share_join(struct conn *cn);   /* -1: out of memory */
void share_leave(struct conn *cn); /* harmless when it has none */
void shares_free(struct listen_thread *th);
/* May a line be logged for what this sender did? *ret_left: how many were left out since. */
bool share_may_log(struct share *sh, unsigned *ret_left);
/* intake.c */
void intake_update(struct conn *cn);      /* reads on, or not */
bool intake_reads(const struct conn *cn); /* it is the sender's turn */

/* places.c: one certificate must not send from two addresses at the same time. */
unsigned places_open(struct conn *cn); /* how many its certificate has now, on all threads */
void places_sent(struct conn *cn);     /* a window came */
void places_closed(struct conn *cn);
void certs_free(struct listen *ls);

/* waiting.c: whose handshake makes room when others wait. */
uint64_t waiting_group(const char *peer);         /* the same for an IPv4 /32, an IPv6 /64 */
void waiting_make_room(struct listen_thread *th); /* ends those that have had their time */

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
void intake_tidy_later(struct listen_thread *th, size_t churned); /* so many bytes came and went */
void intake_done(struct listen_thread *th);  /* works off what the queue's writer answered */
void intake_again(struct listen_thread *th); /* puts again what was not taken */
void intake_drop(struct listen_thread *th, struct conn *cn); /* gives up what waits; NULL: all */

/* conn.c */
void conn_try_free(struct conn *cn);
void conn_reject(struct conn *cn, const struct err *why);
int conn_accept(struct listen_thread *th); /* accepts what waits */
void conn_revoke(struct listen_thread *th);

#endif

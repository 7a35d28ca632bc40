/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/peers/listen_peer.c: the collector's door without its queue. Prints "port N", then for each
 * block a line "block TENANT SENDER KIND EPOCH NUMBER FIRST-SEQ EVENTS" and its events, a line
 * each; a block counts as durable when its lines are written. Repeated blocks are told and not
 * printed. Usage: listen_peer CA CERT KEY. Ends with SIGTERM. */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/listen/listen.h"
#include "collector/listen/window.h"
#include "common/net/lumberjack.h"

struct waiting {
	struct waiting *next;
	struct queue_block blk;
	struct buf frame;
	void (*done)(void *arg, enum queue_result res, const struct err *err);
	void *arg;
};

/* The queue of this program: a list, and a thread that writes it out. */
struct queue {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct waiting *first, **last;
	bool stop;
};

static int put(struct queue *q, const struct queue_block *blk,
	       void (*done)(void *arg, enum queue_result res, const struct err *err), void *arg,
	       struct err *err)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return err_nomem(err);
	w->blk = *blk;
	buf_slice(&w->frame, blk->frame);
	w->done = done;
	w->arg = arg;
	pthread_mutex_lock(&q->lock);
	*q->last = w;
	q->last = &w->next;
	pthread_cond_signal(&q->more);
	pthread_mutex_unlock(&q->lock);
	return 0;
}

static void print_block(const struct waiting *w)
{
	const struct queue_block *b = &w->blk;
	struct buf plain = { 0 };
	struct batch_meta meta;
	struct slice in, event;
	struct lj_frame f;
	struct err err;
	ssize_t n;

	if (lj_inflate(buf_view(&w->frame), 4u << 20, &plain, &err) < 0) {
		fprintf(stderr, "listen_peer: %s\n", err.msg);
		exit(1);
	}
	printf("block %s %s %s %016" PRIx64 " %" PRIu64 " %" PRIu64 " %u\n", b->tenant, b->sender,
	       b->kind == QUEUE_OWN ? "own" : "foreign", b->epoch, b->number, b->first_seq,
	       b->events);
	for (in = buf_view(&plain); in.n > 0; in = slice_from(in, (size_t)n)) {
		n = lj_next(in, WINDOW_EVENT_MAX * 2, &f, &err);
		if (n <= 0) {
			fprintf(stderr, "listen_peer: a block of torn events\n");
			exit(1);
		}
		event = f.payload;
		batch_meta_take((char *)(uintptr_t)event.p, event.n, &meta, &event, &err);
		printf("%.*s\n", SLICE_FMT(event));
	}
	fflush(stdout);
	buf_release(&plain);
}

static void *writer(void *arg)
{
	struct queue *q = arg;
	struct waiting *w;

	pthread_mutex_lock(&q->lock);
	for (;;) {
		while (q->first == NULL && !q->stop)
			pthread_cond_wait(&q->more, &q->lock);
		w = q->first;
		if (w == NULL)
			break;
		q->first = w->next;
		if (q->first == NULL)
			q->last = &q->first;
		pthread_mutex_unlock(&q->lock);
		print_block(w);
		w->done(w->arg, QUEUE_STORED, NULL);
		buf_release(&w->frame);
		free(w);
		pthread_mutex_lock(&q->lock);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

static int admit(void *arg, const char *serial, const char *tenant, const char *agent,
		 struct err *err)
{
	return 0; /* any certificate of the authority: the registry has tests of its own */
}

int main(int argc, char **argv)
{
	struct queue q = { .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };
	struct listen_opts o = { .addr = "127.0.0.1", .queue = &q, .put = put, .admit = admit };
	struct listen *ls;
	struct err err;
	pthread_t thread;
	sigset_t set;
	int sig;

	if (argc != 4) {
		fprintf(stderr, "usage: listen_peer CA CERT KEY\n");
		return 2;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	q.last = &q.first;
	if (pthread_create(&thread, NULL, writer, &q) != 0)
		return 1;
	if (tls_creds_load(argv[1], argv[2], argv[3], &o.creds, &err) < 0 ||
	    listen_start(&o, &ls, &err) < 0) {
		fprintf(stderr, "listen_peer: %s\n", err.msg);
		return 1;
	}
	printf("port %u\n", listen_port(ls));
	fflush(stdout);
	sigwait(&set, &sig);
	listen_stop(ls);
	pthread_mutex_lock(&q.lock);
	q.stop = true;
	pthread_cond_signal(&q.more);
	pthread_mutex_unlock(&q.lock);
	pthread_join(thread, NULL);
	tls_creds_unref(o.creds);
	return 0;
}

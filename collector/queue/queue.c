/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue/queue.c: the writer's side of the local queue. Any thread puts; one writer takes
 * all that waits, appends it, syncs once, and only then remembers the keys and answers. */
#include "collector/queue/queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "collector/queue/local.h"
#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/base/time.h"

#define SEGMENT_BYTES (UINT64_C(64) << 20)
#define COMMIT_BYTES  (UINT64_C(128) << 10)
#define WAITING_BYTES (UINT64_C(16) << 20) /* may wait before put says ERR_FULL */
#define TAIL_BYTES    (UINT64_C(16) << 20)
#define FORGET_NS     (INT64_C(30) * 24 * 3600 * NS_PER_SEC)

static struct item *item_new(const struct queue_block *blk)
{
	struct item *it = malloc(sizeof(*it) + blk->frame.n);

	if (it == NULL)
		return NULL;
	*it = (struct item){ .blk = *blk };
	if (blk->frame.n > 0)
		memcpy(it + 1, blk->frame.p, blk->frame.n);
	it->blk.frame.p = (const char *)(it + 1);
	it->blk.plain = NULL;
	it->blk.tenant[TENANT_MAX] = '\0';
	it->blk.sender[SENDER_MAX] = '\0';
	it->blk.crc = crc32c(0, it->blk.frame.p, it->blk.frame.n);
	return it;
}

int queue_put(struct queue *q, const struct queue_block *blk,
	      void (*done)(void *arg, enum queue_result res, const struct err *err), void *arg,
	      struct err *err)
{
	struct item *it;
	bool taken = false;

	if (blk->tenant[0] == '\0' || blk->sender[0] == '\0' || blk->number == 0)
		return err_set(err, ERR_USAGE, "a block without tenant, sender or number");
	it = item_new(blk);
	if (it == NULL)
		return err_nomem(err);
	it->done = done;
	it->arg = arg;
	pthread_mutex_lock(&q->lock);
	if (!q->stop && q->waiting_bytes <= WAITING_BYTES) {
		*q->last = it;
		q->last = &it->next;
		q->waiting_bytes += sizeof(*it) + blk->frame.n;
		if (blk->plain != NULL && tail_reserve(&q->tail, blk->plain->frames.n))
			it->blk.plain = queue_plain_ref(blk->plain);
		pthread_cond_signal(&q->work);
		taken = true;
	}
	pthread_mutex_unlock(&q->lock);
	if (taken)
		return 0;
	free(it);
	return err_set(err, ERR_FULL, "the queue is waiting for its disk: %" PRIu64 " bytes",
		       WAITING_BYTES);
}

static void snapshot(void *arg, struct buf *out)
{
	struct queue *q = arg;

	/* Only the writer changes keys, and this runs in it; the lock is for who asks. */
	pthread_mutex_lock(&q->lock);
	keys_forget(q->keys, FORGET_NS);
	pthread_mutex_unlock(&q->lock);
	keys_encode(q->keys, out);
}

static int replay(void *arg, const struct seg_record *rec, struct err *err)
{
	struct queue *q = arg;
	struct queue_block b;

	if (rec->kind == SEG_SNAPSHOT)
		return keys_decode(q->keys, rec->payload, err);
	if (rec->kind != QUEUE_BLOCK)
		return err_set(err, ERR_NEWER,
			       "the queue holds a record of kind %u, written by a newer Vartio",
			       rec->kind);
	if (record_read(rec->payload, &b, err) < 0)
		return 0; /* a reader will put it into quarantine and count it */
	if (keys_reserve(q->keys, &b, b.received_ns, err) < 0)
		return -1;
	keys_mark(q->keys, &b, b.received_ns);
	return 0;
}

/* What lies behind all readers and is more than retain_bytes goes. need: how much must fit. */
static void retain(struct queue *q, uint64_t need)
{
	struct seg_pos min = { UINT64_MAX, 0 }, first;
	uint64_t keep = q->o.retain_bytes;

	pthread_mutex_lock(&q->lock);
	for (size_t i = 0; i < q->n_marks; i++)
		if (seg_pos_cmp(q->marks[i].durable.pos, min) < 0)
			min = q->marks[i].durable.pos;
	if (q->n_marks == 0)
		min.file = 0;
	pthread_mutex_unlock(&q->lock);
	for (;;) {
		uint64_t behind = seglog_bytes_before(q->log, (struct seg_pos){ min.file, 0 });
		bool room = q->o.max_bytes == 0 || seglog_bytes(q->log) + need <= q->o.max_bytes;

		first = seglog_first(q->log);
		if (first.file >= min.file || first.file >= seglog_end(q->log).file ||
		    (behind <= keep && room))
			break;
		if (seglog_drop_before(q->log, (struct seg_pos){ first.file + 1, 0 }, NULL) < 0)
			break;
	}
	metric_set(&q->stats.bytes, seglog_bytes(q->log));
}

static bool same_key(const struct queue_block *a, const struct queue_block *b)
{
	return a->number == b->number && a->epoch == b->epoch &&
	       strcmp(a->sender, b->sender) == 0 && strcmp(a->tenant, b->tenant) == 0;
}

void queue_tail_trim(struct queue *q)
{
	struct seg_pos min = { UINT64_MAX, UINT64_MAX };

	for (size_t i = 0; i < q->n_marks; i++)
		if (q->marks[i].open && seg_pos_cmp(q->marks[i].at, min) < 0)
			min = q->marks[i].at;
	tail_drop_before(&q->tail, min);
}

/* The block is durable. Locked. */
static void keep_plain(struct queue *q, struct item *it)
{
	struct tail_block tb = {
		.from = q->tail_from, .pos = it->pos, .next = it->next_pos, .blk = it->blk
	};

	q->tail_from = it->next_pos;
	if (it->blk.plain == NULL)
		return;
	it->blk.plain = NULL;
	tail_add(&q->tail, &tb);
}

/* Of a block that did not become durable, or was there before. Locked. */
static void forget_plain(struct queue *q, struct item *it)
{
	if (it->blk.plain == NULL)
		return;
	tail_give_back(&q->tail, it->blk.plain->frames.n);
	queue_plain_unref(it->blk.plain);
	it->blk.plain = NULL;
}

/* Makes what was appended durable, and answers for it. */
static void commit(struct queue *q, struct item *from, const struct item *end)
{
	int64_t now = time_now_ns();
	struct err err = { 0 };
	int r = 0;
	bool any = false;

	for (const struct item *it = from; it != end; it = it->next)
		any = any || it->appended;
	if (any)
		r = seglog_sync(q->log, &err);
	metric_add(&q->stats.commits, any && r == 0);
	metric_set(&q->stats.remade, seglog_remade(q->log));
	pthread_mutex_lock(&q->lock);
	for (struct item *it = from; it != end; it = it->next) {
		if (!it->appended)
			continue;
		it->appended = false;
		it->res = r < 0 ? QUEUE_FAILED : QUEUE_STORED;
		it->err = err;
		if (r < 0) {
			keys_release(q->keys, &it->blk);
			continue;
		}
		keys_mark(q->keys, &it->blk, now);
		keep_plain(q, it);
		metric_add(&q->stats.blocks_in, 1);
		metric_add(&q->stats.events_in, it->blk.events);
		metric_add(&q->stats.bytes_in, it->blk.frame.n);
	}
	queue_tail_trim(q); /* what a reader took from the disk meanwhile, or nobody reads */
	if (any)
		pthread_cond_broadcast(&q->news);
	pthread_mutex_unlock(&q->lock);
}

/* Writes one block, or says why not. batch: where uncommitted items begin. */
static void append(struct queue *q, struct item **batch, struct item *it)
{
	struct buf head = { 0 };
	struct slice parts[2];
	uint64_t bytes;
	int r;

	record_head(&it->blk, &head);
	pthread_mutex_lock(&q->lock);
	r = head.failed ? err_nomem(&it->err)
			: keys_reserve(q->keys, &it->blk, time_now_ns(), &it->err);
	pthread_mutex_unlock(&q->lock);
	if (r < 0)
		goto out;
	parts[0] = buf_view(&head);
	parts[1] = it->blk.frame;
	bytes = head.n + it->blk.frame.n;
	/* A new file begins with the memory of all keys before it: none may be under way. */
	if (seglog_rolls(q->log, bytes)) {
		commit(q, *batch, it);
		*batch = it;
	}
	r = seglog_append(q->log, QUEUE_BLOCK, parts, 2, &it->pos, &it->err);
	if (r < 0 && it->err.code == ERR_FULL) {
		retain(q, bytes + (bytes >> 3));
		r = seglog_append(q->log, QUEUE_BLOCK, parts, 2, &it->pos, &it->err);
	}
	it->appended = r == 0;
	if (r == 0) {
		it->next_pos = seglog_end(q->log);
		goto out;
	}
	pthread_mutex_lock(&q->lock);
	keys_release(q->keys, &it->blk);
	pthread_mutex_unlock(&q->lock);
out:
	/* Until the commit says better. */
	it->res = r < 0 && it->err.code == ERR_FULL ? QUEUE_FULL : QUEUE_FAILED;
	buf_release(&head);
}

static void decide(struct queue *q, struct item **batch, struct item *it)
{
	struct item **bucket = &q->batch[(it->blk.number ^ it->blk.epoch) % BATCH_BUCKETS];
	enum keys_answer known;

	for (const struct item *o = *bucket; o != NULL; o = o->chain)
		if (same_key(&o->blk, &it->blk) && o->blk.crc == it->blk.crc) {
			it->same = o;
			return;
		}
	it->chain = *bucket;
	*bucket = it;
	known = keys_ask(q->keys, &it->blk);
	it->old = known == KEYS_OLD;
	it->forked = known == KEYS_NEW && keys_forked(q->keys, &it->blk);
	if (known == KEYS_HELD || known == KEYS_OLD) {
		it->res = QUEUE_REPEATED;
		return;
	}
	if (known == KEYS_CROWDED) {
		it->res = QUEUE_FULL;
		err_set(&it->err, ERR_FULL,
			"sender %s of %s has %u gaps between its blocks: the missing ones first",
			it->blk.sender, it->blk.tenant, KEYS_RANGES);
		return;
	}
	append(q, batch, it);
	it->conflict = it->appended && known == KEYS_CONFLICT;
	metric_add(&q->stats.blocks_conflicting, it->conflict);
}

/* What of a block a person must know. */
static void tell(struct queue *q, const struct item *it)
{
	const struct notice_hook *hook = &q->o.notice;
	const struct queue_block *b = &it->blk;
	enum notice_kind kind = NOTICE_WENT_BACK;
	const char *what;
	char text[320];

	if (it->conflict && it->res == QUEUE_STORED) {
		kind = NOTICE_CONFLICT;
		what = "came again with other content; both are kept";
	} else if (it->forked && it->res == QUEUE_STORED) {
		what = "goes on from where another start of this agent went on before: an old "
		       "copy of its state was put back. What was read in between is there twice "
		       "where the log files are newer than the copy";
	} else if (it->old && it->res == QUEUE_REPEATED) {
		what = "was acknowledged long ago and came again; it was dropped. Its agent lost "
		       "power, or its machine was set back to an old copy";
	} else {
		return;
	}
	snprintf(text, sizeof(text), "block %" PRIu64 " of epoch %016" PRIx64 " %s", b->number,
		 b->epoch, what);
	hook->tell(hook->arg, kind, b->tenant, b->sender, text);
}

static void answer(struct queue *q, struct item *all)
{
	for (struct item *it = all, *next; it != NULL; it = next) {
		const struct err *err = NULL;

		next = it->next;
		if (it->same != NULL) {
			it->res = it->same->res == QUEUE_STORED ? QUEUE_REPEATED : it->same->res;
			it->err = it->same->err;
		}
		if (it->res == QUEUE_REPEATED) {
			metric_add(&q->stats.blocks_repeated, 1);
			metric_add(&q->stats.events_repeated, it->blk.events);
		}
		if (it->res == QUEUE_FULL || it->res == QUEUE_FAILED) {
			metric_add(&q->stats.failed, 1);
			err = &it->err;
		}
		if (q->o.notice.tell != NULL)
			tell(q, it);
		it->done(it->arg, it->res, err);
	}
	pthread_mutex_lock(&q->lock);
	for (struct item *it = all; it != NULL; it = it->next)
		forget_plain(q, it);
	pthread_mutex_unlock(&q->lock);
	while (all != NULL) { /* only now: `same` points to earlier ones */
		struct item *it = all;

		all = it->next;
		free(it);
	}
}

static void write_all(struct queue *q, struct item *all)
{
	struct item *batch = all;

	memset(q->batch, 0, sizeof(q->batch));
	for (struct item *it = all; it != NULL; it = it->next)
		decide(q, &batch, it);
	commit(q, batch, NULL);
	metric_set(&q->stats.bytes, seglog_bytes(q->log));
	answer(q, all);
}

/* What comes after a quiet time is written at once. Where much comes, commits are so far apart that
 * each carries many blocks, or so many bytes that its sync costs little for each. Locked. */
static void wait_for_company(struct queue *q)
{
	int64_t until = q->commit_ns + (int64_t)q->o.commit_ms * NS_PER_MS;
	struct timespec ts = { .tv_sec = until / NS_PER_SEC, .tv_nsec = until % NS_PER_SEC };

	while (!q->stop && q->waiting_bytes < q->o.commit_bytes)
		if (pthread_cond_timedwait(&q->work, &q->lock, &ts) == ETIMEDOUT)
			break;
}

static void *writer_main(void *arg)
{
	struct queue *q = arg;

	pthread_setname_np(pthread_self(), "queue");
	pthread_mutex_lock(&q->lock);
	for (;;) {
		struct item *all;
		bool progress;

		while (q->first == NULL && !q->stop && !q->progress)
			pthread_cond_wait(&q->work, &q->lock);
		if (q->first != NULL)
			wait_for_company(q);
		else if (q->stop)
			break;
		all = q->first;
		progress = q->progress;
		q->first = NULL;
		q->last = &q->first;
		q->waiting_bytes = 0;
		q->progress = false;
		if (all != NULL)
			q->commit_ns = time_mono_ns();
		pthread_mutex_unlock(&q->lock);
		if (all != NULL)
			write_all(q, all);
		if (progress)
			retain(q, 0);
		pthread_mutex_lock(&q->lock);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

static int dirs_make(struct queue *q, struct err *err)
{
	static const char *const names[] = { "", "/readers", "/quarantine" };
	struct buf path = { 0 };
	int r = 0;

	for (size_t i = 0; i < 3 && r == 0; i++) {
		buf_reset(&path);
		buf_printf(&path, "%s%s", q->dir, names[i]);
		r = path.failed ? err_nomem(err) : dir_make(buf_cstr(&path), 0700, err);
		if (r == 0)
			r = dir_private(buf_cstr(&path), err);
	}
	buf_release(&path);
	return r;
}

static int log_open(struct queue *q, struct err *err)
{
	struct seglog_opts o = {
		.magic = "VTQUEUE",
		.max_bytes = q->o.max_bytes,
		.segment_bytes = q->o.segment_bytes,
		.snapshot = snapshot,
		/* What a power loss tore is not damage, of which people are told. */
		.ordered = true,
		.arg = q
	};
	struct buf path = { 0 };
	int r = -1;

	buf_printf(&path, "%s/log", q->dir);
	o.dir = buf_cstr(&path);
	if (path.failed)
		err_nomem(err);
	else
		r = seglog_open(&o, replay, &q->log, err);
	buf_release(&path);
	return r;
}

static void locks_init(struct queue *q)
{
	pthread_condattr_t at;

	pthread_condattr_init(&at);
	pthread_condattr_setclock(&at, CLOCK_MONOTONIC);
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->work, &at);
	pthread_cond_init(&q->news, &at);
	pthread_condattr_destroy(&at);
}

static void queue_free(struct queue *q)
{
	tail_release(&q->tail);
	seglog_close(q->log);
	keys_free(q->keys);
	pthread_cond_destroy(&q->work);
	pthread_cond_destroy(&q->news);
	pthread_mutex_destroy(&q->lock);
	free(q->dir);
	free(q);
}

int queue_open(const struct queue_opts *opts, struct queue **ret, struct err *err)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return err_nomem(err);
	locks_init(q);
	q->o = *opts;
	q->o.dir = NULL;
	if (q->o.segment_bytes == 0)
		q->o.segment_bytes = SEGMENT_BYTES;
	/* A file goes only as a whole: a queue that is small has small ones. */
	if (q->o.max_bytes > 0 && q->o.segment_bytes > q->o.max_bytes / 4)
		q->o.segment_bytes = q->o.max_bytes / 4;
	if (q->o.commit_bytes == 0)
		q->o.commit_bytes = COMMIT_BYTES;
	q->tail.max_bytes = q->o.tail_bytes > 0 ? q->o.tail_bytes : TAIL_BYTES;
	q->commit_ns = time_mono_ns();
	q->last = &q->first;
	q->dir = strdup(opts->dir);
	q->keys = keys_new();
	if (q->dir == NULL || q->keys == NULL) {
		err_nomem(err);
		goto fail;
	}
	if (dirs_make(q, err) < 0 || log_open(q, err) < 0 || marks_load(q, err) < 0)
		goto fail;
	q->tail_from = seglog_end(q->log);
	metric_set(&q->stats.bytes, seglog_bytes(q->log));
	metric_set(&q->stats.torn_bytes, seglog_torn_bytes(q->log));
	metric_set(&q->stats.damaged, seglog_damaged(q->log));
	damage_tell(q);
	if (pthread_create(&q->writer, NULL, writer_main, q) != 0) {
		err_set(err, ERR_NOMEM, "cannot start the queue's writer");
		goto fail;
	}
	*ret = q;
	return 0;
fail:
	queue_free(q);
	return -1;
}

uint64_t queue_high_water(struct queue *q, const char *tenant, const char *sender, uint64_t epoch)
{
	uint64_t n;

	pthread_mutex_lock(&q->lock);
	n = keys_high_water(q->keys, tenant, sender, epoch);
	pthread_mutex_unlock(&q->lock);
	return n;
}

bool queue_sent_before(struct queue *q, const char *tenant, const char *sender, uint64_t epoch,
		       int64_t before_ns)
{
	bool r;

	pthread_mutex_lock(&q->lock);
	r = keys_before(q->keys, tenant, sender, epoch, before_ns);
	pthread_mutex_unlock(&q->lock);
	return r;
}

const struct queue_stats *queue_stats(const struct queue *q)
{
	return &q->stats;
}

void queue_wake(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->wakes++;
	pthread_cond_broadcast(&q->news);
	pthread_mutex_unlock(&q->lock);
}

void queue_close(struct queue *q)
{
	if (q == NULL)
		return;
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_signal(&q->work);
	pthread_mutex_unlock(&q->lock);
	pthread_join(q->writer, NULL);
	queue_free(q);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/intake.c: a window's way into the queue, and its acknowledgement's way back.
 * May touch:  the queue through opts.put; the connection through tls_write, tls_pause, tls_resume.
 * Thread:     the listen thread, but for on_done, which the queue's writer calls: it only posts. */
#include "collector/listen/impl.h"

#include <malloc.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/time.h"
#include "common/net/lumberjack.h"

#define UNREAD_ACKS_MAX 65536u /* bytes of acknowledgements that a sender may leave unread */
#define SEEN_EVERY_NS   (60 * NS_PER_SEC)
#define FOREIGN_LEVEL   1
#define SCRATCH_KEEP    (2 * WINDOW_OWN_MAX) /* an own block fits: memory comes in powers of two */
#define TIDY_MS         2000u
#define TIDY_BYTES      (2u << 20)

/* --- reading or not --- */

static bool has_room(const struct conn *cn)
{
	return cn->blocked == 0 && cn->end - cn->first < cn->th->ls->opts.max_windows;
}

bool intake_reads(const struct conn *cn)
{
	return has_room(cn) && pool_lets_read(cn);
}

void intake_update(struct conn *cn)
{
	if (cn->tls == NULL || !cn->open)
		return;
	if (intake_reads(cn))
		tls_resume(cn->tls);
	else
		tls_pause(cn->tls);
}

/* --- acknowledging --- */

static void send_acks(struct conn *cn)
{
	struct buf out = { 0 };
	struct err err;

	while (cn->first < cn->end && cn->windows[cn->first % WINDOWS_MAX].left == 0) {
		lj_put_ack(&out, cn->windows[cn->first % WINDOWS_MAX].events);
		cn->first++;
		if (cn->tls != NULL)
			metric_add(&cn->th->ls->stats.acks, 1);
	}
	if (cn->tls == NULL || (out.n == 0 && !out.failed))
		goto out;
	err.code = ERR_NONE;
	if (out.failed)
		err_nomem(&err);
	else if (tls_pending(cn->tls) > UNREAD_ACKS_MAX)
		err_set(&err, ERR_PEER, "does not read its acknowledgements");
	if (err.code != ERR_NONE)
		conn_reject(cn, &err);
	else
		tls_write(cn->tls, buf_view(&out), &err); /* fails only where the end follows */
out:
	buf_release(&out);
}

static void put_free(struct put *pt)
{
	queue_plain_unref(pt->blk.plain);
	free(pt);
}

/* The block is durable (stored), or nobody waits for it any more. */
static void settle(struct put *pt, bool stored)
{
	struct conn *cn = pt->cn;

	if (pt->sender != NULL)
		sender_settled(cn->th->ls, pt->sender);
	cn->puts--;
	if (stored) {
		cn->windows[pt->window % WINDOWS_MAX].left--;
		send_acks(cn);
		intake_update(cn);
	}
	put_free(pt);
	conn_try_free(cn);
}

/* --- into the queue --- */

static void on_done(void *arg, enum queue_result res, const struct err *err)
{
	struct put *pt = arg;
	struct listen_thread *th = pt->cn->th; /* a connection outlives its puts */

	pt->res = res;
	if (err != NULL)
		pt->err = *err;
	pthread_mutex_lock(&th->lock);
	*th->done_end = pt;
	th->done_end = &pt->next;
	uv_async_send(&th->wake); /* within the lock: the loop cannot end in between */
	pthread_mutex_unlock(&th->lock);
}

static void on_retry(uv_timer_t *t)
{
	intake_again(t->data);
}

static void put_later(struct put *pt)
{
	struct listen_thread *th = pt->cn->th;

	metric_add(&th->ls->stats.retries, 1);
	if (!th->stuck)
		log_line(LOG_LEVEL_WARN, "the queue takes nothing: senders wait", "reason",
			 pt->err.msg, NULL);
	th->stuck = true;
	pt->next = th->again;
	th->again = pt;
	pt->cn->blocked++;
	pt->cn->blocked_bytes += pt->blk.frame.n;
	pool_count(pt->cn, pt->cn->partial + pt->cn->blocked_bytes);
	intake_update(pt->cn);
	if (!uv_is_active((uv_handle_t *)&th->retry) && !th->stopping)
		uv_timer_start(&th->retry, on_retry, th->ls->opts.retry_ms, 0);
}

static void submit(struct put *pt)
{
	struct listen_thread *th = pt->cn->th;
	const struct listen_opts *o = &th->ls->opts;
	const struct queue_block blk = pt->blk;
	struct queue_plain *plain = pt->blk.plain;
	int r;

	pt->next = NULL;
	/* The queue has its own share now, or the block waits, and then its frame is enough. */
	pt->blk.plain = NULL;
	th->puts++; /* before: the answer may come at once, from another thread */
	r = o->put(o->queue, &blk, on_done, pt, &pt->err);
	queue_plain_unref(plain);
	if (r == 0)
		return;
	th->puts--;
	put_later(pt);
}

void intake_done(struct listen_thread *th)
{
	struct put *pt, *next;

	pthread_mutex_lock(&th->lock);
	pt = th->done;
	th->done = NULL;
	th->done_end = &th->done;
	pthread_mutex_unlock(&th->lock);
	for (; pt != NULL; pt = next) {
		next = pt->next;
		th->puts--;
		if (pt->res == QUEUE_FULL || pt->res == QUEUE_FAILED) {
			if (pt->cn->tls != NULL)
				put_later(pt);
			else
				settle(pt, false); /* the sender will send it again */
			continue;
		}
		if (pt->res == QUEUE_REPEATED)
			metric_add(&th->ls->stats.repeated, 1);
		if (th->stuck && th->again == NULL) {
			th->stuck = false;
			log_line(LOG_LEVEL_INFO, "the queue takes blocks again", NULL);
		}
		settle(pt, true);
	}
}

static void unblock(struct put *pt)
{
	struct conn *cn = pt->cn;

	cn->blocked--;
	cn->blocked_bytes -= pt->blk.frame.n;
	if (cn->tls != NULL)
		pool_count(cn, cn->partial + cn->blocked_bytes);
}

void intake_again(struct listen_thread *th)
{
	struct put *pt = th->again, *next;

	th->again = NULL;
	for (; pt != NULL; pt = next) {
		struct conn *cn = pt->cn;

		next = pt->next;
		unblock(pt);
		submit(pt);
		intake_update(cn);
	}
}

void intake_drop(struct listen_thread *th, struct conn *cn)
{
	struct put **at = &th->again, *pt;

	while ((pt = *at) != NULL) {
		if (cn != NULL && pt->cn != cn) {
			at = &pt->next;
			continue;
		}
		*at = pt->next;
		unblock(pt);
		settle(pt, false);
	}
}

/* --- from the connection --- */

/* plain: taken over where it can be; then it is empty. */
static struct put *put_new(struct conn *cn, enum queue_kind kind, struct buf *plain,
			   struct slice payload, struct err *err)
{
	struct put *pt = malloc(sizeof(*pt) + payload.n);

	if (pt == NULL) {
		err_nomem(err);
		return NULL;
	}
	memset(pt, 0, sizeof(*pt));
	memcpy(pt->frame, payload.p, payload.n);
	pt->cn = cn;
	pt->window = cn->end;
	strcpy(pt->blk.tenant, cn->id.tenant);
	strcpy(pt->blk.sender, cn->id.agent);
	pt->blk.kind = kind;
	pt->blk.received_ns = time_now_ns();
	pt->blk.frame = (struct slice){ pt->frame, payload.n };
	/* Without memory for it the reader inflates again, that is all. */
	pt->blk.plain = queue_plain_take(plain, kind);
	return pt;
}

static int take_own(struct conn *cn, const struct window_whole *w, struct put **list,
		    struct err *err)
{
	struct put *pt = put_new(cn, QUEUE_OWN, &cn->th->scratch, w->payload, err);

	if (pt == NULL)
		return -1;
	pt->blk.epoch = w->meta.epoch;
	pt->blk.number = w->meta.block;
	pt->blk.floor = w->meta.floor;
	pt->blk.first_seq = w->meta.first_seq;
	pt->blk.events = w->events;
	*list = pt;
	metric_add(&cn->th->ls->stats.blocks_own, 1);
	return 0;
}

/* Numbers the events of a foreign sender's block. */
static int number(struct put *pt, uint32_t events, struct err *err)
{
	struct conn *cn = pt->cn;
	struct sender_block n;

	if (sender_number(cn->th->ls, &cn->id, events, &pt->sender, &n, err) < 0)
		return -1;
	pt->blk.epoch = n.epoch;
	pt->blk.number = n.number;
	pt->blk.floor = n.floor;
	pt->blk.first_seq = n.first_seq;
	pt->blk.events = events;
	metric_add(&cn->th->ls->stats.blocks_foreign, 1);
	return 0;
}

struct foreign_job {
	struct conn *cn;
	struct put **list_end;
	int64_t now_ns;
};

static int on_ecs(void *arg, struct slice json, struct buf *out, struct err *err)
{
	struct foreign_job *job = arg;

	return foreign_ecs(job->cn->th->foreign, json, tls_peer(job->cn->tls), job->now_ns, out,
			   err);
}

static int on_block(void *arg, uint32_t events, struct slice frames, struct slice payload,
		    struct err *err)
{
	struct foreign_job *job = arg;
	struct conn *cn = job->cn;
	struct buf plain = { 0 };
	struct put *pt;

	buf_slice(&plain, frames);
	pt = put_new(cn, QUEUE_FOREIGN, &plain, payload, err);
	buf_release(&plain);
	if (pt == NULL)
		return -1;
	if (number(pt, events, err) < 0) {
		put_free(pt);
		return -1;
	}
	*job->list_end = pt;
	job->list_end = &pt->next;
	return 0;
}

static int take_foreign(struct conn *cn, struct put **list, struct err *err)
{
	struct foreign_job job = { .cn = cn, .list_end = list, .now_ns = time_now_ns() };
	const struct window_split sp = {
		.ecs = on_ecs, .block = on_block, .arg = &job, .level = FOREIGN_LEVEL
	};

	return window_split(&cn->win, &sp, err);
}

/* A window of a Beat's events goes into the queue as it came: packing it anew costs more than all
 * the rest. 0: it is not one. */
static int take_beat(struct conn *cn, const struct window_whole *w, struct put **list,
		     struct err *err)
{
	struct buf *frames = &cn->th->scratch; /* which is w->frames */
	struct put *pt;

	if (!foreign_beats(frames->p, frames->n))
		return 0;
	pt = put_new(cn, QUEUE_BEAT, frames, w->payload, err);
	if (pt == NULL)
		return -1;
	if (number(pt, w->events, err) < 0) {
		put_free(pt);
		return -1;
	}
	*list = pt;
	return 1;
}

static int take_any_foreign(struct conn *cn, struct window_whole *w, struct put **list,
			    struct err *err)
{
	struct listen_thread *th = cn->th;
	int r = 0;

	if (th->foreign == NULL)
		th->foreign = foreign_new();
	if (th->foreign == NULL)
		return err_nomem(err);
	if (w->kind == WINDOW_FRAME) {
		r = take_beat(cn, w, list, err);
		if (r == 0)
			r = window_unframe(&cn->win, w, err);
		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	return take_foreign(cn, list, err);
}

/* All blocks of the window are made before the first goes out: it counts whole or not at all. */
static int take_window(struct conn *cn, struct window_whole *w, struct err *err)
{
	struct listen_stats *st = &cn->th->ls->stats;
	struct put *list = NULL, *next;
	unsigned n = 0;
	int r;

	r = w->kind == WINDOW_OWN ? take_own(cn, w, &list, err)
				  : take_any_foreign(cn, w, &list, err);
	for (struct put *pt = list; pt != NULL; pt = next) {
		next = pt->next;
		if (r == 0) {
			n++;
			continue;
		}
		if (pt->sender != NULL)
			sender_settled(cn->th->ls, pt->sender);
		put_free(pt);
	}
	if (r < 0)
		return -1;
	cn->windows[cn->end % WINDOWS_MAX].events = w->events;
	cn->windows[cn->end % WINDOWS_MAX].left = n;
	cn->end++;
	cn->puts += n;
	metric_add(&st->windows, 1);
	metric_add(&st->events, w->events);
	for (struct put *pt = list; pt != NULL; pt = next) {
		next = pt->next;
		metric_add(&st->bytes, pt->blk.frame.n);
		submit(pt);
	}
	return 0;
}

static void tell_seen(struct conn *cn)
{
	const struct listen_opts *o = &cn->th->ls->opts;
	int64_t now = time_mono_ns();

	if (o->seen == NULL || (cn->seen_ns != 0 && now - cn->seen_ns < SEEN_EVERY_NS))
		return;
	cn->seen_ns = now;
	o->seen(o->arg, cn->id.tenant, cn->id.agent, tls_peer(cn->tls), time_now_ns());
}

static void on_tidy(uv_timer_t *t)
{
	struct listen_thread *th = t->data;

	buf_release(&th->scratch);
	th->churned = 0;
	malloc_trim(0);
}

/* Large windows and handshakes come in numbers: their memory is kept for the next one for a while.
 */
void intake_tidy_later(struct listen_thread *th, size_t churned)
{
	th->churned += churned;
	if ((th->scratch.cap > SCRATCH_KEEP || th->churned > TIDY_BYTES) && !th->stopping &&
	    !uv_is_active((uv_handle_t *)&th->tidy))
		uv_timer_start(&th->tidy, on_tidy, TIDY_MS, 0);
}

ssize_t intake_data(struct conn *cn, struct slice in)
{
	struct window_whole w;
	struct err err;
	size_t used = 0, inflated = 0;
	ssize_t n = 0;

	if (in.n == 0) /* the connection has just opened */
		tell_seen(cn);
	pool_arrived(cn, in.n - cn->rest);
	while (used < in.n && has_room(cn)) {
		n = window_feed(&cn->win, slice_from(in, used), &cn->th->scratch, &w, &err);
		if (n == 0)
			break;
		if (n > 0 && w.kind != WINDOW_NONE) {
			inflated += cn->th->scratch.n;
			tell_seen(cn);
			places_sent(cn);
			if (take_window(cn, &w, &err) < 0)
				n = -1;
			window_reset(&cn->win);
		}
		if (n < 0) {
			conn_reject(cn, &err);
			intake_tidy_later(cn->th, 0);
			return (ssize_t)in.n;
		}
		used += (size_t)n;
	}
	intake_tidy_later(cn->th, inflated);
	cn->rest = in.n - used;
	/* Who is not read keeps what the last read brought. */
	cn->partial = cn->win.frames.cap + cn->rest + (intake_reads(cn) ? 0 : tls_unread(cn->tls));
	pool_count(cn, cn->partial + cn->blocked_bytes);
	intake_update(cn);
	return (ssize_t)used;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/spool.c: the spool's two lanes, what waits for the disk, and who is told.
 * A lane's blocks in memory: `open` takes events, those `waiting` are closed, `writing` is with the
 * worker (or waits for its next try). Blocks are numbered when they go to the worker, so a lane's
 * numbers rise along its log. In the keep lane one block waits, and then the inputs do; what cannot
 * wait comes in bursts, and gets more places before it is given up. */
#include "agent/spool/spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/spool/shelf.h"
#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/base/time.h"

#define SEGMENT_MIN  (UINT64_C(64) << 10)
#define SEGMENT_MAX  (UINT64_C(4) << 20)
#define WAITING_MAX  16u /* blocks of the lossy lane that may wait for the disk: 4 MiB */
#define TABLES_MAX   (WAITING_MAX + 3) /* of checkpoints, in a lane */
#define RETRY_MIN_MS 1000u
#define RETRY_MAX_MS 30000u

static const char *const lane_dirs[LANES] = { "keep", "lossy" };

struct worker { /* one lane's, and what it is doing */
	struct spool *sp;
	enum lane lane;
	struct shelf sh;
	struct block *open, *writing;
	struct block *waiting[WAITING_MAX]; /* the oldest first */
	unsigned n_waiting;
	uv_timer_t close_timer, retry_timer;
	bool close_soon;        /* `open` is due, as soon as there is a place to wait */
	uint64_t writing_bytes; /* of `writing`, as it was given to the worker */
	uint32_t retry_ms;      /* 0: the last write was good */
	struct err refused;     /* why it was not */
	bool state_dirty;       /* acknowledgements not recorded yet */

	/* The job: set by the loop thread before it starts, by the worker before it ends. */
	uv_work_t req;
	bool busy;           /* given to the pool and not yet dealt with */
	struct seg_pos drop; /* files before it may go */
	bool write_state;
	int result;
	struct err err;
	struct seg_pos pos, next;
	bool done; /* under sp->lock: the worker is through */
};

struct spool {
	uv_loop_t *loop;
	struct spool_opts o;
	uint64_t epoch, next_number, next_seq;
	struct worker w[LANES];
	struct spool_stats stats;
	bool full; /* an input was told ERR_FULL */
	bool closing;
	unsigned refs; /* timers and jobs that the loop still knows */
	uv_mutex_t lock;
	uv_cond_t done;
};

static void kick(struct worker *w);

static uint64_t pending(const struct worker *w)
{
	uint64_t n = block_bytes(w->open) + w->writing_bytes;

	for (unsigned i = 0; i < w->n_waiting; i++)
		n += block_bytes(w->waiting[i]);
	return n;
}

static bool has_place(const struct worker *w)
{
	return w->n_waiting < (w->lane == LANE_LOSSY ? WAITING_MAX : 1);
}

static void wait_put(struct worker *w)
{
	w->waiting[w->n_waiting++] = w->open;
	w->open = NULL;
}

static struct block *wait_take(struct worker *w)
{
	struct block *b = w->waiting[0];

	memmove(&w->waiting[0], &w->waiting[1], --w->n_waiting * sizeof(struct block *));
	return b;
}

static uint64_t used(const struct worker *w)
{
	return seglog_bytes(w->sh.log) + pending(w);
}

/* What the lossy lane may always have, whatever the other one holds. */
static uint64_t reserve(const struct spool *sp)
{
	return sp->o.max_bytes / 8;
}

static bool keep_fits(const struct spool *sp, uint64_t more)
{
	uint64_t lossy = used(&sp->w[LANE_LOSSY]);

	if (lossy < reserve(sp))
		lossy = reserve(sp);
	return used(&sp->w[LANE_KEEP]) + more + lossy <= sp->o.max_bytes;
}

/* The oldest whole files of the lossy lane go until it fits. Its worker is idle. */
static void lossy_make_room(struct spool *sp)
{
	struct worker *w = &sp->w[LANE_LOSSY];
	uint64_t keep = used(&sp->w[LANE_KEEP]), room = reserve(sp);

	if (sp->o.max_bytes > keep && sp->o.max_bytes - keep > room)
		room = sp->o.max_bytes - keep;
	while (used(w) > room && shelf_drop_file(&w->sh)) {
		w->state_dirty = true;
		if (seglog_drop_before(w->sh.log, shelf_head(&w->sh), NULL) < 0)
			break; /* the disk is ill: dropping more would not help */
	}
}

/* Runs in libuv's pool, or in spool_close. */
static void job_run(struct worker *w)
{
	struct slice state = buf_view(&w->sh.state);
	struct block *b = w->writing;

	w->result = 0;
	if (w->drop.file > 0)
		(void)seglog_drop_before(w->sh.log, w->drop,
					 NULL); /* tried again with the next job */
	if (w->write_state && seglog_append(w->sh.log, SPOOL_ACK, &state, 1, NULL, NULL) == 0)
		w->write_state = false;
	if (b == NULL)
		return;
	w->result = block_compress(b, w->sp->epoch, w->sp->o.level, &w->err);
	if (w->result == 0)
		w->result = block_append(b, w->sp->epoch, w->sh.log, &w->pos, &w->err);
	w->next = seglog_end(w->sh.log);
	if (w->result == 0)
		w->result = seglog_sync(w->sh.log, &w->err);
	else
		(void)seglog_sync(w->sh.log, NULL);
}

static void job_work(uv_work_t *req)
{
	struct worker *w = req->data;

	job_run(w);
	uv_mutex_lock(&w->sp->lock);
	w->done = true;
	uv_cond_signal(&w->sp->done);
	uv_mutex_unlock(&w->sp->lock);
}

static void tell_drained(struct spool *sp)
{
	uint64_t some =
		sp->o.block_bytes < sp->o.max_bytes / 16 ? sp->o.block_bytes : sp->o.max_bytes / 16;

	if (!sp->full || sp->closing || sp->w[LANE_KEEP].n_waiting > 0 || !keep_fits(sp, some))
		return;
	sp->full = false;
	if (sp->o.drained != NULL)
		sp->o.drained(sp->o.arg);
}

static void retry_due(uv_timer_t *t)
{
	kick(t->data);
}

static void job_failed(struct worker *w)
{
	struct spool *sp = w->sp;
	bool first = w->retry_ms == 0;

	w->retry_ms = first ? RETRY_MIN_MS
			    : (w->retry_ms * 2 < RETRY_MAX_MS ? w->retry_ms * 2 : RETRY_MAX_MS);
	w->refused = w->err;
	if (sp->closing)
		return;
	uv_timer_start(&w->retry_timer, retry_due, w->retry_ms, 0);
	if (first && sp->o.failed != NULL)
		sp->o.failed(sp->o.arg, &w->refused);
}

/* On the loop thread, when the worker is through. */
static void job_finish(struct worker *w)
{
	struct spool *sp = w->sp;
	struct block *b = w->writing;

	w->busy = false;
	w->state_dirty = w->state_dirty || w->write_state; /* could not be written: next time */
	if (w->result < 0) {
		job_failed(w);
		return;
	}
	if (b == NULL)
		return;
	w->retry_ms = 0;
	w->writing = NULL;
	w->writing_bytes = 0;
	metric_add(&sp->stats.syncs, 1);
	if (b->events > 0)
		shelf_added(&w->sh, sp->epoch, b, w->pos, w->next);
	else
		checkpoints_move(&w->sh.durable, &b->checkpoints);
	if (b->events > 0 && !sp->closing && sp->o.ready != NULL)
		sp->o.ready(sp->o.arg);
	block_free(b);
}

static void stats_oldest(struct spool *sp)
{
	int64_t oldest = 0;

	for (int i = 0; i < LANES; i++) {
		const struct shelf *sh = &sp->w[i].sh;
		int64_t t = sh->n_runs > 0 ? sh->runs[0].oldest_ns : 0;

		for (size_t k = 0; k < sh->n_lent; k++)
			if (!sh->lent[k].dropped && !sh->lent[k].acked) {
				t = sh->lent[k].closed_ns;
				break;
			}
		if (t != 0 && (oldest == 0 || t < oldest))
			oldest = t;
	}
	metric_set(&sp->stats.oldest_ns, (uint64_t)oldest);
}

static void spool_unref(struct spool *sp)
{
	if (--sp->refs > 0)
		return;
	uv_cond_destroy(&sp->done);
	uv_mutex_destroy(&sp->lock);
	free(sp);
}

static void job_after(uv_work_t *req, int status)
{
	struct worker *w = req->data;
	struct spool *sp = w->sp;

	if (!sp->closing)
		job_finish(w);
	if (!sp->closing) { /* a callback may have closed us */
		stats_oldest(sp);
		if (w->retry_ms == 0)
			kick(w);
		tell_drained(sp);
	}
	spool_unref(sp);
}

/* A block gets its number and floor as it goes to the worker for the first time. */
static void number_give(struct worker *w, struct block *b)
{
	struct spool *sp = w->sp;
	uint64_t floor;

	b->closed_ns = time_now_ns();
	if (b->events == 0)
		return;
	b->number = sp->next_number++;
	b->first_seq = sp->next_seq;
	sp->next_seq += b->events;
	floor = b->number;
	for (int i = 0; i < LANES; i++) {
		const struct block *other = sp->w[i].writing;
		uint64_t low = shelf_floor(&sp->w[i].sh, sp->epoch);

		if (low < floor)
			floor = low;
		if (other != NULL && other->number > 0 && other->number < floor)
			floor = other->number;
	}
	b->floor = floor;
}

/* Sets up the next job. false: there is nothing to do. */
static bool job_prepare(struct worker *w)
{
	if (w->writing == NULL && w->n_waiting > 0) {
		if (w->lane == LANE_LOSSY)
			lossy_make_room(w->sp);
		w->writing = wait_take(w);
		w->writing_bytes = block_bytes(w->writing);
		number_give(w, w->writing);
	}
	if (w->close_soon && has_place(w)) {
		if (w->open != NULL)
			wait_put(w);
		w->close_soon = false;
	}
	if (w->writing == NULL && !w->state_dirty)
		return false;
	w->write_state = w->state_dirty && shelf_state(&w->sh) == 0;
	if (w->write_state)
		w->state_dirty = false;
	w->drop = shelf_head(&w->sh);
	w->done = false;
	return true;
}

static void kick(struct worker *w)
{
	if (w->busy || w->sp->closing || uv_is_active((uv_handle_t *)&w->retry_timer) ||
	    !job_prepare(w))
		return;
	if (uv_queue_work(w->sp->loop, &w->req, job_work, job_after) != 0)
		return; /* only for a job without a function; the next kick tries again */
	w->busy = true;
	w->sp->refs++;
}

/* The open block is closed, where there is a place for it to wait. */
static bool block_close(struct worker *w)
{
	if (w->open == NULL)
		return true;
	uv_timer_stop(&w->close_timer);
	w->close_soon = !has_place(w);
	if (w->close_soon)
		return false;
	wait_put(w);
	kick(w);
	return true;
}

static void close_due(uv_timer_t *t)
{
	block_close(t->data);
}

static bool block_is_full(const struct worker *w, size_t more)
{
	const struct spool_opts *o = &w->sp->o;
	const struct block *b = w->open;

	return b != NULL && (b->events >= o->block_events ||
			     (b->events > 0 && block_bytes(b) + more > o->block_bytes));
}

/* The disk does not keep up with what cannot wait: the oldest block that has no number goes. */
static void lossy_give_up(struct worker *w)
{
	struct spool_stats *st = &w->sp->stats;
	struct block *b = wait_take(w), *next = w->n_waiting > 0 ? w->waiting[0] : w->open;

	metric_add(&st->events_dropped, b->events);
	metric_add(&st->blocks_dropped, 1);
	/* Its checkpoints are still true: the events are gone, not to be read again. */
	checkpoints_cover(&b->checkpoints, &next->checkpoints);
	checkpoints_clear(&next->checkpoints);
	next->checkpoints = b->checkpoints;
	b->checkpoints = (struct checkpoints){ 0 };
	block_free(b);
}

static int make_place(struct worker *w, size_t bytes, struct err *err)
{
	struct spool *sp = w->sp;

	if (w->lane == LANE_KEEP && !keep_fits(sp, bytes)) {
		sp->full = true;
		return err_set(err, ERR_FULL,
			       "the spool holds %" PRIu64 " of at most %" PRIu64
			       " bytes (spool.max_bytes): is the collector reachable?",
			       used(&sp->w[LANE_KEEP]) + used(&sp->w[LANE_LOSSY]), sp->o.max_bytes);
	}
	if (block_is_full(w, bytes) && !has_place(w) && w->lane == LANE_LOSSY)
		lossy_give_up(w);
	if (block_is_full(w, bytes) && !block_close(w)) {
		sp->full = true;
		return err_set(err, ERR_FULL, "the spool waits for the disk%s%s",
			       w->retry_ms > 0 ? ": " : "", w->retry_ms > 0 ? w->refused.msg : "");
	}
	return 0;
}

int spool_add(struct spool *sp, enum lane lane, struct slice event, struct slice key,
	      struct slice checkpoint, struct err *err)
{
	struct worker *w = &sp->w[lane];

	if (make_place(w, event.n, err) < 0)
		return -1;
	if (w->open == NULL) {
		w->open = block_new();
		if (w->open == NULL)
			return err_nomem(err);
	}
	if (block_add(w->open, event, key, checkpoint, err) < 0) {
		if (w->open->events == 0 && w->open->checkpoints.n == 0) {
			block_free(w->open);
			w->open = NULL;
		}
		return -1;
	}
	metric_add(&sp->stats.events_in, event.n > 0);
	if (block_is_full(w, 0))
		block_close(w);
	if (w->open != NULL && !w->close_soon && !uv_is_active((uv_handle_t *)&w->close_timer))
		uv_timer_start(&w->close_timer, close_due, sp->o.close_ms, 0);
	return 0;
}

void spool_flush(struct spool *sp)
{
	for (int i = 0; i < LANES; i++)
		block_close(&sp->w[i]);
}

/* The lane's tables of checkpoints, the newest first. */
static size_t tables(const struct worker *w, const struct checkpoints *out[TABLES_MAX])
{
	size_t n = 0;

	if (w->open != NULL)
		out[n++] = &w->open->checkpoints;
	for (unsigned i = w->n_waiting; i > 0; i--)
		out[n++] = &w->waiting[i - 1]->checkpoints;
	if (w->writing != NULL)
		out[n++] = &w->writing->checkpoints;
	out[n++] = &w->sh.durable;
	return n;
}

struct slice spool_checkpoint(struct spool *sp, struct slice key)
{
	const struct checkpoints *t[TABLES_MAX];

	for (int i = 0; i < LANES; i++)
		for (size_t k = 0, n = tables(&sp->w[i], t); k < n; k++) {
			const struct checkpoint *c = checkpoints_get(t[k], key);

			if (c != NULL)
				return checkpoint_value(c);
		}
	return (struct slice){ NULL, 0 };
}

struct visit {
	const struct checkpoints *newer[TABLES_MAX];
	size_t n_newer;
	void (*each)(void *arg, struct slice key, struct slice value);
	void *arg;
};

static void visit_one(void *arg, const struct checkpoint *c)
{
	struct visit *v = arg;

	for (size_t i = 0; i < v->n_newer; i++)
		if (checkpoints_get(v->newer[i], checkpoint_key(c)) != NULL)
			return;
	if (c->value_n > 0)
		v->each(v->arg, checkpoint_key(c), checkpoint_value(c));
}

void spool_checkpoints(struct spool *sp,
		       void (*each)(void *arg, struct slice key, struct slice value), void *arg)
{
	for (int i = 0; i < LANES; i++) {
		struct visit v = { .each = each, .arg = arg };
		size_t n = tables(&sp->w[i], v.newer);

		for (; v.n_newer < n; v.n_newer++)
			checkpoints_each(v.newer[v.n_newer], visit_one, &v);
	}
}

int spool_next(struct spool *sp, struct spool_block *ret, struct err *err)
{
	struct lent *best = NULL, *le;
	struct shelf *from = NULL;

	for (int i = 0; i < LANES; i++) {
		if (shelf_peek(&sp->w[i].sh, &le, err) < 0)
			return -1;
		if (le != NULL && (best == NULL || le->closed_ns < best->closed_ns)) {
			best = le;
			from = &sp->w[i].sh;
		}
	}
	if (best == NULL)
		return 0;
	if (shelf_load(from, best, err) < 0)
		return -1;
	best->given = true;
	*ret = (struct spool_block){ best->epoch, best->number, best->events,
				     buf_view(&best->frame) };
	return 1;
}

int spool_ack(struct spool *sp, uint64_t epoch, uint64_t number, struct err *err)
{
	for (int i = 0; i < LANES; i++) {
		struct worker *w = &sp->w[i];

		if (!shelf_ack(&w->sh, epoch, number))
			continue;
		w->state_dirty = true;
		stats_oldest(sp);
		kick(w);
		tell_drained(sp);
		break;
	}
	return 0;
}

void spool_rewind(struct spool *sp)
{
	for (int i = 0; i < LANES; i++)
		shelf_rewind(&sp->w[i].sh);
}

uint64_t spool_unsynced(const struct spool *sp)
{
	uint64_t n = 0;

	for (int i = 0; i < LANES; i++) {
		const struct worker *w = &sp->w[i];

		n += w->open != NULL ? w->open->events : 0;
		n += w->writing != NULL ? w->writing->events : 0;
		for (unsigned k = 0; k < w->n_waiting; k++)
			n += w->waiting[k]->events;
	}
	return n;
}

const struct spool_stats *spool_stats(const struct spool *sp)
{
	return &sp->stats;
}

uint64_t spool_epoch(const struct spool *sp)
{
	return sp->epoch;
}

void spool_epochs(const struct spool *sp, struct buf *out)
{
	const size_t start = out->n;
	char hex[17];

	for (int i = 0; i < LANES; i++)
		for (size_t k = 0; k < sp->w[i].sh.n_runs; k++) {
			struct slice so_far = slice_from(buf_view(out), start);

			snprintf(hex, sizeof(hex), "%016" PRIx64, sp->w[i].sh.runs[k].epoch);
			if (slice_find(so_far, slice_str(hex)) >= 0)
				continue;
			if (so_far.n > 0)
				buf_chr(out, ',');
			buf_str(out, hex);
		}
}

static int lane_start(struct spool *sp, enum lane lane, uint64_t segment_bytes, struct err *err)
{
	struct worker *w = &sp->w[lane];
	struct buf path = { 0 };
	int r = -1;

	w->sp = sp;
	w->lane = lane;
	w->req.data = w;
	w->sh.stats = &sp->stats;
	buf_printf(&path, "%s/%s", sp->o.dir, lane_dirs[lane]);
	if (path.failed)
		err_nomem(err);
	else
		r = shelf_open(&w->sh, buf_cstr(&path), segment_bytes, err);
	buf_release(&path);
	return r;
}

int spool_open(uv_loop_t *loop, const struct spool_opts *opts, struct spool **ret, struct err *err)
{
	struct spool *sp = calloc(1, sizeof(*sp));
	uint64_t segment = opts->max_bytes / 16;

	if (sp == NULL)
		return err_nomem(err);
	segment = segment < SEGMENT_MIN ? SEGMENT_MIN : segment;
	segment = segment > SEGMENT_MAX ? SEGMENT_MAX : segment;
	sp->loop = loop;
	sp->o = *opts;
	sp->next_number = sp->next_seq = 1;
	random_bytes(&sp->epoch, sizeof(sp->epoch));
	uv_mutex_init(&sp->lock);
	uv_cond_init(&sp->done);
	if (dir_make(opts->dir, 0700, err) < 0)
		goto fail;
	for (int i = 0; i < LANES; i++)
		if (lane_start(sp, (enum lane)i, segment, err) < 0)
			goto fail;
	sp->o.dir = NULL;
	for (int i = 0; i < LANES; i++) {
		struct worker *w = &sp->w[i];

		uv_timer_init(loop, &w->close_timer);
		uv_timer_init(loop, &w->retry_timer);
		w->close_timer.data = w->retry_timer.data = w;
		sp->refs += 2;
	}
	stats_oldest(sp);
	*ret = sp;
	return 0;
fail:
	for (int i = 0; i < LANES; i++)
		shelf_close(&sp->w[i].sh);
	sp->refs = 1;
	spool_unref(sp);
	return -1;
}

static void timer_closed(uv_handle_t *h)
{
	struct worker *w = h->data;

	spool_unref(w->sp);
}

/* Everything that is still in memory goes to disk, now and here. */
static void lane_finish(struct worker *w)
{
	if (w->busy) {
		if (uv_cancel((uv_req_t *)&w->req) == 0) {
			job_run(w); /* the pool had not begun */
		} else {
			uv_mutex_lock(&w->sp->lock);
			while (!w->done)
				uv_cond_wait(&w->sp->done, &w->sp->lock);
			uv_mutex_unlock(&w->sp->lock);
		}
		job_finish(w);
	}
	for (unsigned i = 0; i < WAITING_MAX + 3; i++) {
		if (w->open != NULL && has_place(w))
			wait_put(w);
		if (!job_prepare(w))
			break;
		job_run(w);
		job_finish(w);
		if (w->result < 0)
			break; /* the disk refuses: inputs of the keep lane read it again */
	}
}

void spool_close(struct spool *sp)
{
	if (sp == NULL)
		return;
	sp->closing = true;
	for (int i = 0; i < LANES; i++)
		lane_finish(&sp->w[i]); /* a lane's room and floor depend on the other's shelf */
	for (int i = 0; i < LANES; i++) {
		struct worker *w = &sp->w[i];

		shelf_close(&w->sh);
		block_free(w->open);
		while (w->n_waiting > 0)
			block_free(wait_take(w));
		block_free(w->writing);
		uv_close((uv_handle_t *)&w->close_timer, timer_closed);
		uv_close((uv_handle_t *)&w->retry_timer, timer_closed);
	}
}

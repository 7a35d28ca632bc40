/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/job.c: what a lane gives to the worker: compress, append, one fdatasync; and what
 * follows on the loop thread. A block is numbered as it goes to the worker. What fails is tried
 * again by itself. */
#include "agent/spool/lane.h"

#include "common/base/time.h"

#define RETRY_MIN_MS 1000u
#define RETRY_MAX_MS 30000u

/* Runs in libuv's pool, or in spool_close. */
void job_run(struct worker *w)
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

static void retry_due(uv_timer_t *t)
{
	job_kick(t->data);
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
void job_finish(struct worker *w)
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

static void job_after(uv_work_t *req, int status)
{
	struct worker *w = req->data;
	struct spool *sp = w->sp;

	if (!sp->closing)
		job_finish(w);
	if (!sp->closing) { /* a callback may have closed us */
		spool_stats_oldest(sp);
		if (w->retry_ms == 0)
			job_kick(w);
		spool_tell_drained(sp);
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
bool job_prepare(struct worker *w)
{
	if (w->writing == NULL && w->n_waiting > 0) {
		if (w->lane == LANE_LOSSY)
			lane_make_room(w->sp);
		w->writing = lane_take(w);
		w->writing_bytes = block_bytes(w->writing);
		number_give(w, w->writing);
	}
	if (w->close_soon && lane_has_place(w)) {
		if (w->open != NULL)
			lane_wait(w);
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

void job_kick(struct worker *w)
{
	if (w->busy || w->sp->closing || uv_is_active((uv_handle_t *)&w->retry_timer) ||
	    !job_prepare(w))
		return;
	if (uv_queue_work(w->sp->loop, &w->req, job_work, job_after) != 0)
		return; /* only for a job without a function; the next job_kick tries again */
	w->busy = true;
	w->sp->refs++;
}

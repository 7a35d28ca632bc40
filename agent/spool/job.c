/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/job.c: what a lane gives to the worker: compress and append the blocks that wait,
 * then one fdatasync for all of them; and what follows on the loop thread. A block is numbered as
 * it goes to the worker. What fails is tried again by itself: the same blocks, in the same order,
 * with the same numbers. */
#include "agent/spool/lane.h"

#include "common/base/time.h"

#define RETRY_MIN_MS 1000u
#define RETRY_MAX_MS 30000u

static int state_append(struct worker *w, struct err *err)
{
	const struct slice state = buf_view(&w->sh.state);
	int r = seglog_append(w->sh.log, SPOOL_ACK, &state, 1, NULL, err);

	w->write_state = r < 0; /* again with the next job */
	return r;
}

/* Writes what is acknowledged, and drops the files that are no use any more: only once the log says
 * so for certain, else they would seem to be lost. A disk without room to say it gets it, and is
 * told at once, so that an end in between is unlikely. */
static void write_state(struct worker *w)
{
	struct seglog *lg = w->sh.log;
	bool drops = seglog_first(lg).file < w->drop.file, no_room;
	struct err err = { 0 };

	no_room = w->write_state && state_append(w, &err) < 0;
	if (!drops || (no_room && err.code != ERR_FULL))
		return;
	if (!no_room && seglog_sync(lg, NULL) < 0) {
		w->write_state = true; /* taken back */
		return;
	}
	(void)seglog_drop_before(lg, w->drop, NULL); /* tried again with the next job */
	if (no_room && state_append(w, NULL) == 0 && seglog_sync(lg, NULL) < 0)
		w->write_state = true;
}

/* The blocks that the log has now, those of `writing` before n included. */
static void put_count(struct worker *w, unsigned n)
{
	if (n < w->n_writing)
		w->sh.put = w->writing[n]->before;
	else if (n > 0)
		w->sh.put = tally_behind(w->writing[n - 1]);
}

/* Runs in libuv's pool, or in spool_close. */
void job_run(struct worker *w)
{
	struct seglog *lg = w->sh.log;
	unsigned n = 0;

	w->result = 0;
	w->n_durable = 0;
	write_state(w);
	if (w->n_writing == 0) {
		w->result = w->looking ? seglog_sync(lg, &w->err) : 0;
		return;
	}
	w->sh.appended = w->writing;
	for (; n < w->n_writing && w->result == 0; n += w->result == 0) {
		w->result = block_compress(w->writing[n], w->sp->epoch, w->sp->o.level, &w->err);
		if (w->result == 0)
			w->result = block_append(w->writing[n], w->sp->epoch, lg, &w->err);
		if (w->result == 0) {
			w->sh.n_appended = n + 1; /* a snapshot of a file begun now knows it */
			put_count(w, n + 1);
		}
	}
	/* After a refusal too: what was appended before it need not wait for the next try. */
	if (seglog_sync(lg, w->result == 0 ? &w->err : NULL) < 0) {
		w->result = -1;
		w->write_state = true; /* what was acknowledged is taken back too */
	}
	/* A failed sync takes back what it was to sync, but not what an older file has. */
	while (w->n_durable < n &&
	       seg_pos_cmp(w->writing[w->n_durable]->next, seglog_durable(lg)) <= 0)
		w->n_durable++;
	put_count(w, w->n_durable);
	w->sh.n_appended = 0;
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
	bool events = false;

	w->busy = false;
	w->look = w->look || (w->looking && w->result < 0);
	spool_tell_remade(w);
	w->state_dirty = w->state_dirty || w->write_state; /* could not be written: next time */
	metric_add(&sp->stats.syncs, w->n_durable > 0);
	for (unsigned i = 0; i < w->n_durable; i++) {
		struct block *b = w->writing[i];

		events = events || b->events > 0;
		w->durable = b->upto;
		if (b->events > 0)
			shelf_added(&w->sh, sp->epoch, b);
		else
			checkpoints_move(&w->sh.durable, &b->checkpoints);
		block_free(b);
	}
	w->n_writing -= w->n_durable;
	memmove(w->writing, w->writing + w->n_durable, w->n_writing * sizeof(w->writing[0]));
	if (w->result < 0)
		job_failed(w);
	else if (w->n_durable > 0)
		w->retry_ms = 0;
	if (w->n_durable > 0 && !sp->closing && sp->o.synced != NULL)
		sp->o.synced(sp->o.arg, w->lane);
	if (events && !sp->closing && sp->o.ready != NULL)
		sp->o.ready(sp->o.arg);
}

static void job_after(uv_work_t *req, int status)
{
	struct worker *w = req->data;
	struct spool *sp = w->sp;

	if (!sp->closing)
		job_finish(w);
	if (!sp->closing) { /* a callback may have closed us */
		/* A disk that refuses an acknowledgement is asked again with the next one. */
		bool refused = w->write_state && w->n_waiting == 0 && !w->close_soon;

		spool_stats_oldest(sp);
		if (w->hurried && w->retry_ms == 0)
			spool_hurry(sp, w->lane);
		if (w->retry_ms == 0 && !refused)
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
	b->before = w->sh.taken;
	if (b->events == 0)
		return;
	w->sh.taken = tally_behind(b);
	b->number = sp->next_number++;
	b->first_seq = sp->next_seq;
	sp->next_seq += b->events;
	floor = b->number;
	for (int i = 0; i < LANES; i++) {
		const struct worker *other = &sp->w[i];
		uint64_t low = shelf_floor(&other->sh, sp->epoch);

		if (low < floor)
			floor = low;
		for (unsigned k = 0; k < other->n_writing; k++)
			if (other->writing[k]->number > 0 && other->writing[k]->number < floor)
				floor = other->writing[k]->number;
	}
	b->floor = floor;
}

/* Sets up the next job. false: there is nothing to do. */
bool job_prepare(struct worker *w)
{
	if (w->n_waiting > 0 && w->lane == LANE_LOSSY)
		lane_make_room(w->sp);
	while (w->n_waiting > 0 && w->n_writing < GROUP_MAX) {
		struct block *b = lane_take(w);

		b->given = block_bytes(b);
		number_give(w, b);
		w->writing[w->n_writing++] = b;
	}
	if (w->close_soon && lane_has_place(w)) {
		if (w->open != NULL)
			lane_wait(w);
		w->close_soon = false;
	}
	w->looking = w->look;
	w->look = false;
	if (w->n_writing == 0 && !w->state_dirty && !w->looking)
		return false;
	w->drop = shelf_head(&w->sh);
	/* Reading on past what is acknowledged moves the head too: a file goes only when the log
	 * says that nothing of it is held. */
	w->state_dirty = w->state_dirty || seglog_first(w->sh.log).file < w->drop.file;
	w->write_state = w->state_dirty && shelf_state(&w->sh) == 0;
	if (w->write_state)
		w->state_dirty = false;
	else if (w->state_dirty)
		w->drop = (struct seg_pos){ 0 }; /* no memory to say it */
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

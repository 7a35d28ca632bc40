/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/spool.c: the public contract over both lanes, and who is told. */
#include "agent/spool/spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/spool/lane.h"
#include "common/base/file.h"
#include "common/base/hash.h"

#define FRAME_ROOM      64u /* of the event that fills a block: its frame */
#define SEGMENT_MIN     (UINT64_C(64) << 10)
#define SEGMENT_MAX     (UINT64_C(4) << 20)
#define BACKLOG_PERCENT 25u
#define ILL_MIN_MS      1000u
#define ILL_MAX_MS      30000u
#define OWED_MAX        (1u << 20) /* bytes that the backlog may have had too much */

static const char *const lane_dirs[LANES] = { "keep", "lossy" };

void spool_tell_drained(struct spool *sp)
{
	if (!sp->full || sp->closing || sp->w[LANE_KEEP].n_waiting > 0 || !lane_keep_has_room(sp))
		return;
	sp->full = false;
	if (sp->o.drained != NULL)
		sp->o.drained(sp->o.arg);
}

void spool_stats_oldest(struct spool *sp)
{
	int64_t oldest = 0;

	for (int i = 0; i < LANES; i++) {
		const struct shelf *sh = &sp->w[i].sh;
		int64_t t = sh->n_runs > 0 ? sh->runs[0].oldest_ns : 0;

		for (size_t k = 0; k < sh->n_lent; k++)
			if (!sh->lent[k].dropped) {
				if (seg_pos_cmp(sh->lent[k].pos, shelf_oldest(sh)) == 0)
					t = sh->lent[k].closed_ns;
				break;
			}
		if (t != 0 && (oldest == 0 || t < oldest))
			oldest = t;
	}
	metric_set(&sp->stats.oldest_ns, (uint64_t)oldest);
}

void spool_unref(struct spool *sp)
{
	if (--sp->refs > 0)
		return;
	uv_cond_destroy(&sp->done);
	uv_mutex_destroy(&sp->lock);
	free(sp);
}

/* Into the lane's open block, which has room or is allowed to grow. */
static int put(struct worker *w, struct slice event, struct slice key, struct slice checkpoint,
	       struct err *err)
{
	struct spool *sp = w->sp;

	if (w->open == NULL) {
		w->open = block_new((size_t)sp->o.block_bytes + FRAME_ROOM);
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
	w->open->upto = ++w->added;
	metric_add(&sp->stats.events_in, event.n > 0);
	if (open_is_full(w, 0))
		lane_close_open(w);
	lane_close_later(w);
	return 0;
}

int spool_add(struct spool *sp, enum lane lane, struct slice event, struct slice key,
	      struct slice checkpoint, struct err *err)
{
	struct worker *w = &sp->w[lane];

	return lane_make_place(w, event.n, err) < 0 ? -1 : put(w, event, key, checkpoint, err);
}

int spool_mark(struct spool *sp, enum lane lane, struct slice key, struct slice checkpoint,
	       struct err *err)
{
	return put(&sp->w[lane], (struct slice){ NULL, 0 }, key, checkpoint, err);
}

uint64_t spool_taken(const struct spool *sp, enum lane lane)
{
	return sp->w[lane].added;
}

uint64_t spool_durable(const struct spool *sp, enum lane lane)
{
	return sp->w[lane].durable;
}

void spool_hurry(struct spool *sp, enum lane lane)
{
	struct worker *w = &sp->w[lane];

	w->hurried = w->busy;
	if (!w->busy)
		lane_close_open(w);
}

void spool_look(struct spool *sp)
{
	for (int i = 0; i < LANES; i++) {
		sp->w[i].look = true;
		job_kick(&sp->w[i]);
	}
}

void spool_tell_remade(struct worker *w)
{
	struct spool *sp = w->sp;
	uint64_t n = seglog_remade(w->sh.log) - w->remade;
	struct err err;

	if (n == 0)
		return;
	w->remade += n;
	metric_add(&sp->stats.files_remade, n);
	err_set(&err, ERR_ABSENT,
		"the file of spool/%s that was being written was removed, and is made anew; "
		"nothing of it is lost. What cleans that folder takes events away: let it be, "
		"spool.max_bytes bounds it",
		lane_dirs[w->lane]);
	if (!sp->closing && sp->o.remade != NULL)
		sp->o.remade(sp->o.arg, &err);
}

void spool_flush(struct spool *sp)
{
	for (int i = 0; i < LANES; i++)
		lane_close_open(&sp->w[i]);
}

/* --- which block goes next --- */

struct pick {
	struct worker *from; /* NULL: there is none */
	struct lent le;      /* what decides; the block itself is asked for again */
};

/* Over both lanes in the order of their numbers, so that what overtakes leaves few gaps. Of two
 * epochs our own is the later one, whatever the clock said. */
static bool goes_before(const struct spool *sp, const struct lent *a, const struct lent *b)
{
	if (a->epoch == b->epoch)
		return a->number < b->number;
	if (a->epoch == sp->epoch || b->epoch == sp->epoch)
		return b->epoch == sp->epoch;
	return a->closed_ns < b->closed_ns;
}

/* What is damaged on disk is no reason to stop: it is told, and passed. */
static bool passed(struct worker *w, const struct err *err)
{
	struct spool *sp = w->sp;

	if (err->code != ERR_SYNTAX)
		return false;
	w->state_dirty = true;
	if (shelf_tell(&w->sh)) {
		metric_add(&sp->stats.places_damaged, 1);
		if (sp->o.damaged != NULL)
			sp->o.damaged(sp->o.arg, err);
	}
	return true;
}

/* The age's next block cannot be read. A disk that is ill may take seconds to say so. */
static void ill(struct worker *w, enum age age, const struct err *err)
{
	struct spool *sp = w->sp;
	uint32_t wait = 2 * w->ill[age].wait_ms;

	wait = wait < ILL_MIN_MS ? ILL_MIN_MS : wait;
	w->ill[age].wait_ms = wait > ILL_MAX_MS ? ILL_MAX_MS : wait;
	w->ill[age].again_ms = uv_now(sp->loop) + w->ill[age].wait_ms;
	if (sp->unreadable.code == ERR_NONE && sp->o.unreadable != NULL)
		sp->o.unreadable(sp->o.arg, err);
	sp->unreadable = *err;
}

static void well(struct worker *w, enum age age)
{
	struct spool *sp = w->sp;

	if (w->ill[age].wait_ms == 0)
		return;
	w->ill[age].wait_ms = 0;
	for (int i = 0; i < LANES; i++)
		for (int k = 0; k < AGES; k++)
			if (sp->w[i].ill[k].wait_ms > 0)
				return;
	sp->unreadable = (struct err){ 0 };
	if (sp->o.unreadable != NULL)
		sp->o.unreadable(sp->o.arg, NULL);
}

/* The lane's next block of the age; NULL: none, or none that can be read now. */
static struct lent *peek(struct worker *w, enum age age)
{
	struct lent *le;
	struct err err;

	if (w->ill[age].wait_ms > 0 && uv_now(w->sp->loop) < w->ill[age].again_ms)
		return NULL;
	while (shelf_peek(&w->sh, age, &le, &err) < 0)
		if (!passed(w, &err)) {
			ill(w, age, &err);
			return NULL;
		}
	well(w, age);
	return le;
}

static void pick_of(struct spool *sp, enum age age, struct pick *ret)
{
	ret->from = NULL;
	for (int i = 0; i < LANES; i++) {
		const struct lent *le = peek(&sp->w[i], age);

		if (le != NULL && (ret->from == NULL || goes_before(sp, le, &ret->le))) {
			ret->from = &sp->w[i];
			ret->le = *le;
		}
	}
}

/* Fresh first, but for the backlog's share of the bytes, and but for a spool so full that only the
 * oldest blocks' files, once acknowledged, make room for new ones. */
static enum age choose(struct spool *sp, const struct pick pick[AGES])
{
	bool tight = false;

	if (pick[BACKLOG].from == NULL || pick[FRESH].from == NULL) {
		sp->owed = 0;
		return pick[FRESH].from != NULL ? FRESH : BACKLOG;
	}
	for (int i = 0; i < LANES; i++)
		tight = tight || lane_is_tight(&sp->w[i]);
	return sp->owed > 0 || tight ? BACKLOG : FRESH;
}

static void account(struct spool *sp, const struct pick pick[AGES], enum age age)
{
	int64_t share = sp->o.backlog_percent, n = (int64_t)pick[age].le.bytes;

	if (pick[BACKLOG].from == NULL || pick[FRESH].from == NULL)
		return;
	sp->owed += age == FRESH ? share * n : (share - 100) * n;
	if (sp->owed < -100 * (int64_t)OWED_MAX) /* a full spool has let the backlog go first */
		sp->owed = -100 * (int64_t)OWED_MAX;
}

int spool_next(struct spool *sp, struct spool_block *ret, struct err *err)
{
	struct pick pick[AGES];
	struct lent *le;
	enum age age;

	for (;;) {
		for (int i = 0; i < AGES; i++)
			pick_of(sp, (enum age)i, &pick[i]);
		age = choose(sp, pick);
		if (pick[age].from == NULL) {
			*err = sp->unreadable;
			return err->code == ERR_NONE ? 0 : -1;
		}
		if (shelf_peek(&pick[age].from->sh, age, &le, err) == 0 &&
		    shelf_load(&pick[age].from->sh, le, err) == 0)
			break;
		if (!passed(pick[age].from, err))
			ill(pick[age].from, age, err);
	}
	account(sp, pick, age);
	le->given = true;
	*ret = (struct spool_block){ le->epoch, le->number, le->events, buf_view(&le->frame) };
	return 1;
}

int spool_ack(struct spool *sp, uint64_t epoch, uint64_t number, struct err *err)
{
	for (int i = 0; i < LANES; i++) {
		struct worker *w = &sp->w[i];

		if (!shelf_ack(&w->sh, epoch, number))
			continue;
		w->state_dirty = true;
		spool_stats_oldest(sp);
		job_kick(w);
		spool_tell_drained(sp);
		break;
	}
	return 0;
}

void spool_rewind(struct spool *sp)
{
	for (int i = 0; i < LANES; i++)
		shelf_rewind(&sp->w[i].sh);
	sp->owed = 0;
}

uint64_t spool_unsynced(const struct spool *sp)
{
	uint64_t n = 0;

	for (int i = 0; i < LANES; i++) {
		const struct worker *w = &sp->w[i];

		n += w->open != NULL ? w->open->events : 0;
		for (unsigned k = 0; k < w->n_waiting; k++)
			n += w->waiting[k]->events;
		for (unsigned k = 0; k < w->n_writing; k++)
			n += w->writing[k]->events;
	}
	return n;
}

const struct spool_stats *spool_stats(const struct spool *sp)
{
	return &sp->stats;
}

const char *spool_problem(const struct spool *sp)
{
	return sp->unreadable.msg;
}

bool spool_was_empty(const struct spool *sp)
{
	return !sp->w[LANE_KEEP].sh.found && !sp->w[LANE_LOSSY].sh.found;
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
		r = shelf_open(&w->sh, buf_cstr(&path), segment_bytes, lane == LANE_KEEP, err);
	buf_release(&path);
	return r;
}

void spool_check(const char *dir, void (*fault)(void *arg, const struct err *err), void *arg)
{
	struct buf path = { 0 };
	struct err err;

	for (int i = -1; i < LANES; i++) {
		buf_reset(&path);
		buf_printf(&path, "%s%s%s", dir, i < 0 ? "" : "/", i < 0 ? "" : lane_dirs[i]);
		if (path.failed)
			break;
		if (dir_private(buf_cstr(&path), &err) == 0)
			continue;
		if (err.code != ERR_ABSENT)
			fault(arg, &err);
		if (i < 0)
			break; /* what is in it can wait until it is in order */
	}
	buf_release(&path);
}

/* Two starts from one state, of which one was put back from a copy, have one number: so the
 * collector sees it. Where nothing is left that tells the number, it is random as well. */
static void epoch_draw(struct spool *sp)
{
	const struct shelf *a = &sp->w[LANE_KEEP].sh, *b = &sp->w[LANE_LOSSY].sh;
	uint64_t start = a->found_start > b->found_start ? a->found_start : b->found_start;

	random_bytes(&sp->epoch, sizeof(sp->epoch));
	if (a->found_blocks || b->found_blocks || spool_was_empty(sp))
		sp->epoch = (start + 1) << (64 - SPOOL_START_BITS) | sp->epoch >> SPOOL_START_BITS;
	sp->w[LANE_KEEP].sh.epoch = sp->w[LANE_LOSSY].sh.epoch = sp->epoch;
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
	if (sp->o.backlog_percent == 0)
		sp->o.backlog_percent = BACKLOG_PERCENT;
	sp->next_number = sp->next_seq = 1;
	uv_mutex_init(&sp->lock);
	uv_cond_init(&sp->done);
	if (dir_make(opts->dir, 0700, err) < 0 || dir_private(opts->dir, err) < 0)
		goto fail;
	for (int i = 0; i < LANES; i++)
		if (lane_start(sp, (enum lane)i, segment, err) < 0)
			goto fail;
	sp->o.dir = NULL;
	epoch_draw(sp);
	for (int i = 0; i < LANES; i++) {
		struct worker *w = &sp->w[i];

		uv_timer_init(loop, &w->close_timer);
		uv_timer_init(loop, &w->retry_timer);
		w->close_timer.data = w->retry_timer.data = w;
		sp->refs += 2;
	}
	spool_stats_oldest(sp);
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
		if (w->open != NULL && lane_has_place(w))
			lane_wait(w);
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
			block_free(lane_take(w));
		for (unsigned k = 0; k < w->n_writing; k++)
			block_free(w->writing[k]);
		uv_close((uv_handle_t *)&w->close_timer, timer_closed);
		uv_close((uv_handle_t *)&w->retry_timer, timer_closed);
	}
}

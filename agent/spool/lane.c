/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/lane.c: a lane's blocks in memory, and the room that each lane has. In the keep lane
 * a few blocks wait, and then the inputs do; what cannot wait comes in bursts, and gets more places
 * before it is given up. Thread: the loop thread. */
#include "agent/spool/lane.h"

#include <inttypes.h>

#define SURE_BYTES (UINT64_C(64) << 10)
#define SURE_FROM  (UINT64_C(4) << 20)

static uint64_t pending(const struct worker *w)
{
	uint64_t n = block_bytes(w->open);

	for (unsigned i = 0; i < w->n_waiting; i++)
		n += block_bytes(w->waiting[i]);
	for (unsigned i = 0; i < w->n_writing; i++)
		n += w->writing[i]->given;
	return n;
}

bool lane_has_place(const struct worker *w)
{
	return w->n_waiting < (w->lane == LANE_LOSSY ? WAITING_MAX : KEEP_MAX);
}

void lane_wait(struct worker *w)
{
	w->waiting[w->n_waiting++] = w->open;
	w->open = NULL;
}

struct block *lane_take(struct worker *w)
{
	struct block *b = w->waiting[0];

	memmove(&w->waiting[0], &w->waiting[1], --w->n_waiting * sizeof(struct block *));
	return b;
}

uint64_t lane_used(const struct worker *w)
{
	return seglog_bytes(w->sh.log) + pending(w);
}

/* What the lossy lane may always have, whatever the other one holds. */
static uint64_t lossy_share(const struct spool *sp)
{
	return sp->o.max_bytes / 8;
}

/* What the keep lane may take; 0 when it holds too much already. */
static uint64_t keep_room(const struct spool *sp)
{
	uint64_t used = lane_used(&sp->w[LANE_KEEP]), lossy = lane_used(&sp->w[LANE_LOSSY]);

	used += lossy < lossy_share(sp) ? lossy_share(sp) : lossy;
	return used < sp->o.max_bytes ? sp->o.max_bytes - used : 0;
}

static bool keep_fits(const struct spool *sp, uint64_t more)
{
	return more <= keep_room(sp);
}

static uint64_t lossy_room(const struct spool *sp)
{
	uint64_t keep = lane_used(&sp->w[LANE_KEEP]), room = lossy_share(sp);

	return sp->o.max_bytes > keep && sp->o.max_bytes - keep > room ? sp->o.max_bytes - keep
								       : room;
}

bool lane_is_tight(const struct worker *w)
{
	const struct spool *sp = w->sp;
	uint64_t file = sp->o.max_bytes / 16;

	if (w->lane == LANE_KEEP)
		return !keep_fits(sp, file);
	return lane_used(w) + file > lossy_room(sp);
}

/* What the lane will take once the files before its head are deleted. */
static uint64_t used_from_head(const struct worker *w)
{
	const struct seg_pos head = { shelf_head(&w->sh).file, 0 };

	return lane_used(w) - seglog_bytes_before(w->sh.log, head);
}

/* The oldest whole files of the lossy lane are given up until it fits; the next job deletes them,
 * when the log says that they were. Its worker is idle. */
void lane_make_room(struct spool *sp)
{
	struct worker *w = &sp->w[LANE_LOSSY];
	uint64_t room = lossy_room(sp);

	while (used_from_head(w) > room && shelf_drop_file(&w->sh))
		w->state_dirty = true;
}

bool lane_close_open(struct worker *w)
{
	if (w->open == NULL)
		return true;
	uv_timer_stop(&w->close_timer);
	w->close_soon = !lane_has_place(w);
	if (w->close_soon)
		return false;
	lane_wait(w);
	job_kick(w);
	return true;
}

static void close_due(uv_timer_t *t)
{
	lane_close_open(t->data);
}

void lane_close_later(struct worker *w)
{
	if (w->open != NULL && !w->close_soon && !uv_is_active((uv_handle_t *)&w->close_timer))
		uv_timer_start(&w->close_timer, close_due, w->sp->o.close_ms, 0);
}

bool open_is_full(const struct worker *w, size_t more)
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
	struct block *b = lane_take(w), *next = w->n_waiting > 0 ? w->waiting[0] : w->open;

	metric_add(&st->events_dropped, b->events);
	metric_add(&st->blocks_dropped, 1);
	/* Its checkpoints are still true: the events are gone, not to be read again. */
	checkpoints_cover(&b->checkpoints, &next->checkpoints);
	checkpoints_clear(&next->checkpoints);
	next->checkpoints = b->checkpoints;
	b->checkpoints = (struct checkpoints){ 0 };
	block_free(b);
}

bool lane_keep_has_room(const struct spool *sp)
{
	const struct spool_opts *o = &sp->o;

	return keep_fits(sp,
			 o->block_bytes < o->max_bytes / 16 ? o->block_bytes : o->max_bytes / 16);
}

/* Room in the keep lane. Far from full, what is left is added up once for many events; what blocks
 * and files have in their heads is small beside what stays in hand. */
static bool keep_takes(struct spool *sp, size_t bytes)
{
	uint64_t room;

	if (!sp->full && bytes <= sp->sure) {
		sp->sure -= bytes;
		return true;
	}
	room = keep_room(sp);
	sp->sure = room > SURE_FROM ? SURE_BYTES : 0;
	/* Once full it is so until there is room for a block: else what compression leaves of the
	 * room would be filled by ever smaller blocks. */
	return bytes <= room && !(sp->full && !lane_keep_has_room(sp));
}

int lane_make_place(struct worker *w, size_t bytes, struct err *err)
{
	struct spool *sp = w->sp;

	if (w->lane == LANE_LOSSY) {
		sp->sure = 0; /* it takes of the same room */
	} else if (!keep_takes(sp, bytes)) {
		sp->full = true;
		return err_set(err, ERR_FULL,
			       "the spool holds %" PRIu64 " of at most %" PRIu64
			       " bytes (spool.max_bytes): is the collector reachable?",
			       lane_used(&sp->w[LANE_KEEP]) + lane_used(&sp->w[LANE_LOSSY]),
			       sp->o.max_bytes);
	}
	if (open_is_full(w, bytes) && !lane_has_place(w) && w->lane == LANE_LOSSY)
		lossy_give_up(w);
	if (open_is_full(w, bytes) && !lane_close_open(w)) {
		sp->full = true;
		return err_set(err, ERR_FULL, "the spool waits for the disk%s%s",
			       w->retry_ms > 0 ? ": " : "", w->retry_ms > 0 ? w->refused.msg : "");
	}
	return 0;
}

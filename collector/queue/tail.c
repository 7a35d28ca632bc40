/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/queue/tail.h"

#include <stdlib.h>

#include "common/net/batch.h"
#include "common/net/lumberjack.h"

uint32_t plain_strip(char *frames, size_t n, enum queue_kind kind)
{
	struct lj_frame f;
	struct batch_meta m;
	struct slice event;
	struct err err;

	if (kind != QUEUE_OWN || lj_next((struct slice){ frames, n }, n, &f, &err) <= 0 ||
	    batch_meta_take(frames + (f.payload.p - frames), f.payload.n, &m, &event, &err) <= 0)
		return 0;
	return (uint32_t)(f.payload.n - event.n);
}

struct queue_plain *queue_plain_take(struct buf *frames, enum queue_kind kind)
{
	struct queue_plain *pl = frames->failed ? NULL : malloc(sizeof(*pl));

	if (pl == NULL)
		return NULL;
	atomic_init(&pl->refs, 1);
	if (frames->cap - frames->n > frames->n / 4)
		buf_fit(frames); /* it may wait */
	pl->frames = *frames;
	*frames = (struct buf){ 0 };
	pl->meta = plain_strip(pl->frames.p, pl->frames.n, kind);
	return pl;
}

struct queue_plain *queue_plain_ref(struct queue_plain *pl)
{
	atomic_fetch_add(&pl->refs, 1);
	return pl;
}

void queue_plain_unref(struct queue_plain *pl)
{
	if (pl == NULL || atomic_fetch_sub(&pl->refs, 1) != 1)
		return;
	buf_release(&pl->frames);
	free(pl);
}

static struct tail_block *at(const struct tail *tl, uint64_t i)
{
	return tl->ring[i % TAIL_BLOCKS];
}

void tail_give_back(struct tail *tl, size_t n)
{
	tl->bytes -= n;
}

static void drop_first(struct tail *tl)
{
	struct tail_block *tb = at(tl, tl->first++);

	tail_give_back(tl, tb->blk.plain->frames.n);
	queue_plain_unref(tb->blk.plain);
	free(tb);
}

void tail_release(struct tail *tl)
{
	while (tl->first < tl->end)
		drop_first(tl);
}

bool tail_reserve(struct tail *tl, size_t n)
{
	while (tl->bytes + n > tl->max_bytes && tl->first < tl->end && at(tl, tl->first)->passed)
		drop_first(tl);
	if (tl->bytes + n > tl->max_bytes)
		return false;
	tl->bytes += n;
	return true;
}

void tail_add(struct tail *tl, const struct tail_block *tb)
{
	struct tail_block *own = NULL;

	if (tl->end - tl->first == TAIL_BLOCKS && at(tl, tl->first)->passed)
		drop_first(tl);
	if (tl->end - tl->first < TAIL_BLOCKS)
		own = malloc(sizeof(*own));
	if (own == NULL) {
		tail_give_back(tl, tb->blk.plain->frames.n);
		queue_plain_unref(tb->blk.plain);
		return;
	}
	*own = *tb;
	own->blk.frame = (struct slice){ NULL, 0 };
	tl->ring[tl->end++ % TAIL_BLOCKS] = own;
}

struct tail_block *tail_find(struct tail *tl, struct seg_pos place)
{
	uint64_t lo = tl->first, hi = tl->end;

	while (lo < hi) { /* the first whose from is behind the place */
		uint64_t mid = lo + (hi - lo) / 2;

		if (seg_pos_cmp(at(tl, mid)->from, place) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == tl->first)
		return NULL;
	return seg_pos_cmp(at(tl, lo - 1)->from, place) == 0 ||
			       seg_pos_cmp(at(tl, lo - 1)->pos, place) == 0
		       ? at(tl, lo - 1)
		       : NULL;
}

void tail_drop_before(struct tail *tl, struct seg_pos place)
{
	while (tl->first < tl->end && seg_pos_cmp(at(tl, tl->first)->pos, place) < 0)
		drop_first(tl);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue/tail.h: the newest blocks, inflated, for readers that keep up: they need not read
 * and inflate again what the door has just inflated to check. For collector/queue alone.
 * Holds:  blocks that are durable, in the log's order. A block leaves when all open readers are
 * past it. Where there is no room, blocks that one of several readers is past leave first, so that
 * a slow one does not take the memory from a quick one; else the new block is not kept, and whoever
 * is so far behind reads the disk. Bounds: TAIL_BLOCKS, and max_bytes over what is kept and what is
 * on its way to the disk. Locked by the queue. */
#ifndef VARTIO_QUEUE_TAIL_H
#define VARTIO_QUEUE_TAIL_H

#include "collector/queue/queue.h"

#define TAIL_BLOCKS 1024u

struct queue_plain { /* nobody writes into it once it is shared */
	_Atomic unsigned refs;
	uint32_t meta; /* bytes of the first event that are not its own */
	struct buf frames;
};
struct queue_plain *queue_plain_ref(struct queue_plain *pl);
static inline struct slice queue_plain_view(const struct queue_plain *pl)
{
	return (struct slice){ pl->frames.p, pl->frames.n };
}
/* Makes the first event of frames whole again without its metadata, in place; how many bytes of
 * its frame are then to be skipped. */
uint32_t plain_strip(char *frames, size_t n, enum queue_kind kind);

struct tail_block {
	struct seg_pos from; /* behind the block before: a reader there has this one next */
	struct seg_pos pos, next;
	struct queue_block blk; /* without frame */
	bool passed;            /* by a reader */
};
struct tail {
	struct tail_block *ring[TAIL_BLOCKS];
	uint64_t first, end; /* those kept: first to end - 1, at index % TAIL_BLOCKS */
	size_t bytes, max_bytes;
};
void tail_release(struct tail *tl);
/* Room for n bytes more? They then count until tail_add or tail_give_back. */
bool tail_reserve(struct tail *tl, size_t n);
void tail_give_back(struct tail *tl, size_t n);
/* Keeps the block, whose reference and reserved bytes are the tail's from here on; not kept: both
 * are given up. */
void tail_add(struct tail *tl, const struct tail_block *tb);
/* The block that a reader at `at` has next; NULL: read the disk. Lent until the next call. */
struct tail_block *tail_find(struct tail *tl, struct seg_pos at);
/* All readers are past what stands before `at`. */
void tail_drop_before(struct tail *tl, struct seg_pos at);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/block.h: a block on its way to disk: events gathered as `J` frames, then one `C`
 * frame; and its record. For agent/spool alone. Format: docs/formats.md, "spool". */
#ifndef VARTIO_SPOOL_BLOCK_H
#define VARTIO_SPOOL_BLOCK_H

#include "agent/spool/checkpoints.h"
#include "agent/spool/spool.h"
#include "common/net/batch.h"
#include "common/store/segment.h"

enum spool_record { SPOOL_BLOCK = 1, SPOOL_ACK = 2, SPOOL_CHECKPOINTS = 3 };

struct tally { /* blocks and events of a lane */
	uint64_t blocks, events;
};

struct block {
	struct buf raw;   /* room for the first event's head, then frames */
	size_t first_n;   /* bytes of the first event behind its "{" */
	bool first_empty; /* it has no members */
	uint32_t events;
	struct checkpoints checkpoints;
	uint64_t upto; /* how many spool_adds its lane had taken with the last one in it */
	/* Set when it is first written, unchanged when that has to be tried again. */
	uint64_t number; /* 0: not given yet */
	uint64_t given;  /* bytes of raw as it went to the worker, who then frees it */
	uint64_t first_seq, floor;
	struct tally before; /* what its lane had taken before it, ever */
	int64_t closed_ns;
	struct buf frame;
	/* Where it was appended, and what follows; to be synced yet. */
	struct seg_pos pos, next;
};

static inline struct tally tally_behind(const struct block *b)
{
	return (struct tally){ b->before.blocks + (b->events > 0), b->before.events + b->events };
}

struct block *block_new(
	size_t bytes);            /* room for so many, so that filling it copies nothing twice */
void block_free(struct block *b); /* NULL is fine */
/* ERR_SYNTAX: not an object; ERR_USAGE: too long; ERR_NOMEM. Then nothing was taken. */
int block_add(struct block *b, struct slice event, struct slice key, struct slice value,
	      struct err *err);
uint64_t block_bytes(const struct block *b); /* of its frames, uncompressed */
/* Makes frame from raw, which is then freed. */
int block_compress(struct block *b, uint64_t epoch, int level, struct err *err);
/* Appends the block's record to the log, or its checkpoints' where it has no events. */
int block_append(struct block *b, uint64_t epoch, struct seglog *lg, struct err *err);

struct block_record { /* a SPOOL_BLOCK record, read; slices into its payload */
	uint64_t epoch, number, first_seq, floor;
	int64_t closed_ns;
	uint32_t events;
	bool counted; /* `before` is known: 0.1.0 did not write it */
	struct tally before;
	struct slice checkpoints, frame;
};
/* What a lane had taken, as an entry of the checkpoints of a block (the first one) or a snapshot.
 */
void taken_put(const struct tally *t, struct buf *out);
extern const struct slice taken_key;
bool taken_read(struct slice value, struct tally *ret);
int block_read(struct slice payload, struct block_record *ret, struct err *err);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/shelf.h: a shelf: one lane's blocks on disk: which are held, which are lent, which
 * are acknowledged. For agent/spool alone.
 * Ages:    blocks that were on disk when the shelf was last rewound are its backlog; those added
 *          since are fresh. Each of the two is lent oldest first, from a place of its own, so one
 *          can overtake the other. What was acknowledged beyond the oldest block that is held is
 *          known as holes: stretches of the log, one for each rewind at most.
 * Memory:  grows with the blocks that are lent and with the number of files, epochs and holes,
 *          never with the number of blocks held.
 * Threads: everything belongs to the loop thread. A worker may write to `log` meanwhile (and so
 *          read `durable`, `put` and `state` for a snapshot); while it does, the loop thread does
 *          not call shelf_added or shelf_state. */
#ifndef VARTIO_SPOOL_SHELF_H
#define VARTIO_SPOOL_SHELF_H

#include "agent/spool/block.h"
#include "agent/spool/spool.h"

#define SPOOL_START_BITS 24u /* of an epoch: the highest ones, which count the agent's starts */

static inline uint64_t spool_start_of(uint64_t epoch)
{
	return epoch >> (64 - SPOOL_START_BITS);
}

struct run { /* blocks held of one file and one epoch */
	uint64_t file, epoch;
	uint64_t blocks, events, bytes;
	uint64_t first_number; /* none below it is held */
	int64_t oldest_ns;
};

enum age { BACKLOG, FRESH, AGES };

struct lent { /* a block between the disk and its acknowledgement */
	enum age age;
	struct seg_pos pos, from, next; /* from: where the one before it of its age ended */
	uint64_t epoch, number, bytes;
	uint32_t events;
	int64_t closed_ns;
	struct buf frame; /* empty: on disk */
	bool given;       /* ship has it */
	bool dropped;     /* given up while ship had it */
};

struct hole { /* all blocks of a stretch of the log are acknowledged */
	struct seg_pos from, to;
};
struct block_key {
	uint64_t epoch, number;
};

#define TOLD_MAX 16u /* damaged places that are remembered, so that each is told once */

#define HOLES_MAX 64u /* so many rewinds make new backlog; later, what is fresh stays so */

struct shelf {
	struct seglog *log;
	struct seg_reader *rd;
	struct seg_pos at[AGES]; /* behind the last block of the age in `lent` */
	struct seg_pos split;    /* where the backlog ends */
	struct seg_pos added;    /* behind the last block given to shelf_added */
	struct lent *lent;       /* in the log's order */
	size_t n_lent, cap_lent;
	struct run *runs; /* in the log's order */
	size_t n_runs, cap_runs;
	struct hole *holes; /* behind the head, in the log's order */
	size_t n_holes, cap_holes;
	struct block_key *skip; /* while opening: holes as an older version wrote them */
	size_t n_skip;
	/* What the lane took, ever: in numbered blocks, in those given to shelf_added, and (the
	 * worker's) in those that the log has. Less what is held, it is what is gone for good. */
	struct tally taken, added_up_to, put;
	struct tally gone; /* while opening: as the last state says */
	bool gone_known;
	struct seg_pos told[TOLD_MAX]; /* damage that was told of, ends of places */
	unsigned n_told;
	struct checkpoints durable;
	/* The worker's: blocks appended behind `durable` and not given to shelf_added yet. */
	struct block *const *appended;
	unsigned n_appended;
	struct buf state; /* what an acknowledgement record says, as of the last shelf_state */
	struct spool_stats *stats;
	/* As of the opening: is there any record, any block, and the highest number of a start. */
	bool found, found_blocks;
	uint64_t found_start;
	uint64_t epoch; /* this start's, set before anything is written */
};

/* Opens the log and rebuilds what is held. ordered: a block counts only where all before it do (its
 * checkpoint stands behind theirs). */
int shelf_open(struct shelf *sh, const char *dir, uint64_t segment_bytes, bool ordered,
	       struct err *err);
void shelf_close(struct shelf *sh);
/* The oldest block that is not acknowledged; the end of the log when there is none. */
struct seg_pos shelf_head(const struct shelf *sh);
/* The oldest block of that age not given yet, NULL: none. It stays until given, but `*ret` only
 * until the next call. ERR_SYNTAX: damage was passed. */
int shelf_peek(struct shelf *sh, enum age age, struct lent **ret, struct err *err);
/* Its frame is in memory afterwards. ERR_SYNTAX: it was damaged meanwhile, and is given up. */
int shelf_load(struct shelf *sh, struct lent *le, struct err *err);
/* After an ERR_SYNTAX: is that place to be told of? Once each. */
bool shelf_tell(struct shelf *sh);
/* A block became durable; its frame is kept when it is next to be given. Never fails: without
 * memory the block is read from disk later. */
void shelf_added(struct shelf *sh, uint64_t epoch, struct block *b);
bool shelf_ack(struct shelf *sh, uint64_t epoch, uint64_t number); /* true: it was held */
void shelf_rewind(struct shelf *sh); /* nothing is lent, and all that is held is backlog */
/* Gives up the blocks of the oldest file, and counts them. false: it is the file being written. */
bool shelf_drop_file(struct shelf *sh);
/* The lowest block of the epoch that may be held; UINT64_MAX: none. */
uint64_t shelf_floor(const struct shelf *sh, uint64_t epoch);
/* Sets state. -1: no memory; the old state stays true enough: it names older blocks. */
int shelf_state(struct shelf *sh);

/* Between the shelf's files. runs.c: the counts of what is held. */
int shelf_grow(void **p, size_t n, size_t *cap, size_t size); /* room for one more; *p may move */
int runs_add(struct shelf *sh, struct seg_pos pos, const struct block_record *b);
void runs_sub(struct shelf *sh, const struct lent *le,
	      bool head); /* one block less; head: it was the oldest of its run */
enum loss { LOSS_NONE, LOSS_DROPPED, LOSS_DAMAGED };
/* Forgets the runs of files below that one, and counts what they still held as lost in that way. */
void runs_purge(struct shelf *sh, uint64_t below_file, enum loss loss);
/* Of files from..to-1 nothing is held. */
void runs_forget(struct shelf *sh, uint64_t from_file, uint64_t to_file);
struct tally runs_held(const struct shelf *sh);
/* damage.c: what damage took. While opening: each block or snapshot; */
void damage_block(struct shelf *sh, const struct block_record *b);
void damage_snapshot(struct shelf *sh);
void damage_count(struct shelf *sh); /* then, once the runs are what is held: what is missing. */
void damage_add(struct shelf *sh, uint64_t blocks, uint64_t events);
/* holes.c: what is acknowledged behind the head. */
struct seg_pos holes_pass(const struct shelf *sh,
			  struct seg_pos pos); /* the end of the hole there */
/* Never fails: what there is no memory or place for is sent again after a restart. */
void holes_add(struct shelf *sh, struct seg_pos from, struct seg_pos to);
void holes_trim(struct shelf *sh, struct seg_pos head); /* those before it are no use any more */
/* Where the oldest block that is held may stand; `added` when there is none. */
struct seg_pos shelf_oldest(const struct shelf *sh);

#endif

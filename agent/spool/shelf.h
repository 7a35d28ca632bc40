/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/shelf.h: a shelf: one lane's blocks on disk: which are held, which are lent, up to
 * where all are acknowledged. For agent/spool alone. Memory:  grows with the blocks that are lent
 * and with the number of files and epochs, never with the number of blocks held. Threads:
 * everything belongs to the loop thread. A worker may write to `log` meanwhile (and so read
 *          `durable` and `state` for a snapshot); while it does, the loop thread does not call
 *          shelf_added or shelf_state. */
#ifndef VARTIO_SPOOL_SHELF_H
#define VARTIO_SPOOL_SHELF_H

#include "agent/spool/block.h"
#include "agent/spool/spool.h"

struct run { /* blocks held of one file and one epoch */
	uint64_t file, epoch;
	uint64_t blocks, events, bytes;
	uint64_t first_number; /* none below it is held */
	int64_t oldest_ns;
};

struct lent { /* a block between the disk and its acknowledgement */
	struct seg_pos pos;
	uint64_t epoch, number, bytes;
	uint32_t events;
	int64_t closed_ns;
	struct buf frame; /* empty: on disk */
	bool given;       /* ship has it */
	bool acked;       /* waits for older ones */
	bool dropped;     /* given up while ship had it */
};

struct block_key {
	uint64_t epoch, number;
};

struct shelf {
	struct seglog *log;
	struct seg_reader *rd;
	struct seg_pos unread; /* behind the last block in `lent` */
	uint64_t backlog;      /* blocks on disk from unread on */
	struct lent *lent;     /* in the log's order */
	size_t n_lent, cap_lent;
	struct run *runs; /* in the log's order */
	size_t n_runs, cap_runs;
	struct block_key *skip; /* behind the head, but acknowledged before the restart */
	size_t n_skip;
	struct checkpoints durable;
	/* The worker's: blocks appended behind `durable` and not given to shelf_added yet. */
	struct block *const *appended;
	unsigned n_appended;
	struct buf state; /* what an acknowledgement record says, as of the last shelf_state */
	struct spool_stats *stats;
};

/* Opens the log and rebuilds what is held. ordered: a block counts only where all before it do (its
 * checkpoint stands behind theirs). */
int shelf_open(struct shelf *sh, const char *dir, uint64_t segment_bytes, bool ordered,
	       struct err *err);
void shelf_close(struct shelf *sh);
/* The oldest block that is not acknowledged; the end of the log when there is none. */
struct seg_pos shelf_head(const struct shelf *sh);
/* The oldest block not given yet, NULL: none. It stays until given. ERR_SYNTAX: damage was passed.
 */
int shelf_peek(struct shelf *sh, struct lent **ret, struct err *err);
/* Its frame is in memory afterwards. */
int shelf_load(struct shelf *sh, struct lent *le, struct err *err);
/* A block became durable; its frame is kept when it is next to be given. Never fails: without
 * memory the block is read from disk later. */
void shelf_added(struct shelf *sh, uint64_t epoch, struct block *b);
bool shelf_ack(struct shelf *sh, uint64_t epoch, uint64_t number); /* true: it was held */
void shelf_rewind(struct shelf *sh);
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
/* Forgets the runs of files below that one; count: their blocks were lost. */
void runs_purge(struct shelf *sh, uint64_t below_file, bool count);
/* shelf_open.c: blocks behind the head that were acknowledged before the restart. */
bool shelf_skipped(const struct shelf *sh, uint64_t epoch, uint64_t number);
void shelf_skip_remove(struct shelf *sh, uint64_t epoch, uint64_t number);

#endif

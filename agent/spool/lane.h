/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/lane.h: what the spool's files share: a lane with its blocks in memory (lane.c) and
 * its worker (job.c), and the spool that holds both. For agent/spool alone.
 * A lane's blocks in memory: `open` takes events, those `waiting` are closed, those `writing` are
 * with the worker (or wait for its next try): it takes what waits and syncs once. Blocks are
 * numbered when they go to the worker, so a lane's numbers rise along its log. */
#ifndef VARTIO_SPOOL_LANE_H
#define VARTIO_SPOOL_LANE_H

#include "agent/spool/shelf.h"

#define WAITING_MAX 16u /* blocks of the lossy lane that may wait for the disk: 4 MiB */
#define KEEP_MAX    3u  /* and of the keep lane, whose inputs can wait: more would buy no speed */
#define GROUP_MAX   4u  /* blocks that are synced together */

struct worker { /* one lane's, and what it is doing */
	struct spool *sp;
	enum lane lane;
	struct shelf sh;
	struct block *open;
	struct block *waiting[WAITING_MAX]; /* the oldest first */
	unsigned n_waiting;
	struct block *writing[GROUP_MAX];
	unsigned n_writing;
	uv_timer_t close_timer, retry_timer;
	bool close_soon;         /* `open` is due, as soon as there is a place to wait */
	bool hurried;            /* `open` is due, as soon as the worker is through */
	uint64_t added, durable; /* spool_adds taken; those that are on disk */
	uint32_t retry_ms;       /* 0: the last write was good */
	struct err refused;      /* why it was not */
	bool look;               /* whether the file being written is still there */
	uint64_t remade;         /* times that it was not, as told */
	bool state_dirty;        /* acknowledgements not recorded yet */
	struct { /* wait_ms 0: the age's next block can be read, as far as is known */
		uint32_t wait_ms;
		uint64_t again_ms; /* loop time */
	} ill[AGES];

	/* The job: set by the loop thread before it starts, by the worker before it ends. */
	uv_work_t req;
	bool busy;           /* given to the pool and not yet dealt with */
	struct seg_pos drop; /* files before it may go */
	bool write_state, looking;
	int result;
	unsigned n_durable; /* of `writing`, from the first on; the others are tried again */
	struct err err;
	bool done; /* under sp->lock: the worker is through */
};

struct spool {
	uv_loop_t *loop;
	struct spool_opts o;
	uint64_t epoch, next_number, next_seq;
	struct worker w[LANES];
	struct spool_stats stats;
	/* To the backlog, in hundredths of bytes; below 0: it had more than its share. */
	int64_t owed;
	bool full;             /* an input was told ERR_FULL */
	uint64_t sure;         /* bytes that the keep lane takes without asking for room anew */
	struct err unreadable; /* code 0: all can be read, as far as is known */
	bool closing;
	unsigned refs; /* timers and jobs that the loop still knows */
	uv_mutex_t lock;
	uv_cond_t done;
};

/* lane.c: blocks that wait, and room. */
bool lane_has_place(const struct worker *w); /* for one more block to wait */
void lane_wait(struct worker *w);            /* the open block is closed and waits */
struct block *lane_take(struct worker *w);   /* the oldest that waits */
bool lane_close_open(struct worker *w);      /* where there is a place for it to wait */
void lane_close_later(struct worker *w);     /* when the open block has waited long enough */
bool open_is_full(const struct worker *w, size_t more);
uint64_t lane_used(const struct worker *w);      /* bytes on disk and on the way to it */
bool lane_keep_has_room(const struct spool *sp); /* for a block */
bool lane_is_tight(const struct worker *w);      /* one file more, and it is full */
void lane_make_room(struct spool *sp);           /* in the lossy lane, whose worker is idle */
/* Room for an event of so many bytes. -1 with ERR_FULL: there is none now. */
int lane_make_place(struct worker *w, size_t bytes, struct err *err);

/* job.c: the worker. */
bool job_prepare(struct worker *w); /* sets up the next job; false: there is nothing to do */
void job_run(struct worker *w);     /* in libuv's pool, or in spool_close */
void job_finish(struct worker *w);  /* on the loop thread, when the worker is through */
void job_kick(struct worker *w);    /* prepares and starts a job, when none is running */

/* spool.c */
void spool_stats_oldest(struct spool *sp);
void spool_tell_remade(struct worker *w);
void spool_tell_drained(struct spool *sp);
void spool_unref(struct spool *sp); /* one timer or job less */

#endif

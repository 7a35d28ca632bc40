/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/spool.h: blocks of events that the collector has not acknowledged yet, on disk.
 * A block is the unit of everything: it is compressed once, into the Lumberjack `C` frame in which
 * it will be sent, and stored with the inputs' checkpoints in one record.
 * Life:    spool_open, then add / next / ack in any order, then spool_close.
 * Thread:  the loop thread; compression, write and fdatasync run in libuv's pool.
 * Format:  docs/formats.md, "spool" (on common/store/segment.h, a log a lane).
 * Promise: a block that spool_next lends has been synced with its inputs' checkpoints: it survives
 *          kill -9 and power loss. A torn tail is cut at the last whole block, and counted. */
#ifndef VARTIO_SPOOL_SPOOL_H
#define VARTIO_SPOOL_SPOOL_H

#include <uv.h>

#include "common/base/buf.h"
#include "common/base/metrics.h"

enum lane {
	LANE_KEEP,  /* file, journal, WEF: the input waits when the spool is full */
	LANE_LOSSY, /* UDP, unix datagram, sensor: the oldest blocks go, their events counted */
	LANES
};

#define SPOOL_EVENT_MAX ((1u << 20) - 4096u) /* the collector opens at most 1 MiB a block */

struct spool; /* opaque: its fields are spool.c's business */
struct spool_opts {
	const char *dir; /* borrowed during spool_open; made with mode 0700 when absent */
	/* Over both lanes; past it LANE_KEEP says ERR_FULL. An eighth is LANE_LOSSY's alone. A
	 * lane's last file is preallocated: up to a sixteenth, at most 4 MiB, that bytes does not
	 * count. */
	uint64_t max_bytes;
	uint64_t block_bytes;  /* a block closes at this many uncompressed bytes (256 KiB) */
	uint32_t block_events; /* or this many events (2,048) */
	uint32_t close_ms;     /* or when its first event has waited this long (200) */
	int level;             /* zlib level, 1 to 9 */
	/* Of the bytes lent, while there is backlog and fresh (see spool_next), this much at least
	 * is backlog: 1 to 100, 0: 25. */
	unsigned backlog_percent;
	/* Called on the loop thread. drained: there is room again, resume the inputs.
	 * ready: spool_next has something new. failed: the disk refused (err says what); told once,
	 * the spool tries again by itself (after 1 s, doubling to 30 s) and loses nothing. */
	void (*drained)(void *arg);
	void (*ready)(void *arg);
	void (*synced)(void *arg, enum lane lane); /* spool_durable has risen */
	void (*failed)(void *arg, const struct err *err);
	/* A damaged place of a file was passed: err names it. Told once each; what is known to be
	 * lost there is in the statistics. May be NULL, as the others. */
	void (*damaged)(void *arg, const struct err *err);
	/* A block that is held cannot be read now (EIO; err says what), so nothing of its lane and
	 * age goes. Told once; it is tried again (after 1 s, doubling to 30 s) and err is NULL when
	 * it can be read. The other blocks go on. May be NULL. */
	void (*unreadable)(void *arg, const struct err *err);
	/* The file being written was removed under us, and is made anew: nothing of it is lost.
	 * err says which; told each time. May be NULL. */
	void (*remade)(void *arg, const struct err *err);
	void *arg;
};
/* All since spool_open, but for blocks, bytes, events and oldest_ns: held now. */
struct spool_stats {
	metric events_in, events_dropped, blocks_dropped, torn_bytes, syncs;
	/* Lost by damage on disk; only what can still be counted. Places: all that were passed. */
	metric events_damaged, blocks_damaged, places_damaged;
	metric files_remade; /* removed while they were written, and made anew */
	metric blocks, bytes, events;
	metric oldest_ns; /* when the oldest block held was closed; 0: none */
};
struct spool_block {
	uint64_t epoch, number; /* the block's key; number counts from 1 in an epoch */
	uint32_t events;        /* the `J` frames inside: 1..events */
	struct slice frame;     /* the whole `C` frame as it goes on the wire; lent */
};

/* 0: *ret is yours until spool_close. -1: *err tells why, *ret is untouched. ERR_DENIED owner or
 * mode of the folder or a lane's; ERR_USAGE no folder; ERR_SYNTAX not our format; ERR_NEWER;
 * ERR_BUSY another agent has it; ERR_IO. */
int spool_open(uv_loop_t *loop, const struct spool_opts *opts, struct spool **ret, struct err *err);
/* Is what spool_open would open ours, and closed to others? Calls fault for each folder that is
 * not; one that is not there yet is fine. Nothing is opened or made. */
void spool_check(const char *dir, void (*fault)(void *arg, const struct err *err), void *arg);
/* The checkpoint last taken for key ("file:...", "journal"), also where it is not durable yet: an
 * input that is opened again goes on there. Empty when there is none. Lent until the next spool_*
 * call. */
struct slice spool_checkpoint(struct spool *sp, struct slice key);
/* Calls each for every key that has a checkpoint, with the one last taken. A key belongs to one
 * lane. */
void spool_checkpoints(struct spool *sp,
		       void (*each)(void *arg, struct slice key, struct slice value), void *arg);
/* Copies all into the lane's open block. event is one JSON object of at most SPOOL_EVENT_MAX bytes.
 * The checkpoint (may be empty) becomes durable with the event; an empty value removes the key.
 * event may be empty: only the checkpoint is stored, with the next block or alone. ERR_FULL
 * (LANE_KEEP only): nothing was taken; pause the input until drained() is called, then retry.
 * ERR_USAGE: too long; ERR_SYNTAX: not an object; ERR_NOMEM. */
int spool_add(struct spool *sp, enum lane lane, struct slice event, struct slice key,
	      struct slice checkpoint, struct err *err);
/* Lends a durable block not yet lent. Blocks that were there at the last spool_rewind (or
 * spool_open) are backlog, those since are fresh: fresh go first, but for the backlog's share; each
 * of the two goes oldest first. While the spool is all but full the backlog goes first, for only
 * its files make room. Valid until it is acknowledged or spool_rewind. Damage is told and passed. 1
 * lent, 0 none, -1 what there is cannot be read now: call again in a second. */
int spool_next(struct spool *sp, struct spool_block *ret, struct err *err);
/* Drops the block. Acknowledging twice, or one unknown, is harmless. */
int spool_ack(struct spool *sp, uint64_t epoch, uint64_t number, struct err *err);
/* Stores a checkpoint alone, as spool_add would, without asking for room: for the few that change
 * because the settings do, when nobody could wait. Those of one lane that are made without the loop
 * running in between are in one record. ERR_USAGE, ERR_NOMEM. */
int spool_mark(struct spool *sp, enum lane lane, struct slice key, struct slice checkpoint,
	       struct err *err);
/* A connection broke, or opened: all that is not acknowledged is lent again, and is backlog. */
void spool_rewind(struct spool *sp);
/* How many spool_adds a lane has taken since spool_open, and how many of these, from the first on,
 * are on disk with their checkpoints: for who must not answer before. */
uint64_t spool_taken(const struct spool *sp, enum lane lane);
uint64_t spool_durable(const struct spool *sp, enum lane lane);
/* Somebody waits for what the lane took: its open block is closed now, or as soon as the disk is
 * through with those before it, so that what comes meanwhile shares its sync. */
void spool_hurry(struct spool *sp, enum lane lane);
/* Looks whether somebody removed the files being written; spool_adds do, too. Now and then. */
void spool_look(struct spool *sp);
void spool_flush(struct spool *sp); /* closes the open blocks now */
/* Events taken that are not on disk yet; spool_stats counts them as held only then. */
uint64_t spool_unsynced(const struct spool *sp);
const struct spool_stats *spool_stats(const struct spool *sp);
const char *spool_problem(const struct spool *sp); /* why it cannot be read; "": it can */
/* The spool held nothing at all when it was opened: a first start, or the folder was deleted. */
bool spool_was_empty(const struct spool *sp);
/* Drawn at spool_open: 24 bits that count the starts, 40 random ones. */
uint64_t spool_epoch(const struct spool *sp);
/* Appends the epochs of which blocks are held, as 16 hex digits each, comma-separated. */
void spool_epochs(const struct spool *sp, struct buf *out);
/* Closes and syncs the open blocks (blocking); no callback comes any more. The memory goes when the
 * loop has let go of the timers: run it until it is done. NULL is fine. */
void spool_close(struct spool *sp);

#endif

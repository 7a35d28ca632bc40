/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue/queue.h: the durable queue of events, as blocks. One interface for local segments
 * (here) and Kafka (later); nothing outside this folder knows which it is.
 * Promise: `done` with QUEUE_STORED is called only when the block and the memory of its key are
 *          durable (group commit). The memory of keys is rebuilt from the records themselves.
 * Threads: queue_put from any listen thread; one writer thread of the queue's own; readers in any
 *          thread, each with a struct of its own.
 * Format:  docs/formats.md, "queue" (on common/store/segment.h). */
#ifndef VARTIO_QUEUE_QUEUE_H
#define VARTIO_QUEUE_QUEUE_H

#include "collector/notice.h"
#include "common/base/metrics.h"
#include "common/event/json.h"
#include "common/store/segment.h"

#define TENANT_MAX 32u /* bytes of a tenant id: [a-z][a-z0-9-]{0,31} */
#define SENDER_MAX 64u /* bytes of an agent or foreign sender id: [a-z0-9][a-z0-9-]{0,63} */

enum queue_kind {
	QUEUE_OWN = 1,
	QUEUE_FOREIGN = 2, /* made ECS by the door, packed anew */
	QUEUE_BEAT = 3 /* events of a Beat as they came: readers blank "@metadata" out (beat.h) */
};

/* A block's frames, inflated and checked by whoever puts it, for readers that keep up: they then
 * need not read the disk and inflate again. Shared by count. */
struct queue_plain;
/* Takes the bytes over: frames is empty then. They must be `J` 1 to n and nothing else; of a
 * QUEUE_BEAT blanked out already. NULL: no memory, and frames is untouched. */
struct queue_plain *queue_plain_take(struct buf *frames, enum queue_kind kind);
void queue_plain_unref(struct queue_plain *pl); /* NULL is fine */

struct queue_block { /* a record's header and its payload */
	char tenant[TENANT_MAX + 1];
	char sender[SENDER_MAX + 1];
	enum queue_kind kind;
	uint64_t epoch, number; /* the de-duplication key with tenant and sender */
	uint64_t floor;         /* the sender holds nothing below this block any more */
	uint64_t first_seq;     /* of the first event; event i has first_seq + i */
	uint32_t events;
	int64_t received_ns;
	uint32_t crc;              /* crc32c of frame, set by queue_put; the same key with another
				    * one, among a sender's last 64 blocks, is stored and counted */
	struct slice frame;        /* the `C` payload (zlib stream of `J` frames) as received */
	struct queue_plain *plain; /* the same inflated; NULL: readers inflate frame */
};

enum queue_result {
	QUEUE_STORED,   /* durable now */
	QUEUE_REPEATED, /* was durable already: acknowledge it again */
	QUEUE_FULL,     /* the bound is reached: do not acknowledge; stop reading */
	QUEUE_FAILED    /* the disk refused: do not acknowledge */
};

struct queue;
#define QUEUE_DAMAGE_MAX 16u /* places that are told one by one */
/* A place that damage took, and that all readers had passed before. */
struct queue_damage {
	char file[256];
	uint64_t offset, bytes;   /* bytes 0: a file, or the end of one, that is not there */
	uint64_t blocks, events;  /* that can still be told; there may have been more */
	struct queue_block first; /* of the blocks, as far as damage spared it; frame: NULL */
};
struct queue_opts {
	const char *dir;           /* borrowed during the call */
	uint64_t max_bytes;        /* of events not yet past all readers, and of retained ones */
	uint64_t segment_bytes;    /* 0: 64 MiB */
	uint32_t commit_ms;        /* between two commits, while blocks come (50) */
	uint64_t commit_bytes;     /* or until this many wait (0: 128 KiB) */
	uint64_t retain_bytes;     /* kept behind the slowest reader for looking back; 0: none */
	uint64_t tail_bytes;       /* inflated blocks kept for readers that keep up (0: 16 MiB) */
	struct notice_hook notice; /* _CONFLICT, _WENT_BACK, _QUARANTINE; may be NULL */
	struct {                   /* called by queue_open, for QUEUE_DAMAGE_MAX places at most */
		void (*tell)(void *arg, const struct queue_damage *d); /* may be NULL */
		void *arg;
	} damage;
};
struct queue_stats {
	metric blocks_in, events_in, bytes_in, blocks_repeated, events_repeated, blocks_conflicting;
	metric commits, failed, quarantined;
	metric torn_bytes, damaged; /* cut off the end at opening; places skipped then */
	metric events_damaged;      /* of these, what readers had passed; what can be told */
	metric remade;              /* files removed while they were written, and made anew */
	metric bytes;               /* on disk now */
	metric tail_blocks;         /* given to readers without reading the disk */
};

int queue_open(const struct queue_opts *opts, struct queue **ret, struct err *err);
/* Copies the block, and shares plain where there is room for it; done is called exactly once, on
 * the writer thread, after the outcome is known: it must only post. ERR_FULL (too much is waiting
 * to be written): nothing was taken. */
int queue_put(struct queue *q, const struct queue_block *blk,
	      void (*done)(void *arg, enum queue_result res, const struct err *err), void *arg,
	      struct err *err);
/* The highest block such that it and all below it are held (or were dropped by floor); 0: none. */
uint64_t queue_high_water(struct queue *q, const char *tenant, const char *sender, uint64_t epoch);
/* Did the sender send blocks in another epoch than this one, the last of one before before_ns and
 * within the 30 days that are remembered? */
bool queue_sent_before(struct queue *q, const char *tenant, const char *sender, uint64_t epoch,
		       int64_t before_ns);
const struct queue_stats *queue_stats(const struct queue *q);
/* Ends the writer after a last commit, then frees. Readers must be closed before. */
void queue_close(struct queue *q);

struct queue_event {       /* one event of a block; all lent until the next call on the reader */
	struct slice json; /* as the sender wrote it */
	const char *tenant, *sender; /* organization.id, agent.id */
	uint64_t epoch, seq;
	int64_t ingested_ns;
	char id[SENDER_MAX + 40]; /* event.id: "sender-epoch(16 hex)-seq" */
};
struct queue_reader;
/* A named reader with a durable position, kept in the queue's folder. A new name starts at the
 * oldest event. A position that the log does not reach is moved: to the oldest event when the files
 * were replaced, to the end when the end was cut; queue_reader_note tells. */
int queue_reader_open(struct queue *q, const char *name, struct queue_reader **ret,
		      struct err *err);
/* The next event. 1: *ret. 0: none within wait_ms. -1: *err (the reader can go on: a block that
 * cannot be decoded went to quarantine/ and was counted). */
int queue_next(struct queue_reader *rd, uint32_t wait_ms, struct queue_event *ret, struct err *err);
/* Indexes the event, and sets organization.id, agent.id, event.id, event.ingested and nothing else;
 * what the sender wrote there is gone. The only way to read an event. */
int queue_event_index(const struct queue_event *ev, struct json_index *ix, struct err *err);
/* For an event that queue_event_index has read, so that its text is known to be good: the same as
 * JSON text, appended to out. */
int queue_event_put(const struct queue_event *ev, struct buf *out, struct err *err);
/* For any event: the text is checked first. */
int queue_event_json(const struct queue_event *ev, struct buf *out, struct err *err);
/* Everything returned so far has been dealt with: makes the position durable (one small write and
 * sync; call it per batch, not per event). */
int queue_reader_commit(struct queue_reader *rd, struct err *err);
/* Blocks and bytes behind the durable end, and the age of the next one. */
void queue_reader_lag(struct queue_reader *rd, uint64_t *ret_bytes, int64_t *ret_oldest_ns);
void queue_wake(
	struct queue *q); /* makes every waiting queue_next return 0 at once (for stopping) */
/* What a person must know of how the reader was opened: its position was moved, because the log
 * does not reach so far any more. NULL: nothing. */
const char *queue_reader_note(const struct queue_reader *rd);
void queue_reader_close(struct queue_reader *rd);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue/local.h: what the writer (queue.c) and the readers (reader.c) of the local queue
 * share. For collector/queue alone. */
#ifndef VARTIO_QUEUE_LOCAL_H
#define VARTIO_QUEUE_LOCAL_H

#include <pthread.h>

#include "collector/queue/keys.h"
#include "collector/queue/tail.h"

#define READERS_MAX     16u
#define READER_NAME_MAX 32u
#define INFLATED_MAX    (16u << 20) /* of a stored block; listen lets through half of that */

enum queue_record { QUEUE_BLOCK = 1 };

struct place { /* of a reader: an event of a record */
	struct seg_pos pos;
	uint32_t event; /* events of that record which were dealt with */
};
struct reader_mark { /* of a name, whether it is open or not */
	char name[READER_NAME_MAX + 1];
	struct place durable;
	struct seg_pos at; /* where an open reader goes on; for the tail */
	bool open;
	bool moved; /* since the queue was opened, and its file does not know: the log did not
		     * reach as far as the file says */
};

/* damage.c. Of bytes that begin with a damaged record: what stood in it. */
struct slice damaged_payload(struct slice raw);
/* Once the log and the readers' positions are known. */
void damage_tell(struct queue *q);

#define BATCH_BUCKETS 1024u

struct item { /* a block on its way to disk */
	struct item *next;
	struct item *chain;     /* of the batch's table of keys */
	struct queue_block blk; /* frame points behind the struct; plain: reserved in the tail */
	struct seg_pos pos, next_pos; /* once appended */
	void (*done)(void *arg, enum queue_result res, const struct err *err);
	void *arg;
	enum queue_result res;
	bool old, forked; /* see KEYS_OLD and keys_forked */
	bool appended, conflict;
	const struct item *same; /* earlier in the batch, with the same key and checksum */
	struct err err;
};

struct queue {
	struct queue_opts o;
	char *dir;
	struct seglog *log;
	struct queue_stats stats;
	pthread_t writer;
	struct item *batch[BATCH_BUCKETS]; /* the writer's: items under way, by key */
	struct seg_pos tail_from;          /* the writer's: behind the last block that is durable */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;  /* for the writer: items, a reader's progress, the end */
	pthread_cond_t news;  /* for readers: something became durable, or queue_wake */
	struct item *first, **last;
	uint64_t waiting_bytes;
	struct tail tail;
	int64_t commit_ns; /* when the last commit began (monotonic) */
	bool progress, stop;
	unsigned wakes;
	struct keys *keys; /* written by the writer only */
	struct reader_mark marks[READERS_MAX];
	size_t n_marks;
};

/* A record's payload into blk, whose strings are its own and whose frame points into payload. */
int record_read(struct slice payload, struct queue_block *blk, struct err *err);
/* The fixed head, tenant and sender of a record; the frame follows. */
void record_head(const struct queue_block *blk, struct buf *out);
/* Drops of the tail what all open readers are past. Locked. */
void queue_tail_trim(struct queue *q);
/* Reads the positions of all named readers of the folder into q->marks. */
int marks_load(struct queue *q, struct err *err);

#endif

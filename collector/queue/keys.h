/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue/keys.h: which blocks of each (tenant, sender, epoch) the queue has: all up to a
 * number, and ranges above it. For collector/queue alone. Not locked: the queue does that.
 * Bounds: KEYS_RANGES ranges an epoch, KEYS_EPOCHS epochs a sender (the one longest unused goes),
 * so a sender can only spoil its own memory. Format: docs/formats.md, "queue". */
#ifndef VARTIO_QUEUE_KEYS_H
#define VARTIO_QUEUE_KEYS_H

#include "collector/queue/queue.h"

#define KEYS_RANGES 1024u
#define KEYS_EPOCHS 256u
#define KEYS_RECENT 64u /* blocks whose checksums are remembered, an epoch */

enum keys_answer {
	KEYS_NEW,
	KEYS_HELD,
	KEYS_CONFLICT, /* held with another checksum, among the last KEYS_RECENT */
	KEYS_OLD,      /* held, but KEYS_RECENT others came since: it cannot be compared */
	KEYS_CROWDED   /* new, but there are KEYS_RANGES gaps already */
};

struct keys;
struct keys *keys_new(void);
void keys_free(struct keys *k);
enum keys_answer keys_ask(const struct keys *k, const struct queue_block *b);
/* Room for keys_mark of the same block, which cannot fail then. Any number may be reserved before
 * the first is marked; each is either marked or released. ERR_NOMEM; ERR_FULL: KEYS_EPOCHS epochs
 * of the sender are under way, those first. */
int keys_reserve(struct keys *k, const struct queue_block *b, int64_t now_ns, struct err *err);
void keys_release(struct keys *k, const struct queue_block *b); /* it did not become durable */
void keys_mark(struct keys *k, const struct queue_block *b, int64_t now_ns);
uint64_t keys_high_water(const struct keys *k, const char *tenant, const char *sender,
			 uint64_t epoch);
/* Were there blocks of the sender in another epoch than this one, the last before before_ns? */
bool keys_before(const struct keys *k, const char *tenant, const char *sender, uint64_t epoch,
		 int64_t before_ns);
/* Is b the first block of its epoch, though another epoch is of the same start? An agent counts its
 * starts (docs/formats.md, "Blocks on the wire"): then two went on from one state. */
bool keys_forked(const struct keys *k, const struct queue_block *b);
/* Forgets epochs that were not used for so long, by a clock that a wall clock set wrong does not
 * move: it passes only while blocks come, and by 10 minutes at most between two of them. */
void keys_forget(struct keys *k, int64_t unused_ns);
void keys_encode(const struct keys *k, struct buf *out);
/* Adds what `in` says to what is known. ERR_SYNTAX, ERR_NOMEM. */
int keys_decode(struct keys *k, struct slice in, struct err *err);

#endif

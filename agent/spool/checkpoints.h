/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/checkpoints.h: keys and values of the inputs' places. Moving entries from one table
 * to another never needs memory, so what became durable is never forgotten. For agent/spool alone.
 * Format: docs/formats.md, "spool". */
#ifndef VARTIO_SPOOL_CHECKPOINTS_H
#define VARTIO_SPOOL_CHECKPOINTS_H

#include "common/base/buf.h"

#define CHECKPOINT_KEY_MAX   4096u
#define CHECKPOINT_VALUE_MAX (256u << 10)
#define CHECKPOINT_BUCKETS   32u /* chains are short: an agent has tens of inputs */

struct checkpoint {
	struct checkpoint *next;
	uint64_t hash;
	uint16_t key_n;
	uint32_t value_n, value_cap; /* value_n 0: the key was removed */
	char bytes[];                /* key, then value */
};
struct checkpoints { /* zeroed: empty */
	struct checkpoint *bucket[CHECKPOINT_BUCKETS];
	size_t n;
};

static inline struct slice checkpoint_key(const struct checkpoint *c)
{
	return (struct slice){ c->bytes, c->key_n };
}
static inline struct slice checkpoint_value(const struct checkpoint *c)
{
	return (struct slice){ c->bytes + c->key_n, c->value_n };
}

/* Copies. An empty value is kept as the mark of a removal. -1: no memory, nothing changed. */
int checkpoints_put(struct checkpoints *t, struct slice key, struct slice value);
const struct checkpoint *checkpoints_get(const struct checkpoints *t, struct slice key);
/* Empties `from` into t; removals remove. */
void checkpoints_move(struct checkpoints *t, struct checkpoints *from);
/* The same, but marks of removals stay marks. */
void checkpoints_cover(struct checkpoints *t, struct checkpoints *from);
void checkpoints_each(const struct checkpoints *t,
		      void (*each)(void *arg, const struct checkpoint *c), void *arg);
void checkpoints_encode(const struct checkpoints *t, struct buf *out);
/* The whole slice into t. ERR_SYNTAX, ERR_NOMEM. */
int checkpoints_decode(struct checkpoints *t, struct slice in, struct err *err);
void checkpoints_clear(struct checkpoints *t);

#endif

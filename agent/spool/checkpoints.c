/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/spool/checkpoints.h"

#include <stdlib.h>

#include "common/base/hash.h"
#include "common/store/le.h"

/* The pointer that points to the key's entry, or to NULL at the end of its chain. */
static struct checkpoint **find(struct checkpoints *t, struct slice key, uint64_t hash)
{
	struct checkpoint **at = &t->bucket[hash % CHECKPOINT_BUCKETS];

	while (*at != NULL && ((*at)->hash != hash || !slice_eq(checkpoint_key(*at), key)))
		at = &(*at)->next;
	return at;
}

static void link_in(struct checkpoints *t, struct checkpoint **at, struct checkpoint *c)
{
	struct checkpoint *old = *at;

	c->next = old != NULL ? old->next : NULL;
	*at = c;
	t->n += old == NULL;
	free(old);
}

int checkpoints_put(struct checkpoints *t, struct slice key, struct slice value)
{
	uint64_t hash = hash64(key, 0);
	struct checkpoint **at = find(t, key, hash), *c = *at;
	size_t cap = value.n + 16; /* offsets grow by a digit now and then */

	if (c == NULL || c->value_cap < value.n) {
		c = malloc(sizeof(*c) + key.n + cap);
		if (c == NULL)
			return -1;
		c->hash = hash;
		c->key_n = (uint16_t)key.n;
		c->value_cap = (uint32_t)cap;
		memcpy(c->bytes, key.p, key.n);
		link_in(t, at, c);
	}
	if (value.n > 0)
		memcpy(c->bytes + c->key_n, value.p, value.n);
	c->value_n = (uint32_t)value.n;
	return 0;
}

const struct checkpoint *checkpoints_get(const struct checkpoints *t, struct slice key)
{
	uint64_t hash = hash64(key, 0);
	const struct checkpoint *c = t->bucket[hash % CHECKPOINT_BUCKETS];

	while (c != NULL && (c->hash != hash || !slice_eq(checkpoint_key(c), key)))
		c = c->next;
	return c;
}

static void unlink_one(struct checkpoints *t, struct checkpoint **at)
{
	struct checkpoint *old = *at;

	if (old == NULL)
		return;
	*at = old->next;
	t->n--;
	free(old);
}

static void move(struct checkpoints *t, struct checkpoints *from, bool keep_marks)
{
	for (size_t i = 0; i < CHECKPOINT_BUCKETS; i++) {
		while (from->bucket[i] != NULL) {
			struct checkpoint *c = from->bucket[i], **at;

			from->bucket[i] = c->next;
			at = find(t, checkpoint_key(c), c->hash);
			if (c->value_n > 0 || keep_marks) {
				link_in(t, at, c);
			} else {
				unlink_one(t, at);
				free(c);
			}
		}
	}
	from->n = 0;
}

void checkpoints_move(struct checkpoints *t, struct checkpoints *from)
{
	move(t, from, false);
}

void checkpoints_cover(struct checkpoints *t, struct checkpoints *from)
{
	move(t, from, true);
}

void checkpoints_each(const struct checkpoints *t,
		      void (*each)(void *arg, const struct checkpoint *c), void *arg)
{
	for (size_t i = 0; i < CHECKPOINT_BUCKETS; i++)
		for (const struct checkpoint *c = t->bucket[i]; c != NULL; c = c->next)
			each(arg, c);
}

static void encode_one(void *arg, const struct checkpoint *c)
{
	struct buf *out = arg;

	le16_put(out, c->key_n);
	le32_put(out, c->value_n);
	buf_put(out, c->bytes, (size_t)c->key_n + c->value_n);
}

void checkpoints_encode(const struct checkpoints *t, struct buf *out)
{
	checkpoints_each(t, encode_one, out);
}

int checkpoints_decode(struct checkpoints *t, struct slice in, struct err *err)
{
	struct le_cursor c = { .in = in };

	while (c.in.n > 0) {
		uint16_t key_n = le_u16(&c);
		uint32_t value_n = le_u32(&c);
		struct slice key = le_take(&c, key_n), value = le_take(&c, value_n);

		if (c.bad)
			return err_set(err, ERR_SYNTAX, "checkpoints cut short");
		if (checkpoints_put(t, key, value) < 0)
			return err_nomem(err);
	}
	return 0;
}

void checkpoints_clear(struct checkpoints *t)
{
	for (size_t i = 0; i < CHECKPOINT_BUCKETS; i++)
		while (t->bucket[i] != NULL) {
			struct checkpoint *c = t->bucket[i];

			t->bucket[i] = c->next;
			free(c);
		}
	t->n = 0;
}

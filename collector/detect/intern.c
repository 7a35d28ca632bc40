/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/detect/intern.h"

#include <stdlib.h>

#include "common/base/hash.h"

static unsigned find(const struct intern *in, struct slice key, uint64_t hash)
{
	unsigned at = (unsigned)hash & (in->slots - 1);

	for (;; at = (at + 1) & (in->slots - 1)) {
		if (in->slot[at] == 0)
			return at;
		if (in->hashes[in->slot[at] - 1] == hash &&
		    slice_eq(in->keys[in->slot[at] - 1], key))
			return at;
	}
}

uint32_t intern_find(const struct intern *in, struct slice key)
{
	unsigned at;

	if (in->slots == 0)
		return INTERN_NONE;
	at = find(in, key, hash64(key, 0));
	return in->slot[at] != 0 ? in->slot[at] - 1 : INTERN_NONE;
}

static int grow(struct intern *in)
{
	unsigned cap = in->cap > 0 ? in->cap * 2 : 64, slots = cap * 2;
	struct slice *keys = realloc(in->keys, cap * sizeof(*keys));
	uint64_t *hashes;
	uint32_t *slot;

	if (keys == NULL)
		return -1;
	in->keys = keys;
	hashes = realloc(in->hashes, cap * sizeof(*hashes));
	if (hashes == NULL)
		return -1;
	in->hashes = hashes;
	slot = calloc(slots, sizeof(*slot));
	if (slot == NULL)
		return -1;
	free(in->slot);
	in->slot = slot;
	in->slots = slots;
	in->cap = cap;
	for (unsigned i = 0; i < in->n; i++)
		in->slot[find(in, in->keys[i], in->hashes[i])] = i + 1;
	return 0;
}

int intern_add(struct intern *in, struct arena *mem, struct slice key, uint32_t *ret, bool *ret_new)
{
	uint64_t hash = hash64(key, 0);
	struct slice own;
	unsigned at;

	if (in->n == in->cap && grow(in) < 0)
		return -1;
	at = find(in, key, hash);
	*ret_new = in->slot[at] == 0;
	if (*ret_new) {
		own = arena_copy(mem, key);
		if (own.p == NULL)
			return -1;
		in->keys[in->n] = own;
		in->hashes[in->n] = hash;
		in->slot[at] = ++in->n;
	}
	*ret = in->slot[at] - 1;
	return 0;
}

void intern_release(struct intern *in)
{
	free(in->keys);
	free(in->hashes);
	free(in->slot);
	*in = (struct intern){ 0 };
}

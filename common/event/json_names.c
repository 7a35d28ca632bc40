/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/event/json_names.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/event/json.h"
#include "common/event/json_text.h"

#define PROBE_MAX 512u /* honest names stay far below at half load */
#define SLOTS_MIN 64u
#define CAP_MIN   32u

void json_names_forget(struct json_names *nm)
{
	static _Atomic uint64_t epochs;

	/* One monstrous event must not hold its memory for ever. */
	if (nm->cap > 2 * JSON_NAMES_KEEP || nm->cap_keys > 2 * JSON_NAMES_KEEP) {
		uint64_t event = nm->event;

		json_names_release(nm);
		nm->event = event;
	}
	nm->n = 0;
	nm->n_keys = 0;
	if (nm->by_path.n > 0)
		memset(nm->by_path.v, 0, nm->by_path.n * sizeof(*nm->by_path.v));
	if (nm->by_key.n > 0)
		memset(nm->by_key.v, 0, nm->by_key.n * sizeof(*nm->by_key.v));
	arena_reset(&nm->mem);
	nm->epoch = atomic_fetch_add_explicit(&epochs, 1, memory_order_relaxed) + 1;
}

void json_names_begin(struct json_names *nm)
{
	if (nm->epoch == 0 || nm->n > JSON_NAMES_KEEP || nm->n_keys > JSON_NAMES_KEEP ||
	    nm->mem.used > JSON_NAMES_MEM)
		json_names_forget(nm);
	nm->event++;
}

void json_names_release(struct json_names *nm)
{
	free(nm->v);
	free(nm->keys);
	free(nm->by_path.v);
	free(nm->by_key.v);
	arena_release(&nm->mem);
	*nm = (struct json_names){ 0 };
}

/* Room for one more of n items in the array and, at half load, in its slots; what the slots held is
 * put back by the caller. 1: the slots are new and empty; 0; -1: no memory. */
static int room(void *array_ptr, uint32_t n, uint32_t *cap, size_t size, struct json_slots *slots)
{
	void **array = array_ptr, *p;
	uint32_t want = *cap > 0 ? *cap * 2 : CAP_MIN, slots_n;
	uint32_t *v;

	if (n == *cap) {
		p = realloc(*array, want * size);
		if (p == NULL)
			return -1;
		*array = p;
		*cap = want;
	}
	if ((n + 1) * 2 <= slots->n)
		return 0;
	slots_n = slots->n > 0 ? slots->n * 2 : SLOTS_MIN;
	v = calloc(slots_n, sizeof(*v));
	if (v == NULL)
		return -1;
	free(slots->v);
	*slots = (struct json_slots){ v, slots_n };
	return 1;
}

static uint32_t path_slot(const struct json_names *nm, struct slice path, uint64_t hash)
{
	uint32_t mask = nm->by_path.n - 1, at = (uint32_t)hash & mask;

	for (unsigned k = 0; k < PROBE_MAX && k <= mask; k++, at = (at + 1) & mask) {
		const struct json_name *name;

		if (nm->by_path.v[at] == 0)
			return at;
		name = &nm->v[nm->by_path.v[at] - 1];
		if (name->hash == hash && slice_eq(name->path, path))
			return at;
	}
	return JSON_NAME_NONE;
}

uint32_t json_names_find(const struct json_names *nm, struct slice path, uint64_t hash)
{
	uint32_t at = nm->by_path.n > 0 ? path_slot(nm, path, hash) : JSON_NAME_NONE;

	return at != JSON_NAME_NONE && nm->by_path.v[at] != 0 ? nm->by_path.v[at] - 1
							      : JSON_NAME_NONE;
}

uint32_t json_names_add(struct json_names *nm, struct slice path, bool *ret_full)
{
	uint64_t hash = hash64(path, 0);
	struct slice own;
	uint32_t at;
	int r = room(&nm->v, nm->n, &nm->cap, sizeof(*nm->v), &nm->by_path);

	*ret_full = false;
	if (r < 0)
		return JSON_NAME_NONE;
	for (uint32_t i = 0; r > 0 && i < nm->n; i++) {
		at = path_slot(nm, nm->v[i].path, nm->v[i].hash);
		*ret_full = *ret_full || at == JSON_NAME_NONE;
		if (at != JSON_NAME_NONE)
			nm->by_path.v[at] = i + 1;
	}
	at = *ret_full ? JSON_NAME_NONE : path_slot(nm, path, hash);
	if (at == JSON_NAME_NONE) {
		*ret_full = true;
		return JSON_NAME_NONE;
	}
	if (nm->by_path.v[at] != 0)
		return nm->by_path.v[at] - 1;
	own = arena_copy(&nm->mem, path);
	if (own.p == NULL)
		return JSON_NAME_NONE;
	nm->v[nm->n] = (struct json_name){ .path = own, .hash = hash };
	nm->by_path.v[at] = ++nm->n;
	return nm->n - 1;
}

static uint32_t key_slot(const struct json_names *nm, uint32_t parent, struct slice text,
			 uint64_t hash)
{
	uint32_t mask = nm->by_key.n - 1, at = (uint32_t)hash & mask;

	for (unsigned k = 0; k < PROBE_MAX && k <= mask; k++, at = (at + 1) & mask) {
		const struct json_key *key;

		if (nm->by_key.v[at] == 0)
			return at;
		key = &nm->keys[nm->by_key.v[at] - 1];
		if (key->hash == hash && key->parent == parent && slice_eq(key->text, text))
			return at;
	}
	return JSON_NAME_NONE;
}

size_t json_path_plain(char *path, size_t n)
{
	const struct slice s = { path, n };
	size_t to;

	if (!slice_starts(s, SLICE("winlog.event_data.")) &&
	    !slice_starts(s, SLICE("winlog.user_data.")))
		return n;
	to = 0;
	for (size_t i = 0; i < n; i++) {
		if (path[i] != ' ')
			path[to++] = path[i];
	}
	return to;
}

/* The dotted path of a key in that object. */
static uint32_t key_path(struct json_names *nm, uint32_t parent, struct slice text, bool *ret_full)
{
	char path[JSON_PATH_MAX];
	size_t n = 0;

	if (parent != JSON_NAME_ROOT) {
		struct slice above = nm->v[parent].path;

		if (above.n > 0)
			memcpy(path, above.p, above.n);
		n = above.n;
		path[n++] = '.';
	}
	n += json_unescape(text, path + n);
	n = json_path_plain(path, n);
	return json_names_add(nm, (struct slice){ path, n }, ret_full);
}

/* For json_key_member(). */
static struct slice member_copy(struct arena *mem, struct slice text)
{
	char *p = arena_alloc(mem, text.n + 3);

	if (p == NULL)
		return (struct slice){ NULL, 0 };
	p[0] = p[text.n + 1] = '"';
	p[text.n + 2] = ':';
	memcpy(p + 1, text.p, text.n);
	return (struct slice){ p + 1, text.n };
}

uint32_t json_names_key(struct json_names *nm, uint32_t parent, struct slice text, bool *ret_full)
{
	uint64_t hash = hash64(text, parent);
	struct slice own;
	uint32_t at, name;
	int r = room(&nm->keys, nm->n_keys, &nm->cap_keys, sizeof(*nm->keys), &nm->by_key);

	*ret_full = false;
	if (r < 0)
		return JSON_NAME_NONE;
	for (uint32_t i = 0; r > 0 && i < nm->n_keys; i++) {
		const struct json_key *key = &nm->keys[i];

		at = key_slot(nm, key->parent, key->text, key->hash);
		*ret_full = *ret_full || at == JSON_NAME_NONE;
		if (at != JSON_NAME_NONE)
			nm->by_key.v[at] = i + 1;
	}
	at = *ret_full ? JSON_NAME_NONE : key_slot(nm, parent, text, hash);
	if (at == JSON_NAME_NONE) {
		*ret_full = true;
		return JSON_NAME_NONE;
	}
	if (nm->by_key.v[at] != 0)
		return nm->by_key.v[at] - 1;
	name = key_path(nm, parent, text, ret_full);
	own = name != JSON_NAME_NONE ? member_copy(&nm->mem, text) : (struct slice){ NULL, 0 };
	if (own.p == NULL)
		return JSON_NAME_NONE;
	nm->keys[nm->n_keys] =
		(struct json_key){ .text = own, .hash = hash, .parent = parent, .name = name };
	nm->by_key.v[at] = ++nm->n_keys;
	return nm->n_keys - 1;
}

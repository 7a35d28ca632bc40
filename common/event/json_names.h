/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/json_names.h: the field names that events have, learned once and kept from event to
 * event: each dotted path has a number, and each key of an object knows its path. Which key came
 * behind which is remembered too, so that an event like the last one is recognised key by key
 * without hashing or copying.
 * Bounds: what is learned is forgotten when it grows past JSON_NAMES_KEEP (between events only), or
 * when names were made to collide. */
#ifndef VARTIO_EVENT_JSON_NAMES_H
#define VARTIO_EVENT_JSON_NAMES_H

#include "common/base/arena.h"

#define JSON_NAMES_KEEP 8192u      /* names, and keys */
#define JSON_NAMES_MEM  (1u << 20) /* bytes of their texts */
#define JSON_NAME_ROOT  UINT32_MAX /* the event itself, as the parent of a key */
#define JSON_NAME_NONE  UINT32_MAX

struct json_name {            /* a dotted path */
	struct slice path;    /* as json_path_plain makes it */
	uint64_t hash;        /* hash64(path, 0) */
	uint64_t event;       /* the event that has leaves of that path, */
	uint32_t first, last; /* and their places */
};
struct json_key {          /* a key as it stands in the text, in one object */
	struct slice text; /* between the quotes, with its escapes */
	uint64_t hash;
	uint32_t parent; /* name of the object, or JSON_NAME_ROOT */
	uint32_t name;
	uint32_t next; /* the key that came behind it last time */
};
/* The key as it begins a member: with its quotes and a colon, which stand around text. */
static inline struct slice json_key_member(const struct json_key *k)
{
	return (struct slice){ k->text.p - 1, k->text.n + 3 };
}
struct json_slots { /* open addressing by hash: 1 + the number of an item; 0: free */
	uint32_t *v;
	uint32_t n; /* a power of two, or 0 */
};

struct json_names {
	struct json_name *v;
	uint32_t n, cap;
	struct json_key *keys;
	uint32_t n_keys, cap_keys;
	struct json_slots by_path, by_key;
	struct arena mem;
	uint64_t epoch; /* changes, for good, when the numbers begin anew */
	uint64_t event; /* of the event that is indexed; from 1 */
	uint32_t start; /* the key that the last event began with */
};

/* Sigma's names have no blanks, Windows' have ("Threat Name"), and Winlogbeat keeps them: below
 * winlog.event_data and winlog.user_data a path is known without. Returns its length then. */
size_t json_path_plain(char *path, size_t n);
/* Before an event: forgets when too much was learned. */
void json_names_begin(struct json_names *nm);
void json_names_forget(struct json_names *nm); /* all of it; numbers begin anew */
void json_names_release(struct json_names *nm);
/* The number of a path; with add it is learned. JSON_NAME_NONE: not known, or, with add, *ret_full
 * tells whether names collide (true) or memory is out. */
uint32_t json_names_find(const struct json_names *nm, struct slice path, uint64_t hash);
uint32_t json_names_add(struct json_names *nm, struct slice path, bool *ret_full);
/* The key of that text in that object, learned when it is new: undone is the text without escapes.
 * The path must fit JSON_PATH_MAX. JSON_NAME_NONE as above. */
uint32_t json_names_key(struct json_names *nm, uint32_t parent, struct slice text, bool *ret_full);

#endif

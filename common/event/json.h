/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/json.h: the purpose-made JSON reader of the event path (RFC 8259), and the string
 * writer. It validates, walks and indexes; it never copies but where an escape forces it. The names
 * of fields are learned (json_names.h), so an event like the last costs a comparison a name. Fuzzed
 * differentially against Jansson. */
#ifndef VARTIO_EVENT_JSON_H
#define VARTIO_EVENT_JSON_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/event/json_names.h"

#define JSON_DEPTH_MAX  64u
#define JSON_PATH_MAX   1024u  /* bytes of a dotted path */
#define JSON_FIELDS_MAX 65536u /* leaves of one event */
#define JSON_OWN_MAX    4u     /* paths of json_index_own */

enum js_type { JS_NULL, JS_FALSE, JS_TRUE, JS_NUMBER, JS_STRING, JS_OBJECT, JS_ARRAY };

struct json_field { /* one leaf: a scalar, or an element of an array (same path, several entries) */
	struct slice path;   /* dotted: {"a":{"b":1}} and {"a.b":1} both give "a.b" */
	struct slice value;  /* inside the text: a string without its quotes, else the token */
	struct slice undone; /* json_field_text's: the value without escapes, once asked for */
	uint32_t name;       /* the path's number in json_index.names */
	uint32_t next;       /* place of the next leaf of that path; 0: none */
	enum js_type type;   /* empty objects and arrays appear as JS_OBJECT, JS_ARRAY */
	bool more;           /* its path has several leaves: see json_field_next */
	bool array;          /* an element of an array, be it the only one */
	bool escaped;        /* value.p holds escapes; json_field_text undoes them */
	bool odd;            /* a character of value is not ASCII, or written as \uXXXX */
};

struct json_own {       /* json_index_own's: what is known of its paths, from event to event */
	uint64_t epoch; /* of the names; 0: nothing yet */
	uint32_t name[JSON_OWN_MAX]; /* of each path */
	uint32_t seen;               /* names that were looked at: */
	struct json_within {
		uint32_t name, path;
	} * within; /* those of a path, or below it */
	unsigned n_within, cap_within;
};

struct json_index {
	struct slice text;    /* borrowed */
	struct json_field *f; /* in document order */
	unsigned n, cap;
	bool odd;                /* some leaf is */
	struct json_names names; /* outlives the event */
	struct json_own own;     /* so does this */
	struct arena mem;        /* undone escapes */
};

/* A zeroed struct is ready. Indexes one whole JSON object (white space around it allowed); reuses
 * the index's memory, so what the last call gave ends. ERR_SYNTAX with col (byte, from 1): not
 * JSON, not an object, deeper than JSON_DEPTH_MAX, lone bytes that are not UTF-8; ERR_FULL with
 * col: JSON, but past JSON_PATH_MAX or JSON_FIELDS_MAX, or with names made to collide; ERR_NOMEM.
 * After an error the index is empty. An escape of half a surrogate pair reads as U+FFFD. */
int json_index_read(struct json_index *ix, struct slice text, struct err *err);
void json_index_release(struct json_index *ix);
/* The first leaf of that dotted path, or NULL. One look into a table. */
const struct json_field *json_index_get(const struct json_index *ix, struct slice path);
/* The same for a caller that keeps hash64(path, 0). */
const struct json_field *json_index_find(const struct json_index *ix, struct slice path,
					 uint64_t hash);
/* The first leaf of the name of that number (json_index.names), or NULL. */
static inline const struct json_field *json_index_named(const struct json_index *ix, uint32_t name)
{
	const struct json_name *nm = &ix->names.v[name];

	return nm->event == ix->names.event ? &ix->f[nm->first] : NULL;
}
/* The next leaf of the same path, or NULL. */
const struct json_field *json_field_next(const struct json_index *ix, const struct json_field *f);
/* Adds or replaces a string leaf; earlier leaves of that path, and below it, are gone. value is
 * borrowed, as it is (not escaped): write it out with json_put_string. -1: no memory. */
int json_index_set(struct json_index *ix, struct slice path, struct slice value);
/* The same for several paths, which are always the same ones of an index: whether an event has any
 * of them is then known by their names' numbers. None is below another. */
int json_index_own(struct json_index *ix, const struct slice *paths, const struct slice *values,
		   unsigned n);
/* The value as text: strings with escapes undone (in ix->mem), numbers and true/false as written,
 * null as "". */
struct slice json_field_text(struct json_index *ix, const struct json_field *f);
/* Appends s as a JSON string with its quotes: control characters, quote and backslash escaped,
 * bytes that are not UTF-8 replaced by \ufffd. Returns how many were replaced. */
size_t json_put_string(struct buf *out, struct slice s);

#endif

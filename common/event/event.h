/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/event.h: one event while it is being built, as Elastic Common Schema 8 fields, and
 * its writer to JSON. Everything an event points to lives in the arena it was given, or is borrowed
 * and must outlive the event. Jansson is not used here: see docs/architecture.md.
 * Thread: the owner's. */
#ifndef VARTIO_EVENT_EVENT_H
#define VARTIO_EVENT_EVENT_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/event/ecs.h"

#define EVENT_FIELDS_MAX 256u /* more are dropped, counted, and told in vartio.fields_dropped */

enum event_type {
	EVENT_STR,
	EVENT_INT,
	EVENT_BOOL,
	EVENT_TIME,
	EVENT_JSON, /* str is JSON text already: a number of an incoming document, {} or [] */
};

struct event_value {
	uint16_t id;       /* enum ecs; ECS_DYNAMIC: named by `name` */
	uint8_t type;      /* enum event_type */
	bool array;        /* written as a JSON array; further values of the same field join it */
	uint16_t next;     /* the array's next element, its place in v + 1; 0: the last */
	struct slice name; /* ECS_DYNAMIC only: dotted, for instance "winlog.event_data.Image" */
	struct slice str;  /* EVENT_STR: any bytes; what is not UTF-8 is written recoverably */
	int64_t num;       /* EVENT_INT, EVENT_BOOL, EVENT_TIME (ns) */
};

struct event {
	struct arena *mem;
	int64_t time_ns; /* @timestamp; always written, first */
	unsigned n;
	unsigned truncated; /* fields that did not fit */
	unsigned n_dynamic;
	unsigned n_sorted; /* n_dynamic when somebody put `dynamic` into the order of their names */
	uint64_t present[(ECS_COUNT + 63) / 64]; /* a bit for each field of the list that is set */
	uint16_t at[ECS_COUNT];                  /* its place in v; valid where the bit is set */
	uint16_t dynamic[EVENT_FIELDS_MAX];      /* places in v of the fields with own names */
	struct event_value v[EVENT_FIELDS_MAX];
};

void event_init(struct event *ev, struct arena *mem); /* empty, time_ns 0 */
/* Setting a field again replaces it; an empty str is left out, as are NULLs. Slices are borrowed.
 */
void event_str(struct event *ev, enum ecs id, struct slice v);
void event_int(struct event *ev, enum ecs id, int64_t v);
void event_bool(struct event *ev, enum ecs id, bool v);
void event_time(struct event *ev, enum ecs id, int64_t t_ns);
void event_add(struct event *ev, enum ecs id, struct slice v); /* one more element; no doubles */
/* json_text: a number, true, false, {}, []. */
void event_json(struct event *ev, enum ecs id, struct slice json_text);
/* For a reader that has looked the name up already: id is ecs_by_name(name). fresh: a field that is
 * not in the list is not set yet. NULL: s is empty, or there is no room. */
struct event_value *event_known(struct event *ev, enum ecs id, struct slice name, bool fresh,
				enum event_type type, struct slice s);
/* The same for a field that is not in the list; one that is goes to its place there. */
void event_dyn(struct event *ev, struct slice dotted_name, struct slice v);
void event_dyn_add(struct event *ev, struct slice dotted_name, struct slice v);
void event_dyn_add_json(struct event *ev, struct slice dotted_name, struct slice json_text);
void event_dyn_json(struct event *ev, struct slice dotted_name, struct slice json_text);
/* One more value of a field that is not in the list: the second makes it an array. Unlike the
 * others it keeps doubles, and values that are empty. */
void event_push(struct event *ev, struct slice dotted_name, struct slice v);
/* The field, if it is set, is written as an array though it has one value. */
void event_dyn_array(struct event *ev, struct slice dotted_name);
void event_drop(struct event *ev, enum ecs id); /* as if it had not been set */
/* What has been set since the mark is undone, where until then no field of before was changed. */
struct event_mark {
	int64_t time_ns;
	unsigned n, truncated, n_dynamic;
	uint64_t present[(ECS_COUNT + 63) / 64];
};
struct event_mark event_mark(const struct event *ev);
void event_return(struct event *ev, const struct event_mark *mark);
/* The value, or NULL. The first one of an array. */
const struct event_value *event_get(const struct event *ev, enum ecs id);
struct slice event_text(const struct event *ev, enum ecs id); /* of an EVENT_STR; else empty */
/* One JSON object, nested as Beats write it ({"event":{"kind":...}}), no line break, valid UTF-8:
 * a byte that is not UTF-8 becomes \ufffd, and the whole value is then kept as base64 in
 * vartio.raw.<field> so that nothing is lost. A field whose name is another's object ("a" beside
 * "a.b") is written as "a.value". out->failed tells of memory. */
void event_write_json(const struct event *ev, struct buf *out);

#endif

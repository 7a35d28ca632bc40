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

#define EVENT_FIELDS_MAX 256u /* more are dropped and counted in event.truncated */

enum event_type { EVENT_STR, EVENT_INT, EVENT_BOOL, EVENT_TIME };

struct event_value {
	uint16_t id;           /* enum ecs; ECS_DYNAMIC: named by `name` */
	uint8_t type;          /* enum event_type */
	bool array;            /* written as a JSON array; further values of the same field join it */
	struct slice name;     /* ECS_DYNAMIC only: dotted, for instance "winlog.event_data.Image" */
	struct slice str;      /* EVENT_STR: any bytes; what is not UTF-8 is written recoverably */
	int64_t num;           /* EVENT_INT, EVENT_BOOL, EVENT_TIME (ns) */
};

struct event {
	struct arena *mem;
	int64_t time_ns; /* @timestamp; always written, first */
	unsigned n;
	unsigned truncated; /* fields that did not fit */
	struct event_value v[EVENT_FIELDS_MAX];
};

void event_init(struct event *ev, struct arena *mem); /* empty, time_ns 0 */
/* Setting a field again replaces it; an empty str is left out, as are NULLs. Slices are borrowed. */
void event_str(struct event *ev, enum ecs id, struct slice v);
void event_int(struct event *ev, enum ecs id, int64_t v);
void event_bool(struct event *ev, enum ecs id, bool v);
void event_time(struct event *ev, enum ecs id, int64_t t_ns);
void event_add(struct event *ev, enum ecs id, struct slice v); /* one more element; no doubles */
void event_dyn(struct event *ev, struct slice dotted_name, struct slice v);
/* The value, or NULL. The first one of an array. */
const struct event_value *event_get(const struct event *ev, enum ecs id);
/* One JSON object, nested as Beats write it ({"event":{"kind":...}}), no line break, valid UTF-8:
 * a byte that is not UTF-8 becomes \ufffd, and the whole value is then kept as base64 in
 * vartio.raw.<field> so that nothing is lost. out->failed tells of memory. */
void event_write_json(const struct event *ev, struct buf *out);

#endif

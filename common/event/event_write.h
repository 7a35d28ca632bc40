/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/event_write.h: what event_write_json()'s two files share: event_plain.c writes
 * events of which every field is in the list, event_json.c whatever else there is. For them alone.
 */
#ifndef VARTIO_EVENT_EVENT_WRITE_H
#define VARTIO_EVENT_EVENT_WRITE_H

#include "common/event/event.h"
#include "common/event/json.h"

#define NEST_MAX    16u /* dots past this stay in the key, so that any reader's depth is enough */
#define EVENT_WORDS ((ECS_COUNT + 63) / 64)

struct writer {
	struct buf *out;
	const struct event_value *last; /* the field written last; NULL: @timestamp */
	const struct ecs_path *path;    /* of the last, NULL: it had a name of its own */
	unsigned depth;                 /* objects open, without the outermost */
	const struct event_value *raw[EVENT_FIELDS_MAX]; /* not UTF-8: to be kept as base64 */
	unsigned n_raw;
};

/* event_plain.c */
void event_put_time(struct buf *out, int64_t t_ns);
/* Key and value of a field of the list behind another of the list (or @timestamp). */
void event_put_listed(struct writer *w, const struct event *ev, const struct event_value *v);
/* All fields of the list. */
void event_write_plain(struct writer *w, const struct event *ev);

/* event_json.c: any value, its key being written. */
void event_put_value(struct writer *w, const struct event *ev, const struct event_value *v);

#endif

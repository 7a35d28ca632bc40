/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/head.h: what of an event's System part the receiver itself must know: whether it
 * has come before, and whether it is an event at all. Only that is looked at; the event is read
 * elsewhere. */
#ifndef VARTIO_WEF_HEAD_H
#define VARTIO_WEF_HEAD_H

#include "common/base/slice.h"

struct wef_head { /* slices point into the event; empty: not there */
	struct slice provider, channel, computer, time;
	uint64_t event_id, record_id; /* 0: none */
};
/* What can be found; never fails. */
struct wef_head wef_head_read(struct slice event);
/* A marker of Windows' own at the start of a subscription: event 111 of the forwarder. */
bool wef_head_is_marker(const struct wef_head *h);
/* Event 1102 or 104: a log was cleared. The channel concerned, inside event; empty: not such one.
 */
struct slice wef_head_cleared(const struct wef_head *h, struct slice event);

/* A client's notice that it could not send some events (DSP0226 10.2.7, w:DroppedEvents), where an
 * event would stand. How many; 0: no such notice. */
uint64_t wef_head_dropped(struct slice event);
/* The number in such a notice; 1 where it says none, for some are missing. */
uint64_t wef_dropped_count(struct slice text);

/* The place in a log that a client has reached: the number of the last record and its time. */
struct wef_place {
	uint64_t record_id;
	int64_t time_ns; /* 0: not known */
};
enum wef_seen { WEF_NEW, WEF_AGAIN, WEF_ANEW /* the log was cleared: its numbers begin again */ };
/* Numbers rise in a log, so what is at or below the last one has come before; unless it is also
 * later than it, which only happens when the log was cleared between. */
enum wef_seen wef_place_seen(const struct wef_place *last, const struct wef_place *now);
size_t wef_place_write(const struct wef_place *p, char out[48]);
bool wef_place_read(struct slice text, struct wef_place *ret);

#endif

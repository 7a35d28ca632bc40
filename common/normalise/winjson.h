/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/winjson.h: the meaning in ECS (winecs.h) for an event that is JSON already and
 * has none: a document of Winlogbeat's, which leaves that to its server since version 8. Taking
 * every such document apart would cost its shipper three times as much, so it is done where it is
 * used: for the events that a rule found. May touch:  memory.   Thread: one winjson a thread. */
#ifndef VARTIO_NORMALISE_WINJSON_H
#define VARTIO_NORMALISE_WINJSON_H

#include "common/event/json.h"

struct winjson;
struct winjson *winjson_new(void); /* NULL: out of memory */
void winjson_free(struct winjson *wj);
/* Whether an event has winlog.event_id and a provider, and no event.category. Two looks into tables
 * for all others. */
bool winjson_wanted(const struct json_index *ix);
/* Appends the event with its meaning to out. false: nothing was appended, since it has none that we
 * know, or is no JSON, or holds more fields than an event may. */
bool winjson_map(struct winjson *wj, struct slice json, struct buf *out);

#endif

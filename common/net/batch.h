/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/batch.h: who a block is, carried by the first event of its window as the member
 * "@metadata":{"vartio":{...}} (a Beats receiver takes "@metadata" off an event by itself). The
 * spool puts it; the listener reads it; the queue's reader takes it off.
 * Format: docs/formats.md, "blocks on the wire": exactly one spelling, so that no JSON parser is
 * needed and nothing but our own writer's text is ever taken for it. */
#ifndef VARTIO_NET_BATCH_H
#define VARTIO_NET_BATCH_H

#include "common/base/buf.h"

#define BATCH_META_MAX 160u /* bytes of the longest member with its brace and comma */

struct batch_meta {
	uint64_t epoch;     /* the agent's start: 64 random bits */
	uint64_t block;     /* from 1 in an epoch */
	uint64_t first_seq; /* of the block's first event; from 1 in an epoch */
	uint64_t floor;     /* the agent holds no block of this epoch below it; 1 to block */
};

/* Appends the JSON object `event` with the member put in front of its own. ERR_SYNTAX: event does
 * not begin as an object. */
int batch_meta_put(struct buf *out, const struct batch_meta *m, struct slice event,
		   struct err *err);
/* Appends only what stands instead of the event's "{". empty: the event has no members. */
void batch_meta_head(struct buf *out, const struct batch_meta *m, bool empty);
/* Bytes of the event that batch_meta_head wrote, *ret set; 0: the event carries none. -1: it begins
 * as one and is not (*err ERR_SYNTAX): our own sender does not write that. */
ssize_t batch_meta_read(struct slice event, struct batch_meta *ret, struct err *err);
/* The same, and makes the event at p whole again without it: *ret_event points into p, whose
 * metadata bytes are overwritten. */
ssize_t batch_meta_take(char *p, size_t n, struct batch_meta *ret, struct slice *ret_event,
			struct err *err);

#endif

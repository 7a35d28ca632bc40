/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue/damage.c: whose blocks damage took, as far as what is left of them says. What a
 * reader comes upon is told by it; what all readers had passed, here, as the queue is opened. */
#include <inttypes.h>
#include <stdio.h>

#include "collector/queue/local.h"
#include "common/store/le.h"

#define RECORD_HEAD 24u /* docs/formats.md, "Segments" */
#define RAW_MAX     ((size_t)4 << 20)

struct slice damaged_payload(struct slice raw)
{
	struct slice payload = slice_from(raw, raw.n < RECORD_HEAD ? raw.n : RECORD_HEAD);

	if (raw.n >= RECORD_HEAD && le32_get(raw.p) < payload.n) /* else that is damaged, too */
		payload.n = le32_get(raw.p);
	return payload;
}

/* The blocks that stood there, for as long as one's length leads to the next. */
static void blocks_of(struct slice raw, struct queue_damage *d)
{
	struct queue_block b;
	struct err err;

	while (raw.n >= RECORD_HEAD) {
		struct slice payload = damaged_payload(raw);
		size_t room = (RECORD_HEAD + payload.n + 7) / 8 * 8;

		if (le32_get(raw.p) == 0 || le32_get(raw.p) != payload.n ||
		    record_read(payload, &b, &err) < 0)
			return;
		if (d->blocks++ == 0)
			d->first = b;
		d->events += b.events;
		raw = slice_from(raw, room < raw.n ? room : raw.n);
	}
}

static void look(struct queue *q, const struct seg_damage *at, struct queue_damage *d)
{
	size_t n = at->bytes < RAW_MAX ? (size_t)at->bytes : RAW_MAX;
	struct buf raw = { 0 };
	ssize_t got = 0;

	snprintf(d->file, sizeof(d->file), "%.200s/log/%016" PRIx64 ".seg", q->dir, at->at.file);
	d->offset = at->at.offset;
	d->bytes = at->bytes;
	if (n > 0 && buf_reserve(&raw, n) == 0)
		got = seglog_raw(q->log, at->at, raw.p, n);
	raw.n = got > 0 ? (size_t)got : 0;
	blocks_of(buf_view(&raw), d);
	d->first.frame = (struct slice){ NULL, 0 };
	buf_release(&raw);
}

void damage_tell(struct queue *q)
{
	const struct seg_damage *v;
	size_t n = seglog_damages(q->log, &v);

	for (size_t i = 0; i < n && q->o.damage.tell != NULL; i++) {
		struct queue_damage d = { 0 };
		bool passed = q->n_marks > 0;

		for (size_t k = 0; k < q->n_marks; k++)
			passed = passed && seg_pos_cmp(q->marks[k].durable.pos, v[i].at) > 0;
		if (!passed)
			continue;
		look(q, &v[i], &d);
		metric_add(&q->stats.events_damaged, d.events);
		q->o.damage.tell(q->o.damage.arg, &d);
	}
}

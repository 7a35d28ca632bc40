/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/record.c: what is kept of a signal: its event.id and the values that alerts
 * show. The event itself is in the archive. */
#include "collector/correlate/state.h"

#include <malloc.h>
#include <stdlib.h>

size_t memory_of(void *p)
{
	return p != NULL ? malloc_usable_size(p) + sizeof(size_t) : 0;
}

struct slice value_cut(struct slice s, size_t max)
{
	if (s.n <= max)
		return s;
	for (s.n = max; s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80;)
		s.n--;
	return s;
}

static void put_value(struct buf *b, uint16_t field, struct slice text)
{
	uint16_t n = (uint16_t)text.n;

	buf_put(b, &field, sizeof(field));
	buf_put(b, &n, sizeof(n));
	buf_slice(b, text);
}

struct record *record_new(struct correlate *co, const struct plan *plan, struct signal_in *sg,
			  int64_t time_ns)
{
	struct slice id = value_cut(sg->event_id, CORRELATE_VALUE_MAX), text;
	struct buf *b = &co->key_buf;
	struct record *rec = NULL;
	uint16_t n = 0;

	buf_reset(b);
	for (size_t i = 0; i < plan->n_fields; i++) {
		if (!event_value(co, sg, co->fields[plan->fields[i]], &text))
			continue;
		put_value(b, plan->fields[i], value_cut(text, CORRELATE_VALUE_MAX));
		n++;
	}
	if (!b->failed)
		rec = malloc(sizeof(*rec) + id.n + b->n);
	if (rec == NULL)
		return NULL;
	*rec = (struct record){ .refs = 1,
				.id_n = (uint16_t)id.n,
				.n_values = n,
				.values_n = (uint32_t)b->n,
				.rule = plan->rule->number,
				.time_ns = time_ns,
				.id_hash = siphash(&co->key, sg->event_id) };
	memcpy(rec->data, id.p, id.n);
	if (b->n > 0)
		memcpy(rec->data + id.n, b->p, b->n);
	co->bytes += memory_of(rec);
	return rec;
}

void record_unref(struct correlate *co, struct record *rec)
{
	if (rec == NULL || --rec->refs > 0)
		return;
	co->bytes -= memory_of(rec);
	free(rec);
}

uint64_t record_hash(const struct correlate *co, const struct record *rec)
{
	return siphash(&co->key, (struct slice){ rec->data + rec->id_n, rec->values_n }) ^
	       rec->rule;
}

struct slice record_id(const struct record *rec)
{
	return (struct slice){ rec->data, rec->id_n };
}

bool record_alike(const struct record *a, const struct record *b)
{
	return a->rule == b->rule && a->values_n == b->values_n &&
	       memcmp(a->data + a->id_n, b->data + b->id_n, a->values_n) == 0;
}

struct finding_value record_value(const struct correlate *co, const struct record *rec, size_t *at)
{
	const char *p = rec->data + rec->id_n + *at;
	uint16_t field, n;

	memcpy(&field, p, sizeof(field));
	memcpy(&n, p + sizeof(field), sizeof(n));
	*at += sizeof(field) + sizeof(n) + n;
	return (struct finding_value){ co->fields[field], { p + sizeof(field) + sizeof(n), n } };
}

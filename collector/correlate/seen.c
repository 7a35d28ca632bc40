/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/correlate/seen.h"

#include <stdlib.h>

#include "collector/correlate/table.h"

#define SLOTS_MIN 1024u

void seen_init(struct seen *se, size_t max_bytes, int64_t span_ns)
{
	*se = (struct seen){ .max = SLOTS_MIN, .span_ns = span_ns };
	while (se->max * 2 * 2 * sizeof(uint64_t) <= max_bytes)
		se->max *= 2;
}

static bool set_has(const struct seen_set *s, uint64_t h)
{
	if (s->cap == 0)
		return false;
	for (size_t i = h & (s->cap - 1); s->slot[i] != 0; i = (i + 1) & (s->cap - 1))
		if (s->slot[i] == h)
			return true;
	return false;
}

static void set_put(struct seen_set *s, uint64_t h)
{
	size_t i = h & (s->cap - 1);

	while (s->slot[i] != 0)
		i = (i + 1) & (s->cap - 1);
	s->slot[i] = h;
	s->n++;
}

static int set_grow(struct seen_set *s, struct err *err)
{
	struct seen_set more = { .cap = s->cap > 0 ? s->cap * 2 : SLOTS_MIN };

	more.slot = table_alloc(more.cap, sizeof(*more.slot));
	if (more.slot == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < s->cap; i++)
		if (s->slot[i] != 0)
			set_put(&more, s->slot[i]);
	free(s->slot);
	*s = more;
	return 0;
}

static void turn(struct seen *se, int64_t arrival_ns)
{
	free(se->before.slot);
	se->before = se->now;
	se->now = (struct seen_set){ 0 };
	se->since_ns = arrival_ns;
}

int seen_add(struct seen *se, uint64_t hash, int64_t arrival_ns, struct err *err)
{
	if (hash == 0)
		hash = 1;
	if (se->now.n == 0)
		se->since_ns = arrival_ns;
	else if (arrival_ns - se->since_ns > se->span_ns)
		turn(se, arrival_ns);
	if (set_has(&se->now, hash) || set_has(&se->before, hash))
		return 1;
	if (se->now.n * 4 >= se->now.cap * 3) {
		if (se->now.cap >= se->max)
			turn(se, arrival_ns);
		if (set_grow(&se->now, err) < 0)
			return -1;
	}
	set_put(&se->now, hash);
	return 0;
}

void seen_soon(const struct seen *se, uint64_t hash)
{
	if (se->now.cap > 0)
		__builtin_prefetch(&se->now.slot[hash & (se->now.cap - 1)]);
	if (se->before.cap > 0)
		__builtin_prefetch(&se->before.slot[hash & (se->before.cap - 1)]);
}

size_t seen_bytes(const struct seen *se)
{
	return (se->now.cap + se->before.cap) * sizeof(uint64_t);
}

size_t seen_count(const struct seen *se)
{
	return se->now.n + se->before.n;
}

void seen_release(struct seen *se)
{
	free(se->now.slot);
	free(se->before.slot);
	*se = (struct seen){ 0 };
}

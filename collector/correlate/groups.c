/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/groups.c: the table of groups, how they age and what they cost. Groups age by
 * arrival, not by event time: a backlog that comes after a day offline is judged by its own times,
 * and one clock that runs ahead ends nobody else's windows. */
#include "collector/correlate/state.h"
#include "collector/correlate/table.h"

#include <stdlib.h>

#define TABLE_MIN 256u
#define AGE_STEPS 4u /* groups given up a signal: more than can be made by it */

static int table_grow(struct correlate *co, struct err *err)
{
	size_t cap = co->table_cap > 0 ? co->table_cap * 2 : TABLE_MIN;
	struct group **t = table_alloc(cap, sizeof(struct group *));

	if (t == NULL)
		return err_nomem(err);
	co->bytes += memory_of(t);
	co->bytes -= memory_of(co->table);
	for (size_t i = 0; i < co->table_cap; i++) {
		struct group *g = co->table[i], *next;

		for (; g != NULL; g = next) {
			next = g->chain;
			g->chain = t[g->hash & (cap - 1)];
			t[g->hash & (cap - 1)] = g;
		}
	}
	free(co->table);
	co->table = t;
	co->table_cap = cap;
	return 0;
}

static void age_unlink(struct group *g)
{
	struct plan *pl = g->plan;

	*(g->older != NULL ? &g->older->newer : &pl->oldest) = g->newer;
	*(g->newer != NULL ? &g->newer->older : &pl->newest) = g->older;
	pl->n_groups--;
}

static void age_link(struct group *g)
{
	struct plan *pl = g->plan;

	g->older = pl->newest;
	g->newer = NULL;
	pl->n_groups++;
	*(pl->newest != NULL ? &pl->newest->newer : &pl->oldest) = g;
	pl->newest = g;
}

static void group_drop(struct correlate *co, struct group *g)
{
	struct group **at = &co->table[g->hash & (co->table_cap - 1)];

	while (*at != g)
		at = &(*at)->chain;
	*at = g->chain;
	age_unlink(g);
	group_empty(co, g);
	co->bytes -= memory_of(g);
	co->n_groups--;
	free(g);
}

struct group *group_get(struct correlate *co, struct plan *plan, struct slice key, struct err *err)
{
	uint64_t hash = siphash(&co->key, key);
	struct group *g = co->table_cap > 0 ? co->table[hash & (co->table_cap - 1)] : NULL;

	while (g != NULL &&
	       (g->hash != hash || g->key_n != key.n || memcmp(g->key, key.p, key.n) != 0))
		g = g->chain;
	if (g != NULL) {
		age_unlink(g);
		age_link(g);
		g->touched_ns = co->arrival_ns;
		return g;
	}
	if (co->n_groups >= co->table_cap && table_grow(co, err) < 0)
		return NULL;
	g = calloc(1, sizeof(*g) + key.n);
	if (g == NULL) {
		err_nomem(err);
		return NULL;
	}
	g->plan = plan;
	g->items = &g->one;
	g->cap = 1;
	g->hash = hash;
	g->newest_ns = INT64_MIN / 2;
	g->touched_ns = co->arrival_ns;
	g->key_n = (uint16_t)key.n;
	memcpy(g->key, key.p, key.n);
	g->chain = co->table[hash & (co->table_cap - 1)];
	co->table[hash & (co->table_cap - 1)] = g;
	age_link(g);
	co->n_groups++;
	co->bytes += memory_of(g);
	return g;
}

void groups_age(struct correlate *co, struct plan *plan)
{
	struct plan *pl = plan;

	/* This rule's, and by turns another's that may get no signals any more. */
	for (int i = 0; i < 2; i++) {
		for (unsigned n = 0; n < AGE_STEPS && pl->oldest != NULL; n++) {
			if (pl->oldest->touched_ns + pl->hold_ns >= co->arrival_ns)
				break;
			group_drop(co, pl->oldest);
		}
		co->sweep = (co->sweep + 1) % co->n_plans;
		pl = &co->plans[co->sweep];
	}
}

static struct plan *plan_oldest(struct correlate *co)
{
	struct plan *found = NULL;

	for (size_t i = 0; i < co->n_plans; i++) {
		struct plan *pl = &co->plans[i];

		if (pl->oldest == NULL)
			continue;
		if (found == NULL || pl->oldest->touched_ns < found->oldest->touched_ns ||
		    (pl->oldest->touched_ns == found->oldest->touched_ns &&
		     pl->n_groups > found->n_groups))
			found = pl;
	}
	return found;
}

static size_t all_bytes(const struct correlate *co)
{
	return co->bytes + seen_bytes(&co->seen);
}

/* A hundredth at once, so that the search among the rules is rare. */
void groups_evict(struct correlate *co)
{
	size_t goal = co->max_bytes - co->max_bytes / 100;

	if (all_bytes(co) <= co->max_bytes)
		return;
	while (all_bytes(co) > goal) {
		struct plan *pl = plan_oldest(co);

		if (pl == NULL)
			return;
		for (unsigned n = 0; n < 64 && all_bytes(co) > goal && pl->oldest != NULL; n++) {
			group_drop(co, pl->oldest);
			metric_add(&co->stats->evicted, 1);
		}
	}
}

void groups_release(struct correlate *co)
{
	for (size_t i = 0; i < co->table_cap; i++)
		while (co->table[i] != NULL)
			group_drop(co, co->table[i]);
	free(co->table);
	co->table = NULL;
}

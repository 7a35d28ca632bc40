/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/groups.c: the table of groups, what each holds, how it ages and what it
 * costs. Groups age by arrival, not by event time: a backlog that comes after a day offline is
 * judged by its own times, and one clock that runs ahead ends nobody else's windows. */
#include "collector/correlate/state.h"

#include <stdlib.h>

#define OVERHEAD   16u /* of the allocator */
#define TABLE_MIN  256u
#define AGE_STEPS  4u  /* groups given up a signal: more than can be made by it */
#define FOLD_FROM  16u /* how many of the oldest items are tried, */
#define FOLD_AHEAD 64u /* against how many behind each */

static size_t group_size(const struct group *g)
{
	return sizeof(*g) + g->key_n + OVERHEAD;
}

static int table_grow(struct correlate *co, struct err *err)
{
	size_t cap = co->table_cap > 0 ? co->table_cap * 2 : TABLE_MIN;
	struct group **t = calloc(cap, sizeof(struct group *));

	if (t == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < co->table_cap; i++) {
		struct group *g = co->table[i], *next;

		for (; g != NULL; g = next) {
			next = g->chain;
			g->chain = t[g->hash & (cap - 1)];
			t[g->hash & (cap - 1)] = g;
		}
	}
	free(co->table);
	co->bytes += (cap - co->table_cap) * sizeof(struct group *);
	co->table = t;
	co->table_cap = cap;
	return 0;
}

static void age_unlink(struct group *g)
{
	struct plan *pl = g->plan;

	*(g->older != NULL ? &g->older->newer : &pl->oldest) = g->newer;
	*(g->newer != NULL ? &g->newer->older : &pl->newest) = g->older;
}

static void age_link(struct group *g)
{
	struct plan *pl = g->plan;

	g->older = pl->newest;
	g->newer = NULL;
	*(pl->newest != NULL ? &pl->newest->newer : &pl->oldest) = g;
	pl->newest = g;
}

static void item_drop(struct correlate *co, struct group *g, struct item *it)
{
	*(it->prev != NULL ? &it->prev->next : &g->first) = it->next;
	*(it->next != NULL ? &it->next->prev : &g->last) = it->prev;
	g->n_items--;
	record_unref(co, it->rec);
	co->bytes -= sizeof(*it) + OVERHEAD;
	free(it);
}

static void group_drop(struct correlate *co, struct group *g)
{
	struct group **at = &co->table[g->hash & (co->table_cap - 1)];

	while (*at != g)
		at = &(*at)->chain;
	*at = g->chain;
	age_unlink(g);
	while (g->first != NULL)
		item_drop(co, g, g->first);
	co->bytes -= group_size(g);
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
	g->hash = hash;
	g->newest_ns = INT64_MIN / 2;
	g->touched_ns = co->arrival_ns;
	g->key_n = (uint16_t)key.n;
	memcpy(g->key, key.p, key.n);
	g->chain = co->table[hash & (co->table_cap - 1)];
	co->table[hash & (co->table_cap - 1)] = g;
	age_link(g);
	co->n_groups++;
	co->bytes += group_size(g);
	return g;
}

struct item *group_add(struct correlate *co, struct group *g, struct record *rec, int64_t first_ns,
		       int64_t last_ns)
{
	struct item *it = malloc(sizeof(*it)), *before = g->last, *same;

	if (it == NULL)
		return NULL;
	while (before != NULL && before->last_ns > last_ns)
		before = before->prev;
	*it = (struct item){ .prev = before,
			     .next = before != NULL ? before->next : g->first,
			     .rec = rec,
			     .first_ns = first_ns,
			     .last_ns = last_ns,
			     .count = 1 };
	for (same = before; same != NULL && same->last_ns == last_ns; same = same->prev)
		if (same->rec->id_hash == rec->id_hash)
			it->count = 0;
	*(it->prev != NULL ? &it->prev->next : &g->first) = it;
	*(it->next != NULL ? &it->next->prev : &g->last) = it;
	rec->refs++;
	g->n_items++;
	co->bytes += sizeof(*it) + OVERHEAD;
	if (last_ns > g->newest_ns)
		g->newest_ns = last_ns;
	return it;
}

/* Whether b, behind a, serves the condition as well as both do. */
static const struct item *stand_in(const struct item *a, const struct item *b,
				   enum correlation_type type)
{
	unsigned truth = ITEM_COUNTS | ITEM_PRESENT | ITEM_CARRIED;

	for (unsigned n = 0; b != NULL && n < FOLD_AHEAD; b = b->next, n++) {
		/* Between the two a chain of temporal_ordered may have gone on from a. */
		if (type == CORR_TEMPORAL_ORDERED && (b->flags & ITEM_PRESENT) != 0 &&
		    b->place == a->place + 1)
			return NULL;
		if (b->place == a->place && b->value == a->value &&
		    ((a->flags ^ b->flags) & truth) == 0)
			return b;
	}
	return NULL;
}

/* Two items of like records become one, at the later one's place, beginning with the earlier. */
static bool merge(struct correlate *co, struct group *g, struct item *a)
{
	const struct item *b = a;

	for (unsigned n = 0; n < FOLD_AHEAD; n++) {
		b = stand_in(a, b->next, g->plan->rule->correlation->type);
		if (b == NULL)
			return false;
		if (record_alike(a->rec, b->rec)) {
			struct item *into = (struct item *)(uintptr_t)b;
			struct record *rec = into->rec;

			into->rec = a->rec;
			a->rec = rec;
			if (a->first_ns < into->first_ns)
				into->first_ns = a->first_ns;
			into->count += a->count;
			item_drop(co, g, a);
			return true;
		}
	}
	return false;
}

/* Makes room in a group that holds too many items: what was told goes first, then two alike become
 * one, then details go and only the number stays. */
static void fold(struct correlate *co, struct group *g)
{
	enum correlation_type type = g->plan->rule->correlation->type;
	struct item *a, *weakest = NULL;
	unsigned n = 0;

	if ((g->first->flags & ITEM_CARRIED) != 0) {
		item_drop(co, g, g->first);
		return;
	}
	metric_add(&co->stats->folded, 1);
	for (a = g->first; a != NULL && n < FOLD_FROM; a = a->next, n++) {
		if (merge(co, g, a))
			return;
		if (weakest == NULL && stand_in(a, a->next, type) != NULL)
			weakest = a;
	}
	if (weakest == NULL)
		weakest = g->first;
	g->more += weakest->count;
	item_drop(co, g, weakest);
}

/* What was told is kept only for the condition. Items that stand for nothing in it go, but those of
 * the newest moment, by which the same event is known again. */
void group_told(struct correlate *co, struct group *g)
{
	struct item *it, *next;

	for (it = g->first; it != NULL; it = next) {
		next = it->next;
		it->flags |= ITEM_CARRIED;
		if ((it->flags & (ITEM_COUNTS | ITEM_PRESENT)) == 0 && it->last_ns < g->newest_ns)
			item_drop(co, g, it);
	}
	g->more = 0;
}

/* Of events that are only counted, and were told, two windows of the threshold are enough. */
static void counted_drop(struct correlate *co, struct group *g)
{
	const struct correlation *c = g->plan->rule->correlation;

	if (c->type != CORR_EVENT_COUNT)
		return;
	while (g->n_items / 2 > g->plan->asked + 1 && (g->first->flags & ITEM_CARRIED) != 0)
		item_drop(co, g, g->first);
}

void group_trim(struct correlate *co, struct group *g)
{
	const struct plan *pl = g->plan;
	int64_t reach = g->newest_ns - pl->rule->correlation->timespan_ns - pl->late_ns;

	while (g->first != NULL && g->first->last_ns < reach)
		item_drop(co, g, g->first);
	counted_drop(co, g);
	while (g->n_items > pl->items_max)
		fold(co, g);
	if (g->first == NULL)
		g->more = 0;
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

static struct plan *plan_oldest(struct correlate *co, const struct group *keep)
{
	struct plan *found = NULL;

	for (size_t i = 0; i < co->n_plans; i++) {
		struct plan *pl = &co->plans[i];

		if (pl->oldest == NULL || pl->oldest == keep)
			continue;
		if (found == NULL || pl->oldest->touched_ns < found->oldest->touched_ns)
			found = pl;
	}
	return found;
}

/* A hundredth at once, so that the search among the rules is rare. */
void groups_evict(struct correlate *co, const struct group *keep)
{
	size_t goal = co->max_bytes - co->max_bytes / 100;

	if (co->bytes <= co->max_bytes)
		return;
	while (co->bytes > goal) {
		struct plan *pl = plan_oldest(co, keep);

		if (pl == NULL)
			return;
		for (unsigned n = 0;
		     n < 64 && co->bytes > goal && pl->oldest != NULL && pl->oldest != keep; n++) {
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

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/items.c: what a group holds: an array in order of time, whose oldest leave at
 * its front. Events come nearly in order, so that a new one moves few. */
#include "collector/correlate/state.h"

#include <stdlib.h>

/* An event that matches several rules gives its signals one behind the other: looking so far back
 * among those of the same time finds it. */
#define SAME_MAX 64u

void item_forget(struct correlate *co, struct item *it)
{
	record_unref(co, it->rec);
	it->rec = NULL;
}

/* Room for one more at the end. */
static int room(struct correlate *co, struct group *g, struct err *err)
{
	uint32_t cap = g->cap * 2;
	struct item *more;

	if (g->head + g->n < g->cap)
		return 0;
	if (g->head >= g->cap / 2 && g->head > 0) {
		memmove(g->items, g->items + g->head, g->n * sizeof(*g->items));
		g->head = 0;
		return 0;
	}
	more = malloc(cap * sizeof(*more));
	if (more == NULL)
		return err_nomem(err);
	memcpy(more, g->items + g->head, g->n * sizeof(*more));
	if (g->items != &g->one) {
		co->bytes -= memory_of(g->items);
		free(g->items);
	}
	co->bytes += memory_of(more);
	g->items = more;
	g->head = 0;
	g->cap = cap;
	return 0;
}

/* Behind all that are not later. */
static uint32_t place_of(const struct group *g, int64_t last_ns)
{
	uint32_t low = 0, high = g->n;

	if (high == 0 || group_item(g, high - 1)->last_ns <= last_ns)
		return high;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (group_item(g, mid)->last_ns <= last_ns)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_there(const struct group *g, uint32_t at, const struct record *rec, int64_t last_ns)
{
	for (uint32_t n = 0; n < SAME_MAX && n < at; n++) {
		const struct item *it = group_item(g, at - 1 - n);

		if (it->last_ns != last_ns)
			return false;
		if (it->rec != NULL && it->rec->id_hash == rec->id_hash)
			return true;
	}
	return false;
}

int group_add(struct correlate *co, struct group *g, struct record *rec, int64_t last_ns,
	      uint32_t *ret, struct err *err)
{
	uint32_t at, once;
	struct item *it;

	if (room(co, g, err) < 0)
		return -1;
	at = place_of(g, last_ns);
	once = g->plan->twice && is_there(g, at, rec, last_ns) ? 0 : 1;
	slide_insert(g, at);
	it = group_item(g, at);
	memmove(it + 1, it, (g->n - at) * sizeof(*it));
	*it = (struct item){ .rec = rec, .last_ns = last_ns, .count = once, .weight = once };
	rec->refs++;
	g->n++;
	if (at < g->told)
		g->told = at;
	if (last_ns > g->newest_ns)
		g->newest_ns = last_ns;
	if (g->n > SAME_MAX && g->told >= g->n - SAME_MAX)
		item_forget(co, group_item(g, g->n - 1 - SAME_MAX));
	*ret = at;
	return 0;
}

void group_drop_first(struct correlate *co, struct group *g, uint32_t n)
{
	slide_drop(g, n);
	for (uint32_t i = 0; i < n; i++)
		item_forget(co, group_item(g, i));
	g->head += n;
	g->n -= n;
	g->told -= g->told < n ? g->told : n;
	if (g->n == 0)
		g->head = 0;
}

void group_empty(struct correlate *co, struct group *g)
{
	if (g->slide != NULL) {
		co->bytes -= slide_bytes(g->slide);
		slide_free(g->slide);
	}
	g->slide = NULL;
	group_drop_first(co, g, g->n);
	if (g->items == &g->one)
		return;
	co->bytes -= memory_of(g->items);
	free(g->items);
	g->items = &g->one;
	g->cap = 1;
}

/* What was told is kept only for the condition: without its details, but where the same event may
 * come again: among the newest, and at the time of the one in hand, which may be late. */
void group_told(struct correlate *co, struct group *g, const struct record *own)
{
	for (uint32_t i = g->told; i < g->n; i++) {
		struct item *it = group_item(g, i);

		it->flags |= ITEM_CARRIED;
		if (!g->plan->twice || (i + SAME_MAX < g->n && it->rec != own))
			item_forget(co, it);
	}
	g->told = g->n;
	g->more = 0;
}

/* Of events that are only counted, against a least number, and were told, two windows of the
 * threshold are enough. */
static void counted_drop(struct correlate *co, struct group *g)
{
	uint64_t enough = g->plan->asked * 2 + 2;
	uint32_t n = 0;

	if (g->plan->rule->correlation->type != CORR_EVENT_COUNT || !g->plan->rising)
		return;
	if (g->plan->twice && enough < SAME_MAX)
		enough = SAME_MAX;
	while (n < g->told && g->n - n > enough)
		n++;
	if (n > 0)
		group_drop_first(co, g, n);
}

void group_trim(struct correlate *co, struct group *g)
{
	const struct plan *pl = g->plan;
	int64_t reach = g->newest_ns - pl->rule->correlation->timespan_ns - pl->late_ns;
	uint32_t n = 0;

	while (n < g->n && group_item(g, n)->last_ns < reach)
		n++;
	if (n > 0)
		group_drop_first(co, g, n);
	counted_drop(co, g);
	if (g->n > pl->items_max)
		group_fold(co, g);
	if (g->n == 0)
		g->more = 0;
}

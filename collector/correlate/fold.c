/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/fold.c: room in a group that holds more than its plan allows, a good part at
 * once, so that it costs little an event. What is exact stays exact where it can be:
 *   value_count, temporal*  an item goes when one behind it serves the condition as well
 *   event_count, value_sum, those of the same small part of time become one, which leaves the
 *   value_avg               window when the last of them does: by 1/256 of the timespan too late
 *   value_percentile as a   those of one value and part of time become one, likewise
 *   share
 *   percentiles, medians    the oldest go: they are those of the newest items_max values */
#include "collector/correlate/state.h"

#include <stdlib.h>

struct slot {
	uint64_t key;
	uint32_t at; /* 1 + the place; 0: empty */
};

struct folding {
	struct correlate *co;
	struct group *g;
	struct slot *slot;
	size_t cap;
	uint32_t *barrier; /* temporal_ordered: the nearest item behind whose rule is a later one */
};

static bool is_share(const struct correlation *c)
{
	return c->type == CORR_VALUE_PERCENTILE && c->percentile < 0;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
	return a ^ a >> 29;
}

/* Half as many parts of time as items may be, for all that any window reaches. */
static int64_t part_of(const struct group *g, const struct item *it)
{
	const struct plan *pl = g->plan;
	int64_t reach_ns = pl->rule->correlation->timespan_ns + pl->late_ns;

	return it->last_ns / (reach_ns / (pl->items_max / 2) + 1);
}

/* What two items must have in common to serve the condition alike. */
static uint64_t key_of(const struct folding *fo, const struct item *it)
{
	unsigned truth = it->flags & (ITEM_COUNTS | ITEM_PRESENT);
	bool share = is_share(fo->g->plan->rule->correlation);

	return mix(mix(mix(it->value, it->place), truth + 1),
		   share ? (uint64_t)part_of(fo->g, it) : 0);
}

static struct slot *slot_at(const struct folding *fo, uint64_t key)
{
	size_t i = key & (fo->cap - 1);

	while (fo->slot[i].at != 0 && fo->slot[i].key != key)
		i = (i + 1) & (fo->cap - 1);
	fo->slot[i].key = key;
	return &fo->slot[i];
}

/* Between a and the item behind it a chain may have gone on from a. */
static bool serves(const struct folding *fo, const struct item *a, const struct slot *s)
{
	return s->at != 0 && (fo->barrier == NULL || fo->barrier[a->place] > s->at - 1);
}

/* a's events are told with those of into, which is later. */
static void join_told(struct folding *fo, struct item *a, struct item *into)
{
	into->count += a->count;
	if (a->rec->time_ns <= into->rec->time_ns) {
		struct record *rec = into->rec;

		into->rec = a->rec;
		a->rec = rec;
	}
	metric_add(&fo->co->stats->folded, 1);
}

/* One item, the later ones being known: true when it can go. */
static bool replaced(struct folding *fo, uint32_t i)
{
	struct item *a = group_item(fo->g, i);
	bool told = (a->flags & ITEM_CARRIED) != 0,
	     share = is_share(fo->g->plan->rule->correlation);
	struct slot *s = slot_at(fo, key_of(fo, a));
	struct item *into;

	if (told && (a->flags & (ITEM_COUNTS | ITEM_PRESENT)) == 0)
		return true;
	if (told && serves(fo, a, s)) {
		if (share)
			group_item(fo->g, s->at - 1)->weight += a->weight;
		return true;
	}
	if (!told) {
		s = slot_at(fo, mix(key_of(fo, a), record_hash(fo->co, a->rec)));
		into = s->at > 0 ? group_item(fo->g, s->at - 1) : NULL;
		if (serves(fo, a, s) && record_alike(a->rec, into->rec)) {
			into->weight += share ? a->weight : 0;
			join_told(fo, a, into);
			return true;
		}
		s->at = i + 1;
	}
	s = slot_at(fo, key_of(fo, a));
	if (!serves(fo, a, s))
		s->at = i + 1;
	return false;
}

static void barrier_set(struct folding *fo, uint32_t i)
{
	const struct item *it = group_item(fo->g, i);

	if (fo->barrier != NULL && (it->flags & ITEM_PRESENT) != 0)
		for (uint16_t k = 0; k < it->place; k++)
			fo->barrier[k] = i;
}

/* Takes out the items whose place is marked, and keeps the order. */
static void squeeze(struct folding *fo, const bool *gone)
{
	struct group *g = fo->g;
	uint32_t kept = 0, told = 0;

	for (uint32_t i = 0; i < g->n; i++) {
		if (gone[i]) {
			item_forget(fo->co, group_item(g, i));
			continue;
		}
		told += i < g->told;
		if (kept < i)
			*group_item(g, kept) = *group_item(g, i);
		kept++;
	}
	g->n = kept;
	g->told = told;
	slide_reset(g);
}

static void fold_same(struct folding *fo, bool *gone)
{
	const struct correlation *c = fo->g->plan->rule->correlation;

	if (c->type == CORR_TEMPORAL_ORDERED) {
		fo->barrier = malloc((c->n_rules + 1) * sizeof(*fo->barrier));
		if (fo->barrier == NULL)
			return;
		for (size_t i = 0; i <= c->n_rules; i++)
			fo->barrier[i] = UINT32_MAX;
	}
	for (uint32_t i = fo->g->n; i-- > 0;) {
		gone[i] = replaced(fo, i);
		barrier_set(fo, i);
	}
	free(fo->barrier);
	fo->barrier = NULL;
	squeeze(fo, gone);
}

static double added(const struct item *a, const struct item *b)
{
	double x, y;

	memcpy(&x, &a->value, sizeof(x));
	memcpy(&y, &b->value, sizeof(y));
	x += y;
	return x > 4e18 ? 4e18 : x < -4e18 ? -4e18 : x;
}

/* a goes into b, which is the next one. */
static void join_neighbour(struct folding *fo, struct item *a, struct item *b)
{
	bool told = (a->flags & ITEM_CARRIED) != 0, both = (b->flags & ITEM_COUNTS) != 0;
	double value = added(a, b);

	if (fo->g->plan->rule->correlation->type != CORR_EVENT_COUNT) {
		if (both)
			memcpy(&b->value, &value, sizeof(value));
		else /* b stood for nothing */
			b->value = a->value;
	}
	b->weight = (both ? b->weight : 0) + a->weight;
	b->flags |= a->flags & (ITEM_COUNTS | ITEM_PRESENT);
	if (told)
		return;
	if ((b->flags & ITEM_CARRIED) == 0 && record_alike(a->rec, b->rec)) {
		join_told(fo, a, b);
		return;
	}
	fo->g->more += a->count;
	metric_add(&fo->co->stats->folded, 1);
}

/* Of the first n. */
static void fold_neighbours(struct folding *fo, uint32_t n, bool *gone)
{
	struct group *g = fo->g;

	for (uint32_t i = 0; i + 1 < n; i++) {
		struct item *a = group_item(g, i), *b = group_item(g, i + 1);

		if ((a->flags & ITEM_COUNTS) == 0) {
			gone[i] = (a->flags & ITEM_CARRIED) != 0;
		} else if (part_of(g, a) == part_of(g, b)) {
			join_neighbour(fo, a, b);
			gone[i] = true;
		}
	}
}

static void fold_sums(struct folding *fo, bool *gone)
{
	struct group *g = fo->g;

	fold_neighbours(fo, g->n / 2, gone);
	squeeze(fo, gone);
	if (g->n <= g->plan->items_max - g->plan->items_max / 4)
		return;
	memset(gone, 0, g->n * sizeof(*gone));
	fold_neighbours(fo, g->n, gone);
	squeeze(fo, gone);
}

/* When nothing else helps: the oldest go, and of what was not told the number stays. */
static void drop_oldest(struct folding *fo)
{
	struct group *g = fo->g;
	uint32_t keep = g->plan->items_max - g->plan->items_max / 8;
	uint32_t n = g->n > keep ? g->n - keep : 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct item *it = group_item(g, i);

		if ((it->flags & ITEM_CARRIED) != 0)
			continue;
		g->more += it->count;
		metric_add(&fo->co->stats->folded, 1);
	}
	if (n > 0)
		group_drop_first(fo->co, g, n);
}

void group_fold(struct correlate *co, struct group *g)
{
	const struct correlation *c = g->plan->rule->correlation;
	struct folding fo = { .co = co, .g = g, .cap = 64 };
	bool *gone = calloc(g->n, sizeof(*gone));

	/* Two keys an item. Without memory only the oldest go. */
	while (fo.cap < (size_t)g->n * 4)
		fo.cap *= 2;
	fo.slot = calloc(fo.cap, sizeof(*fo.slot));
	if (gone != NULL && fo.slot != NULL) {
		if (c->type == CORR_EVENT_COUNT || c->type == CORR_VALUE_SUM ||
		    c->type == CORR_VALUE_AVG)
			fold_sums(&fo, gone);
		else if (c->type >= CORR_TEMPORAL || c->type == CORR_VALUE_COUNT || is_share(c))
			fold_same(&fo, gone);
	}
	free(fo.slot);
	free(gone);
	drop_oldest(&fo);
}

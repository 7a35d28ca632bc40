/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/window.c: is a correlation's condition true in a window? The window over a
 * group's items is moved, not made anew: to the event in hand, and from there over the events
 * behind it that its arrival may have changed. What that costs is how far it moves: a step for an
 * event in order, as many as it is late by for one that is late. Small groups keep no window and
 * are walked.
 */
#include <stdlib.h>

#include "collector/correlate/chain.h"
#include "collector/correlate/measure.h"

#define SMALL 24u /* items of a group that is walked each time */

struct slide {
	struct measure m;
	struct chain chain;
	uint32_t low, high;     /* the items in m */
	uint32_t chained;       /* the items before this place are in chain */
	bool measured, ordered; /* m, chain hold something */
};

struct slide *slide_new(void)
{
	return calloc(1, sizeof(struct slide));
}

void slide_free(struct slide *w)
{
	if (w == NULL)
		return;
	measure_release(&w->m);
	chain_release(&w->chain);
	free(w);
}

size_t slide_bytes(const struct slide *w)
{
	return sizeof(*w) + measure_bytes(&w->m) + w->chain.cap * sizeof(*w->chain.start);
}

static void forget(struct slide *w)
{
	w->measured = w->ordered = false;
	w->low = w->high = w->chained = 0;
}

void slide_reset(struct group *g)
{
	if (g->slide != NULL)
		forget(g->slide);
}

void slide_insert(struct group *g, uint32_t at)
{
	struct slide *w = g->slide;

	if (w == NULL)
		return;
	if (at < w->chained)
		w->ordered = false;
	while (w->high > at && w->high > w->low)
		measure_remove(&w->m, group_item(g, --w->high));
	if (w->low > at) /* and now empty */
		w->low = w->high = at;
}

void slide_drop(struct group *g, uint32_t n)
{
	struct slide *w = g->slide;

	if (w == NULL)
		return;
	while (w->low < n && w->low < w->high)
		measure_remove(&w->m, group_item(g, w->low++));
	w->low = w->low > n ? w->low - n : 0;
	w->high = w->high > n ? w->high - n : 0;
	w->chained = w->chained > n ? w->chained - n : 0;
}

/* Moves the window to the one that ends with item i. */
static int seek(struct correlate *co, struct group *g, struct slide *w, uint32_t i, struct err *err)
{
	const struct correlation *c = g->plan->rule->correlation;
	int64_t from_ns = group_item(g, i)->last_ns - c->timespan_ns;
	uint64_t steps = 0;

	if (!w->measured) {
		if (measure_begin(&w->m, c, err) < 0)
			return -1;
		w->measured = true;
		w->low = w->high = i + 1;
	}
	if (w->low > i)
		while (w->high > w->low) { /* all of it lies behind */
			measure_remove(&w->m, group_item(g, --w->high));
			steps++;
		}
	if (w->low > i)
		w->low = w->high = i + 1;
	for (; w->low > 0 && group_item(g, w->low - 1)->last_ns >= from_ns; w->low--, steps++)
		if (measure_add(&w->m, group_item(g, w->low - 1), err) < 0)
			return -1;
	for (; w->high <= i; w->high++, steps++)
		if (measure_add(&w->m, group_item(g, w->high), err) < 0)
			return -1;
	for (; w->high > i + 1; steps++)
		measure_remove(&w->m, group_item(g, --w->high));
	for (; group_item(g, w->low)->last_ns < from_ns; w->low++, steps++)
		measure_remove(&w->m, group_item(g, w->low));
	metric_add(&co->stats->steps, steps);
	return 0;
}

/* Gives the chain all items before i that a window of i or behind it reaches. */
static int chain_to(struct correlate *co, struct group *g, struct slide *w, uint32_t i,
		    struct err *err)
{
	if (!w->ordered) {
		if (chain_begin(&w->chain, g->plan->rule->correlation, err) < 0)
			return -1;
		w->ordered = true;
		w->chained = w->low;
	}
	metric_add(&co->stats->steps, i - w->chained);
	for (; w->chained < i; w->chained++)
		chain_add(&w->chain, group_item(g, w->chained), 0);
	return 0;
}

/* 1: true of the window that ends with item i; 0: not; -1. */
static int holds_at(struct correlate *co, struct group *g, struct slide *w, uint32_t i,
		    struct err *err)
{
	const struct item *it = group_item(g, i);

	if (seek(co, g, w, i, err) < 0)
		return -1;
	if (g->plan->rule->correlation->type != CORR_TEMPORAL_ORDERED)
		return measure_true(&w->m, it);
	if (chain_to(co, g, w, i, err) < 0)
		return -1;
	w->chained = i + 1;
	return chain_add(&w->chain, it, w->m.present);
}

static int judge(struct correlate *co, struct group *g, struct slide *w, uint32_t own,
		 int64_t *ret_from_ns, struct err *err)
{
	int64_t span_ns = g->plan->rule->correlation->timespan_ns;
	int64_t end_ns = group_item(g, own)->last_ns + span_ns;

	for (uint32_t i = own; i < g->n && group_item(g, i)->last_ns <= end_ns; i++) {
		int r = holds_at(co, g, w, i, err);

		if (r > 0)
			*ret_from_ns = group_item(g, i)->last_ns - span_ns;
		if (r != 0)
			return r;
	}
	return 0;
}

int window_holds(struct correlate *co, struct group *g, uint32_t own, int64_t *ret_from_ns,
		 struct err *err)
{
	size_t before = 0;
	int r;

	if (g->slide == NULL && g->n <= SMALL) {
		forget(co->slide);
		return judge(co, g, co->slide, own, ret_from_ns, err);
	}
	if (g->slide != NULL)
		before = slide_bytes(g->slide);
	else
		g->slide = slide_new();
	if (g->slide == NULL)
		return err_nomem(err);
	r = judge(co, g, g->slide, own, ret_from_ns, err);
	co->bytes += slide_bytes(g->slide) - before;
	return r;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/window.c: is a correlation's condition true in a window? One pass over the
 * group's items with a head and a tail, for windows that end at each item in turn. */
#include "collector/correlate/state.h"

#include <stdlib.h>

struct pass {
	struct correlate *co;
	const struct correlation *c;
	uint64_t events, distinct; /* in the window now */
	size_t rules_in;           /* temporal: how many rules have an item in the window */
	uint32_t *per_rule;        /* temporal: items of each rule in the window */
	int64_t *start; /* temporal_ordered: the latest beginning of a chain up to here */
	bool chained;   /* temporal_ordered: the item just added ended a chain in time */
};

static bool compare(enum compare op, uint64_t n, int64_t value)
{
	uint64_t v = value > 0 ? (uint64_t)value : 0;

	switch (op) {
	case CMP_GT:
		return n > v;
	case CMP_GTE:
		return n >= v;
	case CMP_LT:
		return n < v;
	case CMP_LTE:
		return n <= v;
	case CMP_EQ:
		return n == v;
	default:
		return n != v;
	}
}

/* The place of a value in the scratch table, which holds at least twice what a group may hold. */
static struct slot_count *scratch_at(struct correlate *co, uint64_t value)
{
	size_t i = value & (co->scratch_cap - 1);

	while (co->scratch[i].turn == co->scratch_turn && co->scratch[i].value != value)
		i = (i + 1) & (co->scratch_cap - 1);
	if (co->scratch[i].turn != co->scratch_turn)
		co->scratch[i] = (struct slot_count){ value, co->scratch_turn, 0 };
	return &co->scratch[i];
}

static int scratch_ready(struct correlate *co, size_t items, struct err *err)
{
	size_t cap = 64;

	while (cap < items * 2)
		cap *= 2;
	if (cap > co->scratch_cap) {
		struct slot_count *s = calloc(cap, sizeof(*s));

		if (s == NULL)
			return err_nomem(err);
		free(co->scratch);
		co->scratch = s;
		co->scratch_cap = cap;
		co->scratch_turn = 0;
	}
	if (++co->scratch_turn == 0) { /* wrapped: old marks would look new */
		memset(co->scratch, 0, co->scratch_cap * sizeof(*co->scratch));
		co->scratch_turn = 1;
	}
	return 0;
}

/* Keeps for each rule of the chain the latest time at which a chain up to it began. */
static void chain_add(struct pass *ps, const struct item *it)
{
	size_t k = it->place;

	if (k == 0)
		ps->start[0] = it->last_ns;
	else if (ps->start[k - 1] > ps->start[k])
		ps->start[k] = ps->start[k - 1];
	ps->chained = k + 1 == ps->c->n_rules && ps->start[k] != INT64_MIN &&
		      it->last_ns - ps->start[k] <= ps->c->timespan_ns;
}

static void pass_add(struct pass *ps, const struct item *it)
{
	bool counts = (it->flags & ITEM_COUNTS) != 0 && it->count > 0;

	ps->chained = false;
	ps->events += counts;
	if (ps->c->type == CORR_VALUE_COUNT && (it->flags & ITEM_COUNTS) != 0)
		ps->distinct += scratch_at(ps->co, it->value)->n++ == 0;
	if ((it->flags & ITEM_PRESENT) == 0)
		return;
	if (ps->c->type == CORR_TEMPORAL)
		ps->rules_in += ps->per_rule[it->place]++ == 0;
	else if (ps->c->type == CORR_TEMPORAL_ORDERED)
		chain_add(ps, it);
}

static void pass_remove(struct pass *ps, const struct item *it)
{
	ps->events -= (it->flags & ITEM_COUNTS) != 0 && it->count > 0;
	if (ps->c->type == CORR_VALUE_COUNT && (it->flags & ITEM_COUNTS) != 0)
		ps->distinct -= --scratch_at(ps->co, it->value)->n == 0;
	if (ps->c->type == CORR_TEMPORAL && (it->flags & ITEM_PRESENT) != 0)
		ps->rules_in -= --ps->per_rule[it->place] == 0;
}

static bool pass_holds(const struct pass *ps)
{
	switch (ps->c->type) {
	case CORR_EVENT_COUNT:
		return compare(ps->c->op, ps->events, ps->c->value);
	case CORR_VALUE_COUNT:
		return compare(ps->c->op, ps->distinct, ps->c->value);
	case CORR_TEMPORAL:
		return ps->rules_in == ps->c->n_rules;
	default:
		return ps->chained;
	}
}

int window_holds(struct correlate *co, const struct group *g, int64_t at_ns, int64_t *ret_from_ns,
		 struct err *err)
{
	const struct correlation *c = g->plan->rule->correlation;
	uint32_t per_rule_small[16] = { 0 };
	int64_t start_small[16], end_ns = at_ns + c->timespan_ns;
	struct pass ps = { .co = co, .c = c, .per_rule = per_rule_small, .start = start_small };
	const struct item *tail = g->first, *it;
	int r = -1;

	if (c->n_rules > 16) {
		ps.per_rule = calloc(c->n_rules, sizeof(*ps.per_rule));
		ps.start = calloc(c->n_rules, sizeof(*ps.start));
		if (ps.per_rule == NULL || ps.start == NULL) {
			err_nomem(err);
			goto out;
		}
	}
	for (size_t i = 0; i < c->n_rules; i++)
		ps.start[i] = INT64_MIN;
	if (c->type == CORR_VALUE_COUNT && scratch_ready(co, g->n_items, err) < 0)
		goto out;
	while (tail != NULL && tail->last_ns < at_ns - c->timespan_ns)
		tail = tail->next;
	r = 0;
	for (it = tail; it != NULL && it->last_ns <= end_ns; it = it->next) {
		pass_add(&ps, it);
		for (; tail->last_ns < it->last_ns - c->timespan_ns; tail = tail->next)
			pass_remove(&ps, tail);
		if (it->last_ns < at_ns || !pass_holds(&ps))
			continue;
		*ret_from_ns = it->last_ns - c->timespan_ns;
		r = 1;
		break;
	}
out:
	if (ps.per_rule != per_rule_small)
		free(ps.per_rule);
	if (ps.start != start_small)
		free(ps.start);
	return r;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/window.c: is a correlation's condition true in a window? One pass over the
 * group's items with a head and a tail, for windows that end at each item in turn. */
#include "collector/correlate/chain.h"
#include "collector/correlate/measure.h"

int window_holds(struct correlate *co, const struct group *g, const struct item *own,
		 int64_t *ret_from_ns, struct err *err)
{
	const struct correlation *c = g->plan->rule->correlation;
	bool ordered = c->type == CORR_TEMPORAL_ORDERED;
	const struct item *tail = g->first, *it;
	struct measure *m = co->measure;
	int64_t at_ns = own->last_ns, end_ns = at_ns + c->timespan_ns;
	bool judged = false; /* windows that end with own or behind it */

	if (measure_begin(m, c, err) < 0 || (ordered && chain_begin(co->chain, c, err) < 0))
		return -1;
	while (tail != NULL && tail->last_ns < at_ns - c->timespan_ns)
		tail = tail->next;
	for (it = tail; it != NULL && it->last_ns <= end_ns; it = it->next) {
		bool holds;

		if (measure_add(m, it, err) < 0)
			return -1;
		for (; tail->last_ns < it->last_ns - c->timespan_ns; tail = tail->next)
			measure_remove(m, tail);
		holds = ordered ? chain_add(co->chain, it, m->present) : measure_true(m, it);
		judged |= it == own;
		if (!judged || !holds)
			continue;
		*ret_from_ns = it->last_ns - c->timespan_ns;
		return 1;
	}
	return 0;
}

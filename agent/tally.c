/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/tally.h"

#include <stdio.h>

static void copy(struct input_stats *to, const struct input_stats *from)
{
	metric_set(&to->events, metric_get(&from->events));
	metric_set(&to->bytes, metric_get(&from->bytes));
	metric_set(&to->dropped, metric_get(&from->dropped));
	metric_set(&to->cut, metric_get(&from->cut));
	metric_set(&to->errors, metric_get(&from->errors));
	metric_set(&to->unread, metric_get(&from->unread));
	metric_set(&to->lost, metric_get(&from->lost));
	metric_set(&to->last_ns, metric_get(&from->last_ns));
}

void tally_keep(struct tally *ta, const struct input *in)
{
	struct tally_of *of;

	if (ta->n == CONFIG_INPUTS_MAX) { /* cannot be, with one set of inputs at a time */
		ta->gone += metric_get(&in->stats.dropped);
		return;
	}
	of = &ta->v[ta->n++];
	snprintf(of->id, sizeof(of->id), "%s", in->id);
	of->cls = in->cls;
	copy(&of->stats, &in->stats);
}

void tally_give(struct tally *ta, struct input *in)
{
	for (size_t i = 0; i < ta->n; i++) {
		if (ta->v[i].cls != in->cls || strcmp(ta->v[i].id, in->id) != 0)
			continue;
		copy(&in->stats, &ta->v[i].stats);
		metric_set(&ta->v[i].stats.dropped, 0); /* not gone, but its again */
		return;
	}
}

void tally_settle(struct tally *ta)
{
	for (size_t i = 0; i < ta->n; i++)
		ta->gone += metric_get(&ta->v[i].stats.dropped);
	ta->n = 0;
}

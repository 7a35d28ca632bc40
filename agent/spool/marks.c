/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/marks.c: the checkpoint last taken for a key, durable or not yet: in the lane's
 * newest table that has it. Thread: the loop thread. */
#include "agent/spool/lane.h"

#define TABLES_MAX (WAITING_MAX + GROUP_MAX + 2) /* of checkpoints, in a lane */

/* The lane's tables of checkpoints, the newest first. */
static size_t tables(const struct worker *w, const struct checkpoints *out[TABLES_MAX])
{
	size_t n = 0;

	if (w->open != NULL)
		out[n++] = &w->open->checkpoints;
	for (unsigned i = w->n_waiting; i > 0; i--)
		out[n++] = &w->waiting[i - 1]->checkpoints;
	for (unsigned i = w->n_writing; i > 0; i--)
		out[n++] = &w->writing[i - 1]->checkpoints;
	out[n++] = &w->sh.durable;
	return n;
}

struct slice spool_checkpoint(struct spool *sp, struct slice key)
{
	const struct checkpoints *t[TABLES_MAX];

	for (int i = 0; i < LANES; i++)
		for (size_t k = 0, n = tables(&sp->w[i], t); k < n; k++) {
			const struct checkpoint *c = checkpoints_get(t[k], key);

			if (c != NULL)
				return checkpoint_value(c);
		}
	return (struct slice){ NULL, 0 };
}

struct visit {
	const struct checkpoints *newer[TABLES_MAX];
	size_t n_newer;
	void (*each)(void *arg, struct slice key, struct slice value);
	void *arg;
};

static void visit_one(void *arg, const struct checkpoint *c)
{
	struct visit *v = arg;

	for (size_t i = 0; i < v->n_newer; i++)
		if (checkpoints_get(v->newer[i], checkpoint_key(c)) != NULL)
			return;
	if (c->value_n > 0)
		v->each(v->arg, checkpoint_key(c), checkpoint_value(c));
}

void spool_checkpoints(struct spool *sp,
		       void (*each)(void *arg, struct slice key, struct slice value), void *arg)
{
	for (int i = 0; i < LANES; i++) {
		struct visit v = { .each = each, .arg = arg };
		size_t n = tables(&sp->w[i], v.newer);

		for (; v.n_newer < n; v.n_newer++)
			checkpoints_each(v.newer[v.n_newer], visit_one, &v);
	}
}

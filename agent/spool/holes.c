/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/holes.c: stretches of a lane's log whose blocks are all acknowledged, behind one that
 * is not. */
#include "agent/spool/shelf.h"

struct seg_pos holes_pass(const struct shelf *sh, struct seg_pos pos)
{
	for (size_t i = 0; i < sh->n_holes; i++)
		if (seg_pos_cmp(sh->holes[i].from, pos) <= 0 &&
		    seg_pos_cmp(pos, sh->holes[i].to) < 0)
			pos = sh->holes[i].to; /* the next may begin just here */
	return pos;
}

static void hole_remove(struct shelf *sh, size_t i)
{
	memmove(sh->holes + i, sh->holes + i + 1, (sh->n_holes - i - 1) * sizeof(*sh->holes));
	sh->n_holes--;
}

void holes_add(struct shelf *sh, struct seg_pos from, struct seg_pos to)
{
	size_t i = 0;

	while (i < sh->n_holes && seg_pos_cmp(sh->holes[i].to, from) < 0)
		i++;
	if (i < sh->n_holes && seg_pos_cmp(sh->holes[i].from, to) <= 0) { /* they touch */
		struct hole *h = &sh->holes[i];

		if (seg_pos_cmp(from, h->from) < 0)
			h->from = from;
		if (seg_pos_cmp(to, h->to) > 0)
			h->to = to;
		while (i + 1 < sh->n_holes && seg_pos_cmp(sh->holes[i + 1].from, h->to) <= 0) {
			if (seg_pos_cmp(sh->holes[i + 1].to, h->to) > 0)
				h->to = sh->holes[i + 1].to;
			hole_remove(sh, i + 1);
		}
		return;
	}
	if (sh->n_holes >= 2 * HOLES_MAX ||
	    shelf_grow((void **)&sh->holes, sh->n_holes, &sh->cap_holes, sizeof(*sh->holes)) < 0)
		return;
	memmove(sh->holes + i + 1, sh->holes + i, (sh->n_holes - i) * sizeof(*sh->holes));
	sh->holes[i] = (struct hole){ from, to };
	sh->n_holes++;
}

void holes_trim(struct shelf *sh, struct seg_pos head)
{
	for (int age = 0; age < AGES; age++) /* what is forgotten must not be read again */
		sh->at[age] = holes_pass(sh, sh->at[age]);
	while (sh->n_holes > 0 && seg_pos_cmp(sh->holes[0].to, head) <= 0)
		hole_remove(sh, 0);
}

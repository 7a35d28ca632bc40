/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/runs.c: what lies on disk, counted by runs (one for each file and epoch), so an
 * outage of weeks costs disk and no memory. */
#include "agent/spool/shelf.h"

#include <stdlib.h>

/* Room for one more element; *p may move. */
int shelf_grow(void **p, size_t n, size_t *cap, size_t size)
{
	size_t want = *cap > 0 ? *cap * 2 : 8;
	void *q;

	if (n < *cap)
		return 0;
	q = realloc(*p, want * size);
	if (q == NULL)
		return -1;
	*p = q;
	*cap = want;
	return 0;
}

static void held_add(struct spool_stats *st, const struct run *r, int sign)
{
	metric_add(&st->blocks, sign > 0 ? r->blocks : 0 - r->blocks);
	metric_add(&st->events, sign > 0 ? r->events : 0 - r->events);
	metric_add(&st->bytes, sign > 0 ? r->bytes : 0 - r->bytes);
}

int runs_add(struct shelf *sh, struct seg_pos pos, const struct block_record *b)
{
	struct run one = { .file = pos.file,
			   .epoch = b->epoch,
			   .blocks = 1,
			   .events = b->events,
			   .bytes = b->frame.n,
			   .first_number = b->number,
			   .oldest_ns = b->closed_ns };
	struct run *last = sh->n_runs > 0 ? &sh->runs[sh->n_runs - 1] : NULL;

	if (last != NULL && last->file == one.file && last->epoch == one.epoch) {
		last->blocks++;
		last->events += one.events;
		last->bytes += one.bytes;
	} else {
		if (shelf_grow((void **)&sh->runs, sh->n_runs, &sh->cap_runs, sizeof(*sh->runs)) <
		    0)
			return -1;
		sh->runs[sh->n_runs++] = one;
	}
	held_add(sh->stats, &one, 1);
	return 0;
}

struct tally runs_held(const struct shelf *sh)
{
	struct tally t = { 0 };

	for (size_t i = 0; i < sh->n_runs; i++) {
		t.blocks += sh->runs[i].blocks;
		t.events += sh->runs[i].events;
	}
	return t;
}

static void run_remove(struct shelf *sh, size_t i)
{
	memmove(sh->runs + i, sh->runs + i + 1, (sh->n_runs - i - 1) * sizeof(*sh->runs));
	sh->n_runs--;
}

/* One block less. head: it was the oldest of its run. */
void runs_sub(struct shelf *sh, const struct lent *le, bool head)
{
	const struct run one = { .blocks = 1, .events = le->events, .bytes = le->bytes };

	for (size_t i = 0; i < sh->n_runs; i++) {
		struct run *r = &sh->runs[i];

		if (r->file != le->pos.file || r->epoch != le->epoch)
			continue;
		held_add(sh->stats, &one, -1);
		r->blocks--;
		r->events -= le->events;
		r->bytes -= le->bytes;
		if (head && r->first_number <= le->number)
			r->first_number = le->number + 1;
		if (r->blocks == 0)
			run_remove(sh, i);
		return;
	}
}

void runs_purge(struct shelf *sh, uint64_t below_file, enum loss loss)
{
	while (sh->n_runs > 0 && sh->runs[0].file < below_file) {
		if (loss == LOSS_DAMAGED)
			damage_add(sh, sh->runs[0].blocks, sh->runs[0].events);
		if (loss == LOSS_DROPPED) {
			metric_add(&sh->stats->blocks_dropped, sh->runs[0].blocks);
			metric_add(&sh->stats->events_dropped, sh->runs[0].events);
		}
		held_add(sh->stats, &sh->runs[0], -1);
		run_remove(sh, 0);
	}
}

void runs_forget(struct shelf *sh, uint64_t from_file, uint64_t to_file)
{
	for (size_t i = 0; i < sh->n_runs;) {
		if (sh->runs[i].file < from_file || sh->runs[i].file >= to_file) {
			i++;
			continue;
		}
		held_add(sh->stats, &sh->runs[i], -1);
		run_remove(sh, i);
	}
}

uint64_t shelf_floor(const struct shelf *sh, uint64_t epoch)
{
	for (size_t i = 0; i < sh->n_runs; i++)
		if (sh->runs[i].epoch == epoch)
			return sh->runs[i].first_number;
	return UINT64_MAX;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/damage.c: what damage on disk took. A block that was counted before its place went
 * bad is missing in the runs in the end; one that was bad already when the log was opened was never
 * in them: its own header is asked, and believed where it fits between the blocks around it. */
#include "agent/spool/shelf.h"

#include "common/store/le.h"

#define RECORD_HEAD 24u /* of segments, and of a block's payload: docs/formats.md */
#define BLOCK_HEAD  48u

void damage_add(struct shelf *sh, uint64_t blocks, uint64_t events)
{
	metric_add(&sh->stats->blocks_damaged, blocks);
	metric_add(&sh->stats->events_damaged, events);
}

void damage_seen(struct shelf *sh, const struct seg_record *rec, const struct block_record *b)
{
	struct seg_pos at = sh->replayed.next;

	if (at.file == rec->pos.file && at.offset < rec->pos.offset && sh->n_gaps < GAPS_MAX)
		sh->gaps[sh->n_gaps++] = (struct gap){ .from = at,
						       .to = rec->pos,
						       .epoch = sh->replayed.epoch,
						       .number = sh->replayed.number,
						       .seq = sh->replayed.seq };
	sh->replayed.next = rec->next;
	if (b == NULL)
		return;
	for (unsigned i = 0; i < sh->n_gaps; i++) {
		struct gap *g = &sh->gaps[i];

		if (g->next_epoch == 0) { /* the first block behind it */
			g->next_epoch = b->epoch;
			g->next_number = b->number;
			g->next_seq = b->first_seq;
		}
	}
	sh->replayed.epoch = b->epoch;
	sh->replayed.number = b->number;
	sh->replayed.seq = b->first_seq + b->events;
}

/* Does a block with these numbers stand between those around it? */
static bool fits(const struct gap *g, uint64_t epoch, uint64_t number, uint64_t seq,
		 uint64_t events)
{
	if (number == 0 || events == 0 || (epoch != g->epoch && epoch != g->next_epoch))
		return false;
	if (epoch == g->epoch && (number <= g->number || seq < g->seq))
		return false;
	return epoch != g->next_epoch ||
	       (number < g->next_number && events <= g->next_seq && seq <= g->next_seq - events);
}

static void count_gap(struct shelf *sh, struct gap *g)
{
	uint8_t h[RECORD_HEAD + BLOCK_HEAD];

	while (g->from.offset < g->to.offset &&
	       seglog_raw(sh->log, g->from, h, sizeof(h)) == (ssize_t)sizeof(h)) {
		const uint8_t *b = h + RECORD_HEAD;
		uint64_t room = RECORD_HEAD + ((le32_get(h) + UINT64_C(7)) & ~UINT64_C(7));
		uint64_t epoch = le64_get(b), number = le64_get(b + 8), seq = le64_get(b + 16);
		uint32_t events = le32_get(b + 40);

		if (h[16] == SPOOL_BLOCK && fits(g, epoch, number, seq, events)) {
			damage_add(sh, 1, events);
			g->epoch = epoch;
			g->number = number;
			g->seq = seq + events;
		}
		if (room > g->to.offset - g->from.offset)
			break; /* its length is part of what is damaged */
		g->from.offset += room;
	}
}

void damage_count(struct shelf *sh)
{
	for (unsigned i = 0; i < sh->n_gaps; i++)
		if (seg_pos_cmp(sh->gaps[i].from, sh->at[BACKLOG]) >= 0 &&
		    seg_pos_cmp(holes_pass(sh, sh->gaps[i].from), sh->gaps[i].from) == 0)
			count_gap(sh, &sh->gaps[i]);
	sh->n_gaps = 0;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/damage.c: what damage on disk took. The log says what its lane had taken before each
 * block and each file, and how much of that was gone at the last acknowledgement: what is neither
 * gone nor found was lost. What was found, and cannot be read later, is missing in the runs. */
#include "agent/spool/shelf.h"

void damage_add(struct shelf *sh, uint64_t blocks, uint64_t events)
{
	metric_add(&sh->stats->blocks_damaged, blocks);
	metric_add(&sh->stats->events_damaged, events);
}

void damage_block(struct shelf *sh, const struct block_record *b)
{
	if (b->counted)
		sh->taken = b->before;
	sh->taken.blocks++;
	sh->taken.events += b->events;
}

void damage_snapshot(struct shelf *sh)
{
	const struct checkpoint *c = checkpoints_get(&sh->durable, taken_key);

	if (c == NULL)
		return;
	(void)taken_read(checkpoint_value(c), &sh->taken);
	(void)checkpoints_put(&sh->durable, taken_key, (struct slice){ NULL, 0 });
}

void damage_count(struct shelf *sh)
{
	const struct tally held = runs_held(sh);
	const uint64_t blocks = sh->gone.blocks + held.blocks;
	const uint64_t events = sh->gone.events + held.events;

	sh->added_up_to = sh->put = sh->taken;
	if (sh->gone_known && sh->taken.blocks > blocks && sh->taken.events > events)
		damage_add(sh, sh->taken.blocks - blocks, sh->taken.events - events);
}

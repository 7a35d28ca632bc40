/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/chain.h: temporal_ordered: does an event end a chain of events whose rules
 * stand in the order of the list, all within the timespan? For each rule of each term it knows the
 * latest time at which a chain up to there began; for conditions on a number of rules the same for
 * each length. Items are given in order of time; nothing is ever taken out. */
#ifndef VARTIO_CORRELATE_CHAIN_H
#define VARTIO_CORRELATE_CHAIN_H

#include "collector/correlate/state.h"

struct chain {
	const struct correlation *c;
	int64_t *start;
	size_t cap;
};

/* Empties it for windows of c. -1: no memory. A zeroed struct is ready for it. */
int chain_begin(struct chain *ch, const struct correlation *c, struct err *err);
/* Takes the next item. present: which rules are in the window that ends with it. */
bool chain_add(struct chain *ch, const struct item *it, uint64_t present);
void chain_release(struct chain *ch);

#endif

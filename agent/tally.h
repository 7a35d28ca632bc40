/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/tally.h: the inputs' counters over a reload: the inputs are opened afresh then, but what
 * was counted since the agent's start stays counted. Thread: the loop thread. */
#ifndef VARTIO_AGENT_TALLY_H
#define VARTIO_AGENT_TALLY_H

#include "agent/config.h"

struct tally {
	struct tally_of {
		char id[80];
		const struct input_class *cls;
		struct input_stats stats;
	} v[CONFIG_INPUTS_MAX];
	size_t n;
	uint64_t gone; /* dropped by inputs that the settings do not name any more */
};
void tally_keep(struct tally *ta, const struct input *in); /* it is closed and goes away */
void tally_give(struct tally *ta, struct input *in); /* what its like of that id had counted */
void tally_settle(struct tally *ta); /* all new inputs have got theirs: the rest is gone */

#endif

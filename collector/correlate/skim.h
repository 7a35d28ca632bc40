/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/skim.h: an event without the members that no rule looks at. Rebuilding the
 * windows reads a day of events of which it wants an address and a name: copying these out and
 * indexing the copy costs half of indexing all. */
#ifndef VARTIO_CORRELATE_SKIM_H
#define VARTIO_CORRELATE_SKIM_H

#include "common/base/buf.h"

#define SKIM_MAX 64u

struct skim_set { /* first words of the paths that are wanted: "source" of "source.ip" */
	struct slice word[SKIM_MAX];
	size_t n;
	uint64_t mask; /* of what they begin with and how long they are */
	bool all;      /* too many: nothing is left out */
};

/* Wants that dotted path, which is borrowed. */
void skim_want(struct skim_set *set, struct slice path);
/* Puts the wanted members of the JSON object event into out, in their order and as they are. The
 * event was checked when it was written; false: it is not such an object, or all is wanted, and out
 * is undefined. */
bool skim(const struct skim_set *set, struct slice event, struct buf *out);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/literals.h: which of many literals does a text hold? One pass over the text for
 * all of them: whole values, beginnings and ends by a hash of at most 8 bytes, contained ones by
 * their rarest four bytes in a bitmap that fits the first cache. What a hash lets through is
 * compared, so an answer is exact.
 * Thread: an index is immutable once built. */
#ifndef VARTIO_DETECT_LITERALS_H
#define VARTIO_DETECT_LITERALS_H

#include "collector/detect/literal_odds.h"
#include "collector/detect/pattern.h"
#include "common/base/err.h"

#define LITERAL_MIN 2u /* bytes of a contained literal; one alone is in nearly every text */

struct literal {
	struct slice text; /* folded, not empty; lives as long as the index */
	enum shape shape;  /* SHAPE_EXACT, _PREFIX, _SUFFIX or _CONTAINS */
	uint32_t number;   /* the caller's: the bit that a hit sets */
};

struct literals;
/* Sorts v. What it makes lives in mem. NULL: no memory. */
struct literals *literals_new(struct literal *v, unsigned n, struct arena *mem);
/* Sets bit `number` of bits for each literal that the folded text holds. ascii: it has no byte
 * above 0x7f. */
void literals_scan(const struct literals *ls, struct slice text, bool ascii, uint64_t *bits);

#endif

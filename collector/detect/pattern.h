/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/pattern.h: Sigma's string values: wildcards, escapes, case folding, encodings.
 * While a value is being prepared it is a run of bytes in which WILD_MANY and WILD_ONE stand for
 * the wildcards; neither byte occurs in UTF-8. */
#ifndef VARTIO_DETECT_PATTERN_H
#define VARTIO_DETECT_PATTERN_H

#include "common/base/arena.h"
#include "common/base/buf.h"

#define WILD_MANY '\xff'
#define WILD_ONE  '\xfe'

/* Appends a value as a rule writes it: * and ? become wildcards; \* \? \\ the characters
 * themselves; any other backslash stands for itself. */
void pattern_read(struct slice text, struct buf *out);
bool pattern_has_wild(struct slice s);

enum shape {
	SHAPE_ANY,
	SHAPE_EXACT,
	SHAPE_PREFIX,
	SHAPE_SUFFIX,
	SHAPE_CONTAINS,
	SHAPE_PIECES,
	SHAPE_GLOB
};
struct pattern {
	enum shape shape;
	struct slice lit; /* the literal; for SHAPE_PIECES (`*a*b*`) and SHAPE_GLOB the whole, with
			   * wildcards */
};
/* The shape of a prepared value, whose bytes stay borrowed. */
struct pattern pattern_of(struct slice s);
bool pattern_match(const struct pattern *pt, struct slice text); /* both folded, or neither */

/* Lower case by Unicode's simple mapping. text itself where nothing changes, else a copy in mem; p
 * is NULL when memory is out. Wildcard bytes pass unchanged. */
struct slice fold(struct slice text, struct arena *mem);

/* Lower case of the ASCII characters that p begins with, to out (which may be p). How many there
 * are. */
size_t lower_ascii(const char *p, size_t n, char *out);

/* Sigma's encodings, of values without wildcards. -1: not UTF-8. */
int encode_utf16(struct slice in, bool big_endian, bool bom, struct buf *out);
void encode_base64(struct slice in, struct buf *out);
void encode_base64_offset(struct slice in, unsigned offset, struct buf *out); /* offset 0, 1, 2 */

#endif

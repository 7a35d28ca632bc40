/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/regex_literal.h: a text that every match of a regular expression holds. */
#ifndef VARTIO_DETECT_REGEX_LITERAL_H
#define VARTIO_DETECT_REGEX_LITERAL_H

#include "collector/detect/pattern.h"
#include "collector/detect/signature.h"

struct regex_parts {        /* of what every match holds, if it is ASCII, in lower case */
	struct buf literal; /* the least common text of at least three bytes, or nothing */
	struct buf
		skeleton;  /* all such texts in their order, with WILD_MANY before, between and
			    * behind them: a pattern that every match fits; empty: nothing known */
	struct pairs need; /* of all these texts */
	struct buf line;   /* not empty: the whole expression is this pattern, as written, for
			    * some line of the value (`.` being any character but a line's end) */
};
/* What can be said of a regular expression (PCRE2's syntax) without running it; nothing when it
 * uses what this reader does not follow. It holds for ASCII values only, and whether or not
 * letters' case counts: without regard to case, PCRE2 lets U+017F stand for an s. A zeroed *ret is
 * ready; release both bufs. */
void regex_read_parts(struct slice regex, struct regex_parts *ret);
void regex_parts_release(struct regex_parts *parts);

#endif

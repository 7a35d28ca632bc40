/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/event/json_check.h"

#include "common/event/json.h"
#include "common/event/json_lex.h"

/* Within these json.h's bounds cannot be passed: a value takes two bytes at least. */
#define TEXT_MAX  (2 * JSON_FIELDS_MAX)
#define DEPTH_MAX 8u
#define KEY_MAX   (JSON_PATH_MAX / DEPTH_MAX - 1)

struct check {
	const char *p, *end;
};

static void blanks(struct check *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

/* A member's name and its colon. */
static bool key(struct check *c)
{
	const char *from = c->p;

	if (c->p == c->end || *c->p++ != '"' || !json_string(&c->p, c->end, true) ||
	    (size_t)(c->p - from) > KEY_MAX + 2)
		return false;
	blanks(c);
	if (c->p == c->end || *c->p++ != ':')
		return false;
	blanks(c);
	return true;
}

/* Closes what ends at c->p. false: neither the next member nor an end. *open: objects and arrays
 * that are open, the innermost last: '{' or '['. */
static bool after_value(struct check *c, const char *open, unsigned *depth)
{
	for (;;) {
		blanks(c);
		if (c->p == c->end)
			return false;
		if (*c->p == ',') {
			c->p++;
			blanks(c);
			return open[*depth - 1] == '[' || key(c);
		}
		if (*c->p++ != (open[*depth - 1] == '{' ? '}' : ']'))
			return false;
		if (--*depth == 0)
			return true;
	}
}

bool json_check(struct slice text)
{
	struct check c = { text.p, text.p + text.n };
	char open[DEPTH_MAX];
	unsigned depth = 0;

	if (text.n > TEXT_MAX || text.n == 0 || *c.p != '{')
		return false;
	do { /* at the first byte of a value */
		if (c.p == c.end)
			return false;
		if (*c.p == '{' || *c.p == '[') {
			if (depth == DEPTH_MAX)
				return false;
			open[depth++] = *c.p++;
			blanks(&c);
			if (c.p < c.end && *c.p == open[depth - 1] + 2) { /* ASCII: } and ] */
				c.p++;
				if (--depth == 0)
					break;
			} else if (open[depth - 1] == '[' || key(&c)) {
				continue;
			} else {
				return false;
			}
		} else if (!json_scalar(&c.p, c.end, true)) {
			return false;
		}
		if (!after_value(&c, open, &depth))
			return false;
	} while (depth > 0);
	return c.p == c.end;
}

/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/event/json_check.h"

#include "common/event/json.h"
#include "common/event/json_lex.h"

/* Within these json.h's bounds cannot be passed: a value takes two bytes at least. */
#define TEXT_MAX  (2 * JSON_FIELDS_MAX)
#define DEPTH_MAX 8u
#define KEY_MAX   (JSON_PATH_MAX / DEPTH_MAX - 1)

/* The text ends with a brace, so what stops at a brace needs no look at the end. */
static inline const char *blanks(const char *p)
{
	while ((uint8_t)*p <= ' ' && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

/* A member's name and its colon, to its value. */
static inline bool key(const char **p, const char *end)
{
	const char *from = *p;

	if (*from != '"')
		return false;
	++*p;
	if (!json_string(p, end, true) || (size_t)(*p - from) > KEY_MAX + 2)
		return false;
	*p = blanks(*p);
	if (**p != ':')
		return false;
	*p = blanks(*p + 1);
	return true;
}

bool json_check(struct slice text)
{
	const char *p = text.p, *const end = text.p + text.n;
	uint32_t arrays = 0; /* a bit for each open object (0) or array (1), the innermost lowest */
	unsigned depth = 0;
	char close = '}';

	if (text.n > TEXT_MAX || text.n < 2 || *p != '{' || end[-1] != '}')
		return false;
	for (;;) { /* at the first byte of a value */
		if (*p == '{' || *p == '[') {
			if (depth++ == DEPTH_MAX)
				return false;
			arrays = arrays << 1 | (*p == '[');
			close = *p == '[' ? ']' : '}';
			p = blanks(p + 1);
			if (*p != close) {
				if (close == '}' && !key(&p, end))
					return false;
				continue;
			}
		} else if (json_scalar(&p, end, true)) {
			p = blanks(p);
		} else {
			return false;
		}
		for (; *p == close; p = blanks(p)) {
			if (--depth == 0 || ++p == end)
				return depth == 0 && p + 1 == end;
			arrays >>= 1;
			close = (arrays & 1) != 0 ? ']' : '}';
		}
		if (*p != ',')
			return false;
		p = blanks(p + 1);
		if (close == '}' && !key(&p, end))
			return false;
	}
}

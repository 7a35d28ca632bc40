/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/event/json_check.h"

#include "common/base/text.h"
#include "common/event/json.h"
#include "common/event/json_text.h"
#include "common/event/utf8.h"

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

static inline bool escape(struct check *c)
{
	static const bool known[256] = { ['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true,
					 ['f'] = true, ['n'] = true,  ['r'] = true, ['t'] = true };

	if (c->end - c->p < 2)
		return false;
	if (c->p[1] != 'u') {
		c->p += 2;
		return known[(uint8_t)c->p[-1]];
	}
	if (c->end - c->p < 6)
		return false;
	for (int i = 2; i < 6; i++)
		if (!char_is_digit(c->p[i]) && ((c->p[i] | 0x20) < 'a' || (c->p[i] | 0x20) > 'f'))
			return false;
	c->p += 6;
	return true;
}

/* Behind a string's opening quote; to behind its closing one. */
static inline bool string(struct check *c)
{
	for (;;) {
		c->p = json_skip_plain(c->p, c->end);
		if (c->p == c->end)
			return false;
		if (*c->p == '"') {
			c->p++;
			return true;
		}
		if (*c->p == '\\') {
			if (!escape(c))
				return false;
		} else {
			size_t n = (uint8_t)*c->p < 0x20
					   ? 0
					   : utf8_length(c->p, (size_t)(c->end - c->p));

			if (n == 0)
				return false;
			c->p += n;
		}
	}
}

static bool digits(struct check *c)
{
	const char *from = c->p;

	while (c->p < c->end && char_is_digit(*c->p))
		c->p++;
	return c->p > from;
}

static bool number(struct check *c)
{
	c->p += *c->p == '-';
	if (c->p < c->end && *c->p == '0')
		c->p++;
	else if (!digits(c))
		return false;
	if (c->p < c->end && *c->p == '.') {
		c->p++;
		if (!digits(c))
			return false;
	}
	if (c->p < c->end && (*c->p | 0x20) == 'e') {
		c->p++;
		if (c->p < c->end && (*c->p == '+' || *c->p == '-'))
			c->p++;
		return digits(c);
	}
	return true;
}

static bool word(struct check *c, const char *text, size_t n)
{
	if ((size_t)(c->end - c->p) < n || memcmp(c->p, text, n) != 0)
		return false;
	c->p += n;
	return true;
}

static bool scalar(struct check *c)
{
	switch (*c->p) {
	case '"':
		c->p++;
		return string(c);
	case 't':
		return word(c, "true", 4);
	case 'f':
		return word(c, "false", 5);
	case 'n':
		return word(c, "null", 4);
	default:
		return (*c->p == '-' || char_is_digit(*c->p)) && number(c);
	}
}

/* A member's name and its colon. */
static bool key(struct check *c)
{
	const char *from = c->p;

	if (c->p == c->end || *c->p++ != '"' || !string(c) || (size_t)(c->p - from) > KEY_MAX + 2)
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
		} else if (!scalar(&c)) {
			return false;
		}
		if (!after_value(&c, open, &depth))
			return false;
	} while (depth > 0);
	return c.p == c.end;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/json_lex.h: the smallest pieces of JSON text (RFC 8259), for the readers of it. Each
 * takes *p at the piece's first byte and leaves it behind the piece; when the piece is broken, at
 * the byte that is wrong. */
#ifndef VARTIO_EVENT_JSON_LEX_H
#define VARTIO_EVENT_JSON_LEX_H

#include "common/base/text.h"
#include "common/event/json_text.h"
#include "common/event/utf8.h"

static inline bool json_hex(char c)
{
	return char_is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Bytes of the escape whose backslash is at p: 2 or 6; 0: not one. */
static inline size_t json_escape_length(const char *p, const char *end)
{
	static const bool known[256] = { ['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true,
					 ['f'] = true, ['n'] = true,  ['r'] = true, ['t'] = true };

	if (end - p < 2)
		return 0;
	if (p[1] != 'u')
		return known[(uint8_t)p[1]] ? 2 : 0;
	return end - p >= 6 && json_hex(p[2]) && json_hex(p[3]) && json_hex(p[4]) && json_hex(p[5])
		       ? 6
		       : 0;
}

/* Bytes of what stands at p within a string and is to be looked at: an escape or a UTF-8 sequence;
 * 0: neither. */
static inline size_t json_odd_length(const char *p, const char *end, bool surrogates)
{
	size_t n;

	if (*p != '\\')
		return (uint8_t)*p >= 0x20 ? utf8_length(p, (size_t)(end - p)) : 0;
	n = json_escape_length(p, end);
	return n == 6 && !surrogates && (p[2] | 0x20) == 'd' && p[3] >= '8' ? 0 : n;
}

/* json_string of any string. */
bool json_string_any(const char **p, const char *end, bool surrogates);

/* From behind the opening quote to behind the closing one. surrogates: \ud800 to \udfff may be in
 * it. */
static inline bool json_string(const char **p, const char *end, bool surrogates)
{
	const char *q = *p;
	bool ok;

#ifdef JSON_MARKS
	if (end - q >= JSON_MARKS) { /* short and plain, as most are */
		uint32_t marks = json_marks(q);
		const char *at = q + (marks != 0 ? __builtin_ctz(marks) : 0);

		if (marks != 0 && *at == '"') {
			*p = at + 1;
			return true;
		}
	}
#endif
	ok = json_string_any(&q, end, surrogates);
	*p = q;
	return ok;
}

static inline bool json_digits(const char **p, const char *end)
{
	const char *from = *p;

	while (*p < end && char_is_digit(**p))
		++*p;
	return *p > from;
}

/* Section 6; there is a byte at *p. */
static inline bool json_number(const char **p, const char *end)
{
	*p += **p == '-';
	if (*p < end && **p == '0')
		++*p; /* no digits may follow */
	else if (!json_digits(p, end))
		return false;
	if (*p < end && **p == '.') {
		++*p;
		if (!json_digits(p, end))
			return false;
	}
	if (*p < end && (**p | 0x20) == 'e') {
		++*p;
		*p += *p < end && (**p == '+' || **p == '-');
		return json_digits(p, end);
	}
	return true;
}

static inline bool json_word(const char **p, const char *end, struct slice word)
{
	if (!slice_starts((struct slice){ *p, (size_t)(end - *p) }, word))
		return false;
	*p += word.n;
	return true;
}

/* A string, a number, true, false or null; there is a byte at *p. */
static inline bool json_scalar(const char **p, const char *end, bool surrogates)
{
	switch (**p) {
	case '"':
		++*p;
		return json_string(p, end, surrogates);
	case 't':
		return json_word(p, end, SLICE("true"));
	case 'f':
		return json_word(p, end, SLICE("false"));
	case 'n':
		return json_word(p, end, SLICE("null"));
	default:
		return (**p == '-' || char_is_digit(**p)) && json_number(p, end);
	}
}

#endif

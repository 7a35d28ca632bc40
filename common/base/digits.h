/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/digits.h: numbers as decimal text, two digits a step. */
#ifndef VARTIO_BASE_DIGITS_H
#define VARTIO_BASE_DIGITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DIGITS_MAX 20u /* of a uint64_t */

extern const char digits_pairs[201]; /* "00" to "99" */

static inline void digits_two(char *out, unsigned v) /* v below 100 */
{
	memcpy(out, digits_pairs + (size_t)2 * v, 2);
}

extern const uint64_t digits_powers[DIGITS_MAX]; /* 10 to the power of the place; 0 at 0 */

static inline size_t digits_count(uint64_t v)
{
	/* As many as bits make, or one more: 1233 / 4096 is a little above log10(2). */
	unsigned n = (64 - (unsigned)__builtin_clzll(v | 1)) * 1233 >> 12;

	return n + (v >= digits_powers[n]);
}

/* Writes v to out, without a NUL; returns how many digits. */
static inline size_t digits_put(char *out, uint64_t v)
{
	const size_t n = digits_count(v);
	char *p = out + n;

	for (; v >= 100; v /= 100)
		digits_two(p -= 2, (unsigned)(v % 100));
	if (v >= 10)
		digits_two(p - 2, (unsigned)v);
	else
		p[-1] = (char)('0' + v);
	return n;
}

#endif

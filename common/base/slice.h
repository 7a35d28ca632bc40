/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/slice.h: a borrowed run of bytes. Not NUL-terminated; may hold any byte. */
#ifndef VARTIO_BASE_SLICE_H
#define VARTIO_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

struct slice {
	const char *p; /* may be NULL when n is 0 */
	size_t n;      /* bytes */
};

#define SLICE(lit)   ((struct slice){ (lit), sizeof(lit) - 1 }) /* of a string literal */
#define SLICE_FMT(s) (int)(s).n, (s).p != NULL ? (s).p : ""     /* arguments for "%.*s" */

static inline struct slice slice_str(const char *s) /* NULL gives the empty slice */
{
	return (struct slice){ s, s != NULL ? strlen(s) : 0 };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_is(struct slice a, const char *s)
{
	return slice_eq(a, slice_str(s));
}

static inline bool slice_starts(struct slice a, struct slice prefix)
{
	return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

static inline bool slice_ends(struct slice a, struct slice suffix)
{
	return a.n >= suffix.n &&
	       (suffix.n == 0 || memcmp(a.p + a.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* The slice from byte `from` on; empty past the end. */
static inline struct slice slice_from(struct slice a, size_t from)
{
	return from >= a.n ? (struct slice){ a.p + a.n, 0 }
			   : (struct slice){ a.p + from, a.n - from };
}

/* Offset of byte c, or -1. */
static inline ssize_t slice_chr(struct slice a, char c)
{
	const char *q = a.n > 0 ? memchr(a.p, c, a.n) : NULL;

	return q != NULL ? (ssize_t)(q - a.p) : -1;
}

/* Offset of the last byte c, or -1. */
static inline ssize_t slice_rchr(struct slice a, char c)
{
	const char *q = a.n > 0 ? memrchr(a.p, c, a.n) : NULL;

	return q != NULL ? (ssize_t)(q - a.p) : -1;
}

/* Offset of the first occurrence of needle, or -1. */
static inline ssize_t slice_find(struct slice a, struct slice needle)
{
	const char *q;

	if (needle.n == 0)
		return 0;
	if (a.p == NULL || a.n < needle.n)
		return -1;
	q = memmem(a.p, a.n, needle.p, needle.n);
	return q != NULL ? (ssize_t)(q - a.p) : -1;
}

static inline bool char_is_blank(char c) /* space, tab, CR, LF: white space of XML and JSON */
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline bool char_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline struct slice slice_trim(struct slice a) /* blanks at both ends */
{
	while (a.n > 0 && char_is_blank(a.p[0])) {
		a.p++;
		a.n--;
	}
	while (a.n > 0 && char_is_blank(a.p[a.n - 1]))
		a.n--;
	return a;
}

/* A whole slice of decimal digits as a number. false, *ret untouched: empty, a non-digit, > max. */
bool slice_uint(struct slice a, uint64_t max, uint64_t *ret);
/* The same up to UINT64_MAX, or 0x and 1 to 16 hex digits of either case, as Windows writes
 * numbers. */
bool slice_number(struct slice s, uint64_t *ret);

#endif

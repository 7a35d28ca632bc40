/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/buf.h"

#include "common/base/digits.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_release(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

void buf_fit(struct buf *b)
{
	char *p = b->n > 0 && b->n < b->cap ? realloc(b->p, b->n) : NULL;

	if (p == NULL)
		return;
	b->p = p;
	b->cap = b->n;
}

int buf_reserve(struct buf *b, size_t more)
{
	size_t want, cap = b->cap > 0 ? b->cap : 64;
	char *p;

	if (b->failed || more > SIZE_MAX / 2 - b->n)
		goto fail;
	want = b->n + more;
	if (want <= b->cap)
		return 0;
	while (cap < want)
		cap *= 2;
	p = realloc(b->p, cap);
	if (p == NULL)
		goto fail;
	b->p = p;
	b->cap = cap;
	return 0;
fail:
	b->failed = true;
	return -1;
}

void buf_u64(struct buf *b, uint64_t v)
{
	if ((!b->failed && b->cap - b->n >= DIGITS_MAX) || buf_reserve(b, DIGITS_MAX) == 0)
		b->n += digits_put(b->p + b->n, v);
}

void buf_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_chr(b, '-');
	buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		b->failed = true;
	else if (buf_reserve(b, (size_t)n + 1) == 0) {
		vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

void buf_eat(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

const char *buf_cstr(struct buf *b)
{
	if (buf_reserve(b, 1) < 0)
		return "";
	b->p[b->n] = '\0';
	return b->p;
}

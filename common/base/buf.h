/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/buf.h: a growing run of bytes.
 * Appending remembers a failure, so a writer appends all it has and asks once at the end. */
#ifndef VARTIO_BASE_BUF_H
#define VARTIO_BASE_BUF_H

#include "common/base/err.h"
#include "common/base/slice.h"

struct buf {
	char *p;
	size_t n, cap;
	bool failed; /* an append did not fit in memory; nothing more is taken until buf_reset */
};

/* A zeroed struct is an empty buffer. */
void buf_release(struct buf *b);             /* frees and zeroes */
void buf_reset(struct buf *b);               /* empties, keeps the memory */
void buf_fit(struct buf *b);                 /* gives back what is past n */
int buf_reserve(struct buf *b, size_t more); /* room for `more` bytes past n. 0, or -1 and failed */
/* Inline where there is room, which is nearly always: events are written by these. */
static inline void buf_put(struct buf *b, const void *p, size_t n)
{
	if (n == 0 || ((b->failed || b->cap - b->n < n) && buf_reserve(b, n) < 0))
		return;
	memcpy(b->p + b->n, p, n);
	b->n += n;
}
static inline void buf_slice(struct buf *b, struct slice s)
{
	buf_put(b, s.p, s.n);
}
static inline void buf_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}
static inline void buf_chr(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}
void buf_u64(struct buf *b, uint64_t v); /* decimal */
void buf_i64(struct buf *b, int64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_eat(struct buf *b, size_t n); /* drops the first n bytes, n <= b->n */
/* A NUL after the last byte, not counted in n. "" when empty or failed. Lent until the next call.
 */
const char *buf_cstr(struct buf *b);

static inline struct slice buf_view(const struct buf *b) /* lent until the next append */
{
	return (struct slice){ b->p, b->n };
}

#endif

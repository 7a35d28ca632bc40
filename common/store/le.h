/* SPDX-License-Identifier: EUPL-1.2 */
/* common/store/le.h: little-endian numbers of our files, whatever the machine. */
#ifndef VARTIO_STORE_LE_H
#define VARTIO_STORE_LE_H

#include "common/base/buf.h"

static inline void le16_set(void *at, uint16_t v)
{
	uint8_t *p = at;

	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void le32_set(void *at, uint32_t v)
{
	uint8_t *p = at;

	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline void le64_set(void *at, uint64_t v)
{
	uint8_t *p = at;

	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint16_t le16_get(const void *at)
{
	const uint8_t *p = at;

	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t le32_get(const void *at)
{
	const uint8_t *p = at;

	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t le64_get(const void *at)
{
	const uint8_t *p = at;

	return (uint64_t)le32_get(p) | (uint64_t)le32_get(p + 4) << 32;
}

static inline void le16_put(struct buf *out, uint16_t v)
{
	uint8_t b[2];

	le16_set(b, v);
	buf_put(out, b, sizeof(b));
}

static inline void le32_put(struct buf *out, uint32_t v)
{
	uint8_t b[4];

	le32_set(b, v);
	buf_put(out, b, sizeof(b));
}

static inline void le64_put(struct buf *out, uint64_t v)
{
	uint8_t b[8];

	le64_set(b, v);
	buf_put(out, b, sizeof(b));
}

/* A cursor over bytes that remembers its first shortage: read all fields, ask `bad` once. */
struct le_cursor {
	struct slice in;
	bool bad;
};

static inline struct slice le_take(struct le_cursor *c, size_t n)
{
	struct slice s = { c->in.p, n };

	if (c->bad || c->in.n < n) {
		c->bad = true;
		return (struct slice){ NULL, 0 };
	}
	c->in = slice_from(c->in, n);
	return s;
}

static inline uint8_t le_u8(struct le_cursor *c)
{
	struct slice s = le_take(c, 1);

	return s.n == 1 ? (uint8_t)s.p[0] : 0;
}

static inline uint16_t le_u16(struct le_cursor *c)
{
	struct slice s = le_take(c, 2);

	return s.n == 2 ? le16_get(s.p) : 0;
}

static inline uint32_t le_u32(struct le_cursor *c)
{
	struct slice s = le_take(c, 4);

	return s.n == 4 ? le32_get(s.p) : 0;
}

static inline uint64_t le_u64(struct le_cursor *c)
{
	struct slice s = le_take(c, 8);

	return s.n == 8 ? le64_get(s.p) : 0;
}

#endif

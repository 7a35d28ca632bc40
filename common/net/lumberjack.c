/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/lumberjack.c: the frames of Lumberjack v2. Compression is libdeflate's: a frame is a
 * whole buffer, and bounded output needs no stream. */
#include "common/net/lumberjack.h"

#include "common/net/deflate.h"

#include <libdeflate.h>
#include <stdlib.h>

#define DEFLATE_RATIO_MAX 1032u /* RFC 1951 cannot do better: 258 bytes for two bits */

static uint32_t be32_get(const char *at)
{
	const uint8_t *p = (const uint8_t *)at;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void be32_put(struct buf *out, uint32_t v)
{
	char b[4] = { (char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v };

	buf_put(out, b, sizeof(b));
}

/* Where a frame's numbers stand, by its kind. */
static const struct shape {
	char kind;
	uint8_t head; /* bytes before the payload */
	bool number;  /* a number follows the kind */
	bool payload; /* the head ends with the payload's length */
} shapes[] = {
	{ LJ_WINDOW, 6, true, false },
	{ LJ_JSON, 10, true, true },
	{ LJ_COMPRESSED, 6, false, true },
	{ LJ_ACK, 6, true, false },
};

static const struct shape *shape_of(char kind)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (shapes[i].kind == kind)
			return &shapes[i];
	return NULL;
}

ssize_t lj_next(struct slice in, size_t max, struct lj_frame *ret, struct err *err)
{
	const struct shape *sh;
	struct lj_frame f = { 0 };
	uint32_t len = 0;

	if (in.n > 0 && in.p[0] != '2')
		return err_set(err, ERR_SYNTAX,
			       "not Lumberjack version 2: a frame begins with byte 0x%02x",
			       (unsigned)(unsigned char)in.p[0]);
	if (in.n < 2)
		return 0;
	sh = shape_of(in.p[1]);
	if (sh == NULL)
		return err_set(err, ERR_SYNTAX, "not a Lumberjack frame: unknown kind 0x%02x",
			       (unsigned)(unsigned char)in.p[1]);
	if (in.n < sh->head)
		return 0;
	f.kind = (enum lj_kind)sh->kind;
	if (sh->number)
		f.number = be32_get(in.p + 2);
	if (f.kind == LJ_WINDOW && f.number > LJ_WINDOW_MAX)
		return err_set(err, ERR_SYNTAX, "a window of %u events: at most %u are taken",
			       f.number, LJ_WINDOW_MAX);
	if (sh->payload) {
		len = be32_get(in.p + sh->head - 4);
		if (len > max)
			return err_set(err, ERR_SYNTAX,
				       "a Lumberjack frame of %u bytes: at most %zu are taken", len,
				       max);
		if (in.n - sh->head < len)
			return 0;
		f.payload = (struct slice){ in.p + sh->head, len };
	}
	*ret = f;
	return (ssize_t)(sh->head + (size_t)len);
}

static void head_put(struct buf *out, enum lj_kind kind, uint32_t number)
{
	buf_chr(out, '2');
	buf_chr(out, (char)kind);
	be32_put(out, number);
}

void lj_put_window(struct buf *out, uint32_t events)
{
	head_put(out, LJ_WINDOW, events);
}

void lj_put_ack(struct buf *out, uint32_t seq)
{
	head_put(out, LJ_ACK, seq);
}

void lj_put_json(struct buf *out, uint32_t seq, struct slice json)
{
	head_put(out, LJ_JSON, seq);
	be32_put(out, (uint32_t)json.n);
	buf_slice(out, json);
}

void lj_put_compressed(struct buf *out, struct slice zlib_stream)
{
	head_put(out, LJ_COMPRESSED, (uint32_t)zlib_stream.n);
	buf_slice(out, zlib_stream);
}

int lj_compress(struct buf *out, struct slice frames, int level, struct err *err)
{
	const size_t start = out->n;
	size_t n, behind;
	int r;

	head_put(out, LJ_COMPRESSED, 0);
	behind = out->n;
	r = out->failed ? err_nomem(err) : deflate_put(out, frames, level, err);
	n = out->n - behind;
	if (r == 0 && n > UINT32_MAX)
		r = err_set(err, ERR_FULL, "a Lumberjack frame of %zu bytes is too long", frames.n);
	out->n = start; /* the head again, now that the length is known */
	if (r < 0)
		return -1;
	head_put(out, LJ_COMPRESSED, (uint32_t)n);
	out->n += n;
	return 0;
}

/* The first guess of how much comes out: most frames fit and are inflated once. */
static size_t first_room(size_t packed, size_t max)
{
	const size_t usual = (size_t)1 << 20;
	size_t most = packed > max / DEFLATE_RATIO_MAX ? max : packed * DEFLATE_RATIO_MAX;

	return most < usual ? most : usual;
}

int lj_inflate(struct slice payload, size_t max, struct buf *out, struct err *err)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	enum libdeflate_result res = LIBDEFLATE_INSUFFICIENT_SPACE;
	size_t used = 0, made = 0, room = first_room(payload.n, max);
	const size_t there = out->cap - out->n; /* the caller knows what to expect */
	int r = -1;

	if (d == NULL) {
		err_nomem(err);
		goto out;
	}
	if (there > payload.n && there > 1)
		room = there - 1 < max ? there - 1 : max;
	for (;;) {
		/* One byte more than room, so that an empty result has an address too. */
		if (buf_reserve(out, room + 1) < 0) {
			out->failed = false; /* what was in it is whole */
			err_nomem(err);
			goto out;
		}
		res = libdeflate_zlib_decompress_ex(d, payload.p, payload.n, out->p + out->n, room,
						    &used, &made);
		if (res != LIBDEFLATE_INSUFFICIENT_SPACE || room >= max)
			break;
		room = room > max / 4 ? max : room * 4;
	}
	if (res == LIBDEFLATE_INSUFFICIENT_SPACE) {
		err_set(err, ERR_FULL, "a compressed frame of %zu bytes holds more than %zu bytes",
			payload.n, max);
	} else if (res != LIBDEFLATE_SUCCESS) {
		err_set(err, ERR_SYNTAX, "a compressed frame of %zu bytes is not whole zlib data",
			payload.n);
	} else if (used != payload.n) {
		err_set(err, ERR_SYNTAX, "a compressed frame has %zu bytes behind its zlib data",
			payload.n - used);
	} else {
		out->n += made;
		r = 0;
	}
out:
	libdeflate_free_decompressor(d);
	return r;
}

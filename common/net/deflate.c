/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/net/deflate.h"

#include <libdeflate.h>
#include <stdlib.h>

#ifdef VARTIO_ISAL
#include <isa-l/igzip_lib.h>

struct quick {
	struct isal_zstream z;
	uint8_t level[ISAL_DEF_LVL2_DEFAULT];
};

static int put_quick(struct buf *out, struct slice in, struct err *err)
{
	struct quick *q = malloc(sizeof(*q)); /* held only here: an idle agent has none of it */
	const size_t start = out->n;
	size_t room = in.n / 4 + 4096;
	int r = COMP_OK;

	if (q == NULL)
		return err_nomem(err);
	isal_deflate_init(&q->z);
	q->z.level = 2; /* costs what its 1 does, for a hundredth fewer bytes */
	q->z.level_buf = q->level;
	q->z.level_buf_size = sizeof(q->level);
	q->z.gzip_flag = IGZIP_ZLIB;
	q->z.end_of_stream = 1;
	q->z.next_in = (uint8_t *)(uintptr_t)in.p;
	q->z.avail_in = (uint32_t)in.n;
	do {
		if (buf_reserve(out, room) < 0)
			break;
		q->z.next_out = (uint8_t *)out->p + out->n;
		q->z.avail_out = (uint32_t)room;
		r = isal_deflate(&q->z);
		out->n += room - q->z.avail_out;
	} while (r == COMP_OK && q->z.internal_state.state != ZSTATE_END);
	if (out->failed || r != COMP_OK) { /* it refuses nothing that we ask for but for memory */
		out->failed = false;
		out->n = start;
		free(q);
		return err_nomem(err);
	}
	free(q);
	return 0;
}
#endif

static int put_small(struct buf *out, struct slice in, int level, struct err *err)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(level);
	size_t bound;

	if (c == NULL)
		return err_nomem(err);
	bound = libdeflate_zlib_compress_bound(c, in.n);
	if (buf_reserve(out, bound) < 0) {
		out->failed = false;
		libdeflate_free_compressor(c);
		return err_nomem(err);
	}
	out->n += libdeflate_zlib_compress(c, in.p, in.n, out->p + out->n, bound);
	libdeflate_free_compressor(c);
	return 0;
}

int deflate_put(struct buf *out, struct slice in, int level, struct err *err)
{
#ifdef VARTIO_ISAL
	if (level <= 1 && in.n <= UINT32_MAX)
		return put_quick(out, in, err);
#endif
	return put_small(out, in, level, err);
}

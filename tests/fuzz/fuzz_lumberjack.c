/* SPDX-License-Identifier: EUPL-1.2 */
/* What a sender may send: any run of frames, compressed ones opened within a bound. */
#include <stdlib.h>

#include "common/net/lumberjack.h"

#define INFLATED_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void frames(struct slice in, int depth, struct buf *out)
{
	struct lj_frame f;
	struct err err;
	ssize_t used;

	while ((used = lj_next(in, 1 << 20, &f, &err)) > 0) {
		if ((size_t)used > in.n ||
		    (f.payload.n > 0 &&
		     (f.payload.p < in.p || f.payload.p + f.payload.n > in.p + used)))
			abort();
		if (f.kind == LJ_COMPRESSED && depth > 0) {
			buf_reset(out);
			if (lj_inflate(f.payload, INFLATED_MAX, out, &err) == 0) {
				struct buf inner = { 0 };

				if (out->n > INFLATED_MAX)
					abort();
				frames(buf_view(out), depth - 1, &inner);
				buf_release(&inner);
			} else if (out->n != 0) {
				abort();
			}
		}
		in = slice_from(in, (size_t)used);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = { 0 };

	frames((struct slice){ (const char *)data, size }, 2, &out);
	buf_release(&out);
	return 0;
}

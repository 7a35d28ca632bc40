/* SPDX-License-Identifier: EUPL-1.2 */
/* The stream given whole and the stream given in pieces must give the same messages. The first
 * byte chooses the size of the pieces. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/inputs/framing.h"
#include "common/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX 48u

static void feed(struct framing *fr, struct buf *held, bool end, struct buf *out, bool *up)
{
	size_t at = 0;
	ssize_t n = 1;

	while (n > 0) {
		struct frame f = { 0 };

		n = framing_next(fr, slice_from(buf_view(held), at), end, &f);
		if (n > (ssize_t)(held->n - at) ||
		    (n == 0 && held->n - at > MAX + FRAMING_HEAD_MAX))
			abort();
		if (n > 0 && f.have) {
			if (f.msg.n == 0 || f.msg.n > MAX || f.msg.p < held->p + at ||
			    f.msg.p + f.msg.n > held->p + at + (size_t)n)
				abort();
			buf_chr(out, f.cut ? '!' : '.');
			buf_slice(out, f.msg);
			buf_chr(out, '\n');
		}
		at += n > 0 ? (size_t)n : 0;
	}
	buf_eat(held, at);
	if (n < 0)
		*up = false;
	if (end && *up && held->n > 0)
		abort();
}

static void stream(struct slice in, size_t piece, struct buf *out)
{
	struct framing fr = { .max = MAX };
	struct buf held = { 0 };
	bool up = true;

	for (size_t at = 0; at < in.n && up; at += piece) {
		buf_put(&held, in.p + at, in.n - at < piece ? in.n - at : piece);
		feed(&fr, &held, false, out, &up);
	}
	if (up)
		feed(&fr, &held, true, out, &up);
	buf_release(&held);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data + 1, size - 1 };
	struct buf whole = { 0 }, parts = { 0 };

	if (size < 2)
		return 0;
	stream(in, in.n, &whole);
	stream(in, 1u + data[0] % 64u, &parts);
	if (whole.n != parts.n || (whole.n > 0 && memcmp(whole.p, parts.p, whole.n) != 0))
		abort();
	buf_release(&whole);
	buf_release(&parts);
	return 0;
}

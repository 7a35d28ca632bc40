/* SPDX-License-Identifier: EUPL-1.2 */
/* The first event of a block: what is taken off must be what our own writer would have written. */
#include <stdlib.h>

#include "common/net/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct batch_meta m;
	struct buf copy = { 0 }, again = { 0 };
	struct slice ev;
	struct err err;
	ssize_t used;

	buf_put(&copy, data, size);
	used = batch_meta_take(copy.p, copy.n, &m, &ev, &err);
	if (used > 0) {
		if (m.block == 0 || m.floor == 0 || m.floor > m.block || m.first_seq == 0 ||
		    (size_t)used > size || ev.n == 0 || ev.p[0] != '{' ||
		    ev.p + ev.n != copy.p + copy.n)
			abort();
		/* The event's "{" is the last byte that the member took. */
		batch_meta_head(&again, &m, data[used - 1] != ',');
		if (again.n != (size_t)used || memcmp(again.p, data, again.n) != 0)
			abort();
	}
	buf_release(&copy);
	buf_release(&again);
	return 0;
}

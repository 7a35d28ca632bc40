/* SPDX-License-Identifier: EUPL-1.2 */
/* What a sender wrote, with the collector's four fields: the text and the index of it must agree
 * leaf by leaf, and hold exactly one of each field, with our value. */
#include <stdlib.h>

#include "collector/queue/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *path, *value;
} ours[] = { { "organization.id", "mallila" },
	     { "agent.id", "a1" },
	     { "event.id", "a1-0000000000000001-7" },
	     { "event.ingested", "2026-11-23T08:00:00.000Z" } };

/* -1: some other path. */
static int which(struct slice path)
{
	for (int i = 0; i < 4; i++)
		if (slice_is(path, ours[i].path))
			return i;
	return -1;
}

static bool below_ours(struct slice path)
{
	for (int i = 0; i < 4; i++) {
		struct slice p = slice_str(ours[i].path);

		if (slice_starts(path, p) && path.n > p.n && path.p[p.n] == '.')
			return true;
	}
	return false;
}

static void check(struct json_index *ix)
{
	unsigned seen[4] = { 0 };

	for (unsigned i = 0; i < ix->n; i++) {
		int k = which(ix->f[i].path);

		if (below_ours(ix->f[i].path))
			abort();
		if (k < 0)
			continue;
		seen[k]++;
		if (!slice_is(json_field_text(ix, &ix->f[i]), ours[k].value))
			abort();
	}
	for (int k = 0; k < 4; k++)
		if (seen[k] != 1)
			abort();
}

/* Leaves that are somebody else's, in document order. */
static unsigned next_other(const struct json_index *ix, unsigned i)
{
	while (i < ix->n && (which(ix->f[i].path) >= 0 || ix->f[i].type == JS_OBJECT ||
			     ix->f[i].type == JS_ARRAY))
		i++;
	return i;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct queue_event ev = { .json = { (const char *)data, size },
				  .tenant = "mallila",
				  .sender = "a1",
				  .epoch = 1,
				  .seq = 7,
				  .ingested_ns = INT64_C(1795420800000000000),
				  .id = "a1-0000000000000001-7" };
	struct json_index a = { 0 }, b = { 0 };
	struct buf out = { 0 };
	struct err err;
	int r = queue_event_index(&ev, &a, &err);

	if (queue_event_json(&ev, &out, &err) != r)
		abort();
	if (r == 0) {
		if (json_index_read(&b, buf_view(&out), &err) < 0)
			abort();
		check(&a);
		check(&b);
		for (unsigned i = 0, k = 0;; i++, k++) {
			i = next_other(&a, i);
			k = next_other(&b, k);
			if (i >= a.n || k >= b.n) {
				if (i < a.n || k < b.n)
					abort();
				break;
			}
			if (!slice_eq(a.f[i].path, b.f[k].path) ||
			    !slice_eq(a.f[i].value, b.f[k].value) || a.f[i].type != b.f[k].type)
				abort();
		}
	}
	json_index_release(&a);
	json_index_release(&b);
	buf_release(&out);
	return 0;
}

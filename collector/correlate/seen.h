/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/seen.h: which (rule, event) pairs were taken already. Two generations of
 * 64-bit hashes, each a horizon long by the time of arrival: a pair is remembered for at least one
 * horizon. When a generation is full it ends early, so that memory stays bounded. A false "seen"
 * has odds of one in 2^64 for each hash kept. */
#ifndef VARTIO_CORRELATE_SEEN_H
#define VARTIO_CORRELATE_SEEN_H

#include "common/base/err.h"
#include "common/base/slice.h"

struct seen_set {
	uint64_t *slot; /* 0: empty */
	size_t cap, n;  /* cap is a power of two */
};
struct seen {
	struct seen_set now, before;
	size_t max; /* slots of one generation */
	int64_t span_ns, since_ns;
};

/* A zeroed struct with these set is ready. max_bytes bounds both generations together. */
void seen_init(struct seen *se, size_t max_bytes, int64_t span_ns);
/* 1: it was there already; 0: it is now; -1: no memory. */
int seen_add(struct seen *se, uint64_t hash, int64_t arrival_ns, struct err *err);
/* The hash will be asked for soon: its place is fetched meanwhile. */
void seen_soon(const struct seen *se, uint64_t hash);
size_t seen_bytes(const struct seen *se);
size_t seen_count(const struct seen *se);
void seen_release(struct seen *se);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/splice_check.h: normalise_splice against normalise() and the writer, by Jansson. */
#ifndef VARTIO_FUZZ_SPLICE_CHECK_H
#define VARTIO_FUZZ_SPLICE_CHECK_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/normalise/normalise.h"

#define SPLICE_OWN "\"type\":\"vartio-agent\",\"version\":\"7\""

/* Whether the line was spliced; aborts where the two differ. */
static inline bool splice_check(struct normaliser *nz, enum norm_format format, struct slice line,
				const struct norm_source *src)
{
	static struct buf quick, slow;
	static struct arena mem;
	static struct event ev;
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
	json_t *a, *b;

	buf_reset(&quick);
	buf_reset(&slow);
	arena_reset(&mem);
	if (!normalise_splice(nz, format, line, src, SLICE(SPLICE_OWN), &quick)) {
		if (quick.n != 0)
			abort();
		return false;
	}
	normalise(nz, format, line, src, &mem, &ev);
	event_str(&ev, ECS_AGENT_TYPE, SLICE("vartio-agent"));
	event_str(&ev, ECS_AGENT_VERSION, SLICE("7"));
	event_write_json(&ev, &slow);
	if (slow.failed)
		return true;
	a = json_loadb(quick.p, quick.n, flags, NULL);
	b = json_loadb(slow.p, slow.n, flags, NULL);
	/* Jansson refuses numbers past what a double holds; both then have the same. */
	if ((a == NULL) != (b == NULL) || (a != NULL && !json_equal(a, b)) ||
	    memchr(quick.p, '\n', quick.n) != NULL) {
		printf("# line: %.*s\n# spliced: %.*s\n# normalised: %.*s\n", (int)line.n, line.p,
		       (int)quick.n, quick.p, (int)slow.n, slow.p);
		fflush(stdout);
		abort();
	}
	json_decref(a);
	json_decref(b);
	return true;
}

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/file_carry.c: whose a place is when the settings have changed. By its file's name,
 * the one of the settings or, where a link led to it, its own: what rotation made of a log keeps
 * both. */
#include "agent/inputs/file.h"

#include <stdlib.h>

static void tail_drop(struct tail *t)
{
	free(t->path);
	free(t->real);
}

bool file_reads(const void *conf, struct slice rest, struct slice value)
{
	struct tail t = { 0 };
	bool r;

	if (slice_is(rest, FILE_STARTED) || !tail_place_read(&t, value))
		return false;
	r = file_named(conf, t.path) || file_named(conf, t.real);
	tail_drop(&t);
	return r;
}

bool file_same(struct slice a, struct slice b)
{
	struct tail x = { 0 }, y = { 0 };
	bool r = tail_place_read(&x, a) && tail_place_read(&y, b) &&
		 (strcmp(x.path, y.path) == 0 || strcmp(x.real, y.real) == 0);

	tail_drop(&x);
	tail_drop(&y);
	return r;
}

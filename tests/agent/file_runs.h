/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/agent/file_runs.h: a file input that follows one log, run until nothing more comes. */
#ifndef VARTIO_TEST_FILE_RUNS_H
#define VARTIO_TEST_FILE_RUNS_H

#include "tests/agent/file_kit.h"

static inline void open_in(struct world *w, const char *more)
{
	char yaml[512];

	snprintf(yaml, sizeof(yaml), "{paths: ['%s/log'], poll_ms: 1s%s}", dir, more);
	world_open(w, &input_file, yaml);
}

static inline bool scanned(struct world *w, size_t n)
{
	return ((struct files *)w->in.data)->scan >= n;
}

static inline void scan_once(struct world *w)
{
	struct files *fs = w->in.data;

	fs->scan_wanted = true;
	files_wake(fs);
	assert_true(world_wait(w, scanned, fs->scan + 1));
}

/* Each expected line once, and nothing else. */
static inline void compare(struct world *w, const char *what, const char *const *lines)
{
	size_t n = 0;

	for (; lines[n] != NULL; n++) {
		size_t times = 0;

		for (size_t i = 0; i < w->n; i++)
			times += slice_is(w->rec[i].line, lines[n]) ? 1 : 0;
		if (times != 1)
			fail_msg("%s: '%s' came %zu times", what, lines[n], times);
	}
	if (w->n != n)
		fail_msg("%s: %zu lines came, not %zu", what, w->n, n);
}

static inline size_t count(const char *const *lines)
{
	size_t n = 0;

	while (lines[n] != NULL)
		n++;
	return n;
}

/* It may take a poll or two until the folder has been quiet. Then nothing more comes, not after
 * another start either. */
static inline void come_to_rest(struct world *w, const char *what, const char *more,
				const char *const *lines)
{
	if (!world_wait(w, world_has, count(lines)))
		compare(w, what, lines);
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 3; k++)
			scan_once(w);
		compare(w, what, lines);
		world_close(w);
		open_in(w, more);
	}
}

#endif

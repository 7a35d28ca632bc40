/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/fuzz_listen_window.c: a sender's bytes, window after window, into blocks. */
#include <stdlib.h>

#include "collector/listen/impl.h"
#include "common/net/lumberjack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct foreign *fn;
	uint32_t events;
};

static int on_ecs(void *arg, struct slice json, struct buf *out, struct err *err)
{
	return foreign_ecs(((struct run *)arg)->fn, json, "192.0.2.7:1", 0, out, err);
}

static int on_block(void *arg, uint32_t events, struct slice frames, struct slice payload,
		    struct err *err)
{
	struct run *run = arg;

	if (events == 0 || events > WINDOW_BLOCK_EVENTS)
		abort();
	run->events += events;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = { .fn = foreign_new() };
	const struct window_split sp = { on_ecs, on_block, &run, 1 };
	struct slice in = { (const char *)data, size };
	struct window w = { 0 };
	struct window_whole whole;
	struct buf scratch = { 0 };
	struct err err;
	ssize_t n;

	if (run.fn == NULL)
		abort();
	while (in.n > 0 && (n = window_feed(&w, in, &scratch, &whole, &err)) > 0) {
		if (whole.kind == WINDOW_OWN &&
		    (whole.payload.p < in.p || whole.payload.p + whole.payload.n > in.p + n))
			abort();
		if (whole.kind == WINDOW_FRAME) {
			(void)foreign_beats(scratch.p, scratch.n);
			if (window_unframe(&w, &whole, &err) < 0)
				break;
		}
		if (whole.kind == WINDOW_FOREIGN) {
			run.events = 0;
			if (window_split(&w, &sp, &err) == 0 && run.events != whole.events)
				abort(); /* as many events out as were announced */
		}
		if (whole.kind != WINDOW_NONE)
			window_reset(&w);
		in = slice_from(in, (size_t)n);
	}
	window_reset(&w);
	foreign_free(run.fn);
	buf_release(&scratch);
	return 0;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/agent/spool_kit.h: a spool in a folder of its own, and what it lends. */
#ifndef VARTIO_TEST_SPOOL_KIT_H
#define VARTIO_TEST_SPOOL_KIT_H

#include "tests/cmocka.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spool/spool.h"
#include "common/base/file.h"
#include "common/net/batch.h"
#include "common/net/lumberjack.h"

static char dir[64];
static uv_loop_t loop;
static struct {
	int drained, ready, failed;
	struct err err;
} told;

static int make_dir(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/vartio-spool-XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static int remove_dir(void **state)
{
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void on_drained(void *arg)
{
	told.drained++;
}

static void on_ready(void *arg)
{
	told.ready++;
}

static void on_failed(void *arg, const struct err *err)
{
	told.failed++;
	told.err = *err;
}

static struct spool_opts opts(void)
{
	return (struct spool_opts){ .dir = dir,
				    .max_bytes = 64 << 20,
				    .block_bytes = 65536,
				    .block_events = 100,
				    .close_ms = 10,
				    .level = 1,
				    .drained = on_drained,
				    .ready = on_ready,
				    .failed = on_failed };
}

static struct spool *open_spool(const struct spool_opts *o)
{
	struct spool *sp = NULL;
	struct err err = { 0 };

	memset(&told, 0, sizeof(told));
	assert_int_equal(uv_loop_init(&loop), 0);
	if (spool_open(&loop, o, &sp, &err) < 0)
		fail_msg("open: %s", err.msg);
	return sp;
}

static void close_spool(struct spool *sp)
{
	spool_close(sp);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static inline struct spool *reopen(struct spool *sp, const struct spool_opts *o)
{
	close_spool(sp);
	return open_spool(o);
}

/* Until the disk has everything (nothing is active on the loop any more). */
static inline void settle(struct spool *sp)
{
	spool_flush(sp);
	uv_run(&loop, UV_RUN_DEFAULT);
}

static inline int add(struct spool *sp, enum lane lane, const char *event, const char *key,
		      const char *value)
{
	struct err err = { 0 };
	int r = spool_add(sp, lane, slice_str(event), slice_str(key), slice_str(value), &err);

	if (r < 0 && err.code != ERR_FULL)
		fail_msg("add: %s", err.msg);
	return r;
}

/* The block's events, one behind the other, without metadata. */
static inline const char *events_of(const struct spool_block *b, struct batch_meta *ret_meta)
{
	static struct buf text, out;
	struct lj_frame f;
	struct err err;
	struct slice in;
	uint32_t n = 0;
	ssize_t used;

	assert_int_equal(lj_next(b->frame, 1 << 20, &f, &err), b->frame.n);
	assert_int_equal(f.kind, LJ_COMPRESSED);
	buf_reset(&text);
	buf_reset(&out);
	assert_int_equal(lj_inflate(f.payload, 1 << 20, &text, &err), 0);
	for (in = buf_view(&text); in.n > 0; in = slice_from(in, (size_t)used)) {
		struct slice event;

		used = lj_next(in, 1 << 20, &f, &err);
		assert_true(used > 0);
		assert_int_equal(f.kind, LJ_JSON);
		assert_int_equal(f.number, ++n);
		event = f.payload;
		if (n == 1) {
			char *p = text.p + (event.p - text.p);

			assert_true(batch_meta_take(p, event.n, ret_meta, &event, &err) > 0);
		}
		buf_slice(&out, event);
	}
	assert_int_equal(n, b->events);
	assert_int_equal(ret_meta->epoch, b->epoch);
	assert_int_equal(ret_meta->block, b->number);
	return buf_cstr(&out);
}

/* All that is lent, as "number[first_seq,floor]events ". */
static inline const char *lend_all(struct spool *sp, bool ack)
{
	static struct buf out;
	struct spool_block b;
	struct batch_meta m;
	struct err err = { 0 };
	int r;

	buf_reset(&out);
	while ((r = spool_next(sp, &b, &err)) != 0) {
		if (r < 0) {
			buf_str(&out, "! ");
			continue;
		}
		const char *events = events_of(&b, &m);

		buf_printf(&out, "%d[%d,%d]%s ", (int)b.number, (int)m.first_seq, (int)m.floor,
			   events);
		if (ack)
			assert_int_equal(spool_ack(sp, b.epoch, b.number, &err), 0);
	}
	return buf_cstr(&out);
}

/* An event that does not compress. */
static inline void noise(char *out, size_t n, unsigned *seed)
{
	memcpy(out, "{\"a\":\"", 6);
	for (size_t i = 6; i < n - 3; i++)
		out[i] = (char)('A' + rand_r(seed) % 26 + rand_r(seed) % 2 * 32);
	memcpy(out + n - 3, "\"}", 3);
}

#endif

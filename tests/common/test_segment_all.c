/* SPDX-License-Identifier: EUPL-1.2 */
/* common/store/segment: records that are appended together are there as if one by one. */
#include "tests/cmocka.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/store/segment.h"

#define MAX_BYTES 30000u
#define RECORDS   200u

static char dir[64];

static int make_dir(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/vartio-segment-XXXXXX");
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

static int see(void *arg, const struct seg_record *rec, struct err *err)
{
	struct buf *seen = arg;

	buf_slice(seen, rec->payload);
	buf_chr(seen, ' ');
	return 0;
}

/* Opens the log; what is in it, in order, goes to seen. */
static struct seglog *open_log(struct buf *seen)
{
	const struct seglog_opts o = { .dir = dir,
				       .magic = "VTTEST",
				       .segment_bytes = 4096,
				       .max_bytes = MAX_BYTES,
				       .ordered = true,
				       .arg = seen };
	struct seglog *lg = NULL;
	struct err err = { 0 };

	buf_reset(seen);
	if (seglog_open(&o, see, &lg, &err) < 0)
		fail_msg("open: %s", err.msg);
	assert_int_equal(seglog_torn_bytes(lg) + seglog_damaged(lg), 0);
	return lg;
}

/* Over the ends of files, and up to the bound: each record once, in order. */
static void test_append_all(void **state)
{
	struct buf seen = { 0 }, want = { 0 };
	struct seglog *lg = open_log(&seen);
	struct slice v[RECORDS];
	char text[RECORDS][32];
	struct err err;
	int r = 0;

	for (unsigned i = 0; i < RECORDS; i++) {
		int n = snprintf(text[i], sizeof(text[i]), "%0*u", (int)(i % 23) + 3, i);

		v[i] = (struct slice){ text[i], (size_t)n };
		buf_printf(&want, "%s ", text[i]);
	}
	assert_int_equal(seglog_append_all(lg, 1, v, RECORDS, &err), 0);
	assert_int_equal(seglog_append_all(lg, 1, v, 0, &err), 0);
	assert_true(seglog_end(lg).file > 1);
	seglog_close(lg); /* syncs */
	lg = open_log(&seen);
	assert_string_equal(buf_cstr(&seen), buf_cstr(&want));
	for (unsigned i = 0; i < 10 && r == 0; i++)
		r = seglog_append_all(lg, 1, v, RECORDS, &err);
	assert_int_equal(r, -1);
	assert_int_equal(err.code, ERR_FULL);
	assert_true(seglog_bytes(lg) <= MAX_BYTES);
	seglog_close(lg);
	lg = open_log(&seen);
	seglog_close(lg);
	assert_true(seen.n > 3 * want.n);
	for (size_t at = 0; at < seen.n; at += want.n) /* again and again, cut at a record's end */
		assert_memory_equal(seen.p + at, want.p,
				    seen.n - at < want.n ? seen.n - at : want.n);
	buf_release(&seen);
	buf_release(&want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_append_all, make_dir, remove_dir),
	};

	return RUN_TESTS(tests);
}

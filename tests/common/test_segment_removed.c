/* SPDX-License-Identifier: EUPL-1.2 */
/* common/store/segment: files, or the folder, are removed under the writer and its readers. The
 * file being written is made anew whole; an older one is reported missing, once. */
#include "tests/cmocka.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/segment.h"

static char top[64], dir[72];

static int make_dir(void **state)
{
	snprintf(top, sizeof(top), "/tmp/vartio-removed-XXXXXX");
	snprintf(dir, sizeof(dir), "%s/log", mkdtemp(top));
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static void remove_all(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static int remove_dir(void **state)
{
	remove_all(top);
	return 0;
}

static struct seglog *open_log(void)
{
	struct seglog_opts o = {
		.dir = dir, .magic = "VTTEST", .segment_bytes = 256, .ordered = true
	};
	struct seglog *lg = NULL;
	struct err err = { 0 };

	if (seglog_open(&o, NULL, &lg, &err) < 0)
		fail_msg("open: %s", err.msg);
	return lg;
}

/* Records that are their number, in 32 bytes each: five or six a file. */
static void put(struct seglog *lg, unsigned from, unsigned to, bool sync)
{
	struct err err = { 0 };
	char text[16];

	for (unsigned i = from; i <= to; i++) {
		const struct slice part = { text, (size_t)snprintf(text, sizeof(text), "%u", i) };

		if (seglog_append(lg, 1, &part, 1, NULL, &err) < 0 ||
		    (sync && seglog_sync(lg, &err) < 0))
			fail_msg("append: %s", err.msg);
	}
}

static struct seg_reader *reader(struct seglog *lg)
{
	struct seg_reader *rd = NULL;
	struct err err;

	assert_int_equal(seg_reader_open(lg, (struct seg_pos){ 0, 0 }, &rd, &err), 0);
	return rd;
}

/* All that comes, as "from-to" for each row of numbers, and "!" for damage. */
static const char *rest(struct seg_reader *rd)
{
	static char out[256];
	unsigned last = 0, n = 0;
	struct seg_record rec;
	struct err err = { 0 };
	size_t k = 0;
	int r;

	out[0] = '\0';
	for (unsigned i = 0; (r = seg_reader_next(rd, &rec, &err)) != 0; i++) {
		assert_true(i < 1000);
		if (r > 0 && sscanf(rec.payload.p, "%u", &n) == 1 && last > 0 && n == last + 1) {
			last = n;
			continue;
		}
		if (last > 0)
			k += (size_t)snprintf(out + k, sizeof(out) - k, "-%u ", last);
		last = r > 0 ? n : 0;
		if (r > 0)
			k += (size_t)snprintf(out + k, sizeof(out) - k, "%u", n);
		else
			k += (size_t)snprintf(out + k, sizeof(out) - k, "%s ",
					      err.code == ERR_SYNTAX ? "!" : err.msg);
	}
	if (last > 0)
		snprintf(out + k, sizeof(out) - k, "-%u ", last);
	return out;
}

static const char *file_path(unsigned number)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%016x.seg", dir, number);
	return path;
}

static void reopened(struct seglog *lg, const char *holds)
{
	struct seg_reader *rd;

	seglog_close(lg);
	lg = open_log();
	assert_int_equal(seglog_damaged(lg), 0);
	assert_int_equal(seglog_torn_bytes(lg), 0);
	rd = reader(lg);
	assert_string_equal(rest(rd), holds);
	seg_reader_close(rd);
	seglog_close(lg);
}

/* Removed before a write, between a write and its sync, and with nothing to sync. A reader that had
 * it open goes on, one that comes in between finds it. */
static void test_the_file_being_written(void **state)
{
	for (int when = 0; when < 3; when++) {
		struct seglog *lg = open_log();
		struct seg_reader *old = reader(lg), *new;
		struct err err = { 0 };

		put(lg, 1, 2, true);
		assert_string_equal(rest(old), "1-2 ");
		if (when == 1)
			put(lg, 3, 4, false);
		assert_int_equal(unlink(file_path(1)), 0);
		new = reader(lg);
		assert_string_equal(rest(new), "1-2 ");
		assert_int_equal(seglog_remade(lg), 0);
		if (when == 0)
			put(lg, 3, 4, true);
		else
			assert_int_equal(seglog_sync(lg, &err), 0);
		assert_int_equal(seglog_remade(lg), 1);
		assert_int_equal(access(file_path(1), F_OK), 0);
		if (when == 2)
			put(lg, 3, 4, true);
		assert_string_equal(rest(old), "3-4 ");
		assert_string_equal(rest(new), "3-4 ");
		put(lg, 5, 30, true);
		assert_int_equal(seglog_remade(lg), 1);
		assert_string_equal(rest(old), "5-30 ");
		seg_reader_close(old);
		seg_reader_close(new);
		reopened(lg, "1-30 ");
		remove_all(dir);
	}
}

/* The folder goes with all that is in it; nobody else may then take the new one. */
static void test_the_folder(void **state)
{
	const struct seglog_opts o = { .dir = dir, .magic = "VTTEST", .segment_bytes = 256 };
	struct seglog *lg = open_log(), *other = NULL;
	struct err err = { 0 };
	struct stat st;

	remove_all(dir); /* before there is any file */
	put(lg, 1, 3, true);
	remove_all(dir);
	put(lg, 4, 4, true);
	assert_int_equal(seglog_remade(lg), 1);
	assert_int_equal(seglog_open(&o, NULL, &other, &err), -1);
	assert_int_equal(err.code, ERR_BUSY);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	reopened(lg, "1-4 ");
}

/* The folder is made anew, but the writer's descriptor cannot take it: that is said, and tried
 * again. The limit of descriptors below it is what the kernel refuses for. */
static void test_the_folder_and_a_refusal(void **state)
{
	enum { LOW = 100 };
	const struct slice part = SLICE("1");
	struct rlimit was, low;
	struct err err = { 0 };
	struct seglog *lg;
	int fill[LOW], n = 0;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	assert_true(was.rlim_cur > 2 * LOW);
	do {
		fill[n] = dup(0);
		assert_true(fill[n] >= 0);
	} while (fill[n++] < LOW - 1);
	lg = open_log();
	while (n > 0)
		close(fill[--n]);
	remove_all(dir);
	low = (struct rlimit){ LOW, was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(seglog_append(lg, 1, &part, 1, NULL, &err), -1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.msg, dir));
	put(lg, 1, 3, true);
	reopened(lg, "1-3 ");
}

static void test_an_older_file(void **state)
{
	struct seglog *lg = open_log();
	struct seg_reader *rd = reader(lg), *in_it;
	struct seg_record rec;
	struct err err = { 0 };
	char before[64], *dash;

	put(lg, 1, 30, true);
	in_it = reader(lg);
	do
		assert_int_equal(seg_reader_next(in_it, &rec, &err), 1);
	while (rec.pos.file < 2);
	assert_int_equal(unlink(file_path(2)), 0);
	snprintf(before, sizeof(before), "%s", rest(rd));
	dash = strstr(before, " ! ");
	if (dash == NULL || strstr(dash + 3, "!") != NULL || strstr(dash, "-30 ") == NULL)
		fail_msg("read: %s", before);
	assert_null(strstr(rest(in_it), "!")); /* it has it open */
	/* One that was dropped on purpose is no damage. */
	seg_reader_close(rd);
	rd = reader(lg);
	assert_int_equal(seg_reader_next(rd, &rec, &err), 1);
	assert_int_equal(seglog_drop_before(lg, (struct seg_pos){ 3, 0 }, &err), 0);
	assert_null(strstr(rest(rd), "!"));
	seg_reader_close(rd);
	seg_reader_close(in_it);
	seglog_close(lg);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_the_file_being_written),
		T(test_the_folder),
		T(test_the_folder_and_a_refusal),
		T(test_an_older_file),
	};

	return RUN_TESTS(tests);
}

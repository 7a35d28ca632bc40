/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool: blocks that are synced together: their order, numbers and floors, what the disk
 * refuses of them, and what a power loss leaves of them. */
#include "tests/agent/spool_kit.h"

/* A block of one event for each of the keys "1", "2", ... The loop does not turn, so the first goes
 * to the worker alone, and the others wait for it and are synced together. */
static void add_blocks(struct spool *sp, enum lane lane, int from, int to)
{
	for (int i = from; i <= to; i++) {
		char event[32], key[16];

		snprintf(event, sizeof(event), "{\"n\":%d}", i);
		snprintf(key, sizeof(key), "%d", i);
		assert_int_equal(add(sp, lane, event, key, "here"), 0);
		spool_flush(sp);
	}
}

static void test_group(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp = open_spool(&o);
	const struct spool_stats *st = spool_stats(sp);
	struct err err;

	add_blocks(sp, LANE_KEEP, 1, 4);
	assert_int_equal(spool_unsynced(sp), 4);
	assert_slice(spool_checkpoint(sp, SLICE("3")), "here");
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(metric_get(&st->blocks), 4);
	assert_int_equal(metric_get(&st->syncs), 2);
	assert_int_equal(told.ready, 2);
	assert_string_equal(lend_all(sp, false),
			    "1[1,1]{\"n\":1} 2[2,1]{\"n\":2} 3[3,1]{\"n\":3} 4[4,1]{\"n\":4} ");
	for (uint64_t n = 1; n <= 3; n++)
		spool_ack(sp, spool_epoch(sp), n, &err);
	uv_run(&loop, UV_RUN_DEFAULT);
	add_blocks(sp, LANE_LOSSY, 5, 12); /* the other lane's floor is block 4 */
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(metric_get(&st->syncs), 5); /* one, four, three */
	assert_string_equal(
		lend_all(sp, true),
		"5[5,4]{\"n\":5} 6[6,4]{\"n\":6} 7[7,4]{\"n\":7} 8[8,4]{\"n\":8} "
		"9[9,4]{\"n\":9} 10[10,4]{\"n\":10} 11[11,4]{\"n\":11} 12[12,4]{\"n\":12} ");
	spool_ack(sp, spool_epoch(sp), 4, &err);
	uv_run(&loop, UV_RUN_DEFAULT);
	add_blocks(sp, LANE_KEEP, 13, 15);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_string_equal(lend_all(sp, true),
			    "13[13,13]{\"n\":13} 14[14,13]{\"n\":14} 15[15,13]{\"n\":15} ");
	close_spool(sp);
}

/* The disk refuses the second of three appends: the first one counts, the others come later, each
 * once and in their order. */
static void test_group_refused(void **state)
{
	static char big[200000];
	struct spool_opts o = opts();
	struct spool *sp = open_spool(&o);
	const struct spool_stats *st = spool_stats(sp);
	struct spool_block b;
	struct rlimit was, small;
	unsigned seed = 7;
	struct err err;

	add_blocks(sp, LANE_KEEP, 1, 1);
	uv_run(&loop, UV_RUN_DEFAULT); /* there is a file */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = was;
	small.rlim_cur = 65536;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	add_blocks(sp, LANE_KEEP, 2, 3);
	noise(big, sizeof(big), &seed);
	assert_int_equal(add(sp, LANE_KEEP, big, "big", "here"), 0);
	spool_flush(sp);
	add_blocks(sp, LANE_KEEP, 4, 4);
	while (told.failed == 0)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_string_equal(lend_all(sp, true), "1[1,1]{\"n\":1} 2[2,1]{\"n\":2} 3[3,1]{\"n\":3} ");
	assert_int_equal(spool_unsynced(sp), 2);
	assert_int_equal(metric_get(&st->syncs), 3);
	assert_slice(spool_checkpoint(sp, SLICE("big")), "here");
	uv_run(&loop, UV_RUN_DEFAULT); /* with the retry timer */
	assert_int_equal(told.failed, 1);
	assert_int_equal(metric_get(&st->syncs), 4);
	assert_int_equal(spool_next(sp, &b, &err), 1);
	assert_int_equal(b.number, 4);
	assert_true(b.frame.n > 65536);
	assert_string_equal(lend_all(sp, false), "5[5,1]{\"n\":4} ");
	sp = reopen(sp, &o);
	assert_int_equal(metric_get(&spool_stats(sp)->blocks), 2);
	assert_slice(spool_checkpoint(sp, SLICE("big")), "here");
	assert_slice(spool_checkpoint(sp, SLICE("4")), "here");
	close_spool(sp);
}

/* A file that begins between two blocks of a group knows the checkpoints of those before it. */
static void test_group_over_files(void **state)
{
	static char event[30000];
	struct spool_opts o = opts();
	struct spool *sp;
	unsigned seed = 8;
	char key[16];

	o.max_bytes = 1 << 20; /* files of 64 KiB */
	sp = open_spool(&o);
	for (int group = 0; group < 5; group++) {
		for (int i = 0; i < 4; i++) {
			noise(event, sizeof(event), &seed);
			snprintf(key, sizeof(key), "%d-%d", group, i);
			assert_int_equal(add(sp, LANE_KEEP, event, key, "here"), 0);
			spool_flush(sp);
		}
		add(sp, LANE_KEEP, "", "gone", group % 2 == 0 ? "x" : "");
		settle(sp);
	}
	sp = reopen(sp, &o);
	assert_int_equal(metric_get(&spool_stats(sp)->blocks), 20);
	for (int group = 0; group < 5; group++)
		for (int i = 0; i < 4; i++) {
			snprintf(key, sizeof(key), "%d-%d", group, i);
			assert_slice(spool_checkpoint(sp, slice_str(key)), "here");
		}
	assert_slice(spool_checkpoint(sp, SLICE("gone")), "x");
	close_spool(sp);
}

/* After a power loss the second of three blocks of a group is missing, though the third one is
 * there: the third must not count, since its checkpoint stands behind the lines of the second. */
static void test_group_torn(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp = open_spool(&o);
	struct buf whole = { 0 };
	char path[128], zeros[64] = { 0 };
	struct err err;
	ssize_t at;
	int fd;

	for (int i = 1; i <= 4; i++) {
		char event[16], value[16];

		snprintf(event, sizeof(event), "{\"n\":%d}", i);
		snprintf(value, sizeof(value), "place-%d", i);
		assert_int_equal(add(sp, LANE_KEEP, event, "k", value), 0);
		spool_flush(sp);
	}
	close_spool(sp);
	snprintf(path, sizeof(path), "%s/keep/0000000000000001.seg", dir);
	assert_int_equal(file_read(path, 8 << 20, &whole, &err), 0);
	at = slice_find(buf_view(&whole), SLICE("kplace-3"));
	assert_true(at > 0);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite_all(fd, zeros, sizeof(zeros), (off_t)at - 40), 0);
	close(fd);
	sp = open_spool(&o);
	assert_slice(spool_checkpoint(sp, SLICE("k")), "place-2");
	assert_true(metric_get(&spool_stats(sp)->torn_bytes) > 0);
	assert_string_equal(lend_all(sp, false), "1[1,1]{\"n\":1} 2[2,1]{\"n\":2} ");
	close_spool(sp);
	buf_release(&whole);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_group),
		T(test_group_refused),
		T(test_group_over_files),
		T(test_group_torn),
	};

	return RUN_TESTS(tests);
}

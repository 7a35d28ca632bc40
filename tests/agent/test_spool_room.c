/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool on a disk that has room for hardly more than one file: what is acknowledged makes
 * room for what comes, also when it stands in the file being written. The disk is one of `room`
 * bytes, over all files of the spool. */
#include "tests/agent/spool_kit.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static uint64_t room, used;

static int count_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	used += kind == FTW_F ? (uint64_t)st->st_size : 0;
	return 0;
}

/* Has the disk room for the file to reach `end`? */
static bool has_room(int fd, uint64_t end)
{
	struct stat st;

	used = 0;
	if (room == 0 || fstat(fd, &st) < 0 || end <= (uint64_t)st.st_size)
		return true;
	if (nftw(dir, count_one, 8, FTW_PHYS) == 0 && used - (uint64_t)st.st_size + end <= room)
		return true;
	errno = ENOSPC;
	return false;
}

int fallocate64(int fd, int mode, off_t at, off_t n);
int fallocate64(int fd, int mode, off_t at, off_t n)
{
	return has_room(fd, (uint64_t)(at + n)) ? (int)syscall(SYS_fallocate, fd, mode, at, n) : -1;
}

ssize_t pwritev64(int fd, const struct iovec *v, int k, off_t at);
ssize_t pwritev64(int fd, const struct iovec *v, int k, off_t at)
{
	uint64_t n = 0;

	for (int i = 0; i < k; i++)
		n += v[i].iov_len;
	return has_room(fd, (uint64_t)at + n) ? syscall(SYS_pwritev, fd, v, k, at, 0) : -1;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at);
ssize_t pwrite64(int fd, const void *p, size_t n, off_t at)
{
	return has_room(fd, (uint64_t)at + n) ? syscall(SYS_pwrite64, fd, p, n, at) : -1;
}

/* Blocks of some 4 KiB until the disk refuses one; returns how many it has. */
static unsigned fill(struct spool *sp, unsigned *seed)
{
	char event[4096];
	unsigned n = 0;

	for (; n < 1000 && told.failed == 0; n++) {
		noise(event, sizeof(event), seed);
		event[sizeof(event) - 1] = '\0';
		assert_int_equal(add(sp, LANE_KEEP, event, "file:a", "1"), 0);
		spool_flush(sp);
		for (int i = 0; i < 1000 && spool_unsynced(sp) > 0 && told.failed == 0; i++)
			uv_run(&loop, UV_RUN_ONCE);
	}
	assert_int_equal(told.failed, 1);
	assert_int_equal(told.err.code, ERR_FULL);
	return n;
}

static unsigned ack_all(struct spool *sp)
{
	struct spool_block b;
	struct err err = { 0 };
	unsigned n = 0;

	while (spool_next(sp, &b, &err) == 1) {
		assert_int_equal(spool_ack(sp, b.epoch, b.number, &err), 0);
		n += b.events;
	}
	return n;
}

/* What the disk refused is tried again, and has room now. */
static void all_written(struct spool *sp)
{
	for (int i = 0; i < 12 && spool_unsynced(sp) > 0; i++)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(spool_unsynced(sp), 0);
}

static void run_full(uint64_t disk, bool restart)
{
	struct spool_opts o = opts();
	struct spool *sp;
	unsigned seed = 7, added, sent;

	o.max_bytes = 2 << 20; /* a file has 128 KiB */
	room = disk;
	sp = open_spool(&o);
	added = fill(sp, &seed);
	if (restart)
		sp = reopen(sp, &o);
	sent = ack_all(sp);
	assert_true(sent >= added - 1);
	if (restart)
		added = sent;         /* what the disk refused is the inputs' again */
	for (int i = 0; i < 2; i++) { /* and again, file after file */
		unsigned more;

		all_written(sp);
		told.failed = 0;
		more = fill(sp, &seed);
		assert_true(more > 16);
		added += more;
		sent += ack_all(sp);
	}
	all_written(sp);
	sent += ack_all(sp);
	assert_int_equal(sent, added);
	sp = reopen(sp, &o);
	assert_string_equal(lend_all(sp, false), ""); /* nothing twice, nothing damaged */
	assert_int_equal(metric_get(&spool_stats(sp)->events_damaged), 0);
	assert_int_equal(metric_get(&spool_stats(sp)->places_damaged), 0);
	close_spool(sp);
	room = 0;
}

static void test_no_room_for_a_second_file(void **state)
{
	run_full((128 << 10) + 100, false);
}

static void test_no_room_after_a_restart(void **state)
{
	run_full((128 << 10) + 100, true);
}

static void test_room_for_half_a_file(void **state)
{
	run_full(192 << 10, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_room_for_a_second_file, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_no_room_after_a_restart, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_room_for_half_a_file, make_dir, remove_dir),
	};
	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool on a disk that says EIO when what is held is to be read: told once, as what it is;
 * what can be read goes on; nothing is given up. Each read goes through here. */
#include "tests/agent/spool_kit.h"

#include <errno.h>
#include <sys/syscall.h>

#include "agent/spool/lane.h"

static bool reads_fail;
static unsigned n_reads, ill, well;
static char last[sizeof(((struct err *)NULL)->msg)];

#undef pread
ssize_t pread64(int fd, void *p, size_t n, off_t at);
ssize_t pread64(int fd, void *p, size_t n, off_t at)
{
	n_reads++;
	if (!reads_fail)
		return syscall(SYS_pread64, fd, p, n, at);
	errno = EIO;
	return -1;
}

static void on_unreadable(void *arg, const struct err *err)
{
	if (err == NULL) {
		well++;
		return;
	}
	ill++;
	snprintf(last, sizeof(last), "%s", err->msg);
}

static void put(struct spool *sp, enum lane lane, const char *event)
{
	assert_int_equal(add(sp, lane, event, "", ""), 0);
	settle(sp);
}

/* The wait before the next try is over. */
static void later(struct spool *sp)
{
	for (int i = 0; i < LANES; i++)
		for (int k = 0; k < AGES; k++)
			sp->w[i].ill[k].again_ms = 0;
}

static void test_told_once_and_tried_again(void **state)
{
	struct spool_opts o = opts();
	struct spool_block b;
	struct batch_meta m;
	struct err err = { 0 };
	struct spool *sp;
	unsigned reads;

	o.unreadable = on_unreadable;
	sp = open_spool(&o);
	put(sp, LANE_KEEP, "{\"n\":1}");
	put(sp, LANE_KEEP, "{\"n\":2}");
	sp = reopen(sp, &o);
	reads_fail = true;
	for (int i = 0; i < 5; i++) { /* told once, however often it is asked and tried */
		assert_int_equal(spool_next(sp, &b, &err), -1);
		assert_int_equal(err.code, ERR_IO);
		later(sp);
	}
	assert_int_equal(ill, 1);
	assert_int_equal(well, 0);
	assert_non_null(strstr(last, "keep/0000000000000001.seg"));
	assert_non_null(strstr(last, strerror(EIO)));
	assert_string_equal(spool_problem(sp), last);
	assert_int_equal(spool_next(sp, &b, &err), -1);
	reads = n_reads;
	for (int i = 0; i < 100; i++)
		assert_int_equal(spool_next(sp, &b, &err), -1);
	assert_int_equal(n_reads, reads); /* not asked again and again */
	put(sp, LANE_KEEP, "{\"n\":3}");  /* what is new goes on */
	put(sp, LANE_LOSSY, "{\"n\":4}");
	for (int i = 3; i <= 4; i++) {
		char want[16];

		snprintf(want, sizeof(want), "{\"n\":%d}", i);
		assert_int_equal(spool_next(sp, &b, &err), 1);
		assert_string_equal(events_of(&b, &m), want);
		assert_int_equal(spool_ack(sp, b.epoch, b.number, &err), 0);
	}
	assert_int_equal(spool_next(sp, &b, &err), -1);
	assert_int_equal(ill, 1);
	reads_fail = false;
	assert_int_equal(spool_next(sp, &b, &err), -1); /* it waits */
	later(sp);
	assert_string_equal(lend_all(sp, true), "1[1,1]{\"n\":1} 2[2,1]{\"n\":2} ");
	assert_int_equal(ill, 1);
	assert_int_equal(well, 1);
	assert_string_equal(spool_problem(sp), "");
	assert_int_equal(metric_get(&spool_stats(sp)->events_damaged), 0);
	assert_int_equal(metric_get(&spool_stats(sp)->events), 0);
	close_spool(sp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_told_once_and_tried_again, make_dir,
						remove_dir),
	};
	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/worker: trouble with the queue or the signals log makes it wait, neither spin
 * nor end, and nothing is lost by it. */
#include "tests/collector/queue_kit.h"
#include "tests/collector/rule_kit.h"

#include <time.h>

#include "collector/detect/worker.h"
#include "common/base/time.h"

#define RULE                                                                                       \
	"title: T\nid: 11111111-0000-4000-8000-000000000001\nname: two\nlevel: high\n"             \
	"logsource: {product: linux}\n"                                                            \
	"detection:\n  selection: {n: [2, 3]}\n  condition: selection\n"                           \
	"vartio: {entity: host.name}\n"
#define WAITS 3000 /* of 10 ms: only what is broken takes so long */

static void on_signalled(void *arg)
{
}

static void wait_for(const metric *m, uint64_t least)
{
	for (int i = 0; i < WAITS && metric_get(m) < least; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10 * NS_PER_MS }, NULL);
	assert_true(metric_get(m) >= least);
}

static void limit_set(int what, rlim_t n, struct rlimit *ret_was)
{
	struct rlimit now;

	assert_int_equal(getrlimit(what, ret_was), 0);
	now = *ret_was;
	now.rlim_cur = n;
	assert_int_equal(setrlimit(what, &now), 0);
}

struct place {
	struct queue *q;
	struct seglog *signals;
	struct ruleset *rules;
	struct worker *wk;
};

/* Block 1 was read by an earlier run, so the worker has not opened the queue's file yet. */
static void place_open(struct place *pl)
{
	struct queue_opts o = opts();
	struct seglog_opts so = { .magic = "VTSIGNAL", .segment_bytes = 1 << 16 };
	struct worker_opts wo = { .signalled = on_signalled };
	struct rules_report rep;
	struct heard heard;
	struct queue_reader *rd;
	struct err err = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/signals", dir);
	so.dir = path;
	pl->q = open_queue(&o);
	assert_int_equal(put(pl->q, "x", 1, 1, 1), QUEUE_STORED);
	rd = open_reader(pl->q, "detect");
	read_some(rd, 9);
	assert_int_equal(queue_reader_commit(rd, &err), 0);
	queue_reader_close(rd);
	pl->rules = rules_from(SLICE(RULE), &rep, &heard);
	assert_int_equal(ruleset_count(pl->rules), 1);
	if (seglog_open(&so, NULL, &pl->signals, &err) < 0)
		fail_msg("%s", err.msg);
	wo.queue = pl->q;
	wo.signals = pl->signals;
	wo.rules = pl->rules;
	if (worker_start(&wo, &pl->wk, &err) < 0)
		fail_msg("%s", err.msg);
}

static void place_close(struct place *pl)
{
	worker_stop(pl->wk);
	queue_close(pl->q);
	seglog_close(pl->signals);
	ruleset_unref(pl->rules);
}

static unsigned count_signals(struct place *pl)
{
	struct seg_reader *rd = NULL;
	struct seg_record rec;
	struct err err = { 0 };
	unsigned n = 0;

	assert_int_equal(seg_reader_open(pl->signals, seglog_first(pl->signals), &rd, &err), 0);
	while (seg_reader_next(rd, &rec, &err) > 0)
		n += rec.kind != SEG_SNAPSHOT;
	seg_reader_close(rd);
	return n;
}

/* No file can be opened: two attempts are a second apart, not thousands in one batch. */
static void test_no_files(void **state)
{
	struct place pl;
	struct rlimit was;

	place_open(&pl);
	limit_set(RLIMIT_NOFILE, 3, &was);
	assert_int_equal(put(pl.q, "x", 1, 2, 1), QUEUE_STORED);
	wait_for(&worker_stats(pl.wk)->errors, 2);
	assert_true(metric_get(&worker_stats(pl.wk)->errors) < 100);
	assert_int_equal(metric_get(&worker_stats(pl.wk)->events), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	wait_for(&worker_stats(pl.wk)->signals, 1);
	place_close(&pl);
}

/* The signals log refuses, and then the queue cannot be opened again: the thread outlives both. */
static void test_reopen(void **state)
{
	struct place pl;
	struct rlimit files, size;

	signal(SIGXFSZ, SIG_IGN);
	place_open(&pl);
	/* The queue's file has its place already; the first file of the signals log has not. */
	limit_set(RLIMIT_FSIZE, 8192, &size);
	assert_int_equal(put(pl.q, "x", 1, 2, 1), QUEUE_STORED);
	wait_for(&worker_stats(pl.wk)->errors, 1);
	limit_set(RLIMIT_NOFILE, 3, &files);
	wait_for(&worker_stats(pl.wk)->errors, 3);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &size), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	wait_for(&worker_stats(pl.wk)->signals, 1);
	assert_int_equal(count_signals(&pl), 1);
	place_close(&pl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_files, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_reopen, make_dir, remove_dir),
	};

	return RUN_TESTS(tests);
}

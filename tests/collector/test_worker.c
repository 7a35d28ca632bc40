/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/worker: trouble with the queue or the signals log makes it wait, neither spin
 * nor end, and nothing is lost by it; an event that there is no memory for holds nobody up. */
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
#define OTHER_ID "22222222-0000-4000-8000-000000000002"
#define WAITS    3000 /* of 10 ms: only what is broken takes so long */

/* -- no memory to judge the event with n == 2, so many times -------------------------------- */

static _Atomic unsigned no_memory;

int __real_detector_run(struct detector *dt, struct json_index *event,
			void (*match)(void *arg, const struct rule *rule), void *arg,
			struct err *err);
int __wrap_detector_run(struct detector *dt, struct json_index *event,
			void (*match)(void *arg, const struct rule *rule), void *arg,
			struct err *err);
int __wrap_detector_run(struct detector *dt, struct json_index *event,
			void (*match)(void *arg, const struct rule *rule), void *arg,
			struct err *err)
{
	const struct json_field *n = json_index_get(event, SLICE("n"));

	if (n == NULL || !slice_is(n->value, "2") || no_memory == 0)
		return __real_detector_run(dt, event, match, arg, err);
	no_memory--;
	return err_nomem(err);
}

/* -- a change of rules ---------------------------------------------------------------------- */

static _Atomic unsigned refusals; /* so many times the change may not be yet */
static _Atomic unsigned asked;
static struct seg_pos changed_at;

static bool on_change(void *arg, struct ruleset *rules, struct seg_pos from)
{
	bool may = refusals == 0;

	if (may)
		changed_at = from;
	else
		refusals--;
	asked++;
	return may;
}

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
	struct worker_opts wo = { .signalled = on_signalled, .change = on_change };
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

/* The worker ends without an event left; so many signals. */
static void expect_all_read(struct place *pl, unsigned signals)
{
	struct queue_reader *rd;

	worker_stop(pl->wk);
	pl->wk = NULL;
	assert_int_equal(count_signals(pl), signals);
	rd = open_reader(pl->q, "detect");
	assert_string_equal(read_some(rd, 9), "");
	queue_reader_close(rd);
	place_close(pl);
}

/* Memory that comes back: the event is judged after all. */
static void test_short_of_memory(void **state)
{
	struct place pl;

	place_open(&pl);
	no_memory = 2;
	assert_int_equal(put(pl.q, "x", 1, 2, 1), QUEUE_STORED);
	assert_int_equal(put(pl.q, "x", 1, 3, 1), QUEUE_STORED);
	wait_for(&worker_stats(pl.wk)->signals, 2);
	assert_int_equal(metric_get(&worker_stats(pl.wk)->unjudged), 0);
	expect_all_read(&pl, 2);
}

/* Memory that there never is: the event is named and passed over, and those behind it are judged.
 */
static void test_no_memory(void **state)
{
	struct place pl;
	char text[4096] = "";
	int pipe_fd[2], was = dup(STDERR_FILENO);

	fflush(stderr);
	assert_int_equal(pipe(pipe_fd), 0);
	dup2(pipe_fd[1], STDERR_FILENO);
	place_open(&pl);
	no_memory = 1000;
	assert_int_equal(put(pl.q, "x", 1, 2, 1), QUEUE_STORED);
	assert_int_equal(put(pl.q, "x", 1, 3, 1), QUEUE_STORED);
	wait_for(&worker_stats(pl.wk)->signals, 1);
	dup2(was, STDERR_FILENO);
	close(was);
	close(pipe_fd[1]);
	assert_int_equal(no_memory, 1000 - 4);
	assert_int_equal(metric_get(&worker_stats(pl.wk)->unjudged), 1);
	assert_int_equal(metric_get(&worker_stats(pl.wk)->events), 2);
	expect_all_read(&pl, 1);
	no_memory = 0;
	assert_true(read(pipe_fd[0], text, sizeof(text) - 1) > 0);
	close(pipe_fd[0]);
	assert_null(strstr(text, "signals cannot be written"));
	assert_non_null(strstr(text, "no memory to judge an event; it is tried again"));
	assert_non_null(strstr(text, "passed over"));
	assert_non_null(strstr(text, "x-0000000000000001-2"));
}

/* The end comes while it is tried: the next start judges it. */
static void test_stop_without_memory(void **state)
{
	struct place pl;
	struct queue_reader *rd;

	place_open(&pl);
	no_memory = 1000;
	assert_int_equal(put(pl.q, "x", 1, 2, 1), QUEUE_STORED);
	wait_for(&worker_stats(pl.wk)->errors, 1);
	worker_stop(pl.wk);
	pl.wk = NULL;
	no_memory = 0;
	rd = open_reader(pl.q, "detect");
	assert_string_equal(read_some(rd, 9), "x:2={\"n\":2} ");
	queue_reader_close(rd);
	place_close(&pl);
}

/* What stands before the place that is told was found by the old rules, the rest by the new ones,
 * also when the change has to wait. */
static void test_change(void **state)
{
	struct place pl;
	struct ruleset *other;
	struct rules_report rep;
	struct heard heard;
	struct seg_reader *rd = NULL;
	struct seg_record rec;
	struct err err = { 0 };
	unsigned n[2] = { 0, 0 };

	place_open(&pl);
	other = rules_from(SLICE("title: O\nid: " OTHER_ID "\nlogsource: {product: linux}\n"
				 "detection: {s: {n: [2, 3]}, condition: s}\n"),
			   &rep, &heard);
	assert_int_equal(ruleset_count(other), 1);
	asked = 0;
	refusals = 2;
	worker_rules(pl.wk, other);
	ruleset_unref(other);
	assert_int_equal(put(pl.q, "x", 1, 2, 1), QUEUE_STORED);
	wait_for(&worker_stats(pl.wk)->signals, 1);
	for (int i = 0; i < WAITS && asked < 3; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10 * NS_PER_MS }, NULL);
	assert_int_equal(asked, 3);
	assert_int_equal(put(pl.q, "x", 1, 3, 1), QUEUE_STORED);
	wait_for(&worker_stats(pl.wk)->signals, 2);
	assert_int_equal(seg_reader_open(pl.signals, seglog_first(pl.signals), &rd, &err), 0);
	while (seg_reader_next(rd, &rec, &err) > 0) {
		bool is_new = seg_pos_cmp(changed_at, rec.pos) <= 0;

		n[is_new]++;
		assert_int_equal(slice_find(rec.payload, SLICE(OTHER_ID)) >= 0, is_new);
	}
	seg_reader_close(rd);
	assert_int_equal(n[0] + n[1], 2);
	assert_true(n[1] >= 1);
	place_close(&pl);
}

/* Does the signals log hold the text? */
static bool signalled(struct place *pl, const char *text)
{
	struct seg_reader *rd = NULL;
	struct seg_record rec;
	struct err err = { 0 };
	bool found = false;

	assert_int_equal(seg_reader_open(pl->signals, seglog_first(pl->signals), &rd, &err), 0);
	while (seg_reader_next(rd, &rec, &err) > 0)
		found = found || slice_find(rec.payload, slice_str(text)) >= 0;
	seg_reader_close(rd);
	return found;
}

/* A Windows event that came without its meaning: the signal has it, and what the collector says. */
static void test_meaning(void **state)
{
	struct place pl;

	place_open(&pl);
	event_more = ",\"winlog\":{\"event_id\":4625,\"provider_name\":"
		     "\"Microsoft-Windows-Security-Auditing\",\"event_data\":{\"TargetUserName\":"
		     "\"pekka\",\"IpAddress\":\"192.0.2.7\"}}";
	assert_int_equal(put(pl.q, "x", 1, 2, 1), QUEUE_STORED);
	event_more = "";
	assert_int_equal(put(pl.q, "x", 1, 3, 1), QUEUE_STORED);
	wait_for(&worker_stats(pl.wk)->signals, 2);
	assert_true(
		signalled(&pl, "\"action\":\"logon-failed\",\"category\":[\"authentication\"]"));
	assert_true(signalled(&pl, "\"name\":\"pekka\""));
	assert_true(signalled(&pl, "\"ip\":\"192.0.2.7\""));
	assert_true(signalled(&pl, "\"id\":\"x-0000000000000001-2\""));
	assert_true(signalled(&pl, "\"n\":3"));
	place_close(&pl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_files, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_reopen, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_short_of_memory, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_no_memory, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_stop_without_memory, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_change, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_meaning, make_dir, remove_dir),
	};

	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/desk: every signal of the log counts once, also when the log was lost or cut
 * behind the desk's back, and when the database refuses for a while. */
#include "tests/collector/rule_kit.h"

#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "collector/alert/desk.h"
#include "common/base/time.h"

#define RULE_ID "11111111-0000-4000-8000-000000000001"
#define RULE                                                                                       \
	"title: T\nid: " RULE_ID "\nname: ssh-failed\nlevel: high\n"                               \
	"logsource: {product: linux}\n"                                                            \
	"detection:\n  selection: {a: x}\n  condition: selection\n"                                \
	"vartio: {entity: host.name}\n"
#define NEW_RULES 150
#define WAITS     3000 /* of 10 ms: only what is broken takes so long */

static char dir[64], db[96], log_dir[96];
static struct ruleset *rules;
static struct seglog *signals;
static const struct notify_conf region = { .region_name = "Seutu-IT Oy",
					   .region_phone = "+358 9 1234",
					   .region_email = "soc@seutu.example",
					   .from = "vartio@seutu.example",
					   .zone = "Europe/Helsinki" };

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static int make_place(void **state)
{
	struct rules_report rep;
	struct heard heard;

	snprintf(dir, sizeof(dir), "/tmp/vartio-desk-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(db, sizeof(db), "%s/collector.db", dir);
	snprintf(log_dir, sizeof(log_dir), "%s/signals", dir);
	rules = rules_from(SLICE(RULE), &rep, &heard);
	if (ruleset_count(rules) != 1)
		fprintf(stderr, "the rule: %s\n", heard.fault.msg);
	return ruleset_count(rules) == 1 ? 0 : -1;
}

static int remove_place(void **state)
{
	ruleset_unref(rules);
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void log_open(uint64_t segment_bytes)
{
	struct seglog_opts so = { .dir = log_dir,
				  .magic = "VTSIGNAL",
				  .segment_bytes = segment_bytes };
	struct err err = { 0 };

	if (seglog_open(&so, NULL, &signals, &err) < 0)
		fail_msg("%s", err.msg);
}

static void on_queued(void *arg)
{
}

static struct desk *start(void)
{
	struct desk_opts o = { .signals = signals,
			       .rules = rules,
			       .db_path = db,
			       .notify = &region,
			       .session_ns = 3600 * NS_PER_SEC,
			       .correlate_max_bytes = 1 << 20,
			       .queued = on_queued };
	struct desk *dk = NULL;
	struct err err = { 0 };

	if (desk_start(&o, &dk, &err) < 0)
		fail_msg("%s", err.msg);
	return dk;
}

/* A signal of its own host, so an alert of its own. */
static void signal_of(const char *rule, unsigned n)
{
	int64_t now = time_now_ns();
	struct buf text = { 0 };
	struct slice part;
	struct err err = { 0 };

	buf_printf(&text,
		   "{\"tenant\":\"mallila\",\"rule\":\"%s\",\"event_id\":\"a-1-%u\","
		   "\"time\":%lld,\"ingested\":%lld,\"event\":{\"host\":{\"name\":\"h%u\"}}}",
		   rule, n, (long long)now, (long long)now, n);
	part = buf_view(&text);
	if (seglog_append(signals, 1, &part, 1, NULL, &err) < 0 || seglog_sync(signals, &err) < 0)
		fail_msg("%s", err.msg);
	buf_release(&text);
}

static void signal_put(unsigned n)
{
	signal_of(RULE_ID, n);
}

static void wait_for(const metric *m, uint64_t least)
{
	for (int i = 0; i < WAITS && metric_get(m) < least; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10 * NS_PER_MS }, NULL);
	assert_true(metric_get(m) >= least);
}

static int count_each(void *arg, const struct alert *al)
{
	unsigned *n = arg;

	n[0]++;
	n[1] += (unsigned)al->events;
	return 0;
}

/* Ends the desk; so many alerts, of one event each. */
static void expect_alerts(struct desk *dk, unsigned want)
{
	struct alert_store *as = NULL;
	unsigned n[2] = { 0, 0 };
	struct err err = { 0 };

	desk_stop(dk);
	assert_int_equal(alert_store_open(db, &as, &err), 0);
	assert_int_equal(alert_list(as, NULL, true, count_each, n, &err), 0);
	alert_store_close(as);
	assert_int_equal(n[0], want);
	assert_int_equal(n[1], want);
}

/* What was seen stays seen over a restart, and the lag is told and ends. */
static void test_restart(void **state)
{
	struct desk *dk;

	log_open(1 << 20);
	dk = start();
	signal_put(1);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->signals, 1);
	expect_alerts(dk, 1);
	dk = start();
	signal_put(2);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->signals, 1);
	assert_int_equal(metric_get(&desk_stats(dk)->replayed), 1);
	expect_alerts(dk, 2);
	seglog_close(signals);
}

/* segment_bytes 400: the position stands in a file of a number that the new log does not have. */
static void run_deleted(uint64_t segment_bytes)
{
	struct desk *dk;

	log_open(segment_bytes);
	dk = start();
	for (unsigned i = 1; i <= 6; i++)
		signal_put(i);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->signals, 6);
	expect_alerts(dk, 6);
	seglog_close(signals);
	assert_int_equal(nftw(log_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);

	log_open(segment_bytes);
	dk = start();
	signal_put(7);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->signals, 1);
	expect_alerts(dk, 7);
	/* And the position is good from now on. */
	dk = start();
	signal_put(8);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->signals, 1);
	assert_int_equal(metric_get(&desk_stats(dk)->replayed), 1);
	expect_alerts(dk, 8);
	seglog_close(signals);
}

static void test_deleted(void **state)
{
	run_deleted(1 << 20);
}

static void test_deleted_files(void **state)
{
	run_deleted(400);
}

/* The last record is gone: what is left was taken before, what follows is new. */
static void test_cut(void **state)
{
	struct seg_pos end;
	struct desk *dk;
	char path[160];

	log_open(1 << 20);
	dk = start();
	signal_put(1);
	end = seglog_end(signals);
	signal_put(2);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->signals, 2);
	expect_alerts(dk, 2);
	seglog_close(signals);
	snprintf(path, sizeof(path), "%s/%016llx.seg", log_dir, (unsigned long long)end.file);
	assert_int_equal(truncate(path, (off_t)end.offset), 0);

	log_open(1 << 20);
	dk = start();
	signal_put(3);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->signals, 1);
	assert_int_equal(metric_get(&desk_stats(dk)->replayed), 1);
	expect_alerts(dk, 3);
	seglog_close(signals);
}

/* Until the position in the database is the log's end: counters are ahead of what is committed. */
static void wait_committed(void)
{
	struct alert_store *as = NULL;
	struct seg_pos pos = { 0, 0 };
	struct err err = { 0 };

	assert_int_equal(alert_store_open(db, &as, &err), 0);
	for (int i = 0; i < WAITS && seg_pos_cmp(pos, seglog_end(signals)) != 0; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 10 * NS_PER_MS }, NULL);
		assert_int_equal(alert_position_get(as, "correlate", &pos, &err), 0);
	}
	alert_store_close(as);
	assert_int_equal(seg_pos_cmp(pos, seglog_end(signals)), 0);
}

/* The database cannot grow: what waits is told, and taken once it can be. */
static void test_refused(void **state)
{
	struct rlimit was, now;
	uint64_t before;
	struct desk *dk;

	log_open(1 << 20);
	dk = start();
	signal_put(1);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->signals, 1);
	wait_committed();
	/* The signals' file has its place already, and the database's log is longer than this. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	now = was;
	now.rlim_cur = 8192;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
	before = seglog_bytes(signals);
	signal_put(2);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->errors, 1);
	wait_for(&desk_stats(dk)->lag_bytes, 1);
	assert_int_equal(metric_get(&desk_stats(dk)->lag_bytes), seglog_bytes(signals) - before);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	wait_for(&desk_stats(dk)->signals, 2);
	for (int i = 0; i < WAITS && metric_get(&desk_stats(dk)->lag_bytes) > 0; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10 * NS_PER_MS }, NULL);
	assert_int_equal(metric_get(&desk_stats(dk)->lag_bytes), 0);
	expect_alerts(dk, 2);
	seglog_close(signals);
}

/* Rebuilding the windows asks nothing of the database: somebody else holds it meanwhile. */
static void test_replay(void **state)
{
	struct alert_store *as = NULL;
	struct err err = { 0 };
	struct desk *dk;

	log_open(1 << 20);
	dk = start();
	for (unsigned i = 1; i <= 20; i++)
		signal_put(i);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->signals, 20);
	expect_alerts(dk, 20);
	assert_int_equal(alert_store_open(db, &as, &err), 0);
	assert_int_equal(alert_begin(as, &err), 0);
	dk = start();
	wait_for(&desk_stats(dk)->replayed, 20);
	assert_int_equal(metric_get(&desk_stats(dk)->errors), 0);
	alert_rollback(as);
	alert_store_close(as);
	signal_put(21);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->signals, 1);
	expect_alerts(dk, 21);
	seglog_close(signals);
}

static struct ruleset *rules_of(struct slice text, size_t want)
{
	struct rules_report rep;
	struct heard heard;
	struct ruleset *rs = rules_from(text, &rep, &heard);

	assert_int_equal(rep.loaded, want);
	return rs;
}

/* As the worker does: from the place behind all that was written. Waits for room. */
static void rules_tell(struct desk *dk, struct ruleset *rs)
{
	bool told = false;

	for (int i = 0; i < WAITS && !told; i++) {
		told = desk_rules(dk, rs, seglog_durable(signals));
		if (!told)
			nanosleep(&(struct timespec){ .tv_nsec = 10 * NS_PER_MS }, NULL);
	}
	assert_true(told);
}

/* A rule of its own id, and nothing else. */
static struct ruleset *other_rules(unsigned i, char id[64])
{
	struct buf text = { 0 };
	struct ruleset *rs;

	snprintf(id, 64, "33333333-0000-4000-8000-%012u", i);
	buf_printf(&text,
		   "title: T%u\nid: %s\nlogsource: {product: linux}\n"
		   "detection: {s: {a: x}, condition: s}\n",
		   i, id);
	rs = rules_of(buf_view(&text), 1);
	buf_release(&text);
	return rs;
}

/* Rules come in and others go, while the desk is behind: each signal counts, by the rules that were
 * in force where it stands in the log. */
static void test_gone_rules(void **state)
{
	struct alert_store *as = NULL;
	struct err err = { 0 };
	char id[64] = RULE_ID;
	struct desk *dk;
	unsigned n = 0, i = 0;

	log_open(2000); /* many files */
	dk = start();
	assert_int_equal(alert_store_open(db, &as, &err), 0);
	assert_int_equal(alert_begin(as, &err), 0); /* nothing can be written meanwhile */
	for (bool room = true; room; i++) {
		struct ruleset *rs;

		assert_true(i < 100);
		for (unsigned k = 0; k < 5; k++)
			signal_of(id, n++);
		desk_wake(dk);
		rs = other_rules(i, id);
		room = desk_rules(dk, rs, seglog_durable(signals));
		/* Two loads without a signal between are one. */
		if (room)
			assert_true(desk_rules(dk, rs, seglog_durable(signals)));
		ruleset_unref(rs);
	}
	assert_true(i > 2);
	alert_rollback(as);
	alert_store_close(as);
	wait_for(&desk_stats(dk)->signals, n);
	for (; i < NEW_RULES; i++) { /* and while it is at work */
		struct ruleset *rs = other_rules(i, id);

		rules_tell(dk, rs);
		ruleset_unref(rs);
		for (unsigned k = 0; k < 5; k++)
			signal_of(id, n++);
		desk_wake(dk);
	}
	/* The end comes before it has read them all. */
	expect_alerts(dk, n);
	seglog_close(signals);
}

/* Rules that come while signals are read: a signal of a new rule, written as soon as the desk was
 * told of it, is never read with the old rules, which do not know it. */
static void test_new_rules(void **state)
{
	struct buf text = { 0 };
	struct desk *dk;
	unsigned n = 0;

	log_open(8 << 20);
	dk = start();
	buf_str(&text, RULE);
	for (unsigned i = 0; i < NEW_RULES; i++) {
		struct ruleset *more;
		char id[64];

		snprintf(id, sizeof(id), "22222222-0000-4000-8000-%012u", i);
		buf_printf(&text,
			   "---\ntitle: T%u\nid: %s\nlogsource: {product: linux}\n"
			   "detection: {s: {a: x}, condition: s}\n",
			   i, id);
		more = rules_of(buf_view(&text), i + 2);
		for (unsigned k = 0; k < 3; k++) /* so that the desk is at work */
			signal_put(n++);
		desk_wake(dk);
		rules_tell(dk, more);
		signal_of(id, n++);
		desk_wake(dk);
		ruleset_unref(more);
	}
	wait_for(&desk_stats(dk)->signals, n);
	expect_alerts(dk, n);
	seglog_close(signals);
	buf_release(&text);
}

/* The database refuses what was found by the old rules: they stay until it is written. */
static void test_refused_change(void **state)
{
	struct rlimit was, now;
	struct ruleset *rs;
	struct desk *dk;
	char id[64];

	log_open(1 << 20);
	dk = start();
	signal_put(1);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->signals, 1);
	wait_committed();
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	now = was;
	now.rlim_cur = 8192;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
	signal_put(2);
	rs = other_rules(1, id);
	rules_tell(dk, rs);
	ruleset_unref(rs);
	signal_of(id, 3);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->errors, 2); /* the last of them with both signals there */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	wait_committed();
	expect_alerts(dk, 3);
	seglog_close(signals);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest desk_tests[] = {
		T(test_restart),   T(test_deleted),    T(test_deleted_files),
		T(test_cut),       T(test_refused),    T(test_replay),
		T(test_new_rules), T(test_gone_rules), T(test_refused_change),
	};

	return RUN_TESTS(desk_tests);
}

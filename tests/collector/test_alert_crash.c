/* SPDX-License-Identifier: EUPL-1.2 */
/* Signals -> correlate -> alert store, ended without warning before and after every commit: the
 * alerts are in the end those of a run that nothing disturbed, none lost, none counted twice. */
#include "tests/cmocka.h"

#include <sys/wait.h>

#include "common/base/hash.h"
#include "tests/collector/alerts.h"

/* Rules by hand; test_correlate.c tells why this is enough. */
struct ruleset {
	struct rule rules[2];
};
struct ruleset *ruleset_ref(struct ruleset *rs)
{
	return rs;
}
void ruleset_unref(struct ruleset *rs)
{
}
size_t ruleset_count(const struct ruleset *rs)
{
	return 2;
}
const struct rule *ruleset_rule(const struct ruleset *rs, size_t number)
{
	return &rs->rules[number];
}
size_t ruleset_field_looks(const struct ruleset *rs, const char *name,
			   struct field_look ret[FIELD_LOOK_MAX])
{
	ret[0] = (struct field_look){ slice_str(name), hash64(slice_str(name), 0) };
	return 1;
}
const char *correlation_field(const struct correlation *co, const struct rule *rule,
			      const char *name)
{
	for (size_t i = 0; i < co->n_aliases; i++)
		if (co->aliases[i].rule == rule && strcmp(co->aliases[i].alias, name) == 0)
			return co->aliases[i].field;
	return name;
}

#define SIGNALS 1200u
#define BATCH   37u

static struct ruleset set;
static struct correlation guessing;

static void rules_make(void)
{
	static const struct rule *refs[] = { &set.rules[0] };
	static const char *by[] = { "host.name", "source.ip" };

	set.rules[0] = base_rule;
	set.rules[1] = guess_rule;
	guessing = guess_correlation;
	guessing.rules = refs;
	guessing.n_rules = 1;
	guessing.group_by = by;
	guessing.n_group_by = 2;
	set.rules[1].correlation = &guessing;
}

/* The signals log: host h0 is attacked from three addresses, in two waves with a quiet time
 * between; h1 only sees a few wrong passwords; every seventh signal stands in the log twice. */
static void signal_text(unsigned i, struct buf *out)
{
	unsigned n = i % 7 == 6 ? i - 1 : i;
	int64_t at = T0 + n * SEC + (n > SIGNALS / 2 ? 3 * HOUR : 0);
	const char *host = n % 200 == 3 ? "h1" : "h0";

	buf_reset(out);
	buf_printf(out,
		   "{\"tenant\":\"mallila\",\"rule\":\"%s\",\"event_id\":\"a-1-%u\",\"time\":%lld,"
		   "\"ingested\":%lld,\"event\":{\"host\":{\"name\":\"%s\"},\"source\":{\"ip\":"
		   "\"192.0.2.%u\"},\"user\":{\"name\":\"u%u\"}}}",
		   base_rule.id, n, (long long)at, (long long)at, host, n % 3, n % 50);
}

struct desk { /* the alert thread's work, in short */
	struct alert_store *as;
	struct correlate *co;
	int64_t now_ns;
	struct err err;
};

static void on_found(void *arg, const struct finding *f)
{
	struct desk *dk = arg;
	bool is_new;
	char id[33];

	if (alert_apply(dk->as, f, dk->now_ns, SESSION, &is_new, id, &dk->err) < 0)
		fail_msg("%s", dk->err.msg);
}

static void take(struct desk *dk, unsigned i, bool replay)
{
	static struct signal_in sg;
	static struct buf text;

	signal_text(i, &text);
	assert_int_equal(signal_read(buf_view(&text), &sg, &dk->err), 0);
	dk->now_ns = sg.ingested_ns;
	assert_int_equal(correlate_signal(dk->co, &sg, dk->now_ns, replay, &dk->err), 0);
}

enum stop { STOP_NEVER, STOP_BEFORE_COMMIT, STOP_AFTER_COMMIT };

/* Opens, rebuilds, and works until the end of the log or until it is ended. */
static void work(const char *db, enum stop stop)
{
	struct desk dk = { 0 };
	struct correlate_opts opts = { .rules = &set, .found = on_found, .arg = &dk };
	struct seg_pos pos;

	assert_int_equal(alert_store_open(db, &dk.as, &dk.err), 0);
	assert_int_equal(sqlite3_exec(alert_store_db(dk.as), "PRAGMA synchronous = OFF", 0, 0, 0),
			 0);
	assert_int_equal(correlate_new(&opts, &dk.co, &dk.err), 0);
	assert_int_equal(alert_position_get(dk.as, "correlate", &pos, &dk.err), 0);
	for (unsigned i = 0; i < pos.offset; i++)
		take(&dk, i, true);
	while (pos.offset < SIGNALS) {
		assert_int_equal(alert_begin(dk.as, &dk.err), 0);
		for (unsigned n = 0; n < BATCH && pos.offset < SIGNALS; n++)
			take(&dk, (unsigned)pos.offset++, false);
		assert_int_equal(alert_position_set(dk.as, "correlate", pos, &dk.err), 0);
		if (stop == STOP_BEFORE_COMMIT)
			_exit(0);
		assert_int_equal(alert_commit(dk.as, &dk.err), 0);
		if (stop == STOP_AFTER_COMMIT)
			_exit(pos.offset < SIGNALS ? 0 : 1);
	}
	correlate_free(dk.co);
	alert_store_close(dk.as);
}

static int child(const char *db, enum stop stop)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		work(db, stop);
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int dump_each(void *arg, const struct alert *al)
{
	json_t *j = alert_to_json(al);

	json_object_del(j, "created"); /* when the batch was written, which a crash moves */
	json_object_del(j, "updated");
	json_array_append_new(arg, j);
	return 0;
}

static char *dump(const char *db)
{
	struct alert_store *as = NULL;
	json_t *all = json_array();
	struct err err;
	uint64_t rows;
	char *text;

	assert_int_equal(alert_store_open(db, &as, &err), 0);
	assert_int_equal(alert_list(as, NULL, true, dump_each, all, &err), 0);
	assert_int_equal(alert_log_verify(as, &rows, &err), 0);
	alert_store_close(as);
	text = json_dumps(all, JSON_INDENT(1) | JSON_SORT_KEYS);
	json_decref(all);
	assert_non_null(text);
	return text;
}

static void test_crash(void **state)
{
	struct store_place whole, torn;
	char *want, *got;
	json_t *all;
	unsigned commits = 0, told = 0, meant = 0;

	rules_make();
	place_open(&whole);
	place_open(&torn);
	work(whole.db, STOP_NEVER);
	do {
		assert_int_equal(child(torn.db, STOP_BEFORE_COMMIT), 0);
		assert_true(++commits <= SIGNALS / BATCH + 1);
	} while (child(torn.db, STOP_AFTER_COMMIT) == 0);
	assert_int_equal(commits, SIGNALS / BATCH + 1);
	want = dump(whole.db);
	got = dump(torn.db);
	assert_string_equal(got, want);
	all = json_loads(want, 0, NULL);
	assert_int_equal(json_array_size(all), 2); /* two waves, and nothing of h1 */
	for (size_t i = 0; i < 2; i++)
		told += (unsigned)json_integer_value(
			json_object_get(json_array_get(all, i), "events"));
	for (unsigned i = 0; i < SIGNALS; i++)
		meant += i % 7 != 6 && i % 200 != 3;
	assert_int_equal(told, meant); /* each once */
	json_decref(all);
	free(want);
	free(got);
	place_close(&whole);
	place_close(&torn);
}

int main(void)
{
	const struct CMUnitTest crash_tests[] = { cmocka_unit_test(test_crash) };

	return RUN_TESTS(crash_tests);
}

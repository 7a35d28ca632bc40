/* SPDX-License-Identifier: EUPL-1.2 */
/* Rules that change while the daemon runs: what is taken into force, when, and what is said. */
#include "tests/collector/rule_kit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "collector/reload.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define EVERY_MS    20
#define STILL_MS    60
#define RESTLESS_MS 1500
#define WAIT_MS     5000

struct world {
	char dir[64], values[96], log[96];
	uv_loop_t loop;
	uv_timer_t tick, end;
	struct reload *re;
	struct ruleset *rules; /* in force */
	unsigned loads, want, writes;
	int old_stderr;
	bool failed;
};

static void put_rule(const struct world *w, const char *name, const char *field)
{
	char path[160], text[256];
	struct err err;

	snprintf(path, sizeof(path), "%s/%s.yml", w->dir, name);
	snprintf(text, sizeof(text),
		 "title: %s\nname: %s\nlogsource: {product: linux}\n"
		 "detection: {s: {%s: x}, condition: s}\n",
		 name, name, field);
	assert_int_equal(file_write(path, slice_str(text), 0600, &err), 0);
}

static void remove_rule(const struct world *w, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s.yml", w->dir, name);
	unlink(path);
}

static void stop(struct world *w)
{
	reload_stop(w->re);
	uv_close((uv_handle_t *)&w->tick, NULL);
	uv_close((uv_handle_t *)&w->end, NULL);
}

static void on_loaded(void *arg, struct ruleset *rs)
{
	struct world *w = arg;

	ruleset_unref(w->rules);
	w->rules = rs;
	w->loads++;
	if (w->loads == w->want)
		uv_stop(&w->loop);
}

static void on_end(uv_timer_t *t)
{
	((struct world *)t->data)->failed = true;
	uv_stop(t->loop);
}

static void open_world(struct world *w, int64_t every_ms, bool values)
{
	struct reload_opts ro = { .every_ms = every_ms,
				  .still_ms = STILL_MS,
				  .restless_ms = RESTLESS_MS,
				  .loaded = on_loaded,
				  .arg = w };
	static const char *paths[1];
	struct err err;
	int fd;

	*w = (struct world){ .dir = "/tmp/vartio-reload-XXXXXX" };
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->values, sizeof(w->values), "%s.values", w->dir);
	snprintf(w->log, sizeof(w->log), "%s.log", w->dir);
	put_rule(w, "one", "a");
	if (values)
		assert_int_equal(file_write(w->values, SLICE("admins: a\n"), 0600, &err), 0);
	fflush(stderr);
	w->old_stderr = dup(STDERR_FILENO);
	fd = open(w->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(w->old_stderr >= 0 && fd >= 0);
	dup2(fd, STDERR_FILENO);
	close(fd);
	log_init("test", LOG_LEVEL_INFO);
	paths[0] = w->dir;
	ro.rules = (struct rules_source){ paths, 1, values ? w->values : NULL };
	assert_int_equal(reload_open(&ro, &w->re, &w->rules, &err), 0);
	uv_loop_init(&w->loop);
	uv_timer_init(&w->loop, &w->tick);
	uv_timer_init(&w->loop, &w->end);
	w->tick.data = w->end.data = w;
	assert_int_equal(reload_start(w->re, &w->loop), 0);
}

/* Runs until so many loads have been taken into force in all. */
static void run_until(struct world *w, unsigned loads)
{
	w->want = loads;
	uv_timer_start(&w->end, on_end, WAIT_MS, 0);
	if (w->loads < loads)
		uv_run(&w->loop, UV_RUN_DEFAULT);
	uv_timer_stop(&w->end);
	if (w->failed)
		fail_msg("%u loads, not %u", w->loads, loads);
}

/* Runs that long; nothing may be taken into force. */
static void run_still(struct world *w, unsigned ms)
{
	unsigned before = w->loads;

	w->want = 0;
	uv_timer_start(&w->end, on_end, ms, 0);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	w->failed = false;
	assert_int_equal(w->loads, before);
}

/* How many lines of the log hold the text. */
static unsigned said(const struct world *w, const char *text)
{
	struct buf b = { 0 };
	struct err err;
	unsigned n = 0;

	assert_int_equal(file_read(w->log, 1 << 20, &b, &err), 0);
	for (const char *p = buf_cstr(&b); (p = strstr(p, text)) != NULL; p++)
		n++;
	buf_release(&b);
	return n;
}

static void close_world(struct world *w)
{
	stop(w);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	reload_free(w->re);
	ruleset_unref(w->rules);
	dup2(w->old_stderr, STDERR_FILENO);
	close(w->old_stderr);
	unlink(w->values);
	unlink(w->log);
	rmdir(w->dir);
}

static void test_changed_folder(void **state)
{
	struct world w;

	open_world(&w, EVERY_MS, false);
	run_still(&w, 5 * STILL_MS); /* nothing has changed */
	put_rule(&w, "two", "b");    /* a new file */
	run_until(&w, 1);
	assert_non_null(ruleset_find(w.rules, "two"));
	put_rule(&w, "two", "c"); /* other content */
	run_until(&w, 2);
	assert_int_equal(matches(w.rules, SLICE("{\"c\":\"x\"}")), 1);
	remove_rule(&w, "two");
	run_until(&w, 3);
	assert_null(ruleset_find(w.rules, "two"));
	assert_int_equal(said(&w, "rules reloaded"), 3);
	remove_rule(&w, "one");
	close_world(&w);
}

static void test_asked(void **state)
{
	struct world w;

	open_world(&w, 0, false); /* never looks by itself */
	put_rule(&w, "two", "b");
	run_still(&w, 5 * STILL_MS);
	reload_ask(w.re);
	reload_ask(w.re); /* while it is at work */
	run_until(&w, 2);
	assert_non_null(ruleset_find(w.rules, "two"));
	remove_rule(&w, "one");
	remove_rule(&w, "two");
	close_world(&w);
}

static void test_changed_values(void **state)
{
	struct world w;
	struct err err;

	open_world(&w, EVERY_MS, true);
	assert_int_equal(file_write(w.values, SLICE("admins: b\n"), 0600, &err), 0);
	run_until(&w, 1);
	/* Values that are no values: the rules that have them stay. */
	assert_int_equal(file_write(w.values, SLICE("admins: {\n"), 0600, &err), 0);
	run_still(&w, 10 * STILL_MS);
	assert_int_equal(said(&w, "the old ones stay in force"), 1);
	remove_rule(&w, "one");
	close_world(&w);
}

/* One of many is broken: the rest is taken, and the fault is said once, not at each look or load.
 */
static void test_broken_file(void **state)
{
	char path[160];
	struct world w;
	struct err err;

	open_world(&w, EVERY_MS, false);
	snprintf(path, sizeof(path), "%s/bad.yml", w.dir);
	assert_int_equal(file_write(path, SLICE("title: [\n"), 0600, &err), 0);
	run_until(&w, 1);
	assert_int_equal(said(&w, "rule not loaded"), 1);
	run_still(&w, 5 * STILL_MS);
	put_rule(&w, "two", "b");
	run_until(&w, 2);
	assert_int_equal(said(&w, "rule not loaded"), 1);
	reload_ask(w.re); /* who asks is told all */
	run_until(&w, 3);
	assert_int_equal(said(&w, "rule not loaded"), 2);
	unlink(path);
	remove_rule(&w, "one");
	remove_rule(&w, "two");
	close_world(&w);
}

/* Nothing loads: the rules in force stay, and one line says so. */
static void test_broken_folder(void **state)
{
	char path[160], away[160];
	struct world w;
	struct err err;

	open_world(&w, EVERY_MS, false);
	snprintf(path, sizeof(path), "%s/one.yml", w.dir);
	assert_int_equal(file_write(path, SLICE("title: [\n"), 0600, &err), 0);
	run_still(&w, 10 * STILL_MS);
	assert_int_equal(said(&w, "the old ones stay in force"), 1);
	assert_int_equal(matches(w.rules, SLICE("{\"a\":\"x\"}")), 1);
	unlink(path); /* an empty folder */
	run_still(&w, 10 * STILL_MS);
	assert_int_equal(said(&w, "the old ones stay in force"), 2);
	snprintf(away, sizeof(away), "%s.away", w.dir);
	assert_int_equal(rename(w.dir, away), 0); /* no folder */
	run_still(&w, 10 * STILL_MS);
	assert_int_equal(said(&w, "the old ones stay in force"), 3);
	assert_int_equal(rename(away, w.dir), 0);
	put_rule(&w, "one", "b"); /* and it is well again */
	run_until(&w, 1);
	assert_int_equal(matches(w.rules, SLICE("{\"b\":\"x\"}")), 1);
	remove_rule(&w, "one");
	close_world(&w);
}

#define PULL_FILES 20
static void on_write(uv_timer_t *t)
{
	struct world *w = t->data;
	char name[32];

	snprintf(name, sizeof(name), "pulled-%u", w->writes++);
	put_rule(w, name, "p");
	if (w->writes == PULL_FILES)
		uv_timer_stop(t);
}

/* Files that come one after the other are taken together. */
static void test_half_a_pull(void **state)
{
	struct world w;
	char name[32];

	open_world(&w, EVERY_MS, false);
	uv_timer_start(&w.tick, on_write, 0, STILL_MS / 3);
	run_until(&w, 1);
	assert_int_equal(ruleset_count(w.rules), 1 + PULL_FILES);
	run_still(&w, 5 * STILL_MS);
	for (int i = 0; i < PULL_FILES; i++) {
		snprintf(name, sizeof(name), "pulled-%d", i);
		remove_rule(&w, name);
	}
	remove_rule(&w, "one");
	close_world(&w);
}

static void on_touch(uv_timer_t *t)
{
	struct world *w = t->data;

	put_rule(w, "one", w->writes++ % 2 == 0 ? "b" : "bb");
}

/* Files that are never still are loaded all the same, and it is said once. */
static void test_restless(void **state)
{
	struct world w;

	open_world(&w, EVERY_MS, false);
	uv_timer_start(&w.tick, on_touch, 0, STILL_MS / 3);
	run_until(&w, 2);
	assert_int_equal(said(&w, "change all the time"), 1);
	uv_timer_stop(&w.tick);
	put_rule(&w, "one", "c");
	run_until(&w, 3);
	assert_int_equal(matches(w.rules, SLICE("{\"c\":\"x\"}")), 1);
	/* Another time is said again. */
	uv_timer_start(&w.tick, on_touch, 0, STILL_MS / 3);
	run_until(&w, 4);
	assert_int_equal(said(&w, "change all the time"), 2);
	remove_rule(&w, "one");
	close_world(&w);
}

/* The loop ends while a load is under way. */
static void test_stop_at_work(void **state)
{
	struct world w;

	open_world(&w, EVERY_MS, false);
	reload_ask(w.re);
	remove_rule(&w, "one");
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changed_folder), cmocka_unit_test(test_asked),
		cmocka_unit_test(test_changed_values), cmocka_unit_test(test_broken_file),
		cmocka_unit_test(test_broken_folder),  cmocka_unit_test(test_half_a_pull),
		cmocka_unit_test(test_restless),       cmocka_unit_test(test_stop_at_work),
	};

	return RUN_TESTS(tests);
}

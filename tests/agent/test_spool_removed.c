/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool: somebody cleans its folder under the running agent. What the last file holds is not
 * lost, and is told; of older files it is told that they are gone, and what is known to be lost. */
#include "tests/agent/spool_kit.h"

static unsigned remade, places;
static char last[512];

static void on_remade(void *arg, const struct err *err)
{
	snprintf(last, sizeof(last), "%s", err->msg);
	remade++;
}

static void on_damaged(void *arg, const struct err *err)
{
	snprintf(last, sizeof(last), "%s", err->msg);
	places++;
}

static struct spool_opts told_opts(void)
{
	struct spool_opts o = opts();

	remade = places = 0;
	o.remade = on_remade;
	o.damaged = on_damaged;
	return o;
}

static const char *keep_file(unsigned n)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/keep/%016x.seg", dir, n);
	return path;
}

/* One block an event. */
static void blocks(struct spool *sp, int from, int to)
{
	for (int i = from; i <= to; i++) {
		char event[32];

		snprintf(event, sizeof(event), "{\"n\":%d}", i);
		assert_int_equal(add(sp, LANE_KEEP, event, "k", event), 0);
		settle(sp);
	}
}

#define ONE   "1[1,1]{\"n\":1} "
#define TWO   "2[2,1]{\"n\":2} "
#define THREE "3[3,1]{\"n\":3} "

enum how { THE_FILE, THE_LANE, ALL, HOWS };

static void clean(enum how how)
{
	static const char *const what[] = { [THE_LANE] = "/keep", [ALL] = "" };
	char path[96];

	if (how == THE_FILE) {
		assert_int_equal(unlink(keep_file(1)), 0);
		return;
	}
	snprintf(path, sizeof(path), "%s%s", dir, what[how]);
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void test_nothing_of_the_last_file_is_lost(void **state)
{
	for (enum how how = 0; how < HOWS; how++) {
		struct spool_opts o = told_opts();
		struct spool *sp = open_spool(&o);

		blocks(sp, 1, 2);
		clean(how);
		assert_string_equal(lend_all(sp, false), ONE TWO);
		spool_rewind(sp);
		blocks(sp, 3, 3);
		assert_int_equal(remade, 1);
		assert_non_null(strstr(last, "spool/keep"));
		assert_int_equal(metric_get(&spool_stats(sp)->files_remade), 1);
		assert_string_equal(lend_all(sp, false), THREE ONE TWO); /* fresh first */
		sp = reopen(sp, &o);
		assert_slice(spool_checkpoint(sp, SLICE("k")), "{\"n\":3}");
		assert_string_equal(lend_all(sp, true), ONE TWO THREE);
		assert_int_equal(places, 0);
		close_spool(sp);
		remove_dir(NULL);
		make_dir(NULL);
	}
}

/* Nothing is written for long: a look finds it, and so does a stop. */
static void test_a_look_and_a_stop(void **state)
{
	for (int look = 0; look < 2; look++) {
		struct spool_opts o = told_opts();
		struct spool *sp = open_spool(&o);

		blocks(sp, 1, 2);
		spool_look(sp);
		uv_run(&loop, UV_RUN_DEFAULT);
		assert_int_equal(remade, 0);
		clean(THE_FILE);
		if (look) {
			spool_look(sp);
			uv_run(&loop, UV_RUN_DEFAULT);
			assert_int_equal(remade, 1);
			assert_int_equal(access(keep_file(1), F_OK), 0);
		}
		sp = reopen(sp, &o);
		assert_string_equal(lend_all(sp, true), ONE TWO);
		close_spool(sp);
		remove_dir(NULL);
		make_dir(NULL);
	}
}

static void test_older_files_are_told(void **state)
{
	struct spool_opts o = told_opts();
	struct spool_block b;
	unsigned seed = 1, held, n;
	struct spool *sp;
	struct err err = { 0 };
	char event[4096];

	o.max_bytes = 4 << 20;
	o.block_events = 1;
	sp = open_spool(&o);
	for (n = 0; access(keep_file(3), F_OK) != 0; n++) {
		noise(event, sizeof(event), &seed);
		if (spool_add(sp, LANE_KEEP, (struct slice){ event, sizeof(event) - 1 }, SLICE(""),
			      SLICE(""), &err) < 0)
			fail_msg("add: %s", err.msg);
		settle(sp);
		assert_true(n < 1000);
	}
	sp = reopen(sp, &o); /* no frame is in memory */
	assert_int_equal(unlink(keep_file(2)), 0);
	for (held = 0; spool_next(sp, &b, &err) == 1; held++)
		assert_int_equal(spool_ack(sp, b.epoch, b.number, &err), 0);
	assert_int_equal(places, 1);
	assert_non_null(
		strstr(last, "keep/0000000000000002.seg is damaged: it is missing or empty"));
	assert_int_equal(metric_get(&spool_stats(sp)->events_damaged), n - held);
	assert_true(held > 0 && held < n);
	assert_int_equal(metric_get(&spool_stats(sp)->events), 0);
	assert_int_equal(remade, 0);
	close_spool(sp);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_nothing_of_the_last_file_is_lost),
		T(test_a_look_and_a_stop),
		T(test_older_files_are_told),
	};

	return RUN_TESTS(tests);
}

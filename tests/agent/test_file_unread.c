/* SPDX-License-Identifier: EUPL-1.2 */
/* Logs of which nothing was read yet: rotated while the agent was stopped or could not read. */
#include "tests/cmocka.h"

#include "tests/agent/file_runs.h"

enum unread { RENAMED, COMPRESSED, TRUNCATED };

static const char more[] = ", close_rotated: 0s";
static const struct utimbuf long_ago = { 1700000000, 1700000000 };

static void rotate_unread(enum unread how, const char *to)
{
	if (how == TRUNCATED) {
		copy("log", to, false);
		assert_int_equal(truncate(at("log"), 0), 0);
	} else {
		file_step(&(struct step){ MOVE, "log", to });
	}
	if (how == COMPRESSED)
		file_step(&(struct step){ GZIP, to });
}

/* An agent that has met an empty log, and is stopped. */
static struct world *met_empty(void)
{
	struct world *w = world_new();

	dir_new();
	put_at("log", "", 0, -1);
	open_in(w, more);
	scan_once(w);
	world_close(w);
	return w;
}

/* A log of which nothing was read when the agent stopped; another: a generation after it. */
static void unread(const char *what, enum unread how, bool another)
{
	struct world *w = world_new();

	dir_new();
	put_at("log.9", "old\n", 4, -1); /* was there before */
	assert_int_equal(utime(at("log.9"), &long_ago), 0);
	put_at("log", "", 0, -1);
	open_in(w, more);
	come_to_rest(w, what, more, LINES(NULL)); /* its place outlives a start */
	world_close(w);
	put_at("log", "a\n", 2, -1);
	if (another)
		put_at("log.1", "b\n", 2, -1);
	rotate_unread(how, another ? "log.2" : "log.1");
	put_at("log", "c\n", 2, -1);
	open_in(w, more);
	come_to_rest(w, what, more, another ? LINES("a", "b", "c") : LINES("a", "c"));
	world_free(w);
	dir_free();
}

static void test_a_log_of_which_nothing_was_read(void **state)
{
	for (int another = 0; another < 2; another++) {
		unread("unread, renamed", RENAMED, another);
		unread("unread, compressed", COMPRESSED, another);
		unread("unread, copied and truncated", TRUNCATED, another);
	}
}

/* What was rotated may be written to after the next log was made, and is not read again from the
 * empty one's place: not when that one is replaced, and not when it is written to. What is in it
 * counts as later all the same. */
static void test_what_was_read_beside_an_empty_log(void **state)
{
	const struct utimbuf before = { 1800000000, 1800000000 },
			     after = { 1800000001, 1800000001 };
	struct world *w = world_new();

	dir_new();
	put_at("log", "", 0, -1);
	open_in(w, more);
	come_to_rest(w, "beside", more, LINES(NULL));
	world_close(w);
	put_at("log", "a\n", 2, -1);
	rotate_unread(COMPRESSED, "log.1");
	assert_int_equal(utime(at("log.1.gz"), &after), 0);
	for (int i = 0; i < 2; i++) {
		file_step(&(struct step){ REPLACE, "log", "" });
		assert_int_equal(utime(at("log"), &before), 0);
		assert_int_equal(utime(dir, &long_ago), 0); /* so that a search counts at once */
		open_in(w, more);
		come_to_rest(w, "beside", more, LINES("a"));
		assert_int_equal(((struct files *)w->in.data)->n_tails, 1);
		world_close(w);
	}
	put_at("log", "b\n", 2, -1);
	assert_int_equal(utime(at("log"), &before), 0);
	open_in(w, more);
	w->in.cls->pause(&w->in);
	scan_once(w);
	world_close(w);
	file_step(&(struct step){ MOVE, "log", "log.1" });
	open_in(w, more);
	come_to_rest(w, "beside", more, LINES("a", "b"));
	world_free(w);
	dir_free();
}

/* The clock of the file system has the same time for the first line as for the empty log. */
static void test_written_in_the_tick_in_which_it_was_met(void **state)
{
	const struct utimbuf tick = { 1800000000, 1800000000 };
	struct world *w = world_new();

	dir_new();
	put_at("log", "", 0, -1);
	assert_int_equal(utime(at("log"), &tick), 0);
	open_in(w, more);
	scan_once(w);
	world_close(w);
	put_at("log", "a\n", 2, -1);
	rotate_unread(COMPRESSED, "log.1");
	assert_int_equal(utime(at("log.1.gz"), &tick), 0);
	put_at("log", "b\n", 2, -1);
	open_in(w, more);
	come_to_rest(w, "one tick", more, LINES("a", "b"));
	world_free(w);
	dir_free();
}

/* An old file may get the inode of a log of which nothing was read. */
static void test_the_inode_of_an_unread_log_is_used_again(void **state)
{
	struct world *w = met_empty();

	file_step(&(struct step){ REMOVE, "log" });
	put_at("log.1", "old\n", 4, -1);
	assert_int_equal(utime(at("log.1"), &long_ago), 0);
	open_in(w, more);
	come_to_rest(w, "its inode", more, LINES(NULL));
	world_free(w);
	dir_free();
}

/* Or a newer generation: those before it came after the empty log all the same. What has no such
 * name is found by the inode. */
static void test_a_newer_generation_has_its_inode(void **state)
{
	static const struct step steps[][9] = {
		{ { MOVE, "log", "log.1" },
		  { APPEND, "log.3", "a\n" },
		  { GZIP, "log.3" },
		  { APPEND, "log.2", "b\n" },
		  { APPEND, "log.1", "c\n" } },
		{ { MOVE, "log", "log-20261130" },
		  { APPEND, "log-20261128", "a\n" },
		  { GZIP, "log-20261128" },
		  { APPEND, "log-20261129", "b\n" },
		  { APPEND, "log-20261130", "c\n" } },
		{ { MOVE, "log", "log.old" }, { APPEND, "log.old", "a\nb\nc\n" } },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct world *w = met_empty();

		for (const struct step *s = steps[i]; s->op != END; s++)
			file_step(s);
		put_at("log", "d\n", 2, -1);
		open_in(w, more);
		come_to_rest(w, "a newer one", more, LINES("a", "b", "c", "d"));
		world_free(w);
		dir_free();
	}
}

/* A generation that nobody saw, and its program did not open its log anew. */
static void test_written_after_it_was_found(void **state)
{
	struct world *w = met_empty();

	put_at("log", "a\n", 2, -1);
	rotate_unread(RENAMED, "log.1");
	put_at("log", "", 0, -1);
	open_in(w, more);
	assert_true(world_wait(w, world_has, 1));
	for (int i = 0; i < 3; i++)
		scan_once(w);
	put_at("log.1", "b\n", 2, -1);
	come_to_rest(w, "late", more, LINES("a", "b"));
	world_free(w);
	dir_free();
}

/* A limit: a log that the agent has not met. */
static void test_a_new_log_renamed_at_once(void **state)
{
	struct world *w = world_new();

	dir_new();
	open_in(w, more);
	scan_once(w);
	put_at("log", "a\n", 2, -1);
	file_step(&(struct step){ MOVE, "log", "log.1" });
	put_at("log", "b\n", 2, -1);
	come_to_rest(w, "not met", more, LINES("b"));
	world_free(w);
	dir_free();
}

static void open_matching(struct world *w, bool copies)
{
	char yaml[256];

	snprintf(yaml, sizeof(yaml), "{paths: ['%s/log%s'], poll_ms: 1s%s}", dir, copies ? "*" : "",
		 more);
	world_open(w, &input_file, yaml);
}

/* While the agent cannot read, what it has not read of is written, copied and truncated; the globs
 * may match the copy. */
static void test_an_unread_log_is_copied_and_truncated(void **state)
{
	for (int i = 0; i < 4; i++) {
		const bool killed = i % 2, copies = i / 2;
		struct world *w = world_new();

		dir_new();
		put_at("log", "", 0, -1);
		open_matching(w, copies);
		scan_once(w);
		w->in.cls->pause(&w->in);
		put_at("log", "a\n", 2, -1);
		scan_once(w);
		rotate_unread(TRUNCATED, "log.1");
		scan_once(w);
		put_at("log", "c\n", 2, -1);
		if (killed) {
			world_close(w);
			open_matching(w, copies);
		} else {
			w->in.cls->resume(&w->in);
		}
		assert_true(world_wait(w, world_has, 2));
		for (int k = 0; k < 3; k++)
			scan_once(w);
		come_to_rest(w, "copied before it was read", more, LINES("a", "c"));
		world_free(w);
		dir_free();
	}
}

/* A start that finds an empty log as it was searches for nothing: there may be thousands. */
static void test_an_empty_log_stays_known(void **state)
{
	struct world *w = world_new();
	struct slice place;

	dir_new();
	put_at("log", "", 0, -1);
	open_in(w, more);
	scan_once(w);
	assert_int_equal(w->n_ck, 2); /* "started", and the log's */
	place = w->ck[1].value;
	world_close(w);
	open_in(w, more);
	scan_once(w);
	assert_int_equal(((struct files *)w->in.data)->n_tails, 1);
	assert_int_equal(w->n_ck, 2);
	assert_true(slice_eq(w->ck[1].value, place));
	put_at("log", "a\n", 2, -1);
	come_to_rest(w, "empty before", more, LINES("a"));
	world_free(w);
	dir_free();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_log_of_which_nothing_was_read),
		cmocka_unit_test(test_what_was_read_beside_an_empty_log),
		cmocka_unit_test(test_written_in_the_tick_in_which_it_was_met),
		cmocka_unit_test(test_the_inode_of_an_unread_log_is_used_again),
		cmocka_unit_test(test_a_newer_generation_has_its_inode),
		cmocka_unit_test(test_written_after_it_was_found),
		cmocka_unit_test(test_a_new_log_renamed_at_once),
		cmocka_unit_test(test_an_unread_log_is_copied_and_truncated),
		cmocka_unit_test(test_an_empty_log_stays_known),
	};
	return RUN_TESTS(tests);
}

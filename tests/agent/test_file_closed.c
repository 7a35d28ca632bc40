/* SPDX-License-Identifier: EUPL-1.2 */
/* Logs that were renamed, read to their end and closed, and that their program still writes to. */
#include "tests/cmocka.h"

#include "tests/agent/file_runs.h"

static const char more[] = ", close_rotated: 0s";
static const struct utimbuf long_ago = { 1700000000, 1700000000 };

static bool none_rotated(struct world *w, size_t unused)
{
	const struct files *fs = w->in.data;

	for (size_t i = 0; i < fs->n_tails; i++)
		if (!fs->tails[i]->dead &&
		    (fs->tails[i]->dirty || fs->tails[i]->state == TAIL_ROTATED))
			return false;
	return true;
}

/* The n lines have come, and what was renamed is closed. */
static void closed(struct world *w, size_t n)
{
	assert_true(world_wait(w, world_has, n));
	for (int i = 0; i < 3; i++)
		scan_once(w);
	assert_true(world_wait(w, none_rotated, 0));
	assert_int_equal(w->n, n);
}

/* A log with a line, then renamed and closed; empty: with none. */
static struct world *world_rotated(bool empty)
{
	struct world *w = world_new();

	dir_new();
	put_at("log", "a\n", empty ? 0 : 2, -1);
	open_in(w, more);
	closed(w, empty ? 0 : 1);
	file_step(&(struct step){ MOVE, "log", "log.1" });
	scan_once(w);
	put_at("log", empty ? "a\nb\n" : "b\n", empty ? 4 : 2, -1);
	closed(w, 2);
	return w;
}

static void finish(struct world *w)
{
	world_free(w);
	dir_free();
}

/* It is written to again and again, and closed each time; compressed in the end. */
static void test_written_after_it_was_closed(void **state)
{
	for (int empty = 0; empty < 2; empty++) {
		struct world *w = world_rotated(empty);

		put_at("log.1", "c\n", 2, -1);
		closed(w, 3);
		put_at("log.1", "d\ne", 3, -1);
		closed(w, 5);
		put_at("log.1", "f\n", 2, -1); /* the rest of that line */
		closed(w, 6);
		file_step(&(struct step){ GZIP, "log.1" });
		come_to_rest(w, "closed", more, LINES("a", "b", "c", "d", "e", "f"));
		finish(w);
	}
}

/* Nobody looks while it is written to and gets the next name, in whatever order. */
static void test_written_and_renamed_unseen(void **state)
{
	static const struct step steps[][4] = {
		{ { APPEND, "log.1", "c\n" } },
		{ { APPEND, "log.1", "c\n" }, { MOVE, "log.1", "log.2" } },
		{ { MOVE, "log.1", "log.2" }, { APPEND, "log.2", "c\n" } },
		{ { MOVE, "log.1", "log.2" },
		  { MOVE, "log", "log.1" },
		  { APPEND, "log.2", "c\n" } },
	};

	for (size_t i = 0; i < 2 * sizeof(steps) / sizeof(steps[0]); i++)
		for (int down = 0; down < 2; down++) {
			struct world *w = world_rotated(i % 2);

			if (down)
				world_close(w);
			for (const struct step *s = steps[i / 2]; s->op != END; s++)
				file_step(s);
			if (down)
				open_in(w, more);
			come_to_rest(w, "unseen", more, LINES("a", "b", "c"));
			finish(w);
		}
}

/* The same of a generation that was missed at first: found by its name, and read at once. */
static void test_a_missed_one_is_written_to(void **state)
{
	struct world *w = world_new();

	dir_new();
	put_at("log", "a\n", 2, -1);
	open_in(w, more);
	closed(w, 1);
	world_close(w);
	file_step(&(struct step){ MOVE, "log", "log.2" });
	put_at("log.1", "b\n", 2, -1);
	open_in(w, more);
	closed(w, 2);
	world_close(w);
	put_at("log.1", "c\n", 2, -1);
	file_step(&(struct step){ MOVE, "log.2", "log.3" });
	file_step(&(struct step){ MOVE, "log.1", "log.2" });
	put_at("log", "", 0, -1);
	open_in(w, more);
	come_to_rest(w, "missed, then written to", more, LINES("a", "b", "c"));
	finish(w);
}

/* Its inode is an empty generation's, and then the log's: what came after it is not looked for
 * anew, for nobody knows any more that it was read. */
static void test_its_inode_is_used_again(void **state)
{
	static const struct step steps[][9] = {
		{ { MOVE, "log.1", "log.3" },
		  { COPY, "log.3", "log.4" },
		  { GZIP, "log.4" },
		  { TRUNC, "log.3" },
		  { MOVE, "log.3", "log.1" },
		  { MOVE, "log", "log.2" },
		  { GZIP, "log.2" },
		  { APPEND, "log", "c\n" } },
		{ { MOVE, "log", "log.3" },
		  { MOVE, "log.1", "log" },
		  { MOVE, "log.3", "log.1" },
		  { APPEND, "log", "d" } },
	};
	struct world *w = world_rotated(false);

	for (size_t i = 0; i < 2; i++) {
		world_close(w);
		for (const struct step *s = steps[i]; s->op != END; s++)
			file_step(s);
		assert_int_equal(utime(dir, &long_ago), 0); /* so that a search counts at once */
		open_in(w, more);
		closed(w, 3);
	}
	put_at("log", "\n", 1, -1);
	come_to_rest(w, "its inode", more, LINES("a", "b", "c", "d"));
	finish(w);
}

/* What is no line does not keep a file open, nor open it again and again. */
static void test_a_lone_cr_at_its_end(void **state)
{
	struct world *w = world_rotated(false);
	const struct files *fs = w->in.data;
	unsigned scan;

	put_at("log.1", "c\n\r", 3, -1);
	closed(w, 3);
	scan = fs->scan;
	scan_once(w);
	assert_true(none_rotated(w, 0) && fs->scan == scan + 1);
	put_at("log.1", "\nd\n", 3, -1);
	come_to_rest(w, "a lone CR", more, LINES("a", "b", "c", "d"));
	finish(w);
}

/* A limit: what was read of it is known, and its rest is not looked for in what it became. */
static void test_compressed_before_it_was_seen(void **state)
{
	struct world *w = world_rotated(false);

	world_close(w);
	put_at("log.1", "c\n", 2, -1);
	file_step(&(struct step){ GZIP, "log.1" });
	open_in(w, more);
	come_to_rest(w, "compressed", more, LINES("a", "b"));
	finish(w);
}

/* Other bytes under its inode are not what its program added. */
static void test_its_bytes_are_others_now(void **state)
{
	struct world *w = world_rotated(false);

	assert_int_equal(utime(dir, &long_ago), 0); /* so that nothing more is looked for */
	closed(w, 2);
	world_close(w);
	assert_int_equal(truncate(at("log.1"), 0), 0);
	put_at("log.1", "x\ny\n", 4, -1);
	open_in(w, more);
	come_to_rest(w, "others", more, LINES("a", "b"));
	assert_int_equal(((struct files *)w->in.data)->n_tails, 1);
	finish(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_after_it_was_closed),
		cmocka_unit_test(test_written_and_renamed_unseen),
		cmocka_unit_test(test_a_missed_one_is_written_to),
		cmocka_unit_test(test_its_inode_is_used_again),
		cmocka_unit_test(test_a_lone_cr_at_its_end),
		cmocka_unit_test(test_compressed_before_it_was_seen),
		cmocka_unit_test(test_its_bytes_are_others_now),
	};
	return RUN_TESTS(tests);
}

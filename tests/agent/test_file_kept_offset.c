/* SPDX-License-Identifier: EUPL-1.2 */
/* Logs of a program that goes on where it was after a copytruncate: NUL bytes in front, more with
 * each rotation. */
#include "tests/cmocka.h"

#include "tests/agent/file_runs.h"

static const char more[] = ", close_rotated: 0s";
static bool appends;
static off_t pen; /* where the program writes next */
static unsigned written;
static const char *const all[] = { "line 0",  "line 1",  "line 2",  "line 3",  "line 4",  "line 5",
				   "line 6",  "line 7",  "line 8",  "line 9",  "line 10", "line 11",
				   "line 12", "line 13", "line 14", "line 15", NULL };

static void begin(off_t at_)
{
	pen = at_;
	written = 0;
}

static void write_line(void)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%s\n", all[written++]);

	put_at("log", text, (size_t)n, appends ? -1 : pen);
	pen += n;
}

/* The generations get the next names; compress: from the second on, or all. */
static void copy_truncate(unsigned compress)
{
	char from[16], to[16];
	struct stat st;

	for (unsigned i = 9; i > 0; i--)
		for (int gz = 0; gz < 2; gz++) {
			snprintf(from, sizeof(from), "log.%u%s", i, gz ? ".gz" : "");
			snprintf(to, sizeof(to), "log.%u%s", i + 1, gz ? ".gz" : "");
			if (stat(at(from), &st) < 0)
				continue;
			assert_int_equal(rename(at(from), at(to)), 0);
			if (!gz && compress > 0)
				file_step(&(struct step){ GZIP, to });
		}
	copy("log", "log.1", false);
	assert_int_equal(truncate(at("log"), 0), 0);
	if (compress > 1)
		file_step(&(struct step){ GZIP, "log.1" });
}

static void reopen(struct world *w)
{
	world_close(w);
	open_in(w, more);
}

static void sync_to(struct world *w, const char *what)
{
	if (world_wait(w, world_has, written))
		return;
	for (size_t i = 0; i < w->n; i++)
		print_message("# %.*s\n", SLICE_FMT(w->rec[i].line));
	fail_msg("%s: %zu of %u lines came", what, w->n, written);
}

/* Four rotations, each with a line that was not read; hidden: rotations of which the agent sees
 * nothing, the first of them. */
static void rotations(unsigned compress, unsigned hidden, bool restart)
{
	struct world *w = world_new();
	char what[96];

	snprintf(what, sizeof(what), "%s, compress %u, hidden %u, restart %d",
		 appends ? "appends" : "keeps its offset", compress, hidden, restart);
	dir_new();
	begin(0);
	open_in(w, more);
	for (unsigned i = 0; i < 4; i++) {
		bool unseen = i < hidden;

		write_line();
		write_line();
		if (i == 0 || !unseen)
			sync_to(w, what);
		if (unseen && w->open)
			world_close(w);
		write_line();
		copy_truncate(compress);
		if (i + 1 == hidden)
			open_in(w, more);
		else if (restart && !unseen)
			reopen(w);
		if (w->open)
			for (int k = 0; k < 3; k++)
				scan_once(w);
	}
	write_line();
	come_to_rest(w, what, more,
		     (const char *const[]){ all[0], all[1], all[2], all[3], all[4], all[5], all[6],
					    all[7], all[8], all[9], all[10], all[11], all[12],
					    NULL });
	world_free(w);
	dir_free();
}

static void test_rotated_again_and_again(void **state)
{
	for (int keeps = 0; keeps < 2; keeps++) {
		appends = !keeps;
		for (unsigned compress = 0; compress < 3; compress++)
			for (unsigned hidden = 0; hidden <= 4; hidden++)
				for (int restart = 0; restart < 2; restart++)
					rotations(compress, hidden, restart);
	}
}

/* More NUL bytes than are compared where two files may be alike. */
static void test_many_nul_bytes(void **state)
{
	for (unsigned compress = 0; compress < 3; compress++) {
		struct world *w = world_new();

		dir_new();
		begin(2 << 20);
		open_in(w, more);
		write_line();
		sync_to(w, "many");
		world_close(w);
		for (int i = 0; i < 2; i++) {
			write_line();
			copy_truncate(compress);
		}
		write_line();
		open_in(w, more);
		come_to_rest(w, "many", more, LINES(all[0], all[1], all[2], all[3]));
		world_free(w);
		dir_free();
	}
}

/* A program that writes the same again and again kept its offset, then it was started anew. */
static void test_the_same_line_behind_nul_bytes(void **state)
{
	struct world *w = world_new();

	dir_new();
	open_in(w, more);
	put_at("log", "a\n", 2, -1);
	assert_true(world_wait(w, world_has, 1));
	world_close(w);
	file_step(&(struct step){ MOVE, "log", "log.2" });
	put_at("log.1", "ping\n", 5, 5);
	put_at("log", "ping\nping\nping\n", 15, -1);
	open_in(w, more);
	assert_true(world_wait(w, world_has, 5));
	for (int i = 0; i < 3; i++)
		scan_once(w);
	assert_int_equal(w->n, 5);
	world_free(w);
	dir_free();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rotated_again_and_again),
		cmocka_unit_test(test_many_nul_bytes),
		cmocka_unit_test(test_the_same_line_behind_nul_bytes),
	};
	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* The file input: every line of every scenario reaches the sink exactly once, whether the agent
 * runs on, is stopped between DOWN and UP, or its spool is full between DOWN and UP. */
#include "tests/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <utime.h>
#include <zlib.h>

#include "agent/inputs/file.h"
#include "common/base/file.h"
#include "tests/agent/file_kit.h"
#include "tests/agent/inputs_world.h"

static void open_in(struct world *w, const char *paths, const char *more)
{
	char yaml[512];

	snprintf(yaml, sizeof(yaml),
		 "{paths: ['%s/%s'], exclude: ['*.skip'], poll_ms: 1s, close_rotated: 0s%s}", dir,
		 paths, more);
	world_open(w, &input_file, yaml);
}

static bool scanned(struct world *w, size_t n)
{
	const struct files *fs = w->in.data;

	if (fs->scan < n)
		return false;
	for (size_t i = 0; i < fs->n_tails; i++)
		if (fs->tails[i]->dirty || fs->tails[i]->state == TAIL_ROTATED)
			return false;
	return true;
}

/* Until three more scans have found nothing to do: what has not come by then does not come. The
 * scans are asked for here, as a poll would, so that no time has to pass. */
static void quiet(struct world *w, const char *what)
{
	for (int i = 0; i < 3; i++) {
		struct files *fs = w->in.data;

		fs->scan_wanted = true;
		files_wake(fs);
		if (!world_wait(w, scanned, fs->scan + 1)) {
			for (size_t k = 0; k < fs->n_tails; k++)
				print_message("# %s %d dirty %d at %llu\n", fs->tails[k]->path,
					      fs->tails[k]->state, fs->tails[k]->dirty,
					      (unsigned long long)fs->tails[k]->offset);
			fail_msg("%s: it does not come to rest", what);
		}
	}
}

static void go_down(struct world *w, enum mode mode)
{
	if (mode == STOPPED)
		world_close(w);
	if (mode == FULL)
		w->room = w->n;
}

static void go_up(struct world *w, enum mode mode, const char *paths, const char *more)
{
	if (mode == STOPPED)
		open_in(w, paths, more);
	if (mode != FULL)
		return;
	for (int i = 0; i < 20; i++) /* it notices what it cannot take yet */
		uv_run(&w->loop, UV_RUN_NOWAIT);
	w->room = WORLD_MAX;
	input_file.resume(&w->in);
}

static void shown(struct slice line, char out[256])
{
	size_t k = 0;

	for (size_t i = 0; i < line.n && k < 250; i++)
		if (line.p[i] != '\0') {
			out[k++] = line.p[i];
		} else {
			out[k++] = '\\';
			out[k++] = '0';
		}
	out[k] = '\0';
}

/* Each expected line once, and nothing else. */
static void compare(struct world *w, const char *what, const char *const *lines)
{
	bool used[64] = { false };
	char text[256];
	size_t k;

	for (size_t i = 0; i < w->n; i++) {
		shown(w->rec[i].line, text);
		for (k = 0; lines[k] != NULL && (used[k] || strcmp(lines[k], text) != 0); k++)
			;
		if (lines[k] == NULL)
			fail_msg("%s: '%s' came, and was not expected (again)", what, text);
		used[k] = true;
	}
	for (k = 0; lines[k] != NULL; k++)
		if (!used[k])
			fail_msg("%s: '%s' did not come", what, lines[k]);
}

static void sync_to(struct world *w, const char *what, size_t n, const char *file)
{
	struct stat st;

	if (!world_wait(w, world_has, n)) {
		for (size_t i = 0; i < w->n; i++)
			print_message("# %zu: %.*s\n", i, SLICE_FMT(w->rec[i].line));
		fail_msg("%s: %zu of %zu lines came", what, w->n, n);
	}
	if (file != NULL && stat(at(file), &st) == 0)
		old_size = st.st_size;
}

static void run_row(size_t r, enum mode mode)
{
	struct world *w = world_new();
	char what[256];
	size_t want = 0;

	snprintf(what, sizeof(what), "%s (%s)", rows[r].name, mode_names[mode]);
	while (rows[r].lines[want] != NULL)
		want++;
	dir_new();
	open_in(w, rows[r].paths, "");
	for (const struct step *s = rows[r].steps; s->op != END; s++)
		if (s->op == SYNC)
			sync_to(w, what, s->n, rows[r].paths);
		else if (s->op == DOWN)
			go_down(w, mode);
		else if (s->op == UP)
			go_up(w, mode, rows[r].paths, "");
		else
			file_step(s);
	sync_to(w, what, want, NULL);
	quiet(w, what);
	compare(w, what, rows[r].lines);
	world_close(w); /* and a start with the last places brings nothing */
	open_in(w, rows[r].paths, "");
	quiet(w, what);
	compare(w, what, rows[r].lines);
	world_free(w);
	dir_free();
}

static void test_rows(void **state)
{
	enum mode mode = *(const enum mode *)*state;

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
		if (mode != STOPPED || (rows[r].flags & NOT_STOPPED) == 0)
			run_row(r, mode);
}

static void append(const char *name, const char *text)
{
	put_at(name, text, strlen(text), -1);
}

static void finish(struct world *w)
{
	world_free(w);
	dir_free();
}

static void test_long_lines_are_cut(void **state)
{
	struct world *w = world_new();
	static const struct {
		size_t n;
		bool cut;
	} rows_[] = {
		{ 256, false }, { 257, true }, { 5000, true }, { 1000000, true }, { 1, false }
	};

	dir_new();
	for (size_t i = 0; i < 5; i++)
		append_run("log", (char)('a' + i), rows_[i].n, "\r\n");
	open_in(w, "log", ", max_line_bytes: 256");
	assert_true(world_wait(w, world_has, 5));
	append_run("log", 'f', 200000, ""); /* cut before its end is there, and before a restart */
	assert_true(world_wait(w, world_has, 6));
	world_close(w);
	append_run("log", 'f', 200000, "\ng\n");
	open_in(w, "log", ", max_line_bytes: 256");
	assert_true(world_wait(w, world_has, 7));
	quiet(w, "long lines");
	assert_int_equal(w->n, 7);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(w->rec[i].line.n, rows_[i].cut ? 256 : rows_[i].n);
		assert_int_equal(w->rec[i].cut, rows_[i].cut);
		assert_int_equal(w->rec[i].line.p[0], 'a' + i);
	}
	assert_int_equal(w->rec[5].line.n, 256);
	assert_true(w->rec[5].cut);
	assert_slice(w->rec[6].line, "g");
	finish(w);
}

static void test_the_first_start_may_begin_at_the_end(void **state)
{
	struct world *w = world_new();

	dir_new();
	append("log", "old\nhalf a l");
	open_in(w, "*log", ", from: end");
	quiet(w, "from end");
	append("log", "ine\nnew\n");
	append("later.log", "first\n"); /* a file that came later: from its beginning */
	assert_true(world_wait(w, world_has, 2));
	world_close(w);
	append("log", "newer\n");
	append("last.log", "second\n");
	open_in(w, "*log", ", from: end"); /* and it holds for the first start only */
	assert_true(world_wait(w, world_has, 4));
	quiet(w, "from end, again");
	compare(w, "from end", LINES("new", "first", "newer", "second"));
	finish(w);
}

static void test_old_files_are_left_alone_until_they_grow(void **state)
{
	struct world *w = world_new();
	struct utimbuf old = { 1000000000, 1000000000 };

	dir_new();
	append("old.log", "no\n");
	append("new.log", "yes\n");
	assert_int_equal(utime(at("old.log"), &old), 0);
	open_in(w, "*.log", ", ignore_older: 24h");
	quiet(w, "old");
	append("old.log", "more\n");
	assert_true(world_wait(w, world_has, 2));
	quiet(w, "old");
	compare(w, "ignore_older", LINES("yes", "more"));
	finish(w);
}

static bool scanned_again(struct world *w, size_t n)
{
	return ((struct files *)w->in.data)->scan >= n;
}

static void scan_once(struct world *w)
{
	struct files *fs = w->in.data;

	fs->scan_wanted = true;
	files_wake(fs);
	assert_true(world_wait(w, scanned_again, fs->scan + 1));
}

/* The sink takes a few records at a time, while the file is rotated under it again and again. */
static void test_full_at_every_record(void **state)
{
	struct world *w = world_new();
	char text[64], to[32];
	size_t n = 0;

	dir_new();
	w->room = 0;
	open_in(w, "log", "");
	for (unsigned round = 0; round < 12; round++) {
		for (size_t k = 0; k < 30; k++, n++) {
			snprintf(text, sizeof(text), "%zu %.*s\n", n, (int)(n % 17),
				 "xxxxxxxxxxxxxxxxx");
			append("log", text);
		}
		scan_once(w);
		if (round % 4 == 1) { /* rotated while nothing could be taken from it */
			snprintf(to, sizeof(to), "log.%u", round);
			assert_int_equal(rename(at("log"), at(to)), 0);
		} else if (round % 4 == 3) {
			assert_int_equal(unlink(at("log")), 0);
		}
		w->room = w->n + 1 + round % 3;
		input_file.resume(&w->in);
		assert_true(world_wait(w, world_has, w->room));
	}
	while (w->n < n) {
		w->room = w->n + 3 < n ? w->n + 3 : n;
		input_file.resume(&w->in);
		assert_true(world_wait(w, world_has, w->room));
	}
	w->room = WORLD_MAX;
	input_file.resume(&w->in);
	quiet(w, "full");
	assert_int_equal(w->n, n);
	for (size_t i = 0; i < n; i++) /* renamed ones first: the order holds as well */
		assert_int_equal(strtoul(w->rec[i].line.p, NULL, 10), i);
	finish(w);
}

static void test_a_turn_is_bounded(void **state)
{
	struct world *w = world_new();
	uint64_t before = 0, most = 0;

	dir_new();
	for (int i = 0; i < 400; i++)
		append_run("log", 'x', 9999, "\n");
	open_in(w, "log", "");
	for (int i = 0; i < 10000 && w->n < 400; i++) {
		uint64_t now;

		uv_run(&w->loop, UV_RUN_NOWAIT);
		now = metric_get(&w->in.stats.bytes);
		most = now - before > most ? now - before : most;
		before = now;
		if (w->n == 0)
			usleep(1000); /* the few milliseconds in which writes are gathered */
	}
	assert_int_equal(w->n, 400);
	assert_true(most <= 2 * 256 * 1024); /* the others get their turn */
	finish(w);
}

/* A copy that the globs match is not read while the original may be truncated any moment. */
static void test_a_copy_in_the_making_waits(void **state)
{
	struct world *w = world_new();

	dir_new();
	append("log", "a\nb\n");
	open_in(w, "log*", "");
	assert_true(world_wait(w, world_has, 2));
	copy("log", "log.1", false);
	quiet(w, "copy");
	quiet(w, "copy");
	assert_int_equal(w->n, 2);
	assert_int_equal(truncate(at("log"), 0), 0);
	append("log", "c\n");
	assert_true(world_wait(w, world_has, 3));
	quiet(w, "copy");
	compare(w, "copy", LINES("a", "b", "c"));
	finish(w);
}

static bool one_rotated(struct world *w, size_t unused)
{
	const struct files *fs = w->in.data;
	size_t n = 0;

	for (size_t i = 0; i < fs->n_tails; i++)
		n += !fs->tails[i]->dead && fs->tails[i]->state == TAIL_ROTATED ? 1 : 0;
	return n == 1;
}

/* An older file still waits to be quiet; a newer one was read, compressed and is done with. The
 * next start finds the older one, and must not take the newer one for one that nobody saw. */
static void test_a_generation_that_was_read_is_not_missed(void **state)
{
	struct world *w = world_new();
	char yaml[256];

	dir_new();
	snprintf(yaml, sizeof(yaml), "{paths: ['%s/log'], poll_ms: 1s, close_rotated: 1min}", dir);
	append("log", "a\n");
	world_open(w, &input_file, yaml);
	assert_true(world_wait(w, world_has, 1));
	assert_int_equal(rename(at("log"), at("log.1")), 0);
	append("log", "b\n");
	assert_true(world_wait(w, world_has, 2));
	assert_int_equal(rename(at("log.1"), at("log.2")), 0);
	copy("log", "log.1.gz", true);
	assert_int_equal(unlink(at("log")), 0);
	append("log", "c\n");
	assert_true(world_wait(w, world_has, 3));
	assert_true(world_wait(w, one_rotated, 0));
	for (int i = 0; i < 2; i++) {
		world_close(w);
		world_open(w, &input_file, yaml);
		append("log", i == 0 ? "d\n" : "e\n");
		assert_true(world_wait(w, world_has, 4 + (size_t)i));
		scan_once(w);
	}
	compare(w, "read before", LINES("a", "b", "c", "d", "e"));
	finish(w);
}

/* The same where the globs match a generation while it is plain, so that it has a path of its own:
 * what was read under it is not missed by the one before it. */
static void test_a_generation_that_the_globs_matched_is_not_missed(void **state)
{
	struct world *w = world_new();

	dir_new();
	append("app.log", "a\n");
	open_in(w, "*.log", "");
	assert_true(world_wait(w, world_has, 1));
	assert_int_equal(rename(at("app.log"), at("app-20261126.log")), 0);
	copy("app-20261126.log", "app-20261126.log.gz", true);
	assert_int_equal(unlink(at("app-20261126.log")), 0);
	scan_once(w); /* its path stays app.log */
	append("app.log", "b\n");
	assert_int_equal(rename(at("app.log"), at("app-20261127.log")), 0);
	scan_once(w);
	assert_true(world_wait(w, world_has, 2));
	copy("app-20261127.log", "app-20261127.log.gz", true);
	assert_int_equal(unlink(at("app-20261127.log")), 0);
	append("app.log", "c\n");
	assert_true(world_wait(w, world_has, 3));
	quiet(w, "matched");
	compare(w, "matched", LINES("a", "b", "c"));
	finish(w);
}

/* gzip is at work while the agent starts: what is there is read, the rest when it is whole. */
static void test_a_compressed_file_still_being_written(void **state)
{
	struct world *w = world_new();
	struct buf gz = { 0 };
	char text[32];
	struct err err;
	size_t n = 0;

	dir_new();
	append("log", "a first line that is long enough\n");
	open_in(w, "log", "");
	assert_true(world_wait(w, world_has, 1));
	world_close(w);
	for (; n < 5000; n++) {
		snprintf(text, sizeof(text), "%zu %zx\n", n, n * n * 7919);
		append("log", text);
	}
	copy("log", "log.1.gz", true);
	assert_int_equal(unlink(at("log")), 0);
	assert_int_equal(file_read(at("log.1.gz"), 1 << 20, &gz, &err), 0);
	assert_int_equal(truncate(at("log.1.gz"), (off_t)gz.n / 2), 0);
	open_in(w, "log", "");
	assert_true(world_wait(w, world_warned, 1));
	assert_true(w->n < n);
	put_at("log.1.gz", gz.p + gz.n / 2, gz.n - gz.n / 2, (off_t)gz.n / 2);
	assert_true(world_wait(w, world_has, n + 1));
	quiet(w, "gz");
	assert_int_equal(w->n, n + 1);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(strtoul(w->rec[i + 1].line.p, NULL, 10), i);
	buf_release(&gz);
	finish(w);
}

/* logrotate's olddir: while the agent is stopped generations go to another folder. */
static void to_another_folder(bool rest_is_there, const char *rotated_to, const char *const *lines)
{
	struct world *w = world_new();
	char more[128];

	dir_new();
	snprintf(more, sizeof(more), ", rotated_to: [%s%s]", rotated_to[0] == '/' ? dir : "",
		 rotated_to);
	assert_int_equal(mkdir(at("old"), 0755), 0);
	append("log", "a\n");
	open_in(w, "log", more);
	assert_true(world_wait(w, world_has, 1));
	world_close(w);
	append("log", "b\n");
	assert_int_equal(rename(at("log"), at("old/log.3")), 0);
	append("old/log.2", "c\n");
	copy("old/log.2", "old/log.2.gz", true);
	assert_int_equal(unlink(at("old/log.2")), 0);
	append("old/log.1", "d\n");
	append("log", "e\n");
	if (!rest_is_there)
		assert_int_equal(unlink(at("old/log.3")), 0);
	for (int i = 0; i < 2; i++) { /* and once more, from the last places */
		open_in(w, "log", more);
		quiet(w, "olddir");
		compare(w, "olddir", lines);
		assert_int_equal(w->warns, 0);
		world_close(w);
	}
	finish(w);
}

static void test_generations_that_went_to_another_folder(void **state)
{
	static const char *const settings[] = { "/old", "old", "none, old" };

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		to_another_folder(true, settings[i], LINES("a", "b", "c", "d", "e"));
		to_another_folder(false, settings[i], LINES("a", "c", "d", "e"));
	}
}

/* However many old generations a folder has: those that nobody has seen are among them. */
static void test_generations_among_many_old_ones(void **state)
{
	struct world *w = world_new();
	struct utimbuf old = { 1000000000, 1000000000 };
	char name[32];

	dir_new();
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "log-2025%02u%02u", 1 + i / 28, 1 + i % 28);
		append(name, "old\n");
		assert_int_equal(utime(at(name), &old), 0);
	}
	append("log", "a\n");
	open_in(w, "log", "");
	assert_true(world_wait(w, world_has, 1));
	world_close(w);
	append("log", "b\n");
	assert_int_equal(rename(at("log"), at("log-20261121")), 0);
	for (unsigned i = 2; i < 9; i++) {
		snprintf(name, sizeof(name), "log-2026112%u", i);
		append(name,
		       (const char *[]){ "c\n", "d\n", "e\n", "f\n", "g\n", "h\n", "i\n" }[i - 2]);
	}
	append("log", "j\n");
	open_in(w, "log", "");
	assert_true(world_wait(w, world_has, 10));
	quiet(w, "many generations");
	compare(w, "many generations", LINES("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"));
	finish(w);
}

/* A log that went away while the agent was stopped, and is found nowhere: told once, after an hour
 * in which it might have come back. */
static void test_a_log_that_went_elsewhere_is_told(void **state)
{
	struct world *w = world_new();
	size_t lost = 0;

	dir_new();
	assert_int_equal(mkdir(at("old"), 0755), 0);
	append("log", "a\n");
	open_in(w, "log", "");
	assert_true(world_wait(w, world_has, 1));
	world_close(w);
	append("log", "b\n");
	assert_int_equal(rename(at("log"), at("old/log.1")), 0);
	append("log", "c\n");
	open_in(w, "log", "");
	assert_true(world_wait(w, world_has, 2));
	quiet(w, "elsewhere");
	assert_int_equal(w->warns, 0);
	for (size_t i = 0; i < ((struct files *)w->in.data)->n_tails; i++) {
		struct tail *t = ((struct files *)w->in.data)->tails[i];

		lost += t->state == TAIL_LOST;
		if (t->state == TAIL_LOST)
			t->lost_ms = uv_now(&w->loop) - 3600001;
	}
	assert_int_equal(lost, 1);
	quiet(w, "elsewhere");
	assert_int_equal(w->warns, 1);
	assert_non_null(strstr(w->warning, "/log"));
	assert_non_null(strstr(w->warning, "rotated_to"));
	compare(w, "elsewhere", LINES("a", "c"));
	finish(w);
}

/* Truncated and written anew while nobody looked, as long as before, with the same first lines. */
static void test_a_banner_that_hides_a_truncation(void **state)
{
	struct world *w = world_new();

	dir_new();
	append("log", BANNER "a\n");
	open_in(w, "log", "");
	assert_true(world_wait(w, world_has, 2));
	assert_int_equal(truncate(at("log"), 0), 0);
	append("log", BANNER "b\nc\n");
	assert_true(world_wait(w, world_has, 5));
	quiet(w, "banner");
	compare(w, "banner", LINES(X250, "a", X250, "b", "c"));
	assert_int_equal(w->warns, 1);
	assert_non_null(strstr(w->warning, "/log begins as before and goes on differently"));
	finish(w);
}

static void test_an_unreadable_file_is_told_once_and_tried_again(void **state)
{
	struct world *w = world_new();
	bool root = geteuid() == 0;

	dir_new();
	append("log", "a\n");
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chmod(at("log"), 0), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0); /* root could read it */
	open_in(w, "log", "");
	assert_true(world_wait(w, world_warned, 1));
	quiet(w, "unreadable");
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(w->warns, 1);
	assert_int_equal(w->n, 0);
	assert_non_null(strstr(w->warning, "/log"));
	assert_non_null(strstr(w->warning, "setfacl -m u:"));
	assert_int_equal(chmod(at("log"), 0644), 0);
	world_expect(w, 0, LINES("a"));
	finish(w);
}

static void test_more_files_than_are_kept_open(void **state)
{
	struct world *w = world_new();
	char name[32];
	size_t n = 400, open = 0;

	dir_new();
	open_in(w, "*.log", "");
	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "%c%c%c.log", 'a' + (int)(i / 100),
				 'a' + (int)(i / 10 % 10), 'a' + (int)(i % 10));
			append(name, round == 0 ? name : "more");
			append(name, "\n");
		}
		assert_true(world_wait(w, world_has, n * (round + 1)));
		quiet(w, "many");
		assert_int_equal(w->n, n * (round + 1));
	}
	for (size_t i = 0; i < ((struct files *)w->in.data)->n_tails; i++)
		open += ((struct files *)w->in.data)->tails[i]->fd >= 0 ? 1 : 0;
	assert_true(open <= 256);
	finish(w);
}

int main(void)
{
	static enum mode modes[] = { RUNNING, STOPPED, FULL };
	const struct CMUnitTest tests[] = {
		{ "rows, running", test_rows, NULL, NULL, &modes[0] },
		{ "rows, stopped", test_rows, NULL, NULL, &modes[1] },
		{ "rows, full", test_rows, NULL, NULL, &modes[2] },
		cmocka_unit_test(test_long_lines_are_cut),
		cmocka_unit_test(test_the_first_start_may_begin_at_the_end),
		cmocka_unit_test(test_old_files_are_left_alone_until_they_grow),
		cmocka_unit_test(test_full_at_every_record),
		cmocka_unit_test(test_a_turn_is_bounded),
		cmocka_unit_test(test_a_copy_in_the_making_waits),
		cmocka_unit_test(test_a_generation_that_was_read_is_not_missed),
		cmocka_unit_test(test_a_generation_that_the_globs_matched_is_not_missed),
		cmocka_unit_test(test_a_compressed_file_still_being_written),
		cmocka_unit_test(test_generations_that_went_to_another_folder),
		cmocka_unit_test(test_generations_among_many_old_ones),
		cmocka_unit_test(test_a_log_that_went_elsewhere_is_told),
		cmocka_unit_test(test_a_banner_that_hides_a_truncation),
		cmocka_unit_test(test_an_unreadable_file_is_told_once_and_tried_again),
		cmocka_unit_test(test_more_files_than_are_kept_open),
	};
	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* The file input while rotation is at work: files get other names, and are compressed, between two
 * of its system calls. Each opening of a file goes through here, so a row says exactly when. */
#include "tests/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <utime.h>
#include <zlib.h>

#include "agent/inputs/file.h"
#include "common/base/file.h"
#include "tests/agent/file_kit.h"
#include "tests/agent/file_runs.h"
#include "tests/agent/inputs_world.h"

enum when { NEVER, BEFORE, AFTER };
struct race {
	const char *name, *more; /* more: settings */
	struct step first[10];   /* SYNC, DOWN, UP; END: the last is what the hook does */
	enum when when;          /* the hook: before or after file is opened, */
	const char *file;
	unsigned nth; /* for the nth time since the last DOWN; 0: the first */
	struct step then[6];
	const char *lines[8];
	bool killed; /* the agent ends right after its first scan, and starts again */
};

static struct {
	enum when when;
	const char *file;
	unsigned nth;
	const struct step *then;
	bool ran;
} hook;

static void hooked(enum when when, const char *path)
{
	const struct step *s = hook.then;

	if (hook.when != when || strcmp(file_base(path), hook.file) != 0 || hook.nth-- > 0)
		return;
	hook.when = NEVER; /* the steps open files themselves */
	hook.ran = true;
	for (; s->op != END; s++)
		file_step(s);
}

static int open_hooked(int at_fd, const char *path, int flags, va_list more)
{
	mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
	int fd;

	hooked(BEFORE, path);
	fd = (int)syscall(SYS_openat, at_fd, path, flags, mode);
	if (fd >= 0) {
		int error = errno;

		hooked(AFTER, path);
		errno = error;
	}
	return fd;
}

#define OPEN_AS(name, params, at_fd)                                                               \
	int name params;                                                                           \
	int name params                                                                            \
	{                                                                                          \
		va_list more;                                                                      \
		int fd;                                                                            \
                                                                                                   \
		va_start(more, flags);                                                             \
		fd = open_hooked(at_fd, path, flags, more);                                        \
		va_end(more);                                                                      \
		return fd;                                                                         \
	}
#undef open
#undef openat
OPEN_AS(open64, (const char *path, int flags, ...), AT_FDCWD)
OPEN_AS(openat64, (int fd_, const char *path, int flags, ...), fd_)

static int64_t ahead_s; /* of the clock of the file system */

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ts);

	if (r == 0 && clock == CLOCK_REALTIME)
		ts->tv_sec += ahead_s;
	return r;
}

static const struct race races[] = {
	{ "the log is renamed between its stat and its opening, and is not made again at once",
	  "",
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { MOVE, "log", "log.1" },
	    { APPEND, "log", "b\n" },
	    { UP } },
	  BEFORE,
	  "log",
	  0,
	  { { MOVE, "log.1", "log.2" }, { MOVE, "log", "log.1" } },
	  { "a", "b" } },
	{ "the log is renamed between its stat and its opening, and made again",
	  "",
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { MOVE, "log", "log.1" },
	    { APPEND, "log", "b\n" },
	    { UP } },
	  BEFORE,
	  "log",
	  0,
	  { { MOVE, "log.1", "log.2" }, { MOVE, "log", "log.1" }, { APPEND, "log", "c\n" } },
	  { "a", "b", "c" } },
	{ "the same, and compressed",
	  "",
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { MOVE, "log", "log.1" },
	    { GZIP, "log.1" },
	    { APPEND, "log", "b\n" },
	    { UP } },
	  BEFORE,
	  "log",
	  0,
	  { { MOVE, "log.1.gz", "log.2.gz" },
	    { MOVE, "log", "log.1" },
	    { APPEND, "log", "c\n" },
	    { GZIP, "log.1" } },
	  { "a", "b", "c" } },
	{ "the first log ever is renamed between its stat and its opening",
	  "",
	  { { DOWN }, { APPEND, "log", "a\n" }, { UP } },
	  BEFORE,
	  "log",
	  0,
	  { { MOVE, "log", "log.1" }, { APPEND, "log", "b\n" } },
	  { "a", "b" } },
	{ "a generation is compressed between being seen and being opened",
	  "",
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { MOVE, "log", "log.2" },
	    { APPEND, "log.1", "b\n" },
	    { APPEND, "log", "c\n" },
	    { UP } },
	  BEFORE,
	  "log.1",
	  0,
	  { { GZIP, "log.1" } },
	  { "a", "b", "c" } },
	{ "a generation gets the next name between being seen and being opened",
	  "",
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { MOVE, "log", "log.2" },
	    { APPEND, "log.1", "b\n" },
	    { APPEND, "log", "c\n" },
	    { UP } },
	  BEFORE,
	  "log.1",
	  0,
	  { { MOVE, "log.2", "log.3" },
	    { MOVE, "log.1", "log.2" },
	    { MOVE, "log", "log.1" },
	    { APPEND, "log", "d\n" } },
	  { "a", "b", "c", "d" } },
	{ "the rest gets the next name after it was opened",
	  "",
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { MOVE, "log", "log.1" },
	    { GZIP, "log.1" },
	    { UP } },
	  AFTER,
	  "log.1.gz",
	  0,
	  { { MOVE, "log.1.gz", "log.2.gz" },
	    { APPEND, "log.1", "b\n" },
	    { APPEND, "log", "c\n" } },
	  { "a", "b", "c" } },
	{ "the rest gets the next name before it is opened, and the newer one is compressed",
	  "",
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { MOVE, "log", "log.1" },
	    { GZIP, "log.1" },
	    { UP } },
	  BEFORE,
	  "log.1.gz",
	  0,
	  { { MOVE, "log.1.gz", "log.2.gz" },
	    { APPEND, "log.1", "b\n" },
	    { APPEND, "log", "c\n" },
	    { GZIP, "log.1" } },
	  { "a", "b", "c" } },
	{ "the same, and the agent ends before it can look again",
	  "",
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { MOVE, "log", "log.1" },
	    { GZIP, "log.1" },
	    { UP } },
	  AFTER,
	  "log.1.gz",
	  0,
	  { { MOVE, "log.1.gz", "log.2.gz" },
	    { APPEND, "log.1", "b\n" },
	    { GZIP, "log.1" },
	    { APPEND, "log", "c\n" } },
	  { "a", "b", "c" },
	  .killed = true },
};

static void go_up(struct world *w, const struct race *r)
{
	hook.then = r->then;
	hook.file = r->file;
	hook.nth = r->nth;
	hook.ran = false;
	hook.when = r->when;
	open_in(w, r->more);
	if (r->killed) {
		assert_true(world_wait(w, scanned, 1));
		world_close(w);
		open_in(w, r->more);
	}
}

static void run_race(const struct race *r, const char *more)
{
	struct world *w = world_new();

	dir_new();
	open_in(w, more);
	for (const struct step *s = r->first; s->op != END; s++)
		if (s->op == SYNC)
			assert_true(world_wait(w, world_has, s->n));
		else if (s->op == DOWN)
			world_close(w);
		else if (s->op == UP)
			go_up(w, r);
		else
			file_step(s);
	come_to_rest(w, r->name, more, r->lines);
	if (!hook.ran)
		fail_msg("%s: %s was never opened", r->name, r->file);
	world_free(w);
	dir_free();
}

static void test_races(void **state)
{
	const struct race *r = *state;

	run_race(r, r->more);
}

/* While there is no log for a moment, the agent looks; before it looks again, one came and went. */
static void test_a_generation_between_two_scans(void **state)
{
	struct world *w = world_new();

	dir_new();
	open_in(w, "");
	put_at("log", "a\n", 2, -1);
	assert_true(world_wait(w, world_has, 1));
	file_step(&(struct step){ MOVE, "log", "log.1" });
	scan_once(w);
	file_step(&(struct step){ MOVE, "log.1", "log.2" });
	file_step(&(struct step){ APPEND, "log.1", "b\n" });
	file_step(&(struct step){ APPEND, "log", "c\n" });
	come_to_rest(w, "between two scans", "", LINES("a", "b", "c"));
	world_free(w);
	dir_free();
}

/* The log of today is empty, so that it has no place, until the agent is stopped: then it is
 * written and rotated. What it came after was read to its end long ago. */
static void test_the_successor_was_empty(void **state)
{
	struct world *w = world_new();
	const char *more = ", close_rotated: 0s";

	dir_new();
	open_in(w, more);
	put_at("log", "a\n", 2, -1);
	assert_true(world_wait(w, world_has, 1));
	file_step(&(struct step){ MOVE, "log", "log.1" });
	put_at("log", "", 0, -1);
	for (int i = 0; i < 4; i++)
		scan_once(w);
	world_close(w);
	file_step(&(struct step){ APPEND, "log", "b\n" });
	file_step(&(struct step){ MOVE, "log.1", "log.2" });
	file_step(&(struct step){ MOVE, "log", "log.1" });
	file_step(&(struct step){ APPEND, "log", "c\n" });
	open_in(w, more);
	come_to_rest(w, "the successor was empty", more, LINES("a", "b", "c"));
	world_free(w);
	dir_free();
}

/* The log was removed while the agent was down; the next one was rotated before it was read. Older
 * generations, read long ago, stay as they are. */
static void test_what_came_after_is_found_without_it(void **state)
{
	struct world *w = world_new();
	struct utimbuf old = { 1000000000, 1000000000 };

	for (int gz = 0; gz < 2; gz++) {
		dir_new();
		w->n = 0;
		put_at("log.1", "older\n", 6, -1);
		assert_int_equal(utime(at("log.1"), &old), 0);
		open_in(w, "");
		put_at("log", "a\n", 2, -1);
		assert_true(world_wait(w, world_has, 1));
		world_close(w);
		file_step(&(struct step){ REMOVE, "log" });
		file_step(&(struct step){ MOVE, "log.1", "log.2" });
		usleep(20000); /* the clock of the file system goes on */
		file_step(&(struct step){ APPEND, "log.1", "b\n" });
		if (gz)
			file_step(&(struct step){ GZIP, "log.1" });
		file_step(&(struct step){ APPEND, "log", "c\n" });
		open_in(w, "");
		come_to_rest(w, "the one before is gone", "", LINES("a", "b", "c"));
		world_close(w);
		w->n_ck = 0;
		dir_free();
	}
	world_free(w);
}

/* What was looked for again must not be what is only a copy, made before a truncation. */
static void test_a_copy_is_no_generation(void **state)
{
	struct world *w = world_new();

	dir_new();
	open_in(w, "");
	put_at("log", "a\n", 2, -1);
	assert_true(world_wait(w, world_has, 1));
	file_step(&(struct step){ MOVE, "log", "log.1" });
	put_at("log", "b\n", 2, -1);
	assert_true(world_wait(w, world_has, 2));
	file_step(&(struct step){ MOVE, "log.1", "log.2" });
	copy("log", "log.1", false);
	for (int i = 0; i < 3; i++)
		scan_once(w);
	put_at("log.1", "c\n", 2, -1); /* written before it was copied, and not read */
	assert_int_equal(truncate(at("log"), 0), 0);
	for (int i = 0; i < 3; i++)
		scan_once(w);
	put_at("log", "d\n", 2, -1);
	come_to_rest(w, "a copy", "", LINES("a", "b", "c", "d"));
	world_free(w);
	dir_free();
}

/* A log of which nothing could be read is copied; much later, or so the clock says, it is
 * truncated. refused: its first line was offered, and not taken. */
static void copied_unread(bool refused, int64_t clock_s)
{
	struct world *w = world_new();

	dir_new();
	open_in(w, "");
	put_at("log", "a\n", 2, -1);
	assert_true(world_wait(w, world_has, 1));
	copy("log", "log.1", false);
	assert_int_equal(truncate(at("log"), 0), 0);
	for (int i = 0; i < 3; i++)
		scan_once(w);
	if (refused)
		w->room = w->n;
	else
		w->in.cls->pause(&w->in); /* as other inputs may bring about */
	put_at("log", "b\n", 2, -1);
	for (int i = 0; i < 3; i++)
		scan_once(w);
	assert_int_equal(w->refused, refused ? 1 : 0);
	file_step(&(struct step){ MOVE, "log.1", "log.2" });
	copy("log", "log.1", false);
	ahead_s = clock_s;
	for (int i = 0; i < 3; i++)
		scan_once(w);
	assert_int_equal(truncate(at("log"), 0), 0);
	put_at("log", "c\n", 2, -1);
	w->room = WORLD_MAX;
	w->in.cls->resume(&w->in);
	come_to_rest(w, "copied unread", "", LINES("a", "b", "c"));
	ahead_s = 0;
	world_free(w);
	dir_free();
}

static void test_a_log_copied_unread(void **state)
{
	for (int64_t clock_s = 0; clock_s <= 36000; clock_s += 36000) {
		copied_unread(false, clock_s);
		copied_unread(true, clock_s);
	}
}

/* A rename may come in the same tick of the file system's clock as the search that missed it: the
 * folder's time says nothing then, until the clock has gone on. */
static void test_a_rename_in_the_tick_of_a_search(void **state)
{
	const struct timespec never_quiet[2] = { { 4000000000, 0 }, { 4000000000, 0 } };
	struct world *w = world_new();

	dir_new();
	file_step(&(struct step){ MKDIR, "away" });
	open_in(w, "");
	put_at("log", "a\n", 2, -1);
	assert_true(world_wait(w, world_has, 1));
	world_close(w);
	put_at("log", "b\n", 2, -1);
	file_step(&(struct step){ MOVE, "log", "away/log" });
	assert_int_equal(utimensat(AT_FDCWD, dir, never_quiet, 0), 0);
	open_in(w, "");
	for (int i = 0; i < 3; i++)
		scan_once(w);
	file_step(&(struct step){ MOVE, "away/log", "log.1" });
	assert_int_equal(utimensat(AT_FDCWD, dir, never_quiet, 0), 0);
	come_to_rest(w, "in one tick", "", LINES("a", "b"));
	world_free(w);
	dir_free();
}

/* Copied and truncated, and twice more between two looks: of two that look for what came after them
 * in one scan, the second knows what the first began and read. */
static void test_two_that_look_in_one_scan(void **state)
{
	struct world *w = world_new();

	dir_new();
	put_at("log", "a\n", 2, -1);
	open_in(w, "");
	assert_true(world_wait(w, world_has, 1));
	copy("log", "log.1", false);
	assert_int_equal(truncate(at("log"), 0), 0);
	put_at("log", "long b\n", 7, -1);
	assert_true(world_wait(w, world_has, 2));
	file_step(&(struct step){ MOVE, "log.1", "log.2" });
	copy("log", "log.1", false);
	assert_int_equal(truncate(at("log"), 0), 0);
	put_at("log", "c\n", 2, -1);
	file_step(&(struct step){ MOVE, "log.2", "log.3" });
	file_step(&(struct step){ MOVE, "log.1", "log.2" });
	copy("log", "log.1", false);
	assert_int_equal(truncate(at("log"), 0), 0);
	put_at("log", "d\n", 2, -1);
	come_to_rest(w, "two in one scan", "", LINES("a", "long b", "c", "d"));
	world_free(w);
	dir_free();
}

int main(void)
{
	struct CMUnitTest tests[sizeof(races) / sizeof(races[0]) + 7] = {
		cmocka_unit_test(test_a_generation_between_two_scans),
		cmocka_unit_test(test_the_successor_was_empty),
		cmocka_unit_test(test_what_came_after_is_found_without_it),
		cmocka_unit_test(test_a_copy_is_no_generation),
		cmocka_unit_test(test_a_log_copied_unread),
		cmocka_unit_test(test_a_rename_in_the_tick_of_a_search),
		cmocka_unit_test(test_two_that_look_in_one_scan),
	};

	for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++)
		tests[7 + i] = (struct CMUnitTest){ races[i].name, test_races, NULL, NULL,
						    (void *)(uintptr_t)&races[i] };
	return RUN_TESTS(tests);
}

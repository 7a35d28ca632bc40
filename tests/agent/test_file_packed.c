/* SPDX-License-Identifier: EUPL-1.2 */
/* Generations that were compressed by something that the agent does not read: each that came after
 * what was read is told once, and counted; one that had been read before is not. */
#include "tests/cmocka.h"

#include "tests/agent/file_kit.h"
#include "tests/agent/inputs_world.h"

static void open_in(struct world *w)
{
	char yaml[512];

	snprintf(yaml, sizeof(yaml), "{paths: ['%s/log'], poll_ms: 1s, close_rotated: 0s}", dir);
	world_open(w, &input_file, yaml);
}

static bool scanned(struct world *w, size_t n)
{
	return ((struct files *)w->in.data)->scan >= n;
}

/* Until folders are old enough to be believed, and more. */
static void come_to_rest(struct world *w)
{
	for (int i = 0; i < 4; i++) {
		struct files *fs = w->in.data;

		usleep(60000);
		fs->scan_wanted = true;
		files_wake(fs);
		assert_true(world_wait(w, scanned, fs->scan + 1));
	}
}

/* As a compressor leaves it: the file's time stays. later_s: it was written to so much later. */
static void pack(const char *name, const char *ending, int later_s)
{
	struct timespec times[2];
	struct stat st;
	char to[64];

	snprintf(to, sizeof(to), "%s%s", name, ending);
	assert_int_equal(stat(at(name), &st), 0);
	put_at(to,
	       "\xfd"
	       "7zXZ, or another",
	       17, 0);
	times[0] = times[1] = st.st_mtim;
	times[1].tv_sec += later_s;
	assert_int_equal(utimensat(AT_FDCWD, at(to), times, 0), 0);
	assert_int_equal(unlink(at(name)), 0);
}

static void append(const char *name, const char *text)
{
	put_at(name, text, strlen(text), -1);
}

static struct world *begun(void)
{
	struct world *w = world_new();

	dir_new();
	append("log", "a\n");
	open_in(w);
	assert_true(world_wait(w, world_has, 1));
	come_to_rest(w);
	return w;
}

static void end(struct world *w)
{
	world_close(w);
	world_free(w);
	dir_free();
}

static void test_each_is_told_once(void **state)
{
	static const char *const endings[] = { ".xz", ".zst", ".bz2", ".lz4" };
	char name[64];

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		struct world *w = begun();

		world_close(w);
		append("log", "b\n");
		file_step(&(struct step){ MOVE, "log", "log.2" });
		pack("log.2", endings[i], 10);
		append("log.1", "c\n");
		pack("log.1", endings[i], 20);
		append("log", "d\n");
		open_in(w);
		assert_true(world_wait(w, world_has, 2));
		come_to_rest(w);
		assert_int_equal(w->n, 2);
		assert_slice(w->rec[1].line, "d");
		if (w->warns != 2)
			fail_msg("%s: told %zu times: %s", endings[i], w->warns, w->warning);
		assert_int_equal(metric_get(&w->in.stats.unread), 2);
		snprintf(name, sizeof(name), "log.1%s came after what was read", endings[i]);
		assert_non_null(strstr(w->warning, name)); /* the last: the newest */
		assert_non_null(strstr(w->warning, "let logrotate use gzip, or delaycompress"));
		end(w);
	}
}

/* While it runs, nothing is missed, however often it is rotated. */
static void test_what_was_read_is_not_told(void **state)
{
	struct world *w = begun();
	char name[32], text[32];

	for (int i = 9; i > 4; i--) {
		snprintf(name, sizeof(name), "log.%d", i);
		snprintf(text, sizeof(text), "%d\n", i);
		file_step(&(struct step){ MOVE, "log", name });
		append("log", text);
		assert_true(world_wait(w, world_has, (size_t)(11 - i)));
		come_to_rest(w);
		pack(name, ".xz", 0);
		come_to_rest(w);
	}
	world_close(w); /* and all was read when it stopped */
	file_step(&(struct step){ MOVE, "log", "log.1" });
	pack("log.1", ".xz", 0);
	append("log", "c\n");
	open_in(w);
	assert_true(world_wait(w, world_has, 7));
	come_to_rest(w);
	if (w->warns > 0)
		fail_msg("told: %s", w->warning);
	assert_int_equal(metric_get(&w->in.stats.unread), 0);
	end(w);
}

/* The one before it was still looked from when the agent stopped: its time tells that it was read.
 */
static void test_a_successor_that_was_read(void **state)
{
	struct timespec later[2] = { { 0, UTIME_OMIT }, { 0, 0 } };
	struct world *w = begun();

	file_step(&(struct step){ MOVE, "log", "log.2" });
	append("log", "");
	come_to_rest(w); /* the new log has no place yet */
	append("log", "b\n");
	later[1].tv_sec = time(NULL) + 5;
	assert_int_equal(utimensat(AT_FDCWD, at("log"), later, 0), 0);
	assert_true(world_wait(w, world_has, 2));
	world_close(w);
	pack("log.2", ".xz", 0);
	file_step(&(struct step){ MOVE, "log", "log.1" });
	pack("log.1", ".xz", 0);
	append("log", "c\n");
	open_in(w);
	assert_true(world_wait(w, world_has, 3));
	come_to_rest(w);
	if (w->warns > 0)
		fail_msg("told: %s", w->warning);
	end(w);
}

static void test_one_that_is_being_compressed_is_read(void **state)
{
	struct world *w = begun();

	world_close(w);
	append("log", "b\n");
	file_step(&(struct step){ MOVE, "log", "log.1" });
	file_step(&(struct step){ COPY, "log.1", "log.1.xz" });
	append("log", "c\n");
	open_in(w);
	assert_true(world_wait(w, world_has, 3));
	come_to_rest(w);
	assert_int_equal(w->n, 3);
	assert_int_equal(w->warns, 0);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_is_told_once),
		cmocka_unit_test(test_what_was_read_is_not_told),
		cmocka_unit_test(test_a_successor_that_was_read),
		cmocka_unit_test(test_one_that_is_being_compressed_is_read),
	};

	return RUN_TESTS(tests);
}

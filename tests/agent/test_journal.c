/* SPDX-License-Identifier: EUPL-1.2 */
/* The journal input on real journal files, which Debian's systemd-journal-remote (unpacked, never
 * installed) writes from the export format. Its JSON is compared with journalctl's own. */
#include "tests/cmocka.h"

#include <ftw.h>
#include <jansson.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/inputs/journal.h"
#include "common/base/file.h"
#include "tests/agent/inputs_world.h"

extern char **environ;

static char dir[64], remote[512];
static unsigned long long number; /* of entries written: one second each */

/* Runs a program to its end. Exit code, or -1. */
static int run(const char *const argv[])
{
	char *copy[8] = { 0 };
	pid_t pid;
	int status;

	for (size_t i = 0; argv[i] != NULL; i++)
		copy[i] = strdup(argv[i]);
	status = posix_spawnp(&pid, copy[0], NULL, NULL, copy, environ);
	for (size_t i = 0; copy[i] != NULL; i++)
		free(copy[i]);
	if (status != 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void entry(struct buf *b, const char *identifier, const char *message, const char *more)
{
	number++;
	buf_printf(b,
		   "__REALTIME_TIMESTAMP=%llu\n__MONOTONIC_TIMESTAMP=%llu\n"
		   "_BOOT_ID=0123456789abcdef0123456789abcdef\nSYSLOG_IDENTIFIER=%s\n"
		   "MESSAGE=%s\n%s\n",
		   1795420800000000ull + number * 1000000, number * 1000000, identifier, message,
		   more);
}

/* Appends what b holds to the journal file, as a daemon would while it is being read. */
static void write_entries(struct buf *b)
{
	char from[128], out[128];
	struct err err;

	snprintf(from, sizeof(from), "%s/export", dir);
	snprintf(out, sizeof(out), "--output=%s/j/test.journal", dir);
	if (file_write(from, buf_view(b), 0600, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(run((const char *const[]){ remote, out, from, NULL }), 0);
	buf_release(b);
}

static void start(void)
{
	char path[128];

	if (remote[0] == '\0')
		skip();
	number = 0;
	strcpy(dir, "/tmp/vartio-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/j", dir);
	assert_int_equal(mkdir(path, 0755), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void end(struct world *w)
{
	world_free(w);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void open_in(struct world *w, const char *more)
{
	char yaml[512];

	snprintf(yaml, sizeof(yaml), "{directory: '%s/j'%s}", dir, more);
	world_open(w, &input_journal, yaml);
}

/* The messages in order; then nothing more in another few turns of the loop. */
static void expect(struct world *w, const char *const *messages)
{
	size_t n = 0;

	while (messages[n] != NULL)
		n++;
	if (!world_wait(w, world_has, n))
		fail_msg("%zu entries came, %zu were expected", w->n, n);
	for (int i = 0; i < 20; i++)
		uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->n, n);
	for (size_t i = 0; i < n; i++) {
		json_t *o = json_loadb(w->rec[i].line.p, w->rec[i].line.n, 0, NULL);

		assert_non_null(o);
		assert_string_equal(json_string_value(json_object_get(o, "MESSAGE")), messages[i]);
		assert_int_equal(w->rec[i].format, NORM_JOURNAL);
		json_decref(o);
	}
}

static void test_follows_and_goes_on_after_a_restart(void **state)
{
	struct world *w;
	struct buf b = { 0 };

	start();
	w = world_new();
	entry(&b, "sshd", "one", "");
	entry(&b, "sshd", "two", "");
	write_entries(&b);
	open_in(w, ", from: beginning");
	expect(w, LINES("one", "two"));
	entry(&b, "sshd", "three", "");
	write_entries(&b);
	expect(w, LINES("one", "two", "three"));
	world_close(w);
	entry(&b, "cron", "four", "");
	write_entries(&b);
	open_in(w, ", from: beginning");
	expect(w, LINES("one", "two", "three", "four"));
	end(w);
}

static void test_waits_when_full(void **state)
{
	struct world *w;
	struct buf b = { 0 };
	char text[16];

	start();
	w = world_new();
	for (int i = 0; i < 700; i++) {
		snprintf(text, sizeof(text), "%d", i);
		entry(&b, "sshd", text, "");
	}
	write_entries(&b);
	w->room = 300;
	open_in(w, ", from: beginning");
	assert_true(world_wait(w, world_has, 300));
	for (int i = 0; i < 20; i++)
		uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->n, 300);
	assert_int_equal(w->refused, 1); /* it does not ask again and again */
	w->room = WORLD_MAX;
	input_journal.resume(&w->in);
	assert_true(world_wait(w, world_has, 700));
	for (int i = 0; i < 700; i++) {
		json_t *o = json_loadb(w->rec[i].line.p, w->rec[i].line.n, 0, NULL);

		assert_int_equal(atoi(json_string_value(json_object_get(o, "MESSAGE"))), i);
		json_decref(o);
	}
	end(w);
}

static void test_begins_at_the_end(void **state)
{
	struct world *w;
	struct buf b = { 0 };

	start();
	w = world_new();
	entry(&b, "sshd", "old", "");
	write_entries(&b);
	open_in(w, "");
	world_close(w); /* stopped before anything came: the place is kept all the same */
	entry(&b, "sshd", "new", "");
	write_entries(&b);
	open_in(w, "");
	expect(w, LINES("new"));
	end(w);
}

static void test_begins_where_nothing_is(void **state)
{
	struct world *w;
	struct buf b = { 0 };

	start();
	w = world_new();
	open_in(w, "");
	world_close(w);
	entry(&b, "sshd", "first", "");
	write_entries(&b);
	open_in(w, "");
	expect(w, LINES("first"));
	end(w);
}

static void test_filters(void **state)
{
	static const struct {
		const char *filter, *messages[5];
	} rows[] = {
		{ "", { "a", "b", "c", "d" } },
		{ ", identifiers: [sshd]", { "a", "c" } },
		{ ", identifiers: [sshd, cron]", { "a", "b", "c" } },
		{ ", units: [ssh]", { "a", "d" } },
		{ ", units: [ssh.service], identifiers: [sshd]", { "a" } },
	};
	struct buf b = { 0 };

	start();
	entry(&b, "sshd", "a", "_SYSTEMD_UNIT=ssh.service\n");
	entry(&b, "cron", "b", "_SYSTEMD_UNIT=cron.service\n");
	entry(&b, "sshd", "c", "_SYSTEMD_UNIT=session-1.scope\n");
	entry(&b, "systemd", "d", "UNIT=ssh.service\n_PID=1\n");
	write_entries(&b);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *w = world_new();
		char more[128];

		snprintf(more, sizeof(more), ", from: beginning%s", rows[i].filter);
		open_in(w, more);
		expect(w, rows[i].messages);
		world_free(w);
	}
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* One entry a line, as journalctl writes them. */
static void test_json_is_journalctls(void **state)
{
	struct world *w;
	struct buf b = { 0 };
	char command[256], *line = NULL;
	size_t cap = 0, i = 0;
	FILE *f;

	start();
	w = world_new();
	entry(&b, "sshd", "pl\xc3\xa4in \"quoted\" \\ end", "");
	entry(&b, "x", "twice", "OBJECT=1\nOBJECT=2\nOTHER=3\n");
	entry(&b, "x", "binary", "");
	b.n--; /* the blank line that ends an entry: a field with a length comes before it */
	buf_put(&b, "BIN\n\x04\0\0\0\0\0\0\0\xff\0\n\x80\n\n", 18);
	write_entries(&b);
	open_in(w, ", from: beginning");
	assert_true(world_wait(w, world_has, 3));
	snprintf(command, sizeof(command), "journalctl -D %s/j -o json --all --no-pager", dir);
	f = popen(command, "r");
	assert_non_null(f);
	while (getline(&line, &cap, f) > 0) {
		json_t *theirs = json_loads(line, 0, NULL);
		json_t *ours =
			i < w->n ? json_loadb(w->rec[i].line.p, w->rec[i].line.n, 0, NULL) : NULL;

		if (theirs == NULL || !json_equal(ours, theirs))
			fail_msg("journalctl: %sours: %.*s", line,
				 SLICE_FMT(w->rec[i < w->n ? i : 0].line));
		json_decref(ours);
		json_decref(theirs);
		i++;
	}
	assert_int_equal(pclose(f), 0);
	assert_int_equal(i, 3);
	free(line);
	end(w);
}

static void test_control_characters_stay_readable(void **state)
{
	struct world *w;
	struct buf b = { 0 };

	start();
	w = world_new();
	entry(&b, "sshd", "Failed \x1b[2J password", "");
	write_entries(&b);
	open_in(w, ", from: beginning");
	expect(w, LINES("Failed \x1b[2J password"));
	end(w);
}

static void test_a_missing_folder_is_told(void **state)
{
	struct world *w = world_new();
	struct err err;

	assert_int_equal(world_try(w, &input_journal, "{directory: /nonexistent/journal}", &err),
			 -1);
	assert_int_equal(err.code, ERR_ABSENT);
	assert_non_null(strstr(err.msg, "/nonexistent/journal"));
	world_free(w);
}

/* Where systemd-journal-remote is after unpacking it; empty when it cannot be had. */
static void find_remote(void)
{
	const char *source = getenv("VARTIO_SOURCE"), *peers = getenv("VARTIO_PEERS");
	char unpack[512], folder[400];

	if (source == NULL)
		return;
	if (peers != NULL)
		snprintf(folder, sizeof(folder), "%.300s/systemd-journal-remote", peers);
	else
		snprintf(folder, sizeof(folder), "%.300s/build-peers/systemd-journal-remote",
			 source);
	snprintf(unpack, sizeof(unpack), "%.400s/tests/peers/unpack", source);
	if (run((const char *const[]){ unpack, folder, "systemd-journal-remote", NULL }) == 0)
		snprintf(remote, sizeof(remote), "%s/lib/systemd/systemd-journal-remote", folder);
	if (access(remote, X_OK) != 0)
		remote[0] = '\0';
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follows_and_goes_on_after_a_restart),
		cmocka_unit_test(test_waits_when_full),
		cmocka_unit_test(test_begins_at_the_end),
		cmocka_unit_test(test_begins_where_nothing_is),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_json_is_journalctls),
		cmocka_unit_test(test_control_characters_stay_readable),
		cmocka_unit_test(test_a_missing_folder_is_told),
	};

	find_remote();
	if (remote[0] == '\0')
		print_message("# skipped: systemd-journal-remote cannot be had (apt-get download), "
			      "and it writes the journal files to read\n");
	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* What settings may name that is no log file, or name twice: each fault is one line with the path
 * and what helps, from `check` and, once, from the running agent. */
#include "tests/cmocka.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "agent/doubles.h"
#include "tests/agent/file_kit.h"

#define LINES_MAX 16

struct said {
	char id[40];
	char text[sizeof(((struct err *)NULL)->msg)];
};
static struct said lines[LINES_MAX];
static size_t n_lines;

static void keep(void *arg, const char *id, const struct err *err)
{
	assert_true(n_lines < LINES_MAX);
	snprintf(lines[n_lines].id, sizeof(lines[0].id), "%s", id);
	snprintf(lines[n_lines++].text, sizeof(lines[0].text), "%s", err->msg);
}

static void fault(void *arg, const struct err *err)
{
	keep(arg, "", err);
}

static void make_socket(const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", at(name));
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
}

static void folder(void)
{
	dir_new();
	put_at("good.log", "a\n", 2, 0);
	put_at("more.log", "b\n", 2, 0);
	put_at("old.log.1.gz", "c\n", 2, 0);
	assert_int_equal(mkfifo(at("pipe"), 0600), 0);
	assert_int_equal(mkdir(at("sub"), 0755), 0);
	assert_int_equal(symlink("sub", at("link")), 0);
	assert_int_equal(symlink("good.log", at("other")), 0);
	make_socket("sock");
}

static struct config settings(const char *inputs)
{
	struct config cf = { 0 };
	struct buf b = { 0 };
	struct slice s = slice_str(inputs);
	struct err err;

	buf_printf(&b, "{state_dir: %s/state, inputs: [", dir);
	for (size_t i = 0; i < s.n; i++) /* @ stands for the folder */
		if (s.p[i] == '@')
			buf_str(&b, dir);
		else
			buf_chr(&b, s.p[i]);
	buf_str(&b, "]}\n");
	assert_false(b.failed);
	if (file_write(at("agent.yml"), buf_view(&b), 0600, &err) < 0 ||
	    config_load_with(at("agent.yml"), input_classes, &cf, &err) < 0)
		fail_msg("%s: %s", inputs, err.msg);
	buf_release(&b);
	return cf;
}

static void check_all(const char *inputs, enum doubles_of which)
{
	struct config cf = settings(inputs);
	struct err err;

	n_lines = 0;
	for (size_t i = 0; i < cf.n_inputs && which == DOUBLES_ALL; i++)
		cf.inputs[i].cls->check(cf.inputs[i].conf, fault, NULL);
	assert_int_equal(doubles_find(&cf, which, keep, NULL, &err), 0);
	config_release(&cf);
}

static void test_what_check_says(void **state)
{
	static const struct {
		const char *inputs, *words[3]; /* of the one line; NULL: all is well */
	} cases[] = {
		{ "{type: file, paths: [@/good.log]}", { NULL } },
		{ "{type: file, paths: [@/none.log]}", { "/none.log", "does not exist" } },
		{ "{type: file, paths: [@/none*.log]}", { NULL } },
		{ "{type: file, paths: [@/pipe]}", { "/pipe", "FIFO", "into a file" } },
		{ "{type: file, paths: ['@/p*']}", { "/pipe", "FIFO", "exclude" } },
		{ "{type: file, paths: ['@/p*'], exclude: [pipe]}", { NULL } },
		{ "{type: file, paths: [@/sock]}", { "/sock", "a socket", "syslog-unix" } },
		{ "{type: file, paths: [/dev/null]}", { "/dev/null", "a device", "name a file" } },
		{ "{type: file, paths: [@/sub]}", { "/sub", "a folder", "name the files in it" } },
		{ "{type: file, paths: [@/link]}", { "/link", "a folder" } },
		{ "{type: file, paths: ['@/*b']}", { NULL } },
		{ "{type: file, paths: [@/old.log.1.gz]}", { "/old.log.1.gz", "compressed" } },
		{ "{type: file, paths: ['@/*.gz']}", { NULL } },
		{ "{type: file, paths: [@/good.log, @/good.log]}", { "/good.log", "twice" } },
		{ "{type: file, paths: ['@/*.log', @/good.log]}", { "/good.log", "/*.log" } },
		{ "{type: file, paths: ['@/g*.log', '@/*d.log']}", { "/good.log", "/g*.log" } },
		{ "{type: file, paths: ['@/*.log', '@/*.log']}", { "/*.log", "twice" } },
		{ "{type: file, paths: [@/good.log, @/other]}", { NULL } },
		{ "{type: file, id: x, paths: ['@/*.log']}, {type: file, paths: [@/more.log]}",
		  { "/more.log", "input x", "sent twice" } },
		{ "{type: file, paths: [@/good.log]}, {type: file, id: y, paths: [@/other]}",
		  { "/other", "input file", "sent twice" } },
		{ "{type: file, paths: [@/good.log]}, {type: file, paths: [@/more.log]}",
		  { NULL } },
		{ "{type: file, paths: ['@/*.log']}, {type: file, paths: ['@/*.log']}",
		  { ".log", "sent twice" } }, /* two files, one line */
	};

	folder();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t want = cases[i].words[0] != NULL ? 1 : 0;

		check_all(cases[i].inputs, DOUBLES_ALL);
		for (size_t k = 0; k < n_lines; k++)
			if (n_lines != want)
				print_message("# %s: %s\n", lines[k].id, lines[k].text);
		if (n_lines != want)
			fail_msg("%s: %zu lines", cases[i].inputs, n_lines);
		for (size_t k = 0; k < 3 && cases[i].words[k] != NULL; k++)
			if (strstr(lines[0].text, cases[i].words[k]) == NULL)
				fail_msg("%s: no '%s' in: %s", cases[i].inputs, cases[i].words[k],
					 lines[0].text);
	}
	dir_free();
}

/* The running agent tells of what is sent twice only, by the later of the two inputs. */
static void test_between_inputs(void **state)
{
	folder();
	check_all("{type: file, paths: ['@/*.log', @/good.log]}, {type: journal},"
		  "{type: file, id: late, paths: [@/good.log, @/more.log, @/sub]}",
		  DOUBLES_BETWEEN);
	assert_int_equal(n_lines, 2);
	for (size_t i = 0; i < n_lines; i++)
		assert_string_equal(lines[i].id, "late");
	dir_free();
}

static bool scans(struct world *w, size_t n)
{
	return ((struct files *)w->in.data)->scan >= n;
}

/* Told once each; the file beside them is read; when a pipe has become a file, it is read, too. */
static void test_running(void **state)
{
	struct world *w = world_new();
	char yaml[512];

	folder();
	snprintf(yaml, sizeof(yaml),
		 "{paths: ['%s/good.log', '%s/p*', '%s/sub', '%s/sock'], poll_ms: 1s}", dir, dir,
		 dir, dir);
	world_open(w, &input_file, yaml);
	assert_true(world_wait(w, world_has, 1));
	for (unsigned i = 0; i < 3; i++) {
		struct files *fs = w->in.data;

		fs->scan_wanted = true;
		files_wake(fs);
		assert_true(world_wait(w, scans, fs->scan + 1));
	}
	assert_int_equal(w->warns, 3);
	assert_int_equal(w->n, 1);
	assert_int_equal(unlink(at("pipe")), 0);
	put_at("pipe", "now a file\n", 11, 0);
	assert_true(world_wait(w, world_has, 2));
	assert_slice(w->rec[1].line, "now a file");
	assert_int_equal(w->warns, 3);
	world_free(w);
	dir_free();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_check_says),
		cmocka_unit_test(test_between_inputs),
		cmocka_unit_test(test_running),
	};
	return RUN_TESTS(tests);
}

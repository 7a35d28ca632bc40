/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/command: the table's words, options, exit codes, and what a terminal is shown. */
#include "tests/collector/tenant_kit.h"

#include "collector/command.h"
#include "common/base/file.h"

static int nothing(struct cmd *c)
{
	return 0;
}

static const struct command one = { .words = "rules", .run = nothing };
static const struct command two = { .words = "rules check", .run = nothing };
static const struct command three = { .words = "tenant list", .run = nothing };
static const struct command *const list[] = { &one, &two, &three, NULL };

static const struct {
	const char *argv[5];
	const struct command *found;
	int words;
} finds[] = {
	{ { "rules" }, &one, 1 },          { { "rules", "check", "dir" }, &two, 2 },
	{ { "rules", "chec" }, &one, 1 },  { { "tenant", "list", "--json" }, &three, 2 },
	{ { "tenant" }, NULL, 0 },         { { "tenants", "list" }, NULL, 0 },
	{ { "list", "tenant" }, NULL, 0 }, { { NULL }, NULL, 0 },
};

static int count(const char *const *argv)
{
	int n = 0;

	while (argv[n] != NULL)
		n++;
	return n;
}

static void test_find(void **state)
{
	for (size_t i = 0; i < sizeof(finds) / sizeof(finds[0]); i++) {
		char *argv[5];
		int words = -1, argc = count(finds[i].argv);

		memcpy(argv, finds[i].argv, sizeof(argv));
		if (command_find(list, argc, argv, &words) != finds[i].found ||
		    words != finds[i].words)
			fail_msg("row %zu: %d words", i, words);
	}
}

/* Prints what it was given: --name, --name again, whether --flag, and the positionals. */
static int echo(struct cmd *c)
{
	const char *name = cmd_opt(c, "name"), *again = cmd_opt(c, "--name");
	bool flag = cmd_flag(c, "flag");
	int r = cmd_no_more(c, 2);

	if (r != 0)
		return r;
	buf_printf(&c->out, "%s|%s|%d", name != NULL ? name : "-", again != NULL ? again : "-",
		   flag);
	for (unsigned i = 0; cmd_arg(c, i) != NULL; i++)
		buf_printf(&c->out, "|%s", cmd_arg(c, i));
	return 0;
}

static const struct command echo_command = { .words = "echo", .usage = "[--name N]", .run = echo };

static const struct {
	const char *argv[7];
	int code;
	const char *out, *err;
} options[] = {
	{ { NULL }, 0, "-|-|0", "" },
	{ { "--name", "a", "x" }, 0, "a|-|0|x", "" },
	{ { "x", "--name=a", "y" }, 0, "a|-|0|x|y", "" },
	{ { "--name=", "--flag" }, 0, "|-|1", "" },
	{ { "--name", "a", "--name", "b" }, 0, "a|b|0", "" },
	{ { "--flag", "--", "--name", "x" }, 0, "-|-|1|--name|x", "" },
	{ { "--name=a=b" }, 0, "a=b|-|0", "" },
	{ { "-" }, 0, "-|-|0|-", "" },
	{ { "--name" },
	  2,
	  "",
	  "vartio-collector: a value is missing for option name\nusage: "
	  "vartio-collector echo [--name N]\n" },
	{ { "--name", "--flag" }, 2, "", "a value is missing for option name" },
	{ { "--nam", "a" }, 2, "", "unknown option --nam\n" },
	{ { "--names=a" }, 2, "", "unknown option --names=a\n" },
	{ { "-n" }, 2, "", "unknown option -n\n" },
	{ { "--flag=1" }, 2, "", "unknown option --flag=1\n" },
	{ { "--\x1b[2J" }, 2, "", "unknown option --\\u{1b}[2J\n" },
	{ { "x", "y", "z" }, 2, "", "one argument too many: z\n" },
};

static void test_options(void **state)
{
	const struct config conf = { .state_dir = "/nonexistent" };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct buf out = { 0 }, err = { 0 };
		char *argv[7];
		int code;

		memcpy(argv, options[i].argv, sizeof(argv));
		code = command_run(&echo_command, &conf, count(options[i].argv), argv, NULL,
				   "uid 1", T0, &out, &err);
		if (code != options[i].code || strcmp(buf_cstr(&out), options[i].out) != 0 ||
		    strstr(buf_cstr(&err), options[i].err) == NULL)
			fail_msg("row %zu: %d %s %s", i, code, buf_cstr(&out), buf_cstr(&err));
		buf_release(&out);
		buf_release(&err);
	}
}

static char dir[64];

static int set_up(void **state)
{
	strcpy(dir, "/tmp/vartio-command-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return 0;
}

static int tear_down(void **state)
{
	kit_remove(dir);
	return 0;
}

/* In this order, on one state folder. out, err: what must be in them; NULL: nothing may. */
static const struct {
	const char *argv[12];
	int code;
	const char *out, *err;
} steps[] = {
	{ { "tenant", "list" }, 0, "ID\tNAME\tCREATED\n", NULL },
	{ { "tenant", "list", "--json" }, 0, "[]\n", NULL },
	{ { "tenant", "add", "mallila", "--name", "Mallilan kunta", "--by", "maija" },
	  0,
	  "tenant mallila added",
	  NULL },
	{ { "tenant", "add", "mallila", "--name", "x" },
	  1,
	  NULL,
	  "there is a tenant mallila already" },
	{ { "tenant", "add", "Mallila", "--name", "x" }, 1, NULL, "a tenant id has" },
	{ { "tenant", "add", "x", "--name", "a\x1b[2J" }, 1, NULL, "without control characters" },
	{ { "tenant", "add", "x", "--name", "y", "--by", "a\nb" }, 2, NULL, "--by is a name" },
	{ { "tenant", "add", "x" }, 2, NULL, "usage: vartio-collector tenant add ID --name NAME" },
	{ { "tenant", "add", "--name", "y" }, 2, NULL, "usage: " },
	{ { "tenant", "list" }, 0, "mallila\tMallilan kunta\t2026-11-23T08:00:00.000Z\n", NULL },
	{ { "tenant", "list", "x" }, 2, NULL, "one argument too many" },
	{ { "token", "create", "--tenant", "mallila" }, 0, "vt1_", "within 24 hours" },
	{ { "token", "create", "--tenant", "nobody" }, 1, NULL, "there is no tenant nobody" },
	{ { "token", "create", "--tenant", "mallila", "--hours", "0" },
	  2,
	  NULL,
	  "1 to 2160 hours" },
	{ { "token", "create", "--tenant", "mallila", "--hours", "x" }, 2, NULL, "whole number" },
	{ { "token", "create" }, 2, NULL, "--tenant is needed" },
	{ { "agent", "certify", "--tenant", "mallila", "--csr", "named-by-the-caller", "--host",
	    "beats" },
	  0,
	  "-----BEGIN CERTIFICATE-----",
	  "certificate of sender beats-" },
	{ { "agent", "list" },
	  0,
	  "\tactive\tbeats\tnever\t-\t-\t2027-11-23T08:00:00.000Z\n",
	  NULL },
	{ { "agent", "list", "--json" }, 0, "\"kind\": \"foreign\"", NULL },
	{ { "contact", "add", "--tenant", "mallila", "--name", "M\xc3\xa4ki", "--email",
	    "m@mallila.example", "--lang", "sv" },
	  0,
	  "contact 1 added",
	  NULL },
	{ { "contact", "add", "--tenant", "mallila", "--name", "A", "--email", "a@b\r\nBcc: c",
	    "--lang", "fi" },
	  1,
	  NULL,
	  "expected one e-mail address" },
	{ { "contact", "add", "--tenant", "mallila", "--name", "A", "--email", "a@b", "--lang",
	    "de" },
	  2,
	  NULL,
	  "fi, sv or en" },
	{ { "contact", "list" }, 0, "M\xc3\xa4ki\tm@mallila.example", NULL },
	{ { "contact", "list", "--json", "--tenant", "mallila" }, 0, "\"language\": \"sv\"", NULL },
	{ { "contact", "list", "--tenant", "nobody" }, 1, NULL, "there is no tenant nobody" },
	{ { "agent", "revoke", "nobody" }, 1, NULL, "there is no agent nobody" },
	{ { "agent", "revoke" }, 2, NULL, "which agent?" },
};

static int run_words(const struct config *conf, const char *const *words_in,
		     const struct cmd_file *file, struct buf *out, struct buf *err)
{
	const struct command *cmd;
	char *argv[12];
	int words = 0, argc = count(words_in);

	memcpy(argv, words_in, (size_t)argc * sizeof(*argv));
	cmd = command_find(commands, argc, argv, &words);
	assert_non_null(cmd);
	buf_reset(out);
	buf_reset(err);
	return command_run(cmd, conf, argc - words, argv + words, file, "uid 7", T0, out, err);
}

static void test_commands(void **state)
{
	const struct config conf = { .state_dir = dir,
				     .agents = { .address = "127.0.0.1", .enrol_port = 5043 } };
	struct buf out = { 0 }, err = { 0 }, csr = { 0 };
	struct cmd_file file;

	kit_request(GNUTLS_PK_ECDSA, P256, &csr);
	file = (struct cmd_file){ "csr", buf_view(&csr) };
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		bool has_file = strcmp(steps[i].argv[1], "certify") == 0;
		int code = run_words(&conf, steps[i].argv, has_file ? &file : NULL, &out, &err);

		if (code != steps[i].code ||
		    (steps[i].out == NULL ? out.n > 0
					  : strstr(buf_cstr(&out), steps[i].out) == NULL) ||
		    (steps[i].err == NULL ? err.n > 0
					  : strstr(buf_cstr(&err), steps[i].err) == NULL))
			fail_msg("row %zu: %d\n%s\n%s", i, code, buf_cstr(&out), buf_cstr(&err));
	}
	/* The token stands alone on one line of standard output, for scripts. */
	assert_int_equal(run_words(&conf, steps[11].argv, NULL, &out, &err), 0);
	assert_int_equal(slice_chr(buf_view(&out), '\n'), out.n - 1);
	buf_release(&out);
	buf_release(&err);
	buf_release(&csr);
}

/* Each line of help has what the command says of itself, and no two have the same words. */
static void test_table(void **state)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		assert_non_null(commands[i]->help);
		assert_non_null(commands[i]->run);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(commands[i]->words, commands[k]->words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_options),
		cmocka_unit_test_setup_teardown(test_commands, set_up, tear_down),
		cmocka_unit_test(test_table),
	};

	return RUN_TESTS(tests);
}

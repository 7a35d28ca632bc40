/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/cli.c: from the words on the command line to a command that runs: in the daemon where
 * one is running, else here under the lock. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collector/control.h"
#include "common/base/file.h"
#include "common/base/service.h"
#include "common/base/time.h"
#include "common/base/zone.h"

#define DEFAULT_CONFIG "/etc/vartio/collector.yml"
#define FILE_MAX       (CONTROL_MAX / 2)
#define LOCK_WAIT_MS   5000u

/* --config is taken out of argv: it belongs to the program, not to a command. */
static const char *take_config(int *argc, char **argv)
{
	const char *path = NULL;

	for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0;) {
		int n = 0;

		if (strncmp(argv[i], "--config=", 9) == 0) {
			path = argv[i] + 9;
			n = 1;
		} else if (strcmp(argv[i], "--config") == 0 && i + 1 < *argc) {
			path = argv[i + 1];
			n = 2;
		}
		if (n == 0) {
			i++;
			continue;
		}
		memmove(argv + i, argv + i + n, (size_t)(*argc - i - n + 1) * sizeof(*argv));
		*argc -= n;
	}
	return path;
}

static int print_help(FILE *to, int code)
{
	fputs("usage: vartio-collector [--config FILE] COMMAND\n\n  run\n      the daemon\n", to);
	for (size_t i = 0; commands[i] != NULL; i++)
		fprintf(to, "  %s %s\n      %s\n", commands[i]->words,
			commands[i]->usage != NULL ? commands[i]->usage : "", commands[i]->help);
	return code;
}

static int complain(const struct err *err)
{
	fprintf(stderr, "vartio-collector: %s\n", err->msg);
	return err->code == ERR_USAGE ? 2 : 1;
}

/* A command that reads no state works without settings. */
static int load_config(const struct command *cmd, const char *path, struct config *ret,
		       struct err *err)
{
	if (cmd->where == CMD_LOCAL && path == NULL && access(DEFAULT_CONFIG, R_OK) < 0)
		return config_defaults(ret, err);
	return config_load(path, ret, err);
}

/* The file that the command's file option names, read with the caller's own rights. */
static int read_file(const struct command *cmd, int argc, char **argv, struct buf *content,
		     struct cmd_file *ret, struct err *err)
{
	size_t n = cmd->file != NULL ? strlen(cmd->file) : 0;

	for (int i = 0; n > 0 && i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *path = NULL;

		if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, cmd->file, n) != 0)
			continue;
		if (argv[i][2 + n] == '=')
			path = argv[i] + 3 + n;
		else if (argv[i][2 + n] == '\0' && i + 1 < argc)
			path = argv[i + 1];
		if (path == NULL)
			continue;
		if (file_read(path, FILE_MAX, content, err) < 0)
			return -1;
		*ret = (struct cmd_file){ cmd->file, buf_view(content) };
		return 1;
	}
	return 0;
}

/* All words, for the daemon finds the command itself. */
static int run_with_state(const struct command *cmd, const struct config *conf, int words, int argc,
			  char **argv, const struct cmd_file *file, struct buf *out,
			  struct buf *errors, int *ret_code, struct err *err)
{
	char peer[32];
	int r = control_ask(conf->state_dir, argc, argv, file, ret_code, out, errors, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	snprintf(peer, sizeof(peer), "uid %u", (unsigned)getuid());
	/* Files that root left behind would stop the daemon. */
	if (dir_make(conf->state_dir, 0700, err) < 0 ||
	    service_become_owner(conf->state_dir, err) < 0)
		return -1;
	if (state_lock(conf->state_dir, LOCK_WAIT_MS, err) < 0) {
		/* A daemon that was just starting has the lock, and by now its socket too. */
		r = control_ask(conf->state_dir, argc, argv, file, ret_code, out, errors, err);
		if (r == 0)
			return err_set(err, ERR_BUSY,
				       "%s is in use by another vartio-collector that does not "
				       "answer; try "
				       "again in a moment",
				       conf->state_dir);
		return r < 0 ? -1 : 0;
	}
	/* Times are shown in the region's zone; a machine without tzdata shows its own. */
	if (conf->notify.zone != NULL)
		zone_use(conf->notify.zone, NULL);
	*ret_code = command_run(cmd, conf, argc - words, argv + words, file, peer, time_now_ns(),
				out, errors);
	state_unlock();
	return 0;
}

static int print_result(struct buf *out, struct buf *errors, int code)
{
	/* buf_cstr: an empty buffer has no memory, and fwrite takes no NULL. */
	fwrite(buf_cstr(errors), 1, errors->n, stderr);
	if (fwrite(buf_cstr(out), 1, out->n, stdout) != out->n || fflush(stdout) != 0) {
		perror("vartio-collector: cannot write the answer");
		return code != 0 ? code : 1;
	}
	return code;
}

static int unknown(int argc, char **argv)
{
	struct buf word = { 0 };

	for (int i = 0; i < argc && i < 2 && argv[i][0] != '-'; i++) {
		buf_str(&word, i > 0 ? " " : "");
		cmd_put_text(&word, slice_str(argv[i]));
	}
	if (word.n == 0)
		fputs("vartio-collector: the command is missing\n", stderr);
	else
		fprintf(stderr, "vartio-collector: unknown command %s\n", buf_cstr(&word));
	buf_release(&word);
	return print_help(stderr, 2);
}

int command_main(int argc, char **argv)
{
	const char *path = take_config(&argc, argv);
	const struct command *cmd;
	struct buf out = { 0 }, errors = { 0 }, content = { 0 };
	struct cmd_file file;
	struct config conf = { 0 };
	struct err err = { 0 };
	int words = 0, code = 1, has_file;

	argc--;
	argv++;
	if (argc == 1 && (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0))
		return print_help(stdout, 0);
	if (argc == 1 && strcmp(argv[0], "--version") == 0)
		return puts("vartio-collector " VARTIO_VERSION) < 0;
	cmd = command_find(commands, argc, argv, &words);
	if (cmd == NULL)
		return unknown(argc, argv);
	if (load_config(cmd, path, &conf, &err) < 0)
		return complain(&err);
	has_file = read_file(cmd, argc - words, argv + words, &content, &file, &err);
	if (has_file < 0) {
		code = complain(&err);
		goto out;
	}
	if (cmd->where == CMD_LOCAL) {
		code = command_run(cmd, &conf, argc - words, argv + words,
				   has_file == 1 ? &file : NULL, "", time_now_ns(), &out, &errors);
	} else if (run_with_state(cmd, &conf, words, argc, argv, has_file == 1 ? &file : NULL, &out,
				  &errors, &code, &err) < 0) {
		code = complain(&err);
		goto out;
	}
	code = print_result(&out, &errors, code);
out:
	buf_release(&out);
	buf_release(&errors);
	buf_release(&content);
	config_release(&conf);
	return code;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/command.h: the subcommands of vartio-collector. A command that reads or changes state
 * runs inside the daemon when one is running (over STATE/control.sock) and else in this process
 * under STATE/lock: one writer at a time either way. It therefore writes to buffers, never to
 * stdout, and reads files only through cmd_file. */
#ifndef VARTIO_COLLECTOR_COMMAND_H
#define VARTIO_COLLECTOR_COMMAND_H

#include <jansson.h>

#include "collector/config.h"
#include "collector/tenant/ca.h"

struct alert_store;

struct cmd {
	const struct config *conf;
	int argc; /* arguments behind the command's words */
	char **argv;
	struct buf out, err; /* what the caller prints on stdout and stderr */
	const char *peer;    /* "uid 1000": who asked, logged beside --by */
	int64_t now_ns;
	/* Opened when first asked for by these; closed by the dispatcher. NULL and cmd->err set. */
	struct registry *(*registry)(struct cmd *c);
	struct alert_store *(*alerts)(struct cmd *c);
	struct ca *(*ca)(struct cmd *c);
	/* The content of a file named on the command line (read by the caller's process). */
	struct slice (*file)(struct cmd *c, const char *option);
	void *state; /* the dispatcher's */
};
enum cmd_where {
	CMD_STATE, /* in the daemon, or under the lock */
	CMD_LOCAL, /* always in this process: detect, rules check, ... (may write to stdout itself)
		    */
};
struct command {
	const char *words; /* "tenant add" */
	const char *usage; /* "ID --name NAME" */
	const char *help;  /* one line */
	enum cmd_where where;
	int (*run)(
		struct cmd *c); /* exit code: 0 good, 1 no or failed (reason in c->err), 2 usage */
	const char *file;       /* the option that names a file for c->file ("csr"); NULL: none */
};
extern const struct command
	*const commands[]; /* collector/commands.c: one line a command; NULL ends */

/* Options: "--name VALUE" and "--name=VALUE"; NULL when absent. Each call takes what it returns out
 * of the arguments (an option given twice is returned by two calls), so ask for all options before
 * the positionals. What follows "--" is positional. name is without its hyphens. */
const char *cmd_opt(struct cmd *c, const char *name);
bool cmd_flag(struct cmd *c, const char *name);
const char *cmd_arg(struct cmd *c, unsigned i); /* the i-th positional, or NULL */
/* Every option seen must have been asked for, and at most so many positionals be there: 0, or 2
 * with the one too many in c->err. */
int cmd_no_more(struct cmd *c, unsigned positionals);
/* The value of --by, or who asked ("uid 1000"). NULL: c->err says that it is no name. */
const char *cmd_by(struct cmd *c);
/* Prints and releases what a --json list has; failed: a row did not fit in memory. */
int cmd_put_json(struct cmd *c, json_t *rows, bool failed);
int cmd_fail(struct cmd *c, const struct err *err); /* "vartio-collector: reason"; returns 1 or 2 */
int cmd_usage(struct cmd *c, const char *reason);   /* returns 2 */
/* Text for a terminal: control and bidirectional characters shown as \u{..}. */
void cmd_put_text(struct buf *out, struct slice s);
int command_main(int argc, char **argv); /* everything but `run` */

/* Below: for the control socket and tests. */
struct cmd_file { /* a file read by the caller's process */
	const char *option;
	struct slice content;
};
/* The command whose words argv begins with, and how many words they are; NULL: none. */
const struct command *command_find(const struct command *const *list, int argc, char **argv,
				   int *ret_words);
/* Runs cmd in this process. argv is behind its words. Opens what it asks for below conf->state_dir
 * and closes it again. Appends to out and err; returns the exit code. */
int command_run(const struct command *cmd, const struct config *conf, int argc, char **argv,
		const struct cmd_file *file, const char *peer, int64_t now_ns, struct buf *out,
		struct buf *err);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/command.h: the subcommands of vartio-collector. A command that reads or changes state
 * runs inside the daemon when one is running (over STATE/control.sock) and else in this process
 * under STATE/lock: one writer at a time either way. It therefore writes to buffers, never to
 * stdout, and reads files only through cmd_file. */
#ifndef VARTIO_COLLECTOR_COMMAND_H
#define VARTIO_COLLECTOR_COMMAND_H

#include "collector/config.h"
#include "collector/tenant/ca.h"

struct cmd {
	const struct config *conf;
	int argc;           /* arguments behind the command's words */
	char **argv;
	struct buf out, err; /* what the caller prints on stdout and stderr */
	const char *peer;   /* "uid 1000": who asked, logged beside --by */
	int64_t now_ns;
	/* Opened when first asked for by these; closed by the dispatcher. NULL and cmd->err set. */
	struct registry *(*registry)(struct cmd *c);
	struct alert_store *(*alerts)(struct cmd *c);
	struct ca *(*ca)(struct cmd *c);
	/* The content of a file named on the command line (read by the caller's process). */
	struct slice (*file)(struct cmd *c, const char *option);
	void *state;
};
enum cmd_where {
	CMD_STATE, /* in the daemon, or under the lock */
	CMD_LOCAL, /* always in this process: detect, rules check, ... (may write to stdout itself) */
};
struct command {
	const char *words;   /* "tenant add" */
	const char *usage;   /* "ID --name NAME" */
	const char *help;    /* one line */
	enum cmd_where where;
	int (*run)(struct cmd *c); /* exit code: 0 good, 1 no or failed (reason in c->err), 2 usage */
};
extern const struct command *const commands[]; /* collector/commands.c: one line a command; NULL ends */

/* Options: "--name VALUE" and "--name=VALUE"; NULL when absent. cmd_args leaves only positionals. */
const char *cmd_opt(struct cmd *c, const char *name);
bool cmd_flag(struct cmd *c, const char *name);
const char *cmd_arg(struct cmd *c, unsigned i); /* the i-th positional, or NULL */
/* Every option seen must have been asked for: 0, or 2 with the unknown one in c->err. */
int cmd_no_more(struct cmd *c, unsigned positionals);
int cmd_fail(struct cmd *c, const struct err *err); /* "vartio-collector: reason"; returns 1 or 2 */
int cmd_usage(struct cmd *c, const char *reason);   /* returns 2 */
/* Text for a terminal: control and bidirectional characters shown as \u{..}. */
void cmd_put_text(struct buf *out, struct slice s);
int command_main(int argc, char **argv); /* everything but `run` */

#endif

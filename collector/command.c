/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/command.c: what a command is given: its arguments, and handles opened when asked for.
 */
#include "collector/command.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/alert/alert.h"
#include "common/base/text.h"

struct cmd_state {
	const struct command *cmd;
	int open;            /* words of argv before "--": only they can be options */
	const char *missing; /* an option that came without its value */
	const struct cmd_file *file;
	struct registry *rg;
	struct alert_store *as;
	struct ca *ca;
};

static void take(struct cmd *c, int at, int n)
{
	struct cmd_state *cs = c->state;

	memmove(c->argv + at, c->argv + at + n, (size_t)(c->argc - at - n) * sizeof(*c->argv));
	c->argc -= n;
	cs->open -= n;
}

/* "name" of "--name" or "--name=value"; *ret_value is behind "=", or NULL. */
static bool is_option(const char *word, const char *name, const char **ret_value)
{
	size_t n;

	name += strspn(name, "-");
	n = strlen(name);
	if (strncmp(word, "--", 2) != 0 || strncmp(word + 2, name, n) != 0)
		return false;
	*ret_value = word[2 + n] == '=' ? word + 3 + n : NULL;
	return word[2 + n] == '=' || word[2 + n] == '\0';
}

const char *cmd_opt(struct cmd *c, const char *name)
{
	struct cmd_state *cs = c->state;
	const char *value;

	for (int i = 0; i < cs->open; i++) {
		if (!is_option(c->argv[i], name, &value))
			continue;
		if (value != NULL) {
			take(c, i, 1);
			return value;
		}
		if (i + 1 < cs->open && strncmp(c->argv[i + 1], "--", 2) != 0) {
			value = c->argv[i + 1];
			take(c, i, 2);
			return value;
		}
		cs->missing = name;
		take(c, i, 1);
		return NULL;
	}
	return NULL;
}

bool cmd_flag(struct cmd *c, const char *name)
{
	struct cmd_state *cs = c->state;
	const char *value;

	for (int i = 0; i < cs->open; i++)
		if (is_option(c->argv[i], name, &value) && value == NULL) {
			take(c, i, 1);
			return true;
		}
	return false;
}

const char *cmd_arg(struct cmd *c, unsigned i)
{
	return i < (unsigned)c->argc ? c->argv[i] : NULL;
}

static int usage_about(struct cmd *c, const char *reason, const char *word)
{
	const struct cmd_state *cs = c->state;

	buf_printf(&c->err, "vartio-collector: %s", reason);
	if (word != NULL) {
		buf_chr(&c->err, ' ');
		cmd_put_text(&c->err, slice_str(word));
	}
	buf_printf(&c->err, "\nusage: vartio-collector %s %s\n", cs->cmd->words,
		   cs->cmd->usage != NULL ? cs->cmd->usage : "");
	return 2;
}

int cmd_no_more(struct cmd *c, unsigned positionals)
{
	const struct cmd_state *cs = c->state;

	if (cs->missing != NULL)
		return usage_about(c, "a value is missing for option", cs->missing);
	for (int i = 0; i < cs->open; i++)
		if (c->argv[i][0] == '-' && c->argv[i][1] != '\0')
			return usage_about(c, "unknown option", c->argv[i]);
	if ((unsigned)c->argc > positionals)
		return usage_about(c, "one argument too many:", c->argv[positionals]);
	return 0;
}

int cmd_usage(struct cmd *c, const char *reason)
{
	return usage_about(c, reason, NULL);
}

int cmd_fail(struct cmd *c, const struct err *err)
{
	buf_str(&c->err, "vartio-collector: ");
	cmd_put_text(&c->err, slice_str(err->msg));
	buf_chr(&c->err, '\n');
	return err->code == ERR_USAGE ? 2 : 1;
}

int cmd_put_json(struct cmd *c, json_t *rows, bool failed)
{
	char *text = failed ? NULL : json_dumps(rows, JSON_INDENT(2));
	struct err err;

	json_decref(rows);
	if (text == NULL) {
		err_nomem(&err);
		buf_reset(&c->out);
		return cmd_fail(c, &err);
	}
	buf_str(&c->out, text);
	buf_chr(&c->out, '\n');
	free(text);
	return 0;
}

const char *cmd_by(struct cmd *c)
{
	const char *by = cmd_opt(c, "by");

	if (by == NULL)
		return c->peer;
	if (text_is_name(slice_str(by), 100))
		return by;
	cmd_usage(c, "--by is a name on one line");
	return NULL;
}

void cmd_put_text(struct buf *out, struct slice s)
{
	text_put_safe(out, s);
}

/* STATE/name; "" (which no open accepts) when memory is out. */
static const char *state_path(struct cmd *c, const char *name, char out[PATH_MAX])
{
	if (snprintf(out, PATH_MAX, "%s/%s", c->conf->state_dir, name) >= PATH_MAX)
		out[0] = '\0';
	return out;
}

static struct registry *open_registry(struct cmd *c)
{
	struct cmd_state *cs = c->state;
	char path[PATH_MAX];
	struct err err;

	if (cs->rg == NULL && registry_open(state_path(c, "collector.db", path), &cs->rg, &err) < 0)
		cmd_fail(c, &err);
	return cs->rg;
}

static struct alert_store *open_alerts(struct cmd *c)
{
	struct cmd_state *cs = c->state;
	char path[PATH_MAX];
	struct err err;

	if (cs->as == NULL &&
	    alert_store_open(state_path(c, "collector.db", path), &cs->as, &err) < 0)
		cmd_fail(c, &err);
	return cs->as;
}

static struct ca *open_ca(struct cmd *c)
{
	struct cmd_state *cs = c->state;
	struct err err;

	if (cs->ca == NULL && ca_open_config(c->conf, c->now_ns, &cs->ca, &err) < 0)
		cmd_fail(c, &err);
	return cs->ca;
}

static struct slice file_content(struct cmd *c, const char *option)
{
	const struct cmd_state *cs = c->state;

	cmd_opt(c, option); /* its name is of no use here; the content has come along */
	if (cs->file == NULL || strcmp(cs->file->option, option + strspn(option, "-")) != 0)
		return (struct slice){ 0 };
	return cs->file->content;
}

static bool words_match(const char *words, int argc, char **argv, int *ret_words)
{
	int n = 0;

	while (*words != '\0') {
		size_t len = strcspn(words, " ");

		if (n == argc || strncmp(argv[n], words, len) != 0 || argv[n][len] != '\0')
			return false;
		n++;
		words += len + strspn(words + len, " ");
	}
	*ret_words = n;
	return true;
}

const struct command *command_find(const struct command *const *list, int argc, char **argv,
				   int *ret_words)
{
	const struct command *best = NULL;
	int n = 0;

	for (*ret_words = 0; *list != NULL; list++)
		if (words_match((*list)->words, argc, argv, &n) && n > *ret_words) {
			best = *list;
			*ret_words = n;
		}
	return best;
}

int command_run(const struct command *cmd, const struct config *conf, int argc, char **argv,
		const struct cmd_file *file, const char *peer, int64_t now_ns, struct buf *out,
		struct buf *err)
{
	struct cmd_state cs = { .cmd = cmd, .open = argc, .file = file };
	struct cmd c = { .conf = conf,
			 .argc = argc,
			 .peer = peer,
			 .now_ns = now_ns,
			 .registry = open_registry,
			 .alerts = open_alerts,
			 .ca = open_ca,
			 .file = file_content,
			 .state = &cs };
	int code;

	c.argv = malloc((size_t)(argc + 1) * sizeof(*c.argv));
	if (c.argv == NULL) {
		buf_str(err, "vartio-collector: out of memory\n");
		return 1;
	}
	if (argc > 0)
		memcpy(c.argv, argv, (size_t)argc * sizeof(*c.argv));
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--") == 0) {
			cs.open = argc; /* take() moves the border itself */
			take(&c, i, 1);
			cs.open = i;
			break;
		}
	code = cmd->run(&c);
	if (c.out.failed || c.err.failed) {
		buf_str(err, "vartio-collector: out of memory\n");
		code = 1;
	}
	buf_slice(out, buf_view(&c.out));
	buf_slice(err, buf_view(&c.err));
	buf_release(&c.out);
	buf_release(&c.err);
	registry_close(cs.rg);
	if (cs.as != NULL)
		alert_store_close(cs.as);
	ca_close(cs.ca);
	free(c.argv);
	return code;
}

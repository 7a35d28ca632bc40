/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/enrol/command.c: `vartio-agent enrol`. */
#include <stdio.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/enrol/enrol.h"
#include "agent/options.h"
#include "common/base/file.h"

#define DEFAULT_CONFIG "/etc/vartio/agent.yml"
#define DEFAULT_STATE  "/var/lib/vartio-agent"
#define TOKEN_FILE_MAX 4096u

static const char usage[] = "enrol TOKEN | - | --token-file FILE [--state DIR] [--host NAME]";

static int read_stdin(struct buf *out, struct err *err)
{
	char part[1024];
	ssize_t n;

	if (isatty(STDIN_FILENO) == 1)
		fputs("Paste the token and press Enter:\n", stderr);
	while ((n = read(STDIN_FILENO, part, sizeof(part))) > 0) {
		buf_put(out, part, (size_t)n);
		if (out->n > TOKEN_FILE_MAX)
			return err_set(err, ERR_SYNTAX, "standard input holds more than a token");
		if (memchr(part, '\n', (size_t)n) != NULL)
			break;
	}
	if (n < 0)
		return err_set(err, ERR_IO, "cannot read standard input");
	return out->failed ? err_nomem(err) : 0;
}

static int read_token(const char *word, const char *file, struct token *ret, struct err *err)
{
	struct buf text = { 0 };
	int r;

	if (file != NULL)
		r = file_read(file, TOKEN_FILE_MAX, &text, err);
	else if (strcmp(word, "-") == 0)
		r = read_stdin(&text, err);
	else
		r = token_parse(slice_str(word), ret, err);
	if (r == 0 && (file != NULL || strcmp(word, "-") == 0))
		r = token_parse(buf_view(&text), ret, err);
	if (text.p != NULL)
		explicit_bzero(text.p, text.cap);
	buf_release(&text);
	return r;
}

/* Settings that are there already say where the state is; broken ones are repaired first, so that
 * an enrolled agent also starts. */
static int existing(const char *path, struct config *ret, bool *ret_there, struct err *err)
{
	*ret_there = access(path, F_OK) == 0;
	return *ret_there ? config_load(path, ret, err) : 0;
}

static void print_report(struct buf *report, const struct config *cf, const char *path)
{
	fputs(buf_cstr(report), stdout);
	if (cf->collector.addresses.n > 0 && cf->path != NULL)
		printf("%s sends events to %s%s.\n", path, cf->collector.addresses.v[0],
		       cf->collector.addresses.n > 1 ? " and others" : "");
}

static bool exists(const char *dir, const char *name)
{
	char path[4096];

	return snprintf(path, sizeof(path), "%s%s", dir, name) < (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

/* An installed agent is started by its path unit when the first key arrives. */
static void print_next(const char *path, bool installed, bool again)
{
	if (!installed)
		printf("Start it, or start it anew: vartio-agent run --config %s\n", path);
	else if (!exists("/run/systemd/system", ""))
		puts("Start it, or start it anew: vartio-agent run, as the user vartio-agent.");
	else if (again || !exists("/lib/systemd/system/", "vartio-agent.path"))
		puts("Start it anew: sudo systemctl restart vartio-agent");
	else
		puts("It starts by itself now; sudo vartio-agent status shows how it does.");
}

int agent_enrol(int argc, char **argv)
{
	const char *file = options_value(&argc, argv, "--token-file");
	const char *path = options_value(&argc, argv, "--config");
	const char *state = options_value(&argc, argv, "--state");
	const char *host = options_value(&argc, argv, "--host");
	struct buf report = { 0 };
	struct config cf = { 0 };
	struct token tk = { 0 };
	struct err err = { 0 };
	char name[256] = "";
	bool there = false, installed, again;
	int code = 1;

	if (argc != (file != NULL ? 1 : 2) ||
	    (argc == 2 && argv[1][0] == '-' && argv[1][1] != '\0'))
		return options_usage(usage, argc > 1 && file == NULL
						    ? "one token is needed, and nothing else"
						    : "the token is missing");
	if (path == NULL)
		path = DEFAULT_CONFIG;
	if (read_token(argv[1], file, &tk, &err) < 0 || existing(path, &cf, &there, &err) < 0)
		goto out;
	gethostname(name, sizeof(name) - 1);
	if (host == NULL)
		host = there ? cf.host_name : name[0] != '\0' ? name : "localhost";
	if (state == NULL)
		state = there ? cf.state_dir : DEFAULT_STATE;
	installed = strcmp(path, DEFAULT_CONFIG) == 0 && strcmp(state, DEFAULT_STATE) == 0;
	again = exists(state, "/agent.key");
	if (enrol(&tk, path, state, host, &report, &err) < 0)
		goto out;
	/* What was configured may be another place than the one that enrolled. */
	config_release(&cf);
	if (there && config_load(path, &cf, &err) < 0)
		goto out;
	print_report(&report, &cf, path);
	print_next(path, installed, again);
	code = 0;
out:
	explicit_bzero(&tk, sizeof(tk));
	if (code != 0)
		fprintf(stderr, "vartio-agent: enrol: %s\n", err.msg);
	config_release(&cf);
	buf_release(&report);
	return code;
}

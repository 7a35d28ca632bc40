/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/status.c: `vartio-agent status [--json | --metrics]`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/describe.h"
#include "agent/options.h"

#define STATUS_MAX_BYTES (32u << 20) /* 20,000 clients of a Windows Event Collector */

static int ask(const char *dir, struct buf *out, struct err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n = 1;

	if (snprintf(to.sun_path, sizeof(to.sun_path), "%s/status.sock", dir) >=
	    (int)sizeof(to.sun_path)) {
		close(fd);
		return err_set(err, ERR_USAGE, "%s is too long for a socket's name", dir);
	}
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		err_set(err, errno == EACCES ? ERR_DENIED : ERR_ABSENT,
			errno == EACCES ? "may not ask the agent at %s (%s): try with sudo"
					: "the agent does not run: nothing answers at %s (%s)",
			to.sun_path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (n > 0 && out->n < STATUS_MAX_BYTES && buf_reserve(out, 4096) == 0) {
		n = read(fd, out->p + out->n, 4096);
		out->n += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return n == 0 ? 0 : err_set(err, ERR_IO, "the agent's answer broke off");
}

int agent_status(int argc, char **argv)
{
	bool as_json = options_flag(&argc, argv, "--json"),
	     as_metrics = options_flag(&argc, argv, "--metrics");
	struct buf text = { 0 }, out = { 0 };
	struct config cf = { 0 };
	json_t *state = NULL;
	struct err err = { 0 };
	int code = options_config(&argc, argv, "status [--json | --metrics]", &cf);

	if (code != 0)
		return code;
	if (ask(cf.run_dir, &text, &err) == 0) {
		state = json_loadb(text.p, text.n, 0, NULL);
		if (state == NULL)
			err_set(&err, ERR_SYNTAX, "the agent's answer is not JSON");
	}
	if (state == NULL) {
		fprintf(stderr, "vartio-agent: %s\n", err.msg);
		code = 1;
	} else if (as_json) {
		buf_slice(&out, buf_view(&text));
		buf_chr(&out, '\n');
	} else if (as_metrics) {
		describe_metrics(state, &out);
	} else {
		describe_text(state, &out);
	}
	fwrite(buf_cstr(&out), 1, out.n, stdout);
	json_decref(state);
	buf_release(&text);
	buf_release(&out);
	config_release(&cf);
	return code;
}

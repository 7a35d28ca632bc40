/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct status_server {
	uv_pipe_t listener;
	json_t *(*describe)(void *arg);
	void *describe_arg;
	char path[108];
	void (*closed)(void *arg);
	void *arg;
};

struct answer {
	uv_pipe_t pipe;
	uv_write_t write;
	char *text;
};

static void on_answer_closed(uv_handle_t *h)
{
	struct answer *an = h->data;

	free(an->text);
	free(an);
}

static void on_written(uv_write_t *w, int status)
{
	uv_close((uv_handle_t *)w->handle, on_answer_closed);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct status_server *ss = listener->data;
	struct answer *an;
	json_t *what;
	uv_buf_t b;

	if (status < 0)
		return;
	an = calloc(1, sizeof(*an));
	if (an == NULL)
		return;
	uv_pipe_init(listener->loop, &an->pipe, 0);
	an->pipe.data = an;
	what = uv_accept(listener, (uv_stream_t *)&an->pipe) == 0 ? ss->describe(ss->describe_arg)
								  : NULL;
	an->text = what != NULL ? json_dumps(what, JSON_INDENT(2)) : NULL;
	json_decref(what);
	if (an->text == NULL)
		goto fail;
	b = uv_buf_init(an->text, (unsigned)strlen(an->text));
	if (uv_write(&an->write, (uv_stream_t *)&an->pipe, &b, 1, on_written) == 0)
		return;
fail:
	uv_close((uv_handle_t *)&an->pipe, on_answer_closed);
}

static void on_listener_closed(uv_handle_t *h)
{
	struct status_server *ss = h->data;
	void (*closed)(void *arg) = ss->closed;
	void *arg = ss->arg;

	free(ss);
	if (closed != NULL)
		closed(arg);
}

int status_open(uv_loop_t *loop, const char *dir, json_t *(*describe)(void *arg), void *arg,
		struct status_server **ret, struct err *err)
{
	struct status_server *ss = calloc(1, sizeof(*ss));
	mode_t mask;
	int r;

	if (ss == NULL)
		return err_nomem(err);
	ss->describe = describe;
	ss->describe_arg = arg;
	if (snprintf(ss->path, sizeof(ss->path), "%s/status.sock", dir) >= (int)sizeof(ss->path)) {
		free(ss);
		return err_set(err, ERR_USAGE, "run_dir %s is too long for a socket's name", dir);
	}
	uv_pipe_init(loop, &ss->listener, 0);
	ss->listener.data = ss;
	unlink(ss->path); /* left behind by a crash: the spool's lock says that nobody else runs
			     here */
	mask = umask(0177);
	r = uv_pipe_bind(&ss->listener, ss->path);
	umask(mask);
	if (r == 0)
		r = uv_listen((uv_stream_t *)&ss->listener, 8, on_connection);
	if (r < 0) {
		err_set(err, ERR_IO, "cannot listen at %s: %s", ss->path, uv_strerror(r));
		uv_close((uv_handle_t *)&ss->listener, on_listener_closed);
		return -1;
	}
	*ret = ss;
	return 0;
}

void status_close(struct status_server *ss, void (*closed)(void *arg), void *arg)
{
	ss->closed = closed;
	ss->arg = arg;
	unlink(ss->path);
	uv_close((uv_handle_t *)&ss->listener, on_listener_closed);
}

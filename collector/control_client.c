/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/control_client.c: a command's end of the control socket. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "collector/control_wire.h"

#define ANSWER_MS 120000u /* commands that read much may take their time */

static json_t *request_of(int argc, char **argv, const struct cmd_file *file)
{
	json_t *root = json_object(), *list = json_array();

	if (root == NULL || json_object_set_new(root, "argv", list) < 0)
		goto fail;
	for (int i = 0; i < argc; i++)
		if (json_array_append_new(list, json_string(argv[i])) < 0)
			goto fail;
	if (file != NULL &&
	    json_object_set_new(root, "file",
				json_pack("{s:s, s:s%}", "option", file->option, "content",
					  file->content.n > 0 ? file->content.p : "",
					  file->content.n)) < 0)
		goto fail;
	return root;
fail:
	json_decref(root);
	return NULL;
}

/* A connected socket; -1 and *ret_none when there is no daemon. */
static int connect_daemon(const char *state_dir, bool *ret_none, struct err *err)
{
	struct sockaddr_un at;
	int dir_fd = -1, fd = -1, e = 0;
	struct err why;

	*ret_none = false;
	if (wire_address(state_dir, &at, &dir_fd, &why) < 0) {
		*ret_none = why.code == ERR_ABSENT;
		return err_set(err, why.code, "%s", why.msg);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		e = errno;
	if (dir_fd >= 0)
		close(dir_fd);
	if (e == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	/* Refused: the socket of a daemon that died; the lock tells whether one lives. */
	*ret_none = e == ENOENT || e == ECONNREFUSED;
	if (e == EACCES || e == EPERM)
		return err_set(err, ERR_DENIED,
			       "may not talk to the running collector in %s: run this as its user "
			       "(such as "
			       "sudo -u vartio-collector) or as root",
			       state_dir);
	return err_set(err, ERR_IO, "cannot talk to the running collector in %s: %s", state_dir,
		       strerror(e));
}

static int read_answer(struct slice json, int *ret_exit, struct buf *out, struct buf *err,
		       struct err *why)
{
	json_t *root = json_loadb(json.p, json.n, 0, NULL);
	const char *out_text, *err_text;
	size_t out_n, err_n;
	int code, r = -1;

	if (json_unpack(root, "{s:i, s:s%, s:s%}", "exit", &code, "out", &out_text, &out_n, "err",
			&err_text, &err_n) < 0) {
		err_set(why, ERR_PEER, "the running collector's answer makes no sense");
	} else {
		buf_put(out, out_text, out_n);
		buf_put(err, err_text, err_n);
		*ret_exit = code;
		r = out->failed || err->failed ? err_nomem(why) : 0;
	}
	json_decref(root);
	return r;
}

int control_ask(const char *state_dir, int argc, char **argv, const struct cmd_file *file,
		int *ret_exit, struct buf *out, struct buf *err, struct err *why)
{
	json_t *root = NULL;
	struct buf answer = { 0 };
	char *text = NULL;
	bool none;
	int fd = connect_daemon(state_dir, &none, why), r = -1;

	if (fd < 0)
		return none ? 0 : -1;
	root = request_of(argc, argv, file);
	text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
	if (text == NULL) {
		err_set(why, ERR_USAGE, "an argument or file is not UTF-8 text");
		goto out;
	}
	if (strlen(text) > CONTROL_MAX) {
		err_set(why, ERR_USAGE,
			"the arguments and the file are larger than %u bytes together",
			CONTROL_MAX);
		goto out;
	}
	if (wire_send(fd, slice_str(text), ANSWER_MS, -1, why) < 0 ||
	    wire_receive(fd, CONTROL_REPLY_MAX, ANSWER_MS, -1, &answer, why) < 0 ||
	    read_answer(buf_view(&answer), ret_exit, out, err, why) < 0)
		goto out;
	r = 1;
out:
	json_decref(root);
	free(text);
	buf_release(&answer);
	close(fd);
	return r;
}

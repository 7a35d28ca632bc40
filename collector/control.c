/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/control.c: the daemon's end of the control socket, and the lock.
 * May touch:  the state folder, through the commands it runs.
 * Never:      runs a CMD_LOCAL command: those read files with the caller's rights.
 * Thread:     one of its own; control_start and control_stop from the main thread. */
#include "collector/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "collector/control_wire.h"
#include "common/base/log.h"
#include "common/base/time.h"

#define CLIENT_MS    10000u /* of silence, before the next caller gets its turn */
#define LOCK_WAIT_MS 5000u
#define LOCK_STEP_MS 50

struct control {
	const struct config *conf;
	void (*after)(void *arg);
	void *arg;
	int listen_fd, stop_fd;
	bool took_lock, running;
	pthread_t thread;
};

static int lock_fd = -1; /* the lock is the process's, as flock(2) ties it to one open file */

int state_lock(const char *state_dir, uint32_t wait_ms, struct err *err)
{
	int64_t until_ns = time_mono_ns() + (int64_t)wait_ms * NS_PER_MS;
	char path[4096];
	int fd;

	if (lock_fd >= 0)
		return 0;
	if (snprintf(path, sizeof(path), "%s/lock", state_dir) >= (int)sizeof(path))
		return err_set(err, ERR_USAGE, "state_dir is too long");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err, errno == EACCES ? ERR_DENIED : ERR_IO,
			       "cannot open %s: %s; is this the collector's user?", path,
			       strerror(errno));
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if ((errno == EWOULDBLOCK || errno == EINTR) && time_mono_ns() < until_ns) {
			poll(NULL, 0, LOCK_STEP_MS);
			continue;
		}
		if (errno == EWOULDBLOCK)
			err_set(err, ERR_BUSY, "another vartio-collector is at work in %s",
				state_dir);
		else
			err_set(err, ERR_IO, "cannot lock %s: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	lock_fd = fd;
	return 0;
}

void state_unlock(void)
{
	if (lock_fd >= 0)
		close(lock_fd); /* the file stays: removing it would let two processes hold "it" */
	lock_fd = -1;
}

static void log_command(const struct command *cmd, const struct wire_request *rq, const char *peer,
			int code)
{
	const char *by = NULL;
	char exit_text[16];

	for (int i = 0; i < rq->argc && strcmp(rq->argv[i], "--") != 0; i++) {
		if (strncmp(rq->argv[i], "--by=", 5) == 0)
			by = rq->argv[i] + 5;
		else if (strcmp(rq->argv[i], "--by") == 0)
			by = rq->argv[i + 1];
	}
	snprintf(exit_text, sizeof(exit_text), "%d", code);
	log_line(LOG_LEVEL_INFO, "command", "command", cmd->words, "peer", peer, "by", by, "exit",
		 exit_text, NULL);
}

/* Runs what was asked; the exit code. */
static int run_request(struct control *ct, struct slice json, const char *peer, struct buf *out,
		       struct buf *errors)
{
	struct wire_request rq = { 0 };
	const struct command *cmd;
	struct err err;
	int words = 0, code = 2;

	if (wire_request_read(json, &rq, &err) < 0) {
		buf_printf(errors, "vartio-collector: %s\n", err.msg);
		goto out;
	}
	cmd = command_find(commands, rq.argc, rq.argv, &words);
	if (cmd == NULL || cmd->where != CMD_STATE) {
		buf_str(errors, "vartio-collector: the running collector does not know this "
				"command; was it "
				"upgraded and not restarted?\n");
		goto out;
	}
	code = command_run(cmd, ct->conf, rq.argc - words, rq.argv + words,
			   rq.has_file ? &rq.file : NULL, peer, time_now_ns(), out, errors);
	log_command(cmd, &rq, peer, code);
	if (ct->after != NULL)
		ct->after(ct->arg);
out:
	wire_request_release(&rq);
	return code;
}

static char *answer_text(int code, const struct buf *out, const struct buf *errors)
{
	json_t *root = json_pack("{s:i, s:s%, s:s%}", "exit", code, "out", out->n > 0 ? out->p : "",
				 out->n, "err", errors->n > 0 ? errors->p : "", errors->n);
	char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;

	json_decref(root);
	if (text == NULL)
		text = strdup(
			"{\"exit\":1,\"out\":\"\",\"err\":\"vartio-collector: the answer cannot be "
			"written (out of memory, or not UTF-8)\\n\"}");
	return text;
}

static void serve(struct control *ct, int fd)
{
	struct buf in = { 0 }, out = { 0 }, errors = { 0 };
	struct ucred cred = { 0 };
	socklen_t n = sizeof(cred);
	char peer[32], *text = NULL;
	struct err err;
	int code;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return;
	snprintf(peer, sizeof(peer), "uid %u", (unsigned)cred.uid);
	if (wire_receive(fd, CONTROL_MAX, CLIENT_MS, ct->stop_fd, &in, &err) < 0) {
		log_line(LOG_LEVEL_DEBUG, "no command came", "peer", peer, "reason", err.msg, NULL);
		goto out;
	}
	code = run_request(ct, buf_view(&in), peer, &out, &errors);
	text = answer_text(code, &out, &errors);
	if (text == NULL || wire_send(fd, slice_str(text), CLIENT_MS, ct->stop_fd, &err) < 0)
		log_line(LOG_LEVEL_WARN, "a command's answer was not taken", "peer", peer, NULL);
out:
	free(text);
	buf_release(&in);
	buf_release(&out);
	buf_release(&errors);
}

static void *control_main(void *arg)
{
	struct control *ct = arg;
	struct pollfd pfd[2] = { { .fd = ct->listen_fd, .events = POLLIN },
				 { .fd = ct->stop_fd, .events = POLLIN } };

	pthread_setname_np(pthread_self(), "control");
	for (;;) {
		int fd;

		if (poll(pfd, 2, -1) < 0 && errno != EINTR)
			break;
		if (pfd[1].revents != 0)
			break;
		fd = accept4(ct->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			serve(ct, fd);
			close(fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
			poll(&pfd[1], 1,
			     1000); /* not in a circle while there is nothing to be had */
		}
	}
	return NULL;
}

/* The lock is ours here, so a socket that is there belongs to nobody any more. */
static int listen_here(struct control *ct, struct err *err)
{
	struct sockaddr_un at;
	int dir_fd = -1, r = -1;

	if (wire_address(ct->conf->state_dir, &at, &dir_fd, err) < 0)
		return -1;
	ct->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(at.sun_path);
	/* fchmod before bind: on Linux the socket's name is made with this mode, never a wider one.
	 */
	if (ct->listen_fd < 0 || fchmod(ct->listen_fd, 0600) < 0 ||
	    bind(ct->listen_fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(ct->listen_fd, 16) < 0)
		err_set(err, ERR_IO, "cannot make %s/control.sock: %s", ct->conf->state_dir,
			strerror(errno));
	else
		r = 0;
	if (dir_fd >= 0)
		close(dir_fd);
	return r;
}

static void remove_socket(struct control *ct)
{
	struct sockaddr_un at;
	int dir_fd = -1;

	if (wire_address(ct->conf->state_dir, &at, &dir_fd, NULL) < 0)
		return;
	unlink(at.sun_path);
	if (dir_fd >= 0)
		close(dir_fd);
}

int control_start(const struct config *conf, void (*after)(void *arg), void *arg,
		  struct control **ret, struct err *err)
{
	struct control *ct = calloc(1, sizeof(*ct));
	int e;

	if (ct == NULL)
		return err_nomem(err);
	*ct = (struct control){
		.conf = conf, .after = after, .arg = arg, .listen_fd = -1, .stop_fd = -1
	};
	if (lock_fd < 0) {
		if (state_lock(conf->state_dir, LOCK_WAIT_MS, err) < 0)
			goto fail;
		ct->took_lock = true;
	}
	ct->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (ct->stop_fd < 0) {
		err_set(err, ERR_IO, "cannot make an eventfd: %s", strerror(errno));
		goto fail;
	}
	if (listen_here(ct, err) < 0)
		goto fail;
	e = pthread_create(&ct->thread, NULL, control_main, ct);
	if (e != 0) {
		err_set(err, ERR_NOMEM, "cannot start a thread: %s", strerror(e));
		goto fail;
	}
	ct->running = true;
	*ret = ct;
	return 0;
fail:
	control_stop(ct);
	return -1;
}

void control_stop(struct control *ct)
{
	const uint64_t one = 1;

	if (ct == NULL)
		return;
	if (ct->running) {
		if (write(ct->stop_fd, &one, sizeof(one)) < 0)
			abort(); /* an eventfd of ours with room for one: cannot be */
		pthread_join(ct->thread, NULL);
		remove_socket(ct);
	}
	if (ct->listen_fd >= 0)
		close(ct->listen_fd);
	if (ct->stop_fd >= 0)
		close(ct->stop_fd);
	if (ct->took_lock)
		state_unlock();
	free(ct);
}

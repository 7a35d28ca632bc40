/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/control_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ARGS_MAX 1024u

int wire_address(const char *state_dir, struct sockaddr_un *ret, int *ret_dir_fd, struct err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd;

	*ret_dir_fd = -1;
	if (snprintf(at.sun_path, sizeof(at.sun_path), "%s/control.sock", state_dir) <
	    (int)sizeof(at.sun_path)) {
		*ret = at;
		return 0;
	}
	fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno == ENOENT ? ERR_ABSENT : ERR_IO,
			       "cannot open the state folder: %s", strerror(errno));
	snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/control.sock", fd);
	*ret = at;
	*ret_dir_fd = fd;
	return 0;
}

static int wait_for(int fd, short events, uint32_t wait_ms, int stop_fd, struct err *err)
{
	struct pollfd pfd[2] = { { .fd = fd, .events = events },
				 { .fd = stop_fd, .events = POLLIN } };
	int r;

	do
		r = poll(pfd, 2, (int)wait_ms);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_set(err, ERR_IO, "poll: %s", strerror(errno));
	if (r == 0)
		return err_set(err, ERR_PEER, "the other end does not answer");
	if (pfd[1].revents != 0)
		return err_set(err, ERR_PEER, "the collector is stopping");
	return 0;
}

static int send_all(int fd, struct slice s, uint32_t wait_ms, int stop_fd, struct err *err)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			s = slice_from(s, (size_t)n);
			continue;
		}
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_set(err, ERR_PEER, "the other end hung up: %s", strerror(errno));
		if (wait_for(fd, POLLOUT, wait_ms, stop_fd, err) < 0)
			return -1;
	}
	return 0;
}

int wire_send(int fd, struct slice json, uint32_t wait_ms, int stop_fd, struct err *err)
{
	const unsigned char head[4] = { (unsigned char)(json.n >> 24),
					(unsigned char)(json.n >> 16), (unsigned char)(json.n >> 8),
					(unsigned char)json.n };

	if (send_all(fd, (struct slice){ (const char *)head, sizeof(head) }, wait_ms, stop_fd,
		     err) < 0)
		return -1;
	return send_all(fd, json, wait_ms, stop_fd, err);
}

static int receive_n(int fd, size_t n, uint32_t wait_ms, int stop_fd, struct buf *out,
		     struct err *err)
{
	size_t want = out->n + n;

	if (buf_reserve(out, n) < 0)
		return err_nomem(err);
	while (out->n < want) {
		ssize_t k = recv(fd, out->p + out->n, want - out->n, MSG_DONTWAIT);

		if (k > 0) {
			out->n += (size_t)k;
			continue;
		}
		if (k == 0 || (errno != EINTR && errno != EAGAIN))
			return err_set(err, ERR_PEER, "the other end hung up");
		if (wait_for(fd, POLLIN, wait_ms, stop_fd, err) < 0)
			return -1;
	}
	return 0;
}

int wire_receive(int fd, size_t max, uint32_t wait_ms, int stop_fd, struct buf *out,
		 struct err *err)
{
	const unsigned char *head;
	size_t n;

	buf_reset(out);
	if (receive_n(fd, 4, wait_ms, stop_fd, out, err) < 0)
		return -1;
	head = (const unsigned char *)out->p;
	n = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (n > max)
		return err_set(err, ERR_FULL, "a message of %zu bytes, more than %zu", n, max);
	buf_reset(out);
	return receive_n(fd, n, wait_ms, stop_fd, out, err);
}

static int bad(struct err *err)
{
	return err_set(err, ERR_SYNTAX, "not a request of this version's vartio-collector");
}

/* jansson's texts may hold NUL when read with JSON_ALLOW_NUL; without it they cannot. */
int wire_request_read(struct slice json, struct wire_request *ret, struct err *err)
{
	const json_t *list, *file;
	size_t n;

	*ret = (struct wire_request){ 0 };
	ret->root = json_loadb(json.n > 0 ? json.p : "", json.n, JSON_REJECT_DUPLICATES, NULL);
	list = json_object_get(ret->root, "argv");
	n = json_array_size(list);
	if (!json_is_array(list) || n == 0 || n > ARGS_MAX)
		return bad(err);
	ret->argv = calloc(n + 1, sizeof(*ret->argv));
	if (ret->argv == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text == NULL)
			return bad(err);
		ret->argv[i] = (char *)(uintptr_t)text;
	}
	ret->argc = (int)n;
	file = json_object_get(ret->root, "file");
	if (file == NULL)
		return 0;
	ret->has_file = true;
	ret->file.option = json_string_value(json_object_get(file, "option"));
	ret->file.content.p = json_string_value(json_object_get(file, "content"));
	ret->file.content.n = json_string_length(json_object_get(file, "content"));
	return ret->file.option == NULL || ret->file.content.p == NULL ? bad(err) : 0;
}

void wire_request_release(struct wire_request *rq)
{
	free(rq->argv);
	json_decref(rq->root);
	*rq = (struct wire_request){ 0 };
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/syslog_dgram.c: syslog over UDP (RFC 5426) and the unix datagram socket (/dev/log).
 * One datagram is one message. Nobody can be told to wait here, so the lane is lossy: what the
 * kernel drops because we were late is counted (SO_RXQ_OVFL with the next datagram, SO_MEMINFO when
 * none comes), and told with what helps.
 * recvmsg on a uv_poll handle, since libuv gives neither the counter nor unix datagrams. */
#include "agent/inputs/syslog.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/time.h"

#define DGRAM_MAX       65536u
#define DGRAMS_PER_TURN 256u   /* then the loop's other work gets its turn */
#define DGRAMS_AT_CLOSE 65536u /* taken at most, so that a flood cannot hold up the end */
#define WARN_EVERY_NS   (3600 * NS_PER_SEC)

struct dgram {
	struct syslog_bound bound; /* first: syslog_port reads it */
	struct input *in;
	int fd;
	uv_poll_t poll;
	bool polling, unix_socket;
	uint32_t overflow; /* the kernel's count, as last told */
	int64_t warned_ns; /* by the monotonic clock */
	struct sockaddr_storage peer;
	char peer_text[INET6_ADDRSTRLEN];
	struct slice peer_slice;
	void (*closed)(struct input *in);
	char buf[DGRAM_MAX];
};

static void warn_dropped(struct dgram *dg, uint32_t n)
{
	const struct syslog_conf *cf = dg->in->conf;
	int64_t now = time_mono_ns();
	struct err err;

	metric_add(&dg->in->stats.dropped, n);
	if (dg->warned_ns != 0 && now - dg->warned_ns < WARN_EVERY_NS)
		return;
	dg->warned_ns = now;
	err_set(&err, ERR_FULL,
		"the kernel dropped %u messages on %s, since its buffer was full: set the input's "
		"receive_buffer_bytes (now %llu) and `sysctl -w net.core.rmem_max=` to 8388608",
		n, cf->listen, (unsigned long long)cf->receive_buffer_bytes);
	dg->in->sink->warn(dg->in->sink, dg->in, &err);
}

/* n: the kernel's count. A datagram brings that of its arrival, so it may be an older one. */
static void counted(struct dgram *dg, uint32_t n)
{
	int32_t more = (int32_t)(n - dg->overflow); /* wraps as the kernel's does */

	if (more <= 0)
		return;
	dg->overflow = n;
	warn_dropped(dg, (uint32_t)more);
}

/* What was dropped behind the last datagram that came: nothing else tells of it. */
static void dgram_look(struct input *in)
{
	struct dgram *dg = in->data;
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t n = sizeof(info);

	if (getsockopt(dg->fd, SOL_SOCKET, SO_MEMINFO, info, &n) == 0 &&
	    n > SK_MEMINFO_DROPS * sizeof(info[0]))
		counted(dg, info[SK_MEMINFO_DROPS]);
}

static void read_ancillary(struct dgram *dg, struct msghdr *mh)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		uint32_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
			continue;
		memcpy(&n, CMSG_DATA(c), sizeof(n));
		counted(dg, n);
	}
}

static void take(struct dgram *dg, size_t n, bool cut)
{
	const struct syslog_conf *cf = dg->in->conf;
	struct norm_source src =
		input_source(dg->in, dg->unix_socket ? "unix" : "udp", time_now_ns());
	struct slice msg = { dg->buf, n };
	struct err err;

	while (msg.n > 0 && strchr("\r\n", msg.p[msg.n - 1]) != NULL) /* NUL too: strchr finds it */
		msg.n--;
	if (msg.n == 0)
		return;
	if (msg.n > cf->max_message_bytes) {
		msg.n = (size_t)cf->max_message_bytes;
		cut = true;
	}
	src.cut = cut;
	src.local = dg->unix_socket;
	src.peer = dg->peer_slice;
	if (input_record(dg->in, input_format(cf->format), msg, &src, SLICE(""), SLICE(""), &err) <
	    0)
		metric_add(&dg->in->stats.dropped, 1);
}

/* 1: one datagram taken; 0: none waits; -1: the socket failed. */
static int receive(struct dgram *dg)
{
	union {
		struct cmsghdr align;
		char p[CMSG_SPACE(sizeof(uint32_t))];
	} control;
	struct sockaddr_storage from = { 0 };
	struct iovec iov = { dg->buf, sizeof(dg->buf) };
	struct msghdr mh = { .msg_name = &from,
			     .msg_namelen = sizeof(from),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(dg->fd, &mh, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED ? 0 : -1;
	if (!dg->unix_socket && memcmp(&from, &dg->peer, sizeof(from)) != 0) {
		dg->peer = from;
		dg->peer_slice = syslog_peer(&from, dg->peer_text);
	}
	read_ancillary(dg, &mh);
	take(dg, (size_t)n, (mh.msg_flags & MSG_TRUNC) != 0);
	return 1;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct dgram *dg = poll->data;
	struct err err;
	int r = 1;

	for (unsigned i = 0; i < DGRAMS_PER_TURN && r > 0 && dg->polling; i++)
		r = receive(dg);
	if (r >= 0)
		return;
	err_set(&err, ERR_IO, "cannot receive on %s: %s",
		((const struct syslog_conf *)dg->in->conf)->listen, strerror(errno));
	uv_poll_stop(&dg->poll);
	dg->polling = false;
	dg->in->sink->failed(dg->in->sink, dg->in, &err);
}

static void set_options(struct dgram *dg)
{
	const struct syslog_conf *cf = dg->in->conf;
	int one = 1, bytes = (int)cf->receive_buffer_bytes;

	setsockopt(dg->fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof(one));
	if (bytes == 0)
		return;
	/* FORCE needs CAP_NET_ADMIN; without it the kernel caps the size at net.core.rmem_max. */
	if (setsockopt(dg->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(dg->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static int bind_inet(struct dgram *dg, struct err *err)
{
	const struct syslog_conf *cf = dg->in->conf;
	struct sockaddr_storage at;
	socklen_t n;

	if (syslog_address(cf->listen, &at, &n, err) < 0)
		return -1;
	dg->fd = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (dg->fd < 0 || bind(dg->fd, (const struct sockaddr *)&at, n) < 0)
		return syslog_refused(cf->listen, errno, err);
	syslog_bound_to(dg->fd, &dg->bound);
	return 0;
}

static int unix_address(const char *path, struct sockaddr_un *ret, struct err *err)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (path[0] != '/' || strlen(path) >= sizeof(ret->sun_path))
		return err_set(err, ERR_SYNTAX,
			       "path: %s is not a whole path of at most %zu characters", path,
			       sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return 0;
}

static int unix_mode(const char *text, mode_t *ret, struct err *err)
{
	mode_t mode = 0;
	size_t i;

	for (i = 0; text[i] >= '0' && text[i] <= '7' && i < 5; i++)
		mode = mode * 8 + (mode_t)(text[i] - '0');
	if (i == 0 || text[i] != '\0' || mode > 0777)
		return err_set(err, ERR_SYNTAX, "mode: %s is not a file mode such as 0666", text);
	*ret = mode;
	return 0;
}

/* Removes a socket that nobody listens on any more; anything else at that path stays. */
static int clear_stale(const struct sockaddr_un *at, struct err *err)
{
	struct stat st;
	int fd, live;

	if (lstat(at->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ERR_EXISTS, "%s exists and is not a socket; move it away",
			       at->sun_path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, ERR_IO, "cannot make a socket: %s", strerror(errno));
	live = connect(fd, (const struct sockaddr *)at, sizeof(*at));
	close(fd);
	if (live == 0)
		return err_set(err, ERR_BUSY,
			       "another program receives on %s; `ss -lxp` tells which",
			       at->sun_path);
	if (unlink(at->sun_path) < 0)
		return err_set(err, ERR_IO, "cannot remove the old socket %s: %s", at->sun_path,
			       strerror(errno));
	return 0;
}

static int bind_unix(struct dgram *dg, struct err *err)
{
	const struct syslog_conf *cf = dg->in->conf;
	struct sockaddr_un at;
	mode_t mode = 0;

	if (unix_address(cf->listen, &at, err) < 0 || unix_mode(cf->mode, &mode, err) < 0 ||
	    clear_stale(&at, err) < 0)
		return -1;
	dg->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (dg->fd < 0 || bind(dg->fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    chmod(cf->listen, mode) < 0)
		return syslog_refused(cf->listen, errno, err);
	return 0;
}

static int dgram_open(struct input *in, bool unix_socket, struct err *err)
{
	struct dgram *dg = calloc(1, sizeof(*dg));
	int r;

	if (dg == NULL)
		return err_nomem(err);
	dg->in = in; /* no compound literal: it would touch the pages of buf */
	dg->fd = -1;
	dg->unix_socket = unix_socket;
	if ((unix_socket ? bind_unix(dg, err) : bind_inet(dg, err)) < 0)
		goto fail;
	set_options(dg);
	r = uv_poll_init(in->loop, &dg->poll, dg->fd);
	if (r < 0) {
		err_set(err, ERR_IO, "cannot watch a socket: %s", uv_strerror(r));
		goto fail;
	}
	dg->poll.data = dg;
	uv_poll_start(&dg->poll, UV_READABLE, on_readable);
	dg->polling = true;
	in->data = dg;
	return 0;
fail:
	if (dg->fd >= 0)
		close(dg->fd);
	free(dg);
	return -1;
}

static int udp_open(struct input *in, struct err *err)
{
	return dgram_open(in, false, err);
}

static int unix_open(struct input *in, struct err *err)
{
	return dgram_open(in, true, err);
}

/* The lossy lane never says ERR_FULL; should it pause all the same, the kernel's buffer holds. */
static void dgram_pause(struct input *in)
{
	struct dgram *dg = in->data;

	uv_poll_stop(&dg->poll);
	dg->polling = false;
}

static void dgram_resume(struct input *in)
{
	struct dgram *dg = in->data;

	if (dg->polling || uv_is_closing((uv_handle_t *)&dg->poll))
		return;
	uv_poll_start(&dg->poll, UV_READABLE, on_readable);
	dg->polling = true;
}

static void on_closed(uv_handle_t *h)
{
	struct dgram *dg = h->data;
	struct input *in = dg->in;
	void (*closed)(struct input *) = dg->closed;

	close(dg->fd);
	free(dg);
	in->data = NULL;
	closed(in);
}

static void dgram_close(struct input *in, void (*closed)(struct input *in))
{
	struct dgram *dg = in->data;

	dg->closed = closed;
	if (dg->unix_socket)
		unlink(((const struct syslog_conf *)in->conf)->listen);
	/* What has arrived is ours: a stop or a reload loses none of it. */
	for (unsigned i = 0; i < DGRAMS_AT_CLOSE && dg->polling && receive(dg) > 0; i++)
		;
	dg->polling = false;
	dgram_look(in);
	uv_close((uv_handle_t *)&dg->poll, on_closed);
}

static int udp_check(const void *conf, void (*fault)(void *arg, const struct err *err), void *arg)
{
	return syslog_check_bind(conf, SOCK_DGRAM, fault, arg);
}

static int unix_check(const void *conf, void (*fault)(void *arg, const struct err *err), void *arg)
{
	const struct syslog_conf *cf = conf;
	struct sockaddr_un at;
	struct err err;
	char dir[sizeof(at.sun_path)];
	mode_t mode = 0;

	if (unix_address(cf->listen, &at, &err) < 0 || unix_mode(cf->mode, &mode, &err) < 0)
		goto bad;
	memcpy(dir, at.sun_path, sizeof(dir));
	strrchr(dir, '/')[strrchr(dir, '/') == dir] = '\0'; /* the root keeps its slash */
	if (access(dir, W_OK | X_OK) == 0)
		return 0;
	err_set(&err, ERR_DENIED,
		"cannot make a socket in %s (%s): use a path below /run/vartio-agent", dir,
		strerror(errno));
bad:
	fault(arg, &err);
	return -1;
}

#define FIELD(m) offsetof(struct syslog_conf, m)

static const struct conf_item udp_items[] = {
	{ "listen", CONF_STR, FIELD(listen), 0, 0, "0.0.0.0:514", "ADDRESS:PORT to receive on" },
	{ "format", CONF_ENUM, FIELD(format), 0, 0, "auto", "what the messages are",
	  input_formats },
	{ "max_message_bytes", CONF_BYTES, FIELD(max_message_bytes), 256, 65536, "64KiB",
	  "longer messages are cut here" },
	{ "receive_buffer_bytes", CONF_BYTES, FIELD(receive_buffer_bytes), 0, 1 << 30, "4MiB",
	  "what the kernel may hold while the agent is busy; 0: the system's default" },
	{ NULL },
};
static const struct conf_item unix_items[] = {
	{ "path", CONF_STR, FIELD(listen), 0, 0, NULL, "where the socket is made",
	  .required = true },
	{ "mode", CONF_STR, FIELD(mode), 0, 0, "0666", "who may write: the socket's file mode" },
	{ "format", CONF_ENUM, FIELD(format), 0, 0, "auto", "what the messages are",
	  input_formats },
	{ "max_message_bytes", CONF_BYTES, FIELD(max_message_bytes), 256, 65536, "64KiB",
	  "longer messages are cut here" },
	{ "receive_buffer_bytes", CONF_BYTES, FIELD(receive_buffer_bytes), 0, 1 << 30, "0",
	  "what the kernel may hold while the agent is busy; 0: the system's default" },
	{ NULL },
};

const struct input_class input_syslog_udp = {
	.name = "syslog-udp",
	.lane = LANE_LOSSY,
	.conf = udp_items,
	.conf_size = sizeof(struct syslog_conf),
	.check = udp_check,
	.open = udp_open,
	.pause = dgram_pause,
	.resume = dgram_resume,
	.look = dgram_look,
	.close = dgram_close,
};
const struct input_class input_syslog_unix = {
	.name = "syslog-unix",
	.lane = LANE_LOSSY,
	.conf = unix_items,
	.conf_size = sizeof(struct syslog_conf),
	.check = unix_check,
	.open = unix_open,
	.pause = dgram_pause,
	.resume = dgram_resume,
	.look = dgram_look,
	.close = dgram_close,
};

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/syslog_tcp.c: syslog over TCP (RFC 6587), both framings.
 * A sender waits when the spool is full: nothing is read from it, and TCP tells it so. What it had
 * sent before it went away is kept, a message cut by the end too.
 *
 * A connection: READING <-> WAITING (spool full) ; either -> CLOSING, by its end, a length that
 * cannot be, silence past idle_timeout, or the input's close. */
#include "agent/inputs/framing.h"
#include "agent/inputs/syslog.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/time.h"

#define READ_CHUNK     65536u
#define READS_AT_CLOSE 256u /* a sender at most, so that a flood cannot hold up the end */
#define TICK_MIN_MS    1000u
#define WARN_EVERY_NS  (60 * NS_PER_SEC)

struct tcp;
struct conn {
	struct tcp *tcp;
	struct conn *prev, *next;
	uv_tcp_t h;
	struct framing framing;
	struct buf held;  /* bytes read and not yet taken */
	bool ended;       /* the sender is done; held is all there will be */
	uint64_t last_ms; /* loop time of the last bytes */
	char peer[INET6_ADDRSTRLEN];
};
struct tcp {
	struct syslog_bound bound; /* first: syslog_port reads it */
	struct input *in;
	uv_tcp_t listener;
	uv_timer_t tick;
	struct conn *conns;
	unsigned n_conns, open_handles;
	bool paused, closing;
	int64_t warned_ns;
	void (*closed)(struct input *in);
	char chunk[READ_CHUNK]; /* libuv reads and calls back at once, so one serves all */
};

static const struct syslog_conf *conf_of(const struct tcp *t)
{
	return t->in->conf;
}

static void warn(struct tcp *t, const struct err *err)
{
	int64_t now = time_mono_ns();

	if (t->warned_ns != 0 && now - t->warned_ns < WARN_EVERY_NS) {
		metric_add(&t->in->stats.errors, 1); /* a hostile sender must not fill the log */
		return;
	}
	t->warned_ns = now;
	t->in->sink->warn(t->in->sink, t->in, err);
}

static void handle_gone(struct tcp *t)
{
	struct input *in = t->in;
	void (*closed)(struct input *) = t->closed;

	if (--t->open_handles > 0)
		return;
	free(t);
	if (closed == NULL) /* an open that failed: in may have been opened again by now */
		return;
	in->data = NULL;
	closed(in);
}

static void on_handle_closed(uv_handle_t *h)
{
	handle_gone(h->data);
}

static void on_conn_closed(uv_handle_t *h)
{
	struct conn *c = h->data;
	struct tcp *t = c->tcp;

	buf_release(&c->held);
	free(c);
	handle_gone(t);
}

static void conn_close(struct conn *c)
{
	struct tcp *t = c->tcp;

	if (uv_is_closing((uv_handle_t *)&c->h))
		return;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		t->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	t->n_conns--;
	if (t->n_conns == 0 && !t->closing)
		uv_timer_stop(&t->tick);
	uv_close((uv_handle_t *)&c->h, on_conn_closed);
}

static int give(struct conn *c, const struct frame *fr)
{
	struct tcp *t = c->tcp;
	struct norm_source src = input_source(t->in, "tcp", time_now_ns());
	struct err err;

	src.peer = slice_str(c->peer);
	src.cut = fr->cut;
	if (input_record(t->in, input_format(conf_of(t)->format), fr->msg, &src, SLICE(""),
			 SLICE(""), &err) == 0)
		return 0;
	t->paused = true;
	if (err.code != ERR_FULL)
		t->in->sink->failed(t->in->sink, t->in, &err);
	return -1;
}

/* Takes what whole messages are held. A message that was not taken stays the first. */
static void drain(struct conn *c)
{
	struct tcp *t = c->tcp;
	size_t at = 0;
	ssize_t n = 1;

	while (!t->paused && n > 0) {
		struct framing before = c->framing;
		struct frame fr = { 0 };

		n = framing_next(&c->framing, slice_from(buf_view(&c->held), at), c->ended, &fr);
		if (n > 0 && fr.have && give(c, &fr) < 0) {
			c->framing = before;
			break;
		}
		at += n > 0 ? (size_t)n : 0;
	}
	buf_eat(&c->held, at);
	if (n < 0) {
		struct err err;

		err_set(&err, ERR_PEER,
			"%s sent a message length above %zu bytes; the connection was closed",
			c->peer, FRAMING_LEN_MAX);
		warn(t, &err);
		conn_close(c);
	} else if (c->ended && !t->paused) {
		conn_close(c);
	} else if (c->held.n == 0) {
		buf_release(&c->held); /* an idle connection holds no buffer */
	}
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
	struct tcp *t = ((struct conn *)h->data)->tcp;

	*ret = uv_buf_init(t->chunk, sizeof(t->chunk));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *chunk)
{
	struct conn *c = s->data;

	if (n == 0)
		return;
	c->last_ms = uv_now(s->loop);
	if (n > 0) {
		buf_put(&c->held, chunk->base, (size_t)n);
	} else {
		uv_read_stop(s);
		c->ended = true;
	}
	if (c->held.failed) {
		struct err err;

		err_nomem(&err);
		warn(c->tcp, &err);
		conn_close(c);
		return;
	}
	drain(c);
	if (c->tcp->paused && !uv_is_closing((uv_handle_t *)s))
		uv_read_stop(s);
}

static void on_tick(uv_timer_t *timer)
{
	struct tcp *t = timer->data;
	uint64_t now = uv_now(t->in->loop);

	for (struct conn *c = t->conns, *next; c != NULL; c = next) {
		next = c->next;
		if (!t->paused && now - c->last_ms >= (uint64_t)conf_of(t)->idle_timeout) {
			c->ended = true;
			uv_read_stop((uv_stream_t *)&c->h);
			drain(c);
		}
	}
}

static void start_tick(struct tcp *t)
{
	uint64_t idle = (uint64_t)conf_of(t)->idle_timeout;
	uint64_t every = idle / 4 > TICK_MIN_MS ? idle / 4 : TICK_MIN_MS;

	if (idle > 0)
		uv_timer_start(&t->tick, on_tick, every, every);
}

static void refuse(struct tcp *t, const struct conn *c)
{
	struct err err;

	err_set(&err, ERR_FULL,
		"%s was turned away: %u senders are connected, the input's max_connections",
		c->peer, t->n_conns);
	warn(t, &err);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct tcp *t = listener->data;
	struct conn *c = status == 0 && !t->closing ? calloc(1, sizeof(*c)) : NULL;
	struct sockaddr_storage from = { 0 };
	int n = sizeof(from);

	if (c == NULL) {
		struct err err;

		if (status < 0)
			err_set(&err, ERR_IO, "cannot accept a sender: %s", uv_strerror(status));
		else
			err_nomem(&err);
		if (status < 0)
			warn(t, &err);
		else if (!t->closing) /* libuv waits for uv_accept, so only a new start helps */
			t->in->sink->failed(t->in->sink, t->in, &err);
		return;
	}
	c->tcp = t;
	c->framing.max = (size_t)conf_of(t)->max_message_bytes;
	c->last_ms = uv_now(t->in->loop);
	uv_tcp_init(t->in->loop, &c->h);
	c->h.data = c;
	t->open_handles++;
	if (uv_accept(listener, (uv_stream_t *)&c->h) == 0 &&
	    uv_tcp_getpeername(&c->h, (struct sockaddr *)&from, &n) == 0)
		syslog_peer(&from, c->peer);
	if (c->peer[0] == '\0' || t->n_conns >= (unsigned)conf_of(t)->max_connections) {
		if (c->peer[0] != '\0')
			refuse(t, c);
		uv_close((uv_handle_t *)&c->h, on_conn_closed); /* never joined the list */
		return;
	}
	c->next = t->conns;
	if (t->conns != NULL)
		t->conns->prev = c;
	t->conns = c;
	if (t->n_conns++ == 0)
		start_tick(t);
	uv_tcp_keepalive(&c->h, 1, 60);
	if (!t->paused)
		uv_read_start((uv_stream_t *)&c->h, on_alloc, on_read);
}

/* What has arrived is ours: a stop or a reload loses no whole message of it. (What comes later is
 * in no buffer of ours, and its sender is told only that the connection ended.) */
static void take_rest(struct conn *c)
{
	struct tcp *t = c->tcp;
	uv_os_fd_t fd;

	if (c->ended || uv_fileno((uv_handle_t *)&c->h, &fd) < 0)
		return;
	for (unsigned i = 0; i < READS_AT_CLOSE && !t->paused; i++) {
		ssize_t n = recv(fd, t->chunk, sizeof(t->chunk), MSG_DONTWAIT);

		if (n <= 0)
			return;
		buf_put(&c->held, t->chunk, (size_t)n);
		if (c->held.failed)
			return;
		drain(c);
		if (uv_is_closing((uv_handle_t *)&c->h))
			return;
	}
}

static void tcp_close(struct input *in, void (*closed)(struct input *in))
{
	struct tcp *t = in->data;

	t->closing = true;
	t->closed = closed;
	for (struct conn *c = t->conns, *next; c != NULL; c = next) {
		next = c->next;
		take_rest(c);
	}
	while (t->conns != NULL)
		conn_close(t->conns);
	uv_close((uv_handle_t *)&t->tick, on_handle_closed);
	uv_close((uv_handle_t *)&t->listener, on_handle_closed);
}

static int tcp_open(struct input *in, struct err *err)
{
	const struct syslog_conf *cf = in->conf;
	struct sockaddr_storage at;
	struct tcp *t = NULL;
	socklen_t n;
	uv_os_fd_t fd;
	int r;

	if (syslog_address(cf->listen, &at, &n, err) < 0)
		return -1;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return err_nomem(err);
	t->in = in;
	uv_tcp_init(in->loop, &t->listener);
	uv_timer_init(in->loop, &t->tick);
	t->listener.data = t->tick.data = t;
	t->open_handles = 2;
	r = uv_tcp_bind(&t->listener, (const struct sockaddr *)&at, 0);
	if (r == 0)
		r = uv_listen((uv_stream_t *)&t->listener, 128, on_connection);
	if (r < 0) {
		syslog_refused(cf->listen, -r, err);
		in->data = t;
		tcp_close(in, NULL); /* the handles go on a later turn, and t with them */
		in->data = NULL;
		return -1;
	}
	if (uv_fileno((uv_handle_t *)&t->listener, &fd) == 0)
		syslog_bound_to(fd, &t->bound);
	in->data = t;
	return 0;
}

static void tcp_pause(struct input *in)
{
	struct tcp *t = in->data;

	t->paused = true;
	for (struct conn *c = t->conns; c != NULL; c = c->next)
		uv_read_stop((uv_stream_t *)&c->h);
}

static void tcp_resume(struct input *in)
{
	struct tcp *t = in->data;

	if (t->closing)
		return;
	t->paused = false;
	for (struct conn *c = t->conns, *next; c != NULL && !t->paused; c = next) {
		next = c->next;
		drain(c);
	}
	for (struct conn *c = t->conns; c != NULL && !t->paused; c = c->next) {
		c->last_ms = uv_now(in->loop); /* the silence was ours */
		if (!c->ended)
			uv_read_start((uv_stream_t *)&c->h, on_alloc, on_read);
	}
}

static int tcp_check(const void *conf, void (*fault)(void *arg, const struct err *err), void *arg)
{
	return syslog_check_bind(conf, SOCK_STREAM, fault, arg);
}

#define FIELD(m) offsetof(struct syslog_conf, m)

static const struct conf_item tcp_items[] = {
	{ "listen", CONF_STR, FIELD(listen), 0, 0, "0.0.0.0:514", "ADDRESS:PORT to listen on" },
	{ "format", CONF_ENUM, FIELD(format), 0, 0, "auto", "what the messages are",
	  input_formats },
	{ "max_message_bytes", CONF_BYTES, FIELD(max_message_bytes), 256, 1 << 20, "64KiB",
	  "longer messages are cut here" },
	{ "max_connections", CONF_INT, FIELD(max_connections), 1, 10000, "200",
	  "further senders are turned away" },
	{ "idle_timeout", CONF_DURATION, FIELD(idle_timeout), 0, 604800000, "24h",
	  "a sender silent for longer is hung up on; 0s: never" },
	{ NULL },
};

const struct input_class input_syslog_tcp = {
	.name = "syslog-tcp",
	.lane = LANE_KEEP,
	.conf = tcp_items,
	.conf_size = sizeof(struct syslog_conf),
	.check = tcp_check,
	.open = tcp_open,
	.pause = tcp_pause,
	.resume = tcp_resume,
	.close = tcp_close,
};

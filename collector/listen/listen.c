/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/listen.c: the threads, their listeners, and what is asked of them from outside.
 */
#include "collector/listen/impl.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"

#define BACKLOG         4096 /* a region's agents at once; the kernel may allow less */
#define MAX_CONNECTIONS 10000u
#define MAX_HANDSHAKES  256u
#define ACCEPTS_A_TURN  8u /* a handshake costs a millisecond, and others wait meanwhile */
#define ROOM_MS         10u
#define MAX_EACH        16u
#define FRAME_MS        60000u
#define GRACE_MS        1000u
#define MAX_WINDOWS     24u
#define MAX_HELD_BYTES  (UINT64_C(64) << 20)
#define STALL_MS        5000u
#define IDLE_MS         900000u
#define RETRY_MS        500u

static void on_room(uv_timer_t *t);

/* The loop's next turn: those that are connected already have had theirs. */
static void on_pace(uv_idle_t *idle)
{
	struct listen_thread *th = idle->data;

	uv_idle_stop(idle);
	th->accepts = 0;
	if (!th->pending_accept)
		return;
	if (th->handshaking >= th->ls->opts.max_handshakes) {
		uv_timer_start(&th->room, on_room, 0, ROOM_MS);
		return;
	}
	th->pending_accept = false;
	conn_accept(th);
}

static void on_turn(uv_check_t *check)
{
	struct listen_thread *th = check->data;

	if (!th->pending_accept)
		th->accepts = 0;
}

/* Strangers that dawdle within a handshake must not keep agents out. */
static void on_room(uv_timer_t *t)
{
	struct listen_thread *th = t->data;

	if (th->pending_accept && th->handshaking >= th->ls->opts.max_handshakes)
		waiting_make_room(th);
	else
		uv_timer_stop(t);
}

static void on_connection(uv_stream_t *st, int status)
{
	struct listen_thread *th = st->data;

	if (status < 0) {
		struct err err;

		err_set(&err, ERR_IO, "%s", uv_strerror(status));
		log_err(LOG_LEVEL_WARN, "accepting a sender", &err);
		return;
	}
	/* libuv asks the kernel for no further connection until this one is accepted. */
	if (!th->stopping && th->handshaking < th->ls->opts.max_handshakes &&
	    th->accepts < ACCEPTS_A_TURN) {
		conn_accept(th);
		return;
	}
	th->pending_accept = true;
	if (th->stopping)
		return;
	if (th->handshaking >= th->ls->opts.max_handshakes)
		uv_timer_start(&th->room, on_room, 0, ROOM_MS);
	else
		uv_idle_start(&th->pace, on_pace);
}

/* --- the threads --- */

static void begin_stop(struct listen_thread *th)
{
	th->stopping = true;
	uv_close((uv_handle_t *)&th->listener, NULL);
	uv_close((uv_handle_t *)&th->retry, NULL);
	uv_close((uv_handle_t *)&th->tidy, NULL);
	uv_close((uv_handle_t *)&th->look, NULL);
	uv_close((uv_handle_t *)&th->room, NULL);
	uv_close((uv_handle_t *)&th->pace, NULL);
	uv_close((uv_handle_t *)&th->turn, NULL);
	for (struct conn *cn = th->conns; cn != NULL; cn = cn->next)
		if (cn->tls != NULL)
			tls_close(cn->tls, NULL);
	intake_drop(th, NULL);
}

static void on_wake(uv_async_t *as)
{
	struct listen_thread *th = as->data;
	bool revoke, stop;

	pthread_mutex_lock(&th->lock);
	revoke = th->revoke;
	stop = th->stop;
	th->revoke = false;
	pthread_mutex_unlock(&th->lock);
	intake_done(th);
	if (stop && !th->stopping)
		begin_stop(th);
	else if (revoke)
		conn_revoke(th);
}

static void *thread_main(void *arg)
{
	struct listen_thread *th = arg;

	pthread_setname_np(pthread_self(), "listen");
	while (!th->stopping || th->puts > 0 || th->conns != NULL) {
		uv_run(&th->loop, UV_RUN_ONCE);
		if (th->stopping)
			intake_drop(th, NULL);
	}
	uv_close((uv_handle_t *)&th->wake, NULL);
	uv_run(&th->loop, UV_RUN_DEFAULT);
	return NULL;
}

/* --- starting --- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int parse_address(const struct listen_opts *o, union address *ret, socklen_t *ret_len,
			 struct err *err)
{
	if (uv_ip4_addr(o->addr, o->port, &ret->v4) == 0)
		*ret_len = sizeof(ret->v4);
	else if (uv_ip6_addr(o->addr, o->port, &ret->v6) == 0)
		*ret_len = sizeof(ret->v6);
	else
		return err_set(err, ERR_USAGE,
			       "agents.listen \"%s\": expected an address, for example 0.0.0.0",
			       o->addr);
	return 0;
}

static int bind_error(struct err *err, const struct listen_opts *o)
{
	return err_set(err, errno == EADDRINUSE ? ERR_BUSY : ERR_IO,
		       "cannot listen on %s port %u: %s%s", o->addr, o->port, strerror(errno),
		       errno == EADDRINUSE ? " (does another collector run?)" : "");
}

/* A bound socket. With several threads each has its own, and the kernel spreads connections. */
static int bind_one(const struct listen_opts *o, union address *addr, socklen_t len, bool shared,
		    struct err *err)
{
	int fd = socket(addr->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0)
		return bind_error(err, o);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (shared)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, &addr->any, len) < 0) {
		bind_error(err, o);
		close(fd);
		return -1;
	}
	/* The port that the kernel chose is the other threads' too. */
	getsockname(fd, &addr->any, &len);
	return fd;
}

static int bind_all(struct listen *ls, int *fds, struct err *err)
{
	const struct listen_opts *o = &ls->opts;
	union address addr;
	socklen_t len = 0;
	int fd;

	if (parse_address(o, &addr, &len, err) < 0)
		return -1;
	if (ls->n_threads > 1) {
		/* A shared port would also be shared with a second collector: ask once without. */
		fd = bind_one(o, &addr, len, false, err);
		if (fd < 0)
			return -1;
		close(fd);
	}
	for (unsigned i = 0; i < ls->n_threads; i++) {
		fds[i] = bind_one(o, &addr, len, ls->n_threads > 1, err);
		if (fds[i] < 0)
			return -1;
	}
	ls->port = ntohs(addr.any.sa_family == AF_INET6 ? addr.v6.sin6_port : addr.v4.sin_port);
	return 0;
}

static int thread_init(struct listen *ls, struct listen_thread *th, int fd, struct err *err)
{
	int n;

	th->ls = ls;
	th->done_end = &th->done;
	pthread_mutex_init(&th->lock, NULL);
	n = uv_loop_init(&th->loop);
	if (n < 0) {
		close(fd);
		pthread_mutex_destroy(&th->lock);
		th->ls = NULL;
		return err_set(err, ERR_IO, "cannot start the listener: %s", uv_strerror(n));
	}
	uv_tcp_init(&th->loop, &th->listener);
	uv_timer_init(&th->loop, &th->retry);
	uv_timer_init(&th->loop, &th->tidy);
	uv_timer_init(&th->loop, &th->look);
	uv_timer_init(&th->loop, &th->room);
	uv_idle_init(&th->loop, &th->pace);
	uv_check_init(&th->loop, &th->turn);
	uv_check_start(&th->turn, on_turn);
	th->room.data = th->pace.data = th->turn.data = th;
	uv_async_init(&th->loop, &th->wake, on_wake);
	th->listener.data = th->retry.data = th->tidy.data = th->look.data = th->wake.data = th;
	n = uv_tcp_open(&th->listener, fd);
	if (n < 0)
		close(fd);
	else
		n = uv_listen((uv_stream_t *)&th->listener, BACKLOG, on_connection);
	if (n == 0)
		n = -pthread_create(&th->id, NULL, thread_main, th);
	if (n == 0) {
		ls->n_started++;
		return 0;
	}
	uv_close((uv_handle_t *)&th->listener, NULL);
	uv_close((uv_handle_t *)&th->retry, NULL);
	uv_close((uv_handle_t *)&th->tidy, NULL);
	uv_close((uv_handle_t *)&th->look, NULL);
	uv_close((uv_handle_t *)&th->room, NULL);
	uv_close((uv_handle_t *)&th->pace, NULL);
	uv_close((uv_handle_t *)&th->turn, NULL);
	uv_close((uv_handle_t *)&th->wake, NULL);
	uv_run(&th->loop, UV_RUN_DEFAULT);
	uv_loop_close(&th->loop);
	pthread_mutex_destroy(&th->lock);
	return err_set(err, n == UV_EADDRINUSE ? ERR_BUSY : ERR_IO,
		       "cannot listen on %s port %u: %s", ls->opts.addr, ls->port, uv_strerror(n));
}

static void defaults(struct listen_opts *o)
{
	if (o->max_connections == 0)
		o->max_connections = MAX_CONNECTIONS;
	if (o->max_handshakes == 0)
		o->max_handshakes = MAX_HANDSHAKES;
	if (o->max_windows == 0)
		o->max_windows = MAX_WINDOWS;
	if (o->max_windows > WINDOWS_MAX)
		o->max_windows = WINDOWS_MAX;
	if (o->max_held_bytes == 0)
		o->max_held_bytes = MAX_HELD_BYTES;
	if (o->max_each == 0)
		o->max_each = MAX_EACH;
	if (o->frame_ms == 0)
		o->frame_ms = FRAME_MS;
	if (o->grace_ms == 0)
		o->grace_ms = GRACE_MS;
	if (o->stall_ms == 0)
		o->stall_ms = STALL_MS;
	if (o->idle_ms == 0)
		o->idle_ms = IDLE_MS;
	if (o->retry_ms == 0)
		o->retry_ms = RETRY_MS;
}

int listen_start(const struct listen_opts *opts, struct listen **ret, struct err *err)
{
	struct listen *ls = calloc(1, sizeof(*ls));
	int *fds = NULL, r = -1;
	unsigned i = 0;

	if (ls == NULL)
		return err_nomem(err);
	ls->opts = *opts;
	defaults(&ls->opts);
	ls->n_threads = opts->threads > 0 ? opts->threads : 1;
	ls->creds = tls_creds_ref(opts->creds);
	pthread_mutex_init(&ls->lock, NULL);
	ls->threads = calloc(ls->n_threads, sizeof(*ls->threads));
	fds = malloc(ls->n_threads * sizeof(*fds));
	if (ls->threads == NULL || fds == NULL) {
		err_nomem(err);
		goto out;
	}
	for (unsigned k = 0; k < ls->n_threads; k++)
		fds[k] = -1;
	if (bind_all(ls, fds, err) < 0)
		goto out;
	for (i = 0; i < ls->n_threads; i++) {
		int fd = fds[i];

		fds[i] = -1; /* thread_init's from here */
		if (thread_init(ls, &ls->threads[i], fd, err) < 0)
			goto out;
	}
	ls->opts.addr = NULL; /* was borrowed */
	*ret = ls;
	ls = NULL;
	r = 0;
out:
	for (unsigned k = 0; fds != NULL && r < 0 && ls->threads != NULL && k < ls->n_threads; k++)
		if (fds[k] >= 0)
			close(fds[k]);
	free(fds);
	listen_stop(ls);
	return r;
}

/* --- from outside --- */

uint16_t listen_port(const struct listen *ls)
{
	return ls->port;
}

void listen_revoke_check(struct listen *ls)
{
	for (unsigned i = 0; i < ls->n_started; i++) {
		struct listen_thread *th = &ls->threads[i];

		pthread_mutex_lock(&th->lock);
		th->revoke = true;
		uv_async_send(&th->wake);
		pthread_mutex_unlock(&th->lock);
	}
}

void listen_creds(struct listen *ls, struct tls_creds *creds)
{
	struct tls_creds *old;

	tls_creds_ref(creds);
	pthread_mutex_lock(&ls->lock);
	old = ls->creds;
	ls->creds = creds;
	pthread_mutex_unlock(&ls->lock);
	tls_creds_unref(old);
}

const struct listen_stats *listen_stats(const struct listen *ls)
{
	return &ls->stats;
}

void listen_metrics(const struct listen *ls, struct buf *out)
{
	const struct listen_stats *st = &ls->stats;
	const struct {
		const char *name, *help;
		const metric *value;
	} rows[] = {
		{ "vartio_listen_accepted", "Senders let in.", &st->accepted },
		{ "vartio_listen_refused", "Connections closed because too many are open.",
		  &st->refused },
		{ "vartio_listen_windows", "Windows taken.", &st->windows },
		{ "vartio_listen_events", "Events in windows taken.", &st->events },
		{ "vartio_listen_bytes", "Compressed bytes of blocks taken.", &st->bytes },
		{ "vartio_listen_acks", "Windows acknowledged.", &st->acks },
		{ "vartio_listen_blocks_repeated", "Blocks that were held already.",
		  &st->repeated },
		{ "vartio_listen_put_retries", "Blocks that the queue would not take, each time.",
		  &st->retries },
		{ "vartio_listen_rejected", "Connections closed for what they sent.",
		  &st->rejected },
		{ "vartio_listen_pool_full", "Times that reading was held back for want of memory.",
		  &st->pool_full },
		{ "vartio_listen_share_full", "Times that a sender held its share of that memory.",
		  &st->share_full },
		{ "vartio_listen_too_slow",
		  "Connections closed because what they had begun came too slowly.",
		  &st->too_slow },
		{ "vartio_listen_replaced",
		  "Connections closed for a newer one of the same certificate.", &st->replaced },
		{ "vartio_listen_made_room",
		  "Handshakes under way that were ended because others waited.", &st->made_room },
		{ "vartio_listen_revoked", "Connections closed because their right ended.",
		  &st->revoked },
		{ "vartio_listen_two_places",
		  "Times that one certificate sent from two addresses at once.", &st->two_places },
	};
	char name[64];

	metrics_family(out, "vartio_listen_held_bytes", "gauge",
		       "Bytes of frames and windows that are not whole yet.");
	metrics_u64(out, "vartio_listen_held_bytes", metric_get(&st->held_bytes), NULL);

	metrics_family(out, "vartio_listen_handshakes", "gauge", "Handshakes under way.");
	metrics_u64(out, "vartio_listen_handshakes", metric_get(&st->handshakes), NULL);

	metrics_family(out, "vartio_listen_connections", "gauge", "Senders connected now.");
	metrics_u64(out, "vartio_listen_connections", metric_get(&st->connections), NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		metrics_family(out, rows[i].name, "counter", rows[i].help);
		stpcpy(stpcpy(name, rows[i].name), "_total");
		metrics_u64(out, name, metric_get(rows[i].value), NULL);
	}
	metrics_family(out, "vartio_listen_blocks", "counter", "Blocks taken, by kind of sender.");
	metrics_u64(out, "vartio_listen_blocks_total", metric_get(&st->blocks_own), "kind", "own",
		    NULL);
	metrics_u64(out, "vartio_listen_blocks_total", metric_get(&st->blocks_foreign), "kind",
		    "foreign", NULL);
	metrics_family(out, "vartio_listen_handshakes_failed", "counter",
		       "Connections not let in, by reason.");
	for (enum tls_failure f = TLS_FAIL_TIMEOUT; f < TLS_FAILURES; f++)
		metrics_u64(out, "vartio_listen_handshakes_failed_total",
			    metric_get(&st->handshake_failed[f]), "reason", tls_failure_name(f),
			    NULL);
}

void listen_stop(struct listen *ls)
{
	if (ls == NULL)
		return;
	for (unsigned i = 0; i < ls->n_started; i++) {
		struct listen_thread *th = &ls->threads[i];

		pthread_mutex_lock(&th->lock);
		th->stop = true;
		uv_async_send(&th->wake);
		pthread_mutex_unlock(&th->lock);
	}
	for (unsigned i = 0; i < ls->n_started; i++) {
		struct listen_thread *th = &ls->threads[i];

		pthread_join(th->id, NULL);
		uv_loop_close(&th->loop);
		pthread_mutex_destroy(&th->lock);
		foreign_free(th->foreign);
		shares_free(th);
		buf_release(&th->scratch);
	}
	senders_free(ls);
	certs_free(ls);
	tls_creds_unref(ls->creds);
	pthread_mutex_destroy(&ls->lock);
	free(ls->threads);
	free(ls);
}

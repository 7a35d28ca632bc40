/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/collector/listen_kit.h: a door whose queue is a list, and senders that speak to it. */
#ifndef VARTIO_TEST_LISTEN_KIT_H
#define VARTIO_TEST_LISTEN_KIT_H

#include "tests/cmocka.h"

#include <signal.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collector/listen/listen.h"
#include "collector/listen/window.h"
#include "common/base/hash.h"
#include "common/base/time.h"
#include "common/net/lumberjack.h"
#include "tests/helpers/pki.h"

#define GUARD_MS 20000
#define PUTS_MAX 64
#define ACKS_MAX 64

/* --- the queue's double --- */

struct queue {
	pthread_mutex_t lock;
	struct {
		struct queue_block blk;
		struct buf frame;
		void (*done)(void *arg, enum queue_result res, const struct err *err);
		void *arg;
		bool answered;
	} puts[PUTS_MAX];
	unsigned n, refused;
	bool full;    /* queue_put says ERR_FULL */
	bool at_once; /* stored before queue_put returns */
};
static struct queue queue;

static int put(struct queue *q, const struct queue_block *blk,
	       void (*done)(void *arg, enum queue_result res, const struct err *err), void *arg,
	       struct err *err)
{
	int r = 0;

	pthread_mutex_lock(&q->lock);
	if (q->full || q->n == PUTS_MAX) {
		q->refused++;
		r = err_set(err, ERR_FULL, "the test's queue is full");
	} else {
		q->puts[q->n].blk = *blk;
		buf_slice(&q->puts[q->n].frame, blk->frame);
		q->puts[q->n].done = done;
		q->puts[q->n].arg = arg;
		q->puts[q->n].answered = q->at_once;
		q->n++;
		if (q->at_once)
			done(arg, QUEUE_STORED, NULL);
	}
	pthread_mutex_unlock(&q->lock);
	return r;
}

static unsigned n_puts(void)
{
	unsigned n;

	pthread_mutex_lock(&queue.lock);
	n = queue.n;
	pthread_mutex_unlock(&queue.lock);
	return n;
}

static unsigned n_refused(void)
{
	unsigned n;

	pthread_mutex_lock(&queue.lock);
	n = queue.refused;
	pthread_mutex_unlock(&queue.lock);
	return n;
}

static void set_full(bool full)
{
	pthread_mutex_lock(&queue.lock);
	queue.full = full;
	pthread_mutex_unlock(&queue.lock);
}

static void answer(unsigned i, enum queue_result res)
{
	struct err err = { .code = ERR_IO, .msg = "the test says so" };

	assert_true(i < n_puts() && !queue.puts[i].answered);
	queue.puts[i].answered = true;
	queue.puts[i].done(queue.puts[i].arg, res, res >= QUEUE_FULL ? &err : NULL);
}

/* --- the registry's double --- */

static _Atomic bool revoked;
static _Atomic unsigned n_seen;

static int admit(void *arg, const char *serial, const char *tenant, const char *agent,
		 struct err *err)
{
	if (strcmp(tenant, "mallila") != 0)
		return err_set(err, ERR_DENIED, "serial %.8s belongs to another tenant", serial);
	if (revoked)
		return err_set(err, ERR_DENIED, "agent %s is revoked", agent);
	return 0;
}

static void seen(void *arg, const char *tenant, const char *agent, const char *addr, int64_t now_ns)
{
	if (strcmp(tenant, "mallila") == 0 && strncmp(addr, "127.0.0.1:", 10) == 0)
		n_seen++;
}

/* --- what is told --- */

static _Atomic unsigned n_told;
static char told[256];

static void tell(void *arg, enum notice_kind kind, const char *tenant, const char *agent,
		 const char *text)
{
	snprintf(told, sizeof(told), "%d %s %s %s", (int)kind, tenant, agent, text);
	n_told++;
}

/* --- the sender --- */

/* Which of the loopback addresses senders come from. libuv calls this connect. */
static const char *source_addr;

int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t n)
{
	struct sockaddr_in from = { .sin_family = AF_INET };

	if (source_addr != NULL) {
		inet_pton(AF_INET, source_addr, &from.sin_addr);
		if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
			return -1;
	}
	return (int)syscall(SYS_connect, fd, addr.__sockaddr__, n);
}

struct sender {
	struct tls_conn *cn;
	bool open, closed;
	struct err err;
	uint32_t acks[ACKS_MAX];
	unsigned n_acks;
};

static struct pki *pki;

/* A sender's certificate under that name; who: "mallila:agent-1". */
static void pki_sender(const char *name, const char *who)
{
	char uri[96];

	snprintf(uri, sizeof(uri), "urn:vartio:%s", who);
	pki_issue(pki, name, &(struct pki_spec){ .uri = uri, .use = "client" });
}

/* So many more, each with a name of its own. */
static void pki_senders(const char *stem, unsigned n)
{
	char name[24], who[48];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s-%u", stem, i);
		snprintf(who, sizeof(who), "mallila:%s", name);
		pki_sender(name, who);
	}
}

/* The authority, the collector's certificate and one agent's. */
static void pki_begin(void)
{
	signal(SIGPIPE, SIG_IGN); /* as the daemons do: connections are closed while we write */
	pki = pki_new("Vartio test authority");
	pki_issue(pki, "siem", &(struct pki_spec){ .ip = "127.0.0.1", .use = "server" });
	pki_sender("agent", "mallila:agent-1");
}

static int group_teardown(void **state)
{
	pki_free(pki);
	return 0;
}
static uv_loop_t loop;
static struct listen *listener;
static struct tls_creds *creds[2]; /* collector, agent */
static struct sender sender;

static void on_open(struct tls_conn *cn)
{
	((struct sender *)tls_arg(cn))->open = true;
}

static ssize_t on_data(struct tls_conn *cn, struct slice in)
{
	struct sender *sd = tls_arg(cn);
	struct lj_frame f;
	struct err err;
	size_t used = 0;
	ssize_t n;

	while (used < in.n && (n = lj_next(slice_from(in, used), 0, &f, &err)) > 0) {
		assert_int_equal(f.kind, LJ_ACK);
		assert_true(sd->n_acks < ACKS_MAX);
		sd->acks[sd->n_acks++] = f.number;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

static void on_closed(struct tls_conn *cn, const struct err *err)
{
	struct sender *sd = tls_arg(cn);

	sd->closed = true;
	sd->cn = NULL;
	if (err != NULL)
		sd->err = *err;
}

static const struct tls_handler handler = { NULL, on_open, on_data, NULL, on_closed };

#define UNTIL(cond)                                                                                \
	do {                                                                                       \
		int64_t until_ = time_mono_ns() + GUARD_MS * NS_PER_MS;                            \
		while (!(cond) && time_mono_ns() < until_)                                         \
			if (uv_run(&loop, UV_RUN_NOWAIT) >= 0)                                     \
				usleep(500);                                                       \
		assert_true(cond);                                                                 \
	} while (0)

/* Time for what must not happen to happen. */
static void turn(void)
{
	int64_t until = time_mono_ns() + 80 * NS_PER_MS;

	while (time_mono_ns() < until) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
}

static void join(struct sender *sd, struct tls_creds *cr)
{
	const struct tls_opts o = {
		.loop = &loop, .creds = cr, .handler = &handler, .arg = sd, .server_name = "siem"
	};
	struct sockaddr_in addr;
	struct err err;

	memset(sd, 0, sizeof(*sd));
	uv_ip4_addr("127.0.0.1", listen_port(listener), &addr);
	assert_int_equal(tls_connect(&o, (struct sockaddr *)&addr, &sd->cn, &err), 0);
	UNTIL(sd->open || sd->closed);
}

static void send_bytes(struct sender *sd, struct buf *bytes)
{
	struct err err;

	assert_int_equal(tls_write(sd->cn, buf_view(bytes), &err), 0);
	buf_release(bytes);
}

/* An agent's window: `n` events as block `number` of an epoch. */
static void own_window(struct buf *out, uint64_t number, uint32_t n)
{
	const struct batch_meta m = {
		.epoch = 0xfeedface, .block = number, .first_seq = number * 100, .floor = 1
	};
	struct buf frames = { 0 }, json = { 0 };
	struct err err;

	for (uint32_t i = 1; i <= n; i++) {
		char text[64];

		buf_reset(&json);
		snprintf(text, sizeof(text), "{\"message\":\"block %u event %u\"}",
			 (unsigned)number, i);
		if (i == 1)
			assert_int_equal(batch_meta_put(&json, &m, slice_str(text), &err), 0);
		else
			buf_str(&json, text);
		lj_put_json(&frames, i, buf_view(&json));
	}
	lj_put_window(out, n);
	assert_int_equal(lj_compress(out, buf_view(&frames), 6, &err), 0);
	buf_release(&frames);
	buf_release(&json);
}

static void send_own(struct sender *sd, uint64_t number, uint32_t n)
{
	struct buf out = { 0 };

	own_window(&out, number, n);
	send_bytes(sd, &out);
}

/* --- the frame of the tests --- */

static int start(struct listen_opts o)
{
	struct err err;

	o.addr = "127.0.0.1";
	o.creds = creds[0];
	o.queue = &queue;
	o.put = put;
	o.admit = admit;
	o.seen = seen;
	o.notice.tell = tell;
	if (o.retry_ms == 0)
		o.retry_ms = 10;
	if (listen_start(&o, &listener, &err) < 0)
		fail_msg("%s", err.msg);
	return 0;
}

static int setup(void **state)
{
	memset(&queue, 0, sizeof(queue));
	pthread_mutex_init(&queue.lock, NULL);
	memset(&sender, 0, sizeof(sender));
	revoked = false;
	n_seen = n_told = 0;
	source_addr = NULL;
	uv_loop_init(&loop);
	creds[0] = pki_creds(pki, "siem", pki);
	creds[1] = pki_creds(pki, "agent", pki);
	return 0;
}

static int teardown(void **state)
{
	if (sender.cn != NULL)
		tls_close(sender.cn, NULL);
	/* Blocks that were never answered would hold the listener for ever, as they should. */
	for (unsigned i = 0; i < n_puts(); i++)
		if (!queue.puts[i].answered)
			answer(i, QUEUE_STORED);
	listen_stop(listener);
	listener = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	for (unsigned i = 0; i < PUTS_MAX; i++)
		buf_release(&queue.puts[i].frame);
	tls_creds_unref(creds[0]);
	tls_creds_unref(creds[1]);
	pthread_mutex_destroy(&queue.lock);
	return 0;
}

#endif

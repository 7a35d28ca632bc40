/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/peers/volley.c: senders that cost nothing while they are measured: what they send is made
 * before. Each certificate is a connection of its own.
 * Usage: volley own FILE ROUNDS HOST:PORT CA [CERT KEY]...
 *            FILE: blocks as an agent made them, each u32 (little-endian) length and the payload of
 *            its C frame. They are dealt out to the connections, ROUNDS times, with an epoch of
 *            each connection's own, and compressed anew, as the agent does.
 *        volley foreign FILE ROUNDS HOST:PORT CA [CERT KEY]...
 *            FILE: lines of JSON. Windows of 2,048, each one C frame.
 * Prints "ready EVENTS WINDOWS BYTES" when all is made and connected, sends when a line comes on
 * standard input, and ends with "acknowledged EVENTS" when the collector has answered for all. */
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/net/batch.h"
#include "common/net/identity.h"
#include "common/net/lumberjack.h"
#include "common/net/tls.h"
#include "common/store/le.h"

#define OWN_LEVEL      1 /* the agent's default */
#define FOREIGN_LEVEL  3 /* Beats' */
#define PLAIN_MAX      (8u << 20)
#define FILE_MAX_BYTES (UINT64_C(1) << 30)
#define OWN_FLIGHT     24u /* as the agent */
#define FOREIGN_FLIGHT 2u  /* as Beats */
#define FOREIGN_WINDOW 2048u
#define GIVE_UP_MS     240000

struct window {
	struct buf bytes; /* W and C, as they go */
	uint32_t events;
};
struct sender {
	struct tls_creds *creds;
	struct tls_conn *cn;
	struct window *windows;
	size_t n, cap, sent, acked;
	uint64_t epoch, events;
};

static uv_loop_t loop;
static uv_timer_t limit;
static struct sender *senders;
static size_t n_senders, opened, ended;
static bool own;
static unsigned flight_max;
static uint64_t events_acked;
static char host[256];

static void fail(const char *what)
{
	fprintf(stderr, "volley: %s\n", what);
	exit(1);
}

/* --- what is sent --- */

static struct window *add_window(struct sender *sd)
{
	if (sd->n == sd->cap) {
		sd->cap = sd->cap > 0 ? 2 * sd->cap : 64;
		sd->windows = realloc(sd->windows, sd->cap * sizeof(*sd->windows));
		if (sd->windows == NULL)
			fail("no memory");
	}
	sd->windows[sd->n] = (struct window){ 0 };
	return &sd->windows[sd->n++];
}

static void close_window(struct sender *sd, uint32_t events, struct slice frames)
{
	struct window *w = add_window(sd);
	struct err err;

	w->events = events;
	lj_put_window(&w->bytes, events);
	if (lj_compress(&w->bytes, frames, own ? OWN_LEVEL : FOREIGN_LEVEL, &err) < 0)
		fail(err.msg);
	buf_fit(&w->bytes);
	sd->events += events;
}

/* The block as this sender's next one. */
static void add_own(struct sender *sd, struct slice payload)
{
	struct batch_meta m, mine = { sd->epoch, sd->n + 1, sd->events + 1, sd->n + 1 };
	struct buf plain = { 0 }, first = { 0 }, frames = { 0 };
	struct slice in, rest, event;
	struct lj_frame f;
	struct err err;
	uint32_t events = 0;
	ssize_t n;

	if (lj_inflate(payload, PLAIN_MAX, &plain, &err) < 0)
		fail(err.msg);
	in = buf_view(&plain);
	n = lj_next(in, PLAIN_MAX, &f, &err);
	if (n <= 0 ||
	    batch_meta_take((char *)(uintptr_t)f.payload.p, f.payload.n, &m, &event, &err) <= 0)
		fail("a block that is not an agent's");
	if (batch_meta_put(&first, &mine, event, &err) < 0)
		fail(err.msg);
	lj_put_json(&frames, 1, buf_view(&first));
	rest = slice_from(in, (size_t)n);
	buf_slice(&frames, rest);
	for (events = 1; rest.n > 0; events++, rest = slice_from(rest, (size_t)n)) {
		n = lj_next(rest, PLAIN_MAX, &f, &err);
		if (n <= 0)
			fail("a block of torn events");
	}
	close_window(sd, events, buf_view(&frames));
	buf_release(&plain);
	buf_release(&first);
	buf_release(&frames);
}

static void make_own(struct slice file)
{
	size_t at = 0;

	for (; file.n >= 4; at++) {
		size_t n = le32_get((const uint8_t *)file.p);

		file = slice_from(file, 4);
		if (n > file.n)
			fail("the file ends within a block");
		add_own(&senders[at % n_senders], (struct slice){ file.p, n });
		file = slice_from(file, n);
	}
}

static void make_foreign(struct slice file)
{
	struct buf frames = { 0 };
	uint32_t events = 0;
	size_t windows = 0;

	while (file.n > 0) {
		ssize_t end = slice_chr(file, '\n');
		struct slice line = { file.p, end < 0 ? file.n : (size_t)end };

		lj_put_json(&frames, ++events, line);
		file = slice_from(file, line.n + 1);
		if (events < FOREIGN_WINDOW && file.n > 0)
			continue;
		close_window(&senders[windows++ % n_senders], events, buf_view(&frames));
		buf_reset(&frames);
		events = 0;
	}
	buf_release(&frames);
}

static void make(const char *path, unsigned rounds)
{
	struct buf file = { 0 };
	struct err err;

	if (file_read(path, FILE_MAX_BYTES, &file, &err) < 0)
		fail(err.msg);
	for (unsigned r = 0; r < rounds; r++) {
		if (own)
			make_own(buf_view(&file));
		else
			make_foreign(buf_view(&file));
	}
	buf_release(&file);
}

/* --- the connections --- */

static void pump(struct sender *sd)
{
	struct err err;

	while (sd->sent < sd->n && sd->sent - sd->acked < flight_max && tls_pending(sd->cn) == 0)
		if (tls_write(sd->cn, buf_view(&sd->windows[sd->sent++].bytes), &err) < 0)
			fail(err.msg);
}

static int on_verify(struct tls_conn *cn, gnutls_x509_crt_t peer, struct err *err)
{
	return identity_collector(peer, host, err);
}

/* All are connected: what follows is what is measured. */
static void begin(void)
{
	uint64_t events = 0, windows = 0, bytes = 0;
	char line[16];

	for (size_t i = 0; i < n_senders; i++) {
		events += senders[i].events;
		windows += senders[i].n;
		for (size_t k = 0; k < senders[i].n; k++)
			bytes += senders[i].windows[k].bytes.n;
	}
	printf("ready %llu %llu %llu\n", (unsigned long long)events, (unsigned long long)windows,
	       (unsigned long long)bytes);
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL)
		fail("nobody said go");
	for (size_t i = 0; i < n_senders; i++)
		pump(&senders[i]);
}

static void on_open(struct tls_conn *cn)
{
	if (++opened == n_senders)
		begin();
}

static void answered(struct sender *sd, uint32_t number)
{
	if (number == 0)
		return; /* a keep-alive */
	if (sd->acked == sd->sent || number > sd->windows[sd->acked].events)
		fail("the collector answered for what was not sent");
	if (number < sd->windows[sd->acked].events)
		return;
	events_acked += number;
	if (++sd->acked == sd->n)
		tls_close(sd->cn, NULL);
	else
		pump(sd);
}

static ssize_t on_data(struct tls_conn *cn, struct slice in)
{
	size_t used = 0;
	struct lj_frame f;
	struct err err;
	ssize_t n;

	while ((n = lj_next(slice_from(in, used), 0, &f, &err)) > 0) {
		answered(tls_arg(cn), f.number);
		used += (size_t)n;
	}
	return n < 0 ? -1 : (ssize_t)used;
}

static void on_drained(struct tls_conn *cn)
{
	pump(tls_arg(cn));
}

static void on_closed(struct tls_conn *cn, const struct err *err)
{
	struct sender *sd = tls_arg(cn);

	if (sd->acked < sd->n)
		fail(err != NULL ? err->msg : "the collector closed the connection");
	if (++ended == n_senders)
		uv_close((uv_handle_t *)&limit, NULL);
}

static void on_limit(uv_timer_t *t)
{
	fail("not all was acknowledged in time");
}

static void connect_all(char *address)
{
	static const struct tls_handler handler = { on_verify, on_open, on_data, on_drained,
						    on_closed };
	char *colon = strrchr(address, ':');
	struct sockaddr_in to;
	struct err err;

	if (colon == NULL)
		fail("expected HOST:PORT");
	*colon = '\0';
	snprintf(host, sizeof(host), "%s", address);
	if (uv_ip4_addr(address, atoi(colon + 1), &to) != 0)
		fail("expected an IPv4 address");
	for (size_t i = 0; i < n_senders; i++) {
		const struct tls_opts o = { .loop = &loop,
					    .creds = senders[i].creds,
					    .handler = &handler,
					    .arg = &senders[i],
					    .server_name = host };

		if (tls_connect(&o, (const struct sockaddr *)&to, &senders[i].cn, &err) < 0)
			fail(err.msg);
	}
}

int main(int argc, char **argv)
{
	struct err err;

	own = argc > 1 && strcmp(argv[1], "own") == 0;
	if (argc < 8 || argc % 2 != 0 || (!own && strcmp(argv[1], "foreign") != 0)) {
		fprintf(stderr, "usage: volley own|foreign FILE ROUNDS HOST:PORT CA "
				"[CERT KEY]...\n");
		return 2;
	}
	uv_loop_init(&loop);
	n_senders = (size_t)(argc - 6) / 2;
	flight_max = own ? OWN_FLIGHT : FOREIGN_FLIGHT;
	senders = calloc(n_senders, sizeof(*senders));
	if (senders == NULL)
		fail("no memory");
	for (size_t i = 0; i < n_senders; i++) {
		gnutls_rnd(GNUTLS_RND_NONCE, &senders[i].epoch, sizeof(senders[i].epoch));
		if (tls_creds_load(argv[5], argv[6 + 2 * i], argv[7 + 2 * i], &senders[i].creds,
				   &err) < 0)
			fail(err.msg);
	}
	make(argv[2], (unsigned)atoi(argv[3]));
	for (size_t i = 0; i < n_senders; i++)
		if (senders[i].n == 0)
			fail("less windows than connections");
	uv_timer_init(&loop, &limit);
	uv_timer_start(&limit, on_limit, GIVE_UP_MS, 0);
	connect_all(argv[4]);
	uv_run(&loop, UV_RUN_DEFAULT);
	printf("acknowledged %llu\n", (unsigned long long)events_acked);
	for (size_t i = 0; i < n_senders; i++) {
		for (size_t k = 0; k < senders[i].n; k++)
			buf_release(&senders[i].windows[k].bytes);
		free(senders[i].windows);
		tls_creds_unref(senders[i].creds);
	}
	free(senders);
	uv_loop_close(&loop);
	return 0;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/peers/swarm.c: many agents' spool and ship in one process, each with its own certificate.
 * Usage: swarm AGENTS CERTS-FOLDER CA SPOOLS-FOLDER HOST:PORT
 * Each agent says one event when it starts, as a real one sends its status. Commands on standard
 * input, one a line; each is answered by one line of JSON when it is done:
 *   up     all are connected and have nothing left to send
 *   lost   all have lost their connection: say it before the collector is ended
 *   back   all are connected again. Meanwhile those that are write an event every 250 ms in turn,
 *          and it is told how long each took to be acknowledged.
 *   say    each agent says another event, and all are acknowledged
 * Ends at the end of standard input. Times are milliseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/ship/ship.h"

#define LOOK_MS  10u
#define PROBE_MS 250u
#define EVENT                                                                                      \
	"{\"@timestamp\":\"2026-11-27T08:00:00.000Z\",\"event\":{\"kind\":\"metric\","             \
	"\"dataset\":\"vartio.agent\"},\"message\":\"agent status\"}"

struct member {
	struct spool *spool;
	struct ship *ship;
	uint64_t connects; /* as last looked at */
	uint64_t lost_ms;  /* when the connection was missed; 0: not since `lost` */
	uint64_t back_ms;  /* when it was there again */
};
enum command { NOTHING, UP, LOST, BACK, SAY };

static uv_loop_t loop;
static uv_timer_t look;
static uv_pipe_t input;
static struct member *members;
static unsigned n_members;
static enum command command;
static uint64_t asked_ms, failures_before;
static bool watching; /* since `lost` */
static struct {
	struct member *by; /* who said the event under way; NULL: none is */
	unsigned next;
	uint64_t at_ms;
	struct buf took; /* what is told */
} probe;

static void fail(const char *what)
{
	fprintf(stderr, "swarm: %s\n", what);
	exit(1);
}

static void on_ready(void *arg)
{
	struct member *m = arg;

	if (m->ship != NULL)
		ship_ready(m->ship);
}

static void on_spool_failed(void *arg, const struct err *err)
{
	fail(err->msg);
}

static bool empty(const struct member *m)
{
	return metric_get(&spool_stats(m->spool)->blocks) == 0 && spool_unsynced(m->spool) == 0;
}

static bool is_open(const struct member *m)
{
	return metric_get(&ship_stats(m->ship)->connected) == 1;
}

static void say(struct member *m)
{
	struct err err;

	if (spool_add(m->spool, LANE_KEEP, SLICE(EVENT), SLICE("swarm"), SLICE("1"), &err) < 0)
		fail(err.msg);
}

static void open_member(struct member *m, unsigned n, char **argv)
{
	struct buf dir = { 0 }, cert = { 0 }, key = { 0 };
	struct spool_opts so = { .max_bytes = 1 << 20,
				 .block_bytes = 256 << 10,
				 .block_events = 2048,
				 .close_ms = 200,
				 .level = 3,
				 .ready = on_ready,
				 .failed = on_spool_failed,
				 .arg = m };
	struct ship_opts o = { .loop = &loop,
			       .addresses = (const char *const *)&argv[5],
			       .n_addresses = 1,
			       .in_flight = 24 };
	struct err err;

	buf_printf(&dir, "%s/%u", argv[4], n);
	buf_printf(&cert, "%s/%u.crt", argv[2], n);
	buf_printf(&key, "%s/%u.key", argv[2], n);
	so.dir = buf_cstr(&dir);
	if (spool_open(&loop, &so, &m->spool, &err) < 0 ||
	    tls_creds_load(argv[3], buf_cstr(&cert), buf_cstr(&key), &o.creds, &err) < 0)
		fail(err.msg);
	o.spool = m->spool;
	if (ship_open(&o, &m->ship, &err) < 0)
		fail(err.msg);
	tls_creds_unref(o.creds);
	buf_release(&dir);
	buf_release(&cert);
	buf_release(&key);
	say(m);
}

/* --- what is told --- */

static uint64_t failures(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < n_members; i++)
		n += metric_get(&ship_stats(members[i].ship)->failures);
	return n;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* How long each was away, and when each was back after the first was lost. */
static void tell_back(void)
{
	uint64_t *away = calloc(n_members, sizeof(*away)), *at = calloc(n_members, sizeof(*at));
	uint64_t first = UINT64_MAX;

	if (away == NULL || at == NULL)
		fail("no memory");
	for (unsigned i = 0; i < n_members; i++)
		if (members[i].lost_ms < first)
			first = members[i].lost_ms;
	for (unsigned i = 0; i < n_members; i++) {
		away[i] = members[i].back_ms - members[i].lost_ms;
		at[i] = members[i].back_ms - first;
	}
	qsort(away, n_members, sizeof(*away), by_value);
	qsort(at, n_members, sizeof(*at), by_value);
	printf("{\"agents\":%u,\"failures\":%llu,\"latency_ms\":[%s],\"back_ms\":[", n_members,
	       (unsigned long long)(failures() - failures_before), buf_cstr(&probe.took));
	for (unsigned i = 0; i < n_members; i++)
		printf("%s%llu", i > 0 ? "," : "", (unsigned long long)at[i]);
	printf("],\"away_ms\":[");
	for (unsigned i = 0; i < n_members; i++)
		printf("%s%llu", i > 0 ? "," : "", (unsigned long long)away[i]);
	printf("]}\n");
	free(away);
	free(at);
}

/* --- looking --- */

static bool all(bool (*is)(const struct member *m))
{
	for (unsigned i = 0; i < n_members; i++)
		if (!is(&members[i]))
			return false;
	return true;
}

static bool is_settled(const struct member *m)
{
	return is_open(m) && empty(m);
}
static bool is_lost(const struct member *m)
{
	return m->lost_ms > 0;
}
static bool is_back(const struct member *m)
{
	return m->back_ms > 0 && is_open(m);
}

static void look_at(struct member *m, uint64_t now)
{
	uint64_t connects = metric_get(&ship_stats(m->ship)->connects);

	if (watching && m->lost_ms == 0 && !is_open(m)) {
		m->lost_ms = now;
		m->connects = connects;
	}
	if (m->lost_ms > 0 &&
	    connects > m->connects) { /* a later one, too: it was refused before */
		m->back_ms = now;
		m->connects = connects;
	}
}

static void look_at_probe(uint64_t now)
{
	if (probe.by != NULL && empty(probe.by)) {
		buf_printf(&probe.took, "%s%llu", probe.took.n > 0 ? "," : "",
			   (unsigned long long)(now - probe.at_ms));
		probe.by = NULL;
	}
	if (probe.by != NULL || !watching || now - probe.at_ms < PROBE_MS || all(is_back))
		return;
	for (unsigned i = 0; i < n_members && probe.by == NULL; i++) {
		struct member *m = &members[probe.next++ % n_members];

		if (is_back(m) && empty(m))
			probe.by = m;
	}
	if (probe.by != NULL) {
		probe.at_ms = now;
		say(probe.by);
	}
}

static void on_look(uv_timer_t *t)
{
	static bool (*const done[])(const struct member *m) = {
		[UP] = is_settled, [LOST] = is_lost, [BACK] = is_back, [SAY] = is_settled
	};
	uint64_t now = uv_now(&loop);

	for (unsigned i = 0; i < n_members; i++)
		look_at(&members[i], now);
	look_at_probe(now);
	if (command == NOTHING || !all(done[command]) || (command == BACK && probe.by != NULL))
		return;
	if (command == BACK) {
		tell_back();
		watching = false;
	} else {
		printf("{\"agents\":%u,\"ms\":%llu}\n", n_members,
		       (unsigned long long)(now - asked_ms));
	}
	fflush(stdout);
	command = NOTHING;
}

/* --- commands --- */

static void begin(char word)
{
	asked_ms = uv_now(&loop);
	command = word == 'u' ? UP : word == 'l' ? LOST : word == 'b' ? BACK : SAY;
	if (command == LOST) {
		watching = true;
		failures_before = failures();
		buf_reset(&probe.took);
		for (unsigned i = 0; i < n_members; i++)
			members[i].lost_ms = members[i].back_ms = 0;
	}
	if (command == SAY)
		for (unsigned i = 0; i < n_members; i++)
			say(&members[i]);
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *ret)
{
	static char room[64];

	*ret = uv_buf_init(room, sizeof(room));
}

/* A command is a few bytes in one write; the next comes only when it has been answered. */
static void on_command(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	if (n < 0)
		_exit(0); /* what is held is a test's: nothing is worth an orderly end */
	if (n > 0)
		begin(b->base[0]);
}

int main(int argc, char **argv)
{
	struct rlimit files;

	if (argc != 6) {
		fprintf(stderr, "usage: swarm AGENTS CERTS-FOLDER CA SPOOLS-FOLDER HOST:PORT\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	n_members = (unsigned)atoi(argv[1]);
	members = calloc(n_members, sizeof(*members));
	if (n_members == 0 || members == NULL)
		fail("no agents");
	uv_loop_init(&loop);
	for (unsigned i = 0; i < n_members; i++)
		open_member(&members[i], i, argv);
	uv_pipe_init(&loop, &input, 0);
	uv_pipe_open(&input, 0);
	uv_read_start((uv_stream_t *)&input, on_alloc, on_command);
	uv_timer_init(&loop, &look);
	uv_timer_start(&look, on_look, LOOK_MS, LOOK_MS);
	return uv_run(&loop, UV_RUN_DEFAULT);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/peers/ship_peer.c: the agent's spool and ship, without its inputs: standard input's lines
 * are events. Ends when the receiver has acknowledged all of them.
 * Usage: ship_peer SPOOL-DIR CA CERT KEY HOST:PORT... */
#include <stdio.h>
#include <stdlib.h>

#include "agent/ship/ship.h"

#define LINE_MAX_BYTES (1u << 20)
#define GIVE_UP_MS     60000

static uv_loop_t loop;
static uv_timer_t look, limit;
static struct spool *spool;
static struct ship *ship;
static uint64_t blocks_sent, events_sent;
static int result = 1;

static void on_ready(void *arg)
{
	if (ship != NULL)
		ship_ready(ship);
}

static void on_failed(void *arg, const struct err *err)
{
	fprintf(stderr, "ship_peer: %s\n", err->msg);
	exit(1);
}

static void on_state(void *arg, const char *address, const struct err *err)
{
	fprintf(stderr, "ship_peer: %s: %s\n", address, err != NULL ? err->msg : "connected");
}

static void on_ship_closed(void *arg)
{
	ship = NULL;
}

static void end(void)
{
	const struct ship_stats *st = ship_stats(ship);

	blocks_sent = metric_get(&st->blocks);
	events_sent = metric_get(&st->events);
	uv_close((uv_handle_t *)&look, NULL);
	uv_close((uv_handle_t *)&limit, NULL);
	ship_close(ship, on_ship_closed, NULL);
}

static void on_look(uv_timer_t *t)
{
	if (metric_get(&spool_stats(spool)->blocks) > 0)
		return;
	result = 0;
	end();
}

static void on_limit(uv_timer_t *t)
{
	fprintf(stderr, "ship_peer: not all was acknowledged in time: %s\n", ship_problem(ship));
	end();
}

static uint64_t read_events(struct err *err)
{
	static char line[LINE_MAX_BYTES];
	uint64_t n = 0;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		struct slice event = slice_trim(slice_str(line));

		while (event.n > 0 &&
		       spool_add(spool, LANE_KEEP, event, SLICE("stdin"), SLICE("done"), err) < 0) {
			if (err->code != ERR_FULL) {
				fprintf(stderr, "ship_peer: %s\n", err->msg);
				exit(1);
			}
			uv_run(&loop, UV_RUN_ONCE); /* until the spool has written */
		}
		n++;
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	return n;
}

int main(int argc, char **argv)
{
	struct spool_opts so = { .max_bytes = UINT64_C(1) << 30,
				 .block_bytes = 256 << 10,
				 .block_events = 2048,
				 .close_ms = 100,
				 .level = 3,
				 .ready = on_ready,
				 .failed = on_failed };
	struct ship_opts o = { .loop = &loop, .state = on_state, .retry_ms = 50 };
	struct err err;
	uint64_t n;

	if (argc < 6) {
		fprintf(stderr, "usage: ship_peer SPOOL-DIR CA CERT KEY HOST:PORT...\n");
		return 2;
	}
	uv_loop_init(&loop);
	so.dir = argv[1];
	if (spool_open(&loop, &so, &spool, &err) < 0 ||
	    tls_creds_load(argv[2], argv[3], argv[4], &o.creds, &err) < 0) {
		fprintf(stderr, "ship_peer: %s\n", err.msg);
		return 1;
	}
	o.spool = spool;
	o.addresses = (const char *const *)&argv[5];
	o.n_addresses = (size_t)argc - 5;
	if (ship_open(&o, &ship, &err) < 0) {
		fprintf(stderr, "ship_peer: %s\n", err.msg);
		return 1;
	}
	n = read_events(&err);
	spool_flush(spool);
	uv_timer_init(&loop, &look);
	uv_timer_start(&look, on_look, 200, 20);
	uv_timer_init(&loop, &limit);
	uv_timer_start(&limit, on_limit, GIVE_UP_MS, 0);
	while (ship != NULL)
		uv_run(&loop, UV_RUN_ONCE);
	spool_close(spool);
	tls_creds_unref(o.creds);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	printf("read %llu acknowledged %llu blocks %llu\n", (unsigned long long)n,
	       (unsigned long long)events_sent, (unsigned long long)blocks_sent);
	return result;
}

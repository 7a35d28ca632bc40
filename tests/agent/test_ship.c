/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/agent/test_ship.c: what the agent sends, and what it takes for an acknowledgement.
 * The spool here is a double of three functions: a row of blocks and a note of which were dropped.
 * The receiver is a real TLS end on the same loop, which reads windows as any receiver would. */
#include "tests/cmocka.h"

#include <netinet/in.h>
#include <stdio.h>

#include "agent/ship/ship.h"
#include "common/base/hash.h"
#include "common/base/time.h"
#include "common/net/identity.h"
#include "common/net/lumberjack.h"
#include "tests/helpers/pki.h"

#define GUARD_MS   20000
#define BLOCKS_MAX 64

/* --- the spool's double --- */

struct spool {
	struct {
		struct buf frame;
		uint32_t events;
		bool acked;
	} b[BLOCKS_MAX];
	unsigned n, next, rewinds;
	unsigned fail_at, fails; /* so often block fail_at cannot be read; 0: none */
};
static struct spool spool;

int spool_next(struct spool *sp, struct spool_block *ret, struct err *err)
{
	while (sp->next < sp->n && sp->b[sp->next].acked)
		sp->next++;
	if (sp->next == sp->n)
		return 0;
	if (sp->next + 1 == sp->fail_at && sp->fails > 0) {
		sp->fails--;
		return err_set(err, ERR_IO, "cannot read a file of the spool");
	}
	*ret = (struct spool_block){ .epoch = 7,
				     .number = sp->next + 1,
				     .events = sp->b[sp->next].events,
				     .frame = buf_view(&sp->b[sp->next].frame) };
	sp->next++;
	return 1;
}

int spool_ack(struct spool *sp, uint64_t epoch, uint64_t number, struct err *err)
{
	assert_int_equal(epoch, 7);
	assert_in_range(number, 1, sp->n);
	sp->b[number - 1].acked = true;
	return 0;
}

void spool_rewind(struct spool *sp)
{
	sp->rewinds++;
	sp->next = 0;
}

static unsigned n_acked(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < spool.n; i++)
		n += spool.b[i].acked;
	return n;
}

/* A block of `events` events; `pad` random bytes in each, so that it does not compress. */
static void add_block(uint32_t events, size_t pad)
{
	struct buf frames = { 0 }, json = { 0 };
	uint8_t noise[64];
	struct err err;

	for (uint32_t i = 1; i <= events; i++) {
		buf_reset(&json);
		buf_printf(&json, "{\"block\":%u,\"event\":%u,\"pad\":\"", spool.n + 1, i);
		for (size_t k = 0; k < pad; k += sizeof(noise)) {
			random_bytes(noise, sizeof(noise));
			hex_put(&json, noise, sizeof(noise));
		}
		buf_str(&json, "\"}");
		lj_put_json(&frames, i, buf_view(&json));
	}
	assert_int_equal(lj_compress(&spool.b[spool.n].frame, buf_view(&frames), 1, &err), 0);
	spool.b[spool.n++].events = events;
	buf_release(&frames);
	buf_release(&json);
}

/* --- the receiver --- */

enum manner {
	ACK_ALL,    /* as it should be */
	ACK_PARTLY, /* a keep-alive and all but the last event; the rest when asked */
	ACK_NEVER,
	ACK_TOO_MUCH,
	ACK_JUNK,   /* answers with something else */
	CUT_AT_TWO, /* takes two windows, then leaves without a word */
};
static struct receiver {
	enum manner manner;
	struct tls_conn *cn;
	uint32_t announced;
	unsigned windows, connections, ended;
	struct buf frames[4 * BLOCKS_MAX]; /* each window's `C` frame as it came */
	uint32_t sizes[4 * BLOCKS_MAX];
	unsigned acked; /* windows acknowledged on this connection */
	unsigned first; /* window with which this connection began */
} rx;

static struct pki *pki;
static uv_loop_t loop;
static uv_tcp_t listener;
static uv_timer_t guard;
static struct sockaddr_in addr;
static struct tls_creds *server_creds, *agent_creds;
static struct ship *ship;
static bool guard_fired, ship_gone;
static char last_state[600], here[64], dead[64];
static unsigned ups, downs;

static void rx_ack(uint32_t number)
{
	struct buf out = { 0 };
	struct err err;

	lj_put_ack(&out, number);
	assert_int_equal(tls_write(rx.cn, buf_view(&out), &err), 0);
	buf_release(&out);
}

static void rx_window(void)
{
	uint32_t n = rx.announced;

	rx.sizes[rx.windows++] = n;
	rx.announced = 0;
	switch (rx.manner) {
	case ACK_ALL:
		rx_ack(n);
		break;
	case ACK_PARTLY:
		rx_ack(0);
		if (n > 1)
			rx_ack(n - 1);
		break;
	case ACK_TOO_MUCH:
		rx_ack(n + 1);
		break;
	case ACK_JUNK:
		tls_write(rx.cn, SLICE("2W\0\0\0\1"), NULL);
		break;
	case CUT_AT_TWO:
		if (rx.windows == 2)
			tls_close(rx.cn, NULL);
		break;
	case ACK_NEVER:
		break;
	}
}

static ssize_t rx_data(struct tls_conn *cn, struct slice in)
{
	struct buf plain = { 0 };
	size_t used = 0;
	struct lj_frame f;
	struct err err;
	ssize_t n;

	while (used < in.n && (n = lj_next(slice_from(in, used), 1u << 20, &f, &err)) != 0) {
		assert_true(n > 0);
		if (f.kind == LJ_WINDOW) {
			assert_int_equal(rx.announced, 0);
			rx.announced = f.number;
		} else {
			assert_int_equal(f.kind, LJ_COMPRESSED);
			assert_true(rx.announced > 0);
			assert_int_equal(lj_inflate(f.payload, 1u << 22, &plain, &err), 0);
			buf_put(&rx.frames[rx.windows], in.p + used, (size_t)n);
			rx_window();
		}
		used += (size_t)n;
	}
	buf_release(&plain);
	return (ssize_t)used;
}

static int rx_verify(struct tls_conn *cn, gnutls_x509_crt_t crt, struct err *err)
{
	struct identity id;

	return identity_agent(crt, &id, err);
}

static void rx_open(struct tls_conn *cn)
{
	rx.connections++;
	rx.cn = cn;
	rx.announced = 0;
	rx.first = rx.windows;
	rx.acked = 0;
}

static void rx_closed(struct tls_conn *cn, const struct err *err)
{
	rx.ended++;
	if (rx.cn == cn)
		rx.cn = NULL;
}

static const struct tls_handler rx_handler = { rx_verify, rx_open, rx_data, NULL, rx_closed };

static void on_connection(uv_stream_t *st, int status)
{
	const struct tls_opts o = {
		.loop = &loop, .creds = server_creds, .handler = &rx_handler, .arg = &rx
	};
	struct tls_conn *cn;
	struct err err;

	assert_int_equal(tls_accept(&o, st, &cn, &err), 0);
}

/* --- the frame of the tests --- */

static void on_guard(uv_timer_t *t)
{
	print_message("# guard: %s, %u connections, %u windows\n", last_state, rx.connections,
		      rx.windows);
	guard_fired = true;
}

static void on_state(void *arg, const char *address, const struct err *err)
{
	if (err == NULL)
		ups++;
	else
		downs++;
	snprintf(last_state, sizeof(last_state), "%s: %s", address, err != NULL ? err->msg : "up");
}

static int setup(void **state)
{
	struct sockaddr_in unused;
	int len = sizeof(addr);
	static uv_tcp_t t;

	memset(&spool, 0, sizeof(spool));
	memset(&rx, 0, sizeof(rx));
	guard_fired = ship_gone = false;
	ups = downs = 0;
	last_state[0] = '\0';
	uv_loop_init(&loop);
	uv_ip4_addr("127.0.0.1", 0, &addr);
	uv_tcp_init(&loop, &t); /* a port that is taken, but where nobody listens */
	uv_tcp_bind(&t, (struct sockaddr *)&addr, 0);
	uv_tcp_getsockname(&t, (struct sockaddr *)&unused, &len);
	t.data = &t;
	uv_tcp_init(&loop, &listener);
	listener.data = &t;
	assert_int_equal(uv_tcp_bind(&listener, (struct sockaddr *)&addr, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&listener, 8, on_connection), 0);
	uv_tcp_getsockname(&listener, (struct sockaddr *)&addr, &len);
	snprintf(here, sizeof(here), "127.0.0.1:%u", ntohs(addr.sin_port));
	snprintf(dead, sizeof(dead), "127.0.0.1:%u", ntohs(unused.sin_port));
	uv_timer_init(&loop, &guard);
	uv_timer_start(&guard, on_guard, GUARD_MS, 0);
	server_creds = pki_creds(pki, "siem", pki);
	agent_creds = pki_creds(pki, "agent", pki);
	return 0;
}

static void on_ship_closed(void *arg)
{
	ship_gone = true;
}

static int teardown(void **state)
{
	if (ship != NULL)
		ship_close(ship, on_ship_closed, NULL);
	if (rx.cn != NULL)
		tls_close(rx.cn, NULL);
	uv_close((uv_handle_t *)listener.data, NULL);
	uv_close((uv_handle_t *)&listener, NULL);
	uv_close((uv_handle_t *)&guard, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(ship == NULL || ship_gone);
	ship = NULL;
	assert_int_equal(uv_loop_close(&loop), 0);
	for (unsigned i = 0; i < BLOCKS_MAX; i++)
		buf_release(&spool.b[i].frame);
	for (unsigned i = 0; i < 4 * BLOCKS_MAX; i++)
		buf_release(&rx.frames[i]);
	tls_creds_unref(server_creds);
	tls_creds_unref(agent_creds);
	return 0;
}

static const char *one_address[2], *two_addresses[2];

static void start(struct ship_opts o)
{
	struct err err;

	one_address[0] = here;
	two_addresses[0] = dead;
	two_addresses[1] = here;
	o.loop = &loop;
	o.spool = &spool;
	if (o.addresses == NULL) {
		o.addresses = one_address;
		o.n_addresses = 1;
	}
	o.creds = agent_creds;
	o.state = on_state;
	if (o.retry_ms == 0)
		o.retry_ms = 20;
	assert_int_equal(ship_open(&o, &ship, &err), 0);
}

#define UNTIL(cond)                                                                                \
	do {                                                                                       \
		while (!(cond) && !guard_fired)                                                    \
			uv_run(&loop, UV_RUN_ONCE);                                                \
		assert_true(cond);                                                                 \
	} while (0)

static void turn(void) /* lets everything that is under way on the loop arrive */
{
	uint64_t until = time_mono_ns() + 50 * NS_PER_MS;

	while ((uint64_t)time_mono_ns() < until)
		uv_run(&loop, UV_RUN_NOWAIT);
}

static void test_all_acked(void **state)
{
	for (unsigned i = 0; i < 20; i++)
		add_block(i + 1, i % 3 * 5000); /* up to 130 KB: several TLS records and pieces */
	start((struct ship_opts){ 0 });
	UNTIL(n_acked() == 20);
	assert_int_equal(rx.windows, 20);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(rx.sizes[i], i + 1);
		assert_int_equal(rx.frames[i].n, spool.b[i].frame.n); /* bytes unchanged */
		assert_memory_equal(rx.frames[i].p, spool.b[i].frame.p, rx.frames[i].n);
	}
	assert_int_equal(metric_get(&ship_stats(ship)->blocks), 20);
	assert_int_equal(metric_get(&ship_stats(ship)->events), 210);
	assert_int_equal(metric_get(&ship_stats(ship)->connected), 1);
	assert_string_equal(ship_problem(ship), "");
	assert_string_equal(ship_address(ship), here);
	assert_int_equal(ups, 1);
	add_block(3, 0);
	ship_ready(ship); /* the spool has something new */
	UNTIL(n_acked() == 21);
	assert_int_equal(rx.connections, 1);
}

static void test_partial_ack_moves_nothing(void **state)
{
	rx.manner = ACK_PARTLY;
	add_block(10, 0);
	add_block(10, 0);
	start((struct ship_opts){ 0 });
	UNTIL(rx.windows == 2 && metric_get(&ship_stats(ship)->acks) == 4);
	assert_int_equal(n_acked(), 0);
	rx_ack(10);
	UNTIL(n_acked() == 1);
	assert_true(spool.b[0].acked);
	rx_ack(10);
	UNTIL(n_acked() == 2);
	assert_int_equal(rx.connections, 1);
}

static void test_cut_between_windows(void **state)
{
	rx.manner = CUT_AT_TWO;
	for (unsigned i = 0; i < 5; i++)
		add_block(4, 100);
	start((struct ship_opts){ 0 });
	UNTIL(rx.ended == 1);
	rx.manner = ACK_ALL;
	UNTIL(n_acked() == 5);
	assert_int_equal(spool.rewinds, 3); /* at each opening, and at the loss of what was lent */
	assert_int_equal(rx.connections, 2);
	assert_int_equal(rx.windows, 2 + 5); /* all again, from the first, bytes unchanged */
	for (unsigned i = 0; i < 5; i++)
		assert_memory_equal(rx.frames[2 + i].p, spool.b[i].frame.p, spool.b[i].frame.n);
}

/* Acknowledged windows do not come again. */
static void test_resend_only_rest(void **state)
{
	rx.manner = ACK_NEVER;
	for (unsigned i = 0; i < 4; i++)
		add_block(2, 0);
	start((struct ship_opts){ 0 });
	UNTIL(rx.windows == 4);
	rx_ack(2);
	rx_ack(2);
	UNTIL(n_acked() == 2);
	tls_close(rx.cn, NULL);
	rx.manner = ACK_ALL;
	UNTIL(n_acked() == 4);
	assert_int_equal(rx.windows, 4 + 2);
	assert_memory_equal(rx.frames[4].p, spool.b[2].frame.p, spool.b[2].frame.n);
}

static void test_failover(void **state)
{
	add_block(1, 0);
	one_address[0] = here;
	two_addresses[0] = dead;
	two_addresses[1] = here;
	start((struct ship_opts){ .addresses = two_addresses, .n_addresses = 2 });
	UNTIL(n_acked() == 1);
	assert_int_equal(downs, 1);
	assert_int_equal(ups, 1);
	assert_string_equal(ship_address(ship), here);
	assert_int_equal(metric_get(&ship_stats(ship)->failures), 1);
}

static void test_backoff_then_up(void **state)
{
	static const char *const only[1] = { dead };

	add_block(1, 0);
	start((struct ship_opts){ .addresses = only, .n_addresses = 1, .retry_ms = 5 });
	UNTIL(metric_get(&ship_stats(ship)->failures) >= 4);
	assert_int_equal(downs, 1); /* the same fault is told once */
	assert_non_null(strstr(ship_problem(ship), "collector 127.0.0.1:"));
	assert_non_null(strstr(ship_problem(ship), "connection refused"));
	assert_int_equal(n_acked(), 0);
}

static void test_wrong_answers(void **state)
{
	static const struct {
		enum manner manner;
		const char *says;
	} rows[] = {
		{ ACK_TOO_MUCH, "acknowledged event 4 of a window of 3" },
		{ ACK_JUNK, "instead of an acknowledgement" },
		{ ACK_NEVER, "no acknowledgement for" },
	};

	add_block(3, 0);
	rx.manner = rows[0].manner;
	start((struct ship_opts){ .ack_ms = 300 });
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rx.manner = rows[i].manner;
		UNTIL(strstr(last_state, rows[i].says) != NULL);
		assert_int_equal(n_acked(), 0);
		assert_string_not_equal(ship_problem(ship), "");
	}
	rx.manner = ACK_ALL;
	UNTIL(n_acked() == 1);
}

static void test_in_flight_bound(void **state)
{
	rx.manner = ACK_NEVER;
	for (unsigned i = 0; i < 10; i++)
		add_block(1, 0);
	start((struct ship_opts){ .in_flight = 3 });
	UNTIL(rx.windows == 3);
	turn();
	assert_int_equal(rx.windows, 3);
	rx_ack(1);
	UNTIL(rx.windows == 4);
	turn();
	assert_int_equal(rx.windows, 4);
}

/* The lower bound of a time is no race: 40 KB over 100 KB/s cannot be done sooner. */
static void test_rate(void **state)
{
	int64_t from = time_mono_ns();
	size_t bytes = 0;

	for (unsigned i = 0; i < 4; i++) {
		add_block(10, 1000);
		bytes += spool.b[i].frame.n;
	}
	assert_true(bytes > 40000);
	start((struct ship_opts){ .max_rate_bps = 800000 });
	UNTIL(n_acked() == 4);
	assert_true(time_mono_ns() - from > 200 * NS_PER_MS);
}

/* While our own allowance makes us wait, the peer is not late: a poor line delivers all the same.
 */
static void test_rate_is_not_lateness(void **state)
{
	add_block(2, 1000); /* in pieces of 1,024 bytes, a second apart */
	start((struct ship_opts){ .max_rate_bps = 8000, .ack_ms = 300 });
	UNTIL(n_acked() == 1 || downs > 0);
	assert_int_equal(n_acked(), 1);
	assert_int_equal(rx.connections, 1);
	rx.manner = ACK_NEVER; /* but once all is written, it is */
	add_block(1, 0);
	ship_ready(ship);
	UNTIL(strstr(last_state, "no acknowledgement for") != NULL);
}

/* A block of checkpoints alone has nothing for the collector. */
static void test_empty_block(void **state)
{
	add_block(0, 0);
	add_block(2, 0);
	start((struct ship_opts){ 0 });
	UNTIL(n_acked() == 2);
	assert_int_equal(rx.windows, 1);
}

static void test_collector_of_another_name(void **state)
{
	tls_creds_unref(server_creds);
	server_creds = pki_creds(pki, "other", pki);
	add_block(1, 0);
	start((struct ship_opts){ 0 });
	UNTIL(downs == 1);
	assert_non_null(strstr(last_state, "the certificate is for another name (other.example)"));
	turn();
	assert_int_equal(rx.windows, 0);
	assert_int_equal(n_acked(), 0);
	/* An agent cannot play the collector either. */
	tls_creds_unref(server_creds);
	server_creds = pki_creds(pki, "agent", pki);
	UNTIL(strstr(last_state, "not made for a collector") != NULL);
	/* With the right certificate in place the agent goes on by itself. */
	tls_creds_unref(server_creds);
	server_creds = pki_creds(pki, "siem", pki);
	UNTIL(n_acked() == 1);
}

static void test_new_creds(void **state)
{
	struct tls_creds *old = pki_creds(pki, "old", pki);
	struct err err;

	tls_creds_unref(agent_creds);
	agent_creds = old;
	add_block(1, 0);
	start((struct ship_opts){ 0 });
	UNTIL(strstr(last_state, "our certificate has expired") != NULL);
	agent_creds = pki_creds(pki, "agent", pki);
	assert_int_equal(ship_creds(ship, agent_creds, &err), 0);
	tls_creds_unref(old);
	UNTIL(n_acked() == 1);
}

static void test_bad_addresses(void **state)
{
	static const char *const rows[] = { "",       ":5044",     "host:0", "host:65536",
					    "host:x", "[::1:5044", "[::1]x" };
	struct err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const a[1] = { rows[i] };
		struct ship_opts o = { .loop = &loop,
				       .spool = &spool,
				       .addresses = a,
				       .n_addresses = 1,
				       .creds = agent_creds };

		if (ship_open(&o, &ship, &err) == 0)
			fail_msg("%s was taken", rows[i]);
		assert_int_equal(err.code, ERR_USAGE);
		assert_non_null(strstr(err.msg, "expected host:port"));
	}
	assert_null(ship);
}

static int group_setup(void **state)
{
	pki = pki_new("Vartio test authority");
	pki_issue(pki, "siem", &(struct pki_spec){ .ip = "127.0.0.1", .use = "server" });
	pki_issue(pki, "other", &(struct pki_spec){ .dns = "other.example", .use = "server" });
	pki_issue(pki, "agent",
		  &(struct pki_spec){ .uri = "urn:vartio:mallila:agent-1", .use = "client" });
	pki_issue(pki, "old",
		  &(struct pki_spec){ .uri = "urn:vartio:mallila:agent-1",
				      .use = "client",
				      .from_s = -7200,
				      .to_s = -60 });
	return 0;
}

static int group_teardown(void **state)
{
	pki_free(pki);
	return 0;
}

#define SHIP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* A spool that cannot be read is no fault of the line: the connection stays, and what is on its way
 * is acknowledged. */
static void test_a_spool_that_cannot_be_read(void **state)
{
	for (unsigned i = 0; i < 4; i++)
		add_block(2, 10);
	spool.fail_at = 3;
	spool.fails = 1;
	start((struct ship_opts){ 0 });
	UNTIL(n_acked() == 2);
	UNTIL(n_acked() == 4);
	assert_int_equal(spool.fails, 0);
	assert_int_equal(rx.connections, 1);
	assert_int_equal(rx.windows, 4);
	assert_int_equal(downs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHIP_TEST(test_all_acked),
		SHIP_TEST(test_partial_ack_moves_nothing),
		SHIP_TEST(test_cut_between_windows),
		SHIP_TEST(test_resend_only_rest),
		SHIP_TEST(test_failover),
		SHIP_TEST(test_backoff_then_up),
		SHIP_TEST(test_wrong_answers),
		SHIP_TEST(test_in_flight_bound),
		SHIP_TEST(test_rate),
		SHIP_TEST(test_rate_is_not_lateness),
		SHIP_TEST(test_a_spool_that_cannot_be_read),
		SHIP_TEST(test_empty_block),
		SHIP_TEST(test_collector_of_another_name),
		SHIP_TEST(test_new_creds),
		SHIP_TEST(test_bad_addresses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

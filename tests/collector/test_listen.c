/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/collector/test_listen.c: the senders' door, from a real TLS client on this test's loop.
 * The queue is a double that keeps what it is given and answers when the test says so, from this
 * thread, which is not the listener's. */
#include "tests/collector/listen_kit.h"

static void test_own_block(void **state)
{
	struct buf out = { 0 };
	const struct queue_block *b = &queue.puts[0].blk;
	struct slice payload;

	start((struct listen_opts){ 0 });
	join(&sender, creds[1]);
	assert_true(sender.open);
	own_window(&out, 7, 3);
	payload = slice_from(buf_view(&out), 12); /* behind W and the head of C */
	queue.puts[1].frame = (struct buf){ 0 };
	buf_slice(&queue.puts[1].frame, payload); /* kept to compare with */
	send_bytes(&sender, &out);
	UNTIL(n_puts() == 1);
	assert_string_equal(b->tenant, "mallila");
	assert_string_equal(b->sender, "agent-1");
	assert_int_equal(b->kind, QUEUE_OWN);
	assert_int_equal(b->epoch, 0xfeedface);
	assert_int_equal(b->number, 7);
	assert_int_equal(b->floor, 1);
	assert_int_equal(b->first_seq, 700);
	assert_int_equal(b->events, 3);
	assert_true(b->received_ns > 0);
	assert_int_equal(queue.puts[0].frame.n, queue.puts[1].frame.n); /* bytes as they came */
	assert_memory_equal(queue.puts[0].frame.p, queue.puts[1].frame.p, queue.puts[0].frame.n);
	turn();
	assert_int_equal(sender.n_acks, 0); /* nothing before it is durable */
	answer(0, QUEUE_STORED);
	UNTIL(sender.n_acks == 1);
	assert_int_equal(sender.acks[0], 3);
	assert_int_equal(n_seen, 1); /* at the connection; the block came within the minute */
}

static void test_acks_in_order(void **state)
{
	start((struct listen_opts){ 0 });
	join(&sender, creds[1]);
	send_own(&sender, 1, 2);
	send_own(&sender, 2, 5);
	send_own(&sender, 3, 4);
	UNTIL(n_puts() == 3);
	answer(2, QUEUE_STORED);
	answer(1, QUEUE_REPEATED);
	turn();
	assert_int_equal(sender.n_acks, 0);
	answer(0, QUEUE_STORED);
	UNTIL(sender.n_acks == 3);
	assert_int_equal(sender.acks[0], 2);
	assert_int_equal(sender.acks[1], 5);
	assert_int_equal(sender.acks[2], 4);
	assert_int_equal(metric_get(&listen_stats(listener)->repeated), 1);
	assert_int_equal(metric_get(&listen_stats(listener)->events), 11);
}

/* The window's events, out of a block that the queue holds. */
static void assert_events(unsigned i, const char *const *json, uint32_t n)
{
	struct buf plain = { 0 };
	struct slice in;
	struct lj_frame f;
	struct err err;
	ssize_t used;

	assert_int_equal(queue.puts[i].blk.events, n);
	assert_int_equal(lj_inflate(buf_view(&queue.puts[i].frame), 1u << 20, &plain, &err), 0);
	in = buf_view(&plain);
	for (uint32_t k = 0; k < n; k++) {
		used = lj_next(in, 1u << 20, &f, &err);
		assert_true(used > 0);
		assert_int_equal(f.number, k + 1);
		assert_slice(f.payload, json[k]);
		in = slice_from(in, (size_t)used);
	}
	assert_int_equal(in.n, 0);
	buf_release(&plain);
}

static void test_foreign_windows(void **state)
{
	static const char *const sent[] = {
		"{\"@timestamp\":\"2026-01-01T00:00:00Z\",\"ecs\":{\"version\":\"8.0.0\"},\"@"
		"metadata\":{\"beat\":\"filebeat\"},"
		"\"m\":1}",
		"{\"@timestamp\":\"2026-01-01T00:00:00Z\",\"ecs\":{\"version\":\"8.0.0\"},\"m\":2}",
		"{\"@timestamp\":\"2026-01-01T00:00:00Z\",\"ecs\":{\"version\":\"8.0.0\"},\"m\":3}",
	};
	static const char *const stored[] = {
		"{\"@timestamp\":\"2026-01-01T00:00:00Z\",\"ecs\":{\"version\":\"8.0.0\"},\"m\":1}",
		"{\"@timestamp\":\"2026-01-01T00:00:00Z\",\"ecs\":{\"version\":\"8.0.0\"},\"m\":2}",
		"{\"@timestamp\":\"2026-01-01T00:00:00Z\",\"ecs\":{\"version\":\"8.0.0\"},\"m\":3}",
	};
	struct buf out = { 0 }, frames = { 0 };
	struct err err;

	start((struct listen_opts){ 0 });
	join(&sender, creds[1]);
	lj_put_window(&out, 3); /* bare, then compressed */
	lj_put_json(&out, 1, slice_str(sent[0]));
	lj_put_json(&frames, 2, slice_str(sent[1]));
	lj_put_json(&frames, 3, slice_str(sent[2]));
	assert_int_equal(lj_compress(&out, buf_view(&frames), 6, &err), 0);
	lj_put_window(&out, 1);
	lj_put_json(&out, 1, slice_str(sent[0]));
	send_bytes(&sender, &out);
	buf_release(&frames);
	UNTIL(n_puts() == 2);
	assert_events(0, stored, 3);
	assert_events(1, stored, 1);
	assert_int_equal(queue.puts[0].blk.kind, QUEUE_FOREIGN);
	assert_string_equal(queue.puts[0].blk.tenant, "mallila");
	assert_int_equal(queue.puts[0].blk.number, 1);
	assert_int_equal(queue.puts[0].blk.first_seq, 1);
	assert_int_equal(queue.puts[1].blk.number, 2);
	assert_int_equal(queue.puts[1].blk.first_seq, 4);
	assert_int_equal(queue.puts[1].blk.floor, 1); /* the first is not settled yet */
	assert_true(queue.puts[0].blk.epoch == queue.puts[1].blk.epoch);
	assert_true(queue.puts[0].blk.epoch != 0);
	answer(0, QUEUE_STORED);
	answer(1, QUEUE_STORED);
	UNTIL(sender.n_acks == 2);
	assert_int_equal(sender.acks[0], 3);
	assert_int_equal(sender.acks[1], 1);
	lj_put_window(&out, 1);
	lj_put_json(&out, 1, slice_str(sent[0]));
	send_bytes(&sender, &out);
	UNTIL(n_puts() == 3);
	assert_int_equal(queue.puts[2].blk.number, 3);
	assert_int_equal(queue.puts[2].blk.floor, 3); /* all before it are settled */
	assert_int_equal(queue.puts[2].blk.first_seq, 5);
}

/* What a Beat packs into one frame is kept as it came; anything else is taken apart. */
static void test_beat_frame(void **state)
{
#define BEAT "{\"@timestamp\":\"2026-01-01T00:00:00Z\",\"@metadata\":{\"beat\":\"x\"},"
#define ECS8 "\"ecs\":{\"version\":\"8.0.0\"},"
	static const struct {
		const char *first, *second;
		uint32_t number; /* of the second */
		enum queue_kind kind;
	} rows[] = {
		{ BEAT ECS8 "\"m\":1}", BEAT ECS8 "\"m\":\"C:\\\\x\"}", 2, QUEUE_BEAT },
		{ BEAT ECS8 "\"m\":1}", BEAT ECS8 "\"m\":2}", 7, QUEUE_FOREIGN },
		{ BEAT ECS8 "\"m\":1}", BEAT "\"m\":2}", 2, QUEUE_FOREIGN },
		{ BEAT ECS8 "\"m\":1}", BEAT ECS8 "\"m\":2", 2, QUEUE_FOREIGN },
		{ BEAT ECS8 "\"m\":1}", "{\"m\":2}", 2, QUEUE_FOREIGN },
	};
	const unsigned n = sizeof(rows) / sizeof(rows[0]);
	struct slice sent = { 0 };
	struct buf kept = { 0 };

	start((struct listen_opts){ 0 });
	join(&sender, creds[1]);
	for (unsigned i = 0; i < n; i++) {
		struct buf out = { 0 }, frames = { 0 };
		struct err err;

		lj_put_window(&out, 2);
		lj_put_json(&frames, 1, slice_str(rows[i].first));
		lj_put_json(&frames, rows[i].number, slice_str(rows[i].second));
		assert_int_equal(lj_compress(&out, buf_view(&frames), 3, &err), 0);
		if (i == 0)
			buf_slice(&kept, slice_from(buf_view(&out), 12));
		buf_release(&frames);
		send_bytes(&sender, &out);
		UNTIL(n_puts() == i + 1);
		assert_int_equal(queue.puts[i].blk.kind, rows[i].kind);
		assert_int_equal(queue.puts[i].blk.events, 2);
		assert_int_equal(queue.puts[i].blk.first_seq, 1 + 2 * i);
	}
	sent = buf_view(&kept);
	assert_int_equal(queue.puts[0].frame.n, sent.n);
	assert_memory_equal(queue.puts[0].frame.p, sent.p, sent.n);
	assert_int_equal(metric_get(&listen_stats(listener)->blocks_foreign), n);
	buf_release(&kept);
}

/* A window that became several blocks is answered once, after the last of them. */
static void test_foreign_split(void **state)
{
	struct buf out = { 0 }, json = { 0 };
	unsigned n;

	start((struct listen_opts){ 0 });
	join(&sender, creds[1]);
	buf_str(&json, "{\"@timestamp\":\"2026-01-01T00:00:00Z\",\"ecs\":{\"version\":\"8.0.0\"},"
		       "\"pad\":\"");
	while (json.n < 50000)
		buf_str(&json, "0123456789");
	buf_str(&json, "\"}");
	lj_put_window(&out, 20);
	for (uint32_t i = 1; i <= 20; i++)
		lj_put_json(&out, i, buf_view(&json));
	send_bytes(&sender, &out);
	buf_release(&json);
	UNTIL(n_puts() == 4); /* six events of 50 KB fill 256 KiB */
	for (n = 4; n > 0; n--) {
		assert_int_equal(sender.n_acks, 0);
		answer(n - 1, QUEUE_STORED);
	}
	UNTIL(sender.n_acks == 1);
	assert_int_equal(sender.acks[0], 20);
}

/* What closes the connection: one line, a count, and nothing in the queue. */
static void test_rejected(void **state)
{
	struct buf rows[6] = { { 0 } }, frames = { 0 };
	struct err err;

	start((struct listen_opts){ 0 });
	own_window(&rows[0], 1, 3);
	rows[0].p[5] = 4;           /* announces one more than it holds */
	lj_put_window(&rows[1], 1); /* a bomb: nine mebibytes of nothing */
	while (frames.n < (9u << 20))
		lj_put_json(&frames, 1, SLICE("                                        "));
	assert_int_equal(lj_compress(&rows[1], buf_view(&frames), 9, &err), 0);
	buf_str(&rows[2], "GET / HTTP/1.1\r\n\r\n");
	lj_put_json(&rows[3], 1, SLICE("{}")); /* before its window */
	lj_put_window(&rows[4], 1);
	lj_put_compressed(&rows[4], SLICE("not zlib"));
	lj_put_window(&rows[5], LJ_WINDOW_MAX + 1);
	buf_release(&frames);
	for (unsigned i = 0; i < 6; i++) {
		join(&sender, creds[1]);
		send_bytes(&sender, &rows[i]);
		UNTIL(sender.closed);
		assert_int_equal(metric_get(&listen_stats(listener)->rejected), i + 1);
		assert_int_equal(sender.n_acks, 0);
	}
	assert_int_equal(n_puts(), 0);
	UNTIL(metric_get(&listen_stats(listener)->connections) == 0);
	join(&sender, creds[1]); /* and the door is still open to the others */
	send_own(&sender, 1, 1);
	UNTIL(n_puts() == 1);
}

static void test_other_tenant(void **state)
{
	struct tls_creds *other = pki_creds(pki, "other", pki);

	start((struct listen_opts){ 0 });
	join(&sender, other);
	UNTIL(sender.closed);
	assert_non_null(strstr(sender.err.msg, "refuses our certificate"));
	UNTIL(metric_get(&listen_stats(listener)->handshake_failed[TLS_FAIL_REFUSED]) == 1);
	assert_int_equal(metric_get(&listen_stats(listener)->accepted), 0);
	assert_int_equal(n_seen, 0);
	tls_creds_unref(other);
}

static void test_revoked_while_open(void **state)
{
	start((struct listen_opts){ 0 });
	join(&sender, creds[1]);
	send_own(&sender, 1, 1);
	UNTIL(n_puts() == 1);
	listen_revoke_check(listener); /* nothing has changed */
	turn();
	assert_false(sender.closed);
	revoked = true;
	listen_revoke_check(listener);
	UNTIL(sender.closed);
	assert_int_equal(metric_get(&listen_stats(listener)->revoked), 1);
	join(&sender, creds[1]);
	UNTIL(sender.closed);
	assert_int_equal(metric_get(&listen_stats(listener)->accepted), 1);
}

static void test_backpressure(void **state)
{
	start((struct listen_opts){ .max_windows = 2 });
	join(&sender, creds[1]);
	for (unsigned i = 1; i <= 5; i++)
		send_own(&sender, i, i);
	UNTIL(n_puts() == 2);
	turn();
	assert_int_equal(n_puts(), 2); /* the third is not read */
	for (unsigned i = 0; i < 5; i++) {
		UNTIL(n_puts() > i);
		assert_true(n_puts() <= i + 2);
		answer(i, QUEUE_STORED);
	}
	UNTIL(sender.n_acks == 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(sender.acks[i], i + 1);
}

static void test_queue_full(void **state)
{
	start((struct listen_opts){ 0 });
	join(&sender, creds[1]);
	set_full(true);
	send_own(&sender, 1, 2);
	UNTIL(n_refused() >= 3); /* asked again and again */
	send_own(&sender, 2, 3); /* not even read meanwhile */
	turn();
	assert_int_equal(sender.n_acks, 0);
	assert_int_equal(metric_get(&listen_stats(listener)->windows), 1);
	set_full(false);
	UNTIL(n_puts() == 2);
	assert_int_equal(queue.puts[0].blk.number, 1);
	answer(0, QUEUE_FULL); /* taken, but the bound was reached at the commit */
	UNTIL(n_puts() == 3);
	assert_int_equal(queue.puts[2].blk.number, 1); /* the same again */
	answer(2, QUEUE_FAILED);
	UNTIL(n_puts() == 4);
	answer(1, QUEUE_STORED);
	turn();
	assert_int_equal(sender.n_acks, 0);
	assert_memory_equal(queue.puts[3].frame.p, queue.puts[0].frame.p, queue.puts[0].frame.n);
	answer(3, QUEUE_STORED);
	UNTIL(sender.n_acks == 2);
	assert_int_equal(sender.acks[0], 2);
	assert_int_equal(sender.acks[1], 3);
}

static void test_gone_before_the_answer(void **state)
{
	start((struct listen_opts){ 0 });
	join(&sender, creds[1]);
	send_own(&sender, 1, 1);
	send_own(&sender, 2, 1);
	send_own(&sender, 3, 1);
	UNTIL(n_puts() == 3);
	tls_close(sender.cn, NULL);
	UNTIL(sender.closed);
	UNTIL(metric_get(&listen_stats(listener)->connections) == 0);
	answer(0, QUEUE_STORED);
	answer(1, QUEUE_FULL); /* given up: the sender comes with it again */
	turn();
	assert_int_equal(n_puts(), 3);
	assert_int_equal(metric_get(&listen_stats(listener)->acks), 0);
	answer(2, QUEUE_REPEATED);
	join(&sender, creds[1]);
	send_own(&sender, 2, 1);
	UNTIL(n_puts() == 4);
}

static void test_too_many(void **state)
{
	struct sender more;

	start((struct listen_opts){ .max_connections = 1 });
	join(&sender, creds[1]);
	assert_true(sender.open);
	join(&more, creds[1]);
	UNTIL(more.closed);
	assert_false(more.open);
	assert_int_equal(metric_get(&listen_stats(listener)->refused), 1);
	tls_close(sender.cn, NULL);
	UNTIL(sender.closed && metric_get(&listen_stats(listener)->connections) == 0);
	join(&sender, creds[1]);
	assert_true(sender.open);
}

/* Two handshakes at a time: never more, whoever knocks; those behind come in in their order, when
 * strangers in front have had their time; nobody is lost. */
static void test_paced_handshakes(void **state)
{
	const struct tls_opts o = { .loop = &loop,
				    .creds = creds[1],
				    .handler = &handler,
				    .arg = &sender,
				    .server_name = "siem",
				    .handshake_ms = 60000 };
	const struct listen_stats *st;
	struct sockaddr_in addr;
	struct err err;
	int fd[6];

	start((struct listen_opts){ .max_handshakes = 2, .handshake_ms = 600000 });
	st = listen_stats(listener);
	uv_ip4_addr("127.0.0.1", listen_port(listener), &addr);
	for (unsigned i = 0; i < 6; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fd[i], (struct sockaddr *)&addr, sizeof(addr)), 0);
	}
	assert_int_equal(tls_connect(&o, (struct sockaddr *)&addr, &sender.cn, &err), 0);
	UNTIL((assert_true(metric_get(&st->handshakes) <= 2), sender.open));
	assert_true(metric_get(&st->made_room) >= 5);
	send_own(&sender, 1, 1);
	UNTIL(n_puts() == 1);
	for (unsigned i = 0; i < 6; i++)
		close(fd[i]);
}

static void test_threads(void **state)
{
	struct sender many[8];
	unsigned acks;

	queue.at_once = true;
	start((struct listen_opts){ .threads = 2 });
	for (unsigned i = 0; i < 8; i++) {
		join(&many[i], creds[1]);
		send_own(&many[i], i + 1, 2);
	}
	do {
		acks = 0;
		for (unsigned i = 0; i < 8; i++)
			acks += many[i].n_acks;
		uv_run(&loop, UV_RUN_NOWAIT);
	} while (acks < 8);
	for (unsigned i = 0; i < 8; i++)
		tls_close(many[i].cn, NULL);
	for (unsigned i = 0; i < 8; i++)
		UNTIL(many[i].closed);
}

static void test_port_taken(void **state)
{
	struct listen *second = NULL;
	struct listen_opts o = {
		.addr = "127.0.0.1", .creds = creds[0], .put = put, .admit = admit
	};
	struct err err;

	start((struct listen_opts){ .threads = 2 });
	for (unsigned threads = 1; threads <= 2; threads++) {
		o.threads = threads;
		o.port = listen_port(listener);
		assert_int_equal(listen_start(&o, &second, &err), -1);
		assert_int_equal(err.code, ERR_BUSY);
		assert_non_null(strstr(err.msg, "does another collector run?"));
	}
	assert_null(second);
	o.addr = "siem.example";
	assert_int_equal(listen_start(&o, &second, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
}

static void test_metrics(void **state)
{
	struct buf out = { 0 };

	queue.at_once = true;
	start((struct listen_opts){ 0 });
	join(&sender, creds[1]);
	send_own(&sender, 1, 4);
	UNTIL(sender.n_acks == 1);
	listen_metrics(listener, &out);
	assert_non_null(strstr(buf_cstr(&out), "vartio_listen_events_total 4\n"));
	assert_non_null(strstr(buf_cstr(&out), "vartio_listen_connections 1\n"));
	assert_non_null(strstr(buf_cstr(&out), "vartio_listen_blocks_total{kind=\"own\"} 1\n"));
	buf_release(&out);
}

/* A region's agents come back in one moment: all are let in, and who is in is served meanwhile. */
#define REGION 200u

static void test_all_at_once(void **state)
{
	static struct sender all[REGION];
	const struct tls_opts o = {
		.loop = &loop,
		.creds = creds[1],
		.handler = &handler,
		.server_name = "siem",
		.handshake_ms = 60000,
	};
	struct sockaddr_in addr;
	unsigned open = 0, acked = 0;
	int64_t until = time_mono_ns() + 3 * GUARD_MS * NS_PER_MS;
	struct err err;

	queue.at_once = true;
	start((struct listen_opts){ .handshake_ms = 60000,
				    .max_each = 2 * REGION }); /* also where a step takes long */
	uv_ip4_addr("127.0.0.1", listen_port(listener), &addr);
	join(&sender, creds[1]);
	memset(all, 0, sizeof(all));
	for (unsigned i = 0; i < REGION; i++) {
		struct tls_opts mine = o;

		mine.arg = &all[i];
		assert_int_equal(tls_connect(&mine, (struct sockaddr *)&addr, &all[i].cn, &err), 0);
	}
	while (open < REGION && time_mono_ns() < until) {
		if (sender.n_acks == acked && acked < 20) {
			send_own(&sender, ++acked, 1);
			UNTIL(sender.n_acks == acked);
		}
		uv_run(&loop, UV_RUN_NOWAIT);
		open = 0;
		for (unsigned i = 0; i < REGION; i++) {
			assert_false(all[i].closed);
			open += all[i].open;
		}
	}
	assert_int_equal(open, REGION);
	assert_true(acked > 0);
	assert_int_equal(metric_get(&listen_stats(listener)->connections), REGION + 1);
	for (unsigned i = 0; i < REGION; i++)
		tls_close(all[i].cn, NULL);
	for (unsigned i = 0; i < REGION; i++)
		UNTIL(all[i].closed);
}

/* Half frames of many: what is held stays bounded, whoever sends whole ones is served, who falls
 * silent within a frame is closed, and all arrives when it is sent again. */
#define HALVES 16u

/* A connection that is just being closed takes nothing: that is seen soon. */
static void send_part(struct sender *sd, const struct buf *all, size_t from, size_t to)
{
	struct err err;

	if (sd->cn != NULL)
		(void)tls_write(sd->cn, (struct slice){ all->p + from, to - from }, &err);
}

/* The rest of what was sent, or all of it by who was closed meanwhile, until it is answered. */
static void send_rest(struct sender *sd, struct tls_creds *cr, const struct buf *all)
{
	send_part(sd, all, all->n - 5000, all->n);
	for (unsigned tries = 0; tries < 50 && sd->n_acks == 0; tries++) {
		UNTIL(sd->n_acks > 0 || sd->closed);
		if (sd->n_acks > 0)
			break;
		join(sd, cr);
		send_part(sd, all, 0, all->n);
	}
	assert_int_equal(sd->n_acks, 1);
}

static void test_pool(void **state)
{
	const uint64_t max = 1u << 20;
	static struct sender halves[HALVES];
	struct tls_creds *cr[HALVES];
	struct buf big = { 0 }, frames = { 0 };
	const struct listen_stats *st;
	unsigned closed = 0;

	queue.at_once = true;
	start((struct listen_opts){ .max_held_bytes = max, .stall_ms = 200 });
	st = listen_stats(listener);
	/* A bare window of 10 events of 20 KB. */
	buf_chr(&frames, '{');
	buf_str(&frames, "\"m\":\"");
	while (frames.n < 20000)
		buf_chr(&frames, 'x');
	buf_str(&frames, "\"}");
	lj_put_window(&big, 10);
	for (uint32_t i = 1; i <= 10; i++)
		lj_put_json(&big, i, buf_view(&frames));
	for (unsigned i = 0; i < HALVES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "half-%u", i);
		cr[i] = pki_creds(pki, name, pki);
		join(&halves[i], cr[i]);
		send_part(&halves[i], &big, 0, big.n - 5000); /* 3 MB in all */
	}
	UNTIL(metric_get(&st->held_bytes) >= max / 2);
	join(&sender, creds[1]);
	send_own(&sender, 1, 2); /* in one piece: gets through, at once or when there is room */
	while (sender.n_acks == 0) {
		UNTIL(uv_run(&loop, UV_RUN_NOWAIT) >= 0);
		assert_true(metric_get(&st->held_bytes) <= max + 6 * (256u << 10) + HALVES * 65536);
	}
	assert_true(metric_get(&st->pool_full) > 0);
	/* The silent ones are closed one after the other, until there is room. */
	UNTIL(metric_get(&st->held_bytes) < max / 4 + max / 8);
	for (unsigned i = 0; i < HALVES; i++)
		closed += halves[i].closed;
	assert_true(closed > 0);
	for (unsigned i = 0; i < HALVES; i++)
		send_rest(&halves[i], cr[i], &big);
	UNTIL(metric_get(&st->held_bytes) == 0);
	for (unsigned i = 0; i < HALVES; i++) {
		if (!halves[i].closed)
			tls_close(halves[i].cn, NULL);
		UNTIL(halves[i].closed);
		tls_creds_unref(cr[i]);
	}
	buf_release(&big);
	buf_release(&frames);
}

/* An agent that moved says nothing more on its old connection; a copied key does. */
static void test_two_places(void **state)
{
	const metric *count;
	struct sender second;

	queue.at_once = true;
	start((struct listen_opts){ 0 });
	count = &listen_stats(listener)->two_places;
	join(&sender, creds[1]);
	send_own(&sender, 1, 1);
	UNTIL(sender.n_acks == 1);
	source_addr = "127.0.0.2";
	join(&second, creds[1]);
	send_own(&second, 2, 1);
	UNTIL(second.n_acks == 1);
	assert_int_equal(metric_get(count), 0); /* moved */
	send_own(&sender, 3, 1);
	UNTIL(sender.n_acks == 2);
	assert_int_equal(metric_get(count), 1);
	assert_string_equal(told, "2 mallila agent-1 its certificate sends from 127.0.0.2 and from "
				  "127.0.0.1 at the same time: was its key copied?");
	send_own(&second, 4, 1);
	UNTIL(second.n_acks == 2);
	assert_int_equal(metric_get(count), 2);
	assert_int_equal(n_told, 1); /* once an hour */
	tls_close(second.cn, NULL);
	UNTIL(second.closed);
	join(&second, creds[1]); /* comes back from there: moved again */
	send_own(&second, 5, 1);
	UNTIL(second.n_acks == 1);
	assert_int_equal(metric_get(count), 2);
	tls_close(second.cn, NULL);
	UNTIL(second.closed);
}

/* From one address a certificate may send over several connections: Filebeat's workers do. */
static void test_one_place(void **state)
{
	struct sender second;

	queue.at_once = true;
	start((struct listen_opts){ 0 });
	join(&sender, creds[1]);
	join(&second, creds[1]);
	for (unsigned i = 1; i < 5; i++) {
		struct sender *sd = i % 2 != 0 ? &sender : &second;

		send_own(sd, i, 1);
		UNTIL(sd->n_acks == (i + 1) / 2);
	}
	assert_int_equal(metric_get(&listen_stats(listener)->two_places), 0);
	assert_int_equal(n_told, 0);
	tls_close(second.cn, NULL);
	UNTIL(second.closed);
}

static int group_setup(void **state)
{
	pki_begin();
	pki_sender("other", "toinen:agent-1");
	pki_senders("half", HALVES);
	return 0;
}

#define LISTEN_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTEN_TEST(test_own_block),
		LISTEN_TEST(test_acks_in_order),
		LISTEN_TEST(test_foreign_windows),
		LISTEN_TEST(test_beat_frame),
		LISTEN_TEST(test_foreign_split),
		LISTEN_TEST(test_rejected),
		LISTEN_TEST(test_other_tenant),
		LISTEN_TEST(test_revoked_while_open),
		LISTEN_TEST(test_backpressure),
		LISTEN_TEST(test_queue_full),
		LISTEN_TEST(test_gone_before_the_answer),
		LISTEN_TEST(test_too_many),
		LISTEN_TEST(test_paced_handshakes),
		LISTEN_TEST(test_all_at_once),
		LISTEN_TEST(test_threads),
		LISTEN_TEST(test_pool),
		LISTEN_TEST(test_two_places),
		LISTEN_TEST(test_one_place),
		LISTEN_TEST(test_port_taken),
		LISTEN_TEST(test_metrics),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

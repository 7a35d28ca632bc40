/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue: stored means durable, each reader gets every event in order, and what cannot be
 * decoded stops nobody. */
#include "tests/collector/queue_kit.h"

static void test_round_trip(void **state)
{
	struct queue_opts o = opts();
	struct queue *q = open_queue(&o);
	struct queue_reader *rd = open_reader(q, "detect");
	struct queue_event ev;
	struct queue_block b;
	struct buf mem = { 0 };
	struct err err;
	uint64_t bytes;
	int64_t oldest;

	assert_int_equal(queue_next(rd, 0, &ev, &err), 0);
	assert_int_equal(queue_next(rd, 20, &ev, &err), 0);
	block_make(&b, &mem, "a1", 0xabc, 1, 1, 1, 3);
	assert_int_equal(put_block(q, &b, NULL), QUEUE_STORED);
	queue_reader_lag(rd, &bytes, &oldest);
	assert_true(bytes > 0);
	assert_int_equal(oldest, b.received_ns);
	assert_int_equal(queue_next(rd, 1000, &ev, &err), 1);
	assert_slice(ev.json, "{\"n\":1}"); /* the metadata is off */
	assert_string_equal(ev.tenant, "mallila");
	assert_string_equal(ev.sender, "a1");
	assert_string_equal(ev.id, "a1-0000000000000abc-1");
	assert_int_equal(ev.ingested_ns, b.received_ns);
	assert_string_equal(read_some(rd, 9), "a1:2={\"n\":2} a1:3={\"n\":3} ");
	queue_reader_lag(rd, &bytes, &oldest);
	assert_int_equal(bytes, 0);
	assert_int_equal(oldest, 0);
	assert_int_equal(metric_get(&queue_stats(q)->blocks_in), 1);
	assert_int_equal(metric_get(&queue_stats(q)->events_in), 3);
	assert_int_equal(metric_get(&queue_stats(q)->commits), 1);
	queue_reader_close(rd);
	queue_close(q);
	buf_release(&mem);
}

static void test_conflict(void **state)
{
	struct queue_opts o = opts();
	struct queue *q = open_queue(&o);
	struct queue_reader *rd = open_reader(q, "detect");
	struct queue_block b;
	struct buf mem = { 0 };

	assert_int_equal(put(q, "a", 1, 1, 1), QUEUE_STORED);
	block_make(&b, &mem, "a", 1, 1, 1, 1, 2); /* the same key, other bytes */
	assert_int_equal(put_block(q, &b, NULL), QUEUE_STORED);
	assert_int_equal(put_block(q, &b, NULL), QUEUE_REPEATED);
	assert_int_equal(metric_get(&queue_stats(q)->blocks_conflicting), 1);
	assert_string_equal(tellings, "0 mallila/a block 1 of epoch 00000|");
	assert_string_equal(read_some(rd, 9), "a:1={\"n\":1} a:1={\"n\":1} a:2={\"n\":2} ");
	queue_reader_close(rd);
	queue_close(q);
	buf_release(&mem);
}

/* Repeats within one commit: one is stored, and all are answered after the sync. */
static void test_same_commit(void **state)
{
	struct queue_opts o = opts();
	struct queue *q;
	struct queue_block b;
	struct buf mem = { 0 };
	struct outcome out;
	struct err err;

	o.commit_ms = 200;
	q = open_queue(&o);
	outcome_init(&out);
	block_make(&b, &mem, "a", 1, 1, 1, 1, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(queue_put(q, &b, on_done, &out, &err), 0);
	outcome_wait(&out, 3);
	assert_int_equal(out.res[0], QUEUE_STORED);
	assert_int_equal(out.res[1], QUEUE_REPEATED);
	assert_int_equal(out.res[2], QUEUE_REPEATED);
	assert_int_equal(metric_get(&queue_stats(q)->commits), 1);
	for (uint64_t n = 2; n <= 21; n++) {
		block_make(&b, &mem, "a", 1, n, 1, n, 1);
		assert_int_equal(queue_put(q, &b, on_done, &out, &err), 0);
	}
	queue_close(q); /* a last commit */
	assert_int_equal(out.calls, 23);
	q = open_queue(&o);
	assert_int_equal(queue_high_water(q, "mallila", "a", 1), 21);
	queue_close(q);
	buf_release(&mem);
}

/* A commit that begins a new file in its middle: the new file's memory of keys is whole, so that
 * the old one may go. */
static void test_commit_over_files(void **state)
{
	struct queue_opts o = opts();
	struct queue_reader *rd;
	struct queue *q;
	struct queue_block b;
	struct buf mem = { 0 };
	struct outcome out;
	struct err err;
	char path[128];

	o.commit_ms = 200;
	o.segment_bytes = 2000;
	q = open_queue(&o);
	rd = open_reader(q, "detect");
	outcome_init(&out);
	for (uint64_t n = 1; n <= 14; n++) {
		block_make(&b, &mem, "a", 1, n, 1, n, 1);
		assert_int_equal(queue_put(q, &b, on_done, &out, &err), 0);
	}
	outcome_wait(&out, 14);
	snprintf(path, sizeof(path), "%s/log/0000000000000003.seg", dir);
	assert_int_equal(access(path, F_OK), -1); /* two files in all */
	read_some(rd, 14);
	assert_int_equal(queue_reader_commit(rd, &err), 0);
	queue_reader_close(rd);
	snprintf(path, sizeof(path), "%s/log/0000000000000001.seg", dir);
	for (int i = 0; i < 10000 && access(path, F_OK) == 0; i++)
		usleep(1000);
	assert_int_equal(access(path, F_OK), -1);
	queue_close(q);
	q = open_queue(&o);
	assert_int_equal(queue_high_water(q, "mallila", "a", 1), 14);
	queue_close(q);
	buf_release(&mem);
}

/* Full: not stored, not acknowledged; once a reader is past it there is room again. */
static void test_full(void **state)
{
	struct queue_opts o = opts();
	struct queue *q;
	struct queue_reader *rd;
	struct queue_event ev;
	struct err err = { 0 };
	uint64_t n = 1, seen = 0;
	struct queue_block b;
	struct buf mem = { 0 };

	o.max_bytes = 8192;
	o.commit_ms = 0;
	o.retain_bytes = 1 << 20; /* looking back gives way to what comes in */
	q = open_queue(&o);
	rd = open_reader(q, "detect");
	while (n < 200 && put(q, "a", 1, n, 1) == QUEUE_STORED)
		n++;
	assert_in_range(n, 20, 100);
	block_make(&b, &mem, "a", 1, n, 1, n, 1);
	assert_int_equal(put_block(q, &b, &err), QUEUE_FULL);
	assert_int_equal(err.code, ERR_FULL);
	assert_true(metric_get(&queue_stats(q)->bytes) <= 8192);
	while (queue_next(rd, 0, &ev, &err) == 1)
		assert_int_equal(ev.seq, ++seen);
	assert_int_equal(seen, n - 1);
	assert_int_equal(queue_reader_commit(rd, &err), 0);
	for (int i = 0; i < 20; i++, n++)
		assert_int_equal(put(q, "a", 1, n, 1), QUEUE_STORED);
	while (queue_next(rd, 0, &ev, &err) == 1)
		assert_int_equal(ev.seq, ++seen);
	assert_int_equal(seen, n - 1);
	queue_reader_close(rd);
	queue_close(q);
	buf_release(&mem);
}

static void test_disk_full(void **state)
{
	struct queue_opts o = opts();
	struct queue *q;
	struct rlimit was, small;
	struct queue_block b;
	struct buf mem = { 0 };
	struct err err = { 0 };

	o.segment_bytes = 512;
	q = open_queue(&o);
	assert_int_equal(put(q, "a", 1, 1, 1), QUEUE_STORED);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = was;
	small.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	block_make(&b, &mem, "a", 1, 2, 1, 2, 1);
	assert_int_equal(put_block(q, &b, &err), QUEUE_FULL);
	assert_non_null(strstr(err.msg, dir));
	assert_int_equal(queue_high_water(q, "mallila", "a", 1), 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(put_block(q, &b, &err), QUEUE_STORED);
	assert_int_equal(queue_high_water(q, "mallila", "a", 1), 2);
	queue_close(q);
	buf_release(&mem);
}

/* Several threads put while two read: all arrives, once, in each sender's order. */
#define PUTTERS 4
#define EACH    150u
static struct queue *shared;

static void *putter(void *arg)
{
	const char *sender = arg;
	struct queue_block b;
	struct buf mem = { 0 };
	struct outcome o;
	struct err err;

	outcome_init(&o);
	for (uint64_t n = 1; n <= EACH; n++) {
		block_make(&b, &mem, sender, 9, n, 1, 2 * n - 1, 2);
		if (queue_put(shared, &b, on_done, &o, &err) < 0)
			return NULL;
		if (n % 8 == 0) /* a window of eight in flight */
			outcome_wait(&o, (int)n);
		if (queue_high_water(shared, "mallila", sender, 9) > n)
			return NULL;
	}
	outcome_wait(&o, EACH);
	buf_release(&mem);
	return arg;
}

static void *getter(void *arg)
{
	struct queue_reader *rd = arg;
	uint64_t next[PUTTERS] = { 1, 1, 1, 1 };
	struct queue_event ev;
	struct err err;

	for (unsigned n = 0; n < PUTTERS * EACH * 2;) {
		int r = queue_next(rd, 10000, &ev, &err);

		if (r <= 0 || ev.seq != next[ev.sender[0] - 'a']++)
			return NULL;
		if (++n % 50 == 0 && queue_reader_commit(rd, &err) < 0)
			return NULL;
	}
	return queue_next(rd, 0, &ev, &err) == 0 ? arg : NULL;
}

static void test_threads(void **state)
{
	static char names[PUTTERS][2] = { "a", "b", "c", "d" };
	struct queue_opts o = opts();
	struct queue_reader *rd[2];
	pthread_t put_by[PUTTERS], got_by[2];
	void *r;

	o.segment_bytes = 16384;
	shared = open_queue(&o);
	rd[0] = open_reader(shared, "detect");
	rd[1] = open_reader(shared, "archive");
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&got_by[i], NULL, getter, rd[i]), 0);
	for (int i = 0; i < PUTTERS; i++)
		assert_int_equal(pthread_create(&put_by[i], NULL, putter, names[i]), 0);
	for (int i = 0; i < PUTTERS; i++) {
		pthread_join(put_by[i], &r);
		assert_non_null(r);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(got_by[i], &r);
		assert_non_null(r);
		queue_reader_close(rd[i]);
	}
	assert_true(metric_get(&queue_stats(shared)->commits) < PUTTERS * EACH); /* in groups */
	queue_close(shared);
}

static void *wait_long(void *arg)
{
	struct queue_event ev;
	struct err err;

	return queue_next(arg, 3600 * 1000, &ev, &err) == 0 ? arg : NULL;
}

static void test_wake(void **state)
{
	struct queue_opts o = opts();
	struct queue *q = open_queue(&o);
	struct queue_reader *rd = open_reader(q, "detect");
	pthread_t th;
	void *r;

	assert_int_equal(pthread_create(&th, NULL, wait_long, rd), 0);
	do
		queue_wake(q); /* it may not be waiting yet */
	while (usleep(1000) == 0 && pthread_tryjoin_np(th, &r) != 0);
	assert_non_null(r);
	queue_reader_close(rd);
	queue_close(q);
}

/* A process that dies at any moment has kept all that it answered for, once; the judge, who knows
 * the format and none of this code, agrees. */
static void test_kill(void **state)
{
	struct queue_opts o = opts();
	unsigned seed = 3;
	uint64_t told = 0;

	o.segment_bytes = 4096;
	for (int round = 0; round < 6; round++) {
		unsigned more = 5 + (unsigned)rand_r(&seed) % 60;
		uint64_t n = 0;
		int fds[2];
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nothing running */
			struct queue *q = open_queue(&o);

			/* The sender does not know how far it came: all again from the start. */
			for (n = 1; n < 100000; n++) {
				enum queue_result r = put(q, "a", 1, n, 1);

				if (n <= told ? r != QUEUE_REPEATED
					      : (r != QUEUE_STORED && r != QUEUE_REPEATED))
					_exit(1);
				if (write(fds[1], &n, sizeof(n)) != (ssize_t)sizeof(n))
					_exit(1);
			}
			_exit(0);
		}
		close(fds[1]);
		while (n < told + more)
			assert_int_equal(read(fds[0], &n, sizeof(n)), sizeof(n));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(fds[0], &n, sizeof(n)) == (ssize_t)sizeof(n))
			;
		told = n;
		close(fds[0]);
	}
	{
		char line[65536], command[256];
		uint64_t next = 1;
		FILE *judge;

		snprintf(command, sizeof(command), "/usr/bin/python3 %s %s", VARTIO_JUDGE, dir);
		judge = popen(command, "r");
		assert_non_null(judge);
		while (fgets(line, sizeof(line), judge) != NULL) {
			char want[128];

			snprintf(want, sizeof(want), "\"seq\": %" PRIu64 ",", next);
			assert_non_null(strstr(line, want));
			snprintf(want, sizeof(want), "\"event\": {\"n\": %" PRIu64 "}}", next++);
			assert_non_null(strstr(line, want));
		}
		assert_int_equal(pclose(judge), 0);
		assert_true(next > told);
	}
}

static const struct {
	const char *in, *out;
} events[] = {
#define OURS                                                                                       \
	"\"organization.id\":\"mallila\",\"agent.id\":\"a1\",\"event.id\":\"a1-0000000000000001-"  \
	"7\",\"event.ingested\":\"2026-11-23T08:00:00.000Z\""
	{ "{}", "{" OURS "}" },
	{ " { } ", "{" OURS "}" },
	{ "{\"a\":[1,{\"id\":2}]}", "{\"a\":[1,{\"id\":2}]," OURS "}" },
	{ "{\"event\":{\"kind\":\"event\"},\"agent\":{},\"organization\":{\"name\":\"M\"}}",
	  "{\"event\":{\"id\":\"a1-0000000000000001-7\",\"ingested\":\"2026-11-23T08:00:00.000Z\","
	  "\"kind\":\"event\"},\"agent\":{\"id\":\"a1\"},\"organization\":{\"id\":\"mallila\","
	  "\"name\":\"M\"}}" },
	{ "{\"organization\":{\"id\":\"evil\"}}",
	  "{\"organization\":{\"id\":\"mallila\"},\"agent.id\":\"a1\",\"event.id\":\"a1-"
	  "0000000000000001-7\","
	  "\"event.ingested\":\"2026-11-23T08:00:00.000Z\"}" },
	{ "{\"organization.id\":\"evil\",\"a\":1}", "{\"a\":1," OURS "}" },
	{ "{\"organi\\u007aation.id\":\"evil\",\"a\":1}", "{\"a\":1," OURS "}" },
	{ "{\"organization\":\"evil\"}", "{\"organization\":\"evil\"," OURS "}" },
	{ "{\"organization\":[{\"id\":\"evil\",\"x\":1},[{\"id\":2}],3]}",
	  "{\"organization\":[{\"x\":1},[{}],3]," OURS "}" },
	{ "{\"organization.id\":{\"id\":\"evil\"},\"organization.id.x\":1,\"organization.idx\":1}",
	  "{\"organization.idx\":1," OURS "}" },
	{ "{\"message\":\"\\\"organization.id\\\":\\\"x\\\"}{\"}",
	  "{\"message\":\"\\\"organization.id\\\":\\\"x\\\"}{\"," OURS "}" },
};

static void test_event(void **state)
{
	struct queue_event ev = { .tenant = "mallila",
				  .sender = "a1",
				  .epoch = 1,
				  .seq = 7,
				  .ingested_ns = INT64_C(1795420800000000000),
				  .id = "a1-0000000000000001-7" };
	static const struct {
		const char *path, *value;
	} set[] = { { "organization.id", "mallila" },
		    { "agent.id", "a1" },
		    { "event.id", "a1-0000000000000001-7" },
		    { "event.ingested", "2026-11-23T08:00:00.000Z" } };
	struct json_index ix = { 0 };
	struct buf out = { 0 };
	struct err err;

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		buf_reset(&out);
		ev.json = slice_str(events[i].in);
		assert_int_equal(queue_event_json(&ev, &out, &err), 0);
		if (!slice_is(buf_view(&out), events[i].out))
			fail_msg("%s gave %s", events[i].in, buf_cstr(&out));
		/* The index of the event, and of the text that was written, say the same. */
		for (int round = 0; round < 2; round++) {
			if (round == 0)
				assert_int_equal(queue_event_index(&ev, &ix, &err), 0);
			else
				assert_int_equal(json_index_read(&ix, buf_view(&out), &err), 0);
			for (size_t k = 0; k < 4; k++) {
				const struct json_field *f =
					json_index_get(&ix, slice_str(set[k].path));

				assert_non_null(f);
				assert_slice(json_field_text(&ix, f), set[k].value);
			}
			for (unsigned k = 0; k < ix.n; k++)
				assert_false(slice_find(json_field_text(&ix, &ix.f[k]),
							SLICE("evil")) >= 0 &&
					     !slice_is(ix.f[k].path, "organization"));
		}
	}
	ev.json = SLICE("{\"a\":");
	assert_int_equal(queue_event_json(&ev, &out, &err), -1);
	assert_int_equal(queue_event_index(&ev, &ix, &err), -1);
	json_index_release(&ix);
	buf_release(&out);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_round_trip),  T(test_conflict),
		T(test_same_commit), T(test_commit_over_files),
		T(test_full),        T(test_disk_full),
		T(test_threads),     T(test_wake),
		T(test_kill),        T(test_event),
	};

	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue's tail: a reader that keeps up is given what the door inflated, any other reads
 * the disk, and nobody can tell which from the events. */
#include "tests/collector/queue_kit.h"

#include <errno.h>

#include "collector/queue/beat.h"

static _Atomic bool sync_fails;
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int __wrap_fdatasync(int fd)
{
	if (!sync_fails)
		return __real_fdatasync(fd);
	errno = EIO;
	return -1;
}

/* Block `number` of sender a with two events, put as the door does it. */
static enum queue_result put_plain(struct queue *q, uint64_t number)
{
	struct queue_block b;
	struct buf mem = { 0 }, frames = { 0 };
	enum queue_result r;
	struct err err;

	block_make(&b, &mem, "a", 1, number, 1, 2 * number - 1, 2);
	assert_int_equal(lj_inflate(b.frame, 1 << 20, &frames, &err), 0);
	b.plain = queue_plain_take(&frames, QUEUE_OWN);
	assert_non_null(b.plain);
	buf_release(&frames);
	r = put_block(q, &b, NULL);
	queue_plain_unref(b.plain);
	buf_release(&mem);
	return r;
}

static const char *expected(uint64_t from, uint64_t to) /* blocks */
{
	static struct buf out;

	buf_reset(&out);
	for (uint64_t n = 2 * from - 1; n <= 2 * to; n++)
		buf_printf(&out, "a:%" PRIu64 "={\"n\":%" PRIu64 "} ", n, n);
	return buf_cstr(&out);
}

static uint64_t from_tail(struct queue *q)
{
	return metric_get(&queue_stats(q)->tail_blocks);
}

static void test_same_from_both(void **state)
{
	struct queue_opts o = opts();
	struct queue *q = open_queue(&o);
	struct queue_reader *rd = open_reader(q, "detect"), *late;
	struct queue_event ev;
	struct err err;
	char id[sizeof(ev.id)];

	for (uint64_t n = 1; n <= 5; n++)
		assert_int_equal(put_plain(q, n), QUEUE_STORED);
	assert_string_equal(read_some(rd, 99), expected(1, 5));
	assert_int_equal(from_tail(q), 5);
	late = open_reader(q, "archive"); /* all is gone from the tail */
	assert_string_equal(read_some(late, 99), expected(1, 5));
	assert_int_equal(from_tail(q), 5);
	assert_int_equal(put_plain(q, 6), QUEUE_STORED);
	assert_int_equal(queue_next(rd, 0, &ev, &err), 1);
	strcpy(id, ev.id);
	assert_string_equal(id, "a-0000000000000001-11");
	assert_int_equal(ev.ingested_ns, INT64_C(1795420800000000000));
	assert_string_equal(ev.tenant, "mallila");
	assert_string_equal(read_some(late, 99), expected(6, 6)); /* both have it */
	assert_int_equal(from_tail(q), 7);
	queue_reader_close(late);
	queue_reader_close(rd);
	queue_close(q);
	q = open_queue(&o);
	late = open_reader(q, "second");
	assert_string_equal(read_some(late, 99), expected(1, 6));
	assert_int_equal(from_tail(q), 0);
	queue_reader_close(late);
	queue_close(q);
}

/* Room for about three blocks. */
static struct queue_opts narrow(void)
{
	struct queue_opts o = opts();

	o.tail_bytes = 400;
	return o;
}

static void test_behind(void **state)
{
	struct queue_opts o = narrow();
	struct queue *q = open_queue(&o);
	struct queue_reader *rd = open_reader(q, "detect");

	for (uint64_t n = 1; n <= 20; n++)
		assert_int_equal(put_plain(q, n), QUEUE_STORED);
	assert_string_equal(read_some(rd, 99), expected(1, 20));
	assert_in_range(from_tail(q), 1, 4);       /* the rest came from the disk */
	for (uint64_t n = 21, was; n <= 25; n++) { /* it keeps up again */
		was = from_tail(q);
		assert_int_equal(put_plain(q, n), QUEUE_STORED);
		assert_string_equal(read_some(rd, 99), expected(n, n));
		assert_int_equal(from_tail(q), was + 1);
	}
	assert_int_equal(put(q, "b", 1, 7, 1), QUEUE_STORED); /* with nothing inflated */
	assert_string_equal(read_some(rd, 99), "b:7={\"n\":7} ");
	queue_reader_close(rd);
	queue_close(q);
}

static void test_slow_takes_nothing_from_quick(void **state)
{
	struct queue_opts o = narrow();
	struct queue *q = open_queue(&o);
	struct queue_reader *quick = open_reader(q, "detect"), *slow = open_reader(q, "archive");

	for (uint64_t n = 1; n <= 20; n++) {
		assert_int_equal(put_plain(q, n), QUEUE_STORED);
		assert_string_equal(read_some(quick, 99), expected(n, n));
	}
	assert_int_equal(from_tail(q), 20);
	assert_string_equal(read_some(slow, 99), expected(1, 20));
	assert_in_range(from_tail(q), 21, 24); /* what was left of it at the end */
	queue_reader_close(slow);
	queue_reader_close(quick);
	queue_close(q);
}

static void test_stopped_within_a_block(void **state)
{
	struct queue_opts o = opts();
	struct queue *q = open_queue(&o);
	struct queue_reader *rd = open_reader(q, "detect"), *other = open_reader(q, "archive");
	struct err err;

	for (uint64_t n = 1; n <= 4; n++)
		assert_int_equal(put_plain(q, n), QUEUE_STORED);
	assert_string_equal(read_some(rd, 3), "a:1={\"n\":1} a:2={\"n\":2} a:3={\"n\":3} ");
	assert_int_equal(queue_reader_commit(rd, &err), 0);
	assert_string_equal(read_some(rd, 2), "a:4={\"n\":4} a:5={\"n\":5} ");
	queue_reader_close(rd);
	rd = open_reader(q, "detect"); /* the other one holds the blocks in the tail */
	assert_int_equal(from_tail(q), 3);
	assert_string_equal(read_some(rd, 1), "a:4={\"n\":4} ");
	assert_int_equal(from_tail(q), 4);
	assert_string_equal(read_some(rd, 99), expected(3, 4));
	assert_string_equal(read_some(other, 99), expected(1, 4));
	queue_reader_close(other);
	queue_reader_close(rd);
	rd = open_reader(q, "detect");
	assert_string_equal(read_some(rd, 1), "a:4={\"n\":4} "); /* from the disk */
	queue_reader_close(rd);
	queue_close(q);
}

/* A Beat's events as they came: blanks instead of "@metadata", from the tail and from the disk. */
static void test_beats(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: not blanked */
	} rows[] = {
		{ "{\"@timestamp\":\"t\",\"@metadata\":{\"a\":\"}\\\"\",\"b\":{}},\"c\":1}",
		  "{\"@timestamp\":\"t\",                               \"c\":1}" },
		{ "{\"@timestamp\":\"t\",\"c\":1}", "{\"@timestamp\":\"t\",\"c\":1}" },
		{ "{\"@timestamp\":\"t\",\"c\":1,\"@metadata\":{}}", NULL },
		{ "{\"@timestamp\":\"t\",\"@metadata\":{}}", NULL },
		{ "{\"@timestamp\":\"t\",\"@metadata\":7,\"c\":1}", NULL },
		{ "{\"@timestamp\":\"t\",\"@metadata\":{\"a", NULL },
		{ "{\"@timestamp\":\"t", NULL },
		{ "{\"c\":1}", NULL },
		{ "", NULL },
	};
	struct queue_opts o = opts();
	struct queue *q = open_queue(&o);
	struct queue_reader *rd = open_reader(q, "detect"), *late;
	struct queue_block b = { .kind = QUEUE_BEAT,
				 .epoch = 1,
				 .number = 1,
				 .floor = 1,
				 .first_seq = 1,
				 .events = 1,
				 .tenant = "mallila",
				 .sender = "b" };
	struct buf frames = { 0 }, packed = { 0 }, text = { 0 };
	struct err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = strlen(rows[i].in);
		char copy[128];

		memcpy(copy, rows[i].in, n);
		assert_int_equal(beat_blank(copy, n), rows[i].out != NULL);
		assert_memory_equal(copy, rows[i].out != NULL ? rows[i].out : rows[i].in, n);
	}
	lj_put_json(&frames, 1, slice_str(rows[0].in));
	assert_int_equal(lj_compress(&packed, buf_view(&frames), 3, &err), 0);
	b.frame = slice_from(buf_view(&packed), 6);
	beat_blank_frames(frames.p, frames.n); /* as the door does */
	b.plain = queue_plain_take(&frames, QUEUE_BEAT);
	assert_int_equal(put_block(q, &b, NULL), QUEUE_STORED);
	queue_plain_unref(b.plain);
	buf_printf(&text, "b:1=%s ", rows[0].out);
	assert_string_equal(read_some(rd, 9), buf_cstr(&text));
	assert_int_equal(from_tail(q), 1);
	late = open_reader(q, "archive");
	assert_string_equal(read_some(late, 9), buf_cstr(&text));
	assert_int_equal(from_tail(q), 1);
	queue_reader_close(late);
	queue_reader_close(rd);
	queue_close(q);
	buf_release(&frames);
	buf_release(&packed);
	buf_release(&text);
}

/* What could not be synced is seen by nobody, and what comes after it by all. */
static void test_failed_sync(void **state)
{
	struct queue_opts o = opts();
	struct queue *q = open_queue(&o);
	struct queue_reader *rd = open_reader(q, "detect");

	assert_int_equal(put_plain(q, 1), QUEUE_STORED);
	sync_fails = true;
	assert_int_equal(put_plain(q, 2), QUEUE_FAILED);
	assert_int_equal(put_plain(q, 3), QUEUE_FAILED);
	sync_fails = false;
	assert_string_equal(read_some(rd, 99), expected(1, 1));
	assert_int_equal(put_plain(q, 2), QUEUE_STORED); /* its sender tries again */
	assert_int_equal(put_plain(q, 2), QUEUE_REPEATED);
	assert_int_equal(put_plain(q, 3), QUEUE_STORED);
	assert_string_equal(read_some(rd, 99), expected(2, 3));
	assert_int_equal(from_tail(q), 3);
	queue_reader_close(rd);
	queue_close(q);
	q = open_queue(&o);
	rd = open_reader(q, "second");
	assert_string_equal(read_some(rd, 99), expected(1, 3));
	queue_reader_close(rd);
	queue_close(q);
}

/* Files are begun and dropped while a reader keeps up; blocks without a plain one come in between.
 */
static void test_over_files(void **state)
{
	struct queue_opts o = opts();
	struct queue_reader *rd;
	struct queue *q;
	struct err err;

	o.segment_bytes = 2000;
	q = open_queue(&o);
	rd = open_reader(q, "detect");
	for (uint64_t n = 1; n <= 60; n++) {
		struct queue_block b;
		struct buf mem = { 0 };

		if (n % 7 == 0) {
			block_make(&b, &mem, "a", 1, n, 1, 2 * n - 1, 2);
			assert_int_equal(put_block(q, &b, NULL), QUEUE_STORED);
			buf_release(&mem);
		} else {
			assert_int_equal(put_plain(q, n), QUEUE_STORED);
		}
		assert_string_equal(read_some(rd, 99), expected(n, n));
		assert_int_equal(queue_reader_commit(rd, &err), 0);
	}
	assert_int_equal(from_tail(q), 60 - 8);
	queue_reader_close(rd);
	queue_close(q);
}

/* More blocks than the tail has places for, all of them small. */
static void test_many_small(void **state)
{
	struct queue_opts o = opts();
	struct queue *q;
	struct queue_reader *rd;
	struct queue_event ev;
	struct err err;
	uint64_t seq = 0;

	o.commit_ms = 0;
	q = open_queue(&o);
	rd = open_reader(q, "detect");
	for (uint64_t n = 1; n <= 1300; n++)
		assert_int_equal(put_plain(q, n), QUEUE_STORED);
	while (queue_next(rd, 0, &ev, &err) == 1)
		assert_int_equal(ev.seq, ++seq);
	assert_int_equal(seq, 2600);
	assert_int_equal(from_tail(q), 1024);
	queue_reader_close(rd);
	queue_close(q);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_same_from_both),
		T(test_behind),
		T(test_slow_takes_nothing_from_quick),
		T(test_stopped_within_a_block),
		T(test_failed_sync),
		T(test_over_files),
		T(test_many_small),
		T(test_beats),
	};

	return RUN_TESTS(tests);
}

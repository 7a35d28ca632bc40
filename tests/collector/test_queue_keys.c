/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue: which blocks are known, over restarts and lost files, and within what bounds. */
#include "tests/collector/queue_kit.h"

#include "collector/queue/keys.h"

/* A row is one put; over and over with a restart before each of them, and without. */
static const struct {
	const char *name, *sender;
	uint64_t epoch, number, floor;
	enum queue_result res;
	uint64_t high_water; /* after it */
} attempts[] = {
	{ "the first", "a", 1, 1, 1, QUEUE_STORED, 1 },
	{ "again", "a", 1, 1, 1, QUEUE_REPEATED, 1 },
	{ "a gap", "a", 1, 4, 1, QUEUE_STORED, 1 },
	{ "a gap, again", "a", 1, 4, 1, QUEUE_REPEATED, 1 },
	{ "another agent", "b", 1, 1, 1, QUEUE_STORED, 1 },
	{ "another epoch", "a", 2, 1, 1, QUEUE_STORED, 1 },
	{ "in the gap", "a", 1, 3, 1, QUEUE_STORED, 1 },
	{ "closes the gap", "a", 1, 2, 1, QUEUE_STORED, 4 },
	{ "all are known", "a", 1, 3, 1, QUEUE_REPEATED, 4 },
	{ "far ahead", "a", 1, 9, 1, QUEUE_STORED, 4 },
	{ "the floor closes what was dropped", "a", 1, 12, 8, QUEUE_STORED, 7 },
	{ "below the floor", "a", 1, 6, 1, QUEUE_REPEATED, 7 },
	{ "joins a range", "a", 1, 8, 8, QUEUE_STORED, 9 },
	{ "the floor is its own number", "a", 1, 20, 20, QUEUE_STORED, 20 },
	{ "an older floor lowers nothing", "a", 1, 21, 2, QUEUE_STORED, 21 },
	{ "what the floor passed", "a", 1, 11, 2, QUEUE_REPEATED, 21 },
	{ "the first block with a high floor", "c", 7, 100, 98, QUEUE_STORED, 97 },
	{ "and the one it holds", "c", 7, 98, 98, QUEUE_STORED, 98 },
	{ "and the next", "c", 7, 99, 98, QUEUE_STORED, 100 },
};

static void run_puts(bool restart)
{
	struct queue_opts o = opts();
	struct queue *q;
	uint64_t stored = 0, held = 0;
	struct queue_reader *rd;
	struct queue_event ev;
	struct err err;

	o.segment_bytes = restart ? 700 : 0; /* so that snapshots carry some of it */
	q = open_queue(&o);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		enum queue_result r = put(q, attempts[i].sender, attempts[i].epoch,
					  attempts[i].number, attempts[i].floor);

		if (r != attempts[i].res)
			fail_msg("%s: %d", attempts[i].name, r);
		if (restart) {
			queue_close(q);
			q = open_queue(&o);
		}
		if (queue_high_water(q, "mallila", attempts[i].sender, attempts[i].epoch) !=
		    attempts[i].high_water)
			fail_msg("%s: high water", attempts[i].name);
		stored += r == QUEUE_STORED;
	}
	assert_int_equal(queue_high_water(q, "other", "a", 1), 0);
	rd = open_reader(q, "detect");
	while (queue_next(rd, 0, &ev, &err) == 1)
		held++;
	assert_int_equal(held, stored);
	queue_reader_close(rd);
	queue_close(q);
}

static void test_keys(void **state)
{
	run_puts(false);
}

static void test_keys_over_restarts(void **state)
{
	run_puts(true);
}

/* A start is the upper 24 bits of an epoch: two epochs of one start went on from one state. */
static void test_went_back(void **state)
{
	const uint64_t start = UINT64_C(1) << 40;
	struct queue_opts o = opts();
	struct queue *q = open_queue(&o);

	for (uint64_t n = 1; n <= 5; n++)
		assert_int_equal(put(q, "a", n * start + 7, 1, 1), QUEUE_STORED);
	assert_int_equal(put(q, "a", 3 * start + 7, 2, 1), QUEUE_STORED); /* a late one */
	assert_int_equal(put(q, "b", 3 * start + 8, 1, 1), QUEUE_STORED); /* another agent */
	assert_string_equal(tellings, "");
	assert_int_equal(put(q, "a", 3 * start + 8, 1, 1), QUEUE_STORED);
	assert_string_equal(tellings, "3 mallila/a block 1 of epoch 00000|");
	assert_int_equal(put(q, "a", 3 * start + 8, 2, 1), QUEUE_STORED); /* told once */
	assert_string_equal(tellings, "3 mallila/a block 1 of epoch 00000|");
	queue_close(q);
}

/* A block that came again after many others cannot be compared any more: dropped, and told. */
static void test_long_ago(void **state)
{
	struct queue_opts o = opts();
	struct queue *q = open_queue(&o);
	const uint64_t many = 70;

	for (uint64_t n = 1; n <= many; n++)
		assert_int_equal(put(q, "a", 1, n, 1), QUEUE_STORED);
	for (uint64_t n = many; n > many - 64; n--)
		assert_int_equal(put(q, "a", 1, n, 1), QUEUE_REPEATED);
	assert_string_equal(tellings, "");
	assert_int_equal(put(q, "a", 1, 2, 1), QUEUE_REPEATED);
	assert_string_equal(tellings, "3 mallila/a block 2 of epoch 00000|");
	queue_close(q);
}

/* The memory of keys outlives the files that its blocks were in. */
static void test_keys_outlive_files(void **state)
{
	struct queue_opts o = opts();
	struct queue *q;
	struct queue_reader *rd;
	struct err err;
	char path[128];

	o.segment_bytes = 600;
	q = open_queue(&o);
	rd = open_reader(q, "detect");
	for (uint64_t n = 1; n <= 40; n++) {
		assert_int_equal(put(q, "a", 5, n, 1), QUEUE_STORED);
		read_some(rd, 10);
		assert_int_equal(queue_reader_commit(rd, &err), 0);
	}
	for (int i = 0; i < 1000 && metric_get(&queue_stats(q)->bytes) > 2000; i++)
		put(q, "b", 5, (uint64_t)i + 1, 1);
	queue_reader_close(rd);
	queue_close(q);
	snprintf(path, sizeof(path), "%s/log/0000000000000001.seg", dir);
	assert_int_equal(access(path, F_OK), -1);
	q = open_queue(&o);
	assert_int_equal(queue_high_water(q, "mallila", "a", 5), 40);
	for (uint64_t n = 1; n <= 40; n++)
		assert_int_equal(put(q, "a", 5, n, 1), QUEUE_REPEATED);
	queue_close(q);
}

/* No more than 1,024 gaps are remembered; the missing blocks are still taken. */
static void test_crowded(void **state)
{
	struct queue_opts o = opts();
	struct queue *q;

	o.commit_ms = 0;
	q = open_queue(&o);
	for (uint64_t i = 0; i < 1024; i++)
		assert_int_equal(put(q, "a", 1, 3 + 2 * i, 1), QUEUE_STORED);
	assert_int_equal(put(q, "a", 1, 5000, 1), QUEUE_FULL);
	assert_int_equal(put(q, "a", 1, 4, 1), QUEUE_STORED); /* joins two */
	assert_int_equal(put(q, "a", 1, 5000, 1), QUEUE_STORED);
	assert_int_equal(put(q, "a", 1, 1, 1), QUEUE_STORED);
	assert_int_equal(put(q, "a", 1, 2, 1), QUEUE_STORED);
	assert_int_equal(queue_high_water(q, "mallila", "a", 1), 5);
	queue_close(q);
}

struct tally {
	_Atomic int of[QUEUE_FAILED + 1];
};

static void on_tally(void *arg, enum queue_result res, const struct err *err)
{
	((struct tally *)arg)->of[res]++;
}

/* All in one commit, that of the close: it comes long before its time. */
static struct queue *open_gathering(void)
{
	struct queue_opts o = opts();

	o.commit_ms = 600000;
	o.commit_bytes = UINT64_C(1) << 30;
	return open_queue(&o);
}

static void put_tallied(struct queue *q, const char *sender, uint64_t epoch, uint64_t number,
			uint64_t floor, struct tally *ty)
{
	struct queue_block b;
	struct buf mem = { 0 };
	struct err err;

	block_make(&b, &mem, sender, epoch, number, floor, number, 1);
	assert_int_equal(queue_put(q, &b, on_tally, ty, &err), 0);
	buf_release(&mem);
}

/* One commit makes many gaps: there is room for each, and each is remembered. */
static void test_gaps_of_one_commit(void **state)
{
	struct queue_opts o = opts();
	struct queue *q = open_gathering();
	struct tally ty = { 0 };
	const uint64_t gaps = 100;

	for (uint64_t n = 1; n <= gaps; n++) {
		put_tallied(q, "a", 1, 2 * n, 1, &ty);
		put_tallied(q, "b", 1, 2 * n, 1, &ty);
	}
	queue_close(q);
	assert_int_equal(ty.of[QUEUE_STORED], 2 * gaps);
	o.commit_ms = 0;
	q = open_queue(&o);
	for (uint64_t n = 1; n <= gaps; n++) {
		assert_int_equal(put(q, "a", 1, 2 * n, 1), QUEUE_REPEATED);
		assert_int_equal(put(q, "b", 1, 2 * n, 1), QUEUE_REPEATED);
	}
	assert_int_equal(queue_high_water(q, "mallila", "a", 1), 0);
	assert_int_equal(put(q, "a", 1, 1, 1), QUEUE_STORED);
	assert_int_equal(queue_high_water(q, "mallila", "a", 1), 2);
	queue_close(q);
}

/* The bounds hold within one commit, too: what is past them comes again, and is taken then. */
static void test_crowded_commit(void **state)
{
	struct queue_opts o = opts();
	struct queue *q = open_gathering();
	struct tally ty = { 0 };

	for (uint64_t n = 1; n <= 1030; n++)
		put_tallied(q, "a", 1, 2 * n, 1, &ty);
	for (uint64_t n = 1; n <= 260; n++)
		put_tallied(q, "b", n, 7, 1, &ty);
	queue_close(q);
	assert_int_equal(ty.of[QUEUE_STORED], 1024 + 256);
	assert_int_equal(ty.of[QUEUE_FULL], 6 + 4);
	q = open_gathering();
	for (uint64_t n = 1; n <= 3; n++) /* the floor makes place for one */
		put_tallied(q, "a", 1, 5000 + 2 * n, 3, &ty);
	queue_close(q);
	assert_int_equal(ty.of[QUEUE_STORED], 1024 + 256 + 1);
	o.commit_ms = 0;
	o.segment_bytes = 700; /* the next block begins a file, with a snapshot */
	q = open_queue(&o);
	assert_int_equal(put(q, "a", 1, 2060, 1), QUEUE_FULL);
	assert_int_equal(put(q, "a", 1, 2060, 2060), QUEUE_STORED);
	assert_int_equal(put(q, "b", 260, 7, 1), QUEUE_STORED);
	assert_int_equal(put(q, "b", 256, 7, 1), QUEUE_REPEATED);
	queue_close(q);
	q = open_queue(&o);
	assert_int_equal(queue_high_water(q, "mallila", "a", 1), 2060);
	assert_int_equal(put(q, "b", 260, 7, 1), QUEUE_REPEATED);
	queue_close(q);
}

/* What did not become durable holds no place. */
static void test_keys_released(void **state)
{
	struct keys *k = keys_new();
	struct queue_block b = { .tenant = "mallila", .sender = "a", .epoch = 1, .number = 5 };
	struct err err;

	assert_non_null(k);
	for (unsigned i = 0; i < 2 * KEYS_RANGES; i++) {
		assert_int_equal(keys_ask(k, &b), KEYS_NEW);
		assert_int_equal(keys_reserve(k, &b, 1, &err), 0);
		keys_release(k, &b);
	}
	for (b.number = 4; b.number <= 2 * KEYS_RANGES; b.number += 2)
		assert_int_equal(keys_reserve(k, &b, 1, &err), 0);
	keys_forget(k, -1); /* all, but not what is under way */
	for (b.number = 4; b.number <= 2 * KEYS_RANGES; b.number += 2)
		keys_mark(k, &b, 1);
	for (b.number = 3; b.number <= 2 * KEYS_RANGES; b.number++)
		assert_int_equal(keys_ask(k, &b) == KEYS_NEW, b.number % 2);
	keys_forget(k, -1);
	b.number = 4;
	assert_int_equal(keys_ask(k, &b), KEYS_NEW);
	keys_free(k);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_keys),
		T(test_keys_over_restarts),
		T(test_went_back),
		T(test_long_ago),
		T(test_keys_outlive_files),
		T(test_crowded),
		T(test_gaps_of_one_commit),
		T(test_crowded_commit),
		T(test_keys_released),
	};

	return RUN_TESTS(tests);
}

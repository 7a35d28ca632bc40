/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue's readers: each gets every event in order, from its own place; a log that was
 * lost or cut moves the place and says so; what cannot be decoded stops nobody. */
#include "tests/collector/queue_kit.h"

static void test_readers(void **state)
{
	struct queue_opts o = opts();
	struct queue *q = open_queue(&o);
	struct queue_reader *a = open_reader(q, "detect"), *b = NULL;
	struct queue_block blk;
	struct buf mem = { 0 };
	struct err err;
	char path[128];
	int fd;

	block_make(&blk, &mem, "x", 1, 1, 1, 1, 4);
	assert_int_equal(put_block(q, &blk, NULL), QUEUE_STORED);
	assert_int_equal(put(q, "x", 1, 2, 1), QUEUE_STORED);
	assert_int_equal(queue_reader_open(q, "detect", &b, &err), -1);
	assert_int_equal(err.code, ERR_BUSY);
	assert_int_equal(queue_reader_open(q, "../x", &b, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(read_some(a, 2), "x:1={\"n\":1} x:2={\"n\":2} ");
	assert_int_equal(queue_reader_commit(a, &err), 0);
	assert_string_equal(read_some(a, 1), "x:3={\"n\":3} "); /* not committed */
	b = open_reader(q, "archive"); /* independent, from the oldest on */
	assert_string_equal(read_some(b, 1), "x:1={\"n\":1} ");
	queue_reader_close(a);
	queue_reader_close(b);
	queue_close(q);
	q = open_queue(&o);
	a = open_reader(q, "detect");
	assert_int_equal(queue_reader_commit(a, &err), 0); /* nothing read: the place stays */
	assert_string_equal(read_some(a, 9), "x:3={\"n\":3} x:4={\"n\":4} x:2={\"n\":2} ");
	assert_int_equal(queue_reader_commit(a, &err), 0);
	queue_reader_close(a);
	a = open_reader(q, "detect");
	assert_string_equal(read_some(a, 9), "");
	queue_reader_close(a);
	/* A position torn while it was written: the one before it holds. */
	snprintf(path, sizeof(path), "%s/readers/detect", dir);
	fd = open(path, O_RDWR);
	for (int slot = 0; slot < 2; slot++) {
		uint8_t was, wrong;

		assert_int_equal(pread_all(fd, &was, 1, slot * 64 + 30), 1);
		wrong = (uint8_t)(was ^ 1);
		assert_int_equal(pwrite_all(fd, &wrong, 1, slot * 64 + 30), 0);
		a = open_reader(q, "detect");
		read_some(a, 9);
		assert_true(metric_get(&queue_stats(q)->quarantined) == 0);
		queue_reader_close(a);
		assert_int_equal(pwrite_all(fd, &was, 1, slot * 64 + 30), 0);
	}
	close(fd);
	queue_close(q);
	buf_release(&mem);
}

/* Positions outlive the log that they are in: it was deleted, or its end was cut. Blocks that come
 * before the reader is opened again are read all the same. */
static void run_log_lost(uint64_t segment_bytes, uint64_t blocks)
{
	struct queue_opts o = opts();
	struct queue *q;
	struct queue_reader *rd;
	struct err err;
	char path[128];

	o.segment_bytes = segment_bytes;
	q = open_queue(&o);
	for (uint64_t n = 1; n <= blocks; n++)
		assert_int_equal(put(q, "x", 1, n, 1), QUEUE_STORED);
	rd = open_reader(q, "detect");
	assert_null(queue_reader_note(rd));
	read_some(rd, 100);
	assert_int_equal(queue_reader_commit(rd, &err), 0);
	queue_reader_close(rd);
	queue_close(q);
	snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	q = open_queue(&o);
	assert_int_equal(put(q, "x", 2, 1, 1), QUEUE_STORED);
	rd = open_reader(q, "detect");
	assert_non_null(queue_reader_note(rd));
	assert_int_equal(put(q, "x", 2, 2, 1), QUEUE_STORED);
	assert_string_equal(read_some(rd, 9), "x:1={\"n\":1} x:2={\"n\":2} ");
	assert_int_equal(queue_reader_commit(rd, &err), 0);
	queue_reader_close(rd);
	queue_close(q);
	q = open_queue(&o); /* the new position is a good one */
	rd = open_reader(q, "detect");
	assert_null(queue_reader_note(rd));
	assert_string_equal(read_some(rd, 9), "");
	queue_reader_close(rd);
	queue_close(q);
}

static void test_log_deleted(void **state)
{
	run_log_lost(0, 5);
}

static void test_log_deleted_files(void **state)
{
	run_log_lost(600, 20);
}

static void test_log_cut(void **state)
{
	struct queue_opts o = opts();
	struct queue *q = open_queue(&o);
	struct queue_reader *rd = open_reader(q, "detect");
	struct err err;
	char path[128];
	uint64_t end;

	assert_int_equal(put(q, "x", 1, 1, 1), QUEUE_STORED);
	end = metric_get(&queue_stats(q)->bytes);
	assert_int_equal(put(q, "x", 1, 2, 1), QUEUE_STORED);
	read_some(rd, 9);
	assert_int_equal(queue_reader_commit(rd, &err), 0);
	queue_reader_close(rd);
	queue_close(q);
	snprintf(path, sizeof(path), "%s/log/0000000000000001.seg", dir);
	assert_int_equal(truncate(path, (off_t)end), 0);
	q = open_queue(&o);
	assert_int_equal(put(q, "x", 1, 3, 1), QUEUE_STORED);
	rd = open_reader(q, "detect");
	assert_non_null(queue_reader_note(rd));
	assert_string_equal(read_some(rd, 9), "x:3={\"n\":3} ");
	queue_reader_close(rd);
	queue_close(q);
}

static int count_files(const char *sub)
{
	char path[128];
	struct dirent *e;
	DIR *d;
	int n = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, sub);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void test_quarantine(void **state)
{
	struct queue_opts o = opts();
	struct queue *q = open_queue(&o);
	struct queue_reader *rd = open_reader(q, "detect");
	struct queue_block b;
	struct buf mem = { 0 };

	assert_int_equal(put(q, "a", 1, 1, 1), QUEUE_STORED);
	block_make(&b, &mem, "a", 1, 2, 1, 2, 1);
	b.frame = SLICE("not zlib");
	assert_int_equal(put_block(q, &b, NULL), QUEUE_STORED);
	block_make(&b, &mem, "a", 1, 3, 1, 3, 2);
	b.events = 3; /* not what is inside */
	assert_int_equal(put_block(q, &b, NULL), QUEUE_STORED);
	assert_int_equal(put(q, "a", 1, 4, 1), QUEUE_STORED);
	assert_string_equal(read_some(rd, 9), "a:1={\"n\":1} ! ! a:4={\"n\":4} ");
	assert_int_equal(metric_get(&queue_stats(q)->quarantined), 2);
	assert_int_equal(count_files("quarantine"), 2);
	assert_string_equal(tellings, "1 mallila/a a block of the queue c|"
				      "1 mallila/a a block of the queue c|");
	queue_reader_close(rd);
	queue_close(q);
	buf_release(&mem);
}

/* Files with blocks that were not read yet: gone, emptied or cut; the first, or all of them. */
static void test_files_lost(void **state)
{
	static const struct {
		int size; /* -1: deleted */
		bool all;
		uint64_t damaged;
		const char *read; /* of blocks 1 to 4, each in a file of its own */
	} rows[] = {
		{ 0, false, 1, "! x:2={\"n\":2} x:3={\"n\":3} x:4={\"n\":4} " },
		{ -1, false, 1, "! x:2={\"n\":2} x:3={\"n\":3} x:4={\"n\":4} " },
		{ 60, false, 1, "! x:2={\"n\":2} x:3={\"n\":3} x:4={\"n\":4} " },
		{ 0, true, 4, "! ! ! ! " },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct queue_opts o = opts();
		struct queue *q;
		struct queue_reader *rd;
		char path[128];

		o.segment_bytes = 128;
		q = open_queue(&o);
		queue_reader_close(open_reader(q, "detect"));
		for (uint64_t n = 1; n <= 4; n++)
			assert_int_equal(put(q, "x", 1, n, 1), QUEUE_STORED);
		queue_close(q);
		for (unsigned k = 1; k <= (rows[i].all ? 4u : 1u); k++) {
			snprintf(path, sizeof(path), "%s/log/%016x.seg", dir, k);
			assert_int_equal(
				rows[i].size < 0 ? unlink(path) : truncate(path, rows[i].size), 0);
		}
		q = open_queue(&o);
		assert_int_equal(metric_get(&queue_stats(q)->damaged), rows[i].damaged);
		rd = open_reader(q, "detect");
		tellings[0] = '\0';
		assert_string_equal(read_some(rd, 9), rows[i].read);
		assert_non_null(
			strstr(tellings, rows[i].size == 60 ? "1 / " : "1 / blocks of the queue"));
		queue_reader_close(rd);
		queue_close(q);
		remove_dir(NULL);
		make_dir(NULL);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_readers), T(test_log_deleted), T(test_log_deleted_files),
		T(test_log_cut), T(test_quarantine),  T(test_files_lost),
	};

	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue: damage that readers had passed is told when the queue is opened, place by place,
 * with whose it was; what they have not passed is left to them. */
#include "tests/collector/queue_kit.h"

static char said[4096];
static unsigned n_said;

static void on_damage(void *arg, const struct queue_damage *d)
{
	size_t n = strlen(said);
	const char *name = strrchr(d->file, '/');

	n_said++;
	snprintf(said + n, sizeof(said) - n, "%s %s", name != NULL ? name + 14 : "",
		 d->bytes > 0 ? "damaged" : "gone");
	n = strlen(said);
	if (d->blocks > 0)
		snprintf(said + n, sizeof(said) - n,
			 " %s/%s %" PRIu64 ":%" PRIu64 " %" PRIu64 "+%" PRIu64, d->first.tenant,
			 d->first.sender, d->first.epoch, d->first.number, d->blocks, d->events);
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "; ");
}

static struct queue_opts told_opts(uint64_t segment_bytes)
{
	struct queue_opts o = opts();

	o.segment_bytes = segment_bytes;
	o.retain_bytes = 1 << 20;
	o.damage.tell = on_damage;
	said[0] = '\0';
	n_said = 0;
	return o;
}

static const char *file_path(unsigned n)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/log/%016x.seg", dir, n);
	return path;
}

/* A bit of the block's frame, or of the name of its tenant's length. */
static void flip(unsigned file, int by)
{
	struct buf whole = { 0 };
	struct err err;
	ssize_t at = 0, next;
	char c;
	int fd;

	assert_int_equal(file_read(file_path(file), 1 << 20, &whole, &err), 0);
	/* Tenant and sender, then the frame; the snapshot before it knows them, too. */
	while ((next = slice_find(slice_from(buf_view(&whole), (size_t)at + 1),
				  SLICE("mallilax"))) >= 0)
		at += 1 + next;
	assert_true(at > 0);
	c = (char)(whole.p[at + by] ^ 1);
	fd = open(file_path(file), O_WRONLY);
	assert_int_equal(pwrite_all(fd, &c, 1, at + by), 0);
	close(fd);
	buf_release(&whole);
}

/* Blocks 1 to 6 of 3 events each, a file for each; the reader has dealt with so many. */
static void fill(const struct queue_opts *o, unsigned passed)
{
	struct queue *q = open_queue(o);
	struct queue_reader *rd = open_reader(q, "detect");
	struct buf mem = { 0 };
	struct queue_event ev;
	struct queue_block b;
	struct err err;

	for (unsigned i = 1; i <= 6; i++) {
		block_make(&b, &mem, "x", 7, i, 1, 3 * i, 3);
		assert_int_equal(put_block(q, &b, NULL), QUEUE_STORED);
	}
	for (unsigned i = 0; i < 3 * passed; i++)
		assert_int_equal(queue_next(rd, 1000, &ev, &err), 1);
	assert_int_equal(queue_reader_commit(rd, &err), 0);
	queue_reader_close(rd);
	queue_close(q);
	buf_release(&mem);
}

enum harm { NONE, FRAME, LENGTH, EMPTIED, REMOVED };

static void test_rows(void **state)
{
	static const struct {
		enum harm harm[2]; /* to the second file, and to the fourth */
		unsigned passed;
		const char *said;
		uint64_t events; /* that can be told */
	} rows[] = {
		{ { NONE, NONE }, 6, "", 0 },
		{ { FRAME, NONE }, 6, "002.seg damaged mallila/x 7:2 1+3; ", 3 },
		{ { FRAME, FRAME },
		  6,
		  "002.seg damaged mallila/x 7:2 1+3; 004.seg damaged mallila/x 7:4 1+3; ",
		  6 },
		/* The reader comes upon the fourth itself. */
		{ { FRAME, FRAME }, 3, "002.seg damaged mallila/x 7:2 1+3; ", 3 },
		{ { FRAME, NONE }, 0, "", 0 },
		{ { LENGTH, NONE }, 6, "002.seg damaged; ", 0 },
		{ { EMPTIED, REMOVED }, 6, "002.seg gone; 004.seg gone; ", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct queue_opts o = told_opts(128);
		struct queue *q;
		uint64_t places = 0;

		fill(&o, rows[i].passed);
		assert_string_equal(said, "");
		for (unsigned k = 0; k < 2; k++) {
			const unsigned file = 2 + 2 * k;

			places += rows[i].harm[k] != NONE;
			if (rows[i].harm[k] == FRAME)
				flip(file, 20);
			else if (rows[i].harm[k] == LENGTH)
				flip(file, -56 - 24 + 2); /* of the record */
			else if (rows[i].harm[k] == EMPTIED)
				assert_int_equal(truncate(file_path(file), 0), 0);
			else if (rows[i].harm[k] == REMOVED)
				assert_int_equal(unlink(file_path(file)), 0);
		}
		q = open_queue(&o);
		if (strcmp(said, rows[i].said) != 0)
			fail_msg("row %zu: %s", i, said);
		assert_int_equal(metric_get(&queue_stats(q)->damaged), places);
		assert_int_equal(metric_get(&queue_stats(q)->events_damaged), rows[i].events);
		queue_close(q);
		remove_dir(NULL);
		make_dir(NULL);
	}
}

/* A bound on what is told one by one; the count goes on. */
static void test_many(void **state)
{
	struct queue_opts o = told_opts(128);
	struct queue *q = open_queue(&o);
	struct queue_reader *rd = open_reader(q, "detect");
	struct err err;

	for (unsigned i = 1; i <= 20; i++)
		assert_int_equal(put(q, "x", 7, i, 1), QUEUE_STORED);
	read_some(rd, 20);
	assert_int_equal(queue_reader_commit(rd, &err), 0);
	queue_reader_close(rd);
	queue_close(q);
	for (unsigned i = 1; i < 20; i++)
		flip(i, 20);
	q = open_queue(&o);
	assert_int_equal(n_said, QUEUE_DAMAGE_MAX);
	assert_int_equal(strncmp(said, "001.seg damaged mallila/x 7:1 1+1; 002.seg", 42), 0);
	assert_int_equal(metric_get(&queue_stats(q)->damaged), 19);
	queue_close(q);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_rows),
		T(test_many),
	};

	return RUN_TESTS(tests);
}

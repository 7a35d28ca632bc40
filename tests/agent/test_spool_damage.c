/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool: a damaged place on disk is told once, counted where that is possible, and passed. */
#include "tests/agent/spool_kit.h"

static unsigned places;
static char last[512]; /* what was told */

static void on_damaged(void *arg, const struct err *err)
{
	assert_int_equal(err->code, ERR_SYNTAX);
	snprintf(last, sizeof(last), "%s", err->msg);
	places++;
}

/* Blocks 1 to 4 with so many events each, every one synced by itself. */
static struct spool *with_blocks(const struct spool_opts *o)
{
	struct spool *sp = open_spool(o);

	places = 0;
	for (int i = 1; i <= 4; i++) {
		for (int k = 0; k < i; k++) {
			char event[32], value[16];

			snprintf(event, sizeof(event), "{\"n\":%d}", i);
			snprintf(value, sizeof(value), "place-%d", i);
			assert_int_equal(add(sp, LANE_KEEP, event, "k", value), 0);
		}
		settle(sp);
	}
	return sp;
}

#define TAKEN 33 /* bytes that the count before the block takes in its checkpoints */

/* Turns a bit of what stands `by` bytes from block n's checkpoint. */
static void damage(int n, int by)
{
	struct buf whole = { 0 };
	char path[128], mark[24], c;
	struct err err;
	ssize_t at;
	int fd;

	snprintf(path, sizeof(path), "%s/keep/0000000000000001.seg", dir);
	snprintf(mark, sizeof(mark), "kplace-%d", n);
	assert_int_equal(file_read(path, 8 << 20, &whole, &err), 0);
	at = slice_find(buf_view(&whole), slice_str(mark));
	assert_true(at > 0);
	c = (char)(whole.p[at + by] ^ 4);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite_all(fd, &c, 1, (off_t)at + by), 0);
	close(fd);
	buf_release(&whole);
}

static struct spool_opts damage_opts(void)
{
	struct spool_opts o = opts();

	o.damaged = on_damaged;
	return o;
}

static void expect(struct spool *sp, uint64_t n_places, uint64_t blocks, uint64_t events)
{
	const struct spool_stats *st = spool_stats(sp);

	assert_int_equal(places, n_places);
	assert_int_equal(metric_get(&st->places_damaged), n_places);
	assert_int_equal(metric_get(&st->blocks_damaged), blocks);
	assert_int_equal(metric_get(&st->events_damaged), events);
	assert_int_equal(metric_get(&st->events_dropped), 0);
	if (places > 0)
		assert_non_null(strstr(last, "keep/0000000000000001.seg is damaged"));
}

#define FIRST  "1[1,1]{\"n\":1} "
#define SECOND "2[2,1]{\"n\":2}{\"n\":2} "
#define THIRD  "3[4,1]{\"n\":3}{\"n\":3}{\"n\":3} "
#define FOURTH "4[7,1]{\"n\":4}{\"n\":4}{\"n\":4}{\"n\":4} "

/* Bad already when the spool is opened: in the frame, so that the block's own numbers are sound. */
static void test_before_opening(void **state)
{
	struct spool_opts o = damage_opts();
	struct spool *sp = with_blocks(&o);

	close_spool(sp);
	damage(2, 20);
	sp = open_spool(&o);
	assert_int_equal(metric_get(&spool_stats(sp)->blocks), 3);
	assert_slice(spool_checkpoint(sp, SLICE("k")), "place-4");
	assert_string_equal(lend_all(sp, false), FIRST THIRD FOURTH);
	expect(sp, 1, 1, 2);
	spool_rewind(sp);
	assert_string_equal(lend_all(sp, true), FIRST THIRD FOURTH);
	expect(sp, 1, 1, 2); /* told once */
	assert_int_equal(metric_get(&spool_stats(sp)->events), 0);
	close_spool(sp);
}

/* Its numbers are what is damaged: those around it tell. */
static void test_without_numbers(void **state)
{
	struct spool_opts o = damage_opts();
	struct spool *sp = with_blocks(&o);

	close_spool(sp);
	damage(2, -TAKEN - 54 + 8 + 3); /* a high byte of the block's number */
	sp = open_spool(&o);
	assert_string_equal(lend_all(sp, true), FIRST THIRD FOURTH);
	expect(sp, 1, 1, 2);
	close_spool(sp);
}

/* A block that was acknowledged is no loss. */
static void test_acknowledged(void **state)
{
	struct spool_opts o = damage_opts();
	struct spool *sp = with_blocks(&o);
	struct spool_block b;
	struct err err;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(spool_next(sp, &b, &err), 1);
		spool_ack(sp, b.epoch, b.number, &err);
	}
	close_spool(sp);
	damage(2, 20);
	sp = open_spool(&o);
	assert_string_equal(lend_all(sp, true), THIRD FOURTH);
	expect(sp, 0, 0, 0);
	close_spool(sp);
}

/* Bad while the spool is open: what was held and does not come is counted, and nothing is held in
 * the end. Also where it is the last block of all. */
static void test_while_open(void **state)
{
	for (int n = 2; n <= 4; n += 2) {
		struct spool_opts o = damage_opts();
		struct spool *sp = with_blocks(&o);

		sp = reopen(sp, &o);
		assert_int_equal(metric_get(&spool_stats(sp)->events), 10);
		damage(n, 20);
		assert_string_equal(lend_all(sp, true),
				    n == 2 ? FIRST THIRD FOURTH : FIRST SECOND THIRD);
		assert_int_equal(metric_get(&spool_stats(sp)->events), 0);
		assert_int_equal(metric_get(&spool_stats(sp)->blocks), 0);
		expect(sp, 1, 1, (uint64_t)n);
		add(sp, LANE_KEEP, "{\"n\":5}", "k", "place-5");
		settle(sp);
		assert_string_equal(lend_all(sp, true), "1[1,1]{\"n\":5} ");
		close_spool(sp);
		remove_dir(NULL);
		make_dir(NULL);
	}
}

/* --- several files: 40 blocks of one event that fills a good part of a file of 64 KiB --- */

#define MANY 40

/* A block with this number was in this file when it was written. */
static unsigned file_of[MANY + 1];
static unsigned n_files;
static enum lane lane; /* that the blocks go to */

static struct spool_opts files_opts(void)
{
	struct spool_opts o = damage_opts();

	o.max_bytes = 1 << 20;
	return o;
}

static const char *file_path(unsigned number)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s/%016x.seg", dir, lane == LANE_KEEP ? "keep" : "lossy",
		 number);
	return path;
}

/* acked: so many blocks, the oldest, are acknowledged. lossy: the other lane takes every second. */
static void fill_files(const struct spool_opts *o, unsigned acked, bool lossy)
{
	struct spool *sp = open_spool(o);
	struct spool_block b;
	static char event[12000];
	unsigned seed = 7;
	struct err err;

	places = 0;
	n_files = 0;
	for (unsigned i = 1; i <= MANY; i++) {
		noise(event, sizeof(event) - 1, &seed);
		assert_int_equal(add(sp, lane, event, "k", "x"), 0);
		settle(sp);
		if (lossy)
			add(sp, LANE_LOSSY, "{\"n\":0}", "", "");
		settle(sp);
		while (access(file_path(n_files + 1), F_OK) == 0)
			n_files++;
		file_of[i] = n_files;
	}
	for (unsigned i = 0; i < acked; i++) {
		assert_int_equal(spool_next(sp, &b, &err), 1);
		assert_int_equal(spool_ack(sp, b.epoch, b.number, &err), 0);
	}
	close_spool(sp);
	assert_true(n_files >= 5);
}

/* How many blocks after the first `acked` stood in the file. */
static unsigned blocks_in(unsigned file, unsigned acked)
{
	unsigned n = 0;

	for (unsigned i = acked + 1; i <= MANY; i++)
		n += file_of[i] == file;
	return n;
}

static unsigned lend_count(struct spool *sp)
{
	struct spool_block b;
	struct err err;
	unsigned n = 0;

	while (spool_next(sp, &b, &err) == 1) {
		n++;
		assert_int_equal(spool_ack(sp, b.epoch, b.number, &err), 0);
	}
	return n;
}

/* So many are lost, at one place, of which `words` is told; once all is acknowledged, a new start
 * has nothing to tell. */
static void expect_lost(const struct spool_opts *o, unsigned held, unsigned lost, const char *words)
{
	struct spool *sp = open_spool(o);
	const struct spool_stats *st = spool_stats(sp);

	places = 0;
	last[0] = '\0';
	assert_int_equal(metric_get(&st->events_damaged), lost);
	assert_int_equal(lend_count(sp), held - lost);
	assert_int_equal(places, 1);
	if (strstr(last, words) == NULL)
		fail_msg("told: %s", last);
	assert_int_equal(metric_get(&st->places_damaged), 1);
	assert_int_equal(metric_get(&st->blocks_damaged), lost);
	assert_int_equal(metric_get(&st->events_damaged), lost);
	assert_int_equal(metric_get(&st->events), 0);
	add(sp, lane, "{\"n\":5}", "k", "y");
	settle(sp);
	sp = reopen(sp, o);
	assert_int_equal(lend_count(sp), 1);
	assert_int_equal(metric_get(&spool_stats(sp)->places_damaged), 0);
	assert_int_equal(metric_get(&spool_stats(sp)->events_damaged), 0);
	close_spool(sp);
}

static void again(void)
{
	remove_dir(NULL);
	make_dir(NULL);
}

static void test_file_gone(void **state)
{
	struct spool_opts o = files_opts();

	for (int how = 0; how < 4; how++)
		for (unsigned acked = 0; acked <= 2; acked += 2) {
			unsigned file = how == 1 ? 1 : 2;

			fill_files(&o, acked, how == 3);
			if (how == 0)
				assert_int_equal(truncate(file_path(file), 0), 0);
			else
				assert_int_equal(unlink(file_path(file)), 0);
			expect_lost(&o, how == 3 ? 2 * MANY - acked : MANY - acked,
				    blocks_in(file, how == 3 ? acked / 2 : acked),
				    "is missing or empty");
			again();
		}
}

/* Up to the end of a file that is not the last: the next one says how many there were. */
static void test_file_end(void **state)
{
	struct spool_opts o = files_opts();
	struct stat st;
	uint8_t c;
	int fd;

	for (int how = 0; how < 3; how++) {
		unsigned left = 0;

		fill_files(&o, 0, false);
		assert_int_equal(stat(file_path(2), &st), 0);
		fd = open(file_path(2), O_RDWR);
		if (how == 0) { /* a bit in its last block */
			assert_int_equal(pread_all(fd, &c, 1, st.st_size - 100), 1);
			c ^= 1;
			assert_int_equal(pwrite_all(fd, &c, 1, st.st_size - 100), 0);
			left = blocks_in(2, 0) - 1;
		} else if (how == 1) {
			assert_int_equal(ftruncate(fd, 3000), 0);
		} else { /* zeros */
			assert_int_equal(ftruncate(fd, 3000), 0);
			assert_int_equal(ftruncate(fd, st.st_size), 0);
		}
		close(fd);
		expect_lost(&o, MANY, blocks_in(2, 0) - left, "0002.seg is damaged: its last");
		again();
	}
}

static void flip(unsigned file, off_t at)
{
	int fd = open(file_path(file), O_RDWR);
	uint8_t c;

	assert_int_equal(pread_all(fd, &c, 1, at), 1);
	c ^= 4;
	assert_int_equal(pwrite_all(fd, &c, 1, at), 0);
	close(fd);
}

/* A file's first bytes: damage stops nobody. */
static void test_file_head(void **state)
{
	struct spool_opts o = files_opts();

	fill_files(&o, 0, false);
	flip(2, 2);
	expect_lost(&o, MANY, blocks_in(2, 0), "0002.seg is damaged: its last");
}

/* The lane whose oldest files go when there is no room: one that is missing is told all the same,
 */
static void test_lossy_file_gone(void **state)
{
	struct spool_opts o = files_opts();

	lane = LANE_LOSSY;
	for (unsigned acked = 0; acked <= 2; acked += 2)
		for (unsigned file = 1; file <= 2; file++) {
			fill_files(&o, acked, false);
			assert_int_equal(unlink(file_path(file)), 0);
			expect_lost(&o, MANY - acked, blocks_in(file, acked),
				    "is missing or empty");
			again();
		}
	lane = LANE_KEEP;
}

/* and one that was dropped is not, whenever the agent is killed. */
static void test_lossy_dropped_and_killed(void **state)
{
	struct spool_opts o = files_opts();
	static char event[12000];

	for (unsigned n = 180; n < 192; n++) {
		struct spool *sp;
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			unsigned seed = n;

			sp = open_spool(&o);
			for (unsigned i = 0; i < n; i++) {
				noise(event, sizeof(event) - 1, &seed);
				add(sp, LANE_LOSSY, event, "", "");
				settle(sp);
			}
			_exit(metric_get(&spool_stats(sp)->events_dropped) > 0 ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		places = 0;
		sp = open_spool(&o);
		assert_true(lend_count(sp) > 20);
		assert_int_equal(places, 0);
		assert_int_equal(metric_get(&spool_stats(sp)->events_damaged), 0);
		close_spool(sp);
		again();
	}
}

static void test_all_empty(void **state)
{
	struct spool_opts o = files_opts();
	struct spool *sp;

	fill_files(&o, 0, false);
	for (unsigned i = 1; i <= n_files; i++)
		assert_int_equal(truncate(file_path(i), 0), 0);
	sp = open_spool(&o);
	places = 0;
	assert_int_equal(lend_count(sp), 0);
	assert_int_equal(metric_get(&spool_stats(sp)->places_damaged), n_files);
	assert_int_equal(places, n_files);
	add(sp, LANE_KEEP, "{\"n\":5}", "k", "y");
	settle(sp);
	assert_int_equal(lend_count(sp), 1);
	sp = reopen(sp, &o);
	assert_int_equal(metric_get(&spool_stats(sp)->places_damaged), 0);
	close_spool(sp);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_before_opening),  T(test_without_numbers),
		T(test_acknowledged),    T(test_while_open),
		T(test_file_gone),       T(test_file_end),
		T(test_file_head),       T(test_all_empty),
		T(test_lossy_file_gone), T(test_lossy_dropped_and_killed),
	};

	return RUN_TESTS(tests);
}

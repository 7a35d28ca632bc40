/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool: a damaged place on disk is told once, counted where that is possible, and passed. */
#include "tests/agent/spool_kit.h"

static unsigned places;

static void on_damaged(void *arg, const struct err *err)
{
	assert_int_equal(err->code, ERR_SYNTAX);
	assert_non_null(strstr(err->msg, "keep/0000000000000001.seg is damaged"));
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

/* Turns a bit of what stands `by` bytes from block n's checkpoint. */
static void damage(int n, int by)
{
	struct buf whole = { 0 };
	char path[128], mark[16], c;
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

/* Its numbers are what is damaged: lost, told, but not to be counted. */
static void test_without_numbers(void **state)
{
	struct spool_opts o = damage_opts();
	struct spool *sp = with_blocks(&o);

	close_spool(sp);
	damage(2, -54 + 8 + 3); /* a high byte of the block's number */
	sp = open_spool(&o);
	assert_string_equal(lend_all(sp, true), FIRST THIRD FOURTH);
	expect(sp, 1, 0, 0);
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

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_before_opening),
		T(test_without_numbers),
		T(test_acknowledged),
		T(test_while_open),
	};

	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool: new events first, the backlog at its share, oldest first within each; nothing twice
 * and nothing left out, whatever connections and the agent do meanwhile. */
#include "tests/agent/spool_kit.h"

#include <stdlib.h>

#include "agent/spool/block.h"
#include "common/base/hash.h"
#include "common/store/le.h"

static uint64_t dice;

static uint32_t roll(uint32_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (uint32_t)((dice >> 20) % below);
}

/* Events of `bytes` random characters, so that blocks are as large as they look. */
static bool add_noise(struct spool *sp, enum lane lane, size_t bytes)
{
	static char event[1 << 16];
	char *p = event + sprintf(event, "{\"x\":\"");
	bool taken;

	for (size_t i = 0; i < bytes; i++)
		*p++ = (char)('a' + roll(26));
	strcpy(p, "\"}");
	taken = add(sp, lane, event, "", "") == 0;
	settle(sp);
	return taken;
}

/* --- the share --- */

static void test_share(void **state)
{
	static const unsigned percents[] = { 1, 25, 50, 90, 100 };

	for (size_t k = 0; k < sizeof(percents) / sizeof(percents[0]); k++) {
		struct spool_opts o = opts();
		struct spool *sp;
		struct spool_block b;
		uint64_t old_bytes = 0, all = 0, last[2] = { 0, 0 };
		unsigned left[2] = { 60, 60 };
		struct err err;
		bool first = true;

		dice = 7 + k;
		o.backlog_percent = percents[k];
		sp = open_spool(&o);
		for (unsigned i = 0; i < 120; i++) {
			if (i == 60)
				spool_rewind(sp); /* a connection opens */
			add_noise(sp, roll(3) ? LANE_KEEP : LANE_LOSSY, 1000 + roll(3000));
		}
		while (left[0] > 0 && left[1] > 0) {
			bool fresh;

			assert_int_equal(spool_next(sp, &b, &err), 1);
			fresh = b.number > 60;
			assert_true(fresh || !first);
			first = false;
			assert_true(b.number > last[fresh]); /* oldest first, over both lanes */
			last[fresh] = b.number;
			left[fresh]--;
			old_bytes += fresh ? 0 : b.frame.n;
			all += b.frame.n;
			spool_ack(sp, b.epoch, b.number, &err);
		}
		if (old_bytes * 100 + 400000 < all * percents[k] ||
		    old_bytes * 100 > all * percents[k] + 400000)
			fail_msg("%u percent: %d of %d bytes", percents[k], (int)old_bytes,
				 (int)all);
		/* What is alone has the whole line. */
		for (unsigned n = left[0] + left[1]; n > 0; n--) {
			assert_int_equal(spool_next(sp, &b, &err), 1);
			spool_ack(sp, b.epoch, b.number, &err);
		}
		assert_int_equal(spool_next(sp, &b, &err), 0);
		close_spool(sp);
		remove_dir(NULL);
	}
	make_dir(NULL);
}

/* In a spool that is all but full the oldest go first: only their files make room. */
static void test_full_spool(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp;
	struct spool_block b;
	struct err err;

	dice = 11;
	o.max_bytes = 2 << 20;
	sp = open_spool(&o);
	for (int i = 0; i < 120; i++)
		assert_true(add_noise(sp, LANE_KEEP, 20000));
	spool_rewind(sp);
	for (int i = 0; i < 22; i++)
		assert_true(add_noise(sp, LANE_KEEP, 20000));
	assert_int_equal(spool_next(sp, &b, &err), 1);
	assert_int_equal(b.number, 1);
	while (b.number <= 120) { /* until there is room */
		spool_ack(sp, b.epoch, b.number, &err);
		uv_run(&loop, UV_RUN_DEFAULT);
		assert_int_equal(spool_next(sp, &b, &err), 1);
	}
	assert_int_equal(b.number, 121);
	close_spool(sp);
}

/* --- anything, in any order --- */

#define BLOCKS_MAX 4096u
#define EPOCHS_MAX 64u
#define FLIGHT_MAX 8u

struct known { /* a block, by (epoch, number) */
	unsigned epoch;
	uint64_t number;
	bool acked, backlog;
};
static struct {
	uint64_t epochs[EPOCHS_MAX];
	unsigned n_epochs;
	struct known b[BLOCKS_MAX];
	unsigned n, acked;
	unsigned flight[FLIGHT_MAX], n_flight; /* places in b, in the order lent */
	unsigned rewinds, ranges_most, dropped;
	bool lossy; /* blocks may be dropped */
} model;

static struct known *known_find(uint64_t epoch, uint64_t number)
{
	for (unsigned i = 0; i < model.n; i++)
		if (model.b[i].number == number && model.epochs[model.b[i].epoch] == epoch)
			return &model.b[i];
	fail_msg("block %d was never written", (int)number);
	return NULL;
}

/* What the collector keeps of an epoch: how many ranges lie above the contiguous block. */
static unsigned ranges(unsigned epoch, uint64_t floor)
{
	static bool has[BLOCKS_MAX + 2];
	uint64_t upto, top = 0;
	unsigned n = 0;

	memset(has, 0, sizeof(has));
	for (unsigned i = 0; i < model.n; i++)
		if (model.b[i].epoch == epoch && model.b[i].acked) {
			has[model.b[i].number] = true;
			top = model.b[i].number > top ? model.b[i].number : top;
		}
	for (upto = floor > 0 ? floor - 1 : 0; has[upto + 1]; upto++)
		;
	for (uint64_t k = upto + 1; k <= top; k++)
		n += has[k] && !has[k + 1];
	return n;
}

static void lend(struct spool *sp)
{
	struct spool_block b;
	struct batch_meta m;
	struct known *k;
	struct err err;

	if (model.n_flight == FLIGHT_MAX || spool_next(sp, &b, &err) == 0)
		return;
	events_of(&b, &m);
	k = known_find(b.epoch, b.number);
	if (k->acked)
		fail_msg("block %d came again after its acknowledgement", (int)b.number);
	for (unsigned i = 0; i < model.n_flight; i++) {
		const struct known *o = &model.b[model.flight[i]];

		assert_ptr_not_equal(o, k); /* lent is lent */
		if (o->backlog == k->backlog && o->epoch == k->epoch)
			assert_true(o->number < k->number);
	}
	for (unsigned i = 0; i < model.n; i++) {
		const struct known *o = &model.b[i];

		if (o->epoch == k->epoch && o->number < m.floor && !o->acked && !model.lossy)
			fail_msg("block %d says that %d is not held", (int)b.number,
				 (int)o->number);
	}
	model.flight[model.n_flight++] = (unsigned)(k - model.b);
}

static void ack(struct spool *sp)
{
	struct known *k;
	struct err err;
	unsigned n;

	if (model.n_flight == 0)
		return;
	k = &model.b[model.flight[0]];
	memmove(model.flight, model.flight + 1, --model.n_flight * sizeof(model.flight[0]));
	assert_int_equal(spool_ack(sp, model.epochs[k->epoch], k->number, &err), 0);
	k->acked = true;
	model.acked++;
	if (model.lossy)
		return;
	n = ranges(k->epoch, 0);
	model.ranges_most = n > model.ranges_most ? n : model.ranges_most;
}

static void rewind_all(struct spool *sp)
{
	spool_rewind(sp);
	model.n_flight = 0;
	model.rewinds++;
	for (unsigned i = 0; i < model.n; i++)
		model.b[i].backlog = true;
}

static void write_one(struct spool *sp, uint64_t *next_number)
{
	if (model.n == BLOCKS_MAX)
		return;
	if (add_noise(sp, model.lossy ? (roll(4) > 0 ? LANE_LOSSY : LANE_KEEP) : (enum lane)roll(2),
		      roll(model.lossy ? 30000 : 9000)))
		model.b[model.n++] =
			(struct known){ .epoch = model.n_epochs - 1, .number = (*next_number)++ };
}

static struct spool *open_again(struct spool *sp, const struct spool_opts *o, uint64_t *next_number)
{
	if (sp != NULL) {
		uv_run(&loop, UV_RUN_DEFAULT);
		model.dropped += (unsigned)metric_get(&spool_stats(sp)->events_dropped);
		sp = reopen(sp, o);
		rewind_all(sp);
	} else {
		sp = open_spool(o);
	}
	model.epochs[model.n_epochs++] = spool_epoch(sp);
	*next_number = 1;
	return sp;
}

/* One run: whole weeks of connections that open and break, and of restarts. */
static void any_order(uint64_t seed, uint64_t max_bytes)
{
	struct spool_opts o = opts();
	struct spool *sp;
	uint64_t next_number;
	const struct spool_stats *st;

	memset(&model, 0, sizeof(model));
	dice = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	o.max_bytes = max_bytes;
	model.lossy = max_bytes < 16 << 20;
	sp = open_again(NULL, &o, &next_number);
	for (int turn = 0; turn < 250; turn++) {
		/* How eager the collector is changes, so that backlogs build up and shrink. */
		uint32_t eager = turn / 50 % 2 ? 6 : 1;

		if (roll(40) == 0 && model.n_epochs < EPOCHS_MAX)
			sp = open_again(sp, &o, &next_number);
		else if (roll(30) == 0)
			rewind_all(sp);
		for (uint32_t i = roll(model.lossy ? 8 : 3); i > 0; i--)
			write_one(sp, &next_number);
		for (uint32_t i = roll(2 * eager); i > 0; i--)
			lend(sp);
		for (uint32_t i = roll(2 * eager); i > 0; i--)
			ack(sp);
	}
	for (unsigned before = UINT32_MAX; model.n_flight > 0 || before != model.acked;) {
		before = model.acked;
		lend(sp);
		ack(sp);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	st = spool_stats(sp);
	assert_int_equal(metric_get(&st->blocks), 0);
	assert_int_equal(metric_get(&st->bytes), 0);
	if (!model.lossy)
		assert_int_equal(model.acked, model.n);
	model.dropped += (unsigned)metric_get(&st->events_dropped);
	assert_int_equal(model.dropped > 0, model.lossy);
	assert_true(model.acked + model.dropped >= model.n); /* what ship had is counted, too */
	/* Two lanes, each with one gap for each time that new overtook old, and what was in flight.
	 */
	assert_true(model.ranges_most <= 2 * (model.rewinds + 1) + FLIGHT_MAX);
	sp = reopen(sp, &o);
	assert_string_equal(lend_all(sp, false), "");
	close_spool(sp);
}

static void test_any_order(void **state)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		any_order(seed, 64 << 20); /* nothing is ever dropped */
		remove_dir(NULL);
		make_dir(NULL);
	}
}

static void test_any_order_with_drops(void **state)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		any_order(100 + seed, 1 << 20);
		remove_dir(NULL);
		make_dir(NULL);
	}
}

/* A line that breaks all the time, with a backlog that never gets through: the holes are bounded,
 * and at worst something comes twice after a restart, never not at all. */
static void test_flapping(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp = open_spool(&o);
	struct spool_block b;
	struct err err;
	char event[32];
	unsigned again = 0, seen[600] = { 0 };

	for (int i = 1; i <= 500; i++) {
		snprintf(event, sizeof(event), "{\"n\":%d}", i);
		spool_rewind(sp);
		add(sp, LANE_KEEP, event, "", "");
		settle(sp);
		assert_int_equal(spool_next(sp, &b, &err), 1);
		if (b.number == 1) /* never acknowledged */
			continue;
		spool_ack(sp, b.epoch, b.number, &err);
		seen[b.number]++;
	}
	sp = reopen(sp, &o);
	while (spool_next(sp, &b, &err) == 1) {
		again += seen[b.number] > 0;
		seen[b.number]++;
		spool_ack(sp, b.epoch, b.number, &err);
	}
	for (int i = 1; i <= 500; i++)
		assert_true(seen[i] > 0);
	assert_int_equal(again, 0);
	close_spool(sp);
}

/* --- files of the version before --- */

static void test_old_state(void **state)
{
	const struct seglog_opts lo = { .dir = NULL, .magic = "VTSPOOL" };
	struct seglog_opts with_dir = lo;
	struct spool_opts o = opts();
	struct spool *sp = open_spool(&o);
	uint64_t epoch = spool_epoch(sp);
	struct seg_reader *rd;
	struct seg_record rec;
	struct buf b = { 0 };
	struct seglog *lg;
	struct slice part;
	struct err err;
	char path[100], event[32];
	int blocks = 0;

	for (int i = 1; i <= 6; i++) {
		snprintf(event, sizeof(event), "{\"n\":%d}", i);
		add(sp, LANE_KEEP, event, "", "");
		settle(sp);
	}
	close_spool(sp);
	snprintf(path, sizeof(path), "%s/keep", dir);
	with_dir.dir = path;
	assert_int_equal(seglog_open(&with_dir, NULL, &lg, &err), 0);
	assert_int_equal(seg_reader_open(lg, seglog_first(lg), &rd, &err), 0);
	while (blocks < 2 && seg_reader_next(rd, &rec, &err) == 1)
		blocks += rec.kind == SPOOL_BLOCK;
	le64_put(&b, rec.pos.file); /* head: the second block; then the fourth and the fifth */
	le64_put(&b, rec.pos.offset);
	for (uint64_t n = 4; n <= 5; n++) {
		le64_put(&b, epoch);
		le64_put(&b, n);
	}
	part = buf_view(&b);
	assert_int_equal(seglog_append(lg, SPOOL_ACK, &part, 1, NULL, &err), 0);
	seg_reader_close(rd);
	seglog_close(lg);
	sp = open_spool(&o);
	assert_int_equal(metric_get(&spool_stats(sp)->blocks), 3);
	assert_string_equal(lend_all(sp, false),
			    "2[2,1]{\"n\":2} 3[3,1]{\"n\":3} 6[6,1]{\"n\":6} ");
	sp = reopen(sp, &o); /* and as the new version wrote it */
	assert_string_equal(lend_all(sp, true), "2[2,1]{\"n\":2} 3[3,1]{\"n\":3} 6[6,1]{\"n\":6} ");
	close_spool(sp);
	buf_release(&b);
}

#define SPOOL_TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(test_share),     SPOOL_TEST(test_full_spool),
		SPOOL_TEST(test_any_order), SPOOL_TEST(test_any_order_with_drops),
		SPOOL_TEST(test_flapping),  SPOOL_TEST(test_old_state),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/report/notices: an event of the tenant concerned, once a kind and agent and hour, kept
 * until the queue has taken it. */
#include "tests/collector/queue_kit.h"

#include "collector/report/notices.h"
#include "common/base/time.h"

#define T0 INT64_C(1795420800000000000)

/* --- through the real queue --- */

static void test_event(void **state)
{
	struct queue_opts o = opts();
	struct queue *q = open_queue(&o);
	struct notices *nt = notices_open(q, queue_put);
	struct queue_reader *rd = open_reader(q, "detect");
	struct queue_event ev;
	struct buf json = { 0 };
	struct err err;

	notices_put(nt, NOTICE_CONFLICT, "mallila", "a-1", "a \"text\"", T0);
	assert_int_equal(queue_next(rd, 5000, &ev, &err), 1);
	assert_string_equal(ev.tenant, "mallila");
	assert_string_equal(ev.sender, "collector");
	assert_int_equal(queue_event_json(&ev, &json, &err), 0);
	for (const char *const *want =
		     (const char *const[]){
			     "{\"@timestamp\":\"2026-11-23T08:00:00.000Z\"",
			     "\"type\":\"vartio-collector\"", "\"organization.id\":\"mallila\"",
			     "\"kind\":\"event\"", "\"action\":\"block-conflict\"",
			     "\"category\":[\"database\"]", "\"type\":[\"error\"]",
			     "\"dataset\":\"collector.notice\"", "\"id\":\"collector\"",
			     "\"notice\":{\"agent\":\"a-1\"}", "\"reason\":\"a \\\"text\\\"\"",
			     NULL };
	     *want != NULL; want++)
		if (slice_find(buf_view(&json), slice_str(*want)) < 0)
			fail_msg("%s is not in %s", *want, buf_cstr(&json));
	notices_put(nt, NOTICE_QUARANTINE, "", "", "of nobody that is known", T0);
	notices_put(nt, NOTICE_TWO_PLACES, "toisela", "b-1", "here and there", T0);
	assert_int_equal(queue_next(rd, 5000, &ev, &err), 1);
	assert_string_equal(ev.tenant, "toisela");
	notices_close(nt);
	assert_int_equal(queue_next(rd, 0, &ev, &err), 0);
	queue_reader_close(rd);
	queue_close(q);
	buf_release(&json);
}

/* --- a queue of three functions: keeps what it is given, answers as told --- */

static struct {
	struct queue_block blk[64];
	struct buf frame[64];
	unsigned n;
	enum queue_result answer;
	bool refuse;
} fake;

static int fake_put(struct queue *q, const struct queue_block *blk,
		    void (*done)(void *arg, enum queue_result res, const struct err *err),
		    void *arg, struct err *err)
{
	if (fake.refuse)
		return err_set(err, ERR_FULL, "full");
	if (fake.answer == QUEUE_STORED) {
		buf_reset(&fake.frame[fake.n]);
		buf_slice(&fake.frame[fake.n], blk->frame);
		fake.blk[fake.n++] = *blk;
	}
	done(arg, fake.answer, NULL);
	return 0;
}

static struct notices *fake_open(void)
{
	fake.n = 0;
	fake.answer = QUEUE_STORED;
	fake.refuse = false;
	return notices_open(NULL, fake_put);
}

static const char *frame_text(unsigned i)
{
	static struct buf out;
	struct err err;

	buf_reset(&out);
	assert_int_equal(lj_inflate(buf_view(&fake.frame[i]), 1 << 20, &out, &err), 0);
	return buf_cstr(&out) + 10; /* behind the frame's head */
}

static const struct {
	const char *name, *tenant, *agent;
	enum notice_kind kind;
	int64_t at_s;
	bool told;
	const char *repeated; /* in the event; NULL: the field is not there */
} rows[] = {
	{ "the first", "m", "a", NOTICE_CONFLICT, 0, true, NULL },
	{ "again", "m", "a", NOTICE_CONFLICT, 1, false, NULL },
	{ "another kind", "m", "a", NOTICE_QUARANTINE, 1, true, NULL },
	{ "another agent", "m", "b", NOTICE_CONFLICT, 2, true, NULL },
	{ "another tenant's agent of that name", "t", "a", NOTICE_CONFLICT, 2, true, NULL },
	{ "just within the hour", "m", "a", NOTICE_CONFLICT, 3599, false, NULL },
	{ "an hour later", "m", "a", NOTICE_CONFLICT, 3600, true, "\"repeated\":2" },
	{ "and again", "m", "a", NOTICE_CONFLICT, 3601, false, NULL },
	{ "the clock was set back", "m", "a", NOTICE_CONFLICT, -100, true, "\"repeated\":1" },
	{ "none was left out", "m", "b", NOTICE_CONFLICT, 9999, true, NULL },
};

static void test_rate(void **state)
{
	struct notices *nt = fake_open();
	uint64_t held = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned before = fake.n;
		const char *text;

		notices_put(nt, rows[i].kind, rows[i].tenant, rows[i].agent, "x",
			    T0 + rows[i].at_s * NS_PER_SEC);
		held += !rows[i].told;
		if (fake.n != before + rows[i].told)
			fail_msg("%s: told %u", rows[i].name, fake.n - before);
		if (!rows[i].told)
			continue;
		text = frame_text(before);
		if (rows[i].repeated != NULL ? strstr(text, rows[i].repeated) == NULL
					     : strstr(text, "repeated") != NULL)
			fail_msg("%s: %s", rows[i].name, text);
	}
	assert_int_equal(metric_get(&notices_stats(nt)->held_back), held);
	assert_int_equal(metric_get(&notices_stats(nt)->told[NOTICE_CONFLICT]), 6);
	notices_close(nt);
}

/* A tenant's blocks number 1, 2, 3: a gap would stay in the queue's memory for ever. */
static void test_numbers(void **state)
{
	struct notices *nt = fake_open();
	static const char *const tenants[] = { "m", "t", "m", "m", "t" };
	static const uint64_t numbers[] = { 1, 1, 2, 3, 2 };
	char agent[8];

	for (unsigned i = 0; i < 5; i++) {
		snprintf(agent, sizeof(agent), "a%u", i);
		notices_put(nt, NOTICE_CONFLICT, tenants[i], agent, "x", T0);
		assert_string_equal(fake.blk[i].tenant, tenants[i]);
		assert_int_equal(fake.blk[i].number, numbers[i]);
		assert_int_equal(fake.blk[i].first_seq, numbers[i]);
		assert_int_equal(fake.blk[i].epoch, fake.blk[0].epoch);
	}
	notices_close(nt);
}

/* What the queue does not take waits, in both ways of not taking it, and goes out once. */
static void test_again(void **state)
{
	struct notices *nt = fake_open();

	fake.refuse = true;
	notices_put(nt, NOTICE_CONFLICT, "m", "a", "x", T0);
	notices_again(nt);
	fake.refuse = false;
	fake.answer = QUEUE_FULL;
	notices_again(nt);
	fake.answer = QUEUE_FAILED;
	notices_again(nt);
	assert_int_equal(fake.n, 0);
	notices_put(nt, NOTICE_CONFLICT, "m", "b", "x", T0);
	fake.answer = QUEUE_STORED;
	notices_again(nt);
	notices_again(nt);
	assert_int_equal(fake.n, 2);
	assert_int_equal(fake.blk[0].number, 1);
	assert_int_equal(fake.blk[1].number, 2);
	assert_int_equal(metric_get(&notices_stats(nt)->told[NOTICE_CONFLICT]), 2);
	assert_int_equal(metric_get(&notices_stats(nt)->lost), 0);
	notices_close(nt);
}

/* An agent that makes up trouble costs bounded memory, and what is lost is counted. */
static void test_bounds(void **state)
{
	struct notices *nt = fake_open();
	struct buf text = { 0 };
	char agent[16];

	fake.refuse = true;
	for (unsigned i = 0; i < NOTICE_SLOTS + 10; i++) {
		snprintf(agent, sizeof(agent), "a%u", i);
		notices_put(nt, NOTICE_CONFLICT, "m", agent, "x", T0);
	}
	assert_int_equal(metric_get(&notices_stats(nt)->lost), NOTICE_SLOTS + 10 - NOTICE_WAITING);
	notices_metrics(nt, &text);
	assert_non_null(
		strstr(buf_cstr(&text), "vartio_notices_total{action=\"block-conflict\"} 0\n"));
	assert_non_null(strstr(buf_cstr(&text), "vartio_notices_lost_total 3850\n"));
	notices_close(nt);
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_event, make_dir, remove_dir),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_bounds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

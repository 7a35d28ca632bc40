/* SPDX-License-Identifier: EUPL-1.2 */
/* One group that gets all the events of an attacker: what judging costs is counted in steps (items
 * that enter or leave a window), what it finds stays right, and its state small. */
#include "tests/collector/corr_kit.h"

#define HOT 50000u

#define X(type, rules, span, more)                                                                 \
	"title: x\nname: x\ncorrelation: {type: " type ", rules: [" rules "], timespan: " span     \
	", group-by: [g]" more "}\n"
#define V(op) ", condition: {field: v, " op "}"

static const struct {
	const char *rule;
	unsigned quiet; /* events before the first finding */
	unsigned each;  /* from then on every so many events make it true */
} kinds[] = {
	{ X("event_count", "a", "1d", ", condition: {gte: 20}"), 19, 1 },
	{ X("event_count", "a", "1d", ", condition: {gte: 40000}"), 39999, 1 },
	{ X("event_count", "a", "1d", ", condition: {gte: 10, lte: 1000000}"), 9, 1 },
	{ X("event_count", "a, b", "1d", ", condition: {gte: 20}"), 19, 1 },
	{ X("value_count", "a", "1d", V("gte: 500")), 499, 1 },
	{ X("value_count", "a", "1d", V("gte: 1")), 0, 1 },
	{ X("value_sum", "a", "1d", V("gt: -1")), 0, 1 },
	{ X("value_avg", "a", "1d", V("lte: 999")), 0, 1 },
	{ X("value_median", "a", "1d", V("lte: 999")), 0, 1 },
	{ X("value_percentile", "a", "1d", ", condition: {field: v, percentile: 95, lte: 999}"), 0,
	  1 },
	{ X("value_percentile", "a", "1d", V("gte: 0")), 0, 1 },
	{ X("temporal", "a, b", "1d", ""), 1, 1 },
	{ X("temporal", "a, b, c", "1d", ", condition: a and b and not c"), 1, 1 },
	{ X("temporal_ordered", "a, b", "1d", ""), 1, 2 },
	{ X("temporal_ordered", "a, b", "1d", ", condition: {gte: 2}"), 1, 2 },
};

static bool two_rules(const char *text)
{
	return strstr(text, "[a]") == NULL;
}

/* late: every third event lies so many milliseconds before the newest. */
static void feed_hot(struct region *rg, size_t kind, unsigned i, unsigned late)
{
	int64_t at_ns = T0 + (int64_t)i * NS_PER_MS;
	char fields[64];

	snprintf(fields, sizeof(fields), "\"g\":\"h\",\"v\":%u", i % 1000);
	if (late > 0 && i % 3 == 2)
		at_ns -= (int64_t)late * NS_PER_MS;
	region_feed(rg, two_rules(kinds[kind].rule) && i % 2 == 1 ? 'b' : 'a', at_ns, fields);
}

static void test_in_order(void **state)
{
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		unsigned found = 0, told = 0;
		struct region rg;

		region_open(&rg, kinds[k].rule, 0);
		for (unsigned i = 0; i < HOT; i++) {
			feed_hot(&rg, k, i, 0);
			found += rg.holds;
			told += rg.told;
		}
		if (found != (HOT - kinds[k].quiet + kinds[k].each - 1) / kinds[k].each)
			fail_msg("%sfound %u times", kinds[k].rule, found);
		assert_int_equal(told, HOT);
		if (metric_get(&rg.stats.steps) > 20ull * HOT)
			fail_msg("%s%llu steps", kinds[k].rule,
				 (unsigned long long)metric_get(&rg.stats.steps));
		if (metric_get(&rg.stats.bytes) > (kinds[k].quiet > 10000 ? 16u : 4u) << 20)
			fail_msg("%s%llu bytes", kinds[k].rule,
				 (unsigned long long)metric_get(&rg.stats.bytes));
		region_close(&rg);
	}
}

/* Senders that are a little behind each other are the rule. */
static void test_late(void **state)
{
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		bool ordered = strstr(kinds[k].rule, "ordered") != NULL;
		unsigned told = 0, n = HOT / 5;
		struct region rg;

		region_open(&rg, kinds[k].rule, 0);
		for (unsigned i = 0; i < n; i++) {
			feed_hot(&rg, k, i, 6);
			told += rg.told;
		}
		assert_true(kinds[k].quiet > n || told == n);
		/* A chain is made anew for each late one, of at most what a group holds. */
		if (metric_get(&rg.stats.steps) > (ordered ? 600ull : 40ull) * n)
			fail_msg("%s%llu steps", kinds[k].rule,
				 (unsigned long long)metric_get(&rg.stats.steps));
		region_close(&rg);
	}
}

/* The worst that forged times can do: every second event goes back over all that the group holds.
 * What a group holds bounds it. */
static void test_hostile_times(void **state)
{
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct region rg;
		uint64_t before;
		char fields[64];

		if (kinds[k].quiet > 10000 || strstr(kinds[k].rule, "lte: 1000000") != NULL)
			continue; /* these are asked to hold more */
		region_open(&rg, kinds[k].rule, 0);
		for (unsigned i = 0; i < 6000; i++)
			feed_hot(&rg, k, i, 0);
		before = metric_get(&rg.stats.steps);
		for (unsigned i = 0; i < 200; i++) {
			snprintf(fields, sizeof(fields), "\"g\":\"h\",\"v\":%u", i);
			region_feed(&rg, i % 4 < 2 || !two_rules(kinds[k].rule) ? 'a' : 'b',
				    T0 + (i % 2 == 0 ? (6000 + (int64_t)i) * NS_PER_MS : 1000),
				    fields);
		}
		if (metric_get(&rg.stats.steps) - before > 200ull * 3 * CORRELATE_VALUES_MAX)
			fail_msg("%s%llu steps", kinds[k].rule,
				 (unsigned long long)(metric_get(&rg.stats.steps) - before));
		region_close(&rg);
	}
}

/* Clocks of whole seconds: tens of thousands of events of one time, by two rules each. */
static void test_same_time(void **state)
{
	struct region rg;
	unsigned told = 0;

	region_open(&rg, X("event_count", "a, b", "1d", ", condition: {gte: 20000}"), 0);
	for (unsigned i = 0; i < 2 * 30000; i++) {
		rg.n = i / 2;
		region_feed(&rg, i % 2 == 1 ? 'b' : 'a', T0, "\"g\":\"h\"");
		told += rg.told;
		assert_true(rg.holds == (i >= 2 * 19999));
	}
	assert_int_equal(told, 30000);
	region_close(&rg);
}

/* Past what a group keeps, neighbours leave a sum together: its error stays small. */
static void test_folded_sum(void **state)
{
	static const char rule[] = X("value_sum", "a", "10s", V("gte: 9990, lte: 10100"));
	struct region rg;
	unsigned held = 0;

	region_open(&rg, rule, 0);
	for (unsigned i = 0; i < 30000; i++) { /* a thousand a second: 10,001 in a window */
		region_feed(&rg, 'a', T0 + (int64_t)i * NS_PER_MS, "\"g\":\"h\",\"v\":1");
		held += rg.holds;
	}
	assert_int_equal(held, 30000 - 9989);
	/* They leave: after a pause the sum is what came since. */
	region_feed(&rg, 'a', T0 + 60 * NS_PER_SEC, "\"g\":\"h\",\"v\":9990");
	assert_true(rg.holds);
	region_feed(&rg, 'a', T0 + 61 * NS_PER_SEC, "\"g\":\"h\",\"v\":111");
	assert_false(rg.holds);
	region_close(&rg);
}

/* What came before a late event is not what came after it, be the group large or small. */
static void test_late_chain(void **state)
{
	struct region rg;

	region_open(&rg, X("temporal_ordered", "a, b", "10s", ""), 0);
	for (unsigned i = 0; i < 100; i++)
		region_feed(&rg, 'b', T0 + (int64_t)i * NS_PER_MS, "\"g\":\"h\"");
	region_feed(&rg, 'a', T0 + 200 * NS_PER_MS, "\"g\":\"h\"");
	region_feed(&rg, 'b', T0 + 199 * NS_PER_MS, "\"g\":\"h\""); /* before the a */
	assert_int_equal(rg.findings, 0);
	region_feed(&rg, 'b', T0 + 201 * NS_PER_MS, "\"g\":\"h\"");
	assert_true(rg.holds);
	region_close(&rg);
}

/* A chain that went on from an event is not lost when thousands like it come later. */
static void test_folded_chain(void **state)
{
	struct region rg;
	unsigned i = 0;

	region_open(&rg, X("temporal_ordered", "a, b, c", "1d", ""), 0);
	region_feed(&rg, 'a', T0, "\"g\":\"h\"");
	region_feed(&rg, 'b', T0 + NS_PER_MS, "\"g\":\"h\"");
	for (i = 2; i < 5000; i++) {
		region_feed(&rg, 'a', T0 + (int64_t)i * NS_PER_MS, "\"g\":\"h\"");
		assert_int_equal(rg.findings, 0);
	}
	assert_true(metric_get(&rg.stats.folded) > 3000);
	region_feed(&rg, 'c', T0 + (int64_t)i * NS_PER_MS, "\"g\":\"h\"");
	assert_true(rg.holds);
	assert_int_equal(rg.told, 5001);
	region_close(&rg);
}

/* What a session's end leaves: the state of a group goes, and the window begins anew. */
static void test_groups_end(void **state)
{
	struct region rg;
	char fields[32];

	region_open(&rg, X("value_count", "a", "10s", V("gte: 500")), 0);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(fields, sizeof(fields), "\"g\":\"h\",\"v\":%u", i);
		region_feed(&rg, 'a', T0 + (int64_t)i * NS_PER_MS, fields);
	}
	assert_true(metric_get(&rg.stats.bytes) > 100000);
	for (int i = 0; i < 3; i++)
		region_feed(&rg, 'a', T0 + (7200 + i) * NS_PER_SEC, "\"g\":\"other\",\"v\":1");
	assert_int_equal(metric_get(&rg.stats.groups), 1);
	correlate_free(rg.co);
	rg.co = NULL;
	region_close(&rg);
}

int main(void)
{
	const struct CMUnitTest corr_hot_tests[] = {
		cmocka_unit_test(test_in_order),      cmocka_unit_test(test_late),
		cmocka_unit_test(test_same_time),     cmocka_unit_test(test_folded_sum),
		cmocka_unit_test(test_hostile_times), cmocka_unit_test(test_late_chain),
		cmocka_unit_test(test_folded_chain),  cmocka_unit_test(test_groups_end),
	};

	return RUN_TESTS(corr_hot_tests);
}

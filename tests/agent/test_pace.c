/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/ship/pace: nobody stampedes, and a rate is held; under a clock and a chance of the test. */
#include "tests/cmocka.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/ship/pace.h"

static uint64_t dice = 1; /* xorshift64: the same on every machine */

static uint32_t roll(uint32_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (uint32_t)((dice >> 20) % below);
}

static uint32_t highest(uint32_t below)
{
	return below - 1;
}

static uint32_t lowest(uint32_t below)
{
	return 0;
}

/* What the longest wait is, attempt by attempt. */
static void test_backoff_doubles(void **state)
{
	static const uint32_t waits[] = {
		1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000
	};
	struct backoff b = { .first_ms = 1000, .chance = highest };

	backoff_reset(&b);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		assert_int_equal(backoff_failed(&b), waits[i]);
	assert_int_equal(backoff_broke(&b), 5000); /* a restart must not cost minutes */
	assert_int_equal(backoff_failed(&b), 1000);
	backoff_failed(&b);
	backoff_reset(&b);
	assert_int_equal(backoff_failed(&b), 1000);
	b.chance = lowest;
	assert_int_equal(backoff_failed(&b), 0); /* all of a wait is chance */
	assert_int_equal(backoff_broke(&b), 0);
}

#define AGENTS 2000u

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* All connections break at 0 and the collector is away for `away_ms`. When do agents arrive?
 * Sorted, in ms after its return. */
static void come_back(uint64_t away_ms, uint64_t at[AGENTS])
{
	for (unsigned i = 0; i < AGENTS; i++) {
		struct backoff b = { .first_ms = 1000, .chance = roll };
		uint64_t t;

		backoff_reset(&b);
		for (t = backoff_broke(&b); t < away_ms;)
			t += backoff_failed(&b);
		at[i] = t - away_ms;
	}
	qsort(at, AGENTS, sizeof(at[0]), compare);
}

/* The most that arrive within any second. */
static unsigned crowd(const uint64_t at[AGENTS])
{
	unsigned most = 0;

	for (unsigned from = 0, to = 0; from < AGENTS; from++) {
		while (to < AGENTS && at[to] < at[from] + 1000)
			to++;
		most = to - from > most ? to - from : most;
	}
	return most;
}

static void test_no_stampede(void **state)
{
	static const struct {
		uint64_t away_ms, half_ms; /* half of them are back within */
	} rows[] = {
		{ 0, 3000 },      { 500, 3000 },     { 1000, 3000 },     { 2000, 3000 },
		{ 3000, 3000 },   { 5000, 3000 },    { 10000, 6000 },    { 30000, 20000 },
		{ 60000, 25000 }, { 600000, 25000 }, { 7200000, 25000 },
	};
	static uint64_t at[AGENTS];

	for (uint64_t seed = 1; seed <= 5; seed++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			dice = seed * UINT64_C(0x9e3779b97f4a7c15);
			come_back(rows[i].away_ms, at);
			if (crowd(at) > 1150 || at[AGENTS / 2] > rows[i].half_ms ||
			    at[AGENTS - 1] > 60000)
				fail_msg("seed %d, away %d ms: %u in a second, half after %d ms, "
					 "the last after %d ms",
					 (int)seed, (int)rows[i].away_ms, crowd(at),
					 (int)at[AGENTS / 2], (int)at[AGENTS - 1]);
		}
}

/* Sends as much as it may from `now` on for `ms`; the clock moves when there is nothing to do. */
static int64_t greedy(struct allowance *a, uint64_t *now, uint64_t ms, uint64_t most_wait)
{
	uint64_t end = *now + ms;
	int64_t sent = 0;

	while (*now < end) {
		uint64_t wait;
		size_t n = allowance_take(a, *now, &wait);

		if (n > 0) {
			sent += (int64_t)n;
			allowance_spent(a, n);
		} else {
			assert_true(wait > 0);
			*now += wait < most_wait ? wait : most_wait;
		}
	}
	return sent;
}

static void test_rate_over_a_minute(void **state)
{
	static const int64_t rates[] = { 1, 125, 1000, 32000, 125000, 12500000 };
	/* The sender asks when it was told to, or each ms, as acknowledgements and new blocks make
	 * it do. */
	static const uint64_t asks[] = { UINT64_MAX, 1 };

	for (size_t i = 0; i < 2 * sizeof(rates) / sizeof(rates[0]); i++) {
		int64_t rate = rates[i / 2], piece = rate / 8 < 1024 ? 1024 : rate / 8;
		struct allowance a = { .bytes_per_s = rate };
		uint64_t now = 5000;
		int64_t sent;

		piece = piece > 65536 ? 65536 : piece;
		allowance_begin(&a, now);
		sent = greedy(&a, &now, 60000, asks[i % 2]);
		if (sent > 60 * rate + piece || sent < 60 * rate - rate / 4 - piece)
			fail_msg("%d bytes/s, row %d: %d in a minute", (int)rate, (int)i,
				 (int)sent);
	}
}

/* An idle line saves up one second's worth, however long it was idle. */
static void test_saved_up(void **state)
{
	struct allowance a = { .bytes_per_s = 32000 };
	uint64_t now = 1, wait;
	int64_t sent = 0;
	size_t n;

	allowance_begin(&a, now);
	now += 24 * UINT64_C(3600000);
	while ((n = allowance_take(&a, now, &wait)) > 0) {
		sent += (int64_t)n;
		allowance_spent(&a, n);
	}
	assert_in_range(sent, 32000, 36000);
}

/* A connection that breaks again and again is no way around the rate: debts stay. */
static void test_debt_stays(void **state)
{
	struct allowance a = { .bytes_per_s = 1000 };
	uint64_t now = 1;
	int64_t sent = 0;

	for (; now < 60000; now += 50) {
		uint64_t wait;
		size_t n;

		allowance_begin(&a, now);
		n = allowance_take(&a, now, &wait);
		sent += (int64_t)n;
		allowance_spent(&a, n);
	}
	assert_true(sent <= 60 * 1000 + 1024);
	assert_true(sent >= 50 * 1000);
}

static void test_no_limit(void **state)
{
	struct allowance a = { 0 };
	uint64_t wait;

	allowance_begin(&a, 1);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(allowance_take(&a, 1, &wait), 65536);
		allowance_spent(&a, 65536);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backoff_doubles),    cmocka_unit_test(test_no_stampede),
		cmocka_unit_test(test_rate_over_a_minute), cmocka_unit_test(test_saved_up),
		cmocka_unit_test(test_debt_stays),         cmocka_unit_test(test_no_limit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

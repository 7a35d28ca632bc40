/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate: scenarios of signals under a fake clock, and what is found. */
#include "tests/collector/correlate_kit.h"

/* Each row: a signal, and what comes of it; told: the events of the finding. */
struct step {
	int at_s;
	const char *rule, *host, *ip, *user, *comes;
	unsigned told;
};
static const struct scenario {
	const char *name;
	const struct correlation *c;
	struct step steps[12];
} scenarios[] = {
	{ "three within five minutes",
	  &count3,
	  { { 0, "failed", "h1", "A", "u", QUIET, 0 },
	    { 10, "failed", "h2", "A", "u", QUIET, 0 }, /* another host does not count */
	    { 100, "failed", "h1", "B", "u", QUIET, 0 },
	    { 100, "success", "h1", "B", "u", QUIET, 0 }, /* nor another rule */
	    { 300, "failed", "h1", "A", "u", FOUND, 3 },  /* exactly the timespan */
	    { 301, "failed", "h1", "A", "u", FOUND, 1 },
	    { 2000, "failed", "h1", "A", "u", MORE, 1 },
	    { 5600, "failed", "h1", "A", "u", MORE, 1 },  /* an hour after: still the session */
	    { 9201, "failed", "h1", "A", "u", QUIET, 0 }, /* more than an hour */
	    { 9202, "failed", "h1", "A", "u", QUIET, 0 },
	    { 9203, "failed", "h1", "A", "u", FOUND, 3 } } },
	{ "three, too slowly",
	  &count3,
	  { { 0, "failed", "h1", "A", "u", QUIET, 0 },
	    { 150, "failed", "h1", "A", "u", QUIET, 0 },
	    { 301, "failed", "h1", "A", "u", QUIET, 0 },
	    { 450, "failed", "h1", "A", "u", FOUND, 3 } } }, /* 150, 301, 450; 0 is no part */
	{ "out of order",
	  &count3,
	  { { 200, "failed", "h1", "A", "u", QUIET, 0 },
	    { 0, "failed", "h1", "A", "u", QUIET, 0 },
	    { 100, "failed", "h1", "A", "u", FOUND, 3 },
	    { 50, "failed", "h1", "A", "u", FOUND, 1 } } },
	{ "late, into a window that is past",
	  &count3,
	  { { 0, "failed", "h1", "A", "u", QUIET, 0 },
	    { 290, "failed", "h1", "A", "u", QUIET, 0 },
	    { 400, "failed", "h1", "A", "u", QUIET, 0 },
	    { 150, "failed", "h1", "A", "u", FOUND, 4 } } }, /* 0, 150, 290, and what followed */
	{ "too late for any window",
	  &count3,
	  { { 700, "failed", "h1", "A", "u", QUIET, 0 },
	    { 701, "failed", "h1", "A", "u", QUIET, 0 },
	    { 100, "failed", "h1", "A", "u", QUIET, 0 },
	    { 702, "failed", "h1", "A", "u", FOUND, 3 },
	    { 101, "failed", "h1", "A", "u", MORE, 1 } } },
	{ "a backlog behind newer ones has windows of its own",
	  &count3,
	  { { 10000, "failed", "h1", "A", "u", QUIET, 0 },
	    { 100, "failed", "h1", "A", "u", QUIET, 0 },
	    { 10001, "failed", "h1", "A", "u", QUIET, 0 },
	    { 200, "failed", "h1", "A", "u", QUIET, 0 },
	    { 300, "failed", "h1", "A", "u", FOUND, 3 },
	    { 10002, "failed", "h1", "A", "u", FOUND, 3 },
	    { 301, "failed", "h1", "A", "u", FOUND, 1 } } },
	{ "a backlog behind what was told has windows of its own, too",
	  &count3,
	  { { 10000, "failed", "h1", "A", "u", QUIET, 0 },
	    { 10001, "failed", "h1", "A", "u", QUIET, 0 },
	    { 10002, "failed", "h1", "A", "u", FOUND, 3 },
	    { 6500, "failed", "h1", "A", "u", MORE, 1 }, /* within an hour: the same session */
	    { 100, "failed", "h1", "A", "u", QUIET, 0 },
	    { 200, "failed", "h1", "A", "u", QUIET, 0 },
	    { 300, "failed", "h1", "A", "u", FOUND, 3 },
	    { 10003, "failed", "h1", "A", "u", FOUND, 1 } } },
	{ "too slowly in a backlog, too",
	  &count3,
	  { { 10000, "failed", "h1", "A", "u", QUIET, 0 },
	    { 10001, "failed", "h1", "A", "u", QUIET, 0 },
	    { 100, "failed", "h1", "A", "u", QUIET, 0 },
	    { 401, "failed", "h1", "A", "u", QUIET, 0 },
	    { 702, "failed", "h1", "A", "u", QUIET, 0 } } },
	{ "a value for the grouping is absent",
	  &count3,
	  { { 0, "failed", NULL, "A", "u", QUIET, 0 },
	    { 1, "failed", NULL, "A", "u", QUIET, 0 },
	    { 2, "failed", NULL, "A", "u", QUIET, 0 },
	    { 3, "failed", "", "A", "u", QUIET, 0 },
	    { 3, "failed", "", "A", "u", QUIET, 0 },
	    { 3, "failed", "", "A", "u", QUIET, 0 } } },
	{ "gt",
	  &over2,
	  { { 0, "failed", "h1", "A", "u", QUIET, 0 },
	    { 1, "failed", "h1", "A", "u", QUIET, 0 },
	    { 2, "failed", "h1", "A", "u", FOUND, 3 } } },
	{ "eq, at the event at which it is so",
	  &equal2,
	  { { 0, "failed", "h1", "A", "u", QUIET, 0 },
	    { 1, "failed", "h1", "A", "u", FOUND, 2 },
	    { 2, "failed", "h1", "A", "u", MORE, 1 } } },
	{ "lt",
	  &below2,
	  { { 0, "failed", "h1", "A", "u", FOUND, 1 }, { 1, "failed", "h1", "A", "u", MORE, 1 } } },
	{ "events of either rule",
	  &either3,
	  { { 0, "failed", "h1", "A", "u", QUIET, 0 },
	    { 1, "success", "h1", "A", "u", QUIET, 0 },
	    { 2, "failed", "h1", "A", "u", FOUND, 3 } } },
	{ "temporal: both, in any order",
	  &together,
	  { { 0, "success", "h1", "A", "u", QUIET, 0 },
	    { 1, "success", "h1", "A", "u", QUIET, 0 },
	    { 2, "failed", "h2", "A", "u", QUIET, 0 },
	    { 301, "failed", "h1", "A", "u", FOUND, 2 }, /* the success at 1, not that at 0 */
	    { 900, "failed", "h1", "A", "u", MORE, 1 } } },
	{ "temporal_ordered: the order counts",
	  &ordered,
	  { { 0, "success", "h1", "A", "u", QUIET, 0 },
	    { 1, "failed", "h1", "A", "u", QUIET, 0 },
	    { 2, "failed", "h1", "A", "u", QUIET, 0 },
	    { 303, "success", "h1", "A", "u", QUIET, 0 }, /* too late for the one at 2 */
	    { 304, "failed", "h1", "A", "u", QUIET, 0 },
	    { 305, "success", "h1", "A", "u", FOUND, 3 }, /* 303, 304, 305 lie in the window */
	    { 306, "failed", "h1", "A", "u", MORE, 1 } } },
	{ "temporal_ordered: times alike, order of arrival",
	  &ordered,
	  { { 5, "failed", "h1", "A", "u", QUIET, 0 },
	    { 5, "success", "h1", "A", "u", FOUND, 2 } } },
	{ "temporal_ordered: the earlier one comes late",
	  &ordered,
	  { { 100, "success", "h1", "A", "u", QUIET, 0 },
	    { 50, "failed", "h1", "A", "u", FOUND, 2 } } },
};

static void test_scenarios(void **state)
{
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		const struct scenario *sc = &scenarios[i];
		struct correlate *co = begin(sc->c, NULL, 0);

		for (unsigned k = 0; k < 12 && sc->steps[k].rule != NULL; k++) {
			const struct step *st = &sc->steps[k];
			unsigned told =
				(unsigned)feed(co, st->rule, st->at_s, st->host, st->ip, st->user);
			const char *came = seen.findings == 0 ? QUIET : seen.holds ? FOUND : MORE;

			if (strcmp(came, st->comes) != 0 || told != st->told)
				fail_msg("%s, at %d s: %s, %u told; expected %s, %u", sc->name,
					 st->at_s, came, told, st->comes, st->told);
		}
		end(co);
	}
}

static void test_value_count(void **state)
{
	static const char *user[] = { "user.name" };
	struct correlation users = count3;
	struct correlate *co;

	users.type = CORR_VALUE_COUNT;
	users.fields = user;
	users.n_fields = 1;
	co = begin(&users, NULL, 0);
	assert_int_equal(feed(co, "failed", 0, "h1", "A", "u1"), 0);
	assert_int_equal(feed(co, "failed", 1, "h1", "A", "u1"), 0);
	assert_int_equal(feed(co, "failed", 2, "h1", "A", "u2"), 0);
	assert_int_equal(feed(co, "failed", 3, "h1", "A", NULL), 0); /* no value: takes no part */
	assert_int_equal(feed(co, "failed", 4, "h2", "A", "u3"), 0);
	/* u1 at 1, u2, u3 */
	assert_int_equal(feed(co, "failed", 301, "h1", "A", "u3"), 3);
	assert_true(seen.holds);
	end(co);
}

/* What the finding says of itself and its signals. */
static void test_finding(void **state)
{
	const char *entity[] = { "host.name", "user.name" };
	struct correlate *co = begin(&count3, NULL, 0);

	feed(co, "failed", 0, "vpn1", "192.0.2.7", "maija");
	feed(co, "failed", 1, "vpn1", "198.51.100.9", "kalle");
	assert_int_equal(feed(co, "failed", 2, "vpn1", NULL, "\xc3\xa4mm\xc3\xa4"), 3);
	assert_string_equal(seen.tenant, "mallila");
	assert_string_equal(seen.entity, "vpn1");
	assert_string_equal(seen.key, "host.name=\"vpn1\"");
	assert_int_equal(seen.first_ns, T0);
	assert_int_equal(seen.last_ns, T0 + 2 * NS_PER_SEC);
	assert_string_equal(seen.values,
			    "source.ip=192.0.2.7*1 user.name=maija*1 host.name=vpn1*1 "
			    "source.ip=198.51.100.9*1 user.name=kalle*1 host.name=vpn1*1 "
			    "user.name=\xc3\xa4mm\xc3\xa4*1 host.name=vpn1*1 ");
	end(co);

	rules[C1].entity = entity;
	rules[C1].n_entity = 2;
	co = begin(&below2, NULL, 0);
	assert_int_equal(feed(co, "failed", 0, "vpn1", "192.0.2.7", "a\" b"), 1);
	assert_string_equal(seen.entity, "vpn1, a\" b");
	assert_string_equal(seen.key, "host.name=\"vpn1\" user.name=\"a\\\" b\"");
	rules[C1].entity = NULL;
	rules[C1].n_entity = 0;
	end(co);
}

/* A rule that alerts by itself, and fields that rules add. */
static void test_alone(void **state)
{
	const char *fields[] = { "message" };
	struct correlate *co;

	rules[ALONE].fields = fields;
	rules[ALONE].n_fields = 1;
	co = begin(&count3, NULL, 0);
	assert_int_equal(feed(co, "alone", 0, "h1", "A", NULL), 1);
	assert_true(seen.holds);
	assert_string_equal(seen.values, "source.ip=A*1 host.name=h1*1 message=x*1 ");
	assert_int_equal(feed(co, "alone", 0, NULL, NULL, NULL), 1); /* nobody's: still an alert */
	assert_string_equal(seen.key, "");
	assert_int_equal(feed(co, "gone", 0, "h1", "A", NULL), 0);
	assert_int_equal(metric_get(&correlate_stats(co)->unknown), 1);
	rules[ALONE].fields = NULL;
	rules[ALONE].n_fields = 0;
	end(co);
}

/* Guessing (a correlation) and then success: the parent tells the guesses as well. */
static void test_nested(void **state)
{
	struct correlate *co = begin(&nested, &count3, 0);

	feed(co, "failed", 0, "h1", "A", "u1");
	feed(co, "failed", 1, "h1", "A", "u2");
	assert_int_equal(feed(co, "success", 2, "h1", "A", "u3"), 0); /* two are no guessing */
	assert_int_equal(feed(co, "failed", 3, "h1", "A", "u3"), 0);
	assert_int_equal(feed(co, "failed", 100, "h1", "A", "u4"), 0);
	/* 302 s after the first sign of guessing, but it went on at 100. */
	assert_int_equal(feed(co, "success", 305, "h1", "A", "u4"), 5);
	assert_true(seen.holds);
	assert_int_equal(seen.first_ns, T0);
	assert_int_equal(feed(co, "failed", 310, "h1", "A", "u5"), 1);
	assert_false(seen.holds);
	end(co);

	/* A correlation counts once a session for the one above, however long it lasts. */
	co = begin(&twice_c2, &count3, 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(feed(co, "failed", i, "h1", "A", "u1"), 0);
	end(co);
}

/* An event that matches two rules is one event. */
static void test_same_event(void **state)
{
	struct correlate *co = begin(&together, NULL, 0);

	feed_as(co, "mallila", "failed", 7000, T0, T0, "h1", "A", "u", false);
	assert_int_equal(feed_as(co, "mallila", "success", 7000, T0, T0, "h1", "A", "u", false), 1);
	assert_true(seen.holds);
	end(co);
	co = begin(&either3, NULL, 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(feed_as(co, "mallila", "failed", i, T0, T0, "h1", "A", "u", false),
				 0);
		assert_int_equal(
			feed_as(co, "mallila", "success", i, T0, T0, "h1", "A", "u", false), 0);
	}
	assert_int_equal(feed_as(co, "mallila", "failed", 9, T0, T0, "h1", "A", "u", false), 3);
	end(co);
}

static void test_repeats(void **state)
{
	struct correlate *co = begin(&count3, NULL, 0);
	const struct correlate_stats *st = correlate_stats(co);

	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(feed_as(co, "mallila", "failed", 1, T0, T0, "h1", "A", "u", false),
				 0);
	assert_int_equal(metric_get(&st->repeated), 9);
	/* The same event.id of another tenant, or by another rule, is another signal. */
	feed_as(co, "muumila", "failed", 1, T0, T0, "h1", "A", "u", false);
	feed_as(co, "mallila", "success", 1, T0, T0, "h1", "A", "u", false);
	assert_int_equal(metric_get(&st->repeated), 9);
	assert_int_equal(feed(co, "failed", 1, "h1", "A", "u"), 0);
	assert_int_equal(feed(co, "failed", 2, "h1", "A", "u"), 3);
	/* Past two horizons nothing is remembered any more, so memory ends. */
	for (int i = 1; i <= 3; i++)
		feed_as(co, "mallila", "failed", 100 + (unsigned)i, T0,
			T0 + i * (correlate_horizon_ns(co) + NS_PER_SEC), "h9", "A", "u", false);
	assert_true(metric_get(&st->repeats_kept) <= 2);
	end(co);
}

/* aliases: one group, by fields that two rules call differently. */
static void test_aliases(void **state)
{
	struct correlation_alias aliases[] = {
		{ .alias = "who", .rule = &rules[FAILED], .field = "user.name" },
		{ .alias = "who", .rule = &rules[SUCCESS], .field = "host.name" },
	};
	static const char *by_alias[] = { "who" };
	struct correlation c = ordered;
	struct correlate *co;

	c.group_by = by_alias;
	c.aliases = aliases;
	c.n_aliases = 2;
	co = begin(&c, NULL, 0);
	feed(co, "failed", 0, "x", "A", "maija");
	assert_int_equal(feed(co, "success", 1, "kalle", "A", "maija"), 0);
	assert_int_equal(feed(co, "success", 2, "maija", "A", "x"), 2);
	end(co);
}

/* Tenants never meet, whatever their events say. */
static void test_tenants(void **state)
{
	struct correlate *co = begin(&count3, NULL, 0);

	feed_as(co, "mallila", "failed", 1, T0, T0, "h1", "A", "u", false);
	feed_as(co, "mallila", "failed", 2, T0, T0, "h1", "A", "u", false);
	assert_int_equal(feed_as(co, "muumila", "failed", 3, T0, T0, "h1", "A", "u", false), 0);
	assert_int_equal(feed_as(co, "mallila", "failed", 4, T0, T0, "h1", "A", "u", false), 3);
	end(co);
}

/* Group-by values cannot be made to run into each other, nor long ones to look alike. */
static void test_group_keys(void **state)
{
	struct correlation pair = count3;
	struct correlate *co;
	char a[400], b[400];

	pair.group_by = by_host_ip;
	pair.n_group_by = 2;
	co = begin(&pair, NULL, 0);
	feed(co, "failed", 0, "h", "1A", "u");
	feed(co, "failed", 0, "h1", "A", "u");
	feed(co, "failed", 0, "h", "1A", "u");
	assert_int_equal(feed(co, "failed", 0, "h1", "A", "u"), 0);
	assert_int_equal(feed(co, "failed", 0, "h1", "A", "u"), 3);
	memset(a, 'x', sizeof(a));
	a[399] = '\0';
	memcpy(b, a, sizeof(a));
	b[398] = 'y';
	feed(co, "failed", 0, a, "A", "u");
	feed(co, "failed", 0, a, "A", "u");
	assert_int_equal(feed(co, "failed", 0, b, "A", "u"), 0);
	assert_int_equal(feed(co, "failed", 0, a, "A", "u"), 3);
	assert_int_equal(strlen(seen.entity), CORRELATE_VALUE_MAX);
	end(co);
}

/* One clock that runs ahead by a century ends nobody's windows; one of the past is judged by
 * itself. */
static void test_clocks(void **state)
{
	int64_t century = INT64_C(100) * 365 * 86400 * NS_PER_SEC;
	struct correlate *co = begin(&count3, NULL, 0);

	feed_as(co, "mallila", "failed", 1, T0, T0, "h1", "A", "u", false);
	feed_as(co, "mallila", "failed", 2, T0 + century, T0, "h1", "A", "u", false);
	assert_int_equal(feed_as(co, "mallila", "failed", 3, T0, T0, "h1", "A", "u", false), 3);
	assert_int_equal(metric_get(&correlate_stats(co)->ahead), 1);
	for (unsigned i = 0; i < 3; i++) /* a backlog of last year, arriving now */
		assert_int_equal(feed_as(co, "mallila", "failed", 10 + i,
					 T0 - century / 100 + i * NS_PER_SEC, T0 + NS_PER_SEC, "h2",
					 "A", "u", false),
				 i == 2 ? 3 : 0);
	feed_as(co, "mallila", "failed", 20, INT64_MIN + 1, T0, "h3", "A", "u", false);
	feed_as(co, "mallila", "failed", 21, INT64_MAX, INT64_MAX, "h3", "A", "u", false);
	end(co);
}

/* Our own clock is set, the senders' are right: each row gives where ours is then, in seconds from
 * theirs. Nothing of what is found changes, and nobody is taken to be ahead. */
static void test_own_clock(void **state)
{
	const int64_t hour = 3600, year = 365 * 24 * hour;
	const int64_t offs[][4] = {
		{ 0, -hour, -hour, -hour },       { 0, hour, hour, hour },
		{ 0, -20 * year, -20 * year, 0 }, { 0, 3 * year, 3 * year, 0 },
		{ 0, 3 * year, -3 * year, 0 },    { 0, -hour, 0, -hour },
		{ 0, 0, -3 * year, 3 * year },
	};

	for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++) {
		struct correlate *co = begin(&count3, NULL, 0);

		for (unsigned n = 0; n < 4; n++) {
			int64_t at = T0 + n * 60 * NS_PER_SEC;
			unsigned told = n < 2 ? 0 : n == 2 ? 3 : 1;

			if ((unsigned)feed_as(co, "mallila", "failed", n, at,
					      at + offs[i][n] * NS_PER_SEC, "h1", "A", "u",
					      false) != told)
				fail_msg("row %zu, signal %u", i, n);
		}
		assert_int_equal(metric_get(&correlate_stats(co)->ahead), 0);
		assert_int_equal(metric_get(&correlate_stats(co)->late), 0);
		end(co);
	}
}

/* Replaying the same signals gives the state that was there. */
static void test_replay(void **state)
{
	struct correlate *co = begin(&count3, NULL, 0);

	for (unsigned i = 0; i < 4; i++)
		feed_as(co, "mallila", "failed", i, T0 + i * NS_PER_SEC, T0, "h1", "A", "u", true);
	assert_int_equal(seen.total, 0); /* nothing is told */
	assert_int_equal(metric_get(&correlate_stats(co)->findings), 0);
	/* The window was told before the restart: only what is new is told now. */
	assert_int_equal(
		feed_as(co, "mallila", "failed", 9, T0 + 9 * NS_PER_SEC, T0, "h1", "A", "u", false),
		1);
	assert_true(seen.holds);
	end(co);
}

/* The same as the log gives it: only a part of the events is read, and the state is the same. */
static void test_replay_read(void **state)
{
	struct correlate *co = begin(&count3, NULL, 0);
	struct err err;

	for (unsigned i = 0; i < 4; i++) {
		buf_reset(&text);
		buf_printf(&text,
			   "{\"tenant\":\"mallila\",\"rule\":\"%s\",\"event_id\":\"r%u\",\"time\":%"
			   "lld,"
			   "\"ingested\":%lld,\"event\":{\"other\":{\"host\":{\"name\":\"no\"}},"
			   "\"host\":{\"name\":\"h1\",\"x\":[1]},\"tail\":{}}}",
			   i == 3 ? "alone" : "failed", i, (long long)T0 + i, (long long)T0);
		assert_int_equal(correlate_replay(co, buf_view(&text), &sg, T0, &err), 0);
	}
	assert_int_equal(seen.total, 0);
	assert_int_equal(metric_get(&correlate_stats(co)->groups), 2); /* C1's and C2's */
	assert_int_equal(correlate_replay(co, SLICE("{\"tenant\":\"mallila\"}"), &sg, T0, &err),
			 -1);
	assert_int_equal(err.code, ERR_SYNTAX);
	/* Told before the restart: what is new extends. */
	assert_int_equal(
		feed_as(co, "mallila", "failed", 9, T0 + NS_PER_SEC, T0, "h1", "A", "u", false), 1);
	end(co);
}

#define ATTACK 5000u

/* What the folded signals say of addresses adds up. */
static void check_ips(void)
{
	unsigned n = 0;

	for (const char *p = seen.values; (p = strstr(p, "source.ip=")) != NULL; p++) {
		p = strchr(p, '*');
		assert_non_null(p);
		n += (unsigned)strtoul(p + 1, NULL, 10);
	}
	assert_int_equal(n, ATTACK + 1);
}

/* A long attack before the success that makes it a finding: few items are kept, all are told. */
static void test_fold(void **state)
{
	struct correlate *co = begin(&ordered, NULL, 0);
	static const char *const ips[] = { "192.0.2.7", "198.51.100.9", "203.0.113.4" };

	for (unsigned i = 0; i < ATTACK; i++)
		assert_int_equal(feed_as(co, "mallila", "failed", i, T0 + i * NS_PER_MS,
					 T0 + i * NS_PER_MS, "h1", ips[i % 3], "root", false),
				 0);
	assert_true(metric_get(&correlate_stats(co)->bytes) < 1u << 20);
	assert_int_equal(feed_as(co, "mallila", "success", ATTACK, T0 + ATTACK * NS_PER_MS,
				 T0 + ATTACK * NS_PER_MS, "h1", ips[0], "root", false),
			 ATTACK + 1);
	assert_int_equal(seen.more, 0); /* all alike: nothing but times was lost */
	assert_int_equal(seen.first_ns, T0);
	assert_string_equal(seen.first_id, "a-0000000000000001-0");
	check_ips();
	end(co);

	/* Of unlike ones the number stays. */
	co = begin(&ordered, NULL, 0);
	for (unsigned i = 0; i < ATTACK; i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%u", i);
		feed_as(co, "mallila", "failed", i, T0 + i * NS_PER_MS, T0, "h1", ips[i % 3], user,
			false);
	}
	assert_int_equal(feed_as(co, "mallila", "success", ATTACK, T0 + ATTACK * NS_PER_MS, T0,
				 "h1", ips[0], "root", false),
			 ATTACK + 1);
	assert_true(seen.more > 0);
	end(co);
}

/* 5,000 wrong passwords: told once each, and the state stays small. */
static void test_attack(void **state)
{
	struct correlate *co = begin(&count3, NULL, 0);
	unsigned told = 0;

	for (unsigned i = 0; i < ATTACK; i++)
		told += (unsigned)feed_as(co, "mallila", "failed", i, T0 + i * NS_PER_SEC / 4,
					  T0 + i * NS_PER_SEC / 4, "h1", "A", "root", false);
	assert_int_equal(told, ATTACK);
	assert_int_equal(seen.total, ATTACK - 2);
	assert_true(metric_get(&correlate_stats(co)->bytes) < 128u << 10);
	end(co);
}

/* Memory is bounded: the oldest groups go, the newest stay and still work. */
static void test_bounds(void **state)
{
	struct correlate *co = begin(&count3, NULL, 256u << 10);
	const struct correlate_stats *st = correlate_stats(co);
	char host[32];

	for (unsigned i = 0; i < 5000; i++) {
		snprintf(host, sizeof(host), "host%u", i);
		feed_as(co, "mallila", "failed", i, T0, T0, host, "A", "u", false);
		assert_true(metric_get(&st->bytes) <= (256u << 10) * 5 / 4);
	}
	assert_true(metric_get(&st->evicted) > 1000);
	assert_true(metric_get(&st->groups) > 100);
	feed_as(co, "mallila", "failed", 6000, T0, T0, host, "A", "u", false);
	assert_int_equal(feed_as(co, "mallila", "failed", 6001, T0, T0, host, "A", "u", false), 3);
	/* Quiet groups go by themselves. */
	for (unsigned i = 0; i < 2000; i++)
		feed_as(co, "mallila", "failed", 10000 + i, T0 + 7200 * NS_PER_SEC,
			T0 + 7200 * NS_PER_SEC, "h1", "A", "u", false);
	assert_int_equal(metric_get(&st->groups), 2); /* h1, of both correlations */
	end(co);
}

static void test_circle(void **state)
{
	struct correlate_opts opts = { .rules = &set, .found = on_found };
	struct correlate *co = NULL;
	struct err err;

	corr1 = nested; /* refers to c2 */
	corr2 = count3;
	corr2.rules = ref_c1;
	assert_int_equal(correlate_new(&opts, &co, &err), -1);
	assert_int_equal(err.code, ERR_SYNTAX);
	assert_non_null(strstr(err.msg, "circle"));
}

#define GOOD                                                                                       \
	"{\"tenant\":\"t\",\"rule\":\"r\",\"event_id\":\"e\",\"time\":1,\"ingested\":-2,"          \
	"\"event\":{}}"
static const struct {
	const char *text;
	bool good;
} signal_texts[] = {
	{ GOOD, true },
	{ GOOD " ", false },
	{ "{\"tenant\":\"t,\\\"event\\\":\",\"rule\":\"r\",\"event_id\":\"e\",\"time\":1,"
	  "\"ingested\":2,\"event\":{\"a\":{\"b\":[1,2]}}}",
	  true },
	{ "{\"rule\":\"r\",\"tenant\":\"t\",\"event_id\":\"e\",\"time\":1,\"ingested\":2,\"event\":"
	  "{}}",
	  false },
	{ "{\"tenant\":\"\",\"rule\":\"r\",\"event_id\":\"e\",\"time\":1,\"ingested\":2,\"event\":{"
	  "}}",
	  false },
	{ "{\"tenant\":\"t\",\"rule\":\"r\",\"event_id\":\"e\",\"time\":\"1\",\"ingested\":2,"
	  "\"event\":{}}",
	  false },
	{ "{\"tenant\":\"t\",\"rule\":\"r\",\"event_id\":\"e\",\"time\":1.5,\"ingested\":2,"
	  "\"event\":{}}",
	  false },
	{ "{\"tenant\":\"t\",\"rule\":\"r\",\"event_id\":\"e\",\"time\":99999999999999999999,"
	  "\"ingested\":2,\"event\":{}}",
	  false },
	{ "{\"tenant\":\"t\",\"rule\":\"r\",\"event_id\":\"e\",\"time\":1,\"event\":{}}", false },
	{ "{\"tenant\":\"t\",\"rule\":\"r\",\"event_id\":\"e\",\"time\":1,\"ingested\":2,"
	  "\"event\":[]}",
	  false },
	{ "{\"tenant\":\"t\",\"rule\":\"r\",\"event_id\":\"e\",\"time\":1,\"ingested\":2,\"event\":"
	  "}",
	  false },
	{ "{\"tenant\":\"ttttttttttttttttttttttttttttttttt\",\"rule\":\"r\",\"event_id\":\"e\","
	  "\"time\":1,\"ingested\":2,\"event\":{}}",
	  false },
	{ ",\"event\":", false },
	{ "", false },
};

static void test_signal_read(void **state)
{
	struct err err;

	for (size_t i = 0; i < sizeof(signal_texts) / sizeof(signal_texts[0]); i++) {
		const char *t = signal_texts[i].text;

		if ((signal_read(slice_str(t), &sg, &err) == 0) != signal_texts[i].good)
			fail_msg("%s", t);
		for (size_t n = 0; signal_texts[i].good && n < strlen(t); n++)
			assert_int_equal(signal_read((struct slice){ t, n }, &sg, &err), -1);
	}
	assert_int_equal(signal_read(SLICE(GOOD), &sg, &err), 0);
	assert_int_equal(sg.time_ns, 1);
	assert_int_equal(sg.ingested_ns, -2);
	signal_release(&sg);
}

int main(void)
{
	const struct CMUnitTest correlate_tests[] = {
		cmocka_unit_test(test_signal_read), cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_value_count), cmocka_unit_test(test_finding),
		cmocka_unit_test(test_alone),       cmocka_unit_test(test_nested),
		cmocka_unit_test(test_same_event),  cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_aliases),     cmocka_unit_test(test_tenants),
		cmocka_unit_test(test_group_keys),  cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_own_clock),   cmocka_unit_test(test_replay),
		cmocka_unit_test(test_replay_read), cmocka_unit_test(test_fold),
		cmocka_unit_test(test_attack),      cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_circle),
	};

	return RUN_TESTS(correlate_tests);
}

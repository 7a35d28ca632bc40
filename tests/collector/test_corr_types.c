/* SPDX-License-Identifier: EUPL-1.2 */
/* Correlation rules as Sigma writes them: what each type finds, and what is refused. */
#include "tests/collector/corr_kit.h"

#include <stdlib.h>

/* Steps: "10:a=5/x!" is a signal of rule a at 10 s whose event has v: 5 and w: x. Behind it what
 * comes: ! the condition is true; + only passed on to what was found; nothing: quiet. */
#define X(type, rules, more)                                                                       \
	"title: x\nname: x\ncorrelation: {type: " type ", rules: [" rules "], timespan: 10s, "     \
	"group-by: [g]" more "}\n"
#define V(op) ", condition: {field: v, " op "}"

static const struct {
	const char *rule, *steps;
} rows[] = {
	{ X("event_count", "a", ", condition: {gte: 3}"), "0:a 1:a 2:b 3:a! 20:a+" },
	{ X("event_count", "a", ", condition: {eq: 2}"), "0:a 1:a! 2:a+" },
	{ X("event_count", "a", ", condition: {neq: 1}"), "0:a 11:a 12:a!" },
	{ X("event_count", "a", ", condition: {lt: 2}"), "0:a! 1:a+ 12:a!" },
	/* A range: 2 or 3 events. */
	{ X("event_count", "a", ", condition: {gt: 1, lte: 3}"), "0:a 1:a! 2:a! 3:a+ 13:a!" },
	{ X("event_count", "a, b", ", condition: {gte: 3}"), "0:a 1:b 2:a!" },

	{ X("value_count", "a", V("gte: 3")), "0:a=1 1:a=1 2:a=2 3:a 4:a=3! 10:a=3! 13:a=3+" },
	{ X("value_count", "a", V("lt: 2")), "0:a=1! 1:a=2+ 11:a=2! 12:a=2!" },
	/* Several fields: their tuples are counted; one absent, no part. */
	{ X("value_count", "a", ", condition: {field: [v, w], gte: 3}"),
	  "0:a=1/x 1:a=1/y 2:a=1/x 3:a=2 4:a=2/x!" },
	{ X("value_count", "a", ", condition: {field: [v, w], gte: 3}"),
	  "0:a=1/22 1:a=12/2 2:a=1/22 3:a=122/x!" },

	{ X("value_sum", "a", V("gt: 100")), "0:a=60 1:a=40 2:a=1! 10:a=59! 11:a=0+" },
	{ X("value_sum", "a", V("gte: 100")), "0:a=60 1:a=\"40\"! 20:a=\" 1e2 \"!" },
	{ X("value_sum", "a", V("gte: 1")), "0:a=many 1:a=0x10 2:a=true 3:a 4:a=-5 5:a=6!" },
	{ X("value_sum", "a", V("lt: -1.5")), "0:a=-1.5 1:a=-0.1!" },
	/* What left takes with it what it brought. */
	{ X("value_sum", "a", V("eq: 0.3")), "0:a=1000000000000000 9:a=0.1 11:a=0.2!" },
	{ X("value_sum", "a", V("gte: 10, lte: 20")), "0:a=5 1:a=5! 2:a=10! 3:a=1+" },

	{ X("value_avg", "a", V("gt: 500")), "0:a=500 1:a=501! 2:a=499+ 20:a=501!" },
	{ X("value_avg", "a", V("eq: 0.5")), "0:a=1 1:a=0!" },
	{ X("value_avg", "a", V("lt: 2")), "0:a=2 1:a=2 2:a=1!" },

	{ X("value_median", "a", V("gte: 5")), "0:a=1 1:a=9! 2:a=2+ 3:a=8!" },
	{ X("value_median", "a", V("eq: 3")), "0:a=100 1:a=1 2:a=3! 20:a=2+ 21:a=4!" },
	{ X("value_percentile", "a", ", condition: {field: v, percentile: 90, gt: 8}"),
	  "0:a=0 1:a=9! 2:a=0+ 3:a=9!" },
	{ X("value_percentile", "a", ", condition: {field: v, percentile: 75, eq: 3.25}"),
	  "0:a=1 1:a=2 2:a=3 3:a=4!" },
	{ X("value_percentile", "a", ", condition: {field: v, percentile: 0, lte: 1}"),
	  "0:a=3 1:a=2 2:a=1!" },
	{ X("value_percentile", "a", ", condition: {field: v, percentile: 100, gte: 7}"),
	  "0:a=3 1:a=7! 2:a=1! 12:a=1+" },
	/* Without one: the share that the event's own value has, in percent. */
	{ X("value_percentile", "a", V("lte: 25")),
	  "0:a=cron 1:a=cron 2:a=cron 3:a=evil! 4:a=cron+" },
	{ X("value_percentile", "a", V("gte: 75")), "0:a=1! 20:a=2! 21:a=3+ 50:a=4!" },

	{ X("temporal", "a, b", ""), "0:a 1:c 2:b! 3:a! 30:a+" },
	{ X("temporal", "a, b, c", ", condition: {gte: 2}"), "0:a 1:a 2:c!" },
	{ X("temporal", "a, b, c", ", condition: {eq: 2}"), "0:a 1:c! 2:b+" },
	{ X("temporal", "a", ""), "0:a!" },
	{ X("temporal", "a, b, c", ", condition: a and (b or c)"), "0:b 1:c 2:a!" },
	{ X("temporal", "a, b", ", condition: a AND NOT b"), "0:b 1:a 10:a 11:a!" },
	{ X("temporal", "a, b, c", ", condition: not (a or b) and c"), "0:a 5:c 11:c! 12:b+" },
	{ X("temporal", "a, b, c", ", condition: not (not a or not b) or c"), "0:a 1:b! 30:c!" },
	{ X("temporal_ordered", "a, b", ""), "0:b 1:a 2:b! 3:a+ 12:b! 23:b+" },
	{ X("temporal_ordered", "a, b, c", ", condition: {gte: 2}"), "0:c 1:a 2:c!" },
	{ X("temporal_ordered", "a, b, c", ", condition: {eq: 2}"), "0:a 1:b! 2:c+" },
	{ X("temporal_ordered", "a, b, c", ", condition: a and (b or c)"), "0:c 1:a 2:c! 3:b!" },
	{ X("temporal_ordered", "a, b, c", ", condition: a and b and not c"),
	  "0:c 1:a 2:b 11:a 12:b!" },
	/* The condition alone may name the rules, in the order in which they stand there. */
	{ "title: x\nname: x\ncorrelation: {type: temporal_ordered, timespan: 10s, group-by: [g], "
	  "condition: b and a}\n",
	  "0:a 1:b 2:a!" },
	/* Several for one group and session; no group-by: all events are one group. */
	{ "title: x\nname: x\ncorrelation: {type: event_count, rules: a, timespan: 10s, condition: "
	  "{gte: 2}}\n",
	  "0:a 1:a!" },
	/* Nested: the inner one is an event when its own condition is true, once a session. */
	{ X("temporal_ordered", "many, b", "") "---\ntitle: m\nname: many\ncorrelation: {type: "
					       "value_sum, rules: [a], group-by: [g], timespan: "
					       "10s, condition: {field: v, gte: 10}}\n",
	  "0:a=5 1:b 2:a=5 3:b!" },
};

static void run_steps(struct region *rg, const char *row, const char *steps)
{
	char copy[256], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", steps);
	/* No row's values hold a blank but as \x01, shown as one. */
	for (char *q = copy, in = 0; *q != '\0'; q++) {
		in ^= *q == '"';
		if (in && *q == ' ')
			*q = '\x01';
	}
	for (char *p = strtok_r(copy, " ", &save); p != NULL; p = strtok_r(NULL, " ", &save)) {
		size_t n = strlen(p);
		char end = strchr("!+", p[n - 1]) != NULL ? p[n - 1] : ' ', rule, fields[128], came;
		char *v = strchr(p, '='), *w;
		int at = atoi(p);

		if (end != ' ')
			p[n - 1] = '\0';
		rule = strchr(p, ':')[1];
		w = v != NULL ? strchr(v, '/') : NULL;
		if (w != NULL)
			*w = '\0';
		for (char *q = p; *q != '\0'; q++)
			*q = *q == '\x01' ? ' ' : *q;
		snprintf(fields, sizeof(fields), "\"g\":\"h\"");
		if (v != NULL) {
			bool bare = (strspn(v + 1, "-0123456789.e") == strlen(v + 1) &&
				     v[1] != '.' && strcmp(v, "=-") != 0) ||
				    strcmp(v + 1, "true") == 0 || v[1] == '"';
			snprintf(fields, sizeof(fields), "\"g\":\"h\",\"v\":%s%s%s%s%s%s",
				 bare ? "" : "\"", v + 1, bare ? "" : "\"",
				 w != NULL ? ",\"w\":\"" : "", w != NULL ? w + 1 : "",
				 w != NULL ? "\"" : "");
		}
		region_feed(rg, rule, T0 + at * NS_PER_SEC, fields);
		came = rg->findings == 0 ? ' ' : rg->holds ? '!' : '+';
		if (came != end)
			fail_msg("%s\n%s: at %d: '%c' came, not '%c'", row, steps, at, came, end);
	}
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct region rg;

		region_open(&rg, rows[i].rule, 0);
		run_steps(&rg, rows[i].rule, rows[i].steps);
		region_close(&rg);
	}
}

/* What takes no part is counted, by the reason. */
static void test_no_part(void **state)
{
	struct region rg;

	region_open(&rg, X("value_sum", "a", V("gte: 1000")), 0);
	run_steps(&rg, "", "0:a=many 1:a=1e999 2:a=\"\" 3:a=12,5 4:a=- 5:a=7 6:a=1e19 7:a=.5");
	assert_int_equal(metric_get(&rg.stats.unnumbered), 5);
	assert_int_equal(metric_get(&rg.stats.ungrouped), 1); /* an empty text is no value */
	region_close(&rg);
}

#define T "title: t\nname: t\ncorrelation:\n  timespan: 5m\n  group-by: [g]\n"
static const struct {
	const char *text;
	unsigned line, col;
	const char *says;
} faults[] = {
	{ T "  type: event_count\n  rules: [a]\n  condition: {gte: 1.5}\n", 8, 20, "whole number" },
	{ T "  type: event_count\n  rules: [a]\n  condition: {gte: -1}\n", 8, 20, "whole number" },
	{ T "  type: event_count\n  rules: [a]\n  condition: {ge: 1}\n", 8, 15, "gt, gte, lt" },
	{ T "  type: event_count\n  rules: [a]\n  condition: {gte: 1, field: v}\n", 8, 23,
	  "looks at no field" },
	{ T "  type: event_count\n  rules: [a]\n  condition: a\n", 8, 14, "{gte: 10}" },
	{ T "  type: event_count\n  condition: {gte: 1}\n", 4, 3, "are missing" },
	{ T "  type: event_count\n  rules: []\n  condition: {gte: 1}\n", 7, 10, "are missing" },
	{ T "  type: event_count\n  rules: [a, b, a]\n  condition: {gte: 1}\n", 7, 10,
	  "\"a\" stands there twice" },
	{ T "  type: value_count\n  rules: [a]\n  condition: {gte: 1}\n", 8, 14,
	  "wants the field" },
	{ T "  type: value_sum\n  rules: [a]\n  condition: {gte: 1}\n", 8, 14, "wants the field" },
	{ T "  type: value_sum\n  rules: [a]\n  condition: {field: [v, w], gte: 1}\n", 8, 22,
	  "only value_count" },
	{ T "  type: value_sum\n  rules: [a]\n  condition: {field: v, gte: many}\n", 8, 30,
	  "a number" },
	{ T "  type: value_sum\n  rules: [a]\n  condition: {field: v, gte: 1e30}\n", 8, 30,
	  "past 1e18" },
	{ T "  type: value_avg\n  rules: [a]\n  condition: {field: v}\n", 8, 14, "is missing" },
	{ T "  type: value_avg\n  rules: [a]\n  condition: {field: v, gte: 1, percentile: 5}\n", 8,
	  33, "only value_percentile" },
	{ T "  type: value_percentile\n  rules: [a]\n  condition: {field: v, gte: 1, percentile: "
	    "101}\n",
	  8, 45, "from 0 to 100" },
	{ T "  type: temporal\n  rules: [a, b]\n  condition: a and c\n", 8, 20,
	  "not among the rules: \"c\"" },
	{ T "  type: temporal\n  rules: [a, b]\n  condition: a\n", 8, 14, "name each" },
	{ T "  type: temporal\n  rules: [a, b]\n  condition: (a or b\n", 8, 21, "parenthesis" },
	{ T "  type: temporal\n  rules: [a, b]\n  condition: a b\n", 8, 16, "is expected before" },
	{ T "  type: temporal\n  rules: [a, b]\n  condition: 'a and'\n", 8, 20, "ends too early" },
	{ T "  type: temporal\n  rules: [a, b]\n  condition: a or and b\n", 8, 19,
	  "a rule is expected" },
	{ T "  type: temporal\n  rules: [a, b]\n  condition: a and b and not a\n", 8, 14,
	  "never be true" },
	{ T "  type: temporal\n  rules: [a, b]\n  condition: [a, b]\n", 8, 14, "a and b" },
	{ T "  type: temporal\n  rules: [a, b]\n  ordered: true\n", 8, 3, "unknown" },
	{ "title: t\ncorrelation: {type: temporal, rules: [a, b], timespan: 1M}\n", 2, 56, "days" },
	{ "title: t\ncorrelation: {type: temporal, rules: [a, b], timespan: 0s}\n", 2, 56, "days" },
	{ "title: t\ncorrelation: {type: temporal, rules: [a, b], timespan: 367d}\n", 2, 56,
	  "days" },
};

static void test_faults(void **state)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct buf b = { 0 };
		struct rules_report rep;
		struct heard heard;
		struct ruleset *rs;

		buf_str(&b, faults[i].text);
		for (char c = 'a'; c <= 'c'; c++)
			buf_printf(&b,
				   "---\ntitle: %c\nname: %c\nlogsource: {product: linux}\n"
				   "detection: {s: {event.action: %c}, condition: s}\n",
				   c, c, c);
		rs = rules_from(buf_view(&b), &rep, &heard);
		if (rep.rejected != 1 || heard.fault.line != faults[i].line ||
		    heard.fault.col != faults[i].col ||
		    strstr(heard.fault.msg, faults[i].says) == NULL)
			fail_msg("%s%zu refused; %u:%u: %s", faults[i].text, rep.rejected,
				 heard.fault.line, heard.fault.col, heard.fault.msg);
		ruleset_unref(rs);
		buf_release(&b);
	}
}

/* An expression that would become very many alternatives, or is nested without end. */
static void test_large_expressions(void **state)
{
	struct buf b = { 0 };
	struct rules_report rep;
	struct heard heard;

	buf_str(&b, T "  type: temporal\n  condition: (a0 or b0)");
	for (int i = 1; i < 20; i++)
		buf_printf(&b, " and (a%d or b%d)", i, i);
	ruleset_unref(rules_from(buf_view(&b), &rep, &heard));
	assert_int_equal(rep.rejected, 1);
	assert_non_null(strstr(heard.fault.msg, "past 64"));
	buf_reset(&b);
	buf_str(&b, T "  type: temporal\n  condition: ");
	for (int i = 0; i < 1000; i++)
		buf_chr(&b, '(');
	ruleset_unref(rules_from(buf_view(&b), &rep, &heard));
	assert_non_null(strstr(heard.fault.msg, "too deep"));
	buf_reset(&b);
	buf_str(&b, T "  type: temporal\n  condition: r0");
	for (int i = 1; i < 65; i++)
		buf_printf(&b, " and r%d", i);
	ruleset_unref(rules_from(buf_view(&b), &rep, &heard));
	assert_non_null(strstr(heard.fault.msg, "more than 64 rules"));
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest corr_type_tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_no_part),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_large_expressions),
	};

	return RUN_TESTS(corr_type_tests);
}

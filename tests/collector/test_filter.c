/* SPDX-License-Identifier: EUPL-1.2 */
/* Filter documents: what they leave out, of which rules, and which are refused. */
#include "tests/collector/rule_kit.h"

#define RULE(name, source, field)                                                                  \
	"title: " name "\nname: " name "\nlogsource: {" source "}\n"                               \
	"detection: {s: {" field ": x}, condition: s}\n---\n"
#define FILTER(title, source, rules, selection)                                                    \
	"title: " title "\nlogsource: {" source "}\nfilter:\n  rules: " rules                      \
	"\n  selection: {" selection "}\n  condition: not selection\n---\n"
#define LINUX "product: linux"
#define RULES                                                                                      \
	RULE("one", LINUX, "a") RULE("two", LINUX, "b") RULE("sshd", LINUX ", service: sshd", "c")
#define CREATE "product: windows, category: process_creation"

static const struct {
	const char *name, *text, *event;
	unsigned n; /* rules that match */
} rows[] = {
	{ "no filter", RULES, "{\"a\":\"x\",\"b\":\"x\",\"u\":\"adm\"}", 2 },
	{ "by name", RULES FILTER("f", LINUX, "[one]", "u: adm"),
	  "{\"a\":\"x\",\"b\":\"x\",\"u\":\"adm\"}", 1 },
	{ "what it doesn't fit stays", RULES FILTER("f", LINUX, "[one]", "u: adm"),
	  "{\"a\":\"x\",\"b\":\"x\",\"u\":\"maija\"}", 2 },
	{ "before its rules", FILTER("f", LINUX, "[one, two]", "u: adm") RULES,
	  "{\"a\":\"x\",\"b\":\"x\",\"u\":\"adm\"}", 0 },
	{ "one rule, not in a list", RULES FILTER("f", LINUX, "one", "u: adm"),
	  "{\"a\":\"x\",\"b\":\"x\",\"u\":\"adm\"}", 1 },
	{ "any", RULES FILTER("f", LINUX, "any", "u: adm"),
	  "{\"a\":\"x\",\"b\":\"x\",\"u\":\"adm\"}", 0 },
	{ "all is any", RULES FILTER("f", LINUX, "ALL", "u: adm"),
	  "{\"a\":\"x\",\"b\":\"x\",\"u\":\"adm\"}", 0 },
	{ "any of its log source", RULES FILTER("f", LINUX ", service: sshd", "any", "u: adm"),
	  "{\"a\":\"x\",\"c\":\"x\",\"u\":\"adm\",\"process\":{\"name\":\"sshd\"}}", 1 },
	{ "a wider log source holds narrower ones", RULES FILTER("f", LINUX, "any", "u: adm"),
	  "{\"c\":\"x\",\"u\":\"adm\",\"process\":{\"name\":\"sshd\"}}", 0 },
	{ "two filters, the first",
	  RULES FILTER("f", LINUX, "[one]", "u: adm") FILTER("g", LINUX, "[one]", "h: srv"),
	  "{\"a\":\"x\",\"u\":\"adm\"}", 0 },
	{ "two filters, the second",
	  RULES FILTER("f", LINUX, "[one]", "u: adm") FILTER("g", LINUX, "any", "h: srv"),
	  "{\"a\":\"x\",\"h\":\"srv\"}", 0 },
	{ "two filters, neither",
	  RULES FILTER("f", LINUX, "[one]", "u: adm") FILTER("g", LINUX, "[one]", "h: srv"),
	  "{\"a\":\"x\",\"h\":\"x\"}", 1 },
	{ "its names are its own",
	  RULE("one", LINUX, "a") "title: f\nlogsource: {product: linux}\nfilter:\n  rules: [one]\n"
				  "  s: {u: adm}\n  condition: not s\n",
	  "{\"a\":\"x\",\"u\":\"root\"}", 1 },
	{ "its condition holds as it stands",
	  RULE("one", LINUX, "a") "title: f\nlogsource: {product: linux}\nfilter:\n  rules: [one]\n"
				  "  selection: {u: adm}\n  condition: selection\n",
	  "{\"a\":\"x\",\"u\":\"adm\"}", 1 },
	{ "a rule of several conditions",
	  "title: one\nname: one\nlogsource: {product: linux}\ndetection: {s: {a: x}, t: {b: x}, "
	  "condition: [s, t]}\n---\n" FILTER("f", LINUX, "[one]", "u: adm"),
	  "{\"b\":\"x\",\"u\":\"adm\"}", 0 },
	{ "names that the rule's log source has for fields",
	  RULE("one", CREATE, "CommandLine")
		  FILTER("f", "product: windows", "any", "Image|endswith: cmd.exe"),
	  "{\"winlog\":{\"channel\":\"Security\",\"event_id\":4688,\"event_data\":{"
	  "\"CommandLine\":\"x\",\"NewProcessName\":\"c:\\\\cmd.exe\"}}}",
	  0 },
	{ "a rule that a correlation counts",
	  RULE("one", LINUX, "a") FILTER("f", LINUX, "any",
					 "u: adm") "title: c\ncorrelation: {type: event_count, "
						   "rules: [one], timespan: 1m, condition: {gte: "
						   "2}}\n",
	  "{\"a\":\"x\",\"u\":\"adm\"}", 0 },
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rules_report rep;
		struct heard heard;
		struct ruleset *rs = rules_from(slice_str(rows[i].text), &rep, &heard);
		unsigned n;

		if (rep.rejected > 0 || rep.loaded != rep.documents ||
		    rep.loaded != ruleset_count(rs) + rep.filters)
			fail_msg("%s: %u:%u: %s", rows[i].name, heard.fault.line, heard.fault.col,
				 heard.fault.msg);
		n = matches(rs, slice_str(rows[i].event));
		if (n != rows[i].n)
			fail_msg("%s: %u rules match", rows[i].name, n);
		ruleset_unref(rs);
	}
}

#define ONE  RULE("one", LINUX, "a") /* six lines with their separator */
#define HEAD ONE "title: f\nlogsource: {product: linux}\n"

static const struct {
	const char *name, *text;
	unsigned line, col;
	const char *says;
} refused[] = {
	{ "a rule that is not there",
	  HEAD "filter:\n  rules:\n    - one\n    - nobody\n  s: {u: x}\n  condition: not s\n", 11,
	  7, "no rule that loads has the id or name \"nobody\"" },
	{ "no title", ONE "logsource: {product: linux}\nfilter: {rules: any}\n", 6, 1,
	  "wants a title" },
	{ "no logsource", ONE "title: f\nfilter: {rules: any, s: {u: x}, condition: not s}\n", 6, 1,
	  "wants the logsource" },
	{ "an empty logsource",
	  ONE
	  "title: f\nlogsource: {definition: x}\nfilter: {rules: any, s: {u: x}, condition: s}\n",
	  7, 12, "product, service or category" },
	{ "no rules", HEAD "filter: {s: {u: x}, condition: not s}\n", 8, 9, "rules is missing" },
	{ "an empty list", HEAD "filter: {rules: [], s: {u: x}, condition: not s}\n", 8, 17,
	  "or any, are expected" },
	{ "no condition", HEAD "filter: {rules: any, s: {u: x}}\n", 8, 9, "condition is missing" },
	{ "two conditions", HEAD "filter: {rules: any, s: {u: x}, condition: [s, s]}\n", 8, 44,
	  "one condition" },
	{ "no selection", HEAD "filter: {rules: any, condition: not s}\n", 8, 9,
	  "no search identifier" },
	{ "the rule's names are not its own",
	  HEAD "filter: {rules: [one], t: {u: x}, condition: not s}\n", 8, 50,
	  "no search identifier \"s\"" },
	{ "a text", HEAD "filter: any\n", 8, 9, "a map" },
	{ "a rule and a filter",
	  HEAD "detection: {s: {a: x}, condition: s}\nfilter: {rules: any}\n", 8, 1, "not both" },
	{ "a placeholder", HEAD "filter: {rules: any, s: {u|expand: '%x%'}, condition: not s}\n", 8,
	  36, "%x% needs" },
};

static void test_refused(void **state)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct rules_report rep;
		struct heard heard;
		struct ruleset *rs = rules_from(slice_str(refused[i].text), &rep, &heard);

		if (rep.loaded != 1 || rep.rejected != 1 || rep.filters != 0 || heard.faults != 1 ||
		    heard.fault.line != refused[i].line || heard.fault.col != refused[i].col ||
		    strstr(heard.fault.msg, refused[i].says) == NULL)
			fail_msg("%s: %zu loaded, %zu rejected, %u:%u: %s", refused[i].name,
				 rep.loaded, rep.rejected, heard.fault.line, heard.fault.col,
				 heard.fault.msg);
		/* Without its filter the rule matches what it matched. */
		assert_int_equal(matches(rs, SLICE("{\"a\":\"x\",\"u\":\"x\"}")), 1);
		ruleset_unref(rs);
	}
}

static void test_correlation(void **state)
{
	static const char text[] = ONE
		"title: c\nname: c\ncorrelation: {type: event_count, rules: [one], timespan: 1m, "
		"condition: {gte: 2}}\n---\n" FILTER("f", LINUX, "[c]", "u: adm");
	struct rules_report rep;
	struct heard heard;
	struct ruleset *rs = rules_from(SLICE(text), &rep, &heard);

	assert_int_equal(rep.loaded, 2);
	assert_int_equal(rep.rejected, 1);
	assert_non_null(strstr(heard.fault.msg, "\"c\" is a correlation"));
	ruleset_unref(rs);
}

static void test_warnings(void **state)
{
	static const char no_not[] =
		ONE "title: f\nlogsource: {product: linux}\nfilter: {rules: any, "
		    "s: {u: x}, condition: s}\n";
	static const char elsewhere[] = ONE FILTER("f", "product: windows", "[one]", "u: x");
	struct rules_report rep;
	struct heard heard;
	struct ruleset *rs = rules_from(SLICE(no_not), &rep, &heard);

	assert_int_equal(rep.loaded, 2);
	assert_int_equal(heard.warnings, 1);
	assert_non_null(strstr(heard.warning.msg, "to leave such events out write: not"));
	ruleset_unref(rs);
	rs = rules_from(SLICE(elsewhere), &rep, &heard);
	assert_int_equal(rep.loaded, 2);
	assert_int_equal(heard.warnings, 1);
	assert_non_null(strstr(heard.warning.msg, "another log source"));
	assert_int_equal(matches(rs, SLICE("{\"a\":\"x\",\"u\":\"x\"}")), 1);
	ruleset_unref(rs);
}

/* Where a tenant has no list for a filter's placeholder, the filter does not apply. */
static void test_values(void **state)
{
	static const char text[] =
		ONE "title: f\nlogsource: {product: linux}\nfilter: {rules: any, "
		    "s: {u|expand: '%admins%'}, condition: not s}\n";
	static const char values[] = "tenants: {mallila: {admins: maija}}\n";
	struct rules_report rep;
	struct heard heard;
	struct err err;
	struct ruleset *rs = rules_try(SLICE(text), SLICE(values), &rep, &heard, &err);

	assert_non_null(rs);
	assert_int_equal(matches(rs, SLICE("{\"a\":\"x\",\"u\":\"maija\"}")), 1);
	assert_int_equal(matches(rs, SLICE("{\"a\":\"x\",\"u\":\"maija\",\"organization\":{\"id\":"
					   "\"mallila\"}}")),
			 0);
	assert_int_equal(matches(rs, SLICE("{\"a\":\"x\",\"u\":\"pekka\",\"organization\":{\"id\":"
					   "\"mallila\"}}")),
			 1);
	ruleset_unref(rs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),        cmocka_unit_test(test_refused),
		cmocka_unit_test(test_correlation), cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_values),
	};

	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* Placeholders: what a site's lists make of rules, tenant by tenant. */
#include "tests/collector/rule_kit.h"

/* mallila has admins of its own and no servers; sorsala has its own of both, and no jump hosts. */
static const char values[] =
	"admins: [root, 'adm_*', 'C:\\\\x\\']\n"
	"nets: [192.0.2.0/24, '2001:db8::/32']\n"
	"number: 4711\n"
	"dots: ['a.c', 'x*z']\n"
	"DC-NAMES: [dc1, dc2]\n"
	"none: []\n"
	"tenants:\n"
	"  mallila: {admins: maija, servers: []}\n"
	"  sorsala: {admins: [sven, 'a?b'], servers: [srv1, srv2], jump: j1}\n";
static const char none[] = "admins: root\n";

#define SEL(item)       "selection: {" item "}\n  condition: selection"
#define BUT(item)       "selection: {k: x}\n  filter: {" item "}\n  condition: selection and not filter"
#define T(tenant, more) "{\"organization\":{\"id\":\"" tenant "\"}," more "}"

static const struct {
	const char *name, *values, *detection, *event;
	bool match;
} rows[] = {
	{ "a list for all", values, SEL("a|expand: '%admins%'"), "{\"a\":\"ROOT\"}", true },
	{ "not in the list", values, SEL("a|expand: '%admins%'"), "{\"a\":\"maija\"}", false },
	{ "a wildcard of the list", values, SEL("a|expand: '%admins%'"), "{\"a\":\"adm_7\"}",
	  true },
	{ "a tenant that the file doesn't know", values, SEL("a|expand: '%admins%'"),
	  T("other", "\"a\":\"root\""), true },
	{ "a tenant's own list", values, SEL("a|expand: '%admins%'"),
	  T("mallila", "\"a\":\"maija\""), true },
	{ "replaces that of all", values, SEL("a|expand: '%admins%'"),
	  T("mallila", "\"a\":\"root\""), false },
	{ "and is not another's", values, SEL("a|expand: '%admins%'"),
	  T("sorsala", "\"a\":\"maija\""), false },
	{ "a question mark of a list", values, SEL("a|expand: '%admins%'"),
	  T("sorsala", "\"a\":\"axb\""), true },
	{ "tenants' ids have case", values, SEL("a|expand: '%admins%'"),
	  T("MALLILA", "\"a\":\"maija\""), false },
	{ "a number", values, SEL("a|expand: '%number%'"), "{\"a\":\"4711\"}", true },
	{ "a name with a hyphen", values, SEL("a|expand: '%DC-NAMES%'"), "{\"a\":\"dc2\"}", true },
	/* inside longer values, with other modifiers */
	{ "inside a text", values, SEL("a|expand: 'x-%admins%-y'"), "{\"a\":\"x-root-y\"}", true },
	{ "behind an escaped backslash", values, SEL("a|expand: 'C:\\Users\\\\%admins%\\*'"),
	  "{\"a\":\"C:\\\\Users\\\\root*\"}", true },
	{ "trap: a list's last backslash escapes nothing of the rule", values,
	  SEL("a|expand: '%admins%*'"), "{\"a\":\"c:\\\\x\\\\y\"}", true },
	{ "trap: nor what contains adds", values, SEL("a|expand|contains: '%admins%'"),
	  "{\"a\":\"-c:\\\\x\\\\y\"}", true },
	{ "two of them", values, SEL("a|expand: '%admins%@%DC-NAMES%'"), "{\"a\":\"adm_x@dc2\"}",
	  true },
	{ "two of them, other order", values, SEL("a|expand: '%admins%@%DC-NAMES%'"),
	  "{\"a\":\"dc1@root\"}", false },
	{ "two of them, one the tenant's own", values, SEL("a|expand: '%admins%@%DC-NAMES%'"),
	  T("mallila", "\"a\":\"maija@dc1\""), true },
	{ "one twice", values, SEL("a|expand: '%DC-NAMES%%DC-NAMES%'"), "{\"a\":\"dc1dc2\"}",
	  true },
	{ "two for some tenants only", values, SEL("a|expand: '%servers%/%jump%'"),
	  T("sorsala", "\"a\":\"srv2/j1\""), true },
	{ "contains before", values, SEL("a|contains|expand: '%admins%'"), "{\"a\":\"xrooty\"}",
	  true },
	{ "contains behind", values, SEL("a|expand|contains: '%admins%'"), "{\"a\":\"xrooty\"}",
	  true },
	{ "startswith", values, SEL("a|expand|startswith: '%admins%'"), "{\"a\":\"xroot\"}",
	  false },
	{ "endswith", values, SEL("a|endswith|expand: '.%DC-NAMES%'"), "{\"a\":\"x.dc1\"}", true },
	{ "cased", values, SEL("a|expand|cased: '%admins%'"), "{\"a\":\"ROOT\"}", false },
	{ "windash", values, SEL("a|expand|windash: '-u %admins%'"), "{\"a\":\"/u root\"}", true },
	{ "base64", "w: foobar\n", SEL("a|expand|base64: '%w%'"), "{\"a\":\"Zm9vYmFy\"}", true },
	{ "wide base64offset", "w: ping\n", SEL("a|expand|wide|base64offset|contains: '%w%'"),
	  "{\"a\":\"cABpAG4AZwA=\"}", true },
	{ "cidr", values, SEL("a|expand|cidr: '%nets%'"), "{\"a\":\"2001:db8::1\"}", true },
	{ "cidr, outside", values, SEL("a|cidr|expand: '%nets%'"), "{\"a\":\"192.0.3.1\"}", false },
	{ "re: a list's value is no pattern", values, SEL("a|re|expand: '^%dots%$'"),
	  "{\"a\":\"abc\"}", false },
	{ "re: it is itself", values, SEL("a|re|expand: '^%dots%$'"), "{\"a\":\"a.c\"}", true },
	{ "re: its wildcards are wildcards", values, SEL("a|re|expand: '^(%dots%)+$'"),
	  "{\"a\":\"xyyz\"}", true },
	{ "all", values, SEL("a|expand|all|contains: ['%DC-NAMES%', '%admins%']"),
	  "{\"a\":\"dc2 root\"}", true },
	{ "neq", values, SEL("a|expand|neq: '%admins%'"), "{\"a\":\"root\"}", false },
	{ "a keyword", values, "k:\n    '|expand':\n      - '%admins%'\n  condition: k",
	  "{\"q\":\"as root here\"}", true },
	/* what is no placeholder */
	{ "without expand it is text", values, SEL("a: '%admins%'"), "{\"a\":\"%admins%\"}", true },
	{ "an escaped percent sign", values, SEL("a|expand: '\\%x%admins%'"), "{\"a\":\"%xroot\"}",
	  true },
	{ "an escaped percent sign hides the name", values, SEL("a|expand: '\\%admins%'"),
	  "{\"a\":\"%admins%\"}", true },
	{ "one percent sign", values, SEL("a|expand: '5%'"), "{\"a\":\"5%\"}", true },
	{ "no name between", values, SEL("a|expand: '5% of 10%'"), "{\"a\":\"5% of 10%\"}", true },
	/* lists that not all have */
	{ "a list of one tenant", values, SEL("a|expand: '%servers%'"),
	  T("sorsala", "\"a\":\"srv2\""), true },
	{ "is nobody else's", values, SEL("a|expand: '%servers%'"), T("other", "\"a\":\"srv2\""),
	  false },
	{ "nor that of an event without a tenant", values, SEL("a|expand: '%servers%'"),
	  "{\"a\":\"srv2\"}", false },
	{ "a rule that excludes a list: outside it", values, BUT("a|expand: '%servers%'"),
	  T("sorsala", "\"k\":\"x\",\"a\":\"srv3\""), true },
	{ "within it", values, BUT("a|expand: '%servers%'"),
	  T("sorsala", "\"k\":\"x\",\"a\":\"srv1\""), false },
	{ "does not apply to who has no list", values, BUT("a|expand: '%servers%'"),
	  T("other", "\"k\":\"x\",\"a\":\"srv3\""), false },
	{ "an empty list is a list: nothing is excluded", values, BUT("a|expand: '%servers%'"),
	  T("mallila", "\"k\":\"x\",\"a\":\"srv1\""), true },
	{ "an empty list fits nothing", values, SEL("a|expand: '%servers%'"),
	  T("mallila", "\"a\":\"\""), false },
	{ "an empty list for all", values, BUT("a|expand: '%none%'"), "{\"k\":\"x\",\"a\":\"y\"}",
	  true },
};

static void test_rows(void **state)
{
	char text[4096];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rules_report rep;
		struct heard heard;
		struct ruleset *rs;
		struct err err;
		unsigned n;

		snprintf(text, sizeof(text),
			 "title: t\nlogsource: {product: linux}\ndetection:\n  %s\n",
			 rows[i].detection);
		rs = rules_try(slice_str(text), slice_str(rows[i].values), &rep, &heard, &err);
		if (rs == NULL || rep.loaded != 1)
			fail_msg("%s: %s\n%s", rows[i].name, rs == NULL ? err.msg : heard.fault.msg,
				 text);
		n = matches(rs, slice_str(rows[i].event));
		if (n != (rows[i].match ? 1 : 0))
			fail_msg("%s: %s\n%s%s", rows[i].name, n > 0 ? "matches" : "does not match",
				 text, rows[i].event);
		ruleset_unref(rs);
	}
}

static const struct {
	const char *name, *values, *selection, *says;
} refused[] = {
	{ "no values at all", NULL, "a|expand: '%admins%'", "%admins% needs this site's values" },
	{ "none for this one", none, "a|expand: 'x%other%'", "%other% needs this site's values" },
	{ "one of two", none, "a|expand: ['%admins%', '%other%']", "%other% needs" },
	{ "in a network", none, "a|expand|cidr: '%nets%'", "%nets% needs" },
	{ "no network", none, "a|expand|cidr: '%admins%'", "cidr wants" },
	{ "a wildcard that is encoded", "w: 'x*'\n", "a|expand|base64: '%w%'", "wildcard" },
	{ "more than make sense", "w: [1,2,3,4,5,6,7,8]\n", "a|expand: '%w%%w%%w%%w%%w%'",
	  "more than 4096" },
};

static void test_refused(void **state)
{
	char text[512];

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct slice v = { refused[i].values,
				   refused[i].values != NULL ? strlen(refused[i].values) : 0 };
		struct rules_report rep;
		struct heard heard;
		struct ruleset *rs;
		struct err err;

		snprintf(text, sizeof(text),
			 "title: t\nlogsource: {product: linux}\ndetection:\n  s:\n    %s\n"
			 "  condition: s\n",
			 refused[i].selection);
		rs = rules_try(slice_str(text), v, &rep, &heard, &err);
		if (rs == NULL || rep.rejected != 1 || heard.fault.line != 5 ||
		    strstr(heard.fault.msg, refused[i].says) == NULL)
			fail_msg("%s: %u:%u: %s", refused[i].name, heard.fault.line,
				 heard.fault.col, heard.fault.msg);
		ruleset_unref(rs);
	}
}

static const struct {
	const char *name, *values, *says;
} broken[] = {
	{ "not YAML", "a: [", ":2:1: not YAML" },
	{ "a list", "[a]", ":1:1: one map" },
	{ "two documents", "a: b\n---\nc: d\n", ":3:1: one map" },
	{ "percent signs", "'%a%': b\n", ":1:1: a placeholder's name" },
	{ "a map as a value", "a: {b: c}\n", ":1:4: a value or a list" },
	{ "null in a list", "a: [b, null]\n", ":1:8: a value or a list" },
	{ "no value", "a:\n", ":1:3: a value or a list" },
	{ "no tenant's id", "tenants: {'a b': {x: y}}\n", ":1:11: tenants: \"a b\"" },
	{ "tenants as a list", "tenants: [a]\n", ":1:10: tenants" },
	{ "a tenant as a list", "tenants: {a: [b]}\n", ":1:14: tenants" },
};

static void test_broken(void **state)
{
	static const char rule[] = "title: t\nlogsource: {product: linux}\n"
				   "detection: {s: {a: x}, condition: s}\n";
	const char *path = "/nonexistent/values.yml";
	struct rules_source src = { &path, 1, path };
	struct rules_report rep;
	struct ruleset *rs;
	struct heard heard;
	struct err err;

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		rs = rules_try(SLICE(rule), slice_str(broken[i].values), &rep, &heard, &err);
		if (rs != NULL || strstr(err.msg, broken[i].says) == NULL)
			fail_msg("%s: %s", broken[i].name, rs != NULL ? "loads" : err.msg);
	}
	assert_int_equal(ruleset_load_from(&src, NULL, &rs, &err), -1);
	assert_int_equal(err.code, ERR_ABSENT);
	assert_non_null(strstr(err.msg, "rules.values"));
}

/* On Windows the backslash before a placeholder is a folder's: who writes it once is told. */
static void test_warning(void **state)
{
	static const char once[] = "title: t\nlogsource: {product: linux}\ndetection:\n"
				   "  s: {a|expand: 'C:\\Users\\%admins%\\x'}\n  condition: s\n";
	static const char unknown[] = "title: t\nlogsource: {product: linux}\ndetection:\n"
				      "  s: {a|expand: 'C:\\Users\\%other%\\x'}\n  condition: s\n";
	struct rules_report rep;
	struct heard heard;
	struct err err;
	struct ruleset *rs = rules_try(SLICE(once), SLICE(values), &rep, &heard, &err);

	assert_int_equal(rep.loaded, 1);
	assert_int_equal(heard.warnings, 1);
	assert_int_equal(heard.warning.line, 4);
	assert_non_null(strstr(heard.warning.msg, "write \\\\%admins%"));
	assert_int_equal(matches(rs, SLICE("{\"a\":\"C:\\\\Users%admins%\\\\x\"}")), 1);
	ruleset_unref(rs);
	rs = rules_try(SLICE(unknown), SLICE(values), &rep, &heard, &err);
	assert_int_equal(rep.loaded, 1);
	assert_int_equal(heard.warnings, 0);
	ruleset_unref(rs);
}

/* As many municipalities as there are, with long lists: each has its own, and the file its bound.
 */
static void test_many_tenants(void **state)
{
	static const char rule[] = "title: t\nlogsource: {product: linux}\ndetection:\n"
				   "  s: {a|expand: '%x%'}\n  condition: s\n";
	struct buf values_of_all = { 0 };
	struct rules_report rep;
	struct heard heard;
	struct ruleset *rs;
	struct err err;

	buf_str(&values_of_all, "tenants:\n");
	for (int t = 0; t < 309; t++) {
		buf_printf(&values_of_all, "  kunta%d:\n    x:\n", t);
		for (int i = 0; i < 200; i++)
			buf_printf(&values_of_all, "      - v-%d-%d\n", t, i);
	}
	rs = rules_try(SLICE(rule), buf_view(&values_of_all), &rep, &heard, &err);
	assert_non_null(rs);
	assert_int_equal(rep.loaded, 1);
	assert_int_equal(matches(rs, SLICE(T("kunta308", "\"a\":\"v-308-199\""))), 1);
	assert_int_equal(matches(rs, SLICE(T("kunta307", "\"a\":\"v-308-199\""))), 0);
	ruleset_unref(rs);
	for (int i = 0; i < 400000; i++)
		buf_str(&values_of_all, "      - v\n");
	assert_null(rules_try(SLICE(rule), buf_view(&values_of_all), &rep, &heard, &err));
	assert_non_null(strstr(err.msg, "more than 400000 values"));
	buf_release(&values_of_all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_warning), cmocka_unit_test(test_many_tenants),
		cmocka_unit_test(test_rows),    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_broken),
	};

	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* Loading rules: each fault by its place and reason, and what else loads all the same. */
#include "tests/collector/rule_kit.h"

#include <sys/stat.h>

#include "collector/detect/commands.h"
#include "common/base/file.h"
#include "common/base/time.h"

#define HEAD "title: t\nlogsource: {product: linux}\n" /* two lines */

static const struct {
	const char *name, *text;
	unsigned line, col;
	const char *says;
} faults[] = {
	{ "not YAML", "title: 'x\nlogsource: y\n", 3, 1, "not YAML" },
	{ "a tab", "a:\n\tb: c\n", 2, 1, "not YAML" },
	{ "not UTF-8", "title: \xff\n", 1, 8, "not YAML" },
	{ "no rule at all", "# nothing\n", 1, 1, "holds no rule" },
	{ "a list", "- a\n", 1, 1, "a rule is a map" },
	{ "no title", "logsource: {product: linux}\n", 1, 1, "wants a title" },
	{ "no detection", "title: t\nlogsource: {product: linux}\n", 1, 1, "wants a detection" },
	{ "no logsource", "title: t\ndetection: {s: {a: x}, condition: s}\n", 1, 1,
	  "wants a logsource" },
	{ "empty logsource",
	  "title: t\nlogsource: {definition: x}\ndetection: {s: {a: x}, condition: s}\n", 2, 12,
	  "product, service or category" },
	{ "an alias of nothing", "title: &a t\nid: *b\n", 2, 5, "nothing that stands before" },
	{ "a merge", HEAD "detection: &d\n  <<: *d\n", 4, 3, "merging" },
	{ "a name twice", HEAD "title: u\n", 3, 1, "twice" },
	{ "another taxonomy", HEAD "taxonomy: ours\n", 3, 11, "sigma" },
	{ "level", HEAD "level: huge\n", 3, 8, "informational, low" },
	{ "id", HEAD "id: 'a b'\n", 3, 5, "UUID" },
	{ "tags", HEAD "tags: [{a: b}]\n", 3, 8, "texts are expected" },
	{ "no condition", HEAD "detection:\n  s: {a: x}\n", 4, 3, "condition is missing" },
	{ "unknown modifier", HEAD "detection:\n  s:\n    a|has: x\n  condition: s\n", 5, 5,
	  "no modifier \"has\"" },
	{ "modifiers that clash", HEAD "detection:\n  s:\n    a|re|contains: x\n  condition: s\n",
	  5, 5, "do not go together" },
	{ "i without re", HEAD "detection:\n  s:\n    a|i: x\n  condition: s\n", 5, 5,
	  "behind re" },
	{ "regular expression", HEAD "detection:\n  s:\n    a|re: 'x(y'\n  condition: s\n", 5, 11,
	  "missing closing parenthesis" },
	{ "huge regular expression",
	  HEAD
	  "detection:\n  s:\n    a|re: '((((a{1,900}){1,900}){1,900}){1,900})'\n  condition: s\n",
	  5, 11, "too large" },
	{ "network without a length behind its slash",
	  HEAD "detection:\n  s:\n    a|cidr: 192.0.2.0/\n  condition: s\n", 5, 13, "cidr wants" },
	{ "a group again that there is not",
	  HEAD "detection:\n  s:\n    a|re: (a)\\2\n  condition: s\n", 5, 11,
	  "regular expression" },
	{ "network", HEAD "detection:\n  s:\n    a|cidr: 192.0.2.0/33\n  condition: s\n", 5, 13,
	  "cidr wants" },
	{ "number", HEAD "detection:\n  s:\n    a|gt: many\n  condition: s\n", 5, 11, "a number" },
	{ "exists", HEAD "detection:\n  s:\n    a|exists: maybe\n  condition: s\n", 5, 15,
	  "true or false" },
	{ "null with a modifier", HEAD "detection:\n  s:\n    a|contains: null\n  condition: s\n",
	  5, 17, "null" },
	{ "wildcard in base64", HEAD "detection:\n  s:\n    a|base64: 'x*'\n  condition: s\n", 5,
	  15, "wildcard" },
	{ "placeholder", HEAD "detection:\n  s:\n    a|expand: '%admins%'\n  condition: s\n", 5, 15,
	  "%admins% needs this site's values" },
	{ "map as value", HEAD "detection:\n  s:\n    a: {b: c}\n  condition: s\n", 5, 8,
	  "a value" },
	{ "empty list", HEAD "detection:\n  s:\n    a: []\n  condition: s\n", 5, 8,
	  "an empty list" },
	{ "unknown identifier", HEAD "detection:\n  s: {a: x}\n  condition: s and t\n", 5, 20,
	  "no search identifier \"t\"" },
	{ "pattern of nothing", HEAD "detection:\n  s: {a: x}\n  condition: 1 of t_*\n", 5, 19,
	  "fits \"t_*\"" },
	{ "parenthesis", HEAD "detection:\n  s: {a: x}\n  condition: (s or s\n", 5, 21,
	  "parenthesis" },
	{ "ends too early", HEAD "detection:\n  s: {a: x}\n  condition: s and\n", 5, 19,
	  "too early" },
	{ "two words", HEAD "detection:\n  s: {a: x}\n  condition: s s\n", 5, 16, "is expected" },
	{ "aggregation", HEAD "detection:\n  s: {a: x}\n  condition: s | count() > 5\n", 5, 16,
	  "correlation rule" },
	{ "timeframe", HEAD "detection:\n  s: {a: x}\n  timeframe: 5m\n  condition: s\n", 5, 3,
	  "correlation rule" },
	{ "more than there are", HEAD "detection:\n  s: {a: x}\n  condition: 3 of them\n", 5, 19,
	  "more than there are" },
	{ "action", "action: global\ntitle: t\n", 1, 1, "no longer" },
	{ "audience without texts",
	  HEAD "detection: {s: {a: x}, condition: s}\nvartio: {audience: contact}\n", 4, 20,
	  "fi, sv and en" },
	{ "unknown key of ours",
	  HEAD "detection: {s: {a: x}, condition: s}\nvartio: {entitty: x}\n", 4, 10,
	  "entity, audience" },
	{ "correlation type",
	  "title: t\ncorrelation:\n  type: value_max\n  rules: [a]\n  timespan: 5m\n", 3, 9,
	  "value_max is unknown" },
	{ "timespan",
	  "title: t\ncorrelation:\n  type: temporal\n  rules: [a, b]\n  timespan: 5 min\n", 5, 13,
	  "timespan" },
	{ "no threshold",
	  "title: t\ncorrelation:\n  type: event_count\n  rules: [a]\n  timespan: 5m\n", 3, 3,
	  "gte: 10" },
	{ "unknown rule",
	  "title: t\ncorrelation:\n  type: event_count\n  rules:\n    - a\n  timespan: 5m\n  "
	  "condition: "
	  "{gte: 5}\n",
	  5, 5, "no rule that loads has the id or name \"a\"" },
};

static void test_faults(void **state)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct rules_report rep;
		struct heard heard;
		struct ruleset *rs = rules_from(slice_str(faults[i].text), &rep, &heard);

		if (rep.loaded != 0 || rep.rejected != 1 || heard.faults != 1)
			fail_msg("%s: %zu loaded, %zu rejected", faults[i].name, rep.loaded,
				 rep.rejected);
		if (heard.fault.line != faults[i].line || heard.fault.col != faults[i].col ||
		    strstr(heard.fault.msg, faults[i].says) == NULL)
			fail_msg("%s: %u:%u: %s", faults[i].name, heard.fault.line, heard.fault.col,
				 heard.fault.msg);
		assert_int_equal(ruleset_count(rs), 0);
		ruleset_unref(rs);
	}
}

#define RULE(name, field)                                                                          \
	"title: " name "\nname: " name "\nlogsource: {product: linux}\n"                           \
	"detection: {s: {" field ": x}, condition: s}\n---\n"
#define CORR(name, type, rules, more)                                                              \
	"title: " name "\nname: " name "\ncorrelation: {type: " type ", rules: [" rules            \
	"], timespan: 5m, group-by: [host.name]" more "}\n---\n"

static void test_documents(void **state)
{
	static const char text[] =
		RULE("one", "a") "title: bad\n---\n" RULE("two", "b") "---\n" RULE("one", "c");
	struct rules_report rep;
	struct heard heard;
	struct ruleset *rs = rules_from(SLICE(text), &rep, &heard);
	const struct rule *one, *two;

	assert_int_equal(rep.documents, 4);
	assert_int_equal(rep.loaded, 2);
	assert_int_equal(rep.rejected, 2);
	assert_non_null(strstr(heard.fault.msg, "already that of the rule at"));
	one = ruleset_find(rs, "one");
	two = ruleset_find(rs, "two");
	assert_non_null(one);
	assert_non_null(two);
	assert_int_equal(one->line, 1);
	assert_int_equal(two->number, 1);
	assert_true(ruleset_rule(rs, 1) == two);
	assert_int_equal(strlen(one->id), 36);
	assert_string_not_equal(one->id, two->id);
	assert_true(ruleset_find(rs, one->id) == one);
	assert_null(ruleset_find(rs, "three"));
	assert_string_equal(one->entity[0], "host.name");
	assert_int_equal(matches(rs, SLICE("{\"a\":\"x\",\"b\":\"x\"}")), 2);
	ruleset_unref(rs);
}

static void test_correlations(void **state)
{
	static const char text[] = CORR("many", "event_count", "one",
					", condition: {gte: 10}") CORR("chain", "temporal_ordered",
								       "many, two",
								       ", generate: true")
		CORR("values", "value_count", "three",
		     ", condition: {field: user.name, gt: 3}, aliases: {who: {three: source.ip}}")
			CORR("lost", "temporal", "one, nobody", "")
				CORR("on-lost", "temporal", "one, lost", "")
					CORR("circle", "temporal", "one, circle-2", "")
						CORR("circle-2", "temporal", "one, circle", "")
							RULE("one", "a") RULE("two", "b")
								RULE("three", "c")
									RULE("four", "d");
	static const struct {
		const char *name;
		bool alerts;
	} want[] = { { "many", true }, { "chain", true },  { "values", true }, { "one", false },
		     { "two", true },  { "three", false }, { "four", true } };
	struct rules_report rep;
	struct heard heard;
	struct ruleset *rs = rules_from(SLICE(text), &rep, &heard);
	const struct correlation *co;

	assert_int_equal(rep.documents, 11);
	assert_int_equal(rep.loaded, 7);
	assert_int_equal(rep.rejected, 4);
	assert_int_equal(heard.faults, 4);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct rule *r = ruleset_find(rs, want[i].name);

		if (r == NULL || r->alerts != want[i].alerts)
			fail_msg("%s: %s", want[i].name, r == NULL ? "not there" : "alerts");
		assert_true(ruleset_rule(rs, r->number) == r);
	}
	assert_null(ruleset_find(rs, "lost"));
	assert_null(ruleset_find(rs, "on-lost"));
	assert_null(ruleset_find(rs, "circle"));
	co = ruleset_find(rs, "many")->correlation;
	assert_int_equal(co->type, CORR_EVENT_COUNT);
	assert_int_equal(co->test[0].op, CMP_GTE);
	assert_true(co->test[0].value == 10);
	assert_int_equal(co->timespan_ns, 300 * NS_PER_SEC);
	assert_string_equal(co->group_by[0], "host.name");
	assert_true(co->rules[0] == ruleset_find(rs, "one"));
	co = ruleset_find(rs, "chain")->correlation;
	assert_int_equal(co->n_terms, 1); /* all of its rules */
	assert_int_equal(co->terms[0].with, 3);
	assert_true(co->rules[0] == ruleset_find(rs, "many"));
	co = ruleset_find(rs, "values")->correlation;
	assert_string_equal(co->fields[0], "user.name");
	assert_string_equal(correlation_field(co, ruleset_find(rs, "three"), "who"), "source.ip");
	assert_string_equal(correlation_field(co, ruleset_find(rs, "one"), "who"), "who");
	ruleset_unref(rs);
}

/* A chain of correlations longer than we follow, and a thousand that refer to each other. */
static void test_nesting(void **state)
{
	struct buf b = { 0 };
	struct rules_report rep;
	struct heard heard;
	struct ruleset *rs;

	buf_str(&b, RULE("c0", "a"));
	for (int i = 1; i <= 12; i++)
		buf_printf(&b,
			   "title: c%d\nname: c%d\ncorrelation: {type: event_count, rules: [c%d], "
			   "timespan: 1m, condition: {gte: 2}}\n---\n",
			   i, i, i - 1);
	rs = rules_from(buf_view(&b), &rep, &heard);
	assert_int_equal(rep.documents, 13);
	assert_int_equal(rep.loaded, 1 + CORR_NEST_MAX);
	ruleset_unref(rs);
	buf_reset(&b);
	for (int i = 0; i < 300; i++)
		buf_printf(&b,
			   "title: c%d\nname: c%d\ncorrelation: {type: temporal, rules: [c%d, c%d, "
			   "c%d], "
			   "timespan: 1m}\n---\n",
			   i, i, (i + 1) % 300, (i * 7 + 3) % 300, (i * 13 + 5) % 300);
	rs = rules_from(buf_view(&b), &rep, &heard);
	assert_int_equal(rep.loaded, 0);
	assert_int_equal(rep.rejected, 300);
	ruleset_unref(rs);
	buf_release(&b);
}

static void test_warning(void **state)
{
	static const char text[] = "title: t\nlogsource:\n  product: toaster\n"
				   "detection: {s: {a: x}, condition: s}\n";
	struct rules_report rep;
	struct heard heard;
	struct ruleset *rs = rules_from(SLICE(text), &rep, &heard);

	assert_int_equal(rep.loaded, 1);
	assert_int_equal(heard.warnings, 1);
	assert_int_equal(heard.warning.line, 3);
	assert_non_null(strstr(heard.warning.msg, "log source unknown"));
	assert_int_equal(matches(rs, SLICE("{\"a\":\"x\"}")), 0);
	ruleset_unref(rs);
}

/* Detections that load and may not be meant so. */
static const struct {
	const char *item;
	const char *says; /* NULL: nothing */
} doubtful[] = {
	{ "['']", "every event" },
	{ "[x, '*']", "every event" },
	{ "[x, 'y*']", NULL },
	{ "{a: ''}", NULL },
	{ "{a: '*'}", NULL },
	{ "{a: 0x10}", "0x10 is a number to YAML" },
	{ "{a: [x, 0o17]}", "0o17 is a number to YAML" },
	{ "{a: '0x10'}", NULL },
	{ "{a: 0xg}", NULL },
	{ "{a: 0x}", NULL },
	{ "{a: 16}", NULL },
};

static void test_doubtful(void **state)
{
	for (size_t i = 0; i < sizeof(doubtful) / sizeof(doubtful[0]); i++) {
		struct rules_report rep;
		struct heard heard;
		struct ruleset *rs;
		char text[256];

		snprintf(text, sizeof(text), HEAD "detection: {s: %s, condition: s}\n",
			 doubtful[i].item);
		rs = rules_from(slice_str(text), &rep, &heard);
		if (rep.loaded != 1 || heard.warnings != (doubtful[i].says != NULL ? 1 : 0) ||
		    (heard.warnings > 0 && strstr(heard.warning.msg, doubtful[i].says) == NULL))
			fail_msg("%s: %zu loaded, %u warnings: %s", doubtful[i].item, rep.loaded,
				 heard.warnings, heard.warning.msg);
		ruleset_unref(rs);
	}
}

/* UUIDs are the same in small letters and in capitals: in references, and as duplicates. */
static void test_uuid_case(void **state)
{
#define UUID_A "aaaaaaaa-0000-4000-8000-00000000000a"
#define UUID_B "AAAAAAAA-0000-4000-8000-00000000000A"
	static const char text[] =
		"id: " UUID_A "\n" HEAD "detection: {s: {a: x}, condition: s}\n"
		"---\ntitle: f\nlogsource: {product: linux}\n"
		"filter: {rules: [" UUID_B "], s: {b: x}, condition: not s}\n"
		"---\ntitle: c\ncorrelation: {type: event_count, rules: [" UUID_B
		"], timespan: 1m, condition: {gte: 2}}\n"
		"---\nid: " UUID_B "\n" HEAD "detection: {s: {a: x}, condition: s}\n";
	struct rules_report rep;
	struct heard heard;
	struct ruleset *rs = rules_from(SLICE(text), &rep, &heard);

	assert_int_equal(rep.loaded, 3);
	assert_int_equal(rep.filters, 1);
	assert_int_equal(rep.rejected, 1);
	assert_non_null(strstr(heard.fault.msg, "is already that of the rule"));
	assert_string_equal(ruleset_rule(rs, 0)->id, UUID_A);
	assert_int_equal(matches(rs, SLICE("{\"a\":\"x\",\"b\":\"x\"}")), 0);
	ruleset_unref(rs);
}

/* Where a rule is to be found. */
#define LINK_ID  "150f04a6-1928-4f54-8187-39a3cf5a0816"
#define LINK_REF "references: [https://example.org/x, https://example.org/y]\n"
static const struct {
	const char *name, *setting, *keys, *link;
} links[] = {
	{ "a public rule", NULL, "id: " LINK_ID "\n" LINK_REF,
	  "https://github.com/SigmaHQ/sigma/search?q=" LINK_ID },
	{ "that says so", NULL, "license: DRL-1.1\nid: " LINK_ID "\n" LINK_REF,
	  "https://github.com/SigmaHQ/sigma/search?q=" LINK_ID },
	{ "another licence", NULL, "license: EUPL-1.2\nid: " LINK_ID "\n" LINK_REF,
	  "https://example.org/x" },
	{ "no UUID", NULL, "id: own-1\n" LINK_REF, "https://example.org/x" },
	{ "no id", NULL, LINK_REF, "https://example.org/x" },
	{ "nothing", NULL, "id: own-1\n", NULL },
	{ "its own link", NULL, "vartio: {link: https://example.org/o}\nid: " LINK_ID "\n" LINK_REF,
	  "https://example.org/o" },
	{ "an extension", NULL, "vartio: {entity: a}\nid: " LINK_ID "\n" LINK_REF,
	  "https://example.org/x" },
	{ "a collection of the site's", "https://git.example/%{id}#%{id}", "id: " LINK_ID "\n",
	  "https://git.example/" LINK_ID "#" LINK_ID },
	{ "one place for all", "https://git.example/", "id: " LINK_ID "\n" LINK_REF,
	  "https://git.example/" },
	{ "no collection", "", "id: " LINK_ID "\n" LINK_REF, "https://example.org/x" },
	{ "no collection, no reference", "", "id: " LINK_ID "\n", NULL },
};

static void test_links(void **state)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		char path[64], text[512];
		const char *paths[] = { path }, *link;
		struct rules_source src = { paths, 1, NULL, links[i].setting };
		struct ruleset *rs;
		struct err err;
		int fd;

		snprintf(text, sizeof(text), "%s" HEAD "detection: {s: {a: x}, condition: s}\n",
			 links[i].keys);
		fd = file_from(slice_str(text), path);
		assert_int_equal(ruleset_load_from(&src, NULL, &rs, &err), 0);
		assert_int_equal(ruleset_count(rs), 1);
		link = ruleset_rule(rs, 0)->link;
		if ((link == NULL) != (links[i].link == NULL) ||
		    (link != NULL && strcmp(link, links[i].link) != 0))
			fail_msg("%s: %s", links[i].name, link != NULL ? link : "none");
		ruleset_unref(rs);
		close(fd);
	}
}

static void test_extension(void **state)
{
	static const char texts[] = "{title: a, what: b, why: c, do: d, call: e}";
	struct rules_report rep;
	struct heard heard;
	struct buf b = { 0 };
	struct ruleset *rs;
	const struct rule *r;
	const struct example *ex;
	size_t n;

	buf_printf(
		&b,
		"title: t\nid: 150f04a6-1928-4f54-8187-39a3cf5a0816\nlevel: high\nauthor: [A, B]\n"
		"references: [https://example.org/x]\ntags: [attack.t1110]\nfields: [a.b]\n"
		"logsource: {product: linux}\ndetection: {s: {a: x}, condition: s}\n"
		"vartio:\n  entity: [user.name, host.name]\n"
		"  texts: {fi: %s, sv: %s, en: %s}\n"
		"  examples:\n    match:\n      - {a: x, 'n': 5, t: '5', z: null, l: [true, {q: "
		"r}]}\n"
		"      - event: {a: \"q\\\"\"}\n    no_match:\n      - line: raw\n",
		texts, texts, texts);
	rs = rules_from(buf_view(&b), &rep, &heard);
	assert_int_equal(rep.loaded, 1);
	r = ruleset_rule(rs, 0);
	assert_true(r->to_contact); /* high, with all texts */
	assert_string_equal(r->author, "A, B");
	assert_string_equal(r->link, "https://example.org/x");
	assert_string_equal(r->tags[0], "attack.t1110");
	assert_string_equal(r->fields[0], "a.b");
	assert_int_equal(r->n_entity, 2);
	assert_string_equal(r->entity[1], "host.name");
	assert_string_equal(r->texts[LANG_SV].action, "d");
	ex = rule_examples(r, &n);
	assert_int_equal(n, 3);
	assert_true(ex[0].match && !ex[0].raw);
	assert_string_equal(
		ex[0].text[0].p,
		"{\"a\":\"x\",\"n\":5,\"t\":\"5\",\"z\":null,\"l\":[true,{\"q\":\"r\"}]}");
	assert_string_equal(ex[1].text[0].p, "{\"a\":\"q\\\"\"}");
	assert_true(!ex[2].match && ex[2].raw);
	ruleset_unref(rs);
	buf_release(&b);
}

static void put_file(const char *dir, const char *name, struct slice content)
{
	char path[256];
	struct err err;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_write(path, content, 0600, &err), 0);
}

static void remove_file(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

static void test_folder(void **state)
{
	char dir[] = "/tmp/vartio-rules-XXXXXX", sub[64], link[64];
	const char *paths[] = { dir }, *absent[] = { "/nonexistent/rules" };
	struct heard heard = { 0 };
	struct rules_report rep = { .fault = hear_fault, .arg = &heard };
	struct ruleset *rs = NULL;
	struct buf big = { 0 };
	struct err err;

	assert_non_null(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	put_file(dir, "a.yml", SLICE(RULE("one", "a")));
	put_file(sub, "b.yaml", SLICE(RULE("two", "b")));
	put_file(dir, "readme.md", SLICE("no rule"));
	put_file(dir, ".hidden.yml", SLICE("no rule"));
	put_file(dir, "logsources.yml", SLICE("- no rule"));
	for (int i = 0; i < 300000; i++)
		buf_str(&big, "a: b\n");
	put_file(dir, "big.yml", buf_view(&big));
	snprintf(link, sizeof(link), "%s/loop", dir);
	assert_int_equal(symlink(dir, link), 0);
	assert_int_equal(ruleset_load(paths, 1, &rep, &rs, &err), 0);
	assert_int_equal(rep.loaded, 2);
	assert_int_equal(rep.rejected, 1);
	assert_int_equal(heard.fault.code, ERR_FULL);
	assert_non_null(ruleset_find(rs, "two"));
	ruleset_unref(rs);
	rs = NULL;
	assert_int_equal(ruleset_load(absent, 1, &rep, &rs, &err), -1);
	assert_int_equal(err.code, ERR_ABSENT);
	assert_null(rs);
	remove_file(sub, "b.yaml");
	rmdir(sub);
	remove_file(dir, "loop");
	remove_file(dir, "a.yml");
	remove_file(dir, "readme.md");
	remove_file(dir, ".hidden.yml");
	remove_file(dir, "logsources.yml");
	remove_file(dir, "big.yml");
	rmdir(dir);
	buf_release(&big);
}

/* The rules of this repository load, and their examples hold. */
static void test_our_rules(void **state)
{
	static char path[] = RULES_DIR;
	char *argv[] = { path, NULL };
	struct cmd c = { .argc = 1, .argv = argv, .now_ns = time_now_ns() };

	if (command_rules_check.run(&c) != 0)
		fail_msg("%s", buf_cstr(&c.out));
	buf_reset(&c.out);
	if (command_rules_test.run(&c) != 0)
		fail_msg("%s", buf_cstr(&c.out));
	assert_non_null(strstr(buf_cstr(&c.out), " 0 failed"));
	assert_int_equal(c.err.n, 0);
	buf_release(&c.out);
	buf_release(&c.err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),     cmocka_unit_test(test_doubtful),
		cmocka_unit_test(test_uuid_case), cmocka_unit_test(test_faults),
		cmocka_unit_test(test_documents), cmocka_unit_test(test_correlations),
		cmocka_unit_test(test_nesting),   cmocka_unit_test(test_warning),
		cmocka_unit_test(test_extension), cmocka_unit_test(test_folder),
		cmocka_unit_test(test_our_rules),
	};

	return RUN_TESTS(tests);
}

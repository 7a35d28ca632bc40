/* SPDX-License-Identifier: EUPL-1.2 */
/* Subscriptions as the settings say them: who gets them, what makes a new version, which queries
 * are refused. */
#include "tests/cmocka.h"

#include <stdio.h>

#include "agent/inputs/wef/subscription.h"

#define QUERY "<QueryList><Query Id='0'><Select Path='Security'>*</Select></Query></QueryList>"
#define OTHER "<QueryList><Query Id='0'><Select Path='System'>*</Select></Query></QueryList>"

static struct arena mem;

static int tear_down(void **state)
{
	arena_release(&mem);
	return 0;
}

static int read_list(const char *yaml, struct wef_subscriptions *ret, struct err *err)
{
	struct conf_node *root;

	assert_int_equal(conf_parse(slice_str(yaml), &mem, &root, err), 0);
	return wef_subscriptions_read(conf_get(root, "subscriptions"), &mem, ret, err);
}

/* One subscription from the lines of its settings. */
static struct wef_subscription read_one(const char *lines)
{
	struct wef_subscriptions subs;
	struct buf b = { 0 };
	struct err err;

	buf_str(&b, "subscriptions:\n  - ");
	buf_str(&b, lines);
	if (read_list(buf_cstr(&b), &subs, &err) < 0)
		fail_msg("%s: %s", lines, err.msg);
	assert_int_equal(subs.n, 1);
	buf_release(&b);
	return subs.v[0];
}

/* What a client sees changes the version; all else, and saying a default, does not. Only the name
 * changes the identifier. */
static void test_version(void **state)
{
	static const char base[] = "{name: base, query: \"" QUERY "\"}";
	static const struct {
		const char *lines;
		bool version, identifier;
	} rows[] = {
		{ "{name: base, query: \"" QUERY "\"}", false, false },
		{ "{name: base, query: \" " QUERY "\\n\"}", false, false },
		{ "{name: base, query: \"" QUERY "\", max_time: 30s, heartbeat: 900s}", false,
		  false },
		{ "{name: base, query: \"" QUERY "\", only: [ws*]}", false, false },
		{ "{name: base, query: \"" QUERY "\", except: [dc1]}", false, false },
		{ "{name: base, query: \"" QUERY "\", path: /wsman/x}", false, false },
		{ "{name: base, query: \"" OTHER "\"}", true, false },
		{ "{name: base, query: \"" QUERY "\", content: rendered}", true, false },
		{ "{name: base, query: \"" QUERY "\", compression: false}", true, false },
		{ "{name: base, query: \"" QUERY "\", read_existing: true}", true, false },
		{ "{name: base, query: \"" QUERY "\", ignore_channel_error: false}", true, false },
		{ "{name: base, query: \"" QUERY "\", max_time: 31s}", true, false },
		{ "{name: base, query: \"" QUERY "\", heartbeat: 901s}", true, false },
		{ "{name: base, query: \"" QUERY "\", retry: 61s}", true, false },
		{ "{name: base, query: \"" QUERY "\", retries: 6}", true, false },
		{ "{name: base, query: \"" QUERY "\", max_elements: 10}", true, false },
		{ "{name: base2, query: \"" QUERY "\"}", true, true },
	};
	struct wef_subscription first = read_one(base);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wef_subscription sub = read_one(rows[i].lines);

		if ((strcmp(sub.version, first.version) != 0) != rows[i].version ||
		    (strcmp(sub.identifier, first.identifier) != 0) != rows[i].identifier)
			fail_msg("%s: %s %s", rows[i].lines, sub.version, sub.identifier);
	}
	/* The same on every node and in every release, or every client subscribes anew. */
	assert_string_equal(first.identifier, "C57052F9-4880-877A-B890-D047A00B6AA5");
	assert_string_equal(first.version, "BD9BE479-872C-8149-A654-5A2FFFF3B891");
	assert_int_equal(strlen(first.version), WEF_GUID_LEN);
}

static void test_shipped(void **state)
{
	struct wef_subscriptions subs;
	struct err err;

	assert_int_equal(wef_subscriptions_read(NULL, &mem, &subs, &err), 0);
	assert_int_equal(subs.n, 1);
	assert_string_equal(subs.v[0].name, "baseline");
	assert_int_equal(subs.v[0].max_time_ms, 30000);
	assert_int_equal(subs.v[0].heartbeat_ms, 900000);
	assert_int_equal(subs.v[0].content, WEF_RAW);
	assert_false(subs.v[0].read_existing);
}

/* A client is known by its whole name or its short one, in any case. */
static void test_who(void **state)
{
	static const struct {
		const char *only, *except, *client;
		bool may;
	} rows[] = {
		{ NULL, NULL, "ws01.example.lan", true },
		{ "ws01", NULL, "ws01.example.lan", true },
		{ "WS01", NULL, "ws01$@example.lan", true },
		{ "ws01", NULL, "ws011.example.lan", false },
		{ "ws0?", NULL, "ws01.example.lan", true },
		{ "ws0?", NULL, "ws0.example.lan", false },
		{ "*.example.lan", NULL, "ws01.example.lan", true },
		{ "*.example.lan", NULL, "ws01.example.lan.evil.example", false },
		{ "*@EXAMPLE.LAN", NULL, "ws01$@example.lan", true },
		{ "*@example.lan", NULL, "ws01.example.lan", false },
		{ "w*1*n", NULL, "ws01.example.lan", true },
		{ "", NULL, "ws01.example.lan", false },
		{ "*", NULL, "ws01.example.lan", true },
		{ NULL, "ws01", "ws01.example.lan", false },
		{ NULL, "ws01", "ws02.example.lan", true },
		{ "ws*", "ws01", "ws01.example.lan", false },
		{ "ws*", "ws01", "ws02.example.lan", true },
		{ "dc*", "ws01", "ws02.example.lan", false },
		{ NULL, "*", "ws02.example.lan", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *only = rows[i].only, *except = rows[i].except;
		struct wef_subscription sub = { .only = { &only, only != NULL },
						.except = { &except, except != NULL } };

		if (wef_subscription_for(&sub, rows[i].client) != rows[i].may)
			fail_msg("%zu: only %s, except %s: %s", i, rows[i].only, rows[i].except,
				 rows[i].client);
	}
}

static void test_by_id(void **state)
{
	struct wef_subscriptions subs;
	struct err err;
	char lower[WEF_GUID_LEN + 1];

	assert_int_equal(read_list("subscriptions: [{name: one}, {name: two}]", &subs, &err), 0);
	assert_int_equal(subs.n, 2);
	for (size_t i = 0; i <= WEF_GUID_LEN; i++)
		lower[i] = (char)(subs.v[1].identifier[i] |
				  (subs.v[1].identifier[i] >= 'A' ? 0x20 : 0));
	assert_ptr_equal(wef_subscription_by_id(&subs, slice_str(lower)), &subs.v[1]);
	assert_null(wef_subscription_by_id(&subs, SLICE("")));
	assert_null(wef_subscription_by_id(&subs, (struct slice){ lower, WEF_GUID_LEN - 1 }));
	assert_null(wef_subscription_by_id(&subs, SLICE("00000000-0000-0000-0000-000000000000")));
}

static void test_refused(void **state)
{
	static const struct {
		const char *yaml, *says;
	} rows[] = {
		{ "subscriptions: []", "expected a list" },
		{ "subscriptions: baseline", "expected a list" },
		{ "subscriptions: [baseline]", "expected settings" },
		{ "subscriptions: [{content: raw}]", "name" },
		{ "subscriptions: [{name: \"\"}]", "name" },
		{ "subscriptions: [{name: \"a\\nb\"}]", "name" },
		{ "subscriptions: [{name: a}, {name: a}]", "twice" },
		{ "subscriptions: [{name: a, path: wsman}]", "begins with /" },
		{ "subscriptions: [{name: a, path: \"/a b\"}]", "begins with /" },
		{ "subscriptions: [{name: a, content: text}]", "raw" },
		{ "subscriptions: [{name: a, heartbeat: 1s}]", "heartbeat" },
		{ "subscriptions: [{name: a, query: x, query_file: y}]", "only one" },
		{ "subscriptions: [{name: a, query_file: /nowhere/at/all}]", "/nowhere/at/all" },
		{ "subscriptions: [{name: a, query: hello}]", "subscription a: query" },
		{ "subscriptions: [{name: a, colour: red}]", "colour" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wef_subscriptions subs = { NULL, 7 };
		struct err err = { 0 };

		if (read_list(rows[i].yaml, &subs, &err) == 0 ||
		    strstr(err.msg, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].yaml, err.msg);
		assert_int_equal(subs.n, 7); /* untouched */
	}
}

static void test_too_many(void **state)
{
	struct wef_subscriptions subs;
	struct buf b = { 0 };
	struct err err;

	buf_str(&b, "subscriptions:\n");
	for (unsigned i = 0; i < WEF_SUBSCRIPTIONS_MAX; i++)
		buf_printf(&b, "  - {name: s%u}\n", i);
	assert_int_equal(read_list(buf_cstr(&b), &subs, &err), 0);
	assert_int_equal(subs.n, WEF_SUBSCRIPTIONS_MAX);
	buf_str(&b, "  - {name: more}\n");
	assert_int_equal(read_list(buf_cstr(&b), &subs, &err), -1);
	assert_int_equal(err.code, ERR_FULL);
	buf_release(&b);
}

struct seen {
	char text[256];
};

static void on_channel(void *arg, struct slice name)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof(s->text) - n, "%.*s;", SLICE_FMT(name));
}

#define IN(inside) "<QueryList><Query Id='0'>" inside "</Query></QueryList>"
#define E5         "EventID=1 or EventID=2 or EventID=3 or EventID=4 or EventID=5 or "

static void test_query(void **state)
{
	static const struct {
		const char *xml, *channels; /* channels NULL: refused, says why */
		const char *says;
	} rows[] = {
		{ QUERY, "Security;", NULL },
		{ IN("<Select Path='a'>*</Select><Select Path='a'>*</Select><Select "
		     "Path='b'>*</Select>"),
		  "a;b;", NULL },
		{ IN("<Select Path='a'>*</Select><Suppress Path='b'>*</Suppress>"), "a;", NULL },
		{ IN("<Select Path='a &amp; b'>*</Select>"), "a & b;", NULL },
		{ IN("<Select Path='a'>*[" E5 E5 E5 E5 "EventID=1 or EventID=2]</Select>"), "a;",
		  NULL },
		{ IN("<Select Path='a'>*[" E5 E5 E5 E5
		     "EventID=1 or EventID=2 or EventID=3]</Select>"),
		  NULL, "22" },
		{ "", NULL, "no element" },
		{ "hello", NULL, "line 1" },
		{ "<QueryList><Query Id='0'>", NULL, "line 1" },
		{ "<QueryList/>", NULL, "no channel" },
		{ IN(""), NULL, "no channel" },
		{ IN("<Suppress Path='b'>*</Suppress>"), NULL, "no channel" },
		{ "<Query Id='0'><Select Path='a'>*</Select></Query>", NULL, "expected QueryList" },
		{ "<QueryList><Select Path='a'>*</Select></QueryList>", NULL,
		  "expected QueryList" },
		{ IN("<Select>*</Select>"), NULL, "without a Path" },
		{ IN("<Select Path=''>*</Select>"), NULL, "without a Path" },
		{ IN("<Select Path='a'> </Select>"), NULL, "selects nothing" },
		{ IN("<Select Path='a'><b/></Select>"), NULL, "inside a Select" },
		{ "<!DOCTYPE x>" QUERY, NULL, "document type" },
		{ QUERY QUERY, NULL, "line 1" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen seen = { "" };
		struct err err = { 0 };
		int r = wef_query_check(slice_str(rows[i].xml), on_channel, &seen, &err);

		if (rows[i].channels != NULL) {
			if (r < 0 || strcmp(seen.text, rows[i].channels) != 0)
				fail_msg("%s: %s %s", rows[i].xml, seen.text, err.msg);
		} else if (r == 0 || strstr(err.msg, rows[i].says) == NULL) {
			fail_msg("%s: %s", rows[i].xml, err.msg);
		}
	}
}

static void test_query_bounds(void **state)
{
	struct buf b = { 0 };
	struct err err;

	buf_str(&b, "<QueryList><Query Id='0'>");
	for (unsigned i = 0; i <= WEF_CHANNELS_MAX; i++) {
		if (i == WEF_CHANNELS_MAX) {
			struct buf whole = { 0 };

			buf_slice(&whole, buf_view(&b));
			buf_str(&whole, "</Query></QueryList>");
			assert_int_equal(wef_query_check(buf_view(&whole), NULL, NULL, &err), 0);
			buf_release(&whole);
		}
		buf_printf(&b, "<Select Path='c%u'>*</Select>", i);
	}
	buf_str(&b, "</Query></QueryList>");
	assert_int_equal(wef_query_check(buf_view(&b), NULL, NULL, &err), -1);
	assert_non_null(strstr(err.msg, "256 channels"));
	buf_reset(&b);
	while (b.n <= WEF_QUERY_MAX)
		buf_str(&b, QUERY);
	assert_int_equal(wef_query_check(buf_view(&b), NULL, NULL, &err), -1);
	assert_non_null(strstr(err.msg, "64 KiB"));
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_version, tear_down),
		cmocka_unit_test_teardown(test_shipped, tear_down),
		cmocka_unit_test(test_who),
		cmocka_unit_test_teardown(test_by_id, tear_down),
		cmocka_unit_test_teardown(test_refused, tear_down),
		cmocka_unit_test_teardown(test_too_many, tear_down),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_query_bounds),
	};
	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* Events and their JSON. What is written is read back with Jansson, which is not ours. */
#include "tests/cmocka.h"

#include <jansson.h>

#include "common/event/event.h"
#include "common/event/json.h"
#include "common/normalise/addr.h"

static struct arena mem;
static struct event ev;

static const char *written(struct buf *out)
{
	buf_reset(out);
	event_write_json(&ev, out);
	assert_false(out->failed);
	return buf_cstr(out);
}

static void list_is_sorted(void **state)
{
	for (unsigned i = 2; i < ECS_COUNT; i++) {
		struct slice a = ecs_name((enum ecs)(i - 1)), b = ecs_name((enum ecs)i);
		int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

		if (c > 0 || (c == 0 && a.n >= b.n))
			fail_msg("%s stands before %s", a.p, b.p);
	}
	for (unsigned i = 1; i < ECS_COUNT; i++)
		assert_int_equal(ecs_by_name(ecs_name((enum ecs)i)), i);
	assert_int_equal(ecs_by_name(SLICE("event")), ECS_DYNAMIC);
	assert_int_equal(ecs_by_name(SLICE("zz")), ECS_DYNAMIC);
	assert_true(ecs_is_object(SLICE("event")));
	assert_true(ecs_is_object(SLICE("log.syslog")));
	assert_false(ecs_is_object(SLICE("message")));
	assert_false(ecs_is_object(SLICE("even")));
}

/* The compressor's sake; with fields of own names the order is the names' alone. */
static void what_differs_stands_last(void **state)
{
	struct buf out = { 0 };

	event_init(&ev, &mem);
	ev.time_ns = INT64_C(1795420800123000000);
	event_str(&ev, ECS_LOG_FILE_PATH, SLICE("/a"));
	event_int(&ev, ECS_LOG_OFFSET, 7);
	event_int(&ev, ECS_LOG_SYSLOG_PRIORITY, 38);
	event_str(&ev, ECS_LOG_SYSLOG_VERSION, SLICE("1"));
	event_str(&ev, ECS_INPUT_TYPE, SLICE("log"));
	event_str(&ev, ECS_MESSAGE, SLICE("m"));
	event_str(&ev, ECS_USER_NAME, SLICE("maija"));
	assert_string_equal(
		written(&out),
		"{\"@timestamp\":\"2026-11-23T08:00:00.123Z\",\"input\":{\"type\":\"log\"},"
		"\"message\":\"m\",\"user\":{\"name\":\"maija\"},\"log\":{\"file\":{\"path\":\"/"
		"a\"},"
		"\"offset\":7,\"syslog\":{\"priority\":38,\"version\":\"1\"}}}");
	event_dyn(&ev, SLICE("m"), SLICE("v"));
	assert_string_equal(
		written(&out),
		"{\"@timestamp\":\"2026-11-23T08:00:00.123Z\",\"input\":{\"type\":\"log\"},"
		"\"log\":{\"file\":{\"path\":\"/a\"},\"offset\":7,\"syslog\":{\"priority\":38,"
		"\"version\":\"1\"}},\"m\":\"v\",\"message\":\"m\",\"user\":{\"name\":\"maija\"}}");
	buf_release(&out);
}

static void nests_as_beats(void **state)
{
	struct buf out = { 0 };

	event_init(&ev, &mem);
	ev.time_ns = INT64_C(1795420800123000000);
	assert_string_equal(written(&out), "{\"@timestamp\":\"2026-11-23T08:00:00.123Z\"}");
	event_str(&ev, ECS_USER_NAME, SLICE("maija"));
	event_str(&ev, ECS_USER_EFFECTIVE_NAME, SLICE("root"));
	event_str(&ev, ECS_MESSAGE, SLICE("a \"b\" \\ \n\x01"));
	event_int(&ev, ECS_SOURCE_PORT, -7);
	event_int(&ev, ECS_LOG_SYSLOG_FACILITY_CODE, 4);
	event_int(&ev, ECS_LOG_OFFSET, INT64_MAX);
	event_add(&ev, ECS_EVENT_CATEGORY, SLICE("iam"));
	event_add(&ev, ECS_EVENT_CATEGORY, SLICE("network"));
	event_add(&ev, ECS_EVENT_CATEGORY, SLICE("iam"));
	event_add(&ev, ECS_EVENT_TYPE, SLICE("user"));
	event_str(&ev, ECS_EVENT_ACTION, (struct slice){ "", 0 });
	event_dyn(&ev, SLICE("log.syslog.structured_data.x@1.k"), SLICE("v"));
	event_dyn(&ev, SLICE("winlog.event_data.Image"), SLICE("C:\\a"));
	event_dyn(&ev, SLICE("user.name"), SLICE("liisa"));
	event_dyn_json(&ev, SLICE("zeek.n"), SLICE("1.5"));
	assert_string_equal(
		written(&out),
		"{\"@timestamp\":\"2026-11-23T08:00:00.123Z\","
		"\"event\":{\"category\":[\"iam\",\"network\"],\"type\":[\"user\"]},"
		"\"log\":{\"offset\":9223372036854775807,\"syslog\":{\"facility\":{\"code\":4},"
		"\"structured_data\":{\"x@1\":{\"k\":\"v\"}}}},"
		"\"message\":\"a \\\"b\\\" \\\\ \\n\\u0001\","
		"\"source\":{\"port\":-7},"
		"\"user\":{\"effective\":{\"name\":\"root\"},\"name\":\"liisa\"},"
		"\"winlog\":{\"event_data\":{\"Image\":\"C:\\\\a\"}},\"zeek\":{\"n\":1.5}}");
	event_drop(&ev, ECS_USER_NAME);
	assert_null(event_get(&ev, ECS_USER_NAME));
	assert_null(strstr(written(&out), "liisa"));
	assert_non_null(strstr(written(&out), "\"user\":{\"effective\""));
	buf_release(&out);
}

static void name_and_object(void **state)
{
	struct buf out = { 0 };
	json_t *j;

	event_init(&ev, &mem);
	event_dyn(&ev, SLICE("a"), SLICE("1"));
	event_dyn(&ev, SLICE("a-b"), SLICE("2"));
	event_dyn(&ev, SLICE("a.b"), SLICE("3"));
	event_dyn(&ev, SLICE("a.b.c"), SLICE("4"));
	event_dyn(&ev, SLICE("event"), SLICE("5"));
	event_dyn(&ev, SLICE("message.part"), SLICE("6"));
	event_str(&ev, ECS_MESSAGE, SLICE("7"));
	event_str(&ev, ECS_EVENT_KIND, SLICE("event"));
	j = json_loads(written(&out), JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "a.value")), "1");
	assert_string_equal(json_string_value(json_object_get(j, "a-b")), "2");
	assert_string_equal(json_string_value(json_object_get(j, "event.value")), "5");
	assert_string_equal(json_string_value(json_object_get(j, "message.value")), "7");
	json_decref(j);
	buf_release(&out);
}

static const struct {
	const char *in;
	size_t n;
	const char *text; /* as JSON strings have it */
	const char *raw;  /* base64; NULL: it was UTF-8 */
} texts[] = {
#define T(in, text, raw)                                                                           \
	{                                                                                          \
		in, sizeof(in) - 1, text, raw                                                      \
	}
	T("plain", "plain", NULL),
	T("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", NULL),
	T("\xe4iti", "\xef\xbf\xbditi", "5Gl0aQ=="),
	T("12345678\xff", "12345678\xef\xbf\xbd", "MTIzNDU2Nzj/"),
	T("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", "wK8="),
	T("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "7aCA"),
	T("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "9JCAgA=="),
	T("cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd", "Y3V0IOKC"),
	T("a\0b", "a\\u0000b", NULL),
	T("\x1b[31m\r\n\t\b\f\x7f", "\\u001b[31m\\r\\n\\t\\b\\f\x7f", NULL),
	T("<script>{user} %s %n \xe2\x80\xae", "<script>{user} %s %n \xe2\x80\xae", NULL),
#undef T
};

static void any_bytes(void **state)
{
	struct buf out = { 0 }, want = { 0 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_error_t why;
		json_t *j;

		event_init(&ev, &mem);
		event_str(&ev, ECS_MESSAGE, (struct slice){ texts[i].in, texts[i].n });
		event_str(&ev, ECS_USER_NAME, SLICE("u"));
		event_dyn(&ev, SLICE("winlog.x"), SLICE("y"));
		written(&out);
		buf_reset(&want);
		buf_printf(&want, "\"message\":\"%s\",\"user\":{\"name\":\"u\"},", texts[i].text);
		if (texts[i].raw != NULL)
			buf_printf(&want, "\"vartio\":{\"raw\":{\"message\":\"%s\"}},",
				   texts[i].raw);
		buf_str(&want, "\"winlog\":{\"x\":\"y\"}}");
		if (strstr(out.p, buf_cstr(&want)) == NULL)
			fail_msg("%s is not in %s", buf_cstr(&want), out.p);
		j = json_loadb(out.p, out.n, JSON_ALLOW_NUL, &why);
		if (j == NULL)
			fail_msg("%s: %s", why.text, out.p);
		json_decref(j);
	}
	buf_release(&out);
	buf_release(&want);
}

static void raw_array(void **state)
{
	struct buf out = { 0 };

	event_init(&ev, &mem);
	event_add(&ev, ECS_RELATED_USER, SLICE("a\xff"));
	event_add(&ev, ECS_RELATED_USER, SLICE("b"));
	written(&out);
	assert_non_null(strstr(out.p, "\"user\":[\"a\xef\xbf\xbd\",\"b\"]"));
	assert_non_null(
		strstr(out.p, "\"vartio\":{\"raw\":{\"related\":{\"user\":\"Yf8= Yg==\"}}}"));
	buf_release(&out);
}

static void long_and_many(void **state)
{
	struct buf out = { 0 }, big = { 0 };
	json_t *j;

	for (unsigned i = 0; i < 60000; i++)
		buf_chr(&big, "ab\"\n"[i % 4]);
	event_init(&ev, &mem);
	event_str(&ev, ECS_MESSAGE, buf_view(&big));
	for (unsigned i = 0; i < EVENT_FIELDS_MAX + 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%u.x", i);
		event_dyn(&ev, arena_copy(&mem, slice_str(name)), SLICE("v"));
	}
	assert_int_equal(ev.n, EVENT_FIELDS_MAX);
	assert_int_equal(ev.truncated, 21);
	j = json_loads(written(&out), JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	assert_int_equal(json_string_length(json_object_get(j, "message")), 60000);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(j, "vartio"), "fields_dropped")),
		21);
	json_decref(j);
	buf_release(&out);
	buf_release(&big);
}

static void deep_names(void **state)
{
	struct json_index ix = { 0 };
	struct buf out = { 0 };
	struct err err;
	char name[401];

	for (unsigned i = 0; i < 400; i++)
		name[i] = i % 2 != 0 ? '.' : 'a';
	event_init(&ev, &mem);
	event_dyn(&ev, (struct slice){ name, 400 }, SLICE("end"));
	event_dyn(&ev, (struct slice){ name, 399 }, SLICE("near"));
	event_dyn(&ev, SLICE("..x"), SLICE("odd"));
	written(&out);
	if (json_index_read(&ix, buf_view(&out), &err) < 0)
		fail_msg("%s: %s", err.msg, out.p);
	assert_non_null(json_index_get(&ix, (struct slice){ name, 400 }));
	assert_non_null(json_index_get(&ix, SLICE("..x")));
	json_index_release(&ix);
	buf_release(&out);
}

static const struct {
	const char *in, *out;
} addresses[] = {
	{ "192.0.2.1", "192.0.2.1" },
	{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
	{ "::ffff:192.0.2.1", "192.0.2.1" },
	{ "[2001:db8::1]", "2001:db8::1" },
	{ "fe80::1%eth0", "fe80::1" },
	{ "::", "::" },
	{ "192.0.2.01", NULL },
	{ "192.0.2.256", NULL },
	{ "192.0.2", NULL },
	{ "192.0.2.1.", NULL },
	{ "1.2.3.4 ", NULL },
	{ "example.com", NULL },
	{ "beef", NULL },
	{ ":", NULL },
	{ "", NULL },
	{ "2001:db8::1::2", NULL },
};

static void addresses_only(void **state)
{
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct slice ip = { "untouched", 9 };
		bool good = addr_parse(slice_str(addresses[i].in), &mem, &ip);

		assert_int_equal(good, addresses[i].out != NULL);
		assert_slice(ip, good ? addresses[i].out : "untouched");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_is_sorted), cmocka_unit_test(what_differs_stands_last),
		cmocka_unit_test(nests_as_beats), cmocka_unit_test(name_and_object),
		cmocka_unit_test(any_bytes),      cmocka_unit_test(raw_array),
		cmocka_unit_test(long_and_many),  cmocka_unit_test(deep_names),
		cmocka_unit_test(addresses_only),
	};
	int r = RUN_TESTS(tests);

	arena_release(&mem);
	return r;
}

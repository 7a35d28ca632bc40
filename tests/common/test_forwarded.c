/* SPDX-License-Identifier: EUPL-1.2 */
/* Events that a Windows forwarder sent: whose they are. */
#include "tests/common/normalise_kit.h"

#define EVENT(computer)                                                                            \
	"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"            \
	"<Provider Name='P'/><EventID>4625</EventID>"                                              \
	"<TimeCreated SystemTime='2026-11-22T08:00:00.1Z'/><EventRecordID>7</EventRecordID>"       \
	"<Channel>Security</Channel>" computer "</System></Event>"
#define FROM(computer) EVENT("<Computer>" computer "</Computer>")

static struct norm_source forwarded_by(struct norm_forwarder *from, const char *client, bool relay)
{
	struct norm_source src = source();

	*from = (struct norm_forwarder){ slice_str(client), SLICE("baseline"), relay };
	src.input = "wef";
	src.host = slice_str(client);
	src.local = false;
	src.forwarder = from;
	return src;
}

static const struct {
	const char *client, *line;
	bool relay, own;
} rows[] = {
	{ "ws01.example.lan", FROM("ws01.example.lan"), false, true },
	{ "ws01.example.lan", FROM("WS01.Example.Lan"), false, true },
	{ "ws01.example.lan", FROM("WS01"), false, true },
	{ "ws01$@example.lan", FROM("ws01.example.lan"), false, true },
	{ "ws01.example.lan", FROM("ws02.example.lan"), false, false },
	{ "ws01.example.lan", FROM("ws0"), false, false },
	{ "ws01.example.lan", FROM("ws011"), false, false },
	{ "ws01.example.lan", FROM(".example.lan"), false, false },
	{ "ws01$@example.lan", FROM("dc1.example.lan"), false, false },
	{ "ws01.example.lan", FROM("ws02.example.lan"), true, true },
	/* The account of a name of more than 15 characters ends there, and only there. */
	{ "workstation-012$@example.lan", FROM("workstation-0123.example.lan"), false, true },
	{ "workstation-012$@example.lan", FROM("workstation-012.example.lan"), false, true },
	{ "workstation-012$@example.lan", FROM("workstation-013.example.lan"), false, false },
	{ "workstation-01$@example.lan", FROM("workstation-012.example.lan"), false, false },
	{ "workstation-012.example.lan", FROM("workstation-0123.example.lan"), false, false },
	/* Without a computer there is nothing to compare. */
	{ "ws01.example.lan", EVENT(""), false, true },
};

static void test_whose(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static const char *const own[] = { "winlog.event_id=4625", "event.hash",
						   "!log.flags", "event.kind=event" };
		static const char *const other[] = {
			"!winlog.event_id",          "!event.hash",   "log.flags=computer_mismatch",
			"event.kind=pipeline_error", "error.message", "!event.code"
		};
		struct norm_forwarder from;
		struct norm_source src = forwarded_by(&from, rows[i].client, rows[i].relay);
		struct row row = { rows[i].line, { "vartio.wef.subscription=baseline" } };

		if (rows[i].own)
			memcpy(&row.wanted[1], own, sizeof(own));
		else
			memcpy(&row.wanted[1], other, sizeof(other));
		run(NORM_WINXML, slice_str(rows[i].line), &src);
		check(&row);
		assert_true(field(SLICE("vartio.wef.client"), &got));
		assert_string_equal(buf_cstr(&got), rows[i].client);
		if (!rows[i].own) { /* all that was sent is kept, in the client's name */
			assert_true(field(SLICE("message"), &got));
			assert_string_equal(buf_cstr(&got), rows[i].line);
			assert_true(field(SLICE("host.name"), &got));
			assert_null(strstr(buf_cstr(&got), "ws02"));
		}
	}
}

/* One event has one hash, whoever delivers it; another number, time or log is another event. */
static void test_hash(void **state)
{
	struct norm_forwarder one, two;
	struct norm_source a = forwarded_by(&one, "ws01.example.lan", false),
			   b = forwarded_by(&two, "collector1.example.lan", true);
	struct buf first = { 0 };

	b.received_ns += 1000000;
	run(NORM_WINXML, SLICE(FROM("ws01.example.lan")), &a);
	assert_true(field(SLICE("event.hash"), &first));
	assert_int_equal(first.n, 64);
	run(NORM_WINXML, SLICE(FROM("ws01.example.lan")), &b);
	assert_true(field(SLICE("event.hash"), &got));
	assert_string_equal(buf_cstr(&got), buf_cstr(&first));
	run(NORM_WINXML, SLICE(FROM("ws02.example.lan")), &b);
	assert_true(field(SLICE("event.hash"), &got));
	assert_string_not_equal(buf_cstr(&got), buf_cstr(&first));
	buf_release(&first);
}

/* What is no event is still known by who sent it. */
static void test_broken(void **state)
{
	static const char *const lines[] = { "<Event>", "hello", "<Event><System>" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct norm_forwarder from;
		struct norm_source src = forwarded_by(&from, "ws01$@example.lan", false);
		struct row row = { lines[i],
				   { "event.kind=pipeline_error", "error.message",
				     "vartio.wef.client=ws01$@example.lan", "!log.flags" } };

		run(NORM_WINXML, slice_str(lines[i]), &src);
		check(&row);
	}
}

/* An event that nobody forwarded has no client, and its computer is not asked about. */
static void test_not_forwarded(void **state)
{
	static const struct row alone[] = {
		{ FROM("ws02.example.lan"),
		  { "!vartio.wef.client", "!vartio.wef.subscription", "!event.hash", "!log.flags",
		    "host.name=ws02.example.lan" } },
	};

	ROWS_PASS(NORM_WINXML, alone);
}

static int tests_of_forwarded(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_not_forwarded),
	};

	return RUN_TESTS(tests);
}

int main(void)
{
	return kit_run(tests_of_forwarded);
}

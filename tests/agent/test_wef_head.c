/* SPDX-License-Identifier: EUPL-1.2 */
/* The System part as the receiver looks at it, and when an event has come before. */
#include "tests/cmocka.h"

#include "agent/inputs/wef/head.h"
#include "agent/inputs/wef/hosts.h"

#define EVENT(id, channel, behind)                                                                 \
	"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"            \
	"<Provider Name='P'/>" id "<TimeCreated SystemTime='2026-11-27T08:00:00.1Z'/>"             \
	"<EventRecordID>7</EventRecordID><Channel>" channel "</Channel>"                           \
	"<Computer>ws01.example.lan</Computer></System>" behind "</Event>"
#define CLEARED(log)                                                                               \
	"<UserData><LogFileCleared><Channel>" log "</Channel></LogFileCleared></UserData>"

static void test_read(void **state)
{
	static const struct {
		const char *name, *in, *provider, *channel, *computer, *time;
		uint64_t event_id, record_id;
	} rows[] = {
		{ "an event", EVENT("<EventID>4625</EventID>", "Security", ""), "P", "Security",
		  "ws01.example.lan", "2026-11-27T08:00:00.1Z", 4625, 7 },
		{ "qualifiers",
		  EVENT("<EventID Qualifiers='16384'> 7036 </EventID>", " System\n", ""), "P",
		  "System", "ws01.example.lan", "2026-11-27T08:00:00.1Z", 7036, 7 },
		{ "double quotes",
		  "<Event><System><Provider Guid=\"{g}\" Name=\"A "
		  "B\"/><EventID>1</EventID></System></Event>",
		  "A B", "", "", "", 1, 0 },
		{ "what stands behind System is not looked at",
		  "<Event><System><EventID>1</EventID></System><EventData>"
		  "<EventRecordID>9</EventRecordID><Channel>X</Channel></EventData></Event>",
		  "", "", "", "", 1, 0 },
		{ "a number that is none",
		  "<Event><System><EventID>x</EventID><EventRecordID>-1</EventRecordID></System></"
		  "Event>",
		  "", "", "", "", 0, 0 },
		{ "a number too large",
		  "<Event><System><EventRecordID>99999999999999999999999</EventRecordID></System></"
		  "Event>",
		  "", "", "", "", 0, 0 },
		{ "a quote that does not end",
		  "<Event><System><Provider Name='P/></System></Event>", "", "", "", "", 0, 0 },
		{ "System does not end", "<Event><System><EventID>1</EventID>", "", "", "", "", 0,
		  0 },
		{ "no event", "hello", "", "", "", "", 0, 0 },
		{ "empty", "", "", "", "", "", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wef_head h = wef_head_read(slice_str(rows[i].in));

		if (!slice_is(h.provider, rows[i].provider) ||
		    !slice_is(h.channel, rows[i].channel) ||
		    !slice_is(h.computer, rows[i].computer) || !slice_is(h.time, rows[i].time) ||
		    h.event_id != rows[i].event_id || h.record_id != rows[i].record_id)
			fail_msg("%s: %.*s %.*s %.*s %.*s %llu %llu", rows[i].name,
				 SLICE_FMT(h.provider), SLICE_FMT(h.channel), SLICE_FMT(h.computer),
				 SLICE_FMT(h.time), (unsigned long long)h.event_id,
				 (unsigned long long)h.record_id);
	}
}

static void test_kinds(void **state)
{
	static const struct {
		const char *name, *in, *cleared;
		bool marker;
	} rows[] = {
		{ "1102 clears Security",
		  EVENT("<EventID>1102</EventID>", "Security", CLEARED("x")), "Security", false },
		{ "1102 of another log", EVENT("<EventID>1102</EventID>", "Application", ""), "",
		  false },
		{ "104 names the log",
		  EVENT("<EventID>104</EventID>", "System", CLEARED(" Setup ")), "Setup", false },
		{ "104 without a name", EVENT("<EventID>104</EventID>", "System", ""), "", false },
		{ "104 of another log", EVENT("<EventID>104</EventID>", "Other", CLEARED("Setup")),
		  "", false },
		{ "111 of another provider", EVENT("<EventID>111</EventID>", "System", ""), "",
		  false },
		{ "the forwarder's marker",
		  "<Event><System><Provider Name='Microsoft-Windows-EventForwarder'/>"
		  "<EventID>111</EventID></System><SubscriptionBookmarkEvent/></Event>",
		  "", true },
		{ "another of the forwarder's",
		  "<Event><System><Provider Name='Microsoft-Windows-EventForwarder'/>"
		  "<EventID>100</EventID></System></Event>",
		  "", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice event = slice_str(rows[i].in);
		struct wef_head h = wef_head_read(event);

		if (!slice_is(wef_head_cleared(&h, event), rows[i].cleared) ||
		    wef_head_is_marker(&h) != rows[i].marker)
			fail_msg("%s", rows[i].name);
	}
}

static void test_dropped(void **state)
{
	static const struct {
		const char *in;
		uint64_t n;
	} rows[] = {
		{ "<w:DroppedEvents xmlns:w='x' Action='y'>7</w:DroppedEvents>", 7 },
		{ "<DroppedEvents> 12\n</DroppedEvents>", 12 },
		{ "<w:DroppedEvents/>", 0 },
		{ "<w:DroppedEvents></w:DroppedEvents>", 1 },
		{ "<w:DroppedEvents>0</w:DroppedEvents>", 1 },
		{ "<w:DroppedEvents>many</w:DroppedEvents>", 1 },
		{ "<w:DroppedEvents>99999999999999999999999</w:DroppedEvents>", 1 },
		{ "<w:DroppedEvents>7", 1 },
		{ "<w:DroppedEventsX>7</w:DroppedEventsX>", 0 },
		{ "<Event><DroppedEvents>7</DroppedEvents></Event>", 0 },
		{ "DroppedEvents>7<", 0 },
		{ "<>", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (wef_head_dropped(slice_str(rows[i].in)) != rows[i].n)
			fail_msg("%s", rows[i].in);
}

#define MS  INT64_C(1000000)
#define DAY (86400000 * MS)

/* heartbeat: 10 s; opened on the first day. */
static void test_host_state(void **state)
{
	static const struct {
		int64_t seen_ns, now_ns;
		enum wef_host_state state;
	} rows[] = {
		{ 0, DAY + 20000 * MS, WEF_HOST_EXPECTED },
		{ 0, DAY + 20001 * MS, WEF_HOST_GONE },
		{ DAY + 5000 * MS, DAY + 25000 * MS, WEF_HOST_HERE },
		{ DAY + 5000 * MS, DAY + 25001 * MS, WEF_HOST_SILENT },
		{ DAY + 5000 * MS, DAY, WEF_HOST_HERE }, /* the clock was set back */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wef_host h = { .seen_ns = rows[i].seen_ns };

		if (wef_host_state(&h, 10000, DAY, rows[i].now_ns) != rows[i].state)
			fail_msg("row %zu", i);
	}
}

static void test_seen(void **state)
{
	static const struct {
		const char *name;
		struct wef_place last, now;
		enum wef_seen seen;
	} rows[] = {
		{ "the next", { 7, 100 }, { 8, 101 }, WEF_NEW },
		{ "a later one", { 7, 100 }, { 900, 101 }, WEF_NEW },
		{ "the next, though its clock was set back", { 7, 100 }, { 8, 50 }, WEF_NEW },
		{ "the same", { 7, 100 }, { 7, 100 }, WEF_AGAIN },
		{ "an older one", { 7, 100 }, { 3, 60 }, WEF_AGAIN },
		{ "an older one of the same time", { 7, 100 }, { 3, 100 }, WEF_AGAIN },
		{ "lower and later: the log was cleared", { 7, 100 }, { 1, 101 }, WEF_ANEW },
		{ "without a number it cannot be known", { 7, 100 }, { 0, 50 }, WEF_NEW },
		{ "without a time, lower is again", { 7, 100 }, { 3, 0 }, WEF_AGAIN },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (wef_place_seen(&rows[i].last, &rows[i].now) != rows[i].seen)
			fail_msg("%s", rows[i].name);
}

static void test_place_text(void **state)
{
	static const struct wef_place places[] = { { 0, 0 },
						   { 7, 1795766400000000000 },
						   { UINT64_MAX, INT64_MAX } };
	static const char *const bad[] = { "", "7", " 7", "7 ", "7 x", "x 7", "7 8 9", "-1 2" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct wef_place back;
		char text[48];
		size_t n = wef_place_write(&places[i], text);

		assert_true(wef_place_read((struct slice){ text, n }, &back));
		assert_int_equal(back.record_id, places[i].record_id);
		assert_int_equal(back.time_ns, places[i].time_ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wef_place back;

		if (wef_place_read(slice_str(bad[i]), &back))
			fail_msg("\"%s\" was read", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),    cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_dropped), cmocka_unit_test(test_host_state),
		cmocka_unit_test(test_seen),    cmocka_unit_test(test_place_text),
	};
	return RUN_TESTS(tests);
}

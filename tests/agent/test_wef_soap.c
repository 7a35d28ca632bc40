/* SPDX-License-Identifier: EUPL-1.2 */
/* Messages of forwarders: what is read of them, and what is refused. */
#include "tests/cmocka.h"

#include "agent/inputs/wef/soap.h"
#include "agent/inputs/wef/text.h"

#define NS                                                                                         \
	"xmlns:s='http://www.w3.org/2003/05/soap-envelope' "                                       \
	"xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing' "                              \
	"xmlns:e='http://schemas.xmlsoap.org/ws/2004/08/eventing' "                                \
	"xmlns:w='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd'"
#define EVENTS_ACTION "<a:Action>http://schemas.dmtf.org/wbem/wsman/1/wsman/Events</a:Action>"
#define MESSAGE(header, body)                                                                      \
	"<s:Envelope " NS "><s:Header>" EVENTS_ACTION header "</s:Header><s:Body>" body            \
	"</s:Body></s:Envelope>"
#define EVENTS(events) MESSAGE("", "<w:Events>" events "</w:Events>")

static struct soap *sp;

static int set_up(void **state)
{
	sp = soap_new();
	return sp != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	soap_free(sp);
	return 0;
}

static void test_header(void **state)
{
	struct soap_msg m;
	struct err err;
	struct slice in = SLICE(MESSAGE(
		"<a:MessageID>uuid:Aa \n</a:MessageID><a:To>http://wec:5985/wsman</a:To>"
		"<a:ReplyTo><a:Address>http://anon</a:Address></a:ReplyTo>"
		"<m:MachineID xmlns:m='http://schemas.microsoft.com/wbem/wsman/1/machineid'>ws01\n"
		"</m:MachineID><e:Identifier>ID\n</e:Identifier><Version>uuid:V</Version>"
		"<w:Bookmark> <BookmarkList><Bookmark "
		"Channel=\"a&amp;b\"/></BookmarkList></w:Bookmark>"
		"<w:AckRequested/><w:MaxEnvelopeSize>512000</w:MaxEnvelopeSize>",
		"<w:Events></w:Events>"));

	assert_int_equal(soap_read(sp, in, &m, &err), 0);
	assert_int_equal(m.action, SOAP_EVENTS);
	assert_true(slice_is(m.message_id, "uuid:Aa \n")); /* byte for byte */
	assert_true(slice_is(m.to, "http://wec:5985/wsman"));
	assert_true(slice_is(m.reply_to, "http://anon"));
	assert_true(slice_is(m.machine_id, "ws01"));
	assert_true(slice_is(m.identifier, "ID"));
	assert_true(slice_is(m.version, "uuid:V"));
	assert_true(slice_is(m.bookmark,
			     "<BookmarkList><Bookmark Channel=\"a&amp;b\"/></BookmarkList>"));
	assert_true(m.ack_requested);
	assert_int_equal(m.n_events, 0);
}

/* Prefixes are nothing, namespaces all. */
static void test_other_prefixes(void **state)
{
	struct soap_msg m;
	struct err err;
	struct slice in =
		SLICE("<Envelope xmlns='http://www.w3.org/2003/05/soap-envelope'><Header>"
		      "<x:Action xmlns:x='http://schemas.xmlsoap.org/ws/2004/08/addressing'>"
		      "http://schemas.dmtf.org/wbem/wsman/1/wsman/Heartbeat</x:Action>"
		      "<x:Action xmlns:x='http://elsewhere'>nothing</x:Action>"
		      "<a:Action>no</a:Action></Header><Body/></Envelope>");

	assert_int_equal(soap_read(sp, in, &m, &err), -1); /* a: is not declared */
	in = SLICE("<Envelope xmlns='http://www.w3.org/2003/05/soap-envelope'><Header>"
		   "<x:Action xmlns:x='http://schemas.xmlsoap.org/ws/2004/08/addressing'>"
		   "http://schemas.dmtf.org/wbem/wsman/1/wsman/Heartbeat</x:Action>"
		   "<x:Action "
		   "xmlns:x='http://elsewhere'>nothing</x:Action></Header><Body/></Envelope>");
	assert_int_equal(soap_read(sp, in, &m, &err), 0);
	assert_int_equal(m.action, SOAP_HEARTBEAT);
}

/* DSP0226 10.2.7: a notice that stands alone. */
static void test_dropped(void **state)
{
	struct soap_msg m;
	struct err err;
	struct slice in = SLICE(
		"<s:Envelope " NS "><s:Header><a:Action>"
		"http://schemas.dmtf.org/wbem/wsman/1/wsman/DroppedEvents</a:Action></s:Header>"
		"<s:Body><w:DroppedEvents Action='x'> 7\n</w:DroppedEvents></s:Body>"
		"</s:Envelope>");

	assert_int_equal(soap_read(sp, in, &m, &err), 0);
	assert_int_equal(m.action, SOAP_DROPPED);
	assert_true(slice_is(m.dropped, "7"));
	assert_int_equal(m.n_events, 0);
}

static void test_event_forms(void **state)
{
	static const struct {
		const char *name, *in, *event;
	} rows[] = {
		{ "CDATA", "<w:Event><![CDATA[<Event>a&b</Event>]]></w:Event>",
		  "<Event>a&b</Event>" },
		{ "escaped", "<w:Event>&lt;Event&gt;a&lt;/Event&gt;</w:Event>",
		  "<Event>a</Event>" },
		{ "nested", "<w:Event>\n <Event xmlns='x'><a b='c'/></Event>\n</w:Event>",
		  "<Event xmlns='x'><a b='c'/></Event>" },
		{ "nested, nothing in it", "<w:Event><Event/></w:Event>", "<Event/>" },
		{ "in two pieces", "<w:Event><![CDATA[<Ev]]><![CDATA[ent/>]]></w:Event>",
		  "<Event/>" },
		{ "empty", "<w:Event></w:Event>", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf in = { 0 };
		struct soap_msg m;
		struct err err;

		buf_str(&in, "<s:Envelope " NS "><s:Header>" EVENTS_ACTION
			     "</s:Header><s:Body><w:Events>");
		buf_str(&in, rows[i].in);
		buf_str(&in, "<w:Event><![CDATA[<Event>2</Event>]]></w:Event>"
			     "</w:Events></s:Body></s:Envelope>");
		assert_int_equal(soap_read(sp, buf_view(&in), &m, &err), 0);
		assert_int_equal(m.n_events, 2);
		if (!slice_is(m.events[0], rows[i].event))
			fail_msg("%s: %.*s", rows[i].name, SLICE_FMT(m.events[0]));
		assert_true(slice_is(m.events[1], "<Event>2</Event>"));
		buf_release(&in);
	}
}

static void put_times(struct buf *b, const char *text, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_str(b, text);
}

static void test_refused(void **state)
{
	static const struct {
		const char *name, *in;
		enum err_code code;
	} rows[] = {
		{ "not XML", "hello", ERR_SYNTAX },
		{ "empty", "", ERR_SYNTAX },
		{ "cut", "<s:Envelope " NS "><s:Header>", ERR_SYNTAX },
		{ "no envelope", "<Event/>", ERR_SYNTAX },
		{ "SOAP 1.1", "<Envelope xmlns='http://schemas.xmlsoap.org/soap/envelope/'/>",
		  ERR_SYNTAX },
		{ "no action", "<s:Envelope " NS "><s:Header/><s:Body/></s:Envelope>", ERR_SYNTAX },
		{ "a document type", "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", ERR_SYNTAX },
		{ "an entity", EVENTS("<w:Event>&a;</w:Event>"), ERR_SYNTAX },
		{ "two documents", EVENTS("") EVENTS(""), ERR_SYNTAX },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct soap_msg m;
		struct err err = { 0 };

		if (soap_read(sp, slice_str(rows[i].in), &m, &err) == 0 || err.code != rows[i].code)
			fail_msg("%s: %s", rows[i].name, err.msg);
		/* and the next one is read as if nothing had been */
		assert_int_equal(soap_read(sp, SLICE(EVENTS("")), &m, &err), 0);
	}
}

static void test_bounds(void **state)
{
	struct buf b = { 0 };
	struct soap_msg m;
	struct err err;

	put_times(&b, "<a>", 20000);
	assert_int_equal(soap_read(sp, buf_view(&b), &m, &err), -1);
	buf_reset(&b);
	buf_str(&b, "<s:Envelope " NS "><s:Header>" EVENTS_ACTION "</s:Header><s:Body>");
	put_times(&b, "<a>", 20000);
	assert_int_equal(soap_read(sp, buf_view(&b), &m, &err), -1);
	assert_int_equal(err.code, ERR_FULL);
	buf_reset(&b);
	buf_str(&b, "<s:Envelope " NS "><s:Header>" EVENTS_ACTION "</s:Header><s:Body>");
	put_times(&b, "<a/>", SOAP_ELEMENTS_MAX);
	buf_str(&b, "</s:Body></s:Envelope>");
	assert_int_equal(soap_read(sp, buf_view(&b), &m, &err), -1);
	assert_int_equal(err.code, ERR_FULL);
	buf_release(&b);
}

/* The encodings of a message, and characters that XML does not allow. */
static void test_text(void **state)
{
	static const struct {
		const char *name;
		struct slice in;
		const char *out;
		bool told;
	} rows[] = {
		{ "UTF-16", { "\xff\xfe<\0a\0\xe4\0>\0", 10 }, "<a\xc3\xa4>", false },
		{ "UTF-16 without a mark", { "<\0a\0", 4 }, "<a", false },
		{ "UTF-8", { "<a\xc3\xa4>", 5 }, "<a\xc3\xa4>", false },
		{ "UTF-8 with a mark", { "\xef\xbb\xbf<a", 5 }, "<a", false },
		{ "an odd last byte", { "\xff\xfe<\0a", 5 }, "<\xef\xbf\xbd", false },
		{ "half a pair", { "\xff\xfe\x00\xd8<\0", 6 }, "\xef\xbf\xbd<", false },
		{ "a pair", { "\xff\xfe\x3d\xd8\x00\xde", 6 }, "\xf0\x9f\x98\x80", false },
		{ "U+0005", { "\xff\xfe\x05\0<\0", 6 }, "\\u{5}<", true },
		{ "U+FFFE", { "\xff\xfe\xfe\xff", 4 }, "\\u{fffe}", true },
		{ "bad UTF-8", { "<a\xff>", 4 }, "<a\xef\xbf\xbd>", true },
		{ "tab, CR and LF", { "\xff\xfe\t\0\r\0\n\0", 8 }, "\t\r\n", false },
		{ "empty", { "", 0 }, "", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = { 0 };
		bool told = wef_text_read(rows[i].in, &out);

		if (told != rows[i].told || !slice_is(buf_view(&out), rows[i].out))
			fail_msg("%s: %.*s", rows[i].name, SLICE_FMT(buf_view(&out)));
		buf_release(&out);
	}
}

static void test_text_there_and_back(void **state)
{
	struct buf one = { 0 }, two = { 0 };
	struct slice text =
		SLICE("<a>\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 and plain text, long</a>");

	wef_text_write(text, &one);
	assert_true(slice_starts(buf_view(&one), SLICE("\xff\xfe<\0")));
	wef_text_read(buf_view(&one), &two);
	assert_true(slice_eq(buf_view(&two), text));
	buf_release(&one);
	buf_release(&two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_header, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_prefixes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dropped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_event_forms, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bounds, set_up, tear_down),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_there_and_back),
	};
	return RUN_TESTS(tests);
}

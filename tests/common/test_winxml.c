/* SPDX-License-Identifier: EUPL-1.2 */
/* Windows events as XML into winlog.*: rows of the shapes that Windows renders, and of hostile
 * ones. docs/fields.md, "Windows events", is the page about it. */
#include "tests/common/normalise_kit.h"

#include "common/normalise/winxml.h"

#define NS "xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\""
#define SYS                                                                                        \
	"<System><Provider Name='P'/><EventID>7</EventID><Channel>C</Channel><Computer>pc1"        \
	"</Computer></System>"
#define EV(body)     "<Event " NS ">" SYS body "</Event>"
#define DATA(values) EV("<EventData>" values "</EventData>")
#define USER(values) EV("<UserData>" values "</UserData>")
#define GOOD         "event.kind=event", "winlog.event_id=7", "!error.message", "!message"
#define BAD          "event.kind=pipeline_error"

static const struct row system_part[] = {
	{ "<Event " NS "><System><Provider Name=\"Microsoft-Windows-Security-Auditing\" "
	  "Guid=\"{54849625-5478-4994-A5BA-3E3B0328C30D}\"/><EventID>4625</EventID><Version>1"
	  "</Version><Level>0</Level><Task>12544</Task><Opcode>0</Opcode><Keywords>"
	  "0x8010000000000000</Keywords><TimeCreated SystemTime=\"2026-03-11T05:16:41.8163274Z\"/>"
	  "<EventRecordID>18446744073709551615</EventRecordID><Correlation ActivityID=\"{a}\" "
	  "RelatedActivityID=\"{b}\"/><Execution ProcessID=\"852\" ThreadID=\"968\"/><Channel>"
	  "Security</Channel><Computer>dc1.mallila.example</Computer><Security "
	  "UserID=\"S-1-5-18\"/>"
	  "</System></Event>",
	  { "@timestamp=2026-03-11T05:16:41.816327400Z", "event.code=4625", "winlog.event_id=4625",
	    "winlog.version=1", "vartio.winlog.level=0", "log.level=information",
	    "winlog.keywords=Audit Failure", "event.outcome=failure",
	    "winlog.record_id=18446744073709551615", "winlog.activity_id={a}",
	    "winlog.related_activity_id={b}", "winlog.process.pid=852",
	    "winlog.process.thread.id=968", "host.name=dc1.mallila.example",
	    "winlog.user.identifier=S-1-5-18", "winlog.opcode=Info" } },
	{ "<Event " NS "><System><Provider EventSourceName='Legacy Thing'/><EventID Qualifiers="
	  "'16384'>\n 7036 \n</EventID><Level>2</Level><Task>0</Task><Keywords>0x80000000000000"
	  "</Keywords><TimeCreated SystemTime='2013-10-23T16:22:42.000000001Z'/><Execution "
	  "ProcessID='0' ThreadID='0' ProcessorID='3' SessionID='2' KernelTime='5' UserTime='6' "
	  "ProcessorTime='7'/></System></Event>",
	  { "winlog.provider_name=Legacy Thing", "event.provider=Legacy Thing",
	    "winlog.event_id=7036", "vartio.winlog.qualifiers=16384", "log.level=error",
	    "winlog.task=None", "winlog.keywords=Classic", "!event.outcome",
	    "@timestamp=2013-10-23T16:22:42.000000001Z", "!winlog.process.pid",
	    "winlog.processor_id=3", "winlog.session_id=2", "winlog.kernel_time=5",
	    "winlog.user_time=6", "winlog.processor_time=7", "host.name=ownhost" } },
	{ "<Event><System><TimeCreated SystemTime='2019-05-14 02:32:51.453182'/><Level>9</Level>"
	  "<EventID>x</EventID></System></Event>",
	  { "@timestamp=2019-05-14T02:32:51.453182Z", "!log.level", "vartio.winlog.level=9",
	    "winlog.event_id=x" } },
	{ "<Event><System><TimeCreated SystemTime='soon'/><EventRecordID>007</EventRecordID>"
	  "</System></Event>",
	  { "@timestamp=2026-11-23T08:00:00.000Z", "winlog.record_id=007" } },
	{ "<e:Event xmlns:e='http://schemas.microsoft.com/win/2004/08/events/event'><e:System>"
	  "<e:EventID>7</e:EventID></e:System><e:EventData><e:Data Name='A'>1</e:Data>"
	  "</e:EventData></e:Event>",
	  { GOOD, "winlog.event_data.A=1" } },
};

static const struct row event_data[] = {
	{ DATA("<Data Name='Image'>C:\\a.exe</Data><Data Name=\"Q\">&lt;&amp;&gt;&quot;&apos;"
	       "</Data>"),
	  { GOOD, "winlog.event_data.Image=C:\\a.exe", "winlog.event_data.Q=<&>\"'" } },
	{ DATA("<Data Name='Threat Name'>x</Data><Data Name=' Error  Code '>y</Data>"),
	  { GOOD, "winlog.event_data.ThreatName=x", "winlog.event_data.ErrorCode=y" } },
	{ DATA("<Data>one</Data><Data/><Data>one</Data>"),
	  { GOOD, "winlog.event_data.Data=one,,one" } },
	{ DATA("<Data>alone</Data><Binary>00FF</Binary>"),
	  { GOOD, "winlog.event_data.Data=alone", "winlog.event_data.Binary=00FF" } },
	{ DATA("<Data Name=''>a</Data><Data Name=' '>b</Data><Binary/>"),
	  { GOOD, "winlog.event_data.Data=a,b", "!winlog.event_data.Binary" } },
	{ DATA("<Data Name='A'>1</Data><Data Name='A'>2</Data><Data Name='A'>1</Data>"),
	  { GOOD, "winlog.event_data.A=1,2,1" } },
	{ DATA("<Data Name='Empty'></Data><Data Name='Space'> </Data>"),
	  { GOOD, "winlog.event_data.Empty=", "winlog.event_data.Space= " } },
	{ DATA("<Data Name='Lines'>a\r\nb&#10;c&#xD;&#xA;d</Data>"),
	  { GOOD, "winlog.event_data.Lines=a\nb\nc\r\nd" } },
	{ DATA("<Data Name='C'><![CDATA[<a>&amp;]]]]><![CDATA[>]]></Data>"),
	  { GOOD, "winlog.event_data.C=<a>&amp;]]>" } },
	{ DATA("<Data Name='U'>&#228;\xc3\xa4&#x1F600;</Data>"),
	  { GOOD, "winlog.event_data.U=\xc3\xa4\xc3\xa4\xf0\x9f\x98\x80" } },
	{ DATA("<Data Name='A'>x<!-- no -->y<?pi z?></Data>"), { GOOD, "winlog.event_data.A=xy" } },
	{ DATA("<ComplexData Name='Addr'><Data>1</Data><Data Name='Port'>2</Data></ComplexData>"),
	  { GOOD, "winlog.event_data.Addr=1", "winlog.event_data.Port=2" } },
	{ DATA("<Data Name='a.b'>1</Data>"), { GOOD, "winlog.event_data.a.b=1" } },
	{ DATA("\n  <Data Name='A'>1</Data>\n  <Data Name='B'/>\n"),
	  { GOOD, "winlog.event_data.A=1",
	    "winlog.event_data.B=", "!winlog.event_data.EventData" } },
};

static const struct row other_parts[] = {
	{ USER("<LogFileCleared xmlns:auto-ns3='x' xmlns='y'><SubjectUserName>maija"
	       "</SubjectUserName><BackupPath/></LogFileCleared>"),
	  { GOOD, "winlog.user_data.xml_name=LogFileCleared",
	    "winlog.user_data.SubjectUserName=maija", "!winlog.user_data.BackupPath",
	    "!winlog.user_data.LogFileCleared", "!winlog.event_data" } },
	{ USER("<Rm><Apps><App>a</App><App>b</App></Apps><N>2</N></Rm>"),
	  { GOOD, "winlog.user_data.App=a,b", "winlog.user_data.N=2", "!winlog.user_data.Apps" } },
	{ USER("<Capi><Certificate fileRef='x.cer' xml:lang='fi'/><R value='0'>t</R></Capi>"),
	  { GOOD, "winlog.user_data.Certificate.fileRef=x.cer",
	    "!winlog.user_data.Certificate.lang", "winlog.user_data.R.value=t,0" } },
	{ USER("<M>before<X>1</X>after</M>"),
	  { GOOD, "winlog.user_data.M=before,after", "winlog.user_data.X=1" } },
	{ USER("<M><X>1</X>between<Y>2</Y></M>"),
	  { GOOD, "winlog.user_data.M=between", "winlog.user_data.Y=2" } },
	{ EV("<EventData>bare<Data>one</Data> </EventData>"),
	  { GOOD, "winlog.event_data.Data=bare,one" } },
	{ EV("<BinaryEventData>00FF</BinaryEventData>"),
	  { GOOD, "winlog.user_data.BinaryEventData=00FF" } },
	{ USER("<X><xml_name>forged</xml_name></X>"), { GOOD, "winlog.user_data.xml_name=X" } },
	{ EV("<DebugData><SequenceNumber>5</SequenceNumber></DebugData>"),
	  { GOOD, "winlog.user_data.SequenceNumber=5", "winlog.user_data.xml_name=DebugData" } },
	{ EV("<ProcessingErrorData><ErrorCode>15005</ErrorCode><DataItemName>D</DataItemName>"
	     "<EventPayload>00</EventPayload></ProcessingErrorData>"),
	  { GOOD, "error.code=15005", "winlog.processing_error_data.DataItemName=D",
	    "winlog.processing_error_data.EventPayload=00" } },
	{ EV("<EventData><Data Name='A'>1</Data></EventData><RenderingInfo Culture='fi-FI'>"
	     "<Message>Kirjautui.\r\nNimi:&#13;&#10;x\n\n</Message><Level>Tiedot</"
	     "Level><Task>Kirjaus"
	     "</Task><Opcode>Tietoja</Opcode><Channel>Suojaus</Channel><Provider>P</Provider>"
	     "<Keywords><Keyword>Oma</Keyword><Keyword>Toinen</Keyword></Keywords></"
	     "RenderingInfo>"),
	  { "event.kind=event", "message=Kirjautui.\nNimi:\nx", "log.level=Tiedot",
	    "winlog.task=Kirjaus", "winlog.opcode=Tietoja", "winlog.keywords=Oma,Toinen",
	    "winlog.channel=C", "winlog.provider_name=P", "winlog.event_data.A=1" } },
	{ "<Event><System><Level>3</Level><Opcode>1</Opcode><Keywords>0x8020000000000000</Keywords>"
	  "</System><RenderingInfo><Level>Varoitus</Level><Opcode>Alku</Opcode><Keywords><Keyword>"
	  "Valvonta onnistui</Keyword></Keywords></RenderingInfo></Event>",
	  { "log.level=warning", "winlog.opcode=Start",
	    "winlog.keywords=Valvonta onnistui,Audit Success", "event.outcome=success" } },
};

static const struct row around[] = {
	{ "\xef\xbb\xbf<?xml version='1.0' encoding='utf-16'?>\r\n<!-- c -->\r\n<Events>\r\n" DATA(
		  "<Data Name='A'>1</Data>") "\r\n</Events>\r\n",
	  { GOOD, "winlog.event_data.A=1" } },
	{ "<?xml version=\"1.0\"?>" EV(""), { GOOD } },
	{ EV("") EV(""),
	  { BAD, "winlog.event_id=7",
	    "error.message=Windows event XML: there is more than one event in the "
	    "record" } },
	{ EV("") " tail", { BAD, "winlog.event_id=7", "message=" EV("") " tail" } },
};

static const struct row hostile[] = {
	{ DATA("<Data Name='A'>a&#x1;b&#0;c\x01"
	       "d\xff"
	       "e&#xD800;f\xef\xbf\xbf</Data>"),
	  { "event.kind=event", "log.flags=invalid_characters",
	    "winlog.event_data.A=a\xef\xbf\xbd"
	    "b\xef\xbf\xbd"
	    "c\xef\xbf\xbd"
	    "d\xef\xbf\xbd"
	    "e\xef\xbf\xbd"
	    "f\xef\xbf\xbd",
	    "vartio.raw.event.original" } },
	{ "<!DOCTYPE e [<!ENTITY a 'b'>]>" DATA("<Data Name='A'>&a;</Data>"),
	  { BAD, "error.message=Windows event XML: a document type is refused",
	    "!winlog.event_data" } },
	{ "<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a 'b'>]><l>&a;</l>",
	  { BAD, "error.message=Windows event XML: a document type is refused" } },
	{ DATA("<!DOCTYPE e [<!ENTITY a 'b'>]>"), { BAD, "winlog.event_id=7" } },
	{ DATA("<Data Name='A'>a]]>b</Data>"), { BAD, "winlog.event_id=7" } },
	{ DATA("<Data Name='A' Name='B'>a</Data>"), { BAD, "winlog.event_id=7" } },
	{ DATA("<Data Name='A'>a</data>"), { BAD, "winlog.event_id=7" } },
	{ DATA("<Data Name='A<'>a</Data>"), { BAD, "winlog.event_id=7" } },
	{ DATA("<Data Name='A'Other='B'>a</Data>"), { BAD, "winlog.event_id=7" } },
	{ DATA("<Data Name='A'>&nbsp;</Data>"), { BAD, "winlog.event_id=7" } },
	{ DATA("<Data Name='A'>1</Data><Data Name='B'>cut"),
	  { BAD, "winlog.channel=C", "winlog.event_data.A=1", "!winlog.event_data.B" } },
	{ "<Event " NS ">" SYS "<EventData><Data Name='A'>1</Data><Data Name='B'>cut",
	  { BAD, "error.message=Windows event XML: it ends before the event does",
	    "winlog.event_data.A=1", "!winlog.event_data.B" } },
	{ "<Event>" SYS "</Event></events>", { BAD } },
	{ "<Event", { BAD, "message=<Event" } },
	{ "<Events></Events>", { BAD } },
	{ "<Event a='1' a='2'>" SYS "</Event>", { BAD } },
	{ "plain text", { BAD, "message=plain text" } },
	{ "", { BAD } },
};

#define ROWS(name)                                                                                 \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		ROWS_PASS(NORM_WINXML, name);                                                      \
	}
ROWS(system_part)
ROWS(event_data)
ROWS(other_parts)
ROWS(around)
ROWS(hostile)

static void recognised(void **state)
{
	ROWS_PASS(NORM_AUTO, event_data);
}

/* What a row's joined values do not show: a list of one is a list, numbers are numbers. */
static void shapes(void **state)
{
	static const char *const wanted[] = {
		"\"Data\":[\"x\"]",   "\"A\":\"1\"",          "\"B\":[\"1\",\"\"]",
		"\"event_id\":\"7\"", "\"record_id\":9",      "\"keywords\":[\"Audit Success\"]",
		"\"version\":2",      "\"thread\":{\"id\":4}"
	};
	struct norm_source src = source();

	run(NORM_WINXML,
	    SLICE("<Event><System><EventID>7</EventID><Version>2</Version><Keywords>"
		  "0x8020000000000000</Keywords><EventRecordID>9</EventRecordID><Execution "
		  "ThreadID='4'/></System><EventData><Data>x</Data><Data Name='A'>1</Data><Data "
		  "Name='B'>1</Data><Data Name='B'/></EventData></Event>"),
	    &src);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (slice_find(buf_view(&out), slice_str(wanted[i])) < 0)
			fail_msg("no %s in %s", wanted[i], buf_cstr(&out));
}

/* A good event after each bad one: what a broken event leaves behind in the parser harms nobody. */
static void after_each_other(void **state)
{
	struct norm_source src = source();
	const struct row good = { DATA("<Data Name='A'>1</Data>"),
				  { GOOD, "winlog.event_data.A=1", "winlog.channel=C" } };

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct slice line = slice_str(hostile[i].line);

		for (; line.n > 0; line.n--) {
			run(NORM_WINXML, line, &src);
			if (line.n % 16 == 0) {
				run(NORM_WINXML, slice_str(good.line), &src);
				check(&good);
			}
		}
	}
}

static void repeat(struct buf *b, const char *text, unsigned n)
{
	while (n-- > 0)
		buf_str(b, text);
}

/* Within the bound, and one past it. */
static void bounds(void **state)
{
	static const struct {
		const char *before, *again, *after;
		unsigned most;
		const char *why;
	} rows[] = {
		{ "<Event><UserData>", "<a>", "", WINXML_DEPTH_MAX - 3, "deeper" },
		{ "<Event>", "<a/>", "</Event>", WINXML_ELEMENTS_MAX - 1, "more elements" },
	};
	struct norm_source src = source();
	struct buf b = { 0 };
	const char *wanted;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned more = 0; more < 2; more++) {
			buf_reset(&b);
			buf_str(&b, rows[i].before);
			repeat(&b, rows[i].again, rows[i].most + more);
			buf_str(&b, rows[i].after);
			run(NORM_WINXML, buf_view(&b), &src);
			field(SLICE("error.message"), &got);
			wanted = strstr(buf_cstr(&got), rows[i].why);
			assert_int_equal(wanted != NULL, more);
		}
	}
	buf_reset(&b);
	buf_str(&b, "<Event ");
	for (unsigned i = 0; i <= WINXML_ATTRIBUTES_MAX; i++)
		buf_printf(&b, "a%u='' ", i);
	buf_str(&b, "/>");
	run(NORM_WINXML, buf_view(&b), &src);
	assert_true(field(SLICE("error.message"), &got));
	assert_non_null(strstr(buf_cstr(&got), "attributes"));
	buf_release(&b);
}

/* The longest names that fit: the event is still one that the collector's reader takes. */
static void long_names(void **state)
{
	struct norm_source src = source();
	struct buf b = { 0 };

	buf_str(&b, "<Event><UserData><X>");
	for (unsigned i = 0; i < WINXML_VALUES_MAX; i++) {
		buf_printf(&b, "<E%u", i);
		repeat(&b, "n", 1000);
		buf_str(&b, " a");
		repeat(&b, "m", 1000);
		buf_str(&b, "='x'/>");
	}
	buf_str(&b, "</X></UserData></Event>");
	run(NORM_WINXML, buf_view(&b), &src);
	assert_int_equal(ix.n > WINXML_VALUES_MAX, true);
	assert_false(field(SLICE("error.message"), &got));
	buf_release(&b);
}

/* More values than an event holds: those are counted, and the record is kept. */
static void many_values(void **state)
{
	struct norm_source src = source();
	struct buf b = { 0 };

	buf_str(&b, "<Event><EventData>");
	for (unsigned i = 0; i < 1000; i++)
		buf_printf(&b, "<Data Name='n%u'>%u</Data>", i, i);
	buf_str(&b, "</EventData></Event>");
	run(NORM_WINXML, buf_view(&b), &src);
	assert_true(field(SLICE("vartio.fields_dropped"), &got));
	assert_string_equal(buf_cstr(&got), "800");
	assert_true(field(SLICE("winlog.event_data.n199"), &got));
	assert_true(field(SLICE("event.original"), &got));
	assert_true(slice_eq(buf_view(&got), buf_view(&b)));
	assert_true(field(SLICE("host.name"), &got));
	buf_release(&b);
}

static int tests_of_events(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_system_part), cmocka_unit_test(test_event_data),
		cmocka_unit_test(test_other_parts), cmocka_unit_test(test_around),
		cmocka_unit_test(test_hostile),     cmocka_unit_test(recognised),
		cmocka_unit_test(shapes),           cmocka_unit_test(after_each_other),
		cmocka_unit_test(bounds),           cmocka_unit_test(many_values),
		cmocka_unit_test(long_names),
	};

	return RUN_TESTS(tests);
}

int main(void)
{
	return kit_run(tests_of_events);
}

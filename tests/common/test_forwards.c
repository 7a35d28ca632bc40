/* SPDX-License-Identifier: EUPL-1.2 */
/* Windows events that other forwarders send: each becomes what the same event as XML becomes. */
#include "tests/common/normalise_kit.h"

#define NX_HEAD                                                                                    \
	"\"Hostname\":\"dc1.mallila.example\",\"SourceName\":\"Microsoft-Windows-Security-"        \
	"Auditing\","                                                                              \
	"\"Channel\":\"Security\""
#define NX(rest) "{" NX_HEAD "," rest "}"
#define NX_TIME  "\"EventTime\":\"2026-11-23T09:59:58.123456+02:00\""
#define NX_SYSMON(id)                                                                              \
	"{\"EventID\":" id ",\"SourceName\":\"Microsoft-Windows-Sysmon\",\"RecordNumber\":7"

static const struct row nxlog[] = {
	/* Today's names. */
	{ NX(NX_TIME ",\"Keywords\":\"9232379236109516800\",\"EventType\":\"AUDIT_SUCCESS\","
		     "\"SeverityValue\":2,\"Severity\":\"INFO\",\"EventID\":4624,\"ProviderGuid\":"
		     "\"54849625-5478-4994-A5BA-3E3B0328C30D\",\"Version\":2,\"TaskValue\":12544,"
		     "\"OpcodeValue\":0,\"RecordNumber\":91958,\"ExecutionProcessID\":660,"
		     "\"ExecutionThreadID\":3300,\"Category\":\"Logon\",\"Opcode\":\"Info\","
		     "\"TargetUserName\":\"maija\",\"TargetDomainName\":\"MALLILA\","
		     "\"LogonType\":\"10\",\"IpAddress\":\"::ffff:192.0.2.7\",\"IpPort\":\"50123\","
		     "\"EventReceivedTime\":\"2026-11-23T10:00:00+02:00\","
		     "\"SourceModuleName\":\"in\",\"SourceModuleType\":\"im_msvistalog\""),
	  { "@timestamp=2026-11-23T07:59:58.123456Z", "event.code=4624", "winlog.event_id=4624",
	    "event.action=logged-in", "event.category=authentication", "event.outcome=success",
	    "user.name=maija", "source.ip=192.0.2.7", "winlog.logon.type=RemoteInteractive",
	    "host.name=dc1.mallila.example",
	    "winlog.provider_guid={54849625-5478-4994-A5BA-"
	    "3E3B0328C30D}",
	    "winlog.process.pid=660", "winlog.record_id=91958", "winlog.task=Logon",
	    "vartio.winlog.keywords=0x8020000000000000" } },
	{ NX(NX_TIME ",\"EventID\":4624,\"EventType\":\"AUDIT_SUCCESS\",\"SeverityValue\":2,"
		     "\"ExecutionThreadID\":3300,\"TaskValue\":12544,\"SourceModuleName\":\"in\","
		     "\"Message\":\"One.\\r\\n\\r\\nTwo\\r\\n\",\"TargetUserName\":\"maija\""),
	  { "event.outcome=success", "log.level=information", "nxlog.EventType=AUDIT_SUCCESS",
	    "nxlog.SeverityValue=2", "nxlog.SourceModuleName=in", "message=One.\n\nTwo",
	    "winlog.process.thread.id=3300", "vartio.winlog.task=12544",
	    "winlog.computer_name=dc1.mallila.example", "winlog.channel=Security",
	    "winlog.event_data.TargetUserName=maija", "!winlog.event_data.Message", "!Channel",
	    "!event.timezone", "!nxlog.Hostname" } },
	/* The names of before. */
	{ NX("\"EventTime\":\"2026-11-23 09:59:58\",\"Keywords\":-9218868437227405312,"
	     "\"EventType\":\"AUDIT_FAILURE\",\"EventID\":\"4625\",\"Task\":12544,"
	     "\"ProcessID\":660,\"ThreadID\":908,\"TargetUserName\":\"pekka\","
	     "\"SubStatus\":\"0xc0000064\",\"ProcessName\":\"-\",\"IpAddress\":\"-\""),
	  { "@timestamp=2026-11-23T07:59:58.000Z", "event.timezone=+02:00",
	    "event.action=logon-failed", "event.outcome=failure", "winlog.process.pid=660",
	    "winlog.process.thread.id=908", "winlog.keywords=Audit Failure",
	    "vartio.winlog.keywords=0x8010000000000000", "vartio.winlog.task=12544",
	    "winlog.logon.failure.sub_status=User logon with misspelled or bad user account",
	    "!process.name", "!source", "winlog.event_data.IpAddress=-",
	    "winlog.event_data.ProcessName=-" } },
	/* Version 6. */
	{ NX(NX_TIME ",\"EventID\":4688,\"Keywords\":\"0x8020000000000000\",\"Level\":0,"
		     "\"ProviderGuid\":null,\"Opcode\":0,\"Task\":\"Process Creation\","
		     "\"NewProcessName\":\"C:\\\\W\\\\a.exe\",\"NewProcessId\":\"0x10\""),
	  { "event.action=created-process", "log.level=information", "winlog.opcode=Info",
	    "winlog.task=Process Creation", "!winlog.provider_guid", "process.pid=16",
	    "process.executable=C:\\W\\a.exe", "process.name=a.exe", "event.outcome=success",
	    "winlog.event_data.NewProcessName=C:\\W\\a.exe" } },
	/* A name of the System part that EventData has too. */
	{ NX(NX_TIME ",\"EventID\":5156,\"ExecutionProcessID\":4,\"ProcessID\":\"1552\","
		     "\"Application\":\"\\\\device\\\\x.exe\""),
	  { "winlog.process.pid=4", "winlog.event_data.ProcessID=1552", "process.pid=1552" } },
	{ NX_SYSMON("13") ",\"EventType\":\"SetValue\",\"TargetObject\":\"HKLM\\\\A\\\\B\","
			  "\"Details\":\"x\"}",
	  { "winlog.event_data.EventType=SetValue", "registry.path=HKLM\\A\\B", "!event.outcome",
	    "event.module=sysmon", "!nxlog.EventType", "host.name=ownhost" } },
	/* Who logged it. */
	{ NX_SYSMON("22") ",\"Domain\":\"NT AUTHORITY\",\"AccountName\":\"SYSTEM\","
			  "\"UserID\":\"S-1-5-18\",\"AccountType\":\"User\","
			  "\"QueryName\":\"a.example\",\"EventType\":\"WARNING\"}",
	  { "winlog.user.name=SYSTEM", "winlog.user.domain=NT AUTHORITY", "winlog.user.type=User",
	    "winlog.user.identifier=S-1-5-18", "dns.question.name=a.example", "log.level=warning",
	    "!user.name", "!winlog.event_data.Domain" } },
	{ NX_SYSMON("1") ",\"UserID\":\"S-1-5-18\"}", { "winlog.user.name=SYSTEM" } },
	/* A blank in a name: NXLog writes a bar. */
	{ "{\"EventID\":1116,\"SourceName\":\"Microsoft-Windows-Windows "
	  "Defender\",\"RecordNumber\":"
	  "1,\"Threat_Name\":\"Virus:DOS/EICAR\",\"Path\":\"file:_C:\\\\e.com\"}",
	  { "winlog.event_data.ThreatName=Virus:DOS/EICAR", "file.path=C:\\e.com",
	    "rule.name=Virus:DOS/EICAR" } },
	{ NX(NX_TIME ",\"EventID\":1,\"some_name\":\"kept\",\"With blank\":true,\"n\":1.5,"
		     "\"list\":[\"a\",\"b\"],\"none\":null,\"EventData\":{\"In\":\"x\"},"
		     "\"UserData\":{\"In\":\"y\"},\"deep\":{\"er\":\"z\"}"),
	  { "winlog.event_data.some_name=kept", "winlog.event_data.Withblank=true",
	    "winlog.event_data.n=1.5", "winlog.event_data.list=a,b", "winlog.event_data.In=x",
	    "winlog.user_data.In=y", "winlog.event_data.deep.er=z", "!winlog.event_data.none" } },
	/* What is not as its name says is kept as data. */
	{ NX("\"EventTime\":\"yesterday\",\"EventID\":1,\"Keywords\":\"many\",\"Level\":\"Info\""),
	  { "@timestamp=2026-11-23T08:00:00.000Z", "winlog.event_data.EventTime=yesterday",
	    "winlog.event_data.Keywords=many", "winlog.event_data.Level=Info", "!vartio.winlog" } },
	{ NX("\"@timestamp\":\"2026-11-23T07:00:00Z\",\"EventTime\":\"2026-11-23 09:00:00\","
	     "\"EventID\":1"),
	  { "@timestamp=2026-11-23T07:00:00.000Z", "!event.timezone",
	    "winlog.event_data.EventTime=2026-11-23 09:00:00" } },
	/* As a message. */
	{ "<14>Nov 23 09:59:59 relay1 nxWinEvt[12]: " NX(NX_TIME ",\"EventID\":4634,"
								 "\"TargetUserName\":\"maija\""),
	  { "@timestamp=2026-11-23T07:59:58.123456Z", "event.action=logged-out",
	    "host.name=dc1.mallila.example", "!host.hostname", "log.syslog.hostname=relay1",
	    "log.syslog.appname=nxWinEvt", "log.syslog.procid=12", "!process", "!message",
	    "log.syslog.priority=14", "related.hosts=dc1.mallila.example", "!event.dataset",
	    "log.level=info" } },
	{ "<14>1 2026-11-23T07:59:59Z relay1 Microsoft-Windows-Security-Auditing 660 - - "
	  "\xef\xbb\xbf" NX("\"EventID\":4634"),
	  { "@timestamp=2026-11-23T07:59:59.000Z", "event.action=logged-out",
	    "log.syslog.version=1", "!process", "event.kind=event" } },
	/* What only looks like it. */
	{ "{\"EventID\":4624,\"Channel\":\"Security\",\"user\":{\"name\":\"x\"}}",
	  { "EventID=4624", "Channel=Security", "user.name=x", "!winlog" } },
	{ "{\"EventID\":{\"a\":1},\"SourceName\":\"x\",\"Channel\":\"y\"}",
	  { "EventID.a=1", "SourceName=x", "!winlog" } },
	{ "<14>Nov 23 09:59:59 relay1 app: {\"EventID\":1,\"SourceName\":\"x\"}",
	  { "message={\"EventID\":1,\"SourceName\":\"x\"}", "process.name=app", "!winlog" } },
	{ "<14>Nov 23 09:59:59 relay1 app: {\"EventID\":1,\"SourceName\":\"x\",\"Channel\":}",
	  { "message={\"EventID\":1,\"SourceName\":\"x\",\"Channel\":}", "process.name=app",
	    "!winlog", "event.kind=event" } },
};

static void test_nxlog(void **state)
{
	ROWS_PASS(NORM_AUTO, nxlog);
}

/* A syslog input that was told so gets an object without a header too. */
static void bare_object(void **state)
{
	static const struct row rows[] = {
		{ NX("\"EventID\":4634"), { "event.action=logged-out", "event.kind=event" } },
		{ "{\"a\":1}", { "message={\"a\":1}", "event.kind=pipeline_error" } },
	};

	ROWS_PASS(NORM_SYSLOG, rows);
}

/* More values than an event holds: they are in the original, and told. */
static void many_values(void **state)
{
	struct norm_source src = source();
	struct buf b = { 0 };

	buf_str(&b, "{" NX_HEAD);
	for (unsigned i = 0; i < 300; i++)
		buf_printf(&b, ",\"v%u\":\"%u\"", i, i);
	buf_str(&b, ",\"EventID\":4634}");
	run(NORM_AUTO, buf_view(&b), &src);
	assert_true(field(SLICE("event.original"), &got));
	assert_true(slice_eq(buf_view(&got), buf_view(&b)));
	assert_true(field(SLICE("vartio.fields_dropped"), &got));
	assert_string_equal(buf_cstr(&got), "100");
	assert_true(field(SLICE("event.action"), &got));
	buf_release(&b);
}

static int tests_of_forwards(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nxlog),
		cmocka_unit_test(bare_object),
		cmocka_unit_test(many_values),
	};

	return RUN_TESTS(tests);
}

int main(void)
{
	zone_s = 7200;
	return kit_run(tests_of_forwards);
}

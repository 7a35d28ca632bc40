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

#define SN_LINE "<14>Nov 23 10:00:01 srv1 "
/* Mark, criticality, log, counter, time, id, source, user, its kind. */
#define SN_ID(t, id, source, user)                                                                 \
	"MSWinEventLog" t "1" t "Security" t "1167" t                                              \
	"Mon Nov 23 09:59:58 2026" t id t source t user t
#define AUDIT "Microsoft-Windows-Security-Auditing"
#define SN(id, msg)                                                                                \
	SN_LINE SN_ID("\t", id, AUDIT,                                                             \
		      "N/A\tN/A\tSuccess Audit\tdc1.mallila.example\tLogon\t") "\t" msg "\t733"
#define SN_FAIL(id, msg)                                                                           \
	SN_LINE SN_ID("\t", id, AUDIT, "N/A\tN/A\tFailure Audit\tdc1\tLogon\t") "\t" msg "\t733"
#define SN_SUBJECT                                                                                 \
	"    Subject:   Security ID:  S-1-5-21-1-2-3-1104   Account Name:  maija   "               \
	"Account Domain:  MALLILA   Logon ID:  0x3e7"
#define BY_MAIJA "user.name=maija", "user.domain=MALLILA", "user.id=S-1-5-21-1-2-3-1104"

static const struct row snare[] = {
	{ SN("4624",
	     "An account was successfully logged on." SN_SUBJECT
	     "    Logon Type:   10    New Logon:   Security ID:  S-1-5-21-1-2-3-1105   "
	     "Account Name:  pekka m   Account Domain:  MALLILA   Logon ID:  0xabc   "
	     "Logon GUID:  {00000000-0000-0000-0000-000000000000}    Process Information:  "
	     " Process ID:  0x3f4   Process Name:  C:\\a b\\c.exe    Network Information:   "
	     "Workstation Name: PC7   Source Network Address: 192.0.2.7   Source Port:  50123"
	     "    Detailed Authentication Information:   Logon Process:  User32    "
	     "Authentication Package: Negotiate   Transited Services: -   "
	     "Package Name (NTLM only): -   Key Length:  0    This event is generated when "
	     "a logon session is created."),
	  { "@timestamp=2026-11-23T07:59:58.000Z", "event.timezone=+02:00", "event.code=4624",
	    "event.action=logged-in", "event.outcome=success", "host.name=dc1.mallila.example",
	    "user.name=pekka m", "user.id=S-1-5-21-1-2-3-1105", "related.user=maija,pekka m",
	    "source.ip=192.0.2.7", "source.port=50123", "source.domain=PC7",
	    "winlog.logon.type=RemoteInteractive", "process.executable=C:\\a b\\c.exe",
	    "winlog.event_data.KeyLength=0", "log.syslog.hostname=srv1" } },
	{ SN("4624", "x"),
	  { "winlog.event_id=4624", "winlog.channel=Security", "winlog.provider_name=" AUDIT,
	    "event.provider=" AUDIT, "winlog.computer_name=dc1.mallila.example",
	    "winlog.task=Logon", "message=x", "snare.criticality=1", "snare.counter=1167",
	    "snare.log_counter=733", "winlog.keywords=Audit Success", "log.level=information",
	    "!winlog.user", "!host.hostname", "!process", "event.kind=event" } },
	{ SN_FAIL("4625",
		  "An account failed to log on.    Subject:   Security ID:  S-1-0-0   Account "
		  "Name:  -   Account Domain:  -   Logon ID:  0x0    Logon Type:   3    Account "
		  "For Which Logon Failed:   Security ID:  S-1-0-0   Account Name:  pekka   "
		  "Account Domain:      Failure Information:   Failure Reason:  Unknown user name "
		  "or bad password.   Status:   0xC000006D   Sub Status:  0xC0000064    Process "
		  "Information:   Caller Process ID: 0x0   Caller Process Name: -    Network "
		  "Information:   Workstation Name: PC7   Source Network Address: -   Source Port: "
		  " -"),
	  { "event.action=logon-failed", "event.outcome=failure", "user.name=pekka", "!user.domain",
	    "winlog.keywords=Audit Failure", "!source.ip", "!source.port", "source.domain=PC7",
	    "winlog.logon.failure.reason=Unknown user name or bad password.",
	    "winlog.logon.failure.sub_status=User logon with misspelled or bad user account",
	    "!winlog.event_data.TargetDomainName" } },
	{ SN("4688",
	     "Process Information:   New Process Name: C:\\W\\x.exe   Process Command Line: "
	     "x.exe Process ID: 7 New Process Name: C:\\y"),
	  { "process.command_line=x.exe Process ID: 7 New Process Name: C:\\y",
	    "process.name=x.exe" } },
	{ SN_LINE
	  "MSWinEventLog#0111#011Security#0117#011Mon Nov 23 09:59:58 2026#0114625#011" AUDIT
	  "#011N/A#011N/A#011Failure Audit#011dc1#011Logon#011#011Failed.#011Account For "
	  "Which Logon Failed:#011#011Account Name:#011#011pekka m#011Account Domain:#011#011"
	  "MALLILA#01112",
	  { "message=Failed.\tAccount For Which Logon Failed:\t\tAccount Name:\t\tpekka "
	    "m\tAccount Domain:\t\tMALLILA",
	    "user.name=pekka m", "user.domain=MALLILA", "snare.log_counter=12" } },
	/* A name that looks like a line: what Windows found out stands behind it. */
	{ SN_FAIL("4625",
		  "Account For Which Logon Failed:   Account Name:  x   Source Network Address: "
		  "203.0.113.9   y    Network Information:   Source Network Address: 192.0.2.7"),
	  { "source.ip=192.0.2.7" } },
	{ SN("4634", "An account was logged off." SN_SUBJECT "    Logon Type:   2    This event is "
		     "generated when a logon session is destroyed."),
	  { "event.action=logged-out", BY_MAIJA, "winlog.logon.id=0x3e7",
	    "winlog.logon.type=Interactive" } },
	{ SN("4688",
	     "A new process has been created.    Creator Subject:   Security ID:  "
	     "S-1-5-21-1-2-3-1104   Account Name:  maija   Account Domain:  MALLILA   Logon ID:  "
	     "0x3e7    Target Subject:   Security ID:  S-1-0-0   Account Name:  -   Account "
	     "Domain:  -   Logon ID:  0x0    Process Information:   New Process ID:  0x20   New "
	     "Process Name: C:\\W\\cmd.exe   Token Elevation Type: %%1936   Mandatory Label:  "
	     "S-1-16-8192   Creator Process ID: 0x10   Creator Process Name: C:\\W\\a.exe   "
	     "Process Command Line: cmd  /c \"echo a:b\"    Token Elevation Type indicates the "
	     "type of token that was assigned."),
	  { "event.action=created-process", BY_MAIJA, "process.pid=32",
	    "process.executable=C:\\W\\cmd.exe", "process.parent.pid=16",
	    "process.parent.name=a.exe", "process.command_line=cmd  /c \"echo a:b\"",
	    "winlog.event_data.TokenElevationType=%%1936" } },
	{ SN("4720", "A user account was created." SN_SUBJECT
		     "    New Account:   Security ID:  S-1-5-21-1-2-3-1200   Account Name:  uusi   "
		     "Account Domain:  MALLILA    Attributes:   SAM Account Name: uusi"),
	  { "event.action=added-user-account", BY_MAIJA, "user.target.name=uusi",
	    "user.target.id=S-1-5-21-1-2-3-1200", "winlog.event_data.SamAccountName=uusi" } },
	{ SN("4732", "A member was added." SN_SUBJECT
		     "    Member:   Security ID:  S-1-5-21-1-2-3-1105   Account Name:  CN=Pekka M,"
		     "OU=x    Group:   Security ID:  S-1-5-32-544   Group Name:  Administrators   "
		     "Group Domain:  Builtin    Additional Information:   Privileges:  -"),
	  { "event.action=added-member-to-group", BY_MAIJA, "group.name=Administrators",
	    "group.id=S-1-5-32-544", "user.target.name=Pekka M",
	    "user.target.id=S-1-5-21-1-2-3-1105", "group.domain=Builtin" } },
	{ SN("4740",
	     "A user account was locked out." SN_SUBJECT
	     "    Account That Was Locked Out:   Security ID:  S-1-5-21-1-2-3-1105   Account "
	     "Name:  pekka    Additional Information:   Caller Computer Name: PC7"),
	  { "event.action=locked-out-user-account", "user.target.name=pekka",
	    "source.domain=PC7" } },
	{ SN_FAIL("4768",
		  "Account Information:   Account Name:  pekka   Supplied Realm Name: "
		  "MALLILA   User ID:   S-1-0-0    Service Information:   Service Name:  "
		  "krbtgt   Service ID:  S-1-0-0    Network Information:   Client Address:  "
		  "::ffff:192.0.2.8   Client Port:  49152    Additional Information:   "
		  "Ticket Options:  0x40810010   Result Code:  0x6   Ticket Encryption "
		  "Type: 0x12   Pre-Authentication Type: -"),
	  { "user.name=pekka", "user.domain=MALLILA", "service.name=krbtgt", "source.ip=192.0.2.8",
	    "source.port=49152", "winlog.event_data.Status=0x6", "event.outcome=failure",
	    "winlog.event_data.StatusDescription=KDC_ERR_C_PRINCIPAL_UNKNOWN" } },
	{ SN_FAIL("4776", "Authentication Package: MICROSOFT_AUTHENTICATION_PACKAGE_V1_0  Logon "
			  "Account: pekka  Source Workstation: PC7  Error Code: 0xC0000064"),
	  { "event.action=credential-validated", "user.name=pekka",
	    "winlog.event_data.Workstation=PC7", "winlog.event_data.Status=0xC0000064",
	    "winlog.event_data.PackageName=MICROSOFT_AUTHENTICATION_PACKAGE_V1_0" } },
	{ SN("5140",
	     "A network share object was accessed." SN_SUBJECT
	     "    Network Information:   Object Type:  File   Source Address:  192.0.2.7   "
	     "Source Port:  50123    Share Information:   Share Name:  \\\\*\\ADMIN$   Share "
	     "Path:  \\??\\C:\\Windows    Access Request Information:   Access Mask:  0x1"),
	  { "source.ip=192.0.2.7", "winlog.event_data.ShareName=\\\\*\\ADMIN$",
	    "winlog.event_data.AccessMask=0x1", BY_MAIJA } },
	/* Sysmon and services. */
	{ SN_LINE SN_ID(
		  "\t", "1", "Microsoft-Windows-Sysmon",
		  "NT AUTHORITY\\SYSTEM\tUser\tInformation\tpc7\tProcess Create\t") "\t"
										    "Process "
										    "Create:  "
										    "RuleName: -  "
										    "ProcessGuid: "
										    "{1}  "
										    "ProcessId: 12 "
										    " Image: C:\\a "
										    "b\\c.exe  "
										    "CommandLine: "
										    "c.exe  /x  "
										    "CurrentDirecto"
										    "ry: C:\\  "
										    "User: "
										    "MALLILA\\maija"
										    "  Hashes: "
										    "MD5=0A1b  "
										    "ParentImage: "
										    "C:\\W\\p."
										    "exe\t9",
	  { "event.module=sysmon", "process.pid=12", "process.executable=C:\\a b\\c.exe",
	    "process.command_line=c.exe  /x", "user.name=maija", "process.hash.md5=0a1b",
	    "process.parent.executable=C:\\W\\p.exe", "winlog.user.domain=NT AUTHORITY",
	    "winlog.user.type=User", "process.entity_id={1}" } },
	{ SN_LINE SN_ID(
		  " ", "7045", "Service Control Manager",
		  "NT AUTHORITY\\SYSTEM User Information srv1.mallila.example") "None  A service "
										"was installed in "
										"the system.  "
										"Service Name:  ev "
										"il  Service File "
										"Name:  "
										"C:\\e v\\x.exe -k "
										" Service Type:  "
										"user mode service "
										" Service Start "
										"Type:  demand "
										"start  "
										"Service Account:  "
										"LocalSystem 733",
	  { "event.action=service-installed", "service.name=ev il", "winlog.user.name=SYSTEM",
	    "winlog.event_data.ImagePath=C:\\e v\\x.exe -k", "winlog.task=None",
	    "winlog.event_data.AccountName=LocalSystem", "user.name=SYSTEM",
	    "winlog.provider_name=Service Control Manager", "host.name=srv1.mallila.example",
	    "winlog.event_data.StartType=demand start" } },
};

/* The same record, as it may arrive. */
#define SN_SAME(t)                                                                                 \
	SN_ID(t, "4634", AUDIT, "N/A" t "N/A" t "Success Audit" t "dc1" t "Logoff" t)              \
	t "Logged off.    Subject:   Account Name:  maija    Logon Type:   3" t "733"
#define SAME                                                                                       \
	"event.action=logged-out", "user.name=maija", "winlog.logon.type=Network",                 \
		"winlog.computer_name=dc1", "winlog.task=Logoff", "winlog.channel=Security",       \
		"@timestamp=2026-11-23T07:59:58.000Z", "event.outcome=success"
static const struct row snare_ways[] = {
	{ SN_LINE SN_SAME("\t"), { SAME, "snare.log_counter=733", "host.name=dc1" } },
	{ SN_LINE SN_SAME("#011"), { SAME, "snare.log_counter=733" } },
	{ SN_LINE SN_SAME("\\011"), { SAME, "snare.log_counter=733" } },
	{ SN_LINE SN_SAME("\\t"), { SAME, "snare.log_counter=733" } },
	{ SN_LINE SN_SAME(" "), { SAME, "!snare.log_counter" } },
	{ "srv1\t" SN_SAME("\t"), { SAME, "!log.syslog" } },
	{ SN_SAME("\t"), { SAME, "!log.syslog" } },
	{ "<14>" SN_SAME("\t"), { SAME, "!log.syslog.hostname" } },
	{ "<14>1 2026-11-23T08:00:01Z srv1 MSWinEventLog - - - 1\tSecurity\t1167\tMon Nov 23 "
	  "09:59:58 2026\t4634\t" AUDIT "\tN/A\tN/A\tSuccess Audit\tdc1\tLogoff\t\tSubject:   "
	  "Account Name:  maija    Logon Type:   3",
	  { SAME, "log.syslog.hostname=srv1", "!process" } },
	{ "<14>1 2026-11-23T08:00:01Z srv1 relay - - - " SN_SAME("\t"), { SAME } },
	/* A blank behind the mark, tabs behind that; an odd name before it. */
	{ "<175>Nov 23 10:00:01 #001 MSWinEventLog 0#011Security#01119023582#011Mon Nov 23 "
	  "09:59:58 "
	  "2026#011592#011Security#011rgabcde#011User#011Success Audit#011XSXSXSN01#011Detailed "
	  "Tracking#011#0112572#01119013885",
	  { "event.code=592", "host.name=XSXSXSN01", "winlog.user.name=rgabcde", "message=2572",
	    "snare.log_counter=19013885", "winlog.task=Detailed Tracking" } },
	/* Blanks, made single. */
	{ SN_LINE SN_ID(
		  " ", "4625", AUDIT,
		  "N/A N/A Failure Audit dc1") "Logon Account For Which Logon Failed: Security ID: "
					       "S-1-0-0 Account Name: pekka Account "
					       "Domain: MALLILA Network Information: Source "
					       "Network Address: 192.0.2.7 Source Port: 5 733",
	  { "event.action=logon-failed", "user.name=pekka", "source.ip=192.0.2.7", "source.port=5",
	    "user.domain=MALLILA", "winlog.computer_name=dc1", "event.outcome=failure" } },
	{ SN_LINE "MSWinEventLog 1 Windows PowerShell 12 Mon Nov 23 09:59:58 2026 400 PowerShell "
		  "MALLILA\\maija Well Known Group Information dc1 Engine Lifecycle  Engine state.",
	  { "winlog.channel=Windows PowerShell", "winlog.provider_name=PowerShell",
	    "winlog.user.name=maija", "winlog.user.domain=MALLILA", "snare.counter=12",
	    "winlog.user.type=Well Known Group", "winlog.task=Engine Lifecycle",
	    "message=Engine state." } },
	/* No year; a checksum, settings and counters at the end; a text in another language. */
	{ SN_LINE
	  "MSWinEventLog\t1\tSecurity\t7\tMon Nov 23 09:59:58.250\t4625\t" AUDIT
	  "\tMALLILA\\pekka\tUser\tFailure Audit\tdc1\tKirjautuminen\t\tTilin kirjautuminen "
	  "ep\xc3\xa4onnistui.\t12\tEventSourceId=AU_1\t0123456789abcdef0123456789ABCDEF",
	  { "@timestamp=2026-11-23T07:59:58.250Z", "event.action=logon-failed", "user.name=pekka",
	    "user.domain=MALLILA", "message=Tilin kirjautuminen ep\xc3\xa4onnistui.",
	    "snare.log_counter=12", "related.user=pekka" } },
	/* Cut on the way. */
	{ SN_LINE SN_ID("\t", "4624", AUDIT, "N/A\tN/A\tSuccess Audit\tdc1"),
	  { "event.code=4624", "event.action=logged-in", "host.name=dc1", "!message" } },
	{ SN_LINE "MSWinEventLog\t1\tSecurity\t7\tyesterday\t4624",
	  { "event.code=4624", "@timestamp=2026-11-23T08:00:01.000Z", "host.name=srv1" } },
	/* What is none. */
	{ SN_LINE "MSWinEventLog\t1\tSecurity\t7\tMon Nov 23 09:59:58 2026\tnone",
	  { "!event.code", "message", "!winlog" } },
	{ SN_LINE "app: a record MSWinEventLog\t1\tSecurity\t7\tx\t4624",
	  { "!event.code", "!winlog", "process.name=app" } },
	{ SN_LINE "app: MSWinEventLog is 1", { "!winlog", "message=MSWinEventLog is 1" } },
	{ SN_LINE "app: MSWinEventLog 1 2 3 4", { "!winlog", "message=MSWinEventLog 1 2 3 4" } },
};

static void test_snare(void **state)
{
	ROWS_PASS(NORM_SYSLOG, snare);
	ROWS_PASS(NORM_AUTO, snare);
}

static void test_snare_ways(void **state)
{
	ROWS_PASS(NORM_AUTO, snare_ways);
}

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
		cmocka_unit_test(test_nxlog),      cmocka_unit_test(bare_object),
		cmocka_unit_test(many_values),     cmocka_unit_test(test_snare),
		cmocka_unit_test(test_snare_ways),
	};

	return RUN_TESTS(tests);
}

int main(void)
{
	zone_s = 7200;
	return kit_run(tests_of_forwards);
}

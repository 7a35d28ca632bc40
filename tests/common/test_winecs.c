/* SPDX-License-Identifier: EUPL-1.2 */
/* What Windows events mean: an event's data, and the ECS fields that come of it; as XML, and as a
 * document of Winlogbeat's. docs/fields.md, "What Windows events mean", is the page about it. */
#include "tests/common/normalise_kit.h"

#include "common/normalise/winecs_inside.h"

#define EV(provider, id, rest)                                                                     \
	"<Event><System><Provider Name=\"" provider "\"/><EventID>" id "</EventID>"                \
	"<Computer>dc1.mallila.example</Computer></System>" rest "</Event>"
#define D(name, value)        "<Data Name=\"" name "\">" value "</Data>"
#define DATA(provider, id, d) EV(provider, id, "<EventData>" d "</EventData>")
#define USER(provider, id, d) EV(provider, id, "<UserData><X>" d "</X></UserData>")
#define SECURITY(id, d)       DATA("Microsoft-Windows-Security-Auditing", id, d)
#define SYSMON(id, d)         DATA("Microsoft-Windows-Sysmon", id, d)
#define SUBJECT                                                                                    \
	D("SubjectUserSid", "S-1-5-21-1-2-3-1104")                                                 \
	D("SubjectUserName", "maija")                                                              \
	D("SubjectDomainName", "MALLILA")                                                          \
	D("SubjectLogonId", "0x3e"                                                                 \
			    "7")
#define IS(category, type, action)                                                                 \
	"event.category=" category, "event.type=" type, "event.action=" action
#define BY_MAIJA "user.name=maija", "user.domain=MALLILA", "user.id=S-1-5-21-1-2-3-1104"

static const struct row logons[] = {
	{ SECURITY("4624",
		   SUBJECT D("TargetUserSid", "S-1-5-21-1-2-3-1105") D("TargetUserName", "pekka") D(
			   "TargetDomainName", "MALLILA") D("TargetLogonId", "0xabc")
			   D("LogonType", "10") D("WorkstationName", "PC7") D("ProcessId", "0x3f4")
				   D("ProcessName", "C:\\Windows\\System32\\svchost.exe")
					   D("IpAddress", "::ffff:192.0.2.7") D("IpPort", "50123")
						   D("ImpersonationLevel", "%%1833")
							   D("ElevatedToken", "%%1842")),
	  { IS("authentication", "start", "logged-in"), "event.outcome=success", "user.name=pekka",
	    "user.id=S-1-5-21-1-2-3-1105", "related.user=maija,pekka", "source.ip=192.0.2.7",
	    "source.port=50123", "source.domain=PC7", "process.pid=1012",
	    "process.name=svchost.exe", "winlog.logon.type=RemoteInteractive",
	    "winlog.logon.id=0xabc" } },
	{ SECURITY("4624", D("ImpersonationLevel", "%%1833") D("IpAddress", "-") D("IpPort", "-")
				   D("TargetUserName", "-") D("LogonType", "99")),
	  { "winlog.event_data.ImpersonationLevel=%%1833",
	    "winlog.event_data.ImpersonationLevelDescription=Impersonation", "!source",
	    "!user.name", "!winlog.logon.type", "!event.dataset", "event.module=security" } },
	{ SECURITY("4625", D("SubjectUserName", "-") D("TargetUserSid", "S-1-0-0")
				   D("TargetUserName", "pekka") D("TargetDomainName", "")
					   D("Status", "0xc000006d") D("FailureReason", "%%2313") D(
						   "SubStatus", "0xC0000064") D("LogonType", "3")
						   D("IpAddress", "LOCAL") D("IpPort", "0")),
	  { IS("authentication", "start", "logon-failed"), "event.outcome=failure",
	    "user.name=pekka", "!user.domain", "winlog.logon.type=Network",
	    "winlog.logon.failure.reason=Unknown user name or bad password.",
	    "winlog.logon.failure.status=This is either due to a bad username or authentication "
	    "information",
	    "winlog.logon.failure.sub_status=User logon with misspelled or bad user account",
	    "!source.ip", "source.address=LOCAL", "!source.port",
	    "winlog.event_data.Status=0xc000006d" } },
	{ SECURITY("4648", SUBJECT D("TargetUserName", "admin@mallila.example")
				   D("TargetDomainName", "MALLILA") D("ProcessId", "0x10")),
	  { IS("authentication", "start", "logged-in-explicit"), BY_MAIJA,
	    "user.effective.name=admin", "user.effective.domain=MALLILA",
	    "related.user=maija,admin", "process.pid=16", "winlog.logon.id=0x3e7" } },
	{ SECURITY("4634",
		   D("TargetUserName", "pekka") D("TargetLogonId", "0xabc") D("LogonType", "2")),
	  { IS("authentication", "end", "logged-out"), "user.name=pekka", "winlog.logon.id=0xabc",
	    "winlog.logon.type=Interactive" } },
	{ SECURITY("4672", SUBJECT D("PrivilegeList", "SeDebugPrivilege\n\t\t\tSeTcbPrivilege")),
	  { IS("iam", "admin", "logged-in-special"), BY_MAIJA,
	    "winlog.event_data.PrivilegeListDescription=SeDebugPrivilege,SeTcbPrivilege",
	    "winlog.event_data.PrivilegeList=SeDebugPrivilege\n\t\t\tSeTcbPrivilege" } },
	{ SECURITY("4768", D("TargetUserName", "pekka") D("TargetDomainName", "MALLILA.EXAMPLE")
				   D("ServiceName", "krbtgt") D("TicketOptions", "0x40810010") D(
					   "Status", "0x6") D("TicketEncryptionType", "0x12")
					   D("IpAddress", "::ffff:192.0.2.8") D("IpPort", "49152")),
	  { IS("authentication", "start", "kerberos-authentication-ticket-requested"),
	    "user.name=pekka", "user.domain=MALLILA.EXAMPLE", "service.name=krbtgt",
	    "winlog.event_data.TicketOptionsDescription=Forwardable,Renewable,Name-canonicalize,"
	    "Renewable-ok",
	    "winlog.event_data.StatusDescription=KDC_ERR_C_PRINCIPAL_UNKNOWN",
	    "winlog.event_data.TicketEncryptionTypeDescription=AES256-CTS-HMAC-SHA1-96",
	    "source.ip=192.0.2.8" } },
	{ SECURITY("4769", D("TargetUserName", "pekka@MALLILA.EXAMPLE")), { "user.name=pekka" } },
	{ SECURITY("4771", D("TargetUserName", "pekka") D("Status", "0x18")),
	  { "event.action=kerberos-preauth-failed", "event.outcome=failure",
	    "winlog.event_data.StatusDescription=KDC_ERR_PREAUTH_FAILED" } },
	{ SECURITY("4776",
		   D("TargetUserName", "pekka") D("Workstation", "PC7") D("Status", "0xc000006a")),
	  { "event.action=credential-validated", "source.domain=PC7",
	    "winlog.logon.failure.status=User logon with misspelled or bad password" } },
	{ SECURITY("4778", D("AccountName", "pekka") D("AccountDomain", "MALLILA")
				   D("ClientName", "PC7") D("ClientAddress", "192.0.2.9")),
	  { IS("authentication,session", "start", "session-reconnected"), "user.name=pekka",
	    "source.domain=PC7", "source.ip=192.0.2.9" } },
};

static const struct row accounts[] = {
	{ SECURITY("4720",
		   D("TargetUserName", "uusi") D("TargetDomainName", "MALLILA")
			   D("TargetSid", "S-1-5-21-1-2-3-1110") SUBJECT D("NewUacValue", "0x15")
				   D("UserAccountControl", "\n\t\t%%2080\n\t\t%%2082")),
	  { IS("iam", "user,creation", "added-user-account"), BY_MAIJA, "user.target.name=uusi",
	    "user.target.id=S-1-5-21-1-2-3-1110", "related.user=maija,uusi",
	    "winlog.event_data.NewUacValueDescription=ACCOUNTDISABLE,PASSWD_NOTREQD,"
	    "NORMAL_ACCOUNT",
	    "winlog.event_data.UserAccountControlDescription=Account Disabled,Password Not "
	    "Required - Enabled" } },
	{ SECURITY("4728",
		   D("MemberName", "CN=Virta\\, Pekka,OU=x,DC=mallila") D("MemberSid",
									  "S-1-5-21-1-2-3-1105")
			   D("TargetUserName", "Domain Admins") D("TargetDomainName", "MALLILA")
				   D("TargetSid", "S-1-5-21-1-2-3-512") SUBJECT),
	  { IS("iam", "group,change", "added-member-to-group"), BY_MAIJA,
	    "user.target.name=Virta\\, Pekka", "user.target.id=S-1-5-21-1-2-3-1105",
	    "group.name=Domain Admins", "group.id=S-1-5-21-1-2-3-512",
	    "user.target.group.name=Domain Admins" } },
	{ SECURITY("4732", D("MemberName", "-") D("MemberSid", "S-1-5-21-1-2-3-500")
				   D("TargetSid", "S-1-5-32-544")),
	  { "user.target.name=Administrator", "group.name=Administrators",
	    "group.domain=BUILTIN" } },
	{ SECURITY("4740", D("TargetUserName", "pekka") D("TargetDomainName", "PC7") SUBJECT),
	  { "event.action=locked-out-user-account", "user.target.name=pekka", "source.domain=PC7",
	    "!user.target.domain" } },
	{ SECURITY("4781", D("OldTargetUserName", "a") D("NewTargetUserName", "b") SUBJECT),
	  { "user.target.name=a", "user.changes.name=b", "related.user=maija,a,b" } },
	{ SECURITY("4704", SUBJECT D("TargetSid", "S-1-5-32-551") D("PrivilegeList", "SeX")),
	  { IS("iam,configuration", "admin,change", "user-right-assigned"),
	    "user.target.name=Backup Operators" } },
	{ USER("Microsoft-Windows-Eventlog", "1102",
	       "<SubjectUserName>maija</SubjectUserName>"
	       "<SubjectDomainName>MALLILA</SubjectDomainName>"),
	  { IS("iam", "admin,change", "audit-log-cleared"), "user.name=maija",
	    "winlog.user_data.SubjectUserName=maija" } },
};

static const struct row objects[] = {
	{ SECURITY("4688", SUBJECT D("NewProcessId", "0x1a4") D("NewProcessName",
								"C:\\Windows\\System32\\cmd.exe")
				   D("TokenElevationType", "%%1936") D("ProcessId", "0x10") D(
					   "CommandLine",
					   "cmd.exe /c &quot;dir C:\\a b&quot; x\\&quot;y \\\\z\\")
					   D("TargetUserName", "-") D("ParentProcessName",
								      "C:\\Windows\\explorer.exe")),
	  { IS("process", "start", "created-process"), BY_MAIJA, "process.pid=420", "!winlog.logon",
	    "process.executable=C:\\Windows\\System32\\cmd.exe", "process.name=cmd.exe",
	    "process.args=cmd.exe,/c,dir C:\\a b,x\"y,\\\\z\\", "process.args_count=5",
	    "process.parent.pid=16", "process.parent.name=explorer.exe", "!user.effective",
	    "winlog.event_data.TokenElevationTypeDescription=TokenElevationTypeDefault (1)" } },
	{ SECURITY("4697", SUBJECT D("ServiceName", "evil") D("ServiceType", "0x10")),
	  { IS("iam,configuration", "admin,change", "service-installed"), "service.name=evil",
	    "service.type=Win32 Own Process" } },
	{ SECURITY("5145", SUBJECT D("IpAddress", "192.0.2.1") D("IpPort", "5") D("ShareName",
										  "\\\\*\\SYSVOL")
				   D("ShareLocalPath", "\\??\\C:\\Windows\\SYSVOL\\sysvol")
					   D("RelativeTargetName", "a\\GPT.INI")
						   D("AccessList", "%%1541\n\t\t\t\t%%4416")),
	  { IS("network,file", "info,access", "network-share-object-access-checked"),
	    "file.path=C:\\Windows\\SYSVOL\\sysvol\\a\\GPT.INI", "file.name=GPT.INI",
	    "file.extension=INI", "file.directory=C:\\Windows\\SYSVOL\\sysvol\\a",
	    "file.target_path=\\\\*\\SYSVOL\\a\\GPT.INI",
	    "winlog.event_data.AccessListDescription=SYNCHRONIZE,ReadData (or ListDirectory)" } },
	{ SECURITY("5140", D("ShareName", "\\\\*\\C$") D("ShareLocalPath", "\\??\\C:\\")),
	  { "file.directory=C:", "!file.path", "!file.target_path" } },
	{ SECURITY("4662", D("AccessMask", "0x100")),
	  { "winlog.event_data.AccessMaskDescription=Control Access" } },
	{ SECURITY("4657", D("ObjectName", "\\REGISTRY\\MACHINE\\A") D("ObjectValueName", "V")),
	  { "registry.path=\\REGISTRY\\MACHINE\\A", "registry.value=V" } },
	{ SECURITY("5156", D("ProcessID", "4") D("SourceAddress", "192.0.2.1") D("SourcePort", "1")
				   D("DestAddress", "2001:db8::1") D("DestPort", "445")
					   D("Protocol", "6") D("Direction", "%%14593")),
	  { IS("network", "connection,allowed", "connection-permitted"), "network.transport=tcp",
	    "destination.ip=2001:db8::1", "destination.port=445", "process.pid=4",
	    "winlog.event_data.DirectionDescription=Outbound" } },
	{ SECURITY("4658", SUBJECT), { "!event.category", "!user", "!event.action" } },
	{ SECURITY("99999", SUBJECT), { "!event.category" } },
};

static const struct row sysmon[] = {
	{ SYSMON("1", D("RuleName", "-") D("ProcessGuid", "{1}") D("ProcessId", "12")
			      D("Image", "C:\\a\\b.exe") D("CommandLine", "&quot;b.exe&quot;  1 1")
				      D("User", "MALLILA\\pekka")
					      D("Hashes", "MD5=AB,SHA1=0000,SHA256=CD,IMPHASH=EF")
						      D("ParentUser", "NT AUTHORITY\\SYSTEM")),
	  { IS("process", "start", "Process creation"), "!rule.name", "process.entity_id={1}",
	    "process.name=b.exe", "process.args=b.exe,1,1", "user.name=pekka",
	    "user.domain=MALLILA", "process.hash.md5=ab", "!process.hash.sha1",
	    "process.hash.sha256=cd", "process.pe.imphash=ef", "related.hash=ab,cd,ef",
	    "process.parent.user.name=SYSTEM" } },
	{ SYSMON("3",
		 D("Protocol", "tcp") D("Initiated", "true") D("SourceIsIpv6", "false") D(
			 "SourceIp", "192.0.2.1") D("SourceHostname", "-") D("SourcePort", "49")
			 D("DestinationIp", "192.0.2.2") D("DestinationHostname", "srv")
				 D("DestinationPort", "443") D("DestinationPortName", "https")),
	  { IS("network", "start,connection,protocol", "Network connection"),
	    "network.transport=tcp", "network.direction=egress", "network.type=ipv4",
	    "source.ip=192.0.2.1", "!source.domain", "destination.domain=srv",
	    "destination.port=443", "network.protocol=https", "related.ip=192.0.2.1,192.0.2.2" } },
	{ SYSMON("7",
		 D("ImageLoaded", "C:\\x\\a.dll") D("Hashes", "SHA256=AA") D("Signed", "false")),
	  { "dll.path=C:\\x\\a.dll", "dll.name=a.dll", "dll.hash.sha256=aa",
	    "dll.code_signature.exists=false" } },
	{ SYSMON("6", D("ImageLoaded", "C:\\x\\a.sys") D("SignatureStatus", "Valid")),
	  { IS("driver", "start", "Driver loaded"), "file.path=C:\\x\\a.sys",
	    "file.code_signature.status=Valid" } },
	{ SYSMON("10", D("SourceProcessGUID", "{2}") D("SourceImage", "C:\\m.exe")
			       D("GrantedAccess", "0x1410")),
	  { "process.entity_id={2}", "process.name=m.exe",
	    "winlog.event_data.GrantedAccessDescription=PROCESS_VM_READ,PROCESS_QUERY_INFORMATION,"
	    "PROCESS_QUERY_LIMITED_INFORMATION" } },
	{ SYSMON("11", D("TargetFilename", "C:\\Users\\x\\a.b.exe")),
	  { IS("file", "creation", "FileCreate"), "file.name=a.b.exe", "file.extension=exe",
	    "file.directory=C:\\Users\\x" } },
	{ SYSMON("13", D("TargetObject", "HKLM\\A\\B\\V") D("Details", "DWORD (0x0000000a)")),
	  { IS("configuration,registry", "change", "RegistryEvent (Value Set)"),
	    "registry.hive=HKLM", "registry.key=A\\B\\V", "registry.value=V",
	    "registry.data.type=SZ_DWORD", "registry.data.strings=10" } },
	{ SYSMON("12", D("TargetObject", "HKU\\A")), { "registry.hive=HKU", "!registry.value" } },
	{ SYSMON("13", D("TargetObject", "x") D("Details", "DWORD (")),
	  { "registry.path=x", "!registry.hive", "registry.data.strings=DWORD (" } },
	{ SYSMON("22", D("QueryName", "a.example") D("QueryStatus", "9003") D(
			       "QueryResults", "type:  5 b.example;::ffff:192.0.2.5;2001:db8::5;")),
	  { "dns.question.name=a.example", "sysmon.dns.status=DNS_ERROR_RCODE_NAME_ERROR",
	    "dns.resolved_ip=192.0.2.5,2001:db8::5", "related.ip=192.0.2.5,2001:db8::5" } },
};

#define DEFENDER  "Microsoft-Windows-Windows Defender"
#define SESSIONS  "Microsoft-Windows-TerminalServices-LocalSessionManager"
#define REMOTE    "Microsoft-Windows-TerminalServices-RemoteConnectionManager"
#define DIRECTORY "Microsoft-Windows-ActiveDirectory_DomainService"
#define FIREWALL  "Microsoft-Windows-Windows Firewall With Advanced Security"
static const struct row others[] = {
	{ DATA("Microsoft-Windows-PowerShell", "4103",
	       D("ContextInfo",
		 "  Host Application = powershell.exe -enc x\n  Engine Version = 5.1\n"
		 "  Command Name = Get-Item\n  Script Name = C:\\a.ps1\n"
		 "  Sequence Number = 24\n  User = MALLILA\\pekka\n")),
	  { IS("process", "info", "Executing Pipeline"), "event.module=powershell",
	    "process.args=powershell.exe,-enc,x", "powershell.engine.version=5.1",
	    "powershell.command.name=Get-Item", "file.name=a.ps1", "event.sequence=24",
	    "user.name=pekka", "user.domain=MALLILA" } },
	{ DATA("Microsoft-Windows-PowerShell", "4104",
	       D("MessageNumber", "2") D("MessageTotal", "3") D("ScriptBlockText", "iex $x")
		       D("ScriptBlockId", "id1") D("Path", "")),
	  { "powershell.sequence=2", "powershell.total=3",
	    "powershell.file.script_block_text=iex $x", "powershell.file.script_block_id=id1",
	    "!file" } },
	{ DATA("PowerShell", "800",
	       "<Data>x</Data><Data>\tUserId=A\\b\n\tHostApplication=p.exe</Data><Data>User=no</"
	       "Data>"),
	  { "user.name=b", "user.domain=A", "process.command_line=p.exe" } },
	{ DATA("PowerShell", "400",
	       "<Data>Available</Data><Data>None</Data><Data>\tNewEngineState=Available</Data>"),
	  { "powershell.engine.new_state=Available", "event.type=start" } },
	{ DATA("Service Control Manager", "7045",
	       D("ServiceName", "evil") D("AccountName", "LocalSystem")),
	  { IS("iam,configuration", "admin,change", "service-installed"), "service.name=evil",
	    "user.target.name=LocalSystem" } },
	{ DATA("Service Control Manager", "7036", D("param1", "W") D("param2", "running")),
	  { "service.name=W", "service.state=running" } },
	{ DATA(DEFENDER, "1116",
	       D("Threat Name", "EICAR") D("Path", "containerfile:_C:\\a.zip; file:_C:\\b.com")
		       D("Detection User", "MALLILA\\pekka")),
	  { IS("malware", "info", "malware-detected"), "rule.name=EICAR", "file.path=C:\\a.zip",
	    "user.name=pekka" } },
	{ USER(SESSIONS, "21", "<User>MALLILA\\pekka</User><Address>LOCAL</Address>"),
	  { IS("authentication,session", "start", "session-logged-in"), "user.name=pekka",
	    "!source" } },
	{ USER(REMOTE, "1149",
	       "<Param1>pekka</Param1><Param2>M</Param2><Param3>192.0.2.3</Param3>"),
	  { "user.name=pekka", "user.domain=M", "source.ip=192.0.2.3" } },
	{ DATA("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS", "131",
	       D("ConnType", "TCP") D("ClientIP", "[2001:db8::7]:5000")),
	  { "network.transport=tcp", "source.ip=2001:db8::7", "source.port=5000" } },
	{ USER("Microsoft-Windows-AppLocker", "8004",
	       "<TargetUser>S-1-5-21-1-2-3-500</TargetUser>"
	       "<FullFilePath>C:\\x.exe</FullFilePath>"),
	  { "event.action=execution-blocked", "event.outcome=failure", "file.name=x.exe",
	    "user.name=Administrator" } },
	{ DATA(DIRECTORY, "2889",
	       "<Data>192.0.2.4:49999</Data><Data>MALLILA\\x</Data><Data>1</Data>"),
	  { "event.action=ldap-unsigned-bind", "source.ip=192.0.2.4", "source.port=49999",
	    "user.name=x" } },
	{ USER("Microsoft-Windows-WMI-Activity", "5861", "<User>a</User>"),
	  { IS("configuration", "creation", "wmi-subscription-created") } },
	{ DATA(FIREWALL, "2004", D("RuleName", "r") D("ModifyingUser", "S-1-5-18")),
	  { "rule.name=r", "user.name=SYSTEM", "user.domain=NT AUTHORITY" } },
	{ DATA("Microsoft-Windows-DNS-Server-Service", "770", D("param1", "C:\\x.dll")),
	  { IS("library", "start", "dns-plugin-loaded"), "file.name=x.dll" } },
	{ USER("Microsoft-Windows-PrintService", "307", "<Param2>d</Param2><Param3>pekka</Param3>"),
	  { "event.action=document-printed", "user.name=pekka" } },
	{ DATA("Microsoft-Windows-TaskScheduler", "106",
	       D("TaskName", "\\T") D("UserContext", "MALLILA\\pekka")),
	  { IS("configuration", "creation", "scheduled-task-created"), "user.name=pekka" } },
	{ DATA("Unknown", "4624", SUBJECT), { "!event.category", "!user" } },
	{ "<Event><System><Provider Name='x'/><EventID>1</EventID><Security UserID='S-1-5-18'/>"
	  "</System></Event>",
	  { "winlog.user.name=SYSTEM", "winlog.user.domain=NT AUTHORITY",
	    "winlog.user.type=Well Known Group", "!event.category" } },
};

#define ROWS(name)                                                                                 \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		ROWS_PASS(NORM_WINXML, name);                                                      \
	}
ROWS(logons)
ROWS(accounts)
ROWS(objects)
ROWS(sysmon)
ROWS(others)

/* Command lines as CommandLineToArgvW takes them. */
static void arguments(void **state)
{
	static const struct {
		const char *line, *args;
	} rows[] = {
		{ "a", "a" },
		{ "a  b\tc ", "a|b|c" },
		{ "\"a b\" c", "a b|c" },
		{ "a\"b c\"d", "ab cd" },
		{ "\"a\"\"b\" c", "a\"b|c" },
		{ "a \"\" b", "a||b" },
		{ "a\\\\b c\\", "a\\\\b|c\\" },
		{ "a\\\"b c", "a\"b|c" },
		{ "a\\\\\"b c\" d", "a\\b c|d" },
		{ "\"open end", "open end" },
	};
	struct winecs_field f = W_FIELD("", W_COMMAND, ECS_PROCESS_COMMAND_LINE, ECS_PROCESS_ARGS);
	struct buf scratch = { 0 }, want = { 0 };
	struct winecs w = { .ev = &ev, .scratch = &scratch };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_reset(&want);
		buf_str(&want, "[\"");
		for (const char *p = rows[i].args; *p != '\0'; p++) {
			if (*p == '|')
				buf_str(&want, "\",\"");
			else if (*p == '"' || *p == '\\')
				buf_printf(&want, "\\%c", *p);
			else
				buf_chr(&want, *p);
		}
		buf_str(&want, "\"]");
		arena_reset(&mem);
		event_init(&ev, &mem);
		winecs_put(&w, &f, slice_str(rows[i].line));
		assert_non_null(event_get(&ev, ECS_PROCESS_ARGS));
		buf_reset(&got);
		buf_slice(&got, event_get(&ev, ECS_PROCESS_ARGS)->str);
		assert_string_equal(buf_cstr(&got), buf_cstr(&want));
	}
	buf_release(&scratch);
	buf_release(&want);
}

/* More arguments than the collector would take as fields: counted, the first kept. */
static void many_arguments(void **state)
{
	struct norm_source src = source();
	struct buf b = { 0 };

	buf_str(&b, "<Event><System><Provider Name='Microsoft-Windows-Sysmon'/><EventID>1</EventID>"
		    "</System><EventData><Data Name='CommandLine'>");
	for (unsigned i = 0; i < 100000; i++)
		buf_str(&b, "a ");
	buf_str(&b, "</Data></EventData></Event>");
	run(NORM_WINXML, buf_view(&b), &src);
	assert_true(field(SLICE("process.args_count"), &got));
	assert_string_equal(buf_cstr(&got), "100000");
	assert_true(field(SLICE("process.args"), &got));
	assert_int_equal(got.n, 2 * 256 - 1);
	buf_release(&b);
}

/* The tables are searched by halves. */
static void in_order(void **state)
{
	static const struct winecs_provider *const first[] = { &winecs_security, &winecs_eventlog,
							       &winecs_sysmon };
	unsigned n = 0;

	for (size_t k = 0; k < 3 || winecs_others[k - 3] != NULL; k++) {
		const struct winecs_provider *p = k < 3 ? first[k] : winecs_others[k - 3];

		for (unsigned i = 0; i < p->n; i++, n++) {
			assert_non_null(p->events[i].action);
			assert_non_null(p->events[i].category[0]);
			assert_non_null(p->events[i].type[0]);
			if (i > 0 && p->events[i - 1].id >= p->events[i].id)
				fail_msg("%s: %u", p->name.p, p->events[i].id);
		}
		assert_int_equal(strlen(p->name.p), p->name.n);
	}
	assert_true(n > 250);
	for (unsigned which = 0; which < NAMES_COUNT; which++)
		assert_non_null(winecs_name((enum winecs_names)which,
					    which == NAMES_MESSAGE      ? 14688
					    : which == NAMES_ENCRYPTION ? 0xffffffff
					    : which == NAMES_STATUS     ? 0xc0000413
					    : which == NAMES_KERBEROS   ? 0x44
					    : which == NAMES_DNS_STATUS ? 10060
					    : which == NAMES_PROTOCOL   ? 132
					    : which == NAMES_LOGON_TYPE ? 13
									: 0x120));
	assert_non_null(winecs_sid(SLICE("S-1-1-0")));
	assert_non_null(winecs_sid(SLICE("S-1-5-9")));
	assert_non_null(winecs_sid(SLICE("S-1-5-32-568")));
	assert_null(winecs_sid(SLICE("S-1-5-32-5")));
	assert_string_equal(winecs_rid(SLICE("S-1-5-21-1-2-3-519")), "Enterprise Admins");
	assert_null(winecs_rid(SLICE("S-1-5-21-1-2-3-1519")));
}

static int tests_of_meaning(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logons),    cmocka_unit_test(test_accounts),
		cmocka_unit_test(test_objects),   cmocka_unit_test(test_sysmon),
		cmocka_unit_test(test_others),    cmocka_unit_test(arguments),
		cmocka_unit_test(many_arguments), cmocka_unit_test(in_order),
	};

	return RUN_TESTS(tests);
}

int main(void)
{
	return kit_run(tests_of_meaning);
}

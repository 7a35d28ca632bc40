/* SPDX-License-Identifier: EUPL-1.2 */
/* The message of a Windows event as Windows rendered it in English, its line ends and tabs as
 * blanks: "Subject:   Security ID:  S-1-5-18   Account Name:  DC1$ ..". Its lines get the names
 * that the event's own data have (Microsoft's documentation of the audit events, the manifests of
 * Sysmon and the service control manager). */
#include "common/normalise/snare.h"

#define COLONS_MAX 1024u
#define VALUES_MAX 64u
#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))

enum section { NO_ONE, SUBJECT, TARGET, ACCOUNT, MEMBER, GROUP, SECTIONS };
enum who { SID, NAME, DOMAIN, LOGON, WHOSE };

/* What "Account Name" and its like are called, by the section that they stand in. */
static const char *const names[SECTIONS][WHOSE] = {
	[SUBJECT] = { "SubjectUserSid", "SubjectUserName", "SubjectDomainName", "SubjectLogonId" },
	[TARGET] = { "TargetUserSid", "TargetUserName", "TargetDomainName", "TargetLogonId" },
	[ACCOUNT] = { "TargetSid", "TargetUserName", "TargetDomainName", "TargetLogonId" },
	[MEMBER] = { "MemberSid", "MemberName", NULL, NULL },
	[GROUP] = { "TargetSid", "TargetUserName", "TargetDomainName", NULL },
};

enum kind { BEGIN, OF_SECTION, WORD, LINE };
struct label {
	struct slice text; /* before the colon */
	enum kind
		kind; /* BEGIN: of `which` section; WORD: up to a blank; LINE: to the next label */
	unsigned which; /* enum section, enum who */
	const char *name;
};

/* clang-format off */
#define SECTION(text, which)    { { text, sizeof(text) - 1 }, BEGIN, which, NULL }
#define WHO(text, which)        { { text, sizeof(text) - 1 }, OF_SECTION, which, NULL }
#define VALUE(text, kind, name) { { text, sizeof(text) - 1 }, kind, 0, name }
static const struct label security[] = {
	SECTION("Subject", SUBJECT), SECTION("Creator Subject", SUBJECT),
	SECTION("New Logon", TARGET), SECTION("Target Subject", TARGET),
	SECTION("Account For Which Logon Failed", TARGET),
	SECTION("Account Whose Credentials Were Used", TARGET),
	SECTION("Account Information", ACCOUNT), SECTION("Target Account", ACCOUNT),
	SECTION("New Account", ACCOUNT), SECTION("New Computer Account", ACCOUNT),
	SECTION("Computer Account That Was Changed", ACCOUNT),
	SECTION("Account That Was Locked Out", ACCOUNT), SECTION("User", ACCOUNT),
	SECTION("Member", MEMBER), SECTION("Group", GROUP), SECTION("New Group", GROUP),
	SECTION("Deleted Group", GROUP),
	SECTION("Process Information", NO_ONE), SECTION("Process", NO_ONE),
	SECTION("Network Information", NO_ONE), SECTION("Logon Information", NO_ONE),
	SECTION("Detailed Authentication Information", NO_ONE),
	SECTION("Failure Information", NO_ONE), SECTION("Service Information", NO_ONE),
	SECTION("Additional Information", NO_ONE), SECTION("Access Request Information", NO_ONE),
	SECTION("Share Information", NO_ONE), SECTION("Task Information", NO_ONE),
	SECTION("Target Server", NO_ONE), SECTION("Object", NO_ONE), SECTION("Attributes", NO_ONE),
	SECTION("Changed Attributes", NO_ONE), SECTION("Application Information", NO_ONE),
	SECTION("Filter Information", NO_ONE), SECTION("Session", NO_ONE),
	SECTION("Certificate Information", NO_ONE), SECTION("Audit Policy Change", NO_ONE),
	WHO("Security ID", SID), WHO("Account Name", NAME), WHO("Account Domain", DOMAIN),
	WHO("Domain Name", DOMAIN), WHO("Logon ID", LOGON),
	WHO("Group Name", NAME), WHO("Group Domain", DOMAIN),
	VALUE("Access Mask", WORD, "AccessMask"), VALUE("Accesses", LINE, "AccessList"),
	VALUE("Application Name", LINE, "Application"),
	VALUE("Authentication Package", WORD, "AuthenticationPackageName"),
	VALUE("Caller Computer Name", LINE, "TargetDomainName"),
	VALUE("Caller Process ID", WORD, "ProcessId"),
	VALUE("Caller Process Name", LINE, "ProcessName"),
	VALUE("Changes", LINE, "AuditPolicyChanges"),
	VALUE("Client Address", WORD, "IpAddress"), VALUE("Client Name", LINE, "ClientName"),
	VALUE("Client Port", WORD, "IpPort"), VALUE("Creator Process ID", WORD, "ProcessId"),
	VALUE("Creator Process Name", LINE, "ParentProcessName"),
	VALUE("Destination Address", WORD, "DestAddress"),
	VALUE("Destination Port", WORD, "DestPort"), VALUE("Direction", WORD, "Direction"),
	VALUE("Elevated Token", WORD, "ElevatedToken"), VALUE("Error Code", WORD, "Status"),
	VALUE("Exit Status", WORD, "Status"), VALUE("Failure Code", WORD, "Status"),
	VALUE("Failure Reason", LINE, "FailureReason"), VALUE("Handle ID", WORD, "HandleId"),
	VALUE("Impersonation Level", WORD, "ImpersonationLevel"),
	VALUE("Key Length", WORD, "KeyLength"), VALUE("Logon Account", LINE, "TargetUserName"),
	VALUE("Logon GUID", WORD, "LogonGuid"), VALUE("Logon Process", WORD, "LogonProcessName"),
	VALUE("Logon Type", WORD, "LogonType"), VALUE("Mandatory Label", LINE, "MandatoryLabel"),
	VALUE("Network Address", WORD, "IpAddress"),
	VALUE("New Account Name", LINE, "NewTargetUserName"),
	VALUE("New Process ID", WORD, "NewProcessId"),
	VALUE("New Process Name", LINE, "NewProcessName"),
	VALUE("Object Name", LINE, "ObjectName"), VALUE("Object Server", LINE, "ObjectServer"),
	VALUE("Object Type", LINE, "ObjectType"),
	VALUE("Object Value Name", LINE, "ObjectValueName"),
	VALUE("Old Account Name", LINE, "OldTargetUserName"),
	VALUE("Package Name (NTLM only)", LINE, "LmPackageName"), VALUE("Port", WORD, "IpPort"),
	VALUE("Pre-Authentication Type", WORD, "PreAuthType"),
	VALUE("Privileges", LINE, "PrivilegeList"),
	VALUE("Process Command Line", LINE, "CommandLine"), VALUE("Process ID", WORD, "ProcessId"),
	VALUE("Process Name", LINE, "ProcessName"), VALUE("Protocol", WORD, "Protocol"),
	VALUE("Relative Target Name", LINE, "RelativeTargetName"),
	VALUE("Result Code", WORD, "Status"), VALUE("SAM Account Name", LINE, "SamAccountName"),
	VALUE("Service Account", LINE, "ServiceAccount"),
	VALUE("Service File Name", LINE, "ServiceFileName"), VALUE("Service ID", WORD, "ServiceSid"),
	VALUE("Service Name", LINE, "ServiceName"), VALUE("Service Start Type", WORD, "ServiceStartType"),
	VALUE("Service Type", WORD, "ServiceType"), VALUE("Session Name", WORD, "SessionName"),
	VALUE("Share Name", LINE, "ShareName"), VALUE("Share Path", LINE, "ShareLocalPath"),
	VALUE("Source Address", WORD, "IpAddress"),
	VALUE("Source Network Address", WORD, "IpAddress"), VALUE("Source Port", WORD, "IpPort"),
	VALUE("Source Workstation", LINE, "Workstation"), VALUE("Status", WORD, "Status"),
	VALUE("Sub Status", WORD, "SubStatus"), VALUE("Supplied Realm Name", LINE, "TargetDomainName"),
	VALUE("Target Server Name", LINE, "TargetServerName"),
	VALUE("Task Content", LINE, "TaskContent"), VALUE("Task Name", LINE, "TaskName"),
	VALUE("Ticket Encryption Type", WORD, "TicketEncryptionType"),
	VALUE("Ticket Options", WORD, "TicketOptions"),
	VALUE("Token Elevation Type", WORD, "TokenElevationType"),
	VALUE("Transited Services", LINE, "TransmittedServices"),
	VALUE("User ID", WORD, "TargetSid"), VALUE("Workstation Name", LINE, "WorkstationName"),
};
static const struct label services[] = {
	VALUE("Service Account", LINE, "AccountName"), VALUE("Service File Name", LINE, "ImagePath"),
	VALUE("Service Name", LINE, "ServiceName"), VALUE("Service Start Type", LINE, "StartType"),
	VALUE("Service Type", LINE, "ServiceType"),
};
#define SAME(text, kind) VALUE(text, kind, text)
static const struct label sysmon[] = {
	SAME("CallTrace", LINE), SAME("CommandLine", LINE), SAME("Company", LINE),
	SAME("Configuration", LINE), SAME("ConfigurationFileHash", LINE),
	SAME("CreationUtcTime", LINE), SAME("CurrentDirectory", LINE), SAME("Description", LINE),
	SAME("DestinationHostname", LINE), SAME("DestinationIp", WORD),
	SAME("DestinationIsIpv6", WORD), SAME("DestinationPort", WORD),
	SAME("DestinationPortName", WORD), SAME("Details", LINE), SAME("Device", LINE),
	SAME("EventType", WORD), SAME("FileVersion", LINE), SAME("GrantedAccess", WORD),
	SAME("Hash", LINE), SAME("Hashes", LINE), SAME("Image", LINE), SAME("ImageLoaded", LINE),
	SAME("Initiated", WORD), SAME("IntegrityLevel", WORD), SAME("LogonGuid", WORD),
	SAME("LogonId", WORD), SAME("NewName", LINE), SAME("NewThreadId", WORD),
	SAME("OriginalFileName", LINE), SAME("ParentCommandLine", LINE), SAME("ParentImage", LINE),
	SAME("ParentProcessGuid", WORD), SAME("ParentProcessId", WORD), SAME("ParentUser", LINE),
	SAME("PipeName", LINE), SAME("PreviousCreationUtcTime", LINE), SAME("ProcessGuid", WORD),
	SAME("ProcessId", WORD), SAME("Product", LINE), SAME("Protocol", WORD),
	SAME("QueryName", LINE), SAME("QueryResults", LINE), SAME("QueryStatus", WORD),
	SAME("RuleName", LINE), SAME("Signature", LINE), SAME("SignatureStatus", LINE),
	SAME("Signed", WORD), SAME("SourceHostname", LINE), SAME("SourceImage", LINE),
	SAME("SourceIp", WORD), SAME("SourceIsIpv6", WORD), SAME("SourcePort", WORD),
	SAME("SourcePortName", WORD), SAME("SourceProcessGUID", WORD),
	SAME("SourceProcessGuid", WORD), SAME("SourceProcessId", WORD),
	SAME("SourceThreadId", WORD), SAME("SourceUser", LINE), SAME("StartAddress", WORD),
	SAME("StartFunction", LINE), SAME("StartModule", LINE), SAME("TargetFilename", LINE),
	SAME("TargetImage", LINE), SAME("TargetObject", LINE), SAME("TargetProcessGUID", WORD),
	SAME("TargetProcessGuid", WORD), SAME("TargetProcessId", WORD), SAME("TargetUser", LINE),
	SAME("TerminalSessionId", WORD), SAME("Type", LINE), SAME("User", LINE),
	SAME("UtcTime", LINE),
};

/* Events whose data have other names than the same line of others. */
static const struct renamed {
	unsigned first, last; /* event ids */
	const char *from, *to;
} renamed[] = {
	{ 4634, 4647, "SubjectUserSid", "TargetUserSid" },
	{ 4634, 4647, "SubjectUserName", "TargetUserName" },
	{ 4634, 4647, "SubjectDomainName", "TargetDomainName" },
	{ 4634, 4647, "SubjectLogonId", "TargetLogonId" },
	{ 4776, 4776, "AuthenticationPackageName", "PackageName" },
	{ 4778, 4779, "SubjectUserName", "AccountName" },
	{ 4778, 4779, "SubjectDomainName", "AccountDomain" },
	{ 4778, 4779, "SubjectLogonId", "LogonID" },
	{ 4778, 4779, "IpAddress", "ClientAddress" },
	{ 5152, 5159, "IpAddress", "SourceAddress" },
	{ 5152, 5159, "IpPort", "SourcePort" },
	{ 5152, 5159, "ProcessId", "ProcessID" },
};
/* clang-format on */

/* Windows explains what it has told. */
static const struct slice explanations[] = {
	{ "Token Elevation Type indicates", 30 },
	{ "This event is generated", 23 },
	{ "Pre-authentication types", 24 },
	{ "Certificate information is only", 31 },
};

struct reading {
	const struct label *labels;
	size_t n_labels;
	struct slice text;
	bool wide; /* before a label stand two blanks, or a tab */
	unsigned id;
	enum section section;
	struct value {
		const char *name;
		struct slice v;
	} v[VALUES_MAX];
	unsigned n;
};

static bool begins_at(const struct reading *rd, size_t at)
{
	const char *p = rd->text.p;

	if (at == 0 || p[at - 1] == '\t' || p[at - 1] == '\n')
		return true;
	return p[at - 1] == ' ' && (!rd->wide || (at > 1 && char_is_blank(p[at - 2])));
}

/* The longest label that ends before the colon. */
static const struct label *label_at(const struct reading *rd, size_t colon)
{
	const struct label *best = NULL;
	struct slice before = { rd->text.p, colon };

	for (size_t i = 0; i < rd->n_labels; i++) {
		const struct label *l = &rd->labels[i];

		if ((best == NULL || l->text.n > best->text.n) && slice_ends(before, l->text) &&
		    begins_at(rd, colon - l->text.n))
			best = l;
	}
	return best;
}

static const char *name_of(const struct reading *rd, const struct label *l)
{
	const char *name = l->kind == OF_SECTION ? names[rd->section][l->which] : l->name;

	for (size_t i = 0; name != NULL && i < COUNT(renamed); i++)
		if (rd->id >= renamed[i].first && rd->id <= renamed[i].last &&
		    strcmp(name, renamed[i].from) == 0)
			return renamed[i].to;
	return name;
}

static struct slice value_of(const struct label *l, struct slice v)
{
	v = slice_trim(v);
	for (size_t i = 0; i < COUNT(explanations); i++) {
		ssize_t at = slice_find(v, explanations[i]);

		if (at >= 0 && (at == 0 || char_is_blank(v.p[at - 1])))
			v = slice_trim((struct slice){ v.p, (size_t)at });
	}
	if (l->kind == WORD) {
		size_t n = 0;

		while (n < v.n && !char_is_blank(v.p[n]))
			n++;
		v.n = n;
	}
	return v;
}

/* Of two lines of one name the later holds: what Windows found out stands behind what it was told.
 */
static void keep(struct reading *rd, const struct label *l, struct slice v)
{
	const char *name = l != NULL && l->kind != BEGIN ? name_of(rd, l) : NULL;
	unsigned i = 0;

	if (name == NULL)
		return;
	v = value_of(l, v);
	while (i < rd->n && strcmp(rd->v[i].name, name) != 0)
		i++;
	if (v.n == 0 || i == VALUES_MAX)
		return;
	rd->v[i] = (struct value){ name, v };
	rd->n += i == rd->n;
}

static void read_text(struct reading *rd)
{
	const struct label *last = NULL;
	struct slice text = rd->text;
	size_t from = 0, at = 0;

	for (unsigned colons = 0; colons < COLONS_MAX; colons++, at++) {
		ssize_t step = slice_chr(slice_from(text, at), ':');
		const struct label *l;

		if (step < 0)
			break;
		at += (size_t)step;
		l = label_at(rd, at);
		if (l == NULL)
			continue;
		if (at - l->text.n >= from)
			keep(rd, last, (struct slice){ text.p + from, at - l->text.n - from });
		if (l->kind == BEGIN)
			rd->section = (enum section)l->which;
		last = l;
		from = at + 1;
	}
	keep(rd, last, slice_from(text, from));
}

static void choose(struct reading *rd, struct slice source)
{
	rd->labels = security;
	rd->n_labels = COUNT(security);
	if (slice_is(source, "Microsoft-Windows-Sysmon")) {
		rd->labels = sysmon;
		rd->n_labels = COUNT(sysmon);
	} else if (slice_is(source, "Service Control Manager")) {
		rd->labels = services;
		rd->n_labels = COUNT(services);
	}
}

void snare_text(const struct snare *sn, struct event *ev)
{
	struct reading rd = { .text = sn->text };
	uint64_t id = 0;

	slice_uint(sn->id, UINT32_MAX, &id);
	rd.id = (unsigned)id;
	rd.wide = slice_find(rd.text, SLICE("  ")) >= 0 || slice_chr(rd.text, '\t') >= 0;
	choose(&rd, sn->source);
	read_text(&rd);
	for (unsigned i = 0; i < rd.n; i++) {
		const struct slice prefix = SLICE("winlog.event_data.");
		size_t n = strlen(rd.v[i].name);
		char *p = arena_alloc(ev->mem, prefix.n + n);

		if (p == NULL)
			return;
		memcpy(p, prefix.p, prefix.n);
		memcpy(p + prefix.n, rd.v[i].name, n);
		event_push(ev, (struct slice){ p, prefix.n + n }, rd.v[i].v);
		if (strcmp(rd.v[i].name, "FailureReason") == 0 && rd.v[i].v.p[0] != '%')
			event_str(ev, ECS_WINLOG_LOGON_FAILURE_REASON, rd.v[i].v);
	}
}

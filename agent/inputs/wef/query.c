/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/query.c: the QueryList that says which events of which channels are forwarded.
 * Windows tells a mistake in it only in an event log on each client, so it is looked for here. */
#include <ctype.h>
#include <expat.h>

#include "agent/inputs/wef/subscription.h"
#include "common/base/text.h"

#define TERMS_MAX   22u /* comparisons of EventID in a Select; Windows refuses more */
#define SELECTS_MAX 1024u
#define DEPTH       3 /* QueryList, Query, Select */

/* The set that serves most towns, after the guidance of NSA, ACSC and Microsoft. XPath: what stands
 * in *[System[...]]; ranges keep it below TERMS_MAX. docs/windows.md tells what each is for. */
static const struct select {
	const char *channel, *ids;
	bool suppress;
} shipped[] = {
	{ "Security",
	  "1102 1104 4616 4625 4648 4688 4697 4698 4702 4719 4720 4722-4726 4728 4732 4735",
	  false },
	{ "Security", "4738 4740 4756 4767 4776 4778-4779 4798-4799 5140 5142 6416", false },
	{ "Security", "4741-4743 4768-4769 4771 4794 5136-5137 5139 5141 4706-4707 4713 4739",
	  false },
	{ "Security", "4886-4888", false },
	{ "System", "104 6005-6006 6008 7040 7045 1074 219", false },
	{ "Application", "1000 1002 1033-1034", false },
	{ "Microsoft-Windows-PowerShell/Operational", "4103-4104", false },
	{ "Windows PowerShell", "400 800", false },
	{ "Microsoft-Windows-Sysmon/Operational", "1-6 8-11 14-255", false },
	{ "Microsoft-Windows-TaskScheduler/Operational", "106 140-141 200", false },
	{ "Microsoft-Windows-Windows Defender/Operational",
	  "1006-1008 1015 1116-1119 5001 5004 5007 5010 5012", false },
	{ "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational", "21-25", false },
	{ "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational", "1149", false },
	{ "Microsoft-Windows-AppLocker/EXE and DLL", "8003-8004", false },
	{ "Microsoft-Windows-AppLocker/MSI and Script", "8006-8007", false },
	{ "Microsoft-Windows-CodeIntegrity/Operational", "3001-3004 3010 3023", false },
	{ "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall", "2004-2006 2033",
	  false },
	{ "Microsoft-Windows-WMI-Activity/Operational", "5857-5861", false },
	{ "Microsoft-Windows-Bits-Client/Operational", "59-60", false },
	{ "Microsoft-Windows-WinRM/Operational", "6 91 169", false },
	{ "Microsoft-Windows-NTLM/Operational", "8001-8004", false },
	{ "Microsoft-Windows-Kernel-PnP/Configuration", "400 410", false },
	{ "Directory Service", "1644 2889 3039-3041", false },
	{ "DNS Server", "150 541 770", false },
};

/* Those that need more than ids. 4624: not the sessions of services and batch jobs (types 0, 4, 5)
 * and not the system's own; 4672: the same; 4662 only with the access that replication of the
 * directory takes (0x100, control access). XPath here knows no part of a text, so the computers'
 * own accounts (*$) are still among them. */
static const struct {
	const char *channel, *select, *suppress;
} shaped[] = {
	{ "Security", "*[System[(EventID=4624)]]",
	  "*[System[(EventID=4624)]] and *[EventData[Data[@Name='LogonType']='0' or "
	  "Data[@Name='LogonType']='4' or Data[@Name='LogonType']='5' or "
	  "Data[@Name='TargetUserSid']='S-1-5-18']]" },
	{ "Security", "*[System[(EventID=4672)]]",
	  "*[System[(EventID=4672)]] and *[EventData[Data[@Name='SubjectUserSid']='S-1-5-18']]" },
	{ "Security",
	  "*[System[(EventID=4662)]] and *[EventData[Data[@Name='AccessMask']='0x100']]", NULL },
	{ "Security", NULL,
	  "*[System[(EventID=5140)]] and *[EventData[Data[@Name='ShareName']='\\\\*\\IPC$']]" },
};

/* "4103-4104" as (EventID &gt;= 4103 and EventID &lt;= 4104). */
static void put_ids(struct buf *out, const char *ids)
{
	const char *between = "";

	while (*ids != '\0') {
		size_t n = strcspn(ids, " "), dash = strcspn(ids, "-");

		if (dash < n)
			buf_printf(out, "%s(EventID &gt;= %.*s and EventID &lt;= %.*s)", between,
				   (int)dash, ids, (int)(n - dash - 1), ids + dash + 1);
		else
			buf_printf(out, "%sEventID=%.*s", between, (int)n, ids);
		between = " or ";
		ids += n + (ids[n] == ' ');
	}
}

static void put_select(struct buf *out, const char *tag, const char *channel, const char *xpath)
{
	buf_printf(out, "<%s Path=\"%s\">%s</%s>", tag, channel, xpath, tag);
}

void wef_query_default(struct buf *out)
{
	buf_str(out, "<QueryList><Query Id=\"0\">");
	for (size_t i = 0; i < sizeof(shipped) / sizeof(shipped[0]); i++) {
		buf_printf(out, "<Select Path=\"%s\">*[System[(", shipped[i].channel);
		put_ids(out, shipped[i].ids);
		buf_str(out, ")]]</Select>");
	}
	for (size_t i = 0; i < sizeof(shaped) / sizeof(shaped[0]); i++) {
		if (shaped[i].select != NULL)
			put_select(out, "Select", shaped[i].channel, shaped[i].select);
		if (shaped[i].suppress != NULL)
			put_select(out, "Suppress", shaped[i].channel, shaped[i].suppress);
	}
	buf_str(out, "</Query></QueryList>");
}

struct checking {
	XML_Parser parser;
	const char *why;
	unsigned depth, selects, n_channels;
	struct buf text;
	struct slice channels[WEF_CHANNELS_MAX];
	struct arena mem;
	void (*channel)(void *arg, struct slice name);
	void *arg;
};

static void refuse(struct checking *ck, const char *why)
{
	if (ck->why == NULL)
		ck->why = why;
	XML_StopParser(ck->parser, XML_FALSE);
}

static void add_channel(struct checking *ck, const char *path)
{
	struct slice name = slice_str(path);

	for (unsigned i = 0; i < ck->n_channels; i++)
		if (slice_eq(ck->channels[i], name))
			return;
	if (ck->n_channels == WEF_CHANNELS_MAX) {
		refuse(ck, "more than 256 channels");
		return;
	}
	name = arena_copy(&ck->mem, name);
	if (name.p == NULL) {
		refuse(ck, "out of memory");
		return;
	}
	ck->channels[ck->n_channels++] = name;
	if (ck->channel != NULL)
		ck->channel(ck->arg, name);
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **atts)
{
	static const char *const expected[DEPTH] = { "QueryList", "Query", "Select" };
	struct checking *ck = arg;
	const char *path = NULL;
	bool select;

	if (ck->why != NULL)
		return; /* a stopped parser still ends what it is at */
	if (ck->depth >= DEPTH) {
		refuse(ck, "an element inside a Select");
		return;
	}
	select = ck->depth == 2;
	if (strcmp(name, expected[ck->depth]) != 0 && !(select && strcmp(name, "Suppress") == 0)) {
		refuse(ck, "expected QueryList, in it Query, in it Select and Suppress");
		return;
	}
	ck->depth++;
	for (; *atts != NULL; atts += 2)
		if (strcmp(atts[0], "Path") == 0)
			path = atts[1];
	if (!select)
		return;
	buf_reset(&ck->text);
	if (path == NULL || *path == '\0')
		refuse(ck, "a Select without a Path");
	else if (++ck->selects > SELECTS_MAX)
		refuse(ck, "too many Selects");
	else if (strcmp(name, "Select") == 0)
		add_channel(ck, path);
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct checking *ck = arg;
	struct slice s = buf_view(&ck->text);
	unsigned terms = 0;
	ssize_t at;

	(void)name;
	if (ck->why != NULL || ck->depth-- != DEPTH)
		return;
	if (slice_trim(s).n == 0)
		refuse(ck, "a Select that selects nothing; * selects all");
	while ((at = slice_find(s, SLICE("EventID"))) >= 0) {
		s = slice_from(s, (size_t)at + 7);
		terms++;
	}
	if (terms > TERMS_MAX)
		refuse(ck, "more than 22 comparisons of EventID in one Select: use ranges, or "
			   "several Selects");
}

static void XMLCALL on_text(void *arg, const XML_Char *s, int len)
{
	struct checking *ck = arg;

	if (ck->depth == DEPTH)
		buf_put(&ck->text, s, (size_t)len);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid,
			       const XML_Char *pubid, int internal)
{
	(void)name, (void)sysid, (void)pubid, (void)internal;
	refuse(arg, "a document type");
}

int wef_query_check(struct slice xml, void (*channel)(void *arg, struct slice name), void *arg,
		    struct err *err)
{
	struct checking ck = { .channel = channel, .arg = arg };
	int r = 0;

	if (xml.n > WEF_QUERY_MAX)
		return err_set(err, ERR_SYNTAX, "query: longer than 64 KiB");
	ck.parser = XML_ParserCreate("UTF-8");
	if (ck.parser == NULL)
		return err_nomem(err);
	XML_SetUserData(ck.parser, &ck);
	XML_SetElementHandler(ck.parser, on_start, on_end);
	XML_SetCharacterDataHandler(ck.parser, on_text);
	XML_SetStartDoctypeDeclHandler(ck.parser, on_doctype);
	if (XML_Parse(ck.parser, xml.n > 0 ? xml.p : "", (int)xml.n, XML_TRUE) != XML_STATUS_OK)
		r = err_set(err, ERR_SYNTAX, "query: %s (line %lu)",
			    ck.why != NULL ? ck.why : XML_ErrorString(XML_GetErrorCode(ck.parser)),
			    (unsigned long)XML_GetCurrentLineNumber(ck.parser));
	else if (ck.n_channels == 0)
		r = err_set(err, ERR_SYNTAX, "query: it selects no channel");
	XML_ParserFree(ck.parser);
	buf_release(&ck.text);
	arena_release(&ck.mem);
	return r;
}

bool wef_glob(const char *pattern, struct slice name)
{
	const char *star = NULL;
	size_t i = 0, back = 0;

	while (i < name.n) {
		if (*pattern == '*') {
			star = ++pattern;
			back = i;
		} else if (*pattern == '?' ||
			   (*pattern != '\0' && tolower((unsigned char)*pattern) ==
							tolower((unsigned char)name.p[i]))) {
			pattern++;
			i++;
		} else if (star != NULL) { /* the last star takes one more */
			pattern = star;
			i = ++back;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* What is said to clients: read back by a plain XML reader as a list of places with namespaces, and
 * compared with the skeleton that Windows expects. */
#include "tests/cmocka.h"

#include <expat.h>
#include <stdio.h>

#include "agent/inputs/wef/reply.h"

#define QUERY "<QueryList><Query Id=\"0\"><Select Path=\"Security\">*</Select></Query></QueryList>"
#define TEXT(literal)                                                                              \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	} /* constant, as SLICE is not */
#define MARK "<BookmarkList><Bookmark Channel=\"a&amp;b\" RecordId=\"7\"/></BookmarkList>"

/* One line an element: its path of PREFIX:NAME, its attributes, "=" and its text. The prefixes are
 * the reader's own, by namespace. */
struct reading {
	struct buf lines, text;
	char path[1024];
	size_t line; /* where the open element's line ends */
};

static const struct {
	const char *uri, *prefix;
} spaces[] = {
	{ "http://www.w3.org/2003/05/soap-envelope", "s" },
	{ "http://schemas.xmlsoap.org/ws/2004/08/addressing", "a" },
	{ "http://schemas.xmlsoap.org/ws/2004/09/enumeration", "n" },
	{ "http://schemas.xmlsoap.org/ws/2004/08/eventing", "e" },
	{ "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd", "w" },
	{ "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd", "p" },
	{ "http://schemas.microsoft.com/wbem/wsman/1/subscription", "sub" },
	{ "http://schemas.xmlsoap.org/ws/2002/12/policy", "c" },
	{ "http://schemas.microsoft.com/wbem/wsman/1/authentication", "auth" },
	{ "http://www.w3.org/2001/XMLSchema-instance", "xsi" },
	{ "http://www.w3.org/XML/1998/namespace", "xml" },
};

static void put_name(struct buf *b, const char *name)
{
	const char *bar = strchr(name, '|');

	if (bar == NULL) {
		buf_str(b, name);
		return;
	}
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		if (strlen(spaces[i].uri) == (size_t)(bar - name) &&
		    memcmp(spaces[i].uri, name, (size_t)(bar - name)) == 0) {
			buf_printf(b, "%s:%s", spaces[i].prefix, bar + 1);
			return;
		}
	fail_msg("an unknown namespace: %s", name);
}

static void put_line(struct reading *rd)
{
	if (rd->text.n > 0 && rd->line > 0) {
		buf_chr(&rd->lines, '=');
		buf_slice(&rd->lines, buf_view(&rd->text));
	}
	if (rd->line > 0)
		buf_chr(&rd->lines, '\n');
	buf_reset(&rd->text);
	rd->line = 0;
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **atts)
{
	struct reading *rd = arg;
	struct buf own = { 0 };
	size_t n = strlen(rd->path);

	put_line(rd);
	put_name(&own, name);
	snprintf(rd->path + n, sizeof(rd->path) - n, "/%s", buf_cstr(&own));
	buf_release(&own);
	buf_str(&rd->lines, rd->path);
	for (; *atts != NULL; atts += 2) {
		buf_str(&rd->lines, " @");
		put_name(&rd->lines, atts[0]);
		buf_printf(&rd->lines, "=%s", atts[1]);
	}
	rd->line = rd->lines.n;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct reading *rd = arg;

	put_line(rd);
	*strrchr(rd->path, '/') = '\0';
}

static void XMLCALL on_text(void *arg, const XML_Char *s, int len)
{
	struct reading *rd = arg;

	buf_put(&rd->text, s, (size_t)len);
}

static struct buf read_back(struct buf *reply)
{
	struct reading rd = { .path = "" };
	XML_Parser p = XML_ParserCreateNS("UTF-8", '|');

	XML_SetUserData(p, &rd);
	XML_SetElementHandler(p, on_start, on_end);
	XML_SetCharacterDataHandler(p, on_text);
	if (XML_Parse(p, reply->p, (int)reply->n, XML_TRUE) != XML_STATUS_OK)
		fail_msg("%s: %s", XML_ErrorString(XML_GetErrorCode(p)), buf_cstr(reply));
	XML_ParserFree(p);
	buf_release(&rd.text);
	return rd.lines;
}

/* How many lines are `want`; a '*' at its end stands for any rest. */
static unsigned count(struct buf *lines, const char *want)
{
	size_t n = strlen(want);
	bool open = n > 0 && want[n - 1] == '*';
	unsigned found = 0;
	char *copy = strdup(buf_cstr(lines)), *save = NULL;

	for (char *l = strtok_r(copy, "\n", &save); l != NULL; l = strtok_r(NULL, "\n", &save))
		found += open ? strncmp(l, want, n - 1) == 0 : strcmp(l, want) == 0;
	free(copy);
	return found;
}

static void expect(struct buf *lines, unsigned times, const char *const *want)
{
	for (; *want != NULL; want++)
		if (count(lines, *want) != times)
			fail_msg("%s: %u times in\n%s", *want, count(lines, *want),
				 buf_cstr(lines));
}

static const struct soap_msg asked = {
	.message_id = TEXT("uuid:aB&<> \n"),
	.reply_to = TEXT("http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"),
};

#define H "/s:Envelope/s:Header"
static const char *const header[] = {
	H "/a:MessageID=uuid:*",
	H "/a:To=http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous",
	H "/p:SequenceId @s:mustUnderstand=false=1",
	NULL,
};

/* RelatesTo is what came, byte for byte; OperationID is not echoed. */
static void test_ack(void **state)
{
	static const char *const want[] = {
		H "/a:Action=http://schemas.dmtf.org/wbem/wsman/1/wsman/Ack", "/s:Envelope/s:Body",
		NULL
	};
	static const char *const not [] = { H "/p:OperationID*", NULL };
	struct buf out = { 0 }, lines;

	wef_reply_ack(&out, &asked);
	assert_non_null(
		strstr(buf_cstr(&out), "<a:RelatesTo>uuid:aB&amp;&lt;&gt; \n</a:RelatesTo>"));
	lines = read_back(&out);
	expect(&lines, 1, header);
	expect(&lines, 1, want);
	expect(&lines, 0, not );
	buf_release(&lines);
	buf_release(&out);
}

#define ITEMS  "/s:Envelope/s:Body/n:EnumerateResponse/w:Items"
#define ITEM   ITEMS "/sub:Subscription"
#define IH     ITEM "/s:Envelope/s:Header"
#define IS     ITEM "/s:Envelope/s:Body/e:Subscribe"
#define DEL    IS "/e:Delivery"
#define NIL    " @xsi:nil=true"
#define ANON   "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
#define URL    "=https://wec.example.lan:5986/wsman/subscriptions/IDENT"
#define POLICY DEL "/e:NotifyTo/c:Policy/c:ExactlyOne/c:All/auth:Authentication"

static struct wef_subscription subscription(void)
{
	return (struct wef_subscription){ .name = "a&b",
					  .query_xml = SLICE(QUERY),
					  .identifier = "IDENT",
					  .version = "VERS",
					  .compression = true,
					  .ignore_channel_error = true,
					  .max_time_ms = 30000,
					  .heartbeat_ms = 900500,
					  .retry_ms = 60000,
					  .retries = 5 };
}

static const struct wef_address at_tls = { .https = true,
					   .host = TEXT("wec.example.lan"),
					   .port = 5986,
					   .issuer = "00112233445566778899AABBCCDDEEFF00112233" };
static const struct wef_address at_kerberos = { .host = TEXT("wec.example.lan"), .port = 5985 };

/* Section by section what a client needs of a subscription. */
static void test_enumerate(void **state)
{
	static const char *const want[] = {
		H "/a:Action=http://schemas.xmlsoap.org/ws/2004/09/enumeration/EnumerateResponse",
		H "/a:RelatesTo=uuid:aB&<> ",
		"/s:Envelope/s:Body/n:EnumerateResponse/n:EnumerationContext",
		"/s:Envelope/s:Body/n:EnumerateResponse/w:EndOfSequence",
		ITEM "/sub:Version=uuid:VERS",
		IH "/a:To=" ANON,
		IH
		"/w:ResourceURI @s:mustUnderstand=true=http://schemas.microsoft.com/wbem/wsman/1/"
		"windows/EventLog",
		IH "/a:ReplyTo/a:Address @s:mustUnderstand=true=" ANON,
		IH
		"/a:Action @s:mustUnderstand=true=http://schemas.xmlsoap.org/ws/2004/08/eventing/"
		"Subscribe",
		IH "/w:MaxEnvelopeSize @s:mustUnderstand=true=512000",
		IH "/a:MessageID=uuid:*",
		IH "/p:OperationID @s:mustUnderstand=false=uuid:*",
		IH "/p:SequenceId @s:mustUnderstand=false=1",
		IH "/w:OptionSet/w:Option @Name=SubscriptionName=a&b",
		IH "/w:OptionSet/w:Option @Name=Compression=SLDC",
		IH "/w:OptionSet/w:Option @Name=ContentFormat=Raw",
		IH "/w:OptionSet/w:Option @Name=CDATA" NIL,
		IH "/w:OptionSet/w:Option @Name=IgnoreChannelError" NIL,
		IS "/e:EndTo/a:Address" URL,
		IS "/e:EndTo/a:ReferenceProperties/e:Identifier=IDENT",
		IS "/e:EndTo/a:ReferenceProperties/Version=uuid:VERS",
		DEL " @Mode=http://schemas.dmtf.org/wbem/wsman/1/wsman/Events",
		DEL "/w:Heartbeats=PT900.500S",
		DEL "/e:NotifyTo/a:Address" URL,
		DEL "/e:NotifyTo/a:ReferenceProperties/e:Identifier=IDENT",
		DEL "/e:NotifyTo/a:ReferenceProperties/Version=uuid:VERS",
		POLICY
		" @Profile=http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual",
		POLICY "/auth:ClientCertificate/auth:Thumbprint @Role=issuer="
		       "00112233445566778899AABBCCDDEEFF00112233",
		DEL "/w:ConnectionRetry @Total=5=PT60.000S",
		DEL "/w:MaxTime=PT30.000S",
		DEL "/w:MaxEnvelopeSize @Policy=Notify=512000",
		DEL "/w:ContentEncoding=UTF-16",
		IS "/w:Filter @Dialect=http://schemas.microsoft.com/win/2004/08/events/eventquery",
		IS "/w:Filter/QueryList/Query/Select @Path=Security=*",
		IS "/w:SendBookmarks",
		NULL,
	};
	static const char *const not [] = {
		H "/p:OperationID*",
		IS "/w:Bookmark*",
		DEL "/w:MaxElements*",
		IH "/w:OptionSet/w:Option @Name=ReadExistingEvents*",
		NULL,
	};
	struct wef_subscription sub = subscription();
	struct wef_offer offer = { &sub, { NULL, 0 } };
	struct buf out = { 0 }, lines;

	wef_reply_enumerate(&out, &asked, &at_tls, &offer, 1);
	lines = read_back(&out);
	expect(&lines, 1, header);
	expect(&lines, 1, want);
	expect(&lines, 0, not );
	buf_release(&lines);
	buf_release(&out);
}

/* The rows of the settings that change what is asked for. */
static void test_options(void **state)
{
	static const struct {
		const char *name;
		bool tls, compression, rendered, existing, marked;
		int64_t elements;
		const char *want[3], *not [3];
	} rows[] = {
		{ "Kerberos",
		  false,
		  true,
		  false,
		  false,
		  false,
		  0,
		  { POLICY " @Profile=http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/http/"
			   "spnego-kerberos",
		    IS "/e:EndTo/a:Address=http://wec.example.lan:5985/wsman/subscriptions/IDENT" },
		  { POLICY "/auth:ClientCertificate*" } },
		{ "rendered, plain",
		  true,
		  false,
		  true,
		  false,
		  false,
		  0,
		  { IH "/w:OptionSet/w:Option @Name=ContentFormat=RenderedText" },
		  { IH "/w:OptionSet/w:Option @Name=Compression*" } },
		{ "what exists already",
		  true,
		  true,
		  false,
		  true,
		  false,
		  0,
		  { IH "/w:OptionSet/w:Option @Name=ReadExistingEvents" NIL,
		    IS "/w:Bookmark=" WEF_EARLIEST } },
		{ "what exists already, with a bookmark",
		  true,
		  true,
		  false,
		  true,
		  true,
		  0,
		  { IS "/w:Bookmark/BookmarkList/Bookmark @Channel=a&b @RecordId=7" },
		  { IS "/w:Bookmark=" WEF_EARLIEST } },
		{ "a bookmark",
		  true,
		  true,
		  false,
		  false,
		  true,
		  0,
		  { IS "/w:Bookmark/BookmarkList/Bookmark @Channel=a&b @RecordId=7" } },
		{ "few at a time",
		  true,
		  true,
		  false,
		  false,
		  false,
		  20,
		  { DEL "/w:MaxElements=20" } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wef_subscription sub = subscription();
		struct wef_offer offer = { &sub, rows[i].marked ? SLICE(MARK)
								: (struct slice){ NULL, 0 } };
		const char *want[4] = { rows[i].want[0], rows[i].want[1], rows[i].want[2], NULL };
		const char * not [4] = { rows[i].not [0], rows[i].not [1], rows[i].not [2], NULL };
		struct buf out = { 0 }, lines;

		sub.compression = rows[i].compression;
		sub.content = rows[i].rendered ? WEF_RENDERED : WEF_RAW;
		sub.read_existing = rows[i].existing;
		sub.max_elements = rows[i].elements;
		wef_reply_enumerate(&out, &asked, rows[i].tls ? &at_tls : &at_kerberos, &offer, 1);
		lines = read_back(&out);
		expect(&lines, 1, want);
		expect(&lines, 0, not );
		if (rows[i].marked)
			assert_non_null(
				strstr(buf_cstr(&out), "<w:Bookmark>" MARK "</w:Bookmark>"));
		buf_release(&lines);
		buf_release(&out);
	}
}

static void test_none_and_several(void **state)
{
	static const char *const empty[] = { ITEMS, NULL }, *const item[] = { ITEM, NULL };
	struct wef_subscription sub = subscription();
	struct wef_offer offers[3] = { { &sub, { NULL, 0 } },
				       { &sub, { NULL, 0 } },
				       { &sub, { NULL, 0 } } };

	for (unsigned n = 0; n <= 3; n += 3) {
		struct buf out = { 0 }, lines;

		wef_reply_enumerate(&out, &asked, &at_tls, offers, n);
		lines = read_back(&out);
		expect(&lines, 1, empty);
		expect(&lines, n, item);
		buf_release(&lines);
		buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ack),
		cmocka_unit_test(test_enumerate),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_none_and_several),
	};
	return RUN_TESTS(tests);
}

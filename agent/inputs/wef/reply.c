/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/inputs/wef/reply.h"

#include <stdio.h>

#include "common/base/hash.h"
#include "common/base/text.h"

#define ANONYMOUS "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"

#define ENVELOPE                                                                                   \
	"<s:Envelope xml:lang=\"en-US\" xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" "      \
	"xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" "                            \
	"xmlns:e=\"http://schemas.xmlsoap.org/ws/2004/08/eventing\" "                              \
	"xmlns:n=\"http://schemas.xmlsoap.org/ws/2004/09/enumeration\" "                           \
	"xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\" "                              \
	"xmlns:p=\"http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd\">"

static const char ack_action[] = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Ack";
static const char enumerated_action[] =
	"http://schemas.xmlsoap.org/ws/2004/09/enumeration/EnumerateResponse";
static const char subscribe_action[] = "http://schemas.xmlsoap.org/ws/2004/08/eventing/Subscribe";
static const char profile_tls[] =
	"http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";
static const char profile_kerberos[] =
	"http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/http/spnego-kerberos";

/* A message id: a random GUID (RFC 9562 5.4) as Windows writes it. */
static void put_uuid(struct buf *out)
{
	char guid[WEF_GUID_LEN + 1];
	uint8_t r[16];

	random_bytes(r, sizeof(r));
	wef_guid(r, 4, guid);
	buf_str(out, "uuid:");
	buf_str(out, guid);
}

static void element(struct buf *out, const char *name, struct slice text)
{
	buf_printf(out, "<%s>", name);
	text_put_html(out, text);
	buf_printf(out, "</%s>", name);
}

static void begin(struct buf *out, const char *action, const struct soap_msg *to)
{
	buf_str(out, ENVELOPE "<s:Header>");
	element(out, "a:Action", slice_str(action));
	buf_str(out, "<a:MessageID>");
	put_uuid(out);
	buf_str(out, "</a:MessageID>");
	element(out, "a:To", to->reply_to.n > 0 ? to->reply_to : slice_str(ANONYMOUS));
	element(out, "a:RelatesTo", to->message_id);
	buf_str(out, "<p:SequenceId s:mustUnderstand=\"false\">1</p:SequenceId>"
		     "</s:Header><s:Body>");
}

static void end(struct buf *out)
{
	buf_str(out, "</s:Body></s:Envelope>");
}

void wef_reply_ack(struct buf *out, const struct soap_msg *to)
{
	begin(out, ack_action, to);
	end(out);
}

static void put_option(struct buf *out, const char *name, const char *value)
{
	if (value != NULL)
		buf_printf(out, "<w:Option Name=\"%s\">%s</w:Option>", name, value);
	else
		buf_printf(out, "<w:Option Name=\"%s\" xsi:nil=\"true\"/>", name);
}

static void put_options(struct buf *out, const struct wef_subscription *sub)
{
	buf_str(out, "<w:OptionSet xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
		     "<w:Option Name=\"SubscriptionName\">");
	text_put_html(out, slice_str(sub->name));
	buf_str(out, "</w:Option>");
	if (sub->compression)
		put_option(out, "Compression", "SLDC");
	put_option(out, "ContentFormat", sub->content == WEF_RAW ? "Raw" : "RenderedText");
	put_option(out, "CDATA", NULL);
	if (sub->ignore_channel_error)
		put_option(out, "IgnoreChannelError", NULL);
	if (sub->read_existing)
		put_option(out, "ReadExistingEvents", NULL);
	buf_str(out, "</w:OptionSet>");
}

/* Where the client sends, and what it has to say there: it copies the reference block into the
 * header of each message. */
static void put_reference(struct buf *out, const struct wef_address *at,
			  const struct wef_subscription *sub)
{
	buf_printf(out, "<a:Address>%s://", at->https ? "https" : "http");
	text_put_html(out, at->host);
	buf_printf(out, ":%u/wsman/subscriptions/%s</a:Address>", at->port, sub->identifier);
	buf_printf(out,
		   "<a:ReferenceProperties><e:Identifier>%s</e:Identifier>"
		   "<Version>uuid:%s</Version></a:ReferenceProperties>",
		   sub->identifier, sub->version);
}

static void put_policy(struct buf *out, const struct wef_address *at)
{
	buf_str(out, "<c:Policy xmlns:c=\"http://schemas.xmlsoap.org/ws/2002/12/policy\" "
		     "xmlns:auth=\"http://schemas.microsoft.com/wbem/wsman/1/authentication\">"
		     "<c:ExactlyOne><c:All>");
	buf_printf(out, "<auth:Authentication Profile=\"%s\"",
		   at->https ? profile_tls : profile_kerberos);
	if (at->https)
		buf_printf(out,
			   "><auth:ClientCertificate><auth:Thumbprint Role=\"issuer\">%s"
			   "</auth:Thumbprint></auth:ClientCertificate></auth:Authentication>",
			   at->issuer);
	else
		buf_str(out, "/>");
	buf_str(out, "</c:All></c:ExactlyOne></c:Policy>");
}

static void put_seconds(struct buf *out, const char *name, const char *attribute, int64_t ms)
{
	buf_printf(out, "<%s%s>PT%lld.%03dS</%s>", name, attribute, (long long)(ms / 1000),
		   (int)(ms % 1000), name);
}

static void put_delivery(struct buf *out, const struct wef_address *at,
			 const struct wef_subscription *sub)
{
	char total[40];

	buf_str(out, "<e:Delivery Mode=\"http://schemas.dmtf.org/wbem/wsman/1/wsman/Events\">");
	put_seconds(out, "w:Heartbeats", "", sub->heartbeat_ms);
	buf_str(out, "<e:NotifyTo>");
	put_reference(out, at, sub);
	put_policy(out, at);
	buf_str(out, "</e:NotifyTo>");
	snprintf(total, sizeof(total), " Total=\"%lld\"", (long long)sub->retries);
	put_seconds(out, "w:ConnectionRetry", total, sub->retry_ms);
	if (sub->max_elements > 0)
		buf_printf(out, "<w:MaxElements>%lld</w:MaxElements>",
			   (long long)sub->max_elements);
	put_seconds(out, "w:MaxTime", "", sub->max_time_ms);
	buf_printf(out,
		   "<w:MaxEnvelopeSize Policy=\"Notify\">%u</w:MaxEnvelopeSize>"
		   "<w:ContentEncoding>UTF-16</w:ContentEncoding></e:Delivery>",
		   WEF_ENVELOPE_BYTES);
}

static void put_bookmark(struct buf *out, const struct wef_offer *offer)
{
	buf_str(out, "<w:Bookmark>");
	if (offer->bookmark.n > 0)
		buf_slice(out, offer->bookmark);
	else
		buf_str(out, WEF_EARLIEST);
	buf_str(out, "</w:Bookmark>");
}

static void put_subscribe(struct buf *out, const struct wef_address *at,
			  const struct wef_offer *offer)
{
	const struct wef_subscription *sub = offer->sub;

	buf_str(out, "<e:Subscribe><e:EndTo>");
	put_reference(out, at, sub);
	buf_str(out, "</e:EndTo>");
	put_delivery(out, at, sub);
	buf_str(out, "<w:Filter Dialect="
		     "\"http://schemas.microsoft.com/win/2004/08/events/eventquery\">");
	buf_slice(out, sub->query_xml);
	buf_str(out, "</w:Filter>");
	if (offer->bookmark.n > 0 || sub->read_existing)
		put_bookmark(out, offer);
	buf_str(out, "<w:SendBookmarks/></e:Subscribe>");
}

static void put_subscription(struct buf *out, const struct wef_address *at,
			     const struct wef_offer *offer)
{
	buf_printf(out,
		   "<sub:Subscription "
		   "xmlns:sub=\"http://schemas.microsoft.com/wbem/wsman/1/subscription\">"
		   "<sub:Version>uuid:%s</sub:Version>" ENVELOPE "<s:Header>",
		   offer->sub->version);
	buf_str(out, "<a:To>" ANONYMOUS "</a:To><w:ResourceURI s:mustUnderstand=\"true\">"
		     "http://schemas.microsoft.com/wbem/wsman/1/windows/EventLog</w:ResourceURI>"
		     "<a:ReplyTo><a:Address s:mustUnderstand=\"true\">" ANONYMOUS
		     "</a:Address></a:ReplyTo><a:Action s:mustUnderstand=\"true\">");
	buf_str(out, subscribe_action);
	buf_printf(out,
		   "</a:Action><w:MaxEnvelopeSize s:mustUnderstand=\"true\">%u</w:MaxEnvelopeSize>"
		   "<a:MessageID>",
		   WEF_ENVELOPE_BYTES);
	put_uuid(out);
	buf_str(out, "</a:MessageID><p:OperationID s:mustUnderstand=\"false\">");
	put_uuid(out);
	buf_str(out, "</p:OperationID><p:SequenceId s:mustUnderstand=\"false\">1</p:SequenceId>");
	put_options(out, offer->sub);
	buf_str(out, "</s:Header><s:Body>");
	put_subscribe(out, at, offer);
	buf_str(out, "</s:Body></s:Envelope></sub:Subscription>");
}

void wef_reply_enumerate(struct buf *out, const struct soap_msg *to, const struct wef_address *at,
			 const struct wef_offer *offers, size_t n)
{
	begin(out, enumerated_action, to);
	buf_str(out, "<n:EnumerateResponse><n:EnumerationContext/><w:Items>");
	for (size_t i = 0; i < n; i++)
		put_subscription(out, at, &offers[i]);
	buf_str(out, "</w:Items><w:EndOfSequence/></n:EnumerateResponse>");
	end(out);
}

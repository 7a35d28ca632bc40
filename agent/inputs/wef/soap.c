/* SPDX-License-Identifier: EUPL-1.2 */
/* One parser serves all messages of an input, reset between them. What an element is follows from
 * where it stands: `places` is the grammar that we know, all else is passed over. */
#include "agent/inputs/wef/soap.h"

#include <expat.h>
#include <stdlib.h>

#include "common/base/hash.h"

#define NS_S "http://www.w3.org/2003/05/soap-envelope|"
#define NS_A "http://schemas.xmlsoap.org/ws/2004/08/addressing|"
#define NS_N "http://schemas.xmlsoap.org/ws/2004/09/enumeration|"
#define NS_E "http://schemas.xmlsoap.org/ws/2004/08/eventing|"
#define NS_W "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd|"
#define NS_M "http://schemas.microsoft.com/wbem/wsman/1/machineid|"

#define SEPARATOR  '|'
#define KEEP_BYTES (512u * 1024) /* a parser that has read a larger message is made anew */
#define EVENTS_MAX 32000u        /* what clients offer as MaxElements */

enum place {
	AT_TOP,
	AT_ENVELOPE,
	AT_HEADER,
	AT_BODY,
	AT_REPLY_TO,
	AT_BOOKMARK,
	AT_EVENTS,
	AT_EVENT,
	AT_END,
	AT_TEXT, /* its text is a value, and what is in it is nothing */
	AT_OTHER
};

#define VALUE(m) (offsetof(struct soap_msg, m) + 1)
static const struct rule {
	enum place in;
	const char *name; /* namespace and local name */
	enum place is;
	size_t value; /* VALUE of what its text is; 0: nothing */
} rules[] = {
	{ AT_TOP, NS_S "Envelope", AT_ENVELOPE, 0 },
	{ AT_ENVELOPE, NS_S "Header", AT_HEADER, 0 },
	{ AT_ENVELOPE, NS_S "Body", AT_BODY, 0 },
	{ AT_HEADER, NS_A "Action", AT_TEXT, VALUE(action_uri) },
	{ AT_HEADER, NS_A "MessageID", AT_TEXT, VALUE(message_id) },
	{ AT_HEADER, NS_A "To", AT_TEXT, VALUE(to) },
	{ AT_HEADER, NS_A "ReplyTo", AT_REPLY_TO, 0 },
	{ AT_REPLY_TO, NS_A "Address", AT_TEXT, VALUE(reply_to) },
	{ AT_HEADER, NS_M "MachineID", AT_TEXT, VALUE(machine_id) },
	{ AT_HEADER, NS_E "Identifier", AT_TEXT, VALUE(identifier) },
	{ AT_HEADER, "Version", AT_TEXT, VALUE(version) },
	{ AT_HEADER, NS_W "MaxEnvelopeSize", AT_TEXT, VALUE(max_envelope) },
	{ AT_HEADER, NS_W "Bookmark", AT_BOOKMARK, 0 },
	{ AT_HEADER, NS_W "AckRequested", AT_TEXT, VALUE(ack_requested) },
	{ AT_BODY, NS_W "Events", AT_EVENTS, 0 },
	{ AT_EVENTS, NS_W "Event", AT_EVENT, 0 },
	{ AT_BODY, NS_W "DroppedEvents", AT_TEXT, VALUE(dropped) },
	{ AT_BODY, NS_E "SubscriptionEnd", AT_END, 0 },
	{ AT_END, NS_E "Status", AT_TEXT, VALUE(status) },
	{ AT_END, NS_E "Reason", AT_TEXT, VALUE(reason) },
};

static const struct {
	const char *uri;
	enum soap_action action;
} actions[] = {
	{ "http://schemas.dmtf.org/wbem/wsman/1/wsman/Events", SOAP_EVENTS },
	{ "http://schemas.dmtf.org/wbem/wsman/1/wsman/DroppedEvents", SOAP_DROPPED },
	{ "http://schemas.dmtf.org/wbem/wsman/1/wsman/Heartbeat", SOAP_HEARTBEAT },
	{ "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate", SOAP_ENUMERATE },
	{ "http://schemas.xmlsoap.org/ws/2004/08/eventing/SubscriptionEnd", SOAP_SUBSCRIPTION_END },
	{ "http://schemas.microsoft.com/wbem/wsman/1/wsman/End", SOAP_END },
};

struct level {
	enum place place;
	size_t value; /* as in rules */
	size_t from;  /* where its text begins in sp->text */
};
struct span { /* of sp->text; events are many and text moves, so they become slices at the end */
	size_t from, n;
};
struct soap {
	XML_Parser parser;
	unsigned long salt;
	struct slice in;
	struct soap_msg msg;
	const char *why; /* why it was stopped */
	bool full, stale;
	unsigned depth, elements;
	struct level level[SOAP_DEPTH_MAX + 1];
	size_t raw_from,
		raw_end;    /* in `in`: an element kept as it stands, and its first tag's end */
	unsigned raw_depth; /* its depth; 0: none */
	struct buf text;
	struct span values[16];
	size_t value_of[16];
	unsigned n_values;
	struct span *spans;
	struct slice *events;
	size_t n_spans, cap_spans, cap_events;
};

static void stop(struct soap *sp, bool full, const char *why)
{
	if (sp->why == NULL) {
		sp->why = why;
		sp->full = full;
	}
	XML_StopParser(sp->parser, XML_FALSE);
}

static const struct rule *rule_of(enum place in, const char *name)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].in == in && strcmp(rules[i].name, name) == 0)
			return &rules[i];
	return NULL;
}

static void add_span(struct soap *sp, size_t from, size_t n)
{
	if (sp->n_spans == EVENTS_MAX) {
		stop(sp, true, "it holds more than 32,000 events");
		return;
	}
	if (sp->n_spans == sp->cap_spans) {
		size_t cap = sp->cap_spans > 0 ? 2 * sp->cap_spans : 64;
		struct span *more = realloc(sp->spans, cap * sizeof(*more));

		if (more == NULL) {
			sp->text.failed = true;
			stop(sp, true, "out of memory");
			return;
		}
		sp->spans = more;
		sp->cap_spans = cap;
	}
	sp->spans[sp->n_spans++] = (struct span){ from, n };
}

static void add_value(struct soap *sp, size_t value, size_t from, size_t n)
{
	for (unsigned i = 0; i < sp->n_values; i++)
		if (sp->value_of[i] == value)
			return; /* the first one stands */
	sp->value_of[sp->n_values] = value;
	sp->values[sp->n_values++] = (struct span){ from, n };
}

static void XMLCALL on_text(void *arg, const XML_Char *s, int len)
{
	struct soap *sp = arg;
	enum place at = sp->level[sp->depth].place;

	if (sp->why != NULL)
		return; /* a stopped parser still ends what it is at */
	if (at == AT_TEXT || (at == AT_EVENT && sp->raw_depth == 0))
		buf_put(&sp->text, s, (size_t)len);
}

/* An element that is kept as it stands begins: the bookmark's, or an event that is no text. */
static void begin_raw(struct soap *sp)
{
	sp->raw_from = (size_t)XML_GetCurrentByteIndex(sp->parser);
	sp->raw_end = sp->raw_from + (size_t)XML_GetCurrentByteCount(sp->parser);
	sp->raw_depth = sp->depth;
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **atts)
{
	struct soap *sp = arg;
	enum place in = sp->level[sp->depth].place;
	const struct rule *r = rule_of(in, name);
	struct level *l;

	(void)atts;
	if (sp->why != NULL)
		return;
	if (sp->depth == SOAP_DEPTH_MAX || ++sp->elements > SOAP_ELEMENTS_MAX) {
		stop(sp, true,
		     sp->depth == SOAP_DEPTH_MAX ? "its elements nest deeper than 64"
						 : "it has too many elements");
		return;
	}
	if (in == AT_TOP && r == NULL) {
		stop(sp, false, "it is no SOAP 1.2 envelope");
		return;
	}
	l = &sp->level[++sp->depth];
	*l = (struct level){ r != NULL ? r->is : AT_OTHER, r != NULL ? r->value : 0, sp->text.n };
	if ((in == AT_BOOKMARK || in == AT_EVENT) && sp->raw_depth == 0)
		begin_raw(sp);
}

static void end_raw(struct soap *sp, enum place in)
{
	size_t end = (size_t)XML_GetCurrentByteIndex(sp->parser) +
		     (size_t)XML_GetCurrentByteCount(sp->parser);
	size_t from = sp->text.n;

	end = end > sp->raw_end ? end : sp->raw_end; /* <a/>: expat counts its tag once */
	sp->raw_depth = 0;
	if (in == AT_EVENT) { /* blanks before it are no text of the event */
		sp->text.n = from = sp->level[sp->depth - 1].from;
	}
	buf_put(&sp->text, sp->in.p + sp->raw_from, end - sp->raw_from);
	if (in == AT_BOOKMARK)
		add_value(sp, VALUE(bookmark), from, sp->text.n - from);
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct soap *sp = arg;
	struct level *l = &sp->level[sp->depth];

	(void)name;
	if (sp->why != NULL)
		return;
	if (sp->raw_depth == sp->depth)
		end_raw(sp, sp->level[sp->depth - 1].place);
	sp->depth--;
	if (l->place == AT_EVENT)
		add_span(sp, l->from, sp->text.n - l->from);
	else if (l->value != 0)
		add_value(sp, l->value, l->from, sp->text.n - l->from);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid,
			       const XML_Char *pubid, int internal)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)internal;
	stop(arg, false, "a document type is refused");
}

/* Reset costs less than a new parser, but keeps what the largest message needed. */
static bool fresh(struct soap *sp)
{
	if (sp->parser == NULL)
		sp->parser = XML_ParserCreateNS("UTF-8", SEPARATOR);
	else
		XML_ParserReset(sp->parser, "UTF-8");
	if (sp->parser == NULL)
		return false;
	XML_SetHashSalt(sp->parser, sp->salt);
	XML_SetUserData(sp->parser, sp);
	XML_SetElementHandler(sp->parser, on_start, on_end);
	XML_SetCharacterDataHandler(sp->parser, on_text);
	XML_SetStartDoctypeDeclHandler(sp->parser, on_doctype);
	return true;
}

struct soap *soap_new(void)
{
	struct soap *sp = calloc(1, sizeof(*sp));

	if (sp == NULL)
		return NULL;
	random_bytes(&sp->salt, sizeof(sp->salt));
	sp->salt |= 1; /* 0 would mean "none" */
	return sp;
}

static void let_go(struct soap *sp)
{
	if (sp->parser != NULL)
		XML_ParserFree(sp->parser);
	sp->parser = NULL;
	buf_release(&sp->text);
	free(sp->spans);
	free(sp->events);
	sp->spans = NULL;
	sp->events = NULL;
	sp->cap_spans = sp->cap_events = 0;
}

void soap_free(struct soap *sp)
{
	if (sp == NULL)
		return;
	let_go(sp);
	free(sp);
}

static int explain(struct soap *sp, struct err *err)
{
	enum XML_Error code = XML_GetErrorCode(sp->parser);

	if (sp->text.failed || code == XML_ERROR_NO_MEMORY)
		return err_nomem(err);
	if (sp->why != NULL)
		return err_set(err, sp->full ? ERR_FULL : ERR_SYNTAX, "SOAP message: %s", sp->why);
	return err_set(err, ERR_SYNTAX, "SOAP message: %s at byte %ld", XML_ErrorString(code),
		       (long)XML_GetCurrentByteIndex(sp->parser) + 1);
}

/* Spans become slices, now that the text no longer moves. */
static bool settle(struct soap *sp)
{
	struct soap_msg *m = &sp->msg;

	for (unsigned i = 0; i < sp->n_values; i++) {
		struct slice v = { sp->text.p + sp->values[i].from, sp->values[i].n };

		if (sp->value_of[i] == VALUE(ack_requested)) {
			m->ack_requested = true;
			continue;
		}
		if (sp->value_of[i] != VALUE(message_id))
			v = slice_trim(v);
		*(struct slice *)(void *)((char *)m + sp->value_of[i] - 1) = v;
	}
	if (sp->cap_events < sp->n_spans) {
		free(sp->events);
		sp->cap_events = 0;
		sp->events = calloc(sp->n_spans, sizeof(*sp->events));
		if (sp->events == NULL)
			return false;
		sp->cap_events = sp->n_spans;
	}
	for (size_t i = 0; i < sp->n_spans; i++)
		sp->events[i] = slice_trim(
			(struct slice){ sp->text.p + sp->spans[i].from, sp->spans[i].n });
	m->events = sp->events;
	m->n_events = sp->n_spans;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (slice_is(m->action_uri, actions[i].uri))
			m->action = actions[i].action;
	return true;
}

int soap_read(struct soap *sp, struct slice xml, struct soap_msg *ret, struct err *err)
{
	if (sp->stale || sp->text.cap > KEEP_BYTES)
		let_go(sp);
	sp->stale = true; /* until all has gone well */
	if (xml.n > INT32_MAX || !fresh(sp))
		return err_nomem(err);
	sp->in = xml;
	sp->msg = (struct soap_msg){ 0 };
	sp->why = NULL;
	sp->full = false;
	sp->depth = sp->elements = sp->raw_depth = sp->n_values = 0;
	sp->n_spans = 0;
	sp->level[0] = (struct level){ AT_TOP, 0, 0 };
	buf_reset(&sp->text);
	if (XML_Parse(sp->parser, xml.n > 0 ? xml.p : "", (int)xml.n, XML_TRUE) != XML_STATUS_OK ||
	    sp->text.failed)
		return explain(sp, err);
	if (!settle(sp))
		return err_nomem(err);
	if (sp->msg.action_uri.n == 0)
		return err_set(err, ERR_SYNTAX, "SOAP message: it names no Action");
	sp->stale = xml.n > KEEP_BYTES;
	*ret = sp->msg;
	return 0;
}

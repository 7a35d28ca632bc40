/* SPDX-License-Identifier: EUPL-1.2 */
/* Expat's callbacks into fields. One parser serves all events as the children of one document that
 * does not end, so that its tables of names stay warm (a reset an event costs a quarter more);
 * after an error, or MiB of input, it is reset, which bounds what hostile names can pile up in it.
 * Inside a document no document type can be declared, so there are no entities but XML's own five.
 */
#include "common/normalise/winxml.h"

#include <expat.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/base/buf.h"
#include "common/normalise/winxml_inside.h"
#include "common/normalise/winxml_split.h"

#define RESET_BYTES                                                                                \
	(1024u * 1024)              /* the tables of names grow by at most some 20 bytes for each  \
				     */
#define KEEP_BYTES    (256u * 1024) /* a parser that has read a larger event is made anew */
#define ROOT          "<events>"
#define MORE_THAN_ONE "there is more than one event in the record"

enum part { PART_NONE, PART_SYSTEM, PART_DATA, PART_USER, PART_OTHER, PART_RENDERING, PART_ERROR };

struct level {
	struct slice name; /* the value's dotted name; empty: none */
	bool named;        /* by a Name attribute */
	bool list;         /* an unnamed Data: written as a list */
	bool parent;       /* has child elements */
};

struct winxml {
	XML_Parser parser;
	unsigned long salt;
	size_t fed;        /* since the last reset */
	bool stale;        /* to be reset before the next event */
	struct buf joined; /* a value that came in several pieces */
	/* The event that is being read. */
	struct event *ev;
	struct slice in;
	const char *base; /* the parser's copy of in */
	const char *why;
	unsigned depth, elements, values;
	enum part part;
	bool done, full;
	const struct place *place; /* System, RenderingInfo: what the text is */
	bool collect;
	struct slice value; /* the text so far: inside in, or joined's */
	struct level level[WINXML_DEPTH_MAX];
};

static void stop(struct winxml *x, const char *why, bool full)
{
	x->why = why;
	x->full = full;
	XML_StopParser(x->parser, XML_FALSE);
}

static void text_begin(struct winxml *x, bool collect)
{
	x->collect = collect;
	x->value = (struct slice){ "", 0 };
	buf_reset(&x->joined);
}

/* The text so far, as long as the event lives. */
static struct slice text_take(struct winxml *x)
{
	return x->value.n > 0 && x->value.p == x->joined.p ? arena_copy(x->ev->mem, x->value)
							   : x->value;
}

static void XMLCALL on_text(void *arg, const XML_Char *s, int len)
{
	struct winxml *x = arg;
	size_t n = (size_t)len, at = (size_t)(s - x->base);
	bool inside = s >= x->base && at + n <= x->in.n;

	if (!x->collect)
		return;
	if (inside && x->value.n == 0) {
		x->value = (struct slice){ x->in.p + at, n };
		return;
	}
	if (inside && x->value.p + x->value.n == x->in.p + at) {
		x->value.n += n;
		return;
	}
	if (x->joined.n == 0)
		buf_slice(&x->joined, x->value);
	buf_put(&x->joined, s, n);
	x->value = buf_view(&x->joined);
}

/* prefix and name without its spaces, in the event's memory. */
static struct slice dotted(struct winxml *x, struct slice prefix, const char *name)
{
	size_t len = strnlen(name, WINXML_NAME_MAX + 4), n = prefix.n;
	char *p = arena_alloc(x->ev->mem, prefix.n + len);

	if (p == NULL)
		return (struct slice){ NULL, 0 };
	memcpy(p, prefix.p, prefix.n);
	while (len > WINXML_NAME_MAX ||
	       (len > 0 && name[len] != '\0' && (name[len] & 0xc0) == 0x80))
		len--; /* not inside a character */
	for (size_t i = 0; i < len; i++)
		if (name[i] != ' ')
			p[n++] = name[i];
	return (struct slice){ p, n > prefix.n ? n : 0 };
}

static void put_value(struct winxml *x, struct slice name, bool list, struct slice v)
{
	if (name.n == 0 || slice_is(name, "winlog.user_data.xml_name")) /* which is ours to say */
		return;
	if (x->values == WINXML_VALUES_MAX) {
		x->ev->truncated++;
		return;
	}
	x->values++;
	event_push(x->ev, name, v);
	if (list)
		event_dyn_array(x->ev, name);
}

static struct slice prefix_of(enum part part)
{
	return part == PART_DATA    ? SLICE("winlog.event_data.")
	       : part == PART_ERROR ? SLICE("winlog.processing_error_data.")
				    : SLICE("winlog.user_data.");
}

static bool is_namespace(const char *attribute)
{
	return strncmp(attribute, "xml", 3) == 0;
}

/* Attributes beside Name, of an element that is flattened: NAME.ATTRIBUTE. */
static void put_attributes(struct winxml *x, struct slice name, const char **atts)
{
	struct slice prefix;
	char *p;

	for (; *atts != NULL && name.n > 0; atts += 2) {
		if (strcmp(*atts, "Name") == 0 || is_namespace(*atts) || atts[1][0] == '\0')
			continue;
		p = arena_alloc(x->ev->mem, name.n + 1);
		if (p == NULL)
			return;
		memcpy(p, name.p, name.n);
		p[name.n] = '.';
		prefix = (struct slice){ p, name.n + 1 };
		put_value(x, dotted(x, prefix, *atts), false,
			  arena_copy(x->ev->mem, slice_str(atts[1])));
	}
}

static const char *name_attribute(const char **atts)
{
	for (; *atts != NULL; atts += 2)
		if (strcmp(*atts, "Name") == 0 && atts[1][strspn(atts[1], " ")] != '\0')
			return atts[1];
	return NULL;
}

/* An element whose text is a value: EventData, UserData and what else is flattened. A value is
 * called what its Name says, else as its element is; "Data" inside a named element, as that one. */
static void start_value(struct winxml *x, const char *element, const char **atts)
{
	struct level *l = &x->level[x->depth], *up = l - 1;
	const char *name = name_attribute(atts);
	bool data = strcmp(element, "Data") == 0;

	if (!up->parent && x->collect && slice_trim(x->value).n > 0)
		put_value(x, up->name, up->list, text_take(x)); /* text before its first child */
	up->parent = true;
	l->named = name != NULL;
	l->list = name == NULL && data && x->part == PART_DATA;
	l->parent = false;
	l->name = name == NULL && data && up->named
			  ? up->name
			  : dotted(x, prefix_of(x->part), name != NULL ? name : element);
	if (name == NULL && data && up->named)
		l->named = true;
	put_attributes(x, l->name, atts);
	text_begin(x, true);
}

static void end_value(struct winxml *x)
{
	struct level *l = &x->level[x->depth];
	struct slice v = text_take(x);

	if (l->parent && slice_trim(v).n == 0)
		return;
	/* Sigma tells "" from absent in EventData; elsewhere an empty element says nothing. */
	if (x->part == PART_ERROR && slice_is(l->name, "winlog.processing_error_data.ErrorCode"))
		event_str(x->ev, ECS_ERROR_CODE, v);
	if (v.n > 0 || (x->part == PART_DATA && !slice_is(l->name, "winlog.event_data.Binary")))
		put_value(x, l->name, l->list, v);
}

static enum part part_of(const char *element)
{
	static const struct {
		const char *element;
		enum part part;
	} parts[] = {
		{ "System", PART_SYSTEM },
		{ "EventData", PART_DATA },
		{ "UserData", PART_USER },
		{ "RenderingInfo", PART_RENDERING },
		{ "ProcessingErrorData", PART_ERROR },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcmp(element, parts[i].element) == 0)
			return parts[i].part;
	return PART_OTHER; /* DebugData, SubscriptionBookmarkEvent and their like */
}

static void set_xml_name(struct winxml *x, const char *element)
{
	event_str(x->ev, ECS_WINLOG_USER_DATA_XML_NAME, arena_copy(x->ev->mem, slice_str(element)));
}

static void start_part(struct winxml *x, const char *element)
{
	x->part = part_of(element);
	x->level[x->depth] = (struct level){ .parent = true };
	if (x->part == PART_OTHER)
		set_xml_name(x, element);
}

static void start_in_part(struct winxml *x, const char *element, const char **atts)
{
	switch (x->part) {
	case PART_SYSTEM:
		x->place = x->depth == 3 ? winxml_system(x->ev, element, atts) : NULL;
		text_begin(x, x->place != NULL);
		break;
	case PART_RENDERING:
		x->place = x->depth == 3 ? winxml_rendering(element) : NULL;
		text_begin(x, x->place != NULL || strcmp(element, "Keyword") == 0);
		break;
	case PART_USER:
		if (x->depth == 3)
			set_xml_name(x, element);
		start_value(x, element, atts);
		break;
	default:
		start_value(x, element, atts);
	}
}

static void XMLCALL on_start(void *arg, const XML_Char *qualified, const XML_Char **atts)
{
	struct winxml *x = arg;
	const char *colon = strchr(qualified, ':');
	const char *element = colon != NULL ? colon + 1 : qualified;
	unsigned n = 0;

	while (atts[n] != NULL)
		n++;
	if (x->done) {
		stop(x, MORE_THAN_ONE, false);
	} else if (++x->elements > WINXML_ELEMENTS_MAX) {
		stop(x, "more elements than an event has", true);
	} else if (++x->depth == WINXML_DEPTH_MAX) {
		stop(x, "nested deeper than an event is", true);
	} else if (n > 2 * WINXML_ATTRIBUTES_MAX) {
		stop(x, "more attributes than an event has", true);
	} else if (x->depth == 1) {
		if (strcmp(element, "Event") != 0)
			stop(x, "its root is not an Event", false);
	} else if (x->depth == 2) {
		start_part(x, element);
	} else {
		start_in_part(x, element, atts);
	}
}

static void end_in_part(struct winxml *x)
{
	switch (x->part) {
	case PART_SYSTEM:
	case PART_RENDERING:
		if (x->place != NULL)
			winxml_put(x->ev, x->place, text_take(x));
		else if (x->collect)
			event_add(x->ev, ECS_WINLOG_KEYWORDS, text_take(x));
		x->place = NULL;
		text_begin(x, false);
		break;
	default:
		end_value(x);
		text_begin(x, x->depth > 3); /* what its parent says behind it */
	}
}

static void XMLCALL on_end(void *arg, const XML_Char *element)
{
	struct winxml *x = arg;

	if (x->depth == 0) {
		stop(x, "more end tags than elements", false);
		return;
	}
	if (x->depth >= 3)
		end_in_part(x);
	else
		x->collect = false;
	if (x->depth == 1)
		x->done = true;
	x->depth--;
}

/* A parser that stands inside its document's root. */
static bool reset(struct winxml *x)
{
	if (x->parser == NULL)
		x->parser = XML_ParserCreate("UTF-8");
	else
		XML_ParserReset(x->parser, "UTF-8");
	if (x->parser == NULL)
		return false;
	x->fed = 0;
	x->stale = true;
	XML_SetHashSalt(x->parser, x->salt); /* else expat asks the system for one each time */
	if (XML_Parse(x->parser, ROOT, sizeof(ROOT) - 1, XML_FALSE) != XML_STATUS_OK)
		return false;
	XML_SetUserData(x->parser, x);
	XML_SetElementHandler(x->parser, on_start, on_end);
	XML_SetCharacterDataHandler(x->parser, on_text);
	x->stale = false;
	return true;
}

struct winxml *winxml_new(void)
{
	struct winxml *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	if (getrandom(&x->salt, sizeof(x->salt), 0) != (ssize_t)sizeof(x->salt) || x->salt == 0)
		x->salt = (unsigned long)(uintptr_t)x; /* ASLR's bits; 0 would mean "none" */
	if (!reset(x)) {
		winxml_free(x);
		return NULL;
	}
	return x;
}

void winxml_free(struct winxml *x)
{
	if (x == NULL)
		return;
	if (x->parser != NULL)
		XML_ParserFree(x->parser);
	buf_release(&x->joined);
	free(x);
}

static struct slice without_mark(struct slice in)
{
	const struct slice mark = SLICE("\xef\xbb\xbf");

	in = slice_trim(in);
	return slice_starts(in, mark) ? slice_trim(slice_from(in, mark.n)) : in;
}

/* The event among a declaration, comments and a root's tags. false: *err tells, and *ret is what
 * may be read of it, or empty. */
static bool find_event(struct slice in, struct slice *ret, struct err *err)
{
	struct winxml_split sp = { .max = SIZE_MAX };
	struct winxml_piece piece;
	bool doctype = false;
	unsigned found = 0;
	ssize_t used;

	in = without_mark(in);
	*ret = in;
	if (winxml_event_tag(in) == 6 && slice_ends(in, SLICE("</Event>")))
		return true; /* as nearly all are; expat would tell of a second one */
	for (; in.n > 0; in = slice_trim(slice_from(in, (size_t)used))) {
		used = winxml_split_next(&sp, in, SIZE_MAX, true, &piece);
		if (used < 0)
			break;
		doctype = doctype || piece.doctype;
		if (piece.have && found++ == 0)
			*ret = piece.text;
	}
	if (doctype || found == 0)
		ret->n = 0;
	if (doctype)
		err_set(err, ERR_SYNTAX, "Windows event XML: a document type is refused");
	else if (found == 0)
		err_set(err, ERR_SYNTAX, "Windows event XML: there is no Event element");
	else if (found > 1)
		err_set(err, ERR_SYNTAX, "Windows event XML: %s", MORE_THAN_ONE);
	else if (in.n > 0)
		err_set(err, ERR_SYNTAX, "Windows event XML: something else stands behind it");
	return err->code == ERR_NONE;
}

static bool feed(struct winxml *x, struct slice in)
{
	void *p = XML_GetBuffer(x->parser, (int)in.n);

	if (p == NULL)
		return false;
	memcpy(p, in.p, in.n);
	x->base = p;
	x->fed += in.n;
	return XML_ParseBuffer(x->parser, (int)in.n, XML_FALSE) == XML_STATUS_OK;
}

static void explain(struct winxml *x, XML_Index from, struct err *err)
{
	enum XML_Error code = XML_GetErrorCode(x->parser);
	XML_Index at = XML_GetCurrentByteIndex(x->parser) - from;

	if (x->why != NULL)
		err_set(err, x->full ? ERR_FULL : ERR_SYNTAX, "Windows event XML: %s", x->why);
	else if (code == XML_ERROR_NO_MEMORY)
		err_nomem(err);
	else if (code != XML_ERROR_NONE)
		err_set(err, ERR_SYNTAX, "Windows event XML: %s at byte %ld", XML_ErrorString(code),
			(long)at + 1);
	else
		err_set(err, ERR_SYNTAX, "Windows event XML: it ends before the event does");
}

/* A parser that is not where it should be, or holds much, does not serve the next event. */
static void settle(struct winxml *x, bool good)
{
	x->stale = !good || x->fed > RESET_BYTES;
	if (x->in.n > KEEP_BYTES) {
		XML_ParserFree(x->parser);
		x->parser = NULL;
		x->stale = true;
	}
	if (x->joined.cap > KEEP_BYTES)
		buf_release(&x->joined);
}

static bool parse(struct winxml *x, struct slice text, struct event *ev, struct err *err)
{
	XML_Index from;
	bool good;

	if (x->stale && !reset(x)) {
		err_nomem(err);
		return false;
	}
	x->ev = ev;
	x->in = text;
	x->why = NULL;
	x->depth = 0;
	x->elements = 0;
	x->values = 0;
	x->done = false;
	text_begin(x, false);
	from = XML_GetCurrentByteIndex(x->parser) + XML_GetCurrentByteCount(x->parser);
	good = feed(x, text) && x->done && !x->joined.failed;
	if (!good)
		explain(x, from, err);
	settle(x, good);
	return good;
}

bool winxml_read(struct winxml *x, struct slice in, struct event *ev, struct err *err)
{
	struct slice text;
	ssize_t replaced;
	bool good;

	if (in.n > WINXML_BYTES_MAX) {
		err_set(err, ERR_FULL, "Windows event XML: longer than %u bytes", WINXML_BYTES_MAX);
		return false;
	}
	good = find_event(in, &text, err);
	if (text.n == 0)
		return false;
	replaced = winxml_clean(ev->mem, text, &text);
	if (replaced < 0) {
		err_nomem(err);
		return false;
	}
	good = parse(x, text, ev, good ? err : &(struct err){ 0 }) && good;
	winxml_names(ev);
	if (replaced > 0)
		event_add(ev, ECS_LOG_FLAGS, SLICE("invalid_characters"));
	if (replaced > 0 || ev->truncated > 0)
		event_str(ev, ECS_EVENT_ORIGINAL, in);
	return good;
}

bool winxml_begins(struct slice in)
{
	in = without_mark(in);
	return winxml_event_tag(in) > 0 || slice_starts(in, SLICE("<?xml")) ||
	       slice_starts(in, SLICE("<!DOCTYPE")) || slice_starts(in, SLICE("<Events"));
}

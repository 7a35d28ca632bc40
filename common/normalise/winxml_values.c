/* SPDX-License-Identifier: EUPL-1.2 */
/* Elements and text into fields: which part of the event they are in, and what a value is called.
 */
#include "common/normalise/winxml_inside.h"

static bool stop(struct reading *rd, const char *why, bool full)
{
	rd->why = why;
	rd->full = full;
	return false;
}

static void text_begin(struct reading *rd, bool collect)
{
	rd->collect = collect;
	rd->owned = false;
	rd->value = (struct slice){ "", 0 };
	buf_reset(&rd->joined);
}

/* The text so far, as long as the event lives. */
static struct slice text_take(struct reading *rd)
{
	return rd->owned ? arena_copy(rd->ev->mem, rd->value) : rd->value;
}

void reading_text(struct reading *rd, struct slice s, bool lasting)
{
	if (!rd->collect)
		return;
	if (lasting && rd->value.n == 0) {
		rd->value = s;
		return;
	}
	if (lasting && !rd->owned && rd->value.p + rd->value.n == s.p) {
		rd->value.n += s.n;
		return;
	}
	if (!rd->owned)
		buf_slice(&rd->joined, rd->value);
	buf_slice(&rd->joined, s);
	rd->owned = true;
	rd->value = buf_view(&rd->joined);
}

void reading_begin(struct reading *rd, struct event *ev)
{
	rd->ev = ev;
	rd->why = NULL;
	rd->full = false;
	rd->done = false;
	rd->depth = 0;
	rd->elements = 0;
	rd->values = 0;
	rd->part = PART_NONE;
	rd->place = NULL;
	text_begin(rd, false);
}

struct slice winxml_dotted(struct arena *mem, struct slice prefix, struct slice name)
{
	size_t len = name.n, n = prefix.n;
	char *p;

	if (len > WINXML_NAME_MAX) {
		len = WINXML_NAME_MAX;
		while (len > 0 && (name.p[len] & 0xc0) == 0x80)
			len--; /* not inside a character */
	}
	p = arena_alloc(mem, prefix.n + len);
	if (p == NULL)
		return (struct slice){ NULL, 0 };
	memcpy(p, prefix.p, prefix.n);
	for (size_t i = 0; i < len; i++) {
		p[n] = name.p[i];
		n += name.p[i] != ' ';
	}
	return (struct slice){ p, n > prefix.n ? n : 0 };
}

static void put_value(struct reading *rd, struct slice name, bool list, struct slice v)
{
	if (name.n == 0 || slice_is(name, "winlog.user_data.xml_name")) /* which is ours to say */
		return;
	if (rd->values == WINXML_VALUES_MAX) {
		rd->ev->truncated++;
		return;
	}
	rd->values++;
	event_push(rd->ev, name, v);
	if (list)
		event_dyn_array(rd->ev, name);
}

static struct slice prefix_of(enum part part)
{
	return part == PART_DATA    ? SLICE("winlog.event_data.")
	       : part == PART_ERROR ? SLICE("winlog.processing_error_data.")
				    : SLICE("winlog.user_data.");
}

/* Attributes beside Name, of an element that is flattened: NAME.ATTRIBUTE. */
static void put_attributes(struct reading *rd, struct slice name, const struct attribute *a,
			   unsigned n)
{
	for (; n > 0 && name.n > 0; a++, n--) {
		char *p;

		if (slice_is(a->name, "Name") || slice_starts(a->name, SLICE("xml")) ||
		    a->value.n == 0)
			continue;
		p = arena_alloc(rd->ev->mem, name.n + 1);
		if (p == NULL)
			return;
		memcpy(p, name.p, name.n);
		p[name.n] = '.';
		put_value(rd, winxml_dotted(rd->ev->mem, (struct slice){ p, name.n + 1 }, a->name),
			  false, a->value);
	}
}

static struct slice name_attribute(const struct attribute *a, unsigned n)
{
	for (; n > 0; a++, n--)
		if (slice_is(a->name, "Name"))
			for (size_t i = 0; i < a->value.n; i++)
				if (a->value.p[i] != ' ')
					return a->value;
	return (struct slice){ NULL, 0 };
}

/* An element whose text is a value: EventData, UserData and what else is flattened. A value is
 * called what its Name says, else as its element is; "Data" inside a named element, as that one. */
static void start_value(struct reading *rd, struct slice element, const struct attribute *atts,
			unsigned n)
{
	struct level *l = &rd->level[rd->depth], *up = l - 1;
	struct slice name = name_attribute(atts, n);
	bool anonymous = name.n == 0 && slice_is(element, "Data");

	if (rd->collect && slice_trim(rd->value).n > 0)
		put_value(rd, up->name, up->list, text_take(rd)); /* text between children */
	up->parent = true;
	l->parent = false;
	l->named = name.n > 0 || (anonymous && up->named);
	l->list = anonymous && !up->named && rd->part == PART_DATA;
	l->name = anonymous && up->named ? up->name
					 : winxml_dotted(rd->ev->mem, prefix_of(rd->part),
							 name.n > 0 ? name : element);
	put_attributes(rd, l->name, atts, n);
	text_begin(rd, true);
}

static void end_value(struct reading *rd)
{
	struct level *l = &rd->level[rd->depth];
	struct slice v = text_take(rd);

	if (l->parent && slice_trim(v).n == 0)
		return;
	if (rd->part == PART_ERROR && slice_is(l->name, "winlog.processing_error_data.ErrorCode"))
		event_str(rd->ev, ECS_ERROR_CODE, v);
	/* Sigma tells "" from absent in EventData; elsewhere an empty element says nothing. */
	if (v.n > 0 || (rd->part == PART_DATA && !slice_is(l->name, "winlog.event_data.Binary")))
		put_value(rd, l->name, l->list, v);
}

static enum part part_of(struct slice element)
{
	static const struct {
		struct slice element;
		enum part part;
	} parts[] = {
		{ { "System", 6 }, PART_SYSTEM },
		{ { "EventData", 9 }, PART_DATA },
		{ { "UserData", 8 }, PART_USER },
		{ { "RenderingInfo", 13 }, PART_RENDERING },
		{ { "ProcessingErrorData", 19 }, PART_ERROR },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (slice_eq(element, parts[i].element))
			return parts[i].part;
	return PART_OTHER; /* DebugData, SubscriptionBookmarkEvent and their like */
}

static void set_xml_name(struct reading *rd, struct slice element)
{
	event_str(rd->ev, ECS_WINLOG_USER_DATA_XML_NAME, arena_copy(rd->ev->mem, element));
}

static void start_part(struct reading *rd, struct slice element)
{
	struct level *l = &rd->level[rd->depth];

	rd->part = part_of(element);
	*l = (struct level){ .parent = true };
	if (rd->part == PART_DATA) { /* text of its own is a value without a name */
		l->name = SLICE("winlog.event_data.Data");
		l->list = true;
	} else if (rd->part == PART_OTHER) {
		set_xml_name(rd, element);
		l->name = winxml_dotted(rd->ev->mem, prefix_of(rd->part),
					element); /* BinaryEventData is text */
	}
	text_begin(rd, l->name.n > 0);
}

static void start_in_part(struct reading *rd, struct slice element, const struct attribute *atts,
			  unsigned n)
{
	switch (rd->part) {
	case PART_SYSTEM:
		rd->place = rd->depth == 3 ? winxml_system(rd->ev, element, atts, n) : NULL;
		text_begin(rd, rd->place != NULL);
		break;
	case PART_RENDERING:
		rd->place = rd->depth == 3 ? winxml_rendering(element) : NULL;
		text_begin(rd, rd->place != NULL || slice_is(element, "Keyword"));
		break;
	case PART_USER:
		if (rd->depth == 3)
			set_xml_name(rd, element);
		start_value(rd, element, atts, n);
		break;
	default:
		start_value(rd, element, atts, n);
	}
}

bool reading_start(struct reading *rd, struct slice qualified, const struct attribute *atts,
		   unsigned n)
{
	ssize_t colon = slice_chr(qualified, ':');
	struct slice element = slice_from(qualified, (size_t)(colon + 1));

	if (rd->done)
		return stop(rd, MORE_THAN_ONE, false);
	if (++rd->elements > WINXML_ELEMENTS_MAX)
		return stop(rd, "more elements than an event has", true);
	if (++rd->depth == WINXML_DEPTH_MAX)
		return stop(rd, "nested deeper than an event is", true);
	if (n > WINXML_ATTRIBUTES_MAX)
		return stop(rd, "more attributes than an event has", true);
	if (rd->depth == 1 && !slice_is(element, "Event"))
		return stop(rd, "its root is not an Event", false);
	if (rd->depth == 2)
		start_part(rd, element);
	else if (rd->depth > 2)
		start_in_part(rd, element, atts, n);
	return true;
}

static void end_in_part(struct reading *rd)
{
	switch (rd->part) {
	case PART_SYSTEM:
	case PART_RENDERING:
		if (rd->place != NULL)
			winxml_put(rd->ev, rd->place, text_take(rd));
		else if (rd->collect)
			event_add(rd->ev, ECS_WINLOG_KEYWORDS, text_take(rd));
		rd->place = NULL;
		text_begin(rd, false);
		break;
	default:
		end_value(rd);
		text_begin(rd, true); /* what its parent says behind it */
	}
}

static void end_part(struct reading *rd)
{
	if (rd->collect)
		end_value(rd);
	text_begin(rd, false);
	rd->part = PART_NONE;
}

bool reading_end(struct reading *rd)
{
	if (rd->depth == 0)
		return stop(rd, "more end tags than elements", false);
	if (rd->depth >= 3)
		end_in_part(rd);
	else if (rd->depth == 2)
		end_part(rd);
	rd->done = rd->depth == 1;
	rd->depth--;
	return true;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* What the parts System and RenderingInfo mean: tables of element, attribute and field. */
#include "common/base/time.h"
#include "common/normalise/winxml_inside.h"

/* clang-format off */
static const struct place system_places[] = {
	{ { "Provider", 8 }, { "Name", 4 }, ECS_WINLOG_PROVIDER_NAME, ECS_EVENT_PROVIDER, PLACE_TEXT },
	{ { "Provider", 8 }, { "Guid", 4 }, ECS_WINLOG_PROVIDER_GUID, 0, PLACE_TEXT },
	{ { "Provider", 8 }, { "EventSourceName", 15 }, ECS_VARTIO_WINLOG_EVENT_SOURCE_NAME, 0, PLACE_TEXT },
	{ { "EventID", 7 }, { NULL, 0 }, ECS_WINLOG_EVENT_ID, ECS_EVENT_CODE, PLACE_TEXT },
	{ { "EventID", 7 }, { "Qualifiers", 10 }, ECS_VARTIO_WINLOG_QUALIFIERS, 0, PLACE_NUMBER0 },
	{ { "Version", 7 }, { NULL, 0 }, ECS_WINLOG_VERSION, 0, PLACE_NUMBER },
	{ { "Level", 5 }, { NULL, 0 }, ECS_VARTIO_WINLOG_LEVEL, 0, PLACE_NUMBER0 },
	{ { "Task", 4 }, { NULL, 0 }, ECS_VARTIO_WINLOG_TASK, 0, PLACE_NUMBER0 },
	{ { "Opcode", 6 }, { NULL, 0 }, ECS_VARTIO_WINLOG_OPCODE, 0, PLACE_NUMBER0 },
	{ { "Keywords", 8 }, { NULL, 0 }, ECS_VARTIO_WINLOG_KEYWORDS, 0, PLACE_TEXT },
	{ { "TimeCreated", 11 }, { "SystemTime", 10 }, ECS_DYNAMIC, 0, PLACE_TIME },
	{ { "EventRecordID", 13 }, { NULL, 0 }, ECS_WINLOG_RECORD_ID, 0, PLACE_NUMBER },
	{ { "Correlation", 11 }, { "ActivityID", 10 }, ECS_WINLOG_ACTIVITY_ID, 0, PLACE_TEXT },
	{ { "Correlation", 11 }, { "RelatedActivityID", 17 }, ECS_WINLOG_RELATED_ACTIVITY_ID, 0, PLACE_TEXT },
	{ { "Execution", 9 }, { "ProcessID", 9 }, ECS_WINLOG_PROCESS_PID, 0, PLACE_NUMBER },
	{ { "Execution", 9 }, { "ThreadID", 8 }, ECS_WINLOG_PROCESS_THREAD_ID, 0, PLACE_NUMBER },
	{ { "Execution", 9 }, { "ProcessorID", 11 }, ECS_WINLOG_PROCESSOR_ID, 0, PLACE_NUMBER },
	{ { "Execution", 9 }, { "SessionID", 9 }, ECS_WINLOG_SESSION_ID, 0, PLACE_NUMBER },
	{ { "Execution", 9 }, { "KernelTime", 10 }, ECS_WINLOG_KERNEL_TIME, 0, PLACE_NUMBER },
	{ { "Execution", 9 }, { "UserTime", 8 }, ECS_WINLOG_USER_TIME, 0, PLACE_NUMBER },
	{ { "Execution", 9 }, { "ProcessorTime", 13 }, ECS_WINLOG_PROCESSOR_TIME, 0, PLACE_NUMBER },
	{ { "Channel", 7 }, { NULL, 0 }, ECS_WINLOG_CHANNEL, 0, PLACE_TEXT },
	{ { "Computer", 8 }, { NULL, 0 }, ECS_WINLOG_COMPUTER_NAME, ECS_HOST_NAME, PLACE_TEXT },
	{ { "Security", 8 }, { "UserID", 6 }, ECS_WINLOG_USER_IDENTIFIER, 0, PLACE_TEXT },
};
static const struct place rendering_places[] = {
	{ { "Message", 7 }, { NULL, 0 }, ECS_MESSAGE, 0, PLACE_MESSAGE },
	{ { "Level", 5 }, { NULL, 0 }, ECS_LOG_LEVEL, 0, PLACE_TEXT },
	{ { "Task", 4 }, { NULL, 0 }, ECS_WINLOG_TASK, 0, PLACE_TEXT },
	{ { "Opcode", 6 }, { NULL, 0 }, ECS_WINLOG_OPCODE, 0, PLACE_TEXT },
};
/* clang-format on */

/* A JSON number that means the same as the text does. */
static bool is_number(struct slice s)
{
	if (s.n == 0 || s.n > 20 || (s.n > 1 && s.p[0] == '0'))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

static void put_number(struct event *ev, const struct place *p, struct slice v)
{
	if (!is_number(v))
		event_str(ev, p->id, v);
	else if (p->kind == PLACE_NUMBER0 || !slice_is(v, "0"))
		event_json(ev, p->id, v);
}

/* SystemTime is UTC, also where an older writer leaves the Z out. */
static void put_time(struct event *ev, struct slice v)
{
	char text[TIME_TEXT_MAX];

	if (time_parse(v, &ev->time_ns) || v.n == 0 || v.n + 1 >= sizeof(text))
		return;
	memcpy(text, v.p, v.n);
	text[v.n] = 'Z';
	time_parse((struct slice){ text, v.n + 1 }, &ev->time_ns);
}

/* CRLF to LF and no line end at the end: what Winlogbeat does to messages. */
static struct slice plain_lines(struct arena *mem, struct slice v)
{
	size_t n = 0;
	char *p;

	if (slice_find(v, SLICE("\r\n")) >= 0 && (p = arena_alloc(mem, v.n)) != NULL) {
		for (size_t i = 0; i < v.n; i++)
			if (v.p[i] != '\r' || i + 1 == v.n || v.p[i + 1] != '\n')
				p[n++] = v.p[i];
		v = (struct slice){ p, n };
	}
	while (v.n > 0 && v.p[v.n - 1] == '\n')
		v.n--;
	return v;
}

void winxml_put(struct event *ev, const struct place *p, struct slice v)
{
	v = slice_trim(v);
	switch (p->kind) {
	case PLACE_TEXT:
		event_str(ev, p->id, v);
		if (p->also != ECS_DYNAMIC)
			event_str(ev, p->also, v);
		break;
	case PLACE_NUMBER:
	case PLACE_NUMBER0:
		put_number(ev, p, v);
		break;
	case PLACE_TIME:
		put_time(ev, v);
		break;
	case PLACE_MESSAGE:
		event_str(ev, p->id, plain_lines(ev->mem, v));
		break;
	}
}

const struct place *winxml_system(struct event *ev, struct slice element,
				  const struct attribute *atts, unsigned n)
{
	const struct place *p = system_places, *text = NULL;
	const struct place *end = p + sizeof(system_places) / sizeof(system_places[0]);

	while (p < end && !slice_eq(p->element, element))
		p++;
	for (; p < end && slice_eq(p->element, element); p++) {
		if (p->attribute.n == 0)
			text = p;
		for (unsigned i = 0; i < n; i++)
			if (slice_eq(atts[i].name, p->attribute))
				winxml_put(ev, p, atts[i].value);
	}
	return text;
}

const struct place *winxml_rendering(struct slice element)
{
	for (size_t i = 0; i < sizeof(rendering_places) / sizeof(rendering_places[0]); i++)
		if (slice_eq(rendering_places[i].element, element))
			return &rendering_places[i];
	return NULL;
}

/* The standard keywords of winmeta.xml, beside those that RenderingInfo names. */
static void put_keywords(struct event *ev)
{
	static const struct {
		uint64_t bit;
		struct slice name;
	} names[] = {
		{ UINT64_C(1) << 48, { "Response Time", 13 } },
		{ UINT64_C(1) << 50, { "WDI Diag", 8 } },
		{ UINT64_C(1) << 51, { "SQM", 3 } },
		{ UINT64_C(1) << 52, { "Audit Failure", 13 } },
		{ UINT64_C(1) << 53, { "Audit Success", 13 } },
		{ UINT64_C(1) << 54, { "Correlation Hint", 16 } },
		{ UINT64_C(1) << 55, { "Classic", 7 } },
	};
	uint64_t bits;

	if (!slice_number(event_text(ev, ECS_VARTIO_WINLOG_KEYWORDS), &bits))
		return;
	if ((bits & UINT64_C(3) << 52) != 0)
		event_str(ev, ECS_EVENT_OUTCOME,
			  (bits & UINT64_C(1) << 52) != 0 ? SLICE("failure") : SLICE("success"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((bits & names[i].bit) != 0)
			event_add(ev, ECS_WINLOG_KEYWORDS, names[i].name);
}

static uint64_t small_number(const struct event *ev, enum ecs id)
{
	const struct event_value *v = event_get(ev, id);
	uint64_t n = UINT64_MAX;

	if (v != NULL && v->type == EVENT_JSON)
		slice_uint(v->str, UINT32_MAX, &n);
	return n;
}

void winxml_names(struct event *ev)
{
	static const char *const levels[] = { "information", "critical",    "error",
					      "warning",     "information", "verbose" };
	static const char *const opcodes[] = { "Info",      "Start", "Stop",   "DCStart", "DCStop",
					       "Extension", "Reply", "Resume", "Suspend", "Send" };
	uint64_t level = small_number(ev, ECS_VARTIO_WINLOG_LEVEL);
	uint64_t opcode = small_number(ev, ECS_VARTIO_WINLOG_OPCODE);

	if (event_get(ev, ECS_WINLOG_PROVIDER_NAME) == NULL) {
		struct slice name = event_text(ev, ECS_VARTIO_WINLOG_EVENT_SOURCE_NAME);

		event_str(ev, ECS_WINLOG_PROVIDER_NAME, name);
		event_str(ev, ECS_EVENT_PROVIDER, name);
	}
	/* By number, because a rendered name is in the language of the machine that rendered it. */
	if (level < sizeof(levels) / sizeof(levels[0]))
		event_str(ev, ECS_LOG_LEVEL, slice_str(levels[level]));
	if (opcode < sizeof(opcodes) / sizeof(opcodes[0]))
		event_str(ev, ECS_WINLOG_OPCODE, slice_str(opcodes[opcode]));
	put_keywords(ev);
	if (event_get(ev, ECS_WINLOG_TASK) == NULL && small_number(ev, ECS_VARTIO_WINLOG_TASK) == 0)
		event_str(ev, ECS_WINLOG_TASK, SLICE("None"));
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/nxlog.c: a Windows event as NXLog's im_msvistalog and to_json() write it: one
 * flat object, with NXLog's own names for the part System and the names of EventData beside them.
 * It becomes what the same event as XML becomes. Names have changed over NXLog's versions
 * (ProcessID is ExecutionProcessID now, Task is TaskValue), so have Keywords: signed, unsigned,
 * hexadecimal. Reads:  nz->json, where the object has been indexed. */
#include <stdio.h>

#include "common/base/time.h"
#include "common/normalise/inside.h"
#include "common/normalise/winxml_inside.h"

enum own {
	PLAIN,    /* as its place says */
	GUID,     /* the same, in braces */
	OR_TEXT,  /* the same where it is a number; else `text` */
	TIME,     /* of the sender's clock where it names no zone */
	KEYWORDS, /* as Windows writes them: 0x... */
	TYPE,     /* level and outcome; EventData may have a value of that name too */
	ITSELF,   /* of NXLog's: nxlog.NAME */
};

/* clang-format off */
static const struct known { /* in order of name */
	struct slice name;
	enum own own;
	struct place place;
	enum ecs text;
	const char *newer; /* where the object has this name too, it is EventData's */
} fields[] = {
#define F(name, own, id, also, kind, ...) \
	{ { name, sizeof(name) - 1 }, own, { { NULL, 0 }, { NULL, 0 }, id, also, PLACE_##kind }, __VA_ARGS__ }
	F("@timestamp", TIME, 0, 0, TIME, 0, NULL), /* by another hand */
	F("AccountName", PLAIN, ECS_WINLOG_USER_NAME, 0, TEXT, 0, NULL),
	F("AccountType", PLAIN, ECS_WINLOG_USER_TYPE, 0, TEXT, 0, NULL),
	F("ActivityID", GUID, ECS_WINLOG_ACTIVITY_ID, 0, TEXT, 0, NULL),
	F("Category", PLAIN, ECS_WINLOG_TASK, 0, TEXT, 0, NULL),
	F("Channel", PLAIN, ECS_WINLOG_CHANNEL, 0, TEXT, 0, NULL),
	F("Domain", PLAIN, ECS_WINLOG_USER_DOMAIN, 0, TEXT, 0, NULL),
	F("EventID", PLAIN, ECS_WINLOG_EVENT_ID, ECS_EVENT_CODE, TEXT, 0, NULL),
	F("EventReceivedTime", ITSELF, 0, 0, TEXT, 0, NULL),
	F("EventTime", TIME, 0, 0, TIME, 0, "@timestamp"),
	F("EventType", TYPE, 0, 0, TEXT, 0, NULL),
	F("ExecutionProcessID", PLAIN, ECS_WINLOG_PROCESS_PID, 0, NUMBER, 0, NULL),
	F("ExecutionThreadID", PLAIN, ECS_WINLOG_PROCESS_THREAD_ID, 0, NUMBER, 0, NULL),
	F("Hostname", PLAIN, ECS_WINLOG_COMPUTER_NAME, ECS_HOST_NAME, TEXT, 0, NULL),
	F("Keywords", KEYWORDS, ECS_VARTIO_WINLOG_KEYWORDS, 0, TEXT, 0, NULL),
	F("Level", OR_TEXT, ECS_VARTIO_WINLOG_LEVEL, 0, NUMBER0, 0, NULL),
	F("Message", PLAIN, ECS_MESSAGE, 0, MESSAGE, 0, NULL),
	F("Opcode", OR_TEXT, ECS_VARTIO_WINLOG_OPCODE, 0, NUMBER0, ECS_WINLOG_OPCODE, NULL),
	F("OpcodeValue", PLAIN, ECS_VARTIO_WINLOG_OPCODE, 0, NUMBER0, 0, NULL),
	F("ProcessID", PLAIN, ECS_WINLOG_PROCESS_PID, 0, NUMBER, 0, "ExecutionProcessID"),
	F("ProviderGuid", GUID, ECS_WINLOG_PROVIDER_GUID, 0, TEXT, 0, NULL),
	F("RecordNumber", PLAIN, ECS_WINLOG_RECORD_ID, 0, NUMBER, 0, NULL),
	F("RelatedActivityID", GUID, ECS_WINLOG_RELATED_ACTIVITY_ID, 0, TEXT, 0, NULL),
	F("Severity", ITSELF, 0, 0, TEXT, 0, NULL),
	F("SeverityValue", ITSELF, 0, 0, TEXT, 0, NULL),
	F("SourceModuleName", ITSELF, 0, 0, TEXT, 0, NULL),
	F("SourceModuleType", ITSELF, 0, 0, TEXT, 0, NULL),
	F("SourceName", PLAIN, ECS_WINLOG_PROVIDER_NAME, ECS_EVENT_PROVIDER, TEXT, 0, NULL),
	F("Task", OR_TEXT, ECS_VARTIO_WINLOG_TASK, 0, NUMBER0, ECS_WINLOG_TASK, NULL),
	F("TaskValue", PLAIN, ECS_VARTIO_WINLOG_TASK, 0, NUMBER0, 0, NULL),
	F("ThreadID", PLAIN, ECS_WINLOG_PROCESS_THREAD_ID, 0, NUMBER, 0, "ExecutionThreadID"),
	F("UserID", PLAIN, ECS_WINLOG_USER_IDENTIFIER, 0, TEXT, 0, NULL),
	F("Version", PLAIN, ECS_WINLOG_VERSION, 0, NUMBER, 0, NULL),
#undef F
};
/* clang-format on */

static const struct known *known(struct slice name)
{
	size_t lo = 0, hi = sizeof(fields) / sizeof(fields[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		struct slice at = fields[mid].name;
		int c = memcmp(at.p, name.p, at.n < name.n ? at.n : name.n);

		if (c == 0)
			c = (at.n > name.n) - (at.n < name.n);
		if (c == 0)
			return &fields[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static bool has(const struct json_index *ix, const char *name)
{
	const struct json_field *f = json_index_get(ix, slice_str(name));

	return f != NULL && (f->type == JS_STRING || f->type == JS_NUMBER);
}

bool nxlog_is(const struct json_index *ix)
{
	return has(ix, "EventID") && has(ix, "SourceName") &&
	       (has(ix, "Channel") || has(ix, "RecordNumber") || has(ix, "SourceModuleType"));
}

static struct slice joined(struct event *ev, struct slice a, struct slice b, struct slice c)
{
	char *p = arena_alloc(ev->mem, a.n + b.n + c.n);

	if (p == NULL)
		return (struct slice){ NULL, 0 };
	memcpy(p, a.p, a.n);
	memcpy(p + a.n, b.p, b.n);
	memcpy(p + a.n + b.n, c.p, c.n);
	return (struct slice){ p, a.n + b.n + c.n };
}

static bool put_time(const struct norm_source *src, struct event *ev, struct slice v)
{
	int64_t t_ns;

	if (time_parse(v, &ev->time_ns))
		return true;
	if (v.n > TIME_TEXT_MAX || !time_parse(joined(ev, v, SLICE("Z"), SLICE("")), &t_ns))
		return false;
	ev->time_ns = t_ns - src->zone_s * NS_PER_SEC;
	syslog_zone_field(src->zone_s, ev);
	return true;
}

static bool put_keywords(struct event *ev, struct slice v)
{
	bool minus = v.n > 0 && v.p[0] == '-';
	char hex[2 + 16 + 1];
	uint64_t n;

	if (!slice_number(slice_from(v, minus), &n))
		return false;
	snprintf(hex, sizeof(hex), "0x%llx", (unsigned long long)(minus ? 0 - n : n));
	event_str(ev, ECS_VARTIO_WINLOG_KEYWORDS, arena_copy(ev->mem, slice_str(hex)));
	return true;
}

static bool put_type(struct event *ev, struct slice v)
{
	static const struct {
		struct slice type;
		const char *level, *outcome;
	} types[] = {
		{ { "AUDIT_FAILURE", 13 }, "information", "failure" },
		{ { "AUDIT_SUCCESS", 13 }, "information", "success" },
		{ { "CRITICAL", 8 }, "critical", NULL },
		{ { "ERROR", 5 }, "error", NULL },
		{ { "INFO", 4 }, "information", NULL },
		{ { "VERBOSE", 7 }, "verbose", NULL },
		{ { "WARNING", 7 }, "warning", NULL },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!slice_eq(types[i].type, v))
			continue;
		event_str(ev, ECS_LOG_LEVEL, slice_str(types[i].level));
		event_str(ev, ECS_EVENT_OUTCOME, slice_str(types[i].outcome));
		event_dyn(ev, SLICE("nxlog.EventType"), v);
		return true;
	}
	return false;
}

/* false: it is not what the name says, and goes to the data. */
static bool put_known(const struct norm_source *src, const struct known *k, struct slice v,
		      struct event *ev)
{
	uint64_t n;

	switch (k->own) {
	case TIME:
		return put_time(src, ev, v);
	case KEYWORDS:
		return put_keywords(ev, v);
	case TYPE:
		return put_type(ev, v);
	case ITSELF:
		event_dyn(ev, joined(ev, SLICE("nxlog."), k->name, SLICE("")), v);
		return true;
	case GUID:
		if (v.n == 36 && v.p[8] == '-')
			v = joined(ev, SLICE("{"), v, SLICE("}"));
		break;
	case OR_TEXT:
		if (slice_uint(v, UINT32_MAX, &n))
			break;
		if (k->text == ECS_DYNAMIC)
			return false;
		event_str(ev, k->text, v);
		return true;
	case PLAIN:
		break;
	}
	winxml_put(ev, &k->place, v);
	return true;
}

/* A name that NXLog could not take has "_" for each character: Defender's "Threat Name". */
static struct slice without_bars(struct event *ev, struct slice name)
{
	char *p = arena_alloc(ev->mem, name.n);
	size_t n = 0;

	for (size_t i = 0; p != NULL && i < name.n; i++)
		if (name.p[i] != '_')
			p[n++] = name.p[i];
	return (struct slice){ p, n };
}

static void put_data(struct event *ev, struct slice name, struct slice v, bool bars)
{
	struct slice prefix = SLICE("winlog.event_data.");

	if (slice_starts(name, SLICE("EventData."))) {
		name = slice_from(name, 10);
	} else if (slice_starts(name, SLICE("UserData."))) {
		name = slice_from(name, 9);
		prefix = SLICE("winlog.user_data.");
	}
	if (!bars)
		name = without_bars(ev, name);
	name = winxml_dotted(ev->mem, prefix, name);
	if (name.n > 0)
		event_push(ev, name, v);
}

void nxlog_fields(struct normaliser *nz, const struct norm_source *src, struct event *ev)
{
	struct json_index *ix = &nz->json;
	const struct json_field *from = json_index_get(ix, SLICE("SourceName"));
	bool bars = from == NULL || slice_find(from->value, SLICE("Windows Defender")) < 0;
	unsigned values = 0;

	for (unsigned i = 0; i < ix->n; i++) {
		const struct json_field *f = &ix->f[i];
		const struct known *k = known(f->path);
		struct slice v;

		if (f->type == JS_NULL || f->type == JS_OBJECT || f->type == JS_ARRAY)
			continue;
		v = json_field_text(ix, f);
		if (k != NULL && (k->newer == NULL || !has(ix, k->newer)) &&
		    put_known(src, k, v, ev))
			continue;
		if (values++ < WINXML_VALUES_MAX)
			put_data(ev, f->path, v, bars);
		else
			ev->truncated++;
	}
	winxml_names(ev);
	if (ev->truncated > 0)
		event_str(ev, ECS_EVENT_ORIGINAL, ix->text);
	winecs_user(ev);
	winecs_map(ev, &nz->scratch);
}

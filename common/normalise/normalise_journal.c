/* SPDX-License-Identifier: EUPL-1.2 */
/* NORM_JOURNAL: one entry as `journalctl -o json` writes it (systemd.journal-fields(7)). Fields
 * that begin with _ are the journal's own word; the others are what the program said of itself. */
#include "common/base/time.h"
#include "common/normalise/inside.h"

/* The value's text, which lives as long as the event. */
static struct slice text(struct normaliser *nz, const char *name, struct event *ev)
{
	const struct json_field *f = json_index_get(&nz->json, slice_str(name));

	if (f == NULL || f->type == JS_OBJECT || f->type == JS_ARRAY || f->type == JS_NULL)
		return (struct slice){ NULL, 0 };
	return f->escaped ? arena_copy(ev->mem, json_field_text(&nz->json, f)) : f->value;
}

static bool number(struct normaliser *nz, const char *name, uint64_t max, struct event *ev,
		   uint64_t *ret)
{
	return slice_uint(text(nz, name, ev), max, ret);
}

/* MESSAGE that is not UTF-8 comes as an array of byte values. */
static struct slice message(struct normaliser *nz, struct event *ev)
{
	const struct json_field *first = json_index_get(&nz->json, SLICE("MESSAGE"));
	const struct json_index *ix = &nz->json;
	size_t n = 0;
	uint64_t byte;
	char *p;

	if (first == NULL || first->type != JS_NUMBER)
		return text(nz, "MESSAGE", ev);
	p = arena_alloc(ev->mem, ix->n);
	if (p == NULL)
		return (struct slice){ NULL, 0 };
	for (unsigned i = (unsigned)(first - ix->f); i < ix->n; i++)
		if (slice_is(ix->f[i].path, "MESSAGE") && slice_uint(ix->f[i].value, 255, &byte))
			p[n++] = (char)byte;
	return (struct slice){ p, n };
}

static void put_priority(struct normaliser *nz, struct event *ev)
{
	uint64_t severity, facility;

	if (!number(nz, "PRIORITY", 7, ev, &severity))
		return;
	if (number(nz, "SYSLOG_FACILITY", 23, ev, &facility)) {
		syslog_pri_fields((unsigned)(facility << 3 | severity), ev);
		return;
	}
	syslog_pri_fields((unsigned)severity, ev);
	event_drop(ev, ECS_LOG_SYSLOG_PRIORITY); /* the facility is not known */
	event_drop(ev, ECS_LOG_SYSLOG_FACILITY_CODE);
	event_drop(ev, ECS_LOG_SYSLOG_FACILITY_NAME);
}

static void put_process(struct normaliser *nz, struct slice program, struct event *ev)
{
	uint64_t pid;

	event_str(ev, ECS_PROCESS_NAME, program);
	if (number(nz, "_PID", INT32_MAX, ev, &pid) ||
	    number(nz, "SYSLOG_PID", INT32_MAX, ev, &pid))
		event_int(ev, ECS_PROCESS_PID, (int64_t)pid);
	event_str(ev, ECS_PROCESS_EXECUTABLE, text(nz, "_EXE", ev));
	event_str(ev, ECS_PROCESS_COMMAND_LINE, text(nz, "_CMDLINE", ev));
	event_str(ev, ECS_SYSTEMD_UNIT, text(nz, "_SYSTEMD_UNIT", ev));
	event_str(ev, ECS_JOURNALD_TRANSPORT, text(nz, "_TRANSPORT", ev));
}

bool format_journal(struct normaliser *nz, struct slice line, const struct norm_source *src,
		    struct event *ev, struct err *err)
{
	struct slice program, host;
	uint64_t us;

	if (json_index_read(&nz->json, line, err) < 0)
		return false;
	if (number(nz, "__REALTIME_TIMESTAMP", INT64_MAX / 1000, ev, &us))
		ev->time_ns = (int64_t)us * 1000;
	host = text(nz, "_HOSTNAME", ev);
	event_str(ev, ECS_HOST_HOSTNAME, host);
	event_str(ev, ECS_HOST_NAME, host);
	program = text(nz, "SYSLOG_IDENTIFIER", ev);
	if (program.n == 0)
		program = text(nz, "_COMM", ev);
	put_priority(nz, ev);
	put_process(nz, program, ev);
	program_message(nz, program, message(nz, ev), ev);
	if (event_get(ev, ECS_USER_NAME) == NULL) /* whom the message names is not who logged it */
		event_str(ev, ECS_USER_ID, text(nz, "_UID", ev));
	if (event_get(ev, ECS_SERVICE_NAME) != NULL)
		event_str(ev, ECS_SERVICE_NAME, text(nz, "UNIT", ev));
	return true;
}

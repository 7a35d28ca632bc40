/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/time.h"
#include "common/normalise/inside.h"

#include <stdio.h>

void syslog_pri_fields(unsigned pri, struct event *ev)
{
	static const char *const levels[] = { /* log.level by the keywords of syslog.conf */
					      "emerg",   "alert",  "crit", "err",
					      "warning", "notice", "info", "debug"
	};

	event_int(ev, ECS_LOG_SYSLOG_PRIORITY, pri);
	event_int(ev, ECS_LOG_SYSLOG_FACILITY_CODE, pri >> 3);
	event_str(ev, ECS_LOG_SYSLOG_FACILITY_NAME, syslog_facility_name(pri >> 3));
	event_int(ev, ECS_LOG_SYSLOG_SEVERITY_CODE, pri & 7);
	event_str(ev, ECS_LOG_SYSLOG_SEVERITY_NAME, syslog_severity_name(pri & 7));
	event_str(ev, ECS_LOG_LEVEL, slice_str(levels[pri & 7]));
}

/* "message repeated 5 times: [ text]" (rsyslog): the text, and 5. */
static struct slice unwrap_repeated(struct slice msg, struct event *ev)
{
	const struct slice head = SLICE("message repeated "), times = SLICE(" times: [");
	struct slice rest = slice_from(msg, head.n), inner;
	ssize_t at;
	uint64_t n;

	if (!slice_starts(msg, head) || msg.p[msg.n - 1] != ']')
		return msg;
	at = slice_find(rest, times);
	if (at < 0 || !slice_uint((struct slice){ rest.p, (size_t)at }, UINT32_MAX, &n))
		return msg;
	inner = slice_from(rest, (size_t)at + times.n);
	if (inner.n == 0)
		return msg;
	inner.n--; /* the bracket */
	event_int(ev, ECS_VARTIO_REPEATED, (int64_t)n);
	return slice_trim(inner);
}

/* "last message repeated 3 times": what was repeated is another line of that host. */
static bool last_repeated(struct slice msg, struct event *ev)
{
	const struct slice head = SLICE("last message repeated "), tail = SLICE(" times");
	struct slice count = slice_from(msg, head.n);
	uint64_t n;

	if (!slice_starts(msg, head) || !slice_ends(count, tail))
		return false;
	count.n -= tail.n;
	if (!slice_uint(count, UINT32_MAX, &n))
		return false;
	event_int(ev, ECS_VARTIO_REPEATED, (int64_t)n);
	event_str(ev, ECS_EVENT_ACTION, SLICE("repeated"));
	return true;
}

/* "[12345.678901] " before the kernel's text: seconds since boot. */
static struct slice strip_uptime(struct slice msg)
{
	size_t i = 1;

	if (msg.n == 0 || msg.p[0] != '[')
		return msg;
	while (i < msg.n &&
	       (msg.p[i] == ' ' || msg.p[i] == '.' || (msg.p[i] >= '0' && msg.p[i] <= '9')))
		i++;
	if (i < 2 || i >= msg.n || msg.p[i] != ']')
		return msg;
	return slice_trim(slice_from(msg, i + 1));
}

void program_message(struct normaliser *nz, struct slice program, struct slice msg,
		     struct event *ev)
{
	struct slice text = msg, trimmed;

	while (text.n > 0 && text.p[0] == ' ') /* sudo aligns the user's name */
		text = slice_from(text, 1);
	event_str(ev, ECS_MESSAGE, msg);
	if (text.n == 0 || last_repeated(text, ev))
		return;
	text = unwrap_repeated(text, ev);
	if (slice_is(program, "kernel"))
		text = strip_uptime(text);
	trimmed = slice_trim(text);
	/* A blank at the end may belong to a command, or be an empty field's (PAM). */
	if (!matcher_apply(nz->matcher, program, text, ev) && trimmed.n < text.n)
		matcher_apply(nz->matcher, program, trimmed, ev);
}

static void put_pid(struct slice procid, struct event *ev)
{
	uint64_t pid;

	if (slice_uint(procid, INT32_MAX, &pid))
		event_int(ev, ECS_PROCESS_PID, (int64_t)pid);
	else
		event_str(ev, ECS_LOG_SYSLOG_PROCID, procid);
}

void syslog_zone_field(int32_t zone_s, struct event *ev)
{
	uint32_t minutes = (uint32_t)(zone_s < 0 ? -zone_s : zone_s) / 60;
	char text[16];
	int n;

	if (zone_s == 0) {
		event_str(ev, ECS_EVENT_TIMEZONE, SLICE("+00:00"));
		return;
	}
	n = snprintf(text, sizeof(text), "%c%02u:%02u", zone_s < 0 ? '-' : '+', minutes / 60 % 100,
		     minutes % 60);
	event_str(ev, ECS_EVENT_TIMEZONE, arena_copy(ev->mem, (struct slice){ text, (size_t)n }));
}

/* /usr/sbin/cron is cron. */
static struct slice base_name(struct slice program)
{
	const char *slash;

	if (program.n == 0 || program.p[0] != '/')
		return program;
	slash = memrchr(program.p, '/', program.n);
	return slice_from(program, (size_t)(slash - program.p) + 1);
}

static void header_fields(const struct syslog *h, const struct norm_source *src, struct event *ev)
{
	if (h->has_time) {
		ev->time_ns = h->time_ns;
		if (h->zone_assumed)
			syslog_zone_field(src->zone_s, ev);
	}
	if (h->host.n > 0) {
		event_str(ev, ECS_HOST_HOSTNAME, h->host);
		event_str(ev, ECS_HOST_NAME, h->host);
	}
	if (h->pri >= 0) { /* a message; a line of a file says no more than the fields above */
		syslog_pri_fields((unsigned)h->pri, ev);
		event_str(ev, ECS_LOG_SYSLOG_HOSTNAME, h->host);
		event_str(ev, ECS_LOG_SYSLOG_APPNAME, h->app);
		event_str(ev, ECS_LOG_SYSLOG_PROCID, h->procid);
		event_str(ev, ECS_LOG_SYSLOG_MSGID, h->msgid);
	}
	if (h->version > 0) {
		char digits[4];
		int n = snprintf(digits, sizeof(digits), "%u", h->version % 1000);

		event_str(ev, ECS_LOG_SYSLOG_VERSION,
			  h->version == 1
				  ? SLICE("1")
				  : arena_copy(ev->mem, (struct slice){ digits, (size_t)n }));
		syslog_sd_fields(h->sd, ev);
	}
}

/* What the program that the header names has to say. */
static void body_fields(struct normaliser *nz, const struct syslog *h, struct event *ev)
{
	struct slice program = base_name(h->app);

	event_str(ev, ECS_PROCESS_NAME, program);
	put_pid(h->procid, ev);
	program_message(nz, program, h->msg, ev);
}

static bool is_nxlog(struct normaliser *nz, struct slice msg)
{
	struct err err;

	return msg.n > 2 && msg.p[0] == '{' && msg.p[msg.n - 1] == '}' &&
	       slice_find(msg, SLICE("\"EventID\"")) >= 0 &&
	       json_index_read(&nz->json, msg, &err) == 0 && nxlog_is(&nz->json);
}

/* A forwarder's message that is a Windows event: then the program of the header is the forwarder,
 * and its computer the one that the event names. */
static bool windows_fields(struct normaliser *nz, const struct syslog *h,
			   const struct norm_source *src, struct event *ev)
{
	struct snare sn;
	bool snare = snare_parse(h->msg, slice_is(h->app, SNARE_MARK), ev->mem, &sn);

	if (!snare && !is_nxlog(nz, slice_trim(h->msg)))
		return false;
	header_fields(h, src, ev);
	event_drop(ev, ECS_HOST_HOSTNAME);
	if (snare)
		snare_fields(nz, &sn, src, ev);
	else
		nxlog_fields(nz, src, ev);
	return true;
}

/* <PRI>, or a time that some day has: also where that day is not one that the line can mean. */
static bool looks_like_syslog(struct slice line)
{
	const struct syslog_clock clock = { 0, 0 };
	struct syslog h;

	if (line.n > 2 && line.p[0] == '<' && line.p[1] >= '0' && line.p[1] <= '9')
		return true;
	return syslog_time(line, &clock, &h) > 0;
}

static void tell_problem(const struct syslog *h, struct event *ev)
{
	struct buf b = { 0 };

	if (h->problem != NULL)
		buf_printf(&b, "not an RFC 5424 line: %s at byte %zu", h->problem, h->problem_at);
	else if (h->year_beyond)
		buf_str(&b, "the year of the line's time is not possible: the time when it was "
			    "received stands");
	else
		buf_str(&b, "no syslog header: neither <PRI> nor a time");
	event_str(ev, ECS_EVENT_KIND, SLICE("pipeline_error"));
	event_str(ev, ECS_ERROR_MESSAGE, arena_copy(ev->mem, buf_view(&b)));
	buf_release(&b);
}

bool format_syslog(struct normaliser *nz, struct slice line, const struct norm_source *src,
		   bool sure, struct event *ev)
{
	const struct syslog_clock clock = { src->received_ns, src->zone_s };
	struct syslog h;
	bool none;

	syslog_parse(line, &clock, &h);
	none = h.pri < 0 && !h.has_time;
	if (windows_fields(nz, &h, src, ev))
		return true;
	if (none && !h.year_beyond && !sure && !looks_like_syslog(line))
		return false;
	header_fields(&h, src, ev);
	body_fields(nz, &h, ev);
	if (h.problem != NULL || h.year_beyond || none)
		tell_problem(&h, ev);
	return true;
}

/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/normalise/syslog.h"

#include "common/base/time.h"

#define TAG_MAX 64u /* RFC 3164 says 32; units and containers are longer */

struct slice syslog_facility_name(unsigned code)
{
	static const char *const names[] = {
		/* RFC 5424 table 1, by the keywords of syslog.conf */
		"kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
		"uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
		"local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"
	};

	return slice_str(code < 24 ? names[code] : NULL);
}

struct slice syslog_severity_name(unsigned code)
{
	static const char *const names[] = { "Emergency", "Alert",  "Critical",      "Error",
					     "Warning",   "Notice", "Informational", "Debug" };

	return slice_str(code < 8 ? names[code] : NULL);
}

/* "<PRI>" at the beginning. Bytes used; 0: none, or past 191. */
static size_t pri_at(struct slice s, int *ret)
{
	size_t i = 1;
	int v = 0;

	if (s.n < 3 || s.p[0] != '<')
		return 0;
	for (; i < s.n && i < 4 && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		v = v * 10 + (s.p[i] - '0');
	if (i == 1 || i >= s.n || s.p[i] != '>' || v > 191 || (i > 2 && s.p[1] == '0'))
		return 0;
	*ret = v;
	return i + 1;
}

/* A cursor over RFC 5424's header, which remembers its first error. */
struct cursor {
	struct slice s;
	size_t i;
	const char *problem;
};

static void refuse(struct cursor *c, const char *why)
{
	if (c->problem == NULL)
		c->problem = why;
}

/* One header field: 1..max printable ASCII bytes, then a space that is eaten too. "-" is empty. */
static struct slice header_field(struct cursor *c, size_t max, const char *why)
{
	size_t start = c->i;
	struct slice f;

	while (c->i < c->s.n && (unsigned char)c->s.p[c->i] > 0x20 &&
	       (unsigned char)c->s.p[c->i] < 0x7f)
		c->i++;
	f = (struct slice){ c->s.p + start, c->i - start };
	if (f.n == 0 || f.n > max || c->i == c->s.n || c->s.p[c->i] != ' ') {
		refuse(c, why);
		return (struct slice){ NULL, 0 };
	}
	c->i++;
	return slice_is(f, "-") ? (struct slice){ NULL, 0 } : f;
}

static bool sd_name_byte(char ch)
{
	return ch > 0x20 && ch < 0x7f && ch != '=' && ch != ']' && ch != '"';
}

/* SD-NAME; we take any length, since senders exceed the 32 bytes of the standard. */
static bool sd_name(struct slice s, size_t *i)
{
	size_t start = *i;

	while (*i < s.n && sd_name_byte(s.p[*i]))
		++*i;
	return *i > start;
}

/* "value" with escapes; *i is past the opening quote, and comes out past the closing one. A ]
 * should be escaped, but the quotes tell well enough, and senders forget it. */
static bool sd_value(struct slice s, size_t *i)
{
	for (; *i < s.n; ++*i) {
		if (s.p[*i] == '"') {
			++*i;
			return true;
		}
		if (s.p[*i] == '\\' && *i + 1 < s.n)
			++*i; /* a backslash before another byte stands for itself (6.3.3) */
	}
	return false;
}

static bool sd_element(struct slice s, size_t *i)
{
	++*i; /* the bracket */
	if (!sd_name(s, i))
		return false;
	for (;;) {
		while (*i < s.n && s.p[*i] == ' ')
			++*i;
		if (*i < s.n && s.p[*i] == ']') {
			++*i;
			return true;
		}
		if (!sd_name(s, i) || *i + 1 >= s.n || s.p[*i] != '=' || s.p[*i + 1] != '"')
			return false;
		*i += 2;
		if (!sd_value(s, i))
			return false;
	}
}

static struct slice structured_data(struct cursor *c)
{
	size_t start = c->i;

	if (c->problem != NULL)
		return (struct slice){ NULL, 0 };
	if (c->i < c->s.n && c->s.p[c->i] == '-') {
		c->i++;
		return (struct slice){ NULL, 0 };
	}
	if (c->i == c->s.n || c->s.p[c->i] != '[')
		refuse(c, "structured data is missing");
	while (c->problem == NULL && c->i < c->s.n && c->s.p[c->i] == '[')
		if (!sd_element(c->s, &c->i))
			refuse(c, "bad structured data");
	return (struct slice){ c->s.p + start, c->i - start };
}

static struct slice message(struct cursor *c)
{
	struct slice msg = { NULL, 0 };

	if (c->problem != NULL || c->i == c->s.n)
		return msg;
	if (c->s.p[c->i] != ' ')
		refuse(c, "no space before the message");
	msg = slice_from(c->s, c->i + 1);
	return slice_starts(msg, SLICE("\xef\xbb\xbf")) ? slice_from(msg, 3) : msg;
}

bool syslog_parse_5424(struct slice line, struct syslog *ret)
{
	struct cursor c = { .s = line };
	struct syslog h = { .pri = -1 };
	struct slice stamp;

	c.i = pri_at(line, &h.pri);
	if (c.i == 0)
		refuse(&c, "no <PRI>");
	if (c.i < line.n && line.p[c.i] == '0')
		refuse(&c, "bad version");
	for (unsigned n = 0; c.i < line.n && n < 3 && line.p[c.i] >= '0' && line.p[c.i] <= '9'; n++)
		h.version = h.version * 10 + (unsigned)(line.p[c.i++] - '0');
	if (h.version == 0 || c.i == line.n || line.p[c.i] != ' ')
		refuse(&c, "bad version");
	c.i++;
	if (c.problem == NULL) {
		stamp = header_field(&c, 64, "bad timestamp");
		h.has_time = stamp.n > 0;
		h.year_beyond = h.has_time && syslog_year_beyond(stamp) && stamp.p[10] == 'T';
		h.has_time = h.has_time && !h.year_beyond;
		if (h.has_time && (!time_parse(stamp, &h.time_ns) || stamp.p[10] != 'T'))
			refuse(&c, "bad timestamp");
	}
	if (c.problem == NULL)
		h.host = header_field(&c, 255, "bad hostname");
	if (c.problem == NULL)
		h.app = header_field(&c, 48, "bad app-name");
	if (c.problem == NULL)
		h.procid = header_field(&c, 128, "bad procid");
	if (c.problem == NULL)
		h.msgid = header_field(&c, 32, "bad msgid");
	h.sd = structured_data(&c);
	h.msg = message(&c);
	if (c.problem != NULL) {
		ret->problem = c.problem;
		ret->problem_at = c.i + 1;
		return false;
	}
	*ret = h;
	return true;
}

static struct slice token(struct slice s, size_t from)
{
	size_t i = from;

	while (i < s.n && s.p[i] != ' ')
		i++;
	return (struct slice){ s.p + from, i - from };
}

static size_t spaces(struct slice s, size_t i)
{
	while (i < s.n && s.p[i] == ' ')
		i++;
	return i;
}

/* "program:", "program[pid]:", "program[pid]", "[program]:", "[program]" at the beginning of s,
 * with nothing or a space after. Bytes used; 0: no tag. */
static size_t tag_at(struct slice s, struct slice *ret_app, struct slice *ret_procid)
{
	static const bool ends[256] = {
		[':'] = true, ['['] = true, [']'] = true, ['"'] = true, ['='] = true
	};
	size_t i = 0, start = 0, end, open = 0;

	if (s.n > 0 && s.p[0] == '[')
		start = i = 1;
	while (i < s.n && i < TAG_MAX && (unsigned char)s.p[i] > 0x20 &&
	       !ends[(unsigned char)s.p[i]])
		i++;
	end = i;
	if (end == start || i == s.n)
		return 0;
	if (start == 1) {
		if (s.p[i++] != ']')
			return 0;
		if (i < s.n && s.p[i] == ':')
			i++;
		else if (i < s.n && s.p[i] != ' ')
			return 0;
	} else if (s.p[i] == '[') {
		open = ++i;
		while (i < s.n && s.p[i] != ']' && s.p[i] != ' ' && i - open < 128)
			i++;
		if (i == s.n || s.p[i] != ']')
			return 0;
		*ret_procid = (struct slice){ s.p + open, i - open };
		i++;
		if (i < s.n && s.p[i] == ':')
			i++;
	} else if (s.p[i] == ':') {
		i++;
		/* "12:30:01" or "http://" is no program; "tag:text" is one. */
		if (i < s.n && s.p[i] != ' ' && (s.p[i] == '/' || s.p[i] == ':' || s.p[0] <= '9'))
			return 0;
	} else {
		return 0;
	}
	*ret_app = (struct slice){ s.p + start, end - start };
	return i;
}

/* "Google Chrome[123]:": spaces in a program's name are believed where a number in brackets and a
 * colon follow soon. */
static size_t spaced_tag_at(struct slice s, struct slice *ret_app, struct slice *ret_procid)
{
	ssize_t open = slice_chr((struct slice){ s.p, s.n < 32 ? s.n : 32 }, '[');
	unsigned spaces_in = 0;
	size_t i;

	if (open <= 0)
		return 0;
	for (i = 0; i < (size_t)open; i++) {
		if (s.p[i] == ' ')
			spaces_in++;
		else if (strchr(":=\"'(,;", s.p[i]) != NULL)
			return 0;
	}
	for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		;
	if (spaces_in > 2 || s.p[0] == ' ' || s.p[open - 1] == ' ' || i == (size_t)open + 1 ||
	    i + 1 >= s.n || s.p[i] != ']' || s.p[i + 1] != ':')
		return 0;
	*ret_app = (struct slice){ s.p, (size_t)open };
	*ret_procid = (struct slice){ s.p + open + 1, i - (size_t)open - 1 };
	return i + 2;
}

/* Fills app, procid, msg from what follows the header. */
static void tag_and_message(struct slice s, struct syslog *ret)
{
	size_t used = tag_at(s, &ret->app, &ret->procid);

	if (used == 0)
		used = spaced_tag_at(s, &ret->app, &ret->procid);

	if (used == 0)
		ret->procid = (struct slice){ NULL, 0 };
	ret->msg = slice_from(s, used);
	if (used > 0)
		ret->msg = slice_from(ret->msg, spaces(ret->msg, 0));
}

static bool is_host(struct slice t)
{
	static const bool marks[256] = { ['-'] = true, ['.'] = true, ['_'] = true, [':'] = true,
					 ['@'] = true, ['/'] = true, ['['] = true, [']'] = true };
	bool any = false;

	if (t.n == 0 || t.n > 255)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		char c = t.p[i];

		if (marks[(unsigned char)c])
			continue;
		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !char_is_digit(c))
			return false;
		any = true;
	}
	return any;
}

/* What follows the time: "host tag: text", "tag: text" (no host), "host text". */
static void after_time(struct slice s, struct syslog *ret)
{
	struct slice t = token(s, 0), app, procid;
	size_t skipped;

	if (slice_starts(s, SLICE("<")) && slice_chr(t, '>') == (ssize_t)t.n - 1) {
		s = slice_from(s, spaces(s, t.n)); /* syslogd -vv of BSD: <facility.level> */
		t = token(s, 0);
	}
	if (slice_starts(s, SLICE("Message forwarded from "))) { /* AIX */
		s = slice_from(s, sizeof("Message forwarded from ") - 1);
		t = token(s, 0);
		if (t.n > 1 && t.p[t.n - 1] == ':')
			ret->host = (struct slice){ t.p, t.n - 1 };
		tag_and_message(slice_from(s, spaces(s, t.n)), ret);
		return;
	}
	if (slice_starts(s, SLICE("last message repeated ")) || tag_at(s, &app, &procid) > 0 ||
	    !is_host(t)) {
		tag_and_message(s, ret);
		return;
	}
	ret->host = t;
	skipped = t.n < s.n ? t.n + 1 : t.n;
	s = slice_from(s, skipped);
	tag_and_message(slice_from(s, spaces(s, 0)), ret);
	if (ret->app.n == 0)
		ret->msg = s; /* without a tag the message's own spaces are its own */
}

static void strip_solaris(struct syslog *ret)
{
	ssize_t end;

	if (!slice_starts(ret->msg, SLICE("[ID ")))
		return;
	end = slice_chr(ret->msg, ']');
	if (end < 0 || end > 64)
		return;
	ret->msg = slice_from(ret->msg, spaces(ret->msg, (size_t)end + 1));
}

static void parse_3164(struct slice line, const struct syslog_clock *clock, struct syslog *ret)
{
	size_t i = pri_at(line, &ret->pri), used;
	struct slice rest;

	if (i > 0)
		i = spaces(line, i);
	used = syslog_time(slice_from(line, i), clock, ret);
	ret->has_time = used > 0 && !ret->year_beyond;
	rest = slice_from(line, i + used);
	if (used == 0) {
		if (ret->pri >= 0)
			tag_and_message(rest, ret);
		else
			ret->msg = line;
		return;
	}
	if (rest.n > 0 && rest.p[0] == ':') /* Cisco: "Apr 15 2007 21:28:13: %PIX-..." */
		rest = slice_from(rest, 1);
	after_time(slice_from(rest, spaces(rest, 0)), ret);
	strip_solaris(ret);
}

void syslog_parse(struct slice line, const struct syslog_clock *clock, struct syslog *ret)
{
	size_t i;

	*ret = (struct syslog){ .pri = -1 };
	i = pri_at(line, &ret->pri);
	/* A digit and a space after PRI is RFC 5424's version; a bad rest is told, then read as it
	 * may. */
	if (i > 0 && i + 1 < line.n && line.p[i] >= '1' && line.p[i] <= '9') {
		if (syslog_parse_5424(line, ret))
			return;
		if (line.p[i + 1] != ' ')
			ret->problem = NULL;
	}
	parse_3164(line, clock, ret);
}

/* The value between its quotes without its escapes. */
static struct slice unescape(struct slice v, struct event *ev)
{
	size_t n = 0;
	char *p;

	if (slice_chr(v, '\\') < 0)
		return v;
	p = arena_alloc(ev->mem, v.n);
	if (p == NULL)
		return v;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\\' && i + 1 < v.n &&
		    (v.p[i + 1] == '"' || v.p[i + 1] == '\\' || v.p[i + 1] == ']'))
			i++;
		p[n++] = v.p[i];
	}
	return (struct slice){ p, n };
}

static struct slice sd_field_name(struct slice id, struct slice name, struct event *ev)
{
	static const char prefix[] = "log.syslog.structured_data.";
	size_t n = sizeof(prefix) - 1;
	char *p = arena_alloc(ev->mem, n + id.n + 1 + name.n);

	if (p == NULL)
		return (struct slice){ NULL, 0 };
	memcpy(p, prefix, n);
	memcpy(p + n, id.p, id.n);
	n += id.n;
	if (name.n > 0) {
		p[n++] = '.';
		memcpy(p + n, name.p, name.n);
		n += name.n;
	}
	return (struct slice){ p, n };
}

/* The same walk as sd_element, on bytes that it has accepted. */
static size_t sd_element_fields(struct slice s, size_t i, struct event *ev)
{
	struct slice id, name, value, field;
	size_t start = ++i;
	bool any = false;

	sd_name(s, &i);
	id = (struct slice){ s.p + start, i - start };
	while (i < s.n && s.p[i] != ']') {
		i = spaces(s, i);
		start = i;
		if (!sd_name(s, &i))
			break;
		name = (struct slice){ s.p + start, i - start };
		i += 2;
		start = i;
		if (!sd_value(s, &i))
			return s.n;
		value = (struct slice){ s.p + start, i - 1 - start };
		field = sd_field_name(id, name, ev);
		any = true;
		if (field.p == NULL)
			ev->truncated++;
		else if (value.n == 0)
			event_dyn_json(ev, field, SLICE("\"\""));
		else
			event_dyn_add(ev, field, unescape(value, ev));
	}
	field = any ? (struct slice){ NULL, 0 } : sd_field_name(id, (struct slice){ NULL, 0 }, ev);
	if (field.p != NULL)
		event_dyn_json(ev, field, SLICE("{}"));
	return i + 1;
}

void syslog_sd_fields(struct slice sd, struct event *ev)
{
	for (size_t i = 0; i < sd.n && sd.p[i] == '[';)
		i = sd_element_fields(sd, i, ev);
}

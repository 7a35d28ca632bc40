/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/normalise/snare.h"

#include "common/base/time.h"
#include "common/normalise/inside.h"

#define MARK_WITHIN 256u /* bytes of the message: a host's name may stand before the mark */

/* What a tab became on the way. */
static const struct slice tabs[] = { { "\t", 1 }, { "#011", 4 }, { "\\011", 4 }, { "\\t", 2 } };

struct word {
	struct slice text;
	const char *level, *outcome;
};
static const struct word types[] = {
	{ { "Success Audit", 13 }, "information", "success" },
	{ { "Failure Audit", 13 }, "information", "failure" },
	{ { "Audit Success", 13 }, "information", "success" },
	{ { "Audit Failure", 13 }, "information", "failure" },
	{ { "Information", 11 }, "information", NULL },
	{ { "Warning", 7 }, "warning", NULL },
	{ { "Error", 5 }, "error", NULL },
	{ { "Critical", 8 }, "critical", NULL },
	{ { "Verbose", 7 }, "verbose", NULL },
	{ { "Success", 7 }, "information", NULL },
};
static const struct slice sid_types[] = {
	{ "User", 4 },    { "N/A", 3 },      { "Well Known Group", 16 },
	{ "Group", 5 },   { "Alias", 5 },    { "Deleted Account", 15 },
	{ "Domain", 6 },  { "Computer", 8 }, { "Invalid", 7 },
	{ "Unknown", 7 },
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct slice before(struct slice s, size_t n)
{
	return (struct slice){ s.p, n };
}

static size_t tab_at(struct slice s)
{
	for (size_t i = 0; i < COUNT(tabs); i++)
		if (slice_starts(s, tabs[i]))
			return tabs[i].n;
	return 0;
}

static bool all_digits(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!char_is_digit(s.p[i]))
			return false;
	return s.n > 0;
}

/* By its first letter, which few messages have: this is asked of every message. */
static ssize_t mark_at(struct slice msg)
{
	const struct slice mark = SLICE(SNARE_MARK);
	struct slice near = before(msg, msg.n < MARK_WITHIN ? msg.n : MARK_WITHIN), rest = near;

	for (ssize_t at; (at = slice_chr(rest, mark.p[0])) >= 0; rest = slice_from(rest, 1)) {
		rest = slice_from(rest, (size_t)at);
		if (slice_starts(rest, mark))
			return rest.p - near.p;
	}
	return -1;
}

/* Behind the mark, and what stands before it in *ret_relay. */
static bool behind_mark(struct slice msg, struct slice *ret, struct slice *ret_relay)
{
	const struct slice mark = SLICE(SNARE_MARK);
	ssize_t at = mark_at(msg);
	struct slice relay, rest;

	if (at < 0)
		return false;
	relay = before(msg, (size_t)at);
	if (relay.n > 0 && !char_is_blank(relay.p[relay.n - 1])) {
		size_t i = 0;

		while (i < COUNT(tabs) && !slice_ends(relay, tabs[i]))
			i++;
		if (i == COUNT(tabs))
			return false;
		relay.n -= tabs[i].n;
	}
	relay = slice_trim(relay);
	if (slice_chr(relay, ' ') >= 0)
		return false; /* somebody's sentence about it */
	rest = slice_from(msg, (size_t)at + mark.n);
	if (rest.n == 0 || (rest.p[0] != ' ' && tab_at(rest) == 0))
		return false;
	*ret = slice_from(rest, rest.p[0] == ' ' ? 1 : tab_at(rest));
	*ret_relay = relay;
	return true;
}

/* Up to the next tab; behind it in *rest, which is empty where there is none. */
static struct slice next_part(struct slice *rest, struct slice tab)
{
	ssize_t at = slice_find(*rest, tab);
	struct slice part = at < 0 ? *rest : before(*rest, (size_t)at);

	*rest = at < 0 ? slice_from(*rest, rest->n) : slice_from(*rest, (size_t)at + tab.n);
	return slice_trim(part);
}

static bool is_hash(struct slice s)
{
	size_t i = 0;

	while (i < s.n &&
	       (char_is_digit(s.p[i]) || ((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'f')))
		i++;
	return i == 32 && s.n == 32;
}

/* Behind the message stand counters, a checksum, settings of the sender; before it, the strings
 * that it was made of, mostly none. */
static void message_parts(struct slice rest, struct slice tab, struct snare *sn)
{
	if (slice_starts(rest, tab))
		rest = slice_from(rest, tab.n);
	for (unsigned i = 0; i < 4; i++) {
		struct slice last = rest;
		ssize_t at = -1;

		for (ssize_t k; (k = slice_find(last, tab)) >= 0;
		     last = slice_from(last, (size_t)k + tab.n))
			at = last.p - rest.p + k;
		last = slice_trim(last);
		if (at < 0 || (last.n > 0 && !all_digits(last) && !is_hash(last) &&
			       (slice_chr(last, '=') < 0 || slice_chr(last, ' ') >= 0)))
			break;
		if (all_digits(last))
			sn->log_counter = last;
		rest.n = (size_t)at;
	}
	sn->message = slice_trim(rest);
}

/* Tabs that were written otherwise, as tabs again. */
static struct slice with_tabs(struct arena *mem, struct slice s, struct slice tab)
{
	size_t n = 0;
	char *p;

	if (tab.n == 1 || slice_find(s, tab) < 0 || (p = arena_alloc(mem, s.n)) == NULL)
		return s;
	for (size_t i = 0; i < s.n;) {
		bool is_tab = slice_starts(slice_from(s, i), tab);

		p[n++] = is_tab ? '\t' : s.p[i];
		i += is_tab ? tab.n : 1;
	}
	return (struct slice){ p, n };
}

static bool parse_tabs(struct slice rest, struct slice tab, struct arena *mem, struct snare *sn)
{
	struct slice *const parts[SNARE_PARTS] = {
		&sn->log,  &sn->counter,  &sn->date, &sn->id,       &sn->source,
		&sn->user, &sn->sid_type, &sn->type, &sn->computer, &sn->category,
	};

	for (unsigned i = 0; i < SNARE_PARTS; i++)
		*parts[i] = next_part(&rest, tab);
	if (!all_digits(sn->id) || sn->id.n > 10)
		return false;
	message_parts(rest, tab, sn);
	sn->message = sn->text = with_tabs(mem, sn->message, tab);
	return true;
}

/* The words of s up to a blank; behind it in *rest. */
static struct slice next_word(struct slice *rest)
{
	size_t n = 0;
	struct slice w;

	*rest = slice_trim(*rest);
	while (n < rest->n && !char_is_blank(rest->p[n]))
		n++;
	w = before(*rest, n);
	*rest = slice_from(*rest, n);
	return w;
}

/* "Fri Mar 19 15:33:30 2010 " at s: its length; 0: none. The year may be missing. */
static size_t date_at(struct slice s)
{
	size_t n = 19;

	if (s.n < 20 || s.p[3] != ' ' || s.p[7] != ' ' || s.p[10] != ' ' || s.p[13] != ':' ||
	    s.p[16] != ':' || !char_is_digit(s.p[11]) || !char_is_digit(s.p[18]))
		return 0;
	while (n < s.n && (s.p[n] == '.' || char_is_digit(s.p[n])))
		n++;
	if (n + 5 < s.n && all_digits(before(slice_from(s, n + 1), 4)) && s.p[n + 5] == ' ')
		n += 5;
	return n < s.n && s.p[n] == ' ' ? n : 0;
}

/* "User Success Audit " at s: its length; 0: none. */
static size_t types_at(struct slice s, struct snare *sn)
{
	for (size_t i = 0; i < COUNT(sid_types); i++) {
		struct slice rest = slice_from(s, sid_types[i].n + 1);

		if (!slice_starts(s, sid_types[i]) || s.n <= sid_types[i].n + 1 ||
		    s.p[sid_types[i].n] != ' ')
			continue;
		for (size_t k = 0; k < COUNT(types); k++) {
			size_t n = types[k].text.n;

			if (!slice_starts(rest, types[k].text) || rest.n <= n || rest.p[n] != ' ')
				continue;
			sn->sid_type = sid_types[i];
			sn->type = types[k].text;
			return sid_types[i].n + 1 + n;
		}
	}
	return 0;
}

/* A source whose name has blanks is known, or has no user behind it. */
static void source_and_user(struct slice s, struct snare *sn)
{
	size_t n = winecs_provider_at(s);

	if (n == 0 && slice_ends(s, SLICE(" N/A")))
		n = s.n - 4;
	if (n > 0) {
		sn->source = before(s, n);
		sn->user = slice_trim(slice_from(s, n));
		return;
	}
	sn->source = next_word(&s);
	sn->user = slice_trim(s);
}

/* A number at the end that is not what its label says is the counter behind the message. */
static struct slice without_counter(struct slice s)
{
	struct slice rest = s;

	while (rest.n > 0 && char_is_digit(rest.p[rest.n - 1]))
		rest.n--;
	if (rest.n == s.n || rest.n == 0 || rest.p[rest.n - 1] != ' ')
		return s;
	rest = slice_trim(rest);
	return rest.n > 0 && rest.p[rest.n - 1] == ':' ? s : rest;
}

/* Blanks for tabs: what may have blanks in it is found between what is known for certain. */
static bool parse_blanks(struct slice rest, struct snare *sn)
{
	struct slice head;
	size_t at = 0, n = 0;

	while (at < rest.n && at < MARK_WITHIN && (n = date_at(slice_from(rest, at))) == 0)
		at++;
	if (n == 0)
		return false;
	head = slice_trim(before(rest, at));
	sn->date = before(slice_from(rest, at), n);
	rest = slice_from(rest, at + n);
	at = head.n;
	while (at > 0 && head.p[at - 1] != ' ')
		at--;
	sn->counter = slice_from(head, at);
	sn->log = slice_trim(before(head, at));
	sn->id = next_word(&rest);
	if (!all_digits(sn->id) || sn->id.n > 10)
		return false;
	rest = slice_trim(rest);
	for (at = 0, n = 0; at < rest.n && at < MARK_WITHIN; at++)
		if ((at == 0 || rest.p[at - 1] == ' ') &&
		    (n = types_at(slice_from(rest, at), sn)) > 0)
			break;
	if (n == 0)
		return false;
	source_and_user(slice_trim(before(rest, at)), sn);
	rest = slice_from(rest, at + n);
	sn->computer = next_word(&rest);
	rest = slice_from(rest, 1);
	n = (size_t)(slice_find(rest, SLICE("  ")) + 1); /* category, and no strings */
	if (n > 1 && n <= 64) {
		sn->category = before(rest, n - 1);
		rest = slice_from(rest, n + 1);
	}
	sn->message = slice_trim(rest);
	sn->text = without_counter(sn->message);
	return true;
}

bool snare_parse(struct slice msg, bool marked, struct arena *mem, struct snare *ret)
{
	struct snare sn = { 0 };
	struct slice rest = msg;
	size_t n = 0;
	bool good;

	if (!marked && !behind_mark(msg, &rest, &sn.relay))
		return false;
	while (n < rest.n && char_is_digit(rest.p[n]))
		n++;
	sn.criticality = before(rest, n);
	rest = slice_from(rest, n);
	if (n == 0 || n > 2 || rest.n == 0)
		return false;
	n = tab_at(rest);
	if (n > 0)
		good = parse_tabs(slice_from(rest, n), before(rest, n), mem, &sn);
	else
		good = rest.p[0] == ' ' && parse_blanks(rest, &sn);
	if (good)
		*ret = sn;
	return good;
}

/* "Fri Mar 19 15:33:30 2010" of the sender's clock. */
static void put_time(struct slice date, const struct norm_source *src, struct event *ev)
{
	const struct syslog_clock clock = { src->received_ns, src->zone_s };
	struct slice month, day, time, year;
	struct buf text = { 0 };
	struct syslog h = { 0 };

	next_word(&date); /* the day of the week */
	month = next_word(&date);
	day = next_word(&date);
	time = next_word(&date);
	year = next_word(&date);
	buf_printf(&text, "%.*s %.*s %.*s%s%.*s", SLICE_FMT(month), SLICE_FMT(day), SLICE_FMT(year),
		   year.n > 0 ? " " : "", SLICE_FMT(time));
	if (syslog_time(buf_view(&text), &clock, &h) == text.n && text.n > 0 && !h.year_beyond) {
		ev->time_ns = h.time_ns;
		syslog_zone_field(src->zone_s, ev);
	}
	buf_release(&text);
}

static struct slice told(struct slice v)
{
	return slice_is(v, "N/A") || slice_is(v, "-") ? (struct slice){ NULL, 0 } : v;
}

static void put_user(const struct snare *sn, struct event *ev)
{
	struct slice user = told(sn->user);
	ssize_t at = slice_chr(user, '\\');

	if (at >= 0)
		event_str(ev, ECS_WINLOG_USER_DOMAIN, before(user, (size_t)at));
	event_str(ev, ECS_WINLOG_USER_NAME, slice_from(user, (size_t)(at + 1)));
	if (user.n > 0)
		event_str(ev, ECS_WINLOG_USER_TYPE, told(sn->sid_type));
}

static void put_type(struct slice type, struct event *ev)
{
	for (size_t i = 0; i < COUNT(types); i++) {
		if (!slice_eq(types[i].text, type))
			continue;
		event_str(ev, ECS_LOG_LEVEL, slice_str(types[i].level));
		event_str(ev, ECS_EVENT_OUTCOME, slice_str(types[i].outcome));
		if (types[i].outcome != NULL)
			event_add(ev, ECS_WINLOG_KEYWORDS,
				  types[i].outcome[0] == 's' ? SLICE("Audit Success")
							     : SLICE("Audit Failure"));
	}
}

/* Where the text told no name, in another language than ours, the record's own user is who. */
static void user_of_record(struct event *ev)
{
	static const enum ecs pairs[][2] = {
		{ ECS_USER_NAME, ECS_WINLOG_USER_NAME },
		{ ECS_USER_DOMAIN, ECS_WINLOG_USER_DOMAIN },
	};

	if (event_get(ev, ECS_USER_NAME) != NULL || event_get(ev, ECS_EVENT_CATEGORY) == NULL)
		return;
	for (size_t i = 0; i < COUNT(pairs); i++)
		event_str(ev, pairs[i][0], event_text(ev, pairs[i][1]));
}

void snare_fields(struct normaliser *nz, const struct snare *sn, const struct norm_source *src,
		  struct event *ev)
{
	struct slice computer = told(sn->computer);

	put_time(sn->date, src, ev);
	event_str(ev, ECS_EVENT_CODE, sn->id);
	event_str(ev, ECS_WINLOG_EVENT_ID, sn->id);
	event_str(ev, ECS_WINLOG_CHANNEL, told(sn->log));
	event_str(ev, ECS_WINLOG_PROVIDER_NAME, told(sn->source));
	event_str(ev, ECS_EVENT_PROVIDER, told(sn->source));
	event_str(ev, ECS_WINLOG_TASK, told(sn->category));
	event_str(ev, ECS_WINLOG_COMPUTER_NAME, computer);
	event_str(ev, ECS_HOST_NAME, computer.n > 0 ? computer : sn->relay);
	event_str(ev, ECS_MESSAGE, sn->message);
	event_dyn(ev, SLICE("snare.criticality"), sn->criticality);
	event_dyn(ev, SLICE("snare.counter"), told(sn->counter));
	event_dyn(ev, SLICE("snare.log_counter"), sn->log_counter);
	put_user(sn, ev);
	put_type(sn->type, ev);
	snare_text(sn, ev);
	winecs_map(ev, &nz->scratch);
	user_of_record(ev);
}

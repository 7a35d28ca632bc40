/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/inputs/wef/head.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/time.h"

#define LOOK_MAX 8192u /* System comes first, and is a few hundred bytes */

/* What stands behind the first `from` up to the next `to`. */
static struct slice between(struct slice s, struct slice from, struct slice to)
{
	ssize_t a = slice_find(s, from), b;

	if (a < 0)
		return (struct slice){ NULL, 0 };
	s = slice_from(s, (size_t)a + from.n);
	b = slice_find(s, to);
	return b < 0 ? (struct slice){ NULL, 0 } : (struct slice){ s.p, (size_t)b };
}

/* An attribute's value in a tag's text, in either quotes. */
static struct slice attribute(struct slice tag, struct slice name)
{
	ssize_t at = slice_find(tag, name);
	char quote[2] = { 0 };

	if (at < 0 || tag.n < (size_t)at + name.n + 2)
		return (struct slice){ NULL, 0 };
	tag = slice_from(tag, (size_t)at + name.n);
	quote[0] = tag.p[0];
	if (quote[0] != '"' && quote[0] != '\'')
		return (struct slice){ NULL, 0 };
	return between(tag, (struct slice){ quote, 1 }, (struct slice){ quote, 1 });
}

/* The text of an element that may have attributes: <EventID Qualifiers="0">104</EventID>. */
static struct slice element_text(struct slice s, struct slice open, struct slice close)
{
	struct slice inside = between(s, open, close);
	ssize_t end = slice_chr(inside, '>');

	return end < 0 ? (struct slice){ NULL, 0 } : slice_from(inside, (size_t)end + 1);
}

static uint64_t number(struct slice s)
{
	uint64_t n = 0;

	return slice_uint(slice_trim(s), UINT64_MAX / 2, &n) ? n : 0;
}

struct wef_head wef_head_read(struct slice event)
{
	struct slice look = { event.p, event.n < LOOK_MAX ? event.n : LOOK_MAX };
	struct slice sys = between(look, SLICE("<System"), SLICE("</System>"));
	struct wef_head h = { 0 };

	if (sys.n == 0)
		return h;
	h.provider = attribute(between(sys, SLICE("<Provider "), SLICE(">")), SLICE("Name="));
	h.time = attribute(between(sys, SLICE("<TimeCreated "), SLICE(">")), SLICE("SystemTime="));
	h.channel = slice_trim(between(sys, SLICE("<Channel>"), SLICE("</Channel>")));
	h.computer = slice_trim(between(sys, SLICE("<Computer>"), SLICE("</Computer>")));
	h.record_id = number(between(sys, SLICE("<EventRecordID>"), SLICE("</EventRecordID>")));
	h.event_id = number(element_text(sys, SLICE("<EventID"), SLICE("</EventID>")));
	return h;
}

bool wef_head_is_marker(const struct wef_head *h)
{
	return h->event_id == 111 && slice_is(h->provider, "Microsoft-Windows-EventForwarder");
}

struct slice wef_head_cleared(const struct wef_head *h, struct slice event)
{
	if (h->event_id == 1102 && slice_is(h->channel, "Security"))
		return h->channel;
	if (h->event_id == 104 && slice_is(h->channel, "System"))
		return slice_trim(between(between(event, SLICE("<UserData>"), SLICE("</UserData>")),
					  SLICE("<Channel>"), SLICE("</Channel>")));
	return (struct slice){ NULL, 0 };
}

uint64_t wef_dropped_count(struct slice text)
{
	uint64_t n;

	return slice_uint(slice_trim(text), UINT32_MAX, &n) && n > 0 ? n : 1;
}

uint64_t wef_head_dropped(struct slice event)
{
	ssize_t name_end = slice_chr(event, '>'), end;
	struct slice name, text;

	if (name_end < 2 || event.p[0] != '<')
		return 0;
	name = (struct slice){ event.p + 1, (size_t)name_end - 1 };
	if (slice_ends(name, SLICE("/")))
		return 0;
	if (slice_chr(name, ' ') >= 0)
		name.n = (size_t)slice_chr(name, ' ');
	if (slice_chr(name, ':') >= 0)
		name = slice_from(name, (size_t)slice_chr(name, ':') + 1);
	if (!slice_is(name, "DroppedEvents"))
		return 0;
	text = slice_from(event, (size_t)name_end + 1);
	end = slice_chr(text, '<');
	text.n = end < 0 ? 0 : (size_t)end;
	return wef_dropped_count(text);
}

enum wef_seen wef_place_seen(const struct wef_place *last, const struct wef_place *now)
{
	if (now->record_id == 0 || now->record_id > last->record_id)
		return WEF_NEW;
	return now->time_ns > last->time_ns ? WEF_ANEW : WEF_AGAIN;
}

size_t wef_place_write(const struct wef_place *p, char out[48])
{
	return (size_t)snprintf(out, 48, "%" PRIu64 " %" PRId64, p->record_id, p->time_ns);
}

bool wef_place_read(struct slice text, struct wef_place *ret)
{
	ssize_t space = slice_chr(text, ' ');
	uint64_t id, ns;

	if (space <= 0 || !slice_uint((struct slice){ text.p, (size_t)space }, UINT64_MAX, &id) ||
	    !slice_uint(slice_from(text, (size_t)space + 1), INT64_MAX, &ns))
		return false;
	*ret = (struct wef_place){ id, (int64_t)ns };
	return true;
}

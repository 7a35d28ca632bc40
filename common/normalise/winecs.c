/* SPDX-License-Identifier: EUPL-1.2 */
/* Which row of the tables an event is, and what is done with every row. */
#include "common/normalise/winecs_inside.h"

#include "common/base/buf.h"

#define CODES_MAX 32u /* of one value; real ones have a dozen */

static const struct winecs_provider *provider_of(struct slice name)
{
	static const struct winecs_provider *const first[] = { &winecs_security, &winecs_sysmon,
							       &winecs_eventlog };

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		if (slice_eq(first[i]->name, name))
			return first[i];
	for (size_t i = 0; winecs_others[i] != NULL; i++)
		if (slice_eq(winecs_others[i]->name, name))
			return winecs_others[i];
	return NULL;
}

size_t winecs_provider_at(struct slice s)
{
	size_t best = 0;

	for (size_t i = 0; winecs_others[i] != NULL; i++) {
		size_t n = winecs_others[i]->name.n;

		if (n > best && slice_starts(s, winecs_others[i]->name) &&
		    (s.n == n || s.p[n] == ' '))
			best = n;
	}
	return best;
}

static const struct winecs_event *event_of(const struct winecs_provider *p, struct slice id)
{
	unsigned lo = 0, hi = p->n;
	uint64_t n;

	if (!slice_uint(id, UINT16_MAX, &n))
		return NULL;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (p->events[mid].id < n)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < p->n && p->events[lo].id == n ? &p->events[lo] : NULL;
}

static void set(struct event *ev, enum ecs id, const char *v)
{
	if (v != NULL && event_get(ev, id) == NULL)
		event_str(ev, id, slice_str(v));
}

static void categorise(struct event *ev, const struct winecs_provider *p,
		       const struct winecs_event *e)
{
	for (unsigned i = 0; i < 2 && e->category[i] != NULL; i++)
		event_add(ev, ECS_EVENT_CATEGORY, slice_str(e->category[i]));
	if (event_get(ev, ECS_EVENT_TYPE) == NULL)
		for (unsigned i = 0; i < 3 && e->type[i] != NULL; i++)
			event_add(ev, ECS_EVENT_TYPE, slice_str(e->type[i]));
	/* What senders put there is the task's name, in the language of the machine. */
	event_str(ev, ECS_EVENT_ACTION, slice_str(e->action));
	set(ev, ECS_EVENT_OUTCOME, e->outcome);
	set(ev, ECS_EVENT_MODULE, p->module);
}

/* "%%1833", or some of them with blanks between, each with its name. */
static void describe_codes(struct winecs *w, struct slice name, struct slice codes)
{
	for (unsigned i = 0; i < CODES_MAX; i++) {
		const char *text;
		uint64_t n = 0;

		codes = slice_trim(codes);
		if (codes.n < 3 || codes.p[0] != '%' || codes.p[1] != '%')
			return;
		codes = slice_from(codes, 2);
		while (codes.n > 0 && char_is_digit(codes.p[0]) && n < UINT32_MAX) {
			n = n * 10 + (uint64_t)(codes.p[0] - '0');
			codes = slice_from(codes, 1);
		}
		text = winecs_name(NAMES_MESSAGE, n);
		if (text != NULL)
			winecs_describe(w, name, slice_str(text));
	}
}

static void codes(struct winecs *w)
{
	static const struct slice prefix = { "winlog.event_data.", 18 };
	struct event *ev = w->ev;

	for (unsigned i = 0, n = ev->n_dynamic; i < n; i++) {
		const struct event_value *v = &ev->v[ev->dynamic[i]];
		struct slice s = v->str;

		if (v->type == EVENT_JSON)
			s = slice_from(s, 1); /* its quote; what follows holds no escape but tabs */
		if (s.n < 6 ||
		    slice_find((struct slice){ s.p, s.n < 8 ? s.n : 8 }, SLICE("%%")) < 0 ||
		    !slice_starts(v->name, prefix))
			continue;
		s = winecs_value(w, slice_from(v->name, prefix.n));
		describe_codes(w, slice_from(v->name, prefix.n), s);
	}
}

static struct slice text_of(const struct event *ev, enum ecs id)
{
	const struct event_value *v = event_get(ev, id);

	return v != NULL && (v->type == EVENT_STR || v->type == EVENT_JSON)
		       ? v->str
		       : (struct slice){ NULL, 0 };
}

void winecs_user(struct event *ev)
{
	const struct winecs_sid *sid = winecs_sid(text_of(ev, ECS_WINLOG_USER_IDENTIFIER));

	if (sid == NULL)
		return;
	set(ev, ECS_WINLOG_USER_NAME, sid->name);
	set(ev, ECS_WINLOG_USER_DOMAIN, sid->domain);
	set(ev, ECS_WINLOG_USER_TYPE, sid->type);
}

/* An account of which only the SID is told. */
static void name_sid(struct event *ev, enum ecs id, enum ecs name, enum ecs domain)
{
	struct slice s = event_text(ev, id);
	const struct winecs_sid *sid;

	if (s.n == 0 || event_get(ev, name) != NULL)
		return;
	sid = winecs_sid(s);
	if (sid == NULL) {
		set(ev, name, winecs_rid(s));
		return;
	}
	set(ev, name, sid->name);
	set(ev, domain, sid->domain);
}

void winecs_map(struct event *ev, struct buf *scratch)
{
	struct winecs w = { .ev = ev, .scratch = scratch };
	const struct winecs_provider *p;
	const struct winecs_event *e;

	if (event_get(ev, ECS_EVENT_CATEGORY) != NULL)
		return;
	p = provider_of(text_of(ev, ECS_WINLOG_PROVIDER_NAME));
	if (p == NULL || (e = event_of(p, text_of(ev, ECS_WINLOG_EVENT_ID))) == NULL)
		return;
	if (event_get(ev, ECS_EVENT_CODE) == NULL)
		event_str(ev, ECS_EVENT_CODE, text_of(ev, ECS_WINLOG_EVENT_ID));
	if (event_get(ev, ECS_EVENT_PROVIDER) == NULL)
		event_str(ev, ECS_EVENT_PROVIDER, p->name);
	categorise(ev, p, e);
	for (unsigned i = 0; i < WINECS_LISTS && e->fields[i] != NULL; i++) {
		for (const struct winecs_field *f = e->fields[i]; f->kind != W_END; f++) {
			struct slice v = f->kind == W_SYSTEM_USER
						 ? text_of(ev, ECS_WINLOG_USER_IDENTIFIER)
						 : winecs_value(&w, f->from);

			if (!winecs_blank(v))
				winecs_put(&w, f, v);
		}
	}
	name_sid(ev, ECS_USER_ID, ECS_USER_NAME, ECS_USER_DOMAIN);
	name_sid(ev, ECS_USER_TARGET_ID, ECS_USER_TARGET_NAME, ECS_USER_TARGET_DOMAIN);
	name_sid(ev, ECS_GROUP_ID, ECS_GROUP_NAME, ECS_GROUP_DOMAIN);
	if (p->codes)
		codes(&w);
}

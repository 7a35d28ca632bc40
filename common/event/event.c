/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/event/event.h"

void event_init(struct event *ev, struct arena *mem)
{
	ev->mem = mem;
	ev->time_ns = 0;
	ev->n = 0;
	ev->truncated = 0;
	ev->n_dynamic = 0;
	ev->n_sorted = 0;
	memset(ev->present, 0, sizeof(ev->present));
}

static bool is_set(const struct event *ev, enum ecs id)
{
	return (ev->present[id / 64] >> (id % 64) & 1) != 0;
}

static struct event_value *slot(struct event *ev)
{
	if (ev->n == EVENT_FIELDS_MAX) {
		ev->truncated++;
		return NULL;
	}
	return &ev->v[ev->n++];
}

/* The place of a field of the list: the one that it has, or a new one. */
static struct event_value *fixed(struct event *ev, enum ecs id)
{
	struct event_value *v;

	if (is_set(ev, id))
		return &ev->v[ev->at[id]];
	v = slot(ev);
	if (v != NULL) {
		ev->at[id] = (uint16_t)(v - ev->v);
		ev->present[id / 64] |= UINT64_C(1) << (id % 64);
	}
	return v;
}

static struct event_value *dynamic_find(struct event *ev, struct slice name)
{
	for (unsigned i = 0; i < ev->n_dynamic; i++)
		if (slice_eq(ev->v[ev->dynamic[i]].name, name))
			return &ev->v[ev->dynamic[i]];
	return NULL;
}

static struct event_value *dynamic_new(struct event *ev)
{
	struct event_value *v = slot(ev);

	if (v != NULL)
		ev->dynamic[ev->n_dynamic++] = (uint16_t)(v - ev->v);
	return v;
}

static struct event_value *dynamic(struct event *ev, struct slice name)
{
	struct event_value *v = dynamic_find(ev, name);

	return v != NULL ? v : dynamic_new(ev);
}

void event_str(struct event *ev, enum ecs id, struct slice s)
{
	struct event_value *v;

	if (s.n == 0 || (v = fixed(ev, id)) == NULL)
		return;
	v->id = (uint16_t)id; /* name and num are not a string's */
	v->type = EVENT_STR;
	v->array = false;
	v->next = 0;
	v->str = s;
}

static void set_num(struct event *ev, enum ecs id, enum event_type type, int64_t n)
{
	struct event_value *v = fixed(ev, id);

	if (v != NULL)
		*v = (struct event_value){ .id = (uint16_t)id, .type = (uint8_t)type, .num = n };
}

void event_int(struct event *ev, enum ecs id, int64_t v)
{
	set_num(ev, id, EVENT_INT, v);
}

void event_json(struct event *ev, enum ecs id, struct slice json_text)
{
	struct event_value *v = fixed(ev, id);

	if (v != NULL)
		*v = (struct event_value){ .id = (uint16_t)id,
					   .type = EVENT_JSON,
					   .str = json_text };
}

void event_bool(struct event *ev, enum ecs id, bool v)
{
	set_num(ev, id, EVENT_BOOL, v);
}

void event_time(struct event *ev, enum ecs id, int64_t t_ns)
{
	set_num(ev, id, EVENT_TIME, t_ns);
}

/* Joins one more element to the field that begins at `first`; doubles are left out. */
static void join(struct event *ev, struct event_value *first, enum event_type type, struct slice s)
{
	struct event_value *last = first, *v;

	for (;; last = &ev->v[last->next - 1]) {
		if (last->type == type && slice_eq(last->str, s))
			return;
		if (last->next == 0)
			break;
	}
	v = slot(ev);
	if (v == NULL)
		return;
	*v = (struct event_value){
		.id = first->id, .type = (uint8_t)type, .array = true, .name = first->name, .str = s
	};
	first->array = true;
	last->next = (uint16_t)(v - ev->v + 1);
}

void event_add(struct event *ev, enum ecs id, struct slice s)
{
	if (s.n == 0)
		return;
	if (is_set(ev, id)) {
		join(ev, &ev->v[ev->at[id]], EVENT_STR, s);
		return;
	}
	event_str(ev, id, s);
	if (is_set(ev, id))
		ev->v[ev->at[id]].array = true;
}

struct event_value *event_known(struct event *ev, enum ecs id, struct slice name, bool fresh,
				enum event_type type, struct slice s)
{
	struct event_value *v;

	if (s.n == 0)
		return NULL;
	if (id != ECS_DYNAMIC)
		v = fixed(ev, id);
	else
		v = fresh ? dynamic_new(ev) : dynamic(ev, name);
	if (v != NULL)
		*v = (struct event_value){
			.id = (uint16_t)id, .type = (uint8_t)type, .name = name, .str = s
		};
	return v;
}

static void set_dynamic(struct event *ev, struct slice name, enum event_type type, struct slice s)
{
	event_known(ev, ecs_by_name(name), name, false, type, s);
}

void event_dyn(struct event *ev, struct slice dotted_name, struct slice v)
{
	set_dynamic(ev, dotted_name, EVENT_STR, v);
}

void event_dyn_json(struct event *ev, struct slice dotted_name, struct slice json_text)
{
	set_dynamic(ev, dotted_name, EVENT_JSON, json_text);
}

static void add_dynamic(struct event *ev, struct slice name, enum event_type type, struct slice s)
{
	enum ecs id = ecs_by_name(name);
	struct event_value *first = NULL;

	if (s.n == 0)
		return;
	if (id == ECS_DYNAMIC)
		first = dynamic_find(ev, name);
	else if (is_set(ev, id))
		first = &ev->v[ev->at[id]];
	if (first != NULL)
		join(ev, first, type, s);
	else
		set_dynamic(ev, name, type, s);
}

void event_dyn_add(struct event *ev, struct slice dotted_name, struct slice v)
{
	add_dynamic(ev, dotted_name, EVENT_STR, v);
}

void event_dyn_add_json(struct event *ev, struct slice dotted_name, struct slice json_text)
{
	add_dynamic(ev, dotted_name, EVENT_JSON, json_text);
}

void event_push(struct event *ev, struct slice name, struct slice s)
{
	struct event_value *first = dynamic_find(ev, name), *last = first, *v;

	v = first == NULL ? dynamic(ev, name) : slot(ev);
	if (v == NULL)
		return;
	*v = (struct event_value){
		.id = ECS_DYNAMIC, .type = EVENT_STR, .array = first != NULL, .name = name, .str = s
	};
	if (first == NULL)
		return;
	while (last->next != 0)
		last = &ev->v[last->next - 1];
	first->array = true;
	last->next = (uint16_t)(v - ev->v + 1);
}

void event_dyn_array(struct event *ev, struct slice dotted_name)
{
	enum ecs id = ecs_by_name(dotted_name);
	struct event_value *v = NULL;

	if (id == ECS_DYNAMIC)
		v = dynamic_find(ev, dotted_name);
	else if (is_set(ev, id))
		v = &ev->v[ev->at[id]];
	if (v != NULL)
		v->array = true;
}

void event_drop(struct event *ev, enum ecs id)
{
	ev->present[id / 64] &= ~(UINT64_C(1) << (id % 64));
}

const struct event_value *event_get(const struct event *ev, enum ecs id)
{
	return is_set(ev, id) ? &ev->v[ev->at[id]] : NULL;
}

struct slice event_text(const struct event *ev, enum ecs id)
{
	const struct event_value *v = event_get(ev, id);

	return v != NULL && v->type == EVENT_STR ? v->str : (struct slice){ NULL, 0 };
}

struct event_mark event_mark(const struct event *ev)
{
	struct event_mark m = { ev->time_ns, ev->n, ev->truncated, ev->n_dynamic, { 0 } };

	memcpy(m.present, ev->present, sizeof(m.present));
	return m;
}

void event_return(struct event *ev, const struct event_mark *m)
{
	ev->time_ns = m->time_ns;
	ev->n = m->n;
	ev->truncated = m->truncated;
	ev->n_dynamic = m->n_dynamic;
	ev->n_sorted = 0;
	memcpy(ev->present, m->present, sizeof(ev->present));
}

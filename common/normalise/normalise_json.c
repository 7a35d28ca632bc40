/* SPDX-License-Identifier: EUPL-1.2 */
/* NORM_JSON: one object, its leaves taken over by their dotted names. */
#include "common/base/time.h"
#include "common/normalise/addr.h"
#include "common/normalise/inside.h"

static struct slice kept(struct normaliser *nz, struct slice s, struct event *ev)
{
	const struct slice text = nz->json.text;

	/* What is not inside the line lives in the index, and ends with the next call. */
	return s.p >= text.p && s.p <= text.p + text.n ? s : arena_copy(ev->mem, s);
}

/* An address field takes addresses only; other text goes to its .address. */
static bool put_address(struct event *ev, enum ecs id, struct slice v)
{
	struct slice ip;

	if (id != ECS_SOURCE_IP && id != ECS_DESTINATION_IP)
		return false;
	if (addr_parse(v, ev->mem, &ip))
		event_str(ev, id, ip);
	else
		event_str(ev, id == ECS_SOURCE_IP ? ECS_SOURCE_ADDRESS : ECS_DESTINATION_ADDRESS,
			  v);
	return true;
}

static void put_leaf(struct normaliser *nz, const struct json_field *f, bool again,
		     struct event *ev)
{
	struct slice name = kept(nz, f->path, ev), v;

	if (f->type == JS_NULL)
		return;
	if (f->type != JS_STRING) {
		v = f->type == JS_OBJECT  ? SLICE("{}")
		    : f->type == JS_ARRAY ? SLICE("[]")
					  : f->value;
		if (put_address(ev, ecs_by_name(name), v))
			return;
		if (again)
			event_dyn_add_json(ev, name, v);
		else
			event_dyn_json(ev, name, v);
		if (f->array)
			event_dyn_array(ev, name);
		return;
	}
	v = kept(nz, json_field_text(&nz->json, f), ev);
	if (put_address(ev, ecs_by_name(name), v))
		return;
	if (again)
		event_dyn_add(ev, name, v);
	else
		event_dyn(ev, name, v);
	if (f->array)
		event_dyn_array(ev, name);
}

bool format_json(struct normaliser *nz, struct slice line, const struct norm_source *src,
		 struct event *ev, struct err *err)
{
	const struct json_index *ix = &nz->json;

	if (json_index_read(&nz->json, line, err) < 0)
		return false;
	for (unsigned i = 0; i < ix->n; i++) {
		const struct json_field *f = &ix->f[i];
		bool again = i > 0 && slice_eq(f->path, ix->f[i - 1].path);

		if (slice_is(f->path, "@timestamp"))
			time_parse(f->value, &ev->time_ns); /* else it stays when it was received */
		else
			put_leaf(nz, f, again, ev);
	}
	return true;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* NORM_JSON: one object, its leaves taken over by their dotted names. What can be known of a name
 * or of a sequence of names is asked once: senders repeat themselves. */
#include "common/base/time.h"
#include "common/normalise/addr.h"
#include "common/normalise/inside.h"

#include <stdlib.h>

void json_known_release(struct json_known *k)
{
	free(k->id);
	for (unsigned i = 0; i < SHAPES; i++)
		free(k->shapes[i].names);
	*k = (struct json_known){ 0 };
}

/* ecs_by_name, once a name. */
static enum ecs id_of(struct normaliser *nz, const struct json_field *f)
{
	struct json_known *k = &nz->known;
	uint32_t n = nz->json.names.cap;

	if (k->epoch != nz->json.names.epoch) {
		json_known_release(k);
		k->epoch = nz->json.names.epoch;
	}
	if (f->name >= k->n_id) {
		uint16_t *p = realloc(k->id, n * sizeof(*p));

		if (p == NULL)
			return ecs_by_name(f->path);
		memset(p + k->n_id, 0, (n - k->n_id) * sizeof(*p));
		k->id = p;
		k->n_id = n;
	}
	if (k->id[f->name] == 0)
		k->id[f->name] = (uint16_t)(1 + ecs_by_name(f->path));
	return (enum ecs)(k->id[f->name] - 1);
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

/* A leaf as text, or as JSON. A string that nobody looks at again goes on as it was written, quotes
 * included: the reader has checked it. Not with \u, since half a surrogate pair passes there. */
static enum event_type value_of(struct normaliser *nz, const struct json_field *f, enum ecs id,
				struct slice *ret)
{
	if (f->type == JS_STRING && id == ECS_DYNAMIC && !f->more && f->value.n > 0 &&
	    !(f->escaped && f->odd)) {
		*ret = (struct slice){ f->value.p - 1, f->value.n + 2 };
		return EVENT_JSON;
	}
	if (f->type == JS_STRING) {
		*ret = json_field_text(&nz->json, f);
		return EVENT_STR;
	}
	*ret = f->type == JS_OBJECT ? SLICE("{}") : f->type == JS_ARRAY ? SLICE("[]") : f->value;
	return EVENT_JSON;
}

static void put_leaf(struct normaliser *nz, const struct json_field *f, bool again,
		     struct event *ev)
{
	enum ecs id = id_of(nz, f);
	struct event_value *set;
	enum event_type type;
	struct slice v;

	if (f->type == JS_NULL)
		return;
	type = value_of(nz, f, id, &v);
	if (put_address(ev, id, v))
		return;
	if (!again) {
		set = event_known(ev, id, f->path, !f->more, type, v);
		if (set != NULL && f->array)
			set->array = true;
		else if (f->array)
			event_dyn_array(ev, f->path); /* an empty value beside others */
		return;
	}
	if (type == EVENT_STR)
		event_dyn_add(ev, f->path, v);
	else
		event_dyn_add_json(ev, f->path, v);
	if (f->array)
		event_dyn_array(ev, f->path);
}

struct order {
	const struct event *ev;
	uint32_t at; /* in ev->dynamic */
};

static int by_name(const void *a, const void *b)
{
	const struct order *x = a, *y = b;
	struct slice s = x->ev->v[x->ev->dynamic[x->at]].name;
	struct slice t = y->ev->v[y->ev->dynamic[y->at]].name;
	int c = memcmp(s.p, t.p, s.n < t.n ? s.n : t.n);

	return c != 0 ? c : (s.n > t.n) - (s.n < t.n);
}

static void shape_learn(struct shape *sh, const uint32_t *names, const struct event *ev)
{
	struct order o[EVENT_FIELDS_MAX];
	uint32_t *p = realloc(sh->names, 2 * ev->n_dynamic * sizeof(*p));

	if (p == NULL)
		return;
	for (uint32_t i = 0; i < ev->n_dynamic; i++)
		o[i] = (struct order){ ev, i };
	qsort(o, ev->n_dynamic, sizeof(o[0]), by_name);
	memcpy(p, names, ev->n_dynamic * sizeof(*p));
	for (uint32_t i = 0; i < ev->n_dynamic; i++)
		p[ev->n_dynamic + i] = o[i].at;
	*sh = (struct shape){ ev->n_dynamic, p };
}

/* Puts the fields with names of their own in order; names: their numbers as they came. */
static void sort_fields(struct normaliser *nz, const uint32_t *names, struct event *ev)
{
	const uint32_t n = ev->n_dynamic;
	uint16_t was[EVENT_FIELDS_MAX];
	uint32_t hash = n;
	struct shape *sh;

	for (uint32_t i = 0; i < n; i++)
		hash = (hash ^ names[i]) * 0x9e3779b1u;
	sh = &nz->known.shapes[hash >> 26];
	_Static_assert(SHAPES == 1u << (32 - 26), "the hash's upper bits are a shape's place");
	if (sh->n != n || memcmp(sh->names, names, n * sizeof(*names)) != 0)
		shape_learn(sh, names, ev);
	if (sh->n != n || memcmp(sh->names, names, n * sizeof(*names)) != 0)
		return; /* no memory: the writer sorts */
	memcpy(was, ev->dynamic, n * sizeof(was[0]));
	for (uint32_t i = 0; i < n; i++)
		ev->dynamic[i] = was[sh->names[n + i]];
	ev->n_sorted = n;
}

bool format_json(struct normaliser *nz, struct slice line, const struct norm_source *src,
		 struct event *ev, struct err *err)
{
	const struct json_index *ix = &nz->json;
	uint32_t names[EVENT_FIELDS_MAX];

	if (json_index_read(&nz->json, line, err) < 0)
		return false;
	if (nxlog_is(ix)) {
		nxlog_fields(nz, src, ev);
		return true;
	}
	for (unsigned i = 0; i < ix->n; i++) {
		const struct json_field *f = &ix->f[i];
		bool again = f->more && i > 0 && slice_eq(f->path, ix->f[i - 1].path);
		unsigned n = ev->n_dynamic;

		if (slice_is(f->path, "@timestamp"))
			time_parse(f->value, &ev->time_ns); /* else it stays when it was received */
		else
			put_leaf(nz, f, again, ev);
		if (ev->n_dynamic > n)
			names[n] = f->name;
	}
	if (ev->n_dynamic > 1)
		sort_fields(nz, names, ev);
	if (src->meaning && event_get(ev, ECS_WINLOG_EVENT_ID) != NULL) {
		winecs_user(ev);
		winecs_map(ev, &nz->scratch);
	}
	return true;
}

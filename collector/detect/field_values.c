/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/detect/detector_impl.h"

#include <stdlib.h>

#include "common/event/json_text.h"

static void add_val(struct detector *dt, const struct json_field *leaf)
{
	if (leaf->type >= JS_OBJECT || leaf->type == JS_NULL)
		return;
	if (array_room(&dt->vals, dt->n_vals, &dt->cap_vals, sizeof(*dt->vals)) < 0) {
		dt->nomem = true;
		return;
	}
	dt->vals[dt->n_vals++] = (struct val){ .leaf = leaf };
}

/* -- names ----------------------------------------------------------------------------------- */

static void know(struct known *kn, unsigned rank, uint32_t name)
{
	unsigned at = kn->n++;

	for (; at > 0 && kn->rank[at - 1] > rank; at--) {
		kn->rank[at] = kn->rank[at - 1];
		kn->name[at] = kn->name[at - 1];
	}
	kn->rank[at] = (uint8_t)rank;
	kn->name[at] = name;
}

/* A name that the dictionary has and this detector has not looked at. */
static int learn(struct detector *dt, uint32_t name)
{
	const struct ruleset *rs = dt->rs;
	uint32_t path = intern_find(&rs->path_keys, dt->event->names.v[name].path);
	bool kind = false;

	if (path == INTERN_NONE)
		return 0;
	for (const struct path_use *u = rs->path_uses[path]; u != NULL; u = u->next) {
		know(&dt->known[u->field], u->rank, name);
		kind = kind || rs->fields[u->field].tells_kind;
	}
	if (!kind)
		return 0;
	if (array_room(&dt->kind_names, dt->n_kind_names, &dt->cap_kind_names,
		       sizeof(*dt->kind_names)) < 0)
		return -1;
	dt->kind_names[dt->n_kind_names++] = name;
	return 0;
}

int names_learn(struct detector *dt)
{
	const struct json_names *nm = &dt->event->names;

	if (dt->epoch != nm->epoch) {
		memset(dt->known, 0, (dt->rs->field_keys.n + 1) * sizeof(*dt->known));
		for (unsigned i = 0; i < KINDS; i++)
			dt->kinds[i].program = NULL; /* their keys hold names' numbers */
		dt->n_kind_names = 0;
		dt->names_seen = 0;
		dt->epoch = nm->epoch;
	}
	for (; dt->names_seen < nm->n; dt->names_seen++) {
		if (learn(dt, dt->names_seen) < 0)
			return -1;
	}
	return 0;
}

/* -- values ---------------------------------------------------------------------------------- */

/* The first leaf of the field that holds a value. */
static const struct json_field *first_leaf(const struct detector *dt, uint32_t field)
{
	const struct known *kn = &dt->known[field];

	for (unsigned i = 0; i < kn->n; i++) {
		const struct json_field *leaf = json_index_named(dt->event, kn->name[i]);

		for (; leaf != NULL; leaf = json_field_next(dt->event, leaf)) {
			if (leaf->type < JS_OBJECT && leaf->type != JS_NULL)
				return leaf;
		}
	}
	return NULL;
}

const struct fvals *values_of(struct detector *dt, uint32_t field)
{
	struct fvals *fv = &dt->fields[field];
	const struct json_field *leaf;

	if (fv->generation == dt->generation)
		return fv;
	fv->generation = dt->generation;
	fv->first = dt->n_vals;
	if (field == FIELD_ANY) {
		for (unsigned i = 0; i < dt->event->n; i++)
			add_val(dt, &dt->event->f[i]);
	} else {
		leaf = first_leaf(dt, field);
		for (; leaf != NULL; leaf = json_field_next(dt->event, leaf))
			add_val(dt, leaf);
	}
	fv->n = dt->n_vals - fv->first;
	return fv;
}

static bool is_below(struct slice path, struct slice object)
{
	return path.n > object.n && path.p[object.n] == '.' && slice_starts(path, object);
}

bool field_is_there(const struct detector *dt, uint32_t field)
{
	const struct sfield *f = &dt->rs->fields[field];
	const struct known *kn = &dt->known[field];

	for (unsigned i = 0; i < kn->n; i++) {
		if (json_index_named(dt->event, kn->name[i]) != NULL)
			return true;
	}
	/* What tells an event's kind is a value; what is below it is not part of the kind's key. */
	for (unsigned i = 0; i < dt->event->n && !f->tells_kind; i++) {
		for (unsigned k = 0; k < f->n_paths; k++) {
			if (is_below(dt->event->f[i].path, f->paths[k].name))
				return true;
		}
	}
	return false;
}

struct slice val_raw(struct detector *dt, struct val *v)
{
	if (v->raw.p == NULL) {
		v->raw = json_field_text(dt->event, v->leaf);
		if (v->raw.p == NULL)
			v->raw.p = "";
	}
	return v->raw;
}

struct slice val_folded(struct detector *dt, struct val *v)
{
	struct slice in = v->leaf->value;
	char *out;

	if (v->folded.p != NULL)
		return v->folded;
	out = arena_alloc(&dt->mem, in.n + 1);
	if (out == NULL)
		goto nomem;
	if (v->leaf->escaped) {
		in.n = json_unescape(in, out);
		in.p = out;
	}
	v->ascii = lower_ascii(in.p, in.n, out) == in.n;
	v->folded = v->ascii ? (struct slice){ out, in.n } : fold(val_raw(dt, v), &dt->mem);
	if (v->folded.p != NULL)
		return v->folded;
nomem:
	dt->nomem = true;
	v->folded = (struct slice){ "", 0 };
	return v->folded;
}

bool val_may_hold(struct detector *dt, struct val *v, const struct pairs *need)
{
	struct signature *sg;

	if (v->signature != NULL)
		return signature_has(v->signature, need);
	if (v->asks < SIGN_AFTER) {
		v->asks++;
		return true;
	}
	sg = arena_alloc(&dt->mem, signature_size(val_folded(dt, v).n));
	if (sg == NULL)
		return true; /* only slower */
	signature_make(sg, v->folded);
	v->signature = sg;
	return signature_has(sg, need);
}

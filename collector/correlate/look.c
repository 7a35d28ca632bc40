/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/look.c: fields of events. The names that rules ask for are few and stay where
 * they are, so what it takes to find each is prepared once and known by the name's address. */
#include "collector/correlate/plan.h"

#include <stdlib.h>

static size_t slot_of(const struct looks *lk, const char *name)
{
	uint64_t at = (uint64_t)(uintptr_t)name * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(at >> 32) & (lk->cap - 1);

	while (lk->slot[i].name != NULL && lk->slot[i].name != name)
		i = (i + 1) & (lk->cap - 1);
	return i;
}

static int grow(struct looks *lk, struct err *err)
{
	struct looks more = { .cap = lk->cap > 0 ? lk->cap * 2 : 64, .n = lk->n };

	more.slot = calloc(more.cap, sizeof(*more.slot));
	if (more.slot == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < lk->cap; i++)
		if (lk->slot[i].name != NULL)
			more.slot[slot_of(&more, lk->slot[i].name)] = lk->slot[i];
	free(lk->slot);
	*lk = more;
	return 0;
}

static int add(struct correlate *co, const char *name, struct err *err)
{
	struct looks *lk = &co->looks;
	struct look *l;

	if ((lk->n + 1) * 2 > lk->cap && grow(lk, err) < 0)
		return -1;
	l = &lk->slot[slot_of(lk, name)];
	if (l->name != NULL)
		return 0;
	l->name = name;
	lk->n++;
	l->n = ruleset_field_looks(co->rules, name, l->path);
	for (size_t i = 0; i < l->n; i++)
		skim_want(&co->skim, l->path[i].path);
	return 0;
}

static int add_all(struct correlate *co, const char *const *names, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (add(co, names[i], err) < 0)
			return -1;
	return 0;
}

int looks_make(struct correlate *co, struct err *err)
{
	if (add_all(co, co->fields, co->n_fields, err) < 0 || add(co, entity_default, err) < 0)
		return -1;
	for (size_t i = 0; i < co->n_plans; i++) {
		const struct rule *r = co->plans[i].rule;
		const struct correlation *c = r->correlation;

		if (add_all(co, r->entity, r->n_entity, err) < 0)
			return -1;
		if (c == NULL)
			continue;
		if (add_all(co, c->group_by, c->n_group_by, err) < 0 ||
		    add_all(co, c->fields, c->n_fields, err) < 0)
			return -1;
		for (size_t k = 0; k < c->n_aliases; k++)
			if (add(co, c->aliases[k].field, err) < 0)
				return -1;
	}
	return 0;
}

void looks_release(struct looks *lk)
{
	free(lk->slot);
	*lk = (struct looks){ 0 };
}

bool event_value(struct correlate *co, struct signal_in *sg, const char *field, struct slice *ret)
{
	const struct look *l = &co->looks.slot[slot_of(&co->looks, field)];

	for (size_t i = 0; i < l->n; i++) {
		const struct json_field *f =
			json_index_find(&sg->event, l->path[i].path, l->path[i].hash);

		while (f != NULL && (f->type == JS_NULL || f->type >= JS_OBJECT))
			f = json_field_next(&sg->event, f);
		if (f == NULL)
			continue;
		*ret = json_field_text(&sg->event, f);
		return ret->n > 0;
	}
	return false;
}

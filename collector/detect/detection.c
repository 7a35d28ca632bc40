/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/detection.c: search identifiers as expressions, and the shared predicates. */
#include <stdlib.h>

#include "collector/detect/engine.h"

int array_room(void *items_ptr, unsigned n, unsigned *cap, size_t size)
{
	void **items = items_ptr, *p;
	unsigned want = *cap > 0 ? *cap * 2 : 32;

	if (n < *cap)
		return 0;
	p = realloc(*items, want * size);
	if (p == NULL)
		return -1;
	*items = p;
	*cap = want;
	return 0;
}

const char *keep(struct ruleset *rs, struct slice s)
{
	return arena_copy(&rs->mem, s).p;
}

int budget_take(struct ruleset *rs, size_t exprs, size_t bytes, struct err *err)
{
	struct budget *bg = &rs->budget;

	if (exprs > EXPRS_MAX - bg->exprs || bytes > BYTES_MAX - bg->bytes)
		return err_set(err, ERR_FULL,
			       "the rules of this file come to more than we take: too many values, "
			       "dashes, placeholders or conditions");
	bg->exprs += (unsigned)exprs;
	bg->bytes += bytes;
	return 0;
}

struct expr *expr_new(struct ruleset *rs, enum expr_op op, unsigned n, struct err *err)
{
	struct expr *ex;

	if (budget_take(rs, (size_t)n + 1, 0, err) < 0)
		return NULL;
	ex = arena_alloc(&rs->mem, sizeof(*ex) + n * sizeof(ex->kid[0]));

	if (ex == NULL) {
		err_nomem(err);
		return NULL;
	}
	*ex = (struct expr){ .op = op, .n = n, .kid = (struct expr **)(ex + 1) };
	return ex;
}

static int by_cost(const void *a, const void *b)
{
	const struct expr *x = *(struct expr *const *)a, *y = *(struct expr *const *)b;

	return x->cost < y->cost ? -1 : x->cost > y->cost;
}

/* Cheap children first: most events are turned away by an identifier or an exact name. */
void expr_settle(struct expr *ex)
{
	ex->cost = 1;
	for (unsigned i = 0; i < ex->n; i++)
		ex->cost += ex->kid[i]->cost;
	if (ex->n > 1)
		qsort(ex->kid, ex->n, sizeof(struct expr *), by_cost);
}

static unsigned pred_cost(const struct pred *p)
{
	static const unsigned of[PRED_KINDS] = { 2, 1, 80, 6, 4, 6 };
	unsigned cost = of[p->kind];

	if (p->kind == PRED_STRING && p->pattern.shape >= SHAPE_CONTAINS)
		cost = p->pattern.shape == SHAPE_CONTAINS ? 6 : 20;
	return p->field == FIELD_ANY ? cost * 20 : cost;
}

int pred_intern(struct ruleset *rs, const struct pred *p, struct slice key, struct expr **ret,
		struct err *err)
{
	struct expr *ex = expr_new(rs, EX_PRED, 0, err);
	bool is_new;

	if (ex == NULL) {
		pcre2_code_free(p->regex);
		return -1;
	}
	if (key.p == NULL ||
	    array_room(&rs->preds, rs->pred_keys.n, &rs->preds_cap, sizeof(*rs->preds)) < 0 ||
	    intern_add(&rs->pred_keys, &rs->mem, key, &ex->pred, &is_new) < 0) {
		pcre2_code_free(p->regex);
		return err_nomem(err);
	}
	if (is_new)
		rs->preds[ex->pred] = *p;
	else
		pcre2_code_free(p->regex);
	ex->cost = pred_cost(p);
	*ret = ex;
	return 0;
}

/* A map: all of its items. */
static int items(struct ruleset *rs, const struct ynode *n, const struct ynode *aliases,
		 struct expr **ret, struct err *err)
{
	struct expr *ex;
	unsigned i = 0;

	if (n->n == 0)
		return err_at(err, n->line, n->col, ERR_SYNTAX, "an empty map");
	ex = expr_new(rs, EX_AND, n->n, err);
	if (ex == NULL)
		return -1;
	for (const struct ynode *it = n->first; it != NULL; it = it->next, i++) {
		if (item_compile(rs, it, it->key->text, aliases, &ex->kid[i], err) < 0)
			return -1;
	}
	expr_settle(ex);
	*ret = n->n == 1 ? ex->kid[0] : ex;
	return 0;
}

int detection_compile(struct ruleset *rs, const struct ynode *n, const struct ynode *aliases,
		      struct expr **ret, struct err *err)
{
	struct expr *ex;
	unsigned i = 0;

	if (n->kind == Y_MAP)
		return items(rs, n, aliases, ret, err);
	if (n->kind == Y_SCALAR)
		return item_compile(rs, n, (struct slice){ "", 0 }, aliases, ret, err);
	if (n->n == 0)
		return err_at(err, n->line, n->col, ERR_SYNTAX, "an empty list");
	ex = expr_new(rs, EX_OR, n->n, err); /* keywords, or maps, or both: any of them */
	if (ex == NULL)
		return -1;
	for (const struct ynode *it = n->first; it != NULL; it = it->next, i++) {
		if (detection_compile(rs, it, aliases, &ex->kid[i], err) < 0)
			return -1;
	}
	expr_settle(ex);
	*ret = ex;
	return 0;
}

static int identifiers(struct ruleset *rs, const struct ynode *det, const char *besides,
		       const struct ynode *aliases, struct named *ids, size_t *n, struct err *err)
{
	for (const struct ynode *d = det->first; d != NULL; d = d->next) {
		if (slice_is(d->key->text, "condition") ||
		    (besides != NULL && slice_is(d->key->text, besides)))
			continue;
		if (slice_is(d->key->text, "timeframe"))
			return err_at(err, d->key->line, d->key->col, ERR_SYNTAX,
				      "timeframe belonged to aggregations: write a correlation "
				      "rule");
		ids[*n].name = d->key->text;
		if (detection_compile(rs, d, aliases, &ids[(*n)++].expr, err) < 0)
			return -1;
	}
	return 0;
}

int search_compile(struct ruleset *rs, const struct ynode *det, const char *besides,
		   const struct ynode *aliases, struct expr **ret, struct err *err)
{
	const struct ynode *cond = ynode_get(det, "condition");
	const char *what = besides != NULL ? "filter" : "detection";
	struct named *ids = arena_alloc(&rs->mem, (det->n + 1) * sizeof(*ids));
	struct expr *ex;
	size_t n = 0;

	if (ids == NULL)
		return err_nomem(err);
	if (cond == NULL)
		return err_at(err, det->line, det->col, ERR_SYNTAX, "%s: the condition is missing",
			      what);
	expand_begin(rs);
	if (identifiers(rs, det, besides, aliases, ids, &n, err) < 0)
		return -1;
	if (n == 0)
		return err_at(err, det->line, det->col, ERR_SYNTAX,
			      "%s: there is no search identifier", what);
	if (condition_compile(rs, cond, ids, n, &ex, err) < 0 ||
	    expand_gate(rs, besides != NULL, &ex, err) < 0)
		return -1;
	*ret = ex;
	return 0;
}

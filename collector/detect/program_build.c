/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/program_build.c: a program is made in three steps: rules are reduced by what is
 * known of the kind; a witness is chosen for each that is left; their literals are indexed by
 * field, and what a literal alone decides is read off the scan instead of being asked again. */
#include "collector/detect/program_impl.h"

#include <stdlib.h>

#define JOIN_MAX 16u
#define SETTLED  UINT32_MAX

struct build {
	struct detector *dt;
	struct ruleset *rs;
	struct program *pg;
	bool general, nomem;
	bool large;      /* past PROGRAM_MEM: it is not to be */
	uint32_t number; /* of this program, from 1 */
	uint32_t parent; /* of the expression whose children are gathered */
	/* By predicate: 1 + its literal. */
	uint32_t *literal_of;
	uint64_t *preds; /* of the literals: field, then predicate */
	unsigned cap_preds;
	struct { /* rule whose witness the literal is */
		uint32_t literal, rule;
	} * pairs;
	unsigned n_pairs, cap_pairs;
	uint32_t rule; /* at hand */
};

/* -- reducing -------------------------------------------------------------------------------- */

static struct expr true_expr = { .op = EX_AND }, false_expr = { .op = EX_NEVER };

static struct expr *node(struct build *b, enum expr_op op, unsigned n)
{
	struct expr *ex;

	b->large = b->large || b->pg->mem.used + n * sizeof(ex->kid[0]) > PROGRAM_MEM;
	ex = b->large ? NULL : arena_alloc(&b->pg->mem, sizeof(*ex) + n * sizeof(ex->kid[0]));
	if (ex == NULL) {
		b->nomem = b->nomem || !b->large;
		return NULL;
	}
	*ex = (struct expr){ .op = op, .n = n, .kid = (struct expr **)(ex + 1) };
	return ex;
}

static struct expr *reduce(struct build *b, struct expr *ex);

static struct expr *reduce_pred(struct build *b, const struct expr *ex)
{
	struct expr *leaf;

	if (!b->general && b->rs->preds[ex->pred].tells_kind)
		return pred_holds(b->dt, ex->pred) ? &true_expr : &false_expr;
	leaf = node(b, EX_PRED, 0);
	if (leaf == NULL)
		return &false_expr;
	leaf->pred = ex->pred;
	leaf->cost = ex->cost;
	return leaf;
}

static struct expr *reduce_not(struct build *b, struct expr *ex)
{
	struct expr *kid = reduce(b, ex->kid[0]), *not ;

	if (kid == &true_expr || kid == &false_expr)
		return kid == &true_expr ? &false_expr : &true_expr;
	if (kid->op == EX_NOT)
		return kid->kid[0];
	not = node(b, EX_NOT, 1);
	if (not == NULL)
		return &false_expr;
	not ->kid[0] = kid;
	return not ;
}

/* Small ANDs in an AND, and ORs in an OR, are one with it: fewer steps for an event. */
static bool joins(const struct expr *kid, enum expr_op op)
{
	return kid->op == op && kid->n <= JOIN_MAX;
}

static struct expr *flatten(struct build *b, struct expr *ex)
{
	struct expr *flat;
	unsigned n = 0;

	for (unsigned i = 0; i < ex->n; i++)
		n += joins(ex->kid[i], ex->op) ? ex->kid[i]->n : 1;
	if (n == ex->n)
		return ex;
	flat = node(b, ex->op, n);
	if (flat == NULL)
		return &false_expr;
	n = 0;
	for (unsigned i = 0; i < ex->n; i++) {
		if (!joins(ex->kid[i], ex->op)) {
			flat->kid[n++] = ex->kid[i];
			continue;
		}
		for (unsigned k = 0; k < ex->kid[i]->n; k++)
			flat->kid[n++] = ex->kid[i]->kid[k];
	}
	return flat;
}

/* AND, OR and COUNT: how many children must be true decides. Of AND and OR, a child that stands
 * there several times counts once. */
static struct expr *reduce_many(struct build *b, struct expr *ex)
{
	unsigned need = ex->op == EX_AND ? ex->n : ex->op == EX_OR ? 1 : ex->need, n = 0;
	uint32_t parent;
	struct expr *out, *kid;

	for (unsigned i = 0; i < ex->n; i++)
		reduce(b, ex->kid[i]); /* kept with each; so `parent` is this one's own below */
	out = node(b, ex->op, ex->n);
	if (out == NULL)
		return &false_expr;
	parent = ++b->parent;
	for (unsigned i = 0; i < ex->n; i++) {
		kid = reduce(b, ex->kid[i]);
		if (kid == &true_expr || (ex->op == EX_AND && kid->parent == parent))
			need--;
		else if (kid != &false_expr && !(ex->op == EX_OR && kid->parent == parent))
			out->kid[n++] = kid;
		if (kid != &true_expr && kid != &false_expr)
			kid->parent = parent;
		if (need == 0)
			return &true_expr;
		if (need > n + (ex->n - i - 1))
			return &false_expr; /* too few are left */
	}
	if (n == 1)
		return out->kid[0];
	out->n = n;
	out->need = need;
	out->op = need == n ? EX_AND : need == 1 ? EX_OR : EX_COUNT;
	return out->op != EX_COUNT ? flatten(b, out) : out;
}

/* Expressions are shared, by the parts of a condition and, filters, by rules: what is left of one
 * is made once a program. */
static struct expr *reduce(struct build *b, struct expr *ex)
{
	if (ex->build == b->number)
		return ex->reduced;
	ex->reduced = ex->op == EX_PRED    ? reduce_pred(b, ex)
		      : ex->op == EX_NOT   ? reduce_not(b, ex)
		      : ex->op == EX_NEVER ? &false_expr
					   : reduce_many(b, ex);
	ex->build = b->number;
	return ex->reduced;
}

static int by_number(const void *a, const void *b)
{
	const struct program_rule *x = a, *y = b;

	return x->rule->number < y->rule->number ? -1 : x->rule->number > y->rule->number;
}

static void add_rules(struct build *b, const uint32_t *classes, unsigned n_classes)
{
	struct program *pg = b->pg;
	size_t total = 1;

	for (unsigned c = 0; c < n_classes; c++)
		total += b->rs->classes[classes[c]].n;
	pg->rules = arena_alloc(&pg->mem, total * sizeof(*pg->rules));
	pg->always = arena_alloc(&pg->mem, (total + 63) / 64 * sizeof(uint64_t));
	if (pg->rules == NULL || pg->always == NULL) {
		b->nomem = true;
		return;
	}
	memset(pg->always, 0, (total + 63) / 64 * sizeof(uint64_t));
	for (unsigned c = 0; c < n_classes; c++) {
		const struct class *cl = &b->rs->classes[classes[c]];

		for (unsigned i = 0; i < cl->n; i++) {
			const struct compiled *co = cl->rules[i]->compiled;
			struct expr *ex = reduce(b, co->expr);

			if (ex == &false_expr)
				continue;
			pg->rules[pg->n_rules++] =
				(struct program_rule){ .rule = cl->rules[i],
						       .expr = ex == &true_expr ? NULL : ex };
		}
	}
	qsort(pg->rules, pg->n_rules, sizeof(*pg->rules), by_number);
}

/* -- witnesses ------------------------------------------------------------------------------- */

static void take(void *arg, uint32_t pred)
{
	struct build *b = arg;
	uint32_t *no = &b->literal_of[pred];

	if (array_room(&b->preds, b->pg->n_literals, &b->cap_preds, sizeof(*b->preds)) < 0 ||
	    array_room(&b->pairs, b->n_pairs, &b->cap_pairs, sizeof(*b->pairs)) < 0) {
		b->nomem = true;
		return;
	}
	if (*no == 0) {
		b->preds[b->pg->n_literals] = (uint64_t)b->rs->preds[pred].field << 32 | pred;
		*no = ++b->pg->n_literals;
	}
	b->pairs[b->n_pairs].literal = *no - 1;
	b->pairs[b->n_pairs++].rule = b->rule;
}

static void choose(struct build *b)
{
	struct program *pg = b->pg;

	for (b->rule = 0; b->rule < pg->n_rules; b->rule++) {
		struct expr *ex = pg->rules[b->rule].expr;

		if (ex == NULL || !witness_choose(b->rs->witnesses, ex, b->rule + 1, take, b))
			bit_set(pg->always, b->rule);
	}
}

/* The rules of each literal, side by side. */
static void list_rules(struct build *b)
{
	struct program *pg = b->pg;
	uint32_t at = 0;

	pg->literals = arena_alloc(&pg->mem, (pg->n_literals + 1) * sizeof(*pg->literals));
	pg->literal_rules = arena_alloc(&pg->mem, (b->n_pairs + 1) * sizeof(uint32_t));
	if (pg->literals == NULL || pg->literal_rules == NULL) {
		b->nomem = true;
		return;
	}
	memset(pg->literals, 0, (pg->n_literals + 1) * sizeof(*pg->literals));
	for (unsigned i = 0; i < b->n_pairs; i++)
		pg->literals[b->pairs[i].literal].n++;
	for (unsigned i = 0; i < pg->n_literals; i++) {
		pg->literals[i].first = at;
		at += pg->literals[i].n;
		pg->literals[i].n = 0;
	}
	for (unsigned i = 0; i < b->n_pairs; i++) {
		struct program_literal *l = &pg->literals[b->pairs[i].literal];

		pg->literal_rules[l->first + l->n++] = b->pairs[i].rule;
	}
}

/* -- fields ---------------------------------------------------------------------------------- */

static int by_field(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void list_beyond(struct build *b, struct program_field *pf, const uint64_t *preds,
			unsigned n)
{
	const struct program *pg = b->pg;
	unsigned total = 0;

	for (unsigned i = 0; i < n; i++)
		if (b->rs->witnesses[(uint32_t)preds[i]].ascii_only)
			total += pg->literals[b->literal_of[(uint32_t)preds[i]] - 1].n;
	if (total == 0)
		return;
	pf->beyond_ascii = arena_alloc(&b->pg->mem, total * sizeof(uint32_t));
	if (pf->beyond_ascii == NULL) {
		b->nomem = true;
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		uint32_t pred = (uint32_t)preds[i];
		const struct program_literal *l = &pg->literals[b->literal_of[pred] - 1];

		for (unsigned k = 0; k < l->n && b->rs->witnesses[pred].ascii_only; k++)
			pf->beyond_ascii[pf->n_beyond_ascii++] = pg->literal_rules[l->first + k];
	}
}

static void add_field(struct build *b, const uint64_t *preds, unsigned n)
{
	struct program_field *pf = &b->pg->fields[b->pg->n_fields++];
	struct literal *v = malloc(n * sizeof(*v));
	struct sieve *sieve = NULL;

	*pf = (struct program_field){ .field = (uint32_t)(preds[0] >> 32) };
	for (unsigned i = 0; v != NULL && i < n; i++) {
		uint32_t pred = (uint32_t)preds[i];
		const struct witness *w = &b->rs->witnesses[pred];

		v[i] = (struct literal){ w->text, w->shape, b->literal_of[pred] - 1 };
	}
	pf->literals = v != NULL ? literals_new(v, n, &b->pg->mem) : NULL;
	if (pf->literals == NULL || sieve_new(v, n, &b->pg->mem, &sieve) < 0)
		b->nomem = true;
	pf->sieve = sieve;
	free(v);
	list_beyond(b, pf, preds, n);
}

static void index_fields(struct build *b)
{
	struct program *pg = b->pg;
	unsigned n_fields = 0;

	if (pg->n_literals > 0)
		qsort(b->preds, pg->n_literals, sizeof(*b->preds), by_field);
	for (unsigned i = 0; i < pg->n_literals; i++)
		n_fields += i == 0 || b->preds[i] >> 32 != b->preds[i - 1] >> 32;
	pg->fields = arena_alloc(&pg->mem, (n_fields + 1) * sizeof(*pg->fields));
	if (pg->fields == NULL) {
		b->nomem = true;
		return;
	}
	for (unsigned i = 0, end; i < pg->n_literals; i = end) {
		for (end = i + 1; end < pg->n_literals && b->preds[end] >> 32 == b->preds[i] >> 32;)
			end++;
		add_field(b, b->preds + i, end - i);
	}
}

/* What the scan decides is read off it, and the cheap goes first. */
static void settle(struct build *b, struct expr *ex)
{
	if (ex->op == EX_PRED && b->literal_of[ex->pred] != 0 && b->rs->witnesses[ex->pred].whole) {
		ex->op = EX_HIT;
		ex->pred = b->literal_of[ex->pred] - 1;
		ex->cost = 0;
	}
	if (ex->op == EX_PRED || ex->op == EX_HIT || ex->rule == SETTLED)
		return;
	ex->rule = SETTLED;
	for (unsigned i = 0; i < ex->n; i++)
		settle(b, ex->kid[i]);
	expr_settle(ex);
}

struct program *program_build(struct detector *dt, const uint32_t *classes, unsigned n_classes,
			      bool general, uint32_t number, bool *ret_large)
{
	struct arena mem = { 0 };
	struct program *pg = arena_alloc(&mem, sizeof(*pg));
	struct build b = { .dt = dt, .rs = dt->rs, .pg = pg, .general = general, .number = number };

	*ret_large = false;
	b.literal_of = calloc(dt->rs->pred_keys.n + 1, sizeof(uint32_t));
	if (pg == NULL || b.literal_of == NULL) {
		free(b.literal_of);
		arena_release(&mem);
		return NULL;
	}
	*pg = (struct program){ .mem = mem };
	add_rules(&b, classes, n_classes);
	if (!b.nomem && !b.large)
		choose(&b);
	if (!b.nomem && !b.large)
		list_rules(&b);
	if (!b.nomem && !b.large)
		index_fields(&b);
	for (unsigned i = 0; i < pg->n_rules && !b.nomem && !b.large; i++)
		if (pg->rules[i].expr != NULL)
			settle(&b, pg->rules[i].expr);
	for (unsigned i = 0; i < pg->n_rules && !b.nomem && !b.large; i++)
		if (pg->rules[i].expr != NULL && pg->mem.used < PROGRAM_MEM)
			pg->rules[i].steps = steps_make(pg->rules[i].expr, &pg->mem);
	free(b.literal_of);
	free(b.preds);
	free(b.pairs);
	if (!b.nomem && !b.large)
		return pg;
	*ret_large = !b.nomem;
	mem = pg->mem;
	arena_release(&mem);
	return NULL;
}

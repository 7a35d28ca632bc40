/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/corr_condition.c: {gte: 10}, a range {gt: 100, lte: 200}, with `field` and
 * `percentile` beside it where the type looks at values; of temporal ones nothing, or a number of
 * rules, or an expression over them. */
#include "collector/detect/corr_condition.h"

#include <stdlib.h>

#define COUNT_MAX  1000000000u
#define NUMBER_MAX 1e18

static bool is_metric(enum correlation_type type)
{
	return type >= CORR_VALUE_SUM && type <= CORR_VALUE_MEDIAN;
}

static int read_fields(struct ruleset *rs, struct correlation *co, const struct ynode *n,
		       struct err *err)
{
	if (co->type == CORR_EVENT_COUNT || co->type >= CORR_TEMPORAL)
		return corr_refuse(err, n->key,
				   "condition: this type looks at no field; value_count, "
				   "value_sum, value_avg, value_percentile and value_median do");
	if (text_list(rs, n, "field", &co->fields, &co->n_fields, err) < 0)
		return -1;
	for (size_t i = 0; i < co->n_fields; i++)
		if (co->fields[i][0] == '\0')
			return corr_refuse(err, n, "condition: field: a name is expected here");
	if (co->n_fields > 1 && co->type != CORR_VALUE_COUNT)
		return corr_refuse(err, n, "condition: only value_count looks at several fields");
	return 0;
}

static int read_percentile(struct correlation *co, const struct ynode *n, struct err *err)
{
	if (co->type != CORR_VALUE_PERCENTILE)
		return corr_refuse(err, n->key,
				   "condition: only value_percentile has a percentile");
	if (!ynode_is_number(n))
		return corr_refuse(err, n, "condition: percentile: a number from 0 to 100");
	co->percentile = strtod(n->text.p, NULL);
	if (!(co->percentile >= 0 && co->percentile <= 100))
		return corr_refuse(err, n, "condition: percentile: a number from 0 to 100");
	return 0;
}

static int read_test(struct correlation *co, const struct ynode *n, struct err *err)
{
	static const char *const ops[] = { "gt", "gte", "lt", "lte", "eq", "neq" };
	struct correlation_test *t = &co->test[co->n_tests];
	uint64_t whole;
	int op = 0;

	while (op < 6 && !slice_is(n->key->text, ops[op]))
		op++;
	if (op == 6)
		return corr_refuse(err, n->key,
				   "condition: gt, gte, lt, lte, eq, neq, field or percentile is "
				   "expected");
	t->op = (enum compare)op;
	if (!is_metric(co->type)) {
		if (n->kind != Y_SCALAR || !slice_uint(n->text, COUNT_MAX, &whole))
			return corr_refuse(err, n, "condition: a whole number is expected here");
		t->value = (double)whole;
	} else {
		if (!ynode_is_number(n))
			return corr_refuse(err, n, "condition: a number is expected here");
		t->value = strtod(n->text.p, NULL);
		if (!(t->value >= -NUMBER_MAX && t->value <= NUMBER_MAX))
			return corr_refuse(err, n, "condition: the number is past 1e18");
	}
	co->n_tests++;
	return 0;
}

static int read_map(struct ruleset *rs, struct correlation *co, const struct ynode *n,
		    struct err *err)
{
	for (const struct ynode *c = n->first; c != NULL; c = c->next) {
		int r;

		if (slice_is(c->key->text, "field"))
			r = read_fields(rs, co, c, err);
		else if (slice_is(c->key->text, "percentile"))
			r = read_percentile(co, c, err);
		else
			r = read_test(co, c, err);
		if (r < 0)
			return -1;
	}
	if (co->n_tests == 0)
		return corr_refuse(err, n, "condition: a comparison such as gte: 10 is missing");
	if (co->type < CORR_TEMPORAL && co->type != CORR_EVENT_COUNT && co->n_fields == 0)
		return corr_refuse(err, n,
				   "condition: this type wants the field whose values it looks at");
	return 0;
}

/* All of the rules, as temporal ones want when they say nothing. */
static int all_rules(struct ruleset *rs, struct correlation *co, size_t n, struct err *err)
{
	if (co->type == CORR_TEMPORAL) {
		co->test[0] = (struct correlation_test){ CMP_GTE, (double)n };
		co->n_tests = 1;
		return 0;
	}
	co->terms = arena_alloc(&rs->mem, sizeof(*co->terms));
	if (co->terms == NULL)
		return err_nomem(err);
	co->terms[0].with = n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
	co->terms[0].without = 0;
	co->n_terms = 1;
	return 0;
}

int corr_condition(struct ruleset *rs, struct correlation *co, struct compiled *own,
		   const struct ynode *map, struct err *err)
{
	const struct ynode *n = ynode_get(map, "condition"), *refs = ynode_get(map, "rules");
	bool temporal = co->type >= CORR_TEMPORAL;

	if (temporal && (n == NULL || ynode_is_null(n))) {
		if (co->type == CORR_TEMPORAL_ORDERED && own->n_refs > CORR_RULES_MAX)
			return corr_refuse(err, refs, "rules: more than 64");
		return all_rules(rs, co, own->n_refs, err);
	}
	if (temporal && n->kind == Y_SCALAR)
		return corr_expression(rs, co, own, n, err);
	if (n == NULL || n->kind != Y_MAP)
		return corr_refuse(
			err, n != NULL ? n : map,
			temporal ? "a condition such as {gte: 2} or \"a and b\" is expected"
				 : "a condition such as {gte: 10} is expected");
	if (co->type == CORR_TEMPORAL_ORDERED && own->n_refs > CORR_CHAIN_MAX)
		return corr_refuse(err, refs,
				   "rules: more than 16, of which the condition wants some");
	return read_map(rs, co, n, err);
}

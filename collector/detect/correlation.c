/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/correlation.c: correlation rules: what they say, and whom they mean. Names are
 * resolved once all files are read, so that order and file do not matter. */
#include <stdlib.h>

#include "collector/detect/engine.h"
#include "common/base/time.h"

static int refuse(struct err *err, const struct ynode *at, const char *what)
{
	return err_at(err, at->line, at->col, ERR_SYNTAX, "correlation: %s", what);
}

static int read_type(struct correlation *co, const struct ynode *map, struct err *err)
{
	static const char *const names[] = { "event_count", "value_count", "temporal",
					     "temporal_ordered" };
	const struct ynode *n = ynode_get(map, "type");

	if (n == NULL || n->kind != Y_SCALAR)
		return refuse(err, n != NULL ? n : map, "the type is missing");
	for (int i = 0; i < 4; i++) {
		if (slice_is(n->text, names[i])) {
			co->type = (enum correlation_type)i;
			return 0;
		}
	}
	return err_at(err, n->line, n->col, ERR_SYNTAX,
		      "correlation: type %.*s is not supported; event_count, value_count, temporal "
		      "and temporal_ordered are",
		      (int)(n->text.n < 40 ? n->text.n : 40), n->text.p);
}

static int read_timespan(struct correlation *co, const struct ynode *map, struct err *err)
{
	static const struct {
		char unit;
		int64_t s;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	const struct ynode *n = ynode_get(map, "timespan");
	struct slice s;
	uint64_t v;

	if (n == NULL || n->kind != Y_SCALAR || n->text.n < 2)
		return refuse(err, n != NULL ? n : map,
			      "a timespan such as 30s, 5m, 1h or 1d is "
			      "expected");
	s = n->text;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (s.p[s.n - 1] != units[i].unit)
			continue;
		if (slice_uint((struct slice){ s.p, s.n - 1 }, 366u * 86400u / (uint64_t)units[i].s,
			       &v) &&
		    v > 0) {
			co->timespan_ns = (int64_t)v * units[i].s * NS_PER_SEC;
			return 0;
		}
	}
	return refuse(err, n, "timespan: a number from 1 and s, m, h, d or w, at most a year");
}

/* {gte: 10}, and for value_count beside it {field: user.name}. */
static int read_condition(struct ruleset *rs, struct correlation *co, const struct ynode *map,
			  struct err *err)
{
	static const char *const ops[] = { "gt", "gte", "lt", "lte", "eq", "neq" };
	const struct ynode *n = ynode_get(map, "condition");
	bool temporal = co->type >= CORR_TEMPORAL, seen = false;
	uint64_t v;

	co->op = CMP_GTE;
	co->value = 0; /* temporal: all of its rules, filled in with their number */
	if (n == NULL && temporal)
		return 0;
	if (n == NULL || n->kind != Y_MAP)
		return refuse(err, n != NULL ? n : map,
			      temporal
				      ? "extended conditions are not supported: leave condition out"
				      : "a condition such as {gte: 10} is expected");
	for (const struct ynode *c = n->first; c != NULL; c = c->next) {
		int op = 0;

		if (slice_is(c->key->text, "field") && c->kind == Y_SCALAR && c->text.n > 0) {
			co->field = keep(rs, c->text);
			if (co->field == NULL)
				return err_nomem(err);
			continue;
		}
		while (op < 6 && !slice_is(c->key->text, ops[op]))
			op++;
		if (op == 6)
			return refuse(err, c->key,
				      "condition: gt, gte, lt, lte, eq, neq or field is "
				      "expected");
		if (seen)
			return refuse(err, c->key, "condition: only one comparison is supported");
		if (c->kind != Y_SCALAR || !slice_uint(c->text, 1000000000, &v))
			return refuse(err, c, "condition: a whole number is expected here");
		seen = true;
		co->op = (enum compare)op;
		co->value = (int64_t)v;
	}
	if (!seen && !temporal)
		return refuse(err, n, "condition: a comparison such as gte: 10 is missing");
	if (co->type == CORR_VALUE_COUNT && co->field == NULL)
		return refuse(err, n,
			      "condition: value_count wants the field whose values it counts");
	return 0;
}

/* aliases: {name: {rule: field, ...}} */
static int read_aliases(struct ruleset *rs, struct correlation *co, const struct ynode *map,
			struct err *err)
{
	const struct ynode *n = ynode_get(map, "aliases");
	struct correlation_alias *v;
	size_t total = 0;

	if (n == NULL || ynode_is_null(n))
		return 0;
	if (n->kind != Y_MAP)
		return refuse(err, n, "aliases: a map is expected here");
	for (const struct ynode *a = n->first; a != NULL; a = a->next) {
		if (a->kind != Y_MAP)
			return refuse(err, a, "aliases: a map of rule and field is expected here");
		total += a->n;
	}
	v = arena_alloc(&rs->mem, (total + 1) * sizeof(*v));
	if (v == NULL)
		return err_nomem(err);
	co->aliases = v;
	for (const struct ynode *a = n->first; a != NULL; a = a->next) {
		for (const struct ynode *r = a->first; r != NULL; r = r->next, v++) {
			if (r->kind != Y_SCALAR || r->text.n == 0)
				return refuse(err, r,
					      "aliases: the name of a field is expected here");
			*v = (struct correlation_alias){ .alias = keep(rs, a->key->text),
							 .rule_ref = keep(rs, r->key->text),
							 .field = keep(rs, r->text),
							 .line = r->line,
							 .col = r->col };
			if (v->alias == NULL || v->rule_ref == NULL || v->field == NULL)
				return err_nomem(err);
			co->n_aliases++;
		}
	}
	return 0;
}

int correlation_parse(struct ruleset *rs, struct rule *rule, const struct ynode *doc,
		      struct err *err)
{
	const struct ynode *map = ynode_get(doc, "correlation"), *refs, *n;
	struct correlation *co = arena_alloc(&rs->mem, sizeof(*co));
	struct compiled *own = rule->compiled;
	const char **names = NULL;
	uint32_t field; /* known from here on to ruleset_field */

	if (co == NULL)
		return err_nomem(err);
	*co = (struct correlation){ 0 };
	rule->correlation = co;
	if (map->kind != Y_MAP)
		return refuse(err, map, "a map is expected here");
	if (ynode_get(doc, "detection") != NULL)
		return refuse(err, map, "a rule has a detection or a correlation, not both");
	refs = ynode_get(map, "rules");
	if (refs == NULL)
		return refuse(err, map, "the rules that it counts are missing");
	if (read_type(co, map, err) < 0 || read_timespan(co, map, err) < 0 ||
	    read_condition(rs, co, map, err) < 0 || read_aliases(rs, co, map, err) < 0 ||
	    text_list(rs, ynode_get(map, "group-by"), "group-by", &co->group_by, &co->n_group_by,
		      err) < 0 ||
	    text_list(rs, refs, "rules", &names, &own->n_refs, err) < 0)
		return -1;
	if (own->n_refs == 0)
		return refuse(err, refs, "it counts no rule");
	if (co->type >= CORR_TEMPORAL && own->n_refs < 2)
		return refuse(err, refs, "a temporal correlation wants at least two rules");
	for (size_t i = 0; i < co->n_group_by; i++) {
		if (field_intern(rs, slice_str(co->group_by[i]), NULL, &field, err) < 0)
			return -1;
	}
	if (co->field != NULL && field_intern(rs, slice_str(co->field), NULL, &field, err) < 0)
		return -1;
	n = ynode_get(map, "generate");
	if (n == NULL)
		n = ynode_get(doc, "generate");
	if (n != NULL && !ynode_is_bool(n, &co->generate))
		return refuse(err, n, "generate: true or false is expected");
	own->refs = names;
	own->line = refs->line;
	own->col = refs->col;
	return 0;
}

/* -- after loading -------------------------------------------------------------------------- */

static int resolve_one(struct ruleset *rs, struct rule *r, struct err *err)
{
	struct compiled *own = r->compiled;
	struct correlation *co = r->correlation;
	const struct rule *to;

	co->rules = arena_alloc(&rs->mem, own->n_refs * sizeof(struct rule *));
	if (co->rules == NULL)
		return err_nomem(err);
	co->n_rules = 0;
	for (size_t i = 0; i < own->n_refs; i++) {
		to = ruleset_find(rs, own->refs[i]);
		if (to == NULL)
			return err_at(
				err, own->line, own->col, ERR_ABSENT,
				"correlation: no rule that loads has the id or name \"%.100s\"",
				own->refs[i]);
		co->rules[co->n_rules++] = to;
	}
	if (co->value == 0 && co->type >= CORR_TEMPORAL)
		co->value = (int64_t)co->n_rules;
	for (size_t i = 0; i < co->n_aliases; i++) {
		struct correlation_alias *a = &co->aliases[i];

		a->rule = ruleset_find(rs, a->rule_ref);
		if (a->rule == NULL)
			return err_at(err, a->line, a->col, ERR_ABSENT,
				      "correlation: aliases: no rule has the id or name \"%.100s\"",
				      a->rule_ref);
	}
	return 0;
}

/* How many correlations stand on each other below r, itself counted; above CORR_NEST_MAX: too many,
 * or a circle. Levels once known are kept, and one failure ends the walk, so its time is bounded.
 */
static unsigned level_of(const struct rule *r, unsigned above)
{
	struct compiled *own = r->compiled;
	unsigned level = 1;

	if (r->kind != RULE_CORRELATION)
		return 0;
	if (own->level > 0)
		return own->level;
	if (above >= CORR_NEST_MAX)
		return CORR_NEST_MAX + 1;
	for (size_t i = 0; i < r->correlation->n_rules; i++) {
		unsigned below = level_of(r->correlation->rules[i], above + 1);

		if (below >= CORR_NEST_MAX)
			return CORR_NEST_MAX + 1;
		if (below + 1 > level)
			level = below + 1;
	}
	own->level = level;
	return level;
}

static int check_nesting(struct ruleset *rs, struct rule *r, struct err *err)
{
	struct compiled *own = r->compiled;

	if (level_of(r, 0) <= CORR_NEST_MAX)
		return 0;
	return err_at(
		err, own->line, own->col, ERR_SYNTAX,
		"correlation: it counts itself by way of other correlations, or they are nested "
		"deeper than %u",
		CORR_NEST_MAX);
}

/* Takes out each correlation that check refuses. 1: some were taken out. -1: no memory. */
static int sweep(struct ruleset *rs,
		 int (*check)(struct ruleset *rs, struct rule *r, struct err *err),
		 void (*fault)(void *arg, const struct rule *r, const struct err *err), void *arg,
		 struct err *err)
{
	bool *bad = calloc(rs->n + 1, sizeof(*bad));
	unsigned n = 0;
	int r = 0;

	if (bad == NULL)
		return err_nomem(err);
	for (unsigned i = 0; i < rs->n; i++) {
		struct err inner = { 0 };

		if (rs->rules[i]->kind != RULE_CORRELATION || check(rs, rs->rules[i], &inner) == 0)
			continue;
		if (inner.code == ERR_NOMEM) {
			r = err_nomem(err);
			goto out;
		}
		bad[i] = true;
		fault(arg, rs->rules[i], &inner);
		r = 1;
	}
	for (unsigned i = 0; i < rs->n; i++) {
		if (bad[i])
			ruleset_forget(rs, rs->rules[i]);
		else
			rs->rules[n++] = rs->rules[i];
	}
	rs->n = n;
out:
	free(bad);
	return r;
}

int correlations_resolve(struct ruleset *rs,
			 void (*fault)(void *arg, const struct rule *r, const struct err *err),
			 void *arg, struct err *err)
{
	int r;

	/* One that goes may be another's reference, so until nothing changes. */
	do {
		r = sweep(rs, resolve_one, fault, arg, err);
		if (r == 0)
			r = sweep(rs, check_nesting, fault, arg, err);
	} while (r > 0);
	if (r < 0)
		return -1;
	for (unsigned i = 0; i < rs->n; i++) {
		rs->rules[i]->number = i;
		rs->rules[i]->alerts = true;
	}
	for (unsigned i = 0; i < rs->n; i++) {
		const struct correlation *co = rs->rules[i]->correlation;

		for (size_t k = 0; co != NULL && !co->generate && k < co->n_rules; k++)
			rs->rules[co->rules[k]->number]->alerts = false;
	}
	/* One correlation that lets its rules alert is enough. */
	for (unsigned i = 0; i < rs->n; i++) {
		const struct correlation *co = rs->rules[i]->correlation;

		for (size_t k = 0; co != NULL && co->generate && k < co->n_rules; k++)
			rs->rules[co->rules[k]->number]->alerts = true;
	}
	return 0;
}

const char *correlation_field(const struct correlation *co, const struct rule *rule,
			      const char *name)
{
	for (size_t i = 0; i < co->n_aliases; i++) {
		if (co->aliases[i].rule == rule && strcmp(co->aliases[i].alias, name) == 0)
			return co->aliases[i].field;
	}
	return name;
}

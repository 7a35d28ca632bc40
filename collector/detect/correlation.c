/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/correlation.c: correlation rules: what they say, and whom they mean. Names are
 * resolved once all files are read, so that order and file do not matter. */
#include <stdlib.h>

#include "collector/detect/corr_condition.h"
#include "common/base/time.h"

#define refuse corr_refuse

int corr_refuse(struct err *err, const struct ynode *at, const char *what)
{
	return err_at(err, at->line, at->col, ERR_SYNTAX, "correlation: %s", what);
}

/* A key that we do not know may be a condition that we would not keep. */
static int check_keys(const struct ynode *map, struct err *err)
{
	static const char *const keys[] = { "type",      "rules",   "group-by", "timespan",
					    "condition", "aliases", "generate" };

	for (const struct ynode *n = map->first; n != NULL; n = n->next) {
		size_t i = 0;

		while (i < sizeof(keys) / sizeof(keys[0]) && !slice_is(n->key->text, keys[i]))
			i++;
		if (i == sizeof(keys) / sizeof(keys[0]))
			return refuse(err, n->key,
				      "this key is unknown; type, rules, group-by, timespan, "
				      "condition, aliases and generate are Sigma's");
	}
	return 0;
}

static int read_type(struct correlation *co, const struct ynode *map, struct err *err)
{
	static const char *const names[] = {
		[CORR_EVENT_COUNT] = "event_count",
		[CORR_VALUE_COUNT] = "value_count",
		[CORR_VALUE_SUM] = "value_sum",
		[CORR_VALUE_AVG] = "value_avg",
		[CORR_VALUE_PERCENTILE] = "value_percentile",
		[CORR_VALUE_MEDIAN] = "value_median",
		[CORR_TEMPORAL] = "temporal",
		[CORR_TEMPORAL_ORDERED] = "temporal_ordered",
	};
	const struct ynode *n = ynode_get(map, "type");

	if (n == NULL || n->kind != Y_SCALAR)
		return refuse(err, n != NULL ? n : map, "the type is missing");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_is(n->text, names[i])) {
			co->type = (enum correlation_type)i;
			return 0;
		}
	}
	return err_at(err, n->line, n->col, ERR_SYNTAX,
		      "correlation: type %.*s is unknown; event_count, value_count, value_sum, "
		      "value_avg, value_percentile, value_median, temporal and temporal_ordered "
		      "are Sigma's",
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
	return refuse(err, n,
		      "timespan: a number from 1 and s, m, h, d or w in lower case, at most a "
		      "year; months and years differ in length: say days");
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

/* Makes the fields known to ruleset_field, so that they are found by the field map. */
static int fields_known(struct ruleset *rs, const char *const *names, size_t n, struct err *err)
{
	uint32_t field;

	for (size_t i = 0; i < n; i++)
		if (field_intern(rs, slice_str(names[i]), NULL, &field, err) < 0)
			return -1;
	return 0;
}

int correlation_parse(struct ruleset *rs, struct rule *rule, const struct ynode *doc,
		      struct err *err)
{
	const struct ynode *map = ynode_get(doc, "correlation"), *refs, *n;
	struct correlation *co = arena_alloc(&rs->mem, sizeof(*co));
	struct compiled *own = rule->compiled;

	if (co == NULL)
		return err_nomem(err);
	*co = (struct correlation){ .percentile = CORR_SHARE };
	rule->correlation = co;
	if (map->kind != Y_MAP)
		return refuse(err, map, "a map is expected here");
	if (ynode_get(doc, "detection") != NULL)
		return refuse(err, map, "a rule has a detection or a correlation, not both");
	refs = ynode_get(map, "rules");
	if (check_keys(map, err) < 0 || read_type(co, map, err) < 0 ||
	    read_timespan(co, map, err) < 0 || read_aliases(rs, co, map, err) < 0 ||
	    text_list(rs, ynode_get(map, "group-by"), "group-by", &co->group_by, &co->n_group_by,
		      err) < 0 ||
	    text_list(rs, refs, "rules", &own->refs, &own->n_refs, err) < 0)
		return -1;
	/* An extended condition may name them all by itself. */
	if (corr_condition(rs, co, own, map, err) < 0)
		return -1;
	if (own->n_refs == 0)
		return refuse(err, refs != NULL ? refs : map,
			      "the rules that it counts are missing");
	if (fields_known(rs, co->group_by, co->n_group_by, err) < 0 ||
	    fields_known(rs, co->fields, co->n_fields, err) < 0)
		return -1;
	n = ynode_get(map, "generate");
	if (n == NULL)
		n = ynode_get(doc, "generate");
	if (n != NULL && !ynode_is_bool(n, &co->generate))
		return refuse(err, n, "generate: true or false is expected");
	if (refs == NULL)
		refs = ynode_get(map, "condition");
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
		for (size_t k = 0; k < co->n_rules; k++)
			if (co->rules[k] == to)
				return err_at(err, own->line, own->col, ERR_SYNTAX,
					      "correlation: rules: \"%.100s\" stands there twice",
					      own->refs[i]);
		co->rules[co->n_rules++] = to;
	}
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

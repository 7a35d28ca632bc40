/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/plan.c: the ruleset, turned round: what each rule's signals are for. */
#include "collector/correlate/plan.h"

#include <stdlib.h>

#define HOUR_NS (60 * 60 * NS_PER_SEC)

/* What an alert shows of any event, and what texts have placeholders for; rules add theirs by
 * `fields`. */
static const char *const common_fields[] = {
	"source.ip",  "user.name",    "user.target.name",     "host.name",
	"group.name", "service.name", "process.command_line",
};

static int field_add(struct correlate *co, struct plan *pl, const char *name, struct err *err)
{
	size_t i = 0;

	while (i < co->n_fields && strcmp(co->fields[i], name) != 0)
		i++;
	if (i == UINT16_MAX)
		return 0;
	if (i == co->n_fields) {
		const char **more = realloc(co->fields, (i + 1) * sizeof(*more));

		if (more == NULL)
			return err_nomem(err);
		co->fields = more;
		co->fields[co->n_fields++] = name;
	}
	for (size_t k = 0; k < pl->n_fields; k++)
		if (pl->fields[k] == i)
			return 0;
	if (pl->n_fields < FIELDS_PER_RULE)
		pl->fields[pl->n_fields++] = (uint16_t)i;
	return 0;
}

/* The fields of a rule, and of every correlation above it, go to the detection rule pl. */
static int fields_of(struct correlate *co, struct plan *pl, const struct plan *from, unsigned depth,
		     struct err *err)
{
	for (size_t i = 0; i < from->rule->n_fields; i++)
		if (field_add(co, pl, from->rule->fields[i], err) < 0)
			return -1;
	for (size_t i = 0; i < from->n_uses && depth <= NEST_MAX; i++)
		if (fields_of(co, pl, from->uses[i].plan, depth + 1, err) < 0)
			return -1;
	return 0;
}

static int collect_fields(struct correlate *co, struct plan *pl, struct err *err)
{
	for (size_t i = 0; i < sizeof(common_fields) / sizeof(common_fields[0]); i++)
		if (field_add(co, pl, common_fields[i], err) < 0)
			return -1;
	return fields_of(co, pl, pl, 0, err);
}

static int use_add(struct plan *of, struct plan *by, size_t place, struct err *err)
{
	struct use *more = realloc(of->uses, (of->n_uses + 1) * sizeof(*more));

	if (more == NULL)
		return err_nomem(err);
	of->uses = more;
	of->uses[of->n_uses++] = (struct use){ by, (uint16_t)place };
	return 0;
}

static int correlation_plan(struct correlate *co, const struct correlate_opts *opts,
			    struct plan *pl, struct err *err)
{
	const struct correlation *c = pl->rule->correlation;
	int64_t session = opts->session_ns > 0 ? opts->session_ns : HOUR_NS;
	uint64_t asked = 0;

	for (unsigned i = 0; i < c->n_tests && c->type <= CORR_VALUE_COUNT; i++)
		if (c->test[i].value > (double)asked)
			asked = (uint64_t)c->test[i].value;
	if (asked > UINT32_MAX / 4)
		asked = UINT32_MAX / 4;
	pl->asked = asked;
	pl->rising = true;
	for (unsigned i = 0; i < c->n_tests; i++)
		pl->rising &= c->test[i].op == CMP_GT || c->test[i].op == CMP_GTE;
	pl->late_ns = opts->lateness_ns > 0 ? opts->lateness_ns : c->timespan_ns;
	pl->session_ns = c->timespan_ns > session ? c->timespan_ns : session;
	pl->hold_ns = pl->session_ns + pl->late_ns;
	/* Twice the threshold: the items of two windows, so that folding cannot hide one. */
	pl->items_max = c->type == CORR_VALUE_PERCENTILE && c->percentile < 0
				? CORRELATE_VALUES_MAX
				: CORRELATE_SIGNALS_MAX;
	if (asked * 2 + 2 > pl->items_max)
		pl->items_max = (uint32_t)(asked * 2 + 2);
	pl->twice = c->n_rules > 1 || c->rules[0]->kind != RULE_DETECTION;
	for (size_t i = 0; i < c->n_rules && i <= UINT16_MAX; i++)
		if (use_add(&co->plans[c->rules[i]->number], pl, i, err) < 0)
			return -1;
	return 0;
}

/* How long before a signal others may lie that it is judged with: its own windows' time and, since
 * a correlation may stand on others, theirs. -1: deeper than NEST_MAX, or round in a circle. */
static int64_t reach(const struct plan *pl, unsigned depth)
{
	int64_t above = 0;

	if (depth > NEST_MAX)
		return -1;
	for (size_t i = 0; i < pl->n_uses; i++) {
		int64_t r = reach(pl->uses[i].plan, depth + 1);

		if (r < 0)
			return -1;
		above = r > above ? r : above;
	}
	return pl->hold_ns + above;
}

static int index_ids(struct correlate *co, struct err *err)
{
	co->by_id_cap = 16;
	while (co->by_id_cap < co->n_plans * 2)
		co->by_id_cap *= 2;
	co->by_id = calloc(co->by_id_cap, sizeof(*co->by_id));
	if (co->by_id == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < co->n_plans; i++) {
		size_t at = siphash(&co->key, slice_str(co->plans[i].rule->id));

		while (co->by_id[at & (co->by_id_cap - 1)] != 0)
			at++;
		co->by_id[at & (co->by_id_cap - 1)] = i + 1;
	}
	return 0;
}

struct plan *plan_find(struct correlate *co, struct slice rule_id)
{
	size_t at = siphash(&co->key, rule_id), i;

	for (; (i = co->by_id[at & (co->by_id_cap - 1)]) != 0; at++)
		if (slice_is(rule_id, co->plans[i - 1].rule->id))
			return &co->plans[i - 1];
	return NULL;
}

int plans_make(struct correlate *co, const struct correlate_opts *opts, struct err *err)
{
	size_t n = ruleset_count(co->rules);

	co->plans = calloc(n + 1, sizeof(*co->plans));
	if (co->plans == NULL)
		return err_nomem(err);
	co->n_plans = n;
	for (size_t i = 0; i < n; i++)
		co->plans[i].rule = ruleset_rule(co->rules, i);
	for (size_t i = 0; i < n; i++)
		if (co->plans[i].rule->correlation != NULL &&
		    correlation_plan(co, opts, &co->plans[i], err) < 0)
			return -1;
	co->horizon_ns = HOUR_NS;
	for (size_t i = 0; i < n; i++) {
		struct plan *pl = &co->plans[i];
		int64_t r = reach(pl, 0);

		if (r < 0)
			return err_set(
				err, ERR_SYNTAX,
				"rule %s: correlations refer to each other in a circle, or more "
				"than %u deep",
				pl->rule->id, NEST_MAX);
		if (pl->rule->kind == RULE_DETECTION && collect_fields(co, pl, err) < 0)
			return -1;
		co->horizon_ns = r > co->horizon_ns ? r : co->horizon_ns;
	}
	return looks_make(co, err) < 0 ? -1 : index_ids(co, err);
}

void plans_free(struct correlate *co)
{
	for (size_t i = 0; i < co->n_plans; i++)
		free(co->plans[i].uses);
	free(co->plans);
	free(co->by_id);
	free(co->fields);
	looks_release(&co->looks);
}

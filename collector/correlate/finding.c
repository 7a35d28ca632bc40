/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/finding.c: items of a group, or one signal alone, as a finding. */
#include "collector/correlate/plan.h"

#include "common/base/hash.h"

const char entity_default[] = "host.name";

/* field="value", a long value by its beginning and its hash: the text is stored, and must be the
 * same after a restart. */
static void key_put(struct buf *out, const char *field, struct slice text)
{
	struct slice shown = value_cut(text, CORRELATE_VALUE_MAX);
	uint8_t hash[SHA256_LEN];

	if (out->n > 0)
		buf_chr(out, ' ');
	buf_str(out, field);
	buf_chr(out, '=');
	json_put_string(out, shown);
	if (shown.n < text.n) {
		sha256(text, hash);
		buf_chr(out, '#');
		hex_put(out, hash, 16);
	}
}

static void names_put(struct correlate *co, struct signal_in *sg, const char *const *fields,
		      size_t n)
{
	struct slice text;

	for (size_t i = 0; i < n; i++) {
		if (!event_value(co, sg, fields[i], &text))
			continue;
		key_put(&co->group_key, fields[i], text);
		if (co->entity.n > 0)
			buf_str(&co->entity, ", ");
		buf_slice(&co->entity, value_cut(text, CORRELATE_VALUE_MAX));
	}
}

static int begin(struct correlate *co, const struct rule *rule, const struct incoming *in,
		 struct finding *f, struct err *err)
{
	static const char *const host[] = { entity_default };
	const struct correlation *c = rule->correlation;

	buf_reset(&co->entity);
	buf_reset(&co->group_key);
	if (rule->n_entity > 0)
		names_put(co, in->sg, rule->entity, rule->n_entity);
	else
		names_put(co, in->sg, host, 1);
	if (co->group_key.n == 0 && c != NULL)
		names_put(co, in->sg, c->group_by, c->n_group_by);
	if (co->entity.failed || co->group_key.failed)
		return err_nomem(err);
	*f = (struct finding){ .rule = rule,
			       .tenant = in->sg->tenant,
			       .entity = buf_view(&co->entity),
			       .group_key = buf_view(&co->group_key),
			       .sample = in->sg->event.text };
	return 0;
}

static int signal_fill(struct correlate *co, const struct record *rec, struct finding_signal *ret)
{
	struct finding_value *v = arena_alloc(&co->mem, (rec->n_values + 1u) * sizeof(*v));
	size_t at = 0;

	if (v == NULL)
		return -1;
	for (unsigned i = 0; i < rec->n_values; i++)
		v[i] = record_value(co, rec, &at);
	*ret = (struct finding_signal){ .rule = ruleset_rule(co->rules, rec->rule),
					.event_id = record_id(rec),
					.first_ns = rec->time_ns,
					.last_ns = rec->time_ns,
					.count = 1,
					.values = v,
					.n_values = rec->n_values };
	return 0;
}

static void tell(struct correlate *co, const struct finding *f)
{
	metric_add(&co->stats->findings, 1);
	co->found(co->arg, f);
	arena_reset(&co->mem);
}

int finding_single(struct correlate *co, const struct plan *plan, const struct incoming *in,
		   struct err *err)
{
	struct finding_signal sg;
	struct finding f;

	if (begin(co, plan->rule, in, &f, err) < 0)
		return -1;
	if (signal_fill(co, in->rec, &sg) < 0)
		return err_nomem(err);
	f.signals = &sg;
	f.n_signals = 1;
	f.holds = true;
	tell(co, &f);
	return 0;
}

int finding_tell(struct correlate *co, struct group *g, const struct incoming *in, bool holds,
		 struct err *err)
{
	struct finding_signal *sg;
	struct finding f;
	size_t n = 0;

	for (uint32_t i = g->told; i < g->n; i++)
		n += (group_item(g, i)->flags & ITEM_CARRIED) == 0;
	if (n > 0 && g->plan->rule->alerts && !in->replay) {
		if (begin(co, g->plan->rule, in, &f, err) < 0)
			return -1;
		sg = arena_alloc(&co->mem, n * sizeof(*sg));
		if (sg == NULL)
			return err_nomem(err);
		n = 0;
		for (uint32_t i = g->told; i < g->n; i++) {
			const struct item *it = group_item(g, i);

			if ((it->flags & ITEM_CARRIED) != 0)
				continue;
			if (signal_fill(co, it->rec, &sg[n]) < 0)
				return err_nomem(err);
			sg[n].last_ns = it->last_ns;
			sg[n++].count = it->count;
		}
		f.signals = sg;
		f.n_signals = n;
		f.more = g->more;
		f.holds = holds;
		tell(co, &f);
	}
	group_told(co, g, in->rec);
	return 0;
}

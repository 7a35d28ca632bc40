/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/correlate.c: a signal's way through the rules. */
#include "collector/correlate/measure.h"
#include "collector/correlate/plan.h"

#include <stdlib.h>

#include "common/base/hash.h"

#define MAX_BYTES ((size_t)256 << 20)
#define AHEAD_NS  (5 * 60 * NS_PER_SEC) /* how far a sender's clock may run ahead */
#define KEY_MAX   60000u
#define STEP_NS   (120 * 60 * NS_PER_SEC) /* the most that our clock is believed, a signal */

int correlate_new(const struct correlate_opts *opts, struct correlate **ret, struct err *err)
{
	struct correlate *co = calloc(1, sizeof(*co));

	if (co == NULL)
		return err_nomem(err);
	co->rules = ruleset_ref(opts->rules);
	co->found = opts->found;
	co->arg = opts->arg;
	co->stats = opts->stats != NULL ? opts->stats : &co->own_stats;
	co->max_bytes = opts->max_bytes > 0 ? opts->max_bytes : MAX_BYTES;
	random_bytes(&co->key, sizeof(co->key));
	co->slide = slide_new();
	if (co->slide == NULL) {
		correlate_free(co);
		return err_nomem(err);
	}
	if (plans_make(co, opts, err) < 0) {
		correlate_free(co);
		return -1;
	}
	seen_init(&co->seen, co->max_bytes / 4, co->horizon_ns);
	*ret = co;
	return 0;
}

void correlate_free(struct correlate *co)
{
	if (co == NULL)
		return;
	groups_release(co);
	plans_free(co);
	seen_release(&co->seen);
	slide_free(co->slide);
	buf_release(&co->key_buf);
	buf_release(&co->entity);
	buf_release(&co->group_key);
	arena_release(&co->mem);
	ruleset_unref(co->rules);
	free(co);
}

int64_t correlate_horizon_ns(const struct correlate *co)
{
	return co->horizon_ns;
}

const struct correlate_stats *correlate_stats(const struct correlate *co)
{
	return co->stats;
}

static int64_t time_clamp(int64_t t_ns)
{
	return t_ns < 0 ? 0 : t_ns > TIME_MAX_NS ? TIME_MAX_NS : t_ns;
}

/* The hash of (tenant, rule, event.id), under which a signal is known again. */
static int pair_hash(struct correlate *co, const struct signal_in *sg, uint64_t *ret,
		     struct err *err)
{
	struct buf *b = &co->key_buf;

	buf_reset(b);
	buf_u64(b, sg->tenant.n);
	buf_chr(b, ' ');
	buf_slice(b, sg->tenant);
	buf_u64(b, sg->rule_id.n);
	buf_chr(b, ' ');
	buf_slice(b, sg->rule_id);
	buf_slice(b, sg->event_id);
	if (b->failed)
		return err_nomem(err);
	*ret = siphash(&co->key, buf_view(b));
	return 0;
}

/* What a field of the correlation is called in the events of the rule that matched, or of the
 * correlation that stands between. */
static const char *field_here(const struct use *use, const struct incoming *in, const char *name)
{
	const struct correlation *c = use->plan->rule->correlation;
	const char *here = correlation_field(c, in->rule, name);

	return here != name ? here : correlation_field(c, c->rules[use->place], name);
}

/* Tenant and group-by values; long ones by their beginning and hash. false: one is absent. */
static bool group_key(struct correlate *co, const struct use *use, const struct incoming *in)
{
	const struct plan *pl = use->plan;
	const struct correlation *c = pl->rule->correlation;
	struct buf *b = &co->key_buf;
	struct slice text;

	buf_reset(b);
	buf_put(b, &pl->rule->number, sizeof(pl->rule->number));
	buf_slice(b, in->sg->tenant);
	buf_chr(b, '\0');
	for (size_t i = 0; i < c->n_group_by; i++) {
		uint64_t mark[2];

		if (!event_value(co, in->sg, field_here(use, in, c->group_by[i]), &text))
			return false;
		mark[0] = text.n;
		mark[1] = text.n > CORRELATE_VALUE_MAX ? siphash(&co->key, text) : 0;
		buf_put(b, mark, text.n > CORRELATE_VALUE_MAX ? sizeof(mark) : sizeof(mark[0]));
		buf_slice(b, value_cut(text, CORRELATE_VALUE_MAX));
	}
	return b->n <= KEY_MAX;
}

/* Several fields are one value: that of all of them. */
static bool tuple_hash(struct correlate *co, const struct use *use, const struct incoming *in,
		       uint64_t *ret)
{
	const struct correlation *c = use->plan->rule->correlation;
	struct buf *b = &co->key_buf;
	struct slice text;

	buf_reset(b);
	for (size_t i = 0; i < c->n_fields; i++) {
		if (!event_value(co, in->sg, field_here(use, in, c->fields[i]), &text))
			return false;
		if (c->n_fields == 1) {
			*ret = siphash(&co->key, text);
			return true;
		}
		buf_put(b, &text.n, sizeof(text.n));
		buf_slice(b, text);
	}
	*ret = siphash(&co->key, buf_view(b));
	return c->n_fields > 0 && !b->failed;
}

/* What the correlation looks at in the event. false: it takes no part, and was counted. */
static bool counted_value(struct correlate *co, const struct use *use, const struct incoming *in,
			  uint64_t *ret)
{
	const struct correlation *c = use->plan->rule->correlation;
	struct slice text;
	double number;

	*ret = 0;
	if (c->type == CORR_EVENT_COUNT || c->type >= CORR_TEMPORAL)
		return true;
	if (c->type == CORR_VALUE_COUNT ||
	    (c->type == CORR_VALUE_PERCENTILE && c->percentile < 0)) {
		if (tuple_hash(co, use, in, ret))
			return true;
	} else if (event_value(co, in->sg, field_here(use, in, c->fields[0]), &text)) {
		if (number_read(text, &number)) {
			memcpy(ret, &number, sizeof(number));
			return true;
		}
		metric_add(&co->stats->unnumbered, 1);
		return false;
	}
	metric_add(&co->stats->ungrouped, 1);
	return false;
}

struct below { /* what a correlation hands to one that refers to it, with the signal in hand */
	const struct item *items;
	size_t n;
};

static int take(struct correlate *co, const struct use *use, const struct incoming *in,
		unsigned flags, const struct below *below, unsigned depth, struct err *err);

static bool too_late(const struct group *g, int64_t time_ns)
{
	return time_ns < g->newest_ns - g->plan->late_ns;
}

/* Is it of what was told, as far as the alert's session reaches both ways? */
static bool covered(const struct group *g, int64_t time_ns)
{
	return g->open && time_ns <= g->open_until_ns &&
	       time_ns >= g->open_from_ns - g->plan->session_ns;
}

/* The group whose key is in co->key_buf, or beside it the one for what comes too late for it: an
 * agent's backlog comes behind newer events of the same group, in order, and has windows of its
 * own. */
static struct group *group_for(struct correlate *co, struct plan *plan, int64_t time_ns,
			       struct err *err)
{
	struct group *g = group_get(co, plan, buf_view(&co->key_buf), err);

	if (g == NULL || !too_late(g, time_ns) || covered(g, time_ns))
		return g;
	buf_chr(&co->key_buf, '\0'); /* keys say their lengths: none is another with a byte more */
	if (co->key_buf.failed) {
		err_nomem(err);
		return NULL;
	}
	return group_get(co, plan, buf_view(&co->key_buf), err);
}

/* Puts the signal, and what stands below it, into the group. 1 *ret_own, its place; 0 too late; -1.
 */
static int put(struct correlate *co, struct group *g, const struct use *use,
	       const struct incoming *in, unsigned flags, const struct below *below,
	       uint32_t *ret_own, struct err *err)
{
	uint64_t value;
	struct item *it;

	if (!counted_value(co, use, in, &value))
		return 0;
	if (too_late(g, in->time_ns)) {
		metric_add(&co->stats->late, 1);
		if (!covered(g, in->time_ns))
			return 0;
		flags = 0;
	}
	for (size_t i = 0; i < below->n; i++) {
		const struct item *from = &below->items[i];

		if (from->rec == in->rec)
			continue;
		if (group_add(co, g, from->rec, from->last_ns, ret_own, err) < 0)
			return -1;
		it = group_item(g, *ret_own);
		it->place = use->place;
		it->count = it->count > 0 ? from->count : 0;
	}
	if (group_add(co, g, in->rec, in->time_ns, ret_own, err) < 0)
		return -1;
	it = group_item(g, *ret_own);
	it->place = use->place;
	it->value = value;
	it->flags = (uint8_t)flags;
	return 1;
}

/* The items that no finding has told: they go to the correlations above as well. */
static int untold(const struct group *g, struct below *ret, struct err *err)
{
	struct item *items = malloc((g->n - g->told + 1) * sizeof(*items));
	size_t n = 0;

	if (items == NULL)
		return err_nomem(err);
	for (uint32_t i = g->told; i < g->n; i++)
		if ((group_item(g, i)->flags & ITEM_CARRIED) == 0)
			items[n++] = *group_item(g, i);
	*ret = (struct below){ items, n };
	return 0;
}

static int hand_up(struct correlate *co, struct group *g, const struct incoming *in, unsigned flags,
		   unsigned depth, struct err *err)
{
	const struct plan *pl = g->plan;
	struct below below;
	int r = 0;

	if (pl->n_uses == 0)
		return 0;
	if (untold(g, &below, err) < 0)
		return -1;
	for (size_t i = 0; i < pl->n_uses && r == 0; i++)
		r = take(co, &pl->uses[i], in, flags, &below, depth + 1, err);
	free((void *)(uintptr_t)below.items);
	return r;
}

/* Is there something to tell, now that the signal is in? */
static int judge(struct correlate *co, struct group *g, uint32_t own, const struct incoming *in,
		 unsigned depth, struct err *err)
{
	const struct correlation *c = g->plan->rule->correlation;
	bool open = covered(g, in->time_ns);
	int64_t from_ns = 0, until_ns = in->time_ns + g->plan->session_ns;
	int holds = window_holds(co, g, own, &from_ns, err);
	unsigned flags = 0;

	if (holds < 0)
		return -1;
	if (holds == 0 && !open)
		return 0;
	if (holds == 1)
		flags = open ? ITEM_PRESENT : ITEM_PRESENT | ITEM_COUNTS;
	if (!open) {
		/* What lies before the window is no part of what is told; but what another
		 * correlation stands on is, wherever its own window lay. */
		for (uint32_t i = g->told; i < g->n && group_item(g, i)->last_ns < from_ns; i++)
			if (c->rules[group_item(g, i)->place]->kind == RULE_DETECTION)
				group_item(g, i)->flags |= ITEM_CARRIED;
		g->open = true;
		g->open_from_ns = in->time_ns;
		g->open_until_ns = until_ns;
	}
	if (in->time_ns < g->open_from_ns)
		g->open_from_ns = in->time_ns;
	if (until_ns > g->open_until_ns)
		g->open_until_ns = until_ns;
	if (hand_up(co, g, in, flags, depth, err) < 0)
		return -1;
	return finding_tell(co, g, in, holds == 1, err);
}

static int take(struct correlate *co, const struct use *use, const struct incoming *in,
		unsigned flags, const struct below *below, unsigned depth, struct err *err)
{
	uint32_t own = 0;
	struct group *g;
	int r;

	if (!group_key(co, use, in)) {
		metric_add(&co->stats->ungrouped, 1);
		return 0;
	}
	if (co->key_buf.failed)
		return err_nomem(err);
	g = group_for(co, use->plan, in->time_ns, err);
	if (g == NULL)
		return -1;
	groups_age(co, use->plan);
	r = put(co, g, use, in, flags, below, &own, err);
	if (r > 0)
		r = judge(co, g, own, in, depth, err);
	group_trim(co, g);
	return r;
}

static int run(struct correlate *co, struct plan *pl, struct incoming *in, struct err *err)
{
	const struct below none = { NULL, 0 };
	int r = 0;

	in->rule = pl->rule;
	if (in->replay && pl->n_uses == 0)
		return 0;
	in->rec = record_new(co, pl, in->sg, in->time_ns);
	if (in->rec == NULL)
		return err_nomem(err);
	if (pl->rule->alerts && !in->replay)
		r = finding_single(co, pl, in, err);
	for (size_t i = 0; i < pl->n_uses && r == 0; i++)
		r = take(co, &pl->uses[i], in, ITEM_COUNTS | ITEM_PRESENT, &none, 0, err);
	record_unref(co, in->rec);
	return r;
}

/* Our own clock may be set, too. What ages here ages by a clock that never goes back, takes no step
 * twice that went back in between, and goes on by STEP_NS at most from one signal to the next; no
 * event is ahead that is not ahead of both. */
static void note_arrival(struct correlate *co, int64_t arrival_ns)
{
	int64_t passed = arrival_ns - co->arrived_ns;

	if (co->arrived_ns == 0) { /* the first */
		co->arrived_ns = co->arrival_ns = arrival_ns;
		return;
	}
	if (passed > 0 || passed < -STEP_NS)
		co->arrived_ns = arrival_ns;
	if (passed < -STEP_NS)
		co->set_back_ns -= passed;
	if (passed > STEP_NS && co->set_back_ns > 0) {
		int64_t again = passed < co->set_back_ns ? passed : co->set_back_ns;

		co->set_back_ns -= again;
		passed -= again;
	}
	if (passed > 0)
		co->arrival_ns += passed < STEP_NS ? passed : STEP_NS;
}

/* pl: the plan of the signal's rule, or NULL. pair: its pair_hash. */
static int take_signal(struct correlate *co, struct plan *pl, struct signal_in *sg, uint64_t pair,
		       int64_t now_ns, bool replay, struct err *err)
{
	int64_t arrival = time_clamp(sg->ingested_ns > 0 ? sg->ingested_ns : now_ns);
	struct incoming in = { .sg = sg, .time_ns = time_clamp(sg->time_ns), .replay = replay };
	int r = 0;

	metric_add(&co->stats->signals, 1);
	if (pl == NULL || pl->rule->kind != RULE_DETECTION) {
		metric_add(&co->stats->unknown, 1);
		return 0;
	}
	note_arrival(co, arrival);
	if (arrival < co->arrival_ns)
		arrival = co->arrival_ns;
	r = seen_add(&co->seen, pair, co->arrival_ns, err);
	if (r != 0) {
		metric_add(&co->stats->repeated, r == 1);
		return r < 0 ? -1 : 0;
	}
	if (in.time_ns > arrival + AHEAD_NS) {
		metric_add(&co->stats->ahead, 1);
		in.time_ns = arrival;
	}
	r = run(co, pl, &in, err);
	groups_evict(co);
	metric_set(&co->stats->groups, co->n_groups);
	metric_set(&co->stats->bytes, co->bytes + seen_bytes(&co->seen));
	metric_set(&co->stats->repeats_kept, seen_count(&co->seen));
	return r;
}

int correlate_signal(struct correlate *co, struct signal_in *sg, int64_t now_ns, bool replay,
		     struct err *err)
{
	uint64_t pair;

	if (pair_hash(co, sg, &pair, err) < 0)
		return -1;
	return take_signal(co, plan_find(co, sg->rule_id), sg, pair, now_ns, replay, err);
}

int correlate_replay(struct correlate *co, struct slice text, struct signal_in *sg, int64_t now_ns,
		     struct err *err)
{
	struct plan *pl;
	struct slice event;
	uint64_t pair;

	if (signal_head(text, sg, &event, err) < 0 || pair_hash(co, sg, &pair, err) < 0)
		return -1;
	seen_soon(&co->seen, pair);
	pl = plan_find(co, sg->rule_id);
	if (pl != NULL && pl->n_uses > 0) {
		if (skim(&co->skim, event, &sg->part))
			event = buf_view(&sg->part);
		if (json_index_read(&sg->event, event, err) < 0)
			return -1;
	}
	return take_signal(co, pl, sg, pair, now_ns, true, err);
}

void correlate_metrics(const struct correlate_stats *st, struct buf *out)
{
	const struct {
		const char *family, *name, *type, *help;
		const metric *m;
	} rows[] = {
		{ "vartio_correlate_unknown", "vartio_correlate_unknown_total", "counter",
		  "Signals of rules that are not loaded.", &st->unknown },
		{ "vartio_correlate_repeated", "vartio_correlate_repeated_total", "counter",
		  "Signals seen before and dropped.", &st->repeated },
		{ "vartio_correlate_ungrouped", "vartio_correlate_ungrouped_total", "counter",
		  "Signals without a value that a correlation groups or counts by.",
		  &st->ungrouped },
		{ "vartio_correlate_unnumbered", "vartio_correlate_unnumbered_total", "counter",
		  "Signals whose value is no number where a correlation wants one.",
		  &st->unnumbered },
		{ "vartio_correlate_late", "vartio_correlate_late_total", "counter",
		  "Signals too late to open a window.", &st->late },
		{ "vartio_correlate_ahead", "vartio_correlate_ahead_total", "counter",
		  "Signals dated after their arrival.", &st->ahead },
		{ "vartio_correlate_findings", "vartio_correlate_findings_total", "counter",
		  "Findings given to the alert store.", &st->findings },
		{ "vartio_correlate_evicted", "vartio_correlate_evicted_total", "counter",
		  "Groups given up for memory.", &st->evicted },
		{ "vartio_correlate_folded", "vartio_correlate_folded_total", "counter",
		  "Signals whose details were folded away.", &st->folded },
		{ "vartio_correlate_steps", "vartio_correlate_steps_total", "counter",
		  "Items that entered or left a window.", &st->steps },
		{ "vartio_correlate_groups", "vartio_correlate_groups", "gauge",
		  "Groups with a window open.", &st->groups },
		{ "vartio_correlate_state_bytes", "vartio_correlate_state_bytes", "gauge",
		  "Memory of correlation state.", &st->bytes },
		{ "vartio_correlate_repeats_kept", "vartio_correlate_repeats_kept", "gauge",
		  "Signals remembered, to know repeats.", &st->repeats_kept },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		metrics_family(out, rows[i].family, rows[i].type, rows[i].help);
		metrics_u64(out, rows[i].name, metric_get(rows[i].m), NULL);
	}
}

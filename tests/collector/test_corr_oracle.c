/* SPDX-License-Identifier: EUPL-1.2 */
/* Random correlation rules and random events in order of time, against an evaluator that keeps
 * every event for good and looks through all of them each time. It knows nothing of correlate but
 * the words of its header. VARTIO_SEED=N repeats a run. */
#include "tests/collector/corr_kit.h"

#include <stdlib.h>

#define RULES_N  1000u
#define EVENTS_N 200u

static uint64_t rng;

static unsigned below(unsigned n) /* xorshift64 */
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)(rng >> 11) % n;
}

/* -- the slow evaluator --------------------------------------------------------------------- */

enum type { EVENT, COUNT, SUM, AVG, PERCENTILE, SHARE, MEDIAN, TEMPORAL, ORDERED, TYPES };
static const char *const type_names[] = { "event_count",  "value_count",      "value_sum",
					  "value_avg",    "value_percentile", "value_percentile",
					  "value_median", "temporal",         "temporal_ordered" };
static const char *const op_names[] = { "gt", "gte", "lt", "lte", "eq", "neq" };

struct tree {    /* an extended condition */
	char op; /* a letter: that rule; & | ! */
	int kid[2];
};
struct rule_x {
	enum type type;
	char rules[8];              /* "bca" */
	unsigned n_rules, group_by; /* bit 0: g, bit 1: k */
	int span_s, percentile;
	struct {
		int op, tenths; /* the threshold */
	} test[2];
	unsigned n_tests; /* 0: temporal of all, or by the tree */
	bool two_fields;
	struct tree tree[32];
	int n_tree; /* 0: none */
};
struct event {
	int at_s;
	char rule;
	int g, k;   /* -1: absent */
	int tenths; /* of v, where number */
	enum { NO_VALUE, NUMBER, WORD } kind;
	int w;         /* -1: absent */
	unsigned same; /* which event it is: two rules may match one */
	bool told;
};

static bool compares(int op, long long a, long long b)
{
	return op == 0   ? a > b
	       : op == 1 ? a >= b
	       : op == 2 ? a < b
	       : op == 3 ? a <= b
	       : op == 4 ? a == b
			 : a != b;
}

static bool tests(const struct rule_x *x, long long value, long long of)
{
	for (unsigned i = 0; i < x->n_tests; i++)
		if (!compares(x->test[i].op, value, x->test[i].tenths * of))
			return false;
	return true;
}

static bool numeric(const struct rule_x *x)
{
	return x->type == SUM || x->type == AVG || x->type == PERCENTILE || x->type == MEDIAN;
}

static bool takes_part(const struct rule_x *x, const struct event *e)
{
	if (strchr(x->rules, e->rule) == NULL || ((x->group_by & 1) != 0 && e->g < 0) ||
	    ((x->group_by & 2) != 0 && e->k < 0))
		return false;
	if (numeric(x))
		return e->kind == NUMBER;
	if (x->type == COUNT || x->type == SHARE)
		return e->kind != NO_VALUE && (!x->two_fields || e->w >= 0);
	return true;
}

static bool same_value(const struct rule_x *x, const struct event *a, const struct event *b)
{
	return a->kind == b->kind && a->tenths == b->tenths && (!x->two_fields || a->w == b->w);
}

static bool tree_true(const struct rule_x *x, int at, const bool *in)
{
	const struct tree *t = &x->tree[at];

	if (t->op == '!')
		return !tree_true(x, t->kid[0], in);
	if (t->op == '&')
		return tree_true(x, t->kid[0], in) && tree_true(x, t->kid[1], in);
	if (t->op == '|')
		return tree_true(x, t->kid[0], in) || tree_true(x, t->kid[1], in);
	return in[t->op - 'a'];
}

static int by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Is there a chain of events w[..n] whose rules are exactly those of the mask, in the rules' order,
 * and which ends with w[n - 1]? */
static bool chain_of(const struct rule_x *x, unsigned mask, struct event *const *w, unsigned n)
{
	unsigned at = 0;

	for (unsigned r = 0; r < x->n_rules; r++) {
		bool last = (mask >> r) == 1;

		if ((mask >> r & 1) == 0)
			continue;
		if (last)
			return w[n - 1]->rule == x->rules[r] && at <= n - 1;
		while (at < n && w[at]->rule != x->rules[r])
			at++;
		if (at++ >= n)
			return false;
	}
	return false;
}

/* The rules of the mask make the tree true, and not without any one of them. */
static bool least(const struct rule_x *x, unsigned mask)
{
	bool in[26] = { 0 };

	for (unsigned r = 0; r < x->n_rules; r++)
		in[x->rules[r] - 'a'] = (mask >> r & 1) != 0;
	if (!tree_true(x, x->n_tree - 1, in))
		return false;
	for (unsigned r = 0; r < x->n_rules; r++) {
		bool *one = &in[x->rules[r] - 'a'];

		if (!*one)
			continue;
		*one = false;
		if (tree_true(x, x->n_tree - 1, in))
			return false;
		*one = true;
	}
	return true;
}

static bool ordered_true(const struct rule_x *x, struct event *const *w, unsigned n)
{
	long long longest = 0;

	for (unsigned mask = 1; mask < 1u << x->n_rules; mask++) {
		long long size = __builtin_popcount(mask);

		if (!chain_of(x, mask, w, n))
			continue;
		if (x->n_tree > 0 ? least(x, mask) : x->n_tests == 0 && size == x->n_rules)
			return true;
		longest = size > longest ? size : longest;
	}
	return x->n_tests > 0 && tests(x, longest * 10, 1);
}

/* The condition, of the events w[..n], the last of which is the one in hand. */
static bool window_true(const struct rule_x *x, struct event *const *w, unsigned n)
{
	int values[EVENTS_N];
	bool in[26] = { 0 };
	long long sum = 0, events = 0, distinct = 0, rules = 0, own = 0;

	for (unsigned i = 0; i < n; i++) {
		bool again = false, known = false;

		for (unsigned k = 0; k < i; k++) {
			again |= w[k]->same == w[i]->same;
			known |= same_value(x, w[k], w[i]);
		}
		rules += !in[w[i]->rule - 'a'];
		in[w[i]->rule - 'a'] = true;
		distinct += !known;
		if (again)
			continue;
		own += same_value(x, w[i], w[n - 1]);
		sum += w[i]->tenths;
		values[events++] = w[i]->tenths;
	}
	switch (x->type) {
	case EVENT:
		return tests(x, events * 10, 1);
	case COUNT:
		return tests(x, distinct * 10, 1);
	case SUM:
		return tests(x, sum, 1);
	case AVG:
		return tests(x, sum, events);
	case SHARE:
		for (unsigned k = 0; k + 1 < n; k++) /* an event again adds nothing to judge */
			if (w[k]->same == w[n - 1]->same)
				return false;
		return tests(x, own * 1000, events);
	case PERCENTILE:
	case MEDIAN: {
		long long rank = x->percentile * (events - 1), low = rank / 100, part = rank % 100;

		qsort(values, (size_t)events, sizeof(values[0]), by_value);
		return tests(x,
			     values[low] * 100LL +
				     (part > 0 ? part * (values[low + 1] - values[low]) : 0),
			     100);
	}
	case TEMPORAL:
		if (x->n_tree > 0)
			return tree_true(x, x->n_tree - 1, in);
		return x->n_tests > 0 ? tests(x, rules * 10, 1) : rules == x->n_rules;
	default:
		return ordered_true(x, w, n);
	}
}

struct group_x { /* a session of a group: found, and passing on until */
	int until_s;
	bool open;
};

/* The group of the event all[n - 1], itself included, by time, equal times by arrival. */
static unsigned group_of(const struct rule_x *x, struct event *all, unsigned n, struct event **ret)
{
	const struct event *e = &all[n - 1];
	unsigned m = 0, at;

	for (unsigned i = 0; i < n; i++) {
		if (!takes_part(x, &all[i]) || ((x->group_by & 1) != 0 && all[i].g != e->g) ||
		    ((x->group_by & 2) != 0 && all[i].k != e->k))
			continue;
		for (at = m++; at > 0 && ret[at - 1]->at_s > all[i].at_s; at--)
			ret[at] = ret[at - 1];
		ret[at] = &all[i];
	}
	return m;
}

/* Is the condition true of the window that ends with in[i]? */
static bool ends_true(const struct rule_x *x, struct event *const *in, unsigned i)
{
	unsigned from = i;

	while (from > 0 && in[from - 1]->at_s >= in[i]->at_s - x->span_s)
		from--;
	return window_true(x, in + from, i - from + 1);
}

/* '!' true, '+' passed on, ' ' quiet; *ret_told: how many events the finding tells. */
static char expect(const struct rule_x *x, struct event *all, unsigned n, struct group_x *gr,
		   unsigned *ret_told)
{
	struct event *e = &all[n - 1], *in[EVENTS_N];
	unsigned m = group_of(x, all, n, in), i = 0;
	bool open = gr->open && e->at_s <= gr->until_s, holds = false;

	*ret_told = 0;
	while (in[i] != e)
		i++;
	/* What it changes: its own window, and those of the events behind it that reach back to it.
	 */
	for (; i < m && in[i]->at_s <= e->at_s + x->span_s && !holds; i++)
		holds = ends_true(x, in, i);
	if (!holds && !open)
		return ' ';
	for (unsigned k = 0; k < m; k++) {
		bool again = false;

		for (unsigned j = 0; j < k; j++)
			again |= in[j]->same == in[k]->same;
		/* What lies before the window that was found is no part of what is told. */
		if (open || in[k]->at_s >= in[i - 1]->at_s - x->span_s)
			*ret_told += !in[k]->told && !again;
		in[k]->told = true;
	}
	if (!open || e->at_s + 3600 > gr->until_s)
		gr->until_s = e->at_s + 3600;
	gr->open = true;
	return holds ? '!' : '+';
}

/* -- random rules and events ---------------------------------------------------------------- */

static int tree_put(struct rule_x *x, char op, int a, int b)
{
	x->tree[x->n_tree] = (struct tree){ op, { a, b } };
	return x->n_tree++;
}

/* Names each of the rules from..to once. */
static int tree_grow(struct rule_x *x, unsigned from, unsigned to)
{
	unsigned mid;
	int a, b, t;

	if (from + 1 == to) {
		t = tree_put(x, x->rules[from], 0, 0);
	} else {
		mid = from + 1 + below(to - from - 1);
		a = tree_grow(x, from, mid);
		b = tree_grow(x, mid, to);
		t = tree_put(x, "&|"[below(2)], a, b);
	}
	return x->type == TEMPORAL && below(4) == 0 ? tree_put(x, '!', t, 0) : t;
}

static void tree_text(const struct rule_x *x, int at, struct buf *b)
{
	const struct tree *t = &x->tree[at];

	if (t->op >= 'a' && t->op <= 'h') {
		buf_chr(b, t->op);
		return;
	}
	buf_str(b, t->op == '!' ? "not (" : "(");
	tree_text(x, t->kid[0], b);
	if (t->op != '!') {
		buf_str(b, t->op == '&' ? " and " : " OR ");
		tree_text(x, t->kid[1], b);
	}
	buf_chr(b, ')');
}

static void rule_random(struct rule_x *x)
{
	static const int top[TYPES] = { 80, 60, 400, 100, 100, 1000, 100, 40, 40 };
	unsigned at = below(3);

	*x = (struct rule_x){ .type = (enum type)below(TYPES), .group_by = below(4) };
	x->n_rules = x->type >= TEMPORAL ? 1 + below(4) : 1 + below(2);
	for (unsigned i = 0; i < x->n_rules; i++)
		x->rules[i] = (char)('a' + (at == 1 ? x->n_rules - 1 - i : (i + at) % x->n_rules));
	x->span_s = 1 + (int)below(30);
	x->percentile = x->type == MEDIAN ? 50 : (int)below(101);
	x->two_fields = x->type == COUNT && below(2) == 0;
	if (x->type >= TEMPORAL && below(2) == 0) {
		tree_grow(x, 0, x->n_rules);
		return;
	}
	if (x->type >= TEMPORAL && below(2) == 0)
		return;
	x->n_tests = 1 + (below(3) == 0);
	for (unsigned i = 0; i < x->n_tests; i++) {
		x->test[i].op = i == 0 ? (int)below(6) : (x->test[0].op + 1 + (int)below(5)) % 6;
		x->test[i].tenths = (int)below((unsigned)top[x->type]);
		if (!numeric(x) && x->type != SHARE)
			x->test[i].tenths = x->test[i].tenths / 10 * 10;
	}
}

static void rule_text(const struct rule_x *x, struct buf *b)
{
	buf_printf(b, "title: x\nname: x\ncorrelation:\n  type: %s\n  timespan: %ds\n  rules: [",
		   type_names[x->type], x->span_s);
	for (unsigned i = 0; i < x->n_rules; i++)
		buf_printf(b, "%s%c", i > 0 ? ", " : "", x->rules[i]);
	buf_printf(b, "]\n  group-by: [%s%s%s]\n", (x->group_by & 1) != 0 ? "g" : "",
		   x->group_by == 3 ? ", " : "", (x->group_by & 2) != 0 ? "k" : "");
	if (x->n_tree > 0) {
		buf_str(b, "  condition: ");
		tree_text(x, x->n_tree - 1, b);
		buf_chr(b, '\n');
	}
	if (x->n_tests == 0)
		return;
	buf_str(b, "  condition:\n");
	if (x->type > EVENT && x->type < TEMPORAL)
		buf_str(b, x->two_fields ? "    field: [v, w]\n" : "    field: v\n");
	if (x->type == PERCENTILE)
		buf_printf(b, "    percentile: %d\n", x->percentile);
	for (unsigned i = 0; i < x->n_tests; i++) {
		buf_printf(b, "    %s: %d", op_names[x->test[i].op], x->test[i].tenths / 10);
		if (numeric(x) || x->type == SHARE)
			buf_printf(b, ".%d", x->test[i].tenths % 10);
		buf_chr(b, '\n');
	}
}

struct pace {         /* of one run */
	bool dense;   /* many events in a window */
	int late_s;   /* how late some come */
	int newest_s; /* so far */
};

static void event_random(struct event *e, const struct event *before, unsigned n, struct pace *pc)
{
	static const int steps[] = { 0, 0, 1, 1, 1, 2, 3, 5, 8, 20 };

	*e = (struct event){ .at_s = pc->newest_s,
			     .rule = (char)('a' + below(4)),
			     .g = (int)below(8) == 0 ? -1 : (int)below(2),
			     .k = (int)below(8) == 0 ? -1 : (int)below(2),
			     .w = (int)below(6) == 0 ? -1 : (int)below(3),
			     .same = n };
	e->at_s += below(60) == 0 ? 3000 + (int)below(1500) : steps[below(pc->dense ? 4 : 10)];
	if (pc->late_s > 0 && below(3) == 0)
		e->at_s = pc->newest_s - (int)below((unsigned)pc->late_s + 1);
	e->kind = below(8) == 0 ? (below(2) == 0 ? NO_VALUE : WORD) : NUMBER;
	e->tenths = e->kind == NUMBER ? (int)below(150) - 30 : 0;
	if (below(2) == 0)
		e->tenths = e->tenths / 40 * 40;
	if (e->kind == WORD)
		e->tenths = (int)below(3);
	/* One event may match two rules: they come one behind the other. */
	if (before != NULL && below(10) == 0 && before->rule != e->rule && before->same + 1 == n) {
		char rule = e->rule;

		*e = *before;
		e->rule = rule;
		e->told = false;
	}
	if (e->at_s > pc->newest_s)
		pc->newest_s = e->at_s;
}

static void event_text(const struct event *e, struct buf *b)
{
	int t = e->tenths < 0 ? -e->tenths : e->tenths;

	buf_reset(b);
	buf_str(b, "\"m\":1");
	if (e->g >= 0)
		buf_printf(b, ",\"g\":\"g%d\"", e->g);
	if (e->k >= 0)
		buf_printf(b, ",\"k\":%d", e->k);
	if (e->w >= 0)
		buf_printf(b, ",\"w\":\"w%d\"", e->w);
	if (e->kind == WORD)
		buf_printf(b, ",\"v\":\"word%d\"", e->tenths);
	if (e->kind == NUMBER) /* as a number, or as text that spells it */
		buf_printf(b, ",\"v\":%s%s%d.%d%s", e->same % 3 == 0 ? "\"" : "",
			   e->tenths < 0 ? "-" : "", t / 10, t % 10, e->same % 3 == 0 ? "\"" : "");
}

static void one_rule(struct buf *rule, struct buf *text)
{
	static struct event all[EVENTS_N];
	struct group_x groups[9] = { 0 };
	struct pace pace = { .dense = below(2) == 0 };
	struct rule_x x;
	struct region rg;

	rule_random(&x);
	if (below(2) == 0)
		pace.late_s = 1 + (int)below((unsigned)x.span_s);
	buf_reset(rule);
	rule_text(&x, rule);
	region_open(&rg, buf_cstr(rule), 0);
	for (unsigned n = 0; n < EVENTS_N; n++) {
		struct event *e = &all[n];
		unsigned told = 0, at;
		char want = ' ', came;

		event_random(e, n > 0 ? &all[n - 1] : NULL, n, &pace);
		event_text(e, text);
		rg.n = e->same; /* the event.id */
		region_feed(&rg, e->rule, T0 + e->at_s * NS_PER_SEC, buf_cstr(text));
		at = ((x.group_by & 1) != 0 ? (unsigned)(e->g + 1) * 3 : 0) +
		     ((x.group_by & 2) != 0 ? (unsigned)(e->k + 1) : 0);
		if (takes_part(&x, e))
			want = expect(&x, all, n + 1, &groups[at], &told);
		came = rg.findings == 0 ? ' ' : rg.holds ? '!' : '+';
		if (came != want || rg.told != told)
			fail_msg("%s\nevent %u at %d s, rule %c, {%s}: '%c' came and told %u; "
				 "'%c' and %u should",
				 buf_cstr(rule), n, e->at_s, e->rule, buf_cstr(text), came, rg.told,
				 want, told);
	}
	region_close(&rg);
}

static void test_random(void **state)
{
	const char *given = getenv("VARTIO_SEED");
	unsigned long long seed =
		given != NULL ? strtoull(given, NULL, 10) : (unsigned long long)time_now_ns();
	struct buf rule = { 0 }, text = { 0 };

	printf("# VARTIO_SEED=%llu\n", seed);
	rng = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned i = 0; i < RULES_N; i++)
		one_rule(&rule, &text);
	buf_release(&rule);
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest corr_oracle_tests[] = { cmocka_unit_test(test_random) };

	return RUN_TESTS(corr_oracle_tests);
}

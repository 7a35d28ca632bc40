/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/correlate/measure.h"

#include <stdlib.h>

#define TALLY_MIN  16u
#define NANO       1000000000
#define NUMBER_MAX 1e18
#define DIGITS_MAX 60u /* bytes of a number */

/* -- numbers -------------------------------------------------------------------------------- */

static double value_of(const struct item *it)
{
	double d;

	memcpy(&d, &it->value, sizeof(d));
	return d;
}

static wide nanounits(double d)
{
	int64_t whole = (int64_t)d; /* number_read let nothing past 1e18 through */
	double rest = (d - (double)whole) * NANO;

	return (wide)whole * NANO + (int64_t)(rest < 0 ? rest - 0.5 : rest + 0.5);
}

static bool is_number(struct slice s)
{
	size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'), digits = 0, exponent;

	for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		digits++;
	if (i < s.n && s.p[i] == '.')
		for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
			digits++;
	if (digits == 0 || i == s.n || (s.p[i] != 'e' && s.p[i] != 'E'))
		return digits > 0 && i == s.n;
	i++;
	i += i < s.n && (s.p[i] == '-' || s.p[i] == '+');
	for (exponent = i; i < s.n && s.p[i] >= '0' && s.p[i] <= '9';)
		i++;
	return i == s.n && i > exponent;
}

bool number_read(struct slice text, double *ret)
{
	char copy[DIGITS_MAX + 1];
	struct slice s = slice_trim(text);
	uint64_t whole;

	if (slice_uint(s, UINT64_C(1000000000000000), &whole)) {
		*ret = (double)whole;
		return true;
	}
	if (s.n > DIGITS_MAX || !is_number(s))
		return false;
	memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	*ret = strtod(copy, NULL);
	return *ret >= -NUMBER_MAX && *ret <= NUMBER_MAX;
}

static bool compare(enum compare op, int sign)
{
	switch (op) {
	case CMP_GT:
		return sign > 0;
	case CMP_GTE:
		return sign >= 0;
	case CMP_LT:
		return sign < 0;
	case CMP_LTE:
		return sign <= 0;
	case CMP_EQ:
		return sign == 0;
	default:
		return sign != 0;
	}
}

/* nano: what n thresholds are compared with, so that an average needs no division. */
static bool tests(const struct correlation *c, wide nano, uint64_t n)
{
	for (unsigned i = 0; i < c->n_tests; i++) {
		wide t = nanounits(c->test[i].value) * (wide)n;

		if (!compare(c->test[i].op, (nano > t) - (nano < t)))
			return false;
	}
	return true;
}

bool tests_true(const struct correlation *c, uint64_t count)
{
	return tests(c, (wide)count * NANO, 1);
}

static double quantile(const double *sorted, size_t n, double p)
{
	double rank = p * (double)(n - 1) / 100; /* in this order whole ranks are whole */
	size_t low = (size_t)rank;

	if (low + 1 >= n)
		return sorted[n - 1];
	return sorted[low] + (rank - (double)low) * (sorted[low + 1] - sorted[low]);
}

/* -- how often each value occurs ------------------------------------------------------------ */

static struct tally_slot *tally_at(const struct tally *t, uint64_t value)
{
	size_t i = value & (t->cap - 1);

	while (t->slot[i].n > 0 && t->slot[i].value != value)
		i = (i + 1) & (t->cap - 1);
	return &t->slot[i];
}

static int tally_grow(struct tally *t, struct err *err)
{
	struct tally more = { .cap = t->cap * 2, .n = t->n };

	more.room = more.cap;
	more.slot = calloc(more.cap, sizeof(*more.slot));
	if (more.slot == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < t->cap; i++)
		if (t->slot[i].n > 0)
			*tally_at(&more, t->slot[i].value) = t->slot[i];
	free(t->slot);
	*t = more;
	return 0;
}

static int tally_begin(struct tally *t, struct err *err)
{
	if (t->room == 0) {
		t->slot = calloc(TALLY_MIN, sizeof(*t->slot));
		if (t->slot == NULL)
			return err_nomem(err);
		t->room = TALLY_MIN;
	} else {
		memset(t->slot, 0, t->cap * sizeof(*t->slot));
	}
	t->cap = t->room;
	t->n = 0;
	return 0;
}

static int tally_add(struct tally *t, uint64_t value, uint64_t n, struct err *err)
{
	struct tally_slot *s;

	if ((t->n + 1) * 4 > t->cap * 3 && tally_grow(t, err) < 0)
		return -1;
	s = tally_at(t, value);
	t->n += s->n == 0;
	s->value = value;
	s->n += n;
	return 0;
}

/* What stands behind an emptied slot moves up, or it would not be found any more. */
static void tally_remove(struct tally *t, uint64_t value, uint64_t n)
{
	struct tally_slot *s = tally_at(t, value);
	size_t hole = (size_t)(s - t->slot), i = hole;

	s->n -= n;
	if (s->n > 0)
		return;
	t->n--;
	while (t->slot[i = (i + 1) & (t->cap - 1)].n > 0) {
		size_t home = t->slot[i].value & (t->cap - 1);

		if (((i - home) & (t->cap - 1)) < ((i - hole) & (t->cap - 1)))
			continue;
		t->slot[hole] = t->slot[i];
		t->slot[i].n = 0;
		hole = i;
	}
}

/* -- sorted values -------------------------------------------------------------------------- */

static size_t sorted_at(const struct measure *m, double d)
{
	size_t low = 0, high = m->events;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->sorted[mid] < d)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int sorted_add(struct measure *m, double d, struct err *err)
{
	size_t at = sorted_at(m, d);

	if (m->events == m->sorted_cap) {
		size_t cap = m->sorted_cap > 0 ? m->sorted_cap * 2 : 16;
		double *more = realloc(m->sorted, cap * sizeof(*more));

		if (more == NULL)
			return err_nomem(err);
		m->sorted = more;
		m->sorted_cap = cap;
	}
	memmove(m->sorted + at + 1, m->sorted + at, (m->events - at) * sizeof(*m->sorted));
	m->sorted[at] = d;
	return 0;
}

static void sorted_remove(struct measure *m, double d)
{
	size_t at = sorted_at(m, d);

	memmove(m->sorted + at, m->sorted + at + 1, (m->events - at - 1) * sizeof(*m->sorted));
}

/* -- the window ----------------------------------------------------------------------------- */

/* Which of the three ways a type looks at values. */
static bool counts_values(const struct correlation *c)
{
	return c->type == CORR_VALUE_COUNT ||
	       (c->type == CORR_VALUE_PERCENTILE && c->percentile < 0);
}

static bool sums_values(const struct correlation *c)
{
	return c->type == CORR_VALUE_SUM || c->type == CORR_VALUE_AVG;
}

static bool sorts_values(const struct correlation *c)
{
	return c->type == CORR_VALUE_MEDIAN ||
	       (c->type == CORR_VALUE_PERCENTILE && c->percentile >= 0);
}

/* An event that is in the group already, by another rule, counts once; but what that rule calls the
 * field may hold another value. */
static bool takes_part(const struct correlation *c, const struct item *it)
{
	return (it->flags & ITEM_COUNTS) != 0 && (it->weight > 0 || c->type == CORR_VALUE_COUNT);
}

/* How many events it is. Distinct values are counted by items, of which one may go for another. */
static uint64_t times(const struct correlation *c, const struct item *it)
{
	return c->type == CORR_VALUE_COUNT ? 1 : it->weight;
}

int measure_begin(struct measure *m, const struct correlation *c, struct err *err)
{
	m->c = c;
	m->events = m->present = 0;
	m->rules_in = 0;
	m->sum = 0;
	if (counts_values(c))
		return tally_begin(&m->tally, err);
	if (c->type < CORR_TEMPORAL)
		return 0;
	if (m->per_rule_cap < c->n_rules) {
		uint32_t *more = realloc(m->per_rule, c->n_rules * sizeof(*more));

		if (more == NULL)
			return err_nomem(err);
		m->per_rule = more;
		m->per_rule_cap = c->n_rules;
	}
	memset(m->per_rule, 0, c->n_rules * sizeof(*m->per_rule));
	return 0;
}

int measure_add(struct measure *m, const struct item *it, struct err *err)
{
	if (m->c->type >= CORR_TEMPORAL) {
		if ((it->flags & ITEM_PRESENT) != 0 && m->per_rule[it->place]++ == 0) {
			m->rules_in++;
			m->present |= it->place < 64 ? UINT64_C(1) << it->place : 0;
		}
		return 0;
	}
	if (!takes_part(m->c, it))
		return 0;
	if (counts_values(m->c) && tally_add(&m->tally, it->value, times(m->c, it), err) < 0)
		return -1;
	if (sorts_values(m->c) && sorted_add(m, value_of(it), err) < 0)
		return -1;
	if (sums_values(m->c))
		m->sum += nanounits(value_of(it));
	m->events += times(m->c, it);
	return 0;
}

void measure_remove(struct measure *m, const struct item *it)
{
	if (m->c->type >= CORR_TEMPORAL) {
		if ((it->flags & ITEM_PRESENT) != 0 && --m->per_rule[it->place] == 0) {
			m->rules_in--;
			m->present &= ~(it->place < 64 ? UINT64_C(1) << it->place : 0);
		}
		return;
	}
	if (!takes_part(m->c, it))
		return;
	if (counts_values(m->c))
		tally_remove(&m->tally, it->value, times(m->c, it));
	if (sorts_values(m->c))
		sorted_remove(m, value_of(it));
	if (sums_values(m->c))
		m->sum -= nanounits(value_of(it));
	m->events -= times(m->c, it);
}

static bool terms_true(const struct measure *m)
{
	for (unsigned i = 0; i < m->c->n_terms; i++)
		if ((m->present & m->c->terms[i].with) == m->c->terms[i].with &&
		    (m->present & m->c->terms[i].without) == 0)
			return true;
	return false;
}

bool measure_true(const struct measure *m, const struct item *end)
{
	const struct correlation *c = m->c;

	if (c->type == CORR_EVENT_COUNT)
		return tests_true(c, m->events);
	if (c->type == CORR_TEMPORAL)
		return c->n_terms > 0 ? terms_true(m) : tests_true(c, m->rules_in);
	if (m->events == 0 || c->type == CORR_TEMPORAL_ORDERED)
		return false;
	if (c->type == CORR_VALUE_COUNT)
		return tests_true(c, m->tally.n);
	if (sums_values(c))
		return tests(c, m->sum, c->type == CORR_VALUE_AVG ? m->events : 1);
	if (sorts_values(c))
		return tests(c,
			     nanounits(quantile(m->sorted, m->events,
						c->type == CORR_VALUE_MEDIAN ? 50 : c->percentile)),
			     1);
	return takes_part(c, end) &&
	       tests(c, (wide)tally_at(&m->tally, end->value)->n * 100 * NANO, m->events);
}

size_t measure_bytes(const struct measure *m)
{
	return m->tally.room * sizeof(*m->tally.slot) + m->sorted_cap * sizeof(*m->sorted) +
	       m->per_rule_cap * sizeof(*m->per_rule);
}

void measure_release(struct measure *m)
{
	free(m->tally.slot);
	free(m->sorted);
	free(m->per_rule);
	*m = (struct measure){ 0 };
}

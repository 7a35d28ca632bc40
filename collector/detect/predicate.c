/* SPDX-License-Identifier: EUPL-1.2 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "collector/detect/detector_impl.h"
#include "common/base/time.h"

static struct slice text_of(struct detector *dt, struct val *v, bool cased)
{
	return cased ? val_raw(dt, v) : val_folded(dt, v);
}

/* -- predicates: one function a kind -------------------------------------------------------- */

static bool fits_string(struct detector *dt, const struct ask *a, struct val *v)
{
	const struct pattern pt = { a->shape, { a->text, a->n } };

	return (a->need.n == 0 || val_may_hold(dt, v, &a->need)) &&
	       pattern_match(&pt, text_of(dt, v, a->cased));
}

static bool fits_never(struct detector *dt, const struct pred *p, struct val *v)
{
	return false; /* PRED_NULL: a value is there */
}

/* The expression is a pattern of one line: linear time, where PCRE2 would go back and forth. */
static bool fits_line(struct slice pattern, struct slice text)
{
	const struct pattern pt = pattern_of(pattern);

	for (;;) {
		ssize_t end = slice_chr(text, '\n');

		if (pattern_match(&pt, (struct slice){ text.p, end < 0 ? text.n : (size_t)end }))
			return true;
		if (end < 0)
			return false;
		text = slice_from(text, (size_t)end + 1);
	}
}

/* PCRE2 reached a limit: what it did not find in time counts as not there, and that is told. */
static void give_up(struct detector *dt, const struct pred *p)
{
	size_t no = (size_t)(p - dt->rs->preds);

	dt->gave_up++;
	if (!dt->told[no])
		dt->untold = p;
	dt->told[no] = true;
}

static bool fits_regex(struct detector *dt, const struct pred *p, struct val *v)
{
	struct slice s = val_folded(dt, v); /* tells whether it is ASCII, too */
	int r;

	v->asks = SIGN_AFTER; /* an expression costs more than a search */
	if (v->ascii && p->need != NULL &&
	    (!val_may_hold(dt, v, p->need) || !pattern_match(&p->pattern, s)))
		return false;
	if (p->line.n > 0 && (p->cased || v->ascii))
		return fits_line(p->line, text_of(dt, v, p->cased));
	s = val_raw(dt, v);
	/* Texts are valid UTF-8 since the reader checked them. */
	r = pcre2_match(p->regex, (PCRE2_SPTR)s.p, s.n, 0, PCRE2_NO_UTF_CHECK, dt->match,
			dt->limits);
	if (r < 0 && r != PCRE2_ERROR_NOMATCH && p->nfa != NULL)
		return nfa_match(p->nfa, s, dt->scratch);
	if (r < 0 && r != PCRE2_ERROR_NOMATCH)
		give_up(dt, p);
	return r >= 0;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 &&
	       (rest == 0 || ((a[whole] ^ b[whole]) & (0xff00u >> rest) & 0xff) == 0);
}

static bool fits_cidr(struct detector *dt, const struct pred *p, struct val *v)
{
	struct slice s = val_raw(dt, v);
	uint8_t addr[16];
	char z[INET6_ADDRSTRLEN];

	if (s.n == 0 || s.n >= sizeof(z) || slice_chr(s, '\0') >= 0)
		return false;
	memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	return inet_pton(p->net_bytes == 4 ? AF_INET : AF_INET6, z, addr) == 1 &&
	       same_bits(addr, p->net, p->bits);
}

/* ISO 8601: week 1 holds the year's first Thursday. day: days since 1970-01-01, a Thursday. */
static int iso_week(int64_t day, int64_t year)
{
	int64_t thursday = day - ((day + 3) % 7 + 7) % 7 + 3;
	int64_t first = time_days(year, 1, 1);

	if (thursday < first)
		first = time_days(year - 1, 1, 1);
	else if (thursday >= time_days(year + 1, 1, 1))
		first = time_days(year + 1, 1, 1);
	return (int)((thursday - first) / 7 + 1);
}

/* The part as it is written: Sigma says of these modifiers that they convert no zones, and Sysmon
 * writes its times without one. */
static bool time_number(struct slice s, enum time_part part, double *ret)
{
	struct time_written w;

	if (!time_read_written(s, &w))
		return false;
	switch (part) {
	case PART_MINUTE:
		*ret = w.minute;
		return w.minute >= 0;
	case PART_HOUR:
		*ret = w.hour;
		return w.hour >= 0;
	case PART_DAY:
		*ret = w.day;
		return true;
	case PART_WEEK:
		*ret = iso_week(time_days(w.year, (unsigned)w.month, (unsigned)w.day), w.year);
		return true;
	case PART_MONTH:
		*ret = w.month;
		return true;
	default:
		*ret = w.year;
		return true;
	}
}

static bool plain_number(struct slice s, double *ret)
{
	char z[64], *end;

	if (s.n == 0 || s.n >= sizeof(z))
		return false;
	memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	if (strspn(z, "0123456789+-.eE") != s.n) /* neither 0x10 nor inf, as strtod would take */
		return false;
	*ret = strtod(z, &end);
	return *end == '\0';
}

static bool fits_compare(struct detector *dt, const struct pred *p, struct val *v)
{
	struct slice s = val_raw(dt, v);
	double d;

	if (!(p->part != PART_NONE ? time_number(s, p->part, &d) : plain_number(s, &d)))
		return false;
	switch (p->op) {
	case CMP_GT:
		return d > p->number;
	case CMP_GTE:
		return d >= p->number;
	case CMP_LT:
		return d < p->number;
	case CMP_LTE:
		return d <= p->number;
	default:
		return !(d < p->number) && !(d > p->number);
	}
}

static bool fits_field(struct detector *dt, const struct pred *p, struct val *v)
{
	struct slice s = text_of(dt, v, p->cased);
	const struct fvals *other = values_of(dt, p->other);

	for (uint32_t i = 0; i < other->n; i++) {
		struct pattern pt = { p->shape,
				      text_of(dt, &dt->vals[other->first + i], p->cased) };

		if (pattern_match(&pt, s))
			return true;
	}
	return false;
}

static bool (*const fits[PRED_KINDS])(struct detector *, const struct pred *, struct val *) = {
	[PRED_NULL] = fits_never,      [PRED_REGEX] = fits_regex, [PRED_CIDR] = fits_cidr,
	[PRED_COMPARE] = fits_compare, [PRED_FIELD] = fits_field,
};

static bool ask_string(struct detector *dt, const struct ask *a)
{
	const struct fvals *fv = values_of(dt, a->field);

	for (uint32_t i = 0; i < fv->n; i++)
		if (fits_string(dt, a, &dt->vals[fv->first + i]))
			return true;
	return false;
}

static bool ask_other(struct detector *dt, const struct pred *p)
{
	const struct fvals *fv;
	bool yes;

	if (p->kind == PRED_FIELD)
		values_of(dt, p->other); /* before pointers into vals are taken */
	fv = values_of(dt, p->field);
	yes = p->kind == PRED_NULL && (p->present ? field_is_there(dt, p->field) : fv->n == 0);
	for (uint32_t i = 0; i < fv->n && !yes; i++)
		yes = fits[p->kind](dt, p, &dt->vals[fv->first + i]);
	return yes;
}

static __attribute__((noinline)) bool ask(struct detector *dt, uint32_t no)
{
	const struct ask *a = &dt->rs->asks[no];
	bool yes = a->kind == PRED_STRING ? ask_string(dt, a) : ask_other(dt, &dt->rs->preds[no]);

	dt->asked[no] = dt->generation << 1 | yes;
	return yes;
}

bool pred_holds(struct detector *dt, uint32_t no)
{
	return dt->asked[no] >> 1 == dt->generation ? (dt->asked[no] & 1) != 0 : ask(dt, no);
}

bool steps_hold(struct detector *dt, const struct step *steps)
{
	uint32_t at = 0;

	do {
		const struct step *st = &steps[at];
		bool yes = (st->what & 1) != 0 ? bit_has(dt->hits, st->what >> 1)
					       : pred_holds(dt, st->what >> 1);

		at = yes ? st->yes : st->no;
	} while (at < STEP_FALSE);
	return at == STEP_TRUE;
}

static bool many_hold(struct detector *dt, const struct expr *ex);

/* Leaves are most of what there is, and need no call. */
static inline bool holds(struct detector *dt, const struct expr *ex)
{
	if (ex->op == EX_HIT)
		return bit_has(dt->hits, ex->pred);
	if (ex->op == EX_PRED)
		return pred_holds(dt, ex->pred);
	return many_hold(dt, ex);
}

static bool many_hold(struct detector *dt, const struct expr *ex)
{
	unsigned n = 0;

	switch (ex->op) {
	case EX_NOT:
		return !holds(dt, ex->kid[0]);
	case EX_AND:
		for (unsigned i = 0; i < ex->n; i++) {
			if (!holds(dt, ex->kid[i]))
				return false;
		}
		return true;
	case EX_OR:
		for (unsigned i = 0; i < ex->n; i++) {
			if (holds(dt, ex->kid[i]))
				return true;
		}
		return false;
	case EX_COUNT:
		for (unsigned i = 0; i < ex->n && n < ex->need; i++)
			n += holds(dt, ex->kid[i]) ? 1 : 0;
		return n >= ex->need;
	default:
		return false;
	}
}

bool expr_holds(struct detector *dt, const struct expr *ex)
{
	return holds(dt, ex);
}

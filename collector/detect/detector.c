/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/detector.c: one event against all rules. What is asked of an event is remembered
 * until the next one: the values of each field, their lower-case forms, the answer of each
 * predicate. A generation number stands for clearing them. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "collector/detect/engine.h"
#include "common/base/time.h"

#define MATCH_LIMIT 200000u /* steps of one regular expression on one value */
#define DEPTH_LIMIT 5000u
#define HEAP_LIMIT  4096u /* KiB */

struct val {
	struct slice raw, folded; /* folded.p NULL: not yet */
	const struct json_field *leaf;
	bool has_raw;
};
struct fvals { /* the values of one field in this event */
	uint32_t generation;
	uint32_t first, n; /* in detector.vals */
};
struct detector {
	struct ruleset *rs;
	struct json_index *event;
	uint32_t generation;
	uint32_t *asked; /* by predicate: the generation in which it was evaluated, */
	bool *answer;    /* and what it was */
	struct fvals *fields;
	struct val *vals;
	unsigned n_vals, cap_vals;
	struct arena mem; /* of this event */
	bool nomem;
	pcre2_match_data *match;
	pcre2_match_context *limits;
	pcre2_jit_stack *stack;
};

/* -- values --------------------------------------------------------------------------------- */

static void add_val(struct detector *dt, const struct json_field *leaf)
{
	if (leaf->type >= JS_OBJECT || leaf->type == JS_NULL)
		return;
	if (array_room(&dt->vals, dt->n_vals, &dt->cap_vals, sizeof(*dt->vals)) < 0) {
		dt->nomem = true;
		return;
	}
	dt->vals[dt->n_vals++] = (struct val){ .leaf = leaf };
}

static const struct fvals *values_of(struct detector *dt, uint32_t field)
{
	struct fvals *fv = &dt->fields[field];
	const struct json_field *leaf;

	if (fv->generation == dt->generation)
		return fv;
	fv->generation = dt->generation;
	fv->first = dt->n_vals;
	if (field == FIELD_ANY) {
		for (unsigned i = 0; i < dt->event->n; i++)
			add_val(dt, &dt->event->f[i]);
	} else {
		leaf = sfield_find(&dt->rs->fields[field], dt->event);
		for (; leaf != NULL; leaf = json_field_next(dt->event, leaf))
			add_val(dt, leaf);
	}
	fv->n = dt->n_vals - fv->first;
	return fv;
}

static struct slice raw(struct detector *dt, struct val *v)
{
	if (!v->has_raw) {
		v->raw = json_field_text(dt->event, v->leaf);
		if (v->raw.p == NULL)
			v->raw.p = "";
		v->has_raw = true;
	}
	return v->raw;
}

static struct slice text(struct detector *dt, struct val *v, bool cased)
{
	if (cased)
		return raw(dt, v);
	if (v->folded.p == NULL) {
		v->folded = fold(raw(dt, v), &dt->mem);
		if (v->folded.p == NULL) {
			dt->nomem = true;
			v->folded = (struct slice){ "", 0 };
		}
	}
	return v->folded;
}

/* -- predicates: one function a kind -------------------------------------------------------- */

static bool fits_string(struct detector *dt, const struct pred *p, struct val *v)
{
	return pattern_match(&p->pattern, text(dt, v, p->cased));
}

static bool fits_never(struct detector *dt, const struct pred *p, struct val *v)
{
	return false; /* PRED_NULL: a value is there */
}

static bool fits_regex(struct detector *dt, const struct pred *p, struct val *v)
{
	struct slice s = raw(dt, v);

	/* Texts are valid UTF-8 since the reader checked them. Past a limit: no match. */
	return pcre2_match(p->regex, (PCRE2_SPTR)s.p, s.n, 0, PCRE2_NO_UTF_CHECK, dt->match,
			   dt->limits) >= 0;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 &&
	       (rest == 0 || ((a[whole] ^ b[whole]) & (0xff00u >> rest) & 0xff) == 0);
}

static bool fits_cidr(struct detector *dt, const struct pred *p, struct val *v)
{
	struct slice s = raw(dt, v);
	uint8_t addr[16];
	char z[INET6_ADDRSTRLEN];

	if (s.n == 0 || s.n >= sizeof(z))
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

static bool time_number(struct slice s, enum time_part part, double *ret)
{
	char iso[TIME_TEXT_MAX];
	int64_t t, sec, day, year;
	unsigned month;

	if (!time_parse(s, &t))
		return false;
	time_format(t, iso);
	sec = t >= 0 ? t / NS_PER_SEC : -((-t + NS_PER_SEC - 1) / NS_PER_SEC);
	day = sec >= 0 ? sec / 86400 : -((-sec + 86399) / 86400);
	year = (iso[0] - '0') * 1000 + (iso[1] - '0') * 100 + (iso[2] - '0') * 10 + (iso[3] - '0');
	month = (unsigned)((iso[5] - '0') * 10 + (iso[6] - '0'));
	switch (part) {
	case PART_MINUTE:
		*ret = (double)((sec - day * 86400) / 60 % 60);
		return true;
	case PART_HOUR:
		*ret = (double)((sec - day * 86400) / 3600);
		return true;
	case PART_DAY:
		*ret = (double)(day - time_days(year, month, 1) + 1);
		return true;
	case PART_WEEK:
		*ret = iso_week(day, year);
		return true;
	case PART_MONTH:
		*ret = month;
		return true;
	default:
		*ret = (double)year;
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
	struct slice s = raw(dt, v);
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
	struct slice s = text(dt, v, p->cased);
	const struct fvals *other = values_of(dt, p->other);

	for (uint32_t i = 0; i < other->n; i++) {
		struct pattern pt = { p->shape, text(dt, &dt->vals[other->first + i], p->cased) };

		if (pattern_match(&pt, s))
			return true;
	}
	return false;
}

static bool (*const fits[PRED_KINDS])(struct detector *, const struct pred *, struct val *) = {
	[PRED_STRING] = fits_string, [PRED_NULL] = fits_never,      [PRED_REGEX] = fits_regex,
	[PRED_CIDR] = fits_cidr,     [PRED_COMPARE] = fits_compare, [PRED_FIELD] = fits_field,
};

static bool ask(struct detector *dt, uint32_t no)
{
	const struct pred *p = &dt->rs->preds[no];
	const struct fvals *fv;
	bool yes;

	if (dt->asked[no] == dt->generation)
		return dt->answer[no];
	if (p->kind == PRED_FIELD)
		values_of(dt, p->other); /* before pointers into vals are taken */
	fv = values_of(dt, p->field);
	yes = p->kind == PRED_NULL && fv->n == 0;
	for (uint32_t i = 0; i < fv->n && !yes; i++)
		yes = fits[p->kind](dt, p, &dt->vals[fv->first + i]);
	dt->asked[no] = dt->generation;
	dt->answer[no] = yes;
	return yes;
}

static bool holds(struct detector *dt, const struct expr *ex)
{
	unsigned n = 0;

	switch (ex->op) {
	case EX_PRED:
		return ask(dt, ex->pred);
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

/* -- the detector --------------------------------------------------------------------------- */

struct detector *detector_new(struct ruleset *rs)
{
	struct detector *dt = calloc(1, sizeof(*dt));

	if (dt == NULL)
		return NULL;
	dt->rs = ruleset_ref(rs);
	dt->asked = calloc(rs->pred_keys.n + 1, sizeof(*dt->asked));
	dt->answer = calloc(rs->pred_keys.n + 1, sizeof(*dt->answer));
	dt->fields = calloc(rs->field_keys.n + 1, sizeof(*dt->fields));
	dt->match = pcre2_match_data_create(1, NULL);
	dt->limits = pcre2_match_context_create(NULL);
	dt->stack = pcre2_jit_stack_create(32 * 1024, 512 * 1024, NULL);
	if (dt->asked == NULL || dt->answer == NULL || dt->fields == NULL || dt->match == NULL ||
	    dt->limits == NULL) {
		detector_free(dt);
		return NULL;
	}
	pcre2_set_match_limit(dt->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(dt->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(dt->limits, HEAP_LIMIT);
	if (dt->stack !=
	    NULL) /* none where memory may not be executed: the interpreter needs none */
		pcre2_jit_stack_assign(dt->limits, NULL, dt->stack);
	return dt;
}

void detector_free(struct detector *dt)
{
	if (dt == NULL)
		return;
	pcre2_match_data_free(dt->match);
	pcre2_match_context_free(dt->limits);
	pcre2_jit_stack_free(dt->stack);
	free(dt->asked);
	free(dt->answer);
	free(dt->fields);
	free(dt->vals);
	arena_release(&dt->mem);
	ruleset_unref(dt->rs);
	free(dt);
}

static void next_generation(struct detector *dt)
{
	if (++dt->generation != 0)
		return;
	memset(dt->asked, 0, dt->rs->pred_keys.n * sizeof(*dt->asked));
	memset(dt->fields, 0, dt->rs->field_keys.n * sizeof(*dt->fields));
	dt->generation = 1;
}

int detector_run(struct detector *dt, struct json_index *event,
		 void (*match)(void *arg, const struct rule *rule), void *arg, struct err *err)
{
	const struct ruleset *rs = dt->rs;

	next_generation(dt);
	arena_reset(&dt->mem);
	dt->event = event;
	dt->n_vals = 0;
	dt->nomem = false;
	for (unsigned c = 0; c < rs->class_keys.n; c++) {
		const struct class *cl = &rs->classes[c];

		if (cl->n == 0 || !holds(dt, cl->when))
			continue;
		for (unsigned i = 0; i < cl->n; i++) {
			const struct compiled *co = cl->rules[i]->compiled;

			if (holds(dt, co->expr) && !dt->nomem)
				match(arg, cl->rules[i]);
		}
	}
	return dt->nomem ? err_nomem(err) : 0;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/corr_expression.c: extended conditions of temporal correlations, "a and (b or
 * not c)" over their rules, by recursive descent. An expression becomes the terms of which one must
 * be true, each a set of rules that occur and one of rules that do not, so that a window is judged
 * by comparing masks. "not" goes down to the names while it is read. */
#include "collector/detect/corr_condition.h"

#define DEPTH_MAX 32u
#define TEXT_MAX  4096u /* bytes */

struct terms {
	struct correlation_term t[CORR_TERMS_MAX];
	unsigned n;
};

struct expression {
	struct ruleset *rs;
	struct compiled *own;
	const struct ynode *at;
	bool fixed; /* the rules are listed: no other may be named */
	uint64_t used;
	struct slice text, word; /* word: the next one; empty at the end */
	size_t pos;              /* behind word */
	unsigned depth;
	struct err *err;
};

static int refuse(const struct expression *x, const char *what)
{
	unsigned col = x->at->col + (unsigned)(x->pos - x->word.n) + (x->at->plain ? 0 : 1);

	return err_at(x->err, x->at->line, col, ERR_SYNTAX, "correlation: condition: %s%s%.*s%s",
		      what, x->word.n > 0 ? " \"" : "", (int)(x->word.n < 80 ? x->word.n : 80),
		      x->word.n > 0 ? x->word.p : "", x->word.n > 0 ? "\"" : "");
}

static void advance(struct expression *x)
{
	static const char blank[] = " \t\r\n", stop[] = "() \t\r\n";
	size_t from;

	while (x->pos < x->text.n && strchr(blank, x->text.p[x->pos]) != NULL)
		x->pos++;
	from = x->pos;
	while (x->pos < x->text.n && strchr(stop, x->text.p[x->pos]) == NULL)
		x->pos++;
	if (x->pos == from && x->pos < x->text.n)
		x->pos++; /* a parenthesis */
	x->word = (struct slice){ x->text.p + from, x->pos - from };
}

static bool is(const struct expression *x, const char *lower)
{
	return x->word.n == strlen(lower) && strncasecmp(x->word.p, lower, x->word.n) == 0;
}

static bool says_more(struct correlation_term a, struct correlation_term b)
{
	return (b.with & ~a.with) == 0 && (b.without & ~a.without) == 0;
}

/* A term that wants what another wants, and more, says nothing new: only the least ones stay. */
static int add(const struct expression *x, struct terms *out, struct correlation_term t)
{
	unsigned n = 0;

	if ((t.with & t.without) != 0)
		return 0;
	for (unsigned i = 0; i < out->n; i++)
		if (says_more(t, out->t[i]))
			return 0;
	for (unsigned i = 0; i < out->n; i++)
		if (!says_more(out->t[i], t))
			out->t[n++] = out->t[i];
	out->n = n;
	if (out->n == CORR_TERMS_MAX)
		return refuse(x, "too many alternatives, past 64");
	out->t[out->n++] = t;
	return 0;
}

static int any_of(const struct expression *x, struct terms *a, const struct terms *b)
{
	for (unsigned i = 0; i < b->n; i++)
		if (add(x, a, b->t[i]) < 0)
			return -1;
	return 0;
}

static int both_of(const struct expression *x, struct terms *a, const struct terms *b)
{
	struct terms out = { .n = 0 };

	for (unsigned i = 0; i < a->n; i++) {
		for (unsigned k = 0; k < b->n; k++) {
			struct correlation_term t = { a->t[i].with | b->t[k].with,
						      a->t[i].without | b->t[k].without };

			if (add(x, &out, t) < 0)
				return -1;
		}
	}
	*a = out;
	return 0;
}

static int name(struct expression *x, bool negate, struct terms *out)
{
	struct compiled *own = x->own;
	uint64_t bit;
	size_t i = 0;

	while (i < own->n_refs && !slice_is(x->word, own->refs[i]))
		i++;
	if (i == own->n_refs && x->fixed)
		return refuse(x, "is not among the rules:");
	if (i == CORR_RULES_MAX)
		return refuse(x, "more than 64 rules with");
	if (i == own->n_refs) {
		own->refs[i] = keep(x->rs, x->word);
		if (own->refs[i] == NULL)
			return err_nomem(x->err);
		own->n_refs++;
	}
	bit = UINT64_C(1) << i;
	x->used |= bit;
	out->t[0] = (struct correlation_term){ negate ? 0 : bit, negate ? bit : 0 };
	out->n = 1;
	advance(x);
	return 0;
}

static int level(struct expression *x, bool negate, bool is_or, struct terms *out);

static int primary(struct expression *x, bool negate, struct terms *out)
{
	if (x->word.n == 0)
		return refuse(x, "ends too early");
	if (is(x, ")") || is(x, "and") || is(x, "or"))
		return refuse(x, "a rule is expected before");
	if (!is(x, "("))
		return name(x, negate, out);
	advance(x);
	if (level(x, negate, true, out) < 0)
		return -1;
	if (!is(x, ")"))
		return refuse(x, "a closing parenthesis is missing");
	advance(x);
	return 0;
}

static int negation(struct expression *x, bool negate, struct terms *out)
{
	int r;

	if (++x->depth > DEPTH_MAX)
		return refuse(x, "nested too deep at");
	if (is(x, "not")) {
		advance(x);
		r = negation(x, !negate, out);
	} else {
		r = primary(x, negate, out);
	}
	x->depth--;
	return r;
}

/* A run of "or", or of "and" within it; under a "not" each becomes the other. */
static int level(struct expression *x, bool negate, bool is_or, struct terms *out)
{
	struct terms next;

	for (bool first = true; first || is(x, is_or ? "or" : "and"); first = false) {
		if (!first)
			advance(x);
		next.n = 0;
		if ((is_or ? level(x, negate, false, &next) : negation(x, negate, &next)) < 0)
			return -1;
		if (first)
			*out = next;
		else if ((is_or != negate ? any_of : both_of)(x, out, &next) < 0)
			return -1;
	}
	return 0;
}

int corr_expression(struct ruleset *rs, struct correlation *co, struct compiled *own,
		    const struct ynode *n, struct err *err)
{
	struct expression x = { .rs = rs, .own = own, .at = n, .text = n->text, .err = err };
	struct terms all = { .n = 0 };

	if (n->text.n > TEXT_MAX)
		return corr_refuse(err, n, "condition: longer than 4096 bytes");
	x.fixed = own->n_refs > 0;
	if (own->n_refs > CORR_RULES_MAX)
		return corr_refuse(err, n, "condition: it names more than 64 rules");
	if (!x.fixed) {
		own->refs = arena_alloc(&rs->mem, (CORR_RULES_MAX + 1) * sizeof(*own->refs));
		if (own->refs == NULL)
			return err_nomem(err);
	}
	advance(&x);
	if (level(&x, false, true, &all) < 0)
		return -1;
	if (x.word.n > 0)
		return refuse(&x, "\"and\" or \"or\" is expected before");
	for (size_t i = 0; i < own->n_refs; i++)
		if ((x.used >> i & 1) == 0)
			return corr_refuse(err, n, "condition: it does not name each of the rules");
	if (all.n == 0)
		return corr_refuse(err, n, "condition: it can never be true");
	co->terms = arena_alloc(&rs->mem, all.n * sizeof(*co->terms));
	if (co->terms == NULL)
		return err_nomem(err);
	memcpy(co->terms, all.t, all.n * sizeof(*co->terms));
	co->n_terms = all.n;
	return 0;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/witness.c: what an event must hold for a rule to be true of it. A witness is a
 * set of predicates with literals, one of which is true whenever the expression is:
 *   a predicate   itself, when it has a literal
 *   AND           the witness of any child: the least common
 *   OR            those of all children together
 *   COUNT         the same: it needs at least one
 *   NOT           none */
#include "collector/detect/program.h"

#include "collector/detect/nfa.h"
#include "collector/detect/regex_literal.h"

#define NONE       1e9f
#define ANY_FACTOR 6.0f    /* a keyword is looked for in all values */
#define EACH       0.0004f /* a literal costs the scan something, however rare it is */

/* -- the literal of a predicate -------------------------------------------------------------- */

static bool is_wild(char c)
{
	return c == WILD_MANY || c == WILD_ONE;
}

/* The least common piece between the wildcards. */
static void glob_piece(struct slice s, struct witness *w)
{
	double best = 2;

	for (size_t i = 0; i < s.n;) {
		size_t from = i;
		struct slice piece;
		double odds;

		for (; i < s.n && !is_wild(s.p[i]); i++)
			;
		piece = (struct slice){ s.p + from, i - from };
		odds = piece.n > 0 ? literal_odds(piece, SHAPE_CONTAINS) : 2;
		if (odds < best) {
			best = odds;
			w->text = piece;
		}
		while (i < s.n && is_wild(s.p[i]))
			i++;
	}
	w->shape = SHAPE_CONTAINS;
}

static int keep_need(struct ruleset *rs, struct pred *p, const struct pairs *need)
{
	struct pairs *own = arena_alloc(&rs->mem, sizeof(*own));

	if (own == NULL)
		return -1;
	*own = *need;
	p->need = own;
	return 0;
}

/* Between the wildcards, each piece must be there. */
static int pattern_need(struct ruleset *rs, struct pred *p, struct slice folded)
{
	struct pairs need = { 0 };

	for (size_t i = 0; i < folded.n;) {
		size_t from = i;

		while (i < folded.n && !is_wild(folded.p[i]))
			i++;
		pairs_add(&need, (struct slice){ folded.p + from, i - from });
		while (i < folded.n && is_wild(folded.p[i]))
			i++;
	}
	return keep_need(rs, p, &need);
}

static int string_witness(struct ruleset *rs, struct pred *p, struct witness *w)
{
	struct slice lit = p->pattern.lit;

	if (p->pattern.shape == SHAPE_ANY || lit.n == 0)
		return 0;
	if (p->cased) {
		lit = fold(lit, &rs->mem);
		if (lit.p == NULL)
			return -1;
	}
	if (p->pattern.shape >= SHAPE_PIECES) {
		glob_piece(lit, w);
	} else {
		w->text = lit;
		w->shape = p->pattern.shape;
		w->whole = !p->cased;
	}
	return p->pattern.shape >= SHAPE_CONTAINS ? pattern_need(rs, p, lit) : 0;
}

static int regex_nfa(struct ruleset *rs, struct pred *p)
{
	struct nfa *nf = NULL;
	uint32_t opts = 0;

	pcre2_pattern_info(p->regex, PCRE2_INFO_ARGOPTIONS, &opts);
	if (nfa_new(p->source, (opts & PCRE2_CASELESS) != 0, (opts & PCRE2_DOTALL) != 0,
		    (opts & PCRE2_MULTILINE) != 0, &rs->mem, &nf) < 0)
		return -1;
	p->nfa = nf;
	return 0;
}

static int regex_witness(struct ruleset *rs, struct pred *p, struct witness *w)
{
	struct regex_parts parts = { 0 };
	struct slice skeleton;
	int r = -1;

	if (regex_nfa(rs, p) < 0)
		return -1;
	regex_read_parts(p->source, &parts);
	if (parts.skeleton.n == 0 && !parts.skeleton.failed)
		return 0; /* nothing is known of it, and nothing was made */
	if (parts.literal.failed || parts.skeleton.failed || parts.line.failed ||
	    keep_need(rs, p, &parts.need) < 0)
		goto out;
	skeleton = arena_copy(&rs->mem, buf_view(&parts.skeleton));
	if (skeleton.p == NULL)
		goto out;
	p->pattern = pattern_of(skeleton);
	if (parts.line.n > 0 && !p->dot_all) {
		p->line = arena_copy(&rs->mem, buf_view(&parts.line));
		if (p->line.p != NULL && !p->cased)
			p->line = fold(p->line, &rs->mem);
		if (p->line.p == NULL)
			goto out;
	}
	if (parts.literal.n > 0) {
		w->text = arena_copy(&rs->mem, buf_view(&parts.literal));
		w->shape = SHAPE_CONTAINS;
		w->ascii_only = true;
		if (w->text.p == NULL)
			goto out;
	}
	r = 0;
out:
	regex_parts_release(&parts);
	return r;
}

int witness_of(struct ruleset *rs, struct pred *p, struct witness *ret)
{
	int r = 0;

	*ret = (struct witness){ .text = { "", 0 } };
	if (p->kind == PRED_STRING)
		r = string_witness(rs, p, ret);
	else if (p->kind == PRED_REGEX)
		r = regex_witness(rs, p, ret);
	if (ret->shape == SHAPE_CONTAINS && ret->text.n < LITERAL_MIN)
		ret->text.n = 0;
	/* Whose event it is tells nothing of what is in it: expand.c. */
	if (slice_is(rs->field_keys.keys[p->field], "organization.id"))
		ret->text.n = 0;
	if (r < 0 || ret->text.n == 0)
		return r;
	ret->odds = (float)literal_odds(ret->text, ret->shape);
	if (p->field == FIELD_ANY)
		ret->odds = ret->odds * ANY_FACTOR < 1 ? ret->odds * ANY_FACTOR : 1;
	ret->odds += EACH;
	return 0;
}

/* -- the witness of an expression ------------------------------------------------------------- */

static float odds_of(const struct witness *ws, struct expr *ex)
{
	float best = NONE, sum = 0;

	if (ex->odds > 0)
		return ex->odds;
	switch (ex->op) {
	case EX_PRED:
		best = ws[ex->pred].text.n > 0 ? ws[ex->pred].odds : NONE;
		break;
	case EX_AND:
		for (unsigned i = 0; i < ex->n; i++) {
			float o = odds_of(ws, ex->kid[i]);

			best = o < best ? o : best;
		}
		break;
	case EX_OR:
	case EX_COUNT:
		for (unsigned i = 0; i < ex->n && sum < NONE; i++)
			sum += odds_of(ws, ex->kid[i]);
		best = sum < NONE ? sum : NONE;
		break;
	default:
		break;
	}
	ex->odds = best;
	return best;
}

struct choice {
	const struct witness *ws;
	uint32_t rule;
	void (*take)(void *arg, uint32_t pred);
	void *arg;
};

/* What several parts of a rule share is taken once. */
static void collect(const struct choice *ch, struct expr *ex)
{
	float odds = odds_of(ch->ws, ex);

	if (ex->rule == ch->rule)
		return;
	ex->rule = ch->rule;
	if (ex->op == EX_PRED)
		ch->take(ch->arg, ex->pred);
	for (unsigned i = 0; i < ex->n; i++) {
		if (ex->op == EX_AND && odds_of(ch->ws, ex->kid[i]) > odds)
			continue;
		collect(ch, ex->kid[i]);
		if (ex->op == EX_AND)
			return;
	}
}

bool witness_choose(const struct witness *witnesses, struct expr *ex, uint32_t rule,
		    void (*take)(void *arg, uint32_t pred), void *arg)
{
	struct choice ch = { witnesses, rule, take, arg };

	if (odds_of(witnesses, ex) >= NONE)
		return false;
	collect(&ch, ex);
	return true;
}

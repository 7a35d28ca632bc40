/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/condition.c: Sigma's conditions, by recursive descent.
 *   or:      and { "or" and }            and:   not { "and" not }
 *   not:     "not" not | primary
 *   primary: "(" or ")" | ("all"|"any"|N) "of" ("them"|pattern) | identifier */
#include <stdlib.h>

#include "collector/detect/engine.h"

#define COND_DEPTH_MAX 32u
#define COND_MAX       8192u /* bytes; each "or" deepens the tree by one */

struct cond {
	struct ruleset *rs;
	const struct ynode *at;
	const struct named *ids;
	size_t n_ids;
	struct slice text, word; /* word: the next one; empty at the end */
	size_t pos;              /* behind word */
	unsigned depth;
	struct err *err;
};

static int refuse(const struct cond *c, const char *what, struct slice word)
{
	/* A one-line value stands where its node begins, behind a quote when it has one. */
	unsigned col = c->at->col + (unsigned)(c->pos - c->word.n) + (c->at->plain ? 0 : 1);

	return err_at(c->err, c->at->line, col, ERR_SYNTAX, "condition: %s%s%.*s%s", what,
		      word.n > 0 ? " \"" : "", (int)(word.n < 80 ? word.n : 80),
		      word.n > 0 ? word.p : "", word.n > 0 ? "\"" : "");
}

static bool is_space(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r';
}

static void advance(struct cond *c)
{
	size_t from;

	while (c->pos < c->text.n && is_space(c->text.p[c->pos]))
		c->pos++;
	from = c->pos;
	if (c->pos < c->text.n && strchr("()|", c->text.p[c->pos]) != NULL) {
		c->pos++;
	} else {
		while (c->pos < c->text.n && !is_space(c->text.p[c->pos]) &&
		       strchr("()|", c->text.p[c->pos]) == NULL)
			c->pos++;
	}
	c->word = (struct slice){ c->text.p + from, c->pos - from };
}

static bool is(const struct cond *c, const char *lower)
{
	return c->word.n == strlen(lower) && strncasecmp(c->word.p, lower, c->word.n) == 0;
}

static bool followed_by_of(const struct cond *c)
{
	struct cond next = *c;

	advance(&next);
	return is(&next, "of");
}

static struct expr *negate(struct cond *c, struct expr *of)
{
	struct expr *ex = of != NULL ? expr_new(c->rs, EX_NOT, 1, c->err) : NULL;

	if (ex == NULL)
		return NULL;
	ex->kid[0] = of;
	expr_settle(ex);
	return ex;
}

/* "*" stands for any run of characters. */
static bool name_fits(struct slice pattern, struct slice name)
{
	struct buf b = { 0 };
	struct pattern pt;
	bool fits;

	for (size_t i = 0; i < pattern.n; i++)
		buf_chr(&b, pattern.p[i] == '*' ? WILD_MANY : pattern.p[i]);
	pt = pattern_of(buf_view(&b));
	fits = !b.failed && pattern_match(&pt, name);
	buf_release(&b);
	return fits;
}

static struct expr *quantifier(struct cond *c)
{
	struct slice how = c->word, what;
	bool all = is(c, "all"), them;
	uint64_t need = 1;
	struct expr *ex;
	unsigned n = 0;

	if (!all && !is(c, "any") && (!slice_uint(how, 1000, &need) || need == 0)) {
		refuse(c, "a number from 1, any or all is expected before \"of\", not", how);
		return NULL;
	}
	advance(c); /* of */
	advance(c);
	what = c->word;
	if (what.n == 0 || strchr("()|", what.p[0]) != NULL) {
		refuse(c, "\"of\" wants a pattern or \"them\"", what);
		return NULL;
	}
	them = is(c, "them");
	ex = expr_new(c->rs, EX_OR, (unsigned)c->n_ids, c->err);
	if (ex == NULL)
		return NULL;
	for (size_t i = 0; i < c->n_ids; i++) {
		/* What begins with _ is for those who name it so. */
		if (c->ids[i].name.p[0] == '_' && what.p[0] != '_')
			continue;
		if (them || name_fits(what, c->ids[i].name))
			ex->kid[n++] = c->ids[i].expr;
	}
	if (n == 0) {
		refuse(c, "no search identifier fits", what);
		return NULL;
	}
	if (need > n) {
		refuse(c, "asks for more than there are of", what);
		return NULL;
	}
	ex->n = n;
	ex->need = (unsigned)need;
	ex->op = all || need == n ? EX_AND : need == 1 ? EX_OR : EX_COUNT;
	expr_settle(ex);
	advance(c);
	return ex;
}

static struct expr *parse_or(struct cond *c);

static struct expr *primary(struct cond *c)
{
	struct expr *ex;

	if (c->word.n == 0) {
		refuse(c, "ends too early", c->word);
		return NULL;
	}
	if (is(c, "(")) {
		advance(c);
		ex = parse_or(c);
		if (ex == NULL)
			return NULL;
		if (!is(c, ")")) {
			refuse(c, "a closing parenthesis is missing", c->word);
			return NULL;
		}
		advance(c);
		return ex;
	}
	if (followed_by_of(c))
		return quantifier(c);
	for (size_t i = 0; i < c->n_ids; i++) {
		if (slice_eq(c->ids[i].name, c->word)) {
			advance(c);
			return c->ids[i].expr;
		}
	}
	refuse(c, "there is no search identifier", c->word);
	return NULL;
}

static struct expr *parse_not(struct cond *c)
{
	struct expr *ex;

	if (++c->depth > COND_DEPTH_MAX) {
		refuse(c, "nested deeper than 32 levels", (struct slice){ NULL, 0 });
		return NULL;
	}
	if (is(c, "not")) {
		advance(c);
		ex = parse_not(c);
		ex = negate(c, ex);
	} else {
		ex = primary(c);
	}
	c->depth--;
	return ex;
}

/* "a and b and c" as one expression of three: part reads each. */
static struct expr *parse_chain(struct cond *c, const char *word, enum expr_op op,
				struct expr *(*part)(struct cond *c))
{
	struct expr *ex = part(c), **v = NULL;
	unsigned n = 0, cap = 0;

	if (ex == NULL || !is(c, word))
		return ex;
	for (;;) {
		if (array_room(&v, n, &cap, sizeof(struct expr *)) < 0) {
			err_nomem(c->err);
			goto fail;
		}
		v[n++] = ex;
		if (!is(c, word))
			break;
		advance(c);
		ex = part(c);
		if (ex == NULL)
			goto fail;
	}
	ex = expr_new(c->rs, op, n, c->err);
	if (ex == NULL)
		goto fail;
	memcpy(ex->kid, v, n * sizeof(struct expr *));
	expr_settle(ex);
	free(v);
	return ex;
fail:
	free(v);
	return NULL;
}

static struct expr *parse_and(struct cond *c)
{
	return parse_chain(c, "and", EX_AND, parse_not);
}

static struct expr *parse_or(struct cond *c)
{
	return parse_chain(c, "or", EX_OR, parse_and);
}

static int one(struct ruleset *rs, const struct ynode *n, const struct named *ids, size_t n_ids,
	       struct expr **ret, struct err *err)
{
	struct cond c = {
		.rs = rs, .at = n, .ids = ids, .n_ids = n_ids, .text = n->text, .err = err
	};
	struct expr *ex;

	if (n->kind != Y_SCALAR)
		return err_at(err, n->line, n->col, ERR_SYNTAX,
			      "condition: a text is expected here");
	if (n->text.n > COND_MAX)
		return err_at(err, n->line, n->col, ERR_SYNTAX, "condition: more than 8192 bytes");
	advance(&c);
	ex = parse_or(&c);
	if (ex == NULL)
		return -1;
	if (is(&c, "|"))
		return refuse(&c,
			      "aggregation behind | is no longer Sigma: write a correlation rule",
			      (struct slice){ NULL, 0 });
	if (c.word.n > 0)
		return refuse(&c, "and, or, or its end is expected, not", c.word);
	*ret = ex;
	return 0;
}

int condition_compile(struct ruleset *rs, const struct ynode *n, const struct named *ids,
		      size_t n_ids, struct expr **ret, struct err *err)
{
	struct expr *ex;
	unsigned i = 0;

	if (n->kind != Y_LIST)
		return one(rs, n, ids, n_ids, ret, err);
	if (n->n == 0)
		return err_at(err, n->line, n->col, ERR_SYNTAX, "condition: an empty list");
	ex = expr_new(rs, EX_OR, n->n, err); /* several conditions: any of them */
	if (ex == NULL)
		return -1;
	for (const struct ynode *it = n->first; it != NULL; it = it->next, i++) {
		if (one(rs, it, ids, n_ids, &ex->kid[i], err) < 0)
			return -1;
	}
	expr_settle(ex);
	*ret = ex;
	return 0;
}

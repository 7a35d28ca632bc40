/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/expand.c: values with placeholders (the modifier `expand`), as the alternatives
 * that a site's lists make of them. Which lists an event has is asked of its organization.id, which
 * the collector sets from the sender's certificate:
 *	(organization.id is T and any of T's) or ... or (it is none of these and any of all's)
 * Standard: Sigma rules specification 2.1.0, "Placeholders": %name%; \% is a percent sign. A list's
 * values may have wildcards, as in pySigma. What cannot be told for a tenant that has no list must
 * not be guessed, so a rule does not apply there at all: expand_gate. */
#include "collector/detect/engine.h"

#include "collector/detect/values.h"

#define PARTS_MAX  16u   /* texts and placeholders of one value */
#define COMBOS_MAX 4096u /* what the lists of one value's placeholders may make together */

struct part {
	struct slice text;             /* borrowed from `plain` */
	const struct placeholder *ph;  /* then text is its name */
	const struct value_list *list; /* ph's, for the tenant at hand */
};

struct expand {
	struct ruleset *rs;
	const struct ynode *at;
	const struct expand_kind *kind;
	void *arg;
	struct part part[PARTS_MAX];
	unsigned n;
	struct buf plain; /* the texts, \% resolved */
	struct err *err;
};

static int refuse(struct expand *ex, const char *what)
{
	return err_at(ex->err, ex->at->line, ex->at->col, ERR_SYNTAX, "%s", what);
}

/* -- the value, cut into texts and placeholders --------------------------------------------- */

/* The name between the percent sign at i and the next one; empty: it is none. */
static struct slice name_at(struct slice s, size_t i)
{
	size_t end = i + 1;

	while (end < s.n && values_name_char(s.p[end]))
		end++;
	return end < s.n && s.p[end] == '%' ? (struct slice){ s.p + i + 1, end - i - 1 }
					    : (struct slice){ s.p + i, 0 };
}

static int put_text(struct expand *ex, size_t from)
{
	struct slice text = { NULL, ex->plain.n - from };

	if (text.n == 0)
		return 0;
	if (ex->n == PARTS_MAX)
		return refuse(ex, "a value with more placeholders than make sense");
	ex->part[ex->n++] = (struct part){ .text = text };
	return 0;
}

static int put_name(struct expand *ex, struct slice name)
{
	struct placeholder *ph = values_find(ex->rs->values, name);

	if (ph == NULL || (ph->all == NULL && ph->n_tenants == 0))
		return err_at(ex->err, ex->at->line, ex->at->col, ERR_SYNTAX,
			      "the placeholder %%%.*s%% needs this site's values, and none are "
			      "given: rules.values names their file",
			      (int)(name.n < 100 ? name.n : 100), name.p);
	if (ex->n == PARTS_MAX)
		return refuse(ex, "a value with more placeholders than make sense");
	ph->used = true;
	ex->part[ex->n++] = (struct part){ .text = name, .ph = ph };
	return 0;
}

/* On Windows a backslash before a placeholder is a folder's, and easily written once. */
static void note_escaped(struct expand *ex, struct slice name)
{
	if (name.n > 0 && values_find(ex->rs->values, name) != NULL)
		err_at(&ex->rs->notice, ex->at->line, ex->at->col, ERR_SYNTAX,
		       "\\%%%.*s%% is a percent sign and no placeholder; for a backslash before a "
		       "placeholder write \\\\%%%.*s%%",
		       (int)(name.n < 100 ? name.n : 100), name.p,
		       (int)(name.n < 100 ? name.n : 100), name.p);
}

/* A backslash before a percent sign makes it one; two backslashes are a backslash, and what follows
 * them stands for itself. */
static int cut(struct expand *ex)
{
	struct slice s = ex->at->text, name;
	size_t from = 0, at = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == '\\')
			buf_chr(&ex->plain, s.p[i++]);
		else if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == '%')
			note_escaped(ex, name_at(s, ++i));
		else if (s.p[i] == '%' && (name = name_at(s, i)).n > 0) {
			if (put_text(ex, from) < 0 || put_name(ex, name) < 0)
				return -1;
			i += name.n + 1;
			from = ex->plain.n;
			continue;
		}
		buf_chr(&ex->plain, s.p[i]);
	}
	if (put_text(ex, from) < 0)
		return -1;
	if (ex->plain.failed)
		return err_nomem(ex->err);
	for (unsigned i = 0; i < ex->n; i++) { /* plain moved while it grew */
		if (ex->part[i].ph != NULL)
			continue;
		ex->part[i].text.p = ex->plain.p + at;
		at += ex->part[i].text.n;
	}
	return 0;
}

/* -- what the lists make of it -------------------------------------------------------------- */

static int one_combo(struct expand *ex, unsigned no, struct expr **ret)
{
	struct buf made = { 0 };
	int r;

	for (unsigned i = 0; i < ex->n; i++) {
		const struct part *p = &ex->part[i];

		if (p->ph == NULL) {
			ex->kind->put_text(p->text, &made);
			continue;
		}
		ex->kind->put_value(p->list->v[no % p->list->n], &made);
		no /= p->list->n;
	}
	r = made.failed ? err_nomem(ex->err) : ex->kind->make(ex->arg, buf_view(&made), ret);
	buf_release(&made);
	return r;
}

/* All combinations of the lists that the parts have now. */
static int combos(struct expand *ex, struct expr **ret)
{
	uint64_t n = 1;

	for (unsigned i = 0; i < ex->n; i++) {
		n *= ex->part[i].ph != NULL ? ex->part[i].list->n : 1;
		if (n > COMBOS_MAX)
			return refuse(ex, "placeholders that make more than 4096 values together");
	}
	*ret = expr_new(ex->rs, n > 0 ? EX_OR : EX_NEVER, (unsigned)n, ex->err);
	if (*ret == NULL)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		if (one_combo(ex, i, &(*ret)->kid[i]) < 0)
			return -1;
	}
	expr_settle(*ret);
	return 0;
}

static const struct tenant_list *own_list(const struct placeholder *ph, struct slice tenant)
{
	for (unsigned i = 0; i < ph->n_tenants; i++) {
		if (slice_eq(ph->tenants[i].tenant, tenant))
			return &ph->tenants[i];
	}
	return NULL;
}

/* Gives each part the tenant's list (NULL: a tenant without lists of its own). false: one has none.
 */
static bool choose(struct expand *ex, const struct slice *tenant)
{
	for (unsigned i = 0; i < ex->n; i++) {
		struct part *p = &ex->part[i];
		const struct tenant_list *own;

		if (p->ph == NULL)
			continue;
		own = tenant != NULL ? own_list(p->ph, *tenant) : NULL;
		p->list = own != NULL ? &own->list : p->ph->all;
		if (p->list == NULL)
			return false;
	}
	return true;
}

static int tenant_expr(struct ruleset *rs, struct slice tenant, struct expr **ret, struct err *err)
{
	const struct ynode id = { .kind = Y_SCALAR, .text = tenant };

	return item_compile(rs, &id, SLICE("organization.id|cased"), NULL, ret, err);
}

static int pair(struct ruleset *rs, enum expr_op op, struct expr *a, struct expr *b,
		struct expr **ret, struct err *err)
{
	struct expr *ex = expr_new(rs, op, b != NULL ? 2 : 1, err);

	if (ex == NULL)
		return -1;
	ex->kid[0] = a;
	if (b != NULL)
		ex->kid[1] = b;
	expr_settle(ex);
	*ret = ex;
	return 0;
}

/* Any of the tenants that have a list of their own for some of the placeholders; each once. */
static int owners(struct expand *ex, struct slice *tenant, unsigned *ret_n)
{
	*ret_n = 0;
	for (unsigned i = 0; i < ex->n; i++) {
		const struct placeholder *ph = ex->part[i].ph;

		for (unsigned k = 0; ph != NULL && k < ph->n_tenants; k++) {
			bool seen = false;

			for (unsigned j = 0; j < i && !seen; j++)
				seen = ex->part[j].ph != NULL &&
				       own_list(ex->part[j].ph, ph->tenants[k].tenant) != NULL;
			if (!seen)
				tenant[(*ret_n)++] = ph->tenants[k].tenant;
		}
	}
	return 0;
}

static int by_tenant(struct expand *ex, const struct slice *tenant, unsigned n, struct expr **ret)
{
	struct expr *any = expr_new(ex->rs, EX_OR, n + 1, ex->err);
	struct expr *own = expr_new(ex->rs, EX_OR, n, ex->err), *it;

	if (any == NULL || own == NULL)
		return -1;
	any->n = 0;
	for (unsigned i = 0; i < n; i++) {
		if (tenant_expr(ex->rs, tenant[i], &own->kid[i], ex->err) < 0)
			return -1;
		if (!choose(ex, &tenant[i]))
			continue;
		if (combos(ex, &it) < 0 ||
		    pair(ex->rs, EX_AND, own->kid[i], it, &any->kid[any->n++], ex->err) < 0)
			return -1;
	}
	expr_settle(own);
	if (choose(ex, NULL)) {
		struct expr *other;

		if (combos(ex, &it) < 0 || pair(ex->rs, EX_NOT, own, NULL, &other, ex->err) < 0 ||
		    pair(ex->rs, EX_AND, other, it, &any->kid[any->n++], ex->err) < 0)
			return -1;
	}
	if (any->n == 0)
		any->op = EX_NEVER;
	expr_settle(any);
	*ret = any;
	return 0;
}

int expand_compile(struct ruleset *rs, const struct ynode *at, const struct expand_kind *kind,
		   void *arg, struct expr **ret, struct err *err)
{
	struct expand ex = { .rs = rs, .at = at, .kind = kind, .arg = arg, .err = err };
	struct slice *tenant = NULL;
	unsigned n = 0;
	int r = -1;

	if (cut(&ex) < 0)
		goto out;
	for (unsigned i = 0; i < ex.n; i++)
		n += ex.part[i].ph != NULL ? ex.part[i].ph->n_tenants : 0;
	tenant = arena_alloc(&rs->mem, (n + 1) * sizeof(*tenant));
	if (tenant == NULL) {
		err_nomem(err);
		goto out;
	}
	owners(&ex, tenant, &n);
	if (n > 0) {
		r = by_tenant(&ex, tenant, n, ret);
	} else {
		choose(&ex, NULL); /* all have one: put_name saw to it */
		r = combos(&ex, ret);
	}
out:
	buf_release(&ex.plain);
	return r;
}

/* -- rules whose lists not every tenant has ------------------------------------------------- */

void expand_begin(struct ruleset *rs)
{
	for (unsigned i = 0; rs->values != NULL && i < rs->values->n; i++)
		rs->values->v[i].used = false;
}

/* The tenants that have a list; *ret NULL: all of them. */
static int having(struct ruleset *rs, const struct placeholder *ph, struct expr **ret,
		  struct err *err)
{
	*ret = NULL;
	if (!ph->used || ph->all != NULL)
		return 0;
	*ret = expr_new(rs, EX_OR, ph->n_tenants, err);
	if (*ret == NULL)
		return -1;
	for (unsigned i = 0; i < ph->n_tenants; i++) {
		if (tenant_expr(rs, ph->tenants[i].tenant, &(*ret)->kid[i], err) < 0)
			return -1;
	}
	expr_settle(*ret);
	return 0;
}

int expand_gate(struct ruleset *rs, bool lacking, struct expr **whole, struct err *err)
{
	struct expr *have;

	for (unsigned i = 0; rs->values != NULL && i < rs->values->n; i++) {
		if (having(rs, &rs->values->v[i], &have, err) < 0)
			return -1;
		if (have == NULL)
			continue;
		if (lacking && pair(rs, EX_NOT, have, NULL, &have, err) < 0)
			return -1;
		if (pair(rs, lacking ? EX_OR : EX_AND, have, *whole, whole, err) < 0)
			return -1;
	}
	return 0;
}

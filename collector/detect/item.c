/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/item.c: one line of a search identifier, "field|modifier|...: value or values",
 * as an expression over predicates. A modifier is one row of the table below. */
#include <stdarg.h>
#include <stdio.h>

#include "collector/detect/item_impl.h"

static const struct mod_row mods[] = {
	{ "contains", M_CONTAINS, M_STRING | M_FIELDREF, 0 },
	{ "startswith", M_STARTSWITH, M_STRING | M_FIELDREF, 0 },
	{ "endswith", M_ENDSWITH, M_STRING | M_FIELDREF, 0 },
	{ "all", M_ALL, ~(unsigned)M_EXISTS, 0 },
	{ "exists", M_EXISTS, 0, 0 },
	{ "cased", M_CASED, M_STRING | M_SHAPE | M_FIELDREF, 0 },
	{ "neq", M_NEQ, ~(unsigned)M_EXISTS, 0 },
	{ "windash", M_WINDASH, M_STRING | M_SHAPE, 0 },
	{ "re", M_RE, M_LOGIC | M_EXPAND | M_RE_I | M_RE_M | M_RE_S, 0 },
	{ "i", M_RE_I, M_LOGIC | M_EXPAND | M_RE | M_RE_M | M_RE_S, 0 },
	{ "m", M_RE_M, M_LOGIC | M_EXPAND | M_RE | M_RE_I | M_RE_S, 0 },
	{ "s", M_RE_S, M_LOGIC | M_EXPAND | M_RE | M_RE_I | M_RE_M, 0 },
	{ "base64", M_BASE64, M_STRING | M_SHAPE, 0 },
	{ "base64offset", M_BASE64OFFSET, M_STRING | M_SHAPE, 0 },
	{ "utf16le", M_UTF16LE, M_STRING | M_SHAPE, 0 },
	{ "utf16be", M_UTF16BE, M_STRING | M_SHAPE, 0 },
	{ "utf16", M_UTF16, M_STRING | M_SHAPE, 0 },
	{ "wide", M_UTF16LE, M_STRING | M_SHAPE, 0 },
	{ "lt", M_COMPARE, M_LOGIC | M_TIME, CMP_LT },
	{ "lte", M_COMPARE, M_LOGIC | M_TIME, CMP_LTE },
	{ "gt", M_COMPARE, M_LOGIC | M_TIME, CMP_GT },
	{ "gte", M_COMPARE, M_LOGIC | M_TIME, CMP_GTE },
	{ "cidr", M_CIDR, M_LOGIC | M_EXPAND, 0 },
	{ "expand", M_EXPAND, M_STRING | M_SHAPE | M_CIDR | M_RE | M_RE_I | M_RE_M | M_RE_S, 0 },
	{ "fieldref", M_FIELDREF, M_LOGIC | M_SHAPE | M_CASED, 0 },
	{ "minute", M_TIME, M_LOGIC | M_COMPARE, PART_MINUTE },
	{ "hour", M_TIME, M_LOGIC | M_COMPARE, PART_HOUR },
	{ "day", M_TIME, M_LOGIC | M_COMPARE, PART_DAY },
	{ "week", M_TIME, M_LOGIC | M_COMPARE, PART_WEEK },
	{ "month", M_TIME, M_LOGIC | M_COMPARE, PART_MONTH },
	{ "year", M_TIME, M_LOGIC | M_COMPARE, PART_YEAR },
};
#define MODS_N (sizeof(mods) / sizeof(mods[0]))

int item_refuse(const struct item *it, const struct ynode *at, const char *fmt, ...)
{
	char msg[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return err_at(it->err, at->line, at->col, ERR_SYNTAX, "%s", msg);
}

static const struct mod_row *find_mod(struct slice name)
{
	for (size_t i = 0; i < MODS_N; i++) {
		if (slice_is(name, mods[i].name))
			return &mods[i];
	}
	return NULL;
}

/* Whether all that stand together may: for each present one, all others are among its `with`. */
static int check_mods(const struct item *it, const struct ynode *at, const struct mod_row **seen,
		      unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < n; k++) {
			if (k != i && (seen[i]->with & seen[k]->bit) == 0)
				return item_refuse(it, at,
						   "the modifiers %s and %s do not go together",
						   seen[i]->name, seen[k]->name);
		}
	}
	if ((it->mods & (M_RE_I | M_RE_M | M_RE_S)) != 0 && (it->mods & M_RE) == 0)
		return item_refuse(it, at, "the modifiers i, m and s belong behind re");
	return 0;
}

/* "name|mod|mod": reads the modifiers of key, returns the name. */
static int read_mods(struct item *it, const struct ynode *at, struct slice key,
		     struct slice *ret_name)
{
	const struct mod_row *seen[2 * CHAIN_MAX], *m;
	ssize_t bar = slice_chr(key, '|');
	unsigned n = 0;
	struct slice rest;

	*ret_name = bar >= 0 ? (struct slice){ key.p, (size_t)bar } : key;
	rest = bar >= 0 ? slice_from(key, (size_t)bar + 1) : (struct slice){ NULL, 0 };
	while (bar >= 0) {
		struct slice word;

		bar = slice_chr(rest, '|');
		word = bar >= 0 ? (struct slice){ rest.p, (size_t)bar } : rest;
		rest = bar >= 0 ? slice_from(rest, (size_t)bar + 1) : rest;
		m = find_mod(word);
		if (m == NULL)
			return item_refuse(it, at, "there is no modifier \"%.*s\"",
					   (int)(word.n < 64 ? word.n : 64), word.p);
		if (n == 2 * CHAIN_MAX || it->n_chain == CHAIN_MAX)
			return item_refuse(it, at, "more modifiers than make sense");
		seen[n++] = m;
		it->mods |= m->bit;
		if ((m->bit & M_ENCODE) != 0)
			it->chain[it->n_chain++] = m;
		if (m->bit == M_COMPARE)
			it->op = (enum compare)m->value;
		if (m->bit == M_TIME)
			it->part = (enum time_part)m->value;
	}
	return check_mods(it, at, seen, n);
}

/* "0x10", "0o17": numbers to YAML, and written so by few who mean the text. */
static bool is_based_number(const struct ynode *n)
{
	const char *p = n->text.p;
	const char *digits;

	if (!n->plain || p[0] != '0' || (p[1] != 'x' && p[1] != 'o'))
		return false;
	digits = p[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567";
	return p[2] != '\0' && strspn(p + 2, digits) == n->text.n - 2;
}

/* What loads and may mean something else than its author thinks. */
static void note_value(const struct item *it, const struct ynode *n)
{
	struct err *notice = &it->rs->notice;

	if (notice->code != ERR_NONE)
		return;
	if (it->field == FIELD_ANY && strspn(n->text.p, "*") == n->text.n)
		err_at(notice, n->line, n->col, ERR_SYNTAX,
		       "a keyword that every event has: it matches all of them");
	else if (is_based_number(n))
		err_at(notice, n->line, n->col, ERR_SYNTAX,
		       "%.40s is a number to YAML and stays the text that it is here: write it in "
		       "quotes, or in decimal",
		       n->text.p);
}

static int value(struct item *it, const struct ynode *n, struct expr **ret)
{
	bool yes;

	it->at = n;
	if (n->text.n > TEXT_MAX)
		return item_refuse(it, n, "a value of more than 8192 bytes");
	if (n->kind != Y_SCALAR)
		return item_refuse(it, n, "a value is expected here, not a %s",
				   n->kind == Y_MAP ? "map" : "list inside a list");
	if ((it->mods & M_EXISTS) != 0) {
		if (!ynode_is_bool(n, &yes))
			return item_refuse(it, n, "exists wants true or false");
		return exists_value(it, yes, ret);
	}
	if (ynode_is_null(n)) {
		if (it->field == FIELD_ANY)
			return item_refuse(it, n, "null is no keyword");
		if ((it->mods & ~(unsigned)(M_LOGIC | M_CASED)) != 0)
			return item_refuse(it, n,
					   "null has nothing that the modifiers could look at");
		return null_pred(it, false, ret);
	}
	if ((it->mods & M_EXPAND) != 0)
		return expand_value(it, ret);
	if ((it->mods & M_RE) != 0)
		return regex_value(it, ret);
	if ((it->mods & M_CIDR) != 0)
		return cidr_value(it, ret);
	if ((it->mods & (M_COMPARE | M_TIME)) != 0)
		return compare_value(it, ret);
	if ((it->mods & M_FIELDREF) != 0)
		return fieldref_value(it, ret);
	note_value(it, n);
	return text_value(it, ret);
}

int item_compile(struct ruleset *rs, const struct ynode *n, struct slice key,
		 const struct ynode *aliases, struct expr **ret, struct err *err)
{
	struct item it = { .rs = rs, .err = err, .aliases = aliases };
	const struct ynode *place = n->key != NULL ? n->key : n;
	struct expr *ex, *not ;
	struct slice name;
	unsigned i = 0;

	if (read_mods(&it, place, key, &name) < 0)
		return -1;
	if (name.n == 0)
		it.field = FIELD_ANY;
	else if (field_intern(rs, name, aliases, &it.field, err) < 0)
		return -1;
	if (it.field == FIELD_ANY && (it.mods & (M_EXISTS | M_FIELDREF)) != 0)
		return item_refuse(&it, place, "this modifier wants a field");
	if (n->kind == Y_LIST) {
		if (n->n == 0)
			return item_refuse(&it, n, "an empty list");
		ex = expr_new(rs, (it.mods & M_ALL) != 0 ? EX_AND : EX_OR, n->n, err);
		if (ex == NULL)
			return -1;
		for (const struct ynode *v = n->first; v != NULL; v = v->next, i++) {
			if (value(&it, v, &ex->kid[i]) < 0)
				return -1;
		}
		expr_settle(ex);
	} else if (value(&it, n, &ex) < 0) {
		return -1;
	}
	if ((it.mods & M_NEQ) != 0) {
		not = expr_new(rs, EX_NOT, 1, err);
		if (not == NULL)
			return -1;
		not ->kid[0] = ex;
		expr_settle(not );
		ex = not ;
	}
	*ret = ex;
	return 0;
}

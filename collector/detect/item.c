/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/item.c: one line of a search identifier, "field|modifier|...: value or values",
 * as an expression over predicates. A modifier is one row of the table below. Standard: Sigma
 * specification 2.1.0, appendix on modifiers; where it is silent, pySigma. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/detect/engine.h"

enum mod {
	M_CONTAINS = 1 << 0,
	M_STARTSWITH = 1 << 1,
	M_ENDSWITH = 1 << 2,
	M_ALL = 1 << 3,
	M_EXISTS = 1 << 4,
	M_CASED = 1 << 5,
	M_NEQ = 1 << 6,
	M_WINDASH = 1 << 7,
	M_RE = 1 << 8,
	M_RE_I = 1 << 9,
	M_RE_M = 1 << 10,
	M_RE_S = 1 << 11,
	M_BASE64 = 1 << 12,
	M_BASE64OFFSET = 1 << 13,
	M_UTF16LE = 1 << 14,
	M_UTF16BE = 1 << 15,
	M_UTF16 = 1 << 16,
	M_COMPARE = 1 << 17,
	M_CIDR = 1 << 18,
	M_EXPAND = 1 << 19,
	M_FIELDREF = 1 << 20,
	M_TIME = 1 << 21,
};
#define M_SHAPE  (M_CONTAINS | M_STARTSWITH | M_ENDSWITH)
#define M_LOGIC  (M_ALL | M_NEQ)
#define M_UTF    (M_UTF16LE | M_UTF16BE | M_UTF16)
#define M_ENCODE (M_BASE64 | M_BASE64OFFSET | M_UTF | M_WINDASH)
#define M_STRING (M_LOGIC | M_CASED | M_EXPAND | M_ENCODE)

static const struct mod_row {
	const char *name;
	unsigned bit, with; /* what else may stand beside it */
	unsigned value;     /* M_COMPARE: enum compare; M_TIME: enum time_part */
} mods[] = {
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

#define CHAIN_MAX 8
#define ALTS_MAX  4096u /* what windash may make of one value: five for each dash */
#define REGEX_MAX 8192u
#define CODE_MAX  16384u /* of a compiled regular expression; the largest public one has 1543 */
#define GLOB_MAX  512u   /* of a value with ?: its length times that of the event's value is time */
#define TEXT_MAX  8192u  /* of a value; the longest public one has 542 */

struct item {
	struct ruleset *rs;
	struct err *err;
	const struct ynode *at; /* the value being compiled */
	const struct ynode *aliases;
	unsigned mods;
	const struct mod_row *chain[CHAIN_MAX]; /* M_ENCODE, in the order written */
	unsigned n_chain;
	enum compare op;
	enum time_part part;
	uint32_t field;
};

static int refuse(const struct item *it, const struct ynode *at, const char *fmt, ...) PRINTF(3, 4);
static int refuse(const struct item *it, const struct ynode *at, const char *fmt, ...)
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
				return refuse(it, at, "the modifiers %s and %s do not go together",
					      seen[i]->name, seen[k]->name);
		}
	}
	if ((it->mods & (M_RE_I | M_RE_M | M_RE_S)) != 0 && (it->mods & M_RE) == 0)
		return refuse(it, at, "the modifiers i, m and s belong behind re");
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
			return refuse(it, at, "there is no modifier \"%.*s\"",
				      (int)(word.n < 64 ? word.n : 64), word.p);
		if (n == 2 * CHAIN_MAX || it->n_chain == CHAIN_MAX)
			return refuse(it, at, "more modifiers than make sense");
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

/* -- strings ------------------------------------------------------------------------------- */

struct alts { /* the forms one value takes: encodings and dashes multiply them */
	struct buf *v;
	size_t n;
};

static void alts_release(struct alts *a)
{
	for (size_t i = 0; i < a->n; i++)
		buf_release(&a->v[i]);
	free(a->v);
	*a = (struct alts){ 0 };
}

static struct buf *alts_add(struct alts *a)
{
	struct buf *v = realloc(a->v, (a->n + 1) * sizeof(*v));

	if (v == NULL)
		return NULL;
	a->v = v;
	v[a->n] = (struct buf){ 0 };
	return &v[a->n++];
}

static const char *const dashes[] = { "-", "/", "–", "—", "―" };
#define DASHES 5u

static bool is_word(struct slice s, size_t i)
{
	unsigned char c = (unsigned char)s.p[i];

	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || (c >= 0x80 && c != 0xff && c != 0xfe);
}

/* The bytes of one of the five dashes at i, or 0. */
static size_t dash_at(struct slice s, size_t i)
{
	for (unsigned k = 0; k < DASHES; k++) {
		if (slice_starts(slice_from(s, i), slice_str(dashes[k])))
			return strlen(dashes[k]);
	}
	return 0;
}

/* The bytes of a dash that begins an option: nothing of a word before it, a word behind it. */
static size_t option_dash(struct slice s, size_t i)
{
	size_t n = dash_at(s, i);

	if (n == 0 || i + n >= s.n || !is_word(s, i + n) || dash_at(s, i + n) > 0)
		return 0;
	return i == 0 || !is_word(s, i - 1) || (i >= 3 && dash_at(s, i - 3) == 3) ? n : 0;
}

static int windash(const struct item *it, struct slice in, struct alts *out)
{
	size_t total = 1;

	for (size_t i = 0; i < in.n; i++) {
		if (option_dash(in, i) > 0 && total <= ALTS_MAX)
			total *= DASHES;
	}
	if (total > ALTS_MAX)
		return refuse(it, it->at, "windash with more than five dashes in one value");
	if (budget_take(it->rs, 0, total * in.n, it->err) < 0)
		return -1;
	for (size_t n = 0; n < total; n++) {
		struct buf *b = alts_add(out);
		size_t pick = n, len;

		if (b == NULL)
			return err_nomem(it->err);
		for (size_t i = 0; i<in.n; i += len> 0 ? len : 1) {
			len = option_dash(in, i);
			if (len == 0) {
				buf_chr(b, in.p[i]);
				continue;
			}
			buf_str(b, dashes[pick % DASHES]);
			pick /= DASHES;
		}
	}
	return 0;
}

static int encode(const struct item *it, const struct mod_row *m, struct slice in, struct alts *out)
{
	unsigned n = m->bit == M_BASE64OFFSET ? 3 : 1;

	if (m->bit == M_WINDASH)
		return windash(it, in, out);
	if ((m->bit & M_UTF) == 0 && it->n_chain > 0 && in.n == 0)
		return refuse(it, it->at, "nothing to encode");
	for (unsigned i = 0; i < n; i++) {
		struct buf *b = alts_add(out);

		if (b == NULL)
			return err_nomem(it->err);
		if (m->bit == M_BASE64)
			encode_base64(in, b);
		else if (m->bit == M_BASE64OFFSET)
			encode_base64_offset(in, i, b);
		else if (encode_utf16(in, m->bit == M_UTF16BE, m->bit == M_UTF16, b) < 0)
			return refuse(it, it->at, "%s of a value that is encoded already", m->name);
		if (b->failed)
			return err_nomem(it->err);
	}
	return 0;
}

static int apply_chain(const struct item *it, struct alts *a)
{
	bool encoded = false;

	for (unsigned i = 0; i < it->n_chain; i++) {
		struct alts next = { 0 };

		for (size_t k = 0; k < a->n; k++) {
			struct slice in = buf_view(&a->v[k]);

			if (it->chain[i]->bit != M_WINDASH && !encoded && pattern_has_wild(in)) {
				alts_release(&next);
				return refuse(it, it->at,
					      "a wildcard can't be encoded: escape it, "
					      "or leave %s out",
					      it->chain[i]->name);
			}
			if (encode(it, it->chain[i], in, &next) < 0) {
				alts_release(&next);
				return -1;
			}
		}
		alts_release(a);
		*a = next;
		if (it->chain[i]->bit != M_WINDASH)
			encoded = true;
	}
	if (encoded && (it->mods & (M_BASE64 | M_BASE64OFFSET)) == 0) {
		for (size_t k = 0; k < a->n; k++) {
			if (pattern_has_wild(buf_view(&a->v[k])))
				return refuse(it, it->at,
					      "UTF-16 bytes that no JSON text can "
					      "hold: use base64 or base64offset behind it");
		}
	}
	return 0;
}

static int string_pred(const struct item *it, struct slice v, struct expr **ret)
{
	struct pred p = { .kind = PRED_STRING, .field = it->field };
	struct buf whole = { 0 }, key = { 0 };
	struct slice own;
	int r = -1;

	p.cased = (it->mods & M_CASED) != 0;
	if (budget_take(it->rs, 0, v.n, it->err) < 0)
		return -1;
	if (v.n > GLOB_MAX && slice_chr(v, WILD_ONE) >= 0)
		return refuse(it, it->at, "a value with ? of more than 512 bytes");
	/* A keyword is looked for inside values, as if `contains` stood behind it. */
	if ((it->mods & (M_CONTAINS | M_ENDSWITH)) != 0 ||
	    (it->field == FIELD_ANY && (it->mods & M_SHAPE) == 0))
		buf_chr(&whole, WILD_MANY);
	buf_slice(&whole, v);
	if ((it->mods & (M_CONTAINS | M_STARTSWITH)) != 0 ||
	    (it->field == FIELD_ANY && (it->mods & M_SHAPE) == 0))
		buf_chr(&whole, WILD_MANY);
	own = whole.failed ? (struct slice){ NULL, 0 } : arena_copy(&it->rs->mem, buf_view(&whole));
	if (own.p != NULL && !p.cased)
		own = fold(own, &it->rs->mem);
	if (own.p == NULL) {
		err_nomem(it->err);
		goto out;
	}
	p.pattern = pattern_of(own);
	buf_printf(&key, "s%d,%u,%d,", p.cased, p.field, p.pattern.shape);
	buf_slice(&key, p.pattern.lit);
	r = pred_intern(it->rs, &p, key.failed ? (struct slice){ NULL, 0 } : buf_view(&key), ret,
			it->err);
out:
	buf_release(&whole);
	buf_release(&key);
	return r;
}

/* A prepared value, wildcards marked. */
static int string_value(const struct item *it, struct slice prepared, struct expr **ret)
{
	struct alts a = { 0 };
	struct expr *ex = NULL;
	struct buf *b = alts_add(&a);
	int r = -1;

	if (b == NULL) {
		err_nomem(it->err);
		goto out;
	}
	buf_slice(b, prepared);
	if (b->failed) {
		err_nomem(it->err);
		goto out;
	}
	if (apply_chain(it, &a) < 0)
		goto out;
	if (a.n == 1) {
		r = string_pred(it, buf_view(&a.v[0]), ret);
		goto out;
	}
	ex = expr_new(it->rs, EX_OR, (unsigned)a.n, it->err);
	for (size_t i = 0; ex != NULL && i < a.n; i++) {
		if (string_pred(it, buf_view(&a.v[i]), &ex->kid[i]) < 0)
			goto out;
	}
	if (ex != NULL) {
		expr_settle(ex);
		*ret = ex;
		r = 0;
	}
out:
	alts_release(&a);
	return r;
}

/* -- other kinds of values ------------------------------------------------------------------ */

static int keyed(const struct item *it, const struct pred *p, const char *what, struct expr **ret)
{
	struct buf key = { 0 };
	int r;

	buf_printf(&key, "%d,%u,%s,", p->kind, p->field, what);
	buf_slice(&key, it->at->text);
	r = pred_intern(it->rs, p, key.failed ? (struct slice){ NULL, 0 } : buf_view(&key), ret,
			it->err);
	buf_release(&key);
	return r;
}

/* Nested repetitions are multiplied out: few characters can make 64 KiB of code, and more of
 * machine code. */
static int check_code(const struct item *it, const pcre2_code *code)
{
	size_t size = 0;

	pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size);
	if (size > CODE_MAX)
		return refuse(it, it->at,
			      "regular expression is too large: its repetitions come to more than "
			      "16 KiB");
	return budget_take(it->rs, 0, 8 * size, it->err); /* what the JIT compiler makes of it */
}

static int regex_value(const struct item *it, struct expr **ret)
{
	struct pred p = { .kind = PRED_REGEX, .field = it->field };
	uint32_t opts = PCRE2_UTF | PCRE2_NO_AUTO_CAPTURE;
	char what[16], msg[128];
	PCRE2_SIZE at;
	int code;

	if (it->at->text.n > REGEX_MAX)
		return refuse(it, it->at, "a regular expression of more than 8192 bytes");
	opts |= (it->mods & M_RE_I) != 0 ? PCRE2_CASELESS : 0;
	opts |= (it->mods & M_RE_M) != 0 ? PCRE2_MULTILINE : 0;
	opts |= (it->mods & M_RE_S) != 0 ? PCRE2_DOTALL : 0;
	p.cased = (it->mods & M_RE_I) == 0;
	p.dot_all = (it->mods & M_RE_S) != 0;
	snprintf(what, sizeof(what), "r%x", opts);
	p.regex = pcre2_compile((PCRE2_SPTR)it->at->text.p, it->at->text.n, opts, &code, &at,
				it->rs->regex_ctx);
	if (p.regex == NULL) {
		pcre2_get_error_message(code, (PCRE2_UCHAR *)msg, sizeof(msg));
		return refuse(it, it->at, "regular expression, at its character %zu: %s", at + 1,
			      msg);
	}
	if (check_code(it, p.regex) < 0) {
		pcre2_code_free(p.regex);
		return -1;
	}
	p.source = arena_copy(&it->rs->mem, it->at->text);
	if (p.source.p == NULL) {
		pcre2_code_free(p.regex);
		return err_nomem(it->err);
	}
	/* Without JIT (memory that may not be executed) the interpreter matches the same. */
	pcre2_jit_compile(p.regex, PCRE2_JIT_COMPLETE);
	return keyed(it, &p, what, ret);
}

static int cidr_value(const struct item *it, struct expr **ret)
{
	struct pred p = { .kind = PRED_CIDR, .field = it->field };
	struct slice s = it->at->text, digits;
	ssize_t slash = slice_chr(s, '/');
	char addr[64];
	uint64_t bits;

	if (slash >= 0 && (size_t)slash < sizeof(addr)) {
		memcpy(addr, s.p, (size_t)slash);
		addr[slash] = '\0';
		p.net_bytes = inet_pton(AF_INET, addr, p.net) == 1    ? 4
			      : inet_pton(AF_INET6, addr, p.net) == 1 ? 16
								      : 0;
	}
	digits = slash >= 0 ? slice_from(s, (size_t)slash + 1) : (struct slice){ NULL, 0 };
	if (p.net_bytes == 0 || !slice_uint(digits, p.net_bytes * 8, &bits))
		return refuse(it, it->at,
			      "cidr wants a network such as 192.0.2.0/24 or 2001:db8::/32");
	p.bits = (unsigned)bits;
	return keyed(it, &p, "c", ret);
}

static int compare_value(const struct item *it, struct expr **ret)
{
	struct pred p = { .kind = PRED_COMPARE, .field = it->field, .part = it->part };
	struct ynode bare = *it->at;
	char what[16];

	bare.plain = true; /* '10' in quotes is a number here too */
	if (!ynode_is_number(&bare) || it->at->text.n > 40)
		return refuse(it, it->at, "a number is expected here");
	p.op = (it->mods & M_COMPARE) != 0 ? it->op : CMP_EQ;
	p.number = strtod(it->at->text.p, NULL);
	snprintf(what, sizeof(what), "%d,%d", p.op, p.part);
	return keyed(it, &p, what, ret);
}

static int fieldref_value(const struct item *it, struct expr **ret)
{
	struct pred p = { .kind = PRED_FIELD, .field = it->field };
	char what[16];

	if (it->at->text.n == 0)
		return refuse(it, it->at, "fieldref wants the name of a field");
	if (field_intern(it->rs, it->at->text, it->aliases, &p.other, it->err) < 0)
		return -1;
	p.cased = (it->mods & M_CASED) != 0;
	p.shape = (it->mods & M_CONTAINS) != 0     ? SHAPE_CONTAINS
		  : (it->mods & M_STARTSWITH) != 0 ? SHAPE_PREFIX
		  : (it->mods & M_ENDSWITH) != 0   ? SHAPE_SUFFIX
						   : SHAPE_EXACT;
	snprintf(what, sizeof(what), "%d,%d,%u", p.cased, p.shape, p.other);
	return keyed(it, &p, what, ret);
}

static int null_pred(const struct item *it, bool present, struct expr **ret)
{
	struct pred p = { .kind = PRED_NULL, .field = it->field, .present = present };
	struct ynode bare = { 0 };
	struct item plain = *it;

	plain.at = &bare;
	return keyed(&plain, &p, present ? "e" : "n", ret);
}

/* The field is there, whatever its value: the specification says so of null and of empty ones. */
static int exists_value(const struct item *it, bool yes, struct expr **ret)
{
	struct expr *there, *ex;

	if (null_pred(it, true, &there) < 0)
		return -1;
	if (yes) {
		*ret = there;
		return 0;
	}
	ex = expr_new(it->rs, EX_NOT, 1, it->err);
	if (ex == NULL)
		return -1;
	ex->kid[0] = there;
	expr_settle(ex);
	*ret = ex;
	return 0;
}

/* -- placeholders --------------------------------------------------------------------------- */

static int make_string(void *arg, struct slice made, struct expr **ret)
{
	return string_value(arg, made, ret);
}

/* The other kinds read their value's node: a copy stands in, with the text that was made. */
static int make_other(void *arg, struct slice made, struct expr **ret)
{
	struct item own = *(const struct item *)arg;
	struct ynode n = *own.at;

	n.text = made;
	own.at = &n;
	return (own.mods & M_RE) != 0 ? regex_value(&own, ret) : cidr_value(&own, ret);
}

static void put_plain(struct slice text, struct buf *out)
{
	buf_slice(out, text);
}

/* A list's value inside a regular expression means what it means elsewhere. */
static void put_quoted(struct slice value, struct buf *out)
{
	struct buf b = { 0 };

	pattern_read(value, &b);
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] == WILD_MANY || b.p[i] == WILD_ONE) {
			buf_str(out, b.p[i] == WILD_MANY ? ".*" : ".");
			continue;
		}
		if (!is_word(buf_view(&b), i))
			buf_chr(out, '\\');
		buf_chr(out, b.p[i]);
	}
	out->failed = out->failed || b.failed;
	buf_release(&b);
}

static int expand_value(struct item *it, struct expr **ret)
{
	static const struct expand_kind kinds[] = {
		{ pattern_read, pattern_read, make_string },
		{ put_plain, put_quoted, make_other }, /* re */
		{ put_plain, put_plain, make_other },  /* cidr */
	};
	int k = (it->mods & M_RE) != 0 ? 1 : (it->mods & M_CIDR) != 0 ? 2 : 0;

	return expand_compile(it->rs, it->at, &kinds[k], it, ret, it->err);
}

static int text_value(const struct item *it, struct expr **ret)
{
	struct buf b = { 0 };
	int r;

	pattern_read(it->at->text, &b);
	r = b.failed ? err_nomem(it->err) : string_value(it, buf_view(&b), ret);
	buf_release(&b);
	return r;
}

static int value(struct item *it, const struct ynode *n, struct expr **ret)
{
	bool yes;

	it->at = n;
	if (n->text.n > TEXT_MAX)
		return refuse(it, n, "a value of more than 8192 bytes");
	if (n->kind != Y_SCALAR)
		return refuse(it, n, "a value is expected here, not a %s",
			      n->kind == Y_MAP ? "map" : "list inside a list");
	if ((it->mods & M_EXISTS) != 0) {
		if (!ynode_is_bool(n, &yes))
			return refuse(it, n, "exists wants true or false");
		return exists_value(it, yes, ret);
	}
	if (ynode_is_null(n)) {
		if (it->field == FIELD_ANY)
			return refuse(it, n, "null is no keyword");
		if ((it->mods & ~(unsigned)(M_LOGIC | M_CASED)) != 0)
			return refuse(it, n, "null has nothing that the modifiers could look at");
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
		return refuse(&it, place, "this modifier wants a field");
	if (n->kind == Y_LIST) {
		if (n->n == 0)
			return refuse(&it, n, "an empty list");
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

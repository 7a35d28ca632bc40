/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/item_value.c: values that are no plain texts. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/detect/item_impl.h"

#define REGEX_MAX 8192u
#define CODE_MAX  16384u /* of a compiled regular expression; the largest public one has 1543 */

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
		return item_refuse(
			it, it->at,
			"regular expression is too large: its repetitions come to more than "
			"16 KiB");
	return budget_take(it->rs, 0, 8 * size, it->err); /* what the JIT compiler makes of it */
}

/* Whether something in it may mean a group by its number: "\1", "\g{-1}", "(?1)", "(?(1)...)",
 * "(?R)". Otherwise groups need not be kept. */
static bool may_name_groups(struct slice s)
{
	for (size_t i = 0; i + 1 < s.n; i++) {
		if (s.p[i] == '\\' && strchr("123456789g", s.p[i + 1]) != NULL)
			return true;
		if (s.p[i] == '(' && s.p[i + 1] == '?' && i + 2 < s.n &&
		    strchr("0123456789+-R(", s.p[i + 2]) != NULL)
			return true;
	}
	return false;
}

int regex_value(const struct item *it, struct expr **ret)
{
	struct pred p = { .kind = PRED_REGEX, .field = it->field };
	uint32_t opts = PCRE2_UTF;
	char what[16], msg[128];
	PCRE2_SIZE at;
	int code;

	if (it->at->text.n > REGEX_MAX)
		return item_refuse(it, it->at, "a regular expression of more than 8192 bytes");
	opts |= (it->mods & M_RE_I) != 0 ? PCRE2_CASELESS : 0;
	opts |= (it->mods & M_RE_M) != 0 ? PCRE2_MULTILINE : 0;
	opts |= (it->mods & M_RE_S) != 0 ? PCRE2_DOTALL : 0;
	opts |= may_name_groups(it->at->text) ? 0 : PCRE2_NO_AUTO_CAPTURE;
	p.cased = (it->mods & M_RE_I) == 0;
	p.dot_all = (it->mods & M_RE_S) != 0;
	snprintf(what, sizeof(what), "r%x", opts);
	p.regex = pcre2_compile((PCRE2_SPTR)it->at->text.p, it->at->text.n, opts, &code, &at,
				it->rs->regex_ctx);
	if (p.regex == NULL) {
		pcre2_get_error_message(code, (PCRE2_UCHAR *)msg, sizeof(msg));
		return item_refuse(it, it->at, "regular expression, at its character %zu: %s",
				   at + 1, msg);
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

int cidr_value(const struct item *it, struct expr **ret)
{
	struct pred p = { .kind = PRED_CIDR, .field = it->field };
	struct slice s = it->at->text;
	ssize_t slash = slice_chr(s, '/');
	size_t n = slash >= 0 ? (size_t)slash : s.n;
	char addr[64];
	uint64_t bits;

	if (n < sizeof(addr)) {
		memcpy(addr, s.p, n);
		addr[n] = '\0';
		p.net_bytes = inet_pton(AF_INET, addr, p.net) == 1    ? 4
			      : inet_pton(AF_INET6, addr, p.net) == 1 ? 16
								      : 0;
	}
	bits = p.net_bytes * 8; /* without a length: that one address */
	if (p.net_bytes == 0 || (slash >= 0 && !slice_uint(slice_from(s, n + 1), bits, &bits)))
		return item_refuse(it, it->at,
				   "cidr wants a network such as 192.0.2.0/24 or 2001:db8::/32");
	p.bits = (unsigned)bits;
	return keyed(it, &p, "c", ret);
}

int compare_value(const struct item *it, struct expr **ret)
{
	struct pred p = { .kind = PRED_COMPARE, .field = it->field, .part = it->part };
	struct ynode bare = *it->at;
	char what[16];

	bare.plain = true; /* '10' in quotes is a number here too */
	if (!ynode_is_number(&bare) || it->at->text.n > 40)
		return item_refuse(it, it->at, "a number is expected here");
	p.op = (it->mods & M_COMPARE) != 0 ? it->op : CMP_EQ;
	p.number = strtod(it->at->text.p, NULL);
	snprintf(what, sizeof(what), "%d,%d", p.op, p.part);
	return keyed(it, &p, what, ret);
}

int fieldref_value(const struct item *it, struct expr **ret)
{
	struct pred p = { .kind = PRED_FIELD, .field = it->field };
	char what[16];

	if (it->at->text.n == 0)
		return item_refuse(it, it->at, "fieldref wants the name of a field");
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

int null_pred(const struct item *it, bool present, struct expr **ret)
{
	struct pred p = { .kind = PRED_NULL, .field = it->field, .present = present };
	struct ynode bare = { 0 };
	struct item plain = *it;

	plain.at = &bare;
	return keyed(&plain, &p, present ? "e" : "n", ret);
}

/* The field is there, whatever its value: the specification says so of null and of empty ones. */
int exists_value(const struct item *it, bool yes, struct expr **ret)
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
		if ((unsigned char)b.p[i] < 0x80 && !item_is_word(buf_view(&b), i))
			buf_chr(out, '\\');
		buf_chr(out, b.p[i]);
	}
	out->failed = out->failed || b.failed;
	buf_release(&b);
}

int expand_value(struct item *it, struct expr **ret)
{
	static const struct expand_kind kinds[] = {
		{ pattern_read, pattern_read, make_string },
		{ put_plain, put_quoted, make_other }, /* re */
		{ put_plain, put_plain, make_other },  /* cidr */
	};
	int k = (it->mods & M_RE) != 0 ? 1 : (it->mods & M_CIDR) != 0 ? 2 : 0;

	return expand_compile(it->rs, it->at, &kinds[k], it, ret, it->err);
}

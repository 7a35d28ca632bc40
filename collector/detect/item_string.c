/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/item_string.c: texts, and the forms that modifiers make of one. */
#include <stdlib.h>

#include "collector/detect/item_impl.h"
#include "common/base/text.h"

#define ALTS_MAX 4096u /* what windash may make of one value: five for each dash */
#define GLOB_MAX 512u  /* of a value with ?: its length times that of the event's value is time */

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

/* Blocks of Unicode that hold punctuation and symbols, no letters and digits but a few that nobody
 * writes an option with. */
static const struct {
	int32_t from, to;
} no_words[] = {
	{ 0x80, 0xa9 },     { 0xab, 0xb1 },     { 0xb4, 0xb4 },       { 0xb6, 0xb8 },
	{ 0xbb, 0xbb },     { 0xbf, 0xbf },     { 0xd7, 0xd7 },       { 0xf7, 0xf7 },
	{ 0x2000, 0x206f }, { 0x20a0, 0x20ff }, { 0x2190, 0x245f },   { 0x2500, 0x2bff },
	{ 0x2e00, 0x2e7f }, { 0x3000, 0x3004 }, { 0x3008, 0x3020 },   { 0xfe10, 0xfe6f },
	{ 0xff01, 0xff0f }, { 0xfffc, 0xffff }, { 0x1f000, 0x1faff }, { 0xe0000, 0xe0fff },
};

bool item_is_word(struct slice s, size_t i)
{
	unsigned char b = (unsigned char)s.p[i];
	int32_t c;

	if (b < 0x80)
		return (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') ||
		       b == '_';
	while (i > 0 && ((unsigned char)s.p[i] & 0xc0) == 0x80)
		i--;
	c = text_next(s, &i);
	for (size_t k = 0; k < sizeof(no_words) / sizeof(no_words[0]); k++)
		if (c >= no_words[k].from && c <= no_words[k].to)
			return false;
	return c >= 0; /* a wildcard is no character */
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

	if (n == 0 || i + n >= s.n || !item_is_word(s, i + n) || dash_at(s, i + n) > 0)
		return 0;
	return i == 0 || !item_is_word(s, i - 1) || (i >= 3 && dash_at(s, i - 3) == 3) ? n : 0;
}

static int windash(const struct item *it, struct slice in, struct alts *out)
{
	size_t total = 1;

	for (size_t i = 0; i < in.n; i++) {
		if (option_dash(in, i) > 0 && total <= ALTS_MAX)
			total *= DASHES;
	}
	if (total > ALTS_MAX)
		return item_refuse(it, it->at, "windash with more than five dashes in one value");
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
		return item_refuse(it, it->at, "nothing to encode");
	for (unsigned i = 0; i < n; i++) {
		struct buf *b = alts_add(out);

		if (b == NULL)
			return err_nomem(it->err);
		if (m->bit == M_BASE64)
			encode_base64(in, b);
		else if (m->bit == M_BASE64OFFSET)
			encode_base64_offset(in, i, b);
		else if (encode_utf16(in, m->bit == M_UTF16BE, m->bit == M_UTF16, b) < 0)
			return item_refuse(it, it->at, "%s of a value that is encoded already",
					   m->name);
		if (b->failed)
			return err_nomem(it->err);
		if (b->n == 0) { /* a byte leaves nothing of its own at some offsets */
			buf_release(b);
			out->n--;
		}
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
				return item_refuse(it, it->at,
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
				return item_refuse(it, it->at,
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
		return item_refuse(it, it->at, "a value with ? of more than 512 bytes");
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
int string_value(const struct item *it, struct slice prepared, struct expr **ret)
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

int text_value(const struct item *it, struct expr **ret)
{
	struct buf b = { 0 };
	int r;

	pattern_read(it->at->text, &b);
	r = b.failed ? err_nomem(it->err) : string_value(it, buf_view(&b), ret);
	buf_release(&b);
	return r;
}

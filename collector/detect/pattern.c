/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/detect/pattern.h"

#include "collector/detect/data.h"
#include "common/base/hash.h"
#include "common/base/text.h"

#if !defined(VARTIO_NO_SIMD) && defined(__SSE2__)
#include <emmintrin.h>
#endif

void pattern_read(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\\' && i + 1 < text.n && text.p[i + 1] != '\0' &&
		    strchr("*?\\", text.p[i + 1]) != NULL)
			buf_chr(out, text.p[++i]);
		else if (c == '*')
			buf_chr(out, WILD_MANY);
		else if (c == '?')
			buf_chr(out, WILD_ONE);
		else
			buf_chr(out, c);
	}
}

bool pattern_has_wild(struct slice s)
{
	return slice_chr(s, WILD_MANY) >= 0 || slice_chr(s, WILD_ONE) >= 0;
}

struct pattern pattern_of(struct slice s)
{
	bool head = false, tail = false;
	struct slice whole = s;

	while (s.n > 0 && s.p[0] == WILD_MANY) {
		head = true;
		s = slice_from(s, 1);
	}
	while (s.n > 0 && s.p[s.n - 1] == WILD_MANY) {
		tail = true;
		s.n--;
	}
	if (s.n == 0)
		return (struct pattern){ head || tail ? SHAPE_ANY : SHAPE_EXACT, s };
	if (head && tail && slice_chr(s, WILD_ONE) < 0 && slice_chr(s, WILD_MANY) >= 0)
		return (struct pattern){ SHAPE_PIECES, whole };
	if (pattern_has_wild(s))
		return (struct pattern){ SHAPE_GLOB, whole };
	if (head)
		return (struct pattern){ tail ? SHAPE_CONTAINS : SHAPE_SUFFIX, s };
	return (struct pattern){ tail ? SHAPE_PREFIX : SHAPE_EXACT, s };
}

/* Bytes of the UTF-8 character at p; texts are valid by then. */
static size_t char_len(const char *p, const char *end)
{
	const char *q = p + 1;

	while (q < end && ((unsigned char)*q & 0xc0) == 0x80)
		q++;
	return (size_t)(q - p);
}

/* The characters at p up to the next wildcard. */
static size_t literal_run(const char *p, const char *pend)
{
	const char *q = p;

	while (q < pend && *q != WILD_MANY && *q != WILD_ONE)
		q++;
	return (size_t)(q - p);
}

/* The first place from t on where what stands behind a star may begin; NULL: there is none. */
static const char *seek(const char *t, const char *tend, const char *p, size_t run)
{
	return run > 0 ? memmem(t, (size_t)(tend - t), p, run) : t;
}

/* The usual greedy walk: on a mismatch only the last star gives way. What follows a star up to the
 * next wildcard is looked for at once, so the time is linear but for question marks behind it,
 * whose values are short (item.c). */
static bool glob(struct slice pt, struct slice text)
{
	const char *p = pt.p, *pend = pt.p + pt.n, *t = text.p, *tend = text.p + text.n;
	const char *star = NULL, *star_t = NULL;
	size_t run = 0;

	while (t < tend) {
		if (p < pend && *p == WILD_MANY) {
			star = ++p;
			if (p == pend)
				return true;
			run = literal_run(p, pend);
			if (run > 0 && p + run == pend) /* the last: it ends the text */
				return slice_ends((struct slice){ t, (size_t)(tend - t) },
						  (struct slice){ p, run });
			star_t = t = seek(t, tend, p, run);
		} else if (p < pend && *p == WILD_ONE) {
			t += char_len(t, tend);
			p++;
		} else if (p < pend && *p == *t) {
			p++;
			t++;
		} else if (star != NULL) {
			p = star;
			star_t += char_len(star_t, tend);
			star_t = t = seek(star_t, tend, p, run);
		} else {
			return false;
		}
		if (t == NULL)
			return false;
	}
	while (p < pend && *p == WILD_MANY)
		p++;
	return p == pend;
}

/* "*a*b*": each piece in its turn, the first place that fits. */
static bool pieces(struct slice pt, struct slice text)
{
	for (size_t i = 1; i < pt.n;) {
		size_t end = i;
		ssize_t at;

		while (pt.p[end] != WILD_MANY) /* there is one at the end */
			end++;
		at = slice_find(text, (struct slice){ pt.p + i, end - i });
		if (at < 0)
			return false;
		text = slice_from(text, (size_t)at + (end - i));
		i = end + 1;
	}
	return true;
}

bool pattern_match(const struct pattern *pt, struct slice text)
{
	switch (pt->shape) {
	case SHAPE_ANY:
		return true;
	case SHAPE_EXACT:
		return slice_eq(text, pt->lit);
	case SHAPE_PREFIX:
		return slice_starts(text, pt->lit);
	case SHAPE_SUFFIX:
		return slice_ends(text, pt->lit);
	case SHAPE_CONTAINS:
		return slice_find(text, pt->lit) >= 0;
	case SHAPE_PIECES:
		return pieces(pt->lit, text);
	default:
		return glob(pt->lit, text);
	}
}

static uint32_t fold_char(uint32_t c)
{
	size_t lo = 0, hi = fold_pairs_n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (fold_pairs[mid].from == c)
			return fold_pairs[mid].to;
		if (fold_pairs[mid].from < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return c;
}

#if !defined(VARTIO_NO_SIMD) && defined(__SSE2__)
/* 16 characters from p to out. false: they are not all ASCII. */
static inline bool lower_16(const char *p, char *out)
{
	__m128i w = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i up = _mm_and_si128(_mm_cmpgt_epi8(w, _mm_set1_epi8('A' - 1)),
				   _mm_cmplt_epi8(w, _mm_set1_epi8('Z' + 1)));

	if (_mm_movemask_epi8(w) != 0)
		return false;
	w = _mm_or_si128(w, _mm_and_si128(up, _mm_set1_epi8(0x20)));
	_mm_storeu_si128((__m128i *)(void *)out, w);
	return true;
}
#endif

size_t lower_ascii(const char *p, size_t n, char *out)
{
	size_t i = 0;

#if !defined(VARTIO_NO_SIMD) && defined(__SSE2__)
	while (n - i >= 16 && lower_16(p + i, out + i))
		i += 16;
	/* The end, some characters again, which are the same whether they are lower already. */
	if (i > 0 && n - i < 16 && lower_16(p + n - 16, out + n - 16))
		return n;
#endif
	for (; i < n && (p[i] & 0x80) == 0; i++)
		out[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] | 0x20) : p[i];
	return i;
}

struct slice fold(struct slice text, struct arena *mem)
{
	size_t i, at, n = 0;
	bool ascii = true;
	int32_t c;
	char *p;

	for (i = 0; i < text.n; i++) {
		if ((text.p[i] >= 'A' && text.p[i] <= 'Z') || (text.p[i] & 0x80) != 0)
			break;
	}
	if (i == text.n)
		return text;
	for (at = i; at < text.n && ascii; at++)
		ascii = (text.p[at] & 0x80) == 0;
	/* The longest growth is from two bytes to three (U+023A). */
	p = arena_alloc(mem, ascii ? text.n : text.n + text.n / 2 + 4);
	if (p == NULL)
		return (struct slice){ NULL, 0 };
	for (at = 0; at < text.n;) {
		i = at;
		at += lower_ascii(text.p + at, text.n - at, p + n);
		n += at - i;
		if (at == text.n)
			break;
		i = at;
		c = text_next(text, &at);
		if (c < 0)
			p[n++] = text.p[i];
		else
			n += text_encode(p + n, fold_char((uint32_t)c));
	}
	return (struct slice){ p, n };
}

static void put_unit(struct buf *out, unsigned u, bool big_endian)
{
	buf_chr(out, (char)(big_endian ? u >> 8 : u));
	buf_chr(out, (char)(big_endian ? u : u >> 8));
}

int encode_utf16(struct slice in, bool big_endian, bool bom, struct buf *out)
{
	size_t at = 0;
	int32_t c;

	if (bom)
		put_unit(out, 0xfeff, big_endian);
	while (at < in.n) {
		c = text_next(in, &at);
		if (c < 0)
			return -1;
		if (c >= 0x10000) {
			put_unit(out, 0xd800 + ((unsigned)(c - 0x10000) >> 10), big_endian);
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		put_unit(out, (unsigned)c, big_endian);
	}
	return 0;
}

void encode_base64(struct slice in, struct buf *out)
{
	base64_put(out, in.p, in.n);
}

/* What stays the same of the base64 of a text that begins at that offset (modulo 3) of a longer
 * one: the characters that also hold bits of the neighbours are left out. */
void encode_base64_offset(struct slice in, unsigned offset, struct buf *out)
{
	static const size_t head[] = { 0, 2, 3 }, tail[] = { 0, 3, 2 };
	struct buf raw = { 0 }, text = { 0 };
	size_t cut = tail[(in.n + offset) % 3];

	buf_put(&raw, "  ", offset);
	buf_slice(&raw, in);
	base64_put(&text, raw.p, raw.n);
	if (raw.failed || text.failed)
		out->failed = true;
	else if (text.n > head[offset] + cut)
		buf_put(out, text.p + head[offset], text.n - head[offset] - cut);
	buf_release(&raw);
	buf_release(&text);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/oracle_text.c: strings, one number a character. */
#include <stdlib.h>
#include <wctype.h>

#include "tests/fuzz/oracle.h"

/* One character of UTF-8, strictly (RFC 3629); a byte that is none stands for itself. */
static uint32_t decode(struct slice s, size_t *at)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s.p + *at;
	unsigned n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? p[0] : n == 0 ? 0 : p[0] & (0x7fu >> n);

	if (n == 0 || p[0] > 0xf4 || *at + n > s.n)
		goto lone;
	for (unsigned i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			goto lone;
		c = c << 6 | (p[i] & 63);
	}
	if (c < least[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		goto lone;
	*at += n;
	return c;
lone:
	*at += 1;
	return LONE_BYTE + p[0];
}

struct chars chars_of(struct slice text)
{
	struct chars s = { need(malloc((text.n + 1) * sizeof(uint32_t))), 0 };

	for (size_t at = 0; at < text.n;)
		s.c[s.n++] = decode(text, &at);
	return s;
}

struct chars chars_of_value(struct slice text)
{
	struct chars s = chars_of(text);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		bool escape = s.c[i] == '\\' && i + 1 < s.n &&
			      (s.c[i + 1] == '*' || s.c[i + 1] == '?' || s.c[i + 1] == '\\');

		if (escape)
			s.c[n++] = s.c[++i];
		else
			s.c[n++] = s.c[i] == '*' ? ANY_RUN : s.c[i] == '?' ? ANY_ONE : s.c[i];
	}
	s.n = n;
	return s;
}

void chars_release(struct chars *s)
{
	free(s->c);
	*s = (struct chars){ 0 };
}

static uint32_t lower(uint32_t c, bool cased)
{
	return cased || c >= ANY_RUN ? c : (uint32_t)towlower((wint_t)c);
}

/* fits[i]: whether the pattern so far can stand for the first i characters. */
bool chars_fit(struct chars pattern, struct chars text, bool cased)
{
	bool *fits = need(calloc(text.n + 1, 1)), yes;

	fits[0] = true;
	for (size_t k = 0; k < pattern.n; k++) {
		uint32_t want = lower(pattern.c[k], cased);

		if (want == ANY_RUN) {
			for (size_t i = 1; i <= text.n; i++)
				fits[i] = fits[i] || fits[i - 1];
			continue;
		}
		for (size_t i = text.n; i > 0; i--)
			fits[i] = fits[i - 1] &&
				  (want == ANY_ONE || want == lower(text.c[i - 1], cased));
		fits[0] = false;
	}
	yes = fits[text.n];
	free(fits);
	return yes;
}

bool is_word(uint32_t c)
{
	return c < ANY_RUN && (c == '_' || iswalnum((wint_t)c));
}

static void put_bytes(struct buf *out, uint32_t c)
{
	if (c >= LONE_BYTE) {
		buf_chr(out, (char)(c - LONE_BYTE));
	} else if (c < 0x80) {
		buf_chr(out, (char)c);
	} else {
		unsigned n = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

		buf_chr(out, (char)(0xf00u >> (n + 1) | c >> 6 * n));
		while (n-- > 0)
			buf_chr(out, (char)(0x80 | (c >> 6 * n & 63)));
	}
}

void chars_put(struct buf *out, struct chars s)
{
	for (size_t i = 0; i < s.n; i++)
		put_bytes(out, s.c[i]);
}

static void put_unit(struct buf *out, uint32_t unit, bool big_endian)
{
	buf_chr(out, (char)(big_endian ? unit >> 8 : unit & 255));
	buf_chr(out, (char)(big_endian ? unit & 255 : unit >> 8));
}

static void utf16(struct buf *out, struct chars s, const char *how)
{
	bool big_endian = strcmp(how, "utf16be") == 0;

	if (strcmp(how, "utf16") == 0)
		put_unit(out, 0xfeff, false);
	for (size_t i = 0; i < s.n; i++) {
		if (s.c[i] < 0x10000) {
			put_unit(out, s.c[i], big_endian);
		} else {
			put_unit(out, 0xd800 + ((s.c[i] - 0x10000) >> 10), big_endian);
			put_unit(out, 0xdc00 + ((s.c[i] - 0x10000) & 0x3ff), big_endian);
		}
	}
}

/* Bit by bit: the characters of which all six bits are the text's own, when it stands behind
 * `offset` other bytes; with `whole` also the one filled up with zeroes, and the padding. */
static void base64(struct buf *out, struct slice in, unsigned offset, bool whole)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t first = offset * 8, end = (offset + in.n) * 8, at;

	for (at = (first + 5) / 6 * 6; whole ? at < end : at + 6 <= end; at += 6) {
		unsigned six = 0;

		for (size_t bit = at; bit < at + 6; bit++) {
			size_t byte = bit / 8 - offset;
			unsigned b = bit < end ? (unsigned char)in.p[byte] : 0;

			six = six << 1 | (b >> (7 - bit % 8) & 1);
		}
		buf_chr(out, digits[six]);
	}
	for (; whole && at % 24 != 0; at += 6)
		buf_chr(out, '=');
}

struct chars chars_encode(struct chars in, const char *how, unsigned offset)
{
	struct buf bytes = { 0 }, out = { 0 };
	struct chars s;

	if (strncmp(how, "base64", 6) == 0) {
		chars_put(&bytes, in);
		base64(&out, buf_view(&bytes), offset, strcmp(how, "base64") == 0);
	} else {
		utf16(&out, in, how);
	}
	s = chars_of(buf_view(&out));
	buf_release(&bytes);
	buf_release(&out);
	return s;
}

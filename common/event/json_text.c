/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/event/json_text.h"

#include "common/event/json_lex.h"

static unsigned hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];

		v = v << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

/* \uXXXX at p, and its other half when it has one. Returns the bytes read. */
static size_t unescape_unit(const char *p, size_t n, char *out, size_t *ret_n)
{
	unsigned c = hex4(p + 2), low;
	size_t used = 6;

	if (c >= 0xd800 && c < 0xdc00 && n >= 12 && p[6] == '\\' && p[7] == 'u') {
		low = hex4(p + 8);
		if (low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			used = 12;
		}
	}
	if (c >= 0xd800 && c < 0xe000)
		c = 0xfffd;
	*ret_n = text_encode(out, c);
	return used;
}

/* Copies what stands before the next backslash. Returns its length. */
static size_t copy_run(char *out, const char *p, size_t n)
{
	size_t i = 0;

#if !defined(VARTIO_NO_SIMD) && defined(__SSE2__)
	/* Whole vectors are stored: what is too much is written over, and never past in.n, since
	 * the output is never ahead of the input. */
	for (; n - i >= 16; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));

		_mm_storeu_si128((__m128i *)(void *)(out + i), v);
		if (mask != 0)
			return i + (unsigned)__builtin_ctz(mask);
	}
#endif
	for (; i < n && p[i] != '\\'; i++)
		out[i] = p[i];
	return i;
}

size_t json_unescape(struct slice in, char *out)
{
	static const char named[256] = { ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
					 ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t' };
	size_t n = 0, more;

	for (size_t i = 0; i < in.n;) {
		more = copy_run(out + n, in.p + i, in.n - i);
		n += more;
		i += more;
		if (i == in.n)
			break;
		if (in.p[i + 1] != 'u') {
			out[n++] = named[(unsigned char)in.p[i + 1]];
			i += 2;
			continue;
		}
		i += unescape_unit(in.p + i, in.n - i, out + n, &more);
		n += more;
	}
	return n;
}

bool json_string_any(const char **p, const char *end, bool surrogates)
{
	size_t n;

#ifdef JSON_MARKS
	while (end - *p >= JSON_MARKS) { /* one look serves all escapes of a path */
		const char *from = *p;
		uint32_t marks = json_marks(from);

		for (n = JSON_MARKS; marks != 0; marks &= UINT32_MAX << n) {
			*p = from + __builtin_ctz(marks);
			if (**p == '"') {
				++*p;
				return true;
			}
			n = json_odd_length(*p, end, surrogates);
			if (n == 0)
				return false;
			n += (size_t)(*p - from);
			if (n >= JSON_MARKS)
				break;
		}
		*p = from + (n < JSON_MARKS ? JSON_MARKS : n);
	}
#endif
	for (;;) {
		*p = json_skip_plain(*p, end);
		if (*p == end)
			return false;
		if (**p == '"') {
			++*p;
			return true;
		}
		n = json_odd_length(*p, end, surrogates);
		if (n == 0)
			return false;
		*p += n;
	}
}

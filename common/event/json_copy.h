/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/json_copy.h: copies a string that needs no escape, which nearly every string of a
 * log is, and finds out meanwhile whether that is so: many bytes at a time (see json_text.h), no
 * loop over single ones, no call whose length varies. */
#ifndef VARTIO_EVENT_JSON_COPY_H
#define VARTIO_EVENT_JSON_COPY_H

#include "common/event/json_text.h"

static inline bool json_special(
	unsigned char c) /* in a string: wants an escape, or a second look */
{
	return c < 0x20 || c > 0x7f || c == '"' || c == '\\';
}

#if !defined(VARTIO_NO_SIMD) && defined(__SSE2__)
typedef __m128i json_hits; /* bytes that are not 0 for what is special */

static inline json_hits json_hits16(__m128i v)
{
	/* Signed: control characters, and all above 0x7f, are less than a space. */
	return _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
			    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
					 _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
}

static inline bool json_special8(uint64_t w)
{
	return (_mm_movemask_epi8(json_hits16(_mm_set1_epi64x((long long)w)))) != 0;
}

/* At least 16 bytes; the last ones of them once or twice. */
static inline bool json_copy_long(char *to, const char *from, size_t n)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(from + n - 16));
	json_hits hits = json_hits16(v);

	_mm_storeu_si128((__m128i *)(void *)(to + n - 16), v);
	for (size_t i = 0; i + 16 < n; i += 16) {
		v = _mm_loadu_si128((const __m128i *)(const void *)(from + i));
		_mm_storeu_si128((__m128i *)(void *)(to + i), v);
		hits = _mm_or_si128(hits, json_hits16(v));
	}
	return _mm_movemask_epi8(hits) == 0;
}

/* 8 to 16 bytes. */
static inline bool json_copy_middle(char *to, const char *from, size_t n)
{
	__m128i a = _mm_loadl_epi64((const __m128i *)(const void *)from);
	__m128i b = _mm_loadl_epi64((const __m128i *)(const void *)(from + n - 8));

	_mm_storel_epi64((__m128i *)(void *)to, a);
	_mm_storel_epi64((__m128i *)(void *)(to + n - 8), b);
	return _mm_movemask_epi8(json_hits16(_mm_unpacklo_epi64(a, b))) == 0;
}
#else
/* Whether any of 8 bytes is special. */
static inline bool json_special8(uint64_t w)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
	uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');

	/* (x - ones) has its high bits set where a byte of x was 0. A borrow can only mark a byte
	 * above a true one. */
	return ((w | (w - ones * 0x20) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
		high) != 0;
}

static inline bool json_copy8(char *to, const char *from)
{
	uint64_t w;

	memcpy(&w, from, 8);
	memcpy(to, &w, 8);
	return !json_special8(w);
}

static inline bool json_copy_long(char *to, const char *from, size_t n)
{
	bool plain = json_copy8(to + n - 8, from + n - 8);

	for (size_t i = 0; i + 8 < n; i += 8)
		plain &= json_copy8(to + i, from + i);
	return plain;
}

static inline bool json_copy_middle(char *to, const char *from, size_t n)
{
	return json_copy_long(to, from, n);
}
#endif

/* Fewer than 8 bytes: loads overlap, and what is left of the word is spaces. */
static inline bool json_copy_short(char *to, const char *from, size_t n)
{
	uint32_t a, b;

	if (n >= 4) {
		memcpy(&a, from, 4);
		memcpy(&b, from + n - 4, 4);
		memcpy(to, &a, 4);
		memcpy(to + n - 4, &b, 4);
		return !json_special8(a | (uint64_t)b << 32);
	}
	if (n == 0)
		return true;
	to[0] = from[0];
	to[n / 2] = from[n / 2];
	to[n - 1] = from[n - 1];
	return !json_special8((unsigned char)from[0] | (uint64_t)(unsigned char)from[n / 2] << 8 |
			      (uint64_t)(unsigned char)from[n - 1] << 16 |
			      UINT64_C(0x2020202020000000));
}

/* Copies n bytes to `to`, which has room for as many. false: some byte is special, and what was
 * written is of no use. */
static inline bool json_copy_plain(char *to, const char *from, size_t n)
{
	if (n >= 16)
		return json_copy_long(to, from, n);
	return n >= 8 ? json_copy_middle(to, from, n) : json_copy_short(to, from, n);
}

#endif

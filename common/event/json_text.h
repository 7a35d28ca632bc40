/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/json_text.h: the inside of JSON strings, many bytes at a time: 16 with the vectors
 * that every x86-64 (SSE2) and every arm64 (NEON) has, 8 without (VARTIO_NO_SIMD, for the tests).
 */
#ifndef VARTIO_EVENT_JSON_TEXT_H
#define VARTIO_EVENT_JSON_TEXT_H

#include "common/base/slice.h"

#if !defined(VARTIO_NO_SIMD) && defined(__SSE2__)
#include <emmintrin.h>
#elif !defined(VARTIO_NO_SIMD) && defined(__aarch64__)
#include <arm_neon.h>
#endif

#if !defined(VARTIO_NO_SIMD) && defined(__SSE2__)
/* Which of 16 bytes JSON strings treat apart, the first as the lowest bit. Signed: control
 * characters and all above 0x7f are less than a space; with a bit turned over the quote stands
 * beside them, where the space was. */
static inline uint32_t json_marks16(const char *p)
{
	const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	const __m128i turned = _mm_xor_si128(v, _mm_set1_epi8('"' ^ ' '));

	return (uint32_t)_mm_movemask_epi8(
		_mm_or_si128(_mm_cmplt_epi8(turned, _mm_set1_epi8(' ' + 1)),
			     _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
}

/* The same of JSON_MARKS bytes. */
#define JSON_MARKS 32
static inline uint32_t json_marks(const char *p)
{
	return json_marks16(p) | json_marks16(p + 16) << 16;
}
#endif

/* The first byte in [p, end) that JSON strings treat apart: a quote, a backslash, a control
 * character, or one above 0x7f; some byte before it, or end, when little is left to look at. */
static inline const char *json_skip_plain(const char *p, const char *end)
{
#if !defined(VARTIO_NO_SIMD) && defined(__SSE2__)
	for (; end - p >= 16; p += 16) {
		uint32_t marks = json_marks16(p);

		if (marks != 0)
			return p + __builtin_ctz(marks);
	}
#elif !defined(VARTIO_NO_SIMD) && defined(__aarch64__)
	for (; end - p >= 16; p += 16) {
		int8x16_t v = vld1q_s8((const int8_t *)p);
		uint8x16_t hit = vorrq_u8(
			vcltq_s8(v, vdupq_n_s8(0x20)),
			vorrq_u8(vceqq_s8(v, vdupq_n_s8('"')), vceqq_s8(v, vdupq_n_s8('\\'))));
		/* Four bits a byte: the usual stand-in for movemask. */
		uint64_t mask = vget_lane_u64(
			vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(hit), 4)), 0);

		if (mask != 0)
			return p + __builtin_ctzll(mask) / 4;
	}
#endif
	/* A borrow in the subtractions may mark bytes behind a true hit, never before one: the
	 * lowest mark is the first byte to look at. */
	for (const uint64_t ones = UINT64_C(0x0101010101010101); end - p >= 8; p += 8) {
		uint64_t w, hit;

		memcpy(&w, p, 8);
		hit = (w | (w - ones * 0x20) | ((w ^ (ones * '"')) - ones) |
		       ((w ^ (ones * '\\')) - ones)) &
		      (ones * 0x80);
		if (hit == 0)
			continue;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		return p + (unsigned)__builtin_ctzll(hit) / 8;
#else
		break;
#endif
	}
	return p;
}

/* Undoes the escapes of a checked string; out holds at least in.n bytes, since no escape is shorter
 * than what it stands for. Returns the length. Half a surrogate pair gives U+FFFD. */
size_t json_unescape(struct slice in, char *out);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/detect/sieve.h"

#include <stdlib.h>

#include "collector/detect/bits.h"

#if !defined(VARTIO_NO_SIMD) && defined(__x86_64__)
#include <tmmintrin.h>
#define SIEVE_SSSE3 1
#elif !defined(VARTIO_NO_SIMD) && defined(__aarch64__)
#include <arm_neon.h>
#define SIEVE_NEON 1
#endif

#define GRAM  4u
#define MAX_N 1024u /* literals; more are not to be kept out by a few bytes */
#define BITS  12u   /* log2 of the bitmap of grams */
#define WEIGHT_MAX                                                                                 \
	260u /* of the rare bytes together, in 1/1000 of a text; past it nothing is won */

struct sieve {
	bool rare[256];
	/* The same for vectors: a byte is rare when low[b & 15] & high[b >> 4] is not 0; each high
	 * half from 2 to 7, which is all of ASCII, has a bit. */
	uint8_t low[16], high[16];
	bool vectors; /* this processor can */
	uint64_t bits[(1u << BITS) / 64];
	uint32_t *slot; /* the grams themselves, open addressing; 0: free (no gram is 0) */
	uint32_t mask;
};

static inline uint32_t hash_gram(uint32_t gram)
{
	return gram * 0x9e3779b1u;
}

/* -- making ---------------------------------------------------------------------------------- */

/* Bytes that stand in JSON text as they are. */
static bool is_bare(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '/';
}

static bool is_gram(struct slice s, size_t at)
{
	for (size_t i = 0; i < GRAM; i++)
		if (!is_bare((unsigned char)s.p[at + i]) && s.p[at + i] != ' ')
			return false;
	return is_bare((unsigned char)s.p[at]);
}

struct cover { /* the bytes of a literal with which a gram of it begins; none left: it is covered */
	uint64_t bytes[2];
};

static bool cover_init(struct cover *cv, struct slice s)
{
	*cv = (struct cover){ 0 };
	for (size_t at = 0; at + GRAM <= s.n; at++) {
		unsigned c = (unsigned char)s.p[at];

		if (is_gram(s, at))
			bit_set(cv->bytes, c);
	}
	return (cv->bytes[0] | cv->bytes[1]) != 0;
}

/* The byte that covers most literals for what it weighs; 0: none are left. */
static unsigned best_byte(const struct cover *left, unsigned n)
{
	unsigned count[128] = { 0 }, best = 0;

	for (unsigned i = 0; i < n; i++) {
		for (unsigned half = 0; half < 2; half++) {
			uint64_t b = left[i].bytes[half];

			for (; b != 0; b &= b - 1)
				count[half * 64 + (unsigned)__builtin_ctzll(b)]++;
		}
	}
	for (unsigned c = 1; c < 128; c++)
		if (count[c] * byte_weight((unsigned char)best) >
		    count[best] * byte_weight((unsigned char)c))
			best = c;
	return best;
}

/* The few bytes that cover all literals. false: they would weigh too much, or a literal cannot be
 * covered. */
static bool choose_rare(struct sieve *sv, const struct literal *v, unsigned n, struct cover *left)
{
	unsigned weight = 0, c;

	for (unsigned i = 0; i < n; i++) {
		left[i] = (struct cover){ 0 };
		if (literal_is_ascii(v[i].text) && !cover_init(&left[i], v[i].text))
			return false;
	}
	while ((c = best_byte(left, n)) != 0) {
		weight += byte_weight((unsigned char)c);
		if (weight > WEIGHT_MAX)
			return false;
		sv->rare[c] = true;
		for (unsigned i = 0; i < n; i++)
			if (bit_has(left[i].bytes, c))
				left[i] = (struct cover){ 0 };
	}
	return true;
}

/* The least common gram of a literal that begins with a rare byte. */
static uint32_t gram_of(const struct sieve *sv, struct slice s)
{
	unsigned best = ~0u;
	uint32_t gram = 0;

	for (size_t at = 0; at + GRAM <= s.n; at++) {
		unsigned weight = gram_weight(s.p + at);

		if (!is_gram(s, at) || !sv->rare[(unsigned char)s.p[at]] || weight >= best)
			continue;
		best = weight;
		memcpy(&gram, s.p + at, GRAM);
	}
	return gram;
}

static void put_gram(struct sieve *sv, uint32_t gram)
{
	uint32_t h = hash_gram(gram), at = h & sv->mask;

	bit_set(sv->bits, h >> (32 - BITS));
	while (sv->slot[at] != 0 && sv->slot[at] != gram)
		at = (at + 1) & sv->mask;
	sv->slot[at] = gram;
}

static void spread(struct sieve *sv)
{
	for (unsigned c = '!'; c < 0x7f; c++) {
		/* Text is not folded yet: a rare letter is rare in both cases. */
		if (c >= 'a' && c <= 'z' && sv->rare[c])
			sv->rare[c - 0x20] = true;
	}
	for (unsigned c = '!'; c < 0x7f; c++) {
		if (!sv->rare[c])
			continue;
		sv->low[c & 15] |= (uint8_t)(1u << ((c >> 4) - 2));
		sv->high[c >> 4] = (uint8_t)(1u << ((c >> 4) - 2));
	}
#if defined(SIEVE_SSSE3)
	sv->vectors = __builtin_cpu_supports("ssse3");
#elif defined(SIEVE_NEON)
	sv->vectors = true;
#endif
}

int sieve_new(const struct literal *v, unsigned n, struct arena *mem, struct sieve **ret)
{
	struct sieve *sv;
	uint32_t slots = 16;
	struct cover *left;

	*ret = NULL;
	if (n > MAX_N)
		return 0;
	for (unsigned i = 0; i < n; i++)
		if (literal_is_ascii(v[i].text) &&
		    (v[i].shape != SHAPE_CONTAINS || v[i].text.n < GRAM))
			return 0;
	while (slots < n * 2 + 2)
		slots *= 2;
	sv = arena_alloc(mem, sizeof(*sv));
	left = calloc(n + 1, sizeof(*left));
	if (sv == NULL || left == NULL)
		goto nomem;
	*sv = (struct sieve){ .mask = slots - 1 };
	if (!choose_rare(sv, v, n, left)) {
		free(left);
		return 0;
	}
	sv->slot = arena_alloc(mem, slots * sizeof(*sv->slot));
	if (sv->slot == NULL)
		goto nomem;
	memset(sv->slot, 0, slots * sizeof(*sv->slot));
	for (unsigned i = 0; i < n; i++)
		if (literal_is_ascii(v[i].text))
			put_gram(sv, gram_of(sv, v[i].text));
	spread(sv);
	free(left);
	*ret = sv;
	return 0;
nomem:
	free(left);
	return -1;
}

/* -- asking ---------------------------------------------------------------------------------- */

/* Lower case of four ASCII bytes at once. */
static inline uint32_t lower_gram(uint32_t w)
{
	uint32_t from_a = w + 0x3f3f3f3fu, past_z = w + 0x25252525u;

	return w | ((from_a & ~past_z & 0x80808080u) >> 2);
}

/* There is a rare byte at p. */
static inline bool gram_known(const struct sieve *sv, const char *p, const char *end)
{
	uint32_t gram, h;

	if (end - p < (ptrdiff_t)GRAM)
		return false;
	memcpy(&gram, p, GRAM);
	gram = lower_gram(gram);
	h = hash_gram(gram);
	if (!bit_has(sv->bits, h >> (32 - BITS)))
		return false;
	for (uint32_t at = h & sv->mask; sv->slot[at] != 0; at = (at + 1) & sv->mask)
		if (sv->slot[at] == gram)
			return true;
	return false;
}

static bool one_by_one(const struct sieve *sv, const char *p, const char *end)
{
	for (; end - p >= (ptrdiff_t)GRAM; p++)
		if (sv->rare[(unsigned char)*p] && gram_known(sv, p, end))
			return true;
	return false;
}

#if defined(SIEVE_SSSE3)
static __attribute__((target("ssse3"))) bool by_vectors(const struct sieve *sv, const char *p,
							const char *end)
{
	const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)sv->low);
	const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)sv->high);
	const __m128i half = _mm_set1_epi8(15);

	if (end - p < 16)
		return one_by_one(sv, p, end);
	for (;; p = end - p >= 32 ? p + 16 : end - 16) { /* at the end some bytes again */
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i l = _mm_shuffle_epi8(low, _mm_and_si128(v, half));
		__m128i h = _mm_shuffle_epi8(high, _mm_and_si128(_mm_srli_epi16(v, 4), half));
		__m128i none = _mm_cmpeq_epi8(_mm_and_si128(l, h), _mm_setzero_si128());
		unsigned mask = (unsigned)_mm_movemask_epi8(none) ^ 0xffffu;

		for (; mask != 0; mask &= mask - 1)
			if (gram_known(sv, p + __builtin_ctz(mask), end))
				return true;
		if (end - p == 16)
			return false;
	}
}
#elif defined(SIEVE_NEON)
static bool by_vectors(const struct sieve *sv, const char *p, const char *end)
{
	const uint8x16_t low = vld1q_u8(sv->low), high = vld1q_u8(sv->high);

	for (; end - p >= 16; p += 16) {
		uint8x16_t v = vld1q_u8((const uint8_t *)p);
		uint8x16_t hit = vtstq_u8(vqtbl1q_u8(low, vandq_u8(v, vdupq_n_u8(15))),
					  vqtbl1q_u8(high, vshrq_n_u8(v, 4)));
		uint64_t mask = vget_lane_u64(
			vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(hit), 4)), 0);

		for (mask &= UINT64_C(0x1111111111111111); mask != 0; mask &= mask - 1)
			if (gram_known(sv, p + __builtin_ctzll(mask) / 4, end))
				return true;
	}
	return one_by_one(sv, p, end);
}
#endif

bool sieve_may_hold(const struct sieve *sv, struct slice text)
{
#if defined(SIEVE_SSSE3) || defined(SIEVE_NEON)
	if (sv->vectors)
		return by_vectors(sv, text.p, text.p + text.n);
#endif
	return one_by_one(sv, text.p, text.p + text.n);
}

/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/correlate/skim.h"

#include <limits.h>

#include "common/event/json_text.h"

static uint64_t mark_of(struct slice word)
{
	return UINT64_C(1) << (((unsigned)(uint8_t)word.p[0] + word.n * 29) & 63);
}

/* A name may hold dots itself: {"source.ip": 1} and {"source": {"ip": 1}} are the same. */
static struct slice first_word(struct slice path)
{
	ssize_t dot = slice_chr(path, '.');

	return dot > 0 ? (struct slice){ path.p, (size_t)dot } : path;
}

void skim_want(struct skim_set *set, struct slice path)
{
	struct slice word = first_word(path);

	for (size_t i = 0; i < set->n; i++)
		if (slice_eq(set->word[i], word))
			return;
	if (set->n == SKIM_MAX || word.n == 0 || word.p[0] == '.') {
		set->all = true;
		return;
	}
	set->mask |= mark_of(word);
	set->word[set->n++] = word;
}

static bool wanted(const struct skim_set *set, struct slice name)
{
	struct slice word = first_word(name);

	if (word.n == 0 || (set->mask & mark_of(word)) == 0)
		return word.n == 0 || word.p[0] == '.';
	for (size_t i = 0; i < set->n; i++)
		if (slice_eq(set->word[i], word))
			return true;
	return false;
}

static const char *blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

/* Behind the string whose first byte, behind its quote, is at p. NULL: it does not end. */
static const char *string_end(const char *p, const char *end, bool *ret_escaped)
{
	while ((p = json_skip_plain(p, end)) < end) {
		if (*p == '"')
			return p + 1;
		if (*p == '\\') {
			*ret_escaped = true;
			p++;
		}
		p++; /* also bytes past 0x7f: what they spell was checked */
	}
	return NULL;
}

#if !defined(VARTIO_NO_SIMD) && defined(__SSE2__)
struct block { /* 64 bytes; written out, as compilers keep small loops over vectors in memory */
	__m128i a, b, c, d;
};

static inline struct block block_at(const char *p)
{
	const __m128i *q = (const __m128i *)(const void *)p;

	return (struct block){ _mm_loadu_si128(q), _mm_loadu_si128(q + 1), _mm_loadu_si128(q + 2),
			       _mm_loadu_si128(q + 3) };
}

static inline struct block block_or(struct block v, char c)
{
	const __m128i x = _mm_set1_epi8(c);

	return (struct block){ _mm_or_si128(v.a, x), _mm_or_si128(v.b, x), _mm_or_si128(v.c, x),
			       _mm_or_si128(v.d, x) };
}

/* Bit N: byte N is c. */
static inline uint64_t marks(struct block v, char c)
{
	const __m128i is = _mm_set1_epi8(c);
	uint64_t a = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v.a, is));
	uint64_t b = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v.b, is));
	uint64_t m = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v.c, is));
	uint64_t d = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v.d, is));

	return a | b << 16 | m << 32 | d << 48;
}

/* Bit N: an odd number of the bits up to N are set. */
static inline uint64_t odd_up_to(uint64_t m)
{
	m ^= m << 1;
	m ^= m << 2;
	m ^= m << 4;
	m ^= m << 8;
	m ^= m << 16;
	return m ^ m << 32;
}

/* The object or array at p, 64 bytes at a time: which bytes lie inside strings follows from the
 * quotes before them. Behind it, *depth 0; or, in front of an escape or of the last bytes, a place
 * between strings from which the plain way goes on *depth deep: p itself when there is none. */
static const char *nested_skip(const char *p, const char *end, unsigned *depth)
{
	const char *sure = p; /* between strings */
	uint64_t inside = 0;
	unsigned deep = 0;

	for (; end - p >= 64; p += 64) {
		struct block v = block_at(p), low = block_or(v, 0x20);
		uint64_t strings, ends, opens;

		if (marks(v, '\\') != 0)
			break;
		strings = odd_up_to(marks(v, '"'));
		strings ^= inside;
		/* [ and { differ by 0x20, as ] and } do; nothing else becomes them. */
		opens = marks(low, '{') & ~strings;
		ends = marks(low, '}') & ~strings;
		for (uint64_t both = opens | ends; both != 0; both &= both - 1) {
			uint64_t bit = both & (~both + 1);

			deep += (opens & bit) != 0 ? 1u : UINT_MAX;
			if (deep == 0) {
				*depth = 0;
				return p + __builtin_ctzll(bit) + 1;
			}
		}
		inside = (strings >> 63) != 0 ? UINT64_MAX : 0;
		if (inside == 0) {
			sure = p + 64;
			*depth = deep;
		}
	}
	return sure;
}
#else
static const char *nested_skip(const char *p, const char *end, unsigned *depth)
{
	return p;
}
#endif

/* Behind the value at p. NULL: it does not end. */
static const char *value_end(const char *p, const char *end)
{
	unsigned depth = 0;
	bool escaped;

	if (p < end && (*p == '{' || *p == '[')) {
		const char *q = nested_skip(p, end, &depth);

		if (q != p && depth == 0)
			return q;
		p = q;
	}
	while (p < end) {
		switch (*p) {
		case '"':
			p = string_end(p + 1, end, &escaped);
			if (p == NULL)
				return NULL;
			if (depth == 0)
				return p;
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return p; /* of the object around a number */
			if (--depth == 0)
				return p + 1;
			break;
		case ',':
			if (depth == 0)
				return p;
			break;
		default:
			break;
		}
		p++;
	}
	return NULL;
}

bool skim(const struct skim_set *set, struct slice event, struct buf *out)
{
	const char *end = event.p + event.n, *p = blanks(event.p, end), *member;
	bool more = false;

	buf_reset(out);
	buf_chr(out, '{');
	if (set->all || p == end || *p++ != '{')
		return false;
	for (p = blanks(p, end); p < end && *p == '"'; p = blanks(p + 1, end)) {
		struct slice name = { p + 1, 0 };
		bool escaped = false;

		member = p;
		p = string_end(p + 1, end, &escaped);
		if (p == NULL)
			return false;
		name.n = (size_t)(p - name.p) - 1;
		p = blanks(p, end);
		if (p == end || *p != ':')
			return false;
		p = value_end(blanks(p + 1, end), end);
		if (p == NULL)
			return false;
		if (escaped || wanted(set, name)) {
			if (out->n > 1)
				buf_chr(out, ',');
			buf_put(out, member, (size_t)(p - member));
		}
		p = blanks(p, end);
		more = p < end && *p == ',';
		if (!more)
			break;
	}
	if (more || p == end || *p != '}' || blanks(p + 1, end) != end)
		return false;
	buf_chr(out, '}');
	return !out->failed;
}

/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/hash.h"

#include <gnutls/crypto.h>
#include <stdlib.h>
#include <sys/random.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

static uint32_t crc_table[256];

__attribute__((constructor)) static void crc_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = (c & 1) != 0 ? (c >> 1) ^ 0x82f63b78u : c >> 1;
		crc_table[i] = c;
	}
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_sse(uint32_t crc, const uint8_t *p, size_t n)
{
	uint64_t c = crc, w;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&w, p, 8);
		c = _mm_crc32_u64(c, w);
	}
	for (; n > 0; n--, p++)
		c = _mm_crc32_u8((uint32_t)c, *p);
	return (uint32_t)c;
}
#endif

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *q = p;

	crc = ~crc;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_sse(crc, q, n);
#endif
	for (; n > 0; n--, q++)
		crc = (crc >> 8) ^ crc_table[(crc ^ *q) & 0xff];
	return ~crc;
}

void sha256(struct slice in, uint8_t out[SHA256_LEN])
{
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, in.p, in.n, out) < 0)
		abort(); /* only when the library itself is broken: no answer is better than a wrong
			    one */
}

static inline uint64_t load64(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static inline uint64_t load32(const char *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* Up to 8 bytes as one word; loads overlap, so that none has a length that varies. */
static inline uint64_t load_short(const char *p, size_t n)
{
	if (n >= 4)
		return load32(p) | load32(p + n - 4) << 32;
	if (n == 0)
		return 0;
	return (uint64_t)(uint8_t)p[0] | (uint64_t)(uint8_t)p[n / 2] << 8 |
	       (uint64_t)(uint8_t)p[n - 1] << 16;
}

uint64_t hash64(struct slice in, uint64_t seed)
{
	const uint64_t m = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t h = seed ^ (in.n * m);
	size_t i = 0;

	for (; in.n - i > 8; i += 8) {
		h = (h ^ load64(in.p + i)) * m;
		h ^= h >> 32;
	}
	/* The last 8 bytes, some of them again; the length is in h from the start. */
	h = (h ^ (in.n >= 8 ? load64(in.p + in.n - 8) : load_short(in.p, in.n))) * m;
	h ^= h >> 32;
	h *= m;
	return h ^ (h >> 29);
}

void random_bytes(void *out, size_t n)
{
	if (getrandom(out, n, 0) != (ssize_t)n)
		abort(); /* a predictable key would be worse than no service */
}

bool secret_eq(const void *a, const void *b, size_t n)
{
	return gnutls_memcmp(a, b, n) == 0;
}

char *hex_write(char *to, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *q = p;

	for (; n > 0; n--, q++) {
		*to++ = digits[*q >> 4];
		*to++ = digits[*q & 15];
	}
	return to;
}

void hex_put(struct buf *out, const void *p, size_t n)
{
	if (n < SIZE_MAX / 2 && buf_reserve(out, 2 * n) == 0)
		out->n = (size_t)(hex_write(out->p + out->n, p, n) - out->p);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_parse(struct slice in, void *out, size_t n)
{
	uint8_t *q = out;

	if (in.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(in.p[2 * i]), lo = hex_digit(in.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		q[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static void base64_any(struct buf *out, const uint8_t *p, size_t n, const char *alphabet, bool pad)
{
	for (size_t k; n > 0; n -= k, p += k) {
		uint32_t v;

		k = n < 3 ? n : 3;
		v = (uint32_t)p[0] << 16 | (k > 1 ? (uint32_t)p[1] << 8 : 0) | (k > 2 ? p[2] : 0);
		for (size_t i = 0; i < 4; i++) {
			if (i <= k)
				buf_chr(out, alphabet[v >> (18 - 6 * i) & 63]);
			else if (pad)
				buf_chr(out, '=');
		}
	}
}

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

void base64url_put(struct buf *out, const void *p, size_t n)
{
	base64_any(out, p, n, ALNUM "-_", false);
}

void base64_put(struct buf *out, const void *p, size_t n)
{
	base64_any(out, p, n, ALNUM "+/", true);
}

/* alphabet: 64 digits in order of their values. */
static bool parse64(struct slice in, const char *alphabet, struct buf *out)
{
	uint32_t v = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < in.n; i++) {
		const char *q = in.p[i] != '\0' ? strchr(alphabet, in.p[i]) : NULL;

		if (q == NULL)
			return false;
		v = v << 6 | (uint32_t)(q - alphabet);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_chr(out, (char)(v >> bits & 0xff));
		}
	}
	return bits < 6 && (v & ((1u << bits) - 1)) == 0;
}

bool base64url_parse(struct slice in, struct buf *out)
{
	return parse64(in, ALNUM "-_", out);
}

bool base64_parse(struct slice in, struct buf *out)
{
	if (in.n % 4 != 0)
		return false;
	for (unsigned i = 0; i < 2 && slice_ends(in, SLICE("=")); i++)
		in.n--;
	return parse64(in, ALNUM "+/", out);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/signature.h: which pairs of bytes a text has, as bits on which pairs fall by a
 * hash. A text can hold another only if it has all of the other's pairs; most of those that are
 * looked for are told absent by their rarest pair. */
#ifndef VARTIO_DETECT_SIGNATURE_H
#define VARTIO_DETECT_SIGNATURE_H

#include "common/base/slice.h"

/* Bytes of a text that gets 1,024 bits; a longer one gets 8,192: of the pairs of letters, digits
 * and signs that is enough for any. */
#define SIGNATURE_SHORT 256u

/* Of a text. */
struct signature {
	unsigned shift; /* of a 16-bit hash */
	uint64_t bits[];
};
struct pairs { /* of what is looked for: hashes of its rarest, rarest first */
	uint16_t n, hash[7];
};

static inline uint16_t pair_hash(const char *p)
{
	uint16_t pair;

	memcpy(&pair, p, 2);
	return (uint16_t)((pair * 0x9e3779b1u) >> 16);
}

static inline size_t signature_size(size_t text_n)
{
	return sizeof(struct signature) + (text_n <= SIGNATURE_SHORT ? 1024 / 8 : 8192 / 8);
}

/* sg has signature_size(text.n) bytes. */
static inline void signature_make(struct signature *sg, struct slice text)
{
	unsigned shift = text.n <= SIGNATURE_SHORT ? 6 : 3;

	memset(sg, 0, signature_size(text.n));
	sg->shift = shift;
	for (size_t i = 0; i + 2 <= text.n; i++) {
		unsigned h = pair_hash(text.p + i) >> shift;

		sg->bits[h >> 6] |= UINT64_C(1) << (h & 63);
	}
}

static inline bool signature_has(const struct signature *sg, const struct pairs *need)
{
	for (unsigned i = 0; i < need->n; i++) {
		unsigned h = (unsigned)need->hash[i] >> sg->shift;

		if ((sg->bits[h >> 6] >> (h & 63) & 1) == 0)
			return false;
	}
	return true;
}

/* Adds the pairs of a text that must be there; of more than seven in all, the rarest are kept. */
void pairs_add(struct pairs *need, struct slice text);

#endif

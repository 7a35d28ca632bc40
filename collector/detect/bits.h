/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/bits.h: sets of small numbers, a bit each, in words of 64. The caller's array
 * must reach as far as the number. */
#ifndef VARTIO_DETECT_BITS_H
#define VARTIO_DETECT_BITS_H

#include <stdbool.h>
#include <stdint.h>

static inline void bit_set(uint64_t *bits, uint64_t n)
{
	bits[n / 64] |= UINT64_C(1) << (n % 64);
}

static inline bool bit_has(const uint64_t *bits, uint64_t n)
{
	return (bits[n / 64] >> (n % 64) & 1) != 0;
}

#endif

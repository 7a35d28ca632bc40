/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/siphash.h: SipHash-2-4 (Aumasson and Bernstein, 2012). What groups are keyed
 * by comes from attackers: with a random key nobody can aim values at one slot of a table. */
#ifndef VARTIO_CORRELATE_SIPHASH_H
#define VARTIO_CORRELATE_SIPHASH_H

#include "common/base/slice.h"

struct sip_key {
	uint64_t k0, k1;
};
uint64_t siphash(const struct sip_key *key, struct slice in);

#endif

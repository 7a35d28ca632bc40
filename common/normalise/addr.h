/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/addr.h: addresses as text, so that source.ip never holds anything else. */
#ifndef VARTIO_NORMALISE_ADDR_H
#define VARTIO_NORMALISE_ADDR_H

#include "common/base/arena.h"

/* The short form of an address: IPv4 dotted quad without leading zeros, IPv6 as RFC 5952 has it.
 * An IPv4 address mapped into IPv6 becomes the IPv4 address; brackets and a zone (%eth0) go away.
 * *ret points into s or the arena. false, *ret untouched: not an address, or no memory. */
bool addr_parse(struct slice s, struct arena *mem, struct slice *ret);
bool addr_is_v6(struct slice normalised);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/limiter.h: how many failed tries an address has had lately. Bounded memory: when
 * the table is full the address whose window began first is forgotten. IPv6 counts by /64, which is
 * what one customer has.
 * Thread: one. */
#ifndef VARTIO_TENANT_LIMITER_H
#define VARTIO_TENANT_LIMITER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define LIMITER_SLOTS 1024u

struct limiter {
	unsigned max;      /* failures allowed in a window */
	int64_t window_ns; /* counted from the first failure */
	struct {
		uint8_t key[9]; /* family, then the address or its /64 */
		unsigned failures;
		int64_t since_ns;
	} slots[LIMITER_SLOTS];
};

/* Seconds that this address has to wait, 0: it may try. */
unsigned limiter_wait_s(const struct limiter *lm, const struct sockaddr *addr, int64_t now_ns);
void limiter_failed(struct limiter *lm, const struct sockaddr *addr, int64_t now_ns);

#endif

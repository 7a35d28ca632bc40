/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/tenant/limiter.h"

#include <netinet/in.h>
#include <string.h>

#include "common/base/time.h"

static void key_of(const struct sockaddr *addr, uint8_t key[9])
{
	memset(key, 0, 9);
	if (addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)addr;

		key[0] = 4;
		memcpy(key + 1, &in->sin_addr, 4);
	} else if (addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)addr;
		const uint8_t *raw = in6->sin6_addr.s6_addr;

		key[0] = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) ? 4 : 6;
		memcpy(key + 1, key[0] == 4 ? raw + 12 : raw, key[0] == 4 ? 4 : 8);
	}
}

static bool in_window(const struct limiter *lm, size_t i, int64_t now_ns)
{
	/* A clock set back ends the window: waiting for it could take for ever. */
	return lm->slots[i].failures > 0 && now_ns >= lm->slots[i].since_ns &&
	       now_ns - lm->slots[i].since_ns < lm->window_ns;
}

unsigned limiter_wait_s(const struct limiter *lm, const struct sockaddr *addr, int64_t now_ns)
{
	uint8_t key[9];

	key_of(addr, key);
	for (size_t i = 0; i < LIMITER_SLOTS; i++)
		if (memcmp(lm->slots[i].key, key, sizeof(key)) == 0 && in_window(lm, i, now_ns))
			return lm->slots[i].failures < lm->max
				       ? 0
				       : (unsigned)((lm->slots[i].since_ns + lm->window_ns -
						     now_ns) /
						    NS_PER_SEC) +
						 1;
	return 0;
}

void limiter_failed(struct limiter *lm, const struct sockaddr *addr, int64_t now_ns)
{
	uint8_t key[9];
	size_t use = 0;

	key_of(addr, key);
	for (size_t i = 0; i < LIMITER_SLOTS; i++) {
		if (memcmp(lm->slots[i].key, key, sizeof(key)) == 0 && in_window(lm, i, now_ns)) {
			lm->slots[i].failures++;
			return;
		}
		if (in_window(lm, use, now_ns) &&
		    (!in_window(lm, i, now_ns) || lm->slots[i].since_ns < lm->slots[use].since_ns))
			use = i;
	}
	memcpy(lm->slots[use].key, key, sizeof(key));
	lm->slots[use].failures = 1;
	lm->slots[use].since_ns = now_ns;
}

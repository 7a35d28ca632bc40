/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/ship/pace.h: when to connect again, and how much a poor line may take: arithmetic alone,
 * the clock and the chance come from outside. For agent/ship alone. */
#ifndef VARTIO_SHIP_PACE_H
#define VARTIO_SHIP_PACE_H

#include <stddef.h>
#include <stdint.h>

#define BACKOFF_TIMES 60u /* the longest wait is this many times the first */
#define BACKOFF_BROKE 5u  /* and that after a good connection this many times */

/* Waits before the next attempt. All of each is chance ("full jitter"), so that agents whose
 * collector was restarted do not come back in the same moment: with a first wait of 1 s, 2,000 of
 * them make at most 1,100 connections in any second, however long the collector was away, and a
 * handshake costs it a millisecond. */
struct backoff {
	uint32_t first_ms;
	uint32_t (*chance)(uint32_t below); /* 0 to below - 1 */
	uint32_t max_ms;                    /* of the next wait */
};
void backoff_reset(struct backoff *b);      /* the peer answered */
uint32_t backoff_broke(struct backoff *b);  /* a good connection ended: ms to wait */
uint32_t backoff_failed(struct backoff *b); /* all addresses failed: ms to wait; doubles */

/* What may be written, so that over any time at most a second's worth is above the rate. */
struct allowance {
	int64_t bytes_per_s; /* 0: no limit */
	int64_t bytes;       /* that may be written now; below 0: a debt */
	uint64_t filled_ms;  /* up to when `bytes` has grown */
};
void allowance_begin(struct allowance *a, uint64_t now_ms); /* nothing is saved up; debts stay */
/* Bytes that may be written now (at most one piece), or 0: not for *ret_wait_ms. */
size_t allowance_take(struct allowance *a, uint64_t now_ms, uint64_t *ret_wait_ms);
void allowance_spent(struct allowance *a, size_t n);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/ship/pace.h"

#define PIECE_BYTES 65536 /* handed to TLS at once */
#define PIECE_MIN   1024
#define RATE_PARTS  8 /* a slow line's allowance comes in eighths of a second */

void backoff_reset(struct backoff *b)
{
	b->max_ms = b->first_ms;
}

uint32_t backoff_broke(struct backoff *b)
{
	backoff_reset(b);
	return b->chance(BACKOFF_BROKE * b->first_ms + 1);
}

uint32_t backoff_failed(struct backoff *b)
{
	uint32_t last = b->first_ms * BACKOFF_TIMES, max = b->max_ms;

	b->max_ms = max > last / 2 ? last : max * 2;
	return b->chance(max + 1);
}

/* What time brought since; of parts of a byte nothing is forgotten. */
static void fill(struct allowance *a, uint64_t now_ms)
{
	uint64_t since = now_ms > a->filled_ms ? now_ms - a->filled_ms : 0;
	int64_t more;

	if (since >= 1000) { /* a second's worth is all that is saved up, but debts are paid */
		if (since > 3600000)
			since = 3600000; /* no debt is larger, and nothing wraps */
		more = a->bytes_per_s * (int64_t)(since / 1000);
		a->filled_ms = now_ms;
	} else {
		more = a->bytes_per_s * (int64_t)since / 1000;
		a->filled_ms += (uint64_t)(more * 1000 / a->bytes_per_s);
	}
	a->bytes += more;
	if (a->bytes > a->bytes_per_s)
		a->bytes = a->bytes_per_s;
}

void allowance_begin(struct allowance *a, uint64_t now_ms)
{
	if (a->bytes_per_s == 0)
		return;
	if (a->filled_ms == 0)
		a->filled_ms = now_ms;
	fill(a, now_ms);
	if (a->bytes >= 0)
		a->bytes = 1;
}

size_t allowance_take(struct allowance *a, uint64_t now_ms, uint64_t *ret_wait_ms)
{
	int64_t piece = a->bytes_per_s / RATE_PARTS;

	*ret_wait_ms = 0;
	if (a->bytes_per_s == 0)
		return PIECE_BYTES;
	fill(a, now_ms);
	if (a->bytes > 0)
		return (size_t)(piece > PIECE_BYTES ? PIECE_BYTES
				: piece < PIECE_MIN ? PIECE_MIN
						    : piece);
	*ret_wait_ms = (uint64_t)((1 - a->bytes) * 1000 / a->bytes_per_s) + 1;
	return 0;
}

void allowance_spent(struct allowance *a, size_t n)
{
	if (a->bytes_per_s > 0)
		a->bytes -= (int64_t)n;
}

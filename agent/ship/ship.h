/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/ship/ship.h: sends the spool's blocks to a collector, Lumberjack v2 over mTLS.
 * One block is one window: `W n` then the stored `C` frame, bytes unchanged. Several blocks may be
 * in flight; an acknowledgement below n is progress only and moves nothing. Fail-over over the
 * addresses, jittered back-off (1 s to 60 s, see pace.h), a rate limit for poor lines, which a
 * backlog keeps to like all else.
 * Thread: the loop thread. */
#ifndef VARTIO_SHIP_SHIP_H
#define VARTIO_SHIP_SHIP_H

#include "agent/spool/spool.h"
#include "common/net/tls.h"

struct ship_opts {
	uv_loop_t *loop;
	struct spool *spool;
	const char *const *addresses; /* "host:port"; borrowed for ship's life */
	size_t n_addresses;
	struct tls_creds *creds; /* a reference is taken */
	int64_t max_rate_bps;    /* bits a second, 0: none */
	unsigned in_flight;      /* blocks sent and not acknowledged, at most (8) */
	uint32_t ack_ms;         /* no progress for this long with blocks in flight: reconnect
				  * (60,000) */
	uint32_t retry_ms;       /* the first back-off (1,000); doubles up to 60 times itself */
	/* One line for each change of state; err NULL: connected. */
	void (*state)(void *arg, const char *address, const struct err *err);
	void *arg;
};
struct ship_stats {
	metric blocks, events; /* acknowledged */
	metric bytes;          /* sent, before TLS; again when sent again */
	metric acks;           /* frames received, keep-alives and partial ones too */
	metric connects, failures;
	metric connected; /* 1 or 0 */
	metric last_ack_ns;
};
struct ship;
int ship_open(const struct ship_opts *opts, struct ship **ret, struct err *err);
void ship_ready(struct ship *sh); /* the spool has something new */
int ship_creds(struct ship *sh, struct tls_creds *creds,
	       struct err *err); /* from the next connection on */
const struct ship_stats *ship_stats(const struct ship *sh);
const char *ship_address(const struct ship *sh); /* connected or being tried; NULL: waiting */
const char *ship_problem(const struct ship *sh); /* why it is not connected; "" when it is */
void ship_close(struct ship *sh, void (*closed)(void *arg), void *arg); /* later; frees */

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/ship/impl.h: what ship.c (what is sent and acknowledged) and link.c (the connection and
 * its back-off) share. Nobody else includes it. */
#ifndef VARTIO_SHIP_IMPL_H
#define VARTIO_SHIP_IMPL_H

#include "agent/ship/pace.h"
#include "agent/ship/ship.h"

#define IN_FLIGHT_MAX 64u
#define HOST_MAX      256u

struct ship_window { /* a block on its way */
	uint64_t epoch, number;
	uint32_t events;
};

struct ship {
	struct ship_opts opts;
	struct ship_stats stats;
	uv_timer_t retry; /* back-off; while open: the moment after which we call it connected */
	uv_timer_t rate;  /* until the line's allowance has grown again */
	uv_timer_t watch; /* acknowledgements */
	uv_timer_t again; /* until the spool is asked again, which could not read its blocks */
	unsigned handles; /* of the four, not closed yet */

	/* link.c */
	struct tls_conn *cn;
	uv_getaddrinfo_t resolve;
	bool resolving, open, settled, worked, waiting;
	struct addrinfo *found, *next; /* answers of the resolver not tried yet */
	size_t index, tried;           /* address in use; addresses that failed in this round */
	struct backoff backoff;
	uint64_t opened_ms;
	char host[HOST_MAX], port[8];
	struct err problem;
	void (*closed)(void *arg);
	void *closed_arg;
	bool closing;

	/* ship.c */
	struct ship_window flight[IN_FLIGHT_MAX];
	unsigned head, count;
	struct slice rest; /* of the newest block's frame: not yet written */
	bool lent;         /* blocks were taken from the spool on this connection */
	struct allowance line;
	uint64_t moved_ms; /* the last progress of any kind */
};

int link_open(struct ship *sh, struct err *err); /* checks the addresses, starts trying */
void link_close(struct ship *sh);
/* Ends the connection because of what the peer did; the next attempt follows. */
void link_fail(struct ship *sh, const struct err *why);
void link_worked(struct ship *sh); /* the peer acknowledged something: back-off starts afresh */

void ship_opened(struct ship *sh);
void ship_pump(struct ship *sh);
ssize_t ship_data(struct ship *sh, struct slice in);
void ship_lost(struct ship *sh); /* forgets what was in flight: the spool lends it again */

#endif

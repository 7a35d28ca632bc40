/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/notice.h: what the collector itself has to tell a person about a sender. The rooms that
 * find it call the hook they were given; who gives it decides what becomes of it.
 * Threads: `tell` is called on the thread that found it (the queue's writer, a reader of the queue,
 *          a listen thread), without a lock held: it must not wait. */
#ifndef VARTIO_COLLECTOR_NOTICE_H
#define VARTIO_COLLECTOR_NOTICE_H

enum notice_kind {
	NOTICE_CONFLICT,   /* a block came again with other content */
	NOTICE_QUARANTINE, /* a stored block cannot be decoded: it was set aside */
	NOTICE_TWO_PLACES, /* one certificate sends from two addresses at the same time */
	NOTICE_WENT_BACK,  /* an agent goes on from an older state than it had, or from none */
	NOTICE_SPOOL,      /* an agent's spool is damaged: events in it are lost */
	NOTICE_KINDS
};
struct notice_hook {
	/* tenant and sender are "" where they cannot be known; text is one line. All lent. */
	void (*tell)(void *arg, enum notice_kind kind, const char *tenant, const char *sender,
		     const char *text);
	void *arg;
};

#endif

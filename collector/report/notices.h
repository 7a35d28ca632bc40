/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/report/notices.h: what the collector itself has to tell becomes an event of the tenant
 * concerned (event.dataset collector.notice, sender "collector") in the queue that all events go
 * through, so that the rules of rules/collector/ judge it and it becomes an alert like any other.
 * Promise: a notice that the queue could not take is kept and put again; one of a kind and an agent
 *          goes out in an hour, and the next one says how many were left out (vartio.repeated).
 * Bounds:  NOTICE_SLOTS kinds and agents remembered; NOTICE_WAITING notices wait for the queue.
 * Threads: notices_put and notices_metrics from any; the others from the owner's. */
#ifndef VARTIO_REPORT_NOTICES_H
#define VARTIO_REPORT_NOTICES_H

#include "collector/notice.h"
#include "collector/queue/queue.h"

#define NOTICE_SENDER  "collector"
#define NOTICE_HOUR_NS (INT64_C(3600) * 1000000000)
#define NOTICE_SLOTS   4096u
#define NOTICE_WAITING 256u

struct notice_stats {
	metric told[NOTICE_KINDS]; /* made durable */
	metric held_back;          /* within the hour */
	metric lost;               /* there was no memory or no place to wait */
};

struct notices;
/* put is queue_put. NULL: no memory. */
struct notices *notices_open(struct queue *q,
			     int (*put)(struct queue *q, const struct queue_block *blk,
					void (*done)(void *arg, enum queue_result res,
						     const struct err *err),
					void *arg, struct err *err));
/* Never waits, and never fails for the caller: what cannot be told is counted and logged. Who has
 * no tenant is only logged: there is nobody's queue to put it into. */
void notices_put(struct notices *nt, enum notice_kind kind, const char *tenant, const char *sender,
		 const char *text, int64_t now_ns);
void notices_again(struct notices *nt); /* puts again what waits: call it each second */
const struct notice_stats *notices_stats(const struct notices *nt);
void notices_metrics(const struct notices *nt, struct buf *out);
/* Tries once more what waits, and waits for the queue's answers (it must still run); then frees.
 * NULL is fine. */
void notices_close(struct notices *nt);

#endif

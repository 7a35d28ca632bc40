/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/worker.h: the detect thread: reads the queue, matches, writes signals.
 * Order that loses nothing: signals are appended and synced before the queue position moves, so a
 * crash repeats signals and never misses one; correlate drops repeats by (rule, event.id). Only an
 * event that there is no memory to judge, tried four times, is passed over, counted and named.
 * Threads: one of its own; worker_rules from any. */
#ifndef VARTIO_DETECT_WORKER_H
#define VARTIO_DETECT_WORKER_H

#include "collector/detect/detect.h"
#include "collector/queue/queue.h"

struct worker_stats {
	metric events, matches, signals, unreadable, errors;
	metric gave_up;  /* times that a regular expression reached its limit on a value */
	metric unjudged; /* passed over, for want of memory */
	metric lag_bytes, oldest_ns; /* what waits in the queue; 0: nothing */
};
struct worker_opts {
	struct queue *queue;
	struct seglog *signals;       /* the worker is its only writer */
	struct ruleset *rules;        /* a reference is taken */
	void (*signalled)(void *arg); /* signals were made durable; any thread */
	/* Signals from that place of their log on are of these rules, those before it of the rules
	 * before; told before any of them is written. false: not now, and the worker stays with the
	 * old ones until it may change. On the worker's thread. May be NULL. */
	bool (*change)(void *arg, struct ruleset *rules, struct seg_pos from);
	/* An agent's own status event, for the registry: its version, and by how much its clock is
	 * ahead of ours (less the time that the event waited at the agent). On the worker's thread.
	 * May be NULL. */
	void (*seen)(void *arg, const char *agent, const char *version, int64_t skew_ms);
	/* The same event, indexed, for whoever wants to know more of it. May be NULL. */
	void (*status)(void *arg, const struct queue_event *ev, struct json_index *ix);
	void *arg;
};
struct worker;
int worker_start(const struct worker_opts *opts, struct worker **ret, struct err *err);
/* The new rules are used from the next batch of events on, once opts.change agrees. Takes a
 * reference. */
void worker_rules(struct worker *wk, struct ruleset *rules);
const struct worker_stats *worker_stats(const struct worker *wk);
void worker_stop(struct worker *wk); /* makes the position durable, joins, frees; NULL is fine */

#endif

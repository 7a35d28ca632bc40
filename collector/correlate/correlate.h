/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/correlate.h: signals in, findings out. Holds the only state of detection: the
 * windows of Sigma correlations, and the (rule, event.id) pairs seen, so that a repeated signal
 * counts once. Rebuilt after a restart by replaying signals over the longest window.
 * Thread: one. Time: event time; now_ns comes in as an argument. Memory: bounded, evictions counted. */
#ifndef VARTIO_CORRELATE_CORRELATE_H
#define VARTIO_CORRELATE_CORRELATE_H

#include "collector/correlate/signal.h"

struct finding { /* "this rule is true of this group now"; everything lent during the callback */
	const struct rule *rule;
	struct slice tenant;
	struct slice entity;          /* the values of rule->entity, joined with ", " */
	struct slice group_key;       /* tenant-free, stable text of the grouping */
	const struct signal_in *const *signals; /* new contributing signals, oldest first; at least one */
	size_t n_signals;
	bool replay;                  /* state is being rebuilt: nothing new may be raised */
};

struct correlate;
struct correlate_opts {
	struct ruleset *rules;        /* a reference is taken */
	size_t max_bytes;             /* of state; past it the oldest windows go, counted */
	int64_t lateness_ns;          /* events later than this behind their group's newest are counted
				       * but open no window (default: the rule's timespan) */
	void (*found)(void *arg, const struct finding *f);
	void *arg;
};
struct correlate_stats {
	metric signals, repeated, findings, evicted, groups, bytes, late;
};
int correlate_new(const struct correlate_opts *opts, struct correlate **ret, struct err *err);
/* Takes one signal. replay: see struct finding. A detection rule that alerts by itself gives a
 * finding at once; correlations when their condition becomes true, with all signals of the window
 * that no earlier finding of the group carried, and then for each further signal of the group. */
int correlate_signal(struct correlate *co, const struct signal_in *sg, int64_t now_ns, bool replay,
		     struct err *err);
int64_t correlate_horizon_ns(const struct correlate *co); /* the longest window: how far to replay */
const struct correlate_stats *correlate_stats(const struct correlate *co);
void correlate_free(struct correlate *co);

#endif

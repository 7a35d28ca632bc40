/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/reload.h: the rules in force, and their change while the daemon runs.
 * Rules are loaded anew when asked (SIGHUP) and when their files have changed: names, sizes, times
 * and inodes of all are looked at every now and then (the kernel's watches would have to be put on
 * each folder of a tree that `git pull` builds anew), and loaded once they have been still for a
 * moment and were so throughout the load, so that half a pull is never in force. What does not load
 * at all leaves the old rules in force. Looking and loading are done in libuv's pool: the loop
 * never waits. Thread: the loop's, but for what is said of logging. */
#ifndef VARTIO_COLLECTOR_RELOAD_H
#define VARTIO_COLLECTOR_RELOAD_H

#include <uv.h>

#include "collector/detect/detect.h"
#include "common/base/metrics.h"

struct reload_stats {
	metric rejected; /* rules of the last load that did not load */
	metric refused;  /* loads that left the old rules in force */
};
struct reload_opts {
	struct rules_source rules; /* borrowed as long as the reload lives */
	int64_t every_ms;          /* between two looks; 0: only when asked */
	int64_t still_ms;          /* how long files must have been still, */
	int64_t restless_ms;       /* unless they have not been for so long: that is said, once */
	/* New rules: the reload's own reference, taken over by who keeps them. Not for the first.
	 */
	void (*loaded)(void *arg, struct ruleset *rs);
	void *arg;
};

struct reload;
/* Loads the first rules (*ret_rules: the caller's reference), before a loop runs. -1: none at all.
 */
int reload_open(const struct reload_opts *opts, struct reload **ret, struct ruleset **ret_rules,
		struct err *err);
int reload_start(struct reload *re, uv_loop_t *loop); /* looks from now on; 0, or libuv's error */
void reload_ask(struct reload *re);                   /* load now, whatever has changed */
void reload_stop(struct reload *re);                  /* lets the loop end; a load is waited for */
const struct reload_stats *reload_stats(const struct reload *re); /* any thread */
void reload_free(struct reload *re); /* behind the loop's end; NULL is fine */

#endif

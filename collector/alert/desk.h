/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/desk.h: the alert thread: signals -> correlate -> alerts and their messages.
 * One SQLite transaction holds what a batch of signals changed, the messages it asks for and the
 * position in the signals log; at the start the windows are rebuilt by replaying signals from
 * before that position, which raises nothing. Threads: one of its own; desk_wake, desk_rules from
 * any. At the end it deals with what is left, for a bounded time. */
#ifndef VARTIO_ALERT_DESK_H
#define VARTIO_ALERT_DESK_H

#include "collector/alert/notify.h"

struct desk_stats {
	metric signals, replayed, alerts_new, alerts_extended, unreadable, errors;
	metric lag_bytes;
};
struct desk_opts {
	struct seglog *signals;
	struct ruleset *rules; /* a reference is taken */
	const char *db_path;
	const struct notify_conf *notify; /* borrowed for the desk's life */
	int64_t session_ns;
	size_t correlate_max_bytes;
	void (*queued)(void *arg); /* messages were queued */
	void *arg;
};
struct desk;
int desk_start(const struct desk_opts *opts, struct desk **ret, struct err *err);
void desk_wake(struct desk *dk); /* signals were made durable */
/* Signals from that place of the log on are of new rules; to be told before one of them is durable.
 * Those before it are dealt with by the rules that found them; then the windows are rebuilt with
 * the new ones from the log. Takes a reference. false: too many sets wait already; ask again later.
 */
bool desk_rules(struct desk *dk, struct ruleset *rules, struct seg_pos from);
const struct desk_stats *desk_stats(const struct desk *dk);
void desk_metrics(const struct desk *dk, struct buf *out); /* of correlate and the alert store */
void desk_stop(struct desk *dk);                           /* joins, frees; NULL is fine */

#endif

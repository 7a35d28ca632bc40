/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/notifier.h: the notify thread's parts, so that a test can turn them under a clock
 * of its own. Not for other rooms: they use notifier_start and notifier_stop of notify.h. */
#ifndef VARTIO_ALERT_NOTIFIER_H
#define VARTIO_ALERT_NOTIFIER_H

#include "collector/alert/notify.h"

int notifier_open(const char *db_path, const struct notify_conf *nc, struct notifier **ret,
		  struct err *err);
void notifier_close(struct notifier *nt); /* NULL is fine */
/* Sends what is due by now_ns; counts what waits before each message. *ret_next_ns: when the next
 * message is due; 0: none waits, or the channel is down. */
int notifier_round(struct notifier *nt, int64_t now_ns, int64_t *ret_next_ns, struct err *err);
/* The counts of waiting messages, and the alarm about old ones. */
int notifier_watch(struct notifier *nt, int64_t now_ns, struct err *err);
/* How long a message waits after `attempts` failures before the one that just was. */
int64_t notifier_backoff_ns(const struct notify_conf *nc, uint64_t attempts);
/* A contact's address was refused: the region is told. In the caller's transaction. */
int notify_region_instead(struct alert_store *as, const struct notify_conf *nc,
			  const char *alert_id, const char *tenant, int64_t now_ns,
			  struct err *err);

#endif

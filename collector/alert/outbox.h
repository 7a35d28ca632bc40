/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/outbox.h: the messages waiting to go out, and those that went: a table beside the
 * alerts. Not for other rooms. Threads: the handle's.
 *   waiting -> sent | refused | dropped */
#ifndef VARTIO_ALERT_OUTBOX_H
#define VARTIO_ALERT_OUTBOX_H

#include "collector/alert/notify.h"
#include "common/base/arena.h"

#define REGION_CONTACT_ID 0 /* contact ids of the registry begin at 1 */

extern const struct db_module outbox_db_module;

struct outbox_row {
	int64_t id;
	const char *alert_id; /* "": a test */
	unsigned update;
	struct contact to; /* as it was when queued */
	uint64_t attempts;
	int64_t queued_ns; /* when it was first to go */
	int64_t due_ns;
};

/* Adds a waiting message; one that is there already (alert, contact, update) stays as it is, and
 * *ret_added is false. events: what the alert stood for when it was queued. */
int outbox_add(sqlite3 *db, const char *alert_id, const struct contact *to, unsigned update,
	       uint64_t events, int64_t due_ns, bool *ret_added, struct err *err);

struct outbox_last { /* of an alert */
	bool any;
	unsigned update; /* the newest one's number */
	bool waiting;    /* some message of that number has not gone yet */
	uint64_t events; /* what it told, the most */
};
extern const char outbox_last_sql[]; /* the caller prepares it, and keeps it */
int outbox_last(sqlite3 *db, sqlite3_stmt *st, const char *alert_id, struct outbox_last *ret,
		struct err *err);
/* Those who got (or wait for) the first message of the alert. */
int outbox_recipients(sqlite3 *db, const char *alert_id,
		      int (*each)(void *arg, const struct contact *c), void *arg, struct err *err);

/* The waiting message that is due first, if it is due by now_ns: 1, texts in mem; 0: none, and
 * *ret_next_ns tells when the next one is due (0: there is none); -1. */
int outbox_next(sqlite3 *db, int64_t now_ns, struct arena *mem, struct outbox_row *ret,
		int64_t *ret_next_ns, struct err *err);
int outbox_sent(sqlite3 *db, int64_t id, uint64_t events, struct slice message, const char *reply,
		int64_t now_ns, struct err *err);
int outbox_ended(sqlite3 *db, int64_t id, const char *state, const char *reason, int64_t now_ns,
		 struct err *err); /* "refused", "dropped" */
/* held: the channel was at fault, not the message. */
int outbox_retry(sqlite3 *db, int64_t id, bool held, const char *reason, int64_t due_ns,
		 struct err *err);
/* The clock was set back: no message waits longer than it may from now on, first_ns before its
 * first attempt and retry_ns before another. */
int outbox_clock(sqlite3 *db, int64_t now_ns, int64_t first_ns, int64_t retry_ns, struct err *err);
/* All messages that are due by now_ns wait until due_ns: the channel is down for them too. */
int outbox_hold(sqlite3 *db, int64_t now_ns, int64_t due_ns, struct err *err);
/* The channel works again: what was held may go at once. */
int outbox_release(sqlite3 *db, struct err *err);
/* The waiting messages: how many, and since when the oldest is overdue (0: none). */
int outbox_waiting(sqlite3 *db, int64_t now_ns, uint64_t *ret_n, int64_t *ret_oldest_ns,
		   struct err *err);
/* Marks one waiting message that was queued before before_ns and not marked yet: 1, in *ret; 0. */
int outbox_late(sqlite3 *db, int64_t before_ns, struct arena *mem, struct outbox_row *ret,
		struct err *err);
int outbox_count_late(sqlite3 *db, uint64_t *ret, struct err *err);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/store.h: what the files of this folder share of the alert store. Not for others.
 */
#ifndef VARTIO_ALERT_STORE_H
#define VARTIO_ALERT_STORE_H

#include "collector/alert/alert.h"

/* uthash must not end the process when memory does: HASH_ADD then leaves the element out, and
 * sets its table pointer to NULL. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(elt)
#include <uthash.h>

/* Statements of the path that every signal takes; prepared once a handle. */
enum alert_stmt {
	ST_SESSION,
	ST_EXTEND,
	ST_VALUE_COUNT,
	ST_VALUE_ADD,
	ST_FIELD_ADD,
	ST_FIELD_MORE,
	ST_OPEN,
	ST_COUNT
};

struct alert_extension { /* what the batch added to an alert: one log row at its commit */
	char id[33];
	char *tenant;
	uint64_t events;
	int64_t last_ns, now_ns;
	UT_hash_handle hh;
};

struct alert_store {
	sqlite3 *db;
	sqlite3_stmt *st[ST_COUNT];
	struct alert_extension *extended;
	uint64_t raised, added; /* of the batch; they reach stats when it is committed */
	struct alert_stats stats;
};

/* The statement, reset and ready to be bound; NULL and *err. It is the store's. */
sqlite3_stmt *alert_stmt(struct alert_store *as, enum alert_stmt which, struct err *err);
void alert_extended_forget(struct alert_store *as);
/* Begins a transaction unless the caller has one; *ret_own tells which. */
int alert_enter(struct alert_store *as, bool *ret_own, struct err *err);
/* Ends what alert_enter began: commits when r is 0, else rolls back. Returns the outcome. */
int alert_leave(struct alert_store *as, bool own, int r, struct err *err);

#endif

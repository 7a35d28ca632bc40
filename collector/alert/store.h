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

/* Statements of the path that every signal or every alert of a batch takes; prepared once a handle.
 */
enum alert_stmt {
	ST_SESSION,
	ST_NEWEST,
	ST_EXTEND,
	ST_VALUE_COUNT,
	ST_VALUE_ADD,
	ST_FIELD_ADD,
	ST_FIELD_MORE,
	ST_OPEN,
	ST_TOLD,
	ST_LOG_ADD,
	ST_LOG_HEAD,
	ST_LOG_HEAD_SET,
	ST_COUNT
};

struct alert_extension { /* what the batch added to an alert: one log row at its commit */
	char id[33];
	char *tenant;
	uint64_t events, unwritten; /* in all; of these not yet in the alert's row */
	int64_t first_ns, last_ns, now_ns;
	bool dirty; /* the row does not say it yet */
	UT_hash_handle hh;
};

struct alert_gathered { /* how often the batch saw a value of an alert's field */
	uint64_t count;
	size_t n;
	UT_hash_handle hh;
	char key[]; /* alert's id, NUL, field, NUL, value: n bytes */
};

struct alert_newest { /* the alert of tenant, rule and group that ends last, in this batch */
	bool known, any, open;
	bool asked; /* before: alerts of the key may have been extended since */
	char id[33];
	int64_t first_ns, last_ns;
	UT_hash_handle hh;
	char key[];
};

struct alert_store {
	sqlite3 *db;
	sqlite3_stmt *st[ST_COUNT];
	struct alert_extension *extended;
	struct alert_gathered *values;
	struct alert_newest *newest;
	struct buf key;         /* what is looked up in these two */
	uint64_t raised, added; /* of the batch; they reach stats when it is committed */
	struct alert_stats stats;
};

/* The statement, reset and ready to be bound; NULL and *err. It is the store's. */
sqlite3_stmt *alert_stmt(struct alert_store *as, enum alert_stmt which, struct err *err);
/* Runs one that gives no rows. */
int alert_stmt_run(struct alert_store *as, sqlite3_stmt *st, struct err *err);

/* gather.c: what findings add to alerts, until the end of the transaction. The newest alert of a
 * key as far as the batch knows it, lent until alert_settle; NULL: no memory. */
struct alert_newest *gather_newest(struct alert_store *as, struct slice tenant, struct slice rule,
				   struct slice group_key);
int gather_extension(struct alert_store *as, const char *id, struct slice tenant, uint64_t events,
		     int64_t first_ns, int64_t last_ns, int64_t now_ns, struct err *err);
int gather_value(struct alert_store *as, const char *id, const char *field, struct slice value,
		 uint64_t count, struct err *err);
/* Writes what was gathered; the rows then say all. */
int gather_settle(struct alert_store *as, struct err *err);
void gather_forget(struct alert_store *as);
/* Begins a transaction unless the caller has one; *ret_own tells which. */
int alert_enter(struct alert_store *as, bool *ret_own, struct err *err);
/* Ends what alert_enter began: commits when r is 0, else rolls back. Returns the outcome. */
int alert_leave(struct alert_store *as, bool own, int r, struct err *err);

#endif

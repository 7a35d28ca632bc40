/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/db.h: the collector's one SQLite database, STATE/collector.db: how it is opened,
 * made and brought up to date, and how statements are run. Registry, alert store and outbox each
 * keep tables of their own in it, as modules with versions of their own.
 * Settings: WAL, synchronous=FULL (a commit survives power loss), foreign keys on, 10 s of patience
 *           with other writers. The file is made with mode 0600.
 * Threads:  a handle belongs to one thread; several handles on one file are fine.
 * Times:    INTEGER nanoseconds since 1970 UTC, columns named *_ns. */
#ifndef VARTIO_TENANT_DB_H
#define VARTIO_TENANT_DB_H

#include <sqlite3.h>

#include "common/base/err.h"
#include "common/base/slice.h"

struct db_step {     /* what brings a module from version - 1 to version */
	int version; /* 1, 2, 3, ... without gaps */
	const char *sql;
};
struct db_module {
	const char *name;            /* "registry", "alert"; its row in table schema */
	const struct db_step *steps; /* in order; ends with a NULL sql */
};

/* Opens path (making it when absent) and runs the steps that each module lacks, all in one
 * transaction. modules ends with NULL. ERR_NEWER: written by a newer Vartio; ERR_SYNTAX: not a
 * database of ours; ERR_BUSY, ERR_DENIED, ERR_IO, ERR_FULL, ERR_NOMEM. *ret is yours: db_close. */
int db_open(const char *path, const struct db_module *const *modules, sqlite3 **ret,
	    struct err *err);
void db_close(sqlite3 *db); /* NULL is fine */

/* The handle's last error as ours; what: what was being done. Always -1. */
int db_fail(sqlite3 *db, const char *what, struct err *err);
int db_begin(sqlite3 *db, struct err *err);  /* BEGIN IMMEDIATE: the writer's place is taken now */
int db_commit(sqlite3 *db, struct err *err); /* on failure the transaction is rolled back */
void db_rollback(sqlite3 *db);               /* no transaction: fine */

/* Prepares sql and binds the values that kinds names, one letter each:
 *   t const char * (NULL binds NULL)   s struct slice as text   b struct slice as blob   i int64_t
 * Texts and blobs are copied. *ret: sqlite3_finalize when done. */
int db_query(sqlite3 *db, sqlite3_stmt **ret, struct err *err, const char *sql, const char *kinds,
	     ...);
/* The same for a statement that gives no rows; runs and finalizes it. ERR_EXISTS: a constraint. */
int db_run(sqlite3 *db, struct err *err, const char *sql, const char *kinds, ...);
/* Binds a copy of s as text, as `s` does, to a statement that is kept. An SQLite result code. */
int db_bind(sqlite3_stmt *st, int i, struct slice s);
/* 1 a row, 0 no more, -1 error. */
int db_next(sqlite3 *db, sqlite3_stmt *st, struct err *err);
const char *db_text(sqlite3_stmt *st, int col); /* "" for NULL; lent until the next db_next */

#endif

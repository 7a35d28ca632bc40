/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/tenant/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define DB_APPLICATION_ID 0x56617274 /* "Vart": what file(1) and we know it by */
#define DB_BUSY_MS        10000
#define DB_POLL_MS        2
#define DB_GIVE_WAY_MS    200 /* a thread that polls may be late on a busy machine */

/* Threads of this process that found the database locked and poll; how many of them got in. */
static _Atomic unsigned waiters, served;
static _Thread_local bool waiting; /* this one does */

static enum err_code code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	case SQLITE_NOMEM:
		return ERR_NOMEM;
	case SQLITE_FULL:
		return ERR_FULL;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
		return ERR_DENIED;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return ERR_SYNTAX;
	case SQLITE_CONSTRAINT:
		return ERR_EXISTS;
	default:
		return ERR_IO;
	}
}

static const char *help_of(enum err_code code)
{
	switch (code) {
	case ERR_BUSY:
		return "; another process keeps writing to it, try again";
	case ERR_FULL:
		return "; make room on the disk";
	case ERR_SYNTAX:
		return "; restore it from a backup";
	default:
		return "";
	}
}

int db_fail(sqlite3 *db, const char *what, struct err *err)
{
	enum err_code code = code_of(sqlite3_extended_errcode(db));
	const char *path = sqlite3_db_filename(db, "main");

	return err_set(err, code, "%s: cannot %s: %s%s",
		       path != NULL && *path != '\0' ? path : "the database", what,
		       sqlite3_errmsg(db), help_of(code));
}

/* After each call that may have waited, whether it got in or gave up. */
static int waited(int rc)
{
	if (waiting) {
		waiting = false;
		served++;
		waiters--;
	}
	return rc;
}

static int exec(sqlite3 *db, const char *sql, const char *what, struct err *err)
{
	return waited(sqlite3_exec(db, sql, NULL, NULL, NULL)) == SQLITE_OK
		       ? 0
		       : db_fail(db, what, err);
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

/* SQLite's lock is not fair: it goes to whoever asks at the right moment. SQLite's own handler asks
 * ever more seldom, so next to a thread that writes without a pause it may never get its turn. */
static int on_busy(void *arg, int times)
{
	if (!waiting) {
		waiting = true;
		waiters++;
	}
	pause_ms(DB_POLL_MS);
	return times < DB_BUSY_MS / DB_POLL_MS;
}

/* One that waits goes first, however late it is woken; within a bound, for what it waits for may be
 * another process. */
static void give_way(void)
{
	const unsigned before = served;

	for (int ms = 0; ms < DB_GIVE_WAY_MS && waiters > 0 && served == before; ms += DB_POLL_MS)
		pause_ms(DB_POLL_MS);
}

int db_begin(sqlite3 *db, struct err *err)
{
	give_way();
	return exec(db, "BEGIN IMMEDIATE", "begin a change", err);
}

int db_commit(sqlite3 *db, struct err *err)
{
	int r = exec(db, "COMMIT", "commit a change", err);

	if (r < 0)
		db_rollback(db);
	return r;
}

void db_rollback(sqlite3 *db)
{
	if (sqlite3_get_autocommit(db) == 0)
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

int db_bind(sqlite3_stmt *st, int i, struct slice s)
{
	return sqlite3_bind_text64(st, i, s.n > 0 ? s.p : "", s.n, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static int bind_all(sqlite3_stmt *st, const char *kinds, va_list ap)
{
	int rc = SQLITE_OK;

	for (int i = 1; *kinds != '\0' && rc == SQLITE_OK; kinds++, i++) {
		const char *text;
		struct slice s;

		switch (*kinds) {
		case 't':
			text = va_arg(ap, const char *);
			rc = sqlite3_bind_text(st, i, text, -1, SQLITE_TRANSIENT);
			break;
		case 's':
			s = va_arg(ap, struct slice);
			rc = db_bind(st, i, s);
			break;
		case 'b':
			s = va_arg(ap, struct slice);
			rc = sqlite3_bind_blob64(st, i, s.n > 0 ? s.p : "", s.n, SQLITE_TRANSIENT);
			break;
		default:
			assert(*kinds == 'i');
			rc = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
		}
	}
	return rc;
}

static int query(sqlite3 *db, sqlite3_stmt **ret, struct err *err, const char *sql,
		 const char *kinds, va_list ap)
{
	sqlite3_stmt *st = NULL;

	if (waited(sqlite3_prepare_v2(db, sql, -1, &st, NULL)) != SQLITE_OK ||
	    bind_all(st, kinds, ap) != SQLITE_OK) {
		db_fail(db, "prepare a statement", err);
		sqlite3_finalize(st);
		return -1;
	}
	*ret = st;
	return 0;
}

int db_query(sqlite3 *db, sqlite3_stmt **ret, struct err *err, const char *sql, const char *kinds,
	     ...)
{
	va_list ap;
	int r;

	va_start(ap, kinds);
	r = query(db, ret, err, sql, kinds, ap);
	va_end(ap);
	return r;
}

int db_next(sqlite3 *db, sqlite3_stmt *st, struct err *err)
{
	switch (waited(sqlite3_step(st))) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return db_fail(db, "read or write", err);
	}
}

int db_run(sqlite3 *db, struct err *err, const char *sql, const char *kinds, ...)
{
	sqlite3_stmt *st = NULL;
	va_list ap;
	int r;

	va_start(ap, kinds);
	r = query(db, &st, err, sql, kinds, ap);
	va_end(ap);
	while (r == 0 && (r = db_next(db, st, err)) == 1)
		r = 0; /* a RETURNING clause may give rows; nobody asked for them */
	sqlite3_finalize(st);
	return r;
}

const char *db_text(sqlite3_stmt *st, int col)
{
	const unsigned char *text = sqlite3_column_text(st, col);

	return text != NULL ? (const char *)text : "";
}

static int pragma_int(sqlite3 *db, const char *sql, int64_t *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(db, &st, err, sql, "");

	if (r == 0)
		r = db_next(db, st, err);
	if (r >= 0)
		*ret = r == 1 ? sqlite3_column_int64(st, 0) : 0;
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

/* A database of another program must not get our tables. */
static int check_owner(sqlite3 *db, const char *path, bool *ret_new, struct err *err)
{
	int64_t id = 0, tables = 0;

	if (pragma_int(db, "PRAGMA application_id", &id, err) < 0 ||
	    pragma_int(db, "SELECT count(*) FROM sqlite_schema", &tables, err) < 0)
		return -1;
	if (tables > 0 && id != DB_APPLICATION_ID)
		return err_set(err, ERR_SYNTAX, "%s is a database of another program", path);
	*ret_new = tables == 0;
	return 0;
}

static int module_version(sqlite3 *db, const struct db_module *mod, int64_t *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(db, &st, err, "SELECT version FROM schema WHERE module = ?", "t",
			 mod->name);

	if (r == 0)
		r = db_next(db, st, err);
	if (r >= 0)
		*ret = r == 1 ? sqlite3_column_int64(st, 0) : 0;
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

static int64_t newest(const struct db_module *mod)
{
	int64_t v = 0;

	for (const struct db_step *s = mod->steps; s->sql != NULL; s++) {
		assert(s->version == v + 1);
		v = s->version;
	}
	return v;
}

static int upgrade_module(sqlite3 *db, const char *path, const struct db_module *mod,
			  struct err *err)
{
	int64_t have = 0, want = newest(mod);

	if (module_version(db, mod, &have, err) < 0)
		return -1;
	if (have > want)
		return err_set(err, ERR_NEWER,
			       "%s was written by a newer Vartio (%s tables version %lld, this one "
			       "knows %lld); install that version again",
			       path, mod->name, (long long)have, (long long)want);
	for (const struct db_step *s = mod->steps; s->sql != NULL; s++)
		if (s->version > have && exec(db, s->sql, "bring the tables up to date", err) < 0)
			return -1;
	if (have == want)
		return 0;
	return db_run(db, err,
		      "INSERT INTO schema(module, version) VALUES (?, ?) "
		      "ON CONFLICT(module) DO UPDATE SET version = excluded.version",
		      "ti", mod->name, want);
}

/* Whether every module is at its version: then opening needs no writer's place. */
static bool up_to_date(sqlite3 *db, const struct db_module *const *modules)
{
	int64_t have;

	for (; *modules != NULL; modules++)
		if (module_version(db, *modules, &have, NULL) < 0 || have != newest(*modules))
			return false;
	return true;
}

static int upgrade(sqlite3 *db, const char *path, const struct db_module *const *modules,
		   struct err *err)
{
	bool is_new = false;

	if (check_owner(db, path, &is_new, err) < 0)
		return -1;
	if (!is_new && up_to_date(db, modules))
		return 0;
	if (db_begin(db, err) < 0)
		return -1;
	if (exec(db,
		 "PRAGMA application_id = 0x56617274;"
		 "CREATE TABLE IF NOT EXISTS schema ("
		 " module TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT",
		 "make the tables", err) < 0)
		goto fail;
	for (; *modules != NULL; modules++)
		if (upgrade_module(db, path, *modules, err) < 0)
			goto fail;
	return db_commit(db, err);
fail:
	db_rollback(db);
	return -1;
}

/* SQLite would make the file readable by the group; its -wal and -shm take over this mode.
 * A file that exists is not opened here: closing it would drop the locks of this process's other
 * handles (fcntl(2)), and the next outsider to close the database would then remove its -wal. The
 * mutex keeps another thread from locking a new file before it is closed here. */
static int make_private(const char *path, struct err *err)
{
	static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
	int fd, bad = 0;

	pthread_mutex_lock(&making);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	else if (errno != EEXIST || access(path, R_OK | W_OK) < 0)
		bad = errno;
	pthread_mutex_unlock(&making);
	if (bad == 0)
		return 0;
	return err_set(err, bad == ENOENT || bad == EACCES ? ERR_DENIED : ERR_IO,
		       "cannot open the database %s: %s; does the folder exist and may this user "
		       "write to it?",
		       path, strerror(bad));
}

int db_open(const char *path, const struct db_module *const *modules, sqlite3 **ret,
	    struct err *err)
{
	sqlite3 *db = NULL;
	int rc;

	if (make_private(path, err) < 0)
		return -1;
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK) {
		if (db == NULL)
			err_nomem(err);
		else
			db_fail(db, "open it", err);
		goto fail;
	}
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_handler(db, on_busy, NULL);
	if (exec(db,
		 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
		 "PRAGMA trusted_schema = OFF",
		 "open it", err) < 0 ||
	    upgrade(db, path, modules, err) < 0)
		goto fail;
	*ret = db;
	return 0;
fail:
	sqlite3_close(db);
	return -1;
}

void db_close(sqlite3 *db)
{
	/* _v2: a statement that was forgotten delays the close instead of leaking the file. */
	sqlite3_close_v2(db);
}

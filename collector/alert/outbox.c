/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/alert/outbox.h"

#include "common/base/time.h"

/* A message is kept after it went out: what a municipality was told, and when, is evidence. */
static const struct db_step steps[] = {
	{ 1, "CREATE TABLE outbox("
	     " id INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL,"
	     " contact_id INTEGER NOT NULL, update_no INTEGER NOT NULL,"
	     " tenant TEXT NOT NULL, tenant_name TEXT NOT NULL, name TEXT NOT NULL,"
	     " email TEXT NOT NULL, lang INTEGER NOT NULL, events INTEGER NOT NULL,"
	     " queued_ns INTEGER NOT NULL, due_ns INTEGER NOT NULL,"
	     " attempts INTEGER NOT NULL DEFAULT 0, held INTEGER NOT NULL DEFAULT 0,"
	     " late INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting',"
	     " ended_ns INTEGER NOT NULL DEFAULT 0, detail TEXT NOT NULL DEFAULT '',"
	     " message BLOB) STRICT;"
	     "CREATE UNIQUE INDEX outbox_once ON outbox(alert_id, contact_id, update_no)"
	     " WHERE alert_id <> '';"
	     "CREATE INDEX outbox_due ON outbox(due_ns) WHERE state = 'waiting';" },
	{ 0, NULL }
};
const struct db_module outbox_db_module = { "outbox", steps };

int outbox_add(sqlite3 *db, const char *alert_id, const struct contact *to, unsigned update,
	       uint64_t events, int64_t due_ns, bool *ret_added, struct err *err)
{
	const char *name = to->tenant_name != NULL ? to->tenant_name : to->tenant;

	if (db_run(db, err,
		   "INSERT INTO outbox(alert_id, contact_id, update_no, tenant, tenant_name, name,"
		   " email, lang, events, queued_ns, due_ns)"
		   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10) ON CONFLICT DO NOTHING",
		   "tiittttiii", alert_id, to->id, (int64_t)update, to->tenant, name, to->name,
		   to->email, (int64_t)to->lang, (int64_t)events, due_ns) < 0)
		return -1;
	*ret_added = sqlite3_changes(db) > 0;
	return 0;
}

/* The index that finds an alert's messages leaves those without an alert out, so each query must
 * say that it does too: else every message that ever went is read. */
const char outbox_last_sql[] = "SELECT update_no, max(state = 'waiting'), max(events) FROM outbox"
			       " WHERE alert_id = ?1 AND alert_id <> '' GROUP BY update_no ORDER "
			       "BY update_no DESC LIMIT 1";

int outbox_last(sqlite3 *db, sqlite3_stmt *st, const char *alert_id, struct outbox_last *ret,
		struct err *err)
{
	int r;

	sqlite3_bind_text(st, 1, alert_id, -1, SQLITE_TRANSIENT);
	r = db_next(db, st, err);
	if (r == 0)
		*ret = (struct outbox_last){ 0 };
	if (r == 1)
		*ret = (struct outbox_last){ .any = true,
					     .update = (unsigned)sqlite3_column_int64(st, 0),
					     .waiting = sqlite3_column_int64(st, 1) != 0,
					     .events = (uint64_t)sqlite3_column_int64(st, 2) };
	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
}

static enum lang lang_of(int64_t v)
{
	return v >= 0 && v < LANGS ? (enum lang)v : LANG_EN;
}

int outbox_recipients(sqlite3 *db, const char *alert_id,
		      int (*each)(void *arg, const struct contact *c), void *arg, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(db, &st, err,
			 "SELECT contact_id, tenant, tenant_name, name, email, lang FROM outbox"
			 " WHERE alert_id = ? AND alert_id <> '' AND update_no = 0 AND state IN "
			 "('waiting', 'sent')"
			 " ORDER BY id",
			 "t", alert_id);

	while (r == 0 && (r = db_next(db, st, err)) == 1) {
		const struct contact c = { .id = sqlite3_column_int64(st, 0),
					   .tenant = db_text(st, 1),
					   .tenant_name = db_text(st, 2),
					   .name = db_text(st, 3),
					   .email = db_text(st, 4),
					   .lang = lang_of(sqlite3_column_int64(st, 5)) };

		r = each(arg, &c) != 0 ? -1 : 0;
	}
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

#define ROW_COLUMNS                                                                                \
	"id, alert_id, update_no, contact_id, tenant, tenant_name, name, email, lang, attempts,"   \
	" queued_ns, due_ns"

static int row_read(sqlite3_stmt *st, struct arena *mem, struct outbox_row *ret, struct err *err)
{
	const char *texts[5];
	static const int cols[5] = { 1, 4, 5, 6, 7 };

	for (int i = 0; i < 5; i++) {
		texts[i] = arena_copy(mem, slice_str(db_text(st, cols[i]))).p;
		if (texts[i] == NULL)
			return err_nomem(err);
	}
	*ret = (struct outbox_row){
		.id = sqlite3_column_int64(st, 0),
		.alert_id = texts[0],
		.update = (unsigned)sqlite3_column_int64(st, 2),
		.to = { .id = sqlite3_column_int64(st, 3),
			.tenant = texts[1],
			.tenant_name = texts[2],
			.name = texts[3],
			.email = texts[4],
			.lang = lang_of(sqlite3_column_int64(st, 8)) },
		.attempts = (uint64_t)sqlite3_column_int64(st, 9),
		.queued_ns = sqlite3_column_int64(st, 10),
		.due_ns = sqlite3_column_int64(st, 11),
	};
	return 0;
}

int outbox_next(sqlite3 *db, int64_t now_ns, struct arena *mem, struct outbox_row *ret,
		int64_t *ret_next_ns, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(db, &st, err,
			 "SELECT " ROW_COLUMNS " FROM outbox WHERE state = 'waiting'"
			 " ORDER BY due_ns, id LIMIT 1",
			 "");

	if (r == 0)
		r = db_next(db, st, err);
	if (r == 0)
		*ret_next_ns = 0;
	if (r == 1 && sqlite3_column_int64(st, 11) > now_ns) {
		*ret_next_ns = sqlite3_column_int64(st, 11);
		r = 0;
	} else if (r == 1 && row_read(st, mem, ret, err) < 0) {
		r = -1;
	}
	sqlite3_finalize(st);
	return r;
}

int outbox_sent(sqlite3 *db, int64_t id, uint64_t events, struct slice message, const char *reply,
		int64_t now_ns, struct err *err)
{
	return db_run(db, err,
		      "UPDATE outbox SET state = 'sent', attempts = attempts + 1, held = 0,"
		      " events = ?2, message = ?3, detail = ?4, ended_ns = ?5 WHERE id = ?1",
		      "iibti", id, (int64_t)events, message, reply, now_ns);
}

int outbox_ended(sqlite3 *db, int64_t id, const char *state, const char *reason, int64_t now_ns,
		 struct err *err)
{
	return db_run(
		db, err,
		"UPDATE outbox SET state = ?2, attempts = attempts + 1, held = 0, detail = ?3,"
		" ended_ns = ?4 WHERE id = ?1",
		"itti", id, state, reason, now_ns);
}

int outbox_retry(sqlite3 *db, int64_t id, bool held, const char *reason, int64_t due_ns,
		 struct err *err)
{
	return db_run(
		db, err,
		"UPDATE outbox SET attempts = attempts + 1, held = ?2, detail = ?3, due_ns = ?4"
		" WHERE id = ?1",
		"iiti", id, (int64_t)held, reason, due_ns);
}

int outbox_hold(sqlite3 *db, int64_t now_ns, int64_t due_ns, struct err *err)
{
	return db_run(db, err,
		      "UPDATE outbox SET held = 1, due_ns = ?2"
		      " WHERE state = 'waiting' AND due_ns <= ?1",
		      "ii", now_ns, due_ns);
}

int outbox_release(sqlite3 *db, struct err *err)
{
	return db_run(db, err,
		      "UPDATE outbox SET held = 0, due_ns = queued_ns"
		      " WHERE state = 'waiting' AND held = 1",
		      "");
}

int outbox_clock(sqlite3 *db, int64_t now_ns, int64_t first_ns, int64_t retry_ns, struct err *err)
{
	return db_run(db, err,
		      "UPDATE outbox SET due_ns = ?1, queued_ns = min(queued_ns, ?1)"
		      " WHERE state = 'waiting'"
		      " AND due_ns > ?1 + CASE attempts WHEN 0 THEN ?2 ELSE ?3 END",
		      "iii", now_ns, first_ns, retry_ns);
}

int outbox_waiting(sqlite3 *db, int64_t now_ns, uint64_t *ret_n, int64_t *ret_oldest_ns,
		   struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(db, &st, err,
			 "SELECT count(*), min(queued_ns) FROM outbox"
			 " WHERE state = 'waiting' AND queued_ns <= ?",
			 "i", now_ns);

	if (r == 0)
		r = db_next(db, st, err);
	if (r == 1) {
		*ret_n = (uint64_t)sqlite3_column_int64(st, 0);
		*ret_oldest_ns = sqlite3_column_int64(st, 1);
	}
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

int outbox_late(sqlite3 *db, int64_t before_ns, struct arena *mem, struct outbox_row *ret,
		struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(db, &st, err,
			 "SELECT " ROW_COLUMNS " FROM outbox WHERE state = 'waiting' AND late = 0"
			 " AND queued_ns < ? ORDER BY queued_ns LIMIT 1",
			 "i", before_ns);

	if (r == 0)
		r = db_next(db, st, err);
	if (r == 1 && row_read(st, mem, ret, err) < 0)
		r = -1;
	sqlite3_finalize(st);
	if (r == 1 && db_run(db, err, "UPDATE outbox SET late = 1 WHERE id = ?", "i", ret->id) < 0)
		r = -1;
	return r;
}

int outbox_count_late(sqlite3 *db, uint64_t *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(db, &st, err,
			 "SELECT count(*) FROM outbox WHERE state = 'waiting' AND late = 1", "");

	if (r == 0)
		r = db_next(db, st, err);
	if (r == 1)
		*ret = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

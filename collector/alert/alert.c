/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/alert.c: the alert store's tables, handle, transactions and positions. */
#include "collector/alert/store.h"

#include "collector/alert/outbox.h"
#include "collector/tenant/registry.h"

#include <stdlib.h>

#include "common/base/time.h"

const char *const alert_state_names[] = { "new",     "notified", "acknowledged",
					  "working", "closed",   NULL };
const char *const verdict_names[] = { "",        "attack",   "stopped", "false-alarm",
				      "allowed", "exercise", NULL };

/* The log is append-only by its triggers, and tamper-evident by its chain; its head is kept beside
 * it, so that cutting rows off the end is found as well. */
static const char schema_1[] =
	"CREATE TABLE alert("
	" id TEXT PRIMARY KEY, code TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL,"
	" rule_id TEXT NOT NULL, rule_name TEXT NOT NULL, title TEXT NOT NULL,"
	" author TEXT NOT NULL, link TEXT NOT NULL, level INTEGER NOT NULL, tags TEXT NOT NULL,"
	" texts TEXT NOT NULL, to_contact INTEGER NOT NULL, entity TEXT NOT NULL,"
	" group_key TEXT NOT NULL, state TEXT NOT NULL, verdict TEXT NOT NULL,"
	" events INTEGER NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,"
	" created_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL,"
	" acknowledged_by TEXT NOT NULL DEFAULT '', acknowledged_ns INTEGER NOT NULL DEFAULT 0,"
	" closed_by TEXT NOT NULL DEFAULT '', closed_ns INTEGER NOT NULL DEFAULT 0,"
	" sample TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX alert_session ON alert(tenant, rule_id, group_key, last_ns);"
	"CREATE INDEX alert_created ON alert(created_ns);"
	"CREATE INDEX alert_open ON alert(state) WHERE state <> 'closed';"
	"CREATE TABLE alert_field("
	" alert_id TEXT NOT NULL REFERENCES alert(id), field TEXT NOT NULL,"
	" kept INTEGER NOT NULL, more INTEGER NOT NULL,"
	" PRIMARY KEY(alert_id, field)) WITHOUT ROWID;"
	"CREATE TABLE alert_value("
	" alert_id TEXT NOT NULL REFERENCES alert(id), field TEXT NOT NULL, value TEXT NOT NULL,"
	" count INTEGER NOT NULL, PRIMARY KEY(alert_id, field, value)) WITHOUT ROWID;"
	"CREATE TABLE alert_log("
	" seq INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, alert_id TEXT NOT NULL,"
	" tenant TEXT NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL);"
	"CREATE INDEX alert_log_alert ON alert_log(alert_id, seq);"
	"CREATE TRIGGER alert_log_no_update BEFORE UPDATE ON alert_log BEGIN"
	" SELECT raise(ABORT, 'the alert log is append-only'); END;"
	"CREATE TRIGGER alert_log_no_delete BEFORE DELETE ON alert_log BEGIN"
	" SELECT raise(ABORT, 'the alert log is append-only'); END;"
	"CREATE TABLE alert_log_head("
	" one INTEGER PRIMARY KEY CHECK(one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL);"
	"CREATE TABLE alert_position("
	" reader TEXT PRIMARY KEY, file INTEGER NOT NULL, offset INTEGER NOT NULL) WITHOUT ROWID;";

static const struct db_step steps[] = { { 1, schema_1 }, { 0, NULL } };
const struct db_module alert_db_module = { "alert", steps };

static const char *const stmt_sql[ST_COUNT] = {
	/* The session that a finding over ?4..?5 belongs to: the one that covers it, else the
	 * newest open one within the quiet time ?6 of it. */
	[ST_SESSION] = "SELECT id FROM alert WHERE tenant = ?1 AND rule_id = ?2 AND group_key = ?3"
		       " AND last_ns >= ?4 - ?6 AND first_ns <= ?5 + ?6"
		       " AND (state <> 'closed' OR (first_ns <= ?4 AND last_ns >= ?5))"
		       " ORDER BY first_ns <= ?4 AND last_ns >= ?5 DESC, last_ns DESC LIMIT 1",
	[ST_NEWEST] = "SELECT id, first_ns, last_ns, state <> 'closed' FROM alert"
		      " WHERE tenant = ?1 AND rule_id = ?2 AND group_key = ?3"
		      " ORDER BY last_ns DESC LIMIT 1",
	[ST_EXTEND] = "UPDATE alert SET events = events + ?2, first_ns = min(first_ns, ?3),"
		      " last_ns = max(last_ns, ?4), updated_ns = ?5 WHERE id = ?1",
	[ST_VALUE_COUNT] = "UPDATE alert_value SET count = count + ?4"
			   " WHERE alert_id = ?1 AND field = ?2 AND value = ?3",
	[ST_VALUE_ADD] = "INSERT INTO alert_value(alert_id, field, value, count)"
			 " VALUES (?1, ?2, ?3, ?4)",
	[ST_FIELD_ADD] =
		"INSERT INTO alert_field(alert_id, field, kept, more) VALUES (?1, ?2, 1, 0)"
		" ON CONFLICT DO UPDATE SET kept = kept + 1 WHERE kept < ?3",
	[ST_FIELD_MORE] = "UPDATE alert_field SET more = more + ?3"
			  " WHERE alert_id = ?1 AND field = ?2",
	[ST_OPEN] = "SELECT count(*) FROM alert WHERE state <> 'closed'",
	[ST_TOLD] = outbox_last_sql,
	[ST_LOG_ADD] = "INSERT INTO alert_log(seq, at_ns, alert_id, tenant, kind, detail, hash)"
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[ST_LOG_HEAD] = "SELECT seq, hash FROM alert_log_head",
	[ST_LOG_HEAD_SET] = "INSERT INTO alert_log_head(one, seq, hash) VALUES (1, ?1, ?2)"
			    " ON CONFLICT DO UPDATE SET seq = ?1, hash = ?2",
};

sqlite3_stmt *alert_stmt(struct alert_store *as, enum alert_stmt which, struct err *err)
{
	if (as->st[which] == NULL &&
	    sqlite3_prepare_v3(as->db, stmt_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
			       &as->st[which], NULL) != SQLITE_OK) {
		db_fail(as->db, "prepare a statement", err);
		return NULL;
	}
	sqlite3_reset(as->st[which]);
	sqlite3_clear_bindings(as->st[which]);
	return as->st[which];
}

int alert_stmt_run(struct alert_store *as, sqlite3_stmt *st, struct err *err)
{
	int r = db_next(as->db, st, err);

	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
}

static int count_open(struct alert_store *as, struct err *err)
{
	sqlite3_stmt *st = alert_stmt(as, ST_OPEN, err);
	int r = st != NULL ? db_next(as->db, st, err) : -1;

	if (r == 1)
		metric_set(&as->stats.open, (uint64_t)sqlite3_column_int64(st, 0));
	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
}

int alert_store_open(const char *db_path, struct alert_store **ret, struct err *err)
{
	/* A finding's transaction also finds contacts and queues messages. */
	static const struct db_module *const modules[] = { &registry_module, &alert_db_module,
							   &outbox_db_module, NULL };
	struct alert_store *as = calloc(1, sizeof(*as));

	if (as == NULL)
		return err_nomem(err);
	if (db_open(db_path, modules, &as->db, err) < 0 || count_open(as, err) < 0) {
		alert_store_close(as);
		return -1;
	}
	*ret = as;
	return 0;
}

void alert_store_close(struct alert_store *as)
{
	if (as == NULL)
		return;
	gather_forget(as);
	buf_release(&as->key);
	for (int i = 0; i < ST_COUNT; i++)
		sqlite3_finalize(as->st[i]);
	db_close(as->db);
	free(as);
}

sqlite3 *alert_store_db(struct alert_store *as)
{
	return as->db;
}

const struct alert_stats *alert_stats(const struct alert_store *as)
{
	return &as->stats;
}

int alert_begin(struct alert_store *as, struct err *err)
{
	gather_forget(as);
	return db_begin(as->db, err);
}

void alert_rollback(struct alert_store *as)
{
	gather_forget(as);
	db_rollback(as->db);
}

static int log_extensions(struct alert_store *as, struct err *err)
{
	struct alert_extension *ex, *tmp;
	char last[TIME_TEXT_MAX];

	HASH_ITER (hh, as->extended, ex, tmp) {
		time_format(ex->last_ns, last);
		if (alert_log(
			    as, ex->id, ex->tenant, "extended",
			    json_pack("{s:I, s:s}", "events", (json_int_t)ex->events, "last", last),
			    ex->now_ns, err) < 0)
			return -1;
	}
	return 0;
}

int alert_commit(struct alert_store *as, struct err *err)
{
	struct err ignored;
	size_t n = HASH_COUNT(as->extended);

	if (gather_settle(as, err) < 0 || log_extensions(as, err) < 0) {
		alert_rollback(as);
		return -1;
	}
	if (db_commit(as->db, err) < 0) {
		gather_forget(as);
		return -1;
	}
	metric_add(&as->stats.raised, as->raised);
	metric_add(&as->stats.extended, n);
	metric_add(&as->stats.events, as->added);
	gather_forget(as);
	count_open(as, &ignored); /* a gauge only: the commit stands */
	return 0;
}

int alert_enter(struct alert_store *as, bool *ret_own, struct err *err)
{
	*ret_own = sqlite3_get_autocommit(as->db) != 0;
	return *ret_own ? db_begin(as->db, err) : 0;
}

int alert_leave(struct alert_store *as, bool own, int r, struct err *err)
{
	if (!own)
		return r;
	if (r == 0)
		return db_commit(as->db, err);
	db_rollback(as->db);
	return r;
}

int alert_position_set(struct alert_store *as, const char *reader, struct seg_pos pos,
		       struct err *err)
{
	return db_run(as->db, err,
		      "INSERT INTO alert_position(reader, file, offset) VALUES (?1, ?2, ?3)"
		      " ON CONFLICT DO UPDATE SET file = ?2, offset = ?3",
		      "tii", reader, (int64_t)pos.file, (int64_t)pos.offset);
}

/* A reader that has no position yet stands at the beginning: {0, 0}. */
int alert_position_get(struct alert_store *as, const char *reader, struct seg_pos *ret,
		       struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(as->db, &st, err,
			 "SELECT file, offset FROM alert_position WHERE reader = ?", "t", reader);

	if (r == 0)
		r = db_next(as->db, st, err);
	if (r == 0)
		*ret = (struct seg_pos){ 0, 0 };
	if (r == 1)
		*ret = (struct seg_pos){ (uint64_t)sqlite3_column_int64(st, 0),
					 (uint64_t)sqlite3_column_int64(st, 1) };
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

void alert_metrics(const struct alert_stats *st, struct buf *out)
{
	metrics_family(out, "vartio_alerts_raised", "counter", "Alerts raised.");
	metrics_u64(out, "vartio_alerts_raised_total", metric_get(&st->raised), NULL);
	metrics_family(out, "vartio_alerts_extended", "counter",
		       "Alerts extended by further events, once a commit.");
	metrics_u64(out, "vartio_alerts_extended_total", metric_get(&st->extended), NULL);
	metrics_family(out, "vartio_alerts_events", "counter", "Events that alerts stand for.");
	metrics_u64(out, "vartio_alerts_events_total", metric_get(&st->events), NULL);
	metrics_family(out, "vartio_alerts_passed_over", "counter",
		       "Findings below their threshold that had no open alert to extend.");
	metrics_u64(out, "vartio_alerts_passed_over_total", metric_get(&st->passed_over), NULL);
	metrics_family(out, "vartio_alerts_open", "gauge", "Alerts not closed.");
	metrics_u64(out, "vartio_alerts_open", metric_get(&st->open), NULL);
}

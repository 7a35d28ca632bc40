/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/alertlog.c: the append-only alert log and its hash chain. A row's hash is
 * SHA-256(hash of the row before || canonical JSON of this row); the first row stands on 32 zero
 * bytes. Canonical: keys sorted, no spaces, as Jansson writes with JSON_COMPACT | JSON_SORT_KEYS.
 */
#include "collector/alert/store.h"

#include <stdlib.h>

#include "common/base/hash.h"

#define LOG_JSON (JSON_COMPACT | JSON_SORT_KEYS)

struct head {
	int64_t seq;
	uint8_t hash[SHA256_LEN];
};

static int head_read(struct alert_store *as, struct head *ret, struct err *err)
{
	sqlite3_stmt *st = alert_stmt(as, ST_LOG_HEAD, err);
	int r = st != NULL ? db_next(as->db, st, err) : -1;

	*ret = (struct head){ 0 };
	if (r == 1 && sqlite3_column_bytes(st, 1) != SHA256_LEN)
		r = err_set(err, ERR_SYNTAX, "the alert log's head is damaged");
	if (r == 1) {
		ret->seq = sqlite3_column_int64(st, 0);
		memcpy(ret->hash, sqlite3_column_blob(st, 1), SHA256_LEN);
	}
	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
}

/* Turns *chain from the hash of the row before into this row's. */
static int chain_next(uint8_t chain[SHA256_LEN], int64_t seq, int64_t at_ns, const char *alert_id,
		      const char *tenant, const char *kind, const char *detail, struct err *err)
{
	json_t *row = json_pack("{s:I, s:I, s:s, s:s, s:s, s:s}", "seq", (json_int_t)seq, "at_ns",
				(json_int_t)at_ns, "alert", alert_id, "tenant", tenant, "kind",
				kind, "detail", detail);
	char *text = row != NULL ? json_dumps(row, LOG_JSON) : NULL;
	struct buf b = { 0 };
	int r = -1;

	buf_put(&b, chain, SHA256_LEN);
	if (text != NULL)
		buf_str(&b, text);
	if (text == NULL || b.failed) {
		err_set(err, ERR_NOMEM, "alert log row %lld cannot be written as JSON",
			(long long)seq);
	} else {
		sha256(buf_view(&b), chain);
		r = 0;
	}
	buf_release(&b);
	free(text);
	json_decref(row);
	return r;
}

static int row_write(struct alert_store *as, const struct head *h, const char *alert_id,
		     const char *tenant, const char *kind, const char *detail, int64_t now_ns,
		     struct err *err)
{
	const char *const texts[] = { alert_id, tenant, kind, detail };
	sqlite3_stmt *st = alert_stmt(as, ST_LOG_ADD, err);

	if (st == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, h->seq);
	sqlite3_bind_int64(st, 2, now_ns);
	for (int i = 0; i < 4; i++)
		sqlite3_bind_text(st, 3 + i, texts[i], -1, SQLITE_TRANSIENT);
	sqlite3_bind_blob(st, 7, h->hash, SHA256_LEN, SQLITE_TRANSIENT);
	if (alert_stmt_run(as, st, err) < 0)
		return -1;
	st = alert_stmt(as, ST_LOG_HEAD_SET, err);
	if (st == NULL)
		return -1;
	sqlite3_bind_int64(st, 1, h->seq);
	sqlite3_bind_blob(st, 2, h->hash, SHA256_LEN, SQLITE_TRANSIENT);
	return alert_stmt_run(as, st, err);
}

static int append(struct alert_store *as, const char *alert_id, const char *tenant,
		  const char *kind, const char *detail, int64_t now_ns, struct err *err)
{
	struct head h;

	if (head_read(as, &h, err) < 0)
		return -1;
	h.seq++;
	if (chain_next(h.hash, h.seq, now_ns, alert_id, tenant, kind, detail, err) < 0)
		return -1;
	return row_write(as, &h, alert_id, tenant, kind, detail, now_ns, err);
}

int alert_log(struct alert_store *as, const char *alert_id, const char *tenant, const char *kind,
	      json_t *detail, int64_t now_ns, struct err *err)
{
	char *text = detail != NULL ? json_dumps(detail, LOG_JSON) : NULL;
	bool own = false;
	int r = -1;

	if (text == NULL) {
		err_nomem(err);
		goto out;
	}
	if (alert_enter(as, &own, err) < 0)
		goto out;
	r = append(as, alert_id, tenant, kind, text, now_ns, err);
	r = alert_leave(as, own, r, err);
out:
	free(text);
	json_decref(detail);
	return r;
}

int alert_log_each(struct alert_store *as, const char *alert_id,
		   int (*each)(void *arg, int64_t seq, int64_t at_ns, const char *kind,
			       const char *detail),
		   void *arg, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(as->db, &st, err,
			 "SELECT seq, at_ns, kind, detail FROM alert_log WHERE alert_id = ?"
			 " ORDER BY seq",
			 "t", alert_id);

	while (r == 0 && (r = db_next(as->db, st, err)) == 1)
		r = each(arg, sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1),
			 db_text(st, 2), db_text(st, 3)) != 0;
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

static int altered(int64_t seq, struct err *err)
{
	return err_set(err, ERR_SYNTAX,
		       "the alert log was altered: row %lld or the one before it is not what was "
		       "written",
		       (long long)seq);
}

static int verify_row(sqlite3_stmt *st, struct head *h, struct err *err)
{
	int64_t seq = sqlite3_column_int64(st, 0);
	const void *hash;

	if (seq != h->seq + 1)
		return err_set(
			err, ERR_SYNTAX,
			"the alert log was altered: row %lld is missing (row %lld stands there)",
			(long long)h->seq + 1, (long long)seq);
	/* Text behind a NUL byte would not be seen by what follows. */
	for (int i = 2; i <= 5; i++)
		if ((size_t)sqlite3_column_bytes(st, i) != strlen(db_text(st, i)))
			return altered(seq, err);
	if (chain_next(h->hash, seq, sqlite3_column_int64(st, 1), db_text(st, 2), db_text(st, 3),
		       db_text(st, 4), db_text(st, 5), err) < 0)
		return altered(seq, err);
	hash = sqlite3_column_blob(st, 6);
	if (sqlite3_column_bytes(st, 6) != SHA256_LEN || memcmp(hash, h->hash, SHA256_LEN) != 0)
		return altered(seq, err);
	h->seq = seq;
	return 0;
}

int alert_log_verify(struct alert_store *as, uint64_t *ret_rows, struct err *err)
{
	struct head h = { 0 }, kept;
	sqlite3_stmt *st = NULL;
	bool own = sqlite3_get_autocommit(as->db) != 0;
	int r;

	/* One reading transaction, so that a row being appended is not taken for a missing one. */
	if (own && db_run(as->db, err, "BEGIN", "") < 0)
		return -1;
	r = head_read(as, &kept, err);
	if (r == 0)
		r = db_query(as->db, &st, err,
			     "SELECT seq, at_ns, alert_id, tenant, kind, detail, hash"
			     " FROM alert_log ORDER BY seq",
			     "");
	while (r == 0 && (r = db_next(as->db, st, err)) == 1)
		r = verify_row(st, &h, err);
	sqlite3_finalize(st);
	if (r == 0 && (h.seq != kept.seq || memcmp(h.hash, kept.hash, SHA256_LEN) != 0))
		r = err_set(
			err, ERR_SYNTAX,
			"the alert log was altered: it ends at row %lld, its head says row %lld",
			(long long)h.seq, (long long)kept.seq);
	if (own)
		db_rollback(as->db);
	if (r == 0)
		*ret_rows = (uint64_t)h.seq;
	return r;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/alertlog.c: the log only grows, and whoever changes it behind our back is found.
 */
#include "tests/cmocka.h"

#include "tests/collector/alerts.h"

#include "common/base/hash.h"

#define ROWS 6

static void fill(struct alert_store *as)
{
	struct err err;

	for (int i = 0; i < ROWS; i++)
		assert_int_equal(alert_log(as, i % 2 == 0 ? "aa" : "bb", "mallila", "sent",
					   json_pack("{s:s, s:i}", "to", "maija@mallila.example",
						     "attempt", i),
					   T0 + i * SEC, &err),
				 0);
}

static void run(struct alert_store *as, const char *sql)
{
	char *msg = NULL;

	if (sqlite3_exec(alert_store_db(as), sql, NULL, NULL, &msg) != SQLITE_OK)
		fail_msg("%s: %s", sql, msg);
}

#define OPEN_UP "DROP TRIGGER alert_log_no_update; DROP TRIGGER alert_log_no_delete; "

static const struct {
	const char *sql, *says;
} tampers[] = {
	{ "UPDATE alert_log SET detail = '{}' WHERE seq = 3", "row 3" },
	{ "UPDATE alert_log SET detail = detail || char(0) || 'x' WHERE seq = 3", "row 3" },
	{ "UPDATE alert_log SET detail = CAST(x'ff' AS TEXT) WHERE seq = 3", "row 3" },
	{ "UPDATE alert_log SET at_ns = at_ns + 1 WHERE seq = 1", "row 1" },
	{ "UPDATE alert_log SET kind = 'failed' WHERE seq = 6", "row 6" },
	{ "UPDATE alert_log SET tenant = 'muumila' WHERE seq = 2", "row 2" },
	{ "UPDATE alert_log SET alert_id = 'bb' WHERE seq = 5", "row 5" },
	{ "UPDATE alert_log SET hash = zeroblob(32) WHERE seq = 4", "row 4" },
	{ "UPDATE alert_log SET hash = x'00' WHERE seq = 4", "row 4" },
	{ "DELETE FROM alert_log WHERE seq = 1", "row 1" },
	{ "DELETE FROM alert_log WHERE seq = 4", "row 4" },
	{ "DELETE FROM alert_log WHERE seq = 6", "ends at row 5" },
	{ "DELETE FROM alert_log", "ends at row 0" },
	{ "DELETE FROM alert_log_head", "ends at row 6" },
	{ "UPDATE alert_log_head SET hash = zeroblob(32)", "head" },
	{ "UPDATE alert_log_head SET hash = x''", "head" },
	{ "UPDATE alert_log SET seq = 99 WHERE seq = 2; UPDATE alert_log SET seq = 2 WHERE seq = 3;"
	  " UPDATE alert_log SET seq = 3 WHERE seq = 99",
	  "row 2" },
	{ "INSERT INTO alert_log SELECT 7, at_ns, alert_id, tenant, kind, detail, hash FROM "
	  "alert_log"
	  " WHERE seq = 6",
	  "row 7" },
	{ "INSERT INTO alert_log SELECT 0, at_ns, alert_id, tenant, kind, detail, hash FROM "
	  "alert_log"
	  " WHERE seq = 1",
	  "row 1 is missing (row 0" },
};

static void test_tamper(void **state)
{
	struct err err;
	uint64_t rows;

	for (size_t i = 0; i < sizeof(tampers) / sizeof(tampers[0]); i++) {
		struct store_place pl;

		place_open(&pl);
		fill(pl.as);
		assert_int_equal(alert_log_verify(pl.as, &rows, &err), 0);
		assert_int_equal(rows, ROWS);
		run(pl.as, OPEN_UP);
		run(pl.as, tampers[i].sql);
		if (alert_log_verify(pl.as, &rows, &err) == 0)
			fail_msg("not found: %s", tampers[i].sql);
		assert_int_equal(err.code, ERR_SYNTAX);
		if (strstr(err.msg, tampers[i].says) == NULL)
			fail_msg("%s: %s", tampers[i].sql, err.msg);
		place_close(&pl);
	}
}

static void test_append_only(void **state)
{
	static const char *const sql[] = { "UPDATE alert_log SET kind = 'x' WHERE seq = 2",
					   "DELETE FROM alert_log WHERE seq = 2",
					   "DELETE FROM alert_log" };
	struct store_place pl;
	struct err err;
	uint64_t rows;

	place_open(&pl);
	assert_int_equal(alert_log_verify(pl.as, &rows, &err), 0);
	assert_int_equal(rows, 0);
	fill(pl.as);
	for (size_t i = 0; i < 3; i++)
		assert_int_not_equal(sqlite3_exec(alert_store_db(pl.as), sql[i], 0, 0, 0),
				     SQLITE_OK);
	assert_int_equal(alert_log_verify(pl.as, &rows, &err), 0);
	assert_int_equal(rows, ROWS);
	place_close(&pl);
}

/* The format is a promise to auditors: this row's hash, worked out by hand with sha256sum. */
static void test_known_hash(void **state)
{
	sqlite3_stmt *st = NULL;
	struct store_place pl;
	struct buf hex = { 0 };
	struct err err;

	place_open(&pl);
	assert_int_equal(
		alert_log(pl.as, "aa", "mallila", "sent", json_pack("{s:i}", "n", 1), 5, &err), 0);
	assert_int_equal(
		db_query(alert_store_db(pl.as), &st, &err, "SELECT hash FROM alert_log", ""), 0);
	assert_int_equal(db_next(alert_store_db(pl.as), st, &err), 1);
	hex_put(&hex, sqlite3_column_blob(st, 0), SHA256_LEN);
	assert_slice(buf_view(&hex),
		     "dbfd92dc7386ba4fc869c17d5ba8584acf1214721eb83433bd0d13811efdaf4a");
	sqlite3_finalize(st);
	buf_release(&hex);
	place_close(&pl);
}

struct seen {
	unsigned n;
	int64_t last;
};

static int each_row(void *arg, int64_t seq, int64_t at_ns, const char *kind, const char *detail)
{
	struct seen *s = arg;

	assert_true(seq > s->last);
	s->last = seq;
	assert_string_equal(kind, "sent");
	assert_non_null(strstr(detail, "maija@mallila.example"));
	return ++s->n == 2; /* stops here */
}

static void test_each(void **state)
{
	struct seen s = { 0, 0 };
	struct store_place pl;
	struct err err;

	place_open(&pl);
	fill(pl.as);
	assert_int_equal(alert_log_each(pl.as, "aa", each_row, &s, &err), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.last, 3); /* rows 1 and 3 are aa's */
	place_close(&pl);
}

int main(void)
{
	const struct CMUnitTest alertlog_tests[] = {
		cmocka_unit_test(test_tamper),
		cmocka_unit_test(test_append_only),
		cmocka_unit_test(test_known_hash),
		cmocka_unit_test(test_each),
	};

	return RUN_TESTS(alertlog_tests);
}

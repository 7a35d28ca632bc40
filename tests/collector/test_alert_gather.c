/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/gather.c: findings of a batch are written together, and give the alerts that they
 * give one by one. Sequences are drawn from seeds, which are printed: late events, quiet hours,
 * alerts that people close, more values than an alert keeps. And no statement of the path of
 * findings and messages reads a table from end to end. */
#include "tests/cmocka.h"

#include <stdlib.h>

#include "collector/alert/outbox.h"
#include "collector/alert/store.h"
#include "tests/collector/alerts.h"

static unsigned seed;

static unsigned roll(unsigned below)
{
	return (unsigned)rand_r(&seed) % below;
}

struct drawn {
	const char *tenant, *host;
	char ip[24], user[24];
	bool holds;
	int64_t at_ns;
};

/* Time goes on by seconds, now and then by hours, and back. */
static struct drawn draw(int64_t *clock_ns, unsigned users)
{
	static const char *const tenants[] = { "mallila", "muumila" };
	static const char *const hosts[] = { "vpn1", "vpn2", "fs1" };
	bool one = users > ALERT_DISTINCT_MAX; /* all of them in one alert */
	struct drawn d = { .tenant = tenants[one ? 0 : roll(2)], .host = hosts[one ? 0 : roll(3)] };

	*clock_ns += roll(20) * SEC + (!one && roll(15) == 0 ? roll(4) * HOUR : 0);
	d.at_ns = *clock_ns - (roll(5) == 0 ? roll(200) * MINUTE : 0);
	d.holds = roll(3) > 0;
	snprintf(d.ip, sizeof(d.ip), "192.0.2.%u", roll(9));
	snprintf(d.user, sizeof(d.user), "user-%u", roll(users));
	return d;
}

static void take(struct alert_store *as, const struct drawn *d, unsigned n, int64_t now_ns)
{
	struct hand h;
	struct err err;
	char id[33];
	bool is_new;

	hand(&h, d->tenant, d->host, d->ip, d->user, n, d->at_ns);
	h.f.holds = d->holds;
	if (alert_apply(as, &h.f, now_ns, SESSION, &is_new, id, &err) < 0)
		fail_msg("%s", err.msg);
}

static void begin(struct alert_store *as)
{
	struct err err;

	if (alert_begin(as, &err) < 0)
		fail_msg("%s", err.msg);
}

static void commit(struct alert_store *as)
{
	struct err err;

	if (alert_commit(as, &err) < 0)
		fail_msg("%s", err.msg);
}

/* A person closes one of those that are open. */
static void close_one(struct alert_store *a, struct alert_store *b, int64_t now_ns)
{
	sqlite3_stmt *st = NULL;
	struct err err;
	char id[33] = "";

	assert_int_equal(
		sqlite3_prepare_v2(alert_store_db(a),
				   "SELECT id FROM alert WHERE state <> 'closed' ORDER BY id", -1,
				   &st, NULL),
		SQLITE_OK);
	for (unsigned skip = roll(3); sqlite3_step(st) == SQLITE_ROW; skip--) {
		snprintf(id, sizeof(id), "%s", (const char *)sqlite3_column_text(st, 0));
		if (skip == 0)
			break;
	}
	sqlite3_finalize(st);
	if (id[0] == '\0')
		return;
	assert_int_equal(alert_close(a, id, "Aino", VERDICT_ATTACK, "cli", now_ns, &err), 0);
	assert_int_equal(alert_close(b, id, "Aino", VERDICT_ATTACK, "cli", now_ns, &err), 0);
}

static void dump(struct alert_store *as, struct buf *out)
{
	static const char *const what[] = {
		"SELECT * FROM alert ORDER BY id",
		"SELECT * FROM alert_value ORDER BY 1, 2, 3",
		"SELECT * FROM alert_field ORDER BY 1, 2",
		"SELECT alert_id, at_ns, kind, detail FROM alert_log WHERE kind <> 'extended'"
		" ORDER BY 1, 2, 3",
		"SELECT alert_id, sum(json_extract(detail, '$.events')) FROM alert_log"
		" WHERE kind = 'extended' GROUP BY 1 ORDER BY 1",
	};
	sqlite3_stmt *st;

	buf_reset(out);
	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
		assert_int_equal(sqlite3_prepare_v2(alert_store_db(as), what[i], -1, &st, NULL),
				 SQLITE_OK);
		while (sqlite3_step(st) == SQLITE_ROW) {
			for (int k = 0; k < sqlite3_column_count(st); k++) {
				const char *text = (const char *)sqlite3_column_text(st, k);

				buf_str(out, text != NULL ? text : "NULL");
				buf_chr(out, '|');
			}
			buf_chr(out, '\n');
		}
		sqlite3_finalize(st);
	}
	assert_false(out->failed);
}

static unsigned n_more; /* sequences in which a field had more values than are kept */

static void compare(struct alert_store *single, struct alert_store *batches, unsigned of_seed)
{
	struct buf a = { 0 }, b = { 0 };
	struct slice x, y;

	dump(single, &a);
	dump(batches, &b);
	x = buf_view(&a);
	y = buf_view(&b);
	assert_true(x.n > 0);
	n_more += slice_find(x, SLICE("|user.name|1000|")) >= 0;
	while (!slice_eq(x, y)) {
		ssize_t n = slice_chr(x, '\n'), m = slice_chr(y, '\n');
		struct slice p = { x.p, n > 0 ? (size_t)n : 0 }, q = { y.p, m > 0 ? (size_t)m : 0 };

		if (!slice_eq(p, q))
			fail_msg("seed %u\none by one: %.*s\ntogether:   %.*s", of_seed,
				 SLICE_FMT(p), SLICE_FMT(q));
		x = slice_from(x, p.n + 1);
		y = slice_from(y, q.n + 1);
	}
	buf_release(&a);
	buf_release(&b);
}

/* No power is lost here, and thousands of commits need not wait for the disk. */
static void place_unsynced(struct store_place *pl)
{
	place_open(pl);
	assert_int_equal(
		sqlite3_exec(alert_store_db(pl->as), "PRAGMA synchronous = OFF", NULL, NULL, NULL),
		SQLITE_OK);
}

static void sequence(unsigned of_seed, unsigned n, unsigned batch, unsigned users)
{
	struct store_place single, batches;
	int64_t clock_ns = T0;
	struct err err;

	seed = of_seed;
	place_unsynced(&single);
	place_unsynced(&batches);
	for (unsigned i = 0; i < n;) {
		unsigned end = i + 1 + roll(batch);

		begin(batches.as);
		for (; i < end && i < n; i++) {
			struct drawn d = draw(&clock_ns, users);

			begin(single.as);
			take(single.as, &d, i, clock_ns);
			commit(single.as);
			take(batches.as, &d, i, clock_ns);
			if (roll(20) == 0) /* as when rows are read within the transaction */
				assert_int_equal(alert_settle(batches.as, &err), 0);
		}
		commit(batches.as);
		if (users <= ALERT_DISTINCT_MAX && roll(4) == 0)
			close_one(single.as, batches.as, clock_ns);
	}
	compare(single.as, batches.as, of_seed);
	place_close(&single);
	place_close(&batches);
}

static void test_together_as_one_by_one(void **state)
{
	const char *from = getenv("VARTIO_SEED");
	unsigned first = from != NULL ? (unsigned)strtoul(from, NULL, 10) : 1, many = 15;

	print_message("# seeds %u to %u (VARTIO_SEED sets the first)\n", first, first + many - 1);
	for (unsigned i = first; i < first + many; i++)
		sequence(i, 200, 1 + i * i % 60, 20);
}

/* More values than an alert keeps: which ones are kept is the same, too. */
static void test_more_values_than_are_kept(void **state)
{
	sequence(7, 2500, 300, 1u << 30);
	assert_int_equal(n_more, 1);
}

/* --- the statements --- */

/* Which may be walked, and why it stays short. */
static const char *const short_walks[] = {
	"SCAN alert_log_head",                        /* one row */
	"SCAN alert USING COVERING INDEX alert_open", /* alerts that are open */
	"SCAN outbox USING INDEX outbox_due",         /* messages that wait */
};

static unsigned n_explained;

static void explain(sqlite3 *db, const char *sql)
{
	struct buf text = { 0 };
	sqlite3_stmt *st = NULL;

	buf_printf(&text, "EXPLAIN QUERY PLAN %s", sql);
	if (sqlite3_prepare_v2(db, buf_cstr(&text), -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *step = (const char *)sqlite3_column_text(st, 3);
		bool ok = strncmp(step, "SCAN", 4) != 0;

		for (size_t i = 0; i < sizeof(short_walks) / sizeof(short_walks[0]); i++)
			ok = ok || strcmp(step, short_walks[i]) == 0;
		if (!ok)
			fail_msg("%s\nin: %s", step, sql);
	}
	sqlite3_finalize(st);
	buf_release(&text);
	n_explained++;
}

#define RUN_MAX 64
static char *run_sql[RUN_MAX];
static unsigned n_run;

static int on_run(unsigned what, void *arg, void *stmt, void *text)
{
	const char *sql = sqlite3_sql(stmt);

	for (unsigned i = 0; i < n_run; i++)
		if (strcmp(run_sql[i], sql) == 0)
			return 0;
	if (n_run < RUN_MAX)
		run_sql[n_run++] = strdup(sql);
	return 0;
}

static int no_contact(void *arg, const struct contact *c)
{
	return 0;
}

static void run_outbox(sqlite3 *db)
{
	const struct contact to = { .id = 1,
				    .tenant = "mallila",
				    .tenant_name = "Mallila",
				    .name = "Aino",
				    .email = "aino@mallila.example",
				    .lang = LANG_FI };
	struct arena mem = { 0 };
	struct outbox_row row;
	int64_t next;
	uint64_t n;
	struct err err;
	bool added;

	assert_int_equal(outbox_add(db, "aa", &to, 0, 1, T0, &added, &err), 0);
	assert_int_equal(outbox_recipients(db, "aa", no_contact, NULL, &err), 0);
	assert_int_equal(outbox_late(db, T0 + SEC, &mem, &row, &err), 1);
	assert_int_equal(outbox_count_late(db, &n, &err), 0);
	assert_int_equal(outbox_next(db, T0, &mem, &row, &next, &err), 1);
	assert_int_equal(outbox_retry(db, row.id, true, "down", T0 + SEC, &err), 0);
	assert_int_equal(outbox_hold(db, T0, T0 + SEC, &err), 0);
	assert_int_equal(outbox_release(db, &err), 0);
	assert_int_equal(outbox_clock(db, T0, SEC, SEC, &err), 0);
	assert_int_equal(outbox_waiting(db, T0, &n, &next, &err), 0);
	assert_int_equal(outbox_sent(db, row.id, 1, SLICE("x"), "250", T0, &err), 0);
	assert_int_equal(outbox_ended(db, row.id, "dropped", "late", T0, &err), 0);
	arena_release(&mem);
}

static void test_no_statement_reads_all(void **state)
{
	struct store_place pl;
	struct err err;
	struct hand h;
	sqlite3 *db;
	char id[33];

	place_open(&pl);
	db = alert_store_db(pl.as);
	for (int i = 0; i < ST_COUNT; i++) {
		sqlite3_stmt *st = alert_stmt(pl.as, (enum alert_stmt)i, &err);

		assert_non_null(st);
		explain(db, sqlite3_sql(st));
	}
	sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_run, NULL);
	assert_true(apply(pl.as, hand(&h, "mallila", "vpn1", "192.0.2.7", "a", 1, T0), id));
	assert_false(apply(pl.as, hand(&h, "mallila", "vpn1", "192.0.2.7", "b", 2, T0 + SEC), id));
	assert_int_equal(alert_acknowledge(pl.as, id, "Aino", "cli", T0, &err), 0);
	assert_int_equal(alert_close(pl.as, id, "Aino", VERDICT_ATTACK, "cli", T0, &err), 0);
	run_outbox(db);
	sqlite3_trace_v2(db, 0, NULL, NULL);
	assert_true(n_run > 15 && n_run < RUN_MAX);
	for (unsigned i = 0; i < n_run; i++) {
		if (strncmp(run_sql[i], "BEGIN", 5) != 0 && strncmp(run_sql[i], "COMMIT", 6) != 0 &&
		    strncmp(run_sql[i], "PRAGMA", 6) != 0 && strncmp(run_sql[i], "--", 2) != 0)
			explain(db, run_sql[i]);
		free(run_sql[i]);
	}
	assert_true(n_explained > ST_COUNT + 12);
	place_close(&pl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_together_as_one_by_one),
		cmocka_unit_test(test_more_values_than_are_kept),
		cmocka_unit_test(test_no_statement_reads_all),
	};
	return RUN_TESTS(tests);
}

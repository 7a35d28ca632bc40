/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/db: making, upgrading and refusing databases; binding. */
#include "tests/cmocka.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "collector/tenant/db.h"

static char dir[64], path[96];

static int set_up(void **state)
{
	strcpy(dir, "/tmp/vartio-db-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/collector.db", dir);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "", "-wal", "-shm" };
	char name[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, names[i]);
		unlink(name);
	}
	return rmdir(dir);
}

static const struct db_step one[] = {
	{ 1, "CREATE TABLE a (x INTEGER PRIMARY KEY, t TEXT) STRICT" }, { 0, NULL }
};
static const struct db_step two[] = {
	{ 1, "CREATE TABLE a (x INTEGER PRIMARY KEY, t TEXT) STRICT" },
	{ 2, "ALTER TABLE a ADD COLUMN b BLOB; INSERT INTO a(x, t) VALUES (7, 'seven')" },
	{ 0, NULL }
};
static const struct db_step other[] = { { 1, "CREATE TABLE o (y INTEGER) STRICT" }, { 0, NULL } };
static const struct db_step broken[] = { { 1, "CREATE TABLE fine (y INTEGER); CREATE TABLE (" },
					 { 0, NULL } };
static const struct db_module mod_one = { "a", one }, mod_two = { "a", two };
static const struct db_module mod_other = { "o", other }, mod_broken = { "b", broken };

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;
	struct err err;
	int64_t v;

	assert_int_equal(db_query(db, &st, &err, sql, ""), 0);
	assert_int_equal(db_next(db, st, &err), 1);
	v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

static void test_upgrade(void **state)
{
	const struct db_module *first[] = { &mod_one, NULL },
			       *both[] = { &mod_two, &mod_other, NULL };
	sqlite3 *db = NULL, *again = NULL;
	struct err err = { 0 };
	struct stat st;

	assert_int_equal(db_open(path, first, &db, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(number(db, "PRAGMA synchronous"), 2);
	assert_int_equal(number(db, "PRAGMA foreign_keys"), 1);
	assert_int_equal(number(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	/* A second handle brings one module up and adds another while the first is open. */
	assert_int_equal(db_open(path, both, &again, &err), 0);
	assert_int_equal(number(again, "SELECT x FROM a WHERE t = 'seven'"), 7);
	assert_int_equal(number(again, "SELECT count(*) FROM o"), 0);
	assert_int_equal(number(db, "SELECT version FROM schema WHERE module = 'a'"), 2);
	db_close(again);
	db_close(db);
	/* Running the steps again would fail: the table exists. */
	assert_int_equal(db_open(path, both, &db, &err), 0);
	assert_int_equal(number(db, "SELECT count(*) FROM a"), 1);
	db_close(db);
	db = NULL;
	assert_int_equal(db_open(path, first, &db, &err), -1);
	assert_int_equal(err.code, ERR_NEWER);
	assert_null(db);
}

static void test_broken_step_changes_nothing(void **state)
{
	const struct db_module *mods[] = { &mod_one, &mod_broken, NULL },
			       *good[] = { &mod_one, NULL };
	sqlite3 *db = NULL;
	struct err err = { 0 };

	assert_int_equal(db_open(path, mods, &db, &err), -1);
	assert_int_equal(db_open(path, good, &db, &err), 0);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'fine'"), 0);
	db_close(db);
}

static void test_refused(void **state)
{
	const struct db_module *mods[] = { &mod_one, NULL };
	sqlite3 *db = NULL;
	struct err err = { 0 };
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (int i = 0; i < 100; i++)
		fputs("this is not a database\n", f);
	fclose(f);
	assert_int_equal(db_open(path, mods, &db, &err), -1);
	assert_int_equal(err.code, ERR_SYNTAX);
	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE theirs (x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(db_open(path, mods, &db, &err), -1);
	assert_int_equal(err.code, ERR_SYNTAX);
	assert_int_equal(db_open("/nonexistent/folder/x.db", mods, &db, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
}

static void test_values(void **state)
{
	const struct db_module *mods[] = { &mod_two, NULL };
	const struct slice blob = { "a\0b", 3 }, text = { "h\xc3\xa4t\xc3\xa4!", 6 };
	sqlite3 *db = NULL;
	sqlite3_stmt *st;
	struct err err = { 0 };

	assert_int_equal(db_open(path, mods, &db, &err), 0);
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(db_run(db, &err, "INSERT INTO a(x, t, b) VALUES (?, ?, ?)", "isb",
				INT64_C(1) << 40, text, blob),
			 0);
	assert_int_equal(db_run(db, &err, "INSERT INTO a(x, t) VALUES (?, ?)", "it",
				INT64_C(1) << 40, "again"),
			 -1);
	assert_int_equal(err.code, ERR_EXISTS);
	assert_int_equal(db_commit(db, &err), 0);
	db_rollback(db); /* none is open */
	assert_int_equal(
		db_query(db, &st, &err, "SELECT t, b FROM a WHERE x = ?", "i", INT64_C(1) << 40),
		0);
	assert_int_equal(db_next(db, st, &err), 1);
	assert_string_equal(db_text(st, 0), "h\xc3\xa4t\xc3\xa4");
	assert_int_equal(sqlite3_column_bytes(st, 1), 3);
	assert_memory_equal(sqlite3_column_blob(st, 1), "a\0b", 3);
	assert_int_equal(db_next(db, st, &err), 0);
	sqlite3_finalize(st);
	db_close(db);
}

/* An outsider (a backup) may look at and leave the database at any time: it must not think that it
 * was the last one, and remove the -wal that the daemon still writes to. */
static void test_another_handle_keeps_the_locks(void **state)
{
	const struct db_module *mods[] = { &mod_one, NULL };
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	sqlite3 *db = NULL, *again = NULL;
	struct err err = { 0 };
	int fd;

	assert_int_equal(db_open(path, mods, &db, &err), 0);
	assert_int_equal(number(db, "SELECT count(*) FROM a"), 0);
	assert_int_equal(db_open(path, mods, &again, &err), 0);
	db_close(again);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_GETLK, &lock), 0);
	assert_int_equal(lock.l_type, F_RDLCK);
	close(fd);
	db_close(db);
}

static _Atomic bool other_is_in;
static _Thread_local long slower; /* how many times as long this thread sleeps; 0: as it wants */

/* On a machine with much to do a thread is woken late. */
int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	struct timespec t = *wanted;

	t.tv_nsec *= slower > 0 ? slower : 1;
	return clock_nanosleep(CLOCK_MONOTONIC, 0, &t, left) == 0 ? 0 : -1;
}

static void *other_writer(void *arg)
{
	sqlite3 *db = arg;
	struct err err;

	slower = 20;
	if (db_begin(db, &err) == 0)
		other_is_in = true;
	db_rollback(db);
	return NULL;
}

/* A thread that writes without a pause lets another in, however late that one asks: long before
 * SQLite's patience ends. */
static void test_writers_take_turns(void **state)
{
	const struct db_module *mods[] = { &mod_one, NULL };
	sqlite3 *db = NULL, *again = NULL;
	pthread_t thread;
	struct err err = { 0 };
	int turns = 0;

	assert_int_equal(db_open(path, mods, &db, &err), 0);
	assert_int_equal(db_open(path, mods, &again, &err), 0);
	assert_int_equal(db_begin(db, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, other_writer, again), 0);
	for (; turns < 50 && !other_is_in; turns++) {
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		assert_int_equal(db_commit(db, &err), 0);
		assert_int_equal(db_begin(db, &err), 0);
	}
	db_rollback(db);
	assert_true(turns < 50);
	pthread_join(thread, NULL);
	db_close(again);
	db_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_upgrade, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken_step_changes_nothing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_writers_take_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_handle_keeps_the_locks, set_up,
						tear_down),
	};

	return RUN_TESTS(tests);
}

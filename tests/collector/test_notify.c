/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert: who is told, when, how often, and what happens when telling fails. The clock is
 * the test's; messages go to a Maildir folder. */
#include "tests/cmocka.h"

#include "tests/collector/alerts.h"

#include <dirent.h>
#include <sys/stat.h>

#include "collector/alert/notifier.h"
#include "collector/alert/outbox.h"
#include "collector/tenant/registry.h"
#include "common/base/file.h"
#include "common/base/log.h"

struct post {
	struct store_place pl;
	struct notify_conf conf;
	struct registry *rg;
	struct notifier *nt;
	char maildir[96];
};

static void post_open(struct post *p)
{
	struct err err;

	place_open(&p->pl);
	snprintf(p->maildir, sizeof(p->maildir), "%s/maildir", p->pl.dir);
	p->conf = (struct notify_conf){ .region_name = "Seutu-IT Oy",
					.region_phone = "+358 9 123 4567",
					.region_email = "valvonta@region.example",
					.region_lang = LANG_EN,
					.from = "vartio@region.example",
					.maildir = p->maildir,
					.additions_ms = 300000,
					.max_age_ms = 3600000 };
	if (registry_open(p->pl.db, &p->rg, &err) < 0 ||
	    tenant_add(p->rg, "mallila", "Mallilan kunta", "test", T0, &err) < 0 ||
	    notifier_open(p->pl.db, &p->conf, &p->nt, &err) < 0)
		fail_msg("%s", err.msg);
}

static void remove_maildir(const char *maildir)
{
	static const char *const subs[] = { "tmp", "cur", "new" };
	char path[512];

	for (size_t i = 0; i < 3; i++) {
		DIR *d;
		struct dirent *e;

		snprintf(path, sizeof(path), "%s/%s", maildir, subs[i]);
		d = opendir(path);
		while (d != NULL && (e = readdir(d)) != NULL)
			if (e->d_name[0] != '.')
				unlinkat(dirfd(d), e->d_name, 0);
		if (d != NULL)
			closedir(d);
		rmdir(path);
	}
	rmdir(maildir);
	unlink(maildir);
}

static void post_close(struct post *p)
{
	notifier_close(p->nt);
	registry_close(p->rg);
	remove_maildir(p->maildir);
	place_close(&p->pl);
}

static int64_t contact(struct post *p, const char *name, const char *email, enum lang lang,
		       int64_t order)
{
	struct contact c = {
		.tenant = "mallila", .name = name, .email = email, .lang = lang, .order = order
	};
	struct err err;
	int64_t id;

	if (contact_add(p->rg, &c, &id, &err) < 0)
		fail_msg("%s", err.msg);
	return id;
}

/* Raises an alert by rule and queues its messages, as the alert thread does. */
static void raise_alert(struct post *p, const struct rule *rule, const char *host, char id[33])
{
	struct hand h;
	struct err err;
	bool is_new = false;

	hand(&h, "mallila", host, "192.0.2.7", "maija", 1, T0);
	h.f.rule = rule;
	if (alert_begin(p->pl.as, &err) < 0 ||
	    alert_apply(p->pl.as, &h.f, T0, SESSION, &is_new, id, &err) < 0 ||
	    notify_alert(p->pl.as, &p->conf, id, is_new, T0, &err) < 0 ||
	    alert_commit(p->pl.as, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(is_new);
}

static int64_t round_at(struct post *p, int64_t now_ns)
{
	struct err err;
	int64_t next;

	if (notifier_round(p->nt, now_ns, &next, &err) < 0 ||
	    notifier_watch(p->nt, now_ns, &err) < 0)
		fail_msg("%s", err.msg);
	return next;
}

static int64_t count(struct post *p, const char *sql)
{
	sqlite3_stmt *st = NULL;
	struct err err;
	int64_t n;

	if (db_query(alert_store_db(p->pl.as), &st, &err, sql, "") < 0 ||
	    db_next(alert_store_db(p->pl.as), st, &err) != 1)
		fail_msg("%s", err.msg);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

static void assert_recipients(struct post *p, const char *expected)
{
	sqlite3_stmt *st = NULL;
	struct buf b = { 0 };
	struct err err;

	assert_int_equal(db_query(alert_store_db(p->pl.as), &st, &err,
				  "SELECT email || '/' || update_no FROM outbox ORDER BY id", ""),
			 0);
	while (db_next(alert_store_db(p->pl.as), st, &err) == 1)
		buf_printf(&b, "%s%s", b.n > 0 ? " " : "", db_text(st, 0));
	sqlite3_finalize(st);
	assert_string_equal(buf_cstr(&b), expected);
	buf_release(&b);
}

static void read_mail(struct post *p, const char *name, struct buf *out)
{
	char path[512];
	struct err err;

	snprintf(path, sizeof(path), "%s/new/%s", p->maildir, name);
	buf_reset(out);
	if (file_read(path, 1 << 20, out, &err) < 0)
		fail_msg("%s", err.msg);
}

static void test_contacts_are_told_in_their_language(void **state)
{
	struct buf mail = { 0 };
	struct alert al;
	struct arena mem = { 0 };
	struct post p;
	struct err err;
	char id[33], name[128];

	post_open(&p);
	contact(&p, "Bertil", "bertil@mallila.example", LANG_SV, 2);
	contact(&p, "Aino", "aino@mallila.example", LANG_FI, 1);
	raise_alert(&p, &guess_rule, "srv1", id);
	assert_recipients(&p, "aino@mallila.example/0 bertil@mallila.example/0");
	assert_int_equal(round_at(&p, T0 + SEC), 0);
	assert_int_equal(count(&p, "SELECT count(*) FROM outbox WHERE state = 'sent' AND"
				   " message IS NOT NULL AND ended_ns >= 1795420801000000000"),
			 2);
	snprintf(name, sizeof(name), "1795420800.%s.0.c2.vartio", id);
	read_mail(&p, name, &mail);
	assert_true(slice_find(buf_view(&mail), SLICE("Content-Language: fi\r\n")) > 0);
	assert_true(slice_find(buf_view(&mail), SLICE("Subject: Mallilan kunta: Vakava: "
						      "Salasanoja arvaillaan\r\n")) > 0);
	snprintf(name, sizeof(name), "1795420800.%s.0.c1.vartio", id);
	read_mail(&p, name, &mail);
	assert_true(slice_find(buf_view(&mail), SLICE("Content-Language: sv\r\n")) > 0);
	assert_int_equal(alert_get(p.pl.as, id, &mem, &al, &err), 0);
	assert_int_equal(al.state, ALERT_NOTIFIED);
	assert_int_equal(count(&p, "SELECT count(*) FROM alert_log WHERE kind = 'queued'"), 2);
	assert_int_equal(count(&p, "SELECT count(*) FROM alert_log WHERE kind = 'sent'"
				   " AND detail LIKE '%\"reply\":\"new/%\"%'"),
			 2);
	assert_int_equal(count(&p, "SELECT count(*) FROM alert_log WHERE kind = 'notified'"), 1);
	/* Nothing is left to do, and asking again asks for nothing. */
	round_at(&p, T0 + HOUR);
	assert_int_equal(notify_alert(p.pl.as, &p.conf, id, true, T0 + HOUR, &err), 0);
	assert_recipients(&p, "aino@mallila.example/0 bertil@mallila.example/0");
	assert_int_equal(metric_get(&notifier_stats(p.nt)->sent), 2);
	arena_release(&mem);
	buf_release(&mail);
	post_close(&p);
}

static void test_who_is_told(void **state)
{
	static const struct {
		const char *name;
		bool contact, to_contact, texts;
		enum sigma_level level;
		const char *expected;
	} rows[] = {
		{ "high", true, true, true, LEVEL_HIGH, "aino@mallila.example/0" },
		{ "critical", true, true, true, LEVEL_CRITICAL, "aino@mallila.example/0" },
		{ "medium", true, true, true, LEVEL_MEDIUM, "valvonta@region.example/0" },
		{ "for the region", true, false, true, LEVEL_HIGH, "valvonta@region.example/0" },
		{ "without texts", true, true, false, LEVEL_HIGH, "valvonta@region.example/0" },
		{ "nobody there", false, true, true, LEVEL_HIGH, "valvonta@region.example/0" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rule rule = guess_rule;
		struct post p;
		char id[33];

		print_message("# %s\n", rows[i].name);
		post_open(&p);
		if (rows[i].contact)
			contact(&p, "Aino", "aino@mallila.example", LANG_FI, 1);
		rule.to_contact = rows[i].to_contact;
		rule.level = rows[i].level;
		if (!rows[i].texts)
			memset(rule.texts, 0, sizeof(rule.texts));
		raise_alert(&p, &rule, "srv1", id);
		assert_recipients(&p, rows[i].expected);
		post_close(&p);
	}
}

/* One alert; each row is a moment at which its events have grown, as the alert thread tells. */
static void test_updates(void **state)
{
	static const struct {
		const char *name;
		int64_t after_ns;
		int64_t events;
		int64_t messages; /* ever queued */
	} rows[] = {
		{ "told with ten events", 1 * SEC, 10, 1 },
		{ "not twice as many", 2 * SEC, 19, 1 },
		{ "twice as many: an update waits", 3 * SEC, 20, 2 },
		{ "what comes meanwhile joins it", 4 * SEC, 5000, 2 },
		{ "it went, and told 5000", 304 * SEC, 5001, 2 },
		{ "not ten times as many", HOUR, 49999, 2 },
		{ "ten times as many", 2 * HOUR, 50010, 3 },
		{ "it went", 3 * HOUR, 50020, 3 },
		{ "ten times as many again", 4 * HOUR, 500200, 4 },
		{ "it went as well", 5 * HOUR, 500200, 4 },
		{ "enough was said", 6 * HOUR, 50000000, 4 },
	};
	struct post p;
	struct err err;
	char id[33];

	post_open(&p);
	contact(&p, "Aino", "aino@mallila.example", LANG_FI, 1);
	raise_alert(&p, &guess_rule, "srv1", id);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t now = T0 + rows[i].after_ns;

		if (db_run(alert_store_db(p.pl.as), &err, "UPDATE alert SET events = ?", "i",
			   rows[i].events) < 0)
			fail_msg("%s", err.msg);
		round_at(&p, now);
		assert_int_equal(notify_alert(p.pl.as, &p.conf, id, false, now, &err), 0);
		if (count(&p, "SELECT count(*) FROM outbox") != rows[i].messages)
			fail_msg("%s", rows[i].name);
	}
	assert_int_equal(count(&p, "SELECT events FROM outbox WHERE update_no = 1"), 5001);
	post_close(&p);
}

static void test_an_answer_ends_updates(void **state)
{
	struct post p;
	struct err err;
	char id[33];

	post_open(&p);
	contact(&p, "Aino", "aino@mallila.example", LANG_FI, 1);
	raise_alert(&p, &guess_rule, "srv1", id);
	round_at(&p, T0);
	db_run(alert_store_db(p.pl.as), &err, "UPDATE alert SET events = 100", "");
	assert_int_equal(notify_alert(p.pl.as, &p.conf, id, false, T0 + SEC, &err), 0);
	assert_recipients(&p, "aino@mallila.example/0 aino@mallila.example/1");
	assert_int_equal(alert_acknowledge(p.pl.as, id, "Aino", "phone", T0 + 2 * SEC, &err), 0);
	round_at(&p, T0 + HOUR); /* the update that waited is not sent any more */
	assert_int_equal(metric_get(&notifier_stats(p.nt)->sent), 1);
	assert_int_equal(count(&p, "SELECT count(*) FROM outbox WHERE state = 'dropped'"), 1);
	db_run(alert_store_db(p.pl.as), &err, "UPDATE alert SET events = 100000", "");
	assert_int_equal(notify_alert(p.pl.as, &p.conf, id, false, T0 + HOUR, &err), 0);
	assert_int_equal(count(&p, "SELECT count(*) FROM outbox"), 2);
	post_close(&p);
}

/* A channel that is down (a file stands where the folder should be) holds everything, waits longer
 * and longer, and lets everything go when it works. */
static void test_a_channel_that_is_down(void **state)
{
	struct post p;
	struct err err;
	char id[33], id2[33];
	int64_t now = T0, next;

	post_open(&p);
	contact(&p, "Aino", "aino@mallila.example", LANG_FI, 1);
	assert_int_equal(file_write(p.maildir, SLICE("x"), 0600, &err), 0);
	raise_alert(&p, &guess_rule, "srv1", id);
	raise_alert(&p, &guess_rule, "srv2", id2);
	/* The counts are true while a round lasts, not only when it has ended. */
	assert_int_equal(notifier_round(p.nt, now, &next, &err), 0);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->pending), 2);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->oldest_ns), T0);
	round_at(&p, now);
	/* One attempt, not one a message; both wait. */
	assert_int_equal(count(&p, "SELECT sum(attempts) FROM outbox"), 1);
	assert_int_equal(
		count(&p, "SELECT count(*) FROM outbox WHERE held = 1 AND state = 'waiting'"), 2);
	assert_int_equal(count(&p, "SELECT count(*) FROM alert_log WHERE kind = 'failed' AND "
				   "detail LIKE '%maildir%'"),
			 1);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->pending), 2);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->oldest_ns), T0);
	round_at(&p, now + 29 * SEC);
	assert_int_equal(count(&p, "SELECT sum(attempts) FROM outbox"), 1);
	round_at(&p, now + 31 * SEC);
	assert_int_equal(count(&p, "SELECT sum(attempts) FROM outbox"), 2);
	unlink(p.maildir);
	round_at(&p, now + 2 * MINUTE);
	assert_int_equal(count(&p, "SELECT count(*) FROM outbox WHERE state = 'sent'"), 2);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->pending), 0);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->oldest_ns), 0);
	post_close(&p);
}

/* What waits does so by the wall clock: set back three years, it holds up no message for as long,
 * be it the first attempt or another; a time to wait that is not longer than it may be stays. */
static void test_a_clock_set_back(void **state)
{
	const int64_t back = T0 - 3 * 365 * 24 * HOUR;
	struct post p;
	struct err err;
	char id[33];

	post_open(&p);
	contact(&p, "Aino", "aino@mallila.example", LANG_FI, 1);
	raise_alert(&p, &guess_rule, "srv1", id);
	round_at(&p, back);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->sent), 1);
	db_run(alert_store_db(p.pl.as), &err, "UPDATE alert SET events = 100", "");
	assert_int_equal(notify_alert(p.pl.as, &p.conf, id, false, back, &err), 0);
	round_at(&p, back + SEC);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->sent), 1); /* waits for company */
	round_at(&p, back - HOUR);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->sent), 2);
	remove_maildir(p.maildir);
	assert_int_equal(file_write(p.maildir, SLICE("x"), 0600, &err), 0);
	raise_alert(&p, &guess_rule, "srv2", id);
	round_at(&p, T0);
	unlink(p.maildir);
	round_at(&p, back);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->sent), 3);
	post_close(&p);
}

static void test_backoff(void **state)
{
	static const int64_t seconds[] = { 30, 60, 120, 240, 480, 960, 1920, 3600, 3600 };
	struct notify_conf conf = { 0 };

	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		assert_int_equal(notifier_backoff_ns(&conf, i), seconds[i] * SEC);
	assert_int_equal(notifier_backoff_ns(&conf, UINT64_MAX), 3600 * SEC);
}

static void test_old_messages_raise_the_alarm_once(void **state)
{
	struct post p;
	struct err err;
	char id[33];

	post_open(&p);
	assert_int_equal(file_write(p.maildir, SLICE("x"), 0600, &err), 0);
	raise_alert(&p, &guess_rule, "srv1", id);
	round_at(&p, T0 + HOUR);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->late), 0);
	for (int i = 1; i <= 3; i++)
		round_at(&p, T0 + HOUR + i * SEC);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->late), 1);
	assert_int_equal(count(&p, "SELECT count(*) FROM alert_log WHERE kind = 'failed' AND "
				   "detail LIKE '%max_age%'"),
			 1);
	unlink(p.maildir);
	round_at(&p, T0 + 2 * HOUR);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->late), 0);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->sent), 1);
	post_close(&p);
}

static void test_test_message(void **state)
{
	struct post p;
	struct err err;
	int64_t id;

	post_open(&p);
	id = contact(&p, "Aino", "aino@mallila.example", LANG_FI, 1);
	assert_int_equal(notify_test(p.pl.as, &p.conf, id + 1, T0, &err), -1);
	assert_int_equal(err.code, ERR_ABSENT);
	assert_int_equal(notify_test(p.pl.as, &p.conf, id, T0, &err), 0);
	assert_int_equal(notify_test(p.pl.as, &p.conf, id, T0, &err), 0);
	round_at(&p, T0);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->sent), 2);
	assert_int_equal(count(&p, "SELECT count(*) FROM outbox WHERE CAST(message AS TEXT) LIKE "
				   "'%Testiviesti%'"),
			 2);
	post_close(&p);
}

static void test_a_rolled_back_batch_tells_nobody(void **state)
{
	struct post p;
	struct hand h;
	struct err err;
	char id[33];
	bool is_new;

	post_open(&p);
	assert_int_equal(alert_begin(p.pl.as, &err), 0);
	hand(&h, "mallila", "srv1", "192.0.2.7", "maija", 1, T0);
	assert_int_equal(alert_apply(p.pl.as, &h.f, T0, SESSION, &is_new, id, &err), 0);
	assert_int_equal(notify_alert(p.pl.as, &p.conf, id, true, T0, &err), 0);
	alert_rollback(p.pl.as);
	round_at(&p, T0 + HOUR);
	assert_int_equal(count(&p, "SELECT count(*) FROM outbox"), 0);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->sent), 0);
	post_close(&p);
}

static void test_a_name_that_cannot_be_written(void **state)
{
	struct post p;
	struct err err;
	char id[33];

	post_open(&p);
	contact(&p, "Aino", "aino@mallila.example", LANG_FI, 1);
	raise_alert(&p, &guess_rule, "srv1", id);
	db_run(alert_store_db(p.pl.as), &err, "UPDATE outbox SET name = 'Aino' || char(10) || 'x'",
	       "");
	round_at(&p, T0);
	assert_int_equal(count(&p, "SELECT count(*) FROM outbox WHERE state = 'waiting' AND "
				   "detail LIKE '%line end%'"),
			 1);
	db_run(alert_store_db(p.pl.as), &err, "UPDATE outbox SET name = 'Aino'", "");
	round_at(&p, T0 + MINUTE);
	assert_int_equal(metric_get(&notifier_stats(p.nt)->sent), 1);
	post_close(&p);
}

/* The thread itself: sends when woken, ends when told, also while nothing happens. */
static void test_the_thread(void **state)
{
	struct notifier *nt;
	struct post p;
	struct err err;
	char id[33];

	post_open(&p);
	if (notifier_start(p.pl.db, &p.conf, &nt, &err) < 0)
		fail_msg("%s", err.msg);
	raise_alert(&p, &guess_rule, "srv1", id);
	/* T0 may lie ahead of the real clock. */
	db_run(alert_store_db(p.pl.as), &err, "UPDATE outbox SET due_ns = 0, queued_ns = 0", "");
	notifier_wake(nt);
	for (int i = 0; i < 1000 && metric_get(&notifier_stats(nt)->sent) == 0; i++)
		usleep(10000);
	assert_int_equal(metric_get(&notifier_stats(nt)->sent), 1);
	notifier_stop(nt);
	p.conf.maildir = NULL;
	assert_int_equal(notifier_start(p.pl.db, &p.conf, &nt, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	post_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contacts_are_told_in_their_language),
		cmocka_unit_test(test_who_is_told),
		cmocka_unit_test(test_updates),
		cmocka_unit_test(test_an_answer_ends_updates),
		cmocka_unit_test(test_a_channel_that_is_down),
		cmocka_unit_test(test_a_clock_set_back),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_old_messages_raise_the_alarm_once),
		cmocka_unit_test(test_test_message),
		cmocka_unit_test(test_a_rolled_back_batch_tells_nobody),
		cmocka_unit_test(test_a_name_that_cannot_be_written),
		cmocka_unit_test(test_the_thread),
	};

	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert: when a finding raises, when it extends, and what the alert then says. */
#include "tests/cmocka.h"

#include "tests/collector/alerts.h"

#include "collector/alert/code.h"

/* One group; each row is one finding. `alert` numbers the alerts in the order of their raising. */
static const struct {
	const char *name;
	int64_t at_ns;
	bool holds;
	bool close_before; /* a person closes the newest alert first */
	unsigned alert;    /* 0: the finding changes nothing */
	bool is_new;
} sessions[] = {
	{ "the first signal raises", T0, true, false, 1, true },
	{ "the next one extends", T0 + SEC, true, false, 1, false },
	{ "so does one below the threshold", T0 + 10 * MINUTE, false, false, 1, false },
	{ "a late one belongs to the session", T0 + 5 * MINUTE, true, false, 1, false },
	{ "a little before it as well", T0 - MINUTE, true, false, 1, false },
	{ "exactly an hour of quiet", T0 + 10 * MINUTE + HOUR, true, false, 1, false },
	{ "more than an hour, below the threshold", T0 + 3 * HOUR, false, false, 0, false },
	{ "more than an hour of quiet", T0 + 3 * HOUR + SEC, true, false, 2, true },
	{ "late, into the first session", T0 + 20 * MINUTE, true, false, 1, false },
	{ "closed by a person", T0 + 3 * HOUR + 2 * SEC, true, true, 3, true },
	{ "late, into the closed session", T0 + 3 * HOUR + SEC, false, false, 2, false },
	{ "behind the closed one", T0 + 3 * HOUR + 3 * SEC, true, false, 3, false },
};

static void test_sessions(void **state)
{
	char ids[4][33] = { "", "", "", "" }, newest[33] = "", id[33];
	unsigned n = 0;
	struct store_place pl;
	struct hand h;
	struct err err;

	place_open(&pl);
	for (unsigned i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
		bool is_new;

		if (sessions[i].close_before)
			assert_int_equal(
				alert_close(pl.as, newest, "Aino", VERDICT_ATTACK, "cli", T0, &err),
				0);
		hand(&h, "mallila", "vpn1", "192.0.2.7", "maija", i, sessions[i].at_ns);
		h.f.holds = sessions[i].holds;
		is_new = apply(pl.as, &h.f, id);
		if (is_new != sessions[i].is_new)
			fail_msg("%s: %s", sessions[i].name, is_new ? "raised" : "not raised");
		if (is_new) {
			assert_true(++n <= 3);
			memcpy(ids[n], id, 33);
			memcpy(newest, id, 33);
		}
		if (strcmp(id, ids[sessions[i].alert]) != 0)
			fail_msg("%s: another alert", sessions[i].name);
	}
	assert_int_equal(count_alerts(pl.as), 3);
	assert_int_equal(metric_get(&alert_stats(pl.as)->raised), 3);
	assert_int_equal(metric_get(&alert_stats(pl.as)->passed_over), 1);
	assert_int_equal(metric_get(&alert_stats(pl.as)->open), 2);
	place_close(&pl);
}

/* What differs from the first row in one thing is another alert; a long timespan is a long session.
 */
static void test_groups(void **state)
{
	static const struct correlation day = { .timespan_ns = 24 * HOUR };
	struct rule other = guess_rule, slow = guess_rule;
	struct store_place pl;
	struct hand h;
	char id[33];

	place_open(&pl);
	other.id = "11111111-0000-4000-8000-000000000003";
	assert_true(apply(pl.as, hand(&h, "mallila", "vpn1", "192.0.2.7", "a", 1, T0), id));
	assert_true(apply(pl.as, hand(&h, "muumila", "vpn1", "192.0.2.7", "a", 1, T0), id));
	assert_true(apply(pl.as, hand(&h, "mallila", "vpn2", "192.0.2.7", "a", 1, T0), id));
	hand(&h, "mallila", "vpn1", "192.0.2.7", "a", 1, T0);
	h.f.rule = &other;
	assert_true(apply(pl.as, &h.f, id));
	assert_false(apply(pl.as, hand(&h, "mallila", "vpn1", "198.51.100.1", "b", 2, T0), id));
	slow.id = "11111111-0000-4000-8000-000000000004";
	slow.correlation = (struct correlation *)(uintptr_t)&day;
	hand(&h, "mallila", "vpn1", "192.0.2.7", "a", 3, T0);
	h.f.rule = &slow;
	assert_true(apply(pl.as, &h.f, id));
	hand(&h, "mallila", "vpn1", "192.0.2.7", "a", 4, T0 + 20 * HOUR);
	h.f.rule = &slow;
	assert_false(apply(pl.as, &h.f, id));
	assert_int_equal(count_alerts(pl.as), 5);
	place_close(&pl);
}

static void test_same_first(void **state)
{
	struct store_place pl;
	struct hand h;
	char id[33], first[33];

	place_open(&pl);
	/* The same first event again, after the session was over: the alert's id is taken. */
	assert_true(apply(pl.as, hand(&h, "mallila", "vpn1", "192.0.2.7", "a", 1, T0), first));
	assert_false(
		apply(pl.as, hand(&h, "mallila", "vpn1", "192.0.2.7", "a", 1, T0 + 5 * HOUR), id));
	assert_int_equal(count_alerts(pl.as), 1);
	place_close(&pl);
}

#define ATTACK 5000u

static void feed(struct alert_store *as, unsigned i, char id[33])
{
	static const char *const ips[] = { "192.0.2.7", "198.51.100.9", "203.0.113.4" };
	char user[16];
	struct hand h;

	snprintf(user, sizeof(user), "user%04u", i % 1200);
	hand(&h, "mallila", "vpn1",
	     ips[i % 10 < 6   ? 0
		 : i % 10 < 9 ? 1
			      : 2],
	     user, i, T0 + i * SEC / 4);
	apply(as, &h.f, id);
}

static void check_attack(struct alert_store *as, const char *id)
{
	const struct alert_values *vs;
	struct arena mem = { 0 };
	struct alert al;
	struct err err;
	uint64_t rows;

	assert_int_equal(alert_get(as, id, &mem, &al, &err), 0);
	assert_int_equal(al.events, ATTACK);
	assert_int_equal(al.first_ns, T0);
	assert_int_equal(al.last_ns, T0 + (ATTACK - 1) * SEC / 4);
	vs = values_of(&al, "source.ip");
	assert_int_equal(vs->n, 3);
	assert_int_equal(vs->n_more, 0);
	assert_string_equal(vs->v[0].value, "192.0.2.7");
	assert_int_equal(vs->v[0].count, 3000);
	assert_string_equal(vs->v[1].value, "198.51.100.9");
	assert_int_equal(vs->v[1].count, 1500);
	assert_int_equal(vs->v[2].count, 500);
	vs = values_of(&al,
		       "user.name"); /* 1,000 of 1,200 kept; 200 of them came 4 times: 800 events */
	assert_int_equal(vs->n, ALERT_VALUES_MAX);
	assert_int_equal(vs->n_more, ALERT_DISTINCT_MAX - ALERT_VALUES_MAX + 800);
	assert_string_equal(al.title, "SSH: password guessing");
	assert_string_equal(al.texts[LANG_FI].what, "Joku arvailee.");
	assert_string_equal(al.texts[LANG_EN].action, "Block it.");
	assert_null(al.texts[LANG_SV].what);
	assert_int_equal(al.n_tags, 1);
	assert_string_equal(al.tags[0], "attack.t1110");
	assert_int_equal(al.level, LEVEL_HIGH);
	assert_true(al.to_contact);
	assert_string_equal(al.sample, "{\"message\":\"Failed password\"}");
	assert_int_equal(count_alerts(as), 1);
	assert_int_equal(alert_log_verify(as, &rows, &err), 0);
	arena_release(&mem);
}

static void test_attack(void **state)
{
	struct store_place pl;
	struct err err;
	char id[33];

	place_open(&pl);
	assert_int_equal(sqlite3_exec(alert_store_db(pl.as), "PRAGMA synchronous = OFF", 0, 0, 0),
			 0);
	for (unsigned i = 0; i < ATTACK; i++)
		feed(pl.as, i, id);
	check_attack(pl.as, id);
	/* Another handle, as after a restart. */
	alert_store_close(pl.as);
	assert_int_equal(alert_store_open(pl.db, &pl.as, &err), 0);
	check_attack(pl.as, id);
	place_close(&pl);
}

/* A batch is a transaction: findings and position stay together, or neither does. */
static void test_position(void **state)
{
	struct seg_pos pos = { 9, 9 };
	struct store_place pl;
	struct hand h;
	struct err err;
	bool is_new;
	char id[33];

	place_open(&pl);
	assert_int_equal(alert_position_get(pl.as, "alert", &pos, &err), 0);
	assert_true(pos.file == 0 && pos.offset == 0);
	hand(&h, "mallila", "vpn1", "192.0.2.7", "a", 1, T0);
	for (int commit = 0; commit < 2; commit++) {
		assert_int_equal(alert_begin(pl.as, &err), 0);
		assert_int_equal(alert_apply(pl.as, &h.f, T0, SESSION, &is_new, id, &err), 0);
		assert_true(is_new);
		assert_int_equal(
			alert_position_set(pl.as, "alert", (struct seg_pos){ 3, 77 }, &err), 0);
		if (commit)
			assert_int_equal(alert_commit(pl.as, &err), 0);
		else
			alert_rollback(pl.as);
		assert_int_equal(count_alerts(pl.as), commit);
		assert_int_equal(alert_position_get(pl.as, "alert", &pos, &err), 0);
		assert_int_equal(pos.offset, commit ? 77 : 0);
	}
	place_close(&pl);
}

static void test_answers(void **state)
{
	struct arena mem = { 0 };
	struct store_place pl;
	struct alert al;
	struct hand h;
	struct err err;
	char id[33];

	place_open(&pl);
	apply(pl.as, hand(&h, "mallila", "vpn1", "192.0.2.7", "a", 1, T0), id);
	assert_int_equal(alert_set_notified(pl.as, id, T0 + SEC, &err), 0);
	assert_int_equal(alert_get(pl.as, id, &mem, &al, &err), 0);
	assert_int_equal(al.state, ALERT_NOTIFIED);
	assert_int_equal(alert_acknowledge(pl.as, id, "Aino Virtanen", "cli", T0 + MINUTE, &err),
			 0);
	assert_int_equal(alert_acknowledge(pl.as, id, "Bo", "cli", T0 + HOUR, &err), -1);
	assert_int_equal(err.code, ERR_EXISTS);
	assert_non_null(
		strstr(err.msg, "acknowledged by Aino Virtanen at 2026-11-23T08:01:00.000Z"));
	assert_int_equal(alert_set_notified(pl.as, id, T0 + HOUR, &err), 0);
	assert_int_equal(alert_get(pl.as, al.code, &mem, &al, &err), 0);
	assert_int_equal(al.state,
			 ALERT_ACKNOWLEDGED); /* a message sent later takes nothing back */
	assert_int_equal(alert_close(pl.as, id, "Bo", VERDICT_NONE, "cli", T0, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_int_equal(alert_close(pl.as, id, "Bo", VERDICT_STOPPED, "cli", T0 + HOUR, &err), 0);
	assert_int_equal(alert_close(pl.as, id, "Cia", VERDICT_ATTACK, "cli", T0 + HOUR, &err), -1);
	assert_int_equal(err.code, ERR_EXISTS);
	assert_non_null(strstr(err.msg, "closed by Bo"));
	assert_int_equal(alert_acknowledge(pl.as, id, "Cia", "cli", T0 + HOUR, &err), -1);
	assert_non_null(strstr(err.msg, "closed by Bo"));
	assert_int_equal(alert_get(pl.as, id, &mem, &al, &err), 0);
	assert_int_equal(al.verdict, VERDICT_STOPPED);
	assert_string_equal(al.acknowledged_by, "Aino Virtanen");
	assert_string_equal(al.closed_by, "Bo");
	assert_int_equal(alert_acknowledge(pl.as, "0", "Cia", "cli", T0, &err), -1);
	assert_int_equal(err.code, ERR_ABSENT);
	assert_int_equal(alert_acknowledge(pl.as, id, "", "cli", T0, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_int_equal(alert_acknowledge(pl.as, id, "a\nb", "cli", T0, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_int_equal(alert_acknowledge(pl.as, id, "\xff", "cli", T0, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	arena_release(&mem);
	place_close(&pl);
}

static void test_names(void **state)
{
	struct arena mem = { 0 };
	struct store_place pl;
	char id[33], other[33], typed[64];
	struct alert al;
	struct hand h;
	struct err err;

	place_open(&pl);
	apply(pl.as, hand(&h, "mallila", "vpn1", "192.0.2.7", "a", 1, T0), id);
	apply(pl.as, hand(&h, "mallila", "vpn2", "192.0.2.7", "a", 2, T0), other);
	assert_int_equal(alert_get(pl.as, id, &mem, &al, &err), 0);
	assert_int_equal(strlen(al.code), 11);
	for (int i = 0; i < 5; i++) { /* ways to type the same alert */
		snprintf(typed, sizeof(typed), "%s", i < 3 ? al.code : id);
		if (i == 1)
			snprintf(typed, sizeof(typed), "va-%.4s %.4s", al.code + 3, al.code + 7);
		if (i == 2)
			snprintf(typed, sizeof(typed), "%.7s", al.code + 3);
		if (i == 4)
			typed[10] = '\0';
		for (char *p = typed; i % 2 == 1 && *p != '\0'; p++)
			*p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
		if (alert_get(pl.as, typed, &mem, &al, &err) < 0)
			fail_msg("%s: %s", typed, err.msg);
		assert_string_equal(al.id, id);
	}
	assert_int_equal(alert_get(pl.as, "VA-", &mem, &al, &err), -1);
	assert_int_equal(err.code, ERR_ABSENT);
	assert_int_equal(alert_get(pl.as, "' OR 1=1 --", &mem, &al, &err), -1);
	assert_int_equal(err.code, ERR_ABSENT);
	assert_int_equal(alert_get(pl.as, "%", &mem, &al, &err), -1);
	arena_release(&mem);
	place_close(&pl);
}

/* A taken code makes way for further bits of the hash. */
static void test_code_collision(void **state)
{
	uint8_t hash[SHA256_LEN];
	struct arena mem = { 0 };
	struct store_place pl;
	char id[33], code[12], sql[128];
	struct alert al;
	struct hand h;
	struct err err;

	place_open(&pl);
	apply(pl.as, hand(&h, "mallila", "vpn1", "192.0.2.7", "a", 1, T0), id);
	hand(&h, "mallila", "vpn2", "192.0.2.7", "a", 2, T0);
	assert_true(alert_hash(h.f.tenant, slice_str(guess_rule.id), h.f.group_key, h.sg.event_id,
			       hash));
	alert_code(hash, 0, code);
	snprintf(sql, sizeof(sql), "UPDATE alert SET code = '%s'", code);
	assert_int_equal(sqlite3_exec(alert_store_db(pl.as), sql, 0, 0, 0), 0);
	apply(pl.as, &h.f, id);
	alert_code(hash, 1, code);
	assert_int_equal(alert_get(pl.as, id, &mem, &al, &err), 0);
	assert_string_equal(al.code, code);
	arena_release(&mem);
	place_close(&pl);
}

/* The parts of an id cannot run into each other. */
static void test_hash_parts(void **state)
{
	uint8_t a[SHA256_LEN], b[SHA256_LEN];

	assert_true(alert_hash(SLICE("ab"), SLICE("c"), SLICE(""), SLICE("d"), a));
	assert_true(alert_hash(SLICE("a"), SLICE("bc"), SLICE(""), SLICE("d"), b));
	assert_memory_not_equal(a, b, SHA256_LEN);
	assert_true(alert_hash(SLICE("ab"), SLICE("c"), SLICE("d"), SLICE(""), b));
	assert_memory_not_equal(a, b, SHA256_LEN);
}

int main(void)
{
	const struct CMUnitTest alert_tests[] = {
		cmocka_unit_test(test_sessions),   cmocka_unit_test(test_groups),
		cmocka_unit_test(test_same_first), cmocka_unit_test(test_attack),
		cmocka_unit_test(test_position),   cmocka_unit_test(test_answers),
		cmocka_unit_test(test_names),      cmocka_unit_test(test_code_collision),
		cmocka_unit_test(test_hash_parts),
	};

	return RUN_TESTS(alert_tests);
}

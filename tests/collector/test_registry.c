/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/registry: tenants, agents, contacts, and what is refused. */
#include "tests/collector/tenant_kit.h"

#include "collector/tenant/db.h"

static struct kit kit;

static int set_up(void **state)
{
	kit_open_at(&kit, T0);
	return 0;
}

static int tear_down(void **state)
{
	kit_close(&kit);
	return 0;
}

static const struct {
	const char *id, *name;
	enum err_code code; /* ERR_NONE: added */
} tenants[] = {
	{ "a", "A", ERR_NONE },
	{ "seutu-2", "Seudun kuntayhtym\xc3\xa4", ERR_NONE },
	{ "abcdefghijklmnopqrstuvwxyz012345", "32 characters", ERR_NONE },
	{ "abcdefghijklmnopqrstuvwxyz0123456", "33 characters", ERR_SYNTAX },
	{ "", "empty", ERR_SYNTAX },
	{ "2a", "begins with a digit", ERR_SYNTAX },
	{ "-a", "begins with a hyphen", ERR_SYNTAX },
	{ "A", "capital", ERR_SYNTAX },
	{ "a_b", "underscore", ERR_SYNTAX },
	{ "a:b", "colon", ERR_SYNTAX },
	{ "a'; DROP TABLE tenant; --", "quote", ERR_SYNTAX },
	{ "ok1", "two\nlines", ERR_SYNTAX },
	{ "ok2", "", ERR_SYNTAX },
	{ "ok3",
	  "\xe2\x80\xae"
	  "reversed",
	  ERR_SYNTAX },
	{ "ok4", "'; DROP TABLE tenant; --", ERR_NONE },
	{ "mallila", "again", ERR_EXISTS },
	{ "gone", "an erased id", ERR_EXISTS },
};

static int count_tenant(void *arg, const char *id, const char *name, int64_t created_ns)
{
	++*(int *)arg;
	assert_int_equal(created_ns, T0);
	return 0;
}

static int stop_at_once(void *arg, const char *id, const char *name, int64_t created_ns)
{
	++*(int *)arg;
	return 1;
}

static void test_tenants(void **state)
{
	struct err err = { 0 };
	int added = 1, seen = 0;

	assert_int_equal(db_run(registry_db(kit.rg), &err,
				"INSERT INTO tenant_erased VALUES (?, ?)", "ti", "gone", T0),
			 0);
	for (size_t i = 0; i < sizeof(tenants) / sizeof(tenants[0]); i++) {
		err.code = ERR_NONE;
		if (tenant_add(kit.rg, tenants[i].id, tenants[i].name, "test", T0, &err) == 0)
			added++;
		if (err.code != tenants[i].code)
			fail_msg("%s: %d %s", tenants[i].id, (int)err.code, err.msg);
	}
	assert_int_equal(tenant_list(kit.rg, count_tenant, &seen, &err), 0);
	assert_int_equal(seen, added);
	seen = 0;
	assert_int_equal(tenant_list(kit.rg, stop_at_once, &seen, &err), 0);
	assert_int_equal(seen, 1);
	assert_int_equal(tenant_exists(kit.rg, "a", &err), 0);
	assert_int_equal(tenant_exists(kit.rg, "nobody", &err), -1);
	assert_int_equal(err.code, ERR_ABSENT);
}

static const struct {
	const char *host, *stem;
} ids[] = {
	{ "vpn1.mallila.example", "vpn1-" },
	{ "WIN-SRV_01", "win-srv-01-" },
	{ "\xc3\xa4", "agent-" },
	{ "", "agent-" },
	{ "--", "agent-" },
	{ "a\n../../b", "a-" },
	{ "0123456789012345678901234567890123456789rest",
	  "0123456789012345678901234567890123456789-" },
};

static void test_ids(void **state)
{
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char id[SENDER_MAX + 1], other[SENDER_MAX + 1];

		assert_int_equal(agent_new_id(kit.rg, ids[i].host, id, &err), 0);
		if (strncmp(id, ids[i].stem, strlen(ids[i].stem)) != 0 ||
		    strlen(id) != strlen(ids[i].stem) + 10)
			fail_msg("%s gives %s", ids[i].host, id);
		assert_int_equal(agent_new_id(kit.rg, ids[i].host, other, &err), 0);
		assert_string_not_equal(id, other);
	}
}

static void add_agent(const char *agent, const char *serial)
{
	struct err err = { 0 };

	if (agent_add(kit.rg,
		      &(struct agent_cert){ .tenant = "mallila",
					    .agent = agent,
					    .kind = "agent",
					    .host = "vpn1",
					    .by = "token",
					    .serial = serial,
					    .issued_ns = T0,
					    .expires_ns = T0 + 1,
					    .key_hash = SLICE("k"),
					    .pem = SLICE("pem") },
		      &err) < 0)
		fail_msg("%s", err.msg);
}

static const struct {
	const char *serial, *tenant, *agent;
	const char *reason; /* NULL: admitted */
} doors[] = {
	{ "01", "mallila", "a1", NULL },
	{ "03", "mallila", "a1", "not in the registry" },
	{ "01", "other", "a1", "was issued to agent a1 of tenant mallila" },
	{ "01", "mallila", "a2", "was issued to agent a1" },
	{ "02", "mallila", "a2", "a2 was revoked at 2026-11-23T08:00:00.000Z by maija" },
};

static int see_agent(void *arg, const struct agent_row *row)
{
	int *seen = arg;

	if (strcmp(row->agent, "a1") == 0) {
		assert_string_equal(row->state, "active");
		assert_string_equal(row->last_addr, "192.0.2.7:40022");
		assert_int_equal(row->last_seen_ns, T0 + 5);
		assert_string_equal(row->version, "0.1.0");
		assert_int_equal(row->skew_ms, -250);
	} else {
		assert_string_equal(row->agent, "a2");
		assert_string_equal(row->state, "revoked");
	}
	++*seen;
	return 0;
}

static void test_agents(void **state)
{
	struct err err = { 0 };
	int seen = 0;

	add_agent("a1", "01");
	add_agent("a2", "02");
	assert_int_equal(agent_revoke(kit.rg, "a2", "maija", T0, &err), 0);
	assert_int_equal(agent_revoke(kit.rg, "a2", "matti", T0 + 1, &err), -1);
	assert_int_equal(err.code, ERR_EXISTS);
	assert_non_null(strstr(err.msg, "by maija"));
	assert_int_equal(agent_revoke(kit.rg, "a3", "maija", T0, &err), -1);
	assert_int_equal(err.code, ERR_ABSENT);
	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		int r = agent_admit(kit.rg, doors[i].serial, doors[i].tenant, doors[i].agent, &err);

		if (r != (doors[i].reason == NULL ? 0 : -1))
			fail_msg("row %zu: %d %s", i, r, err.msg);
		if (r < 0 && (err.code != ERR_DENIED || strstr(err.msg, doors[i].reason) == NULL))
			fail_msg("row %zu: %s", i, err.msg);
	}
	assert_int_equal(agent_seen(kit.rg, "a1", "192.0.2.7:40022", T0 + 5, &err), 0);
	assert_int_equal(agent_told(kit.rg, "a1", "0.1.0", -250, &err), 0);
	assert_int_equal(agent_list(kit.rg, see_agent, &seen, &err), 0);
	assert_int_equal(seen, 2);
}

static const struct {
	struct contact c;
	enum err_code code;
} contacts[] = {
	{ { .tenant = "mallila",
	    .name = "Maija",
	    .email = "maija@mallila.example",
	    .lang = LANG_SV,
	    .order = 2 },
	  ERR_NONE },
	{ { .tenant = "mallila",
	    .name = "Matti",
	    .email = "matti@mallila.example",
	    .phone = "+358 40 123",
	    .role = "ICT",
	    .order = 1 },
	  ERR_NONE },
	{ { .tenant = "mallila", .name = "Maija", .email = "maija@mallila.example" }, ERR_EXISTS },
	{ { .tenant = "nobody", .name = "A", .email = "a@b" }, ERR_ABSENT },
	{ { .tenant = "mallila", .name = "A\r\nBcc: b", .email = "a@b" }, ERR_SYNTAX },
	{ { .tenant = "mallila", .name = "A", .email = "a@b\r\nRCPT TO:<c@d>" }, ERR_SYNTAX },
	{ { .tenant = "mallila", .name = "A", .email = "a@b, c@d" }, ERR_SYNTAX },
	{ { .tenant = "mallila", .name = "A", .email = "a@b", .phone = "call me" }, ERR_SYNTAX },
	{ { .tenant = "mallila", .name = "A", .email = "a@b", .role = "a\tb" }, ERR_SYNTAX },
};

static int see_contact(void *arg, const struct contact *c)
{
	int *seen = arg;

	assert_string_equal(c->name, *seen == 0 ? "Matti" : "Maija"); /* by order */
	if (*seen == 0) {
		assert_string_equal(c->phone, "+358 40 123");
		assert_string_equal(c->role, "ICT");
	} else {
		assert_int_equal(c->lang, LANG_SV);
	}
	++*seen;
	return 0;
}

static void test_contacts(void **state)
{
	struct err err = { 0 };
	int64_t id = 0;
	int seen = 0;

	for (size_t i = 0; i < sizeof(contacts) / sizeof(contacts[0]); i++) {
		err.code = ERR_NONE;
		contact_add(kit.rg, &contacts[i].c, &id, &err);
		if (err.code != contacts[i].code)
			fail_msg("row %zu: %d %s", i, (int)err.code, err.msg);
	}
	assert_true(id > 0);
	assert_int_equal(contact_list(kit.rg, "mallila", see_contact, &seen, &err), 0);
	assert_int_equal(seen, 2);
	assert_int_equal(contact_list(kit.rg, "nobody", see_contact, &seen, &err), 0);
	assert_int_equal(seen, 2);
	seen = 0;
	assert_int_equal(contact_list(kit.rg, NULL, see_contact, &seen, &err), 0);
	assert_int_equal(seen, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tenants, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ids, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_agents, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_contacts, set_up, tear_down),
	};

	return RUN_TESTS(tests);
}

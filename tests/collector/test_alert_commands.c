/* SPDX-License-Identifier: EUPL-1.2 */
/* vartio-collector alerts list | show | ack | close | verify, as a person at a terminal meets them.
 */
#include "tests/cmocka.h"

#include "tests/collector/alerts.h"

#include "collector/alert/alert_commands.h"
#include "collector/alert/show.h"
#include "collector/tenant/registry.h"
#include "common/base/zone.h"

static struct store_place pl;
static struct config conf;
static struct buf out, err_out;

static int run_at(int64_t now_ns, const struct command *cmd, const char *a, const char *b,
		  const char *c, const char *d, const char *e)
{
	char *argv[6] = { 0 };
	const char *words[] = { a, b, c, d, e };
	int argc = 0;

	while (argc < 5 && words[argc] != NULL) {
		argv[argc] = (char *)(uintptr_t)words[argc];
		argc++;
	}
	buf_reset(&out);
	buf_reset(&err_out);
	return command_run(cmd, &conf, argc, argv, NULL, "uid 1000", now_ns, &out, &err_out);
}
#define RUN(cmd, ...) run_words(&command_alerts_##cmd, (const char *[]){ __VA_ARGS__, NULL })
#define RUN_BARE(cmd) run_words(&command_alerts_##cmd, (const char *[]){ NULL })

static int run_words(const struct command *cmd, const char *const *w)
{
	const char *a[5] = { 0 };

	for (int i = 0; i < 5 && w[i] != NULL; i++)
		a[i] = w[i];
	return run_at(T0 + HOUR, cmd, a[0], a[1], a[2], a[3], a[4]);
}

static bool says(const struct buf *b, const char *text)
{
	return slice_find(buf_view(b), slice_str(text)) >= 0;
}

#define EXPECT(cond)                                                                               \
	do {                                                                                       \
		if (!(cond))                                                                       \
			fail_msg("%s: out \"%s\", err \"%s\"", #cond, buf_cstr(&out),              \
				 buf_cstr(&err_out));                                              \
	} while (0)

static void begin(char id[33])
{
	struct registry *rg = NULL;
	struct hand h;
	struct err err;

	place_open(&pl);
	conf = (struct config){ .state_dir = pl.dir };
	conf.notify = (struct notify_conf){ .region_name = "Seutu-IT Oy",
					    .region_phone = "+358 40 1234567",
					    .region_lang = LANG_EN };
	assert_int_equal(zone_use("Europe/Helsinki", &err), 0);
	if (registry_open(pl.db, &rg, &err) < 0 ||
	    tenant_add(rg, "mallila", "Mallilan kunta", "test", T0, &err) < 0 ||
	    tenant_add(rg, "muumila", "Muumilan kunta", "test", T0, &err) < 0)
		fail_msg("%s", err.msg);
	registry_close(rg);
	if (id == NULL)
		return;
	apply(pl.as, hand(&h, "muumila", "fw9", "203.0.113.4", "kalle", 1, T0), id);
	apply(pl.as, hand(&h, "mallila", "vpn1", "192.0.2.7", "maija", 2, T0 + MINUTE), id);
}

static void end(void)
{
	buf_release(&out);
	buf_release(&err_out);
	place_close(&pl);
}

static json_t *printed(void)
{
	json_t *j = json_loadb(out.p, out.n, JSON_ALLOW_NUL, NULL);

	if (j == NULL)
		fail_msg("not JSON: %s", buf_cstr(&out));
	return j;
}

static void test_list(void **state)
{
	struct err err;
	char id[33];
	json_t *j;

	begin(NULL);
	EXPECT(RUN_BARE(list) == 0 && says(&out, "no open alerts\n"));
	EXPECT(RUN(list, "--json") == 0);
	j = printed();
	assert_int_equal(json_array_size(j), 0);
	json_decref(j);
	end();

	begin(id);
	EXPECT(RUN_BARE(list) == 0 && says(&out, "vpn1") && says(&out, "fw9"));
	EXPECT(slice_find(buf_view(&out), SLICE("vpn1")) <
	       slice_find(buf_view(&out), SLICE("fw9")));
	EXPECT(RUN(list, "--tenant", "mallila") == 0 && says(&out, "vpn1") && !says(&out, "fw9"));
	EXPECT(RUN(list, "--tenant", "malila") == 1 && says(&err_out, "malila") && out.n == 0);
	EXPECT(RUN(list, "--all", "x") == 2);
	EXPECT(RUN(list, "--alll") == 2 && says(&err_out, "--alll"));
	assert_int_equal(alert_close(pl.as, id, "Aino", VERDICT_ATTACK, "cli", T0, &err), 0);
	EXPECT(RUN_BARE(list) == 0 && !says(&out, "vpn1") && says(&out, "fw9"));
	EXPECT(RUN(list, "--all", "--json") == 0);
	j = printed();
	assert_int_equal(json_array_size(j), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(j, 0), "state")),
			    "closed");
	assert_string_equal(json_string_value(json_object_get(json_array_get(j, 0), "verdict")),
			    "attack");
	json_decref(j);
	end();
}

static void test_answers(void **state)
{
	struct arena mem = { 0 };
	struct alert al;
	struct err err;
	char id[33];
	json_t *j, *log;

	begin(id);
	assert_int_equal(alert_get(pl.as, id, &mem, &al, &err), 0);
	EXPECT(RUN(show, al.code) == 0 && says(&out, "Mallilan kunta (mallila)") &&
	       says(&out, "Timeline") && says(&out, "raised"));
	EXPECT(RUN_BARE(show) == 2);
	EXPECT(RUN(show, "VA-00000000") == 1 && says(&err_out, "no alert VA-00000000"));
	EXPECT(RUN(ack, al.code) == 2 && says(&err_out, "--by"));
	EXPECT(RUN(ack, al.code + 3, "--by", "Aino V.") == 0 &&
	       says(&out, "acknowledged by Aino V."));
	EXPECT(RUN(ack, al.code, "--by", "Bo") == 1 &&
	       says(&err_out, "already acknowledged by Aino V. at 2026-11-23T09:00:00.000Z"));
	EXPECT(RUN(close, al.code, "--by", "Bo") == 2 && says(&err_out, "--verdict"));
	EXPECT(RUN(close, al.code, "--by", "Bo", "--verdict=nonsense") == 2);
	EXPECT(RUN(close, al.code, "--by", "Bo", "--verdict=false-alarm") == 0 &&
	       says(&out, "closed (false-alarm) by Bo"));
	EXPECT(RUN(close, al.code, "--by", "Cia", "--verdict=attack") == 1 &&
	       says(&err_out, "already closed by Bo"));
	EXPECT(RUN(show, al.code, "--json") == 0);
	j = printed();
	log = json_object_get(j, "log");
	assert_int_equal(json_array_size(log), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(log, 1), "kind")),
			    "acknowledged");
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(json_array_get(log, 1), "detail"), "via")),
			    "command line, uid 1000");
	json_decref(j);
	EXPECT(RUN_BARE(verify) == 0 && says(&out, "whole: 4 rows"));
	arena_release(&mem);
	end();
}

static void test_verify(void **state)
{
	char id[33];

	begin(id);
	assert_int_equal(sqlite3_exec(alert_store_db(pl.as),
				      "DROP TRIGGER alert_log_no_delete;"
				      "DELETE FROM alert_log WHERE seq = 1",
				      0, 0, 0),
			 0);
	EXPECT(RUN_BARE(verify) == 1 && says(&err_out, "row 1 is missing"));
	end();
}

/* Hostile text in an event: on the terminal only what we put there moves anything. */
static void test_hostile(void **state)
{
	static const char bad[] = "\x1b]0;x\x07\r\n\xe2\x80\xae{user}<script>%n\t\"";
	char id[33];
	struct hand h;
	json_t *j;

	begin(id);
	apply(pl.as, hand(&h, "mallila", bad, bad, bad, 9, T0), id);
	for (int json = 0; json < 2; json++) {
		EXPECT((json ? RUN(show, id, "--json") : RUN(show, id)) == 0);
		for (size_t i = 0; i < out.n; i++)
			assert_true((unsigned char)out.p[i] >= 0x20 || out.p[i] == '\n');
	}
	j = printed();
	assert_string_equal(json_string_value(json_object_get(j, "entity")), bad);
	json_decref(j);
	EXPECT(RUN(show, id) == 0 && !says(&out, "\xe2\x80\xae") && says(&out, "\\u{202e}"));
	EXPECT(RUN(ack, id, "--by", bad) == 2 && says(&err_out, "control character"));
	EXPECT(RUN(show, bad) == 1);
	for (size_t i = 0; i < err_out.n; i++)
		assert_true((unsigned char)err_out.p[i] >= 0x20 || err_out.p[i] == '\n');
	end();
}

int main(void)
{
	const struct CMUnitTest command_tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_hostile),
	};

	return RUN_TESTS(command_tests);
}

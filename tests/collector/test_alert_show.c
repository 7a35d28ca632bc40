/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert: what a terminal and a program are shown, and that nothing hostile in events gets
 * through to either. */
#include "tests/cmocka.h"

#include "tests/collector/alerts.h"

#include "collector/alert/show.h"
#include "common/base/text.h"
#include "common/base/zone.h"

static const struct notify_conf region = { .region_name = "Seutu-IT Oy",
					   .region_phone = "+358 40 1234567",
					   .region_lang = LANG_EN,
					   .zone = "Europe/Helsinki" };

/* Every character that reaches a terminal: printable, a tab of ours or a line end of ours. */
static void check_terminal(const char *name, const struct buf *out)
{
	struct slice s = buf_view(out);

	assert_false(out->failed);
	for (size_t at = 0; at < s.n;) {
		size_t from = at;
		int32_t cp = text_next(s, &at);

		if (cp == '\n' || cp == '\t')
			continue;
		if (cp < 0 || text_unsafe(cp))
			fail_msg("%s: U+%04X reaches the terminal at byte %zu", name, (unsigned)cp,
				 from);
	}
}

static char *long_value(void)
{
	char *p = malloc(60001);

	assert_non_null(p);
	for (size_t i = 0; i < 60000; i++)
		p[i] = "ab\r\x1b"[i % 4];
	p[60000] = '\0';
	return p;
}

static const char *const hostile[] = {
	"\x1b[2J\x1b]0;owned\x07",
	"line\r\nalert: all is well",
	"a\tb\nVA-00000000\thigh",
	"abc\xe2\x80\xae"
	"cba", /* U+202E, right to left */
	"\xc2\x9b"
	"31mred", /* C1's CSI */
	"{user} {municipality} {count}",
	"%s%s%n%x",
	"<script>alert(1)</script>",
	"\\u{1b} \" ' $(reboot) `id`",
	"=cmd|' /C calc'!A0",
	"\xef\xbb\xbf\xe2\x80\x8b",
};

static void test_hostile(void **state)
{
	struct err err;

	assert_int_equal(zone_use("Europe/Helsinki", &err), 0);
	for (size_t i = 0; i <= sizeof(hostile) / sizeof(hostile[0]); i++) {
		bool last = i == sizeof(hostile) / sizeof(hostile[0]);
		char *value = last ? long_value() : strdup(hostile[i]);
		struct show sh = { .notify = &region, .tenant_name = value };
		struct rule rule = guess_rule;
		struct arena mem = { 0 };
		struct store_place pl;
		struct buf out = { 0 };
		struct alert al;
		struct hand h;
		char id[33], *text;
		json_t *j, *back;
		struct slice shown;

		place_open(&pl);
		hand(&h, "mallila", "vpn1", value, value, 1, T0);
		rule.title = value;
		rule.author = value;
		rule.link = value;
		rule.texts[LANG_EN].what =
			"Somebody tried {user} from {source_ip} at {municipality}.";
		h.f.rule = &rule;
		h.f.entity = slice_str(value);
		h.f.sample = SLICE("{\"message\":\"\\u0000\\u001b[2J\"}");
		assert_true(apply(pl.as, &h.f, id));
		assert_int_equal(alert_get(pl.as, id, &mem, &al, &err), 0);

		alert_show(&out, &al, &sh);
		check_terminal(value, &out);
		/* A value with placeholders in it stays as it is: filled once, not twice. */
		if (!last && strcmp(value, "{user} {municipality} {count}") == 0)
			assert_non_null(strstr(buf_cstr(&out), "Somebody tried {user} "
							       "{municipality} {count} from"));
		buf_reset(&out);
		alert_show_line(&out, &al);
		check_terminal(value, &out);
		shown = buf_view(&out);
		for (int tabs = 0; tabs < 7; tabs++) { /* eight columns, whatever values hold */
			ssize_t at = slice_chr(shown, '\t');

			assert_true(at >= 0);
			shown = slice_from(shown, (size_t)at + 1);
		}
		assert_true(slice_chr(shown, '\t') < 0);
		assert_int_equal(slice_chr(shown, '\n'), (ssize_t)shown.n - 1);
		buf_reset(&out);
		alert_show_step(&out, T0, "acknowledged", "{\"by\":\"\\u001b[2J\\r\\n\\u202e\"}");
		check_terminal("step", &out);

		j = alert_to_json(&al);
		text = json_dumps(j, JSON_COMPACT);
		assert_non_null(text);
		for (const char *p = text; *p != '\0'; p++)
			assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
		back = json_loads(text, JSON_ALLOW_NUL, NULL);
		assert_non_null(back);
		assert_string_equal(json_string_value(json_object_get(back, "title")), value);
		assert_int_equal(json_object_size(back), json_object_size(j));
		json_decref(back);
		json_decref(j);
		free(text);
		buf_release(&out);
		arena_release(&mem);
		place_close(&pl);
		free(value);
	}
}

/* The page as a whole, once: what a person reads. */
static void test_page(void **state)
{
	struct show sh = { .notify = &region, .tenant_name = "Mallilan kunta" };
	struct rule rule = guess_rule;
	struct arena mem = { 0 };
	struct store_place pl;
	struct buf out = { 0 }, want = { 0 };
	struct alert al;
	struct hand h;
	struct err err;
	char id[33];

	assert_int_equal(zone_use("Europe/Helsinki", &err), 0);
	place_open(&pl);
	rule.texts[LANG_EN].what =
		"Wrong passwords for {user} on {host}: {count} tries.\n\nSee below.";
	for (unsigned i = 0; i < 3; i++) {
		hand(&h, "mallila", "vpn1", i < 2 ? "192.0.2.7" : "203.0.113.4", "maija", i,
		     T0 + i * MINUTE);
		h.f.rule = &rule;
		apply(pl.as, &h.f, id);
	}
	assert_int_equal(alert_acknowledge(pl.as, id, "Aino", "cli", T0 + HOUR, &err), 0);
	assert_int_equal(alert_get(pl.as, id, &mem, &al, &err), 0);
	alert_show(&out, &al, &sh);
	buf_printf(&want,
		   "%s  high, acknowledged by Aino 2026-11-23 11:00:00 +0200 (09:00:00Z)\n"
		   "SSH: password guessing\n\n"
		   "Municipality  Mallilan kunta (mallila)\n"
		   "Concerns      vpn1\n"
		   "Events        3\n"
		   "First         2026-11-23 10:00:00 +0200 (08:00:00Z)\n"
		   "Latest        2026-11-23 10:02:00 +0200 (08:02:00Z)\n\n"
		   "What happened\n"
		   "  Wrong passwords for maija on vpn1: 3 tries.\n\n"
		   "  See below.\n\n"
		   "What to do now\n"
		   "  Block it.\n\n"
		   "host.name\n"
		   "         3  vpn1\n\n"
		   "source.ip\n"
		   "         2  192.0.2.7\n"
		   "         1  203.0.113.4\n\n"
		   "user.name\n"
		   "         3  maija\n\n"
		   "Rule\n"
		   "  name        ssh-guessing\n"
		   "  id          11111111-0000-4000-8000-000000000002\n"
		   "  author      Vartio\n"
		   "  link        https://vartio.example/rules/ssh-guessing\n"
		   "  tags        attack.t1110\n"
		   "  alert       %s\n",
		   al.code, al.id);
	assert_string_equal(buf_cstr(&out), buf_cstr(&want));
	buf_release(&out);
	buf_release(&want);
	arena_release(&mem);
	place_close(&pl);
}

int main(void)
{
	const struct CMUnitTest show_tests[] = {
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_page),
	};

	return RUN_TESTS(show_tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert: what people get to read, and that nothing in a log changes its form. */
#include "tests/cmocka.h"

#include <stdio.h>

#include "collector/alert/mime.h"
#include "collector/alert/notify.h"
#include "common/base/fill.h"
#include "common/base/zone.h"

#define T0 INT64_C(1795420800) /* 2026-11-23T08:00:00Z */

static const struct notify_conf conf = {
	.region_name = "Seutu-IT Oy",
	.region_phone = "+358 9 123 4567",
	.region_email = "valvonta@region.example",
	.region_lang = LANG_FI,
	.from = "vartio@region.example",
	.zone = "Europe/Helsinki",
};
static const struct contact maija = {
	.id = 7,
	.tenant = "mallila",
	.tenant_name = "Mallilan kunta",
	.name = "Maija Meikäläinen",
	.email = "maija@mallila.example",
	.lang = LANG_FI,
};

static struct alert_values values[3] = {
	{ .field = "host.name", .v = { { "srv1.mallila.example", 5000 } }, .n = 1 },
	{ .field = "source.ip",
	  .v = { { "192.0.2.7", 3000 },
		 { "192.0.2.8", 1500 },
		 { "2001:db8::1", 400 },
		 { "198.51.100.1", 100 } },
	  .n = 4,
	  .n_more = 2 },
	{ .field = "user.name", .v = { { "root", 4900 }, { "maija", 100 } }, .n = 2 },
};

static const char *tags[] = { "attack.credential-access", "attack.t1110.001", "attack.g0049",
			      "cve.2026-1234" };

static struct alert guessing(void)
{
	struct alert al = {
		.id = "0123456789abcdef0123456789abcdef",
		.code = "VA-7K3M9Q2H",
		.tenant = "mallila",
		.rule_id = "6d1f0a6e-2f0a-4a58-9a30-000000000001",
		.rule_name = "ssh-guessing",
		.title = "SSH password guessing",
		.author = "Vartio",
		.link = "https://docs.example/guessing",
		.tags = tags,
		.n_tags = 4,
		.level = LEVEL_HIGH,
		.to_contact = true,
		.events = 5000,
		.first_ns = T0 * NS_PER_SEC,
		.last_ns = (T0 + 65) * NS_PER_SEC,
		.values = values,
		.n_values = 3,
	};

	al.texts[LANG_FI] = (struct rule_texts){
		.title = "Salasanaa arvataan palvelimella",
		.what = "Joku kokeili salasanoja koneelle {host} osoitteista {source_ip}: {count} "
			"kertaa, viimeksi {last}.",
		.why = "Jos salasana arvataan, koneelle päästään sisään.",
		.action = "1. Älä sammuta konetta.\n2. Soita.",
		.call = "{region_name}, {region_phone}.",
	};
	al.texts[LANG_EN] = (struct rule_texts){
		.title = "Passwords are being guessed",
		.what = "Somebody tried passwords on {host}: {count} times.",
		.why = "They may get in.",
		.action = "Call.",
		.call = NULL,
	};
	return al;
}

/* The decoded content of one part: "text/plain" or "text/html". */
static void part_of(const struct buf *message, const char *type, struct buf *out)
{
	struct slice s = buf_view(message);
	ssize_t at = slice_find(s, slice_str(type));

	assert_true(at >= 0);
	s = slice_from(s, (size_t)at);
	at = slice_find(s, SLICE("\r\n\r\n"));
	assert_true(at >= 0);
	s = slice_from(s, (size_t)at + 4);
	at = slice_find(s, SLICE("\r\n--=_vartio"));
	assert_true(at >= 0);
	s.n = (size_t)at;
	buf_reset(out);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '=' && s.p[i + 1] == '\r') {
			i += 2;
		} else if (s.p[i] == '=') {
			unsigned byte = 0;

			assert_int_equal(sscanf(s.p + i + 1, "%2X", &byte), 1);
			buf_chr(out, (char)byte);
			i += 2;
		} else if (s.p[i] != '\r') {
			buf_chr(out, s.p[i]);
		}
}

static void assert_has(const struct buf *b, const char *text)
{
	if (slice_find(buf_view(b), slice_str(text)) < 0)
		fail_msg("lacks: %s\nin: %.*s", text, (int)b->n, b->p);
}

static void assert_has_not(const struct buf *b, const char *text)
{
	if (slice_find(buf_view(b), slice_str(text)) >= 0)
		fail_msg("has: %s\nin: %.*s", text, (int)b->n, b->p);
}

/* RFC 5322 2.1.1 and RFC 2045 6.7: only CRLF ends lines, and none is longer than 78. */
static void assert_lines(const struct buf *b)
{
	size_t col = 0;

	for (size_t i = 0; i < b->n; i++) {
		unsigned char c = (unsigned char)b->p[i];

		assert_true(c == '\r' || c == '\n' || (c >= 0x20 && c < 0x7f));
		if (c == '\r') {
			assert_true(i + 1 < b->n && b->p[i + 1] == '\n');
			assert_true(col <= 78);
			col = 0;
			i++;
		} else {
			assert_true(c != '\n');
			col++;
		}
	}
	assert_int_equal(col, 0);
}

static void render(const struct contact *to, const struct alert *al, unsigned update,
		   struct buf *out)
{
	struct err err;

	buf_reset(out);
	if (message_render(&conf, to, al, update, T0 * NS_PER_SEC, out, &err) < 0)
		fail_msg("%s", err.msg);
	assert_lines(out);
}

static void test_first_message(void **state)
{
	static const char *const headers[] = {
		"From: Seutu-IT Oy\r\n <vartio@region.example>\r\n",
		"To: =?utf-8?B?TWFpamEgTWVpa8OkbMOkaW5lbg==?=\r\n <maija@mallila.example>\r\n",
		"Reply-To: Seutu-IT Oy\r\n <valvonta@region.example>\r\n",
		"Subject: Mallilan kunta: Vakava: Salasanaa arvataan palvelimella\r\n",
		"Date: Mon, 23 Nov 2026 10:00:00 +0200\r\n",
		"Message-ID: <0123456789abcdef0123456789abcdef.0.c7@region.example>\r\n",
		"List-Id: <mallila.alerts.region.example>\r\n",
		"Auto-Submitted: auto-generated\r\n",
		"X-Auto-Response-Suppress: All\r\n",
		"Content-Language: fi\r\n",
		"MIME-Version: 1.0\r\n",
		"Content-Type: multipart/alternative; boundary=\"=_vartio\"\r\n",
	};
	static const char *const texts[] = {
		"Vakava\nSalasanaa arvataan palvelimella\n",
		"* Mitä tapahtui *\nJoku kokeili salasanoja koneelle srv1[.]mallila[.]example "
		"osoitteista 192.0.2.7, 192.0.2.8, 2001:db8::1 ja 3 muuta: 5000 kertaa, viimeksi "
		"23.11.2026 klo 10:01:05 (08:01:05 UTC).\n",
		"* Miksi asialla on merkitystä *\nJos salasana arvataan",
		"* Mitä teet nyt *\n1. Älä sammuta konetta.\n2. Soita.\n",
		"* Kenelle soitat *\nSeutu-IT Oy, +358 9 123 4567.\n",
		"Sano puhelimessa tämä tunniste: VA-7K3M9Q2H\n",
		"Tapahtumia: 5000\n",
		"Ensimmäinen: 23.11.2026 klo 10:00:00 (08:00:00 UTC)\n",
		("Osoitteet, joista se tuli: 192.0.2.7 (3000), 192.0.2.8 (1500), 2001:db8::1 "
		 "(400), 198.51.100.1 (100) ja 2 muuta\n"),
		"Käyttäjätunnukset: root (4900), maija (100)\n",
		"Sääntö: SSH password guessing\n",
		"Säännön tunnus: 6d1f0a6e-2f0a-4a58-9a30-000000000001\n",
		"MITRE ATT&CK: credential-access, T1110.001, G0049\n",
		"Säännön tekijä: Vartio\n",
		"Lisää säännöstä: hxxps[:]//docs[.]example/guessing\n",
	};
	struct buf message = { 0 }, part = { 0 };
	struct alert al = guessing();

	render(&maija, &al, 0, &message);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		assert_has(&message, headers[i]);
	assert_has_not(&message, "References");
	assert_has_not(&message, "In-Reply-To");
	assert_true(slice_find(buf_view(&message), SLICE("text/plain; charset=utf-8")) <
		    slice_find(buf_view(&message), SLICE("text/html; charset=utf-8")));
	part_of(&message, "text/plain", &part);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_has(&part, texts[i]);
	part_of(&message, "text/html", &part);
	assert_has(&part, "<html lang=\"fi\">");
	assert_has(&part, "<strong>Vakava</strong>");
	assert_has(&part, "1. Älä sammuta konetta.<br>\n2. Soita.</p>");
	assert_has(&part, "<strong>Sano puhelimessa tämä tunniste: VA-7K3M9Q2H</strong>");
	assert_has_not(&part, "href");
	assert_has_not(&part, "src=");
	assert_has_not(&part, "<script");
	buf_release(&message);
	buf_release(&part);
}

static void test_updates_stay_in_the_thread(void **state)
{
	struct buf message = { 0 }, part = { 0 };
	struct alert al = guessing();

	render(&maija, &al, 2, &message);
	assert_has(&message,
		   "Subject: Re: Mallilan kunta: Vakava: Salasanaa arvataan palvelimella\r\n");
	assert_has(&message,
		   "Message-ID: <0123456789abcdef0123456789abcdef.2.c7@region.example>\r\n");
	assert_has(&message,
		   "In-Reply-To: <0123456789abcdef0123456789abcdef.0.c7@region.example>\r\n");
	assert_has(&message,
		   "References: <0123456789abcdef0123456789abcdef.0.c7@region.example>\r\n");
	part_of(&message, "text/plain", &part);
	assert_has(&part, "tapahtumia on nyt 5000");
	buf_release(&message);
	buf_release(&part);
}

static void test_languages(void **state)
{
	struct contact sv = maija, en = maija;
	struct buf message = { 0 }, part = { 0 };
	struct alert al = guessing();

	sv.lang = LANG_SV;
	en.lang = LANG_EN;
	render(&en, &al, 0, &message);
	assert_has(&message, "Content-Language: en\r\n");
	part_of(&message, "text/plain", &part);
	assert_has(&part, "Call Seutu-IT Oy, telephone +358 9 123 4567.");
	/* The rule speaks no Swedish: its English stands in, marked as English. */
	render(&sv, &al, 0, &message);
	assert_has(&message, "Content-Language: sv\r\n");
	part_of(&message, "text/html", &part);
	assert_has(&part, "<html lang=\"sv\">");
	assert_has(&part, "Vad har hänt</h2>\n<p lang=\"en\"");
	assert_has(&part, "Ring Seutu-IT Oy, telefon +358 9 123 4567.");
	buf_release(&message);
	buf_release(&part);
}

static void test_rule_without_texts(void **state)
{
	struct buf message = { 0 }, part = { 0 };
	struct contact region = maija;
	struct alert al = guessing();

	memset(al.texts, 0, sizeof(al.texts));
	al.level = LEVEL_MEDIUM;
	region.id = 0;
	region.lang = LANG_EN;
	render(&region, &al, 0, &message);
	assert_has(&message, "Subject: Mallilan kunta: Notice: SSH password guessing\r\n");
	part_of(&message, "text/plain", &part);
	assert_has(&part, "The rule \"SSH password guessing\" matched on the computer "
			  "srv1[.]mallila[.]example: 5000 events.");
	buf_release(&message);
	buf_release(&part);
}

static void test_test_message(void **state)
{
	struct buf message = { 0 }, part = { 0 };

	render(&maija, NULL, 0, &message);
	assert_has(&message, "Subject: Mallilan kunta: Tiedoksi: Testiviesti\r\n");
	assert_has(&message, "Message-ID: <test.1795420800000000000.c7@region.example>\r\n");
	part_of(&message, "text/plain", &part);
	assert_has(&part, "Soita: Seutu-IT Oy, puhelin +358 9 123 4567.");
	assert_has_not(&part, "{");
	buf_release(&message);
	buf_release(&part);
}

static void test_long_subject_is_cut(void **state)
{
	struct buf message = { 0 };
	struct contact to = maija;
	struct alert al = guessing();

	to.tenant_name = "Pohjois-Pohjanmaan Ylämylly-Äteritsiputeritsi";
	render(&to, &al, 0, &message);
	/* 66 characters, so that "Re: " still fits in 70; never cut inside an encoded character. */
	assert_has(&message,
		   "Subject: =?utf-8?B?UG9oam9pcy1Qb2hqYW5tYWFuIFlsw6RteWxseS3DhHRlcml0c2lw?=\r\n "
		   "=?utf-8?B?dXRlcml0c2k6IFZha2F2YTogU2FsYXNhbmFh4oCm?=\r\n");
	buf_release(&message);
}

/* What an attacker may put into a log line, in each value of an alert. shown: how the text part
 * shows it; shown_html: the HTML part. */
#define ROW(name, value, shown, html)                                                              \
	{                                                                                          \
		name, value, shown, html                                                           \
	}
static const struct {
	const char *name, *value, *shown, *shown_html;
} hostile[] = {
	ROW("header injection", "x\r\nBcc: all@evil.example\r\n\r\nbody",
	    "x\\u{d}\\u{a}Bcc: all@evil[.]example\\u{d}\\u{a}\\u{d}\\u{a}body",
	    "x\\u{d}\\u{a}Bcc: all@evil[.]example\\u{d}\\u{a}\\u{d}\\u{a}body"),
	ROW("a MIME boundary", "\n--=_vartio--\n", "\\u{a}--=_vartio--\\u{a}",
	    "\\u{a}--=_vartio--\\u{a}"),
	ROW("markup", "<b onclick='x'>\"&amp;</td></table>", "<b onclick='x'>\"&amp;</td></table>",
	    "&lt;b onclick=&#39;x&#39;&gt;&quot;&amp;amp;&lt;/td&gt;&lt;/table&gt;"),
	ROW("a script", "<script>alert(1)</script>", "<script>alert(1)</script>",
	    "&lt;script&gt;alert(1)&lt;/script&gt;"),
	ROW("format directives", "%s%n%1000000d", "%s%n%1000000d", "%s%n%1000000d"),
	ROW("right-to-left override", "abc\xe2\x80\xaetxt.exe", "abc\\u{202e}txt[.]exe",
	    "abc\\u{202e}txt[.]exe"),
	ROW("a placeholder of ours", "{user}{count}{region_phone}", "{user}{count}{region_phone}",
	    "{user}{count}{region_phone}"),
	ROW("an escape sequence", "\x1b]0;owned\x07", "\\u{1b}]0;owned\\u{7}",
	    "\\u{1b}]0;owned\\u{7}"),
	ROW("not UTF-8", "\xff\xc0\xaf", "\\u{fffd}\\u{fffd}\\u{fffd}",
	    "\\u{fffd}\\u{fffd}\\u{fffd}"),
	ROW("an encoded word",
	    "=?utf-8?B?QmNjOiB4?=", "=?utf-8?B?QmNjOiB4?=", "=?utf-8?B?QmNjOiB4?="),
	ROW("a link", "https://evil.example/a?b=c", "hxxps[:]//evil[.]example/a?b=c",
	    "hxxps[:]//evil[.]example/a?b=c"),
	ROW("a lone dot", "\n.\n", "\\u{a}.\\u{a}", "\\u{a}.\\u{a}"),
};

static void check_hostile(const struct alert *al, const char *name, const char *shown,
			  const char *html)
{
	struct buf message = { 0 }, part = { 0 }, clean = { 0 };
	struct alert plain = guessing();
	ssize_t end, end_clean;

	render(&maija, al, 1, &message);
	/* The headers are, byte for byte, those of the same alert without the hostile values. */
	values[0].v[0].value = values[1].v[0].value = values[2].v[0].value = "a";
	render(&maija, &plain, 1, &clean);
	end = slice_find(buf_view(&message), SLICE("\r\n\r\n"));
	end_clean = slice_find(buf_view(&clean), SLICE("\r\n\r\n"));
	assert_int_equal(end, end_clean);
	assert_memory_equal(message.p, clean.p, (size_t)end);
	print_message("# %s\n", name);
	part_of(&message, "text/plain", &part);
	assert_has(&part, shown);
	part_of(&message, "text/html", &part);
	assert_has(&part, html);
	assert_has_not(&part, "<script");
	assert_has_not(&part, "<b onclick");
	buf_release(&message);
	buf_release(&part);
	buf_release(&clean);
}

static void set_values(const char *value)
{
	for (size_t i = 0; i < 3; i++)
		values[i].v[0].value = value;
}

static void test_hostile_values(void **state)
{
	struct alert_values kept[3];

	memcpy(kept, values, sizeof(values));
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct alert al = guessing();

		set_values(hostile[i].value);
		check_hostile(&al, hostile[i].name, hostile[i].shown, hostile[i].shown_html);
	}
	memcpy(values, kept, sizeof(values));
}

static void test_a_huge_value_is_cut(void **state)
{
	struct alert_values kept[3];
	struct buf message = { 0 }, part = { 0 };
	struct alert al = guessing();
	char *huge = malloc(60001);

	memcpy(kept, values, sizeof(values));
	memset(huge, 'A', 60000);
	huge[60000] = '\0';
	set_values(huge);
	render(&maija, &al, 0, &message);
	assert_true(message.n < 16000);
	part_of(&message, "text/plain", &part);
	huge[201] = '\0';
	assert_has_not(&part, huge);
	huge[200] = '\0';
	assert_has(&part, huge);
	memcpy(values, kept, sizeof(values));
	buf_release(&message);
	buf_release(&part);
	free(huge);
}

/* Names come from the configuration: a line end there is refused, with the thing named. */
static void test_hostile_configuration(void **state)
{
	struct notify_conf nc = conf;
	struct contact to = maija;
	struct alert al = guessing();
	struct buf out = { 0 };
	struct err err;

	to.name = "Maija\r\nBcc: x@evil.example";
	assert_int_equal(message_render(&conf, &to, &al, 0, 0, &out, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	to = maija;
	to.tenant_name = "Mallila\nBcc: x@evil.example";
	assert_int_equal(message_render(&conf, &to, &al, 0, 0, &out, &err), -1);
	assert_non_null(strstr(err.msg, "municipality"));
	to = maija;
	to.email = "maija@mallila.example>\r\nBcc: <x@evil.example";
	assert_int_equal(message_render(&conf, &to, &al, 0, 0, &out, &err), -1);
	nc.region_name = "Seutu\rBcc: x";
	assert_int_equal(message_render(&nc, &maija, &al, 0, 0, &out, &err), -1);
	assert_int_equal(out.n, 0);
	/* A rule's title is shown, not refused: an alert must not be lost over a careless rule. */
	al.texts[LANG_FI].title = "a\r\nBcc: x";
	render(&maija, &al, 0, &out);
	assert_has(&out, "Subject: Mallilan kunta: Vakava: a\\u{d}\\u{a}Bcc: x\r\n");
	buf_release(&out);
}

static const struct {
	const char *in, *out;
} defanged[] = {
	{ "192.0.2.7", "192.0.2.7" },
	{ "2001:db8::1", "2001:db8::1" },
	{ "http://evil.example/x.html", "hxxp[:]//evil[.]example/x[.]html" },
	{ "HTTPS://192.0.2.7/a", "hxxps[:]//192.0.2.7/a" },
	{ "ftp://a.b", "ftp[:]//a[.]b" },
	{ "www.evil.example.", "www[.]evil[.]example." },
	{ "maija@mallila.example", "maija@mallila[.]example" },
	{ "192.0.2.7.evil.example", "192[.]0[.]2[.]7[.]evil[.]example" },
	{ "b\xc3\xbc"
	  "cher.example",
	  "b\xc3\xbc"
	  "cher[.]example" },
	{ "\\\\evil\\share", "[\\\\]evil\\share" },
	{ "/usr/bin/vi /etc/ssh/sshd_config.d/x.conf",
	  "/usr/bin/vi /etc/ssh/sshd_config.d/x.conf" },
	{ "rm -f /var/log/auth.log", "rm -f /var/log/auth.log" },
	{ "//evil.example/x", "//evil[.]example/x" },
	{ "/a@evil.example", "/a@evil[.]example" },
	{ "", "" },
	{ "...", "..." },
	{ "a.", "a." },
	{ ".a", ".a" },
};

static void test_defang(void **state)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof(defanged) / sizeof(defanged[0]); i++) {
		buf_reset(&b);
		fill_defang(&b, slice_str(defanged[i].in));
		if (strcmp(buf_cstr(&b), defanged[i].out) != 0)
			fail_msg("%s became %s", defanged[i].in, buf_cstr(&b));
	}
	buf_release(&b);
}

static void test_fill(void **state)
{
	static const struct fill fills[] = { { "a", "{b}", true },
					     { "b", "B", true },
					     { "none", NULL, true } };
	struct buf b = { 0 };

	fill_text(&b, "{a}{b} {c} {none} {{a} { } {", fills, 3);
	assert_string_equal(buf_cstr(&b), "{b}B {c} {none} {{b} { } {");
	buf_release(&b);
}

/* What rule authors may write, and the event's field that fills it: spelled out here once more. */
static void test_fields_that_fill(void **state)
{
	static const struct alert_values of_fields[] = {
		{ .field = "host.name", .v = { { "v0", 1 } }, .n = 1 },
		{ .field = "user.name", .v = { { "v1", 1 } }, .n = 1 },
		{ .field = "source.ip", .v = { { "v2", 1 } }, .n = 1 },
		{ .field = "process.command_line", .v = { { "v3", 1 } }, .n = 1 },
		{ .field = "user.target.name", .v = { { "v4", 1 } }, .n = 1 },
		{ .field = "group.name", .v = { { "v5", 1 } }, .n = 1 },
		{ .field = "service.name", .v = { { "v6", 1 } }, .n = 1 },
	};
	struct alert al = guessing();
	struct buf message = { 0 }, text = { 0 };

	al.values = of_fields;
	al.n_values = 7;
	al.texts[LANG_FI].what =
		"{host} {user} {source_ip} {command} {target_user} {group} {service}.";
	render(&maija, &al, 0, &message);
	part_of(&message, "text/plain", &text);
	assert_has(&text, "v0 v1 v2 v3 v4 v5 v6.");
	buf_release(&message);
	buf_release(&text);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *address;
		bool ok;
	} rows[] = {
		{ "maija@mallila.example", true },
		{ "m.m+x@a-b.example", true },
		{ "maija", false },
		{ "@mallila.example", false },
		{ "maija@", false },
		{ "a@b@c", false },
		{ "a b@c", false },
		{ "<a@b>", false },
		{ "a@b,c@d", false },
		{ "a@b\nc", false },
		{ "m\xc3\xa4@b", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((mime_address_check(rows[i].address, NULL) == 0) != rows[i].ok)
			fail_msg("%s", rows[i].address);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_message),
		cmocka_unit_test(test_updates_stay_in_the_thread),
		cmocka_unit_test(test_languages),
		cmocka_unit_test(test_rule_without_texts),
		cmocka_unit_test(test_test_message),
		cmocka_unit_test(test_long_subject_is_cut),
		cmocka_unit_test(test_hostile_values),
		cmocka_unit_test(test_a_huge_value_is_cut),
		cmocka_unit_test(test_hostile_configuration),
		cmocka_unit_test(test_defang),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_fields_that_fill),
		cmocka_unit_test(test_addresses),
	};
	struct err err;

	if (zone_use(conf.zone, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	return RUN_TESTS(tests);
}

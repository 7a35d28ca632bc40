/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/text: what is shown, what may be a name, an address, a host. */
#include "tests/cmocka.h"

#include "common/base/text.h"

/* SLICE is no constant expression. */
/* clang-format off */
#define LIT(s) { (s), sizeof(s) - 1 }
/* clang-format on */

static const struct {
	struct slice in;
	const char *out;
} shown[] = {
	{ LIT("p\xc3\xa4iv\xc3\xa4\xc3\xa4 \xf0\x9f\x98\x80"),
	  "p\xc3\xa4iv\xc3\xa4\xc3\xa4 \xf0\x9f\x98\x80" },
	{ LIT("a\r\nBcc: b"), "a\\u{d}\\u{a}Bcc: b" },
	{ LIT("\x1b[31mred\x7f"), "\\u{1b}[31mred\\u{7f}" },
	{ LIT("nul\0nul"), "nul\\u{0}nul" },
	{ LIT("\xc2\x9b"
	      "31m"),
	  "\\u{9b}31m" },
	{ LIT("exe.\xe2\x80\xae"
	      "fdp"),
	  "exe.\\u{202e}fdp" },
	{ LIT("\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c"),
	  "\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{61c}" },
	{ LIT("\xe2\x80\xa8"), "\\u{2028}" },
	{ LIT("a\xe2\x80\x8b\xef\xbb\xbf\xc2\xad"), "a\\u{200b}\\u{feff}\\u{ad}" },
	{ LIT("\xf3\xa0\x81\x81"), "\\u{e0041}" }, /* a tag character */
	{ LIT("cut \xc3"), "cut \\u{fffd}" },
	{ LIT("cut \xe2\x80"), "cut \\u{fffd}\\u{fffd}" },
	{ LIT("\xc0\xaf"), "\\u{fffd}\\u{fffd}" },                           /* overlong / */
	{ LIT("\xed\xa0\x80"), "\\u{fffd}\\u{fffd}\\u{fffd}" },              /* a surrogate */
	{ LIT("\xf4\x90\x80\x80"), "\\u{fffd}\\u{fffd}\\u{fffd}\\u{fffd}" }, /* past U+10FFFF */
	{ LIT("%s %n <script>"), "%s %n <script>" },
};

static void test_put_safe(void **state)
{
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		struct buf b = { 0 };

		text_put_safe(&b, shown[i].in);
		assert_string_equal(buf_cstr(&b), shown[i].out);
		buf_release(&b);
	}
}

static void test_html(void **state)
{
	struct buf b = { 0 };

	text_put_html(&b, slice_str("<script>alert(\"1\" & '2')</script>"));
	assert_string_equal(buf_cstr(&b),
			    "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;");
	buf_release(&b);
}

static void test_lengths(void **state)
{
	assert_int_equal(text_chars(slice_str("")), 0);
	assert_int_equal(text_chars(slice_str("y\xc3\xb6\xff")), 3);
	assert_slice(text_cut(slice_str("y\xc3\xb6t\xc3\xb6"), 2), "y\xc3\xb6");
	assert_slice(text_cut(slice_str("y\xc3\xb6"), 2), "y\xc3\xb6");
	assert_slice(text_cut(slice_str("y\xc3\xb6"), 0), "");
}

static const struct {
	const char *in;
	bool ok;
} names[] = {
	{ "M\xc3\xa4" "ki, Matti (ICT)", true },
	{ "", false },
	{ " a", false },
	{ "a ", false },
	{ "a\nb", false },
	{ "a\tb", false },
	{ "a\xff", false },
	{ "\xe2\x80\xae" "a", false },
	{ "12345678901234567890", true },
	{ "123456789012345678901", false },
}, emails[] = {
	{ "maija.meikalainen@kunta.example", true },
	{ "a+b@localhost", true },
	{ "a@b@c", false },
	{ "@b", false },
	{ "a@", false },
	{ "a b@c", false },
	{ "a@b c", false },
	{ "a@b\r\nBcc: c", false },
	{ "a..b@c", false },
	{ "a@c..d", false },
	{ "\"a\"@c", false },
	{ "<a@c>", false },
	{ "a,b@c", false },
	{ "\xc3\xa4@c", false },
}, hosts[] = {
	{ "siem.example", true },
	{ "192.0.2.1", true },
	{ "2001:db8::1", true },
	{ "win_srv-1", true },
	{ "", false },
	{ "-a", false },
	{ "a-.b", false },
	{ "a..b", false },
	{ ".a", false },
	{ "a.", false },
	{ "a:1", false },
	{ "a/b", false },
	{ "[::1]", false },
};

static void test_kinds(void **state)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (text_is_name(slice_str(names[i].in), 20) != names[i].ok)
			fail_msg("name %s", names[i].in);
	for (size_t i = 0; i < sizeof(emails) / sizeof(emails[0]); i++)
		if (text_is_email(slice_str(emails[i].in)) != emails[i].ok)
			fail_msg("e-mail %s", emails[i].in);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		if (text_is_host(slice_str(hosts[i].in)) != hosts[i].ok)
			fail_msg("host %s", hosts[i].in);
}

static const struct {
	const char *in, *host; /* NULL: refused */
	uint16_t port;
} places[] = {
	{ "a", "a", 99 },        { "a:1", "a", 1 },      { "192.0.2.1:65535", "192.0.2.1", 65535 },
	{ "[::1]:7", "::1", 7 }, { "[::1]", "::1", 99 }, { "::1", "::1", 99 },
	{ "a:0", NULL, 0 },      { "a:65536", NULL, 0 }, { "a:", NULL, 0 },
	{ ":1", NULL, 0 },       { "[::1", NULL, 0 },    { "[::1]7", NULL, 0 },
	{ "[a]:7", NULL, 0 },    { "a:b", NULL, 0 },     { "", NULL, 0 },
};

static void test_host_port(void **state)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char host[256];
		uint16_t port = 0;
		bool ok = text_host_port(slice_str(places[i].in), 99, host, &port);

		if (ok != (places[i].host != NULL))
			fail_msg("%s: %s", places[i].in, ok ? "accepted" : "refused");
		if (!ok)
			continue;
		assert_string_equal(host, places[i].host);
		assert_int_equal(port, places[i].port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_safe),  cmocka_unit_test(test_html),
		cmocka_unit_test(test_lengths),   cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_host_port),
	};

	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* The linear matcher: what it follows and declines, and that its time is linear. */
#include <time.h>

#include "tests/collector/nfa_kit.h"

static const struct {
	const char *regex;
	uint32_t opts;
	const char *text;
	bool match;
} rows[] = {
	{ "", 0, "", true },
	{ "abc", 0, "xxabcxx", true },
	{ "abc", 0, "xxabxcxx", false },
	{ "a|b|cd", 0, "xcdx", true },
	{ "a|", 0, "x", true },
	{ "^(a|bb)*$", 0, "abbabb", true },
	{ "^(a|bb)*$", 0, "abbab", false },
	{ "^a{2,3}$", 0, "a", false },
	{ "^a{2,3}$", 0, "aaa", true },
	{ "^a{2,3}$", 0, "aaaa", false },
	{ "^(ab?){2,}$", 0, "aba", true },
	{ "^(ab?){2,}$", 0, "ab", false },
	{ "^a{0}b$", 0, "b", true },
	{ "^(?:a*)*?b+?$", 0, "aab", true },
	{ "a.c", 0, "a\nc", false },
	{ "a.c", S, "a\nc", true },
	{ "a.c", 0,
	  "a\xe2\x80\x93"
	  "c",
	  true },
	{ "a..c", 0,
	  "a\xe2\x80\x93"
	  "c",
	  false },
	{ "[^a]c", 0,
	  "\xc3\xa4"
	  "c",
	  true },
	{ "[^a]", 0, "\n", true },
	{ "[-/\xe2\x80\x93]e", 0,
	  "\xe2\x80\x93"
	  "e",
	  true },
	{ "[-/\xe2\x80\x93]e", 0,
	  "\xe2\x80\x94"
	  "e",
	  false },
	{ "[^\xe2\x80\x93]e", 0,
	  "\xe2\x80\x93"
	  "e",
	  false },
	{ "[]a]b", 0, "]b", true },
	{ "[^]a]b", 0, "]b", false },
	{ "[a-c-e]x", 0, "-x", true },
	{ "[a-c-e]x", 0, "dx", false },
	{ "[\\w.-]x", 0, "-x", true },
	{ "[\\b]", 0, "\b", true },
	{ "[[:alpha:]]1", 0, "z1", true },
	{ "[\\D]1", 0,
	  "\xc3\xa4"
	  "1",
	  true },
	{ "^[\\D1]$", 0, "2", false },
	{ "\\w", 0, "\xc3\xa4", false },
	{ "\\W", 0, "\xc3\xa4", true },
	{ "\\s", 0, "\v", true },
	{ "\\x41\\x{2013}", 0, "A\xe2\x80\x93", true },
	{ "\\t\\e\\a\\f\\r\\n", 0, "\t\x1b\a\f\r\n", true },
	{ "a$", 0, "a\n", true },
	{ "a$", 0, "a\n\n", false },
	{ "a$", M, "a\nb", true },
	{ "a\\Z", M, "a\nb", false },
	{ "a\\Z", 0, "a\n", true },
	{ "a\\z", 0, "a\n", false },
	{ "^b", 0, "a\nb", false },
	{ "^b", M, "a\nb", true },
	{ "\\Ab", M, "a\nb", false },
	{ "\\n^$", M, "a\n", false },
	{ "\\bcat\\b", 0, "a cat.", true },
	{ "\\bcat\\b", 0, "concat", false },
	{ "\\Bcat", 0, "concat", true },
	{ "\\bc", 0,
	  "\xc3\xa4"
	  "c",
	  true },
	{ "\\b", 0, "", false },
	{ "\\B", 0, "", true },
	{ "CaT", I, "xcAtx", true },
	{ "k", I, "\xe2\x84\xaa", true },
	{ "[r-t]", I, "\xc5\xbf", true },
	{ "[^s]", I, "\xc5\xbf", false },
	{ "\\w", I, "\xc5\xbf", false },
	{ "(?i)cat", 0, "CAT", true },
	{ "(?i:c)at", 0, "CAT", false },
	{ "(?i:c)at", 0, "Cat", true },
	{ "(a(?i)b|c)d", 0, "Cd", true },
	{ "(a(?i)b|c)d", 0, "CD", false },
	{ "(?-i)a", I, "A", false },
	{ "(?s).(?-s).", 0, "\n\n", false },
	{ "${x}", 0, "${x}", false }, /* an anchor, then a plain brace */
	{ "\\${x}", 0, "${x}", true },
	{ "a{x", 0, "a{x", true },
};

static void test_rows(void **unused)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice text = slice_str(rows[i].text);
		pcre2_code *code = compile(slice_str(rows[i].regex), rows[i].opts);
		struct arena mem = { 0 };
		const struct nfa *nf = make(slice_str(rows[i].regex), rows[i].opts, &mem);

		assert_non_null(code);
		if (nf == NULL)
			fail_msg("%s is not followed", rows[i].regex);
		if (nfa_match(nf, text, &scratch) != rows[i].match)
			fail_msg("%s on \"%s\": not %d", rows[i].regex, text.p, rows[i].match);
		assert_int_equal(pcre2_says(code, text), rows[i].match); /* the row is right */
		pcre2_code_free(code);
		arena_release(&mem);
	}
}

static void test_declines(void **unused)
{
	static const char *const declined[] = {
		"[\\W[:digit:]]",
		"(a)\\1",
		"\\k<a>",
		"(?=a)",
		"(?!a)",
		"(?<=a)",
		"(?<!a)",
		"(?>a)",
		"a++",
		"a*+",
		"a{2}+",
		"(*ACCEPT)",
		"(?(1)a)",
		"(?R)",
		"(?1)",
		"a\\Kb",
		"\\X",
		"\\R",
		"\\pL",
		"[\\p{L}]",
		"[[:cntrl:]]",
		"[[:^alpha:]]",
		"(?x)a",
		"(?#a)",
		"(?<n>a)",
		"\\Qa\\E",
		"\\cA",
		"\\012",
		"\\h",
		"\\N",
		"\\G",
		"a{,3}",
		"a{ 1}",
		"\\b+",
		"^*",
		"a**",
		"a{2}{3}",
		"(?i)\xc3\xa4",
		"a{1025}",
		"(a{40}){40}",
		"(((){999}){999}){999}",
		"a)",
		"(a",
		"[a",
		"a\\",
		"[\\d-z]",
	};
	struct arena mem = { 0 };
	char deep[512];

	for (size_t i = 0; i < sizeof(declined) / sizeof(declined[0]); i++) {
		if (make(slice_str(declined[i]), 0, &mem) != NULL)
			fail_msg("%s is followed", declined[i]);
	}
	memset(deep, '(', 256);
	memset(deep + 256, ')', 256);
	assert_null(make((struct slice){ deep, sizeof(deep) }, 0, &mem));
	assert_non_null(make((struct slice){ deep + 192, 128 }, 0, &mem));
	assert_non_null(make(SLICE("a{1024}"), 0, &mem));
	arena_release(&mem);
}

/* The number that a generation is kept in comes round: nothing old counts as new. */
static void test_generations(void **unused)
{
	struct arena mem = { 0 };
	const struct nfa *nf = make(SLICE("^(ab)+$"), 0, &mem);

	assert_non_null(nf);
	for (uint32_t old = 1; old < 9; old++) {
		for (unsigned i = 0; i < NFA_STATES_MAX; i++)
			scratch.mark[i] = old;
		scratch.generation = UINT32_MAX - old % 2;
		assert_true(nfa_match(nf, SLICE("abababab"), &scratch));
		assert_false(nfa_match(nf, SLICE("ababa"), &scratch));
	}
	arena_release(&mem);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Twice the text takes twice the time, whatever the expression: PCRE2 would need 2^n steps. */
static void test_linear(void **unused)
{
	static const char *const worst[] = { "(a|a)*(a|aa)+$x", "(a*)*b", "(a?){500}a{500}b" };
	static char text[65536];
	struct arena mem = { 0 };

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(worst) / sizeof(worst[0]); i++) {
		const struct nfa *nf = make(slice_str(worst[i]), 0, &mem);
		double took = seconds();

		assert_non_null(nf);
		assert_false(nfa_match(nf, (struct slice){ text, sizeof(text) }, &scratch));
		took = seconds() - took;
		print_message("# %s on 64 KiB: %.1f ms\n", worst[i], took * 1e3);
		assert_true(took < 20); /* sanitizers and a busy machine included */
	}
	arena_release(&mem);
}

/* What made the linear matcher: a public rule, and a command padded so that PCRE2 gives up. */
static void test_padding(void **unused)
{
	const struct slice rule =
		SLICE("(?i)(?:set).*&&\\s?set.*(?:environment|invoke|\\$\\{?input).*&&.*\"");
	struct buf text = { 0 };
	struct arena mem = { 0 };
	const struct nfa *nf = make(rule, 0, &mem);
	double took;

	assert_non_null(nf);
	put(&text, "cmd /c \"set x=1 && set y=invoke && call \"%x%\" ");
	while (text.n < 65536)
		put(&text, "&&set");
	took = seconds();
	assert_true(nfa_match(nf, buf_view(&text), &scratch));
	for (size_t i = 0; i < text.n; i++)
		text.p[i] = text.p[i] == '"' ? '-' : text.p[i];
	assert_false(nfa_match(nf, buf_view(&text), &scratch));
	took = seconds() - took;
	print_message("# 64 KiB of padding, twice: %.1f ms\n", took * 1e3);
	assert_true(took < 10);
	buf_release(&text);
	arena_release(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),        cmocka_unit_test(test_declines),
		cmocka_unit_test(test_generations), cmocka_unit_test(test_linear),
		cmocka_unit_test(test_padding),
	};

	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* The linear matcher against PCRE2, on expressions from a small grammar or on those of the public
 * rules. Usage: test_nfa_pcre2 rules | [SEED EXPRESSIONS] */
#include <stdio.h>

#include "tests/collector/nfa_kit.h"

#include "collector/detect/engine.h"

static unsigned seed = 20261127, expressions = 6000;

static void put_class(struct buf *b)
{
	static const char *const members[] = { "a",        "b",         "k",          "s",
					       "a-c",      "B-k",       "\\w",        "\\d",
					       "\\s",      "\\W",       "\\n",        "_",
					       "\\S",      "\\]",       "^",          "\\x{e9}",
					       "\xc3\xa4", "[:alnum:]", "r-\xc5\xbf", "\\b" };

	put(b, draw(3) == 0 ? "[^" : "[");
	for (unsigned n = 1 + draw(3); n > 0; n--)
		put(b, PICK(members));
	put(b, draw(6) == 0 ? "-]" : "]");
}

static void put_expression(struct buf *b, unsigned depth)
{
	static const char *const atoms[] = { "a",        "a",     "b",   "k",   "S",   "_",
					     " ",        ".",     ".",   "\\w", "\\W", "\\d",
					     "\\s",      "1",     "\\n", "ab",  "\\S", "\\D",
					     "\xc3\xa4", "\\x6b", "{",   "}",   "]" };
	static const char *const anchors[] = { "^",   "$",    "\\b",  "\\B",  "\\A",   "\\z",
					       "\\Z", "(?i)", "(?m)", "(?s)", "(?-i)", "(?m-s)" };
	static const char *const opens[] = { "(", "(?:", "(", "(?i:", "(?-i:", "(?s:", "(?m:" };
	static const char *const counts[] = { "*",    "+",      "?",   "*?", "{2}", "{0,2}",
					      "{1,}", "{2,3}?", "{0}", "??", "{3}" };

	for (unsigned n = draw(4) + (depth == 0); n > 0; n--) {
		if (draw(6) == 0) {
			put(b, PICK(anchors));
			continue;
		}
		if (draw(4) == 0) {
			put_class(b);
		} else if (depth < 3 && draw(3) == 0) {
			put(b, PICK(opens));
			put_expression(b, depth + 1);
			put(b, ")");
		} else {
			put(b, PICK(atoms));
		}
		if (draw(3) == 0)
			put(b, PICK(counts));
	}
	if (depth < 3 && draw(4) == 0) {
		put(b, "|");
		put_expression(b, depth + 1);
	}
}

static void test_random(void **unused)
{
	struct tally sum = { 0 };

	print_message("# seed %u\n", seed);
	state = seed;
	for (unsigned n = 0; n < expressions; n++) {
		uint32_t opts =
			(draw(3) == 0 ? I : 0) | (draw(3) == 0 ? M : 0) | (draw(3) == 0 ? S : 0);
		struct buf regex = { 0 };
		pcre2_code *code;
		bool whole;

		whole = draw(3) == 0; /* short texts match most of what is not held at both ends */
		put(&regex, whole ? "^(?:" : "");
		put_expression(&regex, 0);
		put(&regex, whole ? ")$" : "");
		code = compile(buf_view(&regex), opts);
		if (code != NULL)
			against_pcre2(buf_view(&regex), opts, code, &sum);
		pcre2_code_free(code);
		buf_release(&regex);
	}
	print_message("# %u expressions, %u followed, %u texts, %u matches\n", sum.expressions,
		      sum.followed, sum.texts, sum.matches);
	assert_true(sum.followed > expressions / 2);
	assert_true(sum.matches > sum.texts / 4 && sum.matches < sum.texts * 3 / 4);
}

static void test_public_rules(void **unused)
{
	const char *corpus = getenv("VARTIO_CORPUS");
	struct rules_report rep = { 0 };
	struct tally sum = { 0 };
	struct ruleset *rs;
	struct err err;
	char path[4096];
	const char *paths[] = { path };

	snprintf(path, sizeof(path), "%s/sigma/rules", corpus);
	assert_int_equal(
		ruleset_load_from(&(struct rules_source){ paths, 1, NULL }, &rep, &rs, &err), 0);
	state = seed;
	for (uint32_t i = 0; i < rs->pred_keys.n; i++) {
		const struct pred *p = &rs->preds[i];
		uint32_t opts;

		if (p->kind != PRED_REGEX)
			continue;
		assert_int_equal(pcre2_pattern_info(p->regex, PCRE2_INFO_ARGOPTIONS, &opts), 0);
		if (!against_pcre2(p->source, opts, p->regex, &sum))
			print_message("# not followed: %.*s\n", SLICE_FMT(p->source));
	}
	ruleset_unref(rs);
	print_message("# %u of %u expressions of public rules followed, %u texts, %u matches\n",
		      sum.followed, sum.expressions, sum.texts, sum.matches);
	assert_true(sum.expressions > 0 && sum.followed * 10 >= sum.expressions * 9);
	assert_true(sum.matches > sum.texts / 4);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest grammar[] = { cmocka_unit_test(test_random) };
	const struct CMUnitTest public[] = { cmocka_unit_test(test_public_rules) };

	if (argc == 2 && strcmp(argv[1], "rules") == 0) {
		if (getenv("VARTIO_CORPUS") != NULL)
			return RUN_TESTS(public);
		puts("1..1\nok 1 - public rules # SKIP VARTIO_CORPUS is not set: no public rules");
		return 0;
	}
	if (argc == 3) {
		seed = (unsigned)strtoul(argv[1], NULL, 10);
		expressions = (unsigned)strtoul(argv[2], NULL, 10);
	}
	return RUN_TESTS(grammar);
}

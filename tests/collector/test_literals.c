/* SPDX-License-Identifier: EUPL-1.2 */
/* The index of literals and its sieve against plain comparison, on texts of its own; and what is
 * read off regular expressions without running them. */
#include "tests/cmocka.h"

#include <stdio.h>
#include <stdlib.h>

#include "collector/detect/regex_literal.h"
#include "collector/detect/sieve.h"

#define ROUNDS 300u
#define LITS   150u
#define TEXTS  40u

static uint64_t state;

static uint32_t draw(uint32_t below)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(state >> 33) % below;
}

/* Few letters, so that pieces of each other are common; now and then one beyond ASCII. */
static struct slice draw_text(struct arena *mem, size_t min, size_t max, bool ascii)
{
	static const char *const letters[] = { "a", "b", "c", "\\", ".", "e", "x", "k",
					       " ", "-", "z", "0",  ":", "ö", "—", "🙂" };
	size_t n = min + draw((uint32_t)(max - min + 1)), at = 0;
	char *p = arena_alloc(mem, n + 4);

	assert_non_null(p);
	while (at < n) {
		const char *c = letters[draw(ascii || draw(8) > 0 ? 13 : 16)];

		memcpy(p + at, c, strlen(c));
		at += strlen(c);
	}
	return (struct slice){ p, at };
}

/* Half of them hold one of the literals: few would by chance. */
static struct slice draw_around(struct arena *mem, const struct literal *v, unsigned n, bool ascii)
{
	struct slice head = draw_text(mem, 0, 40, ascii), tail = draw_text(mem, 0, 40, ascii);
	struct slice mid = draw(2) > 0 ? v[draw(n)].text : (struct slice){ "", 0 };
	char *p = arena_alloc(mem, head.n + mid.n + tail.n + 1);

	assert_non_null(p);
	if (ascii && !literal_is_ascii(mid))
		mid.n = 0;
	memcpy(p, head.p, head.n);
	memcpy(p + head.n, mid.p, mid.n);
	memcpy(p + head.n + mid.n, tail.p, tail.n);
	return (struct slice){ p, head.n + mid.n + tail.n };
}

static bool holds(const struct literal *l, struct slice text)
{
	const struct pattern pt = { l->shape, l->text };

	return pattern_match(&pt, text);
}

static void draw_literals(struct arena *mem, struct literal *v, bool contained)
{
	static const enum shape shapes[] = { SHAPE_EXACT, SHAPE_PREFIX, SHAPE_SUFFIX,
					     SHAPE_CONTAINS };

	for (uint32_t i = 0; i < LITS; i++) {
		enum shape shape = contained ? SHAPE_CONTAINS : shapes[draw(4)];

		v[i] = (struct literal){ draw_text(mem, shape == SHAPE_CONTAINS ? LITERAL_MIN : 1,
						   14, draw(4) > 0),
					 shape, i };
	}
}

static void test_scan(void **unused)
{
	uint64_t bits[(LITS + 63) / 64];
	struct literal v[LITS];

	for (state = 1; state <= ROUNDS; state++) {
		uint64_t seed = state;
		struct arena mem = { 0 };
		struct literals *ls;

		draw_literals(&mem, v, draw(3) == 0);
		ls = literals_new(v, LITS, &mem);
		assert_non_null(ls);
		for (unsigned t = 0; t < TEXTS; t++) {
			struct slice text = draw_around(&mem, v, LITS, draw(3) > 0);

			memset(bits, 0, sizeof(bits));
			literals_scan(ls, text, literal_is_ascii(text), bits);
			for (uint32_t i = 0; i < LITS; i++) {
				bool hit = (bits[i / 64] >> (i % 64) & 1) != 0;

				if (hit != holds(&v[i], text))
					fail_msg("seed %llu: \"%.*s\", shape %d, in \"%.*s\": %d",
						 (unsigned long long)seed, (int)v[i].text.n,
						 v[i].text.p, v[i].shape, (int)text.n, text.p, hit);
			}
		}
		arena_release(&mem);
		state = seed;
	}
}

/* What a value's JSON looks like: letters of either case, what must be escaped is. */
static struct slice as_json(struct arena *mem, struct slice text)
{
	char *p = arena_alloc(mem, text.n * 2 + 1);
	size_t n = 0;

	assert_non_null(p);
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\\')
			p[n++] = '\\';
		p[n++] = c >= 'a' && c <= 'z' && draw(2) == 0 ? (char)(c - 0x20) : c;
	}
	return (struct slice){ p, n };
}

/* A sieve may let through what it need not, but never keeps out what is there; and it does keep
 * out. */
static void test_sieve(void **unused)
{
	unsigned made = 0, kept_out = 0, empty = 0;
	struct literal v[LITS];

	for (state = 1; state <= ROUNDS; state++) {
		uint64_t seed = state;
		struct arena mem = { 0 };
		struct sieve *sv;
		unsigned n = 1 + draw(6);

		draw_literals(&mem, v, true);
		assert_int_equal(sieve_new(v, n, &mem, &sv), 0);
		for (unsigned t = 0; sv != NULL && t < TEXTS; t++) {
			struct slice text = draw_around(&mem, v, n, true);
			bool any = false, may = sieve_may_hold(sv, as_json(&mem, text));

			for (unsigned i = 0; i < n; i++)
				any = any || (literal_is_ascii(v[i].text) && holds(&v[i], text));
			if (any && !may)
				fail_msg("seed %llu: kept out \"%.*s\"", (unsigned long long)seed,
					 (int)text.n, text.p);
			empty += !any;
			kept_out += !any && !may;
		}
		made += sv != NULL;
		arena_release(&mem);
		state = seed;
	}
	assert_true(made > ROUNDS / 4);
	assert_true(kept_out > empty / 2);
}

static void test_sieve_declines(void **unused)
{
	struct arena mem = { 0 };
	struct literal backslashes = { SLICE("\\\\\\\\\\\\"), SHAPE_CONTAINS, 0 };
	struct literal exact = { SLICE("mimikatz"), SHAPE_EXACT, 0 };
	struct sieve *sv;

	assert_int_equal(sieve_new(&backslashes, 1, &mem, &sv), 0);
	assert_null(sv); /* what JSON may write in two ways is no gram */
	arena_release(&mem);
	assert_int_equal(sieve_new(&exact, 1, &mem, &sv), 0);
	arena_release(&mem);
}

static const struct {
	const char *regex, *literal, *skeleton, *line; /* * and ? as in Sigma */
} regexes[] = {
	{ "mimikatz", "mimikatz", "*mimikatz*", "*mimikatz*" },
	{ "MimiKatz", "mimikatz", "*mimikatz*", "*MimiKatz*" },
	{ "net\\s+user", "user", "*net*user*", "" },
	{ "foo.*barbar", "barbar", "*foo*barbar*", "*foo*barbar*" },
	{ "foo.+barbar", "barbar", "*foo*barbar*", "*foo?*barbar*" },
	{ "foo.barbar", "barbar", "*foo*barbar*", "*foo?barbar*" },
	{ "\\+.*\\+", "", "*+*+*", "*+*+*" },
	{ "abcde?f", "abcd", "*abcd*f*", "" },
	{ "abcde*f", "abcd", "*abcd*f*", "" },
	{ "abcde+f", "abcde", "*abcde*f*", "" },
	{ "abcde{2,3}f", "abcd", "*abcd*f*", "" },
	{ "abcde{,3}f", "abcd", "*abcd*f*", "" },
	{ "left|right", "", "", "" },
	{ "(left|right)hand", "hand", "*hand*", "" },
	{ "hand(left|right)?", "hand", "*hand*", "" },
	{ "hand[|]foot", "hand", "*hand*foot*", "" },
	{ "hand\\|foot", "hand|foot", "*hand|foot*", "*hand|foot*" },
	{ "[]a]hand", "hand", "*hand*", "" },
	{ "[^]a]hand", "hand", "*hand*", "" },
	{ "hand[\\]]foot", "hand", "*hand*foot*", "" },
	{ "(a[)]b)hand", "hand", "*hand*", "" },
	{ "(a\\)b)hand", "hand", "*hand*", "" },
	{ "(?i)hand", "hand", "*hand*", "" },
	{ "(?i:foot)hand", "hand", "*hand*", "" },
	{ "(?<!foot)hand", "hand", "*hand*", "" },
	{ "hand(?=foot)", "hand", "*hand*", "" },
	{ "^hand$", "hand", "*hand*", "" },
	{ "hand.*+foot", "hand", "*hand*foot*", "" },
	{ "hän.hand", "hand", "*h*n*hand*", "" },
	/* what is not followed gives nothing at all */
	{ "(?x) hand foot", "", "", "" },
	{ "\\x41hand", "", "", "" },
	{ "\\Qhand|foot\\E", "", "", "" },
	{ "hand(*ACCEPT)foot", "", "", "" },
	{ "hand[[:alpha:]]|foot", "", "", "" },
	{ "(hand)\\1", "", "", "" },
	{ "(?|hand|foot)hand", "", "", "" },
};

static void same(const char *regex, const char *what, const struct buf *got, const char *want)
{
	struct buf b = { 0 };

	for (const char *p = want; *p != '\0'; p++)
		buf_chr(&b, *p == '*' ? WILD_MANY : *p == '?' ? WILD_ONE : *p);
	if (!slice_eq(buf_view(got), buf_view(&b)))
		fail_msg("%s: %s is \"%.*s\"", regex, what, (int)got->n, got->p);
	buf_release(&b);
}

static void test_regexes(void **unused)
{
	for (size_t i = 0; i < sizeof(regexes) / sizeof(regexes[0]); i++) {
		struct regex_parts parts = { 0 };

		regex_read_parts(slice_str(regexes[i].regex), &parts);
		same(regexes[i].regex, "the literal", &parts.literal, regexes[i].literal);
		same(regexes[i].regex, "the skeleton", &parts.skeleton, regexes[i].skeleton);
		same(regexes[i].regex, "the line", &parts.line, regexes[i].line);
		regex_parts_release(&parts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_sieve),
		cmocka_unit_test(test_sieve_declines),
		cmocka_unit_test(test_regexes),
	};

	return RUN_TESTS(tests);
}

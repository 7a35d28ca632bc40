/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/collector/nfa_kit.h: an expression in the linear matcher and in PCRE2, on texts made to
 * match it, or nearly so. */
#ifndef VARTIO_TESTS_NFA_KIT_H
#define VARTIO_TESTS_NFA_KIT_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include "tests/cmocka.h"

#include <pcre2.h>

#include "collector/detect/nfa_impl.h"
#include "common/base/buf.h"

#define NFA_TEXTS 12u /* to an expression */

static struct nfa_scratch scratch;

static inline struct nfa *make(struct slice regex, uint32_t opts, struct arena *mem)
{
	struct nfa *nf;

	assert_int_equal(nfa_new(regex, (opts & PCRE2_CASELESS) != 0, (opts & PCRE2_DOTALL) != 0,
				 (opts & PCRE2_MULTILINE) != 0, mem, &nf),
			 0);
	return nf;
}

/* Without PCRE2's look for where a match may start: 10.42 misses that of (?:a|(?-i:^)){0}b in "B"
 * without regard to case. */
static inline pcre2_code *compile(struct slice regex, uint32_t opts)
{
	pcre2_compile_context *ctx = pcre2_compile_context_create(NULL);
	pcre2_code *code;
	PCRE2_SIZE at;
	int why;

	assert_non_null(ctx);
	pcre2_set_newline(ctx, PCRE2_NEWLINE_LF);
	code = pcre2_compile((PCRE2_SPTR)regex.p, regex.n,
			     opts | PCRE2_UTF | PCRE2_NO_AUTO_CAPTURE | PCRE2_NO_START_OPTIMIZE,
			     &why, &at, ctx);
	pcre2_compile_context_free(ctx);
	return code;
}

static inline int pcre2_says(const pcre2_code *code, struct slice text) /* 1, 0; -1: it gave up */
{
	pcre2_match_data *md = pcre2_match_data_create(1, NULL);
	int r;

	assert_non_null(md);
	r = pcre2_match(code, (PCRE2_SPTR)text.p, text.n, 0, PCRE2_NO_JIT, md, NULL);
	pcre2_match_data_free(md);
	return r >= 0 ? 1 : r == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

enum { I = PCRE2_CASELESS, M = PCRE2_MULTILINE, S = PCRE2_DOTALL };
static inline void put(struct buf *b, const char *s)
{
	buf_slice(b, slice_str(s));
}

static uint64_t state;

static inline uint32_t draw(uint32_t below)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(state >> 33) % below;
}

#define PICK(list) (list)[draw(sizeof(list) / sizeof((list)[0]))]

static inline void put_char(struct buf *b, uint32_t c)
{
	if (c >= 0x10000)
		buf_chr(b, (char)(0xf0 | c >> 18));
	if (c >= 0x800)
		buf_chr(b, (char)(c >= 0x10000 ? 0x80 | (c >> 12 & 0x3f) : 0xe0 | c >> 12));
	if (c >= 0x80) {
		buf_chr(b, (char)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6));
		c = 0x80 | (c & 0x3f);
	}
	buf_chr(b, (char)c);
}

static const uint32_t signs[] = { 'a',  'b',  'c',  'k',  'K',   's',    'S',    'A',
				  '_',  ' ',  '1',  '\n', '\n',  '-',    '{',    '^',
				  '\b', '\t', 0xe4, 0xe9, 0x17f, 0x212a, 0x2013, 0x1f642 };

/* A text that the tree stands for, but for its anchors. */
static inline void put_sample(struct buf *b, const struct node *nd)
{
	uint32_t n = 1;

	if (b->n > 600)
		return;
	if (nd->kind == NODE_CHARS) {
		uint32_t c = PICK(signs);

		for (unsigned i = 0; i < 1000 && !charset_holds(nd->chars, c); i++)
			c = i < 100 ? PICK(signs) : draw(0x80);
		put_char(b, charset_holds(nd->chars, c) || nd->chars->n == 0
				    ? c
				    : nd->chars->spans[0].first);
		return;
	}
	if (nd->kind == NODE_REPEAT)
		n = nd->min + (nd->max > nd->min
				       ? draw(nd->max - nd->min < 3 ? nd->max - nd->min + 1 : 3)
				       : 0);
	for (uint32_t i = 0; i < n; i++) {
		const struct node *kid = nd->kid;
		unsigned kids = 0;

		for (; nd->kind == NODE_ANY && kid != NULL; kid = kid->next)
			kids++;
		kid = nd->kid;
		for (unsigned skip = kids > 0 ? draw(kids) : 0; skip > 0 && kid != NULL; skip--)
			kid = kid->next;
		for (; kid != NULL; kid = nd->kind == NODE_ALL ? kid->next : NULL)
			put_sample(b, kid);
	}
}

/* Characters of the text left out, doubled or replaced, and something around it. */
static inline void put_text(struct buf *b, const struct node *nd)
{
	struct buf whole = { 0 };
	unsigned odds = draw(3) == 0 ? 1000000 : 4 + draw(20);
	struct nfa_reader rd = { 0 };
	uint32_t c;

	for (unsigned n = draw(4); n > 0; n--)
		put_char(b, PICK(signs));
	put_sample(&whole, nd);
	rd.s = buf_view(&whole);
	while (nfa_next_char(&rd, &c)) {
		unsigned what = draw(odds);

		if (what > 0)
			put_char(b, what == 1 ? PICK(signs) : c);
		if (what == 2)
			put_char(b, draw(2) == 0 ? c : PICK(signs));
	}
	for (unsigned n = draw(3); n > 0; n--)
		put_char(b, PICK(signs));
	buf_release(&whole);
}

struct tally {
	unsigned expressions, followed, texts, matches;
};

/* One expression on texts of its own. false: it is not followed. */
static inline bool against_pcre2(struct slice regex, uint32_t opts, const pcre2_code *code,
				 struct tally *sum)
{
	struct arena mem = { 0 };
	const struct nfa *nf = make(regex, opts, &mem);
	struct nfa_reader rd = { .s = regex,
				 .mem = &mem,
				 .caseless = (opts & I) != 0,
				 .dot_all = (opts & S) != 0,
				 .multi_line = (opts & M) != 0 };
	const struct node *root = nf != NULL ? nfa_parse(&rd) : NULL;

	sum->expressions++;
	sum->followed += nf != NULL;
	for (unsigned t = 0; root != NULL && t < NFA_TEXTS; t++) {
		struct buf text = { 0 };
		int want;

		put_text(&text, root);
		want = pcre2_says(code, buf_view(&text));
		if (want >= 0 && nfa_match(nf, buf_view(&text), &scratch) != (want > 0))
			fail_msg("%.*s (options %x) on \"%.*s\": PCRE2 says %d", SLICE_FMT(regex),
				 opts, SLICE_FMT(buf_view(&text)), want);
		sum->texts += want >= 0;
		sum->matches += want > 0;
		buf_release(&text);
	}
	arena_release(&mem);
	return nf != NULL;
}

#endif

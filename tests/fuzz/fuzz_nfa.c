/* SPDX-License-Identifier: EUPL-1.2 */
/* The linear matcher against PCRE2: settings in the first byte, the expression up to the first NUL,
 * the text behind it. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "collector/detect/nfa.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* PCRE2's steps, then its answer is not known; enough for what few bytes can say. */
#define STEPS_MAX 100000u

static struct nfa_scratch scratch;

/* PCRE2_NO_START_OPTIMIZE: test_nfa.c says why. */
static pcre2_code *compile(struct slice regex, uint32_t opts)
{
	pcre2_compile_context *ctx = pcre2_compile_context_create(NULL);
	pcre2_code *code;
	PCRE2_SIZE at;
	int why;

	if (ctx == NULL)
		abort();
	pcre2_set_newline(ctx, PCRE2_NEWLINE_LF);
	pcre2_set_parens_nest_limit(ctx, 100);
	code = pcre2_compile((PCRE2_SPTR)regex.p, regex.n,
			     opts | PCRE2_UTF | PCRE2_NO_AUTO_CAPTURE | PCRE2_NO_START_OPTIMIZE,
			     &why, &at, ctx);
	pcre2_compile_context_free(ctx);
	return code;
}

static int pcre2_says(const pcre2_code *code, struct slice text)
{
	pcre2_match_context *limits = pcre2_match_context_create(NULL);
	pcre2_match_data *md = pcre2_match_data_create(1, NULL);
	int r;

	if (limits == NULL || md == NULL)
		abort();
	pcre2_set_match_limit(limits, STEPS_MAX);
	r = pcre2_match(code, (PCRE2_SPTR)text.p, text.n, 0, PCRE2_NO_JIT, md, limits);
	pcre2_match_data_free(md);
	pcre2_match_context_free(limits);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size }, regex = slice_from(in, 1), text;
	struct arena mem = { 0 };
	struct nfa *nf = NULL;
	pcre2_code *code;
	ssize_t nul;
	int want;

	if (size < 2 || size > 4096)
		return 0;
	nul = slice_chr(regex, '\0');
	text = nul < 0 ? (struct slice){ "", 0 } : slice_from(regex, (size_t)nul + 1);
	regex.n = nul < 0 ? regex.n : (size_t)nul;
	if (nfa_new(regex, (data[0] & 1) != 0, (data[0] & 2) != 0, (data[0] & 4) != 0, &mem, &nf) <
	    0)
		abort();
	code = compile(regex, ((data[0] & 1) != 0 ? PCRE2_CASELESS : 0u) |
				      ((data[0] & 2) != 0 ? PCRE2_DOTALL : 0u) |
				      ((data[0] & 4) != 0 ? PCRE2_MULTILINE : 0u));
	if (nf != NULL) {
		bool found = nfa_match(nf, text, &scratch); /* of bytes that are no UTF-8, too */

		want = code != NULL ? pcre2_says(code, text) : PCRE2_ERROR_MATCHLIMIT;
		if ((want >= 0 && !found) || (want == PCRE2_ERROR_NOMATCH && found))
			abort();
	}
	pcre2_code_free(code);
	arena_release(&mem);
	return 0;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/steps.c: an expression of AND, OR and NOT as one question behind another, each
 * telling where to go on. An event comes upon a few rules among thousands, so what it reads of them
 * is not in the cache: a rule's questions stand side by side, where its tree is all over memory. */
#include "collector/detect/program.h"

/* How many questions; most + 1: more than that, or not to be told in steps. Parts are shared in a
 * tree and are not in steps, so a small tree may be any number of them. */
static unsigned count(const struct expr *ex, unsigned most)
{
	unsigned n = 0;

	if (ex->op == EX_PRED || ex->op == EX_HIT)
		return 1;
	if (ex->op != EX_AND && ex->op != EX_OR && ex->op != EX_NOT)
		return most + 1;
	for (unsigned i = 0; i < ex->n && n <= most; i++)
		n += count(ex->kid[i], most - n);
	return n > 0 && n <= most ? n : most + 1;
}

/* Writes the steps of ex from place `at` on. Where to go when it is true, and when not; returns
 * the place behind them. */
static uint32_t put(const struct expr *ex, struct step *out, uint32_t at, uint32_t yes, uint32_t no)
{
	if (ex->op == EX_PRED || ex->op == EX_HIT) {
		out[at] = (struct step){ ex->pred << 1 | (ex->op == EX_HIT), yes, no };
		return at + 1;
	}
	if (ex->op == EX_NOT)
		return put(ex->kid[0], out, at, no, yes);
	for (unsigned i = 0; i < ex->n; i++) {
		bool last = i + 1 == ex->n;
		uint32_t next = last ? 0 : at + count(ex->kid[i], STEPS_MAX);

		at = put(ex->kid[i], out, at, last || ex->op == EX_OR ? yes : next,
			 last || ex->op == EX_AND ? no : next);
	}
	return at;
}

const struct step *steps_make(const struct expr *ex, struct arena *mem)
{
	unsigned n = count(ex, STEPS_MAX);
	struct step *out = n <= STEPS_MAX ? arena_alloc(mem, n * sizeof(*out)) : NULL;

	if (out != NULL)
		put(ex, out, 0, STEP_TRUE, STEP_FALSE);
	return out;
}

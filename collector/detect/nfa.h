/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/nfa.h: regular expressions matched in time that is linear in the text, for when
 * PCRE2 gives up: an expression that goes back and forth must not let a sender pad its way past a
 * rule. All states that the expression may be in are followed at once, so nothing is tried twice.
 * Promise: where an nfa is made, nfa_match answers as pcre2_match would without limits, under
 *          PCRE2_UTF, without PCRE2_UCP, with \n as the only newline, from offset 0, with no other
 *          options than the three named below; where PCRE2 10.42's optimisations err, as
 *          it would without these. Only yes or no: neither groups nor places.
 * Thread:  an nfa is immutable; a scratch is one thread's. */
#ifndef VARTIO_DETECT_NFA_H
#define VARTIO_DETECT_NFA_H

#include "common/base/arena.h"

/* Characters of an expression once its repetitions are written out. One step of the text costs at
 * most so many tests; the longest of public rules, `.{1000,}`, needs 1000. */
#define NFA_POSITIONS_MAX 1024u
#define NFA_STATES_MAX    4096u /* with forks, joins and anchors: four to a character is plenty */

struct nfa;
struct nfa_scratch { /* 28 KiB; zeroed is ready, for any number of nfas in turn */
	uint32_t generation, mark[NFA_STATES_MAX]; /* the position a state was last reached at */
	uint16_t stack[NFA_STATES_MAX + 1];
	uint16_t list[2][NFA_POSITIONS_MAX];
};

/* 0: *ret lives as long as mem; NULL when the expression needs more than is followed here: back
 * references, look-around, possessive and atomic groups, verbs, conditions, named groups, comments,
 * settings other than i, m and s, escapes beyond the common ones, non-ASCII characters without
 * regard to case, more than the bounds above. -1: no memory. */
int nfa_new(struct slice regex, bool caseless, bool dot_all, bool multi_line, struct arena *mem,
	    struct nfa **ret);
/* Is there a match anywhere in text, which is valid UTF-8? */
bool nfa_match(const struct nfa *nf, struct slice text, struct nfa_scratch *scratch);

#endif

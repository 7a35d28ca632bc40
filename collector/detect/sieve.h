/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/sieve.h: may a value hold any of some contained literals? Asked of the JSON text
 * as it stands, before escapes are undone and letters folded, which most values are spared by. Each
 * literal has four bytes that must be there, beginning with one of a few rare bytes; these are
 * looked for 16 at a time where the processor can (SSSE3, NEON), else one by one. */
#ifndef VARTIO_DETECT_SIEVE_H
#define VARTIO_DETECT_SIEVE_H

#include "collector/detect/literals.h"

struct sieve;
/* *ret is NULL when a sieve would not pay, or one of the literals is not contained or has no such
 * bytes. Literals beyond ASCII are passed by. What is made lives in mem. -1: no memory. */
int sieve_new(const struct literal *v, unsigned n, struct arena *mem, struct sieve **ret);
/* text: JSON; what it says holds for the strings in it that are ASCII without \u escapes. false:
 * none of the literals is in it. */
bool sieve_may_hold(const struct sieve *sv, struct slice text);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/measure.h: what a window amounts to, kept up as items enter and leave it at
 * either end, so that a window that slides costs what has changed. Sums are integers of nanounits
 * (nine digits behind the point), so that what leaves takes away exactly what it brought, and 0.1
 * ten times is 1. Percentiles and medians are linear between the two nearest of the sorted values
 * (rank p/100 * (n - 1), counted from 0: the median of an even number is the middle of two). */
#ifndef VARTIO_CORRELATE_MEASURE_H
#define VARTIO_CORRELATE_MEASURE_H

#include "collector/correlate/state.h"

__extension__ typedef __int128 wide;

struct tally { /* how often each value is in the window; open addressing */
	struct tally_slot {
		uint64_t value;
		uint64_t n; /* 0: empty */
	} * slot;
	size_t cap, n, room; /* cap: a power of two, at most room slots of memory */
};

struct measure {
	const struct correlation *c;
	uint64_t events; /* that take part */
	wide sum;
	struct tally tally;
	double *sorted;
	size_t sorted_cap;
	uint32_t *per_rule; /* items of each rule that is true in the window */
	size_t rules_in, per_rule_cap;
	uint64_t present; /* the first 64 of them as a mask */
};

/* Empties m for windows of c. -1: no memory. A zeroed struct is ready for it. */
int measure_begin(struct measure *m, const struct correlation *c, struct err *err);
int measure_add(struct measure *m, const struct item *it, struct err *err);
void measure_remove(struct measure *m, const struct item *it); /* one that was added */
/* Is the condition true of the window, whose last item is end? Not for temporal_ordered. */
bool measure_true(const struct measure *m, const struct item *end);
bool tests_true(const struct correlation *c, uint64_t count); /* all of c's comparisons */
size_t measure_bytes(const struct measure *m);
void measure_release(struct measure *m);

/* A number as rules mean it: JSON's, or text that spells one. false: it is none, or past 1e18. */
bool number_read(struct slice text, double *ret);

#endif

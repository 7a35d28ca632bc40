/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/correlate/chain.h"

#include <stdlib.h>

#include "collector/correlate/measure.h"

int chain_begin(struct chain *ch, const struct correlation *c, struct err *err)
{
	size_t n = c->n_rules * (c->n_terms > 0 ? c->n_terms : c->n_rules);

	if (n > ch->cap) {
		int64_t *more = realloc(ch->start, n * sizeof(*more));

		if (more == NULL)
			return err_nomem(err);
		ch->start = more;
		ch->cap = n;
	}
	for (size_t i = 0; i < n; i++)
		ch->start[i] = INT64_MIN;
	ch->c = c;
	return 0;
}

/* One term: start[k] of the k-th of its rules. */
static bool term_add(const struct correlation *c, const struct correlation_term *t, int64_t *start,
		     const struct item *it, uint64_t present)
{
	uint64_t bit = UINT64_C(1) << it->place;
	unsigned k;

	if (t->with == 0)
		return (present & t->without) == 0;
	if ((t->with & bit) == 0)
		return false;
	k = (unsigned)__builtin_popcountll(t->with & (bit - 1));
	if (k == 0)
		start[0] = it->last_ns;
	else if (start[k - 1] > start[k])
		start[k] = start[k - 1];
	return (t->with >> it->place) == 1 && start[k] != INT64_MIN &&
	       it->last_ns - start[k] <= c->timespan_ns && (present & t->without) == 0;
}

/* Lengths: start[len - 1][place] of chains of len rules that end with that one. */
static bool length_add(const struct chain *ch, const struct item *it)
{
	const struct correlation *c = ch->c;
	size_t n = c->n_rules, longest = 0;

	for (size_t len = 1; len <= it->place + 1u; len++) {
		int64_t *own = &ch->start[(len - 1) * n + it->place];

		if (len == 1)
			*own = it->last_ns;
		for (size_t k = 0; len > 1 && k < it->place; k++)
			if (ch->start[(len - 2) * n + k] > *own)
				*own = ch->start[(len - 2) * n + k];
		if (*own != INT64_MIN && it->last_ns - *own <= c->timespan_ns)
			longest = len;
	}
	return tests_true(c, longest);
}

bool chain_add(struct chain *ch, const struct item *it, uint64_t present)
{
	bool ends = false;

	if ((it->flags & ITEM_PRESENT) == 0)
		return false;
	if (ch->c->n_terms == 0)
		return length_add(ch, it);
	for (unsigned i = 0; i < ch->c->n_terms; i++)
		ends |= term_add(ch->c, &ch->c->terms[i], ch->start + i * ch->c->n_rules, it,
				 present);
	return ends;
}

void chain_release(struct chain *ch)
{
	free(ch->start);
	*ch = (struct chain){ 0 };
}

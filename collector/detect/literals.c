/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/detect/literals.h"

#include <stdlib.h>

#include "collector/detect/bits.h"

#define GRAM       4u  /* bytes of a contained literal that the scan looks for, */
#define SHORT      2u  /* and of one that has fewer */
#define SHORT_BITS 12u /* log2 of their bitmap */

struct chain { /* literals of one key, in literals.order */
	uint64_t key;
	uint32_t first, n; /* n 0: a free slot */
};
struct table { /* open addressing by key */
	struct chain *slot;
	uint32_t mask;
};
struct entry {
	const char *p;
	uint32_t n, number;
	uint32_t at; /* contained ones: where in the literal its gram is */
};
struct set { /* the literals of ASCII alone, or the others */
	struct entry *order;
	struct table ends;   /* exact, prefix, suffix */
	uint16_t heads;      /* bit w: there are prefixes whose window is w bytes, */
	uint16_t tails;      /* and suffixes */
	uint64_t lengths;    /* bit n & 63: there are exact ones of that length */
	struct table grams;  /* by GRAM bytes */
	uint64_t *gram_bits; /* NULL: none */
	unsigned gram_shift;
	struct table shorts;  /* contained ones of two or three bytes, by the first two */
	uint64_t *short_bits; /* NULL: none */
};
struct literals {
	struct set ascii, other;
};

/* -- keys ------------------------------------------------------------------------------------ */

#define MIX UINT64_C(0x9e3779b97f4a7c15)

enum { SALT_EXACT = 16, SALT_HEAD = 32, SALT_TAIL = 48 }; /* the window is added */

/* Up to 8 bytes as a number; what lies before or behind p is not read. */
static inline uint64_t window(const char *p, size_t n)
{
	uint64_t w = 0;

	memcpy(&w, p, n);
	return w;
}

static inline uint64_t head_window(struct slice s, unsigned w)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (s.n >= 8)
		return window(s.p, 8) << (64 - 8 * w) >> (64 - 8 * w);
#endif
	return window(s.p, w);
}

static inline uint64_t tail_window(struct slice s, unsigned w)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (s.n >= 8)
		return window(s.p + s.n - 8, 8) >> (64 - 8 * w);
#endif
	return window(s.p + s.n - w, w);
}

static inline uint64_t key_of(uint64_t w, unsigned salt)
{
	return (w ^ (salt * UINT64_C(0x632be59bd9b4e019))) * MIX;
}

static inline uint64_t exact_key(struct slice s)
{
	unsigned w = s.n < 8 ? (unsigned)s.n : 8;

	return key_of(head_window(s, w) ^ (tail_window(s, w) * 31) ^ s.n * MIX, SALT_EXACT);
}

static inline uint32_t place(uint64_t key, uint32_t mask)
{
	return (uint32_t)(key >> 32) & mask;
}

static inline const struct chain *find(const struct table *t, uint64_t key)
{
	for (uint32_t at = place(key, t->mask);; at = (at + 1) & t->mask) {
		const struct chain *c = &t->slot[at];

		if (c->n == 0)
			return NULL;
		if (c->key == key)
			return c;
	}
}

/* -- building --------------------------------------------------------------------------------- */

struct keyed { /* a literal with its key and the table it belongs to */
	enum { T_ENDS, T_GRAMS, T_SHORTS, T_KINDS } table;
	uint64_t key;
	struct entry e;
};

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->e.number < y->e.number ? -1 : x->e.number > y->e.number;
}

static void key_ends(struct set *st, const struct literal *l, struct keyed *k)
{
	unsigned w = l->text.n < 8 ? (unsigned)l->text.n : 8;

	k->table = T_ENDS;
	if (l->shape == SHAPE_EXACT) {
		st->lengths |= UINT64_C(1) << (l->text.n & 63);
		k->key = exact_key(l->text);
	} else if (l->shape == SHAPE_PREFIX) {
		st->heads |= (uint16_t)(1u << w);
		k->key = key_of(head_window(l->text, w), SALT_HEAD + w);
	} else {
		st->tails |= (uint16_t)(1u << w);
		k->key = key_of(tail_window(l->text, w), SALT_TAIL + w);
	}
}

static uint32_t rarest_gram(struct slice s)
{
	unsigned best = ~0u;
	uint32_t at = 0;

	for (uint32_t i = 0; i + GRAM <= s.n; i++) {
		unsigned weight = gram_weight(s.p + i);

		if (weight < best) {
			best = weight;
			at = i;
		}
	}
	return at;
}

static void key_literal(struct set *st, const struct literal *l, struct keyed *k)
{
	*k = (struct keyed){
		.e = { .p = l->text.p, .n = (uint32_t)l->text.n, .number = l->number }
	};
	if (l->shape != SHAPE_CONTAINS) {
		key_ends(st, l, k);
	} else if (l->text.n < GRAM) {
		k->table = T_SHORTS;
		k->key = key_of(window(l->text.p, SHORT), 0);
	} else {
		k->table = T_GRAMS;
		k->e.at = rarest_gram(l->text);
		k->key = key_of(window(l->text.p + k->e.at, GRAM), 0);
	}
}

static int make_table(struct table *t, const struct keyed *v, uint32_t first, uint32_t n,
		      struct arena *mem)
{
	uint32_t cap = 4;

	while (cap < n * 2 + 2)
		cap *= 2;
	t->slot = arena_alloc(mem, cap * sizeof(*t->slot));
	if (t->slot == NULL)
		return -1;
	memset(t->slot, 0, cap * sizeof(*t->slot));
	t->mask = cap - 1;
	for (uint32_t i = first; i < first + n;) {
		uint32_t end = i, at = place(v[i].key, t->mask);

		while (end < first + n && v[end].key == v[i].key)
			end++;
		while (t->slot[at].n != 0)
			at = (at + 1) & t->mask;
		t->slot[at] = (struct chain){ v[i].key, i, end - i };
		i = end;
	}
	return 0;
}

/* A bitmap of 1 << bits for the keys of n literals. */
static uint64_t *make_bits(const struct keyed *v, uint32_t n, unsigned bits, struct arena *mem)
{
	uint64_t *map = arena_alloc(mem, (1u << bits) / 8);

	if (map == NULL)
		return NULL;
	memset(map, 0, (1u << bits) / 8);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = v[i].key >> (64 - bits);

		bit_set(map, at);
	}
	return map;
}

static int make_maps(struct set *st, int table, const struct keyed *v, uint32_t n,
		     struct arena *mem)
{
	unsigned bits = 10;

	if (n == 0 || table == T_ENDS)
		return 0;
	if (table == T_SHORTS) {
		st->short_bits = make_bits(v, n, SHORT_BITS, mem);
		return st->short_bits != NULL ? 0 : -1;
	}
	while (bits < 17 && (1u << bits) < n * 48)
		bits++;
	st->gram_shift = 64 - bits;
	st->gram_bits = make_bits(v, n, bits, mem);
	return st->gram_bits != NULL ? 0 : -1;
}

static int make_set(struct set *st, struct keyed *v, unsigned n, struct arena *mem)
{
	struct table *tables[T_KINDS] = { &st->ends, &st->grams, &st->shorts };
	uint32_t first = 0;

	st->order = arena_alloc(mem, (n + 1) * sizeof(*st->order));
	if (st->order == NULL)
		return -1;
	qsort(v, n, sizeof(*v), by_key);
	for (uint32_t i = 0; i < n; i++)
		st->order[i] = v[i].e;
	for (int t = 0; t < T_KINDS; t++) {
		uint32_t end = first;

		while (end < n && (int)v[end].table == t)
			end++;
		if (make_table(tables[t], v, first, end - first, mem) < 0 ||
		    make_maps(st, t, v + first, end - first, mem) < 0)
			return -1;
		first = end;
	}
	return 0;
}

struct literals *literals_new(struct literal *v, unsigned n, struct arena *mem)
{
	struct literals *ls = arena_alloc(mem, sizeof(*ls));
	struct keyed *k = malloc((n + 1) * sizeof(*k));
	unsigned ascii = 0, other = n;

	if (ls == NULL || k == NULL) {
		free(k);
		return NULL;
	}
	*ls = (struct literals){ 0 };
	for (unsigned i = 0; i < n; i++) {
		if (literal_is_ascii(v[i].text))
			key_literal(&ls->ascii, &v[i], &k[ascii++]);
		else
			key_literal(&ls->other, &v[i], &k[--other]);
	}
	if (make_set(&ls->ascii, k, ascii, mem) < 0 ||
	    make_set(&ls->other, k + other, n - other, mem) < 0)
		ls = NULL;
	free(k);
	return ls;
}

/* -- scanning --------------------------------------------------------------------------------- */

enum side { WHOLE, HEAD, TAIL };

static inline void check_ends(const struct set *st, uint64_t key, struct slice text, enum side side,
			      uint64_t *bits)
{
	const struct chain *c = find(&st->ends, key);

	for (uint32_t i = 0; c != NULL && i < c->n; i++) {
		const struct entry *e = &st->order[c->first + i];

		if (side == WHOLE ? e->n != text.n : e->n > text.n)
			continue;
		if (memcmp(side == TAIL ? text.p + text.n - e->n : text.p, e->p, e->n) == 0)
			bit_set(bits, e->number);
	}
}

static void scan_ends(const struct set *st, struct slice text, uint64_t *bits)
{
	unsigned heads = st->heads, tails = st->tails;

	if ((st->lengths >> (text.n & 63) & 1) != 0)
		check_ends(st, exact_key(text), text, WHOLE, bits);
	for (; heads != 0; heads &= heads - 1) {
		unsigned w = (unsigned)__builtin_ctz(heads);

		if (w > text.n)
			break;
		check_ends(st, key_of(head_window(text, w), SALT_HEAD + w), text, HEAD, bits);
	}
	for (; tails != 0; tails &= tails - 1) {
		unsigned w = (unsigned)__builtin_ctz(tails);

		if (w > text.n)
			break;
		check_ends(st, key_of(tail_window(text, w), SALT_TAIL + w), text, TAIL, bits);
	}
}

static __attribute__((noinline)) void check_gram(const struct set *st, const struct table *t,
						 uint64_t key, size_t i, struct slice text,
						 uint64_t *bits)
{
	const struct chain *c = find(t, key);

	for (uint32_t k = 0; c != NULL && k < c->n; k++) {
		const struct entry *e = &st->order[c->first + k];

		if (e->at <= i && text.n - (i - e->at) >= e->n &&
		    memcmp(text.p + (i - e->at), e->p, e->n) == 0)
			bit_set(bits, e->number);
	}
}

static void scan_grams(const struct set *st, struct slice text, uint64_t *bits)
{
	const uint64_t *gram_bits = st->gram_bits;
	unsigned shift = st->gram_shift;
	uint32_t gram;

	for (size_t i = 0; i + GRAM <= text.n; i++) {
		uint64_t key;

		memcpy(&gram, text.p + i, GRAM);
		key = key_of(gram, 0);
		if (bit_has(gram_bits, key >> shift))
			check_gram(st, &st->grams, key, i, text, bits);
	}
}

static void scan_shorts(const struct set *st, struct slice text, uint64_t *bits)
{
	uint16_t two;

	for (size_t i = 0; i + SHORT <= text.n; i++) {
		uint64_t key;

		memcpy(&two, text.p + i, SHORT);
		key = key_of(two, 0);
		if (bit_has(st->short_bits, key >> (64 - SHORT_BITS)))
			check_gram(st, &st->shorts, key, i, text, bits);
	}
}

static void scan_set(const struct set *st, struct slice text, uint64_t *bits)
{
	scan_ends(st, text, bits);
	if (st->gram_bits != NULL)
		scan_grams(st, text, bits);
	if (st->short_bits != NULL)
		scan_shorts(st, text, bits);
}

void literals_scan(const struct literals *ls, struct slice text, bool ascii, uint64_t *bits)
{
	if (text.n == 0)
		return; /* literals are not empty */
	scan_set(&ls->ascii, text, bits);
	if (!ascii)
		scan_set(&ls->other, text, bits);
}

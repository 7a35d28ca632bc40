/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/detect/literals.h"

#include "collector/detect/signature.h"

#include <stdlib.h>

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

/* -- odds ------------------------------------------------------------------------------------ */

/* Pieces of which Windows' and Unix' paths, command lines and scripts are made. A literal made of
 * nothing else says little. */
static const struct {
	const char *text;
	double odds;
} usual[] = {
	{ "c:\\windows\\system32\\", 0.4 },
	{ "c:\\windows\\", 0.5 },
	{ "\\windows\\", 0.5 },
	{ "\\system32\\", 0.4 },
	{ "system32", 0.4 },
	{ "\\syswow64\\", 0.1 },
	{ "\\powershell", 0.2 },
	{ "powershell.exe", 0.2 },
	{ "powershell", 0.25 },
	{ "\\cmd.exe", 0.2 },
	{ "cmd.exe", 0.25 },
	{ "cmd", 0.3 },
	{ "\\svchost.exe", 0.1 },
	{ "\\explorer.exe", 0.1 },
	{ "\\rundll32.exe", 0.08 },
	{ "\\services.exe", 0.08 },
	{ "\\conhost.exe", 0.08 },
	{ "conhost", 0.08 },
	{ ".exe", 0.8 },
	{ ".dll", 0.4 },
	{ ".ps1", 0.1 },
	{ "exe", 0.8 },
	{ "c:\\program files", 0.15 },
	{ "c:\\users\\", 0.3 },
	{ "\\users\\", 0.3 },
	{ "\\appdata\\local\\", 0.15 },
	{ "\\appdata\\", 0.2 },
	{ "\\temp\\", 0.15 },
	{ "\\microsoft\\", 0.2 },
	{ "microsoft", 0.3 },
	{ "microsoft corporation", 0.5 },
	{ "microsoft windows", 0.3 },
	{ "\\software\\", 0.5 },
	{ "\\currentversion\\", 0.3 },
	{ "hklm\\", 0.6 },
	{ "hklm", 0.6 },
	{ "\\registry\\machine\\", 0.3 },
	{ "\\services\\", 0.2 },
	{ "system", 0.3 },
	{ "nt authority", 0.4 },
	{ "authority\\", 0.4 },
	{ "ipc$", 0.5 },
	{ "\\\\*", 0.6 },
	{ "http://", 0.1 },
	{ "https://", 0.1 },
	{ "http", 0.12 },
	{ "/usr/bin/", 0.4 },
	{ "/bin/", 0.5 },
	{ "true", 0.5 },
	{ "false", 0.5 },
	{ "create", 0.1 },
	{ "invoke-", 0.06 },
	{ "get-", 0.15 },
	{ "new-object", 0.06 },
	{ "function", 0.1 },
	{ "process", 0.15 },
	{ "string", 0.1 },
	{ "download", 0.05 },
	{ "script", 0.1 },
	{ "0x0", 0.3 },
	{ "high", 0.2 },
	{ "medium", 0.2 },
	{ "kerberos", 0.2 },
	{ "ntlm", 0.2 },
	{ "service", 0.15 },
	{ "user", 0.2 },
	{ "path", 0.1 },
	{ "name", 0.1 },
	{ "start", 0.1 },
};

/* The best known piece in a literal: with each byte beside it, it is less common. */
static double usual_odds(struct slice text)
{
	double odds = 0;

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		struct slice u = slice_str(usual[i].text);
		double o = usual[i].odds;

		if (text.n > u.n + 6 || slice_find(text, u) < 0)
			continue;
		for (size_t more = u.n; more < text.n; more++)
			o *= 0.6; /* each byte beside the piece makes it less common */
		odds = o > odds ? o : odds;
	}
	return odds;
}

double literal_odds(struct slice text, enum shape shape)
{
	static const double by_length[] = { 1.0,  1.0,   0.95,  0.9,   0.05,
					    0.02, 0.012, 0.008, 0.006, 0.004 };
	double odds = by_length[text.n < 9 ? text.n : 9], known = usual_odds(text), last;
	size_t at = text.n;

	if (shape == SHAPE_EXACT)
		odds /= 4;
	else if (shape != SHAPE_CONTAINS)
		odds /= 2;
	/* A program is as common by its path as by its name, nearly. */
	while (at > 0 && text.p[at - 1] != '\\')
		at--;
	if (at > 1 && (shape == SHAPE_EXACT || shape == SHAPE_SUFFIX)) {
		last = usual_odds(slice_from(text, at - 1)) * 0.8;
		known = last > known ? last : known;
	}
	return known > odds ? known : odds;
}

unsigned byte_weight(unsigned char c)
{
	static const uint8_t of[96] = {
		/* from the space on; letters are folded */
		50, 1,  14, 2,  4,  4,  2,  5,  6,  6,  3,  3,  8,  22, 26, 12, 45, 26, 20, 16,
		14, 13, 14, 12, 13, 12, 16, 4,  2,  8,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
		2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  3,
		40, 3,  1,  6,  1,  45, 16, 38, 32, 60, 18, 13, 16, 50, 3,  8,  30, 26, 45, 45,
		26, 3,  45, 50, 55, 22, 10, 20, 12, 10, 3,  5,  2,  5,  1,  2,
	};

	return c >= ' ' && c < 128 ? of[c - ' '] : 2;
}

unsigned gram_weight(const char *four)
{
	static const char often[][GRAM + 1] = { ".exe",  "\\win", "wind",  "indo", "ndow", "dows",
						"ows\\", "syst",  "yste",  "stem", "tem3", "em32",
						"m32\\", "powe",  "ower",  "wers", "ersh", "rshe",
						"shel",  "hell",  "c:\\w", "micr", "soft", "user",
						"sers",  "prog",  "file",  "http" };
	unsigned weight = 0;

	for (unsigned k = 0; k < GRAM; k++)
		weight += byte_weight((unsigned char)four[k]);
	for (size_t k = 0; k < sizeof(often) / sizeof(often[0]); k++)
		weight += window(often[k], GRAM) == window(four, GRAM) ? 256 : 0;
	return weight;
}

static unsigned pair_weight(const char *two)
{
	return byte_weight((unsigned char)two[0]) * byte_weight((unsigned char)two[1]);
}

void pairs_add(struct pairs *need, struct slice text)
{
	enum { MAX = sizeof(need->hash) / sizeof(need->hash[0]) };
	unsigned weight[MAX];

	/* What was kept before has lost its bytes; it stands as rare, and at the front. */
	memset(weight, 0, sizeof(weight));
	for (size_t i = 0; i + 2 <= text.n; i++) {
		unsigned w = pair_weight(text.p + i), at = need->n < MAX ? need->n++ : MAX;

		if (at == MAX && w < weight[MAX - 1])
			at = MAX - 1;
		for (; at > 0 && at < MAX && weight[at - 1] > w; at--) {
			weight[at] = weight[at - 1];
			need->hash[at] = need->hash[at - 1];
		}
		if (at < MAX) {
			weight[at] = w;
			need->hash[at] = pair_hash(text.p + i);
		}
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

		map[at / 64] |= UINT64_C(1) << (at % 64);
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

bool literal_is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] & 0x80) != 0)
			return false;
	return true;
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

static inline void set_bit(uint64_t *bits, uint32_t n)
{
	bits[n / 64] |= UINT64_C(1) << (n % 64);
}

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
			set_bit(bits, e->number);
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

static inline bool bit(const uint64_t *map, uint64_t at)
{
	return (map[at >> 6] >> (at & 63) & 1) != 0;
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
			set_bit(bits, e->number);
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
		if (bit(gram_bits, key >> shift))
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
		if (bit(st->short_bits, key >> (64 - SHORT_BITS)))
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

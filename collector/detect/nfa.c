/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/nfa.c: the tree of an expression made into states, and all of them followed
 * through a text at once: at each place a state is entered once, however many ways lead to it. */
#include "collector/detect/nfa_impl.h"

/* A tree of few nodes may say "nothing, a thousand times, a thousand times": each visit counts. */
#define VISITS_MAX (8u * NFA_STATES_MAX)
#define NO_STATE   UINT16_MAX

enum state_op {
	ST_CHARS,  /* a: number of the set; then the next state */
	ST_FORK,   /* a and b */
	ST_GO,     /* a */
	ST_ANCHOR, /* a: enum place; then the next state */
	ST_MATCH
};
struct state {
	uint16_t op, a, b;
};

struct nfa {
	const struct state *states; /* from the first; the last is ST_MATCH */
	const struct charset *sets;
	bool first[256]; /* bytes that a match may begin with */
	bool may_skip;   /* and no match is empty: `first` may be asked */
};

struct builder {
	struct state states[NFA_STATES_MAX];
	const struct charset *sets[NFA_POSITIONS_MAX];
	unsigned n, n_sets, positions, visits;
	bool too_large;
};

/* -- states ---------------------------------------------------------------------------------- */

static unsigned emit(struct builder *b, enum state_op op, unsigned a1, unsigned a2)
{
	if (b->n == NFA_STATES_MAX) {
		b->too_large = true;
		return 0; /* some state or other: it is thrown away */
	}
	b->states[b->n] = (struct state){ (uint16_t)op, (uint16_t)a1, (uint16_t)a2 };
	return b->n++;
}

static bool same_set(const struct charset *a, const struct charset *b)
{
	if (a->ascii[0] != b->ascii[0] || a->ascii[1] != b->ascii[1] || a->negated != b->negated ||
	    a->n != b->n)
		return false;
	return a->n == 0 || memcmp(a->spans, b->spans, a->n * sizeof(a->spans[0])) == 0;
}

static void build_chars(struct builder *b, const struct charset *cs)
{
	unsigned i = 0;

	if (b->positions++ == NFA_POSITIONS_MAX) {
		b->too_large = true;
		return;
	}
	while (i < b->n_sets && b->sets[i] != cs && !same_set(b->sets[i], cs))
		i++;
	if (i == b->n_sets)
		b->sets[b->n_sets++] = cs;
	emit(b, ST_CHARS, i, 0);
}

static void build(struct builder *b, const struct node *nd);

static void build_any(struct builder *b, const struct node *nd)
{
	unsigned gone =
		NO_STATE; /* the kids' ends, each holding the one before until all are known */

	for (const struct node *kid = nd->kid; kid != NULL; kid = kid->next) {
		unsigned fork = kid->next != NULL ? emit(b, ST_FORK, b->n + 1, 0) : 0;

		build(b, kid);
		if (kid->next == NULL || b->too_large)
			break;
		gone = emit(b, ST_GO, gone, 0);
		b->states[fork].b = (uint16_t)b->n;
	}
	while (!b->too_large && gone != NO_STATE) {
		unsigned before = b->states[gone].a;

		b->states[gone].a = (uint16_t)b->n;
		gone = before;
	}
}

static void build_repeat(struct builder *b, const struct node *nd)
{
	unsigned from = b->n, out = NO_STATE;

	for (uint32_t i = 0; i < nd->min && !b->too_large; i++) {
		from = b->n;
		build(b, nd->kid);
	}
	if (nd->max == NFA_UNLIMITED && nd->min > 0) { /* the last one over again */
		emit(b, ST_FORK, from, b->n + 1);
	} else if (nd->max == NFA_UNLIMITED) {
		out = emit(b, ST_FORK, b->n + 1, 0);
		build(b, nd->kid);
		emit(b, ST_GO, out, 0);
		b->states[out].b = (uint16_t)b->n;
	} else {
		for (uint32_t i = nd->min; i < nd->max && !b->too_large; i++) {
			out = emit(b, ST_FORK, b->n + 1, out);
			build(b, nd->kid);
		}
		while (!b->too_large && out != NO_STATE) {
			unsigned before = b->states[out].b;

			b->states[out].b = (uint16_t)b->n;
			out = before;
		}
	}
}

static void build(struct builder *b, const struct node *nd)
{
	if (b->visits++ == VISITS_MAX)
		b->too_large = true;
	if (b->too_large)
		return;
	switch (nd->kind) {
	case NODE_CHARS:
		build_chars(b, nd->chars);
		break;
	case NODE_ANCHOR:
		emit(b, ST_ANCHOR, nd->place, 0);
		break;
	case NODE_ALL:
		for (const struct node *kid = nd->kid; kid != NULL; kid = kid->next)
			build(b, kid);
		break;
	case NODE_ANY:
		build_any(b, nd);
		break;
	default:
		build_repeat(b, nd);
		break;
	}
}

/* -- a text ---------------------------------------------------------------------------------- */

struct run {
	const struct nfa *nf;
	struct nfa_scratch *sc;
	unsigned places; /* of enum place, as of the place in the text */
	uint16_t *list;  /* ST_CHARS states reached there */
	unsigned n;
};

/* Enters a state and all that need no character from there. true: the match is complete. */
static bool enter(struct run *run, unsigned first)
{
	uint16_t *stack = run->sc->stack;
	unsigned n = 0;

	stack[n++] = (uint16_t)first;
	while (n > 0) {
		unsigned no = stack[--n];
		const struct state *st = &run->nf->states[no];

		if (run->sc->mark[no] == run->sc->generation)
			continue;
		run->sc->mark[no] = run->sc->generation;
		switch (st->op) {
		case ST_CHARS:
			run->list[run->n++] = (uint16_t)no;
			break;
		case ST_FORK:
			stack[n++] = st->b;
			stack[n++] = st->a;
			break;
		case ST_GO:
			stack[n++] = st->a;
			break;
		case ST_ANCHOR:
			if ((run->places & st->a) != 0)
				stack[n++] = (uint16_t)(no + 1);
			break;
		default:
			return true;
		}
	}
	return false;
}

static void next_place(struct run *run, uint16_t *list, unsigned places)
{
	struct nfa_scratch *sc = run->sc;

	if (++sc->generation == 0) { /* come round: no old mark may look new */
		memset(sc->mark, 0, sizeof(sc->mark));
		sc->generation = 1;
	}
	run->places = places;
	run->list = list;
	run->n = 0;
}

static bool is_word(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

static unsigned places_at(struct slice s, size_t i)
{
	bool before = i > 0 && is_word((unsigned char)s.p[i - 1]);
	bool behind = i < s.n && is_word((unsigned char)s.p[i]);
	unsigned places = before != behind ? AT_WORD_EDGE : AT_NO_WORD_EDGE;

	if (i == 0)
		places |= AT_START | AT_LINE_START;
	else if (s.p[i - 1] == '\n' && i < s.n) /* PCRE2: no line begins at the very end */
		places |= AT_LINE_START;
	if (i == s.n)
		places |= AT_END | AT_LAST_LINE_END | AT_LINE_END;
	else if (s.p[i] == '\n')
		places |= AT_LINE_END | (i + 1 == s.n ? AT_LAST_LINE_END : 0);
	return places;
}

/* The character at i and its length; what is no UTF-8 is passed over byte by byte. */
static size_t decode(struct slice s, size_t i, uint32_t *ret)
{
	const unsigned char *p = (const unsigned char *)s.p + i;
	size_t n = p[0] < 0xc0 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);

	if (n > s.n - i)
		n = 1;
	for (size_t k = 1; k < n; k++)
		c = c << 6 | (p[k] & 0x3f);
	*ret = c;
	return n;
}

bool nfa_match(const struct nfa *nf, struct slice text, struct nfa_scratch *scratch)
{
	struct run run = { .nf = nf, .sc = scratch };
	unsigned turn = 0;
	size_t i = 0;

	next_place(&run, scratch->list[0], places_at(text, 0));
	for (;;) {
		const uint16_t *from = run.list;
		unsigned n;
		uint32_t c;

		if (nf->may_skip && run.n == 0) {
			while (i < text.n && !nf->first[(unsigned char)text.p[i]])
				i++;
			next_place(&run, run.list, places_at(text, i));
		}
		if (enter(&run, 0))
			return true;
		if (i == text.n)
			return false;
		n = run.n;
		i += decode(text, i, &c);
		turn ^= 1;
		next_place(&run, scratch->list[turn], places_at(text, i));
		for (unsigned k = 0; k < n; k++) {
			if (charset_holds(&nf->sets[nf->states[from[k]].a], c) &&
			    enter(&run, from[k] + 1u))
				return true;
		}
	}
}

/* -- making one ------------------------------------------------------------------------------ */

/* What a match may begin with, as though every anchor held. */
static void find_first(struct nfa *nf, struct nfa_scratch *scratch)
{
	struct run run = { .nf = nf, .sc = scratch };

	next_place(&run, scratch->list[0], ~0u);
	nf->may_skip = !enter(&run, 0);
	for (unsigned k = 0; k < run.n; k++) {
		const struct charset *cs = &nf->sets[nf->states[run.list[k]].a];

		for (unsigned c = 0; c < 0x80; c++)
			nf->first[c] = nf->first[c] || charset_holds(cs, c);
		for (unsigned c = 0xc2; c < 0xf5 && (cs->negated || cs->n > 0); c++)
			nf->first[c] = true;
	}
}

static struct nfa *keep(const struct builder *b, struct arena *mem)
{
	struct nfa *nf = arena_alloc(mem, sizeof(*nf));
	struct state *states = arena_alloc(mem, b->n * sizeof(*states));
	struct charset *sets = arena_alloc(mem, (b->n_sets + 1) * sizeof(*sets));

	if (nf == NULL || states == NULL || sets == NULL)
		return NULL;
	memcpy(states, b->states, b->n * sizeof(*states));
	for (unsigned i = 0; i < b->n_sets; i++)
		sets[i] = *b->sets[i];
	*nf = (struct nfa){ .states = states, .sets = sets };
	return nf;
}

int nfa_new(struct slice regex, bool caseless, bool dot_all, bool multi_line, struct arena *mem,
	    struct nfa **ret)
{
	struct arena own = { 0 };
	struct nfa_reader rd = {
		.s = regex,
		.mem = &own,
		.caseless = caseless,
		.dot_all = dot_all,
		.multi_line = multi_line,
	};
	struct node *root = nfa_parse(&rd);
	struct nfa_scratch *scratch;
	struct nfa *nf = NULL;
	struct builder *b;
	int r = -1;

	if (root == NULL && !rd.no_memory) {
		r = 0;
		goto out;
	}
	b = arena_alloc(&own, sizeof(*b));
	scratch = arena_alloc(&own, sizeof(*scratch));
	if (root == NULL || b == NULL || scratch == NULL)
		goto out;
	*b = (struct builder){ 0 };
	*scratch = (struct nfa_scratch){ 0 };
	build(b, root);
	emit(b, ST_MATCH, 0, 0);
	r = 0;
	if (b->too_large)
		goto out;
	nf = keep(b, mem);
	if (nf == NULL)
		r = -1;
	else
		find_first(nf, scratch);
out:
	arena_release(&own);
	if (r == 0)
		*ret = nf;
	return r;
}

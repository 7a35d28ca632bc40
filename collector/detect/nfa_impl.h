/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/nfa_impl.h: between the files of collector/detect/nfa.h. An expression is read
 * into a tree (nfa_parse.c, its classes nfa_class.c), and the tree made into states (nfa.c). */
#ifndef VARTIO_DETECT_NFA_IMPL_H
#define VARTIO_DETECT_NFA_IMPL_H

#include "collector/detect/nfa.h"

#define CODE_POINT_MAX 0x10ffffu
#define CHARSET_SPANS  8u  /* of non-ASCII characters in one class */
#define NFA_NEST_MAX   64u /* groups in groups: bounds the recursion of reader and builder */
#define NFA_REPEAT_MAX NFA_POSITIONS_MAX
#define NFA_UNLIMITED  UINT32_MAX

struct span {
	uint32_t first, last;
};
struct charset {
	uint64_t ascii[2]; /* a negated class's are turned over already, */
	bool negated;      /* so this tells of the spans only */
	uint32_t n;
	struct span spans[CHARSET_SPANS];
};

static inline bool charset_holds(const struct charset *cs, uint32_t c)
{
	if (c < 0x80)
		return (cs->ascii[c / 64] >> (c % 64) & 1) != 0;
	for (uint32_t i = 0; i < cs->n; i++) {
		if (c >= cs->spans[i].first && c <= cs->spans[i].last)
			return !cs->negated;
	}
	return cs->negated;
}

enum place { /* what an anchor asks of a place in the text */
	     AT_START = 1,
	     AT_LINE_START = 2,
	     AT_END = 4,
	     AT_LAST_LINE_END = 8, /* the end, or before a \n that ends the text */
	     AT_LINE_END = 16,
	     AT_WORD_EDGE = 32,
	     AT_NO_WORD_EDGE = 64
};

enum node_kind {
	NODE_CHARS,
	NODE_ANCHOR,
	NODE_ALL,    /* kids one after the other; none: the empty text */
	NODE_ANY,    /* one of the kids */
	NODE_REPEAT, /* the one kid, min to max times */
};
struct node {
	enum node_kind kind;
	struct node *kid, *last, *next;
	const struct charset *chars;
	enum place place;
	uint32_t min, max;
};

struct nfa_reader {
	struct slice s;
	size_t i;
	struct arena *mem;
	bool caseless, dot_all, multi_line; /* as of here: an expression may change them */
	bool no_memory;                     /* why the reader gave up */
	unsigned depth;
};

/* The tree, or NULL: see no_memory. */
struct node *nfa_parse(struct nfa_reader *rd);

/* The next character of the expression, passed over. false: none, or not UTF-8. */
bool nfa_next_char(struct nfa_reader *rd, uint32_t *ret);
/* The reader stands behind a backslash. 1: a single character; 0: \d, \w and their like, added to
 * *cs; -1: something else, nothing passed over. */
int nfa_escape(struct nfa_reader *rd, struct charset *cs, uint32_t *ret);
/* "[...]", the reader behind the bracket. false: not followed. */
bool nfa_class(struct nfa_reader *rd, struct charset *cs);
/* A span of characters, with their other cases where these do not count. */
bool charset_add(struct charset *cs, uint32_t first, uint32_t last, bool caseless);
void charset_negate(struct charset *cs);

#endif

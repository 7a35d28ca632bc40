/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/nfa_parse.c: an expression into a tree. Whatever is not known to mean the same
 * in every version of PCRE2 is declined. */
#include "collector/detect/nfa_impl.h"

static struct node *alternatives(struct nfa_reader *rd);

static struct node *node_new(struct nfa_reader *rd, enum node_kind kind)
{
	struct node *nd = arena_alloc(rd->mem, sizeof(*nd));

	if (nd == NULL)
		rd->no_memory = true;
	else
		*nd = (struct node){ .kind = kind };
	return nd;
}

static void add_kid(struct node *nd, struct node *kid)
{
	if (nd->last != NULL)
		nd->last->next = kid;
	else
		nd->kid = kid;
	nd->last = kid;
}

static struct node *chars_new(struct nfa_reader *rd, const struct charset *cs)
{
	struct node *nd = node_new(rd, NODE_CHARS);
	struct charset *own = arena_alloc(rd->mem, sizeof(*own));

	if (nd == NULL || own == NULL) {
		rd->no_memory = true;
		return NULL;
	}
	*own = *cs;
	nd->chars = own;
	return nd;
}

static struct node *anchor_new(struct nfa_reader *rd, enum place place)
{
	struct node *nd = node_new(rd, NODE_ANCHOR);

	if (nd != NULL)
		nd->place = place;
	return nd;
}

static char peek(const struct nfa_reader *rd, size_t ahead)
{
	return rd->i + ahead < rd->s.n ? rd->s.p[rd->i + ahead] : '\0';
}

/* "ims-ims" of "(?ims-ims)" and "(?ims-ims:...)", up to the character that ends it. */
static bool settings(struct nfa_reader *rd)
{
	bool on = true, any = false;

	for (;; rd->i++) {
		switch (peek(rd, 0)) {
		case 'i':
			rd->caseless = on;
			break;
		case 'm':
			rd->multi_line = on;
			break;
		case 's':
			rd->dot_all = on;
			break;
		case '-':
			if (!on)
				return false;
			on = false;
			continue;
		default:
			return any;
		}
		any = true;
	}
}

/* "(...)", the reader behind the parenthesis. Settings made inside end with it. */
static struct node *group(struct nfa_reader *rd)
{
	bool caseless = rd->caseless, dot_all = rd->dot_all, multi_line = rd->multi_line;
	struct node *nd;

	if (peek(rd, 0) == '*')
		return NULL;
	if (peek(rd, 0) == '?') {
		rd->i++;
		if (peek(rd, 0) != ':' && !settings(rd))
			return NULL;
		if (peek(rd, 0) == ')') { /* "(?i)": for the rest of the group around it */
			rd->i++;
			return node_new(rd, NODE_ALL);
		}
		if (peek(rd, 0) != ':')
			return NULL;
		rd->i++;
	}
	if (rd->depth == NFA_NEST_MAX)
		return NULL;
	rd->depth++;
	nd = alternatives(rd);
	rd->depth--;
	if (nd == NULL || rd->i >= rd->s.n)
		return NULL;
	rd->i++; /* its ')' */
	rd->caseless = caseless;
	rd->dot_all = dot_all;
	rd->multi_line = multi_line;
	return nd;
}

static struct node *escape(struct nfa_reader *rd)
{
	static const struct {
		char letter;
		enum place place;
	} anchors[] = {
		{ 'A', AT_START },     { 'Z', AT_LAST_LINE_END }, { 'z', AT_END },
		{ 'b', AT_WORD_EDGE }, { 'B', AT_NO_WORD_EDGE },
	};
	struct charset cs = { 0 };
	uint32_t c;
	int r;

	for (size_t i = 0; i < sizeof(anchors) / sizeof(anchors[0]); i++) {
		if (peek(rd, 0) == anchors[i].letter) {
			rd->i++;
			return anchor_new(rd, anchors[i].place);
		}
	}
	r = nfa_escape(rd, &cs, &c);
	if (r < 0 || (r > 0 && !charset_add(&cs, c, c, rd->caseless)))
		return NULL;
	return chars_new(rd, &cs);
}

/* A brace that says how often, in some version of PCRE2: since 10.43 "{,3}" and "{ 1, 3 }" do. */
static bool counts(const struct nfa_reader *rd)
{
	size_t i = 1;

	while (peek(rd, i) == ' ' || peek(rd, i) == '\t')
		i++;
	if (peek(rd, i) == ',')
		i++;
	while (peek(rd, i) == ' ' || peek(rd, i) == '\t')
		i++;
	return peek(rd, i) >= '0' && peek(rd, i) <= '9';
}

/* One item without what stands behind it. NULL: none that is followed here. */
static struct node *item(struct nfa_reader *rd)
{
	struct charset cs = { 0 };
	uint32_t c;

	if (!nfa_next_char(rd, &c))
		return NULL;
	switch (c) {
	case '(':
		return group(rd);
	case '\\':
		return escape(rd);
	case '^':
		return anchor_new(rd, rd->multi_line ? AT_LINE_START : AT_START);
	case '$':
		return anchor_new(rd, rd->multi_line ? AT_LINE_END : AT_LAST_LINE_END);
	case '[':
		return nfa_class(rd, &cs) ? chars_new(rd, &cs) : NULL;
	case '.':
		if (!rd->dot_all)
			charset_add(&cs, '\n', '\n', false);
		charset_negate(&cs);
		return chars_new(rd, &cs);
	case '*':
	case '+':
	case '?':
		return NULL;
	case '{':
		rd->i--;
		if (counts(rd))
			return NULL;
		rd->i++;
		break;
	default:
		break;
	}
	return charset_add(&cs, c, c, rd->caseless) ? chars_new(rd, &cs) : NULL;
}

static bool number(struct nfa_reader *rd, uint32_t *ret)
{
	size_t from = rd->i;
	uint32_t n = 0;

	for (; peek(rd, 0) >= '0' && peek(rd, 0) <= '9'; rd->i++) {
		n = n * 10 + (uint32_t)(peek(rd, 0) - '0');
		if (n > NFA_REPEAT_MAX)
			return false;
	}
	*ret = n;
	return rd->i > from;
}

/* "{2}", "{2,}" or "{2,3}", the reader behind the brace. */
static bool braces(struct nfa_reader *rd, uint32_t *ret_min, uint32_t *ret_max)
{
	if (!number(rd, ret_min))
		return false;
	*ret_max = *ret_min;
	if (peek(rd, 0) == ',') {
		rd->i++;
		*ret_max = NFA_UNLIMITED;
		if (peek(rd, 0) != '}' && !number(rd, ret_max))
			return false;
	}
	return rd->i < rd->s.n && rd->s.p[rd->i++] == '}' && *ret_min <= *ret_max;
}

/* What stands behind an item: the item, or its repetition; NULL: not followed. */
static struct node *repeated(struct nfa_reader *rd, struct node *what)
{
	uint32_t min = 0, max = NFA_UNLIMITED;
	struct node *nd;
	char c = peek(rd, 0);

	if (c != '*' && c != '+' && c != '?' && (c != '{' || !counts(rd)))
		return what;
	rd->i++;
	if (c == '+')
		min = 1;
	else if (c == '?')
		max = 1;
	if (c == '{' && !braces(rd, &min, &max))
		return NULL;
	if (peek(rd, 0) == '?')
		rd->i++; /* lazy: the same texts */
	c = peek(rd, 0);
	if (c == '+' || c == '*' || c == '?' || (c == '{' && counts(rd)))
		return NULL; /* possessive, or what PCRE2 refuses */
	if (what->kind == NODE_ANCHOR || (what->kind == NODE_ALL && what->kid == NULL))
		return NULL;
	nd = node_new(rd, NODE_REPEAT);
	if (nd == NULL)
		return NULL;
	nd->min = min;
	nd->max = max;
	add_kid(nd, what);
	return nd;
}

static struct node *sequence(struct nfa_reader *rd)
{
	struct node *nd = node_new(rd, NODE_ALL);

	while (nd != NULL && rd->i < rd->s.n && peek(rd, 0) != '|' && peek(rd, 0) != ')') {
		struct node *kid = item(rd);

		if (kid != NULL)
			kid = repeated(rd, kid);
		if (kid == NULL)
			return NULL;
		add_kid(nd, kid);
	}
	return nd;
}

static struct node *alternatives(struct nfa_reader *rd)
{
	struct node *nd = node_new(rd, NODE_ANY);

	while (nd != NULL) {
		struct node *kid = sequence(rd);

		if (kid == NULL)
			return NULL;
		add_kid(nd, kid);
		if (rd->i >= rd->s.n || rd->s.p[rd->i] != '|')
			return nd;
		rd->i++;
	}
	return nd;
}

struct node *nfa_parse(struct nfa_reader *rd)
{
	struct node *nd = alternatives(rd);

	return rd->i == rd->s.n ? nd : NULL; /* a ')' too many */
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/nfa_class.c: the characters that one place of an expression stands for. */
#include "collector/detect/nfa_impl.h"

#include "collector/detect/bits.h"
#include "common/event/utf8.h"

/* These two have ASCII letters as their other case: LATIN SMALL LETTER LONG S and KELVIN SIGN. */
#define LONG_S 0x17fu
#define KELVIN 0x212au

static bool add_span(struct charset *cs, uint32_t first, uint32_t last)
{
	for (uint32_t i = 0; i < cs->n; i++) {
		if (cs->spans[i].first <= first && cs->spans[i].last >= last)
			return true;
	}
	if (cs->n == CHARSET_SPANS)
		return false;
	cs->spans[cs->n++] = (struct span){ first, last };
	return true;
}

static void add_ascii(struct charset *cs, uint32_t c)
{
	bit_set(cs->ascii, c);
}

bool charset_add(struct charset *cs, uint32_t first, uint32_t last, bool caseless)
{
	if (last > 0x7f && caseless)
		return false; /* Unicode's tables of cases are PCRE2's business */
	for (uint32_t c = first; c <= last && c < 0x80; c++) {
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

		add_ascii(cs, c);
		if (!caseless || !letter)
			continue;
		add_ascii(cs, c ^ 0x20);
		if (((c | 0x20) == 's' && !add_span(cs, LONG_S, LONG_S)) ||
		    ((c | 0x20) == 'k' && !add_span(cs, KELVIN, KELVIN)))
			return false;
	}
	return last < 0x80 || add_span(cs, first < 0x80 ? 0x80 : first, last);
}

void charset_negate(struct charset *cs)
{
	cs->ascii[0] = ~cs->ascii[0];
	cs->ascii[1] = ~cs->ascii[1];
	cs->negated = !cs->negated;
}

/* Sets that have a name; all ASCII, as PCRE2's are without PCRE2_UCP. */
static const struct {
	char letter;
	const char *name;
	const char *spans; /* pairs */
} sets[] = {
	{ 'd', "digit", "09" },    { 'w', "word", "azAZ09__" },  { 's', "space", "\t\r  " },
	{ '\0', "alpha", "azAZ" }, { '\0', "alnum", "azAZ09" },  { '\0', "lower", "az" },
	{ '\0', "upper", "AZ" },   { '\0', "xdigit", "09afAF" }, { '\0', "punct", "!/:@[`{~" },
};
#define SETS (sizeof(sets) / sizeof(sets[0]))

/* Cases are not folded here: PCRE2 has no LONG S in \w either way. */
static bool add_set(struct charset *cs, size_t no, bool outside)
{
	struct charset set = { 0 };

	for (const char *p = sets[no].spans; *p != '\0'; p += 2)
		charset_add(&set, (uint32_t)p[0], (uint32_t)p[1], false);
	if (outside)
		charset_negate(&set);
	cs->ascii[0] |= set.ascii[0];
	cs->ascii[1] |= set.ascii[1];
	return !outside || add_span(cs, 0x80, CODE_POINT_MAX);
}

bool nfa_next_char(struct nfa_reader *rd, uint32_t *ret)
{
	static const unsigned char lead[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	const unsigned char *p = (const unsigned char *)rd->s.p + rd->i;
	size_t n = rd->i < rd->s.n ? utf8_length((const char *)p, rd->s.n - rd->i) : 0;
	uint32_t c;

	if (n == 0)
		return false;
	c = p[0] & lead[n];
	for (size_t k = 1; k < n; k++)
		c = c << 6 | (p[k] & 0x3f);
	rd->i += n;
	*ret = c;
	return true;
}

static int hex_digit(const struct nfa_reader *rd, size_t i)
{
	char c = i < rd->s.n ? rd->s.p[i] : '\0';

	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "hh" or "{h...}" behind \x. */
static bool hex(struct nfa_reader *rd, uint32_t *ret)
{
	bool braced = rd->i < rd->s.n && rd->s.p[rd->i] == '{';
	size_t i = rd->i + braced, from = i;
	uint32_t c = 0;

	for (; i - from < (braced ? 6 : 2) && hex_digit(rd, i) >= 0; i++)
		c = c << 4 | (uint32_t)hex_digit(rd, i);
	if (braced ? i == from || i >= rd->s.n || rd->s.p[i] != '}' : i != from + 2)
		return false;
	if (c > CODE_POINT_MAX || (c >= 0xd800 && c <= 0xdfff))
		return false;
	rd->i = i + braced;
	*ret = c;
	return true;
}

int nfa_escape(struct nfa_reader *rd, struct charset *cs, uint32_t *ret)
{
	static const char names[] = "tnrfea", chars[] = "\t\n\r\f\x1b\a";
	size_t from = rd->i;
	const char *at;
	uint32_t c;

	if (!nfa_next_char(rd, &c))
		return -1;
	for (size_t i = 0; c < 0x80 && i < SETS; i++) {
		if (sets[i].letter != '\0' && (uint32_t)(sets[i].letter) == (c | 0x20) && c > 0x40)
			return add_set(cs, i, c < 'a') ? 0 : -1;
	}
	*ret = c;
	if (c == 'x' && hex(rd, ret))
		return 1;
	at = c < 0x80 && c != 0 ? strchr(names, (int)c) : NULL;
	if (at != NULL)
		*ret = (uint32_t)chars[at - names];
	else if (c < 0x80 && ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))) {
		rd->i = from;
		return -1;
	}
	return 1;
}

/* "[:name:]" in a class, the reader at its bracket. */
static bool posix(struct nfa_reader *rd, struct charset *cs)
{
	struct slice rest = slice_from(rd->s, rd->i + 2);
	ssize_t end = slice_find(rest, SLICE(":]"));

	if (charset_holds(cs, CODE_POINT_MAX))
		return false; /* PCRE2 10.42 forgets the \W of [\W[:digit:]] beyond ASCII */
	for (size_t i = 0; end > 0 && i < SETS; i++) {
		if (!slice_is((struct slice){ rest.p, (size_t)end }, sets[i].name))
			continue;
		rd->i += 2 + (size_t)end + 2;
		if (rd->caseless &&
		    (strcmp(sets[i].name, "lower") == 0 || strcmp(sets[i].name, "upper") == 0))
			return false; /* both mean "alpha" then, in some versions */
		return add_set(cs, i, false);
	}
	return false;
}

static char peek(const struct nfa_reader *rd, size_t ahead)
{
	return rd->i + ahead < rd->s.n ? rd->s.p[rd->i + ahead] : '\0';
}

/* One member of a class: as nfa_escape. */
static int member(struct nfa_reader *rd, struct charset *cs, uint32_t *ret)
{
	if (peek(rd, 0) == '[' && strchr(":.=", peek(rd, 1)) != NULL && peek(rd, 1) != '\0')
		return posix(rd, cs) ? 0 : -1;
	if (!nfa_next_char(rd, ret))
		return -1;
	if (*ret != '\\')
		return 1;
	if (peek(rd, 0) == 'b') { /* a backspace, in a class */
		rd->i++;
		*ret = '\b';
		return 1;
	}
	return nfa_escape(rd, cs, ret);
}

bool nfa_class(struct nfa_reader *rd, struct charset *cs)
{
	bool negated = peek(rd, 0) == '^';
	size_t from = rd->i += negated;

	while (rd->i < rd->s.n && (rd->s.p[rd->i] != ']' || rd->i == from)) {
		uint32_t first, last;
		bool spans;
		int r = member(rd, cs, &first);

		if (r < 0)
			return false;
		spans = peek(rd, 0) == '-' && rd->i + 1 < rd->s.n && peek(rd, 1) != ']';
		if (r == 0 && spans)
			return false; /* PCRE2 refuses [\d-z] */
		if (r == 0)
			continue;
		last = first;
		rd->i += spans;
		if (spans && (member(rd, cs, &last) != 1 || last < first))
			return false;
		if (!charset_add(cs, first, last, rd->caseless))
			return false;
	}
	if (rd->i >= rd->s.n)
		return false;
	rd->i++;
	if (negated)
		charset_negate(cs);
	return true;
}

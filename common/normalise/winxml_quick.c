/* SPDX-License-Identifier: EUPL-1.2 */
/* The quick reader: a fifth of expat's cost for what Windows writes. It gives up at the first thing
 * it does not know, so it never has to judge what is well-formed beyond that; the fuzz target holds
 * it against expat. Names, attribute values and text are slices of the record wherever they may be.
 */
#include "common/base/text.h"
#include "common/normalise/winxml_inside.h"

#define ATTRIBUTES_MAX 8u /* they are compared pair by pair */

struct quick {
	struct reading *rd;
	const char *p, *end;
	bool references; /* there is a '&' somewhere in the record */
	bool returns;    /* there is a CR */
	bool brackets;   /* there is a "]]>" */
	struct slice open[WINXML_DEPTH_MAX];
};

static void skip_blanks(struct quick *q)
{
	while (q->p < q->end && char_is_blank(*q->p))
		q->p++;
}

static bool is_in(const uint64_t set[4], char c)
{
	return (set[(unsigned char)c >> 6] >> ((unsigned char)c & 63) & 1) != 0;
}

/* A to Z, a to z, _ and : begin a name; digits, - and . may also stand in one. */
static const uint64_t begins_name[4] = { UINT64_C(1) << 58, UINT64_C(0x07fffffe87fffffe), 0, 0 };
static const uint64_t in_name[4] = { UINT64_C(0x07ff600000000000), UINT64_C(0x07fffffe87fffffe), 0,
				     0 };

/* A name in ASCII; the others are expat's. */
static bool name(struct quick *q, struct slice *ret)
{
	const char *from = q->p;

	if (q->p == q->end || !is_in(begins_name, *q->p))
		return false;
	while (q->p < q->end && is_in(in_name, *q->p))
		q->p++;
	*ret = (struct slice){ from, (size_t)(q->p - from) };
	return true;
}

/* "#228;" or "#xE4;" behind the '&'. Bytes of it; 0: not one. Its character is one that XML allows,
 * or the record would not have come clean. */
static size_t number(struct slice s, char out[4], size_t *ret_n)
{
	bool hex = s.n > 1 && s.p[1] == 'x';
	size_t i = hex ? 2 : 1, from = i;
	uint32_t c = 0;

	for (; i < s.n && s.p[i] != ';'; i++) {
		char d = s.p[i], low = (char)(d | 0x20);

		if (d >= '0' && d <= '9')
			c = c * (hex ? 16 : 10) + (uint32_t)(d - '0');
		else if (hex && low >= 'a' && low <= 'f')
			c = c * 16 + (uint32_t)(low - 'a' + 10);
		else
			return 0;
		if (c > 0x10ffff)
			return 0;
	}
	if (i == from || i == s.n || c == 0)
		return 0;
	*ret_n = text_encode(out, c);
	return i + 1;
}

/* A reference at s, which begins with '&': what it means into out. Bytes of it; 0: not known. */
static size_t reference(struct slice s, char out[4], size_t *ret_n)
{
	static const struct {
		struct slice text;
		char c;
	} entities[] = {
		{ { "lt;", 3 }, '<' },   { { "gt;", 3 }, '>' },    { { "amp;", 4 }, '&' },
		{ { "quot;", 5 }, '"' }, { { "apos;", 5 }, '\'' },
	};
	struct slice rest = slice_from(s, 1);
	size_t n;

	if (rest.n > 0 && rest.p[0] == '#') {
		n = number(rest, out, ret_n);
		return n > 0 ? n + 1 : 0;
	}
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		if (slice_starts(rest, entities[i].text)) {
			out[0] = entities[i].c;
			*ret_n = 1;
			return entities[i].text.n + 1;
		}
	}
	return 0;
}

/* An attribute's value with its references undone. false: not known. */
static bool undo(struct quick *q, struct slice *s)
{
	char *out = arena_alloc(q->rd->ev->mem, s->n), one[4]; /* no reference is shorter than it */
	size_t n = 0, i = 0, len, used;

	if (out == NULL)
		return false;
	while (i < s->n) {
		if (s->p[i] != '&') {
			out[n++] = s->p[i++];
			continue;
		}
		used = reference(slice_from(*s, i), one, &len);
		if (used == 0)
			return false;
		memcpy(out + n, one, len);
		n += len;
		i += used;
	}
	*s = (struct slice){ out, n };
	return true;
}

/* name="value" or name='value'. */
static bool attribute(struct quick *q, struct attribute *ret)
{
	const char *close;
	char quote;

	if (!name(q, &ret->name) || q->end - q->p < 2 || q->p[0] != '=')
		return false;
	quote = q->p[1];
	if (quote != '"' && quote != '\'')
		return false;
	q->p += 2;
	close = memchr(q->p, quote, (size_t)(q->end - q->p));
	if (close == NULL)
		return false;
	ret->value = (struct slice){ q->p, (size_t)(close - q->p) };
	q->p = close + 1;
	for (size_t i = 0; i < ret->value.n; i++) /* blanks in a value are normalised by XML */
		if ((unsigned char)ret->value.p[i] < 0x20 || ret->value.p[i] == '<')
			return false;
	return !q->references || slice_chr(ret->value, '&') < 0 || undo(q, &ret->value);
}

static bool start_tag(struct quick *q, bool *ret_empty)
{
	struct attribute a[ATTRIBUTES_MAX];
	struct slice element;
	unsigned n = 0;
	bool blank;

	if (!name(q, &element))
		return false;
	for (;;) {
		blank = q->p < q->end && char_is_blank(*q->p);
		skip_blanks(q);
		if (q->p == q->end)
			return false;
		if (*q->p == '>' || *q->p == '/')
			break;
		if (!blank || n == ATTRIBUTES_MAX || !attribute(q, &a[n]))
			return false;
		for (unsigned i = 0; i < n; i++)
			if (slice_eq(a[i].name, a[n].name))
				return false;
		n++;
	}
	*ret_empty = *q->p == '/';
	if (*ret_empty && (q->end - q->p < 2 || q->p[1] != '>'))
		return false;
	q->p += *ret_empty ? 2 : 1;
	if (!reading_start(q->rd, element, a, n))
		return false;
	q->open[q->rd->depth] = element;
	return true;
}

static bool end_tag(struct quick *q)
{
	const struct slice open = q->open[q->rd->depth];
	struct slice element;

	if (open.n > 0 && (size_t)(q->end - q->p) > open.n && q->p[open.n] == '>' &&
	    memcmp(q->p, open.p, open.n) == 0) { /* as nearly all are */
		q->p += open.n + 1;
		return true;
	}
	if (!name(q, &element) || !slice_eq(element, q->open[q->rd->depth]))
		return false;
	skip_blanks(q);
	return q->p < q->end && *q->p++ == '>';
}

/* Text with references and line ends in it. */
static bool rough_text(struct quick *q, struct slice s)
{
	size_t from = 0, i = 0, used, len;
	char one[4];

	while (i < s.n) {
		if (s.p[i] != '&' && s.p[i] != '\r') {
			i++;
			continue;
		}
		if (i > from)
			reading_text(q->rd, (struct slice){ s.p + from, i - from }, true);
		if (s.p[i] == '&') {
			used = reference(slice_from(s, i), one, &len);
			if (used == 0)
				return false;
			reading_text(q->rd, (struct slice){ one, len }, false);
			i += used;
		} else { /* CR LF, and CR alone, are LF: XML 1.0, 2.11 */
			reading_text(q->rd, SLICE("\n"), false);
			i += i + 1 < s.n && s.p[i + 1] == '\n' ? 2 : 1;
		}
		from = i;
	}
	if (i > from)
		reading_text(q->rd, (struct slice){ s.p + from, i - from }, true);
	return true;
}

static bool text(struct quick *q, const char *to)
{
	struct slice s = { q->p, (size_t)(to - q->p) };

	q->p = to;
	if (s.n == 0)
		return true;
	if (q->brackets && slice_find(s, SLICE("]]>")) >= 0)
		return false;
	if ((q->references && slice_chr(s, '&') >= 0) || (q->returns && slice_chr(s, '\r') >= 0))
		return rough_text(q, s);
	reading_text(q->rd, s, true);
	return true;
}

/* The tag at q->p, behind its '<'. */
static bool tag(struct quick *q)
{
	bool empty = false;

	if (q->p < q->end && *q->p == '/') {
		q->p++;
		return end_tag(q) && reading_end(q->rd);
	}
	return start_tag(q, &empty) && (!empty || reading_end(q->rd));
}

bool winxml_quick(struct reading *rd, struct slice in)
{
	struct quick q = { .rd = rd,
			   .p = in.p,
			   .end = in.p + in.n,
			   .references = slice_chr(in, '&') >= 0,
			   .returns = slice_chr(in, '\r') >= 0,
			   .brackets = slice_chr(in, ']') >= 0 };

	if (in.n == 0 || *q.p != '<')
		return false;
	while (q.p < q.end && !rd->done) {
		const char *lt = memchr(q.p, '<', (size_t)(q.end - q.p));

		if (lt == NULL || !text(&q, lt))
			return false;
		q.p++;
		if (!tag(&q))
			return false;
	}
	skip_blanks(&q);
	return rd->done && q.p == q.end && !rd->joined.failed;
}

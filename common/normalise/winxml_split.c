/* SPDX-License-Identifier: EUPL-1.2 */
/* A lexer of markup only: tags with their quotes, comments, CDATA, processing instructions, and a
 * document type. It need not be right about what is not well-formed, because expat judges that; it
 * must end, keep its bounds, and find the next event. A token that is not whole yet is looked at
 * again when more has come; that is cheap, because the buffer grows by 64 KiB and has a ceiling. */
#include "common/normalise/winxml_split.h"

#define PREFIX_MAX 32u  /* bytes of a namespace prefix */
#define INDENT_MAX 64u  /* blanks before an event that begins anew */
#define BEFORE_MAX 8u   /* declarations, comments and the like before an event */
#define SKIP_KEEP  128u /* bytes in which a tag of an event, and the blanks before it, may begin */

static bool at_is(struct slice in, size_t at, struct slice word)
{
	return in.n >= at && slice_starts(slice_from(in, at), word);
}

static bool ends_name(char c)
{
	return char_is_blank(c) || c == '>' || c == '/';
}

/* A byte order mark counts as one: files are joined with theirs in the middle. */
static size_t skip_blanks(struct slice in, size_t i)
{
	while (i < in.n && (char_is_blank(in.p[i]) || at_is(in, i, SLICE("\xef\xbb\xbf"))))
		i += char_is_blank(in.p[i]) ? 1 : 3;
	return i;
}

struct slice winxml_skip_blanks(struct slice in)
{
	return slice_from(in, skip_blanks(in, 0));
}

/* in begins as word does, as far as there is any of it. */
static bool may_be(struct slice in, struct slice word)
{
	return slice_starts(word, (struct slice){ in.p, in.n < word.n ? in.n : word.n });
}

/* "Event", with or without a prefix, from byte i on: behind it; 0: another name. */
static size_t event_name(struct slice in, size_t i)
{
	const struct slice name = SLICE("Event");
	size_t k = i;

	if (!at_is(in, i, name)) {
		while (k < in.n && k - i < PREFIX_MAX && in.p[k] != ':' && in.p[k] != '<' &&
		       !ends_name(in.p[k]))
			k++;
		if (k == in.n || in.p[k] != ':')
			return 0;
		i = k + 1;
	}
	if (!at_is(in, i, name) || in.n == i + name.n || !ends_name(in.p[i + name.n]))
		return 0;
	return i + name.n;
}

size_t winxml_event_tag(struct slice in)
{
	return in.n > 0 && in.p[0] == '<' ? event_name(in, 1) : 0;
}

/* The byte behind the next `mark`, from `from` on; 0: it is not there. */
static size_t behind(struct slice in, size_t from, struct slice mark)
{
	ssize_t at = slice_find(slice_from(in, from), mark);

	return at < 0 ? 0 : from + (size_t)at + mark.n;
}

/* The "<Event" at pos begins a new event: it is the first on its line, and no further in. */
static bool begins_anew(const struct winxml_split *sp, struct slice in, size_t pos)
{
	size_t from = pos;

	while (from > 0 && pos - from <= INDENT_MAX &&
	       (in.p[from - 1] == ' ' || in.p[from - 1] == '\t'))
		from--;
	return from > 0 && in.p[from - 1] == '\n' && pos - from <= sp->indent &&
	       winxml_event_tag(slice_from(in, pos)) > 0;
}

/* The same for what lies in a comment or in CDATA, where an event's text may rightly stand: only
 * one that names its namespace at once counts. 0: none before `to`. */
static size_t new_event_within(const struct winxml_split *sp, struct slice in, size_t from,
			       size_t to)
{
	const struct slice mark = SLICE("<Event xmlns");
	struct slice part = { in.p, to };
	size_t at;

	while ((at = behind(part, from, mark)) > 0) {
		if (begins_anew(sp, in, at - mark.n))
			return at - mark.n;
		from = at;
	}
	return 0;
}

#define DOCTYPE SLICE("<!DOCTYPE")

enum token { MORE, NEW_EVENT, START, EMPTY, END, OTHER };

/* A tag from '<' on: to its '>' outside quotes. '<' cannot stand inside a tag, so one that does
 * tells of a tag that was cut off. *ret: behind the token, or where the new event begins. */
static enum token tag(const struct winxml_split *sp, struct slice in, size_t from, size_t *ret)
{
	static const bool matters[256] = {
		['<'] = true, ['>'] = true, ['"'] = true, ['\''] = true
	};
	char quote = '\0';

	for (size_t i = from + 1; i < in.n; i++) {
		char c = in.p[i];

		if (!matters[(unsigned char)c])
			continue;
		if (c == '<' && begins_anew(sp, in, i)) {
			*ret = i;
			return NEW_EVENT;
		}
		if (quote != '\0') {
			if (c == quote)
				quote = '\0';
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '>') {
			*ret = i + 1;
			return in.p[from + 1] == '/'   ? END
			       : in.p[i - 1] == '/'    ? EMPTY
			       : in.p[from + 1] == '!' ? OTHER
						       : START;
		}
	}
	return MORE;
}

/* <!DOCTYPE ... [ ... ]>: to its end, with what stands in brackets and in quotes. 0: not whole. */
static size_t doctype_end(struct slice in, size_t from)
{
	char quote = '\0';
	bool bracket = false;

	for (size_t i = from; i < in.n; i++) {
		char c = in.p[i];

		if (quote != '\0')
			quote = c == quote ? '\0' : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (c == '[' || c == ']')
			bracket = c == '[';
		else if (c == '>' && !bracket)
			return i + 1;
	}
	return 0;
}

/* A token without tags in it, from `from` to `to`; 0: its end is not there. */
static enum token special(const struct winxml_split *sp, struct slice in, size_t from, size_t to,
			  size_t *ret)
{
	size_t fresh = new_event_within(sp, in, from, to > 0 ? to : in.n);

	*ret = fresh > 0 ? fresh : to;
	return fresh > 0 ? NEW_EVENT : to > 0 ? OTHER : MORE;
}

/* The token at '<'. */
static enum token token(const struct winxml_split *sp, struct slice in, size_t at, size_t *ret)
{
	static const struct {
		struct slice begin, end;
	} kinds[] = {
		{ { "<!--", 4 }, { "-->", 3 } },
		{ { "<![CDATA[", 9 }, { "]]>", 3 } },
		{ { "<?", 2 }, { "?>", 2 } },
	};
	struct slice rest = slice_from(in, at);

	if (rest.n > 1 && rest.p[1] != '!' && rest.p[1] != '?')
		return tag(sp, in, at, ret); /* as nearly all are */
	for (size_t i = 0; i < 3; i++) {
		if (slice_starts(rest, kinds[i].begin))
			return special(sp, in, at, behind(in, at + kinds[i].begin.n, kinds[i].end),
				       ret);
		if (rest.n < kinds[i].begin.n && may_be(rest, kinds[i].begin))
			return MORE;
	}
	if (slice_starts(rest, DOCTYPE))
		return special(sp, in, at, doctype_end(in, at), ret);
	return tag(sp, in, at, ret);
}

/* Goes on from sp->at. The end of the event, or 0: more is wanted. */
static size_t event_end(struct winxml_split *sp, struct slice in)
{
	const char *lt;
	size_t next = 0;

	while (sp->at < in.n && (lt = memchr(in.p + sp->at, '<', in.n - sp->at)) != NULL) {
		size_t at = (size_t)(lt - in.p);

		sp->at = at;
		if (at > 0 && in.n - at < PREFIX_MAX + 8 && memchr(lt, '>', in.n - at) == NULL)
			return 0; /* its name may not be whole */
		if (at > 0 && sp->depth > 0 && begins_anew(sp, in, at))
			return at;
		switch (token(sp, in, at, &next)) {
		case MORE:
			return 0;
		case NEW_EVENT:
			return next;
		case START:
			sp->depth++;
			break;
		case EMPTY:
			if (sp->depth == 0)
				return next;
			break;
		case END:
			if (sp->depth <= 1)
				return next;
			sp->depth--;
			break;
		case OTHER:
			break;
		}
		sp->at = next;
	}
	sp->at = in.n;
	return 0;
}

/* "</Event" with blanks and '>' behind it at `at`: behind it; 0: anything else. */
static size_t event_end_tag(struct slice in, size_t at)
{
	size_t i = at_is(in, at, SLICE("</")) ? event_name(in, at + 2) : 0;

	if (i == 0)
		return 0;
	while (i < in.n && i - at < SKIP_KEEP - 1 && char_is_blank(in.p[i]))
		i++;
	return i < in.n && in.p[i] == '>' ? i + 1 : 0;
}

/* Behind an event that was longer than max: to its end tag or to a new event, whatever else. */
static ssize_t skip(struct winxml_split *sp, struct slice in, bool end)
{
	const char *lt;
	size_t i = 1; /* the first byte was given already; it may be a line end */

	while (i < in.n && (lt = memchr(in.p + i, '<', in.n - i)) != NULL) {
		size_t to;

		i = (size_t)(lt - in.p);
		to = event_end_tag(in, i);
		if (to > 0 || begins_anew(sp, in, i)) {
			sp->skipping = false;
			return (ssize_t)(to > 0 ? to : i);
		}
		i++;
	}
	if (end)
		return (ssize_t)in.n;
	return in.n > SKIP_KEEP ? (ssize_t)(in.n - SKIP_KEEP) : 0;
}

static ssize_t give(struct winxml_split *sp, struct slice in, size_t n, bool cut,
		    struct winxml_piece *ret)
{
	ret->text = (struct slice){ in.p, n };
	ret->have = true;
	ret->cut = cut;
	ret->doctype = sp->doctype;
	sp->inside = false;
	sp->begun = true;
	sp->skipping = cut;
	sp->at = 0;
	sp->depth = 0;
	return (ssize_t)(cut ? n - 1 : n); /* skip() wants to see a line end before it */
}

static ssize_t event(struct winxml_split *sp, struct slice in, bool end, struct winxml_piece *ret)
{
	size_t n = event_end(sp, in);

	if (n > 0 && n <= sp->max)
		return give(sp, in, n, false, ret);
	/* Past max by so much that its end cannot be at max and not seen yet. */
	if (n > sp->max || (in.n > SKIP_KEEP && in.n - SKIP_KEEP > sp->max))
		return give(sp, in, sp->max, true, ret);
	return end ? give(sp, in, in.n, false, ret) : 0;
}

/* The root's start tag at `at`: its name is remembered. Behind it; 0: not whole; -1: no root. */
static ssize_t root_tag(struct winxml_split *sp, struct slice in, size_t at)
{
	size_t i = at + 1, next = 0;

	while (i < in.n && !ends_name(in.p[i]) && in.p[i] != '<')
		i++;
	if (i == at + 1 || i - at - 1 >= sizeof(sp->root))
		return -1;
	if (sp->begun && !slice_is((struct slice){ in.p + at + 1, i - at - 1 }, "Events"))
		return -1;
	if (tag(sp, in, at, &next) != START)
		return 0;
	memcpy(sp->root, in.p + at + 1, i - at - 1);
	sp->root[i - at - 1] = '\0';
	return (ssize_t)next;
}

static size_t root_end(const struct winxml_split *sp, struct slice in, size_t at)
{
	struct slice root = slice_str(sp->root), rest = slice_from(in, at);
	ssize_t gt = slice_chr(rest, '>');

	if (root.n == 0 || gt < 0 || !slice_starts(rest, SLICE("</")) || !at_is(rest, 2, root) ||
	    slice_trim(slice_from((struct slice){ rest.p, (size_t)gt }, 2)).n != root.n)
		return 0;
	return at + (size_t)gt + 1;
}

/* One thing before an event: a declaration, a comment, a document type, the root's start tag.
 * Behind it; 0: not whole; -1: none of these. */
static ssize_t before_one(struct winxml_split *sp, struct slice in, size_t at)
{
	struct slice rest = slice_from(in, at);
	size_t next = 0;

	if (rest.p[0] != '<')
		return -1;
	if (rest.n < PREFIX_MAX + 8 && memchr(rest.p, '>', rest.n) == NULL)
		return 0;
	if (slice_starts(rest, SLICE("<!--")) || slice_starts(rest, SLICE("<?")) ||
	    slice_starts(rest, DOCTYPE))
		return token(sp, in, at, &next) == OTHER ? (ssize_t)next : 0;
	if (sp->root[0] != '\0' || rest.p[1] == '/' || rest.p[1] == '!')
		return -1;
	return root_tag(sp, in, at);
}

/* What stands before an event, or after the last. Bytes of it; 0: more is wanted; -1: no event
 * follows, and what is there is not ours. *ret_doctype: behind the document type in it; else 0. */
static ssize_t before(struct winxml_split *sp, struct slice in, size_t *ret_doctype)
{
	struct winxml_split look = { .indent = SIZE_MAX, .begun = sp->begun };
	size_t i = root_end(sp, in, 0);
	unsigned n = 0;
	bool doctype;
	ssize_t next;

	*ret_doctype = 0;
	if (i > 0) {
		sp->root[0] = '\0';
		return (ssize_t)i;
	}
	memcpy(look.root, sp->root, sizeof(look.root));
	in.n = in.n < WINXML_LOOK_MAX ? in.n : WINXML_LOOK_MAX;
	while (i < in.n && winxml_event_tag(slice_from(in, i)) == 0) {
		if (n++ == BEFORE_MAX)
			return -1;
		doctype = at_is(in, i, DOCTYPE);
		if (root_end(&look, in, i) > 0)
			break;          /* a root without events */
		if (doctype && i > 0) { /* with it a record begins */
			sp->begun = look.begun;
			return (ssize_t)i;
		}
		next = before_one(&look, in, i);
		if (next <= 0)
			return next;
		if (doctype)
			*ret_doctype = (size_t)next;
		if (at_is(in, i, SLICE("<?xml")))
			look.begun = false;
		i = skip_blanks(in, (size_t)next);
	}
	if (i == in.n)
		return 0; /* what follows decides */
	memcpy(sp->root, look.root, sizeof(sp->root));
	return (ssize_t)i;
}

bool winxml_split_wants(const struct winxml_split *sp, struct slice in)
{
	return sp->inside || sp->skipping ||
	       (in.n > 1 && in.p[0] == '<' && !(in.p[1] >= '0' && in.p[1] <= '9'));
}

ssize_t winxml_split_next(struct winxml_split *sp, struct slice in, size_t column, bool end,
			  struct winxml_piece *ret)
{
	size_t doctype;
	ssize_t n;

	*ret = (struct winxml_piece){ .have = false };
	if (sp->skipping)
		return skip(sp, in, end);
	if (sp->inside)
		return event(sp, in, end, ret);
	n = before(sp, in, &doctype);
	if (n == 0 && winxml_event_tag(in) == 0) {
		if (!end && in.n < WINXML_LOOK_MAX)
			return 0;
		n = -1;
	}
	/* A document type belongs to what stands behind it, which is refused for it. */
	if (n < 0 && doctype == 0 && !slice_starts(in, DOCTYPE))
		return -1;
	if (n > 0 && doctype == 0)
		return n;
	sp->inside = true;
	sp->doctype = doctype > 0 || slice_starts(in, DOCTYPE);
	sp->indent = column;
	sp->at = n < 0 ? doctype : (size_t)n;
	return event(sp, in, end, ret);
}

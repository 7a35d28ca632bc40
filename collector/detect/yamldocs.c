/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/yamldocs.c: all documents of a text, of which some may be broken. A line of
 * three hyphens begins a document in whatever it stands (YAML 1.2, section 9.1.2), so what is
 * broken says nothing of what follows. */
#include "collector/detect/yamltree.h"
#include "common/base/text.h"

#define FAULTS_MAX 100u /* broken documents of one text */

struct each {
	struct yaml_place pl; /* of rest */
	struct slice rest;
	struct arena *mem;
	int (*doc)(void *arg, struct ynode *root);
	void (*bad)(void *arg, const struct err *why, size_t n);
	void *arg;
	struct err *err;
	unsigned faults;
	const char *end; /* of the text, while rest is a part of it */
	bool full;       /* too many are broken: what follows is not read */
};

static bool is_marker(struct slice s, size_t at)
{
	struct slice line = slice_from(s, at);

	return slice_starts(line, SLICE("---")) &&
	       (line.n == 3 || strchr(" \t\r\n", line.p[3]) != NULL);
}

static size_t next_line(struct slice s, size_t at)
{
	ssize_t end = slice_chr(slice_from(s, at), '\n');

	return end < 0 ? s.n : at + (size_t)end + 1;
}

static void skip(struct each *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		e->pl.line += e->rest.p[i] == '\n' ? 1 : 0;
	e->rest = slice_from(e->rest, n);
}

/* The first byte of what YAML has no place for (section 5.1), or the text's end; its line and
 * column. libyaml would refuse all of its buffer for it, and tell no place. */
static size_t first_bad(const struct each *e, unsigned *ret_line, unsigned *ret_col)
{
	struct slice s = e->rest;
	size_t at = 0;

	*ret_line = e->pl.line;
	*ret_col = 1;
	while (at < s.n) {
		size_t from = at;
		int32_t c = text_next(s, &at);

		if (!(c == '\t' || c == '\n' || c == '\r' || (c >= ' ' && c < 0x7f) || c == 0x85 ||
		      (c >= 0xa0 && c <= 0xfffd) || c >= 0x10000))
			return from;
		*ret_line += c == '\n' ? 1 : 0;
		*ret_col = c == '\n' ? 1 : *ret_col + 1;
	}
	return s.n;
}

/* Behind a fault of syntax: where in s, whose first line has that number, the next document begins.
 * A fault that is told at the beginning of a document's line is the one before's, which has no end.
 * s.n: there is none. */
static size_t behind_broken(struct slice s, unsigned line, const struct err *why)
{
	size_t at = next_line(s, 0);

	for (; at < s.n; at = next_line(s, at)) {
		line++;
		if (is_marker(s, at) && (line > why->line || (line == why->line && why->col == 1)))
			break;
	}
	return at;
}

/* Whether the line at that place says anything; a document's first line begins behind its marker.
 */
static bool says_something(struct slice s, size_t at)
{
	size_t end = next_line(s, at);
	struct slice line;

	at += is_marker(s, at) ? 3 : 0;
	line = slice_trim((struct slice){ s.p + at, end - at });
	return line.n > 0 && line.p[0] != '#' && !slice_is(line, "...");
}

/* The documents of a text that begins with one's marker, as far as that can be told of what is not
 * read. */
static size_t count_documents(struct slice s)
{
	bool counted = false;
	size_t n = 0;

	for (size_t at = 0; at < s.n; at = next_line(s, at)) {
		if (is_marker(s, at))
			counted = false;
		if (!counted && says_something(s, at)) {
			counted = true;
			n++;
		}
	}
	return n;
}

static void tell(struct each *e, struct err *why)
{
	struct slice all = { e->rest.p, (size_t)(e->end - e->rest.p) };
	size_t n = 1;

	if (++e->faults > FAULTS_MAX) {
		n += count_documents(slice_from(all, behind_broken(all, e->pl.line, why)));
		err_at(why, why->line, why->col, ERR_FULL,
		       "more than 100 broken documents: this one and the %zu behind it are not "
		       "read",
		       n - 1);
		e->full = true;
	}
	e->bad(e->arg, why, n);
}

/* The documents of the next n bytes, all of them characters. */
static int read_part(struct each *e, size_t n)
{
	struct slice all = e->rest;

	e->rest = (struct slice){ all.p, n };
	while (!e->full) {
		struct err why = { 0 };

		if (yaml_read_from(e->rest, &e->pl, e->mem, e->doc, e->arg, &why) == 0)
			break;
		if (why.code == ERR_NONE) /* doc stopped it */
			return -1;
		if (why.code == ERR_NOMEM)
			return err_nomem(e->err);
		tell(e, &why);
		skip(e, e->full ? e->rest.n : behind_broken(e->rest, e->pl.line, &why));
		if (e->rest.n == 0)
			break;
	}
	skip(e, e->rest.n);
	e->rest = slice_from(all, n);
	return 0;
}

int yaml_each(struct slice text, struct arena *mem, int (*doc)(void *arg, struct ynode *root),
	      void (*bad)(void *arg, const struct err *why, size_t n), void *arg, struct err *err)
{
	struct each e = { { .line = 1 }, text, mem, doc, bad, arg, err, 0, text.p + text.n, false };

	while (!e.full) {
		unsigned line, col;
		size_t at = first_bad(&e, &line, &col), begin = 0;
		struct err why = { 0 };

		if (at == e.rest.n)
			return read_part(&e, at);
		for (size_t i = 0; i <= at; i = next_line(e.rest, i))
			begin = is_marker(e.rest, i) ? i : begin;
		if (begin > 0 && read_part(&e, begin) < 0)
			return -1;
		if (e.full)
			break;
		at -= begin;
		err_at(&why, line, col, ERR_SYNTAX,
		       "not YAML: a byte that is no UTF-8, or a character that no text has");
		tell(&e, &why);
		skip(&e, next_line(e.rest, at));
		while (e.rest.n > 0 && !is_marker(e.rest, 0))
			skip(&e, next_line(e.rest, 0));
		if (e.rest.n == 0)
			break;
	}
	return 0;
}

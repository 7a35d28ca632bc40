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
	void (*bad)(void *arg, const struct err *why);
	void *arg;
	struct err *err;
	unsigned faults;
	bool full; /* the text means more than is taken: what follows is not read */
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

static void tell(struct each *e, struct err *why)
{
	if (++e->faults > FAULTS_MAX) {
		err_at(why, why->line, why->col, ERR_FULL,
		       "more than 100 broken documents: the rest is not read");
		e->full = true;
	}
	e->bad(e->arg, why);
}

/* Behind a fault of syntax: where the next document begins. A fault that is told at the beginning
 * of a document's line is the one before's, which has no end. false: there is none. */
static bool skip_broken(struct each *e, const struct err *why)
{
	unsigned line = e->pl.line;

	for (size_t at = next_line(e->rest, 0); at < e->rest.n; at = next_line(e->rest, at)) {
		line++;
		if (is_marker(e->rest, at) &&
		    (line > why->line || (line == why->line && why->col == 1))) {
			skip(e, at);
			return true;
		}
	}
	return false;
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
		e->full = why.code == ERR_FULL;
		tell(e, &why);
		if (e->full || !skip_broken(e, &why))
			break;
	}
	skip(e, e->rest.n);
	e->rest = slice_from(all, n);
	return 0;
}

int yaml_each(struct slice text, struct arena *mem, int (*doc)(void *arg, struct ynode *root),
	      void (*bad)(void *arg, const struct err *why), void *arg, struct err *err)
{
	struct each e = { { .line = 1 }, text, mem, doc, bad, arg, err, 0, false };

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

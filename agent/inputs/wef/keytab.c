/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/inputs/wef/keytab.h"

#define MAGIC 5
#define VERSION                                                                                    \
	2 /* all numbers big-endian; version 1 has the machine's order, and nobody's today */

struct cursor { /* remembers that something was missing, so that all is read and asked once */
	struct slice s;
	bool cut;
};

static struct slice take(struct cursor *c, size_t n)
{
	struct slice got = { c->s.p, n };

	if (n > c->s.n) {
		c->cut = true;
		c->s.n = 0;
		return (struct slice){ 0 };
	}
	c->s = slice_from(c->s, n);
	return got;
}

static uint32_t number(struct cursor *c, size_t n)
{
	struct slice got = take(c, n);
	uint32_t v = 0;

	for (size_t i = 0; i < got.n; i++)
		v = v << 8 | (uint8_t)got.p[i];
	return v;
}

static struct slice counted(struct cursor *c)
{
	return take(c, number(c, 2));
}

static const char *printable(struct arena *mem, struct slice s)
{
	char *p = arena_alloc(mem, s.n + 1);

	for (size_t i = 0; p != NULL && i < s.n; i++)
		p[i] = s.p[i] > ' ' && s.p[i] <= '~' ? s.p[i] : '?';
	if (p != NULL)
		p[s.n] = '\0';
	return p;
}

/* One entry; rec is all of it. */
static int entry(struct slice rec, struct arena *mem, struct keytab_entry *ret, struct err *err)
{
	struct cursor c = { .s = rec };
	uint32_t components = number(&c, 2), kvno;
	struct slice realm = counted(&c);
	struct buf name = { 0 };

	for (uint32_t i = 0; i < components && !c.cut; i++) {
		if (i > 0)
			buf_chr(&name, '/');
		buf_slice(&name, counted(&c));
	}
	number(&c, 4); /* the name's type */
	number(&c, 4); /* when it was written */
	ret->kvno = number(&c, 1);
	ret->enctype = (uint16_t)number(&c, 2);
	counted(&c); /* the key, which is nobody's business here */
	if (!c.cut && c.s.n >= 4 && (kvno = number(&c, 4)) != 0)
		ret->kvno = kvno; /* the whole number, where the writer knew of it */
	if (!c.cut && !name.failed) {
		ret->name = printable(mem, buf_view(&name));
		ret->realm = printable(mem, realm);
	}
	buf_release(&name);
	if (c.cut)
		return err_set(err, ERR_SYNTAX, "an entry of the keytab is cut");
	return ret->name != NULL && ret->realm != NULL ? 0 : err_nomem(err);
}

int keytab_parse(struct slice bytes, struct arena *mem, struct keytab *ret, struct err *err)
{
	struct cursor c = { .s = bytes };
	struct keytab kt = { 0 };

	if (number(&c, 1) != MAGIC || number(&c, 1) != VERSION)
		return err_set(err, ERR_SYNTAX, "it is not a keytab");
	kt.v = arena_alloc(mem, KEYTAB_MAX_ENTRIES * sizeof(*kt.v));
	if (kt.v == NULL)
		return err_nomem(err);
	while (c.s.n >= 4) {
		int32_t size = (int32_t)number(&c, 4);
		struct slice rec;

		if (size == 0) /* the end, where a writer left room behind */
			break;
		/* Below 0: a hole of that many bytes, where an entry was taken out. */
		rec = take(&c, size < 0 ? (size_t) - (int64_t)size : (size_t)size);
		if (c.cut)
			return err_set(err, ERR_SYNTAX, "the keytab is cut");
		if (size < 0)
			continue;
		if (kt.n == KEYTAB_MAX_ENTRIES)
			return err_set(err, ERR_FULL, "more than %u keys", KEYTAB_MAX_ENTRIES);
		kt.v[kt.n] = (struct keytab_entry){ 0 };
		if (entry(rec, mem, &kt.v[kt.n], err) < 0)
			return -1;
		kt.n++;
	}
	*ret = kt;
	return 0;
}

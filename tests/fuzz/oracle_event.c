/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/oracle_event.c: JSON that is known to be valid, by recursive descent. Not by Jansson:
 * of two equal names it keeps one value, and our index keeps both. */
#include <stdlib.h>

#include "tests/fuzz/oracle.h"

struct reader {
	const char *p;
	struct leaves *out;
};

void *need(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

static void space(struct reader *r)
{
	r->p += strspn(r->p, " \t\r\n");
}

static void put_utf8(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_chr(out, (char)c);
	} else if (c < 0x800) {
		buf_chr(out, (char)(0xc0 | c >> 6));
		buf_chr(out, (char)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		buf_chr(out, (char)(0xe0 | c >> 12));
		buf_chr(out, (char)(0x80 | (c >> 6 & 63)));
		buf_chr(out, (char)(0x80 | (c & 63)));
	} else {
		buf_chr(out, (char)(0xf0 | c >> 18));
		buf_chr(out, (char)(0x80 | (c >> 12 & 63)));
		buf_chr(out, (char)(0x80 | (c >> 6 & 63)));
		buf_chr(out, (char)(0x80 | (c & 63)));
	}
}

static uint32_t hex4(const char *p)
{
	char z[5] = { p[0], p[1], p[2], p[3], '\0' };

	return (uint32_t)strtoul(z, NULL, 16);
}

/* Behind "\u": half a pair alone is U+FFFD. */
static void unicode(struct reader *r, struct buf *out)
{
	uint32_t c = hex4(r->p), low;

	r->p += 4;
	if (c >= 0xd800 && c < 0xdc00 && r->p[0] == '\\' && r->p[1] == 'u') {
		low = hex4(r->p + 2);
		if (low >= 0xdc00 && low < 0xe000) {
			r->p += 6;
			put_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
			return;
		}
	}
	put_utf8(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
}

static void string(struct reader *r, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

	for (r->p++; *r->p != '"'; r->p++) {
		if (*r->p != '\\') {
			buf_chr(out, *r->p);
			continue;
		}
		r->p++;
		if (*r->p != 'u') {
			buf_chr(out, to[(const char *)need(strchr(from, *r->p)) - from]);
			continue;
		}
		r->p++;
		unicode(r, out);
		r->p--;
	}
	r->p++;
}

static char *copy(const struct buf *b)
{
	char *p = need(malloc(b->n + 1));

	if (b->n > 0)
		memcpy(p, b->p, b->n);
	p[b->n] = '\0';
	return p;
}

void without_blanks(char *path)
{
	char *p = path;

	if (strncmp(path, "winlog.event_data.", 18) != 0 &&
	    strncmp(path, "winlog.user_data.", 17) != 0)
		return;
	while ((p = strchr(p, ' ')) != NULL)
		memmove(p, p + 1, strlen(p));
}

static void leaf(struct reader *r, const struct buf *path, const struct buf *text, bool nothing)
{
	struct leaves *ls = r->out;

	ls->v = need(realloc(ls->v, (ls->n + 1) * sizeof(*ls->v)));
	ls->v[ls->n++] = (struct leaf){ copy(path), copy(text), text->n, nothing };
	without_blanks(ls->v[ls->n - 1].path);
}

static void value(struct reader *r, struct buf *path, bool top);

static void object(struct reader *r, struct buf *path, bool top)
{
	size_t len = path->n, n = 0;

	for (r->p++, space(r); *r->p != '}'; space(r), n++) {
		if (*r->p == ',') {
			r->p++;
			continue;
		}
		if (!top)
			buf_chr(path, '.');
		string(r, path);
		space(r);
		r->p++; /* : */
		value(r, path, false);
		path->n = len;
	}
	if (n == 0 && !top)
		leaf(r, path, &(struct buf){ 0 }, true);
	r->p++;
}

static void value(struct reader *r, struct buf *path, bool top)
{
	struct buf text = { 0 };

	space(r);
	if (*r->p == '{') {
		object(r, path, top);
	} else if (*r->p == '[') {
		if (r->p[1 + strspn(r->p + 1, " \t\r\n")] == ']')
			leaf(r, path, &text, true);
		for (r->p++, space(r); *r->p != ']'; space(r)) {
			if (*r->p == ',')
				r->p++;
			else
				value(r, path, false);
		}
		r->p++;
	} else if (*r->p == '"') {
		string(r, &text);
		leaf(r, path, &text, false);
	} else {
		size_t n = strcspn(r->p, ",]} \t\r\n");

		buf_put(&text, r->p, n);
		leaf(r, path, &text, *r->p == 'n');
		r->p += n;
	}
	buf_release(&text);
}

void leaves_read(struct leaves *ret, struct slice json)
{
	struct buf text = { 0 }, path = { 0 };
	struct reader r = { .out = ret };

	*ret = (struct leaves){ 0 };
	buf_slice(&text, json);
	r.p = buf_cstr(&text);
	value(&r, &path, true);
	buf_release(&text);
	buf_release(&path);
}

void leaves_release(struct leaves *ls)
{
	for (size_t i = 0; i < ls->n; i++) {
		free(ls->v[i].path);
		free(ls->v[i].p);
	}
	free(ls->v);
	*ls = (struct leaves){ 0 };
}

/* SPDX-License-Identifier: EUPL-1.2 */
#include "tests/fuzz/json_ref.h"

#include <stdlib.h>

struct reader {
	const unsigned char *p, *end;
	struct buf path;
	struct json_ref *out;
	unsigned depth;
};

static void *need(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

static bool take(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != (unsigned char)c)
		return false;
	r->p++;
	return true;
}

static void space(struct reader *r)
{
	while (take(r, ' ') || take(r, '\t') || take(r, '\n') || take(r, '\r'))
		;
}

static bool digits(struct reader *r)
{
	const unsigned char *from = r->p;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return r->p > from;
}

static bool number(struct reader *r)
{
	take(r, '-');
	if (!take(r, '0') && !digits(r))
		return false;
	if (take(r, '.') && !digits(r))
		return false;
	if (take(r, 'e') || take(r, 'E')) {
		if (!take(r, '+'))
			take(r, '-');
		return digits(r);
	}
	return true;
}

static void put_utf8(struct buf *out, unsigned c)
{
	unsigned n = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };

	buf_chr(out, (char)(lead[n] | c >> 6 * n));
	while (n-- > 0)
		buf_chr(out, (char)(0x80 | (c >> 6 * n & 63)));
}

static bool hex4(const unsigned char *p, const unsigned char *end, unsigned *ret)
{
	*ret = 0;
	for (int i = 0; i < 4; i++) {
		const char *at = p + i < end && p[i] != 0
					 ? strchr("0123456789abcdefABCDEF", (char)p[i])
					 : NULL;
		static const char all[] = "0123456789abcdefABCDEF";
		unsigned v;

		if (at == NULL)
			return false;
		v = (unsigned)(strchr(all, (char)p[i]) - all);
		*ret = *ret * 16 + (v < 16 ? v : v - 6);
	}
	return true;
}

/* Behind the backslash. */
static bool escape(struct reader *r, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	unsigned c, low;

	if (r->p == r->end || *r->p == 0)
		return false;
	if (*r->p != 'u') {
		const char *at = strchr(from, (char)*r->p++);

		if (at != NULL)
			buf_chr(out, to[at - from]);
		return at != NULL;
	}
	if (!hex4(++r->p, r->end, &c))
		return false;
	r->p += 4;
	if (c >= 0xd800 && c < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u' &&
	    hex4(r->p + 2, r->end, &low) && low >= 0xdc00 && low < 0xe000) {
		r->p += 6;
		put_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
		return true;
	}
	put_utf8(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	return true;
}

/* One character of more than one byte: RFC 3629. */
static bool utf8(struct reader *r, struct buf *out)
{
	unsigned n = *r->p >= 0xf0 ? 4 : *r->p >= 0xe0 ? 3 : 2, c = *r->p & (0x7fu >> n);
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	if (*r->p < 0xc0 || *r->p > 0xf7 || (size_t)(r->end - r->p) < n)
		return false;
	for (unsigned i = 1; i < n; i++) {
		if (r->p[i] < 0x80 || r->p[i] > 0xbf)
			return false;
		c = c << 6 | (r->p[i] & 63);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return false;
	buf_put(out, r->p, n);
	r->p += n;
	return true;
}

static bool string(struct reader *r, struct buf *out, bool *ret_escaped)
{
	*ret_escaped = false;
	if (!take(r, '"'))
		return false;
	for (;;) {
		if (r->p == r->end || *r->p < 0x20)
			return false;
		if (take(r, '"'))
			return true;
		if (take(r, '\\')) {
			*ret_escaped = true;
			if (!escape(r, out))
				return false;
		} else if (*r->p < 0x80) {
			buf_chr(out, (char)*r->p++);
		} else if (!utf8(r, out)) {
			return false;
		}
	}
}

static char *copy(const struct buf *b)
{
	char *p = need(malloc(b->n + 1));

	if (b->n > 0)
		memcpy(p, b->p, b->n);
	return p;
}

static bool leaf(struct reader *r, enum js_type type, const unsigned char *from,
		 const struct buf *text, bool array, bool escaped)
{
	struct json_ref *out = r->out;
	bool quoted = type == JS_STRING;

	if (out->n == out->cap) {
		out->cap = out->cap * 2 + 16;
		out->v = need(realloc(out->v, out->cap * sizeof(*out->v)));
	}
	out->v[out->n++] = (struct ref_leaf){ .path = copy(&r->path),
					      .path_n = r->path.n,
					      .text = copy(text),
					      .text_n = text->n,
					      .value = (const char *)from + (quoted ? 1 : 0),
					      .value_n = (size_t)(r->p - from) - (quoted ? 2 : 0),
					      .type = type,
					      .array = array,
					      .escaped = escaped };
	return true;
}

static bool value(struct reader *r, bool array);

static bool members(struct reader *r, bool top)
{
	size_t n = r->path.n;
	bool escaped;

	do {
		space(r);
		if (!top)
			buf_chr(&r->path, '.');
		if (!string(r, &r->path, &escaped))
			return false;
		space(r);
		if (!take(r, ':') || !value(r, false))
			return false;
		r->path.n = n;
		space(r);
	} while (take(r, ','));
	return take(r, '}');
}

static bool elements(struct reader *r)
{
	do {
		if (!value(r, true))
			return false;
		space(r);
	} while (take(r, ','));
	return take(r, ']');
}

/* An object or an array; top: the event itself. */
static bool container(struct reader *r, bool array, bool top)
{
	const unsigned char *from = r->p;
	bool object = *r->p++ == '{', yes;
	struct buf token = { 0 };

	if (++r->depth > JSON_DEPTH_MAX)
		return false;
	space(r);
	if (take(r, object ? '}' : ']')) {
		buf_put(&token, from, (size_t)(r->p - from));
		yes = top || leaf(r, object ? JS_OBJECT : JS_ARRAY, from, &token, array, false);
		buf_release(&token);
	} else {
		yes = object ? members(r, top) : elements(r);
	}
	r->depth--;
	return yes;
}

static bool word(struct reader *r, const char *w)
{
	while (*w != '\0') {
		if (!take(r, *w++))
			return false;
	}
	return true;
}

static bool value(struct reader *r, bool array)
{
	const unsigned char *from;
	struct buf text = { 0 };
	bool yes = false, escaped = false;
	enum js_type type = JS_STRING;

	space(r);
	if (r->p == r->end)
		return false;
	from = r->p;
	switch (*r->p) {
	case '{':
	case '[':
		return container(r, array, false);
	case '"':
		yes = string(r, &text, &escaped);
		break;
	case 't':
		type = JS_TRUE;
		yes = word(r, "true");
		break;
	case 'f':
		type = JS_FALSE;
		yes = word(r, "false");
		break;
	case 'n':
		type = JS_NULL;
		yes = word(r, "null");
		break;
	default:
		type = JS_NUMBER;
		yes = number(r);
	}
	if (type == JS_NUMBER || type == JS_TRUE || type == JS_FALSE)
		buf_put(&text, from, (size_t)(r->p - from));
	if (yes)
		leaf(r, type, from, &text, array, escaped);
	buf_release(&text);
	return yes;
}

static void empty(struct json_ref *ref)
{
	while (ref->n > 0) {
		free(ref->v[--ref->n].path);
		free(ref->v[ref->n].text);
	}
}

bool json_ref_read(struct json_ref *ret, struct slice text)
{
	struct reader r = { .p = (const unsigned char *)text.p,
			    .end = (const unsigned char *)text.p + text.n,
			    .out = ret };
	bool yes;

	empty(ret);
	space(&r);
	yes = r.p < r.end && *r.p == '{' && container(&r, false, true);
	space(&r);
	buf_release(&r.path);
	if (yes && r.p == r.end)
		return true;
	empty(ret);
	return false;
}

void json_ref_release(struct json_ref *ref)
{
	empty(ref);
	free(ref->v);
	*ref = (struct json_ref){ 0 };
}

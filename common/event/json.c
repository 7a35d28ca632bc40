/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/json.c: one pass over the text, which checks it (RFC 8259, RFC 3629) and notes each
 * leaf with its dotted path; then a small table from path to first leaf. Memory is reused, so a
 * warm index does not allocate. Bounds keep hostile text cheap: a path's length times the number of
 * leaves is limited, and so is the length of a probe in the table. */
#include "common/event/json.h"

#include <stdlib.h>

#include "common/base/hash.h"

#define PROBE_MAX 512u /* honest names stay far below at half load */

struct scan {
	struct json_index *ix;
	const char *p, *end;
	struct err *err;
	unsigned depth;
	size_t path_n;
	char path[JSON_PATH_MAX];
};

static int fail(struct scan *s, enum err_code code, const char *what)
{
	return err_at(s->err, 0, (unsigned)(s->p - s->ix->text.p) + 1, code, "%s", what);
}

static void skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Bytes of the UTF-8 sequence at p (RFC 3629 section 4), or 0: not one. */
static size_t utf8_len(const char *p, const char *end)
{
	const uint8_t *u = (const uint8_t *)p;
	size_t n = (size_t)(end - p);
	uint8_t lo = 0x80, hi = 0xbf;

	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	if (u[0] < 0xe0)
		return n >= 2 && (u[1] & 0xc0) == 0x80 ? 2 : 0;
	if (u[0] == 0xe0)
		lo = 0xa0; /* overlong */
	else if (u[0] == 0xed)
		hi = 0x9f; /* surrogates */
	else if (u[0] == 0xf0)
		lo = 0x90; /* overlong */
	else if (u[0] == 0xf4)
		hi = 0x8f; /* past U+10FFFF */
	if (n < 3 || u[1] < lo || u[1] > hi || (u[2] & 0xc0) != 0x80)
		return 0;
	if (u[0] < 0xf0)
		return 3;
	return n >= 4 && (u[3] & 0xc0) == 0x80 ? 4 : 0;
}

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Past the bytes that need no thought, eight at a time. A borrow in the subtractions may mark bytes
 * behind a true hit, never before one: the lowest mark is the first byte to look at. */
static inline const char *skip_plain(const char *p, const char *end)
{
	uint64_t w, hit;

	for (; end - p >= 8; p += 8) {
		memcpy(&w, p, 8);
		hit = (w | (w - ONES * 0x20) | ((w ^ (ONES * '"')) - ONES) |
		       ((w ^ (ONES * '\\')) - ONES)) &
		      HIGHS;
		if (hit == 0)
			continue;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		p += (unsigned)__builtin_ctzll(hit) / 8;
#endif
		break;
	}
	return p;
}

/* A string whose opening quote is at s->p. */
static int scan_string(struct scan *s, struct slice *ret, bool *ret_escaped)
{
	const char *from = ++s->p;
	size_t n;

	*ret_escaped = false;
	for (;;) {
		s->p = skip_plain(s->p, s->end);
		if (s->p == s->end)
			return fail(s, ERR_SYNTAX, "the text ends inside a string");
		if (*s->p == '"')
			break;
		if (*s->p == '\\') {
			*ret_escaped = true;
			if (s->end - s->p < 2)
				return fail(s, ERR_SYNTAX, "the text ends inside a string");
			if (s->p[1] == 'u') {
				if (s->end - s->p < 6 || !is_hex(s->p[2]) || !is_hex(s->p[3]) ||
				    !is_hex(s->p[4]) || !is_hex(s->p[5]))
					return fail(s, ERR_SYNTAX,
						    "\\u wants four hexadecimal digits");
				s->p += 6;
			} else if (s->p[1] != '\0' && strchr("\"\\/bfnrt", s->p[1]) != NULL) {
				s->p += 2;
			} else {
				return fail(s, ERR_SYNTAX, "an escape that JSON does not know");
			}
		} else if ((uint8_t)*s->p < 0x20) {
			return fail(s, ERR_SYNTAX, "a control character inside a string");
		} else if ((uint8_t)*s->p < 0x80) {
			s->p++;
		} else {
			n = utf8_len(s->p, s->end);
			if (n == 0)
				return fail(s, ERR_SYNTAX, "bytes that are not UTF-8");
			s->p += n;
		}
	}
	*ret = (struct slice){ from, (size_t)(s->p - from) };
	s->p++;
	return 0;
}

static int scan_digits(struct scan *s)
{
	if (s->p == s->end || !is_digit(*s->p))
		return fail(s, ERR_SYNTAX, "a number wants a digit here");
	while (s->p < s->end && is_digit(*s->p))
		s->p++;
	return 0;
}

static int scan_number(struct scan *s)
{
	if (*s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0')
		s->p++; /* no digits may follow: RFC 8259 section 6 */
	else if (scan_digits(s) < 0)
		return -1;
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (scan_digits(s) < 0)
			return -1;
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		return scan_digits(s);
	}
	return 0;
}

static unsigned hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];

		v = v << 4 | (unsigned)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

static size_t put_utf8(char *out, unsigned c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* Undoes the escapes of a string that scan_string has passed; out holds at least in.n bytes, since
 * no escape is shorter than what it stands for. Returns the length. */
static size_t unescape(struct slice in, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	size_t n = 0;
	unsigned c, low;

	for (size_t i = 0; i < in.n;) {
		if (in.p[i] != '\\') {
			out[n++] = in.p[i++];
			continue;
		}
		if (in.p[i + 1] != 'u') {
			out[n++] = to[strchr(from, in.p[i + 1]) - from];
			i += 2;
			continue;
		}
		c = hex4(in.p + i + 2);
		i += 6;
		if (c >= 0xd800 && c < 0xdc00 && in.n - i >= 6 && in.p[i] == '\\' &&
		    in.p[i + 1] == 'u') {
			low = hex4(in.p + i + 2);
			if (low >= 0xdc00 && low < 0xe000) {
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
				i += 6;
			}
		}
		if (c >= 0xd800 && c < 0xe000)
			c = 0xfffd;
		n += put_utf8(out + n, c);
	}
	return n;
}

static struct json_field *add_field(struct json_index *ix)
{
	unsigned cap = ix->cap > 0 ? ix->cap * 2 : 64;
	struct json_field *f;

	if (ix->n == ix->cap) {
		f = realloc(ix->f, cap * sizeof(*f));
		if (f == NULL)
			return NULL;
		ix->f = f;
		ix->cap = cap;
	}
	f = &ix->f[ix->n++];
	*f = (struct json_field){ 0 };
	return f;
}

/* *path is made for the first leaf that needs it and shared by the elements of an array. */
static int leaf(struct scan *s, struct json_field *path, enum js_type type, struct slice value,
		bool escaped)
{
	struct json_field *f;

	if (s->ix->n >= JSON_FIELDS_MAX)
		return fail(s, ERR_FULL, "more values than one event may have");
	if (path->path.p == NULL) {
		path->path = arena_copy(&s->ix->mem, (struct slice){ s->path, s->path_n });
		if (path->path.p == NULL)
			return err_nomem(s->err);
		path->hash = hash64(path->path, 0);
	}
	f = add_field(s->ix);
	if (f == NULL)
		return err_nomem(s->err);
	f->path = path->path;
	f->hash = path->hash;
	f->type = type;
	f->escaped = escaped;
	f->value = value;
	return 0;
}

static int scan_word(struct scan *s, struct json_field *path, const char *word, enum js_type type)
{
	struct slice rest = { s->p, (size_t)(s->end - s->p) }, w = slice_str(word);

	if (!slice_starts(rest, w))
		return fail(s, ERR_SYNTAX, "not a JSON value");
	s->p += w.n;
	return leaf(s, path, type, (struct slice){ rest.p, w.n }, false);
}

static int scan_value(struct scan *s, struct json_field *path);

static int scan_array(struct scan *s, struct json_field *path)
{
	const char *from = s->p++;

	if (++s->depth > JSON_DEPTH_MAX)
		return fail(s, ERR_SYNTAX, "nested deeper than 64 levels");
	skip_space(s);
	if (s->p < s->end && *s->p == ']') {
		s->p++;
		s->depth--;
		return leaf(s, path, JS_ARRAY, (struct slice){ from, (size_t)(s->p - from) },
			    false);
	}
	for (;;) {
		unsigned n = s->ix->n;

		if (scan_value(s, path) < 0)
			return -1;
		if (s->ix->n == n + 1 && s->ix->f[n].path.p == path->path.p)
			s->ix->f[n].array = true; /* no leaf of an object in the array */
		skip_space(s);
		if (s->p < s->end && *s->p == ',') {
			s->p++;
			continue;
		}
		if (s->p < s->end && *s->p == ']')
			break;
		return fail(s, ERR_SYNTAX, "an array wants , or ] here");
	}
	s->p++;
	s->depth--;
	return 0;
}

/* Appends a key to the path. */
static int push_key(struct scan *s)
{
	struct slice key;
	bool escaped;

	if (s->p == s->end || *s->p != '"')
		return fail(s, ERR_SYNTAX, "an object wants a name in quotes here");
	if (scan_string(s, &key, &escaped) < 0)
		return -1;
	if (key.n + 1 > JSON_PATH_MAX - s->path_n)
		return fail(s, ERR_FULL, "a field name longer than 1024 bytes");
	if (s->depth > 1)
		s->path[s->path_n++] = '.';
	if (escaped)
		key.n = unescape(key, s->path + s->path_n);
	else if (key.n > 0)
		memcpy(s->path + s->path_n, key.p, key.n);
	s->path_n += key.n;
	return 0;
}

static int scan_object(struct scan *s, struct json_field *path)
{
	const char *from = s->p++;
	size_t outer_n = s->path_n;
	struct json_field inner;

	if (++s->depth > JSON_DEPTH_MAX)
		return fail(s, ERR_SYNTAX, "nested deeper than 64 levels");
	skip_space(s);
	if (s->p < s->end && *s->p == '}') {
		s->p++;
		if (--s->depth == 0)
			return 0; /* an event without fields */
		return leaf(s, path, JS_OBJECT, (struct slice){ from, (size_t)(s->p - from) },
			    false);
	}
	for (;;) {
		skip_space(s);
		if (push_key(s) < 0)
			return -1;
		skip_space(s);
		if (s->p == s->end || *s->p != ':')
			return fail(s, ERR_SYNTAX, "an object wants : behind a name");
		s->p++;
		inner = (struct json_field){ 0 };
		if (scan_value(s, &inner) < 0)
			return -1;
		s->path_n = outer_n;
		skip_space(s);
		if (s->p < s->end && *s->p == ',') {
			s->p++;
			continue;
		}
		if (s->p < s->end && *s->p == '}')
			break;
		return fail(s, ERR_SYNTAX, "an object wants , or } here");
	}
	s->p++;
	s->depth--;
	return 0;
}

static int scan_value(struct scan *s, struct json_field *path)
{
	struct slice v;
	const char *from;
	bool escaped;

	skip_space(s);
	if (s->p == s->end)
		return fail(s, ERR_SYNTAX, "the text ends where a value should be");
	switch (*s->p) {
	case '"':
		return scan_string(s, &v, &escaped) < 0 ? -1 : leaf(s, path, JS_STRING, v, escaped);
	case '{':
		return scan_object(s, path);
	case '[':
		return scan_array(s, path);
	case 't':
		return scan_word(s, path, "true", JS_TRUE);
	case 'f':
		return scan_word(s, path, "false", JS_FALSE);
	case 'n':
		return scan_word(s, path, "null", JS_NULL);
	default:
		if (*s->p != '-' && !is_digit(*s->p))
			return fail(s, ERR_SYNTAX, "not a JSON value");
		from = s->p;
		if (scan_number(s) < 0)
			return -1;
		return leaf(s, path, JS_NUMBER, (struct slice){ from, (size_t)(s->p - from) },
			    false);
	}
}

/* The slot of that path, or the free one where it belongs; ix->slots when the probe is too long. */
static unsigned find_slot(const struct json_index *ix, struct slice path, uint64_t hash)
{
	unsigned at = (unsigned)hash & (ix->slots - 1);

	for (unsigned k = 0; k < PROBE_MAX && k < ix->slots; k++, at = (at + 1) & (ix->slots - 1)) {
		const struct json_field *f;

		if (ix->slot[at] == 0)
			return at;
		f = &ix->f[ix->slot[at] - 1];
		if (f->hash == hash && slice_eq(f->path, path))
			return at;
	}
	return ix->slots;
}

static int build_table(struct json_index *ix, struct err *err)
{
	unsigned want = 32, at;
	uint32_t *slot;

	while (want < ix->n * 2 + 16) /* room for what json_index_set adds */
		want *= 2;
	if (want > ix->slot_cap) {
		slot = realloc(ix->slot, want * sizeof(*slot));
		if (slot == NULL)
			return err_nomem(err);
		ix->slot = slot;
		ix->slot_cap = want;
	}
	ix->slots = want;
	memset(ix->slot, 0, want * sizeof(*ix->slot));
	for (unsigned i = 0; i < ix->n; i++) {
		if (i > 0 && ix->f[i].path.p == ix->f[i - 1].path.p) {
			ix->f[i].more = ix->f[i - 1].more = true; /* an array goes on */
			continue;
		}
		at = find_slot(ix, ix->f[i].path, ix->f[i].hash);
		if (at == ix->slots)
			return err_at(err, 0, 1, ERR_FULL, "field names made to collide");
		if (ix->slot[at] == 0)
			ix->slot[at] = i + 1;
		else
			ix->f[i].more = ix->f[ix->slot[at] - 1].more = true;
	}
	return 0;
}

int json_index_read(struct json_index *ix, struct slice text, struct err *err)
{
	struct scan s = { .ix = ix, .p = text.p, .end = text.p + text.n, .err = err };
	struct json_field top = { 0 };

	ix->text = text;
	ix->n = 0;
	ix->slots = 0;
	arena_reset(&ix->mem);
	skip_space(&s);
	if (s.p == s.end || *s.p != '{') {
		fail(&s, ERR_SYNTAX, "an event is a JSON object and begins with {");
		goto fail;
	}
	if (scan_object(&s, &top) < 0)
		goto fail;
	skip_space(&s);
	if (s.p != s.end) {
		fail(&s, ERR_SYNTAX, "more text behind the JSON object");
		goto fail;
	}
	if (build_table(ix, err) < 0)
		goto fail;
	return 0;
fail:
	ix->n = 0;
	ix->slots = 0;
	return -1;
}

void json_index_release(struct json_index *ix)
{
	free(ix->f);
	free(ix->slot);
	arena_release(&ix->mem);
	*ix = (struct json_index){ 0 };
}

const struct json_field *json_index_get(const struct json_index *ix, struct slice path)
{
	return json_index_find(ix, path, hash64(path, 0));
}

const struct json_field *json_index_find(const struct json_index *ix, struct slice path,
					 uint64_t hash)
{
	unsigned at;

	if (ix->slots == 0)
		return NULL;
	at = find_slot(ix, path, hash);
	return at < ix->slots && ix->slot[at] != 0 ? &ix->f[ix->slot[at] - 1] : NULL;
}

const struct json_field *json_field_next(const struct json_index *ix, const struct json_field *f)
{
	const struct json_field *end = ix->f + ix->n, *g;

	if (!f->more)
		return NULL;
	for (g = f + 1; g < end; g++) {
		if (g->hash == f->hash && slice_eq(g->path, f->path))
			return g;
	}
	return NULL;
}

/* Takes out the leaves of that path and below it; true when there were any. */
static bool drop_below(struct json_index *ix, struct slice path)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ix->n; i++) {
		struct slice p = ix->f[i].path;

		/* In this order: the byte behind tells most paths apart without a call. */
		if (p.n >= path.n && (p.n == path.n || p.p[path.n] == '.') && slice_starts(p, path))
			continue;
		if (n != i)
			ix->f[n] = ix->f[i];
		n++;
	}
	if (n == ix->n)
		return false;
	ix->n = n;
	return true;
}

int json_index_set(struct json_index *ix, struct slice path, struct slice value)
{
	bool dropped = drop_below(ix, path);
	struct slice own = arena_copy(&ix->mem, path);
	struct json_field *f;
	unsigned at;

	f = own.p != NULL ? add_field(ix) : NULL;
	if (f == NULL) {
		build_table(ix, NULL); /* smaller than before, so it fits */
		return -1;
	}
	*f = (struct json_field){
		.path = own, .hash = hash64(own, 0), .type = JS_STRING, .value = value
	};
	if (dropped || ix->slots < ix->n * 2)
		return build_table(ix, NULL);
	at = find_slot(ix, own, f->hash);
	if (at == ix->slots)
		return build_table(ix, NULL);
	ix->slot[at] = ix->n;
	return 0;
}

struct slice json_field_text(struct json_index *ix, const struct json_field *f)
{
	struct json_field *own = &ix->f[f - ix->f];
	char *p;

	if (f->type == JS_NULL)
		return (struct slice){ "", 0 };
	if (!f->escaped)
		return f->value;
	if (f->undone.p == NULL) {
		p = arena_alloc(&ix->mem, f->value.n);
		if (p == NULL)
			return (struct slice){ "", 0 };
		own->undone = (struct slice){ p, unescape(f->value, p) };
	}
	return own->undone;
}

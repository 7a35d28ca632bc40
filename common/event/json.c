/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/json.c: one pass over the text, which checks it (RFC 8259, RFC 3629) and notes each
 * leaf with the number of its dotted path (json_names.h), and from each path its first leaf. Memory
 * is reused, so a warm index does not allocate. Bounds keep hostile text cheap: a path's length
 * times the number of leaves is limited, and so is the length of a probe in the tables. */
#include "common/event/json.h"

#include <stdlib.h>

#include "common/base/hash.h"
#include "common/event/json_lex.h"

struct scan {
	struct json_index *ix;
	const char *p, *end;
	struct err *err;
	unsigned depth;
	uint32_t key;  /* the last one seen: what came behind it once may come again */
	bool collided; /* a name found no place in the tables */
};

static int fail(struct scan *s, enum err_code code, const char *what)
{
	return err_at(s->err, 0, (unsigned)(s->p - s->ix->text.p) + 1, code, "%s", what);
}

static inline void skip_space(struct scan *s)
{
	if (s->p != s->end && *s->p > ' ') /* most often there is none */
		return;
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

/* The escape at s->p. */
static int scan_escape(struct scan *s)
{
	size_t n = json_escape_length(s->p, s->end);

	s->p += n;
	if (n > 0)
		return 0;
	if (s->end - s->p < 2)
		return fail(s, ERR_SYNTAX, "the text ends inside a string");
	return fail(s, ERR_SYNTAX,
		    s->p[1] == 'u' ? "\\u wants four hexadecimal digits"
				   : "an escape that JSON does not know");
}

struct marks { /* of a string: see json_field */
	bool escaped, odd;
};
static const struct marks no_marks;

/* A string whose opening quote is at s->p. */
static int scan_string(struct scan *s, struct slice *ret, struct marks *ret_marks)
{
	const char *from = ++s->p;
	size_t n;

	*ret_marks = (struct marks){ false, false };
	for (;;) {
		s->p = json_skip_plain(s->p, s->end);
		if (s->p == s->end)
			return fail(s, ERR_SYNTAX, "the text ends inside a string");
		if (*s->p == '"')
			break;
		if (*s->p == '\\') {
			ret_marks->escaped = true;
			ret_marks->odd |= s->end - s->p > 1 && s->p[1] == 'u';
			if (scan_escape(s) < 0)
				return -1;
		} else if ((uint8_t)*s->p < 0x20) {
			return fail(s, ERR_SYNTAX, "a control character inside a string");
		} else {
			n = utf8_length(s->p, (size_t)(s->end - s->p));
			if (n == 0)
				return fail(s, ERR_SYNTAX, "bytes that are not UTF-8");
			s->p += n;
			ret_marks->odd = true;
		}
	}
	*ret = (struct slice){ from, (size_t)(s->p - from) };
	s->p++;
	return 0;
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
	return &ix->f[ix->n++];
}

/* Puts leaf i, whose path is set, behind the others of its path. */
static inline void link_leaf(struct json_index *ix, unsigned i)
{
	struct json_field *f = &ix->f[i];
	struct json_name *nm = &ix->names.v[f->name];

	if (nm->event != ix->names.event) {
		nm->event = ix->names.event;
		nm->first = nm->last = i;
		return;
	}
	ix->f[nm->first].more = ix->f[nm->last].more = f->more = true;
	ix->f[nm->last].next = i;
	nm->last = i;
}

static inline int leaf(struct scan *s, uint32_t name, enum js_type type, struct slice value,
		       struct marks marks)
{
	struct json_index *ix = s->ix;
	struct json_field *f;

	if (ix->n >= JSON_FIELDS_MAX)
		return fail(s, ERR_FULL, "more values than one event may have");
	f = add_field(ix);
	if (f == NULL)
		return err_nomem(s->err);
	*f = (struct json_field){ .path = ix->names.v[name].path,
				  .value = value,
				  .name = name,
				  .type = type,
				  .escaped = marks.escaped,
				  .odd = marks.odd };
	ix->odd |= marks.odd;
	link_leaf(ix, ix->n - 1);
	return 0;
}

static int scan_word(struct scan *s, uint32_t name, const char *word, enum js_type type)
{
	struct slice rest = { s->p, (size_t)(s->end - s->p) }, w = slice_str(word);

	if (!slice_starts(rest, w))
		return fail(s, ERR_SYNTAX, "not a JSON value");
	s->p += w.n;
	return leaf(s, name, type, (struct slice){ rest.p, w.n }, no_marks);
}

static int scan_value(struct scan *s, uint32_t name);

static int scan_array(struct scan *s, uint32_t name)
{
	const char *from = s->p++;

	if (++s->depth > JSON_DEPTH_MAX)
		return fail(s, ERR_SYNTAX, "nested deeper than 64 levels");
	skip_space(s);
	if (s->p < s->end && *s->p == ']') {
		s->p++;
		s->depth--;
		return leaf(s, name, JS_ARRAY, (struct slice){ from, (size_t)(s->p - from) },
			    no_marks);
	}
	for (;;) {
		unsigned n = s->ix->n;

		if (scan_value(s, name) < 0)
			return -1;
		if (s->ix->n == n + 1 && s->ix->f[n].name == name)
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

/* A key that was not foreseen: read, and looked up or learned. */
static int new_key(struct scan *s, uint32_t parent, uint32_t *ret)
{
	struct json_names *nm = &s->ix->names;
	size_t above = parent != JSON_NAME_ROOT ? nm->v[parent].path.n : 0;
	struct slice text;
	struct marks marks;

	if (s->p == s->end || *s->p != '"')
		return fail(s, ERR_SYNTAX, "an object wants a name in quotes here");
	if (scan_string(s, &text, &marks) < 0)
		return -1;
	if (text.n + 1 > JSON_PATH_MAX - above)
		return fail(s, ERR_FULL, "a field name longer than 1024 bytes");
	*ret = json_names_key(nm, parent, text, &s->collided);
	if (*ret != JSON_NAME_NONE)
		return 0;
	return s->collided ? err_at(s->err, 0, 1, ERR_FULL, "field names made to collide")
			   : err_nomem(s->err);
}

/* As memcmp tells it, without the call: keys are short. */
static inline bool same_bytes(const char *a, const char *b, size_t n)
{
	uint64_t x, y;

	if (n < sizeof(x)) {
		while (n > 0 && a[n - 1] == b[n - 1])
			n--;
		return n == 0;
	}
	for (size_t i = 0;; i = n - i >= 2 * sizeof(x) ? i + sizeof(x) : n - sizeof(x)) {
		memcpy(&x, a + i, sizeof(x)); /* the last ones once more, where n is no multiple */
		memcpy(&y, b + i, sizeof(y));
		if (x != y)
			return false;
		if (i + sizeof(x) == n)
			return true;
	}
}

/* The key at s->p: most often the one that came behind the last one before. A known key's text was
 * checked when it was learned, and holds no bare quote, so the same bytes are the same key. */
static inline int scan_key(struct scan *s, uint32_t parent, uint32_t *ret_name)
{
	struct json_names *nm = &s->ix->names;
	uint32_t at = s->key != JSON_NAME_NONE ? nm->keys[s->key].next : nm->start;

	if (at < nm->n_keys) {
		const struct json_key *k = &nm->keys[at];

		if (k->parent == parent && (size_t)(s->end - s->p) > k->text.n + 1 &&
		    s->p[0] == '"' && s->p[k->text.n + 1] == '"' &&
		    same_bytes(s->p + 1, k->text.p, k->text.n)) {
			s->p += k->text.n + 2;
			s->key = at;
			*ret_name = k->name;
			return 0;
		}
	}
	if (new_key(s, parent, &at) < 0)
		return -1;
	*(s->key != JSON_NAME_NONE ? &nm->keys[s->key].next : &nm->start) = at;
	s->key = at;
	*ret_name = nm->keys[at].name;
	return 0;
}

static int scan_object(struct scan *s, uint32_t name)
{
	const char *from = s->p++;
	uint32_t inner;

	if (++s->depth > JSON_DEPTH_MAX)
		return fail(s, ERR_SYNTAX, "nested deeper than 64 levels");
	skip_space(s);
	if (s->p < s->end && *s->p == '}') {
		s->p++;
		if (--s->depth == 0)
			return 0; /* an event without fields */
		return leaf(s, name, JS_OBJECT, (struct slice){ from, (size_t)(s->p - from) },
			    no_marks);
	}
	for (;;) {
		skip_space(s);
		if (scan_key(s, name, &inner) < 0)
			return -1;
		skip_space(s);
		if (s->p == s->end || *s->p != ':')
			return fail(s, ERR_SYNTAX, "an object wants : behind a name");
		s->p++;
		if (scan_value(s, inner) < 0)
			return -1;
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

static int scan_value(struct scan *s, uint32_t name)
{
	struct slice v;
	const char *from;
	struct marks marks;

	skip_space(s);
	if (s->p == s->end)
		return fail(s, ERR_SYNTAX, "the text ends where a value should be");
	switch (*s->p) {
	case '"':
		return scan_string(s, &v, &marks) < 0 ? -1 : leaf(s, name, JS_STRING, v, marks);
	case '{':
		return scan_object(s, name);
	case '[':
		return scan_array(s, name);
	case 't':
		return scan_word(s, name, "true", JS_TRUE);
	case 'f':
		return scan_word(s, name, "false", JS_FALSE);
	case 'n':
		return scan_word(s, name, "null", JS_NULL);
	default:
		if (*s->p != '-' && !char_is_digit(*s->p))
			return fail(s, ERR_SYNTAX, "not a JSON value");
		from = s->p;
		if (!json_number(&s->p, s->end))
			return fail(s, ERR_SYNTAX, "a number wants a digit here");
		return leaf(s, name, JS_NUMBER, (struct slice){ from, (size_t)(s->p - from) },
			    no_marks);
	}
}

static int scan_event(struct scan *s)
{
	struct json_index *ix = s->ix;

	ix->n = 0;
	ix->odd = false;
	json_names_begin(&ix->names);
	arena_reset(&ix->mem);
	s->key = JSON_NAME_NONE;
	skip_space(s);
	if (s->p == s->end || *s->p != '{')
		return fail(s, ERR_SYNTAX, "an event is a JSON object and begins with {");
	if (scan_object(s, JSON_NAME_ROOT) < 0)
		return -1;
	skip_space(s);
	return s->p == s->end ? 0 : fail(s, ERR_SYNTAX, "more text behind the JSON object");
}

int json_index_read(struct json_index *ix, struct slice text, struct err *err)
{
	/* Names of earlier events may stand in the way of this one's: forget them, and once more.
	 */
	for (int i = 0; i < 2; i++) {
		struct scan s = { .ix = ix, .p = text.p, .end = text.p + text.n, .err = err };

		ix->text = text;
		if (scan_event(&s) == 0)
			return 0;
		ix->n = 0;
		ix->names.event++; /* no path has leaves */
		if (!s.collided)
			return -1;
		json_names_forget(&ix->names);
	}
	return -1;
}

void json_index_release(struct json_index *ix)
{
	free(ix->f);
	json_names_release(&ix->names);
	free(ix->own.within);
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
	uint32_t name = json_names_find(&ix->names, path, hash);

	return name != JSON_NAME_NONE ? json_index_named(ix, name) : NULL;
}

const struct json_field *json_field_next(const struct json_index *ix, const struct json_field *f)
{
	return f->next != 0 ? &ix->f[f->next] : NULL;
}

static bool is_within(struct slice path, struct slice above)
{
	/* In this order: the byte behind tells most paths apart without a call. */
	return path.n >= above.n && (path.n == above.n || path.p[above.n] == '.') &&
	       slice_starts(path, above);
}

/* Takes out the leaves of that path and below it, and counts the rest's places anew. */
static void drop_below(struct json_index *ix, struct slice path)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ix->n; i++) {
		if (is_within(ix->f[i].path, path))
			continue;
		if (n != i)
			ix->f[n] = ix->f[i];
		n++;
	}
	if (n == ix->n)
		return;
	ix->n = n;
	ix->names.event++;
	for (unsigned i = 0; i < n; i++) {
		ix->f[i].next = 0;
		ix->f[i].more = false;
		link_leaf(ix, i);
	}
}

/* A string leaf behind the others. */
static int put_leaf(struct json_index *ix, uint32_t name, struct slice value)
{
	struct json_field *f = add_field(ix);

	if (f == NULL)
		return -1;
	*f = (struct json_field){
		.path = ix->names.v[name].path,
		.value = value,
		.name = name,
		.type = JS_STRING,
		.odd = true /* nobody looked */
	};
	ix->odd = true;
	link_leaf(ix, ix->n - 1);
	return 0;
}

int json_index_set(struct json_index *ix, struct slice path, struct slice value)
{
	bool full;
	uint32_t name;

	drop_below(ix, path);
	name = json_names_add(&ix->names, path, &full);
	return name != JSON_NAME_NONE ? put_leaf(ix, name, value) : -1;
}

static int within_add(struct json_own *own, uint32_t name, uint32_t path)
{
	unsigned cap = own->cap_within > 0 ? own->cap_within * 2 : 8;
	struct json_within *p;

	if (own->n_within == own->cap_within) {
		p = realloc(own->within, cap * sizeof(*p));
		if (p == NULL)
			return -1;
		own->within = p;
		own->cap_within = cap;
	}
	own->within[own->n_within++] = (struct json_within){ name, path };
	return 0;
}

/* Looks at the names that came since the last event. */
static int own_learn(struct json_index *ix, const struct slice *paths, unsigned n)
{
	struct json_own *own = &ix->own;
	bool full;

	if (own->epoch != ix->names.epoch) {
		own->epoch = 0;
		own->seen = own->n_within = 0;
		for (unsigned i = 0; i < n; i++) {
			own->name[i] = json_names_add(&ix->names, paths[i], &full);
			if (own->name[i] == JSON_NAME_NONE)
				return -1;
		}
		own->epoch = ix->names.epoch;
	}
	for (; own->seen < ix->names.n; own->seen++) {
		for (unsigned i = 0; i < n; i++)
			if (is_within(ix->names.v[own->seen].path, paths[i]) &&
			    within_add(own, own->seen, i) < 0)
				return -1;
	}
	return 0;
}

int json_index_own(struct json_index *ix, const struct slice *paths, const struct slice *values,
		   unsigned n)
{
	struct json_own *own = &ix->own;

	if ((own->epoch != ix->names.epoch || own->seen != ix->names.n) &&
	    own_learn(ix, paths, n) < 0)
		return -1;
	for (unsigned i = 0; i < own->n_within; i++)
		if (json_index_named(ix, own->within[i].name) != NULL)
			drop_below(ix, paths[own->within[i].path]);
	for (unsigned i = 0; i < n; i++)
		if (put_leaf(ix, own->name[i], values[i]) < 0)
			return -1;
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
		own->undone = (struct slice){ p, json_unescape(f->value, p) };
	}
	return own->undone;
}

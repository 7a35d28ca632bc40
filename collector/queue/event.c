/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue/event.c: an event as its readers see it: with the four fields that the collector
 * alone says, and without what the sender wrote there, in any spelling. */
#include <stdlib.h>

#include "collector/queue/queue.h"
#include "common/base/time.h"
#include "common/event/json_text.h"

#define TEXT(s)                                                                                    \
	{                                                                                          \
		(s), sizeof(s) - 1                                                                 \
	}
#define FIELDS JSON_OWN_MAX
static const struct slice paths[FIELDS] = { TEXT("organization.id"), TEXT("agent.id"),
					    TEXT("event.id"), TEXT("event.ingested") };
static const struct field {
	struct slice group, name;
} fields[FIELDS] = {
	{ TEXT("organization"), TEXT("id") },
	{ TEXT("agent"), TEXT("id") },
	{ TEXT("event"), TEXT("id") },
	{ TEXT("event"), TEXT("ingested") },
};
#define PATH_MAX_BYTES 64u /* longer than any of the paths: a longer one is none of them */

struct values {
	char ingested[TIME_TEXT_MAX];
	struct slice v[FIELDS];
};

static void values_of(const struct queue_event *ev, struct values *ret)
{
	size_t n = time_format(ev->ingested_ns, ret->ingested);

	ret->v[0] = slice_str(ev->tenant);
	ret->v[1] = slice_str(ev->sender);
	ret->v[2] = slice_str(ev->id);
	ret->v[3] = (struct slice){ ret->ingested, n };
}

int queue_event_index(const struct queue_event *ev, struct json_index *ix, struct err *err)
{
	struct values vs;

	if (json_index_read(ix, ev->json, err) < 0)
		return -1;
	values_of(ev, &vs);
	for (size_t i = 0; i < FIELDS; i++) {
		vs.v[i] = arena_copy(&ix->mem, vs.v[i]);
		if (vs.v[i].p == NULL)
			return err_nomem(err);
	}
	return json_index_own(ix, paths, vs.v, FIELDS) < 0 ? err_nomem(err) : 0;
}

/* Copies one JSON text that is known to be valid, leaving members out. */
struct copy {
	const char *p, *end;
	struct buf *out;
	const struct values *vs;
	bool told[FIELDS]; /* written into its group's object */
};

static void blanks(struct copy *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

static void string_skip(struct copy *c)
{
	for (c->p = json_skip_plain(c->p + 1, c->end); c->p < c->end && *c->p != '"';
	     c->p = json_skip_plain(c->p + 1, c->end))
		if (*c->p == '\\')
			c->p++;
	c->p++;
}

/* One value of any kind; only brackets outside strings count. */
static struct slice value_skip(struct copy *c)
{
	const char *start = c->p;
	unsigned depth = 0;

	do {
		if (*c->p == '"') {
			string_skip(c);
			continue;
		}
		if (*c->p == '{' || *c->p == '[')
			depth++;
		else if (*c->p == '}' || *c->p == ']')
			depth--;
		c->p++;
	} while (c->p < c->end && (depth > 0 || (*c->p != ',' && *c->p != '}' && *c->p != ']')));
	return slice_trim((struct slice){ start, (size_t)(c->p - start) });
}

static unsigned hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 4 | (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	return v;
}

/* Appends a member's name (between its quotes) to the path. Beyond ASCII nothing can match. */
static size_t path_add(char *path, size_t n, struct slice key)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

	if (n > 0 && n < PATH_MAX_BYTES)
		path[n++] = '.';
	for (size_t i = 0; i < key.n && n < PATH_MAX_BYTES; i++) {
		char ch = key.p[i];

		if (ch == '\\' && key.p[i + 1] == 'u') {
			unsigned v = hex4(key.p + i + 2);

			ch = v < 0x80 ? (char)v : '\x01';
			i += 5;
		} else if (ch == '\\') {
			const char *at = strchr(from, key.p[++i]);

			ch = at != NULL ? to[at - from] : '\x01';
		}
		path[n++] = ch;
	}
	return n;
}

enum verdict { COPY, LOOK_INSIDE, DROP };

/* DROP: one of our paths, or below it. LOOK_INSIDE: above one. */
static enum verdict judge(struct slice path)
{
	for (size_t i = 0; i < FIELDS; i++) {
		struct slice ours = paths[i];

		if (slice_starts(path, ours) && (path.n == ours.n || path.p[ours.n] == '.'))
			return DROP;
		if (slice_starts(ours, path) && ours.n > path.n && ours.p[path.n] == '.')
			return LOOK_INSIDE;
	}
	return COPY;
}

static void name_put(struct buf *out, struct slice name)
{
	buf_chr(out, '"');
	buf_slice(out, name);
	buf_str(out, "\":");
}

/* Our own fields of a group, at the front of its object. Returns how many. */
static unsigned group_put(struct copy *c, struct slice group)
{
	unsigned n = 0;

	for (size_t i = 0; i < FIELDS; i++) {
		if (c->told[i] || !slice_eq(group, fields[i].group))
			continue;
		if (n++ > 0)
			buf_chr(c->out, ',');
		name_put(c->out, fields[i].name);
		json_put_string(c->out, c->vs->v[i]);
		c->told[i] = true;
	}
	return n;
}

static void value_copy(struct copy *c, char *path, size_t n, bool top);

static void object_copy(struct copy *c, char *path, size_t n, unsigned before)
{
	c->p++;
	for (blanks(c); c->p < c->end && *c->p != '}'; blanks(c)) {
		const char *key = c->p;
		struct slice name;
		size_t len;

		string_skip(c);
		name = (struct slice){ key, (size_t)(c->p - key) };
		len = path_add(path, n, (struct slice){ name.p + 1, name.n - 2 });
		blanks(c);
		c->p++; /* the colon */
		blanks(c);
		switch (judge((struct slice){ path, len })) {
		case DROP:
			value_skip(c);
			break;
		case LOOK_INSIDE:
			if (before++ > 0)
				buf_chr(c->out, ',');
			buf_slice(c->out, name);
			buf_chr(c->out, ':');
			value_copy(c, path, len, n == 0);
			break;
		default:
			if (before++ > 0)
				buf_chr(c->out, ',');
			buf_slice(c->out, name);
			buf_chr(c->out, ':');
			buf_slice(c->out, value_skip(c));
		}
		blanks(c);
		if (c->p < c->end && *c->p == ',')
			c->p++;
	}
	c->p++;
}

/* The value of a path above one of ours. Depth is bounded: the text was checked. */
static void value_copy(struct copy *c, char *path, size_t n, bool top)
{
	unsigned some = 0;

	if (*c->p == '{') {
		buf_chr(c->out, '{');
		object_copy(c, path, n, top ? group_put(c, (struct slice){ path, n }) : 0);
		buf_chr(c->out, '}');
	} else if (*c->p == '[') {
		buf_chr(c->out, '[');
		for (c->p++, blanks(c); c->p < c->end && *c->p != ']'; blanks(c)) {
			if (some++ > 0)
				buf_chr(c->out, ',');
			value_copy(c, path, n, false);
			blanks(c);
			if (c->p < c->end && *c->p == ',')
				c->p++;
		}
		c->p++;
		buf_chr(c->out, ']');
	} else {
		buf_slice(c->out, value_skip(c));
	}
}

/* Our fields whose group is not an object of the event. */
static void rest_put(struct copy *c)
{
	for (size_t i = 0; i < FIELDS; i++) {
		if (c->told[i])
			continue;
		buf_chr(c->out, ',');
		name_put(c->out, paths[i]);
		json_put_string(c->out, c->vs->v[i]);
	}
}

int queue_event_put(const struct queue_event *ev, struct buf *out, struct err *err)
{
	struct values vs;
	struct copy c = { .p = ev->json.p, .end = ev->json.p + ev->json.n, .out = out, .vs = &vs };
	const size_t start = out->n;
	char path[PATH_MAX_BYTES];

	values_of(ev, &vs);
	blanks(&c);
	buf_chr(out, '{');
	object_copy(&c, path, 0, 0);
	if (out->n == start + 1) {
		/* Nothing to stand behind: the first of ours has no comma. */
		rest_put(&c);
		if (!out->failed && out->n > start + 1) {
			memmove(out->p + start + 1, out->p + start + 2, out->n - start - 2);
			out->n--;
		}
	} else {
		rest_put(&c);
	}
	buf_chr(out, '}');
	if (!out->failed)
		return 0;
	return err_nomem(err);
}

int queue_event_json(const struct queue_event *ev, struct buf *out, struct err *err)
{
	struct json_index ix = { 0 };
	int r = json_index_read(&ix, ev->json, err); /* from here on the text is known to be good */

	json_index_release(&ix);
	return r < 0 ? -1 : queue_event_put(ev, out, err);
}

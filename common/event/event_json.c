/* SPDX-License-Identifier: EUPL-1.2 */
/* event_write_json: fields of the list come sorted from their bit set, those with own names are
 * sorted here, and both are merged in one walk that opens and closes objects as names change. */
#include "common/base/hash.h"
#include "common/event/event_write.h"

#include <stdlib.h>

static struct slice name_of(const struct event_value *v)
{
	return v->id != ECS_DYNAMIC ? ecs_name((enum ecs)v->id) : v->name;
}

static int compare(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

static int compare_values(const void *a, const void *b)
{
	const struct event_value *const *x = a, *const *y = b;

	return compare((*x)->name, (*y)->name);
}

static void close_to(struct writer *w, unsigned depth)
{
	static const char braces[NEST_MAX + 1] = "}}}}}}}}}}}}}}}}";

	buf_put(w->out, braces, w->depth - depth);
	w->depth = depth;
}

/* How many parents two names share, up to NEST_MAX. */
static unsigned shared_parents(struct slice a, struct slice b)
{
	unsigned n = 0;

	for (size_t i = 0; i < a.n && i < b.n && a.p[i] == b.p[i]; i++)
		if (a.p[i] == '.' && ++n == NEST_MAX)
			break;
	return n;
}

/* The parent's name with its last dot; empty: at the top. */
static struct slice parent_of(struct slice name)
{
	return (struct slice){ name.p, (size_t)(slice_rchr(name, '.') + 1) };
}

/* The key of a field with a name of its own beside the last one, which had too: nothing opens or
 * closes. false: they have not the same parent. */
static bool key_sibling(struct writer *w, struct slice name)
{
	struct slice parent = parent_of(name), last;

	if (w->last == NULL || w->path != NULL || parent.n == 0 || w->depth == 0 ||
	    w->depth == NEST_MAX) /* as "@timestamp." and what is too deep are written */
		return false;
	last = w->last->name;
	if (last.n <= parent.n || !slice_starts(last, parent) ||
	    slice_chr(slice_from(last, parent.n), '.') >= 0)
		return false;
	buf_chr(w->out, ',');
	json_put_string(w->out, slice_from(name, parent.n));
	buf_chr(w->out, ':');
	return true;
}

/* Any key after any other. suffix: what is added to the last part. */
static void key_any(struct writer *w, struct slice name, const char *suffix)
{
	unsigned shared = w->last != NULL ? shared_parents(name_of(w->last), name) : 0, level = 0;
	struct buf key = { 0 };
	size_t start = 0;

	close_to(w, shared < w->depth ? shared : w->depth);
	buf_chr(w->out, ',');
	if (slice_starts(name,
			 SLICE("@timestamp."))) /* it is no object, whatever a sender thinks */
		level = NEST_MAX;
	for (size_t i = 0; i < name.n && level < NEST_MAX; i++) {
		if (name.p[i] != '.')
			continue;
		if (level++ >= w->depth) {
			json_put_string(w->out, (struct slice){ name.p + start, i - start });
			buf_str(w->out, ":{");
			w->depth++;
		}
		start = i + 1;
	}
	if (*suffix == '\0') {
		json_put_string(w->out, slice_from(name, start));
	} else {
		buf_slice(&key, slice_from(name, start));
		buf_str(&key, suffix);
		json_put_string(w->out, buf_view(&key));
		w->out->failed |= key.failed;
		buf_release(&key);
	}
	buf_chr(w->out, ':');
}

static void put_scalar(struct writer *w, const struct event_value *v, bool *ret_replaced)
{
	switch ((enum event_type)v->type) {
	case EVENT_STR:
		*ret_replaced |= json_put_string(w->out, v->str) > 0;
		break;
	case EVENT_INT:
		buf_i64(w->out, v->num);
		break;
	case EVENT_BOOL:
		buf_str(w->out, v->num != 0 ? "true" : "false");
		break;
	case EVENT_TIME:
		event_put_time(w->out, v->num);
		break;
	case EVENT_JSON:
		buf_slice(w->out, v->str);
		break;
	}
}

void event_put_value(struct writer *w, const struct event *ev, const struct event_value *v)
{
	const struct event_value *e = v;
	bool replaced = false;

	if (!v->array) {
		put_scalar(w, v, &replaced);
	} else {
		buf_chr(w->out, '[');
		for (;; e = &ev->v[e->next - 1]) {
			put_scalar(w, e, &replaced);
			if (e->next == 0)
				break;
			buf_chr(w->out, ',');
		}
		buf_chr(w->out, ']');
	}
	if (replaced && w->n_raw < EVENT_FIELDS_MAX)
		w->raw[w->n_raw++] = v;
}

static void put_field(struct writer *w, const struct event *ev, const struct event_value *v,
		      bool is_object)
{
	if (v->id != ECS_DYNAMIC && w->path != NULL && !is_object) {
		event_put_listed(w, ev, v);
		return;
	}
	if (v->id != ECS_DYNAMIC || is_object || !key_sibling(w, v->name))
		key_any(w, name_of(v), is_object ? ".value" : "");
	event_put_value(w, ev, v);
	w->last = v;
	w->path = v->id != ECS_DYNAMIC ? ecs_path((enum ecs)v->id) : NULL;
}

/* The fields of a set, one call after another in order; NULL at the end. */
static const struct event_value *next_fixed(const struct event *ev, const uint64_t set[EVENT_WORDS],
					    uint64_t *bits, unsigned *word)
{
	unsigned id;

	while (*bits == 0) {
		if (++*word >= EVENT_WORDS)
			return NULL;
		*bits = set[*word];
	}
	id = *word * 64 + (unsigned)__builtin_ctzll(*bits);
	*bits &= *bits - 1;
	return &ev->v[ev->at[id]];
}

/* Whether some field lies in an object of that name. dyn: sorted, from the first past name on. */
static bool holds_fields(const struct event_value *const *dyn, unsigned n, struct slice name)
{
	/* Those that begin with name follow it at once; "a-b" may stand between "a" and "a.b". */
	for (; n > 0 && slice_starts((*dyn)->name, name); dyn++, n--) {
		struct slice behind = slice_from((*dyn)->name, name.n);

		if (behind.n > 0 && (unsigned char)behind.p[0] >= '.') {
			if (behind.p[0] == '.')
				return true;
			break;
		}
	}
	return false;
}

/* The same of a name of its own: set or not, the schema says what it is. */
static bool names_object(const struct event_value *const *dyn, unsigned n, struct slice name)
{
	return holds_fields(dyn, n, name) || ecs_is_object(name);
}

static void walk_merged(struct writer *w, const struct event *ev,
			const struct event_value *const *dyn, unsigned n_dyn)
{
	unsigned word = 0, i = 0;
	uint64_t bits = ev->present[0];
	const struct event_value *f = next_fixed(ev, ev->present, &bits, &word);

	while (f != NULL || i < n_dyn) {
		if (f != NULL && (i == n_dyn || compare(name_of(f), dyn[i]->name) < 0)) {
			put_field(w, ev, f,
				  i < n_dyn && holds_fields(dyn + i, n_dyn - i, name_of(f)));
			f = next_fixed(ev, ev->present, &bits, &word);
		} else {
			put_field(w, ev, dyn[i],
				  names_object(dyn + i + 1, n_dyn - i - 1, dyn[i]->name));
			i++;
		}
	}
}

static void walk(struct writer *w, const struct event *ev, const struct event_value *const *dyn,
		 unsigned n_dyn)
{
	w->last = NULL;
	w->path = ecs_path(ECS_DYNAMIC); /* @timestamp has no parents, as no name has none */
	w->depth = 0;
	w->n_raw = 0;
	buf_str(w->out, "{\"@timestamp\":");
	event_put_time(w->out, ev->time_ns);
	if (n_dyn == 0)
		event_write_plain(w, ev);
	else
		walk_merged(w, ev, dyn, n_dyn);
	close_to(w, 0);
	buf_chr(w->out, '}');
}

/* vartio.raw.<field> for each value that held bytes which are not UTF-8, as further fields. Returns
 * how many; stops where memory does, and says so. */
static unsigned raw_fields(struct writer *w, const struct event *ev, struct event_value *ret)
{
	struct buf b = { 0 };
	unsigned n = 0;

	for (unsigned i = 0; i < w->n_raw && !w->out->failed; i++) {
		struct slice name;

		buf_reset(&b);
		buf_str(&b, "vartio.raw.");
		buf_slice(&b, name_of(w->raw[i]));
		name = arena_copy(ev->mem, buf_view(&b));
		/* Elements of an array are kept one after another, as their bytes were. */
		buf_reset(&b);
		for (const struct event_value *e = w->raw[i];; e = &ev->v[e->next - 1]) {
			if (e != w->raw[i])
				buf_chr(&b, ' ');
			base64_put(&b, e->str.p, e->str.n);
			if (e->next == 0)
				break;
		}
		ret[n] = (struct event_value){ .type = EVENT_STR,
					       .name = name,
					       .str = arena_copy(ev->mem, buf_view(&b)) };
		if (b.failed || name.p == NULL || ret[n].str.p == NULL)
			w->out->failed = true;
		n++;
	}
	if (ev->truncated > 0)
		ret[n++] = (struct event_value){ .type = EVENT_INT,
						 .name = SLICE("vartio.fields_dropped"),
						 .num = ev->truncated };
	buf_release(&b);
	return n;
}

/* The rare event that has fields with own names, or bytes to be kept raw. Kept apart, because its
 * frame is large. */
static __attribute__((noinline)) void write_any(struct writer *w, const struct event *ev,
						struct event_value *raw, unsigned n_raw)
{
	const struct event_value *dyn[2 * EVENT_FIELDS_MAX + 1];
	unsigned n = 0;

	for (; n < ev->n_dynamic; n++)
		dyn[n] = &ev->v[ev->dynamic[n]];
	for (unsigned i = 0; i < n_raw; i++)
		dyn[n++] = &raw[i];
	if (n_raw > 0 || ev->n_sorted != n)
		qsort(dyn, n, sizeof(dyn[0]), compare_values);
	walk(w, ev, dyn, n);
}

static __attribute__((noinline)) void write_again(struct writer *w, const struct event *ev)
{
	struct event_value raw[EVENT_FIELDS_MAX + 1];

	write_any(w, ev, raw, raw_fields(w, ev, raw));
}

void event_write_json(const struct event *ev, struct buf *out)
{
	struct writer w;
	size_t start = out->n;

	w.out = out;
	if (ev->n_dynamic == 0)
		walk(&w, ev, NULL, 0);
	else
		write_any(&w, ev, NULL, 0);
	if ((w.n_raw > 0 || ev->truncated > 0) && !out->failed) {
		out->n = start;
		write_again(&w, ev);
	}
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* The matcher: finds the tables of a program by hash, their patterns by the message's first byte,
 * and runs those whose texts the message may hold: with which two bytes its words begin is noted
 * once, and a pattern that wants another word is passed over. */
#include "common/normalise/match.h"

#include "common/base/hash.h"
#include "common/normalise/addr.h"
#include "common/normalise/match_compile.h"

#include <stdlib.h>

#define PROGRAMS_MAX 128u /* a power of two; at most half is used */
#define ANY_MAX      8u   /* tables whose programs end with * */
#define STEPS_MAX    512u /* tries for one message: hostile text cannot buy more */

struct compiled {
	struct pattern *p;
	unsigned n, cap;
	uint16_t *by_first; /* numbers of patterns, for byte 0, byte 1 and so on */
	uint16_t first[257];
};

struct program {
	struct slice name;
	const struct compiled *table;
};

struct matcher {
	struct arena mem;
	struct program program[PROGRAMS_MAX];
	unsigned n_programs;
	struct program any[ANY_MAX]; /* name: what the program begins with */
	unsigned n_any;
};

static int pattern_add(struct compiled *c, struct slice text, const struct meaning *m,
		       struct arena *mem, struct err *err)
{
	if (c->n == c->cap) {
		unsigned cap = c->cap > 0 ? 2 * c->cap : 32;
		struct pattern *p = arena_alloc(mem, cap * sizeof(*p));

		if (p == NULL)
			return err_nomem(err);
		if (c->n > 0)
			memcpy(p, c->p, c->n * sizeof(*p));
		c->p = p;
		c->cap = cap;
	}
	if (pattern_compile(text, mem, &c->p[c->n], err) < 0)
		return -1;
	c->p[c->n++].meaning = m;
	return 0;
}

static int join3(struct slice a, struct slice b, struct slice c, struct arena *mem,
		 struct slice *ret, struct err *err)
{
	char *p = arena_alloc(mem, a.n + b.n + c.n + 1);

	if (p == NULL)
		return err_nomem(err);
	memcpy(p, a.p, a.n);
	memcpy(p + a.n, b.p, b.n);
	memcpy(p + a.n + b.n, c.p, c.n);
	*ret = (struct slice){ p, a.n + b.n + c.n };
	return 0;
}

/* Each << >> doubles the pattern: with it, then without. */
static int expand(struct compiled *c, struct slice text, const struct meaning *m, struct arena *mem,
		  struct err *err)
{
	ssize_t open = slice_find(text, SLICE("<<")), close = slice_find(text, SLICE(">>"));
	struct slice before, inside, after, with, without;

	if (open < 0)
		return pattern_add(c, text, m, mem, err);
	if (close < open)
		return err_set(err, ERR_SYNTAX, "<< without >>");
	before = (struct slice){ text.p, (size_t)open };
	inside = (struct slice){ text.p + open + 2, (size_t)(close - open - 2) };
	after = slice_from(text, (size_t)close + 2);
	if (join3(before, inside, after, mem, &with, err) < 0 ||
	    join3(before, (struct slice){ "", 0 }, after, mem, &without, err) < 0)
		return -1;
	return expand(c, with, m, mem, err) < 0 ? -1 : expand(c, without, m, mem, err);
}

static bool may_begin(const struct pattern *p, unsigned byte)
{
	return p->step[0].literal.n == 0 || (unsigned char)p->step[0].literal.p[0] == byte;
}

static int index_patterns(struct compiled *c, struct arena *mem, struct err *err)
{
	size_t n = 0;

	for (unsigned b = 0; b < 256; b++)
		for (unsigned i = 0; i < c->n; i++)
			n += may_begin(&c->p[i], b);
	c->by_first = arena_alloc(mem, (n + 1) * sizeof(*c->by_first));
	if (c->by_first == NULL)
		return err_nomem(err);
	n = 0;
	for (unsigned b = 0; b < 256; b++) {
		c->first[b] = (uint16_t)n;
		for (unsigned i = 0; i < c->n; i++)
			if (may_begin(&c->p[i], b))
				c->by_first[n++] = (uint16_t)i;
	}
	c->first[256] = (uint16_t)n;
	return 0;
}

/* The first 8 bytes, or as many as there are. */
static uint64_t head_of(struct slice s)
{
	uint64_t head = 0;

	if (s.n >= sizeof(head))
		memcpy(&head, s.p, sizeof(head));
	else if (s.n > 0)
		memcpy(&head, s.p, s.n);
	return head;
}

static uint64_t head_mask(size_t n)
{
	static const char ones[8] = "\xff\xff\xff\xff\xff\xff\xff\xff";

	return head_of((struct slice){ ones, n < sizeof(ones) ? n : sizeof(ones) });
}

/* Counts the words in the texts behind the first place: the first text is compared anyway. */
static void grams_count(const struct pattern *p, uint16_t count[256])
{
	bool seen[256] = { false };

	for (unsigned k = 1; k < p->n; k++)
		for (size_t i = 0; i + 2 < p->step[k].literal.n; i++)
			if (p->step[k].literal.p[i] == ' ')
				seen[match_gram(p->step[k].literal.p + i + 1)] = true;
	for (unsigned g = 0; g < 256; g++)
		count[g] = (uint16_t)(count[g] + seen[g]);
}

/* The rarest words of a pattern. count: in how many patterns each is. */
static void grams_choose(struct pattern *p, const uint16_t count[256])
{
	uint16_t own[256] = { 0 };

	grams_count(p, own);
	for (p->n_grams = 0; p->n_grams < MATCH_GRAMS_MAX; p->n_grams++) {
		unsigned best = 256;

		for (unsigned g = 0; g < 256; g++)
			if (own[g] != 0 && (best == 256 || count[g] < count[best]))
				best = g;
		if (best == 256)
			break;
		own[best] = 0;
		p->gram[p->n_grams] = (uint8_t)best;
	}
}

static void index_grams(struct compiled *c)
{
	uint16_t count[256] = { 0 };

	for (unsigned i = 0; i < c->n; i++)
		grams_count(&c->p[i], count);
	for (unsigned i = 0; i < c->n; i++) {
		struct pattern *p = &c->p[i];
		struct slice literal = p->step[0].literal;

		grams_choose(p, count);
		p->head = head_of(literal);
		p->head_mask = head_mask(literal.n);
	}
}

static int program_add(struct matcher *m, struct slice name, const struct compiled *c,
		       struct err *err)
{
	size_t i = hash64(name, 0) % PROGRAMS_MAX;

	if (name.n > 0 && name.p[name.n - 1] == '*') {
		if (m->n_any == ANY_MAX)
			return err_set(err, ERR_SYNTAX, "more than %u programs with *", ANY_MAX);
		m->any[m->n_any++] = (struct program){ { name.p, name.n - 1 }, c };
		return 0;
	}
	if (m->n_programs >= PROGRAMS_MAX / 2)
		return err_set(err, ERR_SYNTAX, "more than %u programs", PROGRAMS_MAX / 2);
	while (m->program[i].table != NULL)
		i = (i + 1) % PROGRAMS_MAX;
	m->program[i] = (struct program){ name, c };
	m->n_programs++;
	return 0;
}

static int table_compile(struct matcher *m, const struct match_table *t, struct err *err)
{
	struct compiled *c = arena_alloc(&m->mem, sizeof(*c));
	const char *s = t->programs;
	struct err why = { 0 };

	if (c == NULL)
		return err_nomem(err);
	*c = (struct compiled){ 0 };
	for (const struct match_rule *r = t->rules; r->pattern != NULL; r++) {
		struct meaning *meaning;

		if (meaning_compile(t, r, &m->mem, &meaning, &why) < 0 ||
		    expand(c, slice_str(r->pattern), meaning, &m->mem, &why) < 0)
			return err_set(err, why.code, "parser table %s, \"%s\": %s", t->name,
				       r->pattern, why.msg);
	}
	if (index_patterns(c, &m->mem, err) < 0)
		return -1;
	index_grams(c);
	while (*s != '\0') {
		size_t n = strcspn(s, " ");

		if (n > 0 && program_add(m, (struct slice){ s, n }, c, err) < 0)
			return -1;
		s += n + (s[n] == ' ');
	}
	return 0;
}

int matcher_new(const struct match_table *const *tables, struct matcher **ret, struct err *err)
{
	struct matcher *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return err_nomem(err);
	for (; *tables != NULL; tables++) {
		if (table_compile(m, *tables, err) < 0) {
			matcher_free(m);
			return -1;
		}
	}
	*ret = m;
	return 0;
}

void matcher_free(struct matcher *m)
{
	if (m == NULL)
		return;
	arena_release(&m->mem);
	free(m);
}

struct run {
	struct slice text;
	struct slice got[MATCH_PLACES_MAX]; /* by step */
	unsigned steps;                     /* left */
	uint64_t head;                      /* of the text, as in struct pattern */
	bool gram[256];                     /* which words the text has */
};

/* Of the lowest byte's mark in memory. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define PLACE_OF(marks) ((unsigned)__builtin_ctzll(marks) / 8)
#else
#define PLACE_OF(marks) (7 - (unsigned)__builtin_ctzll(marks) / 8)
#endif

static void run_begin(struct run *r, struct slice text)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	size_t i;

	r->text = text;
	r->steps = STEPS_MAX;
	r->head = head_of(text);
	memset(r->gram, 0, sizeof(r->gram));
	for (i = 0; text.n - i >= 10; i += 8) { /* a borrow may add words, which does no harm */
		uint64_t w, spaces;

		memcpy(&w, text.p + i, 8);
		w ^= ones * ' ';
		for (spaces = (w - ones) & ~w & (ones * 0x80); spaces != 0; spaces &= spaces - 1)
			r->gram[match_gram(text.p + i + PLACE_OF(spaces) + 1)] = true;
	}
	for (; i + 2 < text.n; i++)
		if (text.p[i] == ' ')
			r->gram[match_gram(text.p + i + 1)] = true;
}

static bool match_rest(const struct pattern *p, unsigned k, size_t i, struct run *r);

/* Asked of nearly every pattern that the first byte leaves: from the cheapest question on. */
static inline bool matches(const struct pattern *p, struct run *r)
{
	const struct slice literal = p->step[0].literal;

	if (((r->head ^ p->head) & p->head_mask) != 0)
		return false;
	for (unsigned i = 0; i < p->n_grams; i++)
		if (!r->gram[p->gram[i]])
			return false;
	return slice_starts(r->text, literal) && match_rest(p, 0, literal.n, r);
}

static bool addr_byte(char c) /* of addresses and host names */
{
	static const bool known[256] = {
		['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true,
		['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true, [':'] = true, ['.'] = true,
		['-'] = true, ['_'] = true, ['%'] = true, ['['] = true, [']'] = true,
	};

	return known[(unsigned char)c] || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* A value within value_limit(). */
static bool allowed(enum how how, struct slice v)
{
	uint64_t n;

	switch (how) {
	case HOW_INT:
		return v.n > 0 && (v.n < 19 || slice_uint(v, INT64_MAX, &n));
	case HOW_WORD:
		return v.n > 0;
	case HOW_ADDR:
		for (size_t i = 0; i < v.n; i++)
			if (!addr_byte(v.p[i]))
				return false;
		return true;
	default:
		return true;
	}
}

/* The value ends at `end`, where the next literal stands: does all behind that fit? */
static bool try_end(const struct pattern *p, unsigned k, size_t start, size_t end, struct run *r)
{
	struct slice v = { r->text.p + start, end - start };

	if (r->steps == 0)
		return false;
	r->steps--;
	if (!allowed(p->step[k].place.how, v))
		return false;
	r->got[k] = v;
	return match_rest(p, k + 1, end + p->step[k + 1].literal.n, r);
}

/* Where a value that begins at i can end at most. */
static size_t value_limit(enum how how, struct slice text, size_t i)
{
	size_t end = i;

	if (how == HOW_INT) {
		while (end < text.n && text.p[end] >= '0' && text.p[end] <= '9')
			end++;
		return end;
	}
	if (how == HOW_WORD || how == HOW_ADDR) {
		const char *space = i < text.n ? memchr(text.p + i, ' ', text.n - i) : NULL;

		return space != NULL ? (size_t)(space - text.p) : text.n;
	}
	return text.n;
}

static inline bool literal_at(const char *p, struct slice literal)
{
	return p[0] == literal.p[0] &&
	       (literal.n == 1 || memcmp(p + 1, literal.p + 1, literal.n - 1) == 0);
}

static bool match_place(const struct pattern *p, unsigned k, size_t i, struct run *r)
{
	const struct place *place = &p->step[k].place;
	struct slice next = p->step[k + 1].literal;
	size_t limit = value_limit(place->how, r->text, i), end;

	if (place->kv) {
		r->got[k] = slice_from(r->text, i);
		return true;
	}
	if (next.n == 0) /* only the pattern's end has no text */
		return limit == r->text.n && try_end(p, k, i, limit, r);
	if (r->text.n - i < next.n)
		return false;
	if (limit > r->text.n - next.n)
		limit = r->text.n - next.n;
	if (place->how == HOW_INT)
		return literal_at(r->text.p + limit, next) && try_end(p, k, i, limit, r);
	if (place->greedy) {
		for (end = limit + 1; end-- > i;)
			if (literal_at(r->text.p + end, next) && try_end(p, k, i, end, r))
				return true;
		return false;
	}
	for (end = i; end <= limit && r->steps > 0; end++) {
		/* Literals here are short and soon found: memchr beats memmem. */
		const char *q = memchr(r->text.p + end, next.p[0], limit + 1 - end);

		if (q == NULL)
			return false;
		end = (size_t)(q - r->text.p);
		if (literal_at(q, next) && try_end(p, k, i, end, r))
			return true;
	}
	return false;
}

/* From behind the literal of step k, which ends at i. */
static bool match_rest(const struct pattern *p, unsigned k, size_t i, struct run *r)
{
	return p->step[k].has_place ? match_place(p, k, i, r) : i == r->text.n;
}

static struct slice lower(struct slice v, struct arena *mem)
{
	char *p = arena_alloc(mem, v.n);

	if (p == NULL)
		return v;
	for (size_t i = 0; i < v.n; i++)
		p[i] = (char)(v.p[i] >= 'A' && v.p[i] <= 'Z' ? v.p[i] | 0x20 : v.p[i]);
	return (struct slice){ p, v.n };
}

static void put_addr(struct event *ev, bool source, struct slice v)
{
	struct slice ip;

	event_str(ev, source ? ECS_SOURCE_ADDRESS : ECS_DESTINATION_ADDRESS, v);
	if (addr_parse(v, ev->mem, &ip)) {
		event_str(ev, source ? ECS_SOURCE_IP : ECS_DESTINATION_IP, ip);
		return;
	}
	/* Digits and dots that are no address ("010.0.0.1") are not a name either. */
	for (size_t i = 0; i < v.n; i++) {
		if ((v.p[i] | 0x20) >= 'a' && (v.p[i] | 0x20) <= 'z' && slice_chr(v, ':') < 0) {
			event_str(ev, source ? ECS_SOURCE_DOMAIN : ECS_DESTINATION_DOMAIN, v);
			return;
		}
	}
}

/* netfilter prints the frame's header: destination, source, type, as xx:xx:... ECS wants XX-XX. */
static void put_mac(struct event *ev, struct slice v)
{
	static const enum ecs ids[] = { ECS_DESTINATION_MAC, ECS_SOURCE_MAC };

	if (v.n < 35)
		return;
	for (unsigned k = 0; k < 2; k++) {
		char *p = arena_alloc(ev->mem, 17);

		if (p == NULL)
			return;
		for (unsigned i = 0; i < 17; i++) {
			char c = v.p[18 * k + i];

			p[i] = (char)(c == ':' ? '-' : c >= 'a' && c <= 'f' ? c - 32 : c);
		}
		event_str(ev, ids[k], (struct slice){ p, 17 });
	}
}

static bool is_port(enum ecs id)
{
	return id == ECS_SOURCE_PORT || id == ECS_DESTINATION_PORT;
}

static void put_one(struct event *ev, const struct target *t, struct slice v)
{
	uint64_t n;

	if (v.n == 0)
		return;
	switch (t->how) {
	case HOW_INT:
		if (!slice_uint(v, is_port(t->id) ? UINT16_MAX : INT64_MAX, &n))
			return; /* a number that cannot be is left to the message */
		if (t->id != ECS_DYNAMIC)
			event_int(ev, t->id, (int64_t)n);
		else
			event_dyn_json(ev, t->name, v);
		return;
	case HOW_ADDR:
		put_addr(ev, t->id == ECS_SOURCE_IP, v);
		return;
	case HOW_MAC:
		put_mac(ev, v);
		return;
	case HOW_TRIM:
		v = slice_trim(v);
		break;
	case HOW_FIRST:
		v = slice_trim(v);
		v.n = slice_chr(v, ' ') >= 0 ? (size_t)slice_chr(v, ' ') : v.n;
		break;
	case HOW_LOWER:
		v = lower(v, ev->mem);
		break;
	default:
		break;
	}
	if (t->id != ECS_DYNAMIC)
		event_str(ev, t->id, v);
	else
		event_dyn(ev, t->name, v);
}

static void put_place(struct event *ev, const struct place *place, struct slice v)
{
	for (unsigned i = 0; i < place->n; i++)
		put_one(ev, &place->to[i], v);
}

static const struct kv_key *key_at(const struct kv *kv, struct slice s)
{
	for (unsigned i = 0; i < kv->n; i++)
		if (slice_starts(s, kv->key[i].key))
			return &kv->key[i];
	return NULL;
}

/* Parts that begin with no known key are skipped: they may be new, or flags. */
static void put_kv(struct event *ev, const struct kv *kv, struct slice s)
{
	while (s.n > 0) {
		const struct kv_key *k = key_at(kv, s);
		ssize_t end = slice_find(s, kv->separator);
		struct slice v = s;

		if (end >= 0)
			v.n = (size_t)end;
		if (k != NULL && k->takes_rest)
			v = s;
		if (k != NULL)
			put_place(ev, &k->place, slice_from(v, k->key.n));
		s = slice_from(s, v.n < s.n ? v.n + kv->separator.n : v.n);
	}
}

static void apply(const struct pattern *p, const struct run *r, struct event *ev)
{
	const struct meaning *m = p->meaning;

	event_str(ev, ECS_EVENT_MODULE, m->module);
	event_str(ev, ECS_EVENT_DATASET, m->dataset);
	event_str(ev, ECS_EVENT_ACTION, m->action);
	event_str(ev, ECS_EVENT_OUTCOME, m->outcome);
	for (unsigned i = 0; i < m->n_category; i++)
		event_add(ev, ECS_EVENT_CATEGORY, m->category[i]);
	for (unsigned i = 0; i < m->n_type; i++)
		event_add(ev, ECS_EVENT_TYPE, m->type[i]);
	for (unsigned i = 0; i < m->n_set; i++)
		put_one(ev, &m->set_to[i], m->set_value[i]);
	for (unsigned k = 0; k < p->n && p->step[k].has_place; k++) {
		if (p->step[k].place.kv)
			put_kv(ev, m->kv, r->got[k]);
		else
			put_place(ev, &p->step[k].place, r->got[k]);
	}
	if (m->after != NULL)
		m->after(ev);
}

static bool kv_fits(const struct pattern *p, const struct run *r)
{
	const struct step *last = &p->step[p->n - 1];

	if (p->n >= 2 && !last->has_place && last->literal.n == 0)
		last--;
	if (!last->has_place || !last->place.kv)
		return true;
	return p->meaning->kv != NULL && key_at(p->meaning->kv, r->got[last - p->step]) != NULL;
}

static bool table_apply(const struct compiled *c, struct run *r, struct event *ev)
{
	unsigned b = (unsigned char)r->text.p[0];

	for (unsigned i = c->first[b]; i < c->first[b + 1]; i++) {
		const struct pattern *p = &c->p[c->by_first[i]];

		if (matches(p, r) && kv_fits(p, r)) {
			apply(p, r, ev);
			return true;
		}
	}
	return false;
}

bool matcher_apply(const struct matcher *m, struct slice program, struct slice message,
		   struct event *ev)
{
	struct run r;
	size_t i = hash64(program, 0) % PROGRAMS_MAX;

	if (message.n == 0)
		return false;
	run_begin(&r, message);
	for (; m->program[i].table != NULL; i = (i + 1) % PROGRAMS_MAX)
		if (slice_eq(m->program[i].name, program) &&
		    table_apply(m->program[i].table, &r, ev))
			return true;
	for (unsigned k = 0; k < m->n_any; k++)
		if (slice_starts(program, m->any[k].name) && table_apply(m->any[k].table, &r, ev))
			return true;
	return false;
}

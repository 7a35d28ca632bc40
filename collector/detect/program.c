/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/program.c: programs by the kind of an event. A kind is the log sources that an
 * event belongs to, and the answers of all predicates about its kind that rules of these log
 * sources ask; so there are about as many kinds as rules name event ids, whatever the events say.
 * program_build.c makes the programs. */
#include "collector/detect/program_impl.h"

#include <pthread.h>
#include <stdlib.h>

struct made { /* a program of a class set */
	struct made *next;
	const struct program *program; /* NULL: it would be too large */
	uint64_t answers[];            /* of class_set.preds */
};
struct class_set {
	struct class_set *next;
	uint32_t *classes; /* numbers */
	unsigned n_classes;
	uint32_t *preds; /* about the kind, asked by rules of these classes */
	unsigned n_preds;
	struct made *made;
	const struct program *general; /* that leaves such predicates to each event */
	bool general_made;             /* be it NULL, since too large */
	uint64_t bits[];               /* of classes */
};
struct programs {
	pthread_mutex_t lock; /* guards all below; programs themselves never change */
	struct arena mem;
	struct class_set *sets;
	struct program *all; /* for release */
	unsigned n_sets, n_programs;
	uint32_t n_built;
	size_t bytes;
};

/* Fields whose predicates always tell the kind; besides these, those that log sources ask. */
static const char *const kind_fields[] = { "EventID", "EventType", "event.code", "winlog.event_id",
					   "type" };

static bool is_kind_field(struct slice key)
{
	ssize_t bar = slice_chr(key, '|'); /* an alias: fields.c */

	if (bar >= 0)
		key.n = (size_t)bar;
	for (size_t i = 0; i < sizeof(kind_fields) / sizeof(kind_fields[0]); i++)
		if (slice_is(key, kind_fields[i]))
			return true;
	return false;
}

static void mark_kind(struct ruleset *rs, const struct expr *ex)
{
	if (ex->op == EX_PRED)
		rs->preds[ex->pred].tells_kind = true;
	for (unsigned i = 0; i < ex->n; i++)
		mark_kind(rs, ex->kid[i]);
}

/* What is asked of a predicate, once all is known of it. */
static void ask_fill(const struct pred *p, struct ask *a)
{
	*a = (struct ask){ .kind = (uint8_t)p->kind,
			   .shape = (uint8_t)p->pattern.shape,
			   .cased = p->cased,
			   .field = p->field,
			   .n = (uint32_t)p->pattern.lit.n,
			   .text = p->pattern.lit.p };
	if (p->need != NULL)
		a->need = *p->need;
	if (a->n > 0 && a->n <= sizeof(a->own))
		a->text = memcpy(a->own, a->text, a->n);
}

int programs_init(struct ruleset *rs, struct err *err)
{
	unsigned n = rs->pred_keys.n;

	rs->programs = calloc(1, sizeof(*rs->programs));
	rs->witnesses = arena_alloc(&rs->mem, (n + 1) * sizeof(*rs->witnesses));
	rs->asks = aligned_alloc(_Alignof(struct ask), (n + 1) * sizeof(*rs->asks));
	if (rs->programs == NULL || rs->witnesses == NULL || rs->asks == NULL)
		return err_nomem(err);
	pthread_mutex_init(&rs->programs->lock, NULL);
	for (unsigned i = 0; i < rs->class_keys.n; i++)
		mark_kind(rs, rs->classes[i].when);
	for (unsigned i = 0; i < n; i++) {
		struct pred *p = &rs->preds[i];

		if (is_kind_field(rs->field_keys.keys[p->field]) && p->kind != PRED_FIELD)
			p->tells_kind = true;
		if (p->tells_kind)
			rs->fields[p->field].tells_kind = true;
		if (witness_of(rs, p, &rs->witnesses[i]) < 0)
			return err_nomem(err);
		ask_fill(p, &rs->asks[i]);
	}
	return 0;
}

void programs_release(struct ruleset *rs)
{
	struct programs *ps = rs->programs;
	struct program *next;

	free(rs->asks);
	rs->asks = NULL;
	if (ps == NULL)
		return;
	for (struct program *pg = ps->all; pg != NULL; pg = next) {
		struct arena mem = pg->mem; /* in which the program itself lies */

		next = pg->next;
		arena_release(&mem);
	}
	arena_release(&ps->mem);
	pthread_mutex_destroy(&ps->lock);
	free(ps);
	rs->programs = NULL;
}

/* -- class sets ------------------------------------------------------------------------------ */

struct bits { /* scratch: a bit set on its way */
	uint64_t *v;
	size_t n; /* words */
};

static bool bits_new(struct detector *dt, size_t n, struct bits *ret)
{
	ret->n = (n + 63) / 64;
	ret->v = arena_alloc(&dt->mem, (ret->n + 1) * sizeof(*ret->v));
	if (ret->v == NULL) {
		dt->nomem = true;
		return false;
	}
	memset(ret->v, 0, ret->n * sizeof(*ret->v));
	return true;
}

static void gather(const struct ruleset *rs, const struct expr *ex, struct bits *preds)
{
	if (ex->op == EX_PRED && rs->preds[ex->pred].tells_kind)
		bit_set(preds->v, ex->pred);
	for (unsigned i = 0; i < ex->n; i++)
		gather(rs, ex->kid[i], preds);
}

static struct class_set *set_new(struct detector *dt, const struct bits *classes)
{
	struct ruleset *rs = dt->rs;
	struct arena *mem = &rs->programs->mem;
	struct class_set *cs = arena_alloc(mem, sizeof(*cs) + classes->n * sizeof(uint64_t));
	struct bits preds;

	if (cs == NULL || !bits_new(dt, rs->pred_keys.n, &preds))
		goto nomem;
	*cs = (struct class_set){ 0 };
	memcpy(cs->bits, classes->v, classes->n * sizeof(uint64_t));
	cs->classes = arena_alloc(mem, (rs->class_keys.n + 1) * sizeof(uint32_t));
	if (cs->classes == NULL)
		goto nomem;
	for (unsigned c = 0; c < rs->class_keys.n; c++) {
		if (!bit_has(classes->v, c))
			continue;
		cs->classes[cs->n_classes++] = c;
		for (unsigned i = 0; i < rs->classes[c].n; i++) {
			const struct compiled *co = rs->classes[c].rules[i]->compiled;

			gather(rs, co->expr, &preds);
		}
	}
	for (size_t i = 0; i < preds.n; i++)
		cs->n_preds += (unsigned)__builtin_popcountll(preds.v[i]);
	cs->preds = arena_alloc(mem, (cs->n_preds + 1) * sizeof(uint32_t));
	if (cs->preds == NULL)
		goto nomem;
	cs->n_preds = 0;
	for (uint32_t i = 0; i < rs->pred_keys.n; i++)
		if (bit_has(preds.v, i))
			cs->preds[cs->n_preds++] = i;
	cs->next = rs->programs->sets;
	rs->programs->sets = cs;
	rs->programs->n_sets++;
	return cs;
nomem:
	dt->nomem = true;
	return NULL;
}

static struct class_set *set_find(struct detector *dt)
{
	struct ruleset *rs = dt->rs;
	struct bits classes;

	if (!bits_new(dt, rs->class_keys.n, &classes))
		return NULL;
	for (unsigned c = 0; c < rs->class_keys.n; c++)
		if (rs->classes[c].n > 0 && expr_holds(dt, rs->classes[c].when))
			bit_set(classes.v, c);
	for (struct class_set *cs = rs->programs->sets; cs != NULL; cs = cs->next)
		if (memcmp(cs->bits, classes.v, classes.n * sizeof(uint64_t)) == 0)
			return cs;
	return rs->programs->n_sets < CLASS_SETS_MAX ? set_new(dt, &classes) : NULL;
}

/* -- programs -------------------------------------------------------------------------------- */

/* NULL: too large, or dt->nomem. */
static struct program *build(struct detector *dt, const struct class_set *cs, bool general)
{
	struct programs *ps = dt->rs->programs;
	bool large;
	struct program *pg =
		program_build(dt, cs->classes, cs->n_classes, general, ++ps->n_built, &large);

	if (pg == NULL) {
		dt->nomem = dt->nomem || !large;
		return NULL;
	}
	pg->next = ps->all;
	ps->all = pg;
	ps->n_programs++;
	ps->bytes += pg->mem.used;
	return pg;
}

static const struct program *set_program(struct detector *dt, struct class_set *cs)
{
	struct programs *ps = dt->rs->programs;
	struct bits answers;
	struct made *m;

	if (!bits_new(dt, cs->n_preds, &answers))
		return NULL;
	for (unsigned i = 0; i < cs->n_preds; i++)
		if (pred_holds(dt, cs->preds[i]))
			bit_set(answers.v, i);
	for (m = cs->made; m != NULL; m = m->next)
		if (memcmp(m->answers, answers.v, answers.n * sizeof(uint64_t)) == 0)
			return m->program;
	if (ps->n_programs >= PROGRAMS_MAX || ps->bytes >= PROGRAMS_MEM) {
		if (!cs->general_made)
			cs->general = build(dt, cs, true);
		cs->general_made = !dt->nomem;
		return cs->general;
	}
	m = arena_alloc(&ps->mem, sizeof(*m) + answers.n * sizeof(uint64_t));
	if (m == NULL) {
		dt->nomem = true;
		return NULL;
	}
	*m = (struct made){ .next = cs->made, .program = build(dt, cs, false) };
	memcpy(m->answers, answers.v, answers.n * sizeof(uint64_t));
	if (!dt->nomem)
		cs->made = m;
	return m->program;
}

const struct program *program_find(struct detector *dt)
{
	struct programs *ps = dt->rs->programs;
	const struct program *pg = NULL;
	struct class_set *cs;

	pthread_mutex_lock(&ps->lock);
	cs = set_find(dt);
	if (cs != NULL)
		pg = set_program(dt, cs);
	pthread_mutex_unlock(&ps->lock);
	return dt->nomem ? NULL : pg;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/detector.c: one event against all rules. The event's kind chooses a program; the
 * values of the program's fields are scanned for its literals; the rules whose literals were found,
 * and the few that have none, are judged. */
#include <stdlib.h>

#include "collector/detect/detector_impl.h"
#include "common/base/hash.h"

#define MATCH_LIMIT 200000u /* steps of one regular expression on one value */
#define DEPTH_LIMIT 5000u
#define HEAP_LIMIT  4096u /* KiB */

struct detector *detector_new(struct ruleset *rs)
{
	struct detector *dt = calloc(1, sizeof(*dt));

	if (dt == NULL)
		return NULL;
	dt->rs = ruleset_ref(rs);
	dt->asked = calloc(rs->pred_keys.n + 1, sizeof(*dt->asked));
	dt->fields = calloc(rs->field_keys.n + 1, sizeof(*dt->fields));
	dt->known = calloc(rs->field_keys.n + 1, sizeof(*dt->known));
	dt->kinds = calloc(KINDS, sizeof(*dt->kinds));
	dt->told = calloc(rs->pred_keys.n + 1, sizeof(*dt->told));
	dt->scratch = calloc(1, sizeof(*dt->scratch));
	dt->match = pcre2_match_data_create(1, NULL);
	dt->limits = pcre2_match_context_create(NULL);
	dt->stack = pcre2_jit_stack_create(32 * 1024, 512 * 1024, NULL);
	if (dt->asked == NULL || dt->fields == NULL || dt->known == NULL || dt->kinds == NULL ||
	    dt->told == NULL || dt->match == NULL || dt->scratch == NULL || dt->limits == NULL) {
		detector_free(dt);
		return NULL;
	}
	pcre2_set_match_limit(dt->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(dt->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(dt->limits, HEAP_LIMIT);
	if (dt->stack !=
	    NULL) /* none where memory may not be executed: the interpreter needs none */
		pcre2_jit_stack_assign(dt->limits, NULL, dt->stack);
	return dt;
}

void detector_free(struct detector *dt)
{
	if (dt == NULL)
		return;
	pcre2_match_data_free(dt->match);
	pcre2_match_context_free(dt->limits);
	pcre2_jit_stack_free(dt->stack);
	free(dt->asked);
	free(dt->fields);
	free(dt->vals);
	free(dt->known);
	free(dt->kinds);
	free(dt->told);
	free(dt->scratch);
	free(dt->kind_names);
	free(dt->hits);
	free(dt->candidates);
	arena_release(&dt->mem);
	ruleset_unref(dt->rs);
	free(dt);
}

static void next_generation(struct detector *dt)
{
	if (++dt->generation < UINT32_MAX / 2)
		return;
	memset(dt->asked, 0, dt->rs->pred_keys.n * sizeof(*dt->asked));
	memset(dt->fields, 0, dt->rs->field_keys.n * sizeof(*dt->fields));
	dt->generation = 1;
}

/* The values of the fields that tell the kind, as they stand in the event. false: longer than is
 * worth remembering. */
static bool kind_key(const struct detector *dt, struct kind *ret)
{
	const struct json_index *ix = dt->event;
	uint32_t n = 0;

	for (unsigned i = 0; i < dt->n_kind_names; i++) {
		const struct json_field *f = json_index_named(ix, dt->kind_names[i]);

		for (; f != NULL; f = json_field_next(ix, f)) {
			uint32_t head[2] = { dt->kind_names[i],
					     (uint32_t)f->value.n << 4 | (uint32_t)f->type };

			if (f->value.n > KIND_KEY_MAX ||
			    n + sizeof(head) + f->value.n > KIND_KEY_MAX)
				return false;
			memcpy(ret->key + n, head, sizeof(head));
			memcpy(ret->key + n + sizeof(head), f->value.p, f->value.n);
			n += (uint32_t)(sizeof(head) + f->value.n);
		}
	}
	ret->n = n;
	ret->hash = hash64((struct slice){ ret->key, n }, 0);
	return true;
}

static const struct program *program_of(struct detector *dt)
{
	struct kind key, *kept, *room = NULL;

	if (!kind_key(dt, &key))
		return program_find(dt);
	for (unsigned i = 0; i < KIND_WAYS; i++) {
		kept = &dt->kinds[(key.hash + i) & (KINDS - 1)];
		if (kept->hash == key.hash && kept->n == key.n && kept->program != NULL &&
		    memcmp(kept->key, key.key, key.n) == 0)
			return kept->program;
		if (room == NULL && kept->program == NULL)
			room = kept;
	}
	key.program = program_find(dt);
	if (room == NULL) /* any of them, another for each event that comes */
		room = &dt->kinds[(key.hash + dt->generation % KIND_WAYS) & (KINDS - 1)];
	if (key.program != NULL)
		*room = key;
	return key.program;
}

static int more_words(uint64_t **v, size_t *cap, size_t bits)
{
	size_t want = (bits + 63) / 64 + 1;
	uint64_t *p;

	if (want <= *cap)
		return 0;
	p = realloc(*v, want * sizeof(*p));
	if (p == NULL)
		return -1;
	memset(p, 0, want * sizeof(*p));
	*v = p;
	*cap = want;
	return 0;
}

static void scan_value(struct detector *dt, const struct program_field *pf, struct val *v)
{
	struct slice text;

	if (pf->sieve != NULL && !v->leaf->odd && !sieve_may_hold(pf->sieve, v->leaf->value))
		return;
	text = val_folded(dt, v);
	literals_scan(pf->literals, text, v->ascii, dt->hits);
	for (unsigned k = 0; !v->ascii && k < pf->n_beyond_ascii; k++)
		bit_set(dt->candidates, pf->beyond_ascii[k]);
}

static void scan_field(struct detector *dt, const struct program_field *pf)
{
	const struct json_index *ix = dt->event;

	if (pf->field == FIELD_ANY) {
		/* Most events hold no keyword: one look at the whole text tells, but for values
		 * that are written in another way. */
		bool none = pf->sieve != NULL && !sieve_may_hold(pf->sieve, ix->text);

		for (unsigned i = 0; i < ix->n && (!none || ix->odd); i++) {
			struct val v = { .leaf = &ix->f[i] };

			if ((!none || v.leaf->odd) && v.leaf->type < JS_OBJECT &&
			    v.leaf->type != JS_NULL)
				scan_value(dt, pf, &v);
		}
	} else {
		const struct fvals *fv = values_of(dt, pf->field);

		for (uint32_t i = 0; i < fv->n; i++)
			scan_value(dt, pf, &dt->vals[fv->first + i]);
	}
}

/* The rules whose witness was found, beside those without. */
static void gather_candidates(struct detector *dt, const struct program *pg)
{
	for (size_t w = 0; w < (pg->n_literals + 63u) / 64; w++) {
		for (uint64_t left = dt->hits[w]; left != 0; left &= left - 1) {
			const struct program_literal *l =
				&pg->literals[w * 64 + (unsigned)__builtin_ctzll(left)];

			for (uint32_t i = 0; i < l->n; i++)
				bit_set(dt->candidates, pg->literal_rules[l->first + i]);
		}
	}
}

static inline bool rule_holds(struct detector *dt, const struct program_rule *pr)
{
	if (pr->steps != NULL)
		return steps_hold(dt, pr->steps);
	return pr->expr == NULL || expr_holds(dt, pr->expr);
}

static void run_program(struct detector *dt, const struct program *pg,
			void (*match)(void *arg, const struct rule *rule), void *arg)
{
	size_t words = (pg->n_rules + 63u) / 64;

	memcpy(dt->candidates, pg->always, words * sizeof(uint64_t));
	for (unsigned i = 0; i < pg->n_fields; i++)
		scan_field(dt, &pg->fields[i]);
	gather_candidates(dt, pg);
	for (size_t w = 0; w < words; w++) {
		for (uint64_t left = dt->candidates[w]; left != 0; left &= left - 1) {
			const struct program_rule *pr =
				&pg->rules[w * 64 + (unsigned)__builtin_ctzll(left)];

			if (rule_holds(dt, pr) && !dt->nomem)
				match(arg, pr->rule);
		}
	}
	memset(dt->hits, 0, (pg->n_literals + 63u) / 64 * sizeof(uint64_t));
}

/* For kinds past all bounds: every rule of the event's classes, one by one. */
static void run_all(struct detector *dt, void (*match)(void *arg, const struct rule *rule),
		    void *arg)
{
	const struct ruleset *rs = dt->rs;

	for (unsigned c = 0; c < rs->class_keys.n; c++) {
		const struct class *cl = &rs->classes[c];

		if (cl->n == 0 || !expr_holds(dt, cl->when))
			continue;
		for (unsigned i = 0; i < cl->n; i++) {
			const struct compiled *co = cl->rules[i]->compiled;

			if (expr_holds(dt, co->expr) && !dt->nomem)
				match(arg, cl->rules[i]);
		}
	}
}

int detector_run(struct detector *dt, struct json_index *event,
		 void (*match)(void *arg, const struct rule *rule), void *arg, struct err *err)
{
	const struct program *pg;

	next_generation(dt);
	arena_reset(&dt->mem);
	dt->event = event;
	dt->n_vals = 0;
	dt->nomem = false;
	if (names_learn(dt) < 0)
		return err_nomem(err);
	pg = program_of(dt);
	if (pg != NULL && (more_words(&dt->hits, &dt->cap_hits, pg->n_literals) < 0 ||
			   more_words(&dt->candidates, &dt->cap_candidates, pg->n_rules) < 0))
		return err_nomem(err);
	if (pg != NULL)
		run_program(dt, pg, match, arg);
	else if (!dt->nomem)
		run_all(dt, match, arg);
	return dt->nomem ? err_nomem(err) : 0;
}

uint64_t detector_gave_up(const struct detector *dt)
{
	return dt->gave_up;
}

bool detector_gave_up_on(struct detector *dt, struct slice *ret_field, struct slice *ret_regex)
{
	const struct pred *p = dt->untold;
	struct slice field;

	if (p == NULL)
		return false;
	dt->untold = NULL;
	field = dt->rs->field_keys.keys[p->field];
	if (slice_chr(field, '|') >= 0) /* with a mark of its log source: fields.c */
		field.n = (size_t)slice_chr(field, '|');
	*ret_field = field;
	*ret_regex = p->source;
	return true;
}

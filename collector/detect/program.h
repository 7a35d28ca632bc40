/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/program.h: what is left of the rule set for events of one kind. An event's kind
 * is what its log source's fields and its event id say; all that rules ask of these is answered
 * when the program is made, once for all events of the kind. Of each rule that can still match, the
 * program knows a witness: literals of which an event must hold at least one, the least common that
 * the rule has. Programs are made when the first event of a kind comes, and live as long as the
 * rule set. */
#ifndef VARTIO_DETECT_PROGRAM_H
#define VARTIO_DETECT_PROGRAM_H

#include "collector/detect/engine.h"
#include "collector/detect/literals.h"
#include "collector/detect/sieve.h"

#define PROGRAMS_MAX   8192u              /* of one rule set; past these one serves a whole log */
#define PROGRAMS_MEM   ((size_t)64 << 20) /* source, whatever the event id; */
#define PROGRAM_MEM    ((size_t)16 << 20) /* a larger one is not made: rules are judged one by one */
#define CLASS_SETS_MAX 2048u

struct step {             /* of an expression: a question, and where to go on */
	uint32_t what;    /* twice a predicate's number, or twice a literal's and one */
	uint32_t yes, no; /* the next step, or the end */
};
#define STEP_FALSE (UINT32_MAX - 1)
#define STEP_TRUE  UINT32_MAX
#define STEPS_MAX  256u /* of one rule */
struct program_rule {
	const struct rule *rule;
	struct expr *expr;        /* NULL: true of every event of the kind */
	const struct step *steps; /* the same; NULL: the tree alone tells */
};
struct program_field {
	uint32_t field;
	const struct literals *literals;
	const struct sieve *sieve; /* what values may be passed over; NULL: none */
	uint32_t *beyond_ascii;    /* rules to judge when a value has more than ASCII: */
	unsigned n_beyond_ascii;   /* see regex_literal.h */
};
struct program_literal {
	uint32_t first, n; /* in literal_rules: the rules whose witness it is */
};
struct program {
	struct program *next; /* of the rule set's */
	struct arena mem;
	struct program_rule *rules; /* by number */
	unsigned n_rules;
	uint64_t *always; /* bit set of rules without a witness */
	struct program_field *fields;
	unsigned n_fields;
	struct program_literal *literals;
	unsigned n_literals;
	uint32_t *literal_rules;
};

/* steps.c. NULL: it has a count in it, or too many steps, or there is no memory. */
const struct step *steps_make(const struct expr *ex, struct arena *mem);

struct detector;
/* The program for the detector's event. NULL: there are too many kinds, or it would be too large:
 * all rules of the event's log sources are to be judged; or, dt->nomem, no memory. */
const struct program *program_find(struct detector *dt);

/* When all rules are in: which predicates tell the kind of an event, and what each has of a
 * literal. -1: no memory. */
int programs_init(struct ruleset *rs, struct err *err);
void programs_release(struct ruleset *rs);

/* witness.c: the literal of a predicate. */
struct witness {
	struct slice text; /* folded; n 0: it has none */
	enum shape shape;
	float odds;      /* how often a value has it */
	bool whole;      /* it is all that the predicate asks */
	bool ascii_only; /* it need not be in values that are more than ASCII */
};
/* Also fills p->need. */
int witness_of(struct ruleset *rs, struct pred *p, struct witness *ret);
/* Calls take for each predicate of the least common witness of ex, once; rule: a number from 1 of
 * the rule, by which what was met is known again. false: it has none. */
bool witness_choose(const struct witness *witnesses, struct expr *ex, uint32_t rule,
		    void (*take)(void *arg, uint32_t pred), void *arg);

#endif

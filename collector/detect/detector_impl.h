/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/detector_impl.h: the detector, as its own files see it.
 *   detector.c   an event's way: its kind, what its values hold, the rules that may match
 *   field_values.c  the values of a field, as they are and folded
 *   predicate.c  is a predicate, an expression true of the event?
 * What is asked of an event is remembered until the next one; a generation number stands for
 * clearing. */
#ifndef VARTIO_DETECT_DETECTOR_IMPL_H
#define VARTIO_DETECT_DETECTOR_IMPL_H

#include "collector/detect/engine.h"
#include "collector/detect/nfa.h"
#include "collector/detect/program.h"

struct val {
	struct slice raw, folded; /* p NULL: not yet */
	const struct json_field *leaf;
	bool ascii;   /* once folded */
	uint8_t asks; /* how often something was looked for in it, up to SIGN_AFTER */
	const struct signature *signature; /* once that often */
};
#define SIGN_AFTER 4u /* searches: a signature costs about as much as these */
struct fvals {        /* the values of one field in this event */
	uint32_t generation;
	uint32_t first, n; /* in detector.vals */
};
struct known { /* the names of a field's paths that events have had, first path first */
	uint8_t n;
	uint8_t rank[FIELD_PATHS_MAX]; /* which path */
	uint32_t name[FIELD_PATHS_MAX];
};
#define KIND_KEY_MAX 208u
#define KINDS        1024u /* a power of two */
#define KIND_WAYS    4u    /* places of these where one may be */
struct kind {              /* the program for events whose kind fields have these values */
	const struct program *program;
	uint64_t hash;
	uint32_t n; /* 0: free */
	char key[KIND_KEY_MAX];
};

struct detector {
	struct ruleset *rs;
	struct json_index *event;
	uint32_t generation;
	uint32_t *asked; /* by predicate: twice the generation in which it was asked, and 1: it
			    holds */
	struct fvals *fields;
	struct val *vals;
	unsigned n_vals, cap_vals;
	struct arena mem; /* of this event */
	bool nomem;
	pcre2_match_data *match;
	pcre2_match_context *limits;
	pcre2_jit_stack *stack;
	struct nfa_scratch *scratch; /* for what PCRE2 gives up */
	uint64_t gave_up;            /* times that an expression reached a limit */
	const struct pred *untold;   /* the last of these, not told yet; NULL: none */
	bool *told;                  /* by predicate */
	/* The numbers of names that events have, and whose they are: json_names.h. */
	uint64_t epoch;
	uint32_t names_seen;
	struct known *known;
	uint32_t *kind_names; /* names of the fields that tell an event's kind */
	unsigned n_kind_names, cap_kind_names;
	struct kind *kinds;
	/* The program in force, and which of its literals the event holds. */
	uint64_t *hits;
	uint64_t *candidates;
	size_t cap_hits, cap_candidates; /* words */
};

/* field_values.c. Pointers into vals hold until the next call. */
int names_learn(struct detector *dt); /* the names that the event brought. -1: no memory */
const struct fvals *values_of(struct detector *dt, uint32_t field);
/* Whether the event has the field at all, be it null, empty or an object. */
bool field_is_there(const struct detector *dt, uint32_t field);
struct slice val_raw(struct detector *dt, struct val *v);
struct slice val_folded(struct detector *dt, struct val *v);
/* Whether the value, folded, may hold what has that signature. */
bool val_may_hold(struct detector *dt, struct val *v, const struct pairs *need);

/* predicate.c */
bool pred_holds(struct detector *dt, uint32_t pred);
bool expr_holds(struct detector *dt, const struct expr *ex);
bool steps_hold(struct detector *dt, const struct step *steps);

#endif

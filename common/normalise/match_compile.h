/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/match_compile.h: a pattern once it is compiled. Between match_compile.c, which
 * makes it, and match.c, which runs it. */
#ifndef VARTIO_NORMALISE_MATCH_COMPILE_H
#define VARTIO_NORMALISE_MATCH_COMPILE_H

#include "common/normalise/match.h"

#define MATCH_PLACES_MAX  16u /* %{} in a pattern */
#define MATCH_TARGETS_MAX 3u  /* fields of a place */
#define MATCH_WORDS_MAX   4u  /* category, type, constants of a rule */
#define MATCH_KEYS_MAX    16u /* of a kv */

enum how { HOW_STR, HOW_TRIM, HOW_FIRST, HOW_LOWER, HOW_WORD, HOW_INT, HOW_ADDR, HOW_MAC };

struct target {
	enum how how;
	enum ecs id;       /* ECS_DYNAMIC: by name; HOW_ADDR: ECS_SOURCE_IP or ECS_DESTINATION_IP */
	struct slice name; /* dotted */
};

struct place {
	struct target to[MATCH_TARGETS_MAX];
	unsigned n;   /* 0: not kept */
	enum how how; /* what may stand here */
	bool greedy, kv;
};

struct step { /* literal text, then a place unless it is the pattern's end */
	struct slice literal;
	struct place place;
	bool has_place;
};

struct kv_key {
	struct slice key; /* with its '=' */
	bool takes_rest;
	struct place place;
};

struct kv {
	struct slice separator;
	struct kv_key key[MATCH_KEYS_MAX];
	unsigned n;
};

struct meaning { /* a rule, ready to be applied; shared by the patterns that << >> make of one */
	struct slice action, outcome, module, dataset;
	struct slice category[MATCH_WORDS_MAX], type[MATCH_WORDS_MAX];
	unsigned n_category, n_type, n_set;
	struct target set_to[MATCH_WORDS_MAX];
	struct slice set_value[MATCH_WORDS_MAX];
	const struct kv *kv;
	void (*after)(struct event *ev);
};

#define MATCH_GRAMS_MAX 6u

struct pattern {
	struct step *step;
	unsigned n;
	const struct meaning *meaning;
	uint64_t head, head_mask; /* of its first text: at most 8 bytes, and where they are */
	/* The words that its texts behind the first place have, by their first two bytes; those
	 * first that fewest patterns of its table have. */
	uint8_t gram[MATCH_GRAMS_MAX];
	uint8_t n_grams;
};

/* Two bytes that begin a word, which stands behind a space: one of 256 kinds. */
static inline uint8_t match_gram(const char *p)
{
	uint16_t w;

	memcpy(&w, p, 2);
	return (uint8_t)((uint16_t)(w * 0x9e37u) >> 8);
}

/* One pattern without << >>. Everything lands in mem. */
int pattern_compile(struct slice text, struct arena *mem, struct pattern *ret, struct err *err);
int meaning_compile(const struct match_table *t, const struct match_rule *r, struct arena *mem,
		    struct meaning **ret, struct err *err);

#endif

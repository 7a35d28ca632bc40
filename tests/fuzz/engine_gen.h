/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/engine_gen.h: random rules and the events to go with them, from a seed. Both draw on
 * one small pool of texts that are prefixes, suffixes and parts of each other, so that matches are
 * common and rules share what they ask. All rules are valid Sigma, all events valid JSON. */
#ifndef VARTIO_FUZZ_ENGINE_GEN_H
#define VARTIO_FUZZ_ENGINE_GEN_H

#include "common/base/buf.h"

#define POOL_N     28
#define POOL_TEXT  160
#define REGEX_N    6
#define REGEX_TEXT 512

enum gen_kind { /* of a rule's value */
		GEN_TEXT,
		GEN_ENCODED,
		GEN_WINDASH,
		GEN_REGEX,
		GEN_CIDR,
		GEN_COMPARE,
		GEN_TIME,
		GEN_EXISTS,
		GEN_FIELDREF,
		GEN_KINDS
};
struct gen {
	uint64_t state;
	bool ascii;          /* this pool's texts */
	bool narrow;         /* two fields only, so that rules meet more often */
	enum gen_kind focus; /* of this seed; GEN_TEXT: none */
	char pool[POOL_N][POOL_TEXT];
	char regex[REGEX_N][REGEX_TEXT]; /* of earlier items, to come again with other flags */
	const char *rest;                /* of a text that was cut in two: the next value */
};

void gen_init(struct gen *g, uint64_t seed);
void gen_rule(struct gen *g, unsigned number, struct buf *yaml); /* appends one document */
void gen_event(struct gen *g, struct buf *json);

/* engine_gen.c's, for its parts. */
uint32_t gen_below(struct gen *g, uint32_t n); /* 0 .. n-1 */
bool gen_chance(struct gen *g, unsigned percent);
const char *gen_pool(struct gen *g);
const char *gen_encodable(struct gen *g); /* one of the few that meet encoded */
const char *gen_number(struct gen *g);
const char *gen_address(struct gen *g);
const char *gen_time(struct gen *g);
/* engine_gen_value.c's: values as a rule writes them, not yet as YAML but for the first. */
void gen_put_quoted(struct gen *g, struct buf *out, struct slice s);
void gen_put_text(struct gen *g, struct buf *out, const char *s, bool wild);
void gen_put_dashed(struct gen *g, struct buf *out);
void gen_put_encodable(struct gen *g, struct buf *out, bool ascii);
void gen_put_regex(struct gen *g, struct buf *out);
void gen_put_network(struct gen *g, struct buf *out);
#define GEN_PICK(g, list) ((list)[gen_below((g), sizeof(list) / sizeof((list)[0]))])

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/item_impl.h: one line of a search identifier, as the files that compile it see
 * it:
 * - item.c: its modifiers, its values, and what they come to together;
 * - item_string.c: texts: wildcards, dashes, encodings;
 * - item_value.c: regular expressions, networks, numbers, times, other fields, null, placeholders.
 *
 * Standard: Sigma specification 2.1.0, appendix on modifiers; where it is silent, pySigma. */
#ifndef VARTIO_DETECT_ITEM_IMPL_H
#define VARTIO_DETECT_ITEM_IMPL_H

#include "collector/detect/engine.h"

enum mod {
	M_CONTAINS = 1 << 0,
	M_STARTSWITH = 1 << 1,
	M_ENDSWITH = 1 << 2,
	M_ALL = 1 << 3,
	M_EXISTS = 1 << 4,
	M_CASED = 1 << 5,
	M_NEQ = 1 << 6,
	M_WINDASH = 1 << 7,
	M_RE = 1 << 8,
	M_RE_I = 1 << 9,
	M_RE_M = 1 << 10,
	M_RE_S = 1 << 11,
	M_BASE64 = 1 << 12,
	M_BASE64OFFSET = 1 << 13,
	M_UTF16LE = 1 << 14,
	M_UTF16BE = 1 << 15,
	M_UTF16 = 1 << 16,
	M_COMPARE = 1 << 17,
	M_CIDR = 1 << 18,
	M_EXPAND = 1 << 19,
	M_FIELDREF = 1 << 20,
	M_TIME = 1 << 21,
};
#define M_SHAPE  (M_CONTAINS | M_STARTSWITH | M_ENDSWITH)
#define M_LOGIC  (M_ALL | M_NEQ)
#define M_UTF    (M_UTF16LE | M_UTF16BE | M_UTF16)
#define M_ENCODE (M_BASE64 | M_BASE64OFFSET | M_UTF | M_WINDASH)
#define M_STRING (M_LOGIC | M_CASED | M_EXPAND | M_ENCODE)

struct mod_row { /* one modifier */
	const char *name;
	unsigned bit, with; /* what else may stand beside it */
	unsigned value;     /* M_COMPARE: enum compare; M_TIME: enum time_part */
};

#define CHAIN_MAX 8
#define TEXT_MAX  8192u /* of a value; the longest public one has 542 */

struct item {
	struct ruleset *rs;
	struct err *err;
	const struct ynode *at; /* the value being compiled */
	const struct ynode *aliases;
	unsigned mods;
	const struct mod_row *chain[CHAIN_MAX]; /* M_ENCODE, in the order written */
	unsigned n_chain;
	enum compare op;
	enum time_part part;
	uint32_t field;
};

int item_refuse(const struct item *it, const struct ynode *at, const char *fmt, ...) PRINTF(3, 4);
/* A text whose wildcards are marked; one as a rule writes it. */
int string_value(const struct item *it, struct slice prepared, struct expr **ret);
int text_value(const struct item *it, struct expr **ret);
/* Whether byte i belongs to a character of a word, as windash sees it. */
bool item_is_word(struct slice s, size_t i);
/* it->at as what it->mods say. */
int regex_value(const struct item *it, struct expr **ret);
int cidr_value(const struct item *it, struct expr **ret);
int compare_value(const struct item *it, struct expr **ret);
int fieldref_value(const struct item *it, struct expr **ret);
int expand_value(struct item *it, struct expr **ret);
int null_pred(const struct item *it, bool present, struct expr **ret);
int exists_value(const struct item *it, bool yes, struct expr **ret);

#endif

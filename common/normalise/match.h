/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/match.h: message parsers as data: tables of patterns with what they mean, and
 * the matcher that tables are compiled into.
 *
 * A pattern is literal text with %{...} where something varies:
 *   %{user.name}          any text up to where the next literal first fits (may be empty)
 *   %{>user.name}         up to where it last fits: the text before it may be hostile
 *   %{source:addr}        no spaces; fills source.address and source.ip, or source.domain
 *   %{source.port:int}    decimal digits, written as a number; too large or none: no match
 *   %{group.id:word}      no spaces
 *   %{a,b:first}          several fields get it; after the colon: how (see below)
 *   %{_}                  matched, not kept
 *   %{kv}                 the rest, as the rule's kv says; it must begin with one of kv's keys
 *   << ... >>             tried with, then without
 * How a value is taken: `str` as it is, `trim` without spaces around, `first` its first word,
 * `lower` in small letters, `word`, `int`, `addr`, `mac` (netfilter's MAC=). The first field of a
 * place decides what bytes may stand there. Fields that ECS's list does not have are dynamic.
 *
 * A table is tried for the programs that it names; among its patterns the first that fits wins.
 * Matching allocates in the event's arena only and takes a bounded number of steps. */
#ifndef VARTIO_NORMALISE_MATCH_H
#define VARTIO_NORMALISE_MATCH_H

#include "common/base/err.h"
#include "common/event/event.h"

struct match_rule { /* a table of them ends with a NULL pattern; any other member may be NULL */
	const char *pattern;
	const char *action;   /* event.action */
	const char *outcome;  /* "success", "failure" */
	const char *category; /* event.category: ECS values, separated by spaces */
	const char *type;     /* event.type: the same */
	const char *set;      /* constants: "field=value|field=value" */
	const char *kv; /* "SEPARATOR|KEY=place|KEY=place"; place as inside %{}; a * before KEY:
			 * its value takes all the rest */
	void (*after)(struct event *ev); /* what the pattern cannot say */
};

struct match_table {
	const char *name;     /* for messages about the table */
	const char *programs; /* by process.name, separated by spaces; "x*": begins with x; "*":
			       * any, asked after the program's own tables */
	const char *module, *dataset;
	const struct match_rule *rules;
};

struct matcher;
/* Compiles tables (a NULL-terminated list; borrowed for good). ERR_SYNTAX names table and pattern;
 * ERR_NOMEM. */
int matcher_new(const struct match_table *const *tables, struct matcher **ret, struct err *err);
void matcher_free(struct matcher *m);
/* Sets what the first fitting pattern says. false: none fits; ev is untouched. The slices of ev
 * point into message. */
bool matcher_apply(const struct matcher *m, struct slice program, struct slice message,
		   struct event *ev);

#endif

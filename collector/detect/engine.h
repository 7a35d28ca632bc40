/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/engine.h: a compiled rule set, as detect's own files see it.
 * Fields, predicates and classes of all rules are interned: what two rules ask of an event is asked
 * once. A class is a log source (product, category, service); its expression says which events it
 * has, and only the rules of classes that hold an event are evaluated. Expressions are trees whose
 * leaves are predicates; a log source is an expression like any other. */
#ifndef VARTIO_DETECT_ENGINE_H
#define VARTIO_DETECT_ENGINE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>

#include "collector/detect/bits.h"
#include "collector/detect/detect.h"
#include "collector/detect/intern.h"
#include "collector/detect/pattern.h"
#include "collector/detect/signature.h"
#include "collector/detect/yamltree.h"

#define FIELD_ANY       0u /* the field of keywords: every value of the event */
#define FIELD_PATHS_MAX 12u

struct path {
	struct slice name;
	uint64_t hash;
};
struct sfield { /* what a rule calls a field: the first of the paths that has a value is it */
	struct path *paths;
	unsigned n_paths;
	bool tells_kind; /* predicates on it tell what kind of event it is: program.h */
};
struct path_use { /* "this path is the rank-th of that field" */
	struct path_use *next;
	uint32_t field, rank;
};

enum pred_kind {
	PRED_STRING,
	PRED_NULL,
	PRED_REGEX,
	PRED_CIDR,
	PRED_COMPARE,
	PRED_FIELD,
	PRED_KINDS
};
enum time_part { PART_NONE, PART_MINUTE, PART_HOUR, PART_DAY, PART_WEEK, PART_MONTH, PART_YEAR };
struct pred { /* true when any value of the field fits */
	enum pred_kind kind;
	uint32_t field;
	bool cased;               /* STRING, FIELD, REGEX */
	bool present;             /* NULL: the field is there, be it null or empty: `exists` */
	struct pattern pattern;   /* STRING */
	const struct pairs *need; /* STRING that contains, REGEX: of what every value that fits
				   * has, folded; NULL: nothing. A REGEX's: if it is ASCII */
	pcre2_code *regex;        /* REGEX */
	const struct nfa *nfa;    /* REGEX: for when PCRE2 gives up; NULL: it must do */
	struct slice source;      /* REGEX: as the rule writes it, */
	struct slice line; /* and as a pattern for one line, where it is one: regex_literal.h */
	bool dot_all;      /* REGEX: `.` crosses lines */
	uint8_t net[16];   /* CIDR */
	unsigned net_bytes, bits; /* 4 or 16; prefix length */
	enum compare op;          /* COMPARE */
	enum time_part part;      /* COMPARE: of the value as a time */
	double number;
	uint32_t other;   /* FIELD: the field it is compared with */
	enum shape shape; /* FIELD: exact, prefix, suffix, contains */
	bool tells_kind;  /* true or false of all events of a kind */
};

/* Of a predicate what most questions need, in one line of the cache and no pointer to follow:
 * thousands of them are asked now and then, and are in no cache. */
struct ask {
	_Alignas(64) uint8_t kind, shape; /* of enum pred_kind; pattern's */
	bool cased;
	uint32_t field;
	uint32_t n;        /* of the pattern's literal, */
	const char *text;  /* which is `own` where that has room for it */
	struct pairs need; /* n 0: nothing */
	char own[24];
};

enum expr_op {
	EX_PRED,
	EX_AND,
	EX_OR,
	EX_NOT,
	EX_COUNT,
	EX_NEVER,
	EX_HIT /* in a program: its literal of the number `pred` is in the event */
};
struct expr {
	enum expr_op op;
	uint32_t pred; /* EX_PRED, EX_HIT */
	unsigned cost; /* rough; children stand in its order */
	unsigned need; /* EX_COUNT: how many children must be true */
	unsigned n;
	struct expr **kid;
	/* Of programs being built, one at a time (program_build.c): */
	struct expr *reduced; /* of a rule's expression: what is left of it, in program `build` */
	uint32_t build;
	uint32_t parent, rule; /* of what is left: marks of having been met */
	float odds;            /* and of its witness; 0: not known yet */
};

struct class
{
	const struct expr *when;
	const struct rule **rules;
	const struct ynode *aliases; /* the names that fields have in this log source only */
	unsigned n, cap;
};

struct compiled { /* rule->compiled */
	struct expr *expr;
	uint32_t class;
	struct example *examples;
	size_t n_examples;
	const char **refs; /* correlation: ids and names as written */
	size_t n_refs;
	unsigned line, col; /* of their list */
	unsigned level;     /* how many correlations stand on each other here; 0: not known yet */
};

struct budget { /* what one file has taken; hostile rules are short and mean much */
	unsigned exprs;
	size_t bytes;
};
#define EXPRS_MAX 500000u     /* expressions and their children */
#define BYTES_MAX (16u << 20) /* patterns of texts, compiled regular expressions */

struct ruleset {
	atomic_uint refs;
	struct arena mem;
	struct rule **rules;
	unsigned n, cap;
	struct intern names;   /* ids and names of rules */
	struct rule **by_name; /* by the number that names gives */
	unsigned by_name_cap;
	struct intern field_keys, pred_keys, class_keys, path_keys;
	struct path_use **path_uses; /* by the number that path_keys gives */
	unsigned path_uses_cap;
	struct witness *witnesses; /* by predicate */
	struct programs *programs;
	struct sfield *fields;
	unsigned fields_cap;
	struct pred *preds;
	unsigned preds_cap;
	struct ask *asks; /* by predicate */
	struct class *classes;
	unsigned classes_cap;
	struct logsources *sources;
	struct ynode *fieldmap;
	pcre2_compile_context *regex_ctx;
	struct budget budget; /* while loading: of the file at hand */
	struct err notice; /* while loading: what the author of the rule at hand may have meant */
	struct values *values; /* while loading; NULL: the site has none */
	const char *link;      /* while loading: rules_source.link, never NULL */
	struct arena maps;     /* the trees of both data files */
};

/* A growing array: room for one more of items[n], doubling *cap. -1: no memory. */
int array_room(void *items_ptr, unsigned n, unsigned *cap, size_t size);
/* Takes from what a file may make. -1: it makes too much; err without a place. */
int budget_take(struct ruleset *rs, size_t exprs, size_t bytes, struct err *err);
const char *keep(struct ruleset *rs,
		 struct slice s); /* a copy that lives as long; NULL: no memory */

/* fields.c: the number of a field as a rule names it. aliases: a map of the log source's own names,
 * or NULL. */
int field_intern(struct ruleset *rs, struct slice name, const struct ynode *aliases, uint32_t *ret,
		 struct err *err);
/* The first leaf of the field that holds a value (not null, not an empty object or array). */
const struct json_field *sfield_find(const struct sfield *f, const struct json_index *event);

/* detection.c: one search identifier, or a map of data/logsources.yml, as an expression. */
int detection_compile(struct ruleset *rs, const struct ynode *n, const struct ynode *aliases,
		      struct expr **ret, struct err *err);
/* A map of search identifiers with their condition: a detection, or a filter, whose key `besides`
 * is neither (NULL: a detection). Where a tenant has no list for a placeholder in it, a detection
 * is false and a filter true: neither applies there. */
int search_compile(struct ruleset *rs, const struct ynode *det, const char *besides,
		   const struct ynode *aliases, struct expr **ret, struct err *err);
struct expr *expr_new(struct ruleset *rs, enum expr_op op, unsigned n, struct err *err);
void expr_settle(struct expr *ex); /* sums the cost and sorts the children */
/* item.c: one "field|modifiers: value". */
int item_compile(struct ruleset *rs, const struct ynode *n, struct slice name,
		 const struct ynode *aliases, struct expr **ret, struct err *err);
/* expand.c: a value with placeholders. What stands for it is put together by put_text (the rule's
 * own part) and put_value (from a list), and compiled by make. */
struct expand_kind {
	void (*put_text)(struct slice text, struct buf *out);
	void (*put_value)(struct slice value, struct buf *out);
	int (*make)(void *arg, struct slice made, struct expr **ret);
};
int expand_compile(struct ruleset *rs, const struct ynode *at, const struct expand_kind *kind,
		   void *arg, struct expr **ret, struct err *err);
/* Around the compilation of a whole condition: where a tenant has no list for a placeholder of it,
 * it is false, or (lacking) true. */
void expand_begin(struct ruleset *rs);
int expand_gate(struct ruleset *rs, bool lacking, struct expr **whole, struct err *err);
int pred_intern(struct ruleset *rs, const struct pred *p, struct slice key, struct expr **ret,
		struct err *err);

/* condition.c: "1 of selection_* and not filter" over the search identifiers. */
struct named {
	struct slice name;
	struct expr *expr;
};
int condition_compile(struct ruleset *rs, const struct ynode *n, const struct named *ids,
		      size_t n_ids, struct expr **ret, struct err *err);

/* logsource.c: the class of a rule's logsource map. *ret_known: false when no entry maps it. */
int class_intern(struct ruleset *rs, const struct ynode *logsource, uint32_t *ret, bool *ret_known,
		 const struct ynode **ret_aliases, struct err *err);
int maps_load(struct ruleset *rs, struct err *err);
void sources_release(struct ruleset *rs);

/* Whether a rule's class is within a log source that a filter names: each that it names is the
 * rule's. */
bool class_is_within(const struct ruleset *rs, uint32_t class, const struct ynode *logsource);
/* filter.c: documents that add a condition to rules of other documents. */
struct filters { /* zeroed: none; between loading the files and filters_apply */
	struct arena mem;
	struct filter *v;
	unsigned n, cap;
};
int filter_parse(struct ruleset *rs, struct filters *fs, const char *path, const struct ynode *doc,
		 struct err *err);
/* Adds them to the rules that they name. fault: one that can't be; warning: one that does less than
 * it seems to. */
int filters_apply(struct ruleset *rs, struct filters *fs,
		  void (*fault)(void *arg, const char *path, const struct err *err),
		  void (*warning)(void *arg, const char *path, const struct err *err), void *arg,
		  struct err *err);
void filters_release(struct filters *fs);

/* rule.c and correlation.c: one document as a rule, not yet in the set. */
int rule_parse(struct ruleset *rs, const char *path, const struct ynode *doc, struct rule **ret,
	       bool *ret_known, struct err *err);
/* Only title, id and name. */
int rule_identity(struct ruleset *rs, const struct ynode *doc, struct rule *r, struct err *err);
bool id_is_uuid(struct slice s);
bool id_is_same(const char *a, const char *b); /* of UUIDs, whatever their case */
int correlation_parse(struct ruleset *rs, struct rule *rule, const struct ynode *doc,
		      struct err *err);
/* Resolves references, leaves out what can't be (told by fault), and numbers the rest. */
int correlations_resolve(struct ruleset *rs,
			 void (*fault)(void *arg, const struct rule *r, const struct err *err),
			 void *arg, struct err *err);
void ruleset_forget(struct ruleset *rs, const struct rule *r); /* its names are nobody's again */
int examples_parse(struct ruleset *rs, const struct ynode *n, struct rule *rule, struct err *err);
int text_list(struct ruleset *rs, const struct ynode *n, const char *what, const char ***ret,
	      size_t *ret_n, struct err *err);

#endif

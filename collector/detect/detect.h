/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/detect.h: Sigma rules, loaded, compiled and matched. Detect is a pure function
 * of (event, rule set): no state between events, so it scales by threads and machines. Threads: a
 * ruleset is immutable once loaded and shared by counted references; a detector (scratch memory)
 * belongs to one thread. Standard: Sigma specification 2.1.0; our extension is the top-level key
 * `vartio:`. */
#ifndef VARTIO_DETECT_DETECT_H
#define VARTIO_DETECT_DETECT_H

#include "common/base/i18n.h"
#include "common/event/json.h"

enum sigma_level { LEVEL_INFORMATIONAL, LEVEL_LOW, LEVEL_MEDIUM, LEVEL_HIGH, LEVEL_CRITICAL };
enum rule_kind { RULE_DETECTION, RULE_CORRELATION };

struct rule_texts { /* plain language for the contact; NULL where the rule has none */
	const char *title, *what, *why, *action /* YAML key: do */, *call;
};

enum correlation_type {
	CORR_EVENT_COUNT,
	CORR_VALUE_COUNT,
	CORR_VALUE_SUM,
	CORR_VALUE_AVG,
	CORR_VALUE_PERCENTILE,
	CORR_VALUE_MEDIAN,
	CORR_TEMPORAL, /* from here on: which rules, not how many events */
	CORR_TEMPORAL_ORDERED
};
enum compare { CMP_GT, CMP_GTE, CMP_LT, CMP_LTE, CMP_EQ, CMP_NEQ };

#define CORR_NEST_MAX  8u  /* correlations of correlations of ... */
#define CORR_TESTS_MAX 6u  /* comparisons of one condition: each operator once */
#define CORR_TERMS_MAX 64u /* of an extended condition, written as "this or that or ..." */
#define CORR_RULES_MAX 64u /* of a correlation whose terms are masks of rules */
#define CORR_CHAIN_MAX 16u /* rules of a temporal_ordered that wants only some of them */

struct rule;
struct correlation_alias { /* in `rule`, the field `alias` of group_by is called `field` */
	const char *alias, *rule_ref, *field;
	const struct rule *rule;
	unsigned line, col;
};
struct correlation_test {
	enum compare op;
	double value; /* event_count, value_count, temporal*: a whole number from 0 */
};
struct correlation_term {       /* true when every rule of with occurs, and none of without */
	uint64_t with, without; /* bit N: rules[N] */
};
struct correlation { /* Sigma correlation rules, resolved */
	enum correlation_type type;
	const struct rule **rules; /* what it counts; detection or correlation rules */
	size_t n_rules;
	const char **group_by; /* field names; aliases resolved by correlation_field */
	size_t n_group_by;
	int64_t timespan_ns;
	struct correlation_test test[CORR_TESTS_MAX]; /* all must be true */
	unsigned n_tests;
	struct correlation_term *terms; /* of temporal*, instead of tests: one must be true */
	unsigned n_terms;
	const char **fields; /* value_*: whose values; several: value_count of their tuples */
	size_t n_fields;
	double percentile; /* value_percentile: 0 to 100; CORR_SHARE: what is compared is how
			    * many percent of the window's values the event's own are */
	bool generate;     /* the rules it refers to alert by themselves too */
	struct correlation_alias *aliases;
	size_t n_aliases;
};
#define CORR_SHARE (-1.0)

struct rule { /* all pointers live in the ruleset */
	enum rule_kind kind;
	unsigned number;  /* dense, from 0, within its ruleset */
	const char *id;   /* the UUID; else derived from the title; unique */
	const char *name; /* the slug; NULL: none */
	const char *title, *author, *link, *path;
	unsigned line; /* where the document begins */
	enum sigma_level level;
	const char **tags; /* "attack.t1110", ... */
	size_t n_tags;
	const char **fields; /* Sigma's `fields`: shown with a match */
	size_t n_fields;
	const char **entity; /* vartio.entity: whose alert it is; default host.name */
	size_t n_entity;
	bool to_contact; /* vartio.audience: contact */
	bool alerts;     /* raises alerts itself: a correlation, or a detection rule that no
			  * correlation refers to without `generate` */
	struct rule_texts texts[LANGS];
	struct correlation *correlation; /* RULE_CORRELATION only */
	void *compiled;                  /* detect's own */
};

struct example { /* vartio.examples: what must, and must not, fire the rule */
	bool match;
	unsigned line;      /* in the rule's file */
	struct slice *text; /* one event as JSON, or raw log lines; each ends in NUL */
	size_t n;
	bool raw;
	uint32_t repeat;  /* all lines again, so many times in all */
	int64_t every_ns; /* how much later each time */
};
const struct example *rule_examples(const struct rule *rule, size_t *ret_n);

struct ruleset;
struct rules_report {                       /* what a load said; `rules check` prints it */
	size_t documents, loaded, rejected; /* documents = loaded + rejected */
	size_t filters; /* of the loaded: what is no rule itself, but a condition of others */
	/* Called for each document or file that does not load; err has line and col. Of a file
	 * whose rest is not read it says so once, and how many documents that leaves out. */
	void (*fault)(void *arg, const char *path, const struct err *err);
	/* A rule that loads, and means something else than it seems to: it applies to no event,
	 * since nothing maps its log source; to every event; ... */
	void (*warning)(void *arg, const char *path, const struct err *err);
	/* What stands in a folder and is no file of rules, and why. */
	void (*passed)(void *arg, const char *path, const char *why);
	void *arg;
};
struct rules_source {
	const char *const *paths; /* files and folders */
	size_t n;
	const char *values; /* the file of the site's placeholders; NULL: none */
	const char *link;   /* where a reader finds a public rule; NULL: RULES_LINK, "": nowhere */
};
#define RULES_LINK "https://github.com/SigmaHQ/sigma/search?q=%{id}"
/* Loads files and folders (*.yml, *.yaml, recursively; logsources.yml and fieldmap.yml are maps,
 * not rules, and passed by), compiles them. A file holds at most 1 MiB. A rule that cannot be
 * honoured is reported and left out; the rest loads. -1 only when nothing could be done at all
 * (ERR_ABSENT a path, ERR_NOMEM, whatever is wrong with the values). *ret holds one reference. */
int ruleset_load_from(const struct rules_source *src, struct rules_report *rep,
		      struct ruleset **ret, struct err *err);
/* The same for a site without values. */
int ruleset_load(const char *const *paths, size_t n, struct rules_report *rep, struct ruleset **ret,
		 struct err *err);
struct ruleset *ruleset_ref(struct ruleset *rs);
void ruleset_unref(struct ruleset *rs); /* NULL is fine */
size_t ruleset_count(const struct ruleset *rs);
const struct rule *ruleset_rule(const struct ruleset *rs, size_t number);
const struct rule *ruleset_find(const struct ruleset *rs, const char *id_or_name);
/* What a group-by name of the correlation is called in events of that rule. */
const char *correlation_field(const struct correlation *co, const struct rule *rule,
			      const char *name);
/* The event's field that a rule calls so (ECS path, Windows or Sigma name: rules/fieldmap.yml), as
 * the rules themselves find it; NULL: it has no value. */
const struct json_field *ruleset_field(const struct ruleset *rs, const struct json_index *event,
				       const char *name);

/* Where it looks, in this order, for who asks very many events: the first of these paths that has a
 * value is the field. Slices live as long as the rules; of a name that no rule uses, as long as the
 * name. Returns how many, at most FIELD_LOOK_MAX. */
#define FIELD_LOOK_MAX 12u
struct field_look {
	struct slice path;
	uint64_t hash; /* hash64(path, 0) */
};
size_t ruleset_field_looks(const struct ruleset *rs, const char *name,
			   struct field_look ret[FIELD_LOOK_MAX]);

struct detector;
struct detector *detector_new(struct ruleset *rs); /* takes a reference; NULL: out of memory */
/* Calls match for every detection rule that the event matches. An error only for memory. */
int detector_run(struct detector *dt, struct json_index *event,
		 void (*match)(void *arg, const struct rule *rule), void *arg, struct err *err);
/* Regular expressions that were taken for not matching, since they wanted more steps on a value
 * than they get: how often, all together; and one that was not told yet (true), texts of the rule
 * set. */
uint64_t detector_gave_up(const struct detector *dt);
bool detector_gave_up_on(struct detector *dt, struct slice *ret_field, struct slice *ret_regex);
void detector_free(struct detector *dt);

#endif

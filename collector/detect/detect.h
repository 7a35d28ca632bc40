/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/detect.h: Sigma rules, loaded, compiled and matched. Detect is a pure function of
 * (event, rule set): no state between events, so it scales by threads and machines.
 * Threads: a ruleset is immutable once loaded and shared by counted references; a detector (scratch
 *          memory) belongs to one thread.
 * Standard: Sigma specification 2.1.0; our extension is the top-level key `vartio:`. */
#ifndef VARTIO_DETECT_DETECT_H
#define VARTIO_DETECT_DETECT_H

#include "common/base/i18n.h"
#include "common/event/json.h"

enum sigma_level { LEVEL_INFORMATIONAL, LEVEL_LOW, LEVEL_MEDIUM, LEVEL_HIGH, LEVEL_CRITICAL };
enum rule_kind { RULE_DETECTION, RULE_CORRELATION };

struct rule_texts { /* plain language for the contact; NULL where the rule has none */
	const char *title, *what, *why, *action /* YAML key: do */, *call;
};

enum correlation_type { CORR_EVENT_COUNT, CORR_VALUE_COUNT, CORR_TEMPORAL, CORR_TEMPORAL_ORDERED };
enum compare { CMP_GT, CMP_GTE, CMP_LT, CMP_LTE, CMP_EQ, CMP_NEQ };

struct rule;
struct correlation { /* Sigma correlation rules, resolved */
	enum correlation_type type;
	const struct rule **rules; /* what it counts; detection or correlation rules */
	size_t n_rules;
	const char **group_by;     /* field names; aliases resolved by correlation_field */
	size_t n_group_by;
	int64_t timespan_ns;
	enum compare op;
	int64_t value;             /* the threshold */
	const char *field;         /* value_count: the field whose values are counted */
	bool generate;             /* the rules it refers to alert by themselves too */
};

struct rule { /* all pointers live in the ruleset */
	enum rule_kind kind;
	unsigned number;           /* dense, from 0, within its ruleset */
	const char *id;            /* the UUID; else derived from the title; unique */
	const char *name;          /* the slug; NULL: none */
	const char *title, *author, *link, *path;
	unsigned line;             /* where the document begins */
	enum sigma_level level;
	const char **tags;         /* "attack.t1110", ... */
	size_t n_tags;
	const char **fields;       /* Sigma's `fields`: shown with a match */
	size_t n_fields;
	const char **entity;       /* vartio.entity: whose alert it is; default host.name */
	size_t n_entity;
	bool to_contact;           /* vartio.audience: contact */
	bool alerts;               /* raises alerts itself: a correlation, or a detection rule that no
				    * correlation refers to without `generate` */
	struct rule_texts texts[LANGS];
	struct correlation *correlation; /* RULE_CORRELATION only */
	void *compiled;            /* detect's own */
};

struct ruleset;
struct rules_report { /* what a load said; `rules check` prints it */
	size_t documents, loaded, rejected;
	/* Called for each document or file that does not load; err has line and col. */
	void (*fault)(void *arg, const char *path, const struct err *err);
	void *arg;
};
/* Loads files and folders (*.yml, *.yaml, recursively), compiles them. A rule that cannot be
 * honoured is reported and left out; the rest loads. -1 only when nothing could be done at all
 * (ERR_ABSENT a path, ERR_NOMEM). *ret holds one reference. */
int ruleset_load(const char *const *paths, size_t n, struct rules_report *rep, struct ruleset **ret,
		 struct err *err);
struct ruleset *ruleset_ref(struct ruleset *rs);
void ruleset_unref(struct ruleset *rs); /* NULL is fine */
size_t ruleset_count(const struct ruleset *rs);
const struct rule *ruleset_rule(const struct ruleset *rs, size_t number);
const struct rule *ruleset_find(const struct ruleset *rs, const char *id_or_name);

struct detector;
struct detector *detector_new(struct ruleset *rs); /* takes a reference; NULL: out of memory */
/* Calls match for every detection rule that the event matches. An error only for memory. */
int detector_run(struct detector *dt, struct json_index *event,
		 void (*match)(void *arg, const struct rule *rule), void *arg, struct err *err);
void detector_free(struct detector *dt);

#endif

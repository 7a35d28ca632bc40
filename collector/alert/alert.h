/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/alert.h: alerts from findings, kept in SQLite, every step a row in the
 * append-only hash-chained alert log. One attack is one alert: group = tenant, rule, entity; a
 * session opens with the first signal and closes after an hour of quiet (alert.session).
 * Threads: a store handle belongs to one thread; several handles on one database are fine (WAL,
 *          one writer at a time; log rows are appended inside BEGIN IMMEDIATE, so the chain
 *          never forks).
 * Schema:  docs/formats.md, "alert store". */
#ifndef VARTIO_ALERT_ALERT_H
#define VARTIO_ALERT_ALERT_H

#include <jansson.h>
#include <sqlite3.h>

#include "collector/correlate/correlate.h"
#include "collector/tenant/db.h"

enum alert_state { ALERT_NEW, ALERT_NOTIFIED, ALERT_ACKNOWLEDGED, ALERT_WORKING, ALERT_CLOSED };
enum verdict {
	VERDICT_NONE,
	VERDICT_ATTACK,
	VERDICT_STOPPED,
	VERDICT_FALSE_ALARM,
	VERDICT_ALLOWED,
	VERDICT_EXERCISE
};
extern const char *const alert_state_names[]; /* "new", "notified", ...; NULL-terminated */
extern const char *const verdict_names[];     /* "", "attack", "stopped", "false-alarm", ... */

struct alert_value { /* a field's values over the alert's events, most frequent first */
	const char *value;
	uint64_t count;
};
#define ALERT_VALUES_MAX 20u /* kept a field; more are counted in n_more */
struct alert_values {
	const char *field; /* "source.ip" */
	struct alert_value v[ALERT_VALUES_MAX];
	size_t n;
	uint64_t n_more; /* further values; past ALERT_DISTINCT_MAX their events */
};
#define ALERT_DISTINCT_MAX 1000u /* distinct values counted one by one, a field and alert */
#define ALERT_SAMPLE_MAX   65536u
struct alert {         /* everything lives in the arena given to alert_get */
	char id[33];   /* 32 hex: first 16 bytes of SHA-256(tenant, rule, group, first event.id) */
	char code[12]; /* what people say on the phone: "VA-7K3M9Q2H" (40 bits, Crockford base32) */
	const char *tenant, *rule_id, *rule_name, *title, *author, *link, *entity, *group_key;
	const char **tags;
	size_t n_tags;
	enum sigma_level level;
	bool to_contact;
	enum alert_state state;
	enum verdict verdict;
	uint64_t events;           /* how many events it stands for */
	int64_t first_ns, last_ns; /* event time */
	int64_t created_ns, updated_ns;
	const char *acknowledged_by, *closed_by; /* "" when nobody did */
	int64_t acknowledged_ns, closed_ns;
	const struct alert_values *values; /* source.ip, user.name, host.name, the rule's */
	size_t n_values;
	const char *sample; /* JSON of the event that raised it; "" when longer than
			     * ALERT_SAMPLE_MAX bytes */
	struct rule_texts texts[LANGS];
};

extern const struct db_module alert_db_module; /* the tables, for db_open */

struct alert_stats { /* of one handle's alert_apply; any thread may read */
	metric raised, extended, events;
	metric passed_over; /* findings that only extend, with no open alert to extend */
	metric open;        /* alerts not closed, as of the last commit */
};
struct alert_store;
int alert_store_open(const char *db_path, struct alert_store **ret, struct err *err);
void alert_store_close(struct alert_store *as);
sqlite3 *alert_store_db(struct alert_store *as);
const struct alert_stats *alert_stats(const struct alert_store *as);
void alert_metrics(const struct alert_stats *st, struct buf *out);

/* The alert thread's batch: findings and the signals position go into one transaction. */
int alert_begin(struct alert_store *as, struct err *err);
/* Raises or extends. *ret_id gets the alert's id (33 bytes); it is "" when the finding changed
 * nothing (one that only extends and found no open alert). *ret_new tells
 * whether a session was opened by this finding.
 * A session is the group's until it was quiet, in event time, for longer than session_ns (or than
 * the correlation's timespan, if that is longer), or a person closed the alert. Late events go to
 * the session that covers their time, a closed one too. */
int alert_apply(struct alert_store *as, const struct finding *f, int64_t now_ns, int64_t session_ns,
		bool *ret_new, char ret_id[33], struct err *err);
/* What alert_apply adds to alerts is written by alert_commit, or by this: before the rows are read
 * in the same transaction. */
int alert_settle(struct alert_store *as, struct err *err);
int alert_position_set(struct alert_store *as, const char *reader, struct seg_pos pos,
		       struct err *err);
int alert_position_get(struct alert_store *as, const char *reader, struct seg_pos *ret,
		       struct err *err);
/* Writes one "extended" row an extended alert, and commits. On failure nothing of it stays. */
int alert_commit(struct alert_store *as, struct err *err);
void alert_rollback(struct alert_store *as);

int alert_get(struct alert_store *as, const char *id_or_code, struct arena *mem, struct alert *ret,
	      struct err *err); /* ERR_ABSENT; a unique prefix of the id or the code, any case */
/* tenant NULL: all. Newest first; stops when each returns non-zero. The alert lent to each lives
 * during that call. */
int alert_list(struct alert_store *as, const char *tenant, bool closed_too,
	       int (*each)(void *arg, const struct alert *al), void *arg, struct err *err);
/* These join the caller's transaction, or make one of their own. id: the whole id.
 * acknowledged, closed: ERR_EXISTS when it was so already (message says by whom and when). */
int alert_acknowledge(struct alert_store *as, const char *id, const char *by, const char *via,
		      int64_t now_ns, struct err *err);
int alert_close(struct alert_store *as, const char *id, const char *by, enum verdict v,
		const char *via, int64_t now_ns, struct err *err);
int alert_set_notified(struct alert_store *as, const char *id, int64_t now_ns, struct err *err);
/* One row of the alert log: kind "raised", "extended", "queued", "sent", "failed", "acknowledged",
 * "closed", "notified". detail is consumed (json_decref). The row's hash is SHA-256 over the
 * previous row's hash and this row's canonical JSON. */
int alert_log(struct alert_store *as, const char *alert_id, const char *tenant, const char *kind,
	      json_t *detail, int64_t now_ns, struct err *err);
int alert_log_each(struct alert_store *as, const char *alert_id,
		   int (*each)(void *arg, int64_t seq, int64_t at_ns, const char *kind,
			       const char *detail),
		   void *arg, struct err *err);
/* Walks the whole chain to the head kept beside it. 0 good; -1 ERR_SYNTAX names the first bad row.
 * Changed, removed (the last ones too), added and reordered rows are all found. */
int alert_log_verify(struct alert_store *as, uint64_t *ret_rows, struct err *err);
json_t *alert_to_json(const struct alert *al); /* a new reference; NULL: no memory */

#endif

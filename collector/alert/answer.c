/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/answer.c: what people and the notifier do to an alert.
 *   new -> notified -> acknowledged -> working -> closed; any of them may be left out, none undone.
 */
#include "collector/alert/store.h"

#include <stdio.h>

#include "common/base/time.h"

struct answered { /* an alert's state, copied out */
	enum alert_state state;
	char code[12];
	char tenant[TENANT_MAX + 1];
	char by[2][128]; /* acknowledged, closed */
	char at[2][TIME_TEXT_MAX];
};

static enum alert_state state_of(const char *name)
{
	for (int i = 0; alert_state_names[i] != NULL; i++)
		if (strcmp(alert_state_names[i], name) == 0)
			return (enum alert_state)i;
	return ALERT_NEW;
}

static int answered_read(struct alert_store *as, const char *id, struct answered *ret,
			 struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(as->db, &st, err,
			 "SELECT state, code, tenant, acknowledged_by, closed_by, acknowledged_ns,"
			 " closed_ns FROM alert WHERE id = ?",
			 "t", id);

	if (r == 0)
		r = db_next(as->db, st, err);
	if (r == 0)
		r = err_set(err, ERR_ABSENT, "there is no alert %.64s", id);
	if (r == 1) {
		ret->state = state_of(db_text(st, 0));
		snprintf(ret->code, sizeof(ret->code), "%s", db_text(st, 1));
		snprintf(ret->tenant, sizeof(ret->tenant), "%s", db_text(st, 2));
		for (int i = 0; i < 2; i++) {
			snprintf(ret->by[i], sizeof(ret->by[i]), "%s", db_text(st, 3 + i));
			time_format(sqlite3_column_int64(st, 5 + i), ret->at[i]);
		}
	}
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

static int refuse(const struct answered *a, struct err *err)
{
	bool closed = a->state == ALERT_CLOSED;

	return err_set(err, ERR_EXISTS, "alert %s was already %s by %s at %s", a->code,
		       closed ? "closed" : "acknowledged", a->by[closed], a->at[closed]);
}

/* The name that answers goes to a log and to terminals: a line of it, nothing else. */
static int check_by(const char *by, struct err *err)
{
	json_t *text;

	if (by == NULL || *by == '\0')
		return err_set(err, ERR_USAGE, "say who answers: --by NAME");
	if (strlen(by) > 100)
		return err_set(err, ERR_USAGE, "the name behind --by is longer than 100 bytes");
	for (const char *p = by; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(err, ERR_USAGE,
				       "the name behind --by holds a control character");
	text = json_string(by);
	if (text == NULL)
		return err_set(err, ERR_USAGE, "the name behind --by is not UTF-8");
	json_decref(text);
	return 0;
}

int alert_acknowledge(struct alert_store *as, const char *id, const char *by, const char *via,
		      int64_t now_ns, struct err *err)
{
	struct answered a;
	bool own = false;
	int r;

	if (check_by(by, err) < 0 || alert_enter(as, &own, err) < 0)
		return -1;
	r = answered_read(as, id, &a, err);
	if (r == 0 && a.state >= ALERT_ACKNOWLEDGED)
		r = refuse(&a, err);
	if (r == 0)
		r = db_run(as->db, err,
			   "UPDATE alert SET state = 'acknowledged', acknowledged_by = ?2,"
			   " acknowledged_ns = ?3, updated_ns = ?3 WHERE id = ?1",
			   "tti", id, by, now_ns);
	if (r == 0)
		r = alert_log(as, id, a.tenant, "acknowledged",
			      json_pack("{s:s, s:s}", "by", by, "via", via != NULL ? via : ""),
			      now_ns, err);
	return alert_leave(as, own, r, err);
}

int alert_close(struct alert_store *as, const char *id, const char *by, enum verdict v,
		const char *via, int64_t now_ns, struct err *err)
{
	struct answered a;
	bool own = false;
	int r;

	if (check_by(by, err) < 0)
		return -1;
	if (v <= VERDICT_NONE || v > VERDICT_EXERCISE)
		return err_set(err, ERR_USAGE,
			       "an alert is closed with a verdict: attack, stopped, "
			       "false-alarm, allowed or exercise");
	if (alert_enter(as, &own, err) < 0)
		return -1;
	r = answered_read(as, id, &a, err);
	if (r == 0 && a.state == ALERT_CLOSED)
		r = refuse(&a, err);
	if (r == 0)
		r = db_run(as->db, err,
			   "UPDATE alert SET state = 'closed', verdict = ?2, closed_by = ?3,"
			   " closed_ns = ?4, updated_ns = ?4 WHERE id = ?1",
			   "ttti", id, verdict_names[v], by, now_ns);
	if (r == 0)
		r = alert_log(as, id, a.tenant, "closed",
			      json_pack("{s:s, s:s, s:s}", "by", by, "verdict", verdict_names[v],
					"via", via != NULL ? via : ""),
			      now_ns, err);
	return alert_leave(as, own, r, err);
}

int alert_set_notified(struct alert_store *as, const char *id, int64_t now_ns, struct err *err)
{
	struct answered a;
	bool own = false;
	int r;

	if (alert_enter(as, &own, err) < 0)
		return -1;
	r = answered_read(as, id, &a, err);
	if (r == 0 && a.state == ALERT_NEW) { /* a person may have been quicker: that stands */
		r = db_run(as->db, err,
			   "UPDATE alert SET state = 'notified', updated_ns = ?2 WHERE id = ?1",
			   "ti", id, now_ns);
		if (r == 0)
			r = alert_log(as, id, a.tenant, "notified", json_object(), now_ns, err);
	}
	return alert_leave(as, own, r, err);
}

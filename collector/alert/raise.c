/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/raise.c: a finding becomes an alert, or extends the one whose session is open. */
#include "collector/alert/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "collector/alert/code.h"
#include "common/base/time.h"

static const char *or_empty(const char *s)
{
	return s != NULL ? s : "";
}

struct span { /* what a finding's signals amount to */
	int64_t first_ns, last_ns;
	uint64_t events;
	struct slice first_id; /* event.id of the earliest */
};

static struct span finding_span(const struct finding *f)
{
	struct span s = { f->signals[0].first_ns, f->signals[0].last_ns, f->more,
			  f->signals[0].event_id };

	for (size_t i = 0; i < f->n_signals; i++) {
		const struct finding_signal *sg = &f->signals[i];

		s.events += sg->count;
		if (sg->first_ns < s.first_ns) {
			s.first_ns = sg->first_ns;
			s.first_id = sg->event_id;
		}
		if (sg->last_ns > s.last_ns)
			s.last_ns = sg->last_ns;
	}
	return s;
}

static int64_t session_of(const struct finding *f, int64_t session_ns)
{
	const struct correlation *c = f->rule->correlation;

	return c != NULL && c->timespan_ns > session_ns ? c->timespan_ns : session_ns;
}

/* As the statement says; the newest alert of the key decides nearly always. */
static int session_ask(struct alert_store *as, const struct finding *f, const struct span *sp,
		       int64_t session_ns, char ret_id[33], struct err *err)
{
	sqlite3_stmt *st = alert_stmt(as, ST_SESSION, err);
	int r;

	if (st == NULL)
		return -1;
	db_bind(st, 1, f->tenant);
	sqlite3_bind_text(st, 2, f->rule->id, -1, SQLITE_TRANSIENT);
	db_bind(st, 3, f->group_key);
	sqlite3_bind_int64(st, 4, sp->first_ns);
	sqlite3_bind_int64(st, 5, sp->last_ns);
	sqlite3_bind_int64(st, 6, session_ns);
	r = db_next(as->db, st, err);
	if (r == 1)
		snprintf(ret_id, 33, "%s", db_text(st, 0));
	sqlite3_reset(st);
	return r;
}

static int newest_read(struct alert_store *as, const struct finding *f, struct alert_newest *nw,
		       struct err *err)
{
	sqlite3_stmt *st = alert_stmt(as, ST_NEWEST, err);
	int r;

	if (st == NULL)
		return -1;
	db_bind(st, 1, f->tenant);
	sqlite3_bind_text(st, 2, f->rule->id, -1, SQLITE_TRANSIENT);
	db_bind(st, 3, f->group_key);
	r = db_next(as->db, st, err);
	if (r >= 0) {
		nw->known = nw->asked = true;
		nw->any = r == 1;
	}
	if (r == 1) {
		snprintf(nw->id, sizeof(nw->id), "%s", db_text(st, 0));
		nw->first_ns = sqlite3_column_int64(st, 1);
		nw->last_ns = sqlite3_column_int64(st, 2);
		nw->open = sqlite3_column_int64(st, 3) != 0;
	}
	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
}

/* What ST_SESSION would give, read off the key's newest alert. -1: it takes the others too. */
static int newest_decides(const struct alert_newest *nw, const struct span *sp, int64_t session_ns)
{
	if (!nw->any)
		return 0;
	if (nw->first_ns <= sp->first_ns && nw->last_ns >= sp->last_ns)
		return 1; /* it covers the finding, and none that does is newer */
	if (sp->last_ns <= nw->last_ns)
		return -1;
	/* No other covers it either, since none ends later. */
	if (sp->first_ns > nw->last_ns &&
	    (uint64_t)sp->first_ns - (uint64_t)nw->last_ns > (uint64_t)session_ns)
		return 0;
	return nw->open ? 1 : -1;
}

/* 1: ret_id; 0: there is none; -1. What is found extends the alert, so nw is kept up with it. */
static int session_find(struct alert_store *as, const struct finding *f, const struct span *sp,
			int64_t session_ns, struct alert_newest *nw, char ret_id[33],
			struct err *err)
{
	int r;

	session_ns = session_of(f, session_ns);
	if (!nw->known && nw->asked && gather_settle(as, err) < 0)
		return -1;
	if (!nw->known && newest_read(as, f, nw, err) < 0)
		return -1;
	r = newest_decides(nw, sp, session_ns);
	if (r < 0) {
		nw->known = false;
		if (gather_settle(as, err) < 0)
			return -1;
		return session_ask(as, f, sp, session_ns, ret_id, err);
	}
	if (r == 1) {
		memcpy(ret_id, nw->id, sizeof(nw->id));
		nw->first_ns = sp->first_ns < nw->first_ns ? sp->first_ns : nw->first_ns;
		nw->last_ns = sp->last_ns > nw->last_ns ? sp->last_ns : nw->last_ns;
	}
	return r;
}

static void newest_raised(struct alert_newest *nw, const char *id, const struct span *sp)
{
	if (nw->any && nw->last_ns > sp->last_ns)
		return;
	memcpy(nw->id, id, sizeof(nw->id));
	nw->first_ns = sp->first_ns;
	nw->last_ns = sp->last_ns;
	nw->any = nw->open = true;
}

static int values_add(struct alert_store *as, const char *id, const struct finding *f,
		      struct err *err)
{
	for (size_t i = 0; i < f->n_signals; i++) {
		const struct finding_signal *sg = &f->signals[i];

		for (size_t k = 0; sg->count > 0 && k < sg->n_values; k++)
			if (gather_value(as, id, sg->values[k].field, sg->values[k].value,
					 sg->count, err) < 0)
				return -1;
	}
	return 0;
}

/* Rules change; an alert says for good what its rule said when it was raised. */
static json_t *texts_json(const struct rule *rule)
{
	json_t *all = json_object();

	for (int l = 0; l < LANGS && all != NULL; l++) {
		const struct rule_texts *t = &rule->texts[l];
		json_t *one = json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*}", "title", t->title, "what",
					t->what, "why", t->why, "do", t->action, "call", t->call);

		if (json_object_set_new(all, lang_names[l], one) < 0) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static char *tags_text(const struct rule *rule)
{
	json_t *tags = json_array();
	char *text = NULL;

	for (size_t i = 0; i < rule->n_tags; i++)
		json_array_append_new(tags, json_string(rule->tags[i]));
	if (tags != NULL && json_array_size(tags) == rule->n_tags)
		text = json_dumps(tags, JSON_COMPACT);
	json_decref(tags);
	return text;
}

static int code_free(struct alert_store *as, const char *code, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(as->db, &st, err, "SELECT 1 FROM alert WHERE code = ?", "t", code);

	if (r == 0)
		r = db_next(as->db, st, err);
	sqlite3_finalize(st);
	return r < 0 ? -1 : r == 0;
}

/* A code that no other alert has: from further bits of the hash while it is taken. */
static int code_choose(struct alert_store *as, const uint8_t hash[SHA256_LEN], char ret[12],
		       struct err *err)
{
	for (unsigned i = 0; i < ALERT_CODE_TRIES; i++) {
		int r;

		alert_code(hash, i, ret);
		r = code_free(as, ret, err);
		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	return err_set(err, ERR_EXISTS, "no free alert code is left for this alert");
}

static int insert(struct alert_store *as, const char *id, const char *code, const struct finding *f,
		  const struct span *sp, int64_t now_ns, struct err *err)
{
	const struct rule *rule = f->rule;
	struct slice sample = f->sample.n <= ALERT_SAMPLE_MAX ? f->sample : SLICE("");
	json_t *texts = texts_json(rule);
	char *texts_text = texts != NULL ? json_dumps(texts, JSON_COMPACT) : NULL;
	char *tags = tags_text(rule);
	int r = -1;

	if (texts_text == NULL || tags == NULL)
		err_nomem(err);
	else
		r = db_run(
			as->db, err,
			"INSERT INTO alert(id, code, tenant, rule_id, rule_name, title, author,"
			" link, level, tags, texts, to_contact, entity, group_key, state, verdict,"
			" events, first_ns, last_ns, created_ns, updated_ns, sample)"
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'new', '', ?, ?, ?,"
			" ?, ?, ?)",
			"ttsttttt"
			"itti"
			"ssiiiiis",
			id, code, f->tenant, rule->id, or_empty(rule->name), or_empty(rule->title),
			or_empty(rule->author), or_empty(rule->link), (int64_t)rule->level, tags,
			texts_text, (int64_t)rule->to_contact, f->entity, f->group_key,
			(int64_t)sp->events, sp->first_ns, sp->last_ns, now_ns, now_ns, sample);
	free(tags);
	free(texts_text);
	json_decref(texts);
	return r;
}

static int log_raised(struct alert_store *as, const char *id, const char *code,
		      const struct finding *f, const struct span *sp, int64_t now_ns,
		      struct err *err)
{
	char tenant[TENANT_MAX + 1], first[TIME_TEXT_MAX], last[TIME_TEXT_MAX];

	snprintf(tenant, sizeof(tenant), "%.*s", SLICE_FMT(f->tenant));
	time_format(sp->first_ns, first);
	time_format(sp->last_ns, last);
	return alert_log(as, id, tenant, "raised",
			 json_pack("{s:s, s:s, s:I, s:s, s:s}", "code", code, "rule", f->rule->id,
				   "events", (json_int_t)sp->events, "first", first, "last", last),
			 now_ns, err);
}

/* 1 raised; 0 the alert exists already (its first event was seen before). */
static int raise_new(struct alert_store *as, const struct finding *f, const struct span *sp,
		     int64_t now_ns, char ret_id[33], struct err *err)
{
	uint8_t hash[SHA256_LEN];
	sqlite3_stmt *st = NULL;
	struct buf id = { 0 };
	char code[12];
	int r = -1;

	if (!alert_hash(f->tenant, slice_str(f->rule->id), f->group_key, sp->first_id, hash)) {
		err_nomem(err);
		goto out;
	}
	hex_put(&id, hash, 16);
	if (id.failed) {
		err_nomem(err);
		goto out;
	}
	memcpy(ret_id, buf_cstr(&id), 33);
	r = db_query(as->db, &st, err, "SELECT 1 FROM alert WHERE id = ?", "t", ret_id);
	if (r == 0)
		r = db_next(as->db, st, err);
	sqlite3_finalize(st);
	if (r != 0) {
		r = r < 0 ? -1 : 0;
		goto out;
	}
	r = -1;
	if (code_choose(as, hash, code, err) < 0 ||
	    insert(as, ret_id, code, f, sp, now_ns, err) < 0 ||
	    log_raised(as, ret_id, code, f, sp, now_ns, err) < 0)
		goto out;
	as->raised++;
	r = 1;
out:
	buf_release(&id);
	return r;
}

int alert_apply(struct alert_store *as, const struct finding *f, int64_t now_ns, int64_t session_ns,
		bool *ret_new, char ret_id[33], struct err *err)
{
	struct span sp = finding_span(f);
	struct alert_newest *nw =
		gather_newest(as, f->tenant, slice_str(f->rule->id), f->group_key);
	char id[33] = "";
	bool is_new = false;
	int r;

	ret_id[0] = '\0';
	*ret_new = false;
	if (nw == NULL)
		return err_nomem(err);
	r = session_find(as, f, &sp, session_ns, nw, id, err);
	if (r == 0) {
		if (!f->holds) {
			metric_add(&as->stats.passed_over, 1);
			return 0;
		}
		r = raise_new(as, f, &sp, now_ns, id, err);
		if (r <= 0)
			return r;
		newest_raised(nw, id, &sp);
		is_new = true;
	} else if (r < 0 || gather_extension(as, id, f->tenant, sp.events, sp.first_ns, sp.last_ns,
					     now_ns, err) < 0) {
		return -1;
	}
	if (values_add(as, id, f, err) < 0)
		return -1;
	/* Without a transaction nobody comes to settle it. */
	if (sqlite3_get_autocommit(as->db) != 0 && alert_settle(as, err) < 0)
		return -1;
	as->added += sp.events;
	memcpy(ret_id, id, sizeof(id));
	*ret_new = is_new;
	return 0;
}

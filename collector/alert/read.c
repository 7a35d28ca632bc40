/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/read.c: alerts out of the store, whole, into an arena or as JSON. */
#include "collector/alert/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "collector/alert/code.h"
#include "collector/alert/show.h"
#include "common/base/time.h"

#define COLUMNS                                                                                    \
	"id, code, tenant, rule_id, rule_name, title, author, link, level, tags, texts, "          \
	"to_contact,"                                                                              \
	" entity, group_key, state, verdict, events, first_ns, last_ns, created_ns, updated_ns,"   \
	" acknowledged_by, acknowledged_ns, closed_by, closed_ns, sample"

static int name_index(const char *const *names, const char *name)
{
	for (int i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return 0;
}

static const char *keep(struct arena *mem, const char *text, bool *ok)
{
	struct slice s = arena_copy(mem, slice_str(text));

	*ok = *ok && s.p != NULL;
	return s.p;
}

static const char *column(struct arena *mem, sqlite3_stmt *st, int col, bool *ok)
{
	return keep(mem, db_text(st, col), ok);
}

static void tags_read(struct arena *mem, const char *text, struct alert *al, bool *ok)
{
	json_t *tags = json_loads(text, 0, NULL);
	size_t n = json_array_size(tags);

	al->tags = arena_alloc(mem, (n + 1) * sizeof(*al->tags));
	*ok = *ok && al->tags != NULL;
	for (size_t i = 0; *ok && i < n; i++)
		al->tags[i] = keep(mem, json_string_value(json_array_get(tags, i)), ok);
	al->n_tags = *ok ? n : 0;
	json_decref(tags);
}

static void texts_read(struct arena *mem, const char *text, struct alert *al, bool *ok)
{
	json_t *all = json_loads(text, 0, NULL);

	for (int l = 0; l < LANGS; l++) {
		struct rule_texts *t = &al->texts[l];
		json_t *one = json_object_get(all, lang_names[l]);
		const struct {
			const char *key, **to;
		} items[] = { { "title", &t->title },
			      { "what", &t->what },
			      { "why", &t->why },
			      { "do", &t->action },
			      { "call", &t->call } };

		*t = (struct rule_texts){ 0 };
		for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
			const char *v = json_string_value(json_object_get(one, items[i].key));

			if (v != NULL)
				*items[i].to = keep(mem, v, ok);
		}
	}
	json_decref(all);
}

static int row_read(sqlite3_stmt *st, struct arena *mem, struct alert *al, struct err *err)
{
	bool ok = true;

	*al = (struct alert){ 0 };
	snprintf(al->id, sizeof(al->id), "%s", db_text(st, 0));
	snprintf(al->code, sizeof(al->code), "%s", db_text(st, 1));
	al->tenant = column(mem, st, 2, &ok);
	al->rule_id = column(mem, st, 3, &ok);
	al->rule_name = column(mem, st, 4, &ok);
	al->title = column(mem, st, 5, &ok);
	al->author = column(mem, st, 6, &ok);
	al->link = column(mem, st, 7, &ok);
	al->level = (enum sigma_level)sqlite3_column_int(st, 8);
	tags_read(mem, db_text(st, 9), al, &ok);
	texts_read(mem, db_text(st, 10), al, &ok);
	al->to_contact = sqlite3_column_int(st, 11) != 0;
	al->entity = column(mem, st, 12, &ok);
	al->group_key = column(mem, st, 13, &ok);
	al->state = (enum alert_state)name_index(alert_state_names, db_text(st, 14));
	al->verdict = (enum verdict)name_index(verdict_names, db_text(st, 15));
	al->events = (uint64_t)sqlite3_column_int64(st, 16);
	al->first_ns = sqlite3_column_int64(st, 17);
	al->last_ns = sqlite3_column_int64(st, 18);
	al->created_ns = sqlite3_column_int64(st, 19);
	al->updated_ns = sqlite3_column_int64(st, 20);
	al->acknowledged_by = column(mem, st, 21, &ok);
	al->acknowledged_ns = sqlite3_column_int64(st, 22);
	al->closed_by = column(mem, st, 23, &ok);
	al->closed_ns = sqlite3_column_int64(st, 24);
	al->sample = column(mem, st, 25, &ok);
	return ok ? 0 : err_nomem(err);
}

/* The top values of one field. */
static int field_read(struct alert_store *as, const char *id, struct arena *mem,
		      struct alert_values *vs, struct err *err)
{
	sqlite3_stmt *st = NULL;
	bool ok = true;
	int r = db_query(as->db, &st, err,
			 "SELECT value, count FROM alert_value WHERE alert_id = ? AND field = ?"
			 " ORDER BY count DESC, value LIMIT ?",
			 "tti", id, vs->field, (int64_t)ALERT_VALUES_MAX);

	vs->n = 0;
	while (r == 0 && (r = db_next(as->db, st, err)) == 1) {
		vs->v[vs->n].value = column(mem, st, 0, &ok);
		vs->v[vs->n++].count = (uint64_t)sqlite3_column_int64(st, 1);
		r = ok ? 0 : err_nomem(err);
	}
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

static int values_read(struct alert_store *as, struct arena *mem, struct alert *al, struct err *err)
{
	struct alert_values *vs = NULL;
	sqlite3_stmt *st = NULL;
	size_t n = 0, cap = 0;
	bool ok = true;
	int r = db_query(as->db, &st, err,
			 "SELECT field, kept, more, count(*) OVER () FROM alert_field"
			 " WHERE alert_id = ? ORDER BY field",
			 "t", al->id);

	while (r == 0 && (r = db_next(as->db, st, err)) == 1) {
		int64_t kept = sqlite3_column_int64(st, 1);

		if (vs == NULL) {
			cap = (size_t)sqlite3_column_int64(st, 3);
			vs = arena_alloc(mem, cap * sizeof(*vs));
		}
		if (vs == NULL || n == cap) {
			r = err_nomem(err);
			break;
		}
		vs[n].field = column(mem, st, 0, &ok);
		vs[n].n_more = (uint64_t)sqlite3_column_int64(st, 2) +
			       (kept > ALERT_VALUES_MAX ? (uint64_t)(kept - ALERT_VALUES_MAX) : 0);
		r = ok ? field_read(as, al->id, mem, &vs[n], err) : err_nomem(err);
		n++;
	}
	sqlite3_finalize(st);
	al->values = vs;
	al->n_values = r < 0 ? 0 : n;
	return r < 0 ? -1 : 0;
}

/* Which alert a person means: the id or the code, or a beginning of either that only one has. */
static int resolve(struct alert_store *as, const char *typed, char ret_id[33], struct err *err)
{
	char code[ALERT_CODE_CHARS + 1] = "", id[33] = "";
	size_t n = strlen(typed), n_code = alert_code_parse(typed, code);
	sqlite3_stmt *st = NULL;
	int r;

	if (n <= 32 && strspn(typed, "0123456789abcdefABCDEF") == n)
		for (size_t i = 0; i < n; i++)
			id[i] = (char)(typed[i] >= 'A' && typed[i] <= 'F' ? typed[i] | 0x20
									  : typed[i]);
	if (strlen(id) == 32) { /* whole: no need to look through all alerts */
		memcpy(ret_id, id, sizeof(id));
		return 0;
	}
	if (n_code < 3 && strlen(id) < 3)
		return err_set(err, ERR_ABSENT,
			       "there is no alert %.64s; give its code (VA-...) or at least three "
			       "characters of it",
			       typed);
	r = db_query(as->db, &st, err,
		     "SELECT id FROM alert WHERE (?1 <> '' AND substr(code, 4, length(?1)) = ?1)"
		     " OR (?2 <> '' AND substr(id, 1, length(?2)) = ?2) LIMIT 2",
		     "tt", n_code >= 3 ? code : "", strlen(id) >= 3 ? id : "");
	if (r == 0)
		r = db_next(as->db, st, err);
	if (r == 0)
		r = err_set(err, ERR_ABSENT, "there is no alert %.64s", typed);
	if (r == 1) {
		snprintf(ret_id, 33, "%s", db_text(st, 0));
		r = db_next(as->db, st, err);
		if (r == 1)
			r = err_set(err, ERR_USAGE,
				    "several alerts begin with %.64s; give more of the code",
				    typed);
	}
	sqlite3_finalize(st);
	return r;
}

int alert_get(struct alert_store *as, const char *id_or_code, struct arena *mem, struct alert *ret,
	      struct err *err)
{
	sqlite3_stmt *st = NULL;
	struct alert al;
	char id[33];
	int r;

	if (resolve(as, id_or_code, id, err) < 0)
		return -1;
	r = db_query(as->db, &st, err, "SELECT " COLUMNS " FROM alert WHERE id = ?", "t", id);
	if (r == 0)
		r = db_next(as->db, st, err);
	if (r == 0)
		r = err_set(err, ERR_ABSENT, "there is no alert %.64s", id);
	if (r == 1)
		r = row_read(st, mem, &al, err);
	sqlite3_finalize(st);
	if (r < 0 || values_read(as, mem, &al, err) < 0)
		return -1;
	*ret = al;
	return 0;
}

int alert_list(struct alert_store *as, const char *tenant, bool closed_too,
	       int (*each)(void *arg, const struct alert *al), void *arg, struct err *err)
{
	struct arena mem = { 0 };
	sqlite3_stmt *st = NULL;
	struct alert al;
	int r = db_query(as->db, &st, err,
			 "SELECT " COLUMNS " FROM alert WHERE (?1 = '' OR tenant = ?1)"
			 " AND (?2 OR state <> 'closed') ORDER BY created_ns DESC, id",
			 "ti", tenant != NULL ? tenant : "", (int64_t)closed_too);

	while (r == 0 && (r = db_next(as->db, st, err)) == 1) {
		arena_reset(&mem);
		if (row_read(st, &mem, &al, err) < 0 || values_read(as, &mem, &al, err) < 0)
			r = -1;
		else
			r = each(arg, &al) != 0;
	}
	sqlite3_finalize(st);
	arena_release(&mem);
	return r < 0 ? -1 : 0;
}

static json_t *time_json(int64_t t_ns)
{
	char text[TIME_TEXT_MAX];

	if (t_ns == 0)
		return json_null();
	time_format(t_ns, text);
	return json_string(text);
}

static json_t *values_json(const struct alert *al)
{
	json_t *all = json_object();

	for (size_t i = 0; i < al->n_values; i++) {
		const struct alert_values *vs = &al->values[i];
		json_t *list = json_array();

		for (size_t k = 0; k < vs->n; k++)
			json_array_append_new(list, json_pack("{s:s, s:I}", "value", vs->v[k].value,
							      "count", (json_int_t)vs->v[k].count));
		json_object_set_new(
			all, vs->field,
			json_pack("{s:o, s:I}", "values", list, "more", (json_int_t)vs->n_more));
	}
	return all;
}

static json_t *texts_json(const struct alert *al)
{
	json_t *all = json_object();

	for (int l = 0; l < LANGS; l++) {
		const struct rule_texts *t = &al->texts[l];

		json_object_set_new(all, lang_names[l],
				    json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*}", "title", t->title,
					      "what", t->what, "why", t->why, "do", t->action,
					      "call", t->call));
	}
	return all;
}

json_t *alert_to_json(const struct alert *al)
{
	json_t *tags = json_array();
	size_t level = (size_t)al->level <= LEVEL_CRITICAL ? (size_t)al->level : 0;
	json_t *sample = json_loads(al->sample, JSON_ALLOW_NUL, NULL);

	for (size_t i = 0; i < al->n_tags; i++)
		json_array_append_new(tags, json_string(al->tags[i]));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:b,"
			 " s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:o}",
			 "id", al->id, "code", al->code, "tenant", al->tenant, "rule", al->rule_id,
			 "name", al->rule_name, "title", al->title, "author", al->author, "link",
			 al->link, "level", alert_level_names[level], "tags", tags, "entity",
			 al->entity, "to_contact", (int)al->to_contact, "state",
			 alert_state_names[al->state], "verdict", verdict_names[al->verdict],
			 "events", (json_int_t)al->events, "first", time_json(al->first_ns), "last",
			 time_json(al->last_ns), "created", time_json(al->created_ns), "updated",
			 time_json(al->updated_ns), "acknowledged_by", al->acknowledged_by,
			 "acknowledged", time_json(al->acknowledged_ns), "closed_by", al->closed_by,
			 "closed", time_json(al->closed_ns), "values", values_json(al), "texts",
			 texts_json(al), "sample",
			 sample != NULL ? sample : json_string(al->sample));
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/gather.c: what findings add to alerts, gathered in memory and written before the
 * transaction ends. An attack is a thousand findings that add one event each to one alert and count
 * the same few values: written one by one they are five statements each. The result is the same,
 * since sums, least and greatest do not ask for the order, and values keep it. */
#include "collector/alert/store.h"

#include <stdlib.h>

#define VALUES_MAX 8192u /* gathered, before they are written out */

struct alert_newest *gather_newest(struct alert_store *as, struct slice tenant, struct slice rule,
				   struct slice group_key)
{
	struct alert_newest *nw;
	struct buf *key = &as->key;

	buf_reset(key);
	buf_slice(key, tenant);
	buf_chr(key, '\0');
	buf_slice(key, rule);
	buf_chr(key, '\0');
	buf_slice(key, group_key);
	if (key->failed)
		return NULL;
	HASH_FIND(hh, as->newest, key->p, key->n, nw);
	if (nw != NULL || (nw = calloc(1, sizeof(*nw) + key->n)) == NULL)
		return nw;
	memcpy(nw->key, key->p, key->n);
	HASH_ADD(hh, as->newest, key, key->n, nw);
	if (nw->hh.tbl == NULL) {
		free(nw);
		return NULL;
	}
	return nw;
}

static struct alert_extension *extension_new(struct alert_store *as, const char *id,
					     struct slice tenant)
{
	struct alert_extension *ex = calloc(1, sizeof(*ex));

	if (ex == NULL || (ex->tenant = strndup(tenant.p, tenant.n)) == NULL) {
		free(ex);
		return NULL;
	}
	memcpy(ex->id, id, sizeof(ex->id));
	ex->first_ns = INT64_MAX;
	ex->last_ns = INT64_MIN;
	HASH_ADD_STR(as->extended, id, ex);
	if (ex->hh.tbl == NULL) {
		free(ex->tenant);
		free(ex);
		return NULL;
	}
	return ex;
}

int gather_extension(struct alert_store *as, const char *id, struct slice tenant, uint64_t events,
		     int64_t first_ns, int64_t last_ns, int64_t now_ns, struct err *err)
{
	struct alert_extension *ex;

	HASH_FIND_STR(as->extended, id, ex);
	if (ex == NULL && (ex = extension_new(as, id, tenant)) == NULL)
		return err_nomem(err);
	ex->events += events;
	ex->unwritten += events;
	if (first_ns < ex->first_ns)
		ex->first_ns = first_ns;
	if (last_ns > ex->last_ns)
		ex->last_ns = last_ns;
	ex->now_ns = now_ns;
	ex->dirty = true;
	return 0;
}

static int extension_write(struct alert_store *as, struct alert_extension *ex, struct err *err)
{
	sqlite3_stmt *st = alert_stmt(as, ST_EXTEND, err);

	if (st == NULL)
		return -1;
	sqlite3_bind_text(st, 1, ex->id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, (int64_t)ex->unwritten);
	sqlite3_bind_int64(st, 3, ex->first_ns);
	sqlite3_bind_int64(st, 4, ex->last_ns);
	sqlite3_bind_int64(st, 5, ex->now_ns);
	if (alert_stmt_run(as, st, err) < 0)
		return -1;
	ex->unwritten = 0;
	ex->dirty = false;
	return 0;
}

/* A value not seen in this alert yet: takes one of the field's places, or only counts. */
static int value_new(struct alert_store *as, const struct alert_gathered *g, const char *field,
		     struct slice text, struct err *err)
{
	sqlite3_stmt *st = alert_stmt(as, ST_FIELD_ADD, err);
	bool room;

	if (st == NULL)
		return -1;
	sqlite3_bind_text(st, 1, g->key, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, field, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, ALERT_DISTINCT_MAX);
	if (alert_stmt_run(as, st, err) < 0)
		return -1;
	room = sqlite3_changes(as->db) > 0;
	st = alert_stmt(as, room ? ST_VALUE_ADD : ST_FIELD_MORE, err);
	if (st == NULL)
		return -1;
	sqlite3_bind_text(st, 1, g->key, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, field, -1, SQLITE_STATIC);
	if (room)
		db_bind(st, 3, text);
	sqlite3_bind_int64(st, room ? 4 : 3, (int64_t)g->count);
	return alert_stmt_run(as, st, err);
}

static int value_write(struct alert_store *as, const struct alert_gathered *g, struct err *err)
{
	const char *field = g->key + strlen(g->key) + 1;
	const char *value = field + strlen(field) + 1;
	struct slice text = { value, g->n - (size_t)(value - g->key) };
	sqlite3_stmt *st = alert_stmt(as, ST_VALUE_COUNT, err);
	int r;

	if (st == NULL)
		return -1;
	sqlite3_bind_text(st, 1, g->key, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, field, -1, SQLITE_STATIC);
	db_bind(st, 3, text);
	sqlite3_bind_int64(st, 4, (int64_t)g->count);
	r = alert_stmt_run(as, st, err);
	if (r == 0 && sqlite3_changes(as->db) == 0)
		r = value_new(as, g, field, text, err);
	return r;
}

/* SQLite compares text past a NUL byte but shows none of it: U+2400 stands for it. */
static void value_put(struct buf *out, struct slice value)
{
	if (slice_chr(value, '\0') < 0) {
		buf_slice(out, value);
		return;
	}
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '\0')
			buf_str(out, "\xe2\x90\x80");
		else
			buf_chr(out, value.p[i]);
	}
}

int gather_value(struct alert_store *as, const char *id, const char *field, struct slice value,
		 uint64_t count, struct err *err)
{
	struct alert_gathered *g;
	struct buf *key = &as->key;

	if (HASH_COUNT(as->values) >= VALUES_MAX && gather_settle(as, err) < 0)
		return -1;
	buf_reset(key);
	buf_put(key, id, strlen(id) + 1);
	buf_put(key, field, strlen(field) + 1);
	value_put(key, value);
	if (key->failed)
		return err_nomem(err);
	HASH_FIND(hh, as->values, key->p, key->n, g);
	if (g == NULL) {
		g = calloc(1, sizeof(*g) + key->n);
		if (g == NULL)
			return err_nomem(err);
		memcpy(g->key, key->p, key->n);
		g->n = key->n;
		HASH_ADD(hh, as->values, key, g->n, g);
		if (g->hh.tbl == NULL) {
			free(g);
			return err_nomem(err);
		}
	}
	g->count += count;
	return 0;
}

static void values_forget(struct alert_store *as)
{
	struct alert_gathered *g, *tmp;

	HASH_ITER (hh, as->values, g, tmp) {
		HASH_DEL(as->values, g);
		free(g);
	}
}

int gather_settle(struct alert_store *as, struct err *err)
{
	struct alert_extension *ex, *tmp;
	struct alert_gathered *g, *next;

	HASH_ITER (hh, as->extended, ex, tmp)
		if (ex->dirty && extension_write(as, ex, err) < 0)
			return -1;
	/* In the order in which they were first seen: the first ones get the places. */
	HASH_ITER (hh, as->values, g, next)
		if (value_write(as, g, err) < 0)
			return -1;
	values_forget(as);
	return 0;
}

static void newest_forget(struct alert_store *as)
{
	struct alert_newest *nw, *tmp;

	HASH_ITER (hh, as->newest, nw, tmp) {
		HASH_DEL(as->newest, nw);
		free(nw);
	}
}

int alert_settle(struct alert_store *as, struct err *err)
{
	newest_forget(as); /* what the caller does now may change them */
	return gather_settle(as, err);
}

void gather_forget(struct alert_store *as)
{
	struct alert_extension *ex, *tmp;

	HASH_ITER (hh, as->extended, ex, tmp) {
		HASH_DEL(as->extended, ex);
		free(ex->tenant);
		free(ex);
	}
	values_forget(as);
	newest_forget(as);
	as->raised = as->added = 0;
}

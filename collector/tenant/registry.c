/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/registry.c: the handle, its tables, and the tenants. */
#include "collector/tenant/registry_impl.h"

#include <stdlib.h>

#include "common/base/text.h"

/* token.tenant is no reference: a token outlives its tenant, to say that the tenant is gone. */
static const struct db_step steps[] = {
	{ 1, "CREATE TABLE tenant ("
	     " id TEXT PRIMARY KEY, name TEXT NOT NULL, created_ns INTEGER NOT NULL,"
	     " created_by TEXT NOT NULL) STRICT;"
	     "CREATE TABLE tenant_erased (id TEXT PRIMARY KEY, erased_ns INTEGER NOT NULL) STRICT;"
	     "CREATE TABLE agent ("
	     " id TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenant(id), kind TEXT NOT NULL,"
	     " host TEXT NOT NULL, created_ns INTEGER NOT NULL, created_by TEXT NOT NULL,"
	     " last_seen_ns INTEGER NOT NULL DEFAULT 0, last_addr TEXT NOT NULL DEFAULT '',"
	     " version TEXT NOT NULL DEFAULT '', skew_ms INTEGER NOT NULL DEFAULT 0) STRICT;"
	     "CREATE INDEX agent_tenant ON agent(tenant);"
	     "CREATE TABLE certificate ("
	     " serial TEXT PRIMARY KEY, agent TEXT NOT NULL REFERENCES agent(id),"
	     " issued_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL,"
	     " key_hash BLOB NOT NULL, pem TEXT NOT NULL,"
	     " revoked_ns INTEGER NOT NULL DEFAULT 0, revoked_by TEXT NOT NULL DEFAULT '') STRICT;"
	     "CREATE INDEX certificate_agent ON certificate(agent);"
	     "CREATE TABLE token ("
	     " hash BLOB PRIMARY KEY, tenant TEXT NOT NULL, created_ns INTEGER NOT NULL,"
	     " created_by TEXT NOT NULL, expires_ns INTEGER NOT NULL,"
	     " used_ns INTEGER NOT NULL DEFAULT 0, used_host TEXT NOT NULL DEFAULT '',"
	     " used_serial TEXT) STRICT;"
	     "CREATE TABLE contact ("
	     " id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL REFERENCES tenant(id),"
	     " name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL, role TEXT NOT NULL,"
	     " lang INTEGER NOT NULL, ord INTEGER NOT NULL, UNIQUE (tenant, email)) STRICT;" },
	{ 0, NULL }
};
const struct db_module registry_module = { "registry", steps };

int registry_open(const char *db_path, struct registry **ret, struct err *err)
{
	static const struct db_module *const modules[] = { &registry_module, NULL };
	struct registry *rg = calloc(1, sizeof(*rg));

	if (rg == NULL)
		return err_nomem(err);
	if (db_open(db_path, modules, &rg->db, err) < 0) {
		free(rg);
		return -1;
	}
	*ret = rg;
	return 0;
}

void registry_close(struct registry *rg)
{
	if (rg == NULL)
		return;
	db_close(rg->db);
	free(rg);
}

sqlite3 *registry_db(struct registry *rg)
{
	return rg->db;
}

bool tenant_id_ok(const char *id)
{
	size_t n = strlen(id);

	return n >= 1 && n <= TENANT_MAX && id[0] >= 'a' && id[0] <= 'z' &&
	       id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

/* 1: there is a row, 0: none, -1. */
static int has_row(struct registry *rg, const char *sql, const char *id, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(rg->db, &st, err, sql, "t", id);

	if (r == 0)
		r = db_next(rg->db, st, err);
	sqlite3_finalize(st);
	return r;
}

int tenant_exists(struct registry *rg, const char *id, struct err *err)
{
	int r = has_row(rg, "SELECT 1 FROM tenant WHERE id = ?", id, err);

	if (r == 0)
		return err_set(
			err, ERR_ABSENT,
			"there is no tenant %.40s; `vartio-collector tenant list` shows them", id);
	return r < 0 ? -1 : 0;
}

int tenant_add(struct registry *rg, const char *id, const char *name, const char *by,
	       int64_t now_ns, struct err *err)
{
	int r;

	if (!tenant_id_ok(id))
		return err_set(
			err, ERR_SYNTAX,
			"a tenant id has 1 to %u characters, small letters, digits and hyphens, "
			"and begins with a letter (such as mallila)",
			TENANT_MAX);
	if (!text_is_name(slice_str(name), TENANT_NAME_MAX))
		return err_set(err, ERR_SYNTAX,
			       "a tenant's name is one line of at most %u bytes without control "
			       "characters",
			       TENANT_NAME_MAX);
	if (db_begin(rg->db, err) < 0)
		return -1;
	r = has_row(rg, "SELECT 1 FROM tenant_erased WHERE id = ?", id, err);
	if (r == 1)
		err_set(err, ERR_EXISTS,
			"tenant %s was erased, and an id is never used again; choose another", id);
	if (r != 0)
		goto fail;
	r = has_row(rg, "SELECT 1 FROM tenant WHERE id = ?", id, err);
	if (r == 1)
		err_set(err, ERR_EXISTS, "there is a tenant %s already", id);
	if (r != 0 ||
	    db_run(rg->db, err,
		   "INSERT INTO tenant(id, name, created_ns, created_by) VALUES (?, ?, ?, ?)",
		   "ttit", id, name, now_ns, by) < 0)
		goto fail;
	return db_commit(rg->db, err);
fail:
	db_rollback(rg->db);
	return -1;
}

int tenant_list(struct registry *rg,
		int (*each)(void *arg, const char *id, const char *name, int64_t created_ns),
		void *arg, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(rg->db, &st, err, "SELECT id, name, created_ns FROM tenant ORDER BY id",
			 "");

	while (r == 0 && (r = db_next(rg->db, st, err)) == 1)
		r = each(arg, db_text(st, 0), db_text(st, 1), sqlite3_column_int64(st, 2)) != 0 ? 2
												: 0;
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/agents.c: agents and foreign senders, and the certificates they hold. */
#include "collector/tenant/registry_impl.h"

#include <stdio.h>

#include "common/base/hash.h"
#include "common/base/text.h"
#include "common/base/time.h"

#define ID_HOST_MAX   40u /* of the host's name in an agent's id */
#define ID_RANDOM_LEN 5u  /* bytes; ids also have to be free */
#define ID_TRIES      8

/* The host's first label, as far as it can stand in an id; "agent" where nothing is left. */
static size_t id_stem(const char *host, char out[ID_HOST_MAX + 1])
{
	size_t n = 0;

	for (; *host != '\0' && *host != '.' && n < ID_HOST_MAX; host++) {
		char c = *host >= 'A' && *host <= 'Z' ? (char)(*host - 'A' + 'a') : *host;

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			out[n++] = c;
		else if (n > 0 && out[n - 1] != '-')
			out[n++] = '-';
	}
	while (n > 0 && out[n - 1] == '-')
		n--;
	if (n == 0) {
		memcpy(out, "agent", 5);
		n = 5;
	}
	out[n] = '\0';
	return n;
}

int agent_new_id(struct registry *rg, const char *host, char ret[SENDER_MAX + 1], struct err *err)
{
	char stem[ID_HOST_MAX + 1];
	size_t n = id_stem(host, stem);

	_Static_assert(ID_HOST_MAX + 1 + 2 * ID_RANDOM_LEN <= SENDER_MAX, "an id must fit");
	for (int i = 0; i < ID_TRIES; i++) {
		struct buf b = { 0 };
		uint8_t raw[ID_RANDOM_LEN];
		sqlite3_stmt *st = NULL;
		int r = -1;

		random_bytes(raw, sizeof(raw));
		buf_put(&b, stem, n);
		buf_chr(&b, '-');
		hex_put(&b, raw, sizeof(raw));
		if (b.failed)
			err_nomem(err);
		else
			r = db_query(rg->db, &st, err, "SELECT 1 FROM agent WHERE id = ?", "s",
				     buf_view(&b));
		if (r == 0)
			r = db_next(rg->db, st, err);
		sqlite3_finalize(st);
		if (r == 0)
			memcpy(ret, buf_cstr(&b), b.n + 1);
		buf_release(&b);
		if (r <= 0)
			return r;
	}
	return err_set(err, ERR_EXISTS, "found no free id for an agent of %s", stem);
}

int agent_add(struct registry *rg, const struct agent_cert *ac, struct err *err)
{
	if (db_run(rg->db, err,
		   "INSERT INTO agent(id, tenant, kind, host, created_ns, created_by)"
		   " VALUES (?, ?, ?, ?, ?, ?)",
		   "ttttit", ac->agent, ac->tenant, ac->kind, ac->host, ac->issued_ns, ac->by) < 0)
		return -1;
	return db_run(rg->db, err,
		      "INSERT INTO certificate(serial, agent, issued_ns, expires_ns, key_hash, pem)"
		      " VALUES (?, ?, ?, ?, ?, ?)",
		      "ttiibs", ac->serial, ac->agent, ac->issued_ns, ac->expires_ns, ac->key_hash,
		      ac->pem);
}

int agent_list(struct registry *rg, int (*each)(void *arg, const struct agent_row *row), void *arg,
	       struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(
		rg->db, &st, err,
		"SELECT a.tenant, a.id, c.serial, c.revoked_ns, a.kind, a.host, c.issued_ns,"
		" c.expires_ns, a.last_seen_ns, a.last_addr, a.version, a.skew_ms"
		" FROM certificate c JOIN agent a ON a.id = c.agent"
		" ORDER BY a.tenant, a.id, c.issued_ns",
		"");

	while (r == 0 && (r = db_next(rg->db, st, err)) == 1) {
		const struct agent_row row = {
			.tenant = db_text(st, 0),
			.agent = db_text(st, 1),
			.serial = db_text(st, 2),
			.state = sqlite3_column_int64(st, 3) != 0 ? "revoked" : "active",
			.kind = db_text(st, 4),
			.host = db_text(st, 5),
			.issued_ns = sqlite3_column_int64(st, 6),
			.expires_ns = sqlite3_column_int64(st, 7),
			.last_seen_ns = sqlite3_column_int64(st, 8),
			.last_addr = db_text(st, 9),
			.version = db_text(st, 10),
			.skew_ms = sqlite3_column_int64(st, 11),
		};

		r = each(arg, &row) != 0 ? 2 : 0;
	}
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

/* Why nothing was left to revoke: there is no such agent, or it was done before. */
static int not_revoked(struct registry *rg, const char *agent, struct err *err)
{
	sqlite3_stmt *st = NULL;
	char at[TIME_TEXT_MAX];
	int r = db_query(rg->db, &st, err,
			 "SELECT revoked_ns, revoked_by FROM certificate WHERE agent = ?"
			 " ORDER BY revoked_ns DESC LIMIT 1",
			 "t", agent);

	if (r == 0)
		r = db_next(rg->db, st, err);
	if (r == 0)
		err_set(err, ERR_ABSENT,
			"there is no agent %.80s; `vartio-collector agent list` shows them", agent);
	if (r == 1) {
		time_text(sqlite3_column_int64(st, 0), at);
		err_set(err, ERR_EXISTS, "agent %s was revoked at %s by %s", agent, at,
			db_text(st, 1));
	}
	sqlite3_finalize(st);
	return -1;
}

int agent_revoke(struct registry *rg, const char *agent, const char *by, int64_t now_ns,
		 struct err *err)
{
	if (db_run(rg->db, err,
		   "UPDATE certificate SET revoked_ns = ?, revoked_by = ?"
		   " WHERE agent = ? AND revoked_ns = 0",
		   "itt", now_ns, by, agent) < 0)
		return -1;
	return sqlite3_changes(rg->db) > 0 ? 0 : not_revoked(rg, agent, err);
}

int agent_tenant(struct registry *rg, const char *agent, char ret[TENANT_MAX + 1], struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(rg->db, &st, err, "SELECT tenant FROM agent WHERE id = ?", "t", agent);

	if (r == 0)
		r = db_next(rg->db, st, err);
	if (r == 0)
		err_set(err, ERR_ABSENT, "there is no agent %.80s", agent);
	if (r == 1)
		snprintf(ret, TENANT_MAX + 1, "%s", db_text(st, 0));
	sqlite3_finalize(st);
	return r == 1 ? 0 : -1;
}

int agent_admit(struct registry *rg, const char *serial, const char *san_tenant,
		const char *san_agent, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(rg->db, &st, err,
			 "SELECT a.tenant, a.id, c.revoked_ns, c.revoked_by FROM certificate c"
			 " JOIN agent a ON a.id = c.agent WHERE c.serial = ?",
			 "t", serial);

	if (r == 0)
		r = db_next(rg->db, st, err);
	if (r == 0)
		r = err_set(err, ERR_DENIED,
			    "certificate %s of agent %s is not in the registry; enrol that machine "
			    "again",
			    serial, san_agent);
	else if (r == 1 && (strcmp(db_text(st, 0), san_tenant) != 0 ||
			    strcmp(db_text(st, 1), san_agent) != 0))
		r = err_set(
			err, ERR_DENIED,
			"certificate %s says agent %s of tenant %s, but was issued to agent %s of "
			"tenant %s",
			serial, san_agent, san_tenant, db_text(st, 1), db_text(st, 0));
	else if (r == 1 && sqlite3_column_int64(st, 2) != 0) {
		char at[TIME_TEXT_MAX];

		time_text(sqlite3_column_int64(st, 2), at);
		r = err_set(err, ERR_DENIED,
			    "agent %s was revoked at %s by %s; enrol that machine again if it may "
			    "return",
			    san_agent, at, db_text(st, 3));
	}
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

int agent_seen(struct registry *rg, const char *agent, const char *addr, int64_t now_ns,
	       struct err *err)
{
	return db_run(rg->db, err, "UPDATE agent SET last_seen_ns = ?, last_addr = ? WHERE id = ?",
		      "itt", now_ns, addr, agent);
}

int agent_told(struct registry *rg, const char *agent, const char *version, int64_t skew_ms,
	       struct err *err)
{
	return db_run(rg->db, err, "UPDATE agent SET version = ?, skew_ms = ? WHERE id = ?", "tit",
		      text_is_name(slice_str(version), 40) ? version : "?", skew_ms, agent);
}

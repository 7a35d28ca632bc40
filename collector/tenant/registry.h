/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/registry.h: tenants, agents and their certificates, tokens, contacts: SQLite.
 * The same database file as the alert store (STATE/collector.db), tables of its own.
 * Threads: a handle belongs to one thread. */
#ifndef VARTIO_TENANT_REGISTRY_H
#define VARTIO_TENANT_REGISTRY_H

#include "collector/alert/notify.h"

#define TENANT_NAME_MAX  200u /* bytes */
#define CONTACT_NAME_MAX 100u
#define CONTACT_TEXT_MAX 60u /* telephone, role */

struct db_module;
extern const struct db_module registry_module; /* its tables; see db.h */

struct registry;
/* Makes and upgrades the tables. */
int registry_open(const char *db_path, struct registry **ret, struct err *err);
void registry_close(struct registry *rg);  /* NULL is fine */
sqlite3 *registry_db(struct registry *rg); /* lent: for transactions that span rooms */

bool tenant_id_ok(const char *id); /* [a-z][a-z0-9-]{0,31} */
int tenant_add(
	struct registry *rg, const char *id, const char *name, const char *by, int64_t now_ns,
	struct err *err); /* ERR_EXISTS also for an id that was erased: ids are never used again */
/* Each of the lists here stops when each returns non-zero. */
int tenant_list(struct registry *rg,
		int (*each)(void *arg, const char *id, const char *name, int64_t created_ns),
		void *arg, struct err *err);
int tenant_exists(struct registry *rg, const char *id, struct err *err); /* 0, or ERR_ABSENT */

/* A certificate as it was issued. state: "active", "revoked". */
struct agent_row {
	const char *tenant, *agent, *serial, *state, *kind; /* kind "agent" or "foreign" */
	const char *host;                                   /* the name it gave at enrolment */
	int64_t issued_ns, expires_ns, last_seen_ns;
	const char *last_addr, *version;
	int64_t skew_ms;
};
int agent_list(struct registry *rg, int (*each)(void *arg, const struct agent_row *row), void *arg,
	       struct err *err);
/* All certificates of the agent. ERR_ABSENT; ERR_EXISTS: was revoked (by whom, when). */
int agent_revoke(struct registry *rg, const char *agent, const char *by, int64_t now_ns,
		 struct err *err);
/* A name for a new agent, made of its host's: "vpn1-3f9a1c2e40". Free at the moment. */
int agent_new_id(struct registry *rg, const char *host, char ret[SENDER_MAX + 1], struct err *err);
/* Writes a new agent and its first certificate; inside the caller's transaction. */
struct agent_cert {
	const char *tenant, *agent, *kind, *host, *by, *serial;
	int64_t issued_ns, expires_ns;
	struct slice key_hash; /* SHA-256 of the public key */
	struct slice pem;      /* the chain as it was handed out */
};
int agent_add(struct registry *rg, const struct agent_cert *ac, struct err *err);
/* The agent's tenant. ERR_ABSENT. */
int agent_tenant(struct registry *rg, const char *agent, char ret[TENANT_MAX + 1], struct err *err);
/* The listener's question at each door: is this serial live, and whose is it? The SAN's tenant and
 * agent must agree with the row. ERR_DENIED with the reason. */
int agent_admit(struct registry *rg, const char *serial, const char *san_tenant,
		const char *san_agent, struct err *err);
int agent_seen(struct registry *rg, const char *agent, const char *addr, int64_t now_ns,
	       struct err *err);

/* What the agent's status event told. */
int agent_told(struct registry *rg, const char *agent, const char *version, int64_t skew_ms,
	       struct err *err);

/* ERR_ABSENT: no such tenant; ERR_SYNTAX: a name or address that cannot stand in a header. */
int contact_add(struct registry *rg, const struct contact *c, int64_t *ret_id, struct err *err);
/* tenant NULL: of all. In the order in which they are told. */
int contact_list(struct registry *rg, const char *tenant,
		 int (*each)(void *arg, const struct contact *c), void *arg, struct err *err);
/* The same on a caller's handle whose database has the registry's tables (registry_module), inside
 * the caller's transaction: alerts find their contacts so. */
int contact_list_db(sqlite3 *db, const char *tenant,
		    int (*each)(void *arg, const struct contact *c), void *arg, struct err *err);
extern const struct db_module registry_module;

#endif

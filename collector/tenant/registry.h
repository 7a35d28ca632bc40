/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/registry.h: tenants, agents and their certificates, tokens, contacts: SQLite.
 * The same database file as the alert store (STATE/collector.db), tables of its own.
 * Threads: a handle belongs to one thread. */
#ifndef VARTIO_TENANT_REGISTRY_H
#define VARTIO_TENANT_REGISTRY_H

#include "collector/alert/notify.h"

struct registry;
int registry_open(const char *db_path, struct registry **ret, struct err *err);
void registry_close(struct registry *rg);

bool tenant_id_ok(const char *id); /* [a-z][a-z0-9-]{0,31} */
int tenant_add(struct registry *rg, const char *id, const char *name, const char *by, int64_t now_ns,
	       struct err *err); /* ERR_EXISTS also for an id that was erased: ids are never used again */
int tenant_list(struct registry *rg, int (*each)(void *arg, const char *id, const char *name,
						 int64_t created_ns),
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
int agent_revoke(struct registry *rg, const char *agent, const char *by, int64_t now_ns,
		 struct err *err);
/* The listener's question at each door: is this serial live, and whose is it? The SAN's tenant and
 * agent must agree with the row. ERR_DENIED with the reason. */
int agent_admit(struct registry *rg, const char *serial, const char *san_tenant,
		const char *san_agent, struct err *err);
int agent_seen(struct registry *rg, const char *agent, const char *addr, int64_t now_ns,
	       struct err *err);

int contact_add(struct registry *rg, const struct contact *c, int64_t *ret_id, struct err *err);
int contact_list(struct registry *rg, const char *tenant,
		 int (*each)(void *arg, const struct contact *c), void *arg, struct err *err);

#endif

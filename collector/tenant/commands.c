/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/commands.c: vartio-collector tenant, token and agent. */
#include "collector/tenant/commands.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/base/time.h"

/* A list for people: a head, then one line a row, cells between tabs. */
static void put_cells(struct cmd *c, const char *const *cells, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_str(&c->out, i > 0 ? "\t" : "");
		cmd_put_text(&c->out, slice_str(*cells[i] != '\0' ? cells[i] : "-"));
	}
	buf_chr(&c->out, '\n');
}

static const char *when(int64_t t_ns, char out[TIME_TEXT_MAX])
{
	if (t_ns == 0)
		strcpy(out, "never");
	else
		time_format(t_ns - t_ns % NS_PER_MS, out);
	return out;
}

static int tenant_add_run(struct cmd *c)
{
	const char *name = cmd_opt(c, "name"), *by = cmd_by(c), *id = cmd_arg(c, 0);
	struct registry *rg;
	struct err err;
	int r = by == NULL ? 2 : cmd_no_more(c, 1);

	if (r != 0)
		return r;
	if (id == NULL || name == NULL)
		return cmd_usage(c, "an id and --name are needed");
	rg = c->registry(c);
	if (rg == NULL)
		return 1;
	if (tenant_add(rg, id, name, by, c->now_ns, &err) < 0)
		return cmd_fail(c, &err);
	buf_printf(
		&c->out,
		"tenant %s added; next: vartio-collector contact add --tenant %s ..., and for each "
		"server: vartio-collector token create --tenant %s\n",
		id, id, id);
	return 0;
}

struct listing {
	struct cmd *c;
	json_t *json; /* NULL: a list for people */
	bool failed;  /* a row did not fit in memory */
};

/* A list of the registry: for people under a head, or as JSON. */
static int list_run(struct cmd *c, const char *const *head, size_t n,
		    int (*rows)(struct registry *rg, struct listing *ls, struct err *err))
{
	struct listing ls = { .c = c };
	bool json = cmd_flag(c, "json");
	struct registry *rg;
	struct err err;
	int r = cmd_no_more(c, 0);

	if (r != 0)
		return r;
	rg = c->registry(c);
	if (rg == NULL)
		return 1;
	if (json)
		ls.json = json_array();
	else
		put_cells(c, head, n);
	if (rows(rg, &ls, &err) < 0) {
		json_decref(ls.json);
		return cmd_fail(c, &err);
	}
	return json ? cmd_put_json(c, ls.json, ls.failed) : 0;
}

static int tenant_row(void *arg, const char *id, const char *name, int64_t created_ns)
{
	struct listing *ls = arg;
	char at[TIME_TEXT_MAX];
	const char *cells[] = { id, name, when(created_ns, at) };

	if (ls->json == NULL)
		put_cells(ls->c, cells, 3);
	else
		ls->failed |=
			json_array_append_new(ls->json, json_pack("{s:s, s:s, s:s}", "id", id,
								  "name", name, "created", at)) < 0;
	return ls->failed;
}

static int tenant_rows(struct registry *rg, struct listing *ls, struct err *err)
{
	return tenant_list(rg, tenant_row, ls, err);
}

static int tenant_list_run(struct cmd *c)
{
	static const char *const head[] = { "ID", "NAME", "CREATED" };

	return list_run(c, head, sizeof(head) / sizeof(head[0]), tenant_rows);
}

/* The door's address as agents reach it. */
static int door_address(const struct config *cf, char out[300], struct err *err)
{
	if (cf->agents.enrol_port == 0)
		return err_set(err, ERR_USAGE,
			       "agents.enrol_port is 0 in the settings; a token needs a fixed port "
			       "(5043)");
	snprintf(out, 300, strchr(cf->agents.address, ':') != NULL ? "[%s]:%u" : "%s:%u",
		 cf->agents.address, (unsigned)cf->agents.enrol_port);
	return 0;
}

static int token_create_run(struct cmd *c)
{
	const char *tenant = cmd_opt(c, "tenant"), *hours_text = cmd_opt(c, "hours"),
		   *by = cmd_by(c);
	struct registry *rg;
	struct ca *ca;
	char address[300];
	uint64_t hours = 24;
	struct err err;
	int r = by == NULL ? 2 : cmd_no_more(c, 0);

	if (r != 0)
		return r;
	if (tenant == NULL)
		return cmd_usage(c, "--tenant is needed");
	if (hours_text != NULL && !slice_uint(slice_str(hours_text), 100000, &hours))
		return cmd_usage(c, "--hours is a whole number");
	rg = c->registry(c);
	ca = rg != NULL ? c->ca(c) : NULL;
	if (ca == NULL)
		return 1;
	if (door_address(c->conf, address, &err) < 0 ||
	    token_create(rg, ca, tenant, address, (int64_t)hours, by, c->now_ns, &c->out, &err) <
		    0) {
		buf_reset(&c->out);
		return cmd_fail(c, &err);
	}
	buf_chr(&c->out, '\n');
	buf_printf(&c->err,
		   "This line enrols one machine of tenant %s within %u hours. On that machine: "
		   "sudo vartio-agent enrol - (and paste it)\n",
		   tenant, (unsigned)hours);
	return 0;
}

static int agent_row(void *arg, const struct agent_row *row)
{
	struct listing *ls = arg;
	char seen[TIME_TEXT_MAX], issued[TIME_TEXT_MAX], expires[TIME_TEXT_MAX];
	const char *cells[] = { row->tenant,
				row->agent,
				row->state,
				row->host,
				when(row->last_seen_ns, seen),
				row->last_addr,
				row->version,
				when(row->expires_ns, expires) };

	if (ls->json == NULL)
		put_cells(ls->c, cells, sizeof(cells) / sizeof(cells[0]));
	else
		ls->failed |=
			json_array_append_new(
				ls->json,
				json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, "
					  "s:I}",
					  "tenant", row->tenant, "agent", row->agent, "state",
					  row->state, "kind", row->kind, "host", row->host,
					  "serial", row->serial, "issued",
					  when(row->issued_ns, issued), "expires", expires,
					  "last_seen", row->last_seen_ns != 0 ? seen : "",
					  "last_address", row->last_addr, "version", row->version,
					  "skew_ms", (json_int_t)row->skew_ms)) < 0;
	return ls->failed;
}

static int agent_rows(struct registry *rg, struct listing *ls, struct err *err)
{
	return agent_list(rg, agent_row, ls, err);
}

static int agent_list_run(struct cmd *c)
{
	static const char *const head[] = { "TENANT",    "AGENT",   "STATE",   "HOST",
					    "LAST SEEN", "ADDRESS", "VERSION", "EXPIRES" };

	return list_run(c, head, sizeof(head) / sizeof(head[0]), agent_rows);
}

static int agent_revoke_run(struct cmd *c)
{
	const char *by = cmd_by(c), *id = cmd_arg(c, 0);
	struct registry *rg;
	struct err err;
	int r = by == NULL ? 2 : cmd_no_more(c, 1);

	if (r != 0)
		return r;
	if (id == NULL)
		return cmd_usage(c, "which agent? `vartio-collector agent list` shows them");
	rg = c->registry(c);
	if (rg == NULL)
		return 1;
	if (agent_revoke(rg, id, by, c->now_ns, &err) < 0)
		return cmd_fail(c, &err);
	buf_printf(&c->out, "agent %s is revoked: what it sends is refused from now on\n", id);
	return 0;
}

static int agent_certify_run(struct cmd *c)
{
	const char *tenant = cmd_opt(c, "tenant"), *host = cmd_opt(c, "host"), *by = cmd_by(c);
	struct slice csr = c->file(c, "csr");
	struct buf agent = { 0 };
	struct registry *rg;
	struct ca *ca;
	struct err err;
	int r = by == NULL ? 2 : cmd_no_more(c, 0);

	if (r != 0)
		return r;
	if (tenant == NULL || csr.p == NULL)
		return cmd_usage(c, "--tenant and --csr are needed");
	rg = c->registry(c);
	ca = rg != NULL ? c->ca(c) : NULL;
	if (ca == NULL)
		return 1;
	r = ca_certify(ca, rg, tenant, csr, host != NULL ? host : "sender", by, c->now_ns, &c->out,
		       &agent, &err);
	if (r == 0)
		buf_printf(&c->err,
			   "certificate of sender %s, tenant %s; the authority's is below it\n",
			   buf_cstr(&agent), tenant);
	buf_release(&agent);
	return r < 0 ? cmd_fail(c, &err) : 0;
}

const struct command command_tenant_add = {
	.words = "tenant add",
	.usage = "ID --name NAME [--by WHO]",
	.help = "a municipality; its id is for ever",
	.where = CMD_STATE,
	.run = tenant_add_run,
};
const struct command command_tenant_list = {
	.words = "tenant list",
	.usage = "[--json]",
	.help = "the municipalities",
	.where = CMD_STATE,
	.run = tenant_list_run,
};
const struct command command_token_create = {
	.words = "token create",
	.usage = "--tenant ID [--hours N] [--by WHO]",
	.help = "one line that enrols one agent, once, within N hours (24)",
	.where = CMD_STATE,
	.run = token_create_run,
};
const struct command command_agent_list = {
	.words = "agent list",
	.usage = "[--json]",
	.help = "agents and foreign senders, and when each was seen",
	.where = CMD_STATE,
	.run = agent_list_run,
};
const struct command command_agent_revoke = {
	.words = "agent revoke",
	.usage = "ID [--by WHO]",
	.help = "refuses an agent from now on, also on open connections",
	.where = CMD_STATE,
	.run = agent_revoke_run,
};
const struct command command_agent_certify = {
	.words = "agent certify",
	.usage = "--tenant ID --csr FILE [--host NAME] [--by WHO]",
	.help = "a certificate for a foreign sender (Filebeat, Winlogbeat): PEM on standard output",
	.where = CMD_STATE,
	.run = agent_certify_run,
	.file = "csr",
};

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/contact_commands.c: vartio-collector contact add | list | test. */
#include <jansson.h>
#include <stdlib.h>

#include "collector/alert/contact_commands.h"

#include "collector/tenant/registry.h"

static int lang_of(const char *name)
{
	for (int l = 0; l < LANGS; l++)
		if (strcmp(lang_names[l], name) == 0)
			return l;
	return -1;
}

static int add(struct cmd *c)
{
	const char *order = cmd_opt(c, "order"), *lang = cmd_opt(c, "lang");
	struct contact who = { .tenant = cmd_opt(c, "tenant"),
			       .name = cmd_opt(c, "name"),
			       .email = cmd_opt(c, "email"),
			       .phone = cmd_opt(c, "phone"),
			       .role = cmd_opt(c, "role"),
			       .order = 1 };
	struct registry *rg;
	struct err err;
	uint64_t n = 1;
	int64_t id;
	int r = cmd_no_more(c, 0);

	if (r != 0)
		return r;
	if (who.tenant == NULL || who.name == NULL || who.email == NULL || lang == NULL)
		return cmd_usage(c, "--tenant, --name, --email and --lang are needed");
	if (lang_of(lang) < 0)
		return cmd_usage(c, "--lang is fi, sv or en");
	if (order != NULL && !slice_uint(slice_str(order), 1000, &n))
		return cmd_usage(c, "--order is a number from 0 to 1000; the lowest is told first");
	who.lang = (enum lang)lang_of(lang);
	who.order = (int64_t)n;
	rg = c->registry(c);
	if (rg == NULL)
		return 1;
	if (contact_add(rg, &who, &id, &err) < 0)
		return cmd_fail(c, &err);
	buf_printf(&c->out, "contact %lld added; try it: vartio-collector contact test %lld\n",
		   (long long)id, (long long)id);
	return 0;
}

static int print_contact(void *arg, const struct contact *who)
{
	struct cmd *c = arg;
	const char *texts[] = { who->tenant, who->name, who->email,
				who->phone,  who->role, lang_names[who->lang] };

	buf_i64(&c->out, who->id);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		buf_chr(&c->out, '\t');
		cmd_put_text(&c->out, slice_str(texts[i]));
	}
	buf_printf(&c->out, "\t%lld\n", (long long)who->order);
	return 0;
}

struct json_list {
	json_t *rows;
	bool failed; /* a row did not fit in memory */
};

static int add_contact(void *arg, const struct contact *who)
{
	struct json_list *jl = arg;
	json_t *row = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "id",
				(json_int_t)who->id, "tenant", who->tenant, "name", who->name,
				"email", who->email, "phone", who->phone, "role", who->role,
				"language", lang_names[who->lang], "order", (json_int_t)who->order);

	jl->failed = json_array_append_new(jl->rows, row) < 0; /* also where row is NULL */
	return jl->failed;
}

static int list_json(struct cmd *c, struct registry *rg, const char *tenant)
{
	struct json_list jl = { .rows = json_array() };
	struct err err;

	if (jl.rows != NULL && contact_list(rg, tenant, add_contact, &jl, &err) < 0) {
		json_decref(jl.rows);
		return cmd_fail(c, &err);
	}
	return cmd_put_json(c, jl.rows, jl.failed);
}

static int list(struct cmd *c)
{
	const char *tenant = cmd_opt(c, "tenant");
	bool json = cmd_flag(c, "json");
	struct registry *rg;
	struct err err;
	int r = cmd_no_more(c, 0);

	if (r != 0)
		return r;
	rg = c->registry(c);
	if (rg == NULL)
		return 1;
	if (tenant != NULL && tenant_exists(rg, tenant, &err) < 0)
		return cmd_fail(c, &err);
	if (json)
		return list_json(c, rg, tenant);
	buf_str(&c->out, "ID\tTENANT\tNAME\tE-MAIL\tPHONE\tROLE\tLANGUAGE\tORDER\n");
	return contact_list(rg, tenant, print_contact, c, &err) < 0 ? cmd_fail(c, &err) : 0;
}

static int test(struct cmd *c)
{
	const char *id = cmd_arg(c, 0);
	struct alert_store *as;
	struct err err;
	uint64_t n;
	int r = cmd_no_more(c, 1);

	if (r != 0)
		return r;
	if (id == NULL || !slice_uint(slice_str(id), INT64_MAX, &n))
		return cmd_usage(c, "which contact? `contact list` shows their numbers");
	as = c->alerts(c);
	if (as == NULL)
		return 1;
	if (alert_begin(as, &err) < 0)
		return cmd_fail(c, &err);
	if (notify_test(as, &c->conf->notify, (int64_t)n, c->now_ns, &err) < 0) {
		alert_rollback(as);
		return cmd_fail(c, &err);
	}
	if (alert_commit(as, &err) < 0)
		return cmd_fail(c, &err);
	buf_printf(&c->out,
		   "a test message to contact %llu is queued; the collector sends it now, "
		   "or when it is started\n",
		   (unsigned long long)n);
	return 0;
}

const struct command command_contact_add = {
	.words = "contact add",
	.usage =
		"--tenant ID --name N --email E --lang fi|sv|en [--phone P] [--role R] [--order N]",
	.help = "a person who gets the tenant's alerts",
	.where = CMD_STATE,
	.run = add,
};
const struct command command_contact_list = {
	.words = "contact list",
	.usage = "[--tenant ID] [--json]",
	.help = "who gets alerts, in the order in which they are told",
	.where = CMD_STATE,
	.run = list,
};
const struct command command_contact_test = {
	.words = "contact test",
	.usage = "ID",
	.help = "sends a test message to a contact",
	.where = CMD_STATE,
	.run = test,
};

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/alert_commands.c: vartio-collector alerts list | show | ack | close | verify. */
#include "collector/alert/alert_commands.h"

#include <stdio.h>
#include <stdlib.h>

#include "collector/alert/show.h"
#include "collector/tenant/registry.h"
#include "common/base/time.h"

static int put_json(struct buf *out, json_t *j, size_t flags)
{
	char *text = j != NULL ? json_dumps(j, flags) : NULL;

	if (text != NULL)
		buf_str(out, text);
	else
		out->failed = true;
	free(text);
	json_decref(j);
	return text != NULL ? 0 : -1;
}

static int finish(struct cmd *c)
{
	struct err err;

	if (!c->out.failed)
		return 0;
	buf_reset(&c->out);
	err_nomem(&err);
	return cmd_fail(c, &err);
}

struct listing {
	struct cmd *c;
	bool json;
	size_t n;
};

static int list_each(void *arg, const struct alert *al)
{
	struct listing *ls = arg;
	struct buf *out = &ls->c->out;

	if (!ls->json) {
		if (ls->n++ == 0)
			buf_str(out,
				"CODE\tTENANT\tLEVEL\tSTATE\tEVENTS\tLATEST\tCONCERNS\tTITLE\n");
		alert_show_line(out, al);
		return out->failed;
	}
	buf_str(out, ls->n++ == 0 ? "\n" : ",\n");
	return put_json(out, alert_to_json(al), JSON_COMPACT) < 0;
}

static int list(struct cmd *c)
{
	struct listing ls = { .c = c, .json = cmd_flag(c, "json") };
	const char *tenant = cmd_opt(c, "tenant");
	bool all = cmd_flag(c, "all");
	struct registry *rg;
	struct alert_store *as;
	struct err err;
	int r = cmd_no_more(c, 0);

	if (r != 0)
		return r;
	if (tenant != NULL) { /* a mistyped name must not look like a quiet municipality */
		rg = c->registry(c);
		if (rg == NULL)
			return 1;
		if (tenant_exists(rg, tenant, &err) < 0)
			return cmd_fail(c, &err);
	}
	as = c->alerts(c);
	if (as == NULL)
		return 1;
	if (ls.json)
		buf_chr(&c->out, '[');
	if (alert_list(as, tenant, all, list_each, &ls, &err) < 0) {
		buf_reset(&c->out);
		return cmd_fail(c, &err);
	}
	if (ls.json)
		buf_str(&c->out, ls.n > 0 ? "\n]\n" : "]\n");
	else if (ls.n == 0)
		buf_str(&c->out, all ? "no alerts\n" : "no open alerts\n");
	return finish(c);
}

static int step_text(void *arg, int64_t seq, int64_t at_ns, const char *kind, const char *detail)
{
	struct cmd *c = arg;

	alert_show_step(&c->out, at_ns, kind, detail);
	return c->out.failed;
}

struct timeline {
	json_t *rows;
	bool failed;
};

static int step_json(void *arg, int64_t seq, int64_t at_ns, const char *kind, const char *detail)
{
	struct timeline *tl = arg;
	json_t *d = json_loads(detail, JSON_ALLOW_NUL, NULL);
	char at[TIME_TEXT_MAX];

	time_format(at_ns, at);
	tl->failed = json_array_append_new(tl->rows,
					   json_pack("{s:I, s:s, s:s, s:o}", "seq", (json_int_t)seq,
						     "at", at, "kind", kind, "detail",
						     d != NULL ? d : json_null())) < 0;
	return tl->failed;
}

struct named {
	const char *id;
	char *name; /* a copy */
};

static int name_each(void *arg, const char *id, const char *name, int64_t created_ns)
{
	struct named *nm = arg;

	if (strcmp(id, nm->id) != 0)
		return 0;
	nm->name = strdup(name);
	return 1;
}

static int show_text(struct cmd *c, struct alert_store *as, const struct alert *al, struct err *err)
{
	struct named nm = { al->tenant, NULL };
	struct registry *rg = c->registry(c);
	struct show sh = { .notify = &c->conf->notify };
	int r = -1;

	if (rg == NULL)
		return 1;
	if (tenant_list(rg, name_each, &nm, err) < 0)
		goto out;
	sh.tenant_name = nm.name;
	alert_show(&c->out, al, &sh);
	buf_str(&c->out, "\nTimeline\n");
	r = alert_log_each(as, al->id, step_text, c, err);
out:
	free(nm.name);
	return r;
}

static int show_json(struct cmd *c, struct alert_store *as, const struct alert *al, struct err *err)
{
	struct timeline tl = { json_array(), false };
	json_t *j = alert_to_json(al);

	if (alert_log_each(as, al->id, step_json, &tl, err) < 0) {
		json_decref(j);
		json_decref(tl.rows);
		return -1;
	}
	if (json_object_set_new(j, "log", tl.rows) < 0 || tl.failed)
		c->out.failed = true;
	put_json(&c->out, j, JSON_INDENT(2));
	buf_chr(&c->out, '\n');
	return 0;
}

static int show(struct cmd *c)
{
	bool json = cmd_flag(c, "json");
	const char *id = cmd_arg(c, 0);
	struct alert_store *as;
	struct arena mem = { 0 };
	struct alert al;
	struct err err;
	int r = cmd_no_more(c, 1);

	if (r != 0)
		return r;
	if (id == NULL)
		return cmd_usage(c, "which alert? its code (VA-...), or the beginning of it");
	as = c->alerts(c);
	if (as == NULL)
		return 1;
	if (alert_get(as, id, &mem, &al, &err) < 0) {
		arena_release(&mem);
		return cmd_fail(c, &err);
	}
	r = json ? show_json(c, as, &al, &err) : show_text(c, as, &al, &err);
	arena_release(&mem);
	if (r != 0) {
		buf_reset(&c->out);
		return r < 0 ? cmd_fail(c, &err) : r;
	}
	return finish(c);
}

static enum verdict verdict_of(const char *name)
{
	for (int v = VERDICT_ATTACK; verdict_names[v] != NULL; v++)
		if (strcmp(verdict_names[v], name) == 0)
			return (enum verdict)v;
	return VERDICT_NONE;
}

/* ack and close: verdict is NULL for ack. */
static int answer(struct cmd *c, bool closing)
{
	const char *by = cmd_opt(c, "by"), *verdict = closing ? cmd_opt(c, "verdict") : NULL;
	const char *id = cmd_arg(c, 0);
	struct alert_store *as;
	struct arena mem = { 0 };
	struct alert al;
	struct err err;
	char via[160];
	int r = cmd_no_more(c, 1);

	if (r != 0)
		return r;
	if (id == NULL)
		return cmd_usage(c, "which alert? its code (VA-...), or the beginning of it");
	if (by == NULL)
		return cmd_usage(c, "--by NAME: who answers");
	if (closing && (verdict == NULL || verdict_of(verdict) == VERDICT_NONE))
		return cmd_usage(c, "--verdict attack, stopped, false-alarm, allowed or exercise");
	as = c->alerts(c);
	if (as == NULL)
		return 1;
	snprintf(via, sizeof(via), "command line%s%s", c->peer != NULL ? ", " : "",
		 c->peer != NULL ? c->peer : "");
	r = alert_get(as, id, &mem, &al, &err);
	if (r == 0)
		r = closing ? alert_close(as, al.id, by, verdict_of(verdict), via, c->now_ns, &err)
			    : alert_acknowledge(as, al.id, by, via, c->now_ns, &err);
	if (r == 0) {
		buf_printf(&c->out, "%s %s", al.code, closing ? "closed" : "acknowledged");
		if (closing)
			buf_printf(&c->out, " (%s)", verdict);
		buf_str(&c->out, " by ");
		cmd_put_text(&c->out, slice_str(by));
		buf_chr(&c->out, '\n');
	}
	arena_release(&mem);
	return r < 0 ? cmd_fail(c, &err) : finish(c);
}

static int ack(struct cmd *c)
{
	return answer(c, false);
}

static int close_alert(struct cmd *c)
{
	return answer(c, true);
}

static int verify(struct cmd *c)
{
	struct alert_store *as;
	struct err err;
	uint64_t rows;
	int r = cmd_no_more(c, 0);

	if (r != 0)
		return r;
	as = c->alerts(c);
	if (as == NULL)
		return 1;
	if (alert_log_verify(as, &rows, &err) < 0)
		return cmd_fail(c, &err);
	buf_printf(&c->out, "the alert log is whole: %llu rows\n", (unsigned long long)rows);
	return finish(c);
}

const struct command command_alerts_list = {
	.words = "alerts list",
	.usage = "[--tenant ID] [--json] [--all]",
	.help = "open alerts, newest first; --all: closed ones too",
	.where = CMD_STATE,
	.run = list,
};
const struct command command_alerts_show = {
	.words = "alerts show",
	.usage = "ID [--json]",
	.help = "an alert by its code or id: what happened, from where, and what was done",
	.where = CMD_STATE,
	.run = show,
};
const struct command command_alerts_ack = {
	.words = "alerts ack",
	.usage = "ID --by WHO",
	.help = "records that somebody takes care of an alert",
	.where = CMD_STATE,
	.run = ack,
};
const struct command command_alerts_close = {
	.words = "alerts close",
	.usage = "ID --by WHO --verdict attack|stopped|false-alarm|allowed|exercise",
	.help = "closes an alert with what it turned out to be",
	.where = CMD_STATE,
	.run = close_alert,
};
const struct command command_alerts_verify = {
	.words = "alerts verify",
	.usage = "",
	.help = "checks the alert log's chain: that no row was changed, removed or reordered",
	.where = CMD_STATE,
	.run = verify,
};

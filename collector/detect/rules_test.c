/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/rules_test.c: `rules test`: the examples that rules carry, through what the
 * program does with real ones: normalise, detect, and correlate for correlations. */
#include <stdio.h>
#include <stdlib.h>

#include "collector/correlate/correlate.h"
#include "collector/detect/commands.h"
#include "collector/detect/engine.h"
#include "common/base/text.h"
#include "common/base/time.h"
#include "common/normalise/normalise.h"

struct bench {
	struct cmd *c;
	struct ruleset *rs;
	struct detector *dt;
	struct normaliser *nz;
	struct arena mem;
	struct event ev;
	struct buf json;
	struct signal_in sg;
	struct correlate *co;
	const struct rule *rule; /* whose example it is */
	const struct rule **hits;
	size_t n_hits, cap_hits;
	uint64_t seq;
	int64_t time_ns;
	bool found, nomem;
	size_t passed, failed, none;
};

static void on_match(void *arg, const struct rule *rule)
{
	struct bench *b = arg;
	size_t cap = b->cap_hits > 0 ? b->cap_hits * 2 : 16;
	const struct rule **more;

	if (rule == b->rule)
		b->found = true;
	if (b->n_hits == b->cap_hits) {
		more = realloc(b->hits, cap * sizeof(*more));
		if (more == NULL) {
			b->nomem = true;
			return;
		}
		b->hits = more;
		b->cap_hits = cap;
	}
	b->hits[b->n_hits++] = rule;
}

static void on_finding(void *arg, const struct finding *f)
{
	struct bench *b = arg;

	if (f->rule == b->rule && f->holds)
		b->found = true;
}

/* The event of b->json goes through the rules, and its matches through the windows. */
static int feed(struct bench *b, int64_t shift_ns, struct err *err)
{
	const struct json_field *at;
	char id[32];

	b->n_hits = 0;
	if (json_index_read(&b->sg.event, buf_view(&b->json), err) < 0 ||
	    detector_run(b->dt, &b->sg.event, on_match, b, err) < 0)
		return -1;
	if (b->nomem)
		return err_nomem(err);
	if (b->co == NULL)
		return 0;
	at = json_index_get(&b->sg.event, SLICE("@timestamp"));
	if (at == NULL || !time_parse(json_field_text(&b->sg.event, at), &b->sg.time_ns))
		b->sg.time_ns = b->c->now_ns;
	b->sg.time_ns += shift_ns;
	b->sg.ingested_ns = b->sg.time_ns;
	b->sg.tenant = SLICE("examples");
	snprintf(id, sizeof(id), "example-%llu", (unsigned long long)++b->seq);
	b->sg.event_id = slice_str(id);
	for (size_t i = 0; i < b->n_hits; i++) {
		b->sg.rule_id = slice_str(b->hits[i]->id);
		if (correlate_signal(b->co, &b->sg, b->sg.time_ns, false, err) < 0)
			return -1;
	}
	return 0;
}

static int make_json(struct bench *b, const struct example *ex, size_t i)
{
	struct norm_source src = { .input = "log", .received_ns = b->c->now_ns, .local = true };

	buf_reset(&b->json);
	if (!ex->raw) {
		buf_slice(&b->json, ex->text[i]);
	} else {
		arena_reset(&b->mem);
		normalise(b->nz, NORM_SYSLOG, ex->text[i], &src, &b->mem, &b->ev);
		event_write_json(&b->ev, &b->json);
	}
	return b->json.failed ? -1 : 0;
}

static void say(struct bench *b, const struct example *ex, const char *what, struct slice detail)
{
	struct buf line = { 0 };

	buf_printf(&line, "%s:%u: %s: %s%s", b->rule->path, ex->line, b->rule->title, what,
		   detail.n > 0 ? ": " : "");
	buf_slice(&line, detail);
	text_put_safe(&b->c->out, buf_view(&line));
	buf_chr(&b->c->out, '\n');
	buf_release(&line);
	b->failed++;
}

/* All lines, as often as the example says. Each line of an example of a detection rule must match,
 * or must not; of a correlation, its condition must become true, or never. */
static int run_example(struct bench *b, const struct example *ex, struct err *err)
{
	bool all = true, any = false;
	int r = -1;

	if (b->rule->kind == RULE_CORRELATION) {
		struct correlate_opts opts = { .rules = b->rs, .found = on_finding, .arg = b };

		if (correlate_new(&opts, &b->co, err) < 0)
			return -1;
	}
	b->found = false;
	for (uint32_t n = 0; n < ex->repeat; n++) {
		for (size_t i = 0; i < ex->n; i++) {
			if (b->co == NULL)
				b->found = false;
			if (make_json(b, ex, i) < 0) {
				err_nomem(err);
				goto out;
			}
			if (feed(b, (int64_t)n * ex->every_ns, err) < 0)
				goto out;
			all = all && b->found;
			any = any || b->found;
		}
	}
	if (b->co != NULL)
		all = any = b->found;
	if (ex->match && !all)
		say(b, ex, "should match, and does not", ex->text[0]);
	else if (!ex->match && any)
		say(b, ex, "should not match, and does", ex->text[0]);
	else
		b->passed++;
	r = 0;
out:
	correlate_free(b->co);
	b->co = NULL;
	return r;
}

static int run_rules(struct bench *b, struct err *err)
{
	for (size_t i = 0; i < ruleset_count(b->rs); i++) {
		const struct example *ex;
		size_t n;

		b->rule = ruleset_rule(b->rs, i);
		ex = rule_examples(b->rule, &n);
		b->none += n == 0 ? 1 : 0;
		for (size_t k = 0; k < n; k++) {
			struct err why = { 0 };

			if (run_example(b, &ex[k], &why) == 0)
				continue;
			if (why.code == ERR_NOMEM)
				return err_nomem(err);
			say(b, &ex[k], why.msg, (struct slice){ NULL, 0 });
		}
	}
	return 0;
}

static int run_test(struct cmd *c)
{
	struct bench b = { .c = c };
	struct rules_source src;
	struct rules_report rep;
	struct err err = { 0 };
	int code = 1;

	if (!rules_source_of(c, &src)) {
		buf_printf(&c->err, "usage: vartio-collector %s %s\n", command_rules_test.words,
			   command_rules_test.usage);
		return 2;
	}
	b.rs = rules_for_command(c, &src, &c->out, NULL, &rep);
	if (b.rs == NULL)
		return 1;
	/* A correlation that others stand on raises no alert; here its own examples ask for it. */
	for (size_t i = 0; i < ruleset_count(b.rs); i++)
		b.rs->rules[i]->alerts = true;
	b.dt = detector_new(b.rs);
	b.nz = normaliser_new();
	if (b.dt == NULL || b.nz == NULL) {
		err_nomem(&err);
		goto out;
	}
	if (run_rules(&b, &err) < 0)
		goto out;
	buf_printf(&c->out,
		   "%zu examples passed, %zu failed; %zu rules have none, %zu do not load\n",
		   b.passed, b.failed, b.none, rep.rejected);
	code = b.failed > 0 || rep.rejected > 0 ? 1 : 0;
out:
	if (err.code != ERR_NONE)
		buf_printf(&c->err, "vartio-collector: %s\n", err.msg);
	detector_free(b.dt);
	normaliser_free(b.nz);
	arena_release(&b.mem);
	buf_release(&b.json);
	signal_release(&b.sg);
	free(b.hits);
	ruleset_unref(b.rs);
	return code;
}

const struct command command_rules_test = {
	.words = "rules test",
	.usage = "[--values FILE] PATH...",
	.help = "runs the examples that rules carry: which must match, which must not",
	.where = CMD_LOCAL,
	.run = run_test,
};

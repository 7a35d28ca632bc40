/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/collector/corr_kit.h: correlation rules from text, and signals of the rules a to h that
 * they refer to, as the log would give them. */
#ifndef VARTIO_TEST_CORR_KIT_H
#define VARTIO_TEST_CORR_KIT_H

#include "tests/collector/rule_kit.h"

#include "collector/correlate/correlate.h"
#include "common/base/time.h"

#define T0 INT64_C(1795420800000000000) /* 2026-11-23T08:00:00Z */

struct region {
	struct ruleset *rs;
	struct correlate *co;
	struct correlate_stats stats;
	struct signal_in sg;
	struct buf text;
	unsigned n; /* signals so far: event.id */
	/* Of the last signal: findings of the rule "x". */
	unsigned findings, told;
	bool holds;
};

static inline void region_found(void *arg, const struct finding *f)
{
	struct region *rg = arg;

	if (f->rule->name == NULL || strcmp(f->rule->name, "x") != 0)
		return;
	rg->findings++;
	rg->holds = f->holds;
	rg->told += (unsigned)f->more;
	for (size_t i = 0; i < f->n_signals; i++)
		rg->told += f->signals[i].count;
}

/* The rules a to h, and before them those of text. */
static inline void region_open(struct region *rg, const char *text, size_t max_bytes)
{
	struct buf b = { 0 };
	struct rules_report rep;
	struct heard heard;
	struct correlate_opts opts = { .max_bytes = max_bytes, .found = region_found, .arg = rg };
	struct err err;

	*rg = (struct region){ 0 };
	buf_str(&b, text);
	for (char c = 'a'; c <= 'h'; c++)
		buf_printf(&b,
			   "---\ntitle: %c\nname: %c\nid: %c\nlogsource: {product: linux}\n"
			   "detection: {s: {event.action: %c}, condition: s}\n",
			   c, c, c, c);
	rg->rs = rules_from(buf_view(&b), &rep, &heard);
	if (rep.rejected > 0)
		fail_msg("%s\n%u:%u: %s", text, heard.fault.line, heard.fault.col, heard.fault.msg);
	opts.rules = rg->rs;
	opts.stats = &rg->stats;
	if (correlate_new(&opts, &rg->co, &err) < 0)
		fail_msg("%s", err.msg);
	buf_release(&b);
}

/* fields: JSON members of the event, without braces. */
static inline void region_feed(struct region *rg, char rule, int64_t at_ns, const char *fields)
{
	struct err err;

	buf_reset(&rg->text);
	buf_printf(&rg->text,
		   "{\"tenant\":\"mallila\",\"rule\":\"%c\",\"event_id\":\"e-%u\",\"time\":%lld,"
		   "\"ingested\":%lld,\"event\":{%s}}",
		   rule, ++rg->n, (long long)at_ns, (long long)at_ns, fields);
	rg->findings = rg->told = 0;
	rg->holds = false;
	if (signal_read(buf_view(&rg->text), &rg->sg, &err) < 0 ||
	    correlate_signal(rg->co, &rg->sg, at_ns, false, &err) < 0)
		fail_msg("%s: %s", buf_cstr(&rg->text), err.msg);
}

static inline void region_close(struct region *rg)
{
	correlate_free(rg->co);
	ruleset_unref(rg->rs);
	signal_release(&rg->sg);
	buf_release(&rg->text);
}

#endif

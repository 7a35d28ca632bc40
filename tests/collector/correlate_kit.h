/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/collector/correlate_kit.h: rules, correlations and signals made by hand. */
#ifndef VARTIO_TEST_CORRELATE_KIT_H
#define VARTIO_TEST_CORRELATE_KIT_H

#include "tests/cmocka.h"

#include <stdio.h>

#include "collector/correlate/correlate.h"
#include "common/base/hash.h"
#include "common/base/time.h"

#define T0 INT64_C(1795420800000000000) /* 2026-11-23T08:00:00Z */

/* Rules by hand: correlate asks a ruleset for nothing but these. */
struct ruleset {
	const struct rule *rules;
	size_t n;
};
struct ruleset *ruleset_ref(struct ruleset *rs)
{
	return rs;
}
void ruleset_unref(struct ruleset *rs)
{
}
size_t ruleset_count(const struct ruleset *rs)
{
	return rs->n;
}
const struct rule *ruleset_rule(const struct ruleset *rs, size_t number)
{
	return &rs->rules[number];
}
size_t ruleset_field_looks(const struct ruleset *rs, const char *name,
			   struct field_look ret[FIELD_LOOK_MAX])
{
	ret[0] = (struct field_look){ slice_str(name), hash64(slice_str(name), 0) };
	return 1;
}
const char *correlation_field(const struct correlation *co, const struct rule *rule,
			      const char *name)
{
	for (size_t i = 0; i < co->n_aliases; i++)
		if (co->aliases[i].rule == rule && strcmp(co->aliases[i].alias, name) == 0)
			return co->aliases[i].field;
	return name;
}

enum { FAILED, SUCCESS, NEW_USER, ALONE, C1, C2, RULES };
static struct correlation corr1, corr2;
static struct rule rules[RULES] = {
	[FAILED] = { .number = FAILED, .id = "failed" },
	[SUCCESS] = { .number = SUCCESS, .id = "success" },
	[NEW_USER] = { .number = NEW_USER, .id = "new-user" },
	[ALONE] = { .number = ALONE, .id = "alone", .alerts = true },
	[C1] = { .number = C1,
		 .id = "c1",
		 .kind = RULE_CORRELATION,
		 .alerts = true,
		 .correlation = &corr1 },
	[C2] = { .number = C2,
		 .id = "c2",
		 .kind = RULE_CORRELATION,
		 .alerts = true,
		 .correlation = &corr2 },
};
static struct ruleset set = { rules, RULES };

static const struct rule *ref_failed[] = { &rules[FAILED] };
static const struct rule *ref_two[] = { &rules[FAILED], &rules[SUCCESS] };
static const struct rule *ref_nested[] = { &rules[C2], &rules[SUCCESS] };
static const struct rule *ref_c2[] = { &rules[C2] };
static const struct rule *ref_c1[] = { &rules[C1] };
static const char *by_host[] = { "host.name" };
static const char *by_host_ip[] = { "host.name", "source.ip" };

#define MIN5 (300 * NS_PER_SEC)
#define BASE(t, r, o, v)                                                                           \
	{                                                                                          \
		.type = (t), .rules = (r), .n_rules = sizeof(r) / sizeof((r)[0]),                  \
		.group_by = by_host, .n_group_by = 1, .timespan_ns = MIN5,                         \
		.test = { { (o), (v) } }, .n_tests = 1                                             \
	}
static const struct correlation count3 = BASE(CORR_EVENT_COUNT, ref_failed, CMP_GTE, 3);
static const struct correlation over2 = BASE(CORR_EVENT_COUNT, ref_failed, CMP_GT, 2);
static const struct correlation equal2 = BASE(CORR_EVENT_COUNT, ref_failed, CMP_EQ, 2);
static const struct correlation below2 = BASE(CORR_EVENT_COUNT, ref_failed, CMP_LT, 2);
static const struct correlation either3 = BASE(CORR_EVENT_COUNT, ref_two, CMP_GTE, 3);
static const struct correlation together = BASE(CORR_TEMPORAL, ref_two, CMP_GTE, 2);
static const struct correlation ordered = BASE(CORR_TEMPORAL_ORDERED, ref_two, CMP_GTE, 2);
static const struct correlation nested = BASE(CORR_TEMPORAL_ORDERED, ref_nested, CMP_GTE, 2);
static const struct correlation twice_c2 = BASE(CORR_EVENT_COUNT, ref_c2, CMP_GTE, 2);

static struct {
	unsigned findings, told; /* since the last signal: findings of C1, and their events */
	bool holds;
	unsigned total, others;
	char entity[400], key[400], tenant[64], first_id[64];
	char values[1 << 18]; /* "field=value*count " of the last finding */
	uint64_t more;
	int64_t first_ns, last_ns;
} seen;

static void on_found(void *arg, const struct finding *f)
{
	size_t n = 0;

	if (f->rule != &rules[C1]) {
		seen.others++;
		if (f->rule->kind == RULE_CORRELATION)
			return;
	}
	assert_true(f->n_signals > 0);
	seen.findings++;
	seen.told += (unsigned)f->more;
	seen.more += f->more;
	seen.holds = f->holds;
	snprintf(seen.entity, sizeof(seen.entity), "%.*s", SLICE_FMT(f->entity));
	snprintf(seen.key, sizeof(seen.key), "%.*s", SLICE_FMT(f->group_key));
	snprintf(seen.tenant, sizeof(seen.tenant), "%.*s", SLICE_FMT(f->tenant));
	seen.first_ns = INT64_MAX;
	seen.last_ns = f->signals[f->n_signals - 1].last_ns;
	seen.values[0] = '\0';
	for (size_t i = 0; i < f->n_signals; i++) {
		const struct finding_signal *sg = &f->signals[i];

		assert_true(i == 0 || sg->last_ns >= f->signals[i - 1].last_ns);
		seen.told += sg->count;
		if (sg->first_ns < seen.first_ns) {
			seen.first_ns = sg->first_ns;
			snprintf(seen.first_id, sizeof(seen.first_id), "%.*s",
				 SLICE_FMT(sg->event_id));
		}
		for (size_t k = 0; k < sg->n_values; k++)
			if (n + 400 < sizeof(seen.values))
				n += (size_t)snprintf(seen.values + n, sizeof(seen.values) - n,
						      "%s=%.*s*%u ", sg->values[k].field,
						      SLICE_FMT(sg->values[k].value), sg->count);
	}
	seen.total++;
}

static struct signal_in sg;
static struct buf text;
static unsigned next_id;

/* Feeds one signal as the log would give it. NULL fields are absent. */
static int feed_as(struct correlate *co, const char *tenant, const char *rule, unsigned id,
		   int64_t at_ns, int64_t arrived_ns, const char *host, const char *ip,
		   const char *user, bool replay)
{
	const struct {
		const char *object, *field, *value;
	} parts[] = { { "host", "name", host }, { "source", "ip", ip }, { "user", "name", user } };
	struct err err;

	buf_reset(&text);
	buf_printf(&text,
		   "{\"tenant\":\"%s\",\"rule\":\"%s\",\"event_id\":\"a-%016x-%u\",\"time\":%lld,"
		   "\"ingested\":%lld,\"event\":{\"message\":\"x\"",
		   tenant, rule, 1u, id, (long long)at_ns, (long long)arrived_ns);
	for (size_t i = 0; i < 3; i++) {
		if (parts[i].value == NULL)
			continue;
		buf_printf(&text, ",\"%s\":{\"%s\":", parts[i].object, parts[i].field);
		json_put_string(&text, slice_str(parts[i].value));
		buf_chr(&text, '}');
	}
	buf_str(&text, "}}");
	assert_false(text.failed);
	seen.findings = seen.told = 0;
	if (signal_read(buf_view(&text), &sg, &err) < 0 ||
	    correlate_signal(co, &sg, arrived_ns, replay, &err) < 0)
		fail_msg("%s", err.msg);
	return (int)seen.told;
}

static int feed(struct correlate *co, const char *rule, int at_s, const char *host, const char *ip,
		const char *user)
{
	int64_t at_ns = T0 + at_s * NS_PER_SEC;

	return feed_as(co, "mallila", rule, ++next_id, at_ns, at_ns + NS_PER_SEC, host, ip, user,
		       false);
}

static struct correlate *begin(const struct correlation *c1, const struct correlation *c2,
			       size_t max_bytes)
{
	struct correlate_opts opts = { .rules = &set, .max_bytes = max_bytes, .found = on_found };
	struct correlate *co = NULL;
	struct err err;

	memset(&seen, 0, sizeof(seen));
	corr1 = *c1;
	corr2 = c2 != NULL ? *c2 : count3;
	if (correlate_new(&opts, &co, &err) < 0)
		fail_msg("%s", err.msg);
	return co;
}

static void end(struct correlate *co)
{
	correlate_free(co);
	signal_release(&sg);
	buf_release(&text);
}

#define QUIET "quiet"
#define FOUND "found" /* the condition holds: this signal raises or extends */
#define MORE  "more"  /* below the threshold, of a group that was found */

#endif

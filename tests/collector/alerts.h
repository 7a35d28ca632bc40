/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/collector/alerts.h: findings by hand, and a store in a temporary folder. */
#ifndef VARTIO_TESTS_ALERTS_H
#define VARTIO_TESTS_ALERTS_H

#include <stdio.h>
#include <unistd.h>

#include "collector/alert/alert.h"
#include "common/base/time.h"

#define T0      INT64_C(1795420800000000000) /* 2026-11-23T08:00:00Z */
#define SEC     NS_PER_SEC
#define MINUTE  (60 * SEC)
#define HOUR    (60 * MINUTE)
#define SESSION HOUR

struct store_place {
	char dir[64], db[96];
	struct alert_store *as;
};

static inline void place_open(struct store_place *pl)
{
	struct err err;

	snprintf(pl->dir, sizeof(pl->dir), "/tmp/vartio-alert-XXXXXX");
	assert_non_null(mkdtemp(pl->dir));
	snprintf(pl->db, sizeof(pl->db), "%s/collector.db", pl->dir);
	if (alert_store_open(pl->db, &pl->as, &err) < 0)
		fail_msg("%s", err.msg);
}

static inline void place_close(struct store_place *pl)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char path[128];

	alert_store_close(pl->as);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", pl->db, ends[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(pl->dir), 0);
}

static const char *const rule_tags[] = { "attack.t1110" };
static const char *const rule_entity[] = { "host.name" };
static const struct rule base_rule = {
	.kind = RULE_DETECTION,
	.id = "11111111-0000-4000-8000-000000000001",
	.name = "ssh-failed",
	.title = "SSH: wrong password",
	.level = LEVEL_LOW,
};
static const struct correlation guess_correlation = { .type = CORR_EVENT_COUNT,
						      .timespan_ns = 5 * MINUTE,
						      .n_tests = 1,
						      .test = { { CMP_GTE, 10 } } };
static const struct rule guess_rule = {
	.kind = RULE_CORRELATION,
	.number = 1,
	.id = "11111111-0000-4000-8000-000000000002",
	.name = "ssh-guessing",
	.title = "SSH: password guessing",
	.author = "Vartio",
	.link = "https://vartio.example/rules/ssh-guessing",
	.level = LEVEL_HIGH,
	.tags = (const char **)(uintptr_t)rule_tags,
	.n_tags = 1,
	.entity = (const char **)(uintptr_t)rule_entity,
	.n_entity = 1,
	.to_contact = true,
	.alerts = true,
	.texts = { [LANG_FI] = { .title = "Salasanoja arvaillaan", .what = "Joku arvailee." },
		   [LANG_SV] = { .title = "N\xc3\xa5gon gissar l\xc3\xb6senord" },
		   [LANG_EN] = { .title = "Somebody guesses passwords", .action = "Block it." } },
	.correlation = (struct correlation *)(uintptr_t)&guess_correlation,
};

/* One finding of one signal: host, address, user, time. */
struct hand {
	struct finding f;
	struct finding_signal sg;
	struct finding_value v[3];
	char id[64];
};

static inline const struct finding *hand(struct hand *h, const char *tenant, const char *host,
					 const char *ip, const char *user, unsigned n,
					 int64_t at_ns)
{
	static char key[256];

	snprintf(h->id, sizeof(h->id), "agent1-00000000000000aa-%u", n);
	snprintf(key, sizeof(key), "host.name=%s", host);
	h->v[0] = (struct finding_value){ "host.name", slice_str(host) };
	h->v[1] = (struct finding_value){ "source.ip", slice_str(ip) };
	h->v[2] = (struct finding_value){ "user.name", slice_str(user) };
	h->sg = (struct finding_signal){ &base_rule, slice_str(h->id), at_ns, at_ns, 1, h->v, 3 };
	h->f = (struct finding){ .rule = &guess_rule,
				 .tenant = slice_str(tenant),
				 .entity = slice_str(host),
				 .group_key = slice_str(key),
				 .signals = &h->sg,
				 .n_signals = 1,
				 .sample = SLICE("{\"message\":\"Failed password\"}"),
				 .holds = true };
	return &h->f;
}

/* In a transaction of its own. Whether it raised; id gets the alert's. */
static inline bool apply(struct alert_store *as, const struct finding *f, char id[33])
{
	struct err err;
	bool is_new = false;

	if (alert_begin(as, &err) < 0 ||
	    alert_apply(as, f, f->signals[0].last_ns + SEC, SESSION, &is_new, id, &err) < 0 ||
	    alert_commit(as, &err) < 0)
		fail_msg("%s", err.msg);
	return is_new;
}

static inline int count_each(void *arg, const struct alert *al)
{
	(*(unsigned *)arg)++;
	return 0;
}

static inline unsigned count_alerts(struct alert_store *as)
{
	unsigned n = 0;
	struct err err;

	assert_int_equal(alert_list(as, NULL, true, count_each, &n, &err), 0);
	return n;
}

static inline const struct alert_values *values_of(const struct alert *al, const char *field)
{
	for (size_t i = 0; i < al->n_values; i++)
		if (strcmp(al->values[i].field, field) == 0)
			return &al->values[i];
	fail_msg("the alert has no values of %s", field);
	return NULL;
}

#endif

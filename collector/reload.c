/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/reload.c: moves between
 *	idle -> looking -> idle			nothing has changed, or it is not still yet
 *	idle -> looking -> loading -> idle	it has, and is; or it never is still
 *	idle -> loading -> idle			asked
 * One piece of work at a time; what is asked meanwhile is done behind it. */
#include "collector/reload.h"

#include <stdio.h>
#include <stdlib.h>

#include "collector/detect/walk.h"
#include "common/base/conf.h"
#include "common/base/hash.h"
#include "common/base/log.h"

#define TOLD_MAX 10000u /* faults remembered, so that each is said once */

struct told { /* hashes of the faults that were said, sorted */
	uint64_t *v;
	size_t n, cap;
};

struct reload {
	struct reload_opts opts;
	uv_timer_t timer;
	uv_work_t work;
	bool started, busy, stopping, asked;
	bool load;         /* this piece of work loads; else it only looks */
	bool all;          /* asked: say all faults, and take what there is */
	uint64_t in_force; /* fingerprint of the files whose rules are in force, or were refused */
	uint64_t seen;     /* at the last look */
	bool hurried;      /* this load takes what there is: it has not been still for long */
	bool restless;     /* that has been said */
	uint64_t since_ms; /* the loop's time: what is not in force was first seen; 0: all is */
	struct reload_stats stats;
	size_t rules_n; /* how many are in force */
	/* the work's results */
	uint64_t before, after;
	struct ruleset *fresh;
	struct rules_report rep;
	struct told told, now;
	struct err err;
};

/* -- in the pool ---------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_told(const struct told *t, uint64_t hash)
{
	return t->n > 0 && bsearch(&hash, t->v, t->n, sizeof(hash), by_value) != NULL;
}

static void remember(struct told *t, uint64_t hash)
{
	uint64_t *v = t->v;

	if (t->n == TOLD_MAX)
		return;
	if (t->n == t->cap) {
		v = realloc(t->v, (t->cap * 2 + 64) * sizeof(*v));
		if (v == NULL)
			return; /* it may be said twice */
		t->v = v;
		t->cap = t->cap * 2 + 64;
	}
	t->v[t->n++] = hash;
}

static void on_fault(void *arg, const char *path, const struct err *err)
{
	struct reload *re = arg;
	uint64_t hash = hash64(slice_str(path), hash64(slice_str(err->msg), err->line));
	struct err full = *err;

	remember(&re->now, hash);
	if (!re->all && is_told(&re->told, hash))
		return;
	conf_err_in(&full, path);
	log_err(LOG_LEVEL_ERROR, "rule not loaded", &full);
}

static void load(struct reload *re)
{
	re->rep = (struct rules_report){ .fault = on_fault, .arg = re };
	re->now.n = 0;
	re->before = rules_fingerprint(&re->opts.rules);
	if (ruleset_load_from(&re->opts.rules, &re->rep, &re->fresh, &re->err) < 0)
		re->fresh = NULL;
	re->after = rules_fingerprint(&re->opts.rules);
	if (re->now.n > 0)
		qsort(re->now.v, re->now.n, sizeof(uint64_t), by_value);
}

static void do_work(uv_work_t *work)
{
	struct reload *re = work->data;

	if (re->load)
		load(re);
	else
		re->after = rules_fingerprint(&re->opts.rules);
}

/* -- on the loop ---------------------------------------------------------------------------- */

static void begin(struct reload *re, bool loads);

static void say_loaded(const struct reload *re, const char *what)
{
	char loaded[24], rejected[24];

	snprintf(loaded, sizeof(loaded), "%zu", re->rep.loaded);
	snprintf(rejected, sizeof(rejected), "%zu", re->rep.rejected);
	log_line(LOG_LEVEL_INFO, what, "loaded", loaded, "rejected", rejected, NULL);
}

static void keep_told(struct reload *re)
{
	struct told old = re->told;

	re->told = re->now;
	re->now = old;
}

static bool is_usable(struct reload *re)
{
	if (re->fresh == NULL)
		return false;
	if (ruleset_count(re->fresh) > 0 || re->rules_n == 0)
		return true;
	err_set(&re->err, ERR_ABSENT, "not one rule loads");
	ruleset_unref(re->fresh);
	re->fresh = NULL;
	return false;
}

static void after_load(struct reload *re)
{
	/* Files that changed under the load: it may be half of one state and half of another. */
	if (!re->all && !re->hurried && re->before != re->after) {
		ruleset_unref(re->fresh);
		re->fresh = NULL;
		re->seen = re->after;
		return;
	}
	re->in_force = re->before;
	re->since_ms = 0;
	if (re->hurried)
		re->seen = re->after;
	else
		re->restless = false;
	metric_set(&re->stats.rejected, re->rep.rejected);
	keep_told(re);
	if (!is_usable(re)) {
		metric_add(&re->stats.refused, 1);
		log_err(LOG_LEVEL_ERROR, "rules not reloaded, the old ones stay in force",
			&re->err);
		return;
	}
	re->rules_n = ruleset_count(re->fresh);
	say_loaded(re, "rules reloaded");
	re->opts.loaded(re->opts.arg, re->fresh);
	re->fresh = NULL;
}

static void on_timer(uv_timer_t *timer)
{
	begin(timer->data, false);
}

static void next_look(struct reload *re)
{
	int64_t ms = re->seen != re->in_force ? re->opts.still_ms : re->opts.every_ms;

	if (re->opts.every_ms > 0)
		uv_timer_start(&re->timer, on_timer, (uint64_t)ms, 0);
}

/* Files that something touches all the time would never be loaded. */
static bool is_restless(struct reload *re)
{
	uint64_t now = uv_now(re->timer.loop);

	if (re->since_ms == 0)
		re->since_ms = now;
	if (now - re->since_ms < (uint64_t)re->opts.restless_ms)
		return false;
	if (!re->restless)
		log_line(LOG_LEVEL_WARN,
			 "the files of rules change all the time: they are loaded as they are",
			 NULL);
	re->restless = true;
	return true;
}

static void after_look(struct reload *re)
{
	bool still = re->after == re->seen;

	re->seen = re->after;
	if (re->seen == re->in_force) {
		re->since_ms = 0;
		next_look(re);
		return;
	}
	re->hurried = is_restless(re);
	if (still || re->hurried)
		begin(re, true);
	else
		next_look(re);
}

static void on_done(uv_work_t *work, int status)
{
	struct reload *re = work->data;

	re->busy = false;
	if (re->stopping) {
		ruleset_unref(re->fresh);
		re->fresh = NULL;
		return;
	}
	if (re->load)
		after_load(re);
	if (re->asked)
		reload_ask(re);
	else if (re->load)
		next_look(re);
	else
		after_look(re);
}

static void begin(struct reload *re, bool loads)
{
	re->load = loads;
	re->all = re->asked;
	re->asked = false;
	re->work.data = re;
	re->busy = uv_queue_work(re->timer.loop, &re->work, do_work, on_done) == 0;
}

void reload_ask(struct reload *re)
{
	re->asked = true;
	if (re->busy || re->stopping)
		return;
	uv_timer_stop(&re->timer);
	re->hurried = false;
	begin(re, true);
}

int reload_open(const struct reload_opts *opts, struct reload **ret, struct ruleset **ret_rules,
		struct err *err)
{
	struct reload *re = calloc(1, sizeof(*re));

	if (re == NULL)
		return err_nomem(err);
	re->opts = *opts;
	re->all = true;
	load(re);
	if (re->fresh == NULL) {
		*err = re->err;
		reload_free(re);
		return -1;
	}
	keep_told(re);
	say_loaded(re, "rules loaded");
	re->in_force = re->seen = re->before;
	metric_set(&re->stats.rejected, re->rep.rejected);
	re->rules_n = ruleset_count(re->fresh);
	*ret_rules = re->fresh;
	re->fresh = NULL;
	*ret = re;
	return 0;
}

int reload_start(struct reload *re, uv_loop_t *loop)
{
	int r = uv_timer_init(loop, &re->timer);

	if (r < 0)
		return r;
	re->timer.data = re;
	re->started = true;
	next_look(re);
	return 0;
}

void reload_stop(struct reload *re)
{
	if (re == NULL || !re->started || re->stopping)
		return;
	re->stopping = true;
	uv_close((uv_handle_t *)&re->timer, NULL);
}

const struct reload_stats *reload_stats(const struct reload *re)
{
	return &re->stats;
}

void reload_free(struct reload *re)
{
	if (re == NULL)
		return;
	ruleset_unref(re->fresh);
	free(re->told.v);
	free(re->now.v);
	free(re);
}

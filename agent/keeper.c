/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/tally.h"
#include "common/base/log.h"
#include "common/base/time.h"

#define RETRY_MIN_MS 1000u
#define RETRY_MAX_MS 60000u
#define RESUME_MS    1000u  /* a blocked input looks again this often even if nobody calls it */
#define ZONE_MS      60000u /* how soon a change to summer time is seen */

enum kept_state { KEPT_DOWN, KEPT_OPEN, KEPT_CLOSING };

/* DOWN --open--> OPEN --failed--> CLOSING --closed--> DOWN --timer--> OPEN ... */
struct kept {
	struct input in;
	struct keeper *kp;
	enum kept_state state;
	bool blocked;
	uint32_t retry_ms;
	int64_t opened_ns; /* on the clock of durations */
	uv_timer_t retry;
	char problem[sizeof(((struct err *)NULL)->msg)];
};

struct keeper {
	struct keeper_opts opts;
	struct kept *v;
	size_t n, live_handles;
	uv_timer_t resume, zone;
	bool closing, ending;
	void (*closed)(void *arg);
	void *arg;
};

static int32_t zone_now(void)
{
	time_t t = time(NULL);
	struct tm tm;

	return localtime_r(&t, &tm) != NULL ? (int32_t)tm.tm_gmtoff : 0;
}

static void kept_open(struct kept *k);

static void on_retry(uv_timer_t *t)
{
	struct kept *k = t->data;

	if (k->state == KEPT_DOWN)
		kept_open(k);
	else /* it is still closing */
		uv_timer_start(t, on_retry, RETRY_MIN_MS, 0);
}

static void kept_later(struct kept *k, const struct err *err)
{
	snprintf(k->problem, sizeof(k->problem), "%s", err->msg);
	log_line(LOG_LEVEL_ERROR, "input cannot run; it is tried again", "input", k->in.id,
		 "reason", err->msg, NULL);
	if (!k->kp->closing)
		uv_timer_start(&k->retry, on_retry, k->retry_ms, 0);
	k->retry_ms = k->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : k->retry_ms * 2;
}

static void kept_open(struct kept *k)
{
	struct err err = { 0 };

	k->blocked = false;
	if (k->in.cls->open(&k->in, &err) < 0) {
		kept_later(k, &err);
		return;
	}
	k->state = KEPT_OPEN;
	if (k->problem[0] != '\0')
		log_line(LOG_LEVEL_INFO, "input runs again", "input", k->in.id, NULL);
	k->problem[0] = '\0';
	k->opened_ns = time_mono_ns();
}

static void on_handle_closed(uv_handle_t *h)
{
	struct keeper *kp = h->data;

	if (--kp->live_handles > 0)
		return;
	void (*closed)(void *arg) = kp->closed;
	void *arg = kp->arg;

	free(kp->v);
	free(kp);
	closed(arg);
}

/* All inputs are down: the timers can go, and the keeper with them. */
static void keeper_end(struct keeper *kp)
{
	for (size_t i = 0; i < kp->n; i++)
		if (kp->v[i].state != KEPT_DOWN || kp->ending)
			return;
	kp->ending = true;
	for (size_t i = 0; i < kp->n; i++) {
		if (kp->opts.tally != NULL)
			tally_keep(kp->opts.tally, &kp->v[i].in);
		kp->v[i].retry.data = kp;
		uv_close((uv_handle_t *)&kp->v[i].retry, on_handle_closed);
	}
	uv_close((uv_handle_t *)&kp->resume, on_handle_closed);
	uv_close((uv_handle_t *)&kp->zone, on_handle_closed);
}

static void on_input_closed(struct input *in)
{
	struct kept *k = in->owner;

	k->state = KEPT_DOWN;
	if (k->kp->closing)
		keeper_end(k->kp);
}

void keeper_failed(struct keeper *kp, struct input *in, const struct err *err)
{
	struct kept *k = in->owner;

	if (k->state != KEPT_OPEN)
		return;
	k->state = KEPT_CLOSING;
	/* One that fails soon after each opening is not tried more and more often. */
	if (time_mono_ns() - k->opened_ns > RETRY_MAX_MS * NS_PER_MS)
		k->retry_ms = RETRY_MIN_MS;
	kept_later(k, err);
	in->cls->close(in, on_input_closed);
}

static void on_resume(uv_timer_t *t)
{
	keeper_resume(t->data);
}

void keeper_blocked(struct keeper *kp, struct input *in)
{
	struct kept *k = in->owner;

	if (!k->blocked && in->cls->pause != NULL)
		in->cls->pause(in);
	k->blocked = true;
	if (!uv_is_active((uv_handle_t *)&kp->resume))
		uv_timer_start(&kp->resume, on_resume, RESUME_MS, 0);
}

void keeper_resume(struct keeper *kp)
{
	for (size_t i = 0; i < kp->n && !kp->closing; i++) {
		struct kept *k = &kp->v[i];

		if (!k->blocked || k->state != KEPT_OPEN)
			continue;
		k->blocked = false;
		if (k->in.cls->resume != NULL)
			k->in.cls->resume(&k->in);
	}
}

void keeper_durable(struct keeper *kp, enum lane lane)
{
	for (size_t i = 0; i < kp->n && !kp->closing; i++) {
		struct input *in = &kp->v[i].in;

		if (kp->v[i].state == KEPT_OPEN && in->cls->lane == lane &&
		    in->cls->durable != NULL)
			in->cls->durable(in);
	}
}

static void on_zone(uv_timer_t *t)
{
	struct keeper *kp = t->data;
	int32_t zone = zone_now();

	for (size_t i = 0; i < kp->n; i++)
		kp->v[i].in.zone_s = zone;
}

int keeper_open(const struct keeper_opts *opts, struct keeper **ret, struct err *err)
{
	const struct config *cf = opts->conf;
	struct keeper *kp = calloc(1, sizeof(*kp));

	if (kp == NULL)
		return err_nomem(err);
	kp->opts = *opts;
	kp->n = cf->n_inputs;
	kp->v = calloc(kp->n > 0 ? kp->n : 1, sizeof(*kp->v));
	if (kp->v == NULL) {
		free(kp);
		return err_nomem(err);
	}
	uv_timer_init(opts->loop, &kp->resume);
	uv_timer_init(opts->loop, &kp->zone);
	kp->resume.data = kp->zone.data = kp;
	kp->live_handles = kp->n + 2;
	uv_timer_start(&kp->zone, on_zone, ZONE_MS, ZONE_MS);
	*ret = kp; /* before opening: an input may report at once */
	for (size_t i = 0; i < kp->n; i++) {
		struct kept *k = &kp->v[i];

		k->kp = kp;
		k->retry_ms = RETRY_MIN_MS;
		k->in = (struct input){ .cls = cf->inputs[i].cls,
					.id = cf->inputs[i].id,
					.conf = cf->inputs[i].conf,
					.loop = opts->loop,
					.sink = opts->sink,
					.host = opts->host,
					.zone_s = zone_now(),
					.keep_original = cf->keep_original,
					.owner = k };
		if (opts->tally != NULL)
			tally_give(opts->tally, &k->in);
		uv_timer_init(opts->loop, &k->retry);
		k->retry.data = k;
		kept_open(k);
	}
	if (opts->tally != NULL)
		tally_settle(opts->tally);
	return 0;
}

void keeper_look(struct keeper *kp)
{
	for (size_t i = 0; i < kp->n; i++)
		if (kp->v[i].state == KEPT_OPEN && kp->v[i].in.cls->look != NULL)
			kp->v[i].in.cls->look(&kp->v[i].in);
}

void keeper_each(const struct keeper *kp,
		 void (*each)(void *arg, const struct input *in, bool waiting, const char *problem),
		 void *arg)
{
	for (size_t i = 0; i < kp->n; i++)
		each(arg, &kp->v[i].in, kp->v[i].blocked, kp->v[i].problem);
}

void keeper_close(struct keeper *kp, void (*closed)(void *arg), void *arg)
{
	kp->closing = true;
	kp->closed = closed;
	kp->arg = arg;
	uv_timer_stop(&kp->resume);
	uv_timer_stop(&kp->zone);
	for (size_t i = 0; i < kp->n; i++) {
		struct kept *k = &kp->v[i];

		uv_timer_stop(&k->retry);
		if (k->state == KEPT_OPEN) {
			k->state = KEPT_CLOSING;
			k->in.cls->close(&k->in, on_input_closed);
		}
	}
	keeper_end(kp);
}

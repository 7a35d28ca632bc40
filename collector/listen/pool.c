/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/pool.c: what connections hold that is not whole yet: parts of frames, foreign
 * windows under way, blocks that the queue did not take. Three bounds, so that nobody can hold it
 * against others:
 * A share of it:    a sender, over all its connections, holds an eighth. With that reached only the
 *                   connection that has held something longest is read, until it is whole.
 * Half of the pool: only senders who hold little are read, so the other half is theirs, and blocks
 *                   of ordinary size go on.
 * All of it:        nobody is read.
 * In the last two cases those senders that have held something longest go on, POOL_FIRST of them,
 * each with one connection: they end, or dawdle and are closed, and the next ones go on.
 * What is under way must get on in any case, at 250 bytes a second while it is read: who lags
 * behind that by frame_ms (stall_ms: one that goes on while others wait) is closed. What it sent
 * was not acknowledged and comes again. */
#include "collector/listen/impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/time.h"

#define POOL_FIRST      4u
#define SHARES          8u   /* a sender may hold this part of the pool */
#define LITTLE          128u /* and this part is little: 512 KiB, more than an agent's block */
#define MS_A_BYTE       4    /* 250 bytes a second, a modem of 2,400 bit/s */
#define MS_A_BYTE_SHORT 1    /* when others wait for the memory */
#define LOOK_MS         1000u
#define TELL_EVERY_NS   (60 * NS_PER_SEC)

static uint64_t pool_max(const struct listen_thread *th)
{
	return th->ls->opts.max_held_bytes / th->ls->n_threads;
}

/* A bound is left a little below where it is reached. */
static bool reached(uint64_t held, uint64_t max, bool before)
{
	return held >= max || (before && held >= max - max / 8);
}

static bool holds_little(const struct listen_thread *th, const struct share *sh)
{
	return sh->held <= pool_max(th) / LITTLE;
}

bool pool_lets_read(const struct conn *cn)
{
	const struct listen_thread *th = cn->th;
	const struct share *sh = cn->share;

	if (sh == NULL || (sh->over && sh->first != cn))
		return sh == NULL;
	return th->pool_level == 0 || cn->first_of_pool ||
	       (th->pool_level == 1 && holds_little(th, sh));
}

/* --- a sender's share --- */

static struct conn *oldest(const struct share *sh)
{
	struct conn *ret = NULL;

	for (struct conn *cn = sh->conns; cn != NULL; cn = cn->share_next)
		if (cn->tls != NULL && cn->held > 0 && (ret == NULL || cn->held_ns < ret->held_ns))
			ret = cn;
	return ret;
}

static void review_share(struct listen_thread *th, struct share *sh)
{
	bool was = sh->over;

	sh->over = reached(sh->held, pool_max(th) / SHARES, was);
	if (!was && !sh->over)
		return;
	if (!was)
		metric_add(&th->ls->stats.share_full, 1);
	if (!sh->over)
		sh->first = NULL;
	else if (sh->first == NULL || sh->first->held == 0)
		sh->first = oldest(sh);
	for (struct conn *cn = sh->conns; cn != NULL; cn = cn->share_next)
		intake_update(cn);
}

/* --- all of them --- */

/* Who goes on: of each sender only one, as it may hold seats no more than memory. */
static void choose(struct listen_thread *th)
{
	struct conn *first[POOL_FIRST] = { NULL };

	for (struct conn *cn = th->conns; cn != NULL; cn = cn->next)
		cn->first_of_pool = false;
	for (struct share *sh = th->shares; sh != NULL; sh = sh->hh.next) {
		struct conn *cn = sh->over ? sh->first : oldest(sh);
		unsigned i = POOL_FIRST;

		if (cn == NULL || (th->pool_level < 2 && holds_little(th, sh)))
			continue;
		while (i > 0 && (first[i - 1] == NULL || cn->held_ns < first[i - 1]->held_ns))
			i--;
		if (i == POOL_FIRST)
			continue;
		memmove(&first[i + 1], &first[i], (POOL_FIRST - 1 - i) * sizeof(struct conn *));
		first[i] = cn;
	}
	for (unsigned i = 0; i < POOL_FIRST && first[i] != NULL; i++) {
		if (!first[i]->chosen)
			first[i]->slack_ms = th->ls->opts.stall_ms; /* its time begins now */
		first[i]->first_of_pool = true;
	}
	for (struct conn *cn = th->conns; cn != NULL; cn = cn->next) {
		if (cn->chosen && !cn->first_of_pool)
			cn->slack_ms = th->ls->opts.frame_ms;
		cn->chosen = cn->first_of_pool;
	}
}

static void tell_short(struct listen_thread *th)
{
	const int64_t now = time_mono_ns();
	const struct share *most = NULL;
	const char *colon;
	char tenant[IDENTITY_TENANT_MAX + 1], bytes[24], all[24];

	if (th->told_ns != 0 && now - th->told_ns < TELL_EVERY_NS)
		return;
	for (struct share *sh = th->shares; sh != NULL; sh = sh->hh.next)
		if (most == NULL || sh->held > most->held)
			most = sh;
	if (most == NULL)
		return;
	th->told_ns = now;
	colon = strchr(most->key, ':');
	snprintf(tenant, sizeof(tenant), "%.*s", (int)(colon - most->key), most->key);
	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)most->held);
	snprintf(all, sizeof(all), "%llu", (unsigned long long)th->held_bytes);
	log_line(LOG_LEVEL_WARN,
		 "memory for what senders have begun is short: some wait. Who holds most:",
		 "tenant", tenant, "agent", colon + 1, "bytes", bytes, "bytes_of_all", all, NULL);
}

static void review(struct listen_thread *th)
{
	const uint64_t max = pool_max(th);
	unsigned was = th->pool_level;

	th->pool_level = reached(th->held_bytes, max, was == 2)      ? 2
			 : reached(th->held_bytes, max / 2, was > 0) ? 1
								     : 0;
	if (was == 0 && th->pool_level == 0)
		return;
	if (was == 0) {
		metric_add(&th->ls->stats.pool_full, 1);
		tell_short(th);
	}
	choose(th);
	for (struct conn *cn = th->conns; cn != NULL; cn = cn->next)
		intake_update(cn);
}

/* --- getting on --- */

static uint64_t look_ms(const struct listen_opts *o)
{
	uint32_t least = o->frame_ms < o->stall_ms ? o->frame_ms : o->stall_ms;

	return least / 4 < LOOK_MS ? least / 4 + 1 : LOOK_MS;
}

static void on_look(uv_timer_t *t)
{
	struct listen_thread *th = t->data;
	const int64_t now = time_mono_ns(), most = 2 * (int64_t)look_ms(&th->ls->opts);
	int64_t ms = (now - th->looked_ns) / NS_PER_MS;
	struct err err;

	th->looked_ns = now;
	if (ms > most) /* it was we who stood still */
		ms = most;
	for (struct conn *cn = th->conns; cn != NULL; cn = cn->next) {
		if (cn->tls == NULL || cn->held == 0 || cn->revoked || !intake_reads(cn))
			continue;
		cn->slack_ms -= ms;
		if (cn->slack_ms >= 0)
			continue;
		cn->revoked = true; /* once */
		metric_add(&th->ls->stats.too_slow, 1);
		err_set(&err, ERR_PEER,
			cn->first_of_pool
				? "a frame or window under way came too slowly while others waited "
				  "for its memory (%zu bytes of it are there)"
				: "a frame or window under way came too slowly "
				  "(%zu bytes of it are there)",
			cn->held);
		conn_reject(cn, &err);
	}
	if (th->held_bytes == 0)
		uv_timer_stop(t);
}

void pool_arrived(struct conn *cn, size_t bytes)
{
	const struct listen_opts *o = &cn->th->ls->opts;
	const int64_t most = cn->first_of_pool ? o->stall_ms : o->frame_ms;

	if (bytes > 0)
		cn->heard_ns = time_mono_ns();
	cn->slack_ms += (int64_t)bytes * (cn->first_of_pool ? MS_A_BYTE_SHORT : MS_A_BYTE);
	if (cn->slack_ms > most)
		cn->slack_ms = most;
}

void pool_count(struct conn *cn, size_t bytes)
{
	struct listen_thread *th = cn->th;

	if (cn->held == bytes)
		return;
	if (cn->held == 0) {
		cn->held_ns = time_mono_ns();
		cn->slack_ms = th->ls->opts.frame_ms;
	}
	metric_add(&th->ls->stats.held_bytes, (uint64_t)bytes - cn->held);
	th->held_bytes = th->held_bytes - cn->held + bytes;
	cn->share->held = cn->share->held - cn->held + bytes;
	cn->held = bytes;
	review_share(th, cn->share);
	review(th);
	if (!th->stopping && !uv_is_active((uv_handle_t *)&th->look)) {
		th->looked_ns = time_mono_ns();
		uv_timer_start(&th->look, on_look, look_ms(&th->ls->opts), look_ms(&th->ls->opts));
	}
}

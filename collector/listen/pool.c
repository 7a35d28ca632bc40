/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/pool.c: what connections hold that is not whole yet: parts of frames, foreign
 * windows under way, blocks that the queue did not take. When it is much, reading stops, and with
 * it the growth; nobody is sent away for what others hold.
 * Half of the pool: whoever holds something is not read any more; who holds nothing still is, so
 *                   that frames which come whole get through.
 * All of it:        nobody is read.
 * In both cases those that have held something longest go on, POOL_FIRST of them: they end, or fall
 * silent and are closed, and the next ones go on. So somebody always can, and past the pool it is a
 * frame or a window for each of them, and one read for each other connection. */
#include "collector/listen/impl.h"

#include <stdlib.h>

#include "common/base/time.h"

#define POOL_FIRST 4u
#define LOOK_MS    1000u

static unsigned level_of(const struct listen_thread *th)
{
	const uint64_t max = th->ls->opts.max_held_bytes / th->ls->n_threads;
	const uint64_t held = th->held_bytes;

	/* A level is left a little below where it is entered. */
	if (held >= max || (th->pool_level == 2 && held >= max - max / 8))
		return 2;
	return held >= max / 2 || (th->pool_level > 0 && held >= max / 2 - max / 8);
}

bool pool_lets_read(const struct conn *cn)
{
	return cn->th->pool_level == 0 || cn->first_of_pool ||
	       (cn->th->pool_level == 1 && cn->held == 0);
}

/* Those that have held something longest. */
static void choose(struct listen_thread *th)
{
	struct conn *first[POOL_FIRST] = { NULL };

	for (struct conn *cn = th->conns; cn != NULL; cn = cn->next) {
		unsigned i = POOL_FIRST;

		cn->first_of_pool = false;
		if (cn->tls == NULL || cn->held == 0)
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
			first[i]->heard_ns = time_mono_ns(); /* its time begins now */
		first[i]->first_of_pool = true;
	}
	for (struct conn *cn = th->conns; cn != NULL; cn = cn->next)
		cn->chosen = cn->first_of_pool;
}

static void review(struct listen_thread *th)
{
	unsigned was = th->pool_level;

	th->pool_level = level_of(th);
	if (was == 0 && th->pool_level == 0)
		return;
	if (was == 0)
		metric_add(&th->ls->stats.pool_full, 1);
	choose(th);
	for (struct conn *cn = th->conns; cn != NULL; cn = cn->next)
		intake_update(cn);
}

/* Who goes on and says nothing, while others wait for the memory, is closed: what it sent was not
 * acknowledged and comes again. */
static void on_look(uv_timer_t *t)
{
	struct listen_thread *th = t->data;
	int64_t now = time_mono_ns();
	struct err err;

	for (struct conn *cn = th->conns; cn != NULL; cn = cn->next) {
		if (cn->tls == NULL || !cn->first_of_pool || !intake_reads(cn) ||
		    now - cn->heard_ns < (int64_t)th->ls->opts.stall_ms * NS_PER_MS)
			continue;
		err_set(&err, ERR_PEER, "silent within a frame while memory is short");
		cn->first_of_pool = false;
		conn_reject(cn, &err);
	}
	if (th->pool_level == 0)
		uv_timer_stop(t);
}

void pool_count(struct conn *cn, size_t bytes)
{
	struct listen_thread *th = cn->th;

	cn->heard_ns = time_mono_ns();
	if (cn->held == 0 && bytes > 0)
		cn->held_ns = cn->heard_ns;
	if (cn->held == bytes)
		return;
	metric_add(&th->ls->stats.held_bytes, (uint64_t)bytes - cn->held);
	th->held_bytes = th->held_bytes - cn->held + bytes;
	cn->held = bytes;
	review(th);
	if (th->pool_level > 0 && !th->stopping && !uv_is_active((uv_handle_t *)&th->look))
		uv_timer_start(&th->look, on_look, th->ls->opts.stall_ms / 2 + 1, LOOK_MS);
}

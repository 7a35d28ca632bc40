/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/ship/ship.c: which blocks are on their way, and what the collector's answers mean.
 * May touch:  the spool; the connection through tls_write.
 * Never:      drops a block that was not acknowledged to its last event.
 * Memory:     one piece of a block is with TLS at a time; the rest waits where the spool lends it.
 */
#include "agent/ship/impl.h"

#include <stdlib.h>

#include "common/base/time.h"
#include "common/net/lumberjack.h"

#define IN_FLIGHT 8u
#define ACK_MS    60000u
#define RETRY_MS  1000u
#define AGAIN_MS  1000u

/* --- the line's allowance --- */

static void on_rate(uv_timer_t *t)
{
	ship_pump(t->data);
}

/* Bytes that may be written now; 0: the timer calls again. */
static size_t allowed(struct ship *sh)
{
	uint64_t wait_ms;
	size_t n = allowance_take(&sh->line, uv_now(sh->opts.loop), &wait_ms);

	if (n == 0)
		uv_timer_start(&sh->rate, on_rate, wait_ms, 0);
	return n;
}

/* --- sending --- */

static void on_again(uv_timer_t *t)
{
	ship_pump(t->data);
}

static void on_watch(uv_timer_t *t)
{
	struct ship *sh = t->data;
	uint64_t since;
	struct err err;

	if (sh->count == 0 || !sh->open)
		return;
	if (uv_is_active((uv_handle_t *)&sh->rate)) { /* we make the peer wait, not it us */
		uv_timer_start(&sh->watch, on_watch, sh->opts.ack_ms, 0);
		return;
	}
	since = uv_now(t->loop) - sh->moved_ms;
	if (since < sh->opts.ack_ms) {
		uv_timer_start(&sh->watch, on_watch, sh->opts.ack_ms - since, 0);
		return;
	}
	err_set(&err, ERR_PEER, "no acknowledgement for %u s", sh->opts.ack_ms / 1000);
	link_fail(sh, &err);
}

static struct ship_window *flight_at(struct ship *sh, unsigned i)
{
	return &sh->flight[(sh->head + i) % IN_FLIGHT_MAX];
}

static int write_bytes(struct ship *sh, struct slice bytes)
{
	struct err err;

	if (tls_write(sh->cn, bytes, &err) < 0) {
		sh->open = false; /* closed() follows */
		return -1;
	}
	metric_add(&sh->stats.bytes, bytes.n);
	allowance_spent(&sh->line, bytes.n);
	sh->moved_ms = uv_now(sh->opts.loop);
	return 0;
}

/* Takes the next block from the spool and announces its window. false: there is none. */
static bool begin_block(struct ship *sh)
{
	struct spool_block blk;
	struct buf w = { 0 };
	struct err err;
	int r;

	for (;;) {
		if (sh->count == sh->opts.in_flight)
			return false;
		r = spool_next(sh->opts.spool, &blk, &err);
		if (r < 0) /* the spool tells; the line is not to blame */
			uv_timer_start(&sh->again, on_again, AGAIN_MS, 0);
		if (r <= 0)
			return false;
		sh->lent = true;
		if (blk.events > 0)
			break;
		/* Only checkpoints: nothing for the collector. */
		if (spool_ack(sh->opts.spool, blk.epoch, blk.number, &err) < 0) {
			link_fail(sh, &err);
			return false;
		}
	}
	lj_put_window(&w, blk.events);
	r = w.failed ? -1 : write_bytes(sh, buf_view(&w));
	buf_release(&w);
	if (r < 0)
		return false;
	*flight_at(sh, sh->count++) = (struct ship_window){ blk.epoch, blk.number, blk.events };
	sh->rest = blk.frame;
	if (sh->count == 1)
		uv_timer_start(&sh->watch, on_watch, sh->opts.ack_ms, 0);
	return true;
}

void ship_pump(struct ship *sh)
{
	while (sh->open && tls_pending(sh->cn) == 0) {
		size_t n;

		if (sh->opts.max_rate_bps > 0 && uv_is_active((uv_handle_t *)&sh->rate))
			return;
		if (sh->rest.n == 0 && !begin_block(sh))
			return;
		if (!sh->open || (n = allowed(sh)) == 0)
			return;
		if (n > sh->rest.n)
			n = sh->rest.n;
		if (write_bytes(sh, (struct slice){ sh->rest.p, n }) < 0)
			return;
		sh->rest = slice_from(sh->rest, n);
	}
}

/* --- acknowledgements --- */

/* Windows are answered in order; a number below the window's is progress within the oldest one. */
static int take_ack(struct ship *sh, uint32_t number, struct err *err)
{
	struct ship_window *w = flight_at(sh, 0);
	bool partly_sent = sh->count == 1 && sh->rest.n > 0;

	metric_add(&sh->stats.acks, 1);
	sh->moved_ms = uv_now(sh->opts.loop);
	if (number == 0)
		return 0; /* a keep-alive */
	if (sh->count == 0)
		return err_set(err, ERR_PEER, "acknowledged %u events that were not sent", number);
	if (number > w->events || (number == w->events && partly_sent))
		return err_set(err, ERR_PEER, "acknowledged event %u of a window of %u", number,
			       w->events);
	if (number < w->events)
		return 0;
	if (spool_ack(sh->opts.spool, w->epoch, w->number, err) < 0)
		return -1;
	metric_add(&sh->stats.blocks, 1);
	metric_add(&sh->stats.events, w->events);
	metric_set(&sh->stats.last_ack_ns, (uint64_t)time_now_ns());
	sh->head = (sh->head + 1) % IN_FLIGHT_MAX;
	sh->count--;
	link_worked(sh);
	return 0;
}

ssize_t ship_data(struct ship *sh, struct slice in)
{
	size_t used = 0;
	struct lj_frame f;
	struct err err;
	ssize_t n;

	while (sh->open && (n = lj_next(slice_from(in, used), 0, &f, &err)) != 0) {
		if (n > 0 && f.kind != LJ_ACK)
			n = err_set(&err, ERR_PEER,
				    "sent a frame '%c' instead of an "
				    "acknowledgement",
				    f.kind);
		if (n < 0 || take_ack(sh, f.number, &err) < 0) {
			link_fail(sh, &err);
			return (ssize_t)in.n;
		}
		used += (size_t)n;
	}
	ship_pump(sh);
	return sh->open ? (ssize_t)used : (ssize_t)in.n;
}

void ship_opened(struct ship *sh)
{
	sh->moved_ms = uv_now(sh->opts.loop);
	allowance_begin(&sh->line, sh->moved_ms);
	spool_rewind(sh->opts.spool); /* what is there now is backlog */
	ship_pump(sh);
}

void ship_lost(struct ship *sh)
{
	uv_timer_stop(&sh->rate);
	uv_timer_stop(&sh->watch);
	uv_timer_stop(&sh->again);
	sh->head = sh->count = 0;
	sh->rest = (struct slice){ NULL, 0 };
	if (sh->lent)
		spool_rewind(sh->opts.spool);
	sh->lent = false;
}

/* --- the contract --- */

int ship_open(const struct ship_opts *opts, struct ship **ret, struct err *err)
{
	struct ship *sh;

	if (opts->n_addresses == 0)
		return err_set(err, ERR_USAGE, "no collector is named: set collector.addresses");
	sh = calloc(1, sizeof(*sh));
	if (sh == NULL)
		return err_nomem(err);
	sh->opts = *opts;
	if (sh->opts.in_flight == 0 || sh->opts.in_flight > IN_FLIGHT_MAX)
		sh->opts.in_flight = IN_FLIGHT;
	if (sh->opts.ack_ms == 0)
		sh->opts.ack_ms = ACK_MS;
	if (sh->opts.retry_ms == 0)
		sh->opts.retry_ms = RETRY_MS;
	if (opts->max_rate_bps > 0)
		sh->line.bytes_per_s = opts->max_rate_bps < 8 ? 1 : opts->max_rate_bps / 8;
	tls_creds_ref(sh->opts.creds);
	uv_timer_init(opts->loop, &sh->retry);
	uv_timer_init(opts->loop, &sh->rate);
	uv_timer_init(opts->loop, &sh->watch);
	uv_timer_init(opts->loop, &sh->again);
	sh->retry.data = sh->rate.data = sh->watch.data = sh->again.data = sh;
	sh->handles = 4;
	if (link_open(sh, err) < 0) {
		link_close(sh);
		return -1;
	}
	*ret = sh;
	return 0;
}

void ship_ready(struct ship *sh)
{
	if (!sh->closing)
		ship_pump(sh);
}

int ship_creds(struct ship *sh, struct tls_creds *creds, struct err *err)
{
	tls_creds_ref(creds);
	tls_creds_unref(sh->opts.creds);
	sh->opts.creds = creds;
	return 0;
}

const struct ship_stats *ship_stats(const struct ship *sh)
{
	return &sh->stats;
}

const char *ship_address(const struct ship *sh)
{
	return sh->waiting ? NULL : sh->opts.addresses[sh->index];
}

const char *ship_problem(const struct ship *sh)
{
	return sh->problem.msg;
}

void ship_close(struct ship *sh, void (*closed)(void *arg), void *arg)
{
	sh->closing = true;
	sh->closed = closed;
	sh->closed_arg = arg;
	sh->open = false;
	link_close(sh);
}

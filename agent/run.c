/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/run.c: `vartio-agent run`: joins spool, ship and inputs on one loop.
 * Stopping: inputs close, the spool's open blocks are written, the connection ends. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/carry.h"
#include "agent/describe.h"
#include "agent/doubles.h"
#include "agent/options.h"
#include "agent/pipe.h"
#include "agent/status.h"
#include "agent/tally.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/service.h"
#include "common/base/time.h"
#include "common/net/tls_tell.h"
#include "common/net/tls_watch.h"

#define BLOCK_BYTES  (256u * 1024) /* see docs/architecture.md: a block */
#define BLOCK_EVENTS 2048u
#define IN_FLIGHT    24u /* more than come in one of the collector's group commits */
#define ACK_MS       60000u
#define HEAP_BYTES   (2 << 20) /* free memory kept in the heap at most */

struct agent {
	uv_loop_t loop;
	struct config conf;     /* as at the start: spool, ship and names stay with it */
	struct config fresh;    /* as last reloaded */
	struct config *current; /* one of the two: the inputs' */
	struct spool *spool;
	struct ship *ship;
	struct pipe *pipe;
	struct keeper *keeper;
	struct tally tally;
	struct status_server *status;
	struct tls_watch *certs;
	uv_signal_t term, intr, hup;
	uv_timer_t report;
	int64_t started_ns;
	bool told_empty;      /* the first status event said that the spool was */
	uint64_t told_places; /* damaged ones, in status events so far */
	uint64_t told_lost;   /* by the inputs' senders */
	bool stopping, reloading;
	unsigned parts; /* still closing */
};

static struct slice host_of(const struct agent *ag)
{
	return slice_str(ag->conf.host_name);
}

static void on_drained(void *arg)
{
	struct agent *ag = arg;

	if (ag->keeper != NULL)
		keeper_resume(ag->keeper);
}

static void on_synced(void *arg, enum lane lane)
{
	struct agent *ag = arg;

	if (ag->keeper != NULL)
		keeper_durable(ag->keeper, lane);
}

static void on_ready(void *arg)
{
	struct agent *ag = arg;

	if (ag->ship != NULL)
		ship_ready(ag->ship);
}

static void on_spool_failed(void *arg, const struct err *err)
{
	log_err(LOG_LEVEL_ERROR, "spool cannot write; it is tried again, inputs wait", err);
}

static void on_spool_damaged(void *arg, const struct err *err)
{
	log_err(LOG_LEVEL_ERROR, "events of the spool are lost to damage on disk", err);
}

static void on_spool_remade(void *arg, const struct err *err)
{
	log_err(LOG_LEVEL_ERROR, "files of the spool are removed by somebody", err);
}

static void on_spool_unreadable(void *arg, const struct err *err)
{
	if (err != NULL)
		log_line(LOG_LEVEL_ERROR,
			 "the spool cannot be read: those events wait, and it is tried again; "
			 "look at this machine's disk",
			 "reason", err->msg, NULL);
	else
		log_line(LOG_LEVEL_INFO, "the spool can be read again", NULL);
}

static void on_blocked(void *arg, struct input *in, const struct err *err)
{
	struct agent *ag = arg;

	if (ag->keeper != NULL)
		keeper_blocked(ag->keeper, in);
}

static void on_input_failed(void *arg, struct input *in, const struct err *err)
{
	struct agent *ag = arg;

	keeper_failed(ag->keeper, in, err);
}

static void on_ship_state(void *arg, const char *address, const struct err *err)
{
	if (err == NULL)
		log_line(LOG_LEVEL_INFO, "connected to collector", "address", address, NULL);
	else
		log_line(LOG_LEVEL_WARN, "not connected to collector; events wait in the spool",
			 "address", address, "reason", err->msg, NULL);
}

static json_t *on_describe(void *arg)
{
	struct agent *ag = arg;

	if (ag->keeper != NULL)
		keeper_look(ag->keeper);
	return describe_agent(&ag->conf, ag->spool, ag->ship, ag->keeper, ag->started_ns,
			      time_now_ns());
}

static void add_dropped(void *arg, const struct input *in, bool waiting, const char *problem)
{
	*(uint64_t *)arg += metric_get(&in->stats.dropped);
}

/* By inputs: what the kernel or the inputs themselves could not keep, since the agent's start. */
static uint64_t dropped_by_inputs(struct agent *ag)
{
	uint64_t n = ag->tally.gone;

	if (ag->keeper != NULL) {
		keeper_look(ag->keeper);
		keeper_each(ag->keeper, add_dropped, &n);
	}
	return n;
}

static void add_lost(void *arg, const struct input *in, bool waiting, const char *problem)
{
	*(uint64_t *)arg += metric_get(&in->stats.lost);
}

/* What the inputs' senders lost since it was last told. Only named when there is some, so that a
 * rule can look for the name. */
static uint64_t lost_anew(const struct agent *ag)
{
	uint64_t n = 0;

	if (ag->keeper != NULL)
		keeper_each(ag->keeper, add_lost, &n);
	return n > ag->told_lost ? n - ag->told_lost : 0;
}

/* The status event: what the collector must know of an agent that has nothing to say. What a burst
 * left free in the heap goes back to the system first. */
static void on_report(uv_timer_t *t)
{
	struct agent *ag = t->data;
	const struct spool_stats *ss = spool_stats(ag->spool);
	struct buf epochs = { 0 }, dropped = { 0 }, by_inputs = { 0 }, waiting = { 0 },
		   damaged = { 0 }, places = { 0 }, lost = { 0 };
	uint64_t n_inputs = dropped_by_inputs(ag);
	uint64_t n_lost = lost_anew(ag);
	uint64_t n_places = metric_get(&ss->places_damaged);
	bool empty = !ag->told_empty && spool_was_empty(ag->spool);
	struct err err;

	malloc_trim(0);
	spool_look(ag->spool);
	spool_epochs(ag->spool, &epochs);
	buf_u64(&dropped, metric_get(&ss->events_dropped) + n_inputs);
	buf_u64(&by_inputs, n_inputs);
	buf_u64(&waiting, metric_get(&ss->events));
	buf_u64(&damaged, metric_get(&ss->events_damaged));
	buf_u64(&places, n_places - ag->told_places);
	buf_u64(&lost, n_lost);
	if (pipe_own(ag->pipe, host_of(ag), "agent status", time_now_ns(), &err,
		     "vartio.agent.epochs", buf_cstr(&epochs), "vartio.agent.dropped",
		     buf_cstr(&dropped), "vartio.agent.dropped_by_inputs", buf_cstr(&by_inputs),
		     "vartio.agent.damaged", buf_cstr(&damaged), "vartio.agent.damaged_places",
		     buf_cstr(&places), "vartio.agent.spool_events", buf_cstr(&waiting),
		     n_lost > 0 ? "vartio.agent.lost"
		     : empty    ? "vartio.agent.before"
				: NULL,
		     n_lost > 0 ? buf_cstr(&lost) : "none",
		     n_lost > 0 && empty ? "vartio.agent.before" : NULL, "none", NULL) == 0) {
		ag->told_empty = true;
		ag->told_places = n_places;
		ag->told_lost += n_lost;
	} else if (err.code != ERR_FULL) {
		log_err(LOG_LEVEL_WARN, "status event", &err);
	}
	buf_release(&places);
	buf_release(&lost);
	buf_release(&epochs);
	buf_release(&dropped);
	buf_release(&by_inputs);
	buf_release(&waiting);
	buf_release(&damaged);
}

static void tell_carried(void *arg, const char *id, const char *text)
{
	log_line(LOG_LEVEL_INFO, "an input has another's places", "input", id, "reason", text,
		 NULL);
}

static void tell_doubled(void *arg, const char *id, const struct err *err)
{
	log_line(LOG_LEVEL_WARN, "a file is read twice", "input", id, "reason", err->msg, NULL);
}

static int open_inputs(struct agent *ag, struct err *err)
{
	struct err none; /* no memory for a warning is no reason not to run */

	struct keeper_opts ko = { .loop = &ag->loop,
				  .conf = ag->current,
				  .sink = pipe_sink(ag->pipe),
				  .tally = &ag->tally,
				  .host = host_of(ag) };

	(void)doubles_find(ag->current, DOUBLES_BETWEEN, tell_doubled, NULL, &none);
	if (carry_places(ag->current, ag->spool, tell_carried, NULL, err) < 0)
		return -1; /* and the process ends without spool_close, as it is to */
	return keeper_open(&ko, &ag->keeper, err);
}

static void on_certs_changed(void *arg, struct tls_creds *creds)
{
	struct agent *ag = arg;
	struct err err;

	if (ship_creds(ag->ship, creds, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "the new certificate is not used", &err);
	else
		log_line(LOG_LEVEL_INFO, "certificate loaded; it is used at the next connection",
			 NULL);
}

static void on_certs_ends(void *arg, int64_t left_s)
{
	tls_tell_ends(left_s,
		      "this agent's certificate has expired: the collector does not let it in, "
		      "events are kept; ask your region for a token and enrol again",
		      "this agent's certificate ends soon");
}

static int open_ship(struct agent *ag, struct err *err)
{
	struct ship_opts so = { .loop = &ag->loop,
				.spool = ag->spool,
				.addresses = ag->conf.collector.addresses.v,
				.n_addresses = ag->conf.collector.addresses.n,
				.max_rate_bps = ag->conf.collector.max_rate_bps,
				.retry_ms = (uint32_t)ag->conf.collector.retry_ms,
				.in_flight = IN_FLIGHT,
				.ack_ms = ACK_MS,
				.state = on_ship_state,
				.arg = ag };
	const struct tls_watch_opts wo = { .loop = &ag->loop,
					   .ca_path = config_ca_path(&ag->conf),
					   .cert_path = config_cert_path(&ag->conf),
					   .key_path = config_key_path(&ag->conf),
					   .changed = on_certs_changed,
					   .failed = tls_tell_failed,
					   .ends = on_certs_ends,
					   .arg = ag };
	int r;

	if (so.n_addresses == 0)
		return err_set(
			err, ERR_ABSENT,
			"no collector is named in %s: enrol this agent with the token from your "
			"region",
			ag->conf.path);
	if (tls_creds_load(config_ca_path(&ag->conf), config_cert_path(&ag->conf),
			   config_key_path(&ag->conf), &so.creds, err) < 0)
		return -1;
	r = ship_open(&so, &ag->ship, err);
	if (r == 0)
		r = tls_watch_start(&wo, so.creds, &ag->certs, err);
	tls_creds_unref(so.creds);
	return r;
}

static void part_closed(void *arg)
{
	struct agent *ag = arg;

	if (--ag->parts > 0)
		return;
	uv_close((uv_handle_t *)&ag->term, NULL);
	uv_close((uv_handle_t *)&ag->intr, NULL);
	uv_close((uv_handle_t *)&ag->hup, NULL);
	uv_close((uv_handle_t *)&ag->report, NULL);
	tls_watch_close(ag->certs);
	ag->certs = NULL;
}

static void inputs_closed(void *arg)
{
	struct agent *ag = arg;

	ag->keeper = NULL;
	part_closed(ag);
}

/* The inputs are open or gone; all else still runs. */
static void stop_parts(struct agent *ag)
{
	uv_timer_stop(&ag->report);
	ag->parts = ag->keeper != NULL ? 3 : 2;
	if (ag->keeper != NULL)
		keeper_close(ag->keeper, inputs_closed, ag);
	status_close(ag->status, part_closed, ag);
	ship_close(ag->ship, part_closed, ag);
	ag->ship = NULL;
}

static void on_stop(uv_signal_t *sg, int number)
{
	struct agent *ag = sg->data;

	if (ag->stopping)
		return;
	ag->stopping = true;
	service_notify("STOPPING=1");
	log_line(LOG_LEVEL_INFO, "stopping", NULL);
	if (!ag->reloading) /* else reload_inputs goes on from here */
		stop_parts(ag);
}

/* The old inputs are closed: the new settings take their place. */
static void reload_inputs(void *arg)
{
	struct agent *ag = arg;
	struct config fresh = { 0 };
	struct err err;

	ag->keeper = NULL;
	ag->reloading = false;
	if (ag->stopping) {
		stop_parts(ag);
		return;
	}
	if (config_load(ag->conf.path, &fresh, &err) == 0) {
		config_release(&ag->fresh);
		ag->fresh = fresh;
		ag->current = &ag->fresh;
	} else { /* it was good a moment ago */
		log_err(LOG_LEVEL_ERROR, "configuration not reloaded, the old one stays in force",
			&err);
	}
	if (open_inputs(ag, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "inputs cannot be opened", &err);
		exit(1); /* only for want of memory; the service manager starts us again */
	}
	log_line(LOG_LEVEL_INFO, "inputs reopened", "file", ag->conf.path, NULL);
}

static void tell_waiting(const struct config *running, const struct config *fresh)
{
	struct buf names = { 0 };

	config_waiting(running, fresh, &names);
	if (names.n > 0)
		log_line(LOG_LEVEL_WARN, "changed settings wait for a restart", "settings",
			 buf_cstr(&names), "file", fresh->path, NULL);
	buf_release(&names);
}

/* A configuration that does not load leaves the running one in force. Inputs take the new one at
 * once; what waits for a restart is told. */
static void on_reload(uv_signal_t *sg, int number)
{
	struct agent *ag = sg->data;
	struct config probe = { 0 };
	struct err err;

	if (ag->stopping || ag->reloading)
		return;
	if (config_load(ag->conf.path, &probe, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "configuration not reloaded, the old one stays in force",
			&err);
		return;
	}
	tell_waiting(&ag->conf, &probe);
	config_release(&probe);
	tls_watch_look(ag->certs);
	ag->reloading = true;
	keeper_close(ag->keeper, reload_inputs, ag);
}

static void watch_signal(struct agent *ag, uv_signal_t *sg, int number, uv_signal_cb cb)
{
	uv_signal_init(&ag->loop, sg);
	sg->data = ag;
	uv_signal_start(sg, cb, number);
}

static int start(struct agent *ag, struct err *err)
{
	struct buf dir = { 0 };
	struct spool_opts so = { .max_bytes = ag->conf.spool.max_bytes,
				 .block_bytes = BLOCK_BYTES,
				 .block_events = BLOCK_EVENTS,
				 .close_ms = (uint32_t)ag->conf.spool.close_ms,
				 .level = (int)ag->conf.spool.level,
				 .backlog_percent = (unsigned)ag->conf.collector.backlog_percent,
				 .drained = on_drained,
				 .ready = on_ready,
				 .synced = on_synced,
				 .failed = on_spool_failed,
				 .damaged = on_spool_damaged,
				 .unreadable = on_spool_unreadable,
				 .remade = on_spool_remade,
				 .arg = ag };
	struct pipe_opts po = { .blocked = on_blocked, .failed = on_input_failed, .arg = ag };
	int r;

	if (dir_make(ag->conf.state_dir, 0700, err) < 0 ||
	    dir_make(ag->conf.run_dir, 0700, err) < 0)
		return -1;
	buf_printf(&dir, "%s/spool", ag->conf.state_dir);
	so.dir = buf_cstr(&dir);
	r = spool_open(&ag->loop, &so, &ag->spool, err);
	buf_release(&dir);
	if (r < 0 || open_ship(ag, err) < 0)
		return -1;
	po.spool = ag->spool;
	ag->pipe = pipe_new(&po);
	if (ag->pipe == NULL)
		return err_nomem(err);
	if (status_open(&ag->loop, ag->conf.run_dir, on_describe, ag, &ag->status, err) < 0)
		return -1;
	if (open_inputs(ag, err) < 0)
		return -1;
	watch_signal(ag, &ag->term, SIGTERM, on_stop);
	watch_signal(ag, &ag->intr, SIGINT, on_stop);
	watch_signal(ag, &ag->hup, SIGHUP, on_reload);
	uv_timer_init(&ag->loop, &ag->report);
	ag->report.data = ag;
	uv_timer_start(&ag->report, on_report, 0, (uint64_t)ag->conf.status_every_ms);
	return 0;
}

int agent_run(int argc, char **argv)
{
	static const enum log_level levels[] = { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
						 LOG_LEVEL_DEBUG };
	static struct agent ag; /* lives as long as the loop */
	struct err err = { 0 };
	int code;

	/* One worker is all the spool needs, and one is for the collector's name: a name server
	 * that does not answer must not hold up the disk. libuv gives slow lookups at most half of
	 * the pool, and only one runs at a time. Before the first use of the pool. */
	setenv("UV_THREADPOOL_SIZE", "2", 1);
	/* The worker frees what the loop allocated, and the other way round: a heap for each would
	 * keep both their peaks. */
	mallopt(M_ARENA_MAX, 1);
	/* Blocks come and go many times a second under load: their pages stay until the next
	 * status event gives back what is free. */
	mallopt(M_MMAP_THRESHOLD, HEAP_BYTES);
	mallopt(M_TRIM_THRESHOLD, HEAP_BYTES);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP,
	       SIG_IGN); /* until the loop watches it: what it asks for is being read anyway */
	log_init("vartio-agent", LOG_LEVEL_INFO);
	code = options_config(&argc, argv, "run", &ag.conf);
	if (code != 0)
		return code;
	log_init("vartio-agent", levels[ag.conf.log_level]);
	ag.current = &ag.conf;
	ag.started_ns = time_now_ns();
	uv_loop_init(&ag.loop);
	if (start(&ag, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "cannot start", &err);
		return 1; /* the process ends: nothing was taken that is not in the spool */
	}
	log_line(LOG_LEVEL_INFO, "started", "version", VARTIO_VERSION, "config", ag.conf.path,
		 NULL);
	service_notify("READY=1");
	uv_run(&ag.loop, UV_RUN_DEFAULT);
	spool_close(ag.spool);
	pipe_free(ag.pipe);
	config_release(&ag.fresh);
	config_release(&ag.conf);
	uv_run(&ag.loop, UV_RUN_DEFAULT); /* what spool_close left to close */
	uv_loop_close(&ag.loop);
	return 0;
}

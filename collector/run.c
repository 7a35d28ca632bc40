/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/run.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "collector/control.h"
#include "collector/reload.h"
#include "collector/report/exporter.h"
#include "collector/report/notices.h"
#include "collector/report/told.h"
#include "collector/report/overview.h"
#include "collector/tenant/ca.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/service.h"
#include "common/base/time.h"
#include "common/base/zone.h"
#include "common/net/tls_tell.h"
#include "common/net/tls_watch.h"

#define WINDOW_BYTES          (8 << 20)
#define HEAP_BYTES            (32 << 20)
#define SIGNALS_SEGMENT_BYTES (8u << 20)
#define RULES_STILL_MS        2000  /* a pull writes its files within less of each other */
#define RULES_RESTLESS_MS     60000 /* so long may they go on */
#define RENEW_LOOK_NS         (INT64_C(3600) * NS_PER_SEC)
#define LOCK_WAIT_MS          5000u /* a command may be at work while we start */

/* The registry as the other threads see it: one handle, one question at a time. */
struct door {
	pthread_mutex_t lock;
	struct registry *registry;
};

struct collector {
	struct config conf;
	uv_loop_t loop;
	uv_signal_t term, intr, hup;
	uv_timer_t every_second;
	struct door door;
	struct ca *ca;
	struct reload *reload;
	struct tls_watch *certs;
	uint64_t told_remade[2];
	int64_t renew_after_ns; /* when it is looked again whether our certificate must be renewed
				 */
	struct ruleset *rules;
	struct seglog *signals;
	struct queue *queue;
	struct notices *notices;
	struct worker *worker;
	struct desk *desk;
	struct notifier *notifier;
	struct listen *listen;
	struct enrol_server *enrol;
	struct control *control;
	struct exporter *exporter;
	struct overview overview;
};

static void on_signalled(void *arg)
{
	struct collector *co = arg;

	if (co->desk != NULL)
		desk_wake(co->desk);
}

static void on_queued(void *arg)
{
	struct collector *co = arg;

	notifier_wake(co->notifier);
}

static void on_told(void *arg, const char *agent, const char *version, int64_t skew_ms)
{
	struct collector *co = arg;
	struct err err;

	pthread_mutex_lock(&co->door.lock);
	if (agent_told(co->door.registry, agent, version, skew_ms, &err) < 0 &&
	    err.code != ERR_ABSENT)
		log_err(LOG_LEVEL_WARN, "an agent's status was not noted", &err);
	pthread_mutex_unlock(&co->door.lock);
}

static int on_admit(void *arg, const char *serial, const char *tenant, const char *agent,
		    struct err *err)
{
	struct collector *co = arg;
	int r;

	pthread_mutex_lock(&co->door.lock);
	r = agent_admit(co->door.registry, serial, tenant, agent, err);
	pthread_mutex_unlock(&co->door.lock);
	return r;
}

static void on_seen(void *arg, const char *tenant, const char *agent, const char *addr,
		    int64_t now_ns)
{
	struct collector *co = arg;
	struct err err;

	pthread_mutex_lock(&co->door.lock);
	if (agent_seen(co->door.registry, agent, addr, now_ns, &err) < 0)
		log_line(LOG_LEVEL_WARN, "an agent's visit was not noted", "tenant", tenant,
			 "agent", agent, "reason", err.msg, NULL);
	pthread_mutex_unlock(&co->door.lock);
}

/* A command has run inside the daemon: it may have revoked an agent or queued a message. */
static void on_command(void *arg)
{
	struct collector *co = arg;

	listen_revoke_check(co->listen);
	notifier_wake(co->notifier);
}

/* What the collector itself has to say about a sender becomes an event, and by a rule an alert. */
static void on_notice(void *arg, enum notice_kind kind, const char *tenant, const char *sender,
		      const char *text)
{
	struct collector *co = arg;

	notices_put(co->notices, kind, tenant, sender, text, time_now_ns());
}

static void on_status(void *arg, const struct queue_event *ev, struct json_index *ix)
{
	struct collector *co = arg;
	const struct notice_hook hook = { on_notice, co };

	told_status(co->queue, &hook, ev, ix);
}

/* Somebody cleans folders that are ours. */
static void say_remade(struct collector *co)
{
	static const char *const folders[2] = { "queue/log", "signals" };
	const uint64_t now[2] = { metric_get(&queue_stats(co->queue)->remade),
				  seglog_remade(co->signals) };

	for (int i = 0; i < 2; i++) {
		if (now[i] != co->told_remade[i])
			log_line(LOG_LEVEL_ERROR,
				 "the file that was being written was removed, and is made anew; "
				 "nothing of it is lost. What cleans that folder takes events "
				 "away: let it be, queue.max_bytes bounds it",
				 "folder", folders[i], NULL);
		co->told_remade[i] = now[i];
	}
}

static void on_second(uv_timer_t *t)
{
	struct collector *co = t->data;

	notices_again(co->notices);
	say_remade(co);
}

static void on_render(void *arg, struct buf *out)
{
	overview_metrics(arg, time_now_ns(), out);
}

static void on_stop(uv_signal_t *sg, int number)
{
	struct collector *co = sg->data;

	service_notify("STOPPING=1");
	log_line(LOG_LEVEL_INFO, "stopping", NULL);
	uv_close((uv_handle_t *)&co->term, NULL);
	uv_close((uv_handle_t *)&co->intr, NULL);
	uv_close((uv_handle_t *)&co->hup, NULL);
	uv_close((uv_handle_t *)&co->every_second, NULL);
	reload_stop(co->reload);
	tls_watch_close(co->certs);
	co->certs = NULL;
}

static bool on_change(void *arg, struct ruleset *rules, struct seg_pos from)
{
	struct collector *co = arg;

	return desk_rules(co->desk, rules, from);
}

/* The worker tells the desk where in the signals log it changes to them. */
static void on_rules(void *arg, struct ruleset *rules)
{
	struct collector *co = arg;

	worker_rules(co->worker, rules);
	ruleset_unref(co->rules);
	co->rules = rules;
	co->overview.rules = ruleset_count(rules);
}

static int load_rules(struct collector *co, struct err *err)
{
	const struct config *cf = &co->conf;
	const struct reload_opts ro = { .rules = { cf->rules.paths.v, cf->rules.paths.n,
						   cf->rules.values, cf->rules.link },
					.every_ms = cf->rules.reload_ms,
					.still_ms = RULES_STILL_MS,
					.restless_ms = RULES_RESTLESS_MS,
					.loaded = on_rules,
					.arg = co };

	if (reload_open(&ro, &co->reload, &co->rules, err) < 0)
		return -1;
	co->overview.rules = ruleset_count(co->rules);
	co->overview.reload = reload_stats(co->reload);
	return 0;
}

static int start_enrol(struct collector *co, struct err *err)
{
	struct config *cf = &co->conf;
	char address[300];

	snprintf(address, sizeof(address), "%s:%u", cf->agents.address, listen_port(co->listen));
	return enrol_server_start(co->ca, config_path(cf, "collector.db"), cf->agents.listen,
				  (uint16_t)cf->agents.enrol_port, address, &co->enrol, NULL, err);
}

/* Our certificate is made anew 30 days before its end, or where it is missing: whoever opens the
 * authority does that. */
static void on_certs_prepare(void *arg, int64_t now_ns)
{
	struct collector *co = arg;
	struct ca *ca = NULL;
	struct err err;

	if (now_ns < co->renew_after_ns && co->renew_after_ns - now_ns <= RENEW_LOOK_NS &&
	    access(ca_server_cert_path(co->ca), F_OK) == 0 &&
	    access(ca_server_key_path(co->ca), F_OK) == 0)
		return;
	co->renew_after_ns = now_ns + RENEW_LOOK_NS;
	if (ca_open_config(&co->conf, now_ns, &ca, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "the collector's certificate was not looked after", &err);
	ca_close(ca);
}

static void on_certs_changed(void *arg, struct tls_creds *creds)
{
	struct collector *co = arg;
	struct err err;

	listen_creds(co->listen, creds);
	co->overview.cert_ends_s = tls_creds_ends_s(creds);
	enrol_server_stop(co->enrol); /* it reads them at its start only */
	co->enrol = NULL;
	if (start_enrol(co, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "no agent can enrol: the door did not open again", &err);
	log_line(LOG_LEVEL_INFO,
		 "certificate loaded; open connections keep the one they began with", NULL);
}

static void on_certs_ends(void *arg, int64_t left_s)
{
	tls_tell_ends(left_s,
		      "the collector's certificate has expired: agents do not connect any more and "
		      "keep their events",
		      "the collector's certificate ends soon");
}

/* Rules and certificates are taken anew; what does not load leaves the old in force. */
static void on_reload(uv_signal_t *sg, int number)
{
	struct collector *co = sg->data;

	reload_ask(co->reload);
	co->renew_after_ns = 0;
	tls_watch_look(co->certs);
}

/* What an opened queue had lost. A write that a crash or a power loss cut short was not
 * acknowledged; a bit that flipped in the last one looks the same. */
static void say_found(const struct queue_stats *st)
{
	char words[2][24];

	snprintf(words[0], sizeof(words[0]), "%" PRIu64, metric_get(&st->torn_bytes));
	snprintf(words[1], sizeof(words[1]), "%" PRIu64, metric_get(&st->damaged));
	if (metric_get(&st->torn_bytes) > 0)
		log_line(LOG_LEVEL_WARN,
			 "the queue ended in a write that is not whole; it was cut off. What a "
			 "crash interrupted was not acknowledged, and comes again",
			 "bytes", words[0], NULL);
	if (metric_get(&st->damaged) > QUEUE_DAMAGE_MAX)
		log_line(LOG_LEVEL_ERROR,
			 "the queue is damaged in more places than are told one by one; look at "
			 "this machine's disk",
			 "places", words[1], NULL);
}

static const char *u64_text(char out[24], uint64_t v)
{
	snprintf(out, 24, "%" PRIu64, v);
	return out;
}

/* What rules come upon is an alert; what they had judged before is lost for looking back alone. */
static void on_damage(void *arg, const struct queue_damage *d)
{
	const struct queue_block *b = d->blocks > 0 ? &d->first : NULL;
	char w[6][24];

	snprintf(w[2], sizeof(w[2]), "%016" PRIx64, d->first.epoch);
	log_line(LOG_LEVEL_ERROR,
		 d->bytes > 0 ? "the queue is damaged at a place that rules had judged; what stood "
				"there cannot be looked at again. Look at this machine's disk"
			      : "a file of the queue, or the end of one, is gone, which rules had "
				"judged. Look at this machine's disk, and at what cleans that "
				"folder",
		 "file", d->file, "offset", u64_text(w[0], d->offset), "bytes",
		 u64_text(w[1], d->bytes), "tenant", b != NULL ? b->tenant : NULL, "agent",
		 b != NULL ? b->sender : NULL, "epoch", b != NULL ? w[2] : NULL, "block",
		 b != NULL ? u64_text(w[3], b->number) : NULL, "blocks",
		 b != NULL ? u64_text(w[4], d->blocks) : NULL, "events",
		 b != NULL ? u64_text(w[5], d->events) : NULL, NULL);
}

static int start_storage(struct collector *co, struct err *err)
{
	struct seglog_opts so = { .dir = config_path(&co->conf, "signals"),
				  .magic = "VTSIGNAL",
				  .segment_bytes = SIGNALS_SEGMENT_BYTES,
				  .ordered = true };
	struct queue_opts qo = { .dir = config_path(&co->conf, "queue"),
				 .max_bytes = co->conf.queue.max_bytes,
				 .commit_ms = (uint32_t)co->conf.queue.commit_ms,
				 .commit_bytes = co->conf.queue.commit_bytes,
				 .retain_bytes = co->conf.queue.retain_bytes,
				 .notice = { on_notice, co },
				 .damage = { on_damage, co } };

	if (so.dir == NULL || qo.dir == NULL)
		return err_nomem(err);
	if (registry_open(config_path(&co->conf, "collector.db"), &co->door.registry, err) < 0)
		return -1;
	if (ca_open_config(&co->conf, time_now_ns(), &co->ca, err) < 0)
		return -1;
	if (seglog_open(&so, NULL, &co->signals, err) < 0)
		return -1;
	if (queue_open(&qo, &co->queue, err) < 0)
		return -1;
	say_found(queue_stats(co->queue));
	co->notices = notices_open(co->queue, queue_put);
	return co->notices != NULL ? 0 : err_nomem(err);
}

static int start_detection(struct collector *co, struct err *err)
{
	const char *db = config_path(&co->conf, "collector.db");
	struct worker_opts wo = { .queue = co->queue,
				  .signals = co->signals,
				  .rules = co->rules,
				  .signalled = on_signalled,
				  .change = on_change,
				  .seen = on_told,
				  .status = on_status,
				  .arg = co };
	struct desk_opts dk = { .signals = co->signals,
				.rules = co->rules,
				.db_path = db,
				.notify = &co->conf.notify,
				.session_ns = co->conf.alert.session_ms * NS_PER_MS,
				.correlate_max_bytes = co->conf.alert.correlate_max_bytes,
				.queued = on_queued,
				.arg = co };

	if (notifier_start(db, &co->conf.notify, &co->notifier, err) < 0 ||
	    desk_start(&dk, &co->desk, err) < 0)
		return -1;
	return worker_start(&wo, &co->worker, err);
}

static int start_doors(struct collector *co, struct err *err)
{
	const struct config *cf = &co->conf;
	struct listen_opts lo = { .addr = cf->agents.listen,
				  .port = (uint16_t)cf->agents.port,
				  .max_connections = (unsigned)cf->agents.max_connections,
				  .max_each = (unsigned)cf->agents.max_connections_each,
				  .queue = co->queue,
				  .put = queue_put,
				  .admit = on_admit,
				  .seen = on_seen,
				  .notice = { on_notice, co },
				  .arg = co };
	const struct tls_watch_opts wo = { .loop = &co->loop,
					   .ca_path = ca_cert_path(co->ca),
					   .cert_path = ca_server_cert_path(co->ca),
					   .key_path = ca_server_key_path(co->ca),
					   .prepare = on_certs_prepare,
					   .changed = on_certs_changed,
					   .failed = tls_tell_failed,
					   .ends = on_certs_ends,
					   .arg = co };
	int r;

	if (tls_creds_load(ca_cert_path(co->ca), ca_server_cert_path(co->ca),
			   ca_server_key_path(co->ca), &lo.creds, err) < 0)
		return -1;
	r = listen_start(&lo, &co->listen, err);
	if (r == 0)
		r = tls_watch_start(&wo, lo.creds, &co->certs, err);
	tls_creds_unref(lo.creds);
	if (r < 0 || start_enrol(co, err) < 0)
		return -1;
	co->overview.cert_ends_s = tls_watch_ends_s(co->certs);
	co->overview.listen = co->listen;
	co->overview.queue = co->queue;
	co->overview.notices = co->notices;
	co->overview.worker = co->worker;
	co->overview.desk = co->desk;
	co->overview.notifier = co->notifier;
	if (cf->metrics.port != 0 &&
	    exporter_start(cf->metrics.listen, (uint16_t)cf->metrics.port, on_render, &co->overview,
			   &co->exporter, NULL, err) < 0)
		return -1;
	return control_start(&co->conf, on_command, co, &co->control, err);
}

static int start(struct collector *co, struct err *err)
{
	if (zone_use(co->conf.notify.zone, err) < 0 ||
	    dir_make(co->conf.state_dir, 0700, err) < 0 ||
	    state_lock(co->conf.state_dir, LOCK_WAIT_MS, err) < 0)
		return -1;
	if (start_storage(co, err) < 0 || load_rules(co, err) < 0)
		return -1;
	if (start_detection(co, err) < 0)
		return -1;
	return start_doors(co, err);
}

/* From the front to the back: senders first, so that nothing new comes in. */
static void stop(struct collector *co)
{
	tls_watch_close(co->certs);
	control_stop(co->control);
	exporter_stop(co->exporter);
	enrol_server_stop(co->enrol);
	if (co->listen != NULL)
		listen_stop(co->listen);
	worker_stop(co->worker);
	desk_stop(co->desk);
	if (co->notifier != NULL)
		notifier_stop(co->notifier);
	notices_close(co->notices);
	if (co->queue != NULL)
		queue_close(co->queue);
	seglog_close(co->signals);
	ruleset_unref(co->rules);
	reload_free(co->reload);
	ca_close(co->ca);
	registry_close(co->door.registry);
	state_unlock();
	config_release(&co->conf);
}

static void watch_signal(struct collector *co, uv_signal_t *sg, int number, uv_signal_cb cb)
{
	uv_signal_init(&co->loop, sg);
	sg->data = co;
	uv_signal_start(sg, cb, number);
}

static const char *config_option(int argc, char **argv, struct err *err)
{
	if (argc == 3 && strcmp(argv[1], "--config") == 0)
		return argv[2];
	if (argc == 2 && strncmp(argv[1], "--config=", 9) == 0)
		return argv[1] + 9;
	if (argc > 1)
		err_set(err, ERR_USAGE, "unknown argument %.100s", argv[1]);
	return NULL;
}

/* The config that the command line names, and the log as it says. 0, or the exit code. */
static int configure(int argc, char **argv, struct config *conf)
{
	static const enum log_level levels[] = { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
						 LOG_LEVEL_DEBUG };
	struct err err = { 0 };
	const char *path = config_option(argc, argv, &err);

	if (err.code != ERR_NONE) {
		fprintf(stderr,
			"vartio-collector: %s\nusage: vartio-collector run [--config FILE]\n",
			err.msg);
		return 2;
	}
	log_init("vartio-collector", LOG_LEVEL_INFO);
	if (config_load(path, conf, &err) < 0) {
		fprintf(stderr, "vartio-collector: %s\n", err.msg);
		return 1;
	}
	log_init("vartio-collector", levels[conf->log_level]);
	return 0;
}

int collector_run(int argc, char **argv)
{
	static struct collector co; /* lives as long as the loop */
	struct err err = { 0 };
	sigset_t stops;
	int code;

	/* Inflated windows come and go many times a second under load, and are freed by other
	 * threads than took them: their pages stay until the door tidies (intake_tidy_later). */
	mallopt(M_MMAP_THRESHOLD, WINDOW_BYTES);
	mallopt(M_TRIM_THRESHOLD, HEAP_BYTES);
	signal(SIGPIPE, SIG_IGN);
	/* Until the loop watches it: what it asks for is being read anyway. */
	signal(SIGHUP, SIG_IGN);
	code = configure(argc, argv, &co.conf);
	if (code != 0)
		return code;
	/* A stop that arrives before the loop watches for it waits: the threads are at work by
	 * then. */
	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stops, NULL);
	pthread_mutex_init(&co.door.lock, NULL);
	co.overview.started_ns = time_now_ns();
	uv_loop_init(&co.loop);
	if (start(&co, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "cannot start", &err);
		stop(&co);
		uv_run(&co.loop, UV_RUN_NOWAIT); /* what is closing */
		return 1;
	}
	watch_signal(&co, &co.term, SIGTERM, on_stop);
	watch_signal(&co, &co.intr, SIGINT, on_stop);
	watch_signal(&co, &co.hup, SIGHUP, on_reload);
	pthread_sigmask(SIG_UNBLOCK, &stops, NULL);
	uv_timer_init(&co.loop, &co.every_second);
	co.every_second.data = &co;
	uv_timer_start(&co.every_second, on_second, 1000, 1000);
	if (reload_start(co.reload, &co.loop) < 0)
		log_line(LOG_LEVEL_ERROR, "changed rules will not be noticed", NULL);
	log_line(LOG_LEVEL_INFO, "started", "version", VARTIO_VERSION, "config", co.conf.path,
		 NULL);
	service_notify("READY=1");
	uv_run(&co.loop, UV_RUN_DEFAULT);
	stop(&co);
	uv_loop_close(&co.loop);
	log_line(LOG_LEVEL_INFO, "stopped", NULL);
	return 0;
}

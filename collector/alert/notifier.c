/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/notifier.c: the notify thread. A round takes the messages that are due, one after
 * the other; what an attempt led to is one transaction: the outbox, the alert log, the alert. */
#include "collector/alert/notify.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/alert/channel.h"
#include "collector/alert/notifier.h"
#include "collector/alert/outbox.h"
#include "common/base/log.h"
#include "common/base/time.h"

#define RETRY_MIN_MS INT64_C(30000)
#define RETRY_MAX_MS INT64_C(3600000)
#define IDLE_MS      2000 /* a command of another process may queue without waking us */

const struct channel_class *const notify_channels[] = { &channel_smtp, &channel_maildir, NULL };

struct notifier {
	const struct notify_conf *conf;
	const struct channel_class *channel;
	struct alert_store *store;
	CURLM *multi;
	struct notify_stats stats;
	_Atomic bool stop;
	bool channel_failed; /* the last attempt; said once, not at every attempt */
	pthread_t thread;
};

int64_t notifier_backoff_ns(const struct notify_conf *nc, uint64_t attempts)
{
	int64_t ms = nc->retry_min_ms > 0 ? nc->retry_min_ms : RETRY_MIN_MS;
	int64_t max = nc->retry_max_ms > 0 ? nc->retry_max_ms : RETRY_MAX_MS;

	while (attempts-- > 0 && ms < max)
		ms *= 2;
	return (ms < max ? ms : max) * NS_PER_MS;
}

struct attempt {
	const struct outbox_row *row;
	const struct alert *al; /* NULL: a test */
	struct channel_job *job;
	enum channel_result result;
	int64_t now_ns;
};

static json_t *detail_of(const struct notifier *nt, const struct attempt *at)
{
	bool sent = at->result == CHANNEL_SENT;

	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:I}", "channel", nt->channel->name, "server",
			 nt->channel->server(nt->conf), "to", at->row->to.email,
			 sent ? "reply" : "reason", sent ? at->job->reply : at->job->reason,
			 "update", (int)at->row->update, "attempt",
			 (json_int_t)(at->row->attempts + 1));
}

static int record_sent(struct notifier *nt, const struct attempt *at, struct err *err)
{
	sqlite3 *db = alert_store_db(nt->store);
	const struct outbox_row *row = at->row;

	if (outbox_sent(db, row->id, at->al != NULL ? at->al->events : 0, at->job->message,
			at->job->reply, at->now_ns, err) < 0 ||
	    outbox_release(db, err) < 0)
		return -1;
	return at->al != NULL ? alert_set_notified(nt->store, row->alert_id, at->now_ns, err) : 0;
}

static int record_failed(struct notifier *nt, const struct attempt *at, struct err *err)
{
	sqlite3 *db = alert_store_db(nt->store);
	const struct outbox_row *row = at->row;
	int64_t due_ns = at->now_ns + notifier_backoff_ns(nt->conf, row->attempts);
	bool region = row->to.id == REGION_CONTACT_ID;

	if (at->result == CHANNEL_REFUSED && !region) {
		if (outbox_ended(db, row->id, "refused", at->job->reason, at->now_ns, err) < 0)
			return -1;
		/* Nobody must stay untold because an address is wrong; a refused update repeats
		 * what the region was told about the first message. */
		return at->al != NULL ? notify_region_instead(nt->store, nt->conf, row->alert_id,
							      row->to.tenant, at->now_ns, err)
				      : 0;
	}
	if (outbox_retry(db, row->id, at->result == CHANNEL_HELD, at->job->reason, due_ns, err) < 0)
		return -1;
	return at->result != CHANNEL_HELD
		       ? 0
		       : outbox_hold(db, at->now_ns, at->now_ns + notifier_backoff_ns(nt->conf, 0),
				     err);
}

static int record(struct notifier *nt, const struct attempt *at, struct err *err)
{
	bool sent = at->result == CHANNEL_SENT;

	if (alert_begin(nt->store, err) < 0)
		return -1;
	if (alert_log(nt->store, at->row->alert_id, at->row->to.tenant, sent ? "sent" : "failed",
		      detail_of(nt, at), at->now_ns, err) < 0 ||
	    (sent ? record_sent(nt, at, err) : record_failed(nt, at, err)) < 0) {
		alert_rollback(nt->store);
		return -1;
	}
	return alert_commit(nt->store, err);
}

/* One line a fault: a channel that stays down is said once, and again when it works. */
static void say(struct notifier *nt, const struct attempt *at)
{
	bool held = at->result == CHANNEL_HELD;

	switch (at->result) {
	case CHANNEL_SENT:
		metric_add(&nt->stats.sent, 1);
		if (nt->channel_failed)
			log_line(LOG_LEVEL_INFO, "messages go out again", "channel",
				 nt->channel->name, NULL);
		break;
	case CHANNEL_REFUSED:
		metric_add(&nt->stats.refused, 1);
		log_line(LOG_LEVEL_ERROR, "a message was refused", "tenant", at->row->to.tenant,
			 "to", at->row->to.email, "reason", at->job->reason, NULL);
		break;
	default:
		metric_add(&nt->stats.failed_attempts, 1);
		if (!held || !nt->channel_failed)
			log_line(LOG_LEVEL_WARN, "a message could not be sent, it is tried again",
				 "tenant", at->row->to.tenant, "to", at->row->to.email, "reason",
				 at->job->reason, NULL);
	}
	nt->channel_failed = held;
}

static int drop(struct notifier *nt, const struct outbox_row *row, const char *reason,
		int64_t now_ns, struct err *err)
{
	return outbox_ended(alert_store_db(nt->store), row->id, "dropped", reason, now_ns, err);
}

/* A message that can't be written will not be writable the next time either; the settings are at
 * fault, and only a person can repair them. It is tried again as if the server had put it off. */
static enum channel_result write_and_send(struct notifier *nt, const struct outbox_row *row,
					  const struct alert *al, struct channel_job *job,
					  int64_t now_ns, struct buf *message)
{
	struct err why = { 0 };

	if (message_render(nt->conf, &row->to, al, row->update, now_ns, message, &why) < 0) {
		snprintf(job->reason, sizeof(job->reason), "%s", why.msg);
		return CHANNEL_RETRY;
	}
	job->message = buf_view(message);
	return nt->channel->send(job);
}

static int send_one(struct notifier *nt, const struct outbox_row *row, struct arena *mem,
		    int64_t now_ns, bool *ret_go_on, struct err *err)
{
	struct channel_job job = {
		.conf = nt->conf, .multi = nt->multi, .stop = &nt->stop, .to = row->to.email
	};
	struct attempt at = { .row = row, .job = &job };
	bool test = row->alert_id[0] == '\0';
	int64_t begun_ns = time_mono_ns(), oldest_ns;
	uint64_t n_due = 0;
	struct buf message = { 0 };
	struct alert al;
	char name[128];
	int r = -1;

	if (!test) {
		if (alert_get(nt->store, row->alert_id, mem, &al, err) < 0)
			return err->code == ERR_ABSENT ? drop(nt, row, err->msg, now_ns, err) : -1;
		at.al = &al;
		if (row->update > 0 && al.state >= ALERT_ACKNOWLEDGED)
			return drop(nt, row, "answered before it went", now_ns, err);
	}
	snprintf(name, sizeof(name), "%lld.%s.%u.c%lld.vartio",
		 (long long)(row->queued_ns / NS_PER_SEC), test ? "test" : row->alert_id,
		 test ? (unsigned)row->id : row->update, (long long)row->to.id);
	job.name = name;
	if (outbox_waiting(alert_store_db(nt->store), now_ns, &n_due, &oldest_ns, err) < 0)
		return -1;
	job.more = n_due > 1;
	at.result = write_and_send(nt, row, at.al, &job, now_ns, &message);
	at.now_ns = now_ns + (time_mono_ns() - begun_ns);
	*ret_go_on = at.result != CHANNEL_STOPPED && at.result != CHANNEL_HELD;
	if (at.result == CHANNEL_STOPPED) {
		r = 0;
		goto out;
	}
	r = record(nt, &at, err);
	say(nt, &at);
out:
	buf_release(&message);
	return r;
}

static int count_waiting(struct notifier *nt, int64_t now_ns, int64_t *ret_oldest_ns,
			 struct err *err)
{
	uint64_t n = 0;

	*ret_oldest_ns = 0;
	if (outbox_waiting(alert_store_db(nt->store), now_ns, &n, ret_oldest_ns, err) < 0)
		return -1;
	metric_set(&nt->stats.pending, n);
	metric_set(&nt->stats.oldest_ns, (uint64_t)*ret_oldest_ns);
	return 0;
}

/* Times to wait are kept by the wall clock, over restarts; set back, it must hold up nothing. */
static int mind_clock(struct notifier *nt, int64_t now_ns, struct err *err)
{
	int64_t again_ns = notifier_backoff_ns(nt->conf, 0),
		wait_ns = nt->conf->additions_ms * NS_PER_MS;

	return outbox_clock(alert_store_db(nt->store), now_ns,
			    wait_ns > again_ns ? wait_ns : again_ns,
			    notifier_backoff_ns(nt->conf, UINT64_MAX), err);
}

int notifier_round(struct notifier *nt, int64_t now_ns, int64_t *ret_next_ns, struct err *err)
{
	sqlite3 *db = alert_store_db(nt->store);
	int64_t begun_ns = time_mono_ns(), oldest_ns;
	bool go_on = true;
	int r = 1;

	*ret_next_ns = 0;
	if (mind_clock(nt, now_ns, err) < 0)
		return -1;
	while (r == 1 && go_on && !nt->stop) {
		struct arena mem = { 0 };
		struct outbox_row row;

		/* A round may last hours where the server is slow: its counts must not wait. */
		r = count_waiting(nt, now_ns + (time_mono_ns() - begun_ns), &oldest_ns, err);
		if (r == 0)
			r = outbox_next(db, now_ns, &mem, &row, ret_next_ns, err);
		if (r == 1 && send_one(nt, &row, &mem, now_ns, &go_on, err) < 0)
			r = -1;
		arena_release(&mem);
	}
	return r < 0 ? -1 : 0;
}

/* Messages that are too old, each said once, in the daemon's log and the alert's. */
static int say_late(struct notifier *nt, int64_t now_ns, struct err *err)
{
	int64_t before = now_ns - nt->conf->max_age_ms * NS_PER_MS;
	int r = 1;

	while (r == 1) {
		struct arena mem = { 0 };
		struct outbox_row row;

		if (alert_begin(nt->store, err) < 0)
			return -1;
		r = outbox_late(alert_store_db(nt->store), before, &mem, &row, err);
		if (r == 1 &&
		    alert_log(nt->store, row.alert_id, row.to.tenant, "failed",
			      json_pack("{s:s, s:s, s:i}", "to", row.to.email, "reason",
					"waits longer than notify.max_age; it is kept trying",
					"update", (int)row.update),
			      now_ns, err) < 0)
			r = -1;
		if (r == 1 && alert_commit(nt->store, err) < 0)
			r = -1;
		else if (r != 1)
			alert_rollback(nt->store);
		if (r == 1)
			log_line(LOG_LEVEL_ERROR, "a message waits longer than notify.max_age",
				 "tenant", row.to.tenant, "to", row.to.email, NULL);
		arena_release(&mem);
	}
	return r;
}

int notifier_watch(struct notifier *nt, int64_t now_ns, struct err *err)
{
	sqlite3 *db = alert_store_db(nt->store);
	uint64_t late = 0;
	int64_t oldest;

	if (count_waiting(nt, now_ns, &oldest, err) < 0)
		return -1;
	if (oldest != 0 && oldest < now_ns - nt->conf->max_age_ms * NS_PER_MS &&
	    say_late(nt, now_ns, err) < 0)
		return -1;
	if (outbox_count_late(db, &late, err) < 0)
		return -1;
	metric_set(&nt->stats.late, late);
	return 0;
}

static void *notifier_main(void *arg)
{
	struct notifier *nt = arg;

	pthread_setname_np(pthread_self(), "notify");
	while (!nt->stop) {
		int64_t now = time_now_ns(), next = 0, wait = IDLE_MS;
		struct err err = { 0 };

		if (notifier_round(nt, now, &next, &err) < 0 || notifier_watch(nt, now, &err) < 0)
			log_err(LOG_LEVEL_ERROR, "messages cannot be looked after", &err);
		else if (next > 0 && (next - time_now_ns()) / NS_PER_MS + 1 < wait)
			wait = (next - time_now_ns()) / NS_PER_MS + 1;
		if (wait > 0)
			curl_multi_poll(nt->multi, NULL, 0, (int)wait, NULL);
	}
	return NULL;
}

int notifier_open(const char *db_path, const struct notify_conf *nc, struct notifier **ret,
		  struct err *err)
{
	struct notifier *nt = calloc(1, sizeof(*nt));

	if (nt == NULL)
		return err_nomem(err);
	nt->conf = nc;
	for (size_t i = 0; notify_channels[i] != NULL && nt->channel == NULL; i++)
		if (notify_channels[i]->usable(nc))
			nt->channel = notify_channels[i];
	if (nt->channel == NULL) {
		err_set(err, ERR_USAGE,
			"set notify.mail.smtp.url or notify.mail.maildir: messages "
			"have no way out");
		goto fail;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (nt->multi = curl_multi_init()) == NULL) {
		err_nomem(err);
		goto fail;
	}
	if (alert_store_open(db_path, &nt->store, err) < 0)
		goto fail;
	*ret = nt;
	return 0;
fail:
	notifier_close(nt);
	return -1;
}

void notifier_close(struct notifier *nt)
{
	if (nt == NULL)
		return;
	alert_store_close(nt->store);
	if (nt->multi != NULL)
		curl_multi_cleanup(nt->multi);
	free(nt);
}

int notifier_start(const char *db_path, const struct notify_conf *nc, struct notifier **ret,
		   struct err *err)
{
	struct notifier *nt = NULL;

	if (notifier_open(db_path, nc, &nt, err) < 0)
		return -1;
	if (pthread_create(&nt->thread, NULL, notifier_main, nt) != 0) {
		notifier_close(nt);
		return err_set(err, ERR_NOMEM, "cannot start the notify thread");
	}
	*ret = nt;
	return 0;
}

void notifier_wake(struct notifier *nt)
{
	curl_multi_wakeup(nt->multi);
}

const struct notify_stats *notifier_stats(const struct notifier *nt)
{
	return &nt->stats;
}

void notifier_stop(struct notifier *nt)
{
	if (nt == NULL)
		return;
	nt->stop = true;
	curl_multi_wakeup(nt->multi);
	pthread_join(nt->thread, NULL);
	notifier_close(nt);
}

/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/detect/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/correlate/signal.h"
#include "common/base/log.h"
#include "common/base/time.h"
#include "common/normalise/winjson.h"

#define WAIT_MS      200u
#define BATCH_EVENTS 2000u             /* events between two looks at the clock and the signals */
#define COMMIT_NS    NS_PER_SEC        /* how much is read again after a crash, at most */
#define RETRY_MS     1000u             /* after the disk refused */
#define JUDGE_TRIES  3u                /* more, of an event that there is no memory for */
#define SAY_NS       (60 * NS_PER_SEC) /* between two lines about the same trouble */
#define WRITE_MAX    64u               /* signals that wait to be written together, */
#define WRITE_BYTES  (UINT64_C(256) << 10) /* or this many bytes of them */
enum { SIGNAL_RECORD = 1 };

struct worker {
	struct worker_opts opts;
	struct worker_stats stats;
	struct queue_reader *reader;
	pthread_t thread;
	pthread_mutex_t lock; /* guards next and stop */
	struct ruleset *next; /* rules to change to */
	_Atomic bool stop;
	struct detector *detector;
	uint64_t gave_up; /* of the detector's, counted in stats */
	struct json_index index;
	struct buf text;                 /* of the event in hand, once a signal needs it */
	struct winjson *winjson;         /* made by the first event that wants it, */
	struct buf mapped;               /* and what it writes */
	struct buf waiting;              /* signals to be written: one behind another, */
	size_t ends[WRITE_MAX];          /* where each ends, */
	unsigned n_waiting;              /* and how many */
	const struct queue_event *event; /* being matched */
	int64_t event_ns;
	size_t batch_signals;
	bool refused;  /* a signal could not be written: the batch is read again */
	bool unjudged; /* no memory for the event in hand */
	bool passed;   /* over, an event: the position is to be saved at once */
	bool waits;    /* the new rules wait for opts.change, which was said */
	bool unread;   /* the queue could not be read: waiting may help */
	bool troubled;
	int64_t said_ns; /* when the trouble was logged last */
	struct err err;
};

static int64_t event_time(struct worker *wk, const char *path, int64_t otherwise)
{
	const struct json_field *f = json_index_get(&wk->index, slice_str(path));
	int64_t t;

	return f != NULL && f->type == JS_STRING && time_parse(json_field_text(&wk->index, f), &t)
		       ? t
		       : otherwise;
}

static void forget_signals(struct worker *wk)
{
	if (wk->waiting.cap > 4 * WRITE_BYTES) /* one monstrous event must not hold it for ever */
		buf_release(&wk->waiting);
	buf_reset(&wk->waiting);
	wk->n_waiting = 0;
}

/* Those that wait go to the log. When it refuses, the batch is read again. */
static void write_signals(struct worker *wk)
{
	struct slice v[WRITE_MAX];
	size_t from = 0;

	for (unsigned i = 0; i < wk->n_waiting; from = wk->ends[i++])
		v[i] = (struct slice){ wk->waiting.p + from, wk->ends[i] - from };
	if (seglog_append_all(wk->opts.signals, SIGNAL_RECORD, v, wk->n_waiting, &wk->err) < 0)
		wk->refused = true;
	else
		wk->batch_signals += wk->n_waiting;
	forget_signals(wk);
}

/* An event that a rule found, and that came without its meaning, gets it: alerts and correlation
 * ask for who and from where. Where there is no memory it stays as it is. */
static void add_meaning(struct worker *wk)
{
	struct buf plain;

	if (!winjson_wanted(&wk->index))
		return;
	if (wk->winjson == NULL && (wk->winjson = winjson_new()) == NULL)
		return;
	buf_reset(&wk->mapped);
	if (!winjson_map(wk->winjson, buf_view(&wk->text), &wk->mapped))
		return;
	plain = wk->text; /* its room is for the next one */
	wk->text = wk->mapped;
	wk->mapped = plain;
}

/* The event's text for its signals. */
static int text_of_event(struct worker *wk)
{
	if (wk->text.n > 0)
		return 0;
	if (queue_event_put(wk->event, &wk->text, &wk->err) < 0) {
		buf_reset(&wk->text);
		return -1;
	}
	add_meaning(wk);
	return 0;
}

static void on_match(void *arg, const struct rule *rule)
{
	struct worker *wk = arg;
	const size_t from = wk->waiting.n;

	metric_add(&wk->stats.matches, 1);
	if (text_of_event(wk) < 0) {
		wk->unjudged = true;
		return;
	}
	if (signal_begin(&wk->waiting, rule, wk->event, wk->event_ns, &wk->err) == 0) {
		buf_slice(&wk->waiting, buf_view(&wk->text));
		buf_slice(&wk->waiting, SIGNAL_END);
	}
	if (wk->waiting.failed) {
		err_nomem(&wk->err);
		wk->waiting.failed = false;
		wk->waiting.n = from;
		wk->unjudged = true;
		return;
	}
	wk->ends[wk->n_waiting++] = wk->waiting.n;
	if (wk->n_waiting == WRITE_MAX || wk->waiting.n >= WRITE_BYTES)
		write_signals(wk);
}

static void note_status(struct worker *wk, const struct queue_event *ev)
{
	const struct json_field *f = json_index_get(&wk->index, SLICE("event.dataset"));
	char version[32] = "";

	if (f == NULL || !slice_is(f->value, "agent.status"))
		return;
	if (wk->opts.status != NULL)
		wk->opts.status(wk->opts.arg, ev, &wk->index);
	if (wk->opts.seen == NULL)
		return;
	f = json_index_get(&wk->index, SLICE("agent.version"));
	if (f != NULL)
		snprintf(version, sizeof(version), "%.*s",
			 (int)(f->value.n < sizeof(version) ? f->value.n : sizeof(version) - 1),
			 f->value.p);
	wk->opts.seen(wk->opts.arg, ev->sender, version,
		      (event_time(wk, "event.created", ev->ingested_ns) - ev->ingested_ns) /
			      NS_PER_MS);
}

/* Who pads a command line may make an expression give up: it is said once for each expression. */
static void note_gave_up(struct worker *wk, const struct queue_event *ev)
{
	uint64_t times = detector_gave_up(wk->detector);
	struct slice field, regex;
	char words[2][256];

	metric_add(&wk->stats.gave_up, times - wk->gave_up);
	wk->gave_up = times;
	while (detector_gave_up_on(wk->detector, &field, &regex)) {
		snprintf(words[0], sizeof(words[0]), "%.*s", SLICE_FMT(field));
		snprintf(words[1], sizeof(words[1]), "%.*s", SLICE_FMT(regex));
		log_line(LOG_LEVEL_WARN,
			 "a regular expression gave up on a long value and counts as not matching",
			 "tenant", ev->tenant, "event", ev->id, "field", words[0], "regex",
			 words[1], NULL);
	}
}

static void pause_retry(const struct worker *wk)
{
	for (unsigned ms = 0; ms < RETRY_MS && !wk->stop; ms += 100)
		nanosleep(&(struct timespec){ .tv_nsec = 100 * NS_PER_MS }, NULL);
}

/* 1: done with it; 0: no memory for it, wk->err; -1: its signals cannot be written. */
static int judge(struct worker *wk, const struct queue_event *ev)
{
	wk->unjudged = false;
	buf_reset(&wk->text);
	if (queue_event_index(ev, &wk->index, &wk->err) < 0) {
		if (wk->err.code == ERR_NOMEM)
			return 0;
		/* Listen checked it, so this is damage: counted and said once an event, never
		 * fatal. */
		metric_add(&wk->stats.unreadable, 1);
		log_line(LOG_LEVEL_ERROR, "an event of the queue cannot be read", "tenant",
			 ev->tenant, "event", ev->id, "reason", wk->err.msg, NULL);
		return 1;
	}
	wk->event = ev;
	wk->event_ns = event_time(wk, "@timestamp", ev->ingested_ns);
	note_status(wk, ev);
	if (detector_run(wk->detector, &wk->index, on_match, wk, &wk->err) < 0)
		wk->unjudged = true;
	note_gave_up(wk, ev);
	return wk->refused ? -1 : !wk->unjudged;
}

/* One event, or one rule, must not hold up detection for everybody: what there is no memory for is
 * tried a few times and then passed over. What of it was signalled already is signalled again, and
 * known again by correlate. */
static void one_event(struct worker *wk, const struct queue_event *ev)
{
	int r = judge(wk, ev);

	metric_add(&wk->stats.events, 1);
	for (unsigned n = 0; r == 0 && n < JUDGE_TRIES; n++) {
		metric_add(&wk->stats.errors, 1);
		if (n == 0)
			log_line(LOG_LEVEL_ERROR, "no memory to judge an event; it is tried again",
				 "tenant", ev->tenant, "event", ev->id, "reason", wk->err.msg,
				 NULL);
		pause_retry(wk);
		if (wk->stop) { /* the next start judges it */
			wk->refused = true;
			return;
		}
		r = judge(wk, ev);
	}
	if (r == 0) {
		metric_add(&wk->stats.errors, 1);
		metric_add(&wk->stats.unjudged, 1);
		log_line(LOG_LEVEL_ERROR,
			 "no memory to judge an event: it is passed over, and may have been an "
			 "attack",
			 "tenant", ev->tenant, "event", ev->id, "reason", wk->err.msg, NULL);
		wk->passed = true;
	}
}

static void rules_back(struct worker *wk, struct ruleset *rules)
{
	pthread_mutex_lock(&wk->lock);
	if (wk->next == NULL)
		wk->next = ruleset_ref(rules);
	pthread_mutex_unlock(&wk->lock);
	if (!wk->waits)
		log_line(LOG_LEVEL_WARN,
			 "the new rules wait: too many alerts of earlier rules are not written yet",
			 NULL);
	wk->waits = true;
}

/* Between two batches: all signals that were written are durable, and found by the old rules. */
static void change_rules(struct worker *wk)
{
	struct ruleset *rules;
	struct detector *dt;

	pthread_mutex_lock(&wk->lock);
	rules = wk->next;
	wk->next = NULL;
	pthread_mutex_unlock(&wk->lock);
	if (rules == NULL)
		return;
	dt = detector_new(rules);
	if (dt == NULL) {
		log_line(LOG_LEVEL_ERROR, "no memory for the new rules; the old ones stay in force",
			 NULL);
	} else if (wk->opts.change != NULL &&
		   !wk->opts.change(wk->opts.arg, rules, seglog_durable(wk->opts.signals))) {
		detector_free(dt);
		rules_back(wk, rules);
	} else {
		detector_free(wk->detector);
		wk->detector = dt;
		wk->gave_up = 0;
		wk->waits = false;
	}
	ruleset_unref(rules);
}

/* A trouble that lasts is said when it begins and once a minute, not at each attempt. */
static void say_trouble(struct worker *wk, const char *what)
{
	int64_t now = time_mono_ns();

	metric_add(&wk->stats.errors, 1);
	if (!wk->troubled || now - wk->said_ns >= SAY_NS) {
		log_err(LOG_LEVEL_ERROR, what, &wk->err);
		wk->said_ns = now;
	}
	wk->troubled = true;
}

static void say_over(struct worker *wk)
{
	if (wk->troubled)
		log_line(LOG_LEVEL_INFO, "detection works again", NULL);
	wk->troubled = false;
}

/* Reads what is there. 1: something was read; 0: nothing, or wk->unread; -1: wk->err. */
static int one_batch(struct worker *wk)
{
	struct queue_event ev;
	int r = 0, any = 0;

	wk->batch_signals = 0;
	wk->refused = wk->unread = wk->passed = false;
	for (unsigned n = 0; n < BATCH_EVENTS && !wk->refused && !wk->passed; n++) {
		r = queue_next(wk->reader, n == 0 ? WAIT_MS : 0, &ev, &wk->err);
		if (r < 0 && wk->err.code != ERR_SYNTAX) { /* not the block's fault */
			wk->unread = true;
			say_trouble(wk, "the queue cannot be read; detection waits");
			break;
		}
		if (r < 0) {
			metric_add(&wk->stats.errors, 1);
			log_err(LOG_LEVEL_ERROR, "a block of the queue was set aside", &wk->err);
			continue;
		}
		if (r == 0)
			break;
		any = 1;
		one_event(wk, &ev);
	}
	if (wk->refused)
		forget_signals(wk);
	else if (wk->n_waiting > 0)
		write_signals(wk);
	if (wk->batch_signals > 0) {
		if (seglog_sync(wk->opts.signals, &wk->err) < 0)
			wk->refused = true;
		metric_add(&wk->stats.signals, wk->batch_signals);
		wk->opts.signalled(wk->opts.arg);
	}
	return wk->refused ? -1 : any;
}

static void note_lag(struct worker *wk)
{
	uint64_t bytes = 0;
	int64_t oldest = 0;

	queue_reader_lag(wk->reader, &bytes, &oldest);
	metric_set(&wk->stats.lag_bytes, bytes);
	metric_set(&wk->stats.oldest_ns, (uint64_t)oldest);
}

/* The signals log is full or its disk refuses: go back to the last durable position, wait, and read
 * again. Ingest goes on meanwhile. false: stopped before the queue could be opened. */
static bool read_again(struct worker *wk)
{
	if (wk->stop)
		return false;
	say_trouble(wk, "signals cannot be written; detection waits");
	queue_reader_close(wk->reader);
	wk->reader = NULL;
	pause_retry(wk);
	while (!wk->stop &&
	       queue_reader_open(wk->opts.queue, "detect", &wk->reader, &wk->err) < 0) {
		say_trouble(wk, "the queue cannot be opened; detection waits");
		wk->reader = NULL;
		pause_retry(wk);
	}
	return wk->reader != NULL;
}

static void *worker_main(void *arg)
{
	struct worker *wk = arg;
	int64_t committed_ns = time_mono_ns();
	bool dirty = false;
	int r;

	pthread_setname_np(pthread_self(), "detect");
	while (!wk->stop) {
		change_rules(wk);
		r = one_batch(wk);
		if (r < 0 && !read_again(wk))
			return NULL;
		if (r >= 0 && wk->unread)
			pause_retry(wk);
		else if (r == 0 || (r > 0 && wk->batch_signals > 0))
			say_over(wk);
		dirty = r < 0 ? false : dirty || r > 0;
		note_lag(wk);
		if (!dirty || (!wk->passed && time_mono_ns() - committed_ns < COMMIT_NS))
			continue;
		if (queue_reader_commit(wk->reader, &wk->err) < 0)
			log_err(LOG_LEVEL_ERROR,
				"detection's position was not saved; it is tried again", &wk->err);
		else
			dirty = false;
		committed_ns = time_mono_ns();
	}
	if (dirty && queue_reader_commit(wk->reader, &wk->err) < 0)
		log_err(LOG_LEVEL_ERROR, "detection's position was not saved", &wk->err);
	return NULL;
}

static void worker_free(struct worker *wk)
{
	queue_reader_close(wk->reader);
	detector_free(wk->detector);
	ruleset_unref(wk->next);
	json_index_release(&wk->index);
	winjson_free(wk->winjson);
	buf_release(&wk->text);
	buf_release(&wk->mapped);
	buf_release(&wk->waiting);
	pthread_mutex_destroy(&wk->lock);
	free(wk);
}

int worker_start(const struct worker_opts *opts, struct worker **ret, struct err *err)
{
	struct worker *wk = calloc(1, sizeof(*wk));

	if (wk == NULL)
		return err_nomem(err);
	wk->opts = *opts;
	pthread_mutex_init(&wk->lock, NULL);
	wk->detector = detector_new(opts->rules);
	if (wk->detector == NULL) {
		err_nomem(err);
		goto fail;
	}
	if (queue_reader_open(opts->queue, "detect", &wk->reader, err) < 0)
		goto fail;
	if (queue_reader_note(wk->reader) != NULL)
		log_line(LOG_LEVEL_ERROR, queue_reader_note(wk->reader), NULL);
	if (pthread_create(&wk->thread, NULL, worker_main, wk) != 0) {
		err_set(err, ERR_NOMEM, "cannot start the detect thread");
		goto fail;
	}
	*ret = wk;
	return 0;
fail:
	worker_free(wk);
	return -1;
}

void worker_rules(struct worker *wk, struct ruleset *rules)
{
	pthread_mutex_lock(&wk->lock);
	ruleset_unref(wk->next);
	wk->next = ruleset_ref(rules);
	pthread_mutex_unlock(&wk->lock);
}

const struct worker_stats *worker_stats(const struct worker *wk)
{
	return &wk->stats;
}

void worker_stop(struct worker *wk)
{
	if (wk == NULL)
		return;
	wk->stop = true;
	queue_wake(wk->opts.queue);
	pthread_join(wk->thread, NULL);
	worker_free(wk);
}

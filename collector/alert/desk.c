/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/alert/desk.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/time.h"

#define READER      "correlate"
#define BATCH       4000u /* signals in one transaction */
#define WAIT_MS     500u
#define GATHER_MS   200u              /* from batch to batch, while signals keep coming */
#define RETRY_MS    1000u             /* after the first failure; doubled each time */
#define RETRY_MAX   30000u            /* the longest, ms */
#define SAY_NS      (60 * NS_PER_SEC) /* between two lines about the same trouble */
#define MARKS_MAX   4096u
#define NEXT_MAX    8u                     /* rule sets that wait for their place */
#define FINISH_NS   (3 * NS_PER_SEC)       /* for what is left at the end */
#define TOUCHED_END 1000u                  /* touched alerts end a batch */
#define TOUCHED_MAX (2 * TOUCHED_END)      /* with room for all that one signal touches */
#define SLACK_NS    (10 * 60 * NS_PER_SEC) /* of arrival order, beyond the longest window */

struct mark { /* the first signal of a file of the log arrived then */
	struct seg_pos pos;
	int64_t ingested_ns;
};

struct change { /* signals from that place on are of these rules, those before it of earlier ones */
	struct seg_pos from;
	struct ruleset *rules;
};

struct desk {
	struct desk_opts opts;
	struct desk_stats stats;
	struct correlate_stats correlate_stats; /* they outlive rebuilds */
	pthread_t thread;
	pthread_mutex_t lock; /* guards woken, next, n_next */
	pthread_cond_t wake;
	bool woken;
	_Atomic bool stop;
	struct change next[NEXT_MAX]; /* in the order of their places */
	_Atomic unsigned n_next;
	struct ruleset *rules;
	bool change_due; /* a signal of next[0] is the next to be read */
	struct correlate *correlate;
	struct alert_store *store;
	struct seg_reader *reader;
	struct seg_pos position; /* all before it is dealt with, durably */
	struct signal_in signal;
	struct mark marks[MARKS_MAX];
	size_t n_marks;
	struct {
		char id[33];
		bool is_new;
	} touched[TOUCHED_MAX]; /* alerts of this batch */
	size_t n_touched;
	struct {                  /* batches that fail, until one has got further */
		uint32_t wait_ms; /* 0: none failed */
		int64_t said_ns;
		bool stale; /* the windows hold signals that were rolled back */
	} trouble;
	int64_t now_ns;
	bool refused;
	bool more; /* the batch ended before the log did */
	struct err err;
};

/* Remembers that the batch touched the alert: its messages are asked for once, at the end. */
static void note_touched(struct desk *dk, const char *id, bool is_new)
{
	size_t i = 0;

	while (i < dk->n_touched && strcmp(dk->touched[i].id, id) != 0)
		i++;
	if (i == TOUCHED_MAX)
		return; /* a later batch asks for it: additions wait anyway, and new ones come first
			 */
	if (i == dk->n_touched) {
		snprintf(dk->touched[i].id, sizeof(dk->touched[i].id), "%s", id);
		dk->touched[i].is_new = false;
		dk->n_touched++;
	}
	dk->touched[i].is_new |= is_new;
}

static void on_finding(void *arg, const struct finding *f)
{
	struct desk *dk = arg;
	char id[33] = "";
	bool is_new = false;

	if (dk->refused)
		return;
	if (alert_apply(dk->store, f, dk->now_ns, dk->opts.session_ns, &is_new, id, &dk->err) < 0) {
		dk->refused = true;
		return;
	}
	if (id[0] == '\0')
		return;
	note_touched(dk, id, is_new);
	metric_add(is_new ? &dk->stats.alerts_new : &dk->stats.alerts_extended, 1);
}

static int queue_messages(struct desk *dk)
{
	for (size_t i = 0; i < dk->n_touched; i++)
		if (notify_alert(dk->store, dk->opts.notify, dk->touched[i].id,
				 dk->touched[i].is_new, dk->now_ns, &dk->err) < 0)
			return -1;
	return 0;
}

static void note_mark(struct desk *dk, const struct seg_record *rec)
{
	if (dk->n_marks > 0 && dk->marks[dk->n_marks - 1].pos.file >= rec->pos.file)
		return;
	if (dk->n_marks == MARKS_MAX) { /* forgetting the oldest only keeps a file longer */
		memmove(dk->marks, dk->marks + 1, (MARKS_MAX - 1) * sizeof(dk->marks[0]));
		dk->n_marks--;
	}
	dk->marks[dk->n_marks++] =
		(struct mark){ .pos = rec->pos, .ingested_ns = dk->signal.ingested_ns };
}

/* Files all of whose signals are past every window can go. */
static void drop_old(struct desk *dk)
{
	int64_t keep_ns = dk->now_ns - correlate_horizon_ns(dk->correlate) -
			  2 * dk->opts.session_ns - SLACK_NS;
	size_t k = 0;
	struct err err;

	while (k + 1 < dk->n_marks && dk->marks[k + 1].ingested_ns < keep_ns &&
	       dk->marks[k + 1].pos.file <= dk->position.file)
		k++;
	if (k == 0)
		return;
	if (seglog_drop_before(dk->opts.signals, dk->marks[k].pos, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "old signals cannot be deleted", &err);
	memmove(dk->marks, dk->marks + k, (dk->n_marks - k) * sizeof(dk->marks[0]));
	dk->n_marks -= k;
}

/* 1: it cannot be read, and was said; 0: taken; -1. */
static int take(struct desk *dk, const struct seg_record *rec, bool replay)
{
	int r = replay ? correlate_replay(dk->correlate, rec->payload, &dk->signal, dk->now_ns,
					  &dk->err)
		       : signal_read(rec->payload, &dk->signal, &dk->err);

	if (r < 0 && dk->err.code != ERR_NOMEM) {
		metric_add(&dk->stats.unreadable, 1);
		log_err(LOG_LEVEL_ERROR, "a signal cannot be read and is passed over", &dk->err);
		return 1;
	}
	if (r == 0 && !replay)
		r = correlate_signal(dk->correlate, &dk->signal, dk->now_ns, false, &dk->err);
	return r;
}

static int one_signal(struct desk *dk, const struct seg_record *rec)
{
	bool replay = seg_pos_cmp(rec->pos, dk->position) < 0;
	int r;

	if (rec->kind == SEG_SNAPSHOT)
		return 0;
	r = take(dk, rec, replay);
	if (r != 0)
		return r < 0 ? -1 : 0;
	note_mark(dk, rec);
	metric_add(replay ? &dk->stats.replayed : &dk->stats.signals, 1);
	return dk->refused ? -1 : 0;
}

/* The next record; a damaged one is said and passed over, a bounded number of times a batch. */
static int next_record(struct desk *dk, struct seg_record *rec)
{
	for (unsigned n = 0; n < BATCH; n++) {
		int r = seg_reader_next(dk->reader, rec, &dk->err);

		if (r >= 0 || dk->err.code != ERR_SYNTAX)
			return r;
		metric_add(&dk->stats.unreadable, 1);
		log_err(LOG_LEVEL_ERROR, "the signals log is damaged; reading goes on behind it",
			&dk->err);
	}
	return 0;
}

/* Signals before the position change windows and nothing else, so the database is not asked. Ends
 * with the first that is new in rec: 1; 0: no more now, or enough for once; -1. */
static int replay(struct desk *dk, struct seg_record *rec, unsigned *ret_n)
{
	int r = next_record(dk, rec);

	for (; r > 0 && seg_pos_cmp(rec->pos, dk->position) < 0; r = next_record(dk, rec)) {
		if (one_signal(dk, rec) < 0)
			return -1;
		if (++*ret_n == BATCH)
			return 0;
	}
	return r;
}

static bool of_next_rules(struct desk *dk, const struct seg_record *rec)
{
	if (dk->n_next == 0)
		return false;
	pthread_mutex_lock(&dk->lock);
	dk->change_due = seg_pos_cmp(dk->next[0].from, rec->pos) <= 0;
	pthread_mutex_unlock(&dk->lock);
	return dk->change_due;
}

/* 1: something was read; 0: nothing; -1: rolled back, dk->err. */
static int one_batch(struct desk *dk)
{
	struct seg_record rec;
	struct seg_pos end = dk->position;
	unsigned n = 0, replayed = 0;
	int r = 0;

	dk->now_ns = time_now_ns();
	dk->refused = dk->more = false;
	dk->n_touched = 0;
	r = replay(dk, &rec, &replayed);
	if (r <= 0) {
		dk->more = replayed > 0;
		return r < 0 ? -1 : replayed > 0;
	}
	if (alert_begin(dk->store, &dk->err) < 0)
		return -1;
	for (; r > 0; r = ++n < BATCH && dk->n_touched < TOUCHED_END ? next_record(dk, &rec) : 0) {
		if (of_next_rules(dk, &rec)) { /* it is read again with them */
			dk->more = true;
			break;
		}
		if (one_signal(dk, &rec) < 0)
			goto rollback;
		if (seg_pos_cmp(end, rec.next) < 0)
			end = rec.next;
	}
	if (r < 0 || alert_settle(dk->store, &dk->err) < 0 || queue_messages(dk) < 0 ||
	    alert_position_set(dk->store, READER, end, &dk->err) < 0 ||
	    alert_commit(dk->store, &dk->err) < 0)
		goto rollback;
	dk->position = end;
	dk->more |= n == BATCH || dk->n_touched >= TOUCHED_END;
	if (dk->n_touched > 0)
		dk->opts.queued(dk->opts.arg);
	drop_old(dk);
	return 1;
rollback:
	dk->change_due = false; /* what stands before it is read again */
	alert_rollback(dk->store);
	return -1;
}

/* A fresh correlate over the signals that are still there: at the start, after new rules, and after
 * a failed batch, whose signals its windows had already taken. */
static int rebuild(struct desk *dk)
{
	struct correlate_opts co = { .rules = dk->rules,
				     .max_bytes = dk->opts.correlate_max_bytes,
				     .session_ns = dk->opts.session_ns,
				     .found = on_finding,
				     .stats = &dk->correlate_stats,
				     .arg = dk };
	struct correlate *fresh = NULL;
	struct seg_reader *reader = NULL;

	if (correlate_new(&co, &fresh, &dk->err) < 0)
		return -1;
	if (seg_reader_open(dk->opts.signals, seglog_first(dk->opts.signals), &reader, &dk->err) <
	    0) {
		correlate_free(fresh);
		return -1;
	}
	correlate_free(dk->correlate);
	seg_reader_close(dk->reader);
	dk->correlate = fresh;
	dk->reader = reader;
	dk->n_marks = 0;
	return 0;
}

static struct timespec mono_in(uint32_t ms)
{
	int64_t end = time_mono_ns() + (int64_t)ms * NS_PER_MS;

	return (struct timespec){ .tv_sec = end / NS_PER_SEC, .tv_nsec = end % NS_PER_SEC };
}

static void wait_for_signals(struct desk *dk, uint32_t ms)
{
	struct timespec until = mono_in(ms);

	pthread_mutex_lock(&dk->lock);
	if (!dk->woken && !dk->stop)
		pthread_cond_timedwait(&dk->wake, &dk->lock, &until);
	dk->woken = false;
	pthread_mutex_unlock(&dk->lock);
}

/* What comes after a quiet time is dealt with at once. Where signals keep coming, most of them add
 * to the same few alerts: one statement, log row and look at the messages each serves all that came
 * meanwhile. New signals do not cut the wait short, the end does. */
static void gather(struct desk *dk, int64_t begun_ns)
{
	int64_t left = begun_ns + GATHER_MS * NS_PER_MS - time_mono_ns();
	struct timespec until;

	if (left <= 0)
		return;
	until = mono_in((uint32_t)(left / NS_PER_MS) + 1);
	pthread_mutex_lock(&dk->lock);
	while (!dk->stop && pthread_cond_timedwait(&dk->wake, &dk->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&dk->lock);
}

/* What is found by the old rules is dealt with by them: the new ones come once all of it was. -1:
 * no room for their windows; they are tried again, for without them their signals would be lost. */
static int change_rules(struct desk *dk)
{
	struct ruleset *old = dk->rules, *fresh = NULL;

	if (dk->n_next == 0)
		return 0;
	pthread_mutex_lock(&dk->lock);
	if (dk->change_due || seg_pos_cmp(dk->next[0].from, dk->position) <= 0)
		fresh = ruleset_ref(dk->next[0].rules);
	pthread_mutex_unlock(&dk->lock);
	if (fresh == NULL)
		return 0;
	dk->rules = fresh;
	if (rebuild(dk) < 0) {
		dk->rules = old;
		ruleset_unref(fresh);
		return -1;
	}
	ruleset_unref(old);
	dk->trouble.stale = dk->change_due = false;
	pthread_mutex_lock(&dk->lock);
	if (dk->next[0].rules == fresh) { /* else yet newer ones took its place meanwhile */
		ruleset_unref(fresh);
		dk->n_next--;
		memmove(dk->next, dk->next + 1, dk->n_next * sizeof(dk->next[0]));
	}
	pthread_mutex_unlock(&dk->lock);
	return 0;
}

static void note_lag(struct desk *dk)
{
	uint64_t all = seglog_bytes_before(dk->opts.signals, seglog_durable(dk->opts.signals));
	uint64_t before = seglog_bytes_before(dk->opts.signals, dk->position);

	metric_set(&dk->stats.lag_bytes, all > before ? all - before : 0);
}

/* Says it, waits (new signals do not cut that short, the end does), and rebuilds. */
static void after_failure(struct desk *dk)
{
	uint32_t ms = dk->trouble.wait_ms;
	int64_t now = time_mono_ns();
	struct timespec until;

	metric_add(&dk->stats.errors, 1);
	if (ms == 0 || now - dk->trouble.said_ns >= SAY_NS) {
		log_err(LOG_LEVEL_ERROR, "alerts cannot be written; they are tried again",
			&dk->err);
		dk->trouble.said_ns = now;
	}
	ms = ms == 0 ? RETRY_MS : ms * 2 > RETRY_MAX ? RETRY_MAX : ms * 2;
	dk->trouble.wait_ms = ms;
	until = mono_in(ms);
	pthread_mutex_lock(&dk->lock);
	while (!dk->stop && pthread_cond_timedwait(&dk->wake, &dk->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&dk->lock);
	dk->trouble.stale = true;
}

/* As one_batch does, with the rules and windows that it needs. */
static int one_turn(struct desk *dk)
{
	if (change_rules(dk) < 0)
		return -1;
	/* Going on with windows and a reader that are ahead would lose signals. */
	if (dk->trouble.stale && rebuild(dk) < 0)
		return -1;
	dk->trouble.stale = false;
	return one_batch(dk);
}

/* Signals that are left for the next start are judged by the rules of that time, which may know
 * nothing of theirs: so few are left. */
static void finish(struct desk *dk)
{
	int64_t until = time_mono_ns() + FINISH_NS;

	while (time_mono_ns() < until && one_turn(dk) > 0)
		;
	note_lag(dk);
}

static void *desk_main(void *arg)
{
	struct desk *dk = arg;

	pthread_setname_np(pthread_self(), "alert");
	while (!dk->stop) {
		struct seg_pos before = dk->position;
		int64_t begun_ns = time_mono_ns();
		int r = one_turn(dk);

		note_lag(dk);
		if (r < 0) {
			after_failure(dk);
			continue;
		}
		/* Signals read again prove nothing yet. */
		if (dk->trouble.wait_ms > 0 && (r == 0 || seg_pos_cmp(before, dk->position) < 0)) {
			log_line(LOG_LEVEL_INFO, "alerts can be written again", NULL);
			dk->trouble.wait_ms = 0;
		}
		if (r == 0)
			wait_for_signals(dk, WAIT_MS);
		else if (!dk->more)
			gather(dk, begun_ns);
	}
	if (dk->trouble.wait_ms == 0)
		finish(dk);
	return NULL;
}

static void desk_free(struct desk *dk)
{
	correlate_free(dk->correlate);
	seg_reader_close(dk->reader);
	alert_store_close(dk->store);
	signal_release(&dk->signal);
	ruleset_unref(dk->rules);
	for (unsigned i = 0; i < dk->n_next; i++)
		ruleset_unref(dk->next[i].rules);
	pthread_cond_destroy(&dk->wake);
	pthread_mutex_destroy(&dk->lock);
	free(dk);
}

/* A position that the log does not reach would make replays of all new signals, which raise
 * nothing: it is moved at once, before new signals can grow past it, and durably. */
static int position_load(struct desk *dk)
{
	struct seg_pos kept, pos;

	if (alert_position_get(dk->store, READER, &kept, &dk->err) < 0)
		return -1;
	dk->position = pos = seglog_resume(dk->opts.signals, kept);
	if (seg_pos_cmp(pos, kept) == 0)
		return 0;
	log_line(
		LOG_LEVEL_ERROR,
		kept.file > seglog_end(dk->opts.signals).file
			? "the signals log was deleted or replaced: all signals in it are taken as "
			  "new; alerts from signals that were lost and not yet taken are missing"
			: "the signals log has lost its end, or was deleted: the next signals are "
			  "taken from where "
			  "it ends now; alerts from signals that were lost and not yet taken are "
			  "missing",
		NULL);
	if (alert_begin(dk->store, &dk->err) < 0)
		return -1;
	if (alert_position_set(dk->store, READER, pos, &dk->err) < 0 ||
	    alert_commit(dk->store, &dk->err) < 0) {
		alert_rollback(dk->store);
		return -1;
	}
	return 0;
}

int desk_start(const struct desk_opts *opts, struct desk **ret, struct err *err)
{
	struct desk *dk = calloc(1, sizeof(*dk));
	pthread_condattr_t at;

	if (dk == NULL)
		return err_nomem(err);
	dk->opts = *opts;
	dk->rules = ruleset_ref(opts->rules);
	pthread_mutex_init(&dk->lock, NULL);
	pthread_condattr_init(&at);
	pthread_condattr_setclock(&at, CLOCK_MONOTONIC); /* a clock that is set moves no wait */
	pthread_cond_init(&dk->wake, &at);
	pthread_condattr_destroy(&at);
	if (alert_store_open(opts->db_path, &dk->store, &dk->err) < 0)
		goto fail;
	if (position_load(dk) < 0 || rebuild(dk) < 0)
		goto fail;
	if (pthread_create(&dk->thread, NULL, desk_main, dk) != 0) {
		err_set(&dk->err, ERR_NOMEM, "cannot start the alert thread");
		goto fail;
	}
	*ret = dk;
	return 0;
fail:
	if (err != NULL)
		*err = dk->err;
	desk_free(dk);
	return -1;
}

void desk_wake(struct desk *dk)
{
	pthread_mutex_lock(&dk->lock);
	dk->woken = true;
	pthread_cond_signal(&dk->wake);
	pthread_mutex_unlock(&dk->lock);
}

bool desk_rules(struct desk *dk, struct ruleset *rules, struct seg_pos from)
{
	struct change *last;
	bool room;

	pthread_mutex_lock(&dk->lock);
	last = dk->n_next > 0 ? &dk->next[dk->n_next - 1] : NULL;
	if (last != NULL && seg_pos_cmp(last->from, from) == 0) { /* those found nothing */
		ruleset_unref(last->rules);
		last->rules = ruleset_ref(rules);
		room = true;
	} else {
		room = dk->n_next < NEXT_MAX;
		if (room)
			dk->next[dk->n_next++] = (struct change){ from, ruleset_ref(rules) };
	}
	pthread_mutex_unlock(&dk->lock);
	desk_wake(dk);
	return room;
}

const struct desk_stats *desk_stats(const struct desk *dk)
{
	return &dk->stats;
}

void desk_metrics(const struct desk *dk, struct buf *out)
{
	correlate_metrics(&dk->correlate_stats, out);
	alert_metrics(alert_stats(dk->store), out);
}

void desk_stop(struct desk *dk)
{
	if (dk == NULL)
		return;
	dk->stop = true;
	desk_wake(dk);
	pthread_join(dk->thread, NULL);
	desk_free(dk);
}

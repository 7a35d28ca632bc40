/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/report/notices.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/event/event.h"
#include "common/net/lumberjack.h"

#define C_HEAD  6u /* '2' 'C' length: a block holds what follows */
#define KEY_MAX (TENANT_MAX + SENDER_MAX + 8)

static const struct kind { /* words of ECS 8 where it has them */
	const char *action, *category, *type, *message;
} kinds[NOTICE_KINDS] = {
	[NOTICE_CONFLICT] = { "block-conflict", "database", "error",
			      "A block of events came again with other content. Both are kept." },
	[NOTICE_TWO_PLACES] = { "certificate-two-addresses", "session", "info",
				"One certificate is in use from two addresses." },
	[NOTICE_WENT_BACK] = { "agent-went-back", "host", "change",
			       "An agent goes on from an older state. Events may be there twice." },
	[NOTICE_SPOOL] = { "spool-damaged", "host", "error",
			   "An agent's spool is damaged. Events in it are lost." },
	[NOTICE_QUARANTINE] = { "block-quarantined", "database", "error",
				"A stored block of events cannot be read. It was set aside." },
};

struct notice { /* borrowed */
	enum notice_kind kind;
	const char *tenant, *sender, *text;
	int64_t at_ns;
};
struct slot { /* a kind and an agent: when it was told last, and what was not since */
	char key[KEY_MAX];
	int64_t told_ns;
	uint64_t held_back;
	UT_hash_handle hh;
};
struct counter { /* of a tenant's blocks: each has its own numbers, so that none has gaps */
	char tenant[TENANT_MAX + 1];
	uint64_t blocks;
	UT_hash_handle hh;
};
struct out { /* a block on its way into the queue */
	struct out *next;
	struct notices *nt;
	enum notice_kind kind;
	struct queue_block blk;
	char frame[];
};

struct notices {
	struct queue *queue;
	int (*put)(struct queue *q, const struct queue_block *blk,
		   void (*done)(void *arg, enum queue_result res, const struct err *err), void *arg,
		   struct err *err);
	struct notice_stats stats;
	uint64_t epoch;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t idle;
	struct slot *slots;
	struct counter *counters;
	struct out *waiting, **waiting_end; /* to be put again, in order */
	unsigned n_waiting, with_queue;
	struct arena mem;
	struct event ev;
};

/* --- which are told --- */

static struct slot *slot_find(struct notices *nt, const struct notice *n)
{
	char key[KEY_MAX];
	struct slot *s;

	snprintf(key, sizeof(key), "%d/%.*s/%.*s", n->kind, (int)TENANT_MAX, n->tenant,
		 (int)SENDER_MAX, n->sender);
	HASH_FIND_STR(nt->slots, key, s);
	if (s != NULL)
		return s;
	if (HASH_COUNT(nt->slots) >= NOTICE_SLOTS) { /* the one first seen makes place */
		struct slot *old = nt->slots;

		HASH_DEL(nt->slots, old);
		free(old);
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	memcpy(s->key, key, sizeof(key));
	HASH_ADD_STR(nt->slots, key, s);
	if (s->hh.tbl == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

static bool may_tell(struct slot *s, int64_t now_ns)
{
	/* A clock that was set back must not silence anything. */
	if (s->told_ns != 0 && now_ns >= s->told_ns && now_ns - s->told_ns < NOTICE_HOUR_NS) {
		s->held_back++;
		return false;
	}
	return true;
}

/* --- the event, as a block of one --- */

static void str(struct event *ev, enum ecs id, const char *v)
{
	if (v != NULL)
		event_str(ev, id, slice_str(v));
}

static void fields(struct event *ev, const struct notice *n, uint64_t held_back)
{
	const struct kind *k = &kinds[n->kind];

	ev->time_ns = n->at_ns;
	event_time(ev, ECS_EVENT_CREATED, n->at_ns);
	str(ev, ECS_ECS_VERSION, "8.11.0");
	str(ev, ECS_EVENT_KIND, "event");
	event_add(ev, ECS_EVENT_CATEGORY, slice_str(k->category));
	event_add(ev, ECS_EVENT_TYPE, slice_str(k->type));
	str(ev, ECS_EVENT_ACTION, k->action);
	str(ev, ECS_EVENT_DATASET, "collector.notice");
	str(ev, ECS_EVENT_MODULE, "collector");
	str(ev, ECS_EVENT_REASON, n->text);
	str(ev, ECS_AGENT_TYPE, "vartio-collector");
	str(ev, ECS_AGENT_VERSION, VARTIO_VERSION);
	str(ev, ECS_MESSAGE, k->message);
	event_dyn(ev, SLICE("vartio.notice.agent"), slice_str(n->sender));
	if (held_back > 0)
		event_int(ev, ECS_VARTIO_REPEATED, (int64_t)held_back);
}

static struct out *out_new(struct notices *nt, const struct notice *n, uint64_t held_back)
{
	struct buf json = { 0 }, frames = { 0 }, packed = { 0 };
	struct slice payload;
	struct out *o = NULL;

	event_init(&nt->ev, &nt->mem);
	fields(&nt->ev, n, held_back);
	event_write_json(&nt->ev, &json);
	arena_reset(&nt->mem);
	lj_put_json(&frames, 1, buf_view(&json));
	if (json.failed || frames.failed || lj_compress(&packed, buf_view(&frames), 1, NULL) < 0)
		goto out;
	payload = slice_from(buf_view(&packed), C_HEAD);
	o = calloc(1, sizeof(*o) + payload.n);
	if (o == NULL)
		goto out;
	memcpy(o->frame, payload.p, payload.n);
	o->nt = nt;
	o->kind = n->kind;
	o->blk = (struct queue_block){ .kind = QUEUE_FOREIGN, /* no numbers of its own inside */
				       .sender = NOTICE_SENDER,
				       .events = 1,
				       .received_ns = n->at_ns,
				       .frame = { o->frame, payload.n } };
	snprintf(o->blk.tenant, sizeof(o->blk.tenant), "%s", n->tenant);
out:
	buf_release(&json);
	buf_release(&frames);
	buf_release(&packed);
	return o;
}

/* Blocks are numbered by tenant, for so the queue remembers them. */
static int number(struct notices *nt, struct queue_block *b)
{
	struct counter *c;

	HASH_FIND_STR(nt->counters, b->tenant, c);
	if (c == NULL) {
		c = calloc(1, sizeof(*c));
		if (c == NULL)
			return -1;
		memcpy(c->tenant, b->tenant, sizeof(c->tenant));
		HASH_ADD_STR(nt->counters, tenant, c);
		if (c->hh.tbl == NULL) {
			free(c);
			return -1;
		}
	}
	b->epoch = nt->epoch;
	b->number = b->first_seq = ++c->blocks;
	b->floor = 1;
	return 0;
}

/* --- into the queue --- */

/* Locked. */
static void wait_again(struct notices *nt, struct out *o)
{
	if (nt->n_waiting >= NOTICE_WAITING) {
		metric_add(&nt->stats.lost, 1);
		free(o);
		return;
	}
	o->next = NULL;
	*nt->waiting_end = o;
	nt->waiting_end = &o->next;
	nt->n_waiting++;
}

static void on_done(void *arg, enum queue_result res, const struct err *err)
{
	struct out *o = arg;
	struct notices *nt = o->nt;

	pthread_mutex_lock(&nt->lock);
	if (res == QUEUE_STORED || res == QUEUE_REPEATED) {
		metric_add(&nt->stats.told[o->kind], 1);
		free(o);
	} else {
		wait_again(nt, o);
	}
	if (--nt->with_queue == 0)
		pthread_cond_signal(&nt->idle);
	pthread_mutex_unlock(&nt->lock);
}

/* Not locked: the answer may come at once, from another thread. */
static void submit(struct notices *nt, struct out *o)
{
	struct err err;

	pthread_mutex_lock(&nt->lock);
	nt->with_queue++;
	pthread_mutex_unlock(&nt->lock);
	if (nt->put(nt->queue, &o->blk, on_done, o, &err) < 0)
		on_done(o, QUEUE_FULL, &err);
}

/* Locked. NULL: held back, or *ret_lost. */
static struct out *tell(struct notices *nt, const struct notice *n, bool *ret_lost)
{
	struct slot *s = slot_find(nt, n);
	struct out *o;

	if (s != NULL && !may_tell(s, n->at_ns)) {
		metric_add(&nt->stats.held_back, 1);
		return NULL;
	}
	o = out_new(nt, n, s != NULL ? s->held_back : 0);
	if (o == NULL || number(nt, &o->blk) < 0) {
		metric_add(&nt->stats.lost, 1);
		*ret_lost = true;
		free(o);
		return NULL;
	}
	if (s != NULL) {
		s->told_ns = n->at_ns;
		s->held_back = 0;
	}
	return o;
}

void notices_put(struct notices *nt, enum notice_kind kind, const char *tenant, const char *sender,
		 const char *text, int64_t now_ns)
{
	const struct notice n = { kind, tenant, sender, text, now_ns };
	struct out *o = NULL;
	bool lost = false;

	if (tenant[0] != '\0') {
		pthread_mutex_lock(&nt->lock);
		o = tell(nt, &n, &lost);
		pthread_mutex_unlock(&nt->lock);
		if (o == NULL && !lost)
			return;
	}
	log_line(LOG_LEVEL_WARN, kinds[kind].message, "tenant", tenant, "agent", sender, "reason",
		 text, "alert", o == NULL ? "none" : NULL, NULL);
	if (o != NULL)
		submit(nt, o);
}

void notices_again(struct notices *nt)
{
	struct out *o, *next;

	pthread_mutex_lock(&nt->lock);
	o = nt->waiting;
	nt->waiting = NULL;
	nt->waiting_end = &nt->waiting;
	nt->n_waiting = 0;
	pthread_mutex_unlock(&nt->lock);
	for (; o != NULL; o = next) {
		next = o->next;
		submit(nt, o);
	}
}

/* --- the contract --- */

struct notices *notices_open(struct queue *q,
			     int (*put)(struct queue *q, const struct queue_block *blk,
					void (*done)(void *arg, enum queue_result res,
						     const struct err *err),
					void *arg, struct err *err))
{
	struct notices *nt = calloc(1, sizeof(*nt));

	if (nt == NULL)
		return NULL;
	nt->queue = q;
	nt->put = put;
	nt->waiting_end = &nt->waiting;
	random_bytes(&nt->epoch, sizeof(nt->epoch));
	pthread_mutex_init(&nt->lock, NULL);
	pthread_cond_init(&nt->idle, NULL);
	return nt;
}

const struct notice_stats *notices_stats(const struct notices *nt)
{
	return &nt->stats;
}

void notices_metrics(const struct notices *nt, struct buf *out)
{
	metrics_family(out, "vartio_notices", "counter",
		       "Events that the collector itself had to tell.");
	for (int i = 0; i < NOTICE_KINDS; i++)
		metrics_u64(out, "vartio_notices_total", metric_get(&nt->stats.told[i]), "action",
			    kinds[i].action, NULL);
	metrics_family(out, "vartio_notices_held_back", "counter",
		       "Further ones of the same kind and agent within an hour.");
	metrics_u64(out, "vartio_notices_held_back_total", metric_get(&nt->stats.held_back), NULL);
	metrics_family(out, "vartio_notices_lost", "counter",
		       "Those that there was no memory for, or that the queue never took.");
	metrics_u64(out, "vartio_notices_lost_total", metric_get(&nt->stats.lost), NULL);
}

void notices_close(struct notices *nt)
{
	struct slot *s, *next_slot;
	struct counter *c, *next_counter;
	struct out *o;

	if (nt == NULL)
		return;
	notices_again(nt);
	pthread_mutex_lock(&nt->lock);
	while (nt->with_queue > 0)
		pthread_cond_wait(&nt->idle, &nt->lock);
	pthread_mutex_unlock(&nt->lock);
	if (nt->n_waiting > 0)
		log_line(LOG_LEVEL_ERROR, "the queue did not take all of the collector's notices",
			 NULL);
	while ((o = nt->waiting) != NULL) {
		nt->waiting = o->next;
		free(o);
	}
	HASH_ITER (hh, nt->slots, s, next_slot) {
		HASH_DEL(nt->slots, s);
		free(s);
	}
	HASH_ITER (hh, nt->counters, c, next_counter) {
		HASH_DEL(nt->counters, c);
		free(c);
	}
	arena_release(&nt->mem);
	pthread_cond_destroy(&nt->idle);
	pthread_mutex_destroy(&nt->lock);
	free(nt);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* Three queues, oldest first. For room: bodies under way share WEF_ROOM_BYTES, so that thousands of
 * clients that send at once take no more memory than a few. For the spool: what is whole waits,
 * with its room, while the spool takes nothing for a moment (the disk is slow): 503 would cost the
 * client a minute's wait (ConnectionRetry). For the disk: what was taken is answered when it is
 * durable. */
#include "agent/inputs/wef/session.h"

#define ANSWER_MS 50000u /* OperationTimeout is 60 s; 503 must come before it */
#define SPOOL_MS  5000u  /* a spool that takes nothing for so long is full, not slow */
#define SLOW_MS   10000u /* a body that is not whole by then makes room, when others wait for it */

static struct wef_queue *queue_of(const struct session *s)
{
	struct wef *w = s->wef;

	return s->state == FOR_ROOM    ? &w->for_room
	       : s->state == FOR_SPOOL ? &w->for_spool
	       : s->state == FOR_DISK  ? &w->for_disk
				       : NULL;
}

/* first: before all that wait there. */
static void queue(struct session *s, enum session_state state, bool first)
{
	struct wef_queue *q;
	struct session **at;

	s->state = state;
	q = queue_of(s);
	at = first ? &q->first : q->last;
	s->since_ms = uv_now(s->wef->in->loop);
	s->later = *at;
	*at = s;
	if (q->last == at)
		q->last = &s->later;
	wire_pause(s->wire);
}

static void unqueue(struct session *s)
{
	struct wef_queue *q = queue_of(s);
	struct session **at;

	if (q == NULL)
		return;
	for (at = &q->first; *at != s;)
		at = &(*at)->later;
	*at = s->later;
	if (q->last == &s->later)
		q->last = at;
	s->state = READING;
	s->since_ms = uv_now(s->wef->in->loop);
}

/* --- room --- */

static bool fits(const struct wef *w, size_t bytes)
{
	return w->room_used == 0 || w->room_used + bytes <= WEF_ROOM_BYTES;
}

static void take_room(struct session *s)
{
	s->room = s->need;
	s->wef->room_used += s->room;
}

bool wait_room(struct session *s)
{
	struct wef *w = s->wef;

	if (s->room > 0)
		return true;
	if (w->for_room.first != NULL || !fits(w, s->need)) {
		queue(s, FOR_ROOM, false);
		return false;
	}
	take_room(s);
	return true;
}

void wait_give_room(struct session *s)
{
	s->wef->room_used -= s->room;
	s->room = 0;
	wef_wake(s->wef);
}

void wait_spool(struct session *s)
{
	queue(s, FOR_SPOOL, s->text.n > 0); /* what was begun goes on first */
}

bool wait_is_long(const struct wef *w)
{
	return w->paused && uv_now(w->in->loop) - w->full_ms > SPOOL_MS;
}

/* A message of which the spool took a part goes on there. */
static void go_on(struct session *s)
{
	struct buf text = s->wef->text;
	uint64_t since_ms = s->since_ms;

	unqueue(s);
	s->wef->text = s->text;
	s->text = (struct buf){ 0 };
	session_message(s);
	buf_release(&text);
	if (s->state == FOR_SPOOL)
		s->since_ms = since_ms; /* its client has waited since then */
	else if (s->state == READING)
		wire_resume(s->wire);
}

void wef_wake(struct wef *w)
{
	struct session *s;

	while (!w->paused && (s = w->for_spool.first) != NULL) {
		if (s->text.n > 0) {
			go_on(s);
			continue;
		}
		unqueue(s);
		wire_resume(s->wire);
	}
	while ((s = w->for_room.first) != NULL && fits(w, s->need)) {
		unqueue(s);
		take_room(s);
		wire_resume(s->wire);
	}
}

/* --- the disk --- */

void wait_disk(struct session *s)
{
	struct wef *w = s->wef;

	s->mark = w->in->sink->taken(w->in->sink, w->in);
	if (w->in->sink->durable(w->in->sink, w->in) >= s->mark) {
		answer_soap(s, 200, buf_view(&w->reply)); /* a batch with nothing new in it */
		return;
	}
	buf_reset(&s->answer);
	buf_slice(&s->answer, buf_view(&w->reply));
	if (s->answer.failed) {
		answer_status(s, 503);
		return;
	}
	queue(s, FOR_DISK, false);
	w->in->sink->hurry(w->in->sink, w->in);
}

static void answer_now(struct session *s, unsigned status)
{
	struct buf text = s->answer;

	unqueue(s);
	s->answer = (struct buf){ 0 };
	answer_soap(s, status, buf_view(&text));
	buf_release(&text);
	if (s->state != CLOSING)
		wire_resume(s->wire);
}

void wef_durable(struct wef *w)
{
	uint64_t durable = w->in->sink->durable(w->in->sink, w->in);

	while (w->for_disk.first != NULL && w->for_disk.first->mark <= durable)
		answer_now(w->for_disk.first, 200);
}

/* --- too long --- */

/* Its bytes, where they are whole, are passed over; of a body that is not the connection ends. */
static void turn_away(struct session *s)
{
	s->head.close = s->head.close || s->state == FOR_ROOM;
	s->spent = s->state == FOR_SPOOL && s->text.n == 0;
	unqueue(s);
	buf_release(&s->text);
	answer_status(s, 503);
	if (s->state != CLOSING)
		wire_resume(s->wire);
}

void wait_sweep(struct session *s, uint64_t now)
{
	struct wef *w = s->wef;
	uint64_t waited = now - s->since_ms;
	uint64_t most = (uint64_t)w->conf->request_timeout_ms;
	struct err err;

	if (s->since_ms == 0 || s->state == CLOSING)
		return;
	if (s->state == FOR_DISK && waited > ANSWER_MS) {
		answer_now(s, 503);
	} else if ((s->state == FOR_ROOM && waited > ANSWER_MS) ||
		   (s->state == FOR_SPOOL && (waited > ANSWER_MS || wait_is_long(w)))) {
		turn_away(s);
	} else if (s->state == READING) {
		if (w->for_room.first != NULL && !w->paused && most > SLOW_MS)
			most = SLOW_MS;
		if (waited <= most)
			return;
		err_set(&err, ERR_PEER, "its request did not come whole within %llu s",
			(unsigned long long)most / 1000);
		answer_refuse(s, 408, &err);
	}
}

void wait_leave(struct session *s)
{
	unqueue(s);
	buf_release(&s->text);
	wait_give_room(s);
}

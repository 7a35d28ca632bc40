/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/listen/window.h"

#include <stdlib.h>

#include "common/net/lumberjack.h"

#define C_HEAD 6u /* '2' 'C' length */

void window_reset(struct window *w)
{
	buf_release(&w->frames);
	w->announced = w->got = 0;
}

static int event_size(struct slice json, struct err *err)
{
	if (json.n <= WINDOW_EVENT_MAX)
		return 0;
	return err_set(err, ERR_FULL, "an event of %zu bytes: at most %u are taken", json.n,
		       WINDOW_EVENT_MAX);
}

/* The next `J` of inflated bytes; they must be `J` frames and nothing else, to the last byte. */
static int next_json(struct slice *in, struct lj_frame *ret, struct err *err)
{
	ssize_t n = lj_next(*in, WINDOW_EVENT_MAX, ret, err);

	if (n < 0)
		return -1;
	if (n == 0)
		return err_set(err, ERR_SYNTAX,
			       "a compressed frame ends in the middle of an event");
	if (ret->kind != LJ_JSON)
		return err_set(err, ERR_SYNTAX, "a compressed frame holds a frame '%c'", ret->kind);
	*in = slice_from(*in, (size_t)n);
	return 0;
}

/* An agent's block: J 1..n and nothing else, as announced. */
static int check_own(struct slice in, uint32_t announced, struct err *err)
{
	struct batch_meta again;
	struct lj_frame f;
	uint32_t n = 0;

	if (in.n > WINDOW_OWN_MAX)
		return err_set(err, ERR_FULL, "a block holds %zu bytes: at most %u are taken", in.n,
			       WINDOW_OWN_MAX);
	while (in.n > 0) {
		if (next_json(&in, &f, err) < 0)
			return -1;
		if (f.number != ++n)
			return err_set(err, ERR_SYNTAX, "event %u of a block has the number %u", n,
				       f.number);
		if (n > 1 && batch_meta_read(f.payload, &again, err) != 0)
			return err_set(err, ERR_SYNTAX, "event %u of a block begins another block",
				       n);
	}
	if (n != announced)
		return err_set(err, ERR_SYNTAX, "a window of %u events holds %u", announced, n);
	return 0;
}

static int add_foreign(struct window *w, struct slice json, struct err *err)
{
	struct batch_meta meta;

	if (event_size(json, err) < 0)
		return -1;
	if (w->got == w->announced)
		return err_set(err, ERR_SYNTAX, "a window of %u events holds more", w->announced);
	if (batch_meta_read(json, &meta, err) != 0)
		return err_set(err, ERR_SYNTAX, "an agent's block is not in one compressed frame");
	if (w->frames.n + json.n > WINDOW_FOREIGN_MAX)
		return err_set(err, ERR_FULL, "a window holds more than %u bytes",
			       WINDOW_FOREIGN_MAX);
	lj_put_json(&w->frames, ++w->got, json);
	return w->frames.failed ? err_nomem(err) : 0;
}

/* J 1..n as announced, and no larger than what readers like to hold? */
static bool is_frame(struct slice in, uint32_t announced)
{
	struct lj_frame f;
	struct err err;
	uint32_t n = 0;

	if (in.n > WINDOW_FRAME_KEPT)
		return false;
	while (in.n > 0) {
		if (next_json(&in, &f, &err) < 0 || f.number != ++n)
			return false;
	}
	return n == announced;
}

static int add_frames(struct window *w, struct slice in, struct err *err)
{
	struct lj_frame f;

	while (in.n > 0)
		if (next_json(&in, &f, err) < 0 || add_foreign(w, f.payload, err) < 0)
			return -1;
	return 0;
}

int window_unframe(struct window *w, struct window_whole *ret, struct err *err)
{
	w->announced = ret->events;
	if (add_frames(w, ret->frames, err) < 0)
		return -1;
	w->announced = w->got = 0;
	ret->kind = WINDOW_FOREIGN;
	return 0;
}

/* An empty scratch gets memory for what this sender's frames usually hold: it is the block's own
 * afterwards, so it should not be much larger, and of a size that comes again. Without it inflating
 * finds its own. */
static void scratch_make(struct buf *scratch, const struct window *w, size_t payload, size_t max)
{
	size_t n = w->usual > payload ? w->usual + w->usual / 8 : 0;

	if (n == 0 || scratch->p != NULL)
		return;
	n = n < max ? n : max;
	scratch->p = malloc(n + 1);
	scratch->cap = scratch->p != NULL ? n + 1 : 0;
}

static int take_compressed(struct window *w, struct slice payload, struct buf *scratch,
			   struct window_whole *ret, struct err *err)
{
	size_t room = WINDOW_FOREIGN_MAX -
		      (w->frames.n < WINDOW_FOREIGN_MAX ? w->frames.n : WINDOW_FOREIGN_MAX);
	struct slice in;
	struct lj_frame f;
	ssize_t own = 0;

	buf_reset(scratch);
	scratch_make(scratch, w, payload.n, room);
	if (lj_inflate(payload, room, scratch, err) < 0)
		return -1;
	in = buf_view(scratch);
	w->usual = in.n;
	if (w->got == 0 && in.n > 0) {
		struct slice look = in;

		if (next_json(&look, &f, err) < 0)
			return -1;
		own = batch_meta_read(f.payload, &ret->meta, err);
		if (own < 0)
			return -1;
	}
	if (own > 0) {
		if (check_own(in, w->announced, err) < 0)
			return -1;
		ret->kind = WINDOW_OWN;
		ret->payload = payload;
		ret->frames = buf_view(scratch);
		w->got = w->announced;
		return 0;
	}
	if (w->got == 0 && is_frame(in, w->announced)) {
		ret->kind = WINDOW_FRAME;
		ret->payload = payload;
		ret->frames = in;
		w->got = w->announced;
		return 0;
	}
	return add_frames(w, in, err);
}

static int take_frame(struct window *w, const struct lj_frame *f, struct buf *scratch,
		      struct window_whole *ret, struct err *err)
{
	if (f->kind == LJ_WINDOW) {
		if (w->announced > 0)
			return err_set(err, ERR_SYNTAX, "a window of %u events ended after %u",
				       w->announced, w->got);
		w->announced = f->number; /* of 0: says nothing, and is not answered */
		return 0;
	}
	if (f->kind == LJ_ACK)
		return err_set(err, ERR_SYNTAX, "a sender sent an acknowledgement");
	if (w->announced == 0)
		return err_set(err, ERR_SYNTAX, "events came before their window");
	if (f->kind == LJ_JSON)
		return add_foreign(w, f->payload, err);
	return take_compressed(w, f->payload, scratch, ret, err);
}

ssize_t window_feed(struct window *w, struct slice in, struct buf *scratch,
		    struct window_whole *ret, struct err *err)
{
	struct window_whole whole = { 0 };
	struct lj_frame f;
	ssize_t n = lj_next(in, WINDOW_FRAME_MAX, &f, err);

	if (n > 0) {
		if (take_frame(w, &f, scratch, &whole, err) < 0)
			n = -1;
		else if (w->announced > 0 && w->got == w->announced) {
			whole.events = w->announced;
			if (whole.kind == WINDOW_NONE)
				whole.kind = WINDOW_FOREIGN;
			w->announced = w->got = 0;
		}
	}
	if (n >= 0)
		*ret = whole;
	return n;
}

/* --- foreign windows into blocks --- */

struct splitter {
	const struct window_split *sp;
	struct buf frames, json, packed;
	uint32_t events;
};

static int close_block(struct splitter *s, struct err *err)
{
	int r;

	if (s->events == 0)
		return 0;
	buf_reset(&s->packed);
	if (lj_compress(&s->packed, buf_view(&s->frames), s->sp->level, err) < 0)
		return -1;
	r = s->sp->block(s->sp->arg, s->events, buf_view(&s->frames),
			 slice_from(buf_view(&s->packed), C_HEAD), err);
	buf_reset(&s->frames);
	s->events = 0;
	return r;
}

int window_split(const struct window *w, const struct window_split *sp, struct err *err)
{
	struct splitter s = { .sp = sp };
	struct slice in = buf_view(&w->frames);
	struct lj_frame f;
	int r = -1;

	while (in.n > 0) {
		if (next_json(&in, &f, err) < 0)
			goto out;
		buf_reset(&s.json);
		if (sp->ecs(sp->arg, f.payload, &s.json, err) < 0)
			goto out;
		lj_put_json(&s.frames, ++s.events, buf_view(&s.json));
		if (s.json.failed || s.frames.failed) {
			err_nomem(err);
			goto out;
		}
		if ((s.frames.n >= WINDOW_BLOCK_BYTES || s.events == WINDOW_BLOCK_EVENTS) &&
		    close_block(&s, err) < 0)
			goto out;
	}
	r = close_block(&s, err);
out:
	buf_release(&s.frames);
	buf_release(&s.json);
	buf_release(&s.packed);
	return r;
}

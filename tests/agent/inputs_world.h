/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/agent/inputs_world.h: a loop and a sink that remembers what inputs give it, may be full,
 * and keeps checkpoints over a restart as the spool does. */
#ifndef VARTIO_TESTS_INPUTS_WORLD_H
#define VARTIO_TESTS_INPUTS_WORLD_H

#include "tests/cmocka.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/inputs/input.h"

#define WORLD_DEADLINE_MS 30000u
#define WORLD_MAX         20000u

struct world_record {
	struct slice line;
	char peer[64], path[256];
	enum norm_format format;
	uint64_t offset;
	bool cut, local;
};
struct world_checkpoint {
	struct slice key, value;
};
struct world {
	struct sink sink; /* first: the callbacks get it */
	uv_loop_t loop;
	uv_timer_t tick;
	struct arena mem;
	struct input in;
	void *conf;
	struct world_record rec[WORLD_MAX];
	size_t n, room; /* room: records taken before the sink is full */
	struct world_checkpoint ck[1024];
	size_t n_ck, warns, fails, refused;
	char warning[512];
	bool open, closed, late;
};

static inline struct slice world_copy(struct world *w, struct slice s)
{
	struct slice c = arena_copy(&w->mem, s);

	assert_non_null(c.p);
	return c;
}

static inline int world_checkpoint(struct sink *sk, struct input *in, struct slice key,
				   struct slice value, struct err *err)
{
	struct world *w = (struct world *)sk;
	size_t i;

	for (i = 0; i < w->n_ck && !slice_eq(w->ck[i].key, key); i++)
		;
	if (value.n == 0 && i < w->n_ck)
		w->ck[i] = w->ck[--w->n_ck];
	if (value.n == 0)
		return 0;
	if (i == w->n_ck) {
		assert_true(w->n_ck < 1024);
		w->ck[w->n_ck++].key = world_copy(w, key);
	}
	w->ck[i].value = world_copy(w, value);
	return 0;
}

static inline int world_record(struct sink *sk, struct input *in, enum norm_format format,
			       struct slice line, const struct norm_source *src, struct slice key,
			       struct slice checkpoint, struct err *err)
{
	struct world *w = (struct world *)sk;
	struct world_record *r = &w->rec[w->n];

	if (w->n >= w->room) {
		w->refused++;
		return err_set(err, ERR_FULL, "the test's sink is full");
	}
	assert_true(w->n < WORLD_MAX);
	*r = (struct world_record){ .line = world_copy(w, line),
				    .format = format,
				    .offset = src->offset,
				    .cut = src->cut,
				    .local = src->local };
	snprintf(r->peer, sizeof(r->peer), "%.*s", SLICE_FMT(src->peer));
	snprintf(r->path, sizeof(r->path), "%.*s", SLICE_FMT(src->path));
	w->n++;
	return key.n > 0 ? world_checkpoint(sk, in, key, checkpoint, err) : 0;
}

static inline struct slice world_get(struct sink *sk, struct slice key)
{
	struct world *w = (struct world *)sk;

	for (size_t i = 0; i < w->n_ck; i++)
		if (slice_eq(w->ck[i].key, key))
			return w->ck[i].value;
	return SLICE("");
}

static inline void world_each(struct sink *sk,
			      void (*each)(void *arg, struct slice k, struct slice v), void *arg)
{
	struct world *w = (struct world *)sk;

	for (size_t i = 0; i < w->n_ck; i++)
		each(arg, w->ck[i].key, w->ck[i].value);
}

static inline void world_warn(struct sink *sk, struct input *in, const struct err *err)
{
	struct world *w = (struct world *)sk;

	w->warns++;
	metric_add(&in->stats.errors, 1); /* as the agent's sink does */
	memcpy(w->warning, err->msg, sizeof(w->warning));
}

static inline void world_failed(struct sink *sk, struct input *in, const struct err *err)
{
	world_warn(sk, in, err);
	((struct world *)sk)->fails++;
}

static inline void world_on_tick(uv_timer_t *t)
{
	((struct world *)t->data)->late = true;
}

static inline struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->sink = (struct sink){ world_record, world_checkpoint, world_get,
				 world_each,   world_failed,     world_warn };
	w->room = WORLD_MAX;
	assert_int_equal(uv_loop_init(&w->loop), 0);
	assert_int_equal(uv_timer_init(&w->loop, &w->tick), 0);
	w->tick.data = w;
	return w;
}

/* Opens an input of cls with YAML settings. */
static inline int world_try(struct world *w, const struct input_class *cls, const char *yaml,
			    struct err *err)
{
	struct conf_node *root;

	w->conf = arena_alloc(&w->mem, cls->conf_size);
	assert_non_null(w->conf);
	memset(w->conf, 0, cls->conf_size);
	if (conf_parse(slice_str(yaml), &w->mem, &root, err) < 0 ||
	    conf_bind(root, cls->conf, w->conf, &w->mem, err) < 0)
		fail_msg("settings: %s", err->msg);
	w->in = (struct input){ .cls = cls,
				.id = "in",
				.conf = w->conf,
				.loop = &w->loop,
				.sink = &w->sink,
				.host = SLICE("here") };
	if (cls->open(&w->in, err) < 0)
		return -1;
	w->open = true;
	return 0;
}

static inline void world_open(struct world *w, const struct input_class *cls, const char *yaml)
{
	struct err err;

	if (world_try(w, cls, yaml, &err) < 0)
		fail_msg("open: %s", err.msg);
}

/* Runs the loop until done says so; false when the deadline passed first. */
static inline bool world_wait(struct world *w, bool (*done)(struct world *w, size_t arg),
			      size_t arg)
{
	bool ok;

	w->late = false;
	uv_timer_start(&w->tick, world_on_tick, WORLD_DEADLINE_MS, 0);
	while (!(ok = done(w, arg)) && !w->late)
		uv_run(&w->loop, UV_RUN_ONCE);
	uv_timer_stop(&w->tick);
	return ok;
}

static inline bool world_has(struct world *w, size_t n)
{
	return w->n >= n;
}

static inline bool world_warned(struct world *w, size_t n)
{
	return w->warns >= n;
}

static inline bool world_is_closed(struct world *w, size_t unused)
{
	return w->closed;
}

static inline void world_on_closed(struct input *in)
{
	((struct world *)in->sink)->closed = true;
}

static inline void world_close(struct world *w)
{
	if (!w->open)
		return;
	w->closed = false;
	w->in.cls->close(&w->in, world_on_closed);
	assert_true(world_wait(w, world_is_closed, 0));
	w->open = false;
}

static inline void world_free(struct world *w)
{
	world_close(w);
	uv_close((uv_handle_t *)&w->tick, NULL);
	for (int i = 0; i < 1000 && uv_run(&w->loop, UV_RUN_NOWAIT) != 0; i++)
		;
	assert_int_equal(uv_loop_close(&w->loop), 0); /* every handle was closed */
	arena_release(&w->mem);
	free(w);
}

/* Waits for exactly these lines (NULL ends), in this order, since the first `from` records. */
static inline void world_expect(struct world *w, size_t from, const char *const *lines)
{
	size_t n = 0;

	while (lines[n] != NULL)
		n++;
	if (!world_wait(w, world_has, from + n))
		fail_msg("%zu records came, %zu were expected; the next: %s", w->n, from + n,
			 w->n >= from ? lines[w->n - from] : "?");
	for (size_t i = from; i < w->n; i++)
		if (i - from >= n || !slice_is(w->rec[i].line, lines[i - from]))
			fail_msg("record %zu is '%.*s', expected '%s'", i,
				 SLICE_FMT(w->rec[i].line),
				 i - from < n ? lines[i - from] : "(none)");
}
#define LINES(...) ((const char *const[]){ __VA_ARGS__, NULL })

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/pipe.h"

#include <stdarg.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/time.h"

#define PIPE_KEEP_BYTES (256u * 1024) /* a text larger than this gives its memory back */

struct pipe {
	struct sink sink; /* first: the inputs' pointer is ours */
	struct pipe_opts opts;
	struct normaliser *nz;
	struct arena mem;
	struct buf json;
	struct event ev;
};

/* The same as members of "agent". */
#define OWN_MEMBERS "\"type\":\"vartio-agent\",\"version\":\"" VARTIO_VERSION "\""

static void own_fields(struct event *ev)
{
	event_str(ev, ECS_AGENT_TYPE, SLICE("vartio-agent"));
	event_str(ev, ECS_AGENT_VERSION, SLICE(VARTIO_VERSION));
}

/* Adds the event that pp->json holds. */
static int give(struct pipe *pp, enum lane lane, struct slice key, struct slice checkpoint,
		struct err *err)
{
	int r = pp->json.failed ? err_nomem(err)
				: spool_add(pp->opts.spool, lane, buf_view(&pp->json), key,
					    checkpoint, err);

	if (pp->json.cap > PIPE_KEEP_BYTES)
		buf_release(&pp->json);
	return r;
}

static bool must_wait(const struct err *err)
{
	return err->code == ERR_FULL || err->code == ERR_NOMEM;
}

/* Hostile bytes grow: a control byte is six in JSON, and a line's parts are told more than once.
 * What is too large as a whole is normalised again from less of the line; the last step's size has
 * an upper bound (a raw record says its bytes once), so that no line can stop its input. */
static void make_small(struct pipe *pp, enum norm_format format, struct slice line,
		       const struct norm_source *src)
{
	static const struct {
		size_t bytes;
		bool raw;
	} steps[] = { { 64u * 1024, false }, { 16u * 1024, false }, { 16u * 1024, true } };
	struct norm_source less = *src;

	less.cut = true;
	less.keep_original = false;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct slice part = { line.p, line.n < steps[i].bytes ? line.n : steps[i].bytes };

		arena_reset(&pp->mem);
		normalise(pp->nz, steps[i].raw ? NORM_RAW : format, part, &less, &pp->mem, &pp->ev);
		own_fields(&pp->ev);
		buf_reset(&pp->json);
		event_write_json(&pp->ev, &pp->json);
		if (pp->json.failed || pp->json.n <= SPOOL_EVENT_MAX)
			return;
	}
}

/* The spool will never take this one: it is counted and told, and the input goes on behind it. */
static int pass_over(struct pipe *pp, struct input *in, struct slice key, struct slice checkpoint,
		     struct err *err)
{
	metric_add(&in->stats.dropped, 1);
	metric_add(&in->stats.errors, 1);
	log_line(LOG_LEVEL_ERROR, "a record was dropped", "input", in->id, "reason", err->msg,
		 NULL);
	if (key.n == 0 || spool_add(pp->opts.spool, in->cls->lane, (struct slice){ 0 }, key,
				    checkpoint, err) == 0)
		return 0;
	return must_wait(err) ? -1 : 0;
}

static int record(struct sink *sk, struct input *in, enum norm_format format, struct slice line,
		  const struct norm_source *src, struct slice key, struct slice checkpoint,
		  struct err *err)
{
	struct pipe *pp = (struct pipe *)sk;
	bool small;
	int r;

	buf_reset(&pp->json);
	if (!normalise_splice(pp->nz, format, line, src, SLICE(OWN_MEMBERS), &pp->json)) {
		arena_reset(&pp->mem);
		normalise(pp->nz, format, line, src, &pp->mem, &pp->ev);
		own_fields(&pp->ev);
		event_write_json(&pp->ev, &pp->json);
	}
	small = !pp->json.failed && pp->json.n > SPOOL_EVENT_MAX;
	if (small)
		make_small(pp, format, line, src);
	r = give(pp, in->cls->lane, key, checkpoint, err);
	if (r == 0 && small && !src->cut) /* input_record counts those that came cut */
		metric_add(&in->stats.cut, 1);
	if (r < 0 && !must_wait(err))
		r = pass_over(pp, in, key, checkpoint, err);
	if (r < 0)
		pp->opts.blocked(pp->opts.arg, in, err);
	return r;
}

static int checkpoint(struct sink *sk, struct input *in, struct slice key, struct slice value,
		      struct err *err)
{
	struct pipe *pp = (struct pipe *)sk;
	int r = spool_add(pp->opts.spool, in->cls->lane, (struct slice){ 0 }, key, value, err);

	if (r < 0 && must_wait(err))
		pp->opts.blocked(pp->opts.arg, in, err);
	return r;
}

static struct slice checkpoint_get(struct sink *sk, struct slice key)
{
	return spool_checkpoint(((struct pipe *)sk)->opts.spool, key);
}

static void checkpoint_each(struct sink *sk,
			    void (*each)(void *arg, struct slice key, struct slice value),
			    void *arg)
{
	spool_checkpoints(((struct pipe *)sk)->opts.spool, each, arg);
}

static uint64_t taken(struct sink *sk, struct input *in)
{
	return spool_taken(((struct pipe *)sk)->opts.spool, in->cls->lane);
}

static uint64_t durable(struct sink *sk, struct input *in)
{
	return spool_durable(((struct pipe *)sk)->opts.spool, in->cls->lane);
}

static void hurry(struct sink *sk, struct input *in)
{
	spool_hurry(((struct pipe *)sk)->opts.spool, in->cls->lane);
}

static void failed(struct sink *sk, struct input *in, const struct err *err)
{
	struct pipe *pp = (struct pipe *)sk;

	metric_add(&in->stats.errors, 1);
	pp->opts.failed(pp->opts.arg, in, err);
}

static void warn(struct sink *sk, struct input *in, const struct err *err)
{
	metric_add(&in->stats.errors, 1);
	log_line(LOG_LEVEL_WARN, "input", "input", in->id, "reason", err->msg, NULL);
}

struct pipe *pipe_new(const struct pipe_opts *opts)
{
	struct pipe *pp = calloc(1, sizeof(*pp));

	if (pp == NULL)
		return NULL;
	pp->opts = *opts;
	pp->sink = (struct sink){ .record = record,
				  .checkpoint = checkpoint,
				  .checkpoint_get = checkpoint_get,
				  .checkpoint_each = checkpoint_each,
				  .taken = taken,
				  .durable = durable,
				  .hurry = hurry,
				  .failed = failed,
				  .warn = warn };
	pp->nz = normaliser_new();
	if (pp->nz == NULL) {
		pipe_free(pp);
		return NULL;
	}
	return pp;
}

struct sink *pipe_sink(struct pipe *pp)
{
	return &pp->sink;
}

int pipe_own(struct pipe *pp, struct slice host, const char *message, int64_t now_ns,
	     struct err *err, ...)
{
	const char *name, *value;
	va_list ap;

	arena_reset(&pp->mem);
	event_init(&pp->ev, &pp->mem);
	pp->ev.time_ns = now_ns;
	own_fields(&pp->ev);
	event_time(&pp->ev, ECS_EVENT_CREATED, now_ns);
	event_str(&pp->ev, ECS_ECS_VERSION, SLICE("8.11.0"));
	event_str(&pp->ev, ECS_EVENT_KIND, SLICE("metric"));
	event_str(&pp->ev, ECS_EVENT_DATASET, SLICE("agent.status"));
	event_str(&pp->ev, ECS_EVENT_MODULE, SLICE("agent"));
	event_str(&pp->ev, ECS_HOST_NAME, host);
	event_str(&pp->ev, ECS_MESSAGE, slice_str(message));
	va_start(ap, err);
	while ((name = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		event_dyn(&pp->ev, slice_str(name), slice_str(value));
	}
	va_end(ap);
	buf_reset(&pp->json);
	event_write_json(&pp->ev, &pp->json);
	return give(pp, LANE_LOSSY, (struct slice){ 0 }, (struct slice){ 0 }, err);
}

void pipe_free(struct pipe *pp)
{
	if (pp == NULL)
		return;
	normaliser_free(pp->nz);
	arena_release(&pp->mem);
	buf_release(&pp->json);
	free(pp);
}

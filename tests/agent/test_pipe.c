/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/pipe: no record can stop its input. What is too large for the spool is cut until it fits,
 * what the spool can never take is passed over, and only a full spool makes an input wait. */
#include "tests/agent/spool_kit.h"

#include <jansson.h>
#include <stdlib.h>

#include "agent/pipe.h"
#include "common/base/time.h"

#define LINE_BYTES (900u * 1024)

static unsigned blocked;

static void on_blocked(void *arg, struct input *in, const struct err *err)
{
	blocked++;
}

static void on_input_failed(void *arg, struct input *in, const struct err *err)
{
	fail_msg("failed: %s", err->msg);
}

static const struct input_class kept = { .name = "file", .lane = LANE_KEEP };

struct rig {
	struct spool *sp;
	struct pipe *pp;
	struct input in;
};

static struct rig rig_open(const struct spool_opts *o)
{
	struct rig r = { .sp = open_spool(o) };
	struct pipe_opts po = { .spool = r.sp, .blocked = on_blocked, .failed = on_input_failed };

	blocked = 0;
	r.pp = pipe_new(&po);
	assert_non_null(r.pp);
	r.in = (struct input){ .cls = &kept,
			       .id = "file",
			       .loop = &loop,
			       .sink = pipe_sink(r.pp),
			       .host = SLICE("host"),
			       .keep_original = true };
	return r;
}

static void rig_close(struct rig *r)
{
	pipe_free(r->pp);
	close_spool(r->sp);
}

static int give(struct rig *r, struct slice line, struct slice key, const char *place,
		struct err *err)
{
	struct norm_source src = input_source(&r->in, "log", time_now_ns());

	return input_record(&r->in, NORM_AUTO, line, &src, key, slice_str(place), err);
}

/* The event as flat JSON, or nested: the member at "a.b" or at a, b. */
static json_t *member(json_t *event, const char *outer, const char *inner)
{
	char dotted[64];
	json_t *v;

	snprintf(dotted, sizeof(dotted), "%s.%s", outer, inner);
	v = json_object_get(event, dotted);
	return v != NULL ? v : json_object_get(json_object_get(event, outer), inner);
}

/* All events that the spool holds, in order; each must be JSON. */
static size_t held(struct rig *r, json_t **out, size_t max)
{
	struct spool_block b;
	struct batch_meta m;
	struct err err = { 0 };
	size_t n = 0;

	settle(r->sp);
	while (spool_next(r->sp, &b, &err) == 1) {
		const char *p = events_of(&b, &m), *end = p + strlen(p);

		while (p < end) {
			json_error_t je;
			json_t *v = json_loadb(p, (size_t)(end - p), JSON_DISABLE_EOF_CHECK, &je);

			if (v == NULL)
				fail_msg("not JSON: %s", je.text);
			assert_true(n < max);
			assert_true(je.position <= (int)SPOOL_EVENT_MAX);
			p += je.position;
			out[n++] = v;
		}
		assert_int_equal(spool_ack(r->sp, b.epoch, b.number, &err), 0);
	}
	return n;
}

static bool flagged(json_t *event)
{
	char *text = json_dumps(member(event, "log", "flags"), JSON_ENCODE_ANY);
	bool yes = text != NULL && strstr(text, "truncated") != NULL;

	free(text);
	return yes;
}

static void test_too_large(void **state)
{
	static const struct {
		const char *head;
		size_t bytes;
		int filler;
		bool cut;
	} rows[] = {
		{ "Nov 23 02:00:00 h sudo:  root : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=", 65000,
		  1, true },
		{ "<13>Nov 23 02:00:00 h app: ", LINE_BYTES, 'a', true }, /* message and original */
		{ "<13>Nov 23 02:00:00 h app: ", LINE_BYTES, 0xff, true },
		{ "Nov 23 02:00:00 h sudo:  root : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=", 2000,
		  1, false },
		{ "plain ", 300000, 'a', false },
	};
	static const char good[] = "Nov 23 02:00:01 h sshd[7]: the good line";
	struct spool_opts o = opts();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig r = rig_open(&o);
		json_t *ev[2] = { NULL };
		struct buf line = { 0 };
		struct err err = { 0 };

		buf_str(&line, rows[i].head);
		for (size_t k = 0; k < rows[i].bytes; k++)
			buf_chr(&line, (char)rows[i].filler);
		assert_false(line.failed);
		assert_int_equal(give(&r, buf_view(&line), SLICE("file:x"), "1", &err), 0);
		settle(r.sp);
		assert_int_equal(give(&r, slice_str(good), SLICE("file:x"), "2", &err), 0);
		assert_int_equal(metric_get(&spool_stats(r.sp)->events_in), 2);
		assert_slice(spool_checkpoint(r.sp, SLICE("file:x")), "2");
		assert_int_equal(blocked, 0);
		assert_int_equal(metric_get(&r.in.stats.cut), rows[i].cut);
		assert_int_equal(metric_get(&r.in.stats.dropped), 0);
		assert_int_equal(held(&r, ev, 2), 2);
		assert_int_equal(flagged(ev[0]), rows[i].cut);
		assert_int_equal(member(ev[0], "event", "original") == NULL, rows[i].cut);
		assert_false(flagged(ev[1]));
		json_decref(ev[0]);
		json_decref(ev[1]);
		buf_release(&line);
		rig_close(&r);
	}
}

/* A key that the spool refuses for good: the record is dropped and counted, the input goes on. */
static void test_never_taken(void **state)
{
	struct spool_opts o = opts();
	struct rig r = rig_open(&o);
	struct buf key = { 0 };
	struct err err = { 0 };

	for (unsigned i = 0; i < 1u << 17; i++)
		buf_chr(&key, 'k');
	assert_false(key.failed);
	assert_int_equal(give(&r, SLICE("one"), buf_view(&key), "1", &err), 0);
	assert_int_equal(give(&r, SLICE("two"), SLICE("file:x"), "2", &err), 0);
	assert_int_equal(blocked, 0);
	assert_int_equal(metric_get(&r.in.stats.dropped), 1);
	assert_int_equal(metric_get(&r.in.stats.errors), 1);
	assert_int_equal(metric_get(&spool_stats(r.sp)->events_in), 1);
	assert_slice(spool_checkpoint(r.sp, SLICE("file:x")), "2");
	buf_release(&key);
	rig_close(&r);
}

static void test_full_waits(void **state)
{
	struct spool_opts o = opts();
	struct rig r;
	struct err err = { 0 };

	o.max_bytes = 1; /* no event fits */
	r = rig_open(&o);
	assert_int_equal(give(&r, SLICE("one"), SLICE("file:x"), "1", &err), -1);
	assert_int_equal(err.code, ERR_FULL);
	assert_int_equal(blocked, 1);
	assert_int_equal(metric_get(&r.in.stats.dropped), 0);
	assert_slice(spool_checkpoint(r.sp, SLICE("file:x")), "");
	rig_close(&r);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_too_large),
		T(test_never_taken),
		T(test_full_waits),
	};

	return RUN_TESTS(tests);
}

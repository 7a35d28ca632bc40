/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/collector/queue_kit.h: a queue in a folder of its own, blocks to put and to read. */
#ifndef VARTIO_TEST_QUEUE_KIT_H
#define VARTIO_TEST_QUEUE_KIT_H

#include "tests/cmocka.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/queue/queue.h"
#include "common/base/file.h"
#include "common/net/batch.h"
#include "common/net/lumberjack.h"

static char dir[64];

static char tellings[1024]; /* what the queue told, in one text */

static int make_dir(void **state)
{
	tellings[0] = '\0';
	snprintf(dir, sizeof(dir), "/tmp/vartio-queue-XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static int remove_dir(void **state)
{
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void tell(void *arg, enum notice_kind kind, const char *tenant, const char *sender,
		 const char *text)
{
	size_t n = strlen(tellings);

	snprintf(tellings + n, sizeof(tellings) - n, "%d %s/%s %.22s|", (int)kind, tenant, sender,
		 text);
}

static struct queue_opts opts(void)
{
	return (struct queue_opts){
		.dir = dir,
		.max_bytes = 64 << 20,
		.commit_ms = 1,
		.commit_bytes = 4 << 20,
		.notice.tell = tell,
	};
}

static struct queue *open_queue(const struct queue_opts *o)
{
	struct queue *q = NULL;
	struct err err = { 0 };

	if (queue_open(o, &q, &err) < 0)
		fail_msg("open: %s", err.msg);
	return q;
}

/* What `done` said, for the thread that waits for it. */
struct outcome {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int calls;
	enum queue_result res[64];
	struct err err;
};

static void on_done(void *arg, enum queue_result res, const struct err *err)
{
	struct outcome *o = arg;

	pthread_mutex_lock(&o->lock);
	if (o->calls < 64)
		o->res[o->calls] = res;
	o->calls++;
	if (err != NULL)
		o->err = *err;
	pthread_cond_signal(&o->cond);
	pthread_mutex_unlock(&o->lock);
}

static void outcome_init(struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->cond, NULL);
}

static void outcome_wait(struct outcome *o, int calls)
{
	pthread_mutex_lock(&o->lock);
	while (o->calls < calls)
		pthread_cond_wait(&o->cond, &o->lock);
	pthread_mutex_unlock(&o->lock);
}

static const char *event_more = ""; /* members of each event behind n, with a comma in front */

/* A block of one sender whose events are {"n":first_seq}, ... */
static void block_make(struct queue_block *b, struct buf *mem, const char *sender, uint64_t epoch,
		       uint64_t number, uint64_t floor, uint64_t first_seq, uint32_t events)
{
	struct batch_meta m = { epoch, number, first_seq, floor };
	struct buf frames = { 0 }, event = { 0 }, first = { 0 };
	struct err err;

	*b = (struct queue_block){ .kind = QUEUE_OWN,
				   .epoch = epoch,
				   .number = number,
				   .floor = floor,
				   .first_seq = first_seq,
				   .events = events,
				   .received_ns = INT64_C(1795420800000000000) };
	snprintf(b->tenant, sizeof(b->tenant), "mallila");
	snprintf(b->sender, sizeof(b->sender), "%s", sender);
	for (uint32_t i = 0; i < events; i++) {
		buf_reset(&event);
		buf_printf(&event, "{\"n\":%" PRIu64 "%s}", first_seq + i, event_more);
		if (i == 0) {
			assert_int_equal(batch_meta_put(&first, &m, buf_view(&event), &err), 0);
			lj_put_json(&frames, 1, buf_view(&first));
		} else {
			lj_put_json(&frames, i + 1, buf_view(&event));
		}
	}
	buf_reset(mem);
	assert_int_equal(lj_compress(mem, buf_view(&frames), 1, &err), 0);
	b->frame = slice_from(buf_view(mem), 6);
	buf_release(&frames);
	buf_release(&event);
	buf_release(&first);
}

static enum queue_result put_block(struct queue *q, const struct queue_block *b,
				   struct err *ret_err)
{
	struct outcome o;
	struct err err = { 0 };

	outcome_init(&o);
	if (queue_put(q, b, on_done, &o, &err) < 0)
		fail_msg("put: %s", err.msg);
	outcome_wait(&o, 1);
	if (ret_err != NULL)
		*ret_err = o.err;
	return o.res[0];
}

/* Block `number` with one event whose sequence is the same number. */
static inline enum queue_result put(struct queue *q, const char *sender, uint64_t epoch,
				    uint64_t number, uint64_t floor)
{
	struct queue_block b;
	struct buf mem = { 0 };
	enum queue_result r;

	block_make(&b, &mem, sender, epoch, number, floor, number, 1);
	r = put_block(q, &b, NULL);
	buf_release(&mem);
	return r;
}

static struct queue_reader *open_reader(struct queue *q, const char *name)
{
	struct queue_reader *rd = NULL;
	struct err err = { 0 };

	if (queue_reader_open(q, name, &rd, &err) < 0)
		fail_msg("reader: %s", err.msg);
	return rd;
}

/* Up to max events as "sender:seq=json "; "! " for an error. */
static inline const char *read_some(struct queue_reader *rd, int max)
{
	static struct buf out;
	struct queue_event ev;
	struct err err;
	int r;

	buf_reset(&out);
	while (max-- > 0 && (r = queue_next(rd, 0, &ev, &err)) != 0) {
		if (r < 0)
			buf_str(&out, "! ");
		else
			buf_printf(&out, "%s:%" PRIu64 "=%.*s ", ev.sender, ev.seq,
				   SLICE_FMT(ev.json));
	}
	return buf_cstr(&out);
}

#endif

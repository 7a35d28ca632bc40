/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue/reader.c: named readers of the local queue: where each has come to, and a block's
 * events one by one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "collector/queue/beat.h"
#include "collector/queue/local.h"
#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/base/time.h"
#include "common/net/lumberjack.h"
#include "common/store/le.h"

/* A position's file has two slots, written in turn: a crash leaves one of them whole. */
#define SLOT         64u
#define SLOT_VERSION 1u
#define DAMAGE_MAX   ((size_t)4 << 20)
static const char slot_magic[8] = "VTREADER";

struct queue_reader {
	struct queue *q;
	struct reader_mark *mark;
	int fd;
	uint64_t writes; /* of the position, ever; tells which slot is the older one */
	struct seg_reader *log;

	struct seg_pos pos, next;  /* of the record that frames came from */
	uint32_t event;            /* of it, returned */
	struct queue_block blk;    /* frame: NULL */
	struct buf frames;         /* the record's `J` frames, read from the disk */
	struct queue_plain *plain; /* or from the tail; NULL: from the disk */
	uint32_t meta;             /* bytes of the first event that are not its own */
	struct slice left;         /* those not returned */
	const char *note;          /* for queue_reader_note */
	uint32_t skip;             /* events of the first record that were dealt with before */
	char id[SENDER_MAX + 20];  /* of the block's events: "sender-epoch-" */
	size_t id_n;
};

static bool name_ok(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= READER_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static bool slot_read(const uint8_t *s, struct place *ret, uint64_t *ret_writes)
{
	if (memcmp(s, slot_magic, 8) != 0 || le32_get(s + 8) != SLOT_VERSION ||
	    le32_get(s + 12) != crc32c(0, s + 16, SLOT - 16))
		return false;
	*ret_writes = le64_get(s + 16);
	ret->pos.file = le64_get(s + 24);
	ret->pos.offset = le64_get(s + 32);
	ret->event = le32_get(s + 40);
	return true;
}

/* The newer whole slot; none: the beginning, for repeats are harmless and gaps are not. */
static void slots_read(int fd, struct place *ret, uint64_t *ret_writes)
{
	uint8_t raw[2 * SLOT] = { 0 };
	struct place p;
	uint64_t writes;

	*ret = (struct place){ 0 };
	*ret_writes = 0;
	(void)!pread_all(fd, raw, sizeof(raw), 0);
	for (int i = 0; i < 2; i++)
		if (slot_read(raw + i * SLOT, &p, &writes) && writes > *ret_writes) {
			*ret = p;
			*ret_writes = writes;
		}
}

static int slot_write(struct queue_reader *rd, const struct place *p, struct err *err)
{
	uint8_t s[SLOT] = { 0 };

	memcpy(s, slot_magic, 8);
	le32_set(s + 8, SLOT_VERSION);
	le64_set(s + 16, rd->writes + 1);
	le64_set(s + 24, p->pos.file);
	le64_set(s + 32, p->pos.offset);
	le32_set(s + 40, p->event);
	le32_set(s + 12, crc32c(0, s + 16, SLOT - 16));
	if (pwrite_all(rd->fd, s, SLOT, (off_t)((rd->writes + 1) % 2 * SLOT)) < 0 ||
	    fdatasync(rd->fd) < 0)
		return err_set(err, errno == ENOSPC ? ERR_FULL : ERR_IO,
			       "cannot save the position of the queue's reader %s: %s",
			       rd->mark->name, strerror(errno));
	rd->writes++;
	return 0;
}

static struct reader_mark *mark_find(struct queue *q, const char *name)
{
	for (size_t i = 0; i < q->n_marks; i++)
		if (strcmp(q->marks[i].name, name) == 0)
			return &q->marks[i];
	return NULL;
}

/* A new mark at place; NULL: too many. Locked, or before the queue is shared. */
static struct reader_mark *mark_add(struct queue *q, const char *name, struct place place)
{
	struct reader_mark *m;

	if (q->n_marks == READERS_MAX)
		return NULL;
	m = &q->marks[q->n_marks++];
	snprintf(m->name, sizeof(m->name), "%s", name);
	m->durable = place;
	m->open = m->moved = false;
	return m;
}

int marks_load(struct queue *q, struct err *err)
{
	struct buf path = { 0 };
	struct dirent *e;
	DIR *d;

	buf_printf(&path, "%s/readers", q->dir);
	d = opendir(buf_cstr(&path));
	buf_release(&path);
	if (d == NULL)
		return err_set(err, ERR_IO, "cannot list %s/readers: %s", q->dir, strerror(errno));
	while ((e = readdir(d)) != NULL) {
		int fd = name_ok(e->d_name)
				 ? openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
				 : -1;
		struct reader_mark *m;
		struct seg_pos pos;
		struct place p;
		uint64_t writes;

		if (fd < 0)
			continue;
		slots_read(fd, &p, &writes);
		close(fd);
		m = mark_add(q, e->d_name, p);
		if (m == NULL)
			break; /* more were never made; what is beyond holds nothing back */
		if (seglog_expect(q->log, p.pos, err) < 0) {
			closedir(d);
			return -1;
		}
		/* Now, before new blocks grow past the position. */
		pos = seglog_resume(q->log, p.pos);
		m->moved = seg_pos_cmp(pos, p.pos) != 0;
		if (m->moved)
			m->durable = (struct place){ .pos = pos };
	}
	closedir(d);
	return 0;
}

static int mark_take(struct queue_reader *rd, const char *name, struct err *err)
{
	struct queue *q = rd->q;
	int r = 0;

	pthread_mutex_lock(&q->lock);
	rd->mark = mark_find(q, name);
	if (rd->mark == NULL)
		rd->mark = mark_add(q, name, (struct place){ 0 });
	if (rd->mark == NULL)
		r = err_set(err, ERR_FULL, "the queue has %u readers already", READERS_MAX);
	else if (rd->mark->open)
		r = err_set(err, ERR_BUSY, "the queue's reader %s is open already", name);
	if (r < 0)
		rd->mark = NULL;
	else
		rd->mark->open = true;
	pthread_mutex_unlock(&q->lock);
	return r;
}

/* The position that marks_load moved goes to the file. */
static int position_moved(struct queue_reader *rd, struct place *p, struct err *err)
{
	struct place kept = *p;

	*p = rd->mark->durable;
	if (slot_write(rd, p, err) < 0)
		return -1;
	rd->mark->moved = false;
	rd->note = kept.pos.file > p->pos.file
			   ? "the queue was deleted or replaced: all events in it are read as new; "
			     "events that were lost and not yet read are missing"
			   : "the queue has lost its end, or was deleted: reading goes on where it "
			     "ends now; "
			     "events that were lost and not yet read are missing";
	return 0;
}

int queue_reader_open(struct queue *q, const char *name, struct queue_reader **ret, struct err *err)
{
	struct queue_reader *rd;
	struct buf path = { 0 };
	struct place p;

	if (!name_ok(name))
		return err_set(err, ERR_USAGE, "a reader's name is a-z, 0-9 and -, not %s", name);
	rd = calloc(1, sizeof(*rd));
	if (rd == NULL)
		return err_nomem(err);
	rd->q = q;
	rd->fd = -1;
	if (mark_take(rd, name, err) < 0)
		goto fail;
	buf_printf(&path, "%s/readers/%s", q->dir, name);
	rd->fd = open(buf_cstr(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (rd->fd < 0) {
		err_set(err, ERR_IO, "cannot open %s: %s", buf_cstr(&path), strerror(errno));
		goto fail;
	}
	slots_read(rd->fd, &p, &rd->writes);
	if (rd->writes == 0) { /* new: the file itself must outlive a power loss, too */
		struct err ignored;

		p.pos = seglog_first(q->log);
		buf_reset(&path);
		buf_printf(&path, "%s/readers", q->dir);
		if (slot_write(rd, &p, err) < 0)
			goto fail;
		(void)dir_sync(buf_cstr(&path), &ignored);
	}
	if (rd->mark->moved && position_moved(rd, &p, err) < 0)
		goto fail;
	if (seg_reader_open(q->log, p.pos, &rd->log, err) < 0)
		goto fail;
	rd->skip = p.event;
	rd->pos = rd->next = p.pos;
	pthread_mutex_lock(&q->lock);
	rd->mark->durable = p;
	rd->mark->at = p.pos;
	pthread_mutex_unlock(&q->lock);
	buf_release(&path);
	*ret = rd;
	return 0;
fail:
	buf_release(&path);
	queue_reader_close(rd);
	return -1;
}

const char *queue_reader_note(const struct queue_reader *rd)
{
	return rd->note;
}

void queue_reader_close(struct queue_reader *rd)
{
	if (rd == NULL)
		return;
	if (rd->mark != NULL) {
		pthread_mutex_lock(&rd->q->lock);
		rd->mark->open = false;
		queue_tail_trim(rd->q);
		pthread_mutex_unlock(&rd->q->lock);
	}
	if (rd->fd >= 0)
		close(rd->fd);
	seg_reader_close(rd->log);
	buf_release(&rd->frames);
	queue_plain_unref(rd->plain);
	free(rd);
}

int queue_reader_commit(struct queue_reader *rd, struct err *err)
{
	struct place p = { rd->pos, rd->event };

	if (rd->left.n == 0) /* skip: only when nothing was read since the reader was opened */
		p = (struct place){ rd->next, rd->skip };
	if (seg_pos_cmp(p.pos, rd->mark->durable.pos) == 0 && p.event == rd->mark->durable.event)
		return 0;
	if (slot_write(rd, &p, err) < 0)
		return -1;
	pthread_mutex_lock(&rd->q->lock);
	/* Only a new file can make others droppable. */
	if (p.pos.file != rd->mark->durable.pos.file) {
		rd->q->progress = true;
		pthread_cond_signal(&rd->q->work);
	}
	rd->mark->durable = p;
	pthread_mutex_unlock(&rd->q->lock);
	return 0;
}

/* The frames must be J 1 to n, and nothing else. */
static int frames_check(struct slice in, uint32_t events, struct err *err)
{
	struct lj_frame f;
	uint32_t n = 0;

	while (in.n > 0) {
		ssize_t used = lj_next(in, INFLATED_MAX, &f, err);

		if (used < 0)
			return -1;
		if (used == 0 || f.kind != LJ_JSON || f.number != n + 1)
			return err_set(err, ERR_SYNTAX, "its frames are not events 1 to %u",
				       events);
		n++;
		in = slice_from(in, (size_t)used);
	}
	if (n != events)
		return err_set(err, ERR_SYNTAX, "it holds %u events, not %u", n, events);
	return 0;
}

/* The first of the block's events comes next. */
static void block_begin(struct queue_reader *rd, struct slice frames, uint32_t meta)
{
	rd->blk.frame = (struct slice){ NULL, 0 };
	rd->blk.plain = NULL;
	rd->id_n = (size_t)snprintf(rd->id, sizeof(rd->id), "%s-%016" PRIx64 "-", rd->blk.sender,
				    rd->blk.epoch);
	rd->left = frames;
	rd->meta = meta;
	rd->event = 0;
}

static int block_open(struct queue_reader *rd, struct slice payload, struct err *err)
{
	if (record_read(payload, &rd->blk, err) < 0)
		return -1;
	buf_reset(&rd->frames);
	if (lj_inflate(rd->blk.frame, INFLATED_MAX, &rd->frames, err) < 0 ||
	    frames_check(buf_view(&rd->frames), rd->blk.events, err) < 0)
		return -1;
	if (rd->blk.kind == QUEUE_BEAT)
		beat_blank_frames(rd->frames.p, rd->frames.n);
	block_begin(rd, buf_view(&rd->frames),
		    plain_strip(rd->frames.p, rd->frames.n, rd->blk.kind));
	return 0;
}

/* The next block, if it is in the tail. */
static bool take_from_tail(struct queue_reader *rd)
{
	struct queue *q = rd->q;
	struct seg_pos pos = { 0 };
	struct tail_block *tb;

	queue_plain_unref(rd->plain);
	rd->plain = NULL;
	pthread_mutex_lock(&q->lock);
	rd->mark->at = rd->next;
	tb = tail_find(&q->tail, rd->next);
	if (tb != NULL) {
		pos = tb->pos;
		rd->mark->at = tb->next;
		rd->blk = tb->blk;
		rd->plain = queue_plain_ref(tb->blk.plain);
		tb->passed = true;
	}
	queue_tail_trim(q);
	pthread_mutex_unlock(&q->lock);
	if (rd->plain == NULL)
		return false;
	if (seg_pos_cmp(pos, rd->next) != 0)
		rd->skip = 0; /* what it counted in is gone */
	rd->pos = pos;
	rd->next = rd->mark->at;
	seg_reader_seek(rd->log, rd->next);
	block_begin(rd, queue_plain_view(rd->plain), rd->plain->meta);
	metric_add(&q->stats.tail_blocks, 1);
	return true;
}

/* The payload goes to a file of its own, for a person to look at, who is told. */
static int quarantine(struct queue_reader *rd, struct seg_pos pos, struct slice payload,
		      struct err *err)
{
	const struct notice_hook *hook = &rd->q->o.notice;
	struct err why = *err, ignored;
	struct queue_block b = { 0 };
	struct buf path = { 0 };
	bool kept;

	buf_printf(&path, "%s/quarantine/%016" PRIx64 "-%" PRIu64 ".block", rd->q->dir, pos.file,
		   pos.offset);
	kept = !path.failed && file_write(buf_cstr(&path), payload, 0600, &ignored) == 0;
	metric_add(&rd->q->stats.quarantined, 1);
	if (record_read(payload, &b, &ignored) < 0)
		b.events = 0;
	err_set(err, ERR_SYNTAX,
		"a block of the queue cannot be read (%.200s), %" PRIu32 " events: %s %s", why.msg,
		b.events, kept ? "it is in" : "it could not be kept as", buf_cstr(&path));
	buf_release(&path);
	if (hook->tell != NULL)
		hook->tell(hook->arg, NOTICE_QUARANTINE, b.tenant, b.sender, err->msg);
	return -1;
}

/* Nothing is left of what was there, not even whose it was. */
static int nothing_left(struct queue_reader *rd, struct err *err)
{
	const struct notice_hook *hook = &rd->q->o.notice;
	struct err why = *err;

	metric_add(&rd->q->stats.quarantined, 1);
	err_set(err, ERR_SYNTAX, "blocks of the queue are lost: %s", why.msg);
	if (hook->tell != NULL)
		hook->tell(hook->arg, NOTICE_QUARANTINE, "", "", err->msg);
	return -1;
}

/* A record whose checksum is wrong: nobody can know what it said, but its first bytes often still
 * say whose it was. */
static int damaged(struct queue_reader *rd, struct err *err)
{
	const struct seg_pos pos = seg_reader_damage(rd->log), to = seg_reader_pos(rd->log);
	size_t n = to.file == pos.file && to.offset - pos.offset < DAMAGE_MAX
			   ? (size_t)(to.offset - pos.offset)
			   : DAMAGE_MAX;
	struct buf raw = { 0 };
	ssize_t got;

	rd->next = to;
	rd->skip = 0;
	got = buf_reserve(&raw, n) < 0 ? -1 : seglog_raw(rd->q->log, pos, raw.p, n);
	raw.n = got > 0 ? (size_t)got : 0;
	if (raw.n == 0) {
		buf_release(&raw);
		return nothing_left(rd, err);
	}
	(void)quarantine(rd, pos, damaged_payload(buf_view(&raw)), err);
	buf_release(&raw);
	return -1;
}

/* 1: rd->left has events; 0: nothing durable to read; -1 *err, and the next call goes on. */
static int next_block(struct queue_reader *rd, struct err *err)
{
	struct seg_record rec;

	for (;;) {
		int r;

		while (take_from_tail(rd))
			if (rd->left.n > 0)
				return 1;
		r = seg_reader_next(rd->log, &rec, err);

		if (r <= 0) {
			/* Behind the damage; where the reader cannot pass it, it is tried again. */
			if (r < 0 && seg_pos_cmp(seg_reader_pos(rd->log), rd->next) > 0 &&
			    err->code == ERR_SYNTAX)
				return damaged(rd, err);
			return r;
		}
		if (seg_pos_cmp(rec.pos, rd->next) != 0)
			rd->skip = 0; /* what it counted in is gone */
		rd->pos = rec.pos;
		rd->next = rec.next;
		rd->event = 0;
		if (rec.kind != QUEUE_BLOCK)
			continue;
		if (block_open(rd, rec.payload, err) < 0) {
			rd->left = (struct slice){ NULL, 0 };
			rd->skip = 0;
			if (err->code == ERR_NOMEM) { /* the block is good: read it again */
				rd->next = rec.pos;
				seg_reader_seek(rd->log, rec.pos);
				return -1;
			}
			return quarantine(rd, rec.pos, rec.payload, err);
		}
		if (rd->left.n > 0)
			return 1;
	}
}

/* Waits for news behind `seen`. false: the time is over, or somebody woke us. */
static bool wait_news(struct queue *q, struct seg_pos seen, unsigned wakes,
		      const struct timespec *until)
{
	bool news = false;

	pthread_mutex_lock(&q->lock);
	while (!(news = seg_pos_cmp(seglog_durable(q->log), seen) > 0) && q->wakes == wakes)
		if (pthread_cond_timedwait(&q->news, &q->lock, until) == ETIMEDOUT)
			break;
	pthread_mutex_unlock(&q->lock);
	return news;
}

static int wait_block(struct queue_reader *rd, uint32_t wait_ms, struct err *err)
{
	struct queue *q = rd->q;
	int64_t end = time_mono_ns() + (int64_t)wait_ms * NS_PER_MS;
	struct timespec until = { .tv_sec = end / NS_PER_SEC, .tv_nsec = end % NS_PER_SEC };
	unsigned wakes;

	pthread_mutex_lock(&q->lock);
	wakes = q->wakes;
	pthread_mutex_unlock(&q->lock);
	for (;;) {
		struct seg_pos seen = seglog_durable(q->log);
		int r = next_block(rd, err);

		if (r != 0 || wait_ms == 0 || !wait_news(q, seen, wakes, &until))
			return r;
	}
}

/* event.id: what all events of a block share was written when it was opened. */
static void id_write(const struct queue_reader *rd, struct queue_event *ret)
{
	char digits[20];
	size_t i = sizeof(digits), n;
	uint64_t v = ret->seq;

	do {
		digits[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	n = sizeof(digits) - i;
	memcpy(ret->id, rd->id, rd->id_n);
	memcpy(ret->id + rd->id_n, digits + i, n);
	ret->id[rd->id_n + n] = '\0';
}

/* The next frame of the open block as an event. */
static int event_take(struct queue_reader *rd, struct queue_event *ret, struct err *err)
{
	struct lj_frame f;
	struct slice json;
	ssize_t used = lj_next(rd->left, INFLATED_MAX, &f, err);

	if (used <= 0) /* frames_check saw it whole */
		return -1;
	json = f.payload;
	if (rd->event == 0)
		json = slice_from(json, rd->meta);
	rd->left = slice_from(rd->left, (size_t)used);
	ret->json = json;
	ret->tenant = rd->blk.tenant;
	ret->sender = rd->blk.sender;
	ret->epoch = rd->blk.epoch;
	ret->seq = rd->blk.first_seq + rd->event;
	ret->ingested_ns = rd->blk.received_ns;
	id_write(rd, ret);
	rd->event++;
	return 1;
}

int queue_next(struct queue_reader *rd, uint32_t wait_ms, struct queue_event *ret, struct err *err)
{
	for (;;) {
		int r;

		if (rd->left.n == 0) {
			r = wait_block(rd, wait_ms, err);
			if (r <= 0)
				return r;
		}
		r = event_take(rd, ret, err);
		if (r < 0 || rd->skip == 0)
			return r;
		rd->skip--; /* dealt with before the last commit */
		if (rd->left.n == 0)
			rd->skip = 0;
	}
}

void queue_reader_lag(struct queue_reader *rd, uint64_t *ret_bytes, int64_t *ret_oldest_ns)
{
	struct seglog *lg = rd->q->log;
	struct seg_pos at = rd->left.n > 0 ? rd->pos : rd->next;
	uint64_t all = seglog_bytes_before(lg, seglog_durable(lg));
	uint64_t before = seglog_bytes_before(lg, at);
	struct seg_reader *peek = NULL;
	struct seg_record rec;
	struct queue_block b;
	struct err err;

	*ret_bytes = all > before ? all - before : 0;
	*ret_oldest_ns = rd->left.n > 0 ? rd->blk.received_ns : 0;
	if (rd->left.n > 0 || *ret_bytes == 0 || seg_reader_open(lg, at, &peek, &err) < 0)
		return;
	while (seg_reader_next(peek, &rec, &err) > 0)
		if (rec.kind == QUEUE_BLOCK && record_read(rec.payload, &b, &err) == 0) {
			*ret_oldest_ns = b.received_ns;
			break;
		}
	seg_reader_close(peek);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/shelf.c: blocks held and lent. What lies on disk is known by runs (one for each file
 * and epoch), so an outage of weeks costs disk and no memory. */
#include "agent/spool/shelf.h"

#include <stdlib.h>

#include "common/store/le.h"

#define CACHED_MAX 2u /* blocks whose frames stay in memory though nobody asked for them yet */

/* Room for one more element; *p may move. */
static int grow(void **p, size_t n, size_t *cap, size_t size)
{
	size_t want = *cap > 0 ? *cap * 2 : 8;
	void *q;

	if (n < *cap)
		return 0;
	q = realloc(*p, want * size);
	if (q == NULL)
		return -1;
	*p = q;
	*cap = want;
	return 0;
}

static void held_add(struct spool_stats *st, const struct run *r, int sign)
{
	metric_add(&st->blocks, sign > 0 ? r->blocks : 0 - r->blocks);
	metric_add(&st->events, sign > 0 ? r->events : 0 - r->events);
	metric_add(&st->bytes, sign > 0 ? r->bytes : 0 - r->bytes);
}

static int run_add(struct shelf *sh, struct seg_pos pos, const struct block_record *b)
{
	struct run one = { .file = pos.file,
			   .epoch = b->epoch,
			   .blocks = 1,
			   .events = b->events,
			   .bytes = b->frame.n,
			   .first_number = b->number,
			   .oldest_ns = b->closed_ns };
	struct run *last = sh->n_runs > 0 ? &sh->runs[sh->n_runs - 1] : NULL;

	if (last != NULL && last->file == one.file && last->epoch == one.epoch) {
		last->blocks++;
		last->events += one.events;
		last->bytes += one.bytes;
	} else {
		if (grow((void **)&sh->runs, sh->n_runs, &sh->cap_runs, sizeof(*sh->runs)) < 0)
			return -1;
		sh->runs[sh->n_runs++] = one;
	}
	held_add(sh->stats, &one, 1);
	return 0;
}

static void run_remove(struct shelf *sh, size_t i)
{
	memmove(sh->runs + i, sh->runs + i + 1, (sh->n_runs - i - 1) * sizeof(*sh->runs));
	sh->n_runs--;
}

/* One block less. head: it was the oldest of its run. */
static void run_sub(struct shelf *sh, const struct lent *le, bool head)
{
	const struct run one = { .blocks = 1, .events = le->events, .bytes = le->bytes };

	for (size_t i = 0; i < sh->n_runs; i++) {
		struct run *r = &sh->runs[i];

		if (r->file != le->pos.file || r->epoch != le->epoch)
			continue;
		held_add(sh->stats, &one, -1);
		r->blocks--;
		r->events -= le->events;
		r->bytes -= le->bytes;
		if (head && r->first_number <= le->number)
			r->first_number = le->number + 1;
		if (r->blocks == 0)
			run_remove(sh, i);
		return;
	}
}

/* What runs before `pos` still count was lost: dropped on purpose, or damaged on disk. */
static void runs_purge(struct shelf *sh, uint64_t below_file, bool count)
{
	while (sh->n_runs > 0 && sh->runs[0].file < below_file) {
		if (count) {
			metric_add(&sh->stats->blocks_dropped, sh->runs[0].blocks);
			metric_add(&sh->stats->events_dropped, sh->runs[0].events);
		}
		held_add(sh->stats, &sh->runs[0], -1);
		run_remove(sh, 0);
	}
}

struct seg_pos shelf_head(const struct shelf *sh)
{
	for (size_t i = 0; i < sh->n_lent; i++)
		if (!sh->lent[i].dropped)
			return sh->lent[i].pos;
	return sh->backlog > 0 ? sh->unread : seglog_end(sh->log);
}

int shelf_state(struct shelf *sh)
{
	struct seg_pos head = shelf_head(sh);
	struct buf b = { 0 };

	le64_put(&b, head.file);
	le64_put(&b, head.offset);
	for (size_t i = 0; i < sh->n_skip; i++) {
		le64_put(&b, sh->skip[i].epoch);
		le64_put(&b, sh->skip[i].number);
	}
	for (size_t i = 0; i < sh->n_lent; i++) {
		if (!sh->lent[i].acked)
			continue;
		le64_put(&b, sh->lent[i].epoch);
		le64_put(&b, sh->lent[i].number);
	}
	if (b.failed) {
		buf_release(&b);
		return -1;
	}
	buf_release(&sh->state);
	sh->state = b;
	return 0;
}

/* Reads what shelf_state wrote. */
static int state_read(struct shelf *sh, struct slice in, struct err *err)
{
	struct le_cursor c = { .in = in };
	struct block_key *keys = NULL;
	struct seg_pos head;
	size_t n;

	head.file = le_u64(&c);
	head.offset = le_u64(&c);
	n = c.in.n / 16;
	if (c.bad || c.in.n % 16 != 0)
		return err_set(err, ERR_SYNTAX, "a spool's acknowledgement record is cut short");
	if (n > 0 && (keys = calloc(n, sizeof(*keys))) == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		keys[i].epoch = le_u64(&c);
		keys[i].number = le_u64(&c);
	}
	free(sh->skip);
	sh->skip = keys;
	sh->n_skip = n;
	sh->unread = head;
	return 0;
}

/* A new file's first record: the length of the state, the state, all checkpoints. */
static void snapshot(void *arg, struct buf *out)
{
	struct shelf *sh = arg;

	le32_put(out, (uint32_t)sh->state.n);
	buf_slice(out, buf_view(&sh->state));
	checkpoints_encode(&sh->durable, out);
}

static int replay_snapshot(struct shelf *sh, struct slice in, struct err *err)
{
	struct le_cursor c = { .in = in };
	uint32_t n = le_u32(&c);
	struct slice state = le_take(&c, n);

	if (c.bad)
		return err_set(err, ERR_SYNTAX, "a spool's snapshot is cut short");
	checkpoints_clear(&sh->durable);
	if (state_read(sh, state, err) < 0)
		return -1;
	return checkpoints_decode(&sh->durable, c.in, err);
}

static int replay_marks(struct shelf *sh, struct slice in, struct err *err)
{
	struct checkpoints some = { 0 };
	int r = checkpoints_decode(&some, in, err);

	if (r == 0)
		checkpoints_move(&sh->durable, &some);
	checkpoints_clear(&some);
	return r;
}

static int replay_block(struct shelf *sh, const struct seg_record *rec, struct err *err)
{
	struct block_record b;

	if (block_read(rec->payload, &b, err) < 0 || replay_marks(sh, b.checkpoints, err) < 0)
		return -1;
	return run_add(sh, rec->pos, &b) < 0 ? err_nomem(err) : 0;
}

static int replay(void *arg, const struct seg_record *rec, struct err *err)
{
	struct shelf *sh = arg;

	switch (rec->kind) {
	case SEG_SNAPSHOT:
		return replay_snapshot(sh, rec->payload, err);
	case SPOOL_BLOCK:
		return replay_block(sh, rec, err);
	case SPOOL_ACK:
		return state_read(sh, rec->payload, err);
	case SPOOL_CHECKPOINTS:
		return replay_marks(sh, rec->payload, err);
	default:
		return err_set(err, ERR_NEWER,
			       "the spool holds a record of kind %u, written by a newer Vartio",
			       rec->kind);
	}
}

static bool skipped(const struct shelf *sh, uint64_t epoch, uint64_t number)
{
	for (size_t i = 0; i < sh->n_skip; i++)
		if (sh->skip[i].epoch == epoch && sh->skip[i].number == number)
			return true;
	return false;
}

static void skip_remove(struct shelf *sh, uint64_t epoch, uint64_t number)
{
	for (size_t i = 0; i < sh->n_skip; i++)
		if (sh->skip[i].epoch == epoch && sh->skip[i].number == number)
			sh->skip[i--] = sh->skip[--sh->n_skip];
}

/* The runs count all blocks found; those acknowledged before the restart come off: all before the
 * head, and the few behind it that `skip` names. */
static int take_off_acked(struct shelf *sh, struct err *err)
{
	struct seg_reader *rd = NULL;
	struct seg_record rec;
	struct err damage;
	size_t left = sh->n_skip;
	int r;

	runs_purge(sh, sh->unread.file, false);
	if (seg_reader_open(sh->log, (struct seg_pos){ sh->unread.file, 0 }, &rd, err) < 0)
		return -1;
	while ((r = seg_reader_next(rd, &rec, &damage)) != 0) {
		struct block_record b;
		struct lent le = { 0 };
		bool before;

		if (r < 0 && damage.code != ERR_SYNTAX) {
			*err = damage;
			break;
		}
		if (r < 0 || rec.kind != SPOOL_BLOCK || block_read(rec.payload, &b, &damage) < 0)
			continue;
		before = seg_pos_cmp(rec.pos, sh->unread) < 0;
		if (!before && left == 0)
			break;
		if (!before && !skipped(sh, b.epoch, b.number))
			continue;
		left -= !before;
		le = (struct lent){ .pos = rec.pos,
				    .epoch = b.epoch,
				    .number = b.number,
				    .bytes = b.frame.n,
				    .events = b.events };
		run_sub(sh, &le, false);
	}
	seg_reader_close(rd);
	return r < 0 ? -1 : 0;
}

int shelf_open(struct shelf *sh, const char *dir, uint64_t segment_bytes, struct err *err)
{
	const struct seglog_opts o = { .dir = dir,
				       .magic = "VTSPOOL",
				       .snapshot = snapshot,
				       .segment_bytes = segment_bytes,
				       .arg = sh };

	if (seglog_open(&o, replay, &sh->log, err) < 0)
		return -1;
	if (seg_pos_cmp(sh->unread, seglog_first(sh->log)) < 0)
		sh->unread = seglog_first(sh->log);
	if (take_off_acked(sh, err) < 0 || shelf_state(sh) < 0 ||
	    seg_reader_open(sh->log, sh->unread, &sh->rd, err) < 0)
		return -1;
	for (size_t i = 0; i < sh->n_runs; i++)
		sh->backlog += sh->runs[i].blocks;
	metric_add(&sh->stats->torn_bytes, seglog_torn_bytes(sh->log));
	return 0;
}

void shelf_close(struct shelf *sh)
{
	seg_reader_close(sh->rd);
	seglog_close(sh->log);
	for (size_t i = 0; i < sh->n_lent; i++)
		buf_release(&sh->lent[i].frame);
	free(sh->lent);
	free(sh->runs);
	free(sh->skip);
	checkpoints_clear(&sh->durable);
	buf_release(&sh->state);
}

static int lent_add(struct shelf *sh, const struct lent *le)
{
	if (grow((void **)&sh->lent, sh->n_lent, &sh->cap_lent, sizeof(*sh->lent)) < 0)
		return -1;
	sh->lent[sh->n_lent++] = *le;
	return 0;
}

static void lent_remove(struct shelf *sh, size_t i)
{
	buf_release(&sh->lent[i].frame);
	memmove(sh->lent + i, sh->lent + i + 1, (sh->n_lent - i - 1) * sizeof(*sh->lent));
	sh->n_lent--;
}

static struct lent *lent_waiting(const struct shelf *sh)
{
	for (size_t i = 0; i < sh->n_lent; i++)
		if (!sh->lent[i].given && !sh->lent[i].acked && !sh->lent[i].dropped)
			return &sh->lent[i];
	return NULL;
}

/* The next block on disk. 1 read; 0 there is none; -1 *err. */
static int read_block(struct shelf *sh, struct block_record *b, struct seg_record *rec,
		      struct err *err)
{
	for (;;) {
		int r = seg_reader_next(sh->rd, rec, err);

		sh->unread = seg_reader_pos(sh->rd);
		if (r <= 0)
			return r;
		if (rec->kind != SPOOL_BLOCK)
			continue;
		if (block_read(rec->payload, b, err) < 0)
			return -1;
		if (!skipped(sh, b->epoch, b->number))
			return 1;
		skip_remove(sh, b->epoch, b->number);
	}
}

int shelf_peek(struct shelf *sh, struct lent **ret, struct err *err)
{
	struct seg_record rec;
	struct block_record b;
	struct lent le;
	int r;

	*ret = lent_waiting(sh);
	if (*ret != NULL || sh->backlog == 0)
		return 0;
	seg_reader_seek(sh->rd, sh->unread);
	r = read_block(sh, &b, &rec, err);
	if (r < 0)
		return -1;
	if (r == 0) {
		/* Damage took blocks away. What was lent stands before; the rest is lost. */
		sh->backlog = 0;
		if (sh->n_lent == 0)
			runs_purge(sh, UINT64_MAX, true);
		return 0;
	}
	le = (struct lent){ .pos = rec.pos,
			    .epoch = b.epoch,
			    .number = b.number,
			    .bytes = b.frame.n,
			    .events = b.events,
			    .closed_ns = b.closed_ns };
	buf_slice(&le.frame, b.frame);
	if (le.frame.failed || lent_add(sh, &le) < 0) {
		buf_release(&le.frame);
		sh->unread = rec.pos;
		return err_nomem(err);
	}
	sh->backlog--;
	*ret = &sh->lent[sh->n_lent - 1];
	return 0;
}

int shelf_load(struct shelf *sh, struct lent *le, struct err *err)
{
	struct seg_record rec;
	struct block_record b;
	int r;

	if (le->frame.n > 0)
		return 0;
	seg_reader_seek(sh->rd, le->pos);
	r = seg_reader_next(sh->rd, &rec, err);
	if (r == 0)
		err_set(err, ERR_IO, "a block of the spool cannot be read again");
	if (r <= 0 || block_read(rec.payload, &b, err) < 0)
		return -1;
	buf_slice(&le->frame, b.frame);
	return le->frame.failed ? err_nomem(err) : 0;
}

void shelf_added(struct shelf *sh, uint64_t epoch, struct block *b, struct seg_pos pos,
		 struct seg_pos next)
{
	const struct block_record rec = { .epoch = epoch,
					  .number = b->number,
					  .events = b->events,
					  .closed_ns = b->closed_ns,
					  .frame = buf_view(&b->frame) };
	struct lent le = { .pos = pos,
			   .epoch = epoch,
			   .number = b->number,
			   .events = b->events,
			   .bytes = b->frame.n,
			   .closed_ns = b->closed_ns,
			   .frame = b->frame };
	size_t cached = 0;

	/* Without memory for a run the counts are short by one block; the block itself is not. */
	(void)run_add(sh, pos, &rec);
	checkpoints_move(&sh->durable, &b->checkpoints);
	for (size_t i = 0; i < sh->n_lent; i++)
		cached += !sh->lent[i].given && sh->lent[i].frame.n > 0;
	if (sh->backlog > 0 || cached >= CACHED_MAX || lent_add(sh, &le) < 0) {
		if (sh->backlog++ == 0)
			sh->unread = pos;
		return;
	}
	b->frame = (struct buf){ 0 }; /* lent's from here */
	sh->unread = next;
}

bool shelf_ack(struct shelf *sh, uint64_t epoch, uint64_t number)
{
	struct lent *le = NULL;
	size_t i;

	for (i = 0; i < sh->n_lent && le == NULL; i++)
		if (sh->lent[i].epoch == epoch && sh->lent[i].number == number &&
		    !sh->lent[i].acked)
			le = &sh->lent[i];
	if (le == NULL)
		return false;
	if (le->dropped) {
		lent_remove(sh, i - 1);
		return true;
	}
	run_sub(sh, le, seg_pos_cmp(le->pos, shelf_head(sh)) == 0);
	le->acked = true;
	buf_release(&le->frame);
	for (i = 0; i < sh->n_lent && (sh->lent[i].acked || sh->lent[i].dropped);)
		if (sh->lent[i].acked)
			lent_remove(sh, i);
		else
			i++;
	runs_purge(sh, shelf_head(sh).file, true);
	return true;
}

void shelf_rewind(struct shelf *sh)
{
	for (size_t i = 0; i < sh->n_lent; i++) {
		sh->lent[i].given = false;
		if (sh->lent[i].dropped)
			lent_remove(sh, i--);
		else if (i >= CACHED_MAX)
			buf_release(&sh->lent[i].frame);
	}
}

bool shelf_drop_file(struct shelf *sh)
{
	uint64_t file = shelf_head(sh).file, read = 0, held = 0;

	if (file >= seglog_end(sh->log).file)
		return false;
	for (size_t i = 0; i < sh->n_runs && sh->runs[i].file <= file; i++)
		held += sh->runs[i].blocks;
	for (size_t i = 0; i < sh->n_lent; i++) {
		struct lent *le = &sh->lent[i];

		if (le->pos.file > file || le->dropped)
			continue;
		read += !le->acked;
		if (le->given && !le->acked)
			le->dropped = true;
		else
			lent_remove(sh, i--);
	}
	sh->backlog -= held - read < sh->backlog ? held - read : sh->backlog;
	runs_purge(sh, file + 1, true);
	if (sh->unread.file <= file)
		sh->unread = (struct seg_pos){ file + 1, 0 };
	return true;
}

uint64_t shelf_floor(const struct shelf *sh, uint64_t epoch)
{
	for (size_t i = 0; i < sh->n_runs; i++)
		if (sh->runs[i].epoch == epoch)
			return sh->runs[i].first_number;
	return UINT64_MAX;
}

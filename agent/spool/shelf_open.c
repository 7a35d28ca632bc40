/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/shelf_open.c: the state that acknowledgements and snapshots record, and how what is
 * held is rebuilt from the log. */
#include "agent/spool/shelf.h"

#include <stdlib.h>

#include "common/store/le.h"

#define STATE_HOLES                                                                                \
	UINT64_MAX /* begins a state with holes; the first version's began with a file */

static void pos_put(struct buf *b, struct seg_pos pos)
{
	le64_put(b, pos.file);
	le64_put(b, pos.offset);
}

static struct seg_pos pos_read(struct le_cursor *c)
{
	struct seg_pos pos;

	pos.file = le_u64(c);
	pos.offset = le_u64(c);
	return pos;
}

int shelf_state(struct shelf *sh)
{
	struct seg_pos head = shelf_head(sh);
	struct tally held = runs_held(sh);
	struct buf b = { 0 };

	le64_put(&b, STATE_HOLES);
	pos_put(&b, head);
	for (size_t i = 0; i < sh->n_holes; i++)
		if (seg_pos_cmp(sh->holes[i].to, head) > 0) {
			pos_put(&b, sh->holes[i].from);
			pos_put(&b, sh->holes[i].to);
		}
	le64_put(&b, sh->added_up_to.blocks - held.blocks);
	le64_put(&b, sh->added_up_to.events - held.events);
	if (b.failed) {
		buf_release(&b);
		return -1;
	}
	buf_release(&sh->state);
	sh->state = b;
	return 0;
}

static int skip_read(struct shelf *sh, struct le_cursor *c, struct err *err)
{
	size_t n = c->in.n / 16;
	struct block_key *keys = n > 0 ? calloc(n, sizeof(*keys)) : NULL;

	if (n > 0 && keys == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		keys[i].epoch = le_u64(c);
		keys[i].number = le_u64(c);
	}
	sh->skip = keys;
	sh->n_skip = n;
	return 0;
}

/* Reads what shelf_state wrote, or what the first version did: pairs of epoch and block. */
static int state_read(struct shelf *sh, struct slice in, struct err *err)
{
	struct le_cursor c = { .in = in };
	bool holes = in.n >= 8 && le64_get((const uint8_t *)in.p) == STATE_HOLES;
	struct seg_pos head, last;

	if (holes)
		le_u64(&c);
	head = last = pos_read(&c);
	if (c.bad || c.in.n % 16 != 0)
		return err_set(err, ERR_SYNTAX, "a spool's acknowledgement record is cut short");
	free(sh->skip);
	sh->skip = NULL;
	sh->n_skip = sh->n_holes = 0;
	sh->at[BACKLOG] = head;
	sh->gone_known = holes && c.in.n % 32 == 16; /* 0.1.0 did not write it */
	if (!holes)
		return skip_read(sh, &c, err);
	if (sh->gone_known) {
		const char *p = c.in.p + c.in.n - 16;

		sh->gone = (struct tally){ le64_get(p), le64_get(p + 8) };
		c.in.n -= 16;
	}
	while (c.in.n > 0) {
		struct seg_pos from = pos_read(&c), to = pos_read(&c);

		if (seg_pos_cmp(from, last) < 0 || seg_pos_cmp(to, from) < 0)
			return err_set(err, ERR_SYNTAX,
				       "a spool's acknowledgement record is out of order");
		holes_add(sh, from, to);
		last = to;
	}
	return 0;
}

/* The start's number outlives the blocks that tell it. */
static const struct slice start_key = { "spool:start", 11 };

static void found_start(struct shelf *sh, uint64_t epoch)
{
	sh->found_blocks = true;
	if (spool_start_of(epoch) > sh->found_start)
		sh->found_start = spool_start_of(epoch);
}

static void start_put(const struct shelf *sh, struct buf *out)
{
	le16_put(out, (uint16_t)start_key.n);
	le32_put(out, 8);
	buf_slice(out, start_key);
	le64_put(out, sh->epoch);
}

/* It is not an input's. */
static void start_take(struct shelf *sh)
{
	const struct checkpoint *c = checkpoints_get(&sh->durable, start_key);

	if (c == NULL || c->value_n != 8)
		return;
	found_start(sh, le64_get(checkpoint_value(c).p));
	(void)checkpoints_put(&sh->durable, start_key, (struct slice){ NULL, 0 });
}

/* A new file's first record: the length of the state, the state, all checkpoints. */
static void snapshot(void *arg, struct buf *out)
{
	struct shelf *sh = arg;

	le32_put(out, (uint32_t)sh->state.n);
	buf_slice(out, buf_view(&sh->state));
	checkpoints_encode(&sh->durable, out);
	for (unsigned i = 0; i < sh->n_appended; i++)
		checkpoints_encode(&sh->appended[i]->checkpoints, out);
	start_put(sh, out);
	taken_put(&sh->put, out);
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
	if (replay_marks(sh, c.in, err) < 0)
		return -1;
	start_take(sh);
	damage_snapshot(sh);
	return 0;
}

static int replay_block(struct shelf *sh, const struct seg_record *rec, struct err *err)
{
	struct block_record b;

	if (block_read(rec->payload, &b, err) < 0 || replay_marks(sh, b.checkpoints, err) < 0)
		return -1;
	damage_block(sh, &b);
	found_start(sh, b.epoch);
	return runs_add(sh, rec->pos, &b) < 0 ? err_nomem(err) : 0;
}

static int replay(void *arg, const struct seg_record *rec, struct err *err)
{
	struct shelf *sh = arg;

	sh->found = true;
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

/* The runs count all blocks found: those from `from` on that are acknowledged come off. to: up to
 * where all are; behind it, as many as sh->skip names. */
static int take_off(struct shelf *sh, struct seg_pos from, struct seg_pos to, size_t more,
		    struct err *err)
{
	struct seg_reader *rd = NULL;
	struct seg_record rec;
	struct err damage;
	int r;

	if (seg_reader_open(sh->log, from, &rd, err) < 0)
		return -1;
	while ((r = seg_reader_next(rd, &rec, &damage)) != 0) {
		struct block_record b;
		bool before;

		if (r < 0 && damage.code != ERR_SYNTAX) {
			*err = damage;
			break;
		}
		before = r > 0 && seg_pos_cmp(rec.pos, to) < 0;
		if (r > 0 && !before && more == 0)
			break;
		if (r < 0 || rec.kind != SPOOL_BLOCK || block_read(rec.payload, &b, &damage) < 0)
			continue;
		if (!before && !skipped(sh, b.epoch, b.number))
			continue;
		more -= !before;
		runs_sub(sh,
			 &(struct lent){ .pos = rec.pos,
					 .epoch = b.epoch,
					 .number = b.number,
					 .bytes = b.frame.n,
					 .events = b.events },
			 false);
		if (!before)
			holes_add(sh, rec.pos, rec.next);
	}
	seg_reader_close(rd);
	return r < 0 ? -1 : 0;
}

/* All before the head, and the holes behind it, of which only the ends are read: of files that lie
 * in one as a whole no block is held. */
static int take_off_acked(struct shelf *sh, struct err *err)
{
	struct seg_pos head = sh->at[BACKLOG];

	runs_purge(sh, head.file, LOSS_NONE);
	if (take_off(sh, (struct seg_pos){ head.file, 0 }, head, sh->n_skip, err) < 0)
		return -1;
	for (size_t i = 0; sh->n_skip == 0 && i < sh->n_holes; i++) {
		const struct hole *h = &sh->holes[i];
		struct seg_pos first_end = h->to, last = { h->to.file, 0 };

		if (h->to.file > h->from.file)
			first_end = (struct seg_pos){ h->from.file + 1, 0 };
		runs_forget(sh, h->from.file + 1, h->to.file);
		if (take_off(sh, h->from, first_end, 0, err) < 0 ||
		    (h->to.file > h->from.file && take_off(sh, last, h->to, 0, err) < 0))
			return -1;
	}
	free(sh->skip);
	sh->skip = NULL;
	sh->n_skip = 0;
	return 0;
}

int shelf_open(struct shelf *sh, const char *dir, uint64_t segment_bytes, bool ordered,
	       struct err *err)
{
	const struct seglog_opts o = { .dir = dir,
				       .magic = "VTSPOOL",
				       .snapshot = snapshot,
				       .segment_bytes = segment_bytes,
				       .ordered = ordered,
				       .arg = sh };

	if (seglog_open(&o, replay, &sh->log, err) < 0)
		return -1;
	if (seglog_expect(sh->log, sh->at[BACKLOG], err) < 0)
		return -1;
	if (seg_pos_cmp(sh->at[BACKLOG], seglog_first(sh->log)) < 0)
		sh->at[BACKLOG] = seglog_first(sh->log);
	holes_trim(sh, sh->at[BACKLOG]);
	sh->split = sh->added = sh->at[FRESH] = seglog_end(sh->log);
	if (take_off_acked(sh, err) < 0)
		return -1;
	damage_count(sh);
	if (sh->n_runs == 0 && seglog_damaged(sh->log) == 0) /* else it is to be told */
		sh->at[BACKLOG] = sh->split;
	if (shelf_state(sh) < 0 || seg_reader_open(sh->log, sh->at[BACKLOG], &sh->rd, err) < 0)
		return -1;
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
	free(sh->holes);
	free(sh->skip);
	checkpoints_clear(&sh->durable);
	buf_release(&sh->state);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/shelf_open.c: the state that acknowledgements and snapshots record, and how what is
 * held is rebuilt from the log. */
#include "agent/spool/shelf.h"

#include <stdlib.h>

#include "common/store/le.h"

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
	for (unsigned i = 0; i < sh->n_appended; i++)
		checkpoints_encode(&sh->appended[i]->checkpoints, out);
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
	return replay_marks(sh, c.in, err);
}

static int replay_block(struct shelf *sh, const struct seg_record *rec, struct err *err)
{
	struct block_record b;

	if (block_read(rec->payload, &b, err) < 0 || replay_marks(sh, b.checkpoints, err) < 0)
		return -1;
	return runs_add(sh, rec->pos, &b) < 0 ? err_nomem(err) : 0;
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

bool shelf_skipped(const struct shelf *sh, uint64_t epoch, uint64_t number)
{
	for (size_t i = 0; i < sh->n_skip; i++)
		if (sh->skip[i].epoch == epoch && sh->skip[i].number == number)
			return true;
	return false;
}

void shelf_skip_remove(struct shelf *sh, uint64_t epoch, uint64_t number)
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
		if (!before && !shelf_skipped(sh, b.epoch, b.number))
			continue;
		left -= !before;
		le = (struct lent){ .pos = rec.pos,
				    .epoch = b.epoch,
				    .number = b.number,
				    .bytes = b.frame.n,
				    .events = b.events };
		runs_sub(sh, &le, false);
	}
	seg_reader_close(rd);
	return r < 0 ? -1 : 0;
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

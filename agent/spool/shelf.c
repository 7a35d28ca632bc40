/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/shelf.c: blocks between the disk and their acknowledgement. */
#include "agent/spool/shelf.h"

#include <stdlib.h>

#define CACHED_MAX 2u /* blocks whose frames stay in memory though nobody asked for them yet */

struct seg_pos shelf_head(const struct shelf *sh)
{
	for (size_t i = 0; i < sh->n_lent; i++)
		if (!sh->lent[i].dropped)
			return sh->lent[i].pos;
	return sh->backlog > 0 ? sh->unread : seglog_end(sh->log);
}

static int lent_add(struct shelf *sh, const struct lent *le)
{
	if (shelf_grow((void **)&sh->lent, sh->n_lent, &sh->cap_lent, sizeof(*sh->lent)) < 0)
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
		if (!shelf_skipped(sh, b->epoch, b->number))
			return 1;
		shelf_skip_remove(sh, b->epoch, b->number);
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

void shelf_added(struct shelf *sh, uint64_t epoch, struct block *b)
{
	const struct block_record rec = { .epoch = epoch,
					  .number = b->number,
					  .events = b->events,
					  .closed_ns = b->closed_ns,
					  .frame = buf_view(&b->frame) };
	struct lent le = { .pos = b->pos,
			   .epoch = epoch,
			   .number = b->number,
			   .events = b->events,
			   .bytes = b->frame.n,
			   .closed_ns = b->closed_ns,
			   .frame = b->frame };
	size_t cached = 0;

	/* Without memory for a run the counts are short by one block; the block itself is not. */
	(void)runs_add(sh, b->pos, &rec);
	checkpoints_move(&sh->durable, &b->checkpoints);
	for (size_t i = 0; i < sh->n_lent; i++)
		cached += !sh->lent[i].given && sh->lent[i].frame.n > 0;
	if (sh->backlog > 0 || cached >= CACHED_MAX || lent_add(sh, &le) < 0) {
		if (sh->backlog++ == 0)
			sh->unread = b->pos;
		return;
	}
	b->frame = (struct buf){ 0 }; /* lent's from here */
	sh->unread = b->next;
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
	runs_sub(sh, le, seg_pos_cmp(le->pos, shelf_head(sh)) == 0);
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

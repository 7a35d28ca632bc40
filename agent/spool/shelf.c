/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool/shelf.c: blocks between the disk and their acknowledgement. */
#include "agent/spool/shelf.h"

#include <stdlib.h>

#define CACHED_MAX 2u /* blocks whose frames stay in memory though nobody asked for them yet */

static bool sooner(struct seg_pos a, struct seg_pos b)
{
	return seg_pos_cmp(a, b) < 0;
}

/* Where the age ends. */
static struct seg_pos age_end(const struct shelf *sh, enum age age)
{
	return age == BACKLOG ? sh->split : sh->added;
}

struct seg_pos shelf_oldest(const struct shelf *sh)
{
	struct seg_pos min = sh->added;

	for (size_t i = 0; i < sh->n_lent; i++)
		if (!sh->lent[i].dropped && sooner(sh->lent[i].pos, min)) {
			min = sh->lent[i].pos;
			break; /* they are in the log's order */
		}
	for (int age = 0; age < AGES; age++) {
		struct seg_pos at = holes_pass(sh, sh->at[age]);

		if (sooner(at, age_end(sh, (enum age)age)) && sooner(at, min))
			min = at;
	}
	return min;
}

struct seg_pos shelf_head(const struct shelf *sh)
{
	struct seg_pos oldest = shelf_oldest(sh);

	return sooner(oldest, sh->added) ? oldest : seglog_end(sh->log);
}

/* In its place: the backlog stands before what is fresh. NULL: no memory. */
static struct lent *lent_add(struct shelf *sh, const struct lent *le)
{
	size_t i = sh->n_lent;

	if (shelf_grow((void **)&sh->lent, sh->n_lent, &sh->cap_lent, sizeof(*sh->lent)) < 0)
		return NULL;
	while (i > 0 && sooner(le->pos, sh->lent[i - 1].pos))
		i--;
	memmove(sh->lent + i + 1, sh->lent + i, (sh->n_lent - i) * sizeof(*sh->lent));
	sh->lent[i] = *le;
	sh->n_lent++;
	return &sh->lent[i];
}

static void lent_remove(struct shelf *sh, size_t i)
{
	buf_release(&sh->lent[i].frame);
	memmove(sh->lent + i, sh->lent + i + 1, (sh->n_lent - i - 1) * sizeof(*sh->lent));
	sh->n_lent--;
}

static struct lent *lent_waiting(const struct shelf *sh, enum age age)
{
	for (size_t i = 0; i < sh->n_lent; i++)
		if (sh->lent[i].age == age && !sh->lent[i].given && !sh->lent[i].dropped)
			return &sh->lent[i];
	return NULL;
}

/* The age's next block on disk. 1 read; 0 there is none; -1 *err, and the place is passed. */
static int read_block(struct shelf *sh, enum age age, struct lent *le, struct seg_record *rec,
		      struct err *err)
{
	struct seg_pos end = age_end(sh, age), *at = &sh->at[age];
	struct block_record b;

	*le = (struct lent){ .age = age, .from = holes_pass(sh, *at) };
	for (;;) {
		struct seg_pos in_hole;
		int r;

		*at = holes_pass(sh, *at);
		if (!sooner(*at, end))
			return 0;
		seg_reader_seek(sh->rd, *at);
		r = seg_reader_next(sh->rd, rec, err);
		if (r < 0) {
			*at = seg_reader_pos(sh->rd);
			return -1;
		}
		if (r == 0 || !sooner(rec->pos, end)) {
			*at = end;
			return 0;
		}
		in_hole = holes_pass(sh, rec->pos);
		if (sooner(rec->pos, in_hole)) { /* the files before it are gone */
			*at = le->from = in_hole;
			continue;
		}
		*at = rec->next;
		if (rec->kind != SPOOL_BLOCK)
			continue;
		if (block_read(rec->payload, &b, err) < 0)
			return -1;
		break;
	}
	le->pos = rec->pos;
	le->next = rec->next;
	le->epoch = b.epoch;
	le->number = b.number;
	le->bytes = b.frame.n;
	le->events = b.events;
	le->closed_ns = b.closed_ns;
	buf_slice(&le->frame, b.frame);
	return 1;
}

/* When all that is left of the runs is what damage took. */
static void settle(struct shelf *sh)
{
	if (sh->n_lent == 0 && !sooner(shelf_oldest(sh), sh->added))
		runs_purge(sh, UINT64_MAX, LOSS_DAMAGED);
}

bool shelf_tell(struct shelf *sh)
{
	struct seg_pos at = seg_reader_pos(sh->rd);

	for (unsigned i = 0; i < sh->n_told && i < TOLD_MAX; i++)
		if (seg_pos_cmp(sh->told[i], at) == 0)
			return false;
	sh->told[sh->n_told++ % TOLD_MAX] = at;
	return true;
}

int shelf_peek(struct shelf *sh, enum age age, struct lent **ret, struct err *err)
{
	struct seg_record rec;
	struct lent le;
	int r;

	*ret = lent_waiting(sh, age);
	if (*ret != NULL || !sooner(sh->at[age], age_end(sh, age)))
		return 0;
	r = read_block(sh, age, &le, &rec, err);
	if (r <= 0) {
		settle(sh);
		return r;
	}
	*ret = le.frame.failed ? NULL : lent_add(sh, &le);
	if (*ret == NULL) {
		buf_release(&le.frame);
		sh->at[age] = le.from;
		return err_nomem(err);
	}
	return 0;
}

/* A block that was held and is damaged now. */
static void give_up(struct shelf *sh, struct lent *le)
{
	damage_add(sh, 1, le->events);
	shelf_ack(sh, le->epoch, le->number);
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
		r = err_set(err, ERR_SYNTAX, "a block of the spool cannot be read again");
	if (r == 1 && block_read(rec.payload, &b, err) < 0)
		r = -1;
	if (r == 1 && (b.number != le->number || b.epoch != le->epoch))
		r = err_set(err, ERR_SYNTAX, "another block stands where one of the spool stood");
	if (r < 0) {
		if (err->code == ERR_SYNTAX)
			give_up(sh, le);
		return -1;
	}
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
	struct lent le = { .age = FRESH,
			   .pos = b->pos,
			   .from = sh->at[FRESH],
			   .next = b->next,
			   .epoch = epoch,
			   .number = b->number,
			   .events = b->events,
			   .bytes = b->frame.n,
			   .closed_ns = b->closed_ns,
			   .frame = b->frame };
	bool unread = sooner(holes_pass(sh, sh->at[FRESH]), sh->added);
	size_t cached = 0;

	/* Without memory for a run the counts are short by one block; the block itself is not. */
	(void)runs_add(sh, b->pos, &rec);
	checkpoints_move(&sh->durable, &b->checkpoints);
	sh->added = b->next;
	sh->added_up_to = tally_behind(b);
	for (size_t i = 0; i < sh->n_lent; i++)
		cached += !sh->lent[i].given && sh->lent[i].frame.n > 0;
	if (unread || cached >= CACHED_MAX || lent_add(sh, &le) == NULL)
		return;               /* it is read from disk when its turn comes */
	b->frame = (struct buf){ 0 }; /* lent's from here */
	sh->at[FRESH] = b->next;
}

bool shelf_ack(struct shelf *sh, uint64_t epoch, uint64_t number)
{
	struct lent *le = NULL;
	size_t i;

	for (i = 0; i < sh->n_lent && le == NULL; i++)
		if (sh->lent[i].epoch == epoch && sh->lent[i].number == number)
			le = &sh->lent[i];
	if (le == NULL)
		return false;
	if (!le->dropped) {
		runs_sub(sh, le, seg_pos_cmp(le->pos, shelf_oldest(sh)) == 0);
		holes_add(sh, le->from, le->next);
	}
	lent_remove(sh, i - 1);
	holes_trim(sh, shelf_oldest(sh));
	runs_purge(sh, shelf_head(sh).file, LOSS_DAMAGED);
	settle(sh);
	return true;
}

void shelf_rewind(struct shelf *sh)
{
	struct seg_pos oldest = shelf_oldest(sh);

	while (sh->n_lent > 0)
		lent_remove(sh, sh->n_lent - 1);
	if (sh->n_holes < HOLES_MAX)
		sh->split = sh->added;
	sh->at[BACKLOG] = oldest;
	sh->at[FRESH] = sooner(oldest, sh->split) ? sh->split : oldest;
}

bool shelf_drop_file(struct shelf *sh)
{
	const struct seg_pos next = { shelf_head(sh).file + 1, 0 };

	if (next.file > seglog_end(sh->log).file)
		return false;
	for (size_t i = 0; i < sh->n_lent; i++) {
		struct lent *le = &sh->lent[i];

		if (le->pos.file >= next.file || le->dropped)
			continue;
		if (le->given)
			le->dropped = true;
		else
			lent_remove(sh, i--);
	}
	runs_purge(sh, next.file, LOSS_DROPPED);
	for (int age = 0; age < AGES; age++)
		if (sooner(sh->at[age], next))
			sh->at[age] = next;
	if (sooner(sh->split, next))
		sh->split = next;
	holes_trim(sh, next);
	return true;
}

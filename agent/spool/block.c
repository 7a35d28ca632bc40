/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/spool/block.h"

#include <stdlib.h>

#include "common/net/lumberjack.h"
#include "common/store/le.h"

/* The head of the first `J` is known only when the block gets its number: until then its place is
 * kept free in front, so that nothing has to be moved. */
#define JSON_HEAD 10u
#define RESERVE   (JSON_HEAD + BATCH_META_MAX)
#define HEAD_MAX  48u

#define TAKEN_VALUE 16u

struct block *block_new(size_t bytes)
{
	struct block *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->raw.p = malloc(RESERVE + bytes);
	b->raw.cap = b->raw.p != NULL ? RESERVE + bytes : 0; /* else it grows as it can */
	return b;
}

void block_free(struct block *b)
{
	if (b == NULL)
		return;
	buf_release(&b->raw);
	buf_release(&b->frame);
	checkpoints_clear(&b->checkpoints);
	free(b);
}

uint64_t block_bytes(const struct block *b)
{
	return b != NULL && b->raw.n > RESERVE ? b->raw.n - RESERVE : 0;
}

static void first_add(struct block *b, struct slice event)
{
	static const char room[RESERVE];
	struct slice rest = slice_trim(slice_from(event, 1));

	buf_put(&b->raw, room, sizeof(room));
	buf_slice(&b->raw, rest);
	b->first_n = rest.n;
	b->first_empty = rest.p[0] == '}';
}

int block_add(struct block *b, struct slice event, struct slice key, struct slice value,
	      struct err *err)
{
	const size_t start = b->raw.n;

	if (event.n > 0 && (event.n < 2 || event.p[0] != '{' || event.p[event.n - 1] != '}'))
		return err_set(err, ERR_SYNTAX, "an event is not a JSON object");
	if (event.n > SPOOL_EVENT_MAX || key.n > CHECKPOINT_KEY_MAX ||
	    value.n > CHECKPOINT_VALUE_MAX)
		return err_set(err, ERR_USAGE,
			       "an event of %zu bytes or its checkpoint is too long", event.n);
	if (event.n > 0 && b->events == 0)
		first_add(b, event);
	else if (event.n > 0)
		lj_put_json(&b->raw, b->events + 1, event);
	if (b->raw.failed || (key.n > 0 && checkpoints_put(&b->checkpoints, key, value) < 0)) {
		b->raw.failed = false;
		b->raw.n = start;
		return err_nomem(err);
	}
	b->events += event.n > 0;
	return 0;
}

int block_compress(struct block *b, uint64_t epoch, int level, struct err *err)
{
	const struct batch_meta m = { epoch, b->number, b->first_seq, b->floor };
	struct buf meta = { 0 }, head = { 0 };
	struct slice frames;
	int r = -1;

	if (b->events == 0 || b->frame.n > 0)
		return 0;
	batch_meta_head(&meta, &m, b->first_empty);
	lj_put_json(&head, 1, buf_view(&meta));
	if (meta.failed || head.failed) {
		err_nomem(err);
		goto out;
	}
	/* The length in the head counts what stands behind the metadata too. */
	for (unsigned i = 0; i < 4; i++)
		head.p[JSON_HEAD - 4 + i] = (char)((meta.n + b->first_n) >> (24 - 8 * i));
	memcpy(b->raw.p + RESERVE - head.n, head.p, head.n);
	frames = slice_from(buf_view(&b->raw), RESERVE - head.n);
	if (lj_compress(&b->frame, frames, level, err) < 0) {
		buf_release(&b->frame);
		goto out;
	}
	buf_fit(&b->frame); /* it waits: room for the worst case is not kept */
	buf_release(&b->raw);
	r = 0;
out:
	buf_release(&meta);
	buf_release(&head);
	return r;
}

const struct slice taken_key = { "spool:taken", 11 };

void taken_put(const struct tally *t, struct buf *out)
{
	le16_put(out, (uint16_t)taken_key.n);
	le32_put(out, TAKEN_VALUE);
	buf_slice(out, taken_key);
	le64_put(out, t->blocks);
	le64_put(out, t->events);
}

bool taken_read(struct slice value, struct tally *ret)
{
	if (value.n != TAKEN_VALUE)
		return false;
	ret->blocks = le64_get(value.p);
	ret->events = le64_get(value.p + 8);
	return true;
}

/* It is not an input's: off with it. */
static void taken_take(struct block_record *rec)
{
	struct le_cursor c = { .in = rec->checkpoints };
	size_t key_n = le_u16(&c), value_n = le_u32(&c);
	struct slice key = le_take(&c, key_n), value = le_take(&c, value_n);

	if (c.bad || !slice_eq(key, taken_key) || !taken_read(value, &rec->before))
		return;
	rec->counted = true;
	rec->checkpoints = c.in;
}

int block_append(struct block *b, uint64_t epoch, struct seglog *lg, struct err *err)
{
	struct buf marks = { 0 };
	uint8_t head[HEAD_MAX];
	struct slice parts[3];
	int r = -1;

	if (b->events > 0)
		taken_put(&b->before, &marks);
	checkpoints_encode(&b->checkpoints, &marks);
	if (marks.failed) {
		err_nomem(err);
		goto out;
	}
	le64_set(head, epoch);
	le64_set(head + 8, b->number);
	le64_set(head + 16, b->first_seq);
	le64_set(head + 24, b->floor);
	le64_set(head + 32, (uint64_t)b->closed_ns);
	le32_set(head + 40, b->events);
	le32_set(head + 44, (uint32_t)marks.n);
	parts[0] = (struct slice){ (const char *)head, sizeof(head) };
	parts[1] = buf_view(&marks);
	parts[2] = buf_view(&b->frame);
	if (b->events > 0)
		r = seglog_append(lg, SPOOL_BLOCK, parts, 3, &b->pos, err);
	else
		r = seglog_append(lg, SPOOL_CHECKPOINTS, parts + 1, 1, &b->pos, err);
	if (r == 0)
		b->next = seglog_end(lg);
out:
	buf_release(&marks);
	return r;
}

int block_read(struct slice payload, struct block_record *ret, struct err *err)
{
	struct le_cursor c = { .in = payload };
	struct block_record rec = { 0 };
	uint32_t marks;

	rec.epoch = le_u64(&c);
	rec.number = le_u64(&c);
	rec.first_seq = le_u64(&c);
	rec.floor = le_u64(&c);
	rec.closed_ns = (int64_t)le_u64(&c);
	rec.events = le_u32(&c);
	marks = le_u32(&c);
	rec.checkpoints = le_take(&c, marks);
	rec.frame = c.in;
	taken_take(&rec);
	if (c.bad || rec.number == 0 || rec.events == 0 || rec.frame.n == 0)
		return err_set(err, ERR_SYNTAX, "a spool record is not a block");
	*ret = rec;
	return 0;
}

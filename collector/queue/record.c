/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue/record.c: a block as the queue stores it. Format: docs/formats.md, "queue". */
#include "collector/queue/local.h"
#include "common/store/le.h"

void record_head(const struct queue_block *blk, struct buf *out)
{
	buf_chr(out, (char)blk->kind);
	buf_chr(out, (char)strnlen(blk->tenant, TENANT_MAX));
	buf_chr(out, (char)strnlen(blk->sender, SENDER_MAX));
	buf_chr(out, '\0');
	le32_put(out, blk->events);
	le64_put(out, blk->epoch);
	le64_put(out, blk->number);
	le64_put(out, blk->floor);
	le64_put(out, blk->first_seq);
	le64_put(out, (uint64_t)blk->received_ns);
	le32_put(out, blk->crc);
	le32_put(out, 0);
	buf_put(out, blk->tenant, strnlen(blk->tenant, TENANT_MAX));
	buf_put(out, blk->sender, strnlen(blk->sender, SENDER_MAX));
}

static bool name_take(struct le_cursor *c, size_t n, size_t max, char *out)
{
	struct slice s = le_take(c, n);

	if (c->bad || n == 0 || n > max || memchr(s.p, '\0', n) != NULL)
		return false;
	memcpy(out, s.p, n);
	out[n] = '\0';
	return true;
}

int record_read(struct slice payload, struct queue_block *blk, struct err *err)
{
	struct le_cursor c = { .in = payload };
	struct queue_block b = { 0 };
	uint8_t kind = le_u8(&c), tenant_n = le_u8(&c), sender_n = le_u8(&c);

	le_u8(&c);
	b.kind = kind == QUEUE_FOREIGN || kind == QUEUE_BEAT ? (enum queue_kind)kind : QUEUE_OWN;
	b.events = le_u32(&c);
	b.epoch = le_u64(&c);
	b.number = le_u64(&c);
	b.floor = le_u64(&c);
	b.first_seq = le_u64(&c);
	b.received_ns = (int64_t)le_u64(&c);
	b.crc = le_u32(&c);
	le_u32(&c);
	if (!name_take(&c, tenant_n, TENANT_MAX, b.tenant) ||
	    !name_take(&c, sender_n, SENDER_MAX, b.sender) || c.bad)
		return err_set(err, ERR_SYNTAX, "a record of the queue is not a block");
	b.frame = c.in;
	*blk = b;
	return 0;
}

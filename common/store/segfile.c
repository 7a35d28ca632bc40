/* SPDX-License-Identifier: EUPL-1.2 */
/* common/store/segfile.c: the bytes of a segment file. All numbers are little-endian.
 * header (48):  magic 8, version u32, crc32c u32 of the other 44 bytes, file u64, first record u64,
 *               salt 8, zero 8
 * record (24):  payload length u32, crc32c u32 (salt, length, bytes 8 to 23, payload),
 *               number u64, kind u8, zero 3, unsynced u32 (version 2; else zero); then the payload,
 * then zeros to a multiple of 8 */
#include "common/store/segfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/store/le.h"

#define SCAN_BYTES 65536u
/* Of candidates checked in one resync. A sender can fill a block with what looks like headers,
 * whose salted checksums it cannot make; this bounds the work it can cause. */
#define SCAN_WORK_MAX (UINT64_C(256) << 20)

void segfile_name(uint64_t number, char out[SEGFILE_NAME_MAX])
{
	snprintf(out, SEGFILE_NAME_MAX, "%016" PRIx64 ".seg", number);
}

bool segfile_number(const char *name, uint64_t *ret)
{
	struct slice s = slice_str(name);
	uint8_t raw[8];
	uint64_t v = 0;

	if (s.n != 20 || !slice_ends(s, SLICE(".seg")) ||
	    !hex_parse((struct slice){ s.p, 16 }, raw, sizeof(raw)))
		return false;
	for (size_t i = 0; i < sizeof(raw); i++)
		v = v << 8 | raw[i];
	*ret = v;
	return v != 0;
}

uint64_t segfile_room(uint64_t n)
{
	return SEGFILE_RECORD + ((n + 7) & ~UINT64_C(7));
}

static bool all_zero(const uint8_t *p, size_t n)
{
	while (n > 0 && *p == 0) {
		p++;
		n--;
	}
	return n == 0;
}

static uint32_t head_crc(const uint8_t *h)
{
	return crc32c(crc32c(0, h, 12), h + 16, SEGFILE_HEAD - 16);
}

void segfile_head_make(const struct segfile *f, const char magic[8], uint8_t out[SEGFILE_HEAD])
{
	memset(out, 0, SEGFILE_HEAD);
	memcpy(out, magic, 8);
	le32_set(out + 8, f->version);
	le64_set(out + 16, f->number);
	le64_set(out + 24, f->first_record);
	memcpy(out + 32, f->salt, sizeof(f->salt));
	le32_set(out + 12, head_crc(out));
}

enum segfile_result segfile_head_read(struct segfile *f, const char magic[8], const char *path,
				      struct err *err)
{
	uint8_t h[SEGFILE_HEAD] = { 0 };
	ssize_t n = pread_all(f->fd, h, sizeof(h), 0);

	if (n < 0) {
		err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
		return SEGFILE_ERROR;
	}
	if (all_zero(h, sizeof(h)))
		return SEGFILE_END;
	if ((size_t)n < sizeof(h))
		return SEGFILE_END;
	if (le32_get(h + 12) != head_crc(h)) /* its magic may be what is wrong */
		return SEGFILE_BAD;
	if (memcmp(h, magic, 8) != 0) {
		err_set(err, ERR_SYNTAX,
			"%s is a file of Vartio, but not a %.8s one: is the folder right? If it "
			"is, "
			"move %s away and start again",
			path, magic, path);
		return SEGFILE_ERROR;
	}
	if (le32_get(h + 8) > SEGFILE_VERSION) {
		err_set(err, ERR_NEWER,
			"%s has format version %" PRIu32
			", written by a newer Vartio: install that version or a later one",
			path, le32_get(h + 8));
		return SEGFILE_ERROR;
	}
	if (le64_get(h + 16) != f->number)
		return SEGFILE_BAD; /* renamed by hand: its records' places would be wrong */
	f->version = le32_get(h + 8);
	f->first_record = le64_get(h + 24);
	memcpy(f->salt, h + 32, sizeof(f->salt));
	return SEGFILE_RECORD_OK;
}

/* The checksum of everything before the payload. */
static uint32_t record_crc(const struct segfile *f, const uint8_t *h)
{
	uint32_t c = crc32c(0, f->salt, sizeof(f->salt));

	c = crc32c(c, h, 4);
	return crc32c(c, h + 8, SEGFILE_RECORD - 8);
}

void segfile_record_make(const struct segfile *f, uint8_t kind, uint64_t number, uint32_t unsynced,
			 const struct slice *parts, size_t n, uint8_t out[SEGFILE_RECORD])
{
	uint64_t len = 0;
	uint32_t c;

	for (size_t i = 0; i < n; i++)
		len += parts[i].n;
	memset(out, 0, SEGFILE_RECORD);
	le32_set(out, (uint32_t)len);
	le64_set(out + 8, number);
	out[16] = kind;
	le32_set(out + 20, unsynced);
	c = record_crc(f, out);
	for (size_t i = 0; i < n; i++)
		c = crc32c(c, parts[i].p, parts[i].n);
	le32_set(out + 4, c);
}

/* Could these be a record's first bytes, with `left` bytes up to the limit? */
static bool head_plausible(const struct segfile *f, const uint8_t *h, uint64_t left)
{
	return le64_get(h + 8) != 0 && all_zero(h + 17, f->version < 2 ? 7 : 3) &&
	       le32_get(h) <= SEGFILE_PAYLOAD_MAX && segfile_room(le32_get(h)) <= left;
}

static enum segfile_result io_error(const struct segfile *f, uint64_t at, struct err *err)
{
	err_set(err, ERR_IO, "cannot read segment %016" PRIx64 " at byte %" PRIu64 ": %s",
		f->number, at, strerror(errno));
	return SEGFILE_ERROR;
}

/* Zeros up to the limit are the end; anything else behind a zero header is damage. */
static enum segfile_result zeros_or_bad(const struct segfile *f, uint64_t at, uint64_t limit,
					struct err *err)
{
	uint8_t chunk[4096];

	while (at < limit) {
		size_t want = limit - at < sizeof(chunk) ? (size_t)(limit - at) : sizeof(chunk);
		ssize_t n = pread_all(f->fd, chunk, want, (off_t)at);

		if (n < 0)
			return io_error(f, at, err);
		if (n == 0)
			break;
		if (!all_zero(chunk, (size_t)n))
			return SEGFILE_BAD;
		at += (uint64_t)n;
	}
	return SEGFILE_END;
}

/* Up to n bytes at `at`, n at most what there is below limit: *ret lent until the next call. */
static ssize_t look(const struct segfile *f, uint64_t at, size_t n, uint64_t limit, struct buf *mem,
		    const uint8_t **ret)
{
	struct segahead *ah = f->ahead;
	ssize_t got;

	if (ah == NULL || n > SEGFILE_AHEAD) {
		buf_reset(mem);
		if (buf_reserve(mem, n + 1) < 0)
			return -1;
		*ret = (const uint8_t *)mem->p;
		return pread_all(f->fd, mem->p, n, (off_t)at);
	}
	if (ah->file != f->number || at < ah->at || at + n > ah->at + ah->mem.n) {
		size_t want = limit - at < SEGFILE_AHEAD ? (size_t)(limit - at) : SEGFILE_AHEAD;

		buf_reset(&ah->mem);
		if (buf_reserve(&ah->mem, SEGFILE_AHEAD) < 0)
			return -1;
		got = pread_all(f->fd, ah->mem.p, want, (off_t)at);
		if (got < 0)
			return -1;
		ah->mem.n = (size_t)got;
		ah->file = f->number;
		ah->at = at;
	}
	*ret = (const uint8_t *)ah->mem.p + (at - ah->at);
	return at - ah->at + n <= ah->mem.n ? (ssize_t)n : (ssize_t)(ah->mem.n - (at - ah->at));
}

static enum segfile_result look_failed(const struct segfile *f, uint64_t at, const struct buf *mem,
				       struct err *err)
{
	if (!mem->failed && (f->ahead == NULL || !f->ahead->mem.failed))
		return io_error(f, at, err);
	err_nomem(err);
	return SEGFILE_ERROR;
}

enum segfile_result segfile_read(const struct segfile *f, uint64_t at, uint64_t limit,
				 struct buf *mem, struct seg_record *rec, uint64_t *ret_number,
				 struct err *err)
{
	uint8_t h[SEGFILE_RECORD];
	const uint8_t *p;
	uint32_t len;
	ssize_t n;

	if (at >= limit)
		return SEGFILE_END;
	if (limit - at < SEGFILE_RECORD)
		return zeros_or_bad(f, at, limit, err);
	n = look(f, at, sizeof(h), limit, mem, &p);
	if (n < 0)
		return look_failed(f, at, mem, err);
	if ((size_t)n < sizeof(h))
		return zeros_or_bad(f, at, limit, err);
	memcpy(h, p, sizeof(h));
	if (all_zero(h, sizeof(h)))
		return zeros_or_bad(f, at, limit, err);
	if (!head_plausible(f, h, limit - at))
		return SEGFILE_BAD;
	len = le32_get(h);
	n = look(f, at + SEGFILE_RECORD, len, limit, mem, &p);
	if (n < 0)
		return look_failed(f, at, mem, err);
	if ((size_t)n < len || crc32c(record_crc(f, h), p, len) != le32_get(h + 4))
		return SEGFILE_BAD;
	rec->pos = (struct seg_pos){ f->number, at };
	rec->next = (struct seg_pos){ f->number, at + segfile_room(len) };
	rec->kind = h[16];
	rec->unsynced = le32_get(h + 20);
	rec->payload = (struct slice){ (const char *)p, len };
	*ret_number = le64_get(h + 8);
	return SEGFILE_RECORD_OK;
}

/* The common damage is inside a payload: then the damaged record's own length leads on. */
static enum segfile_result resync_by_length(const struct segfile *f, uint64_t at, uint64_t limit,
					    struct buf *mem, uint64_t *ret_at, struct err *err)
{
	struct seg_record rec;
	uint8_t h[SEGFILE_RECORD];
	uint64_t next, number;
	enum segfile_result r;
	ssize_t n = pread_all(f->fd, h, sizeof(h), (off_t)at);

	if (n < 0)
		return io_error(f, at, err);
	if ((size_t)n < sizeof(h) || !head_plausible(f, h, limit - at))
		return SEGFILE_BAD;
	next = at + segfile_room(le32_get(h));
	r = segfile_read(f, next, limit, mem, &rec, &number, err);
	if (r == SEGFILE_RECORD_OK)
		*ret_at = next;
	return r;
}

enum segfile_result segfile_resync(const struct segfile *f, uint64_t at, uint64_t limit,
				   struct buf *mem, uint64_t *ret_at, struct err *err)
{
	enum segfile_result r = SEGFILE_BAD;
	const uint64_t most = f->first_record + limit / SEGFILE_RECORD;
	struct seg_record rec;
	uint64_t number, work = 0;
	uint8_t *chunk;

	if (limit - at >= SEGFILE_RECORD)
		r = resync_by_length(f, at, limit, mem, ret_at, err);
	if (r == SEGFILE_RECORD_OK || r == SEGFILE_ERROR)
		return r;
	chunk = malloc(SCAN_BYTES);
	if (chunk == NULL) {
		err_nomem(err);
		return SEGFILE_ERROR;
	}
	r = SEGFILE_END;
	for (at += 8; at < limit && limit - at >= SEGFILE_RECORD; at += SCAN_BYTES - 16) {
		ssize_t n = pread_all(f->fd, chunk, SCAN_BYTES, (off_t)at);

		if (n < 0) {
			r = io_error(f, at, err);
			goto out;
		}
		for (size_t i = 0; i + SEGFILE_RECORD <= (size_t)n && at + i < limit; i += 8) {
			if (!head_plausible(f, chunk + i, limit - at - i) ||
			    le64_get(chunk + i + 8) < f->first_record ||
			    le64_get(chunk + i + 8) > most)
				continue;
			work += segfile_room(le32_get(chunk + i));
			if (work > SCAN_WORK_MAX)
				break;
			r = segfile_read(f, at + i, limit, mem, &rec, &number, err);
			if (r == SEGFILE_RECORD_OK)
				*ret_at = at + i;
			if (r == SEGFILE_RECORD_OK || r == SEGFILE_ERROR)
				goto out;
		}
		r = SEGFILE_END;
		if ((size_t)n < SCAN_BYTES || work > SCAN_WORK_MAX)
			break;
	}
	*ret_at = limit;
out:
	free(chunk);
	return r;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* common/store/segment.h: an append-only log of checksummed records in preallocated files. The
 * agent's spool, the collector's queue and its signals stand on it.
 * Format:  docs/formats.md, "segments": magic, version, then records of a header (length, crc32c,
 *          kind, number) and a payload. The header's crc covers header and payload.
 * Promise: what seglog_sync has returned for survives kill -9 and power loss. A torn tail is cut at
 *          the last whole record when opening, and counted. A flipped bit inside is reported by
 *          the reader (ERR_SYNTAX with the file and offset), which can go on behind it.
 *          What is missing between two records is damage, too: the numbers tell.
 * Thread:  one writer at a time; readers in any thread, each with a struct of its own.
 *          seglog_bytes, _first, _end, _durable and _remade may be asked by any thread.
 * Time:    blocking; call it from a worker or a thread of its own. */
#ifndef VARTIO_STORE_SEGMENT_H
#define VARTIO_STORE_SEGMENT_H

#include "common/base/buf.h"

struct seglog;
struct seglog_opts {
	const char *dir;     /* borrowed during the call; made with mode 0700 when absent */
	const char magic[8]; /* what kind of log: "VTSPOOL", "VTQUEUE", "VTSIGNAL" */
	uint64_t
		segment_bytes; /* preallocated size of a file; a larger record gets a larger file */
	uint64_t max_bytes;    /* over all files; an append past it says ERR_FULL. 0: no bound */
	/* A record counts only where all before it do. Records synced together may reach the disk
	 * in any order: after a power loss, when one of them is missing, those behind it are cut
	 * off too. Without this they are kept, and the missing one is damage. */
	bool ordered;
	/* Called when a new file is begun; what it appends to out becomes the file's first record
	 * (kind SEG_SNAPSHOT), so that state outlives the files it was built from. May be NULL. */
	void (*snapshot)(void *arg, struct buf *out);
	void *arg;
};
enum { SEG_SNAPSHOT = 0 }; /* record kinds from 1 on belong to the owner */

struct seg_pos { /* a record's place; ordered by file, then offset */
	uint64_t file, offset;
};
struct seg_record {
	struct seg_pos pos;  /* of this record */
	struct seg_pos next; /* of the one behind it */
	uint8_t kind;
	uint32_t unsynced;    /* records before it that were not synced when it was written */
	struct slice payload; /* lent until the next call on the same reader */
};

/* Opens or makes the log; calls `each` (may be NULL) for every record from the oldest on, so that
 * the owner rebuilds its state. each returns -1 with *err to stop the opening. ERR_DENIED owner or
 * mode of dir; ERR_SYNTAX not this log; ERR_NEWER; ERR_IO; ERR_BUSY another process has it. */
int seglog_open(const struct seglog_opts *opts,
		int (*each)(void *arg, const struct seg_record *rec, struct err *err),
		struct seglog **ret, struct err *err);
/* Appends; not durable before seglog_sync. Parts are joined. ERR_FULL: max_bytes or the disk is
 * full; ERR_IO: the disk. This record was then not written; seglog_sync tells whether the earlier
 * ones stand. */
int seglog_append(struct seglog *lg, uint8_t kind, const struct slice *parts, size_t n,
		  struct seg_pos *ret_pos, struct err *err);
/* Several records, of a payload each, in as few writes as they fit in. When it fails some of the
 * first may have been written; seglog_end tells. */
int seglog_append_all(struct seglog *lg, uint8_t kind, const struct slice *payloads, size_t n,
		      struct err *err);
/* Would a record of that many bytes begin a new file (with a snapshot)? For the writer only. */
bool seglog_rolls(const struct seglog *lg, uint64_t payload_bytes);
/* One fdatasync of what was appended. When it fails, the kernel may have thrown away what it could
 * not write: all records since the last good sync are taken back, and the owner appends them anew.
 */
int seglog_sync(struct seglog *lg, struct err *err);
/* Deletes whole files whose records are all before pos. */
int seglog_drop_before(struct seglog *lg, struct seg_pos pos, struct err *err);
uint64_t seglog_bytes(const struct seglog *lg);      /* on disk, preallocated tail not counted */
uint64_t seglog_torn_bytes(const struct seglog *lg); /* cut from the tail at opening */
uint64_t seglog_damaged(const struct seglog *lg);    /* places found at opening */
struct seg_damage {
	struct seg_pos at;
	uint64_t bytes; /* 0: a file, or the end of one, that is not there */
};
/* The first of the places found at opening, sixteen at most, in the log's order. Lent, until the
 * log is closed. */
size_t seglog_damages(const struct seglog *lg, const struct seg_damage **ret);
/* Times that the file being written was found removed, by a sync, and made anew: nothing of it is
 * lost. Of an older file readers report that it is missing. */
uint64_t seglog_remade(const struct seglog *lg);
uint64_t seglog_bytes_before(const struct seglog *lg, struct seg_pos pos); /* those before pos */
struct seg_pos seglog_first(const struct seglog *lg); /* of the oldest record */
struct seg_pos seglog_end(const struct seglog *lg);   /* where the next record will stand */
/* Where an owner that kept pos itself goes on: at pos, or, when the log does not reach so far, at
 * its end (the tail behind it was cut) or at its oldest record (its files are not those of pos). */
struct seg_pos seglog_resume(const struct seglog *lg, struct seg_pos pos);
/* The owner has pos from the log, and let nothing behind it be deleted: when its file is not there,
 * that is damage, which is counted and which readers from there report. Before anything is appended
 * or read. */
int seglog_expect(struct seglog *lg, struct seg_pos pos, struct err *err);
struct seg_pos seglog_durable(
	const struct seglog *lg);     /* end of what is synced; readers stop here */
void seglog_close(struct seglog *lg); /* syncs; NULL is fine */

/* Up to n bytes of what stands at pos, sound or not: for telling what damage took. Bytes read. */
ssize_t seglog_raw(const struct seglog *lg, struct seg_pos pos, void *out, size_t n);

struct seg_reader;
/* Reads from pos on (a dropped pos: from the oldest). Follows files as they are begun. */
int seg_reader_open(struct seglog *lg, struct seg_pos pos, struct seg_reader **ret,
		    struct err *err);
/* 1: *rec. 0: nothing behind the durable end. -1: a damaged record (ERR_SYNTAX; the next call goes
 * on behind it) or ERR_IO. */
int seg_reader_next(struct seg_reader *rd, struct seg_record *rec, struct err *err);
void seg_reader_seek(struct seg_reader *rd, struct seg_pos pos);
struct seg_pos seg_reader_damage(const struct seg_reader *rd); /* where the last one passed began */
struct seg_pos seg_reader_pos(const struct seg_reader *rd);    /* where the next call reads */
void seg_reader_close(struct seg_reader *rd);

static inline int seg_pos_cmp(struct seg_pos a, struct seg_pos b)
{
	if (a.file != b.file)
		return a.file < b.file ? -1 : 1;
	return a.offset < b.offset ? -1 : a.offset > b.offset;
}

#endif

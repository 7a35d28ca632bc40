/* SPDX-License-Identifier: EUPL-1.2 */
/* common/store/segfile.h: one file of a segment log: its header, its records, and where the next
 * sound record stands behind damage. For common/store alone.
 * Format: docs/formats.md, "segments". */
#ifndef VARTIO_STORE_SEGFILE_H
#define VARTIO_STORE_SEGFILE_H

#include "common/store/segment.h"

#define SEGFILE_VERSION     2u  /* the newest that is read; 2: records tell what was unsynced */
#define SEGFILE_HEAD        48u /* bytes of a file's header */
#define SEGFILE_RECORD      24u /* bytes of a record's header */
#define SEGFILE_NAME_MAX    24u
#define SEGFILE_PAYLOAD_MAX (UINT32_C(1) << 30)

#define SEGFILE_AHEAD 65536u

struct segahead { /* what was read of a file beyond what was asked for: sound for as long as the
		   * file keeps what it has below the limit, which synced records do */
	struct buf mem;
	uint64_t file, at;
};

struct segfile {
	int fd;
	struct segahead *ahead; /* NULL: each record is read by itself */
	uint32_t version;       /* of its format */
	uint64_t number;        /* the file's, from 1 */
	uint64_t first_record;  /* the number of its first record */
	uint8_t salt[8]; /* in every record's checksum: no payload can carry a false record */
};

enum segfile_result {
	SEGFILE_ERROR = -2, /* the disk: *err */
	SEGFILE_BAD = -1,   /* not a sound record */
	SEGFILE_END = 0,    /* only zeros up to the end, or the end itself */
	SEGFILE_RECORD_OK = 1
};

void segfile_name(uint64_t number, char out[SEGFILE_NAME_MAX]); /* "0000000000000001.seg" */
bool segfile_number(const char *name, uint64_t *ret);           /* false: not such a name */
/* Bytes that a payload of n takes in the file: header, payload, zeros to a multiple of 8. */
uint64_t segfile_room(uint64_t n);
/* Fills out for a new file with f's version, number, first_record and salt. */
void segfile_head_make(const struct segfile *f, const char magic[8], uint8_t out[SEGFILE_HEAD]);
/* Reads the header of f->fd into f. END: short or all zeros (creation was cut); BAD: damaged.
 * ERROR with ERR_SYNTAX: not this kind of log; ERR_NEWER; ERR_IO. path is for messages. */
enum segfile_result segfile_head_read(struct segfile *f, const char magic[8], const char *path,
				      struct err *err);
/* Fills out for a record whose payload is parts joined. unsynced: how many records before it had
 * not been synced; 0 in a file of version 1. */
void segfile_record_make(const struct segfile *f, uint8_t kind, uint64_t number, uint32_t unsynced,
			 const struct slice *parts, size_t n, uint8_t out[SEGFILE_RECORD]);
/* Reads the record at `at`; nothing at or past `limit` counts. The payload is in mem or in what was
 * read ahead, both the reader's to reuse. *ret_number and *rec are set for RECORD_OK only. */
enum segfile_result segfile_read(const struct segfile *f, uint64_t at, uint64_t limit,
				 struct buf *mem, struct seg_record *rec, uint64_t *ret_number,
				 struct err *err);
/* Where the next sound record behind a bad one at `at` stands: RECORD_OK. END, and limit: there is
 * none. */
enum segfile_result segfile_resync(const struct segfile *f, uint64_t at, uint64_t limit,
				   struct buf *mem, uint64_t *ret_at, struct err *err);

#endif

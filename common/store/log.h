/* SPDX-License-Identifier: EUPL-1.2 */
/* common/store/log.h: what the opening (open.c), the writer (segment.c) and the readers (reader.c)
 * of one log share. For common/store alone. */
#ifndef VARTIO_STORE_LOG_H
#define VARTIO_STORE_LOG_H

#include <pthread.h>

#include "common/store/segfile.h"

/* Not written to in a file, a sixteenth of it at most: on a full disk, the next one's head. */
#define NEXT_ROOM     (16u << 10)
#define NEXT_ROOM_MIN (4u << 10) /* less is no block of a disk */

#define PLACES_MAX 16u /* of damage, that are known one by one */

struct log_file {
	uint64_t number;
	uint64_t end;     /* of its last record */
	uint64_t records; /* that are known to be lost at its end, or with it */
	bool lost;        /* it should be there: it is missing, or empty; end is 0 */
};

struct seglog {
	char *dir;
	int dir_fd, lock_fd;
	char magic[8];
	uint64_t segment_bytes, max_bytes;
	void (*snapshot)(void *arg, struct buf *out);
	void *arg;
	bool ordered;
	uint64_t torn, damaged;
	struct seg_damage places[PLACES_MAX]; /* the first of `damaged`, sorted */
	size_t n_places;
	struct {                /* while the files are scanned */
		bool any;       /* a sound one came */
		bool told;      /* what is missing behind it is counted already */
		uint64_t gap;   /* records that lie between it and the one now scanned */
		uint64_t first; /* number of the oldest record */
	} scan;

	struct segfile cur; /* the file being written; fd -1: none, one is begun when needed */
	uint64_t next_file; /* number of the file begun next */
	uint64_t next_record;
	uint64_t durable_record; /* next_record as of the last sync */
	bool broken;             /* a sync failed: records must be taken back first */
	bool unreserved;         /* cur was begun without room for a whole file */
	struct buf snap;

	/* Of what stands below, and of cur's descriptor: the writer changes it, anybody reads it.
	 */
	pthread_mutex_t lock;
	struct log_file *files; /* sorted; when cur is open it is the last */
	uint64_t remade;        /* times that cur was removed, and made anew */
	uint64_t dropping;      /* files before it are deleted on purpose */
	size_t n_files, cap_files;
	uint64_t bytes;
	struct seg_pos durable;
};

/* Opens a file of the log. -1 with errno. */
int log_open_file(const struct seglog *lg, uint64_t number, int flags);
/* Sets *err from errno: ERR_FULL for a full disk or quota, else ERR_IO. Always -1. */
int log_fail(const struct seglog *lg, const char *doing, uint64_t file, struct err *err);
int log_files_add(struct seglog *lg, uint64_t number, uint64_t end, struct err *err);
/* Counts a damaged place. */
void log_damage(struct seglog *lg, uint64_t file, uint64_t from, uint64_t to);
/* A file that should stand at the list's place i, and does not. */
int log_files_lost(struct seglog *lg, size_t i, uint64_t number, struct err *err);
/* Reserves the file's bytes up to size on disk, as zeros. -1 with errno. */
int log_reserve(int fd, uint64_t size);
/* remake.c. The folder, made when absent, ours and closed to others: a descriptor, or -1. */
int log_dir_open(const char *dir, struct err *err);
int log_lock_open(const struct seglog *lg, struct err *err); /* a locked descriptor, or -1 */
bool log_unlinked(int fd);                                   /* it has no name any more */
/* Makes the current file anew when it was removed; the folder and its lock when they were. */
int log_remake(struct seglog *lg, struct err *err);
int log_remake_dir(struct seglog *lg, struct err *err);
/* Lists the files, hands every record to each, cuts a torn tail, leaves cur ready. */
int log_scan(struct seglog *lg,
	     int (*each)(void *arg, const struct seg_record *rec, struct err *err),
	     struct err *err);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* common/store/reader.c: the readers' side of a segment log, and what any thread may ask of it.
 * A reader has a file descriptor and memory of its own; the lock is held only to learn how far the
 * files reach. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/store/log.h"

struct seg_reader {
	struct seglog *lg;
	struct seg_pos pos, damage; /* damage: where the last one passed began */
	struct segfile f;           /* fd -1: none open */
	bool lost;                  /* of the file at pos, as struct log_file has it */
	uint64_t records;
	struct buf mem;
	struct segahead ahead;
};

/* The lock is not part of what const promises about the log. */
static pthread_mutex_t *lock_of(const struct seglog *lg)
{
	return (pthread_mutex_t *)(uintptr_t)&lg->lock;
}

/* A number of lg's that its writer changes. */
static uint64_t number_of(const struct seglog *lg, const uint64_t *number)
{
	uint64_t v;

	pthread_mutex_lock(lock_of(lg));
	v = *number;
	pthread_mutex_unlock(lock_of(lg));
	return v;
}

uint64_t seglog_bytes(const struct seglog *lg)
{
	return number_of(lg, &lg->bytes);
}

uint64_t seglog_remade(const struct seglog *lg)
{
	return number_of(lg, &lg->remade);
}

uint64_t seglog_bytes_before(const struct seglog *lg, struct seg_pos pos)
{
	uint64_t v = 0;

	pthread_mutex_lock(lock_of(lg));
	for (size_t i = 0; i < lg->n_files && lg->files[i].number <= pos.file; i++)
		v += lg->files[i].number < pos.file || pos.offset > lg->files[i].end
			     ? lg->files[i].end
			     : pos.offset;
	pthread_mutex_unlock(lock_of(lg));
	return v;
}

struct seg_pos seglog_durable(const struct seglog *lg)
{
	struct seg_pos v;

	pthread_mutex_lock(lock_of(lg));
	v = lg->durable;
	pthread_mutex_unlock(lock_of(lg));
	return v;
}

struct seg_pos seglog_end(const struct seglog *lg)
{
	struct seg_pos v;

	pthread_mutex_lock(lock_of(lg));
	v = lg->durable;
	if (lg->n_files > 0 && lg->files[lg->n_files - 1].number == v.file)
		v.offset = lg->files[lg->n_files - 1].end;
	pthread_mutex_unlock(lock_of(lg));
	return v;
}

struct seg_pos seglog_first(const struct seglog *lg)
{
	struct seg_pos v;

	pthread_mutex_lock(lock_of(lg));
	v = lg->n_files > 0 ? (struct seg_pos){ lg->files[0].number, SEGFILE_HEAD } : lg->durable;
	pthread_mutex_unlock(lock_of(lg));
	return v;
}

struct seg_pos seglog_resume(const struct seglog *lg, struct seg_pos pos)
{
	struct seg_pos end = seglog_end(lg);

	if (seg_pos_cmp(pos, end) <= 0)
		return pos;
	return pos.file > end.file ? seglog_first(lg) : end;
}

int seglog_expect(struct seglog *lg, struct seg_pos pos, struct err *err)
{
	size_t i = 0;

	if (pos.file == 0 || pos.file >= lg->durable.file)
		return 0;
	/* Nothing was ever there: a file may be begun with a number higher than the next. */
	if (pos.offset <= SEGFILE_HEAD && (pos.file > 1 || lg->scan.first <= 1))
		return 0;
	while (i < lg->n_files && lg->files[i].number < pos.file)
		i++;
	if (i < lg->n_files && lg->files[i].number == pos.file)
		return 0;
	return log_files_lost(lg, i, pos.file, err);
}

ssize_t seglog_raw(const struct seglog *lg, struct seg_pos pos, void *out, size_t n)
{
	int fd = log_open_file(lg, pos.file, O_RDONLY);
	ssize_t got = fd >= 0 ? pread_all(fd, out, n, (off_t)pos.offset) : -1;

	if (fd >= 0)
		close(fd);
	return got > 0 ? got : 0;
}

static void file_close(struct seg_reader *rd)
{
	if (rd->f.fd >= 0)
		close(rd->f.fd);
	rd->f.fd = -1;
}

struct seg_pos seg_reader_damage(const struct seg_reader *rd)
{
	return rd->damage;
}

void seg_reader_seek(struct seg_reader *rd, struct seg_pos pos)
{
	if (rd->f.fd >= 0 && rd->f.number != pos.file)
		file_close(rd);
	rd->pos = pos;
	if (rd->pos.offset < SEGFILE_HEAD)
		rd->pos.offset = SEGFILE_HEAD;
}

int seg_reader_open(struct seglog *lg, struct seg_pos pos, struct seg_reader **ret, struct err *err)
{
	struct seg_reader *rd = calloc(1, sizeof(*rd));

	if (rd == NULL)
		return err_nomem(err);
	rd->lg = lg;
	rd->f.fd = -1;
	rd->f.ahead = &rd->ahead;
	seg_reader_seek(rd, pos);
	*ret = rd;
	return 0;
}

struct seg_pos seg_reader_pos(const struct seg_reader *rd)
{
	return rd->pos;
}

void seg_reader_close(struct seg_reader *rd)
{
	if (rd == NULL)
		return;
	file_close(rd);
	buf_release(&rd->mem);
	buf_release(&rd->ahead.mem);
	free(rd);
}

/* How far the reader's file reaches. true: more files follow. A file that was dropped, or a place
 * before the oldest, moves the reader to the oldest. */
static bool reach(struct seg_reader *rd, uint64_t *ret_limit)
{
	const struct seglog *lg = rd->lg;
	struct seg_pos d;
	size_t lo = 0, hi;
	bool more;

	pthread_mutex_lock(lock_of(lg));
	d = lg->durable;
	for (hi = lg->n_files; lo < hi;) { /* the first file not before ours */
		size_t mid = (lo + hi) / 2;

		if (lg->files[mid].number < rd->pos.file)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < lg->n_files && lg->files[lo].number > rd->pos.file)
		rd->pos = (struct seg_pos){ lg->files[lo].number, SEGFILE_HEAD };
	rd->lost = lo < lg->n_files && lg->files[lo].lost;
	rd->records = lo < lg->n_files ? lg->files[lo].records : 0;
	if (lo == lg->n_files)
		*ret_limit = 0; /* nothing there yet */
	else if (lg->files[lo].number == d.file)
		*ret_limit = d.offset;
	else
		*ret_limit = lg->files[lo].end;
	more = lo < lg->n_files && lg->files[lo].number < d.file && lo + 1 < lg->n_files;
	pthread_mutex_unlock(lock_of(lg));
	return more;
}

static int bad(struct seg_reader *rd, uint64_t at, uint64_t next, uint64_t limit, struct err *err)
{
	rd->damage = (struct seg_pos){ rd->pos.file, at };
	if (next == limit && rd->records > 0) /* how many bytes they had cannot be known */
		return err_set(err, ERR_SYNTAX,
			       "%s/%016" PRIx64 ".seg is damaged: its last %" PRIu64
			       " records, from byte %" PRIu64 " on, are lost",
			       rd->lg->dir, rd->pos.file, rd->records, at);
	return err_set(err, ERR_SYNTAX,
		       "%s/%016" PRIx64 ".seg is damaged: %" PRIu64 " bytes at %" PRIu64
		       " are skipped",
		       rd->lg->dir, rd->pos.file, next - at, at);
}

/* Tells that the file at pos is gone, and passes it. */
static int lost(struct seg_reader *rd, struct err *err)
{
	char how_many[48] = "";

	if (rd->records > 0)
		snprintf(how_many, sizeof(how_many), "%" PRIu64 " ", rd->records);
	err_set(err, ERR_SYNTAX,
		"%s/%016" PRIx64 ".seg is damaged: it is missing or empty; the %srecords in it are "
		"lost",
		rd->lg->dir, rd->pos.file, how_many);
	file_close(rd);
	rd->damage = (struct seg_pos){ rd->pos.file, SEGFILE_HEAD };
	rd->pos = (struct seg_pos){ rd->pos.file + 1, SEGFILE_HEAD };
	return -1;
}

/* Its name leads nowhere. 1: it is the one being written, which is there still; 0: it was dropped;
 * -1: somebody removed it. */
static int file_unnamed(struct seg_reader *rd)
{
	struct seglog *lg = rd->lg;
	int r;

	pthread_mutex_lock(&lg->lock);
	if (lg->cur.fd >= 0 && lg->cur.number == rd->pos.file)
		rd->f.fd = fcntl(lg->cur.fd, F_DUPFD_CLOEXEC, 0);
	r = rd->f.fd >= 0 ? 1 : rd->pos.file < lg->dropping ? 0 : -1;
	pthread_mutex_unlock(&lg->lock);
	return r;
}

/* Opens the reader's file. 1 open; 0 gone meanwhile; -1 *err, the reader moved behind it. */
static int file_open(struct seg_reader *rd, uint64_t limit, struct err *err)
{
	char name[SEGFILE_NAME_MAX], path[256];

	file_close(rd);
	rd->f.number = rd->pos.file;
	buf_reset(&rd->ahead.mem);
	rd->f.fd = log_open_file(rd->lg, rd->pos.file, O_RDONLY);
	if (rd->f.fd < 0 && errno == ENOENT) {
		int r = file_unnamed(rd);

		if (r <= 0)
			return r < 0 ? lost(rd, err) : 0;
	}
	if (rd->f.fd < 0)
		return log_fail(rd->lg, "open", rd->pos.file, err);
	segfile_name(rd->pos.file, name);
	snprintf(path, sizeof(path), "%s/%s", rd->lg->dir, name);
	switch (segfile_head_read(&rd->f, rd->lg->magic, path, err)) {
	case SEGFILE_RECORD_OK:
		return 1;
	case SEGFILE_ERROR:
		break;
	default:
		bad(rd, 0, limit, limit, err);
		rd->pos.offset = limit;
	}
	file_close(rd);
	return -1;
}

static int skip_bad(struct seg_reader *rd, uint64_t limit, struct err *err)
{
	uint64_t at = rd->pos.offset, next = limit;

	if (segfile_resync(&rd->f, at, limit, &rd->mem, &next, err) == SEGFILE_ERROR)
		return -1;
	bad(rd, at, next, limit, err);
	rd->pos.offset = next;
	return -1;
}

int seg_reader_next(struct seg_reader *rd, struct seg_record *rec, struct err *err)
{
	uint64_t limit = 0, number;
	bool looked = false;

	for (;;) {
		bool more = reach(rd, &limit);
		enum segfile_result r = SEGFILE_END;

		if (rd->lost)
			return lost(rd, err);
		if (rd->pos.offset < limit) {
			if (rd->f.fd < 0 || rd->f.number != rd->pos.file) {
				int o = file_open(rd, limit, err);

				if (o < 0)
					return -1;
				if (o == 0) { /* dropped just now: on with the next */
					rd->pos =
						(struct seg_pos){ rd->pos.file + 1, SEGFILE_HEAD };
					continue;
				}
			}
			r = segfile_read(&rd->f, rd->pos.offset, limit, &rd->mem, rec, &number,
					 err);
			if (r <= SEGFILE_END && r != SEGFILE_ERROR && !looked &&
			    log_unlinked(rd->f.fd)) { /* it may have been made anew since */
				looked = true;
				file_close(rd);
				continue;
			}
		}
		switch (r) {
		case SEGFILE_RECORD_OK:
			rd->pos = rec->next;
			return 1;
		case SEGFILE_BAD:
			return skip_bad(rd, limit, err);
		case SEGFILE_ERROR:
			return -1;
		default:
			if (rd->pos.offset < limit) { /* zeros where records were synced */
				bad(rd, rd->pos.offset, limit, limit, err);
				rd->pos.offset = limit;
				return -1;
			}
			if (!more)
				return 0;
			rd->pos = (struct seg_pos){ rd->pos.file + 1, SEGFILE_HEAD };
		}
	}
}

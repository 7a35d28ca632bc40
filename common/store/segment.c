/* SPDX-License-Identifier: EUPL-1.2 */
/* common/store/segment.c: the writer's side of a segment log. */
#include "common/store/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/store/log.h"

#define PARTS_MAX 8u
#define GROUP_MAX 64u /* records in one write */

int log_open_file(const struct seglog *lg, uint64_t number, int flags)
{
	char name[SEGFILE_NAME_MAX];

	segfile_name(number, name);
	return openat(lg->dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int log_fail(const struct seglog *lg, const char *doing, uint64_t file, struct err *err)
{
	int e = errno;
	bool full = e == ENOSPC || e == EDQUOT || e == EFBIG;

	return err_set(err, full ? ERR_FULL : ERR_IO, "cannot %s %s/%016" PRIx64 ".seg: %s%s",
		       doing, lg->dir, file, strerror(e), full ? "; make room there" : "");
}

int log_files_add(struct seglog *lg, uint64_t number, uint64_t end, struct err *err)
{
	if (lg->n_files == lg->cap_files) {
		size_t cap = lg->cap_files > 0 ? lg->cap_files * 2 : 16;
		struct log_file *p = realloc(lg->files, cap * sizeof(*p));

		if (p == NULL)
			return err_nomem(err);
		lg->files = p;
		lg->cap_files = cap;
	}
	lg->files[lg->n_files++] = (struct log_file){ .number = number, .end = end };
	return 0;
}

int log_files_lost(struct seglog *lg, size_t i, uint64_t number, struct err *err)
{
	if (log_files_add(lg, 0, 0, err) < 0)
		return -1;
	memmove(lg->files + i + 1, lg->files + i, (lg->n_files - 1 - i) * sizeof(lg->files[0]));
	lg->files[i] = (struct log_file){ .number = number, .lost = true };
	log_damage(lg, number, SEGFILE_HEAD, SEGFILE_HEAD);
	return 0;
}

void log_damage(struct seglog *lg, uint64_t file, uint64_t from, uint64_t to)
{
	const struct seg_damage d = { { file, from }, to - from };
	size_t i = lg->n_places;

	lg->damaged++;
	while (i > 0 && seg_pos_cmp(d.at, lg->places[i - 1].at) < 0)
		i--;
	if (i == PLACES_MAX)
		return;
	if (lg->n_places == PLACES_MAX)
		lg->n_places--;
	memmove(lg->places + i + 1, lg->places + i, (lg->n_places - i) * sizeof(d));
	lg->places[i] = d;
	lg->n_places++;
}

size_t seglog_damages(const struct seglog *lg, const struct seg_damage **ret)
{
	*ret = lg->places;
	return lg->n_places;
}

int log_reserve(int fd, uint64_t size)
{
	int r;

	do
		r = fallocate(fd, 0, 0, (off_t)size);
	while (r < 0 && errno == EINTR);
	if (r < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
		r = ftruncate(fd, (off_t)size); /* such a file system finds out when writing */
	return r;
}

static int dir_open(struct seglog *lg, struct err *err)
{
	lg->dir_fd = log_dir_open(lg->dir, err);
	if (lg->dir_fd < 0)
		return -1;
	lg->lock_fd = log_lock_open(lg, err);
	return lg->lock_fd < 0 ? -1 : 0;
}

int seglog_open(const struct seglog_opts *opts,
		int (*each)(void *arg, const struct seg_record *rec, struct err *err),
		struct seglog **ret, struct err *err)
{
	struct seglog *lg = calloc(1, sizeof(*lg));
	int r = -1;

	if (lg == NULL)
		return err_nomem(err);
	lg->dir_fd = lg->lock_fd = lg->cur.fd = -1;
	pthread_mutex_init(&lg->lock, NULL);
	memcpy(lg->magic, opts->magic, sizeof(lg->magic));
	lg->segment_bytes = opts->segment_bytes;
	lg->max_bytes = opts->max_bytes;
	lg->ordered = opts->ordered;
	lg->snapshot = opts->snapshot;
	lg->arg = opts->arg;
	lg->dir = strdup(opts->dir);
	if (lg->dir == NULL) {
		err_nomem(err);
		goto out;
	}
	if (dir_open(lg, err) < 0 || log_scan(lg, each, err) < 0)
		goto out;
	lg->durable_record = lg->next_record;
	if (lg->cur.fd >= 0)
		lg->durable = (struct seg_pos){ lg->cur.number, lg->files[lg->n_files - 1].end };
	else
		lg->durable = (struct seg_pos){ lg->next_file, SEGFILE_HEAD };
	/* What was found may still be in the page cache only: a reader must not act on records that
	 * a power loss could take back. */
	if (lg->cur.fd >= 0 && fdatasync(lg->cur.fd) < 0) {
		log_fail(lg, "sync", lg->cur.number, err);
		goto out;
	}
	*ret = lg;
	lg = NULL;
	r = 0;
out:
	if (lg != NULL) {
		lg->broken = true; /* nothing to sync */
		seglog_close(lg);
	}
	return r;
}

/* Parts one behind the other at `at`, over short writes. -1 with errno. */
static int write_parts(int fd, struct iovec *v, int n, uint64_t at)
{
	while (n > 0) {
		ssize_t k = pwritev(fd, v, n, (off_t)at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		at += (uint64_t)k;
		for (; n > 0 && (size_t)k >= v->iov_len; n--, v++)
			k -= (ssize_t)v->iov_len;
		if (n > 0) {
			v->iov_base = (char *)v->iov_base + k;
			v->iov_len -= (size_t)k;
		}
	}
	return 0;
}

/* What a record of file f is written from: head, which is filled, parts and zeros. Returns how many
 * of v, at most n + 2. */
static int record_parts(const struct segfile *f, uint8_t kind, uint64_t number, uint32_t unsynced,
			const struct slice *parts, size_t n, uint8_t head[SEGFILE_RECORD],
			struct iovec *v)
{
	static const char zeros[8];
	uint64_t len = 0, room;
	int k = 0;

	segfile_record_make(f, kind, number, unsynced, parts, n, head);
	v[k++] = (struct iovec){ head, SEGFILE_RECORD };
	for (size_t i = 0; i < n; i++) {
		len += parts[i].n;
		if (parts[i].n > 0)
			v[k++] = (struct iovec){ (void *)(uintptr_t)parts[i].p, parts[i].n };
	}
	room = segfile_room(len);
	if (room > SEGFILE_RECORD + len)
		v[k++] = (struct iovec){ (void *)(uintptr_t)zeros, room - SEGFILE_RECORD - len };
	return k;
}

/* One record at `at` of file f. Returns its room, or 0 with errno. */
static uint64_t write_record(const struct segfile *f, uint64_t at, uint8_t kind, uint64_t number,
			     uint32_t unsynced, const struct slice *parts, size_t n)
{
	uint8_t head[SEGFILE_RECORD];
	struct iovec v[PARTS_MAX + 2];
	uint64_t len = 0;
	int k = record_parts(f, kind, number, unsynced, parts, n, head, v);

	for (size_t i = 0; i < n; i++)
		len += parts[i].n;
	return write_parts(f->fd, v, k, at) < 0 ? 0 : segfile_room(len);
}

/* The current file ends at `end` again, with zeros behind it. */
static int cut_back(struct seglog *lg, uint64_t end)
{
	struct stat st;

	if (fstat(lg->cur.fd, &st) < 0 || ftruncate(lg->cur.fd, (off_t)end) < 0)
		return -1;
	(void)log_reserve(lg->cur.fd, (uint64_t)st.st_size); /* else the next append tells */
	return 0;
}

/* What was appended since the last good sync is gone. */
static void take_back(struct seglog *lg)
{
	struct log_file *f = &lg->files[lg->n_files - 1];

	if (cut_back(lg, lg->durable.offset) < 0)
		return;
	pthread_mutex_lock(&lg->lock);
	lg->bytes -= f->end - lg->durable.offset;
	f->end = lg->durable.offset;
	pthread_mutex_unlock(&lg->lock);
	lg->next_record = lg->durable_record;
	lg->broken = false;
}

/* Makes the file f: `size` bytes preallocated, its header and snapshot on disk. *ret_end: behind
 * the snapshot.
 */
static int file_make(struct seglog *lg, struct segfile *f, uint64_t size, uint64_t *ret_end,
		     struct err *err)
{
	const struct slice snap = buf_view(&lg->snap);
	uint8_t head[SEGFILE_HEAD];
	char name[SEGFILE_NAME_MAX];
	uint64_t end = SEGFILE_HEAD, room;

	segfile_name(f->number, name);
	unlinkat(lg->dir_fd, name, 0); /* left over from a try that failed */
	f->fd = log_open_file(lg, f->number, O_RDWR | O_CREAT | O_EXCL);
	if (f->fd < 0 && errno == ENOENT) { /* the folder was removed */
		if (log_remake_dir(lg, err) < 0)
			return -1;
		f->fd = log_open_file(lg, f->number, O_RDWR | O_CREAT | O_EXCL);
	}
	if (f->fd < 0)
		return log_fail(lg, "create", f->number, err);
	segfile_head_make(f, lg->magic, head);
	if (log_reserve(f->fd, size) < 0 || pwrite_all(f->fd, head, sizeof(head), 0) < 0)
		goto fail;
	if (lg->snapshot != NULL) {
		room = write_record(f, end, SEG_SNAPSHOT, f->first_record, 0, &snap, 1);
		if (room == 0)
			goto fail;
		end += room;
	}
	if (fdatasync(f->fd) < 0 || fsync(lg->dir_fd) < 0)
		goto fail;
	*ret_end = end;
	return 0;
fail:
	log_fail(lg, "write", f->number, err);
	close(f->fd);
	unlinkat(lg->dir_fd, name, 0);
	return -1;
}

/* Bytes that a new file takes before its first record. Builds the snapshot. */
static int snapshot_make(struct seglog *lg, uint64_t *ret_bytes, struct err *err)
{
	buf_reset(&lg->snap);
	if (lg->snapshot != NULL)
		lg->snapshot(lg->arg, &lg->snap);
	if (lg->snap.failed)
		return err_nomem(err);
	*ret_bytes = SEGFILE_HEAD + (lg->snapshot != NULL ? segfile_room(lg->snap.n) : 0);
	return 0;
}

/* When it fails, the log stays broken until seglog_sync has told the owner. */
static int sync_cur(struct seglog *lg, struct err *err)
{
	const struct log_file *f = lg->n_files > 0 ? &lg->files[lg->n_files - 1] : NULL;

	if (lg->cur.fd < 0)
		return 0;
	if (log_remake(lg, err) < 0) {
		lg->broken = true;
		return -1;
	}
	if (f->end == lg->durable.offset)
		return 0;
	if (fdatasync(lg->cur.fd) < 0) {
		lg->broken = true;
		return log_fail(lg, "sync", lg->cur.number, err);
	}
	lg->durable_record = lg->next_record;
	pthread_mutex_lock(&lg->lock);
	lg->durable.offset = f->end;
	pthread_mutex_unlock(&lg->lock);
	return 0;
}

/* A disk without room for a whole file still gets one's head, into what was kept behind the last
 * record: a file that says where things stand, so that the one before goes once nothing of it is
 * held. Else a log that is acknowledged, but in its last file, would wait for room for ever. */
static int file_begin(struct seglog *lg, struct segfile *f, uint64_t head, uint64_t size,
		      uint64_t *ret_end, struct err *err)
{
	struct err why = { 0 };
	int r = file_make(lg, f, size, ret_end, &why);

	lg->unreserved = r < 0;
	if (r < 0 && why.code == ERR_FULL && lg->snapshot != NULL) {
		if (lg->cur.fd >= 0 &&
		    ftruncate(lg->cur.fd, (off_t)lg->files[lg->n_files - 1].end) < 0)
			errno = 0; /* then there may be room yet */
		r = file_make(lg, f, head, ret_end, &why);
	}
	if (r < 0 && err != NULL)
		*err = why;
	return r;
}

/* Ends the current file and begins the next, with room for a record of `need`. */
static int roll(struct seglog *lg, uint64_t head, uint64_t need, struct err *err)
{
	struct segfile f = { .fd = -1,
			     .version = lg->ordered ? 2 : 1,
			     .number = lg->next_file,
			     .first_record = lg->next_record };
	uint64_t size = head + need > lg->segment_bytes ? head + need : lg->segment_bytes, end = 0;

	if (sync_cur(lg, err) < 0)
		return -1;
	random_bytes(f.salt, sizeof(f.salt));
	pthread_mutex_lock(&lg->lock);
	if (log_files_add(lg, f.number, 0, err) < 0) {
		pthread_mutex_unlock(&lg->lock);
		return -1;
	}
	lg->n_files--; /* room is certain; it joins the list once it is real */
	pthread_mutex_unlock(&lg->lock);
	if (file_begin(lg, &f, head, size, &end, err) < 0)
		return -1;
	if (lg->cur.fd >= 0) {
		/* Only tidiness: zeros behind the last record are understood everywhere. */
		if (ftruncate(lg->cur.fd, (off_t)lg->files[lg->n_files - 1].end) < 0)
			errno = 0;
	}
	lg->next_file++;
	lg->next_record += lg->snapshot != NULL;
	lg->durable_record = lg->next_record;
	pthread_mutex_lock(&lg->lock);
	if (lg->cur.fd >= 0)
		close(lg->cur.fd);
	lg->cur = f;
	lg->files[lg->n_files++] = (struct log_file){ .number = f.number, .end = end };
	lg->bytes += end;
	lg->durable = (struct seg_pos){ f.number, end };
	pthread_mutex_unlock(&lg->lock);
	return 0;
}

static bool fits(const struct seglog *lg, uint64_t room)
{
	uint64_t next = lg->segment_bytes / 16, most = lg->segment_bytes;

	if (lg->snapshot != NULL && next >= NEXT_ROOM_MIN)
		most -= next < NEXT_ROOM ? next : NEXT_ROOM;
	return lg->cur.fd >= 0 && lg->files[lg->n_files - 1].end + room <= most;
}

bool seglog_rolls(const struct seglog *lg, uint64_t payload_bytes)
{
	return !fits(lg, segfile_room(payload_bytes));
}

static int full(const struct seglog *lg, struct err *err)
{
	return err_set(err, ERR_FULL, "%s holds %" PRIu64 " of at most %" PRIu64 " bytes", lg->dir,
		       lg->bytes, lg->max_bytes);
}

/* A write at the end of the current file failed. */
static int not_written(struct seglog *lg, struct err *err)
{
	log_fail(lg, "write", lg->cur.number, err);
	if (cut_back(lg, lg->files[lg->n_files - 1].end) < 0)
		lg->broken = true;
	return -1;
}

static void written(struct seglog *lg, size_t records, uint64_t bytes)
{
	lg->next_record += records;
	pthread_mutex_lock(&lg->lock);
	lg->files[lg->n_files - 1].end += bytes;
	lg->bytes += bytes;
	pthread_mutex_unlock(&lg->lock);
}

static uint32_t unsynced_before(const struct seglog *lg, uint64_t number)
{
	return lg->ordered ? (uint32_t)(number - lg->durable_record) : 0;
}

int seglog_append(struct seglog *lg, uint8_t kind, const struct slice *parts, size_t n,
		  struct seg_pos *ret_pos, struct err *err)
{
	uint64_t len = 0, head = 0, room;
	struct log_file *f;

	for (size_t i = 0; i < n; i++)
		len += parts[i].n;
	if (n > PARTS_MAX || len > SEGFILE_PAYLOAD_MAX)
		return err_set(err, ERR_USAGE, "a record of %" PRIu64 " bytes is too long", len);
	if (lg->broken)
		return err_set(err, ERR_IO, "%s: an earlier sync failed", lg->dir);
	room = segfile_room(len);
	if (lg->max_bytes > 0 && lg->bytes + room > lg->max_bytes)
		return full(lg, err);
	if (!fits(lg, room)) {
		if (snapshot_make(lg, &head, err) < 0)
			return -1;
		if (lg->max_bytes > 0 && lg->bytes + head + room > lg->max_bytes)
			return full(lg, err);
		if (roll(lg, head, room, err) < 0)
			return -1;
	}
	f = &lg->files[lg->n_files - 1];
	if (write_record(&lg->cur, f->end, kind, lg->next_record,
			 unsynced_before(lg, lg->next_record), parts, n) == 0)
		return not_written(lg, err);
	if (ret_pos != NULL)
		*ret_pos = (struct seg_pos){ f->number, f->end };
	written(lg, 1, room);
	return 0;
}

/* The first of them, as many as the current file and the log have room for, in one write. Returns
 * how many, or -1. 0: seglog_append must make room for the first, or tell why it cannot. */
static ssize_t append_group(struct seglog *lg, uint8_t kind, const struct slice *payloads, size_t n,
			    struct err *err)
{
	uint8_t heads[GROUP_MAX][SEGFILE_RECORD];
	struct iovec v[GROUP_MAX * 3];
	uint64_t bytes = 0;
	size_t k = 0;
	int parts = 0;

	for (; k < n && k < GROUP_MAX && !lg->broken; k++) {
		uint64_t more = bytes + segfile_room(payloads[k].n);

		if (payloads[k].n > SEGFILE_PAYLOAD_MAX || !fits(lg, more) ||
		    (lg->max_bytes > 0 && lg->bytes + more > lg->max_bytes))
			break;
		bytes = more;
		parts += record_parts(&lg->cur, kind, lg->next_record + k,
				      unsynced_before(lg, lg->next_record + k), &payloads[k], 1,
				      heads[k], v + parts);
	}
	if (k == 0)
		return 0;
	if (write_parts(lg->cur.fd, v, parts, lg->files[lg->n_files - 1].end) < 0)
		return not_written(lg, err);
	written(lg, k, bytes);
	return (ssize_t)k;
}

int seglog_append_all(struct seglog *lg, uint8_t kind, const struct slice *payloads, size_t n,
		      struct err *err)
{
	while (n > 0) {
		ssize_t k = append_group(lg, kind, payloads, n, err);

		if (k == 0)
			k = seglog_append(lg, kind, payloads, 1, NULL, err) < 0 ? -1 : 1;
		if (k < 0)
			return -1;
		payloads += k;
		n -= (size_t)k;
	}
	return 0;
}

int seglog_sync(struct seglog *lg, struct err *err)
{
	if (lg->broken)
		err_set(err, ERR_IO, "%s: what was written since the last sync is taken back",
			lg->dir);
	else if (sync_cur(lg, err) == 0)
		return 0;
	if (lg->cur.fd >= 0)
		take_back(lg); /* tried again by the next sync when the disk refuses */
	return -1;
}

/* The current file had no room as it was begun; now there may be some. */
static void reserve_late(struct seglog *lg)
{
	if (lg->cur.fd >= 0 && lg->files[lg->n_files - 1].end < lg->segment_bytes)
		lg->unreserved = log_reserve(lg->cur.fd, lg->segment_bytes) < 0;
}

int seglog_drop_before(struct seglog *lg, struct seg_pos pos, struct err *err)
{
	char name[SEGFILE_NAME_MAX];
	size_t n = 0;
	int r = 0;

	pthread_mutex_lock(&lg->lock);
	if (lg->dropping < pos.file)
		lg->dropping = pos.file;
	pthread_mutex_unlock(&lg->lock);
	/* The last file stays even if it is not written to any more: it has the newest snapshot. */
	for (; n + 1 < lg->n_files && lg->files[n].number < pos.file; n++) {
		segfile_name(lg->files[n].number, name);
		if (unlinkat(lg->dir_fd, name, 0) < 0 && errno != ENOENT) {
			r = log_fail(lg, "remove", lg->files[n].number, err);
			break;
		}
	}
	if (n == 0)
		return r;
	pthread_mutex_lock(&lg->lock);
	for (size_t i = 0; i < n; i++)
		lg->bytes -= lg->files[i].end;
	memmove(lg->files, lg->files + n, (lg->n_files - n) * sizeof(lg->files[0]));
	lg->n_files -= n;
	pthread_mutex_unlock(&lg->lock);
	if (lg->unreserved)
		reserve_late(lg);
	return r;
}

void seglog_close(struct seglog *lg)
{
	if (lg == NULL)
		return;
	if (!lg->broken)
		(void)seglog_sync(lg, NULL);
	if (lg->cur.fd >= 0)
		close(lg->cur.fd);
	if (lg->lock_fd >= 0)
		close(lg->lock_fd); /* and with it the lock */
	if (lg->dir_fd >= 0)
		close(lg->dir_fd);
	buf_release(&lg->snap);
	pthread_mutex_destroy(&lg->lock);
	free(lg->files);
	free(lg->dir);
	free(lg);
}

uint64_t seglog_torn_bytes(const struct seglog *lg)
{
	return lg->torn;
}

uint64_t seglog_damaged(const struct seglog *lg)
{
	return lg->damaged;
}

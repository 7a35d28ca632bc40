/* SPDX-License-Identifier: EUPL-1.2 */
/* common/store/open.c: finds the files of a log, reads them from the oldest on, and tells a torn
 * tail (nothing sound behind it: cut) from damage inside (skipped and counted). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/store/log.h"

static int by_number(const void *a, const void *b)
{
	const struct log_file *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int list_files(struct seglog *lg, struct err *err)
{
	int fd = openat(lg->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = -1;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	uint64_t number;

	if (d == NULL) {
		err_set(err, ERR_IO, "cannot list %s: %s", lg->dir, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((e = readdir(d)) != NULL)
		if (segfile_number(e->d_name, &number) && log_files_add(lg, number, 0, err) < 0)
			goto out;
	if (lg->n_files > 0)
		qsort(lg->files, lg->n_files, sizeof(lg->files[0]), by_number);
	r = 0;
out:
	closedir(d);
	return r;
}

/* How many bytes from `at` on are not just preallocated zeros. */
static uint64_t written_behind(int fd, uint64_t at)
{
	uint64_t last = at;
	char chunk[4096];
	ssize_t n;

	for (uint64_t i = at; (n = pread_all(fd, chunk, sizeof(chunk), (off_t)i)) > 0;
	     i += (uint64_t)n)
		for (ssize_t k = 0; k < n; k++)
			if (chunk[k] != 0)
				last = i + (uint64_t)k + 1;
	return last - at;
}

struct scan { /* of one file */
	struct segfile f;
	uint64_t size, at;
	bool last;
};

/* Was record `bad` on disk for certain before it became unreadable? A record that was written after
 * its sync says so. From the sound record at `at` on. 1 yes, 0 no, -1 *err. */
static int was_synced(const struct scan *sc, uint64_t bad, uint64_t at, struct buf *mem,
		      struct err *err)
{
	struct seg_record rec;
	uint64_t number;

	for (;;) {
		enum segfile_result r = segfile_read(&sc->f, at, sc->size, mem, &rec, &number, err);

		if (r == SEGFILE_RECORD_OK && number - rec.unsynced > bad)
			return 1;
		if (r == SEGFILE_RECORD_OK)
			at = rec.next.offset;
		else if (r == SEGFILE_BAD)
			r = segfile_resync(&sc->f, at, sc->size, mem, &at, err);
		if (r != SEGFILE_RECORD_OK)
			return r == SEGFILE_ERROR ? -1 : 0;
	}
}

/* Behind a bad record: on to the next sound one (1), or the end of what counts (0). */
static int scan_bad(struct seglog *lg, struct scan *sc, struct buf *mem, struct err *err)
{
	uint64_t next = sc->size;
	int r = 1;

	switch (segfile_resync(&sc->f, sc->at, sc->size, mem, &next, err)) {
	case SEGFILE_RECORD_OK:
		if (sc->last && lg->ordered)
			r = was_synced(sc, lg->next_record, next, mem, err);
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		log_damage(lg, sc->f.number, sc->at, next);
		sc->at = next;
		return 1;
	case SEGFILE_ERROR:
		return -1;
	default:
		break;
	}
	if (sc->last) {
		lg->torn += written_behind(sc->f.fd, sc->at);
	} else {
		log_damage(lg, sc->f.number, sc->at, sc->size);
		lg->scan.told = true;
		sc->at = sc->size; /* kept, so that a reader reports it too */
	}
	return 0;
}

static int scan_records(struct seglog *lg, struct scan *sc,
			int (*each)(void *arg, const struct seg_record *rec, struct err *err),
			struct buf *mem, struct err *err)
{
	struct seg_record rec;
	uint64_t number;

	for (;;) {
		int r;

		switch (segfile_read(&sc->f, sc->at, sc->size, mem, &rec, &number, err)) {
		case SEGFILE_RECORD_OK:
			if (each != NULL && each(lg->arg, &rec, err) < 0)
				return -1;
			if (number >= lg->next_record)
				lg->next_record = number + 1;
			sc->at = rec.next.offset;
			continue;
		case SEGFILE_BAD:
			r = scan_bad(lg, sc, mem, err);
			if (r > 0)
				continue;
			return r;
		case SEGFILE_ERROR:
			return -1;
		default:
			return 0;
		}
	}
}

/* The last file goes on being written: zeros from its end on, as much as a new file would have. */
static int take_over(struct seglog *lg, const struct scan *sc, struct err *err)
{
	uint64_t size = sc->size > lg->segment_bytes ? sc->size : lg->segment_bytes;

	if (written_behind(sc->f.fd, sc->at) > 0) {
		if (ftruncate(sc->f.fd, (off_t)sc->at) < 0 || fdatasync(sc->f.fd) < 0)
			return log_fail(lg, "cut the torn tail of", sc->f.number, err);
	}
	/* Records there could not say what was unsynced: the next one begins a file. */
	if (lg->ordered && sc->f.version < 2)
		return fdatasync(sc->f.fd) < 0 ? log_fail(lg, "sync", sc->f.number, err) : 0;
	/* A full disk is no reason not to start: appending will say so when it matters. */
	lg->unreserved = log_reserve(sc->f.fd, size) < 0;
	lg->cur = sc->f;
	lg->cur.ahead = NULL;
	return 0;
}

/* A file whose creation was cut is the last one, begun while the one before it was there. Any other
 * that is empty is not as we left it. */
static bool is_unborn(const struct seglog *lg, size_t i)
{
	return i + 1 == lg->n_files && (i > 0 ? !lg->files[i - 1].lost : lg->files[i].number == 1);
}

static int lost_file(struct seglog *lg, size_t i)
{
	lg->files[i].lost = lg->scan.told = true;
	log_damage(lg, lg->files[i].number, SEGFILE_HEAD, SEGFILE_HEAD);
	return 1;
}

/* A cut one holds nothing that was ever promised. */
static int remove_unborn(struct seglog *lg, size_t i, struct err *err)
{
	char name[SEGFILE_NAME_MAX];

	segfile_name(lg->files[i].number, name);
	if (unlinkat(lg->dir_fd, name, 0) < 0)
		return log_fail(lg, "remove the unfinished", lg->files[i].number, err);
	memmove(lg->files + i, lg->files + i + 1, (lg->n_files - i - 1) * sizeof(lg->files[0]));
	lg->n_files--;
	return 0;
}

/* How many records lie between the last sound one and the first of f; then on with f. */
static void scan_begin(struct seglog *lg, const struct segfile *f)
{
	lg->scan.gap = 0;
	if (!lg->scan.any)
		lg->scan.first = f->first_record;
	else if (f->first_record > lg->next_record)
		lg->scan.gap = f->first_record - lg->next_record;
	if (f->first_record > lg->next_record)
		lg->next_record = f->first_record;
	lg->scan.any = true;
	lg->scan.told = false;
}

/* Records are missing before file i: in a file that is not there or at the end of the one before,
 * which is then given 8 bytes more, so that readers come across it. told: it is counted already.
 * The number of files put into the list before i; -1 *err. */
static int scan_gap(struct seglog *lg, size_t i, bool told, struct err *err)
{
	struct log_file *before = &lg->files[i - 1];
	const uint64_t gap = lg->scan.gap;

	lg->scan.gap = 0;
	before->records = gap;
	if (told)
		return 0;
	if (lg->files[i].number > before->number + 1) {
		before->records = 0;
		if (log_files_lost(lg, i, before->number + 1, err) < 0)
			return -1;
		lg->files[i].records = gap;
		return 1;
	}
	log_damage(lg, before->number, before->end, before->end);
	before->end += 8;
	lg->bytes += 8;
	return 0;
}

/* 1: the file stays in the list; 0: it was removed. */
static int scan_file(struct seglog *lg, size_t i,
		     int (*each)(void *arg, const struct seg_record *rec, struct err *err),
		     struct buf *mem, struct segahead *ahead, struct err *err)
{
	struct scan sc = { .last = i + 1 == lg->n_files, .at = SEGFILE_HEAD };
	char name[SEGFILE_NAME_MAX], path[256];
	struct stat st;
	int r = -1;

	sc.f.number = lg->files[i].number;
	sc.f.ahead = ahead;
	segfile_name(sc.f.number, name);
	snprintf(path, sizeof(path), "%s/%s", lg->dir, name);
	sc.f.fd = log_open_file(lg, sc.f.number, O_RDWR);
	if (sc.f.fd < 0 && (errno == EISDIR || errno == ELOOP)) {
		err_set(err, ERR_IO,
			"%s is a %s, not a file of Vartio: move it away and start again", path,
			errno == EISDIR ? "folder" : "symbolic link");
		goto out;
	}
	if (sc.f.fd < 0 || fstat(sc.f.fd, &st) < 0) {
		log_fail(lg, "open", sc.f.number, err);
		goto out;
	}
	sc.size = (uint64_t)st.st_size;
	switch (segfile_head_read(&sc.f, lg->magic, path, err)) {
	case SEGFILE_RECORD_OK:
		break;
	case SEGFILE_END:
		if (!is_unborn(lg, i)) {
			r = lost_file(lg, i);
			goto out;
		}
		lg->torn += sc.last ? written_behind(sc.f.fd, 0) : 0;
		r = remove_unborn(lg, i, err);
		goto out;
	case SEGFILE_BAD: /* without its salt no record can be told from noise */
		log_damage(lg, sc.f.number, 0, sc.size);
		lg->scan.told = true;
		lg->files[i].end = sc.size;
		r = 1;
		goto out;
	default:
		goto out;
	}
	scan_begin(lg, &sc.f);
	if (scan_records(lg, &sc, each, mem, err) < 0)
		goto out;
	if (sc.last && take_over(lg, &sc, err) < 0)
		goto out;
	if (lg->cur.fd >= 0)
		sc.f.fd = -1; /* the log's from here */
	lg->files[i].end = sc.at;
	r = 1;
out:
	if (sc.f.fd >= 0)
		close(sc.f.fd);
	return r;
}

int log_scan(struct seglog *lg,
	     int (*each)(void *arg, const struct seg_record *rec, struct err *err), struct err *err)
{
	struct buf mem = { 0 };
	struct segahead ahead = { 0 };
	int r = list_files(lg, err);

	lg->next_record = 1;
	lg->next_file = lg->n_files > 0 ? lg->files[lg->n_files - 1].number + 1 : 1;
	for (size_t i = 0; i < lg->n_files && r == 0;) {
		bool told = lg->scan.told;
		int kept, more = 0;

		lg->scan.gap = 0;
		kept = scan_file(lg, i, each, &mem, &ahead, err);
		if (kept > 0 && lg->scan.gap > 0)
			more = scan_gap(lg, i, told, err);
		r = kept < 0 || more < 0 ? -1 : 0;
		if (r == 0 && kept > 0) {
			i += (size_t)more;
			lg->bytes += lg->files[i++].end;
		}
	}
	buf_release(&mem);
	buf_release(&ahead.mem);
	return r;
}

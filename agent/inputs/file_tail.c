/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/file_tail.c: one file: open it, read a bounded piece, make records of its lines.
 * No unfinished line is kept in memory: reading starts again at its first byte, so the place in
 * the file is all the state there is, a full spool included. */
#include "agent/inputs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/time.h"

bool tail_matches(const struct tail *t, int fd)
{
	const struct file_print *print = &t->print;
	const uint64_t offset = t->offset;
	char head[FILE_HEAD_MAX], last = '\n';
	struct stat st;

	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size < offset)
		return false;
	if (pread_all(fd, head, print->n, (off_t)print->base) != (ssize_t)print->n ||
	    print_hash(head, print->n) != print->hash)
		return false;
	if (!t->mid && !t->skip && offset > print->base &&
	    (pread_all(fd, &last, 1, (off_t)offset - 1) != 1 || last != '\n'))
		return false;
	return end_is_in(&t->end, fd);
}

static void unreadable(struct tail *t, const char *path, int error)
{
	struct err err;

	t->dirty = false; /* each poll asks again */
	if (error == ENOENT || error == ELOOP || error == ESTALE)
		return; /* on its way elsewhere: the scan sees to it */
	if (t->warned) {
		metric_add(&t->fs->in->stats.errors, 1);
		return;
	}
	t->warned = true;
	input_unreadable(path, error, &err);
	files_warn(t->fs, &err);
}

static void read_head(struct tail *t)
{
	ssize_t n = pread_all(t->fd, t->head, FILE_HEAD_MAX, (off_t)t->print.base);

	t->head_n = n > 0 ? (size_t)n : 0;
}

enum tail_opened tail_open(struct tail *t)
{
	return tail_open_at(t, t->path);
}

enum tail_opened tail_open_at(struct tail *t, const char *path)
{
	struct stat st;
	int error = ENOMEM;

	if (t->fd >= 0)
		return TAIL_OPEN;
	t->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (t->fd < 0) {
		unreadable(t, path, errno);
		return TAIL_UNREADABLE;
	}
	t->head = malloc(FILE_HEAD_MAX);
	if (t->head == NULL || fstat(t->fd, &st) < 0) {
		error = t->head == NULL ? ENOMEM : errno;
		tail_close(t);
		unreadable(t, path, error);
		return TAIL_UNREADABLE;
	}
	if (st.st_dev != t->dev || st.st_ino != t->ino) { /* replaced since the scan */
		tail_close(t);
		t->dirty = false;
		t->fs->scan_wanted = true;
		return TAIL_UNREADABLE;
	}
	t->warned = false;
	if (t->print.n > 0 && !tail_matches(t, t->fd))
		return TAIL_OTHER;
	read_head(t);
	return TAIL_OPEN;
}

void tail_close(struct tail *t)
{
	if (t->fd >= 0)
		close(t->fd);
	if (t->gz != NULL)
		gzclose(t->gz);
	t->fd = -1;
	t->gz = NULL;
	t->gz_at = 0;
	buf_release(&t->carry);
	free(t->head);
	t->head = NULL;
	t->head_n = 0;
}

/* The fingerprint grows with what has been read, until it covers FILE_HEAD_MAX bytes. */
static void grow_print(struct tail *t, uint64_t offset)
{
	uint64_t n = offset - t->print.base;

	if (t->print.n == FILE_HEAD_MAX || t->gz != NULL || t->fd < 0)
		return;
	n = n < FILE_HEAD_MAX ? n : FILE_HEAD_MAX;
	if (t->head_n < n)
		read_head(t);
	n = n < t->head_n ? n : t->head_n;
	if (n <= t->print.n)
		return;
	t->print.n = (uint32_t)n;
	t->print.hash = print_hash(t->head, n);
}

/* One record, whose place afterwards is offset. An empty place removes the checkpoint. */
static int emit(struct tail *t, struct slice line, bool cut, uint64_t offset, bool skip, bool mid,
		bool last)
{
	struct files *fs = t->fs;
	struct norm_source src = input_source(fs->in, "log", fs->read_ns);
	struct slice place = { 0 };
	struct err err;

	src.path = slice_str(t->path);
	src.offset = t->offset;
	src.local = true;
	src.cut = cut;
	if (!last) {
		grow_print(t, offset);
		place = tail_place(t, offset, skip, mid, &fs->place);
		if (fs->place.text.failed) {
			fs->paused = fs->failing = true;
			return err_nomem(&fs->failure);
		}
	}
	if (input_record(fs->in, input_format(fs->conf->format), line, &src, files_key(fs, t->no),
			 place, &err) < 0) {
		fs->paused = true;
		if (err.code != ERR_FULL) {
			fs->failing = true;
			fs->failure = err;
		}
		return -1;
	}
	t->stored = !last;
	t->offset = offset;
	t->skip = skip;
	t->mid = mid;
	return 0;
}

static struct slice without_cr(struct slice line)
{
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* The lines of data, which begins at t->offset. Bytes used; fewer when the sink was full or the
 * last line has no end yet. */
static size_t take_lines(struct tail *t, struct slice data)
{
	size_t max = (size_t)t->fs->conf->max_line_bytes, at = 0;
	uint64_t start = t->offset;

	while (at < data.n && !t->fs->paused) {
		struct slice rest = slice_from(data, at), line;
		ssize_t nl = slice_chr(rest, '\n');
		size_t used = nl >= 0 ? (size_t)nl + 1 : rest.n;
		const struct file_end end = t->end;
		bool skip = t->skip, cut;

		if (nl < 0 && !skip && rest.n <= max + 1) /* CR LF may follow max bytes */
			break;
		line = without_cr((struct slice){ rest.p, nl >= 0 ? (size_t)nl : rest.n });
		if (skip || line.n == 0) {
			t->skip = skip && nl < 0;
			t->mid = t->mid && nl < 0;
			at += used;
			t->offset = start + at;
			continue;
		}
		cut = line.n > max;
		line.n = cut ? max : line.n;
		t->end = end_of((struct slice){ data.p, at + used }, start + at + used);
		if (emit(t, line, cut, start + at + used, cut && nl < 0, false, false) < 0) {
			t->end = end;
			break;
		}
		at += used;
	}
	return at;
}

/* NUL bytes in front are what a writer without O_APPEND leaves after copytruncate. false: there
 * is nothing but them yet. */
static bool skip_nuls(struct tail *t, size_t *budget)
{
	char piece[4096];
	off_t data = lseek(t->fd, (off_t)t->print.base, SEEK_DATA);
	ssize_t n = 0;

	if (data > (off_t)t->print.base)
		t->print.base = (uint64_t)data;
	while (*budget > 0) {
		ssize_t k = 0;

		n = pread(t->fd, piece, sizeof(piece), (off_t)t->print.base);
		if (n <= 0)
			break;
		while (k < n && piece[k] == '\0')
			k++;
		t->print.base += (uint64_t)k;
		if (k < n)
			break;
		*budget -= *budget < (size_t)n ? *budget : (size_t)n;
	}
	t->offset = t->print.base;
	if (n <= 0)
		t->dirty = false;
	else if (*budget > 0)
		read_head(t);
	return n > 0 && *budget > 0;
}

static void start_at_end(struct tail *t)
{
	char before[FILE_END_MAX];
	ssize_t n;

	read_head(t);
	t->from_end = false;
	if (t->size == 0)
		return;
	t->begun = true;
	t->offset = t->size;
	grow_print(t, t->offset);
	n = t->size < sizeof(before) ? (ssize_t)t->size : (ssize_t)sizeof(before);
	n = pread_all(t->fd, before, (size_t)n, (off_t)t->size - n);
	t->skip = n > 0 && before[n - 1] != '\n';
	if (n > 0)
		t->end = end_of((struct slice){ before, (size_t)n }, t->size);
	if (t->print.n > 0)
		tail_store(t);
}

static bool settle(struct tail *t, size_t *budget)
{
	if (t->from_end)
		start_at_end(t);
	if (t->begun)
		return true;
	if (t->size == 0) {
		t->dirty = false;
		return false;
	}
	if (!skip_nuls(t, budget))
		return false;
	if (rest_begin(t) == BEGIN_WAIT) {
		t->held = true;
		t->dirty = false;
		return false;
	}
	t->held = false;
	t->begun = true;
	return true;
}

/* It has not shrunk, and begins as before. */
static void told_differs(struct tail *t)
{
	struct err err;

	err_set(&err, ERR_SYNTAX,
		"%s begins as before and goes on differently: taken for a new log, and read "
		"from its beginning",
		t->path);
	files_warn(t->fs, &err);
}

/* Reads plain bytes at offset. -1: nothing to take lines from, now. */
static ssize_t fill_plain(struct tail *t, size_t *budget)
{
	char head[FILE_HEAD_MAX];
	struct stat st;
	ssize_t n;

	if (fstat(t->fd, &st) < 0) {
		unreadable(t, t->path, errno);
		return -1;
	}
	if ((uint64_t)st.st_size != t->size && t->state == TAIL_ROTATED)
		t->since_ms = uv_now(t->fs->in->loop);
	if ((uint64_t)st.st_size < t->offset) {
		rest_truncated(t); /* t->size still says what there was */
		return -1;
	}
	t->size = (uint64_t)st.st_size;
	t->mtime = st.st_mtim;
	if (!settle(t, budget))
		return -1;
	n = pread(t->fd, t->fs->buf, t->fs->buf_n, (off_t)t->offset);
	t->fs->read_ns = time_now_ns();
	/* Asked after the read, so that bytes of a new content are never taken for the old one's;
	 * and at the end too, since a new content may be just as long. */
	if (n >= 0 && t->print.n > 0 &&
	    (pread_all(t->fd, head, t->print.n, (off_t)t->print.base) != (ssize_t)t->print.n ||
	     memcmp(head, t->head, t->print.n) != 0)) {
		rest_truncated(t);
		return -1;
	}
	if (n >= 0 && !end_is_in(&t->end, t->fd)) {
		told_differs(t);
		rest_truncated(t);
		return -1;
	}
	if (n < 0)
		unreadable(t, t->path, errno);
	else if (n == 0)
		t->dirty = false;
	return n > 0 ? n : -1;
}

static void gz_broken(struct tail *t)
{
	struct err err;
	bool again = t->warned;

	err_set(&err, ERR_SYNTAX, "%s: the compressed file with its rest ends early or is damaged",
		t->path);
	t->warned = true;
	if (again)
		metric_add(&t->fs->in->stats.errors, 1);
	else
		files_warn(t->fs, &err);
	rest_lost(t); /* it may still be being written: looked for again */
}

/* Inflates one piece into carry, over what was taken before. 1 more may come, 0 end, -1 broken. */
static int fill_gz(struct tail *t, size_t *budget)
{
	struct files *fs = t->fs;
	size_t want = fs->buf_n;
	int n;

	if (t->gz_at < t->offset && t->offset - t->gz_at < want)
		want = (size_t)(t->offset - t->gz_at);
	else if (t->gz_at >= t->offset)
		want = t->carry.n < fs->buf_n ? fs->buf_n - t->carry.n : 0;
	n = want > 0 ? gzread(t->gz, fs->buf, (unsigned)want) : 1;
	fs->read_ns = time_now_ns();
	if (n < 0)
		return -1;
	if (n == 0) {
		int code = Z_OK;

		gzerror(t->gz, &code); /* a stream that ends early reads as an end with an error */
		return code == Z_OK ? 0 : -1;
	}
	if (want == 0)
		return 1;
	*budget -= *budget < (size_t)n ? *budget : (size_t)n;
	t->gz_at += (uint64_t)n;
	if (t->gz_at > t->offset)
		buf_put(&t->carry, fs->buf, (size_t)n);
	return t->carry.failed ? -1 : 1;
}

static void turn_gz(struct tail *t, size_t *budget)
{
	while (*budget > 0 && !t->fs->paused && t->gz != NULL) {
		int r = fill_gz(t, budget);

		if (r < 0) {
			gz_broken(t);
			return;
		}
		buf_eat(&t->carry, take_lines(t, buf_view(&t->carry)));
		if (r == 0 && !t->fs->paused) {
			tail_finish(t);
			return;
		}
	}
}

void tail_turn(struct tail *t, size_t *budget)
{
	if (t->gz != NULL) {
		turn_gz(t, budget);
		return;
	}
	t->read_ms = uv_now(t->fs->in->loop);
	if (t->fd < 0)
		switch (tail_open(t)) {
		case TAIL_UNREADABLE:
			return;
		case TAIL_OTHER:
			rest_truncated(t);
			break;
		case TAIL_OPEN:
			break;
		}
	while (t->dirty && *budget > 0 && !t->fs->paused && !t->dead && t->fd >= 0) {
		ssize_t n = fill_plain(t, budget);
		bool end = n > 0 && (size_t)n < t->fs->buf_n;
		size_t used;

		if (n < 0)
			continue; /* not dirty, no budget, or another content to begin with */
		used = take_lines(t, (struct slice){ t->fs->buf, (size_t)n });
		*budget -= *budget < used ? *budget : used;
		if (t->fs->paused || used == (size_t)n)
			continue;
		if (end || used == 0) /* what is left is a line without its end */
			t->dirty = false;
	}
	if (t->state == TAIL_ROTATED && !t->dirty)
		files_wake_held(t->fs);
}

bool tail_real_from_fd(struct tail *t)
{
	char link[64], path[4096];
	ssize_t n;
	char *real;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", t->fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	real = strdup(path);
	if (real == NULL)
		return false;
	free(t->real);
	t->real = real;
	return true;
}

bool tail_wanted(const struct tail *t)
{
	for (size_t i = 0; i < t->fs->n_tails; i++) {
		const struct tail *o = t->fs->tails[i];

		if (o != t && !o->dead && file_is_of(t, o->path) &&
		    (o->state == TAIL_ROTATED || o->state == TAIL_LOST || o->pending ||
		     (o->state == TAIL_PARKED && !o->done)))
			return true;
	}
	return false;
}

/* t was read to its end, perhaps after the next log was made: what came after that one was made
 * later than this. */
static void read_before(const struct tail *t)
{
	for (size_t i = 0; i < t->fs->n_tails; i++) {
		struct tail *o = t->fs->tails[i];

		if (o->dead || o->state != TAIL_LIVE || o->print.n > 0 || o->fd < 0 ||
		    strcmp(o->path, t->path) != 0 || !time_later(&t->mtime, &o->after))
			continue;
		o->after = t->mtime;
		if (o->stored)
			tail_store_unread(o);
	}
}

void tail_finish(struct tail *t)
{
	struct slice rest = { 0 };
	struct stat st = { 0 };
	bool gone, forget;

	t->fs->read_ns = time_now_ns();
	gone = t->gz != NULL ? gzdirect(t->gz) == 0 /* what is plain may still be written to */
			     : fstat(t->fd, &st) < 0 || st.st_nlink == 0;
	forget = gone && !t->pending && !tail_wanted(t);

	if (t->gz != NULL) {
		rest = buf_view(&t->carry);
	} else if (t->begun) {
		ssize_t n = pread_all(t->fd, t->fs->buf, t->fs->buf_n, (off_t)t->offset);

		rest = (struct slice){ t->fs->buf, n > 0 ? (size_t)n : 0 };
	}
	rest = slice_from(rest, take_lines(t, rest)); /* whole lines may have come just now */
	if (t->fs->paused)
		return; /* resume comes here again */
	if (!gone)
		tail_real_from_fd(t);
	t->done = !forget;
	if (rest.n > 0 && !t->skip) {
		uint64_t end = t->offset + rest.n;
		bool cut = rest.n > t->fs->conf->max_line_bytes;

		rest = without_cr(rest);
		rest.n = cut ? (size_t)t->fs->conf->max_line_bytes : rest.n;
		if (rest.n > 0 && emit(t, rest, cut, end, false, true, forget) < 0) {
			t->done = false;
			return;
		}
		t->offset = end; /* past a CR that is all there is */
		t->mid = true;
	}
	t->dirty = false;
	read_before(t);
	if (forget || (gone && t->print.n == 0)) {
		tail_forget(t);
		return;
	}
	if (gone)
		t->ino = 0; /* its inode may be another file's by now */
	t->state = TAIL_PARKED;
	if (t->print.n == 0)
		tail_store_unread(t);
	else
		tail_store(t);
	tail_close(t);
}

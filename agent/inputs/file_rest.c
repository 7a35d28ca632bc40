/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/file_rest.c: where the rest of a file went.
 * A rotation may rename a file, copy and truncate it, and compress it, all while the agent is not
 * running. What is left to find it again is the fingerprint of its first bytes: the rest is looked
 * for among the files of the same folder whose names rotation could have made from its name. The
 * other way round, a new file that begins with the bytes of one that is gone goes on at its place
 * (an editor's save, a copy that the globs match), so nothing is repeated. */
#include "agent/inputs/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/time.h"

#define HOLD_MS        10000u /* how long a copy in the making is waited for */
#define STRONG         256u   /* a fingerprint this long tells by itself */
#define CANDIDATES_MAX 1000u  /* names looked at in one folder */
#define QUIET_NS       (INT64_C(100) * NS_PER_MS)

static bool near(const struct tail *a, const struct tail *b)
{
	size_t n = file_dir(a->real);

	return n == file_dir(b->real) && memcmp(a->real, b->real, n) == 0 &&
	       file_siblings(file_base(a->real), file_base(b->real));
}

/* t goes on at o's place. Where o's bytes are gone, t takes its checkpoint over as well. */
static void take_place(struct tail *t, struct tail *o, bool over)
{
	t->print = o->print;
	t->end = o->end;
	t->offset = o->offset;
	t->skip = o->skip;
	t->mid = o->mid;
	t->begun = true;
	t->held = false;
	if (over) {
		char no[sizeof(t->no)];

		memcpy(no, t->no, sizeof(no));
		memcpy(t->no, o->no, sizeof(no));
		memcpy(o->no, no, sizeof(no));
		o->stored = t->stored;
		tail_close(o);
		tail_forget(o);
	}
	tail_store(t);
}

/* A sibling that begins as the live o does may be the copy of a copytruncate under way. What o is
 * like now is asked of the file, which may have been truncated since it was read. */
static bool copy_in_the_making(const struct tail *t, struct tail *o)
{
	size_t n = t->head_n < o->print.n ? t->head_n : o->print.n;
	struct stat st;

	if (o->fd < 0 || n > o->head_n || memcmp(t->head, o->head, n) != 0 || !near(t, o))
		return false;
	if (fstat(o->fd, &st) == 0 && (uint64_t)st.st_size != o->size)
		o->dirty = true;
	return o->dirty || t->size <= o->size;
}

static bool same_bytes(const struct tail *t, const struct tail *o)
{
	return (o->print.n >= STRONG || near(t, o)) && tail_matches(o, t->fd);
}

static bool unlinked(const struct tail *o)
{
	struct stat st;

	return o->fd < 0 || fstat(o->fd, &st) < 0 || st.st_nlink == 0;
}

enum rest_begin rest_begin(struct tail *t)
{
	struct files *fs = t->fs;
	uint64_t now = uv_now(fs->in->loop);
	bool wait = false;

	for (size_t i = 0; i < fs->n_tails; i++) {
		struct tail *o = fs->tails[i];
		bool in_place = o->was_dev == t->dev && o->was_ino == t->ino;

		if (o == t || o->dead || o->print.n == 0 || o->print.base != t->print.base)
			continue;
		/* A short line may well come again after a truncation; a long one would not. */
		if (o->state == TAIL_LOST && (!in_place || o->print.n >= STRONG) &&
		    same_bytes(t, o)) {
			take_place(t, o, true);
			return BEGIN_HERE;
		}
		if (o->state == TAIL_ROTATED && (unlinked(o) || strcmp(o->path, t->path) == 0) &&
		    same_bytes(t, o)) {
			if (!o->dirty) {
				take_place(t, o, unlinked(o));
				return BEGIN_HERE;
			}
			wait = true; /* it is read to its end first */
		}
		if (o->state == TAIL_LIVE && copy_in_the_making(t, o)) {
			if (!t->held)
				t->since_ms = now;
			wait = wait || now - t->since_ms < HOLD_MS;
		}
	}
	return wait ? BEGIN_WAIT : BEGIN_HERE;
}

/* Somebody has the inode of the file in fd. What was read to its end and closed may have lost it.
 */
static bool tracked(const struct files *fs, int fd, const struct stat *st)
{
	for (size_t i = 0; i < fs->n_tails; i++) {
		struct tail *t = fs->tails[i];

		if (t->dead || t->ino != st->st_ino || t->dev != st->st_dev)
			continue;
		if (t->state != TAIL_PARKED || !t->done || t->print.n == 0 || tail_matches(t, fd))
			return true;
		t->ino = 0;
	}
	return false;
}

static bool adopt_plain(struct tail *o, int fd, const struct stat *st)
{
	ssize_t n;

	if (o->print.n > 0 ? !tail_matches(o, fd) : !time_later(&st->st_mtim, &o->after))
		return false;
	o->head = malloc(FILE_HEAD_MAX);
	if (o->head == NULL)
		return false;
	o->fd = fd;
	n = pread_all(fd, o->head, o->print.n > 0 ? o->print.n : FILE_HEAD_MAX,
		      (off_t)o->print.base);
	o->head_n = n > 0 ? (size_t)n : 0;
	o->dev = st->st_dev;
	o->ino = st->st_ino;
	o->size = (uint64_t)st->st_size;
	o->lost_ms = 0;
	o->mtime = st->st_mtim;
	return true;
}

static bool adopt_gz(struct tail *o, int fd)
{
	gzFile gz = gzdopen(fd, "rb");
	bool ok = gz != NULL && gzdirect(gz) == 0 && print_is_in_gz(&o->print, gz) &&
		  end_is_in_gz(&o->end, gz);

	if (gz == NULL)
		close(fd);
	else if (!ok)
		gzclose(gz); /* closes fd */
	if (!ok)
		return false;
	o->gz = gz;
	o->gz_at = 0;
	return true;
}

enum pass { BY_INODE, BY_COPY, BY_GZ, PASSES };

/* One of which nothing was read is known by its inode alone, which a later generation may have by
 * now: where generations are told by their names, its time finds all that came after it. */
static bool by_inode_alone(const struct tail *o, const char *name)
{
	int64_t rank;

	return file_siblings(name, file_base(o->real)) && !file_compressed(name) &&
	       (!o->stored || !file_generation(file_log_name(o), name, &rank));
}

static bool candidate(const struct tail *o, const struct dirent *e, enum pass pass)
{
	if (pass == BY_INODE)
		return o->was_ino != 0 && e->d_ino == o->was_ino &&
		       (o->print.n > 0 || by_inode_alone(o, e->d_name));
	if (o->print.n == 0 || !file_siblings(e->d_name, file_base(o->real)))
		return false;
	return pass == BY_GZ ? slice_ends(slice_str(e->d_name), SLICE(".gz"))
			     : !file_compressed(e->d_name);
}

/* Opens and asks one candidate. true: o goes on in it. */
static bool try_one(struct tail *o, int dir, const char *name, enum pass pass)
{
	struct stat st;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);

	if (fd < 0)
		return false;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		goto no;
	if (pass == BY_GZ) {
		if (!adopt_gz(o, fd))
			return false;
		o->mtime = st.st_mtim;
		return true;
	}
	if (tracked(o->fs, fd, &st) || (pass == BY_INODE && st.st_dev != o->was_dev))
		goto no;
	if (adopt_plain(o, fd, &st))
		return true;
no:
	close(fd);
	return false;
}

bool file_dir_quiet(const struct stat *st)
{
	return time_now_ns() - time_ns_of(&st->st_mtim) >= QUIET_NS;
}

/* Has the folder changed since it was looked through in peace? That is now. */
static bool dir_changed(DIR *d, struct timespec *looked)
{
	struct stat st;

	if (fstat(dirfd(d), &st) < 0 || time_same(&st.st_mtim, looked))
		return false;
	*looked = file_dir_quiet(&st) ? st.st_mtim : (struct timespec){ 0 };
	return true;
}

static bool search_dir(struct tail *o, const char *dir, struct timespec *looked,
		       char found_name[256])
{
	unsigned seen = 0;
	DIR *d;
	bool found = false;

	d = opendir(dir);
	if (d == NULL || (!dir_changed(d, looked) && o->gz_at == 0))
		goto out;
	for (enum pass pass = BY_INODE; pass < PASSES && !found; pass++) {
		if (pass == BY_GZ && !o->fs->conf->compressed)
			break;
		rewinddir(d);
		for (struct dirent *e; !found && (e = readdir(d)) != NULL;)
			if (candidate(o, e, pass) && seen++ < CANDIDATES_MAX) {
				found = try_one(o, dirfd(d), e->d_name, pass);
				snprintf(found_name, 256, "%s", e->d_name);
			}
	}
out:
	if (d != NULL)
		closedir(d);
	return found;
}

static bool found_at(struct tail *o, const char *dir, const char *name)
{
	struct buf b = { 0 };
	char *real;

	buf_str(&b, dir);
	buf_chr(&b, '/');
	buf_str(&b, name);
	real = b.failed ? NULL : strdup(buf_cstr(&b));
	buf_release(&b);
	if (real == NULL)
		return false;
	free(o->real);
	o->real = real;
	return true;
}

/* The name in dir that leads to t's inode. */
static bool named_in(const struct tail *t, const char *dir, struct timespec *looked, char name[256])
{
	DIR *d = opendir(dir);
	bool found = false;
	struct stat st;

	if (d == NULL)
		return false;
	if (dir_changed(d, looked))
		for (struct dirent *e; !found && (e = readdir(d)) != NULL;) {
			found = e->d_ino == t->ino && fstatat(dirfd(d), e->d_name, &st, 0) == 0 &&
				st.st_dev == t->dev;
			snprintf(name, 256, "%s", e->d_name);
		}
	closedir(d);
	return found;
}

bool rest_renamed(struct tail *t)
{
	char dir[FILE_DIR_MAX], name[256];
	bool found = false;

	for (size_t i = 0; !found && t->ino != 0 && file_rotated_dir(t, i, dir); i++)
		found = named_in(t, dir, &t->looked[i], name) && found_at(t, dir, name);
	return found;
}

void rest_search(struct tail *o)
{
	char dir[FILE_DIR_MAX], name[256];
	bool found = false;

	for (size_t i = 0; !found && file_rotated_dir(o, i, dir); i++)
		found = search_dir(o, dir, &o->looked[i], name);
	if (!found) {
		if (o->pending)
			rest_missed(o); /* it may be gone for good, others came after it */
		if (o->print.n == 0 && o->stored && !o->pending)
			tail_forget(o); /* an inode alone does not tell for long */
		return;
	}
	o->state = TAIL_ROTATED;
	o->begun = true;
	o->dirty = true;
	o->since_ms = uv_now(o->fs->in->loop);
	found_at(o, dir, name);
	rest_missed(o);
	if (o->print.n > 0)
		tail_store(o); /* where it is from now on, so that nothing is looked for twice */
	files_wake(o->fs);
}

void rest_lost(struct tail *t)
{
	tail_close(t);
	t->dirty = t->held = t->done = false;
	if (t->print.n == 0 && t->ino == 0) { /* nothing is left to know it by */
		tail_forget(t);
		return;
	}
	t->state = TAIL_LOST;
	if (t->print.n == 0 && t->stored)
		t->mtime = t->after;
	if (t->lost_ms == 0)
		t->lost_ms = uv_now(t->fs->in->loop);
	if (t->ino != 0) {
		t->was_dev = t->dev;
		t->was_ino = t->ino;
	}
	t->dev = 0;
	t->ino = 0;
	memset(t->looked, 0, sizeof(t->looked));
	memset(t->settled, 0, sizeof(t->settled));
	t->pending = true;
}

void rest_truncated(struct tail *t)
{
	struct files *fs = t->fs;
	struct tail *o = t->print.n > 0 || t->stored ? tail_new(fs) : NULL;

	if (o != NULL && tail_set_path(o, t->path)) {
		char no[sizeof(t->no)];

		memcpy(no, o->no, sizeof(no));
		memcpy(o->no, t->no, sizeof(no));
		memcpy(t->no, no, sizeof(no));
		free(o->real);
		o->real = strdup(t->real);
		o->print = t->print;
		o->end = t->end;
		o->offset = t->offset;
		o->skip = t->skip;
		o->mid = t->mid;
		o->stored = t->stored;
		o->size = t->size;
		o->mtime = t->mtime;
		o->after = t->after;
		o->dev = t->dev;
		o->ino = t->ino;
		rest_lost(o);
	}
	t->print = (struct file_print){ 0 };
	t->end = (struct file_end){ 0 };
	t->offset = t->size = 0;
	t->skip = t->mid = t->begun = t->held = t->from_end = false;
	t->stored = t->stored && o == NULL; /* o has its checkpoint now */
	t->head_n = 0;
	t->dirty = true;
	/* What nothing was read of, a scan looks for when it has met all that the globs match. */
	if (o != NULL && o->real != NULL && !o->dead && o->print.n > 0)
		rest_search(o);
	files_wake_held(fs);
}

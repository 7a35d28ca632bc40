/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/file_missed.c: whole generations of a log that came and went while the agent was
 * stopped, or did not run for a while. A file that was being read is found again as
 * auth.log.3.gz: then auth.log.2.gz and auth.log.1 were never seen by anybody, and no glob names
 * them. They are read from their beginning, oldest first, between that rest and the log of today.
 * Both the numbers or dates in the names and the times of the files must say that they are newer,
 * and none of the places that are known may be one in them: what was read, or is about to be found
 * by its own fingerprint, is not read again.
 *
 * Rotation may be at work while we look: a name is given on, a plain file becomes a compressed one.
 * So a search counts only when the folder stayed as it was, and had been so for a while. Until then
 * the tail from which it starts is PENDING, a restart included, and each scan looks again; and
 * until the log of today has a place of its own, from which a later search could start. */
#include "agent/inputs/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/time.h"

#define DIGITS 18u /* of the numbers in a name, that count */
#define TRIES  3u  /* in one scan, when the folder changes meanwhile */
/* A damaged .gz, or a copy of a log, is looked at again as long as it may be in the making. */
#define BEING_MADE_NS (60 * NS_PER_SEC)
#define ALIKE_MAX     ((size_t)1 << 20) /* bytes that are compared: more than any banner has */
/* Between what is told of a file's last change and what was read: a line may come in between. */
#define CHANGE_NS NS_PER_SEC

struct missed {
	char name[256];
	int64_t rank;
	struct stat st;
	bool odd; /* compressed by something that we do not read */
};

struct generations { /* all that a folder has of one log */
	struct missed *v;
	size_t n, cap;
};

enum begun { BEGUN, KNOWN, UNDECIDED /* ask again */ };

/* Digits with separators between them, one at least. The value of the first DIGITS, which tell a
 * date and a time of day or of the epoch; or -1. */
static int64_t numbers(struct slice s)
{
	int64_t v = 0;
	unsigned n = 0;

	if (s.n < 2 || (s.p[0] != '.' && s.p[0] != '-' && s.p[0] != '_'))
		return -1;
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] >= '0' && s.p[i] <= '9') {
			v = n < DIGITS ? v * 10 + (s.p[i] - '0') : v;
			n++;
		} else if (strchr(".-_", s.p[i]) == NULL) {
			return -1;
		}
	}
	return n > 0 ? v : -1;
}

/* How new a name is among those that rotation makes of base: larger is newer. auth.log.2 comes
 * before auth.log.1, auth-20261122.log before auth-20261123.log. false: not such a name. */
bool file_generation(const char *base, const char *name, int64_t *ret)
{
	struct slice s = slice_str(name), b = slice_str(base), ext;
	const char *dot = strrchr(base, '.');
	int64_t v;

	if (slice_ends(s, SLICE(".gz")))
		s.n -= 3;
	ext = slice_str(dot != NULL && dot != base ? dot : "");
	if (slice_starts(s, b)) {
		v = numbers(slice_from(s, b.n));
	} else {
		b.n -= ext.n;
		if (ext.n == 0 || s.n < b.n + ext.n || !slice_starts(s, b) || !slice_ends(s, ext))
			return false;
		v = numbers((struct slice){ s.p + b.n, s.n - b.n - ext.n });
	}
	if (v < 0)
		return false;
	*ret = v >= 19000101 ? v : -v;
	return true;
}

bool file_is_of(const struct tail *t, const char *log)
{
	size_t n = file_dir(log);
	int64_t rank;

	return strcmp(t->path, log) == 0 ||
	       (n == file_dir(t->path) && memcmp(t->path, log, n) == 0 &&
		file_generation(file_base(log), file_base(t->path), &rank));
}

/* Names move on while files are read, so they do not tell. An inode does not where its tail was not
 * met since the start: another file may have it now. */
static bool known(const struct tail *from, const struct stat *st)
{
	for (size_t i = 0; i < from->fs->n_tails; i++) {
		const struct tail *t = from->fs->tails[i];
		bool unmet = t->state == TAIL_PARKED && t->seen != t->fs->scan && t->print.n > 0 &&
			     strcmp(t->path, from->path) == 0;

		if (!t->dead && t->ino == st->st_ino && t->dev == st->st_dev && !unmet)
			return true;
	}
	return false;
}

/* The oldest first; of one generation the plain file. */
static int by_rank(const void *a, const void *b)
{
	const struct missed *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int open_one(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
}

/* Its first bytes, through zlib, which reads plain files too; hole: what it is known to begin
 * after. NUL bytes in front are passed over: how many is a part of what it is known by. */
static bool fingerprint(struct tail *t, uint64_t hole)
{
	uint64_t at = hole;
	int n, nuls;

	if (gzseek(t->gz, (z_off_t)hole, SEEK_SET) < 0)
		return false;
	do {
		n = gzread(t->gz, t->head, FILE_HEAD_MAX);
		for (nuls = 0; nuls < n && t->head[nuls] == '\0'; nuls++)
			;
		at += (uint64_t)nuls;
	} while (n > 0 && nuls == n && at - hole <= FILE_NULS_MAX);
	if (n <= nuls || (gzdirect(t->gz) != 0 && file_compressed(t->real)) ||
	    gzseek(t->gz, (z_off_t)at, SEEK_SET) < 0)
		return false;
	n = gzread(t->gz, t->head, FILE_HEAD_MAX);
	if (n <= 0 || gzrewind(t->gz) < 0)
		return false;
	t->offset = at;
	t->print = (struct file_print){ at, (uint32_t)n, print_hash(t->head, (size_t)n) };
	return true;
}

static bool begins_with_print(const struct tail *o, const struct tail *t)
{
	return o->print.n > 0 && o->print.base == t->print.base && o->print.n <= t->print.n &&
	       print_hash(t->head, o->print.n) == o->print.hash && end_is_in_gz(&o->end, t->gz);
}

/* o is not met by its inode, or has none any more: only its fingerprint can tell. */
static bool printed(const struct tail *o, const struct tail *t)
{
	bool unmet = o->state == TAIL_PARKED && (o->seen != o->fs->scan || o->ino == 0);

	return (unmet || o->state == TAIL_LOST || o->gz != NULL) && begins_with_print(o, t);
}

/* t's bytes are the first ones of the open o's, as far as is looked. */
static bool begins_as(const struct tail *o, const struct tail *t)
{
	char a[4096], b[sizeof(a)];
	const uint64_t base = t->print.base;
	uint64_t at = base;
	int n = 1;

	if (o->fd < 0 || (base > 0 && (pread(o->fd, b, 1, (off_t)base - 1) != 1 || b[0] != '\0')) ||
	    gzseek(t->gz, (z_off_t)base, SEEK_SET) < 0)
		return false;
	while (n > 0 && at - base < ALIKE_MAX && (n = gzread(t->gz, a, sizeof(a))) > 0) {
		if (pread_all(o->fd, b, (size_t)n, (off_t)at) != n || memcmp(a, b, (size_t)n) != 0)
			break;
		at += (uint64_t)n;
	}
	return gzrewind(t->gz) == 0 && at > base && (n <= 0 || at - base >= ALIKE_MAX);
}

/* o is open, perhaps not read yet, and was renamed or removed: t is what compression made of it. */
static bool squeezed(const struct tail *o, const struct tail *t)
{
	struct stat st;

	return o->fd >= 0 && o->state != TAIL_LIVE &&
	       (file_compressed(t->real) || (fstat(o->fd, &st) == 0 && st.st_nlink == 0)) &&
	       begins_as(o, t);
}

/* t begins as a log that is followed now: a copy of it, which will be truncated or was just now.
 * When that is noticed, its rest is looked for in the copy. */
static bool copied(const struct tail *o, const struct tail *t)
{
	return o->state == TAIL_LIVE && (begins_with_print(o, t) || begins_as(o, t));
}

/* KNOWN: its bytes are those of a file that we know under another inode: a rest that is looked for
 * or was found in a compressed file, one that is open and was compressed just now, or what was read
 * to its end and kept for this question. An old copy of the log is KNOWN too, where something was
 * read of the log: should that be truncated, its rest is looked for in the copy by its fingerprint.
 * One of which nothing was read has none: its copy is asked until the log goes on or is cut. */
static enum begun known_bytes(const struct tail *t, bool old)
{
	enum begun r = BEGUN;

	for (size_t i = 0; i < t->fs->n_tails; i++) {
		const struct tail *o = t->fs->tails[i];

		if (o == t || o->dead || !file_is_of(o, t->path))
			continue;
		if (printed(o, t) || squeezed(o, t))
			return KNOWN;
		if (!copied(o, t))
			continue;
		if (old && o->print.n > 0)
			return KNOWN;
		r = UNDECIDED;
	}
	return r;
}

static void told(struct tail *o, const char *path, int error)
{
	struct err err;

	if (o->warned)
		return;
	o->warned = true;
	input_unreadable(path, error, &err);
	files_warn(o->fs, &err);
}

static enum begun begin(struct tail *o, const char *path)
{
	struct tail *t = tail_new(o->fs);
	int fd = open_one(path), error = errno;
	enum begun r = UNDECIDED;
	struct stat st;
	off_t hole;
	bool old;

	if (fd < 0 && error != ENOENT && error != ELOOP && error != ESTALE) {
		told(o, path, error);
		r = KNOWN; /* asked again when the folder changes */
	}
	if (t == NULL || fd < 0 || !tail_set_path(t, path) || fstat(fd, &st) < 0)
		goto fail;
	if (known(o, &st)) { /* another one has got the name since */
		r = KNOWN;
		goto fail;
	}
	free(t->path);
	t->path = strdup(o->path); /* the name that people know */
	t->head = malloc(FILE_HEAD_MAX);
	hole = lseek(fd, 0, SEEK_DATA);
	lseek(fd, 0, SEEK_SET);
	t->gz = t->path != NULL && t->head != NULL ? gzdopen(fd, "rb") : NULL;
	if (t->gz == NULL)
		goto fail;
	fd = -1; /* the stream's now */
	old = time_now_ns() - st.st_ctim.tv_sec * NS_PER_SEC > BEING_MADE_NS;
	r = old ? KNOWN : UNDECIDED; /* where it cannot be read */
	if (fingerprint(t, hole > 0 ? (uint64_t)hole : 0))
		r = known_bytes(t, old);
	if (r != BEGUN)
		goto fail;
	t->state = TAIL_ROTATED;
	t->begun = t->dirty = true;
	t->seen = t->fs->scan;
	t->dev = st.st_dev;
	t->ino = st.st_ino;
	t->mtime = st.st_mtim;
	tail_store(t);
	return BEGUN;
fail:
	if (fd >= 0)
		close(fd);
	if (t != NULL)
		t->dead = true;
	return r;
}

const char *file_log_name(const struct tail *o)
{
	const char *name = file_base(o->path), *real = file_base(o->real);
	int64_t rank;

	return file_generation(name, real, &rank) ? name : real;
}

static struct missed *one_more(struct generations *g)
{
	size_t cap = g->cap > 0 ? 2 * g->cap : 16;
	struct missed *v = g->v;

	if (g->n == g->cap) {
		v = realloc(v, cap * sizeof(*v));
		if (v == NULL)
			return NULL;
		g->v = v;
		g->cap = cap;
	}
	return &v[g->n];
}

/* The same of one that is compressed by something that we do not read. */
static bool odd_generation(const char *base, const char *name, int64_t *ret)
{
	const char *dot = strrchr(name, '.');
	char plain[256];

	if (dot == NULL || !file_compressed(name) || strcmp(dot, ".gz") == 0)
		return false;
	snprintf(plain, sizeof(plain), "%.*s", (int)(dot - name), name);
	return file_generation(base, plain, ret);
}

/* false: out of memory. */
static bool collect(const struct tail *o, DIR *d, const char *dir, struct generations *g)
{
	char path[4096];
	int64_t rank;

	g->n = 0;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		struct missed *m;
		bool odd = false;

		if (!file_generation(file_log_name(o), e->d_name, &rank)) {
			odd = odd_generation(file_log_name(o), e->d_name, &rank);
			if (!odd)
				continue;
		}
		m = one_more(g);
		if (m == NULL)
			return false;
		m->rank = rank;
		m->odd = odd;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		snprintf(m->name, sizeof(m->name), "%s", e->d_name);
		if (lstat(path, &m->st) == 0 && S_ISREG(m->st.st_mode) && m->st.st_size > 0)
			g->n++;
	}
	if (g->n > 0)
		qsort(g->v, g->n, sizeof(*g->v), by_rank);
	return true;
}

/* The file begins with the bytes that o is known by. */
static bool holds(const struct tail *o, const char *path)
{
	struct file_print print = o->print;
	gzFile gz;
	int fd;
	bool ok;

	if (o->fd >= 0 && o->head_n > print.n) {
		print.n = (uint32_t)o->head_n;
		print.hash = print_hash(o->head, o->head_n);
	}
	fd = print.n > 0 ? open_one(path) : -1;
	gz = fd >= 0 ? gzdopen(fd, "rb") : NULL;
	ok = gz != NULL && print_is_in_gz(&print, gz) && end_is_in_gz(&o->end, gz);
	if (gz != NULL)
		gzclose(gz);
	else if (fd >= 0)
		close(fd);
	return ok;
}

/* Which of them o is. NULL: none, it is gone. */
static const struct missed *origin(const struct tail *o, const char *dir,
				   const struct generations *g)
{
	const struct missed *m = g->v;
	const size_t n = g->n;
	char path[4096];

	for (size_t i = 0; i < n && o->fd >= 0; i++)
		if (m[i].st.st_ino == o->ino && m[i].st.st_dev == o->dev)
			return &m[i];
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, m[i].name);
		if (holds(o, path))
			return &m[i];
	}
	return NULL;
}

/* m came after o, which is from. Where o is gone, the times alone tell. */
static bool newer(const struct missed *m, const struct tail *o, const struct missed *from)
{
	const struct timespec *at = &m->st.st_mtim, *since = &o->mtime;

	if (from != NULL)
		return m->rank > from->rank && at->tv_sec >= from->st.st_mtim.tv_sec;
	return since->tv_sec > 0 && time_later(at, since);
}

/* Compressing keeps a file's time: is it that of one that we have followed? */
static bool known_time(const struct tail *o, const struct stat *st)
{
	for (size_t i = 0; i < o->fs->n_tails; i++) {
		const struct tail *t = o->fs->tails[i];
		int64_t apart = time_ns_of(&st->st_mtim) - time_ns_of(&t->mtime);

		if (!t->dead && file_is_of(t, o->path) && apart < CHANGE_NS && apart > -CHANGE_NS)
			return true;
	}
	return false;
}

/* Whether all of it was read before it was compressed, only its time can tell. */
static void tell_odd(struct tail *o, const struct missed *m, const char *path)
{
	struct files *fs = o->fs;
	struct err err;

	if (o->mtime.tv_sec == 0 ||
	    time_ns_of(&m->st.st_mtim) - time_ns_of(&o->mtime) < CHANGE_NS || known_time(o, &m->st))
		return;
	o->packed = true;
	for (size_t i = 0; i < fs->n_unread && i < FILE_ODD_MAX; i++)
		if (fs->unread[i].dev == m->st.st_dev && fs->unread[i].ino == m->st.st_ino)
			return;
	if (fs->n_unread == FILE_ODD_MAX)
		return;
	fs->unread[fs->n_unread].dev = m->st.st_dev;
	fs->unread[fs->n_unread++].ino = m->st.st_ino;
	metric_add(&fs->in->stats.unread, 1);
	err_set(&err, ERR_USAGE,
		"%.150s came after what was read of its log, and cannot be read, for only gzip is: "
		"let logrotate use gzip, or delaycompress; to have it read, unpack it and name it "
		"in paths",
		path);
	files_warn(fs, &err);
}

static bool plain_of(const struct missed *packed, const struct missed *m)
{
	struct slice name = slice_str(packed->name);

	name.n -= strlen(strrchr(packed->name, '.'));
	return slice_is(name, m->name);
}

/* Begins what came after o. false: one of them must be asked again. */
static bool begin_newer(struct tail *o, const char *dir, const struct generations *g,
			const struct missed *from)
{
	const struct missed *m = g->v;
	const size_t n = g->n;
	char path[4096];
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		bool gz = slice_ends(slice_str(m[i].name), SLICE(".gz"));

		snprintf(path, sizeof(path), "%s/%s", dir, m[i].name);
		if (!newer(&m[i], o, from) || known(o, &m[i].st) ||
		    (gz && !o->fs->conf->compressed))
			continue;
		if ((gz || m[i].odd) && i > 0 && plain_of(&m[i], &m[i - 1]))
			continue; /* being compressed: the plain file is read */
		if (m[i].odd)
			tell_odd(o, &m[i], path);
		else if (begin(o, path) == UNDECIDED)
			all = false;
	}
	return all;
}

/* Has the log of today a place of its own? */
static bool followed(const struct tail *o)
{
	for (size_t i = 0; i < o->fs->n_tails; i++) {
		const struct tail *t = o->fs->tails[i];

		if (t != o && !t->dead && t->state == TAIL_LIVE && t->stored &&
		    strcmp(t->path, o->path) == 0)
			return true;
	}
	return false;
}

enum looked { LOOKED, LOOKED_GONE /* o is not there any more */, CHANGED, TOO_NEW };

static enum looked look(struct tail *o, const char *dir, struct timespec *settled,
			struct generations *g)
{
	const struct missed *from;
	struct stat before, after;
	DIR *d = opendir(dir);
	bool all;

	if (d == NULL)
		return errno == ENOENT ? LOOKED_GONE : TOO_NEW;
	if (fstat(dirfd(d), &before) < 0)
		before.st_mtim = (struct timespec){ 0 };
	if (time_same(&before.st_mtim, settled)) {
		closedir(d);
		return LOOKED;
	}
	all = collect(o, d, dir, g);
	closedir(d);
	if (!all)
		return TOO_NEW;
	from = origin(o, dir, g);
	all = begin_newer(o, dir, g, from);
	if (stat(dir, &after) < 0 || !time_same(&before.st_mtim, &after.st_mtim))
		return CHANGED;
	if (!all || !file_dir_quiet(&after))
		return TOO_NEW;
	*settled = after.st_mtim;
	return from != NULL ? LOOKED : LOOKED_GONE;
}

void rest_missed(struct tail *o)
{
	struct generations g = { 0 };
	bool gone = true, all = true;
	char dir[FILE_DIR_MAX];

	o->pending = true;
	for (size_t k = 0; file_rotated_dir(o, k, dir); k++) {
		enum looked r = CHANGED;

		for (unsigned i = 0; i < TRIES && r == CHANGED; i++)
			r = look(o, dir, &o->settled[k], &g);
		gone = gone && r == LOOKED_GONE;
		all = all && (r == LOOKED || r == LOOKED_GONE);
	}
	free(g.v);
	if (all && (gone || followed(o)))
		o->pending = false;
}

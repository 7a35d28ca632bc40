/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/file_missed.c: whole generations of a log that came and went while the agent was
 * stopped, or did not run for a while. A file that was being read is found again as
 * auth.log.3.gz: then auth.log.2.gz and auth.log.1 were never seen by anybody, and no glob names
 * them. They are read from their beginning, oldest first, between that rest and the log of today.
 * Both the numbers or dates in the names and the times of the files must say that they are newer,
 * and none of the places that are known may be one in them: what was read, or is about to be found
 * by its own fingerprint, is not read again. */
#include "agent/inputs/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/file.h"

#define MISSED_MAX 64u /* generations of one log */

struct missed {
	char name[256];
	int64_t rank;
};

/* Digits with separators between them, one at least. Their value, or -1. */
static int64_t numbers(struct slice s)
{
	int64_t v = 0;
	bool any = false;

	if (s.n < 2 || (s.p[0] != '.' && s.p[0] != '-' && s.p[0] != '_'))
		return -1;
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] >= '0' && s.p[i] <= '9') {
			v = v * 10 + (s.p[i] - '0');
			any = true;
		} else if (strchr(".-_", s.p[i]) == NULL) {
			return -1;
		}
		if (v > INT64_MAX / 100)
			return -1;
	}
	return any ? v : -1;
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

/* Names move on while files are read, so they tell only where no fingerprint can. */
static bool known(const struct files *fs, const struct stat *st, const char *path)
{
	for (size_t i = 0; i < fs->n_tails; i++) {
		const struct tail *t = fs->tails[i];

		if (!t->dead &&
		    ((t->ino == st->st_ino && t->dev == st->st_dev) ||
		     (t->gz != NULL && t->print.base > 0 && strcmp(t->real, path) == 0)))
			return true;
	}
	return false;
}

static int by_rank(const void *a, const void *b)
{
	const struct missed *x = a, *y = b;

	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Its first bytes, through zlib, which reads plain files too. */
static bool fingerprint(struct tail *t)
{
	int n = gzread(t->gz, t->head, FILE_HEAD_MAX);

	if (n <= 0 || (gzdirect(t->gz) != 0 && file_compressed(t->real)) || gzrewind(t->gz) < 0)
		return false;
	t->print.n = (uint32_t)n;
	t->print.hash = print_hash(t->head, (size_t)n);
	return true;
}

/* o is not met by its inode, or is about to be: only its fingerprint can tell. */
static bool printed(const struct tail *o, const struct tail *t)
{
	bool unmet = o->state == TAIL_PARKED && o->seen != o->fs->scan;

	return (unmet || o->state == TAIL_LOST || o->gz != NULL) && o->print.n > 0 &&
	       o->print.base == 0 && o->print.n <= t->print.n &&
	       print_hash(t->head, o->print.n) == o->print.hash;
}

/* o is open, perhaps not read yet, and was removed: t may be what compression made of it. */
static bool removed(const struct tail *o, const struct tail *t)
{
	size_t n = o->head_n < t->print.n ? o->head_n : t->print.n;
	struct stat st;

	return o->fd >= 0 && n > 0 && o->print.base == 0 && fstat(o->fd, &st) == 0 &&
	       st.st_nlink == 0 && memcmp(o->head, t->head, n) == 0;
}

/* Its bytes are those of a file that we know under another inode: a rest that is looked for or was
 * found in a compressed file, one that is open and was compressed just now, or what was read to its
 * end and kept for this question. */
static bool known_bytes(const struct tail *t)
{
	for (size_t i = 0; i < t->fs->n_tails; i++) {
		const struct tail *o = t->fs->tails[i];

		if (o != t && !o->dead && strcmp(o->path, t->path) == 0 &&
		    (printed(o, t) || removed(o, t)))
			return true;
	}
	return false;
}

static void begin(struct tail *o, const char *path)
{
	struct tail *t = tail_new(o->fs);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	struct stat st;

	if (t == NULL || !tail_set_path(t, path) || fd < 0 || fstat(fd, &st) < 0)
		goto fail;
	free(t->path);
	t->path = strdup(o->path); /* the name that people know */
	t->head = malloc(FILE_HEAD_MAX);
	t->gz = t->path != NULL && t->head != NULL ? gzdopen(fd, "rb") : NULL;
	if (t->gz == NULL)
		goto fail;
	fd = -1; /* the stream's now */
	if (!fingerprint(t) || known_bytes(t))
		goto fail;
	t->state = TAIL_ROTATED;
	t->begun = t->dirty = true;
	t->seen = t->fs->scan;
	t->dev = st.st_dev;
	t->ino = st.st_ino;
	tail_store(t);
	return;
fail:
	if (fd >= 0)
		close(fd);
	if (t != NULL)
		t->dead = true;
}

static size_t collect(struct tail *o, DIR *d, const char *dir, int64_t than,
		      const struct timespec *since, struct missed *out)
{
	char path[4096];
	size_t n = 0;

	for (struct dirent *e; n < MISSED_MAX && (e = readdir(d)) != NULL;) {
		struct stat st;
		int64_t rank;

		if (!file_generation(file_base(o->real), e->d_name, &rank) || rank <= than)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0 ||
		    st.st_mtim.tv_sec < since->tv_sec || known(o->fs, &st, path))
			continue;
		if (slice_ends(slice_str(path), SLICE(".gz"))) {
			if (!o->fs->conf->compressed)
				continue;
			path[strlen(path) - 3] = '\0';
			if (access(path, F_OK) == 0)
				continue; /* being compressed: the plain file is read */
		}
		snprintf(out[n].name, sizeof(out[n].name), "%s", e->d_name);
		out[n++].rank = rank;
	}
	return n;
}

void rest_missed(struct tail *o, const char *found, const struct timespec *since)
{
	struct missed *m = calloc(MISSED_MAX, sizeof(*m));
	char dir[2048], path[4096];
	int64_t than;
	DIR *d = NULL;
	size_t n;

	snprintf(dir, sizeof(dir), "%.*s", (int)file_dir(o->real), o->real);
	if (m == NULL || !file_generation(file_base(o->real), found, &than))
		goto out;
	d = opendir(dir);
	if (d == NULL)
		goto out;
	n = collect(o, d, dir, than, since, m);
	qsort(m, n, sizeof(*m), by_rank);
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, m[i].name);
		begin(o, path);
	}
out:
	if (d != NULL)
		closedir(d);
	free(m);
}

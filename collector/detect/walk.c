/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/detect/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "collector/detect/engine.h"
#include "common/base/file.h"
#include "common/base/hash.h"

#define FOLDER_MAX 16u /* depth */

struct walk {
	int (*entry)(void *arg, const struct walk_entry *e);
	void *arg;
	struct err *err;
};

static int give(struct walk *wk, enum walk_kind kind, const char *path, const char *why,
		const struct stat *st)
{
	return wk->entry(wk->arg, &(struct walk_entry){ kind, path, why, st });
}

/* Why the name is not one of rules, or NULL. */
static const char *not_rules(const char *name)
{
	struct slice s = slice_str(name);

	if (slice_is(s, "logsources.yml") || slice_is(s, "fieldmap.yml"))
		return "a map that is built into the program";
	if (slice_ends(s, SLICE(".yml")) || slice_ends(s, SLICE(".yaml")))
		return NULL;
	return "not *.yml or *.yaml";
}

static int folder(struct walk *wk, const char *path, unsigned depth);

static int child(struct walk *wk, const char *path, const char *name, unsigned depth)
{
	struct stat st;
	bool link;

	if (name[0] == '.')
		return give(wk, WALK_PASSED, path, "hidden", NULL);
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 /* gone in the meantime */
				       : give(wk, WALK_LOST, path, strerror(errno), NULL);
	link = S_ISLNK(st.st_mode);
	if (link && stat(path, &st) < 0)
		return not_rules(name) == NULL ? give(wk, WALK_LOST, path, strerror(errno), NULL)
					       : give(wk, WALK_PASSED, path, not_rules(name), NULL);
	if (S_ISDIR(st.st_mode))
		return link ? give(wk, WALK_PASSED, path, "a link to a folder", NULL)
			    : folder(wk, path, depth + 1);
	if (!S_ISREG(st.st_mode))
		return give(wk, WALK_PASSED, path, "not a file", NULL);
	if (not_rules(name) != NULL)
		return give(wk, WALK_PASSED, path, not_rules(name), NULL);
	return give(wk, WALK_RULES, path, NULL, &st);
}

static int folder(struct walk *wk, const char *path, unsigned depth)
{
	struct dirent **list = NULL;
	struct buf b = { 0 };
	int n, r = 0;

	if (depth > FOLDER_MAX)
		return give(wk, WALK_LOST, path, "deeper than 16 folders", NULL);
	n = scandir(path, &list, NULL, alphasort);
	if (n < 0)
		return give(wk, WALK_LOST, path, strerror(errno), NULL);
	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;

		buf_reset(&b);
		buf_str(&b, path);
		buf_str(&b, b.n > 0 && b.p[b.n - 1] == '/' ? "" : "/");
		buf_str(&b, name);
		buf_cstr(&b);
		if (r == 0 && b.failed)
			r = err_nomem(wk->err);
		else if (r == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			r = child(wk, b.p, name, depth);
		free(list[i]);
	}
	free(list);
	buf_release(&b);
	return r;
}

int rules_walk(const char *const *paths, size_t n,
	       int (*entry)(void *arg, const struct walk_entry *e), void *arg, struct err *err)
{
	struct walk wk = { entry, arg, err };
	struct stat st;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (stat(paths[i], &st) < 0)
			return err_set(err,
				       errno == ENOENT   ? ERR_ABSENT
				       : errno == EACCES ? ERR_DENIED
							 : ERR_IO,
				       "rules: %s: %s", paths[i], strerror(errno));
		r = S_ISDIR(st.st_mode) ? folder(&wk, paths[i], 0)
					: give(&wk, WALK_RULES, paths[i], NULL, &st);
	}
	return r;
}

static void mix(uint64_t *hash, const char *path, const struct stat *st)
{
	const int64_t what[] = {
		st != NULL ? (int64_t)st->st_size : -1,
		st != NULL ? (int64_t)st->st_ino : -1,
		st != NULL ? (int64_t)st->st_mtim.tv_sec : -1,
		st != NULL ? (int64_t)st->st_mtim.tv_nsec : -1,
		st != NULL ? (int64_t)st->st_ctim.tv_sec : -1, /* rights, too */
		st != NULL ? (int64_t)st->st_ctim.tv_nsec : -1,
	};

	*hash = hash64(slice_str(path), *hash);
	*hash = hash64((struct slice){ (const char *)what, sizeof(what) }, *hash);
}

static int mix_entry(void *arg, const struct walk_entry *e)
{
	if (e->kind != WALK_PASSED)
		mix(arg, e->path, e->st);
	return 0;
}

uint64_t rules_fingerprint(const struct rules_source *src)
{
	uint64_t hash = 0;
	struct err err;
	struct stat st;

	if (src->values != NULL)
		mix(&hash, src->values, stat(src->values, &st) == 0 ? &st : NULL);
	if (rules_walk(src->paths, src->n, mix_entry, &hash, &err) < 0)
		hash = hash64(slice_str(err.msg), hash);
	return hash;
}

int rule_file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	struct stat st;
	int fd, r;

	/* Asked twice: opening a device may do something, and what the name stands for may change
	 * before it is open. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "%s is not a file", path);
	fd = file_open_to_read(path, O_NONBLOCK | O_NOCTTY, err);
	if (fd < 0)
		return -1;
	r = fstat(fd, &st) == 0 && S_ISREG(st.st_mode)
		    ? file_read_fd(fd, path, max, out, err)
		    : err_set(err, ERR_IO, "%s is not a file", path);
	close(fd);
	return r;
}

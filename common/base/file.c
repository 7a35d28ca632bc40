/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err_code code_of(int e)
{
	switch (e) {
	case ENOENT:
	case ENOTDIR:
		return ERR_ABSENT;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	case ENOSPC:
	case EDQUOT:
		return ERR_FULL;
	case ENOMEM:
		return ERR_NOMEM;
	default:
		return ERR_IO;
	}
}

static int fail(struct err *err, const char *what, const char *path)
{
	int e = errno;

	return err_set(err, code_of(e), "cannot %s %s: %s", what, path, strerror(e));
}

int file_open_to_read(const char *path, int flags, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);

	return fd >= 0 ? fd : fail(err, "open", path);
}

int file_read_fd(int fd, const char *path, size_t max, struct buf *out, struct err *err)
{
	size_t start = out->n;
	ssize_t n;
	int r = -1;

	for (;;) {
		if (buf_reserve(out, 16384) < 0) {
			err_nomem(err);
			goto out;
		}
		n = read(fd, out->p + out->n, 16384);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fail(err, "read", path);
			goto out;
		}
		if (n == 0)
			break;
		out->n += (size_t)n;
		if (out->n - start > max) {
			err_set(err, ERR_FULL, "%s is larger than %zu bytes", path, max);
			goto out;
		}
	}
	r = 0;
out:
	if (r < 0)
		out->n = start;
	return r;
}

int file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	int fd = file_open_to_read(path, 0, err), r;

	if (fd < 0)
		return -1;
	r = file_read_fd(fd, path, max, out, err);
	close(fd);
	return r;
}

static int dir_of_sync(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int r;

	if (slash == NULL)
		return dir_sync(".", err);
	dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (dir == NULL)
		return err_nomem(err);
	r = dir_sync(dir, err);
	free(dir);
	return r;
}

int file_write(const char *path, struct slice content, unsigned mode, struct err *err)
{
	char *tmp = NULL;
	int fd = -1, r = -1;

	if (asprintf(&tmp, "%s.tmp", path) < 0)
		return err_nomem(err);
	unlink(tmp); /* a leftover of a crash; ours alone, the folder is not shared */
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0) {
		fail(err, "create", tmp);
		goto out;
	}
	if (fchmod(fd, mode) < 0 || pwrite_all(fd, content.p, content.n, 0) < 0 || fsync(fd) < 0) {
		fail(err, "write", tmp);
		goto out;
	}
	if (rename(tmp, path) < 0) {
		fail(err, "replace", path);
		goto out;
	}
	r = dir_of_sync(path, err);
out:
	if (fd >= 0)
		close(fd);
	if (r < 0)
		unlink(tmp);
	free(tmp);
	return r;
}

/* A folder whose name is not synced in the one above can vanish in a power loss, and all that was
 * synced in it with it. */
static int dir_make_one(const char *path, unsigned mode, struct err *err)
{
	if (mkdir(path, mode) == 0)
		return dir_of_sync(path, err);
	return errno == EEXIST ? 0 : fail(err, "make folder", path);
}

int dir_make(const char *path, unsigned mode, struct err *err)
{
	char *copy = strdup(path);
	int r = 0;

	if (copy == NULL)
		return err_nomem(err);
	for (char *q = copy + 1; *q != '\0' && r == 0; q++) {
		if (*q != '/')
			continue;
		*q = '\0';
		r = dir_make_one(copy, 0755, err);
		*q = '/';
	}
	if (r == 0)
		r = dir_make_one(path, mode, err);
	free(copy);
	return r;
}

/* Why there is no folder at path: its errno's words do not tell a name that is free from a link
 * whose end is missing, which is there and must be dealt with. */
static int no_folder(const char *path, struct err *err)
{
	int e = errno;
	char to[100];
	ssize_t n;

	n = e == ENOENT ? readlink(path, to, sizeof(to)) : -1;
	if (n >= 0)
		return err_set(err, ERR_USAGE,
			       "%.80s is a link that leads nowhere: make or mount the folder "
			       "%.*s%s, or remove the link",
			       path, (int)n, to, n == sizeof(to) ? "..." : "");
	errno = e;
	return fail(err, "look at folder", path);
}

int dir_private(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return no_folder(path, err);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE,
			       "%.180s is not a folder: move it away, a new one is made", path);
	if (st.st_uid != geteuid())
		return err_set(
			err, ERR_DENIED,
			"%.150s belongs to user %lu, not to user %lu, who is to use it: chown it",
			path, (unsigned long)st.st_uid, (unsigned long)geteuid());
	if ((st.st_mode & 077) != 0)
		return err_set(err, ERR_DENIED, "%.100s is open to others: chmod 0700 %.100s", path,
			       path);
	return 0;
}

int dir_sync(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return fail(err, "open folder", path);
	if (fsync(fd) < 0)
		r = fail(err, "sync folder", path);
	close(fd);
	return r;
}

int pwrite_all(int fd, const void *p, size_t n, off_t at)
{
	const char *q = p;

	while (n > 0) {
		ssize_t k = pwrite(fd, q, n, at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -1;
		q += k;
		at += k;
		n -= (size_t)k;
	}
	return 0;
}

ssize_t pread_all(int fd, void *p, size_t n, off_t at)
{
	size_t got = 0;

	while (got < n) {
		ssize_t k = pread(fd, (char *)p + got, n - got, at + (off_t)got);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		if (k == 0)
			break;
		got += (size_t)k;
	}
	return (ssize_t)got;
}

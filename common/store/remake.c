/* SPDX-License-Identifier: EUPL-1.2 */
/* common/store/remake.c: somebody removes files, or the folder, under the writer. What the current
 * file holds is still there for who has it open: it is made anew under its name, so nothing of it
 * is lost. Older files are gone; readers tell that when they come to them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/store/log.h"

#define COPY_NAME  "remade.new" /* no name of a file of ours, should a crash leave it behind */
#define COPY_BYTES 65536u

bool log_unlinked(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0;
}

/* Descriptors keep their numbers, for readers use the folder's at any time. */
static int put_in_place(const struct seglog *lg, int fd, int old, struct err *err)
{
	int r = dup3(fd, old, O_CLOEXEC) < 0 ? -1 : 0;

	if (r < 0)
		err_set(err, ERR_IO, "cannot work in %s, made anew: %s", lg->dir, strerror(errno));
	close(fd);
	return r;
}

int log_lock_open(const struct seglog *lg, struct err *err)
{
	int fd = openat(lg->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		err_set(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "cannot make %s/lock: %s",
			lg->dir, strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		err_set(err, errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO, "cannot lock %s: %s",
			lg->dir,
			errno == EWOULDBLOCK ? "another process works on that folder"
					     : strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

int log_dir_open(const char *dir, struct err *err)
{
	int fd;

	if (dir_make(dir, 0700, err) < 0 || dir_private(dir, err) < 0)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err_set(err, errno == EACCES ? ERR_DENIED : ERR_IO, "cannot open folder %s: %s",
			dir, strerror(errno));
	return fd;
}

/* The folder above may have gone, too; it is as closed to others. */
static int above_make(const char *dir, struct err *err)
{
	const char *slash = strrchr(dir, '/');
	char *above;
	int r;

	if (slash == NULL || slash == dir)
		return 0;
	above = strndup(dir, (size_t)(slash - dir));
	if (above == NULL)
		return err_nomem(err);
	r = dir_make(above, 0700, err);
	free(above);
	return r;
}

int log_remake_dir(struct seglog *lg, struct err *err)
{
	int fd;

	if (log_unlinked(lg->dir_fd)) {
		fd = above_make(lg->dir, err) < 0 ? -1 : log_dir_open(lg->dir, err);
		if (fd < 0 || put_in_place(lg, fd, lg->dir_fd, err) < 0)
			return -1;
	}
	if (!log_unlinked(lg->lock_fd))
		return 0;
	fd = log_lock_open(lg, err); /* else a second daemon would not be noticed */
	return fd < 0 || put_in_place(lg, fd, lg->lock_fd, err) < 0 ? -1 : 0;
}

/* All of the current file up to its end. -1 with errno. */
static int copy_to(int fd, const struct seglog *lg, uint64_t end)
{
	char chunk[COPY_BYTES];
	struct stat st;

	if (fstat(lg->cur.fd, &st) < 0 || log_reserve(fd, (uint64_t)st.st_size) < 0)
		return -1;
	for (uint64_t at = 0; at < end;) {
		size_t n = end - at < sizeof(chunk) ? (size_t)(end - at) : sizeof(chunk);
		ssize_t got = pread_all(lg->cur.fd, chunk, n, (off_t)at);

		if (got != (ssize_t)n) {
			errno = got < 0 ? errno : EIO;
			return -1;
		}
		if (pwrite_all(fd, chunk, n, (off_t)at) < 0)
			return -1;
		at += n;
	}
	return fdatasync(fd);
}

int log_remake(struct seglog *lg, struct err *err)
{
	char name[SEGFILE_NAME_MAX];
	int fd, old;

	if (!log_unlinked(lg->cur.fd))
		return 0;
	if (log_remake_dir(lg, err) < 0)
		return -1;
	unlinkat(lg->dir_fd, COPY_NAME, 0);
	fd = openat(lg->dir_fd, COPY_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return log_fail(lg, "make anew", lg->cur.number, err);
	segfile_name(lg->cur.number, name);
	if (copy_to(fd, lg, lg->files[lg->n_files - 1].end) < 0 ||
	    renameat(lg->dir_fd, COPY_NAME, lg->dir_fd, name) < 0 || fsync(lg->dir_fd) < 0) {
		log_fail(lg, "make anew", lg->cur.number, err);
		close(fd);
		unlinkat(lg->dir_fd, COPY_NAME, 0);
		return -1;
	}
	pthread_mutex_lock(&lg->lock);
	old = lg->cur.fd;
	lg->cur.fd = fd;
	lg->remade++;
	pthread_mutex_unlock(&lg->lock);
	close(old);
	return 0;
}

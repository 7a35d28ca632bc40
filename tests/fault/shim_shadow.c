/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fault/shim_shadow.c: what of a folder is durable.
 *   SHADOW/data/INODE        the durable bytes of a file, by the number of its real inode
 *   SHADOW/dirs/INODE/NAME   a folder's durable names: a hard link to data/INODE for a file, for a
 *                            folder a symbolic link whose text is the folder's inode number
 *   SHADOW/root              the inode number of the watched folder
 * A file that was removed lives on in dirs/ until its folder is synced, as on a disk.
 * Which bytes are dirty is known to the process that wrote them. Of a file that it has not synced
 * before it knows nothing (another process may have written and been killed), and copies it whole.
 */
#include "tests/fault/shim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUCKETS 256u
#define RANGES  64u /* more are joined into one */

struct inode {
	struct inode *next;
	dev_t dev;
	ino_t ino;
	bool whole; /* which bytes are dirty is not known */
	unsigned n;
	struct {
		uint64_t from, to;
	} range[RANGES];
};

static struct inode *inodes[BUCKETS];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER; /* of inodes */
static pthread_mutex_t sync_lock = PTHREAD_MUTEX_INITIALIZER;  /* one sync at a time */
static int shadow_fd = -1;

/* The system calls themselves: this file's own work is not to be watched. */
static int sys_openat(int dir, const char *path, int flags, int mode)
{
	return (int)syscall(SYS_openat, dir, path, flags | O_CLOEXEC, mode);
}

static void sys_close(int fd)
{
	if (fd >= 0)
		(void)syscall(SYS_close, fd);
}

static ssize_t sys_pread(int fd, void *p, size_t n, uint64_t at)
{
	return (ssize_t)syscall(SYS_pread64, fd, p, n, at);
}

static int write_all(int fd, const char *p, size_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t k = (ssize_t)syscall(SYS_pwrite64, fd, p, n, at);

		if (k <= 0)
			return -1;
		p += k;
		at += (uint64_t)k;
		n -= (size_t)k;
	}
	return 0;
}

static struct inode *inode_get(dev_t dev, ino_t ino)
{
	struct inode **at = &inodes[ino % BUCKETS], *in;

	for (in = *at; in != NULL; in = in->next)
		if (in->ino == ino && in->dev == dev)
			return in;
	in = calloc(1, sizeof(*in));
	if (in == NULL)
		abort();
	*in = (struct inode){ .next = *at, .dev = dev, .ino = ino, .whole = true };
	*at = in;
	return in;
}

static void data_name(char out[64], ino_t ino)
{
	snprintf(out, 64, "data/%" PRIu64, (uint64_t)ino);
}

/* Copies bytes [from, to) that hold data; holes stay what they are. */
static int copy(int from_fd, int to_fd, uint64_t from, uint64_t to, bool holes)
{
	static char chunk[1 << 16]; /* under sync_lock */

	while (from < to) {
		uint64_t n = to - from < sizeof(chunk) ? to - from : sizeof(chunk);
		off_t data = holes ? (off_t)syscall(SYS_lseek, from_fd, from, SEEK_DATA) : 0;
		ssize_t k;

		if (data < 0)
			return errno == ENXIO ? 0 : -1;
		if ((uint64_t)data > from) {
			from = (uint64_t)data;
			continue;
		}
		k = sys_pread(from_fd, chunk, n, from);
		if (k < 0 || write_all(to_fd, chunk, (size_t)k, from) < 0)
			return -1;
		if (k == 0)
			return 0;
		from += (uint64_t)k;
	}
	return 0;
}

/* The descriptor may be for writing only. */
static int readable(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return sys_openat(AT_FDCWD, path, O_RDWR, 0);
}

static int sync_file(int fd, const struct stat *st, struct inode *dirty)
{
	char name[64];
	struct stat was;
	int to, from, r = -1;

	data_name(name, st->st_ino);
	to = sys_openat(shadow_fd, name, O_RDWR | O_CREAT, 0600);
	from = readable(fd);
	if (to < 0 || from < 0 || fstat(to, &was) < 0)
		goto out;
	/* A whole copy begins from nothing, so that holes read as zeros; in a file that is known,
	 * only what was written is copied, and in what grew there are zeros. */
	if (dirty->whole) {
		r = syscall(SYS_ftruncate, to, (off_t)0) < 0 ||
				    copy(from, to, 0, (uint64_t)st->st_size, true) < 0
			    ? -1
			    : 0;
	} else {
		r = 0;
		for (unsigned i = 0; i < dirty->n && r == 0; i++)
			r = copy(from, to, dirty->range[i].from, dirty->range[i].to, false);
	}
	if (r == 0 && syscall(SYS_ftruncate, to, st->st_size) < 0)
		r = -1;
out:
	sys_close(to);
	sys_close(from);
	return r;
}

static int sync_known(int fd, const struct stat *st)
{
	struct inode dirty, *in;
	int r;

	pthread_mutex_lock(&table_lock);
	in = inode_get(st->st_dev, st->st_ino);
	dirty = *in;
	in->whole = false;
	in->n = 0;
	pthread_mutex_unlock(&table_lock);
	r = sync_file(fd, st, &dirty);
	if (r < 0) { /* nothing is known of it any more */
		pthread_mutex_lock(&table_lock);
		in->whole = true;
		pthread_mutex_unlock(&table_lock);
	}
	return r;
}

int shadow_sync_file(int fd, const struct stat *st)
{
	int r;

	pthread_mutex_lock(&sync_lock);
	r = sync_known(fd, st);
	pthread_mutex_unlock(&sync_lock);
	return r;
}

int shadow_forget(int fd, const struct stat *st)
{
	char name[64];
	struct stat was;
	int from, to, r = -1;

	pthread_mutex_lock(&sync_lock);
	data_name(name, st->st_ino);
	from = sys_openat(shadow_fd, name, O_RDONLY, 0);
	to = readable(fd);
	if (from >= 0 && to >= 0 && fstat(from, &was) == 0) {
		/* The length stays, as it does on ext4: the pages are what is gone. */
		struct inode *in;
		uint64_t end = (uint64_t)st->st_size;

		r = syscall(SYS_ftruncate, to,
			    was.st_size < st->st_size ? was.st_size : st->st_size) < 0
			    ? -1
			    : copy(from, to, 0,
				   (uint64_t)was.st_size < end ? (uint64_t)was.st_size : end,
				   false);
		if (syscall(SYS_ftruncate, to, st->st_size) < 0)
			r = -1;
		pthread_mutex_lock(&table_lock);
		in = inode_get(st->st_dev, st->st_ino);
		in->whole = true;
		pthread_mutex_unlock(&table_lock);
	}
	sys_close(from);
	sys_close(to);
	pthread_mutex_unlock(&sync_lock);
	return r;
}

void shadow_dirty(dev_t dev, ino_t ino, uint64_t from, uint64_t to)
{
	struct inode *in;
	unsigned i;

	pthread_mutex_lock(&table_lock);
	in = inode_get(dev, ino);
	for (i = 0; i < in->n; i++)
		if (from <= in->range[i].to && to >= in->range[i].from)
			break;
	if (i == in->n && in->n == RANGES) { /* one that holds all */
		for (unsigned k = 1; k < in->n; k++) {
			in->range[0].from = in->range[k].from < in->range[0].from
						    ? in->range[k].from
						    : in->range[0].from;
			in->range[0].to = in->range[k].to > in->range[0].to ? in->range[k].to
									    : in->range[0].to;
		}
		in->n = 1;
		i = 0;
	}
	if (i == in->n) {
		in->range[in->n].from = from;
		in->range[in->n++].to = to;
	} else {
		in->range[i].from = from < in->range[i].from ? from : in->range[i].from;
		in->range[i].to = to > in->range[i].to ? to : in->range[i].to;
	}
	pthread_mutex_unlock(&table_lock);
}

void shadow_made(int fd)
{
	char name[64];
	struct stat st;
	struct inode *in;

	if (fstat(fd, &st) < 0 || shadow_fd < 0)
		return;
	pthread_mutex_lock(&sync_lock);
	data_name(name, st.st_ino);
	(void)syscall(SYS_unlinkat, shadow_fd, name, 0); /* of a removed file with this number */
	pthread_mutex_lock(&table_lock);
	in = inode_get(st.st_dev, st.st_ino);
	in->whole = true;
	in->n = 0;
	pthread_mutex_unlock(&table_lock);
	pthread_mutex_unlock(&sync_lock);
}

/* The durable entry for one that the folder has now: made anew, for it may stand for another file.
 */
static int entry_put(int to, const char *name, const struct stat *st)
{
	static const char tmp[] = ".shim-new";
	char data[64], text[32];
	struct stat old, now;

	(void)syscall(SYS_unlinkat, to, tmp, 0);
	if (S_ISDIR(st->st_mode)) {
		snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)st->st_ino);
		if (syscall(SYS_symlinkat, text, to, tmp) < 0)
			return -1;
	} else {
		data_name(data, st->st_ino);
		sys_close(sys_openat(shadow_fd, data, O_RDWR | O_CREAT, 0600));
		if (fstatat(shadow_fd, data, &now, 0) == 0 &&
		    fstatat(to, name, &old, AT_SYMLINK_NOFOLLOW) == 0 && now.st_ino == old.st_ino)
			return 0; /* renaming one link over another of the same file does nothing */
		if (syscall(SYS_linkat, shadow_fd, data, to, tmp, 0) < 0)
			return -1;
	}
	return (int)syscall(SYS_renameat, to, tmp, to, name);
}

static DIR *list(int fd)
{
	int own = sys_openat(fd, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *d = own >= 0 ? fdopendir(own) : NULL;

	if (d == NULL)
		sys_close(own);
	return d;
}

static bool dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* deep: the files and folders below as well. */
static int sync_names(int fd, ino_t ino, bool deep)
{
	char name[64];
	struct dirent *e;
	struct stat st;
	DIR *d = list(fd), *old = NULL;
	int to = -1, r = -1;

	snprintf(name, sizeof(name), "dirs/%" PRIu64, (uint64_t)ino);
	(void)syscall(SYS_mkdirat, shadow_fd, name, 0700);
	to = sys_openat(shadow_fd, name, O_RDONLY | O_DIRECTORY, 0);
	if (d == NULL || to < 0)
		goto out;
	while ((e = readdir(d)) != NULL) {
		int sub;

		if (dots(e->d_name) || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
			continue;
		sub = deep ? sys_openat(fd, e->d_name, O_RDONLY | O_NOFOLLOW, 0) : -1;
		if (sub >= 0 && (S_ISDIR(st.st_mode) ? sync_names(sub, st.st_ino, true)
						     : sync_known(sub, &st)) < 0) {
			sys_close(sub);
			goto out;
		}
		sys_close(sub);
		if (entry_put(to, e->d_name, &st) < 0)
			goto out;
	}
	old = list(to);
	while (old != NULL && (e = readdir(old)) != NULL)
		if (!dots(e->d_name) && fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			(void)syscall(SYS_unlinkat, to, e->d_name, 0);
	r = 0;
out:
	if (d != NULL)
		closedir(d);
	if (old != NULL)
		closedir(old);
	sys_close(to);
	return r;
}

int shadow_sync_dir(int fd, const struct stat *st)
{
	int r;

	pthread_mutex_lock(&sync_lock);
	r = sync_names(fd, st->st_ino, false);
	pthread_mutex_unlock(&sync_lock);
	return r;
}

int shadow_init(const char *root, const char *shadow)
{
	struct stat st;
	char text[32];
	int fd, to, r;

	(void)syscall(SYS_mkdirat, AT_FDCWD, root, 0700);
	(void)syscall(SYS_mkdirat, AT_FDCWD, shadow, 0700);
	shadow_fd = sys_openat(AT_FDCWD, shadow, O_RDONLY | O_DIRECTORY, 0);
	fd = sys_openat(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0);
	if (shadow_fd < 0 || fd < 0 || fstat(fd, &st) < 0)
		return -1;
	r = fstatat(shadow_fd, "root", &st, 0);
	if (r < 0) {
		if (fstat(fd, &st) < 0)
			return -1;
		(void)syscall(SYS_mkdirat, shadow_fd, "data", 0700);
		(void)syscall(SYS_mkdirat, shadow_fd, "dirs", 0700);
		r = sync_names(fd, st.st_ino, true);
		to = sys_openat(shadow_fd, "root", O_WRONLY | O_CREAT, 0600);
		snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)st.st_ino);
		if (to < 0 || write_all(to, text, strlen(text), 0) < 0)
			r = -1;
		sys_close(to);
	}
	sys_close(fd);
	return r;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fault/shim.c: the C library's calls as a daemon sees them. Everything goes to the kernel by
 * the system call itself; before and after it the shim does what the control file asks for. */
#include "tests/fault/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX 4096

/* The compiler must not know these as the library's, nor headers redirect them. */
#define HOOK __attribute__((visibility("default")))

static struct watched { /* a descriptor of a file below the root */
	_Atomic(bool) on;
	dev_t dev;
	ino_t ino;
	char path[256];
} fds[FDS_MAX];
static char root[PATH_MAX];
static size_t root_n;
static _Atomic(int64_t) off[CTL_SIZE / 8]; /* when there is no control file */
static _Atomic(int64_t) *ctl = off;

static void fatal(const char *what)
{
	fprintf(stderr, "shim: %s: %s\n", what, strerror(errno));
	abort();
}

__attribute__((constructor)) static void start(void)
{
	const char *control = getenv("VARTIO_SHIM_CONTROL"), *r = getenv("VARTIO_SHIM_ROOT"),
		   *shadow = getenv("VARTIO_SHIM_SHADOW");

	if (control != NULL) {
		int fd = (int)syscall(SYS_openat, AT_FDCWD, control, O_RDWR | O_CLOEXEC, 0);
		void *p = fd < 0 ? MAP_FAILED
				 : mmap(NULL, CTL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (p == MAP_FAILED)
			fatal(control);
		ctl = p;
		(void)syscall(SYS_close, fd);
	}
	if (r == NULL || shadow == NULL)
		return;
	if (shadow_init(r, shadow) < 0)
		fatal(shadow);
	root_n = strlen(r);
	memcpy(root, r, root_n + 1);
}

static void did(enum ctl what)
{
	atomic_fetch_add((_Atomic(int64_t) *)&ctl[what], 1);
}

static const char *chosen_text(void)
{
	return (const char *)(uintptr_t)ctl + CTL_PATH;
}

static struct watched *watched(int fd)
{
	struct stat st;

	if (fd < 0 || fd >= FDS_MAX || !fds[fd].on)
		return NULL;
	/* Closed by a call inside the library, and used for something else? */
	if (syscall(SYS_fstat, fd, &st) < 0 || st.st_ino != fds[fd].ino ||
	    st.st_dev != fds[fd].dev) {
		fds[fd].on = false;
		return NULL;
	}
	return &fds[fd];
}

static bool chosen(const struct watched *w)
{
	return strstr(w->path, chosen_text()) != NULL;
}

/* Counts down; true when it is this call's turn. */
static bool fails(enum ctl which, const struct watched *w)
{
	int64_t n = ctl[which];

	if (n <= 0 || !chosen(w))
		return false;
	while (n > 0) {
		int64_t next = n == 1 && ctl[CTL_STICKY] != 0 ? 1 : n - 1;

		if (atomic_compare_exchange_weak(&ctl[which], &n, next)) {
			if (n == 1)
				did(CTL_DID_EIO);
			return n == 1;
		}
	}
	return false;
}

static void watch(int fd, bool made)
{
	char link[64], path[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fd >= FDS_MAX || root_n == 0 || syscall(SYS_fstat, fd, &st) < 0 ||
	    !S_ISREG(st.st_mode))
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = syscall(SYS_readlink, link, path, sizeof(path) - 1);
	if (n <= (ssize_t)root_n || memcmp(path, root, root_n) != 0 || path[root_n] != '/')
		return;
	path[n] = '\0';
	snprintf(fds[fd].path, sizeof(fds[fd].path), "%s", path + root_n);
	fds[fd].dev = st.st_dev;
	fds[fd].ino = st.st_ino;
	if (made)
		shadow_made(fd);
	fds[fd].on = true;
}

static int do_open(int dir, const char *path, int flags, unsigned mode)
{
	bool maybe = root_n > 0 && (flags & O_CREAT) != 0;
	struct stat st;
	bool made = maybe && syscall(SYS_newfstatat, dir, path, &st, 0) < 0;
	int fd = (int)syscall(SYS_openat, dir, path, flags, mode);

	if (fd >= 0)
		watch(fd, made);
	return fd;
}

#define MODE_ARG(flags, mode)                                                                      \
	unsigned mode = 0;                                                                         \
	if (((flags) & (O_CREAT | __O_TMPFILE)) != 0) {                                            \
		va_list ap;                                                                        \
		va_start(ap, flags);                                                               \
		mode = va_arg(ap, unsigned);                                                       \
		va_end(ap);                                                                        \
	}

HOOK int shim_open(const char *path, int flags, ...) __asm__("open");
int shim_open(const char *path, int flags, ...)
{
	MODE_ARG(flags, mode)
	return do_open(AT_FDCWD, path, flags, mode);
}

HOOK int shim_open64(const char *path, int flags, ...) __asm__("open64");
int shim_open64(const char *path, int flags, ...)
{
	MODE_ARG(flags, mode)
	return do_open(AT_FDCWD, path, flags, mode);
}

HOOK int shim_openat(int dir, const char *path, int flags, ...) __asm__("openat");
int shim_openat(int dir, const char *path, int flags, ...)
{
	MODE_ARG(flags, mode)
	return do_open(dir, path, flags, mode);
}

HOOK int shim_openat64(int dir, const char *path, int flags, ...) __asm__("openat64");
int shim_openat64(int dir, const char *path, int flags, ...)
{
	MODE_ARG(flags, mode)
	return do_open(dir, path, flags, mode);
}

HOOK int shim_open_2(const char *path, int flags) __asm__("__open_2");
int shim_open_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

HOOK int shim_open64_2(const char *path, int flags) __asm__("__open64_2");
int shim_open64_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

HOOK int shim_close(int fd) __asm__("close");
int shim_close(int fd)
{
	if (fd >= 0 && fd < FDS_MAX)
		fds[fd].on = false;
	return (int)syscall(SYS_close, fd);
}

static bool read_refused(int fd)
{
	const struct watched *w = ctl[CTL_READ_FAILS] > 0 ? watched(fd) : NULL;

	if (w == NULL || !fails(CTL_READ_FAILS, w))
		return false;
	errno = EIO;
	return true;
}

HOOK ssize_t shim_read(int fd, void *p, size_t n) __asm__("read");
ssize_t shim_read(int fd, void *p, size_t n)
{
	return read_refused(fd) ? -1 : (ssize_t)syscall(SYS_read, fd, p, n);
}

HOOK ssize_t shim_read_chk(int fd, void *p, size_t n, size_t max) __asm__("__read_chk");
ssize_t shim_read_chk(int fd, void *p, size_t n, size_t max)
{
	return n > max ? abort(), -1 : shim_read(fd, p, n);
}

static ssize_t do_pread(int fd, void *p, size_t n, off_t at)
{
	return read_refused(fd) ? -1 : (ssize_t)syscall(SYS_pread64, fd, p, n, at);
}

HOOK ssize_t shim_pread(int fd, void *p, size_t n, off_t at) __asm__("pread");
ssize_t shim_pread(int fd, void *p, size_t n, off_t at)
{
	return do_pread(fd, p, n, at);
}

HOOK ssize_t shim_pread64(int fd, void *p, size_t n, off_t at) __asm__("pread64");
ssize_t shim_pread64(int fd, void *p, size_t n, off_t at)
{
	return do_pread(fd, p, n, at);
}

HOOK ssize_t shim_pread64_chk(int fd, void *p, size_t n, off_t at,
			      size_t max) __asm__("__pread64_chk");
ssize_t shim_pread64_chk(int fd, void *p, size_t n, off_t at, size_t max)
{
	return n > max ? abort(), -1 : do_pread(fd, p, n, at);
}

HOOK ssize_t shim_pread_chk(int fd, void *p, size_t n, off_t at, size_t max) __asm__("__pread_chk");
ssize_t shim_pread_chk(int fd, void *p, size_t n, off_t at, size_t max)
{
	return n > max ? abort(), -1 : do_pread(fd, p, n, at);
}

/* How many of n bytes at `at` may be written now; -1 with errno. */
static ssize_t may_write(const struct watched *w, uint64_t at, size_t n)
{
	int64_t full = ctl[CTL_FULL], most = ctl[CTL_SHORT];

	if (fails(CTL_WRITE_FAILS, w)) {
		errno = EIO;
		return -1;
	}
	if (n == 0 || !chosen(w))
		return (ssize_t)n;
	if (full != 0) {
		struct stat st;
		uint64_t inside = 0;
		int64_t grows, left;

		if (full == 1 && syscall(SYS_fstat, (int)(w - fds), &st) == 0 &&
		    (uint64_t)st.st_size > at)
			inside = (uint64_t)st.st_size - at;
		grows = (int64_t)(n > inside ? n - inside : 0);
		left = grows > 0 ? atomic_fetch_sub(&ctl[CTL_FULL_AFTER], grows) : 0;
		if (left < grows) {
			ctl[CTL_FULL_AFTER] = 0;
			n = n - (size_t)grows + (size_t)(left > 0 ? left : 0);
			did(CTL_DID_FULL);
		}
		if (n == 0) {
			errno = ENOSPC;
			return -1;
		}
	}
	if (most > 0 && n > (size_t)most) {
		n = (size_t)most;
		did(CTL_DID_SHORT);
	}
	return (ssize_t)n;
}

static ssize_t do_writev(int fd, const struct iovec *v, int n, int64_t at)
{
	struct watched *w = watched(fd);
	struct iovec part[IOV_MAX]; /* the kernel takes no more */
	int64_t where = at;
	size_t sum = 0;
	ssize_t may, done;

	if (w == NULL || n > IOV_MAX)
		return at < 0 ? (ssize_t)syscall(SYS_writev, fd, v, n)
			      : (ssize_t)syscall(SYS_pwritev, fd, v, n, at, 0);
	if (at < 0) {
		struct stat st;
		bool append = (syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND) != 0;

		where = append && syscall(SYS_fstat, fd, &st) == 0
				? st.st_size
				: (int64_t)syscall(SYS_lseek, fd, (off_t)0, SEEK_CUR);
	}
	for (int i = 0; i < n; i++)
		sum += v[i].iov_len;
	may = may_write(w, (uint64_t)where, sum);
	if (may < 0)
		return -1;
	sum = (size_t)may;
	for (int i = 0; i < n; i++) {
		part[i] = v[i];
		if (part[i].iov_len > sum)
			part[i].iov_len = sum;
		sum -= part[i].iov_len;
	}
	done = at < 0 ? (ssize_t)syscall(SYS_writev, fd, part, n)
		      : (ssize_t)syscall(SYS_pwritev, fd, part, n, at, 0);
	if (done > 0)
		shadow_dirty(w->dev, w->ino, (uint64_t)where, (uint64_t)(where + done));
	return done;
}

static ssize_t do_write(int fd, const void *p, size_t n, int64_t at)
{
	struct iovec v = { (void *)(uintptr_t)p, n };

	if (fd < 0 || fd >= FDS_MAX || !fds[fd].on)
		return at < 0 ? (ssize_t)syscall(SYS_write, fd, p, n)
			      : (ssize_t)syscall(SYS_pwrite64, fd, p, n, at);
	return do_writev(fd, &v, 1, at);
}

HOOK ssize_t shim_write(int fd, const void *p, size_t n) __asm__("write");
ssize_t shim_write(int fd, const void *p, size_t n)
{
	return do_write(fd, p, n, -1);
}

HOOK ssize_t shim_pwrite(int fd, const void *p, size_t n, off_t at) __asm__("pwrite");
ssize_t shim_pwrite(int fd, const void *p, size_t n, off_t at)
{
	return do_write(fd, p, n, at);
}

HOOK ssize_t shim_pwrite64(int fd, const void *p, size_t n, off_t at) __asm__("pwrite64");
ssize_t shim_pwrite64(int fd, const void *p, size_t n, off_t at)
{
	return do_write(fd, p, n, at);
}

HOOK ssize_t shim_writev(int fd, const struct iovec *v, int n) __asm__("writev");
ssize_t shim_writev(int fd, const struct iovec *v, int n)
{
	return do_writev(fd, v, n, -1);
}

HOOK ssize_t shim_pwritev(int fd, const struct iovec *v, int n, off_t at) __asm__("pwritev");
ssize_t shim_pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	return do_writev(fd, v, n, at);
}

HOOK ssize_t shim_pwritev64(int fd, const struct iovec *v, int n, off_t at) __asm__("pwritev64");
ssize_t shim_pwritev64(int fd, const struct iovec *v, int n, off_t at)
{
	return do_writev(fd, v, n, at);
}

/* A file gets another length: what is cut off, or zeros that come, are dirty. */
static int do_resize(int fd, off_t size, bool reserve, int mode, off_t from)
{
	struct watched *w = watched(fd);
	struct stat st = { 0 };
	int r;

	if (w != NULL && syscall(SYS_fstat, fd, &st) == 0 && size > st.st_size &&
	    may_write(w, (uint64_t)st.st_size, (size_t)(size - st.st_size)) <
		    (ssize_t)(size - st.st_size)) {
		if (ctl[CTL_SHORT] == 0) {
			if (errno != EIO)
				errno = ENOSPC;
			return -1;
		}
	}
	r = reserve ? (int)syscall(SYS_fallocate, fd, mode, from, size - from)
		    : (int)syscall(SYS_ftruncate, fd, size);
	if (r == 0 && w != NULL && size < st.st_size)
		shadow_dirty(w->dev, w->ino, (uint64_t)size, (uint64_t)st.st_size);
	return r;
}

HOOK int shim_ftruncate(int fd, off_t size) __asm__("ftruncate");
int shim_ftruncate(int fd, off_t size)
{
	return do_resize(fd, size, false, 0, 0);
}

HOOK int shim_ftruncate64(int fd, off_t size) __asm__("ftruncate64");
int shim_ftruncate64(int fd, off_t size)
{
	return do_resize(fd, size, false, 0, 0);
}

HOOK int shim_fallocate(int fd, int mode, off_t at, off_t n) __asm__("fallocate");
int shim_fallocate(int fd, int mode, off_t at, off_t n)
{
	return do_resize(fd, at + n, true, mode, at);
}

HOOK int shim_fallocate64(int fd, int mode, off_t at, off_t n) __asm__("fallocate64");
int shim_fallocate64(int fd, int mode, off_t at, off_t n)
{
	return do_resize(fd, at + n, true, mode, at);
}

static bool below_root(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = syscall(SYS_readlink, link, path, sizeof(path) - 1);
	return root_n > 0 && n >= (ssize_t)root_n && memcmp(path, root, root_n) == 0 &&
	       (n == (ssize_t)root_n || path[root_n] == '/');
}

static int do_sync(int fd, long call)
{
	int64_t ms = ctl[CTL_SYNC_MS];
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
	struct watched *w = watched(fd);
	struct stat st;

	if (syscall(SYS_fstat, fd, &st) < 0)
		return -1;
	if (w == NULL && !(S_ISDIR(st.st_mode) && below_root(fd)))
		return (int)syscall(call, fd);
	if (ms > 0 && (w == NULL || chosen(w)))
		(void)syscall(SYS_nanosleep, &ts, NULL);
	if (w == NULL) {
		if (shadow_sync_dir(fd, &st) < 0)
			fatal("the names of a folder");
		did(CTL_DID_DIR_SYNC);
		return 0;
	}
	if (fails(CTL_SYNC_FAILS, w)) {
		(void)shadow_forget(fd, &st);
		errno = EIO;
		return -1;
	}
	if (shadow_sync_file(fd, &st) < 0)
		fatal(w->path);
	did(CTL_DID_SYNC);
	return 0;
}

HOOK int shim_fsync(int fd) __asm__("fsync");
int shim_fsync(int fd)
{
	return do_sync(fd, SYS_fsync);
}

HOOK int shim_fdatasync(int fd) __asm__("fdatasync");
int shim_fdatasync(int fd)
{
	return do_sync(fd, SYS_fdatasync);
}

HOOK int shim_clock_gettime(clockid_t clock, struct timespec *ts) __asm__("clock_gettime");
int shim_clock_gettime(clockid_t clock, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ts);

	if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
		int64_t ns = ts->tv_sec * INT64_C(1000000000) + ts->tv_nsec + ctl[CTL_CLOCK_NS];

		ts->tv_sec = ns / 1000000000;
		ts->tv_nsec = ns % 1000000000;
	}
	return r;
}

HOOK int shim_gettimeofday(struct timeval *tv, void *zone) __asm__("gettimeofday");
int shim_gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts;

	(void)shim_clock_gettime(CLOCK_REALTIME, &ts);
	if (tv != NULL)
		*tv = (struct timeval){ ts.tv_sec, ts.tv_nsec / 1000 };
	return 0;
}

HOOK time_t shim_time(time_t *t) __asm__("time");
time_t shim_time(time_t *t)
{
	struct timespec ts;

	(void)shim_clock_gettime(CLOCK_REALTIME, &ts);
	if (t != NULL)
		*t = ts.tv_sec;
	return ts.tv_sec;
}

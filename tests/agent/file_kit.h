/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/agent/file_kit.h: a folder of log files, and what a row's steps do to it. */
#ifndef VARTIO_TEST_FILE_KIT_H
#define VARTIO_TEST_FILE_KIT_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <utime.h>
#include <zlib.h>

#include "agent/inputs/file.h"
#include "common/base/file.h"
#include "tests/agent/file_rows.h"

static char dir[64];
static off_t old_size;

static const char *at(const char *name)
{
	static char paths[4][256];
	static unsigned k;
	char *p = paths[k++ % 4];

	snprintf(p, 256, "%s/%s", dir, name);
	return p;
}

static void put_at(const char *name, const char *text, size_t n, off_t where)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite_all(fd, text, n, where >= 0 ? where : st.st_size), 0);
	close(fd);
}

static void copy(const char *from, const char *to, bool gz)
{
	struct buf b = { 0 };
	struct err err;
	gzFile z;

	if (file_read(at(from), 4 << 20, &b, &err) < 0)
		fail_msg("%s", err.msg);
	if (!gz) {
		put_at(to, b.p, b.n, 0);
	} else {
		z = gzopen(at(to), "wb");
		assert_non_null(z);
		assert_int_equal(gzwrite(z, b.p, (unsigned)b.n), b.n);
		assert_int_equal(gzclose(z), Z_OK);
	}
	buf_release(&b);
}

/* A line of n times c, and whether its end is there. */
static inline void append_run(const char *name, char c, size_t n, const char *end)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_chr(&b, c);
	buf_str(&b, end);
	put_at(name, b.p, b.n, -1);
	buf_release(&b);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline void file_step(const struct step *s)
{
	char name[64];

	switch (s->op) {
	case APPEND:
		put_at(s->a, s->b, s->n > 0 ? s->n : strlen(s->b), -1);
		break;
	case AT_OLD:
		put_at(s->a, s->b, strlen(s->b), old_size);
		break;
	case MOVE:
		assert_int_equal(rename(at(s->a), at(s->b)), 0);
		break;
	case COPY:
		copy(s->a, s->b, false);
		break;
	case TRUNC:
		assert_int_equal(truncate(at(s->a), 0), 0);
		break;
	case GZIP:
		snprintf(name, sizeof(name), "%s.gz", s->a);
		copy(s->a, name, true);
		assert_int_equal(unlink(at(s->a)), 0);
		break;
	case REMOVE:
		assert_int_equal(unlink(at(s->a)), 0);
		break;
	case REPLACE:
		put_at(".tmp", s->b, strlen(s->b), 0);
		assert_int_equal(rename(at(".tmp"), at(s->a)), 0);
		break;
	case LINK:
		assert_int_equal(symlink(s->b, at(".tmp")), 0);
		assert_int_equal(rename(at(".tmp"), at(s->a)), 0);
		break;
	case RMDIR:
		assert_int_equal(nftw(at(s->a), remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
		break;
	case MKDIR:
		assert_int_equal(mkdir(at(s->a), 0755), 0);
		break;
	default:
		fail_msg("no such step");
	}
}

static void dir_new(void)
{
	strcpy(dir, "/tmp/vartio-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
}

static void dir_free(void)
{
	assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#endif

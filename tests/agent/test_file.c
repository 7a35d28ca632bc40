/* SPDX-License-Identifier: EUPL-1.2 */
/* The file input: every line of every scenario reaches the sink exactly once, whether the agent
 * runs on, is stopped between DOWN and UP, or its spool is full between DOWN and UP. */
#include "tests/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <utime.h>
#include <zlib.h>

#include "agent/inputs/file.h"
#include "common/base/file.h"
#include "tests/agent/inputs_world.h"

enum op {
	END,
	APPEND, /* file, text */
	AT_OLD, /* file, text: written where the file ended at the last SYNC (a writer's own offset)
		 */
	MOVE,   /* from, to */
	COPY,   /* from, to */
	TRUNC,  /* file */
	GZIP,   /* file: becomes file.gz */
	REMOVE, /* file */
	REPLACE, /* file, text: by rename */
	LINK,    /* name, target: an existing link is replaced by rename */
	RMDIR,   /* folder with all in it */
	MKDIR,   /* folder */
	SYNC,    /* wait for n records in all */
	DOWN,
	UP,
};
struct step {
	enum op op;
	const char *a, *b;
	size_t n; /* SYNC: records; APPEND: bytes of b, when it holds NUL */
};

enum mode { RUNNING, STOPPED, FULL, MODES };
static const char *const mode_names[] = { "running", "stopped", "full" };
#define NOT_STOPPED 1u

static const struct {
	const char *name, *paths;
	unsigned flags;
	struct step steps[16];
	const char *lines[12]; /* in any order, each once */
} rows[] = {
	{ "lines are added",
	  "log",
	  0,
	  { { APPEND, "log", "a\nb\n" },
	    { SYNC, .n = 2 },
	    { DOWN },
	    { APPEND, "log", "c\n" },
	    { UP } },
	  { "a", "b", "c" } },
	{ "a line without its end waits",
	  "log",
	  0,
	  { { APPEND, "log", "a\npart" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "log", "ial\nx" },
	    { UP } },
	  { "a", "partial" } },
	{ "CR LF, blank lines, NUL inside, bytes that are not UTF-8",
	  "log",
	  0,
	  { { APPEND, "log", "a\r\n\r\n\nb\0c\n\xff\xfe\n", 13 },
	    { SYNC, .n = 3 },
	    { DOWN },
	    { UP } },
	  { "a", "b\\0c", "\xff\xfe" } },
	{ "renamed",
	  "log",
	  0,
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "log", "b\n" },
	    { MOVE, "log", "log.1" },
	    { APPEND, "log", "c\n" },
	    { UP } },
	  { "a", "b", "c" } },
	{ "renamed, and its writer goes on in it",
	  "log",
	  0,
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { MOVE, "log", "log-20261123" },
	    { APPEND, "log", "c\n" },
	    { APPEND, "log-20261123", "b\n" },
	    { UP },
	    { SYNC, .n = 3 } },
	  { "a", "b", "c" } },
	{ "renamed twice, all names matched",
	  "log*",
	  0,
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "log", "b\n" },
	    { MOVE, "log", "log.1" },
	    { APPEND, "log", "c\n" },
	    { MOVE, "log.1", "log.2" },
	    { MOVE, "log", "log.1" },
	    { APPEND, "log", "d\n" },
	    { UP } },
	  { "a", "b", "c", "d" } },
	{ "renamed, its last line without an end",
	  "log",
	  0,
	  { { APPEND, "log", "a\nrest" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { MOVE, "log", "log.1" },
	    { APPEND, "log", "b\n" },
	    { UP } },
	  { "a", "rest", "b" } },
	{ "removed, its last line without an end",
	  "log",
	  NOT_STOPPED,
	  { { APPEND, "log", "a\nrest" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "log", "\nmore" },
	    { REMOVE, "log" },
	    { UP } },
	  { "a", "rest", "more" } },
	{ "removed, and a new one made",
	  "log",
	  NOT_STOPPED,
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "log", "b\n" },
	    { REMOVE, "log" },
	    { APPEND, "log", "c\n" },
	    { UP } },
	  { "a", "b", "c" } },
	{ "removed, and a new one has its inode",
	  "log",
	  0,
	  { { APPEND, "log", "a first line\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { REMOVE, "log" },
	    { APPEND, "log", "another first line, longer\n" },
	    { UP } },
	  { "a first line", "another first line, longer" } },
	{ "copied and truncated",
	  "log",
	  0,
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "log", "b\n" },
	    { COPY, "log", "log.1" },
	    { TRUNC, "log" },
	    { APPEND, "log", "c\n" },
	    { UP } },
	  { "a", "b", "c" } },
	{ "copied and truncated, longer than before",
	  "log",
	  0,
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "log", "b\n" },
	    { COPY, "log", "log.1" },
	    { TRUNC, "log" },
	    { APPEND, "log", "c\nd\ne\n" },
	    { UP } },
	  { "a", "b", "c", "d", "e" } },
	{ "copied and truncated, all names matched",
	  "log*",
	  0,
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "log", "b\n" },
	    { COPY, "log", "log.1" },
	    { TRUNC, "log" },
	    { APPEND, "log", "c\n" },
	    { UP } },
	  { "a", "b", "c" } },
	{ "truncated, the writer keeps its offset: NUL bytes in front",
	  "log",
	  0,
	  { { APPEND, "log", "a\nlonger\n" },
	    { SYNC, .n = 2 },
	    { DOWN },
	    { COPY, "log", "log.1" },
	    { TRUNC, "log" },
	    { AT_OLD, "log", "b\n" },
	    { UP },
	    { SYNC, .n = 3 },
	    { DOWN },
	    { APPEND, "log", "c\n" },
	    { UP } },
	  { "a", "longer", "b", "c" } },
	{ "renamed and compressed",
	  "log",
	  0,
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "log", "b\nrest" },
	    { MOVE, "log", "log.1" },
	    { GZIP, "log.1" },
	    { APPEND, "log", "c\n" },
	    { UP } },
	  { "a", "b", "rest", "c" } },
	{ "renamed and compressed, and again, all names matched",
	  "log*",
	  0,
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "log", "b\n" },
	    { MOVE, "log", "log.1" },
	    { GZIP, "log.1" },
	    { MOVE, "log.1.gz", "log.2.gz" },
	    { APPEND, "log", "c\n" },
	    { UP } },
	  { "a", "b", "c" } },
	{ "copied, truncated and compressed",
	  "log",
	  0,
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "log", "b\n" },
	    { COPY, "log", "log.1" },
	    { TRUNC, "log" },
	    { GZIP, "log.1" },
	    { APPEND, "log", "c\n" },
	    { UP } },
	  { "a", "b", "c" } },
	{ "compressed after it was read: nothing again",
	  "log*",
	  0,
	  { { APPEND, "log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { MOVE, "log", "log.1" },
	    { GZIP, "log.1" },
	    { APPEND, "log", "b\n" },
	    { UP } },
	  { "a", "b" } },
	{ "replaced by rename, the same and more",
	  "log",
	  0,
	  { { APPEND, "log", "a\nb\n" },
	    { SYNC, .n = 2 },
	    { DOWN },
	    { REPLACE, "log", "a\nb\nc\n" },
	    { UP },
	    { SYNC, .n = 3 },
	    { APPEND, "log", "d\n" } },
	  { "a", "b", "c", "d" } },
	{ "replaced by rename, another content",
	  "log",
	  0,
	  { { APPEND, "log", "a\nb\n" },
	    { SYNC, .n = 2 },
	    { DOWN },
	    { REPLACE, "log", "x\ny\nz\n" },
	    { UP } },
	  { "a", "b", "x", "y", "z" } },
	{ "an editor that keeps a backup",
	  "log",
	  0,
	  { { APPEND, "log", "a\nb\n" },
	    { SYNC, .n = 2 },
	    { DOWN },
	    { MOVE, "log", "log~" },
	    { APPEND, "log", "a\nb\nc\n" },
	    { REMOVE, "log~" },
	    { UP } },
	  { "a", "b", "c" } },
	{ "a link points elsewhere",
	  "current",
	  0,
	  { { APPEND, "app-1", "a\n" },
	    { LINK, "current", "app-1" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "app-1", "b\n" },
	    { APPEND, "app-2", "c\n" },
	    { LINK, "current", "app-2" },
	    { UP },
	    { SYNC, .n = 3 },
	    { APPEND, "app-2", "d\n" } },
	  { "a", "b", "c", "d" } },
	{ "a link and its file are one",
	  "*",
	  0,
	  { { APPEND, "app", "a\n" },
	    { LINK, "current", "app" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { UP },
	    { APPEND, "app", "b\n" } },
	  { "a", "b" } },
	{ "new files, the same first line, excluded and compressed ones",
	  "*",
	  0,
	  { { APPEND, "one", "start\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "two", "start\n" },
	    { APPEND, "three.skip", "no\n" },
	    { APPEND, "four", "f\n" },
	    { GZIP, "four" },
	    { APPEND, "five.xz", "no\n" },
	    { UP } },
	  { "start", "start" } },
	{ "its folder is removed and made again",
	  "sub/log",
	  NOT_STOPPED,
	  { { MKDIR, "sub" },
	    { APPEND, "sub/log", "a\n" },
	    { SYNC, .n = 1 },
	    { DOWN },
	    { APPEND, "sub/log", "b\n" },
	    { RMDIR, "sub" },
	    { MKDIR, "sub" },
	    { APPEND, "sub/log", "c\n" },
	    { UP },
	    { SYNC, .n = 3 },
	    { APPEND, "sub/log", "d\n" } },
	  { "a", "b", "c", "d" } },
	{ "a folder that comes later",
	  "sub/*.log",
	  0,
	  { { DOWN },
	    { MKDIR, "sub" },
	    { APPEND, "sub/x.log", "a\n" },
	    { UP },
	    { SYNC, .n = 1 },
	    { APPEND, "sub/x.log", "b\n" } },
	  { "a", "b" } },
};

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

	if (file_read(at(from), 1 << 20, &b, &err) < 0)
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

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void file_step(const struct step *s)
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

static void open_in(struct world *w, const char *paths, const char *more)
{
	char yaml[512];

	snprintf(yaml, sizeof(yaml),
		 "{paths: ['%s/%s'], exclude: ['*.skip'], poll_ms: 1s, close_rotated: 0s%s}", dir,
		 paths, more);
	world_open(w, &input_file, yaml);
}

static bool scanned(struct world *w, size_t n)
{
	const struct files *fs = w->in.data;

	if (fs->scan < n)
		return false;
	for (size_t i = 0; i < fs->n_tails; i++)
		if (fs->tails[i]->dirty || fs->tails[i]->state == TAIL_ROTATED)
			return false;
	return true;
}

/* Until three more scans have found nothing to do: what has not come by then does not come. The
 * scans are asked for here, as a poll would, so that no time has to pass. */
static void quiet(struct world *w, const char *what)
{
	for (int i = 0; i < 3; i++) {
		struct files *fs = w->in.data;

		fs->scan_wanted = true;
		files_wake(fs);
		if (!world_wait(w, scanned, fs->scan + 1)) {
			for (size_t k = 0; k < fs->n_tails; k++)
				print_message("# %s %d dirty %d at %llu\n", fs->tails[k]->path,
					      fs->tails[k]->state, fs->tails[k]->dirty,
					      (unsigned long long)fs->tails[k]->offset);
			fail_msg("%s: it does not come to rest", what);
		}
	}
}

static void go_down(struct world *w, enum mode mode)
{
	if (mode == STOPPED)
		world_close(w);
	if (mode == FULL)
		w->room = w->n;
}

static void go_up(struct world *w, enum mode mode, const char *paths, const char *more)
{
	if (mode == STOPPED)
		open_in(w, paths, more);
	if (mode != FULL)
		return;
	for (int i = 0; i < 20; i++) /* it notices what it cannot take yet */
		uv_run(&w->loop, UV_RUN_NOWAIT);
	w->room = WORLD_MAX;
	input_file.resume(&w->in);
}

static void shown(struct slice line, char out[256])
{
	size_t k = 0;

	for (size_t i = 0; i < line.n && k < 250; i++)
		if (line.p[i] != '\0') {
			out[k++] = line.p[i];
		} else {
			out[k++] = '\\';
			out[k++] = '0';
		}
	out[k] = '\0';
}

/* Each expected line once, and nothing else. */
static void compare(struct world *w, const char *what, const char *const *lines)
{
	bool used[64] = { false };
	char text[256];
	size_t k;

	for (size_t i = 0; i < w->n; i++) {
		shown(w->rec[i].line, text);
		for (k = 0; lines[k] != NULL && (used[k] || strcmp(lines[k], text) != 0); k++)
			;
		if (lines[k] == NULL)
			fail_msg("%s: '%s' came, and was not expected (again)", what, text);
		used[k] = true;
	}
	for (k = 0; lines[k] != NULL; k++)
		if (!used[k])
			fail_msg("%s: '%s' did not come", what, lines[k]);
}

static void sync_to(struct world *w, const char *what, size_t n, const char *file)
{
	struct stat st;

	if (!world_wait(w, world_has, n)) {
		for (size_t i = 0; i < w->n; i++)
			print_message("# %zu: %.*s\n", i, SLICE_FMT(w->rec[i].line));
		fail_msg("%s: %zu of %zu lines came", what, w->n, n);
	}
	if (file != NULL && stat(at(file), &st) == 0)
		old_size = st.st_size;
}

static void run_row(size_t r, enum mode mode)
{
	struct world *w = world_new();
	char what[256];
	size_t want = 0;

	snprintf(what, sizeof(what), "%s (%s)", rows[r].name, mode_names[mode]);
	while (rows[r].lines[want] != NULL)
		want++;
	dir_new();
	open_in(w, rows[r].paths, "");
	for (const struct step *s = rows[r].steps; s->op != END; s++)
		if (s->op == SYNC)
			sync_to(w, what, s->n, rows[r].paths);
		else if (s->op == DOWN)
			go_down(w, mode);
		else if (s->op == UP)
			go_up(w, mode, rows[r].paths, "");
		else
			file_step(s);
	sync_to(w, what, want, NULL);
	quiet(w, what);
	compare(w, what, rows[r].lines);
	world_close(w); /* and a start with the last places brings nothing */
	open_in(w, rows[r].paths, "");
	quiet(w, what);
	compare(w, what, rows[r].lines);
	world_free(w);
	dir_free();
}

static void test_rows(void **state)
{
	enum mode mode = *(const enum mode *)*state;

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
		if (mode != STOPPED || (rows[r].flags & NOT_STOPPED) == 0)
			run_row(r, mode);
}

int main(void)
{
	static enum mode modes[] = { RUNNING, STOPPED, FULL };
	const struct CMUnitTest tests[] = {
		{ "rows, running", test_rows, NULL, NULL, &modes[0] },
		{ "rows, stopped", test_rows, NULL, NULL, &modes[1] },
		{ "rows, full", test_rows, NULL, NULL, &modes[2] },
	};
	return RUN_TESTS(tests);
}

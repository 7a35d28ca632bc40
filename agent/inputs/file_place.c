/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/file_place.c: a place in a file as text, fingerprints, and names.
 * A checkpoint's value: "1 DEV INO BASE OFFSET N HASH FLAGS PATHLEN PATH REAL", numbers in decimal,
 * HASH 16 hex digits, FLAGS of s (skip), m (mid), d (done), p (pending) or "-", then, where known,
 * "eN.AT.CRC" (CRC-32C of the N bytes before AT), "@" and the file's last change as it was last
 * seen, in ns. N is 0 where nothing was read yet: then what changed after "@" is all that can be
 * missing. */
#include "agent/inputs/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/base/digits.h"
#include "common/base/hash.h"
#include "common/base/time.h"

#define END_GZ_MAX ((uint64_t)64 << 20) /* inflated at once, in a third of a second or so */

uint64_t print_hash(const void *p, size_t n)
{
	uint8_t sum[SHA256_LEN];
	uint64_t h;

	sha256((struct slice){ p, n }, sum);
	memcpy(&h, sum, sizeof(h));
	return h;
}

struct file_end end_of(struct slice before, uint64_t at)
{
	size_t n = before.n < FILE_END_MAX ? before.n : FILE_END_MAX;

	return (struct file_end){ (uint32_t)n, crc32c(0, before.p + before.n - n, n), at };
}

bool end_is_in(const struct file_end *end, int fd)
{
	char p[FILE_END_MAX];

	return end->n == 0 ||
	       (pread_all(fd, p, end->n, (off_t)(end->at - end->n)) == (ssize_t)end->n &&
		crc32c(0, p, end->n) == end->crc);
}

bool end_is_in_gz(const struct file_end *end, gzFile gz)
{
	char p[FILE_END_MAX];
	bool ok;

	if (end->n == 0 || end->at > END_GZ_MAX)
		return true;
	ok = gzseek(gz, (z_off_t)(end->at - end->n), SEEK_SET) >= 0 &&
	     gzread(gz, p, end->n) == (int)end->n && crc32c(0, p, end->n) == end->crc;
	return gzrewind(gz) == 0 && ok;
}

bool print_is_in_gz(const struct file_print *print, gzFile gz)
{
	char head[FILE_HEAD_MAX];

	return print->n > 0 && (gzdirect(gz) != 0 || print->base <= FILE_NULS_MAX) &&
	       gzseek(gz, (z_off_t)print->base, SEEK_SET) >= 0 &&
	       gzread(gz, head, print->n) == (int)print->n &&
	       print_hash(head, print->n) == print->hash && gzrewind(gz) == 0;
}

/* Digits up to the stop, or to the end. */
static bool number(struct slice *s, char stop, uint64_t max, uint64_t *ret)
{
	ssize_t n = slice_chr(*s, stop);
	struct slice digits = { s->p, n >= 0 ? (size_t)n : s->n };

	*s = slice_from(*s, n >= 0 ? (size_t)n + 1 : s->n);
	return slice_uint(digits, max, ret);
}

static struct file_end end_read(struct slice flags, uint64_t offset)
{
	ssize_t e = slice_chr(flags, 'e');
	struct slice s = slice_from(flags, e >= 0 ? (size_t)e + 1 : flags.n);
	uint64_t n, at, crc;

	if (!number(&s, '.', FILE_END_MAX, &n) || !number(&s, '.', offset, &at) || n > at ||
	    !number(&s, '@', UINT32_MAX, &crc))
		return (struct file_end){ 0 };
	return (struct file_end){ (uint32_t)n, (uint32_t)crc, at };
}

static char *number_put(char *to, char before, uint64_t v)
{
	*to = before;
	return to + 1 + digits_put(to + 1, v);
}

/* What a line's place has in common with the one before it, of the same file and read. */
static struct place_same place_same(const struct tail *t, bool skip, bool mid)
{
	const struct timespec *at = t->print.n > 0 ? &t->mtime : &t->after;

	return (struct place_same){
		.dev = t->dev,
		.ino = t->ino,
		.base = t->print.base,
		.hash = t->print.hash,
		.n = t->print.n,
		.changed_ns = at->tv_sec > 0 ? (uint64_t)time_ns_of(at) : 0,
		.flags = (skip ? PLACE_SKIP : 0u) | (mid ? PLACE_MID : 0u) |
			 (t->done ? PLACE_DONE : 0u) | (t->done && t->pending ? PLACE_PENDING : 0u),
	};
}

static void flags_put(struct buf *out, uint64_t flags)
{
	static const char letters[] = "smdp";

	if (flags == 0)
		buf_chr(out, '-');
	for (unsigned i = 0; letters[i] != '\0'; i++)
		if ((flags & (1u << i)) != 0)
			buf_chr(out, letters[i]);
}

/* Makes the parts of the text that lines have in common. false: out of memory. */
static bool parts_make(struct place_text *pt, const struct place_same *same, struct slice path,
		       struct slice real)
{
	struct buf *p = pt->part;

	for (unsigned i = 0; i < PLACE_PARTS; i++)
		buf_reset(&p[i]);
	buf_printf(&p[0], "1 %" PRIu64 " %" PRIu64 " %" PRIu64 " ", same->dev, same->ino,
		   same->base);
	buf_printf(&p[1], " %" PRIu64 " ", same->n);
	hex_put(&p[1], &same->hash, sizeof(same->hash));
	buf_chr(&p[1], ' ');
	flags_put(&p[1], same->flags);
	if (same->changed_ns > 0)
		buf_printf(&p[2], "@%" PRIu64, same->changed_ns);
	buf_printf(&p[2], " %zu ", path.n);
	pt->names_at = p[2].n;
	pt->path_n = path.n;
	buf_slice(&p[2], path);
	buf_chr(&p[2], ' ');
	buf_slice(&p[2], real);
	pt->same = *same;
	pt->made = !p[0].failed && !p[1].failed && !p[2].failed;
	for (unsigned i = 0; i < PLACE_PARTS; i++)
		p[i].failed = false;
	return pt->made;
}

static bool names_are(const struct place_text *pt, struct slice path, struct slice real)
{
	const struct slice names = slice_from(buf_view(&pt->part[2]), pt->names_at);

	return pt->path_n == path.n && names.n == path.n + 1 + real.n &&
	       memcmp(names.p, path.p, path.n) == 0 &&
	       memcmp(names.p + path.n + 1, real.p, real.n) == 0;
}

static char *part_put(char *to, const struct buf *part)
{
	memcpy(to, part->p, part->n);
	return to + part->n;
}

/* Made for each line: all but four numbers is copied from the line before. */
struct slice tail_place(const struct tail *t, uint64_t offset, bool skip, bool mid,
			struct place_text *pt)
{
	const struct slice path = slice_str(t->path), real = slice_str(t->real);
	const struct place_same same = place_same(t, skip, mid);
	const struct buf *p = pt->part;
	char *to;

	buf_reset(&pt->text);
	pt->text.failed = (!pt->made || memcmp(&same, &pt->same, sizeof(same)) != 0 ||
			   !names_are(pt, path, real)) &&
			  !parts_make(pt, &same, path, real);
	if (pt->text.failed ||
	    buf_reserve(&pt->text, p[0].n + p[1].n + p[2].n + 4 * (1 + DIGITS_MAX)) < 0)
		return (struct slice){ NULL, 0 };
	to = part_put(pt->text.p, &p[0]);
	to += digits_put(to, offset);
	to = part_put(to, &p[1]);
	if (t->end.n > 0) {
		to = number_put(to, 'e', t->end.n);
		to = number_put(to, '.', t->end.at);
		to = number_put(to, '.', t->end.crc);
	}
	to = part_put(to, &p[2]);
	pt->text.n = (size_t)(to - pt->text.p);
	return buf_view(&pt->text);
}

void place_text_release(struct place_text *pt)
{
	for (unsigned i = 0; i < PLACE_PARTS; i++)
		buf_release(&pt->part[i]);
	buf_release(&pt->text);
}

static bool word(struct slice *s, struct slice *ret)
{
	ssize_t n = slice_chr(*s, ' ');

	if (n <= 0)
		return false;
	*ret = (struct slice){ s->p, (size_t)n };
	*s = slice_from(*s, (size_t)n + 1);
	return true;
}

/* The last change, when flags tell it. */
static struct timespec changed_at(struct slice flags)
{
	ssize_t at = slice_chr(flags, '@');
	uint64_t ns = 0;

	if (at < 0 || !slice_uint(slice_from(flags, (size_t)at + 1), INT64_MAX, &ns))
		ns = 0;
	return (struct timespec){ (time_t)(ns / NS_PER_SEC), (long)(ns % NS_PER_SEC) };
}

static char *text(struct slice s)
{
	return s.n > 0 && slice_chr(s, '\0') < 0 ? strndup(s.p, s.n) : NULL;
}

bool tail_place_read(struct tail *t, struct slice value)
{
	struct slice s = value, w;
	uint64_t v[5], path_n, hash;
	char *path, *real;

	if (!word(&s, &w) || !slice_is(w, "1"))
		return false;
	for (size_t i = 0; i < 5; i++)
		if (!word(&s, &w) || !slice_uint(w, UINT64_MAX, &v[i]))
			return false;
	if (v[4] > FILE_HEAD_MAX || v[2] > v[3] || v[3] > INT64_MAX)
		return false;
	if (!word(&s, &w) || w.n != 2 * sizeof(hash) || !hex_parse(w, &hash, sizeof(hash)))
		return false;
	if (!word(&s, &w))
		return false;
	t->skip = slice_chr(w, 's') >= 0;
	t->mid = slice_chr(w, 'm') >= 0;
	t->done = slice_chr(w, 'd') >= 0;
	t->pending = slice_chr(w, 'p') >= 0;
	t->mtime = changed_at(w);
	t->after = v[4] == 0 ? t->mtime : (struct timespec){ 0 };
	t->end = end_read(w, v[3]);
	if (!word(&s, &w) || !slice_uint(w, 65536, &path_n) || path_n + 1 >= s.n ||
	    s.p[path_n] != ' ')
		return false;
	path = text((struct slice){ s.p, path_n });
	real = text(slice_from(s, path_n + 1));
	if (path == NULL || real == NULL || real[0] != '/') {
		free(path);
		free(real);
		return false;
	}
	free(t->path);
	free(t->real);
	t->path = path;
	t->real = real;
	t->dev = (dev_t)v[0];
	t->ino = (ino_t)v[1];
	t->offset = v[3];
	t->print = (struct file_print){ .base = v[2], .n = (uint32_t)v[4], .hash = hash };
	return true;
}

bool time_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

bool time_same(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* The moment before the file's last change: more may be written in the same tick of its clock. */
static struct timespec before_change(const struct stat *st)
{
	struct timespec at = st->st_mtim;

	at.tv_sec -= at.tv_nsec == 0 ? 1 : 0;
	at.tv_nsec = (at.tv_nsec + NS_PER_SEC - 1) % NS_PER_SEC;
	return at;
}

bool tail_changed_after(const struct tail *t, const struct stat *st)
{
	const struct timespec at = before_change(st);

	return time_later(&at, &t->after);
}

void tail_store_unread(struct tail *t)
{
	struct stat st;

	if (fstat(t->fd, &st) < 0 || st.st_mtim.tv_sec <= 0)
		return;
	if (st.st_size > 0 || tail_changed_after(t, &st))
		t->after = before_change(&st);
	tail_store(t);
}

static const char *const compressed[] = {
	".gz", ".xz", ".bz2", ".zst", ".lz4", ".Z", ".zip", NULL
};

bool file_compressed(const char *name)
{
	for (size_t i = 0; compressed[i] != NULL; i++)
		if (slice_ends(slice_str(name), slice_str(compressed[i])))
			return true;
	return false;
}

/* The letters of a name, without what rotation adds. Long names are told apart by their start. */
static struct slice letters(const char *name, char out[256])
{
	static const char *const endings[] = { "gz", "old", "bak", "orig" };
	struct slice s = { out, 0 };

	for (; *name != '\0' && s.n < 255; name++)
		if (strchr("0123456789-_.~", *name) == NULL)
			out[s.n++] = *name;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (slice_ends(s, slice_str(endings[i])))
			s.n -= strlen(endings[i]);
	return s;
}

bool file_siblings(const char *a, const char *b)
{
	char la[256], lb[256];

	return slice_eq(letters(a, la), letters(b, lb));
}

const char *file_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

bool file_rotated_dir(const struct tail *t, size_t i, char out[FILE_DIR_MAX])
{
	const struct conf_strs *more = &t->fs->conf->rotated_to;
	int n;

	if (i > more->n || i >= FILE_DIRS_MAX)
		return false;
	if (i == 0)
		n = snprintf(out, FILE_DIR_MAX, "%.*s", (int)file_dir(t->real), t->real);
	else if (more->v[i - 1][0] == '/')
		n = snprintf(out, FILE_DIR_MAX, "%s", more->v[i - 1]);
	else
		n = snprintf(out, FILE_DIR_MAX, "%.*s/%s", (int)file_dir(t->path), t->path,
			     more->v[i - 1]);
	while (n > 1 && n < (int)FILE_DIR_MAX && out[n - 1] == '/')
		out[--n] = '\0';
	return true;
}

size_t file_dir(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
}

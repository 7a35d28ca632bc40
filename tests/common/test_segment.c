/* SPDX-License-Identifier: EUPL-1.2 */
/* common/store/segment: what was synced is found again; a torn tail is cut; damage is told and
 * passed; a full disk and a full log change nothing. */
#include "tests/cmocka.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/store/segment.h"

static char dir[64];
static bool ordered; /* of the logs that open_log opens */

static int make_dir(void **state)
{
	ordered = false;
	snprintf(dir, sizeof(dir), "/tmp/vartio-segment-XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static int remove_dir(void **state)
{
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* What `each` saw: "kind:payload " for each record; a snapshot is kind 0. */
static struct buf seen;

static int see(void *arg, const struct seg_record *rec, struct err *err)
{
	buf_printf(&seen, "%u:%.*s ", rec->kind, (int)(rec->payload.n < 24 ? rec->payload.n : 24),
		   rec->payload.p);
	return 0;
}

static void snap(void *arg, struct buf *out)
{
	buf_str(out, "snap");
}

static struct seglog *open_log(uint64_t segment_bytes, uint64_t max_bytes, bool snapshots)
{
	struct seglog_opts o = { .dir = dir,
				 .magic = "VTTEST",
				 .segment_bytes = segment_bytes,
				 .max_bytes = max_bytes,
				 .ordered = ordered,
				 .snapshot = snapshots ? snap : NULL };
	struct seglog *lg = NULL;
	struct err err = { 0 };

	buf_reset(&seen);
	if (seglog_open(&o, see, &lg, &err) < 0)
		fail_msg("open: %s", err.msg);
	return lg;
}

static int put(struct seglog *lg, const char *text, struct err *err)
{
	struct slice parts[2] = { { text, strlen(text) / 2 }, slice_str(text + strlen(text) / 2) };

	return seglog_append(lg, 1, parts, 2, NULL, err);
}

static void put_ok(struct seglog *lg, const char *text)
{
	struct err err = { 0 };

	if (put(lg, text, &err) < 0 || seglog_sync(lg, &err) < 0)
		fail_msg("append: %s", err.msg);
}

/* The records behind pos as text; "! " for each error. */
static const char *read_all(struct seglog *lg, struct seg_pos pos)
{
	struct seg_reader *rd = NULL;
	struct seg_record rec;
	struct err err = { 0 };
	int r;

	buf_reset(&seen);
	assert_int_equal(seg_reader_open(lg, pos, &rd, &err), 0);
	for (int i = 0; i < 1000 && (r = seg_reader_next(rd, &rec, &err)) != 0; i++) {
		if (r > 0)
			see(NULL, &rec, &err);
		else
			buf_str(&seen, err.code == ERR_SYNTAX ? "! " : "? ");
	}
	seg_reader_close(rd);
	return buf_cstr(&seen);
}

static const char *file_path(unsigned number)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%016x.seg", dir, number);
	return path;
}

static void test_round_trip(void **state)
{
	struct seglog *lg = open_log(65536, 0, true);
	const struct seg_pos zero = { 0, 0 };
	struct err err;

	assert_string_equal(read_all(lg, zero), "");
	put_ok(lg, "one");
	put_ok(lg, "two two");
	assert_int_equal(put(lg, "not synced", &err), 0);
	assert_string_equal(read_all(lg, zero), "0:snap 1:one 1:two two ");
	assert_true(seg_pos_cmp(seglog_durable(lg), seglog_end(lg)) < 0);
	seglog_close(lg); /* syncs */
	lg = open_log(65536, 0, true);
	assert_string_equal(buf_cstr(&seen), "0:snap 1:one 1:two two 1:not synced ");
	assert_int_equal(seglog_torn_bytes(lg), 0);
	put_ok(lg, "");
	assert_string_equal(read_all(lg, zero), "0:snap 1:one 1:two two 1:not synced 1: ");
	seglog_close(lg);
}

/* Small files: a reader follows; old files go as wholes; a large record gets a larger file. */
static void test_files(void **state)
{
	struct seglog *lg = open_log(160, 0, true);
	struct seg_reader *rd = NULL;
	struct seg_record rec;
	struct seg_pos third = { 0 };
	struct err err;
	char big[1000];
	uint64_t before;

	assert_int_equal(seg_reader_open(lg, (struct seg_pos){ 0, 0 }, &rd, &err), 0);
	for (int i = 0; i < 6; i++) {
		char text[32];

		snprintf(text, sizeof(text), "record %d xxxxxxxxx", i);
		put_ok(lg, text);
		do
			assert_int_equal(seg_reader_next(rd, &rec, &err), 1);
		while (rec.kind == SEG_SNAPSHOT);
		assert_slice(rec.payload, text);
		if (i == 3)
			third = rec.pos;
		assert_int_equal(seg_reader_next(rd, &rec, &err), 0);
	}
	assert_true(third.file > 1);
	before = seglog_bytes(lg);
	assert_int_equal(seglog_drop_before(lg, third, &err), 0);
	assert_true(seglog_bytes(lg) < before);
	assert_int_equal(access(file_path(1), F_OK), -1);
	assert_int_equal(seglog_first(lg).file, third.file);
	memset(big, 'b', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	put_ok(lg, big);
	assert_int_equal(seglog_drop_before(lg, (struct seg_pos){ 1000, 0 }, &err), 0);
	assert_string_equal(read_all(lg, third), "0:snap 1:bbbbbbbbbbbbbbbbbbbbbbbb ");
	seg_reader_close(rd);
	seglog_close(lg);
	lg = open_log(160, 0, true);
	assert_string_equal(buf_cstr(&seen), "0:snap 1:bbbbbbbbbbbbbbbbbbbbbbbb ");
	seglog_close(lg);
}

/* The last record cut at every byte, and each of its bytes wrong: the log opens with all before
 * it, counts the rest, and goes on. */
static void test_torn_tail(void **state)
{
	struct buf whole = { 0 };
	struct seg_pos last = { 0 }, end;
	struct seglog *lg = open_log(4096, 0, false);
	struct err err;
	int fd;

	put_ok(lg, "one");
	last = seglog_end(lg);
	put_ok(lg, "the second, which will be torn");
	end = seglog_end(lg);
	seglog_close(lg);
	assert_int_equal(file_read(file_path(1), 1 << 20, &whole, &err), 0);
	for (uint64_t i = last.offset; i < 2 * end.offset - last.offset; i++) {
		bool flip = i >= end.offset; /* second round: this byte wrong, none missing */
		uint64_t at = flip ? i - (end.offset - last.offset) : i;
		char c = (char)(whole.p[at] ^ 1);

		fd = open(file_path(1), O_RDWR | O_TRUNC);
		assert_true(fd >= 0);
		assert_int_equal(pwrite_all(fd, whole.p, flip ? whole.n : (size_t)at, 0), 0);
		if (flip)
			assert_int_equal(pwrite_all(fd, &c, 1, (off_t)at), 0);
		close(fd);
		if (flip && at >= end.offset - 2)
			continue; /* the record's last two bytes are padding and carry nothing */
		lg = open_log(4096, 0, false);
		assert_string_equal(buf_cstr(&seen), "1:one ");
		if (flip || at > last.offset + 8)
			assert_true(seglog_torn_bytes(lg) > 0);
		if (at == last.offset && !flip)
			assert_int_equal(seglog_torn_bytes(lg), 0);
		put_ok(lg, "after");
		assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }), "1:one 1:after ");
		seglog_close(lg);
	}
	buf_release(&whole);
}

/* A file whose making was cut: at every length of its header. */
static void test_torn_birth(void **state)
{
	struct buf whole = { 0 };
	struct seglog *lg = open_log(128, 0, true);
	struct err err;

	put_ok(lg, "one xxxxxxxxxxxxx");
	put_ok(lg, "two xxxxxxxxxxxxx");
	seglog_close(lg);
	assert_int_equal(file_read(file_path(2), 1 << 20, &whole, &err), 0);
	for (size_t n = 0; n < 48; n++) {
		assert_int_equal(file_write(file_path(2), (struct slice){ whole.p, n }, 0600, &err),
				 0);
		lg = open_log(128, 0, true);
		assert_string_equal(buf_cstr(&seen), "0:snap 1:one xxxxxxxxxxxxx ");
		put_ok(lg, "new xxxxxxxxxxxxx");
		assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }),
				    "0:snap 1:one xxxxxxxxxxxxx 0:snap 1:new xxxxxxxxxxxxx ");
		seglog_close(lg);
		for (unsigned k = 2; k < 5; k++)
			unlink(file_path(k));
	}
	buf_release(&whole);
}

/* Any single bit inside is reported once, and everything else is still read: by a log that is open,
 * and by one that opens later. */
static void test_damage_inside(void **state)
{
	struct seglog *lg = open_log(4096, 0, false);
	struct seg_pos second, third;
	char c, wrong;
	int fd;

	put_ok(lg, "one");
	second = seglog_end(lg);
	put_ok(lg, "the second");
	third = seglog_end(lg);
	put_ok(lg, "three");
	put_ok(lg, "four");
	fd = open(file_path(1), O_RDWR);
	for (uint64_t i = second.offset; i < third.offset - 6; i++) { /* 6 bytes of padding */
		assert_int_equal(pread_all(fd, &c, 1, (off_t)i), 1);
		wrong = (char)(c ^ 0x40);
		assert_int_equal(pwrite_all(fd, &wrong, 1, (off_t)i), 0);
		assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }),
				    "1:one ! 1:three 1:four ");
		seglog_close(lg);
		lg = open_log(4096, 0, false);
		assert_string_equal(buf_cstr(&seen), "1:one 1:three 1:four ");
		assert_int_equal(seglog_damaged(lg), 1);
		assert_int_equal(seglog_torn_bytes(lg), 0);
		assert_int_equal(pwrite_all(fd, &c, 1, (off_t)i), 0);
	}
	put_ok(lg, "five");
	assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }),
			    "1:one 1:the second 1:three 1:four 1:five ");
	close(fd);
	seglog_close(lg);
}

static void flip(uint64_t at)
{
	int fd = open(file_path(1), O_RDWR);
	char c;

	assert_int_equal(pread_all(fd, &c, 1, (off_t)at), 1);
	c ^= 1;
	assert_int_equal(pwrite_all(fd, &c, 1, (off_t)at), 0);
	close(fd);
}

/* Where a record counts only with all before it: of those that were synced together none counts
 * behind a bad one. What was synced before a later record was written is damage, as ever. */
static void test_ordered(void **state)
{
	struct seg_pos at[5];
	struct seglog *lg;
	struct err err;

	ordered = true;
	lg = open_log(4096, 0, false);
	put_ok(lg, "zero");
	for (int i = 1; i < 4; i++) {
		at[i] = seglog_end(lg);
		assert_int_equal(put(lg, "together", &err), 0);
	}
	assert_int_equal(seglog_sync(lg, &err), 0);
	seglog_close(lg);
	flip(at[2].offset + 25);
	lg = open_log(4096, 0, false);
	assert_string_equal(buf_cstr(&seen), "1:zero 1:together ");
	assert_int_equal(seglog_damaged(lg), 0);
	assert_true(seglog_torn_bytes(lg) > 0);
	for (int i = 2; i < 4; i++) {
		at[i] = seglog_end(lg);
		assert_int_equal(put(lg, "again", &err), 0);
	}
	assert_int_equal(seglog_sync(lg, &err), 0);
	assert_int_equal(put(lg, "later", &err), 0); /* knows that they were synced */
	seglog_close(lg);
	flip(at[2].offset + 25);
	lg = open_log(4096, 0, false);
	assert_string_equal(buf_cstr(&seen), "1:zero 1:together 1:again 1:later ");
	assert_int_equal(seglog_damaged(lg), 1);
	assert_int_equal(seglog_torn_bytes(lg), 0);
	seglog_close(lg);
}

/* A log of the older version is read, and goes on in a file of the newer one; nothing of it is
 * dropped before there is one. */
static void test_ordered_from_older(void **state)
{
	struct seglog *lg = open_log(4096, 0, true);
	struct err err;

	put_ok(lg, "old");
	seglog_close(lg);
	ordered = true;
	lg = open_log(4096, 0, true);
	assert_string_equal(buf_cstr(&seen), "0:snap 1:old ");
	assert_int_equal(seglog_drop_before(lg, seglog_end(lg), &err), 0);
	assert_int_equal(access(file_path(1), F_OK), 0);
	put_ok(lg, "new");
	put_ok(lg, "newer");
	assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }),
			    "0:snap 1:old 0:snap 1:new 1:newer ");
	seglog_close(lg);
	lg = open_log(4096, 0, true);
	assert_string_equal(buf_cstr(&seen), "0:snap 1:old 0:snap 1:new 1:newer ");
	assert_int_equal(access(file_path(3), F_OK), -1);
	seglog_close(lg);
}

/* An older file whose header or tail is damaged is told of, and the others are read. */
static void test_damaged_file(void **state)
{
	struct seglog *lg = open_log(128, 0, false);
	int fd;

	put_ok(lg, "one xxxxxxxxxxxxxxxxx");
	put_ok(lg, "two xxxxxxxxxxxxxxxxx");
	put_ok(lg, "three xxxxxxxxxxxxxxx");
	seglog_close(lg);
	fd = open(file_path(2), O_RDWR);
	assert_int_equal(pwrite_all(fd, "\xff", 1, 20), 0); /* the file's number */
	close(fd);
	lg = open_log(128, 0, false);
	assert_int_equal(seglog_damaged(lg), 1);
	assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }),
			    "1:one xxxxxxxxxxxxxxxxx ! 1:three xxxxxxxxxxxxxxx ");
	seglog_close(lg);
	fd = open(file_path(1), O_RDWR);
	assert_int_equal(pwrite_all(fd, "\xff", 1, 76), 0); /* in the payload of its only record */
	close(fd);
	lg = open_log(128, 0, false);
	assert_int_equal(seglog_damaged(lg), 2);
	assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }), "! ! 1:three xxxxxxxxxxxxxxx ");
	seglog_close(lg);
}

/* Files of one record each that are gone, empty or cut: told with their names, also as the first.
 */
static void test_lost_files(void **state)
{
	static const struct {
		unsigned file;
		int size; /* -1: deleted */
		const char *left;
	} rows[] = {
		{ 2, -1, "1:1 xxxxxxxxxxxxxxxxx ! 1:3 xxxxxxxxxxxxxxxxx 1:4 xxxxxxxxxxxxxxxxx " },
		{ 2, 0, "1:1 xxxxxxxxxxxxxxxxx ! 1:3 xxxxxxxxxxxxxxxxx 1:4 xxxxxxxxxxxxxxxxx " },
		{ 2, 20, "1:1 xxxxxxxxxxxxxxxxx ! 1:3 xxxxxxxxxxxxxxxxx 1:4 xxxxxxxxxxxxxxxxx " },
		{ 2, 48, "1:1 xxxxxxxxxxxxxxxxx ! 1:3 xxxxxxxxxxxxxxxxx 1:4 xxxxxxxxxxxxxxxxx " },
		{ 2, 90, "1:1 xxxxxxxxxxxxxxxxx ! 1:3 xxxxxxxxxxxxxxxxx 1:4 xxxxxxxxxxxxxxxxx " },
		{ 1, 0, "! 1:2 xxxxxxxxxxxxxxxxx 1:3 xxxxxxxxxxxxxxxxx 1:4 xxxxxxxxxxxxxxxxx " },
		{ 1, 48, "! 1:2 xxxxxxxxxxxxxxxxx 1:3 xxxxxxxxxxxxxxxxx 1:4 xxxxxxxxxxxxxxxxx " },
		{ 1, -1, "! 1:2 xxxxxxxxxxxxxxxxx 1:3 xxxxxxxxxxxxxxxxx 1:4 xxxxxxxxxxxxxxxxx " },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seglog *lg = open_log(128, 0, false);
		struct err err = { 0 };

		put_ok(lg, "1 xxxxxxxxxxxxxxxxx");
		put_ok(lg, "2 xxxxxxxxxxxxxxxxx");
		put_ok(lg, "3 xxxxxxxxxxxxxxxxx");
		put_ok(lg, "4 xxxxxxxxxxxxxxxxx");
		seglog_close(lg);
		if (rows[i].size < 0)
			assert_int_equal(unlink(file_path(rows[i].file)), 0);
		else
			assert_int_equal(truncate(file_path(rows[i].file), rows[i].size), 0);
		lg = open_log(128, 0, false);
		/* Only the owner knows that it has not dropped the first. */
		assert_int_equal(seglog_expect(lg, (struct seg_pos){ 1, 48 }, &err), 0);
		assert_int_equal(seglog_damaged(lg), 1);
		assert_string_equal(read_all(lg, (struct seg_pos){ 1, 48 }), rows[i].left);
		put_ok(lg, "5");
		assert_int_equal(seglog_drop_before(lg, (struct seg_pos){ 4, 0 }, &err), 0);
		assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }),
				    "1:4 xxxxxxxxxxxxxxxxx 1:5 ");
		seglog_close(lg);
		lg = open_log(128, 0, false);
		assert_int_equal(seglog_damaged(lg), 0);
		seglog_close(lg);
		remove_dir(NULL);
		make_dir(NULL);
	}
}

/* A file's name in place of a folder, and a bit of the magic. */
static void test_odd_files(void **state)
{
	struct seglog_opts o = { .dir = dir, .magic = "VTTEST", .segment_bytes = 128 };
	struct seglog *lg, *other = NULL;
	struct err err = { 0 };
	int fd;

	for (unsigned file = 1; file <= 2; file++) { /* the last one, too */
		lg = open_log(128, 0, false);
		put_ok(lg, "1 xxxxxxxxxxxxxxxxx");
		put_ok(lg, "2 xxxxxxxxxxxxxxxxx");
		seglog_close(lg);
		fd = open(file_path(file), O_RDWR);
		assert_int_equal(pwrite_all(fd, "v", 1, 0), 0);
		close(fd);
		lg = open_log(128, 0, false);
		assert_int_equal(seglog_damaged(lg), 1);
		put_ok(lg, "3 xxxxxxxxxxxxxxxxx");
		assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }),
				    file == 1 ? "! 1:2 xxxxxxxxxxxxxxxxx 1:3 xxxxxxxxxxxxxxxxx "
					      : "1:1 xxxxxxxxxxxxxxxxx ! 1:3 xxxxxxxxxxxxxxxxx ");
		seglog_close(lg);
		remove_dir(NULL);
		make_dir(NULL);
	}
	assert_int_equal(mkdir(file_path(1), 0700), 0);
	assert_int_equal(seglog_open(&o, NULL, &other, &err), -1);
	assert_non_null(strstr(err.msg, "is a folder, not a file of Vartio"));
}

/* All of them emptied: each is told; a first file whose making was cut is not. */
static void test_all_emptied(void **state)
{
	struct seglog *lg = open_log(128, 0, false);

	put_ok(lg, "1 xxxxxxxxxxxxxxxxx");
	put_ok(lg, "2 xxxxxxxxxxxxxxxxx");
	put_ok(lg, "3 xxxxxxxxxxxxxxxxx");
	seglog_close(lg);
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(truncate(file_path(i), 0), 0);
	lg = open_log(128, 0, false);
	assert_int_equal(seglog_damaged(lg), 3);
	assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }), "! ! ! ");
	put_ok(lg, "4");
	assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }), "! ! ! 1:4 ");
	seglog_close(lg);
	remove_dir(NULL);
	make_dir(NULL);
	lg = open_log(128, 0, false);
	put_ok(lg, "1 xxxxxxxxxxxxxxxxx");
	seglog_close(lg);
	assert_int_equal(truncate(file_path(1), 0), 0);
	lg = open_log(128, 0, false);
	assert_int_equal(seglog_damaged(lg), 0);
	seglog_close(lg);
}

/* What a sender puts into a payload can never be taken for a record, even behind damage. */
static void test_forged_record(void **state)
{
	struct seglog *lg = open_log(4096, 0, false);
	struct buf file = { 0 }, forged = { 0 };
	struct slice part;
	struct err err;
	int fd;

	put_ok(lg, "genuine");
	seglog_close(lg);
	assert_int_equal(file_read(file_path(1), 1 << 20, &file, &err), 0);
	buf_put(&forged, file.p + 48, 32); /* a whole record of this format, from another log */
	unlink(file_path(1));
	lg = open_log(4096, 0, false);
	part = buf_view(&forged);
	assert_int_equal(seglog_append(lg, 2, &part, 1, NULL, &err), 0);
	put_ok(lg, "last");
	fd = open(file_path(1), O_RDWR);
	assert_int_equal(pwrite_all(fd, "\xff\xff\xff\x00", 4, 48),
			 0); /* its length: a scan follows */
	close(fd);
	assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }), "! 1:last ");
	seglog_close(lg);
	buf_release(&file);
	buf_release(&forged);
}

static void test_max_bytes(void **state)
{
	struct seglog *lg = open_log(256, 600, true);
	struct err err = { 0 };
	struct seg_pos end;
	uint64_t bytes;
	int n = 0;

	while (n < 100 && put(lg, "twenty-four bytes of it.", &err) == 0)
		n++;
	assert_int_equal(err.code, ERR_FULL);
	assert_int_equal(n, 7); /* 48 each, three a file; a file's head and snapshot take 80 */
	end = seglog_end(lg);
	bytes = seglog_bytes(lg);
	assert_true(bytes <= 600);
	assert_int_equal(put(lg, "twenty-four bytes of it.", &err), -1);
	assert_int_equal(seg_pos_cmp(end, seglog_end(lg)), 0);
	assert_int_equal(seglog_drop_before(lg, end, &err), 0);
	put_ok(lg, "again");
	seglog_close(lg);
}

/* A real full disk, as the kernel says it: no file of this process may grow past a limit. */
static void test_disk_full(void **state)
{
	struct rlimit was, small;
	struct seglog *lg = open_log(4096, 0, false);
	struct seg_pos end;
	struct err err = { 0 };
	char big[8192];

	put_ok(lg, "one");
	memset(big, 'b', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = was;
	small.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	end = seglog_end(lg);
	assert_int_equal(put(lg, big, &err), -1); /* the next file cannot be preallocated */
	assert_int_equal(err.code, ERR_FULL);
	assert_non_null(strstr(err.msg, dir));
	assert_int_equal(seg_pos_cmp(end, seglog_end(lg)), 0);
	assert_int_equal(access(file_path(2), F_OK), -1);
	put_ok(lg, "two"); /* what fits still fits */
	small.rlim_cur = 160;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	end = seglog_end(lg);
	assert_int_equal(put(lg, "a record that is cut in the middle of being written", &err), -1);
	assert_int_equal(err.code, ERR_FULL);
	assert_int_equal(seg_pos_cmp(end, seglog_end(lg)), 0);
	assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }), "1:one 1:two ");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	put_ok(lg, big);
	assert_string_equal(read_all(lg, (struct seg_pos){ 0, 0 }),
			    "1:one 1:two 1:bbbbbbbbbbbbbbbbbbbbbbbb ");
	seglog_close(lg);
	lg = open_log(4096, 0, false);
	assert_string_equal(buf_cstr(&seen), "1:one 1:two 1:bbbbbbbbbbbbbbbbbbbbbbbb ");
	assert_int_equal(seglog_torn_bytes(lg), 0);
	seglog_close(lg);
}

/* A process that ends at any moment without warning leaves what it said was synced. */
static void test_kill(void **state)
{
	unsigned seed = 7;

	for (int round = 0; round < 8; round++) {
		int fds[2], told = -1, n, found = 0;
		struct seglog *lg;
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nothing running */
			lg = open_log(512, 0, true);
			for (int i = 0; i < 10000; i++) {
				char text[32];

				snprintf(text, sizeof(text), "%d", i);
				put_ok(lg, text);
				if (write(fds[1], &i, sizeof(i)) != (ssize_t)sizeof(i))
					_exit(1);
			}
			_exit(0);
		}
		close(fds[1]);
		for (unsigned stop = (unsigned)rand_r(&seed) % 60; (unsigned)(told + 1) < stop;)
			assert_int_equal(read(fds[0], &told, sizeof(told)), sizeof(told));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(fds[0], &n, sizeof(n)) == (ssize_t)sizeof(n))
			told = n;
		close(fds[0]);
		lg = open_log(512, 0, true);
		for (const char *p = buf_cstr(&seen); (p = strstr(p, "1:")) != NULL; p += 2) {
			assert_int_equal(strtol(p + 2, NULL, 10), found);
			found++;
		}
		assert_true(found > told);
		assert_int_equal(seglog_damaged(lg), 0);
		seglog_close(lg);
		remove_dir(NULL);
		make_dir(NULL);
	}
}

static void test_refusals(void **state)
{
	struct seglog_opts o = { .dir = dir, .magic = "VTTEST", .segment_bytes = 4096 };
	struct seglog *lg, *other = NULL;
	struct err err = { 0 };
	uint8_t version = 3, head[48];
	char move[300];
	uint32_t crc;
	int fd;

	assert_int_equal(chmod(dir, 0750), 0);
	assert_int_equal(seglog_open(&o, NULL, &other, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "chmod 0700"));
	assert_int_equal(chmod(dir, 0700), 0);
	lg = open_log(4096, 0, false);
	put_ok(lg, "one");
	assert_int_equal(seglog_open(&o, NULL, &other, &err), -1);
	assert_int_equal(err.code, ERR_BUSY);
	assert_non_null(strstr(err.msg, dir));
	seglog_close(lg);
	memcpy((char *)(uintptr_t)o.magic, "VTOTHER", 8);
	assert_int_equal(seglog_open(&o, NULL, &other, &err), -1);
	assert_int_equal(err.code, ERR_SYNTAX);
	snprintf(move, sizeof(move), "move %s away", file_path(1));
	assert_non_null(strstr(err.msg, move));
	memcpy((char *)(uintptr_t)o.magic, "VTTEST\0", 8);
	fd = open(file_path(1), O_RDWR);
	assert_int_equal(pwrite_all(fd, &version, 1, 8), 0);
	close(fd);
	assert_int_equal(seglog_open(&o, NULL, &other, &err),
			 0); /* its checksum is wrong: damage */
	assert_int_equal(seglog_damaged(other), 1);
	seglog_close(other);
	other = NULL;
	fd = open(file_path(1), O_RDWR);
	assert_int_equal(pread_all(fd, head, sizeof(head), 0), sizeof(head));
	crc = crc32c(crc32c(0, head, 12), head + 16, sizeof(head) - 16);
	for (int i = 0; i < 4; i++)
		head[12 + i] = (uint8_t)(crc >> (8 * i));
	assert_int_equal(pwrite_all(fd, head, sizeof(head), 0), 0);
	close(fd);
	assert_int_equal(seglog_open(&o, NULL, &other, &err), -1);
	assert_int_equal(err.code, ERR_NEWER);
	assert_null(other);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_round_trip),         T(test_files),
		T(test_torn_tail),          T(test_torn_birth),
		T(test_damage_inside),      T(test_damaged_file),
		T(test_forged_record),      T(test_max_bytes),
		T(test_disk_full),          T(test_kill),
		T(test_refusals),           T(test_ordered),
		T(test_ordered_from_older), T(test_lost_files),
		T(test_odd_files),          T(test_all_emptied),
	};
	int r = RUN_TESTS(tests);

	buf_release(&seen);
	return r;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/lumberjack: frames from and to bytes, and compression within bounds. */
#include "tests/cmocka.h"

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "common/net/lumberjack.h"

static const struct {
	const char *name, *in;
	size_t n;
	ssize_t used;
	char kind;
	uint32_t number;
	const char *payload;
} frames[] = {
	{ "a window", "2W\0\0\1\2", 6, 6, 'W', 258, "" },
	{ "the widest window", "2W\0\1\0\0", 6, 6, 'W', 65536, "" },
	{ "a window too wide", "2W\0\1\0\1", 6, -1, 0, 0, NULL },
	{ "an event", "2J\0\0\0\7\0\0\0\2{}", 12, 12, 'J', 7, "{}" },
	{ "an event, more behind it", "2J\0\0\0\7\0\0\0\2{}2J", 14, 12, 'J', 7, "{}" },
	{ "an event of nothing", "2J\0\0\0\1\0\0\0\0", 10, 10, 'J', 1, "" },
	{ "the longest event",
	  "2J\0\0\0\1\0\0\0\x8"
	  "12345678",
	  18, 18, 'J', 1, "12345678" },
	{ "an event too long", "2J\0\0\0\1\0\0\0\x9", 10, -1, 0, 0, NULL },
	{ "a length of all ones", "2J\0\0\0\1\xff\xff\xff\xff", 10, -1, 0, 0, NULL },
	{ "a compressed frame", "2C\0\0\0\3abc", 9, 9, 'C', 0, "abc" },
	{ "a compressed frame too long", "2C\0\0\0\x9", 6, -1, 0, 0, NULL },
	{ "an acknowledgement", "2A\0\0\x8\0", 6, 6, 'A', 2048, "" },
	{ "version 1", "1W\0\0\0\1", 6, -1, 0, 0, NULL },
	{ "TLS where there is none", "\x16\x03\x01", 3, -1, 0, 0, NULL },
	{ "an unknown kind", "2D\0\0\0\1", 6, -1, 0, 0, NULL },
};
#define MAX_PAYLOAD 8

/* The bytes end at an unreadable page, so that a look past them is a crash. */
static ssize_t next_at_edge(const char *in, size_t n, struct lj_frame *ret, struct err *err)
{
	static char *pages;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (pages == NULL) {
		pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
		assert_true(pages != MAP_FAILED);
		assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
	}
	memcpy(pages + page - n, in, n);
	return lj_next((struct slice){ pages + page - n, n }, MAX_PAYLOAD, ret, err);
}

static void test_frames(void **state)
{
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct lj_frame f = { 0 };
		struct err err = { 0 };
		ssize_t used = next_at_edge(frames[i].in, frames[i].n, &f, &err);

		if (used != frames[i].used)
			fail_msg("%s: used %zd", frames[i].name, used);
		if (used < 0) {
			assert_int_equal(err.code, ERR_SYNTAX);
			continue;
		}
		assert_int_equal(f.kind, frames[i].kind);
		assert_int_equal(f.number, frames[i].number);
		assert_slice(f.payload, frames[i].payload);
		for (size_t n = 0; n < (size_t)used; n++)
			if (next_at_edge(frames[i].in, n, &f, &err) != 0)
				fail_msg("%s: %zu bytes are not a frame yet", frames[i].name, n);
	}
}

static void test_put(void **state)
{
	struct buf b = { 0 };

	lj_put_window(&b, 258);
	lj_put_json(&b, 7, SLICE("{}"));
	lj_put_ack(&b, 2048);
	lj_put_compressed(&b, SLICE("abc"));
	assert_int_equal(b.n, 6 + 12 + 6 + 9);
	assert_memory_equal(b.p,
			    "2W\0\0\1\2"
			    "2J\0\0\0\7\0\0\0\2{}"
			    "2A\0\0\x8\0"
			    "2C\0\0\0\3abc",
			    b.n);
	buf_release(&b);
}

static void packed(struct buf *out, size_t n, char fill)
{
	struct buf plain = { 0 };
	struct lj_frame f;
	struct err err;

	for (size_t i = 0; i < n; i++)
		buf_chr(&plain, fill != '\0' ? fill : (char)('a' + i * i % 23));
	assert_int_equal(lj_compress(out, buf_view(&plain), 6, &err), 0);
	assert_int_equal(lj_next(buf_view(out), out->n, &f, &err), out->n);
	assert_int_equal(f.kind, LJ_COMPRESSED);
	buf_eat(out, 6);
	buf_release(&plain);
}

/* What we compress zlib reads, and the other way round, for every level. */
static void test_zlib_agrees(void **state)
{
	static const char text[] =
		"{\"message\":\"Failed password for root\"},{\"message\":\"Failed\"}";
	struct buf b = { 0 };
	struct err err;
	char back[256];
	uLongf n;

	for (int level = 1; level <= 9; level++) {
		buf_reset(&b);
		assert_int_equal(lj_compress(&b, SLICE(text), level, &err), 0);
		n = sizeof(back);
		assert_int_equal(uncompress((Bytef *)back, &n, (const Bytef *)b.p + 6, b.n - 6),
				 Z_OK);
		assert_int_equal(n, sizeof(text) - 1);
		assert_memory_equal(back, text, n);
		n = sizeof(back);
		assert_int_equal(
			compress2((Bytef *)back, &n, (const Bytef *)text, sizeof(text) - 1, level),
			Z_OK);
		buf_reset(&b);
		buf_str(&b, "before ");
		assert_int_equal(lj_inflate((struct slice){ back, n }, 256, &b, &err), 0);
		assert_int_equal(b.n, 7 + sizeof(text) - 1);
		assert_memory_equal(b.p + 7, text, sizeof(text) - 1);
	}
	buf_release(&b);
}

/* Buffers of many sizes and of every compressibility come back whole, from both libraries. */
static void test_sizes(void **state)
{
	static const size_t sizes[] = { 0,     1,     7,     258,    4095,   32768,
					65535, 65536, 70001, 262144, 300000, 1 << 20 };
	unsigned seed = 20261127;
	struct buf plain = { 0 }, packed = { 0 }, back = { 0 };
	struct lj_frame f;
	struct err err;

	print_message("# seed %u\n", seed);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (unsigned kind = 0; kind < 4; kind++) {
			uLongf n = sizes[i] + 1;

			buf_reset(&plain);
			for (size_t k = 0; k < sizes[i]; k++) /* zeros, lines, half noise, noise */
				buf_chr(&plain, kind == 0 ? '\0'
						: kind == 1 || (kind == 2 && k / 4000 % 2 == 0)
							? "{\"user\":{\"name\":\"root\"}}\n"[k % 26]
							: (char)rand_r(&seed));
			for (int level = 1; level <= 3; level += 2) {
				buf_reset(&packed);
				buf_reset(&back);
				assert_int_equal(
					lj_compress(&packed, buf_view(&plain), level, &err), 0);
				assert_in_range(packed.n, 6, sizes[i] + sizes[i] / 64 + 4096);
				assert_int_equal(lj_next(buf_view(&packed), packed.n, &f, &err),
						 packed.n);
				assert_int_equal(lj_inflate(f.payload, sizes[i], &back, &err), 0);
				assert_int_equal(back.n, sizes[i]);
				assert_true(sizes[i] == 0 ||
					    memcmp(back.p, plain.p, sizes[i]) == 0);
				assert_int_equal(buf_reserve(&back, 1), 0);
				n = sizes[i] + 1;
				assert_int_equal(uncompress((Bytef *)back.p, &n,
							    (const Bytef *)f.payload.p,
							    f.payload.n),
						 Z_OK);
				assert_int_equal(n, sizes[i]);
			}
		}
	buf_release(&plain);
	buf_release(&packed);
	buf_release(&back);
}

static const struct {
	size_t plain, max;
	enum err_code code;
} bounds[] = {
	{ 1000, 1000, ERR_NONE },
	{ 1000, 999, ERR_FULL },
	{ 0, 0, ERR_NONE },
	{ 1, 0, ERR_FULL },
	{ 9 << 20, 9 << 20, ERR_NONE },
	{ 9 << 20, (9 << 20) - 1, ERR_FULL },
	{ 9 << 20, 1 << 20, ERR_FULL },
};

/* room: what out has free before; it decides how often inflating begins anew, and nothing else. */
static void bounded(size_t i, struct slice z, size_t room)
{
	struct buf out = { 0 };
	struct err err = { 0 };
	int r;

	if (room > 0)
		assert_int_equal(buf_reserve(&out, room), 0);
	r = lj_inflate(z, bounds[i].max, &out, &err);
	assert_int_equal(r, bounds[i].code == ERR_NONE ? 0 : -1);
	assert_int_equal(r < 0 ? err.code : ERR_NONE, bounds[i].code);
	assert_int_equal(out.n, r < 0 ? 0 : bounds[i].plain);
	buf_release(&out);
}

static void test_bounds(void **state)
{
	static const size_t rooms[] = { 0, 64, 1u << 20, 16u << 20 };

	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		struct buf z = { 0 };

		packed(&z, bounds[i].plain, 'x'); /* nearly a bomb: a thousand to one */
		for (size_t k = 0; k < sizeof(rooms) / sizeof(rooms[0]); k++)
			bounded(i, buf_view(&z), rooms[k]);
		buf_release(&z);
	}
}

/* A stream at every shorter length, with a byte behind it, and with each byte changed, is refused.
 */
static void test_damaged_streams(void **state)
{
	struct buf z = { 0 }, out = { 0 };
	struct err err;

	packed(&z, 300, '\0');
	for (size_t n = 0; n < z.n; n++) {
		assert_int_equal(lj_inflate((struct slice){ z.p, n }, 4096, &out, &err), -1);
		assert_int_equal(err.code, ERR_SYNTAX);
		assert_int_equal(out.n, 0);
	}
	for (size_t i = 0; i < z.n; i++) {
		z.p[i] = (char)(z.p[i] ^ 0x10);
		/* A bit that fills up the last byte of the data means nothing: then all is there.
		 */
		if (lj_inflate(buf_view(&z), 4096, &out, &err) == 0) {
			assert_int_equal(i, z.n - 5);
			assert_int_equal(out.n, 300);
			buf_reset(&out);
		}
		z.p[i] = (char)(z.p[i] ^ 0x10);
	}
	buf_chr(&z, '\0');
	assert_int_equal(lj_inflate(buf_view(&z), 4096, &out, &err), -1);
	assert_int_equal(err.code, ERR_SYNTAX);
	assert_int_equal(out.n, 0);
	buf_release(&z);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),      cmocka_unit_test(test_put),
		cmocka_unit_test(test_zlib_agrees), cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_bounds),      cmocka_unit_test(test_damaged_streams),
	};

	return RUN_TESTS(tests);
}

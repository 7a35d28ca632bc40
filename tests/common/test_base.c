/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base: times, checksums, encodings, settings. */
#include "tests/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/conf.h"
#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/base/time.h"

static const struct {
	const char *in;
	int64_t ns; /* -1: refused */
	const char *out;
} times[] = {
	{ "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z" },
	{ "2026-11-23T08:00:00.123Z", INT64_C(1795420800123000000), "2026-11-23T08:00:00.123Z" },
	{ "2026-11-23T10:00:00,5+02:00", INT64_C(1795420800500000000), "2026-11-23T08:00:00.500Z" },
	{ "2026-11-23 10:00:00+0200", INT64_C(1795420800000000000), "2026-11-23T08:00:00.000Z" },
	{ "2024-02-29T23:59:60Z", INT64_C(1709251200000000000), "2024-03-01T00:00:00.000Z" },
	{ "2024-02-29T00:00:00.000001Z", INT64_C(1709164800000001000),
	  "2024-02-29T00:00:00.000001Z" },
	{ "2023-02-29T00:00:00Z", -1, NULL },
	{ "2026-13-01T00:00:00Z", -1, NULL },
	{ "2026-11-23T24:00:00Z", -1, NULL },
	{ "2026-11-23T08:00:00.Z", -1, NULL },
	{ "2026-11-23T08:00:00", -1, NULL },
	{ "2026-11-23T08:00:00.5", -1, NULL },
	{ "2026-11-23", -1, NULL },
	{ "1677-12-31T23:59:59Z", -1, NULL },
	{ "2262-01-01T00:00:00Z", -1, NULL },
	{ "2026-11-23T08:00:00Zx", -1, NULL },
	{ "2026-11-23T08:00:00+24:00", -1, NULL },
};

static void test_times(void **state)
{
	char out[TIME_TEXT_MAX];
	int64_t t;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		bool ok = time_parse(slice_str(times[i].in), &t);

		if (ok != (times[i].ns >= 0))
			fail_msg("%s: %s", times[i].in, ok ? "accepted" : "refused");
		if (!ok)
			continue;
		assert_int_equal(t, times[i].ns);
		time_format(t, out);
		assert_string_equal(out, times[i].out);
	}
}

static void test_crc32c(void **state)
{
	uint8_t z[32] = { 0 };

	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u); /* RFC 3720 B.4 */
	assert_int_equal(crc32c(0, z, 32), 0x8a9136aau);
	assert_int_equal(crc32c(crc32c(0, "12345", 5), "6789", 4), 0xe3069283u);
}

static void test_encodings(void **state)
{
	struct buf b = { 0 }, back = { 0 };
	uint8_t raw[4];

	base64url_put(&b, "\xfb\xff\x01", 3);
	assert_slice(buf_view(&b), "-_8B");
	assert_true(base64url_parse(buf_view(&b), &back));
	assert_int_equal(back.n, 3);
	assert_false(base64url_parse(SLICE("-_8="), &back));
	buf_reset(&b);
	base64_put(&b, "ab", 2);
	assert_slice(buf_view(&b), "YWI=");
	assert_true(hex_parse(SLICE("00fFa0Zz"), raw, 4) == false);
	assert_true(hex_parse(SLICE("00fFa010"), raw, 4));
	assert_int_equal(raw[1], 0xff);
	buf_release(&b);
	buf_release(&back);
}

struct settings {
	const char *name;
	uint64_t size;
	int64_t wait;
	bool on;
	int mode;
	struct conf_strs list;
	struct {
		int64_t port;
	} net;
};
static const char *const modes[] = { "slow", "fast", NULL };
static const struct conf_item net_items[] = {
	{ "port", CONF_INT, offsetof(struct settings, net.port) - offsetof(struct settings, net), 1,
	  65535, "5044", "TCP port" },
	{ NULL },
};
static const struct conf_item items[] = {
	{ "name", CONF_STR, offsetof(struct settings, name), .required = true,
	  .help = "what it is called" },
	{ "size", CONF_BYTES, offsetof(struct settings, size), 0, 0, "2GiB", NULL },
	{ "wait", CONF_DURATION, offsetof(struct settings, wait), 0, 60000, "5s", NULL },
	{ "on", CONF_BOOL, offsetof(struct settings, on), 0, 0, "yes", NULL },
	{ "mode", CONF_ENUM, offsetof(struct settings, mode), 0, 0, "fast", NULL, modes },
	{ "list", CONF_STRS, offsetof(struct settings, list), 0, 0, NULL, NULL },
	{ "net", CONF_SUB, offsetof(struct settings, net), .sub = net_items },
	{ NULL },
};

static int bind(const char *text, struct settings *st, struct arena *mem, struct err *err)
{
	struct conf_node *root;

	*st = (struct settings){ 0 };
	if (conf_parse(slice_str(text), mem, &root, err) < 0)
		return -1;
	return conf_bind(root, items, st, mem, err);
}

static void test_settings_good(void **state)
{
	struct arena mem = { 0 };
	struct settings st;
	struct err err;

	assert_int_equal(
		bind("name: a\nwait: 200 ms\nlist: [x, y]\nnet: {port: 1}\n", &st, &mem, &err), 0);
	assert_string_equal(st.name, "a");
	assert_int_equal(st.size, UINT64_C(2) << 30);
	assert_int_equal(st.wait, 200);
	assert_true(st.on);
	assert_int_equal(st.mode, 1);
	assert_int_equal(st.list.n, 2);
	assert_int_equal(st.net.port, 1);
	assert_int_equal(bind("name: a\nlist: one\n", &st, &mem, &err), 0);
	assert_int_equal(st.list.n, 1);
	assert_int_equal(st.net.port, 5044);
	arena_release(&mem);
}

static const struct {
	const char *text;
	unsigned line, col;
	const char *says;
} faults[] = {
	{ "size: 1\n", 1, 1, "name is missing" },
	{ "name: a\nsizes: 1\n", 2, 8, "unknown setting sizes" },
	{ "name: a\nsize: 2 bananas\n", 2, 7, "expected a size" },
	{ "name: a\nwait: 2h\n", 2, 7, "outside 0 to 60000" },
	{ "name: a\nmode: medium\n", 2, 7, "expected one of slow, fast" },
	{ "name: a\nname: b\n", 2, 1, "set twice" },
	{ "name: a\nnet: 5\n", 2, 6, "expected a group" },
	{ "name: a\nnet: {port: 0}\n", 2, 13, "outside 1 to 65535" },
	{ "name: &x a\nlist: [*x]\n", 2, 8, "alias" },
	{ "name: [a\n", 2, 1, "not YAML" },
	{ "name: a\n---\nname: b\n", 2, 1, "second document" },
};

static void test_settings_bad(void **state)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct arena mem = { 0 };
		struct settings st;
		struct err err = { 0 };

		assert_int_equal(bind(faults[i].text, &st, &mem, &err), -1);
		if (strstr(err.msg, faults[i].says) == NULL || err.line != faults[i].line ||
		    err.col != faults[i].col)
			fail_msg("row %zu: %u:%u %s", i, err.line, err.col, err.msg);
		arena_release(&mem);
	}
}

static void test_settings_empty_list(void **state)
{
	static const struct conf_item needed[] = {
		{ "list", CONF_STRS, offsetof(struct settings, list), .required = true,
		  .help = "what to read" },
		{ NULL },
	};
	struct arena mem = { 0 };
	struct settings st = { 0 };
	struct conf_node *root;
	struct err err = { 0 };

	assert_int_equal(conf_parse(slice_str("list: []\n"), &mem, &root, &err), 0);
	assert_int_equal(conf_bind(root, needed, &st, &mem, &err), -1);
	assert_string_equal(err.msg, "list: expected at least one: what to read");
	assert_int_equal(err.line, 1);
	assert_int_equal(err.col, 7);
	assert_int_equal(conf_parse(slice_str("name: a\nlist: []\n"), &mem, &root, &err), 0);
	assert_int_equal(conf_bind(root, items, &st, &mem, &err), 0);
	arena_release(&mem);
}

static void test_dir_private(void **state)
{
	char dir[] = "/tmp/vartio-private-XXXXXX", path[64];
	struct err err = { 0 };

	assert_non_null(mkdtemp(dir));
	assert_int_equal(dir_private(dir, &err), 0);
	assert_int_equal(chmod(dir, 0710), 0);
	assert_int_equal(dir_private(dir, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "chmod 0700 /tmp/vartio-private-"));
	assert_int_equal(chmod(dir, 0700), 0);
	if (geteuid() == 0) { /* nobody else can give a folder away */
		assert_int_equal(chown(dir, 65534, 65534), 0);
		assert_int_equal(dir_private(dir, &err), -1);
		assert_int_equal(err.code, ERR_DENIED);
		assert_non_null(strstr(err.msg, "belongs to user 65534, not to user 0"));
	}
	snprintf(path, sizeof(path), "%s/file", dir);
	assert_int_equal(dir_private(path, &err), -1);
	assert_int_equal(err.code, ERR_ABSENT);
	assert_int_equal(symlink("/tmp/vartio-private-gone/spool", path), 0);
	assert_int_equal(dir_private(path, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.msg, "/file is a link that leads nowhere: make or mount the "
					"folder /tmp/vartio-private-gone/spool, or remove"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(".", path), 0); /* one that leads somewhere is fine */
	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(chown(dir, geteuid(), getegid()), 0);
	assert_int_equal(dir_private(path, &err), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(file_write(path, slice_str(""), 0600, &err), 0);
	assert_int_equal(dir_private(path, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void test_arena(void **state)
{
	struct arena mem = { 0 };

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 2000; i++) {
			char *p = arena_alloc(&mem, i);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % 16, 0);
			memset(p, 1, i);
		}
		arena_reset(&mem);
		assert_int_equal(mem.used, 0);
	}
	arena_release(&mem);
}

/* Each byte counts, at every length, and none past the end is read (a sanitizer would tell). */
static void test_hash64(void **state)
{
	static const char text[] = "organization.id and what else a path may be called";

	for (size_t n = 0; n <= sizeof(text) - 1; n++) {
		char *own = malloc(n > 0 ? n : 1);
		uint64_t h;

		assert_non_null(own);
		memcpy(own, text, n);
		h = hash64((struct slice){ own, n }, 0);
		assert_true(h == hash64((struct slice){ text, n }, 0));
		assert_true(h != hash64((struct slice){ text, n }, 1));
		assert_true(n == 0 || h != hash64((struct slice){ text, n - 1 }, 0));
		for (size_t i = 0; i < n; i++) {
			own[i] ^= 1;
			assert_true(h != hash64((struct slice){ own, n }, 0));
			own[i] ^= 1;
		}
		free(own);
	}
}

static void test_buf_fit(void **state)
{
	struct buf b = { 0 };

	buf_fit(&b);
	assert_int_equal(b.cap, 0);
	buf_str(&b, "a block that waits");
	assert_int_equal(buf_reserve(&b, 100000), 0);
	buf_fit(&b);
	assert_int_equal(b.cap, b.n);
	assert_slice(buf_view(&b), "a block that waits");
	buf_str(&b, ", and goes on");
	assert_slice(buf_view(&b), "a block that waits, and goes on");
	buf_release(&b);
}

static void test_err_cut(void **state)
{
	char big[600];
	struct err err;

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	memcpy(big + 510, "\xc3\xa4", 2); /* an a with dots across the limit */
	err_set(&err, ERR_IO, "%s", big);
	assert_int_equal(strlen(err.msg), 510);
}

/* Nineteen digits and twenty: where a number begins to need a look at whether it wraps. */
static void test_slice_uint(void **state)
{
	static const struct {
		const char *in;
		uint64_t max, value;
		bool good;
	} rows[] = {
		{ "0", 0, 0, true },
		{ "", UINT64_MAX, 0, false },
		{ "1a", UINT64_MAX, 0, false },
		{ "65535", 65535, 65535, true },
		{ "65536", 65535, 0, false },
		{ "9999999999999999999", UINT64_MAX, UINT64_C(9999999999999999999), true },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX, true },
		{ "18446744073709551616", UINT64_MAX, 0, false },
		{ "99999999999999999999", UINT64_MAX, 0, false },
		{ "184467440737095516150", UINT64_MAX, 0, false },
		{ "0000000000000000000000000007", 7, 7, true },
		{ "1844674407370955161a", UINT64_MAX, 0, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t v = 4711;

		assert_int_equal(slice_uint(slice_str(rows[i].in), rows[i].max, &v), rows[i].good);
		assert_true(v == (rows[i].good ? rows[i].value : 4711));
	}
}

int main(void)
{
	const struct CMUnitTest base[] = {
		cmocka_unit_test(test_times),        cmocka_unit_test(test_crc32c),
		cmocka_unit_test(test_encodings),    cmocka_unit_test(test_settings_good),
		cmocka_unit_test(test_settings_bad), cmocka_unit_test(test_arena),
		cmocka_unit_test(test_err_cut),      cmocka_unit_test(test_hash64),
		cmocka_unit_test(test_buf_fit),      cmocka_unit_test(test_slice_uint),
		cmocka_unit_test(test_dir_private),  cmocka_unit_test(test_settings_empty_list),
	};

	return RUN_TESTS(base);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* The file input's places as text, and what names tell of rotation. */
#include "tests/cmocka.h"

#include "agent/inputs/file.h"

static void test_names_that_rotation_makes(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} names[] = {
		{ "auth.log", "auth.log.1", true },
		{ "auth.log", "auth.log.12.gz", true },
		{ "auth.log", "auth.log-20261123.gz", true },
		{ "auth.log", "auth-20261123.log", true },
		{ "auth.log", "auth.log.old", true },
		{ "auth.log", "auth.log~", true },
		{ "auth.log", "author.log", false },
		{ "auth.log", "mail.log.1", false },
		{ "a.log", "b.log", false },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (file_siblings(names[i].a, names[i].b) != names[i].same)
			fail_msg("%s and %s", names[i].a, names[i].b);
}

static void test_generations_by_name(void **state)
{
	static const struct {
		const char *base, *older, *newer; /* newer NULL: older is no name of a generation */
	} names[] = {
		{ "log", "log.2", "log.1" },
		{ "log", "log.10.gz", "log.9" },
		{ "a.log", "a.log-20261122.gz", "a.log-20261123" },
		{ "a.log", "a-2026-11-22.log.gz", "a-2026-11-23.log" },
		{ "a.log", "a.2.log", "a.1.log" },
		{ "a.log", "a.log-20261127-1795800000", "a.log-20261127-1795803600" },
		{ "a.log", "a-20261127-093000.123456789.log", "a-20261127-093001.012345678.log" },
		{ "a.log", "a.log", NULL },
		{ "a.log", "a.log.old", NULL },
		{ "a.log", "ab.log.1", NULL },
		{ "worker1.log", "worker2.log", NULL }, /* another log, not a generation */
		{ "a.log", "a-b.log", NULL },
		{ "a.log", "a.log.1.xz", NULL },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int64_t older = 0, newer = 0;

		if (file_generation(names[i].base, names[i].older, &older) !=
		    (names[i].newer != NULL))
			fail_msg("%s of %s", names[i].older, names[i].base);
		if (names[i].newer == NULL)
			continue;
		assert_true(file_generation(names[i].base, names[i].newer, &newer));
		assert_true(older < newer);
	}
}

static void test_a_place_survives_as_text(void **state)
{
	static const char *const bad[] = {
		"",
		"1",
		"2 1 2 0 3 3 0011223344556677 - 2 /a /a",
		"1 1 2 0 3 3 0011223344556677 - 9 /a /a", /* a length past the end */
		"1 1 2 0 3 1025 0011223344556677 - 2 /a /a",
		"1 1 2 4 3 3 0011223344556677 - 2 /a /a", /* before the base */
		"1 1 2 0 3 3 00112233445566 - 2 /a /a",
		"1 1 2 0 3 3 0011223344556677 - 2 /a a",
		"1 1 2 0 -3 3 0011223344556677 - 2 /a /a",
	};
	struct tail t = { .path = strdup("/a b/l\nog"), .real = strdup("/x y"), .fd = -1 },
		    u = { 0 };
	struct place_text out = { 0 };
	struct slice text;

	t.dev = 64;
	t.ino = UINT64_MAX;
	t.print = (struct file_print){ 7, 9, UINT64_C(0x1122334455667788) };
	t.done = true;
	t.end = (struct file_end){ 9, UINT32_MAX, 98 };
	text = tail_place(&t, 99, true, false, &out);
	assert_true(tail_place_read(&u, text));
	assert_string_equal(u.path, t.path);
	assert_string_equal(u.real, t.real);
	assert_true(u.offset == 99 && u.skip && !u.mid && u.done && u.ino == t.ino && u.dev == 64);
	assert_memory_equal(&u.print, &t.print, sizeof(t.print));
	assert_true(u.end.n == 9 && u.end.crc == UINT32_MAX && u.end.at == 98 && !u.pending);
	for (size_t n = 0; n < text.n - 3;
	     n++) { /* cut short: refused, until only REAL is shorter */
		bool ok = tail_place_read(&u, (struct slice){ text.p, n });

		assert_false(ok);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (tail_place_read(&u, slice_str(bad[i])))
			fail_msg("%s was accepted", bad[i]);
	assert_true(tail_place_read(&u, SLICE("1 1 2 0 0 0 0000000000000000 -@5 2 /a /a")));
	assert_true(u.print.n == 0 && u.offset == 0 && u.mtime.tv_nsec == 5); /* nothing read yet */
	free(t.path);
	free(t.real);
	free(u.path);
	free(u.real);
	place_text_release(&out);
}

/* Written from what is kept of the place before, and anew, it must be the same text. */
static void same(const struct tail *t, uint64_t offset, struct place_text *kept)
{
	for (unsigned i = 0; i < 4; i++) {
		const bool skip = (i & 1) != 0, mid = (i & 2) != 0;
		struct place_text anew = { 0 };
		struct slice a = tail_place(t, offset, skip, mid, kept);
		struct slice b = tail_place(t, offset, skip, mid, &anew);

		if (b.n == 0 || !slice_eq(a, b))
			fail_msg("\"%.*s\" is not \"%.*s\"", (int)a.n, a.p, (int)b.n, b.p);
		place_text_release(&anew);
	}
}

static void test_a_place_is_written_from_the_one_before(void **state)
{
	static char a[] = "/a", d[] = "/d", ad[] = "/a /d", slash[] = "/", d_slash[] = "/d /";
	struct tail t = { .path = a, .real = d, .dev = 1, .ino = 2, .print = { 3, 4, 5 } };
	struct place_text kept = { 0 };

	same(&t, 9, &kept);
	same(&t, 10, &kept);
	t.end = (struct file_end){ 5, 6, 7 };
	same(&t, 10, &kept);
	t.end.at++, same(&t, 10, &kept);
	t.dev++, same(&t, 10, &kept);
	t.ino++, same(&t, 10, &kept);
	t.print.base++, same(&t, 10, &kept);
	t.print.n++, same(&t, 10, &kept);
	t.print.hash++, same(&t, 10, &kept);
	t.mtime.tv_sec++, same(&t, 10, &kept);
	t.mtime.tv_nsec++, same(&t, 10, &kept);
	t.pending = true, same(&t, 10, &kept);
	t.done = true, same(&t, 10, &kept);
	t.pending = false, same(&t, 10, &kept);
	t.path = d, same(&t, 10, &kept);
	t.real = a, same(&t, 10, &kept);
	t.path = ad, t.real = slash, same(&t, 10, &kept);
	t.path = a, t.real = d_slash, same(&t, 10, &kept); /* "/a /d /" again */
	assert_true(slice_is(tail_place(&t, 11, false, true, &kept),
			     "1 2 3 4 11 5 0600000000000000 mde5.8.6@1000000001 2 /a /d /"));
	place_text_release(&kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_that_rotation_makes),
		cmocka_unit_test(test_generations_by_name),
		cmocka_unit_test(test_a_place_survives_as_text),
		cmocka_unit_test(test_a_place_is_written_from_the_one_before),
	};
	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* SLDC (ECMA-321): symbols as bits, written here by hand from the standard. */
#include "tests/cmocka.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/inputs/wef/sldc.h"
#include "common/store/le.h"

#define MAX 4096

/* Bits as text: '0' and '1', blanks between; padded by zeros to a byte. */
static size_t bits(const char *text, char *out)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == ' ')
			continue;
		if (n % 8 == 0)
			out[n / 8] = 0;
		if (*text == '1')
			out[n / 8] = (char)(out[n / 8] | 0x80 >> n % 8);
		n++;
	}
	return (n + 7) / 8;
}

#define CONTROL "111111111 "
#define FLUSH   CONTROL "0000 "
#define SCHEME1 CONTROL "0001 "
#define SCHEME2 CONTROL "0010 "
#define MARK    CONTROL "0011 "
#define EOR     CONTROL "0100 "
#define RESET1  CONTROL "0101 "
#define RESET2  CONTROL "0110 "
#define END     CONTROL "1111 "
#define A       "0 01000001 "
#define B       "0 01000010 "
#define C       "0 01000011 "
#define A8      "01000001 "
#define B8      "01000010 "

static const struct {
	const char *name, *in;
	const char *out;
	enum err_code code;
} rows[] = {
	{ "nothing", RESET1 EOR, "", ERR_NONE },
	{ "literals", RESET1 A B C EOR, "ABC", ERR_NONE },
	{ "no reset, a scheme", SCHEME1 A B EOR, "AB", ERR_NONE },
	{ "a copy of 2 from the start", RESET1 A B "1 00 0000000000 " EOR, "ABAB", ERR_NONE },
	{ "a copy of 3 that reads what it writes", RESET1 A "1 01 0000000000 " EOR, "AAAA",
	  ERR_NONE },
	{ "4 + 3", RESET1 A B "1 1011 0000000000 " EOR, "ABABABABA", ERR_NONE },
	{ "8 + 0", RESET1 A B "1 110000 0000000001 " EOR, "ABBBBBBBBB", ERR_NONE },
	{ "16 + 0", RESET1 A "1 11100000 0000000000 " EOR, "AAAAAAAAAAAAAAAAA", ERR_NONE },
	{ "scheme 2", RESET2 A8 B8 EOR, "AB", ERR_NONE },
	{ "scheme 2: FF has a bit behind it", RESET2 A8 "11111111 0 " B8 EOR,
	  "A\xff"
	  "B",
	  ERR_NONE },
	{ "scheme 2 bytes enter the ring", RESET2 A8 B8 SCHEME1 "1 00 0000000000 " EOR, "ABAB",
	  ERR_NONE },
	{ "a flush and a file mark say nothing", RESET1 A FLUSH B MARK C EOR, "ABC", ERR_NONE },
	{ "a reset leaves the ring's bytes", RESET1 A B C RESET1 B "1 00 0000000001 " EOR, "ABCBBC",
	  ERR_NONE },
	{ "the end marker", RESET1 A END, "A", ERR_NONE },
	{ "no scheme", A EOR, "", ERR_SYNTAX },
	{ "a symbol that is not one", RESET1 A CONTROL "0111 ", "A", ERR_SYNTAX },
	{ "no end of record", RESET1 A, "A", ERR_SYNTAX },
	{ "cut inside a copy", RESET1 A "1 00 00000", "A", ERR_SYNTAX },
	{ "empty", "", "", ERR_SYNTAX },
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char in[256];
		size_t n = bits(rows[i].in, in);
		struct buf out = { 0 };
		struct err err = { 0 };

		if (sldc_read((struct slice){ in, n }, MAX, &out, &err) < 0)
			assert_int_not_equal(err.code, ERR_NONE);
		if (err.code != rows[i].code || !slice_is(buf_view(&out), rows[i].out))
			fail_msg("%s: %.*s, %s", rows[i].name, SLICE_FMT(buf_view(&out)), err.msg);
		buf_release(&out);
	}
}

/* The length that Windows puts behind the record. */
static void test_length_behind(void **state)
{
	static const struct {
		uint32_t said;
		size_t bytes;
		int r;
	} cases[] = { { 3, 4, 0 },  { 2, 4, -1 }, { UINT32_MAX, 4, -1 },
		      { 3, 1, -1 }, { 3, 0, 0 },  { 3, 8, -1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char in[64] = { 0 };
		size_t n = bits(RESET1 A B C EOR, in);
		struct buf out = { 0 };
		struct err err;

		le32_set(in + n, cases[i].said);
		assert_int_equal(
			sldc_read((struct slice){ in, n + cases[i].bytes }, MAX, &out, &err),
			cases[i].r);
		buf_release(&out);
	}
}

/* The longest copy: a ratio of 94, held by max and not by memory. */
static void test_bomb(void **state)
{
	char text[60 * 32 + 64] = RESET1 A, in[512];
	struct buf out = { 0 };
	struct err err;
	size_t n;

	for (int i = 0; i < 60; i++)
		strcat(text, "1 1111 11101111 0000000000");
	strcat(text, EOR);
	n = bits(text, in);
	assert_int_equal(sldc_read((struct slice){ in, n }, 1 + 60 * 271, &out, &err), 0);
	assert_int_equal(out.n, 1 + 60 * 271);
	buf_reset(&out);
	assert_int_equal(sldc_read((struct slice){ in, n }, 60 * 271, &out, &err), -1);
	assert_int_equal(err.code, ERR_FULL);
	assert_true(out.n <= 60 * 271);
	buf_release(&out);
}

/* Every row at every shorter length, its last byte against an unreadable page. */
static void test_never_reads_past_its_end(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char in[256];

	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(mprotect(p + page, page, PROT_NONE), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = bits(rows[i].in, in);

		for (size_t k = 0; k <= n; k++) {
			struct buf out = { 0 };
			struct err err;

			memcpy(p + page - k, in, k);
			sldc_read((struct slice){ p + page - k, k }, MAX, &out, &err);
			buf_release(&out);
		}
	}
	munmap(p, 2 * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_length_behind),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_never_reads_past_its_end),
	};
	return RUN_TESTS(tests);
}

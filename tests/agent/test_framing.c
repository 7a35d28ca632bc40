/* SPDX-License-Identifier: EUPL-1.2 */
/* RFC 6587: messages out of a byte stream. Each row also arrives cut at every place. */
#include "tests/cmocka.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/inputs/framing.h"
#include "common/base/buf.h"

#define MAX 32
#define S(t)                                                                                       \
	{                                                                                          \
		(t), sizeof(t) - 1                                                                 \
	}

/* What comes out, as text: each message in brackets, ! when it was cut, BAD for hanging up. */
static const struct {
	const char *name;
	struct slice in;
	const char *open, *ended; /* what comes while the stream is open; what its end adds */
} rows[] = {
	{ "counted", S("5 <1>hi"), "[<1>hi]", "" },
	{ "counted, two", S("5 <1>hi6 <2>you"), "[<1>hi][<2>you]", "" },
	{ "counted, LF inside is content", S("7 <1>a\nbc5 <1>hi"), "[<1>a\nbc][<1>hi]", "" },
	{ "counted, its own LF at the end", S("6 <1>hi\n5 <1>yo"), "[<1>hi][<1>yo]", "" },
	{ "counted, a stray LF between", S("5 <1>hi\n5 <1>yo"), "[<1>hi][<1>yo]", "" },
	{ "counted, cut by the end", S("9 <1>hi"), "", "[<1>hi]!" },
	{ "counted, only a head", S("9 "), "", "" },
	{ "counted, exactly the limit", S("32 <1>45678901234567890123456789012"),
	  "[<1>45678901234567890123456789012]", "" },
	{ "counted, past the limit", S("34 <1>45678901234567890123456789012xx5 <1>hi"),
	  "[<1>45678901234567890123456789012]![<1>hi]", "" },
	{ "a length that cannot be", S("99999999999 <1>hi"), "BAD", "" },
	{ "a line", S("<1>hi\n"), "[<1>hi]", "" },
	{ "a line, CR LF", S("<1>hi\r\n<2>yo\r\n"), "[<1>hi][<2>yo]", "" },
	{ "a line ended by NUL", S("<1>hi\0<2>yo\0"), "[<1>hi][<2>yo]", "" },
	{ "a line, then counted", S("<1>hi\n5 <2>yo<3>x\n"), "[<1>hi][<2>yo][<3>x]", "" },
	{ "a line without PRI", S("Nov 23 08:00:00 h app: x\n"), "[Nov 23 08:00:00 h app: x]", "" },
	{ "a line that begins with digits", S("2026-11-23T08:00:00Z h\n"),
	  "[2026-11-23T08:00:00Z h]", "" },
	{ "a line of digits alone", S("20261123080000123456\n"), "[20261123080000123456]", "" },
	{ "JSON", S("{\"a\":1}\n"), "[{\"a\":1}]", "" },
	{ "a last line without trailer", S("<1>hi\n<2>yo"), "[<1>hi]", "[<2>yo]" },
	{ "blank lines", S("\n\r\n\0 <1>hi\n\n"), "[<1>hi]", "" },
	{ "a line of exactly the limit", S("<1>45678901234567890123456789012\n<1>x\n"),
	  "[<1>45678901234567890123456789012][<1>x]", "" },
	{ "a line past the limit", S("<1>45678901234567890123456789012XX\n<1>x\n"),
	  "[<1>45678901234567890123456789012]![<1>x]", "" },
	{ "nothing", S(""), "", "" },
	{ "a length of 0 is a line", S("0 <1>hi\n"), "[0 <1>hi]", "" },
};

static void put(struct buf *out, const struct frame *fr)
{
	if (!fr->have)
		return;
	assert_true(fr->msg.n > 0 && fr->msg.n <= MAX);
	buf_chr(out, '[');
	buf_slice(out, fr->msg);
	buf_str(out, fr->cut ? "]!" : "]");
}

/* Feeds what is held; the rest stays held. false: hung up. */
static bool feed(struct framing *fr, struct buf *held, bool end, struct buf *out)
{
	size_t at = 0;
	ssize_t n;

	do {
		struct frame f = { 0 };

		n = framing_next(fr, slice_from(buf_view(held), at), end, &f);
		if (n > 0)
			put(out, &f);
		assert_true(n <= (ssize_t)(held->n - at));
		at += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	buf_eat(held, at);
	if (n < 0)
		buf_str(out, "BAD");
	return n == 0;
}

static void test_rows_in_two_parts(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t cut = 0; cut <= rows[i].in.n; cut++) {
			struct framing fr = { .max = MAX };
			struct buf held = { 0 }, out = { 0 }, want = { 0 };
			bool up;

			buf_put(&held, rows[i].in.p, cut);
			up = feed(&fr, &held, false, &out);
			if (up) {
				buf_slice(&held, slice_from(rows[i].in, cut));
				up = feed(&fr, &held, false, &out);
			}
			buf_str(&want, rows[i].open);
			if (strcmp(buf_cstr(&out), buf_cstr(&want)) != 0)
				fail_msg("%s, cut at %zu: %s", rows[i].name, cut, buf_cstr(&out));
			if (up)
				feed(&fr, &held, true, &out);
			buf_str(&want, rows[i].ended);
			if (strcmp(buf_cstr(&out), buf_cstr(&want)) != 0)
				fail_msg("%s, cut at %zu, ended: %s", rows[i].name, cut,
					 buf_cstr(&out));
			if (up)
				assert_int_equal(held.n, 0); /* the end leaves nothing behind */
			buf_release(&held);
			buf_release(&out);
			buf_release(&want);
		}
}

/* Each row at every shorter length, its last byte against an unreadable page. */
static void test_rows_never_read_past_their_end(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(mprotect(p + page, page, PROT_NONE), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t n = 0; n <= rows[i].in.n; n++)
			for (int end = 0; end < 2; end++) {
				struct slice in = { p + page - n, n };
				struct framing fr = { .max = MAX };
				struct frame f;
				ssize_t used = 1;

				if (n > 0)
					memcpy(p + page - n, rows[i].in.p, n);
				for (unsigned k = 0; used > 0; k++) {
					assert_true(k <= n); /* each call uses a byte or more */
					used = framing_next(&fr, in, end == 1, &f);
					in = used > 0 ? slice_from(in, (size_t)used) : in;
				}
			}
	munmap(p, 2 * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_in_two_parts),
		cmocka_unit_test(test_rows_never_read_past_their_end),
	};
	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* The matcher passes over patterns by what a message begins with and by the words in it: no message
 * that was made from a pattern may be passed over, whatever stands in its places. */
#include "tests/cmocka.h"

#include "common/base/buf.h"
#include "common/normalise/match.h"
#include "common/normalise/parsers.h"

#define ROUNDS 20u

static uint64_t state;

static uint32_t below(uint32_t n)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(state >> 33) % n;
}

/* What may stand in a place: text is the inside of its %{}. */
static void place(struct buf *out, struct slice text, const struct match_rule *r)
{
	static const char *const any[] = { "", "x", "maija", "a-b", "ä", "-", "\"", "0" };
	static const char *const words[] = { "x", "unix", "maija", "ä" };
	struct slice kv = slice_str(r->kv);

	if (slice_is(text, "kv")) { /* "SEPARATOR|KEY=..." */
		kv = slice_from(kv, (size_t)slice_chr(kv, '|') + 1);
		kv = slice_from(kv, kv.p[0] == '*');
		buf_slice(out, (struct slice){ kv.p, (size_t)slice_chr(kv, '=') + 1 });
		buf_str(out, "v");
	} else if (slice_ends(text, SLICE(":int"))) {
		buf_u64(out, below(65536));
	} else if (slice_ends(text, SLICE(":addr"))) {
		buf_str(out, below(2) == 0 ? "192.0.2.7" : "vpn.example");
	} else if (slice_ends(text, SLICE(":word"))) {
		buf_str(out, words[below(4)]);
	} else {
		buf_str(out, any[below(8)]);
	}
}

static void message(struct buf *out, const struct match_rule *r)
{
	struct slice s = slice_str(r->pattern);
	bool keep = true;

	while (s.n > 0) {
		if (slice_starts(s, SLICE("<<"))) {
			keep = below(2) == 0;
			s = slice_from(s, 2);
		} else if (slice_starts(s, SLICE(">>"))) {
			keep = true;
			s = slice_from(s, 2);
		} else if (slice_starts(s, SLICE("%{"))) {
			struct slice in = { s.p + 2, (size_t)slice_chr(s, '}') - 2 };

			if (keep)
				place(out, in, r);
			s = slice_from(s, in.n + 3);
		} else {
			if (keep)
				buf_chr(out, s.p[0]);
			s = slice_from(s, 1);
		}
	}
}

static void nothing_is_passed_over(void **unused)
{
	static struct arena mem;
	static struct event ev;
	struct matcher *m;
	struct buf b = { 0 };
	struct err err;
	size_t made = 0;

	if (matcher_new(parsers_all, &m, &err) < 0)
		fail_msg("%s", err.msg);
	for (const struct match_table *const *t = parsers_all; *t != NULL; t++) {
		struct slice program = { (*t)->programs, strcspn((*t)->programs, " *") };

		for (const struct match_rule *r = (*t)->rules; r->pattern != NULL; r++)
			for (state = 1; state <= ROUNDS; state++) {
				const uint64_t round = state;

				buf_reset(&b);
				message(&b, r);
				event_init(&ev, &mem);
				if (b.n > 0 && !matcher_apply(m, program, buf_view(&b), &ev))
					fail_msg("%s, round %u: no pattern takes \"%s\" of %s",
						 (*t)->name, (unsigned)round, buf_cstr(&b),
						 r->pattern);
				arena_reset(&mem);
				state = round;
				made++;
			}
	}
	assert_true(made > ROUNDS * 100);
	buf_release(&b);
	arena_release(&mem);
	matcher_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_passed_over),
	};

	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* What is left of an event that is skimmed is the same to whoever looks for the wanted fields. */
#include "tests/cmocka.h"

#include <stdio.h>
#include <stdlib.h>

#include "collector/correlate/skim.h"
#include "common/base/time.h"
#include "common/event/json.h"

static const struct {
	const char *in, *out; /* NULL: refused */
} rows[] = {
	{ "{}", "{}" },
	{ "{\"a\":1}", "{}" },
	{ "{\"source\":{\"ip\":\"x\"}}", "{\"source\":{\"ip\":\"x\"}}" },
	{ "{\"a\":1,\"source\":{\"ip\":\"x\"},\"b\":[1,{\"source\":2}]}",
	  "{\"source\":{\"ip\":\"x\"}}" },
	{ "{\"source.ip\":\"x\",\"sources\":1,\"user\":null}",
	  "{\"source.ip\":\"x\",\"user\":null}" },
	{ " { \"a\" : \"}\\\"{\" , \"user\" : -1.5e3 , \"b\" : true } ", "{\"user\" : -1.5e3 }" },
	{ "{\"a\":\"\\\\\",\"user\":\"\\\\\",\"b\":{\"c\":\"\\\"}\"},\"source\":[]}",
	  "{\"user\":\"\\\\\",\"source\":[]}" },
	{ "{\"us\\u0065r\":1,\"\":2,\".x\":3}", "{\"us\\u0065r\":1,\"\":2,\".x\":3}" },
	{ "", NULL },
	{ "[]", NULL },
	{ "{", NULL },
	{ "{\"a\"", NULL },
	{ "{\"a\":", NULL },
	{ "{\"a\":1", NULL },
	{ "{\"a\":{}", NULL },
	{ "{\"a\":\"x}", NULL },
	{ "{\"a\":1}}", NULL },
	{ "{\"a\":1,}", NULL },
};

static void want_some(struct skim_set *set)
{
	skim_want(set, SLICE("source.ip"));
	skim_want(set, SLICE("user"));
	skim_want(set, SLICE("source.port"));
	assert_int_equal(set->n, 2);
}

static void test_rows(void **state)
{
	struct skim_set set = { .n = 0 };
	struct buf out = { 0 };

	want_some(&set);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool took = skim(&set, slice_str(rows[i].in), &out);

		if (took != (rows[i].out != NULL) ||
		    (took && strcmp(buf_cstr(&out), rows[i].out) != 0))
			fail_msg("%s: %s", rows[i].in, took ? buf_cstr(&out) : "refused");
	}
	buf_release(&out);
}

static uint64_t rng;

static unsigned below(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)(rng >> 11) % n;
}

static void put_text(struct buf *b)
{
	static const char *const bits[] = { "a",        "{",       "}",
					    "[",        "]",       "\\\"",
					    "\\\\",     ",",       ":",
					    "\xc3\xa4", "\\u00e4", "plain words that are longer" };

	buf_chr(b, '"');
	for (unsigned n = below(6); n > 0; n--)
		buf_str(b, bits[below(12)]);
	buf_chr(b, '"');
}

static void put_value(struct buf *b, unsigned depth)
{
	unsigned kind = below(depth < 4 ? 5 : 3), n = below(5);

	if (kind == 0) {
		buf_str(b, "-12.5");
		return;
	}
	if (kind <= 2) {
		put_text(b);
		return;
	}
	buf_chr(b, kind == 3 ? '{' : '[');
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			buf_chr(b, ',');
		if (kind == 3) {
			put_text(b);
			buf_chr(b, ':');
		}
		put_value(b, depth + 1);
	}
	buf_chr(b, kind == 3 ? '}' : ']');
}

/* Random events: fields that are wanted are found in both, in the same order. */
static void test_random(void **state)
{
	static const char *const names[] = { "source", "user",  "user.x", "source.ip",
					     "other",  "users", "s",      "event" };
	const char *given = getenv("VARTIO_SEED");
	unsigned long long seed =
		given != NULL ? strtoull(given, NULL, 10) : (unsigned long long)time_now_ns();
	struct skim_set set = { .n = 0 };
	struct buf in = { 0 }, out = { 0 };
	struct json_index a = { 0 }, b = { 0 };
	struct err err;

	printf("# VARTIO_SEED=%llu\n", seed);
	rng = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	want_some(&set);
	for (unsigned n = 0; n < 5000; n++) {
		unsigned at = 0;

		buf_reset(&in);
		buf_chr(&in, '{');
		for (unsigned k = below(8); k > 0; k--) {
			buf_printf(&in, "\"%s\":", names[below(8)]);
			put_value(&in, 0);
			if (k > 1)
				buf_chr(&in, ',');
		}
		buf_chr(&in, '}');
		if (json_index_read(&a, buf_view(&in), &err) < 0)
			continue; /* not an event */
		assert_true(skim(&set, buf_view(&in), &out));
		assert_int_equal(json_index_read(&b, buf_view(&out), &err), 0);
		for (unsigned i = 0; i < a.n; i++) {
			struct slice p = a.f[i].path;
			ssize_t dot = slice_chr(p, '.');
			struct slice word = { p.p, dot > 0 ? (size_t)dot : p.n };

			if (!slice_is(word, "source") && !slice_is(word, "user"))
				continue;
			if (at == b.n || !slice_eq(b.f[at].path, p) ||
			    !slice_eq(b.f[at].value, a.f[i].value))
				fail_msg("%s\n%s", buf_cstr(&in), buf_cstr(&out));
			at++;
		}
		assert_int_equal(at, b.n);
	}
	json_index_release(&a);
	json_index_release(&b);
	buf_release(&in);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest skim_tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_random),
	};

	return RUN_TESTS(skim_tests);
}

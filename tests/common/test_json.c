/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/json.h: what is JSON, which leaves it has, where it is wrong. */
#include "tests/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "common/event/json.h"
#include "common/event/json_check.h"

/* leaves: "path=text" joined by "|"; a type that is not a string stands before it as n: t: f: 0: o:
 * a: NULL: refused, at byte col. */
static const struct {
	const char *in, *leaves;
	unsigned col;
} texts[] = {
	{ "{}", "", 0 },
	{ " \t\r\n{ } \n", "", 0 },
	{ "{\"a\":{\"b\":\"1\"}}", "a.b=1", 0 },
	{ "{\"a.b\":\"1\"}", "a.b=1", 0 },
	{ "{\"a\":[\"x\",\"y\",[\"z\"]]}", "a=x|a=y|a=z", 0 },
	{ "{\"a\":[{\"b\":1},{\"b\":2,\"c\":true}]}", "a.b=n:1|a.b=n:2|a.c=t:true", 0 },
	{ "{\"a\":null,\"b\":false,\"c\":{},\"d\":[]}", "a=0:|b=f:false|c=o:{}|d=a:[]", 0 },
	{ "{\"a\":-0.5e+10,\"b\":0,\"c\":10E2,\"d\":1.0}", "a=n:-0.5e+10|b=n:0|c=n:10E2|d=n:1.0",
	  0 },
	{ "{\"a\":\"1\",\"a\":\"2\"}", "a=1|a=2", 0 },
	{ "{\"\":\"1\",\"a\":{\"\":\"2\"}}", "=1|a.=2", 0 },
	{ "{\"\":{\"a\":\"1\"}}", ".a=1", 0 },
	{ "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "a=\"\\/\b\f\n\r\t", 0 },
	{ "{\"a\":\"\\u00e4\\u20AC\\ud83d\\ude00\"}", "a=ä€😀", 0 },
	{ "{\"a\":\"\\ud83d x\\ude00\"}", "a=\xef\xbf\xbd x\xef\xbf\xbd", 0 },
	{ "{\"\\u0061\\n\":{\"b\":1}}", "a\n.b=n:1", 0 },
	{ "{\"a\":\"ä€😀 and longer text\"}", "a=ä€😀 and longer text", 0 },
	{ "", NULL, 1 },
	{ "[]", NULL, 1 },
	{ "\"a\"", NULL, 1 },
	{ "{", NULL, 2 },
	{ "{}x", NULL, 3 },
	{ "{\"a\"}", NULL, 5 },
	{ "{\"a\":}", NULL, 6 },
	{ "{\"a\":1,}", NULL, 8 },
	{ "{a:1}", NULL, 2 },
	{ "{\"a\":[1,]}", NULL, 9 },
	{ "{\"a\":[1 2]}", NULL, 9 },
	{ "{\"a\":01}", NULL, 7 },
	{ "{\"a\":1.}", NULL, 8 },
	{ "{\"a\":.5}", NULL, 6 },
	{ "{\"a\":-}", NULL, 7 },
	{ "{\"a\":+1}", NULL, 6 },
	{ "{\"a\":1e}", NULL, 8 },
	{ "{\"a\":NaN}", NULL, 6 },
	{ "{\"a\":tru}", NULL, 6 },
	{ "{\"a\":\"\x01\"}", NULL, 7 },
	{ "{\"a\":\"12345678\n\"}", NULL, 15 },
	{ "{\"a\":\"\\x\"}", NULL, 7 },
	{ "{\"a\":\"\\u12g4\"}", NULL, 7 },
	{ "{\"a\":\"\xc3\"}", NULL, 7 },
	{ "{\"a\":\"\xc0\x80\"}", NULL, 7 },
	{ "{\"a\":\"\xed\xa0\x80\"}", NULL, 7 },
	{ "{\"a\":\"\xf4\x90\x80\x80\"}", NULL, 7 },
	{ "{\"a\":\"12345678\x80\"}", NULL, 15 },
	{ "{\"a\":\"abc", NULL, 10 },
};

static void leaves_of(struct json_index *ix, struct buf *out)
{
	static const char *const marks[] = { "0:", "f:", "t:", "n:", "", "o:", "a:" };

	buf_reset(out);
	for (unsigned i = 0; i < ix->n; i++) {
		if (i > 0)
			buf_chr(out, '|');
		buf_slice(out, ix->f[i].path);
		buf_chr(out, '=');
		buf_str(out, marks[ix->f[i].type]);
		buf_slice(out, json_field_text(ix, &ix->f[i]));
	}
}

/* The text ends at an unreadable page, so that a read past its end kills the test. */
static char *at_page_end(char *page, const char *in, size_t n)
{
	char *p = page + 4096 - n;

	if (n > 0)
		memcpy(p, in, n);
	return p;
}

static void test_texts(void **state)
{
	struct json_index ix = { 0 };
	struct buf b = { 0 };
	struct err err;
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(page != MAP_FAILED);
	assert_int_equal(mprotect(page + 4096, 4096, PROT_NONE), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t n = strlen(texts[i].in);
		int r = json_index_read(&ix, (struct slice){ at_page_end(page, texts[i].in, n), n },
					&err);

		/* The quick yes has no white space around. */
		assert_int_equal(json_check((struct slice){ page + 4096 - n, n }),
				 texts[i].leaves != NULL && texts[i].in[0] == '{' &&
					 texts[i].in[n - 1] == '}');
		if ((r == 0) != (texts[i].leaves != NULL))
			fail_msg("%s: %s", texts[i].in, r == 0 ? "accepted" : err.msg);
		if (r < 0) {
			assert_int_equal(err.code, ERR_SYNTAX);
			if (err.col != texts[i].col)
				fail_msg("%s: col %u: %s", texts[i].in, err.col, err.msg);
			assert_null(json_index_get(&ix, SLICE("a")));
			continue;
		}
		leaves_of(&ix, &b);
		assert_string_equal(buf_cstr(&b), texts[i].leaves);
		for (size_t k = 0; k <= (size_t)(strrchr(texts[i].in, '}') - texts[i].in); k++) {
			assert_false(
				json_check((struct slice){ at_page_end(page, texts[i].in, k), k }));
			assert_int_equal(
				-1,
				json_index_read(
					&ix, (struct slice){ at_page_end(page, texts[i].in, k), k },
					&err));
		}
	}
	munmap(page, 8192);
	buf_release(&b);
	json_index_release(&ix);
}

static void test_get(void **state)
{
	struct json_index ix = { 0 };
	const struct json_field *f;
	struct buf b = { 0 };
	struct err err;
	char path[32];

	buf_chr(&b, '{');
	for (unsigned i = 0; i < 2000; i++)
		buf_printf(&b, "%s\"k%u\":{\"v\":%u,\"w\":[%u,7]}", i > 0 ? "," : "", i, i, i);
	buf_chr(&b, '}');
	for (int round = 0; round < 2; round++) {
		assert_int_equal(json_index_read(&ix, buf_view(&b), &err), 0);
		assert_int_equal(ix.n, 6000);
		for (unsigned i = 0; i < 2000; i++) {
			snprintf(path, sizeof(path), "k%u.w", i);
			f = json_index_get(&ix, slice_str(path));
			assert_non_null(f);
			assert_int_equal(f - ix.f, 3 * i + 1); /* the first of the array */
		}
		assert_null(json_index_get(&ix, SLICE("k1")));
		assert_null(json_index_get(&ix, SLICE("k1.v.x")));
		assert_null(json_index_get(&ix, SLICE("")));
	}
	buf_release(&b);
	json_index_release(&ix);
}

static void test_set(void **state)
{
	static const char in[] =
		"{\"a\":{\"b\":\"1\",\"c\":{\"d\":[1,2]}},\"ab\":\"2\",\"a.b\":\"3\"}";
	struct json_index ix = { 0 };
	struct buf b = { 0 };
	struct err err;

	assert_int_equal(json_index_read(&ix, SLICE(in), &err), 0);
	assert_int_equal(json_index_set(&ix, SLICE("a.b"), SLICE("new\"")), 0);
	leaves_of(&ix, &b);
	assert_string_equal(buf_cstr(&b), "a.c.d=n:1|a.c.d=n:2|ab=2|a.b=new\"");
	assert_slice(json_index_get(&ix, SLICE("a.b"))->value, "new\"");
	assert_slice(json_index_get(&ix, SLICE("ab"))->value, "2");
	assert_int_equal(json_index_set(&ix, SLICE("a"), SLICE("x")), 0);
	leaves_of(&ix, &b);
	assert_string_equal(buf_cstr(&b), "ab=2|a=x");
	assert_null(json_index_get(&ix, SLICE("a.b")));
	for (int i = 0; i < 200; i++) { /* past every spare slot, and each found again */
		char path[16];

		snprintf(path, sizeof(path), "n%d", i);
		assert_int_equal(json_index_set(&ix, slice_str(path), SLICE("v")), 0);
		assert_slice(json_index_get(&ix, slice_str(path))->value, "v");
	}
	assert_int_equal(ix.n, 202);
	assert_slice(json_index_get(&ix, SLICE("ab"))->value, "2");
	buf_release(&b);
	json_index_release(&ix);
}

/* One index for all events, as a reader of the queue has it: what it learned of names must give
 * what a fresh one gives that sets path by path. */
static void test_own(void **state)
{
	static const struct slice paths[] = { { "a.b", 3 }, { "c", 1 }, { "a.d.e", 5 } };
	static const struct slice values[] = { { "B", 1 }, { "C", 1 }, { "E", 1 } };
	static const char *const in[] = {
		"{\"x\":1}",
		"{\"a\":{\"b\":1,\"bb\":2},\"x\":3}",
		"{\"x\":1,\"c\":{\"a\":{\"b\":[1,{\"z\":2}]},\"y\":true},\"cc\":4}",
		"{\"a\":{\"d\":{\"e\":{\"f\":1},\"ee\":5}},\"a.b\":7,\"c\":[]}",
		"{\"x\":[1,2,3],\"a\":{\"b\":1}}",
		"{}",
		"{\"a.d.e.new\":{\"deep\":1},\"c.new\":[1,2],\"a\":\"kept\"}",
		"{\"x\":1}",
	};
	struct json_index kept = { 0 };
	struct buf want = { 0 }, got = { 0 };
	struct err err;

	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
			struct json_index fresh = { 0 };

			assert_int_equal(json_index_read(&kept, slice_str(in[i]), &err), 0);
			assert_int_equal(json_index_own(&kept, paths, values, 3), 0);
			assert_int_equal(json_index_read(&fresh, slice_str(in[i]), &err), 0);
			for (unsigned k = 0; k < 3; k++) {
				const struct json_field *f;

				assert_int_equal(json_index_set(&fresh, paths[k], values[k]), 0);
				f = json_index_get(&kept, paths[k]);
				assert_slice(f->value, values[k].p);
				assert_null(json_field_next(&kept, f));
			}
			leaves_of(&fresh, &want);
			leaves_of(&kept, &got);
			assert_string_equal(buf_cstr(&got), buf_cstr(&want));
			json_index_release(&fresh);
		}
		json_names_forget(&kept.names); /* numbers begin anew */
	}
	buf_release(&want);
	buf_release(&got);
	json_index_release(&kept);
}

/* What stands between `before` letters and `after` others, in JSON and undone; NULL: refused there.
 */
static void check_place(struct json_index *ix, const char *json, const char *undone, int before,
			int after)
{
	static const char letters[] = "abcdefghijklmnopqrst", others[] = "zyxwvutsrqponmlkjihg";
	char in[80], want[64];
	struct err err;
	int r;

	snprintf(in, sizeof(in), "{\"a\":\"%.*s%s%.*s\"}", before, letters, json, after, others);
	r = json_index_read(ix, slice_str(in), &err);
	if (undone == NULL) {
		assert_int_equal(r, -1);
		assert_int_equal(err.col, 7 + before);
		return;
	}
	assert_int_equal(r, 0);
	snprintf(want, sizeof(want), "%.*s%s%.*s", before, letters, undone, after, others);
	assert_slice(json_field_text(ix, json_index_get(ix, SLICE("a"))), want);
}

/* Eight bytes are looked at together: what needs a thought is found at each of their places. */
static void test_places(void **state)
{
	static const char *const specials[][2] = {
		{ "\\\"", "\"" },           { "\\\\", "\\" },           { "\\u0001", "\x01" },
		{ "\xc3\xa4", "\xc3\xa4" }, { "\x7f!#[]", "\x7f!#[]" }, { "\x1f", NULL },
		{ "\x80", NULL },           { "\xff", NULL },
	};
	struct json_index ix = { 0 };

	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++)
		for (int before = 0; before < 20; before++)
			for (int after = 0; after < 20; after++)
				check_place(&ix, specials[i][0], specials[i][1], before, after);
	json_index_release(&ix);
}

static void nest(struct buf *b, unsigned depth)
{
	buf_reset(b);
	for (unsigned i = 0; i < depth; i++)
		buf_str(b, "{\"a\":");
	buf_str(b, "1");
	for (unsigned i = 0; i < depth; i++)
		buf_chr(b, '}');
}

static void test_bounds(void **state)
{
	struct json_index ix = { 0 };
	struct buf b = { 0 };
	struct err err;

	nest(&b, JSON_DEPTH_MAX);
	assert_int_equal(json_index_read(&ix, buf_view(&b), &err), 0);
	assert_int_equal(ix.f[0].path.n, 2 * JSON_DEPTH_MAX - 1);
	nest(&b, JSON_DEPTH_MAX + 1);
	assert_int_equal(json_index_read(&ix, buf_view(&b), &err), -1);
	assert_int_equal(err.code, ERR_SYNTAX);

	buf_reset(&b);
	buf_str(&b, "{\"a\":[0");
	for (unsigned i = 1; i < JSON_FIELDS_MAX; i++)
		buf_str(&b, ",0");
	buf_str(&b, "]}");
	assert_int_equal(json_index_read(&ix, buf_view(&b), &err), 0);
	b.n -= 2;
	buf_str(&b, ",0]}");
	assert_int_equal(json_index_read(&ix, buf_view(&b), &err), -1);
	assert_int_equal(err.code, ERR_FULL);

	buf_reset(&b);
	buf_str(&b, "{\"");
	for (unsigned i = 0; i < JSON_PATH_MAX; i++)
		buf_chr(&b, 'k');
	buf_str(&b, "\":1}");
	assert_int_equal(json_index_read(&ix, buf_view(&b), &err), -1);
	assert_int_equal(err.code, ERR_FULL);
	buf_release(&b);
	json_index_release(&ix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),  cmocka_unit_test(test_get),
		cmocka_unit_test(test_set),    cmocka_unit_test(test_own),
		cmocka_unit_test(test_places), cmocka_unit_test(test_bounds),
	};

	return RUN_TESTS(tests);
}

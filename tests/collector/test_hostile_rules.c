/* SPDX-License-Identifier: EUPL-1.2 */
/* Rule files that mean harm, or are none: each is refused in bounded time and memory, by its place,
 * and the good rule beside it loads all the same. */
#include "tests/collector/rule_kit.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "common/base/file.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CPU_MS_MAX 30000
#define MEMORY_MAX (4u << 20)
#else
#define CPU_MS_MAX 3000
#define MEMORY_MAX (160u << 10) /* KiB that one file may add at its peak */
#endif

#define HEAD "title: t\nlogsource: {product: linux}\ndetection:\n"
#define GOOD "title: good\nlogsource: {product: linux}\ndetection: {s: {a: x}, condition: s}\n"

struct folder {
	char dir[64], path[2][128];
	int64_t cpu_ms;
	long peak_kib;
	struct rules_report rep;
	struct heard heard;
	struct ruleset *rs;
};

static int64_t cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long peak_kib(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_maxrss;
}

static void folder_make(struct folder *f)
{
	struct err err;

	*f = (struct folder){ .dir = "/tmp/vartio-hostile-XXXXXX" };
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path[0], sizeof(f->path[0]), "%s/bad.yml", f->dir);
	snprintf(f->path[1], sizeof(f->path[1]), "%s/good.yml", f->dir);
	assert_int_equal(file_write(f->path[1], SLICE(GOOD), 0600, &err), 0);
}

static void folder_load(struct folder *f, const char *name)
{
	const char *paths[] = { f->dir };
	struct err err;

	f->rep = (struct rules_report){ .fault = hear_fault,
					.warning = hear_warning,
					.arg = &f->heard };
	f->cpu_ms = cpu_ms();
	f->peak_kib = peak_kib();
	assert_int_equal(ruleset_load(paths, 1, &f->rep, &f->rs, &err), 0);
	f->cpu_ms = cpu_ms() - f->cpu_ms;
	f->peak_kib = peak_kib() - f->peak_kib;
	if (f->cpu_ms > CPU_MS_MAX || f->peak_kib > (long)MEMORY_MAX)
		fail_msg("%s: %lld ms, %ld KiB", name, (long long)f->cpu_ms, f->peak_kib);
	/* The good one is there and works. */
	assert_int_equal(matches(f->rs, SLICE("{\"a\":\"x\"}")), 1);
}

static void folder_end(struct folder *f)
{
	ruleset_unref(f->rs);
	unlink(f->path[0]);
	unlink(f->path[1]);
	rmdir(f->dir);
}

/* Loads the text beside the good rule; it must be refused with these words. */
static void refused(const char *name, struct slice text, const char *says)
{
	struct folder f;
	struct err err;

	folder_make(&f);
	assert_int_equal(file_write(f.path[0], text, 0600, &err), 0);
	folder_load(&f, name);
	if (f.rep.loaded != 1 || f.rep.rejected < f.heard.faults || f.heard.faults == 0 ||
	    strstr(f.heard.fault.msg, says) == NULL)
		fail_msg("%s: %zu loaded, %zu rejected: %u:%u: %s", name, f.rep.loaded,
			 f.rep.rejected, f.heard.fault.line, f.heard.fault.col, f.heard.fault.msg);
	if (f.heard.fault.line == 0 && f.heard.fault.code == ERR_SYNTAX)
		fail_msg("%s: no place", name);
	folder_end(&f);
}

static void repeat(struct buf *b, const char *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_str(b, s);
}

static void test_yaml_bomb(void **state)
{
	struct buf b = { 0 };

	/* Nine times nine times ...: a billion texts in a thousand bytes. */
	buf_str(&b, "title: t\nx0: &x0 [a,a,a,a,a,a,a,a,a]\n");
	for (int i = 1; i < 10; i++) {
		buf_printf(&b, "x%d: &x%d [", i, i);
		for (int k = 0; k < 9; k++)
			buf_printf(&b, "%s*x%d", k > 0 ? "," : "", i - 1);
		buf_str(&b, "]\n");
	}
	refused("a bomb of aliases", buf_view(&b), "more than 50000 values");
	buf_reset(&b);
	/* Each document a bomb of its own: what aliases add has a bound for the file. */
	for (int i = 0; i < 90; i++) {
		buf_str(&b, "---\nx: &x [");
		repeat(&b, "a,", 220);
		buf_str(&b, "a]\ny: [");
		repeat(&b, "*x,", 220);
		buf_str(&b, "*x]\n");
	}
	refused("a bomb in each document", buf_view(&b), "more than 50000 values");
	for (int i = 90; i < 400; i++)
		buf_str(&b, "---\nx: &x [a]\ny: *x\n");
	refused("more of them", buf_view(&b), "this one and the 298 behind it are not read");
	buf_reset(&b);
	buf_str(&b, "x0: &x0 [a]\n");
	for (int i = 1; i < 40; i++)
		buf_printf(&b, "x%d: &x%d [*x%d]\n", i, i, i - 1);
	refused("a bomb of depth", buf_view(&b), "deeper than 32");
	refused("an alias inside itself", SLICE("title: &x [*x]\n"), "nothing that stands before");
	refused("an alias of another document", SLICE("title: &x a\n---\ntitle: *x\n"),
		"nothing that stands before");
	refused("a merge", SLICE("a: &x {b: c}\nd:\n  <<: *x\n"), "merging");
	buf_reset(&b);
	for (int i = 0; i < 2000; i++)
		buf_printf(&b, "a%d: &a%d x\n", i, i);
	refused("anchors without end", buf_view(&b), "more than 1000");
	buf_release(&b);
}

static void test_yaml_depth(void **state)
{
	static const struct {
		const char *name, *text, *says;
	} rows[] = {
		{ "lists", "[", "deeper" },
		{ "maps", "{", "a name is expected" },
		{ "maps of maps", "{a: ", "deeper" },
		{ "blocks", "- ", "deeper" },
		{ "keys", "? ", "a name is" },
		{ "anchors", "&a ", "not YAML" },
		{ "tags", "!a ", "not YAML" },
		{ "closings", "]", "not YAML" },
		{ "quotes", "'", "" },
		{ "a directive", "%a b\n", "not YAML" },
		{ "documents", "--- [\n", "more than 100" },
		{ "empty documents", "---\n", "holds no rule" },
		{ "texts", "--- a\n", "173762 more documents" },
		{ "tabs", "\t", "not YAML" },
	};
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_reset(&b);
		while (b.n + 8 < 1u << 20)
			buf_str(&b, rows[i].text);
		refused(rows[i].name, buf_view(&b), rows[i].says);
	}
	buf_release(&b);
}

static void test_not_text(void **state)
{
	struct buf b = { 0 };
	uint32_t x = 1;

	refused("a NUL", (struct slice){ "title: a\0b\n", 11 }, "not YAML");
	refused("an escaped NUL", SLICE("title: \"a\\0b\"\n"), "NUL");
	refused("a byte that is no UTF-8", SLICE(HEAD "  s: {a: '\xff'}\n"), "not YAML");
	refused("an overlong slash", SLICE(HEAD "  s: {a: '\xc0\xaf'}\n"), "not YAML");
	refused("half a character", SLICE(HEAD "  s: {a: 'x\xe2\x82"), "not YAML");
	refused("UTF-16", (struct slice){ "\xff\xfet\0i\0t\0l\0e\0:\0 \0a\0\n\0", 20 }, "not YAML");
	refused("a program",
		(struct slice){ "\x7f"
				"ELF\2\1\1\0\0\0\0",
				11 },
		"not YAML");
	refused("nothing", SLICE(""), "holds no rule");
	for (int i = 0; i < 1 << 20; i++) {
		x = x * 1664525 + 1013904223;
		buf_chr(&b, (char)(x >> 24));
	}
	refused("noise", buf_view(&b), "not YAML");
	buf_release(&b);
}

static void test_hundred_megabytes(void **state)
{
	struct folder f;
	struct buf b = { 0 };
	struct err err;

	folder_make(&f);
	/* Once sparse, so that a size alone must not be believed, once full of rules. */
	assert_int_equal(file_write(f.path[0], SLICE(GOOD), 0600, &err), 0);
	assert_int_equal(truncate(f.path[0], 100 << 20), 0);
	folder_load(&f, "a sparse file of 100 MB");
	assert_int_equal(f.rep.loaded, 1);
	assert_int_equal(f.heard.fault.code, ERR_FULL);
	ruleset_unref(f.rs);
	f.rs = NULL;
	while (b.n < 100u << 20)
		buf_str(&b, GOOD "---\n");
	assert_int_equal(file_write(f.path[0], buf_view(&b), 0600, &err), 0);
	buf_release(&b);
	f.heard = (struct heard){ 0 };
	folder_load(&f, "100 MB of rules");
	assert_int_equal(f.rep.loaded, 1);
	assert_int_equal(f.heard.fault.code, ERR_FULL);
	assert_non_null(strstr(f.heard.fault.msg, "more than 1 MiB"));
	folder_end(&f);
}

static void count_passed(void *arg, const char *path, const char *why)
{
	/* Their own counter stands beside what hear_fault fills. */
	((struct heard *)arg)->warnings++;
}

static void test_no_file(void **state)
{
	struct folder f;
	const char *paths[] = { NULL };
	struct err err;

	folder_make(&f);
	assert_int_equal(mkfifo(f.path[0], 0600), 0); /* nobody ever writes to it */
	folder_load(&f, "a pipe");
	assert_int_equal(f.rep.rejected, 0);
	ruleset_unref(f.rs);
	f.rs = NULL;
	/* Named by itself it is refused, not waited for. */
	paths[0] = f.path[0];
	f.heard = (struct heard){ 0 };
	f.rep = (struct rules_report){ .fault = hear_fault, .arg = &f.heard };
	assert_int_equal(ruleset_load(paths, 1, &f.rep, &f.rs, &err), 0);
	assert_int_equal(f.rep.rejected, 1);
	assert_non_null(strstr(f.heard.fault.msg, "is not a file"));
	ruleset_unref(f.rs);
	unlink(f.path[0]);
	assert_int_equal(symlink("/dev/zero", f.path[0]), 0);
	f.heard = (struct heard){ 0 };
	folder_load(&f, "a device");
	assert_int_equal(f.rep.rejected, 0);
	ruleset_unref(f.rs);
	unlink(f.path[0]);
	assert_int_equal(symlink("nowhere.yml", f.path[0]), 0);
	f.heard = (struct heard){ 0 };
	folder_load(&f, "a link to nothing");
	assert_int_equal(f.rep.rejected, 1);
	ruleset_unref(f.rs);
	unlink(f.path[0]);
	assert_int_equal(symlink(f.dir, f.path[0]), 0);
	f.heard = (struct heard){ 0 };
	folder_load(&f, "a circle");
	assert_int_equal(f.rep.rejected, 0);
	f.rep.passed = count_passed;
	paths[0] = f.dir;
	ruleset_unref(f.rs);
	assert_int_equal(ruleset_load(paths, 1, &f.rep, &f.rs, &err), 0);
	assert_int_equal(f.heard.warnings, 1); /* it is told */
	folder_end(&f);
}

static void regex_refused(const char *name, const char *regex, const char *says)
{
	struct buf b = { 0 };

	buf_printf(&b, HEAD "  s: {a|re: '%s'}\n  condition: s\n", regex);
	refused(name, buf_view(&b), says);
	buf_release(&b);
}

static void test_regex_bomb(void **state)
{
	struct buf b = { 0 };

	regex_refused("repeated repetitions", "((a{1,1000}){1,1000}){1,1000}", "too large");
	regex_refused("repeated classes", "([a-zé-ü]{0,20}){0,900}", "too large");
	repeat(&b, "(", 200);
	repeat(&b, ")", 200);
	regex_refused("nested", buf_cstr(&b), "parentheses are too deeply nested");
	buf_reset(&b);
	repeat(&b, "a", 8193);
	regex_refused("long", buf_cstr(&b), "more than 8192");
	buf_reset(&b);
	/* As much as is taken of each, but ten thousand of them. */
	buf_str(&b, HEAD "  s:\n    a|re:\n");
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "      - '((a|b|c){1,50}){1,3}%d'\n", i);
	buf_str(&b, "  condition: s\n");
	refused("many", buf_view(&b), "come to more than we take");
	buf_release(&b);
}

/* What is catastrophic only when it runs: the bound is that of matching. */
static void test_regex_bomb_matching(void **state)
{
	static const char *const bombs[] = { "^(a+)+$",      "^(a|aa)+$", "^(a|a?)+$",
					     "(.*a){20}b",   "(x+x+)+y",  "^(([a-z])+.)+[A-Z]$",
					     "a*a*a*a*a*a*b" };
	struct buf event = { 0 };
	struct rules_report rep;
	struct heard heard;
	char text[512];

	buf_str(&event, "{\"a\":\"");
	repeat(&event, "aaaaaaaaaaaaaaaaaaaaxxxxxxxxxxxxxxxxxxxx", 500);
	repeat(&event, "a", 20000);
	buf_str(&event, "!\"}");
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		struct ruleset *rs;
		int64_t from;

		snprintf(text, sizeof(text), HEAD "  s: {a|re: '%s'}\n  condition: s\n", bombs[i]);
		rs = rules_from(slice_str(text), &rep, &heard);
		assert_int_equal(rep.loaded, 1);
		from = cpu_ms();
		matches(rs, buf_view(&event));
		if (cpu_ms() - from > CPU_MS_MAX / 3)
			fail_msg("%s: %lld ms", bombs[i], (long long)(cpu_ms() - from));
		ruleset_unref(rs);
	}
	buf_release(&event);
}

/* Wildcards over long values: a star is linear; a question mark is for short values. */
static void test_wildcard_bomb(void **state)
{
	static const struct {
		const char *text;
		unsigned times;
		const char *end;
	} bombs[] = {
		{ "a", 8000, "b*c" }, { "a*", 4000, "b*c" }, { "a", 500, "b?*c" },
		{ "?", 500, "b*c" },  { "?a", 250, "b*c" },  { "?*", 250, "b" },
	};
	struct buf b = { 0 }, event = { 0 };
	struct rules_report rep;
	struct heard heard;

	buf_str(&event, "{\"a\":\"");
	repeat(&event, "a", 900000);
	buf_str(&event, "\"}");
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		struct ruleset *rs;
		int64_t from;

		buf_reset(&b);
		buf_str(&b, HEAD "  s: {a: '*");
		repeat(&b, bombs[i].text, bombs[i].times);
		buf_printf(&b, "%s'}\n  condition: s\n", bombs[i].end);
		rs = rules_from(buf_view(&b), &rep, &heard);
		if (rep.loaded != 1)
			fail_msg("wildcards %zu: %s", i, heard.fault.msg);
		from = cpu_ms();
		assert_int_equal(matches(rs, buf_view(&event)), 0);
		if (cpu_ms() - from > CPU_MS_MAX)
			fail_msg("wildcards %zu: %lld ms", i, (long long)(cpu_ms() - from));
		ruleset_unref(rs);
	}
	buf_reset(&b);
	buf_str(&b, HEAD "  s: {a: '");
	repeat(&b, "x?", 300);
	buf_str(&b, "'}\n  condition: s\n");
	refused("many question marks", buf_view(&b), "more than 512 bytes");
	buf_release(&b);
	buf_release(&event);
}

/* Short rules that mean much: dashes, conditions. */
static void test_rule_bomb(void **state)
{
	struct buf b = { 0 };

	buf_str(&b, HEAD "  s:\n    a|windash:\n");
	for (int i = 0; i < 5000; i++)
		buf_printf(&b, "      - '-a -b -c -d -e %d'\n", i);
	buf_str(&b, "  condition: s\n");
	refused("dashes", buf_view(&b), "come to more than we take");
	buf_reset(&b);
	buf_str(&b, HEAD "  s:\n    a|windash: '-a -b -c -d -e ");
	repeat(&b, "x", 8000);
	buf_str(&b, "'\n  condition: s\n");
	refused("long dashes", buf_view(&b), "come to more than we take");
	buf_reset(&b);
	buf_str(&b, HEAD);
	for (int i = 0; i < 900; i++)
		buf_printf(&b, "  s%d: {a: x}\n", i);
	buf_str(&b, "  condition:\n");
	for (int i = 0; i < 100; i++) {
		buf_str(&b, "    - 1 of s*");
		repeat(&b, " or 1 of s*", 700);
		buf_str(&b, "\n");
	}
	refused("conditions", buf_view(&b), "come to more than we take");
	buf_reset(&b);
	buf_str(&b, HEAD "  s: {a: '");
	repeat(&b, "x", 9000);
	buf_str(&b, "'}\n  condition: s\n");
	refused("a long value", buf_view(&b), "more than 8192 bytes");
	buf_release(&b);
}

/* A search identifier of 2,000 values, asked for again and again, and a filter of as many that
 * stands behind many rules: what is shared is held once, and asked once an event. */
static void test_shared_bomb(void **state)
{
	static const struct {
		const char *name, *part, *between;
		unsigned times;
	} rows[] = {
		{ "or", "s", " or ", 1600 },
		{ "and or", "(s and t)", " or ", 600 },
		{ "not", "not s", " and ", 700 },
		{ "or and or", "(s or t) and (t or s)", " and ", 300 },
	};
	struct buf b = { 0 };
	struct rules_report rep;
	struct heard heard;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ruleset *rs;
		int64_t ms;
		long kib;

		buf_reset(&b);
		buf_str(&b, HEAD "  t: {b: y}\n  s:\n    a|contains:\n");
		for (int k = 0; k < 2000; k++)
			buf_printf(&b, "      - 'v%05d'\n", k);
		buf_printf(&b, "  condition: %s", rows[i].part);
		for (unsigned k = 1; k < rows[i].times; k++)
			buf_printf(&b, "%s%s", rows[i].between, rows[i].part);
		buf_str(&b, "\n");
		rs = rules_from(buf_view(&b), &rep, &heard);
		if (rep.loaded != 1)
			fail_msg("%s: %s", rows[i].name, heard.fault.msg);
		ms = cpu_ms();
		kib = peak_kib();
		assert_int_equal(matches(rs, SLICE("{\"a\":\"x v01999 y\",\"b\":\"y\"}")),
				 strcmp(rows[i].name, "not") != 0);
		ms = cpu_ms() - ms;
		kib = peak_kib() - kib;
		if (ms > CPU_MS_MAX / 3 || kib > (long)MEMORY_MAX / 4)
			fail_msg("%s: %lld ms, %ld KiB", rows[i].name, (long long)ms, kib);
		ruleset_unref(rs);
	}
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml_bomb),
		cmocka_unit_test(test_yaml_depth),
		cmocka_unit_test(test_not_text),
		cmocka_unit_test(test_hundred_megabytes),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_regex_bomb),
		cmocka_unit_test(test_regex_bomb_matching),
		cmocka_unit_test(test_rule_bomb),
		cmocka_unit_test(test_shared_bomb),
		cmocka_unit_test(test_wildcard_bomb),
	};

	return RUN_TESTS(tests);
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* What files and folders hold: every document is counted, every fault told at its place, and what
 * is no file of rules is listed. */
#include "tests/collector/rule_kit.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "collector/detect/commands.h"
#include "common/base/file.h"
#include "common/base/time.h"

#define HEAD       "logsource: {product: linux}\n"
#define GOOD(name) "title: " name "\n" HEAD "detection: {s: {a: " name "}, condition: s}\n"

static const struct {
	const char *name, *text, *event;
	bool match;
} aliases[] = {
	{ "a text", "title: &t x\n" HEAD "detection: {s: {a: *t}, condition: s}\n", "{\"a\":\"x\"}",
	  true },
	{ "a list",
	  "title: t\n" HEAD "detection: {s: {a: &l [x, y]}, f: {b: *l}, condition: s and f}\n",
	  "{\"a\":\"x\",\"b\":\"y\"}", true },
	{ "a list, another value",
	  "title: t\n" HEAD "detection: {s: {a: &l [x, y]}, f: {b: *l}, condition: s and f}\n",
	  "{\"a\":\"x\",\"b\":\"z\"}", false },
	{ "a map", "title: t\n" HEAD "detection: {s: &m {a: x, b: y}, f: *m, condition: s and f}\n",
	  "{\"a\":\"x\",\"b\":\"y\"}", true },
	{ "a list in a list of maps",
	  "title: t\n" HEAD "detection: {s: [&m {a: x}, {b: y}], f: [*m], condition: f}\n",
	  "{\"a\":\"x\"}", true },
	{ "a name", "&n title: t\n" HEAD "detection: {s: {*n : x}, condition: s}\n",
	  "{\"title\":\"x\"}", true },
	{ "null", "title: t\n" HEAD "detection: {s: {a: &n null, b: *n}, condition: s}\n", "{}",
	  true },
	{ "a number stays one",
	  "title: t\n" HEAD "detection: {s: {a|gt: &n 5, b|gt: *n}, condition: s}\n",
	  "{\"a\":6,\"b\":7}", true },
	{ "the last of two of a name",
	  "title: t\n" HEAD "detection: {s: {a: &n x, b: &n y, c: *n}, condition: s}\n",
	  "{\"a\":\"x\",\"b\":\"y\",\"c\":\"y\"}", true },
	{ "one twice", "title: t\n" HEAD "detection: {s: {a: &n x, b: *n, c: *n}, condition: s}\n",
	  "{\"a\":\"x\",\"b\":\"x\",\"c\":\"x\"}", true },
};

static void test_aliases(void **state)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		struct rules_report rep;
		struct heard heard;
		struct ruleset *rs = rules_from(slice_str(aliases[i].text), &rep, &heard);
		unsigned n;

		if (rep.loaded != 1)
			fail_msg("%s: %u:%u: %s", aliases[i].name, heard.fault.line,
				 heard.fault.col, heard.fault.msg);
		n = matches(rs, slice_str(aliases[i].event));
		if (n != (aliases[i].match ? 1 : 0))
			fail_msg("%s: %s", aliases[i].name, n > 0 ? "matches" : "does not match");
		ruleset_unref(rs);
	}
}

/* A document that is broken takes none of the others with it. Lines are those of the file. */
static const struct {
	const char *name, *text;
	size_t loaded, rejected;
	unsigned line; /* of the last fault */
} documents[] = {
	{ "all good", GOOD("a") "---\n" GOOD("b") "---\n" GOOD("c"), 3, 0, 0 },
	{ "empty ones are none", "---\n" GOOD("a") "---\n---\n# nothing\n---\n", 1, 0, 0 },
	{ "a byte order mark", "\xef\xbb\xbf" GOOD("a") "---\n" GOOD("b"), 2, 0, 0 },
	{ "lines that end as on Windows",
	  "title: a\r\nlogsource: {product: linux}\r\ndetection: {s: {a: a}, condition: "
	  "s}\r\n---\r\n"
	  "title: [\r\n---\r\n" GOOD("b"),
	  2, 1, 6 },
	{ "the middle is broken", GOOD("a") "---\ntitle: [x\n---\n" GOOD("b"), 2, 1, 6 },
	{ "an open quote", GOOD("a") "---\ntitle: 'x\n---\n" GOOD("b"), 2, 1, 6 },
	{ "the first is broken", "title: {\n---\n" GOOD("a") "---\n" GOOD("b"), 2, 1, 2 },
	{ "the last is broken", GOOD("a") "---\n" GOOD("b") "---\na: b: c\n", 2, 1, 9 },
	{ "broken on its first line", GOOD("a") "--- }\n" GOOD("b") "---\n" GOOD("c"), 2, 1, 4 },
	{ "two broken, two bad, two good",
	  "a: ]\n---\n" GOOD("a") "---\ntitle: x\n---\n}\n---\nlevel: x\n---\n" GOOD("b"), 2, 4,
	  11 },
	{ "broken in a text of many lines",
	  GOOD("a") "---\ntitle: >\n  x\n  y\nb: 'c' d\n---\n" GOOD("b"), 2, 1, 8 },
	{ "hyphens inside a text are text",
	  "title: a\ndescription: |\n  x\n  ---\n  y\n" HEAD
	  "detection: {s: {a: a}, condition: s}\n",
	  1, 0, 0 },
	{ "a byte that is no text", GOOD("a") "---\ntitle: \x01\n---\n" GOOD("b"), 2, 1, 5 },
	{ "one that is broken before it too",
	  GOOD("a") "---\n[\n---\n" GOOD("b") "---\n\xff\n--- \n" GOOD("c"), 3, 2, 11 },
	{ "in the first document", "title: \xff\n---\n" GOOD("b"), 1, 1, 1 },
	{ "in the last", GOOD("b") "---\n\n  \xff", 1, 1, 6 },
};

static void test_documents(void **state)
{
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		struct rules_report rep;
		struct heard heard;
		struct ruleset *rs = rules_from(slice_str(documents[i].text), &rep, &heard);

		if (rep.loaded != documents[i].loaded || rep.rejected != documents[i].rejected ||
		    rep.documents != rep.loaded + rep.rejected || heard.faults != rep.rejected ||
		    (documents[i].line > 0 && heard.fault.line != documents[i].line))
			fail_msg("%s: %zu loaded, %zu rejected, %u:%u: %s", documents[i].name,
				 rep.loaded, rep.rejected, heard.fault.line, heard.fault.col,
				 heard.fault.msg);
		ruleset_unref(rs);
	}
}

/* Files up to the bound of a file, and past the others: loaded and rejected add up all the same. */
static void test_many(void **state)
{
	static const struct {
		const char *name, *document, *every_tenth; /* instead */
		unsigned n, faults;
		size_t loaded;
	} many[] = {
		{ "rules", GOOD("%u"), NULL, 7000, 0, 7000 },
		{ "regular expressions",
		  "title: %u\n" HEAD "detection: {s: {a|re: 'a.*%u[bc]+d'}, condition: s}\n", NULL,
		  3000, 0, 3000 },
		{ "broken ones between them", GOOD("%u"), "title: [%u\n", 900, 90, 810 },
		{ "broken ones past the bound", GOOD("%u"), "title: [%u\n", 5000, 101, 909 },
		{ "bytes that are no text", GOOD("%u"), "title: \xff%u\n", 5000, 101, 909 },
		{ "nothing between what is not read", GOOD("%u") "---\n# %u\n---\n--- # x\n",
		  "title: [%u\n--- \n...\n", 3000, 101, 909 },
		{ "no rules between them", GOOD("%u"), "title: x%u\n", 3000, 300, 2700 },
		{ "no rules at all", "title: x%u\n", NULL, 5000, 1001, 0 },
	};

	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
		struct rules_report rep;
		struct buf b = { 0 };
		struct heard heard;
		struct ruleset *rs;

		for (unsigned k = 0; k < many[i].n; k++) {
			const char *text = k % 10 == 9 && many[i].every_tenth != NULL
						   ? many[i].every_tenth
						   : many[i].document;

			buf_str(&b, "---\n");
			for (const char *p = text; *p != '\0'; p++) {
				if (p[0] == '%')
					buf_u64(&b, k);
				else if (p[0] != 'u' || p == text || p[-1] != '%')
					buf_chr(&b, *p);
			}
		}
		assert_true(b.n < 1 << 20);
		rs = rules_from(buf_view(&b), &rep, &heard);
		if (rep.loaded != many[i].loaded || rep.documents != many[i].n ||
		    rep.loaded + rep.rejected != many[i].n || heard.faults != many[i].faults)
			fail_msg("%s: %zu loaded, %zu rejected of %u, %u faults: %u:%u: %s",
				 many[i].name, rep.loaded, rep.rejected, many[i].n, heard.faults,
				 heard.fault.line, heard.fault.col, heard.fault.msg);
		ruleset_unref(rs);
		buf_release(&b);
	}
}

/* A document that is too large takes none of the others with it. */
static void test_large_document(void **state)
{
	struct rules_report rep;
	struct buf b = { 0 };
	struct heard heard;
	struct ruleset *rs;

	buf_str(&b, GOOD("a") "---\ntitle: t\nx: [");
	for (int i = 0; i < 50000; i++)
		buf_str(&b, "a,\n");
	buf_str(&b, "]\n---\n" GOOD("b"));
	rs = rules_from(buf_view(&b), &rep, &heard);
	assert_int_equal(rep.loaded, 2);
	assert_int_equal(rep.rejected, 1);
	assert_non_null(strstr(heard.fault.msg, "more than 50000 values in one document"));
	ruleset_unref(rs);
	buf_release(&b);
}

static void put_file(const char *dir, const char *name, struct slice content)
{
	char path[1024];
	struct err err;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_write(path, content, 0600, &err), 0);
}

/* Everything that `rules check` prints of a folder with one of each. */
static void test_listing(void **state)
{
	static const struct {
		const char *name, *content;
	} files[] = {
		{ "LICENSE", "text" },
		{ "README.md", "text" },
		{ ".hidden.yml", GOOD("h") },
		{ "a.yml", GOOD("a") "---\ntitle: x\n" },
		{ "b.yaml", GOOD("b") },
		{ "b.yml.bak", GOOD("b") },
		{ "c.yml", GOOD("a") },
		{ "fieldmap.yml", "a: b" },
		{ "empty.yml", "# nothing\n" },
		{ "logsources.yml", "[]" },
		{ "rule.YML", GOOD("r") },
		{ "sub/d.yml", GOOD("d") },
		{ "sub/notes.txt", "text" },
		{ ".git/config.yml", GOOD("g") },
		{ "f.yml", "title: f\nlogsource: {product: linux}\nfilter: {rules: any, s: {u: x}, "
			   "condition: not s}\n" },
	};
	static const char want[] =
		"%s/.git: passed over: hidden\n"
		"%s/.hidden.yml: passed over: hidden\n"
		"%s/LICENSE: passed over: not *.yml or *.yaml\n"
		"%s/README.md: passed over: not *.yml or *.yaml\n"
		"%s/a.yml:5:1: a rule wants a detection (or a correlation)\n"
		"%s/b.yml.bak: passed over: not *.yml or *.yaml\n"
		"%s/c.yml:1:1: id: \"%I\" is already that of the rule at %s/a.yml:1\n"
		"%s/dangling.yml: cannot be read: No such file or directory\n"
		"%s/empty.yml:1:1: the file holds no rule\n"
		"%s/fieldmap.yml: passed over: a map that is built into the program\n"
		"%s/link: passed over: a link to a folder\n"
		"%s/logsources.yml: passed over: a map that is built into the program\n"
		"%s/pipe.yml: passed over: not a file\n"
		"%s/rule.YML: passed over: not *.yml or *.yaml\n"
		"%s/sub/e.txt: passed over: not *.yml or *.yaml\n"
		"%s/sub/notes.txt: passed over: not *.yml or *.yaml\n"
		"1 of those that load are filters\n"
		"5 rules loaded, 4 rejected\n";
	static const char *const rest[] = { "link", "dangling.yml", "linked.yml", "sub/e.txt",
					    "pipe.yml" };
	char dir[] = "/tmp/vartio-listing-XXXXXX", path[256];
	char *argv[] = { dir, NULL };
	struct cmd c = { .argc = 1, .argv = argv, .now_ns = time_now_ns() };
	struct buf b = { 0 };
	const char *id;

	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, i == 0 ? "sub" : ".git");
		assert_int_equal(mkdir(path, 0700), 0);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		put_file(dir, files[i].name, slice_str(files[i].content));
	snprintf(path, sizeof(path), "%s/link", dir);
	assert_int_equal(symlink("sub", path), 0);
	snprintf(path, sizeof(path), "%s/dangling.yml", dir);
	assert_int_equal(symlink("nowhere", path), 0);
	snprintf(path, sizeof(path), "%s/linked.yml", dir);
	put_file(dir, "sub/e.txt", SLICE(GOOD("e")));
	assert_int_equal(symlink("sub/e.txt", path), 0);
	snprintf(path, sizeof(path), "%s/pipe.yml", dir);
	assert_int_equal(mkfifo(path, 0600), 0);

	assert_int_equal(command_rules_check.run(&c), 1);
	id = strstr(buf_cstr(&c.out), "id: \"");
	for (const char *p = want; *p != '\0'; p++) {
		if (p[0] == '%' && p[1] == 's')
			buf_str(&b, dir);
		else if (p[0] == '%' && p[1] == 'I')
			buf_put(&b, id != NULL ? id + 5 : "?", id != NULL ? 36 : 1);
		else
			buf_chr(&b, *p);
		p += *p == '%' ? 1 : 0;
	}
	assert_string_equal(buf_cstr(&c.out), buf_cstr(&b));
	buf_release(&b);
	buf_release(&c.out);
	buf_release(&c.err);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
		unlink(path);
	}
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, rest[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/sub", dir);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/.git", dir);
	rmdir(path);
	rmdir(dir);
}

/* Folders without end, and one that may not be read. */
static void test_deep(void **state)
{
	char dir[] = "/tmp/vartio-deep-XXXXXX", path[512];
	const char *paths[] = { dir };
	struct heard heard = { 0 };
	struct rules_report rep = { .fault = hear_fault, .arg = &heard };
	struct ruleset *rs = NULL;
	struct err err;
	size_t n;

	assert_non_null(mkdtemp(dir));
	put_file(dir, "a.yml", SLICE(GOOD("a")));
	n = (size_t)snprintf(path, sizeof(path), "%s", dir);
	for (int i = 0; i < 20; i++) {
		n += (size_t)snprintf(path + n, sizeof(path) - n, "/d");
		assert_int_equal(mkdir(path, 0700), 0);
	}
	put_file(path, "b.yml", SLICE(GOOD("b")));
	assert_int_equal(ruleset_load(paths, 1, &rep, &rs, &err), 0);
	assert_int_equal(rep.loaded, 1);
	assert_int_equal(rep.rejected, 1);
	assert_non_null(strstr(heard.fault.msg, "deeper than 16"));
	ruleset_unref(rs);
	snprintf(path + n, sizeof(path) - n, "/b.yml");
	unlink(path);
	for (int i = 0; i < 20; i++) {
		path[n] = '\0';
		rmdir(path);
		n -= 2;
	}
	snprintf(path, sizeof(path), "%s/a.yml", dir);
	unlink(path);
	rmdir(dir);
}

/* How a load of dir goes for a user who is not root. */
static void load_as_nobody(const char *dir, const char *says)
{
	struct heard heard = { 0 };
	struct rules_report rep = { .fault = hear_fault, .arg = &heard };
	struct ruleset *rs = NULL;
	struct err err;
	pid_t pid = fork();
	int status = -1;
	bool good;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(2);
		good = ruleset_load(&dir, 1, &rep, &rs, &err) == 0 && rep.loaded == 0 &&
		       rep.rejected == 1 && rep.documents == 1 && heard.faults == 1 &&
		       strstr(heard.fault.msg, says) != NULL;
		ruleset_unref(rs);
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A folder whose names can be listed, and whose files can't be looked at. */
static void test_unsearchable(void **state)
{
	char dir[] = "/tmp/vartio-closed-XXXXXX", path[64];

	assert_non_null(mkdtemp(dir));
	put_file(dir, "a.yml", SLICE(GOOD("a")));
	assert_int_equal(chmod(dir, 0444), 0);
	load_as_nobody(dir, "cannot be read: Permission denied");
	assert_int_equal(chmod(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/a.yml", dir);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),         cmocka_unit_test(test_large_document),
		cmocka_unit_test(test_aliases),      cmocka_unit_test(test_documents),
		cmocka_unit_test(test_listing),      cmocka_unit_test(test_deep),
		cmocka_unit_test(test_unsearchable),
	};

	return RUN_TESTS(tests);
}

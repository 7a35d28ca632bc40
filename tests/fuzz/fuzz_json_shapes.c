/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/fuzz_json_shapes.c: the JSON reader of the event path against a plain one
 * (json_ref.h), on texts made for what a fast reader gets wrong: a byte that counts at each place
 * of a vector, texts that end or begin at an unreadable page, names learned from earlier events and
 * met in other places, escaped, doubled, dotted. One index reads them all, errors between, as a
 * worker does. Usage: fuzz_json_shapes [--seeds FROM N] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/event/json_check.h"
#include "tests/fuzz/json_ref.h"

#define ROOM (1u << 20) /* the longest text, in whole pages */

static struct json_index ix;
static struct json_ref ref;
static char *page_end, *page_start; /* of readable memory between two pages that are not */
static const char *what = "";       /* is being tested */
static unsigned long tests;

static void differ(struct slice text, const char *how)
{
	printf("# %s: %s: %zu bytes: %.*s\nnot ok - the readers differ\n", what, how, text.n,
	       (int)(text.n < 2000 ? text.n : 2000), text.p);
	fflush(stdout);
	abort();
}

/* -- comparing ------------------------------------------------------------------------------ */

static bool same_path(const struct ref_leaf *a, const struct ref_leaf *b)
{
	return a->path_n == b->path_n && memcmp(a->path, b->path, a->path_n) == 0;
}

/* The chain of leaves of one path, from its first one, as the index links them. */
static void check_chain(struct slice text, size_t first)
{
	const struct json_field *f = &ix.f[first];
	bool several = false;

	for (size_t i = first + 1; i < ref.n; i++) {
		if (!same_path(&ref.v[first], &ref.v[i]))
			continue;
		several = true;
		f = json_field_next(&ix, f);
		if (f != &ix.f[i] || !f->more)
			differ(text, "the next leaf of a path");
	}
	if (json_field_next(&ix, f) != NULL || ix.f[first].more != several)
		differ(text, "the last leaf of a path");
}

static void check_leaves(struct slice text)
{
	if (ix.n != ref.n)
		differ(text, "the number of leaves");
	for (size_t i = 0; i < ref.n; i++) {
		const struct ref_leaf *want = &ref.v[i];
		const struct json_field *f = &ix.f[i];
		struct slice path = { want->path, want->path_n }, got;
		size_t first = 0;

		if (!slice_eq(f->path, path) || f->type != want->type || f->array != want->array ||
		    f->escaped != want->escaped)
			differ(text, "path, type, array or escaped of a leaf");
		if (f->value.p != want->value || f->value.n != want->value_n)
			differ(text, "the place of a value");
		got = json_field_text(&ix, f);
		if (!slice_eq(got, (struct slice){ want->text, want->text_n }) ||
		    !slice_eq(got, json_field_text(&ix, f)))
			differ(text, "the text of a value");
		if (ref.n > 500)
			continue; /* what follows costs the square */
		while (!same_path(&ref.v[first], want))
			first++;
		if (json_index_get(&ix, path) != &ix.f[first])
			differ(text, "the first leaf of a path");
		if (first == i)
			check_chain(text, i);
	}
}

/* Names of this event and others, at paths where they may or may not have leaves. */
static void check_absent(struct slice text)
{
	static const char *const paths[] = { "",   "a",        "a.b",    "a.b.c", "b",
					     "a.", ".a",       "ab",     "a.a",   "..",
					     "k",  "winlog.x", "winlog", "ä" };

	for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++) {
		const struct json_field *f = json_index_get(&ix, slice_str(paths[k]));
		size_t i = 0;

		while (i < ref.n &&
		       !slice_is((struct slice){ ref.v[i].path, ref.v[i].path_n }, paths[k]))
			i++;
		if (f != (i < ref.n ? &ix.f[i] : NULL))
			differ(text, paths[k]);
	}
}

/* The quick yes is no more than that; and it comes where no bound of its own is met. */
static void check_quick(struct slice text, bool good)
{
	bool yes = json_check(text);
	unsigned opened = 0;

	if (yes && !good)
		differ(text, "accepted by json_check");
	for (size_t i = 0; i < text.n; i++)
		opened += text.p[i] == '{' || text.p[i] == '[';
	if (good && !yes && text.n < 120 && opened <= 8 && text.p[0] == '{' &&
	    text.p[text.n - 1] == '}')
		differ(text, "refused by json_check");
}

static void compare(struct slice text)
{
	struct err err = { 0 };
	int ours = json_index_read(&ix, text, &err);
	bool theirs = json_ref_read(&ref, text);

	tests++;
	if ((ours == 0) != theirs)
		differ(text, ours == 0 ? "accepted" : err.msg);
	check_quick(text, theirs);
	if (ours < 0 &&
	    (err.code != ERR_SYNTAX || err.col == 0 || err.col > text.n + 1 || ix.n != 0))
		differ(text, "how it is refused");
	if (ours == 0)
		check_leaves(text);
	check_absent(text);
}

/* Against the unreadable page behind, and the one before. */
static void both_ends(const char *p, size_t n)
{
	if (n > ROOM)
		abort();
	memcpy(page_end - n, p, n);
	compare((struct slice){ page_end - n, n });
	memcpy(page_start, p, n);
	compare((struct slice){ page_start, n });
}

static void text(const struct buf *b)
{
	both_ends(b->p, b->n);
}

/* -- sweeps --------------------------------------------------------------------------------- */

static const struct {
	const char *p;
	size_t n;
} marks[] = {
#define MARK(s)                                                                                    \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}
	MARK("\""),
	MARK("\\"),
	MARK("\\\""),
	MARK("\\\\"),
	MARK("\\n"),
	MARK("\\u00e4"),
	MARK("\\ud83d\\ude00"),
	MARK("\\ud83d"),
	MARK("\\ud83d\\ue000"),
	MARK("\\ud83d\\ud83d\\udfff"),
	MARK("\\ude00x"),
	MARK("\\u12g4"),
	MARK("\\x"),
	MARK("\x1f"),
	MARK("\n"),
	MARK("\0"),
	MARK("\x7f"),
	MARK("\x20"),
	MARK("\x80"),
	MARK("\xbf"),
	MARK("\xc1\xbf"),
	MARK("\xc2\x80"),
	MARK("\xdf\xbf"),
	MARK("\xe0\x9f\xbf"),
	MARK("\xe0\xa0\x80"),
	MARK("\xed\x9f\xbf"),
	MARK("\xed\xa0\x80"),
	MARK("\xef\xbf\xbf"),
	MARK("\xf0\x8f\xbf\xbf"),
	MARK("\xf0\x90\x80\x80"),
	MARK("\xf4\x8f\xbf\xbf"),
	MARK("\xf4\x90\x80\x80"),
	MARK("\xf8\x88\x80\x80\x80"),
	MARK("\xc3"),
	MARK("\xe2\x82"),
	MARK("\xf0\x9f\x98"),
	MARK("\xff"),
#undef MARK
};

/* Every mark at every place of a string of every length up to `longest`, as value and as name. */
static void sweep_strings(unsigned longest)
{
	struct buf b = { 0 };

	what = "a byte that counts, at each place of a string";
	for (size_t m = 0; m < sizeof(marks) / sizeof(marks[0]); m++) {
		for (unsigned len = 0; len <= longest; len++) {
			for (unsigned at = 0; at <= len; at++) {
				bool name = (len + at) % 5 == 0;

				buf_reset(&b);
				buf_str(&b, name ? "{\"" : "{\"a\":\"");
				for (unsigned i = 0; i < at; i++)
					buf_chr(&b, (char)('a' + i % 26));
				buf_put(&b, marks[m].p, marks[m].n);
				for (unsigned i = at; i < len; i++)
					buf_chr(&b, (char)('A' + i % 26));
				buf_str(&b, name ? "\":1}" : "\"}");
				text(&b);
			}
		}
	}
	buf_release(&b);
}

/* All that begins as a character of three or four bytes, with the bytes at the edges of what may
 * follow, at each place of a vector of 16. */
static void sweep_utf8(void)
{
	static const unsigned char edge[] = { 0x00, 0x22, 0x7f, 0x80, 0x8f, 0x90,
					      0x9f, 0xa0, 0xbf, 0xc0, 0xff };
	struct buf b = { 0 };

	what = "characters of several bytes";
	for (unsigned lead = 0xc0; lead <= 0xff; lead++) {
		for (unsigned k = 0; k < 11 * 11 * 11; k++) {
			unsigned n = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;

			if ((n < 3 && k / 121 != 0) || (n < 2 && k / 11 != 0))
				break;
			buf_reset(&b);
			buf_str(&b, "{\"a\":\"");
			for (unsigned i = (lead + k) % 17; i > 0; i--)
				buf_chr(&b, 'x');
			buf_chr(&b, (char)lead);
			for (unsigned i = 0, rest = k; i < n; i++, rest /= 11)
				buf_chr(&b, (char)edge[rest % 11]);
			buf_str(&b, k % 3 == 0 ? "\"}" : "0123456789abcdefgh\"}");
			text(&b);
		}
	}
	buf_release(&b);
}

static void sweep_numbers(void)
{
	static const char all[] = "019-+.eE";
	struct buf b = { 0 };

	what = "numbers";
	for (unsigned len = 1; len <= 6; len++) {
		unsigned end = 1;

		for (unsigned i = 0; i < len; i++)
			end *= 8;
		for (unsigned k = 0; k < end; k += len == 6 ? 7 : 1) {
			buf_reset(&b);
			buf_str(&b, "{\"a\":");
			for (unsigned i = 0, rest = k; i < len; i++, rest /= 8)
				buf_chr(&b, all[rest % 8]);
			buf_str(&b, k % 2 == 0 ? "}" : ",\"b\":1}");
			text(&b);
		}
	}
	buf_release(&b);
}

static void sweep_depth(void)
{
	/* The first, and then by turns: objects, arrays, both. */
	static const char *const opens[][3] = { { "\"a\":{", "\"a\":{", "\"a\":{" },
						{ "\"a\":[", "[", "[" },
						{ "\"b\":[", "{", "\"b\":[" } };
	struct buf b = { 0 };

	what = "depth";
	for (unsigned kind = 0; kind < 3; kind++) {
		for (unsigned depth = 1; depth <= JSON_DEPTH_MAX + 3; depth++) {
			buf_reset(&b);
			buf_chr(&b, '{');
			for (unsigned i = 1; i < depth; i++)
				buf_str(&b, opens[kind][i == 1 ? 0 : 1 + i % 2]);
			for (unsigned i = depth - 1; i >= 1; i--)
				buf_chr(&b, kind == 0 || (kind == 2 && i % 2 == 0) ? '}' : ']');
			buf_chr(&b, '}');
			text(&b);
		}
	}
	buf_release(&b);
}

/* -- random texts --------------------------------------------------------------------------- */

static uint64_t state;

static uint32_t below(uint32_t n)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 32) % n;
}

static void put_space(struct buf *b)
{
	while (below(8) == 0)
		buf_chr(b, " \t\r\n"[below(4)]);
}

static void put_key(struct buf *b)
{
	static const char *const keys[] = {
		"a",       "a",      "b",           "b",          "c",         "k",
		"ab",      "",       "a.b",         ".",          "a.",        "\\u0061",
		"\\u0062", "winlog", "x",           "event_data", "ä",         "\\u00e4",
		"\\\"",    "a\\\\",  "CommandLine", "A",          "a\\u002eb", "a\\u0000",
	};

	buf_printf(b, "\"%s\"", keys[below(sizeof(keys) / sizeof(keys[0]))]);
}

static void put_value(struct buf *b, unsigned depth)
{
	static const char *const scalars[] = {
		"null", "true",  "false", "0",  "-1.5e3",    "12",
		"\"\"", "\"x\"", "[]",    "{}", "\"a\\nb\"", "\"ä\""
	};
	unsigned n = below(4);

	put_space(b);
	switch (depth > 0 ? below(5) : 4) {
	case 0:
	case 1:
		buf_chr(b, '{');
		for (unsigned i = 0; i < n; i++) {
			buf_str(b, i > 0 ? "," : "");
			put_space(b);
			put_key(b);
			put_space(b);
			buf_chr(b, ':');
			put_value(b, depth - 1);
		}
		buf_chr(b, '}');
		break;
	case 2:
		buf_chr(b, '[');
		for (unsigned i = 0; i < n; i++) {
			buf_str(b, i > 0 ? "," : "");
			put_value(b, depth - 1);
		}
		buf_chr(b, ']');
		break;
	default:
		if (below(6) == 0) {
			buf_chr(b, '"');
			for (unsigned i = below(90); i > 0; i--)
				buf_str(b, below(30) == 0 ? "\\t" : below(30) == 0 ? "ö" : "z");
			buf_chr(b, '"');
		} else {
			buf_str(b, scalars[below(12)]);
		}
	}
	put_space(b);
}

static void put_event(struct buf *b)
{
	buf_reset(b);
	put_space(b);
	buf_chr(b, '{');
	for (unsigned n = below(7), i = 0; i < n; i++) {
		buf_str(b, i > 0 ? "," : "");
		put_key(b);
		buf_chr(b, ':');
		put_value(b, 1 + below(4));
	}
	buf_chr(b, '}');
	put_space(b);
}

static void spoil(struct buf *b)
{
	static const char bytes[] = "{}[]\",:\\ 01-eu\x80\xc3\x1f";
	size_t at = below((uint32_t)b->n);

	switch (below(4)) {
	case 0:
		b->p[at] = bytes[below(sizeof(bytes))]; /* the last one is NUL */
		break;
	case 1:
		b->n = at;
		break;
	case 2:
		memmove(b->p + at, b->p + at + 1, b->n - at - 1);
		b->n--;
		break;
	default:
		buf_chr(b, bytes[below(sizeof(bytes))]);
	}
}

/* A leaf put in: what stood at its path and below it is gone, all else is as before. */
static void try_set(const struct buf *b)
{
	static const char *const paths[] = { "a", "a.b", "b", "new", "a.", "", "winlog" };
	struct slice in = { page_end - b->n, b->n }, path, p;
	const struct json_field *f;
	struct err err;
	size_t at = 0;

	memcpy(page_end - b->n, b->p, b->n);
	if (json_index_read(&ix, in, &err) < 0 || !json_ref_read(&ref, in))
		return;
	path = slice_str(paths[below(7)]);
	if (json_index_set(&ix, path, SLICE("v\"")) < 0)
		abort();
	for (size_t i = 0; i < ref.n; i++) {
		p = (struct slice){ ref.v[i].path, ref.v[i].path_n };
		if (slice_starts(p, path) && (p.n == path.n || p.p[path.n] == '.'))
			continue;
		if (at + 1 >= ix.n || ix.f[at].value.p != ref.v[i].value)
			differ(in, "what is left after a leaf was set");
		f = json_index_get(&ix, p);
		while (f != NULL && f != &ix.f[at])
			f = json_field_next(&ix, f);
		if (f == NULL)
			differ(in, "a leaf that is no longer found after one was set");
		at++;
	}
	f = json_index_get(&ix, path);
	if (f != &ix.f[at] || ix.n != at + 1 || !slice_is(json_field_text(&ix, f), "v\"") ||
	    json_field_next(&ix, f) != NULL)
		differ(in, "the leaf that was set");
}

static void random_texts(uint64_t from, uint64_t n)
{
	struct buf b = { 0 };

	what = "random texts";
	for (uint64_t seed = from; seed < from + n; seed++) {
		state = seed * UINT64_C(0xd1342543de82ef95) + 1;
		put_event(&b);
		text(&b);
		if (below(3) == 0)
			try_set(&b);
		for (unsigned k = below(4); k > 0; k--) {
			if (b.n > 0)
				spoil(&b);
			both_ends(b.n > 0 ? b.p : "", b.n);
		}
	}
	buf_release(&b);
}

/* More names than are kept, most of them once: what is learned is forgotten and learned again. */
static void many_names(void)
{
	struct buf b = { 0 };

	what = "more names than are kept";
	for (unsigned round = 0; round < 30; round++) {
		buf_reset(&b);
		buf_str(&b, "{\"a\":{\"b\":1}");
		for (unsigned i = 0; i < 1000; i++)
			buf_printf(&b, ",\"n%u\":{\"x\":%u}", round * 700 + i, i);
		buf_str(&b, ",\"a\":{\"b\":[2]}}");
		text(&b);
	}
	buf_release(&b);
}

int main(int argc, char **argv)
{
	uint64_t from = 0, n = 60000;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, ROOM + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	if (argc == 4 && strcmp(argv[1], "--seeds") == 0) {
		from = strtoull(argv[2], NULL, 10);
		n = strtoull(argv[3], NULL, 10);
	}
	if (p == MAP_FAILED || mprotect(p, page, PROT_NONE) < 0 ||
	    mprotect(p + page + ROOM, page, PROT_NONE) < 0)
		abort();
	page_start = p + page;
	page_end = page_start + ROOM;
	alarm(600);
	printf("1..2\n");
	sweep_strings(70);
	sweep_utf8();
	sweep_numbers();
	sweep_depth();
	many_names();
	printf("ok 1 - %lu texts, byte by byte\n", tests);
	fflush(stdout);
	tests = 0;
	random_texts(from, n);
	printf("ok 2 - %lu random texts, from seed %llu\n", tests, (unsigned long long)from);
	json_index_release(&ix);
	json_ref_release(&ref);
	munmap(p, ROOM + 2 * page);
	return 0;
}

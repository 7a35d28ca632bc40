/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/fuzz_splice.c: normalise_splice against normalise() on random documents in
 * Winlogbeat's manner: names of the schema as values and as objects, doubled, dotted, escaped, with
 * blanks; values that are left out; spoiled texts. One normaliser reads them all, as the agent's
 * does. Usage: fuzz_splice [--seeds FROM N] */
#include <unistd.h>

#include "tests/fuzz/splice_check.h"

static uint64_t state;

static uint32_t below(uint32_t n)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 32) % n;
}

/* An object's members, by its name; the last list is for all others. */
static const struct {
	const char *name;
	const char *keys[9];
} objects[] = {
	{ "", { "host", "event", "log", "winlog", "ecs", "agent", "input", "message", "x" } },
	{ "host", { "name", "name", "hostname", "os", "ip" } },
	{ "event", { "code", "kind", "created", "provider", "original", "action", "x" } },
	{ "log", { "level", "offset", "flags", "x", "level", "level", "file" } },
	{ "winlog", { "event_data", "user_data", "channel", "task", "keywords", "process" } },
	{ "ecs", { "version", "x" } },
	{ "agent", { "type", "version", "name", "id", "ephemeral_id" } },
	{ "input", { "type", "x" } },
	{ "event_data", { "Image", "Hashes", "User", "A", "B", "CommandLine", "ä" } },
	{ NULL, { "a", "b", "name", "type", "k-1", "process", "thread", "id", "c" } },
};
static const char *const odd_keys[] = { "a.b",
					"Threat Name",
					"\\u0061",
					"",
					"@timestamp",
					"related",
					"source",
					"user",
					"process",
					"destination",
					"a\\\\",
					"event.kind",
					"__REALTIME_TIMESTAMP" };
static const char *const scalars[] = {
	"null",
	"\"\"",
	"true",
	"false",
	"0",
	"-1.5e3",
	"12",
	"18446744073709551615",
	"\"x\"",
	"{}",
	"[]",
	"\"ä\"",
	"\"\\u00e4\\n\"",
	"\"\\ud83d\\ude00\"",
	"\"\\ud83d\"",
	"[1]",
	"[\"a\"]",
	"[\"a\",\"a\"]",
	"[\"a\",\"b\"]",
	"[\"1\",1,true,\"C:\\\\a\\n\"]",
	"[\"ä\",\"\\u00e4\"]",
	"[\"x\",\"a\\/b\"]",
	"[\"x\",\"\\u0001\"]",
	"[\"x\",null]",
	"[\"x\",\"\"]",
	"[\"x\",[1]]",
	"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24]",
	"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25]",
	"\"__REALTIME_TIMESTAMP\"",
	"\"a\\\"__REALTIME_TIMESTAMP\"",
	"[null]",
	"[\"\"]",
	"\"\\u0000\"",
	"\"a\\/b\"",
};
#define N(a) (sizeof(a) / sizeof((a)[0]))

static void put_value(struct buf *b, const char *name, unsigned depth, bool plain);

static const char *pick_key(const char *object, bool plain)
{
	size_t i = 0, n = 0;

	if (!plain && below(12) == 0)
		return odd_keys[below(N(odd_keys))];
	while (objects[i].name != NULL && strcmp(objects[i].name, object) != 0)
		i++;
	while (n < N(objects[i].keys) && objects[i].keys[n] != NULL)
		n++;
	return objects[i].keys[below((uint32_t)n)];
}

/* Members with different names, or not. */
static void put_members(struct buf *b, const char *name, unsigned depth, bool plain)
{
	const char *had[16];
	unsigned n_had = 0;

	for (unsigned n = below(9); n > 0 && n_had < 16; n--) {
		const char *k = pick_key(name, plain);
		bool again = false;

		for (unsigned i = 0; i < n_had; i++)
			again |= strcmp(had[i], k) == 0;
		if (again && (plain || below(8) != 0))
			continue;
		if (b->p[b->n - 1] != '{')
			buf_chr(b, ',');
		if (!plain && below(150) == 0)
			buf_chr(b, ' ');
		had[n_had++] = k;
		buf_printf(b, "\"%s\":", k);
		put_value(b, k, depth, plain);
	}
}

static void put_value(struct buf *b, const char *name, unsigned depth, bool plain)
{
	bool object = false;

	for (size_t i = 1; objects[i].name != NULL; i++)
		object |= strcmp(objects[i].name, name) == 0;
	object = object ? plain || below(10) != 0 : below(plain ? 30 : 6) == 0;
	if (depth > 0 && object) {
		buf_chr(b, '{');
		put_members(b, name, depth - 1, plain);
		buf_chr(b, '}');
	} else if (below(2) == 0) {
		buf_printf(b, "\"v%.*s%u\"", (int)below(30), "abcdefghijklmnopqrstuvwxyz0123456789",
			   below(100));
	} else {
		buf_str(b, scalars[below(plain ? 26 : N(scalars))]);
	}
}

static void put_document(struct buf *b)
{
	static const char *const heads[] = { "{\"@timestamp\":\"2026-11-23T10:00:00.123Z\"",
					     "{\"@timestamp\":\"2026-11-23T10:00:00.123456Z\"",
					     "{\"@timestamp\":\"2026-11-23T10:00:60.000Z\"",
					     "{\"@timestamp\":\"2026-11-23 10:00:00,123z\"",
					     "{\"@timestamp\":\"soon\"",
					     "{\"@timestamp\":\"\"",
					     "{\"@timestamp\":12",
					     "{" };
	bool plain = below(3) != 0;

	buf_reset(b);
	buf_str(b, heads[below(plain ? 5 : N(heads))]);
	if (below(10) != 0)
		buf_str(b,
			b->n > 1 ? ",\"host\":{\"name\":\"dc1\"}" : "\"host\":{\"name\":\"dc1\"}");
	put_members(b, "", 2 + below(8), plain);
	buf_chr(b, '}');
}

static void spoil(struct buf *b)
{
	static const char bytes[] = "{}[]\",:\\ 01-eu\x80\xc3\x1f";
	size_t at = below((uint32_t)b->n);

	if (below(2) == 0) {
		b->p[at] = bytes[below(N(bytes))];
		return;
	}
	memmove(b->p + at, b->p + at + 1, b->n - at - 1);
	b->n--;
}

int main(int argc, char **argv)
{
	struct normaliser *nz = normaliser_new();
	uint64_t from = 0, n = 200000, spliced = 0, seed;
	struct buf b = { 0 };

	if (argc == 4 && strcmp(argv[1], "--seeds") == 0) {
		from = strtoull(argv[2], NULL, 10);
		n = strtoull(argv[3], NULL, 10);
	}
	alarm(600);
	printf("1..1\n");
	for (seed = from; nz != NULL && seed < from + n; seed++) {
		struct norm_source src = { .input = "log", .received_ns = 1795420800123456789 };
		char *exact;

		state = seed * UINT64_C(0xd1342543de82ef95) + 1;
		src.offset = below(1000);
		src.path = below(3) == 0    ? SLICE("")
			   : below(50) == 0 ? SLICE("/a\xff")
					    : SLICE("/a\"b");
		src.host = SLICE("agent.example");
		put_document(&b);
		if (below(4) == 0)
			spoil(&b);
		exact = malloc(b.n); /* so that reading past it is seen */
		if (exact == NULL || b.failed)
			abort();
		memcpy(exact, b.p, b.n);
		spliced += splice_check(nz, below(2) == 0 ? NORM_AUTO : NORM_JSON,
					(struct slice){ exact, b.n }, &src);
		free(exact);
	}
	printf("# %llu of %llu documents, from seed %llu, were spliced\n",
	       (unsigned long long)spliced, (unsigned long long)n, (unsigned long long)from);
	printf("%s 1 - spliced as normalised\n", spliced * 10 > n ? "ok" : "not ok");
	normaliser_free(nz);
	buf_release(&b);
	return spliced * 10 > n ? 0 : 1;
}

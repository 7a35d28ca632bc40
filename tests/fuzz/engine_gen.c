/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/engine_gen.c: the seed's numbers, and the texts that rules and events share. */
#include <stdio.h>

#include "tests/fuzz/engine_gen.h"

/* splitmix64 */
uint32_t gen_below(struct gen *g, uint32_t n)
{
	uint64_t z = g->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 32) % n;
}

bool gen_chance(struct gen *g, unsigned percent)
{
	return gen_below(g, 100) < percent;
}

/* Characters whose lower case is longer, shorter, or not theirs alone (Kelvin, long s, sigma,
 * dotted I, U+023A, Cherokee, Deseret), and some without any. */
static const char *const others[] = { "ä",      "Ä", "ö", "Ö", "É",  "ß", "ẞ", "İ", "ı",
				      "\u212a", "ſ", "Å", "Σ", "ς",  "σ", "Ⱥ", "ⱥ", "Ꭰ",
				      "ꭰ",    "𐐀", "𐐨", "😀", "漢", "–", "Ж", "ж", "\u00a0" };
static const char *const plain[] = {
	"a", "A", "b", "B", "c",  "C",  "k",  "K", "s", "S", "i", "I", "e",    "x",    "1",
	"0", ".", "_", " ", "\\", "\\", "\\", "/", "-", "-", "*", "?", ".exe", ".EXE", "cmd",
	"@", "[", "`", "{", "\"", "'",  "%",  ":", "#", "&", "|", "(", "$",    "^",    "+",
};
static const char *const words[] = {
	"cmd.exe",       "\\cmd.exe", "powershell", "PowerShell.EXE",
	"\\System32\\",  " -enc ",    " /c ",       "http://",
	"C:\\Windows\\", "whoami",    "\\Run\\",    "HKLM\\Software\\"
};

static void random_text(struct gen *g, char *out, unsigned pieces)
{
	size_t n = 0;

	for (unsigned i = 0; i < pieces; i++) {
		const char *s = gen_chance(g, 8)                 ? GEN_PICK(g, words)
				: !g->ascii && gen_chance(g, 25) ? GEN_PICK(g, others)
								 : GEN_PICK(g, plain);

		n += (size_t)snprintf(out + n, POOL_TEXT - n, "%s", s);
		if (n >= POOL_TEXT - 40)
			return;
	}
}

/* Where the first `n` bytes of valid UTF-8 may be cut. */
static size_t whole(const char *s, size_t n)
{
	while (n > 0 && (s[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static void flip_case(struct gen *g, char *s, unsigned percent)
{
	for (; *s != '\0'; s++) {
		char c = (char)(*s | 0x20);

		if (c >= 'a' && c <= 'z' && gen_chance(g, percent))
			*s = (char)(*s ^ 0x20);
	}
}

/* A text made of an earlier one: a part of it, more than it, the same in other case. */
static void related_text(struct gen *g, char *out, const char *from, const char *other)
{
	size_t n = strlen(from), cut = whole(from, gen_below(g, (uint32_t)n + 1));

	switch (gen_below(g, 5)) {
	case 0:
		snprintf(out, POOL_TEXT, "%.*s", (int)cut, from);
		break;
	case 1:
		snprintf(out, POOL_TEXT, "%s", from + cut);
		break;
	case 2:
		snprintf(out, POOL_TEXT, "%.40s%.100s", "", from);
		snprintf(out, POOL_TEXT, "%.*s%.*s", (int)whole(from, n > 60 ? 60 : n), from,
			 (int)whole(other, strlen(other) > 60 ? 60 : strlen(other)), other);
		break;
	case 3:
		snprintf(out, POOL_TEXT, "%s", from);
		flip_case(g, out, 50);
		break;
	default:
		snprintf(out, POOL_TEXT, "%.*s", (int)(cut - whole(from, cut / 2)),
			 from + whole(from, cut / 2));
	}
}

void gen_init(struct gen *g, uint64_t seed)
{
	*g = (struct gen){ .state = seed * UINT64_C(0xd1342543de82ef95) + 1 };
	g->ascii = gen_chance(g, 40);
	g->narrow = gen_chance(g, 30);
	g->focus = gen_chance(g, 60) ? (enum gen_kind)gen_below(g, GEN_KINDS) : GEN_TEXT;
	for (unsigned i = 0; i < POOL_N; i++) {
		if (i < 4 || gen_chance(g, 30))
			random_text(g, g->pool[i], 1 + gen_below(g, gen_chance(g, 20) ? 30 : 9));
		else
			related_text(g, g->pool[i], g->pool[gen_below(g, i)],
				     g->pool[gen_below(g, i)]);
	}
}

const char *gen_pool(struct gen *g)
{
	return g->pool[gen_below(g, POOL_N)];
}

const char *gen_encodable(struct gen *g)
{
	return g->pool[gen_below(g, 3)];
}

const char *gen_number(struct gen *g)
{
	static const char *const all[] = { "0",   "1",    "5",    "7",    "10",  "12",
					   "13",  "-3",   "1.5",  "1e3",  "0.0", "100",
					   "443", "4104", "4688", "65535" };

	return GEN_PICK(g, all);
}

const char *gen_address(struct gen *g)
{
	static const char *const all[] = {
		"10.0.0.1",
		"10.0.0.0",
		"10.0.0.2",
		"10.0.0.3",
		"10.1.2.3",
		"11.0.0.0",
		"192.168.0.7",
		"192.168.1.255",
		"8.8.8.8",
		"172.16.0.1",
		"172.31.255.1",
		"172.32.0.0",
		"::1",
		"::2",
		"2001:db8::1",
		"2001:DB8:0:1::",
		"2001:db8:0:2::1",
		"2001:db9::",
		"fe80::1%eth0",
		"10.0.0",
		"febf::1",
		"fec0::1",
		"::ffff:10.0.0.1",
		"010.0.0.1",
		" 10.0.0.1",
	};

	return GEN_PICK(g, all);
}

const char *gen_time(struct gen *g)
{
	static const char *const all[] = {
		"2026-11-23T08:00:00Z",       "2026-11-23T23:59:59Z",
		"2024-12-30T00:05:00Z",       "2027-01-01T00:00:00+02:00",
		"2020-02-29T12:30:10-05:30",  "1999-12-31T23:10:00Z",
		"2021-01-03T10:10:10Z",       "2021-01-04T00:00:00+00:30",
		"2016-01-01T05:59:01Z",       "2018-12-31T23:30:00-01:00",
		"1969-12-31T23:59:59Z",       "2000-03-01T00:00:00+14:00",
		"2025-12-06 21:11:02.649",    "2026-11-27",
		"2026-11-27T09:10:11",        "1601-01-01 00:00:00.000",
		"2026-02-29 10:00:00",        "2026-02-28t10:59:60,5z",
		"2026-11-27 10:20:30.5+0200", "2026-11-27 10:20",
		"2026-11-27 24:00:00",        "2026-11-27 10:20:30. ",
	};

	return GEN_PICK(g, all);
}

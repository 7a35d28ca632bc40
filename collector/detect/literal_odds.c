/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/detect/literal_odds.h"

#include "collector/detect/signature.h"

/* Pieces of which Windows' and Unix' paths, command lines and scripts are made. A literal made of
 * nothing else says little. */
static const struct {
	const char *text;
	double odds;
} usual[] = {
	{ "c:\\windows\\system32\\", 0.4 },
	{ "c:\\windows\\", 0.5 },
	{ "\\windows\\", 0.5 },
	{ "\\system32\\", 0.4 },
	{ "system32", 0.4 },
	{ "\\syswow64\\", 0.1 },
	{ "\\powershell", 0.2 },
	{ "powershell.exe", 0.2 },
	{ "powershell", 0.25 },
	{ "\\cmd.exe", 0.2 },
	{ "cmd.exe", 0.25 },
	{ "cmd", 0.3 },
	{ "\\svchost.exe", 0.1 },
	{ "\\explorer.exe", 0.1 },
	{ "\\rundll32.exe", 0.08 },
	{ "\\services.exe", 0.08 },
	{ "\\conhost.exe", 0.08 },
	{ "conhost", 0.08 },
	{ ".exe", 0.8 },
	{ ".dll", 0.4 },
	{ ".ps1", 0.1 },
	{ "exe", 0.8 },
	{ "c:\\program files", 0.15 },
	{ "c:\\users\\", 0.3 },
	{ "\\users\\", 0.3 },
	{ "\\appdata\\local\\", 0.15 },
	{ "\\appdata\\", 0.2 },
	{ "\\temp\\", 0.15 },
	{ "\\microsoft\\", 0.2 },
	{ "microsoft", 0.3 },
	{ "microsoft corporation", 0.5 },
	{ "microsoft windows", 0.3 },
	{ "\\software\\", 0.5 },
	{ "\\currentversion\\", 0.3 },
	{ "hklm\\", 0.6 },
	{ "hklm", 0.6 },
	{ "\\registry\\machine\\", 0.3 },
	{ "\\services\\", 0.2 },
	{ "system", 0.3 },
	{ "nt authority", 0.4 },
	{ "authority\\", 0.4 },
	{ "ipc$", 0.5 },
	{ "\\\\*", 0.6 },
	{ "http://", 0.1 },
	{ "https://", 0.1 },
	{ "http", 0.12 },
	{ "/usr/bin/", 0.4 },
	{ "/bin/", 0.5 },
	{ "true", 0.5 },
	{ "false", 0.5 },
	{ "create", 0.1 },
	{ "invoke-", 0.06 },
	{ "get-", 0.15 },
	{ "new-object", 0.06 },
	{ "function", 0.1 },
	{ "process", 0.15 },
	{ "string", 0.1 },
	{ "download", 0.05 },
	{ "script", 0.1 },
	{ "0x0", 0.3 },
	{ "high", 0.2 },
	{ "medium", 0.2 },
	{ "kerberos", 0.2 },
	{ "ntlm", 0.2 },
	{ "service", 0.15 },
	{ "user", 0.2 },
	{ "path", 0.1 },
	{ "name", 0.1 },
	{ "start", 0.1 },
};

/* The best known piece in a literal: with each byte beside it, it is less common. */
static double usual_odds(struct slice text)
{
	double odds = 0;

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		struct slice u = slice_str(usual[i].text);
		double o = usual[i].odds;

		if (text.n > u.n + 6 || slice_find(text, u) < 0)
			continue;
		for (size_t more = u.n; more < text.n; more++)
			o *= 0.6; /* each byte beside the piece makes it less common */
		odds = o > odds ? o : odds;
	}
	return odds;
}

double literal_odds(struct slice text, enum shape shape)
{
	static const double by_length[] = { 1.0,  1.0,   0.95,  0.9,   0.05,
					    0.02, 0.012, 0.008, 0.006, 0.004 };
	double odds = by_length[text.n < 9 ? text.n : 9], known = usual_odds(text), last;
	size_t at = text.n;

	if (shape == SHAPE_EXACT)
		odds /= 4;
	else if (shape != SHAPE_CONTAINS)
		odds /= 2;
	/* A program is as common by its path as by its name, nearly. */
	while (at > 0 && text.p[at - 1] != '\\')
		at--;
	if (at > 1 && (shape == SHAPE_EXACT || shape == SHAPE_SUFFIX)) {
		last = usual_odds(slice_from(text, at - 1)) * 0.8;
		known = last > known ? last : known;
	}
	return known > odds ? known : odds;
}

unsigned byte_weight(unsigned char c)
{
	static const uint8_t of[96] = {
		/* from the space on; letters are folded */
		50, 1,  14, 2,  4,  4,  2,  5,  6,  6,  3,  3,  8,  22, 26, 12, 45, 26, 20, 16,
		14, 13, 14, 12, 13, 12, 16, 4,  2,  8,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
		2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  3,
		40, 3,  1,  6,  1,  45, 16, 38, 32, 60, 18, 13, 16, 50, 3,  8,  30, 26, 45, 45,
		26, 3,  45, 50, 55, 22, 10, 20, 12, 10, 3,  5,  2,  5,  1,  2,
	};

	return c >= ' ' && c < 128 ? of[c - ' '] : 2;
}

unsigned gram_weight(const char *four)
{
	static const char often[][5] = { ".exe", "\\win", "wind", "indo", "ndow", "dows",  "ows\\",
					 "syst", "yste",  "stem", "tem3", "em32", "m32\\", "powe",
					 "ower", "wers",  "ersh", "rshe", "shel", "hell",  "c:\\w",
					 "micr", "soft",  "user", "sers", "prog", "file",  "http" };
	unsigned weight = 0;

	for (unsigned k = 0; k < 4; k++)
		weight += byte_weight((unsigned char)four[k]);
	for (size_t k = 0; k < sizeof(often) / sizeof(often[0]); k++)
		weight += memcmp(often[k], four, 4) == 0 ? 256 : 0;
	return weight;
}

static unsigned pair_weight(const char *two)
{
	return byte_weight((unsigned char)two[0]) * byte_weight((unsigned char)two[1]);
}

void pairs_add(struct pairs *need, struct slice text)
{
	enum { MAX = sizeof(need->hash) / sizeof(need->hash[0]) };
	unsigned weight[MAX];

	/* What was kept before has lost its bytes; it stands as rare, and at the front. */
	memset(weight, 0, sizeof(weight));
	for (size_t i = 0; i + 2 <= text.n; i++) {
		unsigned w = pair_weight(text.p + i), at = need->n < MAX ? need->n++ : MAX;

		if (at == MAX && w < weight[MAX - 1])
			at = MAX - 1;
		for (; at > 0 && at < MAX && weight[at - 1] > w; at--) {
			weight[at] = weight[at - 1];
			need->hash[at] = need->hash[at - 1];
		}
		if (at < MAX) {
			weight[at] = w;
			need->hash[at] = pair_hash(text.p + i);
		}
	}
}

bool literal_is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] & 0x80) != 0)
			return false;
	return true;
}

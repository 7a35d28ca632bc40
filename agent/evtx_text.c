/* SPDX-License-Identifier: EUPL-1.2 */
/* The library's text of a record, as Windows writes it. */
#include "agent/evtx.h"
#include "common/base/text.h"

/* libevtx 20181227, which is Debian 12's, puts a surrogate pair together wrongly: what is beyond
 * U+FFFF comes out 0x3ff too low. (U+10000 to U+103FE end below it and cannot be told from others.)
 */
static void mend_pairs(struct buf *text)
{
	for (size_t at = 0; at + 3 < text->n; at++) {
		unsigned char *p = (unsigned char *)text->p + at;
		uint32_t cp;

		if (p[0] < 0xf0)
			continue;
		cp = (p[0] & 7u) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 | (p[3] & 63u);
		if (cp <= 0x10ffff - 0x3ff)
			text_encode((char *)p, cp + 0x3ff);
		at += 3;
	}
}

static bool is_hex(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (char_is_digit(p[i]) || (p[i] >= 'a' && p[i] <= 'f')))
		i++;
	return i == n;
}

/* How many digits has the number of 32 or 64 bits that is the value behind the tag's end at p; 0:
 * none. */
static size_t hex_value(const char *p, size_t left)
{
	for (size_t digits = 8; digits <= 16; digits += 8)
		if (left > 3 + digits && memcmp(p, ">0x", 3) == 0 && p[3 + digits] == '<' &&
		    is_hex(p + 3, digits))
			return digits;
	return 0;
}

/* Does the tag that ends at `at` hold a number, not a text that looks like one? The library does
 * not say; these are numbers by the manifests of their providers. */
static bool is_number(struct slice xml, size_t at)
{
	static const struct slice tags[] = {
		{ "<Keywords", 9 },
		{ "<Data Name=\"LogonId\"", 20 },
		{ "<Data Name=\"GrantedAccess\"", 26 },
	};

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (slice_ends((struct slice){ xml.p, at }, tags[i]))
			return true;
	return false;
}

/* Numbers come with all their digits; Windows, and so the rules that ask for 0x3e7, leave the zeros
 * in front out. A value's own < and > are entities. */
static void plain_numbers(struct buf *text)
{
	const struct slice security =
		SLICE("<Provider Name=\"Microsoft-Windows-Security-Auditing\"");
	struct slice xml = buf_view(text), head = { xml.p, xml.n < 512 ? xml.n : 512 };
	bool all = slice_find(head, security) >= 0;
	size_t to = 0;

	for (size_t at = 0; at < xml.n;) {
		size_t digits = hex_value(xml.p + at, xml.n - at), zeros = 0, n = 1;

		if (digits > 0 && (all || is_number((struct slice){ text->p, to }, to))) {
			n = 3;
			while (zeros + 1 < digits && xml.p[at + 3 + zeros] == '0')
				zeros++;
		}
		memmove(text->p + to, xml.p + at, n);
		to += n;
		at += n + zeros;
	}
	text->n = to;
}

void evtx_mend(struct buf *xml, bool old)
{
	if (old)
		mend_pairs(xml);
	plain_numbers(xml);
}

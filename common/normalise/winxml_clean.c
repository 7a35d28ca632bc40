/* SPDX-License-Identifier: EUPL-1.2 */
/* Windows renders whatever a program logged, also characters that XML 1.0 (section 2.2) knows no
 * way to write; and a record that was cut or came through other hands may not be UTF-8. Such an
 * event is still an event. */
#include "common/base/buf.h"
#include "common/event/utf8.h"
#include "common/normalise/winxml_inside.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define ONES        UINT64_C(0x0101010101010101)
#define HIGHS       UINT64_C(0x8080808080808080)

/* Bytes that need no thought: ASCII from the space on, but '&'. */
static size_t plain_run(const char *p, size_t n)
{
	uint64_t w;
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		memcpy(&w, p + i, 8);
		if (((w | (w - ONES * 0x20) | ((w ^ (ONES * '&')) - ONES)) & HIGHS) != 0)
			break;
	}
	while (i < n && (unsigned char)p[i] >= 0x20 && (unsigned char)p[i] < 0x80 && p[i] != '&')
		i++;
	return i;
}

static bool is_char(uint32_t c)
{
	return c == 0x9 || c == 0xa || c == 0xd || (c >= 0x20 && c <= 0xd7ff) ||
	       (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

static int digit(char c)
{
	char low = (char)(c | 0x20);

	if (c >= '0' && c <= '9')
		return c - '0';
	return low >= 'a' && low <= 'f' ? low - 'a' + 10 : 99;
}

/* A character reference at p whose character XML forbids: bytes of it; 0: anything else. */
static size_t bad_reference(const char *p, size_t n)
{
	bool hex = n > 3 && p[2] == 'x';
	size_t i = hex ? 3 : 2, from = i;
	uint32_t c = 0;

	if (n < 4 || p[1] != '#')
		return 0;
	for (; i < n && digit(p[i]) < (hex ? 16 : 10); i++)
		if (c < 0x200000)
			c = c * (hex ? 16 : 10) + (uint32_t)digit(p[i]);
	return i > from && i < n && p[i] == ';' && !is_char(c) ? i + 1 : 0;
}

/* Bytes at p that must be replaced by one U+FFFD; 0: they may stay, and *ret_good is how many. */
static size_t bad_at(const char *p, size_t n, size_t *ret_good)
{
	unsigned char c = (unsigned char)*p;

	*ret_good = 1;
	if (c == '&')
		return bad_reference(p, n);
	if (c < 0x80)
		return !is_char(c);
	*ret_good = utf8_length(p, n);
	if (*ret_good == 0)
		return 1;
	/* U+FFFE and U+FFFF */
	return c == 0xef && memcmp(p, "\xef\xbf\xbe", 2) == 0 && (unsigned char)p[2] >= 0xbe ? 3
											     : 0;
}

ssize_t winxml_clean(struct arena *mem, struct slice in, struct slice *ret)
{
	struct buf out = { 0 };
	size_t i = 0, from = 0, good, bad;
	ssize_t replaced = 0;

	while ((i += plain_run(in.p + i, in.n - i)) < in.n) {
		bad = bad_at(in.p + i, in.n - i, &good);
		if (bad > 0) {
			buf_put(&out, in.p + from, i - from);
			buf_put(&out, REPLACEMENT, 3);
			replaced++;
			from = i + bad;
		}
		i += bad > 0 ? bad : good;
	}
	if (replaced == 0) {
		*ret = in;
		return 0;
	}
	buf_put(&out, in.p + from, in.n - from);
	*ret = out.failed ? (struct slice){ NULL, 0 } : arena_copy(mem, buf_view(&out));
	buf_release(&out);
	return ret->p != NULL ? replaced : -1;
}

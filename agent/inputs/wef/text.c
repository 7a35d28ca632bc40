/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/inputs/wef/text.h"

#include <stdio.h>

#include "common/base/text.h"
#include "common/event/utf8.h"

/* Bytes at p that XML 1.0 (2.2, Char) does not allow; 0: they may stay, and *ret_good is how many.
 */
static size_t forbidden(const char *p, size_t n, size_t *ret_good)
{
	unsigned char c = (unsigned char)*p;

	*ret_good = 1;
	if (c < 0x80)
		return c < 0x20 && c != '\t' && c != '\n' && c != '\r';
	*ret_good = utf8_length(p, n);
	if (*ret_good == 0)
		return 1;
	/* U+FFFE and U+FFFF */
	return c == 0xef && (unsigned char)p[1] == 0xbf && (unsigned char)p[2] >= 0xbe ? 3 : 0;
}

/* Writes out[from..] anew with what is forbidden told in place of it. */
static void tell(struct buf *out, size_t from)
{
	struct buf text = { 0 };
	struct slice all;
	size_t i = 0, good, bad;

	buf_put(&text, out->p + from, out->n - from);
	all = buf_view(&text);
	out->n = from;
	while (i < all.n) {
		bad = forbidden(all.p + i, all.n - i, &good);
		if (bad == 3)
			buf_str(out,
				(unsigned char)all.p[i + 2] == 0xbe ? "\\u{fffe}" : "\\u{ffff}");
		else if (bad == 1 && (unsigned char)all.p[i] >= 0x80)
			buf_str(out, "\xef\xbf\xbd");
		else if (bad == 1)
			buf_printf(out, "\\u{%x}", (unsigned char)all.p[i]);
		else
			buf_put(out, all.p + i, good);
		i += bad > 0 ? bad : good;
	}
	out->failed = out->failed || text.failed;
	buf_release(&text);
}

static bool clean(struct buf *out, size_t from)
{
	size_t i = from, good;

	while (i < out->n) {
		i += utf8_plain(out->p + i, out->n - i);
		if (i < out->n && forbidden(out->p + i, out->n - i, &good) > 0) {
			tell(out, from);
			return true;
		}
		i += i < out->n ? good : 0;
	}
	return false;
}

bool wef_text_read(struct slice in, struct buf *out)
{
	const struct slice mark16 = SLICE("\xff\xfe"), mark8 = SLICE("\xef\xbb\xbf");
	size_t from = out->n;

	buf_reserve(out, in.n / 2 + 16);
	if (slice_starts(in, mark8))
		buf_slice(out, slice_from(in, mark8.n));
	else if (in.n > 1 && in.p[0] == '<' && in.p[1] != '\0')
		buf_slice(out, in);
	else
		text_put_utf16(out, slice_starts(in, mark16) ? slice_from(in, 2) : in, false, true);
	return !out->failed && clean(out, from);
}

static void put_unit(struct buf *out, uint32_t c)
{
	char two[2] = { (char)c, (char)(c >> 8) };

	buf_put(out, two, 2);
}

void wef_text_write(struct slice s, struct buf *out)
{
	size_t i = 0;

	buf_reserve(out, 2 * s.n + 2);
	buf_put(out, "\xff\xfe", 2);
	while (i < s.n) {
		int32_t c = text_next(s, &i);

		if (c < 0)
			c = 0xfffd;
		if (c < 0x10000) {
			put_unit(out, (uint32_t)c);
		} else {
			put_unit(out, 0xd800 + (((uint32_t)c - 0x10000) >> 10));
			put_unit(out, 0xdc00 + (((uint32_t)c - 0x10000) & 0x3ff));
		}
	}
}

void wef_guid(const uint8_t bytes[16], unsigned version, char ret[WEF_GUID_LEN + 1])
{
	uint8_t b[16];
	size_t n = 0;

	memcpy(b, bytes, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | version << 4);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(b); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			ret[n++] = '-';
		n += (size_t)snprintf(ret + n, 3, "%02X", b[i]);
	}
}

void wef_thumbprint(const uint8_t sha1[20], char ret[WEF_THUMBPRINT_LEN + 1])
{
	for (size_t i = 0; i < WEF_THUMBPRINT_LEN / 2; i++)
		snprintf(ret + 2 * i, 3, "%02X", sha1[i]);
}

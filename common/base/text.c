/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/text.h"

#include <arpa/inet.h>

int32_t text_next(struct slice s, size_t *at)
{
	static const struct { /* RFC 3629 section 4: the lead byte and the least value it may give
			       */
		uint8_t mask, lead;
		unsigned more;
		int32_t least;
	} forms[] = { { 0x80, 0x00, 0, 0 },
		      { 0xe0, 0xc0, 1, 0x80 },
		      { 0xf0, 0xe0, 2, 0x800 },
		      { 0xf8, 0xf0, 3, 0x10000 } };
	size_t i = (*at)++;
	uint8_t c = (uint8_t)s.p[i];

	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		int32_t cp = c & (uint8_t)~forms[f].mask;

		if ((c & forms[f].mask) != forms[f].lead)
			continue;
		if (s.n - i - 1 < forms[f].more)
			return -1;
		for (unsigned k = 1; k <= forms[f].more; k++) {
			if (((uint8_t)s.p[i + k] & 0xc0) != 0x80)
				return -1;
			cp = cp << 6 | ((uint8_t)s.p[i + k] & 0x3f);
		}
		if (cp < forms[f].least || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
			return -1;
		*at = i + 1 + forms[f].more;
		return cp;
	}
	return -1;
}

static const struct {
	int32_t first, last;
} unsafe[] = {
	{ 0x00, 0x1f },       /* C0 */
	{ 0x7f, 0x9f },       /* DEL, C1 */
	{ 0xad, 0xad },       /* soft hyphen */
	{ 0x61c, 0x61c },     /* Arabic letter mark */
	{ 0x200b, 0x200f },   /* zero width; left-to-right and right-to-left marks */
	{ 0x2028, 0x202e },   /* line and paragraph separators; embeddings and overrides */
	{ 0x2060, 0x206f },   /* word joiner, isolates, deprecated format characters */
	{ 0xfeff, 0xfeff },   /* byte order mark */
	{ 0xfff9, 0xfffb },   /* interlinear annotation */
	{ 0xe0000, 0xe007f }, /* tags */
};

bool text_unsafe(int32_t cp)
{
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		if (cp >= unsafe[i].first && cp <= unsafe[i].last)
			return true;
	return cp < 0;
}

void text_put_safe(struct buf *out, struct slice s)
{
	size_t i = 0, start;

	while (i < s.n) {
		int32_t cp;

		start = i;
		cp = text_next(s, &i);
		if (cp < 0)
			buf_str(out, "\\u{fffd}");
		else if (text_unsafe(cp))
			buf_printf(out, "\\u{%x}", (unsigned)cp);
		else
			buf_put(out, s.p + start, i - start);
	}
}

void text_put_html(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		switch (s.p[i]) {
		case '&':
			buf_str(out, "&amp;");
			break;
		case '<':
			buf_str(out, "&lt;");
			break;
		case '>':
			buf_str(out, "&gt;");
			break;
		case '"':
			buf_str(out, "&quot;");
			break;
		case '\'':
			buf_str(out, "&#39;");
			break;
		default:
			buf_chr(out, s.p[i]);
		}
}

size_t text_chars(struct slice s)
{
	size_t n = 0;

	for (size_t at = 0; at < s.n; n++)
		text_next(s, &at);
	return n;
}

struct slice text_cut(struct slice s, size_t max_chars)
{
	size_t at = 0;

	while (at < s.n && max_chars-- > 0)
		text_next(s, &at);
	return (struct slice){ s.p, at };
}

bool text_is_name(struct slice s, size_t max)
{
	size_t i = 0;

	if (s.n == 0 || s.n > max || s.p[0] == ' ' || s.p[s.n - 1] == ' ')
		return false;
	while (i < s.n) {
		int32_t cp = text_next(s, &i);

		if (cp < 0 || text_unsafe(cp))
			return false;
	}
	return true;
}

static bool alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_dns_name(struct slice s)
{
	size_t label = 0;

	if (s.n == 0 || s.n > 253)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool last = i + 1 == s.n || s.p[i + 1] == '.';

		if (s.p[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		/* A hyphen neither begins nor ends a label; an underscore is met in real host
		 * names. */
		if (!alnum(s.p[i]) && s.p[i] != '_' && (s.p[i] != '-' || label == 0 || last))
			return false;
		if (++label > 63)
			return false;
	}
	return label > 0;
}

bool text_is_email(struct slice s)
{
	ssize_t at = slice_chr(s, '@');

	if (at <= 0 || at > 64 || s.n > 254 || s.p[0] == '.' || s.p[at - 1] == '.' ||
	    slice_find(s, SLICE("..")) >= 0)
		return false;
	for (ssize_t i = 0; i < at; i++)
		if (!alnum(s.p[i]) &&
		    (s.p[i] == '\0' || strchr(".!#$%&'*+-/=?^_`{|}~", s.p[i]) == NULL))
			return false;
	return is_dns_name(slice_from(s, (size_t)at + 1));
}

static bool is_address(int family, struct slice s)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char raw[16];

	if (s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return memchr(text, '\0', s.n) == NULL && inet_pton(family, text, raw) == 1;
}

bool text_is_host(struct slice s)
{
	return s.n > 0 && (is_address(AF_INET6, s) || is_dns_name(s)); /* IPv4 looks like a name */
}

bool text_host_port(struct slice s, uint16_t fallback_port, char *ret_host, uint16_t *ret_port)
{
	struct slice host = s, port = { 0 };
	uint64_t number = fallback_port;
	ssize_t colon = slice_chr(s, ':');
	bool bracket = s.n > 0 && s.p[0] == '[';

	if (bracket) {
		ssize_t end = slice_chr(s, ']');

		if (end < 0)
			return false;
		host = (struct slice){ s.p + 1, (size_t)end - 1 };
		port = slice_from(s, (size_t)end + 1);
		if (port.n > 0 && port.p[0] != ':')
			return false;
		if (!is_address(AF_INET6, host))
			return false;
	} else if (colon >= 0 && slice_chr(slice_from(s, (size_t)colon + 1), ':') < 0) {
		host.n = (size_t)colon;
		port = slice_from(s, (size_t)colon);
	}
	if (port.n > 0 && (!slice_uint(slice_from(port, 1), 65535, &number) || number == 0))
		return false;
	if (!text_is_host(host))
		return false;
	memcpy(ret_host, host.p, host.n);
	ret_host[host.n] = '\0';
	*ret_port = (uint16_t)number;
	return true;
}

static uint32_t unit(struct slice in, size_t i, bool big_endian)
{
	uint32_t a = (unsigned char)in.p[i], b = (unsigned char)in.p[i + 1];

	return big_endian ? a << 8 | b : b << 8 | a;
}

static void put_utf8(struct buf *out, uint32_t c)
{
	char p[4];

	buf_put(out, p, text_encode(p, c));
}

/* ASCII, which nearly all is, RUN characters at a time: the compiler makes vectors of it. Returns
 * the bytes used of in, which is little-endian. */
#define RUN 16u
static size_t put_ascii(struct buf *out, struct slice in)
{
	size_t used = 0;

	for (; in.n - used >= 2 * RUN; used += 2 * RUN) {
		uint16_t units[RUN], all = 0;
		unsigned char text[RUN];

		memcpy(units, in.p + used, sizeof(units));
		for (size_t i = 0; i < RUN; i++) {
			units[i] = le16toh(units[i]);
			all |= units[i];
			text[i] = (unsigned char)units[i];
		}
		if (all > 0x7f)
			break;
		buf_put(out, text, RUN);
	}
	return used;
}

size_t text_put_utf16(struct buf *out, struct slice in, bool big_endian, bool end)
{
	size_t i = big_endian ? 0 : put_ascii(out, in), slow = 0;

	while (i + 2 <= in.n) {
		uint32_t c = unit(in, i, big_endian), low;

		if (!big_endian && c < 0x80 && ++slow >= RUN) { /* ASCII again? */
			slow = 0;
			buf_chr(out, (char)c);
			i += 2;
			i += put_ascii(out, slice_from(in, i));
			continue;
		}
		if ((c & 0xfc00) == 0xd800 && i + 4 > in.n && !end)
			return i;
		if ((c & 0xfc00) == 0xd800 && i + 4 <= in.n &&
		    ((low = unit(in, i + 2, big_endian)) & 0xfc00) == 0xdc00) {
			put_utf8(out, 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff)));
			i += 4;
			continue;
		}
		put_utf8(out, (c & 0xf800) == 0xd800 ? 0xfffd : c);
		i += 2;
	}
	if (i < in.n && end) {
		put_utf8(out, 0xfffd);
		i++;
	}
	return i;
}

size_t text_utf16_bytes(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c & 0xc0) != 0x80) /* the first byte of a character */
			n += c >= 0xf0 ? 4 : 2;
	}
	return n;
}

/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/text.h: text that came from outside and is about to be shown, or kept as a name.
 * Standards: RFC 3629 (UTF-8), RFC 5321 4.1.2 (the addresses we accept are its plain, ASCII form).
 */
#ifndef VARTIO_BASE_TEXT_H
#define VARTIO_BASE_TEXT_H

#include "common/base/buf.h"

/* The code point at s.p[*at], which moves past it; -1 where there is no well-formed UTF-8 (overlong
 * forms and surrogates are not), and *at moves by one byte. *at < s.n. */
int32_t text_next(struct slice s, size_t *at);
/* Writes the code point as UTF-8; returns its bytes, 1 to 4. */
static inline size_t text_encode(char out[4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}
/* Appends UTF-16 as UTF-8; half a surrogate pair becomes U+FFFD. Bytes used: all but an incomplete
 * character at the end, which waits for more; at the real end it becomes U+FFFD too. */
size_t text_put_utf16(struct buf *out, struct slice in, bool big_endian, bool end);
/* How many bytes UTF-8 s takes as UTF-16. */
size_t text_utf16_bytes(struct slice s);
/* Control characters (C0, DEL, C1), line and paragraph separators, the marks that reorder text
 * (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), and what nobody sees (zero width,
 * soft hyphen, byte order mark, tags): never shown as they are. */
bool text_unsafe(int32_t cp);
/* Appends s for a terminal, a mail or a page's text: what is unsafe as \u{a} or \u{202e}, bytes
 * that are not UTF-8 as \u{fffd}. It does not escape for HTML or JSON. */
void text_put_safe(struct buf *out, struct slice s);
/* Appends s with & < > " ' as entities: for the text of an HTML element or a quoted attribute. */
void text_put_html(struct buf *out, struct slice s);
/* Characters in s; a byte that is not UTF-8 counts as one. */
size_t text_chars(struct slice s);
/* The first max_chars characters of s, or all of it. */
struct slice text_cut(struct slice s, size_t max_chars);
/* A name for people: well-formed UTF-8, 1 to max bytes, nothing unsafe, no space at either end. */
bool text_is_name(struct slice s, size_t max);
/* local@domain in plain ASCII, at most 254 bytes: what can stand in a header and in RCPT TO without
 * quoting. */
bool text_is_email(struct slice s);
/* A DNS name (letters, digits, hyphens, dots) or an IPv4 or IPv6 address, without a port. */
bool text_is_host(struct slice s);
/* "host", "host:port", "[ipv6]", "[ipv6]:port" or a bare IPv6 address. Copies the host to ret_host
 * (256 bytes); *ret_port is fallback_port where none is given. false: none of these. */
bool text_host_port(struct slice s, uint16_t fallback_port, char *ret_host, uint16_t *ret_port);

#endif

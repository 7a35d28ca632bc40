/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/text.h: the characters of a message, from the encodings that Windows uses to
 * UTF-8 that XML 1.0 allows, and back.
 * Events hold characters that XML cannot, also inside CDATA; a strict parser would refuse the whole
 * batch for one of them. Such a character becomes \u{5}, so that it can still be read.
 * Standards: RFC 2781 (UTF-16), RFC 3629 (UTF-8), XML 1.0 2.2. */
#ifndef VARTIO_WEF_TEXT_H
#define VARTIO_WEF_TEXT_H

#include "common/base/buf.h"

/* Appends in as UTF-8: UTF-16LE (with or without its byte order mark), or UTF-8 where the first
 * byte is '<' and the second is not NUL, or UTF-8's mark comes first. A half of a pair, an odd last
 * byte and bytes that are not UTF-8 become U+FFFD. true: a character that XML forbids was written
 * as \u{...}. */
bool wef_text_read(struct slice in, struct buf *out);
/* Appends FF FE and s, which is UTF-8, as UTF-16LE. */
void wef_text_write(struct slice s, struct buf *out);

#define WEF_GUID_LEN       36u
#define WEF_THUMBPRINT_LEN 40u
/* A GUID of a version (RFC 9562 5) out of 16 bytes, and a SHA-1: upper-case, as Windows writes
 * them.
 */
void wef_guid(const uint8_t bytes[16], unsigned version, char ret[WEF_GUID_LEN + 1]);
void wef_thumbprint(const uint8_t sha1[20], char ret[WEF_THUMBPRINT_LEN + 1]);

#endif

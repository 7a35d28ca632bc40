/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/utf8.h: one UTF-8 sequence (RFC 3629: no surrogates, nothing past U+10FFFF, shortest
 * form only). */
#ifndef VARTIO_EVENT_UTF8_H
#define VARTIO_EVENT_UTF8_H

#include "common/base/slice.h"

/* How many bytes at p are ASCII from the space on: all of most texts. */
static inline size_t utf8_plain(const char *p, size_t n)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
	uint64_t w;
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		memcpy(&w, p + i, 8);
		if (((w | (w - ones * 0x20)) & highs) != 0)
			break;
	}
	while (i < n && (unsigned char)p[i] >= 0x20 && (unsigned char)p[i] < 0x80)
		i++;
	return i;
}

/* Bytes of the sequence at p, n > 0 bytes there; 0: not UTF-8. */
static inline size_t utf8_length(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (u[0] < 0x80)
		return 1;
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	len = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (n < len)
		return 0;
	if (u[0] == 0xe0)
		low = 0xa0;
	else if (u[0] == 0xed)
		high = 0x9f;
	else if (u[0] == 0xf0)
		low = 0x90;
	else if (u[0] == 0xf4)
		high = 0x8f;
	if (u[1] < low || u[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (u[i] < 0x80 || u[i] > 0xbf)
			return 0;
	return len;
}

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* json_put_string: the writer half of json.h. Most bytes of a log need nothing, so they are looked
 * at eight at a time and copied in runs. */
#include "common/event/json.h"
#include "common/event/utf8.h"

/* Whether any of 8 bytes is below 0x20, a quote, a backslash or above 0x7f. */
static inline bool json_special8(uint64_t w)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
	uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');

	/* (x - ones) has its high bits set where a byte of x was 0; a borrow can only add false
	 * alarms above a true one, which the byte loop then finds harmless. */
	return ((w | (w - ones * 0x20) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
		high) != 0;
}

/* Bytes of src that need no escape, copied to dst, which has room for all n; stops at or somewhat
 * before the first that does. */
static size_t copy_plain(char *dst, const char *src, size_t n)
{
	size_t i = 0;
	uint64_t w;

	if (n >= 8) {
		for (; i + 8 <= n; i += 8) {
			memcpy(&w, src + i, 8);
			if (json_special8(w))
				return i;
			memcpy(dst + i, &w, 8);
		}
		if (i == n)
			return n;
		memcpy(&w, src + n - 8, 8); /* the tail, with some bytes again */
		if (json_special8(w))
			return i;
		memcpy(dst + n - 8, &w, 8);
		return n;
	}
	for (; i < n; i++) {
		unsigned char c = (unsigned char)src[i];

		if (c < 0x20 || c > 0x7f || c == '"' || c == '\\')
			break;
		dst[i] = src[i];
	}
	return i;
}

static size_t plain_run(const char *p, size_t n)
{
	size_t i = 0;

	for (; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c < 0x20 || c > 0x7f || c == '"' || c == '\\')
			break;
	}
	return i;
}

static void put_escape(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char named[32] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
	};
	char e[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	if (c == '"' || c == '\\') {
		e[1] = (char)c;
		buf_put(out, e, 2);
	} else if (named[c] != '\0') {
		e[1] = named[c];
		buf_put(out, e, 2);
	} else {
		buf_put(out, e, 6);
	}
}

/* The rest of s from byte i on, and the closing quote. */
static __attribute__((noinline)) size_t put_escaped(struct buf *out, struct slice s, size_t i)
{
	size_t replaced = 0, run;

	while (i < s.n) {
		run = plain_run(s.p + i, s.n - i);
		buf_put(out, s.p + i, run);
		i += run;
		if (i == s.n)
			break;
		if ((unsigned char)s.p[i] < 0x80) {
			put_escape(out, (unsigned char)s.p[i++]);
			continue;
		}
		run = utf8_length(s.p + i, s.n - i);
		if (run > 0) {
			buf_put(out, s.p + i, run);
			i += run;
		} else {
			buf_put(out, "\xef\xbf\xbd", 3); /* U+FFFD */
			replaced++;
			i++;
		}
	}
	buf_chr(out, '"');
	return replaced;
}

size_t json_put_string(struct buf *out, struct slice s)
{
	size_t plain;
	char *p;

	if (out->failed || (out->cap - out->n < s.n + 2 && buf_reserve(out, s.n + 2) < 0))
		return 0;
	p = out->p + out->n;
	*p++ = '"';
	plain = copy_plain(p, s.p, s.n);
	out->n += 1 + plain;
	if (plain < s.n)
		return put_escaped(out, s, plain);
	p[plain] = '"';
	out->n++;
	return 0;
}

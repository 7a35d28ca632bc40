/* SPDX-License-Identifier: EUPL-1.2 */
/* json_put_string: the writer half of json.h. Most strings of a log need no escape, and are copied
 * while they are looked at (json_copy.h); the others are copied in runs. */
#include "common/event/json.h"
#include "common/event/json_copy.h"
#include "common/event/utf8.h"

static size_t plain_run(const char *p, size_t n)
{
	const char *end = p + n, *q = json_skip_plain(p, end);

	while (q < end && !json_special((unsigned char)*q))
		q++;
	return (size_t)(q - p);
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

static __attribute__((noinline)) size_t put_escaped(struct buf *out, struct slice s)
{
	size_t replaced = 0, run;

	buf_chr(out, '"');
	for (size_t i = 0; i < s.n;) {
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
	char *p;

	if (out->failed || (out->cap - out->n < s.n + 2 && buf_reserve(out, s.n + 2) < 0))
		return 0;
	p = out->p + out->n;
	if (!json_copy_plain(p + 1, s.p, s.n))
		return put_escaped(out, s);
	p[0] = p[s.n + 1] = '"';
	out->n += s.n + 2;
	return 0;
}

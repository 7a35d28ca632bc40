/* SPDX-License-Identifier: EUPL-1.2 */
/* Heads of requests: what is read lies inside what was given, the same whatever follows, and a
 * shorter piece waits. And the parts of an encrypted body. The first byte chooses which. */
#include <stdlib.h>

#include "agent/inputs/wef/http.h"
#include "agent/inputs/wef/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(struct slice s, struct slice in)
{
	return s.n == 0 || (s.p >= in.p && s.p + s.n <= in.p + in.n);
}

static void one_head(struct slice in)
{
	struct http_head h, less;
	size_t n = http_head(in, 100000, &h);

	if (n > in.n || (n == 0 && in.n >= HTTP_HEAD_MAX))
		abort();
	if (!within(h.path, in) || !within(h.content_type, in) || !within(h.authorization, in) ||
	    !within(h.host, in))
		abort();
	if (n > 0 && h.refused == 0 && (h.length > 100000 || h.path.n == 0))
		abort();
	if (n > 0 && n < in.n &&
	    (http_head((struct slice){ in.p, n }, 100000, &less) != n || less.refused != h.refused))
		abort();
	if (n > 1 && http_head((struct slice){ in.p, n - 1 }, 100000, &less) != 0)
		abort();
}

static void one_body(struct slice in)
{
	ssize_t nl = slice_chr(in, '\n');
	struct slice type = { in.p, nl < 0 ? 0 : (size_t)nl };
	struct slice body = slice_from(in, nl < 0 ? in.n : (size_t)nl + 1);
	struct mime m;
	struct err err;

	if (mime_read(type, body, &m, &err) < 0)
		return;
	if (!within(m.header, body) || !within(m.data, body) || m.header.n == 0 ||
	    m.header.p + m.header.n != m.data.p)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data + 1, size - 1 };

	if (size < 2)
		return 0;
	if (data[0] == 'h')
		one_head(in);
	else
		one_body(in);
	return 0;
}

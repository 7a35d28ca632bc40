/* SPDX-License-Identifier: EUPL-1.2 */
/* The collector's reply to an enrolment. What is said of a reply must not change when more bytes
 * follow it, and its texts stay inside it. */
#include <stdlib.h>

#include "agent/enrol/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size }, body, again;
	struct arena mem = { 0 };
	struct reply rp;
	struct err err;
	unsigned status, status2;

	if (reply_parse(in, &status, &body, &err) != 1)
		return 0;
	if (body.p < in.p || body.p + body.n > in.p + in.n)
		abort();
	in.n = (size_t)(body.p - in.p) + body.n;
	if (reply_parse(in, &status2, &again, &err) != 1 || status2 != status || again.n != body.n)
		abort();
	if (reply_read(status, body, &mem, &rp, &err) == 0 && (*rp.agent == '\0' || *rp.ca == '\0'))
		abort();
	arena_release(&mem);
	return 0;
}

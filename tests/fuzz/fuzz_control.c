/* SPDX-License-Identifier: EUPL-1.2 */
/* Requests on the control socket: what is accepted is a whole argument list. */
#include <stdlib.h>

#include "collector/control_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_request rq;
	struct err err;

	if (wire_request_read((struct slice){ (const char *)data, size }, &rq, &err) == 0) {
		int n = 0;

		while (rq.argv[n] != NULL)
			n++;
		if (n != rq.argc || n == 0 || (rq.has_file && rq.file.content.p == NULL))
			abort();
	}
	wire_request_release(&rq);
	return 0;
}

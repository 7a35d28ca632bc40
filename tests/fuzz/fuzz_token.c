/* SPDX-License-Identifier: EUPL-1.2 */
/* Enrolment tokens, as they are pasted: what is accepted can be used. */
#include <stdlib.h>

#include "agent/enrol/enrol.h"
#include "common/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct token tk;
	struct err err;
	char host[256];
	uint16_t port;

	if (token_parse((struct slice){ (const char *)data, size }, &tk, &err) == 0 &&
	    !text_host_port(slice_str(tk.address), 0, host, &port))
		abort();
	return 0;
}

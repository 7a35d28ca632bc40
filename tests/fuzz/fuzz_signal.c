/* SPDX-License-Identifier: EUPL-1.2 */
/* The reader of signals: what it takes must say the same when its parts are looked at again. */
#include <stdint.h>
#include <stdlib.h>

#include "collector/correlate/signal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct signal_in sg; /* reused, as by the alert thread */
	struct json_index again = { 0 };
	struct err err;

	if (signal_read((struct slice){ (const char *)data, size }, &sg, &err) < 0)
		return 0;
	if (sg.tenant.n == 0 || sg.tenant.n > TENANT_MAX || sg.rule_id.n == 0 || sg.event_id.n == 0)
		abort();
	if (json_index_read(&again, sg.event.text, &err) < 0 || again.n != sg.event.n)
		abort();
	for (unsigned i = 0; i < sg.event.n; i++)
		if (!slice_eq(json_field_text(&again, &again.f[i]),
			      json_field_text(&sg.event, &sg.event.f[i])))
			abort();
	json_index_release(&again);
	return 0;
}

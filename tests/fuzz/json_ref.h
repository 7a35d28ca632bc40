/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/json_ref.h: JSON read the plain way, byte by byte, as common/event/json.h promises it:
 * to hold the reader of the event path against. Shares nothing with it but its bounds. */
#ifndef VARTIO_FUZZ_JSON_REF_H
#define VARTIO_FUZZ_JSON_REF_H

#include "common/event/json.h"

struct ref_leaf {
	char *path, *text; /* text: as json_field_text gives it */
	size_t path_n, text_n;
	const char *value; /* where it stands */
	size_t value_n;
	enum js_type type;
	bool array, escaped;
};
struct json_ref {
	struct ref_leaf *v;
	size_t n, cap;
};

/* Whether it is an event; if so, its leaves. A zeroed struct is ready; what it held before ends. */
bool json_ref_read(struct json_ref *ret, struct slice text);
void json_ref_release(struct json_ref *ref);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/conf.h"

#include <stdlib.h>

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_texts(const struct conf_strs *a, const struct conf_strs *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (!same_text(a->v[i], b->v[i]))
			return false;
	return a->n == b->n;
}

static bool same_value(enum conf_type type, const void *a, const void *b)
{
	switch (type) {
	case CONF_STR:
		return same_text(*(const char *const *)a, *(const char *const *)b);
	case CONF_STRS:
		return same_texts(a, b);
	case CONF_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case CONF_ENUM:
		return *(const int *)a == *(const int *)b;
	case CONF_INT:
	case CONF_BYTES:
	case CONF_DURATION:
		return memcmp(a, b, sizeof(int64_t)) == 0;
	case CONF_SUB:
	case CONF_RAW:
		break;
	}
	return true;
}

static void differ(const struct conf_item *items, const char *a, const char *b, const char *above,
		   struct buf *out)
{
	for (const struct conf_item *it = items; it->name != NULL; it++) {
		if (it->type == CONF_SUB)
			differ(it->sub, a + it->offset, b + it->offset, it->name, out);
		else if (it->type != CONF_RAW &&
			 !same_value(it->type, a + it->offset, b + it->offset))
			buf_printf(out, "%s%s%s%s", out->n > 0 ? ", " : "",
				   above != NULL ? above : "", above != NULL ? "." : "", it->name);
	}
}

void conf_differ(const struct conf_item *items, const void *a, const void *b, struct buf *out)
{
	differ(items, a, b, NULL, out);
}

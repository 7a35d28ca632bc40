/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/metrics.h"

#include <stdarg.h>

void metrics_family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

static void put_labels(struct buf *out, va_list ap)
{
	const char *label, *value, *before = "{";

	while ((label = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		buf_printf(out, "%s%s=\"", before, label);
		for (; value != NULL && *value != '\0'; value++) {
			if (*value == '"' || *value == '\\')
				buf_chr(out, '\\');
			if (*value == '\n')
				buf_str(out, "\\n");
			else
				buf_chr(out, *value);
		}
		buf_chr(out, '"');
		before = ",";
	}
	if (*before == ',')
		buf_chr(out, '}');
	buf_chr(out, ' ');
}

void metrics_u64(struct buf *out, const char *name, uint64_t v, ...)
{
	va_list ap;

	buf_str(out, name);
	va_start(ap, v);
	put_labels(out, ap);
	va_end(ap);
	buf_u64(out, v);
	buf_chr(out, '\n');
}

void metrics_f64(struct buf *out, const char *name, double v, ...)
{
	va_list ap;

	buf_str(out, name);
	va_start(ap, v);
	put_labels(out, ap);
	va_end(ap);
	buf_printf(out, "%.15g\n", v); /* a time since 1970 keeps its microseconds */
}

void metrics_end(struct buf *out)
{
	buf_str(out, "# EOF\n");
}

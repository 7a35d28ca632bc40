/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

PRINTF(3, 0)
static int err_vset(struct err *err, enum err_code code, const char *fmt, va_list ap)
{
	int n;

	if (err == NULL)
		return -1;
	err->code = code;
	err->line = err->col = 0;
	n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	if (n >= (int)sizeof(err->msg)) { /* do not end inside a UTF-8 sequence */
		size_t i = sizeof(err->msg) - 1;

		while (i > 0 && ((unsigned char)err->msg[i - 1] & 0xc0) == 0x80)
			i--;
		if (i > 0 && (unsigned char)err->msg[i - 1] >= 0xc0)
			i--;
		err->msg[i] = '\0';
	}
	return -1;
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(err, code, fmt, ap);
	va_end(ap);
	return -1;
}

int err_at(struct err *err, unsigned line, unsigned col, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(err, code, fmt, ap);
	va_end(ap);
	if (err != NULL) {
		err->line = line;
		err->col = col;
	}
	return -1;
}

int err_nomem(struct err *err)
{
	return err_set(err, ERR_NOMEM, "out of memory");
}

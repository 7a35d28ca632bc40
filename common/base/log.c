/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/buf.h"

static const char *log_program = "vartio";
static enum log_level log_max = LOG_LEVEL_INFO;

void log_init(const char *program, enum log_level max)
{
	log_program = program;
	log_max = max;
}

static void put_value(struct buf *b, const char *v)
{
	bool bare = v[0] != '\0';

	for (const char *q = v; *q != '\0' && bare; q++)
		bare = (unsigned char)*q > ' ' && (unsigned char)*q < 0x7f && *q != '"' &&
		       *q != '=' && *q != '\\';
	if (bare) {
		buf_str(b, v);
		return;
	}
	buf_chr(b, '"');
	for (; *v != '\0'; v++) {
		unsigned char c = (unsigned char)*v;

		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			buf_printf(b, "\\x%02x", c);
		else
			buf_chr(b, (char)c);
	}
	buf_chr(b, '"');
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARN:
		return "warn";
	case LOG_LEVEL_INFO:
		return "info";
	default:
		return "debug";
	}
}

void log_line(enum log_level level, const char *msg, ...)
{
	struct buf b = { 0 };
	const char *key, *value;
	va_list ap;

	if (level > log_max)
		return;
	buf_printf(&b, "<%d>%s level=%s msg=", (int)level, log_program, level_name(level));
	put_value(&b, msg);
	va_start(ap, msg);
	while ((key = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		if (value == NULL)
			continue;
		buf_printf(&b, " %s=", key);
		put_value(&b, value);
	}
	va_end(ap);
	buf_chr(&b, '\n');
	if (!b.failed && write(STDERR_FILENO, b.p, b.n) < 0) {
		/* There is nowhere left to say it. */
	}
	buf_release(&b);
}

void log_err(enum log_level level, const char *msg, const struct err *err)
{
	log_line(level, msg, "reason", err->msg, NULL);
}

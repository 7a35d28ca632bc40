/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/log.h: logfmt lines on stderr, each with the journal's <N> priority prefix
 * (sd-daemon(3)). Values are quoted and their control characters escaped here, so no caller can
 * let a hostile value break a line. Thread: any; a line is one write(2). */
#ifndef VARTIO_BASE_LOG_H
#define VARTIO_BASE_LOG_H

#include "common/base/err.h"
#include "common/base/slice.h"

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

void log_init(const char *program, enum log_level max);
/* One line: level, msg, then pairs of (const char *key, const char *value) ended by NULL. A NULL
 * value leaves its pair out. Example:
 *   log_line(LOG_LEVEL_WARN, "certificate refused", "tenant", t, "reason", err.msg, NULL); */
void log_line(enum log_level level, const char *msg, ...) __attribute__((sentinel));
/* The same for an error that reached the top: msg says what was being done, err why it failed. */
void log_err(enum log_level level, const char *msg, const struct err *err);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/report/exporter.h: GET /metrics as OpenMetrics 1.0 text, by default on 127.0.0.1:9600,
 * and GET /health for a watchdog. Nothing else is answered; there is no sign-in, so listen on
 * loopback or behind a proxy. Thread: libmicrohttpd's own; render is called there. */
#ifndef VARTIO_REPORT_EXPORTER_H
#define VARTIO_REPORT_EXPORTER_H

#include "common/base/buf.h"

struct exporter;
/* port 0 takes a free one, told in *ret_port (may be NULL). */
int exporter_start(const char *addr, uint16_t port, void (*render)(void *arg, struct buf *out),
		   void *arg, struct exporter **ret, uint16_t *ret_port, struct err *err);
void exporter_stop(struct exporter *ex); /* NULL is fine */

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/service.h: what a daemon tells the service manager, by the datagram of
 * sd_notify(3); no library is needed for it. Without NOTIFY_SOCKET nothing happens. */
#ifndef VARTIO_BASE_SERVICE_H
#define VARTIO_BASE_SERVICE_H

void service_notify(const char *state); /* "READY=1", "STOPPING=1", "RELOADING=1" */

#endif

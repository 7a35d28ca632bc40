/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/service.h: what a daemon tells the service manager, by the datagram of
 * sd_notify(3); no library is needed for it. Without NOTIFY_SOCKET nothing happens.
 * And whose rights a command has that an administrator runs as root. */
#ifndef VARTIO_BASE_SERVICE_H
#define VARTIO_BASE_SERVICE_H

#include "common/base/err.h"

void service_notify(const char *state); /* "READY=1", "STOPPING=1", "RELOADING=1" */

/* Where root runs the command and dir belongs to another user, the process becomes that user, with
 * that user's groups and the one capability that our units give (CAP_NET_BIND_SERVICE). So what a
 * command writes is the daemon's own, and what it may not read the daemon may not either. Else, and
 * where dir is not there yet, nothing happens. ERR_DENIED: the rights could not be given up. */
int service_become_owner(const char *dir, struct err *err);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/tls_tell.h: what a daemon logs of its certificate: the callbacks of a tls_watch. */
#ifndef VARTIO_NET_TLS_TELL_H
#define VARTIO_NET_TLS_TELL_H

#include <stdint.h>

#include "common/base/err.h"

void tls_tell_failed(void *arg, const struct err *err);
/* ended, soon: what is said when it has expired, and when it will within left_s. */
void tls_tell_ends(int64_t left_s, const char *ended, const char *soon);

#endif

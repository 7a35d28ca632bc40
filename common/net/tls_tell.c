/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/net/tls_tell.h"

#include <stdio.h>

#include "common/base/log.h"

void tls_tell_failed(void *arg, const struct err *err)
{
	log_err(LOG_LEVEL_ERROR, "certificate not reloaded, the old one stays in use", err);
}

void tls_tell_ends(int64_t left_s, const char *ended, const char *soon)
{
	char days[24];

	snprintf(days, sizeof(days), "%lld", (long long)(left_s / 86400));
	if (left_s < 0)
		log_line(LOG_LEVEL_ERROR, ended, NULL);
	else
		log_line(LOG_LEVEL_WARN, soon, "days", days, NULL);
}

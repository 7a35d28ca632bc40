/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/zone.h: the time zone in which people read times: one for the process, because the
 * C library knows only one. Everything that decides by time stays in UTC (time.h). */
#ifndef VARTIO_BASE_ZONE_H
#define VARTIO_BASE_ZONE_H

#include <time.h>

#include "common/base/err.h"
#include "common/base/time.h"

/* Takes a name of the tz database, "Europe/Helsinki", for the whole process. It changes the
 * environment: call it at start-up, before the first thread. ERR_ABSENT: no such zone here. */
int zone_use(const char *zone, struct err *err);
/* The moment as the zone's clock shows it; tm_gmtoff is its distance from UTC in seconds. */
void zone_parts(int64_t t_ns, struct tm *ret);

#endif

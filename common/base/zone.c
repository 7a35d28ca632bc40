/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/zone.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ZONE_DIR "/usr/share/zoneinfo"

int zone_use(const char *zone, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;

	/* An unknown TZ is taken for UTC without a word, so we look for ourselves. */
	if (zone[0] == '/' || zone[0] == '\0' || strstr(zone, "..") != NULL ||
	    (size_t)snprintf(path, sizeof(path), ZONE_DIR "/%s", zone) >= sizeof(path) ||
	    stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_ABSENT,
			       "there is no time zone \"%s\" in " ZONE_DIR
			       "; is it written like \"Europe/Helsinki\", and is tzdata installed?",
			       zone);
	if (setenv("TZ", zone, 1) < 0)
		return err_nomem(err);
	tzset();
	return 0;
}

void zone_parts(int64_t t_ns, struct tm *ret)
{
	int64_t s = t_ns / NS_PER_SEC - (t_ns % NS_PER_SEC < 0);
	time_t t = (time_t)s;

	if (localtime_r(&t, ret) == NULL)
		*ret = (struct tm){ .tm_mday = 1, .tm_year = 70 };
}

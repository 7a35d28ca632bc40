/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/show.h: an alert as a person reads it at a terminal. What came from events is
 * shown with its control and bidirectional characters made visible; nothing of it moves the cursor.
 */
#ifndef VARTIO_ALERT_SHOW_H
#define VARTIO_ALERT_SHOW_H

#include "collector/alert/alert.h"
#include "collector/alert/notify.h"

struct show {
	const struct notify_conf *notify; /* the region's name, telephone, language, zone */
	const char *tenant_name;          /* NULL: unknown, its id is shown alone */
};
/* zone_use must have been called for the zone that notify names. */
void alert_show(struct buf *out, const struct alert *al, const struct show *sh);
/* One row of the alert log, as alert_log_each gives it. */
void alert_show_step(struct buf *out, int64_t at_ns, const char *kind, const char *detail);
/* "2026-11-23 10:00:00 +0200 (08:00:00Z)" */
void alert_show_time(struct buf *out, int64_t t_ns);
/* One line of `alerts list`: columns parted by tabs. */
void alert_show_line(struct buf *out, const struct alert *al);
extern const char *const alert_level_names[]; /* "informational" to "critical" */

#endif

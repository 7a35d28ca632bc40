/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/report/overview.h: all rooms' counters as one OpenMetrics text. */
#ifndef VARTIO_REPORT_OVERVIEW_H
#define VARTIO_REPORT_OVERVIEW_H

#include "collector/alert/desk.h"
#include "collector/detect/worker.h"
#include "collector/listen/listen.h"
#include "collector/reload.h"
#include "collector/report/notices.h"

struct overview { /* borrowed; all are running */
	const struct listen *listen;
	const struct queue *queue;
	const struct notices *notices;
	const struct worker *worker;
	const struct desk *desk;
	const struct notifier *notifier;
	const struct reload_stats *reload;
	_Atomic size_t rules;
	_Atomic int64_t cert_ends_s; /* of the certificate that agents are shown */
	int64_t started_ns;
};
void overview_metrics(const struct overview *ov, int64_t now_ns, struct buf *out);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/report/told.h: what an agent's status event says of its own disk, held against what the
 * queue knows of the agent: an old copy of its state, a lost one, a damaged spool become notices.
 * Thread: the detect worker's. */
#ifndef VARTIO_REPORT_TOLD_H
#define VARTIO_REPORT_TOLD_H

#include "collector/notice.h"
#include "collector/queue/queue.h"

void told_status(struct queue *q, const struct notice_hook *hook, const struct queue_event *ev,
		 const struct json_index *ix);

#endif

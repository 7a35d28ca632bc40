/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/describe.h: the agent's state as JSON, and that JSON as text for a person or as metrics. */
#ifndef VARTIO_AGENT_DESCRIBE_H
#define VARTIO_AGENT_DESCRIBE_H

#include <jansson.h>

#include "agent/keeper.h"
#include "agent/ship/ship.h"

/* A new reference; NULL: out of memory. */
json_t *describe_agent(const struct config *cf, const struct spool *sp, const struct ship *sh,
		       const struct keeper *kp, int64_t started_ns, int64_t now_ns);
void describe_text(const json_t *state, struct buf *out);    /* for a person */
void describe_metrics(const json_t *state, struct buf *out); /* OpenMetrics */

#endif

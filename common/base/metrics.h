/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/metrics.h: counters of the rooms, written as OpenMetrics 1.0 text.
 * A room keeps its own struct of `metric` members and has a function `ROOM_metrics(room, out)`;
 * names begin vartio_, base units, `_total` on counters (practice R16). A host is never a label. */
#ifndef VARTIO_BASE_METRICS_H
#define VARTIO_BASE_METRICS_H

#include <stdatomic.h>

#include "common/base/buf.h"

typedef _Atomic uint64_t metric; /* any thread adds; relaxed order is enough for a count */

static inline void metric_add(metric *m, uint64_t n)
{
	atomic_fetch_add_explicit(m, n, memory_order_relaxed);
}
static inline void metric_set(metric *m, uint64_t n)
{
	atomic_store_explicit(m, n, memory_order_relaxed);
}
static inline uint64_t metric_get(const metric *m)
{
	return atomic_load_explicit(m, memory_order_relaxed);
}

/* "# TYPE" and "# HELP" of a family. type: "counter" or "gauge"; name without _total. */
void metrics_family(struct buf *out, const char *name, const char *type, const char *help);
/* One sample; name as it stands in the text (a counter's with _total). Labels: pairs of
 * (const char *name, const char *value) ended by NULL; values are escaped here. */
void metrics_u64(struct buf *out, const char *name, uint64_t v, ...) __attribute__((sentinel));
void metrics_f64(struct buf *out, const char *name, double v, ...) __attribute__((sentinel));
void metrics_end(struct buf *out); /* "# EOF" */

#endif

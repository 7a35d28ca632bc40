/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/signal_write.c: detect's end of a signal. */
#include "collector/correlate/signal.h"

int signal_begin(struct buf *out, const struct rule *rule, const struct queue_event *ev,
		 int64_t time_ns, struct err *err)
{
	buf_str(out, "{\"tenant\":");
	json_put_string(out, slice_str(ev->tenant));
	buf_str(out, ",\"rule\":");
	json_put_string(out, slice_str(rule->id));
	buf_str(out, ",\"event_id\":");
	json_put_string(out, slice_str(ev->id));
	buf_str(out, ",\"time\":");
	buf_i64(out, time_ns);
	buf_str(out, ",\"ingested\":");
	buf_i64(out, ev->ingested_ns);
	buf_str(out, ",\"event\":");
	return out->failed ? err_nomem(err) : 0;
}

int signal_write(struct buf *out, const struct rule *rule, const struct queue_event *ev,
		 int64_t time_ns, struct err *err)
{
	size_t before = out->n;

	if (signal_begin(out, rule, ev, time_ns, err) < 0 || queue_event_json(ev, out, err) < 0)
		goto fail;
	buf_slice(out, SIGNAL_END);
	if (out->failed) {
		err_nomem(err);
		goto fail;
	}
	return 0;
fail:
	out->n = before;
	return -1;
}

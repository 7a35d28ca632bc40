/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/signal.h: "this rule matched this event", as it travels from detect to
 * correlate: one JSON object in the signals log (topic vartio.signals where Kafka is used). It
 * carries the whole event, so that correlate and alert never read the queue. */
#ifndef VARTIO_CORRELATE_SIGNAL_H
#define VARTIO_CORRELATE_SIGNAL_H

#include "collector/detect/detect.h"
#include "collector/queue/queue.h"

struct signal_in { /* what a reader gets; slices point into the text or its index */
	struct slice tenant, rule_id, event_id;
	int64_t time_ns; /* the event's @timestamp */
	int64_t ingested_ns;
	struct json_index event; /* owned: signal_release */
	struct json_index head;  /* signal_read's: what stands before the event */
	struct buf head_text, part;
};
#define SIGNAL_MAX (4u << 20) /* bytes of one signal; an event has at most 1 MiB at the sender */
/* A signal in parts, for an event that several rules may match: this, the event's JSON and
 * SIGNAL_END stand one behind another. */
int signal_begin(struct buf *out, const struct rule *rule, const struct queue_event *ev,
		 int64_t time_ns, struct err *err);
#define SIGNAL_END SLICE("}")
/* Appends one signal as JSON: {"tenant":,"rule":,"event_id":,"time":,"ingested":,"event":{...}}. */
int signal_write(struct buf *out, const struct rule *rule, const struct queue_event *ev,
		 int64_t time_ns, struct err *err);
/* Reads one back: the keys above, in this order, and no others. ERR_SYNTAX. A zeroed *ret is ready,
 * and may be reused from signal to signal; it borrows text. */
int signal_read(struct slice text, struct signal_in *ret, struct err *err);
/* The same but the event, which is *ret_event, unread. */
int signal_head(struct slice text, struct signal_in *ret, struct slice *ret_event, struct err *err);
void signal_release(struct signal_in *sg);

#endif

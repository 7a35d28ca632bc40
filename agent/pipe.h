/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/pipe.h: from an input's record to the spool: normalise, write JSON, add. The one sink that
 * all inputs share. A record whose event is above SPOOL_EVENT_MAX is cut until it fits, flagged and
 * counted; one that the spool can never take is dropped, counted and told. Only ERR_FULL and
 * ERR_NOMEM make an input wait. Thread: the loop thread. */
#ifndef VARTIO_AGENT_PIPE_H
#define VARTIO_AGENT_PIPE_H

#include "agent/inputs/input.h"

struct pipe;
struct pipe_opts {
	struct spool *spool;
	/* An input could not give its record away; it has been told so and waits for resume. */
	void (*blocked)(void *arg, struct input *in, const struct err *err);
	void (*failed)(void *arg, struct input *in, const struct err *err); /* see struct sink */
	void *arg;
};
struct pipe *pipe_new(const struct pipe_opts *opts); /* NULL: out of memory */
struct sink *pipe_sink(struct pipe *pp);
/* One event of the agent's own: event.kind metric, event.dataset agent.status, the pairs given
 * (ended by NULL) as fields. ERR_FULL: skipped, it is not evidence. */
int pipe_own(struct pipe *pp, struct slice host, const char *message, int64_t now_ns,
	     struct err *err, ...) __attribute__((sentinel));
void pipe_free(struct pipe *pp);

#endif

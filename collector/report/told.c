/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/report/told.h"

#include <stdio.h>

#include "common/base/time.h"

static struct slice field(const struct json_index *ix, const char *name)
{
	const struct json_field *f = json_index_get(ix, slice_str(name));

	return f != NULL ? f->value : (struct slice){ NULL, 0 };
}

static int64_t created_ns(const struct json_index *ix)
{
	int64_t ns;

	return time_parse(field(ix, "event.created"), &ns) ? ns : 0;
}

void told_status(struct queue *q, const struct notice_hook *hook, const struct queue_event *ev,
		 const struct json_index *ix)
{
	struct slice places = field(ix, "vartio.agent.damaged_places");
	struct slice events = field(ix, "vartio.agent.damaged");
	char text[192];

	/* Its first start, too, finds nothing. A status event that comes late is older than what
	 * the next start has sent meanwhile. */
	if (slice_is(field(ix, "vartio.agent.before"), "none") &&
	    queue_sent_before(q, ev->tenant, ev->sender, ev->epoch, created_ns(ix)))
		hook->tell(
			hook->arg, NOTICE_WENT_BACK, ev->tenant, ev->sender,
			"the agent started without its spool: what it had not sent is lost, and it "
			"reads its files from their beginning again");
	if (places.n == 0 || slice_is(places, "0"))
		return;
	snprintf(text, sizeof(text),
		 "places that cannot be read: %.*s; events known to be lost since its start: %.*s; "
		 "is the agent's disk ill?",
		 (int)(places.n < 20 ? places.n : 20), places.p,
		 (int)(events.n < 20 ? events.n : 20), events.n > 0 ? events.p : "0");
	hook->tell(hook->arg, NOTICE_SPOOL, ev->tenant, ev->sender, text);
}

/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/normalise/winjson.h"

#include <stdlib.h>

#include "common/normalise/inside.h"

struct winjson {
	struct normaliser nz; /* without its parsers of messages */
	struct arena mem;
	struct event ev;
};

struct winjson *winjson_new(void)
{
	return calloc(1, sizeof(struct winjson));
}

void winjson_free(struct winjson *wj)
{
	if (wj == NULL)
		return;
	normaliser_release(&wj->nz);
	arena_release(&wj->mem);
	free(wj);
}

bool winjson_wanted(const struct json_index *ix)
{
	return json_index_get(ix, SLICE("winlog.event_id")) != NULL &&
	       json_index_get(ix, SLICE("event.category")) == NULL &&
	       json_index_get(ix, SLICE("winlog.provider_name")) != NULL;
}

bool winjson_map(struct winjson *wj, struct slice json, struct buf *out)
{
	static const struct norm_source src = { .meaning = true };
	const size_t start = out->n;
	struct err err;

	arena_reset(&wj->mem);
	event_init(&wj->ev, &wj->mem);
	if (!format_json(&wj->nz, json, &src, &wj->ev, &err) || wj->ev.truncated > 0 ||
	    event_get(&wj->ev, ECS_EVENT_CATEGORY) == NULL)
		return false;
	related_fields(&wj->ev);
	event_write_json(&wj->ev, out);
	if (out->failed) {
		out->failed = false;
		out->n = start;
		return false;
	}
	return true;
}

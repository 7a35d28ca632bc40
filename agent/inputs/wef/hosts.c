/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/inputs/wef/hosts.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/time.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct entry {
	struct wef_host host;
	UT_hash_handle hh;
	char key[]; /* the subscription's number, a space, the client */
};
struct wef_hosts {
	struct entry *table;
};

struct wef_hosts *wef_hosts_new(void)
{
	return calloc(1, sizeof(struct wef_hosts));
}

void wef_hosts_free(struct wef_hosts *hs)
{
	struct entry *e, *next;

	if (hs == NULL)
		return;
	HASH_ITER (hh, hs->table, e, next) {
		HASH_DEL(hs->table, e);
		free(e);
	}
	free(hs);
}

struct wef_host *wef_host(struct wef_hosts *hs, const char *client, unsigned subscription)
{
	char key[300];
	int n = snprintf(key, sizeof(key), "%u %s", subscription, client);
	struct entry *e;

	if (n < 0 || n >= (int)sizeof(key))
		return NULL;
	HASH_FIND(hh, hs->table, key, (unsigned)n, e);
	if (e != NULL)
		return &e->host;
	if (HASH_COUNT(hs->table) >= WEF_HOSTS_MAX)
		return NULL;
	e = calloc(1, sizeof(*e) + (size_t)n + 1);
	if (e == NULL)
		return NULL;
	memcpy(e->key, key, (size_t)n + 1);
	HASH_ADD_KEYPTR(hh, hs->table, e->key, (unsigned)n, e);
	if (e->hh.tbl == NULL) { /* uthash found no memory */
		free(e);
		return NULL;
	}
	e->host.client = strchr(e->key, ' ') + 1;
	e->host.subscription = subscription;
	return &e->host;
}

void wef_hosts_each(const struct wef_hosts *hs, void (*each)(void *arg, const struct wef_host *h),
		    void *arg)
{
	for (struct entry *e = hs->table; e != NULL; e = e->hh.next)
		each(arg, &e->host);
}

enum wef_host_state wef_host_state(const struct wef_host *h, int64_t heartbeat_ms,
				   int64_t opened_ns, int64_t now_ns)
{
	bool quiet =
		now_ns - (h->seen_ns != 0 ? h->seen_ns : opened_ns) > 2 * heartbeat_ms * NS_PER_MS;

	if (h->seen_ns == 0)
		return quiet ? WEF_HOST_GONE : WEF_HOST_EXPECTED;
	return quiet ? WEF_HOST_SILENT : WEF_HOST_HERE;
}

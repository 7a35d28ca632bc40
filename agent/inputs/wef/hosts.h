/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/hosts.h: what is known of each client in each subscription, for status and for
 * those who wonder why a machine is silent. Bounded: past WEF_HOSTS_MAX new ones are not listed. */
#ifndef VARTIO_WEF_HOSTS_H
#define VARTIO_WEF_HOSTS_H

#include "common/base/buf.h"

#define WEF_HOSTS_MAX  20000u
#define WEF_PLACES_MAX 4096u /* channels and computers of a client whose places are kept */

struct wef_host {
	const char *client;
	unsigned subscription; /* its index in the settings */
	char address[48];
	char version[42]; /* "uuid:..." that the client runs, as it says */
	int64_t enumerated_ns, heartbeat_ns, first_event_ns;
	int64_t last_event_ns; /* after a restart: the time in the last event of an earlier run */
	int64_t seen_ns;       /* its last message to this subscription; 0: none since the start */
	uint64_t batches, events, bytes;
	uint64_t again;      /* events that had come before */
	uint64_t mismatched; /* events of another computer than the client's own */
	uint64_t lost;       /* events that the client says it dropped */
	uint64_t gaps;       /* times that record numbers jumped behind a marker */
	unsigned places;     /* kept: see WEF_PLACES_MAX */
	bool bookmarked;     /* it has a bookmark here */
	bool marker;         /* it began anew, though it has a bookmark; no event has come since */
};
/* What became of a client, by its last message. */
enum wef_host_state {
	WEF_HOST_HERE,
	WEF_HOST_EXPECTED, /* known of old; two heartbeats have not passed since the start */
	WEF_HOST_SILENT,   /* nothing for two heartbeats */
	WEF_HOST_GONE,     /* known of old, and not seen since the start */
};
enum wef_host_state wef_host_state(const struct wef_host *h, int64_t heartbeat_ms,
				   int64_t opened_ns, int64_t now_ns);

struct wef_hosts;
struct wef_hosts *wef_hosts_new(void); /* NULL: out of memory */
void wef_hosts_free(struct wef_hosts *hs);
/* The one of client and subscription, made when it is new. NULL: out of memory, or too many. */
struct wef_host *wef_host(struct wef_hosts *hs, const char *client, unsigned subscription);
void wef_hosts_each(const struct wef_hosts *hs, void (*each)(void *arg, const struct wef_host *h),
		    void *arg);

#endif

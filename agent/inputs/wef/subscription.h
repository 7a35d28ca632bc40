/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/subscription.h: what clients are asked to send, from the settings.
 * Its identifier follows from its name, its version from all that a client sees of it, so that a
 * restart, or another node with the same settings, makes no client subscribe anew.
 * Standards: DSP0226 10.2, MS-WSMV 3.1.4.1.30; the query is Windows' QueryList. */
#ifndef VARTIO_WEF_SUBSCRIPTION_H
#define VARTIO_WEF_SUBSCRIPTION_H

#include "agent/inputs/wef/text.h"
#include "common/base/conf.h"

#define WEF_SUBSCRIPTIONS_MAX 16u  /* each holds a connection of every client */
#define WEF_CHANNELS_MAX      256u /* Windows' bound for one query */
#define WEF_QUERY_MAX         (64u * 1024)

enum wef_content { WEF_RAW, WEF_RENDERED };

struct wef_subscription {
	const char *name;
	const char *query, *query_file; /* the QueryList's XML, or where it is; both NULL: ours */
	const char *path;               /* only for clients that enumerate there; NULL: all */
	struct conf_strs only, except;  /* client names with * and ?, in any case */
	int content;                    /* enum wef_content */
	bool compression, read_existing, ignore_channel_error;
	int64_t max_time_ms, heartbeat_ms, retry_ms, retries, max_elements;
	/* settled by wef_subscriptions_read */
	struct slice query_xml;                                       /* trimmed */
	char identifier[WEF_GUID_LEN + 1], version[WEF_GUID_LEN + 1]; /* upper-case GUIDs */
};
struct wef_subscriptions {
	struct wef_subscription *v; /* in the arena */
	size_t n;
};

extern const struct conf_item wef_subscription_items[];

/* From the list in the settings; NULL: the one that is shipped. All lives in mem. ERR_SYNTAX,
 * ERR_ABSENT: which subscription, what is wrong with it. */
int wef_subscriptions_read(const struct conf_node *list, struct arena *mem,
			   struct wef_subscriptions *ret, struct err *err);
/* Whether a client is on a list: its whole name, or its short one (to the first of . $ @). */
bool wef_listed(const struct conf_strs *list, const char *client);
/* Whether the client (a principal's or certificate's name) may have it: on `only`, when there is
 * one, and not on `except`. */
bool wef_subscription_for(const struct wef_subscription *sub, const char *client);
const struct wef_subscription *wef_subscription_by_id(const struct wef_subscriptions *subs,
						      struct slice identifier);

/* wef/query.c */
/* ERR_SYNTAX: what Windows would refuse, or take wrongly. Calls channel, which may be NULL, with
 * each channel of a Select, once. */
int wef_query_check(struct slice xml, void (*channel)(void *arg, struct slice name), void *arg,
		    struct err *err);
void wef_query_default(struct buf *out); /* the QueryList that is shipped: docs/windows.md */
bool wef_glob(const char *pattern, struct slice name); /* * and ?, ASCII in any case */

#endif

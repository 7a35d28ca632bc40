/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/channel.h: ways for a message to leave: classes in one list (notify_channels);
 * the first whose usable() says yes is taken. Thread: the notifier's. */
#ifndef VARTIO_ALERT_CHANNEL_H
#define VARTIO_ALERT_CHANNEL_H

#include <curl/curl.h>

#include "collector/alert/notify.h"

enum channel_result {
	CHANNEL_SENT,
	CHANNEL_HELD,    /* the channel is at fault: every message waits */
	CHANNEL_RETRY,   /* this message was put off */
	CHANNEL_REFUSED, /* this message will never be taken */
	CHANNEL_STOPPED, /* we were told to end; nothing is known about the message */
};
struct channel_job {
	const struct notify_conf *conf;
	CURLM *multi; /* the notifier's; notifier_wake wakes its poll */
	const _Atomic bool *stop;
	const char *to;   /* the address */
	const char *name; /* unique to the message and the same at each attempt; [a-z0-9.-] */
	struct slice message;
	bool more; /* another message follows: a connection is worth keeping */
	/* Results. reply: what the server said, or where the message lies. reason: why not. */
	char reply[256], reason[512];
};
struct channel_class {
	const char *name;
	bool (*usable)(const struct notify_conf *nc);
	const char *(*server)(const struct notify_conf *nc); /* for the log: no secrets */
	enum channel_result (*send)(struct channel_job *job);
};
extern const struct channel_class channel_smtp, channel_maildir;
extern const struct channel_class *const notify_channels[];

#endif

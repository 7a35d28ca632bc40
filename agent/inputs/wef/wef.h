/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/wef.h: the insides of the `wef` input, a Windows Event Collector. Its files:
 *   wef.c           settings, life cycle, the two doors (HTTPS 5986, HTTP with Kerberos 5985)
 *   session, who, answer, wait   one connection: requests in, answers out (session.h)
 *   receive.c       what a message asks for: Enumerate, Events, Heartbeat, End
 *   hosts.c         what is known of each client and subscription
 *   known.c         what of it is known from earlier runs
 *   report.c        hosts and subscriptions for status
 *   wire, http, mime, krb, sldc, text, soap, head   bytes to messages
 *   subscription, query, reply                      what clients are asked for
 * Windows waits for each answer, so the order is: events and bookmark into the spool, both on disk,
 * then Ack. What cannot be taken now is answered by 503, and the client keeps it in its own log.
 * Standards: MS-WSMV, DSP0226 (WS-Management). Thread: the loop thread. */
#ifndef VARTIO_WEF_H
#define VARTIO_WEF_H

#include "agent/inputs/input.h"
#include "agent/inputs/wef/head.h"
#include "agent/inputs/wef/hosts.h"
#include "agent/inputs/wef/http.h"
#include "agent/inputs/wef/krb.h"
#include "agent/inputs/wef/reply.h"
#include "agent/inputs/wef/soap.h"
#include "agent/inputs/wef/subscription.h"
#include "agent/inputs/wef/wire.h"
#include "common/net/tls_watch.h"

/* Checkpoints; IDENTIFIER is a subscription's:
 *   wef:b:IDENTIFIER:CLIENT                    a client's bookmark, as it sent it
 *   wef:r:IDENTIFIER:CLIENT:CHANNEL:COMPUTER   the last record of a log that was taken
 *   wef:q:IDENTIFIER                           the channels of its query, one a line */
#define WEF_KEY_BOOKMARK "wef:b:"
#define WEF_KEY_PLACE    "wef:r:"
#define WEF_KEY_QUERY    "wef:q:"

#define WEF_CLIENT_MAX 256u /* bytes of a client's name */
#define WEF_ROOM_BYTES                                                                             \
	(2u << 20) /* of requests that are read at a time; a larger one is read alone */

extern const struct input_class input_wef;

struct wef_conf {
	const char *host;             /* the name that clients reach us by; NULL: as they say */
	const char *https, *kerberos; /* ADDRESS:PORT; NULL: no such door */
	const char *ca, *certificate, *key; /* https */
	const char *keytab;                 /* kerberos */
	bool replay_cache;
	struct conf_strs relays;           /* clients that may send other computers' events */
	int64_t https_port, kerberos_port; /* that clients are told; 0: the one listened on */
	int64_t max_connections;
	int64_t request_timeout_ms; /* for a whole request, from its first byte */
	uint64_t max_body_bytes, max_message_bytes;
	const struct conf_node *subscriptions;
};

struct wef_door {
	struct wef *wef;
	uv_tcp_t listener;
	bool open, https;
	uint16_t port; /* told to clients */
};

struct session;
struct wef_queue { /* oldest first */
	struct session *first, **last;
};
struct wef {
	struct input *in;
	const struct wef_conf *conf;
	struct arena mem; /* the subscriptions */
	struct wef_subscriptions subs;
	struct wef_door doors[2];
	uv_timer_t tick;
	unsigned handles, n_sessions;
	bool paused, closing;
	uint64_t full_ms; /* loop time since which the spool has taken nothing; 0: it does */
	struct session *sessions; /* all */
	struct wef_queue for_room, for_spool, for_disk;
	size_t room_used;        /* of WEF_ROOM_BYTES */
	struct tls_creds *creds; /* https */
	struct tls_watch *watch; /* of their files */
	struct krb *krb;
	struct soap *soap;
	struct wef_hosts *hosts;
	struct buf clear, text, reply, out; /* of the request at hand */
	struct buf key, place;
	int64_t warned_ns;
	int64_t opened_ns;
	void (*closed)(struct input *in);
};

/* session.c, wait.c */
void wef_accept(struct wef_door *door);
void wef_durable(struct wef *w); /* the disk has more: answers what waited for it */
void wef_wake(struct wef *w);  /* there may be room, or the spool takes more: what waited goes on */
void wef_sweep(struct wef *w); /* bodies that do not come, answers that are late */
void wef_sessions_close(struct wef *w);
void wef_warn(struct wef *w, const struct err *err); /* at most one a minute; all are counted */

/* known.c: at the start. Warns of channels that clients will send from their beginning. */
void wef_known_read(struct wef *w);

/* report.c */
struct json_t *wef_describe(const struct input *in, int64_t now_ns);
void wef_describe_text(const struct json_t *described, struct buf *out);

/* wef.c */
void wef_handle_gone(struct wef *w); /* one handle or session has ended */

/* receive.c. Status of the answer; its text is in w->reply (empty: none). *ret_wait: only when what
 * was taken until now is durable. WEF_LATER: the spool takes no more for now (w->paused); *taken, 0
 * at first, says how many events are in it: call again with it. */
#define WEF_LATER 1u
struct wef_peer {
	const char *client;  /* authenticated: principal, or the certificate's name; lower-case */
	const char *address; /* without the port */
	const char *issuer;  /* https: the thumbprint */
	struct slice path;
	bool https;
	uint16_t port;
};
unsigned wef_receive(struct wef *w, const struct wef_peer *peer, const struct soap_msg *msg,
		     size_t *taken, bool *ret_wait, struct err *err);

#endif

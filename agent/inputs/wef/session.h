/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/session.h: one connection of a client, for the files that serve it:
 *   session.c   its life, and bytes into requests
 *   who.c       who the client is: certificate or ticket
 *   answer.c    answers, as the client must get them
 *   wait.c      what waits: for room, for the disk
 * States:  READING (a head) -> FOR_ROOM, until the body may be read -> READING (the body) ->
 *          FOR_SPOOL, while that takes nothing -> FOR_DISK, until all is durable -> READING;
 *          each wait only where it is needed; any -> CLOSING.
 *          A client sends one request and waits, so nothing is read while it waits. */
#ifndef VARTIO_WEF_SESSION_H
#define VARTIO_WEF_SESSION_H

#include "agent/inputs/wef/wef.h"

enum session_state { READING, FOR_ROOM, FOR_SPOOL, FOR_DISK, CLOSING };

struct session {
	struct wef *wef;
	struct session *prev, *next; /* of all */
	struct session *later;       /* FOR_...: the next one of these */
	struct wire *wire;
	struct wef_door *door;
	enum session_state state;
	struct krb_context *cx;
	enum mime_scheme scheme;
	struct http_head head; /* its slices: only while the request is served */
	size_t head_n, need;   /* bytes of the head, and of the request; 0: it is not there yet */
	size_t room;           /* what of it counts in wef->room_used */
	bool spent;        /* the request was answered, and its bytes are still to be passed over */
	uint64_t since_ms; /* loop time when the request, or the waiting, began; 0: neither */
	uint64_t mark;     /* FOR_DISK: how far the disk must be */
	struct buf answer; /* FOR_DISK: the SOAP text */
	struct buf text, path; /* FOR_SPOOL: a message of which a part was taken, */
	size_t taken;          /* so many events */
	char issuer[WEF_THUMBPRINT_LEN + 1];
	char client[WEF_CLIENT_MAX]; /* "": not authenticated */
	char address[INET6_ADDRSTRLEN];
};

/* session.c */
void session_warn(struct session *s, const struct err *why);
void session_message(struct session *s); /* serves s->wef->text, from s->taken on */

/* who.c */
int session_verify(struct wire *l, gnutls_x509_crt_t peer, struct err *err);
void session_authenticate(struct session *s);

/* answer.c: each ends the request. */
void answer_with(struct session *s, const struct http_answer *a, struct slice body);
void answer_status(struct session *s, unsigned status);
void answer_refuse(struct session *s, unsigned status, const struct err *why); /* and closes */
void answer_soap(struct session *s, unsigned status, struct slice text); /* text: for 200, UTF-8 */

/* wait.c */
bool wait_room(struct session *s);      /* whether s->need may be read now; else it waits */
void wait_give_room(struct session *s); /* and those who wait for it go on */
void wait_spool(struct session *s);     /* until the spool takes more */
bool wait_is_long(
	const struct wef *w);       /* the spool has taken nothing for long: no use in waiting */
void wait_disk(struct session *s);  /* answers w->reply when the disk is that far */
void wait_leave(struct session *s); /* waits for nothing, holds no room */
void wait_sweep(struct session *s, uint64_t now);

#endif

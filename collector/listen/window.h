/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/window.h: the bytes of a sender into whole windows, and a foreign window into
 * blocks. Pure: no clock, no sockets, no state but the struct; what a hostile sender can do to the
 * collector's memory ends here.
 * Our own agents: `W n`, then one `C` frame that holds `J` 1..n, the first with @metadata.vartio.
 * Foreign senders (Filebeat, Winlogbeat, Logstash's and go-lumber's clients): `W n`, then n `J`
 * frames, bare or in any number of `C` frames; their numbers are not looked at. */
#ifndef VARTIO_LISTEN_WINDOW_H
#define VARTIO_LISTEN_WINDOW_H

#include "common/net/batch.h"

#define WINDOW_FRAME_MAX    (2u << 20)   /* bytes of one frame as it comes; `C`: compressed */
#define WINDOW_OWN_MAX      (1u << 20)   /* inflated bytes of an own block */
#define WINDOW_FOREIGN_MAX  (8u << 20)   /* inflated bytes of a foreign window */
#define WINDOW_EVENT_MAX    (1u << 20)   /* one event's JSON */
#define WINDOW_FRAME_KEPT   (4u << 20)   /* inflated bytes of a window that is kept as it came */
#define WINDOW_BLOCK_BYTES  (256u << 10) /* a foreign block closes when it holds this many */
#define WINDOW_BLOCK_EVENTS 2048u
#define WINDOW_HEADER_MAX   16u /* a frame's bytes before its payload */

struct window { /* zeroed: between windows */
	uint32_t announced, got;
	struct buf frames; /* a foreign window's events so far, as `J` frames */
	size_t usual;      /* kept between windows: bytes that the last `C` frame held inflated */
};
enum window_kind {
	WINDOW_NONE,
	WINDOW_OWN,
	WINDOW_FOREIGN,
	WINDOW_FRAME /* a foreign one that is one `C` frame of `J` 1 to n: it may be kept as it came
		      */
};
struct window_whole {
	enum window_kind kind;  /* WINDOW_NONE: nothing is whole yet */
	uint32_t events;        /* the number to acknowledge */
	struct batch_meta meta; /* WINDOW_OWN */
	struct slice payload; /* WINDOW_OWN, WINDOW_FRAME: the `C` payload; points into the input */
	struct slice frames;  /* the same inflated: all of scratch, which may be taken over */
};

/* Takes one frame of in. Bytes used; 0: wait for more; -1: hang up, *err says why (ERR_FULL: a
 * bomb). scratch holds inflated bytes until the next call, of any sender. After a WINDOW_FOREIGN
 * the events stand in w->frames until window_reset. */
ssize_t window_feed(struct window *w, struct slice in, struct buf *scratch,
		    struct window_whole *ret, struct err *err);
/* A WINDOW_FRAME that shall not be kept as it came becomes a WINDOW_FOREIGN. */
int window_unframe(struct window *w, struct window_whole *ret, struct err *err);
void window_reset(struct window *w); /* ready for the next one; keeps no memory */

struct window_split {
	/* Appends the event as one ECS JSON object. -1: *err. */
	int (*ecs)(void *arg, struct slice json, struct buf *out, struct err *err);
	/* Takes a block: `events` of them in frames (`J` 1..events; lent), and in payload (the same
	 * as a zlib stream; lent). */
	int (*block)(void *arg, uint32_t events, struct slice frames, struct slice payload,
		     struct err *err);
	void *arg;
	int level; /* zlib, 1 to 9 */
};
/* Makes blocks of a foreign window's events, in order. -1: ecs or block said so, or no memory. */
int window_split(const struct window *w, const struct window_split *sp, struct err *err);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/lumberjack.h: the Lumberjack v2 (Beats) frames: `W` window, `J` JSON event, `C` zlib
 * of frames, `A` acknowledgement. All numbers are big-endian, 32 bits. A sequence counts within a
 * window from 1. Checked against go-lumber 0.1.1.
 * Parsers: bytes in, slices out; they keep no state and assume no NUL. */
#ifndef VARTIO_NET_LUMBERJACK_H
#define VARTIO_NET_LUMBERJACK_H

#include "common/base/buf.h"

#define LJ_WINDOW_MAX 65536u /* events a window may announce */

enum lj_kind { LJ_WINDOW = 'W', LJ_JSON = 'J', LJ_COMPRESSED = 'C', LJ_ACK = 'A' };

struct lj_frame {
	enum lj_kind kind;
	uint32_t number;      /* W: events that follow; J and A: sequence */
	struct slice payload; /* J: the JSON text; C: the zlib stream. Points into the input */
};

/* Bytes used; 0: wait for more; -1: not Lumberjack v2, or longer than max: hang up (*err). */
ssize_t lj_next(struct slice in, size_t max, struct lj_frame *ret, struct err *err);
void lj_put_window(struct buf *out, uint32_t events);
void lj_put_json(struct buf *out, uint32_t seq, struct slice json);
void lj_put_ack(struct buf *out, uint32_t seq);
void lj_put_compressed(struct buf *out, struct slice zlib_stream); /* header and payload */
/* Compresses frames into one whole `C` frame appended to out. level 1..9. */
int lj_compress(struct buf *out, struct slice frames, int level, struct err *err);
/* Inflates a `C` payload, appending at most max bytes to out. ERR_SYNTAX: not zlib, cut short or
 * bytes behind it; ERR_FULL: more than max (a bomb). out is as before when it fails. Room that out
 * has is tried first: inflating begins anew where it is not enough. */
int lj_inflate(struct slice payload, size_t max, struct buf *out, struct err *err);

#endif

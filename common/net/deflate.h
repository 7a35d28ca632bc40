/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/deflate.h: whole buffers into zlib streams (RFC 1950), by whichever library does it
 * cheapest at a level. Level 1 is ISA-L's, where it was there at build: for our JSON a seventh of
 * what libdeflate costs at level 3, and a tenth more bytes. Levels 2 to 9 are libdeflate's.
 * Thread: any. */
#ifndef VARTIO_NET_DEFLATE_H
#define VARTIO_NET_DEFLATE_H

#include "common/base/buf.h"

/* Appends one zlib stream of in. -1 with ERR_NOMEM; then out is as it was. */
int deflate_put(struct buf *out, struct slice in, int level, struct err *err);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/framing.h: syslog messages out of a byte stream (RFC 6587), both framings, decided
 * for each frame by its first byte:
 *   a digit 1-9 begins MSG-LEN SP SYSLOG-MSG (3.4.1, octet counting); digits that no space follows
 *   begin a plain line, since senders exist that send lines without PRI;
 *   anything else begins a message that ends with LF or NUL (3.4.2, non-transparent framing).
 * Spaces, CR, LF and NUL between frames are passed over.
 * No copying; the only state is what is left to skip of a message that was cut. */
#ifndef VARTIO_INPUTS_FRAMING_H
#define VARTIO_INPUTS_FRAMING_H

#include "common/base/slice.h"

#define FRAMING_LEN_MAX ((size_t)64 << 20) /* a larger MSG-LEN is no message but a mistake */

struct framing {        /* a zeroed struct is a fresh stream, but for max */
	size_t max;     /* longer messages are cut at this many bytes, the rest skipped */
	size_t skip;    /* bytes of a counted message still to skip */
	bool skip_line; /* skipping to the end of a line */
};
struct frame {
	struct slice msg; /* points into in; without its trailer; never empty when have is set */
	bool have;        /* false: the bytes used held no message (skipped, blank) */
	bool cut;         /* longer than max, or the stream ended inside it */
};

/* Bytes used of in (ret is set); 0: wait for more, at most max + FRAMING_HEAD_MAX are needed;
 * -1: a length that cannot be, hang up. end: the stream has ended, so what is left is a message. */
#define FRAMING_HEAD_MAX 16u
ssize_t framing_next(struct framing *fr, struct slice in, bool end, struct frame *ret);

#endif

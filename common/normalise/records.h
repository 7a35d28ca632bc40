/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/records.h: records out of a stream of bytes: lines, and Windows events, which
 * may take several lines or share one (winxml_split.h). What comes out does not depend on how the
 * bytes came in. No copying; memory is the caller's buffer. Thread: the caller's. */
#ifndef VARTIO_NORMALISE_RECORDS_H
#define VARTIO_NORMALISE_RECORDS_H

#include "common/normalise/winxml_split.h"

struct records {       /* a zeroed struct, but for max and winxml, is the start of a stream */
	size_t max;    /* longer lines and events are cut here, and the rest of them skipped */
	bool winxml;   /* Windows events are looked for */
	bool skipping; /* the rest of a line that was cut */
	bool mid_line; /* something that was used stands before this on its line */
	struct winxml_split split;
};
struct record {
	struct slice text; /* points into in; a line without its end */
	bool have;         /* false: the bytes used held none (blank, skipped, a root's tag) */
	bool cut;
};

/* Bytes used of in (ret is set); 0: wait for more, which does not happen where end says that no
 * more comes and in is not empty. A buffer of max and RECORDS_MORE bytes is always enough. */
#define RECORDS_MORE (4096u + 256)
size_t records_next(struct records *rc, struct slice in, bool end, struct record *ret);

#endif

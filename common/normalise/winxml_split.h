/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/winxml_split.h: where Windows events begin and end in a stream of bytes: one a
 * line, or over several lines; alone, or in a root element, with an XML declaration before it.
 * It only finds the ends; normalise() reads what lies between. No copying; memory is the caller's
 * buffer, of at most `max` bytes and the little that WINXML_LOOK_MAX says.
 * Promise: an event that is cut off does not take the next one with it, where that begins on a line
 * of its own, no further in than the first. Thread: the caller's. */
#ifndef VARTIO_NORMALISE_WINXML_SPLIT_H
#define VARTIO_NORMALISE_WINXML_SPLIT_H

#include "common/base/slice.h"

/* Bytes before the first event in which its declaration, comments and root are looked for. Few,
 * since a file of another format may make us look at them again at each of its lines. */
#define WINXML_LOOK_MAX 4096u

struct winxml_split {   /* a zeroed struct, but for max, is the start of a stream */
	size_t max;     /* a longer event is cut here, and the rest of it skipped */
	size_t at;      /* how far the event at the buffer's start has been looked at */
	unsigned depth; /* elements open there */
	size_t indent;  /* blanks before the event on its line; SIZE_MAX: more than blanks */
	bool doctype;   /* a document type stands in front of the event */
	bool inside;    /* in an event, or in a document type in front of one */
	bool skipping;  /* the rest of an event that was cut */
	/* The stream has had a line or an event: what opens now is no root, unless it is called
	 * Events or a declaration stands before it. */
	bool begun;
	char root[64]; /* the root element's name; "": none is open */
};
struct winxml_piece {
	struct slice text; /* points into in */
	bool have;    /* false: the bytes used held no event (a declaration, the root's tags) */
	bool cut;     /* longer than max */
	bool doctype; /* it begins with a document type */
};

/* in begins where an event may begin; column: how many blanks stand before it on its line,
 * SIZE_MAX: something else does. Bytes used of in (ret is set); 0: wait for more, where !end; -1:
 * not an event, the line is of another format. */
ssize_t winxml_split_next(struct winxml_split *sp, struct slice in, size_t column, bool end,
			  struct winxml_piece *ret);
/* Whether winxml_split_next would say -1 at once. */
bool winxml_split_wants(const struct winxml_split *sp, struct slice in);
struct slice winxml_skip_blanks(struct slice in);
/* "<Event" of any namespace, and not "<EventData": bytes of it, up to what follows the name. 0:
 * not. */
size_t winxml_event_tag(struct slice in);

#endif

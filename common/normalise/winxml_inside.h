/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/winxml_inside.h: what the files of the Windows event reader share. Two readers,
 * winxml_quick.c and expat (winxml_expat.c), tell winxml_values.c what they find, which sets
 * fields.
 */
#ifndef VARTIO_NORMALISE_WINXML_INSIDE_H
#define VARTIO_NORMALISE_WINXML_INSIDE_H

#include "common/base/buf.h"
#include "common/normalise/winxml.h"

#define MORE_THAN_ONE "there is more than one event in the record"

enum part { PART_NONE, PART_SYSTEM, PART_DATA, PART_USER, PART_OTHER, PART_RENDERING, PART_ERROR };

struct attribute {
	struct slice name;  /* borrowed for the call */
	struct slice value; /* as long as the event lives */
};

/* A place in the event, and what the value that belongs there is. */
enum place_kind {
	PLACE_TEXT,
	PLACE_NUMBER,  /* left out where it is 0, as Winlogbeat does */
	PLACE_NUMBER0, /* 0 means something */
	PLACE_TIME,
	PLACE_MESSAGE, /* lines */
};
struct place {
	struct slice element, attribute; /* attribute empty: the element's text */
	enum ecs id, also;
	enum place_kind kind;
};
struct level {
	struct slice name; /* the value's dotted name; empty: none */
	bool named;        /* by a Name attribute */
	bool list;         /* an unnamed Data: written as a list */
	bool parent;       /* has child elements */
};

/* What has been read of the event so far. */
struct reading {
	struct event *ev;
	const char *why; /* why it was stopped, or NULL */
	bool full;       /* a bound was the reason */
	bool done;       /* the Event element has ended */
	unsigned depth, elements, values;
	enum part part;
	const struct place *place; /* System, RenderingInfo: what the text is */
	bool collect;              /* the text here is a value */
	bool owned;                /* value lives in joined */
	struct slice value;        /* the text so far */
	struct buf joined;         /* of a value that came in several pieces; kept between events */
	struct level level[WINXML_DEPTH_MAX];
};

/* winxml_values.c. false: to be stopped, why tells. */
void reading_begin(struct reading *rd, struct event *ev);
bool reading_start(struct reading *rd, struct slice element, const struct attribute *atts,
		   unsigned n);
bool reading_end(struct reading *rd);
/* lasting: s lives as long as the event. */
void reading_text(struct reading *rd, struct slice s, bool lasting);
/* prefix and name without its spaces, cut to what a name may be, in mem. */
struct slice winxml_dotted(struct arena *mem, struct slice prefix, struct slice name);

/* winxml_quick.c: the XML that Windows writes, and no more of it: elements, attributes, text, the
 * five entities and character references; no comments, no CDATA, no names beyond ASCII. true: in is
 * one well-formed element, read whole, as expat would. false: it may be anything; *rd is of no use.
 */
bool winxml_quick(struct reading *rd, struct slice in);

/* winxml_expat.c. in: UTF-8, only characters that XML allows, no document type. */
struct expat;
struct expat *expat_new(void);
void expat_free(struct expat *x);
bool expat_read(struct expat *x, struct reading *rd, struct slice in, struct err *err);

/* winxml_fields.c */
/* An element of System: sets what its attributes say. What its text is to winxml_put; NULL:
 * nothing.
 */
const struct place *winxml_system(struct event *ev, struct slice element,
				  const struct attribute *atts, unsigned n);
const struct place *winxml_rendering(struct slice element);
void winxml_put(struct event *ev, const struct place *p, struct slice v); /* v is borrowed */
/* Level, opcode, keywords, task by their numbers; event.outcome. Once, when all has been read. */
void winxml_names(struct event *ev);

/* winxml_clean.c: in as XML 1.0 allows it: what is not UTF-8, a character that XML forbids, and a
 * reference to one become U+FFFD each. *ret is in itself where nothing had to be replaced, else a
 * copy in mem. Returns how many were; -1: no memory. */
ssize_t winxml_clean(struct arena *mem, struct slice in, struct slice *ret);

#endif

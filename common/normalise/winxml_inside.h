/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/winxml_inside.h: what the files of the Windows event reader share. */
#ifndef VARTIO_NORMALISE_WINXML_INSIDE_H
#define VARTIO_NORMALISE_WINXML_INSIDE_H

#include "common/normalise/winxml.h"

/* winxml_fields.c */
struct place;
/* An element of System: sets what its attributes say. What its text is to winxml_put; NULL:
 * nothing. */
const struct place *winxml_system(struct event *ev, const char *element, const char **attributes);
const struct place *winxml_rendering(const char *element);
void winxml_put(struct event *ev, const struct place *p, struct slice v); /* v is borrowed */
/* Level, opcode, keywords, task by their numbers; event.outcome. Once, when all has been read. */
void winxml_names(struct event *ev);

/* winxml_clean.c: in as XML 1.0 allows it: what is not UTF-8, a character that XML forbids, and a
 * reference to one become U+FFFD each. *ret is in itself where nothing had to be replaced, else a
 * copy in mem. Returns how many were; -1: no memory. */
ssize_t winxml_clean(struct arena *mem, struct slice in, struct slice *ret);

#endif

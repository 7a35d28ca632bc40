/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/winxml.h: one Windows event as XML (the schema of namespace
 * http://schemas.microsoft.com/win/2004/08/events/event) into winlog.* as Winlogbeat 8 names it,
 * and the few ECS fields that it sets itself. docs/fields.md tells where we differ, and why. May
 * touch:  memory. Expat reads; entities cannot be declared, so nothing grows. Bounds:     the
 * constants below; what is past them is a pipeline_error, the record kept raw. */
#ifndef VARTIO_NORMALISE_WINXML_H
#define VARTIO_NORMALISE_WINXML_H

#include "common/event/event.h"

/* An event of the real world is below 64 KiB (the service's own limit), nests 4 deep below Event,
 * and has some 30 elements with at most 3 attributes; ten times that is not an event but an attack.
 */
#define WINXML_BYTES_MAX      (4u * 1024 * 1024)
#define WINXML_DEPTH_MAX      32u
#define WINXML_ELEMENTS_MAX   4096u
#define WINXML_ATTRIBUTES_MAX 64u
#define WINXML_NAME_MAX       256u /* bytes of a value's name; longer ones are cut */
#define WINXML_VALUES_MAX     200u /* leaves places among EVENT_FIELDS_MAX for what is not data */

struct winxml;
struct winxml *winxml_new(void); /* NULL: out of memory */
void winxml_free(struct winxml *x);
/* Fills ev. in is borrowed as long as ev lives. false: not one whole event, *err tells; what was
 * read up to there is in ev. ERR_SYNTAX, ERR_FULL a bound above, ERR_NOMEM. */
bool winxml_read(struct winxml *x, struct slice in, struct event *ev, struct err *err);
/* For tests: expat reads every event, the quick reader none. */
void winxml_slow(struct winxml *x, bool slow);
/* Whether a record begins as a Windows event, or its declaration, does. */
bool winxml_begins(struct slice in);

#endif

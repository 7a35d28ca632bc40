/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/carry.h: places follow what they are places in. An input's places are kept under its id;
 * when the settings give it another id, or give what it read to another input, they would be under
 * a name that nobody asks for, and all would be sent again. So before inputs open, a place in what
 * its own input does not read any more goes to each input of its kind that reads it and has none in
 * it. One that goes to none stays where it is, for an input that is removed and added again. */
#ifndef VARTIO_AGENT_CARRY_H
#define VARTIO_AGENT_CARRY_H

#include "agent/config.h"

/* Tells each input that got places, by its id, how many and from which. The inputs are closed.
 * What is carried is in one record of the spool: all of it is on disk at some time, or nothing.
 * -1: no memory; a part is in the spool's open block, so end without spool_close: nothing of it is
 * stored, and the next start carries all. */
int carry_places(const struct config *cf, struct spool *sp,
		 void (*tell)(void *arg, const char *id, const char *text), void *arg,
		 struct err *err);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/carry.h: places follow what they are places in. An input's places are kept under its id;
 * when the settings give it another id, or give what it read to another input, they would be under
 * a name that nobody asks for, and all would be sent again. So before inputs open, a place in what
 * its own input does not read any more goes to each input of its kind that reads it and has none in
 * it. */
#ifndef VARTIO_AGENT_CARRY_H
#define VARTIO_AGENT_CARRY_H

#include "agent/config.h"

/* Tells each input that got places, by its id, how many and from which. The inputs are closed.
 * -1: no memory; a part may have been carried, and the next call goes on. */
int carry_places(const struct config *cf, struct spool *sp,
		 void (*tell)(void *arg, const char *id, const char *text), void *arg,
		 struct err *err);

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/doubles.h: files that the settings name twice. Two inputs that read one file send each of
 * its lines twice; within one input the file is read once. */
#ifndef VARTIO_AGENT_DOUBLES_H
#define VARTIO_AGENT_DOUBLES_H

#include "agent/config.h"

enum doubles_of { DOUBLES_ALL, DOUBLES_BETWEEN /* inputs only */ };

/* Tells of each pair of settings that name one file, once, by the id of the input that is to be
 * changed. What stands in folders is asked now. -1: no memory. */
int doubles_find(const struct config *cf, enum doubles_of which,
		 void (*tell)(void *arg, const char *id, const struct err *err), void *arg,
		 struct err *err);

#endif

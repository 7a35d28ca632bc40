/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/contact_commands.h: for the list in collector/commands.c. */
#ifndef VARTIO_ALERT_CONTACT_COMMANDS_H
#define VARTIO_ALERT_CONTACT_COMMANDS_H

#include "collector/command.h"

extern const struct command command_contact_add, command_contact_list, command_contact_test;

#endif

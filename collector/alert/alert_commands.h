/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/alert_commands.h: for the list in collector/commands.c. */
#ifndef VARTIO_ALERT_ALERT_COMMANDS_H
#define VARTIO_ALERT_ALERT_COMMANDS_H

#include "collector/command.h"

extern const struct command command_alerts_list, command_alerts_show, command_alerts_ack,
	command_alerts_close, command_alerts_verify;

#endif

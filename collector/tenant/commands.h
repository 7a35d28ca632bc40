/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/commands.h: for the list in collector/commands.c. */
#ifndef VARTIO_TENANT_COMMANDS_H
#define VARTIO_TENANT_COMMANDS_H

#include "collector/command.h"

extern const struct command command_tenant_add, command_tenant_list, command_token_create,
	command_agent_list, command_agent_revoke, command_agent_certify;

#endif

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/commands.c: every subcommand but `run`. A new one is a line here. */
#include "collector/alert/alert_commands.h"
#include "collector/alert/contact_commands.h"
#include "collector/detect/commands.h"
#include "collector/tenant/commands.h"

/* One line a command. */
/* clang-format off */
const struct command *const commands[] = {
	&command_tenant_add,
	&command_tenant_list,
	&command_token_create,
	&command_agent_list,
	&command_agent_revoke,
	&command_agent_certify,
	&command_contact_add,
	&command_contact_list,
	&command_contact_test,
	&command_rules_check,
	&command_rules_test,
	&command_detect,
	&command_alerts_list,
	&command_alerts_show,
	&command_alerts_ack,
	&command_alerts_close,
	&command_alerts_verify,
	NULL,
};
/* clang-format on */

/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/main.c: every subcommand is a row of collector/commands.c. */
#include "collector/command.h"

int main(int argc, char **argv)
{
	return command_main(argc, argv);
}

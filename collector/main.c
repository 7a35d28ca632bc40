/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/main.c: `run` is the daemon; every other subcommand is a row of commands.c. */
#include <string.h>

#include "collector/command.h"
#include "collector/run.h"

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "run") == 0)
		return collector_run(argc - 1, argv + 1);
	return command_main(argc, argv);
}

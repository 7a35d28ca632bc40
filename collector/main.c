/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/main.c: `run` is the daemon; every other subcommand is a row of commands.c. */
#include <string.h>

#include "collector/command.h"
#include "collector/run.h"

/* The place of the first word that is no "--config FILE" or "--config=FILE". */
static int first_word(int argc, char **argv)
{
	int i = 1;

	while (i < argc && strncmp(argv[i], "--config", 8) == 0)
		i += argv[i][8] == '=' ? 1 : 2;
	return i;
}

int main(int argc, char **argv)
{
	int at = first_word(argc, argv);

	if (at >= argc || strcmp(argv[at], "run") != 0)
		return command_main(argc, argv);
	memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof(*argv)); /* `run` takes argv[1] */
	return collector_run(argc - 1, argv + 1);
}

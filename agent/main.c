/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/main.c: the table of subcommands, and nothing else. */
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"

/* One line a command. */
/* clang-format off */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} subcommands[] = {
	{ "run", agent_run },
	{ "enrol", agent_enrol },
	{ "check", agent_check },
	{ "status", agent_status },
	{ "normalise", agent_normalise },
	{ NULL, NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && subcommands[i].name != NULL; i++)
		if (strcmp(argv[1], subcommands[i].name) == 0)
			return subcommands[i].run(argc - 1, argv + 1);
	fputs("usage: vartio-agent run | enrol | check | status | normalise\n", stderr);
	return 2;
}

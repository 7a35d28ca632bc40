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
	{ "wef", agent_wef },
	{ NULL, NULL },
};
/* clang-format on */

/* "--config FILE" may stand before the subcommand: it goes behind it. */
static void config_last(int argc, char **argv)
{
	char *option = argv[1], *value;

	if (argc > 2 && strncmp(option, "--config=", 9) == 0) {
		memmove(argv + 1, argv + 2, (size_t)(argc - 2) * sizeof(*argv));
		argv[argc - 1] = option;
	} else if (argc > 3 && strcmp(option, "--config") == 0) {
		value = argv[2];
		memmove(argv + 1, argv + 3, (size_t)(argc - 3) * sizeof(*argv));
		argv[argc - 2] = option;
		argv[argc - 1] = value;
	}
}

int main(int argc, char **argv)
{
	if (argc > 1)
		config_last(argc, argv);
	for (size_t i = 0; argc > 1 && subcommands[i].name != NULL; i++)
		if (strcmp(argv[1], subcommands[i].name) == 0)
			return subcommands[i].run(argc - 1, argv + 1);
	fputs("usage: vartio-agent [--config FILE] run | enrol | check | status | normalise | "
	      "wef\n",
	      stderr);
	return 2;
}

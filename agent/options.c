/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/options.h"

#include <stdio.h>
#include <string.h>

static void take(int *argc, char **argv, int at, int n)
{
	for (int i = at; i + n <= *argc; i++) /* the NULL at the end moves along */
		argv[i] = argv[i + n];
	*argc -= n;
}

bool options_flag(int *argc, char **argv, const char *name)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], name) == 0) {
			take(argc, argv, i, 1);
			return true;
		}
	}
	return false;
}

const char *options_value(int *argc, char **argv, const char *name)
{
	size_t n = strlen(name);
	const char *v;

	for (int i = 1; i < *argc; i++) {
		if (strncmp(argv[i], name, n) != 0)
			continue;
		if (argv[i][n] == '=') {
			v = argv[i] + n + 1;
			take(argc, argv, i, 1);
			return v;
		}
		if (argv[i][n] == '\0' && i + 1 < *argc) {
			v = argv[i + 1];
			take(argc, argv, i, 2);
			return v;
		}
	}
	return NULL;
}

int options_usage(const char *usage, const char *reason)
{
	fprintf(stderr, "vartio-agent: %s\nusage: vartio-agent %s [--config FILE]\n", reason,
		usage);
	return 2;
}

int options_config(int *argc, char **argv, const char *usage, struct config *ret)
{
	const char *path = options_value(argc, argv, "--config");
	char reason[128];
	struct err err;

	if (*argc > 1) {
		snprintf(reason, sizeof(reason), "unknown argument %.100s", argv[1]);
		return options_usage(usage, reason);
	}
	if (config_load(path, ret, &err) == 0)
		return 0;
	fprintf(stderr, "vartio-agent: %s\n", err.msg);
	return 1;
}

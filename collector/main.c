/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/main.c: `run` starts the daemon, everything else is a command. */
#include <stdio.h>

int main(void)
{
	fputs("usage: vartio-collector run | COMMAND\n", stderr);
	return 2;
}
